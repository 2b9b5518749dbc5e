//! Which model a registered version is: a real MLflow server, and what whoever registers there can claim.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use mlgate::integrations::http::block_on;
use mlgate::integrations::mlflow::{Mlflow, Server as Registry};
use mlgate::runtime::onnx::Means;
use mlgate::support::signature::SigningKeys;
use serde_json::json;

use crate::artifact::{of_files, onnx_file, sha256};
use crate::mlflow::{Server, start};
use crate::world::{BINARY, World};

const NAME: &str = "credit-risk";
const KEY: &str = "a key of the tests, of some length";

/// Asks the server something.
fn ask<T>(server: &Server, what: impl AsyncFnOnce(&Mlflow) -> T) -> T {
    let variables = [("MLFLOW_TRACKING_URI".to_owned(), server.uri.clone())].into();
    let registry = Registry::of(None, &variables).unwrap();
    block_on(async { what(&Mlflow::connect(&registry).await.unwrap()).await }).unwrap()
}

/// Exit code and message of the question whether the version is this model.
fn is_model(server: &Server, name: &str, sha256: &str, key: &str) -> Result<(), (u8, String)> {
    let keys = SigningKeys::parse(key).unwrap();
    let means = Means {
        library: String::new(),
        loader_path: None,
        memory: 1_000_000_000,
        timeout: Duration::from_mins(1),
        program: PathBuf::from(BINARY),
    };
    let external_data = |shown: &str, path: &Path| mlgate::runtime::artifact::external_data(shown, path, &means);
    let asked = ask(server, async |mlflow| mlflow.is_model(name, "1", sha256, keys.as_ref(), &external_data).await);
    asked.map_err(|failure| (failure.exit as u8, failure.problems[0].to_string()))
}

fn tag(server: &Server, name: &str, key: &str, value: &str) {
    assert!(ask(server, async |mlflow| mlflow.tag_version(name, "1", key, value).await.is_ok()));
}

/// Where the server keeps the files of version 1 of `credit-risk`: its one logged model.
fn files(server: &Server) -> PathBuf {
    let made = std::process::Command::new("python3")
        .args(["-c", "import json,sys,urllib.request as u; print(json.load(u.urlopen(sys.argv[1]))['artifact_uri'])"])
        .arg(format!("{}/api/2.0/mlflow/model-versions/get-download-uri?name={NAME}&version=1", server.uri))
        .env("NO_PROXY", "127.0.0.1")
        .output()
        .unwrap();
    let uri = String::from_utf8(made.stdout).unwrap();
    server
        .folder
        .path()
        .join("artifacts")
        .join(uri.trim().trim_start_matches("mlflow-artifacts:").trim_start_matches('/'))
}

#[track_caller]
fn refused(asked: Result<(), (u8, String)>, exit: u8, said: &str) {
    let (found, message) = asked.unwrap_err();
    assert!(found == exit && message.contains(said), "{found}: {message}");
}

/// The files of a version, and what its `MLmodel` says of its flavors.
struct Folder(PathBuf);

impl Folder {
    fn of(server: &Server) -> Self {
        Self(files(server))
    }

    fn write(&self, name: &str, bytes: impl AsRef<[u8]>) {
        let path = self.0.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }

    fn flavors(&self, flavors: &str) {
        self.write("MLmodel", format!("flavors:\n  {flavors}\n"));
    }

    /// The digest of all files.
    fn digest(&self, names: &[&str]) -> String {
        let files: Vec<(&str, Vec<u8>)> =
            names.iter().map(|name| (*name, fs::read(self.0.join(name)).unwrap())).collect();
        of_files(&files.iter().map(|(name, bytes)| (*name, bytes.as_slice())).collect::<Vec<_>>())
    }
}

