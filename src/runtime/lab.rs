//! A run's models at work: predictions of a whole table, and the answers to every probe, batch by batch.
#![expect(clippy::disallowed_methods, reason = "edge: files, processes, servers")]

mod asker;
mod compare;
mod keep;
mod record;
mod serve;
mod tables;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use asker::{Asker, known};
use keep::Keep;
use tables::{first_rows, meets, not_features, tables_for};

use super::answers::{Known, Predicted};
use super::endpoint::{Address, Endpoint};
use super::onnx::Artifact;
use crate::data::candidate::Runs;
use crate::data::probe::Probe;
use crate::data::statistic::{Key, Measured, Statistic, Value};
use crate::data::table::csv::Csv;
use crate::data::table::files::{self, Files};
use crate::data::table::{Kind, Role, TableInfo};
use crate::engine::{self, Made, Opened, Progress, Source, Written};
use crate::runtime::run_plan::RunPlan;
use crate::stats::predictions::Names;
use crate::support::problem::{Failure, Problem, nearest};
use crate::support::words::{self, code};
use crate::support::workspace::Workspace;

/// Rows whose single predictions are timed, and whose batch is weighed.
const WEIGHED: usize = 1_000;

/// The models of a run, as far as they could be had.
pub struct Lab<'a> {
    workspace: &'a Workspace,
    names: Names,
    target: Option<String>,
    csv: &'a dyn Fn(&Files) -> Csv,
    artifact: Option<Artifact>,
    /// What keeps the model's process to itself, in a few words each.
    pub sandbox: Vec<String>,
    /// The model that behaviour is asked of: the artifact, else the endpoint.
    asker: Result<Asker, Problem>,
    endpoint: Option<Result<Endpoint, Problem>>,
    /// What the plan says of the endpoint's answers.
    said: Known,
    /// The table whose rows it is asked about.
    role: Role,
    /// What was predicted of that table, where it was kept.
    known: Option<Predicted>,
    memory: usize,
    progress: &'a Progress,
    scratch: &'a Path,
}

/// Makes an endpoint's address for a table and its features.
pub type Addressing<'r> = dyn Fn(&TableInfo, Vec<String>) -> Result<Address, Problem> + 'r;

/// What a lab is opened with.
pub struct Room<'a, 'r> {
    pub workspace: &'a Workspace,
    pub plan: &'a RunPlan,
    pub names: &'r Names,
    pub target: Option<&'r str>,
    pub timestamp: Option<&'r str>,
    pub csv: &'a dyn Fn(&Files) -> Csv,
    pub tables: &'r BTreeMap<Role, Result<TableInfo, Problem>>,
    pub artifact: Option<Artifact>,
    /// Why it cannot be read, where that is known.
    pub unread: Option<Problem>,
    /// Where the endpoint is, made for the table that it is asked about.
    pub address: Option<&'r Addressing<'r>>,
    pub memory: usize,
    pub progress: &'a Progress,
    /// A folder for what the model predicts, which is not for every user of the machine.
    pub scratch: &'a Path,
}

impl<'a> Lab<'a> {
    /// Loads the model and finds the table whose rows it takes.
    ///
    /// # Errors
    /// Usage: a model that keeps values outside of the workspace.
    pub fn open(room: Room<'a, '_>) -> Result<Self, Failure> {
        let others = not_features(&room);
        let others: Vec<&str> = others.iter().map(String::as_str).collect();
        let answer = room.target.filter(|_| !room.plan.names_label).unwrap_or(&room.names.label);
        let answers = [answer, &room.names.prediction];
        let told = room.plan.features.as_ref().and_then(|named| {
            named.columns().into_iter().find(|column| answers.contains(&column.as_str())).map(|column| {
                let said = format!("`model.features` names {}, which is what the model is to predict", code(column));
                Problem::new(said).hint("no model is judged by an answer that it was told")
            })
        });
        let tables: Vec<(Role, &TableInfo)> = [Role::Predictions, Role::Test]
            .into_iter()
            .filter_map(|role| Some((role, room.tables.get(&role)?.as_ref().ok()?)))
            .collect();
        let (mut role, mut endpoint) = (Role::Test, None);
        let first = [Role::Predictions, Role::Test].into_iter().find_map(|role| room.tables.get(&role));
        let none = match first {
            Some(Err(problem)) => problem.clone(),
            _ => Problem::new("there are no rows to ask the model about").hint(Role::Test.hint()),
        };
        if let Some(address) = room.address {
            let opened = tables_for(&tables, room.plan, &others).map_or_else(
                || Err(none.clone()),
                |(found, table, features)| {
                    role = found;
                    address(table, features).and_then(Endpoint::open)
                },
            );
            endpoint = Some(opened);
        }
        let mut sandbox = Vec::new();
        let asker = match &room.artifact {
            _ if told.is_some() => Err(told.unwrap_or(none)),
            Some(_) if room.unread.is_some() => Err(room.unread.unwrap_or(none)),
            Some(artifact) => match artifact.load(0, room.workspace)? {
                Err(problem) => Err(problem),
                Ok(_) if tables.is_empty() => Err(none),
                Ok(onnx) => {
                    sandbox.clone_from(&onnx.sandbox);
                    let found = Asker::onnx(onnx, &tables, room.plan, (&others, &answers), room.names);
                    found.map(|(found, asker)| {
                        role = found;
                        asker
                    })
                }
            },
            None => match &endpoint {
                Some(Ok(endpoint)) => {
                    let features = tables_for(&tables, room.plan, &others).map(|(_, _, features)| features);
                    Ok(Asker::endpoint(endpoint.address.clone(), features.unwrap_or_default(), room.plan, room.names)?)
                }
                Some(Err(problem)) => Err(problem.clone()),
                None => Err(Problem::new("there is no model to run")),
            },
        };
        Ok(Self {
            workspace: room.workspace,
            names: room.names.clone(),
            target: room.target.filter(|_| !room.plan.names_label).map(ToOwned::to_owned),
            csv: room.csv,
            artifact: room.artifact,
            sandbox,
            asker,
            endpoint,
            said: known(room.plan, room.names),
            role,
            known: None,
            memory: room.memory,
            progress: room.progress,
            scratch: room.scratch,
        })
    }

