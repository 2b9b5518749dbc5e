//! What scikit-learn and Fairlearn computed of tests/data/model, mlgate computes too: tests/oracle/model.json.

use std::fs;

use serde_json::{Value, json};

use crate::world::{World, root};

#[test]
fn every_metric_is_that_of_scikit_learn_and_fairlearn() {
    let oracle: Value =
        serde_json::from_str(&fs::read_to_string(root().join("tests/oracle/model.json")).unwrap()).unwrap();
    let cases = oracle["cases"].as_array().unwrap();
    let wrong: Vec<String> = cases.iter().flat_map(check).collect();
    assert!(wrong.is_empty(), "{} differences:\n{}", wrong.len(), wrong.join("\n"));
    let entries: usize = cases.iter().map(|case| case["entries"].as_array().unwrap().len()).sum();
    assert!(entries > 600, "only {entries} entries");
}

fn check(case: &Value) -> Vec<String> {
    let world = World::new();
    let mut predictions = case["predictions"].clone();
    predictions["path"] = json!(root().join(predictions["path"].as_str().unwrap()));
    let entries = case["entries"].as_array().unwrap();
    let checks: Vec<&Value> = entries.iter().map(|entry| &entry["entry"]).collect();
    world.write("gate.json", json!({ "model": { "predictions": predictions, "checks": checks } }).to_string());
    let ran = world.check(&["--config", "gate.json"]);
    let (name, verdicts) = (&case["name"], ran.verdicts());
    if verdicts.len() != entries.len() {
        return vec![format!("{name}: {} entries, {} verdicts: {}", entries.len(), verdicts.len(), ran.stderr)];
    }
    let mut wrong = Vec::new();
    for (entry, verdict) in entries.iter().zip(verdicts) {
        let about = format!("{name}: {}", entry["entry"]);
        if verdict["status"] != "pass" {
            wrong.push(format!("{about}: {} ({})", verdict["status"], verdict["message"]));
            continue;
        }
        if !near(&entry["observed"], &verdict["observed"]) {
            wrong.push(format!("{about}: {}, not {}", entry["observed"], verdict["observed"]));
        }
        let Some(wanted) = entry["slices"].as_object() else { continue };
        let slices = verdict["values"]["slices"].as_array().unwrap();
        if slices.len() != wanted.len() {
            wrong.push(format!("{about}: {} slices, not {}", wanted.len(), slices.len()));
        }
        for slice in slices {
            let slice_name = slice["slice"].as_str().unwrap();
            if !wanted.get(slice_name).is_some_and(|wanted| near(wanted, &slice["value"])) {
                wrong.push(format!("{about}: {slice_name} is {}, not {:?}", slice["value"], wanted.get(slice_name)));
            }
        }
    }
    wrong
}

/// To 1e-9 of the larger, and of 1.
fn near(wanted: &Value, found: &Value) -> bool {
    let (Some(a), Some(b)) = (wanted.as_f64(), found.as_f64()) else { return false };
    (a - b).abs() <= 1e-9 * a.abs().max(b.abs()).max(1.0)
}
