//! Telling a report on GitHub: the comment, the check run, and what was said there before.
//!
//! Nothing here changes a verdict: what could not be told is said in the log.

use std::time::Duration;

use serde_json::Value;

use super::Context;
use crate::cli::CommentWhen;
use crate::integrations::github::api::{Api, Denied, Repository};
use crate::integrations::github::check_run::{self, App, CheckRun};
use crate::integrations::github::comment::{self, Comment, Marker};
use crate::integrations::github::event::{Event, PullRequest};
use crate::report::digest::Digest;
use crate::report::markdown::Before;
use crate::report::{Report, RunResult};
use crate::support::problem::Problem;
use crate::support::words::{self, code};

/// No more than this is waited for at a time: for what was merged, for what was said before, for what is told.
pub const PATIENCE: Duration = Duration::from_mins(2);
/// What a check run is called before its key.
const CHECK_RUN: &str = "mlgate: ";

/// Where a report is told.
pub struct Talk {
    pub repository: Repository,
    pub pull_request: Option<PullRequest>,
    pub when: CommentWhen,
    pub key: String,
    /// The check run's name, and the commit it is on.
    pub check_run: Option<(String, String)>,
    /// The check run whose digest of earlier runs is believed: its name and its app.
    source: Option<(String, App)>,
    /// The commit that is asked for it, with those before it.
    asked: Option<String>,
    /// This run and its attempt.
    pub run: Option<(u64, u64)>,
    pub url: Option<String>,
    /// Whose token it is, where that may only read.
    pub reads_only: Option<&'static str>,
}

/// What was said before.
#[derive(Default)]
pub struct Heard {
    /// Our comment, as it is.
    comment: Option<Comment>,
    /// Whom the token speaks as; nothing where that, or the comments, could not be learned.
    login: Option<String>,
    /// The last report on this pull request.
    pub last: Option<Digest>,
    /// The last report on the base branch.
    pub base: Option<Digest>,
    pub troubles: Vec<Problem>,
    /// What should be known and is no trouble.
    pub notes: Vec<String>,
}

/// What was told.
#[derive(Default)]
pub struct Told {
    pub comment_url: Option<String>,
    /// Whether there is a check run, with the annotations.
    pub check_run: bool,
    pub troubles: Vec<Problem>,
    /// What should be known and is no trouble.
    pub notes: Vec<String>,
}

/// The settings that both `check` and `comment` have.
pub struct Settings<'a> {
    pub token: Option<&'a str>,
    pub when: Option<CommentWhen>,
    pub key: String,
    pub check_run: Option<&'a str>,
    /// The app whose check runs are believed.
    pub app: App,
}

impl Settings<'_> {
    /// Returns the name of the check run, where one is wanted.
    fn check_run_name(&self) -> Option<String> {
        match self.check_run {
            Some("off" | "false" | "False" | "FALSE") => None,
            None | Some("true" | "True" | "TRUE") => Some(format!("{CHECK_RUN}{}", comment::plain(&self.key))),
            Some(name) => Some(words::cut(&words::one_line(name), 100)),
        }
    }
}

impl Talk {
    /// Nothing outside of GitHub, or without a token.
    pub fn new(context: &Context, event: &Event, settings: Settings<'_>) -> Option<Self> {
        let github = context.github.as_ref()?;
        let repository = context.repository(settings.token).filter(|repository| repository.token.is_some())?;
        let key = comment::plain(&settings.key);
        let head = event.pull_request.as_ref().map(|pull_request| pull_request.head.sha.clone());
        let sha = head.or_else(|| github.commit.clone());
        let asked = event.ends().map(|(base, _)| base.sha.clone()).or_else(|| sha.clone());
        let name = settings.check_run_name();
        Some(Self {
            repository,
            pull_request: event.pull_request.clone(),
            when: settings.when.unwrap_or_default(),
            key,
            source: name.clone().map(|name| (name, settings.app)),
            asked,
            check_run: name.zip(sha),
            run: github.pipeline.run_id.map(|id| (id, github.pipeline.run_attempt.unwrap_or(1))),
            url: github.url.clone(),
            reads_only: github.reads_only(event),
        })
    }

    /// Reads earlier runs' digests by other settings than the run's own.
    pub fn read_digests_by(&mut self, settings: &Settings<'_>) {
        self.source = settings.check_run_name().map(|name| (name, settings.app));
    }

