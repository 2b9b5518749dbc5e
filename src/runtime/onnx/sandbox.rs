//! What the model's process may do: read its own model and libraries, compute, and answer.
//!
//! Two steps: [`Sandbox::enter`] before anything of the model is read, [`Sandbox::close`] before the library is loaded.
//! What the kernel lacks is left out and said; what it has is in force before a byte of the model is executed.

mod privileges;
mod syscalls;

use std::path::{Path, PathBuf};

use landlock::{
    ABI, Access, AccessFs, AccessNet, RestrictionStatus, Ruleset, RulesetAttr, RulesetCreatedAttr, RulesetError,
    RulesetStatus, Scope, path_beneath_rules,
};

/// Where loaders look for libraries, and what the runtime asks about the processor.
const SYSTEM: [&str; 8] = [
    "/lib",
    "/lib64",
    "/usr/lib",
    "/usr/lib64",
    "/usr/local/lib",
    "/etc/ld.so.cache",
    "/sys/devices/system/cpu",
    "/proc/cpuinfo",
];

/// A sandbox that was entered and is not closed yet.
pub struct Sandbox {
    libraries: Vec<PathBuf>,
    /// Whether Landlock keeps it to the model's folder.
    is_confined: bool,
    /// What is in force, and what is not, in a few words each.
    report: Vec<String>,
}

impl Sandbox {
    /// Leaves the process the model's folder and the libraries to read, and no way to execute, trace or connect.
    pub fn enter(model: &Path, library: &str, loader_path: Option<&str>) -> Self {
        let mut libraries: Vec<PathBuf> = SYSTEM.iter().map(PathBuf::from).collect();
        libraries.push(PathBuf::from(library));
        let folders = loader_path.unwrap_or_default().split(':').filter(|folder| folder.len() > 1);
        libraries.extend(folders.map(PathBuf::from));
        let mut sandbox = Self { libraries, is_confined: false, report: Vec::new() };
        let folder: Vec<PathBuf> = model.parent().map(Path::to_owned).into_iter().collect();
        let files = sandbox.confine(&folder);
        sandbox.is_confined = files.as_ref().is_ok_and(|status| status.ruleset != RulesetStatus::NotEnforced);
        let syscalls = syscalls::enter();
        sandbox.report.push(match files {
            Ok(status) => said(&status),
            Err(error) => format!("Landlock: not in force ({error})"),
        });
        sandbox.report.push(match syscalls {
            Ok(()) => "seccomp: in force".to_owned(),
            Err(error) => format!("seccomp: not in force ({error})"),
        });
        sandbox
    }

    /// Leaves it these files instead of the folder, and an unprivileged user where it was root.
    pub fn close(mut self, files: &[PathBuf]) -> Vec<String> {
        // The first layer holds already: what this one cannot do is no wider than before.
        let narrowed = self.confine(files);
        let needed: Vec<&Path> = files
            .iter()
            .map(PathBuf::as_path)
            .chain(self.libraries.iter().map(PathBuf::as_path).filter(|path| path.is_file()))
            .collect();
        self.report.push(privileges::reduce(&needed));
        if self.is_confined && narrowed.is_err() {
            self.report.push("Landlock: the model's whole folder is readable".to_owned());
        }
        // Whoever changes its user is no longer ended with its parent.
        let _ = rustix::process::set_parent_process_death_signal(Some(rustix::process::Signal::KILL));
        if let Err(error) = syscalls::close() {
            self.report.push(format!("seccomp: only in part ({error})"));
        }
        self.report
    }

    fn confine(&self, readable: &[PathBuf]) -> Result<RestrictionStatus, RulesetError> {
        let abi = ABI::V6;
        let paths = readable.iter().chain(&self.libraries);
        Ruleset::default()
            .handle_access(AccessFs::from_all(abi))?
            .handle_access(AccessNet::from_all(abi))?
            .scope(Scope::from_all(abi))?
            .create()?
            .add_rules(path_beneath_rules(paths, AccessFs::ReadFile | AccessFs::ReadDir))?
            .restrict_self()
    }
}

fn said(status: &RestrictionStatus) -> String {
    let privileges = if status.no_new_privs { "no_new_privs: in force; " } else { "no_new_privs: not in force; " };
    let landlock = match status.ruleset {
        RulesetStatus::FullyEnforced => "Landlock: in force (files, network, signals)",
        RulesetStatus::PartiallyEnforced => "Landlock: in force in part (this kernel is older)",
        RulesetStatus::NotEnforced => "Landlock: not in force (this kernel has none)",
    };
    format!("{privileges}{landlock}")
}
