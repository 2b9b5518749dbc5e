//! Columns that are compared between two tables, or kept as a profile: some at a time, as many as the memory holds.

use std::collections::{BTreeMap, BTreeSet};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use rayon::prelude::*;

use super::Opened;
use crate::distribution::summary::SHORT;
use crate::distribution::{Distribution, Numbers, Shape, Values};
use crate::drift::Contrast;
use crate::problem::Problem;
use crate::statistic::{Detail, Key, Measured, Statistic, Value};
use crate::table::Role;
use crate::words::code;

/// One column of one or two tables: what is collected of it, and what is asked.
#[derive(Debug, Default)]
pub struct Job {
    pub column: String,
    pub tables: BTreeSet<Role>,
    pub detail: Option<Detail>,
    keys: Vec<Key>,
}

/// Whether the key is about a column's distribution.
pub fn are_compared(key: &Key) -> bool {
    matches!(key.statistic, Statistic::Contrast { .. } | Statistic::Distribution { .. })
}

/// The jobs in groups of what fits into `memory` bytes together; what does not fit alone is summed up.
pub fn groups(keys: &BTreeSet<Key>, sources: &BTreeMap<Role, Opened>, memory: usize) -> Vec<Vec<Job>> {
    let mut jobs: BTreeMap<&str, Job> = BTreeMap::new();
    for key in keys {
        let (Statistic::Contrast { column, .. } | Statistic::Distribution { column, .. }) = &key.statistic else {
            continue;
        };
        let job = jobs.entry(column).or_insert_with(|| Job { column: column.clone(), ..Job::default() });
        job.tables.extend(key.tables());
        job.keys.push(key.clone());
    }
    let mut groups: Vec<(usize, Vec<Job>)> = Vec::new();
    for mut job in jobs.into_values() {
        let size: usize =
            job.tables.iter().filter_map(|role| sources.get(role)).map(|source| source.bytes_of(&job.column)).sum();
        job.detail = Some(if size > memory { Detail::Short } else { Detail::Whole });
        let size = if size > memory { 0 } else { size };
        match groups.last_mut() {
            Some((taken, group)) if *taken + size <= memory => {
                *taken += size;
                group.push(job);
            }
            _ => groups.push((size, vec![job])),
        }
    }
    groups.into_iter().map(|(_, group)| group).collect()
}

impl Job {
    /// What to collect of the table.
    pub fn collects(&self, role: Role) -> Option<Statistic> {
        let detail = self.detail.unwrap_or(Detail::Short);
        self.tables.contains(&role).then(|| Statistic::Distribution { column: self.column.clone(), detail })
    }

    /// Answers every key of the column, and lets go of its values.
    fn answer(&self, collected: &BTreeMap<(Role, &str), Result<Arc<Distribution>, Problem>>) -> Measured {
        let of = |role: Role| {
            let missing = || Err(Problem::new(format!("the {role} table was not read: this is a bug in mlgate")));
            collected.get(&(role, self.column.as_str())).cloned().unwrap_or_else(missing)
        };
        let answer = |key: &Key| -> Result<Value, Problem> {
            match &key.statistic {
                Statistic::Contrast { against, method, .. } => {
                    let (reference, current) = (of(*against)?, of(key.table)?);
                    Contrast::of(*method, &reference, &current).map(Value::Contrast).map_err(|problem| Problem {
                        message: format!("{}: {}", code(&self.column), problem.message),
                        ..problem
                    })
                }
                _ => of(key.table).map(|whole| Value::Distribution(Arc::new(shortened(&whole)))),
            }
        };
        self.keys.iter().map(|key| (key.clone(), answer(key))).collect()
    }
}

/// Answers the keys of a group from what its tables' scans collected.
pub fn answer(group: &[Job], collected: Measured) -> Measured {
    let mut by_column: BTreeMap<(Role, &str), Result<Arc<Distribution>, Problem>> = BTreeMap::new();
    for (key, value) in collected {
        if let Statistic::Distribution { column, .. } = &key.statistic
            && let Some(job) = group.iter().find(|job| job.column == *column)
        {
            let value = value.and_then(|value| match value {
                Value::Distribution(distribution) => Ok(distribution),
                _ => Err(Problem::new("a distribution has another type: this is a bug in mlgate")),
            });
            by_column.insert((key.table, &job.column), value);
        }
    }
    let answer = |job: &Job| catch_unwind(AssertUnwindSafe(|| job.answer(&by_column))).unwrap_or_default();
    group.par_iter().map(answer).reduce(Measured::new, |mut all, more| {
        all.extend(more);
        all
    })
}

/// With its numbers summed up.
fn shortened(whole: &Distribution) -> Distribution {
    let Distribution { missing, shape } = whole;
    let shape = match shape {
        Shape::Numbers(Numbers { values, measure }) => {
            let summary = match values {
                Values::Each(values) => crate::distribution::Summary::of_sorted(values),
                Values::Summed(summary) => summary.clone(),
            };
            Shape::Numbers(Numbers { values: Values::Summed(summary.pruned(SHORT)), measure: *measure })
        }
        Shape::Categories(categories) => Shape::Categories(categories.clone()),
    };
    Distribution { missing: *missing, shape }
}
