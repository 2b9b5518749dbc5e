#!/usr/bin/env python3
"""A stand-in for `gh api` on the few routes that .github/release/pin.sh uses, over the bare git repository GH_REPOSITORY.

Answers as GitHub's API does: creating a ref that exists is refused (422), so is moving one without `force`.
"""

import json
import os
import subprocess
import sys

REPOSITORY = os.environ["GH_REPOSITORY"]


def git(*arguments, text=None, environment=None):
    done = subprocess.run(
        ["git", "-C", REPOSITORY, *arguments],
        input=text,
        capture_output=True,
        text=True,
        env={**os.environ, **(environment or {})},
    )
    if done.returncode:
        refuse(f"HTTP 404: {done.stderr.strip()}")
    return done.stdout.strip()


def refuse(message):
    print(f"gh: {message}", file=sys.stderr)
    sys.exit(1)


def refs(prefix):
    names = git("for-each-ref", "--format=%(refname)", "refs/tags").splitlines()
    return [{"ref": name} for name in names if name.startswith(f"refs/tags/{prefix}")]


def commit_of(name):
    return git("rev-parse", "--verify", f"{name}^{{commit}}")


def new_tree(body):
    index = {"GIT_INDEX_FILE": os.path.join(REPOSITORY, "index.tmp")}
    git("read-tree", body["base_tree"], environment=index)
    for entry in body["tree"]:
        blob = git("hash-object", "-w", "--stdin", text=entry["content"])
        git("update-index", "--add", "--cacheinfo", f"{entry['mode']},{blob},{entry['path']}", environment=index)
    return {"sha": git("write-tree", environment=index)}


def new_commit(body):
    parents = [word for parent in body["parents"] for word in ("-p", parent)]
    return {"sha": git("commit-tree", body["tree"], *parents, "-m", body["message"])}


def answer(method, route, body):
    parts = route.partition("repos/octo/mlgate/")[2].split("/")
    match (method, parts):
        case "GET", ["git", "matching-refs", "tags", prefix]:
            return refs(prefix)
        case "GET", ["commits", name]:
            sha = commit_of(name)
            parents = git("rev-list", "--parents", "-n", "1", sha).split()[1:]
            return {"sha": sha, "parents": [{"sha": parent} for parent in parents]}
        case "GET", ["git", "commits", sha]:
            return {"tree": {"sha": git("rev-parse", f"{sha}^{{tree}}")}}
        case "POST", ["git", "trees"]:
            return new_tree(body)
        case "POST", ["git", "commits"]:
            return new_commit(body)
        case "POST", ["git", "refs"]:
            if body["ref"] in [known["ref"] for known in refs("")]:
                refuse("Reference already exists (HTTP 422)")
            git("update-ref", body["ref"], body["sha"])
            return {}
        case "PATCH", ["git", "refs", "tags", name]:
            if body.get("force") is not True:
                refuse("Update is not a fast forward (HTTP 422)")
            git("update-ref", f"refs/tags/{name}", body["sha"])
            return {}
    refuse(f"HTTP 404: {method} {route} is not known to this stand-in")


def main():
    arguments = iter(sys.argv[1:])
    if next(arguments, None) != "api":
        refuse("only `gh api` is known to this stand-in")
    method, route, query, raw, silent, body = None, None, None, False, False, {}
    for word in arguments:
        match word:
            case "--paginate":
                pass
            case "--silent":
                silent = True
            case "-X":
                method = next(arguments)
            case "--jq":
                query = next(arguments)
            case "-H":
                raw = "raw" in next(arguments)
            case "--input":
                next(arguments)
                body = json.load(sys.stdin)
            case "-f" | "-F":
                key, _, value = next(arguments).partition("=")
                body[key] = value == "true" if word == "-F" else value
            case _:
                route = word
    if raw:
        path, _, commit = route.partition("/contents/")[2].partition("?ref=")
        sys.stdout.write(git("show", f"{commit}:{path}") + "\n")
        return
    result = answer(method or ("POST" if body else "GET"), route, body)
    if query:
        done = subprocess.run(["jq", "-r", query], input=json.dumps(result), text=True, check=True, capture_output=True)
        sys.stdout.write(done.stdout)
    elif not silent:
        print(json.dumps(result))


main()
