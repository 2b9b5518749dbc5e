#!/usr/bin/env python3
"""Stories of rollouts, played for real. run.sh starts this, and says how.

Each has three witnesses: what mlgate says (exit code, rollout.json), what the router does, asked without any code of
mlgate's, and what users saw.
"""

import http.server
import json
import shutil
import signal
import sys
import tempfile
import threading
import time
import traceback
from pathlib import Path

from stage import JUDGED, MODEL, OTHER, Failed, Mlflow, Stage, end_on_signals, expect, until

# Stories that are played at once, and worlds that are up: a world takes six seconds to start, most of it by sleeping.
PLAYING, UP = 4, 7

STORIES = []


def story(router="haproxy", long=0):
    """`long` ones go first, so that none is left alone at the end."""

    def add(play):
        STORIES.append((-long, play, router))
        return play

    return add


# --- a canary


@story(long=25)
def a_good_canary_is_promoted(stage):
    stage.fault("stable", errors=0.01)
    stage.fault("candidate", errors=0.01)
    stage.config(steps=[5, 10, 25, 50, 100], step_seconds=4)
    stage.users()
    ran = stage.rollout().came_to("promoted", 0)
    saw = stage.saw()
    expect(ran.weights[-5:] == [5, 10, 25, 50, 100], f"the weights were {ran.weights}")
    expect(ran.json["weight"] == 100, f"rollout.json says {ran.json['weight']} %")
    least = min(
        max(moment["candidate"]["requests"] for moment in ran.json["timeline"] if moment["weight"] == weight)
        for weight in (5, 10, 25, 50, 100)
    )
    expect(least >= 60, f"a step passed with {least} requests")
    stage.is_served_by("candidate")
    expect(saw["nobody"]["errors"] == 0, f"users were turned away: {saw}")
    return f"{ran.seconds:.0f} s, {saw['requests']} requests, {saw['candidate']['requests']} of them to the candidate"


@story(long=12)
def eight_percent_of_errors_are_rolled_back(stage):
    stage.fault("stable", errors=0.01)
    stage.fault("candidate", errors=0.08)
    stage.config(steps=[5, 10, 25, 50, 100], step_seconds=4)
    stage.users()
    ran = stage.rollout().came_to("rolled_back", 1, "fail")
    saw = stage.saw()
    stage.is_served_by("stable")
    own = saw["candidate"]
    expect(own["requests"] >= 20, f"the candidate had {own['requests']} requests: nothing was tried")
    expect(saw["share"] < 0.10, f"the candidate had {saw['share']:.1%} of the traffic")
    expect(own["errors"] / own["requests"] > 0.05, f"users saw {own}")
    return f"{ran.seconds:.0f} s, {saw['share']:.1%} of {saw['requests']} requests reached it ({ran.reason})"


def beyond_a_limit(stage, limit, gauge, *, what, said="in a row", **faults):
    stage.fault("candidate", **faults)
    stage.config(limits=[{"error_rate": {"max": 0.02}}, limit], steps=[20, 100])
    stage.users()
    if gauge == "accuracy":
        until(lambda: stage.is_scraped("model_delayed_accuracy"), "Prometheus has the delayed accuracy")
    ran = stage.rollout().came_to("rolled_back", 1, gauge, said)
    saw = stage.saw()
    stage.is_served_by("stable")
    expect(saw["share"] < 0.3, f"the candidate had {saw['share']:.1%} of the traffic")
    if what:
        hit = saw["candidate"][what] / saw["candidate"]["requests"]
        # On a busy machine stable is slow now and then.
        expect(hit > 0.1 and saw["stable"][what] <= hit / 3 * saw["stable"]["requests"], f"users saw {saw}")
    return f"{ran.seconds:.0f} s ({ran.reason})"


@story(long=9)
def a_slow_one_is_rolled_back(stage):
    return beyond_a_limit(stage, {"latency_p99_ms": {"max": 100}}, "latency_p99_ms", what="slow", said="beyond 100", latency_ms=200)


@story(long=14)
def a_limit_on_latency_is_counted_by_buckets(stage):
    def limited(most):
        stage.config(limits=[{"error_rate": {"max": 0.02}}, {"latency_p99_ms": {"max": most}}], max_hold_seconds=5)

    stage.users(warm=2)
    limited(1)
    ran = stage.rollout()
    expect(ran.exit == 2 and "below the first boundary of its buckets, 2.5" in ran.said, f"exit {ran.exit}: {ran.said}")
    limited(150)
    ran = stage.rollout("--dry-run")
    said = "no boundary of its buckets: beyond 250 they surely are, beyond 100 possibly"
    expect(ran.exit == 0 and said in ran.said, f"exit {ran.exit}: {ran.said}")
    # 120 ms are perhaps too slow, which nothing can say.
    stage.fault("candidate", latency_ms=120)
    between = stage.rollout().came_to("aborted", 1, "possibly 100 %", "between two boundaries")
    stage.is_served_by("stable")
    stage.fault("candidate", latency_ms=0)
    limited(100)
    good = stage.rollout().came_to("promoted", 0)
    return f"{between.reason}; promoted in {good.seconds:.0f} s"


@story(long=9)
def nulls_are_rolled_back(stage):
    name = "prediction_null_percent"
    return beyond_a_limit(stage, {"signal": {"name": name, "max": 1}}, name, what="nulls", nulls=0.2)


@story(long=9)
def answers_out_of_range_are_rolled_back(stage):
    name = "prediction_out_of_range_percent"
    return beyond_a_limit(stage, {"signal": {"name": name, "max": 1}}, name, what="out_of_range", out_of_range=0.2)


@story(long=9)
def wrong_answers_are_rolled_back_when_the_truth_is_known(stage):
    return beyond_a_limit(stage, {"accuracy": {"min": 0.9}}, "accuracy", what=None, right=0.6)


@story(long=6)
def both_bad_at_once_is_aborted_and_said(stage):
    stage.fault("stable", errors=0.2)
    stage.fault("candidate", errors=0.2)
    stage.config()
    stage.users()
    ran = stage.rollout().came_to("aborted", 1, "too: it is not the candidate")
    stage.is_served_by("stable")
    return f"{ran.seconds:.0f} s ({ran.reason})"


@story(long=10)
def one_that_crashes_is_not_promoted(stage):
    stage.config(max_hold_seconds=4)
    stage.users()
    ran = stage.start_rollout()
    stage.at_weight(10, ran)
    time.sleep(1)
    stage.fault("candidate", down=True)
    ran.end()
    expect(ran.exit == 1 and ran.result in ("aborted", "rolled_back"), f"exit {ran.exit}, {ran.result}: {ran.reason}")
    saw = stage.saw()
    stage.is_served_by("stable")
    # The router's own health check takes a second, and asks again elsewhere where it can.
    lost = saw["candidate"]["errors"] + saw["nobody"]["errors"]
    expect(lost <= 30, f"{lost} users were turned away: {saw}")
    return f"{ran.seconds:.0f} s, {ran.result}, {lost} users were turned away ({ran.reason})"


