//! `mlgate abort`, `pause`, `resume`, `approve` and `promote`: a person's request, written into the journal and awaited there.

use std::time::Duration;

use super::watch::same_model;
use super::{admit, is_stopped, open, stop_on_signals};
use crate::cli::rollout::RequestArgs;
use crate::commands::{Context, say};
use crate::integrations::http::block_on;
use crate::rollout::driver::now;
use crate::rollout::journal::{Entry, Journal, Stored, Unwritten};
use crate::rollout::plan::Asker;
use crate::rollout::request::{LONGEST_REASON, Request, RequestKind, is_running, permit};
use crate::support::problem::{Exit, Failure, Problem};
use crate::support::words::{cut, one_line};

/// Characters of a name.
const LONGEST_NAME: usize = 200;
/// How long a request waits to be taken up, beside three intervals.
const PATIENCE: f64 = 10.0;
/// How often it is written again.
const MOST_WRITES: u32 = 20;

/// Writes a request beside what stands in the journal, and waits until it is taken up.
///
/// # Errors
/// Usage: there is nothing to ask. Unmeasured: the journal cannot be read or written, or nobody took it up.
pub fn request(kind: RequestKind, args: &RequestArgs, context: &Context) -> Result<Exit, Failure> {
    let workspace = admit(&args.common, context)?;
    let planned = open::planned(&args.common, Asker::Rollout, &workspace)?;
    let reason = reason_of(args.reason.as_deref())?;
    if kind == RequestKind::Promote && reason.is_none() {
        let problem = Problem::new("`promote` skips what is left of the rollout, and needs a reason");
        return Err(Failure::usage(problem.hint("`--reason TEXT`, or the input `reason`")));
    }
    let request = Request { kind, by: person(context), at: now(), reason, step: None };
    let journal = planned.journal(&args.common, context, &workspace)?;
    let interval = planned.plan.policy.interval_seconds;
    let stop = stop_on_signals();
    let mut asking =
        Asking { journal: &journal, name: &planned.name, request, until: now() + 3.0 * interval + PATIENCE, writes: 0 };
    let pause = Duration::from_secs_f64((interval / 3.0).clamp(0.05, 5.0));
    let answer = block_on(async {
        loop {
            if let Some(answer) = asking.ask().await? {
                return Ok(answer);
            }
            if is_stopped(&stop) || now() > asking.until {
                return Ok(Answer::Unheard);
            }
            tokio::time::sleep(pause).await;
        }
    });
    asking.finish(answer.map_err(Failure::unmeasured)??)
}

/// A reason, on one line; none where it is empty.
///
/// # Errors
/// It is too long.
pub fn reason_of(given: Option<&str>) -> Result<Option<String>, Failure> {
    let reason = given.map(one_line).filter(|reason| !reason.is_empty());
    if reason.as_ref().is_some_and(|reason| reason.chars().count() > LONGEST_REASON) {
        let problem = Problem::new(format!("the reason is longer than {LONGEST_REASON} characters"));
        return Err(Failure::usage(problem.hint("shorten it, and link to what says more")));
    }
    Ok(reason)
}

/// Who asks: on GitHub the user and the run's page, else the account.
pub fn person(context: &Context) -> String {
    let variable = |name: &str| context.variables.get(name).filter(|value| !value.trim().is_empty());
    let process = super::by(context);
    let who = match context.github {
        Some(_) => variable("GITHUB_TRIGGERING_ACTOR").or_else(|| variable("GITHUB_ACTOR")),
        None => variable("USER").or_else(|| variable("LOGNAME")),
    };
    let by = who.map_or_else(|| process.clone(), |who| format!("{who} ({process})"));
    cut(&one_line(&by), LONGEST_NAME)
}

/// What became of a request.
enum Answer {
    /// The process that carries the rollout on took it up.
    TakenUp(Box<Entry>),
    /// No process runs: the next one takes it up, due by then.
    Waits(f64),
    /// Nobody took it up.
    Unheard,
}

/// A request on its way.
struct Asking<'a> {
    journal: &'a Journal,
    name: &'a str,
    request: Request,
    until: f64,
    writes: u32,
}

impl Asking<'_> {
    /// Reads the journal, and writes the request where it does not stand; none while it is not answered.
    async fn ask(&mut self) -> Result<Option<Answer>, Failure> {
        let entry = match self.journal.read().await? {
            Stored::Entry(entry, _) => *entry,
            Stored::Lost(why) => return Err(Failure::unmeasured(why)),
            Stored::Missing => return Err(self.nothing("there is no journal".into())),
        };
        same_model(&entry, self.name)?;
        if entry.interventions.contains(&self.request) {
            let is_done = self.request.kind != RequestKind::Abort || !entry.is_open() || entry.is_left;
            return Ok(is_done.then(|| Answer::TakenUp(Box::new(entry))));
        }
        if !is_running(&entry) {
            let ended = entry.state.ended.as_ref();
            let ended = ended.map_or(String::new(), |ended| format!(" ({}: {})", ended.outcome.word(), ended.reason));
            return Err(self.nothing(format!("the rollout is over{ended}")));
        }
        if entry.requests.contains(&self.request) {
            return Ok(entry.next_look_by.map(Answer::Waits));
        }
        permit(&entry, self.request.kind).map_err(Failure::usage)?;
        // What was overwritten is asked for again, of the same step.
        if self.request.kind == RequestKind::Approve && self.writes == 0 {
            self.request.step = Some(entry.state.stage);
        }
        if self.writes >= MOST_WRITES {
            return Err(Failure::unmeasured(Unwritten::Taken.problem()));
        }
        self.writes += 1;
        let mut next = entry;
        next.requests.push(self.request.clone());
        match self.journal.write(&next).await {
            Ok(()) | Err(Unwritten::Taken) => Ok(None),
            Err(Unwritten::Problem(problem)) => Err(Failure::unmeasured(problem)),
        }
    }

    fn nothing(&self, why: String) -> Failure {
        let said = format!("there is nothing to {}: {}", self.request.kind.word(), one_line(&why));
        Failure::usage(Problem::new(said).hint("`mlgate status` shows what the journal and the router say"))
    }

    fn finish(self, answer: Answer) -> Result<Exit, Failure> {
        let by = one_line(&self.request.words());
        match answer {
            Answer::TakenUp(entry) if self.request.kind == RequestKind::Abort && entry.is_open() => {
                let said = format!("{by}; what could not be restored is tried again");
                Err(Failure::unmeasured(Problem::new(said).hint("`mlgate rollback` restores stable")))
            }
            Answer::TakenUp(_) => {
                say(&format!("{by}\n"));
                if self.request.kind == RequestKind::Promote {
                    say("the rollout goes on to its last step: `mlgate status --watch` follows it\n");
                }
                Ok(Exit::Passed)
            }
            Answer::Waits(next_look_by) => {
                let left = (next_look_by - now()).max(0.0);
                say(&format!("{by}: the next evaluation takes it up, due within {left:.0} s\n"));
                if self.request.kind == RequestKind::Abort {
                    say("`mlgate watch` or `mlgate rollback` restores stable at once\n");
                }
                Ok(Exit::Passed)
            }
            Answer::Unheard => {
                let said = format!("`{}` stands in the journal, and no process took it up", self.request.kind.word());
                let hint = "`mlgate rollback` restores stable at once; `mlgate rollout` goes on, and takes it up";
                Err(Failure::unmeasured(Problem::new(said).hint(hint)))
            }
        }
    }
}
