//! What `drift` and `target_drift` ask for and make of it: which columns drifted, worst first, and where.

mod retyped;

pub use retyped::Context;
use serde_json::{Map, Value, json};

use self::retyped::{Retyped, can_be_compared, common_kind};
use super::{AskedColumn, Tables};
use crate::data::statistic::{Given, Typed};
use crate::data::table::{Kind, Role, TableInfo};
use crate::report::verdict::{Finding, Limit, Outcome, Unit};
use crate::stats::drift::{Bin, Choice, Contrast, FEWEST, MISSING, MISSING_POINTS, Method};
use crate::support::limit::{Finite, Percent, share};
use crate::support::problem::{Problem, nearest};
use crate::support::words::{self, code, count, list, percent};

/// From when on a column drifted.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Rule {
    /// The effect that counts; the method's own without it.
    pub threshold: Option<Finite>,
    pub alpha: f64,
}

impl Default for Rule {
    fn default() -> Self {
        Self { threshold: None, alpha: 0.05 }
    }
}

/// What a share of drifted columns does.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Against {
    /// More than this percent is a failure.
    Limit(Percent),
    /// Any is worth a look.
    Look,
}

/// The columns to compare, and what is known of them before.
pub type Wanted = (Given<Context>, Vec<(Given<String>, Typed<Contrast>)>);

/// The contrasts of these columns of the entry's table with the reference; `names` are all but the target and the time
/// where none are named.
///
/// # Errors
/// A table or a column that is not there, or types that cannot be compared.
pub fn wanted(tables: &Tables, names: Option<&[String]>, by: Choice) -> Result<Wanted, Problem> {
    let (here, reference) = (tables.here()?, tables.table(Role::Reference)?);
    if here.role == Role::Reference {
        return Err(Problem::new("the reference is not compared with itself").hint("leave `on` out"));
    }
    let mut context = Context::default();
    if tables.are_one(here.role, Role::Reference) {
        context.notes.push(ONE_FILE.to_owned());
    }
    let columns = if let Some(names) = names {
        here.columns(Some(names))?
    } else {
        // A target that is misspelt would be a feature.
        tables.named.target.map(|target| here.column(target)).transpose()?;
        // Time moves on by itself.
        let is_compared = |name: &str| ![tables.named.target, tables.named.timestamp].contains(&Some(name));
        let only = |of: &TableInfo, other: &TableInfo| -> Vec<String> {
            let names = of.columns.iter().map(|column| column.name.clone());
            names.filter(|name| is_compared(name) && other.column(name).is_none()).collect()
        };
        let (new, gone) = (only(here.table, reference.table), only(reference.table, here.table));
        if !new.is_empty() || !gone.is_empty() {
            let only = |names: &[String], role: Role| {
                let names = Some(names).filter(|names| !names.is_empty())?;
                Some(format!("only the {role} table has {}", list(names.iter().map(String::as_str))))
            };
            let said: Vec<String> =
                [only(&new, here.role), only(&gone, Role::Reference)].into_iter().flatten().collect();
            return Err(Problem::new(said.join(", and ")).hint("name the `columns` to compare"));
        }
        let mut columns = context.comparable(here, reference);
        columns.retain(|column| is_compared(column.name()));
        context.retyped.retain(|column| is_compared(&column.name));
        columns
    };
    if columns.is_empty() && context.retyped.is_empty() {
        return Err(Problem::new("there is no column to compare"));
    }
    let contrast = |column: AskedColumn| -> Result<_, Problem> {
        let other = reference.table.column(column.name()).ok_or_else(|| {
            let problem = Problem::new(format!("the reference table has no column {}", code(column.name())));
            match nearest(column.name(), reference.table.columns.iter().map(|column| column.name.as_str())) {
                Some(near) => problem.hint(format!("did you mean {}?", code(near))),
                None => problem,
            }
        })?;
        if !column.kind().is_scalar() && *column.kind() != Kind::Null {
            return Err(column.unfit("numbers, text, booleans, dates or times"));
        }
        if !can_be_compared(column.column, other) {
            return Err(Problem::new(format!(
                "{} holds {} in the {} table and {} in the reference",
                code(column.name()),
                column.column.described(),
                here.role,
                other.described()
            ))
            .hint("write both with one type, or name the `columns` to compare"));
        }
        let kind = common_kind(column.column, other);
        if let Some(method) = by.method()
            && method.is_of_numbers()
            && matches!(kind, Kind::Text | Kind::Boolean)
        {
            return Err(column.unfit(&format!("numbers, dates or times for `{}`", method.word())));
        }
        Ok((Given(column.name().to_owned()), column.contrast(Role::Reference, by)))
    };
    Ok((Given(context), columns.into_iter().map(contrast).collect::<Result<_, _>>()?))
}

