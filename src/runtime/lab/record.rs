//! Predictions beside those that somebody wrote down: at evaluation, or as what must come out.

use std::collections::BTreeMap;
use std::collections::HashMap;
use std::sync::Arc;

use super::Lab;
use crate::data::behavior::BehaviorResult;
use crate::data::table::{Role, TableInfo};
use crate::engine::{self, Opened, Source};
use crate::runtime::answers::{Labels, Predicted, usual_positive};
use crate::runtime::behavior::{Done, Rule};
use crate::runtime::{Batch, Cells};
use crate::stats::predictions::Names;
use crate::support::problem::Problem;
use crate::support::words::{code, list};

/// Where a file of cases says what is expected, the first that it has.
const EXPECTED: &str = "expected";

/// Whether the model says again what was recorded of the same rows.
pub fn recorded(lab: &mut Lab, tolerance: f64, sources: &BTreeMap<Role, Opened>) -> Result<BehaviorResult, Problem> {
    let source = lab.source(sources)?;
    let book = sources
        .get(&Role::Predictions)
        .and_then(Opened::table)
        .ok_or_else(|| Problem::new("there are no recorded predictions").hint(Role::Predictions.hint()))?;
    let columns = Columns::of(book.info(), &lab.names)?;
    let record = Record::read(book, &columns, &lab.names, lab.memory)?;
    let is_same = lab.role == Role::Predictions;
    let shared = if is_same { Vec::new() } else { shared(source.info(), book.info(), &columns, &lab.names) };
    if !is_same && lab.names.key.is_none() {
        same_rows(source, book, &shared, lab.memory)?;
    }
    let key = lab.names.key.clone().filter(|_| !is_same);
    let asker = lab.asker.as_mut().map_err(|problem| problem.clone())?;
    let features = asker.features();
    let mut wanted = features.clone();
    wanted.extend(key.iter().filter(|key| !features.contains(key)).cloned());
    if let Some(key) = &key
        && source.info().column(key).is_none()
    {
        let said = format!("the {} table has no column {}, by which rows are found", lab.role, code(key));
        return Err(Problem::new(said).hint("write the key into both tables"));
    }
    let positive = asker.positive().map(ToOwned::to_owned);
    let mut moves = BehaviorResult::new(true);
    let mut met = vec![false; if key.is_some() { record.len() } else { 0 }];
    let mut classes = Classes::default();
    engine::batches(source, &wanted, asker.rows(), |slice| {
        let batch = slice.batch(&wanted)?;
        let inputs = Batch {
            columns: batch.columns.iter().filter(|(name, _)| features.contains(name)).cloned().collect(),
            ..batch
        };
        let predicted = asker.predict(&inputs)?;
        let rows = match &key {
            Some(key) => record.find(&batch, key, &mut met)?,
            None => (0..batch.rows).map(|row| batch.first as usize + row).collect(),
        };
        let before = record.rows(&rows);
        let after = like(&predicted, &before, &columns.scores, positive.as_deref())?;
        let said = |row: usize, _: usize| {
            format!(
                "recorded {}, the model says {}",
                before.shown(row, positive.as_deref()),
                after.shown(row, positive.as_deref())
            )
        };
        let done = Done { is_changed: &|_, _| true, said: &said };
        classes.add(&before, &after, tolerance, batch.first);
        moves.add(&before, std::slice::from_ref(&after), Rule::Stay, tolerance, batch.first, &done)
    })?;
    classes.judge(&mut moves);
    if !is_same && moves.rows != record.len() as u64 {
        let said =
            format!("{} predictions were recorded, and the {} table has {} rows", record.len(), lab.role, moves.rows);
        return Err(Problem::new(said).hint("give the rows that the predictions were made of"));
    }
    Ok(moves)
}

