//! Compares what Parquet footers say of columns with what the scan decodes of them.

use polars::prelude::*;

use super::accumulate::{Accumulator, Batch, Step, same};
use super::cells;
use crate::data::statistic::Value;
use crate::support::problem::Problem;
use crate::support::words::{self, code};

/// The problem of a table whose footer and data differ, `path` in backticks.
pub fn differs(path: &str, footer: &str, data: &str) -> Problem {
    Problem::new(format!("the footer of {path} states {footer}; the data contain {data}"))
        .hint("no result for this table is valid: rewrite the file with its original writer")
}

/// Smallest and largest value of a column, as stored.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Ends {
    Whole(i64, i64),
    Float(f64, f64),
}

impl Ends {
    pub fn join(self, other: Self) -> Option<Self> {
        Some(match (self, other) {
            (Self::Whole(a, b), Self::Whole(c, d)) => Self::Whole(a.min(c), b.max(d)),
            (Self::Float(a, b), Self::Float(c, d)) => Self::Float(a.min(c), b.max(d)),
            _ => return None,
        })
    }

    fn words(self, dtype: &DataType) -> [String; 2] {
        match self {
            Self::Whole(low, high) => [low, high].map(|end| cells::whole_text(dtype, end.into())),
            Self::Float(low, high) => [low, high].map(words::exact),
        }
    }
}

/// What all footers of a table together say of a column.
#[derive(Debug, Clone, PartialEq)]
pub struct Claim {
    pub column: String,
    pub dtype: DataType,
    pub nulls: Option<u64>,
    pub ends: Option<Ends>,
}

impl Claim {
    /// Says nothing: the column is decoded all the same.
    pub fn nothing(column: &str, dtype: DataType) -> Self {
        Self { column: column.to_owned(), dtype, nulls: None, ends: None }
    }
}

/// Claims of the decoded columns, beside what their data hold.
pub struct Proving {
    shown: String,
    rows: u64,
    claims: Vec<Claim>,
    found_rows: u64,
    found: Vec<Found>,
}

#[derive(Debug, Clone, Copy, Default)]
struct Found {
    nulls: u64,
    ends: Option<Ends>,
}

impl Proving {
    /// `rows` are those that the footers say.
    pub fn new(shown: &str, rows: u64, claims: Vec<Claim>) -> Self {
        let found = vec![Found::default(); claims.len()];
        Self { shown: shown.to_owned(), rows, claims, found_rows: 0, found }
    }

    pub fn columns(&self) -> Vec<String> {
        self.claims.iter().map(|claim| claim.column.clone()).collect()
    }

    fn difference(&self) -> Option<Problem> {
        let differs = |footer: &str, data: &str| Some(differs(&code(&self.shown), footer, data));
        if self.rows != self.found_rows {
            return differs(&words::rows(self.rows), &words::count(self.found_rows));
        }
        for (claim, found) in self.claims.iter().zip(&self.found) {
            let column = code(&claim.column);
            if let Some(nulls) = claim.nulls
                && nulls != found.nulls
            {
                let noun = if nulls == 1 { "null" } else { "nulls" };
                let stated = format!("{} {noun} in {column}", words::count(nulls));
                return differs(&stated, &words::count(found.nulls));
            }
            let Some(ends) = claim.ends else { continue };
            let [low, high] = ends.words(&claim.dtype);
            match found.ends {
                Some(there) if there == ends => {}
                Some(there) => {
                    let [least, most] = there.words(&claim.dtype);
                    let (end, stated, data) =
                        if low == least { ("maximum", high, most) } else { ("minimum", low, least) };
                    return differs(&format!("{stated} as the {end} of {column}"), &data);
                }
                None => return differs(&format!("values of {column} from {low} to {high}"), "no value"),
            }
        }
        None
    }
}

impl Accumulator for Proving {
    fn twin(&self) -> Box<dyn Accumulator> {
        Box::new(Self::new(&self.shown, self.rows, self.claims.clone()))
    }

    fn fold(&mut self, batch: &Batch) -> PolarsResult<()> {
        self.found_rows += batch.frame.height() as u64;
        for (claim, found) in self.claims.iter().zip(&mut self.found) {
            let column = batch.frame.column(&claim.column)?.as_materialized_series();
            found.nulls += column.null_count() as u64;
            if claim.ends.is_some()
                && let Some(ends) = ends(column)?
            {
                found.ends = found.ends.map_or(Some(ends), |there| there.join(ends));
            }
        }
        Ok(())
    }

    fn merge(&mut self, twin: Box<dyn Accumulator>) {
        let twin = same::<Self>(twin);
        self.found_rows += twin.found_rows;
        for (found, other) in self.found.iter_mut().zip(twin.found) {
            found.nulls += other.nulls;
            found.ends = match (found.ends, other.ends) {
                (Some(a), Some(b)) => a.join(b),
                (a, b) => a.or(b),
            };
        }
    }

    fn finish(self: Box<Self>) -> Step {
        Step::Done(match self.difference() {
            None => Ok(Value::Count(self.found_rows)),
            Some(problem) => Err(problem),
        })
    }
}

/// NaN is none of them.
fn ends(column: &Series) -> PolarsResult<Option<Ends>> {
    fn whole<T: PolarsNumericType>(values: &ChunkedArray<T>) -> Option<Ends>
    where
        T::Native: Into<i64>,
        ChunkedArray<T>: ChunkAgg<T::Native>,
    {
        Some(Ends::Whole(values.min()?.into(), values.max()?.into()))
    }
    let float = |low: Option<f64>, high: Option<f64>| {
        low.zip(high).filter(|(low, high)| !low.is_nan() && !high.is_nan()).map(|(low, high)| Ends::Float(low, high))
    };
    let values = column.to_physical_repr();
    Ok(match values.dtype() {
        DataType::Int8 => whole(values.i8()?),
        DataType::Int16 => whole(values.i16()?),
        DataType::Int32 => whole(values.i32()?),
        DataType::Int64 => whole(values.i64()?),
        DataType::UInt8 => whole(values.u8()?),
        DataType::UInt16 => whole(values.u16()?),
        DataType::Float32 => float(values.f32()?.min().map(Into::into), values.f32()?.max().map(Into::into)),
        DataType::Float64 => float(values.f64()?.min(), values.f64()?.max()),
        _ => None,
    })
}
