"""What GitHub does when it is asked: one function an operation."""

import base64
import hashlib
import urllib.parse

from github_play import Answer, addresses, not_found, page, plays, problem, refused
from github_state import ACTIONS_APP, git_blob, user_of

MOST_OF_A_COMMENT = 65_536
MOST_OF_A_FILE = 1 << 20

# Comments


def as_comment(repository, call, comment, number):
    where = addresses(repository, call, "issues/comments", comment["id"])
    where["html_url"] = f"{call.origin}/{repository.name}/pull/{number}#issuecomment-{comment['id']}"
    where["issue_url"] = f"{call.origin}/repos/{repository.name}/issues/{number}"
    return {**comment, **where, "author_association": "NONE"}


def too_long(call):
    if len(call.body["body"]) <= MOST_OF_A_COMMENT:
        return None
    message = f"body is too long (maximum is {MOST_OF_A_COMMENT} characters)"
    error = {"resource": "IssueComment", "code": "custom", "field": "body", "message": message}
    return problem(call, 422, "Validation Failed", [error])


@plays("issues/list-comments", "since", "per_page", "page", needs=("issues", "pull-requests"))
def list_comments(repository, call):
    number = call.number("issue_number")
    if number not in repository.comments:
        return not_found(call)
    since = call.query.get("since", "")
    comments = [comment for comment in repository.comments[number] if comment["updated_at"] >= since]
    shown, headers = page(repository, call, sorted(comments, key=lambda comment: comment["id"]))
    return Answer(200, [as_comment(repository, call, comment, number) for comment in shown], headers)


@plays("issues/create-comment", needs=("issues", "pull-requests"))
def create_comment(repository, call):
    number = call.number("issue_number")
    if number not in repository.comments:
        return not_found(call)
    if answer := too_long(call):
        return answer
    comment = repository.new_comment(call.body["body"], login_of(repository, call.token))
    repository.comments[number].append(comment)
    document = as_comment(repository, call, comment, number)
    return Answer(201, document, {"Location": document["url"]})


@plays("issues/get-comment", needs=("issues", "pull-requests"))
def get_comment(repository, call):
    comment, number = repository.comment(call.number("comment_id"))
    return Answer(200, as_comment(repository, call, comment, number)) if comment else not_found(call)


@plays("issues/update-comment", needs=("issues", "pull-requests"))
def update_comment(repository, call):
    comment, number = repository.comment(call.number("comment_id"))
    if comment is None:
        return not_found(call)
    if answer := too_long(call):
        return answer
    comment |= {"body": call.body["body"], "updated_at": repository.now()}
    return Answer(200, as_comment(repository, call, comment, number))


def login_of(repository, token):
    return repository.tokens.get(token, {}).get("login", repository.viewer)


# Issues


def as_issue(repository, call, issue):
    where = addresses(repository, call, "issues", issue["number"])
    where["html_url"] = f"{call.origin}/{repository.name}/issues/{issue['number']}"
    return {**issue, **where, "comments": len(repository.comments[issue["number"]])}


@plays("issues/list-for-repo", "state", "since", "creator", "per_page", "page", needs=("issues",))
def list_issues(repository, call):
    state, since = call.query.get("state", "open"), call.query.get("since", "")
    creator = call.query.get("creator")
    issues = [
        issue
        for issue in repository.issues.values()
        if state in (issue["state"], "all")
        and issue["updated_at"] >= since
        and creator in (None, issue["user"]["login"])
    ]
    shown, headers = page(repository, call, sorted(issues, key=lambda issue: -issue["number"]))
    return Answer(200, [as_issue(repository, call, issue) for issue in shown], headers)


@plays("issues/create", needs=("issues",))
def create_issue(repository, call):
    issue = repository.new_issue(call.body, login_of(repository, call.token))
    document = as_issue(repository, call, issue)
    return Answer(201, document, {"Location": document["url"]})


@plays("issues/update", needs=("issues",))
def update_issue(repository, call):
    issue = repository.issues.get(call.number("issue_number"))
    if issue is None:
        return not_found(call)
    issue |= {key: call.body[key] for key in ("title", "body", "state", "state_reason") if key in call.body}
    issue["updated_at"] = repository.now()
    issue["closed_at"] = issue["updated_at"] if issue["state"] == "closed" else None
    return Answer(200, as_issue(repository, call, issue))


# Check runs


