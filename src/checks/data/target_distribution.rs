//! `target_distribution`: no class of the target is too rare, too common or gone.

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, json};

use crate::checks::check::{Check, Named, Part, Tables};
use crate::support::decimal::Decimal;
use crate::support::limit::range::LimitSetting;
use crate::support::limit::{Percent, Plain, share};
use crate::support::problem::Problem;
use crate::data::statistic::{Classes, Given, Typed};
use crate::report::verdict::{Finding, Held, Limit, Unit};
use crate::support::words::{code, list, percent};

/// Every class of the target makes up at least `min_class_percent` of the labelled rows.
///
/// A class that all but vanished cannot be learned, and accuracy will not tell. Shares are among
/// the rows whose target is not missing.
///
/// ```yaml
/// - target_distribution: { min_class_percent: 10, classes: [good, bad] }
/// ```
///
/// A class of `classes` that never occurs fails. A target that is wholly missing, or has over
/// 1,000 distinct values, is an error: it is not a class column.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TargetDistribution {
    /// The smallest share a class may have.
    #[serde(default = "default_min_class_percent")]
    min_class_percent: Percent,
    /// The largest share a class may have.
    max_class_percent: Option<Percent>,
    /// Classes that must occur.
    #[serde(default)]
    classes: Vec<Plain>,
}

fn default_min_class_percent() -> Percent {
    Percent::of(1.0)
}

impl Check for TargetDistribution {
    const ID: &'static str = "target_distribution";
    const PARTS: &'static [Part] = &[Part::Target];
    type Needs = (Given<String>, Typed<Classes>);

    fn validate(&self) -> Result<(), String> {
        match self.max_class_percent {
            Some(max) if self.min_class_percent.0 > max.0 => {
                Err(format!("min_class_percent {} is above max_class_percent {}", self.min_class_percent.0, max.0))
            }
            _ => Ok(()),
        }
    }

    fn limits(&self) -> Vec<LimitSetting> {
        let max = self.max_class_percent.map(|max| LimitSetting::max_percent("max_class_percent", max));
        std::iter::once(LimitSetting::min_percent("min_class_percent", self.min_class_percent)).chain(max).collect()
    }

    fn subject(&self, named: Named) -> Option<String> {
        named.target.map(ToOwned::to_owned)
    }

    fn needs(&self, tables: &Tables) -> Result<Self::Needs, Problem> {
        let target = tables.target()?;
        if !target.kind().is_scalar() {
            return Err(target.unfit("classes: text, integers, booleans"));
        }
        Ok((Given(target.name().to_owned()), target.class_counts()))
    }

    fn judge(&self, (target, classes): (String, Classes)) -> Result<Finding, Problem> {
        let mut classes = match classes {
            Classes::Counted(classes) => classes,
            Classes::TooMany(at_most) => {
                return Err(Problem::new(format!(
                    "{} has more than {at_most} distinct values: it is not a class column",
                    code(&target)
                )));
            }
        };
        let rows: u64 = classes.iter().map(|(_, count)| count).sum();
        if rows == 0 {
            return Err(Problem::new(format!("{} is missing in every row", code(&target))));
        }
        let absent: Vec<String> = self
            .classes
            .iter()
            .filter(|Plain(class)| !classes.iter().any(|(label, _)| same_class(label, class)))
            .map(|Plain(class)| class.clone())
            .collect();
        classes.extend(absent.iter().map(|class| (class.clone(), 0)));
        classes.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
        let shares: Map<_, _> =
            classes.iter().map(|(label, count)| (label.clone(), json!(share(*count, rows)))).collect();

        let (rarest, fewest) = &classes[classes.len() - 1];
        let (commonest, most) = &classes[0];
        let min = self.min_class_percent;
        let low = Held {
            setting: "min_class_percent",
            observed: share(*fewest, rows),
            limit: Limit::min(min.0),
            unit: Some(Unit::Percent),
            breached: min.is_missed_by(*fewest, rows) || !absent.is_empty(),
        };
        let high = self.max_class_percent.map(|max| Held {
            setting: "max_class_percent",
            observed: share(*most, rows),
            limit: Limit::max(max.0),
            unit: Some(Unit::Percent),
            breached: max.is_exceeded_by(*most, rows),
        });
        let mut said = Vec::new();
        if !absent.is_empty() {
            said.push(format!("{} never occurs in {}", list(absent.iter().map(String::as_str)), code(&target)));
        } else if low.breached {
            said.push(format!(
                "class {} is {} of labelled rows, at least {} needed",
                code(rarest),
                percent(low.observed, &[min.0]),
                percent(min.0, &[])
            ));
        }
        if let Some(high) = high.filter(|high| high.breached) {
            let limit = high.limit.max.unwrap_or_default();
            said.push(format!(
                "class {} is {} of labelled rows, at most {} allowed",
                code(commonest),
                percent(high.observed, &[limit]),
                percent(limit, &[])
            ));
        }
        let passed = said.is_empty();
        if passed {
            said.push(format!(
                "{} classes, the rarest {} with {} of labelled rows",
                classes.len(),
                code(rarest),
                percent(low.observed, &[min.0])
            ));
        }
        let mut finding = Finding::new(passed, said.join("; ")).value("classes", shares);
        finding.limits = std::iter::once(low).chain(high).collect();
        Ok(finding)
    }
}

/// `1`, `1.0` and `"1"` are one class, as they are in every table that was ever saved as CSV.
fn same_class(label: &str, wanted: &str) -> bool {
    label == wanted || matches!((Decimal::parse(label), Decimal::parse(wanted)), (Some(a), Some(b)) if a == b)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::verdict::Outcome;

    fn check(settings: &str, classes: &[(&str, u64)]) -> Result<(Outcome, f64, String), String> {
        let check: TargetDistribution = serde_yaml::from_str(settings).unwrap();
        let classes = classes.iter().map(|(label, count)| ((*label).to_owned(), *count)).collect();
        let finding = check.judge(("y".into(), Classes::Counted(classes))).map_err(|problem| problem.message)?;
        Ok((finding.outcome, finding.shown(&[]).unwrap().observed, finding.message))
    }

    #[test]
    fn a_class_at_its_limit_passes() {
        assert_eq!(check("{}", &[("0", 99), ("1", 1)]).unwrap().0, Outcome::Pass);
        let (outcome, observed, message) = check("{}", &[("0", 995), ("1", 5)]).unwrap();
        assert_eq!((outcome, observed), (Outcome::Fail, 0.5));
        assert_eq!(message, "class `1` is 0.5 % of labelled rows, at least 1 % needed");
    }

    #[test]
    fn a_class_that_never_occurs_fails_even_at_limit_zero() {
        let (outcome, observed, message) = check("{min_class_percent: 0, classes: [0, 1]}", &[("0", 5)]).unwrap();
        assert_eq!((outcome, observed, message.as_str()), (Outcome::Fail, 0.0, "`1` never occurs in `y`"));
    }

    #[test]
    fn the_largest_share_is_held_too() {
        let (outcome, observed, _) = check("{max_class_percent: 60}", &[("a", 70), ("b", 30)]).unwrap();
        assert_eq!((outcome, observed), (Outcome::Fail, 70.0));
    }

    #[test]
    fn what_is_no_class_column_is_an_error() {
        assert_eq!(check("{}", &[]), Err("`y` is missing in every row".into()));
        let check: TargetDistribution = serde_yaml::from_str("{}").unwrap();
        assert!(check.judge(("y".into(), Classes::TooMany(1000))).is_err());
    }
}
