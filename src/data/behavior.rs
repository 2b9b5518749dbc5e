//! What came of asking a model about changed rows: plain data.

/// What came of comparing.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct BehaviorResult {
    pub rows: u64,
    /// Rows in which something was changed at all.
    pub changed: u64,
    /// Rows whose prediction moved; where a direction is expected, that way.
    pub moved: u64,
    /// Rows that break the rule.
    pub broken: u64,
    /// The largest move, infinite where a class became another or a number none.
    pub largest: f64,
    /// The first rows that break it, counted from 1.
    pub first: Vec<u64>,
    /// The same with what was changed and what came of it.
    pub examples: Vec<String>,
    /// Whether the model takes any of the columns that were changed.
    pub is_seen: bool,
    /// Whether the classes that were recorded are those of another threshold than the model's own.
    pub has_other_threshold: bool,
}