const ONE_FILE: &str = "both tables are the same file: nothing can drift";

/// What the contrasts of an entry's columns come to.
pub fn finding(context: Context, columns: &[(String, Contrast)], rule: Rule, against: Against) -> Finding {
    let Context { notes, retyped } = context;
    let threshold = |contrast: &Contrast| rule.threshold.map_or(contrast.method.threshold(), |Finite(own)| own);
    let drifted = |contrast: &Contrast| contrast.drifted(threshold(contrast), rule.alpha);
    let open = |contrast: &Contrast| contrast.is_open(threshold(contrast), rule.alpha) && !drifted(contrast);
    // How far beyond its threshold a column is: effects of several methods have several scales.
    let distance = |contrast: &Contrast| {
        let effect = contrast.shift.map_or(0.0, |shift| shift.effect / threshold(contrast).max(f64::MIN_POSITIVE));
        let points = contrast.missing.map_or(0.0, |missing| missing.points.abs() / MISSING_POINTS);
        (drifted(contrast), effect.max(points))
    };
    let mut sorted: Vec<&(String, Contrast)> = columns.iter().collect();
    sorted.sort_by(|(_, a), (_, b)| {
        let (a, b) = (distance(a), distance(b));
        b.0.cmp(&a.0).then(b.1.total_cmp(&a.1))
    });
    let moved: Vec<&&(String, Contrast)> = sorted.iter().filter(|(_, contrast)| drifted(contrast)).collect();
    let unsure: Vec<&&(String, Contrast)> = sorted.iter().filter(|(_, contrast)| open(contrast)).collect();
    let (total, hits) = ((columns.len() + retyped.len()) as u64, (moved.len() + retyped.len()) as u64);
    let limit = match against {
        Against::Limit(limit) => limit,
        Against::Look => Percent::of(0.0),
    };
    let is_over = limit.is_exceeded_by(hits, total);
    let may_be_over = limit.is_exceeded_by(hits + unsure.len() as u64, total);
    let outcome = match against {
        Against::Limit(_) if is_over => Outcome::Fail,
        Against::Limit(_) if may_be_over => Outcome::Inconclusive,
        Against::Look if unsure.len() as u64 == total => Outcome::Inconclusive,
        Against::Look if may_be_over => Outcome::Warn,
        _ if notes.iter().any(|note| note == ONE_FILE) => Outcome::Warn,
        _ => Outcome::Pass,
    };
    let message = match (moved.as_slice(), unsure.as_slice()) {
        ([], _) if notes.iter().any(|note| note == ONE_FILE) => ONE_FILE.to_owned(),
        ([], []) => {
            let furthest = sorted.first().and_then(|(name, contrast)| Some((name, contrast, contrast.shift?)));
            let near = furthest.filter(|(.., shift)| shift.effect > 0.0).map(|(name, contrast, shift)| {
                let by = effect(shift.effect, &[]);
                format!("; {} is furthest from it, by {by} ({})", code(name), contrast.method.word())
            });
            format!("{} as in the reference{}", columns_are(total), near.unwrap_or_default())
        }
        ([], [(name, contrast), ..]) => not_known(name, contrast, unsure.len() as u64, threshold(contrast), total),
        ([(name, contrast), others @ ..], _) => {
            let how = how_far(contrast, threshold(contrast), rule.alpha);
            let others: Vec<String> = others.iter().map(|(name, _)| code(name)).collect();
            let more = match others.len() {
                0 => String::new(),
                1..=3 => format!("; {} drifted too", others.join(", ")),
                _ => format!("; {} and {} more drifted too", others[..3].join(", "), others.len() - 3),
            };
            let of = if total == 1 { String::new() } else { format!(" ({} of {} columns)", count(hits), count(total)) };
            format!("{} drifted from the reference{of}: {how}{more}", code(name))
        }
    };
    let message = match retyped.as_slice() {
        [] => message,
        retyped => {
            let types = retyped.iter().map(Retyped::said).collect::<Vec<_>>().join("; ");
            if moved.is_empty() { types } else { format!("{message}; {types}") }
        }
    };
    let mut finding = Finding::of(outcome, message).held(share(hits, total), Limit::max(limit.0), Unit::Percent);
    for column in &retyped {
        finding = finding.value(&column.name, column.value());
    }
    for (name, contrast) in &sorted {
        finding = finding.value(name, said(contrast, (drifted(contrast), open(contrast)), threshold(contrast)));
    }
    if let Some(shown) = finding.limits.first_mut() {
        shown.breached = is_over;
    }
    for (name, contrast) in &sorted {
        finding = contrast.notes.iter().fold(finding, |finding, note| finding.note(&format!("{}: {note}", code(name))));
    }
    notes.iter().filter(|note| *note != ONE_FILE).fold(finding, |finding, note| finding.note(note))
}

