//! What a run keeps for later ones: a profile, a fingerprint, a line of history.
#![expect(clippy::disallowed_methods, reason = "edge: reads and writes what is kept")]

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::Path;

use crate::checks::check::{Asked, Unjudged};
use crate::cli::CheckArgs;
use crate::data::profile::{self, Profile};
use crate::data::statistic::{Detail, Key, Measured, Statistic, Value};
use crate::data::table::{Role, TableInfo};
use crate::report::digest::Digest;
use crate::report::history;
use crate::support::problem::{Failure, Problem};
use crate::support::words::code;
use crate::support::workspace::{OutputFile, PendingFile, Workspace};

/// Where it is kept, and what was there before.
#[derive(Default)]
pub struct Kept {
    /// As the user wrote it, and what is written.
    pub profile: Option<(String, OutputFile)>,
    /// The history's runs.
    pub runs: Option<Vec<Digest>>,
    /// The path of the history, and the file that will be it, which can be written: who cannot remember starts nothing.
    history: Option<(String, RefCell<Option<PendingFile>>)>,
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
            let file = workspace.output_file(shown)?;
            let file = file.map_err(|error| Failure::unmeasured(unwritten("profile", shown, &error)))?;
            // An old profile must not stand there as if it were this run's, unless this run is compared with it.
            let path = Path::new(shown);
            let is_reference = reference.is_some_and(|reference| {
                Path::new(reference).canonicalize().ok().is_some_and(|other| path.canonicalize().ok() == Some(other))
            });
            if !is_reference {
                file.remove().map_err(|error| {
                    let said = format!("the earlier profile {} could not be removed: {error}", code(shown));
                    Failure::unmeasured(Problem::new(said))
                })?;
            }
            kept.profile = Some((shown.clone(), file));
        }
        if let Some(shown) = &args.history {
            let unwritten = |error: io::Error| Failure::unmeasured(unwritten("history", shown, &error));
            let file = workspace.output_file(shown)?.map_err(unwritten)?;
            let runs = if file.exists() { read(shown, workspace)? } else { Ok(Vec::new()) };
            kept.runs = Some(runs.map_err(Failure::unmeasured)?);
            kept.history = Some((shown.clone(), RefCell::new(Some(file.prepare().map_err(unwritten)?))));
        }
        Ok(kept)
    }

    /// Adds the run to the history.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn remember(&self, run: Digest) -> Result<(), Problem> {
        let (Some((shown, pending)), Some(runs)) = (&self.history, &self.runs) else { return Ok(()) };
        let Some(pending) = pending.take() else { return Ok(()) };
        let text = history::with(runs.clone(), run);
        pending.commit(text.as_bytes()).map_err(|error| unwritten("history", shown, &error))
    }
}

fn unwritten(what: &str, shown: &str, error: &io::Error) -> Problem {
    Problem::new(format!("the {what} {} could not be written: {error}", code(shown)))
}

/// A history that is there; a link to nothing is none.
fn read(shown: &str, workspace: &Workspace) -> Result<Result<Vec<Digest>, Problem>, Failure> {
    let broken = |error: io::Error| Problem::new(format!("the history {} could not be read: {error}", code(shown)));
    let bytes = workspace.open(shown)?.and_then(|mut file| file.read(history::LARGEST));
    Ok(bytes.map_err(broken).and_then(|bytes| {
        if bytes.len() as u64 > history::LARGEST {
            return Err(Problem::new(format!("the history {} is larger than {} bytes", code(shown), history::LARGEST)));
        }
        let text =
            String::from_utf8(bytes).map_err(|error| broken(io::Error::new(io::ErrorKind::InvalidData, error)))?;
        history::parse(&text, shown)
    }))
}

/// What has to be measured for what is kept: of the training table, and which files all tables are.
pub fn keys(infos: &BTreeMap<Role, Result<TableInfo, Problem>>, fingerprint: bool, profile: bool) -> BTreeSet<Key> {
    let mut keys = BTreeSet::new();
    if fingerprint {
        // A profile has no files.
        let tables = infos.iter().filter(|(_, info)| info.as_ref().is_ok_and(|info| !info.files.is_empty()));
        keys.extend(tables.map(|(role, _)| Key { table: *role, statistic: Statistic::FileDigest }));
    }
    let Some(Ok(table)) = infos.get(&Role::Training) else { return keys };
    let unjudged = Unjudged::default();
    let asked = Asked { role: Role::Training, table, unjudged: &unjudged, compared: None };
    keys.extend(fingerprint.then(|| asked.fingerprint()));
    if profile {
        let columns = table.columns.iter().filter(|column| column.kind.is_scalar());
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
    file: &OutputFile,
) -> Result<(), Problem> {
    let unread = || Problem::new(format!("no profile was saved to {}: there is no training table", code(shown)));
    let table = infos.get(&Role::Training).ok_or_else(unread)?.as_ref().map_err(Clone::clone)?;
    let profile = Profile::of(table, |column| match measured.get(&distribution(column)) {
        Some(Ok(Value::Distribution(distribution))) => Ok(std::sync::Arc::clone(distribution)),
        Some(Err(problem)) => Err(problem.clone()),
        _ => Err(Problem::new(format!("{} was not measured: this is a bug in mlgate", code(column)))),
    })?;
    file.write(profile.to_json().as_bytes()).map_err(|error| unwritten("profile", shown, &error))
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
