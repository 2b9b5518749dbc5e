"""Whether github.py is worth believing: "$(tests/servers/github.sh)" tests/servers/test_github.py"""

import base64
import http.client
import io
import itertools
import json
import subprocess
import sys
import time
import unittest
import urllib.parse
import zipfile
from pathlib import Path

BASE, HEAD, FORK = "a" * 40, "b" * 40, "c" * 40
SETUP = {
    "pulls": [
        {"number": 7, "head": {"sha": HEAD, "ref": "feat/x"}, "base": {"sha": BASE, "ref": "main"}, "files": ["m.yml"]},
        {"number": 8, "head": {"sha": FORK, "ref": "y", "repo": "z/n"}, "base": {"sha": BASE, "ref": "main"}},
        {
            "number": 9,
            "state": "closed",
            "head": {"sha": FORK, "ref": "y", "repo": None},
            "base": {"sha": BASE, "ref": "main"},
        },
    ],
    "refs": {"main": BASE},
    "commits": {HEAD: {"parents": [BASE]}},
    "files": {BASE: {"a/b.txt": "hi", "a/c/d": {"base64": "//8="}, "large": "x" * (1 << 21)}},
    "comments": {"7": [{"login": "someone", "body": "hello"}]},
    "check_runs": {BASE: [{"name": "mlgate", "output": {"title": "t", "summary": "s", "text": "digest"}}]},
    "runs": {
        "5": {"head_sha": HEAD, "event": "pull_request", "artifacts": [{"name": "report", "files": {"x.json": "{}"}}]}
    },
}
OUTPUT = {"title": "t", "summary": "s"}
ANNOTATION = {"path": "p", "start_line": 1, "end_line": 1, "annotation_level": "warning", "message": "m"}
RAW = "application/vnd.github.raw+json"


def setUpModule():
    global server, host
    command = [sys.executable, str(Path(__file__).with_name("github.py")), "--port", "0"]
    server = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    host = server.stdout.readline().strip().removeprefix("http://")


def tearDownModule():
    server.stdin.close()
    assert server.wait(timeout=5) == 0
    server.stdout.close()


class Answer:
    def __init__(self, status, headers, body):
        self.status, self.headers, self.body = status, headers, body

    @property
    def json(self):
        return json.loads(self.body)


class Test(unittest.TestCase):
    numbers = itertools.count()

    def setUp(self):
        self.name = f"o/n{next(self.numbers)}"
        self.control("setup", SETUP)

    def ask(self, method, target, body=None, headers=None, below=True):
        """A request as GitHub wants it; a header that is None is left out."""
        whole = {"Accept": "application/vnd.github+json", "Authorization": "Bearer t", "User-Agent": "test"}
        whole |= {"X-GitHub-Api-Version": "2022-11-28"} | ({} if body is None else {"Content-Type": "application/json"})
        whole = {name: value for name, value in (whole | (headers or {})).items() if value is not None}
        connection = http.client.HTTPConnection(host, timeout=10)
        raw = body if isinstance(body, bytes | None) else json.dumps(body).encode()
        # http.client names no program of its own, so a request without a User-Agent stays one.
        connection.request(method, f"/repos/{self.name}{target}" if below else target, raw, whole)
        response = connection.getresponse()
        answer = Answer(response.status, response.headers, response.read())
        connection.close()
        return answer

    def control(self, what, document):
        answer = self.ask("POST", f"/_control/{self.name}/{what}", document, below=False)
        self.assertEqual(answer.status, 200, answer.body)

    def state(self):
        return self.ask("GET", f"/_control/{self.name}/state", below=False).json

    def right(self, status, *request, **more):
        answer = self.ask(*request, **more)
        self.assertEqual((answer.status, self.state()["violations"]), (status, []), answer.body[:500])
        return answer

    def wrong(self, said, *request, **more):
        before = len(self.state()["violations"])
        answer = self.ask(*request, **more)
        added = self.state()["violations"][before:]
        self.assertEqual(len(added), 1, added)
        self.assertIn(said, added[0])
        return answer


