//! Walks the schema of the sections, so that no key can be forgotten.

use schemars::{JsonSchema, schema_for};
use serde::de::DeserializeOwned;
use serde_json::Value as Json;
use serde_yaml::Mapping;

use super::*;
use crate::config::NotifySection;
use crate::config::document::Document;

/// Where the proposal's own tables and model are: these stay its own under every policy.
const PLACES: [&str; 7] = [
    "data.path",
    "model.artifact",
    "model.endpoint.url",
    "model.metrics",
    "model.name",
    "model.predictions.path",
    "model.version",
];
/// What a proposal may bring where the base has nothing.
const ADDED: [&str; 7] = [
    "data.reference",
    "data.test",
    "model.baseline",
    "model.classes",
    "model.endpoint",
    "model.features",
    "model.outputs",
];

fn gate() -> Config {
    let text = "data: { checks: [duplicates] }\nmodel: { checks: [metric: { name: accuracy, min: 0.5 }] }";
    let mut problems = Vec::new();
    let config = Config::read(&Document::parse("mlgate.yml", text).unwrap(), &mut problems);
    assert_eq!(problems, []);
    config
}

fn set(config: &mut Config, section: &str, value: Value) -> bool {
    fn read<T: DeserializeOwned>(value: Value) -> Option<T> {
        serde_yaml::from_value(value).ok()
    }
    match section {
        "data" => read(value).map(|data| config.data = data).is_some(),
        "model" => read(value).map(|model| config.model = model).is_some(),
        _ => read(value).map(|notify| config.notify = notify).is_some(),
    }
}

/// The paths of a schema that hold a value, with the texts that siblings on the way need.
fn walk(
    schema: &Json,
    root: &Json,
    path: &mut Vec<String>,
    needed: &mut Vec<Vec<String>>,
    found: &mut Vec<(Vec<String>, Vec<Vec<String>>)>,
) {
    if let Some(name) = schema["$ref"].as_str().and_then(|path| path.rsplit('/').next()) {
        return walk(&root["$defs"][name], root, path, needed, found);
    }
    let options = schema["anyOf"].as_array().cloned().unwrap_or_default();
    let inner = |option: &Json| match option["$ref"].as_str().and_then(|path| path.rsplit('/').next()) {
        Some(name) => root["$defs"][name].clone(),
        None => option.clone(),
    };
    let resolved: Vec<Json> = options.iter().map(inner).collect();
    // A short form and a map: the map has all of it. Of a setting that may be null, the setting.
    let object = resolved.iter().find(|option| option["properties"].is_object() || option["anyOf"].is_array());
    if let Some(option) = object {
        return walk(option, root, path, needed, found);
    }
    let Some(properties) = schema["properties"].as_object() else {
        found.push((path.clone(), needed.clone()));
        return;
    };
    let required: Vec<&str> = schema["required"].as_array().into_iter().flatten().filter_map(Json::as_str).collect();
    for (name, property) in properties {
        let before = needed.len();
        for other in required.iter().filter(|other| *other != name) {
            needed.push([path.as_slice(), &[(*other).to_owned()]].concat());
        }
        path.push(name.clone());
        walk(property, root, path, needed, found);
        path.pop();
        needed.truncate(before);
    }
}

fn put(root: &mut Mapping, path: &[String], value: Value) {
    let (last, way) = path.split_last().unwrap();
    let mut map = root;
    for name in way {
        let inner = map.entry(name.as_str().into()).or_insert_with(|| Value::Mapping(Mapping::new()));
        map = inner.as_mapping_mut().unwrap();
    }
    map.insert(last.as_str().into(), value);
}

/// Two configs that differ in this leaf alone, and one without it.
fn three(section: &str, leaf: &[String], needed: &[Vec<String>]) -> [Config; 3] {
    let pairs = [
        ["a", "b"],
        ["',' ", "';'"],
        ["1", "2"],
        ["0.5", "0.7"],
        ["true", "false"],
        ["[a]", "[b]"],
        ["{x: [a]}", "{x: [b]}"],
        ["{x: a}", "{x: b}"],
        ["records", "arrays"],
        ["error", "skip"],
        ["mlflow", "json"],
        ["[passed]", "[blocked]"],
    ];
    let with = |value: Option<&str>| {
        let mut map = Mapping::new();
        for sibling in needed {
            put(&mut map, sibling, Value::from("z"));
        }
        if let Some(value) = value {
            put(&mut map, leaf, serde_yaml::from_str(value).unwrap());
        }
        let mut config = gate();
        set(&mut config, section, Value::Mapping(map)).then_some(config)
    };
    let found = pairs.iter().find_map(|[a, b]| Some([with(Some(a))?, with(Some(b))?]));
    let [a, b] = found.unwrap_or_else(|| panic!("no value suits {section}.{}", leaf.join(".")));
    [a, b, with(None).unwrap_or_else(gate)]
}

fn check<T: JsonSchema>(section: &str) -> usize {
    let root = schema_for!(T).to_value();
    let mut found = Vec::new();
    walk(&root, &root, &mut Vec::new(), &mut Vec::new(), &mut found);
    for (leaf, needed) in &found {
        let name = format!("{section}.{}", leaf.join("."));
        let [a, b, none] = three(section, leaf, needed);
        let value = |config: &Config| {
            let all = leaves(config);
            all.into_iter()
                .filter(|(path, _)| *path == name || path.starts_with(&format!("{name}.")))
                .collect::<Vec<_>>()
        };
        let same = |one: &Config, other: &Config| value(one) == value(other);
        assert!(!same(&a, &b), "{name} is not compared");
        assert_eq!(sections(&a, &a), [], "{name}");
        let listed = |base: &Config, head: &Config| {
            sections(base, head).iter().any(|edit| {
                let rule = edit.rule.trim_matches('`');
                name == rule || name.starts_with(&format!("{rule}.")) || rule.starts_with(&format!("{name}."))
            })
        };
        assert!(listed(&a, &b), "{name} is not listed");
        assert!(listed(&a, &none) || same(&a, &none), "{name} is not listed where it is gone");
        let own = PLACES.contains(&name.as_str());
        assert_eq!(same(&held(a.clone(), b.clone()), &b), own, "{name} is held wrongly");
        assert!(own || same(&held(a.clone(), b.clone()), &a), "{name} is neither side's");
        let may_be_added = own || ADDED.iter().any(|added| name == *added || name.starts_with(&format!("{added}.")));
        if !may_be_added {
            assert!(same(&held(none.clone(), b.clone()), &none), "{name} comes from the proposal");
        } else if !same(&none, &b) {
            assert!(listed(&none, &b), "{name} is not listed where it is new");
        }
    }
    found.len()
}

#[test]
fn every_key_of_the_config_is_the_bases_or_is_listed() {
    let counts = [check::<DataSection>("data"), check::<ModelSection>("model"), check::<NotifySection>("notify")];
    assert!(counts[0] >= 7 && counts[1] >= 30 && counts[2] >= 7, "{counts:?}");
}

#[test]
fn what_is_written_is_read_back() {
    let text = "
predictions: { path: p.csv, positive: 1 }
endpoint: { url: 'http://h', protocol: json, request: '{{rows}}', rows: arrays, timeout_seconds: 2.5 }
features: { x: [a, b] }
classes: [0, 1]
baseline: { git: { ref: main, path: m.json }, missing: skip }
";
    let section: ModelSection = serde_yaml::from_str(text).unwrap();
    let written = serde_yaml::to_value(&section).unwrap();
    assert_eq!(serde_yaml::from_value::<ModelSection>(written).unwrap(), section);
}
