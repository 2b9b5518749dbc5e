"""What GitHub does when a branch is made or a file written on one: one function an operation."""

import base64
import binascii
import re

from github_play import Answer, addresses, plays, problem, refused
from github_routes import as_commit, as_file, login_of
from github_state import git_blob


@plays("git/create-ref", needs=("contents",))
def create_ref(repository, call):
    ref, sha = call.body["ref"], call.body["sha"]
    if not repository.shas():
        return problem(call, 409, "Git Repository is empty.")
    if wrong := wrong_ref(repository, ref, sha):
        return problem(call, 422, wrong)
    repository.refs[short(ref)] = sha
    url = addresses(repository, call, "git", ref)["url"]
    of = {"type": "commit", "sha": sha, "url": addresses(repository, call, "git/commits", sha)["url"]}
    return Answer(201, {"ref": ref, "url": url, "object": of}, {"Location": url})


def wrong_ref(repository, ref, sha):
    if not re.fullmatch(r"refs/[^/]+/.+", ref):
        return "Reference name must start with 'refs/' and have at least two slashes."
    # What git itself takes for none: git-scm.com/docs/git-check-ref-format.
    if re.search(r"[\x00- ~^:?*\[\\\x7f]|\.\.|@\{|//|/\.|\.lock(/|$)|[./]$", ref):
        return f"{ref} is not a valid ref name."
    if not re.fullmatch(r"[0-9a-f]{40}", sha):
        return "The sha parameter must be exactly 40 characters and contain only [0-9a-f]."
    if sha not in repository.shas():
        return "Object does not exist"
    if repository.head_of(short(ref)) is not None:
        return "Reference already exists"
    # To git a branch is a file, which cannot be a folder too.
    name = short(ref) + "/"
    if any(name.startswith(f"{one}/") or one.startswith(name) for one in repository.refs):
        return "Reference update failed"
    return None


def short(ref):
    """A ref by the name that a setup gives it."""
    return ref.removeprefix("refs/").removeprefix("heads/")


@plays("repos/create-or-update-file-contents", needs=("contents",))
def write_file(repository, call):
    branch = call.body.get("branch", repository.default_branch)
    before = repository.head_of(branch)
    if before is None:
        return problem(call, 404, f"Branch {branch} not found")
    path = call.parameters["path"]
    if any(part in ("", ".", "..", ".git") for part in path.split("/")):
        return problem(call, 422, "path contains a malformed path component")
    try:
        data = base64.b64decode(call.body["content"], validate=True)
    except (binascii.Error, ValueError):
        return problem(call, 422, "content is not valid Base64")
    there = repository.files.get(before, {}).get(path)
    if there is not None and "sha" not in call.body:
        # And not 409, which it is for a wrong one: github.com/pome-sh/digital-twins/pull/400 asked GitHub.
        return refused(call, '"sha" wasn\'t supplied.')
    if there is not None and call.body["sha"] != git_blob(there):
        return problem(call, 409, f"{path} does not match {call.body['sha']}")
    commit = repository.write(branch, path, data, call.body["message"])
    content = as_file(repository, call, branch, path, data)
    return Answer(201 if there is None else 200, {"content": content, "commit": written(repository, call, commit)})


def written(repository, call, sha):
    """The commit, as git has it: who wrote it stands in it."""
    commit = as_commit(repository, call, sha)
    login = login_of(repository, call.token)
    by = {"name": login, "email": f"{login}@users.noreply.github.com", "date": repository.now()}
    by |= call.body.get("committer", {})
    document = {"sha": sha, "message": commit["commit"]["message"], "parents": commit["parents"]}
    document |= {"committer": by, "author": by | call.body.get("author", {})}
    return {**document, **addresses(repository, call, "git/commits", sha), "html_url": commit["html_url"]}
