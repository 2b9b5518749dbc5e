//! What a version's `MLmodel` says that it serves. Pure.
//!
//! <https://mlflow.org/docs/latest/ml/model/#mlmodel-file>

use serde_yaml::{Mapping, Value};

/// Keys of a flavor that name the model's file or folder.
const PATHS: [&str; 7] =
    ["data", "model_path", "pickled_model", "model_data", "model_binary", "saved_model_dir", "model_file"];
/// Keys of a flavor that bring more than one file into what is served.
const MORE: [&str; 4] = ["code", "python_model", "model_code_path", "artifacts"];

/// What is loaded where a version is served.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Served {
    /// One file or folder, relative to the `MLmodel`.
    Path(String),
    /// Code or further files too: only all files together say what it is.
    Folder,
}

/// Reads an `MLmodel`.
///
/// # Errors
/// One sentence: it names no model, or two.
pub fn served(text: &str) -> Result<Served, String> {
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
    let mut paths: Vec<String> = Vec::new();
    for (_, flavor) in flavors {
        let Some(flavor) = flavor.as_mapping() else { return Err("has a flavor without settings".to_owned()) };
        if has_more(flavor) {
            return Ok(Served::Folder);
        }
        for path in PATHS.iter().filter_map(|key| flavor.get(*key)).filter(|value| !value.is_null()) {
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
        [path] => Ok(Served::Path(path.clone())),
        [] => Ok(Served::Folder),
        _ => Err(format!("has flavors that serve different models: {}", paths.join(", "))),
    }
}

/// Returns whether a flavor runs code of its own, or loads more than its one model.
fn has_more(flavor: &Mapping) -> bool {
    let is_set = |key: &&str| match flavor.get(*key) {
        None | Some(Value::Null) => false,
        Some(Value::Mapping(map)) => !map.is_empty(),
        Some(_) => true,
    };
    // MLflow's own loaders load the model and nothing else.
    let is_foreign = flavor.get("loader_module").is_some_and(|loader| {
        loader.as_str().is_none_or(|loader| !loader.starts_with("mlflow.") || loader.starts_with("mlflow.pyfunc"))
    });
    is_foreign || MORE.iter().any(is_set)
}

/// A relative path without `.` and `..`; empty for the folder itself.
pub fn plain(path: &str) -> Option<String> {
    if path.starts_with('/') || path.contains(['\\', ':', '\0']) {
        return None;
    }
    let parts: Vec<&str> = path.split('/').filter(|part| !matches!(*part, "" | ".")).collect();
    (!parts.contains(&"..")).then(|| parts.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_file_or_folder_is_served_or_all_of_them() {
        let path = |path: &str| Ok(Served::Path(path.to_owned()));
        for (flavors, expected) in [
            (
                "python_function: { loader_module: mlflow.onnx, data: model.onnx }\n  onnx: { data: model.onnx, code: null }",
                path("model.onnx"),
            ),
            (
                "python_function: { loader_module: mlflow.sklearn, model_path: model.pkl }\n  sklearn: { pickled_model: ./model.pkl }",
                path("model.pkl"),
            ),
            (
                "python_function: { loader_module: mlflow.pytorch, data: data }\n  pytorch: { model_data: data/ }",
                path("data"),
            ),
            ("onnx: { data: deep/model.onnx }", path("deep/model.onnx")),
            ("python_function: { loader_module: mlflow.onnx, data: model.onnx, code: code }", Ok(Served::Folder)),
            ("python_function: { loader_module: evil, data: model.onnx }", Ok(Served::Folder)),
            ("python_function: { loader_module: mlflow.pyfunc.model, python_model: model.pkl }", Ok(Served::Folder)),
            (
                "python_function: { loader_module: mlflow.onnx, data: model.onnx, artifacts: { a: { path: b } } }",
                Ok(Served::Folder),
            ),
            ("python_function: { loader_module: mlflow.keras, data: . }", Ok(Served::Folder)),
            ("transformers: { task: x }", Ok(Served::Folder)),
            (
                "python_function: { data: judged.onnx }\n  onnx: { data: other.onnx }",
                Err("has flavors that serve different models: judged.onnx, other.onnx".to_owned()),
            ),
            ("onnx: { data: ../other/model.onnx }", Err("names a model outside of its folder".to_owned())),
            ("onnx: { data: /etc/passwd }", Err("names a model outside of its folder".to_owned())),
            ("onnx: { data: [a] }", Err("names a model outside of its folder".to_owned())),
            ("onnx: model.onnx", Err("has a flavor without settings".to_owned())),
        ] {
            assert_eq!(served(&format!("flavors:\n  {flavors}\nrun_id: abc\n")), expected, "{flavors}");
        }
        let merged = Err("has merge keys (`<<`)".to_owned());
        for text in [
            "<<: { flavors: {} }\nflavors: { onnx: { data: m } }",
            "flavors: { <<: { python_function: { data: x } }, onnx: { data: m } }",
            "flavors: { onnx: { data: m, <<: { code: code } } }",
        ] {
            assert_eq!(served(text), merged, "{text}");
        }
        // MLflow's parser takes the last of two.
        assert_eq!(served("flavors: { onnx: { data: a, data: b } }"), Err("is not valid YAML".to_owned()));
        assert_eq!(served("flavors: {}"), Err("has no flavor".to_owned()));
        assert_eq!(served("data: model.onnx"), Err("has no flavor".to_owned()));
        assert_eq!(served("a: ["), Err("is not valid YAML".to_owned()));
    }
}