# --- nothing is seen


@story(long=16)
def metrics_that_vanish_are_no_promotion(stage):
    # First all that is known of the candidate, with `no_data: rollback`; then only its latency.
    own = {"requests": 'sum(model_requests_total{arm="{{arm}}"})', "errors": 'sum(model_errors_total{arm="{{arm}}"})'}
    stage.config(source=own | {"absent_errors": "zero"}, no_data="rollback")
    stage.users()
    ran = stage.start_rollout()
    stage.at_weight(10, ran)
    time.sleep(1.5)
    stage.fault("candidate", metrics=False)
    first = ran.end().came_to("rolled_back", 1, "no data")
    stage.is_served_by("stable")

    stage.fault("candidate", metrics=True)
    stage.config(max_hold_seconds=4)
    time.sleep(1)
    ran = stage.start_rollout()
    stage.at_weight(10, ran)
    time.sleep(1.5)
    stage.fault("candidate", metrics=False)
    second = ran.end().came_to("aborted", 1, "latency_p99_ms")
    stage.is_served_by("stable")
    return f"{first.reason}; {second.reason}"


@story(long=8)
def no_traffic_at_all_is_no_promotion(stage):
    stage.config(step_seconds=2, max_hold_seconds=4)
    stage.users(rps=0)
    ran = stage.rollout().came_to("aborted", 1, "too little traffic")
    stage.is_served_by("stable")
    expect(stage.saw()["requests"] == 0, "there were users")
    return f"{ran.seconds:.0f} s ({ran.reason})"


@story(long=9)
def without_prometheus_stable_comes_back(stage):
    stage.config(max_hold_seconds=4)
    stage.users()
    ran = stage.start_rollout()
    stage.at_weight(10, ran)
    time.sleep(1)
    stage.world.tell(stop="prometheus")
    ran.end().came_to("aborted", 1, "Prometheus")
    saw = stage.saw()
    stage.is_served_by("stable")
    expect(0 < saw["share"] < 0.12, f"the candidate had {saw['share']:.1%} of the traffic")
    return f"{ran.seconds:.0f} s ({ran.reason})"


RATE = [{"error_rate": {"max": 0.02}}]
APP = {
    "requests": 'sum(model_requests_total{arm="{{arm}}"})',
    "errors": 'sum(model_errors_total{arm="{{arm}}"})',
}


@story(long=14)
def an_errors_query_that_matches_nothing_moves_nothing(stage):
    stage.fault("candidate", errors=0.3)
    stage.users()
    right = stage.world.said["signals"]["errors"]
    seen = []
    for wrong, said in {
        right.replace("5xx", "500"): "`500` never",
        right.replace("code=", "status="): "no label `status`",
        right.replace("responses_total", "response_total"): "`haproxy_server_http_response_total`",
        right + " or vector(0)": None,
        right.replace("5xx", "500") + " or vector(0)": "`500` never",
        right[:-1]: "parse error",
    }.items():
        stage.config(source={"errors": wrong}, limits=RATE, gauges=())
        for more in ([], ["--dry-run"]):
            if said is None and not more:
                continue
            ran = stage.rollout(*more)
            wanted = 2 if said else 0
            expect(ran.exit == wanted and (said or "preflight") in ran.said, f"exit {ran.exit}, `{said}`: {ran.said}")
            if said and "parse error" not in said:
                expect("absent_errors: zero" in ran.said, f"no line to add: {ran.said}")
        seen.append(said)
    expect(stage.saw()["candidate"]["requests"] == 0, "users met the candidate")
    stage.is_served_by("stable")
    return f"{len(seen)} queries, exit 2 before any traffic"


@story(long=16)
def a_candidate_without_its_own_metrics_is_not_promoted(stage):
    # Stable fails now and then, so that the counter is known; the candidate's is not, for nothing scrapes it.
    stage.fault("stable", errors=0.05)
    stage.fault("candidate", errors=0.3, metrics=False)
    users = stage.world.said["signals"]["requests"]
    stage.config(source={"requests": users, "errors": APP["errors"]}, limits=RATE, gauges=(), max_hold_seconds=4, no_data="rollback")
    stage.users(warm=2)
    ran = stage.rollout().came_to("aborted", 1, "errors")
    stage.is_served_by("stable")
    expect(stage.saw()["share"] < 0.12, "it went on")

    # Its target dies in the middle, and the query says 0.
    stage.fault("candidate", errors=0.0, metrics=True)
    dying = {"requests": users, "errors": APP["errors"] + " or vector(0)"}
    stage.config(source=dying, limits=RATE, gauges=(), max_hold_seconds=4)
    time.sleep(1.5)
    second = stage.start_rollout()
    stage.at_weight(10, second)
    time.sleep(1)
    stage.fault("candidate", errors=0.3, metrics=False)
    second.end().came_to("aborted", 1, "errors")
    stage.is_served_by("stable")
    return f"{ran.reason}; {second.reason}"


@story(long=14)
def a_service_that_never_failed_says_so_in_one_line(stage):
    stage.config(source=APP, limits=RATE, gauges=())
    stage.users()
    ran = stage.rollout()
    expect(ran.exit == 2 and "absent_errors: zero" in ran.said, f"exit {ran.exit}: {ran.said}")
    expect(stage.saw()["candidate"]["requests"] == 0, "users met the candidate")
    stage.config(source=APP | {"absent_errors": "zero"}, limits=RATE, gauges=())
    good = stage.rollout().came_to("promoted", 0)
    stage.is_served_by("candidate")
    return f"exit 2 without the line, promoted with it in {good.seconds:.0f} s"


@story(long=4)
def nothing_moves_before_prometheus_has_answered(stage):
    stage.config()
    stage.users()
    stage.world.tell(stop="prometheus")
    for more in ([], ["--dry-run"]):
        ran = stage.rollout(*more)
        expect(ran.exit == 3 and "no answer from Prometheus" in ran.said, f"exit {ran.exit}: {ran.said}")
    expect(stage.saw()["candidate"]["requests"] == 0, "users met the candidate")
    stage.is_served_by("stable")
    return "exit 3 before any traffic"


