//! All statistics of two tables of a run, on their way through the scans.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::{Found, Handed, Pair, confirmed};
use crate::data::statistic::{Key, Measured, Statistic, Value};
use crate::data::table::Role;
use crate::engine::{Opened, Progress};
use crate::support::problem::Problem;

/// What the scans of two tables know of their common statistics.
pub type Pairs = BTreeMap<Statistic, Pair>;

/// All statistics of two tables of a run, on their way through the scans.
pub struct Table {
    keys: Vec<Key>,
    pub known: Pairs,
    found: BTreeMap<Statistic, Found>,
    wrong: Measured,
}

impl Table {
    pub fn of(keys: &BTreeSet<Key>, sources: &BTreeMap<Role, Opened>, memory: usize) -> Self {
        let mut all = Self { keys: Vec::new(), known: Pairs::new(), found: BTreeMap::new(), wrong: Measured::new() };
        for key in keys {
            let Statistic::Occurring { columns, within, missing } = &key.statistic else { continue };
            let table = |role: Role| {
                sources.get(&role).and_then(Opened::table).map(|source| (role, source)).ok_or_else(|| {
                    Problem::new(format!("the {role} table is a profile and has no rows")).hint("name the table itself")
                })
            };
            let pair = table(key.table).and_then(|here| Pair::new(columns, *missing, here, table(*within)?, memory));
            match pair {
                Ok(pair) => {
                    all.known.insert(key.statistic.clone(), pair);
                    all.keys.push(key.clone());
                }
                Err(problem) => {
                    all.wrong.insert(key.clone(), Err(problem));
                }
            }
        }
        all
    }

    /// Statistics that cannot be measured at all.
    pub fn problems(&mut self) -> Measured {
        std::mem::take(&mut self.wrong)
    }

    /// Tables whose keys are looked up come before those that they are looked up in.
    pub fn order(&self, role: Role) -> usize {
        let before = self.keys.iter().filter(|key| key.tables().nth(1) == Some(role)).map(|key| key.table);
        let before: BTreeSet<Role> = before.filter(|other| *other != role).collect();
        // No table is looked up in one that is looked up in it.
        before.into_iter().map(|other| 1 + self.order(other)).max().unwrap_or(0)
    }

    /// What the scan of this table has to collect or to look up.
    pub fn asks(&self, role: Role) -> Vec<Key> {
        let asks = |key: &&Key| {
            let looks_up = self.known.get(&key.statistic).is_some_and(|pair| pair.hashes.is_some());
            let is_within = matches!(&key.statistic, Statistic::Occurring { within, .. } if *within == role);
            if looks_up { is_within } else { key.table == role }
        };
        self.keys.iter().filter(asks).map(|key| Key { table: role, statistic: key.statistic.clone() }).collect()
    }

    /// What a scan found.
    pub fn take(&mut self, found: Measured) {
        for (key, value) in found {
            match value {
                Ok(Value::EngineState(state)) => match state.get() {
                    Some(Handed::Hashes(hashes)) => {
                        if let Some(pair) = self.known.remove(&key.statistic) {
                            self.known.insert(key.statistic, pair.with(Arc::clone(hashes)));
                        }
                    }
                    Some(Handed::Found(found)) => {
                        self.found.insert(key.statistic, found.clone());
                    }
                    None => {}
                },
                Ok(_) => {}
                Err(problem) => {
                    let (whose, others): (Vec<Key>, Vec<Key>) =
                        self.keys.drain(..).partition(|own| own.statistic == key.statistic);
                    self.keys = others;
                    self.wrong.extend(whose.into_iter().map(|key| (key, Err(problem.clone()))));
                }
            }
        }
    }

    /// The answers, once every table was scanned.
    pub fn confirmed(self, sources: &BTreeMap<Role, Opened>, memory: usize, progress: &Arc<Progress>) -> Measured {
        let Self { keys, known, found, mut wrong } = self;
        for key in keys {
            let Statistic::Occurring { within, .. } = &key.statistic else { continue };
            let table = |role: &Role| sources.get(role).and_then(Opened::table);
            let value = match (known.get(&key.statistic), found.get(&key.statistic), table(&key.table), table(within)) {
                (Some(pair), Some(found), Some(here), Some(there)) => {
                    confirmed(pair, found, (here, there), memory, progress)
                }
                _ => Err(Problem::new("two tables were not compared: this is a bug in mlgate")),
            };
            wrong.insert(key, value);
        }
        wrong
    }
}
