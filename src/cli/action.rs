//! The inputs of an Action run (`INPUT_MIN-ROWS`) as the flags of a command line.

use std::ffi::OsString;

use clap::CommandFactory;

use super::Cli;
use crate::support::problem::{Problem, nearest};
use crate::support::words::code;

/// The input, besides `command`, that has a default in action.yml.
pub const DEFAULTED: &str = "github-token";

/// The command line that the inputs stand for; `inputs` are names and values of `INPUT_*` variables.
///
/// Empty means absent: GitHub passes an omitted input as the empty text.
///
/// # Errors
/// Every input that is not known, each with the nearest known name.
pub fn argv(inputs: impl IntoIterator<Item = (String, String)>) -> Result<Vec<OsString>, Vec<Problem>> {
    let mut given: Vec<(String, String)> = inputs
        .into_iter()
        .filter_map(|(name, value)| Some((name.strip_prefix("INPUT_")?.to_lowercase(), value)))
        .filter(|(_, value)| !value.trim().is_empty())
        .collect();
    given.sort();
    let command = given
        .iter()
        .position(|(name, _)| name == "command")
        .map_or_else(|| "check".to_owned(), |at| given.remove(at).1.trim().to_owned());

    let cli = Cli::command();
    let Some(definition) = cli.get_subcommands().find(|known| known.get_name() == command && !known.is_hide_set())
    else {
        let names: Vec<&str> =
            cli.get_subcommands().filter(|c| !c.is_hide_set()).map(clap::Command::get_name).collect();
        let near = nearest(&command, names.iter().copied())
            .map_or_else(|| format!("there are {}", names.join(", ")), |near| format!("did you mean `{near}`?"));
        return Err(vec![Problem::new(format!("input command: {} is no command", code(&command))).hint(near)]);
    };
    let positionals: Vec<&str> = definition.get_positionals().map(|argument| argument.get_id().as_str()).collect();
    let flags = definition.get_arguments().filter_map(clap::Arg::get_long);
    let known: Vec<&str> = flags.chain(positionals.iter().copied()).collect();
    let mut argv: Vec<OsString> = vec!["mlgate".into(), command.into()];
    let mut problems = Vec::new();
    let mut last: Vec<OsString> = Vec::new();
    for (name, value) in given {
        if positionals.contains(&name.as_str()) {
            last.extend(["--".into(), value.into()]);
        } else if known.contains(&name.as_str()) {
            argv.push(format!("--{name}={value}").into());
        } else if name == DEFAULTED {
            // Every command is given it, and most have no use for it.
        } else {
            let problem = Problem::new(format!("unknown input {}", code(&name)));
            problems.push(match nearest(&name, known.iter().copied()) {
                Some(near) => problem.hint(format!("did you mean `{near}`?")),
                None => problem.hint(format!("there are {}", known.join(", "))),
            });
        }
    }
    argv.extend(last);
    if problems.is_empty() { Ok(argv) } else { Err(problems) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(inputs: &[(&str, &str)]) -> Result<Vec<String>, String> {
        argv(inputs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())))
            .map(|argv| argv.into_iter().map(|arg| arg.into_string().unwrap()).collect())
            .map_err(|problems| problems[0].to_string())
    }

    #[test]
    fn inputs_are_flags_and_empty_is_absent() {
        assert_eq!(
            check(&[("INPUT_MIN-ROWS", "42"), ("INPUT_DATA", ""), ("HOME", "/root")]),
            Ok(["mlgate", "check", "--min-rows=42"].map(String::from).to_vec())
        );
        assert_eq!(
            check(&[("INPUT_COMMAND", "suggest"), ("INPUT_DATA", "a.csv")]),
            Ok(["mlgate", "suggest", "--", "a.csv"].map(String::from).to_vec())
        );
        let token = ("INPUT_GITHUB-TOKEN", "ghs_1");
        assert_eq!(check(&[("INPUT_COMMAND", "schema"), token]), Ok(["mlgate", "schema"].map(String::from).to_vec()));
        assert_eq!(check(&[token]).unwrap()[2], "--github-token=ghs_1");
    }

    #[test]
    fn a_value_is_never_a_flag() {
        assert_eq!(check(&[("INPUT_DATA", "--help")]).unwrap()[2], "--data=--help");
    }

    #[test]
    fn an_unknown_input_names_the_nearest() {
        assert_eq!(
            check(&[("INPUT_MIN_ROWS", "42")]),
            Err("unknown input `min_rows`\n  hint: did you mean `min-rows`?".into())
        );
    }
}
