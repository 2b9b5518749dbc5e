//! The study that `auto` follows: how often each method finds which shift of which law, and how often it finds one
//! where there is none. `tests/oracle/power.json` is the long count.

use serde_json::{Map, Value, json};

use super::*;
use crate::stats::distribution::Numbers;
use crate::stats::inference::simulated::Draw;

const ALPHA: f64 = 0.05;
const LAWS: [&str; 5] = ["normal", "lognormal", "cauchy", "zero_inflated", "discrete"];
/// What counts as a shift that matters, in deviations as the quartiles of the law have them: all values half a
/// deviation higher (of `zero_inflated` those above 0, by one); twice as far from the median (three times); the outer
/// 5 % on either side ten times as far; 20 % of the rows three deviations above the median; 10 % of the rows -999.
const SHIFTS: [&str; 5] = ["location", "scale", "tail", "mixture", "new_value"];
/// All values 0.05 deviations higher, which matters to no model.
const NEGLIGIBLE: &str = "negligible";
/// Columns of a table: each law twice, one of them shifted.
const COLUMNS: usize = 2 * LAWS.len();

/// Median and deviation.
fn middle(law: &str) -> (f64, f64) {
    match law {
        "lognormal" => (1.0, 1.071),
        "cauchy" => (0.0, 1.483),
        "zero_inflated" => (0.0, 1.0),
        "discrete" => (3.0, 1.732),
        _ => (0.0, 1.0),
    }
}

fn values(draw: &mut Draw, law: &str, rows: usize) -> Vec<f64> {
    let value = |draw: &mut Draw| match law {
        "lognormal" => draw.normal().exp(),
        "cauchy" => (std::f64::consts::PI * (draw.uniform() - 0.5)).tan(),
        "zero_inflated" if draw.uniform() < 0.5 => 0.0,
        "zero_inflated" => draw.normal().exp(),
        "discrete" => {
            // Poisson's law, by Knuth.
            let (mut product, mut count) = (draw.uniform(), 0.0);
            while product > (-3.0_f64).exp() {
                product *= draw.uniform();
                count += 1.0;
            }
            count
        }
        _ => draw.normal(),
    };
    (0..rows).map(|_| value(draw)).collect()
}

fn shifted(draw: &mut Draw, law: &str, shift: &str, mut values: Vec<f64>) -> Vec<f64> {
    let (median, deviation) = middle(law);
    let is_inflated = law == "zero_inflated";
    let twice = if is_inflated { 2.0 } else { 1.0 };
    let sorted = sorted(values.clone());
    let outer = [values.len() / 20, values.len() - 1 - values.len() / 20].map(|at| sorted[at]);
    for value in &mut values {
        let is_moved = !is_inflated || *value != 0.0;
        *value = match shift {
            "location" if is_moved => *value + twice * 0.5 * deviation,
            NEGLIGIBLE if is_moved => *value + 0.05 * deviation,
            "scale" if is_moved => median + (1.0 + twice) * (*value - median),
            "tail" if *value <= outer[0] || *value >= outer[1] => median + 10.0 * (*value - median),
            "mixture" if draw.uniform() < 0.2 => median + (3.0 + 0.5 * draw.normal()) * deviation,
            "new_value" if draw.uniform() < 0.1 => -999.0,
            _ => *value,
        };
        if law == "discrete" && shift != NEGLIGIBLE {
            *value = value.round();
        }
    }
    values
}

fn sorted(mut values: Vec<f64>) -> Vec<f64> {
    values.sort_unstable_by(f64::total_cmp);
    values
}

fn column(values: Vec<f64>) -> Distribution {
    let values = Values::Each(sorted(values));
    Distribution { missing: 0, shape: Shape::Numbers(Numbers { values, measure: Measure::Number }) }
}

/// A reference of the law, and a current table of it after the shift; `outlier` is one row of the reference.
fn compared(draw: &mut Draw, choice: Choice, law: &str, shift: &str, rows: usize, outlier: Option<f64>) -> Contrast {
    let mut reference = values(draw, law, rows);
    let current = values(draw, law, rows);
    let current = shifted(draw, law, shift, current);
    reference.splice(0..usize::from(outlier.is_some()), outlier);
    Contrast::of(choice, &column(reference), &column(current)).unwrap()
}

fn drifted(contrast: &Contrast) -> bool {
    contrast.drifted(contrast.method.threshold(), ALPHA)
}

/// What one method makes of tables of so many rows.
struct Counted {
    false_alarms: f64,
    /// By law and shift; the same with one row of 1e12 in the reference.
    found: [Vec<((&'static str, &'static str), f64)>; 2],
}

fn count(choice: Choice, rows: usize, runs: usize) -> Counted {
    let mut draw = Draw::new(rows as u64);
    let pairs: Vec<(&str, &str)> = LAWS.iter().flat_map(|law| SHIFTS.map(|shift| (*law, shift))).collect();
    let mut false_alarms = 0;
    let mut hits = [vec![0; pairs.len()], vec![0; pairs.len()]];
    for _ in 0..runs {
        let table: Vec<Contrast> =
            (0..COLUMNS).map(|at| compared(&mut draw, choice, LAWS[at % LAWS.len()], "none", rows, None)).collect();
        for (hits, outlier) in hits.iter_mut().zip([None, Some(1e12)]) {
            for (hit, (law, shift)) in hits.iter_mut().zip(&pairs) {
                let mut moved = table.clone();
                moved[0] = compared(&mut draw, choice, law, shift, rows, outlier);
                adjust(moved.iter_mut());
                *hit += usize::from(drifted(&moved[0]));
            }
        }
        let mut table = table;
        adjust(table.iter_mut());
        false_alarms += usize::from(table.iter().any(drifted));
    }
    let share = |hits: usize| hits as f64 / runs as f64;
    let found = hits.map(|hits| pairs.iter().copied().zip(hits.into_iter().map(share)).collect());
    Counted { false_alarms: share(false_alarms), found }
}

