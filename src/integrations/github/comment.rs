//! The one comment on a pull request that is made once and then kept current.

use serde_json::{Value, json};

use super::api::{Api, Ask, Denied};

/// The longest key; it stands in the comment, and in the name of the check run.
const LONGEST_KEY: usize = 100;

const READ: Ask = Ask { to: "read the pull request's comments", permission: "pull-requests: write" };
const WRITE: Ask = Ask { to: "comment on the pull request", permission: "pull-requests: write" };

/// A comment of ours.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Comment {
    pub id: u64,
    pub url: String,
    pub body: String,
}

/// Which comment is which gate's: the first line of it, invisible.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Marker(String);

impl Marker {
    /// Of a key that may hold anything; what could end an HTML comment is not kept.
    pub fn new(key: &str) -> Self {
        Self(format!("<!-- mlgate:{} -->", plain(key)))
    }

    pub fn text(&self) -> &str {
        &self.0
    }

    pub fn is_of(&self, body: &str) -> bool {
        body.lines().next().is_some_and(|first| first.trim_end() == self.0)
    }
}

/// A key as it stands in names: one line, no dashes in a row, nothing that HTML knows.
pub fn plain(key: &str) -> String {
    let mut out = String::new();
    for c in key.trim().chars().take(LONGEST_KEY) {
        let c = if c.is_alphanumeric() || " /._()+,".contains(c) { c } else { '-' };
        if !(c == '-' && out.ends_with('-')) {
            out.push(c);
        }
    }
    out.trim_matches('-').to_owned()
}

/// The newest comment with this marker that the token's own login wrote; anyone can write a marker.
///
/// # Errors
/// The comments could not be read, all of them.
pub async fn find(api: &Api, number: u64, marker: &Marker, login: &str) -> Result<Option<Comment>, Denied> {
    let comments = api.list(&format!("/issues/{number}/comments"), None, READ).await?;
    let ours = comments.iter().filter(|comment| is_by(&comment["user"], login)).filter_map(comment_of);
    Ok(ours.filter(|comment| marker.is_of(&comment.body)).max_by_key(|comment| comment.id))
}

/// Makes the comment say `body`: the `known` one, or a new one.
///
/// # Errors
/// The token may not, or no answer.
pub async fn put(
    api: &Api,
    number: u64,
    (marker, login): (&Marker, &str),
    known: Option<Comment>,
    body: &str,
) -> Result<Comment, Denied> {
    let text = json!({ "body": body });
    let mut known = known;
    let mut tried = 0;
    loop {
        tried += 1;
        if let Some(comment) = known.take() {
            match api.patch(&format!("/issues/comments/{}", comment.id), &text, WRITE).await {
                // Somebody deleted it meanwhile.
                Err(Denied::Missing(_)) => {}
                changed => return changed.map(|changed| comment_of(&changed).unwrap_or(comment)),
            }
        }
        match api.post(&format!("/issues/{number}/comments"), &text, WRITE).await {
            Ok(made) => {
                let made = comment_of(&made);
                return made
                    .ok_or_else(|| Denied::Unsure(crate::support::problem::Problem::new("GitHub answers no comment")));
            }
            // It may be there all the same: whoever asks twice without looking makes two.
            Err(Denied::Unsure(problem)) => {
                tokio::time::sleep(api.pause(tried)).await;
                known = find(api, number, marker, login).await?;
                if known.is_none() && tried >= api.tries() {
                    return Err(Denied::Unsure(problem));
                }
            }
            Err(wrong) => return Err(wrong),
        }
    }
}

fn comment_of(value: &Value) -> Option<Comment> {
    Some(Comment {
        id: value["id"].as_u64()?,
        url: value["html_url"].as_str().unwrap_or_default().to_owned(),
        body: value["body"].as_str().unwrap_or_default().to_owned(),
    })
}

/// Whether a user of the REST interface is the login that GraphQL names: there a bot may lack its `[bot]`.
pub fn is_by(user: &Value, login: &str) -> bool {
    let own = user["login"].as_str().unwrap_or_default();
    let bare = |login: &str| login.strip_suffix("[bot]").unwrap_or(login).to_owned();
    own == login || user["type"] == "Bot" && bare(own) == bare(login)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_cannot_leave_its_marker() {
        let marker = Marker::new("ci/gate --> <b>@x\n<!--data");
        assert_eq!(marker.text(), "<!-- mlgate:ci/gate - -b-x-data -->");
        assert!(marker.is_of("<!-- mlgate:ci/gate - -b-x-data -->\n### Passed"));
        assert!(!marker.is_of("### Passed\n<!-- mlgate:ci/gate - -b-x-data -->"));
        assert!(Marker::new("ci/gate/data") != Marker::new("ci/gate/model"));
    }

    #[test]
    fn a_person_cannot_be_taken_for_a_bot() {
        let bot = json!({ "login": "github-actions[bot]", "type": "Bot" });
        let person = json!({ "login": "github-actions", "type": "User" });
        for login in ["github-actions[bot]", "github-actions"] {
            assert!(is_by(&bot, login), "{login}");
        }
        assert!(!is_by(&person, "github-actions[bot]"));
        assert!(is_by(&person, "github-actions"));
    }
}
