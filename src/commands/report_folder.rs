//! The folder of a run's reports: one run at a time.
#![expect(clippy::disallowed_methods, reason = "edge: looks for an earlier report")]

use std::ffi::OsString;
use std::path::Path;

use super::tell::JSON;
use super::{Context, warn};
use crate::support::problem::{Failure, Problem};
use crate::support::words::code;
use crate::support::workspace::{OutputFolder, Workspace};

pub const USUAL: &str = "mlgate-report";

/// Opens the folder of the reports, which no other run has open.
///
/// # Errors
/// Usage: a path that may not be written, or another run that writes there. Unmeasured: it cannot be created.
pub fn open(path: Option<&str>, workspace: &Workspace) -> Result<OutputFolder, Failure> {
    let path = path.unwrap_or(USUAL);
    let folder = workspace.output_folder(path)?.map_err(|error| {
        let problem = Problem::new(format!("the report folder {} could not be made: {error}", code(path)));
        Failure::unmeasured(problem.hint("name another folder with `report-dir`"))
    })?;
    match folder.lock() {
        Ok(true) => Ok(folder),
        Ok(false) => {
            let problem = Problem::new(format!("another run writes its report to {}", code(path)));
            Err(Failure::usage(problem.hint("let it finish first, or name another folder with `report-dir`")))
        }
        Err(error) => {
            warn(&format!("the report folder {} could not be locked against other runs: {error}", code(path)));
            Ok(folder)
        }
    }
}

/// Says of a command line that could not be understood whether an earlier run's report stands where it would have written its own.
pub fn earlier_report(arguments: &[OsString], context: &Context) {
    let words: Vec<_> = arguments.iter().skip(1).map(|word| word.to_string_lossy()).collect();
    let command = words.iter().find(|word| !word.starts_with('-'));
    if context.is_action || command.is_none_or(|word| word != "check") {
        return;
    }
    let mut named = words.iter().enumerate().filter_map(|(at, word)| match word.strip_prefix("--report-dir") {
        Some("") => words.get(at + 1).map(|next| next.clone().into_owned()),
        Some(rest) => rest.strip_prefix('=').map(ToOwned::to_owned),
        None => None,
    });
    let folder = named.next_back().unwrap_or_else(|| USUAL.to_owned());
    let report = Path::new(&folder).join(JSON);
    if report.symlink_metadata().is_ok() {
        warn(&format!("{} is from an earlier run: this one wrote no report", code(&report.to_string_lossy())));
    }
}
