//! Signals from elsewhere than Prometheus: servers of this process answer as the vendors' descriptions say, and can say
//! anything else. The real ones are tests/rollout/integrations.sh's.

use std::sync::{Arc, Mutex};
use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};

use crate::cloudwatch::METRICS;
use crate::described::{by_schema, described};
use crate::endpoint::{Answer, Request, Served};
use crate::rollout::{Toy, rollout};
use crate::world::World;

/// What both variants have counted, as the router's weights say.
#[derive(Clone)]
struct Counts {
    toy: Toy,
    errors: [f64; 2],
    counted: Arc<Mutex<[[f64; 2]; 2]>>,
}

impl Counts {
    /// Nobody has asked the candidate yet.
    fn new(toy: &Toy, errors: [f64; 2]) -> Self {
        Self { toy: toy.clone(), errors, counted: Arc::new(Mutex::new([[9_000.0, 40.0], [0.0, 0.0]])) }
    }

    /// Requests and errors of a variant, some more each time.
    fn tick(&self, candidate: bool) -> [f64; 2] {
        let weight = self.toy.candidate() as f64 / 100.0;
        let arm = usize::from(candidate);
        let requests = 2_000.0 * if candidate { weight } else { 1.0 - weight };
        let mut counted = self.counted.lock().unwrap();
        counted[arm][0] += requests;
        counted[arm][1] += (requests * self.errors[arm]).round();
        counted[arm]
    }
}

fn now() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs_f64()
}

/// A world whose config has these signals.
pub fn world(toy: &Toy, strategy: &str, signals: &str) -> World {
    let world = toy.world(strategy);
    let config = world.read("mlgate.yml");
    let (head, rest) = config.split_once("  signals:\n").unwrap();
    let limits = rest.split_once("  limits:\n").unwrap().1;
    let signals: String = signals.lines().map(|line| format!("    {line}\n")).collect();
    world.write("mlgate.yml", format!("{head}  signals:\n{signals}  limits:\n{limits}"));
    world
        .variable("MLGATE_HEADERS", "Authorization: Bearer not-a-secret\nX-Org: 7")
        .variable("MLGATE_KEY", "not-a-secret")
        .variable("MLGATE_OTHER", "no-secret-either")
}

/// A good candidate is promoted and a bad one goes back.
fn both_ways(
    signals: impl Fn(&str) -> String,
    answer: impl Fn(&Request, &Counts) -> Answer + Send + Sync + Copy + 'static,
) {
    for (errors, exit, at_the_end) in [([0.005, 0.005], 0, 100), ([0.005, 0.2], 1, 0)] {
        let toy = Toy::start([0.0, 0.0]);
        let counts = Counts::new(&toy, errors);
        let served = Served::start(move |request| answer(request, &counts));
        let url = served.url().replace("/invocations", "");
        let ran = rollout(&world(&toy, "canary\n  steps: [50]", &signals(&url)), &[]).exits(exit);
        assert_eq!(toy.candidate(), at_the_end, "{ran:#?}");
        if exit == 1 {
            assert!(ran.says("requests failed, at most 2 % may"), "{ran:#?}");
        }
    }
}

const HTTP: &str = "http: { url: 'URL/stats/{{arm}}', headers_env: MLGATE_HEADERS, time_pointer: /at }
requests: /requests
errors: { json_pointer: /failed/0 }
p99: { json_pointer: /p99, window_seconds: 1 }
stale_seconds: 5";

fn document(requests: &Value, errors: &Value, at: &Value) -> Answer {
    Answer::json(&json!({ "requests": requests, "failed": [errors], "p99": "40.5", "at": at }).to_string())
}

#[test]
fn json_over_http_decides_a_rollout() {
    both_ways(
        |url| HTTP.replace("URL", url),
        |request, counts| {
            let head = request.head.to_lowercase();
            assert!(head.contains("authorization: bearer not-a-secret") && head.contains("x-org: 7"), "{head}");
            let [requests, errors] = counts.tick(head.starts_with("get /stats/candidate "));
            document(&json!(requests), &json!(errors), &json!(now()))
        },
    );
}

