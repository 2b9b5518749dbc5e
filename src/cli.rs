//! Commands and inputs: the one definition behind `--help`, action.yml, the docs and the Action's inputs.

pub mod action;
pub mod rollout;
mod values;

use clap::{Args, Parser, Subcommand, ValueEnum};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
pub use values::{comma_hint, duration, list, size};

use crate::support::problem::{Failure, Problem};

/// The quality gate of machine-learning delivery.
#[derive(Parser)]
#[command(name = "mlgate", version, propagate_version = true, max_term_width = 100)]
#[command(after_help = "Exit codes: 0 passed, 1 blocked by the gate, 2 usage or configuration, 3 could not measure.")]
pub struct Cli {
    /// Print details to standard error, such as what confines the model's process.
    #[arg(short, long, global = true)]
    pub verbose: bool,
    #[command(subcommand)]
    pub command: Command,
}

#[derive(Subcommand)]
pub enum Command {
    /// Judge the data and the model: every configured check, one report.
    Check(Box<CheckArgs>),
    /// Comment on a pull request with a report made elsewhere, which is not trusted.
    Comment(CommentArgs),
    /// Carry a gated model into production, watch it, and take it back when it misbehaves.
    Rollout(rollout::RolloutArgs),
    /// Watch the model in production, and whether a rollout is still carried on.
    Watch(rollout::WatchArgs),
    /// Give stable everything back: traffic, registry, flag.
    Rollback(rollout::RollbackArgs),
    /// Show what a rollout does now, from its journal and its router.
    Status(rollout::StatusArgs),
    /// End a running rollout: stable gets its traffic back.
    Abort(rollout::RequestArgs),
    /// Hold a running rollout at its current weights, until `resume`; a breach still rolls it back.
    Pause(rollout::RequestArgs),
    /// Go on with a rollout that is paused.
    Resume(rollout::RequestArgs),
    /// Let a step pass that waits for approval, or that is held on inconclusive evidence.
    Approve(rollout::RequestArgs),
    /// Skip what is left of a running rollout, and promote it; with `strategy: registry`, move the alias to what was judged.
    Promote(rollout::PromoteArgs),
    /// Profile a table and print an mlgate.yml whose limits it passes with a margin.
    Suggest(SuggestArgs),
    /// Put profiles of a table's parts together.
    Profile {
        #[command(subcommand)]
        command: ProfileCommand,
    },
    /// Print a check's documentation page.
    Explain {
        /// The check's id, such as `missing_values`.
        check: String,
    },
    /// Print the JSON Schema of mlgate.yml.
    Schema,
    /// Run one model and answer on standard output: started by mlgate itself, apart from everything else.
    #[command(hide = true)]
    RunModel(RunModelArgs),
    /// Rewrite the generated files of a checkout: action.yml, the schemas, docs/checks, README's tables.
    #[command(hide = true)]
    Generate {
        /// The checkout's folder.
        folder: std::path::PathBuf,
    },
}

