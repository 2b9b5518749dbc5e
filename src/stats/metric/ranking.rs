//! Metrics of the order of scores.

use rayon::prelude::*;

use crate::stats::inference::{Estimate, Interval, Method, estimate::Narrows, kish, z};

/// Rows in the order of their scores.
#[derive(Debug, Clone)]
pub struct Ranked {
    /// Rows, from the lowest score up.
    order: Vec<u32>,
    /// Whether the place is the last of its score.
    ends: Vec<bool>,
    /// Whether the row is of the class.
    positive: Vec<bool>,
}

/// Weights of the rows that share one score.
#[derive(Debug, Clone, Copy, Default)]
struct Tie {
    positive: f64,
    negative: f64,
}

impl Ranked {
    /// Scores that are numbers, and of each row whether it is of the class.
    pub fn new(scores: &[f64], positive: Vec<bool>) -> Self {
        // As integers in the same order, in 12 bytes with the row: 0.0 and -0.0 are one score.
        let ordered = |score: f64, row: u32| {
            let bits = (score + 0.0).to_bits();
            let bits = if bits >> 63 == 1 { !bits } else { bits | 1 << 63 };
            [(bits >> 32) as u32, bits as u32, row]
        };
        let mut keyed: Vec<[u32; 3]> = scores.iter().zip(0..).map(|(score, row)| ordered(*score, row)).collect();
        keyed.par_sort_unstable();
        let ends =
            (0..keyed.len()).map(|at| keyed.get(at + 1).is_none_or(|next| next[..2] != keyed[at][..2])).collect();
        Self { order: keyed.into_iter().map(|[.., row]| row).collect(), ends, positive }
    }

    /// Visits the ties from the lowest score up, or from the highest down.
    fn ties(&self, down: bool, weight: &impl Fn(usize) -> f64, mut visit: impl FnMut(Tie)) {
        let mut tie = Tie::default();
        let add = |tie: &mut Tie, at: usize| {
            let row = self.order[at] as usize;
            let side = if self.positive[row] { &mut tie.positive } else { &mut tie.negative };
            *side += weight(row);
        };
        if down {
            for at in (0..self.order.len()).rev() {
                if self.ends[at] {
                    visit(std::mem::take(&mut tie));
                }
                add(&mut tie, at);
            }
            visit(tie);
        } else {
            for at in 0..self.order.len() {
                add(&mut tie, at);
                if self.ends[at] {
                    visit(std::mem::take(&mut tie));
                }
            }
        }
    }

    /// The area under the ROC curve: how often a row of the class scores above one of the others, a tie
    /// counting half; none where one side is empty.
    pub fn auc(&self, weight: impl Fn(usize) -> f64) -> Option<f64> {
        let (mut below, mut positives, mut above) = (0.0, 0.0, 0.0);
        self.ties(false, &weight, |tie| {
            above += tie.positive * (below + tie.negative / 2.0);
            below += tie.negative;
            positives += tie.positive;
        });
        (positives > 0.0 && below > 0.0).then(|| above / (positives * below))
    }

    /// The sum of precisions, each weighted by the recall it adds (scikit-learn's, without interpolation).
    pub fn average_precision(&self, weight: impl Fn(usize) -> f64) -> Option<f64> {
        let (mut hits, mut said, mut sum) = (0.0, 0.0, 0.0);
        self.ties(true, &weight, |tie| {
            hits += tie.positive;
            said += tie.positive + tie.negative;
            if said > 0.0 {
                sum += tie.positive * hits / said;
            }
        });
        (hits > 0.0).then(|| sum / hits)
    }

