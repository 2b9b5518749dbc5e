//! `strategy: registry`: what a rollout without a router needs, and what it cannot have.

use super::Wrong;
use crate::config::rollout::{ArmsSection, LimitSection, RolloutSection};
use crate::rollout::Strategy;

/// What `{{arm}}` becomes where no router names the variants.
pub fn arms() -> ArmsSection {
    ArmsSection { stable: "stable".into(), candidate: "candidate".into() }
}

/// Reports sections that are missing for the strategy, or have no meaning in it.
pub(super) fn fits(section: &RolloutSection, wrong: &mut Wrong) {
    if section.strategy != Strategy::Registry {
        if section.router.is_none() {
            wrong.at("router", "missing: only `strategy: registry` has no router");
        }
        if section.signals.is_none() {
            wrong.at("signals", "missing: only `strategy: registry` may have no signals");
        }
        return;
    }
    if section.registry.is_none() {
        wrong.at("registry", "missing: `strategy: registry` moves its alias");
    }
    if section.router.is_some() {
        wrong.at("router", "`strategy: registry` moves no traffic: remove it, or take another strategy");
    }
    if section.variants.stable.is_some() {
        wrong.at("variants.stable", "no stable runs beside the candidate where the strategy is registry");
    }
    let version = section.variants.candidate.as_ref().map(|variant| &variant.version);
    if section.signals.is_none() && version.is_some_and(|version| version.signal.is_some()) {
        wrong.at("variants.candidate.version.signal", "there is no `signals.prometheus` to ask");
    }
    if section.signals.is_none() && !section.limits.is_empty() {
        wrong.at("limits", "there are no `signals` to hold to them");
    }
    for (at, limit) in section.limits.iter().enumerate() {
        let max_ratio = match limit {
            LimitSection::ErrorRate(rate) => rate.max_ratio,
            LimitSection::LatencyP99Ms(bounds) | LimitSection::Accuracy(bounds) => bounds.max_ratio,
            LimitSection::Signal(signal) => signal.max_ratio,
        };
        if max_ratio.is_some() {
            let why =
                "`max_ratio` compares with stable, and none runs beside the candidate where the strategy is registry";
            wrong.at(&format!("limits[{at}]"), why);
        }
    }
}
