//! Everything of `check` that takes time, on a thread of its own: opening, predicting, scanning.
//!
//! At the run's deadline the thread is left behind: what it has not answered by then was not judged. It writes nothing
//! but a folder for what is made on the way, which goes with the run; reports, outputs and requests about them are the main
//! thread's.

use std::collections::{BTreeMap, BTreeSet};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;

use tempfile::TempDir;

use super::deadline::Deadline;
use super::laboratory::{self, Door};
use super::{Context, candidate, tables};
use crate::cli::CheckArgs;
use crate::data::candidate::{Baseline, Candidate};
use crate::data::statistic::{Key, Measured};
use crate::data::table::{Role, TableInfo};
use crate::engine::{self, Footers, Progress};
use crate::plan::{CsvForm, ModelPlan, Plan};
use crate::report::{self, TableSummary};
use crate::support::problem::{Failure, Problem};
use crate::support::workspace::Workspace;

/// Bytes of the thread's stack: as the main thread's, and some more.
const STACK: usize = 16 << 20;

/// What the thread works on: values of its own, since it may outlive the run.
pub struct MeasurementJob {
    tables: BTreeMap<Role, String>,
    csv: CsvForm,
    model: ModelPlan,
    target: Option<String>,
    timestamp: Option<String>,
    memory: usize,
    args: CheckArgs,
    workspace: Workspace,
    context: Context,
    door: Option<Door>,
    footers: Footers,
}

/// What is known of tables and models once they are opened.
#[derive(Debug, Clone, Default)]
pub struct OpenedInputs {
    pub candidate: Candidate,
    pub model: report::Model,
    pub infos: BTreeMap<Role, Result<TableInfo, Problem>>,
    pub tables: BTreeMap<String, TableSummary>,
}

/// What the thread says.
enum Message {
    /// What is opened so far.
    Opened(Box<OpenedInputs>),
    /// Nothing more can be opened.
    Ready,
    /// Some answers; and all keys that rest on footers so far.
    Measured(Measured, BTreeSet<Key>),
    /// Everything that was asked is answered.
    Over,
    Failed(Failure),
}

/// The thread, as the main thread sees it.
pub struct MeasurementThread {
    messages: Receiver<Message>,
    asks: Sender<BTreeSet<Key>>,
    thread: Option<JoinHandle<()>>,
    deadline: Deadline,
    progress: Arc<Progress>,
    opened: OpenedInputs,
    /// Why no more answers come, once that is so.
    ended: Option<Problem>,
    _scratch: Option<TempDir>,
}

impl MeasurementJob {
    pub fn new(plan: &Plan, args: &CheckArgs, workspace: &Workspace, context: &Context, door: Option<Door>) -> Self {
        Self {
            tables: plan.tables.clone(),
            csv: plan.csv.clone(),
            model: plan.model.clone(),
            target: plan.target.clone(),
            timestamp: plan.timestamp.clone(),
            memory: plan.memory,
            args: args.clone(),
            workspace: workspace.clone(),
            context: context.clone(),
            door,
            footers: Footers::default(),
        }
    }

    /// Sets what becomes of Parquet footers.
    #[must_use]
    pub fn with_footers(mut self, footers: Footers) -> Self {
        self.footers = footers;
        self
    }

    /// What is known where nothing more could be opened, and why not.
    fn filled(&self, opened: &OpenedInputs, why: &Problem) -> OpenedInputs {
        let mut opened = opened.clone();
        for (role, path) in &self.tables {
            opened.infos.entry(*role).or_insert_with(|| Err(why.clone()));
            opened.tables.entry(role.word().to_owned()).or_insert_with(|| tables::unread(path));
        }
        let candidate = &mut opened.candidate;
        if self.model.baseline.is_some() && matches!(candidate.baseline, Baseline::Unnamed) {
            candidate.baseline = Baseline::Broken(why.clone());
        }
        if let Some(run) = &self.model.run
            && candidate.runs.is_none()
        {
            candidate.runs = Some(Err(why.clone()));
            if run.makes_predictions {
                opened.infos.entry(Role::Predictions).or_insert_with(|| Err(why.clone()));
            }
        }
        opened
    }