/// Whether the model says what a file of cases expects.
pub fn cases(lab: &mut Lab, path: &str, tolerance: f64) -> Result<BehaviorResult, Problem> {
    let table = lab.open_table(path)?;
    let info = table.info().clone();
    let names = lab.names.clone();
    let expected = [EXPECTED, &names.prediction, &names.label].into_iter().find(|name| info.column(name).is_some());
    let Some(expected) = expected.map(ToOwned::to_owned) else {
        let said = format!("{} does not say what is expected", code(path));
        return Err(Problem::new(said).hint("add a column `expected` to its features"));
    };
    let asker = lab.asker.as_mut().map_err(|problem| problem.clone())?;
    let features = asker.features();
    if let Some(missing) = features.iter().find(|name| info.column(name).is_none()) {
        let said = format!("{} has no column {}, which the model takes", code(path), code(missing));
        return Err(Problem::new(said).hint("a case has every feature, and what is expected of it"));
    }
    asker.fit(&info)?;
    let mut wanted = features.clone();
    wanted.push(expected.clone());
    let mut moves = BehaviorResult::new(true);
    engine::batches(&table, &wanted, asker.rows(), |slice| {
        let batch = slice.batch(&wanted)?;
        let cells = batch.column(&expected).ok_or_else(|| Problem::new("it was there before"))?;
        let before = Predicted { prediction: labels(cells, &expected)?, classes: Arc::default(), scores: Vec::new() };
        let inputs = Batch {
            columns: batch.columns.iter().filter(|(name, _)| features.contains(name)).cloned().collect(),
            ..batch
        };
        let full = asker.predict(&inputs)?;
        let after = Predicted { scores: Vec::new(), ..full.clone() };
        let said = |row: usize, _: usize| {
            format!("expected {}, the model says {}", before.prediction.name(row), full.prediction.name(row))
        };
        let done = Done { is_changed: &|_, _| true, said: &said };
        moves.add(&before, std::slice::from_ref(&after), Rule::Stay, tolerance, batch.first, &done)
    })?;
    if moves.rows == 0 { Err(Problem::new(format!("{} holds no case", code(path)))) } else { Ok(moves) }
}

/// Recorded classes beside the model's own, where scores were recorded too and are its own.
#[derive(Default)]
struct Classes {
    /// Rows, counted from 1.
    differ: Vec<u64>,
    /// The smallest and largest score of the last class, by recorded class.
    scores: BTreeMap<String, (f64, f64)>,
    /// The class that those scores are of.
    last: String,
}

impl Classes {
    fn add(&mut self, before: &Predicted, after: &Predicted, tolerance: f64, first: u64) {
        let (Some(level), Some(last)) = (before.scores.last(), before.classes.last()) else { return };
        self.last.clone_from(last);
        let bare = |predicted: &Predicted| Predicted { scores: Vec::new(), ..predicted.clone() };
        let (recorded, own) = (bare(before), bare(after));
        for (row, score) in level.iter().enumerate() {
            let name = before.prediction.name(row);
            if name == f64::NAN.to_string() || before.distance(row, after, row) > tolerance {
                continue;
            }
            let (low, high) = self.scores.entry(name).or_insert((*score, *score));
            (*low, *high) = (low.min(*score), high.max(*score));
            if recorded.distance(row, &own, row) != 0.0 {
                self.differ.push(first + row as u64 + 1);
            }
        }
    }

    /// Classes that differ are those of another threshold, or other predictions than were judged.
    fn judge(self, moves: &mut BehaviorResult) {
        // All that were called so score at least as much as any that was not.
        let called = self.scores.get(&self.last);
        let others: Vec<&(f64, f64)> =
            self.scores.iter().filter(|(name, _)| **name != self.last).map(|(_, range)| range).collect();
        let is_threshold = match (called, others.as_slice()) {
            (Some((lowest, _)), [(_, highest)]) => lowest >= highest,
            (Some(_), []) | (None, [_]) => true,
            _ => false,
        };
        if !self.differ.is_empty() && is_threshold {
            moves.has_other_threshold = true;
        } else {
            moves.break_rows(&self.differ, "another class was recorded than the model says");
        }
    }
}

/// The columns of a table of predictions that the model is held against.
struct Columns {
    prediction: String,
    /// Of which class; none where that is the positive one.
    scores: Vec<(Option<String>, String)>,
}

impl Columns {
    fn of(info: &TableInfo, names: &Names) -> Result<Self, Problem> {
        let has = |name: &str| info.column(name).is_some();
        let lone = names.score.clone().or_else(|| has("score").then(|| "score".to_owned()));
        let scores = match lone {
            Some(name) => vec![(None, name)],
            None => info
                .columns
                .iter()
                .filter_map(|column| Some((Some(column.name.strip_prefix("score_")?.to_owned()), column.name.clone())))
                .collect(),
        };
        let all = std::iter::once(&names.prediction).chain(scores.iter().map(|(_, name)| name));
        let missing: Vec<&String> = all.filter(|name| !has(name)).collect();
        // Scores alone say enough.
        if missing.iter().any(|name| **name != names.prediction) || !missing.is_empty() && scores.is_empty() {
            let said = format!("the predictions table has no column {}", list(missing.into_iter().map(String::as_str)));
            return Err(Problem::new(said).hint("say what it is called: `model.predictions: { prediction: … }`"));
        }
        Ok(Self { prediction: names.prediction.clone(), scores })
    }

