//! The check run on a commit: a line beside the job's own, with annotations, and a place for the digest.

use serde_json::{Value, json};

use super::api::{Api, Ask, Denied, value};
use crate::support::problem::Problem;

const READ: Ask = Ask { to: "read check runs", permission: "checks: read" };
const WRITE: Ask = Ask { to: "make a check run", permission: "checks: write" };

/// GitHub takes so many annotations a request.
const A_REQUEST: usize = 50;
/// And bytes in a summary or a text: github.com/github/docs/issues/35252.
pub const LONGEST: usize = 65_000;
/// Commits before the base that are asked for a digest: a push whose paths no workflow watches has none.
const ANCESTORS: usize = 5;
/// Commits that are listed to find these among: a merge brings those of its other side too.
const HISTORY: usize = 50;

/// The GitHub App whose check runs are believed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum App {
    /// GitHub Actions, told by its slug: its id is 15368 on github.com, and another on an enterprise server.
    #[default]
    Actions,
    Id(u64),
}

impl App {
    /// Returns the app of an input, which names it by its id.
    pub fn of(id: Option<u64>) -> Self {
        id.map_or(Self::Actions, Self::Id)
    }

    fn made(self, run: &Value) -> bool {
        match self {
            Self::Actions => run["app"]["slug"] == "github-actions",
            Self::Id(id) => run["app"]["id"] == id,
        }
    }
}

/// A check run that is over.
#[derive(Debug)]
pub struct CheckRun<'a> {
    /// The same from run to run.
    pub name: &'a str,
    pub sha: &'a str,
    /// `success`, `failure` or `neutral`.
    pub conclusion: &'a str,
    pub title: &'a str,
    /// Markdown, of at most [`LONGEST`] bytes.
    pub summary: &'a str,
    /// Shown below the summary; holds the digest.
    pub text: &'a str,
    pub annotations: Vec<Value>,
    /// The workflow run that makes it.
    pub external_id: &'a str,
    pub details_url: Option<&'a str>,
}

/// Makes it.
///
/// # Errors
/// The token may not, or no answer.
pub async fn make(api: &Api, run: &CheckRun<'_>) -> Result<(), Denied> {
    let mut batches = run.annotations.chunks(A_REQUEST);
    let output = |annotations: &[Value]| json!({ "title": run.title, "summary": run.summary, "text": run.text, "annotations": annotations });
    let mut body = json!({
        "name": run.name,
        "head_sha": run.sha,
        "external_id": run.external_id,
        "status": "completed",
        "conclusion": run.conclusion,
        "output": output(batches.next().unwrap_or_default()),
    });
    if let Some(url) = run.details_url {
        body["details_url"] = json!(url);
    }
    let mut tried = 0;
    let id = loop {
        tried += 1;
        match api.post("/check-runs", &body, WRITE).await {
            Ok(made) => break made["id"].as_u64(),
            // It may be there all the same.
            Err(Denied::Unsure(problem)) => {
                tokio::time::sleep(api.pause(tried)).await;
                let there = named(api, run.sha, run.name).await?;
                let ours = there.iter().find(|other| other["external_id"] == run.external_id);
                match ours {
                    Some(ours) => break ours["id"].as_u64(),
                    None if tried >= api.tries() => return Err(Denied::Unsure(problem)),
                    None => {}
                }
            }
            Err(wrong) => return Err(wrong),
        }
    };
    let Some(id) = id else {
        return Err(Denied::Unsure(Problem::new("GitHub answers no check run, asked to make one")));
    };
    for batch in batches {
        api.patch(&format!("/check-runs/{id}"), &json!({ "output": output(batch) }), WRITE).await?;
    }
    Ok(())
}

/// Returns the text that the app's check run of this name left on the commit, or on the nearest before it.
///
/// Before it are first parents: what a merge brought in is of a pull request, whose own runs made its check runs.
///
/// # Errors
/// The token may not, or no answer.
pub async fn text_at(api: &Api, sha: &str, name: &str, app: App) -> Result<Option<String>, Denied> {
    if let Some(text) = text_of(&named(api, sha, name).await?, app) {
        return Ok(Some(text));
    }
    let ask = Ask { to: "list the commits before the base", permission: "contents: read" };
    let listed = api.get_json(&format!("/commits?sha={}&per_page={HISTORY}", value(sha)), ask).await?;
    let parent = |sha: &str| {
        let commit = listed.as_array()?.iter().find(|commit| commit["sha"] == sha)?;
        commit["parents"][0]["sha"].as_str().map(ToOwned::to_owned)
    };
    let mut sha = sha.to_owned();
    for _ in 0..ANCESTORS {
        let Some(before) = parent(&sha) else { break };
        if let Some(text) = text_of(&named(api, &before, name).await?, app) {
            return Ok(Some(text));
        }
        sha = before;
    }
    Ok(None)
}

/// The check runs of that name, the newest last.
async fn named(api: &Api, sha: &str, name: &str) -> Result<Vec<Value>, Denied> {
    let route = format!("/commits/{}/check-runs?check_name={}&filter=latest", value(sha), value(name));
    let mut runs = api.list(&route, Some("check_runs"), READ).await?;
    runs.sort_by_key(|run| run["id"].as_u64());
    Ok(runs)
}

fn text_of(runs: &[Value], app: App) -> Option<String> {
    let texts = runs.iter().rev().filter(|run| app.made(run)).filter_map(|run| run["output"]["text"].as_str());
    texts.map(ToOwned::to_owned).find(|text| !text.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_check_run_counts_by_its_app() {
        let run =
            |id: u64, slug: &str, text: &str| json!({ "app": { "id": id, "slug": slug }, "output": { "text": text } });
        let runs = [
            run(15368, "github-actions", "own"),
            run(7, "github-action", "other"),
            json!({ "output": { "text": "none" } }),
        ];
        assert_eq!(text_of(&runs, App::Actions).as_deref(), Some("own"));
        assert_eq!(text_of(&runs, App::of(Some(7))).as_deref(), Some("other"));
        assert_eq!(text_of(&runs, App::of(Some(8))), None);
        assert_eq!(text_of(&runs[1..], App::of(None)), None);
    }
}
