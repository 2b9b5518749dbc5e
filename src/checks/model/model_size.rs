//! `model_size`: the model still fits where it must.

use schemars::JsonSchema;
use serde::Deserialize;

use crate::checks::check::{Check, Part, Tables};
use crate::support::limit::range::{LimitSetting, ValueRange};
use crate::support::limit::Finite;
use crate::support::problem::Problem;
use crate::data::statistic::Given;
use crate::report::verdict::{Finding, Limit, Unit};
use crate::support::words::{count, exact, number};

/// The file or folder of the model is at most `max_mb` large.
///
/// An image that no longer fits a device or a start-up time shows here before it does there. One MB is
/// 1,000,000 bytes; of a folder all files count, of an ONNX file those that it keeps values in, too (external data).
///
/// ```yaml
/// - model_size: { max_mb: 200 }
/// ```
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ModelSize {
    /// The largest size allowed, in MB.
    max_mb: Finite,
}

impl Check for ModelSize {
    const ID: &'static str = "model_size";
    const PARTS: &'static [Part] = &[Part::Artifact];
    type Needs = Given<u64>;

    fn validate(&self) -> Result<(), String> {
        if self.max_mb.0 > 0.0 { Ok(()) } else { Err(format!("max_mb {} leaves no model", self.max_mb.0)) }
    }

    fn limits(&self) -> Vec<LimitSetting> {
        vec![LimitSetting::max("max_mb", self.max_mb.0, ValueRange::NON_NEGATIVE, "a size")]
    }

    fn needs(&self, tables: &Tables) -> Result<Self::Needs, Problem> {
        match &tables.model.size {
            Some(size) => Ok(Given(size.clone()?)),
            None => Err(Problem::new("no artifact is named").hint("set `model.artifact`, or the input `artifact`")),
        }
    }

    fn judge(&self, bytes: u64) -> Result<Finding, Problem> {
        if bytes == 0 {
            return Err(Problem::new("the model is empty"));
        }
        let max = self.max_mb.0;
        let passed = bytes as f64 <= max * 1e6;
        let megabytes = bytes as f64 / 1e6;
        let said =
            format!("the model has {} MB ({} bytes), at most {} MB allowed", number(megabytes, &[max]), count(bytes), exact(max));
        Ok(Finding::new(passed, said).held(megabytes, Limit::max(max), Unit::Megabytes).value("bytes", bytes))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::verdict::Outcome;

    fn outcome(max_mb: f64, bytes: u64) -> Outcome {
        ModelSize { max_mb: Finite(max_mb) }.judge(bytes).unwrap().outcome
    }

    #[test]
    fn a_megabyte_is_a_million_bytes() {
        assert_eq!(outcome(1.0, 1_000_000), Outcome::Pass);
        assert_eq!(outcome(1.0, 1_000_001), Outcome::Fail);
    }

    #[test]
    fn nothing_is_no_model() {
        assert!(ModelSize { max_mb: Finite(1.0) }.judge(0).is_err());
    }
}
