//! What is equal and what is not: hashes that collide decide nothing, and files are known by their SHA-256.

use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::world::{World, data};

fn sha256(bytes: impl AsRef<[u8]>) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn a_cent_below_zero_is_not_zero() {
    let world = World::new();
    let checks = "[not_constant: { columns: [cents], max_percent_same: 50.1 }, unique: { columns: [wide, cents] }]";
    world.write("mlgate.yml", format!("data: {{ path: {}, checks: {checks} }}", data("precision.parquet")));
    let ran = world.check(&[]).exits(0);
    assert_eq!(ran.verdicts()[0]["values"]["cents"], 50.0, "{ran:#?}");
}

#[test]
fn the_most_common_value_is_counted_exactly_whatever_it_is() {
    let long = "a text of more than twelve bytes";
    for (values, share) in [
        (vec![long; 4], 100.0),
        (vec![long, long, "", "short"], 50.0),
        (vec![long, long, long, "short"], 75.0),
        (vec!["", "", "", long], 75.0),
        (vec!["-1", "-1", "0", "1"], 50.0),
        (vec!["170141183460469231731687303715884105727", "1", "2", "3"], 25.0),
        (vec!["0.5", "-0.0", "0.0", "nan"], 50.0),
        (vec!["true", "true", "false", ""], 50.0),
    ] {
        let csv: String = values.iter().map(|value| format!("{value},x\n")).collect();
        let world = World::with_checks(&format!("y,z\n{csv}"), "- not_constant: { columns: [y] }");
        let ran = world.check(&[]);
        assert_eq!(ran.verdicts()[0]["values"]["y"], share, "{values:?}: {ran:#?}");
    }
}

#[test]
fn every_run_says_the_same() {
    let rows: String = (0..400)
        .map(|row| {
            format!("{},{},the quick brown fox number {} jumps over dog {}\n", row % 90, row % 7, row % 80, row / 80)
        })
        .collect();
    let checks = "- duplicates: { columns: [y, a] }\n- near_duplicates: { columns: [text], min_similarity: 0.6 }\n- not_constant\n- target_leakage";
    let world = World::with_checks(&format!("y,a,text\n{rows}"), checks);
    let said = || {
        let ran = world.check(&[]);
        ran.verdicts().iter().map(|verdict| verdict["values"].clone()).collect::<Vec<Value>>()
    };
    let first = said();
    assert!(first[1]["rows"].as_u64().unwrap() > 0, "{first:?}");
    for _ in 0..3 {
        assert_eq!(said(), first);
    }
}

#[test]
fn files_are_known_by_their_sha256() {
    let world = World::new();
    let (one, two) = ("a,y\n1,2\n", "a,y\n3,4\n");
    world.write("test.csv", one).write("parts/year=1/b.csv", one).write("parts/year=2/a.csv", two);
    world.write("mlgate.yml", "data: { path: parts, test: test.csv, checks: [row_count: { min: 1 }] }");
    let ran = world.check(&["--fingerprint"]).exits(0);
    let lines = format!("{}  year=1/b.csv\n{}  year=2/a.csv\n", sha256(one), sha256(two));
    assert_eq!(ran.report["tables"]["training"]["sha256"], sha256(lines));
    assert_eq!(ran.report["tables"]["test"]["sha256"], sha256(one));
    // Only where it was asked for.
    let ran = world.check(&[]).exits(0);
    assert_eq!(ran.report["tables"]["training"]["sha256"], Value::Null);
}