#[test]
fn a_version_is_the_file_that_it_serves_and_no_other() {
    let server = start("state");
    let (model, other) = (onnx_file("judged", &[]), onnx_file("other", &[]));
    let judged = sha256(&model);
    let folder = Folder::of(&server);
    refused(is_model(&server, NAME, &judged, ""), 3, "it has no `MLmodel`");

    // Beside the one that is served lies the one that was judged: that is worth nothing.
    folder.flavors("python_function: { loader_module: mlflow.onnx, data: model.onnx }\n  onnx: { data: model.onnx }");
    folder.write("model.onnx", &other);
    folder.write("judged.onnx", &model);
    refused(is_model(&server, NAME, &judged, ""), 2, "version `1` does not serve the model that was judged");
    // Nor is what a registrant says of it.
    tag(&server, NAME, "mlgate.model_sha256", &judged);
    tag(&server, NAME, "mlgate.model_sha256.sig", &"00".repeat(32));
    refused(is_model(&server, NAME, &judged, KEY), 2, "does not serve the model that was judged");
    folder.write("model.onnx", &model);
    assert_eq!(is_model(&server, NAME, &judged, ""), Ok(()));
    assert_eq!(is_model(&server, NAME, &judged.to_uppercase(), ""), Ok(()));

    // Two flavors, two models; code beside the model; a model elsewhere; one that is none.
    folder.flavors("python_function: { loader_module: mlflow.onnx, data: model.onnx }\n  onnx: { data: judged.onnx }");
    refused(is_model(&server, NAME, &judged, ""), 3, "has flavors that serve different models");
    folder.flavors("python_function: { loader_module: mlflow.onnx, data: model.onnx, code: code }");
    refused(is_model(&server, NAME, &judged, ""), 2, "does not serve the model that was judged");
    folder.flavors("onnx: { data: ../../model.onnx }");
    refused(is_model(&server, NAME, &judged, ""), 3, "names a model outside of its folder");
    folder.flavors("onnx: { data: gone.onnx }");
    refused(is_model(&server, NAME, &judged, ""), 3, "a file of version `1` is missing");
    folder.write("text.onnx", "the model");
    folder.flavors("onnx: { data: text.onnx }");
    refused(is_model(&server, NAME, &sha256("the model"), ""), 3, "it is no ONNX model");
    fs::remove_file(folder.0.join("text.onnx")).unwrap();

    // A folder, as a report has it: of what is served, or of all that there is.
    folder.flavors("python_function: { loader_module: mlflow.pytorch, data: data }");
    folder.write("data/b/weights", "w");
    folder.write("data/a", "x");
    assert_eq!(is_model(&server, NAME, &of_files(&[("a", b"x"), ("b/weights", b"w")]), ""), Ok(()));
    refused(is_model(&server, NAME, &sha256("x"), ""), 2, "does not serve");
    let all = folder.digest(&["MLmodel", "data/a", "data/b/weights", "judged.onnx", "model.onnx"]);
    assert_eq!(is_model(&server, NAME, &all, ""), Ok(()));
}

#[test]
fn a_version_in_onnx_is_its_weights_too() {
    let server = start("state");
    let folder = Folder::of(&server);
    let world = World::new();
    let model = onnx_file("judged", &["b/weights.bin", "a.bin"]);
    world.write("m/model.onnx", &model).write("m/a.bin", "one").write("m/b/weights.bin", "two");
    let ran = world.check(&["--artifact", "m/model.onnx", "--max-model-size-mb", "1"]).exits(0);
    let judged = ran.report["model"]["sha256"].as_str().unwrap();
    // Whatever the file is called: by its flavor it is ONNX.
    for name in ["model.onnx", "model.bin"] {
        folder.flavors(&format!("python_function: {{ loader_module: mlflow.onnx, data: {name} }}"));
        folder.write(name, &model);
        folder.write("a.bin", "one");
        folder.write("b/weights.bin", "other");
        refused(is_model(&server, NAME, judged, ""), 2, "does not serve the model that was judged");
        refused(is_model(&server, NAME, &sha256(&model), ""), 2, "does not serve the model that was judged");
        fs::remove_file(folder.0.join("b/weights.bin")).unwrap();
        refused(is_model(&server, NAME, judged, ""), 3, "a file of version `1` is missing");
        folder.write("b/weights.bin", "two");
        let own = folder.digest(&["a.bin", "b/weights.bin", name]);
        assert_eq!(is_model(&server, NAME, &own, ""), Ok(()), "{name}");
    }
    folder.flavors("python_function: { loader_module: mlflow.onnx, data: model.onnx }");
    assert_eq!(is_model(&server, NAME, judged, ""), Ok(()));
    // What the model keeps outside of the version is nobody's.
    folder.write("model.onnx", onnx_file("judged", &["../a.bin"]));
    refused(is_model(&server, NAME, judged, ""), 3, "which does not lie beside it");
}

