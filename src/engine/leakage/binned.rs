//! Bins of a column: deciles of numbers, the values themselves, or names.

use polars::prelude::*;
use rustc_hash::FxHashMap;

use crate::distribution::{Categories, Distribution, Shape};
use crate::engine::cells::Cells;

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
}

impl Bins {
    pub fn of_feature(known: Distribution, most: usize) -> Self {
        match known.shape {
            Shape::Numbers(numbers) => {
                let tenths = (1..10).filter_map(|tenth| numbers.values.quantile(f64::from(tenth) / 10.0));
                let mut edges: Vec<f64> = tenths.collect();
                edges.dedup();
                Self::of_edges(edges)
            }
            Shape::Categories(categories) => Self::of_names(&categories, most),
        }
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
            By::Edges(_) | By::Values(_) => {
                bins.extend(numbers(column)?.into_iter().map(|value| match (value, &self.by) {
                    (None, _) => missing,
                    (Some(value), By::Values(values)) => {
                        values.iter().position(|known| *known == value).map_or(unknown, |at| at as u32)
                    }
                    (Some(value), By::Edges(edges)) => edges.partition_point(|edge| *edge < value) as u32,
                    (Some(_), By::Names(_)) => unknown,
                }));
            }
            By::Names(names) => {
                let of = |name: &str| names.get(name).copied().unwrap_or(unknown);
                match Cells::of(column)? {
                    Cells::Text(values) => {
                        bins.extend(values.iter().map(|value| {
                            value.map_or(missing, |text| of(&crate::engine::distribution::category(text)))
                        }));
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