@story(long=9)
def a_range_of_a_bare_name_ends_with_its_target(stage):
    limits = [*RATE, {"accuracy": {"min": 0.5}}]
    query = "min(max_over_time(model_delayed_accuracy[5m]))"
    stage.config(limits=limits, gauges=(), source={"accuracy": query, "stale_seconds": 5}, max_hold_seconds=4)
    stage.users(warm=2.5)
    ran = stage.start_rollout()
    stage.at_weight(10, ran)
    for arm in ("stable", "candidate"):
        stage.fault(arm, metrics=False)
    ran.end().came_to("aborted", 1, "`model_delayed_accuracy` has no sample")
    stage.is_served_by("stable")
    return ran.reason


FAKETIME = sorted(Path("/usr/lib").glob("*/faketime/libfaketime.so.1"))


@story(long=10)
def a_wall_clock_that_is_set_back_blinds_nothing(stage):
    if not FAKETIME:
        return "skipped: libfaketime is not installed"
    clock = stage.folder / "clock"
    clock.write_text("+0")
    stage.environment |= {
        "LD_PRELOAD": str(FAKETIME[0]),
        "FAKETIME_TIMESTAMP_FILE": str(clock),
        "FAKETIME_NO_CACHE": "1",
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        "DONT_FAKE_MONOTONIC": "1",
    }
    stage.config(limits=RATE, gauges=(), step_seconds=20)
    stage.users()
    ran = stage.start_rollout()
    stage.at_weight(10, ran)
    time.sleep(1.5)
    clock.write_text("-40")
    stage.fault("candidate", errors=0.5)
    start = time.monotonic()
    ran.end().came_to("rolled_back", 1, "fail")
    took = time.monotonic() - start
    stage.is_served_by("stable")
    expect(took < 15, f"it took {took:.0f} s")
    return f"40 s back, and rolled back {took:.1f} s later"


# --- others move things


@story(long=20)
def a_router_that_restarts_gets_its_weights_again(stage):
    stage.config()
    stage.users()
    ran = stage.start_rollout()
    stage.at_weight(50, ran)
    time.sleep(0.5)
    stage.world.tell(restart="haproxy")
    ran.end().came_to("promoted", 0)
    expect("lost its weights" in ran.words, f"it was not noticed: {ran.words}")
    expect(ran.weights[-3:] == [0, 50, 100], f"the weights were {ran.weights}")
    stage.is_served_by("candidate")
    turned = stage.saw()["nobody"]["errors"]
    return f"{ran.seconds:.0f} s, weights {ran.weights}, {turned} users met a closed door"


@story(long=16)
def a_champion_gets_its_traffic_again_after_a_restart(stage):
    stage.config(strategy="direct")
    stage.users()
    stage.rollout().came_to("promoted", 0)
    stage.is_served_by("candidate")
    stage.world.tell(restart="haproxy")
    until(lambda: stage.weights()["candidate"] == 0, "the router has the weights of its own file")
    ran = stage.run("watch").came_to("held", 0, "was restarted", "all of the traffic again")
    stage.is_served_by("candidate")
    stage.watch_leaves_alone(100)
    # An operator at a router that was not restarted decides otherwise.
    stage.world.tell(set={"stable": 60, "candidate": 40})
    moved = stage.run("watch").came_to("aborted", 1, "an operator", "40 %")
    expect(stage.weights()["candidate"] == 40, f"the router has {stage.weights()}")
    stage.run("rollback").came_to("rolled_back", 0)
    stage.is_served_by("stable")
    return f"{ran.reason}; {moved.reason}"


@story(router="envoy", long=16)
def a_router_that_tells_no_uptime_leaves_it_to_a_person(stage):
    # No answer has failed yet, and Envoy exports a count of failures from the first one on.
    stage.config(strategy="direct", source={"absent_errors": "zero"})
    stage.users()
    stage.rollout().came_to("promoted", 0)
    stage.world.tell(set={"stable": 100, "candidate": 0})
    until(lambda: stage.weights()["candidate"] == 0, "stable has all of the traffic")
    ran = stage.run("watch")
    expect(ran.exit == 3, f"exit {ran.exit}")
    expect("mlgate rollback" in ran.said, f"no command is printed: {ran.said}")
    stage.is_served_by("stable")
    stage.run("rollback").came_to("rolled_back", 0)
    stage.run("watch").came_to("held", 0, "nothing to watch")
    return "exit 3, and the commands"


@story(long=14)
def an_operators_hand_at_the_router_wins(stage):
    stage.config(steps=[20, 50, 100], step_seconds=6)
    stage.users()
    for candidate in (0, 70):
        ran = stage.start_rollout()
        stage.at_weight(20, ran)
        time.sleep(1.5)
        stage.world.tell(set={"stable": 100 - candidate, "candidate": candidate})
        ran.end().came_to("aborted", 1, "an operator", f"{candidate} %")
        time.sleep(1.5)
        expect(stage.weights()["candidate"] == candidate, f"the router has {stage.weights()}")
        stage.watch_leaves_alone(candidate)
    by_hand = stage.run("rollback").came_to("rolled_back", 0)
    stage.is_served_by("stable")
    return f"{ran.reason}; then {by_hand.reason}"


@story(long=10)
def a_rollout_that_loses_its_journal_restores_stable(stage):
    stage.config(steps=[50, 100], step_seconds=30)
    stage.users()
    journal = stage.folder / "state/rollout.json"
    for text in (None, "", "{"):
        ran = stage.start_rollout()
        stage.at_weight(50, ran)
        time.sleep(1)
        journal.unlink() if text is None else journal.write_text(text)
        ran.end().came_to("aborted", 1, "the journal was lost")
        stage.is_served_by("stable")
    # Nobody is there, and nothing is written down: the watch restores stable.
    journal.unlink()
    stage.world.tell(set={"stable": 50, "candidate": 50})
    ran = stage.run("watch").came_to("aborted", 3, "no journal")
    stage.is_served_by("stable")
    return ran.reason


@story(long=14)
def a_person_rolls_back_while_mlflow_is_away(stage):
    mlflow = Mlflow(stage.folder / "mlflow")
    stage.environment["MLFLOW_TRACKING_URI"] = mlflow.uri
    mlflow.put("2", MLmodel=MLMODEL, model=JUDGED)
    stage.config(
        journal={"mlflow": {}}, registry={"mlflow": {"promote": "champion", "keep": "previous"}}, steps=[50, 100]
    )
    stage.users()
    try:
        stage.rollout().came_to("promoted", 0)
    finally:
        mlflow.close()
    took = []
    for more in ([], ["--to-version", "1"]):
        stage.world.tell(set={"stable": 0, "candidate": 100})
        start = time.monotonic()
        ran = stage.start("rollback", *more)
        until(lambda: stage.weights()["candidate"] == 0, "stable is restored", 5)
        took.append(time.monotonic() - start)
        ran.end().came_to("rolled_back", 3)
        expect("registry: FAILED" in ran.said and "the journal could not be closed" in ran.said, ran.said)
        stage.is_served_by("stable")
    return f"stable was restored after {took[0]:.1f} and {took[1]:.1f} s"


