//! What the model gate knows before anything is measured: recorded numbers, the artifact, the baseline.
#![expect(clippy::disallowed_methods, reason = "edge: reads files")]

use std::fs::File;
use std::io::Read;
use std::path::Path;

use sha2::{Digest, Sha256};

use super::Context;
use crate::baseline::{self, Opened, World};
use crate::candidate::Candidate;
use crate::cli::CheckArgs;
use crate::mlflow::Server;
use crate::plan::Plan;
use crate::problem::{Failure, Problem};
use crate::report;
use crate::table::Role;
use crate::words::code;
use crate::workspace::Workspace;

/// Files of a model's folder; more are a mistake, or an attack.
const MOST_FILES: usize = 100_000;

/// How a Git LFS pointer begins, and what to do about one.
const POINTER: &[u8] = b"version https://git-lfs.github.com/spec/";
const PULL: &str = "check out with `lfs: true`, or run `git lfs pull`";

/// The candidate, what the report says of it, and where the baseline's predictions are.
pub struct Known {
    pub candidate: Candidate,
    pub model: report::Model,
    pub predictions: Option<baseline::Predictions>,
}

/// # Errors
/// Usage: a path that may not be read, a server that nothing names.
pub fn open(plan: &Plan, args: &CheckArgs, workspace: &Workspace, context: &Context) -> Result<Known, Failure> {
    let predicted = plan.tables.get(&Role::Predictions);
    let plan = &plan.model;
    let mut candidate = Candidate { names: plan.names.clone(), ..Candidate::default() };
    let mut model = report::Model { name: plan.name.clone(), version: plan.version.clone(), sha256: None };
    if let Some(path) = &plan.metrics {
        let real = workspace.resolve(path)?;
        candidate.recorded = Some(baseline::read_metrics(path, &real));
    }
    if let Some(path) = &plan.artifact {
        let real = workspace.resolve(path)?;
        let weighed = weigh(path, &real, workspace)?;
        candidate.size = Some(weighed.map(|(bytes, sha256)| {
            model.sha256 = sha256;
            bytes
        }));
    }
    let mut predictions = None;
    if let Some(section) = &plan.baseline {
        let world = World {
            workspace,
            candidate: predicted.into_iter().chain(&plan.metrics).map(String::as_str).collect(),
            mlflow: Server::of(args.mlflow_tracking_uri.as_deref(), &context.variables),
            repository: context.repository(args.github_token.as_deref()),
        };
        let opened = baseline::open(section, plan.name.as_deref(), &world)?;
        Opened { baseline: candidate.baseline, predictions } = opened;
    }
    Ok(Known { candidate, model, predictions })
}

/// Bytes of a file or of all files in a folder; of a file also its SHA-256.
///
/// The outer error ends the run (a path that may not be read), the inner one is the artifact's own.
type Weighed = Result<(u64, Option<String>), Problem>;

fn weigh(shown: &str, path: &Path, workspace: &Workspace) -> Result<Weighed, Failure> {
    let broken = |error: std::io::Error| Problem::new(format!("the model {} could not be read: {error}", code(shown)));
    let metadata = match path.metadata() {
        Ok(metadata) => metadata,
        Err(error) => return Ok(Err(broken(error).hint("set `model.artifact`, or the input `artifact`"))),
    };
    if !metadata.is_dir() {
        return Ok(digest(path).map_err(broken).and_then(|(bytes, sha256, head)| {
            if head.starts_with(POINTER) {
                return Err(Problem::new(format!("the model {} is a Git LFS pointer", code(shown))).hint(PULL));
            }
            Ok((bytes, Some(sha256)))
        }));
    }
    let (mut bytes, mut files, mut folders) = (0, 0, vec![path.to_owned()]);
    while let Some(folder) = folders.pop() {
        let entries = match std::fs::read_dir(&folder) {
            Ok(entries) => entries,
            Err(error) => return Ok(Err(broken(error))),
        };
        for entry in entries {
            let entry = match entry.and_then(|entry| Ok((entry.path(), entry.file_type()?))) {
                Ok(entry) => entry,
                Err(error) => return Ok(Err(broken(error))),
            };
            let (file, kind) = entry;
            files += 1;
            if files > MOST_FILES {
                return Ok(Err(Problem::new(format!("the model {} has over {MOST_FILES} files", code(shown)))));
            }
            if kind.is_dir() {
                folders.push(file);
                continue;
            }
            workspace.admit(&file)?;
            match file.metadata() {
                // A link to a folder could lead round in a circle.
                Ok(metadata) if metadata.is_dir() => {
                    let link = code(&file.to_string_lossy());
                    return Ok(Err(
                        Problem::new(format!("{link} is a link to a folder")).hint("store the files themselves")
                    ));
                }
                Ok(metadata) => {
                    bytes += metadata.len();
                    // A pointer is short.
                    let is_pointer =
                        metadata.len() < 1_024 && std::fs::read(&file).is_ok_and(|text| text.starts_with(POINTER));
                    if is_pointer {
                        let file = code(&file.to_string_lossy());
                        return Ok(Err(Problem::new(format!("{file} of the model is a Git LFS pointer")).hint(PULL)));
                    }
                }
                Err(error) => return Ok(Err(broken(error))),
            }
        }
    }
    Ok(Ok((bytes, None)))
}

/// Length, SHA-256 in lower-case hexadecimal digits, and the first bytes.
fn digest(path: &Path) -> std::io::Result<(u64, String, Vec<u8>)> {
    let mut file = File::open(path)?;
    let (mut sha, mut bytes, mut head) = (Sha256::new(), 0, Vec::new());
    let mut buffer = vec![0; 1 << 16];
    loop {
        let read = file.read(&mut buffer)?;
        if read == 0 {
            return Ok((bytes, super::hex(&sha.finalize()), head));
        }
        if head.is_empty() {
            head = buffer[..read.min(64)].to_vec();
        }
        sha.update(&buffer[..read]);
        bytes += read as u64;
    }
}
