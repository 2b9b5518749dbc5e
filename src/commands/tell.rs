//! Hands a report to every sink. One that fails is a warning, the outputs of an Action and report.json excepted;
//! none can change what was found.
#![expect(clippy::disallowed_methods, reason = "edge: writes reports, asks the terminal's width")]

use std::cell::OnceCell;
use std::ffi::OsString;
use std::path::Path;

use super::check::Judged;
use super::talk::{Heard, Settings, Talk, Told};
use super::{Context, notify, say, warn};
use crate::cli::{CheckArgs, FailOn, GateChoice};
use crate::config::edits::GateEdits;
use crate::integrations::github::api::Api;
use crate::integrations::github::check_run::App;
use crate::integrations::github::event::Event;
use crate::integrations::github::{annotations, outputs};
use crate::integrations::http::block_on;
use crate::report::annotations as report_annotations;
use crate::report::digest::Digest;
use crate::report::markdown::{self, Before, Options};
use crate::report::outputs as report_outputs;
use crate::report::{self, Report, RunResult, history};
use crate::support::log;
use crate::support::problem::{Exit, Failure, Problem};
use crate::support::sha256;
use crate::support::words::code;
use crate::support::workspace::OutputFolder;

pub const JSON: &str = "report.json";
const MARKDOWN: &str = "report.md";
const JUNIT: &str = "junit.xml";
const SARIF: &str = "results.sarif";
const REPORTS: [&str; 4] = [JSON, MARKDOWN, JUNIT, SARIF];
/// Flags that are of no use to who repeats a run; the first two have secrets as values.
const OWN: [&str; 8] =
    ["--github-token", "--journal-key", "--report-dir", "--comment", "--comment-key", "--check-run", "--policy", ALLOW];
const ALLOW: &str = "--allow-untrusted-checkout";

/// Where one run's report goes.
pub struct Sinks<'a> {
    context: &'a Context,
    event: &'a Event,
    folder: OutputFolder,
    talk: Option<Talk>,
    options: Options,
    /// What was said before, once somebody asked.
    heard: OnceCell<Heard>,
}

impl<'a> Sinks<'a> {
    /// Takes an earlier run's report out of the folder.
    ///
    /// # Errors
    /// The folder cannot be written.
    pub fn open(
        context: &'a Context,
        folder: OutputFolder,
        event: &'a Event,
        args: &CheckArgs,
        command: &[OsString],
    ) -> Result<Self, Failure> {
        // Neither a crash nor a full disk may leave an earlier run's report for this one's.
        for name in REPORTS {
            folder.remove(name).map_err(|error| {
                let shown = code(&folder.path().join(name).to_string_lossy());
                let said = format!("the earlier report {shown} could not be removed: {error}");
                Failure::unmeasured(Problem::new(said))
            })?;
        }
        let settings = settings(context, args);
        let github = context.github.as_ref();
        let options = Options {
            reproduce: Some(command_line(command)),
            link: github.and_then(|github| github.url.clone()),
            files: github.and_then(|github| github.files(event)),
            ..Options::default()
        };
        Ok(Self { context, event, folder, talk: Talk::new(context, event, settings), options, heard: OnceCell::new() })
    }

    /// Looks for earlier runs' digests where the inputs of the base branch put them.
    pub fn read_digests_of(&mut self, base: &CheckArgs) {
        if let Some(talk) = &mut self.talk {
            talk.read_digests_by(&settings(self.context, base));
        }
    }

    /// # Errors
    /// report.json or the outputs of an Action could not be written.
    pub fn tell(&self, judged: &Judged) -> Result<Exit, Failure> {
        let Judged { report, fail_on, notify, kept } = judged;
        let conclusion = match report.result {
            RunResult::Passed => "success",
            RunResult::Blocked if *fail_on == FailOn::Never => "neutral",
            RunResult::Blocked | RunResult::Error => "failure",
        };
        let page = |options: &Options| markdown::render(report, options);
        let write = |markdown: &str| {
            log::say_styled(&report::terminal::render(report, terminal_width()));
            let json = report.to_json();
            let written = self.write_files(&[
                (JSON, &json),
                (MARKDOWN, markdown),
                (JUNIT, &report::junit::render(report)),
                (SARIF, &report::sarif::render(report)),
            ]);
            if let Some(github) = &self.context.github {
                let file =
                    written.is_ok().then(|| (github.relative(&self.folder.path().join(JSON)), sha256::of(&json)));
                self.context.write_outputs(&report_outputs::of(report, file))?;
            }
            written.map_err(Failure::unmeasured)
        };
        let earlier = kept.runs.as_ref().map_or_else(|| self.remembered(), |runs| history::last(runs));
        let past = notify::Past { earlier: earlier.as_ref(), is_kept: kept.runs.is_some() };
        let start = || {
            let told = notify::send(self.context, self.event, self.talk.as_ref(), notify, report, past);
            let own = Digest { started_for: told.started_for, failed_for: told.failed_for, ..Digest::of(report) };
            let digest = own.following(earlier.as_ref());
            if let Err(problem) = kept.remember(digest.clone()) {
                warn(&problem.to_string());
            }
            digest
        };
        self.hand_over(report, conclusion, &page, earlier.as_ref(), write, start)?;
        Ok(match report.result {
            RunResult::Passed => Exit::Passed,
            RunResult::Blocked if *fail_on == FailOn::Never => Exit::Passed,
            RunResult::Blocked => Exit::Blocked,
            RunResult::Error => Exit::Unmeasured,
        })
    }

