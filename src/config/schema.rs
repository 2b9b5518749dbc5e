//! The JSON Schema of mlgate.yml, from the types that read it.

use schemars::{JsonSchema, schema_for};
use serde_json::{Map, Value, json};

use super::{Beside, DataSection, ModelSection, NotifySection, RolloutSection};
use crate::checks;
use crate::checks::check::Gate;

/// The schema as a value: sections, and each entry of `checks` one of the checks.
pub fn schema() -> Value {
    let mut data = properties::<DataSection>();
    data.insert("checks".to_owned(), checks_of(Gate::Data));
    let mut model = properties::<ModelSection>();
    model.insert("checks".to_owned(), checks_of(Gate::Model));
    let mut definitions = definitions();
    definitions["LogSection"]["properties"]["checks"] = checks_of(Gate::Data);
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "mlgate.yml",
        "description": "What mlgate judges, and by which limits.",
        "type": "object",
        "additionalProperties": false,
        "properties": {
            "data": {
                "description": "The data gate: its tables and checks.",
                "type": "object",
                "additionalProperties": false,
                "properties": data,
            },
            "model": {
                "description": "The model gate: the candidate, the model in production, and the checks.",
                "type": "object",
                "additionalProperties": false,
                "properties": model,
            },
            "notify": {
                "description": "Who is told of a run, and what it starts; never on a pull request.",
                "type": "object",
                "additionalProperties": false,
                "properties": properties::<NotifySection>(),
            },
            "rollout": {
                "description": "How a gated model comes into production, and what takes it back.",
                "type": "object",
                "additionalProperties": false,
                "properties": properties::<RolloutSection>(),
                "required": required::<RolloutSection>(),
            },
        },
        "$defs": definitions,
    })
}

/// The list of a gate's entries.
fn checks_of(gate: Gate) -> Value {
    let checks = || checks::ALL.iter().filter(|check| check.gate == gate);
    let ids: Vec<&str> = checks().map(|check| check.id).collect();
    let mut entry = properties::<Beside>();
    if gate == Gate::Model {
        entry.remove("on");
    }
    for check in checks() {
        let mut settings = (check.schema)().to_value();
        let first = settings["description"].as_str().and_then(|page| page.split("\n\n").next()).unwrap_or_default();
        let first = first.replace('\n', " ");
        let required = settings.get("required").is_some();
        if let Some(map) = settings.as_object_mut() {
            map.remove("$schema");
            map.remove("$defs");
            map.remove("title");
            map.insert("description".to_owned(), json!(first));
            // `duplicates:` without settings takes all defaults.
            if !required {
                map.insert("type".to_owned(), json!(["object", "null"]));
            }
        }
        entry.insert(check.id.to_owned(), settings);
    }
    json!({
        "description": "Each entry is one check.",
        "type": "array",
        "items": {
            "oneOf": [
                { "enum": ids },
                {
                    "type": "object",
                    "additionalProperties": false,
                    "properties": entry,
                    "oneOf": checks().map(|check| json!({ "required": [check.id] })).collect::<Vec<_>>(),
                },
            ]
        }
    })
}

fn properties<T: JsonSchema>() -> Map<String, Value> {
    let schema = schema_for!(T).to_value();
    schema["properties"].as_object().cloned().unwrap_or_default()
}

fn required<T: JsonSchema>() -> Value {
    schema_for!(T).to_value()["required"].clone()
}

/// Everything that the parts refer to by name.
fn definitions() -> Value {
    let all = roots().into_iter().flat_map(|root| root["$defs"].as_object().cloned().unwrap_or_default());
    Value::Object(all.collect())
}

/// The schemas that the whole is made of.
fn roots() -> Vec<Value> {
    let sections = [
        schema_for!(DataSection),
        schema_for!(ModelSection),
        schema_for!(NotifySection),
        schema_for!(RolloutSection),
        schema_for!(Beside),
    ];
    sections
        .into_iter()
        .chain(checks::ALL.iter().map(|check| (check.schema)()))
        .map(schemars::Schema::to_value)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_types_share_a_name() {
        let mut known = Map::new();
        for root in roots() {
            for (name, schema) in root["$defs"].as_object().into_iter().flatten() {
                let other = known.entry(name).or_insert_with(|| schema.clone());
                assert_eq!(other, schema, "{name}");
            }
        }
    }
}
