//! Drift, its reference as a table and as a profile, and what it hands on.

use std::fs;

use serde_json::{Value, json};

use crate::action::{act, outputs, runner};
use crate::world::{World, data, root};

/// The values of the only check.
fn values(report: &Value) -> &Value {
    &report["gates"][0]["checks"][0]["values"]
}

fn near(found: &Value, wanted: &Value) -> bool {
    match (found.as_f64(), wanted.as_f64()) {
        (Some(found), Some(wanted)) => (found - wanted).abs() <= 1e-9 * wanted.abs().max(1.0),
        _ => found == wanted,
    }
}

#[test]
fn every_column_drifts_as_scipy_says() {
    let runs: Value = serde_json::from_str(include_str!("../oracle/drift_expected.json")).unwrap();
    let mut wrong = Vec::new();
    for run in runs.as_array().unwrap() {
        let world = World::new();
        let columns = run["columns"].as_object().unwrap();
        let names: Vec<&String> = columns.keys().collect();
        let path = |key: &str| root().join(run[key].as_str().unwrap());
        let check = json!({ "drift": { "columns": names, "method": run["method"], "max_drifted_percent": 100 } });
        let config = json!({ "data": { "path": path("current"), "reference": path("reference"), "checks": [check] } });
        world.write("mlgate.yml", config.to_string());
        let report = world.check(&[]).report;
        for (column, wanted) in columns {
            let found = &values(&report)[column];
            for (key, wanted) in wanted.as_object().unwrap() {
                let found = match key.as_str() {
                    "missing_p" => &found["missing"]["p"],
                    "approximate" if found[key].is_null() => &Value::Bool(false),
                    _ => &found[key],
                };
                if !near(found, wanted) {
                    wrong.push(format!("{} of {column} by {}: {found}, {wanted} wanted", key, run["method"]));
                }
            }
        }
    }
    assert_eq!(wrong, [""; 0]);
}

#[test]
fn a_profile_says_what_its_table_says() {
    let world = World::new();
    let (reference, current) = (data("drift/reference.parquet"), data("drift/current.parquet"));
    let saved = world.run(&["check", "--data", &reference, "--save-profile", "old.profile.json"]);
    assert_eq!(saved.exit, 0, "{saved:?}");
    world.write("mlgate.yml", "data: { checks: [drift: { max_drifted_percent: 100 }] }");
    let drift = |reference: &str| world.check(&["--data", &current, "--reference", reference]).exits(0).report;
    let (by_table, by_profile) = (drift(&reference), drift("old.profile.json"));
    let columns = values(&by_table).as_object().unwrap();
    assert!(columns.len() > 10);
    for (column, wanted) in columns {
        let found = &values(&by_profile)[column];
        // So few rows are all in the profile: the numbers are the same to the last digits.
        for key in ["method", "effect", "p", "p_adjusted", "drifted", "missing", "inconclusive"] {
            if wanted[key].is_object() {
                assert!(near(&found[key]["p"], &wanted[key]["p"]), "{column}");
            } else {
                assert!(near(&found[key], &wanted[key]), "{key} of {column}: {} and {}", found[key], wanted[key]);
            }
        }
    }
}

#[test]
fn profiles_of_parts_are_one_profile() {
    let world = World::new();
    world.write("a.csv", "x,c\n1,a\n2,b\n3,\n");
    world.write("b.csv", "x,c\n2,b\n9,z\n");
    world.write("both.csv", "x,c\n1,a\n2,b\n3,\n2,b\n9,z\n");
    world.write("mlgate.yml", "data: { checks: [row_count: { min: 1 }] }");
    for name in ["a", "b", "both"] {
        let (table, profile) = (format!("{name}.csv"), format!("{name}.profile.json"));
        let saved = world.run(&["check", "--data", &table, "--save-profile", &profile]);
        assert_eq!(saved.exit, 0, "{saved:?}");
    }
    let merged = world.run(&["profile", "merge", "a.profile.json", "b.profile.json", "-o", "all.profile.json"]);
    assert_eq!(merged.exit, 0, "{merged:?}");
    let read = |name: &str| {
        let mut profile: Value = serde_json::from_str(&fs::read_to_string(world.path(name)).unwrap()).unwrap();
        // Means are added up in another order.
        let mean = profile["columns"][0]["numbers"]["mean"].take();
        assert!((mean.as_f64().unwrap() - 3.4).abs() < 1e-12);
        profile
    };
    assert_eq!(read("all.profile.json"), read("both.profile.json"));
    world.write("other.csv", "x,d\n1,a\n");
    assert_eq!(world.run(&["check", "--data", "other.csv", "--save-profile", "other.profile.json"]).exit, 0);
    let refused = world.run(&["profile", "merge", "a.profile.json", "other.profile.json"]);
    assert_eq!(refused.exit, 3);
    assert!(refused.stderr.contains("other columns or types"), "{refused:?}");
}