    /// What is known of earlier runs: of a pull request those of its base branch.
    pub fn remembered<'a>(&self, heard: &'a Heard) -> Option<&'a Digest> {
        if self.pull_request.is_some() { heard.base.as_ref() } else { heard.last.as_ref() }
    }

    /// What the report is compared with, the nearest first.
    pub fn before(&self, heard: &Heard) -> Vec<Before> {
        let branch = self.pull_request.as_ref().map(|pull_request| pull_request.base.branch.clone());
        let last = heard.last.clone().map(|digest| Before { branch: None, digest });
        let base = heard.base.clone().zip(branch).map(|(digest, branch)| Before { branch: Some(branch), digest });
        last.into_iter().chain(base).collect()
    }

    fn marker(&self) -> Marker {
        Marker::new(&self.key)
    }

    /// Reads what was said before: nothing of it is needed, and nothing of it is trusted.
    pub async fn listen(&self, api: &Api) -> Heard {
        let mut heard = Heard::default();
        let Some(pull_request) = &self.pull_request else {
            // On a branch the last run is the check run of this commit, or of one before it.
            let late = |_| Err(Denied::Problem(Problem::new("GitHub took too long to list check runs")));
            let read = tokio::time::timeout(PATIENCE, self.earlier(api)).await.unwrap_or_else(late);
            heard.last = heard.digest(read);
            return heard;
        };
        let said = async {
            if self.when != CommentWhen::Off {
                match self.comment(api, pull_request.number).await {
                    Ok((login, comment)) => {
                        heard.last = comment.as_ref().and_then(|comment| Digest::decode(&comment.body));
                        heard.comment = comment;
                        heard.login = Some(login);
                    }
                    // A token that may not read them may not write them: that is said once, where it writes.
                    Err(denied) => heard.troubles.push(denied.problem()),
                }
            }
            let read = self.earlier(api).await;
            heard.base = heard.digest(read);
        };
        if tokio::time::timeout(PATIENCE, said).await.is_err() {
            heard.troubles.push(Problem::new("GitHub took too long to say what was reported before"));
        }
        heard
    }

    /// Reads the digest that a check run left at the base, or before.
    async fn earlier(&self, api: &Api) -> Result<Option<Digest>, Denied> {
        let (Some((name, app)), Some(sha)) = (&self.source, &self.asked) else { return Ok(None) };
        let text = check_run::text_at(api, sha, name, *app).await?;
        Ok(text.as_deref().and_then(Digest::decode))
    }

    async fn comment(&self, api: &Api, number: u64) -> Result<(String, Option<Comment>), Denied> {
        let login = api.viewer().await?;
        let found = comment::find(api, number, &self.marker(), &login).await?;
        Ok((login, found))
    }

    /// Makes the check run and the comment; `markdown` makes the report's text in so many characters.
    pub async fn tell(
        &self,
        api: &Api,
        report: &Report,
        (heard, digest): (&Heard, &Digest),
        conclusion: &str,
        annotations: Vec<Value>,
        markdown: &dyn Fn(usize) -> String,
    ) -> Told {
        let mut told = Told::default();
        let said = async {
            if let Some((name, sha)) = &self.check_run {
                let run = self.run.map(|(id, attempt)| format!("{id}-{attempt}")).unwrap_or_default();
                let headline = report.headline();
                let made = CheckRun {
                    name,
                    sha,
                    conclusion,
                    title: &headline,
                    summary: &in_bytes(check_run::LONGEST, markdown),
                    text: &digest.encode(),
                    annotations,
                    external_id: &run,
                    details_url: self.url.as_deref(),
                };
                match check_run::make(api, &made).await {
                    Ok(()) => told.check_run = true,
                    Err(Denied::Forbidden(_)) if self.reads_only.is_some() => {}
                    Err(Denied::Forbidden(problem)) => told
                        .notes
                        .push(format!("no check run, annotations only: {}", problem.hint.unwrap_or(problem.message))),
                    Err(denied) => told.troubles.push(denied.problem()),
                }
            }
            if let Some(pull_request) = &self.pull_request {
                self.comment_on(api, pull_request, report, heard, markdown, &mut told).await;
            }
        };
        if tokio::time::timeout(PATIENCE, said).await.is_err() {
            told.troubles.push(Problem::new("GitHub took too long to take the report"));
        }
        told
    }

    async fn comment_on(
        &self,
        api: &Api,
        pull_request: &PullRequest,
        report: &Report,
        heard: &Heard,
        markdown: &dyn Fn(usize) -> String,
        told: &mut Told,
    ) {
        let digest = Digest::of(report).following(heard.last.as_ref());
        if !is_wanted(self.when, &digest, heard, report.gate_edits.is_some()) {
            told.comment_url = heard.comment.as_ref().map(|comment| comment.url.clone());
            return;
        }
        // Why the comments could not be read was said already.
        let Some(login) = &heard.login else { return };
        if let Some(last) = heard.last.as_ref().filter(|last| last.run.is_some() && last.run == self.run) {
            told.troubles.push(
                Problem::new(format!("another job or step of this run has the comment {} too", code(&self.key)))
                    .hint("give each its own: `comment-key: gate-${{ matrix.model }}`"),
            );
            if severity(last.result) > severity(digest.result) {
                told.comment_url = heard.comment.as_ref().map(|comment| comment.url.clone());
                return;
            }
        }
        match is_current(api, pull_request).await {
            Ok(true) => {}
            Ok(false) => {
                let head: String = pull_request.head.sha.chars().take(7).collect();
                told.notes.push(format!("no comment: {head} is no longer the pull request's head"));
                return;
            }
            Err(denied) => {
                told.troubles.push(denied.problem());
                return;
            }
        }
        let marker = self.marker();
        // A run that could not judge leaves what the last one measured for the next to compare with.
        let kept = heard.last.as_ref().filter(|_| report.verdicts().next().is_none());
        let invisible = kept.unwrap_or(&digest).encode();
        let room = comment_room(&marker, &invisible);
        let body = format!("{}\n{}\n{invisible}\n", marker.text(), markdown(room));
        let put = comment::put(api, pull_request.number, (&marker, login), heard.comment.clone(), &body).await;
        match put {
            Ok(comment) => told.comment_url = Some(comment.url),
            Err(Denied::Forbidden(_)) if self.reads_only.is_some() => {
                let who = self.reads_only.unwrap_or_default();
                told.notes.push(format!(
                    "no comment: the token of a pull request of {who} may only read; a workflow on `workflow_run` \
                     with `command: comment` posts the report"
                ));
            }
            Err(denied) => told.troubles.push(denied.problem()),
        }
    }
}

