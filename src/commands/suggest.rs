//! `mlgate suggest`: one look at a table, and a config it passes with a margin.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::cli::SuggestArgs;
use crate::data::statistic::{Breaches, Key, Profile, Statistic, Value};
use crate::data::table::csv::Spellings;
use crate::data::table::{Column, Kind, Role};
use crate::engine::{self, Progress, Source};
use crate::support::limit::share;
use crate::support::problem::Problem;
use crate::support::words::count;

/// Memory for the one scan; profiles keep a bounded state.
const MEMORY: usize = 500_000_000;
/// Columns with at most this many distinct texts get a list of allowed values.
const FEW: usize = 12;
/// Numbers of at most so many whole values are classes; others are predicted by a regression.
const MOST_CLASSES: usize = 20;
/// Names that target columns go by.
const TARGETS: [&str; 8] = ["target", "label", "y", "class", "outcome", "default", "churn", "risk"];

/// A commented mlgate.yml that the table passes.
///
/// # Errors
/// What could not be measured; a target column that is not there; an empty table.
pub fn suggest(
    args: &SuggestArgs,
    source: &Source,
    spellings: &Spellings,
    progress: &Arc<Progress>,
) -> Result<String, Problem> {
    let target = args.target_column.as_deref();
    let info = source.info();
    if info.rows == 0 {
        return Err(Problem::new("the table is empty, so it suggests nothing"));
    }
    if let Some(target) = target
        && info.column(target).is_none()
    {
        return Err(Problem::new(format!("the table has no column {}", crate::support::words::code(target))));
    }
    let all: Vec<String> = info.readable().map(|column| column.name.clone()).collect();
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
    let measured = engine::measure_table(Role::Training, source, &keys, MEMORY, progress);
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
        info.readable().filter_map(|column| Some((column, profiles.get(&column.name)?))).collect();
    let unread = info.columns.iter().filter(|column| column.unreadable().is_some()).collect();
    // Few rows are all different in many columns.
    unique.retain(|name| info.rows >= 100 && profiles.get(name).is_some_and(|profile| profile.missing == 0));
    let target = target.map(ToOwned::to_owned).or_else(|| guess_target(&columns));
    Ok(Seen { rows: info.rows, columns, unread, spellings, target, duplicates, unique }.write(args))
}

/// What is known of the table, and the config it suggests, part by part.
struct Seen<'a> {
    rows: u64,
    columns: Vec<(&'a Column, &'a Profile)>,
    /// Columns whose values cannot be read.
    unread: Vec<&'a Column>,
    spellings: &'a Spellings,
    target: Option<String>,
    /// Rows that equal an earlier one.
    duplicates: u64,
    /// Columns of which no value repeats.
    unique: Vec<String>,
}

