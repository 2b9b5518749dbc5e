//! The quality gate of machine-learning delivery.
//!
//! Data flows one way: inputs → config → plan → statistics → verdicts → report → sinks. Modules
//! stand in that order; ARCHITECTURE.md says which of them touch the world.

pub mod support;
pub mod cli;
pub mod stats;
pub mod data;
pub mod integrations;
pub mod report;
pub mod checks;
pub mod config;
pub mod engine;
pub mod runtime;
pub mod plan;
pub mod rollout;
pub mod commands;
#[cfg(test)]
mod hostile;
#[cfg(test)]
mod sources;

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, LazyLock};

use clap::Parser as _;

use crate::support::problem::{Exit, Failure};
use cli::{Cli, Command, ProfileCommand};
use commands::Context;
use rollout::request::RequestKind;

/// Whether a signal ends the process at once; commands that have something to put back see to it themselves.
pub static ENDS_AT_ONCE: Ending = Ending(LazyLock::new(|| Arc::new(AtomicBool::new(true))));

/// A switch that signal handlers read.
pub struct Ending(LazyLock<Arc<AtomicBool>>);

impl Ending {
    pub fn switch(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.0)
    }

    pub fn store(&self, ends: bool) {
        self.0.store(ends, Ordering::SeqCst);
    }
}

/// Runs one command; never panics.
pub fn run(arguments: Vec<OsString>, variables: BTreeMap<String, String>) -> Exit {
    commands::quiet_panics();
    support::workspace::descriptors::raise_limit();
    let context = Context::new(&arguments, variables);
    if commands::rollout::is_post(&arguments) {
        let undone = catch_unwind(AssertUnwindSafe(|| commands::rollout::post(&context)));
        return undone
            .map_or_else(|_| context.panicked(), |ended| ended.unwrap_or_else(|failure| context.failed(&failure)));
    }
    catch_unwind(AssertUnwindSafe(|| dispatch(arguments, &context))).unwrap_or_else(|_| context.panicked())
}

fn dispatch(arguments: Vec<OsString>, context: &Context) -> Exit {
    let begun = context.begin().inspect_err(|failure| commands::check::refused(failure, context));
    let ended = begun.and_then(|()| {
        let arguments =
            context.arguments(arguments).inspect_err(|failure| commands::check::refused(failure, context))?;
        let cli = match Cli::try_parse_from(&arguments) {
            Ok(cli) => cli,
            Err(error) => {
                let ended = context.usage(&error).inspect_err(|failure| commands::check::refused(failure, context));
                if matches!(ended, Ok(Exit::Usage)) {
                    commands::report_folder::earlier_report(&arguments, context);
                }
                return ended;
            }
        };
        support::log::set_verbose(cli.verbose);
        match cli.command {
            Command::Check(args) => commands::check::run(&args, &arguments, context),
            Command::Comment(args) => commands::comment::run(&args, context),
            Command::Rollout(args) => commands::rollout::run(&args, context),
            Command::Watch(args) => commands::rollout::watch(&args, context),
            Command::Rollback(args) => commands::rollout::rollback(&args, context),
            Command::Status(args) => commands::rollout::status(&args, context),
            Command::Abort(args) => commands::rollout::request(RequestKind::Abort, &args, context),
            Command::Pause(args) => commands::rollout::request(RequestKind::Pause, &args, context),
            Command::Resume(args) => commands::rollout::request(RequestKind::Resume, &args, context),
            Command::Approve(args) => commands::rollout::request(RequestKind::Approve, &args, context),
            Command::Promote(args) => commands::rollout::promote(&args, context),
            Command::Suggest(args) => commands::suggest(&args, context),
            Command::Profile { command: ProfileCommand::Merge { profiles, output } } => {
                let workspace = context.workspace(None, commands::Foreign::Refused)?;
                commands::profile::merge(&profiles, output.as_deref(), &workspace).map(|()| Exit::Passed)
            }
            Command::Explain { check } => commands::explain(&check),
            Command::Schema => commands::schema(),
            Command::RunModel(args) => Ok(commands::run_model(&args)),
            Command::Generate { folder } => commands::generate(&folder),
        }
    });
    ended.unwrap_or_else(|failure: Failure| context.failed(&failure))
}