#[test]
fn a_profile_that_anyone_may_have_written_is_refused() {
    let sound = r#"{"profile_version":1,"rows":2,"columns":[{"name":"x","type":"integer","missing":0,
        "numbers":{"values":[[1.0,1],[2.0,1]],"error":0,"ends":[1.0,2.0],"mean":1.5,"deviation":0.5}}]}"#;
    let wrong = [
        ("", "no profile"),
        ("{}", "no `profile_version`"),
        ("[]", "no `profile_version`"),
        (r#"{"profile_version":2}"#, "version 2"),
        (&sound[..60], "no profile"),
        (&sound.replace("\"rows\":2", "\"rows\":3"), "3 rows"),
        (&sound.replace("[2.0,1]", "[0.5,1]"), "contradict"),
        (&sound.replace("[2.0,1]", "[2.0,-1]"), "no profile"),
        (&sound.replace("\"integer\"", "\"text\""), "is text"),
        (&sound.replace("\"mean\"", "\"extra\":1,\"mean\""), "unknown field"),
    ];
    let world = World::new();
    world.write("now.csv", format!("x\n{}", "1\n2\n".repeat(20)));
    world.write("mlgate.yml", "data: { checks: [drift] }");
    for (text, said) in wrong {
        world.write("old.profile.json", text);
        let ran = world.run(&["check", "--data", "now.csv", "--reference", "old.profile.json"]);
        assert_eq!(ran.exit, 3, "{text}: {ran:?}");
        let message = ran.verdicts()[0]["message"].as_str().unwrap().to_owned();
        assert!(message.contains(said), "{said}: {message}");
    }
}

#[test]
fn a_reference_that_cannot_be_compared_is_an_error_with_a_name() {
    let rows = |row: &str| format!("{row}\n").repeat(40);
    let cases = [
        ("a,b\n", "1,2", "a\n", "1", "drift", "only the training table has `b`"),
        ("a\n", "1", "a,b\n", "1,2", "drift", "only the reference table has `b`"),
        ("a\n", "1", "a\n", "x", "drift", "`a` holds integer in the training table and text in the reference"),
        ("a\n", "1", "b\n", "1", "drift: { columns: [a] }", "the reference table has no column `a`"),
        ("a\n", "x", "a\n", "x", "drift: { method: ks }", "needs numbers, dates or times for `ks`"),
        ("t\n", "2026-01-01", "t\n", "2026-01-01T00:00:00Z", "drift", "`t` holds date"),
    ];
    for (head, row, other_head, other_row, check, said) in cases {
        let world = World::new();
        world.write("now.csv", format!("{head}{}", rows(row)));
        world.write("old.csv", format!("{other_head}{}", rows(other_row)));
        world.write("mlgate.yml", format!("data: {{ path: now.csv, reference: old.csv, checks: [{check}] }}"));
        let ran = world.check(&[]).exits(3);
        let verdict = &ran.verdicts()[0];
        assert_eq!(verdict["status"], "error");
        assert!(verdict["message"].as_str().unwrap().contains(said), "{said}: {verdict}");
    }
    let world = World::new();
    world.write("now.csv", "a\n1\n");
    world.write("mlgate.yml", "data: { path: now.csv, checks: [drift] }");
    world.check(&[]).exits(2).saying("there is no reference to compare with");
}

#[test]
fn an_empty_reference_skips_and_fails() {
    let world = World::new();
    world.write("now.csv", format!("a\n{}", "1\n".repeat(40)));
    world.write("old.csv", "a\n");
    world.write("mlgate.yml", "data: { path: now.csv, reference: old.csv, checks: [drift] }");
    let ran = world.check(&[]).exits(1);
    let checks = ran.verdicts();
    assert_eq!(checks[0]["status"], "skipped");
    assert_eq!((&checks[1]["check"], &checks[1]["status"]), (&json!("row_count"), &json!("fail")));
}

#[test]
fn a_table_beside_itself_warns_by_name() {
    let world = World::new();
    world.write("now.csv", format!("a\n{}", "1\n2\n".repeat(40)));
    world.write("mlgate.yml", "data: { path: now.csv, reference: ./now.csv, checks: [drift: { columns: [a] }] }");
    let ran = world.check(&[]).exits(0);
    let verdict = &ran.verdicts()[0];
    assert_eq!(
        (&verdict["status"], &verdict["message"]),
        (&json!("warn"), &json!("both tables are the same file: nothing can drift"))
    );
}

