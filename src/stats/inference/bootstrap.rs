//! The percentile bootstrap (B. Efron, Annals of Statistics 7, 1979), on all cores and the same on any number of them: resample
//! `i` has a random stream of its own.

use rand_core::Rng;
use rand_distr::{Binomial, Distribution};
use rand_pcg::Pcg64;
use rayon::prelude::*;

use super::estimate::{Estimate, Interval, Method, Narrows};
use super::quantile::quantile;

/// Resamples of an interval.
pub const RESAMPLES: u32 = 2000;

/// One seed for all: two runs on the same rows say the same.
const SEED: u128 = 0x6d6c_6761_7465;

/// What is drawn, with replacement.
#[derive(Debug, Clone, Copy)]
pub enum Units<'a> {
    /// So many rows, each by itself.
    Rows(usize),
    /// Rows that are alike, by how many there are of each kind: their counts are drawn at once.
    Alike(&'a [u64]),
}

/// The interval of `statistic`, which sees how often each unit was drawn and may have no value; none where the
/// resamples do not vary, or too many have no value.
pub fn interval(
    value: f64,
    units: Units,
    confidence: f64,
    statistic: impl Fn(&[u32]) -> Option<f64> + Sync,
) -> Option<Estimate> {
    let rows = match units {
        Units::Rows(rows) => rows as u64,
        Units::Alike(counts) => counts.iter().sum(),
    };
    let drawn: Vec<Option<f64>> = (0..RESAMPLES)
        .into_par_iter()
        .map_init(Vec::new, |times, resample| {
            let mut random = Pcg64::new(SEED, resample.into());
            match units {
                Units::Rows(rows) => draw_rows(rows, &mut random, times),
                Units::Alike(counts) => draw_counts(counts, rows, &mut random, times),
            }
            statistic(times)
        })
        .collect();
    let mut values: Vec<f64> = drawn.into_iter().flatten().filter(|value| value.is_finite()).collect();
    // A statistic that half of the resamples do not have is not known from these rows.
    if values.len() < RESAMPLES as usize / 2 {
        return None;
    }
    values.par_sort_unstable_by(f64::total_cmp);
    let tail = (1.0 - confidence) / 2.0;
    let interval = Interval { low: quantile(&values, tail)?, high: quantile(&values, 1.0 - tail)? };
    (!interval.is_point()).then_some(Estimate {
        value,
        interval,
        method: Method::Bootstrap,
        confidence,
        rows,
        narrows: Narrows::Root { low: value - interval.low, high: interval.high - value },
    })
}

/// As many rows as there are, each drawn alike: D. Lemire's multiplication instead of a division.
fn draw_rows(rows: usize, random: &mut Pcg64, times: &mut Vec<u32>) {
    times.clear();
    times.resize(rows, 0);
    let bound = rows as u64;
    let mut draw = |bits: u64| times[(((bits & 0xffff_ffff) * bound) >> 32) as usize] += 1;
    for _ in 0..rows / 2 {
        let bits = random.next_u64();
        draw(bits);
        draw(bits >> 32);
    }
    if !rows.is_multiple_of(2) {
        draw(random.next_u64());
    }
}

/// A multinomial draw, as binomial draws of what is left.
fn draw_counts(counts: &[u64], rows: u64, random: &mut Pcg64, times: &mut Vec<u32>) {
    times.clear();
    let (mut left, mut of) = (rows, rows);
    for &count in counts {
        let share = if of == 0 { 0.0 } else { (count as f64 / of as f64).min(1.0) };
        // A share is a probability, so there is a distribution.
        let drawn = Binomial::new(left, share).map_or(0, |binomial| binomial.sample(random));
        times.push(u32::try_from(drawn).unwrap_or(u32::MAX));
        left -= drawn;
        of -= count;
    }
}
