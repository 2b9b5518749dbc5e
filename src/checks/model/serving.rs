//! `serving`: the endpoint holds the load it was promised.

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::json;

use crate::checks::check::{Check, Looser, Part, Tables};
use crate::checks::evidence;
use crate::stats::inference::estimate::TOLERANCE;
use crate::stats::inference::quantile;
use crate::support::limit::range::{LimitSetting, ValueRange};
use crate::support::limit::{Finite, Percent, Total, share};
use crate::data::probe::{Probe, Served};
use crate::support::problem::Problem;
use crate::data::statistic::Typed;
use crate::report::verdict::{Finding, Held, Limit, Outcome, Unit};
use crate::support::words::{count, exact, interval, number, percent};

/// The endpoint answers `rps` requests a second for `seconds`, each with one prediction for its one row.
///
/// A load test that waits for each answer before it asks again measures a slow server gently: while it stands still,
/// nothing is asked. Here requests leave at their intended times whether or not earlier ones were answered, and
/// latencies count from those times.
///
/// ```yaml
/// - serving: { rps: 100, seconds: 60, p99_ms: 50 }
/// - serving: { rps: 200, seconds: 30, p99_ms: 100, min_rps: 195, max_error_percent: 0.1 }
/// ```
///
/// An answer that is late beyond the endpoint's time-out, that is no prediction, or that holds another number of them is
/// an error; its time counts too. `min_rps` is held against the right answers a second. How late requests left is the
/// generator's own lag: it is reported, and where its 99th percentile exceeds a tenth of `p99_ms` the verdict is
/// inconclusive, since the machine that asked was measured as much as the one that answered. Nothing is asked again.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Serving {
    /// Requests a second.
    #[serde(default = "default_rps")]
    rps: Finite,
    /// How long.
    #[serde(default = "default_seconds")]
    seconds: Finite,
    /// The largest 99th percentile allowed, in milliseconds.
    p99_ms: Option<Finite>,
    /// The fewest right answers a second.
    min_rps: Option<Finite>,
    /// Percent of the requests that may go wrong.
    #[serde(default = "default_errors")]
    max_error_percent: Percent,
}

fn default_errors() -> Percent {
    Percent::of(0.0)
}

fn default_rps() -> Finite {
    Finite(100.0)
}

fn default_seconds() -> Finite {
    Finite(60.0)
}

impl Serving {
    /// Requests a second, and for how many seconds.
    pub fn load(&self) -> (f64, f64) {
        (self.rps.0, self.seconds.0)
    }
}

/// Of the latencies' interval that is shown.
const SHOWN: f64 = 0.95;
/// The generator's own lag may be so much of the limit.
const LAG: f64 = 0.1;
/// More requests than a machine keeps the fates of.
const MOST: f64 = 10_000_000.0;

