//! Which hosts a run of `check` may send requests to.

use super::deadline::Deadline;
use super::talk::PATIENCE;
use super::{Context, base_gate};
use crate::cli::CheckArgs;
use crate::integrations::github::api::Api;
use crate::integrations::github::base::{self, Base};
use crate::integrations::github::event::Event;
use crate::integrations::http::hosts::{ENDPOINT, HostPolicy};
use crate::integrations::http::{address, block_on};
use crate::plan;
use crate::runtime::run_plan::RunPlan;
use crate::support::problem::{Failure, Problem};
use crate::support::words::code;

/// Returns the policy of the run, with the endpoint that the base branch's config names where that decides: on a proposal
/// whose endpoint no input names.
///
/// # Errors
/// The base branch's config decides, and cannot be read.
pub fn policy(
    context: &Context,
    event: &Event,
    args: &CheckArgs,
    run: Option<&RunPlan>,
    deadline: &Deadline,
) -> Result<HostPolicy, Failure> {
    let policy = context.hosts_of(event);
    let named = run.and_then(|run| run.endpoint.as_ref()).and_then(|endpoint| endpoint.url.as_deref());
    let Some(url) = named.filter(|_| !policy.trusts_config() && args.endpoint.is_none()) else { return Ok(policy) };
    let Some(repository) = context.repository(args.github_token.as_deref()).filter(|it| it.token.is_some()) else {
        let why = Problem::new("without a token the base branch's config cannot be read");
        return Err(undecided(url, &why));
    };
    let read = block_on(async {
        let work = async { endpoint_at_base(&Api::connect(&repository).await?, context, event, args).await };
        tokio::time::timeout(PATIENCE.min(deadline.left()), work)
            .await
            .unwrap_or_else(|_| Err(Problem::new("GitHub took too long")))
    });
    let base = read.unwrap_or_else(Err).map_err(|why| undecided(url, &why))?;
    // What is no address there admits none.
    let base = base.and_then(|base| address(&base, "the endpoint").ok());
    Ok(HostPolicy::proposal(base.map(|base| (ENDPOINT, base)).into_iter().collect()))
}

/// The endpoint that the config of the base branch names: of the event's pull request, else of the default branch.
async fn endpoint_at_base(
    api: &Api,
    context: &Context,
    event: &Event,
    args: &CheckArgs,
) -> Result<Option<String>, Problem> {
    let Base { sha, branch } = base::of(api, event).await?;
    let names = plan::config_names(args).map_err(|message| Problem::new(format!("input config: {message}")))?;
    let written = |name: &String| context.github.as_ref().map_or_else(|| name.clone(), |github| github.written(name));
    let names = names.iter().map(written).collect();
    let config = base_gate::config_at(api, &sha, &branch, names, args).await?;
    Ok(config.model.endpoint.and_then(|endpoint| endpoint.url))
}

/// Nobody can tell whether the base branch's config names the host.
fn undecided(url: &str, why: &Problem) -> Failure {
    let said = format!(
        "`{}` names {}; on a proposal that counts only where the base branch's config names the same host, and that could \
         not be read: {}",
        ENDPOINT.path,
        code(url),
        why.message
    );
    let hint = why.hint.as_ref().map(|hint| format!("; or {hint}")).unwrap_or_default();
    Failure::unmeasured(Problem::new(said).hint(format!("name the endpoint in the input `endpoint`{hint}")))
}
