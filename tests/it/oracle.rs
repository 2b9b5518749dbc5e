//! What pandas counted in tests/data, mlgate counts too: tests/oracle/expected.json, from its make.py.

use std::collections::BTreeMap;
use std::fs;

use serde_json::{Map, Value, json};

use crate::world::{Ran, World, data, root};

/// The time that freshness is judged by; every table is older.
const NOW: &str = "2030-01-01T00:00:00Z";

/// What a verdict must say: its status, `observed`, and parts of its `values`.
struct Expected {
    about: String,
    status: &'static str,
    observed: Option<f64>,
    values: Vec<(String, Value)>,
}

/// The entries of one config, and what each must say.
#[derive(Default)]
struct Questions {
    checks: Vec<Value>,
    expected: Vec<Expected>,
}

#[test]
fn every_table_measures_as_pandas_measured_it() {
    let oracle: Value =
        serde_json::from_str(&fs::read_to_string(root().join("tests/oracle/expected.json")).unwrap()).unwrap();
    let mut wrong = Vec::new();
    for (name, table) in oracle["tables"].as_object().unwrap() {
        wrong.extend(check(name, table).into_iter().map(|what| format!("{name}: {what}")));
    }
    assert!(wrong.is_empty(), "{} differences:\n{}", wrong.len(), wrong.join("\n"));
}

/// The differences between the report on one table and what is expected of it.
fn check(name: &str, table: &Value) -> Vec<String> {
    let mut wrong = differences(table, name, None, questions(table));
    let labels = list(table, "classes").iter().map(|classes| &classes["column"]);
    let labels = labels.chain(list(table, "conflicts").iter().map(|conflicts| &conflicts["label"]));
    let mut targets: Vec<&str> = labels.filter_map(Value::as_str).collect();
    targets.sort_unstable();
    targets.dedup();
    for target in targets {
        wrong.extend(differences(table, name, Some(target), target_questions(table, target)));
    }
    wrong
}

fn questions(table: &Value) -> Questions {
    let rows = table["rows"].as_u64().unwrap();
    let percent = |count: &Value| share(count.as_u64().unwrap(), rows);
    let per_column = |counts: &Value| -> Vec<(String, Value)> {
        counts.as_object().unwrap().iter().map(|(column, count)| (column.clone(), json!(percent(count)))).collect()
    };
    let worst = |values: &[(String, Value)]| values.iter().filter_map(|(_, value)| value.as_f64()).fold(0.0, f64::max);
    let mut ask = Questions::default();

    ask.add(json!({ "row_count": { "min": 0 } }), "pass", Some(rows as f64), vec![]);
    let missing = per_column(&table["missing"]);
    ask.add(json!({ "missing_values": { "max_percent": 100 } }), "pass", Some(worst(&missing)), missing);
    let tops = per_column(&table["top"]);
    let columns: Vec<&String> = tops.iter().map(|(column, _)| column).collect();
    let status = if worst(&tops) < 100.0 { "pass" } else { "fail" };
    ask.add(json!({ "not_constant": { "columns": columns } }), status, Some(worst(&tops)), tops);
    let repeats = table["duplicates"].as_u64().unwrap();
    let found = vec![("rows".to_owned(), json!(repeats))];
    ask.add(json!({ "duplicates": { "max_percent": 100 } }), "pass", Some(share(repeats, rows)), found);

    let types = table["types"].as_object().unwrap();
    ask.add(json!({ "schema": { "required": table["columns"], "extra": "forbid" } }), "pass", None, vec![]);
    if !types.is_empty() {
        ask.add(json!({ "schema": { "required": types } }), "pass", None, vec![]);
    }
    let names = table["columns"].as_array().unwrap().iter().filter_map(Value::as_str);
    for name in names.filter(|name| !types.is_empty() && !types.contains_key(*name)) {
        for wanted in ["integer", "float", "number", "text", "boolean", "date", "datetime"] {
            ask.add(json!({ "schema": { "required": { name: wanted } } }), "fail", None, vec![]);
        }
    }

    for unique in list(table, "unique") {
        let count = unique["repeats"].as_u64().unwrap();
        let status = if count == 0 { "pass" } else { "fail" };
        let found = vec![("rows".to_owned(), json!(count))];
        ask.add(json!({ "unique": { "columns": unique["columns"] } }), status, Some(count as f64), found);
    }
    for range in list(table, "outside") {
        let mut settings = json!({ "column": range["column"], "max_percent_outside": 100 });
        for end in ["min", "max"] {
            if !range[end].is_null() {
                settings[end] = range[end].clone();
            }
        }
        ask.counted("range", settings, &range["count"], rows);
    }
    for other in list(table, "other") {
        let settings = json!({ "column": other["column"], "values": other["values"], "max_percent_other": 100 });
        ask.counted("allowed_values", settings, &other["count"], rows);
    }
    for mismatch in list(table, "mismatch") {
        let settings = json!({ "column": mismatch["column"], "regex": mismatch["regex"], "max_percent_mismatch": 100 });
        ask.counted("pattern", settings, &mismatch["count"], rows);
    }
    for (column, newest) in table["newest"].as_object().into_iter().flatten() {
        let age = micros(NOW) - micros(newest.as_str().unwrap());
        let days = age as f64 / 86_400e6;
        ask.add(json!({ "freshness": { "column": column, "max_age_days": 36500 } }), "pass", Some(days), vec![]);
    }
    ask
}

