//! Against SciPy: tests/oracle/drift.json.

use serde_json::Value;

use super::*;
use crate::stats::distribution::{Numbers, Values};
use crate::stats::inference::robust;

fn cases(name: &str) -> Vec<Value> {
    let all: Value =
        serde_json::from_str(include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/oracle/drift.json"))).unwrap();
    let cases = all[name].as_array().unwrap().clone();
    assert!(!cases.is_empty(), "no cases of {name}");
    cases
}

/// Numbers, and how many are null.
fn numbers(list: &Value) -> Distribution {
    let list = list.as_array().unwrap();
    let number = |value: &Value| match value.as_str() {
        Some("inf") => Some(f64::INFINITY),
        Some("-inf") => Some(f64::NEG_INFINITY),
        _ => value.as_f64(),
    };
    let mut values: Vec<f64> = list.iter().filter_map(number).collect();
    values.sort_unstable_by(f64::total_cmp);
    let missing = (list.len() - values.len()) as u64;
    Distribution { missing, shape: Shape::Numbers(Numbers { values: Values::Each(values), measure: Measure::Number }) }
}

fn categories(list: &Value) -> Distribution {
    let list = list.as_array().unwrap();
    let mut counts: std::collections::BTreeMap<String, u64> = std::collections::BTreeMap::new();
    for name in list.iter().filter_map(Value::as_str) {
        *counts.entry(name.to_owned()).or_default() += 1;
    }
    let missing = list.iter().filter(|value| value.is_null()).count() as u64;
    let counts = counts.into_iter().collect();
    Distribution {
        missing,
        shape: Shape::Categories(Categories { counts, ..Categories::default() }.shortened(100_000)),
    }
}

/// Judged, however few rows there are.
fn shift(choice: Choice, [a, b]: &[Distribution; 2]) -> (Shift, Vec<String>) {
    let (rows, present) = ([a.rows(), b.rows()], [a.present(), b.present()]);
    let method = Method::Ks;
    let mut contrast = Contrast { method, rows, present, shift: None, missing: None, bins: vec![], notes: vec![] };
    let missing = [a.missing, b.missing];
    let shift = match (&a.shape, &b.shape) {
        (Shape::Numbers(a), Shape::Numbers(b)) => {
            let axis = (a.measure, &Axis::Values);
            contrast.numbers(choice, [&a.values, &b.values], axis, missing, true)
        }
        (Shape::Categories(a), Shape::Categories(b)) => contrast.categories(choice, [a, b], missing, true),
        _ => None,
    };
    (shift.unwrap(), contrast.notes)
}

#[track_caller]
fn near(found: f64, wanted: &Value, what: &str) {
    if let Some(wanted) = wanted.as_f64() {
        assert!((found - wanted).abs() <= 1e-9 * wanted.abs().max(1.0), "{what}: {found}, {wanted} wanted");
    }
}

#[test]
fn numbers_drift_as_scipy_says() {
    for case in cases("numbers") {
        let both = [numbers(&case["reference"]), numbers(&case["current"])];
        let name = |what: &str| format!("{} of {}", what, case["name"]);
        let ks = case["ks"].is_number();
        // Where a tenth or more is the smallest value, or all deciles are one, what fell below that would not have
        // moved: see `bins`.
        let edges = case["psi_edges"].as_array().unwrap();
        let least = |column: &Distribution| match &column.shape {
            Shape::Numbers(numbers) => numbers.values.ends().map(|(least, _)| least),
            Shape::Categories(_) => None,
        };
        let edge = edges.first().and_then(|edge| edge.as_str().map_or(edge.as_f64(), |text| text.parse().ok()));
        let has_own_bin = |edge: f64| edges.len() == 1 || least(&both[0]) == Some(edge);
        if edge.is_some_and(|edge| has_own_bin(edge) && both.iter().any(|side| least(side).is_some_and(|x| x < edge))) {
            let effects = [Choice::Psi, Choice::JensenShannon].map(|method| shift(method, &both).0.effect);
            assert!(effects[0] >= case["psi"].as_f64().unwrap(), "{}", name("psi"));
            assert!(effects[1] >= case["jensen_shannon"].as_f64().unwrap(), "{}", name("jensen_shannon"));
            continue;
        }
        for (method, key) in [(Choice::Psi, "psi"), (Choice::JensenShannon, "jensen_shannon")] {
            let (shift, _) = shift(method, &both);
            near(shift.effect, &case[key], &name(key));
            near(shift.p, &case["ks_p"], &name("ks_p"));
        }
        let (table, _) = shift(Choice::ChiSquared, &both);
        near(table.effect, &case["chi_squared"], &name("chi_squared"));
        near(table.p, &case["chi_squared_p"], &name("chi_squared_p"));
        near(table.tested, &case["pooled_p"], &name("pooled_p"));
        // Of one bin nothing is approximate: there is nothing to test.
        if table.p < 1.0 {
            assert_eq!(Some(table.is_approximate), case["approximate"].as_bool(), "{}", name("approximate"));
        }
        if ks {
            near(shift(Choice::Ks, &both).0.effect, &case["ks"], &name("ks"));
            let (wasserstein, notes) = shift(Choice::Wasserstein, &both);
            // Of denormal numbers neither distance nor deviation has as many digits.
            if case["name"] != "denormal" && case["name"] != "the smallest number" {
                near(wasserstein.effect, &case["wasserstein"], &name("wasserstein"));
                assert_eq!(!notes.is_empty(), case["instead"] == true, "{}", name("instead"));
            }
        }
    }
}

#[test]
fn categories_drift_as_scipy_says() {
    for case in cases("categories") {
        let both = [categories(&case["reference"]), categories(&case["current"])];
        for (method, key) in
            [(Choice::Psi, "psi"), (Choice::JensenShannon, "jensen_shannon"), (Choice::ChiSquared, "chi_squared")]
        {
            let (shift, _) = shift(method, &both);
            let name = format!("{key} of {}", case["name"]);
            near(shift.effect, &case[key], &name);
            near(shift.p, &case["chi_squared_p"], &name);
            near(shift.tested, &case["pooled_p"], &name);
        }
    }
}

#[test]
fn missing_shares_differ_as_scipy_says() {
    for case in cases("missing_shift") {
        let pair = |key: &str| [0, 1].map(|side| case[key][side].as_u64().unwrap());
        near(distance::shares_p(pair("missing"), pair("rows")), &case["p"], &case.to_string());
    }
}

#[test]
fn tails_are_scipys() {
    for case in cases("kolmogorov") {
        near(distance::kolmogorov(case["x"].as_f64().unwrap()), &case["p"], &case.to_string());
    }
    for case in cases("chi_squared_tail") {
        let freedom = case["df"].as_u64().unwrap() as usize;
        near(distance::chi_squared_p(case["x"].as_f64().unwrap(), freedom), &case["p"], &case.to_string());
    }
}

#[test]
fn deviations_are_robust() {
    for case in cases("anomaly") {
        let history: Vec<f64> = case["history"].as_array().unwrap().iter().filter_map(Value::as_f64).collect();
        let (_, found) = robust::deviations(&history, case["value"].as_f64().unwrap());
        match case["deviations"].as_str() {
            Some("inf") => assert_eq!(found, f64::INFINITY, "{case}"),
            _ => near(found, &case["deviations"], &case.to_string()),
        }
    }
}

#[test]
fn a_summary_never_decides_otherwise_than_the_values() {
    let mut draw = crate::stats::inference::simulated::Draw::new(13);
    let column = |values: &[f64], most: Option<usize>| {
        let values = match most {
            Some(most) => Values::Summed(Summary::of_sorted(values).pruned(most)),
            None => Values::Each(values.to_vec()),
        };
        Distribution { missing: 0, shape: Shape::Numbers(Numbers { values, measure: Measure::Number }) }
    };
    let mut sample = |moved: f64, wide: f64| {
        let mut values: Vec<f64> = (0..5000).map(|_| moved + wide * draw.normal()).collect();
        values.sort_unstable_by(f64::total_cmp);
        values
    };
    let mut decided = 0;
    for (moved, wide) in [(0.0, 1.0), (0.05, 1.0), (0.09, 1.0), (0.11, 1.0), (0.2, 1.0), (0.5, 1.0), (0.0, 1.3)] {
        let both = [sample(0.0, 1.0), sample(moved, wide)];
        let judge = |most: Option<usize>| {
            let [a, b] = [0, 1].map(|side| column(&both[side], most));
            let mut contrast = Contrast::of(Choice::Auto, &a, &b).unwrap();
            adjust(std::iter::once(&mut contrast));
            let range = contrast.shift.unwrap().range;
            assert_eq!(range.is_some(), most.is_some_and(|most| most < 5000), "{most:?}");
            (contrast.drifted(0.1, 0.05), contrast.is_open(0.1, 0.05))
        };
        let (exact, _) = judge(None);
        for most in [20, 50, 200, 1000] {
            let (drifted, is_open) = judge(Some(most));
            assert!(is_open || drifted == exact, "{moved} {wide} {most}: {drifted}, {exact}");
            decided += u32::from(!is_open);
        }
    }
    assert!(decided >= 14, "{decided}");
}
