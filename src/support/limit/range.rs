//! The values that a metric, a share or a count can take, and what they say of a limit.

use super::{Finite, Percent};
use crate::support::words::{code, exact};

/// The values that a number can take; an absent end is unbounded.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ValueRange {
    pub min: Option<f64>,
    pub max: Option<f64>,
}

/// A limit as an entry sets it, with the range of the number that it limits.
#[derive(Debug, Clone, PartialEq)]
pub struct LimitSetting {
    pub setting: &'static str,
    value: f64,
    rejects: Rejects,
    range: ValueRange,
    /// What is limited, for messages.
    subject: String,
}

/// The values that a limit rejects.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Rejects {
    Below,
    AtOrBelow,
    Above,
    AtOrAbove,
}

impl ValueRange {
    /// 0 to 1.
    pub const SHARE: Self = Self { min: Some(0.0), max: Some(1.0) };
    /// 0 to 100.
    pub const PERCENT: Self = Self { min: Some(0.0), max: Some(100.0) };
    /// 0 and more: counts, ages, sizes, errors.
    pub const NON_NEGATIVE: Self = Self { min: Some(0.0), max: None };
    /// Any number.
    pub const UNBOUNDED: Self = Self { min: None, max: None };

    /// The range of the difference of two values.
    #[must_use]
    pub fn difference(self) -> Self {
        let width = self.min.zip(self.max).map(|(min, max)| max - min);
        Self { min: width.map(|width| -width), max: width }
    }

    pub fn contains(self, value: f64) -> bool {
        self.min.is_none_or(|min| value >= min) && self.max.is_none_or(|max| value <= max)
    }

    /// `: did you mean 0.92?` where a percent was written for a share; else nothing.
    pub fn slip(self, value: f64) -> String {
        // Without what the division adds: 92.3 % is 0.923.
        let share = (value * 1e10).round() / 1e12;
        if !self.contains(value) && self.contains(share) && share != 0.0 {
            format!(": did you mean {}?", exact(share))
        } else {
            String::new()
        }
    }

    fn described(self) -> String {
        match (self.min, self.max) {
            (Some(min), Some(max)) => format!("between {} and {}", exact(min), exact(max)),
            (Some(min), None) => format!("never below {}", exact(min)),
            (None, Some(max)) => format!("never above {}", exact(max)),
            (None, None) => "unbounded".to_owned(),
        }
    }
}

impl LimitSetting {
    /// The smallest value allowed of `subject`.
    pub fn min(setting: &'static str, value: f64, range: ValueRange, subject: impl Into<String>) -> Self {
        Self { setting, value, rejects: Rejects::Below, range, subject: subject.into() }
    }

    /// The largest value allowed of `subject`.
    pub fn max(setting: &'static str, value: f64, range: ValueRange, subject: impl Into<String>) -> Self {
        Self { setting, value, rejects: Rejects::Above, range, subject: subject.into() }
    }

    /// The largest percentage allowed.
    pub fn max_percent(setting: &'static str, Percent(value, _): Percent) -> Self {
        Self::max(setting, value, ValueRange::PERCENT, "a percentage")
    }

    /// The smallest percentage allowed.
    pub fn min_percent(setting: &'static str, Percent(value, _): Percent) -> Self {
        Self::min(setting, value, ValueRange::PERCENT, "a percentage")
    }

    /// The limits of a metric or a difference of metrics, of those that are set.
    pub fn band(min: Option<Finite>, max: Option<Finite>, range: ValueRange, subject: &str) -> Vec<Self> {
        let min = min.map(|min| Self::min("min", min.0, range, subject));
        min.into_iter().chain(max.map(|max| Self::max("max", max.0, range, subject))).collect()
    }

    /// The limit itself is rejected too.
    #[must_use]
    pub fn exclusive(mut self) -> Self {
        self.rejects = match self.rejects {
            Rejects::Below | Rejects::AtOrBelow => Rejects::AtOrBelow,
            Rejects::Above | Rejects::AtOrAbove => Rejects::AtOrAbove,
        };
        self
    }

    /// # Errors
    /// The number can never have the limit's value.
    pub fn validate(&self) -> Result<(), String> {
        if self.range.contains(self.value) {
            return Ok(());
        }
        let (setting, value) = (code(self.setting), exact(self.value));
        let (range, slip) = (self.range.described(), self.range.slip(self.value));
        Err(format!("{setting} is {value}, but {} is {range}{slip}", self.subject))
    }

