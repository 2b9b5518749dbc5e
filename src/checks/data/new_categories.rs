//! `new_categories`: the test table, or today's, has no category that nobody has seen before.

use std::collections::HashSet;
use std::sync::Arc;

use schemars::JsonSchema;
use serde::Deserialize;

use crate::checks::check::{Asked, AskedColumn, Check, Tables, some_columns};
use crate::stats::distribution::{Distribution, MOST_CATEGORIES, Shape};
use crate::support::limit::range::LimitSetting;
use crate::support::limit::{Percent, share};
use crate::support::problem::Problem;
use crate::data::statistic::{Breaches, Given, Missing, Typed};
use crate::data::table::{Kind, Role};
use crate::report::verdict::{Finding, Limit, Outcome, Unit};
use crate::support::words::{self, and_others, code, list, percent};

/// In each column at most `max_percent` of the rows have a category that the other table does not know.
///
/// A category the model never saw is encoded as nothing, or as something else. The test table is held against
/// the training table; without a test table, the table is held against the reference.
///
/// ```yaml
/// - new_categories
/// - new_categories: { columns: [region, product], max_percent: 0.5 }
/// ```
///
/// Without `columns` these are all columns of text; on a table without any the verdict is skipped. Missing is no
/// category. A column with more than 65,536 categories is not compared: it is named, and the verdict is a warning at best.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NewCategories {
    /// The columns to look at; all of text without it.
    columns: Option<Vec<String>>,
    /// The largest share of rows that may have a new category.
    #[serde(default = "default_max_percent")]
    max_percent: Percent,
}

fn default_max_percent() -> Percent {
    Percent::of(0.0)
}

/// How one column is looked at: by its categories, or value by value.
type Seen = (Option<(Typed<Arc<Distribution>>, Typed<Arc<Distribution>>)>, Option<(Typed<u64>, Typed<Breaches>)>);

impl Check for NewCategories {
    const ID: &'static str = "new_categories";
    type Needs = (Given<(Role, bool, bool)>, Typed<u64>, Vec<(Given<String>, Seen)>);

    fn validate(&self) -> Result<(), String> {
        some_columns(self.columns.as_deref())
    }

    fn limits(&self) -> Vec<LimitSetting> {
        vec![LimitSetting::max_percent("max_percent", self.max_percent)]
    }

    fn needs(&self, tables: &Tables) -> Result<Self::Needs, Problem> {
        let has_test = tables.all.contains_key(&Role::Test);
        let (here, before) = match tables.here {
            Role::Training if !has_test => (Role::Training, Role::Reference),
            Role::Training | Role::Test => (Role::Test, Role::Training),
            _ => {
                return Err(Problem::new("this check looks at the test table, or at the training table").hint("leave `on` out"));
            }
        };
        if before == Role::Reference && !tables.all.contains_key(&before) {
            return Err(Problem::new("there is neither a test table nor a reference").hint("set `data.test` or `data.reference`"));
        }
        let (table, known) = (tables.table(here)?, tables.table(before)?);
        let mut columns = table.columns(self.columns.as_deref())?;
        if self.columns.is_none() {
            // What was text there and is none here is no category that went away.
            let is_text = |name: &str| known.table.column(name).is_some_and(|column| column.kind == Kind::Text);
            columns.retain(|column| {
                let is_kept = *column.kind() == Kind::Text || is_text(column.name());
                if !is_kept && matches!(column.kind(), Kind::Other(_)) {
                    table.leave_out(column.column);
                }
                is_kept
            });
            let text = known.table.columns.iter().filter(|column| column.kind == Kind::Text);
            for gone in text {
                table.column(&gone.name)?;
            }
        }
        let seen = |column: AskedColumn| Ok((Given(column.name().to_owned()), seen(table, column, known)?));
        let columns = columns.into_iter().map(seen).collect::<Result<_, Problem>>()?;
        Ok((Given((before, self.columns.is_some(), tables.are_one(here, before))), table.row_count(), columns))
    }

