//! Files that decide a verdict beside what is judged: the tables and numbers that it is held against, or rests on.

use glob::Pattern;
use serde_yaml::Value;

use super::{Edit, Kind};
use crate::config::{Config, Entry};
use crate::support::words::code;

/// A file, folder or glob, and the setting that names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Goalpost {
    pub setting: String,
    pub path: String,
}

/// Returns the files that the config and the input `history` name, but for the table and the model that are judged.
pub fn goalposts(config: &Config, history: Option<&str>) -> Vec<Goalpost> {
    let baseline = config.model.baseline.as_ref().and_then(|baseline| baseline.path.as_deref());
    let predictions = config.model.predictions.as_ref().and_then(|predictions| predictions.path.as_deref());
    let named = [
        ("data.reference", config.data.reference.as_deref()),
        ("data.test", config.data.test.as_deref()),
        ("model.baseline", baseline),
        ("model.metrics", config.model.metrics.as_deref()),
        ("model.predictions", predictions),
        ("history", history),
    ];
    let named = named.into_iter().filter_map(|(setting, path)| Some((code(setting), path?.to_owned())));
    let of_entries = config.entries.iter().flat_map(files_of);
    named.chain(of_entries).map(|(setting, path)| Goalpost { setting, path }).collect()
}

/// The settings of an entry that name a file, as far as that can be told from a text.
fn files_of(entry: &Entry) -> Vec<(String, String)> {
    let mut found = Vec::new();
    for (key, value) in &entry.settings {
        let Some(key) = key.as_str() else { continue };
        let texts: Vec<&str> = match value {
            Value::String(text) => vec![text],
            Value::Sequence(list) => list.iter().filter_map(Value::as_str).collect(),
            _ => Vec::new(),
        };
        let is_path = |text: &&str| ["cases", "path"].contains(&key) || text.contains(['/', '.']);
        let setting = format!("{} of {}", code(key), code(entry.check.id));
        found.extend(texts.into_iter().filter(is_path).map(|text| (setting.clone(), text.to_owned())));
    }
    found
}

impl Goalpost {
    /// Returns what a reviewer reads where a proposal changes the file.
    pub fn edit(&self) -> Edit {
        Edit {
            kind: Kind::Changed,
            rule: format!("the file of {}", self.setting),
            setting: None,
            from: None,
            to: Some(format!("{} as this pull request has it", code(&self.path))),
            at: None,
        }
    }
}

/// Returns whether a changed file is what the path names, lies below it, or leads there: a link or a submodule on the way.
///
/// Both start at the root of the repository. A file of DVC stands for what it points to.
pub fn touches(path: &str, file: &str) -> bool {
    let leads = |file: &str| {
        for (wanted, part) in parts(path).into_iter().zip(parts(file)) {
            let is_match = |pattern: Pattern| pattern.matches(part);
            match wanted {
                "**" => return true,
                wanted if wanted == part || Pattern::new(wanted).is_ok_and(is_match) => {}
                _ => return false,
            }
        }
        true
    };
    leads(file) || file.strip_suffix(".dvc").is_some_and(leads)
}

/// The names of a path, with what goes up and down again left out.
pub fn parts(path: &str) -> Vec<&str> {
    let mut parts = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::document::Document;

    #[test]
    fn a_path_is_touched_by_what_it_names_and_by_what_leads_there() {
        let check = |path: &str, touching: &[&str], other: &[&str]| {
            for file in touching {
                assert!(touches(path, file), "{path}: {file}");
            }
            for file in other {
                assert!(!touches(path, file), "{path}: {file}");
            }
        };
        check("ref.csv", &["ref.csv", "ref.csv.dvc"], &["ref.csv2", "data/ref.csv", "ref"]);
        check("./a/../refs//x.csv", &["refs/x.csv", "refs", "refs.dvc"], &["a", "refs/y.csv"]);
        check("refs/*.csv", &["refs/x.csv", "refs"], &["refs/x.txt", "other/x.csv"]);
        check("refs/[ab].csv", &["refs/a.csv", "refs/[ab].csv"], &["refs/c.csv"]);
        check("refs", &["refs/deep/x.csv"], &["refs2/x.csv"]);
        check("refs/**/x.csv", &["refs/1/2/x.csv"], &["other/x.csv"]);
        check(".", &["anything"], &[]);
    }

    #[test]
    fn every_file_beside_what_is_judged_is_a_goalpost() {
        let text = "
data: { path: d.csv, reference: r.csv, test: t.csv, checks: [expression: { sql: 'a > 0' }] }
model:
  artifact: m.onnx
  metrics: m.json
  predictions: p.csv
  baseline: b.csv
  checks: [expected: { cases: cases }, metric: { name: accuracy, min: 0.5 }]
";
        let mut problems = Vec::new();
        let config = Config::read(&Document::parse("mlgate.yml", text).unwrap(), &mut problems);
        assert_eq!(problems, []);
        let found = goalposts(&config, Some("runs.jsonl"));
        let paths: Vec<&str> = found.iter().map(|one| one.path.as_str()).collect();
        assert_eq!(paths, ["r.csv", "t.csv", "b.csv", "m.json", "p.csv", "runs.jsonl", "cases"]);
        assert_eq!(
            found[6].edit().said(),
            "the file of `cases` of `expected` none → `cases` as this pull request has it"
        );
    }
}
