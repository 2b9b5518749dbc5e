//! Text of a config file → its value, and where every part of it stands.
//!
//! Two passes over the same text: the parser's events give each path its line and column and find
//! keys written twice; `serde_yaml` gives the value. JSON goes the same way, being nearly YAML.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap, HashSet};

use saphyr_parser::{Event, Parser, ScalarStyle, Span};
use serde::Deserialize as _;
use serde_yaml::Value;

use crate::support::limit::written_number;
use crate::support::problem::{Place, Problem};
use crate::support::words::code;

/// A config larger than this is not one.
pub const LARGEST: usize = 1_000_000;

/// No config nests deeper; libyaml takes quadratic time where text does.
const DEEPEST: usize = 64;

/// A config file as read: one value, and the place of every path in it.
#[derive(Debug, Clone)]
pub struct Document {
    pub file: String,
    pub value: Value,
    places: HashMap<String, (u64, u64)>,
    /// Numbers that a 64-bit float does not hold, by their paths.
    exact: BTreeMap<String, Value>,
}

impl Document {
    /// Reads YAML, or JSON where the name ends so.
    ///
    /// # Errors
    /// Every problem that the syntax has: the parser's first complaint, or all keys written twice.
    pub fn parse(file: &str, text: &str) -> Result<Self, Vec<Problem>> {
        if text.len() > LARGEST {
            return Err(vec![
                Problem::new(format!("{} is {} bytes long: a config may have {LARGEST}", code(file), text.len()))
                    .hint("is this really a config file, and not data?"),
            ]);
        }
        let json = std::path::Path::new(file).extension().is_some_and(|e| e.eq_ignore_ascii_case("json"));
        let mut events = Events::default();
        // JSON has tabs where YAML has none; inside of a text it has them escaped.
        let spaced = if json { Cow::Owned(text.replace('\t', " ")) } else { Cow::Borrowed(text) };
        let syntax = events.read(&spaced);
        let at = |(line, column): (u64, u64)| Place { file: file.to_owned(), line, column: Some(column) };
        // JSON has a parser of its own.
        if let (false, Err((message, place))) = (json, &syntax) {
            return Err(vec![Problem::new(message.clone()).at(Some(at(*place)))]);
        }
        if !events.twice.is_empty() {
            return Err(events
                .twice
                .into_iter()
                .map(|(path, key, place)| {
                    Problem::new(format!("{}key {} is written twice", prefix(&path), code(&key))).at(Some(at(place)))
                })
                .collect());
        }
        if events.documents > 1 {
            return Err(vec![
                Problem::new("more than one YAML document")
                    .hint("give several files instead: later ones win")
                    .at(Some(at(events.second))),
            ]);
        }
        let value = if json { from_json(file, text) } else { from_yaml(file, text) };
        let value = value.map_err(|problem| vec![problem])?;
        Ok(Self { file: file.to_owned(), value, places: events.places, exact: events.exact })
    }

    /// Returns the value that stands at `path`, its numbers with all digits that were written.
    pub fn with_exact_numbers(&self, path: &str, value: Value) -> Value {
        if self.exact.is_empty() {
            return value;
        }
        match value {
            Value::Number(number) => self.exact.get(path).cloned().unwrap_or(Value::Number(number)),
            Value::Sequence(list) => {
                let items = list.into_iter().enumerate();
                items.map(|(at, item)| self.with_exact_numbers(&format!("{path}[{at}]"), item)).collect()
            }
            Value::Mapping(map) => {
                let exact = |(key, value): (Value, Value)| {
                    let value = match key.as_str() {
                        Some(name) => self.with_exact_numbers(&join(path, name), value),
                        None => value,
                    };
                    (key, value)
                };
                Value::Mapping(map.into_iter().map(exact).collect())
            }
            other => other,
        }
    }

    /// Where `path` stands, or the nearest of its ancestors (a merged or generated part has no place).
    pub fn place(&self, path: &str) -> Place {
        let mut path = path;
        loop {
            if let Some(&(line, column)) = self.places.get(path) {
                return Place { file: self.file.clone(), line, column: Some(column) };
            }
            let Some(cut) = path.rfind(['.', '[']) else {
                return Place { file: self.file.clone(), line: 1, column: Some(1) };
            };
            path = &path[..cut];
        }
    }
}

/// `data.checks[3].range: `, or nothing at the top.
pub fn prefix(path: &str) -> String {
    if path.is_empty() { String::new() } else { format!("{path}: ") }
}

pub fn join(path: &str, key: &str) -> String {
    if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") }
}

fn from_yaml(file: &str, text: &str) -> Result<Value, Problem> {
    serde_yaml::from_str(text).map_err(|error| {
        let place = error.location().map(|location| Place {
            file: file.to_owned(),
            line: location.line() as u64,
            column: Some(location.column() as u64),
        });
        let mut message = error.to_string();
        if let Some(cut) = message.find(" at line ") {
            message.truncate(cut);
        }
        Problem::new(format!("not valid YAML: {message}")).at(place)
    })
}

