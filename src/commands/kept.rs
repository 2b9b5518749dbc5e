//! What a run keeps for later ones: a profile, a fingerprint, a line of history.
#![expect(clippy::disallowed_methods, reason = "edge: reads and writes what is kept")]

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::io::{Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

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
    /// The history's runs.
    pub runs: Option<Vec<Digest>>,
    /// Where the history will be, beside which it can be written: who cannot remember starts nothing.
    history: Option<(PathBuf, RefCell<Option<NamedTempFile>>)>,
}

impl Kept {
    /// `reference` is the table that the run compares with.
    ///
    /// # Errors
    /// A path that may not be written, a history that cannot be read.
    pub fn open(args: &CheckArgs, reference: Option<&str>, workspace: &Workspace) -> Result<Self, Failure> {
        let mut kept = Self::default();
        if let Some(shown) = &args.save_profile {
            if !shown.ends_with(profile::ENDING) {
                let said = format!("input save-profile: {} does not end in {}", code(shown), profile::ENDING);
                return Err(Failure::usage(Problem::new(said).hint("a reference of that ending is read as a profile")));
            }
            let path = workspace.resolve_for_writing(shown)?;
            // An old profile must not stand there as if it were this run's, unless this run is compared with it.
            let is_reference = reference.is_some_and(|reference| {
                Path::new(reference).canonicalize().ok().is_some_and(|other| path.canonicalize().ok() == Some(other))
            });
            if !is_reference && path.symlink_metadata().is_ok() {
                std::fs::remove_file(&path).map_err(|error| {
                    let said = format!("the earlier profile {} could not be removed: {error}", code(shown));
                    Failure::unmeasured(Problem::new(said))
                })?;
            }
            kept.profile = Some((shown.clone(), path));
        }
        if let Some(shown) = &args.history {
            let path = workspace.resolve_for_writing(shown)?;
            kept.runs = Some(read(shown, &path).map_err(Failure::unmeasured)?);
            let beside = beside(&path).map_err(|error| Failure::unmeasured(unwritten("history", &path, &error)))?;
            kept.history = Some((path, RefCell::new(Some(beside))));
        }
        Ok(kept)
    }

    /// Adds the run to the history.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn remember(&self, run: Digest) -> Result<(), Problem> {
        let (Some((path, beside)), Some(runs)) = (&self.history, &self.runs) else { return Ok(()) };
        let Some(beside) = beside.take() else { return Ok(()) };
        put(beside, path, &history::with(runs.clone(), run)).map_err(|error| unwritten("history", path, &error))
    }
}

/// A file of its own in the same folder: what is written first there leaves the old one whole until the end, and
/// follows nobody's link.
fn beside(path: &Path) -> std::io::Result<NamedTempFile> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    std::fs::create_dir_all(folder)?;
    let readable = std::fs::Permissions::from_mode(0o644);
    tempfile::Builder::new().prefix(".mlgate-").permissions(readable).tempfile_in(folder)
}

fn put(mut beside: NamedTempFile, path: &Path, text: &str) -> std::io::Result<()> {
    beside.write_all(text.as_bytes())?;
    beside.persist(path).map(|_| ()).map_err(|error| error.error)
}

fn unwritten(what: &str, path: &Path, error: &std::io::Error) -> Problem {
    Problem::new(format!("the {what} {} could not be written: {error}", code(&path.to_string_lossy())))
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
) -> Result<(), Problem> {
    let unread = || Problem::new(format!("no profile was saved to {}: there is no training table", code(shown)));
    let table = infos.get(&Role::Training).ok_or_else(unread)?.as_ref().map_err(Clone::clone)?;
    let profile = Profile::of(table, |column| match measured.get(&distribution(column)) {
        Some(Ok(Value::Distribution(distribution))) => Ok(std::sync::Arc::clone(distribution)),
        Some(Err(problem)) => Err(problem.clone()),
        _ => Err(Problem::new(format!("{} was not measured: this is a bug in mlgate", code(column)))),
    })?;
    beside(path)
        .and_then(|beside| put(beside, path, &profile.to_json()))
        .map_err(|error| unwritten("profile", path, &error))
}

/// # Errors
/// The table could not be read.
pub fn fingerprint(measured: &Measured) -> Result<Option<String>, Problem> {
    let found = measured.iter().find(|(key, _)| matches!(key.statistic, Statistic::Fingerprint { .. }));
    match found {
        Some((_, Ok(Value::Fingerprint(fingerprint)))) => Ok(Some(format!("{fingerprint:032x}"))),
        Some((_, Err(problem))) => Err(problem.clone()),
        _ => Ok(None),
    }
}