def as_check_run(repository, call, run):
    where = addresses(repository, call, "check-runs", run["id"])
    where["html_url"] = f"{call.origin}/{repository.name}/runs/{run['id']}"
    output = {name: run["output"][name] for name in ("title", "summary", "text")}
    output["annotations_count"] = len(run["output"]["annotations"])
    output["annotations_url"] = where["url"] + "/annotations"
    details = run["details_url"] or where["html_url"]
    return {**run, **where, "output": output, "details_url": details, "check_suite": {"id": repository.number}}


@plays("checks/create", needs=("checks",))
def create_check_run(repository, call):
    sha = call.body["head_sha"]
    if sha not in repository.shas():
        return refused(call, f"No commit found for SHA: {sha}")
    if call.body.get("status") == "completed" and "conclusion" not in call.body:
        return refused(call, '"conclusion" wasn\'t supplied.')
    run = repository.add_check_run(sha, call.body, ACTIONS_APP)
    document = as_check_run(repository, call, run)
    return Answer(201, document, {"Location": document["url"]})


@plays("checks/update", needs=("checks",))
def update_check_run(repository, call):
    run = repository.check_run(call.number("check_run_id"))
    if run is None:
        return not_found(call)
    if run["app"]["id"] != ACTIONS_APP["id"]:
        message = (
            f"Invalid app_id `{ACTIONS_APP['id']}` - check run can only be modified by the GitHub App that created it."
        )
        return problem(call, 403, message)
    repository.change_check_run(run, call.body)
    return Answer(200, as_check_run(repository, call, run))


@plays("checks/list-for-ref", "check_name", "status", "filter", "app_id", "per_page", "page", needs=("checks",))
def list_check_runs(repository, call):
    sha = repository.sha_of(call.parameters["ref"])
    if sha is None:
        return problem(call, 422, f"No commit found for SHA: {call.parameters['ref']}")
    runs = sorted(repository.check_runs.get(sha, []), key=lambda run: -run["id"])
    if call.query.get("filter", "latest") == "latest":
        names = [(run["name"], run["app"]["id"]) for run in runs]
        runs = [run for index, run in enumerate(runs) if names.index(names[index]) == index]
    for parameter, of in [
        ("check_name", lambda run: run["name"]),
        ("status", lambda run: run["status"]),
        ("app_id", lambda run: str(run["app"]["id"])),
    ]:
        if parameter in call.query:
            runs = [run for run in runs if of(run) == call.query[parameter]]
    shown, headers = page(repository, call, runs)
    documents = [as_check_run(repository, call, run) for run in shown]
    return Answer(200, {"total_count": len(runs), "check_runs": documents}, headers)


# Commits and files


def as_commit(repository, call, sha):
    said = repository.commits.get(sha, {})
    parents = [{"sha": one, **addresses(repository, call, "commits", one)} for one in said.get("parents", [])]
    commit = {"message": said.get("message", ""), "comment_count": 0}
    return {"sha": sha, "parents": parents, "commit": commit, **addresses(repository, call, "commits", sha)}


@plays("repos/get", needs=("metadata",))
def get_repository(repository, call):
    where = {"url": f"{call.origin}/repos/{repository.name}", "html_url": f"{call.origin}/{repository.name}"}
    named = {"name": repository.name.split("/")[1], "full_name": repository.name, "owner": user_of(repository.owner)}
    known = {"id": repository.number, "private": repository.private, "default_branch": repository.default_branch}
    return Answer(200, {**where, **named, **known, "fork": False})


@plays("repos/list-commits", "sha", "path", "per_page", "page", needs=("contents",))
def list_commits(repository, call):
    sha = repository.sha_of(call.query.get("sha"))
    if sha is None:
        return not_found(call)
    commits = repository.history(sha)
    if "path" in call.query:
        commits = [one for one in commits if repository.touches(one, call.query["path"])]
    shown, headers = page(repository, call, commits)
    return Answer(200, [as_commit(repository, call, one) for one in shown], headers)


@plays("repos/get-commit", needs=("contents",))
def get_commit(repository, call):
    sha = repository.sha_of(call.parameters["ref"])
    if sha is None:
        return problem(call, 422, f"No commit found for SHA: {call.parameters['ref']}")
    if call.wants("application/vnd.github.sha"):
        return Answer(200, sha, media_type="application/vnd.github.sha; charset=utf-8")
    return Answer(200, as_commit(repository, call, sha))


