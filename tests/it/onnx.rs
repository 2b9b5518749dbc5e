//! Models in ONNX, run by the binary: whole gates, what behaves badly, what is no model at all.

use std::fs;
use std::process::Command;
use std::sync::OnceLock;

use serde_json::{Value, json};

use crate::github::{Repository, uri};
use crate::world::{Ran, World, data, root};

/// Where ONNX Runtime's library is: `tests/servers/onnxruntime.sh` fetches it once.
pub fn library() -> String {
    static LIBRARY: OnceLock<String> = OnceLock::new();
    LIBRARY
        .get_or_init(|| {
            let script = root().join("tests/servers/onnxruntime.sh");
            let output = Command::new("bash").arg(script).output().unwrap();
            assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
            String::from_utf8(output.stdout).unwrap().trim().to_owned()
        })
        .clone()
}

/// A world where models run.
pub fn world() -> World {
    World::new().variable("ORT_DYLIB_PATH", library())
}

/// A gate of one model over a table of tests/data/onnx.
fn gate(world: &World, model: &str, table: &str, more: &str, checks: &str) -> Ran {
    let checks: String = checks.trim().lines().map(|line| format!("    {line}\n")).collect();
    world.write(
        "mlgate.yml",
        format!(
            "data: {{ test: {}, target: label }}\nmodel:\n  artifact: {}\n{more}  checks:\n{checks}",
            data(&format!("onnx/{table}")),
            data(&format!("onnx/{model}"))
        ),
    );
    world.check(&[])
}

#[test]
fn every_hostile_model_is_an_error_with_a_name_and_a_report() {
    let world = world();
    let folder = root().join("tests/data/onnx/hostile");
    let named = |model: &str, words: &str| {
        let limits = "  run: { timeout_seconds: 2, memory_mb: 1000 }\n";
        let ran =
            gate(&world, &format!("hostile/{model}"), "three.parquet", limits, "- metric: { name: accuracy, min: 0 }");
        let ran = ran.exits(3);
        assert_eq!(ran.statuses(), "error", "{model}: {ran:#?}");
        assert!(ran.says(words), "{model} does not say {words:?}: {ran:#?}");
        assert!(!ran.markdown.contains("<img"), "{model}: {ran:#?}");
        for bad in ["\n::error", "\n::set-output", "onnxruntime_src"] {
            assert!(
                ![&ran.stdout, &ran.stderr, &ran.markdown].iter().any(|text| text.contains(bad)),
                "{model}: {bad}: {ran:#?}"
            );
        }
    };
    let all = [
        ("empty.onnx", "it is empty"),
        ("truncated.onnx", "it is no ONNX model"),
        ("random.onnx", "it is no ONNX model"),
        ("page.onnx", "it is no ONNX model"),
        ("lfs_pointer.onnx", "Git LFS pointer"),
        ("no_graph.onnx", "it has no graph"),
        ("deep_400.onnx", "recursion limit"),
        ("unknown_operator.onnx", "Nonesuch"),
        ("new_opset.onnx", "opset"),
        ("fewer_rows.onnx", "rows for 200 rows"),
        ("more_rows.onnx", "has 400 rows for 200 rows"),
        ("one_row.onnx", "has 1 rows for 200 rows"),
        ("scalar.onnx", "has 1 rows for 200 rows"),
        ("nan.onnx", "`prediction`"),
        ("sums.onnx", "add up to 1.3"),
        ("negative.onnx", "holds no probabilities: one of row 1 is"),
        ("disagrees.onnx", "scores are not those of"),
        ("stranger.onnx", "scores are not those of"),
        ("texts.onnx", "says nothing that is a prediction"),
        ("two_scores.onnx", "several outputs that may be scores"),
        ("outputs_speak.onnx", "several outputs that may be scores"),
        ("inputs_speak.onnx", "has no such column"),
        ("load_speaks.onnx", "failed"),
        ("run_speaks.onnx", "failed"),
        ("constant.onnx", "takes no input"),
        ("no_outputs.onnx", "output"),
        ("picture.onnx", "tensors of 4 dimensions"),
        ("dictionary.onnx", "tables hold no such thing"),
        ("endless.onnx", "took over 2 s for 200 rows"),
        ("long_step.onnx", "took over 2 s"),
        ("long_load.onnx", "took over 2 s"),
        ("laughs.onnx", "took over 2 s to load"),
        ("memory_100gb.onnx", "`model.run.memory_mb` gives it more"),
        ("memory_6gb.onnx", "`model.run.memory_mb` gives it more"),
        ("absolute/model.onnx", "does not lie beside it"),
        ("outside/model.onnx", "does not lie beside it"),
        ("sibling/model.onnx", "does not lie beside it"),
        ("device/model.onnx", "does not lie beside it"),
        ("address/model.onnx", "does not lie beside it"),
        ("missing/model.onnx", "is not there"),
        ("tree_outside.onnx", "failed"),
        ("tree_itself.onnx", "failed"),
    ];
    for (model, words) in all {
        assert!(folder.join(model).is_file(), "no {model}");
        named(model, words);
    }
    // Dividing the smallest integer by -1 is a signal there, and a number elsewhere.
    if cfg!(target_arch = "x86_64") {
        named("crash.onnx", "was ended by signal 8 (arithmetic error)");
        named("crash_load.onnx", "was ended by signal 8 (arithmetic error)");
    }
}

