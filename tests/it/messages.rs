//! What messages say: the cell, the column, the setting, the next step, and each thing once.

use crate::model::predictions;
use crate::world::{Ran, World};

fn message(ran: &Ran) -> &str {
    assert_eq!(ran.verdicts().len(), 1, "{ran:#?}");
    ran.verdicts()[0]["message"].as_str().unwrap_or_default()
}

#[test]
fn a_list_with_commas_gets_a_hint_and_a_column_with_one_stays_possible() {
    let world = World::new();
    world.write("d.csv", "age,income,\"a,b\"\n1,2,3\n2,3,4\n");
    let ran = world.check(&["--data=d.csv", "--required-columns=age,income"]).exits(1);
    assert!(ran.says("a list has one item a line, or is JSON: [\"age\",\"income\"]"), "{ran:#?}");
    world.check(&["--data=d.csv", "--required-columns=a,b"]).exits(0);
    world.check(&["--data=d.csv", "--required-columns=[\"a,b\",\"age\"]"]).exits(0);
    world.check(&["--data=d.csv", "--required-columns=age\nincome"]).exits(0);
    let only = ["--data=d.csv", "--min-rows=1", "--only=row_count,schema"];
    world.check(&only).exits(2).saying("[\"row_count\",\"schema\"]");
    world.check(&["--config=a.yml,b.yml"]).exits(2).saying("[\"a.yml\",\"b.yml\"]");
    world.write("p.csv", predictions(10));
    let parity = ["--predictions=p.csv", "--min-demographic-parity=0.5", "--sensitive-columns=region,age"];
    world.check(&parity).exits(3).saying("[\"region\",\"age\"]");
}

#[test]
fn the_cell_that_made_a_column_text_is_named_with_the_setting() {
    let world = World::new();
    let check = |cell: &str, arguments: &[&str]| {
        world.write("d.csv", format!("age,y\n20,0\n30,1\n{cell},0\n"));
        world.write("mlgate.yml", "data:\n  path: d.csv\n  checks:\n    - range: { column: age, min: 0 }\n");
        world.check(arguments).exits(3)
    };
    // A usual spelling of a missing value is nobody's secret.
    let ran = check("N/A", &[]);
    assert!(message(&ran).contains("text (integer until line 4, which holds `N/A`)"), "{ran:#?}");
    assert!(ran.says("csv: { null_values: [\"N/A\"] }"), "{ran:#?}");
    let ran = check("Ada Lovelace", &[]);
    assert!(!ran.says("Lovelace") && ran.says("data.csv.null_values"), "{ran:#?}");
    let ran = check("Ada Lovelace", &["--show-values=true"]);
    assert!(message(&ran).contains("which holds `Ada Lovelace`"), "{ran:#?}");
    // Also where it stands first, and where the type is a failure.
    world.write("d.csv", "age\nNA\n1\n2\n");
    world.write("mlgate.yml", "data:\n  path: d.csv\n  checks:\n    - schema: { required: { age: integer } }\n");
    let ran = world.check(&[]).exits(1);
    assert!(message(&ran).contains("text (`NA` in line 2)") && ran.says("null_values: [\"NA\"]"), "{ran:#?}");
}