# --- mlgate ends before its rollout


@story(long=20)
def killed_and_started_again_it_goes_on(stage):
    stage.config()
    stage.users()
    ran = stage.start_rollout()
    stage.at_weight(50, ran)
    ran.process.kill()
    expect(ran.end().exit == -signal.SIGKILL, f"exit {ran.exit}")
    time.sleep(1)
    expect(stage.weights()["candidate"] == 50, f"nobody holds it, and the router has {stage.weights()}")
    again = stage.rollout().came_to("promoted", 0)
    expect(again.weights == [50, 100], f"it went on by {again.weights}")
    expect("under way" in again.said, f"it does not say that it goes on: {again.said}")
    stage.is_served_by("candidate")
    return f"on from 50 % after a kill -9: {again.weights}"


@story(long=13)
def killed_and_left_alone_the_watch_restores_stable(stage):
    stage.config(heartbeat_seconds=2)
    stage.users()
    ran = stage.start_rollout()
    stage.at_weight(10, ran)
    time.sleep(1.2)
    # Who watches while it lives leaves it alone.
    stage.watch_leaves_alone(10)
    ran.process.kill()
    ran.end()
    expect(stage.weights()["candidate"] == 10, f"nobody holds it, and the router has {stage.weights()}")
    time.sleep(4)
    watched = stage.run("watch").came_to("aborted", 1, "nobody carries it on")
    stage.is_served_by("stable")
    return watched.reason


@story(long=30)
def a_watch_finds_what_changes_after_the_promotion(stage):
    limits = [{"error_rate": {"max": 0.02}}, {"latency_p99_ms": {"max": 100}}]
    found = []
    for fault, what in (({"errors": 0.1}, "requests failed in the last"), ({"latency_ms": 200}, "answers are beyond 100 of latency_p99_ms")):
        stage.config("direct", limits=limits, step_seconds=2)
        stage.users()
        stage.rollout().came_to("promoted", 0)
        # As a schedule does it: each is a process of its own, and the journal keeps what was seen.
        for _ in range(3):
            stage.run("watch").came_to("held", 0)
        stage.fault("candidate", **fault)
        watched = stage.run("watch", "--seconds", "20").came_to("rolled_back", 1, what, "(p ")
        stage.is_served_by("stable")
        stage.fault("candidate", **{name: 0 for name in fault})
        found.append(f"{watched.seconds:.0f} s ({watched.reason})")
    return "; ".join(found)


@story(long=14)
def errors_are_judged_by_a_label(stage):
    stage.config(source={"by": "proxy"})
    stage.users()
    ran = stage.rollout("--dry-run")
    expect(ran.exit == 0 and "segments by `proxy`: 1 of stable" in ran.said, f"exit {ran.exit}: {ran.said}")
    stage.rollout().came_to("promoted", 0)
    stage.is_served_by("candidate")
    stage.config(source={"by": "region"})
    ran = stage.run("rollback")
    ran = stage.rollout()
    expect(ran.exit == 2 and "without the label `region`" in ran.said, f"exit {ran.exit}: {ran.said}")
    return "one proxy, and no region"


@story(long=8)
def cancelled_it_restores_stable_in_time(stage):
    stage.config(steps=[20, 100], step_seconds=30)
    stage.users()
    took = []
    for number in (signal.SIGTERM, signal.SIGINT):
        ran = stage.start_rollout()
        stage.at_weight(20, ran)
        time.sleep(0.7)
        start = time.monotonic()
        ran.process.send_signal(number)
        until(lambda: stage.weights()["candidate"] == 0, "stable is restored", 5)
        ran.end().came_to("aborted", 1, "cancelled")
        took.append(time.monotonic() - start)
        expect(took[-1] < 5, f"it took {took[-1]:.1f} s")
        stage.is_served_by("stable")
    return f"SIGTERM {took[0]:.2f} s, SIGINT {took[1]:.2f} s"


@story(long=22)
def by_single_looks_it_is_promoted_or_ends_when_no_look_comes(stage):
    stage.config(steps=[20, 100], step_seconds=2)
    stage.users()
    looks, held = 0, []
    while True:
        ran = stage.rollout("--once")
        looks += 1
        expect(looks < 40, "it does not end")
        if ran.result != "held":
            break
        ran.came_to("held", 0)
        held.append(ran.json["weight"])
        expect(stage.weights()["candidate"] == held[-1], f"held at {held[-1]} %, and the router has {stage.weights()}")
        if looks == 2:
            stage.watch_leaves_alone(held[-1])
        time.sleep(0.7)
    ran.came_to("promoted", 0)
    expect(looks >= 4 and {20, 100} <= set(held), f"{looks} looks, held at {held}")
    stage.is_served_by("candidate")

    stage.world.tell(set={"stable": 100, "candidate": 0})
    stage.config(steps=[20, 100], step_seconds=2, max_gap_seconds=1)
    stage.rollout("--once").came_to("held", 0)
    expect(stage.weights()["candidate"] == 20, f"the router has {stage.weights()}")
    time.sleep(2)
    late = stage.run("watch").came_to("aborted", 1, "next look")
    stage.is_served_by("stable")
    return f"promoted by {looks} looks; then: {late.reason}"


# --- release after release


def release(stage, version):
    stage.write_report(model={"name": "credit-risk", "version": version, "sha256": MODEL, "artifact": None})
    return stage.rollout()


def three_releases(stage):
    arms = {"2": "candidate", "3": "stable", "4": "candidate"}
    seconds = []
    for version, slot in arms.items():
        ran = release(stage, version).came_to("promoted", 0)
        stage.is_served_by(slot)
        expect(ran.json["slots"]["production"] == slot, f"rollout.json says {ran.json['slots']}")
        stage.run("watch").came_to("held", 0, "in order")
        stage.is_served_by(slot)
        seconds.append(round(ran.seconds))
    # Back to the second one, which the fourth does not replace.
    stage.run("rollback").came_to("rolled_back", 0)
    stage.is_served_by("stable")
    stage.fault("candidate", errors=0.3)
    bad = release(stage, "5").came_to("rolled_back", 1, "fail")
    stage.is_served_by("stable")
    lost = stage.saw()["nobody"]["errors"]
    expect(lost == 0, f"{lost} users were turned away")
    return f"{seconds} s, back to version 3, and {bad.reason}"


@story(long=60)
def three_releases_in_a_row_and_back_at_haproxy(stage):
    stage.fault("stable", errors=0.005)
    stage.fault("candidate", errors=0.005)
    stage.config(steps=[20, 100], step_seconds=2)
    stage.users()
    return three_releases(stage)