#[test]
fn weights_beside_the_model_are_read_in_an_action_too() {
    let world = crate::action::runner(&[("config", "mlgate.yml")]).variable("ORT_DYLIB_PATH", library());
    let hostile = root().join("tests/data/onnx/hostile");
    for file in ["model.onnx", "weights.bin"] {
        world.copy(hostile.join("beside").join(file), &format!("workspace/{file}"));
    }
    world.copy(data("onnx/three.parquet"), "workspace/three.parquet");
    let config = "data: { test: three.parquet, target: label }\nmodel:\n  artifact: model.onnx\n  checks:\n    - invariance: { change: none }\n";
    world.write("workspace/mlgate.yml", config);
    crate::action::act(&world).exits(0);
    // A link leads the weights out of the workspace, which nothing may.
    fs::remove_file(world.path("workspace/weights.bin")).unwrap();
    world.copy(hostile.join("beside/weights.bin"), "secret.bin");
    std::os::unix::fs::symlink(world.path("secret.bin"), world.path("workspace/weights.bin")).unwrap();
    crate::action::act(&world).exits(2).saying("weights.bin");
}

#[test]
fn without_the_library_the_error_says_how_to_get_it() {
    let world = World::new().variable("ORT_DYLIB_PATH", "/nowhere/libonnxruntime.so");
    let ran = gate(&world, "lr3.onnx", "three.parquet", "", "- metric: { name: accuracy, min: 0 }").exits(3);
    ran.saying("ONNX Runtime could not be loaded").saying("pip download onnxruntime");
    // A library that is another one.
    let other = World::new().variable("ORT_DYLIB_PATH", "/proc/self/exe");
    gate(&other, "lr3.onnx", "three.parquet", "", "- metric: { name: accuracy, min: 0 }")
        .exits(3)
        .saying("ONNX Runtime could not be loaded");
    // Beside the binary it is found without a word.
    let beside = World::new();
    beside.copy(crate::world::BINARY, "bin/mlgate").copy(library(), "bin/libonnxruntime.so");
    gate(&beside, "lr3.onnx", "three.parquet", "", "- metric: { name: accuracy, min: 0 }");
    let binary = beside.path("bin/mlgate");
    let mut permissions = fs::metadata(&binary).unwrap().permissions();
    std::os::unix::fs::PermissionsExt::set_mode(&mut permissions, 0o755);
    fs::set_permissions(&binary, permissions).unwrap();
    let mut command = Command::new(&binary);
    let ran = beside.finish(command.arg("check").env_clear().current_dir(beside.path("")));
    assert_eq!(ran.exits(0).statuses(), "pass");
}

