//! `mlgate status`: what a rollout does now. It moves and writes nothing.

use std::time::Duration;

use super::watch::same_model;
use super::{admit, open, stop_on_signals};
use crate::cli::rollout::StatusArgs;
use crate::commands::{Context, say};
use crate::integrations::http::block_on;
use crate::rollout::controls::Controls;
use crate::rollout::driver::now;
use crate::rollout::journal::{Entry, Stored};
use crate::rollout::levers::REGISTRY;
use crate::rollout::plan::Asker;
use crate::rollout::status::{Alias, Status};
use crate::rollout::{SlotOrder, Traffic};
use crate::support::log;
use crate::support::problem::{Exit, Failure, Problem};
use crate::support::words::code;

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

/// What decides which version users get: the router, or the alias where there is none.
struct Routing {
    traffic: Option<Result<Traffic, String>>,
    alias: Option<Result<Alias, String>>,
    problem: Option<Problem>,
}

impl Routing {
    async fn read(controls: &Controls, order: SlotOrder) -> Self {
        let levers = &controls.levers;
        let mut problem = None;
        let mut failed = |why: Problem| {
            let message = why.message.clone();
            problem = Some(why);
            message
        };
        let (mut traffic, mut alias) = (None, None);
        match (levers.router.exists(), &levers.registry) {
            (true, _) => traffic = Some(levers.router.split(order).read().await.map_err(&mut failed)),
            (false, Some(registry)) => {
                let version = registry.current().await.map_err(&mut failed);
                alias = Some(version.map(|version| Alias { name: registry.promote.clone(), version }));
            }
            (false, None) => {
                let unopened = levers.unopened.iter().find(|pulled| pulled.lever == REGISTRY);
                alias = unopened.map(|pulled| Err(failed(Problem::new(pulled.said.clone()))));
            }
        }
        Self { traffic, alias, problem }
    }
}

async fn show(controls: &Controls, name: &str, patience_seconds: f64, is_json: bool) -> Result<Shown, Failure> {
    let entry = match controls.journal.read().await? {
        Stored::Entry(entry, _) => *entry,
        Stored::Lost(why) => return Err(Failure::unmeasured(why)),
        Stored::Missing => {
            let Routing { traffic, alias, problem } = Routing::read(controls, SlotOrder::Configured).await;
            let weight = traffic.and_then(|traffic| Some(traffic.ok()?.weight));
            let slots = controls.slots.json(&Entry::unknown("", name, "", now()));
            let json = serde_json::json!({ "schema_version": 1, "state": "none", "weight": weight, "slots": slots });
            let said = weight.map_or(String::new(), |weight| format!("; the router gives the candidate {weight} %"));
            let alias = alias.and_then(Result::ok).and_then(|alias| Some((alias.name, alias.version?)));
            let said = alias.map_or(said, |(name, version)| format!("; {} is version {}", code(&name), code(&version)));
            let text =
                if is_json { format!("{json}\n") } else { format!("{}: there is no journal{said}\n", code(name)) };
            return Ok(Shown { text, is_over: true, problem });
        }
    };
    same_model(&entry, name)?;
    let Routing { traffic, alias, problem } = Routing::read(controls, entry.order).await;
    let status = Status { entry: &entry, slots: &controls.slots, traffic, alias, at: now(), patience_seconds };
    let text = if is_json { format!("{}\n", status.json()) } else { status.text() };
    Ok(Shown { text, is_over: !entry.is_open(), problem })
}
