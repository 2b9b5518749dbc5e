"""github_api.py api.github.com.json: writes github-api.json, what GitHub's own API description says of the requests mlgate makes.

The description is generated/api.github.com.json of the npm package @octokit/openapi 23.0.2 (MIT, the Octokit contributors).
"""

import json
import sys
from pathlib import Path

OPERATIONS = [("get", "/repos/{owner}/{repo}/contents/{path}"), ("get", "/repos/{owner}/{repo}/commits/{ref}")]

described = json.load(open(sys.argv[1], encoding="utf-8"))


def resolved(part):
    reference = part.get("$ref")
    if reference is None:
        return part
    _, _, section, name = reference.split("/")
    return described["components"][section][name]


kept = []
for method, path in OPERATIONS:
    operation = described["paths"][path][method]
    parameters = [resolved(parameter) for parameter in operation["parameters"]]
    kept.append(
        {
            "method": method.upper(),
            "path": path,
            "description": operation["description"],
            "parameters": [{"name": one["name"], "in": one["in"]} for one in parameters],
            "responses": {status: sorted(resolved(one).get("content", {})) for status, one in operation["responses"].items()},
        }
    )
target = Path(__file__).with_name("github-api.json")
target.write_text(json.dumps(kept, indent=1) + "\n", encoding="utf-8")
