//! Commands to the runner's log (<https://docs.github.com/actions/reference/workflow-commands-for-github-actions>). Pure.

use std::fmt::{self, Display};

use crate::support::words::one_line;

/// A command, escaped: one line that the runner takes as this command and no other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Command(String);

impl Command {
    /// Makes a command such as `error` with its properties and its message.
    pub fn new(name: &'static str, properties: &[(&'static str, String)], message: &str) -> Self {
        let properties: Vec<String> =
            properties.iter().map(|(name, value)| format!("{name}={}", property(value))).collect();
        let separator = if properties.is_empty() { "" } else { " " };
        Self(format!("::{name}{separator}{}::{}", properties.join(","), data(&visible(message))))
    }

    /// Makes the commands that hide a secret: one for each of its lines, since the log is written line by line.
    pub fn masks(secret: &str) -> Vec<Self> {
        let lines = secret.split(['\r', '\n']).filter(|line| !line.trim().is_empty());
        lines.map(|line| Self(format!("::add-mask::{}", escaped(line)))).collect()
    }
}

impl Display for Command {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Lines stay lines; what changes how text looks is seen.
pub fn visible(text: &str) -> String {
    text.split('\n').map(one_line).collect::<Vec<_>>().join("\n")
}

/// Escapes as the toolkit does (`escapeData` of @actions/core).
fn escaped(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

/// The runner also knows `##[…]`, anywhere in a line.
fn data(text: &str) -> String {
    escaped(text).replace("##[", "# #[")
}

fn property(text: &str) -> String {
    data(&visible(text)).replace(':', "%3A").replace(',', "%2C")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn foreign_text_stays_inside_its_command() {
        let properties = [("file", "a,b:c.yml".to_owned()), ("title", "x::y\u{1b}[31m\u{202e}".to_owned())];
        assert_eq!(
            Command::new("error", &properties, "100 %\n::set-output name=a::b\r##[error]\u{200b}\u{1b}]0;").to_string(),
            "::error file=a%2Cb%3Ac.yml,title=x%3A%3Ay\\u{1b}[31m\\u{202e}::100 %25%0A::set-output name=a::b # \
             #[error]\\u{200b}\\u{1b}]0;"
        );
        assert_eq!(Command::new("notice", &[], "x").to_string(), "::notice::x");
    }

    #[test]
    fn every_line_of_a_secret_is_hidden() {
        let masks = |secret: &str| Command::masks(secret).iter().map(ToString::to_string).collect::<Vec<_>>();
        assert_eq!(masks("one 50%\r\n\n two%0A\n \n"), ["::add-mask::one 50%25", "::add-mask:: two%250A"]);
        assert!(masks("\n").is_empty());
    }
}
