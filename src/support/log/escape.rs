//! Texts that a terminal and the runner's log take as nothing but text. Pure.

use std::fmt::Write;

use crate::support::words::is_invisible;

/// Makes a text safe for a terminal and for the runner's log, where its lines begin at the start of a line.
///
/// What would be a log command (`::` behind the white space that the runner trims, `##[` anywhere) is broken visibly;
/// control characters, escape sequences, bidirectional and zero-width characters appear as `\u{…}`. Lines stay lines.
pub fn plain(text: &str) -> String {
    escaped(text, false)
}

/// As [`plain`], for a text with styles: sequences that only colour (`ESC [ … m`) stay, and what is left when they are
/// taken out is safe too.
pub fn styled(text: &str) -> String {
    escaped(text, true)
}

fn escaped(text: &str, keeps_styles: bool) -> String {
    let mut out = String::with_capacity(text.len());
    // Whether only white space came in this line; and how many `:` or `#` just came, as far as they matter.
    let (mut at_start, mut hashes) = (true, 0);
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        if keeps_styles && let Some(length) = style(rest) {
            out.push_str(&rest[..length]);
            rest = &rest[length..];
            continue;
        }
        let is_command = match c {
            ':' => at_start && without_styles(&rest[1..], keeps_styles).starts_with(':'),
            '[' => hashes >= 2,
            _ => false,
        };
        if c != '\n' && c != '\t' && (is_command || c.is_control() || is_invisible(c)) {
            let _ = write!(out, "\\u{{{:x}}}", c as u32);
        } else {
            out.push(c);
        }
        at_start = c == '\n' || at_start && c.is_whitespace();
        hashes = if c == '#' { hashes + 1 } else { 0 };
        rest = &rest[c.len_utf8()..];
    }
    out
}

/// Makes JSON safe in the same way and leaves it the same JSON: what [`plain`] would escape stands in texts only, where JSON
/// has escapes of its own.
pub fn json(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if c != '\n' && (c.is_control() || is_invisible(c)) {
            c.encode_utf16(&mut [0; 2]).iter().for_each(|unit| {
                let _ = write!(out, "\\u{unit:04x}");
            });
        } else {
            out.push(c);
        }
    }
    out.replace("##[", "#\\u0023[")
}

/// Bytes of the sequence that colours at the start of a text (ECMA-48, SGR), if there is one.
fn style(text: &str) -> Option<usize> {
    let inside = text.strip_prefix("\u{1b}[")?;
    let length = inside.find(|c: char| !c.is_ascii_digit() && c != ';')?;
    inside[length..].starts_with('m').then_some(2 + length + 1)
}

fn without_styles(mut text: &str, keeps_styles: bool) -> &str {
    while keeps_styles && let Some(length) = style(text) {
        text = &text[length..];
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_runner_finds_no_command_in_safe_text() {
        for (text, safe) in [
            ("::error::x", "\\u{3a}:error::x"),
            ("ok\n \t::set-env name=A::b", "ok\n \t\\u{3a}:set-env name=A::b"),
            ("\u{a0}\u{3000}::set-env name=A::b", "\u{a0}\u{3000}\\u{3a}:set-env name=A::b"),
            ("\u{200b}::error::x", "\\u{200b}::error::x"),
            ("\u{2028}::error::x", "\\u{2028}\\u{3a}:error::x"),
            ("a ##[group]b", "a ##\\u{5b}group]b"),
            ("###[set-output name=x]y", "###\\u{5b}set-output name=x]y"),
            ("a\r::error::b\u{1b}]0;x\u{7}", "a\\u{d}::error::b\\u{1b}]0;x\\u{7}"),
            ("a\u{85}::x \u{202e}b", "a\\u{85}::x \\u{202e}b"),
            ("std::fmt at 10::20", "std::fmt at 10::20"),
            (": a\n:", ": a\n:"),
        ] {
            assert_eq!(plain(text), safe);
            assert_eq!(plain(&plain(text)), safe, "{text:?}");
        }
    }

    #[test]
    fn json_stays_the_same_json() {
        let value = serde_json::json!({ "##[group]::error::\u{1b}[31m\u{202e}\u{e0001}\u{85}\r\n": "###[x] é" });
        let text = json(&format!("{value:#}\n"));
        assert_eq!(serde_json::from_str::<serde_json::Value>(&text).unwrap(), value);
        assert_eq!(plain(&text), text);
    }

    #[test]
    fn what_mlgate_prints_of_its_own_comes_out_as_it_is() {
        let pages = crate::checks::ALL.iter().map(crate::commands::docs::page);
        for text in pages.chain([crate::commands::docs::config_schema(), crate::commands::docs::list_of_checks()]) {
            assert_eq!(plain(&text), text);
        }
    }

    #[test]
    fn styles_stay_and_hide_nothing() {
        assert_eq!(styled("\u{1b}[1;31merror:\u{1b}[0m x"), "\u{1b}[1;31merror:\u{1b}[0m x");
        assert_eq!(styled("\u{1b}[1m::error::x"), "\u{1b}[1m\\u{3a}:error::x");
        assert_eq!(styled(":\u{1b}[1m:error::x"), "\\u{3a}\u{1b}[1m:error::x");
        assert_eq!(styled("#\u{1b}[1m#\u{1b}[0m[group]"), "#\u{1b}[1m#\u{1b}[0m\\u{5b}group]");
        assert_eq!(styled("\u{1b}[2J\u{1b}]0;x\u{7}"), "\\u{1b}[2J\\u{1b}]0;x\\u{7}");
        assert_eq!(styled("\u{1b}["), "\\u{1b}[");
    }
}
