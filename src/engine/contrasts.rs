//! Columns that are compared between two tables, or kept as a profile: some at a time, as many as the memory holds.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use rayon::prelude::*;

use super::Opened;
use super::accumulate::SHORT_SHARE;
use super::distribution::Budget;
use crate::data::statistic::{Detail, Key, Measured, Statistic, Value};
use crate::data::table::Role;
use crate::stats::distribution::summary::SHORT;
use crate::stats::distribution::{Distribution, Numbers, Shape, Values};
use crate::stats::drift::Contrast;
use crate::support::problem::Problem;
use crate::support::words::code;

/// One column of one or two tables: what is collected of it, and what is asked.
#[derive(Debug, Default)]
pub struct Job {
    pub column: String,
    pub tables: BTreeSet<Role>,
    pub detail: Option<Detail>,
    keys: Vec<Key>,
}

/// Columns that are collected together, and the bytes that they may take.
#[derive(Debug)]
pub struct Group {
    pub jobs: Vec<Job>,
    pub budget: Arc<Budget>,
}

impl Default for Group {
    fn default() -> Self {
        Self { jobs: Vec::new(), budget: Arc::new(Budget::unlimited()) }
    }
}

/// Whether the key is about a column's distribution.
pub fn are_compared(key: &Key) -> bool {
    matches!(key.statistic, Statistic::Contrast { .. } | Statistic::Distribution { .. })
}

/// The columns in groups of what fits into `memory` bytes together, as far as is known before they are read: what
/// does not fit then is measured in another group. What does not fit alone is summed up.
pub fn groups(keys: &BTreeSet<Key>, sources: &BTreeMap<Role, Opened>, memory: usize) -> VecDeque<Group> {
    let mut jobs: BTreeMap<&str, Job> = BTreeMap::new();
    for key in keys {
        let (Statistic::Contrast { column, .. } | Statistic::Distribution { column, .. }) = &key.statistic else {
            continue;
        };
        let job = jobs.entry(column).or_insert_with(|| Job { column: column.clone(), ..Job::default() });
        job.tables.extend(key.tables());
        job.keys.push(key.clone());
    }
    let groups = grouped(jobs.into_values().collect(), memory, |job| job.bytes(sources, Opened::bytes_of));
    groups.into_iter().map(|jobs| Group { jobs, budget: Arc::new(Budget::of(memory)) }).collect()
}

/// Columns that had no room, in groups that have it whatever they hold.
pub fn regrouped(jobs: Vec<Job>, sources: &BTreeMap<Role, Opened>, memory: usize) -> Vec<Group> {
    let groups = grouped(jobs, memory, |job| job.bytes(sources, Opened::most_bytes_of));
    groups.into_iter().map(|jobs| Group { jobs, ..Group::default() }).collect()
}

fn grouped(jobs: Vec<Job>, memory: usize, bytes: impl Fn(&Job) -> usize) -> Vec<Vec<Job>> {
    let mut groups: Vec<(usize, Vec<Job>)> = Vec::new();
    for mut job in jobs {
        let size = bytes(&job);
        job.detail = Some(if size > memory { Detail::Short } else { Detail::Whole });
        let size = if size > memory { job.tables.len() * memory / SHORT_SHARE } else { size };
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
    /// Of all its tables.
    fn bytes(&self, sources: &BTreeMap<Role, Opened>, of: impl Fn(&Opened, &str) -> usize) -> usize {
        self.tables.iter().filter_map(|role| sources.get(role)).map(|source| of(source, &self.column)).sum()
    }

    /// What to collect of the table.
    pub fn collects(&self, role: Role) -> Option<Statistic> {
        let detail = self.detail.unwrap_or(Detail::Short);
        self.tables.contains(&role).then(|| Statistic::Distribution { column: self.column.clone(), detail })
    }

    /// Answers every key of the column.
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

/// Answers the keys of a group from what its tables' scans collected; also returns the columns that had no room.
pub fn answer(group: Group, collected: Measured) -> (Measured, Vec<Job>) {
    let jobs: BTreeMap<&str, &Job> = group.jobs.iter().map(|job| (job.column.as_str(), job)).collect();
    let mut by_column: BTreeMap<(Role, &str), Result<Arc<Distribution>, Problem>> = BTreeMap::new();
    let mut without: BTreeSet<String> = BTreeSet::new();
    for (key, value) in collected {
        if let Statistic::Distribution { column, .. } = &key.statistic
            && let Some(job) = jobs.get(column.as_str())
        {
            let value = match value {
                Ok(Value::Distribution(distribution)) => Ok(distribution),
                Ok(Value::NoRoom) => {
                    without.insert(column.clone());
                    continue;
                }
                Ok(_) => Err(Problem::new("a distribution has another type: this is a bug in mlgate")),
                Err(problem) => Err(problem),
            };
            by_column.insert((key.table, &job.column), value);
        }
    }
    let answer = |job: &Job| catch_unwind(AssertUnwindSafe(|| job.answer(&by_column))).unwrap_or_default();
    let had_room = group.jobs.par_iter().filter(|job| !without.contains(&job.column));
    let measured = had_room.map(answer).reduce(Measured::new, |mut all, more| {
        all.extend(more);
        all
    });
    drop(by_column);
    (measured, group.jobs.into_iter().filter(|job| without.contains(&job.column)).collect())
}

/// With its numbers summed up.
fn shortened(whole: &Distribution) -> Distribution {
    let Distribution { missing, shape } = whole;
    let shape = match shape {
        Shape::Numbers(Numbers { values, measure }) => {
            Shape::Numbers(Numbers { values: Values::Summed(values.summary().pruned(SHORT)), measure: *measure })
        }
        Shape::Categories(categories) => Shape::Categories(categories.clone()),
    };
    Distribution { missing: *missing, shape }
}
