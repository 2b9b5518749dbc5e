//! The distinct values of one or more columns, numbered as they come.

use polars::prelude::*;
use rustc_hash::FxHashMap;

use crate::engine::cells::{Cells, whole_text};
use crate::engine::scale::Scale;

/// No value.
pub const MISSING: u16 = u16::MAX;
/// A number that is not whole, where classes are read.
pub const FRACTION: u16 = u16::MAX - 1;

/// Integers from here on, 256 of them, are looked up in an array.
const SMALL: i64 = -128;

#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
enum Value {
    Whole(i128),
    /// By its bits.
    Float(u64),
    Text(String),
}

/// Values and their numbers; beyond `most` of them it gives up.
#[derive(Debug, Clone)]
pub struct Interner {
    most: usize,
    dtype: DataType,
    values: Vec<Value>,
    small: Vec<u16>,
    others: FxHashMap<Value, u16>,
    texts: FxHashMap<String, u16>,
    pub is_full: bool,
}

impl Interner {
    pub fn new(most: usize) -> Self {
        Self {
            most,
            dtype: DataType::Null,
            values: Vec::new(),
            small: vec![MISSING; 256],
            others: FxHashMap::default(),
            texts: FxHashMap::default(),
            is_full: false,
        }
    }

    /// The numbers of the column's values, row by row. A float that is a whole number is that number;
    /// `fractions` says what becomes of others.
    ///
    /// # Errors
    /// What Polars says of a cast.
    pub fn numbers(&mut self, column: &Series, fractions: Fractions) -> PolarsResult<Vec<u16>> {
        let mut ids = Vec::with_capacity(column.len());
        let whole = |this: &mut Self, value: Option<i128>| value.map_or(MISSING, |value| this.whole(value));
        match Cells::of(column)? {
            // A decimal that is a whole number is that number, whatever its scale.
            Cells::Wide(values, Scale::Number { digits: digits @ 1.. }) => {
                let ten = 10_i128.checked_pow(digits).unwrap_or(i128::MAX);
                ids.extend(values.iter().map(|value| match value {
                    Some(value) if value % ten == 0 => self.whole(value / ten),
                    Some(value) if fractions == Fractions::Named => self.text(&whole_text(column.dtype(), value)),
                    Some(_) => FRACTION,
                    None => MISSING,
                }));
            }
            Cells::Whole(values, _) => {
                self.dtype = column.dtype().clone();
                ids.extend(values.iter().map(|value| whole(self, value.map(i128::from))));
            }
            Cells::Wide(values, _) => {
                self.dtype = column.dtype().clone();
                ids.extend(values.iter().map(|value| whole(self, value)));
            }
            Cells::Float(values) => ids.extend(values.iter().map(|value| match value {
                Some(value) if value.fract() == 0.0 && value.abs() < 9e15 => self.whole(value as i128),
                Some(value) if value.is_nan() => MISSING,
                Some(value) if fractions == Fractions::Named => self.other(Value::Float(value.to_bits())),
                Some(_) => FRACTION,
                None => MISSING,
            })),
            Cells::Boolean(values) => ids.extend(values.iter().map(|value| match value {
                Some(true) => self.text("true"),
                Some(false) => self.text("false"),
                None => MISSING,
            })),
            Cells::Text(values) => {
                // Neighbours are often alike.
                let mut last: Option<(&str, u16)> = None;
                for value in values.iter() {
                    let id = match (value, last) {
                        (None, _) => MISSING,
                        (Some(text), Some((known, id))) if text == known => id,
                        (Some(text), _) => {
                            let id = self.text(text);
                            last = Some((text, id));
                            id
                        }
                    };
                    ids.push(id);
                }
            }
            Cells::Other(rows) => ids.resize(rows, MISSING),
        }
        Ok(ids)
    }

