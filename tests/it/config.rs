//! Files, inputs and flags: what is read, what wins, what is refused, and how that is said.

use serde_json::{Value, json};

use crate::world::{Ran, World, data};

const PEOPLE: &str = "age,city,y\n20,Bonn,0\n30,Bonn,1\n40,,1\n50,Ulm,1\n";

fn world(files: &[(&str, &str)]) -> World {
    let world = World::new();
    world.write("data.csv", PEOPLE);
    for (name, text) in files {
        world.write(name, text);
    }
    world
}

/// `check:subject max`, one a verdict.
fn limits(ran: &Ran) -> Vec<String> {
    let name = |verdict: &Value| match verdict["subject"].as_str() {
        Some(subject) => format!("{}:{subject}", verdict["check"].as_str().unwrap()),
        None => verdict["check"].as_str().unwrap().to_owned(),
    };
    ran.verdicts().iter().map(|verdict| format!("{} {}", name(verdict), verdict["limit"])).collect()
}

#[test]
fn a_later_file_replaces_its_own_entries_and_keeps_the_others() {
    let world = world(&[
        (
            "base.yml",
            "data:
  path: data.csv
  target: y
  checks:
    - row_count: { min: 1 }
    - missing_values: { max_percent: 50 }
    - missing_values: { columns: [city], max_percent: 30 }
    - range: { column: age, min: 0 }
      name: grown up
",
        ),
        (
            "mine.yml",
            "data:
  checks:
    - missing_values: { columns: [city], max_percent: 25 }
    - range: { column: age, min: 18 }
    - duplicates: { max_percent: 2 }
    - row_count: { min: 4 }
      on: test
    - range: { column: age, min: 10 }
      name: grown up
",
        ),
    ]);
    world.write("test.csv", PEOPLE);
    let ran = world.check(&["--config", "base.yml", "--config", "mine.yml", "--test-data", "test.csv"]).exits(0);
    assert_eq!(
        limits(&ran),
        [
            r#"row_count {"min":1.0}"#,
            r#"missing_values {"max":50.0}"#,
            r#"missing_values:city {"max":25.0}"#,
            r#"range:age {"max":0.0}"#,
            r#"range:age {"max":0.0}"#,
            r#"duplicates {"max":2.0}"#,
            r#"row_count {"min":4.0}"#,
        ]
    );
    // The named entry is replaced by its name, the unnamed one is a new entry.
    assert_eq!(ran.verdicts()[3]["values"]["min"], json!(10.0));
    assert_eq!(ran.verdicts()[3]["name"], "grown up");
    assert_eq!(ran.verdicts()[4]["values"]["min"], json!(18.0));
    assert_eq!(ran.verdicts()[4]["at"]["file"], "mine.yml");
    assert_eq!(ran.verdicts()[6]["on"], "test");
    let read: Vec<&Value> = ran.report["config"].as_array().unwrap().iter().map(|file| &file["path"]).collect();
    assert_eq!(read, ["base.yml", "mine.yml"]);
}

#[test]
fn entries_of_one_file_never_replace_each_other() {
    let world = world(&[(
        "mlgate.yml",
        "data:\n  path: data.csv\n  checks:\n    - row_count: { min: 1 }\n    - row_count: { min: 5 }\n",
    )]);
    assert_eq!(world.check(&[]).exits(1).statuses(), "pass fail");
}

#[test]
fn inputs_win_over_files_and_stand_last() {
    let world = world(&[(
        "mlgate.yml",
        "data:
  path: nowhere.csv
  checks:
    - row_count: { min: 100, max: 4 }
    - duplicates
    - range: { column: age, max: 45 }
",
    )]);
    let ran = world
        .check(&[
            "--data=data.csv",
            "--min-rows=2",
            "--max-null-percent=24.5",
            "--feature-ranges=age: {min: 25}\ny: [0, 1]",
        ])
        .exits(1);
    assert_eq!(
        limits(&ran),
        [
            r#"row_count {"min":2.0}"#,
            r#"duplicates {"max":1.0}"#,
            r#"range:age {"max":0.0}"#,
            r#"missing_values {"max":24.5}"#,
            r#"range:y {"max":0.0}"#,
        ]
    );
    assert_eq!(ran.statuses(), "pass pass fail fail pass");
    let age = &ran.verdicts()[2]["values"];
    assert_eq!((&age["min"], &age["max"], &age["rows"]), (&json!(25.0), &json!(45.0), &json!(2)));
}

#[test]
fn thresholds_alone_are_a_complete_gate() {
    let world = world(&[]);
    let ran = world
        .check(&[
            "--data=data.csv",
            "--min-rows=4",
            "--max-null-percent=25",
            "--required-columns=age\n city ",
            "--target-column=y",
            "--min-class-percent=25",
            "--max-duplicate-percent=0",
            r#"--feature-ranges={"age": {"min": 20, "max": 50}}"#,
        ])
        .exits(0);
    assert_eq!(ran.verdicts().len(), 6);
    assert_eq!(ran.result(), "passed");
    assert_eq!(ran.report["config"], json!([]));
}

