//! What a person asks of a running rollout, by its journal: whether it may be asked, and what it changes. Pure.

use serde::{Deserialize, Serialize};

use super::journal::Entry;
use super::policy::Strategy;
use super::state::{Ended, Outcome, State};
use crate::support::problem::Problem;
use crate::support::words::one_line;

/// Characters of a reason.
pub const LONGEST_REASON: usize = 300;
/// Requests of one rollout, so that its journal stays small; one that ends it may always be made.
const MOST_REQUESTS: usize = 40;

/// What is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RequestKind {
    /// End it: stable gets its traffic back.
    Abort,
    /// Hold at the current weights.
    Pause,
    /// End a pause.
    Resume,
    /// Let a step pass that waits for approval, or that is held on inconclusive evidence.
    Approve,
    /// Skip what is left: all of the traffic, and promotion.
    Promote,
}

impl RequestKind {
    /// The command's name.
    pub fn word(self) -> &'static str {
        match self {
            Self::Abort => "abort",
            Self::Pause => "pause",
            Self::Resume => "resume",
            Self::Approve => "approve",
            Self::Promote => "promote",
        }
    }

    /// What somebody did, in words.
    pub fn done(self) -> &'static str {
        match self {
            Self::Abort => "aborted",
            Self::Pause => "paused",
            Self::Resume => "resumed",
            Self::Approve => "approved",
            Self::Promote => "promoted",
        }
    }
}

/// A person's request: a part of the journal's entry, until the process that carries the rollout on takes it up.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Request {
    pub kind: RequestKind,
    /// Who asks: a user, and the page of a workflow run.
    pub by: String,
    /// Seconds since 1970, by the clock of whoever asks.
    pub at: f64,
    pub reason: Option<String>,
    /// Of an approval: the step, from 0. It approves no other.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub step: Option<usize>,
}

impl Request {
    /// `paused by octocat: complaints from the north`.
    pub fn words(&self) -> String {
        let reason = self.reason.as_ref().map(|reason| format!(": {}", one_line(reason)));
        format!("{} by {}{}", self.kind.done(), one_line(&self.by), reason.unwrap_or_default())
    }
}

/// A pause as it lasts.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Pause {
    pub request: Request,
    /// When it was taken up, in seconds since 1970, by the clock of the process that carries the rollout on.
    pub since: f64,
}

/// Returns whether an entry is of a rollout that can still be asked for something.
pub fn is_running(entry: &Entry) -> bool {
    entry.is_open() && entry.state.ended.is_none()
}

/// Whether this may be asked of a running rollout now.
///
/// # Errors
/// It would change nothing, or there are too many requests already.
pub fn permit(entry: &Entry, kind: RequestKind) -> Result<(), Problem> {
    if kind == RequestKind::Abort {
        return Ok(());
    }
    let pending = entry.requests.iter().rev().find_map(|request| match request.kind {
        RequestKind::Pause => Some(true),
        RequestKind::Resume | RequestKind::Promote => Some(false),
        RequestKind::Abort | RequestKind::Approve => None,
    });
    let is_skipped =
        entry.state.skip.is_some() || entry.requests.iter().any(|asked| asked.kind == RequestKind::Promote);
    let is_paused = pending.unwrap_or(entry.state.paused.is_some());
    match kind {
        RequestKind::Pause if is_paused => Err(Problem::new("the rollout is paused already").hint("`mlgate resume`")),
        RequestKind::Resume if !is_paused => {
            Err(Problem::new("the rollout is not paused").hint("`mlgate status` shows what it does"))
        }
        RequestKind::Approve if !entry.state.may_be_approved() => {
            let said = "the step neither waits for approval nor is held on inconclusive evidence";
            Err(Problem::new(said).hint("`mlgate status` shows what it waits for"))
        }
        RequestKind::Promote if entry.strategy == Strategy::Shadow.word() => {
            let said = "a shadow run promotes nothing";
            Err(Problem::new(said).hint("`mlgate rollout` with another strategy promotes"))
        }
        RequestKind::Promote if is_skipped => {
            Err(Problem::new("the rollout is being promoted already").hint("`mlgate status --watch` follows it"))
        }
        _ if entry.requests.len() + entry.interventions.len() >= MOST_REQUESTS => {
            let said = format!("this rollout has had {MOST_REQUESTS} requests, the maximum");
            Err(Problem::new(said).hint("`mlgate abort` ends it"))
        }
        _ => Ok(()),
    }
}

/// Takes up what was asked for: it changes the state, and goes into the record. What has ended takes up nothing more.
pub fn take_up(entry: &mut Entry, at: f64) {
    if entry.state.ended.is_some() {
        return;
    }
    for request in std::mem::take(&mut entry.requests) {
        change(&mut entry.state, &request, at);
        entry.interventions.push(request);
    }
}

