//! Profiles as files: read, merged, written.
#![expect(clippy::disallowed_methods, reason = "edge: reads and writes profiles")]

use std::io::Read;
use std::path::Path;

use crate::problem::{Failure, Problem};
use crate::profile::{ENDING, LARGEST, Profile};
use crate::words::code;

/// # Errors
/// It cannot be read, or is no profile.
pub fn read(shown: &str, path: &Path) -> Result<Profile, Problem> {
    let broken = |error: std::io::Error| Problem::new(format!("{} could not be read: {error}", code(shown)));
    let file = std::fs::File::open(path).map_err(broken)?;
    let mut bytes = Vec::new();
    file.take(LARGEST + 1).read_to_end(&mut bytes).map_err(broken)?;
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
pub fn merge(profiles: &[String], output: Option<&str>) -> Result<(), Failure> {
    let profiles = profiles.iter().map(|shown| read(shown, Path::new(shown))).collect::<Result<Vec<_>, _>>();
    let merged = profiles.and_then(Profile::merged).map_err(Failure::unmeasured)?;
    let text = merged.to_json();
    let Some(shown) = output else {
        super::say(&text);
        return Ok(());
    };
    if !shown.ends_with(ENDING) {
        let said = format!("{} does not end in {ENDING}", code(shown));
        return Err(Failure::usage(Problem::new(said).hint("a reference of that ending is read as a profile")));
    }
    std::fs::write(shown, text)
        .map_err(|error| Failure::unmeasured(Problem::new(format!("{} could not be written: {error}", code(shown)))))
}