/// Asks the server for what mlgate itself never does.
fn post(server: &Server, what: &str, body: &serde_json::Value) {
    let set = std::process::Command::new("python3")
        .args(["-c", "import sys,urllib.request as u; u.urlopen(u.Request(sys.argv[1], sys.argv[2].encode(), {'Content-Type': 'application/json'}))"])
        .args([format!("{}/api/2.0/mlflow/{what}", server.uri), body.to_string()])
        .env("NO_PROXY", "127.0.0.1")
        .status()
        .unwrap();
    assert!(set.success(), "{what}");
}

#[test]
fn a_version_can_be_one_file_with_its_weights_beside_it() {
    let server = start("state");
    let run = ask(&server, async |mlflow| mlflow.version(NAME, "champion").await.unwrap().run_id.unwrap());
    let root = server.folder.path().join("artifacts");
    let own = files(&server);
    let experiment = own.strip_prefix(&root).unwrap().iter().next().unwrap().to_string_lossy().into_owned();
    let below = format!("{experiment}/{run}/artifacts");
    let folder = Folder(root.join(&below));
    for (name, locations) in [("plain", &[][..]), ("heavy", &["a.bin"][..])] {
        let model = onnx_file(name, locations);
        folder.write(&format!("{name}.onnx"), &model);
        folder.write("a.bin", "one");
        post(&server, "registered-models/create", &json!({ "name": name }));
        let source = format!("mlflow-artifacts:/{below}/{name}.onnx");
        post(&server, "model-versions/create", &json!({ "name": name, "source": source, "run_id": run }));
        let own = if locations.is_empty() {
            sha256(&model)
        } else {
            of_files(&[("a.bin", b"one"), (&format!("{name}.onnx"), &model)])
        };
        assert_eq!(is_model(&server, name, &own, ""), Ok(()), "{name}");
        folder.write(if locations.is_empty() { "plain.onnx" } else { "a.bin" }, onnx_file("other", &[]));
        refused(is_model(&server, name, &own, ""), 2, "does not serve the model that was judged");
    }
}

#[test]
fn a_flavor_that_may_load_more_is_known_by_all_files() {
    let server = start("state");
    let folder = Folder::of(&server);
    let judged = sha256("the model");
    folder.write("model.yaml", "the model");
    folder.write("tools.pkl", "code");
    let all = |folder: &Folder| folder.digest(&["MLmodel", "model.yaml", "tools.pkl"]);
    for flavors in [
        "python_function: { loader_module: mlflow.langchain }\n  langchain: { model_data: model.yaml, tools_data: tools.pkl }",
        "langchain: { model_data: model.yaml }",
        "sklearn: { pickled_model: model.yaml, helper: ./tools.pkl }",
        "sklearn: { pickled_model: model.yaml, deep: { list: [tools.pkl] } }",
        "sklearn: { pickled_model: model.yaml }\n  other: {}",
        "sklearn: { model_data: model.yaml }",
    ] {
        folder.flavors(flavors);
        refused(is_model(&server, NAME, &judged, ""), 2, "does not serve the model that was judged");
        assert_eq!(is_model(&server, NAME, &all(&folder), ""), Ok(()), "{flavors}");
    }
    folder.flavors(
        "python_function: { loader_module: mlflow.sklearn, model_path: model.yaml, predict_fn: predict, \
         env: { conda: tools.pkl, virtualenv: tools.pkl } }\n  sklearn: { pickled_model: model.yaml, code: null }",
    );
    assert_eq!(is_model(&server, NAME, &judged, ""), Ok(()));
}