@story(router="envoy", long=60)
def three_releases_in_a_row_and_back_at_envoy(stage):
    stage.config(steps=[20, 100], step_seconds=2, source={"absent_errors": "zero"})
    stage.users()
    return three_releases(stage)


@story(long=40)
def a_restart_after_the_second_release_is_repaired(stage):
    stage.environment["MLGATE_JOURNAL_KEY"] = "a key of the stories, of some length"
    stage.config(steps=[20, 100], step_seconds=2)
    stage.users()
    for version in ("2", "3"):
        release(stage, version).came_to("promoted", 0)
    stage.is_served_by("stable")
    # Its own file names this slot, too.
    stage.world.tell(restart="haproxy")
    stage.run("watch").came_to("held", 0, "in order")
    stage.is_served_by("stable")
    # A third one in the other slot, and the version before is away.
    release(stage, "4").came_to("promoted", 0)
    stage.fault("stable", ready=False)
    time.sleep(1.5)
    ran = stage.run("rollback")
    expect(ran.exit == 3 and "traffic: FAILED" in ran.said and "is down" in ran.said, f"exit {ran.exit}: {ran.said}")
    stage.is_served_by("candidate")
    stage.fault("stable", ready=True)
    # And a fourth that is taken back, of which a restart makes all of the traffic.
    time.sleep(1.5)
    stage.fault("stable", errors=0.3)
    release(stage, "5").came_to("rolled_back", 1, "fail")
    stage.is_served_by("candidate")
    stage.world.tell(restart="haproxy")
    until(lambda: stage.weights()["candidate"] == 0, "the router has the weights of its own file")
    repaired = stage.run("watch").came_to("held", 0, "was restarted", "stable has all of the traffic again")
    stage.is_served_by("candidate")
    return repaired.reason


@story(long=30)
def a_lost_journal_in_the_second_release_goes_by_the_weights(stage):
    stage.config(steps=[20, 100], step_seconds=2)
    stage.users()
    release(stage, "2").came_to("promoted", 0)
    stage.config(steps=[20, 100], step_seconds=60)
    stage.write_report(model={"name": "credit-risk", "version": "3", "sha256": MODEL, "artifact": None})
    ran = stage.start_rollout()
    until(lambda: stage.weights()["candidate"] == 80, "the second release has 20 %")
    time.sleep(1.5)
    ran.process.kill()
    ran.end()
    (stage.folder / "state/rollout.json").unlink()
    lost = stage.run("watch").came_to("aborted", 3, "stable has all of the traffic again")
    stage.is_served_by("candidate")
    stage.world.tell(set={"stable": 10, "candidate": 30})
    ran = stage.run("rollback")
    expect(ran.exit == 3 and "--production-slot NAME" in ran.said, f"exit {ran.exit}: {ran.said}")
    expect(stage.weights()["candidate"] == 75, f"the router has {stage.weights()}")
    stage.run("rollback", "--production-slot", "candidate").came_to("rolled_back", 0)
    stage.is_served_by("candidate")
    return lost.reason


# --- the other strategies


@story(long=22)
def blue_green_switches_when_it_is_ready_and_back_on_a_breach(stage):
    stage.config("blue_green", bake_seconds=3, max_hold_seconds=3)
    stage.fault("candidate", ready=False)
    stage.users(warm=2)
    idle = stage.rollout().came_to("aborted", 1, "not ready")
    expect(stage.saw()["candidate"]["requests"] == 0, "users got a colour that was not ready")
    stage.is_served_by("stable")

    stage.fault("candidate", ready=True, errors=0.3)
    time.sleep(1.5)
    stage.saw()
    bad = stage.rollout().came_to("rolled_back", 1, "fail")
    saw = stage.saw()
    expect(bad.weights[-2:] == [0, 100] and saw["candidate"]["errors"] > 0, f"weights {bad.weights}, users saw {saw}")
    stage.is_served_by("stable")

    stage.fault("candidate", errors=0.0)
    good = stage.rollout().came_to("promoted", 0)
    expect(good.weights[-2:] == [0, 100], f"the weights were {good.weights}")
    stage.is_served_by("candidate")
    return f"{idle.reason}; {bad.reason}; then promoted in {good.seconds:.0f} s"


@story(long=14)
def direct_is_warned_about_watched_and_undone(stage):
    stage.config("direct", step_seconds=4)
    stage.fault("candidate", errors=0.3)
    stage.users()
    bad = stage.rollout().came_to("rolled_back", 1, "fail")
    expect("warning" in bad.said and "direct" in bad.said, f"no warning: {bad.said}")
    stage.is_served_by("stable")
    stage.fault("candidate", errors=0.0)
    good = stage.rollout().came_to("promoted", 0)
    stage.is_served_by("candidate")
    return f"{bad.reason} after {bad.seconds:.0f} s; then promoted in {good.seconds:.0f} s"


@story(router="envoy", long=18)
def a_shadow_answers_nobody_and_is_held_to_what_stable_says(stage):
    limits = [{"error_rate": {"max": 0.02}}, {"signal": {"name": "agreement_percent", "min": 99}}]
    stage.config("shadow", limits=limits, gauges=(), steps=[20, 100], step_seconds=4, source={"absent_errors": "zero"})
    stage.users()
    ran = stage.start_rollout()
    until(lambda: stage.weights()["mirror"] == 20, "some copies are sent")
    until(lambda: stage.weights()["mirror"] == 100, "all copies are sent")
    good = ran.end().came_to("held", 0)
    copies = max(moment["candidate"]["requests"] for moment in good.json["timeline"])
    expect(copies >= 60, f"the candidate had {copies} copies")
    stage.is_served_by("stable")

    stage.fault("candidate", disagree=0.2)
    bad = stage.rollout().came_to("rolled_back", 1, "agreement_percent")
    stage.is_served_by("stable")
    saw = stage.saw()
    expect(saw["candidate"]["requests"] == 0, f"{saw['candidate']['requests']} users got a shadow's answer")
    return f"{copies} copies and no user: {good.reason}; {bad.reason}"


@story(router="envoy", long=12)
def envoy_takes_a_bad_canary_back(stage):
    stage.fault("stable", errors=0.01)
    stage.fault("candidate", errors=0.15)
    stage.config(steps=[10, 50, 100], step_seconds=4)
    stage.users()
    ran = stage.rollout().came_to("rolled_back", 1, "fail")
    saw = stage.saw()
    stage.is_served_by("stable")
    expect(0.02 < saw["share"] < 0.15, f"the candidate had {saw['share']:.1%} of the traffic")
    stage.fault("candidate", errors=0.0)
    good = stage.rollout().came_to("promoted", 0)
    stage.is_served_by("candidate")
    return f"{saw['share']:.1%} of the traffic reached it ({ran.reason}); then promoted by {good.weights}"