/// Inputs of `check`; the fields' names are the inputs' names, with hyphens.
#[derive(Clone, Default, Args, Serialize, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
pub struct CheckArgs {
    /// Config files, one a line; later ones win. Without it mlgate.yml, if there is one.
    #[arg(long, value_name = "FILE", help_heading = "Where things are")]
    pub config: Vec<String>,
    /// Judge only this gate.
    #[arg(long, value_name = "GATE", help_heading = "Where things are")]
    pub gate: Option<GateChoice>,
    /// Judge only entries of these checks, one a line.
    #[arg(long, value_name = "CHECK", help_heading = "Where things are")]
    pub only: Vec<String>,
    /// The training table: a file, a glob or a folder of Parquet, CSV (also gzip), NDJSON or Arrow IPC.
    #[arg(long, value_name = "PATH", help_heading = "Where things are")]
    pub data: Option<String>,
    /// The table to compare with, or a profile of it.
    #[arg(long, value_name = "PATH", help_heading = "Where things are")]
    pub reference: Option<String>,
    /// The test table: of the checks of leakage, and of entries with `on: test`.
    #[arg(long, value_name = "PATH", help_heading = "Where things are")]
    pub test_data: Option<String>,
    /// The table of the candidate's predictions.
    #[arg(long, value_name = "PATH", help_heading = "Where things are")]
    pub predictions: Option<String>,
    /// A JSON or YAML file of metrics that were computed elsewhere.
    #[arg(long, value_name = "PATH", help_heading = "Where things are")]
    pub metrics: Option<String>,
    /// The model itself, a file or a folder; one that ends in .onnx is run, too.
    #[arg(long, value_name = "PATH", help_heading = "Where things are")]
    pub artifact: Option<String>,
    /// Where the model is served: the address that predictions are asked of.
    #[arg(long, value_name = "URL", help_heading = "Where things are")]
    pub endpoint: Option<String>,
    /// The model's name, in reports and in the registry.
    #[arg(long, value_name = "NAME", help_heading = "Where things are")]
    pub model_name: Option<String>,
    /// The candidate's version.
    #[arg(long, value_name = "VERSION", help_heading = "Where things are")]
    pub model_version: Option<String>,
    /// The model in production: `mlflow:<name>@<alias>`, `git:<ref>:<path>`, or a path to metrics or predictions.
    #[arg(long, value_name = "BASELINE", help_heading = "Where things are")]
    pub baseline: Option<String>,
    /// Where the MLflow server is; `MLFLOW_TRACKING_URI` without it.
    #[arg(long, value_name = "URI", help_heading = "Where things are")]
    pub mlflow_tracking_uri: Option<String>,
    /// Keys of 16 bytes or more, one a line: the first signs, all verify. They sign the journal of a rollout (required for
    /// `journal: { branch: … }`) and, in a check that passes on a trusted event, the digest of the judged model on its
    /// registered version. `MLGATE_JOURNAL_KEY` without it.
    #[arg(long, value_name = "KEYS", help_heading = "Where things are")]
    pub journal_key: Option<String>,
    /// The column that the model is to predict.
    #[arg(long, value_name = "COLUMN", help_heading = "Where things are")]
    pub target_column: Option<String>,
    /// The column that tells when a row was made.
    #[arg(long, value_name = "COLUMN", help_heading = "Where things are")]
    pub timestamp_column: Option<String>,
    /// Where the reports go; `mlgate-report` without it.
    #[arg(long, value_name = "FOLDER", help_heading = "Where things are")]
    pub report_dir: Option<String>,
    /// The time to judge freshness and waivers by, in RFC 3339; the clock without it.
    #[arg(long, value_name = "TIME", help_heading = "Where things are")]
    pub now: Option<String>,
    /// Memory for state that grows with the rows, such as 512MB; 1GB without it.
    #[arg(long, value_name = "SIZE", help_heading = "Where things are")]
    pub max_memory: Option<String>,
    /// The time that a run has, such as 90s, 60m or 1h; 60m without it. What is not judged by then is an error.
    #[arg(long, value_name = "TIME", help_heading = "Where things are")]
    pub timeout: Option<String>,
    /// Whether statistics in Parquet footers count as measured, without decoding the values. `auto`: yes, except on pull
    /// requests and other proposals, where every column is decoded. Default: `auto`.
    #[arg(long, value_name = "WHEN", help_heading = "Where things are")]
    pub trust_footers: Option<TrustFooters>,
    /// A folder outside the workspace that an Action run may read too.
    #[arg(long, value_name = "FOLDER", help_heading = "Where things are")]
    pub data_root: Option<String>,
    /// Compute the training table's fingerprint: any changed value changes it, and nothing else does.
    #[arg(long, value_name = "BOOL", num_args = 0..=1, default_missing_value = "true", require_equals = true,
          value_parser = parse_bool, help_heading = "Where things are")]
    pub fingerprint: Option<bool>,
    /// Keep a profile of the training table in this file, which ends in .profile.json: a later run's reference.
    #[arg(long, value_name = "FILE", help_heading = "Where things are")]
    pub save_profile: Option<String>,
    /// A file of what earlier runs measured, for trends and `anomaly`; this run adds its own line.
    #[arg(long, value_name = "FILE", help_heading = "Where things are")]
    pub history: Option<String>,

    /// The fewest rows allowed (`row_count`).
    #[arg(long, value_name = "ROWS", help_heading = "Thresholds")]
    pub min_rows: Option<String>,
    /// The largest share of a column that may be missing, in percent (`missing_values`).
    #[arg(long, value_name = "PERCENT", help_heading = "Thresholds")]
    pub max_null_percent: Option<String>,
    /// Columns that must exist, one a line or a JSON list (`schema`).
    #[arg(long, value_name = "COLUMNS", help_heading = "Thresholds")]
    pub required_columns: Option<String>,
    /// The smallest share of a class of the target, in percent (`target_distribution`).
    #[arg(long, value_name = "PERCENT", help_heading = "Thresholds")]
    pub min_class_percent: Option<String>,
    /// Ranges of columns in YAML or JSON, such as `age: {min: 0, max: 120}` (`range`).
    #[arg(long, value_name = "RANGES", help_heading = "Thresholds")]
    pub feature_ranges: Option<String>,
    /// The largest share of rows that may equal an earlier one, in percent (`duplicates`).
    #[arg(long, value_name = "PERCENT", help_heading = "Thresholds")]
    pub max_duplicate_percent: Option<String>,
    /// The largest share of the columns that may drift from the reference, in percent (`drift`).
    #[arg(long, value_name = "PERCENT", help_heading = "Thresholds")]
    pub max_drifted_percent: Option<String>,
    /// The largest share of test rows that may occur in training, in percent (`train_test_overlap`).
    #[arg(long, value_name = "PERCENT", help_heading = "Thresholds")]
    pub max_overlap_percent: Option<String>,
    /// How old the newest row may be, in days (`freshness`).
    #[arg(long, value_name = "DAYS", help_heading = "Thresholds")]
    pub max_age_days: Option<String>,
    /// The smallest accuracy allowed (`metric`).
    #[arg(long, value_name = "SHARE", help_heading = "Thresholds")]
    pub min_accuracy: Option<String>,
    /// The smallest gain in accuracy over the baseline (`improvement`).
    #[arg(long, value_name = "GAIN", allow_negative_numbers = true, help_heading = "Thresholds")]
    pub min_improvement: Option<String>,
    /// The smallest ratio of the rates at which groups are predicted positive (`fairness`).
    #[arg(long, value_name = "RATIO", help_heading = "Thresholds")]
    pub min_demographic_parity: Option<String>,
    /// The columns whose groups are compared, one a line or a JSON list (`fairness`).
    #[arg(long, value_name = "COLUMNS", help_heading = "Thresholds")]
    pub sensitive_columns: Option<String>,
    /// The largest 99th percentile of a prediction's time, in milliseconds (`latency`).
    #[arg(long, value_name = "MS", help_heading = "Thresholds")]
    pub max_latency_p99_ms: Option<String>,
    /// The largest model allowed, in MB (`model_size`).
    #[arg(long, value_name = "MB", help_heading = "Thresholds")]
    pub max_model_size_mb: Option<String>,

    /// The most requests a second that the config of a pull request may send an endpoint; 200 without it.
    #[arg(long, value_name = "RPS", help_heading = "Ceilings on proposals")]
    pub max_serving_rps: Option<String>,
    /// The most memory that the config of a pull request may give a model, such as 8GB; 4GB without it.
    #[arg(long, value_name = "SIZE", help_heading = "Ceilings on proposals")]
    pub max_model_memory: Option<String>,
    /// The most seconds that the config of a pull request may give a model for an answer, and load tests together; 600 without it.
    #[arg(long, value_name = "SECONDS", help_heading = "Ceilings on proposals")]
    pub max_model_seconds: Option<String>,

    /// The token to speak to GitHub with; `GITHUB_TOKEN` without it.
    #[arg(long, value_name = "TOKEN", help_heading = "Talking")]
    pub github_token: Option<String>,
    /// When the pull request gets a comment; `always` without it.
    #[arg(long, value_name = "WHEN", help_heading = "Talking")]
    pub comment: Option<CommentWhen>,
    /// Which comment is this gate's; workflow, job and gate without it. A matrix must set it.
    #[arg(long, value_name = "KEY", help_heading = "Talking")]
    pub comment_key: Option<String>,
    /// The name of the check run, or `off`; `mlgate: ` and the comment's key without it.
    #[arg(long, value_name = "NAME", help_heading = "Talking")]
    pub check_run: Option<String>,
    /// The id of the GitHub App whose check runs are believed about earlier runs; GitHub Actions without it.
    ///
    /// A check run of this gate's name on the base branch's commit holds the numbers of earlier runs, which `anomaly` and
    /// the comment compare with. Any workflow with `checks: write` can make one as GitHub Actions, and is trusted with it.
    #[arg(long, value_name = "ID", help_heading = "Talking")]
    pub check_app_id: Option<u64>,
    /// Whose limits count where a pull request changes them; `head` without it.
    ///
    /// With `base` or `stricter` a base branch without a gate is exit code 3: merge the first gate under `head`.
    #[arg(long, value_name = "WHOSE", help_heading = "Talking")]
    pub policy: Option<Policy>,
    /// Branches beside the default one whose runs count as merged on `workflow_run`, one a line.
    ///
    /// Runs of `push`, `schedule`, `workflow_dispatch`, `repository_dispatch`, `release` and `deployment` are trusted, and so
    /// is `workflow_run` after one of these on the default branch of this repository. Everything else is a proposal, for
    /// which nothing is notified, started or written. A release branch must be named here, never one that anyone may push to.
    #[arg(long, value_name = "BRANCH", help_heading = "Talking")]
    pub trusted_branches: Vec<String>,
    /// Judge what a fork proposes beside a token that may write (`pull_request_target`).
    #[arg(long, value_name = "BOOL", num_args = 0..=1, default_missing_value = "true", require_equals = true,
          value_parser = parse_bool, help_heading = "Talking")]
    pub allow_untrusted_checkout: Option<bool>,
    /// What ends the run with exit code 1: `fail` without it; `never` turns 1 into 0, and nothing else.
    #[arg(long, value_name = "WHAT", help_heading = "Talking")]
    pub fail_on: Option<FailOn>,
    /// Show a few of the offending values in the reports.
    #[arg(long, value_name = "BOOL", num_args = 0..=1, default_missing_value = "true", require_equals = true,
          value_parser = parse_bool, help_heading = "Talking")]
    pub show_values: Option<bool>,

    /// List the checks there are.
    #[arg(long, help_heading = "Talking")]
    pub list_checks: bool,
}

