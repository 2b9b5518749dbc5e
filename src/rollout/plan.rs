//! What `rollout:` means: stages, limits, queries of each arm.

mod ab_test;
mod hooks;
pub mod registry;
mod routers;
mod segments;
mod signals;
mod versions;

use std::collections::{BTreeMap, BTreeSet};

pub use self::signals::SourceSection;
pub use self::versions::VersionQuery;
use crate::config::rollout::{
    Approval, ArmsSection, FlagSection, LimitSection, RolloutSection, RouterSection, SignalBounds,
};
use crate::rollout::policy::{GaugeLimit, HistogramLimit, Limits, Policy, Stage};
use crate::rollout::query::Query;
use crate::rollout::strategy::{Asked, stages};
use crate::rollout::{SlotOrder, Strategy};
use crate::support::limit::Finite;
use crate::support::limit::range::{self, LimitSetting, ValueRange};
use crate::support::problem::Problem;
use crate::support::signature::{VARIABLE, may_be_named};
use crate::support::words::code;

/// Which command asks: they have other defaults.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asker {
    Rollout,
    Watch,
}

/// Queries of one arm.
#[derive(Debug, Clone, PartialEq)]
pub struct Queries {
    pub requests: Query,
    pub errors: Query,
    /// The label by whose values both are read, too.
    pub by: Option<String>,
    pub gauges: BTreeMap<String, Query>,
    /// Counters of what gauges are of.
    pub samples: BTreeMap<String, Query>,
    pub trial: BTreeMap<String, Query>,
}

/// A rollout that can be begun.
#[derive(Debug, Clone, PartialEq)]
pub struct RolloutPlan {
    pub policy: Policy,
    pub section: RolloutSection,
    pub arms: ArmsSection,
    /// Of the slots that the config names so; [`RolloutPlan::queries`] has them in the order of a rollout. None without signals,
    /// or where no stable runs beside the candidate.
    stable: Option<Queries>,
    candidate: Option<Queries>,
    /// Where signals come from; none where nothing is watched.
    pub source: Option<SourceSection>,
    /// How stable's and the candidate's version is read.
    pub versions: [Option<VersionQuery>; 2],
    pub stale_seconds: f64,
    pub heartbeat_seconds: f64,
    pub max_gap_seconds: f64,
    pub max_report_age_hours: f64,
}

const MIN_REQUESTS: u64 = 100;
const STEPS: [u8; 5] = [5, 10, 25, 50, 100];

fn or(value: Option<Finite>, default: f64) -> f64 {
    value.map_or(default, |Finite(value)| value)
}

/// What is wrong with the section, by paths inside it.
#[derive(Default)]
struct Wrong(Vec<Problem>);

impl Wrong {
    fn at(&mut self, path: &str, why: &str) {
        self.0.push(Problem::new(format!("rollout.{path}: {why}")));
    }

    /// A number of seconds or hours, as it is written or as it is without.
    fn number(&mut self, path: &str, value: Option<Finite>, default: f64, least: f64) -> f64 {
        let value = or(value, default);
        if value < least {
            self.at(path, &format!("at least {least}"));
        }
        value
    }
}

