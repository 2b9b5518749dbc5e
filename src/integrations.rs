//! Other systems, one client each: HTTP, GitHub, MLflow, incoming webhooks.

pub mod artifact_digest;
pub mod github;
pub mod http;
pub mod mlflow;
pub mod notify;
