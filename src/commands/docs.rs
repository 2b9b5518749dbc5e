//! What is generated from the code: pages of checks, schemas, action.yml, README's tables.
//!
//! A test keeps the committed files current; `mlgate generate .` rewrites them.

use std::fmt::Write;
use std::path::PathBuf;

use clap::{Arg, CommandFactory};
use schemars::schema_for;
use serde_json::Value;

use crate::checks;
use crate::checks::check::{Gate, Registered};
use crate::cli::Cli;
use crate::cli::action::DEFAULTED;
use crate::config;
use crate::integrations::github::outputs::OUTPUTS;
use crate::report::Report;

/// Makes a file's text from the one it has now.
pub type Make = Box<dyn Fn(&str) -> String>;

/// Every generated file, by its path in the repository.
pub fn generated() -> Vec<(PathBuf, Make)> {
    let mut files: Vec<(PathBuf, Make)> = vec![
        ("mlgate.schema.json".into(), Box::new(|_| config_schema())),
        ("report.schema.json".into(), Box::new(|_| report_schema())),
        ("action.yml".into(), Box::new(action)),
        ("README.md".into(), Box::new(readme)),
    ];
    for check in checks::ALL {
        files.push((format!("docs/checks/{}.md", check.id).into(), Box::new(|_| page(check))));
    }
    files
}

/// A check's page: what its doc comment says, and its settings.
pub fn page(check: &Registered) -> String {
    let schema = (check.schema)().to_value();
    let text = schema["description"].as_str().unwrap_or_default();
    let mut out = format!("# {}\n\n{}\n", check.id, text.trim());
    let required: Vec<&str> =
        schema["required"].as_array().map(|list| list.iter().filter_map(Value::as_str).collect()).unwrap_or_default();
    if let Some(properties) = schema["properties"].as_object().filter(|properties| !properties.is_empty()) {
        out.push_str("\n## Settings\n\n| setting | type | default | meaning |\n|---|---|---|---|\n");
        for (name, property) in properties {
            let default = match &property["default"] {
                _ if required.contains(&name.as_str()) => "required".to_owned(),
                Value::Null => String::new(),
                Value::Array(list) if list.is_empty() => String::new(),
                value => format!("`{value}`"),
            };
            let meaning = property["description"].as_str().unwrap_or_default().replace('\n', " ");
            let _ = writeln!(out, "| `{name}` | {} | {default} | {meaning} |", type_of(property, &schema));
        }
    }
    let beside = match check.gate {
        Gate::Data => "`severity`, `name`, `on` and `waiver`",
        Gate::Model => "`severity`, `name` and `waiver`",
    };
    let _ = writeln!(out, "\nBeside the check an entry may have {beside}.");
    out
}

/// A setting's type in a few words.
fn type_of(property: &Value, schema: &Value) -> String {
    if let Some(name) = property["$ref"].as_str().and_then(|path| path.rsplit('/').next()) {
        return type_of(&schema["$defs"][name], schema);
    }
    if let Some(options) = property["oneOf"].as_array().or(property["anyOf"].as_array()) {
        let mut words: Vec<String> =
            options.iter().map(|option| type_of(option, schema)).filter(|word| word != "null").collect();
        words.dedup();
        return words.join(" or ");
    }
    if let Some(values) = property["enum"].as_array() {
        return values
            .iter()
            .map(|value| format!("`{}`", value.as_str().unwrap_or_default()))
            .collect::<Vec<_>>()
            .join(", ");
    }
    if let Some(value) = property["const"].as_str() {
        return format!("`{value}`");
    }
    let word = |word: &str| match word {
        "array" => format!("list of {}", type_of(&property["items"], schema)),
        "object" => "map".to_owned(),
        "string" => "text".to_owned(),
        "integer" => "whole number".to_owned(),
        "number" if property["maximum"] == 100 => "percent".to_owned(),
        other => other.to_owned(),
    };
    match &property["type"] {
        Value::String(one) => word(one),
        Value::Array(many) => {
            let words = many.iter().filter_map(Value::as_str).filter(|one| *one != "null").map(word);
            words.collect::<Vec<_>>().join(" or ")
        }
        _ => "any".to_owned(),
    }
}

/// `mlgate check --list-checks`: each check and what it claims.
pub fn list_of_checks() -> String {
    let width = checks::ALL.iter().map(|check| check.id.len()).max().unwrap_or(0);
    checks::ALL.iter().fold(String::new(), |mut out, check| {
        let _ = writeln!(out, "{:width$}  {}", check.id, claim(check));
        out
    })
}

