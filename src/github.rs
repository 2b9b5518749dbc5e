//! GitHub Actions: its variables, files and log commands. Nothing else knows GitHub.
#![expect(clippy::disallowed_methods, reason = "edge: writes the runner's files")]

pub mod annotations;
pub mod contents;
pub mod outputs;

use std::collections::BTreeMap;
use std::fs::OpenOptions;
use std::io::Write;
use std::path::{Path, PathBuf};

use crate::problem::Problem;
use crate::report::Pipeline;

/// Over this, the runner shows nothing of a summary at all.
const LARGEST_SUMMARY: usize = 1 << 20;

/// The workflow run this process is part of.
#[derive(Debug, Clone)]
pub struct Github {
    output: Option<PathBuf>,
    summary: Option<PathBuf>,
    workspace: Option<PathBuf>,
    pub commit: Option<String>,
    pub pipeline: Pipeline,
}

impl Github {
    /// The run, where `GITHUB_ACTIONS=true`.
    pub fn new(variables: &BTreeMap<String, String>) -> Option<Self> {
        let get = |name: &str| variables.get(name).filter(|value| !value.is_empty()).cloned();
        (get("GITHUB_ACTIONS").as_deref() == Some("true")).then(|| Self {
            output: get("GITHUB_OUTPUT").map(PathBuf::from),
            summary: get("GITHUB_STEP_SUMMARY").map(PathBuf::from),
            workspace: get("GITHUB_WORKSPACE").map(PathBuf::from),
            commit: get("GITHUB_SHA"),
            pipeline: Pipeline {
                workflow_ref: get("GITHUB_WORKFLOW_REF"),
                workflow_sha: get("GITHUB_WORKFLOW_SHA"),
                run_id: get("GITHUB_RUN_ID").and_then(|id| id.parse().ok()),
                run_attempt: get("GITHUB_RUN_ATTEMPT").and_then(|attempt| attempt.parse().ok()),
            },
        })
    }

    /// Appends outputs for later steps.
    ///
    /// # Errors
    /// `GITHUB_OUTPUT` is unset or cannot be written.
    pub fn write_outputs(&self, values: &[(&str, String)]) -> Result<(), Problem> {
        let Some(path) = &self.output else {
            return Err(Problem::new("GITHUB_OUTPUT is not set, so later steps would see no result")
                .hint("run mlgate as a step of a workflow, or with arguments as a command line"));
        };
        let text: String = values.iter().map(|(name, value)| outputs::entry(name, value)).collect();
        append(path, &text).map_err(|error| {
            Problem::new(format!("GITHUB_OUTPUT could not be written: {error}"))
                .hint("the image must run as root: no `USER` in its Dockerfile")
        })
    }

    /// Appends to the job's summary.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn write_summary(&self, markdown: &str) -> Result<(), Problem> {
        let Some(path) = &self.summary else { return Ok(()) };
        if markdown.len() > LARGEST_SUMMARY {
            return Err(Problem::new("the job summary would be over 1 MiB, which GitHub does not show"));
        }
        append(path, markdown).map_err(|error| Problem::new(format!("the job summary could not be written: {error}")))
    }

    /// The path from the workspace on, as other steps name it.
    pub fn relative(&self, path: &Path) -> String {
        let base = self.workspace.as_ref().and_then(|workspace| workspace.canonicalize().ok());
        let full = path.canonicalize().unwrap_or_else(|_| path.to_owned());
        let inside = base.and_then(|base| full.strip_prefix(base).ok().map(Path::to_owned));
        inside.unwrap_or_else(|| path.to_owned()).to_string_lossy().into_owned()
    }

    /// Gives what was written as root to the workspace's owner, so that a self-hosted runner can clean up.
    pub fn give_to_owner<'a>(&self, folder: &Path, names: impl Iterator<Item = &'a str>) {
        use std::os::unix::fs::{MetadataExt, chown};
        let Some(workspace) = self.workspace.as_ref().and_then(|workspace| workspace.canonicalize().ok()) else {
            return;
        };
        let Ok(owner) = workspace.metadata() else { return };
        let folder = folder.canonicalize().unwrap_or_else(|_| folder.to_owned());
        let inside = |path: &&Path| path.starts_with(&workspace) && *path != workspace;
        let folders = folder.ancestors().take_while(inside).map(Path::to_owned);
        for path in folders.chain(names.map(|name| folder.join(name))) {
            // Only root may, and only root needs to.
            let _ = chown(&path, Some(owner.uid()), Some(owner.gid()));
        }
    }
}

fn append(path: &Path, text: &str) -> std::io::Result<()> {
    OpenOptions::new().append(true).create(true).open(path)?.write_all(text.as_bytes())
}
