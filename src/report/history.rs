//! A file of what earlier runs measured: a line of JSON a run, the newest last.

use super::digest::Digest;
use crate::support::problem::Problem;
use crate::support::words::code;

/// Runs that a file keeps.
const KEPT: usize = 200;
/// Bytes of such a file.
pub const LARGEST: u64 = 20_000_000;

/// The runs of a file.
///
/// # Errors
/// A line is none.
pub fn parse(text: &str, shown: &str) -> Result<Vec<Digest>, Problem> {
    let lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
    let read = |(at, line): (usize, &str)| {
        serde_json::from_str(line).map_err(|error| {
            Problem::new(format!("{} holds no run in line {}: {error}", code(shown), at + 1))
                .hint("every line is written by a run of mlgate; a file that is not there is a first run")
        })
    };
    lines.map(read).collect()
}

/// What the last of them knows of all.
pub fn last(runs: &[Digest]) -> Option<Digest> {
    runs.iter().fold(None, |known: Option<Digest>, run| Some(run.bare().following(known.as_ref())))
}

/// The file with one more run, which takes the place of an earlier try of it.
pub fn with(mut runs: Vec<Digest>, run: Digest) -> String {
    let id = run.run.map(|(id, _)| id);
    runs.retain(|earlier| id.is_none() || earlier.run.map(|(id, _)| id) != id);
    runs.push(run);
    let first = runs.len().saturating_sub(KEPT);
    // Text keys and finite numbers: there is nothing that could fail.
    runs[first..].iter().map(|run| serde_json::to_string(&run.bare()).unwrap_or_default() + "\n").collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::sample;

    #[test]
    fn a_file_of_runs_says_what_each_check_had() {
        let mut text = String::new();
        for (run, observed) in [(1, 10.0), (2, 20.0), (2, 25.0), (3, 30.0)] {
            let mut report = sample::passed();
            report.pipeline.run_id = Some(run);
            report.gates[0].checks[0].observed = Some(observed);
            let runs = parse(&text, "history.jsonl").unwrap();
            text = with(runs, Digest::of(&report));
        }
        let runs = parse(&text, "history.jsonl").unwrap();
        assert_eq!(runs.len(), 3);
        let title = sample::passed().gates[0].checks[0].title();
        let last = last(&runs).unwrap();
        assert_eq!(last.past(&title, None), [10.0, 25.0, 30.0]);
        assert_eq!(last.past(&title, Some((3, 2))), [10.0, 25.0]);
        assert!(parse("{\"result\":\"passed\"", "history.jsonl").is_err());
    }
}
