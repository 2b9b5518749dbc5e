//! The model that is to go into production, and what it is compared with: plain data, from the edges.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use crate::data::recorded::Recorded;
use crate::data::table::Role;
use crate::stats::predictions::Names;
use crate::support::problem::Problem;

/// What the model gate knows beside its tables.
#[derive(Debug, Clone, Default)]
pub struct Candidate {
    pub names: Names,
    /// The metrics file, if one is named.
    pub recorded: Option<Result<Recorded, Problem>>,
    pub baseline: Baseline,
    /// Bytes of the model, if an artifact is named.
    pub size: Option<Result<u64, Problem>>,
    /// The model that is run, if one is named that can be.
    pub runs: Option<Result<Runs, Problem>>,
}

/// A model that runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Runs {
    /// The table whose rows it is asked about.
    pub role: Role,
    /// The columns that it is given.
    pub sees: Vec<String>,
    pub is_endpoint: bool,
}

/// What the candidate is compared with.
#[derive(Debug, Clone, Default)]
pub enum Baseline {
    /// The config names none.
    #[default]
    Unnamed,
    /// There is none yet, and the config says that this is the first model; what was not found.
    First(String),
    Broken(Problem),
    Found(Found),
}

/// A baseline's numbers; its predictions, where it has some, are the table of that role.
#[derive(Debug, Clone, Default)]
pub struct Found {
    /// As people are told: `credit-risk v7 (champion)`.
    pub title: String,
    /// The registry's version, or the commit.
    pub version: Option<String>,
    pub metrics: Option<Recorded>,
    pub has_predictions: bool,
    /// For the report.
    pub about: Map<String, Value>,
}

impl Baseline {
    /// What the report says of it.
    pub fn reported(&self) -> Option<Value> {
        match self {
            Self::Unnamed => None,
            Self::First(_) => Some(serde_json::json!({ "title": null, "version": null, "first": true })),
            Self::Broken(problem) => {
                Some(serde_json::json!({ "title": null, "version": null, "problem": problem.message }))
            }
            Self::Found(found) => {
                let mut all: BTreeMap<&str, Value> = BTreeMap::new();
                all.insert("title", found.title.clone().into());
                all.insert("version", found.version.clone().into());
                let mut map: Map<String, Value> = all.into_iter().map(|(k, v)| (k.to_owned(), v)).collect();
                map.extend(found.about.clone());
                Some(Value::Object(map))
            }
        }
    }
}
