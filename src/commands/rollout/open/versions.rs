//! Where the versions of both variants are read, opened.

use super::Opener;
use crate::rollout::Strategy;
use crate::rollout::plan::{RolloutPlan, VersionQuery};
use crate::rollout::version_source::{SignalSource, VersionSource, VersionSources};
use crate::support::problem::{Failure, Problem};

impl Opener<'_> {
    pub(super) fn versions(self) -> Result<VersionSources, Failure> {
        let [stable, candidate] = &self.plan.versions;
        Ok(VersionSources {
            stable: self.version(stable.as_ref(), "rollout.variants.stable.version.url")?,
            candidate: self.version(candidate.as_ref(), "rollout.variants.candidate.version.url")?,
            is_alone: self.plan.policy.strategy == Strategy::Registry,
        })
    }

    fn version(self, query: Option<&VersionQuery>, path: &'static str) -> Result<Option<VersionSource>, Failure> {
        let is_proxied = self.context.is_proxied();
        Ok(match query {
            Some(VersionQuery::Http { url, pointer }) => {
                let host = self.host(url, "the address of a variant's version", path)?;
                Some(VersionSource::Http { host, pointer: pointer.clone(), is_proxied })
            }
            Some(VersionQuery::Signal { query, label }) => {
                let Some((host, token)) = self.prometheus()? else { return Ok(None) };
                let (query, label, stale_seconds) = (query.clone(), label.clone(), self.plan.stale_seconds);
                let source = SignalSource { host, token, stale_seconds, is_proxied, query, label };
                Some(VersionSource::Signal(Box::new(source)))
            }
            None => None,
        })
    }
}

/// The sources of versions that could not be opened: stable is restored without them.
pub(super) fn unreadable(plan: &RolloutPlan, failure: Failure) -> VersionSources {
    let why = failure.problems.into_iter().next();
    let why = why.unwrap_or_else(|| Problem::new("it could not be opened"));
    let [stable, candidate] =
        plan.versions.each_ref().map(|query| query.as_ref().map(|_| VersionSource::Unavailable(why.clone())));
    VersionSources { stable, candidate, is_alone: plan.policy.strategy == Strategy::Registry }
}
