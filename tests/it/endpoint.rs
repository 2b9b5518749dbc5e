//! Models behind HTTP: real servers (MLflow's, MLServer), and one that answers whatever a test wants, wrong above all.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use serde_json::{Value, json};

use crate::onnx;
use crate::world::{Ran, World, root};

/// A request as the server saw it.
#[derive(Debug, Clone)]
pub struct Request {
    pub head: String,
    pub body: String,
}

impl Request {
    /// How many rows it asks about, in any of the protocols.
    pub fn rows(&self) -> usize {
        let body: Value = serde_json::from_str(&self.body).unwrap_or_default();
        let list = [&body["dataframe_split"]["data"], &body["instances"]].into_iter().find_map(Value::as_array);
        list.map_or(0, Vec::len)
    }
}

/// What is sent back.
pub struct Answer {
    bytes: Vec<u8>,
    after: Duration,
    /// The connection ends behind it.
    ends: bool,
}

impl Answer {
    pub fn json(body: &str) -> Self {
        Self::of("200 OK", "application/json", body)
    }

    pub fn of(status: &str, kind: &str, body: &str) -> Self {
        let head = format!("HTTP/1.1 {status}\r\ncontent-type: {kind}\r\ncontent-length: {}\r\n\r\n", body.len());
        Self { bytes: [head.as_bytes(), body.as_bytes()].concat(), after: Duration::ZERO, ends: false }
    }

    fn raw(bytes: &str) -> Self {
        Self { bytes: bytes.as_bytes().to_vec(), after: Duration::ZERO, ends: true }
    }

    pub fn after(mut self, milliseconds: u64) -> Self {
        self.after = Duration::from_millis(milliseconds);
        self
    }

    /// One number for each row of the request.
    fn numbers(request: &Request) -> Self {
        let numbers: Vec<String> = (0..request.rows()).map(|row| format!("{}.5", row % 3)).collect();
        Self::json(&format!(r#"{{"predictions": [{}]}}"#, numbers.join(", ")))
    }
}

/// A server of this process; its threads end with it.
pub struct Served {
    port: u16,
    requests: Arc<Mutex<Vec<Request>>>,
}

impl Served {
    pub fn start(answer: impl Fn(&Request) -> Answer + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let requests = Arc::new(Mutex::new(Vec::new()));
        let (answer, seen) = (Arc::new(answer), Arc::clone(&requests));
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (answer, seen) = (Arc::clone(&answer), Arc::clone(&seen));
                thread::spawn(move || serve(&stream, answer.as_ref(), &seen));
            }
        });
        Self { port, requests }
    }

    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}/invocations", self.port)
    }

    /// The bodies that were sent.
    pub fn bodies(&self) -> Vec<String> {
        self.requests().into_iter().map(|request| request.body).collect()
    }

    pub fn requests(&self) -> Vec<Request> {
        self.requests.lock().unwrap().clone()
    }
}

fn serve(stream: &TcpStream, answer: &dyn Fn(&Request) -> Answer, seen: &Mutex<Vec<Request>>) {
    let _ = stream.set_nodelay(true);
    let mut reader = BufReader::new(stream);
    loop {
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            if reader.read_line(&mut head).unwrap_or(0) == 0 {
                return;
            }
        }
        let length = head.lines().find_map(|line| line.to_lowercase().strip_prefix("content-length: ")?.parse().ok());
        let mut body = vec![0; length.unwrap_or(0)];
        if reader.read_exact(&mut body).is_err() {
            return;
        }
        let request = Request { head, body: String::from_utf8_lossy(&body).into_owned() };
        seen.lock().unwrap().push(request.clone());
        let answer = answer(&request);
        thread::sleep(answer.after);
        let mut writer = stream;
        if writer.write_all(&answer.bytes).is_err() || answer.ends {
            return;
        }
    }
}

/// 40 rows with a label and two features.
fn world() -> World {
    let mut rows = String::from("age,job,label\n");
    for row in 0..40 {
        rows.push_str(&format!("{},{},{}.5\n", 20 + row, ["a", "b"][row % 2], row % 3));
    }
    let world = World::new();
    world.write("test.csv", rows);
    world
}

