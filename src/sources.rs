//! The crate's own source, for tests that look for what must not be in it.
#![expect(clippy::disallowed_methods, reason = "edge: tests read the source")]

use std::path::{Path, PathBuf};

/// Returns the lines that hold one of the words, outside of tests and of these files: `path:line: text`.
///
/// `clippy.toml` forbids the same; but a file of the edge, which may touch the world, is exempt from that as a whole.
pub fn lines_with(words: &[&str], but: &[&str]) -> Vec<String> {
    let mut found = Vec::new();
    for (name, text) in sources() {
        if but.contains(&name.as_str()) || name.contains("tests.rs") || name == "sources.rs" {
            continue;
        }
        let code = text.split("#[cfg(test)]\nmod tests").next().unwrap_or_default();
        for (at, line) in code.lines().enumerate() {
            if !line.trim_start().starts_with("//") && words.iter().any(|word| line.contains(word)) {
                found.push(format!("{name}:{}: {}", at + 1, line.trim()));
            }
        }
    }
    found
}

/// Returns the files of the crate, each by its path in `src` and with its text.
fn sources() -> Vec<(String, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let (mut folders, mut files): (Vec<PathBuf>, Vec<PathBuf>) = (vec![root.clone()], Vec::new());
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() { folders.push(path) } else { files.push(path) }
        }
    }
    assert!(files.len() > 200, "{files:?}");
    let named = |path: PathBuf| {
        let name = path.strip_prefix(&root).unwrap().to_string_lossy().into_owned();
        let text = std::fs::read_to_string(&path).unwrap();
        (name, text)
    };
    files.into_iter().map(named).collect()
}

/// The layers, from the one that nothing below may import down to the one that imports none: the list that ARCHITECTURE.md
/// shows.
fn layers() -> Vec<String> {
    let page = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/ARCHITECTURE.md")).unwrap();
    let block = page.split("```layers\n").nth(1).and_then(|rest| rest.split("```").next()).unwrap();
    block.lines().map(|line| line.split_whitespace().next().unwrap().to_owned()).collect()
}

/// Returns the paths of a crate's own modules that a source names, each as `room::module`; tests may name any.
fn imports(source: &str) -> Vec<String> {
    let code: String = source
        .split("#[cfg(test)]\nmod tests")
        .next()
        .unwrap_or_default()
        .lines()
        .filter(|line| !line.trim_start().starts_with("//"))
        .flat_map(|line| [line, "\n"])
        .collect();
    code.split("crate::")
        .skip(1)
        .flat_map(|rest| match rest.strip_prefix('{') {
            Some(list) => list.split('}').next().unwrap_or_default().split(',').map(str::trim).map(path).collect(),
            None => vec![path(rest)],
        })
        .collect()
}

fn path(text: &str) -> String {
    text.chars().take_while(|c| c.is_alphanumeric() || matches!(c, '_' | ':')).collect()
}

#[test]
fn no_import_runs_up() {
    let layers = layers();
    let place = |room: &str| layers.iter().position(|layer| layer == room);
    let mut upward = Vec::new();
    for (name, text) in sources().into_iter().filter(|(name, _)| !name.contains("tests")) {
        let room = name.split('/').next().unwrap_or_default().trim_end_matches(".rs");
        let Some(own) = place(room) else { continue };
        for import in imports(&text) {
            let other = import.split("::").next().unwrap_or_default();
            if place(other).is_some_and(|other| other < own) {
                upward.push(format!("{name} imports crate::{import}"));
            }
        }
    }
    assert_eq!(upward, [""; 0], "a layer may only import what stands below it in ARCHITECTURE.md");
}

#[test]
fn every_room_is_a_layer() {
    let lib = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/src/lib.rs")).unwrap();
    let mut rooms: Vec<&str> =
        lib.lines().filter_map(|line| line.strip_prefix("pub mod ")?.strip_suffix(';')).collect();
    let mut layers = layers();
    rooms.sort_unstable();
    layers.sort_unstable();
    assert_eq!(rooms, layers);
}

#[test]
fn paths_are_read_as_they_are_written() {
    let source = "use crate::a::{b, c};\n// crate::x\nuse crate::{d::e, f};\nfn g() { crate::h::i() }\n#[cfg(test)]\nmod tests { use crate::j; }";
    assert_eq!(imports(source), ["a::", "d::e", "f", "h::i"]);
}
