//! What started the workflow run: the payload of its event, as far as mlgate asks. Pure.

use serde_json::Value;

/// The event of a run; what it lacks is simply not there.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Event {
    /// `push`, `pull_request`, `workflow_run`, …
    pub name: String,
    /// The type within the event: `opened`, or that of a `repository_dispatch`.
    pub action: Option<String>,
    pub pull_request: Option<PullRequest>,
    pub merge_group: Option<MergeGroup>,
    /// Of `workflow_run`: the run that ended.
    pub run: Option<WorkflowRun>,
    /// Of `issue_comment`: whether what is commented on is one.
    pub is_on_pull_request: bool,
    /// The repository that the run belongs to, `owner/name`.
    pub repository: Option<String>,
    pub default_branch: Option<String>,
    /// Further branches whose runs count as merged, named by an input.
    pub trusted_branches: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PullRequest {
    pub number: u64,
    pub head: Side,
    pub base: Side,
}

/// Pull requests that a merge queue tests together, before they become the base branch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MergeGroup {
    pub head: Side,
    pub base: Side,
}

/// One of the two ends of a pull request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Side {
    pub sha: String,
    pub branch: String,
    /// `owner/name`; of a fork that was deleted there is none.
    pub repository: Option<String>,
}

/// A run of another workflow.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WorkflowRun {
    pub id: u64,
    pub attempt: u64,
    /// The workflow's own name.
    pub name: String,
    /// The file of that workflow.
    pub path: String,
    /// The event that started it.
    pub event: String,
    pub conclusion: String,
    pub head: Side,
    /// Who started it.
    pub actor: String,
    pub url: String,
}

impl Event {
    /// Reads `GITHUB_EVENT_PATH`'s text; `name` is `GITHUB_EVENT_NAME`.
    ///
    /// # Errors
    /// It is not a JSON object.
    pub fn parse(name: &str, text: &str) -> Result<Self, String> {
        let payload: Value = serde_json::from_str(text).map_err(|error| format!("is not valid JSON: {error}"))?;
        if !payload.is_object() {
            return Err("is not a JSON object".to_owned());
        }
        Ok(Self {
            name: name.to_owned(),
            action: text_of(&payload["action"]),
            pull_request: PullRequest::of(&payload["pull_request"]),
            merge_group: MergeGroup::of(&payload["merge_group"]),
            run: WorkflowRun::of(&payload["workflow_run"]),
            is_on_pull_request: payload["issue"]["pull_request"].is_object(),
            repository: text_of(&payload["repository"]["full_name"]),
            default_branch: text_of(&payload["repository"]["default_branch"]),
            trusted_branches: Vec::new(),
        })
    }

    /// Returns whether the run may execute or judge what somebody only proposes: every event that is not on the
    /// allow-list of merged and manually started ones.
    pub fn is_proposal(&self) -> bool {
        match (self.name.as_str(), &self.run) {
            ("workflow_run", Some(run)) => !self.is_merged_run(run),
            (name, _) => !TRUSTED.contains(&name),
        }
    }

    /// Returns the event with further branches whose runs count as merged.
    #[must_use]
    pub fn trusting(self, branches: Vec<String>) -> Self {
        Self { trusted_branches: branches, ..self }
    }

    /// Returns the base and the head of what is proposed, where the payload names them.
    pub fn ends(&self) -> Option<(&Side, &Side)> {
        let of_pull_request = self.pull_request.as_ref().map(|one| (&one.base, &one.head));
        of_pull_request.or_else(|| self.merge_group.as_ref().map(|one| (&one.base, &one.head)))
    }

    /// Returns whether the event is one of a pull request, whose payload has it.
    pub fn is_of_pull_request(&self) -> bool {
        self.name.starts_with("pull_request")
    }

    /// Returns whether the run follows the workflow file that is proposed, and not that of the base branch.
    pub fn runs_proposed_workflow(&self) -> bool {
        self.name != "pull_request_target" && (self.is_of_pull_request() || self.name == "merge_group")
    }

    /// Returns whether a run that ended was of this repository's default branch, or of one that an input names.
    fn is_merged_run(&self, run: &WorkflowRun) -> bool {
        let branch = run.head.branch.as_str();
        TRUSTED.contains(&run.event.as_str())
            && self.repository.as_deref().is_some_and(|own| !run.head.is_foreign(own))
            && !branch.is_empty()
            && (self.default_branch.as_deref() == Some(branch) || self.trusted_branches.iter().any(|own| own == branch))
    }

