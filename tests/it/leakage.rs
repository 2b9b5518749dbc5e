//! Leakage, near duplicates and fingerprints, against pandas, scikit-learn and another program for the hash.

use serde_json::{Value, json};

use crate::world::{World, data, root};

fn oracle(name: &str) -> Value {
    let text = std::fs::read_to_string(root().join("tests/oracle").join(name)).unwrap();
    serde_json::from_str(&text).unwrap()
}

fn cases(of: &Value) -> &Vec<Value> {
    let cases = of.as_array().unwrap();
    assert!(!cases.is_empty());
    cases
}

/// The first verdict of a run by this config's data section.
fn verdict(section: Value) -> Value {
    let world = World::new();
    world.write("mlgate.yml", json!({ "data": section }).to_string());
    let ran = world.check(&[]);
    assert!(ran.exit < 2, "{section}: {ran:?}");
    ran.verdicts()[0].clone()
}

fn path(case: &Value, key: &str) -> Value {
    json!(data(case[key].as_str().unwrap()))
}

#[test]
fn features_give_the_target_away_as_scikit_learn_says() {
    let oracle = oracle("leakage.json");
    for case in cases(&oracle["target"]) {
        let checks = json!([{ "target_leakage": {} }]);
        let found = verdict(json!({ "path": path(case, "path"), "target": case["target"], "checks": checks }));
        for (feature, wanted) in case["scores"].as_object().unwrap() {
            let (found, wanted) = (found["values"][feature].as_f64().unwrap(), wanted.as_f64().unwrap());
            assert!((found - wanted).abs() < 1e-9, "{feature} of {}: {found}, {wanted} wanted", case["path"]);
        }
        // What the score of a feature does not see, and nothing but that.
        let none = serde_json::Map::new();
        let also = found["values"][case["target"].as_str().unwrap()].as_object().unwrap_or(&none);
        let wanted = case["also"].as_object().unwrap();
        let names = |of: &serde_json::Map<String, Value>| of.keys().cloned().collect::<std::collections::BTreeSet<_>>();
        assert_eq!(names(also), names(wanted), "{}: {found:#}", case["path"]);
        for (feature, wanted) in wanted {
            let (found, wanted) = (also[feature]["score"].as_f64().unwrap(), wanted.as_f64().unwrap());
            assert!((found - wanted).abs() < 1e-9, "{feature} of {}: {found}, {wanted} wanted", case["path"]);
        }
        let is_leaking =
            !wanted.is_empty() || case["scores"].as_object().unwrap().values().any(|it| it.as_f64() > Some(0.95));
        assert_eq!(found["status"] == "fail", is_leaking, "{}: {found:#}", case["path"]);
    }
}

#[test]
fn rows_of_both_tables_are_those_that_pandas_finds() {
    let oracle = oracle("leakage.json");
    for case in cases(&oracle["overlap"]) {
        let settings = if case["columns"].is_null() { json!({}) } else { json!({ "columns": case["columns"] }) };
        let checks = json!([{ "train_test_overlap": settings }]);
        let found = verdict(json!({ "path": path(case, "train"), "test": path(case, "test"), "checks": checks }));
        assert_eq!(found["values"]["rows"], case["rows"], "{case}");
        assert!((found["observed"].as_f64().unwrap() - case["percent"].as_f64().unwrap()).abs() < 1e-9);
    }
    for case in cases(&oracle["group"]) {
        let checks = json!([{ "group_leakage": { "column": case["column"] } }]);
        // Where nobody belongs to anybody, a join was lost: that is no pass.
        if case["column"] == "nobody" {
            let world = World::new();
            let section = json!({ "path": path(case, "train"), "test": path(case, "test"), "checks": checks });
            world.write("mlgate.yml", json!({ "data": section }).to_string());
            world.check(&[]).exits(3).saying("`nobody` is missing in every row of the test table");
            continue;
        }
        let found = verdict(json!({ "path": path(case, "train"), "test": path(case, "test"), "checks": checks }));
        assert_eq!(found["values"]["rows"], case["rows"], "{case}");
    }
}