#[test]
fn an_onnx_file_and_a_labelled_table_are_a_whole_gate() {
    let world = world();
    let checks = "
- metric: { name: accuracy, min: 0.5 }
- metric: { name: roc_auc, min: 0.5, confidence: 0.95 }
- metric: { name: log_loss, max: 2 }
- beats_dummy
- prediction_range: { min: 0, max: 1 }
- latency: { p50_ms: 1000, rows: 50, warmup: 5, threads: 2 }
- memory: { max_mb: 500 }
- model_size: { max_mb: 1 }
- invariance: { change: none }";
    for (model, table) in [
        ("lr3.onnx", "three.parquet"),
        ("rf_nozip.onnx", "three.parquet"),
        ("lgbm_zip.onnx", "three_missing.parquet"),
        ("mixed_lr.onnx", "mixed.csv"),
        ("fixed_batch_16.onnx", "two.parquet"),
    ] {
        let positive = if table == "two.parquet" { "  predictions: { positive: 1 }\n" } else { "" };
        let checks = if model.starts_with("fixed") {
            checks.replace("- latency: { p50_ms: 1000, rows: 50, warmup: 5, threads: 2 }\n", "")
        } else {
            checks.to_owned()
        };
        let ran = gate(&world, model, table, positive, &checks).exits(0);
        assert_eq!(ran.report["model"]["sha256"].as_str().unwrap().len(), 64);
        assert!(ran.report["tables"]["predictions"]["path"].as_str().unwrap().contains(model), "{ran:#?}");
    }
    // A model of sixteen rows at a time answers no single one.
    gate(
        &world,
        "fixed_batch_16.onnx",
        "two.parquet",
        "  predictions: { positive: 1 }\n",
        "- latency: { p50_ms: 1000 }",
    )
    .exits(3);
}

/// What the baseline brings and what the model says of the test table lie in one folder, under their own names.
#[test]
fn an_arrow_baseline_and_a_model_that_predicts_do_not_meet() {
    let sha = "6dcb09b5b57875f334f61aebed695e2e4193db5e";
    let repository = Repository::new(json!({
        "refs": { "main": sha },
        "commits": { sha: { "parents": [] } },
        "files": { sha: { "base.arrow": "ARROW1 and no table" } },
    }));
    let world = world()
        .variable("GITHUB_API_URL", uri())
        .variable("GITHUB_REPOSITORY", &repository.name)
        .variable("GITHUB_TOKEN", &repository.token);
    let baseline = "  baseline: { git: { ref: main, path: base.arrow } }\n";
    let checks = "- metric: { name: accuracy, min: 0.5 }\n- improvement: { metric: accuracy }";
    let ran = gate(&world, "lr3.onnx", "three.parquet", baseline, checks).exits(3);
    assert_eq!(ran.statuses(), "pass error", "{ran:#?}");
    assert!(!ran.says("changed while it was read"), "{ran:#?}");
}

#[test]
fn labels_are_found_whatever_type_they_have() {
    let world = world();
    for (model, table) in
        [("lr2_bool.onnx", "two_bool.parquet"), ("lr2_odd.onnx", "two_odd.parquet"), ("lr2_text.onnx", "two_text.csv")]
    {
        let more = if table == "two_text.csv" { "  features: [f0, f1, f2, f3, f4, f5, f6, f7]\n" } else { "" };
        let ran = gate(
            &world,
            model,
            table,
            more,
            "- metric: { name: accuracy, min: 0.5 }\n- metric: { name: log_loss, max: 1 }",
        )
        .exits(0);
        assert_eq!(ran.statuses(), "pass pass", "{model}");
    }
}