#[test]
fn spreadsheets_and_archives_are_named_with_the_way_out() {
    let world = World::new();
    let zip = |entry: &str| [b"PK\x03\x04\x14\0\0\0\0\0", entry.as_bytes(), &[0; 64]].concat();
    for (name, bytes, said) in [
        ("d.xlsx", zip("[Content_Types].xml"), "is a spreadsheet, which cannot be read"),
        ("d.csv", zip("[Content_Types].xml"), "save the sheet as CSV"),
        ("d.xls", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1".to_vec(), "is a spreadsheet"),
        ("d.zip", zip("d.csv"), "is a ZIP archive, which cannot be read"),
        ("d.csv", zip("d.csv"), "unpack it in a step before"),
    ] {
        world.write(name, bytes);
        world.check(&["--data", name, "--min-rows=1"]).exits(3).saying(said);
    }
}

#[test]
fn missing_values_entries_name_their_columns_everywhere() {
    let world = World::with_checks(
        "age,income,job,y\n,,,0\n,2,x,1\n3,,y,0\n",
        "- missing_values: { columns: [income], max_percent: 1 }
- missing_values: { columns: [age, job], max_percent: 2 }
- missing_values: { max_percent: 3 }",
    );
    let ran = world.check(&[]).exits(1);
    let subjects: Vec<_> = ran.verdicts().iter().map(|verdict| verdict["subject"].as_str()).collect();
    assert_eq!(subjects, [Some("income"), None, None]);
    assert_eq!(ran.verdicts()[1]["columns"], serde_json::json!(["age", "job"]));
    let xml = world.read("mlgate-report/junit.xml");
    for name in ["missing_values:income\"", "missing_values:age, job\"", "missing_values\""] {
        assert!(xml.contains(&format!("name=\"{name}")), "{name} is not in {xml}");
    }
    assert!(ran.stdout.contains("missing_values · income") && ran.stdout.contains("missing_values · age, job"));
    assert!(ran.markdown.contains("missing_values · <code>age, job</code>"), "{}", ran.markdown);
}

#[test]
fn one_unreadable_table_is_said_once() {
    let checks = ["age", "income", "job", "region"].map(|column| format!("- range: {{ column: {column}, min: 0 }}"));
    let world = World::with_checks("", &format!("{}\n- duplicates\n- missing_values", checks.join("\n")));
    world.write("data.csv", "age,income\n1\n");
    let ran = world.check(&[]).exits(3);
    assert_eq!(ran.statuses(), "error error error error error error");
    let said = message_of_all(&ran);
    for text in [&ran.stdout, &ran.markdown] {
        let plain = text.replace("<code>", "`").replace("</code>", "`").replace('\n', " ");
        let line = "line 2";
        assert!(said.contains(line));
        assert!(plain.matches(line).count() <= 2, "{text}");
        assert_eq!(plain.matches("ERROR").count(), 1, "{text}");
    }
    assert!(ran.stdout.contains("the same error: range · income, range · job"), "{}", ran.stdout);
    assert!(ran.markdown.contains("and 5 more"), "{}", ran.markdown);
}

fn message_of_all(ran: &Ran) -> String {
    let messages: std::collections::BTreeSet<_> = ran.verdicts().iter().map(|v| v["message"].to_string()).collect();
    assert_eq!(messages.len(), 1, "{ran:#?}");
    messages.into_iter().next().unwrap()
}

#[test]
fn hints_of_renamed_columns_look_at_new_ones_first() {
    let world = World::new();
    world.write("was.csv", "incom,income,y\n1,2,0\n").write("is.csv", "incom,incomes,y\n1,2,0\n");
    let config =
        |is: &str, entry: &str| format!("data:\n  path: {is}\n  reference: was.csv\n  checks:\n    - {entry}\n");
    world.write("mlgate.yml", config("is.csv", "range: { column: income, min: 0 }"));
    world.check(&[]).exits(3).saying("did you mean `incomes`?");
    world.write("mlgate.yml", config("is.csv", "schema: { required: [incom, income, y] }"));
    world.check(&[]).exits(1).saying("`income` is missing (there is `incomes`)");
    // However unlike: the only new column.
    world.write("far.csv", "incom,einkommen,y\n1,2,0\n");
    world.write("was.csv", "incom,salary,y\n1,2,0\n");
    world.write("mlgate.yml", config("far.csv", "range: { column: salary, min: 0 }"));
    world.check(&[]).exits(3).saying("was it renamed to `einkommen`?");
}

#[test]
fn drift_leaves_the_time_out() {
    let world = World::new();
    let table = |day: usize| {
        let rows = (0..200).map(|row| format!("2026-0{day}-{:02},{},{}\n", 1 + row % 28, row % 7, row % 2));
        format!("at,x,y\n{}", rows.collect::<String>())
    };
    world.write("is.csv", table(5)).write("was.csv", table(4));
    let section = "data:\n  path: is.csv\n  reference: was.csv\n  target: y\n";
    let checks = "  checks:\n    - drift: { max_drifted_percent: 0 }\n";
    world.write("mlgate.yml", format!("{section}{checks}"));
    world.check(&[]).exits(1);
    world.write("mlgate.yml", format!("{section}  timestamp: at\n{checks}"));
    let ran = world.check(&[]).exits(0);
    assert!(ran.verdicts()[0]["values"]["at"].is_null(), "{ran:#?}");
    // Who names it, has it compared.
    world.write(
        "mlgate.yml",
        format!("{section}  timestamp: at\n  checks:\n    - drift: {{ columns: [at], max_drifted_percent: 0 }}\n"),
    );
    world.check(&[]).exits(1);
}

#[test]
fn new_categories_without_any_text_is_skipped() {
    let world = World::new();
    world.write("d.csv", "a,b\n1,2\n3,4\n");
    world.write(
        "mlgate.yml",
        "data:\n  path: d.csv\n  test: d.csv\n  checks:\n    - new_categories\n    - row_count: { min: 1 }\n",
    );
    let ran = world.check(&[]).exits(0);
    assert_eq!(ran.statuses(), "skipped pass");
    assert!(ran.says("the table has no column of text"), "{ran:#?}");
    // Text that is gone is no table without text.
    world.write("t.csv", "a,b\n1,x\n3,y\n");
    world.write("mlgate.yml", "data:\n  path: t.csv\n  test: d.csv\n  checks:\n    - new_categories\n");
    world.check(&[]).exits(3);
}

#[test]
fn a_perfect_auc_passes_and_is_called_suspicious() {
    let world = World::new();
    let table = |rows: usize| {
        let rows = (0..rows).map(|row| format!("{0},{0},{1}\n", row % 2, if row % 2 == 1 { 0.9 } else { 0.1 }));
        format!("label,prediction,score\n{}", rows.collect::<String>())
    };
    let entry =
        "model:\n  predictions: p.csv\n  checks:\n    - metric: { name: roc_auc, min: 0.8, confidence: 0.95 }\n";
    world.write("p.csv", table(200)).write("mlgate.yml", entry);
    let ran = world.check(&[]).exits(0);
    assert_eq!(ran.statuses(), "pass");
    assert!(message(&ran).contains("a perfect score is suspicious"), "{ran:#?}");
    // A handful of rows is no proof of anything.
    world.write("p.csv", table(8));
    assert_eq!(world.check(&[]).exits(1).statuses(), "inconclusive");
    // Nor may it be too good.
    world.write("p.csv", table(200)).write("mlgate.yml", entry.replace("min: 0.8", "max: 0.9"));
    world.check(&[]).exits(1);
}
