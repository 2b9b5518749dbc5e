//! How often `watch` takes back what did not change, within 30 days, and how soon it takes back what did: mlgate's own code
//! on simulated counters. docs/rollout-signals.md shows the tables.

use std::collections::BTreeMap;

use rand_core::SeedableRng;
use rand_distr::{Binomial, Distribution};
use rand_pcg::Pcg64Mcg;

use super::*;
use crate::config::rollout::RolloutSection;
use crate::rollout::confirmation::Confirmation;
use crate::rollout::plan::Asker;
use crate::rollout::seen::{ArmSeen, Reading};

/// The limit of errors.
const LIMIT: f64 = 0.02;
const DAY: f64 = 86_400.0;
/// Seconds between two evaluations: of `watch` on a schedule, and of one that stays.
const SCHEDULE: f64 = 900.0;
const INTERVAL: f64 = 15.0;
const RUNS: u64 = 100;

pub fn plan(limits: &str) -> RolloutPlan {
    let yaml = format!(
        "strategy: canary\nmodel: {{ name: risk }}\nrouter: {{ webhook: {{ url: 'http://127.0.0.1:1' }} }}\n\
         journal: {{ path: journal.json }}\nsignals:\n  prometheus: {{ url: 'http://127.0.0.1:2' }}\n  requests: \
         'r{{arm=\"{{{{arm}}}}\"}}'\n  errors: 'e{{arm=\"{{{{arm}}}}\"}}'\nlimits:\n{limits}"
    );
    let section: RolloutSection = serde_yaml::from_str(&yaml).unwrap();
    RolloutPlan::new(section, Asker::Watch).unwrap()
}

/// What was promoted, and its counters since.
#[derive(Clone)]
pub struct Production {
    pub entry: Entry,
    at: f64,
    counters: [[f64; 2]; 2],
    /// The gauge `accuracy` of the candidate.
    pub gauge: Option<f64>,
}

impl Production {
    pub fn new() -> Self {
        let mut entry = Entry::unknown("canary", "risk", "a test", 0.0);
        entry.state.ended = Some(Ended { outcome: Outcome::Promoted, reason: String::new() });
        entry.is_settled = true;
        let mut own = Self { entry, at: 0.0, counters: [[0.0; 2]; 2], gauge: None };
        own.evaluate(&plan("  - error_rate: { max: 0.02 }\n"));
        own
    }

    /// Lets an interval pass, in which each variant answers so many requests and fails so often.
    pub fn pass(&mut self, seconds: f64, served: [(u64, f64); 2], draw: &mut Pcg64Mcg) {
        self.at += seconds;
        for (counters, (requests, share)) in self.counters.iter_mut().zip(served) {
            counters[0] += requests as f64;
            counters[1] += Binomial::new(requests, share).unwrap().sample(draw) as f64;
        }
    }

    pub fn evaluate(&mut self, plan: &RolloutPlan) -> Found {
        let variant = |[requests, errors]: [f64; 2]| ArmSeen {
            requests: Reading::Value(requests),
            errors: Reading::Value(errors),
            ..ArmSeen::default()
        };
        let mut candidate = variant(self.counters[1]);
        let gauge = self.gauge.map(|value| ("accuracy".to_owned(), Reading::Value(value)));
        candidate.gauges.extend(gauge);
        let seen = Seen {
            at: self.at,
            of: self.at,
            traffic: Ok(PRODUCTION),
            uptime: None,
            confirmation: Confirmation::Confirmed,
            ready: Ok(()),
            stable: variant(self.counters[0]),
            candidate,
            log: BTreeMap::new(),
            hook: None,
            stop: None,
        };
        next(plan, &mut self.entry, &seen)
    }

    /// The seconds after which it is taken back, if it is within so many.
    fn taken_back(&mut self, plan: &RolloutPlan, course: Course, draw: &mut Pcg64Mcg) -> Option<f64> {
        let requests = (course.rate * course.interval) as u64;
        let begin = self.at;
        while self.at - begin < course.seconds {
            self.pass(course.interval, [(0, 0.0), (requests, course.share)], draw);
            if let Found::Wrong(_) = self.evaluate(plan) {
                return Some(self.at - begin);
            }
        }
        None
    }
}

/// A time in which nothing changes.
#[derive(Clone, Copy)]
struct Course {
    /// Requests a second, and the share of them that fails.
    rate: f64,
    share: f64,
    interval: f64,
    seconds: f64,
}

/// The shares of runs that are taken back within 30 days in which the candidate fails as often as it may, and half as often.
fn unchanged(plan: &RolloutPlan) -> [f64; 2] {
    [LIMIT, LIMIT / 2.0].map(|share| {
        let course = Course { rate: 20.0, share, interval: SCHEDULE, seconds: 30.0 * DAY };
        let is_taken_back = |seed: &u64| {
            let mut draw = Pcg64Mcg::seed_from_u64(*seed);
            Production::new().taken_back(plan, course, &mut draw).is_some()
        };
        (0..RUNS).filter(is_taken_back).count() as f64 / RUNS as f64
    })
}

#[test]
fn the_rates_of_watch_are_those_of_the_page() {
    let plan = plan("  - error_rate: { max: 0.02 }\n");
    let [at_limit, half] = unchanged(&plan);
    assert!(
        at_limit <= 0.05 && half <= 0.01,
        "taken back within 30 days: {at_limit} at the limit, {half} at half of it"
    );
    let table = format!(
        "| candidate | taken back |\n|:--|--:|\n| 2 % of errors for 30 days, the limit | {:.0} % |\n| 1 % of errors for 30 days | {:.0} % |\n",
        100.0 * at_limit,
        100.0 * half
    );
    compare(&table);
    let mut table =
        String::from("| a week at 1 % of errors, then | 1 request a second | 20 | 200 |\n|:--|--:|--:|--:|\n");
    let rates = [1.0, 20.0, 200.0];
    let weeks = rates.map(|rate| {
        let course = Course { rate, share: LIMIT / 2.0, interval: INTERVAL, seconds: 7.0 * DAY };
        let mut production = Production::new();
        assert_eq!(production.taken_back(&plan, course, &mut Pcg64Mcg::seed_from_u64(1)), None);
        production
    });
    for factor in [2.0, 5.0, 10.0] {
        let cells = rates.iter().zip(&weeks).map(|(rate, week)| {
            let course = Course { rate: *rate, share: factor * LIMIT, interval: INTERVAL, seconds: DAY };
            let delay = |seed| week.clone().taken_back(&plan, course, &mut Pcg64Mcg::seed_from_u64(seed));
            let delays: Vec<f64> = (0..RUNS).filter_map(delay).collect();
            assert_eq!(delays.len() as u64, RUNS, "{factor} times the limit at {rate} requests a second");
            format!("{:.0} s", delays.iter().sum::<f64>() / RUNS as f64)
        });
        let cells: Vec<String> = cells.collect();
        table.push_str(&format!("| {:.0} % | {} |\n", 100.0 * factor * LIMIT, cells.join(" | ")));
    }
    compare(&table);
}

#[expect(clippy::disallowed_methods, reason = "edge: reads the page")]
fn compare(table: &str) {
    let page = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/rollout-signals.md")).unwrap();
    assert!(page.contains(table), "docs/rollout-signals.md has another table than this one:\n{table}");
}
