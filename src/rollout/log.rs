//! The log of what the candidate predicts, judged by the data checks at every look: nulls, ranges, drift. Where its rows have times,
//! only those since the step began count.

use std::collections::{BTreeMap, BTreeSet};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Arc;

use tempfile::TempDir;

use crate::cli::CheckArgs;
use crate::config::{Config, DataSection, Entry};
use crate::data::candidate::Candidate;
use crate::data::table::{Role, TableInfo, files};
use crate::engine::{self, Opened, Progress, Source};
use crate::plan::gate;
use crate::plan::{self, CsvForm};
use crate::report::verdict::Status;
use crate::support::problem::{Failure, Problem};
use crate::support::words::code;
use crate::support::workspace::Workspace;

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

    /// Reads the log as it is now, of rows that are not older than `since`; both are seconds since 1970.
    pub fn judge(&self, at: f64, since: f64) -> Judged {
        match self.try_judge(at, since) {
            Ok(judged) => judged,
            Err(problem) => BTreeMap::from([("log".to_owned(), Err(problem.message))]),
        }
    }

    fn try_judge(&self, at: f64, since: f64) -> Result<Judged, Problem> {
        let first = |mut problems: Vec<Problem>| problems.swap_remove(0);
        let plan = plan::plan(self.config.clone(), &CheckArgs::default(), (at * 1e6) as i64).map_err(first)?;
        let csv = CsvForm { ..plan.csv.clone() };
        let (mut sources, mut infos): (BTreeMap<Role, Opened>, BTreeMap<Role, Result<TableInfo, Problem>>) =
            (BTreeMap::new(), BTreeMap::new());
        let scratch = scratch()?;
        for (role, path) in &plan.tables {
            let opened =
                files::find(path, &self.workspace).map_err(|failure| first(failure.problems)).and_then(|found| {
                    let csv = csv.clone().for_files(&found);
                    engine::open(found, csv)
                });
            let opened = match (&plan.timestamp, role) {
                (Some(column), Role::Training) => {
                    opened.and_then(|source| recent(&source, column, since, &scratch.path().join("recent.arrow")))
                }
                _ => opened,
            };
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

/// The rows since then, as a table of their own.
#[expect(clippy::disallowed_methods, reason = "edge: writes to the run's scratch folder")]
fn recent(source: &Source, column: &str, since: f64, path: &Path) -> Result<Source, Problem> {
    let made = |error: std::io::Error| Problem::new(format!("no file for the log's newest rows: {error}"));
    let file = std::fs::File::create_new(path).map_err(made)?;
    let shown = source.shown();
    if engine::rows_since(source, column, (since * 1e6) as i64, file, shown)? == 0 {
        return Err(Problem::new(format!("{} has no rows since the step began", code(shown))));
    }
    let first = |mut failure: Failure| failure.problems.swap_remove(0);
    let found = files::find(&path.to_string_lossy(), &Workspace::command_line()).map_err(first)?;
    let csv = CsvForm::default().for_files(&found);
    engine::open(found, csv)
}

fn scratch() -> Result<TempDir, Problem> {
    let private = std::fs::Permissions::from_mode(0o700);
    let made = tempfile::Builder::new().prefix("mlgate-").permissions(private).tempdir();
    made.map_err(|error| Problem::new(format!("no temporary folder for the log's newest rows: {error}")))
}
