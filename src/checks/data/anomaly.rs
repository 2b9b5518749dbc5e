//! `anomaly`: a number of the table is as it used to be.

use schemars::JsonSchema;
use serde::Deserialize;

use crate::checks::check::{Check, Looser, Named, Tables};
use crate::stats::inference::robust;
use crate::support::limit::range::{LimitSetting, ValueRange};
use crate::support::limit::Finite;
use crate::support::problem::Problem;
use crate::data::statistic::{Given, Moments, Typed};
use crate::data::table::Kind;
use crate::report::verdict::{Finding, Held, Limit, Outcome};
use crate::support::words::{code, count, exact, metric, sparkline};

/// A number of the table lies within `max_deviations` of what the last runs had.
///
/// Nobody knows beforehand how many rows a day has. The history does: half the usual rows, or three times the
/// usual missing values, are an upstream that broke.
///
/// ```yaml
/// - anomaly: { statistic: row_count }
/// - anomaly: { statistic: missing_percent, column: income }
/// - anomaly: { statistic: mean, column: income, max_deviations: 8, min_runs: 14 }
/// ```
///
/// Deviations are `|x − median| / (1.4826 · MAD)` over the history, MAD being the median distance from the median:
/// one wild day in the past does not hide another. Where all earlier runs had one value, 1 % of it stands for the
/// MAD. With fewer than `min_runs` earlier runs it warns and says how many are missing.
///
/// Missing values are left out; an infinite one is an error. The history is the file that the input `history` names, or the numbers that the last check run of the branch, or
/// of the base branch, carries; every run adds its own.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Anomaly {
    /// What is watched.
    statistic: Watched,
    /// Of which column, where it is of one.
    column: Option<String>,
    /// The most deviations from the usual.
    #[serde(default = "default_max_deviations")]
    max_deviations: Finite,
    /// Earlier runs that are needed.
    #[serde(default = "default_min_runs")]
    min_runs: usize,
}

/// A number of a table, or of a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum Watched {
    /// Rows of the table.
    RowCount,
    /// The share of the column's rows that are missing, in percent.
    #[serde(alias = "null_percent", alias = "null_share")]
    MissingPercent,
    /// The mean of its numbers.
    Mean,
    /// Their standard deviation.
    #[serde(alias = "std")]
    StandardDeviation,
    /// The smallest.
    Min,
    /// The largest.
    Max,
}

impl Watched {
    fn word(self) -> &'static str {
        match self {
            Self::RowCount => "row_count",
            Self::MissingPercent => "missing_percent",
            Self::Mean => "mean",
            Self::StandardDeviation => "standard_deviation",
            Self::Min => "min",
            Self::Max => "max",
        }
    }
}

fn default_max_deviations() -> Finite {
    Finite(5.0)
}

fn default_min_runs() -> usize {
    8
}