class WhatIsRight(Test):
    def test_comments_are_listed_made_and_changed(self):
        one = self.right(201, "POST", "/issues/7/comments", {"body": "new"}).json
        self.assertEqual((one["user"]["login"], one["user"]["type"]), ("github-actions[bot]", "Bot"))
        listed = self.right(200, "GET", "/issues/7/comments?per_page=100").json
        self.assertEqual([comment["body"] for comment in listed], ["hello", "new"])
        changed = self.right(200, "PATCH", f"/issues/comments/{one['id']}", {"body": "newer"}).json
        self.assertGreater(changed["updated_at"], one["updated_at"])
        self.assertEqual(self.right(200, "GET", f"/issues/comments/{one['id']}").json["body"], "newer")
        self.right(404, "GET", "/issues/70/comments")
        self.assertEqual(self.state()["comments"]["7"][1]["body"], "newer")

    def test_a_comment_has_65536_characters_at_most(self):
        self.right(201, "POST", "/issues/7/comments", {"body": "é" * 65_536})
        answer = self.right(422, "POST", "/issues/7/comments", {"body": "é" * 65_537})
        self.assertIn("65536", answer.json["errors"][0]["message"])

    def test_pages_are_followed_by_their_links(self):
        self.control("setup", {"comments": {"7": [{"login": "x", "body": str(n)} for n in range(1, 66)]}})
        target, bodies = f"/repos/{self.name}/issues/7/comments", []
        while target:
            answer = self.right(200, "GET", target, below=False)
            bodies += [comment["body"] for comment in answer.json]
            links = dict(reversed(one.split("; ")) for one in answer.headers.get("Link", "").split(", "))
            target = links.get('rel="next"', "").strip("<>").removeprefix(f"http://{host}")
        self.assertEqual(bodies, ["hello", *map(str, range(1, 66))])
        self.assertEqual(list(links), ['rel="prev"', 'rel="first"'])
        self.assertEqual(len(self.right(200, "GET", "/issues/7/comments").json), 30)

    def test_check_runs_are_made_changed_and_listed(self):
        body = {
            "name": "gate",
            "head_sha": HEAD,
            "status": "in_progress",
            "output": {**OUTPUT, "annotations": [ANNOTATION] * 50},
        }
        run = self.right(201, "POST", "/check-runs", body).json
        self.assertEqual((run["app"]["slug"], run["output"]["annotations_count"]), ("github-actions", 50))
        change = {
            "status": "completed",
            "conclusion": "failure",
            "output": {**OUTPUT, "text": "x", "annotations": [ANNOTATION]},
        }
        run = self.right(200, "PATCH", f"/check-runs/{run['id']}", change).json
        self.assertEqual((run["output"]["annotations_count"], run["conclusion"]), (51, "failure"))
        again = self.right(201, "POST", "/check-runs", {"name": "gate", "head_sha": HEAD}).json
        latest = self.right(200, "GET", "/commits/feat/x/check-runs?check_name=gate").json
        self.assertEqual([one["id"] for one in latest["check_runs"]], [again["id"]])
        whole = self.right(200, "GET", f"/commits/{HEAD}/check-runs?filter=all&per_page=1")
        self.assertEqual((whole.json["total_count"], len(whole.json["check_runs"])), (2, 1))
        self.assertIn('rel="next"', whole.headers["Link"])
        text = self.right(200, "GET", "/commits/main/check-runs").json["check_runs"][0]["output"]["text"]
        self.assertEqual(text, "digest")
        self.right(422, "POST", "/check-runs", {"name": "gate", "head_sha": "d" * 40})

    def test_commits_are_found_by_branch_and_sha(self):
        sha = {"Accept": "application/vnd.github.sha"}
        for ref in ("main", "heads/main", BASE, BASE[:8]):
            self.assertEqual(self.right(200, "GET", f"/commits/{ref}", headers=sha).body.decode(), BASE)
        self.assertEqual(self.right(200, "GET", "/commits/feat%2Fx").json["parents"][0]["sha"], BASE)
        listed = self.right(200, "GET", "/commits?sha=feat/x&per_page=5").json
        self.assertEqual([commit["sha"] for commit in listed], [HEAD, BASE])
        self.right(422, "GET", "/commits/nowhere")

    def test_two_commits_are_compared(self):
        for pair, status in {
            f"{BASE}...main": "identical",
            f"{BASE}...feat%2Fx": "ahead",
            f"{HEAD}...main": "behind",
        }.items():
            self.assertEqual(self.right(200, "GET", f"/compare/{pair}?per_page=1&page=2").json["status"], status)
        self.control("setup", {"commits": {"d" * 40: {"parents": [BASE]}}})
        self.assertEqual(self.right(200, "GET", f"/compare/{'d' * 40}...{HEAD}").json["status"], "diverged")
        self.right(404, "GET", f"/compare/{'e' * 40}...main")
        self.right(404, "GET", f"/compare/{FORK}...main")

    def test_commits_are_found_by_the_file_that_they_touch(self):
        self.control("setup", {"tokens": {}})
        first = self.right(200, "GET", "/commits?sha=main&path=a%2Fb.txt&per_page=2").json
        self.assertEqual([commit["sha"] for commit in first], [BASE])
        self.assertEqual(self.right(200, "GET", "/commits?sha=main&path=nothing").json, [])

    def test_files_are_raw_or_in_base64(self):
        self.assertEqual(self.right(200, "GET", "/contents/a/b.txt?ref=main", headers={"Accept": RAW}).body, b"hi")
        self.assertEqual(
            self.right(200, "GET", f"/contents/a/c/d?ref={BASE}", headers={"Accept": RAW}).body, b"\xff\xff"
        )
        self.assertEqual(base64.b64decode(self.right(200, "GET", "/contents/a/b.txt").json["content"]), b"hi")
        self.assertEqual([one["type"] for one in self.right(200, "GET", "/contents/a").json], ["file", "dir"])
        self.assertEqual(len(self.right(200, "GET", "/contents/large", headers={"Accept": RAW}).body), 1 << 21)
        self.right(403, "GET", "/contents/large")
        for missing in ("/contents/b.txt", "/contents/a/b.txt?ref=nowhere"):
            self.right(404, "GET", missing)
        for target in ("/contents/a", "/contents/large"):
            self.right(200, "GET", target, headers={"Accept": "application/vnd.github.object+json"})

    def test_pull_requests_are_found_by_their_head(self):
        pull = self.right(200, "GET", "/pulls/7").json
        self.assertEqual((pull["head"]["sha"], pull["head"]["repo"]["full_name"]), (HEAD, self.name))
        self.assertEqual([one["number"] for one in self.right(200, "GET", "/pulls?head=z:y").json], [8])
        self.assertEqual([one["number"] for one in self.right(200, "GET", "/pulls?head=o:feat/x&state=open").json], [7])
        self.assertEqual([one["number"] for one in self.right(200, "GET", "/pulls?state=all").json], [9, 8, 7])
        self.assertIsNone(self.right(200, "GET", "/pulls/9").json["head"]["repo"])
        self.assertEqual(self.right(200, "GET", "/pulls/7/files").json[0]["filename"], "m.yml")

    def test_two_commits_are_compared(self):
        self.control("setup", {"files": {BASE: {"gone": "1", "same": "1"}, HEAD: {"same": "1", "new": "2"}}})
        compared = self.right(200, "GET", f"/compare/{BASE}...{HEAD}?per_page=1").json
        self.assertEqual((compared["status"], compared["total_commits"]), ("ahead", 1))
        files = {file["filename"]: file["status"] for file in compared["files"]}
        self.assertEqual((files["gone"], files["new"], files["m.yml"]), ("removed", "added", "modified"))
        self.assertNotIn("same", files)
        self.assertEqual(self.ask("GET", f"/compare/{BASE}...{'9' * 40}").status, 404)

    def test_an_artifact_is_kept_on_another_host(self):
        self.assertEqual(self.right(200, "GET", "/actions/runs/5").json["event"], "pull_request")
        artifact = self.right(200, "GET", "/actions/runs/5/artifacts?name=report").json["artifacts"][0]
        answer = self.right(302, "GET", f"/actions/artifacts/{artifact['id']}/zip")
        address = urllib.parse.urlsplit(answer.headers["Location"])
        self.assertEqual(address.hostname, "localhost")
        kept = self.right(200, "GET", address.path, headers={"Authorization": None}, below=False).body
        self.assertEqual(zipfile.ZipFile(io.BytesIO(kept)).read("x.json"), b"{}")
        self.assertEqual(len(kept), artifact["size_in_bytes"])
        self.wrong("across a redirect", "GET", address.path, below=False)

    def test_an_issue_is_opened_listed_and_closed(self):
        said = {"title": "t", "body": "b", "labels": ["rollout"], "assignees": ["octocat"]}
        issue = self.right(201, "POST", "/issues", said).json
        self.assertEqual((issue["state"], issue["user"]["login"]), ("open", "github-actions[bot]"))
        listed = "/issues?state=open&since=2020-01-01T00:00:00Z&per_page=100&page=1"
        self.assertEqual([one["number"] for one in self.right(200, "GET", listed).json], [issue["number"]])
        self.right(201, "POST", f"/issues/{issue['number']}/comments", {"body": "x"})
        end = {"state": "closed", "state_reason": "not_planned"}
        self.assertEqual(self.right(200, "PATCH", f"/issues/{issue['number']}", end).json["state"], "closed")
        self.assertEqual(self.right(200, "GET", listed).json, [])
        self.right(404, "PATCH", "/issues/1", end)

    def test_what_is_set_off_is_kept(self):
        self.right(204, "POST", "/dispatches", {"event_type": "retrain", "client_payload": {"a": 1}})
        self.right(204, "POST", "/actions/workflows/rollback.yml/dispatches", {"ref": "main"})
        details = {"ref": "main", "return_run_details": True}
        self.right(200, "POST", "/actions/workflows/rollback.yml/dispatches", details)
        state = self.state()
        self.assertEqual(state["dispatches"], [{"event_type": "retrain", "client_payload": {"a": 1}}])
        self.assertEqual([one["workflow_id"] for one in state["workflow_dispatches"]], ["rollback.yml"] * 2)

    def test_a_deployment_is_made_listed_and_told_of(self):
        said = {"ref": HEAD, "description": "risk 8", "auto_merge": False, "required_contexts": []}
        made = self.right(201, "POST", "/deployments", said).json
        self.assertEqual((made["sha"], made["environment"], made["task"]), (HEAD, "production", "deploy"))
        self.right(201, "POST", "/deployments", {"ref": "main", "environment": "qa"})
        for query, refs in [("", ["main", HEAD]), (f"?sha={HEAD}&per_page=1", [HEAD]), ("?environment=qa", ["main"])]:
            self.assertEqual([one["ref"] for one in self.right(200, "GET", f"/deployments{query}").json], refs)
        at = f"/deployments/{made['id']}/statuses"
        self.assertEqual(self.right(201, "POST", at, {"state": "in_progress"}).json["log_url"], "")
        log = {"log_url": "https://github.com/o/n/actions/runs/42"}
        said = {"state": "success", "description": "é" * 140, "auto_inactive": True, **log}
        self.assertEqual(self.right(201, "POST", at, said).json["target_url"], log["log_url"])
        listed = self.right(200, "GET", f"{at}?per_page=10").json
        listed = [(one["state"], one["log_url"]) for one in listed]
        self.assertEqual(listed, [("success", log["log_url"]), ("in_progress", "")])
        kept = self.state()["deployments"]
        self.assertEqual([one["state"] for one in kept[0]["statuses"]], ["in_progress", "success"])
        self.assertEqual((kept[0]["description"], kept[1]["sha"], kept[1]["statuses"]), ("risk 8", BASE, []))

    def test_a_deployment_that_cannot_be_is_refused(self):
        message = self.right(422, "POST", "/deployments", {"ref": "nowhere"}).json["message"]
        self.assertEqual(message, "No ref found for: nowhere")
        self.control("setup", {"check_runs": {HEAD: [{"name": "gate", "conclusion": "failure"}]}})
        self.control("setup", {"refs": {"old": FORK}, "commits": {BASE: {"parents": [FORK]}}})
        for said, status in [
            ({"ref": HEAD}, 409),
            ({"ref": HEAD, "required_contexts": ["gate"]}, 409),
            ({"ref": HEAD, "required_contexts": []}, 201),
            ({"ref": "old"}, 409),
            ({"ref": "old", "auto_merge": False}, 201),
        ]:
            self.right(status, "POST", "/deployments", said)
        made = self.state()["deployments"]
        self.assertEqual([one["sha"] for one in made], [HEAD, FORK])
        at = f"/deployments/{made[0]['id']}/statuses"
        long = self.right(422, "POST", at, {"state": "failure", "description": "é" * 141}).json
        self.assertIn("140", long["errors"][0]["message"])
        self.right(422, "POST", at, {"state": "failure", "log_url": "actions/runs/42"})
        self.right(404, "POST", "/deployments/1/statuses", {"state": "failure"})
        self.right(404, "GET", "/deployments/1/statuses")
        self.assertEqual(self.right(200, "GET", at).json, [])

    def test_a_deployment_of_a_job_is_there_before(self):
        status = {"state": "in_progress", "log_url": "https://github.com/o/n/actions/runs/42/job/7"}
        said = {"sha": HEAD, "ref": "feat/x", "environment": "qa", "statuses": [status]}
        self.control("setup", {"deployments": [said]})
        one = self.right(200, "GET", f"/deployments?sha={HEAD}").json[0]
        self.assertEqual((one["ref"], one["creator"]["login"]), ("feat/x", "github-actions[bot]"))
        at = f"/deployments/{one['id']}/statuses"
        self.assertEqual(self.right(200, "GET", at).json[0]["log_url"], status["log_url"])
        self.assertEqual(self.right(201, "POST", at, {"state": "success"}).json["environment"], "qa")

    def test_what_succeeds_retires_what_succeeded_before(self):
        before = [("qa", "success"), ("qa", "failure"), ("staging", "success")]
        said = [{"sha": BASE, "environment": place, "statuses": [{"state": state}]} for place, state in before]
        said.append({**said[0], "production_environment": True})
        self.control("setup", {"deployments": [*said, {"sha": HEAD, "environment": "qa"}]})
        at = f"/deployments/{self.state()['deployments'][-1]['id']}/statuses"
        for body, first in [
            ({"state": "failure"}, "success"),
            ({"state": "success", "auto_inactive": False}, "success"),
            ({"state": "success"}, "inactive"),
        ]:
            self.right(201, "POST", at, body)
            states = [one["statuses"][-1]["state"] for one in self.state()["deployments"]]
            self.assertEqual(states, [first, "failure", "success", "success", body["state"]])

    def test_a_branch_is_made_and_a_file_written_on_it(self):
        at, here = "/contents/rollouts/risk.json", {"message": "m", "branch": "j/x"}
        first, second = ({"content": base64.b64encode(text).decode()} for text in (b"one\n" * 50, b"\xff"))
        missing = self.right(404, "PUT", at, here | first).json["message"]
        self.assertEqual(missing, "Branch j/x not found")
        ref = self.right(201, "POST", "/git/refs", {"ref": "refs/heads/j/x", "sha": BASE}).json
        self.assertEqual((ref["ref"], ref["object"]["sha"]), ("refs/heads/j/x", BASE))
        self.right(404, "GET", f"{at}?ref=j%2Fx")
        made = self.right(201, "PUT", at, here | first).json
        self.assertEqual((made["commit"]["parents"][0]["sha"], made["content"]["path"]), (BASE, at[10:]))
        found = self.right(200, "GET", f"{at}?ref=j%2Fx").json
        self.assertEqual(base64.b64decode(found["content"]), b"one\n" * 50)
        self.assertEqual(found["sha"], made["content"]["sha"])
        # A wrong one is a conflict; none at all is not, which is how GitHub has it.
        self.assertIn("wasn't supplied", self.right(422, "PUT", at, here | second).json["message"])
        conflict = self.right(409, "PUT", at, here | second | {"sha": BASE}).json["message"]
        self.assertEqual(conflict, f"rollouts/risk.json does not match {BASE}")
        again = self.right(200, "PUT", at, here | second | {"sha": found["sha"]}).json
        self.right(409, "PUT", at, here | second | {"sha": found["sha"]})
        self.assertEqual(self.right(200, "GET", f"{at}?ref=j/x", headers={"Accept": RAW}).body, b"\xff")
        old = f"{at}?ref={made['commit']['sha']}"
        self.assertEqual(self.right(200, "GET", old, headers={"Accept": RAW}).body, b"one\n" * 50)
        self.right(200, "GET", "/contents/a/b.txt?ref=j/x")
        self.right(404, "GET", f"{at}?ref=main")
        state = self.state()
        self.assertEqual(state["refs"], {"main": BASE, "j/x": again["commit"]["sha"]})
        self.assertEqual([one["content"] for one in state["writes"]], ["one\n" * 50, {"base64": "/w=="}])
        listed = self.right(200, "GET", "/commits?sha=j/x").json
        self.assertEqual([one["sha"] for one in listed], [again["commit"]["sha"], made["commit"]["sha"], BASE])

    def test_a_file_on_the_branch_of_a_pull_request_is_its_head(self):
        said = {"message": "m", "content": "", "branch": "feat/x"}
        commit = self.right(201, "PUT", "/contents/n", said).json["commit"]["sha"]
        self.assertEqual(self.right(200, "GET", "/pulls/7").json["head"]["sha"], commit)
        commit = self.right(201, "PUT", "/contents/n", {"message": "m", "content": ""}).json["commit"]["sha"]
        self.assertEqual(self.state()["refs"]["main"], commit)

    def test_a_file_or_a_branch_that_cannot_be_is_refused(self):
        self.right(422, "PUT", "/contents/a/../n", {"message": "m", "content": ""})
        self.right(404, "PUT", "/contents/n", {"message": "m", "content": "", "branch": HEAD})
        for content in ("a", "aGk=\n", "~~~~"):
            self.right(422, "PUT", "/contents/n", {"message": "m", "content": content})
        for ref, sha, said in [
            ("refs/heads/main", BASE, "already exists"),
            ("refs/heads/feat/x", BASE, "already exists"),
            ("refs/heads/main/x", BASE, "update failed"),
            ("heads/x", BASE, "two slashes"),
            ("refs/heads/a b", BASE, "not a valid ref"),
            ("refs/heads/x.lock", BASE, "not a valid ref"),
            ("refs/heads/x", "main", "40 characters"),
            ("refs/heads/x", "d" * 40, "does not exist"),
        ]:
            self.assertIn(said, self.right(422, "POST", "/git/refs", {"ref": ref, "sha": sha}).json["message"])
        self.assertEqual((self.state()["writes"], self.state()["refs"]), ([], {"main": BASE}))
        self.name = f"o/empty{next(self.numbers)}"
        self.right(409, "POST", "/git/refs", {"ref": "refs/heads/x", "sha": BASE})

    def test_what_is_written_needs_its_own_permission(self):
        deploys, writes = f"deploys-{self.name}", f"writes-{self.name}"
        self.control("setup", {"tokens": {deploys: {"permissions": {"deployments": "write", "contents": "read"}}}})
        self.control("setup", {"tokens": {writes: {"permissions": {"deployments": "read", "contents": "write"}}}})
        self.control("setup", {"deployments": [{"sha": HEAD}], "private": True})
        at = f"/deployments/{self.state()['deployments'][0]['id']}/statuses"
        deployment, status = ("/deployments", {"ref": HEAD}), (at, {"state": "success"})
        ref = ("/git/refs", {"ref": "refs/heads/x", "sha": BASE})
        file = ("/contents/n", {"message": "m", "content": ""})
        for method, (target, body), token, other, named in [
            ("POST", deployment, deploys, writes, "deployments=write"),
            ("POST", status, deploys, writes, "deployments=write"),
            ("POST", ref, writes, deploys, "contents=write"),
            ("PUT", file, writes, deploys, "contents=write"),
        ]:
            answer = self.right(403, method, target, body, headers={"Authorization": f"Bearer {other}"})
            self.assertEqual(answer.headers["X-Accepted-GitHub-Permissions"], named)
            self.right(201, method, target, body, headers={"Authorization": f"Bearer {token}"})
        for target in ("/deployments", at, "/contents/n"):
            self.right(200, "GET", target, headers={"Authorization": f"Bearer {writes}"})

    def test_a_webhook_takes_text(self):
        bare = {"Authorization": None}
        answer = self.right(200, "POST", f"/_hook/{self.name}", {"text": "x"}, headers=bare, below=False)
        self.assertEqual((answer.body, self.state()["hooks"]), (b"ok", [{"text": "x"}]))

    def test_a_token_is_somebody_and_may_do_some_things(self):
        token = f"token-of-{self.name}"
        allowed = {"pull-requests": "write", "checks": "read"}
        self.control("setup", {"tokens": {token: {"permissions": allowed, "login": "app[bot]"}}})
        mine = {"Authorization": f"Bearer {token}"}
        self.right(201, "POST", "/issues/7/comments", {"body": "x"}, headers=mine)
        answer = self.right(403, "POST", "/check-runs", {"name": "x", "head_sha": HEAD}, headers=mine)
        self.assertEqual(answer.json["message"], "Resource not accessible by integration")
        self.right(200, "GET", "/contents/a/b.txt", headers=mine)
        self.control("setup", {"private": True})
        self.right(403, "GET", "/contents/a/b.txt", headers=mine)
        self.assertEqual(self.right(401, "GET", "/pulls/7").json["message"], "Bad credentials")
        query = {"query": "query Me { viewer { login } }"}
        answer = self.right(200, "POST", "/graphql", query, headers=mine, below=False)
        self.assertEqual(answer.json, {"data": {"viewer": {"login": "app[bot]"}}})
        self.wrong("is understood", "POST", "/graphql", {"query": "{ viewer { name } }"}, headers=mine, below=False)

    def test_an_enterprise_server_has_its_api_below(self):
        self.right(200, "GET", f"/api/v3/repos/{self.name}/pulls/7", below=False)
        self.wrong("not described", "GET", f"/repos/{self.name}//pulls/7", below=False)

    def test_everything_that_is_described_is_played(self):
        described = json.loads(Path(__file__).with_name("github-api.json").read_text())["paths"].values()
        files = Path(__file__).parent.glob("github_*.py")
        played = "".join(file.read_text() for file in files)
        for operation in (operation for methods in described for operation in methods.values()):
            self.assertIn(f'@plays("{operation["operationId"]}"', played)


