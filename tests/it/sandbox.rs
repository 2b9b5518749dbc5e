//! The process that runs a model, from inside: a hostile library in place of ONNX Runtime tries what it must not do.

use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;

use crate::onnx::library;
use crate::world::{Ran, World, data, root};

/// Compiles the hostile library for one attempt; linking Rust takes the same compiler.
fn compile(world: &World, attempt: &str, name: &str, flags: &[&str]) -> String {
    let out = world.path(name);
    let source = root().join("tests/data/hostile_library.c");
    let output = Command::new("cc").args(flags).arg(format!("-D{attempt}")).arg("-o").arg(&out).arg(source).output();
    let output = output.unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    out.to_string_lossy().into_owned()
}

/// A gate whose model loads that library.
fn run_with(world: World, library: &str) -> Ran {
    let world = world.variable("ORT_DYLIB_PATH", library);
    world.write("secret.txt", "hunter2");
    world.copy(data("onnx/lr2.onnx"), "models/lr2.onnx");
    world.write(
        "mlgate.yml",
        format!(
            "data: {{ test: {}, target: label }}\nmodel:\n  artifact: models/lr2.onnx\n  checks:\n    - metric: {{ name: accuracy, min: 0 }}\n",
            data("onnx/two.parquet")
        ),
    );
    world.check(&["-v"])
}

/// How an attempt ended inside of the sandbox, after it was seen to succeed outside.
fn attempt(world: World, define: &str, is_control: bool) -> Ran {
    if is_control {
        let control = compile(&world, define, "control", &["-DCONTROL"]);
        let output = Command::new(control).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        // What executes something else has nothing to say any more.
        assert!(output.status.success() && (said.is_empty() || said.contains("succeeded")), "{define}: {said}");
    }
    let library = compile(&world, define, "hostile.so", &["-shared", "-fPIC"]);
    run_with(world, &library).exits(3)
}

#[test]
fn a_model_reads_its_own_files_and_no_others() {
    let world = World::new();
    let own = world.real().join("models/lr2.onnx").to_string_lossy().into_owned();
    attempt(world, &format!("READ=\"{own}\""), false).saying("attempt: succeeded");
    for path in ["/etc/passwd", "/proc/self/environ", "/root/.bashrc", "/"] {
        attempt(World::new(), &format!("READ=\"{path}\""), path == "/etc/passwd").saying("attempt: Permission denied");
    }
    let world = World::new();
    let secret = world.real().join("secret.txt").to_string_lossy().into_owned();
    attempt(world, &format!("READ=\"{secret}\""), false).saying("attempt: Permission denied");
    let world = World::new();
    let beside = world.real().join("models/other.onnx").to_string_lossy().into_owned();
    world.write("models/other.onnx", "x");
    attempt(world, &format!("READ=\"{beside}\""), true).saying("attempt: Permission denied");
    attempt(World::new(), "ENVIRON", true).saying("attempt: Permission denied");
}

#[test]
fn a_model_writes_and_removes_nothing() {
    let world = World::new();
    let made = world.real().join("made.txt").to_string_lossy().into_owned();
    let ran = attempt(world, &format!("WRITE=\"{made}\""), false);
    ran.saying("attempt: Operation not permitted");
    assert!(!std::path::Path::new(&made).exists());
    let world = World::new();
    world.write("kept.txt", "x");
    let kept = world.real().join("kept.txt").to_string_lossy().into_owned();
    attempt(world, &format!("UNLINK=\"{kept}\""), false).saying("attempt: Operation not permitted");
}

#[test]
fn a_model_connects_to_nothing() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let ran = attempt(World::new(), &format!("CONNECT={port}"), true);
    ran.saying("attempt: Operation not permitted");
    // The control's connection, and no second.
    listener.set_nonblocking(true).unwrap();
    assert!(listener.accept().is_ok());
    assert!(listener.accept().is_err());
}

#[test]
fn a_model_starts_traces_and_signals_no_process() {
    for define in ["EXECUTE", "FORK", "TRACE", "SETUID"] {
        // Who may trace is the kernel's to say outside, too.
        attempt(World::new(), define, !matches!(define, "TRACE" | "SETUID"))
            .saying("a system call that models may not make");
    }
    // Ways around a filter: another interface, a ring of calls, files by handle instead of path.
    for define in ["RING", "HANDLE", "X32"] {
        attempt(World::new(), define, false).saying("a system call that models may not make");
    }
    attempt(World::new(), "KILL", true).saying("attempt: Operation not permitted");
}

/// Runs a real model that everyone may read.
#[test]
fn a_model_of_root_runs_as_nobody() {
    let world = World::new();
    world.copy(library(), "public/libonnxruntime.so");
    fs::set_permissions(world.real(), fs::Permissions::from_mode(0o755)).unwrap();
    let library = world.real().join("public/libonnxruntime.so").to_string_lossy().into_owned();
    let ran = run_with(world, &library).exits(0);
    for words in ["no_new_privs: in force", "Landlock: in force", "seccomp: in force"] {
        assert!(ran.stderr.contains(words), "{words}: {}", ran.stderr);
    }
    let is_root = Command::new("id").arg("-u").output().unwrap().stdout == b"0\n";
    let user = if is_root { "user: nobody" } else { "without privileges" };
    assert!(ran.stderr.contains(user), "{}", ran.stderr);
}

/// Neither the library nor the model is everyone's to read.
#[test]
fn a_model_that_only_root_may_read_runs_as_root_that_may_only_read() {
    let world = World::new();
    fs::create_dir(world.path("private")).unwrap();
    fs::copy(library(), world.path("private/libonnxruntime.so")).unwrap();
    fs::set_permissions(world.path("private"), fs::Permissions::from_mode(0o700)).unwrap();
    let library = world.real().join("private/libonnxruntime.so").to_string_lossy().into_owned();
    let ran = run_with(world, &library).exits(0);
    assert!(ran.stderr.contains("root, whose one privilege is to read any file"), "{}", ran.stderr);
}

#[test]
fn the_sandbox_is_said_only_to_whoever_asks() {
    let world = World::new().variable("ORT_DYLIB_PATH", library());
    world.copy(data("onnx/lr2.onnx"), "lr2.onnx");
    let config = format!(
        "data: {{ test: {}, target: label }}\nmodel:\n  artifact: lr2.onnx\n  checks:\n    - metric: {{ name: accuracy, min: 0 }}\n",
        data("onnx/two.parquet")
    );
    world.write("mlgate.yml", config);
    assert!(!world.check(&[]).exits(0).says("seccomp"));
    assert!(world.run(&["--verbose", "check"]).exits(0).stderr.contains("seccomp: in force"));
}
