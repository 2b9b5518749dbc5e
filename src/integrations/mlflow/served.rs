//! What a version's `MLmodel` says that it serves. Pure.
//!
//! <https://mlflow.org/docs/latest/ml/model/#mlmodel-file>

use serde_yaml::{Mapping, Value};

use crate::integrations::artifact_digest::plain;

/// Flavors whose loaders load one file or folder and nothing else, and the setting that names it.
const FLAVORS: [(&str, &str); 7] = [
    ("catboost", "data"),
    ("lightgbm", "data"),
    ("onnx", "data"),
    ("pytorch", "model_data"),
    ("sklearn", "pickled_model"),
    ("statsmodels", "data"),
    ("xgboost", "data"),
];
/// The flavor that is served, by the loader of another one.
const FUNCTION: &str = "python_function";
const FUNCTION_PATHS: [&str; 2] = ["data", "model_path"];
/// Settings of a flavor that bring more than one file into what is served, there or not.
const MORE: [&str; 4] = ["code", "python_model", "model_code_path", "artifacts"];

/// What is loaded where a version is served.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Served {
    /// One ONNX file, relative to the `MLmodel`, and what it keeps values in.
    Onnx(String),
    /// One file or folder, relative to the `MLmodel`.
    Path(String),
    /// Whatever there is: only all files together say what it is.
    Folder,
}

/// Reads an `MLmodel`; `holds` says whether the version has a file or folder of this path.
///
/// # Errors
/// One sentence: it names no model, or two.
pub fn served(text: &str, holds: &dyn Fn(&str) -> bool) -> Result<Served, String> {
    let document: Value = serde_yaml::from_str(text).map_err(|_| "is not valid YAML".to_owned())?;
    let is_merged = |map: &Value| map.get("<<").is_some();
    let flavors = document.get("flavors");
    // MLflow's parser merges what these name into the map, and this one does not.
    if is_merged(&document)
        || flavors.is_some_and(|flavors| {
            is_merged(flavors) || flavors.as_mapping().into_iter().flatten().any(|(_, flavor)| is_merged(flavor))
        })
    {
        return Err("has merge keys (`<<`)".to_owned());
    }
    let Some(flavors) = document.get("flavors").and_then(Value::as_mapping).filter(|flavors| !flavors.is_empty())
    else {
        return Err("has no flavor".to_owned());
    };
    let (mut paths, mut is_onnx): (Vec<String>, bool) = (Vec::new(), false);
    for (name, flavor) in flavors {
        let Some(flavor) = flavor.as_mapping() else { return Err("has a flavor without settings".to_owned()) };
        let Some(loader) = Loader::of(name.as_str().unwrap_or_default(), flavor) else { return Ok(Served::Folder) };
        if loader.loads_more(flavor, holds) {
            return Ok(Served::Folder);
        }
        is_onnx |= loader.flavor == "onnx";
        for path in loader.paths.iter().filter_map(|key| flavor.get(*key)).filter(|value| !value.is_null()) {
            let Some(path) = path.as_str().and_then(plain) else {
                return Err("names a model outside of its folder".to_owned());
            };
            if !paths.contains(&path) {
                paths.push(path);
            }
        }
    }
    match paths.as_slice() {
        [path] if path.is_empty() => Ok(Served::Folder),
        [path] if is_onnx => Ok(Served::Onnx(path.clone())),
        [path] => Ok(Served::Path(path.clone())),
        [] => Ok(Served::Folder),
        _ => Err(format!("has flavors that serve different models: {}", paths.join(", "))),
    }
}

/// What loads a flavor.
struct Loader {
    /// The flavor of [`FLAVORS`].
    flavor: &'static str,
    /// Settings that name the model.
    paths: Vec<&'static str>,
    /// A setting that names what is installed, and not what is loaded.
    environment: Option<&'static str>,
}

impl Loader {
    /// Returns the loader of a flavor; none where it is not one of [`FLAVORS`].
    fn of(name: &str, flavor: &Mapping) -> Option<Self> {
        let find = |name: &str| FLAVORS.iter().find(|(flavor, _)| *flavor == name);
        if name == FUNCTION {
            let loader = flavor.get("loader_module")?.as_str()?.strip_prefix("mlflow.")?;
            let (flavor, _) = find(loader)?;
            return Some(Self { flavor, paths: FUNCTION_PATHS.to_vec(), environment: Some("env") });
        }
        let (flavor, path) = find(name)?;
        Some(Self { flavor, paths: vec![path], environment: None })
    }

    /// Returns whether a flavor does not name its model, runs code of its own, or names more files than its model.
    fn loads_more(&self, flavor: &Mapping, holds: &dyn Fn(&str) -> bool) -> bool {
        let is_set = |key: &&str| match flavor.get(*key) {
            None | Some(Value::Null) => false,
            Some(Value::Mapping(map)) => !map.is_empty(),
            Some(_) => true,
        };
        let is_known =
            |key: &Value| key.as_str().is_some_and(|key| self.paths.contains(&key) || self.environment == Some(key));
        !self.paths.iter().any(is_set)
            || MORE.iter().any(is_set)
            || flavor.iter().any(|(key, value)| !is_known(key) && names_a_file(value, holds))
    }
}

