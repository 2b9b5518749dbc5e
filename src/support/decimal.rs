//! Decimal numbers exactly as they are written, and their comparison with counts, integers and floats.

use std::cmp::Ordering;
use std::fmt;

/// The most significant digits of a decimal.
const MOST_DIGITS: usize = 38;
/// The largest exponent of ten, in either direction, that a decimal is read with.
const MOST_EXPONENT: i32 = 10_000;

/// `mantissa · 10^exponent`. The mantissa has no zero at its end, so equal decimals have equal fields.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Decimal {
    mantissa: i128,
    exponent: i32,
}

impl Decimal {
    pub const ZERO: Self = Self { mantissa: 0, exponent: 0 };

    /// Reads a number such as `2.3`, `-0.05` or `1e-3`; none with more than 38 significant digits, and no NaN or infinity.
    pub fn parse(text: &str) -> Option<Self> {
        let (is_negative, rest) = match text.as_bytes().first()? {
            b'-' => (true, &text[1..]),
            b'+' => (false, &text[1..]),
            _ => (false, text),
        };
        let (number, exponent) = match rest.split_once(['e', 'E']) {
            Some((number, exponent)) => (number, exponent.parse::<i32>().ok()?),
            None => (rest, 0),
        };
        let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
        let all = [whole, fraction].concat();
        if all.is_empty() || !all.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        let digits = all.trim_start_matches('0');
        let kept = digits.trim_end_matches('0');
        if kept.is_empty() {
            return Some(Self::ZERO);
        }
        let zeros = i32::try_from(digits.len() - kept.len()).ok()?;
        let exponent = exponent.checked_sub(i32::try_from(fraction.len()).ok()?)?.checked_add(zeros)?;
        if kept.len() > MOST_DIGITS || exponent.abs() > MOST_EXPONENT {
            return None;
        }
        let mantissa: i128 = kept.parse().ok()?;
        Some(Self { mantissa: if is_negative { -mantissa } else { mantissa }, exponent })
    }

    /// Returns the shortest decimal that reads as this float, which is the one that was written unless it has more than
    /// 15 digits; none of NaN and the infinities.
    pub fn of(number: f64) -> Option<Self> {
        number.is_finite().then(|| Self::parse(&format!("{number:e}"))).flatten()
    }

    /// Returns a whole number; none of one with more than 38 digits.
    pub fn whole(number: i128) -> Option<Self> {
        Self::parse(&number.to_string())
    }

    /// Returns the nearest 64-bit float.
    pub fn number(self) -> f64 {
        // The standard library rounds correctly, and reads every number of this form.
        self.scientific().parse().unwrap_or(f64::NAN)
    }

    /// Returns the nearest 32-bit float, rounded once.
    pub fn single(self) -> f32 {
        self.scientific().parse().unwrap_or(f32::NAN)
    }

    /// Returns the nearest 16-bit float.
    pub fn half(self) -> f64 {
        let number = self.number();
        if number == 0.0 || !number.is_finite() {
            return number;
        }
        // Ten bits follow the first one; below 2^-14 the steps stay as they are there.
        let step = 2_f64.powf(number.abs().log2().floor().max(-14.0) - 10.0);
        let rounded = (number / step).round_ties_even() * step;
        if rounded.abs() > 65_504.0 { f64::INFINITY.copysign(rounded) } else { rounded }
    }

    /// Whether it is a whole number.
    pub fn is_whole(self) -> bool {
        self.exponent >= 0
    }

    /// Returns the smallest integer `v` with `v / 10^digits` at or above this number; saturates.
    pub fn ceil(self, digits: u32) -> i128 {
        let (floor, is_exact) = self.scaled(digits);
        if is_exact { floor } else { floor.saturating_add(1) }
    }

    /// Returns the largest integer `v` with `v / 10^digits` at or below this number; saturates.
    pub fn floor(self, digits: u32) -> i128 {
        self.scaled(digits).0
    }

    /// Returns the integer `v` with `v / 10^digits` equal to this number, where there is one.
    pub fn exactly(self, digits: u32) -> Option<i128> {
        let shift = i64::from(self.exponent) + i64::from(digits);
        // There are no zeros at the mantissa's end to give up.
        let ten = 10_i128.checked_pow(u32::try_from(shift).ok()?);
        if self.mantissa == 0 { Some(0) } else { self.mantissa.checked_mul(ten?) }
    }

