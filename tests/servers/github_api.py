"""github_api.py api.github.com.json: writes github-api.json, what GitHub's own API description says of the requests
that mlgate makes.

The description is generated/api.github.com.json of the npm package @octokit/openapi 23.0.2 (see github-api.NOTICE).
What is left is still a description by the rules of OpenAPI 3.0.
"""

import json
import sys
from pathlib import Path

REPOSITORY = "/repos/{owner}/{repo}"
OPERATIONS = {
    "": ["get"],
    "/issues": ["get", "post"],
    "/issues/{issue_number}": ["patch"],
    "/issues/{issue_number}/comments": ["get", "post"],
    "/issues/comments/{comment_id}": ["get", "patch"],
    "/check-runs": ["post"],
    "/check-runs/{check_run_id}": ["patch"],
    "/commits": ["get"],
    "/commits/{ref}": ["get"],
    "/commits/{ref}/check-runs": ["get"],
    "/compare/{basehead}": ["get"],
    "/contents/{path}": ["get", "put"],
    "/git/refs": ["post"],
    "/pulls": ["get"],
    "/pulls/{pull_number}": ["get"],
    "/pulls/{pull_number}/files": ["get"],
    "/actions/runs/{run_id}": ["get"],
    "/actions/runs/{run_id}/artifacts": ["get"],
    "/actions/artifacts/{artifact_id}/{archive_format}": ["get"],
    "/actions/workflows/{workflow_id}/dispatches": ["post"],
    "/dispatches": ["post"],
    "/deployments": ["get", "post"],
    "/deployments/{deployment_id}/statuses": ["get", "post"],
}

# Words and pictures. What decides whether a request is right stays: an operation's description alone names some of its
# media types, and a parameter's its limits.
DROPPED = {"example", "examples", "headers", "summary", "tags", "title"}


def main():
    described = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    kept = {"openapi": described["openapi"], "info": described["info"], "paths": {}, "components": {}}
    for path, methods in OPERATIONS.items():
        operations = described["paths"][REPOSITORY + path]
        kept["paths"][REPOSITORY + path] = {method: slim(operations[method], worded=True) for method in methods}
    keep_what_is_used(kept["paths"], described["components"], kept["components"])
    target = Path(__file__).with_name("github-api.json")
    target.write_text(json.dumps(kept, separators=(",", ":"), sort_keys=True) + "\n", encoding="utf-8")


def keep_what_is_used(part, described, kept):
    for section, name in references(part):
        names = kept.setdefault(section, {})
        if name not in names:
            names[name] = slim(described[section][name], worded=section == "parameters")
            keep_what_is_used(names[name], described, kept)


def references(part):
    if isinstance(part, dict):
        if isinstance(part.get("$ref"), str):
            _, _, section, name = part["$ref"].split("/")
            yield section, name
        for value in part.values():
            yield from references(value)
    elif isinstance(part, list):
        for value in part:
            yield from references(value)


def slim(part, worded):
    """`part` without what decides nothing; with its own description where `worded`."""
    if isinstance(part, list):
        return [slim(value, worded) for value in part]
    if not isinstance(part, dict):
        return part
    kept = {}
    for key, value in part.items():
        if key == "properties":
            # These keys are names that GitHub chose, whatever they are.
            kept[key] = {name: slim(schema, worded=False) for name, schema in value.items()}
        elif key == "description" and isinstance(value, str):
            # OpenAPI wants a response to have one.
            kept[key] = value if worded else ""
        elif key not in DROPPED and not key.startswith("x-"):
            kept[key] = slim(value, worded=key == "parameters")
    if kept.get("description") == "" and "content" not in kept and ("type" in kept or "$ref" in kept):
        del kept["description"]
    return kept


main()
