//! argv, run, exit code: the only place that exits.
#![expect(clippy::disallowed_methods, reason = "edge: the process")]

use std::process::ExitCode;

/// See Cargo.toml for what it is worth.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// How many row groups Polars decodes ahead. Its own choice takes a third more memory and no less time.
const AHEAD: (&str, &str) = ("POLARS_ROW_GROUP_PREFETCH_SIZE", "2");

fn main() -> ExitCode {
    let arguments: Vec<_> = std::env::args_os().collect();
    // Text that is not UTF-8 is no input of ours; names that are not, neither.
    let variables =
        std::env::vars_os().filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)));
    let variables = variables.collect();
    if std::env::var_os(AHEAD.0).is_none() {
        #[expect(unsafe_code, reason = "Polars takes this setting from the environment alone")]
        // SAFETY: no other thread has been started that could read the environment meanwhile.
        unsafe {
            std::env::set_var(AHEAD.0, AHEAD.1);
        }
    }
    ExitCode::from(mlgate::run(arguments, variables) as u8)
}
