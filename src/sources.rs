//! The crate's own source, for tests that look for what must not be in it.
#![expect(clippy::disallowed_methods, reason = "edge: tests read the source")]

use std::path::{Path, PathBuf};

/// Returns the lines that hold one of the words, outside of tests and of these files: `path:line: text`.
///
/// `clippy.toml` forbids the same; but a file of the edge, which may touch the world, is exempt from that as a whole.
pub fn lines_with(words: &[&str], but: &[&str]) -> Vec<String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let (mut folders, mut files): (Vec<PathBuf>, Vec<PathBuf>) = (vec![root.clone()], Vec::new());
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() { folders.push(path) } else { files.push(path) }
        }
    }
    assert!(files.len() > 200, "{files:?}");
    let mut found = Vec::new();
    for path in files {
        let name = path.strip_prefix(&root).unwrap().to_string_lossy().into_owned();
        if but.contains(&name.as_str()) || name.contains("tests.rs") || name == "sources.rs" {
            continue;
        }
        let text = std::fs::read_to_string(&path).unwrap();
        let code = text.split("#[cfg(test)]\nmod tests").next().unwrap_or_default();
        for (at, line) in code.lines().enumerate() {
            if !line.trim_start().starts_with("//") && words.iter().any(|word| line.contains(word)) {
                found.push(format!("{name}:{}: {}", at + 1, line.trim()));
            }
        }
    }
    found
}