def ab_test(stage, candidate):
    stage.fault("stable", success=0.2)
    stage.fault("candidate", success=candidate)
    queries = {name: stage.world.said["ab_test"][name] for name in ("unit", "successes", "trials")}
    router = {"envoy": {**stage.world.said["router"]["envoy"], "header": "x-user-id"}}
    test = {"observations": 400, **queries}
    stage.config("ab_test", router=router, ab_test=test, source={"absent_errors": "zero"})
    stage.users(warm=3)
    planned = stage.rollout("--dry-run")
    said = "A/B test: 400 observations of each variant find a difference of 0.09"
    expect(planned.exit == 0 and said in planned.said, f"exit {planned.exit}: {planned.said}")
    ran = stage.start_rollout()
    stage.at_weight(50, ran)
    stage.saw()
    time.sleep(2.5)
    halfway = stage.saw()
    expect(0.35 < halfway["share"] < 0.65, f"the candidate had {halfway['share']:.1%} of the users")
    # Who comes often moves to the candidate at most once, and back at most once; by a coin it would be time and again.
    ran.end()
    switches = stage.saw()["most_switches"]
    expect(switches <= 2, f"somebody was moved {switches} times")
    return ran, f"nobody was moved more than {switches} times"


@story(router="envoy", long=18)
def an_ab_test_finds_a_difference_and_users_stay_with_their_arm(stage):
    ran, sticky = ab_test(stage, candidate=0.35)
    ran.came_to("promoted", 0)
    stage.is_served_by("candidate")
    expect("the candidate is better" in ran.words, f"it was promoted for something else: {ran.words}")
    return f"{ran.seconds:.0f} s, {sticky}"


@story(router="envoy", long=12)
def an_ab_test_without_a_difference_keeps_stable(stage):
    ran, sticky = ab_test(stage, candidate=0.2)
    ran.came_to("no_difference", 0, "neither is better")
    stage.is_served_by("stable")
    return f"{ran.seconds:.0f} s, {sticky} ({ran.reason})"


# --- registry, flag, report


@story(long=26)
def the_alias_and_the_flag_go_back_with_the_traffic(stage):
    mlflow = Mlflow(stage.folder / "mlflow")
    try:
        return levers(stage, mlflow)
    finally:
        mlflow.close()


def levers(stage, mlflow):
    stage.environment["MLFLOW_TRACKING_URI"] = mlflow.uri
    flags = stage.folder / "flags.json"

    def flag(variant):
        if variant:
            one = {"state": "ENABLED", "variants": {"on": True, "off": False}, "defaultVariant": variant}
            flags.write_text(json.dumps({"flags": {"new-model": one}}))
        return json.loads(flags.read_text())["flags"]["new-model"]["defaultVariant"]

    flag("on")
    stage.config(
        journal={"mlflow": {}},
        registry={"mlflow": {"promote": "champion", "keep": "previous"}},
        flag={"flagd": {"path": "flags.json", "feature": "new-model", "variant": "off"}},
        steps=[50, 100],
    )
    stage.users()
    expect(mlflow.alias("champion") == "1", "the seed is not what it was")
    only_the_served_file_counts(stage, mlflow)
    promoted = stage.rollout().came_to("promoted", 0)
    found = (mlflow.alias("champion"), mlflow.alias("previous"), flag(None), promoted.json["previous_version"])
    expect(found == ("2", "1", "on", "1"), f"champion, previous, flag, previous_version: {found}")
    tags = mlflow.tags("2")
    expect(tags.get("mlgate.report_sha256") == stage.sha256, f"the version's tags are {tags}")
    stage.is_served_by("candidate")

    # A journal that names another version before it moves no alias: that one is what `previous` says, or none.
    entry = mlflow.journal()
    forged = mlflow.register("s3://elsewhere/model")
    mlflow.journal(json.dumps(entry | {"previous_version": forged}))
    stage.fault("candidate", errors=0.2)
    ran = stage.run("watch", "--seconds", "30")
    expect(ran.exit == 3 and "does not confirm it" in ran.said, f"exit {ran.exit}: {ran.said}")
    stage.is_served_by("stable")
    expect(mlflow.alias("champion") == "2", f"champion is version {mlflow.alias('champion')}, by a forged journal")
    stage.fault("candidate", errors=0.0)
    stage.world.tell(set={"stable": 0, "candidate": 100})
    flag("on")
    mlflow.journal(json.dumps(entry))

    # In production it turns bad, and the watch takes it back.
    ran = stage.start("watch", "--seconds", "30")
    time.sleep(2)
    stage.fault("candidate", errors=0.2)
    ran.end().came_to("rolled_back", 1, "fail")
    stage.is_served_by("stable")
    found = (mlflow.alias("champion"), flag(None))
    expect(found == ("1", "off"), f"champion, flag after the watch: {found}")
    expect(
        {lever["lever"] for lever in ran.json["levers"] if lever["state"] == "done"} >= {"traffic", "registry", "flag"},
        f"the levers are {ran.json['levers']}",
    )

    # Somebody moves the alias in the middle of a rollout that ends badly.
    flag("on")
    ran = stage.start_rollout()
    stage.at_weight(50, ran)
    mlflow.set_alias("champion", "2")
    ran.end().came_to("rolled_back", 1, "fail")
    stage.is_served_by("stable")
    found = (mlflow.alias("champion"), flag(None))
    expect(found == ("1", "off"), f"champion, flag after the rollout: {found}")

    # And a person's hand.
    mlflow.set_alias("champion", "2")
    stage.world.tell(set={"stable": 0, "candidate": 100})
    by_hand = stage.run("rollback", "--to-version", "1", "--reason", "complaints from the north")
    by_hand.came_to("rolled_back", 0, "complaints from the north")
    stage.is_served_by("stable")
    expect(mlflow.alias("champion") == "1", f"champion is {mlflow.alias('champion')}")
    return f"champion 1 → 2 → 1, by the watch, by a breach, by hand ({promoted.json['levers'][0]['said']})"


MLMODEL = b"flavors:\n  python_function: { loader_module: mlflow.onnx, data: model.onnx }\n  onnx: { data: model.onnx }\n"


# --- versions


@story(long=30)
def each_variant_proves_which_version_it_answers_with(stage):
    mlflow = Mlflow(stage.folder / "mlflow")
    try:
        return versions(stage, mlflow)
    finally:
        mlflow.close()


