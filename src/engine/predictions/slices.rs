//! Which slice a row belongs to.

use polars::prelude::*;
use rustc_hash::FxHashMap;

use super::MOST_SLICES;
use super::interner::{Fractions, Interner, MISSING};
use crate::engine::cells::Cells;
use crate::stats::predictions::Slicer;
use crate::support::problem::Problem;
use crate::support::words::{code, count, cut};

/// The longest value of a slice that is shown whole, in characters.
const LONGEST: usize = 200;

/// The slices that occurred, numbered as they came.
#[derive(Debug, Clone)]
pub struct Slices {
    by: Vec<(Slicer, Interner)>,
    /// Of each slice, the number of its value in each slicer.
    parts: Vec<Vec<u16>>,
    known: FxHashMap<Vec<u16>, u16>,
    is_full: bool,
}

impl Slices {
    pub fn new(by: &[Slicer]) -> Self {
        let by = by.iter().map(|slicer| (slicer.clone(), Interner::new(MOST_SLICES))).collect();
        Self { by, parts: Vec::new(), known: FxHashMap::default(), is_full: false }
    }

    /// The slice of each row; nothing without slicers.
    ///
    /// # Errors
    /// What Polars says of a column.
    pub fn numbers(&mut self, frame: &DataFrame) -> PolarsResult<Vec<u16>> {
        let mut columns = Vec::with_capacity(self.by.len());
        for (slicer, interner) in &mut self.by {
            let column = frame.column(&slicer.column)?.as_materialized_series();
            columns.push(if slicer.edges.is_empty() {
                interner.numbers(column, Fractions::Named)?
            } else {
                bins(column, slicer)?
            });
        }
        let Some((first, rest)) = columns.split_first() else { return Ok(Vec::new()) };
        // What a combination was last time it was seen, by the first column's number: mostly the answer.
        let mut part = vec![0; columns.len()];
        let mut last: Option<(Vec<u16>, u16)> = None;
        let mut lone: Vec<Option<u16>> = Vec::new();
        let slices = (0..first.len()).map(|row| {
            if rest.is_empty() {
                let at = usize::from(first[row]).wrapping_add(1) & 0xffff;
                if lone.len() <= at {
                    lone.resize(at + 1, None);
                }
                return *lone[at].get_or_insert_with(|| self.slice(&[first[row]]));
            }
            part.iter_mut().zip(&columns).for_each(|(part, column)| *part = column[row]);
            match &last {
                Some((known, slice)) if *known == part => *slice,
                _ => {
                    let slice = self.known.get(&part).copied().unwrap_or_else(|| self.slice(&part));
                    last = Some((part.clone(), slice));
                    slice
                }
            }
        });
        Ok(slices.collect())
    }

    /// Takes in the twin's slices; says what each of its numbers is here.
    pub fn merge(&mut self, twin: Self) -> Vec<u16> {
        self.is_full |= twin.is_full;
        let maps: Vec<Vec<u16>> =
            self.by.iter_mut().zip(twin.by).map(|((_, mine), (_, theirs))| mine.merge(theirs)).collect();
        let here = |(part, (map, binned)): (&u16, (&Vec<u16>, bool))| {
            if binned || *part == MISSING { *part } else { map[usize::from(*part)] }
        };
        let binned: Vec<bool> = self.by.iter().map(|(slicer, _)| !slicer.edges.is_empty()).collect();
        twin.parts
            .iter()
            .map(|part| {
                let part: Vec<u16> = part.iter().zip(maps.iter().zip(binned.iter().copied())).map(here).collect();
                self.slice(&part)
            })
            .collect()
    }

    /// Names in their order, and where each number went.
    ///
    /// # Errors
    /// There are too many.
    pub fn sorted(&self) -> Result<(Vec<String>, Vec<u16>), Problem> {
        let wide = self.by.iter().find(|(_, interner)| interner.is_full);
        if wide.is_some() || self.is_full {
            let names: Vec<String> = match wide {
                Some((slicer, _)) => vec![code(&slicer.column)],
                None => self.by.iter().map(|(slicer, _)| code(&slicer.column)).collect(),
            };
            return Err(Problem::new(format!(
                "{} makes over {} slices: no report could show them",
                names.join(" and "),
                count(MOST_SLICES as u64)
            ))
            .hint("slice by a column of few values, or give edges: `by: { age: [25, 40, 60] }`"));
        }
        if self.by.is_empty() {
            return Ok((vec![String::new()], vec![0]));
        }
        // By value and by bin, not by name: 9 comes before 10.
        let orders: Vec<Vec<u16>> = self.by.iter().map(|(_, interner)| interner.sorted().1).collect();
        let place = |slice: &Vec<u16>| -> Vec<u16> {
            let places = slice.iter().zip(&orders);
            places.map(|(part, order)| order.get(usize::from(*part)).copied().unwrap_or(*part)).collect()
        };
        let mut order: Vec<usize> = (0..self.parts.len()).collect();
        order.sort_by_cached_key(|slice| place(&self.parts[*slice]));
        let mut places = vec![0; order.len()];
        order.iter().zip(0..).for_each(|(slice, place)| places[*slice] = place);
        Ok((order.into_iter().map(|slice| self.name(&self.parts[slice])).collect(), places))
    }

    fn slice(&mut self, part: &[u16]) -> u16 {
        if let Some(slice) = self.known.get(part) {
            return *slice;
        }
        if self.parts.len() == MOST_SLICES {
            self.is_full = true;
            return 0;
        }
        let slice = self.parts.len() as u16;
        self.parts.push(part.to_vec());
        self.known.insert(part.to_vec(), slice);
        slice
    }

    fn name(&self, part: &[u16]) -> String {
        let names = self.by.iter().zip(part).map(|((slicer, interner), part)| match *part {
            MISSING => format!("{} missing", slicer.column),
            bin if !slicer.edges.is_empty() => slicer.bin(bin.into()),
            // A report of long values would be nobody's to read; the number keeps them apart.
            id => match interner.name(id.into()) {
                name if name.chars().count() > LONGEST => {
                    format!("{}={} (value {id})", slicer.column, cut(&name, LONGEST))
                }
                name => format!("{}={name}", slicer.column),
            },
        });
        names.collect::<Vec<_>>().join(", ")
    }
}

/// How many edges lie at or below each value.
fn bins(column: &Series, slicer: &Slicer) -> PolarsResult<Vec<u16>> {
    let bin = |value: Option<f64>| match value {
        Some(value) if !value.is_nan() => slicer.edges.partition_point(|edge| edge.0 <= value) as u16,
        _ => MISSING,
    };
    Ok(match Cells::of(column)? {
        Cells::Whole(values, scale) => values.iter().map(|v| bin(v.map(|v| scale.value(v.into())))).collect(),
        Cells::Wide(values, scale) => values.iter().map(|v| bin(v.map(|v| scale.value(v)))).collect(),
        Cells::Float(values) => values.iter().map(bin).collect(),
        Cells::Boolean(_) | Cells::Text(_) | Cells::Other(_) => vec![MISSING; column.len()],
    })
}
