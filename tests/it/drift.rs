//! Drift, its reference as a table and as a profile, and what it hands on.

use std::fmt::Write as _;
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
        (
            "a\n",
            "1",
            "a\n",
            "x",
            "drift: { columns: [a] }",
            "`a` holds integer in the training table and text in the reference",
        ),
        ("a\n", "1", "b\n", "1", "drift: { columns: [a] }", "the reference table has no column `a`"),
        ("a\n", "x", "a\n", "x", "drift: { method: ks }", "needs numbers, dates or times for `ks`"),
        ("t\n", "2026-01-01", "t\n", "2026-01-01T00:00:00Z", "drift: { columns: [t] }", "`t` holds date"),
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

/// A seeded uniform draw in [0, 1).
struct Uniform(u64);

impl Uniform {
    fn next(&mut self) -> f64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 11) as f64 / (1_u64 << 53) as f64
    }
}

/// The status of `drift` on column `a`, with these rows in the reference and in the current table.
#[track_caller]
fn status(settings: &str, old: &[String], now: &[String]) -> (String, World) {
    let world = World::new();
    world.write("old.csv", format!("a\n{}\n", old.join("\n"))).write("now.csv", format!("a\n{}\n", now.join("\n")));
    let check = format!("drift: {{ columns: [a]{settings} }}");
    world.write("mlgate.yml", format!("data: {{ path: now.csv, reference: old.csv, checks: [{check}] }}"));
    let ran = world.check(&[]);
    (ran.statuses(), world)
}

#[test]
fn halves_of_one_table_do_not_drift_however_many_categories_there_are() {
    for (categories, rows) in [(1_500, 3_000), (10_000, 3_000), (100_000, 30_000)] {
        let mut draw = Uniform(categories);
        let mut side = || (0..rows).map(|_| format!("c{}", (draw.next() * categories as f64) as u64)).collect();
        let (old, now): (Vec<String>, Vec<String>) = (side(), side());
        for method in ["auto", "psi", "jensen_shannon", "chi_squared"] {
            let (found, _) = status(&format!(", method: {method}"), &old, &now);
            assert_eq!(found, "pass", "{categories} categories by {method}");
        }
    }
}

#[test]
fn a_shift_among_very_many_categories_drifts() {
    let mut draw = Uniform(7);
    let mut side = |of: f64, from: f64| -> Vec<String> {
        (0..3_000).map(|_| format!("c{}", (from + draw.next() * of) as u64)).collect()
    };
    let old = side(5_000.0, 0.0);
    // Half of the categories are gone; none is left; one of many rows is new.
    let half = side(2_500.0, 0.0);
    let others = side(5_000.0, 5_000.0);
    let mut dominated = side(5_000.0, 0.0);
    dominated.iter_mut().step_by(20).for_each(|name| "new".clone_into(name));
    for (now, what) in [(half, "half"), (others, "others"), (dominated, "dominated")] {
        let (found, _) = status("", &old, &now);
        assert_eq!(found, "fail", "{what}");
    }
    // Also where there are more than are counted, and rare ones are known roughly.
    let mut ids = || -> Vec<String> { (0..80_000).map(|_| format!("id{}", (draw.next() * 1e6) as u64)).collect() };
    let (old, mut now) = (ids(), ids());
    assert_eq!(status("", &old, &now).0, "pass");
    now.iter_mut().step_by(20).for_each(|name| "new".clone_into(name));
    assert_eq!(status("", &old, &now).0, "fail");
}

#[test]
fn zeros_that_become_a_value_below_all_others_drift_by_every_method() {
    let mut draw = Uniform(3);
    let old: Vec<f64> =
        (0..400).map(|row| if row % 20 < 17 { 0.0 } else { (draw.next() * 1e4).round() / 100.0 }).collect();
    let now = old.iter().map(|value| if *value == 0.0 { "-999".to_owned() } else { value.to_string() });
    let now: Vec<String> = now.collect();
    let old: Vec<String> = old.iter().map(ToString::to_string).collect();
    for method in ["auto", "psi", "jensen_shannon", "chi_squared", "ks", "wasserstein"] {
        let (found, _) = status(&format!(", method: {method}"), &old, &now);
        assert_eq!(found, "fail", "{method}");
    }
}