impl RolloutPlan {
    /// # Errors
    /// Everything that is wrong with it.
    pub fn new(section: RolloutSection, asker: Asker) -> Result<Self, Vec<Problem>> {
        let mut wrong = Wrong::default();
        let step_seconds = wrong.number("step_seconds", section.step_seconds, 300.0, 0.0);
        let asked = Asked {
            steps: steps(&section, &mut wrong),
            step_seconds,
            bake_seconds: wrong.number("bake_seconds", section.bake_seconds, step_seconds, 0.0),
            share: section.ab_test.as_ref().and_then(|test| test.weight).unwrap_or(50),
        };
        fits(&section, &mut wrong);
        routers::validate(&section, &mut wrong);
        let (test, trial) = match (&section.ab_test, section.strategy) {
            (Some(test), Strategy::AbTest) => ab_test::plan(test, step_seconds, &mut wrong),
            (None, Strategy::AbTest) => {
                wrong.at("ab_test", "nothing says what is compared");
                (None, BTreeMap::new())
            }
            (Some(_), strategy) => {
                wrong.at("ab_test", &format!("it is of the strategy ab_test, and this is {}", strategy.word()));
                (None, BTreeMap::new())
            }
            (None, _) => (None, BTreeMap::new()),
        };
        tokens(&section, &mut wrong);
        registry::fits(&section, &mut wrong);
        let is_registry = section.strategy == Strategy::Registry;
        let of_router = || section.router.as_ref().map_or_else(registry::arms, RouterSection::arms);
        let arms = section.arms.clone().unwrap_or_else(of_router);
        let signals = section.signals.as_ref();
        let source = signals.map(|signals| signals::source(signals, &mut wrong));
        let both = signals.zip(source.as_ref());
        if let Some((signals, source)) = both {
            signals::validate((signals, source), is_registry, &trial, &mut wrong);
            segments::check((signals, source), asked.steps.len(), &mut wrong);
        }
        let queries = |arm: &str| both.map(|(signals, source)| signals::queries(signals, source, &trial, arm));
        let policy = Policy {
            strategy: section.strategy,
            stages: with_approvals(stages(section.strategy, &asked), &section, &mut wrong),
            interval_seconds: wrong.number("interval_seconds", section.interval_seconds, 15.0, 0.1),
            min_requests: section.min_requests.unwrap_or(MIN_REQUESTS),
            limits: limits(&section, asker, &mut wrong),
            no_data: section.no_data,
            max_hold_seconds: wrong.number("max_hold_seconds", section.max_hold_seconds, 1800.0, 0.0),
            ab_test: test,
            hooks: hooks::of(&section, &mut wrong),
        };
        if policy.min_requests == 0 {
            wrong.at("min_requests", "at least 1: nothing is promoted that nobody asked");
        }
        let is_alone = policy.stages.iter().all(|stage| stage.traffic.weight == 100);
        if is_alone && policy.limits.max_error_rate.is_none() {
            wrong.at("limits", "stable has no traffic to compare with: set `error_rate: { max: … }`");
        }
        let plan = Self {
            versions: versions::of(&section, &arms, &mut wrong),
            policy,
            stable: if is_registry { None } else { queries(&arms.stable) },
            candidate: queries(&arms.candidate),
            arms,
            stale_seconds: wrong.number(
                "signals.stale_seconds",
                signals.and_then(|own| own.stale_seconds),
                source.as_ref().map_or(60.0, SourceSection::stale_seconds),
                1.0,
            ),
            heartbeat_seconds: wrong.number("heartbeat_seconds", section.heartbeat_seconds, 120.0, 1.0),
            max_gap_seconds: wrong.number("max_gap_seconds", section.max_gap_seconds, 7200.0, 1.0),
            max_report_age_hours: wrong.number("max_report_age_hours", section.max_report_age_hours, 24.0, 0.0),
            source,
            section,
        };
        if wrong.0.is_empty() { Ok(plan) } else { Err(wrong.0) }
    }
}

impl RolloutPlan {
    /// Whether there are signals to evaluate.
    pub fn has_queries(&self) -> bool {
        self.candidate.is_some()
    }

    /// Queries of stable and of the candidate.
    pub fn queries(&self, order: SlotOrder) -> (Option<&Queries>, Option<&Queries>) {
        order.of(self.stable.as_ref(), self.candidate.as_ref())
    }
}

fn steps(section: &RolloutSection, wrong: &mut Wrong) -> Vec<u8> {
    let usual = || if section.strategy == Strategy::Shadow { vec![100] } else { STEPS.to_vec() };
    let given = section.steps.as_ref();
    let steps = given.map_or_else(usual, |steps| steps.iter().map(|step| step.weight).collect());
    if steps.is_empty() || steps.iter().any(|step| !(1..=100).contains(step)) {
        wrong.at("steps", "weights of 1 to 100 percent");
    }
    if steps.windows(2).any(|pair| pair[0] >= pair[1]) {
        wrong.at("steps", "each step is larger than the one before");
    }
    if section.steps.is_some() && !matches!(section.strategy, Strategy::Canary | Strategy::Shadow) {
        let why = format!("steps are a canary's or a shadow's, and the strategy is {}", section.strategy.word());
        wrong.at("steps", &why);
    }
    steps
}

/// The stages, with those that a person approves.
fn with_approvals(mut stages: Vec<Stage>, section: &RolloutSection, wrong: &mut Wrong) -> Vec<Stage> {
    let seconds = wrong.number("approval_seconds", section.approval_seconds, 86_400.0, 1.0);
    let approved = |stage: &&mut Stage| {
        let steps = section.steps.as_deref().unwrap_or(&[]);
        steps.iter().any(|step| step.weight == stage.traffic.weight && step.approval == Some(Approval::Required))
    };
    stages.iter_mut().filter(approved).for_each(|stage| stage.approval_seconds = Some(seconds));
    stages
}

