//! What a CSV file holds: its columns, their types, its rows, from one look at all of it.
//!
//! Polars reads the file a second time with these types forced on it. So a file that two readers could
//! see differently is refused here, with the line.

mod kind;
mod records;
mod spellings;

use std::collections::HashMap;
use std::fs::File;
use std::path::Path;

use self::kind::Seen;
pub use self::kind::{TextKind, date_days, datetime_micros};
use self::records::{Field, Record, Records};
pub use self::spellings::{MostlyNumbers, Spellings, is_spelling, spellings};
use super::{WhyText, files};
use crate::support::problem::Problem;
use crate::support::words::{code, visible};

/// How a CSV file is written.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Csv {
    pub delimiter: u8,
    /// Further spellings of null, in quotes or not; an unquoted empty field always is one.
    pub null_values: Vec<String>,
    /// Whether messages may show the cell that made a column text.
    pub shows_cells: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Inspected {
    pub columns: Vec<(String, TextKind)>,
    pub rows: u64,
    /// Of columns that became text on the way: why.
    pub turned: Vec<(String, WhyText)>,
    /// Columns with a whole number that is written otherwise than it is shown, as `01`.
    pub padded: Vec<String>,
}

/// Reads a CSV file, plain or gzip, from its first to its last byte; `path` is for messages.
///
/// An unquoted empty field is null; a quoted one is the empty text, unless `null_values` has it too. A
/// blank line is a null where there is one column, as in Polars, else a wrong number of fields.
///
/// # Errors
/// What is wrong, with the line: see the tests.
pub fn inspect(path: &Path, file: File, csv: &Csv) -> Result<Inspected, Problem> {
    let shown = code(&path.to_string_lossy());
    if !csv.delimiter.is_ascii() || matches!(csv.delimiter, b'"' | b'\n' | b'\r' | 0) {
        let delimiter = code(&char::from(csv.delimiter).to_string());
        let problem = Problem::new(format!("{delimiter} cannot be the delimiter of {shown}"));
        return Err(problem.hint("`data.csv.delimiter` is one ASCII character, as `,` `;` `|` or a tab"));
    }
    let mut records = Records::new(files::text(path, file)?, shown, csv.delimiter);
    let names = header(&mut records, csv.delimiter)?;
    let mut seen = vec![Seen::Null; names.len()];
    let mut rows = 0;
    let mut turned: Vec<(usize, WhyText)> = Vec::new();
    let mut padded = vec![false; names.len()];
    while let Some(record) = records.read()? {
        if record.width() != names.len() {
            let (line, what) = (record.line, wrong_width(&record, names.len()));
            let hint = if record.is_open && record.width() < names.len() {
                "the file ends in the middle of it: did the step that writes it finish?".to_owned()
            } else {
                width_hint(&names, csv.delimiter)
            };
            return Err(records.problem(line, &what).hint(hint));
        }
        for ((at, seen), field) in seen.iter_mut().enumerate().zip(record.fields()) {
            padded[at] |= kind::is_padded(field.bytes);
            if !seen.holds(field.bytes) {
                let before = *seen;
                *seen = before.join(look(field, &csv.null_values));
                let is_spelling = is_spelling(field.bytes);
                if *seen == Seen::Text && (before.name().is_some() || is_spelling) {
                    // A usual spelling of a missing value is nobody's secret.
                    let is_shown = csv.shows_cells || is_spelling;
                    let cell = is_shown.then(|| String::from_utf8_lossy(field.bytes).into_owned());
                    turned.push((at, WhyText { was: before.name(), line: record.line, cell }));
                }
            }
        }
        rows += 1;
    }
    let turned = turned.into_iter().map(|(at, how)| (names[at].clone(), how)).collect();
    let columns: Vec<(String, TextKind)> = names.into_iter().zip(seen.into_iter().map(Seen::kind)).collect();
    let is_padded = |((name, kind), padded): (&(String, TextKind), bool)| {
        (padded && *kind == TextKind::Integer).then(|| name.clone())
    };
    let padded = columns.iter().zip(padded).filter_map(is_padded).collect();
    Ok(Inspected { columns, rows, turned, padded })
}

/// What a field is by itself.
fn look(field: Field<'_>, null_values: &[String]) -> Seen {
    let is_null =
        field.bytes.is_empty() && !field.is_quoted || null_values.iter().any(|null| null.as_bytes() == field.bytes);
    if is_null { Seen::Null } else { Seen::of(field.bytes) }
}