#[test]
fn one_row_of_the_reference_disarms_nothing() {
    let mut draw = Uniform(4);
    for rows in [300, 3_000] {
        let mut incomes =
            |times: f64| -> Vec<f64> { (0..rows).map(|_| (times * 30_000.0 * (0.2 + draw.next())).round()).collect() };
        let (mut old, now) = (incomes(1.0), incomes(10.0));
        old[7] = 1e12;
        let [old, now] = [old, now].map(|values| values.iter().map(ToString::to_string).collect::<Vec<_>>());
        assert_eq!(status("", &old, &now).0, "fail", "{rows}");
        let (_, world) = status(", method: wasserstein", &old, &now);
        world.check(&[]).saying("few values own the reference's standard deviation");
    }
}

#[test]
fn integers_that_floats_cannot_tell_apart_drift() {
    let base = 1_i64 << 62;
    let rows = |from: i64| (0..400).map(|row| (base + from + row % 200).to_string()).collect::<Vec<_>>();
    let (old, mut now) = (rows(0), rows(300));
    for method in ["auto", "psi", "jensen_shannon", "chi_squared", "ks", "wasserstein"] {
        let settings = format!(", method: {method}");
        assert_eq!(status(&settings, &old, &now).0, "fail", "{method}");
        assert_eq!(status(&settings, &old, &rows(0)).0, "pass", "{method}");
    }
    // Nor does one row far away hide it.
    now[0] = "0".to_owned();
    let mut far = old.clone();
    far[0] = "-5".to_owned();
    for method in ["auto", "psi", "jensen_shannon", "chi_squared", "ks"] {
        assert_eq!(status(&format!(", method: {method}"), &far, &now).0, "fail", "{method}");
    }
    // As unsigned integers beyond 2^63 too.
    let rows = |from: u64| (0..400).map(|row| ((1_u64 << 63) + from + row % 200).to_string()).collect::<Vec<_>>();
    assert_eq!(status("", &rows(0), &rows(300)).0, "fail");
}

#[test]
fn a_profile_of_integers_that_floats_cannot_tell_apart_is_no_measure() {
    let world = World::new();
    let rows = |from: i64| {
        (0..400).fold("a\n".to_owned(), |mut csv, row| {
            let _ = writeln!(csv, "{}", (1_i64 << 62) + from + row % 200);
            csv
        })
    };
    world.write("old.csv", rows(0)).write("now.csv", rows(300));
    world.write("one.yml", "data: { checks: [row_count: { min: 1 }] }");
    world.check(&["--config", "one.yml", "--data", "old.csv", "--save-profile", "old.profile.json"]).exits(0);
    world.write("mlgate.yml", "data: { path: now.csv, reference: old.profile.json, checks: [drift] }");
    let ran = world.check(&[]);
    assert!(ran.exit == 3 && ran.says("name the table itself") || ran.statuses() != "pass", "{ran:?}");
}

#[test]
fn a_profile_says_how_exactly_it_knows_the_distance() {
    let world = World::new();
    let mut draw = Uniform(5);
    let mut rows = |add: f64| {
        (0..20_000).fold("a\n".to_owned(), |mut csv, _| {
            let _ = writeln!(csv, "{}", draw.next() + draw.next() + add);
            csv
        })
    };
    world.write("old.csv", rows(0.0)).write("now.csv", rows(0.1));
    world.write("one.yml", "data: { checks: [row_count: { min: 1 }] }");
    world.check(&["--config", "one.yml", "--data", "old.csv", "--save-profile", "old.profile.json"]).exits(0);
    let measured = |reference: &str, method: &str| {
        let check = format!("drift: {{ columns: [a], method: {method}, max_drifted_percent: 100 }}");
        world.write("mlgate.yml", format!("data: {{ path: now.csv, reference: {reference}, checks: [{check}] }}"));
        let ran = world.check(&[]);
        (values(&ran.report)["a"].clone(), ran)
    };
    for method in ["ks", "wasserstein"] {
        let (exact, _) = measured("old.csv", method);
        let (of_profile, _) = measured("old.profile.json", method);
        let range = of_profile["effect_range"].as_array().unwrap();
        let effect = exact["effect"].as_f64().unwrap();
        assert!(range[0].as_f64().unwrap() <= effect && effect <= range[1].as_f64().unwrap(), "{of_profile} {exact}");
        assert!(of_profile["notes"][0].as_str().unwrap().contains("the distance is between"), "{of_profile}");
        assert!(exact["effect_range"].is_null());
    }
}

