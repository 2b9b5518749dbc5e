//! What predictions do where columns are changed: all changes of a run in one reading of the table.

use std::collections::BTreeMap;

use rand_core::Rng;
use rand_pcg::Pcg64;

use super::Lab;
use super::asker::take;
use crate::data::behavior::BehaviorResult;
use crate::data::change::Change;
use crate::data::probe::Probe;
use crate::data::table::Role;
use crate::engine::{self, Opened, Source};
use crate::runtime::answers::Predicted;
use crate::runtime::behavior::{Done, Rule};
use crate::runtime::{Batch, Cells};
use crate::support::problem::Problem;
use crate::support::words::code;

/// Of every shuffle, so that a run can be repeated.
const SEED: u128 = 0x6d6c_6761_7465;

/// One row of a batch.
pub fn only(batch: &Batch, row: usize) -> Batch {
    take(batch, &[row])
}

type Found<'p> = BTreeMap<&'p Probe, Result<BehaviorResult, Problem>>;

/// Answers every [`Probe::Changed`].
pub fn changed<'p>(lab: &mut Lab, probes: &[&'p Probe], sources: &BTreeMap<Role, Opened>) -> Found<'p> {
    if probes.is_empty() {
        return BTreeMap::new();
    }
    let all = |problem: &Problem| probes.iter().map(|probe| (*probe, Err(problem.clone()))).collect();
    let source = match lab.source(sources) {
        Ok(source) => source,
        Err(problem) => return all(&problem),
    };
    let (sees, features) = match &lab.asker {
        Ok(asker) => (asker.features(), asker.features()),
        Err(problem) => return all(problem),
    };
    let mut tests: Vec<Test> = Vec::new();
    let mut found = Found::new();
    for probe in probes {
        match Test::new(probe, &sees, source, lab.memory) {
            Ok(test) => tests.push(test),
            Err(problem) => {
                found.insert(probe, Err(problem));
            }
        }
    }
    let mut columns = features.clone();
    for column in tests.iter().flat_map(|test| test.columns) {
        if !columns.contains(column) {
            columns.push(column.clone());
        }
    }
    let (rows, progress) = (source.info().rows, lab.progress);
    progress.expect(rows * tests.len() as u64);
    let Ok(asker) = &mut lab.asker else { return found };
    let positive = asker.positive().map(ToOwned::to_owned);
    let kept = lab.known.as_ref();
    let ended = engine::batches(source, &columns, asker.rows(), |slice| {
        let batch = slice.batch(&columns)?;
        let before = match kept {
            Some(kept) => kept.part(batch.first as usize, batch.rows),
            None => asker.predict(&narrow(&batch, &features))?,
        };
        for test in tests.iter_mut().filter(|test| test.problem.is_none()) {
            let mut predict = |changed: &Batch| asker.predict(&narrow(changed, &features));
            if let Err(problem) = test.add(&batch, &before, positive.as_deref(), &mut predict) {
                test.problem = Some(problem);
            }
            progress.add(batch.rows as u64);
        }
        Ok(())
    });
    for test in tests {
        let result = match (&ended, test.problem) {
            (_, Some(problem)) => Err(problem),
            (Err(problem), None) => Err(problem.clone()),
            (Ok(()), None) => Ok(test.moves),
        };
        found.insert(test.probe, result);
    }
    found
}

/// One behaviour test on its way through the table.
struct Test<'p> {
    probe: &'p Probe,
    columns: &'p [String],
    change: &'p Change,
    tolerance: f64,
    expect: Option<crate::data::probe::Expect>,
    /// The columns' values in another order, where they are shuffled.
    pool: Option<Batch>,
    moves: BehaviorResult,
    problem: Option<Problem>,
}

impl<'p> Test<'p> {
    fn new(probe: &'p Probe, sees: &[String], source: &Source, memory: usize) -> Result<Self, Problem> {
        let Probe::Changed { columns, change, tolerance, expect } = probe else {
            return Err(Problem::new("it is no change: this is a bug in mlgate"));
        };
        let is_seen = *change == Change::None || columns.iter().any(|column| sees.contains(column));
        let pool = if *change == Change::Shuffle && is_seen { Some(shuffled(source, columns, memory)?) } else { None };
        let moves = BehaviorResult::new(is_seen);
        Ok(Self { probe, columns, change, tolerance: tolerance.0, expect: *expect, pool, moves, problem: None })
    }

