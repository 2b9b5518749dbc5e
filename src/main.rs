//! argv, run, exit code: the only place that exits.
#![expect(clippy::disallowed_methods, reason = "edge: the process")]

use std::process::ExitCode;

fn main() -> ExitCode {
    let arguments: Vec<_> = std::env::args_os().collect();
    // Text that is not UTF-8 is no input of ours; names that are not, neither.
    let variables =
        std::env::vars_os().filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)));
    ExitCode::from(mlgate::run(arguments, variables.collect()) as u8)
}
