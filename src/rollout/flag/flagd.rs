//! A file of flagd: everybody gets one variant (<https://flagd.dev/reference/flag-definitions/>).
#![expect(clippy::disallowed_methods, reason = "edge: replaces the file")]

use std::fs::{File, Metadata, Permissions};
use std::io::{Read, Write};
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::path::{Path, PathBuf};

use serde_json::{Map, Value};

use crate::support::problem::Problem;
use crate::support::words::{code, list};

const LARGEST: u64 = 10_000_000;
/// Permission for all others to read.
const READABLE: u32 = 0o004;

/// A feature in a file, and the variant that stable is.
#[derive(Debug, Clone)]
pub struct Flagd {
    pub path: PathBuf,
    /// The path as the user wrote it.
    pub shown: String,
    pub feature: String,
    pub variant: String,
}

impl Flagd {
    /// The variant that is the default now.
    ///
    /// # Errors
    /// There is no such file or feature.
    pub fn default_variant(&self) -> Result<String, Problem> {
        let all: Value = serde_json::from_str(&self.text()?).unwrap_or_default();
        let variant = flag(&all, &self.feature).and_then(|flag| flag["defaultVariant"].as_str());
        let missing = || self.about(Problem::new(format!("there is no default variant of {}", code(&self.feature))));
        variant.map(ToOwned::to_owned).ok_or_else(missing)
    }

    /// Makes the variant that stable is everybody's.
    ///
    /// # Errors
    /// As [`Flagd::set`].
    pub fn replace(&self) -> Result<String, Problem> {
        self.set(&self.variant)
    }

    /// Makes a variant everybody's, replaces the file, and reads it back.
    ///
    /// # Errors
    /// There is no such file, feature or variant, or the file cannot be replaced.
    pub fn set(&self, variant: &str) -> Result<String, Problem> {
        let text = self.text()?;
        let changed = with_variant(&text, &self.feature, variant).map_err(|problem| self.about(problem))?;
        self.put(&changed).map_err(|error| {
            let hint = "mlgate needs to write in its folder; of a container, mount the folder and not the file";
            Problem::new(format!("the flags {} could not be replaced: {error}", code(&self.shown))).hint(hint)
        })?;
        let found: Value = serde_json::from_str(&self.text()?).unwrap_or_default();
        let flag = flag(&found, &self.feature);
        if flag.is_none_or(|flag| flag["defaultVariant"] != variant || flag.get("targeting").is_some()) {
            let message = format!("the flags {} were replaced and say something else", code(&self.shown));
            return Err(Problem::new(message).hint("does something else write the file?"));
        }
        let (feature, variant) = (code(&self.feature), code(variant));
        let unused = flag.is_some_and(|flag| flag["state"] == "DISABLED");
        let unused = if unused { "; the flag is disabled, so what applications default to counts" } else { "" };
        Ok(format!("{feature} is {variant} for everybody in the flags {}{unused}", code(&self.shown)))
    }

    fn text(&self) -> Result<String, Problem> {
        let broken =
            |error: std::io::Error| Problem::new(format!("the flags {} could not be read: {error}", code(&self.shown)));
        let mut text = String::new();
        File::open(&self.path).map_err(broken)?.take(LARGEST + 1).read_to_string(&mut text).map_err(broken)?;
        if text.len() as u64 > LARGEST {
            return Err(Problem::new(format!("the flags {} are larger than {LARGEST} bytes", code(&self.shown))));
        }
        Ok(text)
    }

    /// At once, so that nobody reads half of it, and in the same folder, since only there it is at once.
    fn put(&self, text: &str) -> std::io::Result<()> {
        let before = self.path.symlink_metadata()?;
        if !before.is_file() {
            return Err(std::io::Error::other("it is a symlink, and what it leads to belongs to others"));
        }
        let folder = self.path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let permissions = Permissions::from_mode(before.permissions().mode());
        let mut beside =
            tempfile::Builder::new().prefix(".mlgate-").permissions(permissions.clone()).tempfile_in(folder)?;
        beside.write_all(text.as_bytes())?;
        // The umask took some away.
        beside.as_file().set_permissions(permissions)?;
        keep_owner(beside.path(), &before)?;
        beside.as_file().sync_all()?;
        beside.persist(&self.path).map(drop).map_err(|error| error.error)
    }

    fn about(&self, problem: Problem) -> Problem {
        Problem { message: format!("{} in the flags {}", problem.message, code(&self.shown)), ..problem }
    }
}

