//! The terminal and the runner's log: the one place that writes to them, and it escapes what it writes.
#![expect(clippy::disallowed_methods, reason = "edge: the process's standard output and error")]

pub mod command;
pub mod escape;

use std::io::{IsTerminal, Write};
use std::sync::atomic::{AtomicBool, Ordering};

use anstyle::AnsiColor;
pub use command::Command;

/// Writes lines; nobody listening any more is no reason to stop. Text that is safe by itself, as a command's product is,
/// comes out as it is.
pub fn say(text: &str) {
    let _ = std::io::stdout().write_all(escape::plain(text).as_bytes());
}

/// As [`say`], with colours where they are wanted.
pub fn say_styled(text: &str) {
    let _ = anstream::stdout().write_all(escape::styled(text).as_bytes());
}

/// Clears the screen and says a text from its top; below the last one where standard output is no terminal.
pub fn redraw(text: &str) {
    let mut output = std::io::stdout().lock();
    if output.is_terminal() {
        let _ = output.write_all(b"\x1b[H\x1b[2J");
    }
    let _ = output.write_all(escape::plain(text).as_bytes());
    let _ = output.flush();
}

/// What should be known and is no trouble.
pub fn note(text: &str) {
    say(&format!("note: {text}\n"));
}

/// Whether `--verbose` was given.
static VERBOSE: AtomicBool = AtomicBool::new(false);

/// Turns [`detail`] on or off.
pub fn set_verbose(verbose: bool) {
    VERBOSE.store(verbose, Ordering::Relaxed);
}

/// Writes what `--verbose` asks for to standard error.
pub fn detail(text: &str) {
    if VERBOSE.load(Ordering::Relaxed) {
        let _ = anstream::stderr().write_all(format!("{}\n", escape::plain(text)).as_bytes());
    }
}

pub fn warn(message: &str) {
    complain("warning:", AnsiColor::Yellow, message);
}

pub fn error(message: &str) {
    complain("error:", AnsiColor::Red, message);
}

/// Writes a command to the runner.
pub fn command(command: &Command) {
    let _ = std::io::stdout().write_all(format!("{command}\n").as_bytes());
}

/// Hides a secret in all that follows. By standard error, whose commands the runner takes too: standard output can be a
/// file that a step keeps, and a file neither hides the secret nor should hold it.
pub fn mask(secret: &str) {
    let mut error = std::io::stderr().lock();
    for mask in Command::masks(secret) {
        let _ = error.write_all(format!("{mask}\n").as_bytes());
    }
    let _ = error.flush();
}

/// Says what the command line's parser says: help and version as a product, all else as an error.
pub fn usage(error: &clap::Error) {
    let text = escape::styled(&error.render().ansi().to_string());
    let _ = if error.use_stderr() {
        anstream::stderr().write_all(text.as_bytes())
    } else {
        anstream::stdout().write_all(text.as_bytes())
    };
}

/// Whether somebody watches standard error.
pub fn is_watched() -> bool {
    std::io::stderr().is_terminal()
}

fn complain(word: &str, color: AnsiColor, message: &str) {
    let style = color.on_default().bold();
    let line = format!("{style}{word}{style:#} {}\n", escape::plain(message));
    let _ = anstream::stderr().write_all(line.as_bytes());
}

#[cfg(test)]
mod tests {
    #[test]
    fn nothing_else_writes_to_the_terminal() {
        let words = ["print!(", "println!(", "dbg!(", "stdout()", "stderr()", "error.print()", "::add-mask::"];
        // The child process of a model answers by frames on its standard output, which is a pipe; a signal's handler may
        // only write, and writes a text of its own.
        let but = [
            "main.rs",
            "support/log.rs",
            "support/log/command.rs",
            "runtime/onnx/child.rs",
            "stats/drift/false_alarms.rs",
            "stats/drift/power.rs",
        ];
        assert_eq!(crate::sources::lines_with(&words, &but), [""; 0]);
    }
}
