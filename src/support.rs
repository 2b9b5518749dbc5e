//! Used everywhere: problems, words, limits, the door to the file system, the voice to the terminal.

pub mod decimal;
pub mod limit;
pub mod log;
pub mod problem;
pub mod settings;
pub mod sha256;
pub mod signature;
pub mod words;
pub mod workspace;