fn columns_are(total: u64) -> String {
    if total == 1 { "it is distributed".to_owned() } else { format!("all {} columns are distributed", count(total)) }
}

/// An effect beside the threshold that it is held against.
fn effect(value: f64, limits: &[f64]) -> String {
    words::metric(value, limits)
}

/// `it moved by 0.152 standard deviations of the reference, 0.1 counts, adjusted p < 0.001; > 52000 has …`.
fn how_far(contrast: &Contrast, threshold: f64, alpha: f64) -> String {
    let mut parts = Vec::new();
    if let Some(shift) = contrast.shift.filter(|shift| shift.least() >= threshold && shift.adjusted < alpha) {
        parts.push(format!(
            "{}, from {} on it counts, adjusted p {}",
            moved_by(contrast, &effect(shift.effect, &[threshold])),
            words::exact(threshold),
            words::p_value(shift.adjusted)
        ));
        parts.extend(contrast.moved().first().map(|bin| {
            let [before, now] = bin.shares.map(|share| percent(100.0 * share, &[]));
            format!("{} has {now} of the rows, {before} in the reference", code(&bin.name))
        }));
    }
    if contrast.missing_drifted(alpha) {
        let points = contrast.missing.map_or(0.0, |missing| missing.points);
        let [before, now] =
            [0, 1].map(|side| percent(share(contrast.rows[side] - contrast.present[side], contrast.rows[side]), &[]));
        let way = if points > 0.0 { "more" } else { "fewer" };
        parts.push(format!("{way} values are missing, {now} of the rows, {before} in the reference"));
    }
    parts.join("; ")
}

/// An effect in the words of its method.
fn moved_by(contrast: &Contrast, effect: &str) -> String {
    match contrast.method {
        Method::Wasserstein if !contrast.notes.iter().any(|note| note.ends_with("instead")) => {
            format!("it moved by {effect} standard deviations of the reference")
        }
        Method::Wasserstein | Method::Ks => format!("its Kolmogorov-Smirnov distance is {effect}"),
        Method::Psi => format!("its stability index is {effect}"),
        Method::JensenShannon => format!("its Jensen-Shannon distance is {effect}"),
        Method::ChiSquared => format!("its Cramér's V is {effect}"),
    }
}