class WhatIsWrong(Test):
    def test_where_it_goes(self):
        self.assertEqual(self.wrong("not described", "GET", "/nothing").status, 404)
        self.wrong("not described", "DELETE", "/issues/comments/1")
        self.wrong("`issue_number`: 'x' is not of type", "GET", "/issues/x/comments")
        everywhere = self.ask("GET", "/_control/violations", below=False).json
        self.assertIn(f"GET /repos/{self.name}/nothing: it is not described", everywhere)

    def test_its_query(self):
        self.wrong("`perpage` is not described", "GET", "/issues/7/comments?perpage=3")
        self.wrong("`per_page`: 'x'", "GET", "/issues/7/comments?per_page=x")
        self.wrong("101 is not from 1 to 100", "GET", "/issues/7/comments?per_page=101")
        self.wrong("is given twice", "GET", "/issues/7/comments?page=1&page=2")
        self.wrong("'new' is not one of", "GET", "/pulls?state=new")
        self.wrong("does not heed", "GET", "/commits?author=x")

    def test_its_headers(self):
        for said, name, value in [
            ("`Accept: */*`", "Accept", "*/*"),
            ("`Accept: application/vnd.github.sha`", "Accept", "application/vnd.github.sha"),
            ("it has no `Accept`", "Accept", ""),
            ("User-Agent", "User-Agent", None),
            ("Api-Version", "X-GitHub-Api-Version", "20221128"),
            ("Api-Version", "X-GitHub-Api-Version", "2999-01-01"),
            ("Authorization", "Authorization", "Basic eDp5"),
        ]:
            self.wrong(said, "GET", "/pulls/7", headers={name: value})
        answer = self.wrong("Authorization", "GET", "/pulls/7", headers={"Authorization": None})
        self.assertEqual(answer.json["message"], "Requires authentication")

    def test_its_body(self):
        comments = "/issues/7/comments"
        self.assertEqual(self.wrong("`bodyy`", "POST", comments, {"body": "x", "bodyy": "x"}).status, 201)
        self.assertEqual(self.wrong("required", "POST", comments, {}).status, 422)
        self.assertEqual(self.wrong("None is not of type 'object'", "POST", comments, b"{").status, 400)
        self.wrong("`text/plain`", "POST", comments, {"body": "x"}, headers={"Content-Type": "text/plain"})
        self.wrong("it has a body", "GET", "/pulls/7", {"a": 1})
        self.wrong("date-time", "POST", "/check-runs", {"name": "x", "head_sha": HEAD, "started_at": "now"})
        self.wrong(
            "'green' is not one of", "POST", "/check-runs", {"name": "x", "head_sha": HEAD, "conclusion": "green"}
        )
        nested = {**OUTPUT, "annotations": [ANNOTATION | {"line": 1}]}
        self.wrong("annotations.0: `line`", "POST", "/check-runs", {"name": "x", "head_sha": HEAD, "output": nested})
        self.wrong(
            "too many properties",
            "POST",
            "/dispatches",
            {"event_type": "x", "client_payload": dict.fromkeys("abcdefghijk")},
        )

    def test_the_limits_of_a_check_run(self):
        for output, said in [
            ({**OUTPUT, "annotations": [ANNOTATION] * 51}, "No more than 50 items are allowed; 51 were supplied."),
            ({**OUTPUT, "summary": "x" * 65_536}, "Only 65535 characters are allowed; 65536 were supplied."),
            ({**OUTPUT, "text": "x" * 65_536}, "Only 65535 characters are allowed; 65536 were supplied."),
        ]:
            answer = self.wrong("too long", "POST", "/check-runs", {"name": "x", "head_sha": HEAD, "output": output})
            self.assertEqual((answer.status, answer.json["message"]), (422, f"Invalid request.\n\n{said}"))

    def test_an_answer_that_is_not_as_described(self):
        self.control("setup", {"pulls": [{**SETUP["pulls"][0], "title": 3}]})
        self.wrong("answer.title: 3 is not of type", "GET", "/pulls/7")

    def test_what_is_written(self):
        self.wrong("`enviroment` is not described", "GET", "/deployments?enviroment=qa")
        self.wrong("101 is not from 1 to 100", "GET", "/deployments?per_page=101")
        self.wrong("`ref` is not described", "PUT", "/contents/n", {"message": "m", "content": "", "ref": "main"})
        self.control("setup", {"deployments": [{"sha": HEAD}]})
        at = f"/deployments/{self.state()['deployments'][0]['id']}/statuses"
        for said, method, target, body in [
            ("'done' is not one of", "POST", at, {"state": "done"}),
            ("'ref' is a required property", "POST", "/deployments", {"environment": "qa"}),
            ("'sha' is a required property", "POST", "/git/refs", {"ref": "refs/heads/x"}),
            ("'content' is a required property", "PUT", "/contents/m", {"message": "m"}),
        ]:
            self.assertEqual(self.wrong(said, method, target, body).status, 422)
        self.assertEqual((self.state()["deployments"][0]["statuses"], len(self.state()["writes"])), ([], 1))

    def test_a_webhook(self):
        at, bare = f"/_hook/{self.name}", {"Authorization": None}
        self.wrong("`text` is missing", "POST", at, {"words": "x"}, headers=bare, below=False)
        self.wrong("credentials sent to a webhook", "POST", at, {"text": "x"}, below=False)
        header = {"type": "header", "text": {"type": "plain_text", "text": "x" * 151}}
        self.wrong("header: 151 characters", "POST", at, {"text": "x", "blocks": [header]}, headers=bare, below=False)
        text = {"type": "TextBlock", "text": "[a](http://b)"}
        card = {"type": "AdaptiveCard", "version": "1.4", "body": [text]}
        card = {"contentType": "application/vnd.microsoft.card.adaptive", "content": card}
        body = {"type": "message", "attachments": [card]}
        self.wrong("card: ", "POST", at, body, headers=bare, below=False)


