//! Inputs of `rollout`, `watch`, `rollback` and `status`, and of what a person asks of a rollout.

use clap::Args;

/// What all of them are told.
#[derive(Clone, Debug, Default, Args)]
pub struct Common {
    /// Config files, one a line; later ones win. Without it mlgate.yml, if there is one.
    #[arg(long, value_name = "FILE")]
    pub config: Vec<String>,
    /// The model's name, in reports and in the registry.
    #[arg(long, value_name = "NAME")]
    pub model_name: Option<String>,
    /// Where the MLflow server is; `MLFLOW_TRACKING_URI` without it.
    #[arg(long, value_name = "URI")]
    pub mlflow_tracking_uri: Option<String>,
    /// Where the reports go; `mlgate-report` without it.
    #[arg(long, value_name = "FOLDER")]
    pub report_dir: Option<String>,
    /// The token to speak to GitHub with; `GITHUB_TOKEN` without it.
    #[arg(long, value_name = "TOKEN")]
    pub github_token: Option<String>,
    /// Branches beside the default one whose runs count as merged on `workflow_run`, one a line.
    ///
    /// These commands run on `push`, `schedule`, `workflow_dispatch`, `repository_dispatch`, `release` and `deployment`, and on
    /// `workflow_run` after one of these on the default branch of this repository. A release branch must be named here,
    /// never one that anyone may push to.
    #[arg(long, value_name = "BRANCH")]
    pub trusted_branches: Vec<String>,
    /// Keys of 16 bytes or more, one a line: the first signs, all verify. They sign the journal of a rollout (required for
    /// `journal: { branch: … }`) and, in a check that passes on a trusted event, the digest of the judged model on its
    /// registered version. `MLGATE_JOURNAL_KEY` without it.
    #[arg(long, value_name = "KEYS")]
    pub journal_key: Option<String>,
}

/// Inputs of `rollout`.
#[derive(Clone, Debug, Default, Args)]
pub struct RolloutArgs {
    #[command(flatten)]
    pub common: Common,
    /// The candidate's version; the report's own without it.
    #[arg(long, value_name = "VERSION")]
    pub model_version: Option<String>,
    /// The gate's report.json, of which only what it passed goes out.
    #[arg(long, value_name = "FILE")]
    pub report: Option<String>,
    /// SHA-256 of that report, from the gate's job: its output of this name. Its event must be a trusted one, its commit
    /// that of the registered version and on the default branch.
    #[arg(long, value_name = "SHA256")]
    pub report_sha256: Option<String>,
    /// Print the plan and the preflight, and move nothing.
    #[arg(long, value_name = "BOOL", num_args = 0..=1, default_missing_value = "true", require_equals = true,
          value_parser = super::parse_bool)]
    pub dry_run: Option<bool>,
    /// Look once, write that down, and end: a later run goes on.
    #[arg(long, value_name = "BOOL", num_args = 0..=1, default_missing_value = "true", require_equals = true,
          value_parser = super::parse_bool)]
    pub once: Option<bool>,
}

/// Inputs of `watch`.
#[derive(Clone, Debug, Default, Args)]
pub struct WatchArgs {
    #[command(flatten)]
    pub common: Common,
    /// How long to watch; one look without it.
    #[arg(long, value_name = "SECONDS")]
    pub seconds: Option<f64>,
}

/// Inputs of `rollback`.
#[derive(Clone, Debug, Default, Args)]
pub struct RollbackArgs {
    #[command(flatten)]
    pub common: Common,
    /// The version to go back to; the one that the journal names without it.
    #[arg(long, value_name = "VERSION")]
    pub to_version: Option<String>,
    /// The router's slot that production is in, as `rollout.router` names it: where neither a journal nor the router's
    /// weights tell it.
    #[arg(long, value_name = "NAME")]
    pub production_slot: Option<String>,
    /// Why, for those who read it later.
    #[arg(long, value_name = "TEXT")]
    pub reason: Option<String>,
}

/// Inputs of `status`.
#[derive(Clone, Debug, Default, Args)]
pub struct StatusArgs {
    #[command(flatten)]
    pub common: Common,
    /// Print JSON, one object a line.
    #[arg(long, value_name = "BOOL", num_args = 0..=1, default_missing_value = "true", require_equals = true,
          value_parser = super::parse_bool)]
    pub json: Option<bool>,
    /// Print it again every `interval_seconds`, until the rollout is over.
    #[arg(long, value_name = "BOOL", num_args = 0..=1, default_missing_value = "true", require_equals = true,
          value_parser = super::parse_bool)]
    pub watch: Option<bool>,
}

/// Inputs of `promote`.
#[derive(Clone, Debug, Default, Args)]
pub struct PromoteArgs {
    #[command(flatten)]
    pub common: Common,
    /// Why, for those who read it later.
    #[arg(long, value_name = "TEXT")]
    pub reason: Option<String>,
    /// The candidate's version; the report's own without it.
    #[arg(long, value_name = "VERSION")]
    pub model_version: Option<String>,
    /// The gate's report.json, of which only what it passed goes out.
    #[arg(long, value_name = "FILE")]
    pub report: Option<String>,
    /// SHA-256 of that report, from the gate's job. These are of `strategy: registry` alone.
    #[arg(long, value_name = "SHA256")]
    pub report_sha256: Option<String>,
    /// Print the plan and the preflight, and move nothing.
    #[arg(long, value_name = "BOOL", num_args = 0..=1, default_missing_value = "true", require_equals = true,
          value_parser = super::parse_bool)]
    pub dry_run: Option<bool>,
}

/// Inputs of `abort`, `pause`, `resume` and `approve`.
#[derive(Clone, Debug, Default, Args)]
pub struct RequestArgs {
    #[command(flatten)]
    pub common: Common,
    /// Why, for those who read it later.
    #[arg(long, value_name = "TEXT")]
    pub reason: Option<String>,
}
