//! The model gate, run as its users run it: numbers, slices, baselines that are files, and what is wrong with them.

use serde_json::{Value, json};

use crate::action::{act, output, runner};
use crate::world::{Ran, World};

/// Predictions of 200 rows: labels alternate, every `wrong`th is wrong; two regions, ages 20 to 69.
pub fn predictions(wrong: usize) -> String {
    let mut csv = String::from("key,label,prediction,score,region,age,latency_ms\n");
    for row in 0..200 {
        let label = row % 2;
        let hit = row % wrong != 0;
        let prediction = if hit { label } else { 1 - label };
        let score = if prediction == 1 { 0.7 } else { 0.2 } + row as f64 / 1000.0;
        let region = if row % 10 < 5 { "north" } else { "south" };
        csv.push_str(&format!("{row},{label},{prediction},{score:.3},{region},{},{}\n", 20 + row % 50, 2 + row % 7));
    }
    csv
}

/// A world with predictions and a config of the model: `checks` is a YAML list.
fn world(section: &str, checks: &str) -> World {
    let world = World::new();
    world.write("p.csv", predictions(10));
    let checks: String = checks.trim().lines().map(|line| format!("    {}\n", line.trim_end())).collect();
    world.write("mlgate.yml", format!("model:\n{section}  checks:\n{checks}"));
    world
}

const HERE: &str = "  predictions: p.csv\n";

/// The only verdict.
fn verdict(ran: &Ran) -> &Value {
    assert_eq!(ran.verdicts().len(), 1, "{ran:#?}");
    &ran.verdicts()[0]
}

#[test]
fn a_candidate_is_judged_and_the_report_says_how_sure_that_is() {
    let ran = world(
        "  name: credit-risk\n  version: 8\n  predictions: { path: p.csv, key: key }\n  baseline: base.csv\n",
        "- metric: { name: accuracy, min: 0.88, confidence: 0.95 }
- metric: { name: accuracy, min: 0.8, by: region }
- improvement: { metric: accuracy, min: 0.09, confidence: 0.95 }
- latency: { p99_ms: 8 }",
    )
    .write("base.csv", predictions(5))
    .check(&[])
    .exits(1);
    assert_eq!(ran.statuses(), "inconclusive pass inconclusive pass");
    let values = &ran.verdicts()[2]["values"];
    assert_eq!((&values["candidate"], &values["baseline"]), (&json!(0.9), &json!(0.8)));
    assert_eq!((&values["only_candidate_right"], &values["only_baseline_right"]), (&json!(20), &json!(0)));
    assert!(values["p"].as_f64().unwrap() < 1e-4 && values["p"] == values["p_adjusted"], "{values}");
    assert!(values["rows_to_decide"].as_u64().unwrap() > 200, "{values}");
    assert_eq!(ran.report["model"]["version"], "8");
    assert_eq!(ran.report["gates"][0]["gate"], "model");
    for said in ["| <code>accuracy</code> | 0.9 | 0.8 | +0.1 |", "more rows like these would decide", "credit-risk v8"]
    {
        assert!(ran.markdown.contains(said), "{said} is not in {}", ran.markdown);
    }
}

#[test]
fn slices_stand_worst_first_and_small_ones_are_named() {
    let ran =
        world(HERE, "- metric: { name: accuracy, min: 0.9, min_rows: 20, by: { age: [22, 45] } }").check(&[]).exits(1);
    let slices = verdict(&ran)["values"]["slices"].as_array().unwrap();
    let values: Vec<f64> = slices.iter().filter(|s| s["why"].is_null()).map(|s| s["value"].as_f64().unwrap()).collect();
    assert!(values.is_sorted(), "{slices:#?}");
    assert_eq!(slices.last().unwrap()["slice"], "age < 22");
    assert_eq!(slices.last().unwrap()["why"], "fewer than 20 rows");
    assert_eq!(verdict(&ran)["observed"], slices[0]["value"]);
    assert!(ran.markdown.contains("| <code>age 22 to 45</code> |"), "{}", ran.markdown);
}

