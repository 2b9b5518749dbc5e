//! `mlgate suggest`: one look at a table, and a config it passes with a margin.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::Arc;

use crate::cli::SuggestArgs;
use crate::engine::{self, Progress, Source};
use crate::problem::Problem;
use crate::statistic::{Breaches, Key, Profile, Statistic, Value};
use crate::table::{Column, Kind, Role};
use crate::words::count;

/// Memory for the one scan; profiles keep a bounded state.
const MEMORY: usize = 500_000_000;
/// Columns with at most this many distinct texts get a list of allowed values.
const FEW: usize = 12;
/// Names that target columns go by.
const TARGETS: [&str; 8] = ["target", "label", "y", "class", "outcome", "default", "churn", "risk"];

/// A commented mlgate.yml that the table passes.
///
/// # Errors
/// What could not be measured; a target column that is not there; an empty table.
pub fn suggest(args: &SuggestArgs, source: &Source, progress: &Arc<Progress>) -> Result<String, Problem> {
    let target = args.target_column.as_deref();
    let info = source.info();
    if info.rows == 0 {
        return Err(Problem::new("the table is empty, so it suggests nothing"));
    }
    if let Some(target) = target
        && info.column(target).is_none()
    {
        return Err(Problem::new(format!("the table has no column {}", crate::words::code(target))));
    }
    let all: Vec<String> = info.columns.iter().map(|column| column.name.clone()).collect();
    let mut keys: std::collections::BTreeSet<Key> = all
        .iter()
        .map(|column| Key { table: Role::Training, statistic: Statistic::Profile { column: column.clone() } })
        .collect();
    let repeats = |columns| Key { table: Role::Training, statistic: Statistic::Repeats { columns } };
    let of_rows = repeats(all.clone());
    keys.insert(of_rows.clone());
    // Columns that may be keys.
    let whole = info.columns.iter().filter(|column| matches!(column.kind, Kind::Integer | Kind::Text));
    keys.extend(whole.map(|column| repeats(vec![column.name.clone()])));
    let measured = engine::measure_one(Role::Training, source, &keys, MEMORY, progress);
    let mut profiles = BTreeMap::new();
    let mut duplicates = 0;
    let mut unique = Vec::new();
    for (key, value) in measured {
        let rows = key == of_rows;
        match (key.statistic, value?) {
            (Statistic::Profile { column }, Value::Profile(profile)) => {
                profiles.insert(column, profile);
            }
            (_, Value::Breaches(breaches)) if rows => duplicates = breaches.count,
            (Statistic::Repeats { columns }, Value::Breaches(Breaches { count: 0, .. })) => unique.extend(columns),
            _ => {}
        }
    }
    let columns: Vec<(&Column, &Profile)> =
        info.columns.iter().filter_map(|column| Some((column, profiles.get(&column.name)?))).collect();
    // Few rows are all different in many columns.
    unique.retain(|name| info.rows >= 100 && profiles.get(name).is_some_and(|profile| profile.missing == 0));
    Ok(write(args, info.rows, &columns, duplicates, &unique))
}

