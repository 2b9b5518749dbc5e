//! `mlgate comment`: the half of the fork-safe flow that may write. The report is what a pull request's own run
//! says of itself: read, bounded, neutralised, shown with its origin, and never more than a comment.

use std::collections::BTreeSet;

use super::base_gate::{config_at, gate, text_at, touched, workflow};
use super::talk::{Settings, Talk};
use super::{Context, Foreign, note, say, warn};
use crate::cli::{CheckArgs, CommentArgs};
use crate::config::document::LARGEST;
use crate::config::edits::goalposts::parts;
use crate::config::edits::{self, GateEdits, Policy};
use crate::integrations::github::api::{Api, Ask, Denied, value};
use crate::integrations::github::check_run::App;
use crate::integrations::github::event::{PullRequest, WorkflowRun};
use crate::integrations::github::{artifact, compare, outputs};
use crate::integrations::http::block_on;
use crate::plan;
use crate::report::digest::Digest;
use crate::report::markdown::{self, Options, Origin};
use crate::report::{Report, RunResult};
use crate::support::problem::{Exit, Failure, Problem};
use crate::support::sha256;
use crate::support::words::{self, code};
use crate::support::workspace::Workspace;

const DEFAULT_ARTIFACT: &str = "mlgate-report";

/// # Errors
/// Usage: not started by `workflow_run`, no token. Otherwise: no report, no answer.
pub fn run(args: &CommentArgs, context: &Context) -> Result<Exit, Failure> {
    // A report is data from elsewhere by all means, and shown as that: it need not be of the checkout.
    let workspace = context.workspace(None, Foreign::Allowed)?;
    let github = context.github.as_ref().ok_or_else(|| {
        Failure::usage(
            Problem::new("`comment` is for workflow runs: there is no pull request here")
                .hint("`mlgate check` leaves the same text in mlgate-report/report.md"),
        )
    })?;
    let event = github.event().map_err(Failure::unmeasured)?;
    let Some(run) = &event.run else {
        let problem =
            Problem::new(format!("`comment` needs the event workflow_run, and this is {}", code(&event.name)));
        return Err(Failure::usage(
            problem.hint("`on: workflow_run: { workflows: [NAME OF THE GATE'S], types: [completed] }`"),
        ));
    };
    if !run.event.starts_with("pull_request") {
        note(&format!("no comment: the run was of {}, and of no pull request", run.event));
        return Ok(Exit::Passed);
    }
    let settings = Settings {
        token: args.github_token.as_deref(),
        when: args.comment,
        key: args.comment_key.clone().unwrap_or_else(|| run.name.clone()),
        // It is for those who trust it: never made of a report that anyone may have written.
        check_run: Some("off"),
        app: App::default(),
    };
    let Some(mut talk) = Talk::new(context, &event, settings) else {
        return Err(Failure::usage(
            Problem::new("`comment` needs a token, and GITHUB_REPOSITORY").hint("set `github-token`"),
        ));
    };
    let work = async {
        let api = Api::connect(&talk.repository).await.map_err(Failure::unmeasured)?;
        let proposals = proposed_by(&api, run).await.map_err(|denied| Failure::unmeasured(denied.problem()))?;
        if proposals.is_empty() {
            note("no comment: the commit is no longer the head of an open pull request");
            return Ok(None);
        }
        let bytes = match &args.report {
            Some(path) => read_file(path, &workspace)?,
            None => {
                let name = args.report_artifact.as_deref().unwrap_or(DEFAULT_ARTIFACT);
                match artifact::report(&api, run.id, name, context.is_proxied()).await {
                    Ok(bytes) => bytes,
                    Err(Denied::Missing(_)) if matches!(run.conclusion.as_str(), "skipped" | "cancelled") => {
                        note(&format!("no comment: the run was {}, and left no report", run.conclusion));
                        return Ok(None);
                    }
                    Err(denied) => {
                        let hint = "the gate's workflow uploads its folder: `actions/upload-artifact` with \
                                    `name: mlgate-report`, `if: ${{ !cancelled() }}`";
                        let problem = denied.problem();
                        let has_hint = problem.hint.is_some();
                        return Err(Failure::unmeasured(if has_hint { problem } else { problem.hint(hint) }));
                    }
                }
            }
        };
        let mut report = believe(&bytes).map_err(Failure::unmeasured)?;
        let Some(pull_request) = which(proposals, &report) else {
            note("no comment: the commit is the head of several pull requests, and the report is of none of them");
            return Ok(None);
        };
        let notes = Box::pin(differences(&api, &pull_request, args, run, &mut report)).await;
        talk.pull_request = Some(pull_request);
        let heard = talk.listen(&api).await;
        let origin =
            Origin { run: run.url.clone(), actor: run.actor.clone(), repository: run.head.repository.clone(), notes };
        let options = Options {
            before: talk.before(&heard),
            link: Some(run.url.clone()),
            origin: Some(origin),
            ..Options::default()
        };
        let page = |budget| markdown::render(&report, &Options { budget, ..options.clone() });
        let mut told = talk.tell(&api, &report, (&heard, &Digest::of(&report)), "", Vec::new(), &page).await;
        told.troubles.splice(0..0, heard.troubles);
        Ok::<_, Failure>(Some(told))
    };
    let Some(told) = block_on(work).map_err(Failure::unmeasured)?? else { return Ok(Exit::Passed) };
    told.notes.iter().for_each(|text| note(text));
    let Some(url) = told.comment_url else {
        // Commenting is all that this command is for.
        return if told.troubles.is_empty() {
            Ok(Exit::Passed)
        } else {
            Err(Failure { exit: Exit::Unmeasured, problems: told.troubles })
        };
    };
    told.troubles.iter().for_each(|problem| warn(&problem.to_string()));
    say(&format!("commented: {}\n", outputs::one_line(&url)));
    context.write_outputs(&[("comment-url", outputs::one_line(&url))])?;
    Ok(Exit::Passed)
}

