//! An ONNX model, run in a process of its own.
#![expect(clippy::disallowed_methods, reason = "edge: starts a process and waits for it")]

pub mod child;
mod file;
mod means;
#[cfg(target_os = "linux")]
mod sandbox;
pub mod wire;

use std::io::{BufReader, BufWriter, Read};
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::thread::JoinHandle;

use means::LIBRARY_NAME;
pub use means::{MEMORY, Means, TIMEOUT};
use wire::{Ask, Frame, Inspected, Told};

use super::{Output, Port, Tensor};
use crate::integrations::artifact_digest::{self, beside};
use crate::support::problem::{Failure, Problem};
use crate::support::words::{self, code};
use crate::support::workspace::{InputFile, Workspace};

/// Protobuf's own limit, which no library gets around.
pub const LARGEST: u64 = artifact_digest::LARGEST_ONNX;
/// Bytes that one answer may have.
const MOST_ANSWERED: u64 = 2_000_000_000;
/// Bytes that are kept of what a process says while it dies.
const MOST_SAID: u64 = 64_000;

/// A model that was loaded, and the process it is in.
pub struct Onnx {
    process: Process,
    pub inputs: Vec<Port>,
    /// What keeps the process to itself, in a few words each.
    pub sandbox: Vec<String>,
    /// Lists of classes that the file holds.
    pub classes: Vec<Vec<String>>,
}

/// An artifact that can be loaded as often as it is needed.
#[derive(Debug, Clone)]
pub struct Artifact {
    /// As the user wrote it.
    pub shown: String,
    pub path: PathBuf,
    pub means: Means,
}

impl Artifact {
    /// Starts a process, looks at the file and loads it; `threads` of 0 are all there are.
    ///
    /// # Errors
    /// The outer one ends the run: values outside of the workspace. The inner one is the model's own.
    pub fn load(&self, threads: usize, workspace: &Workspace) -> Result<Result<Onnx, Problem>, Failure> {
        let unread = |error: std::io::Error| {
            Problem::new(format!("the model {} could not be read: {error}", code(&self.shown)))
                .hint("set `model.artifact`, or the input `artifact`")
        };
        let file = match workspace.open_path(&self.path)? {
            Ok(file) => file,
            Err(error) => return Ok(Err(unread(error))),
        };
        let (mut process, inspected) = match self.inspect(&file) {
            Ok(inspected) => inspected,
            Err(problem) => return Ok(Err(problem)),
        };
        let mut files = vec![file];
        for location in &inspected.external {
            match self.admit(location, workspace)? {
                Ok(file) => files.push(file),
                Err(problem) => return Ok(Err(problem)),
            }
        }
        let loaded = match process.ask(Ask::Load { threads }, Vec::new(), 0) {
            Ok(Frame { head: Told::Loaded { inputs, sandbox, .. }, .. }) => {
                Onnx { process, inputs, sandbox, classes: inspected.classes }
            }
            Ok(_) => return Ok(Err(process.confused())),
            Err(problem) => return Ok(Err(problem)),
        };
        // The library opens files by their names.
        Ok(match files.iter().find(|file| !file.is_in_place()) {
            None => Ok(loaded),
            Some(file) => {
                let path = code(&file.path().to_string_lossy());
                Err(Problem::new(format!("{path} changed while the model {} was loaded", code(&self.shown)))
                    .hint("let the step that writes it finish first"))
            }
        })
    }

    /// Returns the files that the model keeps values in, as it names them; it is read in a process of its own.
    ///
    /// # Errors
    /// It is not an ONNX model, or one that two readers would read differently.
    pub fn external_data(&self, file: &InputFile) -> Result<Vec<String>, Problem> {
        self.inspect(file).map(|(_, inspected)| inspected.external)
    }

    fn inspect(&self, file: &InputFile) -> Result<(Process, Inspected), Problem> {
        let mut process = self.start(file)?;
        match process.ask(Ask::Inspect, Vec::new(), 0)?.head {
            Told::Inspected(inspected) => Ok((process, inspected)),
            _ => Err(process.confused()),
        }
    }

    fn start(&self, file: &InputFile) -> Result<Process, Problem> {
        let model = code(&self.shown);
        if !file.is_regular() {
            return Err(Problem::new(format!("the model {model} is no file")));
        }
        if file.size() > LARGEST {
            return Err(Problem::new(format!(
                "the model {model} has {} bytes, and an ONNX file may have 2 GB",
                file.size()
            ))
            .hint("export it with its weights in files beside it (external data)"));
        }
        Process::start(&self.shown, file.real(), &self.means)
    }

