//! How each variant's version is read.

use super::Wrong;
use crate::config::rollout::{ArmsSection, RolloutSection, VersionSection};
use crate::rollout::query::Query;
use crate::support::words::code;

/// How a variant's version is read.
#[derive(Debug, Clone, PartialEq)]
pub enum VersionQuery {
    Http { url: String, pointer: String },
    Signal { query: Query, label: String },
}

/// Of stable and of the candidate.
pub(super) fn of(section: &RolloutSection, arms: &ArmsSection, wrong: &mut Wrong) -> [Option<VersionQuery>; 2] {
    let (variants, has_labels) =
        (&section.variants, section.signals.as_ref().is_none_or(|signals| signals.prometheus.is_some()));
    let variants = [("stable", &variants.stable, &arms.stable), ("candidate", &variants.candidate, &arms.candidate)];
    variants.map(|(name, variant, arm)| {
        let path = format!("variants.{name}.version");
        match query(&variant.as_ref()?.version, arm) {
            Ok(VersionQuery::Signal { .. }) if !has_labels => {
                wrong.at(&path, "only Prometheus has labels: take `url` and `pointer`");
                None
            }
            Ok(query) => Some(query),
            Err(why) => {
                wrong.at(&path, &why);
                None
            }
        }
    })
}

fn query(section: &VersionSection, arm: &str) -> Result<VersionQuery, String> {
    let VersionSection { url, pointer, signal, label } = section.clone();
    match (url, pointer, signal, label) {
        (Some(url), Some(pointer), None, None) => match fault(&pointer) {
            Some(why) => Err(format!("`pointer` {} {why}", code(&pointer))),
            None => Ok(VersionQuery::Http { url, pointer }),
        },
        (None, None, Some(signal), Some(label)) if !label.is_empty() => {
            Ok(VersionQuery::Signal { query: Query::new(&signal, arm), label })
        }
        _ => Err("set either `url` and `pointer`, or `signal` and `label`".to_owned()),
    }
}

/// What is wrong with a JSON pointer ([RFC 6901](https://www.rfc-editor.org/rfc/rfc6901)).
pub(super) fn fault(pointer: &str) -> Option<&'static str> {
    if !pointer.is_empty() && !pointer.starts_with('/') {
        return Some("does not start with `/`");
    }
    let is_escaped = |rest: &str| rest.starts_with(['0', '1']);
    let is_wrong = pointer.split('~').skip(1).any(|rest| !is_escaped(rest));
    is_wrong.then_some("has a `~` that is neither `~0` nor `~1`")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pointer_is_written_as_the_standard_says() {
        for right in ["", "/", "/model/version", "/a~1b/m~0n"] {
            assert_eq!(fault(right), None, "{right}");
        }
        assert!(fault("model.version").unwrap().contains("start with `/`"));
        assert!(fault("/a~2").unwrap().contains("neither `~0` nor `~1`"));
        assert!(fault("/a~").is_some());
    }

    #[test]
    fn a_version_is_read_in_one_way() {
        let some = |text: &str| Some(text.to_owned());
        let both = VersionSection { url: some("http://x"), pointer: some("/v"), signal: some("a"), label: some("v") };
        assert!(query(&both, "new").is_err());
        assert!(query(&VersionSection { label: None, url: None, pointer: None, ..both.clone() }, "new").is_err());
        let signal = VersionSection { url: None, pointer: None, signal: some("a{arm=\"{{arm}}\"}"), ..both };
        let Ok(VersionQuery::Signal { query, label }) = query(&signal, "new") else { panic!("not a signal") };
        assert_eq!((query.text.as_str(), label.as_str()), ("a{arm=\"new\"}", "v"));
    }
}
