//! `pattern`: text has the form it should.

use schemars::JsonSchema;
use serde::Deserialize;

use crate::checks::check::{Check, Named, Tables};
use crate::support::limit::range::LimitSetting;
use crate::support::limit::{Percent, share};
use crate::support::problem::Problem;
use crate::data::statistic::{Breaches, Typed};
use crate::data::table::Kind;
use crate::report::verdict::{Finding, Limit, Unit};
use crate::support::words::{code, first_row, percent, rows};

/// At most `max_percent_mismatch` of the rows hold a text in `column` that `regex` does not match.
///
/// Identifiers, codes and addresses have a form; what has another came from somewhere else.
///
/// ```yaml
/// - pattern: { column: housing, regex: "[a-z ]+" }
/// ```
///
/// The whole value must match. Missing values are not judged. The expressions are those of Rust's
/// `regex` crate: no look-around, and linear time on any text.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Pattern {
    /// The column to look at.
    column: String,
    /// The regular expression that every value must match as a whole.
    regex: String,
    /// The largest share of rows that may not match.
    #[serde(default = "default_max_percent_mismatch")]
    max_percent_mismatch: Percent,
}

fn default_max_percent_mismatch() -> Percent {
    Percent::of(0.0)
}

/// The expression that matches a whole value.
pub fn whole(regex: &str) -> String {
    format!("\\A(?:{regex})\\z")
}

impl Check for Pattern {
    const ID: &'static str = "pattern";
    type Needs = (Typed<u64>, Typed<Breaches>);

    fn validate(&self) -> Result<(), String> {
        // Both: the wrapping must not mend what is broken, nor break what is whole.
        match regex::Regex::new(&self.regex).and_then(|_| regex::Regex::new(&whole(&self.regex))) {
            Ok(_) => Ok(()),
            Err(error) => {
                let said = error.to_string();
                Err(format!("`regex` is not valid: {}", said.lines().last().unwrap_or_default().trim()))
            }
        }
    }

    fn limits(&self) -> Vec<LimitSetting> {
        vec![LimitSetting::max_percent("max_percent_mismatch", self.max_percent_mismatch)]
    }

    fn subject(&self, _: Named) -> Option<String> {
        Some(self.column.clone())
    }

    fn needs(&self, tables: &Tables) -> Result<Self::Needs, Problem> {
        let table = tables.here()?;
        let column = table.column(&self.column)?;
        if *column.kind() != Kind::Text {
            return Err(column.unfit("text"));
        }
        Ok((table.row_count(), column.mismatches(&self.regex)))
    }

    fn judge(&self, (total, mismatches): (u64, Breaches)) -> Result<Finding, Problem> {
        let limit = self.max_percent_mismatch;
        let found = share(mismatches.count, total);
        let message = if mismatches.count == 0 {
            format!("every value of {} matches {}", code(&self.column), code(&self.regex))
        } else {
            format!(
                "{} of {} ({}) {} not match {}",
                rows(mismatches.count),
                code(&self.column),
                percent(found, &[limit.0, 0.0]),
                if mismatches.count == 1 { "does" } else { "do" },
                code(&self.regex)
            )
        };
        Ok(Finding::new(!limit.is_exceeded_by(mismatches.count, total), message + &first_row(mismatches.first_row))
            .held(found, Limit::max(limit.0), Unit::Percent)
            .breaches(mismatches))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_invalid_expression_is_said() {
        let check: Pattern = serde_yaml::from_str(r#"{column: a, regex: "(["}"#).unwrap();
        assert!(check.validate().unwrap_err().starts_with("`regex` is not valid: "));
    }

    #[test]
    fn one_mismatch_fails() {
        let check: Pattern = serde_yaml::from_str("{column: a, regex: x}").unwrap();
        let finding = check.judge((4, Breaches { count: 1, ..Breaches::default() })).unwrap();
        assert_eq!(finding.message, "1 row of `a` (25 %) does not match `x`");
    }
}
