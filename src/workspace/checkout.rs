//! Which commit a file was checked out of, without git: the image has none.
#![expect(clippy::disallowed_methods, reason = "edge: reads the files of .git")]

use std::path::{Path, PathBuf};

/// The commit of the work tree that the path lies in: of none there is none.
pub fn commit_of(path: &Path) -> Option<String> {
    let tree = path.ancestors().find(|folder| folder.join(".git").exists())?;
    head(&git_folder(&tree.join(".git"))?)
}

/// `.git` is a folder, or a file that says where it is (a submodule, a second work tree).
fn git_folder(git: &Path) -> Option<PathBuf> {
    if git.is_dir() {
        return Some(git.to_owned());
    }
    let text = std::fs::read_to_string(git).ok()?;
    let named = text.trim().strip_prefix("gitdir:")?.trim();
    Some(git.parent()?.join(named))
}

fn head(git: &Path) -> Option<String> {
    let text = std::fs::read_to_string(git.join("HEAD")).ok()?;
    let text = text.trim();
    let Some(reference) = text.strip_prefix("ref:").map(str::trim) else { return sha(text) };
    // A second work tree shares its references.
    let common = std::fs::read_to_string(git.join("commondir")).map(|path| git.join(path.trim()));
    let common = common.unwrap_or_else(|_| git.to_owned());
    if let Ok(text) = std::fs::read_to_string(common.join(reference)) {
        return sha(text.trim());
    }
    let packed = std::fs::read_to_string(common.join("packed-refs")).ok()?;
    let line = packed.lines().find(|line| line.split_once(' ').is_some_and(|(_, name)| name == reference))?;
    sha(line.split(' ').next()?)
}

fn sha(text: &str) -> Option<String> {
    (text.len() >= 40 && text.bytes().all(|byte| byte.is_ascii_hexdigit())).then(|| text.to_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    const SHA: &str = "6dcb09b5b57875f334f61aebed695e2e4193db5e";

    #[track_caller]
    fn check(files: &[(&str, &str)], path: &str, expected: Option<&str>) {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in files {
            let file = folder.path().join(name);
            fs::create_dir_all(file.parent().unwrap()).unwrap();
            fs::write(file, text).unwrap();
        }
        let root = folder.path().canonicalize().unwrap();
        assert_eq!(commit_of(&root.join(path)).as_deref(), expected, "{files:?}");
    }

    #[test]
    fn the_commit_is_found_wherever_git_keeps_it() {
        let line = format!("{SHA}\n");
        let packed = format!("# pack-refs with: peeled\n{SHA} refs/heads/main\n");
        check(&[(".git/HEAD", &line)], "data/a.csv", Some(SHA));
        check(&[(".git/HEAD", "ref: refs/heads/main\n"), (".git/refs/heads/main", &line)], "a.csv", Some(SHA));
        check(&[(".git/HEAD", "ref: refs/heads/main\n"), (".git/packed-refs", &packed)], "a.csv", Some(SHA));
        check(
            &[("sub/.git", "gitdir: ../.git/modules/sub\n"), (".git/modules/sub/HEAD", &line)],
            "sub/a.csv",
            Some(SHA),
        );
    }

    #[test]
    fn the_nearest_work_tree_counts() {
        let other = "0000000000000000000000000000000000000001";
        check(&[(".git/HEAD", SHA), ("pr/.git/HEAD", other)], "pr/data/a.csv", Some(other));
    }

    #[test]
    fn where_there_is_no_work_tree_there_is_no_commit() {
        check(&[("a.csv", "")], "a.csv", None);
        check(&[(".git/HEAD", "ref: refs/heads/gone\n")], "a.csv", None);
        check(&[(".git/HEAD", "nonsense")], "a.csv", None);
    }
}
