"""What every operation of GitHub's is made of: a call, an answer, who may ask, and pages."""

import urllib.parse
from dataclasses import dataclass, field

JSON = "application/json; charset=utf-8"


@dataclass
class Call:
    """A request. `pairs` is its query as it was, `origin` where it found this server."""

    method: str
    path: str
    pairs: list
    headers: dict
    raw: bytes
    body: object
    origin: str
    operation: object = None
    parameters: dict = field(default_factory=dict)

    @property
    def query(self):
        return dict(self.pairs)

    @property
    def token(self):
        return self.headers.get("authorization", "").partition(" ")[2]

    def wants(self, media_type):
        return media_type in self.headers.get("accept", "")

    def number(self, name):
        """A number in the path, or one that nothing has."""
        text = self.parameters[name]
        return int(text) if text.isdecimal() else -1


@dataclass
class Answer:
    status: int = 200
    body: object = None
    headers: dict = field(default_factory=dict)
    media_type: str = JSON


@dataclass(frozen=True)
class Play:
    act: object
    heeded: tuple
    needs: tuple


PLAYS = {}


def plays(operation, *heeded, needs):
    """Says that a function is an operation: which parameters of the query it heeds, and any permission it needs."""

    def listed(act):
        PLAYS[operation] = Play(act, heeded, needs)
        return act

    return listed


def problem(call, status, message, errors=None):
    body = {"message": message, "documentation_url": call.operation.documentation, "status": str(status)}
    if status == 422:
        body |= {"errors": errors} if errors else {}
        del body["status"]
    return Answer(status, body)


def not_found(call):
    return problem(call, 404, "Not Found")


def refused(call, message):
    return problem(call, 422, f"Invalid request.\n\n{message}")


def unauthorised(repository, call, play):
    """The answer to who may not do this, or None."""
    if not call.token:
        return problem(call, 401, "Requires authentication")
    if not repository.tokens:
        return None
    if call.token not in repository.tokens:
        return problem(call, 401, "Bad credentials")
    permissions = repository.tokens[call.token].get("permissions")
    reads = call.method == "GET"
    enough = ("read", "write") if reads else ("write",)
    if permissions is None or any(permissions.get(name) in enough for name in play.needs):
        return None
    if reads and not repository.private:
        return None
    answer = problem(call, 403, "Resource not accessible by integration")
    accepted = (f"{name.replace('-', '_')}={'read' if reads else 'write'}" for name in play.needs)
    answer.headers["X-Accepted-GitHub-Permissions"] = "; ".join(accepted)
    return answer


def page(repository, call, items):
    """One page of the items, and the header that says where others are, by the repository's number as GitHub does."""
    size = min(positive(call.query.get("per_page"), 30), 100)
    here = positive(call.query.get("page"), 1)
    last = max(1, -(-len(items) // size))
    there = {"prev": min(here - 1, last), "next": here + 1, "last": last, "first": 1}
    shown = {"prev", "first"} if here > 1 else set()
    shown |= {"next", "last"} if here < last else set()
    path = call.path.replace(f"/repos/{repository.name}", f"/repositories/{repository.number}", 1)
    links = []
    for relation in (relation for relation in there if relation in shown):
        query = urllib.parse.urlencode({**call.query, "page": there[relation]})
        links.append(f'<{call.origin}{path}?{query}>; rel="{relation}"')
    return items[(here - 1) * size : here * size], {"Link": ", ".join(links)} if links else {}


def positive(text, otherwise):
    return int(text) if text is not None and text.isdecimal() and int(text) > 0 else otherwise


def addresses(repository, call, *parts):
    """Where something is for programs and for people."""
    below = "/".join(map(str, parts))
    return {
        "url": f"{call.origin}/repos/{repository.name}/{below}",
        "html_url": f"{call.origin}/{repository.name}/{below}",
    }
