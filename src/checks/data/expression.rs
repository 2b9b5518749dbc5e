//! `expression`: any rule that one SQL condition can say.

use schemars::JsonSchema;
use serde::Deserialize;

use crate::check::{Check, Tables};
use crate::condition;
use crate::limit::{Percent, share};
use crate::problem::Problem;
use crate::statistic::{Breaches, Typed};
use crate::table::Kind;
use crate::verdict::{Finding, Limit, Unit};
use crate::words::{code, first_row, percent, rows};

/// At most `max_percent_violating` of the rows do not make the condition `sql` true.
///
/// For what columns say of each other: an end after its start, a total that is the sum of its parts.
///
/// ```yaml
/// - expression: { sql: "duration >= 4 AND (age > 18 OR housing <> 'own')" }
/// ```
///
/// One scalar condition in the SQL of Polars, on the columns of one row. A row where it is false,
/// or unknown because a value is missing, counts as violating: write `income IS NULL OR income > 0`
/// to let the missing pass. Subqueries, aggregates, windows, table functions and file readers are
/// refused. Names with other characters than letters, digits and `_` go in double quotes.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Expression {
    /// The condition.
    sql: String,
    /// The largest share of rows for which it may not be true.
    #[serde(default = "default_max_percent_violating")]
    max_percent_violating: Percent,
}

fn default_max_percent_violating() -> Percent {
    Percent(0.0)
}

impl Check for Expression {
    const ID: &'static str = "expression";
    type Needs = (Typed<u64>, Typed<Breaches>);

    fn validate(&self) -> Result<(), String> {
        condition::check(&self.sql).map(|_| ())
    }

    fn needs(&self, tables: &Tables) -> Result<Self::Needs, Problem> {
        let table = tables.here()?;
        let condition = condition::check(&self.sql).map_err(Problem::new)?;
        for name in &condition.columns {
            table.column(name)?;
            if name == "*" || name.starts_with('^') && name.ends_with('$') {
                let what = format!("the column {} cannot be used in a condition: SQL reads it as a pattern", code(name));
                return Err(Problem::new(what));
            }
        }
        for (name, number) in &condition.with_numbers {
            let column = table.column(name)?;
            match column.kind() {
                Kind::Date | Kind::Datetime => {
                    let what = format!("{} holds {}, and is compared with the number {number}", code(name), column.kind());
                    let hint = "write dates as DATE '2026-01-31', or use `range`";
                    return Err(Problem::new(what).hint(hint));
                }
                Kind::Boolean | Kind::Text => {
                    let what = format!("{} holds {}, and is compared with the number {number}", code(name), column.kind());
                    return Err(Problem::new(what));
                }
                _ => {}
            }
        }
        Ok((table.row_count(), table.violations(&self.sql)))
    }

    fn judge(&self, (total, violations): (u64, Breaches)) -> Result<Finding, Problem> {
        let limit = self.max_percent_violating;
        let found = share(violations.count, total);
        let message = if violations.count == 0 {
            format!("{} holds in every row", code(&self.sql))
        } else {
            format!(
                "{} is not true in {} ({}), {} allowed",
                code(&self.sql),
                rows(violations.count),
                percent(found, &[limit.0, 0.0]),
                percent(limit.0, &[])
            )
        };
        Ok(Finding::new(!limit.is_exceeded_by(violations.count, total), message + &first_row(violations.first_row))
            .held(found, Limit::max(limit.0), Unit::Percent)
            .breaches(violations))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn more_than_one_scalar_condition_is_refused() {
        for sql in [
            "SELECT 1",
            "a > (SELECT MAX(b) FROM t)",
            "a IN (SELECT b FROM t)",
            "EXISTS (SELECT 1)",
            "SUM(a) > 1",
            "ROW_NUMBER() OVER (ORDER BY a) = 1",
            "READ_CSV('x.csv')",
            "a > 1; DROP TABLE t",
            "a >",
            "",
        ] {
            let check: Expression = serde_yaml::from_value(
                [("sql".into(), sql.into())].into_iter().collect::<serde_yaml::Mapping>().into(),
            )
            .unwrap();
            assert!(check.validate().is_err(), "{sql}");
        }
        let fine: Expression = serde_yaml::from_str("{sql: \"a > 1 AND \\\"b c\\\" IS NOT NULL\"}").unwrap();
        assert_eq!(fine.validate(), Ok(()));
    }
}
