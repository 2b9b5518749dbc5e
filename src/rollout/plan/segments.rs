//! What `signals.by` means: whether the counters can be read by a label.

use super::{SourceSection, Wrong};
use crate::config::rollout::SignalsSection;
use crate::rollout::query::Query;
use crate::support::words::code;

/// Steps of which the journal holds the counts of all segments.
const MOST_STEPS: usize = 12;

pub fn check((signals, source): (&SignalsSection, &SourceSection), steps: usize, wrong: &mut Wrong) {
    let Some(label) = &signals.by else { return };
    if !matches!(source, SourceSection::Prometheus(_)) {
        wrong.at("signals.by", "only Prometheus has labels: remove it");
        return;
    }
    if steps > MOST_STEPS {
        wrong.at("steps", &format!("at most {MOST_STEPS} where `signals.by` is set, got {steps}"));
    }
    let is_start = |c: char| c.is_ascii_alphabetic() || c == '_';
    let is_label = label.starts_with(is_start) && label.chars().all(|c| is_start(c) || c.is_ascii_digit());
    if !is_label || label.starts_with("__") {
        wrong.at("signals.by", &format!("{} is not the name of a label", code(label)));
    }
    for (name, query) in [("requests", &signals.requests), ("errors", &signals.errors)] {
        let query = Query::new(&query.query, "any");
        if query.sources.is_ok() && query.grouped("any").is_none() {
            let why = "to be read by a label it is one counter, or a `sum(…)` of it without `by`";
            wrong.at(&format!("signals.{name}"), why);
        }
    }
}