    /// What checks may know of the model before it is asked anything.
    ///
    /// # Errors
    /// Why it does not run.
    pub fn runs(&self) -> Result<Runs, Problem> {
        let asker = self.asker.as_ref().map_err(Clone::clone)?;
        Ok(Runs { role: self.role, sees: asker.features(), is_endpoint: asker.is_endpoint() })
    }

    /// Writes a table of predictions: the test table's columns, and beside them what the model says.
    ///
    /// # Errors
    /// The model's, the table's, the disk's.
    pub fn predict(&mut self, source: &Source, shown: &str) -> Result<PathBuf, Problem> {
        let path = self.scratch.join("predictions.arrow");
        let file = std::fs::File::create_new(&path)
            .map_err(|error| Problem::new(format!("no file for the model's predictions: {error}")))?;
        let asker = self.asker.as_mut().map_err(|problem| problem.clone())?;
        let info = source.info();
        // Labels have one name in all tables of predictions; here they are the target's, unless the config says otherwise.
        let target = self.target.clone().filter(|target| info.column(target).is_some());
        if let (Some(wanted), None) = (&self.target, &target) {
            let names: Vec<&str> = info.columns.iter().map(|column| column.name.as_str()).collect();
            let problem = Problem::new(format!("the test table has no column {}, the target", code(wanted)));
            return Err(match nearest(wanted, names.iter().copied()) {
                Some(near) => problem.hint(format!("did you mean {}?", code(near))),
                None => problem.hint(format!("set `data.target`: it has {}", words::list(names))),
            });
        }
        let label = target.as_ref().unwrap_or(&self.names.label);
        if *label != self.names.label && asker.features().contains(&self.names.label) {
            // It would be written over by the target, and the model asked about that.
            let said = format!("the model takes {}, as the labels of predictions are called", code(&self.names.label));
            let hint = format!("call them by the target's name: `model.predictions: {{ label: {label} }}`");
            return Err(Problem::new(said).hint(hint));
        }
        let kind = info.column(label).map(|column| column.kind.clone());
        let copied = target.as_deref().zip(Some(self.names.label.as_str()));
        let positive = self.names.positive.clone();
        let mut made = Made::new(file, shown.to_owned());
        let columns: Vec<String> = info.readable().map(|column| column.name.clone()).collect();
        let features = asker.features();
        let (mut is_met, mut classes) = (false, Arc::default());
        let mut kept = Keep::new(info.rows, self.memory);
        self.progress.expect(info.rows);
        engine::batches(source, &columns, asker.rows(), |slice| {
            let predicted = asker.predict(&slice.batch(&features)?)?;
            let usual = super::answers::usual_positive(&predicted.classes).map(ToOwned::to_owned);
            let class = positive.clone().or(usual).or_else(|| predicted.classes.first().cloned());
            let score = self.names.score.as_deref().zip(class.as_deref()).or_else(|| {
                // The only score there is.
                (predicted.scores.len() == 1).then_some("score").zip(class.as_deref())
            });
            let is_boolean = kind == Some(Kind::Boolean);
            let is_fraction = matches!(kind, Some(Kind::Float | Kind::Number));
            let names = Written { label: copied, prediction: &self.names.prediction, score, is_boolean, is_fraction };
            made.write(slice, &predicted, &names)?;
            if !is_met && kind.is_some() {
                classes = Arc::clone(&predicted.classes);
                is_met = meets(&slice.batch(std::slice::from_ref(label))?, &classes);
            }
            self.progress.add(slice.rows() as u64);
            kept.add(predicted);
            Ok(())
        })?;
        if !is_met && kind.is_some() && info.rows > 0 {
            let said = format!(
                "no label in {} is a class of the model, which has {}",
                code(label),
                words::list(classes.iter().map(String::as_str))
            );
            return Err(Problem::new(said)
                .hint("spell the labels as the model was trained, or name its classes: `model.classes`"));
        }
        self.known = kept.all();
        self.role = Role::Predictions;
        if !made.finish()? {
            return Err(Problem::new(format!("the {} table is empty", Role::Test)));
        }
        Ok(path)
    }

