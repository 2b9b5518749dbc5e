//! Plan → keys → values → verdicts.

mod ids;

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use chrono::{DateTime, NaiveDate};

use crate::checks::check::{AnyCheck, Check, Gate, Judge, Named, Part, Tables, Unjudged};
use crate::checks::model::{improvement::Improvement, metric::Metric, model_size::ModelSize};
use crate::cli::FailOn;
use crate::config::Entry;
use crate::data::candidate::{Baseline, Candidate};
use crate::data::statistic::{Key, Measured, Value};
use crate::data::table::{Column, Kind, Role, TableInfo};
use crate::plan::{Plan, PlannedEntry};
use crate::report::RunResult;
use crate::report::verdict::{Basis, Finding, Limit, Outcome, Severity, Status, Unit, Verdict};
use crate::stats::drift;
use crate::stats::inference::adjust::benjamini_hochberg;
use crate::support::limit::range;
use crate::support::problem::Problem;
use crate::support::words::code;

/// Checks that have something to say of an empty table.
const JUDGE_EMPTY: [&str; 2] = ["row_count", "schema"];

/// An entry that was planned.
struct Asked {
    entry: Entry,
    check: Rc<dyn AnyCheck>,
    subject: Option<String>,
    aside: Aside,
    /// Its keys.
    own: Vec<Key>,
    /// What will be done with its numbers, or which table is empty.
    judge: Result<Result<Judge, Role>, Problem>,
    past: Vec<f64>,
}

/// What a verdict says of its entry, whatever was found.
struct Aside {
    /// The limits that no possible value can breach.
    records_only: Option<String>,
    /// Columns that the entry would judge, had they another type.
    unjudged: Vec<Column>,
}

/// Judges every entry in written order; `measure` is asked once, for everything, and again where columns that look like
/// an id are left out. It says which of it rests on footers.
pub fn judge(
    plan: Plan,
    tables: &BTreeMap<Role, Result<TableInfo, Problem>>,
    model: &Candidate,
    past: &dyn Fn(&str) -> Vec<f64>,
    mut measure: impl FnMut(&BTreeSet<Key>) -> (Measured, BTreeSet<Key>),
) -> Vec<(Gate, Verdict)> {
    let Plan { entries, target, timestamp, ids, now, show_values, .. } = plan;
    let named = Named { target: target.as_deref(), timestamp: timestamp.as_deref(), ids: &ids };
    let is_empty = |role: Role| matches!(tables.get(&role), Some(Ok(info)) if info.rows == 0);
    let mut keys = BTreeSet::new();
    let mut asked: Vec<Asked> = Vec::new();
    for PlannedEntry { entry, check } in entries {
        let check: Rc<dyn AnyCheck> = Rc::from(check);
        let subject = check.subject(named);
        let records_only = range::records_only(&check.limits());
        let past = past(&title(&entry, subject.as_deref()));
        let unjudged = Unjudged::default();
        let view = Tables { here: entry.on, named, now, all: tables, model, past: &past, unjudged: &unjudged };
        let mut own = Vec::new();
        // A check of the model may not look at the predictions at all: its keys say.
        let judge = if entry.check.gate == Gate::Data && is_empty(entry.on) && !JUDGE_EMPTY.contains(&entry.check.id) {
            Ok(Err(entry.on))
        } else {
            let reads = [Part::Predictions, Part::Numbers].iter().any(|part| entry.check.parts.contains(part));
            match Rc::clone(&check).plan(&view) {
                // Without a row a text file does not even say the types of its columns.
                Err(_) if entry.check.gate == Gate::Model && reads && is_empty(Role::Predictions) => {
                    Ok(Err(Role::Predictions))
                }
                Ok((wanted, judge)) => {
                    let empty = wanted.iter().flat_map(Key::tables).find(|role| is_empty(*role));
                    match empty {
                        Some(role)
                            if entry.check.gate == Gate::Model
                                || role != entry.on && !JUDGE_EMPTY.contains(&entry.check.id) =>
                        {
                            Ok(Err(role))
                        }
                        _ => {
                            keys.extend(wanted.iter().cloned());
                            keys.extend(ids::keys(check.as_ref(), &view));
                            own = wanted;
                            Ok(Ok(judge))
                        }
                    }
                }
                // Nor does it say how another table's columns are to be compared with it.
                Err(problem) => match [(Part::Test, Role::Test), (Part::Reference, Role::Reference)]
                    .into_iter()
                    .find(|(part, role)| entry.check.parts.contains(part) && is_empty(*role))
                {
                    Some((_, empty)) => Ok(Err(empty)),
                    None => Err(problem),
                },
            }
        };
        let aside = Aside { records_only, unjudged: unjudged.into_columns() };
        asked.push(Asked { entry, check, subject, aside, own, judge, past });
    }

    let (mut measured, from_footers) = measure(&keys);
    // What belongs to the whole run comes before any verdict.
    drift::adjust(measured.values_mut().filter_map(|value| match value {
        Ok(Value::Contrast(contrast)) => Some(contrast),
        _ => None,
    }));

    let mut again = BTreeSet::new();
    let without: Vec<Option<ids::Without>> = asked
        .iter()
        .map(|Asked { entry, check, judge, past, .. }| {
            judge.as_ref().ok()?.as_ref().ok()?;
            // What the entry cannot judge it said before.
            let unjudged = Unjudged::default();
            let view = Tables { here: entry.on, named, now, all: tables, model, past, unjudged: &unjudged };
            let without = ids::without(check, &view, &measured)?;
            again.extend(without.keys.iter().cloned());
            Some(without)
        })
        .collect();
    let measured_again = if again.is_empty() { Measured::new() } else { measure(&again).0 };

    let mut verdicts: Vec<_> = asked
        .into_iter()
        .zip(without)
        .map(|(Asked { entry, subject, aside, own, judge, .. }, without)| {
            let (finding, hint) = found(judge, without, [&measured, &measured_again]);
            let finding = finding.map(|found| found.map(|finding| aside.of(finding)));
            let gate = entry.check.gate;
            let mut verdict = verdict(entry, subject, finding, now, show_values);
            if verdict.status == Status::Warn {
                verdict.hint = verdict.hint.or(hint);
            }
            if !own.is_empty() && own.iter().all(|key| from_footers.contains(key)) {
                rests_on_footer(&mut verdict);
            }
            (gate, verdict)
        })
        .collect();
    verdicts.extend(unasked(&verdicts, tables, model));
    adjust(verdicts.iter_mut().map(|(_, verdict)| verdict));
    verdicts
}