fn target_questions(table: &Value, target: &str) -> Questions {
    let rows = table["rows"].as_u64().unwrap();
    let mut ask = Questions::default();
    for classes in list(table, "classes").iter().filter(|classes| classes["column"] == target) {
        let counts = classes["counts"].as_object().unwrap();
        let labelled: u64 = counts.values().filter_map(Value::as_u64).sum();
        let settings = json!({ "target_distribution": { "min_class_percent": 0 } });
        if counts.is_empty() {
            ask.add(settings, "error", None, vec![]);
            continue;
        }
        let shares: BTreeMap<String, f64> =
            counts.iter().map(|(class, count)| (plain(class), share(count.as_u64().unwrap(), labelled))).collect();
        let rarest = shares.values().copied().fold(100.0, f64::min);
        ask.add(settings, "pass", Some(rarest), vec![("classes".into(), json!(shares))]);
    }
    for conflicts in list(table, "conflicts").iter().filter(|conflicts| conflicts["label"] == target) {
        ask.counted("conflicting_labels", json!({ "max_percent": 100 }), &conflicts["rows"], rows);
    }
    ask
}

impl Questions {
    fn add(&mut self, entry: Value, status: &'static str, observed: Option<f64>, values: Vec<(String, Value)>) {
        self.expected.push(Expected { about: entry.to_string(), status, observed, values });
        self.checks.push(entry);
    }

    /// An entry that says how many rows break its rule, and allows all to.
    fn counted(&mut self, check: &str, settings: Value, count: &Value, rows: u64) {
        let observed = share(count.as_u64().unwrap(), rows);
        self.add(json!({ check: settings }), "pass", Some(observed), vec![("rows".into(), count.clone())]);
    }
}

fn differences(table: &Value, name: &str, target: Option<&str>, ask: Questions) -> Vec<String> {
    let mut section = Map::new();
    section.insert("path".into(), json!(data(table["file"].as_str().unwrap_or(name))));
    section.insert("checks".into(), json!(ask.checks));
    for (key, value) in [("csv", table.get("csv").cloned()), ("target", target.map(Value::from))] {
        section.extend(value.map(|value| (key.to_owned(), value)));
    }
    let world = World::new();
    world.write("gate.json", json!({ "data": section }).to_string());
    let ran = world.check(&["--config", "gate.json", "--now", NOW]);
    compare(table, &ask.expected, &ran)
}

fn compare(table: &Value, expected: &[Expected], ran: &Ran) -> Vec<String> {
    let mut wrong = Vec::new();
    let is_empty = table["rows"] == 0;
    let seen = &ran.report["tables"]["training"];
    let columns = table["columns"].as_array().unwrap().len();
    if seen["rows"] != table["rows"] || seen["columns"] != json!(columns) {
        wrong.push(format!("{} rows and {columns} columns, not {seen}: {}", table["rows"], ran.stderr));
    }
    let verdicts = ran.verdicts();
    if verdicts.len() != expected.len() + usize::from(is_empty) {
        wrong.push(format!("{} entries, {} verdicts: {}", expected.len(), verdicts.len(), ran.stderr));
    }
    if is_empty {
        let added = verdicts.last().unwrap_or(&Value::Null);
        if added["check"] != "row_count" || added["status"] != "fail" || added["limit"] != json!({ "min": 1.0 }) {
            wrong.push(format!("an empty table has a failing row_count, not {added}"));
        }
    }
    for (expected, verdict) in expected.iter().zip(verdicts) {
        let judges_empty = ["row_count", "schema"].iter().any(|check| verdict["check"] == **check);
        let status = if is_empty && !judges_empty { "skipped" } else { expected.status };
        if verdict["status"] != status {
            wrong.push(format!("{}: {status}, not {} ({})", expected.about, verdict["status"], verdict["message"]));
        } else if status != "skipped" {
            let observed = (verdict["observed"].as_f64(), expected.observed);
            if !matches!(observed, (Some(a), Some(b)) if near(a, b)) && observed != (None, None) {
                wrong.push(format!("{}: observed {:?}, not {:?}", expected.about, expected.observed, observed.0));
            }
            for (key, value) in &expected.values {
                if !same(value, &verdict["values"][key]) {
                    wrong.push(format!("{}: {key} is {value}, not {}", expected.about, verdict["values"][key]));
                }
            }
        }
    }
    wrong
}

fn list<'a>(table: &'a Value, key: &str) -> &'a [Value] {
    table[key].as_array().map_or(&[], Vec::as_slice)
}

fn share(count: u64, rows: u64) -> f64 {
    if rows == 0 { 0.0 } else { 100.0 * count as f64 / rows as f64 }
}

fn near(a: f64, b: f64) -> bool {
    (a - b).abs() <= 1e-9 * a.abs().max(b.abs())
}

/// Numbers to 1e-9; classes by their plain names.
fn same(expected: &Value, found: &Value) -> bool {
    match (expected, found) {
        (Value::Object(expected), Value::Object(found)) => {
            expected.len() == found.len()
                && found
                    .iter()
                    .all(|(name, value)| expected.get(&plain(name)).is_some_and(|wanted| same(wanted, value)))
        }
        (Value::Number(a), Value::Number(b)) => near(a.as_f64().unwrap(), b.as_f64().unwrap()),
        _ => expected == found,
    }
}

/// `1`, `1.0` and `"1"` are one class.
fn plain(class: &str) -> String {
    class.parse::<f64>().map_or_else(|_| class.to_owned(), |number| number.to_string())
}

/// Since 1970, cut to whole microseconds.
fn micros(text: &str) -> i64 {
    chrono::DateTime::parse_from_rfc3339(text).unwrap().timestamp_micros()
}
