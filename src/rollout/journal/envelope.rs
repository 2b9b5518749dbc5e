//! An entry as it is stored: with its number, on a branch the commit it was made on, and a signature over all of it.
//! Pure.

use serde_json::{Value, json};

use super::Entry;
use crate::support::signature::{Purpose, SigningKeys};

pub const SEQUENCE: &str = "sequence";
pub const PARENT: &str = "parent";
pub const SIGNATURE: &str = "signature";

/// Where an entry stands in the order of entries.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Position {
    /// From 1.
    pub sequence: u64,
    /// On a branch, the commit that it was made on.
    pub parent: Option<String>,
}

/// Whose word a stored text is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Proof {
    /// A signature by `journal-key` was verified.
    Signed,
    /// Neither a key nor a signature is there.
    Unsigned,
}

/// Why a stored text proves nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unproven {
    /// A key is there, and no signature.
    NotSigned,
    /// The signature is of another text, of another journal, or by another key.
    NotValid,
    /// A signature is there, and no key.
    NoKey,
}

/// Returns the text to store; `identity` is the journal's own, so that an entry is valid nowhere else.
///
/// # Errors
/// What serde says.
pub fn seal(
    entry: &Entry,
    position: &Position,
    identity: &str,
    keys: Option<&SigningKeys>,
) -> Result<String, serde_json::Error> {
    let mut value = serde_json::to_value(entry)?;
    value[SEQUENCE] = position.sequence.into();
    if let Some(parent) = &position.parent {
        value[PARENT] = parent.as_str().into();
    }
    // What is signed is what a reader finds: numbers as the text has them.
    let mut value: Value = serde_json::from_str(&value.to_string())?;
    if let Some(keys) = keys {
        value[SIGNATURE] = keys.sign(Purpose::JournalEntry, &message(&value, identity)).into();
    }
    Ok(value.to_string())
}

/// Verifies a stored value.
///
/// # Errors
/// It proves nothing.
pub fn verify(value: &Value, identity: &str, keys: Option<&SigningKeys>) -> Result<Proof, Unproven> {
    let Some(keys) = keys else {
        return if value[SIGNATURE].is_null() { Ok(Proof::Unsigned) } else { Err(Unproven::NoKey) };
    };
    let Some(signature) = value[SIGNATURE].as_str() else { return Err(Unproven::NotSigned) };
    if keys.verify(Purpose::JournalEntry, &message(value, identity), signature) {
        Ok(Proof::Signed)
    } else {
        Err(Unproven::NotValid)
    }
}

/// Returns where a stored value says that it stands.
pub fn position(value: &Value) -> Position {
    Position {
        sequence: value[SEQUENCE].as_u64().unwrap_or_default(),
        parent: value[PARENT].as_str().map(ToOwned::to_owned),
    }
}

fn message(value: &Value, identity: &str) -> Value {
    let mut entry = value.clone();
    if let Some(entry) = entry.as_object_mut() {
        entry.remove(SIGNATURE);
    }
    json!({ "journal": identity, "entry": entry })
}

#[cfg(test)]
mod tests {
    use super::super::tests::entry;
    use super::*;

    const OWN: &str = "mlflow risk";

    fn keys() -> SigningKeys {
        SigningKeys::parse("0123456789abcdef").unwrap().unwrap()
    }

    fn sealed(keys: Option<&SigningKeys>) -> Value {
        let position = Position { sequence: 3, parent: Some("a commit".into()) };
        serde_json::from_str(&seal(&entry(), &position, OWN, keys).unwrap()).unwrap()
    }

    #[test]
    fn every_value_of_an_entry_is_signed() {
        let value = sealed(Some(&keys()));
        assert_eq!(verify(&value, OWN, Some(&keys())), Ok(Proof::Signed));
        assert_eq!(position(&value).sequence, 3);
        let read: Entry = serde_json::from_value(value.clone()).unwrap();
        assert_eq!(read, entry());
        for key in value.as_object().unwrap().keys().filter(|key| *key != SIGNATURE) {
            let mut forged = value.clone();
            forged[key.as_str()] = json!("forged");
            assert_eq!(verify(&forged, OWN, Some(&keys())), Err(Unproven::NotValid), "{key}");
            let mut forged = value.clone();
            forged.as_object_mut().unwrap().remove(key);
            assert_eq!(verify(&forged, OWN, Some(&keys())), Err(Unproven::NotValid), "without {key}");
        }
        let mut more = value.clone();
        more["approved"] = json!(true);
        assert_eq!(verify(&more, OWN, Some(&keys())), Err(Unproven::NotValid));
        let mut deep = value.clone();
        deep["state"]["stage"] = json!(2);
        assert_eq!(verify(&deep, OWN, Some(&keys())), Err(Unproven::NotValid));
    }

    #[test]
    fn an_entry_is_valid_in_its_own_journal_and_by_its_own_key() {
        let (signed, unsigned) = (sealed(Some(&keys())), sealed(None));
        assert_eq!(verify(&signed, "mlflow other", Some(&keys())), Err(Unproven::NotValid));
        let other = SigningKeys::parse("fedcba9876543210").unwrap();
        assert_eq!(verify(&signed, OWN, other.as_ref()), Err(Unproven::NotValid));
        assert_eq!(verify(&signed, OWN, None), Err(Unproven::NoKey));
        assert_eq!(verify(&unsigned, OWN, None), Ok(Proof::Unsigned));
        assert_eq!(verify(&unsigned, OWN, Some(&keys())), Err(Unproven::NotSigned));
    }

    #[test]
    fn a_signature_outlives_reading_and_writing() {
        let mut odd = entry();
        (odd.started_at, odd.heartbeat_at) = (0.1 + 0.2, 1e21);
        let text = seal(&odd, &Position::default(), OWN, Some(&keys())).unwrap();
        let value: Value = serde_json::from_str(&text).unwrap();
        let again: Value = serde_json::from_str(&format!("{value:#}")).unwrap();
        assert_eq!(verify(&again, OWN, Some(&keys())), Ok(Proof::Signed));
    }
}