/// Judges one entry, and again without its columns that look like an id; the hint belongs to a warning about those.
fn found(
    judge: Result<Result<Judge, Role>, Problem>,
    without: Option<ids::Without>,
    [measured, measured_again]: [&Measured; 2],
) -> (Result<Result<Finding, Role>, Problem>, Option<String>) {
    let judged = match judge {
        Ok(Ok(judge)) => judge(measured),
        Ok(Err(empty)) => return (Ok(Err(empty)), None),
        Err(problem) => return (Err(problem), None),
    };
    match (judged, without) {
        (Ok(finding), Some(without)) => match without.laid_over(finding, measured_again) {
            Ok((finding, hint)) => (Ok(Ok(finding)), hint),
            Err(problem) => (Err(problem), None),
        },
        (judged, _) => (judged.map(Ok), None),
    }
}

/// Says that no value was read.
fn rests_on_footer(verdict: &mut Verdict) {
    if !matches!(verdict.status, Status::Error | Status::Skipped) {
        verdict.basis = Some(Basis::Footer);
        verdict.message.push_str(" (from the footer)");
    }
}

/// What an entry is called in every report, where it says so before anything is measured.
fn title(entry: &Entry, subject: Option<&str>) -> String {
    let verdict = Verdict {
        check: entry.check.id.to_owned(),
        subject: subject.map(ToOwned::to_owned),
        columns: columns(entry, subject),
        name: entry.name.clone(),
        on: (entry.check.gate == Gate::Data && entry.on != Role::Training).then(|| entry.on.to_string()),
        ..empty_table(entry.on)
    };
    verdict.title()
}