#[test]
fn what_drifted_is_handed_to_later_jobs() {
    let world = runner(&[("fingerprint", "true"), ("reference", "old.csv"), ("data", "now.csv")]);
    let numbers = |from: i32| (from..from + 100).map(|n| format!("{n},{}\n", n % 7)).collect::<String>();
    world.write("workspace/now.csv", format!("a,b\n{}", numbers(1000)));
    world.write("workspace/old.csv", format!("a,b\n{}", numbers(0)));
    world.write("workspace/mlgate.yml", "data: { checks: [drift] }");
    act(&world).exits(0);
    let outputs: std::collections::BTreeMap<String, String> = outputs(&world).into_iter().collect();
    assert_eq!(outputs["drift-detected"], "true");
    assert_eq!(outputs["drifted-columns"], r#"["a"]"#);
    assert_eq!(outputs["data-fingerprint"].len(), 32);
    assert_eq!(outputs["warned-checks"], r#"["drift"]"#);
}

#[test]
fn few_rows_are_inconclusive_and_say_so() {
    let world = World::new();
    world.write("now.csv", format!("a\n{}", "1\n".repeat(29)));
    world.write("old.csv", format!("a\n{}", "2\n".repeat(400)));
    for check in ["drift", "drift: { columns: [a] }"] {
        world.write("mlgate.yml", format!("data: {{ path: now.csv, reference: old.csv, checks: [{check}] }}"));
        let ran = world.check(&[]).exits(1);
        let verdict = &ran.verdicts()[0];
        assert_eq!(verdict["status"], "inconclusive");
        assert_eq!(verdict["message"], "too few rows to compare: 29 rows and 400 in the reference, 30 needed in both");
    }
}

#[test]
fn infinities_and_extreme_numbers_cost_no_report() {
    let world = World::new();
    let column = |value: &str| format!("a\n{}", (0..60).map(|n| format!("{n}.5\n{value}\n")).collect::<String>());
    world.write("now.csv", column("1.5"));
    for extreme in ["inf", "-inf", "1.7e308", "-1.7e308"] {
        world.write("old.csv", column(extreme));
        for method in ["auto", "psi", "ks", "jensen_shannon", "chi_squared", "wasserstein"] {
            let check = format!("drift: {{ columns: [a], method: {method} }}");
            world.write("mlgate.yml", format!("data: {{ path: now.csv, reference: old.csv, checks: [{check}] }}"));
            let ran = world.check(&[]).exits(1);
            assert_eq!(ran.statuses(), "fail", "{extreme} {method}");
        }
        // And as a profile.
        world.write("one.yml", "data: { checks: [row_count] }".replace("row_count", "row_count: { min: 1 }"));
        let save = ["--config", "one.yml", "--data", "old.csv", "--save-profile", "old.profile.json"];
        world.check(&save).exits(0);
        world.write(
            "mlgate.yml",
            "data: { path: now.csv, reference: old.profile.json, checks: [drift: { columns: [a] }] }",
        );
        world.check(&[]).exits(1);
    }
    let whole = |value: i64| format!("a\n{}", (0..60).map(|n| format!("{n}\n{value}\n")).collect::<String>());
    for most in [i64::MAX, i64::MIN] {
        world.write("most.csv", format!("a\n{}", format!("{most}\n").repeat(50)));
        world.check(&["--config", "one.yml", "--data", "most.csv", "--save-profile", "most.profile.json"]).exits(0);
    }
    world.write("now.csv", whole(i64::MAX)).write("old.csv", whole(i64::MIN));
    world.write("mlgate.yml", "data: { path: now.csv, reference: old.csv, checks: [drift: { columns: [a] }] }");
    world.check(&[]).exits(1);
}

#[test]
fn a_long_text_is_one_category_however_it_is_read() {
    let world = World::new();
    let text = "\u{6f22}\u{5b57}".repeat(30);
    let rows = |order: fn(u32) -> u32| (0..2000).map(|n| format!("{text}{}\n", order(n) % 20)).collect::<String>();
    world.write("old.csv", format!("a\n{}", rows(|n| n))).write("now.csv", format!("a\n{}", rows(|n| 1999 - n)));
    let checks = "[drift: { columns: [a] }, new_categories: { columns: [a] }]";
    world.write("mlgate.yml", format!("data: {{ path: now.csv, reference: old.csv, checks: {checks} }}"));
    let ran = world.check(&[]).exits(0);
    assert_eq!(ran.statuses(), "pass pass");
    assert_eq!(ran.verdicts()[0]["values"]["a"]["effect"], 0.0);
}

#[test]
fn what_left_the_one_value_of_nearly_all_rows_drifted() {
    let world = World::new();
    let rows =
        |most: &str, few: &str| format!("a\n{}{}", format!("{most}\n").repeat(190), format!("{few}\n").repeat(10));
    world.write("old.csv", rows("1", "0"));
    for now in ["0", "-1000"] {
        world.write("now.csv", rows(now, now));
        for method in ["psi", "jensen_shannon", "chi_squared"] {
            let check = format!("drift: {{ columns: [a], method: {method} }}");
            world.write("mlgate.yml", format!("data: {{ path: now.csv, reference: old.csv, checks: [{check}] }}"));
            world.check(&[]).exits(1);
        }
    }
}

#[test]
fn a_misspelt_target_is_no_feature() {
    let world = World::new();
    let rows = (0..60).map(|n| format!("{n},{}\n", n % 2)).collect::<String>();
    world.write("now.csv", format!("a,y\n{rows}")).write("old.csv", format!("a,y\n{rows}"));
    world.write("mlgate.yml", "data: { path: now.csv, reference: old.csv, target: yy, checks: [drift] }");
    world.check(&[]).exits(3).saying("the training table has no column `yy`").saying("did you mean `y`?");
}