#[derive(Debug, Subcommand)]
pub enum ProfileCommand {
    /// Merge saved profiles, as if their tables had been one.
    Merge {
        /// The profiles.
        #[arg(required = true)]
        profiles: Vec<String>,
        /// Where the merged profile goes; standard output without it.
        #[arg(long, short, value_name = "FILE")]
        output: Option<String>,
    },
}

/// How a model's own process is started.
#[derive(Debug, Args)]
pub struct RunModelArgs {
    #[arg(long)]
    pub model: String,
    #[arg(long)]
    pub library: String,
    /// Bytes.
    #[arg(long)]
    pub memory: u64,
}

#[derive(Debug, Args)]
pub struct SuggestArgs {
    /// The table: a file, a glob or a folder.
    pub data: String,
    /// The column that the model is to predict.
    #[arg(long, value_name = "COLUMN")]
    pub target_column: Option<String>,
    /// The character between the fields of a CSV file.
    #[arg(long, value_name = "CHARACTER")]
    pub delimiter: Option<char>,
}

/// Inputs of `comment`.
#[derive(Debug, Default, Args)]
pub struct CommentArgs {
    /// The report, a file; without it the artifact of the workflow run that ended.
    #[arg(long, value_name = "FILE")]
    pub report: Option<String>,
    /// The artifact that holds the report; `mlgate-report` without it.
    #[arg(long, value_name = "NAME")]
    pub report_artifact: Option<String>,
    /// The gate's config files, one a line; mlgate.yml without it. Both sides of the pull request are compared.
    #[arg(long, value_name = "FILE")]
    pub config: Vec<String>,
    /// The token to speak to GitHub with; `GITHUB_TOKEN` without it.
    #[arg(long, value_name = "TOKEN")]
    pub github_token: Option<String>,
    /// When the pull request gets a comment; `always` without it.
    #[arg(long, value_name = "WHEN")]
    pub comment: Option<CommentWhen>,
    /// Which comment is this gate's; the name of the workflow that ended without it.
    #[arg(long, value_name = "KEY")]
    pub comment_key: Option<String>,
}