impl Heard {
    /// Takes the digest; who may not read check runs has none, which is no trouble.
    fn digest(&mut self, read: Result<Option<Digest>, Denied>) -> Option<Digest> {
        match read {
            Ok(digest) => return digest,
            Err(Denied::Forbidden(problem)) => {
                let hint = problem.hint.map(|hint| format!(" ({hint})")).unwrap_or_default();
                self.notes.push(format!("the token cannot read check runs, so there are no earlier numbers{hint}"));
            }
            Err(Denied::Missing(_)) => {
                self.notes.push("the commit's check runs are not visible, so there are no earlier numbers".to_owned());
            }
            Err(denied) => self.troubles.push(denied.problem()),
        }
        None
    }
}

/// The longest text of at most so many bytes: characters are what is asked for.
fn in_bytes(most: usize, markdown: &dyn Fn(usize) -> String) -> String {
    let mut budget = most;
    loop {
        let text = markdown(budget);
        if text.len() <= most || budget < 2 {
            return text;
        }
        // Never more than half of it goes at a time, and some always does.
        budget = (budget * most / text.len()).clamp(budget / 2, budget - 1);
    }
}

/// Characters that the report's text may have beside what is invisible.
fn comment_room(marker: &Marker, digest: &str) -> usize {
    const BUDGET: usize = 65_000;
    BUDGET - marker.text().chars().count() - digest.len() - 3
}

/// Whether the commit is still what the pull request proposes.
async fn is_current(api: &Api, pull_request: &PullRequest) -> Result<bool, Denied> {
    let ask = crate::integrations::github::api::Ask { to: "read the pull request", permission: "pull-requests: write" };
    let now = api.get_json(&format!("/pulls/{}", pull_request.number), ask).await?;
    Ok(now["head"]["sha"].as_str() == Some(&pull_request.head.sha))
}

fn severity(result: RunResult) -> u8 {
    match result {
        RunResult::Passed => 0,
        RunResult::Blocked => 1,
        RunResult::Error => 2,
    }
}

/// Whether the pull request gets a comment, or the one it has is renewed.
fn is_wanted(when: CommentWhen, now: &Digest, heard: &Heard, edits_gate: bool) -> bool {
    let has_comment = heard.comment.is_some();
    match when {
        CommentWhen::Off => false,
        CommentWhen::Always => true,
        CommentWhen::Failures => now.result != RunResult::Passed || has_comment || edits_gate,
        CommentWhen::Changes => match (&heard.last, &heard.base) {
            (Some(last), _) => !last.agrees_with(now) || last.edits != now.edits,
            // A comment that cannot be read is not known to say the same.
            (None, _) if has_comment || edits_gate => true,
            (None, Some(base)) => !base.agrees_with(now),
            (None, None) => now.checks.iter().any(|line| line.status.needs_a_person()),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::sample;

    fn heard(last: Option<&Report>, base: Option<&Report>) -> Heard {
        let comment = last.map(|_| Comment { id: 1, url: String::new(), body: String::new() });
        Heard { comment, last: last.map(Digest::of), base: base.map(Digest::of), ..Heard::default() }
    }

    #[test]
    fn a_comment_is_wanted_when_it_was_asked_for() {
        use CommentWhen::{Always, Changes, Failures, Off};
        let (passed, blocked) = (sample::passed(), sample::blocked());
        let check = |when, now: &Report, last, base, expected| {
            assert_eq!(is_wanted(when, &Digest::of(now), &heard(last, base), false), expected, "{when:?}");
        };
        check(Off, &blocked, None, None, false);
        check(Always, &passed, Some(&passed), None, true);
        check(Failures, &passed, None, None, false);
        check(Failures, &blocked, None, None, true);
        // What failed and passes now would stand there as a failure.
        check(Failures, &passed, Some(&blocked), None, true);
        check(Changes, &blocked, Some(&blocked), None, false);
        check(Changes, &passed, Some(&blocked), None, true);
        check(Changes, &passed, None, Some(&passed), false);
        check(Changes, &blocked, None, Some(&passed), true);
        check(Changes, &passed, None, None, false);
        check(Changes, &blocked, None, None, true);
        assert!(is_wanted(Failures, &Digest::of(&passed), &heard(None, None), true));
    }
}
