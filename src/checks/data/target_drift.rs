//! `target_drift`: the target is distributed as in the reference.

use schemars::JsonSchema;
use serde::Deserialize;

use super::drift::{LOOSER, default_alpha, rule, threshold};
use crate::checks::check::{Check, Looser, Named, Part, Tables};
use crate::checks::check::drift::{self, Against, Context, Wanted};
use crate::stats::drift::{Choice, Contrast};
use crate::support::limit::range::LimitSetting;
use crate::support::limit::{Finite, Percent};
use crate::support::problem::Problem;
use crate::report::verdict::Finding;

/// The target is distributed as that of the reference.
///
/// When what is to be predicted becomes more or less common, thresholds and calibration are off even
/// where no feature moved. Methods, tests and settings are those of `drift`.
///
/// ```yaml
/// - target_drift
/// - target_drift: { method: psi, threshold: 0.1 }
/// ```
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TargetDrift {
    /// How it is compared.
    #[serde(default)]
    method: Choice,
    /// The effect from which on it drifts; the method's own without it.
    threshold: Option<Finite>,
    /// The adjusted p-value below which chance is no explanation.
    #[serde(default = "default_alpha")]
    alpha: Finite,
}

impl Check for TargetDrift {
    const ID: &'static str = "target_drift";
    const PARTS: &'static [Part] = &[Part::Target, Part::Reference];
    const LOOSER: &'static [(&'static str, Looser)] = LOOSER;
    type Needs = Wanted;

    fn validate(&self) -> Result<(), String> {
        rule(self.threshold, self.alpha).map(|_| ())
    }

    fn limits(&self) -> Vec<LimitSetting> {
        threshold(self.threshold, self.method).into_iter().collect()
    }

    fn subject(&self, named: Named) -> Option<String> {
        named.target.map(ToOwned::to_owned)
    }

    fn needs(&self, tables: &Tables) -> Result<Self::Needs, Problem> {
        let target = [tables.target()?.name().to_owned()];
        drift::wanted(tables, Some(&target), self.method)
    }

    fn judge(&self, (context, columns): (Context, Vec<(String, Contrast)>)) -> Result<Finding, Problem> {
        let rule = rule(self.threshold, self.alpha).map_err(Problem::new)?;
        Ok(drift::finding(context, &columns, rule, Against::Limit(Percent::of(0.0))))
    }
}