#[test]
fn categories_are_new_where_pandas_finds_them() {
    for case in cases(&oracle("leakage.json")["new_categories"]) {
        let columns = case["columns"].as_object().unwrap();
        let names: Vec<&String> = columns.keys().collect();
        let checks = json!([{ "new_categories": { "columns": names } }]);
        let found = verdict(json!({ "path": path(case, "train"), "test": path(case, "test"), "checks": checks }));
        for (column, wanted) in columns {
            let found = found["values"][column].as_f64().unwrap();
            assert!((found - wanted["percent"].as_f64().unwrap()).abs() < 1e-9, "{column} of {case}: {found}");
        }
    }
}

#[test]
fn time_goes_on_from_training_to_test() {
    for case in cases(&oracle("leakage.json")["time"]) {
        let checks = json!([{ "time_leakage": { "column": case["column"] } }]);
        let found = verdict(json!({ "path": path(case, "train"), "test": path(case, "test"), "checks": checks }));
        // Times are told apart to the microsecond, and the same moment is not later.
        let passes = case["passes"] == true && case["column"] != "nanosecond";
        let status = if passes { "pass" } else { "fail" };
        assert_eq!(found["status"], status, "{case}");
    }
}

#[test]
fn near_repeats_are_those_of_brute_force() {
    let (mut wanted, mut found) = (0, 0);
    for case in cases(&oracle("near_duplicates.json")) {
        let mut settings = json!({ "min_similarity": case["min_similarity"] });
        if !case["columns"].is_null() {
            settings["columns"] = case["columns"].clone();
        }
        let verdict = verdict(json!({ "path": path(case, "path"), "checks": [{ "near_duplicates": settings }] }));
        let (rows, all) = (verdict["values"]["rows"].as_u64().unwrap(), case["rows"].as_u64().unwrap());
        // Never more than there are; which of them MinHash misses is stated as a share.
        assert!(rows <= all, "{case}: {rows}");
        assert_eq!(verdict["status"], if rows > 0 { "warn" } else { "pass" });
        (wanted, found) = (wanted + all, found + rows);
    }
    assert!(found as f64 >= 0.99 * wanted as f64, "{found} of {wanted}");
}

#[test]
fn a_fingerprint_changes_with_any_value_and_with_nothing_else() {
    let mut wrong = Vec::new();
    for case in cases(&oracle("fingerprint.json")) {
        let world = World::new();
        world.write("mlgate.yml", "data: { checks: [row_count: { min: 0 }] }");
        let table = data(case["path"].as_str().unwrap());
        let found =
            world.check(&["--data", &table, "--fingerprint"]).report["tables"]["training"]["fingerprint"].clone();
        if found != case["fingerprint"] {
            wrong.push(format!("{}: {found}, {} wanted", case["path"], case["fingerprint"]));
        }
    }
    assert_eq!(wrong, [""; 0]);
}

#[test]
fn what_cannot_be_known_is_no_pass() {
    let world = World::new();
    // Two kinds of rows: whichever fold each falls into, no other row resembles it.
    world.write("train.csv", format!("leak,y,c\n{}{}", "0,0,a\n".repeat(300), "1,1,b\n".repeat(300)));
    world.write("test.csv", format!("leak,y,c\n{}", "0,0,\n1,1,\n".repeat(50)));
    let check = |checks: &str| {
        let tables = "path: train.csv, test: test.csv, target: y";
        world.write("mlgate.yml", format!("data: {{ {tables}, checks: [{checks}] }}"));
        world.check(&[])
    };
    assert_eq!(check("target_leakage").exits(1).statuses(), "fail");
    // Not the target itself: whether its values are two people or two kinds of people nobody can tell.
    world.write("train.csv", format!("leak,y,c\n{}{}", "5,0,a\n".repeat(300), "3,1,b\n".repeat(300)));
    assert_eq!(check("target_leakage").exits(1).statuses(), "inconclusive");
    check("new_categories: { columns: [c] }").exits(3).saying("`c` is missing in every row");
    check("new_categories").exits(3).saying("`c`");
}