fn config(world: &World, endpoint: &str, checks: &str) {
    let checks: String = checks.lines().map(|line| format!("    {line}\n")).collect();
    world.write(
        "mlgate.yml",
        format!("data: {{ test: test.csv, target: label }}\nmodel:\n  endpoint: {endpoint}\n  checks:\n{checks}"),
    );
}

const RMSE: &str = "- metric: { name: rmse, max: 0.000001 }";

/// The run of a gate whose endpoint answers so.
fn answering(answer: impl Fn(&Request) -> Answer + Send + Sync + 'static) -> Ran {
    let (world, served) = (world(), Served::start(answer));
    config(&world, &format!("{{ url: '{}', timeout_seconds: 0.5 }}", served.url()), RMSE);
    world.check(&[])
}

#[test]
fn an_endpoint_is_asked_by_batches_and_judged_like_any_model() {
    let (world, served) = (world(), Served::start(Answer::numbers));
    config(
        &world,
        &served.url(),
        &format!("{RMSE}\n- invariance: {{ columns: [job] }}\n- prediction_range: {{ min: 0, max: 2 }}"),
    );
    world.write("more.yml", "model: { run: { batch_rows: 15 } }");
    // 15, 15 and 10 rows: what comes back is of the rows that were sent, in their order, only because each batch is.
    let ran = world.check(&["--config", "mlgate.yml\nmore.yml"]);
    let rows: Vec<usize> = served.requests().iter().map(Request::rows).collect();
    assert_eq!(rows[..3], [15, 15, 10]);
    assert!(served.requests()[0].body.starts_with(r#"{"dataframe_split":{"columns":["age","job"],"data":[[20,"a"],"#));
    assert_eq!(ran.verdicts()[2]["status"], "fail", "{ran:#?}");
    assert_eq!(ran.verdicts()[1]["status"], "pass", "{ran:#?}");
}

#[test]
fn every_bad_answer_has_a_name() {
    let said = |answer: fn(&Request) -> Answer, words: &str| {
        let ran = answering(answer).exits(3).saying(words);
        assert_eq!(ran.verdicts()[0]["status"], "error");
        assert!(ran.says("the endpoint `http://127.0.0.1:"), "{ran:#?}");
    };
    said(|_| Answer::json(r#"{"predictions": [0.5]}"#), "answered 1 predictions for 40 rows");
    said(|request| Answer::json(&request_of(request, "NaN")), "answered NaN or Infinity");
    said(|request| Answer::json(&request_of(request, "null")), "answered null for row 1");
    said(|request| Answer::json(&request_of(request, "[1, 2], 3")), "something else for row 2");
    said(|_| Answer::json(r#"{"error": "no"}"#), "answered without `predictions`");
    said(|_| Answer::json(r#"{"predictions": "#), "what is no JSON");
    said(|_| Answer::of("200 OK", "text/html", "<html>Sign in</html>"), "a page of HTML");
    said(|_| Answer::of("400 Bad Request", "application/json", r#"{"message": "no column `age`"}"#), "answered 400");
    said(|_| Answer::of("401 Unauthorized", "text/plain", ""), "token_env");
    said(|_| Answer::of("500 Oh", "text/html", "<h1>secret trace</h1>"), "answered 500");
    said(|_| Answer::of("302 Found", "text/plain", ""), "mlgate follows none");
    said(|request| Answer::numbers(request).after(900), "none in 0.5 s");
    said(
        |_| Answer::raw("HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 100\r\n\r\n{\"pre"),
        "broke off its answer",
    );
    said(|_| Answer::raw("nonsense\r\n\r\n"), "gave no answer");
    said(|_| Answer::raw(""), "gave no answer");
}

/// Predictions, the first of which is this.
fn request_of(request: &Request, first: &str) -> String {
    let others = vec!["0.5"; request.rows().saturating_sub(1)];
    format!(r#"{{"predictions": [{first}, {}]}}"#, others.join(", "))
}

#[test]
fn what_a_page_says_is_not_repeated() {
    let ran = answering(|_| Answer::of("500 Oh", "text/html", "<h1>secret trace</h1>"));
    assert!(!ran.says("secret trace"));
}

#[test]
fn a_server_that_is_not_there_is_said() {
    let world = world();
    config(&world, "http://127.0.0.1:1/invocations", RMSE);
    world.check(&[]).exits(3).saying("gave no answer").saying("is the server running");
    config(&world, "http://169.254.169.254/latest", RMSE);
    world.check(&[]).exits(3).saying("link-local");
    config(&world, "ftp://example.org", RMSE);
    world.check(&[]).exits(2).saying("is no address of HTTP");
    config(&world, "'http://me:secret@127.0.0.1:1/'", RMSE);
    let ran = world.check(&[]).exits(2);
    assert!(!ran.says("secret@"), "{ran:#?}");
}

#[test]
fn it_is_asked_again_only_where_nothing_was_taken_up() {
    let tries = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&tries);
    let ran = answering(move |request| {
        if count.fetch_add(1, Ordering::SeqCst) < 2 {
            Answer::of("503 Busy", "text/plain", "")
        } else {
            Answer::numbers(request)
        }
    });
    assert_eq!((ran.exits(0).statuses().as_str(), tries.load(Ordering::SeqCst)), ("pass", 3));
    let tries = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&tries);
    answering(move |_| {
        count.fetch_add(1, Ordering::SeqCst);
        Answer::of("500 Oh", "text/plain", "")
    })
    .exits(3);
    assert_eq!(tries.load(Ordering::SeqCst), 1);
}

#[test]
fn a_token_goes_only_to_the_host_that_an_input_names() {
    let (world, served) = (world().variable("MLGATE_MODEL_TOKEN", "s3cret-token"), Served::start(Answer::numbers));
    config(&world, &format!("{{ url: '{}', token_env: MLGATE_MODEL_TOKEN }}", served.url()), RMSE);
    world.check(&[]).exits(2).saying("would go to a host that only the config names");
    assert!(served.requests().is_empty());
    let ran = world.check(&["--endpoint", &served.url()]).exits(0);
    assert!(served.requests()[0].head.contains("authorization: Bearer s3cret-token"), "{:?}", served.requests()[0]);
    assert!(!ran.says("s3cret-token"), "{ran:#?}");
    let key = format!("{{ url: '{}', token_env: MLGATE_MODEL_TOKEN, header: X-Api-Key }}", served.url());
    config(&world, &key, RMSE);
    world.check(&["--endpoint", &served.url()]).exits(0);
    assert!(served.requests().last().unwrap().head.contains("x-api-key: s3cret-token"));
    config(&world, &format!("{{ url: '{}', token_env: HOME }}", served.url()), RMSE);
    world.check(&[]).exits(2).saying("variables that begin with MLGATE_");
    config(&world, &format!("{{ url: '{}', token_env: MLGATE_OTHER }}", served.url()), RMSE);
    world
        .check(&["--endpoint", &served.url()])
        .exits(2)
        .saying("`MLGATE_OTHER`, which holds the endpoint's token, is not set");
}

#[test]
fn any_json_is_spoken_by_a_template() {
    let world = world();
    let served = Served::start(|request| {
        let outputs: Vec<Value> = (0..request.rows()).map(|row| json!([row as f64 % 3.0 + 0.5])).collect();
        Answer::json(&json!({ "result": { "y": outputs } }).to_string())
    });
    let endpoint = format!(
        "{{ url: '{}', request: '{{\"instances\": {{{{rows}}}}}}', rows: records, predictions: /result/y }}",
        served.url()
    );
    config(&world, &endpoint, RMSE);
    world.check(&[]).exits(0);
    assert!(
        served.requests()[0].body.starts_with(r#"{"instances": [{"age":20,"job":"a"}"#),
        "{:?}",
        served.requests()[0]
    );
}

#[test]
fn a_load_is_open_and_its_errors_are_counted() {
    let (world, served) = (world(), Served::start(|request| Answer::numbers(request).after(20)));
    config(
        &world,
        &served.url(),
        "- serving: { rps: 100, seconds: 1, p99_ms: 60000, min_rps: 1 }\n- latency: { p50_ms: 60000, rows: 20, warmup: 2 }",
    );
    let ran = world.check(&[]).exits(0);
    let values = &ran.verdicts()[0]["values"];
    assert_eq!(values["requests"], 100);
    assert!(values["p50_ms"].as_f64().unwrap() >= 20.0, "{values:#}");
    assert!(values["lag_p99_ms"].as_f64().is_some());
    assert_eq!(ran.verdicts()[1]["values"]["rows"], 20);

    let count = AtomicUsize::new(0);
    let served = Served::start(move |request| match count.fetch_add(1, Ordering::SeqCst) % 10 {
        3 => Answer::of("500 Oh", "text/plain", "no"),
        7 => Answer::json(r#"{"predictions": [1.5, 2.5]}"#),
        _ => Answer::numbers(request),
    });
    config(
        &world,
        &served.url(),
        "- serving: { rps: 100, seconds: 1 }\n- serving: { rps: 100, seconds: 1, max_error_percent: 25 }\n  name: lenient",
    );
    let ran = world.check(&[]).exits(1);
    assert_eq!(ran.statuses(), "fail pass", "{ran:#?}");
    let errors = ran.verdicts()[0]["values"]["errors"].to_string();
    assert!(errors.contains("answered 500") && errors.contains("answered 2 predictions for 1 row"), "{errors}");
}

/// Thousands of answers are under way at once: each for one row must be a small one.
#[test]
fn an_answer_for_one_row_is_small() {
    let (world, served) = (
        world(),
        Served::start(|request| match request.body.matches("\"age\"").count() {
            1 => Answer::json(&format!("{{\"predictions\": [{}1]}}", " ".repeat(300_000))),
            _ => Answer::numbers(request),
        }),
    );
    for check in ["- serving: { rps: 20, seconds: 1 }", "- latency: { p50_ms: 60000, rows: 20, warmup: 2 }"] {
        config(&world, &served.url(), check);
        world.check(&[]).exits(3).saying("answered over 256000 bytes");
    }
}

/// A server out of tests/servers; it ends when its standard input does.
struct Real {
    process: Child,
    lines: Vec<String>,
    folder: tempfile::TempDir,
}

impl Real {
    fn start(prepare: &str, inside: &str, script: &str, arguments: &[&str], until: usize) -> Self {
        let servers = root().join("tests/servers");
        let prepared = Command::new(servers.join(prepare)).stderr(Stdio::inherit()).output().unwrap();
        assert!(prepared.status.success(), "tests/servers/{prepare} could not prepare the server: see what it says");
        let place = PathBuf::from(String::from_utf8(prepared.stdout).unwrap().trim());
        let folder = tempfile::tempdir().unwrap();
        let python = if inside.is_empty() { place } else { place.join(inside) };
        let mut process = Command::new(python)
            .arg(servers.join(script))
            .arg("--folder")
            .arg(folder.path().join("models"))
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let reader = BufReader::new(process.stdout.take().unwrap());
        let mut lines: Vec<String> = Vec::new();
        for line in reader.lines().map_while(Result::ok) {
            lines.push(line);
            if lines.iter().filter(|line| line.starts_with("listening on ")).count() == until {
                break;
            }
        }
        Self { process, lines, folder }
    }

    fn port(&self, kind: &str) -> String {
        let found = self.lines.iter().find(|line| line.starts_with("listening on ") && line.ends_with(kind));
        found.unwrap_or_else(|| panic!("no {kind}: {:?}", self.lines)).split(' ').nth(2).unwrap().to_owned()
    }

    fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join("models").join(name)
    }
}

impl Drop for Real {
    fn drop(&mut self) {
        drop(self.process.stdin.take());
        let _ = self.process.wait();
    }
}

/// The server's own rows, and beside them what the model said natively, as recorded predictions.
fn recorded(real: &Real, world: &World, columns: &[(&str, &dyn Fn(usize) -> Value)]) {
    let rows = fs::read_to_string(real.file("rows.csv")).unwrap();
    world.write("rows.csv", &rows);
    let mut table = format!("key,{}\n", columns.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(","));
    for row in 0..rows.lines().count() - 1 {
        let key = rows.lines().nth(row + 1).unwrap().split(',').next().unwrap();
        let cells: Vec<String> =
            columns.iter().map(|(_, of)| of(row).to_string().trim_matches('"').to_owned()).collect();
        table.push_str(&format!("{key},{}\n", cells.join(",")));
    }
    world.write("recorded.csv", table);
}

fn roundtrip(world: &World, endpoint: &str, features: &str, positive: &str) -> Ran {
    let positive = if positive.is_empty() { String::new() } else { format!(", positive: {positive}") };
    world.write(
        "mlgate.yml",
        format!(
            "data: {{ test: rows.csv }}\nmodel:\n  name: tensor\n  predictions: {{ path: recorded.csv, key: key{positive} }}\n  \
             features: {features}\n  endpoint: {endpoint}\n  checks:\n    - roundtrip\n    - invariance: {{ change: none }}\n"
        ),
    );
    world.check(&[])
}

const FEATURES: &str = "[f0, f1, f2, f3, f4, f5, f6, f7, region]";
const NUMBERS: &str = "[f0, f1, f2, f3, f4, f5, f6, f7]";

#[test]
fn mlflows_own_server_says_what_its_models_say() {
    let kinds = ["labels", "names", "numbers", "probabilities", "frame"];
    let real = Real::start("mlflow.sh", "venv/bin/python", "serve_mlflow.py", &kinds, kinds.len());
    let said: Value = serde_json::from_str(&fs::read_to_string(real.file("predictions.json")).unwrap()).unwrap();
    let url = |kind: &str| format!("http://127.0.0.1:{}/invocations", real.port(kind));
    let world = World::new();
    for (kind, positive) in [("labels", "1"), ("names", "good"), ("numbers", "")] {
        recorded(&real, &world, &[("prediction", &|row| said[kind][row].clone())]);
        let ran = roundtrip(&world, &url(kind), FEATURES, positive).exits(0);
        assert_eq!(ran.statuses(), "pass pass", "{kind}: {ran:#?}");
    }
    let score = |class: usize| move |row: usize| said["probabilities"][row][class].clone();
    let (no, yes) = (score.clone()(0), score(1));
    recorded(&real, &world, &[("score_0", &no), ("score_1", &yes)]);
    assert_eq!(roundtrip(&world, &url("probabilities"), FEATURES, "1").exits(0).statuses(), "pass pass");
    recorded(&real, &world, &[("score", &yes)]);
    assert_eq!(roundtrip(&world, &url("frame"), FEATURES, "1").exits(0).statuses(), "pass pass");
    // Other features, other predictions: the server says what it lacks, and no pass comes of it.
    roundtrip(&world, &url("frame"), NUMBERS, "1").exits(3).saying("answered 400");
}

#[test]
fn an_open_inference_server_says_what_its_models_say() {
    let real = Real::start("inference.sh", "", "inference.py", &[], 1);
    let said: Value = serde_json::from_str(&fs::read_to_string(real.file("predictions.json")).unwrap()).unwrap();
    let world = World::new();
    let endpoint = |model: &str| format!("{{ url: 'http://127.0.0.1:{}', model: {model} }}", real.port(""));
    let proba = |row: usize| said["tensor"]["predict_proba"][row][1].clone();
    recorded(&real, &world, &[("score", &proba)]);
    assert_eq!(roundtrip(&world, &endpoint("tensor"), NUMBERS, "1").exits(0).statuses(), "pass pass");
    let label = |row: usize| said["columns"]["predict"][row].clone();
    recorded(&real, &world, &[("prediction", &label)]);
    assert_eq!(roundtrip(&world, &endpoint("columns"), FEATURES, "1").exits(0).statuses(), "pass pass");
    let undeclared = |row: usize| said["undeclared"]["predict"][row].clone();
    recorded(&real, &world, &[("prediction", &undeclared)]);
    assert_eq!(roundtrip(&world, &endpoint("undeclared"), NUMBERS, "1").exits(0).statuses(), "pass pass");
    roundtrip(&world, &endpoint("nobody"), NUMBERS, "1").exits(3).saying("answered 404");
    roundtrip(&world, &endpoint("columns"), NUMBERS, "1").exits(3).saying("`region`");
}

#[test]
fn an_artifact_and_an_endpoint_are_asked_each_for_its_own() {
    let world = onnx::world();
    let data = root().join("examples/credit-model/data");
    world.copy(data.join("fair.onnx"), "fair.onnx").copy(data.join("test.csv"), "test.csv");
    let served = Served::start(Answer::numbers);
    world.write(
        "mlgate.yml",
        format!(
            "data: {{ test: test.csv, target: risk }}\nmodel:\n  artifact: fair.onnx\n  endpoint: {}\n  predictions: {{ positive: 1 }}\n  \
             checks:\n    - metric: {{ name: accuracy, min: 0.7 }}\n    - serving: {{ rps: 50, seconds: 0.5 }}\n",
            served.url()
        ),
    );
    assert_eq!(world.check(&[]).exits(0).statuses(), "pass pass");
    // One to see what it says, one to open the connection, and the load.
    assert_eq!(served.requests().len(), 27);
}

#[test]
fn answers_that_change_their_type_on_the_way_are_refused() {
    let count = AtomicUsize::new(0);
    // Whole numbers first, fractions and texts later.
    let served = Served::start(move |request| {
        let value = ["7", "0.75", "\"7\""][count.fetch_add(1, Ordering::SeqCst).min(2)];
        let all = vec![value; request.rows()];
        Answer::json(&format!(r#"{{"predictions": [{}]}}"#, all.join(", ")))
    });
    let world = World::new();
    let rows: String = (0..40).map(|row| format!("{row},{}\n", row % 3)).collect();
    world.write("test.csv", format!("age,label\n{rows}"));
    world.write("more.yml", "model: { run: { batch_rows: 15 } }");
    config(&world, &served.url(), RMSE);
    let ran = world.check(&["--config", "mlgate.yml\nmore.yml"]).exits(3);
    ran.saying("the model answers something else from row 16 on: `prediction` is float there and was integer");
}

#[test]
fn whole_numbers_among_fractions_are_numbers() {
    // JavaScript writes 7.0 as 7.
    let served = Served::start(|request| {
        Answer::json(&format!(r#"{{"predictions": [{}]}}"#, vec!["1"; request.rows()].join(", ")))
    });
    let world = world();
    world.write("test.csv", "age,label\n1,1.0\n2,1.0\n3,1.5\n");
    config(&world, &served.url(), "- metric: { name: mae, max: 0.17 }\n- prediction_range: { min: 1, max: 1 }");
    world.check(&[]).exits(0);
}

#[test]
fn more_scores_than_before_are_refused() {
    let count = AtomicUsize::new(0);
    let served = Served::start(move |request| {
        let row = ["[0.5, 0.5]", "[0.25, 0.25, 0.5]"][count.fetch_add(1, Ordering::SeqCst).min(1)];
        Answer::json(&format!(r#"{{"predictions": [{}]}}"#, vec![row; request.rows()].join(", ")))
    });
    let world = World::new();
    world.write("test.csv", "age,label\n1,0\n2,1\n3,1\n4,0\n").write("more.yml", "model: { run: { batch_rows: 2 } }");
    config(&world, &served.url(), "- metric: { name: accuracy, min: 0 }");
    world
        .check(&["--config", "mlgate.yml\nmore.yml"])
        .exits(3)
        .saying("the model has the classes `0`, `1`, `2`, and had `0`, `1`");
}

#[test]
fn a_token_that_a_server_says_back_is_in_no_report() {
    let world = world().variable("MLGATE_MODEL_TOKEN", "s3cret-token");
    let served = Served::start(|request| {
        let token = request.head.lines().find_map(|line| line.strip_prefix("authorization: ")).unwrap_or_default();
        Answer::of("401 No", "text/plain", &format!("denied: {token}"))
    });
    config(&world, &format!("{{ url: '{}', token_env: MLGATE_MODEL_TOKEN }}", served.url()), RMSE);
    let ran = world.check(&["--endpoint", &served.url()]).exits(3).saying("denied: Bearer ***");
    for file in ["report.json", "report.md", "junit.xml", "results.sarif"] {
        assert!(!world.read(&format!("mlgate-report/{file}")).contains("s3cret"), "{file}");
    }
    assert!(!ran.stdout.contains("s3cret"));
}

#[test]
fn no_part_of_a_token_is_shown_where_an_answer_is_cut() {
    let token = "s3cret".repeat(10);
    let world = world().variable("MLGATE_MODEL_TOKEN", &token);
    for (status, before) in [("200 OK", 40), ("200 OK", 70), ("401 No", 150), ("500 Oh", 190), ("500 Oh", 1980)] {
        let served = Served::start(move |request| {
            let said = request.head.lines().find_map(|line| line.strip_prefix("authorization: ")).unwrap_or_default();
            Answer::of(status, "text/plain", &format!("{}{said}", "x".repeat(before)))
        });
        config(&world, &format!("{{ url: '{}', token_env: MLGATE_MODEL_TOKEN }}", served.url()), RMSE);
        let ran = world.check(&["--endpoint", &served.url()]).exits(3);
        assert!(!ran.says("s3cr"), "{status} {before}: {ran:#?}");
    }
}

#[test]
fn an_answer_without_a_prediction_is_no_right_one() {
    for nothing in [r#"{"predictions": [{}]}"#, r#"{"predictions": [[]]}"#, r#"{"predictions": []}"#] {
        let (world, served) = (world(), Served::start(move |_| Answer::json(nothing)));
        // With recorded predictions nothing but the endpoint itself can tell.
        world.write("recorded.csv", "label,prediction\n1.5,1.5\n");
        world.write("more.yml", "model: { predictions: recorded.csv }");
        for check in ["- serving: { rps: 20, seconds: 0.5 }", "- latency: { p99_ms: 60000, rows: 3, warmup: 0 }"] {
            config(&world, &served.url(), check);
            world.check(&["--config", "mlgate.yml\nmore.yml"]).exits(3).saying("answered no prediction");
        }
    }
}

#[test]
fn a_text_that_is_no_class_is_no_right_answer() {
    let (world, count) = (world(), AtomicUsize::new(0));
    let served = Served::start(move |request| match count.fetch_add(1, Ordering::SeqCst) % 2 {
        1 => Answer::json(&format!(
            r#"{{"predictions": [{}]}}"#,
            vec!["\"ERROR: no features\""; request.rows()].join(",")
        )),
        _ => Answer::json(&format!(r#"{{"predictions": [{}]}}"#, vec!["\"a\""; request.rows()].join(","))),
    });
    let serving = "- serving: { rps: 20, seconds: 1 }";
    let gate = |target: &str, more: &str| {
        let text = format!(
            "data: {{ test: test.csv, target: {target} }}\nmodel:\n  endpoint: {}\n  predictions: recorded.csv\n{more}  checks:\n    {serving}\n",
            served.url()
        );
        world.write("mlgate.yml", text);
        world.check(&[])
    };
    world.write("recorded.csv", "label,prediction\na,a\n");
    let ran = gate("job", "");
    assert_ne!(ran.statuses(), "pass", "{ran:#?}");
    assert!(ran.says("the model says `ERROR: no features`, which is none of the classes `a`, `b`"), "{ran:#?}");
    let ran = gate("job", "  classes: [a, c]\n");
    assert!(ran.says("none of the classes `a`, `c`"), "{ran:#?}");
    gate("gone", "").exits(3).saying("nothing says which of them are classes");
}

#[test]
fn a_share_of_rows_without_a_number_is_no_share_that_moves() {
    let (world, served) = (world(), Served::start(|request| Answer::json(&request_of(request, "\"NaN\""))));
    config(&world, &served.url(), "- invariance: { columns: [job], min_percent: 50 }");
    world.check(&[]).exits(3);
}
