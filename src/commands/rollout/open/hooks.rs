//! Who is called by a rollout's hooks, opened.

use super::Opener;
use crate::config::rollout::HookSection;
use crate::rollout::hook::caller::HookTarget;
use crate::rollout::hook::webhook::Webhook;
use crate::rollout::hook::workflow::Workflow;
use crate::support::problem::{Failure, Problem};
use crate::support::words::code;

impl Opener<'_> {
    /// In written order.
    pub(super) fn hooks(self) -> Result<Vec<HookTarget>, Failure> {
        self.plan.section.hooks.iter().map(|hook| self.hook(hook)).collect()
    }

    fn hook(self, section: &HookSection) -> Result<HookTarget, Failure> {
        let name = code(&section.name);
        if let Some(webhook) = &section.webhook {
            return Ok(HookTarget::Webhook(Webhook {
                host: self.host(&webhook.url, &format!("the hook {name}"), "rollout.hooks.webhook.url")?,
                token: self.token(webhook.token_env.as_ref())?,
                is_proxied: self.context.is_proxied(),
            }));
        }
        let repository = self.context.repository(self.common.github_token.as_deref());
        let repository = repository.filter(|repository| repository.token.is_some());
        let (Some(workflow), Some(repository), Some(github)) = (&section.workflow, repository, &self.context.github)
        else {
            let problem =
                Problem::new(format!("the hook {name} starts a workflow: that takes a workflow run and its token"));
            let hint = "run it in a job with `actions: write`, and its token in the input `github-token`; elsewhere take `webhook`";
            return Err(Failure::usage(problem.hint(hint)));
        };
        Ok(HookTarget::Workflow(Workflow {
            repository,
            file: workflow.file.clone(),
            reference: workflow.reference.clone().unwrap_or_else(|| github.branch.clone()),
            inputs: workflow.inputs.clone(),
        }))
    }
}
