//! The fingerprint of a table: any changed value changes it, and the order of rows, columns, files and their
//! compression do not. docs/fingerprint.md is its definition, tests/oracle/fingerprint.py another program for it.

use polars::prelude::*;
use xxhash_rust::xxh3::xxh3_128;

use super::accumulate::{Accumulator, Batch, Step, same};
use super::cells::Cells;
use super::rowhash::{float_bits, write_row};
use crate::data::statistic::Value;

pub struct Fingerprints {
    /// Names and types, by name.
    columns: Vec<(String, String)>,
    rows: u64,
    sum: u128,
}

impl Fingerprints {
    pub fn new(columns: &[(String, String)]) -> Self {
        let mut columns = columns.to_vec();
        columns.sort_unstable();
        Self { columns, rows: 0, sum: 0 }
    }
}

impl Accumulator for Fingerprints {
    fn twin(&self) -> Box<dyn Accumulator> {
        Box::new(Self { columns: self.columns.clone(), rows: 0, sum: 0 })
    }

    fn fold(&mut self, batch: &Batch) -> PolarsResult<()> {
        let names = self.columns.iter().map(|(name, _)| name.as_str());
        each_row(batch, names, |hash| self.sum = self.sum.wrapping_add(hash))?;
        self.rows += batch.frame.height() as u64;
        Ok(())
    }

    fn merge(&mut self, twin: Box<dyn Accumulator>) {
        let twin = same::<Self>(twin);
        self.rows += twin.rows;
        self.sum = self.sum.wrapping_add(twin.sum);
    }

    fn finish(self: Box<Self>) -> Step {
        let mut all = Vec::new();
        for word in self.columns.iter().flat_map(|(name, kind)| [name, kind]) {
            all.extend((word.len() as u64).to_le_bytes());
            all.extend(word.as_bytes());
        }
        all.extend(self.rows.to_le_bytes());
        all.extend(self.sum.to_le_bytes());
        Step::Done(Ok(Value::Fingerprint(xxh3_128(&all))))
    }
}

/// The hash of each row over these columns, which are sorted by name.
pub fn each_row<'a>(
    batch: &Batch,
    names: impl Iterator<Item = &'a str>,
    mut take: impl FnMut(u128),
) -> PolarsResult<()> {
    let columns = names
        .map(|name| Ok(batch.frame.column(name)?.as_materialized_series().clone()))
        .collect::<PolarsResult<Vec<Series>>>()?;
    let cells = columns.iter().map(Cells::of).collect::<PolarsResult<Vec<_>>>()?;
    let mut writers = columns.iter().zip(&cells).map(|(column, cells)| writer(column, cells)).collect::<Vec<_>>();
    let mut bytes = Vec::new();
    for row in 0..batch.frame.height() {
        bytes.clear();
        for write in &mut writers {
            write(row, &mut bytes)?;
        }
        take(xxh3_128(&bytes));
    }
    Ok(())
}

type Writer<'a> = Box<dyn FnMut(usize, &mut Vec<u8>) -> PolarsResult<()> + 'a>;

/// Writes the column's values row by row: a tag, and bytes that no other value of the type has.
fn writer<'a>(column: &'a Series, cells: &'a Cells) -> Writer<'a> {
    /// The next value, or the tag of a missing one.
    fn next<T>(values: &mut impl Iterator<Item = Option<T>>, bytes: &mut Vec<u8>, write: impl FnOnce(T, &mut Vec<u8>)) {
        match values.next().flatten() {
            Some(value) => write(value, bytes),
            None => bytes.push(0),
        }
    }
    fn tagged(bytes: &mut Vec<u8>, tag: u8, value: &[u8]) {
        bytes.push(tag);
        bytes.extend(value);
    }
    macro_rules! each {
        ($values:expr, |$value:ident, $bytes:ident| $write:expr) => {{
            let mut values = $values.iter();
            Box::new(move |_, bytes| {
                next(&mut values, bytes, |$value, $bytes: &mut Vec<u8>| $write);
                Ok(())
            })
        }};
    }
    let nanoseconds = match column.dtype() {
        DataType::Datetime(TimeUnit::Milliseconds, _) => Some(1_000_000),
        DataType::Datetime(TimeUnit::Microseconds, _) => Some(1_000),
        DataType::Datetime(TimeUnit::Nanoseconds, _) => Some(1),
        _ => None,
    };
    match (cells, column.dtype()) {
        (Cells::Whole(values, _), DataType::Date) => each!(values, |v, bytes| tagged(bytes, 6, &v.to_le_bytes())),
        (Cells::Whole(values, _), _) => match nanoseconds {
            Some(unit) => each!(values, |v, bytes| tagged(bytes, 7, &(i128::from(v) * unit).to_le_bytes())),
            None => each!(values, |v, bytes| tagged(bytes, 2, &i128::from(v).to_le_bytes())),
        },
        (Cells::Wide(values, _), DataType::Decimal(_, scale)) => {
            let scale = *scale as u8;
            each!(values, |v, bytes| {
                let (mut unscaled, mut scale): (i128, u8) = (v, scale);
                while scale > 0 && unscaled % 10 == 0 {
                    (unscaled, scale) = (unscaled / 10, scale - 1);
                }
                tagged(bytes, 4, &unscaled.to_le_bytes());
                bytes.push(scale);
            })
        }
        (Cells::Wide(values, _), _) => each!(values, |v, bytes| tagged(bytes, 2, &v.to_le_bytes())),
        (Cells::Float(values), _) => each!(values, |v, bytes| match float_bits(v) {
            Some(bits) => tagged(bytes, 3, &bits.to_le_bytes()),
            None => bytes.push(0),
        }),
        (Cells::Boolean(values), _) => each!(values, |v, bytes| tagged(bytes, 1, &[u8::from(v)])),
        (Cells::Text(values), _) => each!(values, |v, bytes| {
            tagged(bytes, 5, &(v.len() as u64).to_le_bytes());
            bytes.extend(v.as_bytes());
        }),
        (Cells::Other(_), _) => Box::new(move |row, bytes| {
            let mut inner = Vec::new();
            write_row(std::slice::from_ref(column), row, &mut inner)?;
            tagged(bytes, 8, &(inner.len() as u64).to_le_bytes());
            bytes.extend(inner);
            Ok(())
        }),
    }
}
