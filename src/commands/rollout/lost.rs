//! A journal whose word does not count: nothing is promoted and no alias is moved; stable gets its traffic back where
//! both have some.

use super::{announce, open, tell};
use crate::cli::rollout::Common;
use crate::commands::Context;
use crate::http::block_on;
use crate::problem::{Exit, Failure, Problem};
use crate::rollout::driver::{Journey, World, now};
use crate::rollout::journal::Entry;
use crate::rollout::{Ended, Outcome, Traffic};
use crate::workspace::Workspace;

/// What a command was about.
pub struct About<'a> {
    pub common: &'a Common,
    pub context: &'a Context,
    pub workspace: &'a Workspace,
    pub planned: &'a open::Planned,
}

/// Restores stable where the router shows a split, and reports why.
///
/// # Errors
/// The outputs of an Action could not be written.
pub fn end(world: &World, about: &About<'_>, why: Problem) -> Result<Exit, Failure> {
    let journey = block_on(restore(world, about, why)).map_err(Failure::unmeasured)?;
    if journey.levers.iter().all(|pulled| pulled.is_done) {
        open::remember(about.context, false);
    }
    announce::end(about.common, about.context, &about.planned.plan, None, &journey);
    announce::message(about.context, &about.planned.notify, &journey);
    tell::end(about.common, about.context, about.workspace, &journey)
}

async fn restore(world: &World, about: &About<'_>, why: Problem) -> Journey {
    let planned = about.planned;
    let found = world.levers.router.read().await;
    let (mut levers, mut problems) = (Vec::new(), Vec::new());
    let outcome = match &found {
        Ok(traffic) if is_split(*traffic) => {
            let restored = world.levers.restore_traffic().await;
            let said = if restored.is_done {
                "stable has all of the traffic again"
            } else {
                "stable's traffic could not be restored"
            };
            levers.push(restored);
            said.to_owned()
        }
        Ok(Traffic { weight: 0, .. }) => "nothing was moved: stable has all of the traffic".to_owned(),
        Ok(traffic) => format!(
            "nothing was moved: the candidate has {} % of the traffic; `mlgate rollback --to-version VERSION` takes it back",
            traffic.weight
        ),
        Err(problem) => {
            problems.push(problem.clone());
            "nothing was moved: the router does not answer".to_owned()
        }
    };
    let reason = format!("{}; {outcome}", why.message);
    problems.push(why);
    let strategy = planned.plan.policy.strategy.word();
    // Not settled: that is what the exit code goes by.
    let entry = Entry::unknown(strategy, &planned.name, &super::by(about.context), now());
    let weight = world.levers.router.read().await.ok().map(|traffic| traffic.weight);
    Journey {
        entry,
        ended: Ended { outcome: Outcome::Aborted, reason },
        timeline: Vec::new(),
        levers,
        weight,
        problems,
    }
}

/// Whether both have traffic, or the candidate gets copies.
fn is_split(traffic: Traffic) -> bool {
    (1..100).contains(&traffic.weight) || traffic.mirror > 0
}