    /// Whether this run could have checked out a fork's commit beside a token that may write; whose commit is not
    /// said may be anyone's.
    pub fn is_foreign_beside_secrets(&self, repository: &str) -> bool {
        let head = match self.name.as_str() {
            "pull_request_target" => self.pull_request.as_ref().map(|pull_request| &pull_request.head),
            "workflow_run" => self.run.as_ref().map(|run| &run.head),
            // Its payload does not say whose head the pull request has.
            "issue_comment" => return self.is_on_pull_request,
            _ => return false,
        };
        head.is_none_or(|head| head.is_foreign(repository))
    }
}

/// Events of what is merged, or was started by somebody with write access.
const TRUSTED: [&str; 6] = ["push", "schedule", "workflow_dispatch", "repository_dispatch", "release", "deployment"];

/// Returns whether an event of this name is on the allow-list; of `workflow_run` its payload decides.
pub fn is_trusted(name: &str) -> bool {
    TRUSTED.contains(&name)
}

/// Whether runs of this event have the base branch's secrets, whoever caused them.
pub fn has_secrets_beside_proposals(name: &str) -> bool {
    matches!(name, "pull_request_target" | "workflow_run" | "issue_comment")
}

impl PullRequest {
    /// Of a payload's `pull_request`, or of the API's answer, which has the same shape.
    pub fn of(value: &Value) -> Option<Self> {
        Some(Self {
            number: value["number"].as_u64()?,
            head: Side::of(&value["head"])?,
            base: Side::of(&value["base"])?,
        })
    }

    pub fn is_from_fork(&self) -> bool {
        self.base.repository.as_deref().is_none_or(|base| self.head.is_foreign(base))
    }
}

impl MergeGroup {
    fn of(value: &Value) -> Option<Self> {
        let side = |end: &str| {
            let reference = text_of(&value[format!("{end}_ref")]).unwrap_or_default();
            Some(Side {
                sha: text_of(&value[format!("{end}_sha")])?,
                branch: reference.strip_prefix("refs/heads/").unwrap_or(&reference).to_owned(),
                repository: None,
            })
        };
        Some(Self { head: side("head")?, base: side("base")? })
    }
}

impl Side {
    fn of(value: &Value) -> Option<Self> {
        Some(Self {
            sha: text_of(&value["sha"])?,
            branch: text_of(&value["ref"]).unwrap_or_default(),
            repository: text_of(&value["repo"]["full_name"]),
        })
    }

    /// Names on GitHub differ in more than case.
    fn is_foreign(&self, repository: &str) -> bool {
        !self.repository.as_deref().is_some_and(|own| own.eq_ignore_ascii_case(repository))
    }
}

impl WorkflowRun {
    fn of(value: &Value) -> Option<Self> {
        Some(Self {
            id: value["id"].as_u64()?,
            attempt: value["run_attempt"].as_u64().unwrap_or(1),
            name: text_of(&value["name"]).unwrap_or_default(),
            // GitHub adds `@` and the ref where the file is of another commit.
            path: text_of(&value["path"]).unwrap_or_default().split('@').next().unwrap_or_default().to_owned(),
            event: text_of(&value["event"]).unwrap_or_default(),
            conclusion: text_of(&value["conclusion"]).unwrap_or_default(),
            head: Side {
                sha: text_of(&value["head_sha"])?,
                branch: text_of(&value["head_branch"]).unwrap_or_default(),
                repository: text_of(&value["head_repository"]["full_name"]),
            },
            actor: text_of(&value["actor"]["login"]).unwrap_or_default(),
            url: text_of(&value["html_url"]).unwrap_or_default(),
        })
    }
}