    /// Opens a file that the model keeps values in: one of its own folder, that may be read.
    ///
    /// # Errors
    /// The outer one ends the run: a path that may not be read. The inner one is the model's own.
    pub fn admit(&self, location: &str, workspace: &Workspace) -> Result<Result<InputFile, Problem>, Failure> {
        let name = format!("the model {}", code(&self.shown));
        let refuse = |why: &str| Ok(Err(artifact_digest::misplaced(&name, location, why)));
        if beside(location).is_none() {
            return Ok(Err(artifact_digest::outside(&name, location)));
        }
        let folder = self.path.canonicalize().ok().and_then(|path| path.parent().map(Path::to_owned));
        let Some(folder) = folder else { return refuse("which is not there") };
        match workspace.open_path(&folder.join(location))? {
            Ok(file) if file.real().starts_with(&folder) && file.is_regular() => Ok(Ok(file)),
            Ok(_) => refuse("which leads out of its folder"),
            Err(_) => refuse("which is not there"),
        }
    }
}

impl Onnx {
    /// What the model says of these rows.
    ///
    /// # Errors
    /// It fails, takes too long, or takes its process with it.
    pub fn predict(&mut self, inputs: Vec<Tensor>, rows: usize) -> Result<Vec<Output>, Problem> {
        let inputs = inputs.into_iter().map(Output::Tensor).collect();
        match self.process.ask(Ask::Predict, inputs, rows)? {
            Frame { head: Told::Predicted, outputs, .. } => Ok(outputs),
            _ => Err(self.process.confused()),
        }
    }

    /// Nanoseconds of each of `rows` single predictions, in the order they were made.
    ///
    /// # Errors
    /// As [`Onnx::predict`].
    pub fn time(&mut self, inputs: Vec<Tensor>, rows: usize, warmup: usize) -> Result<Vec<u64>, Problem> {
        let inputs = inputs.into_iter().map(Output::Tensor).collect();
        match self.process.ask(Ask::Time { rows, warmup }, inputs, rows + warmup)? {
            Frame { head: Told::Timed(times), .. } if times.len() == rows => Ok(times),
            _ => Err(self.process.confused()),
        }
    }

    /// Bytes by which the process has grown at most since before it loaded the model.
    pub fn grown(&self) -> u64 {
        self.process.grown
    }
}

/// A model's process, and the thread that speaks to it.
struct Process {
    shown: String,
    path: PathBuf,
    child: Child,
    asks: Option<SyncSender<Frame<Ask>>>,
    answers: Receiver<std::io::Result<Frame<Told>>>,
    said: Option<JoinHandle<String>>,
    means: Means,
    grown: u64,
    /// Why nobody answers any more.
    gone: Option<Problem>,
}

impl Process {
    fn start(shown: &str, model: &Path, means: &Means) -> Result<Self, Problem> {
        let failed = |error: std::io::Error| {
            Problem::new(format!("no process for the model {} could be started: {error}", code(shown)))
        };
        // The model's process is of the same user, who could otherwise read this one's environment and memory.
        #[cfg(target_os = "linux")]
        let _ = rustix::process::set_dumpable_behavior(rustix::process::DumpableBehavior::NotDumpable);
        let mut command = Command::new(&means.program);
        command
            .args(["run-model", "--memory", &means.memory.to_string(), "--library", &means.library])
            .arg("--model")
            .arg(model)
            .env_clear()
            // Its Linux build (1.32, seen here) opens a database for what it reports home in the user's cache, as soon as it
            // is loaded; the API's own switch comes too late.
            .env("ORT_DISABLE_TELEMETRY", "1")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        if let Some(path) = &means.loader_path {
            command.env("LD_LIBRARY_PATH", path);
        }
        let mut child = command.spawn().map_err(failed)?;
        let pipes = (child.stdin.take(), child.stdout.take(), child.stderr.take());
        let (Some(to), Some(from), Some(errors)) = pipes else {
            return Err(Problem::new("a process has no pipes"));
        };
        let (asks, asked) = sync_channel::<Frame<Ask>>(1);
        let (answer, answers) = sync_channel(1);
        std::thread::spawn(move || {
            let (mut to, mut from) = (BufWriter::new(to), BufReader::new(from));
            for frame in asked {
                let said = wire::write(&mut to, &frame).and_then(|()| wire::read(&mut from, MOST_ANSWERED));
                let is_over = said.is_err();
                if answer.send(said).is_err() || is_over {
                    return;
                }
            }
        });
        let said = std::thread::spawn(move || {
            let (mut kept, mut errors) = (Vec::new(), errors);
            let _ = errors.by_ref().take(MOST_SAID).read_to_end(&mut kept);
            let _ = std::io::copy(&mut errors, &mut std::io::sink());
            String::from_utf8_lossy(&kept).into_owned()
        });
        let (shown, path, means) = (shown.to_owned(), model.to_owned(), means.clone());
        Ok(Self { shown, path, child, asks: Some(asks), answers, said: Some(said), means, grown: 0, gone: None })
    }

