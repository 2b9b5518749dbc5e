//! The two ends of a limit, either of which may be open.

use super::{Held, Limit};
use crate::stats::inference::estimate::TOLERANCE;
use crate::support::limit::Finite;
use crate::support::words::exact;

/// What a metric may be: both ends inclusive, but for what rounding makes of equal numbers.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Band {
    pub min: Option<f64>,
    pub max: Option<f64>,
}

impl Band {
    pub fn new(min: Option<Finite>, max: Option<Finite>) -> Self {
        Self { min: min.map(|min| min.0), max: max.map(|max| max.0) }
    }

    /// # Errors
    /// There is no end, or the lower one is above the upper one.
    pub fn validate(self) -> Result<(), String> {
        match (self.min, self.max) {
            (None, None) => Err("no limit: set `min` or `max`".into()),
            (Some(min), Some(max)) if min > max => Err(format!("min {min} is above max {max}")),
            _ => Ok(()),
        }
    }

    pub fn holds(self, value: f64) -> bool {
        self.min.is_none_or(|min| value >= min - TOLERANCE) && self.max.is_none_or(|max| value <= max + TOLERANCE)
    }

    /// The ends there are.
    pub fn ends(self) -> Vec<f64> {
        self.min.into_iter().chain(self.max).collect()
    }

    /// The value held against each end.
    pub fn held(self, value: f64) -> Vec<Held> {
        let held = |setting, limit, breached| Held { setting, observed: value, limit, unit: None, breached };
        let min = self.min.map(|min| held("min", Limit::min(min), value < min - TOLERANCE));
        let max = self.max.map(|max| held("max", Limit::max(max), value > max + TOLERANCE));
        min.into_iter().chain(max).collect()
    }

    /// `at least 0.92 needed`.
    pub fn wanted(self) -> String {
        match (self.min, self.max) {
            (Some(min), Some(max)) => format!("{} to {} allowed", exact(min), exact(max)),
            (Some(min), None) => format!("at least {} needed", exact(min)),
            (None, Some(max)) => format!("at most {} allowed", exact(max)),
            (None, None) => String::new(),
        }
    }

    /// `[0, 1]`, `(-∞, 1]`.
    pub fn interval(self) -> String {
        let low = self.min.map_or("(-∞".to_owned(), |min| format!("[{min}"));
        let high = self.max.map_or("∞)".to_owned(), |max| format!("{max}]"));
        format!("{low}, {high}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_are_inclusive_and_said_as_written() {
        let band = Band { min: Some(0.9995), max: None };
        assert!(band.holds(0.9995) && band.holds(0.9995 - 1e-13) && !band.holds(0.9994));
        assert_eq!(band.wanted(), "at least 0.9995 needed");
        assert_eq!(band.interval(), "[0.9995, ∞)");
        assert_eq!(Band { min: Some(2.0), max: Some(1.0) }.validate(), Err("min 2 is above max 1".into()));
        assert!(Band { min: None, max: None }.validate().is_err());
    }
}