/// The one, or of several the one that the report names: it can only be one that has this very commit.
fn which(mut proposals: Vec<PullRequest>, report: &Report) -> Option<PullRequest> {
    if proposals.len() == 1 {
        return proposals.pop();
    }
    let claimed = report.pipeline.pull_request.as_ref()?.number;
    proposals.into_iter().find(|one| one.number == claimed)
}

/// The open pull requests whose head the run was of: the event names none where it is a fork's.
async fn proposed_by(api: &Api, run: &WorkflowRun) -> Result<Vec<PullRequest>, Denied> {
    let Some(repository) = &run.head.repository else { return Ok(Vec::new()) };
    let owner = repository.split('/').next().unwrap_or_default();
    let ask = Ask { to: "find the run's pull request", permission: "pull-requests: write" };
    let head = value(&format!("{owner}:{}", run.head.branch));
    let open = api.list(&format!("/pulls?state=open&head={head}"), None, ask).await?;
    let is_of_run =
        |one: &PullRequest| one.head.sha == run.head.sha && one.head.repository.as_ref() == Some(repository);
    Ok(open.iter().filter_map(PullRequest::of).filter(is_of_run).collect())
}

fn read_file(path: &str, workspace: &Workspace) -> Result<Vec<u8>, Failure> {
    let broken = |said: String| Failure::unmeasured(Problem::new(format!("the report {} {said}", code(path))));
    let file = workspace.open(path)?.map_err(|error| broken(format!("could not be read: {error}")))?;
    artifact::read(file.into_file()).map_err(broken)
}

/// A report, if it is one and does not contradict itself.
///
/// # Errors
/// It is none.
pub fn believe(bytes: &[u8]) -> Result<Report, Problem> {
    let broken = |said: String| Problem::new(format!("the report cannot be believed: {said}"));
    let report: Report = serde_json::from_slice(bytes).map_err(|error| broken(format!("it is none: {error}")))?;
    if report.schema_version != 1 {
        return Err(broken(format!("it is of version {}, and this mlgate reads 1", report.schema_version)));
    }
    let by_verdicts = plan::gate::result(report.verdicts(), crate::cli::FailOn::Fail);
    if report.result == RunResult::Passed && report.verdicts().next().is_none() {
        return Err(broken("it says passed, and checked nothing".to_owned()));
    }
    let claims_more = match report.result {
        RunResult::Passed => by_verdicts != RunResult::Passed || !report.problems.is_empty(),
        RunResult::Blocked => by_verdicts == RunResult::Error,
        RunResult::Error => false,
    };
    if claims_more {
        return Err(broken(format!("it says {}, and its checks do not", report.result.word())));
    }
    Ok(report)
}

