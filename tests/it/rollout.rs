//! `rollout`, `watch` and `rollback` against a router and a Prometheus of this process, which speak as the real ones do
//! and can fail at any request; the real ones are tests/rollout's.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Stdio};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::action::{act, outputs, runner};
use crate::github::{MERGE, Repository};
use crate::world::{Ran, World};

/// What the two servers are made of.
pub struct Inner {
    pub weights: [u64; 2],
    /// Requests of one look.
    rate: f64,
    /// Of each arm.
    pub errors: [f64; 2],
    counters: [[f64; 2]; 2],
    /// Of the candidate's requests in the region `mt`, which are a twentieth of all.
    errors_in_mt: Option<f64>,
    regional: [[[f64; 2]; 2]; 2],
    /// What a gauge says of the candidate.
    gauge: String,
    /// Requests that were answered.
    pub answered: u64,
    /// Weights of the candidate, each that it was moved to.
    history: Vec<u64>,
    /// After so many answers the process is killed.
    pub kill_at: Option<u64>,
    victim: Option<u32>,
    pub is_down: bool,
    /// Whether stable has no series.
    pub nobody: bool,
    /// What the models answer to who asks for their version, as JSON; nothing where it is empty.
    pub versions: [String; 2],
    /// Values of the label `version` of each model's series.
    pub labels: [Vec<&'static str>; 2],
    /// Since when the router's process runs.
    pub since: Instant,
    /// What the router's health check says of each server.
    pub is_ready: [bool; 2],
    /// Of the router's own file.
    pub initial: [u64; 2],
}

/// A router and a Prometheus.
#[derive(Clone)]
pub struct Toy {
    inner: Arc<Mutex<Inner>>,
    router: u16,
    prometheus: u16,
}

/// Signs journals.
pub const KEY: &str = "a key of the tests, of some length";
const ARMS: [&str; 2] = ["stable", "candidate"];

impl Toy {
    pub fn start(errors: [f64; 2]) -> Self {
        let inner = Arc::new(Mutex::new(Inner {
            weights: [100, 0],
            rate: 2_000.0,
            errors,
            counters: [[90_000.0, 400.0], [500.0, 499.0]],
            errors_in_mt: None,
            regional: [[[0.0; 2]; 2]; 2],
            gauge: "40".into(),
            answered: 0,
            history: Vec::new(),
            kill_at: None,
            victim: None,
            is_down: false,
            nobody: false,
            versions: ["7", "8"].map(|version| json!({ "model": { "version": version } }).to_string()),
            labels: [vec!["7"], vec!["8"]],
            since: Instant::now().checked_sub(Duration::from_hours(1)).unwrap(),
            is_ready: [true; 2],
            initial: [100, 0],
        }));
        let serve = |each: fn(&mut Inner, &mut TcpStream)| {
            let listener = TcpListener::bind("127.0.0.1:0").unwrap();
            let port = listener.local_addr().unwrap().port();
            let inner = Arc::clone(&inner);
            thread::spawn(move || {
                for mut stream in listener.incoming().flatten() {
                    let inner = Arc::clone(&inner);
                    thread::spawn(move || each_request(&inner, &mut stream, each));
                }
            });
            port
        };
        let (router, prometheus) = (serve(haproxy), serve(prometheus));
        Self { inner, router, prometheus }
    }

    pub fn set(&self, change: impl FnOnce(&mut Inner)) -> &Self {
        change(&mut self.inner.lock().unwrap());
        self
    }

    /// What the server `candidate` gets, in percent: in every second release that is stable's slot.
    pub fn candidate(&self) -> u64 {
        let [stable, candidate] = self.inner.lock().unwrap().weights;
        100 * candidate / (stable + candidate)
    }

    pub fn weights(&self) -> [u64; 2] {
        self.inner.lock().unwrap().weights
    }

    /// Where a model answers which version it is.
    pub fn version_url(&self, arm: &str) -> String {
        format!("http://127.0.0.1:{}/serving/{arm}", self.prometheus)
    }

    pub fn history(&self) -> Vec<u64> {
        self.inner.lock().unwrap().history.clone()
    }

    /// A world with a config for these two, and the report that lets version 8 out.
    pub fn world(&self, strategy: &str) -> World {
        let world = World::new();
        self.furnish(&world, "", strategy);
        world
    }

    pub fn furnish(&self, world: &World, folder: &str, strategy: &str) {
        world.write(&format!("{folder}mlgate.yml"), self.config(strategy));
        let report = json!({
            "schema_version": 1, "result": "passed", "started_at": chrono::Utc::now().to_rfc3339(),
            "commit": MERGE, "pipeline": { "event": "push", "proposal": false },
            "model": { "name": "risk", "version": "8", "sha256": null }, "tables": {},
            "gates": [{ "gate": "model", "result": "passed", "checks": [] }],
        });
        world.write(&format!("{folder}report.json"), report.to_string());
    }

