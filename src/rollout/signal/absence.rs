//! Why a selector has no sample: nothing has happened yet, or it reads what is not there.
//!
//! A counter that never counted is often not exported at all, and so is one whose name is misspelt or whose target is gone.
//! Absence counts as 0 only where the same selector without its variant has matched a series, and where the variant is seen
//! to be scraped now.

use std::sync::PoisonError;

use super::{Prometheus, Role, Round, Trouble};
use crate::rollout::Reading;
use crate::rollout::policy::AbsentErrors;
use crate::rollout::promql::{Matcher, Selector};
use crate::rollout::query::Source;
use crate::support::words::{code, cut, one_line};

/// How far back a series may be: longer than Prometheus keeps its own unless it is told to.
const RETENTION_SECONDS: f64 = 90.0 * 86_400.0;
/// Values of a label that are shown.
const SHOWN: usize = 8;
const JOB: &str = "job";
/// Metrics of a variant that are looked at for a fresh sample.
const TRIED: usize = 3;

impl Round<'_> {
    /// Whether each of these counts as nothing so far.
    ///
    /// # Errors
    /// `Unexplained` where that cannot be said, with the reason.
    pub(super) async fn explain(&self, missing: &[&Source], role: Role) -> Result<(), Trouble> {
        let is_served = matches!(self.requests, Reading::Value(_));
        if role == Role::Errors && self.prometheus.absent_errors == AbsentErrors::Zero {
            let why = "`absent_errors: zero` counts on fresh samples of `requests`, and there are none";
            return if is_served { Ok(()) } else { Err(Trouble::Unexplained(why.to_owned())) };
        }
        for source in missing {
            let jobs = self.prometheus.prove_family(&source.family, self.at).await?;
            let is_seen = is_served && self.is_counted_beside(source) || self.is_scraped(source, &jobs).await?;
            if !is_seen {
                let selector = code(&source.selector.text());
                let why = if source.variant.is_empty() {
                    "and it does not name the variant by a label, so that nothing says whether its target is scraped"
                } else {
                    "nor has anything else of this variant there: its target is not scraped"
                };
                return Err(Trouble::Unexplained(format!("{selector} has no sample, {why}")));
            }
        }
        Ok(())
    }

    /// Whether `requests`, which has fresh samples, is counted by the same metric of the same variant.
    fn is_counted_beside(&self, source: &Source) -> bool {
        let name = &source.selector.name;
        self.queries
            .requests
            .sources
            .iter()
            .flatten()
            .any(|requests| name.is_some() && requests.selector.name == *name && requests.variant == source.variant)
    }

    /// Whether anything of the variant has a fresh sample in the jobs that the family's series are of.
    async fn is_scraped(&self, source: &Source, jobs: &[String]) -> Result<bool, Trouble> {
        if source.variant.is_empty() {
            return Ok(false);
        }
        let mut matchers: Vec<String> = source.variant.iter().map(Matcher::text).collect();
        if !jobs.is_empty() {
            let any = jobs.iter().map(|job| regex::escape(job)).collect::<Vec<_>>().join("|");
            matchers.push(Matcher { label: JOB.into(), operator: "=~", value: any }.text());
        }
        let matchers = matchers.join(",");
        let time = format!("{:.3}", self.at);
        let alive = format!("topk({TRIED}, group by (__name__) ({{{matchers}}}))");
        let data = self.prometheus.get("api/v1/query", &[("query", &alive), ("time", &time)], &code(&matchers)).await?;
        let names = data["result"].as_array().into_iter().flatten();
        for name in names.filter_map(|series| series["metric"]["__name__"].as_str()) {
            let name = Matcher { label: "__name__".into(), operator: "=", value: name.to_owned() };
            let newest = format!("max(timestamp({{{},{matchers}}}))", name.text());
            let newest = self.prometheus.query(&newest, Some(self.at)).await?;
            if newest.is_some_and(|newest| self.at - newest <= self.prometheus.stale_seconds) {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

impl Prometheus {
    /// Proves that a selector without its variant has matched a series; returns the jobs of its series.
    ///
    /// # Errors
    /// It never has: which of its name and labels is unknown.
    pub(super) async fn prove_family(&self, family: &Selector, at: f64) -> Result<Vec<String>, Trouble> {
        let series = family.series();
        if let Some(jobs) = self.known.lock().unwrap_or_else(PoisonError::into_inner).get(&series) {
            return Ok(jobs.clone());
        }
        if self.label_values("__name__", &series, at).await?.is_empty() {
            return Err(Trouble::Unexplained(self.diagnosis(family, at).await?));
        }
        let jobs = self.label_values(JOB, &series, at).await?;
        self.known.lock().unwrap_or_else(PoisonError::into_inner).insert(series, jobs.clone());
        Ok(jobs)
    }

    /// Values of a label in the series that a selector has matched.
    async fn label_values(&self, label: &str, series: &str, at: f64) -> Result<Vec<String>, Trouble> {
        let (start, end) = (format!("{:.0}", (at - RETENTION_SECONDS).max(0.0)), format!("{at:.0}"));
        let pairs = [("match[]", series), ("start", &start), ("end", &end)];
        let data = self.get(&format!("api/v1/label/{label}/values"), &pairs, &code(series)).await?;
        let values = data.as_array().into_iter().flatten().filter_map(|value| value.as_str().map(str::to_owned));
        Ok(values.collect())
    }

    /// Which part of a selector that matches nothing is unknown.
    async fn diagnosis(&self, family: &Selector, at: f64) -> Result<String, Trouble> {
        let shown = code(&family.series());
        let Some(name) = &family.name else { return Ok(format!("{shown} has never matched a series")) };
        let metric = Selector { matchers: Vec::new(), ..family.clone() };
        if self.label_values("__name__", &metric.series(), at).await?.is_empty() {
            let near = self.nearest(name, at).await;
            let near = near.map_or_else(String::new, |near| format!("; did you mean {}?", code(&near)));
            return Ok(format!("Prometheus has no metric {}{near}", code(name)));
        }
        for matcher in &family.matchers {
            let values = self.label_values(&matcher.label, &metric.series(), at).await?;
            if values.is_empty() && !matcher.matches("") {
                return Ok(format!("{} has no label {}", code(name), code(&matcher.label)));
            }
            if !values.iter().any(|value| matcher.matches(value)) && !matcher.matches("") {
                let (label, own) = (code(&matcher.label), code(&matcher.value));
                return Ok(format!("{label} of {} has {}; {own} never", code(name), listed(&values)));
            }
        }
        Ok(format!("no series of {} has all labels of {shown} together", code(name)))
    }

    /// The name of a metric that is most like one that there is not.
    async fn nearest(&self, name: &str, at: f64) -> Option<String> {
        let names = self.label_values("__name__", "{__name__!=\"\"}", at).await.ok()?;
        let near = names.into_iter().map(|known| (strsim::osa_distance(name, &known), known));
        let (distance, known) = near.min()?;
        (distance <= name.len() / 4 + 1).then_some(known)
    }
}

/// Hostile, as all that a server writes: shown on one line, and not all of it.
fn listed(values: &[String]) -> String {
    let shown: Vec<String> = values.iter().take(SHOWN).map(|value| cut(&one_line(value), 40)).collect();
    let more = if values.len() > SHOWN { format!(", … ({} in all)", values.len()) } else { String::new() };
    format!("{}{more}", shown.join(", "))
}
