"""What GitHub's description of its API says, and whether a request and an answer keep to it.

Where the description allows more properties only by not forbidding them, they are problems here: GitHub ignores what
it does not know, so a misspelt property would never be noticed.
"""

import datetime
import functools
import json
import re
import urllib.parse
from dataclasses import dataclass
from pathlib import Path

from jsonschema import Draft4Validator, FormatChecker
from jsonschema.exceptions import ValidationError
from jsonschema.validators import extend
from referencing import Registry
from referencing.jsonschema import DRAFT4

BASE = "urn:github"
UNLISTED = "unlisted"
# GitHub gives these everywhere, whether an operation lists them or not. It lists 422 for no operation on check runs,
# whose limits it enforces with just that.
ANYWHERE = {400: "basic-error", 401: "basic-error", 403: "basic-error", 404: "basic-error", 422: "validation-error"}
OLDEST_VERSION = datetime.date(2022, 11, 28)


@dataclass(frozen=True)
class Operation:
    name: str
    method: str
    template: str
    described: dict

    @functools.cached_property
    def pattern(self):
        """Refs and paths have slashes in them, which GitHub takes as they are."""
        expression = re.escape(self.template).replace(r"\{", "{").replace(r"\}", "}")
        expression = re.sub(r"\{(path|ref)\}", r"(?P<\1>.+)", expression)
        return re.compile(re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", expression))

    @property
    def pointer(self):
        return ["paths", self.template, self.method.lower()]

    @property
    def documentation(self):
        return self.described["externalDocs"]["url"]


class Contract:
    def __init__(self):
        self.described = json.loads(Path(__file__).with_name("github-api.json").read_text(encoding="utf-8"))
        self.schemas = self.described["components"]["schemas"]
        # The description has it that a pull request's head always has a repository. It is null once the fork is gone.
        for schema in ("pull-request", "pull-request-simple"):
            self.schemas[schema]["properties"]["head"]["properties"]["repo"] = {
                "nullable": True,
                "allOf": [{"$ref": "#/components/schemas/repository"}],
            }
        # And that these are addresses always. They are empty where none was given, which is their default.
        for name in ("environment_url", "log_url", "target_url"):
            del self.schemas["deployment-status"]["properties"][name]["format"]
        # And that a conflict is one of two things. One without what sets them apart is both.
        writing = self.described["paths"]["/repos/{owner}/{repo}/contents/{path}"]["put"]
        conflict = writing["responses"]["409"]["content"]["application/json"]["schema"]
        conflict["anyOf"] = conflict.pop("oneOf")
        self.registry = Registry().with_resource(BASE, DRAFT4.create_resource(self.described))
        self.operations = [
            Operation(operation["operationId"], method.upper(), template, operation)
            for template, methods in self.described["paths"].items()
            for method, operation in methods.items()
        ]
        # `/commits/{ref}/check-runs` before `/commits/{ref}`, whose ref may hold slashes.
        self.operations.sort(key=lambda operation: -len(operation.template))

    def find(self, method, path):
        """The operation that this is, and what stands in its path; nothing if none is described."""
        for operation in self.operations:
            match = operation.pattern.fullmatch(path) if operation.method == method else None
            if match:
                return operation, {name: urllib.parse.unquote(text) for name, text in match.groupdict().items()}
        return None, {}

    def request_problems(self, operation, call):
        yield from self.parameter_problems(operation, "path", call.parameters.items())
        yield from self.parameter_problems(operation, "query", call.pairs)
        yield from header_problems(call.headers)
        yield from self.accept_problems(operation, call.headers.get("accept", ""))
        described = operation.described.get("requestBody")
        if described is None:
            if call.raw:
                yield "it has a body, and none is described"
            return
        media_type = call.headers.get("content-type", "").split(";")[0]
        if media_type not in described["content"]:
            yield f"its body is `{media_type}`, which is not described"
        yield from (words("body", error) for error in self.body_errors(operation, call.body))

    def body_errors(self, operation, body):
        return self.errors([*operation.pointer, "requestBody", "content", "application/json", "schema"], body)

    def refusal(self, operation, body):
        """What GitHub itself would not accept in a body; it lets pass what it does not know."""
        if "requestBody" not in operation.described:
            return None
        for error in self.body_errors(operation, body):
            if error.validator == "maxItems":
                return f"No more than {error.validator_value} items are allowed; {len(error.instance)} were supplied."
            if error.validator == "maxLength":
                supplied = len(error.instance)
                return f"Only {error.validator_value} characters are allowed; {supplied} were supplied."
            if error.validator != UNLISTED:
                return words("body", error)
        return None

    def parameter_problems(self, operation, place, pairs):
        described = {one["name"]: one for one in map(self.resolved, operation.described["parameters"])}
        seen = set()
        for name, text in pairs:
            parameter = described.get(name)
            if parameter is None or parameter["in"] != place:
                yield f"{place} parameter `{name}` is not described"
                continue
            if name in seen:
                yield f"{place} parameter `{name}` is given twice"
            seen.add(name)
            value = typed(parameter["schema"], text)
            for error in Strict(parameter["schema"], format_checker=FORMATS).iter_errors(value):
                yield words(f"{place} parameter `{name}`", error)
            # Only said in words.
            most = re.search(r"\(max (\d+)\)", parameter.get("description", ""))
            if most and isinstance(value, int) and not 1 <= value <= int(most[1]):
                yield f"{place} parameter `{name}`: {value} is not from 1 to {most[1]}"

    def accept_problems(self, operation, accept):
        """Some of the media types that an operation understands are in the words of its description alone."""
        if not accept:
            yield "it has no `Accept`"
            return
        understood = {"application/vnd.github+json"} | media_types(operation)
        asked = [media_type.split(";")[0].strip() for media_type in accept.split(",")]
        yield from (f"`Accept: {one}` is not described" for one in asked if one not in understood)

    def answer_problems(self, operation, answer):
        listed = operation.described["responses"].get(str(answer.status))
        if listed is None and answer.status not in ANYWHERE:
            yield f"the answer {answer.status} is not described"
            return
        media_type = answer.media_type.split(";")[0]
        content = self.resolved(listed).get("content", {}) if listed else None
        if content == {} and answer.status < 400:
            if answer.body is not None:
                yield f"the answer {answer.status} has a body, and none is described"
        elif not content:
            # Who is refused is told why, described or not.
            schema = ["components", "schemas", ANYWHERE.get(answer.status, "basic-error")]
            yield from (words("answer", error) for error in self.errors(schema, answer.body))
        elif media_type in content:
            schema = self.resolved_pointer([*operation.pointer, "responses", str(answer.status)], listed)
            errors = self.errors([*schema, "content", media_type, "schema"], answer.body)
            yield from (words("answer", error) for error in errors)
        elif media_type not in media_types(operation):
            yield f"the answer is `{media_type}`, which is not described"

    def errors(self, pointer, value):
        return list(self.validator(tuple(pointer)).iter_errors(value))

    @functools.cache
    def validator(self, pointer):
        escaped = (urllib.parse.quote(part.replace("~", "~0").replace("/", "~1"), safe="~") for part in pointer)
        reference = f"{BASE}#/" + "/".join(escaped)
        return Strict({"$ref": reference}, registry=self.registry, format_checker=FORMATS)

    def resolved_pointer(self, pointer, part):
        return part["$ref"].removeprefix("#/").split("/") if "$ref" in part else pointer

    def resolved(self, part):
        while "$ref" in part:
            _, _, section, name = part["$ref"].split("/")
            part = self.described["components"][section][name]
        return part

    def completed(self, schema, said):
        """`said`, and the least that the schema requires besides; `schema` is one, or the name of one."""
        schema = self.shape(self.schemas[schema] if isinstance(schema, str) else schema)
        if isinstance(said, list):
            return [self.completed(schema.get("items", {}), one) for one in said]
        if not isinstance(said, dict):
            return said
        properties = schema.get("properties", {})
        whole = {name: self.least(properties[name]) for name in schema.get("required", []) if name not in said}
        return whole | {name: self.completed(properties.get(name, {}), value) for name, value in said.items()}

    def least(self, schema):
        schema = self.shape(schema)
        if schema.get("nullable"):
            return None
        if "enum" in schema:
            return schema["enum"][0]
        if schema.get("type") == "string":
            return {"uri": "https://github.com/", "date-time": "2020-01-01T00:00:00Z"}.get(schema.get("format"), "")
        if schema.get("type") == "object" or "properties" in schema:
            return self.completed(schema, {})
        return {"array": [], "integer": 0, "number": 0, "boolean": False}[schema["type"]]

    def shape(self, schema):
        """The schema that a reference leads to, or the first of several."""
        schema = self.resolved(schema)
        for several in ("allOf", "oneOf", "anyOf"):
            if several in schema and "properties" not in schema:
                nullable = schema.get("nullable", False)
                first = self.shape(schema[several][0])
                return {**first, "nullable": nullable or first.get("nullable", False)}
        return schema


def media_types(operation):
    in_words = re.findall(r"`(application/[\w.+-]+)`", operation.described["description"])
    listed = [one for response in operation.described["responses"].values() for one in response.get("content", {})]
    return {"application/json", *in_words, *listed}


def header_problems(headers):
    if not headers.get("user-agent", "").strip():
        yield "it has no `User-Agent`"
    if not re.fullmatch(r"(?i:bearer|token) \S+", headers.get("authorization", "")):
        yield "its `Authorization` is not `Bearer` and a token"
    version = headers.get("x-github-api-version")
    if version is not None and not plausible(version):
        yield f"`X-GitHub-Api-Version: {version}` cannot be one"


def plausible(version):
    try:
        # By calendar; `fromisoformat` would take 20221128 too.
        day = datetime.datetime.strptime(version, "%Y-%m-%d").date()
    except ValueError:
        return False
    return OLDEST_VERSION <= day <= datetime.date.today()


def typed(schema, text):
    """What a piece of an address is as the type that is described, or the text if it cannot be one."""
    kind = schema.get("type")
    if kind == "integer" and re.fullmatch(r"-?[0-9]+", text):
        return int(text)
    if kind == "boolean" and text in ("true", "false"):
        return text == "true"
    return text


def words(whole, error):
    place = ".".join([whole, *map(str, error.absolute_path)])
    message = error.message if len(error.message) <= 300 else error.message[:140] + " … " + error.message[-140:]
    return f"{place}: {message}"


def only_listed(validator, properties, instance, schema):
    yield from Draft4Validator.VALIDATORS["properties"](validator, properties, instance, schema)
    if isinstance(instance, dict) and "additionalProperties" not in schema:
        for name in instance.keys() - properties.keys():
            yield ValidationError(f"`{name}` is not described", validator=UNLISTED)


def all_of(validator, branches, instance, schema):
    """What one branch does not list another may."""
    if instance is None and schema.get("nullable") is True:
        return
    errors = [list(validator.descend(instance, branch)) for branch in branches]
    unlisted = [{error.message for error in each if error.validator == UNLISTED and not error.path} for each in errors]
    nowhere = set.intersection(*unlisted) if unlisted else set()
    for error in (error for each in errors for error in each):
        if error.validator != UNLISTED or error.path or error.message in nowhere:
            yield error


def unless_null(keyword):
    """OpenAPI 3.0 has `nullable` where JSON Schema has a type `null`."""
    check = Draft4Validator.VALIDATORS[keyword]

    def checked(validator, value, instance, schema):
        if instance is not None or schema.get("nullable") is not True:
            yield from check(validator, value, instance, schema)

    return checked


Strict = extend(
    Draft4Validator,
    {"properties": only_listed, "allOf": all_of} | {name: unless_null(name) for name in ("type", "enum", "anyOf", "oneOf")},
)
FORMATS = FormatChecker(formats=())


@FORMATS.checks("date-time", raises=ValueError)
def is_time(value):
    pattern = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)"
    if not isinstance(value, str):
        return True
    return bool(re.fullmatch(pattern, value)) and bool(datetime.datetime.fromisoformat(value))


@FORMATS.checks("uri")
def is_address(value):
    return not isinstance(value, str) or bool(re.fullmatch(r"[a-zA-Z][a-zA-Z0-9+.-]*:[^\s<>\"]+", value))