/// The columns that an entry without a subject names.
fn columns(entry: &Entry, subject: Option<&str>) -> Vec<String> {
    let named = entry.settings.get("columns").and_then(|columns| columns.as_sequence());
    let names = named.into_iter().flatten().filter_map(|name| name.as_str().map(ToOwned::to_owned));
    names.filter(|_| subject.is_none()).collect()
}

/// What is wrong with tables, numbers, artifact and baseline that are configured: they count, also where
/// no entry looks at them, but once.
fn unasked(
    verdicts: &[(Gate, Verdict)],
    tables: &BTreeMap<Role, Result<TableInfo, Problem>>,
    model: &Candidate,
) -> Vec<(Gate, Verdict)> {
    let said: BTreeSet<&str> = verdicts.iter().map(|(_, verdict)| verdict.message.as_str()).collect();
    // Predictions that only the data gate looks at are the data gate's.
    let has_model = verdicts.iter().any(|(gate, _)| *gate == Gate::Model);
    let has_data = verdicts.iter().any(|(gate, _)| *gate == Gate::Data);
    let gate_of = |role: Role| match role {
        Role::Training | Role::Test | Role::Reference => Gate::Data,
        Role::Predictions if has_data && !has_model => Gate::Data,
        Role::Predictions | Role::Baseline => Gate::Model,
    };
    let tables = tables.iter().filter_map(|(role, table)| match table {
        Ok(info) if info.rows == 0 => Some((gate_of(*role), empty_table(*role))),
        Err(problem) if !said.contains(problem.message.as_str()) => {
            Some((gate_of(*role), unread_table(*role, problem)))
        }
        _ => None,
    });
    let recorded = model.recorded.as_ref().and_then(|recorded| recorded.as_ref().err());
    let size = model.size.as_ref().and_then(|size| size.as_ref().err());
    let baseline = if let Baseline::Broken(problem) = &model.baseline { Some(problem) } else { None };
    let beside = [(Metric::ID, recorded), (ModelSize::ID, size), (Improvement::ID, baseline)].into_iter();
    let beside = beside.filter_map(|(check, problem)| {
        let problem = problem.filter(|problem| !said.contains(problem.message.as_str()))?;
        let verdict = unread_table(Role::Predictions, problem);
        Some((Gate::Model, Verdict { check: check.to_owned(), on: None, ..verdict }))
    });
    tables.chain(beside).collect()
}

/// Sets beside every p-value of the run its adjusted one.
fn adjust<'a>(verdicts: impl Iterator<Item = &'a mut Verdict>) {
    let mut tested: Vec<(f64, &mut Verdict)> =
        verdicts.filter_map(|verdict| Some((verdict.values.get("p")?.as_f64()?, verdict))).collect();
    let adjusted = benjamini_hochberg(&tested.iter().map(|(p, _)| *p).collect::<Vec<_>>());
    for ((_, verdict), p) in tested.iter_mut().zip(adjusted) {
        verdict.values.insert("p_adjusted".to_owned(), p.into());
    }
}

impl Aside {
    /// Adds this to a finding. Over *all columns* nothing passes of which one could not be read.
    fn of(self, mut finding: Finding) -> Finding {
        let is_unread = self.unjudged.iter().any(|column| matches!(column.kind, Kind::Unreadable(_)));
        if let Some(clause) = self.records_only.filter(|_| finding.outcome != Outcome::Skipped) {
            finding.message = format!("{}; {clause}", finding.message);
        }
        if !self.unjudged.is_empty() {
            let named = |column: &Column| format!("{} ({})", code(&column.name), column.kind);
            let names: Vec<String> = self.unjudged.iter().map(named).collect();
            finding.message = format!("{}; not judged: {}", finding.message, names.join(", "));
            let names: Vec<&str> = self.unjudged.iter().map(|column| column.name.as_str()).collect();
            finding.values.entry("not_judged").or_insert_with(|| names.into());
        }
        // Where nothing was found to judge, it may be in a column that cannot be read.
        if is_unread && matches!(finding.outcome, Outcome::Pass | Outcome::Skipped) {
            finding.outcome = Outcome::Warn;
        }
        finding
    }
}

