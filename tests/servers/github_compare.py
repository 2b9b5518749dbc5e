"""What GitHub does when two commits are compared: docs.github.com/en/rest/commits/commits#compare-two-commits."""

from github_play import Answer, not_found, page, plays
from github_routes import as_commit
from github_state import git_blob

# More files than this are not listed, on whatever page.
MOST_FILES = 300


@plays("repos/compare-commits-with-basehead", "per_page", "page", needs=("contents",))
def compare(repository, call):
    names = call.parameters["basehead"].split("...")
    base, head = map(repository.sha_of, names) if len(names) == 2 else (None, None)
    if base is None or head is None:
        return not_found(call)
    ahead, before = repository.history(head), repository.history(base)
    merge_base = next((sha for sha in ahead if sha in before), None)
    if merge_base is None:
        return not_found(call)
    commits = [sha for sha in reversed(ahead) if sha not in before]
    behind = [sha for sha in before if sha not in ahead]
    shown, headers = page(repository, call, commits)
    document = {
        "base_commit": as_commit(repository, call, base),
        "merge_base_commit": as_commit(repository, call, merge_base),
        "status": status(commits, behind),
        "ahead_by": len(commits),
        "behind_by": len(behind),
        "total_commits": len(commits),
        "commits": [as_commit(repository, call, sha) for sha in shown],
    }
    if call.query.get("page", "1") == "1":
        document["files"] = changed(repository, merge_base, head, (base, head))[:MOST_FILES]
    return Answer(200, document, headers)


def status(commits, behind):
    if commits and behind:
        return "diverged"
    return "ahead" if commits else "behind" if behind else "identical"


def changed(repository, before, after, ends):
    """Files that differ, and those that a setup says a pull request between these commits has."""
    old, new = repository.files.get(before, {}), repository.files.get(after, {})
    files = {}
    for path in sorted({*old, *new}):
        if path not in new:
            files[path] = {"status": "removed", "sha": git_blob(old[path])}
        elif path not in old:
            files[path] = {"status": "added", "sha": git_blob(new[path])}
        elif old[path] != new[path]:
            files[path] = {"status": "modified", "sha": git_blob(new[path])}
    for pull in repository.pulls.values():
        if (pull["base"]["sha"], pull["head"]["sha"]) == ends:
            for said in pull["files"]:
                files[said["filename"]] = {"status": "modified", "sha": None, **said}
    return [{**file, "filename": path} for path, file in files.items()]