#[test]
fn a_document_that_says_nothing_moves_nothing() {
    let check = |answer: fn() -> Answer, exit: i32, said: &str| {
        let toy = Toy::start([0.0, 0.0]);
        let served = Served::start(move |_| answer());
        let url = served.url().replace("/invocations", "");
        rollout(&world(&toy, "canary", &HTTP.replace("URL", &url)), &[]).exits(exit).saying(said);
        assert_eq!(toy.history(), [0_u64; 0], "{said}");
    };
    check(|| document(&json!(1), &json!(0), &json!(now() - 60.0)), 3, "is 60 s old");
    check(|| document(&json!(1), &json!(0), &json!(now() + 60.0)), 3, "in the future");
    check(|| document(&json!(1), &json!(0), &json!("soon")), 2, "has no time at `/at`");
    check(|| document(&json!(1), &json!(null), &json!(now())), 2, "has nothing at `/failed/0`");
    check(|| document(&json!({}), &json!(1), &json!(now())), 2, "has `{}` at `/requests`, not a number");
    check(|| document(&json!("NaN"), &json!(1), &json!(now())), 2, "not a number");
    check(|| document(&json!(-5), &json!(0), &json!(now())), 2, "requests: it is -5, and a counter is never negative");
    check(|| document(&json!(1), &json!(-1), &json!(now())), 2, "errors: it is -1, and a counter is never negative");
    check(|| Answer::json("<html>"), 2, "is not JSON");
    check(|| Answer::of("404 Not Found", "text/plain", "no"), 3, "answers 404");
    check(|| Answer::json(&"9".repeat(6_000_000)), 2, "more than 5000000 bytes");
}

#[test]
fn what_a_source_cannot_answer_is_a_wrong_config() {
    let check = |signals: &str, said: &str| {
        let toy = Toy::start([0.0, 0.0]);
        rollout(&world(&toy, "canary", signals), &["--dry-run"]).exits(2).saying(said);
    };
    let queries = "requests: 'a {{arm}}'\nerrors: 'b {{arm}}'\np99: c\n";
    let both = format!("prometheus: {{ url: 'http://127.0.0.1:1' }}\nhttp: {{ url: 'http://127.0.0.1:1' }}\n{queries}");
    check(&both, "it names several sources");
    check(queries, "it names no source: set exactly one of `prometheus`, `http`");
    let http = |more: &str| format!("http: {{ url: 'http://127.0.0.1:1/{{{{arm}}}}'{more} }}\n");
    let pointers = "requests: /a\nerrors: /b\np99: /c\n";
    check(&format!("{}{pointers}", http("")), "nothing says how old it is: set `time_pointer`");
    check(&format!("{}{pointers}", http(", time_pointer: at")), "does not start with `/`");
    check(
        &format!("{}{pointers}", http(", time_header: Date, time_pointer: /at")),
        "both `time_pointer` and `time_header`",
    );
    check(
        &format!(
            "{}requests: /a\nerrors: {{ url: 'http://127.0.0.1:1/e/{{{{arm}}}}', json_pointer: /b }}\np99: /c\n",
            http(", time_header: Date")
        ),
        "in another document than `requests`",
    );
    check(&format!("{}{pointers}", http(", time_header: Date, headers_env: PATH")), "starts with MLGATE_");
    check(
        &format!("{}requests: /a\nerrors: /b\np99: {{ metric: x }}\n", http(", time_header: Date")),
        "are of the source `cloudwatch`",
    );
    let datadog = "datadog: { api_key_env: MLGATE_KEY, application_key_env: MLGATE_OTHER }\n";
    check(&format!("{datadog}{queries}"), "end it with `.as_count()`");
    let influxdb = "influxdb: { url: 'http://127.0.0.1:1', database: metrics }\n";
    check(&format!("{influxdb}{queries}"), "does not say `{{time}}` once");
    check(
        &format!(
            "{influxdb}requests: \"SELECT last(n) FROM a WHERE {{{{time}}}} AND v = '{{{{arm}}}}'\"\nerrors: 'b {{{{arm}}}}'\np99: c\n"
        ),
        "what counts is `SELECT sum(…)`",
    );
    check(
        &format!(
            "{influxdb}requests: \"SELECT sum(n) FROM a WHERE {{{{time}}}} AND v = '{{{{arm}}}}'; DROP DATABASE metrics\"\nerrors: 'b {{{{arm}}}}'\np99: c\n"
        ),
        "it is not one `SELECT`",
    );
    let new_relic = "new_relic: { account_id: 1, api_key_env: MLGATE_KEY }\n";
    check(
        &format!(
            "{new_relic}requests: \"SELECT count(*) FROM T WHERE v = '{{{{arm}}}}' SINCE 1 day ago\"\nerrors: 'b {{{{arm}}}}'\np99: c\n"
        ),
        "it has the clause `SINCE`",
    );
    let cloudwatch =
        "cloudwatch: { region: eu-central-1, access_key_id_env: MLGATE_KEY, secret_access_key_env: MLGATE_OTHER }\n";
    check(&format!("{cloudwatch}{queries}"), "a metric of CloudWatch is a map");
    check(
        &format!("{cloudwatch}{}", METRICS.replace("statistic: Sum", "statistic: Average")),
        "what counts has the statistic `Sum` or `SampleCount`",
    );
    let labels = "direct\n  variants: { candidate: { version: { signal: 'model_info', label: version } } }";
    let toy = Toy::start([0.0, 0.0]);
    let signals = format!("{}{pointers}", http(", time_header: Date"));
    rollout(&world(&toy, labels, &signals), &["--dry-run"]).exits(2).saying("only Prometheus has labels");
}