impl Seen<'_> {
    /// The config as text, top to bottom as a person would write it.
    fn write(&self, args: &SuggestArgs) -> String {
        [self.head(args), self.schema(), self.missing(), self.classes(), self.values(), self.repeats()].concat()
    }

    fn head(&self, args: &SuggestArgs) -> String {
        let mut out = format!(
            "# Made by `mlgate suggest` from {} rows × {} columns. The table passes every line;
# what is a guess only warns. Read it once: you know which limits are real.
# `mlgate schema > mlgate.schema.json` lets editors complete and check it.
data:
  path: {}
",
            count(self.rows),
            self.columns.len(),
            quote(&args.data)
        );
        out += &self.csv(args);
        if let Some(target) = &self.target {
            let guessed = if args.target_column.is_none() { "  # guessed by its name" } else { "" };
            out += &format!("  target: {}{guessed}\n", quote(target));
        }
        let fewest = (self.rows / 2).max(1);
        out + &format!(
            "  checks:\n    # Half of today's {} rows.\n    - row_count: {{ min: {fewest} }}\n",
            count(self.rows)
        )
    }

    /// How the file is written: its delimiter, and the spellings of missing values, with what they hid.
    fn csv(&self, args: &SuggestArgs) -> String {
        let mut out = String::new();
        let nulls = &self.spellings.null_values;
        for column in &self.spellings.mostly_numbers {
            let quoted: Vec<String> = column.others.iter().map(|text| comment(&quote(text))).collect();
            let (numbers, present) = (count(column.numbers), count(column.present));
            let of_others = if column.others.iter().all(|other| nulls.contains(other)) {
                format!("{} is read as null", quoted.join(", "))
            } else {
                format!("not {}: the column is text", quoted.join(", "))
            };
            out += &format!(
                "  # {numbers} of {present} values of {} parse as numbers; {of_others}.\n",
                comment(&column.column)
            );
        }
        let delimiter = args.delimiter.map(|delimiter| format!("delimiter: {}", quoted_text(&delimiter.to_string())));
        let nulls: Vec<String> = nulls.iter().map(|spelling| quoted_text(spelling)).collect();
        let nulls = (!nulls.is_empty()).then(|| format!("null_values: [{}]", nulls.join(", ")));
        let settings: Vec<String> = delimiter.into_iter().chain(nulls).collect();
        if !settings.is_empty() {
            out += &format!("  csv: {{ {} }}\n", settings.join(", "));
        }
        out
    }

    fn schema(&self) -> String {
        let (named, others): (Vec<&Column>, Vec<&Column>) =
            self.columns.iter().map(|(column, _)| *column).partition(|column| type_word(&column.kind).is_some());
        let mut out = String::new();
        for column in others {
            out += &format!("    # {} is {}, which has no name here.\n", comment(&column.name), column.kind);
        }
        for column in &self.unread {
            let dtype = comment(&column.kind.to_string());
            out += &format!("    # The values of {} ({dtype}) cannot be read.\n", comment(&column.name));
        }
        if !named.is_empty() {
            out += "    # The columns of today, with their types.\n    - schema:\n        required:\n";
        }
        for column in named {
            out += &format!("          {}: {}\n", quote(&column.name), column.kind);
        }
        out
    }

    fn missing(&self) -> String {
        let (whole, holed): (Vec<_>, Vec<_>) = self.columns.iter().partition(|(_, profile)| profile.missing == 0);
        let mut out = String::new();
        if !whole.is_empty() {
            let names = whole.iter().map(|(column, _)| quote(&column.name)).collect::<Vec<_>>().join(", ");
            out += "    # Nothing is missing here today.\n";
            out += &format!("    - missing_values: {{ columns: [{names}], max_percent: 0 }}\n");
        }
        for (column, profile) in holed {
            let name = quote(&column.name);
            if profile.missing == self.rows {
                out += &format!("    # {} is wholly missing.\n", comment(&column.name));
                continue;
            }
            let today = share(profile.missing, self.rows);
            let limit = (today * 1.5 + 1.0).min(100.0).ceil();
            out += &format!("    # {today:.3} % today; half as much again and 1 point, rounded up.\n");
            out += &warn(&format!("missing_values: {{ columns: [{name}], max_percent: {limit} }}"), "");
        }
        out
    }

    fn classes(&self) -> String {
        let of_target = |(column, _): &&(&Column, &Profile)| Some(&column.name) == self.target.as_ref();
        let Some((column, profile)) = self.columns.iter().find(of_target) else { return String::new() };
        if self.is_regression(column, profile) {
            return format!("    # {} holds numbers of many values: a regression.\n", comment(&column.name));
        }
        let Some(classes) = profile.classes.as_ref().filter(|classes| classes.len() > 1) else {
            return String::new();
        };
        let present: u64 = classes.iter().map(|(_, count)| count).sum();
        let rarest = classes.iter().map(|(_, count)| *count).min().unwrap_or(0);
        let today = share(rarest, present);
        let names = classes.iter().take(FEW).map(|(label, _)| quote(label)).collect::<Vec<_>>().join(", ");
        format!(
            "    # The rarest class has {today:.3} % today; half of it.\n    - target_distribution: {{ min_class_percent: {}, classes: [{names}] }}\n",
            floor_to_digits(today / 2.0)
        )
    }

    /// Whether the target is predicted as a number: as `target_leakage` has it, numbers of at most 20 whole values are
    /// classes, if most of these occur more than once.
    fn is_regression(&self, column: &Column, profile: &Profile) -> bool {
        if !matches!(column.kind, Kind::Integer | Kind::Float | Kind::Number) {
            return false;
        }
        let is_whole = |label: &String| label.parse::<f64>().is_ok_and(|number| number.fract() == 0.0);
        profile.classes.as_ref().is_none_or(|classes| {
            classes.len() > MOST_CLASSES
                || 2 * classes.len() as u64 > self.rows && classes.len() > 2
                || !classes.iter().all(|(label, _)| is_whole(label))
        })
    }

    fn values(&self) -> String {
        let mut out = String::new();
        for name in &self.unique {
            out += "    # No value of it repeats today: a key?\n";
            out += &warn(&format!("unique: {{ columns: [{}] }}", quote(name)), "");
        }
        // A range of a key or of classes says nothing, and that of a number that is predicted does.
        let others = |(column, _): &&(&Column, &Profile)| {
            !self.unique.contains(&column.name) && Some(&column.name) != self.target.as_ref()
        };
        let regression = self.columns.iter().find(|(column, profile)| {
            Some(&column.name) == self.target.as_ref() && self.is_regression(column, profile)
        });
        for (column, profile) in self.columns.iter().filter(others).chain(regression) {
            let name = quote(&column.name);
            if let Some((low, high)) = bounds(&column.kind, profile) {
                let range = format!("range: {{ column: {name}, min: {low}, max: {high} }}");
                out += &warn(&range, "  # a tenth beyond today's");
            }
            if column.kind == Kind::Text
                && let Some(classes) = profile.classes.as_ref().filter(|classes| (1..=FEW).contains(&classes.len()))
                && (classes.len() as u64) * 10 <= self.rows
            {
                let mut values: Vec<String> = classes.iter().map(|(label, _)| quote(label)).collect();
                values.sort();
                out += &warn(&format!("allowed_values: {{ column: {name}, values: [{}] }}", values.join(", ")), "");
            }
        }
        out
    }

    fn repeats(&self) -> String {
        if self.duplicates == 0 {
            return format!("    # None today.\n{}", warn("duplicates: { max_percent: 0 }", ""));
        }
        let today = share(self.duplicates, self.rows);
        let limit = ceil_to_digits((today * 1.5).min(100.0));
        let entry = warn(&format!("duplicates: {{ max_percent: {limit} }}"), "");
        format!("    # {today:.3} % today; half as much again.\n{entry}")
    }
}