/// Whether the router can do what the strategy asks for.
fn fits(section: &RolloutSection, wrong: &mut Wrong) {
    let router = section.router.as_ref();
    if section.strategy == Strategy::Shadow && !matches!(router, None | Some(RouterSection::Envoy(_))) {
        wrong.at("strategy", "only Envoy copies requests here: take `router: { envoy: … }`");
    }
    if let Some(router) = router {
        let ArmsSection { stable, candidate } = router.arms();
        if stable == candidate {
            wrong.at("router", &format!("stable and candidate are both {}: name two different ones", code(&stable)));
        }
    }
    if let Some(RouterSection::Haproxy(haproxy)) = router {
        let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | ':');
        let names = [("backend", &haproxy.backend), ("stable", &haproxy.stable), ("candidate", &haproxy.candidate)];
        for (key, name) in names {
            if name.is_empty() || !name.chars().all(is_plain) {
                wrong.at(&format!("router.haproxy.{key}"), "letters, digits and any of `-_.:`, as HAProxy's names are");
            }
        }
    }
    if section.strategy == Strategy::AbTest {
        keeps_users(section, wrong);
    }
    if section.ab_test.as_ref().and_then(|test| test.weight).is_some_and(|weight| !(1..=99).contains(&weight)) {
        wrong.at("ab_test.weight", "a share of 1 to 99 percent");
    }
}

/// Whether users of an A/B test stay with their variant: otherwise it compares nothing.
fn keeps_users(section: &RolloutSection, wrong: &mut Wrong) {
    let is_stated = section.ab_test.as_ref().is_some_and(|test| test.affinity.is_some());
    match &section.router {
        Some(RouterSection::Envoy(envoy)) if envoy.header.is_none() => {
            let why = "users of an A/B test stay with their arm: name the header that tells them apart";
            wrong.at("router.envoy.header", why);
        }
        Some(RouterSection::Haproxy(_) | RouterSection::Webhook(_) | RouterSection::Kubernetes(_)) if !is_stated => {
            let why = "this router does not tell whether users stay with their variant: configure that there, and state it \
                       as `cookie`, `hash` or `application`";
            wrong.at("ab_test.affinity", why);
        }
        _ => {}
    }
}

/// A config must not be able to send any secret of the job anywhere.
fn tokens(section: &RolloutSection, wrong: &mut Wrong) {
    let flag = match &section.flag {
        Some(FlagSection::Unleash(unleash)) => Some(&unleash.token_env),
        _ => None,
    };
    let all = [("flag.unleash.token_env", flag)];
    let all = all.into_iter().chain(section.router.iter().flat_map(routers::variables));
    let all = all.chain(section.signals.iter().flat_map(signals::variables));
    let all = all.map(|(path, name)| (path.to_owned(), name));
    let notifications = section.notifications.iter().enumerate().flat_map(|(at, channel)| {
        let path = move |key| format!("notifications[{at}].{key}");
        channel.variables().into_iter().map(move |(key, name)| (path(key), Some(name)))
    });
    for (path, name) in all.into_iter().chain(notifications) {
        if let Some(name) = name.filter(|name| !may_be_named(name)) {
            let why = format!(
                "the name of such a variable starts with MLGATE_ and is not {VARIABLE}: {} is refused",
                code(name)
            );
            wrong.at(&path, &why);
        }
    }
}

const P99: &str = "latency_p99_ms";