/// A finding as the report shows it: severity and waiver applied.
fn verdict(
    entry: Entry,
    subject: Option<String>,
    finding: Result<Result<Finding, Role>, Problem>,
    now: i64,
    show_values: bool,
) -> Verdict {
    let mut verdict = Verdict {
        check: entry.check.id.to_owned(),
        columns: columns(&entry, subject.as_deref()),
        subject,
        name: entry.name,
        on: (entry.check.gate == Gate::Data && entry.on != Role::Training).then(|| entry.on.to_string()),
        status: Status::Error,
        severity: entry.severity,
        observed: None,
        limit: None,
        unit: None,
        message: String::new(),
        hint: None,
        values: serde_json::Map::new(),
        examples: Vec::new(),
        // Every report lists it, also where it is not needed.
        waiver: entry.waiver,
        basis: None,
        at: entry.place,
    };
    let finding = match finding {
        Err(problem) => {
            verdict.message = problem.message;
            verdict.hint = problem.hint;
            return verdict;
        }
        Ok(Err(empty)) => {
            verdict.status = Status::Skipped;
            verdict.message = format!("the {empty} table is empty");
            return verdict;
        }
        Ok(Ok(finding)) => finding,
    };
    verdict.status = finding.outcome.status();
    let written: Vec<&str> = entry.settings.keys().filter_map(|key| key.as_str()).collect();
    if let Some(held) = finding.shown(&written) {
        verdict.observed = Some(held.observed);
        verdict.limit = Some(held.limit);
        verdict.unit = held.unit;
    }
    verdict.message = finding.message;
    verdict.hint = finding.hint.filter(|_| verdict.status != Status::Pass);
    verdict.values = finding.values;
    if show_values {
        verdict.examples = finding.examples;
    }
    if matches!(verdict.status, Status::Fail | Status::Inconclusive) {
        match &verdict.waiver {
            Some(waiver) if in_force(&waiver.until, now) => verdict.status = Status::Warn,
            Some(waiver) => verdict.hint = Some(format!("its waiver ended on {}", waiver.until)),
            None => {}
        }
        if entry.severity == Severity::Warn {
            verdict.status = Status::Warn;
        }
    }
    verdict
}

/// Whether the waiver's last day, in UTC, is not over.
fn in_force(until: &str, now: i64) -> bool {
    let today = DateTime::from_timestamp_micros(now).map(|time| time.date_naive());
    let until = NaiveDate::parse_from_str(until, "%Y-%m-%d").ok();
    matches!((today, until), (Some(today), Some(until)) if today <= until)
}

/// An empty table never passes, whatever is configured.
fn empty_table(role: Role) -> Verdict {
    Verdict {
        check: "row_count".to_owned(),
        subject: None,
        columns: Vec::new(),
        name: None,
        on: (role != Role::Training).then(|| role.to_string()),
        status: Status::Fail,
        severity: Severity::Fail,
        observed: Some(0.0),
        limit: Some(Limit::min(1.0)),
        unit: Some(Unit::Rows),
        message: format!("the {role} table is empty, at least 1 row needed"),
        hint: None,
        values: serde_json::Map::new(),
        examples: Vec::new(),
        waiver: None,
        basis: None,
        at: None,
    }
}

/// What was to be kept of the table and could not be: who asked for it would take an old one for new.
pub fn unkept(input: &str, problem: &Problem) -> Verdict {
    Verdict { check: input.to_owned(), on: None, ..unread_table(Role::Training, problem) }
}

/// Nor does a table that cannot be read.
fn unread_table(role: Role, problem: &Problem) -> Verdict {
    Verdict {
        status: Status::Error,
        observed: None,
        limit: None,
        unit: None,
        message: problem.message.clone(),
        hint: problem.hint.clone(),
        ..empty_table(role)
    }
}

/// What the verdicts together mean.
pub fn result<'a>(verdicts: impl IntoIterator<Item = &'a Verdict>, fail_on: FailOn) -> RunResult {
    let mut result = RunResult::Passed;
    for verdict in verdicts {
        match verdict.status {
            Status::Error => return RunResult::Error,
            status if status.blocks() => result = RunResult::Blocked,
            Status::Warn if fail_on == FailOn::Warn => result = RunResult::Blocked,
            _ => {}
        }
    }
    result
}