/// The names of the columns: the first line that is not blank.
fn header(records: &mut Records, delimiter: u8) -> Result<Vec<String>, Problem> {
    let head = records.head()?;
    if head.starts_with(b"x^") {
        // Polars takes these two bytes for a zlib stream.
        return Err(records
            .problem(1, "starts with `x^`, as compressed data does")
            .hint("put the first name in quotes: `\"x^…\"`"));
    }
    if head.starts_with("\u{feff}".as_bytes()) {
        records.skip("\u{feff}".len());
    }
    let (line, names, is_quoted) = loop {
        match records.read()? {
            None => return Err(records.problem(1, "is missing: the file holds no names of columns")),
            Some(record) if record.is_blank() => {}
            Some(record) => {
                let is_quoted = record.fields().any(|field| field.is_quoted);
                break (record.line, record.fields().map(name).collect::<Vec<_>>(), is_quoted);
            }
        }
    };
    let mut places = HashMap::new();
    for (i, name) in names.iter().enumerate() {
        if let Some(first) = places.insert(name, i + 1) {
            let what = format!("names two columns {}: the {first}. and the {}.", code(name), i + 1);
            return Err(records.problem(line, &what).hint("name each column once"));
        }
    }
    if let ([name], false) = (&names[..], is_quoted)
        && let Some(other) =
            [b',', b';', b'\t', b'|'].into_iter().find(|&b| b != delimiter && name.as_bytes().contains(&b))
    {
        let what = format!("names one column only, {}", code(name));
        let hint = match other {
            b'\t' => "tabs seem to separate the columns: set `data.csv.delimiter: \"\\t\"`".to_owned(),
            other => {
                format!("`{0}` seems to separate the columns: set `data.csv.delimiter: \"{0}\"`", char::from(other))
            }
        };
        return Err(records
            .problem(line, &what)
            .hint(format!("{hint}; if it is part of the name, put that in quotes")));
    }
    Ok(names)
}

fn name(field: Field<'_>) -> String {
    let text = String::from_utf8_lossy(field.bytes);
    if field.is_quoted { text.replace("\"\"", "\"") } else { text.into_owned() }
}

fn wrong_width(record: &Record<'_>, wanted: usize) -> String {
    if record.is_blank() {
        return format!("is empty, the header has {wanted} fields");
    }
    let fields = if record.width() == 1 { "1 field".to_owned() } else { format!("{} fields", record.width()) };
    format!("has {fields}, the header has {wanted}")
}