#[test]
fn classes_and_outputs_can_be_named() {
    let world = world();
    let accuracy = "- metric: { name: accuracy, min: 0 }";
    gate(&world, "svc.onnx", "three.parquet", "", accuracy).exits(3).saying("holds no probabilities");
    gate(&world, "svc.onnx", "three.parquet", "  outputs: { prediction: label }\n", accuracy).exits(0);
    gate(&world, "svc.onnx", "three.parquet", "  outputs: { prediction: lable }\n", accuracy)
        .exits(3)
        .saying("no output `lable`");
    gate(&world, "torch_softmax.onnx", "three.parquet", "  classes: [0, 1, 2]\n", accuracy).exits(0);
    gate(&world, "torch_softmax.onnx", "three.parquet", "  classes: [0, 1]\n", accuracy).exits(3).saying("names 2");
    gate(&world, "torch_logits.onnx", "three.parquet", "", accuracy).exits(3).saying("are they logits");
}

#[test]
fn a_score_that_is_nan_is_no_prediction_though_a_class_comes_along() {
    // Logistic regression says the first class of rows whose score it does not know.
    let ran = gate(&world(), "lr2_nozip.onnx", "two_missing.csv", "", "- metric: { name: accuracy, min: 0 }").exits(3);
    ran.saying("is NaN").saying("does it take missing values?");
}

#[test]
fn a_model_that_answers_by_chance_is_found() {
    let ran = gate(&world(), "hostile/dice.onnx", "three.parquet", "", "- invariance: { change: none }").exits(1);
    assert!(ran.says("of 200 rows (100 %) get another prediction when the model is asked twice"), "{ran:#?}");
    let ran =
        gate(&world(), "hostile/across_rows.onnx", "three.parquet", "", "- invariance: { change: none }").exits(1);
    assert_eq!(ran.statuses(), "fail");
}

/// A table of f0 to f7 with what the forest says of it, recorded.
fn recorded(world: &World, change: impl Fn(usize, f64) -> f64) {
    let oracle: Value =
        serde_json::from_str(&fs::read_to_string(root().join("tests/oracle/onnx.json")).unwrap()).unwrap();
    let case = oracle["cases"].as_array().unwrap().iter().find(|case| case["model"] == "onnx/lgbm2_text.onnx").unwrap();
    let table = fs::read_to_string(data("onnx/two_text.csv")).unwrap();
    let mut lines = table.lines();
    let mut text = format!("{},prediction,score_bad,score_good\n", lines.next().unwrap());
    for (row, line) in lines.take(50).enumerate() {
        let (label, scores) = (&case["native"]["label"][row], &case["native"]["scores"][row]);
        let score = |class: usize| change(row, scores[class].as_f64().unwrap());
        text.push_str(&format!("{line},{},{},{}\n", label.as_str().unwrap(), score(0), score(1)));
    }
    world.write("recorded.csv", text);
}

const FEATURES: &str = "features: [f0, f1, f2, f3, f4, f5, f6, f7]";

#[test]
fn the_file_that_ships_says_what_was_recorded_or_blocks() {
    let world = world();
    let config = |model: &str| {
        let text = format!(
            "model:\n  artifact: {}\n  {FEATURES}\n  predictions: {{ path: recorded.csv, positive: good }}\n  checks: [roundtrip]\n",
            data(&format!("onnx/{model}"))
        );
        world.write("mlgate.yml", text);
        world.check(&[])
    };
    recorded(&world, |_, score| score);
    assert_eq!(config("lgbm2_text.onnx").exits(0).statuses(), "pass");
    let ran = config("rf2_text.onnx").exits(1);
    assert!(ran.says("are predicted otherwise than recorded"), "{ran:#?}");
    // One row, by a little.
    recorded(&world, |row, score| if row == 7 { score + 0.00001 } else { score });
    let ran = config("lgbm2_text.onnx").exits(1);
    assert!(
        ran.says("1 of 50 rows (2 %) are predicted otherwise than recorded: row 8; the largest difference is 0.00001"),
        "{ran:#?}"
    );
    recorded(&world, |row, score| if row == 7 { f64::NAN } else { score });
    config("lgbm2_text.onnx").exits(1);
}