/// Why it is not known whether the column drifted, which `unsure` of all share.
fn not_known(name: &str, contrast: &Contrast, unsure: u64, threshold: f64, total: u64) -> String {
    let [before, now] = contrast.rows;
    if contrast.rows.iter().any(|rows| *rows < FEWEST) {
        return format!(
            "too few rows to compare: {} and {} in the reference, {FEWEST} needed in both",
            words::rows(now),
            count(before)
        );
    }
    let more =
        if unsure > 1 { format!(" (as do {} of {} columns)", count(unsure), count(total)) } else { String::new() };
    if let Some((low, high)) = contrast.shift.and_then(|shift| shift.range) {
        let [low, end] = [low, high].map(|end| effect(end, &[threshold]));
        let between = if high.is_finite() { format!("between {low} and {end}") } else { format!("at least {low}") };
        return format!(
            "{} has a distance from the reference {between}{more}; {} is the threshold",
            code(name),
            words::exact(threshold)
        );
    }
    let [before, now] = contrast.present;
    format!(
        "{} has too few values to compare{more}: {} and {} in the reference, {FEWEST} needed",
        code(name),
        count(now),
        count(before)
    )
}

impl Contrast {
    /// The bins whose share moved most, the furthest first.
    fn moved(&self) -> Vec<&Bin> {
        // Who is one of few is not named: a share this small is nobody's category, and may be somebody's name.
        let is_common = |bin: &&Bin| bin.shares.iter().any(|share| *share >= 0.01);
        // Missing values are no part of a distance between present ones.
        let is_present = |bin: &&Bin| !(self.method.is_of_numbers() && bin.name == MISSING);
        let mut bins: Vec<_> = self.bins.iter().filter(is_common).filter(is_present).collect();
        bins.sort_by(|a, b| {
            let by = |bin: &Bin| (bin.shares[1] - bin.shares[0]).abs();
            by(b).total_cmp(&by(a))
        });
        bins
    }
}

/// What report.json says of a column.
fn said(contrast: &Contrast, (drifted, is_open): (bool, bool), threshold: f64) -> Value {
    const MOVED: usize = 3;
    let mut said = Map::new();
    let mut put = |name: &str, value: Value| said.insert(name.to_owned(), value);
    put("method", contrast.method.word().into());
    put("effect", contrast.shift.map(|shift| shift.effect).into());
    if let Some((low, high)) = contrast.shift.and_then(|shift| shift.range) {
        // An infinite end has no number in JSON.
        put("effect_range", json!([low, high.is_finite().then_some(high)]));
    }
    put("p", contrast.shift.map(|shift| shift.p).into());
    put("p_adjusted", contrast.shift.map(|shift| shift.adjusted).into());
    put("drifted", drifted.into());
    put("threshold", threshold.into());
    if contrast.shift.is_some_and(|shift| shift.is_approximate) {
        put("approximate", true.into());
    }
    if is_open {
        put("inconclusive", true.into());
    }
    if let Some(missing) = contrast.missing {
        put("missing", json!({ "points": missing.points, "p": missing.p, "p_adjusted": missing.adjusted }));
    }
    let rounded = |share: f64| (share * 1e6).round() / 1e4;
    if drifted {
        let shares = |side: usize| contrast.bins.iter().map(|bin| rounded(bin.shares[side])).collect::<Vec<f64>>();
        put("reference", shares(0).into());
        put("current", shares(1).into());
        let moved = contrast.moved().into_iter().take(MOVED).map(
            |bin| json!({ "bin": bin.name, "reference": rounded(bin.shares[0]), "current": rounded(bin.shares[1]) }),
        );
        put("moved", moved.collect());
    }
    if !contrast.notes.is_empty() {
        put("notes", contrast.notes.clone().into());
    }
    Value::Object(said)
}