    fn add(
        &mut self,
        batch: &Batch,
        before: &Predicted,
        positive: Option<&str>,
        predict: &mut dyn FnMut(&Batch) -> Result<Predicted, Problem>,
    ) -> Result<(), Problem> {
        if !self.moves.is_seen {
            self.moves.add_unseen(batch.rows as u64);
            return Ok(());
        }
        let versions = self.versions(batch)?;
        let after: Vec<Predicted> = if *self.change == Change::None {
            // In another order and in two parts, so that rows that depend on each other move too.
            let order: Vec<usize> = (0..batch.rows).rev().collect();
            let (first, second) = order.split_at(batch.rows.div_ceil(2));
            let mut again = predict(&take(batch, first))?;
            if !second.is_empty() {
                again.append(predict(&take(batch, second))?);
            }
            vec![again.reversed()]
        } else {
            versions.iter().map(&mut *predict).collect::<Result<_, _>>()?
        };
        // A share of rows may break a rule; none may be without an answer.
        if let Some(row) = std::iter::once(before).chain(&after).find_map(Predicted::first_lost) {
            let said = format!("the prediction of row {} is NaN", batch.first + row as u64 + 1);
            return Err(Problem::new(said).hint("what is no number neither moves nor stays"));
        }
        let rule = match self.expect {
            None => Rule::Stay,
            Some(expect) => Rule::Direction { expect, positive },
        };
        let is_twice = *self.change == Change::None;
        let pairs = |version: &Batch| -> Vec<(usize, usize)> {
            let at = |batch: &Batch, name: &String| batch.columns.iter().position(|(own, _)| own == name);
            self.columns.iter().filter_map(|name| Some((at(batch, name)?, at(version, name)?))).collect()
        };
        let pairs: Vec<Vec<(usize, usize)>> = versions.iter().map(pairs).collect();
        let differs = |row: usize, at: usize, (mine, theirs): (usize, usize)| {
            !batch.columns[mine].1.same(row, &versions[at].columns[theirs].1, row)
        };
        let is_changed = |row: usize, at: usize| is_twice || pairs[at].iter().any(|pair| differs(row, at, *pair));
        let said = |row: usize, at: usize| {
            let what: Vec<String> = pairs[at]
                .iter()
                .filter(|pair| differs(row, at, **pair))
                .map(|(mine, theirs)| {
                    let (name, cells) = &batch.columns[*mine];
                    format!("{name} {} → {}", cells.shown(row), versions[at].columns[*theirs].1.shown(row))
                })
                .collect();
            let (then, now) = (before.shown(row, positive), after[at].shown(row, positive));
            let what = if is_twice { "asked twice".to_owned() } else { what.join(", ") };
            format!("{what}: {then} → {now}")
        };
        let done = Done { is_changed: &is_changed, said: &said };
        self.moves.add(before, &after, rule, self.tolerance, batch.first, &done)
    }

    /// The batch once for each version of the columns.
    fn versions(&self, batch: &Batch) -> Result<Vec<Batch>, Problem> {
        let mut all = Vec::new();
        for name in self.columns {
            let cells = batch.column(name).ok_or_else(|| Problem::new(format!("`{name}` is not there")))?;
            let pool = self.pool.as_ref().and_then(|pool| pool.column(name));
            let pool = pool.map(|pool| pool.part(batch.first as usize, batch.rows));
            for (at, changed) in self.change.apply(name, cells, pool.as_ref())?.into_iter().enumerate() {
                if all.len() <= at {
                    all.push(batch.clone());
                }
                if let Some(own) = all[at].columns.iter_mut().find(|(own, _)| own == name) {
                    own.1 = changed;
                }
            }
        }
        if all.is_empty() {
            all.push(batch.clone());
        }
        Ok(all)
    }
}

/// Only the columns that the model is given.
fn narrow(batch: &Batch, features: &[String]) -> Batch {
    let columns = batch.columns.iter().filter(|(name, _)| features.contains(name)).cloned().collect();
    Batch { columns, ..*batch }
}

/// The columns' values of all rows, in one seeded order.
fn shuffled(source: &Source, columns: &[String], memory: usize) -> Result<Batch, Problem> {
    let rows = source.info().rows as usize;
    // A text is a pointer, a length and its bytes.
    let needed = rows.saturating_mul(columns.len()).saturating_mul(48);
    if needed > memory {
        let said = format!("to shuffle takes about {} MB, and there are {} MB", needed / 1_000_000, memory / 1_000_000);
        return Err(Problem::new(said).hint("give it more by `max-memory`, or try `change: { values: […] }`"));
    }
    let mut all: Option<Batch> = None;
    engine::batches(source, columns, 65_536, |slice| {
        let batch = slice.batch(columns)?;
        match &mut all {
            None => all = Some(batch),
            Some(all) => {
                all.rows += batch.rows;
                for ((name, mine), (_, theirs)) in all.columns.iter_mut().zip(batch.columns) {
                    extend(mine, theirs).ok_or_else(|| Problem::new(format!("{} changes its type", code(name))))?;
                }
            }
        }
        Ok(())
    })?;
    let all = all.unwrap_or_default();
    let mut order: Vec<usize> = (0..all.rows).collect();
    let mut random = Pcg64::new(SEED, 0);
    for last in (1..order.len()).rev() {
        let other = (random.next_u64() % (last as u64 + 1)) as usize;
        order.swap(last, other);
    }
    Ok(Batch { first: 0, ..take(&all, &order) })
}

fn extend(mine: &mut Cells, theirs: Cells) -> Option<()> {
    match (mine, theirs) {
        (Cells::Float(mine), Cells::Float(theirs)) => mine.extend(theirs),
        (Cells::Integer(mine), Cells::Integer(theirs)) => mine.extend(theirs),
        (Cells::Text(mine), Cells::Text(theirs)) => mine.extend(theirs),
        (Cells::Boolean(mine), Cells::Boolean(theirs)) => mine.extend(theirs),
        (Cells::Other(_), Cells::Other(_)) => {}
        _ => return None,
    }
    Some(())
}
