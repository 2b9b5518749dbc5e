//! Files of the repository that a proposal changes and that decide its verdict, by GitHub's own comparison.
#![expect(clippy::disallowed_methods, reason = "edge: asks where paths of the config lead in the checkout")]

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use crate::config::Config;
use crate::config::edits::goalposts::{Goalpost, goalposts, parts, touches};
use crate::config::edits::{Edit, Kind};
use crate::integrations::github::Github;
use crate::integrations::github::compare::Changes;
use crate::support::words::code;

/// Files by which git writes others into a checkout: filters, encodings, submodules.
const CHECKOUT: [&str; 3] = [".gitattributes", ".gitmodules", ".lfsconfig"];

/// Returns the files of the gate that the proposal rewrites in place; `places` says where in the repository a path may be.
///
/// Where the proposal's files are not all known, that is listed too.
pub fn touched(
    changes: &Changes,
    config: &Config,
    history: Option<&str>,
    places: &dyn Fn(&str) -> BTreeSet<String>,
) -> Vec<Edit> {
    let goalposts = goalposts(config, history);
    let names = |place: &str| {
        let mut names = changes.files.iter().flat_map(|file| [Some(&file.name), file.previous.as_ref()]).flatten();
        names.any(|name| touches(place, name))
    };
    let touched = goalposts.iter().filter(|one| places(&one.path).iter().any(|place| names(place)));
    let unlisted = changes.unknown.as_ref().filter(|_| !goalposts.is_empty()).map(|why| Edit {
        kind: Kind::Changed,
        rule: "the files that the gate measures against".to_owned(),
        setting: None,
        from: None,
        to: Some(format!("unknown: {why}")),
        at: None,
    });
    let rules = changes.files.iter().filter(|_| !goalposts.is_empty()).filter(|file| {
        let name = file.name.rsplit('/').next().unwrap_or_default();
        CHECKOUT.contains(&name)
    });
    let rules = rules.map(|file| Edit {
        kind: Kind::Changed,
        rule: "how files are checked out".to_owned(),
        setting: None,
        from: None,
        to: Some(format!("{} as this pull request has it", code(&file.name))),
        at: None,
    });
    touched.map(Goalpost::edit).chain(rules).chain(unlisted).collect()
}

/// Returns what a reviewer reads where the workflow is edited: its steps run before the gate, and write what it reads.
pub fn workflow(file: &str) -> Edit {
    let to = Some(format!("{} as this pull request has it", code(file)));
    Edit { kind: Kind::Changed, rule: "the workflow".to_owned(), setting: None, from: None, to, at: None }
}

/// Returns where in the repository a path of the config may be: as it is written, and where links in the checkout lead.
///
/// The checkout can only add places. A repository that is checked out into a folder has its root there.
pub fn places(github: &Github, path: &str) -> BTreeSet<String> {
    let here = std::env::current_dir().unwrap_or_default();
    let root = github.in_workspace("");
    let roots = [root.canonicalize().unwrap_or_else(|_| root.clone()), root.clone()];
    let full = here.join(path);
    let mut places = BTreeSet::new();
    for full in [resolved(&full), full] {
        let full = parts(&full.to_string_lossy()).join("/");
        for root in &roots {
            let root_name = parts(&root.to_string_lossy()).join("/");
            let Some(inside) = full.strip_prefix(&root_name) else { continue };
            if !(inside.is_empty() || inside.starts_with('/') || root_name.is_empty()) {
                continue;
            }
            let inside = inside.trim_start_matches('/');
            places.insert(inside.to_owned());
            places.extend(below_checkouts(root, inside));
        }
    }
    if places.is_empty() {
        places.insert(parts(path).join("/"));
    }
    places
}

/// The path from each folder on that is a checkout of its own.
pub fn below_checkouts(root: &Path, path: &str) -> Vec<String> {
    let all = parts(path);
    let is_checkout = |at: &usize| root.join(all[..*at].join("/")).join(".git").exists();
    (1..all.len()).filter(is_checkout).map(|at| all[at..].join("/")).collect()
}

/// The path with the links of what exists of it followed.
fn resolved(path: &Path) -> PathBuf {
    let existing = path.ancestors().find_map(|one| Some((one, one.canonicalize().ok()?)));
    match existing {
        Some((one, real)) => real.join(path.strip_prefix(one).unwrap_or(Path::new(""))),
        None => path.to_owned(),
    }
}