def versions(stage, mlflow):
    mlflow.set_alias("champion", "1")
    mlflow.put("2", MLmodel=MLMODEL, model=JUDGED)
    models = stage.world.said["models"]
    by_http = {
        arm: {"version": {"url": f"{models[arm]}/version", "pointer": "/model/version"}} for arm in models
    }
    signal = {"signal": 'model_info{arm="{{arm}}"}', "label": "version"}
    by_signal = {arm: {"version": signal} for arm in models}
    stage.environment["MLFLOW_TRACKING_URI"] = mlflow.uri
    registry = {"mlflow": {"promote": "champion", "keep": "previous"}}
    stage.users()
    # A server that still has the model of last week.
    stage.fault("candidate", version="9")
    wrong = "the candidate answers as version `9`, and `2` is the version that is rolled out"
    for variants in (by_http, by_signal):
        stage.config(registry=registry, variants=variants)
        until(lambda: wrong in stage.rollout("--dry-run").said, "Prometheus has scraped the version")
        ran = stage.rollout()
        expect(ran.exit == 3 and wrong in ran.said, f"exit {ran.exit}, expected `{wrong}`: {ran.said}")
    stage.is_served_by("stable")
    expect(stage.saw()["candidate"]["requests"] == 0, "a user met a model of another version")
    # Its server is restarted with another version while users watch.
    stage.fault("candidate", version="2")
    until(lambda: stage.rollout("--dry-run").exit == 0, "Prometheus has scraped the version")
    ran = stage.start_rollout()
    stage.at_weight(50, ran)
    stage.fault("candidate", version="9")
    ran.end().came_to("rolled_back", 1, wrong)
    stage.is_served_by("stable")
    expect(mlflow.alias("champion") == "1", f"champion is {mlflow.alias('champion')}")
    # And what proves it is promoted.
    stage.fault("candidate", version="2")
    stage.config(registry=registry, variants=by_http)
    stage.rollout().came_to("promoted", 0)
    expect(mlflow.alias("champion") == "2", f"champion is {mlflow.alias('champion')}")
    # Where stable has another model by now, the one in production keeps its traffic.
    stage.fault("stable", version="7")
    kept = stage.run("rollback").came_to("aborted", 3, "nothing was moved")
    expect("stable answers as version `7`, and `1` is the version in production" in kept.said, kept.said)
    stage.is_served_by("candidate")
    stage.fault("stable", version="1")
    stage.run("rollback").came_to("rolled_back", 0)
    stage.is_served_by("stable")
    expect(mlflow.alias("champion") == "1", f"champion is {mlflow.alias('champion')}")
    return f"{ran.reason}; rolled back in {ran.seconds:.0f} s"


def only_the_served_file_counts(stage, mlflow):
    """What a registrant can claim lets nothing out: a tag, a file beside the one that is served."""

    def refused(exit, said):
        ran = stage.rollout()
        expect(ran.exit == exit and said in ran.said, f"exit {ran.exit}, expected {exit}, `{said}`: {ran.said}")
        stage.is_served_by("stable")

    refused(3, "has no `MLmodel`")
    mlflow.tag("2", "mlgate.model_sha256", MODEL)
    refused(3, "has no signed tag")
    mlflow.put("2", MLmodel=MLMODEL, model=OTHER, judged=JUDGED)
    refused(2, "does not serve the model that was judged")
    mlflow.put("2", model=JUDGED)


@story(long=16)
def a_tampered_journal_promotes_nothing_and_stable_comes_back(stage):
    mlflow = Mlflow(stage.folder / "mlflow")
    try:
        return tampered(stage, mlflow)
    finally:
        mlflow.close()


def tampered(stage, mlflow):
    stage.environment["MLFLOW_TRACKING_URI"] = mlflow.uri
    stage.environment["MLGATE_JOURNAL_KEY"] = "a key of the stories, of some length"
    mlflow.put("2", MLmodel=MLMODEL, model=JUDGED)
    registry = {"mlflow": {"promote": "champion", "keep": "previous"}}
    stage.config(journal={"mlflow": {}}, registry=registry, steps=[50, 100], step_seconds=30)
    stage.users()
    seen = []
    ended = {"outcome": "promoted", "reason": "every stage was within its limits"}
    for command, forge in {
        ("rollout", "--once"): lambda entry: {"version": "1"},
        ("watch",): lambda entry: {"state": entry["state"] | {"ended": ended}, "heartbeat_at": 0},
    }.items():
        ran = stage.start_rollout()
        stage.at_weight(50, ran)
        ran.process.kill()
        ran.end()
        entry = mlflow.journal()
        expect(entry.get("signature"), f"the journal is not signed: {entry}")
        # Whoever may tag a model writes over what was signed.
        mlflow.journal(json.dumps(entry | forge(entry)))
        ran = stage.run(*command)
        expect(ran.exit == 3 and "not valid for `journal-key`" in ran.said, f"exit {ran.exit}: {ran.said}")
        expect(ran.result == "aborted", f"it came to {ran.result}")
        stage.is_served_by("stable")
        found = (mlflow.alias("champion"), mlflow.alias("previous"))
        expect(found == ("1", None), f"champion, previous: {found}")
        seen.append(ran.reason)
        # A person ends it: what that writes is a journal again.
        stage.run("rollback").came_to("rolled_back", 3)
        stage.run("rollback", "--to-version", "1").came_to("rolled_back", 0)
    # And what nobody touched is gone on with.
    stage.config(journal={"mlflow": {}}, registry=registry, steps=[50, 100])
    stage.rollout("--once").came_to("held", 0)
    mlflow.put("2", model=OTHER)
    swapped = stage.rollout("--once")
    expect(swapped.exit == 3 and "does not serve the model" in swapped.said, f"exit {swapped.exit}: {swapped.said}")
    stage.is_served_by("stable")
    return f"{seen[0]}; swapped in the middle: {swapped.reason}"


@story(long=3)
def only_what_was_gated_goes_out(stage):
    stage.config()
    stage.users()

    def refused(said, *arguments):
        ran = stage.run("rollout", *arguments)
        expect(ran.exit == 2 and said in ran.said, f"exit {ran.exit}, expected `{said}`: {ran.said}")

    refused("report-sha256")
    refused("the report's SHA-256 is", "--report-sha256", "0" * 64)
    own = stage.sha256
    for said, changes in {
        "only what passed": {"result": "blocked"},
        "credit-risk": {"model": {"name": "other", "version": "2"}},
        "hours old": {"started_at": "2020-01-01T00:00:00Z"},
        "only proposed": {"pipeline": {"event": "pull_request", "proposal": True}},
    }.items():
        stage.write_report(**changes)
        refused(said, "--report-sha256", stage.sha256)
    stage.write_report()
    refused("the report's SHA-256 is", "--report-sha256", "0" * 63 + own[-1])
    refused("version", "--report-sha256", stage.sha256, "--model-version", "3")
    dry = stage.rollout("--dry-run")
    expect(dry.exit == 0 and "nothing was moved" in dry.said, f"exit {dry.exit}: {dry.said}")
    stage.is_served_by("stable")
    expect(stage.saw()["candidate"]["requests"] == 0, "a user met a model that nobody let out")
    return "eight refusals and a dry run, and no user met the candidate"


