//! Types of a condition's values.

use std::fmt;

/// What a value is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Type {
    /// Not known yet: a column of a table that has not been opened.
    Any,
    /// Nothing but null.
    Null,
    Boolean,
    /// 128 bits, whatever the column has.
    Integer,
    /// An exact number with so many digits after the point.
    Decimal(u32),
    /// A float of 32 bits.
    Single,
    Float,
    Text,
    Date,
    /// Nanoseconds since 1970 UTC.
    Timestamp,
    /// Nanoseconds.
    Duration,
}

impl Type {
    pub fn is_numeric(self) -> bool {
        matches!(self, Self::Any | Self::Null | Self::Integer | Self::Decimal(_) | Self::Single | Self::Float)
    }

    /// Whether values of both types can be compared.
    pub fn is_comparable(self, other: Self) -> bool {
        self.common(other).is_some()
    }

    /// Returns the type that holds values of both.
    pub fn common(self, other: Self) -> Option<Self> {
        Some(match (self, other) {
            (a, b) if a == b => a,
            (Self::Any, _) | (_, Self::Any) => Self::Any,
            (Self::Null, other) | (other, Self::Null) => other,
            (Self::Decimal(a), Self::Decimal(b)) => Self::Decimal(a.max(b)),
            (Self::Integer, Self::Decimal(digits)) | (Self::Decimal(digits), Self::Integer) => Self::Decimal(digits),
            (Self::Float, other) | (other, Self::Float) if other.is_numeric() => Self::Float,
            (Self::Single, other) | (other, Self::Single) if other.is_numeric() => Self::Single,
            (Self::Date, Self::Timestamp) | (Self::Timestamp, Self::Date) => Self::Timestamp,
            _ => return None,
        })
    }

    /// Digits after the point of a whole value of the type.
    pub fn digits(self) -> u32 {
        if let Self::Decimal(digits) = self { digits } else { 0 }
    }
}

impl fmt::Display for Type {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Any => "a value",
            Self::Null => "null",
            Self::Boolean => "boolean",
            Self::Integer => "integer",
            Self::Decimal(_) => "a decimal number",
            Self::Single | Self::Float => "float",
            Self::Text => "text",
            Self::Date => "date",
            Self::Timestamp => "datetime",
            Self::Duration => "duration",
        })
    }
}