/// The owner before is the one who reads it, as long as not everybody may.
fn keep_owner(path: &Path, before: &Metadata) -> std::io::Result<()> {
    match chown(path, Some(before.uid()), Some(before.gid())) {
        Err(error) if before.mode() & READABLE == 0 => Err(error),
        _ => Ok(()),
    }
}

/// The same flags, with the variant as the feature's default and no targeting; keys stay in their order.
///
/// # Errors
/// There is no such feature or variant.
fn with_variant(text: &str, feature: &str, variant: &str) -> Result<String, Problem> {
    let mut all: Value = serde_json::from_str(text).map_err(|error| {
        Problem::new(format!("line {} column {} is no JSON", error.line(), error.column()))
            .hint("flagd reads YAML too, which would lose its comments here: let the file be JSON")
    })?;
    let Some(flag) = flag(&all, feature) else {
        let known = names(&all);
        let known = if known.is_empty() { "none".to_owned() } else { list(known.iter().map(String::as_str)) };
        return Err(Problem::new(format!("there is no feature {}", code(feature))).hint(format!("there are {known}")));
    };
    let variants = flag["variants"].as_object().map(Map::len).unwrap_or_default();
    if flag["variants"].get(variant).is_none() {
        let known: Vec<&str> =
            flag["variants"].as_object().into_iter().flatten().map(|(name, _)| name.as_str()).collect();
        let hint = if variants == 0 { "it has no variants".to_owned() } else { format!("it has {}", list(known)) };
        return Err(Problem::new(format!("{} has no variant {}", code(feature), code(variant))).hint(hint));
    }
    let own = match &mut all["flags"] {
        Value::Array(flags) => flags.iter_mut().find(|flag| flag["key"] == feature),
        flags => flags.get_mut(feature),
    };
    if let Some(Value::Object(flag)) = own {
        flag.insert("defaultVariant".into(), variant.into());
        flag.shift_remove("targeting");
    }
    serde_json::to_string_pretty(&all)
        .map(|text| text + "\n")
        .map_err(|error| Problem::new(format!("nothing can be written: {error}")))
}

/// `flags` is a map, or a list whose entries have a `key` (<https://flagd.dev/schema/v0/flags.json>).
fn flag<'a>(all: &'a Value, feature: &str) -> Option<&'a Value> {
    let found = match &all["flags"] {
        Value::Array(flags) => flags.iter().find(|flag| flag["key"] == feature),
        flags => flags.get(feature),
    };
    found.filter(|flag| flag.is_object())
}

