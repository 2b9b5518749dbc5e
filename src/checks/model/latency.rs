//! `latency`: predictions come in time.

use std::sync::Arc;

use schemars::JsonSchema;
use serde::Deserialize;

use crate::checks::check::{Check, Part, Tables};
use crate::checks::evidence::{self, Confidence};
use crate::stats::inference::estimate::TOLERANCE;
use crate::stats::inference::{Estimate, Held, quantile};
use crate::support::limit::Finite;
use crate::support::limit::range::{LimitSetting, ValueRange};
use crate::data::probe::Probe;
use crate::support::problem::Problem;
use crate::data::statistic::{Given, Typed};
use crate::data::table::Role;
use crate::report::verdict::{Finding, Held as Limited, Limit, Outcome, Unit};
use crate::support::words::{code, exact, interval, number, rows};

/// Half of the predictions take at most `p50_ms`, 95 % at most `p95_ms`, 99 % at most `p99_ms`.
///
/// Measured, where there is a model that runs: `rows` single predictions, one after another, after `warmup` that do not
/// count. An ONNX model is timed in a process of its own, on `threads` threads, from inputs that are ready to its answer;
/// an endpoint from the request to the whole answer. Without either, read from the column `latency_ms` of the predictions
/// (`predictions.latency` names another), one measured prediction a row. Quantiles are linear between two rows.
///
/// ```yaml
/// - latency: { p99_ms: 50 }
/// - latency: { p50_ms: 5, p99_ms: 50, confidence: 0.95 }
/// ```
///
/// Each quantile is shown with the interval of its order statistics, which supposes nothing of how
/// latencies are distributed. With `confidence` that interval decides: a p99 rests on few rows.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Latency {
    /// The largest median allowed, in milliseconds.
    p50_ms: Option<Finite>,
    /// The largest 95th percentile allowed, in milliseconds.
    p95_ms: Option<Finite>,
    /// The largest 99th percentile allowed, in milliseconds.
    p99_ms: Option<Finite>,
    /// Let the interval of this confidence decide.
    confidence: Option<Confidence>,
    /// Predictions to measure, where mlgate measures itself; a recorded column counts as it is.
    #[serde(default = "default_rows")]
    rows: u32,
    /// Predictions before those, where mlgate measures itself.
    #[serde(default = "default_warmup")]
    warmup: u32,
    /// Threads of an ONNX model, where mlgate measures itself.
    #[serde(default = "default_threads")]
    threads: u32,
}

fn default_rows() -> u32 {
    1000
}

fn default_warmup() -> u32 {
    100
}

fn default_threads() -> u32 {
    1
}

/// More threads than any machine of a gate has.
const MOST_THREADS: u32 = 256;
/// Single predictions that are worth waiting for.
const MOST_ROWS: u32 = 1_000_000;

/// Of the interval that is shown where none decides.
const SHOWN: f64 = 0.95;

impl Latency {
    /// Predictions that are asked for.
    pub fn requests(&self) -> f64 {
        f64::from(self.rows) + f64::from(self.warmup)
    }
}

impl Check for Latency {
    const ID: &'static str = "latency";
    const PARTS: &'static [Part] = &[Part::Latencies];
    type Needs = (Given<String>, Typed<Arc<Vec<f64>>>);

    fn validate(&self) -> Result<(), String> {
        match self.quantiles().next() {
            None => Err("no limit: set `p50_ms`, `p95_ms` or `p99_ms`".into()),
            Some(_) if !(1..=MOST_ROWS).contains(&self.rows) || self.warmup > MOST_ROWS => {
                Err(format!("rows and warmup are at most {MOST_ROWS}, and rows at least 1"))
            }
            Some(_) if !(1..=MOST_THREADS).contains(&self.threads) => {
                Err(format!("threads {} is not from 1 to {MOST_THREADS}", self.threads))
            }
            Some(_) => Ok(()),
        }
    }

    fn limits(&self) -> Vec<LimitSetting> {
        let limit = |(setting, _, Finite(max))| LimitSetting::max(setting, max, ValueRange::NON_NEGATIVE, "a latency");
        self.quantiles().map(limit).collect()
    }