#[test]
fn recorded_predictions_are_matched_by_key_or_not_at_all() {
    let world = world();
    let data_of = root().join("examples/credit-model/data");
    world.copy(data_of.join("fair.onnx"), "fair.onnx").copy(data_of.join("test.csv"), "test.csv");
    let book = fs::read_to_string(data_of.join("recorded.csv")).unwrap();
    let run = |key: &str, book: &str| {
        world.write("recorded.csv", book);
        let predictions = format!("{{ path: recorded.csv, positive: 1{key} }}");
        let text = format!(
            "data: {{ test: test.csv, target: risk }}\nmodel:\n  artifact: fair.onnx\n  predictions: {predictions}\n  checks: [roundtrip]\n"
        );
        world.write("mlgate.yml", text);
        world.check(&[])
    };
    assert_eq!(run(", key: key", &book).exits(0).statuses(), "pass");
    // In another order the key still finds them, and their order does not.
    let mut lines: Vec<&str> = book.lines().collect();
    lines[1..].reverse();
    let backwards = lines.join("\n");
    assert_eq!(run(", key: key", &backwards).exits(0).statuses(), "pass");
    run("", &backwards).exits(3).saying("nothing says which recorded prediction is of which row");
    assert_eq!(run("", &book).exits(0).statuses(), "pass");
    let short: String = book.lines().take(300).map(|line| format!("{line}\n")).collect();
    run(", key: key", &short).exits(3).saying("no prediction was recorded of row");
    let twice = format!("{book}{}\n", book.lines().last().unwrap());
    run(", key: key", &twice).exits(3).saying("stands in rows");
}

#[test]
fn values_of_broken_rows_are_shown_only_where_they_may_be() {
    let world = world();
    let data_of = root().join("examples/credit-model/data");
    world.copy(data_of.join("broken.onnx"), "broken.onnx").copy(data_of.join("test.csv"), "test.csv");
    world.write(
        "mlgate.yml",
        "data: { test: test.csv, target: risk }\nmodel:\n  artifact: broken.onnx\n  predictions: { positive: 1 }\n  checks:\n    \
         - invariance: { columns: [clerk] }\n    - invariance: { columns: [clerk], change: { set: 3 } }\n      name: clerk 3\n",
    );
    let ran = world.check(&[]).exits(1);
    let verdict = &ran.verdicts()[0];
    assert_eq!(verdict["values"]["columns"], json!(["clerk"]));
    assert!(verdict["values"]["first_rows"].as_array().unwrap().len() == 10, "{verdict:#}");
    assert!(!ran.says("clerk 8 →"), "{ran:#?}");
    let ran = world.check(&["--show-values"]).exits(1);
    assert!(ran.says("row 1: clerk 8 → "), "{ran:#?}");
    // Rows that had it already were not changed, and do not count as tested.
    let values = &ran.verdicts()[1]["values"];
    assert!(values["changed_rows"].as_u64().unwrap() < values["rows"].as_u64().unwrap());
}

