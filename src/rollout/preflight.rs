//! What is tried before any traffic moves: whether everything can be read, and everything moved.
//!
//! Nothing is moved by it: the router is given the weights that it has, the alias the version that it is.

use std::collections::BTreeMap;

use super::driver::World;
use super::policy::{AbTest, HistogramLimit, Policy};
use super::query::Query;
use super::serving_version::{ServingVersion, Variant, VersionCheck};
use super::signal::{Proof, Role, SETTLED, Trouble};
use super::slow::Boundaries;
use super::sources::{Pair, Source};
use super::{Reading, SlotOrder, Strategy, Traffic, query};
use crate::rollout::plan::{Queries, RolloutPlan};
use crate::support::problem::Problem;
use crate::support::words::{code, number};

/// Segments that are named.
const MOST_SHOWN: usize = 8;

/// What was tried, and what came of it.
#[derive(Debug)]
pub struct Finding {
    pub subject: String,
    pub result: Result<String, Fault>,
}

/// Why a rollout does not begin.
#[derive(Debug)]
pub enum Fault {
    /// The config is wrong, and would be so tomorrow.
    Config(Problem),
    /// It cannot be measured, or moved, now.
    Unmeasured(Problem),
    /// It is not asked for, and a rollout begins without it.
    Warning(Problem),
}

/// What may be written to prove that it may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Writes {
    Tried,
    /// Another process carries a rollout on: what it moves must not be written over.
    LeftAlone,
}

/// What is rolled out, and where to.
#[derive(Debug, Clone, Copy)]
pub struct Subject<'a> {
    pub version: &'a str,
    pub order: SlotOrder,
    /// Whether there is no model before.
    pub is_first: bool,
}

impl<'a> Subject<'a> {
    /// A version that an alias will name, where there is no router.
    pub fn of_alias(version: &'a str) -> Self {
        Self { version, order: SlotOrder::Configured, is_first: false }
    }
}

/// Tries everything.
pub async fn check(world: &World, plan: &RolloutPlan, rollout: Subject<'_>, writes: Writes) -> Vec<Finding> {
    let Subject { version, order, is_first } = rollout;
    let mut found = Vec::new();
    let rate = match &world.source {
        Some(source) => signals(source, plan, (order, is_first), &mut found).await,
        None => None,
    };
    if world.controls.levers.router.exists() {
        found.push(Finding { subject: "router".to_owned(), result: router(world, order, writes).await });
        found.extend(slots(world, order));
    }
    if let (Some(registry), Writes::Tried) = (&world.controls.levers.registry, writes) {
        let result = registry.prove_writable(version).await.map_err(Fault::Unmeasured);
        found.push(Finding { subject: "registry".to_owned(), result });
    }
    if writes == Writes::Tried {
        let result = world.controls.journal.prove_writable().await.map_err(Fault::Unmeasured);
        found.push(Finding { subject: "journal".to_owned(), result });
    }
    if plan.policy.strategy == Strategy::Registry {
        // What serves follows the alias: it has another version until the alias is moved.
        found.extend(world.controls.versions.warning().map(unproven));
        return found;
    }
    found.extend(versions(world, rollout).await);
    if plan.section.log.as_ref().is_some_and(|log| log.timestamp.is_none()) {
        let problem = Problem::new("all of its rows are judged, those from before the rollout too");
        let problem = problem.hint("name the column of their times: `rollout.log.timestamp`");
        found.push(Finding { subject: "log".to_owned(), result: Err(Fault::Warning(problem)) });
    }
    found.push(Finding { subject: "time".to_owned(), result: Ok(time(&plan.policy, rate)) });
    found
}

