//! A hook by a workflow: it is started by `workflow_dispatch`, and its run's conclusion decides.

use std::collections::BTreeMap;

use super::HookReading;
use crate::integrations::github::api::{Api, Denied, Repository};
use crate::integrations::github::dispatch;
use crate::support::words::{code, one_line};

/// A workflow of this repository that decides.
#[derive(Clone)]
pub struct Workflow {
    pub repository: Repository,
    pub file: String,
    /// The branch or tag to start it at.
    pub reference: String,
    pub inputs: BTreeMap<String, String>,
}

impl Workflow {
    /// Starts a run, with what the inputs' placeholders stand for.
    pub async fn start(&self, values: &[(&str, String)]) -> HookReading {
        let filled = |text: &String| {
            values.iter().fold(text.clone(), |text, (name, value)| text.replace(&format!("{{{{{name}}}}}"), value))
        };
        let inputs = self.inputs.iter().map(|(name, value)| (name.clone(), filled(value))).collect();
        let started = async {
            let api = Api::connect(&self.repository).await?;
            dispatch::workflow_run(&api, &self.file, &self.reference, &inputs).await
        };
        match started.await {
            Ok(Some(run)) => HookReading::Started(run),
            Ok(None) => HookReading::Unusable(format!(
                "GitHub started {}, and did not say which run it is (`return_run_details`)",
                code(&self.file)
            )),
            Err(denied) => unanswered(denied),
        }
    }

    /// Reads how a run stands.
    pub async fn read(&self, run: u64) -> HookReading {
        let read = async {
            let api = Api::connect(&self.repository).await?;
            dispatch::conclusion(&api, run).await
        };
        match read.await {
            Ok(None) => HookReading::Pending,
            Ok(Some(conclusion)) => {
                let answer = format!("its run {run} ended with {}", one_line(&conclusion));
                if conclusion == "success" { HookReading::Passed(answer) } else { HookReading::Refused(answer) }
            }
            // GitHub may know a run a little later than it names it.
            Err(Denied::Missing(why)) => HookReading::NoAnswer(why),
            Err(denied) => unanswered(denied),
        }
    }
}

fn unanswered(denied: Denied) -> HookReading {
    match denied {
        Denied::Forbidden(problem) => HookReading::Unusable(problem.to_string()),
        Denied::Missing(why) => HookReading::Unusable(why),
        Denied::Unsure(problem) | Denied::Problem(problem) => HookReading::NoAnswer(problem.message),
    }
}
