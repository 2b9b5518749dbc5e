//! What single features say of the target.

/// How well single features foretell the target, out of fold.
#[derive(Debug, Clone, PartialEq)]
pub struct Leakage {
    /// Whether the target is classes, and the score an area under the ROC curve; else it is R².
    pub is_classes: bool,
    /// By feature; none where the target says nothing that could be foretold.
    pub scores: Vec<(String, f64)>,
    /// By feature, what else gives the target away most, and how much: comparable to a score.
    pub giveaways: Vec<(String, Giveaway, f64)>,
    /// Features with so many categories that several were counted as one.
    pub cut: Vec<String>,
    /// Rows that have a target.
    pub rows: u64,
    /// The most rows of any feature that stand in one fold with all that resemble them, 30 or more together: of them
    /// nothing is foretold by others, and nothing is known.
    pub unfolded: u64,
}

/// In what way a feature gives the target away, beside its score.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Giveaway {
    /// It is equal to the target, in such a share of rows.
    Copy,
    /// It orders the rows as the target does, or the other way round.
    Order,
    /// By bins that are finer than deciles; of a target of numbers by its ranks.
    Fine,
    /// By a part of its values.
    Part(Aspect),
    /// Its guesses are the opposite of the truth.
    Inverse,
    /// By the mean of its own bins, where few rows are distinct.
    Alike,
}

/// A part of a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Aspect {
    Parity,
    LastDigit,
    LastTwoDigits,
    FirstTwoDigits,
    DigitCount,
    DecimalPlaces,
    Hundredths,
    FractionOfSecond,
    Microsecond,
    Millisecond,
    Second,
    Minute,
    Hour,
    Weekday,
    DayOfMonth,
    Length,
    Prefix(u8),
    Suffix(u8),
    FirstWord,
    SecondWord,
    LastWord,
    /// Without digits, punctuation and spaces.
    Letters,
}

impl Aspect {
    /// Returns the part for sentences: `last digit`.
    pub fn word(self) -> &'static str {
        match self {
            Self::Parity => "parity",
            Self::LastDigit => "last digit",
            Self::LastTwoDigits => "last two digits",
            Self::FirstTwoDigits => "first two digits",
            Self::DigitCount => "number of digits",
            Self::DecimalPlaces => "number of decimal places",
            Self::Hundredths => "hundredths",
            Self::FractionOfSecond => "fraction of a second",
            Self::Microsecond => "last digit in microseconds",
            Self::Millisecond => "last digit in milliseconds",
            Self::Second => "second",
            Self::Minute => "minute",
            Self::Hour => "hour",
            Self::Weekday => "day of the week",
            Self::DayOfMonth => "day of the month",
            Self::Length => "length",
            Self::Prefix(1) => "first character",
            Self::Prefix(2) => "first two characters",
            Self::Prefix(_) => "first three characters",
            Self::Suffix(1) => "last character",
            Self::Suffix(2) => "last two characters",
            Self::Suffix(_) => "last three characters",
            Self::FirstWord => "first word",
            Self::SecondWord => "second word",
            Self::LastWord => "last word",
            Self::Letters => "letters",
        }
    }
}
