//! Profiles as files: read, merged, written.

use crate::data::profile::{ENDING, LARGEST, Profile};
use crate::support::problem::{Failure, Problem};
use crate::support::words::code;
use crate::support::workspace::Workspace;

/// # Errors
/// The outer one ends the run: a path that may not be read. The inner one: it cannot be read, or is no profile.
pub fn read(shown: &str, workspace: &Workspace) -> Result<Result<Profile, Problem>, Failure> {
    let bytes = workspace.open(shown)?.and_then(|mut file| file.read(LARGEST));
    Ok(bytes
        .map_err(|error| Problem::new(format!("{} could not be read: {error}", code(shown))))
        .and_then(|bytes| parse(shown, bytes)))
}

fn parse(shown: &str, bytes: Vec<u8>) -> Result<Profile, Problem> {
    if bytes.len() as u64 > LARGEST {
        return Err(Problem::new(format!("{} is larger than a profile may be, {LARGEST} bytes", code(shown))));
    }
    let text = String::from_utf8(bytes).map_err(|_| {
        Problem::new(format!("{} is no profile: it is not UTF-8", code(shown)))
            .hint("`mlgate check --data TABLE --save-profile FILE.profile.json` makes one of a table")
    })?;
    Profile::parse(&text, shown)
}

/// Merges profiles into one, and hands it over.
///
/// # Errors
/// One cannot be read, they are not of one table, or the output cannot be written.
pub fn merge(profiles: &[String], output: Option<&str>, workspace: &Workspace) -> Result<(), Failure> {
    let profiles = profiles.iter().map(|shown| read(shown, workspace)).collect::<Result<Vec<_>, Failure>>()?;
    let profiles = profiles.into_iter().collect::<Result<Vec<_>, Problem>>();
    let merged = profiles.and_then(Profile::merged).map_err(Failure::unmeasured)?;
    let text = merged.to_json();
    let Some(shown) = output else {
        super::say(&crate::support::log::escape::json(&text));
        return Ok(());
    };
    if !shown.ends_with(ENDING) {
        let said = format!("{} does not end in {ENDING}", code(shown));
        return Err(Failure::usage(Problem::new(said).hint("a reference of that ending is read as a profile")));
    }
    workspace
        .output_file(shown)?
        .and_then(|file| file.write(text.as_bytes()))
        .map_err(|error| Failure::unmeasured(Problem::new(format!("{} could not be written: {error}", code(shown)))))
}