#[test]
fn behaviour_that_cannot_be_tested_is_no_pass() {
    let world = world();
    let run = |checks: &str| gate(&world, "lr2_nozip.onnx", "two.parquet", "  predictions: { positive: 1 }\n", checks);
    run("- invariance: { columns: [nobody] }").exits(3).saying("no column `nobody`");
    run("- invariance: { columns: [f0], change: { add: 0 } }").exits(1).saying("so nothing was tested");
    run("- directional: { column: f0, change: { set: high }, expect: increase }")
        .exits(3)
        .saying("holds float, and `high` is none");
    run("- invariance: { columns: [] }").exits(2).saying("names no column to change");
    run("- expected: { cases: nobody.csv }").exits(3).saying("nobody.csv");
    world.write("cases.csv", "f0,f1,expected\n1,2,1\n");
    run("- expected: { cases: cases.csv }").exits(3).saying("has no column `f2`");
    world.write("cases.csv", "f0,f1,f2,f3,f4,f5,f6,f7\n1,2,3,4,5,6,7,8\n");
    run("- expected: { cases: cases.csv }").exits(3).saying("does not say what is expected");
    world.write("cases.csv", "f0,f1,f2,f3,f4,f5,f6,f7,expected\n");
    run("- expected: { cases: cases.csv }").exits(3);
    let many = "- directional: { column: f0, change: { add: 1 }, expect: increase }";
    gate(&world, "lr3.onnx", "three.parquet", "", many).exits(3).saying("several classes");
}

#[test]
fn a_model_of_another_kind_is_not_run() {
    let world = world();
    world.write("model.joblib", "pickle").copy(data("onnx/two.parquet"), "two.parquet");
    let text = "data: { test: two.parquet, target: label }\nmodel:\n  artifact: model.joblib\n  checks:\n    - invariance: { columns: [f0] }\n";
    world.write("mlgate.yml", text);
    world.check(&[]).exits(2).saying("there is no model that can be run");
}

/// The first 50 rows of a table with text labels, as columns and rows.
fn two_text() -> (Vec<String>, Vec<String>) {
    let text = fs::read_to_string(data("onnx/two_text.csv")).unwrap();
    let mut lines = text.lines().map(ToOwned::to_owned);
    let head = lines.next().unwrap().split(',').map(ToOwned::to_owned).collect();
    (head, lines.take(50).collect())
}

#[test]
fn the_target_is_the_label_whatever_else_is_called_so() {
    let world = world();
    let (head, rows) = two_text();
    let at = head.iter().position(|name| name == "label").unwrap();
    let head = head.join(",").replace("label", "risk");
    // A column of that name that says what the model says would make it perfect.
    let rows: String = rows.iter().map(|row| format!("{row},{}\n", row.split(',').nth(at).unwrap())).collect();
    world.write("honest.csv", format!("{head},copy\n{rows}"));
    let observed = |table: &str| {
        let text = format!(
            "data: {{ test: {table}, target: risk }}\nmodel:\n  artifact: {}\n  {FEATURES}\n  checks: [{{ metric: {{ name: accuracy, min: 0 }} }}]\n",
            data("onnx/lgbm2_text.onnx")
        );
        world.write("mlgate.yml", text);
        world.check(&[]).exits(0).verdicts()[0]["observed"].clone()
    };
    let honest = observed("honest.csv");
    world.write("liar.csv", world.read("honest.csv").replacen("copy", "label", 1).replace(",good\n", ",bad\n"));
    assert_eq!(observed("liar.csv"), honest);
}

#[test]
fn no_model_is_told_what_it_is_to_predict() {
    let world = world();
    let text = format!(
        "data: {{ test: {}, target: f0 }}\nmodel:\n  artifact: {}\n  checks: [{{ metric: {{ name: rmse, max: 9999 }} }}]\n",
        data("onnx/three.parquet"),
        data("onnx/frame_lr3.onnx")
    );
    world.write("mlgate.yml", text);
    world.check(&[]).exits(3).saying("the model is given `f0`, which is what it is to predict");
}

