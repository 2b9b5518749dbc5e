//! Bins of a column: deciles of numbers, the values themselves, or names.

use polars::prelude::*;
use rustc_hash::FxHashMap;
use xxhash_rust::xxh3::xxh3_64;

use crate::engine::cells::Cells;
use crate::engine::distribution::category;
use crate::stats::distribution::{Categories, Distribution, Shape};

/// One in so many bins of hashed categories may hold a category before two share one too often.
const SPARSE: u64 = 8;

/// Where each value of a column belongs; the last two bins are for unknown values and missing ones.
pub struct Bins {
    by: By,
    len: usize,
}

enum By {
    /// A value is in the bin of the first edge that it does not exceed.
    Edges(Vec<f64>),
    Values(Vec<f64>),
    Names(FxHashMap<String, u32>),
    /// By the hash of the name, which is the same in every run, as scores are.
    Hashes,
}

impl Bins {
    /// Deciles of numbers; a bin for each category, or `most` for the hashes of more.
    pub fn of_feature(known: Distribution, most: usize) -> Self {
        match known.shape {
            Shape::Numbers(numbers) => {
                let tenths = (1..10).filter_map(|tenth| numbers.values.quantile(f64::from(tenth) / 10.0));
                let mut edges: Vec<f64> = tenths.collect();
                edges.dedup();
                Self::of_edges(edges)
            }
            Shape::Categories(categories) if categories.is_whole() && categories.counts.len() <= most => {
                Self::of_names(&categories, most)
            }
            Shape::Categories(_) => Self { by: By::Hashes, len: most + 2 },
        }
    }

    /// Whether categories that many rows have share bins, so that what they say is blurred. Of those that hardly a row
    /// has nothing can be foretold anyway.
    pub fn is_blurred(&self, shape: &Shape) -> bool {
        let (By::Hashes, Shape::Categories(categories)) = (&self.by, shape) else { return false };
        let (distinct, rows_each) = categories.distinct();
        rows_each >= 2.0 && distinct > self.len as u64 / SPARSE
    }

    /// Between edges that ascend.
    pub fn of_edges(edges: Vec<f64>) -> Self {
        Self { len: edges.len() + 3, by: By::Edges(edges) }
    }

    pub fn of_names(categories: &Categories, most: usize) -> Self {
        let mut counts: Vec<&(String, u64)> = categories.counts.iter().collect();
        counts.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
        let names: FxHashMap<String, u32> =
            counts.into_iter().take(most).zip(0..).map(|((name, _), at)| (name.clone(), at)).collect();
        Self { len: names.len() + 2, by: By::Names(names) }
    }

    /// Of values that ascend.
    pub fn of_values(values: Vec<f64>) -> Self {
        Self { len: values.len() + 2, by: By::Values(values) }
    }

    pub fn len(&self) -> usize {
        self.len
    }

    /// The bin of missing values.
    pub fn missing(&self) -> u32 {
        self.len as u32 - 1
    }

    /// The bin of every row.
    pub fn place(&self, column: &Series, bins: &mut Vec<u32>) -> PolarsResult<()> {
        let (unknown, missing) = (self.len as u32 - 2, self.missing());
        bins.clear();
        match &self.by {
            By::Edges(_) | By::Values(_) => self.place_numbers(&numbers(column)?, bins),
            By::Hashes => {
                match Cells::of(column)? {
                    Cells::Text(values) => bins.extend(values.iter().map(|value| {
                        value.map_or(missing, |text| (xxh3_64(text.as_bytes()) % u64::from(unknown)) as u32)
                    })),
                    _ => bins.resize(column.len(), missing),
                }
            }
            By::Names(names) => {
                let of = |name: &str| names.get(name).copied().unwrap_or(unknown);
                match Cells::of(column)? {
                    Cells::Text(values) => {
                        bins.extend(values.iter().map(|value| value.map_or(missing, |text| of(&category(text)))));
                    }
                    Cells::Boolean(values) => {
                        let (yes, no) = (of("true"), of("false"));
                        bins.extend(values.iter().map(|value| match value {
                            Some(true) => yes,
                            Some(false) => no,
                            None => missing,
                        }));
                    }
                    _ => bins.resize(column.len(), missing),
                }
            }
        }
        Ok(())
    }

    /// The bin of every number.
    pub fn place_numbers(&self, numbers: &[Option<f64>], bins: &mut Vec<u32>) {
        let (unknown, missing) = (self.len as u32 - 2, self.missing());
        bins.clear();
        bins.extend(numbers.iter().map(|value| match (value, &self.by) {
            (None, _) => missing,
            (Some(value), By::Values(values)) => {
                values.iter().position(|known| known == value).map_or(unknown, |at| at as u32)
            }
            (Some(value), By::Edges(edges)) => edges.partition_point(|edge| edge < value) as u32,
            (Some(_), By::Names(_) | By::Hashes) => unknown,
        }));
    }
}

/// The values of a column of numbers or times; NaN is missing.
pub fn numbers(column: &Series) -> PolarsResult<Vec<Option<f64>>> {
    Ok(match Cells::of(column)? {
        Cells::Whole(values, scale) => values.iter().map(|value| value.map(|value| scale.number(value))).collect(),
        Cells::Wide(values, scale) => values.iter().map(|value| value.map(|value| scale.value(value))).collect(),
        Cells::Float(values) => values.iter().map(|value| value.filter(|value| !value.is_nan())).collect(),
        _ => vec![None; column.len()],
    })
}