class WhatGoesWrong(Test):
    def comments(self):
        return len(self.state()["comments"]["7"])

    def post(self):
        return self.ask("POST", "/issues/7/comments", {"body": "x"})

    def test_an_answer_is_given_without_doing(self):
        fault = {"method": "POST", "path_contains": "/comments", "nth": 2, "status": 429, "headers": {"Retry-After": 3}}
        self.control("faults", [fault | {"body": {"message": "slow down"}}])
        self.assertEqual(self.right(201, "POST", "/issues/7/comments", {"body": "x"}).status, 201)
        answer = self.right(429, "POST", "/issues/7/comments", {"body": "x"})
        self.assertEqual((answer.headers["Retry-After"], answer.json), ("3", {"message": "slow down"}))
        self.assertEqual(self.comments(), 2)
        self.right(201, "POST", "/issues/7/comments", {"body": "x"})
        self.assertEqual([one["status"] for one in self.state()["requests"]], [201, 429, 201])

    def test_a_connection_is_closed_before_or_after(self):
        for action, made in [("close_before", 0), ("close_after", 1)]:
            before = self.comments()
            self.control("faults", [{"method": "POST", "action": action, "nth": 1}])
            with self.assertRaises(http.client.RemoteDisconnected):
                self.post()
            self.assertEqual(self.comments(), before + made)
            self.assertEqual(self.post().status, 201)

    def test_an_answer_is_late(self):
        self.control("faults", [{"action": "delay", "seconds": 0.3}])
        began = time.monotonic()
        self.assertEqual(self.post().status, 201)
        self.assertGreater(time.monotonic() - began, 0.3)

    def test_an_answer_breaks_off(self):
        self.control("faults", [{"status": 200, "body": "[{", "headers": {"Content-Length": 99}}])
        with self.assertRaises(http.client.IncompleteRead):
            self.post()

    def test_a_fault_or_a_setup_that_is_not_understood_is_refused(self):
        for what, document in [("faults", [{"actoin": "x"}]), ("faults", [{"action": "x"}]), ("setup", {"pull": []})]:
            answer = self.ask("POST", f"/_control/{self.name}/{what}", document, below=False)
            self.assertEqual(answer.status, 400)


if __name__ == "__main__":
    unittest.main()