#[test]
fn recorded_classes_that_no_threshold_explains_are_another_models() {
    let world = world();
    let config = format!(
        "model:\n  artifact: {}\n  {FEATURES}\n  predictions: {{ path: recorded.csv, positive: good }}\n  checks: [roundtrip]\n",
        data("onnx/lgbm2_text.onnx")
    );
    world.write("mlgate.yml", config);
    recorded(&world, |_, score| score);
    // The label as if it had been predicted, beside the model's true scores.
    let text = world.read("recorded.csv");
    let (head, rows) = text.split_once('\n').unwrap();
    let names: Vec<&str> = head.split(',').collect();
    let place = |name: &str| names.iter().position(|own| *own == name).unwrap();
    let edit = |of: &dyn Fn(&[&str]) -> String| -> String {
        let row = |row: &str| {
            let mut cells: Vec<&str> = row.split(',').collect();
            let prediction = of(&cells);
            cells[place("prediction")] = &prediction;
            format!("{}\n", cells.join(","))
        };
        format!("{head}\n{}", rows.lines().map(row).collect::<String>())
    };
    let turned = edit(&|cells| if cells[place("prediction")] == "good" { "bad".into() } else { "good".into() });
    world.write("recorded.csv", turned);
    world.check(&[]).exits(1).saying("are predicted otherwise than recorded");
    let strict = edit(&|cells| {
        if cells[place("score_good")].parse::<f64>().unwrap() > 0.9 { "good".into() } else { "bad".into() }
    });
    world.write("recorded.csv", strict);
    world.check(&[]).exits(0).saying("another threshold");
    let flipped =
        edit(&|cells| if cells[place("id")].bytes().last().unwrap() % 2 == 0 { "good".into() } else { "bad".into() });
    world.write("recorded.csv", flipped);
    world.check(&[]).exits(1).saying("are predicted otherwise than recorded");
}

#[test]
fn a_row_that_stands_twice_hides_no_other() {
    let world = world();
    let folder = root().join("examples/credit-model/data");
    world.copy(folder.join("fair.onnx"), "fair.onnx").copy(folder.join("recorded.csv"), "recorded.csv");
    let test = fs::read_to_string(folder.join("test.csv")).unwrap();
    let mut lines: Vec<&str> = test.lines().collect();
    let last = lines.len() - 1;
    lines[last] = lines[1];
    world.write("test.csv", lines.join("\n"));
    let text = "data: { test: test.csv, target: risk }\nmodel:\n  artifact: fair.onnx\n  predictions: { path: recorded.csv, positive: 1, key: key }\n  checks: [roundtrip]\n";
    world.write("mlgate.yml", text);
    world.check(&[]).exits(3).saying("an earlier row has the key of row 400");
}

#[test]
fn cases_outside_the_workspace_end_an_action_with_2() {
    let world = crate::action::runner(&[("config", "mlgate.yml")]).variable("ORT_DYLIB_PATH", library());
    world.copy(data("onnx/three.parquet"), "workspace/three.parquet").copy(data("onnx/lr3.onnx"), "workspace/lr3.onnx");
    world.write("outside.csv", "f0,expected\n1,1\n");
    let config = "data: { test: three.parquet, target: label }\nmodel:\n  artifact: lr3.onnx\n  checks:\n    - expected: { cases: ../outside.csv }\n";
    world.write("workspace/mlgate.yml", config);
    crate::action::act(&world).exits(2).saying("outside.csv");
}

#[test]
fn a_target_that_the_test_table_lacks_is_said_by_its_name() {
    let world = world();
    let text = format!(
        "data: {{ test: {}, target: lable }}\nmodel: {{ artifact: {}, checks: [{{ metric: {{ name: accuracy, min: 0 }} }}] }}\n",
        data("onnx/three.parquet"),
        data("onnx/lr3.onnx")
    );
    world.write("mlgate.yml", text);
    world
        .check(&[])
        .exits(3)
        .saying("the test table has no column `lable`, the target")
        .saying("did you mean `label`?");
}

