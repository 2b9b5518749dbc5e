//! What the physical integers of a column stand for: numbers, decimals, dates, times.

use polars::prelude::DataType;

use crate::data::statistic::End;
use crate::support::decimal::Decimal;
use crate::support::limit::instant;

/// What one unit of a physical value stands for.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Scale {
    /// `value / 10^digits` is the number.
    Number { digits: u32 },
    /// `value · multiplier / divisor` are microseconds since 1970.
    Instant { multiplier: i128, divisor: i128 },
}

impl Scale {
    /// The smallest physical value at or above `min`.
    pub fn lowest(self, min: Option<End>) -> i128 {
        match (self, min) {
            (Self::Number { digits }, Some(End::Number(number))) => number.ceil(digits),
            (Self::Instant { multiplier, divisor }, Some(End::Instant(at))) => {
                let scaled = i128::from(at) * divisor;
                scaled.div_euclid(multiplier) + i128::from(scaled.rem_euclid(multiplier) != 0)
            }
            _ => i128::MIN,
        }
    }

    /// The largest physical value at or below `max`.
    pub fn highest(self, max: Option<End>) -> i128 {
        match (self, max) {
            (Self::Number { digits }, Some(End::Number(number))) => number.floor(digits),
            (Self::Instant { multiplier, divisor }, Some(End::Instant(at))) => {
                (i128::from(at) * divisor).div_euclid(multiplier)
            }
            _ => i128::MAX,
        }
    }

    /// The physical value that the text stands for, if one does exactly.
    pub fn exactly(self, text: &str) -> Option<i128> {
        match self {
            Self::Number { digits } => Decimal::parse(text)?.exactly(digits),
            Self::Instant { multiplier, divisor } => {
                let scaled = i128::from(instant(text)?) * divisor;
                (scaled.rem_euclid(multiplier) == 0).then(|| scaled.div_euclid(multiplier))
            }
        }
    }

    /// As [`Scale::value`], for what fits 64 bits.
    #[inline]
    pub fn number(self, physical: i64) -> f64 {
        match self {
            Self::Number { digits: 0 } => physical as f64,
            _ => self.value(physical.into()),
        }
    }

    pub fn value(self, physical: i128) -> f64 {
        match self {
            Self::Number { digits } => physical as f64 / power_of_ten(digits),
            Self::Instant { multiplier, divisor } => (physical * multiplier).div_euclid(divisor) as f64,
        }
    }
}

/// As a float.
fn power_of_ten(digits: u32) -> f64 {
    10_f64.powi(i32::try_from(digits).unwrap_or(i32::MAX))
}

/// How many bits a column's floats have, and so what a limit is among them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Precision {
    Half,
    Single,
    Double,
}

impl Precision {
    pub fn of(dtype: &DataType) -> Self {
        match dtype {
            DataType::Float16 => Self::Half,
            DataType::Float32 => Self::Single,
            _ => Self::Double,
        }
    }

    /// Returns the nearest number that a float of the column can be.
    pub fn nearest(self, number: Decimal) -> f64 {
        match self {
            Self::Half => number.half(),
            Self::Single => number.single().into(),
            Self::Double => number.number(),
        }
    }

    /// Returns the nearest number to what is written, which may be infinite.
    pub fn read(self, text: &str) -> Option<f64> {
        Decimal::parse(text).map(|number| self.nearest(number)).or_else(|| text.parse().ok())
    }

    /// Returns a float of the column with the fewest digits that mean it: 0.1, not 0.10000000149011612.
    pub fn written(self, value: f64) -> String {
        match self {
            Self::Half => {
                let rounded = (0..6).map(|digits| format!("{value:.digits$e}"));
                let shortest = rounded.filter_map(|text| Decimal::parse(&text)).find(|number| number.half() == value);
                shortest.map_or_else(|| format!("{value:?}"), |number| format!("{:?}", number.number()))
            }
            Self::Single => format!("{:?}", value as f32),
            Self::Double => format!("{value:?}"),
        }
    }

    /// Returns both ends of a range as floats of the column; an end that is not there is infinite.
    pub fn ends(self, min: Option<End>, max: Option<End>) -> (f64, f64) {
        let nearest = |end: Option<End>| match end {
            Some(End::Number(number)) => Some(self.nearest(number)),
            Some(End::Instant(_)) | None => None,
        };
        (nearest(min).unwrap_or(f64::NEG_INFINITY), nearest(max).unwrap_or(f64::INFINITY))
    }
}