    fn judge(&self, (given, total, columns): <Self::Needs as crate::data::statistic::Needs>::Values) -> Result<Finding, Problem> {
        let (before, is_named, is_one) = given;
        let limit = self.max_percent;
        if columns.is_empty() {
            return Ok(Finding::of(Outcome::Skipped, "the table has no column of text"));
        }
        let (mut left_out, mut too_many) = (Vec::new(), Vec::new());
        let mut found: Vec<(String, u64, Vec<String>)> = Vec::new();
        for (name, (categories, values)) in columns {
            match (categories, values) {
                (Some((ours, _)), _) if ours.present() == 0 && is_named => return Err(all_missing(&name)),
                (None, Some((missing, _))) if missing == total => return Err(all_missing(&name)),
                (Some((ours, _)), _) if ours.present() == 0 => left_out.push(name),
                (Some((ours, known)), _) => match new_in(&ours, &known) {
                    Some((count, names)) => found.push((name, count, names)),
                    None if is_named => {
                        return Err(Problem::new(format!("{} has too many values to be categories", code(&name)))
                            .hint("remove it from `columns`; for ids use `group_leakage`"));
                    }
                    None => too_many.push(name),
                },
                (None, Some((missing, occurring))) => {
                    found.push((name, total - missing - occurring.count, Vec::new()));
                }
                (None, None) => {}
            }
        }
        if found.is_empty() && too_many.is_empty() {
            let names = list(left_out.iter().map(String::as_str));
            return Err(Problem::new(format!("{names} has no categories to compare, and there is no other column"))
                .hint("name the `columns` that hold categories"));
        }
        found.sort_by_key(|(_, count, _)| std::cmp::Reverse(*count));
        let over: Vec<_> = found.iter().filter(|(_, count, _)| limit.is_exceeded_by(*count, total)).collect();
        let (worst, count) = found.first().map_or((String::new(), 0), |(name, count, _)| (code(name), *count));
        let said = percent(share(count, total), &[limit.0, 0.0]);
        let message = match over.as_slice() {
            [] if found.is_empty() => "no column could be compared".to_owned(),
            [] if count == 0 && !too_many.is_empty() => {
                let columns: Vec<&str> = found.iter().map(|(name, ..)| name.as_str()).collect();
                format!("every category of {} occurs in the {before} table", list(columns))
            }
            [] if count == 0 => format!("every category occurs in the {before} table"),
            [] => format!("{said} of rows have a category of {worst} that the {before} table does not have, the most of any column; {} allowed", percent(limit.0, &[])),
            [_, others @ ..] => format!(
                "{said} of rows have a category of {worst} that the {before} table does not have, {} allowed{}",
                percent(limit.0, &[]),
                and_others(others.iter().map(|(name, ..)| name.as_str()))
            ),
        };
        // What was not looked at, or is one table twice, is no proof.
        let outcome = if !over.is_empty() {
            Outcome::Fail
        } else if is_one || !left_out.is_empty() || !too_many.is_empty() {
            Outcome::Warn
        } else {
            Outcome::Pass
        };
        let mut message =
            if is_one && over.is_empty() { "both tables are the same file: nothing can be new".to_owned() } else { message };
        if !is_one {
            let most = words::count(MOST_CATEGORIES as u64);
            for (names, why) in [(&too_many, format!("it has more than {most} values")), (&left_out, "it has none".to_owned())] {
                if !names.is_empty() {
                    let names = list(names.iter().map(String::as_str));
                    message = format!("{message}; {names} was not compared: {why}");
                }
            }
        }
        let mut finding =
            Finding::of(outcome, message).held(share(count, total), Limit::max(limit.0), Unit::Percent);
        for (name, count, _) in &found {
            finding = finding.value(name, share(*count, total));
        }
        finding.examples = over.first().map(|(_, _, names)| names.iter().take(3).cloned().collect()).unwrap_or_default();
        Ok(finding)
    }
}

fn all_missing(name: &str) -> Problem {
    Problem::new(format!("{} is missing in every row", code(name)))
}

/// # Errors
/// The other table lacks the column, or holds something else in it.
fn seen(table: Asked, column: AskedColumn, known: Asked) -> Result<Seen, Problem> {
    let other = known.column(column.name())?;
    let is_category = |kind: &Kind| matches!(kind, Kind::Text | Kind::Boolean);
    if is_category(column.kind()) && column.kind() == other.kind() {
        return Ok((Some((column.distribution(), other.distribution())), None));
    }
    if column.kind() != other.kind() || !column.kind().is_scalar() {
        return Err(Problem::new(format!(
            "{} holds {} in the {} table and {} in the {} table",
            code(column.name()),
            column.column.described(),
            table.role,
            other.column.described(),
            known.role
        )));
    }
    let occurring = table.occurring(&[column], known.role, Missing::NoKey);
    Ok((None, Some((column.null_count(&[]), occurring))))
}

/// Rows whose category `known` does not have, and these categories; none where there were too many to know.
fn new_in(ours: &Distribution, known: &Distribution) -> Option<(u64, Vec<String>)> {
    let empty = crate::stats::distribution::Categories::default();
    let categories = |of: &Distribution| match &of.shape {
        Shape::Categories(categories) => categories.clone(),
        // Not a value is there.
        Shape::Numbers(_) => empty.clone(),
    };
    let (ours, known) = (categories(ours), categories(known));
    if !ours.is_whole() || !known.is_whole() {
        return None;
    }
    let names: HashSet<&str> = known.counts.iter().map(|(name, _)| name.as_str()).collect();
    let new: Vec<&(String, u64)> = ours.counts.iter().filter(|(name, _)| !names.contains(name.as_str())).collect();
    Some((new.iter().map(|(_, count)| count).sum(), new.iter().map(|(name, _)| name.clone()).collect()))
}