/// Proves every query and limit. Returns how many requests a second stable answers.
async fn signals(
    source: &Source,
    plan: &RolloutPlan,
    (order, is_first): (SlotOrder, bool),
    found: &mut Vec<Finding>,
) -> Option<f64> {
    let subject = source.shown();
    let time = match source.time().await {
        Ok(time) => time,
        Err(trouble) => {
            let problem = Problem::new(trouble.text()).hint("is `rollout.signals.prometheus.url` reachable from here?");
            found.push(Finding { subject, result: Err(Fault::Unmeasured(problem)) });
            return None;
        }
    };
    if matches!(source, Source::Prometheus(_)) {
        found.push(Finding { subject, result: Ok("answers".to_owned()) });
    }
    let both = plan.queries(order);
    if !queries(source, both, is_first, time, found).await {
        return None;
    }
    let stable = both.0?;
    for limit in &plan.policy.limits.histograms {
        found.extend(boundaries(source, stable, limit, time).await);
    }
    found.extend(segments(source, stable, time).await);
    if let Some(test) = &plan.policy.ab_test {
        let share = plan.policy.stages.first().map_or(0.5, |stage| f64::from(stage.traffic.weight) / 100.0);
        found.push(ab_test(source, stable, (test, share), time).await);
    }
    source.per_second(&stable.requests, time).await
}

/// Proves every query of both variants; one answer that does not come is waited for, and no other. Returns whether all came.
async fn queries(
    source: &Source,
    both: (Option<&Queries>, Option<&Queries>),
    is_first: bool,
    time: f64,
    found: &mut Vec<Finding>,
) -> bool {
    if is_first {
        let said = "there is none: this is the first model, and it is compared with nothing";
        found.push(Finding { subject: "stable".to_owned(), result: Ok(said.to_owned()) });
    }
    let variants = [("stable", both.0, both.1), ("candidate", both.1, both.0)];
    for (variant, own, other) in variants.into_iter().skip(usize::from(is_first)) {
        let Some(own) = own else { continue };
        let others = other.map(named).unwrap_or_default();
        for (at, (name, own, role)) in named(own).into_iter().enumerate() {
            let other = others.get(at).map(|(_, other, _)| *other);
            let result = source.prove(Pair { own, other }, role, time).await;
            let is_down = matches!(result, Err(Trouble::NoAnswer(_)));
            let result = result.and_then(|proof| as_counter(proof, role)).map(shown);
            let result = result.map_err(|trouble| fault(trouble, name, role));
            let count = if role == Role::Samples { "count of " } else { "" };
            found.push(Finding { subject: format!("{variant} {count}{name}"), result });
            if is_down {
                return false;
            }
        }
    }
    true
}

/// Whether there is a model before: its server is not down, and has answered.
pub async fn has_stable(world: &World, plan: &RolloutPlan, order: SlotOrder) -> bool {
    if world.controls.levers.router.split(order).stable_ready().await.is_err() {
        return false;
    }
    let (stable, candidate) = plan.queries(order);
    // Where the source does not answer, the preflight says so.
    let (Some(source), Some(stable)) = (&world.source, stable) else { return true };
    let Ok(time) = source.time().await else { return true };
    let pair = Pair { own: &stable.requests, other: candidate.map(|candidate| &candidate.requests) };
    match source.prove(pair, Role::Requests, time).await {
        // Where counts are asked for, nothing in the last minutes is no proof that nobody ever asked.
        Ok(Proof::Explained(_)) => !matches!(source, Source::Prometheus(_)),
        Err(Trouble::Unexplained(_)) => false,
        _ => true,
    }
}