fn limits(section: &RolloutSection, asker: Asker, wrong: &mut Wrong) -> Limits {
    let number = |value: Option<Finite>| value.map(|Finite(value)| value);
    let mut limits =
        Limits { by: section.signals.as_ref().and_then(|signals| signals.by.clone()), ..Limits::default() };
    // Who names other limits keeps these two, each until it is named itself.
    if !section.limits.iter().any(|limit| matches!(limit, LimitSection::ErrorRate(_))) {
        limits.max_error_rate = Some(if asker == Asker::Rollout { 0.01 } else { 0.02 });
        limits.max_ratio = (section.strategy != Strategy::Registry).then_some(2.0);
    }
    let has_p99 = section.limits.iter().any(|limit| matches!(limit, LimitSection::LatencyP99Ms(_)));
    if !has_p99 && section.gauge(P99).is_some() {
        let bounds = SignalBounds { name: P99.into(), max: Some(Finite(100.0)), ..SignalBounds::default() };
        if let Err(why) = add(&mut limits, section, bounds) {
            wrong.at("limits", why);
        }
    }
    let mut seen = BTreeSet::new();
    for (at, limit) in section.limits.iter().enumerate() {
        let path = format!("limits[{at}]");
        let (name, min, max, max_ratio) = match limit {
            LimitSection::ErrorRate(rate) => {
                (limits.max_error_rate, limits.max_ratio) = (number(rate.max), number(rate.max_ratio));
                if let Some(max) = limits.max_error_rate.filter(|max| !(0.0..1.0).contains(max)) {
                    wrong.at(&path, &format!("a share from 0 to 1{}", ValueRange::SHARE.slip(max)));
                }
                if limits.max_ratio.is_some_and(|ratio| ratio < 1.0) {
                    wrong.at(&path, "`max_ratio` is at least 1: a candidate as good as stable has a ratio of 1");
                }
                ("error_rate".to_owned(), None, limits.max_error_rate, limits.max_ratio)
            }
            LimitSection::LatencyP99Ms(bounds) => {
                (P99.to_owned(), number(bounds.min), number(bounds.max), number(bounds.max_ratio))
            }
            LimitSection::Accuracy(bounds) => {
                let limits = LimitSetting::band(bounds.min, bounds.max, ValueRange::SHARE, "`accuracy`");
                if let Err(why) = range::validate(&limits) {
                    wrong.at(&path, &why);
                }
                ("accuracy".to_owned(), number(bounds.min), number(bounds.max), number(bounds.max_ratio))
            }
            LimitSection::Signal(signal) => {
                (signal.name.clone(), number(signal.min), number(signal.max), number(signal.max_ratio))
            }
        };
        let is_gauge = !matches!(limit, LimitSection::ErrorRate(_));
        if min.is_none() && max.is_none() && max_ratio.is_none() {
            wrong.at(&path, "it has no limit");
        } else if is_gauge && min.zip(max).is_some_and(|(min, max)| min > max) {
            wrong.at(&path, "`min` is above `max`");
        }
        if is_gauge && section.gauge(&name).is_none() {
            wrong.at(&path, &format!("there is no query for it: set `signals.{name}`"));
        }
        if !seen.insert(name.clone()) {
            wrong.at(&path, &format!("{} has a limit already", code(&name)));
        }
        if is_gauge && max_ratio.is_some_and(|ratio| ratio < 1.0) {
            wrong.at(&path, "`max_ratio` is at least 1: a candidate as good as stable has a ratio of 1");
        }
        if is_gauge && max_ratio.is_some() && min.is_some() {
            wrong.at(&path, "`max_ratio` is of what should be small, and `min` of what should be large");
        }
        if is_gauge {
            let finite = |value: Option<f64>| value.map(Finite);
            let (min, max, max_ratio) = (finite(min), finite(max), finite(max_ratio));
            if let Err(why) = add(&mut limits, section, SignalBounds { name, min, max, max_ratio }) {
                wrong.at(&path, why);
            }
        }
    }
    limits
}

/// Adds a limit: on the counters of a histogram where the query is a quantile of one, on the gauge's value otherwise.
fn add(limits: &mut Limits, section: &RolloutSection, bounds: SignalBounds) -> Result<(), &'static str> {
    let number = |value: Option<Finite>| value.map(|Finite(value)| value);
    let SignalBounds { name, min, max, max_ratio } = bounds;
    let (min, max, max_ratio) = (number(min), number(max), number(max_ratio));
    let gauge = section.gauge(&name).cloned().unwrap_or_default();
    let query = signals::gauge(section.signals.as_ref(), &gauge);
    if let (Some(quantile), None) = (&query.quantile, min) {
        let max_share = 1.0 - quantile.quantile;
        let Some(max) = max else {
            return Err(
                "`max_ratio` of a histogram compares the shares of slow answers: set `max`, which says what is slow",
            );
        };
        limits.histograms.push(HistogramLimit { name, max, max_share, max_ratio });
        return Ok(());
    }
    limits.gauges.push(GaugeLimit {
        name,
        min,
        max,
        max_ratio,
        min_samples: gauge.min_samples.or(section.min_requests).unwrap_or(MIN_REQUESTS),
        window_seconds: query.window.as_secs_f64(),
    });
    Ok(())
}