    /// A run without verdicts leaves a report too, that says why.
    pub fn leave_failure(&self, report: &Report, failure: &Failure) {
        let page = |options: &Options| markdown::failure(&failure.problems, options);
        let write = |markdown: &str| {
            self.write_files(&[(JSON, &report.to_json()), (MARKDOWN, markdown)]).map_err(Failure::unmeasured)
        };
        let written = self.hand_over(report, "failure", &page, None, write, || {
            // Who could not judge knows what was known before.
            Digest::of(report).following(self.remembered().as_ref())
        });
        if let Err(failure) = written {
            warn(&failure.to_string());
        }
    }

    /// What was said before, asked for once.
    fn heard(&self) -> &Heard {
        self.heard.get_or_init(|| {
            let Some(talk) = &self.talk else { return Heard::default() };
            let heard = block_on(async {
                match Api::connect(&talk.repository).await {
                    Ok(api) => talk.listen(&api).await,
                    // Who cannot be reached is said once, where it is told.
                    Err(_) => Heard::default(),
                }
            });
            heard.unwrap_or_default()
        })
    }

    /// What check runs know of earlier runs.
    pub fn remembered(&self) -> Option<Digest> {
        self.talk.as_ref().and_then(|talk| talk.remembered(self.heard())).cloned()
    }

    /// What was said before comes into the text; `write` keeps the text before anything is sent, and `start` what
    /// the next run is to know.
    fn hand_over(
        &self,
        report: &Report,
        conclusion: &str,
        page: &dyn Fn(&Options) -> String,
        earlier: Option<&Digest>,
        write: impl FnOnce(&str) -> Result<(), Failure>,
        start: impl FnOnce() -> Digest,
    ) -> Result<(), Failure> {
        let Some(talk) = &self.talk else {
            if self.event.pull_request.is_some() {
                super::note("no comment and no check run: there is no token");
            }
            // A file of earlier runs says how each number went, also where there is nobody to ask.
            let before = earlier.map(|earlier| Before { branch: None, digest: earlier.clone() });
            let options = Options { before: before.into_iter().collect(), ..self.options.clone() };
            let written = self.write_all(report, &page(&options), write);
            start();
            self.annotate(report, false);
            return written;
        };
        let heard = self.heard();
        let mut options = Options { before: talk.before(heard), ..self.options.clone() };
        if options.before.is_empty() {
            options.before.extend(earlier.map(|earlier| Before { branch: None, digest: earlier.clone() }));
        }
        let written = self.write_all(report, &page(&options), write);
        let digest = start();
        let work = async {
            let mut told = match Api::connect(&talk.repository).await {
                Ok(api) => {
                    let relative = |path: &str| self.relative(path);
                    let annotations = report_annotations::of_check_run(report, &relative);
                    let within = |budget| page(&Options { budget, ..options.clone() });
                    talk.tell(&api, report, (heard, &digest), conclusion, annotations, &within).await
                }
                Err(problem) => Told { troubles: vec![problem], ..Told::default() },
            };
            told.troubles.splice(0..0, heard.troubles.iter().cloned());
            told.notes.splice(0..0, heard.notes.iter().cloned());
            told
        };
        match block_on(work) {
            Ok(told) => {
                self.annotate(report, told.check_run);
                self.say_what_was_told(&told);
                written
            }
            Err(problem) => {
                self.annotate(report, false);
                Err(Failure::unmeasured(problem))
            }
        }
    }

    fn write_all(
        &self,
        report: &Report,
        markdown: &str,
        write: impl FnOnce(&str) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        let written = write(markdown);
        // The summary of a failure is the context's, with those that have no report.
        if let (Some(github), true) = (&self.context.github, report.problems.is_empty())
            && let Err(problem) = github.write_summary(markdown)
        {
            warn(&problem.message);
        }
        written
    }