fn from_json(file: &str, text: &str) -> Result<Value, Problem> {
    let mut reader = serde_json::Deserializer::from_str(text.trim_start_matches('\u{feff}'));
    Value::deserialize(&mut reader).and_then(|value| reader.end().map(|()| value)).map_err(|error| {
        let place = Place { file: file.to_owned(), line: error.line() as u64, column: Some(error.column() as u64) };
        let mut message = error.to_string();
        if let Some(cut) = message.find(" at line ") {
            message.truncate(cut);
        }
        Problem::new(format!("not valid JSON: {message}")).at(Some(place))
    })
}

/// Numbers that a float does not hold, in one file: aliases could make any number of them.
const MOST_EXACT: usize = 10_000;

/// What the parser's events say of paths.
#[derive(Default)]
struct Events {
    places: HashMap<String, (u64, u64)>,
    exact: BTreeMap<String, Value>,
    /// Where what an anchor names stands; 0 is none.
    anchors: HashMap<usize, String>,
    twice: Vec<(String, String, (u64, u64))>,
    documents: usize,
    second: (u64, u64),
}

/// A collection that is open while its events pass by.
enum Open {
    List { path: String, next: usize },
    Map { path: String, key: Option<String>, seen: HashSet<String> },
}

impl Events {
    /// # Errors
    /// The parser's message and place; what it saw before stays.
    fn read(&mut self, text: &str) -> Result<(), (String, (u64, u64))> {
        let mut open: Vec<Open> = Vec::new();
        for event in Parser::new_from_str(text.trim_start_matches('\u{feff}')) {
            let (event, span) = event.map_err(|error| {
                let marker = error.marker();
                (format!("not valid YAML: {}", error.info()), (marker.line() as u64, marker.col() as u64 + 1))
            })?;
            let place = start(span);
            match event {
                Event::DocumentStart(_) => {
                    self.documents += 1;
                    if self.documents == 2 {
                        self.second = place;
                    }
                }
                Event::Scalar(text, style, anchor, tag) => {
                    let is_plain = style == ScalarStyle::Plain && tag.is_none();
                    if let Some(path) = self.scalar(&mut open, text, is_plain, place) {
                        self.anchors.insert(anchor, path);
                    }
                }
                Event::Alias(anchor) => {
                    let path = self.node(&mut open, place);
                    self.copy_exact(anchor, &path);
                    if self.exact.len() > MOST_EXACT {
                        return Err((format!("more than {MOST_EXACT} numbers of more than 15 digits"), place));
                    }
                }
                Event::SequenceStart(..) | Event::MappingStart(..) if open.len() == DEEPEST => {
                    return Err((format!("nested deeper than {DEEPEST} levels"), place));
                }
                Event::SequenceStart(anchor, _) => {
                    let path = self.node(&mut open, place);
                    self.anchors.insert(anchor, path.clone());
                    open.push(Open::List { path, next: 0 });
                }
                Event::MappingStart(anchor, _) => {
                    let path = self.node(&mut open, place);
                    self.anchors.insert(anchor, path.clone());
                    open.push(Open::Map { path, key: None, seen: HashSet::new() });
                }
                Event::SequenceEnd | Event::MappingEnd => {
                    open.pop();
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// The path of a scalar that is a value.
    fn scalar(&mut self, open: &mut [Open], text: Cow<'_, str>, is_plain: bool, place: (u64, u64)) -> Option<String> {
        if let Some(Open::Map { path, key: key @ None, seen }) = open.last_mut() {
            if !seen.insert(text.to_string()) {
                self.twice.push((path.clone(), text.to_string(), place));
            }
            // The key's place is what a person looks for; a value on the next line is not.
            self.places.insert(join(path, &text), place);
            *key = Some(text.into_owned());
            return None;
        }
        let path = self.node(open, place);
        if is_plain && let Some(number @ Value::Tagged(_)) = written_number(&text) {
            self.exact.insert(path.clone(), number);
        }
        Some(path)
    }

    /// An alias holds the numbers of what it stands for.
    fn copy_exact(&mut self, anchor: usize, path: &str) {
        let Some(from) = self.anchors.get(&anchor).filter(|_| anchor > 0) else { return };
        let itself = self.exact.get(from).map(|number| (path.to_owned(), number.clone()));
        let mut copies: Vec<(String, Value)> = itself.into_iter().collect();
        for inside in [".", "["] {
            let start = format!("{from}{inside}");
            let there = self.exact.range(start.clone()..).take_while(|(known, _)| known.starts_with(&start));
            let copied = there.map(|(known, number)| (format!("{path}{}", &known[from.len()..]), number.clone()));
            copies.extend(copied.take(MOST_EXACT + 1));
        }
        self.exact.extend(copies);
    }

    /// Gives the node that starts here its path and place.
    fn node(&mut self, open: &mut [Open], place: (u64, u64)) -> String {
        match open.last_mut() {
            None => String::new(),
            Some(Open::List { path, next }) => {
                let path = format!("{path}[{next}]");
                *next += 1;
                self.places.insert(path.clone(), place);
                path
            }
            Some(Open::Map { path, key, .. }) => match key.take() {
                Some(key) => join(path, &key),
                None => {
                    // A collection as a key: serde_yaml will refuse it where it matters.
                    *key = Some("?".to_owned());
                    join(path, "?")
                }
            },
        }
    }
}

fn start(span: Span) -> (u64, u64) {
    (span.start.line() as u64, span.start.col() as u64 + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problems(text: &str) -> String {
        Document::parse("mlgate.yml", text).unwrap_err().iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
    }

    #[test]
    fn every_part_has_its_line_and_column() {
        let text = "# a comment\ndata:\n  checks:\n    - range: { column: age, min: 18 }\n      severity: warn\n";
        let document = Document::parse("mlgate.yml", text).unwrap();
        let place = |path: &str| document.place(path).to_string();
        assert_eq!(place("data.checks[0]"), "mlgate.yml line 4 column 7");
        assert_eq!(place("data.checks[0].range.min"), "mlgate.yml line 4 column 29");
        assert_eq!(place("data.checks[0].severity"), "mlgate.yml line 5 column 7");
        assert_eq!(place("data.checks[0].range.nothing"), "mlgate.yml line 4 column 7");
    }

    #[test]
    fn keys_written_twice_are_all_named() {
        let said = problems("a: 1\nb: { c: 1, c: 2 }\na: 2\n");
        assert!(said.contains("b: key `c` is written twice at mlgate.yml line 2 column 12"), "{said}");
        assert!(said.contains("key `a` is written twice at mlgate.yml line 3 column 1"), "{said}");
    }

    #[test]
    fn syntax_errors_have_a_place() {
        for (text, wanted) in [
            ("a: [1, 2", "line"),
            ("a:\n\t- 1\n", "line 2"),
            ("a: b: c\n", "line 1"),
            ("a: 1\n---\nb: 2\n", "line"),
            ("a: \"open\n", "line"),
        ] {
            let said = problems(text);
            assert!(said.contains(wanted), "{text:?}: {said}");
        }
    }

    #[test]
    fn an_alias_bomb_is_refused() {
        let mut text = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
        for i in 1..10 {
            let list = vec![format!("*a{}", i - 1); 10].join(", ");
            text.push_str(&format!("a{i}: &a{i} [{list}]\n"));
        }
        assert!(problems(&text).contains("limit"), "{}", problems(&text));
    }

    #[test]
    fn an_alias_bomb_of_long_numbers_is_refused() {
        let mut text = format!("a0: &a0 [{}]\n", ["0.1234567890123456789"; 10].join(", "));
        for i in 1..12 {
            let list = vec![format!("*a{}", i - 1); 10].join(", ");
            text.push_str(&format!("a{i}: &a{i} [{list}]\n"));
        }
        assert!(problems(&text).contains("more than 10000 numbers"), "{}", problems(&text));
    }

    #[test]
    fn deep_nesting_is_refused_at_once() {
        for text in ["[".repeat(500_000), "{a: ".repeat(100_000), "- ".repeat(100_000)] {
            let said = problems(&text);
            assert!(said.contains("line 1"), "{said}");
        }
        let lists = format!("a: {}1{}", "[".repeat(80), "]".repeat(80));
        assert!(problems(&lists).contains("nested deeper than 64 levels"));
    }

    #[test]
    fn ten_megabytes_are_refused_unread() {
        assert!(problems(&"x".repeat(10_000_000)).contains("10000000 bytes"));
    }

    #[test]
    fn numbers_keep_the_digits_that_were_written() {
        let number = |file: &str, text: &str, path: &str| {
            let document = Document::parse(file, text).unwrap();
            let value = document.with_exact_numbers("", document.value.clone());
            let value = path.split('.').fold(value, |value, key| match key.parse::<usize>() {
                Ok(at) => value[at].clone(),
                Err(_) => value[key].clone(),
            });
            crate::support::limit::number_of(&value).map(|number| number.to_string())
        };
        let long = Some("0.1000000000000000000001".to_owned());
        assert_eq!(number("m.yml", "a: { b: [1, 0.1000000000000000000001] }", "a.b.1"), long);
        assert_eq!(number("m.json", "{\n\t\"a\": 0.1000000000000000000001\n}", "a"), long);
        assert_eq!(number("m.yml", "a: '0.1000000000000000000001'", "a"), None);
        let aliases = "x: &m 0.1000000000000000000001\ny: &n { a: [*m] }\nz: *n\n";
        assert_eq!(number("m.yml", aliases, "z.a.0"), long);
        assert_eq!(number("m.yml", "a: 36893488147419103233.0", "a").as_deref(), Some("36893488147419103233"));
        assert_eq!(number("m.yml", "a: 0.1", "a").as_deref(), Some("0.1"));
    }

    #[test]
    fn json_keeps_its_places() {
        let document = Document::parse("gate.json", "{\n\t\"min_rows\": 5\n}").unwrap();
        assert_eq!(document.place("min_rows").line, 2);
        assert!(Document::parse("gate.json", "{\"a\": 1, \"a\": 2}").is_err());
        assert!(Document::parse("gate.json", "{\"a\": 1,}").is_err());
    }
}