fn names(all: &Value) -> Vec<String> {
    match &all["flags"] {
        Value::Array(flags) => flags.iter().filter_map(|flag| flag["key"].as_str()).map(ToOwned::to_owned).collect(),
        flags => flags.as_object().into_iter().flatten().map(|(name, _)| name.clone()).collect(),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use tempfile::TempDir;

    use super::*;

    const FLAGS: &str = r#"{
  "$schema": "https://flagd.dev/schema/v0/flags.json",
  "$evaluators": { "team": { "in": ["@example.org", { "var": "email" }] } },
  "flags": {
    "zebra": { "state": "ENABLED", "variants": { "on": 1.10, "off": 0 }, "defaultVariant": "on" },
    "model-version": {
      "state": "ENABLED",
      "variants": { "v2": "models:/churn/2", "v1": "models:/churn/1" },
      "defaultVariant": "v2",
      "targeting": { "fractional": [["v1", 75], ["v2", 25]] },
      "metadata": { "owner": "ml" }
    },
    "apple": { "state": "DISABLED", "variants": { "a": true, "b": false }, "defaultVariant": "b" }
  },
  "metadata": { "version": 12345678901234567890 }
}"#;

    /// A folder with the flags, and the lever on one of them.
    fn flags(text: &str, feature: &str, variant: &str) -> (TempDir, Flagd) {
        let folder = TempDir::new().unwrap();
        let path = folder.path().join("flags.json");
        std::fs::write(&path, text).unwrap();
        (folder, Flagd { path, shown: "flags.json".into(), feature: feature.into(), variant: variant.into() })
    }

    fn refused(text: &str, feature: &str, variant: &str) -> String {
        let (_folder, flagd) = flags(text, feature, variant);
        let said = flagd.replace().unwrap_err().to_string();
        assert_eq!(std::fs::read_to_string(&flagd.path).unwrap(), text, "it was changed");
        said
    }

    #[test]
    fn one_flag_changes_and_the_rest_stays_in_its_order() {
        let (folder, flagd) = flags(FLAGS, "model-version", "v1");
        assert_eq!(flagd.replace().unwrap(), "`model-version` is `v1` for everybody in the flags `flags.json`");
        let text = std::fs::read_to_string(&flagd.path).unwrap();
        let targeting = ",\n      \"targeting\": { \"fractional\": [[\"v1\", 75], [\"v2\", 25]] }";
        let expected = FLAGS.replace("\"defaultVariant\": \"v2\"", "\"defaultVariant\": \"v1\"").replace(targeting, "");
        assert_ne!(expected, FLAGS);
        let pretty =
            |text: &str| serde_json::to_string_pretty(&serde_json::from_str::<Value>(text).unwrap()).unwrap() + "\n";
        assert_eq!(text, pretty(&expected));
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1, "something was left beside it");
        assert!(flagd.replace().is_ok(), "what is so already can be said again");
        assert_eq!(std::fs::read_to_string(&flagd.path).unwrap(), text);
    }

    #[test]
    fn flags_in_a_list_are_found_by_their_keys() {
        let list = r#"{"flags": [{"key": "a", "variants": {"on": true}}, {"key": "b", "variants": {"on": 1, "off": 0}, "targeting": {}}]}"#;
        let (_folder, flagd) = flags(list, "b", "off");
        flagd.replace().unwrap();
        let found: Value = serde_json::from_str(&std::fs::read_to_string(&flagd.path).unwrap()).unwrap();
        assert_eq!(found["flags"][0], serde_json::json!({"key": "a", "variants": {"on": true}}));
        let expected = serde_json::json!({"key": "b", "variants": {"on": 1, "off": 0}, "defaultVariant": "off"});
        assert_eq!(found["flags"][1], expected);
        assert!(refused(list, "c", "off").contains("there are `a`, `b`"));
    }

    #[test]
    fn what_is_not_there_is_said_with_what_is() {
        assert_eq!(
            refused(FLAGS, "model_version", "v1"),
            "there is no feature `model_version` in the flags `flags.json`\n  hint: there are `zebra`, `model-version`, `apple`"
        );
        assert_eq!(
            refused(FLAGS, "model-version", "off"),
            "`model-version` has no variant `off` in the flags `flags.json`\n  hint: it has `v2`, `v1`"
        );
        assert!(refused("{}", "a", "b").contains("there are none"));
        assert!(refused("flags:\n  a: {}\n", "a", "b").contains("line 1 column 2 is no JSON"));
        assert!(refused(r#"{"flags": {"a": {"variants": {}}}}"#, "a", "b").contains("it has no variants"));
    }

    #[test]
    fn a_flag_that_is_disabled_is_said_to_be() {
        let (_folder, flagd) = flags(FLAGS, "apple", "a");
        assert!(flagd.replace().unwrap().ends_with("so what applications default to counts"));
    }

    #[test]
    fn who_may_read_it_still_may_and_nobody_else() {
        for mode in [0o600, 0o640, 0o664] {
            let (_folder, flagd) = flags(FLAGS, "model-version", "v1");
            std::fs::set_permissions(&flagd.path, Permissions::from_mode(mode)).unwrap();
            let before = flagd.path.metadata().unwrap();
            flagd.replace().unwrap();
            let after = flagd.path.metadata().unwrap();
            assert_eq!(after.mode() & 0o777, mode);
            assert_eq!((after.uid(), after.gid()), (before.uid(), before.gid()));
            assert_ne!(after.ino(), before.ino(), "it was written over, not replaced");
        }
    }

    #[test]
    fn a_symlink_is_not_written_through() {
        let (folder, flagd) = flags(FLAGS, "model-version", "v1");
        let link = folder.path().join("link.json");
        symlink(&flagd.path, &link).unwrap();
        let said = Flagd { path: link, ..flagd.clone() }.replace().unwrap_err();
        assert!(said.message.contains("symlink"), "{said}");
        assert_eq!(std::fs::read_to_string(&flagd.path).unwrap(), FLAGS);
    }

    #[test]
    fn a_file_that_is_not_there_is_said() {
        let (_folder, flagd) = flags(FLAGS, "model-version", "v1");
        std::fs::remove_file(&flagd.path).unwrap();
        assert!(
            flagd.replace().unwrap_err().message.starts_with("the flags `flags.json` could not be read: No such file")
        );
    }
}