    /// On the lines of the rules; those that a check run shows already are left to it.
    fn annotate(&self, report: &Report, has_check_run: bool) {
        if self.context.github.is_some() {
            let lines = report_annotations::render(report, |verdict| !has_check_run || verdict.at.is_none());
            let edits = report.gate_edits.as_ref().and_then(GateEdits::headline).map(Problem::new);
            let edits = edits.map(|headline| annotations::warning(&headline));
            lines.iter().chain(&edits).for_each(log::command);
        }
    }

    fn say_what_was_told(&self, told: &Told) {
        let mut seen = std::collections::HashSet::new();
        for problem in told.troubles.iter().filter(|problem| seen.insert(&problem.message)) {
            log::command(&annotations::warning(problem));
        }
        for note in &told.notes {
            super::note(note);
        }
        if let Some(url) = &told.comment_url {
            say(&format!("commented: {}\n", outputs::one_line(url)));
            let url = [("comment-url", outputs::one_line(url))];
            if let Err(failure) = self.context.write_outputs(&url) {
                warn(&failure.to_string());
            }
        }
    }

    fn relative(&self, path: &str) -> String {
        let github = self.context.github.as_ref();
        github.map_or_else(|| path.to_owned(), |github| github.relative(Path::new(path)))
    }

    fn write_files(&self, files: &[(&str, &str)]) -> Result<(), Problem> {
        for (name, text) in files {
            self.folder.write(name, text.as_bytes()).map_err(|error| {
                let shown = code(&self.folder.path().join(name).to_string_lossy());
                Problem::new(format!("the report could not be written to {shown}: {error}"))
                    .hint("name another folder with `report-dir`")
            })?;
        }
        Ok(())
    }
}

fn settings<'a>(context: &Context, args: &'a CheckArgs) -> Settings<'a> {
    Settings {
        token: args.github_token.as_deref(),
        when: args.comment,
        key: args.comment_key.clone().unwrap_or_else(|| key(context, args)),
        check_run: args.check_run.as_deref(),
        app: App::of(args.check_app_id),
    }
}

/// Workflow, job and, where one of them is picked, gate: what tells the comments of a pull request apart.
fn key(context: &Context, args: &CheckArgs) -> String {
    let Some(github) = &context.github else { return String::new() };
    let gate = match args.gate {
        None => "",
        Some(GateChoice::Data) => "data",
        Some(GateChoice::Model) => "model",
    };
    let parts = [github.workflow.as_str(), github.step.job.as_str(), gate];
    parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join("/")
}

/// The command line as a shell would take it.
fn command_line(command: &[OsString]) -> String {
    let quote = |text: &str| {
        let plain = |c: char| c.is_ascii_alphanumeric() || "-_./=:,@%+".contains(c);
        if !text.is_empty() && text.chars().all(plain) {
            text.to_owned()
        } else if text.chars().any(char::is_control) {
            format!("$'{}'", text.replace('\\', "\\\\").replace('\'', "\\'").replace('\n', "\\n").replace('\t', "\\t"))
        } else {
            format!("'{}'", text.replace('\'', "'\\''"))
        }
    };
    // A token is in the environment of who repeats it, and whom to tell is not theirs to say.
    let mut is_value = false;
    let shown = command.iter().skip(1).map(|word| word.to_string_lossy()).filter(|word| {
        let (name, value) = word.split_once('=').map_or((word.as_ref(), None), |(name, value)| (name, Some(value)));
        let is_own = OWN.contains(&name);
        let hide = is_value || is_own;
        is_value = is_own && value.is_none() && name != ALLOW;
        !hide
    });
    let words = shown.map(|word| quote(&without_password(&word)));
    std::iter::once("mlgate".to_owned()).chain(words).collect::<Vec<_>>().join(" ")
}

fn terminal_width() -> usize {
    let columns = std::env::var("COLUMNS").ok().and_then(|columns| columns.parse().ok());
    let measured = || terminal_size::terminal_size().map(|(terminal_size::Width(width), _)| usize::from(width));
    columns.or_else(measured).unwrap_or(100).clamp(40, 160)
}

/// An address without the user and the password that it may hold.
fn without_password(word: &str) -> String {
    let Some((before, rest)) = word.split_once("://") else { return word.to_owned() };
    let (host, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    match host.rsplit_once('@') {
        Some((_, host)) => format!("{before}://{host}{path}"),
        None => word.to_owned(),
    }
}