fn text_of(value: &Value) -> Option<String> {
    value.as_str().filter(|text| !text.is_empty()).map(ToOwned::to_owned)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn event(name: &str, head: &Value) -> Event {
        let pull = json!({
            "number": 7,
            "head": { "sha": "aa", "ref": "change", "repo": head },
            "base": { "sha": "bb", "ref": "main", "repo": { "full_name": "octo/risk" } },
        });
        let run = json!({ "id": 1, "event": "pull_request", "head_sha": "aa", "head_repository": head });
        Event::parse(name, &json!({ "pull_request": pull, "workflow_run": run }).to_string()).unwrap()
    }

    #[test]
    fn a_fork_is_another_repository_or_one_that_is_gone() {
        let from_fork = |head: Value| event("pull_request", &head).pull_request.unwrap().is_from_fork();
        assert!(!from_fork(json!({ "full_name": "Octo/Risk" })));
        assert!(from_fork(json!({ "full_name": "mallory/risk" })));
        assert!(from_fork(Value::Null));
    }

    #[test]
    fn foreign_code_stands_beside_secrets_in_two_events_only() {
        let fork = json!({ "full_name": "mallory/risk" });
        for (name, expected) in
            [("pull_request", false), ("push", false), ("pull_request_target", true), ("workflow_run", true)]
        {
            assert_eq!(event(name, &fork).is_foreign_beside_secrets("octo/risk"), expected, "{name}");
        }
        let own = json!({ "full_name": "octo/risk" });
        assert!(!event("pull_request_target", &own).is_foreign_beside_secrets("octo/risk"));
        assert!(Event::parse("workflow_run", "{}").unwrap().is_foreign_beside_secrets("octo/risk"));
    }

    #[test]
    fn every_event_off_the_allow_list_is_a_proposal() {
        let proposals = [
            "pull_request",
            "pull_request_target",
            "pull_request_review",
            "merge_group",
            "issues",
            "issue_comment",
            "discussion_comment",
            "check_suite",
            "gollum",
            "fork",
            "watch",
            "workflow_run",
            "something_new",
            "",
        ];
        for name in proposals {
            assert!(Event::parse(name, "{}").unwrap().is_proposal(), "{name}");
        }
        for name in TRUSTED {
            assert!(!Event::parse(name, "{}").unwrap().is_proposal(), "{name}");
        }
    }

    #[test]
    fn a_workflow_run_is_merged_only_on_the_own_default_branch() {
        let run = |event: &str, branch: &str, repository: &str, trusted: &[&str]| {
            let payload = json!({
                "repository": { "full_name": "octo/risk", "default_branch": "main" },
                "workflow_run": {
                    "id": 1, "event": event, "head_sha": "aa", "head_branch": branch,
                    "head_repository": { "full_name": repository },
                },
            });
            let mut event = Event::parse("workflow_run", &payload.to_string()).unwrap();
            event.trusted_branches = trusted.iter().map(|&name| name.to_owned()).collect();
            event.is_proposal()
        };
        assert!(!run("push", "main", "Octo/Risk", &[]));
        assert!(run("push", "feature", "octo/risk", &[]));
        assert!(!run("push", "release", "octo/risk", &["release"]));
        assert!(run("push", "main", "mallory/risk", &[]));
        assert!(run("pull_request", "main", "octo/risk", &[]));
        assert!(run("push", "", "octo/risk", &[""]));
    }

    #[test]
    fn a_merge_group_has_two_ends() {
        let payload = json!({ "merge_group": {
            "head_sha": "aa", "head_ref": "refs/heads/gh-readonly-queue/main/pr-7-bb",
            "base_sha": "bb", "base_ref": "refs/heads/main",
        }});
        let event = Event::parse("merge_group", &payload.to_string()).unwrap();
        let (base, head) = event.ends().unwrap();
        assert_eq!((base.sha.as_str(), base.branch.as_str(), head.sha.as_str()), ("bb", "main", "aa"));
        assert!(event.runs_proposed_workflow());
        let lacking = json!({ "merge_group": { "head_sha": "aa" } });
        assert_eq!(Event::parse("merge_group", &lacking.to_string()).unwrap().ends(), None);
    }

    #[test]
    fn a_payload_of_another_shape_is_no_pull_request() {
        for text in ["{}", r#"{"pull_request": 3}"#, r#"{"pull_request": {"number": "7"}}"#] {
            assert_eq!(Event::parse("pull_request", text).unwrap().pull_request, None, "{text}");
        }
        assert!(Event::parse("push", "[]").is_err());
        assert!(Event::parse("push", "{").is_err());
    }
}