    fn ask(&mut self, ask: Ask, outputs: Vec<Output>, rows: usize) -> Result<Frame<Told>, Problem> {
        if let Some(problem) = &self.gone {
            return Err(problem.clone());
        }
        let frame = Frame { head: ask, outputs, grown: 0 };
        let is_sent = self.asks.as_ref().is_some_and(|asks| asks.send(frame).is_ok());
        if !is_sent {
            return Err(self.died());
        }
        match self.answers.recv_timeout(self.means.timeout) {
            Ok(Ok(frame)) => {
                self.grown = frame.grown;
                match frame.head {
                    Told::Failed(why) => Err(self.failed(&why)),
                    _ => Ok(frame),
                }
            }
            Ok(Err(_)) | Err(RecvTimeoutError::Disconnected) => Err(self.died()),
            Err(RecvTimeoutError::Timeout) => {
                let _ = self.child.kill();
                let what = if rows == 0 { "to load".to_owned() } else { format!("for {}", words::rows(rows as u64)) };
                let seconds = self.means.timeout.as_secs_f64();
                let said = format!("the model {} took over {seconds} s {what}, and was stopped", code(&self.shown));
                let problem = Problem::new(said).hint("`model.run.timeout_seconds` gives it more time");
                self.gone = Some(problem.clone());
                Err(problem)
            }
        }
    }

    fn failed(&self, why: &str) -> Problem {
        let path = self.path.to_string_lossy();
        // What the library says of a file names the whole path to it.
        let why = why.replace(&format!("Load model from {path} failed:"), "").replace(path.as_ref(), &self.shown);
        let why = why.as_str();
        if let Some(why) = why.strip_prefix(child::LIBRARY) {
            return Problem::new(format!("ONNX Runtime could not be loaded: {why}")).hint(format!(
                "the Action's image has it; elsewhere `pip download onnxruntime`, unzip {LIBRARY_NAME} out of the wheel, and \
                 set ORT_DYLIB_PATH to it or put it beside mlgate"
            ));
        }
        let problem = Problem::new(format!("the model {} failed: {why}", code(&self.shown)));
        if is_out_of_memory(why) { self.hint_memory(problem) } else { problem }
    }

    fn hint_memory(&self, problem: Problem) -> Problem {
        let megabytes = self.means.memory / 1_000_000;
        problem.hint(format!("it may take {megabytes} MB; `model.run.memory_mb` gives it more"))
    }

    /// The process is gone: how it ended.
    fn died(&mut self) -> Problem {
        let problem = self.post_mortem();
        self.gone = Some(problem.clone());
        problem
    }

    fn post_mortem(&mut self) -> Problem {
        self.asks = None;
        let _ = self.child.kill();
        let status = self.child.wait();
        let said = self.said.take().and_then(|said| said.join().ok()).unwrap_or_default();
        let last = said.lines().rev().find(|line| !line.trim().is_empty()).map(words::one_line);
        let how = match status.ok().map(|status| (status.signal(), status.code())) {
            Some((Some(signal), _)) => format!("was ended by signal {signal}{}", meaning(signal)),
            Some((None, Some(code))) => format!("ended with exit code {code}"),
            _ => "ended".to_owned(),
        };
        let why = last.map(|line| format!(": {}", words::cut(&words::visible(&line), 300))).unwrap_or_default();
        let problem = Problem::new(format!("the model {} crashed: its process {how}{why}", code(&self.shown)));
        if is_out_of_memory(&said) {
            return self.hint_memory(problem);
        }
        problem.hint("mlgate runs models apart from itself, so that only their own verdicts are lost")
    }

    fn confused(&self) -> Problem {
        Problem::new(format!("the process of the model {} answered something else", code(&self.shown)))
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.asks = None;
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn is_out_of_memory(said: &str) -> bool {
    let said = said.to_lowercase();
    ["bad_alloc", "memory allocation of", "failed to allocate", "out of memory", "bad allocation"]
        .iter()
        .any(|words| said.contains(words))
}

fn meaning(signal: i32) -> &'static str {
    match signal {
        4 => " (illegal instruction)",
        6 => " (abort)",
        7 => " (bus error)",
        8 => " (arithmetic error)",
        9 => " (killed)",
        11 => " (segmentation fault)",
        31 => " (a system call that models may not make)",
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn admitted(location: &str) -> Result<(), String> {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("model.onnx"), "").unwrap();
        std::fs::write(folder.path().join("weights.bin"), "").unwrap();
        std::os::unix::fs::symlink("/etc/passwd", folder.path().join("link.bin")).unwrap();
        let means = Means {
            library: String::new(),
            loader_path: None,
            memory: 0,
            timeout: Duration::ZERO,
            program: PathBuf::new(),
        };
        let artifact = Artifact { shown: "model.onnx".into(), path: folder.path().join("model.onnx"), means };
        artifact.admit(location, &Workspace::command_line()).unwrap().map(drop).map_err(|problem| problem.message)
    }

    #[test]
    fn a_model_keeps_values_beside_itself_or_nowhere() {
        assert_eq!(admitted("weights.bin"), Ok(()));
        for wrong in ["", "/etc/passwd", "../../etc/passwd", "link.bin", "gone.bin", "./../weights.bin"] {
            assert!(admitted(wrong).is_err(), "{wrong}");
        }
    }
}