/// Returns whether a text in the value is the path of something that the version has, or of something outside of it.
fn names_a_file(value: &Value, holds: &dyn Fn(&str) -> bool) -> bool {
    match value {
        Value::String(text) => match plain(text) {
            Some(path) => !path.is_empty() && holds(&path),
            // `cuda:0`
            None => !text.contains(':'),
        },
        Value::Sequence(values) => values.iter().any(|value| names_a_file(value, holds)),
        Value::Mapping(map) => map.iter().any(|(key, value)| names_a_file(key, holds) || names_a_file(value, holds)),
        Value::Tagged(tagged) => names_a_file(&tagged.value, holds),
        Value::Null | Value::Bool(_) | Value::Number(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_file_or_folder_is_served_or_all_of_them() {
        let path = |path: &str| Ok(Served::Path(path.to_owned()));
        let onnx = |path: &str| Ok(Served::Onnx(path.to_owned()));
        let none = |_: &str| false;
        for (flavors, expected) in [
            (
                "python_function: { loader_module: mlflow.onnx, data: model.onnx }\n  onnx: { data: model.onnx, code: null }",
                onnx("model.onnx"),
            ),
            (
                "python_function: { loader_module: mlflow.sklearn, model_path: model.pkl }\n  sklearn: { pickled_model: ./model.pkl }",
                path("model.pkl"),
            ),
            (
                "python_function: { loader_module: mlflow.pytorch, data: data }\n  pytorch: { model_data: data/ }",
                path("data"),
            ),
            ("onnx: { data: deep/model.onnx }", onnx("deep/model.onnx")),
            ("python_function: { loader_module: mlflow.onnx, data: model.onnx, code: code }", Ok(Served::Folder)),
            ("python_function: { loader_module: evil, data: model.onnx }", Ok(Served::Folder)),
            ("python_function: { loader_module: mlflow.pyfunc.model, python_model: model.pkl }", Ok(Served::Folder)),
            (
                "python_function: { loader_module: mlflow.onnx, data: model.onnx, artifacts: { a: { path: b } } }",
                Ok(Served::Folder),
            ),
            ("python_function: { loader_module: mlflow.keras, data: . }", Ok(Served::Folder)),
            ("transformers: { task: x }", Ok(Served::Folder)),
            ("langchain: { model_data: model.yaml, tools_data: tools.pkl }", Ok(Served::Folder)),
            ("python_function: { data: model.onnx }\n  onnx: { data: model.onnx }", Ok(Served::Folder)),
            ("onnx: { data: model.onnx }\n  tensorflow: { data: model.onnx }", Ok(Served::Folder)),
            ("sklearn: { data: model.pkl }", Ok(Served::Folder)),
            ("xgboost: { data: model.ubj, model_format: ubj }", path("model.ubj")),
            ("python_function: { loader_module: mlflow.onnx, data: model.bin }", onnx("model.bin")),
            (
                "python_function: { loader_module: mlflow.onnx, data: judged.onnx }\n  onnx: { data: other.onnx }",
                Err("has flavors that serve different models: judged.onnx, other.onnx".to_owned()),
            ),
            ("onnx: { data: ../other/model.onnx }", Err("names a model outside of its folder".to_owned())),
            ("onnx: { data: /etc/passwd }", Err("names a model outside of its folder".to_owned())),
            ("onnx: { data: [a] }", Err("names a model outside of its folder".to_owned())),
            ("onnx: model.onnx", Err("has a flavor without settings".to_owned())),
        ] {
            assert_eq!(served(&format!("flavors:\n  {flavors}\nrun_id: abc\n"), &none), expected, "{flavors}");
        }
        let merged = Err("has merge keys (`<<`)".to_owned());
        for text in [
            "<<: { flavors: {} }\nflavors: { onnx: { data: m } }",
            "flavors: { <<: { python_function: { data: x } }, onnx: { data: m } }",
            "flavors: { onnx: { data: m, <<: { code: code } } }",
        ] {
            assert_eq!(served(text, &none), merged, "{text}");
        }
        // MLflow's parser takes the last of two.
        assert_eq!(served("flavors: { onnx: { data: a, data: b } }", &none), Err("is not valid YAML".to_owned()));
        assert_eq!(served("flavors: {}", &none), Err("has no flavor".to_owned()));
        assert_eq!(served("data: model.onnx", &none), Err("has no flavor".to_owned()));
        assert_eq!(served("a: [", &none), Err("is not valid YAML".to_owned()));
    }

    #[test]
    fn a_setting_that_names_another_file_brings_it_in() {
        let holds = |path: &str| ["model.pkl", "tools.pkl", "conda.yaml", "extra"].contains(&path);
        for (more, is_model) in [
            ("version: '1.5', model_class: a.b.C", true),
            ("tools_data: tools.pkl", false),
            ("tools_data: ./tools.pkl", false),
            ("files: [{ path: extra/ }]", false),
            ("files: { tools.pkl: 1 }", false),
            ("files: !x tools.pkl", false),
            ("again: model.pkl", false),
            ("folder: /etc", false),
            ("folder: ../other", false),
            ("config: { device: 'cuda:0' }", true),
            ("env: conda.yaml", false),
        ] {
            let text = format!("flavors: {{ sklearn: {{ pickled_model: model.pkl, {more} }} }}");
            let expected = if is_model { Served::Path("model.pkl".to_owned()) } else { Served::Folder };
            assert_eq!(served(&text, &holds), Ok(expected), "{more}");
        }
        // What is installed is not what is loaded.
        let text = "flavors: { python_function: { loader_module: mlflow.sklearn, model_path: model.pkl, env: { conda: conda.yaml } } }";
        assert_eq!(served(text, &holds), Ok(Served::Path("model.pkl".to_owned())));
    }
}
