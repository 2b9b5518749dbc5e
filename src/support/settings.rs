//! Reads a map of settings into a type: every field that is wrong is listed, with its path and the nearest name.

use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use serde_yaml::{Mapping, Value};

use crate::support::problem::nearest;
use crate::support::words::code;

/// Reads settings, and where they are wrong says every place and what is wrong there.
///
/// # Errors
/// Pairs of a path inside the settings and a message.
pub fn read<T: DeserializeOwned + JsonSchema>(settings: Value) -> Result<T, Vec<(String, String)>> {
    read_with(settings, &[])
}

/// As [`read`], with further keys that may stand there though `T` does not know them.
///
/// # Errors
/// As [`read`].
pub fn read_with<T: DeserializeOwned + JsonSchema>(settings: Value, also: &[&str]) -> Result<T, Vec<(String, String)>> {
    let mut map = match settings {
        Value::Mapping(map) => map,
        Value::Null => Mapping::new(),
        _ => {
            return Err(vec![(
                String::new(),
                "expected a map of settings; `mlgate explain` shows those of each check".into(),
            )]);
        }
    };
    let fields = fields::<T>();
    let mut known: Vec<&str> = fields.iter().map(String::as_str).collect();
    known.extend(also);
    let mut wrong = Vec::new();
    let unknown: Vec<Value> =
        map.keys().filter(|key| !key.as_str().is_some_and(|key| known.contains(&key))).cloned().collect();
    for key in unknown {
        map.remove(&key);
        let name = name_of(&key, key.as_str());
        wrong.push((name.clone(), unknown_field(&name, &known)));
    }
    // One problem ends serde's reading, so the field it is about is taken out and the rest read again.
    let mut removed: Vec<String> = Vec::new();
    loop {
        match serde_path_to_error::deserialize::<_, T>(Value::Mapping(map.clone())) {
            Ok(value) if wrong.is_empty() => return Ok(value),
            Ok(_) => return Err(wrong),
            Err(error) => {
                let path = error.path().to_string();
                let message = in_plain_words(&error.inner().to_string());
                let field = path.split(['.', '[']).next().unwrap_or_default().to_owned();
                let own = removed.iter().any(|field| message == format!("missing field `{field}`"));
                if !own {
                    wrong.push((if path == "." { String::new() } else { path }, message));
                }
                if own || map.remove(field.as_str()).is_none() {
                    return Err(wrong);
                }
                removed.push(field);
            }
        }
    }
}

/// serde's words for types are Rust's.
fn in_plain_words(message: &str) -> String {
    let pairs = [
        ("expected u64", "expected a whole number"),
        ("unit value", "null"),
        ("a sequence", "a list"),
        ("unknown variant", "unknown value"),
        ("expected struct MlflowSection", "expected a map such as { alias: champion }"),
        ("expected struct GitSection", "expected a map such as { ref: main, path: out/metrics.json }"),
    ];
    pairs.iter().fold(message.to_owned(), |said, (rust, plain)| said.replace(rust, plain))
}

/// The names of a struct's fields, from its schema.
pub fn fields<T: JsonSchema>() -> Vec<String> {
    let schema = schemars::schema_for!(T);
    let properties = schema.get("properties").and_then(|properties| properties.as_object());
    properties.map(|properties| properties.keys().cloned().collect()).unwrap_or_default()
}

/// Returns that a field is not known, and the nearest one that is.
pub fn unknown_field(name: &str, known: &[&str]) -> String {
    let near = nearest(name, known.iter().copied()).map_or(String::new(), |near| format!(", did you mean `{near}`?"));
    format!("unknown field {}, expected one of {}{near}", code(name), known.join(", "))
}

/// A key as it can be named, also where it is no text.
pub fn name_of(key: &Value, text: Option<&str>) -> String {
    match text {
        Some(text) => text.to_owned(),
        None => serde_yaml::to_string(key).unwrap_or_default().trim().to_owned(),
    }
}
