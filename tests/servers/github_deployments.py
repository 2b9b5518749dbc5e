"""What GitHub does when it is told of deployments: one function an operation."""

from github_play import Answer, not_found, page, plays, problem
from github_routes import login_of

MOST_OF_A_DESCRIPTION = 140


def address(repository, call, *parts):
    return f"{call.origin}/repos/{repository.name}" + "".join(f"/{part}" for part in parts)


def as_deployment(repository, call, deployment):
    document = {name: value for name, value in deployment.items() if name != "statuses"}
    document["url"] = address(repository, call, "deployments", deployment["id"])
    document["statuses_url"] = document["url"] + "/statuses"
    return {**document, "repository_url": address(repository, call)}


def as_status(repository, call, deployment, status):
    where = {"deployment_url": address(repository, call, "deployments", deployment["id"])}
    where["url"] = f"{where['deployment_url']}/statuses/{status['id']}"
    return {**status, **where, "repository_url": address(repository, call)}


@plays("repos/list-deployments", "sha", "ref", "task", "environment", "per_page", "page", needs=("deployments",))
def list_deployments(repository, call):
    deployments = list(reversed(repository.deployments.values()))
    for parameter in ("sha", "ref", "task", "environment"):
        said = call.query.get(parameter, "none")
        if said != "none":
            deployments = [one for one in deployments if one[parameter] == said]
    shown, headers = page(repository, call, deployments)
    return Answer(200, [as_deployment(repository, call, one) for one in shown], headers)


@plays("repos/create-deployment", needs=("deployments",))
def create_deployment(repository, call):
    said = {name: value for name, value in call.body.items() if name not in ("auto_merge", "required_contexts")}
    sha = repository.sha_of(said["ref"])
    if sha is None:
        return problem(call, 422, f"No ref found for: {said['ref']}")
    base = repository.head_of(repository.default_branch)
    # GitHub would merge it if that can be done. Here it never can.
    if call.body.get("auto_merge", True) and base not in (None, *repository.history(sha)):
        return problem(call, 409, f"Conflict merging {repository.default_branch} into {said['ref']}.")
    if not passed(repository, sha, call.body.get("required_contexts")):
        return problem(call, 409, f"Conflict: Commit status checks failed for {said['ref']}.")
    deployment = repository.add_deployment(sha, said, login_of(repository, call.token))
    document = as_deployment(repository, call, deployment)
    return Answer(201, document, {"Location": document["url"]})


def passed(repository, sha, contexts):
    """Whether the newest check run of each name is green; of every name where none are given."""
    runs = {run["name"]: run["conclusion"] for run in repository.check_runs.get(sha, [])}
    return all(runs.get(name) == "success" for name in (runs if contexts is None else contexts))


@plays("repos/list-deployment-statuses", "per_page", "page", needs=("deployments",))
def list_statuses(repository, call):
    deployment = repository.deployments.get(call.number("deployment_id"))
    if deployment is None:
        return not_found(call)
    shown, headers = page(repository, call, deployment["statuses"][::-1])
    return Answer(200, [as_status(repository, call, deployment, one) for one in shown], headers)


@plays("repos/create-deployment-status", needs=("deployments",))
def create_status(repository, call):
    deployment = repository.deployments.get(call.number("deployment_id"))
    if deployment is None:
        return not_found(call)
    for field, message in unfit(call.body):
        error = {"resource": "DeploymentStatus", "code": "custom", "field": field, "message": message}
        return problem(call, 422, "Validation Failed", [error])
    login = login_of(repository, call.token)
    status = repository.add_status(deployment, call.body, login)
    if status["state"] == "success" and call.body.get("auto_inactive", True):
        repository.retire_before(deployment, login)
    document = as_status(repository, call, deployment, status)
    return Answer(201, document, {"Location": document["url"]})


def unfit(body):
    if len(body.get("description", "")) > MOST_OF_A_DESCRIPTION:
        yield "description", f"description is too long (maximum is {MOST_OF_A_DESCRIPTION} characters)"
    for name in ("log_url", "target_url", "environment_url"):
        if body.get(name) and not body[name].startswith(("http://", "https://")):
            yield name, f"{name} must use http(s) scheme"
