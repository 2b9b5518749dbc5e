//! Which hosts a run may send requests to: a client cannot be made without an [`AllowedHost`], which says who named it.

use reqwest::Url;

use super::{address, shown};
use crate::support::problem::Problem;
use crate::support::words::code;

/// Who named a host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NamedBy {
    /// An input of the Action, a flag of the command line.
    Input,
    /// A variable of the environment.
    Environment,
    /// The config of a run that is not of a proposal.
    Config,
    /// The config of the base branch, under the same setting.
    BaseConfig,
    /// An allowed host, which says where it keeps something.
    Referral(Box<Url>),
}

/// A host that requests may go to.
#[derive(Debug, Clone)]
pub struct AllowedHost {
    url: Url,
    named_by: NamedBy,
}

/// A setting of the config that names a host, and the input that names it instead.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HostSetting {
    pub path: &'static str,
    pub input: Option<&'static str>,
}

/// The endpoint that a model is served at.
pub const ENDPOINT: HostSetting = HostSetting { path: "model.endpoint.url", input: Some("endpoint") };

/// Decides whose word counts for a host.
///
/// On a proposal (a pull request, a merge group, a comment) the config is the proposal's own: what it names may be any
/// server that the runner reaches, with a request of the proposal's choice. There a host of the config counts only where
/// the base branch's config names the same scheme, host and port under the same setting. That another setting or the
/// environment names the host does not make it an endpoint.
#[derive(Debug, Clone)]
pub struct HostPolicy {
    /// What the base branch's config names, on a proposal; nothing on other runs, whose config counts by itself.
    base: Option<Vec<(HostSetting, Url)>>,
}

impl HostPolicy {
    /// The policy of a run whose config was merged, or is written by who runs it.
    pub fn trusted() -> Self {
        Self { base: None }
    }

    /// The policy of a proposal, with what the base branch's config names.
    pub fn proposal(base: Vec<(HostSetting, Url)>) -> Self {
        Self { base: Some(base) }
    }

    /// Returns whether the config's own word counts.
    pub fn trusts_config(&self) -> bool {
        self.base.is_none()
    }

    /// Admits a host that the config names.
    ///
    /// # Errors
    /// Only a proposal's own config names it.
    pub fn by_config(&self, url: Url, setting: HostSetting) -> Result<AllowedHost, Problem> {
        let Some(base) = &self.base else { return Ok(AllowedHost { url, named_by: NamedBy::Config }) };
        if base.iter().any(|(own, known)| *own == setting && known.origin() == url.origin()) {
            return Ok(AllowedHost { url, named_by: NamedBy::BaseConfig });
        }
        let said = format!(
            "`{}` names the host {}, which only the proposed config names: no request goes there",
            setting.path,
            code(&shown(&url))
        );
        let merged = "merge it into the base branch's config first";
        Err(Problem::new(said).hint(match setting.input {
            Some(input) => format!("name it in the input `{input}`, or {merged}"),
            None => merged.to_owned(),
        }))
    }
}

impl AllowedHost {
    /// Admits a host that an input names.
    pub fn by_input(url: Url) -> Self {
        Self { url, named_by: NamedBy::Input }
    }

    /// Admits a host that the environment names.
    pub fn by_environment(url: Url) -> Self {
        Self { url, named_by: NamedBy::Environment }
    }

    /// Admits a place that this host says it keeps something at; one in a private network only where this host is in one.
    ///
    /// # Errors
    /// It is not a valid URL.
    pub fn referral(&self, text: &str, what: &str) -> Result<Self, Problem> {
        Ok(Self { url: address(text, what)?, named_by: NamedBy::Referral(Box::new(self.url.clone())) })
    }

    pub fn url(&self) -> &Url {
        &self.url
    }

    /// The same host with a path that ends in a slash, so that others can be joined to it.
    #[must_use]
    pub fn as_folder(mut self) -> Self {
        if !self.url.path().ends_with('/') {
            self.url.set_path(&format!("{}/", self.url.path()));
        }
        self
    }

    /// Returns who referred to the host, if another host did.
    pub fn referrer(&self) -> Option<&Url> {
        match &self.named_by {
            NamedBy::Referral(from) => Some(from),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OTHER: HostSetting = HostSetting { path: "storage.url", input: None };

    fn admitted(policy: &HostPolicy, url: &str, setting: HostSetting) -> Result<NamedBy, String> {
        let url = Url::parse(url).unwrap();
        policy.by_config(url, setting).map(|host| host.named_by).map_err(|problem| problem.to_string())
    }

    #[test]
    fn a_merged_config_names_any_host() {
        assert_eq!(admitted(&HostPolicy::trusted(), "http://10.0.0.1/x", ENDPOINT), Ok(NamedBy::Config));
    }

    #[test]
    fn on_a_proposal_only_the_base_names_hosts() {
        let base = Url::parse("https://models.example.org/invocations").unwrap();
        let policy = HostPolicy::proposal(vec![(ENDPOINT, base)]);
        for same in ["https://models.example.org/v2", "https://MODELS.example.org:443/"] {
            assert_eq!(admitted(&policy, same, ENDPOINT), Ok(NamedBy::BaseConfig), "{same}");
        }
        for other in [
            "http://models.example.org/",
            "https://models.example.org:8443/",
            "https://models.example.org.evil.org/",
            "https://example.org/",
            "http://127.0.0.1/",
        ] {
            let said = admitted(&policy, other, ENDPOINT).unwrap_err();
            assert!(said.contains("only the proposed config names") && said.contains("input `endpoint`"), "{said}");
        }
        assert!(admitted(&policy, "https://models.example.org/", OTHER).is_err());
        assert!(admitted(&HostPolicy::proposal(Vec::new()), "https://models.example.org/", ENDPOINT).is_err());
    }
}