    /// Whether the number can have a value that the limit rejects.
    pub fn is_breachable(&self) -> bool {
        let (ValueRange { min, max }, value) = (self.range, self.value);
        match self.rejects {
            Rejects::Below => min.is_none_or(|min| min < value),
            Rejects::AtOrBelow => min.is_none_or(|min| min <= value),
            Rejects::Above => max.is_none_or(|max| max > value),
            Rejects::AtOrAbove => max.is_none_or(|max| max >= value),
        }
    }
}

/// # Errors
/// Every limit that lies outside of its range.
pub fn validate(limits: &[LimitSetting]) -> Result<(), String> {
    let wrong: Vec<String> = limits.iter().filter_map(|limit| limit.validate().err()).collect();
    if wrong.is_empty() { Ok(()) } else { Err(wrong.join("; ")) }
}

/// Names the limits that no possible value can breach, as a clause for the verdict; nothing where there is none.
pub fn records_only(limits: &[LimitSetting]) -> Option<String> {
    let idle = limits.iter().filter(|limit| !limit.is_breachable());
    let idle: Vec<String> = idle.map(|limit| code(&format!("{}: {}", limit.setting, exact(limit.value)))).collect();
    match idle.as_slice() {
        [] => None,
        [one] => Some(format!("{one} records only: no value can breach it")),
        many => Some(format!("{} record only: no value can breach them", many.join(" and "))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::metric::{Better, range};

    #[track_caller]
    fn check(limit: &LimitSetting, refused: Option<&str>, breachable: bool) {
        assert_eq!(limit.validate().err().as_deref(), refused);
        assert_eq!(limit.is_breachable(), breachable, "{limit:?}");
    }

    #[test]
    fn a_limit_outside_of_the_range_is_refused_with_the_likely_slip() {
        let metric = |name: &str| (range(name), code(name));
        let (range, subject) = metric("accuracy");
        let slip = "`min` is 92, but `accuracy` is between 0 and 1: did you mean 0.92?";
        check(&LimitSetting::min("min", 92.0, range, &subject), Some(slip), true);
        let negative = "`max` is -1, but `accuracy` is between 0 and 1";
        check(&LimitSetting::max("max", -1.0, range, &subject), Some(negative), true);
        let (range, subject) = metric("r2");
        check(&LimitSetting::min("min", -40.0, range, &subject), None, true);
        check(
            &LimitSetting::min("min", 2.0, range, &subject),
            Some("`min` is 2, but `r2` is never above 1: did you mean 0.02?"),
            true,
        );
        let (range, subject) = metric("rmse");
        check(&LimitSetting::max("max", 1e9, range, &subject), None, true);
        check(&LimitSetting::max("max", -2.0, range, &subject), Some("`max` is -2, but `rmse` is never below 0"), true);
    }

    #[test]
    fn a_limit_at_the_end_of_the_range_records_only() {
        let range = ValueRange::SHARE;
        check(&LimitSetting::min("min", 0.0, range, "a share"), None, false);
        check(&LimitSetting::max("max", 1.0, range, "a share"), None, false);
        check(&LimitSetting::min("min", 1.0, range, "a share"), None, true);
        // The limit itself is rejected, and it is a possible value.
        check(&LimitSetting::max("max", 1.0, range, "a share").exclusive(), None, true);
        check(&LimitSetting::min("min", 0.0, range, "a share").exclusive(), None, true);
        check(&LimitSetting::max("max", 1e300, ValueRange::UNBOUNDED, "profit"), None, true);
        let idle = [LimitSetting::max("max", 1.0, range, ""), LimitSetting::min("min", 0.5, range, "")];
        assert_eq!(records_only(&idle).as_deref(), Some("`max: 1` records only: no value can breach it"));
        assert_eq!(records_only(&idle[1..]), None);
    }

    #[test]
    fn a_difference_spans_the_range_and_a_relative_one_is_open_above() {
        let ends = |range: ValueRange| (range.min, range.max);
        let of = range;
        assert_eq!(ends(of("accuracy").difference()), (Some(-1.0), Some(1.0)));
        assert_eq!(ends(of("mcc").difference()), (Some(-2.0), Some(2.0)));
        assert_eq!(ends(of("r2").difference()), (None, None));
        assert_eq!(ends(of("rmse").difference()), (None, None));
        assert_eq!(ends(Better::Higher.relative_gain(of("accuracy"))), (Some(-1.0), None));
        assert_eq!(ends(Better::Lower.relative_gain(of("rmse"))), (None, Some(1.0)));
        assert_eq!(ends(Better::Higher.relative_gain(of("mcc"))), (None, None));
    }
}
