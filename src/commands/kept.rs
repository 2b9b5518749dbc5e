//! What a run keeps for later ones: a profile, a fingerprint, a line of history.
#![expect(clippy::disallowed_methods, reason = "edge: reads and writes what is kept")]

use std::collections::{BTreeMap, BTreeSet};
use std::io::Read;
use std::path::{Path, PathBuf};

use crate::check::Asked;
use crate::cli::CheckArgs;
use crate::problem::{Failure, Problem};
use crate::profile::{self, Profile};
use crate::report::digest::Digest;
use crate::report::history;
use crate::statistic::{Detail, Key, Measured, Statistic, Value};
use crate::table::{Kind, Role, TableInfo};
use crate::words::code;
use crate::workspace::Workspace;

/// Where it is kept, and what was there before.
#[derive(Default)]
pub struct Kept {
    /// As the user wrote it, and where that is.
    pub profile: Option<(String, PathBuf)>,
    /// The history, and its runs.
    pub runs: Option<(PathBuf, Vec<Digest>)>,
}

impl Kept {
    /// # Errors
    /// A path that may not be written, a history that cannot be read.
    pub fn open(args: &CheckArgs, workspace: &Workspace) -> Result<Self, Failure> {
        let profile = match &args.save_profile {
            Some(path) if !path.ends_with(profile::ENDING) => {
                let said = format!("input save-profile: {} does not end in {}", code(path), profile::ENDING);
                return Err(Failure::usage(Problem::new(said).hint("a reference of that ending is read as a profile")));
            }
            Some(path) => Some((path.clone(), workspace.resolve_for_writing(path)?)),
            None => None,
        };
        let runs = match &args.history {
            Some(shown) => {
                let path = workspace.resolve_for_writing(shown)?;
                let runs = read(shown, &path).map_err(Failure::unmeasured)?;
                Some((path, runs))
            }
            None => None,
        };
        Ok(Self { profile, runs })
    }

    /// Adds the run to the history.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn remember(&self, run: Digest) -> Result<(), Problem> {
        let Some((path, runs)) = &self.runs else { return Ok(()) };
        write(path, &history::with(runs.clone(), run), "history")
    }
}

fn read(shown: &str, path: &Path) -> Result<Vec<Digest>, Problem> {
    // A file that is not there is a first run; a link to nothing is not.
    if path.symlink_metadata().is_err() {
        return Ok(Vec::new());
    }
    let broken =
        |error: std::io::Error| Problem::new(format!("the history {} could not be read: {error}", code(shown)));
    let file = std::fs::File::open(path).map_err(broken)?;
    let mut text = String::new();
    file.take(history::LARGEST + 1).read_to_string(&mut text).map_err(broken)?;
    if text.len() as u64 > history::LARGEST {
        return Err(Problem::new(format!("the history {} is larger than {} bytes", code(shown), history::LARGEST)));
    }
    history::parse(&text, shown)
}

/// Beside it first, so that a run that is killed leaves what was there.
fn write(path: &Path, text: &str, what: &str) -> Result<(), Problem> {
    let shown = code(&path.to_string_lossy());
    let broken = |error: std::io::Error| Problem::new(format!("the {what} {shown} could not be written: {error}"));
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).map_err(broken)?;
    }
    let mut beside = path.as_os_str().to_owned();
    beside.push(".new");
    std::fs::write(&beside, text).and_then(|()| std::fs::rename(&beside, path)).map_err(broken)
}

/// What has to be measured of the training table for what is kept.
pub fn keys(infos: &BTreeMap<Role, Result<TableInfo, Problem>>, fingerprint: bool, profile: bool) -> BTreeSet<Key> {
    let Some(Ok(table)) = infos.get(&Role::Training) else { return BTreeSet::new() };
    let asked = Asked { role: Role::Training, table };
    let mut keys: BTreeSet<Key> = fingerprint.then(|| asked.fingerprint()).into_iter().collect();
    if profile {
        let columns = table.columns.iter().filter(|column| !matches!(column.kind, Kind::Other(_)));
        keys.extend(columns.map(|column| distribution(&column.name)));
    }
    keys
}

fn distribution(column: &str) -> Key {
    let statistic = Statistic::Distribution { column: column.to_owned(), detail: Detail::Short };
    Key { table: Role::Training, statistic }
}

/// # Errors
/// The table could not be read, or the profile not written: who asked for one must not find an old one.
pub fn save_profile(
    infos: &BTreeMap<Role, Result<TableInfo, Problem>>,
    measured: &Measured,
    shown: &str,
    path: &Path,
) -> Result<(), Failure> {
    let unread = || Problem::new(format!("no profile was saved to {}: there is no training table", code(shown)));
    let table = infos.get(&Role::Training).ok_or_else(unread).and_then(|table| table.as_ref().map_err(Clone::clone));
    let profile = table.and_then(|table| {
        Profile::of(table, |column| match measured.get(&distribution(column)) {
            Some(Ok(Value::Distribution(distribution))) => Ok(std::sync::Arc::clone(distribution)),
            Some(Err(problem)) => Err(problem.clone()),
            _ => Err(Problem::new(format!("{} was not measured: this is a bug in mlgate", code(column)))),
        })
    });
    let written = profile.and_then(|profile| write(path, &profile.to_json(), "profile"));
    written.map_err(Failure::unmeasured)
}

/// # Errors
/// The table could not be read.
pub fn fingerprint(measured: &Measured) -> Result<Option<String>, Failure> {
    let found = measured.iter().find(|(key, _)| matches!(key.statistic, Statistic::Fingerprint { .. }));
    match found {
        Some((_, Ok(Value::Fingerprint(fingerprint)))) => Ok(Some(format!("{fingerprint:032x}"))),
        Some((_, Err(problem))) => Err(Failure::unmeasured(problem.clone())),
        _ => Ok(None),
    }
}
