//! `mlgate suggest` prints a config that its own table passes.

use std::fs;

use serde_json::Value;

use crate::world::{World, data, root};

/// Suggests, then checks: nothing may fail, and nothing may be left for a person to repair.
fn check(path: &str, target: Option<&str>) -> Result<String, String> {
    let world = World::new();
    let mut arguments = vec!["suggest", path];
    arguments.extend(target.into_iter().flat_map(|target| ["--target-column", target]));
    let made = world.run(&arguments);
    if made.exit != 0 {
        return Err(format!("suggest exits {}: {}", made.exit, made.stderr));
    }
    let ran = world.write("mlgate.yml", &made.stdout).check(&[]);
    let passes = ran.exit == 0 && ran.result() == "passed" && ran.verdicts().iter().all(|one| one["status"] == "pass");
    if passes {
        Ok(made.stdout)
    } else {
        Err(format!("exit {}: {}{}\n{}", ran.exit, ran.stdout, ran.stderr, made.stdout))
    }
}

#[test]
fn every_table_passes_what_is_suggested_for_it() {
    let oracle = fs::read_to_string(root().join("tests/oracle/expected.json")).unwrap();
    let oracle: Value = serde_json::from_str(&oracle).unwrap();
    let mut wrong = Vec::new();
    for (name, table) in oracle["tables"].as_object().unwrap() {
        // Without its settings such a table cannot be read.
        if table["csv"].get("delimiter").is_some_and(|delimiter| delimiter != "\t") || table["rows"] == 0 {
            continue;
        }
        if let Err(what) = check(&data(table["file"].as_str().unwrap_or(name)), None) {
            wrong.push(format!("{name}: {what}"));
        }
    }
    assert!(wrong.is_empty(), "{} tables:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn a_named_target_is_judged_by_its_classes() {
    let credit = root().join("examples/credit/data/german_credit.csv");
    let made = check(&credit.to_string_lossy(), Some("risk")).unwrap();
    assert!(made.contains("target: risk\n"), "{made}");
    assert!(made.contains("target_distribution"), "{made}");
    assert!(made.lines().any(|line| line.trim_start().starts_with('#')), "{made}");
}

#[test]
fn paths_and_names_of_all_kinds_are_quoted() {
    let world = World::new();
    for name in ["a b.csv", "#x.csv", "- a.csv", "ü: {}.csv", "'\".csv", "@at.csv", "1.csv", "true.csv", "[x].csv"] {
        world.write(name, "\"y: {z}\",\"# no\",\"-\",\"null\",\"a\n    - b\",\"'\"\"\"\n1,x,x,x,x,x\n2,x,y,x,x,x\n");
        let path = world.path(name);
        check(&path.to_string_lossy(), None).unwrap_or_else(|what| panic!("{name}: {what}"));
    }
}

#[test]
fn odd_columns_get_limits_that_hold() {
    let world = World::new();
    let numbers = (0..50).map(|i| {
        format!("{i},{},{},{},,inf,{}", i as f64 * 1e300, -1e-300, i64::MAX - i, if i == 7 { "" } else { "1" })
    });
    let rows: Vec<String> = numbers.collect();
    world.write("odd.csv", format!("a,huge,tiny,big,empty,infinite,holed\n{}\n", rows.join("\n")));
    check(&world.path("odd.csv").to_string_lossy(), None).unwrap();
    let twice = "a,b\n1,x\n".to_owned() + &"1,x\n".repeat(9);
    world.write("twice.csv", twice);
    check(&world.path("twice.csv").to_string_lossy(), None).unwrap();
    world.write("one.csv", "a\n1\n");
    check(&world.path("one.csv").to_string_lossy(), None).unwrap();
}

#[test]
fn what_cannot_be_profiled_is_said() {
    let world = World::new();
    world.run(&["suggest", "nothing.csv"]).exits(3).saying("`nothing.csv` does not exist");
    world.run(&["suggest", &data("header_only.csv")]).exits(3).saying("the table is empty");
    world.run(&["suggest", &data("ragged.csv")]).exits(3).saying("line 3");
    world.run(&["suggest", &data("plain.csv"), "--target-column=nope"]).exits(3).saying("no column `nope`");
    world.run(&["suggest", "s3://bucket/a.parquet"]).exits(2);
}

/// 344 rows as of the well-known penguins: masses to the nearest 25 g, two without measurements, eleven without a sex.
fn penguins() -> String {
    let mut csv = String::from("species,bill_length_mm,body_mass_g,sex\n");
    for row in 0..344 {
        let species = ["Adelie", "Chinstrap", "Gentoo"][row % 3];
        let sex = if row % 31 == 4 { "NA" } else { ["male", "female"][row % 2] };
        if row == 3 || row == 271 {
            csv.push_str(&format!("{species},NA,NA,{sex}\n"));
        } else {
            csv.push_str(&format!(
                "{species},{}.{},{},{sex}\n",
                32 + row % 27,
                row % 10,
                2700 + row * 37 % 3600 / 25 * 25
            ));
        }
    }
    csv
}

#[test]
fn spellings_of_missing_values_are_recognised_and_written() {
    let world = World::new();
    world.write("penguins.csv", penguins());
    let made = check(&world.path("penguins.csv").to_string_lossy(), Some("species")).unwrap();
    assert!(made.contains("csv: { null_values: [\"NA\"] }"), "{made}");
    assert!(made.contains("342 of 344 values of bill_length_mm parse as numbers"), "{made}");
    assert!(made.contains("bill_length_mm: float") && made.contains("body_mass_g: integer"), "{made}");
    assert!(made.contains("missing_values: { columns: [bill_length_mm], max_percent"), "{made}");
    assert!(made.contains("missing_values: { columns: [sex], max_percent"), "{made}");
    // A file without any is read as it is.
    let credit = root().join("examples/credit/data/german_credit.csv");
    let made = check(&credit.to_string_lossy(), Some("risk")).unwrap();
    assert!(!made.contains("null_values"), "{made}");
}

#[test]
fn a_target_of_many_numbers_is_a_regression() {
    let world = World::new();
    world.write("penguins.csv", penguins());
    let path = world.path("penguins.csv");
    for target in ["body_mass_g", "bill_length_mm"] {
        let made = check(&path.to_string_lossy(), Some(target)).unwrap();
        assert!(!made.contains("target_distribution"), "{made}");
        assert!(made.contains("a regression"), "{made}");
        assert!(made.contains(&format!("range: {{ column: {target}")), "{made}");
    }
    assert!(check(&path.to_string_lossy(), Some("species")).unwrap().contains("target_distribution"));
}
