//! Routers as written, one a section.

use schemars::JsonSchema;
use serde::Deserialize;

/// NGINX, by a file that it includes, and a reload.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Nginx {
    /// The file that is written, and that the `http` block includes: it sets `$mlgate_variant` and `$mlgate_weights`.
    pub file: String,
    /// NGINX's file of its process id; it is reloaded by a signal.
    pub pid_file: String,
    /// An address at which NGINX answers `$mlgate_weights`: what is live.
    pub status: String,
    /// The variants' names, which `$mlgate_variant` becomes: upstreams, say.
    pub stable: String,
    pub candidate: String,
    /// What requests are split by; `$request_id` without it. Required of `ab_test`: what users stay with their variant by, such as
    /// `$http_x_user_id`.
    pub key: Option<String>,
    /// The header by which testers choose: `always` is the candidate, `never` is stable; `X-Canary`, say.
    pub tester_header: Option<String>,
}

/// Traefik, by the file of its file provider.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Traefik {
    /// The dynamic configuration in YAML, whose weights are replaced.
    pub file: String,
    /// Traefik's API, which says what is live.
    pub api: String,
    /// The weighted service.
    pub service: String,
    /// The two services in it.
    pub stable: String,
    pub candidate: String,
}

/// Variants of an Amazon SageMaker endpoint.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SageMaker {
    /// `eu-central-1`, say.
    pub region: String,
    pub endpoint: String,
    /// The production variants' names.
    pub stable: String,
    pub candidate: String,
    /// Another address than `https://api.sagemaker.REGION.amazonaws.com`.
    pub url: Option<String>,
    /// The environment variable that holds the access key's id; its name starts with `MLGATE_`.
    pub access_key_id_env: String,
    /// The environment variable that holds the secret access key; its name starts with `MLGATE_`.
    pub secret_access_key_env: String,
    /// The environment variable that holds the session token of temporary credentials; its name starts with `MLGATE_`.
    pub session_token_env: Option<String>,
}

/// Deployed models of a Vertex AI endpoint.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Vertex {
    pub project: String,
    /// `europe-west4`, say.
    pub location: String,
    /// The endpoint's id.
    pub endpoint: String,
    /// The ids of the deployed models.
    pub stable: String,
    pub candidate: String,
    /// Another address than `https://LOCATION-aiplatform.googleapis.com`.
    pub url: Option<String>,
    /// The environment variable that holds an access token; its name starts with `MLGATE_`.
    pub token_env: String,
}