    fn names(&self, info: &TableInfo) -> Vec<String> {
        let prediction = info.column(&self.prediction).map(|_| self.prediction.clone());
        prediction.into_iter().chain(self.scores.iter().map(|(_, name)| name.clone())).collect()
    }
}

/// Recorded predictions of all rows.
struct Record {
    all: Predicted,
    /// The row of each key.
    keys: HashMap<String, usize>,
}

impl Record {
    fn read(book: &Source, columns: &Columns, names: &Names, memory: usize) -> Result<Self, Problem> {
        let rows = book.info().rows as usize;
        let needed = rows.saturating_mul(16 + 8 * columns.scores.len() + 64 * usize::from(names.key.is_some()));
        if needed > memory {
            let said = format!(
                "the recorded predictions take about {} MB, and there are {} MB",
                needed / 1_000_000,
                memory / 1_000_000
            );
            return Err(Problem::new(said).hint("give it more by `max-memory`"));
        }
        let mut wanted = columns.names(book.info());
        wanted.extend(names.key.clone());
        let mut all: Option<Predicted> = None;
        let mut keys = HashMap::new();
        engine::batches(book, &wanted, 65_536, |slice| {
            let batch = slice.batch(&wanted)?;
            if let Some(key) = &names.key {
                for row in 0..batch.rows {
                    let name = key_of(&batch, key, row)?;
                    if let Some(earlier) = keys.insert(name.clone(), batch.first as usize + row) {
                        let said = format!(
                            "the key {} stands in rows {} and {}",
                            code(&name),
                            earlier + 1,
                            batch.first as usize + row + 1
                        );
                        return Err(Problem::new(said));
                    }
                }
            }
            let predicted = predicted(&batch, columns, names)?;
            match &mut all {
                Some(all) => all.append(predicted),
                None => all = Some(predicted),
            }
            Ok(())
        })?;
        let all = all.ok_or_else(|| Problem::new("the predictions table is empty"))?;
        Ok(Self { all, keys })
    }

    fn len(&self) -> usize {
        self.all.prediction.len()
    }

    /// The recorded row of each row of a batch.
    fn find(&self, batch: &Batch, key: &str, met: &mut [bool]) -> Result<Vec<usize>, Problem> {
        let find = |row: usize| {
            let name = key_of(batch, key, row)?;
            let about = format!("row {}, whose {} is {}", batch.first + row as u64 + 1, code(key), code(&name));
            let found = self.keys.get(&name).copied();
            let found = found.ok_or_else(|| Problem::new(format!("no prediction was recorded of {about}")))?;
            if std::mem::replace(&mut met[found], true) {
                return Err(Problem::new(format!("an earlier row has the key of {about}")));
            }
            Ok(found)
        };
        (0..batch.rows).map(find).collect()
    }

    fn rows(&self, rows: &[usize]) -> Predicted {
        let scores = self.all.scores.iter().map(|scores| rows.iter().map(|row| scores[*row]).collect()).collect();
        let prediction = match &self.all.prediction {
            Labels::Number(values) => Labels::Number(rows.iter().map(|row| values[*row]).collect()),
            Labels::Integer(values) => Labels::Integer(rows.iter().map(|row| values[*row]).collect()),
            Labels::Text(values) => Labels::Text(rows.iter().map(|row| values[*row].clone()).collect()),
            Labels::Boolean(values) => Labels::Boolean(rows.iter().map(|row| values[*row]).collect()),
        };
        Predicted { prediction, classes: Arc::clone(&self.all.classes), scores }
    }
}

fn key_of(batch: &Batch, key: &str, row: usize) -> Result<String, Problem> {
    let cells = batch.column(key).ok_or_else(|| Problem::new(format!("{} is not there", code(key))))?;
    if cells.is_missing(row) {
        let row = batch.first + row as u64 + 1;
        return Err(Problem::new(format!("the key {} in row {row} is missing", code(key))));
    }
    Ok(cells.shown(row))
}

fn predicted(batch: &Batch, columns: &Columns, names: &Names) -> Result<Predicted, Problem> {
    let mut scores = Vec::new();
    for (_, name) in &columns.scores {
        scores.push(numbers(batch.column(name), name)?);
    }
    let prediction = match batch.column(&columns.prediction) {
        Some(cells) => labels(cells, &columns.prediction)?,
        None => Labels::Number(vec![f64::NAN; batch.rows]),
    };
    let positive = || names.positive.clone().unwrap_or_else(|| "1".to_owned());
    let classes = columns.scores.iter().map(|(class, _)| class.clone().unwrap_or_else(positive)).collect();
    Ok(Predicted { prediction, classes: Arc::new(classes), scores })
}