    /// The floor of `self · 10^digits`, and whether that is the number itself; beyond 128 bits the nearest integer
    /// there is, as a limit beyond all values should.
    fn scaled(self, digits: u32) -> (i128, bool) {
        let shift = i64::from(self.exponent) + i64::from(digits);
        let end = if self.mantissa < 0 { i128::MIN } else { i128::MAX };
        if self.mantissa == 0 {
            return (0, true);
        }
        let ten = u32::try_from(shift.unsigned_abs()).ok().and_then(|power| 10_i128.checked_pow(power));
        match (shift >= 0, ten) {
            (true, Some(ten)) => (self.mantissa.checked_mul(ten).unwrap_or(end), true),
            (true, None) => (end, true),
            (false, Some(ten)) => (self.mantissa.div_euclid(ten), self.mantissa % ten == 0),
            // Between 0 and 1, or 0 and -1.
            (false, None) => (if self.mantissa < 0 { -1 } else { 0 }, false),
        }
    }

    /// Compares `100 · count / rows` with this number, exactly; nothing of no rows is equal to any.
    pub fn compare_share(self, count: u64, rows: u64) -> Ordering {
        if rows == 0 {
            return Ordering::Equal;
        }
        if self.mantissa < 0 {
            return Ordering::Greater;
        }
        let rows = u128::from(rows);
        let (whole, mut rest) = (100 * u128::from(count) / rows, 100 * u128::from(count) % rows);
        let digits = self.mantissa.to_string();
        let point = digits.len() as i64 + i64::from(self.exponent);
        let at = usize::try_from(point.max(0)).unwrap_or(usize::MAX);
        // More digits than the share of a count can have.
        if at > MOST_DIGITS {
            return Ordering::Less;
        }
        let (integer, fraction) = digits.split_at(at.min(digits.len()));
        let zeros = at - integer.len();
        let integer: u128 = format!("{integer}{}", "0".repeat(zeros)).parse().unwrap_or(0);
        if whole != integer {
            return whole.cmp(&integer);
        }
        // Long division, a digit at a time, beside the digits that were written.
        let leading = usize::try_from((-point).max(0)).unwrap_or(usize::MAX);
        for written in std::iter::repeat_n(b'0', leading).chain(fraction.bytes()) {
            rest *= 10;
            let (digit, left) = (rest / rows, rest % rows);
            let order = digit.cmp(&u128::from(written - b'0'));
            if order.is_ne() {
                return order;
            }
            rest = left;
        }
        if rest > 0 { Ordering::Greater } else { Ordering::Equal }
    }

    fn scientific(self) -> String {
        format!("{}e{}", self.mantissa, self.exponent)
    }

    /// The mantissa's digits and the place of the point before or behind them: `0.digits · 10^place`.
    fn magnitude(self) -> (i64, String) {
        let digits = self.mantissa.unsigned_abs().to_string();
        (digits.len() as i64 + i64::from(self.exponent), digits)
    }
}

impl Ord for Decimal {
    fn cmp(&self, other: &Self) -> Ordering {
        let signs = self.mantissa.signum().cmp(&other.mantissa.signum());
        if signs.is_ne() || self.mantissa == 0 {
            return signs;
        }
        // Of one sign: by the place of the first digit, then digit by digit.
        let order = self.magnitude().cmp(&other.magnitude());
        if self.mantissa < 0 { order.reverse() } else { order }
    }
}