    fn needs(&self, tables: &Tables) -> Result<Self::Needs, Problem> {
        let name = &tables.model.names.latency;
        if tables.model.runs.is_some() {
            let runs = tables.running()?;
            let what = if runs.is_endpoint { "the endpoint's latency" } else { "the model's latency" };
            let (rows, warmup, threads) = (self.rows.into(), self.warmup.into(), self.threads.into());
            return Ok((Given(what.to_owned()), tables.probe(Probe::Latency { rows, warmup, threads })?));
        }
        let column = tables.table(Role::Predictions)?.column(name)?;
        Ok((Given(name.clone()), column.sorted()?))
    }

    fn judge(&self, (column, sorted): (String, Arc<Vec<f64>>)) -> Result<Finding, Problem> {
        if let Some(first) = sorted.first().filter(|first| **first < 0.0) {
            return Err(Problem::new(format!("{} is {first} in some row, and no prediction ends before it began", code(&column))));
        }
        let confidence = self.confidence.map_or(SHOWN, |confidence| confidence.0);
        let mut said = Vec::new();
        let mut finding = Finding::of(Outcome::Pass, "").value("rows", sorted.len());
        let mut outcomes = Vec::new();
        for (setting, q, Finite(max)) in self.quantiles() {
            let estimate = quantile::interval(&sorted, q, confidence).ok_or_else(|| Problem::new("there are no rows"))?;
            let outcome = self.outcome(&estimate, max);
            let name = setting.trim_end_matches("_ms");
            let why = if outcome == Outcome::Inconclusive {
                format!(": {} {} too few to be sure", rows(estimate.rows), if estimate.rows == 1 { "is" } else { "are" })
            } else {
                String::new()
            };
            said.push(format!(
                "{name} is {} ms ({}), at most {} ms allowed{why}",
                number(estimate.value, &[max]),
                interval(estimate.interval.low, estimate.interval.high, confidence),
                exact(max)
            ));
            outcomes.push(outcome);
            finding.limits.push(Limited {
                setting,
                observed: estimate.value,
                limit: Limit::max(max),
                unit: Some(Unit::Milliseconds),
                breached: outcome != Outcome::Pass,
            });
            finding = finding.value(setting, estimate.value).value(&format!("{name}_interval"), evidence::interval(&estimate));
        }
        finding.outcome = [Outcome::Fail, Outcome::Inconclusive]
            .into_iter()
            .find(|outcome| outcomes.contains(outcome))
            .unwrap_or(Outcome::Pass);
        finding.message = said.join("; ");
        Ok(finding)
    }
}

impl Latency {
    fn quantiles(&self) -> impl Iterator<Item = (&'static str, f64, Finite)> {
        [("p50_ms", 0.5, self.p50_ms), ("p95_ms", 0.95, self.p95_ms), ("p99_ms", 0.99, self.p99_ms)]
            .into_iter()
            .filter_map(|(setting, q, max)| Some((setting, q, max?)))
    }

    fn outcome(&self, estimate: &Estimate, max: f64) -> Outcome {
        match (self.confidence, estimate.against(None, Some(max))) {
            (None, _) if estimate.value <= max + TOLERANCE => Outcome::Pass,
            (None, _) | (Some(_), Held::Outside) => Outcome::Fail,
            (Some(_), Held::Inside) => Outcome::Pass,
            (Some(_), Held::Open(_)) => Outcome::Inconclusive,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(settings: &str, latencies: impl Iterator<Item = u32>) -> Finding {
        let check: Latency = serde_yaml::from_str(settings).unwrap();
        check.judge(("latency_ms".into(), Arc::new(latencies.map(f64::from).collect()))).unwrap()
    }

    #[test]
    fn quantiles_are_held_and_the_first_breached_is_shown() {
        let finding = check("{p50_ms: 60, p99_ms: 90}", 0..101);
        assert_eq!(finding.outcome, Outcome::Fail);
        assert_eq!(finding.shown(&["p50_ms", "p99_ms"]).unwrap().observed, 99.0);
        assert!(finding.message.starts_with("p50 is 50 ms (95 % interval 40 to 60), at most 60 ms allowed; p99 is 99 ms"), "{}", finding.message);
        assert_eq!(check("{p99_ms: 99}", 0..101).outcome, Outcome::Pass);
    }

    #[test]
    fn a_hundred_rows_do_not_know_their_p99() {
        let finding = check("{p99_ms: 500, confidence: 0.95}", 0..101);
        assert_eq!(finding.outcome, Outcome::Inconclusive);
        assert!(finding.message.ends_with(": 101 rows are too few to be sure"), "{}", finding.message);
    }
}
