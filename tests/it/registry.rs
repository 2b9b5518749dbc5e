//! Which model a registered version is: a real MLflow server, and what whoever registers there can claim.

use std::fs;
use std::path::PathBuf;

use mlgate::http::block_on;
use mlgate::mlflow::{Mlflow, Server as Registry};
use mlgate::signature::SigningKeys;
use serde_json::json;
use sha2::{Digest, Sha256};

use crate::mlflow::{Server, start};
use crate::world::World;

const NAME: &str = "credit-risk";
const KEY: &str = "a key of the tests, of some length";

fn sha256(bytes: impl AsRef<[u8]>) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Asks the server something.
fn ask<T>(server: &Server, what: impl AsyncFnOnce(&Mlflow) -> T) -> T {
    let variables = [("MLFLOW_TRACKING_URI".to_owned(), server.uri.clone())].into();
    let registry = Registry::of(None, &variables).unwrap();
    block_on(async { what(&Mlflow::connect(&registry).await.unwrap()).await }).unwrap()
}

/// Exit code and message of the question whether the version is this model.
fn is_model(server: &Server, name: &str, sha256: &str, key: &str) -> Result<(), (u8, String)> {
    let keys = SigningKeys::parse(key).unwrap();
    let asked = ask(server, async |mlflow| mlflow.is_model(name, "1", sha256, keys.as_ref()).await);
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

#[test]
fn a_version_is_the_file_that_it_serves_and_no_other() {
    let server = start("state");
    let folder = files(&server);
    let judged = sha256("the model");
    let write = |name: &str, text: &str| {
        let path = folder.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    };
    let flavors = |flavors: &str| write("MLmodel", &format!("flavors:\n  {flavors}\n"));
    refused(is_model(&server, NAME, &judged, ""), 3, "it has no `MLmodel`");

    // Beside the one that is served lies the one that was judged: that is worth nothing.
    flavors("python_function: { loader_module: mlflow.onnx, data: model.onnx }\n  onnx: { data: model.onnx }");
    write("model.onnx", "another model");
    write("judged.onnx", "the model");
    refused(is_model(&server, NAME, &judged, ""), 2, "version `1` does not serve the model that was judged");
    // Nor is what a registrant says of it.
    tag(&server, NAME, "mlgate.model_sha256", &judged);
    tag(&server, NAME, "mlgate.model_sha256.sig", &"00".repeat(32));
    refused(is_model(&server, NAME, &judged, KEY), 2, "does not serve the model that was judged");
    write("model.onnx", "the model");
    assert_eq!(is_model(&server, NAME, &judged, ""), Ok(()));
    assert_eq!(is_model(&server, NAME, &judged.to_uppercase(), ""), Ok(()));

    // Two flavors, two models; code beside the model; a model elsewhere.
    flavors("python_function: { loader_module: mlflow.onnx, data: model.onnx }\n  onnx: { data: judged.onnx }");
    refused(is_model(&server, NAME, &judged, ""), 3, "has flavors that serve different models");
    flavors("python_function: { loader_module: mlflow.onnx, data: model.onnx, code: code }");
    refused(is_model(&server, NAME, &judged, ""), 2, "does not serve the model that was judged");
    flavors("onnx: { data: ../../model.onnx }");
    refused(is_model(&server, NAME, &judged, ""), 3, "names a model outside of its folder");
    flavors("onnx: { data: gone.onnx }");
    refused(is_model(&server, NAME, &judged, ""), 3, "a file of version `1` is missing");

    // A folder, as a report has it: of what is served, or of all that there is.
    flavors("python_function: { loader_module: mlflow.pytorch, data: data }");
    write("data/b/weights", "w");
    write("data/a", "x");
    let lines = |names: &[(&str, &str)]| {
        let line = |(name, text): &(&str, &str)| format!("{}  {name}\n", sha256(text));
        sha256(names.iter().map(line).collect::<String>())
    };
    assert_eq!(is_model(&server, NAME, &lines(&[("a", "x"), ("b/weights", "w")]), ""), Ok(()));
    refused(is_model(&server, NAME, &sha256("x"), ""), 2, "does not serve");
    let mlmodel = fs::read_to_string(folder.join("MLmodel")).unwrap();
    let all = [
        ("MLmodel", mlmodel.as_str()),
        ("data/a", "x"),
        ("data/b/weights", "w"),
        ("judged.onnx", "the model"),
        ("model.onnx", "the model"),
    ];
    assert_eq!(is_model(&server, NAME, &lines(&all), ""), Ok(()));
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
    let body = json!({ "run_id": run, "key": "mlflow.source.git.commit", "value": "abc" }).to_string();
    let set = std::process::Command::new("python3")
        .args(["-c", "import sys,urllib.request as u; u.urlopen(u.Request(sys.argv[1], sys.argv[2].encode(), {'Content-Type': 'application/json'}))"])
        .args([format!("{}/api/2.0/mlflow/runs/set-tag", server.uri), body])
        .env("NO_PROXY", "127.0.0.1")
        .status()
        .unwrap();
    assert!(set.success());
    assert_eq!(commit(NAME), Ok(Some("abc".to_owned())));
    tag(&server, NAME, "mlgate.commit", "def");
    assert_eq!(commit(NAME), Ok(Some("def".to_owned())));
}