#[test]
fn over_65536_categories_are_never_all_known() {
    let world = World::new();
    let rows = |from: u32| {
        (from..from + 70_000).fold("a,b\n".to_owned(), |mut csv, row| {
            let _ = writeln!(csv, "id{row},{}", if row % 2 == 0 { "x" } else { "y" });
            csv
        })
    };
    world.write("old.csv", rows(0)).write("now.csv", rows(0));
    world.write("mlgate.yml", "data: { path: now.csv, reference: old.csv, checks: [new_categories] }");
    let ran = world.check(&[]);
    assert_eq!(ran.statuses(), "warn");
    let message = ran.verdicts()[0]["message"].as_str().unwrap();
    assert!(!message.contains("every category occurs"), "{message}");
    assert!(message.contains("`a` was not compared: it has more than 65,536 values"), "{message}");
}

/// Verdicts of `drift` over two CSV files.
fn drifts(reference: &str, current: &str, entry: &str) -> crate::world::Ran {
    let world = World::new();
    world.write("reference.csv", reference);
    world.write("current.csv", current);
    world.write("mlgate.yml", format!("data: {{ path: current.csv, reference: reference.csv, checks: [{entry}] }}"));
    world.check(&[])
}

#[test]
fn a_column_that_lost_its_values_has_drifted() {
    let csv = |line: &dyn Fn(u64) -> String| (0..200).fold("a,x\n".to_owned(), |csv, row| csv + &line(row) + "\n");
    let (with, without) = (csv(&|row| format!("{row},{}", row % 7)), csv(&|row| format!(",{}", row % 7)));
    for entry in ["drift: { columns: [a] }", "drift: { max_drifted_percent: 0 }"] {
        for (reference, current) in [(&with, &without), (&without, &with)] {
            let ran = drifts(reference, current, entry).exits(1);
            let verdict = &ran.verdicts()[0];
            assert_eq!(verdict["status"], "fail", "{entry}: {ran:#?}");
            assert_eq!(verdict["values"]["a"]["drifted"], true, "{entry}: {ran:#?}");
        }
    }
    // The other columns are judged, too, and so is a column that one cell made text.
    let text = with.replacen("\n0,", "\noops,", 1);
    let ran = drifts(&with, &text, "drift").exits(0);
    let verdict = &ran.verdicts()[0];
    assert_eq!(verdict["status"], "warn", "{ran:#?}");
    assert_eq!(verdict["values"]["a"]["drifted"], true, "{ran:#?}");
    assert_eq!(verdict["values"]["x"]["drifted"], false, "{ran:#?}");
    drifts(&with, &text, "drift: { columns: [a] }").exits(3);
}

#[test]
fn texts_of_very_many_categories_drift() {
    let csv = |prefix: &str| {
        (0..150_000).fold("u\n".to_owned(), |csv, row| csv + prefix + &(row % 75_000).to_string() + "\n")
    };
    let (one, other) = (csv("k"), csv("j"));
    for method in ["auto", "psi", "chi_squared"] {
        let entry = format!("drift: {{ columns: [u], method: {method} }}");
        let ran = drifts(&one, &other, &entry).exits(1);
        assert_ne!(ran.statuses(), "pass", "{method}: {ran:#?}");
    }
    assert_eq!(drifts(&one, &csv("k"), "drift: { columns: [u] }").statuses(), "pass");
}