#[test]
fn inputs_alone_are_a_model_gate_and_the_outputs_say_how_it_went() {
    let world = runner(&[
        ("predictions", "p.csv"),
        ("artifact", "model.bin"),
        ("model-name", "credit-risk"),
        ("model-version", "8"),
        ("baseline", "production.json"),
        ("min-accuracy", "0.85"),
        ("min-improvement", "0.02"),
        ("max-latency-p99-ms", "10"),
        ("max-model-size-mb", "1"),
        ("min-demographic-parity", "0.8"),
        ("sensitive-columns", "region"),
    ]);
    world.write("workspace/p.csv", predictions(10)).write("workspace/model.bin", "model");
    world.write("workspace/production.json", r#"{"accuracy": 0.87}"#);
    let ran = act(&world).exits(0);
    assert_eq!(ran.statuses(), "pass pass pass pass pass");
    for (name, value) in [
        ("result", "passed"),
        ("data-result", ""),
        ("model-result", "passed"),
        ("model-name", "credit-risk"),
        ("model-version", "8"),
        ("baseline-version", ""),
        ("rows", ""),
    ] {
        assert_eq!(output(&world, name), value, "{name}");
    }
    assert_eq!(ran.report["model"]["sha256"].as_str().unwrap().len(), 64);
}

#[test]
fn each_gate_runs_alone_and_both_make_one_report() {
    let world = world(HERE, "- metric: { name: accuracy, min: 0.8 }");
    let model = world.read("mlgate.yml");
    world
        .write("d.csv", "age,y\n1,0\n2,1\n")
        .write("mlgate.yml", format!("data:\n  path: d.csv\n  checks: [row_count: {{min: 1}}]\n{model}"));
    let ran = world.check(&[]).exits(0);
    let gates: Vec<&Value> = ran.report["gates"].as_array().unwrap().iter().map(|gate| &gate["gate"]).collect();
    assert_eq!(gates, ["data", "model"]);
    // Before training there are no predictions yet, and before deployment perhaps no training table any more.
    world.write("p.csv", "");
    let ran = world.check(&["--gate=data"]).exits(0);
    assert_eq!(ran.report["gates"].as_array().unwrap().len(), 1);
    world.write("p.csv", predictions(10)).write("d.csv", "");
    world.check(&["--gate=model"]).exits(0);
    world.check(&[]).exits(3);
}

#[test]
fn metrics_files_are_judged_by_name() {
    let entry = "- metric: { name: profit, min: 10, better: higher }";
    let judged = |text: &str| {
        let world = world("  metrics: m.json\n", entry);
        world.write("m.json", text).check(&[])
    };
    assert_eq!(verdict(&judged(r#"{"test": {"profit": 12.5}}"#).exits(0).saying("recorded as"))["observed"], 12.5);
    judged(r#"{"profit": 9}"#).exits(1).saying("`profit` is 9, at least 10 needed");
    for (text, said) in [
        (r#"{"profit": NaN}"#, "is the text `NaN`"),
        (r#"{"profit": null}"#, "is null"),
        (r#"{"profit": "12"}"#, "is the text `12`"),
        (r#"{"profits": 12}"#, "did you mean `profits`?"),
        ("", "is empty"),
        ("<html></html>", "no map of names and numbers"),
        ("{\"profit\": ", "neither JSON nor YAML"),
        ("version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "Git LFS pointer"),
    ] {
        judged(text).exits(3).saying(said);
    }
    let missing = world("  metrics: nowhere.json\n", entry);
    missing.check(&[]).exits(3).saying("could not be read");
    // Slices and intervals need rows.
    let world = world("  metrics: m.json\n", "- metric: { name: accuracy, min: 0.1, confidence: 0.9 }");
    world.write("m.json", r#"{"accuracy": 1}"#).check(&[]).exits(3).saying("an interval needs predictions");
}

#[test]
fn no_baseline_is_an_error_unless_this_is_the_first_model() {
    let entry = "- improvement: { metric: accuracy }";
    world(HERE, entry).check(&[]).exits(2).saying("there is no baseline to compare with");
    let with = |baseline: &str| world(&format!("{HERE}  baseline: {baseline}\n"), entry).check(&[]);
    with("{ path: nowhere.json }").exits(3).saying("no baseline was found").saying("missing: skip");
    let ran = with("{ path: nowhere.json, missing: skip }").exits(0);
    assert_eq!(verdict(&ran)["status"], "skipped");
    assert_eq!(verdict(&with("{ missing: skip }").exits(0))["status"], "skipped");
    with("{ missing: error }").exits(2).saying("names no source");
    with("{ path: a.json, git: { ref: main, path: a.json } }").exits(2).saying("names several sources");
    with("mlflow:credit-risk").exits(2).saying("mlflow:<name>@<alias>");
    // A baseline that is broken is not one that is missing.
    let world = world(&format!("{HERE}  baseline: {{ path: b.json, missing: skip }}\n"), entry);
    world.write("b.json", "{").check(&[]).exits(3).saying("neither JSON nor YAML");
    world.write("b.json", r#"{"f1": 0.5}"#).check(&[]).exits(3).saying("has no metric `accuracy`");
    world.write("b.json", r#"{"accuracy": 0.95}"#).check(&[]).exits(1).saying("0.05 worse");
}

#[test]
fn a_baseline_that_nothing_is_compared_with_counts() {
    let section = format!("{HERE}  baseline: {{ path: nowhere.csv }}\n");
    world(&section, "- metric: { name: accuracy, min: 0.1 }").check(&[]).exits(3).saying("no baseline was found");
}

#[test]
fn predictions_of_other_rows_are_an_error() {
    let section = "  predictions: { path: p.csv, key: key }\n  baseline: base.csv\n";
    let compared =
        |base: &str| world(section, "- improvement: { metric: accuracy, min: -1 }").write("base.csv", base).check(&[]);
    let all = predictions(5);
    let shuffled = {
        let mut lines: Vec<&str> = all.lines().collect();
        lines[1..].reverse();
        lines.join("\n")
    };
    compared(&shuffled).exits(0);
    compared(&all.replace("\n17,", "\n1017,")).exits(3).saying("the keys of 1 row of the candidate are not in it");
    compared(&all.replace("\n17,1,", "\n17,0,")).exits(3).saying("another label");
    compared(&all.replace("\n17,", "\n18,")).exits(3).saying("have the same key");
    let half: Vec<&str> = all.lines().take(101).collect();
    compared(&half.join("\n")).exits(3).saying("other rows");
    // Without a key, row by row, and only if all else is equal.
    let section = "  predictions: p.csv\n  baseline: base.csv\n";
    let compared =
        |base: &str| world(section, "- improvement: { metric: accuracy, min: -1 }").write("base.csv", base).check(&[]);
    compared(&all).exits(0);
    compared(&shuffled).exits(3).saying("differs in a column that both have");
}

#[test]
fn what_predictions_must_not_be_is_named_with_its_row() {
    let accuracy = "- metric: { name: accuracy, min: 0 }";
    let auc = "- metric: { name: roc_auc, min: 0 }";
    let loss = "- metric: { name: log_loss, max: 100 }";
    for (csv, entry, said) in [
        ("label,prediction\n1,1\n,0\n", accuracy, "`label` is missing in row 2"),
        ("label,prediction\n1,1\n0,0.5\n", accuracy, "`prediction` is no class, but a fraction, in row 2"),
        ("label,prediction\n1,yes\n0,no\n", accuracy, "no prediction could ever be right"),
        ("label,prediction\n1,true\n0,false\n", accuracy, "no prediction could ever be right"),
        ("label,predictions\n1,1\n", accuracy, "did you mean `predictions`?"),
        ("label,prediction,score\n1,1,0.5\n0,0,NaN\n", auc, "`score` is missing in row 2"),
        ("label,prediction,score\n1,1,0.5\n0,0,inf\n", auc, "`score` is infinite in row 2"),
        (
            "label,prediction,score\n1,1,0.5\n0,0,1.5\n",
            loss,
            "`score` is 1.5 in row 2, and a probability lies in 0 to 1",
        ),
        ("label,prediction,score\n1,1,0.5\n1,0,0.5\n", auc, "one class only"),
        ("label,prediction\n1,1\n0,0\n", auc, "the predictions have no scores"),
        ("label,prediction,score\na,a,0.5\nb,b,0.5\n", auc, "set `model.predictions.positive`"),
        (
            "label,prediction,score_a,score_b,score_c\na,a,0.5,0.4,0.1\nb,b,0.5,0.6,0.1\nc,c,1,0,0\n",
            loss,
            "the scores of row 2 add up to 1.2",
        ),
        (
            "label,prediction,score_a,score_b\na,a,0.5,0.5\nb,b,0.5,0.5\nc,c,1,0\n",
            loss,
            "class `c` has no column `score_c`",
        ),
        ("label,prediction\n", accuracy, "the predictions table is empty"),
    ] {
        let ran = world(HERE, entry).write("p.csv", csv).check(&[]);
        let code = if said.contains("table is empty") { 1 } else { 3 };
        ran.exits(code).saying(said);
    }
    let world = world("  predictions: { path: p.csv, weight: w }\n", accuracy);
    world.write("p.csv", "label,prediction,w\n1,1,1\n0,0,-1\n").check(&[]).exits(3).saying("a weight below 0 in row 2");
    world.write("p.csv", "label,prediction,w\n1,1,0\n0,0,0\n").check(&[]).exits(3).saying("no row has any weight");
}

#[test]
fn what_scikit_learn_would_warn_of_is_in_the_message() {
    let csv = "label,prediction\n".to_owned() + &"a,a\nb,a\nb,c\n".repeat(20);
    let ran = world(HERE, "- metric: { name: precision, max: 1 }").write("p.csv", csv).check(&[]).exits(0);
    let said = verdict(&ran)["message"].as_str().unwrap();
    assert!(
        said.contains("class `b` never predicted") && said.contains("class `c` predicted, and never a label"),
        "{said}"
    );
}

#[test]
fn a_column_of_too_many_values_makes_no_slices() {
    let mut csv = String::from("label,prediction,id\n");
    (0..100_000).for_each(|row| csv.push_str(&format!("{},{},{row}\n", row % 2, row % 3 % 2)));
    let world = world(HERE, "- metric: { name: accuracy, min: 0, by: id }\n- fairness: { columns: [id] }");
    let ran = world.write("p.csv", csv).check(&[]).exits(3).saying("`id` makes over 1,000 slices");
    assert_eq!(ran.statuses(), "error error");
}

#[test]
fn too_many_classes_are_no_classes() {
    let mut csv = String::from("label,prediction\n");
    (0..3_000).for_each(|row| csv.push_str(&format!("{row},{row}\n")));
    let ran = world(HERE, "- metric: { name: accuracy, min: 0 }").write("p.csv", csv).check(&[]).exits(3);
    ran.saying("over 1,000 distinct values: they are no classes");
}

#[test]
fn settings_that_mean_nothing_are_refused_together() {
    let ran = world(
        HERE,
        "- metric: { name: accuracy }
- metric: { name: profit, min: 1 }
- metric: { name: accuracy, min: 1, confidence: 1.5 }
- fairness: { metric: demographic_parity_difference, columns: [region] }
- latency: {}
- metric: { name: accuracy, min: 0 }
  on: training
- row_count: { min: 1 }
- serving: { rps: 3 }",
    )
    .check(&[])
    .exits(2);
    for said in [
        "no limit: set `min` or `max`",
        "`better: higher`",
        "1.5 is no confidence",
        "model.checks[4].latency",
        "model.checks[5].on",
        "write it under `data.checks`",
        "there is no endpoint to ask",
    ] {
        assert!(ran.says(said), "{said}: {ran:#?}");
    }
}

#[test]
fn a_later_file_and_an_input_change_one_limit() {
    let world =
        world(HERE, "- metric: { name: accuracy, min: 0.99 }\n- metric: { name: accuracy, min: 0.1, by: region }");
    world.check(&[]).exits(1);
    world.check(&["--min-accuracy=0.5"]).exits(0);
    world.write("later.yml", "model: { checks: [ metric: { name: accuracy, min: 0.6 } ] }");
    let ran = world.check(&["--config=mlgate.yml\nlater.yml"]).exits(0);
    assert_eq!(ran.verdicts()[0]["limit"], json!({ "min": 0.6 }));
}

#[test]
fn a_model_is_weighed_file_by_file() {
    let entry = "- model_size: { max_mb: 0.00001 }";
    let world = world("  artifact: model\n", entry);
    world.check(&[]).exits(3).saying("could not be read");
    world.write("model/a.bin", "12345").write("model/deep/b.bin", "1234");
    assert_eq!(verdict(&world.check(&[]).exits(0))["values"]["bytes"], 9);
    world.write("model/deep/c.bin", "12");
    world.check(&[]).exits(1).saying("at most 0.00001 MB allowed");
    world.write("mlgate.yml", world.read("mlgate.yml").replace("artifact: model", "artifact: model/deep/b.bin"));
    world.write("model/deep/b.bin", "version https://git-lfs.github.com/spec/v1\n");
    world.check(&[]).exits(3).saying("Git LFS pointer");
    world.write("model/deep/b.bin", "");
    world.check(&[]).exits(3).saying("the model is empty");
}

#[test]
fn an_action_reads_no_model_outside_its_workspace() {
    for input in ["predictions", "metrics", "artifact", "baseline"] {
        let world = runner(&[(input, "../secret.json"), ("min-accuracy", "0.5"), ("min-improvement", "0")]);
        world.write("secret.json", r#"{"accuracy": 1}"#).write("workspace/p.csv", predictions(10));
        world.write("workspace/mlgate.yml", "model: { predictions: p.csv, baseline: b.csv }");
        world.write("workspace/b.csv", predictions(10));
        act(&world).exits(2).saying("leads out of the workspace");
    }
}

#[test]
fn a_token_stays_out_of_the_report() {
    let world = world(HERE, "- metric: { name: accuracy, min: 0.1 }");
    for arguments in [&["--github-token=ghs_secret"][..], &["--github-token", "ghs_secret"]] {
        let ran = world.check(arguments).exits(0);
        assert!(!ran.says("ghs_secret"), "{ran:#?}");
    }
}

#[test]
fn two_runs_say_the_same() {
    let checks = "- metric: { name: f1, min: 0.9, confidence: 0.9 }\n- metric: { name: brier, max: 0.1, confidence: 0.9, by: region }";
    let world = world(HERE, checks);
    let first = world.check(&[]).exits(1);
    assert_eq!(first.verdicts(), world.check(&[]).exits(1).verdicts());
}

#[test]
fn slices_of_many_batches_count_every_row_once() {
    const ROWS: usize = 300_000;
    let mut csv = String::from("label,prediction,score,region,band\n");
    let mut expected = std::collections::BTreeMap::<String, (u64, u64)>::new();
    for row in 0..ROWS {
        // New values keep coming, so that every thread numbers them in another order.
        let (region, band) = (row / 1_000 % 23, (row * 7) % 3);
        let (label, hit) = (row % 2, row % (5 + region) != 0);
        csv.push_str(&format!(
            "{label},{},0.{},region {region},b{band}\n",
            if hit { label } else { 1 - label },
            row % 10
        ));
        let slice = expected.entry(format!("region=region {region}, band=b{band}")).or_default();
        *slice = (slice.0 + 1, slice.1 + u64::from(hit));
    }
    let checks = "- metric: { name: accuracy, min: 0, by: [region, band] }\n- metric: { name: brier, max: 1, by: [region, band] }";
    let ran = world(HERE, checks).write("p.csv", csv).check(&[]).exits(0);
    for verdict in ran.verdicts() {
        let slices = verdict["values"]["slices"].as_array().unwrap();
        assert_eq!(slices.len(), expected.len());
        for slice in slices {
            let (rows, hits) = expected[slice["slice"].as_str().unwrap()];
            assert_eq!(slice["rows"], rows, "{slice}");
            if verdict["subject"] == "accuracy" {
                // Reading JSON may cost the last digit.
                assert!((slice["value"].as_f64().unwrap() - hits as f64 / rows as f64).abs() < 1e-15, "{slice}");
            }
        }
    }
}

#[test]
fn a_column_whose_values_cannot_be_told_apart_makes_no_slices() {
    let lines: String = (0..60)
        .map(|row| format!("{{\"label\": 1, \"prediction\": {}, \"region\": [{}]}}\n", row % 2, row % 2))
        .collect();
    let checks = "- metric: { name: accuracy, min: 0.4, by: region }\n- fairness: { columns: [region] }";
    let world = world("  predictions: p.ndjson\n", checks);
    let ran = world.write("p.ndjson", lines).check(&[]).exits(3).saying("values that make slices");
    assert_eq!(ran.statuses(), "error error");
}

#[test]
fn a_class_that_only_the_baseline_says_makes_both_macro() {
    let base = predictions(10).replacen("\n2,0,0,", "\n2,0,2,", 1);
    let ran = world("  predictions: p.csv\n  baseline: base.csv\n", "- improvement: { metric: f1, min: -1 }")
        .write("base.csv", base)
        .check(&[])
        .exits(0);
    let values = &verdict(&ran)["values"];
    // Both over three classes: the candidate's is no longer that of class 1 alone.
    let (mine, theirs) = (values["candidate"].as_f64().unwrap(), values["baseline"].as_f64().unwrap());
    assert!(mine - theirs > 0.0 && mine - theirs < 0.32, "{values}");
    assert!((mine - 0.9).abs() < 0.01, "{values}");
}

#[test]
fn what_does_not_fit_is_an_error_in_slices_too_and_has_its_row() {
    let csv = predictions(10).replacen(",0.707,", ",1.707,", 1);
    let row = csv.lines().position(|line| line.contains("1.707")).unwrap();
    let entry = "- metric: { name: log_loss, max: 9, by: region }\n  severity: warn";
    world(HERE, entry).write("p.csv", &csv).check(&[]).exits(3).saying(&format!("`score` is 1.71 in row {row},"));
    let text = csv.replace(",0,", ",no,").replace(",1,", ",yes,");
    let entry = "- metric: { name: f1, min: 0, average: binary, by: region }\n  severity: warn";
    world(HERE, entry).write("p.csv", text).check(&[]).exits(3).saying("needs a positive class");
}

#[test]
fn nothing_to_divide_by_is_open_whatever_the_size_of_slices() {
    let csv = "label,prediction,region\n".to_owned() + &"1,1,a\n0,0,a\n1,0,b\n0,0,b\n".repeat(20);
    for metric in ["precision", "mcc"] {
        let entry = format!("- metric: {{ name: {metric}, min: 0, min_rows: 0, by: region }}");
        let ran = world(HERE, &entry).write("p.csv", &csv).check(&[]).exits(1);
        assert_eq!(ran.statuses(), "inconclusive", "{metric}");
    }
    let constant = "label,prediction\n0.1,0.1\n0.1,0.1\n0.1,0.1\n";
    world(HERE, "- metric: { name: r2, min: 0 }")
        .write("p.csv", constant)
        .check(&[])
        .exits(3)
        .saying("all labels are equal");
}

#[test]
fn one_class_alone_is_still_one_of_two() {
    let csv = "label,prediction,score\n".to_owned() + &"0,0,0.1\n".repeat(40);
    let ran = world(HERE, "- metric: { name: log_loss, max: 0.2 }\n- metric: { name: recall, min: 0 }")
        .write("p.csv", csv)
        .check(&[]);
    assert_eq!(ran.exits(3).saying("no row has the label `1`").statuses(), "pass error");
}

#[test]
fn two_classes_with_a_column_each_must_add_up() {
    let csv =
        "label,prediction,score_0,score_1\n".to_owned() + &"0,0,0.9,0.1\n1,1,0.2,0.8\n".repeat(9) + "1,1,-7,0.9\n";
    for metric in ["roc_auc", "log_loss"] {
        let entry = format!("- metric: {{ name: {metric}, min: 0 }}");
        world(HERE, &entry).write("p.csv", &csv).check(&[]).exits(3).saying("`score_0` is -7 in row 19");
    }
}

#[test]
fn a_model_is_not_compared_with_itself() {
    let ran = world(&format!("{HERE}  baseline: ./p.csv\n"), "- improvement").check(&[]).exits(3);
    ran.saying("the baseline is the candidate's own file");
}

#[test]
fn a_column_has_one_role() {
    let checks = "- metric: { name: accuracy, min: 0 }";
    let ran =
        world("  predictions: { path: p.csv, prediction: label, score: key, key: key }\n", checks).check(&[]).exits(2);
    ran.saying("label and prediction are one column, `label`").saying("score and key are one column, `key`");
}

#[test]
fn weights_that_do_not_add_up_are_an_error() {
    for weight in ["1e308", "1e-300"] {
        let csv = "label,prediction,w\n".to_owned() + &format!("1,1,{weight}\n0,0,{weight}\n0,1,{weight}\n").repeat(20);
        let checks = "- metric: { name: mcc, max: 0.1 }\n- fairness: { columns: [label], min: 0 }";
        let ran = world("  predictions: { path: p.csv, weight: w }\n", checks).write("p.csv", csv).check(&[]);
        assert_ne!(ran.verdicts()[0]["status"], "pass", "{weight}: {ran:#?}");
    }
}

#[test]
fn a_percent_is_no_share() {
    let world = world("  metrics: m.json\n", "- metric: { name: accuracy, min: 0.92 }");
    world.write("m.json", r#"{"accuracy": 93.1}"#).check(&[]).exits(3).saying("a percent?");
}

#[test]
fn predictions_that_are_empty_block_the_gate_that_looks_at_them() {
    let world = world(HERE, "- metric: { name: r2, min: 0 }\n- fairness: { columns: [nope] }");
    let ran = world.write("p.csv", "label,prediction\n").check(&[]).exits(1);
    assert_eq!(ran.statuses(), "skipped skipped fail");
    let data = "data:\n  checks:\n    - missing_values: { max_percent: 0 }\n      on: predictions\n";
    world.write("mlgate.yml", format!("{data}{}", world.read("mlgate.yml")));
    let ran = world.check(&["--gate=data"]).exits(1);
    let gates: Vec<String> = ran.report["gates"]
        .as_array()
        .unwrap()
        .iter()
        .map(|gate| format!("{} {}", gate["gate"], gate["result"]))
        .collect();
    assert_eq!(gates, [r#""data" "blocked""#]);
}

#[test]
fn a_tolerated_regression_is_a_negative_input() {
    let world = world(&format!("{HERE}  baseline: b.json\n"), "- beats_dummy");
    world.write("b.json", r#"{"accuracy": 0.95}"#);
    world.check(&["--min-improvement", "-0.1"]).exits(0);
    world.check(&["--min-improvement=-0.01"]).exits(1);
}

#[test]
fn a_later_file_replaces_what_it_spells_another_way() {
    let first = "- improvement: { min: 1 }\n- fairness: { columns: [region], min: 1 }\n- metric: { name: accuracy, min: 1, by: region }";
    let world = world(&format!("{HERE}  baseline: base.csv\n"), first);
    world.write("base.csv", predictions(10));
    world.write("later.yml", "model: { checks: [ improvement: { metric: accuracy, min: 0 }, fairness: { metric: demographic_parity_ratio, columns: [region], min: 0 }, metric: { name: accuracy, min: 0, by: [region] } ] }");
    let ran = world.check(&["--config=mlgate.yml\nlater.yml"]).exits(0);
    assert_eq!(ran.statuses(), "pass pass pass");
}

#[test]
fn a_pointer_inside_a_models_folder_is_no_model() {
    let world = world("  artifact: model\n", "- model_size: { max_mb: 1 }");
    world
        .write("model/a.bin", "12345")
        .write("model/b.bin", "version https://git-lfs.github.com/spec/v1\noid sha256:0\n");
    world.check(&[]).exits(3).saying("Git LFS pointer");
}

#[test]
fn a_group_that_is_left_out_is_named_where_it_passes() {
    let csv = "label,prediction,sex\n".to_owned() + &"1,1,f\n0,0,f\n1,1,m\n0,0,m\n".repeat(40) + &"1,0,x\n".repeat(9);
    let ran = world(HERE, "- fairness: { columns: [sex] }").write("p.csv", csv).check(&[]).exits(0);
    for text in [&ran.stdout, &ran.markdown] {
        assert!(text.contains("left out with fewer than 30 rows") && text.contains("sex=x"), "{text}");
    }
}
