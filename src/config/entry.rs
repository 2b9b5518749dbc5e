//! One check of a config as written: which, with what settings, and what stands beside it.

use schemars::JsonSchema;
use serde::Deserialize;
use serde_yaml::{Mapping, Value};

use super::document::{Document, join};
use super::{locate, name_of, read, unknown};
use crate::checks;
use crate::checks::check::{Gate, Registered};
use crate::data::table::Role;
use crate::report::verdict::{Severity, Waiver};
use crate::support::problem::{Place, Problem, nearest};
use crate::support::words::code;

/// One check as written.
#[derive(Debug, Clone)]
pub struct Entry {
    pub check: &'static Registered,
    pub settings: Mapping,
    pub severity: Severity,
    pub name: Option<String>,
    pub on: Role,
    pub waiver: Option<Waiver>,
    /// Whether its settings have problems that were listed already.
    pub broken: bool,
    /// Path inside the file, for messages.
    pub path: String,
    pub place: Option<Place>,
}

/// What stands beside the check in its entry.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Beside {
    /// What a failure does.
    pub severity: Option<Severity>,
    /// A name for the entry; an entry of a later file with the same name replaces it.
    pub name: Option<String>,
    /// The table that a data check looks at.
    #[serde(default)]
    pub on: Role,
    /// A failure that is accepted for a while.
    pub waiver: Option<Waiver>,
}

/// Settings that tell two entries of one check apart when files are merged.
const IDENTITY: [&str; 9] = ["column", "columns", "metric", "average", "method", "sql", "statistic", "by", "name"];

impl Entry {
    /// Reads one item of a gate's list of checks; problems are collected, not thrown.
    pub fn read(
        document: &Document,
        path: &str,
        gate: Gate,
        value: Value,
        problems: &mut Vec<Problem>,
    ) -> Option<Self> {
        let at = |path: &str| Some(document.place(path));
        let mut map = match value {
            Value::Mapping(map) => map,
            // `- duplicates` alone takes all defaults.
            Value::String(id) => [(Value::String(id), Value::Null)].into_iter().collect(),
            _ => {
                problems.push(Problem::new(format!("{path}: expected a check and its settings")).at(at(path)));
                return None;
            }
        };
        let ids: Vec<String> = map.keys().map(|key| name_of(key, key.as_str())).collect();
        let beside_keys = ["severity", "name", "on", "waiver"];
        let mut found: Vec<&String> = ids.iter().filter(|id| !beside_keys.contains(&id.as_str())).collect();
        let known = found.iter().position(|id| checks::find(id).is_some());
        let id = match known {
            Some(at) => found.remove(at).clone(),
            None if found.is_empty() => {
                problems.push(Problem::new(format!("{path}: names no check")).at(at(path)));
                return None;
            }
            None => {
                let id = found[0];
                let ids: Vec<&str> =
                    checks::ALL.iter().filter(|check| check.gate == gate).map(|check| check.id).collect();
                let mut problem = Problem::new(format!("{path}: unknown check {}", code(id))).at(at(&join(path, id)));
                problem = match nearest(id, ids.iter().copied()) {
                    Some(near) => problem.hint(format!("did you mean `{near}`?")),
                    None => problem.hint(format!("there are {}", ids.join(", "))),
                };
                problems.push(problem);
                return None;
            }
        };
        for extra in found {
            if checks::find(extra).is_some() {
                problems.push(
                    Problem::new(format!("{path}: an entry is one check, and {} is a second", code(extra)))
                        .hint("start it with `- ` on a line of its own")
                        .at(at(&join(path, extra))),
                );
            } else {
                let known: Vec<&str> = beside_keys.to_vec();
                problems.push(unknown(document, path, extra, &known));
            }
            map.remove(extra.as_str());
        }
        let check = checks::find(&id)?;
        if check.gate != gate {
            let section = check.gate.word();
            problems.push(
                Problem::new(format!("{path}: {} is a check of the {section}", code(&id)))
                    .hint(format!("write it under `{section}.checks`"))
                    .at(at(&join(path, &id))),
            );
            return None;
        }
        if gate == Gate::Model && map.contains_key("on") {
            problems.push(
                Problem::new(format!("{path}.on: a check of the model looks at its predictions, and nowhere else"))
                    .at(at(&join(path, "on"))),
            );
            map.remove("on");
        }
        let settings = map.remove(id.as_str()).unwrap_or(Value::Null);
        let beside = match read::<Beside>(Value::Mapping(map)) {
            Ok(beside) => beside,
            Err(wrong) => {
                locate(document, path, wrong, problems);
                Beside::default()
            }
        };
        let inner = join(path, &id);
        let read = (check.read)(settings.clone());
        let broken = read.is_err();
        if let Err(wrong) = read {
            locate(document, &inner, wrong, problems);
        }
        let settings = match settings {
            Value::Mapping(settings) => settings,
            _ => Mapping::new(),
        };
        let Beside { severity, name, on, waiver } = beside;
        let severity = severity.unwrap_or(check.severity);
        let on = if gate == Gate::Model { Role::Predictions } else { on };
        Some(Entry { check, settings, severity, name, on, waiver, broken, path: inner.clone(), place: at(&inner) })
    }

    /// A setting that tells entries apart, in one spelling: what is left out is its default.
    fn identity(&self, key: &str) -> Option<Value> {
        let usual = match (self.check.id, key) {
            ("improvement" | "beats_dummy", "metric") => Some("accuracy"),
            ("fairness", "metric") => Some("demographic_parity_ratio"),
            _ => None,
        };
        match self.settings.get(key) {
            Some(Value::Sequence(list)) if key == "by" && list.len() == 1 => list.first().cloned(),
            None | Some(Value::Null) => usual.map(Value::from),
            Some(value) => Some(value.clone()),
        }
    }

    /// Whether an entry of a later file takes this one's place.
    pub fn is_replaced_by(&self, later: &Self) -> bool {
        match (&self.name, &later.name) {
            (Some(name), Some(other)) => name == other,
            (None, None) => self.is_about_the_same(later),
            _ => false,
        }
    }

    /// Whether both are one check of the same thing, whatever their names and limits.
    pub fn is_about_the_same(&self, other: &Self) -> bool {
        self.check.id == other.check.id
            && self.on == other.on
            && IDENTITY.iter().all(|key| self.identity(key) == other.identity(key))
    }
}
