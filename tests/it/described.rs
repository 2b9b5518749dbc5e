//! Values held against what vendors publish of their APIs: botocore's shapes, OpenAPI's schemas (tests/data/apis).

use std::fs;

use serde_json::Value;

use crate::world::data;

/// A description in tests/data/apis.
pub fn described(name: &str) -> Value {
    serde_json::from_str(&fs::read_to_string(data(&format!("apis/{name}.json"))).unwrap()).unwrap()
}

/// What is wrong with a value by a shape of botocore; its JSON has times as seconds since 1970.
pub fn by_shape(all: &Value, name: &str, value: &Value) -> Vec<String> {
    let mut wrong = Vec::new();
    shape(all, name, value, name, &mut wrong);
    wrong
}

fn shape(all: &Value, name: &str, value: &Value, path: &str, wrong: &mut Vec<String>) {
    let own = &all["shapes"][name];
    let is_right = match own["type"].as_str().unwrap() {
        "structure" => value.is_object(),
        "list" => value.is_array(),
        "map" => value.is_object(),
        "string" => value.is_string(),
        "integer" | "long" => value.is_i64() || value.is_u64(),
        "float" | "double" | "timestamp" => value.is_number(),
        "boolean" => value.is_boolean(),
        other => panic!("{other}"),
    };
    if !is_right {
        wrong.push(format!("{path}: {value} is no {}", own["type"]));
        return;
    }
    if let Some(text) = value.as_str() {
        let length = text.chars().count() as u64;
        if own["min"].as_u64().is_some_and(|min| length < min) || own["max"].as_u64().is_some_and(|max| length > max) {
            wrong.push(format!("{path}: {length} characters"));
        }
        if own["enum"].as_array().is_some_and(|names| !names.contains(value)) {
            wrong.push(format!("{path}: {value} is none of {}", own["enum"]));
        }
        if let Some(pattern) = own["pattern"].as_str()
            && !regex::Regex::new(&format!("^(?:{pattern})$")).unwrap().is_match(text)
        {
            wrong.push(format!("{path}: {value} does not match {pattern}"));
        }
    }
    if let (Some(number), Some(min)) = (value.as_f64(), own["min"].as_f64())
        && number < min
    {
        wrong.push(format!("{path}: {number} is below {min}"));
    }
    for item in value.as_array().into_iter().flatten() {
        shape(all, own["member"]["shape"].as_str().unwrap(), item, &format!("{path}[]"), wrong);
    }
    if own["type"] == "structure" {
        for required in own["required"].as_array().into_iter().flatten() {
            if value.get(required.as_str().unwrap()).is_none() {
                wrong.push(format!("{path}: {required} is missing"));
            }
        }
        for (key, member) in value.as_object().unwrap() {
            match own["members"][key]["shape"].as_str() {
                Some(name) => shape(all, name, member, &format!("{path}.{key}"), wrong),
                None => wrong.push(format!("{path}: {key} is unknown")),
            }
        }
    }
}

/// What is wrong with a value by a schema of OpenAPI, whose references are to `schemas`.
pub fn by_schema(schemas: &Value, schema: &Value, value: &Value) -> Vec<String> {
    let mut wrong = Vec::new();
    check(schemas, schema, value, "", &mut wrong);
    wrong
}

fn check(schemas: &Value, schema: &Value, value: &Value, path: &str, wrong: &mut Vec<String>) {
    if let Some(reference) = schema["$ref"].as_str() {
        let name = reference.rsplit('/').next().unwrap();
        return check(schemas, &schemas[name], value, path, wrong);
    }
    for part in schema["allOf"].as_array().into_iter().flatten() {
        check(schemas, part, value, path, wrong);
    }
    if value.is_null() && schema["nullable"] == true {
        return;
    }
    let is_right = match schema["type"].as_str() {
        Some("object") => value.is_object(),
        Some("array") => value.is_array(),
        Some("string") => value.is_string(),
        Some("integer") => value.is_i64() || value.is_u64(),
        Some("number") => value.is_number(),
        Some("boolean") => value.is_boolean(),
        _ => true,
    };
    if !is_right {
        wrong.push(format!("{path}: {value} is no {}", schema["type"]));
        return;
    }
    if schema["enum"].as_array().is_some_and(|names| !names.contains(value)) {
        wrong.push(format!("{path}: {value} is none of {}", schema["enum"]));
    }
    for required in schema["required"].as_array().into_iter().flatten() {
        if value.is_object() && value.get(required.as_str().unwrap()).is_none() {
            wrong.push(format!("{path}: {required} is missing"));
        }
    }
    for (key, inner) in value.as_object().into_iter().flatten() {
        let path = format!("{path}.{key}");
        match (&schema["properties"][key], &schema["additionalProperties"]) {
            (Value::Null, more) if more.is_object() => check(schemas, more, inner, &path, wrong),
            (Value::Null, _) if schema["properties"].is_object() => wrong.push(format!("{path} is unknown")),
            (Value::Null, _) => {}
            (known, _) => check(schemas, known, inner, &path, wrong),
        }
    }
    for item in value.as_array().into_iter().flatten() {
        check(schemas, &schema["items"], item, &format!("{path}[]"), wrong);
    }
}
