//! A number, its interval, and what that says of a limit.

use serde::Serialize;

/// Of a comparison with a limit: what rounding may make of equal numbers.
pub const TOLERANCE: f64 = 1e-12;

#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Interval {
    pub low: f64,
    pub high: f64,
}

/// How an interval was made; its name in reports.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Method {
    Wilson,
    Tango,
    Delong,
    Bootstrap,
    /// Of a quantile.
    OrderStatistics,
    /// Of ratios and differences of groups' Wilson intervals.
    WilsonBounds,
}

/// A number with its interval, and how the interval would narrow.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Estimate {
    pub value: f64,
    pub interval: Interval,
    pub method: Method,
    /// Of this interval, after any widening.
    pub confidence: f64,
    /// Rows that the number rests on.
    pub rows: u64,
    pub narrows: Narrows,
}

/// How the interval around the same value narrows with the rows.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Narrows {
    /// The limit is outside once `n > factor(limit) / (value − limit)²`, a row counting `effective / rows`.
    Score { z: f64, effective: f64, only: Option<(f64, f64)> },
    /// Width as `1 / √n`, from these distances of the ends, uncut.
    Root { low: f64, high: f64 },
    /// By search, for the limits at hand; none where no number of rows decides.
    Known(Option<u64>),
}

/// What an interval says of a limit.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Held {
    Inside,
    Outside,
    /// The limit lies within; with so many rows it would not, were the value the same.
    Open(Option<u64>),
}

impl Interval {
    pub fn is_point(self) -> bool {
        self.low == self.high
    }
}

impl Estimate {
    /// Whether all of the interval is on the right side of both limits, all on the wrong side of one, or neither.
    pub fn against(&self, min: Option<f64>, max: Option<f64>) -> Held {
        let Interval { low, high } = self.interval;
        if min.is_some_and(|min| high < min - TOLERANCE) || max.is_some_and(|max| low > max + TOLERANCE) {
            return Held::Outside;
        }
        let open = [min.filter(|min| low < min - TOLERANCE), max.filter(|max| high > max + TOLERANCE)];
        let mut open = open.into_iter().flatten().peekable();
        if open.peek().is_none() {
            return Held::Inside;
        }
        // A value beyond one limit is decided there; inside both it must leave both behind.
        let needed: Option<Vec<u64>> = open.map(|limit| self.rows_to_decide(limit)).collect();
        Held::Open(needed.and_then(|needed| needed.into_iter().max()))
    }

    /// The fewest rows at which an interval around the same value leaves out `limit`; none where the value
    /// is the limit.
    pub fn rows_to_decide(&self, limit: f64) -> Option<u64> {
        let distance = (self.value - limit).abs();
        if distance <= TOLERANCE {
            return None;
        }
        let rows = match self.narrows {
            Narrows::Score { z, effective, only } => {
                let spread = match only {
                    None => limit * (1.0 - limit),
                    Some((candidate, baseline)) => null_variance(candidate, baseline, limit.clamp(-1.0, 1.0)),
                };
                let needed = z * z * spread.max(0.0) / (distance * distance);
                // Rows of unequal weight count for less than one.
                (needed.floor() + 1.0) * (self.rows as f64 / effective)
            }
            Narrows::Root { low, high } => {
                let side = if limit < self.value { low } else { high };
                let ratio = side / distance;
                (self.rows as f64 * ratio * ratio).floor() + 1.0
            }
            Narrows::Known(rows) => return rows,
        };
        // A number of rows that nobody could ever have is none.
        (rows.is_finite() && rows < 1e15).then(|| rows.ceil() as u64)
    }
}

/// Of two models on the same rows (see [`super::paired`]) the variance of one row's difference were `d` the true one: `2·q + d·(1 − d)`, `q` being the likeliest
/// share of rows that only the baseline gets right.
pub fn null_variance(only_candidate: f64, only_baseline: f64, d: f64) -> f64 {
    let b = (2.0 - only_candidate + only_baseline) * d - only_candidate - only_baseline;
    let c = -only_baseline * d * (1.0 - d);
    let q = ((b * b - 8.0 * c).max(0.0).sqrt() - b) / 4.0;
    (2.0 * q + d * (1.0 - d)).max(0.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::inference::proportion::wilson;

    #[test]
    fn an_interval_decides_only_when_all_of_it_is_on_one_side() {
        let estimate = wilson(0.9, 1000.0, 1000, 0.95);
        assert_eq!(estimate.against(Some(0.85), None), Held::Inside);
        assert_eq!(estimate.against(Some(0.95), None), Held::Outside);
        assert!(matches!(estimate.against(Some(0.89), None), Held::Open(Some(rows)) if rows > 1000));
        assert_eq!(estimate.against(Some(0.9), None), Held::Open(None));
        assert_eq!(estimate.against(None, Some(0.95)), Held::Inside);
        assert_eq!(estimate.against(Some(0.8), Some(0.85)), Held::Outside);
    }

    #[test]
    fn width_shrinks_with_the_root_of_the_rows() {
        let interval = Interval { low: 0.8, high: 0.9 };
        let estimate = Estimate {
            value: 0.85,
            interval,
            method: Method::Bootstrap,
            confidence: 0.95,
            rows: 100,
            narrows: Narrows::Root { low: 0.05, high: 0.05 },
        };
        // 0.05 above the limit needs a quarter of the width, so sixteen times the rows, and one.
        assert_eq!(estimate.rows_to_decide(0.8375), Some(1601));
    }
}
