//! What every test stands on: a folder of its own, one run in it, and what that left behind.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;
use tempfile::TempDir;

/// The binary under test.
pub const BINARY: &str = env!("CARGO_BIN_EXE_mlgate");

/// A folder to run in and the variables of the run.
pub struct World {
    folder: TempDir,
    variables: BTreeMap<String, String>,
}

/// What a run left behind.
#[derive(Debug)]
pub struct Ran {
    pub exit: i32,
    pub stdout: String,
    pub stderr: String,
    /// `mlgate-report/report.json`, or null.
    pub report: Value,
    /// `mlgate-report/report.md`, or nothing.
    pub markdown: String,
}

/// The repository.
pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// A file of tests/data, as an absolute path.
pub fn data(name: &str) -> String {
    root().join("tests/data").join(name).to_string_lossy().into_owned()
}

impl World {
    pub fn new() -> Self {
        Self { folder: TempDir::with_prefix("mlgate-").unwrap(), variables: BTreeMap::new() }
    }

    /// A world with one table and one config that judges it: `checks` is a YAML list.
    pub fn with_checks(csv: &str, checks: &str) -> Self {
        let world = Self::new();
        world.write("data.csv", csv);
        let checks: String = checks.trim().lines().map(|line| format!("    {}\n", line.trim_end())).collect();
        world.write("mlgate.yml", format!("data:\n  path: data.csv\n  target: y\n  checks:\n{checks}"));
        world
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The folder as the system names it.
    pub fn real(&self) -> PathBuf {
        self.folder.path().canonicalize().unwrap()
    }

    pub fn write(&self, name: &str, bytes: impl AsRef<[u8]>) -> &Self {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
        self
    }

    pub fn copy(&self, from: impl AsRef<Path>, name: &str) -> &Self {
        self.write(name, fs::read(from).unwrap())
    }

    pub fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap_or_default()
    }

    #[must_use]
    pub fn variable(mut self, name: &str, value: impl AsRef<Path>) -> Self {
        self.variables.insert(name.to_owned(), value.as_ref().to_string_lossy().into_owned());
        self
    }

    /// The command in this folder, with no variable but PATH, HOME and those of this world.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(BINARY);
        command.args(arguments).env_clear().current_dir(self.folder.path()).envs(&self.variables);
        for name in ["PATH", "HOME"] {
            command.envs(std::env::var_os(name).map(|value| (name, value)));
        }
        command
    }

    pub fn run(&self, arguments: &[&str]) -> Ran {
        self.finish(&mut self.command(arguments))
    }

    /// `mlgate check` with these arguments.
    pub fn check(&self, arguments: &[&str]) -> Ran {
        self.run(&[&["check"], arguments].concat())
    }

    /// Runs it to its end. Nothing that is run here may panic, whatever it is fed.
    pub fn finish(&self, command: &mut Command) -> Ran {
        let output = command.output().unwrap();
        let report = self.read("mlgate-report/report.json");
        let ran = Ran {
            exit: output.status.code().unwrap_or(-1),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
            report: if report.is_empty() { Value::Null } else { serde_json::from_str(&report).unwrap() },
            markdown: self.read("mlgate-report/report.md"),
        };
        for bad in ["bug of its own", "panicked at", "RUST_BACKTRACE", "stack overflow"] {
            assert!(!ran.says(bad), "{bad}: {ran:#?}");
        }
        assert!((0..=3).contains(&ran.exit), "{command:?} {:?}: {ran:#?}", output.status);
        ran
    }
}

impl Ran {
    /// Whether the words stand anywhere that a person or a later step looks.
    pub fn says(&self, words: &str) -> bool {
        let report = self.report.to_string();
        let said = self.report["problems"].as_array().into_iter().flatten().filter_map(Value::as_str);
        let messages =
            self.verdicts().iter().flat_map(|verdict| [verdict["message"].as_str(), verdict["hint"].as_str()]);
        [&self.stdout, &self.stderr, &self.markdown, &report].iter().any(|text| text.contains(words))
            || said.chain(messages.flatten()).any(|text| text.contains(words))
    }

    /// The verdicts of the data gate, as reported.
    pub fn verdicts(&self) -> &[Value] {
        self.report["gates"][0]["checks"].as_array().map_or(&[], Vec::as_slice)
    }

    /// `pass fail …`, one word a verdict.
    pub fn statuses(&self) -> String {
        let words = self.verdicts().iter().map(|verdict| verdict["status"].as_str().unwrap_or("?"));
        words.collect::<Vec<_>>().join(" ")
    }

    pub fn result(&self) -> &str {
        self.report["result"].as_str().unwrap_or("none")
    }

    /// # Panics
    /// Another exit code: with all that the run said.
    #[track_caller]
    pub fn exits(self, code: i32) -> Self {
        assert_eq!(self.exit, code, "{self:#?}");
        self
    }

    /// # Panics
    /// The words are nowhere: with all that the run said.
    #[track_caller]
    pub fn saying(self, words: &str) -> Self {
        assert!(self.says(words), "nothing says {words:?}: {self:#?}");
        self
    }
}