/// An entry that only warns, since it is a guess.
fn warn(check: &str, why: &str) -> String {
    format!("    - {check}{why}\n      severity: warn\n")
}

fn guess_target(columns: &[(&Column, &Profile)]) -> Option<String> {
    TARGETS.iter().find_map(|name| {
        columns
            .iter()
            .find(|(column, profile)| {
                let is_number = matches!(column.kind, Kind::Integer | Kind::Float | Kind::Number);
                column.name.eq_ignore_ascii_case(name) && (profile.classes.is_some() || is_number)
            })
            .map(|(column, _)| column.name.clone())
    })
}

/// The range a tenth of today's width beyond it on both sides, in the column's own terms; none where
/// today has one value only, or infinite ones.
fn bounds(kind: &Kind, profile: &Profile) -> Option<(String, String)> {
    let (min, max) = profile.min.zip(profile.max).filter(|(min, max)| min < max && profile.infinite == 0)?;
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
        Kind::Other(_) | Kind::Null | Kind::Unreadable(_) => None,
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

/// A text as YAML that is never taken for anything else.
fn quoted_text(text: &str) -> String {
    serde_json::Value::from(text).to_string()
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
            if crate::support::words::is_invisible(c) || c == '#' {
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
    crate::support::words::visible(name)
}
