//! What DuckDB is no oracle for: exact comparisons of integers and floats, and the budget.

use std::borrow::Cow;

use super::{Column, Program, Truth, Type};

fn truth(sql: &str, columns: &[(&str, Type, Column)], rows: usize) -> Truth {
    let types = |name: &str| {
        let found = columns.iter().find(|(known, ..)| *known == name).map(|(_, ty, _)| *ty);
        found.ok_or_else(|| crate::support::problem::Problem::new("no column"))
    };
    let program = Program::compile(sql, &types).unwrap();
    let values: Vec<Column> = program
        .columns
        .iter()
        .map(|name| columns.iter().find(|(known, ..)| known == name).unwrap().2.clone())
        .collect();
    program.evaluate(&values, rows)
}

fn holds(sql: &str) -> bool {
    let big = Column::whole([Some(9_007_199_254_740_993)].into_iter());
    let far = Column::whole([Some(i128::MAX)].into_iter());
    let columns = [
        ("big", Type::Integer, big),
        ("far", Type::Integer, far),
        ("near", Type::Float, Column::float([Some(9_007_199_254_740_992.0)].into_iter())),
        ("inf", Type::Float, Column::float([Some(f64::INFINITY)].into_iter())),
        ("single", Type::Single, Column::float([Some(f64::from(0.1_f32))].into_iter())),
        ("wide", Type::Single, Column::float([Some(16_777_216.0)].into_iter())),
    ];
    truth(sql, &columns, 1) == Truth { is_true: vec![true], fault: None }
}

#[test]
fn integers_and_floats_are_compared_exactly() {
    for sql in [
        "big > near",
        "near < big",
        "big <> near",
        "big > 9007199254740992e0",
        "inf > far",
        "-inf < -far",
        "far < 1e39",
        "far > -1e39",
        "big < near + 2",
        "wide <> 16777217",
        "wide < 16777217",
        "far > 0.00000000000000000001",
        "big NOT IN (1e0, 9007199254740992e0)",
        "big IN (9007199254740993.0, 5)",
    ] {
        assert!(holds(sql), "{sql}");
    }
}

#[test]
fn a_literal_beside_a_float_of_32_bits_is_one() {
    for sql in ["single = 0.1", "single <= 0.1", "single IN (0.1, 0.2)", "single BETWEEN 0.1 AND 0.1", "single = 1e-1"]
    {
        assert!(holds(sql), "{sql}");
    }
}

#[test]
fn rows_are_halved_until_their_texts_fit() {
    let text = "x".repeat(9_000_000);
    let texts = || Column::text((0..2).map(|_| Some(Cow::Borrowed(text.as_str()))));
    let truth = truth("UPPER(t) <> LOWER(t)", &[("t", Type::Text, texts())], 2);
    assert_eq!(truth, Truth { is_true: vec![true; 2], fault: None });
}

#[test]
fn a_row_that_makes_too_much_text_is_a_fault() {
    let text = "x".repeat(1_000_000);
    let texts = Column::text([Some(Cow::Borrowed("y")), Some(Cow::Borrowed(text.as_str()))].into_iter());
    let found =
        truth("REPLACE(REPLACE(t, 'x', 'xxxxxxxx'), 'x', 'xxxxxxxxxxxx') <> ''", &[("t", Type::Text, texts)], 2);
    assert_eq!(found.fault, Some((1, super::values::TOO_LARGE)));
    assert_eq!(found.is_true, [true, false]);
}

#[test]
fn no_text_makes_the_reader_panic() {
    use proptest::prelude::*;
    const PIECES: [&str; 36] = [
        "a",
        "1",
        "'x'",
        "(",
        ")",
        "+",
        "-",
        "*",
        "/",
        "//",
        "%",
        "=",
        "<",
        "AND",
        "OR",
        "NOT",
        "IS",
        "NULL",
        "DISTINCT",
        "FROM",
        "IN",
        "BETWEEN",
        "LIKE",
        "CASE",
        "WHEN",
        "THEN",
        "END",
        "CAST(",
        "AS INT)",
        "DATE '2026-01-31'",
        "INTERVAL '1' DAY",
        "REPLACE(",
        ",",
        "||",
        "1e9",
        "\"b\"",
    ];
    let text =
        proptest::collection::vec(proptest::sample::select(&PIECES[..]), 0..24).prop_map(|parts| parts.join(" "));
    proptest!(|(sql in text)| {
        let types = |name: &str| Ok(if name == "a" { Type::Integer } else { Type::Text });
        if let Ok(program) = Program::compile(&sql, &types) {
            let values: Vec<Column> = program.columns.iter().map(|name| {
                if name == "a" { Column::whole([Some(1), None].into_iter()) } else { Column::text([Some(Cow::Borrowed("x")), None].into_iter()) }
            }).collect();
            prop_assert_eq!(program.evaluate(&values, 2).is_true.len(), 2, "{}", sql);
        }
    });
}
