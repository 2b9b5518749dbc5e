//! Spellings of missing values in a CSV file, and columns that are text because of them.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::path::PathBuf;

use super::kind::Seen;
use super::{Csv, header, look};
use crate::data::table::csv::records::Records;
use crate::data::table::files::text;
use crate::support::problem::Problem;
use crate::support::words::code;

/// What people and programs write for a value that is missing; an empty field is one anyway.
const SPELLINGS: [&str; 21] = [
    "NA", "N/A", "n/a", "na", "<NA>", "#N/A", "#NA", "NULL", "Null", "null", "\\N", "None", "none", "nil", "missing",
    "Missing", "?", "-", "--", ".", "..",
];

/// Of these, the ones that are hardly ever a category too.
const CERTAIN: [&str; 11] = ["NA", "N/A", "n/a", "<NA>", "#N/A", "#NA", "NULL", "Null", "null", "\\N", "?"];

/// The most other values of a column that are kept.
const FEW: usize = 3;

/// Whether the field is a usual spelling of a missing value.
pub fn is_spelling(field: &[u8]) -> bool {
    SPELLINGS.iter().any(|spelling| spelling.as_bytes() == field)
}

/// What the fields of one column are, apart from spellings of missing values.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Tally {
    /// Fields that are not null, spellings included.
    present: u64,
    numbers: u64,
    /// The kind that holds all fields but the spellings.
    kind: Seen,
    /// Whether all texts are short codes in capitals, where `NA` may be Namibia.
    has_codes_only: bool,
    spellings: BTreeMap<String, u64>,
    /// The first few texts that are neither number nor spelling.
    others: BTreeSet<String>,
}

/// A column of text whose values are mostly numbers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MostlyNumbers {
    pub column: String,
    pub present: u64,
    pub numbers: u64,
    /// The first few values that are not.
    pub others: Vec<String>,
}

/// What a look at the whole file says about missing values.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Spellings {
    /// Spellings that mean a missing value here.
    pub null_values: Vec<String>,
    pub mostly_numbers: Vec<MostlyNumbers>,
}

/// Reads the files, opened in order, from their first to their last byte.
///
/// A spelling means a missing value where all other values of some column are numbers, booleans or dates, and where it
/// is hardly ever a category.
///
/// # Errors
/// As [`super::inspect`].
pub fn spellings(
    files: impl Iterator<Item = Result<(PathBuf, File), Problem>>,
    csv: &Csv,
) -> Result<Spellings, Problem> {
    let mut tallies: Vec<(String, Tally)> = Vec::new();
    for opened in files {
        let (path, file) = opened?;
        let mut records = Records::new(text(&path, file)?, code(&path.to_string_lossy()), csv.delimiter);
        let names = header(&mut records, csv.delimiter)?;
        if tallies.is_empty() {
            tallies = names.into_iter().map(|name| (name, Tally::new())).collect();
        }
        while let Some(record) = records.read()? {
            for ((_, tally), field) in tallies.iter_mut().zip(record.fields()) {
                if look(field, &csv.null_values) != Seen::Null {
                    tally.add(field.bytes);
                }
            }
        }
    }
    let mut found = Spellings::default();
    let mut null_values = BTreeSet::new();
    for (column, tally) in tallies {
        null_values.extend(tally.null_values().cloned());
        if tally.is_mostly_numbers() {
            let others = tally.spellings.keys().chain(&tally.others).take(FEW).cloned().collect();
            let Tally { present, numbers, .. } = tally;
            found.mostly_numbers.push(MostlyNumbers { column, present, numbers, others });
        }
    }
    found.null_values = null_values.into_iter().collect();
    Ok(found)
}

impl Tally {
    fn new() -> Self {
        Self {
            present: 0,
            numbers: 0,
            kind: Seen::Null,
            has_codes_only: true,
            spellings: BTreeMap::new(),
            others: BTreeSet::new(),
        }
    }

    fn add(&mut self, field: &[u8]) {
        self.present += 1;
        if is_spelling(field) {
            *self.spellings.entry(String::from_utf8_lossy(field).into_owned()).or_default() += 1;
            return;
        }
        let kind = Seen::of(field);
        self.kind = self.kind.join(kind);
        match kind {
            Seen::Integer | Seen::LongInteger | Seen::Float => self.numbers += 1,
            _ if self.others.len() < FEW => drop(self.others.insert(String::from_utf8_lossy(field).into_owned())),
            _ => {}
        }
        self.has_codes_only &= (2..=3).contains(&field.len()) && field.iter().all(u8::is_ascii_uppercase);
    }

    fn null_values(&self) -> impl Iterator<Item = &String> {
        let is_text = self.kind == Seen::Text;
        let is_certain = |spelling: &&String| CERTAIN.contains(&spelling.as_str()) && !self.has_codes_only;
        // A column of nothing else says nothing.
        self.spellings.keys().filter(move |spelling| self.kind != Seen::Null && (!is_text || is_certain(spelling)))
    }

    fn is_mostly_numbers(&self) -> bool {
        self.numbers < self.present && 2 * self.numbers >= self.present
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn check(text: &str) -> Spellings {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(text.as_bytes()).unwrap();
        let open = (file.path().to_owned(), file.reopen().unwrap());
        spellings(std::iter::once(Ok(open)), &Csv { delimiter: b',', ..Csv::default() }).unwrap()
    }

    #[test]
    fn a_spelling_among_numbers_or_dates_is_null() {
        assert_eq!(check("a\n1\nNA\n2.5\n").null_values, ["NA"]);
        assert_eq!(check("a,b\n1,2026-01-01\n-,missing\n2,2026-01-02\n").null_values, ["-", "missing"]);
        let [found] = &check("a\n1\nNA\n2\noops\n").mostly_numbers[..] else { panic!("one column is mostly numbers") };
        assert_eq!((found.numbers, found.present), (2, 4));
        assert_eq!(found.others, ["NA", "oops"]);
    }

    #[test]
    fn what_may_be_a_category_is_not_null() {
        assert_eq!(check("sex\nmale\nNA\nfemale\n").null_values, ["NA"]);
        assert_eq!(check("garage\nbrick\nnone\nwood\n").null_values, [""; 0]);
        // Namibia.
        assert_eq!(check("country\nDE\nNA\nFR\n").null_values, [""; 0]);
        assert_eq!(check("a\nNA\nNA\n").null_values, [""; 0]);
    }
}
