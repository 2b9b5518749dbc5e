//! What a model's process may take.
#![expect(clippy::disallowed_methods, reason = "edge: asks where mlgate and the library are")]

use std::path::PathBuf;
use std::time::Duration;

/// What a process may take where nothing else is said: bytes, and the time for one request.
pub const MEMORY: u64 = 4_000_000_000;
pub const TIMEOUT: Duration = Duration::from_mins(1);
pub const LIBRARY_NAME: &str = if cfg!(target_os = "macos") { "libonnxruntime.dylib" } else { "libonnxruntime.so" };

/// What a process may take.
#[derive(Debug, Clone, PartialEq)]
pub struct Means {
    /// Where the library is, or its name for the loader.
    pub library: String,
    /// Where the loader looks.
    pub loader_path: Option<String>,
    /// Bytes.
    pub memory: u64,
    /// For one request.
    pub timeout: Duration,
    /// mlgate itself.
    pub program: PathBuf,
}

impl Means {
    /// Finds the library: `ORT_DYLIB_PATH`, beside the binary, or wherever the loader looks.
    pub fn new(variable: impl Fn(&str) -> Option<String>, memory: u64, timeout: Duration) -> Self {
        let beside = || {
            let binary = std::env::current_exe().ok()?;
            let path = binary.parent()?.join(LIBRARY_NAME);
            path.is_file().then(|| path.to_string_lossy().into_owned())
        };
        let library = variable("ORT_DYLIB_PATH").or_else(beside).unwrap_or_else(|| LIBRARY_NAME.to_owned());
        let program = std::env::current_exe().unwrap_or_default();
        Self { library, loader_path: variable("LD_LIBRARY_PATH"), memory, timeout, program }
    }
}