def as_file(repository, call, sha, path, data):
    """A file without what is in it; a folder where `data` is None."""
    where = addresses(repository, call, "contents", urllib.parse.quote(path))
    where["url"] += f"?ref={sha}"
    where["html_url"] = f"{call.origin}/{repository.name}/blob/{sha}/{urllib.parse.quote(path)}"
    links = {"self": where["url"], "html": where["html_url"], "git": None}
    name = path.rpartition("/")[2]
    kind, size, blob = ("dir", 0, sha) if data is None else ("file", len(data), git_blob(data))
    elsewhere = {"git_url": None, "download_url": None}
    if data is not None:
        elsewhere["git_url"] = addresses(repository, call, "git/blobs", blob)["url"]
        elsewhere["download_url"] = f"{call.origin}/{repository.name}/raw/{sha}/{urllib.parse.quote(path)}"
        links["git"] = elsewhere["git_url"]
    return {"name": name, "path": path, "sha": blob, "size": size, "type": kind, "_links": links, **where, **elsewhere}


@plays("repos/get-content", "ref", needs=("contents",))
def get_content(repository, call):
    sha = repository.sha_of(call.query.get("ref"))
    if sha is None:
        return problem(call, 404, f"No commit found for the ref {call.query.get('ref')}")
    path = call.parameters["path"].strip("/")
    files = repository.files.get(sha, {})
    if path not in files:
        return get_folder(repository, call, sha, path)
    data = files[path]
    if call.wants("application/vnd.github.raw"):
        return Answer(200, data, media_type="application/vnd.github.raw+json; charset=utf-8")
    document = as_file(repository, call, sha, path, data)
    if len(data) <= MOST_OF_A_FILE:
        # In lines, as mail has it.
        document |= {"encoding": "base64", "content": base64.encodebytes(data).decode()}
    elif call.wants("application/vnd.github.object"):
        document |= {"encoding": "none", "content": ""}
    else:
        return problem(
            call, 403, "This API returns blobs up to 1 MB in size. The requested blob is too large to fetch."
        )
    return Answer(200, document)


def get_folder(repository, call, sha, path):
    files = repository.files.get(sha, {})
    below = [(name, name.removeprefix(path + "/").split("/")) for name in sorted(files) if name.startswith(path + "/")]
    if not below:
        return not_found(call)
    entries = {f"{path}/{parts[0]}": files[name] if len(parts) == 1 else None for name, parts in below}
    listed = [as_file(repository, call, sha, name, data) for name, data in entries.items()]
    if call.wants("application/vnd.github.object"):
        whole = {**as_file(repository, call, sha, path, None), "entries": listed}
        return Answer(200, whole, media_type="application/vnd.github.object; charset=utf-8")
    return Answer(200, listed)


# Pull requests


def as_pull(repository, call, pull):
    number = pull["number"]
    said = {name: value for name, value in pull.items() if name not in ("files", "head", "base")}
    login = said.pop("login", repository.owner)
    document = {"title": f"Pull request {number}", "body": None, "user": user_of(login), **said}
    document["head"] = as_end(repository, call, pull["head"])
    document["base"] = as_end(repository, call, {"repo": repository.name, **pull["base"]})
    document |= addresses(repository, call, "pulls", number)
    document["html_url"] = f"{call.origin}/{repository.name}/pull/{number}"
    return document


def as_end(repository, call, end):
    name = end["repo"]
    if name is None:
        # A fork that is gone.
        return {
            "label": f"ghost:{end['ref']}",
            "ref": end["ref"],
            "sha": end["sha"],
            "repo": None,
            "user": user_of("ghost"),
        }
    owner, _, short = name.partition("/")
    private = repository.private and name == repository.name
    of = {
        "full_name": name,
        "name": short,
        "owner": user_of(owner),
        "fork": name != repository.name,
        "private": private,
    }
    of |= {"url": f"{call.origin}/repos/{name}", "html_url": f"{call.origin}/{name}"}
    if name == repository.name:
        of |= {"id": repository.number, "default_branch": repository.default_branch}
    return {"label": f"{owner}:{end['ref']}", "ref": end["ref"], "sha": end["sha"], "repo": of, "user": user_of(owner)}


@plays("pulls/list", "state", "head", "base", "direction", "per_page", "page", needs=("pull-requests",))
def list_pulls(repository, call):
    pulls = sorted(repository.pulls.values(), key=lambda pull: pull["number"])
    if call.query.get("direction", "desc") == "desc":
        pulls.reverse()
    documents = [as_pull(repository, call, pull) for pull in pulls]
    state = call.query.get("state", "open")
    head = call.query.get("head", "")
    documents = [
        one
        for one in documents
        if state in ("all", one["state"])
        # GitHub does not look at a head without an owner.
        and (":" not in head or one["head"]["label"] == head)
        and call.query.get("base", one["base"]["ref"]) == one["base"]["ref"]
    ]
    for document in documents:
        # Only said of one pull request by itself.
        for name in ("mergeable", "mergeable_state", "merged", "merged_by", "commits", "changed_files"):
            document.pop(name, None)
    shown, headers = page(repository, call, documents)
    return Answer(200, shown, headers)