#[test]
fn a_version_whose_files_are_elsewhere_is_what_a_trusted_check_signed() {
    let server = start("state");
    let judged = sha256("the model");
    refused(is_model(&server, "no-run", &judged, KEY), 3, "its files are not on the MLflow server");
    tag(&server, "no-run", "mlgate.model_sha256", &judged);
    refused(is_model(&server, "no-run", &judged, KEY), 3, "it has no signed tag");
    let signed = World::new().variable("MLFLOW_TRACKING_URI", &server.uri).variable("MLGATE_JOURNAL_KEY", KEY);
    signed.write("m.json", r#"{"accuracy": 0.9}"#).write("model.bin", "the model");
    let more = [
        "--metrics",
        "m.json",
        "--min-accuracy",
        "0.8",
        "--artifact",
        "model.bin",
        "--model-name",
        "no-run",
        "--model-version",
        "1",
    ];
    signed.check(&more).exits(0).saying("is signed as the model that was judged");
    assert_eq!(is_model(&server, "no-run", &judged, KEY), Ok(()));
    assert_eq!(is_model(&server, "no-run", &judged, &format!("a newer key, which signs from now on\n{KEY}")), Ok(()));
    refused(is_model(&server, "no-run", &sha256("another"), KEY), 2, "is signed as another model");
    refused(is_model(&server, "no-run", &judged, ""), 3, "not verified without `journal-key`");
    refused(is_model(&server, "no-run", &judged, "another key, which signed nothing"), 3, "is not valid");
    // The signature is of this version's digest alone.
    tag(&server, "no-run", "mlgate.model_sha256", &sha256("another"));
    refused(is_model(&server, "no-run", &sha256("another"), KEY), 3, "is not valid");
}

#[test]
fn only_a_check_that_passed_on_a_trusted_event_signs() {
    use crate::github::Repository;
    let server = start("state");
    let judged = sha256("the model");
    let more = [
        "--metrics",
        "m.json",
        "--artifact",
        "model.bin",
        "--model-name",
        "no-run",
        "--model-version",
        "1",
        "--min-accuracy",
    ];
    let repository = Repository::with_pull_request(&json!({}), &json!({}));
    let furnish = |world: World| {
        world.write("m.json", r#"{"accuracy": 0.9}"#).write("model.bin", "the model");
        world.variable("MLFLOW_TRACKING_URI", &server.uri).variable("MLGATE_JOURNAL_KEY", KEY)
    };
    let proposed = furnish(repository.proposes(World::new()));
    proposed.check(&[&more[..], &["0.8"]].concat()).exits(0).saying("is not signed on `pull_request`");
    let payload = json!({ "repository": { "full_name": repository.name, "default_branch": "main" } });
    let merged = furnish(repository.runs(World::new(), "push", &payload));
    merged.check(&[&more[..], &["0.95"]].concat()).exits(1);
    refused(is_model(&server, "no-run", &judged, KEY), 3, "it has no signed tag");
    merged.check(&[&more[..], &["0.8"]].concat()).exits(0);
    assert_eq!(is_model(&server, "no-run", &judged, KEY), Ok(()));
}

#[test]
fn a_version_is_of_the_commit_that_its_tag_or_its_run_names() {
    let server = start("state");
    let commit = |name: &str| ask(&server, async |mlflow| mlflow.commit(name, "1").await.map_err(|_| "no answer"));
    assert_eq!(commit(NAME), Ok(None));
    assert_eq!(commit("no-run"), Ok(None));
    assert!(commit("nobody").is_err());
    let run = ask(&server, async |mlflow| mlflow.version(NAME, "champion").await.unwrap().run_id.unwrap());
    post(&server, "runs/set-tag", &json!({ "run_id": run, "key": "mlflow.source.git.commit", "value": "abc" }));
    assert_eq!(commit(NAME), Ok(Some("abc".to_owned())));
    tag(&server, NAME, "mlgate.commit", "def");
    assert_eq!(commit(NAME), Ok(Some("def".to_owned())));
}
