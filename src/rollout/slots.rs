//! The router's two slots, and which of them is stable's: from release to release it alternates, since what was promoted stays
//! where it is. Pure.

use serde_json::{Value, json};

use super::journal::{Entry, Proof};
use super::policy::{Strategy, Traffic};
use crate::config::rollout::choices::KubernetesKind;
use crate::config::rollout::{ArmsSection, RouterSection};
use crate::rollout::plan::registry;
use crate::support::problem::Problem;
use crate::support::words::code;

/// Which slot is stable's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum SlotOrder {
    /// The one that the config names `stable`.
    #[default]
    Configured,
    /// The one that the config names `candidate`.
    Exchanged,
}

impl SlotOrder {
    #[must_use]
    pub fn other(self) -> Self {
        match self {
            Self::Configured => Self::Exchanged,
            Self::Exchanged => Self::Configured,
        }
    }

    /// Returns stable's of two, which are in the config's order, and then the candidate's.
    pub fn of<T>(self, stable: T, candidate: T) -> (T, T) {
        match self {
            Self::Configured => (stable, candidate),
            Self::Exchanged => (candidate, stable),
        }
    }
}

/// The names of the router's slots, as the config has them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Slots {
    stable: String,
    candidate: String,
    /// Whether each can be stable's; KServe makes revisions instead, of which the newest is always the candidate's.
    can_exchange: bool,
    has_router: bool,
}

impl Slots {
    /// Of a router; without one nothing is exchanged.
    pub fn new(router: Option<&RouterSection>) -> Self {
        let ArmsSection { stable, candidate } = router.map_or_else(registry::arms, RouterSection::arms);
        let is_kserve =
            matches!(router, Some(RouterSection::Kubernetes(route)) if route.kind == KubernetesKind::InferenceService);
        Self { stable, candidate, can_exchange: router.is_some() && !is_kserve, has_router: router.is_some() }
    }

    /// Returns the order in which the slot of this name is stable's; as configured without a name.
    ///
    /// # Errors
    /// The router has no such slot, or it cannot be stable's.
    pub fn order(&self, stable: Option<&str>) -> Result<SlotOrder, Problem> {
        let both = format!("{} and {}", code(&self.stable), code(&self.candidate));
        match stable {
            None => Ok(SlotOrder::Configured),
            Some(_) if !self.has_router => Ok(SlotOrder::Configured),
            Some(name) if *name == self.stable => Ok(SlotOrder::Configured),
            Some(name) if *name == self.candidate && self.can_exchange => Ok(SlotOrder::Exchanged),
            Some(name) if *name == self.candidate => Err(Problem::new(format!(
                "stable cannot be {}: KServe's newest revision is always the candidate",
                code(name)
            ))),
            Some(name) => Err(Problem::new(format!("the router has the slots {both}, and {} is not one of them", code(name)))
                .hint("were they renamed in `rollout.router`? Name them as before, or the slot of production by `mlgate rollback --production-slot NAME`")),
        }
    }

    /// Whether each can be stable's: not revisions of KServe's, nor where there is no router.
    pub fn can_be_exchanged(&self) -> bool {
        self.can_exchange
    }

    /// Returns the slots of stable and of the candidate.
    pub fn names(&self, order: SlotOrder) -> (&str, &str) {
        order.of(&self.stable, &self.candidate)
    }

    /// Who is where, for reports: `production` has all of the traffic once the rollout is over, `idle` takes the next version.
    pub fn json(&self, entry: &Entry) -> Value {
        let ((stable, candidate), (production, idle)) = (self.names(entry.order), self.names(self.after(entry)));
        json!({ "stable": stable, "candidate": candidate, "production": production, "idle": idle })
    }

    /// Returns the order in which production, as the last rollout left it, is stable's: what was promoted stays in its slot.
    pub fn after(&self, last: &Entry) -> SlotOrder {
        // What was promoted without a router is in no slot.
        let has_slot = last.strategy != Strategy::Registry.word();
        if last.is_in_production() && self.can_exchange && has_slot { last.order.other() } else { last.order }
    }
}

#[cfg(test)]
impl Slots {
    pub fn of_tests(can_exchange: bool) -> Self {
        Self { stable: "blue".into(), candidate: "green".into(), can_exchange, has_router: true }
    }
}

/// What speaks for the order of an entry, beside its own word.
#[derive(Debug, Clone, Copy)]
pub struct SlotEvidence<'a> {
    pub proof: Proof,
    /// What the router gives the candidate, if the order is right.
    pub traffic: Traffic,
    /// The order that the router's own weights tell.
    pub shown: Option<SlotOrder>,
    /// What the alias of production means.
    pub alias: Option<&'a str>,
    /// Whether a person asks for the version before.
    pub is_requested: bool,
}

