//! The files that a proposal changes, by GitHub's own comparison of its two ends:
//! docs.github.com/en/rest/commits/commits#compare-two-commits.

use serde_json::Value;

use super::api::{Api, Ask, encoded};

/// GitHub lists so many files of a comparison, on its first page alone.
const COMPARED: usize = 300;
/// And so many of a pull request.
const LISTED: usize = 3000;

/// What a proposal changes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Changes {
    pub files: Vec<ChangedFile>,
    /// Why there may be more of them, where there may.
    pub unknown: Option<String>,
}

/// One file that a proposal adds, edits, renames or removes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChangedFile {
    pub name: String,
    /// What it was called before.
    pub previous: Option<String>,
    pub is_removed: bool,
}

impl Changes {
    /// Returns what is not known of a proposal, and why.
    pub fn unknown(why: &str) -> Self {
        Self { files: Vec::new(), unknown: Some(why.to_owned()) }
    }

    /// Returns whether a file of that name is known to be changed.
    pub fn has(&self, name: &str) -> bool {
        self.files.iter().any(|file| file.name == name)
    }
}

impl ChangedFile {
    /// Returns the name that the file has at the base, where it is there.
    pub fn base_name(&self) -> &str {
        self.previous.as_deref().unwrap_or(&self.name)
    }
}

/// Returns the files that differ between the head and the commit where it left the base.
///
/// A pull request of more files than a comparison lists is asked for by its number. What could not be learned is said in
/// the answer: nothing that depends on it may take it for no change.
pub async fn changes(api: &Api, (base, head): (&str, &str), pull_request: Option<u64>) -> Changes {
    const MORE: &str = "there are more than GitHub lists";
    let ask = Ask { to: "compare the base with the head", permission: "contents: read" };
    let route = format!("/compare/{}...{}?per_page=1", encoded(base), encoded(head));
    let compared = match api.get_json(&route, ask).await {
        Ok(compared) if compared["files"].is_array() => compared,
        Ok(_) => return Changes::unknown("GitHub lists no files of the comparison"),
        Err(denied) => return Changes::unknown(&denied.problem().message),
    };
    let files = files_of(&compared["files"]);
    if files.len() < COMPARED {
        return Changes { files, unknown: None };
    }
    let Some(number) = pull_request else { return Changes { files, unknown: Some(MORE.to_owned()) } };
    let ask = Ask { to: "list the pull request's files", permission: "pull-requests: read" };
    match api.list(&format!("/pulls/{number}/files"), None, ask).await {
        Ok(listed) => {
            let unknown = (listed.len() >= LISTED).then(|| MORE.to_owned());
            Changes { files: files_of(&Value::Array(listed)), unknown }
        }
        Err(denied) => Changes { files, unknown: Some(format!("{MORE}, and {}", denied.problem().message)) },
    }
}

fn files_of(listed: &Value) -> Vec<ChangedFile> {
    let text = |value: &Value| value.as_str().filter(|text| !text.is_empty()).map(ToOwned::to_owned);
    let file = |entry: &Value| {
        Some(ChangedFile {
            name: text(&entry["filename"])?,
            previous: text(&entry["previous_filename"]),
            is_removed: entry["status"] == "removed",
        })
    };
    listed.as_array().into_iter().flatten().filter_map(file).collect()
}