/// Whether the limit on a histogram is a boundary of its buckets; nothing where stable has none yet.
async fn boundaries(source: &Source, stable: &Queries, limit: &HistogramLimit, time: f64) -> Option<Finding> {
    let query = stable.gauges.get(&limit.name)?;
    let Boundaries { below, above } = source.boundaries(query, limit, time).await?;
    let (name, max) = (&limit.name, number(limit.max, &[]));
    let share = number(100.0 * limit.max_share, &[]);
    let result = match (below, above) {
        (Some(below), Some(above)) if (above - below).abs() <= 1e-9 * above.abs() => {
            Ok(format!("at most {share} % of answers may be beyond {max}, which is a boundary of its buckets"))
        }
        (Some(below), Some(above)) => {
            let (below, above) = (number(below, &[]), number(above, &[]));
            Ok(format!(
                "at most {share} % of answers may be beyond {max}, which is no boundary of its buckets: beyond {above} they \
                 surely are, beyond {below} possibly, and what lies between is held"
            ))
        }
        (Some(below), None) => Ok(format!(
            "{max} lies above the last boundary of its buckets, {}: no answer is surely beyond it",
            number(below, &[])
        )),
        (None, above) => {
            let first = number(above.unwrap_or_default(), &[]);
            let problem =
                Problem::new(format!("{max} lies below the first boundary of its buckets, {first}: nothing passes"));
            Err(Fault::Config(problem.hint(format!("raise the limit on `{name}`, or export smaller buckets"))))
        }
    };
    Some(Finding { subject: format!("limit on {name}"), result })
}

/// Which segments stable has.
async fn segments(source: &Source, stable: &Queries, time: f64) -> Option<Finding> {
    let Source::Prometheus(prometheus) = source else { return None };
    let label = stable.by.as_ref()?;
    let both = (&stable.requests, &stable.errors);
    let found = prometheus.segments(both, label, &Reading::Absent, time - SETTLED).await;
    let result = match found {
        Ok(found) => {
            let names: Vec<String> = found.keys().take(MOST_SHOWN).map(|name| code(name)).collect();
            let more = if found.len() > names.len() { ", …" } else { "" };
            Ok(format!("{} of stable: {}{more}", found.len(), names.join(", ")))
        }
        Err(Trouble::Query(why)) => Err(Fault::Config(Problem::new(why).hint("correct `rollout.signals.by`"))),
        Err(trouble) => Err(Fault::Unmeasured(Problem::new(trouble.text()))),
    };
    Some(Finding { subject: format!("segments by {}", code(label)), result })
}

/// How many observations an A/B test needs, by what stable has counted so far.
async fn ab_test(source: &Source, stable: &Queries, (test, share): (&AbTest, f64), time: f64) -> Finding {
    let mut counters = BTreeMap::new();
    for (name, query) in &stable.trial {
        if let Ok(Proof::Number(value)) = source.prove(Pair { own: query, other: None }, Role::Trial, time).await {
            counters.insert(name.clone(), value);
        }
    }
    let rate = match stable.trial.get(test.observed()) {
        Some(query) => source.per_second(query, time).await,
        None => None,
    };
    let result = test.describe(&counters, share, rate).map_err(|why| {
        let problem = Problem::new(format!("it cannot be planned by `minimum_effect`: {why}"));
        Fault::Unmeasured(problem.hint("set `rollout.ab_test.observations`, or wait until stable has more of them"))
    });
    Finding { subject: "A/B test".to_owned(), result }
}

fn named(queries: &Queries) -> Vec<(&str, &Query, Role)> {
    let counters = [("requests", &queries.requests, Role::Requests), ("errors", &queries.errors, Role::Errors)];
    let gauges = queries.gauges.iter().map(|(name, query)| (name.as_str(), query, Role::Gauge));
    let samples = queries.samples.iter().map(|(name, query)| (name.as_str(), query, Role::Samples));
    let trial = queries.trial.iter().map(|(name, query)| (name.as_str(), query, Role::Trial));
    counters.into_iter().chain(gauges).chain(samples).chain(trial).collect()
}

/// Refuses a counter that is negative; a gauge, and a sum of an A/B test, may be any number.
fn as_counter(proof: Proof, role: Role) -> Result<Proof, Trouble> {
    let is_counter = matches!(role, Role::Requests | Role::Errors | Role::Samples);
    match proof {
        Proof::Number(value) if is_counter && value < 0.0 => {
            Err(Trouble::Query(format!("it is {}, and a counter is never negative", number(value, &[]))))
        }
        proof => Ok(proof),
    }
}