fn change(state: &mut State, request: &Request, at: f64) {
    match request.kind {
        RequestKind::Abort => {
            state.said = request.words();
            state.ended = Some(Ended { outcome: Outcome::Aborted, reason: request.words() });
        }
        RequestKind::Pause => {
            state.paused.get_or_insert(Pause { request: request.clone(), since: at });
        }
        RequestKind::Promote => {
            state.paused = None;
            state.skip = Some(request.clone());
        }
        RequestKind::Approve => {
            if request.step == Some(state.stage) && state.may_be_approved() {
                state.approval = Some(request.clone());
            }
        }
        RequestKind::Resume => {
            let Some(pause) = state.paused.take() else { return };
            // No clock of a wait runs during a pause.
            let lasted = (at - pause.since).max(0.0);
            for since in [&mut state.hold_since, &mut state.unconfirmed_since, &mut state.awaits_approval] {
                *since = since.map(|since| (since + lasted).min(at));
            }
            for record in state.hooks.iter_mut().filter(|record| !record.is_passed) {
                record.since = record.since.map(|since| (since + lasted).min(at));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(kind: RequestKind) -> Request {
        Request { kind, by: "alice".into(), at: 7.0, reason: Some("a\nreason".into()), step: None }
    }

    fn entry(kinds: &[RequestKind]) -> Entry {
        let requests = kinds.iter().map(|kind| request(*kind)).collect();
        Entry { requests, ..Entry::unknown("canary", "risk", "a test", 1.0) }
    }

    #[test]
    fn requests_are_taken_up_in_order_and_recorded() {
        use RequestKind::{Abort, Pause, Resume};
        for (kinds, is_paused, is_ended) in [
            (vec![Pause], true, false),
            (vec![Pause, Resume], false, false),
            (vec![Pause, Resume, Pause], true, false),
            (vec![Resume], false, false),
            (vec![Pause, Abort], true, true),
        ] {
            let mut entry = entry(&kinds);
            take_up(&mut entry, 100.0);
            let state = &entry.state;
            assert_eq!((state.paused.is_some(), state.ended.is_some()), (is_paused, is_ended), "{kinds:?}");
            assert_eq!((entry.requests.len(), entry.interventions.len()), (0, kinds.len()), "{kinds:?}");
        }
        let mut ended = entry(&[Abort, Pause]);
        take_up(&mut ended, 100.0);
        assert_eq!(ended.state.ended.as_ref().unwrap().reason, "aborted by alice: a reason");
        ended.requests = vec![request(Resume)];
        take_up(&mut ended, 101.0);
        assert_eq!((ended.requests.len(), ended.interventions.len()), (1, 2));
    }

    #[test]
    fn a_wait_does_not_run_during_a_pause() {
        let mut entry = entry(&[RequestKind::Pause]);
        entry.state.hold_since = Some(90.0);
        take_up(&mut entry, 100.0);
        entry.requests = vec![request(RequestKind::Resume)];
        take_up(&mut entry, 5_100.0);
        assert_eq!(entry.state.hold_since, Some(5_090.0));
    }

    #[test]
    fn an_approval_is_of_one_step_that_may_be_approved() {
        let check = |state: State, step| {
            let mut entry = entry(&[RequestKind::Approve]);
            (entry.state, entry.requests[0].step) = (state, Some(step));
            take_up(&mut entry, 100.0);
            entry.state.approval.is_some()
        };
        let of =
            |awaits_approval, is_inconclusive| State { stage: 1, awaits_approval, is_inconclusive, ..State::default() };
        assert!(check(of(Some(90.0), false), 1) && check(of(None, true), 1));
        assert!(!check(of(Some(90.0), false), 0) && !check(of(None, false), 1));
        assert!(permit(&entry(&[]), RequestKind::Approve).is_err());
    }

    #[test]
    fn what_would_change_nothing_may_not_be_asked() {
        use RequestKind::{Abort, Pause, Resume};
        let check = |kinds: &[RequestKind], kind| permit(&entry(kinds), kind).is_ok();
        for (pending, [pause, resume]) in
            [(vec![], [true, false]), (vec![Pause], [false, true]), (vec![Pause, Resume], [true, false])]
        {
            assert_eq!([check(&pending, Pause), check(&pending, Resume)], [pause, resume], "{pending:?}");
            assert!(check(&pending, Abort));
        }
        let many: Vec<RequestKind> = [Pause, Resume].into_iter().cycle().take(MOST_REQUESTS).collect();
        assert!(!check(&many, Pause) && check(&many, Abort));
    }
}
