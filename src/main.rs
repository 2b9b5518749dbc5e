//! argv, run, exit code: the only place that exits.
#![expect(clippy::disallowed_methods, reason = "edge: the process")]

use std::process::ExitCode;

/// See Cargo.toml for what it is worth.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// How much of a Parquet file Polars has in hand at once: two row groups, each decoded by all threads
/// together. Its own choice takes half as much memory again and no less time (benches/README.md).
const IN_HAND: [(&str, &str); 2] =
    [("POLARS_ROW_GROUP_PREFETCH_SIZE", "2"), ("POLARS_PARQUET_DECODE_TARGET_VALUES_PER_THREAD", "250000")];

/// Signals that end a run at once, and the code that a shell gives them. A container's process 1 would not even
/// notice them (`man 7 pid_namespaces`), and a cancelled run would go on to comment.
const ENDINGS: [(i32, i32); 2] = [(signal_hook::consts::SIGINT, 130), (signal_hook::consts::SIGTERM, 143)];

/// What is said where a mapped file became shorter than what is read of it (`man 2 mmap`, SIGBUS): the engine cannot go on.
const SHRUNK: &[u8] =
    b"error: a file became shorter while it was read\n  hint: a table must not be written to while it is judged\n";

fn main() -> ExitCode {
    #[expect(unsafe_code, reason = "signal handlers that speak have no safe form")]
    // SAFETY: the handler calls `write` and `_exit` only, which are async-signal-safe (`man 7 signal-safety`).
    let _ = unsafe {
        signal_hook::low_level::register(signal_hook::consts::SIGBUS, || {
            let _ = rustix::io::write(std::io::stderr(), SHRUNK);
            signal_hook::low_level::exit(mlgate::support::problem::Exit::Unmeasured as i32);
        })
    };
    for (signal, code) in ENDINGS {
        // Where there is no handler, the run only ends as it did before.
        let _ = signal_hook::flag::register_conditional_shutdown(signal, code, mlgate::ENDS_AT_ONCE.switch());
    }
    let arguments: Vec<_> = std::env::args_os().collect();
    // An input that is not UTF-8 must not vanish: with characters replaced it is refused by whoever reads it.
    let text = |text: std::ffi::OsString| text.to_string_lossy().into_owned();
    let variables = std::env::vars_os().map(|(name, value)| (text(name), text(value))).collect();
    for (name, value) in IN_HAND.into_iter().filter(|(name, _)| std::env::var_os(name).is_none()) {
        #[expect(unsafe_code, reason = "Polars takes these settings from the environment alone")]
        // SAFETY: no other thread has been started that could read the environment meanwhile.
        unsafe {
            std::env::set_var(name, value);
        }
    }
    ExitCode::from(mlgate::run(arguments, variables) as u8)
}