impl Check for Serving {
    const ID: &'static str = "serving";
    const PARTS: &'static [Part] = &[Part::Endpoint, Part::Rows];
    const LOOSER: &'static [(&'static str, Looser)] = &[("rps", Looser::Lower), ("seconds", Looser::Lower)];
    type Needs = Typed<Served>;

    fn validate(&self) -> Result<(), String> {
        if !(0.1..=20_000.0).contains(&self.rps.0) {
            return Err(format!("rps {} is no load, from 0.1 to 20000", self.rps.0));
        }
        if !(0.1..=86_400.0).contains(&self.seconds.0) || self.rps.0 * self.seconds.0 > MOST {
            return Err(format!("seconds {} is no time to hold a load of {} a second", self.seconds.0, self.rps.0));
        }
        if self.p99_ms.is_some_and(|Finite(limit)| limit <= 0.0) {
            return Err("p99_ms leaves no time to answer".into());
        }
        match self.min_rps {
            Some(Finite(min)) if min > self.rps.0 => {
                Err(format!("min_rps {min} is more than the {} requests a second that are sent", self.rps.0))
            }
            _ => Ok(()),
        }
    }

    fn limits(&self) -> Vec<LimitSetting> {
        let range = ValueRange::NON_NEGATIVE;
        let latency = self.p99_ms.map(|max| LimitSetting::max("p99_ms", max.0, range, "a latency"));
        let rate = self.min_rps.map(|min| LimitSetting::min("min_rps", min.0, range, "a rate"));
        let errors = LimitSetting::max_percent("max_error_percent", self.max_error_percent);
        [latency, rate].into_iter().flatten().chain([errors]).collect()
    }

    fn needs(&self, tables: &Tables) -> Result<Self::Needs, Problem> {
        tables.probe(Probe::Served { rps: Total(self.rps.0), seconds: Total(self.seconds.0) })
    }

    fn judge(&self, served: Served) -> Result<Finding, Problem> {
        if served.latencies.is_empty() {
            return Err(Problem::new("nothing was sent"));
        }
        let most = self.max_error_percent;
        let (failed, sent) = (served.failed(), served.sent);
        let mut limits = Vec::new();
        let mut said = Vec::new();
        let mut finding = Finding::of(Outcome::Pass, "").value("requests", sent).value("seconds", served.seconds);
        let at = |q: f64| quantile::interval(&served.latencies, q, SHOWN);
        for (name, q) in [("p50", 0.5), ("p95", 0.95), ("p99", 0.99)] {
            let Some(estimate) = at(q) else { continue };
            finding = finding
                .value(&format!("{name}_ms"), estimate.value)
                .value(&format!("{name}_interval"), evidence::interval(&estimate));
            if let Some(Finite(max)) = self.p99_ms.filter(|_| name == "p99") {
                let breached = estimate.value > max + TOLERANCE;
                let held = interval(estimate.interval.low, estimate.interval.high, SHOWN);
                said.push(format!("p99 is {} ms ({held}), at most {} ms allowed", number(estimate.value, &[max]), exact(max)));
                limits.push(held_to("p99_ms", estimate.value, Limit::max(max), Some(Unit::Milliseconds), breached));
            }
        }
        if let Some(Finite(min)) = self.min_rps {
            let breached = served.rate < min - TOLERANCE;
            said.push(format!("{} right answers a second, at least {} needed", number(served.rate, &[min]), exact(min)));
            limits.push(held_to("min_rps", served.rate, Limit::min(min), None, breached));
        }
        let wrong = share(failed, sent);
        let breached = most.is_exceeded_by(failed, sent);
        let worst = served.errors.first().map(|(why, times)| format!(" ({} times: it {why})", count(*times))).unwrap_or_default();
        said.push(format!("{} of {} requests failed{worst}, at most {} allowed", count(failed), count(sent), percent(most.0, &[])));
        limits.push(held_to("max_error_percent", wrong, Limit::max(most.0), Some(Unit::Percent), breached));

        let lag = quantile::interval(&served.lags, 0.99, SHOWN).map_or(0.0, |estimate| estimate.value);
        let is_late = self.p99_ms.is_some_and(|Finite(max)| lag > max * LAG);
        finding.outcome = if is_late {
            said.push(format!(
                "requests left up to {} ms late (p99), more than a tenth of the limit: this machine was measured too",
                number(lag, &[])
            ));
            Outcome::Inconclusive
        } else if limits.iter().any(|held| held.breached) {
            Outcome::Fail
        } else {
            Outcome::Pass
        };
        finding.limits = limits;
        finding.message = said.join("; ");
        let errors: Vec<_> = served.errors.iter().map(|(why, times)| json!({ "error": why, "requests": times })).collect();
        Ok(finding
            .value("load", json!({ "rate": served.rate, "planned_rate": self.rps.0 }))
            .value("failed_requests", failed)
            .value("errors", errors)
            .value("lag_p99_ms", lag)
            .value("lag_p50_ms", quantile::interval(&served.lags, 0.5, SHOWN).map_or(0.0, |estimate| estimate.value)))
    }
}

fn held_to(setting: &'static str, observed: f64, limit: Limit, unit: Option<Unit>, breached: bool) -> Held {
    Held { setting, observed, limit, unit, breached }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judge(settings: &str, served: Served) -> Finding {
        let check: Serving = serde_yaml::from_str(settings).unwrap();
        check.validate().unwrap();
        check.judge(served).unwrap()
    }

    fn served(latency: f64, lag: f64, failed: u64) -> Served {
        let errors = if failed > 0 { vec![("answered 503".to_owned(), failed)] } else { vec![] };
        Served { latencies: vec![latency; 1000], lags: vec![lag; 1000], sent: 1000, errors, rate: 99.5, seconds: 10.0 }
    }

    #[test]
    fn late_answers_and_errors_fail() {
        assert_eq!(judge("{p99_ms: 20}", served(19.0, 0.1, 0)).outcome, Outcome::Pass);
        assert_eq!(judge("{p99_ms: 20}", served(21.0, 0.1, 0)).outcome, Outcome::Fail);
        let finding = judge("{p99_ms: 20}", served(19.0, 0.1, 3));
        assert_eq!(finding.outcome, Outcome::Fail);
        assert!(finding.message.ends_with("3 of 1,000 requests failed (3 times: it answered 503), at most 0 % allowed"), "{}", finding.message);
        assert_eq!(judge("{p99_ms: 20, max_error_percent: 0.3}", served(19.0, 0.1, 3)).outcome, Outcome::Pass);
        assert_eq!(judge("{min_rps: 99.6}", served(19.0, 0.1, 0)).outcome, Outcome::Fail);
    }

    #[test]
    fn a_generator_that_lags_measures_itself() {
        assert_eq!(judge("{p99_ms: 20}", served(19.0, 2.1, 0)).outcome, Outcome::Inconclusive);
        assert_eq!(judge("{p99_ms: 20}", served(21.0, 2.1, 0)).outcome, Outcome::Inconclusive);
    }

    #[test]
    fn loads_that_cannot_be_held_are_refused() {
        for wrong in ["{rps: 0}", "{seconds: 0}", "{rps: 20000, seconds: 86400}", "{p99_ms: 0}", "{rps: 10, min_rps: 11}"] {
            let check: Serving = serde_yaml::from_str(wrong).unwrap();
            assert!(check.validate().is_err(), "{wrong}");
        }
    }
}
