//! The built binary, run as its users run it: a folder, an environment with nothing in it, a command.
#![expect(clippy::disallowed_methods, reason = "edge: tests start processes and write files")]
#![expect(clippy::unwrap_used, reason = "a test says what it expects by failing")]

mod action;
mod attestation;
mod bad_input;
mod column_types;
mod comment;
mod config;
mod deadline;
mod documents;
mod drift;
mod endpoint;
mod examples;
mod expression;
mod files;
mod footers;
mod git;
mod github;
mod history;
mod hostile;
mod leakage;
mod limits;
mod meanings;
mod memory;
mod messages;
mod mlflow;
mod model;
mod model_oracle;
mod oracle;
mod outcomes;
mod policy;
mod notify;
mod onnx;
mod onnx_oracle;
mod registry;
mod requests;
mod rollout;
mod sandbox;
mod several;
mod suggest;
mod trust;
mod unleash;
mod world;
mod written;