/// The share of runs in which a shift that matters to no model is found in so many rows.
fn negligible(choice: Choice, rows: usize, runs: usize) -> f64 {
    let mut draw = Draw::new(5);
    let found = (0..runs).filter(|run| {
        let law = LAWS[run % LAWS.len()];
        // A count of events has no twentieth: all of them would be new values.
        let law = if law == "discrete" { "normal" } else { law };
        drifted(&compared(&mut draw, choice, law, NEGLIGIBLE, rows, None))
    });
    found.count() as f64 / runs as f64
}

#[test]
fn auto_finds_each_shift_from_300_rows_on() {
    const RUNS: usize = 40;
    let counted = count(Choice::Auto, 300, RUNS);
    assert!(counted.false_alarms <= 0.1, "{}", counted.false_alarms);
    for (law, found) in counted.found.iter().flatten() {
        // Of 40 runs at 90 % fewer than 30 are one in 200.
        assert!(*found >= 0.75, "{law:?}: {found}");
    }
}

#[test]
fn auto_finds_no_shift_that_does_not_matter() {
    assert_eq!(negligible(Choice::Auto, 50_000, 5), 0.0);
}

#[test]
fn zeros_that_become_a_value_below_are_found_by_every_method() {
    let mut draw = Draw::new(9);
    let old: Vec<f64> = (0..300).map(|at| if at % 20 < 17 { 0.0 } else { draw.normal().exp() }).collect();
    let now: Vec<f64> = old.iter().map(|value| if *value == 0.0 { -999.0 } else { *value }).collect();
    for choice in METHODS.map(|(choice, _)| choice) {
        let mut contrast = Contrast::of(choice, &column(old.clone()), &column(now.clone())).unwrap();
        adjust(std::iter::once(&mut contrast));
        assert!(drifted(&contrast), "{choice:?}: {contrast:?}");
    }
}

#[test]
fn the_long_count_is_what_auto_is_chosen_by() {
    let counted: Value =
        serde_json::from_str(include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/oracle/power.json"))).unwrap();
    let counted = counted.as_array().unwrap();
    let auto = counted.iter().filter(|one| one["method"] == "auto");
    let rows: Vec<u64> = auto.clone().filter_map(|one| one["rows"].as_u64()).collect();
    assert_eq!(rows, [300, 1_000, 3_000, 100_000]);
    for one in auto {
        if one["rows"] == 100_000 {
            assert_eq!(one["negligible_found"], 0.0);
            continue;
        }
        assert!(one["runs"].as_u64().unwrap() >= 200 && one["false_alarms"].as_f64().unwrap() <= ALPHA, "{one}");
        for key in ["found", "found_beside_an_outlier"] {
            let of_laws = one[key].as_object().unwrap();
            assert_eq!(of_laws.len(), LAWS.len());
            for (law, of_shifts) in of_laws {
                let of_shifts = of_shifts.as_object().unwrap();
                assert_eq!(of_shifts.len(), SHIFTS.len());
                for (shift, found) in of_shifts {
                    assert!(found.as_f64().unwrap() >= 0.9, "{law} {shift}: {found}");
                }
            }
        }
    }
    // What `auto` replaced misses what it finds.
    let before = counted.iter().find(|one| one["method"] == "wasserstein").unwrap();
    assert!(before["found_beside_an_outlier"]["normal"]["location"].as_f64().unwrap() < 0.1, "{before}");
}

const METHODS: [(Choice, &str); 6] = [
    (Choice::Auto, "auto"),
    (Choice::Ks, "ks"),
    (Choice::JensenShannon, "jensen_shannon"),
    (Choice::Psi, "psi"),
    (Choice::ChiSquared, "chi_squared"),
    (Choice::Wasserstein, "wasserstein"),
];

#[test]
#[ignore = "minutes: prints tests/oracle/power.json, with --nocapture"]
fn count_power() {
    let mut lines = Vec::new();
    for (choice, name) in METHODS {
        for rows in if choice == Choice::Auto { &[300, 1_000, 3_000][..] } else { &[300] } {
            let runs = if choice == Choice::Auto && *rows < 3_000 { 400 } else { 200 };
            let counted = count(choice, *rows, runs);
            let [found, beside] = counted.found.map(|found| {
                let mut laws = Map::new();
                for ((law, shift), share) in found {
                    let shifts = laws.entry(law).or_insert_with(|| json!({}));
                    shifts[shift] = share.into();
                }
                laws
            });
            let line = json!({
                "method": name, "rows": rows, "runs": runs, "false_alarms": counted.false_alarms,
                "found": found, "found_beside_an_outlier": beside,
            });
            lines.push(line.to_string());
        }
    }
    for (choice, name) in METHODS {
        let found = negligible(choice, 100_000, 20);
        lines.push(json!({ "method": name, "rows": 100_000, "runs": 20, "negligible_found": found }).to_string());
    }
    println!("[\n{}\n]", lines.join(",\n"));
}