/// What the pull request edits of its gate, in the report's place for it, and where the report contradicts GitHub.
async fn differences(
    api: &Api,
    pull_request: &PullRequest,
    args: &CommentArgs,
    run: &WorkflowRun,
    report: &mut Report,
) -> Vec<String> {
    let mut notes = Vec::new();
    // Whatever it says of that: it is looked up.
    report.gate_edits = None;
    let claimed = report.pipeline.pull_request.as_ref().map(|claimed| claimed.head_sha.as_str());
    match claimed {
        None => notes.push("it leaves out which pull request it is of".to_owned()),
        Some(claimed) if claimed != run.head.sha => {
            notes.push("it is of another commit than its workflow run".to_owned());
        }
        Some(_) => {}
    }
    if run.conclusion == "failure" && report.result == RunResult::Passed {
        notes.push("it says passed, and its workflow run failed".to_owned());
    }
    let asked = CheckArgs { config: args.config.clone(), ..CheckArgs::default() };
    let names = plan::config_names(&asked).unwrap_or_default();
    let mut edits = GateEdits {
        policy: Policy::Head,
        branch: pull_request.base.branch.clone(),
        sha: pull_request.base.sha.clone(),
        edits: Vec::new(),
        unread: None,
    };
    let read = async |sha: &str, branch: &str| {
        config_at(api, sha, branch, names.clone(), &asked).await.map(|config| gate(config, &asked))
    };
    let base = read(&pull_request.base.sha, &pull_request.base.branch).await;
    let head = read(&pull_request.head.sha, "this pull request").await;
    match (base, head) {
        (Ok(base), Ok(head)) => {
            edits.edits = edits::compare(&base, &head);
            let ends = (pull_request.base.sha.as_str(), pull_request.head.sha.as_str());
            let changes = compare::changes(api, ends, Some(pull_request.number)).await;
            if changes.has(&run.path) {
                edits.edits.push(workflow(&run.path));
            }
            let place = |path: &str| BTreeSet::from([parts(path).join("/")]);
            edits.edits.extend(touched(&changes, &head.config, None, &place));
        }
        (Err(problem), _) | (_, Err(problem)) => edits.unread = Some(problem.to_string()),
    }
    let mut used: Vec<&str> = report.config.iter().map(|used| used.path.as_str()).collect();
    used.sort_unstable();
    used.dedup();
    if used.iter().any(|path| !names.iter().any(|name| name == path)) {
        notes.push(format!(
            "it was judged by {}, and not by {} alone",
            words::list(used),
            words::list(names.iter().map(String::as_str))
        ));
    }
    // A run that read no config yet has judged nothing.
    let has_judged = report.verdicts().next().is_some();
    for name in &names {
        let used = report.config.iter().find(|used| &used.path == name);
        let mut known = Vec::new();
        for side in [&pull_request.head, &pull_request.base] {
            known.push(text_at(api, &side.sha, name, LARGEST).await.ok().flatten());
        }
        let Some(used) = used else {
            if has_judged && known.iter().any(Option::is_some) {
                notes.push(format!("it leaves out the config file {}", code(name)));
            }
            continue;
        };
        // Of a merge that changed on both sides GitHub has the text, and neither commit does.
        if !known.iter().flatten().any(|text| sha256::of(text) == used.sha256) {
            notes.push(format!("it was judged by another {} than that of the pull request or its base", code(name)));
        }
    }
    if !edits.edits.is_empty() || edits.unread.is_some() {
        report.gate_edits = Some(edits);
    }
    notes
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::sample;

    #[test]
    fn a_report_that_contradicts_itself_is_not_believed() {
        let said = |report: &Report| believe(report.to_json().as_bytes()).map_err(|problem| problem.message);
        for report in [sample::passed(), sample::blocked(), sample::of_each_status(), sample::model()] {
            assert_eq!(said(&report).unwrap(), report);
        }
        let lie = Report { result: RunResult::Passed, ..sample::blocked() };
        assert!(said(&lie).unwrap_err().contains("it says passed, and its checks do not"));
        let later = Report { schema_version: 2, ..sample::passed() };
        assert!(said(&later).unwrap_err().contains("version 2"));
        for bytes in [&b""[..], b"{}", b"[]", b"\xff", b"{\"schema_version\": 1}"] {
            assert!(believe(bytes).is_err());
        }
    }
}