    pub fn config(&self, strategy: &str) -> String {
        let query = |what: &str| format!("'{what}{{arm=\"{{{{arm}}}}\"}}'");
        format!(
            "rollout:\n  strategy: {strategy}\n  report: report.json\n  model: {{ name: risk }}\n  step_seconds: 0.3\n  interval_seconds: 0.1\n  \
             min_requests: 50\n  max_hold_seconds: 2\n  heartbeat_seconds: 1\n  router: {{ haproxy: {{ address: '127.0.0.1:{}', backend: models, \
             stable: stable, candidate: candidate }} }}\n  journal: {{ path: journal.json }}\n  signals:\n    prometheus: {{ url: \
             'http://127.0.0.1:{}' }}\n    requests: {}\n    errors: {}\n    p99: {}\n  limits:\n    - error_rate: {{ max: 0.02, max_ratio: 2.0 }}\n    \
             - signal: {{ name: p99, max: 100 }}\n",
            self.router,
            self.prometheus,
            query("requests"),
            query("errors"),
            query("p99"),
        )
    }
}

pub fn sha256(world: &World) -> String {
    Sha256::digest(world.read("report.json").as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect()
}

pub fn rollout(world: &World, more: &[&str]) -> Ran {
    let sha256 = sha256(world);
    world.run(&[&["rollout", "--report-sha256", &sha256], more].concat())
}

pub fn came_to(world: &World) -> Value {
    serde_json::from_str(&world.read("mlgate-report/rollout.json")).unwrap_or_default()
}

/// Reads one request, kills where that is asked for, answers.
fn each_request(inner: &Mutex<Inner>, stream: &mut TcpStream, answer: fn(&mut Inner, &mut TcpStream)) {
    let mut inner = inner.lock().unwrap();
    if inner.is_down {
        return;
    }
    answer(&mut inner, stream);
    inner.answered += 1;
    if inner.kill_at.is_some_and(|at| inner.answered >= at)
        && let Some(victim) = inner.victim.take()
    {
        assert!(std::process::Command::new("kill").args(["-9", &victim.to_string()]).status().unwrap().success());
    }
}

/// <https://docs.haproxy.org/2.6/management.html#9.3>
fn haproxy(inner: &mut Inner, stream: &mut TcpStream) {
    let mut line = String::new();
    let _ = BufReader::new(&*stream).read_line(&mut line);
    // Whoever is killed has not said all of it.
    if !line.ends_with('\n') {
        return;
    }
    let mut said = String::new();
    for command in line.trim().split(';') {
        let words: Vec<&str> = command.split_whitespace().collect();
        if line.contains("others/") {
            said.push_str("No such backend.\n");
            continue;
        }
        let arm = |server: &str| ARMS.iter().position(|arm| server == format!("models/{arm}")).unwrap();
        match words.as_slice() {
            ["set", "server", server, "weight", weight] => {
                let before = std::mem::replace(&mut inner.weights[arm(server)], weight.parse().unwrap());
                if arm(server) == 1 && before != inner.weights[1] {
                    let weight = inner.weights[1];
                    inner.history.push(weight);
                }
                said.push('\n');
            }
            ["show", "info"] => said.push_str(&format!(
                "Name: HAProxy\nPid: 7\nUptime_sec: {}\nStart_time_sec: 1\n\n",
                inner.since.elapsed().as_secs()
            )),
            ["get", "weight", server] => {
                let (weight, initial) = (inner.weights[arm(server)], inner.initial[arm(server)]);
                said.push_str(&format!("{weight} (initial {initial})\n\n"));
            }
            ["show", "servers", "state", _] => {
                said.push_str("1\n# be_id be_name srv_id srv_name srv_addr srv_op_state srv_admin_state\n");
                let [stable, candidate] = inner.is_ready.map(|is_up| if is_up { 2 } else { 0 });
                said.push_str(&format!(
                    "3 models 1 stable 127.0.0.1 {stable} 0\n3 models 2 candidate 127.0.0.1 {candidate} 0\n\n"
                ));
            }
            other => panic!("{other:?}"),
        }
    }
    let _ = stream.write_all(said.as_bytes());
}

/// <https://prometheus.io/docs/prometheus/latest/querying/api/>
fn prometheus(inner: &mut Inner, stream: &mut TcpStream) {
    let mut reader = BufReader::new(&*stream);
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        if reader.read_line(&mut head).unwrap_or(0) == 0 {
            return;
        }
    }
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs_f64();
    let arm = usize::from(head.contains("candidate"));
    if head.contains("/api/v1/label/") {
        // Every name and label is known.
        return answered(stream, &json!(["known"]));
    }
    if head.starts_with("GET /serving/") {
        let body = inner.versions[arm].clone();
        let status = if body.is_empty() { "503 Service Unavailable" } else { "200 OK" };
        let head = format!("HTTP/1.1 {status}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n", body.len());
        let _ = stream.write_all((head + &body).as_bytes());
        return;
    }
    if head.contains("model_info") && !head.contains("timestamp") {
        let series =
            inner.labels[arm].iter().map(|version| json!({ "metric": { "version": version }, "value": [now, "1"] }));
        return answered(stream, &json!({ "resultType": "vector", "result": series.collect::<Vec<_>>() }));
    }
    if head.contains("region") {
        let is_requests = head.contains("requests");
        let series = ["eu", "mt"].iter().enumerate().map(|(at, region)| {
            let counters = inner.regional[arm][at];
            json!({ "metric": { "region": region }, "value": [now, counters[usize::from(!is_requests)].to_string()] })
        });
        return answered(stream, &json!({ "resultType": "vector", "result": series.collect::<Vec<_>>() }));
    }
    let value = if head.contains("timestamp") || head.contains("time%28%29") {
        now.to_string()
    } else if head.contains("requests") {
        let requests = inner.rate * inner.weights[arm] as f64 / inner.weights.iter().sum::<u64>() as f64;
        inner.counters[arm][0] += requests;
        let in_mt = inner.errors_in_mt.filter(|_| arm == 1).unwrap_or(inner.errors[arm]);
        let mut more = 0.0;
        for (region, (share, errors)) in [(0.95, inner.errors[arm]), (0.05, in_mt)].into_iter().enumerate() {
            let errors = (requests * share * errors).round();
            inner.regional[arm][region][0] += (requests * share).round();
            inner.regional[arm][region][1] += errors;
            more = errors - (requests * share * inner.errors[arm]).round();
        }
        inner.counters[arm][1] += (requests * inner.errors[arm]).round() + more;
        inner.counters[arm][0].to_string()
    } else if head.contains("errors") {
        inner.counters[arm][1].to_string()
    } else if arm == 1 {
        inner.gauge.clone()
    } else {
        "40".into()
    };
    let is_time = head.contains("time%28%29");
    let result =
        if inner.nobody && arm == 0 && !is_time { json!([]) } else { json!([{ "metric": {}, "value": [now, value] }]) };
    answered(stream, &json!({ "resultType": "vector", "result": result }));
}

fn answered(stream: &mut TcpStream, data: &Value) {
    let body = json!({ "status": "success", "data": data }).to_string();
    let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\nconnection: close\r\n\r\n", body.len());
    let _ = stream.write_all((head + &body).as_bytes());
}

#[test]
fn a_good_candidate_is_promoted_step_by_step_and_a_bad_one_goes_back() {
    let toy = Toy::start([0.005, 0.005]);
    let world = toy.world("canary\n  steps: [10, 50]");
    rollout(&world, &[]).exits(0).saying("promoted: every stage was within its limits");
    assert_eq!(toy.history(), [10, 50, 100]);
    assert_eq!(came_to(&world)["result"], "promoted");
    assert!(world.read("mlgate-report/rollout.md").contains("```mermaid"));
    let toy = Toy::start([0.005, 0.08]);
    let world = toy.world("canary");
    rollout(&world, &[]).exits(1).saying("rolled back: it fails 15.2 times as often as stable").saying("traffic: done");
    assert_eq!((toy.history().last(), toy.candidate()), (Some(&0), 0));
    let found = came_to(&world);
    assert_eq!(
        (&found["result"], &found["weight"], &found["levers"][0]["state"]),
        (&json!("rolled_back"), &json!(0), &json!("done"))
    );
}

#[test]
fn a_failure_of_both_variants_is_said_to_be_no_candidates() {
    let toy = Toy::start([0.12, 0.12]);
    let world = toy.world("canary\n  steps: [50]");
    rollout(&world, &[])
        .exits(1)
        .saying("aborted: 12 % of")
        .saying("stable 12 % of")
        .saying("too: it is not the candidate");
    assert_eq!((toy.candidate(), &came_to(&world)["result"]), (0, &json!("aborted")));
}

#[test]
fn blue_green_and_direct_switch_once() {
    for (strategy, switches) in [("blue_green", [100_u64].as_slice()), ("direct", &[100])] {
        let toy = Toy::start([0.005, 0.005]);
        let world = toy.world(strategy);
        rollout(&world, &[]).exits(0);
        assert_eq!(toy.history(), switches, "{strategy}");
        let toy = Toy::start([0.005, 0.9]);
        let world = toy.world(strategy);
        rollout(&world, &[]).exits(1).saying("requests failed");
        assert_eq!(toy.history(), [100, 0], "{strategy}");
    }
}

#[test]
fn what_prometheus_says_that_is_no_number_is_no_data() {
    for (gauge, said) in [("NaN", "is NaN"), ("+Inf", "is inf")] {
        let toy = Toy::start([0.0, 0.0]);
        toy.set(|inner| inner.gauge = gauge.into());
        rollout(&toy.world("direct"), &[]).exits(1).saying(said).saying("aborted");
        assert_eq!(toy.candidate(), 0);
    }
    let toy = Toy::start([0.0, 0.0]);
    toy.set(|inner| inner.gauge = "wat".into());
    rollout(&toy.world("direct"), &[]).exits(2).saying("candidate p99: ").saying("which is no number");
    assert_eq!(toy.history(), [0_u64; 0]);
    let toy = Toy::start([0.0, 0.0]);
    toy.set(|inner| inner.gauge = "250".into());
    rollout(&toy.world("direct"), &[]).exits(1).saying("p99 is 250, at most 100 may be, in 3 windows in a row");
}

#[test]
fn only_what_was_gated_goes_out() {
    let toy = Toy::start([0.0, 0.0]);
    let world = toy.world("canary");
    world.run(&["rollout"]).exits(2).saying("nothing says which report lets the model out");
    world.run(&["rollout", "--report-sha256", "beef"]).exits(2).saying("the report's SHA-256 is");
    rollout(&world, &["--model-version", "9"]).exits(2).saying("the report is of version `8`");
    rollout(&world, &["--model-name", "other"]).exits(2).saying("the report is of the model `risk`");
    world.write("report.json", world.read("report.json").replacen("passed", "blocked", 1));
    rollout(&world, &[]).exits(2).saying("only what passed goes out");
    assert_eq!(toy.history(), [0_u64; 0]);
    // Nor where somebody else has moved the traffic already.
    let world = toy.world("canary");
    toy.set(|inner| inner.weights = [70, 30]);
    rollout(&world, &[]).exits(3).saying("there is no journal").saying("stable has all of the traffic again");
    assert_eq!(toy.history(), [0]);
}

#[test]
fn a_dry_run_moves_nothing() {
    let toy = Toy::start([0.0, 0.0]);
    let world = toy.world("canary\n  steps: [10, 50]");
    let ran = rollout(&world, &["--dry-run"]).exits(0).saying("2. 50 % for 0.3 s").saying("nothing was moved");
    assert!(ran.says("candidate p99: 40"), "{ran:#?}");
    assert_eq!(toy.history(), [0_u64; 0]);
    assert_eq!(world.read("journal.json"), "");
}

#[test]
fn one_look_at_a_time_goes_on_where_the_last_one_ended() {
    let toy = Toy::start([0.005, 0.005]);
    let world = toy.world("canary\n  steps: [10]");
    rollout(&world, &["--once"]).exits(0).saying("held");
    assert_eq!(toy.candidate(), 10);
    // A run that waits is in order, and a watch leaves it alone; a later one that is overdue it does not.
    world.run(&["watch"]).exits(0).saying("waits for its next look");
    assert_eq!(toy.candidate(), 10);
    for _ in 0..20 {
        thread::sleep(Duration::from_millis(150));
        if came_to(&world)["result"] == "promoted" {
            break;
        }
        // A schedule has no report: the journal has what it vouched for.
        world.run(&["rollout", "--once"]).exits(0);
    }
    assert_eq!((came_to(&world)["result"].clone(), toy.candidate()), (json!("promoted"), 100));

    let toy = Toy::start([0.005, 0.005]);
    let world = toy.world("canary\n  max_gap_seconds: 1");
    rollout(&world, &["--once"]).exits(0);
    thread::sleep(Duration::from_millis(1_100));
    world.run(&["watch"]).exits(1).saying("its next look was due");
    assert_eq!(toy.candidate(), 0);
}

/// A rollout of its own process.
pub fn begun(toy: &Toy, world: &World) -> Child {
    let sha256 = sha256(world);
    let child = world
        .command(&["rollout", "--report-sha256", &sha256])
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    toy.set(|inner| inner.victim = Some(child.id()));
    child
}

#[test]
fn a_cancelled_job_restores_stable_in_time() {
    for signal in ["-INT", "-TERM"] {
        let toy = Toy::start([0.005, 0.005]);
        let world = toy.world("canary\n  steps: [10, 50]");
        world.write("mlgate.yml", world.read("mlgate.yml").replace("step_seconds: 0.3", "step_seconds: 60"));
        let mut child = begun(&toy, &world);
        let start = Instant::now();
        while toy.candidate() == 0 && start.elapsed() < Duration::from_secs(10) {
            thread::sleep(Duration::from_millis(10));
        }
        thread::sleep(Duration::from_millis(200));
        let at = Instant::now();
        assert!(std::process::Command::new("kill").args([signal, &child.id().to_string()]).status().unwrap().success());
        let status = child.wait().unwrap();
        assert!(at.elapsed() < Duration::from_secs(5), "{:?}", at.elapsed());
        assert_eq!((status.code(), toy.candidate()), (Some(1), 0));
        let found = came_to(&world);
        assert_eq!((&found["result"], &found["reason"]), (&json!("aborted"), &json!("it was cancelled")));
    }
}

/// Killed after any request that it makes, a rollout is gone on with by the next run, or undone by a watch: the traffic
/// ends where it should, every time.
#[test]
fn killed_at_any_point_it_is_resumed_or_undone() {
    let killed = |at: u64| {
        let toy = Toy::start([0.005, 0.005]);
        let world = toy.world("canary\n  steps: [10]");
        toy.set(|inner| inner.kill_at = Some(at));
        let mut child = begun(&toy, &world);
        let mut said = String::new();
        child.stdout.take().unwrap().read_to_string(&mut said).unwrap();
        let was_killed = child.wait().unwrap().code().is_none();
        (toy, world, was_killed)
    };
    let mut at = 1;
    let mut kills = 0;
    loop {
        let (toy, world, was_killed) = killed(at);
        if !was_killed {
            break;
        }
        kills += 1;
        if kills % 2 == 0 {
            let before = toy.candidate();
            rollout(&world, &[]).exits(0);
            assert_eq!(
                (toy.candidate(), &came_to(&world)["result"]),
                (100, &json!("promoted")),
                "killed after {at}, at {before} %"
            );
        } else if world.read("journal.json").is_empty() {
            // Nothing was written down, so nothing was moved.
            assert_eq!(toy.history(), [0_u64; 0], "killed after {at}");
        } else {
            let journal: Value = serde_json::from_str(&world.read("journal.json")).unwrap();
            // A promotion that was decided with all of the traffic there is one.
            let is_over = journal["is_settled"] == true || journal["state"]["ended"]["outcome"] == "promoted";
            thread::sleep(Duration::from_millis(1_050));
            let ran = world.run(&["watch"]);
            let wanted = if is_over { (0, 100) } else { (1, 0) };
            assert_eq!((ran.exit, toy.candidate()), wanted, "killed after {at}: {ran:#?}");
        }
        at += 13;
    }
    assert!(kills > 7, "{kills}");
}

#[test]
fn two_do_not_carry_on_the_same_rollout_and_none_with_another_config() {
    let toy = Toy::start([0.005, 0.005]);
    let world = toy.world("canary\n  steps: [10, 50]");
    let config = world.read("mlgate.yml").replace("step_seconds: 0.3", "step_seconds: 60");
    // On a busy machine, too, three intervals are longer than an evaluation.
    world.write("mlgate.yml", config.replace("interval_seconds: 0.1", "interval_seconds: 1"));
    world.write("mlgate-report/rollout.json", "an earlier run's");
    let mut child = begun(&toy, &world);
    while toy.candidate() == 0 {
        thread::sleep(Duration::from_millis(10));
    }
    rollout(&world, &[]).exits(2).saying("another run writes its report to `mlgate-report`");
    rollout(&world, &["--report-dir", "other"]).exits(2).saying("is not over").saying("wait for it");
    assert_eq!(toy.candidate(), 10);
    // What stands there is not an earlier run's.
    assert!(!world.path("mlgate-report/rollout.json").exists());
    child.kill().unwrap();
    child.wait().unwrap();
    world.write("mlgate.yml", world.read("mlgate.yml").replace("[10, 50]", "[10, 20, 50]"));
    rollout(&world, &[]).exits(2).saying("the config has other stages by now");
    assert_eq!(toy.candidate(), 10);
    world.run(&["rollback"]).exits(0);
    assert_eq!(toy.candidate(), 0);
}

#[test]
fn a_persons_word_is_the_last_one() {
    let toy = Toy::start([0.005, 0.005]);
    let world = toy.world("canary\n  steps: [10, 50]");
    let mut child = begun(&toy, &world);
    while toy.candidate() == 0 {
        thread::sleep(Duration::from_millis(10));
    }
    // A watch beside it writes nothing.
    world.run(&["watch"]).exits(0).saying("a rollout is under way");
    world.run(&["rollback", "--reason", "x\n::stop-commands::abc"]).exits(0);
    let status = child.wait().unwrap();
    assert_eq!((status.code(), toy.candidate()), (Some(3), 0), "{:?}", toy.history());
    let journal: Value = serde_json::from_str(&world.read("journal.json")).unwrap();
    assert_eq!((&journal["is_settled"], &journal["state"]["ended"]["outcome"]), (&json!(true), &json!("rolled_back")));
}

#[test]
fn a_job_that_is_run_again_moves_nothing() {
    let toy = Toy::start([0.005, 0.005]);
    let world = toy.world("direct");
    rollout(&world, &[]).exits(0);
    toy.set(|inner| inner.errors[1] = 0.9);
    rollout(&world, &[]).exits(0).saying("it is in production already");
    assert_eq!(toy.history(), [100]);
}

#[test]
fn limits_that_are_not_named_stay_and_nothing_is_compared_with_nobody() {
    let toy = Toy::start([0.005, 0.4]);
    let world = toy.world("direct");
    let config = world.read("mlgate.yml").replace("    - error_rate: { max: 0.02, max_ratio: 2.0 }\n", "");
    world.write("mlgate.yml", &config);
    rollout(&world, &[]).exits(1).saying("at most 1 % may");
    world.write("mlgate.yml", world.read("mlgate.yml").replace("min_requests: 50", "min_requests: 0"));
    rollout(&world, &[]).exits(2).saying("rollout.min_requests: at least 1");
    world.write("mlgate.yml", toy.config("direct").replace("max: 0.02, ", ""));
    rollout(&world, &[]).exits(2).saying("stable has no traffic to compare with");
    // Stable has no series: nothing says that it does not fail, and so there is no promotion.
    let toy = Toy::start([0.0, 0.005]);
    let config = toy
        .config("canary\n  steps: [50]\n  arms: { stable: nobody, candidate: candidate }")
        .replace("max: 0.02, ", "");
    world.write("mlgate.yml", config);
    std::fs::remove_file(world.path("journal.json")).unwrap();
    toy.set(|inner| inner.nobody = true);
    rollout(&world, &[]).exits(1).saying("stable: errors: `errors{arm=\"nobody\"}` has no sample");
    assert_eq!(toy.candidate(), 0);
}

#[test]
fn a_watch_that_sees_nothing_is_not_green() {
    let toy = Toy::start([0.005, 0.005]);
    let world = toy.world("direct");
    rollout(&world, &[]).exits(0);
    let config = world.read("mlgate.yml");
    let dead = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    world.write("mlgate.yml", config.replace(&toy.prometheus.to_string(), &dead.to_string()));
    world.run(&["watch"]).exits(3).saying("production could not be watched");
    world.run(&["watch", "--model-name", "other"]).exits(2).saying("the journal is of the model `risk`");
}

#[test]
fn a_watch_takes_back_what_turns_bad_later() {
    let toy = Toy::start([0.005, 0.005]);
    let world = toy.world("direct");
    rollout(&world, &[]).exits(0);
    world.run(&["watch", "--seconds", "0.5"]).exits(0).saying("in order");
    toy.set(|inner| inner.errors[1] = 0.2);
    world.run(&["watch", "--seconds", "2"]).exits(1).saying("requests failed");
    assert_eq!(toy.candidate(), 0);
    world.run(&["watch"]).exits(0);
}

#[test]
fn a_person_rolls_back_and_says_why() {
    let toy = Toy::start([0.005, 0.005]);
    let world = toy.world("direct");
    rollout(&world, &[]).exits(0);
    world.run(&["rollback", "--reason", "customers call"]).exits(0).saying("customers call");
    assert_eq!((toy.candidate(), &came_to(&world)["reason"]), (0, &json!("customers call")));
    world.run(&["rollback", "--to-version", "7"]).exits(2).saying("version `7` is not registered");
}

#[test]
fn a_router_that_is_gone_is_said_and_the_exit_says_so() {
    let toy = Toy::start([0.005, 0.005]);
    let world = toy.world("direct");
    toy.set(|inner| inner.is_down = true);
    rollout(&world, &[]).exits(3).saying("HAProxy at");
    toy.set(|inner| inner.is_down = false);
    let mut child = begun(&toy, &world);
    while toy.candidate() == 0 {
        thread::sleep(Duration::from_millis(5));
    }
    toy.set(|inner| inner.is_down = true);
    assert_eq!(child.wait().unwrap().code(), Some(3));
    let found = came_to(&world);
    assert_eq!((&found["result"], &found["levers"][0]["state"]), (&json!("aborted"), &json!("failed")));
    // It is still to be undone, and can be.
    toy.set(|inner| inner.is_down = false);
    world.run(&["rollback"]).exits(0);
    assert_eq!(toy.candidate(), 0);
}

#[test]
fn a_config_that_is_wrong_is_wrong_in_all_its_places() {
    let toy = Toy::start([0.0, 0.0]);
    let world = toy.world("shadow\n  steps: [50, 10]\n  flag: { unleash: { url: 'http://127.0.0.1:1', feature: f, token_env: AWS_SECRET } }");
    rollout(&world, &[])
        .exits(2)
        .saying("rollout.steps: each step is larger")
        .saying("rollout.strategy: only Envoy copies requests")
        .saying("rollout.flag.unleash.token_env: the name of such a variable starts with MLGATE_");
    world.write("mlgate.yml", toy.config("canary").replace("error_rate", "eror_rate"));
    rollout(&world, &[]).exits(2).saying("rollout.limits");
    world.write("mlgate.yml", "data: { path: x.csv }\n");
    rollout(&world, &[]).exits(2).saying("no section `rollout`");
}

#[test]
fn the_log_of_predictions_is_judged_by_the_data_checks() {
    let log = "\n  log:\n    path: log.csv\n    checks:\n      - missing_values: { columns: [prediction], max_percent: 5 }\n      - range: { column: prediction, min: 0, max: 1 }";
    let rows = |bad: &str| {
        let row = |at: usize| if at.is_multiple_of(10) { format!("{at},{bad}\n") } else { format!("{at},0.5\n") };
        format!("id,prediction\n{}", (0..200).map(row).collect::<String>())
    };
    for (bad, wanted) in [("0.25", None), ("", Some("is missing in 10 %")), ("7", Some("outside"))] {
        let toy = Toy::start([0.0, 0.0]);
        let world = toy.world(&format!("direct{log}"));
        world.write("log.csv", rows(bad));
        match wanted {
            None => rollout(&world, &[]).exits(0),
            Some(said) => rollout(&world, &[]).exits(1).saying(said).saying("in 3 looks in a row"),
        };
        assert_eq!(toy.candidate(), if wanted.is_some() { 0 } else { 100 });
    }
    // No log is no data, and nothing is promoted by it.
    let toy = Toy::start([0.0, 0.0]);
    let world = toy.world(&format!("direct{log}"));
    rollout(&world, &[]).exits(1).saying("aborted").saying("log.csv");
    let world = toy.world(&format!("direct{}", log.replace("max_percent", "max_procent")));
    rollout(&world, &[]).exits(2).saying("rollout.log.checks[0].missing_values: unknown field `max_procent`");
}

#[test]
fn the_log_of_predictions_is_judged_since_the_step_began() {
    let log = "\n  log:\n    path: log.csv\n    timestamp: at\n    checks:\n      - missing_values: { columns: [prediction], max_percent: 5 }";
    let rows = |old: &str, new: &str| {
        let row = |at: usize| {
            let (time, prediction) = if at < 100 { (-3_600, old) } else { (3_600, new) };
            let time = chrono::Utc::now() + chrono::TimeDelta::seconds(time);
            format!("{at},{},{prediction}\n", time.to_rfc3339())
        };
        format!("id,at,prediction\n{}", (0..200).map(row).collect::<String>())
    };
    let ran = |rows: String| {
        let toy = Toy::start([0.0, 0.0]);
        let world = toy.world(&format!("direct{log}"));
        world.write("log.csv", rows);
        (rollout(&world, &[]), toy.candidate())
    };
    // What was before the rollout is none of the candidate's, and hides nothing.
    let (good, candidate) = ran(rows("", "0.5"));
    good.exits(0);
    assert_eq!(candidate, 100);
    ran(rows("0.5", "")).0.exits(1).saying("is missing in 100 %").saying("in 3 looks in a row");
    // No row since is nothing seen, and a row without a time is in doubt.
    let old = rows("0.5", "0.5").lines().take(101).map(|line| format!("{line}\n")).collect();
    ran(old).0.exits(1).saying("aborted").saying("has no rows since the step began");
    ran(rows("0.5", "0.5") + "7,,0.5\n").0.exits(1).saying("aborted").saying("`at` is missing in a row of the log");
    ran(rows("0.5", "0.5").replace("at,", "when,")).0.exits(1).saying("the log has no column `at`");
}

#[test]
fn a_region_that_fails_by_itself_takes_the_candidate_back() {
    let start = |errors_in_mt, by: &str| {
        let toy = Toy::start([0.004, 0.004]);
        toy.set(|inner| inner.errors_in_mt = errors_in_mt);
        let world = toy.world("canary\n  steps: [50]");
        let config = world.read("mlgate.yml");
        world.write("mlgate.yml", config.replace("  signals:\n", &format!("  signals:\n    by: {by}\n")));
        (toy, world)
    };
    // A tenth of one request in twenty: half of a percent of all, which no limit on the whole finds.
    let (toy, world) = start(Some(0.1), "region");
    rollout(&world, &["--dry-run"]).exits(0).saying("segments by `region`: 2 of stable: `eu`, `mt`");
    rollout(&world, &[]).exits(1).saying("`region` `mt`: ").saying("requests failed");
    assert_eq!(toy.candidate(), 0);
    let (toy, world) = start(None, "region");
    rollout(&world, &[]).exits(0);
    assert_eq!(toy.candidate(), 100);
    // A label that the series lack.
    let (toy, world) = start(None, "regions");
    rollout(&world, &[]).exits(2).saying("has series without the label `regions`");
    let (_, world) = start(None, "'a b'");
    let config = world.read("mlgate.yml");
    world.write("mlgate.yml", config.replace("[50]", &format!("{:?}", (1..=13).collect::<Vec<u8>>())));
    rollout(&world, &[])
        .exits(2)
        .saying("rollout.signals.by: `a b` is not the name of a label")
        .saying("rollout.steps: at most 12 where `signals.by` is set, got 13");
    assert_eq!(toy.history(), [0_u64; 0]);
}

#[test]
fn an_ab_test_needs_a_size_or_an_effect_to_plan_it_by() {
    let toy = Toy::start([0.0, 0.0]);
    let dry_run = |test: &str| {
        let queries = "trials: 'trials{arm=\"{{arm}}\"}', successes: 'successes{arm=\"{{arm}}\"}'";
        rollout(&toy.world(&format!("ab_test\n  ab_test: {{ {queries}{test} }}")), &["--dry-run"])
    };
    // HAProxy does not tell whether users stay with their variant.
    dry_run(", observations: 500").exits(2).saying("rollout.ab_test.affinity: this router does not tell");
    let dry_run = |test: &str| dry_run(&format!(", affinity: cookie{test}"));
    dry_run("").exits(2).saying("rollout.ab_test: it needs `observations`, or the `minimum_effect`");
    dry_run(", minimum_effect: 1.5").exits(2).saying("rollout.ab_test.minimum_effect: a difference of shares");
    let covariate = ", observations: 500, covariate: { sum: x, sum_of_squares: xx, sum_of_products: xy }";
    dry_run(covariate).exits(2).saying("rollout.ab_test.covariate: it adjusts means");
    dry_run(", observations: 500, min_seconds: -1").exits(2).saying("rollout.ab_test.min_seconds: at least 0");
    // The toy's counters of a test stand at 40.
    dry_run(", observations: 500").exits(0).saying("A/B test: 500 observations of each variant");
    let ran = dry_run(", minimum_effect: 0.02").exits(3);
    ran.saying("it cannot be planned by `minimum_effect`: stable has 40 observations, and 100 are needed to plan by");
    assert_eq!(toy.history(), [0_u64; 0]);
}

/// As an Action, in a workspace.
pub fn action(toy: &Toy, event: &str, more: &[(&str, &str)]) -> World {
    let inputs = [&[("command", "rollout"), ("config", "mlgate.yml")], more].concat();
    let world = runner(&inputs).variable("GITHUB_EVENT_NAME", event);
    toy.furnish(&world, "workspace/", "direct");
    let sha256: String = Sha256::digest(world.read("workspace/report.json").as_bytes())
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    // One for all of these tests: events name it.
    let repository = Repository { name: "octo/risk".into(), token: "ghs_of_actions".into() };
    repository.setup(json!({ "tokens": { &repository.token: {} } }));
    repository.setup(main_branch());
    let payload = json!({ "repository": { "full_name": repository.name, "default_branch": "main" } });
    world.write("event.json", payload.to_string());
    let (state, event) = (world.path("state"), world.path("event.json"));
    world
        .variable("GITHUB_REPOSITORY", &repository.name)
        .variable("GITHUB_TOKEN", &repository.token)
        .variable("GITHUB_API_URL", crate::github::uri())
        .variable("GITHUB_EVENT_PATH", event)
        .variable("INPUT_REPORT-SHA256", sha256)
        .variable("GITHUB_STATE", state)
}

#[test]
fn an_action_hands_over_outputs_and_a_summary() {
    let toy = Toy::start([0.005, 0.005]);
    let world = action(&toy, "push", &[]);
    act(&world).exits(0);
    let found: std::collections::BTreeMap<String, String> = outputs(&world).into_iter().collect();
    assert_eq!((found["rollout-result"].as_str(), found["rollout-weight"].as_str()), ("promoted", "100"), "{found:?}");
    assert!(world.read("summary").contains("✅ Promoted: risk 8"));
    assert_eq!(world.read("state"), "rollout=under-way\nrollout=\n");
}

/// A run of another workflow that ended, as the payload of `workflow_run` has it.
fn ended(event: &str, branch: &str, repository: &str) -> Value {
    json!({
        "repository": { "full_name": "octo/risk", "default_branch": "main" },
        "workflow_run": { "id": 1, "event": event, "head_sha": MERGE, "head_branch": branch,
            "head_repository": { "full_name": repository } },
    })
}

fn with_event(world: World, payload: &Value) -> World {
    world.write("event.json", payload.to_string());
    let path = world.real().join("event.json");
    world.variable("GITHUB_EVENT_PATH", path)
}

#[test]
fn what_is_only_proposed_moves_nothing() {
    let events = [
        ("pull_request", json!({})),
        ("pull_request_target", json!({})),
        ("pull_request_review", json!({})),
        ("issue_comment", json!({})),
        ("merge_group", json!({})),
        ("issues", json!({})),
        ("discussion_comment", json!({})),
        ("check_suite", json!({})),
        ("gollum", json!({})),
        ("fork", json!({})),
        ("", json!({})),
        // Without its payload nobody can tell what ended.
        ("workflow_run", json!({})),
        ("workflow_run", ended("pull_request", "main", "octo/risk")),
        ("workflow_run", ended("push", "main", "mallory/risk")),
        ("workflow_run", ended("push", "feature", "octo/risk")),
        ("workflow_run", ended("merge_group", "main", "octo/risk")),
    ];
    for (event, payload) in events {
        for command in ["rollout", "watch", "rollback"] {
            let toy = Toy::start([0.0, 0.0]);
            let world = with_event(action(&toy, event, &[]), &payload).variable("INPUT_COMMAND", command);
            let world = if command == "rollout" { world } else { world.variable("INPUT_REPORT-SHA256", "") };
            let ran = act(&world).exits(2);
            assert!(ran.says("a rollout does not run"), "{event} {command}: {ran:#?}");
            assert_eq!(toy.history(), [0_u64; 0], "{event} {command}");
        }
    }
    let toy = Toy::start([0.0, 0.0]);
    let world = action(&toy, "push", &[]).variable("RUNNER_ENVIRONMENT", "github-hosted");
    act(&world).exits(2).saying("a file is no journal on a runner of GitHub's");
}

#[test]
fn a_run_that_ended_on_a_merged_branch_lets_a_rollout_run() {
    let check = |payload: &Value, more: &[(&str, &str)], exit: i32| {
        let toy = Toy::start([0.005, 0.005]);
        act(&with_event(action(&toy, "workflow_run", more), payload)).exits(exit);
    };
    check(&ended("push", "main", "Octo/Risk"), &[], 0);
    check(&ended("schedule", "main", "octo/risk"), &[], 0);
    check(&ended("push", "release/1", "octo/risk"), &[("trusted-branches", "stable\nrelease/1")], 0);
    check(&ended("push", "release/2", "octo/risk"), &[("trusted-branches", "stable\nrelease/1")], 2);
    // A fork's branch of that name is not the repository's.
    check(&ended("push", "release/1", "mallory/risk"), &[("trusted-branches", "release/1")], 2);
    check(&ended("pull_request", "release/1", "octo/risk"), &[("trusted-branches", "release/1")], 2);
}

/// The step after the job, by the name that the image gives it.
pub fn post(world: &World, state: &str) -> Ran {
    let name = world.path("mlgate-post");
    if !name.exists() {
        std::os::unix::fs::symlink(crate::world::BINARY, &name).unwrap();
    }
    let command = world.command(&[]);
    let variables: Vec<_> =
        command.get_envs().filter_map(|(name, value)| Some((name.to_owned(), value?.to_owned()))).collect();
    let mut post = std::process::Command::new(name);
    post.env_clear().envs(variables).env("STATE_rollout", state).current_dir(world.path("workspace"));
    world.finish(&mut post)
}

#[test]
fn the_step_after_the_job_undoes_what_it_left() {
    let toy = Toy::start([0.005, 0.005]);
    let world = action(&toy, "push", &[]);
    toy.set(|inner| inner.kill_at = Some(55));
    let mut child = world.command(&[]).current_dir(world.path("workspace")).stdout(Stdio::null()).spawn().unwrap();
    toy.set(|inner| inner.victim = Some(child.id()));
    assert_eq!(child.wait().unwrap().code(), None);
    assert_eq!((toy.candidate(), world.read("state").as_str()), (100, "rollout=under-way\n"));
    // Without state it does nothing.
    post(&world, "").exits(0);
    assert_eq!(toy.candidate(), 100);
    post(&world, "under-way").exits(1).saying("its job ended before it did");
    assert_eq!(toy.candidate(), 0);
    post(&world, "under-way").exits(0);
}

/// On GitHub, with a journal on a branch; the server is tests/servers/github.py, which holds to GitHub's own description.
pub fn on_github(toy: &Toy, more: &str, setup: Value) -> (Repository, World) {
    let repository = Repository::new(setup);
    let payload = json!({ "repository": { "full_name": repository.name, "default_branch": "main" } });
    let world = repository.runs(World::new(), "push", &payload).variable("MLGATE_JOURNAL_KEY", KEY);
    toy.furnish(&world, "", "direct");
    let config = world.read("mlgate.yml").replace("{ path: journal.json }", "{ branch: mlgate-state }");
    world.write("mlgate.yml", format!("{config}{more}"));
    (repository, world)
}

pub fn main_branch() -> Value {
    json!({ "refs": { "main": MERGE }, "files": { MERGE: { "mlgate.yml": "" } } })
}

#[test]
fn a_journal_on_a_branch_and_a_deployment_with_its_statuses() {
    let toy = Toy::start([0.005, 0.005]);
    let (repository, world) = on_github(&toy, "", main_branch());
    rollout(&world, &[]).exits(0);
    let state = repository.state();
    let writes = state["writes"].as_array().unwrap();
    assert!(writes.len() >= 3, "{writes:#?}");
    assert!(
        writes.iter().all(|write| write["path"] == "mlgate/risk.rollout.json" && write["branch"] == "mlgate-state")
    );
    let last: Value = serde_json::from_str(writes.last().unwrap()["content"].as_str().unwrap()).unwrap();
    assert_eq!((&last["is_settled"], &last["state"]["ended"]["outcome"]), (&json!(true), &json!("promoted")));
    let statuses: Vec<&Value> =
        state["deployments"][0]["statuses"].as_array().unwrap().iter().map(|status| &status["state"]).collect();
    assert_eq!(statuses, ["in_progress", "success"]);
    repository.is_as_described();

    // A job's own `environment:` has made one already.
    let mut setup = main_branch();
    let log_url = format!("https://github.example/{}/actions/runs/42/job/1", "o/r");
    setup["deployments"] = json!([{ "sha": MERGE, "statuses": [{ "state": "in_progress", "log_url": log_url }] }]);
    let toy = Toy::start([0.005, 0.9]);
    let dispatch = "  on_rollback: { dispatch: { event: retrain } }\n";
    let (repository, world) = on_github(&toy, dispatch, setup);
    rollout(&world, &[]).exits(1).saying("::warning").saying("`on_rollback` was started");
    let state = repository.state();
    assert_eq!(state["deployments"].as_array().unwrap().len(), 1);
    assert!(
        repository.requests().iter().any(|request| request.starts_with("POST /dispatches")),
        "{:?}",
        repository.requests()
    );
    repository.is_as_described();
}

#[test]
fn whoever_is_to_be_told_is_told() {
    let toy = Toy::start([0.005, 0.9]);
    let heard = crate::endpoint::Served::start(|_| crate::endpoint::Answer::json("ok"));
    let world = toy.world("direct").variable("MLGATE_SLACK", heard.url());
    world.write("mlgate.yml", world.read("mlgate.yml") + "notify: { webhook: { url_env: MLGATE_SLACK } }\n");
    rollout(&world, &[]).exits(1);
    let said = heard.bodies();
    assert_eq!(said.len(), 1);
    assert!(said[0].contains("*rolled back: risk 8*") && said[0].contains("requests failed"), "{said:?}");
}

#[test]
fn a_journal_that_cannot_be_written_moves_nothing() {
    let toy = Toy::start([0.005, 0.005]);
    let (repository, world) = on_github(&toy, "", main_branch());
    repository.setup(
        json!({ "tokens": { &repository.token: { "permissions": { "contents": "read", "deployments": "write" } } } }),
    );
    let ran = rollout(&world, &[]).exits(3).saying("the journal could not be written");
    assert!(ran.says("contents: write"), "{ran:#?}");
    assert!(toy.history().iter().all(|weight| *weight == 0), "{:?}", toy.history());

    // An answer that is lost is no conflict with oneself.
    let toy = Toy::start([0.005, 0.005]);
    let (repository, world) = on_github(&toy, "", main_branch());
    repository.faults(json!([{ "method": "PUT", "path_contains": "/contents/", "nth": 2, "action": "close_after" }]));
    rollout(&world, &[]).exits(0);
    assert_eq!(toy.candidate(), 100);
}

#[test]
fn a_rollouts_report_replaces_a_link_and_leaves_its_target() {
    let toy = Toy::start([0.0, 0.0]);
    let world = toy.world("canary");
    world.write("victim", "untouched").write("mlgate-report/earlier", "");
    for name in ["rollout.md", "rollout.json"] {
        std::os::unix::fs::symlink(world.path("victim"), world.path("mlgate-report").join(name)).unwrap();
    }
    rollout(&world, &[]).exits(0);
    assert_eq!(world.read("victim"), "untouched");
    assert!(
        came_to(&world).is_object() && world.path("mlgate-report/rollout.md").symlink_metadata().unwrap().is_file()
    );
}
