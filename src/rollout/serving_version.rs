//! Which version a variant answers with, and which it should. Pure.

use super::journal::Entry;
use super::{Outcome, Seen, Traffic};
use crate::support::words::code;

/// Which version a variant answers with.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum ServingVersion {
    /// The config does not say how to read it.
    #[default]
    NotConfigured,
    /// The versions that were read, each once: more than one where its servers differ.
    Versions(Vec<String>),
    /// It could not be read; why.
    Unknown(String),
}

/// What a variant's version comes to beside the one that it should be.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum VersionCheck {
    #[default]
    NotConfigured,
    Matched,
    /// It could not be read; why.
    Unproven(String),
    /// It is another one; both are named.
    Mismatch(String),
}

/// One of the two that share the traffic.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Variant {
    Stable,
    Candidate,
}

impl ServingVersion {
    /// The one version, where it is one.
    pub fn one(&self) -> Option<&str> {
        match self {
            Self::Versions(versions) if versions.len() == 1 => versions.first().map(String::as_str),
            _ => None,
        }
    }

    /// Compares it with the version that the variant should answer with; none where that is not known.
    pub fn check(&self, variant: Variant, expected: Option<&str>) -> VersionCheck {
        let subject = variant.subject();
        let versions = match self {
            Self::NotConfigured => return VersionCheck::NotConfigured,
            Self::Unknown(why) => {
                return VersionCheck::Unproven(format!("{subject} does not prove its version: {why}"));
            }
            Self::Versions(versions) => versions,
        };
        let is_expected = expected.is_none_or(|expected| versions.iter().all(|version| version == expected));
        if versions.len() == 1 && is_expected {
            return VersionCheck::Matched;
        }
        let shown: Vec<String> = versions.iter().map(|version| code(version)).collect();
        let (versions, role) = (shown.join(" and "), variant.role());
        VersionCheck::Mismatch(match expected {
            Some(expected) => format!("{subject} answers as version {versions}, and {} {role}", code(expected)),
            None => format!("{subject} answers as version {versions}"),
        })
    }
}

impl Variant {
    fn subject(self) -> &'static str {
        match self {
            Self::Stable => "stable",
            Self::Candidate => "the candidate",
        }
    }

    fn role(self) -> &'static str {
        match self {
            Self::Stable => "is the version in production",
            Self::Candidate => "is the version that is rolled out",
        }
    }
}

/// Compares what both variants answer with to what a rollout expects of them.
pub fn compare(entry: &Entry, seen: &mut Seen) {
    let candidate = Some(entry.version.as_str()).filter(|version| !version.is_empty());
    seen.candidate.version = seen.candidate.serving.check(Variant::Candidate, candidate);
    seen.stable.version = seen.stable.serving.check(Variant::Stable, entry.previous_version.as_deref());
}

/// What the versions of both come to: stable's counts while it has traffic.
pub fn judge(seen: &Seen, traffic: Traffic) -> VersionCheck {
    let (candidate, stable) = (&seen.candidate.version, &seen.stable.version);
    let both = [candidate, stable];
    let all = if traffic.weight < 100 { &both[..] } else { &both[..1] };
    let find = |is_it: fn(&VersionCheck) -> bool| all.iter().copied().find(|check| is_it(check));
    let worst = find(|check| matches!(check, VersionCheck::Mismatch(_)))
        .or_else(|| find(|check| matches!(check, VersionCheck::Unproven(_))))
        .or_else(|| find(|check| *check == VersionCheck::Matched));
    worst.cloned().unwrap_or_default()
}

/// Says what is wrong where the variant that has all of the traffic at the end answers with another version than the end says.
pub fn contradiction(entry: &Entry, outcome: Outcome, variant: Variant, serving: &ServingVersion) -> Option<String> {
    let expected = match (variant, outcome) {
        (Variant::Candidate, Outcome::Promoted) => Some(entry.version.as_str()).filter(|version| !version.is_empty()),
        (Variant::Stable, Outcome::RolledBack | Outcome::Aborted | Outcome::NoDifference) => {
            entry.previous_version.as_deref()
        }
        _ => None,
    };
    match serving.check(variant, Some(expected?)) {
        VersionCheck::Mismatch(why) => Some(why),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn versions(all: &[&str]) -> ServingVersion {
        ServingVersion::Versions(all.iter().map(|&version| version.to_owned()).collect())
    }

    #[test]
    fn a_mismatch_names_both_versions() {
        let check = |serving: ServingVersion, expected, wanted: VersionCheck| {
            assert_eq!(serving.check(Variant::Candidate, expected), wanted);
        };
        let mismatch = |why: &str| VersionCheck::Mismatch(why.to_owned());
        check(versions(&["9"]), Some("9"), VersionCheck::Matched);
        check(versions(&["9"]), None, VersionCheck::Matched);
        check(ServingVersion::NotConfigured, Some("9"), VersionCheck::NotConfigured);
        let rolled_out = "`9` is the version that is rolled out";
        check(
            versions(&["2"]),
            Some("9"),
            mismatch(&format!("the candidate answers as version `2`, and {rolled_out}")),
        );
        check(
            versions(&["2", "9"]),
            Some("9"),
            mismatch(&format!("the candidate answers as version `2` and `9`, and {rolled_out}")),
        );
        check(versions(&["2", "9"]), None, mismatch("the candidate answers as version `2` and `9`"));
        check(
            ServingVersion::Unknown("no answer".into()),
            Some("9"),
            VersionCheck::Unproven("the candidate does not prove its version: no answer".into()),
        );
    }
}