#[test]
fn a_feature_called_as_the_labels_are_is_not_written_over() {
    let world = world();
    let text = |more: &str| {
        format!(
            "data: {{ test: {}, target: label }}\nmodel:\n  artifact: {}\n{more}  checks: [{{ metric: {{ name: accuracy, min: 0 }} }}, {{ invariance: {{ columns: [f1], change: none }} }}]\n",
            data("onnx/three.parquet"),
            data("onnx/frame_lr3.onnx")
        )
    };
    world.write("mlgate.yml", text("  predictions: { label: f0 }\n"));
    world.check(&[]).exits(3).saying("which is what it is to predict");
    // The other model takes one tensor, so that any column may be called `label`.
    let (head, rows) = two_text();
    let head = head.join(",").replace("label", "risk").replace("f0", "label");
    world.write("test.csv", format!("{head}\n{}\n", rows.join("\n")));
    let named = "label, f1, f2, f3, f4, f5, f6, f7";
    let text = |more: &str| {
        format!(
            "data: {{ test: test.csv, target: risk }}\nmodel:\n  artifact: {}\n  features: [{named}]\n{more}  checks: [{{ metric: {{ name: accuracy, min: 0 }} }}, {{ invariance: {{ columns: [label], change: none }} }}]\n",
            data("onnx/lgbm2_text.onnx")
        )
    };
    world.write("mlgate.yml", text(""));
    world
        .check(&[])
        .exits(3)
        .saying("the model takes `label`, as the labels of predictions are called")
        .saying("label: risk");
    world.write("mlgate.yml", text("  predictions: { label: risk }\n"));
    world.check(&[]).exits(0);
    world.write(
        "mlgate.yml",
        text("  predictions: { label: risk }\n").replace(&format!("[{named}]"), &format!("[{named}, risk]")),
    );
    world.check(&[]).exits(3).saying("`model.features` names `risk`");
}

#[test]
fn codes_that_a_file_of_text_does_not_keep_are_not_fed() {
    let world = world();
    let folder = root().join("examples/credit-model/data");
    world.copy(folder.join("fair.onnx"), "fair.onnx");
    let test = fs::read_to_string(folder.join("test.csv")).unwrap();
    let (head, rows) = test.split_once('\n').unwrap();
    let purpose = head.split(',').position(|name| name == "purpose").unwrap();
    let with = |code: &str| -> String {
        let row = |row: &str| {
            let mut cells: Vec<&str> = row.split(',').collect();
            cells[purpose] = code;
            format!("{}\n", cells.join(","))
        };
        format!("{head}\n{}", rows.lines().map(row).collect::<String>())
    };
    let gate = |code: &str, features: &str| {
        world.write("test.csv", with(code));
        let model = format!("artifact: fair.onnx, {features} checks: [{{ metric: {{ name: accuracy, min: 0 }} }}]");
        world.write("mlgate.yml", format!("data: {{ test: test.csv, target: risk }}\nmodel: {{ {model} }}\n"));
        world.check(&[])
    };
    let named = "features: { purpose: [purpose] },";
    gate("10", "")
        .exits(3)
        .saying("takes text, but `purpose` holds integers")
        .saying("features: { purpose: [purpose] }");
    gate("10", named).exits(0);
    gate("car", "").exits(0);
    for features in ["", named] {
        gate("010", features)
            .exits(3)
            .saying("the model takes `purpose` as text, but the file's `01` is read as the number 1");
    }
}

#[test]
fn labels_of_another_spelling_are_said() {
    let world = world();
    let (head, rows) = two_text();
    let rows = rows.join("\n").replace("good", "GOOD").replace("bad", "BAD");
    world.write("test.csv", format!("{}\n{rows}\n", head.join(",")));
    let text = format!(
        "data: {{ test: test.csv, target: label }}\nmodel:\n  artifact: {}\n  {FEATURES}\n  checks: [{{ metric: {{ name: accuracy, min: 0 }} }}]\n",
        data("onnx/lgbm2_text.onnx")
    );
    world.write("mlgate.yml", text);
    world.check(&[]).exits(3).saying("no label in `label` is a class of the model, which has `bad`, `good`");
}
