//! Text that others wrote, as Markdown in which nothing of it is Markdown, HTML, a mention or a link.

use std::fmt::Write;

use crate::support::words;

/// GitHub notifies people and links issues after Markdown is rendered, so that no escape of
/// Markdown's helps: only a character in between does, and it has no width.
const BREAK: char = '\u{200b}';

/// A sentence in which names stand in backticks: the names become code, the rest plain text.
///
/// A backtick without its partner is text: a sentence of ours has none, a hostile one may.
pub fn sentence(text: &str, longest: usize) -> String {
    let text = words::cut(&words::one_line(&words::cut(text, longest)), longest);
    let mut out = String::with_capacity(2 * text.len());
    let mut rest = text.as_str();
    while let Some((before, name, after)) = first_name(rest) {
        out += &plain(before);
        out += &code(name);
        rest = after;
    }
    out + &plain(rest)
}

fn first_name(text: &str) -> Option<(&str, &str, &str)> {
    let (before, rest) = text.split_once('`')?;
    let (name, after) = rest.split_once('`')?;
    Some((before, name, after))
}

/// A name as `<code>`; a pair of backticks would leave `|`, and what it holds, alive in a table.
pub fn code(name: &str) -> String {
    format!("<code>{}</code>", spaced(&plain(name)))
}

/// Spaces that HTML would swallow are shown.
fn spaced(text: &str) -> String {
    let inner = text.trim_matches(' ');
    let (before, after) =
        (text.len() - text.trim_start_matches(' ').len(), text.len() - text.trim_end_matches(' ').len());
    if inner.is_empty() {
        return "&#160;".repeat(text.len());
    }
    format!("{}{}{}", "&#160;".repeat(before), inner.replace("  ", "&#160; "), "&#160;".repeat(after))
}

/// A text that is no sentence of ours.
pub fn plain(text: &str) -> String {
    let mut out = String::with_capacity(2 * text.len());
    let mut before = ' ';
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        let after = chars.peek().copied().unwrap_or(' ');
        match c {
            '@' | '#' => out.extend([c, BREAK]),
            // `GH-12` is an issue as `#12` is.
            '-' if out.len() >= 2 && out.as_bytes()[out.len() - 2..].eq_ignore_ascii_case(b"gh") => {
                out.extend([c, BREAK]);
            }
            '_' if before.is_alphanumeric() && after.is_alphanumeric() => out.push(c),
            // Addresses become links by themselves.
            '.' if before.eq_ignore_ascii_case(&'w') => entity(&mut out, c),
            ':' if after == '/' => entity(&mut out, c),
            '&' | '<' | '>' | '"' | '`' | '*' | '_' | '\\' | '|' | '~' | '$' | '[' | ']' => entity(&mut out, c),
            c if c.is_control() || words::is_invisible(c) => {
                let _ = write!(out, "&#92;u{{{:x}}}", c as u32);
            }
            c => out.push(c),
        }
        before = c;
    }
    out
}

fn entity(out: &mut String, c: char) {
    let _ = write!(out, "&#{};", c as u32);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: &str) {
        assert_eq!(sentence(text, 200), expected, "{text:?}");
    }

    #[test]
    fn names_in_backticks_become_code() {
        check("`income` is missing in 7.25 % of rows", "<code>income</code> is missing in 7.25 % of rows");
        check("`a` and `b`", "<code>a</code> and <code>b</code>");
        check("at least 1,000 (of +5); max_null_percent?", "at least 1,000 (of +5); max_null_percent?");
    }

    #[test]
    fn a_backtick_without_its_partner_is_text() {
        check("a ` b", "a &#96; b");
        check("`a` ` <b>", "<code>a</code> &#96; &#60;b&#62;");
    }

    #[test]
    fn nothing_foreign_is_markdown_html_or_a_link() {
        check("`<img src=x>|*_~$\\`", "<code>&#60;img src=x&#62;&#124;&#42;&#95;&#126;&#36;&#92;</code>");
        check("**b** [a](https://e.x) <b>", "&#42;&#42;b&#42;&#42; &#91;a&#93;(https&#58;//e.x) &#60;b&#62;");
        check("www.evil.example", "www&#46;evil.example");
        check("&lt;b>", "&#38;lt;b&#62;");
        check("_a_ a_b __", "&#95;a&#95; a_b &#95;&#95;");
    }

    #[test]
    fn nobody_is_notified_and_no_issue_is_linked() {
        check("@octocat `@octo/team`", "@\u{200b}octocat <code>@\u{200b}octo/team</code>");
        check("o/r#12 GH-12 gh-1", "o/r#\u{200b}12 GH-\u{200b}12 gh-\u{200b}1");
        check("a@b.example", "a@\u{200b}b.example");
    }

    #[test]
    fn foreign_text_stays_in_its_line_and_is_seen() {
        check("a\n\n# b\r| c |", "a # \u{200b}b &#124; c &#124;".replace("# \u{200b}", "#\u{200b} ").as_str());
        check("a\u{202e}b\u{0}", "a&#92;u{202e}b&#92;u{0}");
    }

    #[test]
    fn space_in_a_name_is_seen() {
        check("` a  b ` `` ` `", "<code>&#160;a&#160; b&#160;</code> <code></code> <code>&#160;</code>");
    }

    #[test]
    fn a_long_sentence_is_cut() {
        assert_eq!(sentence("`abc` def", 7), "<code>abc</code> d…");
        assert_eq!(sentence("`abcdef`", 3), "&#96;ab…");
    }
}
