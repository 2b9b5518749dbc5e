//! Weights of a route in a Kubernetes cluster. The kubeconfig, or the pod that mlgate runs in, says where that is and who
//! asks; a config names the object only.

mod inference;
mod ingress;
pub mod patch;

pub use crate::config::rollout::choices::KubernetesKind as Kind;
use std::error::Error;
use std::fmt;
use std::net::IpAddr;
use std::time::Duration;

use http_body_util::Limited;
use kube::api::{Api, DynamicObject, GroupVersionKind, Patch, PatchParams};
use kube::client::{AuthError, ClientBuilder};
use kube::config::{KubeConfigOptions, KubeconfigError};
use kube::core::ApiResource;
use kube::{Client, Config};
use reqwest::header::{HeaderValue, USER_AGENT};
use serde_json::Value;
use tower_http::map_response_body::MapResponseBodyLayer;

use crate::integrations::http::{self, AllowedHost, Patience};
use crate::support::problem::Problem;
use crate::support::words::{code, cut, one_line};

/// Tries of a change: a controller that writes its status between reading and patching takes one.
const TRIES: u32 = 5;
/// Bytes of an answer; etcd keeps no object of 2 MB.
const LARGEST: usize = 10_000_000;

/// Both arms, as the object names them.
#[derive(Debug, Clone, Copy)]
pub struct Arms<'a> {
    pub stable: &'a str,
    pub candidate: &'a str,
}

/// An object of a cluster whose weights are the traffic.
#[derive(Debug, Clone)]
pub struct Kubernetes {
    pub kind: Kind,
    pub namespace: String,
    pub name: String,
    pub stable: String,
    pub candidate: String,
}

/// Why the API server did not do it.
struct Refused {
    problem: Problem,
    /// Whether asking once more can help.
    passes: bool,
}

impl Kubernetes {
    /// The candidate's share, in percent.
    ///
    /// # Errors
    /// There is no cluster, no such object, or not both arms in it.
    pub async fn read(&self) -> Result<u8, Problem> {
        self.read_by(&connect(config().await?).await?).await
    }

    /// Gives the candidate so many percent and stable the rest, and reads that back.
    ///
    /// # Errors
    /// It was refused, or others changed it again.
    pub async fn write(&self, weight: u8) -> Result<(), Problem> {
        self.write_by(&connect(config().await?).await?, weight).await
    }

    /// Whether the candidate could answer, where the object knows.
    ///
    /// # Errors
    /// It could not.
    pub async fn ready(&self) -> Result<(), Problem> {
        match self.kind {
            Kind::HTTPRoute | Kind::VirtualService | Kind::Ingress => Ok(()),
            Kind::InferenceService => {
                let object = self.get(&self.api(&connect(config().await?).await?)).await?;
                inference::ready(&object, self.arms())
            }
        }
    }

    async fn read_by(&self, client: &Client) -> Result<u8, Problem> {
        let object = self.get(&self.api(client)).await?;
        patch::weight(self.kind, &object, self.arms())
    }

    async fn write_by(&self, client: &Client, weight: u8) -> Result<(), Problem> {
        let api = self.api(client);
        let mut tried = 0;
        loop {
            tried += 1;
            let object = self.get(&api).await?;
            let patch = patch::patch(self.kind, &object, self.arms(), weight)?;
            match self.send(&api, patch).await {
                Ok(()) => break,
                // Of what was read, or of what an answer got lost of: a fresh look knows.
                Err(refused) if refused.passes && tried < TRIES => {
                    tokio::time::sleep(Patience::default().pause(tried)).await;
                }
                Err(refused) => return Err(refused.problem),
            }
        }
        let found = self.read_by(client).await?;
        if found == weight {
            return Ok(());
        }
        let message = format!("{} was given {weight} % and has {found} %", self.shown());
        Err(Problem::new(message).hint("does something else write it, such as a GitOps controller?"))
    }

    async fn get(&self, api: &Api<DynamicObject>) -> Result<Value, Problem> {
        let patience = Patience::default();
        let mut tried = 0;
        loop {
            tried += 1;
            match self.answer("read", api.get(&self.name)).await {
                Ok(object) => {
                    return serde_json::to_value(object)
                        .map_err(|error| Problem::new(format!("{} cannot be read: {error}", self.shown())));
                }
                Err(refused) if refused.passes && tried < patience.tries => {
                    tokio::time::sleep(patience.pause(tried)).await;
                }
                Err(refused) => return Err(refused.problem),
            }
        }
    }

    async fn send(&self, api: &Api<DynamicObject>, patch: Value) -> Result<(), Refused> {
        let patch = serde_json::from_value(patch).map_err(|error| Refused {
            problem: Problem::new(format!("no patch for {}: {error}", self.shown())),
            passes: false,
        })?;
        // Whose weights these are: `metadata.managedFields`.
        let params = PatchParams { field_manager: Some("mlgate".into()), ..PatchParams::default() };
        self.answer("changed", api.patch(&self.name, &params, &Patch::Json::<()>(patch))).await.map(drop)
    }