fn numbers(cells: Option<&Cells>, name: &str) -> Result<Vec<f64>, Problem> {
    match cells {
        Some(Cells::Float(values)) => Ok(values.clone()),
        Some(Cells::Integer(values)) => {
            Ok(values.iter().map(|value| value.map_or(f64::NAN, |value| value as f64)).collect())
        }
        _ => Err(Problem::new(format!("{} holds no scores", code(name)))),
    }
}

fn labels(cells: &Cells, name: &str) -> Result<Labels, Problem> {
    fn all<T: Clone>(values: &[Option<T>], name: &str) -> Result<Vec<T>, Problem> {
        let row = |(row, value): (usize, &Option<T>)| {
            value.clone().ok_or_else(|| Problem::new(format!("{} in row {} is missing", code(name), row + 1)))
        };
        values.iter().enumerate().map(row).collect()
    }
    Ok(match cells {
        Cells::Float(values) => Labels::Number(values.clone()),
        Cells::Integer(values) => Labels::Integer(all(values, name)?),
        Cells::Text(values) => Labels::Text(all(values, name)?),
        Cells::Boolean(values) => Labels::Boolean(all(values, name)?),
        Cells::Other(kind) => return Err(Problem::new(format!("{} holds {kind}, which nothing predicts", code(name)))),
    })
}

/// What the model says, in the shape of what was recorded.
fn like(
    predicted: &Predicted,
    recorded: &Predicted,
    columns: &[(Option<String>, String)],
    positive: Option<&str>,
) -> Result<Predicted, Problem> {
    if recorded.scores.is_empty() {
        return Ok(Predicted { scores: Vec::new(), classes: Arc::default(), ..predicted.clone() });
    }
    let of = |(class, column): &(Option<String>, String)| {
        let Some(class) = class else {
            return predicted.level(positive.or_else(|| usual_positive(&predicted.classes)));
        };
        let at = predicted.classes.iter().position(|own| own == class).ok_or_else(|| {
            let known = list(predicted.classes.iter().map(String::as_str));
            Problem::new(format!("{} was recorded, and the model has scores of {known} alone", code(column)))
        })?;
        Ok(predicted.scores[at].clone())
    };
    let scores = columns.iter().map(of).collect::<Result<_, Problem>>()?;
    Ok(Predicted { prediction: predicted.prediction.clone(), classes: Arc::clone(&recorded.classes), scores })
}

/// Columns that both tables have, beside what was predicted: they tell whether rows are the same.
fn shared(test: &TableInfo, book: &TableInfo, columns: &Columns, names: &Names) -> Vec<String> {
    let predicted = columns.names(book);
    let own = |name: &&String| !predicted.contains(name) && **name != names.latency && test.column(name).is_some();
    book.readable().map(|column| &column.name).filter(own).cloned().collect()
}

/// Without a key, rows are taken one by one only where both tables have as many, and agree in every column they share.
fn same_rows(test: &Source, book: &Source, shared: &[String], memory: usize) -> Result<(), Problem> {
    let refuse = |why: String| {
        Problem::new(format!("nothing says which recorded prediction is of which row: {why}"))
            .hint("write a key into both tables: `model.predictions: { key: … }`")
    };
    if test.info().rows != book.info().rows {
        return Err(refuse(format!("there are {} and {} of them", book.info().rows, test.info().rows)));
    }
    if shared.is_empty() {
        return Err(refuse("the tables share no column".into()));
    }
    // A text is a pointer, a length and its bytes.
    if (book.info().rows as usize).saturating_mul(shared.len()).saturating_mul(32) > memory {
        return Err(refuse(format!("to compare {} columns takes over {} MB", shared.len(), memory / 1_000_000)));
    }
    let mut there = Vec::new();
    engine::batches(book, shared, 65_536, |slice| {
        there.push(slice.batch(shared)?);
        Ok(())
    })?;
    engine::batches(test, shared, 65_536, |slice| {
        let batch = slice.batch(shared)?;
        for row in 0..batch.rows {
            let at = batch.first + row as u64;
            let after = there.partition_point(|part: &Batch| part.first <= at);
            let Some(other) = there.get(after.wrapping_sub(1)) else {
                return Err(refuse("one of them ends early".into()));
            };
            let own = (at - other.first) as usize;
            for ((name, mine), (_, theirs)) in batch.columns.iter().zip(&other.columns) {
                if !mine.same(row, theirs, own) {
                    return Err(refuse(format!("{} differs in row {}", code(name), at + 1)));
                }
            }
        }
        Ok(())
    })
}
