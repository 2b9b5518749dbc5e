//! Limits that no number can reach, and limits that no number can breach.

use crate::model::predictions;
use crate::world::{Ran, World};

/// A run of one entry of the model gate.
fn model(entry: &str) -> Ran {
    let world = World::new();
    world.write("p.csv", predictions(10)).write("base.csv", predictions(5)).write("model.bin", "model");
    let section = "model:\n  predictions: { path: p.csv, key: key }\n  baseline: base.csv\n  artifact: model.bin\n";
    world.write("mlgate.yml", format!("{section}  checks:\n    - {entry}\n"));
    world.check(&[])
}

/// A run of one entry of the data gate.
fn data(entry: &str) -> Ran {
    let world = World::new();
    let rows: String = (0..200).map(|row| format!("{row},{},{}\n", row * 7 % 13, row % 2)).collect();
    world.write("d.csv", format!("id,x,y\n{rows}"));
    let section = "data:\n  path: d.csv\n  reference: d.csv\n  test: d.csv\n  target: y\n";
    world.write("mlgate.yml", format!("{section}  checks:\n    - {entry}\n"));
    world.check(&[])
}

#[test]
fn a_limit_outside_of_what_can_be_is_refused_with_the_likely_slip() {
    for (entry, said) in [
        (
            "fairness: { metric: demographic_parity_difference, columns: [region], max: 10 }",
            "`max` is 10, but `demographic_parity_difference` is between 0 and 1: did you mean 0.1?",
        ),
        ("fairness: { columns: [region], min: 80 }", "did you mean 0.8?"),
        ("improvement: { min: -3 }", "a difference of `accuracy` is between -1 and 1: did you mean -0.03?"),
        ("improvement: { metric: mcc, min: 2.5 }", "a difference of `mcc` is between -2 and 2: did you mean 0.025?"),
        ("improvement: { metric: log_loss, relative: true, min: 5 }", "is never above 1: did you mean 0.05?"),
        ("metric: { name: ece, max: 5 }", "did you mean 0.05?"),
        ("metric: { name: brier, max: 20 }", "`brier` is between 0 and 2: did you mean 0.2?"),
        ("metric: { name: roc_auc, min: -1 }", "`min` is -1, but `roc_auc` is between 0 and 1"),
        ("metric: { name: accuracy, min: 92.3 }", "did you mean 0.923?"),
        ("metric: { name: mcc, max: -1.5 }", "`mcc` is between -1 and 1"),
        ("metric: { name: r2, min: 95 }", "`r2` is never above 1: did you mean 0.95?"),
        ("metric: { name: log_loss, max: -0.5 }", "`log_loss` is never below 0"),
        ("metric: { name: accuracy, min: 0.9, confidence: 95 }", "did you mean 0.95?"),
        ("beats_dummy: { min_gain: 5 }", "did you mean 0.05?"),
        ("latency: { p99_ms: -1 }", "a latency is never below 0"),
    ] {
        let ran = model(entry).exits(2);
        assert!(ran.says(said), "{entry}: {said:?} is not in {ran:#?}");
        assert!(ran.says("mlgate.yml line"), "{entry}: no place in {ran:#?}");
    }
    for (entry, said) in [
        ("target_leakage: { max_score: 95 }", "did you mean 0.95?"),
        ("target_leakage: { max_score: -0.1 }", "the score is between 0 and 1"),
        ("drift: { method: ks, threshold: 10 }", "did you mean 0.1?"),
        ("drift: { threshold: -1 }", "the effect is never below 0"),
        ("drift: { alpha: 5 }", "did you mean 0.05?"),
        ("target_drift: { method: jensen_shannon, threshold: 20 }", "did you mean 0.2?"),
        ("near_duplicates: { min_similarity: 90 }", "did you mean 0.9?"),
        ("missing_values: { max_percent: 101 }", "101 is not a percent from 0 to 100"),
        ("freshness: { column: x, max_age_days: -1 }", "an age is never below 0"),
        ("row_count: { max_change_percent: -1 }", "a change is never below 0"),
    ] {
        let ran = data(entry).exits(2);
        assert!(ran.says(said), "{entry}: {said:?} is not in {ran:#?}");
    }
}

#[test]
fn inputs_and_flat_files_are_held_to_the_same_ranges() {
    let world = World::new();
    world.write("p.csv", predictions(10)).write("flat.json", r#"{"min_accuracy": 92}"#);
    for arguments in [
        &["--predictions=p.csv", "--min-accuracy=92"][..],
        &["--predictions=p.csv", "--config=flat.json"],
        &["--predictions=p.csv", "--min-demographic-parity=92", "--sensitive-columns=region"],
    ] {
        world.check(arguments).exits(2).saying("did you mean 0.92?");
    }
    world.check(&["--predictions=p.csv", "--min-accuracy=92"]).exits(2).saying("input min-accuracy");
}

#[test]
fn numbers_without_an_end_have_no_limit_there() {
    for entry in [
        "metric: { name: r2, min: -40 }",
        "metric: { name: rmse, max: 1e12 }",
        "improvement: { relative: true, min: -0.5 }",
        "improvement: { metric: rmse, min: -500 }",
    ] {
        let ran = model(entry);
        assert_eq!(ran.exit, 0, "{entry}: {ran:#?}");
        assert!(!ran.says("records only"), "{entry}: {ran:#?}");
    }
    // Unbounded above: refused by the numbers, not by the config.
    model("improvement: { relative: true, min: 5 }").exits(1);
}

#[test]
fn a_limit_at_the_very_end_is_accepted_and_says_that_it_records_only() {
    for (entry, said) in [
        ("metric: { name: accuracy, min: 0 }", "`min: 0` records only: no value can breach it"),
        ("metric: { name: accuracy, min: 0, max: 1 }", "`min: 0` and `max: 1` record only: no value can breach them"),
        ("metric: { name: r2, max: 1 }", "`max: 1` records only"),
        ("improvement: { min: -1 }", "`min: -1` records only"),
        ("improvement: { relative: true, min: -1 }", "`min: -1` records only"),
        ("fairness: { columns: [region], min: 0 }", "`min: 0` records only"),
    ] {
        let ran = model(entry).exits(0);
        assert_eq!(ran.statuses(), "pass", "{entry}");
        assert!(ran.verdicts()[0]["message"].as_str().unwrap().contains(said), "{entry}: {ran:#?}");
    }
    for entry in [
        "missing_values: { max_percent: 100 }",
        "duplicates: { max_percent: 100 }",
        "target_distribution: { min_class_percent: 0 }",
        "row_count: { min: 0 }",
        "range: { column: x, min: 5, max_percent_outside: 100 }",
        "drift: { max_drifted_percent: 100 }",
        "train_test_overlap: { max_percent: 100 }",
    ] {
        let ran = data(entry);
        assert!(ran.says("records only: no value can breach it"), "{entry}: {ran:#?}");
    }
    // The limit itself is too much, and a constant column reaches it.
    for entry in ["not_constant: { max_percent_same: 100 }", "beats_dummy: { min_gain: -1 }"] {
        let ran = if entry.starts_with("beats") { model(entry) } else { data(entry) };
        assert!(!ran.says("records only"), "{entry}: {ran:#?}");
    }
}
