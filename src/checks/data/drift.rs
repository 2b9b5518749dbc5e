//! `drift`: the table's columns are distributed as in the reference.

use schemars::JsonSchema;
use serde::Deserialize;

use crate::checks::check::{Check, Looser, Part, Tables, some_columns};
use crate::checks::check::drift::{self, Against, Context, Rule, Wanted};
use crate::stats::drift::{Choice, Contrast};
use crate::support::limit::range::{LimitSetting, ValueRange};
use crate::support::limit::{Finite, Percent};
use crate::support::problem::Problem;
use crate::report::verdict::Finding;

/// The columns are distributed as those of the reference: none of those named drifted, or at most
/// `max_drifted_percent` of them.
///
/// A model answers for the world it learned from. A column drifts when it moved far enough to
/// matter *and* so surely that chance is no explanation: its effect reaches the method's threshold,
/// and its p-value, adjusted over all columns of the run (Benjamini and Hochberg), is below `alpha`.
/// A missing share that moved by 10 points or more, as surely, is drift too.
///
/// ```yaml
/// - drift
/// - drift: { columns: [income, age], method: psi }
/// - drift: { max_drifted_percent: 20 }
/// ```
///
/// Without `columns` all but the target and `data.timestamp` are compared, and what drifted only warns unless
/// `max_drifted_percent` is set. The report names the columns worst first, and for each the bins that
/// moved most. A running number or a time is never distributed as before: name the `columns` that can be. A column
/// without any value, or of another type than in the reference, has drifted; one of lists, bytes or durations in
/// both tables is not compared, and named.
///
/// Under 30 rows on either side nothing can be said, and the verdict is inconclusive.
///
/// `method: auto` compares ranks, so that no single value decides, and reports the largest of its effects:
///
/// - numbers, dates and times: `ks`; `jensen_shannon` over bins of both tables' values together, a tenth to a sixth of the
///   rows each, finer at both ends, with a bin for each value that 5 % of the rows hold; and `wasserstein` over the middle
///   95 % of the values, in the deviation that the middle 95 % of the reference suggest. The p-value is the smallest
///   of Kolmogorov and Smirnov's test, chi-squared over the bins, and chi-squared over the outer ones, times three;
/// - text and booleans: `jensen_shannon` over all categories.
///
/// Its `jensen_shannon` is the distance beyond what two samples of one distribution have by chance. It follows
/// a study of laws and shifts (tests/oracle/power.json): from 300 rows on it
/// finds each of them in at least 90 % of tables, also beside an outlier, with false alarms in at most 5 %.
///
/// The reference is a table, or a profile that `--save-profile` kept of one. A profile knows ranks to about
/// 0.05 % of its rows; p-values are then of the smallest difference that this allows, and `effect_range` says between
/// what the distance lies. The deviation that `wasserstein` by name is measured in can be that of a few values: a note
/// says so.
///
/// | method | effect | counts from |
/// |---|---|--:|
/// | `psi` | population stability index over the reference's deciles, or categories | 0.2 |
/// | `ks` | Kolmogorov and Smirnov's D | 0.1 |
/// | `wasserstein` | earth mover's distance in the reference's standard deviations | 0.1 |
/// | `jensen_shannon` | distance in base 2, over categories, or the same deciles | 0.1 |
/// | `chi_squared` | Cramér's V, over categories, or the same deciles | 0.1 |
///
/// Numbers, dates and times are tested by Kolmogorov and Smirnov's test, text and booleans by
/// chi-squared; where that is only approximate, rare categories are pooled for it, and tested among themselves by the
/// exact mean and variance of the statistic (Haldane 1940). For an effect by name, the most common 1,000 categories of
/// both tables together count by themselves, the others as one; all are tested. Where a tenth or more of the
/// reference is its smallest value, what lies below it has a bin of its own. Categories are counted up to 65,536;
/// beyond, rows are counted by the hash of their category in 4,096 parts, which is keyed anew in every run. Categories of one
/// part hide each other's changes: the distance is at least that of the parts, and `effect_range` states its upper end.
///
/// Where `effect_range` contains the threshold and the difference is significant, the verdict is inconclusive: raise `max-memory`,
/// or compare with the table and not with its profile.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Drift {
    /// The columns to compare; all but the target and the time without it.
    columns: Option<Vec<String>>,
    /// How they are compared.
    #[serde(default)]
    method: Choice,
    /// The effect from which on a column drifts; the method's own without it.
    threshold: Option<Finite>,
    /// The adjusted p-value below which chance is no explanation.
    #[serde(default = "default_alpha")]
    alpha: Finite,
    /// The largest share of the columns that may drift.
    max_drifted_percent: Option<Percent>,
}

pub fn default_alpha() -> Finite {
    Finite(Rule::default().alpha)
}

/// The limit of the effect; an effect equal to it counts as drift.
pub fn threshold(threshold: Option<Finite>, method: Choice) -> Option<LimitSetting> {
    let limit = |Finite(value)| LimitSetting::max("threshold", value, method.effects(), "the effect").exclusive();
    threshold.map(limit)
}

/// # Errors
/// Settings that make no rule.
pub fn rule(threshold: Option<Finite>, alpha: Finite) -> Result<Rule, String> {
    if !(alpha.0 > 0.0 && alpha.0 < 1.0) {
        let slip = ValueRange::SHARE.slip(alpha.0);
        return Err(format!("`alpha` is {}, expected a probability between 0 and 1{slip}", alpha.0));
    }
    Ok(Rule { threshold, alpha: alpha.0 })
}

/// Which settings let more through.
pub const LOOSER: &[(&str, Looser)] = &[
    ("threshold", Looser::HigherThanUsual),
    ("max_drifted_percent", Looser::HigherThanUsual),
    ("alpha", Looser::Lower),
];

impl Check for Drift {
    const ID: &'static str = "drift";
    const PARTS: &'static [Part] = &[Part::Reference];
    const LOOSER: &'static [(&'static str, Looser)] = LOOSER;
    type Needs = Wanted;

    fn validate(&self) -> Result<(), String> {
        some_columns(self.columns.as_deref())?;
        rule(self.threshold, self.alpha).map(|_| ())
    }

    fn limits(&self) -> Vec<LimitSetting> {
        let columns = self.max_drifted_percent.map(|max| LimitSetting::max_percent("max_drifted_percent", max));
        columns.into_iter().chain(threshold(self.threshold, self.method)).collect()
    }

    fn needs(&self, tables: &Tables) -> Result<Self::Needs, Problem> {
        drift::wanted(tables, self.columns.as_deref(), self.method)
    }

    fn judge(&self, (context, columns): (Context, Vec<(String, Contrast)>)) -> Result<Finding, Problem> {
        let rule = rule(self.threshold, self.alpha).map_err(Problem::new)?;
        let against = match (self.max_drifted_percent, &self.columns) {
            (Some(limit), _) => Against::Limit(limit),
            (None, Some(_)) => Against::Limit(Percent::of(0.0)),
            (None, None) => Against::Look,
        };
        Ok(drift::finding(context, &columns, rule, against))
    }
}
