//! Names under which tools keep credentials: what lies there is never data, although it lies in the workspace.
//!
//! `actions/checkout` leaves its token in `.git/config`, `google-github-actions/auth` a key in `gha-creds-*.json`.

use std::path::Path;

/// Folders and files, wherever in the workspace they lie.
const NAMES: [&str; 7] = [".git", ".docker", ".aws", ".azure", ".netrc", ".ssh", ".kube"];
/// The same below a folder of that name.
const NESTED: [(&str, &str); 1] = [(".config", "gcloud")];

/// The part of a path, relative to the workspace, under which credentials are kept.
pub fn part(below: &Path) -> Option<String> {
    let names: Vec<String> = below.iter().map(|name| name.to_string_lossy().to_lowercase()).collect();
    let nested = names.windows(2).find(|pair| NESTED.contains(&(&*pair[0], &*pair[1])));
    let own = names.iter().find(|name| NAMES.contains(&name.as_str()) || is_key(name)).cloned();
    own.or_else(|| nested.map(|pair| pair.join("/")))
}

fn is_key(name: &str) -> bool {
    name.starts_with("gha-creds-") && Path::new(name).extension().is_some_and(|extension| extension == "json")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_of_credentials_are_kept_out() {
        for (path, expected) in [
            (".git/config", Some(".git")),
            ("a/.git", Some(".git")),
            ("a/.GIT/config", Some(".git")),
            ("gha-creds-1.json", Some("gha-creds-1.json")),
            ("a/gha-creds-1.json/x.csv", Some("gha-creds-1.json")),
            (".config/gcloud/x", Some(".config/gcloud")),
            ("a/.ssh/x.csv", Some(".ssh")),
            (".github/x.csv", None),
            (".dvc/config", None),
            (".config/x", None),
            ("gcloud/x", None),
            ("gha-creds-1.csv", None),
            (".gitignore", None),
            ("data/a.csv", None),
            ("", None),
        ] {
            assert_eq!(part(Path::new(path)).as_deref(), expected, "{path}");
        }
    }
}