fn shown(proof: Proof) -> String {
    match proof {
        Proof::Number(value) => number(value, &[]),
        Proof::Explained(why) => why,
    }
}

fn fault(trouble: Trouble, name: &str, role: Role) -> Fault {
    let place = match role {
        Role::Trial => format!("rollout.ab_test.{name}"),
        Role::Samples => format!("rollout.signals.{name}.count"),
        _ => format!("rollout.signals.{name}"),
    };
    let hint = if role == Role::Errors && matches!(trouble, Trouble::Unexplained(_)) {
        format!(
            "correct `{place}`; where the service exports this counter only from its first error on, add `absent_errors: zero` \
             to `rollout.signals`"
        )
    } else {
        format!("correct `{place}`; `{}` becomes the variant's name", query::VARIANT)
    };
    match trouble {
        Trouble::Query(why) | Trouble::Unexplained(why) => Fault::Config(Problem::new(why).hint(hint)),
        trouble => Fault::Unmeasured(Problem::new(trouble.text())),
    }
}

/// Reads the weights, and writes those that it read.
async fn router(world: &World, order: SlotOrder, writes: Writes) -> Result<String, Fault> {
    let split = world.controls.levers.router.split(order);
    let found = split.read().await.map_err(Fault::Unmeasured)?;
    let (stable, candidate) = world.controls.slots.names(order);
    let (stable, candidate) = (code(stable), code(candidate));
    let weight = found.weight.max(found.mirror);
    let said = format!("stable is slot {stable}, and the candidate, slot {candidate}, has {weight} %");
    if writes == Writes::LeftAlone || found != Traffic::STABLE {
        return Ok(said);
    }
    if !world.controls.levers.router.tries_same_weights() {
        return Ok(format!("{said}; whether the weights may be set is not tried"));
    }
    split.write(found).await.map_err(Fault::Unmeasured)?;
    Ok(format!("{said}; the weights may be set"))
}

/// Where stable is in the slot that the config names `candidate`, what proves that to a later command.
fn slots(world: &World, order: SlotOrder) -> Option<Finding> {
    let controls = &world.controls;
    if order == SlotOrder::Configured || controls.levers.router.tells_order() || controls.journal.is_signed() {
        return None;
    }
    let stable = code(controls.slots.names(order).0);
    let said = format!(
        "that stable is slot {stable} stands in a journal that is not signed, and this router does not tell it"
    );
    let problem =
        Problem::new(said).hint("set `journal-key`: without it, `watch` and `rollback` may have to be told the slot");
    Some(Finding { subject: "slots".to_owned(), result: Err(Fault::Warning(problem)) })
}

/// Proves which version each variant answers with: the candidate the one that is rolled out, stable the one that the
/// registry's alias names.
async fn versions(world: &World, Subject { version, order, is_first }: Subject<'_>) -> Vec<Finding> {
    let controls = &world.controls;
    let warning = controls.versions.warning();
    let warning = warning.map(unproven);
    let (of_stable, of_candidate) = controls.versions.of(order);
    if of_stable.is_none() && of_candidate.is_none() {
        return warning.into_iter().collect();
    }
    let current = async {
        match (&controls.levers.registry, of_stable) {
            (Some(registry), Some(_)) => registry.current().await,
            _ => Ok(None),
        }
    };
    let (previous, (stable, candidate)) = tokio::join!(current, controls.versions.read(order));
    let mut found = Vec::new();
    match previous {
        _ if is_first => {}
        Ok(previous) => found.extend(proven(Variant::Stable, &stable, previous.as_deref())),
        Err(problem) => {
            found.push(Finding { subject: "stable version".to_owned(), result: Err(Fault::Unmeasured(problem)) });
        }
    }
    found.extend(proven(Variant::Candidate, &candidate, Some(version)));
    found.into_iter().chain(warning).collect()
}