/// The first paragraph of a check's page.
fn claim(check: &Registered) -> String {
    let schema = (check.schema)().to_value();
    let text = schema["description"].as_str().unwrap_or_default();
    text.split("\n\n").next().unwrap_or_default().replace('\n', " ")
}

pub fn config_schema() -> String {
    pretty(&config::schema::schema())
}

pub fn report_schema() -> String {
    pretty(&schema_for!(Report).to_value())
}

fn pretty(value: &Value) -> String {
    format!("{value:#}\n")
}

/// Inputs of the Action: those of `check` in the order of `--help`, then what else the other commands have. Name,
/// description, heading.
fn inputs() -> Vec<(String, String, String)> {
    const COMMANDS: [(&str, &str); 7] = [
        ("check", ""),
        ("comment", "Only with `command: comment`"),
        ("rollout", "Only with `command: rollout` or `promote`"),
        ("watch", "Only with `command: watch`"),
        ("status", "Only with `command: status`"),
        ("abort", "Only with `command: abort`, `pause`, `resume`, `approve`, `promote` or `rollback`"),
        ("rollback", "Only with `command: rollback`"),
    ];
    let cli = Cli::command();
    let described = |arg: &Arg, others: &str| {
        let name = arg.get_long().filter(|name| !matches!(*name, "list-checks" | "help" | "version"))?;
        let help = arg.get_help().map(ToString::to_string).unwrap_or_default();
        Some((name.to_owned(), help, arg.get_help_heading().unwrap_or(others).to_owned()))
    };
    let mut all: Vec<(String, String, String)> = Vec::new();
    for (name, others) in COMMANDS {
        let arguments = cli.find_subcommand(name).into_iter().flat_map(clap::Command::get_arguments);
        for input in arguments.filter_map(|argument| described(argument, others)) {
            if !all.iter().any(|known| known.0 == input.0) {
                all.push(input);
            }
        }
    }
    all
}

/// action.yml with its inputs and outputs made anew; the rest stays as it is.
fn action(now: &str) -> String {
    let quoted = |text: &str| Value::from(text).to_string();
    let mut part = String::from(
        "inputs:\n  command:\n    description: \"What to do: `check` judges, `comment` posts a report made elsewhere, `rollout` carries a model into production, `watch` watches it there, `rollback` takes it back, `status` shows what it does, `abort`, `pause`, `resume`, `approve` and `promote` are a person's word\"\n    default: check\n",
    );
    for (name, help, _) in inputs() {
        let _ = writeln!(part, "  {name}:\n    description: {}", quoted(&help));
        if name == DEFAULTED {
            part.push_str("    default: ${{ github.token }}\n");
        }
    }
    part.push_str("outputs:\n");
    for (name, help) in OUTPUTS {
        let _ = writeln!(part, "  {name}:\n    description: {}", quoted(help));
    }
    between(now, "# generated: inputs and outputs\n", "# end of generated\n", &part)
}

/// README with its tables made anew.
fn readme(now: &str) -> String {
    let mut inputs_table = String::from("| input | what it is |\n|---|---|\n");
    let mut heading = String::new();
    for (name, help, under) in inputs() {
        if under != heading {
            let _ = writeln!(inputs_table, "| **{under}** | |");
            heading = under;
        }
        let _ = writeln!(inputs_table, "| `{name}` | {} |", help.replace('|', "\\|"));
    }
    let mut outputs_table = String::from("| output | what it is |\n|---|---|\n");
    for (name, help) in OUTPUTS {
        let _ = writeln!(outputs_table, "| `{name}` | {help} |");
    }
    let mut checks_table = String::from("| check | what it claims |\n|---|---|\n");
    for check in checks::ALL {
        let _ = writeln!(checks_table, "| [`{0}`](docs/checks/{0}.md) | {1} |", check.id, claim(check));
    }
    let mut text = now.to_owned();
    for (name, table) in [("inputs", inputs_table), ("outputs", outputs_table), ("checks", checks_table)] {
        text = between(&text, &format!("<!-- generated: {name} -->\n"), "<!-- end of generated -->\n", &table);
    }
    text
}

/// The text with what stands between the two marks replaced.
fn between(text: &str, start: &str, end: &str, part: &str) -> String {
    let cut = text.find(start).and_then(|at| {
        let from = at + start.len();
        text[from..].find(end).map(|length| (from, from + length))
    });
    match cut {
        Some((from, to)) => format!("{}{part}{}", &text[..from], &text[to..]),
        None => text.to_owned(),
    }
}