impl Check for Anomaly {
    const ID: &'static str = "anomaly";
    const LOOSER: &'static [(&'static str, Looser)] = &[("min_runs", Looser::Higher)];
    type Needs = (Given<Vec<f64>>, Typed<u64>, Option<Typed<u64>>, Option<Typed<Moments>>);

    fn validate(&self) -> Result<(), String> {
        match (self.statistic, &self.column) {
            (Watched::RowCount, Some(_)) => Err("`row_count` is of the table: it has no `column`".into()),
            (Watched::RowCount, None) | (_, Some(_)) if self.max_deviations.0 <= 0.0 => {
                Err(format!("`max_deviations` is {}, expected more than 0", self.max_deviations.0))
            }
            (Watched::RowCount, None) | (_, Some(_)) if !(2..=crate::report::digest::REMEMBERED).contains(&self.min_runs) => {
                let most = crate::report::digest::REMEMBERED;
                Err(format!("`min_runs` is {}, expected 2 to {most}: so many are remembered", self.min_runs))
            }
            (Watched::RowCount, None) | (_, Some(_)) => Ok(()),
            (statistic, None) => Err(format!("`{}` is of a column: set `column`", statistic.word())),
        }
    }

    fn limits(&self) -> Vec<LimitSetting> {
        let deviations = self.max_deviations.0;
        vec![LimitSetting::max("max_deviations", deviations, ValueRange::NON_NEGATIVE, "a number of deviations")]
    }

    fn subject(&self, _: Named) -> Option<String> {
        let statistic = self.statistic.word();
        Some(self.column.as_ref().map_or_else(|| statistic.to_owned(), |column| format!("{statistic} of {column}")))
    }

    fn needs(&self, tables: &Tables) -> Result<Self::Needs, Problem> {
        let table = tables.here()?;
        let column = self.column.as_ref().map(|name| table.column(name)).transpose()?;
        let (missing, moments) = match (self.statistic, column) {
            (Watched::MissingPercent, Some(column)) => (Some(column.null_count(&[])), None),
            (Watched::RowCount, _) | (_, None) => (None, None),
            (_, Some(column)) => match column.kind() {
                Kind::Integer | Kind::Float | Kind::Number => (None, Some(column.moments())),
                _ => return Err(column.unfit("numbers")),
            },
        };
        Ok((Given(tables.past.to_vec()), table.row_count(), missing, moments))
    }

    fn judge(
        &self,
        (past, rows, missing, moments): (Vec<f64>, u64, Option<u64>, Option<Moments>),
    ) -> Result<Finding, Problem> {
        let what = self.subject(Named::default()).unwrap_or_default();
        let value = match (missing, moments) {
            (Some(missing), _) => crate::support::limit::share(missing, rows),
            (None, Some(moments)) if moments.count == 0 => {
                let column = self.column.as_deref().unwrap_or_default();
                return Err(Problem::new(format!("{} has no number to watch", code(column))));
            }
            (None, Some(moments)) if moments.infinite > 0 => {
                let column = self.column.as_deref().unwrap_or_default();
                let infinite = crate::support::words::rows(moments.infinite);
                return Err(Problem::new(format!("{} is infinite in {infinite}", code(column))));
            }
            (None, Some(moments)) => match self.statistic {
                Watched::StandardDeviation => moments.deviation,
                Watched::Min => moments.min,
                Watched::Max => moments.max,
                _ => moments.mean,
            },
            (None, None) => rows as f64,
        };
        let past_said = serde_json::Value::from(past.clone());
        let said = |finding: Finding| finding.value("value", value).value("past", past_said.clone());
        if past.len() < self.min_runs {
            let missing = self.min_runs - past.len();
            let runs = if missing == 1 { "1 more run is".to_owned() } else { format!("{} more runs are", count(missing as u64)) };
            let message = format!("{} is {}; {runs} needed to say whether that is usual", code(&what), metric(value, &[]));
            return Ok(said(Finding::of(Outcome::Warn, message)));
        }
        let (median, deviations) = robust::deviations(&past, value);
        let is_usual = deviations <= self.max_deviations.0 + 1e-12;
        let beside = if deviations.is_finite() {
            format!("{} deviations from it", metric(deviations, &[self.max_deviations.0]))
        } else {
            "and never was anything else".to_owned()
        };
        let line: Vec<f64> = past.iter().copied().chain([value]).collect();
        let message = format!(
            "{} is {}: {} is usual, {beside}, at most {} allowed ({} in {} runs)",
            code(&what),
            metric(value, &[median]),
            metric(median, &[value]),
            exact(self.max_deviations.0),
            sparkline(&crate::support::words::risen(&line)),
            count(past.len() as u64 + 1)
        );
        let mut finding = Finding::new(is_usual, message);
        finding.limits = vec![Held {
            setting: "max_deviations",
            observed: deviations,
            limit: Limit::max(self.max_deviations.0),
            unit: None,
            breached: !is_usual,
        }];
        Ok(said(finding).value("median", median))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judge(settings: &str, past: &[f64], rows: u64) -> Finding {
        let check: Anomaly = serde_yaml::from_str(settings).unwrap();
        Check::validate(&check).unwrap();
        check.judge((past.to_vec(), rows, None, None)).unwrap()
    }

    #[test]
    fn its_number_is_remembered_by_its_id() {
        assert_eq!(Anomaly::ID, crate::report::digest::ANOMALY);
    }

    #[test]
    fn half_the_usual_rows_are_an_anomaly() {
        let past = [1000.0, 1010.0, 990.0, 1005.0, 995.0, 1000.0, 1020.0, 980.0];
        assert_eq!(judge("{statistic: row_count}", &past, 1012).outcome, Outcome::Pass);
        let finding = judge("{statistic: row_count}", &past, 500);
        assert_eq!(finding.outcome, Outcome::Fail);
        assert!(finding.message.starts_with("`row_count` is 500: 1000 is usual, "), "{}", finding.message);
    }

    #[test]
    fn too_few_runs_warn_and_say_how_many_are_missing() {
        let finding = judge("{statistic: row_count}", &[5.0; 6], 9);
        assert_eq!(finding.outcome, Outcome::Warn);
        assert_eq!(finding.message, "`row_count` is 9; 2 more runs are needed to say whether that is usual");
    }

    #[test]
    fn where_nothing_ever_was_anything_is_new() {
        assert_eq!(judge("{statistic: row_count}", &[0.0; 8], 0).outcome, Outcome::Pass);
        assert_eq!(judge("{statistic: row_count}", &[0.0; 8], 1).outcome, Outcome::Fail);
    }

    #[test]
    fn a_column_is_named_where_one_is_meant() {
        let wrong = |settings: &str| Check::validate(&serde_yaml::from_str::<Anomaly>(settings).unwrap()).unwrap_err();
        assert_eq!(wrong("{statistic: mean}"), "`mean` is of a column: set `column`");
        assert_eq!(wrong("{statistic: row_count, column: a}"), "`row_count` is of the table: it has no `column`");
        assert!(wrong("{statistic: row_count, min_runs: 1}").starts_with("`min_runs` is 1"));
    }
}