#[test]
fn the_flat_files_mean_their_checks_and_list_what_they_leave_out() {
    let world = world(&[("gate.json", r#"{"min_rows": 4, "max_null_percent": 25.0, "target_column": "y"}"#)]);
    let ran = world.check(&["--config=gate.json", "--data=data.csv"]).exits(0);
    assert_eq!(
        limits(&ran),
        [r#"row_count {"min":4.0}"#, r#"missing_values {"max":25.0}"#, r#"target_distribution:y {"min":1.0}"#]
    );
    assert_eq!(ran.report["not_configured"], json!(["required_columns", "feature_ranges", "max_duplicate_percent"]));

    let all = r#"{"min_rows": 5, "max_null_percent": 0, "required_columns": ["age", "name"], "target_column": "y",
        "min_class_percent": 30, "feature_ranges": {"age": {"min": 25}, "y": {"min": 0, "max": 1}},
        "max_duplicate_percent": 0}"#;
    let ran = world.write("gate.json", all).check(&["--config=gate.json", "--data=data.csv"]).exits(1);
    assert_eq!(ran.statuses(), "fail fail fail fail fail pass pass");
    assert_eq!(ran.report["not_configured"], json!([]));
}

#[test]
fn a_flat_file_reads_yaml_too_and_a_wrong_value_has_its_place() {
    let world = world(&[("gate.json", "{\n  \"min_rows\": 4,\n  \"max_null_percent\": \"few\"\n}\n")]);
    let ran = world.check(&["--config=gate.json", "--data=data.csv"]).exits(2);
    ran.saying("max_null_percent").saying("gate.json line 3 column 3");
}

#[test]
fn every_problem_of_every_file_is_said_at_once() {
    let world = world(&[
        (
            "a.yml",
            "data:\n  pth: data.csv\n  checks:\n    - rnge: { column: age }\n    - range: { column: age, mni: 1 }\n",
        ),
        (
            "b.yml",
            "data:\n  checks:\n    - duplicates: { max_percent: 500 }\n    - freshness: { max_age_days: soon }\n      severty: warn\n",
        ),
        ("c.yml", "data:\n  checks: []\n  checks: []\n"),
        ("d.yml", "data:\n\tchecks: []\n"),
    ]);
    let ran = world.check(&["--config", "a.yml\nb.yml\nc.yml\nd.yml"]).exits(2);
    let said: Vec<&str> = ran.report["problems"].as_array().unwrap().iter().filter_map(Value::as_str).collect();
    assert_eq!(said.len(), 8, "{said:#?}");
    for (place, words) in [
        ("a.yml line 2", "did you mean `path`?"),
        ("a.yml line 4", "did you mean `range`?"),
        ("a.yml line 5", "did you mean `min`?"),
        ("b.yml line 3", "500 is not a percent"),
        ("b.yml line 4", "max_age_days"),
        ("b.yml line 5", "did you mean `severity`?"),
        ("c.yml line 3", "written twice"),
        ("d.yml line 2", "not valid YAML"),
    ] {
        assert!(said.iter().any(|one| one.contains(place) && one.contains(words)), "{place} {words}: {said:#?}");
        assert!(ran.stderr.contains(place), "{place}: {}", ran.stderr);
    }
}

#[test]
fn settings_that_contradict_each_other_are_refused() {
    for (entry, said) in [
        ("range: { column: age, min: 5, max: 1 }", "above"),
        ("range: { column: age }", "min"),
        ("row_count: { min: 5, max: 1 }", "above"),
        ("row_count: {}", "min"),
        ("target_distribution: { min_class_percent: 60, max_class_percent: 50 }", "above"),
        ("schema: {}", "required"),
        ("missing_values: { columns: [] }", "`columns` is empty"),
        ("unique: {}", "columns"),
        ("unique: { columns: [] }", "`columns` is empty"),
        ("freshness: { max_age_days: -1 }", "below 0"),
        ("allowed_values: { column: city, values: [] }", "`values` is empty"),
        ("pattern: { column: city, regex: '(' }", "regex"),
        ("range: { column: age, min: .nan }", "nan is no limit"),
        ("range: { column: age, max: .inf }", "inf is no limit"),
        ("expression: { sql: 'age >' }", "not one scalar condition"),
        ("expression: { sql: 'age IN (SELECT 1)' }", "subqueries are refused"),
        ("expression: { sql: \"read_csv('/etc/passwd') = 1\" }", "the function `read_csv`"),
        ("expression: { sql: 'true; DROP TABLE data' }", "nothing may follow"),
        ("expression: { sql: 'max(age) > 3' }", "the function `max`"),
        ("duplicates: { max_percent: 1, max_percent: 2 }", "written twice"),
        ("missing_values: { max_percent: 5 }\n      on: validation", "validation"),
        ("duplicates: {}\n      on: test", "there is no test table"),
        ("duplicates: {}\n      waiver: { owner: me, reason: later, until: soon }", "is no date"),
        ("duplicates: {}\n      waiver: { owner: me, until: 2030-01-01 }", "reason"),
        ("duplicates: {}\n      range: { column: age, min: 1 }", "an entry is one check"),
    ] {
        let config = format!("data:\n  path: data.csv\n  target: y\n  checks:\n    - {entry}\n");
        let ran = world(&[("mlgate.yml", &config)]).check(&[]);
        assert_eq!(ran.exit, 2, "{entry}: {ran:#?}");
        assert!(ran.says("mlgate.yml line"), "{entry}: {ran:#?}");
        assert!(ran.stderr.to_lowercase().contains(said), "{entry}: {said}: {}", ran.stderr);
    }
}

#[test]
fn a_check_of_the_target_needs_one() {
    let world =
        world(&[("mlgate.yml", "data: { path: data.csv, checks: [target_distribution, conflicting_labels] }\n")]);
    world.check(&[]).exits(2).saying("needs to know the target column").saying("`target-column`");
    world.check(&["--target-column=y"]).exits(0);
    assert_eq!(world.check(&["--target-column=label"]).exits(3).statuses(), "error error");
}

#[test]
fn only_and_gate_choose_among_the_entries() {
    let world = world(&[("mlgate.yml", "data: { path: data.csv, checks: [duplicates, row_count: { min: 100 }] }\n")]);
    assert_eq!(world.check(&["--only=duplicates"]).exits(0).statuses(), "pass");
    assert_eq!(world.check(&["--only=duplicates\nrow_count"]).exits(1).statuses(), "pass fail");
    assert_eq!(world.check(&["--only=duplicates", "--only=row_count"]).exits(1).statuses(), "pass fail");
    assert_eq!(world.check(&["--gate=data"]).exits(1).statuses(), "pass fail");
    world.check(&["--gate=model"]).exits(2).saying("nothing to check").saying("`mlgate.yml`");
    world.check(&["--only=unique"]).exits(2).saying("nothing to check");
    world.check(&["--only=row_cuont"]).exits(2).saying("unknown check `row_cuont`").saying("did you mean `row_count`?");
}

#[test]
fn nothing_to_check_is_no_pass() {
    let world = world(&[]);
    world.check(&[]).exits(2).saying("nothing to check").saying("mlgate suggest");
    world.check(&["--data=data.csv"]).exits(2).saying("mlgate suggest data.csv");
    for text in ["data: { path: data.csv }\n", "data:\n  path: data.csv\n  checks: []\n", "data:\n", "{}\n"] {
        world.write("mlgate.yml", text);
        let ran = world.check(&[]).exits(2).saying("nothing to check").saying("`mlgate.yml`").saying("mlgate suggest");
        assert_eq!(ran.result(), "error");
    }
    for text in ["", "# nothing\n", "- duplicates\n", "text\n"] {
        world.write("mlgate.yml", text).check(&[]).exits(2).saying("mlgate.yml").saying("mlgate suggest");
    }
}

#[test]
fn sections_of_later_versions_are_refused_and_not_skipped() {
    for text in ["rollout:\n  strategy: canary\n", "modle: {}\n"] {
        let ran = world(&[("mlgate.yml", text)]).check(&["--data=data.csv", "--min-rows=1"]).exits(2);
        ran.saying("mlgate.yml line 1");
    }
}

#[test]
fn a_flat_file_of_the_model_needs_its_numbers() {
    let world = world(&[("gate.json", r#"{"min_accuracy": 0.9, "max_model_size_mb": 1}"#)]);
    let ran = world.check(&["--config=gate.json", "--data=data.csv"]).exits(2).saying("min_accuracy");
    ran.saying("there are neither predictions nor metrics").saying("there is no model to look at");
}

#[test]
fn usage_errors_exit_2_and_help_exits_0() {
    let world = World::new();
    for arguments in
        [&["chekc"][..], &["check", "--min-row=5"], &["check", "--fail-on=often"], &[], &["explain", "rnge"]]
    {
        world.run(arguments).exits(2);
    }
    world.run(&["explain", "rnge"]).exits(2).saying("did you mean `range`?");
    for arguments in [&["--help"][..], &["--version"], &["check", "--help"], &["check", "--list-checks"], &["schema"]] {
        assert!(!world.run(arguments).exits(0).stdout.is_empty());
    }
}

#[test]
fn csv_settings_are_for_every_table() {
    let world = World::new();
    let config = json!({ "data": {
        "path": data("semicolon.csv"), "test": data("semicolon.csv"), "csv": { "delimiter": ";" },
        "checks": [{ "row_count": { "min": 40 } }, { "row_count": { "min": 40 }, "on": "test" }],
    } });
    world.write("mlgate.yml", config.to_string()).check(&[]).exits(0);
    for bad in ["';;'", "ö", "'\"'", "''"] {
        let text = format!("data:\n  path: a.csv\n  csv: {{ delimiter: {bad} }}\n  checks: [duplicates]\n");
        world.write("mlgate.yml", text).check(&[]).exits(2).saying("delimiter");
    }
}
