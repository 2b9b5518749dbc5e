//! `memory`: the model runs in the memory it will have.

use schemars::JsonSchema;
use serde::Deserialize;

use crate::checks::check::{Check, Part, Tables};
use crate::support::limit::range::{LimitSetting, ValueRange};
use crate::support::limit::Finite;
use crate::data::probe::Probe;
use crate::support::problem::Problem;
use crate::data::statistic::Typed;
use crate::report::verdict::{Finding, Limit, Unit};
use crate::support::words::{count, exact, number};

/// The process that loads the model and predicts grows by at most `max_mb`.
///
/// A file of 20 MB can unfold into 2 GB of trees, and a container that is too small ends it at the first request. The
/// model is loaded in a process of its own, on one thread, and predicts a batch of up to 1,000 rows of the test table;
/// the growth is from before it was loaded, with ONNX Runtime in memory already, to the peak (`VmHWM` of Linux). One MB
/// is 1,000,000 bytes.
///
/// ```yaml
/// - memory: { max_mb: 500 }
/// ```
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Memory {
    /// The largest growth allowed, in MB.
    max_mb: Finite,
}

impl Check for Memory {
    const ID: &'static str = "memory";
    const PARTS: &'static [Part] = &[Part::Model, Part::Rows];
    type Needs = Typed<u64>;

    fn validate(&self) -> Result<(), String> {
        if self.max_mb.0 > 0.0 { Ok(()) } else { Err(format!("max_mb {} leaves no model", self.max_mb.0)) }
    }

    fn limits(&self) -> Vec<LimitSetting> {
        vec![LimitSetting::max("max_mb", self.max_mb.0, ValueRange::NON_NEGATIVE, "a size")]
    }

    fn needs(&self, tables: &Tables) -> Result<Self::Needs, Problem> {
        tables.probe(Probe::Memory)
    }

    fn judge(&self, bytes: u64) -> Result<Finding, Problem> {
        let max = self.max_mb.0;
        let megabytes = bytes as f64 / 1e6;
        let said = format!(
            "the process grew by {} MB ({} bytes), at most {} MB allowed",
            number(megabytes, &[max]),
            count(bytes),
            exact(max)
        );
        Ok(Finding::new(bytes as f64 <= max * 1e6, said)
            .held(megabytes, Limit::max(max), Unit::Megabytes)
            .value("bytes", bytes))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::verdict::Outcome;

    #[test]
    fn a_megabyte_is_a_million_bytes() {
        let outcome = |bytes: u64| Memory { max_mb: Finite(10.0) }.judge(bytes).unwrap().outcome;
        assert_eq!((outcome(10_000_000), outcome(10_000_001)), (Outcome::Pass, Outcome::Fail));
    }
}