    /// Waits for an answer, but not forever.
    async fn answer<T>(&self, what: &str, asked: impl Future<Output = kube::Result<T>>) -> Result<T, Refused> {
        match tokio::time::timeout(Patience::default().timeout, asked).await {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(error)) => Err(self.refused(what, error)),
            Err(_) => Err(Refused { problem: self.not(what, "no answer in time"), passes: true }),
        }
    }

    fn refused(&self, what: &str, error: kube::Error) -> Refused {
        let (problem, passes) = match error {
            kube::Error::Api(status) => {
                let verb = if what == "read" { "get" } else { "patch" };
                let problem = self.not(what, &cut(&one_line(&status.message), 300));
                match status.code {
                    401 => (problem.hint("the kubeconfig's user is not known to the cluster"), false),
                    403 => {
                        let allowed = format!("a role that may `{verb}` {}", self.kind.resource().plural);
                        (problem.hint(format!("give who runs mlgate {allowed} in {}", code(&self.namespace))), false)
                    }
                    404 => (problem.hint("is it there, and is its kind installed in the cluster?"), false),
                    // A test that failed is a 422, as is a value that the schema refuses.
                    409 | 422 | 429 | 500.. => (problem, true),
                    _ => (problem, false),
                }
            }
            error => {
                let problem = self.not(what, &cause(&error));
                (problem.hint("does `kubectl get` work here? the kubeconfig says the same to both"), true)
            }
        };
        Refused { problem, passes }
    }

    fn not(&self, what: &str, why: &str) -> Problem {
        Problem::new(format!("{} was not {what}: {why}", self.shown()))
    }

    fn api(&self, client: &Client) -> Api<DynamicObject> {
        Api::namespaced_with(client.clone(), &self.namespace, &self.kind.resource())
    }

    fn arms(&self) -> Arms<'_> {
        Arms { stable: &self.stable, candidate: &self.candidate }
    }

    fn shown(&self) -> String {
        format!("{} {}", self.kind, code(&format!("{}/{}", self.namespace, self.name)))
    }
}

impl Kind {
    /// Istio serves `v1` since 1.22, the Gateway API since 1.0; KServe has no later one.
    fn resource(self) -> ApiResource {
        let (group, version, plural) = match self {
            Self::HTTPRoute => ("gateway.networking.k8s.io", "v1", "httproutes"),
            Self::VirtualService => ("networking.istio.io", "v1", "virtualservices"),
            Self::InferenceService => ("serving.kserve.io", "v1beta1", "inferenceservices"),
            Self::Ingress => ("networking.k8s.io", "v1", "ingresses"),
        };
        ApiResource::from_gvk_with_plural(&GroupVersionKind::gvk(group, version, &self.to_string()), plural)
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

/// The kubeconfig's current context; the pod's service account where there is no kubeconfig.
async fn config() -> Result<Config, Problem> {
    // Not `Config::infer`: a kubeconfig that is broken is no reason to ask another cluster.
    match Config::from_kubeconfig(&KubeConfigOptions::default()).await {
        Ok(config) => return Ok(config),
        Err(KubeconfigError::FindPath) => {}
        Err(KubeconfigError::ReadConfig(error, _)) if error.kind() == std::io::ErrorKind::NotFound => {}
        Err(error) => return Err(unusable(&error)),
    }
    Config::incluster().map_err(|_| {
        Problem::new("there is no kubeconfig, and mlgate runs in no cluster")
            .hint("set KUBECONFIG to a file with the cluster and a user who may change the route")
    })
}

fn unusable(error: &KubeconfigError) -> Problem {
    let why = match error {
        // It shows the line, which can hold a token.
        KubeconfigError::Parse(_) => "it is no YAML of a kubeconfig".to_owned(),
        error => cause(error),
    };
    Problem::new(format!("the kubeconfig cannot be used: {why}")).hint("does `kubectl config view` take it?")
}

/// A client for one question or change: another may run on another runtime, and tokens are read anew.
async fn connect(mut config: Config) -> Result<Client, Problem> {
    if config.accept_invalid_certs {
        return Err(Problem::new("the kubeconfig does not check the cluster's certificate")
            .hint("take `insecure-skip-tls-verify` out, and write `certificate-authority-data` instead"));
    }
    let url =
        http::address(&config.cluster_url.to_string(), "the kubeconfig's server").map_err(Problem::without_hint)?;
    // kube takes a proxy from the environment, and holds NO_PROXY against the proxy instead of the cluster.
    if url.host_str().is_some_and(is_loopback) {
        config.proxy_url = None;
    }
    // For what it refuses: metadata services, and credentials as plain text. It installs the TLS that kube takes, too.
    http::client(&AllowedHost::by_environment(url.clone()), true, Patience::default(), config.proxy_url.is_some())
        .await?;
    // Tries are counted here, where a patch can be made anew.
    config.default_retry = false;
    config.connect_timeout = Some(Duration::from_secs(10));
    // What the cluster's audit log shows.
    config.headers.push((USER_AGENT, HeaderValue::from_static(concat!("mlgate/", env!("CARGO_PKG_VERSION")))));
    let bounded = MapResponseBodyLayer::new(|body| Limited::new(body, LARGEST));
    let built = ClientBuilder::try_from(config).map(|builder| builder.with_layer(&bounded).build());
    built.map_err(|error| match error {
        // It shows the address, which can hold a password.
        kube::Error::ProxyProtocolUnsupported { .. } | kube::Error::ProxyProtocolDisabled { .. } => {
            Problem::new("the proxy before the cluster is none of HTTP")
                .hint("mlgate takes proxies as http:// and https://")
        }
        error => Problem::new(format!("no client for the cluster: {}", cause(&error))),
    })
}

fn is_loopback(host: &str) -> bool {
    let address: Result<IpAddr, _> = host.trim_matches(['[', ']']).parse();
    host == "localhost" || address.is_ok_and(|address| address.is_loopback())
}

/// What began it, in one line.
fn cause(error: &(dyn Error + 'static)) -> String {
    let mut said = error.to_string();
    let mut next = Some(error);
    while let Some(error) = next {
        // It shows what a helper wrote, which can be the token.
        if error.is::<AuthError>() {
            return "there are no credentials".to_owned();
        }
        said = error.to_string();
        next = error.source();
    }
    cut(&one_line(&said), 300)
}

#[cfg(test)]
mod api_server;
#[cfg(test)]
mod tests;