impl PartialOrd for Decimal {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl fmt::Display for Decimal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let number = self.number();
        if Self::of(number) == Some(*self) {
            return write!(f, "{number}");
        }
        let sign = if self.mantissa < 0 { "-" } else { "" };
        let digits = self.mantissa.unsigned_abs().to_string();
        let point = digits.len() as i64 + i64::from(self.exponent);
        match usize::try_from(point) {
            Ok(point) if point <= MOST_DIGITS + 1 && point >= digits.len() => {
                write!(f, "{sign}{digits}{}", "0".repeat(point - digits.len()))
            }
            Ok(point) if point > 0 && point < digits.len() => {
                write!(f, "{sign}{}.{}", &digits[..point], &digits[point..])
            }
            _ if (-(MOST_DIGITS as i64)..=0).contains(&point) => {
                let zeros = usize::try_from(-point).unwrap_or(0);
                write!(f, "{sign}0.{}{digits}", "0".repeat(zeros))
            }
            _ => f.write_str(&self.scientific()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decimal(text: &str) -> Decimal {
        Decimal::parse(text).unwrap()
    }

    #[test]
    fn one_number_has_one_form() {
        for (a, b) in [("2.3", "2.300"), ("1e3", "1000"), ("0.00", "-0"), ("+5", "5."), (".5", "0.5"), ("12e-1", "1.2")]
        {
            assert_eq!(decimal(a), decimal(b), "{a} {b}");
        }
        for bad in ["", "-", ".", "1.2.3", "1e", "0x1", "NaN", "inf", "1_000", "1 ", &"1".repeat(39), "1e99999"] {
            assert_eq!(Decimal::parse(bad), None, "{bad}");
        }
        assert_eq!(Decimal::of(0.1), Some(decimal("0.1")));
        assert_eq!(Decimal::of(f64::NAN), None);
    }

    #[test]
    fn numbers_are_ordered_as_numbers() {
        let ascending =
            ["-1e300", "-10", "-9.9", "-0.01", "0", "1e-300", "0.09", "0.1", "0.11", "1", "9.99", "10", "1e300"];
        for pair in ascending.windows(2) {
            assert!(decimal(pair[0]) < decimal(pair[1]), "{pair:?}");
        }
    }

    #[test]
    fn a_share_is_compared_as_written() {
        use Ordering::{Equal, Greater, Less};
        for (limit, count, rows, order) in [
            ("2.3", 69, 3000, Equal),
            ("1.1", 33, 3000, Equal),
            ("2.3", 70, 3000, Greater),
            ("2.3", 68, 3000, Less),
            ("33.3333333333333333333333", 1, 3, Greater),
            ("33.3333333333333333333334", 1, 3, Less),
            ("2.2999999999999999999999", 69, 3000, Greater),
            ("0.00001", 1, 10_000_000, Equal),
            ("100", 7, 7, Equal),
            ("1e2", 7, 7, Equal),
            ("0", 0, 7, Equal),
            ("0", 1, u64::MAX, Greater),
            ("50", u64::MAX / 2, u64::MAX, Less),
            ("5", 0, 0, Equal),
        ] {
            assert_eq!(decimal(limit).compare_share(count, rows), order, "{limit} {count} {rows}");
        }
    }

    #[test]
    fn integers_on_either_side_of_a_limit() {
        for (limit, digits, floor, ceil) in [
            ("12.5", 2, 1250, 1250),
            ("12.345", 2, 1234, 1235),
            ("-12.345", 2, -1235, -1234),
            ("0.1", 0, 0, 1),
            ("-0.1", 0, -1, 0),
            ("1e-100", 2, 0, 1),
            ("1e100", 2, i128::MAX, i128::MAX),
            ("-1e100", 2, i128::MIN, i128::MIN),
            ("9007199254740993", 0, 9_007_199_254_740_993, 9_007_199_254_740_993),
        ] {
            assert_eq!((decimal(limit).floor(digits), decimal(limit).ceil(digits)), (floor, ceil), "{limit}");
        }
        assert_eq!(decimal("12.5").exactly(2), Some(1250));
        assert_eq!(decimal("12.345").exactly(2), None);
        assert_eq!(decimal("0").exactly(400), Some(0));
    }

    #[test]
    fn a_float_is_the_nearest_of_its_own_width() {
        assert_eq!(decimal("0.1").single(), 0.1_f32);
        assert_eq!(decimal("0.1").number(), 0.1);
        assert_eq!(decimal("0.1").half(), 0.0999755859375);
        assert_eq!(decimal("1e6").half(), f64::INFINITY);
        assert_eq!(decimal("1e-7").half(), 1.1920928955078125e-7);
    }

    #[test]
    fn a_number_is_shown_as_it_was_written() {
        for (text, shown) in [("2.30", "2.3"), ("1000", "1000"), ("12345678901234567.89", "12345678901234567.89")] {
            assert_eq!(decimal(text).to_string(), shown);
        }
        assert_eq!(decimal("-9007199254740993").to_string(), "-9007199254740993");
        assert_eq!(decimal("-0.00012345678901234567").to_string(), "-0.00012345678901234567");
        assert_eq!(decimal("12345678901234567890e30").to_string(), "1234567890123456789e31");
    }
}
