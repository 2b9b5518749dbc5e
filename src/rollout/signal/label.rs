//! What a label of a query's series holds.

use std::collections::BTreeSet;

use super::{Prometheus, SETTLED, Trouble};
use crate::rollout::query::Query;
use crate::support::words::{code, cut, one_line};

impl Prometheus {
    /// The values of a label of all series that a query gives; each of its selectors has a sample that is new enough.
    ///
    /// # Errors
    /// No series, one without the label, or no answer.
    pub async fn labels_of(&self, query: &Query, label: &str) -> Result<BTreeSet<String>, Trouble> {
        let (at, text) = (self.time().await? - SETTLED, code(&query.text));
        let time = format!("{at:.3}");
        let data = self.get("api/v1/query", &[("query", &query.text), ("time", &time)], &text).await?;
        let sources = query.sources.as_ref();
        let sources =
            sources.map_err(|why| Trouble::Query(format!("{text} cannot be parsed: {}", cut(&one_line(why), 200))))?;
        for source in sources {
            if !self.is_sampled(source, at).await? {
                let selector = code(&source.selector.text());
                return Err(Trouble::Unmeasured(format!("{selector} has no sample")));
            }
        }
        let mut values = BTreeSet::new();
        for series in data["result"].as_array().into_iter().flatten() {
            let Some(value) = series["metric"][label].as_str() else {
                return Err(Trouble::Query(format!("{text} gives a series without the label {}", code(label))));
            };
            values.insert(value.to_owned());
        }
        if values.is_empty() {
            return Err(Trouble::Unmeasured(format!("{text} gives no series")));
        }
        Ok(values)
    }
}