fn unproven(problem: Problem) -> Finding {
    Finding { subject: "versions".to_owned(), result: Err(Fault::Warning(problem)) }
}

fn proven(variant: Variant, serving: &ServingVersion, expected: Option<&str>) -> Option<Finding> {
    let (name, hint) = match variant {
        Variant::Stable => {
            ("stable", "deploy the version in production to stable, or set the registry's alias to what it serves")
        }
        Variant::Candidate => {
            ("candidate", "deploy the version that is rolled out to the candidate before the rollout")
        }
    };
    let result = match serving.check(variant, expected) {
        VersionCheck::NotConfigured => return None,
        VersionCheck::Matched => Ok(format!("it answers as version {}", code(serving.one().unwrap_or_default()))),
        VersionCheck::Unproven(why) => {
            let hint = format!("correct `rollout.variants.{name}.version`, or start its server");
            Err(Fault::Unmeasured(Problem::new(why).hint(hint)))
        }
        VersionCheck::Mismatch(why) => Err(Fault::Unmeasured(Problem::new(why).hint(hint))),
    };
    Some(Finding { subject: format!("{name} version"), result })
}

/// How long promotion takes at least, and which steps wait for requests.
fn time(policy: &Policy, rate: Option<f64>) -> String {
    let steps = policy.stages.len();
    let least: f64 = policy.stages.iter().map(|stage| stage.seconds).sum();
    let mut waited = 0.0;
    let mut slowest: Option<(usize, f64)> = None;
    for (at, stage) in policy.stages.iter().enumerate() {
        let share = f64::from(stage.traffic.weight.max(stage.traffic.mirror)) / 100.0;
        let needed =
            rate.filter(|rate| *rate * share > 0.0).map_or(0.0, |rate| policy.min_requests as f64 / (rate * share));
        waited += needed.max(stage.seconds);
        if needed > stage.seconds && slowest.is_none_or(|(_, most)| needed > most) {
            slowest = Some((at, needed));
        }
    }
    let said = format!("promotion needs {least:.0} s at least, in {steps} steps");
    match (rate, slowest) {
        (None, _) => said,
        (Some(rate), None) => format!("{said}; {} requests a second are enough for it", number(rate, &[])),
        (Some(rate), Some((at, needed))) => {
            let weight = policy.stages[at].traffic.percent();
            let end = if needed > policy.stages[at].seconds + policy.max_hold_seconds {
                format!(", longer than `max_hold_seconds` ({:.0}) allows", policy.max_hold_seconds)
            } else {
                String::new()
            };
            format!(
                "{said}; at {} requests a second about {waited:.0} s: {weight} % needs {needed:.0} s for its {} requests{end}",
                number(rate, &[]),
                policy.min_requests
            )
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rollout::NoData;
    use crate::rollout::policy::{Limits, Stage, Strategy};

    #[test]
    fn the_time_that_promotion_needs_follows_the_traffic() {
        let stage = |weight| Stage {
            traffic: Traffic::weight(weight),
            seconds: 300.0,
            needs_ready: false,
            approval_seconds: None,
        };
        let policy = Policy {
            strategy: Strategy::Canary,
            stages: vec![stage(5), stage(100)],
            interval_seconds: 15.0,
            min_requests: 100,
            limits: Limits::default(),
            no_data: NoData::Hold,
            max_hold_seconds: 1_800.0,
            ab_test: None,
            hooks: Vec::new(),
        };
        let check = |rate, wanted: &str| assert!(time(&policy, rate).contains(wanted), "{}", time(&policy, rate));
        check(None, "600 s at least, in 2 steps");
        check(Some(20.0), "enough for it");
        check(Some(2.0), "about 1300 s: 5 % needs 1000 s for its 100 requests");
        check(Some(0.5), "longer than `max_hold_seconds` (1800) allows");
    }
}