    /// What is known before anything is opened.
    fn unopened(&self, why: &Problem) -> OpenedInputs {
        let model = &self.model;
        let candidate = Candidate {
            names: model.names.clone(),
            recorded: model.metrics.as_ref().map(|_| Err(why.clone())),
            size: model.artifact.as_ref().map(|_| Err(why.clone())),
            ..Candidate::default()
        };
        let model = candidate::reported(model);
        self.filled(&OpenedInputs { candidate, model, ..OpenedInputs::default() }, why)
    }
}

impl MeasurementThread {
    /// Starts to open what the job names.
    ///
    /// # Errors
    /// There is no thread, or no folder for what is made on the way.
    pub fn start(job: MeasurementJob, deadline: Deadline, progress: &Arc<Progress>) -> Result<Self, Failure> {
        let scratch = if job.model.baseline.is_some() || job.model.run.is_some() { Some(scratch()?) } else { None };
        let late = deadline.problem();
        let opened = job.unopened(&late);
        let (say, messages) = channel();
        let (asks, asked) = channel();
        let (folder, seen) = (scratch.as_ref().map(|folder| folder.path().to_owned()), Arc::clone(progress));
        let work = move || {
            let folder = folder.unwrap_or_default();
            let worker = Worker { job: &job, late: &late, scratch: &folder, progress: &seen, say: &say };
            if let Err(failure) = worker.work(&asked) {
                let _ = say.send(Message::Failed(failure));
            }
        };
        let thread = std::thread::Builder::new().name("measuring".to_owned()).stack_size(STACK).spawn(work);
        let thread = thread.map_err(|error| {
            Failure::unmeasured(Problem::new(format!("no thread to measure on could be started: {error}")))
        })?;
        let (thread, progress) = (Some(thread), Arc::clone(progress));
        Ok(Self { messages, asks, thread, deadline, progress, opened, ended: None, _scratch: scratch })
    }

    /// Waits until everything is opened, or the time is over; what was not opened then is a problem.
    ///
    /// # Errors
    /// What ends the run: a path that may not be read.
    pub fn opened(&mut self) -> Result<OpenedInputs, Failure> {
        loop {
            match self.next() {
                Some(Message::Opened(opened)) => self.opened = *opened,
                Some(Message::Failed(failure)) => return Err(failure),
                Some(Message::Ready) | None => return Ok(self.opened.clone()),
                Some(Message::Measured(..) | Message::Over) => {}
            }
        }
    }

    /// Measures all keys, and says which come from footers; those that were not answered when the time was over are problems.
    pub fn measure(&mut self, keys: &BTreeSet<Key>) -> (Measured, BTreeSet<Key>) {
        let (mut measured, mut from_footers) = (Measured::new(), BTreeSet::new());
        let mut waits = self.ended.is_none() && self.asks.send(keys.clone()).is_ok();
        while waits {
            match self.next() {
                Some(Message::Measured(found, of_these)) => {
                    measured.extend(found);
                    from_footers = of_these;
                }
                Some(Message::Over) => return (measured, from_footers),
                Some(Message::Failed(failure)) => {
                    self.ended = failure.problems.into_iter().next();
                    waits = false;
                }
                Some(Message::Opened(_) | Message::Ready) => {}
                None => waits = false,
            }
        }
        from_footers.retain(|key| measured.get(key).is_some_and(Result::is_ok));
        let why = self.ended.clone().unwrap_or_else(|| self.deadline.problem());
        for key in keys {
            measured.entry(key.clone()).or_insert_with(|| Err(why.clone()));
        }
        (measured, from_footers)
    }