    /// The area with DeLong's interval (E. R. DeLong et al., Biometrics 44, 1988), cut to [0, 1]; none where
    /// one side is empty or no row changes the area.
    pub fn delong(&self, weight: impl Fn(usize) -> f64, confidence: f64) -> Option<Estimate> {
        let auc = self.auc(&weight)?;
        let mut totals = Tie::default();
        let mut squares = Tie::default();
        for (row, positive) in self.positive.iter().enumerate() {
            let w = weight(row);
            let (total, square) = if *positive {
                (&mut totals.positive, &mut squares.positive)
            } else {
                (&mut totals.negative, &mut squares.negative)
            };
            *total += w;
            *square += w * w;
        }
        // Of each row the share of the other side that it is on the right side of.
        let (mut below, mut spread) = (Tie::default(), Tie::default());
        self.ties(false, &weight, |tie| {
            let of_positive = (below.negative + tie.negative / 2.0) / totals.negative;
            let of_negative = (totals.positive - below.positive - tie.positive / 2.0) / totals.positive;
            spread.positive += tie.positive * (of_positive - auc) * (of_positive - auc);
            spread.negative += tie.negative * (of_negative - auc) * (of_negative - auc);
            below.positive += tie.positive;
            below.negative += tie.negative;
        });
        let rows = Tie {
            positive: kish(totals.positive, squares.positive),
            negative: kish(totals.negative, squares.negative),
        };
        if rows.positive < 2.0 || rows.negative < 2.0 {
            return None;
        }
        let variance = spread.positive / totals.positive / (rows.positive - 1.0)
            + spread.negative / totals.negative / (rows.negative - 1.0);
        let half = z(confidence) * variance.sqrt();
        (half > 0.0).then(|| Estimate {
            value: auc,
            interval: Interval { low: (auc - half).max(0.0), high: (auc + half).min(1.0) },
            method: Method::Delong,
            confidence,
            rows: self.order.len() as u64,
            narrows: Narrows::Root { low: half, high: half },
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::inference::oracle::{cases, near, number, numbers};
    use crate::stats::inference::simulated;

    fn ranked(case: &serde_json::Value) -> (Ranked, Vec<f64>) {
        let positive: Vec<bool> = numbers(case, "labels").iter().map(|label| *label == 1.0).collect();
        let weights = if case["weights"].is_array() { numbers(case, "weights") } else { vec![1.0; positive.len()] };
        (Ranked::new(&numbers(case, "scores"), positive), weights)
    }

    #[test]
    fn areas_and_precisions_are_scikit_learns() {
        for case in cases("roc_auc") {
            let (ranked, weights) = ranked(&case);
            near(ranked.auc(|row| weights[row]).unwrap(), &case, "value", 1e-12);
        }
        for case in cases("average_precision") {
            let (ranked, weights) = ranked(&case);
            near(ranked.average_precision(|row| weights[row]).unwrap(), &case, "value", 1e-12);
        }
    }

    #[test]
    fn delong_is_what_all_pairs_say() {
        for case in cases("delong") {
            let (ranked, _) = ranked(&case);
            let Some(estimate) = ranked.delong(|_| 1.0, number(&case, "confidence")) else {
                assert_eq!(number(&case, "variance"), 0.0, "{case}");
                continue;
            };
            near(estimate.value, &case, "auc", 1e-12);
            near(estimate.interval.low, &case, "low", 1e-9);
            near(estimate.interval.high, &case, "high", 1e-9);
        }
    }

    #[test]
    fn one_side_alone_has_no_area() {
        assert_eq!(Ranked::new(&[0.1, 0.9], vec![true, true]).auc(|_| 1.0), None);
        assert_eq!(Ranked::new(&[], vec![]).auc(|_| 1.0), None);
        assert_eq!(Ranked::new(&[0.0, -0.0], vec![true, false]).auc(|_| 1.0), Some(0.5));
    }

    #[test]
    fn delong_covers_as_often_as_it_says() {
        // Two normal laws a distance of √2 apart: the area is Φ(1).
        let truth = 0.841_344_746_068_543;
        let covered = simulated::share(2000, |draw| {
            let positive: Vec<bool> = (0..120).map(|row| row % 3 == 0).collect();
            let shift = std::f64::consts::SQRT_2;
            let scores: Vec<f64> =
                positive.iter().map(|positive| draw.normal() + if *positive { shift } else { 0.0 }).collect();
            let interval = Ranked::new(&scores, positive).delong(|_| 1.0, 0.95).unwrap().interval;
            (interval.low..=interval.high).contains(&truth)
        });
        assert!((0.92..=0.98).contains(&covered), "{covered}");
    }
}