    /// Answers every probe among the keys, and tells each answer as soon as it is there.
    pub fn measure(&mut self, keys: &BTreeSet<Key>, sources: &BTreeMap<Role, Opened>, tell: &mut dyn FnMut(&Measured)) {
        let probes: Vec<(&Key, &Probe)> = keys
            .iter()
            .filter_map(|key| match &key.statistic {
                Statistic::Probe(probe) => Some((key, probe)),
                _ => None,
            })
            .collect();
        let changed: Vec<&Probe> =
            probes.iter().map(|(_, probe)| *probe).filter(|probe| matches!(probe, Probe::Changed { .. })).collect();
        let mut moved = compare::changed(self, &changed, sources);
        for (key, probe) in probes {
            let value = match probe {
                Probe::Changed { .. } => moved
                    .remove(probe)
                    .unwrap_or_else(|| Err(Problem::new("it was not asked: this is a bug in mlgate")))
                    .map(Value::BehaviorResult),
                Probe::Recorded { tolerance } => {
                    record::recorded(self, tolerance.0, sources).map(Value::BehaviorResult)
                }
                Probe::Cases { path, tolerance } => record::cases(self, path, tolerance.0).map(Value::BehaviorResult),
                Probe::Latency { rows, warmup, threads } => {
                    let asked = [*rows as usize, *warmup as usize, *threads as usize];
                    self.latency(asked, sources).map(|times| Value::Sorted(Arc::new(times)))
                }
                Probe::Memory => self.weigh(sources).map(Value::Count),
                Probe::Served { rps, seconds } => self.serve(rps.0, seconds.0, sources).map(Value::Served),
            };
            tell(&Measured::from([(key.clone(), value)]));
        }
    }

    /// Milliseconds of single predictions, ascending.
    fn latency(
        &mut self,
        [rows, warmup, threads]: [usize; 3],
        sources: &BTreeMap<Role, Opened>,
    ) -> Result<Vec<f64>, Problem> {
        let mut times: Vec<f64> = if let Some(artifact) = &self.artifact {
            let asker = self.asker.as_ref().map_err(Clone::clone)?;
            let batch = first_rows(self.source(sources)?, &asker.features(), rows)?;
            if let Some(size) = asker.batch().filter(|size| *size != 1) {
                let said = format!("the model takes {size} rows at a time, so that single rows have no latency");
                return Err(Problem::new(said).hint("export it with a batch of any size"));
            }
            let tensors = asker.tensors(&batch)?;
            // A process of its own, with as many threads as are asked for.
            let mut onnx = artifact.load(threads, self.workspace).map_err(single)??;
            // What cannot be read, or is no prediction, has no latency.
            asker.ask(&mut onnx, &batch)?;
            onnx.time(tensors, rows, warmup)?.into_iter().map(|nanoseconds| nanoseconds as f64 / 1e6).collect()
        } else {
            let bodies = self.bodies(rows, sources)?;
            self.endpoint()?.time(&bodies, &self.reader(sources)?, rows, warmup)?
        };
        times.sort_by(f64::total_cmp);
        Ok(times)
    }

    /// Bytes by which a process grows that loads the model and predicts some rows.
    fn weigh(&mut self, sources: &BTreeMap<Role, Opened>) -> Result<u64, Problem> {
        let Some(artifact) = &self.artifact else {
            return Err(Problem::new("an endpoint's memory is its server's to tell")
                .hint("name the model's file: `model.artifact`"));
        };
        let asker = self.asker.as_ref().map_err(Clone::clone)?;
        let batch = first_rows(self.source(sources)?, &asker.features(), WEIGHED)?;
        let mut onnx = artifact.load(1, self.workspace).map_err(single)??;
        asker.ask(&mut onnx, &batch)?;
        match onnx.grown() {
            0 => Err(Problem::new("this system does not say how much memory a process takes")
                .hint("it is read from /proc/self/status, which Linux has")),
            bytes => Ok(bytes),
        }
    }

    fn source<'s>(&self, sources: &'s BTreeMap<Role, Opened>) -> Result<&'s Source, Problem> {
        let found = sources.get(&self.role).and_then(Opened::table);
        found.ok_or_else(|| Problem::new("there are no rows to ask the model about").hint(Role::Test.hint()))
    }

    /// Opens a table of its own: the cases.
    fn open_table(&self, path: &str) -> Result<Source, Problem> {
        let found = files::find(path, self.workspace).map_err(single)?;
        let csv = (self.csv)(&found);
        engine::open(found, csv)
    }
}

/// The problem of a path that only one entry names.
fn single(failure: Failure) -> Problem {
    let first = failure.problems.into_iter().next();
    first.unwrap_or_else(|| Problem::new("a path may not be read"))
}

/// How the report names predictions that were made here.
pub fn shown(artifact: Option<&str>, endpoint: Option<&str>, test: &str) -> String {
    let model = artifact.or(endpoint).unwrap_or_default();
    format!("{} of {}", code(model).trim_matches('`'), code(test).trim_matches('`'))
}
