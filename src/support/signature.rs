//! HMAC-SHA-256 signatures by `journal-key`, over values in one canonical form. Pure.

use std::fmt;

use hmac::{Hmac, KeyInit, Mac};
use serde_json::Value;
use sha2::Sha256;

use crate::support::problem::Problem;
use crate::support::sha256::hex;

/// The name of the variable that holds the keys where the input is not set.
pub const VARIABLE: &str = "MLGATE_JOURNAL_KEY";
/// Returns whether a config may name this variable as a secret to send: only those that are meant for it, and never
/// the keys, which would be sent to whoever the config names.
pub fn may_be_named(variable: &str) -> bool {
    variable.starts_with("MLGATE_") && variable != VARIABLE
}

/// Bytes of a key: a shorter one can be guessed.
const SHORTEST: usize = 16;

/// Keys that sign and verify: the first signs, all verify, so that a key can be replaced without losing a journal.
#[derive(Clone, PartialEq, Eq)]
pub struct SigningKeys(Vec<Vec<u8>>);

/// What a signature is of; one that was made for the one is not valid for the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    JournalEntry,
    ModelDigest,
}

impl Purpose {
    fn name(self) -> &'static str {
        match self {
            Self::JournalEntry => "mlgate journal entry, version 1",
            Self::ModelDigest => "mlgate model digest, version 1",
        }
    }
}

impl SigningKeys {
    /// Reads keys, one a line; none where every line is empty.
    ///
    /// # Errors
    /// A key has fewer than 16 bytes.
    pub fn parse(text: &str) -> Result<Option<Self>, Problem> {
        let keys: Vec<Vec<u8>> =
            text.lines().map(str::trim).filter(|line| !line.is_empty()).map(|line| line.as_bytes().to_vec()).collect();
        if let Some(short) = keys.iter().position(|key| key.len() < SHORTEST) {
            let said = format!(
                "key {} of `journal-key` has {} bytes, fewer than the minimum of {SHORTEST}",
                short + 1,
                keys[short].len()
            );
            return Err(Problem::new(said).hint("`openssl rand -hex 32` prints a key; keep it as a secret"));
        }
        Ok((!keys.is_empty()).then_some(Self(keys)))
    }

    /// Signs with the first key; in lower-case hexadecimal digits.
    pub fn sign(&self, purpose: Purpose, value: &Value) -> String {
        let mac = self.0.first().and_then(|key| mac(key, purpose, value));
        mac.map(|mac| hex(&mac.finalize().into_bytes())).unwrap_or_default()
    }

    /// Returns whether one of the keys made this signature; compared in constant time.
    pub fn verify(&self, purpose: Purpose, value: &Value, signature: &str) -> bool {
        let Some(signature) = bytes(signature) else { return false };
        self.0.iter().any(|key| mac(key, purpose, value).is_some_and(|mac| mac.verify_slice(&signature).is_ok()))
    }
}

/// Keys do not belong in messages.
impl fmt::Debug for SigningKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SigningKeys({})", self.0.len())
    }
}

fn mac(key: &[u8], purpose: Purpose, value: &Value) -> Option<Hmac<Sha256>> {
    // A key of any length will do: there is nothing that could fail.
    let mut mac = Hmac::<Sha256>::new_from_slice(key).ok()?;
    mac.update(purpose.name().as_bytes());
    mac.update(&[0]);
    mac.update(canonical(value).as_bytes());
    Some(mac)
}

/// Returns the value as JSON without blanks, the keys of every object in the order of their bytes: equal values have
/// equal texts, whatever wrote them.
pub fn canonical(value: &Value) -> String {
    let list = |parts: Vec<String>| parts.join(",");
    match value {
        Value::Object(map) => {
            let mut pairs: Vec<(&String, &Value)> = map.iter().collect();
            pairs.sort_by_key(|(key, _)| *key);
            let pairs =
                pairs.into_iter().map(|(key, value)| format!("{}:{}", Value::from(key.as_str()), canonical(value)));
            format!("{{{}}}", list(pairs.collect()))
        }
        Value::Array(values) => format!("[{}]", list(values.iter().map(canonical).collect())),
        plain => plain.to_string(),
    }
}

/// Bytes of hexadecimal digits.
fn bytes(text: &str) -> Option<Vec<u8>> {
    if !text.is_ascii() || !text.len().is_multiple_of(2) {
        return None;
    }
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(text.get(at..at + 2)?, 16).ok()).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn keys(text: &str) -> SigningKeys {
        SigningKeys::parse(text).unwrap().unwrap()
    }

    #[test]
    fn the_first_key_signs_and_all_verify() {
        let value = json!({ "b": [1, 2.5, null], "a": { "d": "x", "c": true } });
        let (old, new) = ("an old key of some length", "a new key of some length");
        let signed = keys(old).sign(Purpose::JournalEntry, &value);
        assert_eq!(signed.len(), 64);
        let both = keys(&format!("{new}\n  {old}  \n\n"));
        assert!(both.verify(Purpose::JournalEntry, &value, &signed));
        assert!(both.verify(Purpose::JournalEntry, &value, &signed.to_uppercase()));
        assert_ne!(both.sign(Purpose::JournalEntry, &value), signed);
        assert!(!keys(new).verify(Purpose::JournalEntry, &value, &signed));
        assert!(!both.verify(Purpose::ModelDigest, &value, &signed));
        for wrong in ["", "zz", "a", &signed[..62], &format!("{signed}00"), "é9"] {
            assert!(!both.verify(Purpose::JournalEntry, &value, wrong), "{wrong}");
        }
    }

    #[test]
    fn a_changed_value_has_another_signature_and_the_order_of_keys_none() {
        let keys = keys("0123456789abcdef");
        let signed = keys.sign(Purpose::JournalEntry, &json!({ "name": "risk", "n": 1 }));
        assert!(keys.verify(Purpose::JournalEntry, &json!({ "n": 1, "name": "risk" }), &signed));
        for other in [json!({ "n": 2, "name": "risk" }), json!({ "n": 1.0, "name": "risk" }), json!({ "name": "risk" })]
        {
            assert!(!keys.verify(Purpose::JournalEntry, &other, &signed), "{other}");
        }
        assert_eq!(
            canonical(&json!({ "b": "\"", "a": [{ "z": 1, "y": -0.5 }] })),
            r#"{"a":[{"y":-0.5,"z":1}],"b":"\""}"#
        );
    }

    /// By Python's `hmac.new(key, purpose + b"\0" + text, "sha256")`.
    #[test]
    fn it_is_the_hmac_of_purpose_and_text() {
        let signed = keys("0123456789abcdef").sign(Purpose::ModelDigest, &json!(["risk", "8", "f00d"]));
        assert_eq!(signed, "6cec31bd0f78e542cb101fc6efe9cd3287a7d78e10de35153201ecdea9ee902b");
    }

    #[test]
    fn no_config_can_have_the_keys_sent() {
        assert!(may_be_named("MLGATE_TOKEN"));
        assert!(!may_be_named("AWS_SECRET") && !may_be_named(VARIABLE));
    }

    #[test]
    fn a_short_key_is_refused_and_an_empty_one_is_none() {
        assert_eq!(SigningKeys::parse(" \n \n").unwrap(), None);
        let problem = SigningKeys::parse("0123456789abcdef\nshort").unwrap_err();
        assert_eq!(problem.message, "key 2 of `journal-key` has 5 bytes, fewer than the minimum of 16");
        assert!(!format!("{:?}", keys("0123456789abcdef")).contains("0123"));
    }
}
