"""What one repository holds, as a test set it up and as requests changed it."""

import base64
import binascii
import datetime
import hashlib
import io
import re
import threading
import zipfile
from dataclasses import dataclass, field

ACTIONS_BOT = "github-actions[bot]"
ACTIONS_APP = {"slug": "github-actions", "name": "GitHub Actions", "id": 15368}
# As large as GitHub's own: they do not fit in 32 bits.
FIRST_ID = 5_000_000_001


@dataclass
class Fault:
    """Something that goes wrong on purpose. `nth` counts the requests that it is about; without one, all go wrong."""

    action: str = "answer"
    method: str = ""
    path_contains: str = ""
    path_ends: str = ""
    nth: int | None = None
    status: int = 500
    headers: dict = field(default_factory=dict)
    body: object = None
    seconds: float = 0
    seen: int = field(default=0, init=False)

    def __post_init__(self):
        if self.action not in ("answer", "close_before", "close_after", "delay"):
            raise ValueError(f"no fault is called `{self.action}`")

    def strikes(self, method, target):
        if self.method not in ("", method) or self.path_contains not in target or not target.endswith(self.path_ends):
            return False
        self.seen += 1
        return self.nth in (None, self.seen)


class Repository:
    def __init__(self, name):
        self.name = name
        self.number = binascii.crc32(name.encode())
        self.lock = threading.RLock()
        self.viewer = ACTIONS_BOT
        self.default_branch = "main"
        self.private = False
        self.refs = {}
        self.commits = {}
        self.files = {}
        self.pulls = {}
        self.comments = {}
        self.issues = {}
        self.check_runs = {}
        self.runs = {}
        self.artifacts = {}
        self.deployments = {}
        self.tokens = {}
        self.faults = []
        self.writes = []
        self.dispatches = []
        self.workflow_dispatches = []
        self.hooks = []
        self.requests = []
        self.violations = []
        self.last_id = FIRST_ID
        self.last_time = None

    @property
    def owner(self):
        return self.name.split("/")[0]

    def setup(self, document):
        """Adds to what is there; what has the same name or number is replaced."""
        steps = {
            "viewer": self.set_viewer,
            "default_branch": self.set_default_branch,
            "private": self.set_private,
            "refs": self.refs.update,
            "commits": self.commits.update,
            "files": self.add_files,
            "pulls": self.add_pulls,
            "comments": self.add_comments,
            "check_runs": self.add_check_runs,
            "runs": self.add_runs,
            "deployments": self.add_deployments,
            "tokens": self.tokens.update,
        }
        unknown = document.keys() - steps.keys()
        if unknown:
            raise ValueError(f"no part of a setup is called {', '.join(sorted(unknown))}")
        for name, value in document.items():
            steps[name](value)

    def set_viewer(self, login):
        self.viewer = login

    def set_default_branch(self, branch):
        self.default_branch = branch

    def set_private(self, private):
        self.private = private

    def add_files(self, trees):
        for sha, tree in trees.items():
            self.files.setdefault(sha, {}).update({path: content(said) for path, said in tree.items()})

    def add_pulls(self, pulls):
        for said in pulls:
            pull = {"state": "open", **said}
            pull["files"] = [one if isinstance(one, dict) else {"filename": one} for one in said.get("files", [])]
            pull["head"] = {"repo": self.name, **said["head"]}
            self.pulls[pull["number"]] = pull
            self.comments.setdefault(pull["number"], [])

    def add_comments(self, comments):
        for number, said in comments.items():
            there = self.comments.setdefault(int(number), [])
            there.extend(self.new_comment(one["body"], one.get("login", self.viewer), one.get("type")) for one in said)

    def add_check_runs(self, check_runs):
        for sha, said in check_runs.items():
            for one in said:
                app = ACTIONS_APP | one.get("app", {})
                self.add_check_run(sha, {"status": "completed", "conclusion": "success", **one}, app)

    def add_runs(self, runs):
        for number, said in runs.items():
            run = {name: value for name, value in said.items() if name != "artifacts"}
            self.runs[int(number)] = run
            for one in said.get("artifacts", []):
                artifact = {"name": one["name"], "run": int(number), "expired": one.get("expired", False)}
                artifact |= {"id": self.next_id(), "created_at": self.now(), "zip": zipped(one)}
                self.artifacts[artifact["id"]] = artifact

    def add_deployments(self, deployments):
        for said in deployments:
            login = said.get("login", self.viewer)
            kept = {name: value for name, value in said.items() if name not in ("login", "statuses")}
            deployment = self.add_deployment(said["sha"], kept, login)
            for status in said.get("statuses", []):
                self.add_status(deployment, status, login)

    def next_id(self):
        self.last_id += 1
        return self.last_id

    def now(self):
        """The time to the second, and never the same twice, so that a change can be seen."""
        now = datetime.datetime.now(datetime.UTC).replace(microsecond=0)
        if self.last_time is not None:
            now = max(now, self.last_time + datetime.timedelta(seconds=1))
        self.last_time = now
        return now.strftime("%Y-%m-%dT%H:%M:%SZ")

    def new_comment(self, body, login, kind=None):
        now = self.now()
        user = user_of(login) | ({"type": kind} if kind else {})
        return {"id": self.next_id(), "body": body, "user": user, "created_at": now, "updated_at": now}

    def new_issue(self, said, login):
        number = 1_000 + len(self.issues)
        now = self.now()
        people = [user_of(name) for name in said.get("assignees", [])]
        self.issues[number] = {
            "id": self.next_id(),
            "number": number,
            "title": said["title"],
            "body": said.get("body"),
            "state": "open",
            "state_reason": None,
            "labels": [{"name": name} for name in said.get("labels", [])],
            "assignees": people,
            "user": user_of(login),
            "created_at": now,
            "updated_at": now,
            "closed_at": None,
        }
        self.comments[number] = []
        return self.issues[number]

    def comment(self, identity):
        """A comment and the number of what it is on."""
        for number, comments in self.comments.items():
            for comment in comments:
                if comment["id"] == identity:
                    return comment, number
        return None, None

    def add_check_run(self, sha, said, app):
        run = {"id": self.next_id(), "head_sha": sha, "name": said["name"], "status": "queued", "conclusion": None}
        run |= {"started_at": self.now(), "completed_at": None, "external_id": None, "details_url": None, "app": app}
        run["output"] = {"title": None, "summary": None, "text": None, "annotations": []}
        self.change_check_run(run, said)
        self.check_runs.setdefault(sha, []).append(run)
        return run

    def change_check_run(self, run, said):
        run |= {name: value for name, value in said.items() if name in run and name not in ("output", "app", "id")}
        if said.get("conclusion"):
            run["status"] = "completed"
        if run["status"] == "completed" and run["completed_at"] is None:
            run["completed_at"] = self.now()
        if "output" in said:
            output = said["output"]
            before = run["output"]
            run["output"] = {
                "title": output.get("title", before["title"]),
                "summary": output["summary"],
                # Not said is not kept: nobody who relies on this text may leave it out.
                "text": output.get("text"),
                "annotations": before["annotations"] + output.get("annotations", []),
            }

    def check_run(self, identity):
        return next((run for runs in self.check_runs.values() for run in runs if run["id"] == identity), None)

    def add_deployment(self, sha, said, login):
        now, environment = self.now(), said.get("environment", "production")
        deployment = {"id": self.next_id(), "ref": sha, "task": "deploy", "payload": "", "description": ""}
        deployment |= {"environment": environment, "original_environment": environment}
        deployment |= {"transient_environment": False, "production_environment": environment == "production"}
        deployment |= {**said, "sha": sha, "statuses": []}
        deployment |= {"creator": user_of(login), "created_at": now, "updated_at": now}
        self.deployments[deployment["id"]] = deployment
        return deployment

    def add_status(self, deployment, said, login):
        now, before = self.now(), (deployment["statuses"] or [deployment])[-1]
        # The two are one.
        log = said.get("log_url") or said.get("target_url", "")
        status = {"id": self.next_id(), "state": said["state"], "log_url": log, "target_url": log}
        status |= {name: said.get(name, "") for name in ("description", "environment_url")}
        status |= {"environment": said.get("environment", before["environment"])}
        status |= {"creator": user_of(login), "created_at": now, "updated_at": now}
        deployment["statuses"].append(status)
        deployment["updated_at"] = now
        return status

    def retire_before(self, deployment, login):
        """Where something else is deployed now, what was there before is not."""
        for other in self.deployments.values():
            lasts = other["transient_environment"] or other["production_environment"]
            succeeded = other["statuses"] and other["statuses"][-1]["state"] == "success"
            same = other["environment"] == deployment["environment"]
            if other["id"] < deployment["id"] and same and succeeded and not lasts:
                self.add_status(other, {"state": "inactive"}, login)

    def write(self, branch, path, data, message):
        """The commit that puts the file on the branch."""
        before = self.head_of(branch)
        sha = hashlib.sha1(f"{before} {path} {self.next_id()}".encode()).hexdigest()
        self.commits[sha] = {"parents": [before], "message": message}
        self.files[sha] = {**self.files.get(before, {}), path: data}
        self.refs[branch] = sha
        for pull in self.pulls.values():
            if (pull["head"]["repo"], pull["head"]["ref"]) == (self.name, branch):
                pull["head"]["sha"] = sha
        write = {"branch": branch, "path": path, "message": message, "content": said_of(data)}
        self.writes.append({**write, "sha": git_blob(data), "commit": sha})
        return sha

    def shas(self):
        """Every commit that is known."""
        parents = (parent for commit in self.commits.values() for parent in commit.get("parents", []))
        ends = (pull[end]["sha"] for pull in self.pulls.values() for end in ("head", "base"))
        return {*self.refs.values(), *self.commits, *self.files, *self.check_runs, *parents, *ends}

    def sha_of(self, ref):
        """The commit that a branch, a tag, a pull request's ref or a sha means, or None."""
        shas = self.shas()
        if ref in shas:
            return ref
        ref = (ref or self.default_branch).removeprefix("refs/")
        # As Git looks names up: a tag before a branch, unless the name says which of the two it is.
        branch = ref.removeprefix("heads/")
        for name in (branch,) if branch != ref else (f"tags/{ref}", ref):
            if name in self.refs:
                return self.refs[name]
        pull = re.fullmatch(r"pull/(\d+)/(head|merge)", ref)
        if pull and int(pull[1]) in self.pulls:
            there = self.pulls[int(pull[1])]
            return there["head"]["sha"] if pull[2] == "head" else there.get("merge_commit_sha")
        if head := self.head_of(ref.removeprefix("heads/")):
            return head
        if re.fullmatch(r"[0-9a-f]{7,39}", ref):
            meant = [sha for sha in shas if sha.startswith(ref)]
            return meant[0] if len(meant) == 1 else None
        return None

    def head_of(self, branch):
        """The commit that a branch is at, or None."""
        if branch in self.refs:
            return self.refs[branch]
        for there in self.pulls.values():
            for end in ("head", "base"):
                if branch == there[end]["ref"] and there[end].get("repo", self.name) == self.name:
                    return there[end]["sha"]
        return None

    def history(self, sha):
        """The commit and what came before it, nearest first."""
        found = [sha]
        for one in found:
            found.extend(parent for parent in self.commits.get(one, {}).get("parents", []) if parent not in found)
        return found

    def touches(self, sha, path):
        """Whether the commit has another file there than the one before it."""
        before = self.commits.get(sha, {}).get("parents", [])
        earlier = self.files.get(before[0], {}).get(path) if before else None
        return self.files.get(sha, {}).get(path) != earlier

    def as_json(self):
        return {
            "viewer": self.viewer,
            "comments": {
                str(number): [
                    {**comment, "login": comment["user"]["login"], "type": comment["user"]["type"]}
                    for comment in comments
                ]
                for number, comments in self.comments.items()
            },
            "issues": list(self.issues.values()),
            "check_runs": self.check_runs,
            "deployments": list(self.deployments.values()),
            "refs": self.refs,
            "writes": self.writes,
            "dispatches": self.dispatches,
            "workflow_dispatches": self.workflow_dispatches,
            "runs": self.runs,
            "hooks": self.hooks,
            "requests": self.requests,
            "violations": self.violations,
        }


def user_of(login):
    identity = 41898282 if login == ACTIONS_BOT else binascii.crc32(login.encode())
    return {"login": login, "id": identity, "type": "Bot" if login.endswith("[bot]") else "User"}


def content(said):
    return said.encode() if isinstance(said, str) else base64.b64decode(said["base64"])


def said_of(data):
    """As a setup has it."""
    try:
        return data.decode()
    except UnicodeDecodeError:
        return {"base64": base64.b64encode(data).decode()}


def zipped(artifact):
    if "zip_base64" in artifact:
        return base64.b64decode(artifact["zip_base64"])
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for path, said in artifact.get("files", {}).items():
            archive.writestr(path, content(said))
    return target.getvalue()


def git_blob(data):
    return hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()