    /// Takes in the twin's values; says what each of its numbers is here.
    pub fn merge(&mut self, twin: Self) -> Vec<u16> {
        if self.dtype == DataType::Null {
            self.dtype = twin.dtype;
        }
        self.is_full |= twin.is_full;
        let number = |value: Value| match value {
            Value::Whole(value) => self.whole(value),
            Value::Text(text) => self.text(&text),
            value @ Value::Float(_) => self.other(value),
        };
        twin.values.into_iter().map(number).collect()
    }

    /// Names in the order of the values, and where each number went.
    pub fn sorted(&self) -> (Vec<String>, Vec<u16>) {
        let mut order: Vec<usize> = (0..self.values.len()).collect();
        order.sort_by(|a, b| self.values[*a].cmp(&self.values[*b]));
        let mut places = vec![0; order.len()];
        order.iter().zip(0..).for_each(|(id, place)| places[*id] = place);
        (order.into_iter().map(|id| self.name(id)).collect(), places)
    }

    /// The value as people write it.
    pub fn name(&self, id: usize) -> String {
        match &self.values[id] {
            Value::Whole(value) => whole_text(&self.dtype, *value),
            Value::Float(bits) => f64::from_bits(*bits).to_string(),
            Value::Text(text) => text.clone(),
        }
    }

    fn whole(&mut self, value: i128) -> u16 {
        let at = usize::try_from(value - i128::from(SMALL)).ok().filter(|at| *at < self.small.len());
        match at {
            Some(at) if self.small[at] != MISSING => self.small[at],
            Some(at) => {
                let id = self.add(Value::Whole(value));
                self.small[at] = id;
                id
            }
            None => self.other(Value::Whole(value)),
        }
    }

    fn other(&mut self, value: Value) -> u16 {
        if let Some(id) = self.others.get(&value) {
            return *id;
        }
        let id = self.add(value.clone());
        if !self.is_full {
            self.others.insert(value, id);
        }
        id
    }

    fn text(&mut self, text: &str) -> u16 {
        if let Some(id) = self.texts.get(text) {
            return *id;
        }
        let id = self.add(Value::Text(text.to_owned()));
        if !self.is_full {
            self.texts.insert(text.to_owned(), id);
        }
        id
    }

    fn add(&mut self, value: Value) -> u16 {
        if self.values.len() == self.most {
            self.is_full = true;
            return 0;
        }
        self.values.push(value);
        (self.values.len() - 1) as u16
    }
}

/// What becomes of a number that is not whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fractions {
    Named,
    Refused,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_numbers_are_one_value_whatever_their_type() {
        let mut interner = Interner::new(100);
        let whole = Series::new("a".into(), [0_i64, 1, 100]);
        let cents = Series::new("b".into(), [0.0, 1.0, 100.0]).cast(&DataType::Decimal(10, 2)).unwrap();
        let floats = Series::new("c".into(), [0.0, 1.0, 100.0]);
        for column in [cents, whole, floats] {
            assert_eq!(interner.numbers(&column, Fractions::Refused).unwrap(), [0, 1, 2], "{column}");
        }
        assert_eq!(interner.sorted().0, ["0", "1", "100"]);
    }

    #[test]
    fn fractions_are_no_classes_and_are_slices() {
        let halves = Series::new("a".into(), [0.5, 1.0]);
        for column in [halves.cast(&DataType::Decimal(10, 2)).unwrap(), halves] {
            assert_eq!(Interner::new(9).numbers(&column, Fractions::Refused).unwrap(), [FRACTION, 0]);
            assert_eq!(Interner::new(9).numbers(&column, Fractions::Named).unwrap(), [0, 1]);
        }
    }

    #[test]
    fn a_twins_numbers_are_translated() {
        let (mut mine, mut theirs) = (Interner::new(9), Interner::new(9));
        mine.numbers(&Series::new("a".into(), ["x", "y"]), Fractions::Named).unwrap();
        theirs.numbers(&Series::new("a".into(), ["z", "y"]), Fractions::Named).unwrap();
        assert_eq!(mine.merge(theirs), [2, 1]);
        assert_eq!(mine.sorted(), (vec!["x".into(), "y".into(), "z".into()], vec![0, 1, 2]));
    }
}