/// The config as text, top to bottom as a person would write it.
fn write(args: &SuggestArgs, rows: u64, columns: &[(&Column, &Profile)], duplicates: u64, unique: &[String]) -> String {
    let target = args.target_column.as_deref();
    let mut out = String::new();
    let guessed = target.is_none();
    let target = target.map(ToOwned::to_owned).or_else(|| guess_target(columns));
    let _ = writeln!(
        out,
        "# Made by `mlgate suggest` from {} rows × {} columns. The table passes every line;
# what is a guess only warns. Read it once: you know which limits are real.
# `mlgate schema > mlgate.schema.json` lets editors complete and check it.
data:
  path: {}",
        count(rows),
        columns.len(),
        quote(&args.data)
    );
    if let Some(delimiter) = args.delimiter {
        let _ = writeln!(out, "  csv: {{ delimiter: {} }}", serde_json::Value::from(delimiter.to_string()));
    }
    if let Some(target) = &target {
        let _ = writeln!(out, "  target: {}{}", quote(target), if guessed { "  # guessed by its name" } else { "" });
    }
    out.push_str("  checks:\n");
    let fewest = (rows / 2).max(1);
    let _ = writeln!(out, "    # Half of today's {} rows.", count(rows));
    let _ = writeln!(out, "    - row_count: {{ min: {fewest} }}");

    if columns.iter().any(|(column, _)| type_word(&column.kind).is_some()) {
        out.push_str("    # The columns of today, with their types.\n    - schema:\n        required:\n");
    }
    for (column, _) in columns {
        match type_word(&column.kind) {
            Some(word) => {
                let _ = writeln!(out, "          {}: {word}", quote(&column.name));
            }
            None => {
                let _ = writeln!(out, "    # {} is {}, which has no name here.", comment(&column.name), column.kind);
            }
        }
    }

    let missing = |profile: &Profile| 100.0 * profile.missing as f64 / rows as f64;
    let whole: Vec<&str> =
        columns.iter().filter(|(_, profile)| profile.missing == 0).map(|(column, _)| column.name.as_str()).collect();
    let holed: Vec<_> = columns.iter().filter(|(_, profile)| profile.missing > 0).collect();
    if !whole.is_empty() {
        let names = whole.iter().map(|name| quote(name)).collect::<Vec<_>>().join(", ");
        let _ = writeln!(
            out,
            "    # Nothing is missing here today.\n    - missing_values: {{ columns: [{names}], max_percent: 0 }}"
        );
    }
    for (column, profile) in holed {
        let today = missing(profile);
        let limit = (today * 1.5 + 1.0).min(100.0).ceil();
        let _ = writeln!(
            out,
            "    # {today:.3} % today; half as much again and 1 point, rounded up.\n    - missing_values: {{ columns: [{}], max_percent: {limit} }}\n      severity: warn",
            quote(&column.name)
        );
    }

    if let Some(target) = &target
        && let Some((_, profile)) = columns.iter().find(|(column, _)| column.name == *target)
        && let Some(classes) = profile.classes.as_ref().filter(|classes| classes.len() > 1)
    {
        let present: u64 = classes.iter().map(|(_, count)| count).sum();
        let rarest = classes.iter().map(|(_, count)| *count).min().unwrap_or(0);
        let share = 100.0 * rarest as f64 / present.max(1) as f64;
        let limit = floor_to_digits(share / 2.0);
        let _ = writeln!(
            out,
            "    # The rarest class has {share:.3} % today; half of it.\n    - target_distribution: {{ min_class_percent: {limit}, classes: [{}] }}",
            classes.iter().take(FEW).map(|(label, _)| quote(label)).collect::<Vec<_>>().join(", ")
        );
    }

    for name in unique {
        let _ = writeln!(
            out,
            "    # No value of it repeats today: a key?\n    - unique: {{ columns: [{}] }}\n      severity: warn",
            quote(name)
        );
    }
    for (column, profile) in columns {
        // A range of a key or of classes says nothing, and one of a single value too much.
        if unique.contains(&column.name) || target.as_deref() == Some(&column.name) || profile.min == profile.max {
            continue;
        }
        if let (Some(min), Some(max), 0) = (profile.min, profile.max, profile.infinite)
            && let Some((low, high)) = bounds(&column.kind, min, max)
        {
            let _ = writeln!(
                out,
                "    - range: {{ column: {}, min: {low}, max: {high} }}  # a tenth beyond today's\n      severity: warn",
                quote(&column.name)
            );
        }
        if column.kind == Kind::Text
            && let Some(classes) = profile.classes.as_ref().filter(|classes| (1..=FEW).contains(&classes.len()))
            && (classes.len() as u64) * 10 <= rows
        {
            let mut values: Vec<String> = classes.iter().map(|(label, _)| quote(label)).collect();
            values.sort();
            let _ = writeln!(
                out,
                "    - allowed_values: {{ column: {}, values: [{}] }}\n      severity: warn",
                quote(&column.name),
                values.join(", ")
            );
        }
    }

    let today = 100.0 * duplicates as f64 / rows as f64;
    let limit = if duplicates == 0 { "0".to_owned() } else { ceil_to_digits((today * 1.5).min(100.0)) };
    let _ = writeln!(
        out,
        "    # {today:.3} % today{}.\n    - duplicates: {{ max_percent: {limit} }}\n      severity: warn",
        if duplicates == 0 { "" } else { "; half as much again" }
    );
    out
}

fn guess_target(columns: &[(&Column, &Profile)]) -> Option<String> {
    TARGETS.iter().find_map(|name| {
        columns
            .iter()
            .find(|(column, profile)| column.name.eq_ignore_ascii_case(name) && profile.classes.is_some())
            .map(|(column, _)| column.name.clone())
    })
}

/// The range a tenth of today's width beyond it on both sides, in the column's own terms.
fn bounds(kind: &Kind, min: f64, max: f64) -> Option<(String, String)> {
    let margin = (max - min) / 10.0;
    // What never was negative is not made so by a margin.
    let low = if min >= 0.0 { (min - margin).max(0.0) } else { min - margin };
    let high = max + margin;
    match kind {
        // Beyond 2^53 floats skip integers, and the limits would not be what they say.
        Kind::Integer if low.abs().max(high.abs()) < 9e15 => {
            Some((format!("{}", low.floor()), format!("{}", high.ceil())))
        }
        Kind::Float | Kind::Number if low.is_finite() && high.is_finite() => {
            Some((format!("{low:?}"), format!("{high:?}")))
        }
        // Time goes on: a range of today's dates would fail tomorrow.
        _ => None,
    }
}

fn type_word(kind: &Kind) -> Option<String> {
    match kind {
        Kind::Other(_) => None,
        known => Some(known.to_string()),
    }
}

/// Two digits of a share, rounded so that the table still passes.
fn floor_to_digits(share: f64) -> String {
    to_digits(share, f64::floor)
}

fn ceil_to_digits(share: f64) -> String {
    to_digits(share, f64::ceil)
}

fn to_digits(share: f64, round: fn(f64) -> f64) -> String {
    if share <= 0.0 {
        return "0".to_owned();
    }
    let digits = (1.0 - share.log10().floor()).clamp(0.0, 12.0) as i32;
    let factor = 10_f64.powi(digits);
    format!("{}", round(share * factor) / factor)
}

/// A text as YAML: as JSON, which YAML reads too, unless it is a plain word.
fn quote(text: &str) -> String {
    let plain = text
        .chars()
        .enumerate()
        .all(|(i, c)| c.is_ascii_alphabetic() || i > 0 && (c.is_ascii_digit() || "_./".contains(c)));
    let reserved = ["true", "false", "null", "yes", "no", "on", "off", "y", "n"];
    if !text.is_empty() && plain && !reserved.contains(&text.to_ascii_lowercase().as_str()) {
        text.to_owned()
    } else {
        let escaped = |text: String, c: char| {
            if crate::words::is_invisible(c) || c == '#' {
                text + &format!("\\U{:08x}", c as u32)
            } else {
                text + &c.to_string()
            }
        };
        // `##[` would be a command to GitHub's log.
        serde_json::Value::from(text).to_string().chars().fold(String::new(), escaped)
    }
}

/// A name inside a comment: nothing in it may end the line.
fn comment(name: &str) -> String {
    crate::words::visible(name)
}