const DATADOG: &str =
    "datadog: { url: 'URL', api_key_env: MLGATE_KEY, application_key_env: MLGATE_OTHER, delay_seconds: 0 }
requests: 'sum:model.requests{variant:{{arm}}}.as_count()'
errors: 'sum:model.errors{variant:{{arm}}}.as_count()'
p99: { query: 'p99:model.duration{variant:{{variant}}}', window_seconds: 1 }";

/// The values of a request's query string.
fn pairs(request: &Request) -> Vec<(String, String)> {
    let target = request.head.split(' ').nth(1).unwrap();
    let query = target.split_once('?').unwrap().1;
    let plain =
        |text: &str| percent_encoding::percent_decode_str(&text.replace('+', " ")).decode_utf8().unwrap().into_owned();
    query
        .split('&')
        .map(|pair| pair.split_once('=').unwrap())
        .map(|(name, value)| (plain(name), plain(value)))
        .collect()
}

fn value_of<'a>(pairs: &'a [(String, String)], name: &str) -> &'a str {
    &pairs.iter().find(|(own, _)| own == name).unwrap().1
}

fn series(at: usize, values: &[f64]) -> Value {
    let points: Vec<Value> = values.iter().map(|value| json!([now() * 1000.0, value])).collect();
    json!({ "metric": "m", "query_index": at, "interval": 60, "aggr": "sum", "scope": "*", "pointlist": points })
}

/// As Datadog's own description says, or a panic.
fn datadog(request: &Request, counts: &Counts) -> Answer {
    let api = described("datadog-query");
    assert!(request.head.starts_with(&format!("GET {}?", api["path"].as_str().unwrap())), "{}", request.head);
    let head = request.head.to_lowercase();
    assert!(head.contains("dd-api-key: not-a-secret") && head.contains("dd-application-key: no-secret-either"));
    let pairs = pairs(request);
    for parameter in api["operation"]["parameters"].as_array().unwrap() {
        let value = value_of(&pairs, parameter["name"].as_str().unwrap());
        assert!(parameter["schema"]["type"] != "integer" || value.parse::<i64>().is_ok(), "{parameter} {value}");
    }
    let query = value_of(&pairs, "query");
    let asked: Vec<&str> = query.split("(),").collect();
    let [requests, errors] = counts.tick(query.contains("candidate"));
    let mut all = Vec::new();
    for (at, query) in asked.iter().enumerate() {
        let value = if query.contains("requests") {
            requests
        } else if query.contains("errors") {
            errors
        } else {
            40.0
        };
        if value > 0.0 {
            all.push(series(at, &[value - 1.0, 1.0]));
        }
    }
    if query.starts_with("p99") {
        all = vec![series(0, &[39.0, 41.0])];
    }
    let answer = json!({ "status": "ok", "res_type": "time_series", "query": query, "series": all });
    let schema = &api["operation"]["responses"]["200"]["content"]["application/json"]["schema"];
    assert_eq!(by_schema(&api["schemas"], schema, &answer), [""; 0]);
    Answer::json(&answer.to_string())
}

#[test]
fn datadog_decides_a_rollout() {
    both_ways(|url| DATADOG.replace("URL", url), datadog);
}

#[test]
fn what_has_never_counted_is_no_zero() {
    // A name that is misspelt, and no errors ever, look the same.
    let toy = Toy::start([0.0, 0.0]);
    let counts = Counts::new(&toy, [0.0, 0.0]);
    counts.counted.lock().unwrap()[0][1] = 0.0;
    let served = Served::start(move |request| datadog(request, &counts));
    let signals = DATADOG.replace("URL", &served.url().replace("/invocations", ""));
    let ran = rollout(&world(&toy, "canary\n  steps: [50]", &signals), &[]).exits(2);
    assert!(
        ran.says("has found nothing of either variant in the last 7 days") && ran.says("absent_errors: zero"),
        "{ran:#?}"
    );
    assert_eq!(toy.history(), [0_u64; 0]);
    let signals = format!("{signals}\nabsent_errors: zero");
    rollout(&world(&toy, "canary\n  steps: [50]", &signals), &[]).exits(0);
    assert_eq!(toy.candidate(), 100);
}

