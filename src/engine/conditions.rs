//! Evaluates SQL conditions over batches of a table.

use std::borrow::Cow;
use std::sync::Arc;

use polars::prelude::*;

use super::accumulate::{Accumulator, Batch, Step, same};
use crate::data::condition::values::TOO_LARGE;
use crate::data::condition::{Column as Values, Program, Type};
use crate::data::statistic::{Breaches, Value};
use crate::support::problem::Problem;
use crate::support::words::code;

/// Rows that a condition is evaluated over at once: its values stay in the caches.
const ROWS: usize = 2048;

/// Counts the rows where a condition is not true.
pub struct Violating {
    sql: String,
    program: Arc<Program>,
    count: u64,
    first: Option<u64>,
    fault: Option<(u64, &'static str)>,
}

impl Violating {
    /// Compiles the condition for a table with this schema.
    ///
    /// # Errors
    /// The condition does not fit the columns' types.
    pub fn new(sql: &str, schema: &Schema) -> Result<Self, Problem> {
        let types = |name: &str| match schema.get(name) {
            None => Err(Problem::new(format!("the table has no column {}", code(name)))),
            Some(dtype) => type_of(dtype).ok_or_else(|| {
                let what = format!("{} is {}, which conditions do not support", code(name), super::types::kind(dtype));
                Problem::new(what)
            }),
        };
        let program = Arc::new(Program::compile(sql, &types)?);
        Ok(Self { sql: sql.to_owned(), program, count: 0, first: None, fault: None })
    }
}

impl Accumulator for Violating {
    fn twin(&self) -> Box<dyn Accumulator> {
        let program = Arc::clone(&self.program);
        Box::new(Self { sql: self.sql.clone(), program, count: 0, first: None, fault: None })
    }

    fn fold(&mut self, batch: &Batch) -> PolarsResult<()> {
        if self.fault.is_some_and(|(_, why)| why == TOO_LARGE) {
            return Ok(());
        }
        let columns = self.program.columns.iter().map(|name| plain(batch.frame.column(name)?.as_materialized_series()));
        let columns: Vec<(Series, DataType)> = columns.collect::<PolarsResult<_>>()?;
        let height = batch.frame.height();
        for start in (0..height).step_by(ROWS) {
            let rows = ROWS.min(height - start);
            let parts: Vec<(Series, &DataType)> =
                columns.iter().map(|(column, dtype)| (column.slice(start as i64, rows), dtype)).collect();
            let values: Vec<Values> =
                parts.iter().map(|(part, dtype)| values(part, dtype)).collect::<PolarsResult<_>>()?;
            let truth = self.program.evaluate(&values, rows);
            let row = |at: usize| batch.first_row + (start + at) as u64;
            let violations = truth.is_true.iter().filter(|is_true| !**is_true).count() as u64;
            if violations > 0 {
                self.count += violations;
                let first = truth.is_true.iter().position(|is_true| !is_true).map(row);
                self.first = earlier(self.first, first);
            }
            self.fault = earlier(self.fault, truth.fault.map(|(at, why)| (row(at), why)));
        }
        Ok(())
    }

    fn merge(&mut self, twin: Box<dyn Accumulator>) {
        let twin = same::<Self>(twin);
        self.count += twin.count;
        self.first = earlier(self.first, twin.first);
        self.fault = earlier(self.fault, twin.fault);
    }

    fn finish(self: Box<Self>) -> Step {
        Step::Done(match self.fault {
            None => Ok(Value::Breaches(Breaches { count: self.count, first_row: self.first, examples: Vec::new() })),
            Some((row, why)) => {
                let what = format!("{} cannot be computed in row {}: {why}", code(&self.sql), row + 1);
                Err(Problem::new(what).hint("exclude such rows in the condition, by CASE WHEN or AND"))
            }
        })
    }
}

fn earlier<T: Ord>(a: Option<T>, b: Option<T>) -> Option<T> {
    a.into_iter().chain(b).min()
}

/// The type of a column in conditions, if it has one.
fn type_of(dtype: &DataType) -> Option<Type> {
    Some(match dtype {
        DataType::Boolean => Type::Boolean,
        dtype if dtype.is_integer() => Type::Integer,
        DataType::Decimal(_, 0) => Type::Integer,
        DataType::Decimal(_, digits) => Type::Decimal(u32::try_from(*digits).ok()?),
        DataType::Float16 | DataType::Float32 => Type::Single,
        DataType::Float64 => Type::Float,
        DataType::String | DataType::Categorical(..) | DataType::Enum(..) => Type::Text,
        DataType::Date => Type::Date,
        DataType::Datetime(..) => Type::Timestamp,
        DataType::Duration(_) => Type::Duration,
        DataType::Null => Type::Null,
        _ => return None,
    })
}

/// The column in one of few physical types, beside its own.
fn plain(column: &Series) -> PolarsResult<(Series, DataType)> {
    let dtype = column.dtype().clone();
    let plain = match &dtype {
        DataType::UInt64 | DataType::Int128 | DataType::UInt128 | DataType::Decimal(..) => {
            column.to_physical_repr().strict_cast(&DataType::Int128)?
        }
        dtype if dtype.is_integer() || dtype.is_temporal() => {
            column.to_physical_repr().strict_cast(&DataType::Int64)?
        }
        dtype if dtype.is_float() => column.cast(&DataType::Float64)?,
        DataType::Categorical(..) | DataType::Enum(..) => column.cast(&DataType::String)?,
        _ => column.clone(),
    };
    Ok((plain, dtype))
}

fn values<'a>(column: &'a Series, dtype: &DataType) -> PolarsResult<Values<'a>> {
    let nanos: i128 = match dtype {
        DataType::Datetime(TimeUnit::Milliseconds, _) | DataType::Duration(TimeUnit::Milliseconds) => 1_000_000,
        DataType::Datetime(TimeUnit::Microseconds, _) | DataType::Duration(TimeUnit::Microseconds) => 1_000,
        _ => 1,
    };
    Ok(match column.dtype() {
        DataType::Int64 => {
            Values::whole(column.i64()?.iter().map(|value| value.map(|value| i128::from(value) * nanos)))
        }
        DataType::Int128 => Values::whole(column.i128()?.iter()),
        DataType::Float64 => Values::float(column.f64()?.iter()),
        DataType::Boolean => Values::boolean(column.bool()?.iter()),
        DataType::String => Values::text(column.str()?.iter().map(|text| text.map(Cow::Borrowed))),
        _ => Values::nulls(Type::Null, column.len()),
    })
}
