//! What a new rollout finds: which slot of the router production is in, which version it is, or that there is none yet.

use crate::rollout::controls::Controls;
use crate::rollout::driver::{World, now};
use crate::rollout::journal::Entry;
use crate::rollout::operator::{self, RouterState};
use crate::rollout::plan::RolloutPlan;
use crate::rollout::preflight::{Writes, has_stable};
use crate::rollout::registry::Registry;
use crate::rollout::router::RouterReading;
use crate::rollout::watch::PRODUCTION;
use crate::rollout::{SlotOrder, Slots, Strategy, Traffic};
use crate::support::problem::{Failure, Problem};
use crate::support::words::code;

/// What is in production before a rollout.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Start {
    pub order: SlotOrder,
    /// What the alias of production means.
    pub previous_version: Option<String>,
    /// Whether nothing is: the first model of all.
    pub is_first: bool,
}

impl Start {
    /// Finds it for a rollout that is not begun, or that another process carries on, and says what may be written meanwhile.
    pub async fn known(
        world: &World,
        plan: &RolloutPlan,
        name: &str,
        last: Option<&Entry>,
    ) -> (Result<Self, Failure>, Writes) {
        match last.filter(|last| last.is_open()) {
            Some(Entry { order, is_first, .. }) => {
                (Ok(Self { order: *order, is_first: *is_first, previous_version: None }), Writes::LeftAlone)
            }
            None => (Self::find(world, plan, last.filter(|last| last.name == name)).await, Writes::Tried),
        }
    }

    /// Finds it, after the last rollout of this model.
    ///
    /// # Errors
    /// Usage: the router gives both traffic, or all of it to a slot of which nothing says that it is production. Unmeasured:
    /// that is not known.
    pub async fn find(world: &World, plan: &RolloutPlan, last: Option<&Entry>) -> Result<Self, Failure> {
        let order = order(world, last).await?;
        let previous_version = match &world.controls.levers.registry {
            Some(registry) => registry.current().await.map_err(Failure::unmeasured)?,
            None => None,
        };
        // Who comes after a first one that was not promoted is the first, too.
        let may_be_first = last.is_none_or(|last| last.is_first && !last.is_in_production())
            && previous_version.is_none()
            && plan.policy.strategy == Strategy::Direct;
        let is_first = may_be_first && !has_stable(world, plan, order).await;
        Ok(Self { order, previous_version, is_first })
    }
}

/// The order of the slots in which production is stable: as the last rollout of this model left it, and as the router shows.
///
/// # Errors
/// Usage: the router gives both traffic, or all of it to a slot of which nothing says that it is production. Unmeasured:
/// that is not known.
async fn order(world: &World, last: Option<&Entry>) -> Result<SlotOrder, Failure> {
    let Controls { levers, slots, .. } = &world.controls;
    let order = last.map_or(SlotOrder::Configured, |last| slots.after(last));
    let reading = levers.router.split(order).observe().await.map_err(Failure::unmeasured)?;
    let traffic = reading.traffic;
    if traffic == Traffic::STABLE {
        if let (Some(last), Some(registry)) = (last.filter(|last| last.is_in_production()), &levers.registry) {
            is_alias(last, registry, slots.names(order).0).await?;
        }
        return Ok(order);
    }
    if let Some(last) = last
        && let Some(order) = elsewhere(last, &reading, slots)?
    {
        return Ok(order);
    }
    // The first model that was taken back keeps what there was no other for.
    if last.is_some_and(|last| last.is_first) && traffic == PRODUCTION {
        return Ok(order);
    }
    let (stable, candidate) = slots.names(order);
    let (stable, candidate) = (code(stable), code(candidate));
    let problem = if !slots.can_be_exchanged() && traffic == PRODUCTION {
        let said = format!("{candidate}, the newest revision, has all of the traffic: there is no candidate");
        Problem::new(said).hint("deploy the next version with `canaryTrafficPercent: 0`, and wait until it is ready")
    } else {
        let said = format!(
            "the router already gives {candidate} {} %, and the journal has no rollout that is under way",
            traffic.weight.max(traffic.mirror)
        );
        let hint = "what is in production has all of the traffic before a rollout begins";
        Problem::new(said)
            .hint(format!("{hint}, in {stable}; name another slot by `mlgate rollback --production-slot NAME`"))
    };
    Err(Failure::usage(problem))
}

/// Confirms that what the journal says was promoted is what the registry says is in production.
async fn is_alias(last: &Entry, registry: &Registry, slot: &str) -> Result<(), Failure> {
    let alias = registry.current().await.map_err(Failure::unmeasured)?;
    if alias.as_deref() == Some(last.version.as_str()) {
        return Ok(());
    }
    let now = alias.map_or_else(|| "no version".to_owned(), |version| format!("version {}", code(&version)));
    let said = format!(
        "{} is {now}, and the journal says that version {} was promoted, in the slot {}",
        code(&registry.promote),
        code(&last.version),
        code(slot)
    );
    let hint = "set the alias to the version that this slot serves, or say by `mlgate rollback --production-slot NAME \
                --to-version VERSION` what is in production";
    Err(Failure::usage(Problem::new(said).hint(hint)))
}

/// Production is not where the last rollout left it: a restart lost it, or an operator gave all of the traffic to the slot of
/// the version before, whose order is returned.
fn elsewhere(last: &Entry, reading: &RouterReading, slots: &Slots) -> Result<Option<SlotOrder>, Failure> {
    let RouterReading { traffic, uptime, .. } = *reading;
    let (before, production) = (slots.names(last.order).0, slots.names(slots.after(last)).0);
    if operator::is_restarted(&last.state, &RouterState { traffic, at: now(), uptime }) {
        let said = format!("the router was restarted, and does not give all of the traffic to {}", code(production));
        return Err(Failure::unmeasured(Problem::new(said).hint("`mlgate watch` gives it its traffic again")));
    }
    if production == before || traffic != PRODUCTION {
        return Ok(None);
    }
    if uptime.is_some() && last.state.seen_at.is_some() {
        return Ok(Some(last.order));
    }
    let said = format!(
        "version {} was promoted, in {}, and {} has all of the traffic: this router does not tell whether it was restarted",
        code(&last.version),
        code(production),
        code(before)
    );
    let hint = "give it its traffic at the router; or type `mlgate rollback` where the version before is to stay";
    Err(Failure::unmeasured(Problem::new(said).hint(hint)))
}