impl SlotEvidence<'_> {
    /// Whether the order of an entry is certain: by the journal's signature, by the router's weights, or because stable has
    /// all of the traffic. Of what was promoted and has all of it, the alias of production or a person confirms the order.
    pub fn confirms(&self, entry: &Entry) -> bool {
        if self.proof == Proof::Signed || self.traffic == Traffic::STABLE {
            return true;
        }
        match self.shown {
            Some(shown) if shown == entry.order => return true,
            None if entry.order == SlotOrder::Configured => return true,
            _ => {}
        }
        let is_production = entry.is_in_production() && self.traffic == Traffic::weight(100);
        // The preflight of the next rollout has given the weights its order.
        let is_next = self.shown == Some(entry.order.other());
        is_production && (is_next || self.is_requested || self.alias == Some(entry.version.as_str()))
    }
}

/// Why nothing is moved where the slot of production is not certain.
pub fn uncertain(why: &str) -> Problem {
    Problem::new(format!("the slot of production is not certain: {why}")).hint(
        "look at what serves, and name its slot: `mlgate rollback --production-slot NAME`; a journal that `journal-key` signs \
         makes it certain",
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rollout::state::{Ended, Outcome, State};

    fn entry(order: SlotOrder, ended: Option<Outcome>) -> Entry {
        let ended = ended.map(|outcome| Ended { outcome, reason: String::new() });
        let (is_settled, state) = (ended.is_some(), State { ended, ..State::default() });
        Entry { order, is_settled, state, version: "8".into(), ..Entry::unknown("canary", "risk", "a test", 1.0) }
    }

    #[test]
    fn a_slot_is_known_by_its_name() {
        assert_eq!(Slots::of_tests(true).order(None).unwrap(), SlotOrder::Configured);
        assert_eq!(Slots::of_tests(true).order(Some("blue")).unwrap(), SlotOrder::Configured);
        assert_eq!(Slots::of_tests(true).order(Some("green")).unwrap(), SlotOrder::Exchanged);
        assert!(Slots::of_tests(true).order(Some("red")).unwrap_err().message.contains("`blue` and `green`"));
        assert!(Slots::of_tests(false).order(Some("green")).unwrap_err().message.contains("KServe"));
        assert_eq!(Slots::of_tests(true).names(SlotOrder::Exchanged), ("green", "blue"));
    }

    #[test]
    fn what_was_promoted_is_stable_for_the_next_rollout() {
        let (configured, exchanged) = (SlotOrder::Configured, SlotOrder::Exchanged);
        for (order, ended, next) in [
            (configured, Outcome::Promoted, exchanged),
            (exchanged, Outcome::Promoted, configured),
            (exchanged, Outcome::RolledBack, exchanged),
            (configured, Outcome::Aborted, configured),
        ] {
            assert_eq!(Slots::of_tests(true).after(&entry(order, Some(ended))), next, "{ended:?}");
        }
        assert_eq!(Slots::of_tests(false).after(&entry(configured, Some(Outcome::Promoted))), configured);
        let without_router = Entry { strategy: "registry".into(), ..entry(configured, Some(Outcome::Promoted)) };
        assert_eq!(Slots::of_tests(true).after(&without_router), configured);
    }

    #[test]
    fn an_unsigned_order_needs_another_witness() {
        let (configured, exchanged) = (SlotOrder::Configured, SlotOrder::Exchanged);
        let check = |proof, order, ended, weight, shown, alias, is_requested, wanted: bool| {
            let evidence = SlotEvidence { proof, traffic: Traffic::weight(weight), shown, alias, is_requested };
            assert_eq!(evidence.confirms(&entry(order, ended)), wanted, "{evidence:?} of {order:?}, {ended:?}");
        };
        let unsigned = Proof::Unsigned;
        check(Proof::Signed, exchanged, None, 50, Some(configured), None, false, true);
        // An open entry that says that the other slot is stable's would promote what is in it.
        check(unsigned, exchanged, None, 100, Some(configured), None, true, false);
        check(unsigned, exchanged, None, 100, None, Some("8"), true, false);
        check(unsigned, exchanged, None, 50, Some(exchanged), None, false, true);
        check(unsigned, exchanged, None, 0, None, None, false, true);
        // So would one from which the slot was taken out.
        check(unsigned, configured, None, 50, Some(exchanged), None, false, false);
        check(unsigned, configured, None, 50, None, None, false, true);
        // What was promoted.
        let promoted = Some(Outcome::Promoted);
        check(unsigned, exchanged, promoted, 100, None, None, false, false);
        check(unsigned, exchanged, promoted, 100, None, Some("7"), false, false);
        check(unsigned, exchanged, promoted, 100, None, Some("8"), false, true);
        check(unsigned, exchanged, promoted, 100, Some(configured), None, false, true);
        check(unsigned, configured, promoted, 100, Some(exchanged), None, false, true);
        check(unsigned, exchanged, promoted, 50, None, Some("8"), true, false);
        check(unsigned, exchanged, promoted, 50, Some(configured), None, false, false);
        check(unsigned, exchanged, Some(Outcome::RolledBack), 100, None, Some("8"), true, false);
    }
}