#[test]
fn what_datadog_refuses_is_told() {
    let check = |answer: fn() -> Answer, exit: i32, said: &str| {
        let toy = Toy::start([0.0, 0.0]);
        let served = Served::start(move |_| answer());
        let signals = DATADOG.replace("URL", &served.url().replace("/invocations", ""));
        rollout(&world(&toy, "canary", &signals), &[]).exits(exit).saying(said);
        assert_eq!(toy.history(), [0_u64; 0], "{said}");
    };
    check(
        || Answer::of("403 Forbidden", "application/json", r#"{"errors": ["Forbidden"]}"#),
        3,
        "answers 403: Forbidden",
    );
    check(
        || Answer::of("400 Bad Request", "application/json", r#"{"errors": ["Error parsing query"]}"#),
        2,
        "Error parsing query",
    );
    check(|| Answer::json(r#"{"status": "error", "error": "no such metric"}"#), 2, "no such metric");
    check(
        || Answer::json(&json!({ "status": "ok", "series": [series(0, &[1.0]), series(0, &[2.0])] }).to_string()),
        2,
        "several series",
    );
    check(|| Answer::json(&json!({ "status": "ok", "series": [series(7, &[1.0])] }).to_string()), 2, "was not asked");
    check(|| Answer::of("429 Too Many Requests", "application/json", "{}"), 3, "answers 429");
}

const INFLUXDB: &str = "influxdb: { url: 'URL', database: metrics, token_env: MLGATE_KEY, delay_seconds: 0 }
requests: \"SELECT sum(n) FROM requests WHERE {{time}} AND variant = '{{arm}}'\"
errors: \"SELECT count(n) FROM errors WHERE {{time}} AND variant = '{{arm}}'\"
p99: { query: \"SELECT percentile(ms, 99) FROM duration WHERE {{time}} AND variant = '{{arm}}'\", window_seconds: 1 }";

#[test]
fn influxdb_decides_a_rollout() {
    both_ways(
        |url| INFLUXDB.replace("URL", url),
        |request, counts| {
            assert!(request.head.starts_with("GET /query?db=metrics&"), "{}", request.head);
            assert!(request.head.to_lowercase().contains("authorization: token not-a-secret"));
            let pairs = pairs(request);
            let query = value_of(&pairs, "q");
            let [requests, errors] = counts.tick(query.contains("'candidate'"));
            let results = query.split("; ").enumerate().map(|(at, statement)| {
                assert!(statement.contains("WHERE time >= ") && statement.contains("s AND time < "), "{statement}");
                let value = if statement.contains("FROM requests") {
                    requests
                } else if statement.contains("FROM errors") {
                    errors
                } else {
                    40.0
                };
                match value {
                    0.0 => json!({ "statement_id": at }),
                    value => json!({ "statement_id": at, "series": [
                        { "name": "m", "columns": ["time", "sum"], "values": [[0, value]] },
                    ] }),
                }
            });
            Answer::json(&json!({ "results": results.collect::<Vec<_>>() }).to_string())
        },
    );
}

const NEW_RELIC: &str = "new_relic: { account_id: 7, url: 'URL/graphql', api_key_env: MLGATE_KEY, delay_seconds: 0 }
requests: \"SELECT count(*) FROM Transaction WHERE variant = '{{arm}}'\"
errors: \"SELECT filter(count(*), WHERE error IS true) FROM Transaction WHERE variant = '{{arm}}'\"
p99: { query: \"SELECT percentile(duration, 99) * 1000 FROM Transaction WHERE variant = '{{arm}}'\", window_seconds: 1 }";

#[test]
fn new_relic_decides_a_rollout() {
    both_ways(
        |url| NEW_RELIC.replace("URL", url),
        |request, counts| {
            assert!(request.head.starts_with("POST /graphql "), "{}", request.head);
            assert!(request.head.to_lowercase().contains("api-key: not-a-secret"));
            let asked: Value = serde_json::from_str(&request.body).unwrap();
            assert_eq!(asked["variables"]["account"], 7);
            let query = asked["query"].as_str().unwrap();
            assert!(query.starts_with("query($account: Int!, $q0: Nrql!"), "{query}");
            let mut account = serde_json::Map::new();
            let [requests, errors] = counts.tick(request.body.contains("'candidate'"));
            for (name, nrql) in asked["variables"].as_object().unwrap().iter().filter(|(name, _)| *name != "account") {
                let nrql = nrql.as_str().unwrap();
                assert!(query.contains(&format!("{name}: nrql(query: ${name}) {{ results }}")), "{query}");
                assert!(nrql.contains(" SINCE ") && nrql.contains(" UNTIL "), "{nrql}");
                let result = if nrql.contains("percentile") {
                    json!({ "percentile.duration": { "99": 40.0 } })
                } else if nrql.contains("error") {
                    json!({ "filter.count": errors })
                } else {
                    json!({ "count": requests })
                };
                account.insert(name.clone(), json!({ "results": [result] }));
            }
            Answer::json(&json!({ "data": { "actor": { "account": account } } }).to_string())
        },
    );
}