    /// The next message; nothing when the time is over, and from then on.
    fn next(&mut self) -> Option<Message> {
        if self.ended.is_some() {
            return None;
        }
        match self.messages.recv_timeout(self.deadline.left()) {
            Ok(message) => Some(message),
            Err(RecvTimeoutError::Timeout) => {
                self.progress.stop();
                self.ended = Some(self.deadline.problem());
                None
            }
            Err(RecvTimeoutError::Disconnected) => {
                // A panic goes on where it is caught.
                if let Some(Err(panic)) = self.thread.take().map(JoinHandle::join) {
                    std::panic::resume_unwind(panic);
                }
                self.ended = Some(Problem::new("the measuring ended before it was over: this is a bug in mlgate"));
                None
            }
        }
    }
}

/// The thread, as it sees itself.
struct Worker<'a> {
    job: &'a MeasurementJob,
    late: &'a Problem,
    scratch: &'a Path,
    progress: &'a Arc<Progress>,
    say: &'a Sender<Message>,
}

impl Worker<'_> {
    /// Who no longer listens has ended the run, and the thread ends with the process.
    fn say(&self, message: Message) {
        let _ = self.say.send(message);
    }

    fn tell(&self, opened: &OpenedInputs) {
        self.say(Message::Opened(Box::new(self.job.filled(opened, self.late))));
    }

    fn work(&self, asked: &Receiver<BTreeSet<Key>>) -> Result<(), Failure> {
        let job = self.job;
        let mut opened = OpenedInputs::default();
        (opened.candidate, opened.model) = candidate::open(&job.model, &job.workspace, &job.context)?;
        self.tell(&opened);
        let predicted = job.tables.get(&Role::Predictions).map(String::as_str);
        let MeasurementJob { model, args, workspace, context, .. } = job;
        let known = candidate::find_baseline(model, predicted, args, workspace, context, self.scratch)?;
        opened.candidate.baseline = known.baseline;
        self.tell(&opened);
        let mut sources = BTreeMap::new();
        let named = tables::named(&job.tables, known.predictions.as_ref(), &job.workspace);
        for table in &named {
            let (info, summary) = match table.open(&job.csv, job.footers)? {
                Ok(source) => {
                    let info = source.info();
                    let summary = table.summary(Some(&info));
                    sources.insert(table.role, source);
                    (Ok(info), summary)
                }
                Err(problem) => (Err(problem), table.summary(None)),
            };
            opened.infos.insert(table.role, info);
            opened.tables.insert(table.role.word().to_owned(), summary);
            self.tell(&opened);
        }
        let csv = laboratory::reader(job.csv.clone());
        let mut lab = None;
        if let Some(run) = &job.model.run {
            let setting = laboratory::Setting {
                run,
                workspace: &job.workspace,
                context: &job.context,
                door: job.door.as_ref(),
                target: job.target.as_deref(),
                timestamp: job.timestamp.as_deref(),
                csv: &csv,
                memory: job.memory,
                progress: self.progress,
                scratch: self.scratch,
            };
            let OpenedInputs { candidate, model, infos, tables } = &mut opened;
            let tables = laboratory::Tables { sources: &mut sources, infos, shown: tables };
            lab = Some(laboratory::set_up(&setting, candidate, model, tables)?);
        }
        self.tell(&opened);
        self.say(Message::Ready);
        // Who asks nothing any more has ended the run; whoever learned something may ask again.
        while let Ok(keys) = asked.recv() {
            let mut told =
                |found: &Measured| self.say(Message::Measured(found.clone(), engine::from_footers(&sources, &keys)));
            engine::measure(&sources, &keys, job.memory, self.progress, &mut told);
            if let Some(lab) = &mut lab {
                lab.measure(&keys, &sources, &mut told);
            }
            self.say(Message::Over);
        }
        Ok(())
    }
}

/// A folder for what is downloaded and predicted, which is not for every user of the machine.
fn scratch() -> Result<TempDir, Failure> {
    let private = std::fs::Permissions::from_mode(0o700);
    tempfile::Builder::new().prefix("mlgate-").permissions(private).tempdir().map_err(|error| {
        Failure::unmeasured(Problem::new(format!("no folder for what is made on the way could be made: {error}")))
    })
}
