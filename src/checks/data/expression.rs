//! `expression`: any rule that one SQL condition can say.

use schemars::JsonSchema;
use serde::Deserialize;

use crate::checks::check::{Check, Tables};
use crate::data::condition;
use crate::support::limit::range::LimitSetting;
use crate::support::limit::{Percent, share};
use crate::support::problem::Problem;
use crate::data::statistic::{Breaches, Typed};
use crate::report::verdict::{Finding, Limit, Unit};
use crate::support::words::{code, first_row, percent, rows};

/// At most `max_percent_violating` of the rows do not make the condition `sql` true.
///
/// For what columns say of each other: an end after its start, a total that is the sum of its parts.
///
/// ```yaml
/// - expression: { sql: "duration >= 4 AND (age > 18 OR housing <> 'own')" }
/// ```
///
/// The condition is one SQL expression on the columns of one row. A row violates it where it is false, or null because
/// a value is missing: write `income IS NULL OR income > 0` to let the missing pass. Names with other characters than
/// letters, digits and `_` go in double quotes, texts in single quotes.
///
/// **Operators**: `= <> < <= > >=`, `+ - * / // %`, `||`, `AND OR NOT`, `[NOT] IN (…)`, `[NOT] BETWEEN`, `[NOT] LIKE` and
/// `ILIKE` with `ESCAPE`, `RLIKE`, `IS [NOT] NULL`, `IS [NOT] TRUE`, `FALSE` or `UNKNOWN`, `IS [NOT] DISTINCT FROM`, `CASE`, `CAST` and
/// `TRY_CAST`, `EXTRACT`, `DATE '2026-01-31'`, `TIMESTAMP '2026-01-31 12:00:00'`, `INTERVAL '3' DAY`.
///
/// **Functions**: `ABS CEIL FLOOR ROUND SIGN SQRT EXP LN LOG2 LOG10 POWER MOD`, `COALESCE IFNULL NULLIF IF GREATEST LEAST`,
/// `LENGTH OCTET_LENGTH LOWER UPPER TRIM LTRIM RTRIM LEFT RIGHT SUBSTR STRPOS POSITION STARTS_WITH ENDS_WITH CONCAT REPLACE
/// REGEXP_LIKE`, `DATE DATE_PART`. Anything else is refused by name, subqueries, aggregates and windows included.
///
/// The results are DuckDB's (tests/oracle/expression.py compares 1,600 random conditions over edge values). Where databases
/// disagree, the rule is the one that lets no violation pass:
///
/// - Integers are computed in 128 bits and decimals exactly; a result beyond that is an error, not a wrapped number.
/// - NaN is null, in columns and where the condition computes it: `0.0 / 0`, `SQRT(-1)`, `LN(-1)`, infinity minus infinity.
/// - Division by zero (`/`, `//`, `%`), `LN(0)` and `POWER(0, -1)` are null. DuckDB has infinity or an error.
/// - What a function makes of null is null, but for `COALESCE`, `IFNULL`, `CASE`. DuckDB's `GREATEST`, `LEAST` and `CONCAT` skip nulls.
/// - `/` of integers is exact to a float's precision (`1 / 2` is 0.5); `//` rounds towards zero, `%` has the sign of its left side.
/// - Integers and floats are compared exactly. A number with a point beside a column of 32-bit floats is one of them.
/// - A `CAST` that fails is an error, unless another part of the condition decides: `FALSE AND CAST(…)` is false. `TRY_CAST` gives null.
/// - Times without a zone are UTC, dates are their midnight.
/// - `LIKE` has no escape character without `ESCAPE`; patterns and lengths are literals.
/// - `^`, `LOG` and chains such as `a < b < c`, which databases read differently, are refused.
///
/// A condition nests at most 64 levels and has at most 500 operators and names. The texts that it makes of one row may
/// take 64 MB; beyond that its verdict is an error.
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
    Percent::of(0.0)
}

impl Check for Expression {
    const ID: &'static str = "expression";
    type Needs = (Typed<u64>, Typed<Breaches>);

    fn validate(&self) -> Result<(), String> {
        condition::check(&self.sql).map(|_| ())
    }

    fn limits(&self) -> Vec<LimitSetting> {
        vec![LimitSetting::max_percent("max_percent_violating", self.max_percent_violating)]
    }

    fn needs(&self, tables: &Tables) -> Result<Self::Needs, Problem> {
        let table = tables.here()?;
        for name in condition::check(&self.sql).map_err(Problem::new)? {
            table.column(&name)?;
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