@plays("pulls/get", needs=("pull-requests",))
def get_pull(repository, call):
    pull = repository.pulls.get(call.number("pull_number"))
    return Answer(200, as_pull(repository, call, pull)) if pull else not_found(call)


@plays("pulls/list-files", "per_page", "page", needs=("pull-requests",))
def list_files(repository, call):
    pull = repository.pulls.get(call.number("pull_number"))
    if pull is None:
        return not_found(call)
    shown, headers = page(repository, call, [{"status": "modified", **file} for file in pull["files"]])
    return Answer(200, shown, headers)


# Runs, artifacts, dispatches


@plays("actions/get-workflow-run", "exclude_pull_requests", needs=("actions",))
def get_run(repository, call):
    number = call.number("run_id")
    if number not in repository.runs:
        return not_found(call)
    where = addresses(repository, call, "actions/runs", number)
    of = {"id": repository.number, "full_name": repository.name, "name": repository.name.partition("/")[2]}
    run = {"id": number, "head_repository": of, "repository": of, "status": "completed", "run_attempt": 1}
    document = {**run, **where, "artifacts_url": where["url"] + "/artifacts", **repository.runs[number]}
    if call.query.get("exclude_pull_requests") == "true":
        document["pull_requests"] = []
    return Answer(200, document)


@plays("actions/list-workflow-run-artifacts", "name", "direction", "per_page", "page", needs=("actions",))
def list_artifacts(repository, call):
    number = call.number("run_id")
    if number not in repository.runs:
        return not_found(call)
    artifacts = [one for one in repository.artifacts.values() if one["run"] == number]
    if "name" in call.query:
        artifacts = [one for one in artifacts if one["name"] == call.query["name"]]
    artifacts.sort(key=lambda one: one["id"], reverse=call.query.get("direction", "desc") == "desc")
    shown, headers = page(repository, call, artifacts)
    documents = [as_artifact(repository, call, artifact) for artifact in shown]
    return Answer(200, {"total_count": len(artifacts), "artifacts": documents}, headers)


def as_artifact(repository, call, artifact):
    url = f"{call.origin}/repos/{repository.name}/actions/artifacts/{artifact['id']}"
    document = {name: artifact[name] for name in ("id", "name", "expired", "created_at")}
    document |= {"updated_at": artifact["created_at"], "size_in_bytes": len(artifact["zip"]), "url": url}
    document["digest"] = "sha256:" + hashlib.sha256(artifact["zip"]).hexdigest()
    run = {"id": artifact["run"], "repository_id": repository.number, "head_repository_id": repository.number}
    run |= {
        name: said for name, said in repository.runs[artifact["run"]].items() if name in ("head_sha", "head_branch")
    }
    return {**document, "archive_download_url": url + "/zip", "workflow_run": run}


@plays("actions/download-artifact", needs=("actions",))
def download_artifact(repository, call):
    artifact = repository.artifacts.get(call.number("artifact_id"))
    if artifact is None or call.parameters["archive_format"] != "zip":
        return not_found(call)
    if artifact["expired"]:
        return problem(call, 410, "Artifact has expired")
    # GitHub keeps them on another host, so that clients drop their credentials on the way.
    elsewhere = call.origin.replace("//127.0.0.1:", "//localhost:")
    return Answer(302, headers={"Location": f"{elsewhere}/_blob/{repository.name}/{artifact['id']}"})


@plays("repos/create-dispatch-event", needs=("contents",))
def dispatch(repository, call):
    repository.dispatches.append(call.body)
    return Answer(204)


@plays("actions/create-workflow-dispatch", needs=("actions",))
def dispatch_workflow(repository, call):
    if repository.sha_of(call.body["ref"]) is None:
        return problem(call, 422, f"No ref found for: {call.body['ref']}")
    repository.workflow_dispatches.append({"workflow_id": call.parameters["workflow_id"], **call.body})
    if not call.body.get("return_run_details"):
        return Answer(204)
    number = repository.next_id()
    repository.runs[number] = {"status": "queued", "conclusion": None, "event": "workflow_dispatch"}
    where = addresses(repository, call, "actions/runs", number)
    return Answer(200, {"workflow_run_id": number, "run_url": where["url"], "html_url": where["html_url"]})