# --- people and hooks


@story(long=22)
def hooks_and_a_person_decide_between_steps(stage):
    calls, wanted = [], {"status": 200}

    class Hook(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            body = json.loads(self.rfile.read(int(self.headers["content-length"])))
            calls.append((body["at"], body["step"], stage.weights()["candidate"], self.headers["idempotency-key"]))
            self.send_response(wanted["status"])
            self.end_headers()
            self.wfile.write(b"40 of 40")

        def log_message(self, *_):
            pass

    def asked(*arguments):
        return stage.run(*arguments, reports="asked")

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Hook)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        webhook = {"url": f"http://127.0.0.1:{server.server_port}/"}
        points = ("pre_rollout", "step", "pre_promotion")
        stage.config(
            steps=[{"weight": 20, "approval": "required"}, 50, 100],
            hooks=[{"name": f"on-{at}", "at": at, "webhook": webhook, "timeout_seconds": 30} for at in points],
        )
        stage.users()
        ran = stage.start_rollout()
        until(lambda: '"awaiting_approval"' in asked("status", "--json").said, "a step waits for approval")
        asked("approve", "--reason", "looks good")
        stage.at_weight(50, ran)
        wanted["status"] = 500
        ran.end().came_to("rolled_back", 1, "the hook `on-step` stopped the rollout", "40 of 40")
        stage.is_served_by("stable")
        said = [call[:3] for call in calls]
        expect(said == [("pre_rollout", 1, 0), ("step", 1, 20), ("step", 2, 50)], f"the calls were {said}")
        # Skipped by a person: no hook is called any more.
        wanted["status"] = 200
        ran = stage.start_rollout()
        stage.at_weight(20, ran)
        before = len(calls)
        by_hand = asked("promote", "--reason", "a fix that all users need")
        ran.end().came_to("promoted", 0, "a fix that all users need")
        stage.is_served_by("candidate")
        expect(by_hand.exit == 0 and len(calls) - before <= 1, f"exit {by_hand.exit}, calls {calls[before:]}")
        expect(ran.json["interventions"][-1]["kind"] == "promote", f"{ran.json['interventions']}")
        return f"{len(calls)} calls; {ran.reason}"
    finally:
        server.shutdown()


@story(long=26)
def without_a_router_the_alias_is_promoted_and_comes_back(stage):
    mlflow = Mlflow(stage.folder / "mlflow")
    try:
        return registry_alone(stage, mlflow)
    finally:
        mlflow.close()


def registry_alone(stage, mlflow):
    stage.environment["MLFLOW_TRACKING_URI"] = mlflow.uri
    stage.config(
        strategy="registry",
        limits=[{"error_rate": {"max": 0.02}}],
        gauges=(),
        journal={"mlflow": {}},
        registry={"mlflow": {"promote": "champion", "keep": "previous"}},
    )
    config = stage.folder / "mlgate.yml"
    section = json.loads(config.read_text())["rollout"]
    del section["router"]
    config.write_text(json.dumps({"rollout": section}))
    stage.users()
    only_the_served_file_counts(stage, mlflow)
    # Whoever loads the model by its alias serves it: the candidate has all users.
    stage.world.tell(set={"stable": 0, "candidate": 100})
    handed_over = ("--report-sha256", stage.sha256)
    dry = stage.run("promote", *handed_over, "--dry-run")
    expect(dry.exit == 0 and mlflow.alias("champion") == "1", f"exit {dry.exit}: {dry.said}")
    promoted = stage.run("promote", *handed_over, "--reason", "1.2 points better").came_to("promoted", 0, "1.2 points")
    found = (mlflow.alias("champion"), mlflow.alias("previous"), mlflow.tags("2").get("mlgate.report_sha256"))
    expect(found == ("2", "1", stage.sha256), f"champion, previous, report: {found}")
    stage.run("watch", "--seconds", "3").came_to("held", 0)
    ran = stage.start("watch", "--seconds", "30")
    time.sleep(2)
    stage.fault("candidate", errors=0.2)
    ran.end().came_to("rolled_back", 1, "failed")
    expect(mlflow.alias("champion") == "1", f"champion is {mlflow.alias('champion')}")
    stage.run("promote", *handed_over).came_to("promoted", 0)
    by_hand = stage.run("rollback", "--reason", "complaints").came_to("rolled_back", 0, "complaints")
    expect(mlflow.alias("champion") == "1", f"champion is {mlflow.alias('champion')}")
    return f"champion 1 → 2 → 1 → 2 → 1; {promoted.reason}; {ran.reason}; {by_hand.reason}"


# --- the stage itself


def play(name, story, router, up, playing, say):
    folder = Path(tempfile.mkdtemp(prefix="mlgate-rollout-"))
    start = time.monotonic()
    stage, word, seen = None, "FAILED", ""
    try:
        with up:
            try:
                stage = Stage(folder, router)
                with playing:
                    start = time.monotonic()
                    seen, word = story(stage), "ok"
            finally:
                if stage:
                    stage.close()
    except Failed as failed:
        seen = str(failed)
    except Exception:
        seen = traceback.format_exc()
    say(word, name, " ".join(seen.split()), time.monotonic() - start)
    if word == "ok":
        shutil.rmtree(folder, ignore_errors=True)
        return True
    print(f"        its files are in {folder}", file=sys.stderr, flush=True)
    return False


def main(wanted):
    end_on_signals()
    stories = [
        (play.__name__.replace("_", " "), play, router) for _, play, router in sorted(STORIES, key=lambda s: s[0])
    ]
    if wanted:
        stories = [story for story in stories if any(word.replace("_", " ") in story[0] for word in wanted)]
    if not stories:
        sys.exit("error: no story has such a name")
    up, playing, lock = threading.Semaphore(UP), threading.Semaphore(PLAYING), threading.Lock()
    results = []
    start = time.monotonic()

    def say(word, name, seen, seconds):
        with lock:
            print(f"{word:<6}  {name}: {seen} [{seconds:.0f} s]", flush=True)

    threads = [
        threading.Thread(target=lambda story=story: results.append(play(*story, up, playing, say))) for story in stories
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    bad = results.count(False)
    print(f"{len(results)} stories in {time.monotonic() - start:.0f} s, {bad or 'none'} came out wrong")
    sys.exit(1 if bad else 0)


if __name__ == "__main__":
    main(sys.argv[1:])
