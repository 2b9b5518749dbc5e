//! Requests and errors of a variant by the values of a label: regions, countries, tenants.

use std::collections::BTreeMap;

use super::{Prometheus, Trouble};
use crate::rollout::segments::{MOST, Raws};
use crate::rollout::{Reading, query::Query};
use crate::support::words::{code, cut};

/// The longest value of a label, in bytes.
const LONGEST: usize = 64;

impl Prometheus {
    /// The counters of each segment; one without errors so far is 0 where that is in order for the variant as a whole.
    ///
    /// # Errors
    /// Too many segments, series without the label, or no answer.
    pub async fn segments(
        &self,
        (requests, errors): (&Query, &Query),
        label: &str,
        total: &Reading,
        at: f64,
    ) -> Result<Raws, Trouble> {
        match total {
            Reading::Value(_) | Reading::Absent => {}
            Reading::Unexplained(why) | Reading::Unusable(why) => return Err(Trouble::Unmeasured(why.clone())),
        }
        let requests = self.by_label(requests, label, at).await?;
        let errors = self.by_label(errors, label, at).await?;
        Ok(requests
            .into_iter()
            .map(|(name, count)| {
                let errors = errors.get(&name).copied().unwrap_or_default();
                (name, [count, errors])
            })
            .collect())
    }

    async fn by_label(&self, query: &Query, label: &str, at: f64) -> Result<BTreeMap<String, f64>, Trouble> {
        let Some(text) = query.grouped(label) else {
            return Err(Trouble::Query(format!("{} is not one counter or a `sum(…)` of it", code(&query.text))));
        };
        let time = format!("{at:.3}");
        let data = self.get("api/v1/query", &[("query", &text), ("time", &time)], &code(&text)).await?;
        let mut found = BTreeMap::new();
        for series in data["result"].as_array().into_iter().flatten() {
            let Some(value) = series["metric"][label].as_str().filter(|value| !value.is_empty()) else {
                return Err(Trouble::Query(format!(
                    "{} has series without the label {}",
                    code(&query.text),
                    code(label)
                )));
            };
            if value.len() > LONGEST {
                let said =
                    format!("{} has a value of over {LONGEST} bytes: {}", code(label), code(&cut(value, LONGEST)));
                return Err(Trouble::Query(said));
            }
            let count = series["value"][1].as_str().and_then(|count| count.parse::<f64>().ok());
            let Some(count) = count.filter(|count| count.is_finite() && *count >= 0.0) else {
                return Err(Trouble::Query(format!("{} gives what is no count", code(&text))));
            };
            found.insert(value.to_owned(), count);
        }
        if found.len() > MOST {
            return Err(Trouble::Query(format!(
                "{} has {} values, and {MOST} segments are the most",
                code(label),
                found.len()
            )));
        }
        Ok(found)
    }
}
