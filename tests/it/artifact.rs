//! What a model's artifact is: an ONNX file is all files that are loaded with it, on disk and in a registry.

use std::fs;

use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::action;
use crate::files::field;
use crate::onnx::library;
use crate::world::{Ran, World, data, root};

pub fn sha256(bytes: impl AsRef<[u8]>) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// SHA-256 of the lines `<SHA-256>  <path>`.
pub fn of_files(files: &[(&str, &[u8])]) -> String {
    let line = |(name, bytes): &(&str, &[u8])| format!("{}  {name}\n", sha256(bytes));
    sha256(files.iter().map(line).collect::<String>())
}

/// An ONNX file of this producer, whose tensors lie in these files.
pub fn onnx_file(producer: &str, locations: &[&str]) -> Vec<u8> {
    let entry = |location: &&str| field(13, &[field(1, b"location"), field(2, location.as_bytes())].concat());
    let tensor = |location: &&str| field(5, &[field(8, b"w"), entry(location), vec![14 << 3, 1]].concat());
    let tensors: Vec<Vec<u8>> = locations.iter().map(tensor).collect();
    [field(2, producer.as_bytes()), field(7, &tensors.concat())].concat()
}

fn digest(ran: &Ran) -> &str {
    ran.report["model"]["sha256"].as_str().unwrap_or_default()
}

#[test]
fn the_weights_of_an_onnx_file_are_part_of_it() {
    let world = World::new();
    let model = fs::read(data("onnx/hostile/beside/model.onnx")).unwrap();
    world.write("m/model.onnx", &model).write("m/weights.bin", b"few");
    let check = || world.check(&["--artifact", "m/model.onnx", "--max-model-size-mb", "1"]);
    let ran = check().exits(0);
    assert_eq!(digest(&ran), of_files(&[("model.onnx", &model), ("weights.bin", b"few")]));
    let many = vec![7; 2_000_000];
    world.write("m/weights.bin", &many);
    let ran = check().exits(1);
    assert_eq!(digest(&ran), of_files(&[("model.onnx", &model), ("weights.bin", &many)]));
    let observed = ran.verdicts()[0]["observed"].as_f64().unwrap();
    assert!((2.0..2.1).contains(&observed), "{observed}");
    fs::remove_file(world.path("m/weights.bin")).unwrap();
    let ran = check().exits(3).saying("keeps values in `weights.bin`, which is not there");
    assert_eq!(ran.report["model"]["sha256"], Value::Null);
}

#[test]
fn a_model_is_the_same_whether_it_was_run_or_not() {
    let world = World::new().variable("ORT_DYLIB_PATH", library());
    let folder = root().join("tests/data/onnx/hostile/beside");
    for file in ["model.onnx", "weights.bin"] {
        world.copy(folder.join(file), file);
    }
    let size = world.check(&["--artifact", "model.onnx", "--max-model-size-mb", "1"]).exits(0);
    let config = format!(
        "data: {{ test: {}, target: label }}\nmodel:\n  artifact: model.onnx\n  checks:\n    - invariance: {{ change: none }}\n",
        data("onnx/three.parquet")
    );
    world.write("mlgate.yml", config);
    let run = world.check(&[]).exits(0);
    assert_eq!(digest(&run), digest(&size));
    let [model, weights] = ["model.onnx", "weights.bin"].map(|file| fs::read(folder.join(file)).unwrap());
    assert_eq!(digest(&run), of_files(&[("model.onnx", &model), ("weights.bin", &weights)]));
}

#[test]
fn what_is_no_onnx_file_has_no_digest() {
    for (bytes, said) in [
        (b"<html>".to_vec(), "it is no ONNX model"),
        (Vec::new(), "it is empty"),
        (onnx_file("a", &["../weights.bin"]), "which does not lie beside it"),
        (onnx_file("a", &["/etc/hostname"]), "which does not lie beside it"),
        (onnx_file("a", &[""]), "which does not lie beside it"),
        (onnx_file("a", &["*/_ORT_MEM_ADDR_/*"]), "which does not lie beside it"),
        (onnx_file("a", &["folder"]), "which leads out of its folder"),
    ] {
        let world = World::new();
        world.write("m/model.onnx", bytes).write("weights.bin", "w").write("m/folder/x", "");
        let ran = world.check(&["--artifact", "m/model.onnx", "--max-model-size-mb", "1"]).exits(3).saying(said);
        assert_eq!(ran.report["model"]["sha256"], Value::Null, "{said}");
    }
}

#[test]
fn weights_that_a_link_leads_elsewhere_end_an_action() {
    let world = action::runner(&[("artifact", "model.onnx"), ("max-model-size-mb", "1")]);
    world.write("workspace/model.onnx", onnx_file("a", &["weights.bin"])).write("secret.bin", "w");
    std::os::unix::fs::symlink(world.path("secret.bin"), world.path("workspace/weights.bin")).unwrap();
    action::act(&world).exits(2).saying("weights.bin");
}
