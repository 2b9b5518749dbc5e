//! The log of what the candidate predicts, judged by the data checks at every look: nulls, ranges, drift.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::candidate::Candidate;
use crate::cli::CheckArgs;
use crate::config::{Config, DataSection, Entry};
use crate::engine::{self, Opened, Progress};
use crate::gate;
use crate::plan::{self, CsvForm};
use crate::problem::Problem;
use crate::table::{Role, TableInfo, files};
use crate::verdict::Status;
use crate::workspace::Workspace;

/// What each check says: nothing wrong, what is, or that it cannot say.
pub type Judged = BTreeMap<String, Result<Option<String>, String>>;

/// A log, what it is compared with, and the checks.
#[derive(Clone)]
pub struct Log {
    config: Config,
    workspace: Arc<Workspace>,
}

impl Log {
    /// # Errors
    /// Everything that is wrong with the checks.
    pub fn new(data: DataSection, entries: Vec<Entry>, workspace: Arc<Workspace>) -> Result<Self, Vec<Problem>> {
        let config = Config { data, entries, ..Config::default() };
        plan::plan(config.clone(), &CheckArgs::default(), 0)?;
        Ok(Self { config, workspace })
    }

    /// Reads the log as it is now.
    pub fn judge(&self, at: f64) -> Judged {
        match self.try_judge(at) {
            Ok(judged) => judged,
            Err(problem) => BTreeMap::from([("log".to_owned(), Err(problem.message))]),
        }
    }

    fn try_judge(&self, at: f64) -> Result<Judged, Problem> {
        let first = |mut problems: Vec<Problem>| problems.swap_remove(0);
        let plan = plan::plan(self.config.clone(), &CheckArgs::default(), (at * 1e6) as i64).map_err(first)?;
        let csv = CsvForm { ..plan.csv.clone() };
        let (mut sources, mut infos): (BTreeMap<Role, Opened>, BTreeMap<Role, Result<TableInfo, Problem>>) =
            (BTreeMap::new(), BTreeMap::new());
        for (role, path) in &plan.tables {
            let opened =
                files::find(path, &self.workspace).map_err(|failure| first(failure.problems)).and_then(|found| {
                    let csv = csv.clone().for_files(&found);
                    engine::open(found, csv)
                });
            match opened {
                Ok(source) => {
                    infos.insert(*role, Ok(source.info().clone()));
                    sources.insert(*role, Opened::Table(Box::new(source)));
                }
                Err(problem) => drop(infos.insert(*role, Err(problem))),
            }
        }
        let (memory, progress): (usize, Arc<Progress>) = (plan.memory, Arc::default());
        let verdicts = gate::judge(plan, &infos, &Candidate::default(), &|_| Vec::new(), |keys| {
            (engine::measure(&sources, keys, memory, &progress, &mut |_| ()), BTreeSet::new())
        });
        let judged = verdicts.into_iter().map(|(_, verdict)| {
            let said = verdict.message.clone();
            let came_to = match verdict.status {
                Status::Pass | Status::Warn => Ok(None),
                Status::Fail => Ok(Some(said)),
                Status::Inconclusive | Status::Skipped | Status::Error => Err(said),
            };
            (verdict.label(), came_to)
        });
        Ok(judged.collect())
    }
}