fn width_hint(names: &[String], delimiter: u8) -> String {
    let delimiter = visible(&char::from(delimiter).to_string());
    match names {
        [_] => format!(
            "a field that contains `{delimiter}` stands in quotes; other delimiters are set by `data.csv.delimiter`"
        ),
        _ => format!("a field that contains `{delimiter}` stands in quotes, and a line without values is left out"),
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::Compression;
    use flate2::write::GzEncoder;
    use tempfile::NamedTempFile;

    use super::*;

    fn read(bytes: &[u8], csv: &Csv) -> Result<Inspected, Problem> {
        let mut file = NamedTempFile::new().unwrap();
        file.write_all(bytes).unwrap();
        inspect(file.path(), file.reopen().unwrap(), csv)
    }

    fn comma() -> Csv {
        Csv { delimiter: b',', ..Csv::default() }
    }

    /// The kinds of the columns and the number of rows.
    fn check(text: impl AsRef<[u8]>, kinds: &[TextKind], rows: u64) {
        let found = read(text.as_ref(), &comma()).unwrap();
        assert_eq!(found.columns.iter().map(|(_, kind)| *kind).collect::<Vec<_>>(), kinds);
        assert_eq!(found.rows, rows);
    }

    fn names(text: &str) -> Vec<String> {
        read(text.as_bytes(), &comma()).unwrap().columns.into_iter().map(|(name, _)| name).collect()
    }

    fn refused(text: impl AsRef<[u8]>, what: &str) {
        let problem = read(text.as_ref(), &comma()).unwrap_err();
        assert!(problem.message.contains(what), "{problem}");
    }

    use TextKind::{Boolean, Date, Datetime, DatetimeUtc, Float, Integer, Null, Text};

    #[test]
    fn each_column_has_its_kind() {
        check(
            "a,b,c,d,e,f,g,h\n1,.5,true,2026-11-24,2026-11-24 08:15,2026-11-24T08:15:00Z,x,\n",
            &[Integer, Float, Boolean, Date, Datetime, DatetimeUtc, Text, Null],
            1,
        );
        check("a,b\n\"1\",\"true\"\n", &[Integer, Boolean], 1);
    }

    #[test]
    fn the_type_comes_from_the_whole_file() {
        check(format!("a,b\n{}x,0.5\n", "1,2\n".repeat(1_000_000)), &[Text, Float], 1_000_001);
    }

    #[test]
    fn only_an_unquoted_empty_field_is_null() {
        check("a,b,c\n1,,\n,\"\",\"\"\n", &[Integer, Text, Text], 2);
        check("a,b\n1,\"\"\n2,3\n", &[Integer, Text], 2);
    }

    #[test]
    fn null_values_add_spellings() {
        let null_values = vec!["NA".into(), "-999".into(), String::new()];
        let csv = Csv { delimiter: b';', null_values, shows_cells: false };
        let found = read(b"a;b;c;d\n1;NA;\"NA\";-999\nNA;0.5;\"\";NA\n", &csv).unwrap();
        assert_eq!(found.columns.into_iter().map(|(_, kind)| kind).collect::<Vec<_>>(), [Integer, Float, Null, Null]);
        check("a\nNA\n1\n", &[Text], 2);
    }

    #[test]
    fn every_end_of_a_line_is_one() {
        for text in ["a,b\n1,2\n", "a,b\r\n1,2\r\n", "a,b\n1,2", "a,b\r\n1,2\r", "\u{feff}a,b\n1,2", "\n\r\na,b\n1,2\n"]
        {
            check(text, &[Integer, Integer], 1);
            assert_eq!(names(text), ["a", "b"]);
        }
        check("a,b\n1,", &[Integer, Null], 1);
        check("a,b\n,", &[Null, Null], 1);
        check("a,b\n\"x\r\ny\",\"\n\"\r\n", &[Text, Text], 1);
    }

    #[test]
    fn a_blank_line_is_a_null_in_a_single_column() {
        check("a\n1\n\n2\n", &[Integer], 3);
        check("a\n1\n\n", &[Integer], 2);
        refused("a,b\n1,2\n\n", "line 3 is empty, the header has 2 fields");
    }

    #[test]
    fn a_file_with_a_header_only_has_no_rows() {
        check("a,b\n", &[Null, Null], 0);
        check("a,b", &[Null, Null], 0);
    }

    #[test]
    fn quotes_carry_everything() {
        check("a,b\n\"x,\"\"y\"\"\nz\",1\n", &[Text, Integer], 1);
        check("a,b\nx \"y\" z,1\n", &[Text, Integer], 1);
        assert_eq!(names("\"a \"\"b\"\",\n\",\"\", c\n"), ["a \"b\",\n", "", " c"]);
    }

    #[test]
    fn gzip_is_told_by_its_bytes() {
        let mut zip = GzEncoder::new(Vec::new(), Compression::default());
        zip.write_all(b"a,b\n1,x\n").unwrap();
        let member = zip.finish().unwrap();
        check(&member, &[Integer, Text], 1);
        let mut more = GzEncoder::new(Vec::new(), Compression::default());
        more.write_all(b"2.5,y\n").unwrap();
        check([&member[..], &more.finish().unwrap()].concat(), &[Float, Text], 2);
        refused(&member[..member.len() - 12], "could not be read to its end");
    }

    #[test]
    fn ragged_lines_are_named() {
        refused("a,b,c,d\n1,2,3,4\n\"x\ny\",2,3,4\n1,2,3\n", "line 5 has 3 fields, the header has 4");
        refused("a,b\n1,2,3\n", "line 2 has 3 fields, the header has 2");
        refused("a,b\n1\n", "line 2 has 1 field, the header has 2");
    }

    #[test]
    fn text_in_another_encoding_is_named() {
        refused(b"a,b\n1,x\n2,M\xfcller\n", "line 3 is not UTF-8 at byte 4 (0xfc)");
        refused(b"a\nx\xc3", "line 2 is not UTF-8 at byte 2 (0xc3)");
        refused(b"\xff\xfea\0\n\0", "is UTF-16");
        refused(b"a\0\n\0", "line 1 has a NUL byte at byte 2");
        refused(b"a,b\n1,x\0y\n", "line 2 has a NUL byte at byte 4");
    }

    #[test]
    fn characters_may_straddle_blocks() {
        check(format!("a\nx{}\n", "ü".repeat(3_000_000)), &[Text], 1);
    }

    #[test]
    fn bad_quotes_are_named() {
        refused("a,b\n1,\"x\n2,y\n", "line 2 opens a quote that is never closed");
        refused("a,b\n1,\"x\"y\n", "line 2 has text after a closing quote");
        refused("a,b\n1,\"x\" \n", "line 2 has text after a closing quote");
        refused("a,b\n1,5\" pipe\n", "line 2 has a single quote mark inside of an unquoted field");
        refused("a,b\n1,5\"", "line 2 has a single quote mark");
    }

    #[test]
    fn a_record_has_a_longest_size() {
        let mut text = b"a\n\"".to_vec();
        text.resize(70 << 20, b'x');
        refused(text, "line 2 starts a record of more than 64 MB");
    }

    #[test]
    fn lone_carriage_returns_are_named() {
        refused("a,b\r1,2\r", "line 1 has a carriage return without a line feed");
        refused("a,b\n1\r,2\n", "line 2 has a carriage return without a line feed");
    }

    #[test]
    fn a_bad_header_is_named() {
        refused("", "line 1 is missing");
        refused("\n\r\n", "line 1 is missing");
        refused("a,b,a\n", "line 1 names two columns `a`: the 1. and the 3.");
        refused("\na,,\n", "line 2 names two columns `\"\"`");
        refused("a;b\n1;2\n", "line 1 names one column only, `a;b`");
        refused("x^2,y\n1,2\n", "line 1 starts with `x^`");
        check("\"a;b\"\nx\n", &[Text], 1);
    }

    #[test]
    fn a_delimiter_is_one_ascii_character() {
        for delimiter in [b'"', b'\n', 0xe9, 0] {
            let problem = read(b"a\n", &Csv { delimiter, ..Csv::default() }).unwrap_err();
            assert!(problem.message.contains("cannot be the delimiter"), "{problem}");
        }
    }
}
