//! A journal that is lost, or not to be trusted: nothing is promoted and no alias is moved; stable is restored where both
//! variants have traffic.

use super::notifier::Notifier;
use super::{announce, open, tell};
use crate::cli::rollout::Common;
use crate::commands::Context;
use crate::integrations::http::block_on;
use crate::rollout::controls::Controls;
use crate::rollout::driver::{Journey, now};
use crate::rollout::journal::Entry;
use crate::rollout::levers::{Pulled, TRAFFIC};
use crate::rollout::{Ended, Outcome, Traffic};
use crate::support::problem::{Exit, Failure, Problem};
use crate::support::words::code;
use crate::support::workspace::Workspace;

/// What a command was about.
pub struct About<'a> {
    pub common: &'a Common,
    pub context: &'a Context,
    pub workspace: &'a Workspace,
    pub planned: &'a open::Planned,
    /// The version that the candidate serves, as far as report, input or config say.
    pub version: Option<&'a str>,
}

/// What was found and done without a journal.
struct Left {
    /// None where the router does not answer.
    traffic: Option<Traffic>,
    said: String,
    /// Whether the candidate is the champion: then nothing is wrong but the journal.
    is_champion: bool,
}

/// Why there is no journal to go by.
pub fn missing() -> Problem {
    Problem::new("there is no journal, and the router does not give all of the traffic to stable").hint(
        "was it deleted? restore stable by `mlgate rollback`, or keep the candidate and leave the router as it is",
    )
}

/// Restores stable where the router shows a split, and reports why.
///
/// # Errors
/// The outputs of an Action could not be written.
pub fn end(controls: &Controls, about: &About<'_>, why: Problem) -> Result<Exit, Failure> {
    let journey = block_on(restore(controls, about, why)).map_err(Failure::unmeasured)?;
    // The step after the job tries again what is not known to be done.
    let is_read = journey.weight.is_some() || !controls.levers.router.exists();
    if is_read && journey.levers.iter().all(|pulled| pulled.is_done) {
        tell::remember(about.context, false);
    }
    announce::end(about.common, about.context, &about.planned.plan, None, &journey);
    let notifier = Notifier::new(about.common, about.context, &about.planned.plan);
    announce::message(about.context, about.planned, &notifier, controls, &journey);
    tell::end(about.common, about.context, about.workspace, &about.planned.plan, controls, journey)
}

async fn restore(controls: &Controls, about: &About<'_>, why: Problem) -> Journey {
    let planned = about.planned;
    let (mut levers, mut problems) = (Vec::new(), Vec::new());
    let left = |traffic: Option<Traffic>, said: &str| Left { traffic, said: said.to_owned(), is_champion: false };
    let order = controls.shown_order().await;
    let in_order = order.as_ref().copied().unwrap_or_default();
    let left = match (controls.levers.router.split(in_order).read().await, order) {
        (Ok(traffic), _) if !controls.levers.router.exists() => by_alias(controls, about.version, traffic).await,
        (Ok(traffic), Ok(order)) if is_split(traffic) => {
            let restored = controls.levers.restore_traffic(order).await;
            let said = if restored.is_done {
                "stable has all of the traffic again"
            } else {
                "stable's traffic could not be restored"
            };
            levers.push(restored);
            left(Some(traffic), said)
        }
        (Ok(traffic), Err(problem)) if is_split(traffic) => {
            levers.push(Pulled::failed(TRAFFIC, &Failure::unmeasured(problem.clone())));
            problems.push(problem);
            left(Some(traffic), "nothing was moved: which slot is stable's is not certain")
        }
        (Ok(Traffic::STABLE), _) => left(Some(Traffic::STABLE), "nothing was moved: stable has all of the traffic"),
        (Ok(traffic), _) => whole(controls, about.version, traffic).await,
        (Err(problem), _) => {
            problems.push(problem);
            left(None, "nothing was moved: the router does not answer")
        }
    };
    let reason = format!("{}; {}", why.message, left.said);
    problems.push(why);
    let strategy = planned.plan.policy.strategy.word();
    let outcome = if left.is_champion { Outcome::Held } else { Outcome::Aborted };
    // Not settled: that is what the exit code goes by.
    let by = super::by(about.context);
    let entry = Entry { order: in_order, ..Entry::unknown(strategy, &planned.name, &by, now()) };
    let weight = match left.traffic {
        Some(_) => controls.levers.router.split(in_order).weight().await,
        None => None,
    };
    Journey { entry, ended: Ended { outcome, reason }, timeline: Vec::new(), levers, weight, problems }
}

/// The alias of production and its version, where the registry says it.
async fn alias(controls: &Controls) -> Option<(String, String)> {
    let registry = controls.levers.registry.as_ref()?;
    Some((code(&registry.promote), registry.current().await.ok()??))
}

/// There is no router, and nobody's word says what the alias should be.
async fn by_alias(controls: &Controls, version: Option<&str>, traffic: Traffic) -> Left {
    let (said, is_champion) = match alias(controls).await {
        Some((name, champion)) => {
            let said = format!("nothing was moved: {name} is version {champion}");
            (said, Some(champion.as_str()) == version)
        }
        None => ("nothing was moved: what the alias of production is could not be read".to_owned(), false),
    };
    let said = if is_champion { said } else { format!("{said}; `mlgate rollback --to-version VERSION` moves it") };
    Left { traffic: Some(traffic), said, is_champion }
}

/// The candidate has all of the traffic: a healthy champion does not lose it to a lost file.
async fn whole(controls: &Controls, version: Option<&str>, traffic: Traffic) -> Left {
    let alias = alias(controls).await;
    let is_champion = version.is_some() && alias.as_ref().map(|(_, version)| version.as_str()) == version;
    let said = match alias {
        Some((name, champion)) if is_champion => {
            format!("nothing was moved: the candidate has all of the traffic, and {name} is version {champion}, as it")
        }
        Some((name, champion)) => format!(
            "nothing was moved: the candidate has all of the traffic, and {name} is version {champion}; `mlgate rollback \
             --to-version VERSION` restores stable"
        ),
        None => "nothing was moved: the candidate has all of the traffic; `mlgate rollback --to-version VERSION` restores stable"
            .to_owned(),
    };
    Left { traffic: Some(traffic), said, is_champion }
}

/// Whether both have traffic, or the candidate gets copies.
pub fn is_split(traffic: Traffic) -> bool {
    (1..100).contains(&traffic.weight) || traffic.mirror > 0
}
