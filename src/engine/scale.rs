//! What the physical integers of a column stand for: numbers, decimals, dates, times.

use crate::limit::instant;
use crate::statistic::End;

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
            (Self::Number { digits }, Some(End::Whole(number))) => scaled(number, digits),
            (Self::Number { .. }, Some(End::Number(number))) => float_to_whole(number.0.ceil()),
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
            (Self::Number { digits }, Some(End::Whole(number))) => scaled(number, digits),
            (Self::Number { .. }, Some(End::Number(number))) => float_to_whole(number.0.floor()),
            (Self::Instant { multiplier, divisor }, Some(End::Instant(at))) => {
                (i128::from(at) * divisor).div_euclid(multiplier)
            }
            _ => i128::MAX,
        }
    }

    /// The physical value that the text stands for, if one does exactly.
    pub fn exactly(self, text: &str) -> Option<i128> {
        match self {
            Self::Number { digits } => decimal(text, digits).or_else(|| {
                // `1e3`, as YAML may have written it.
                let number: f64 = text.parse().ok()?;
                let whole = number.fract() == 0.0 && number.abs() < 9e15;
                float_to_whole(number).checked_mul(10_i128.checked_pow(digits)?).filter(|_| whole)
            }),
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
pub fn power_of_ten(digits: u32) -> f64 {
    10_f64.powi(i32::try_from(digits).unwrap_or(i32::MAX))
}

/// `12.50` with two digits is 1250; more digits than that, unless they are zeros, are no such number.
fn decimal(text: &str, digits: u32) -> Option<i128> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let kept = fraction.trim_end_matches('0');
    let missing = digits.checked_sub(u32::try_from(kept.len()).ok()?)?;
    let digits_only = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    if !digits_only(kept) || !digits_only(whole.trim_start_matches(['-', '+'])) {
        return None;
    }
    format!("{whole}{kept}").parse::<i128>().ok()?.checked_mul(10_i128.checked_pow(missing)?)
}

/// `number · 10^digits`; saturates, as a limit beyond all decimals should.
fn scaled(number: i128, digits: u32) -> i128 {
    10_i128.checked_pow(digits).map_or(if number < 0 { i128::MIN } else { i128::MAX }, |ten| number.saturating_mul(ten))
}

/// Saturates, as a limit beyond all integers should.
fn float_to_whole(value: f64) -> i128 {
    value as i128
}
