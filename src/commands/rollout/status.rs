//! `mlgate status`: what a rollout does now. It moves and writes nothing.

use std::time::Duration;

use super::watch::same_model;
use super::{admit, open, stop_on_signals};
use crate::cli::rollout::StatusArgs;
use crate::commands::{Context, say};
use crate::http::block_on;
use crate::log;
use crate::plan::rollout::Asker;
use crate::problem::{Exit, Failure, Problem};
use crate::rollout::controls::Controls;
use crate::rollout::driver::now;
use crate::rollout::journal::Stored;
use crate::rollout::status::Status;
use crate::words::code;

/// Prints what the journal and the router say; with `watch`, again and again until the rollout is over.
///
/// # Errors
/// Usage, a journal that cannot be read or is lost, a router that does not answer.
pub fn status(args: &StatusArgs, context: &Context) -> Result<Exit, Failure> {
    let workspace = admit(&args.common, context)?;
    let planned = open::planned(&args.common, Asker::Rollout, &workspace)?;
    let controls = planned.controls(&args.common, context, &workspace, stop_on_signals())?;
    let policy = &planned.plan.policy;
    let patience_seconds = planned.plan.heartbeat_seconds.max(3.0 * policy.interval_seconds);
    let is_json = args.json == Some(true);
    let is_redrawn = args.watch == Some(true) && !is_json;
    block_on(async {
        loop {
            let shown = show(&controls, &planned.name, patience_seconds, is_json).await?;
            if is_redrawn {
                log::redraw(&shown.text);
            } else {
                say(&shown.text);
            }
            if args.watch != Some(true) || shown.is_over || controls.is_stopped() {
                return match shown.problem {
                    Some(problem) => Err(Failure::unmeasured(problem)),
                    None => Ok(Exit::Passed),
                };
            }
            tokio::select! {
                () = controls.stopped() => {}
                () = tokio::time::sleep(Duration::from_secs_f64(policy.interval_seconds)) => {}
            }
        }
    })
    .map_err(Failure::unmeasured)?
}

/// What is printed once.
struct Shown {
    text: String,
    is_over: bool,
    problem: Option<Problem>,
}

async fn show(controls: &Controls, name: &str, patience_seconds: f64, is_json: bool) -> Result<Shown, Failure> {
    let entry = match controls.journal.read().await? {
        Stored::Entry(entry, _) => *entry,
        Stored::Lost(why) => return Err(Failure::unmeasured(why)),
        Stored::Missing => {
            let traffic = controls.levers.router.read().await;
            let weight = traffic.as_ref().ok().map(|traffic| traffic.weight);
            let json = serde_json::json!({ "schema_version": 1, "state": "none", "weight": weight });
            let said = weight.map_or(String::new(), |weight| format!("; the router gives the candidate {weight} %"));
            let text =
                if is_json { format!("{json}\n") } else { format!("{}: there is no journal{said}\n", code(name)) };
            return Ok(Shown { text, is_over: true, problem: traffic.err() });
        }
    };
    same_model(&entry, name)?;
    let (traffic, problem) = match controls.levers.router.read().await {
        Ok(traffic) => (Ok(traffic), None),
        Err(problem) => (Err(problem.message.clone()), Some(problem)),
    };
    let status = Status { entry: &entry, traffic, at: now(), patience_seconds };
    let text = if is_json { format!("{}\n", status.json()) } else { status.text() };
    Ok(Shown { text, is_over: !entry.is_open(), problem })
}