/// When a pull request gets a comment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CommentWhen {
    #[default]
    Always,
    /// When a check's status is another than last time.
    Changes,
    /// When the gate does not pass; a comment that is there is kept current.
    Failures,
    Off,
}

/// When statistics in Parquet footers count as measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TrustFooters {
    /// Always, except on proposals.
    #[default]
    Auto,
    Always,
    /// Every column is decoded and compared with the footer.
    Never,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum GateChoice {
    Data,
    Model,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FailOn {
    #[default]
    Fail,
    Warn,
    Never,
}

/// Whose limits count where a pull request changes them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Policy {
    /// The pull request's own; what it relaxes is said.
    #[default]
    Head,
    /// The base branch's.
    Base,
    /// Of each limit the stricter one.
    Stricter,
}

/// The booleans of GitHub's toolkit, and no others.
fn parse_bool(text: &str) -> Result<bool, String> {
    match text {
        "true" | "True" | "TRUE" => Ok(true),
        "false" | "False" | "FALSE" => Ok(false),
        _ => Err("expected true or false".into()),
    }
}

/// The items of an input that may be given several times, each a list.
///
/// # Errors
/// What is wrong, with the input's name.
pub fn lists(input: &str, texts: &[String]) -> Result<Vec<String>, Failure> {
    let mut items = Vec::new();
    for text in texts {
        let listed = list(text).map_err(|wrong| Failure::usage(Problem::new(format!("input {input}: {wrong}"))))?;
        items.extend(listed);
    }
    Ok(items)
}

/// What is wrong, without usage and help.
pub fn first_line(error: &str) -> String {
    error.lines().next().unwrap_or_default().trim_start_matches("error: ").to_owned()
}
