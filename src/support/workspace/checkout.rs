//! Which commit a file was checked out of, without git: the image has none.
#![expect(clippy::disallowed_methods, reason = "edge: reads the files of .git")]

use std::path::{Path, PathBuf};

use crate::support::words::code;

/// The one checkout whose files may be read: the workspace itself, of one commit.
///
/// A folder inside of it is never believed to be a checkout of that commit: whoever fills it, be it by an artifact that a later
/// step unpacks, writes its `.git` too.
#[derive(Debug, Clone)]
pub struct TrustedCheckout {
    sha: String,
    root: PathBuf,
}

impl TrustedCheckout {
    pub fn new(sha: &str, root: &Path) -> Self {
        let root = root.canonicalize().unwrap_or_else(|_| root.to_owned());
        Self { sha: sha.to_ascii_lowercase(), root }
    }

    /// Whether a canonical path lies in the checkout.
    ///
    /// # Errors
    /// What it is instead, to be said after "is".
    pub fn verify(&self, real: &Path) -> Result<(), String> {
        if !real.starts_with(&self.root) {
            return Err("outside of the workspace's checkout".to_owned());
        }
        let own = head_of(&self.root);
        match &own {
            Some(sha) if *sha == self.sha => {}
            Some(sha) => return Err(format!("of commit {}", code(sha))),
            None => return Err("not in a git checkout whose commit is known".to_owned()),
        }
        let inner = real.ancestors().take_while(|folder| *folder != self.root).find(|folder| has_git(folder));
        match inner {
            None => Ok(()),
            Some(folder) => {
                let name = folder.strip_prefix(&self.root).unwrap_or(folder);
                Err(format!("of another checkout, in {}", code(&name.to_string_lossy())))
            }
        }
    }
}

/// A link to nothing counts too: it can be filled later.
fn has_git(folder: &Path) -> bool {
    folder.join(".git").symlink_metadata().is_ok()
}

/// The commit that a work tree has checked out.
fn head_of(tree: &Path) -> Option<String> {
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

    const OTHER: &str = "0000000000000000000000000000000000000001";

    /// Whether the workspace, whose run is of `SHA`, vouches for the path.
    #[track_caller]
    fn check(files: &[(&str, &str)], path: &str, expected: Result<(), &str>) {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in files {
            let file = folder.path().join(name);
            fs::create_dir_all(file.parent().unwrap()).unwrap();
            fs::write(file, text).unwrap();
        }
        let root = folder.path().canonicalize().unwrap();
        let found = TrustedCheckout::new(SHA, folder.path()).verify(&root.join(path));
        assert_eq!(found, expected.map_err(ToOwned::to_owned), "{files:?}");
    }

    #[test]
    fn the_commit_is_found_wherever_git_keeps_it() {
        let line = format!("{SHA}\n");
        let packed = format!("# pack-refs with: peeled\n{SHA} refs/heads/main\n");
        check(&[(".git/HEAD", &line)], "data/a.csv", Ok(()));
        check(&[(".git/HEAD", "ref: refs/heads/main\n"), (".git/refs/heads/main", &line)], "a.csv", Ok(()));
        check(&[(".git/HEAD", "ref: refs/heads/main\n"), (".git/packed-refs", &packed)], "a.csv", Ok(()));
        check(&[(".git", "gitdir: elsewhere/.real\n"), ("elsewhere/.real/HEAD", &line)], "a.csv", Ok(()));
        check(&[(".git/HEAD", OTHER)], "a.csv", Err("of commit `0000000000000000000000000000000000000001`"));
    }

    #[test]
    fn what_a_folder_says_of_itself_is_not_believed() {
        let inner = Err("of another checkout, in `pr`");
        for head in [SHA, OTHER, "nonsense"] {
            check(&[(".git/HEAD", SHA), ("pr/.git/HEAD", head)], "pr/data/a.csv", inner);
        }
        check(&[(".git/HEAD", SHA), ("pr/.git", "gitdir: ../.git\n")], "pr/a.csv", inner);
        check(&[("pr/.git/HEAD", SHA)], "pr/data/a.csv", Err("not in a git checkout whose commit is known"));
        check(&[(".git/HEAD", SHA), ("pr/.git/HEAD", OTHER)], "data/a.csv", Ok(()));
    }

    #[test]
    fn where_there_is_no_work_tree_there_is_no_commit() {
        let none = Err("not in a git checkout whose commit is known");
        check(&[("a.csv", "")], "a.csv", none);
        check(&[(".git/HEAD", "ref: refs/heads/gone\n")], "a.csv", none);
        check(&[(".git/HEAD", "nonsense")], "a.csv", none);
    }
}
