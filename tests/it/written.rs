//! What a run writes: whole or not at all, through no link, and one run at a time.

use std::fs;
use std::os::unix::fs::{MetadataExt, symlink};
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;

use crate::action::{act, output, runner};
use crate::world::{BINARY, World};

#[test]
fn nothing_is_written_where_credentials_lie() {
    for inputs in
        [[("report-dir", ".git/hooks")], [("history", ".git/hooks/x")], [("save-profile", ".git/p.profile.json")]]
    {
        let world = runner(&[&[("data", "data.csv"), ("min-rows", "1")][..], &inputs].concat());
        world.write("workspace/.git/HEAD", "ref: refs/heads/main\n");
        act(&world).exits(2);
        assert!(!world.path("workspace/.git/hooks").exists() && !world.path("workspace/.git/p.profile.json").exists());
    }
}

/// A folder with the report of a run that passed.
fn passed() -> World {
    let world = World::new();
    world.write("data.csv", "a,b\n1,2\n3,4\n");
    world.check(&["--data", "data.csv", "--min-rows", "1"]).exits(0);
    world
}

#[test]
fn a_usage_error_on_a_command_line_says_that_an_earlier_report_stands() {
    let world = passed();
    let before = world.read("mlgate-report/report.json");
    let ran = world.check(&["--data", "data.csv", "--min-rwos", "1"]).exits(2);
    assert_eq!(world.read("mlgate-report/report.json"), before);
    assert!(ran.stderr.contains("mlgate-report/report.json` is from an earlier run"), "{ran:#?}");
    let verbose = world.run(&["-v", "check", "--data", "data.csv", "--min-rwos", "1"]).exits(2);
    assert!(verbose.stderr.contains("is from an earlier run"), "{verbose:#?}");
    let elsewhere = world.check(&["--report-dir", "elsewhere", "--min-rwos", "1"]).exits(2);
    assert!(!elsewhere.stderr.contains("earlier run"), "{elsewhere:#?}");
    let first = World::new();
    assert!(!first.check(&["--min-rwos", "1"]).exits(2).stderr.contains("earlier run"));
}

#[test]
fn a_usage_error_of_an_action_replaces_the_earlier_report() {
    for wrong in [("min-rwos", "1"), ("min-rows", "many"), ("data-root", "nowhere"), ("timeout", "soon")] {
        let world = runner(&[("data", "data.csv"), ("min-rows", "1")]);
        act(&world).exits(0);
        let world = world.variable(&format!("INPUT_{}", wrong.0.to_uppercase()), wrong.1);
        let ran = act(&world).exits(2);
        assert_eq!(ran.result(), "error", "{wrong:?}: {ran:#?}");
        assert_eq!(output(&world, "result"), "error");
    }
}

#[test]
fn a_full_disk_leaves_no_half_a_report() {
    let world = passed();
    world.write(
        "mlgate.yml",
        format!("data:\n  path: data.csv\n  checks:\n{}", "    - row_count: { min: 1 }\n".repeat(60)),
    );
    let mut names = String::new();
    for at in 0..60 {
        names.push_str(&format!("    - row_count: {{ min: {} }}\n", at + 1));
    }
    world.write("mlgate.yml", format!("data:\n  path: data.csv\n  checks:\n{names}"));
    // Files of more than 4 KiB cannot be written, as on a disk that is nearly full.
    let mut command = Command::new("bash");
    command
        .args(["-c", "trap '' XFSZ; ulimit -f 4; exec \"$0\" check", BINARY])
        .current_dir(world.path(""))
        .env_clear();
    let output = command.output().unwrap();
    assert_eq!(output.status.code(), Some(3), "{}", String::from_utf8_lossy(&output.stderr));
    let left = world.read("mlgate-report/report.json");
    assert!(left.is_empty(), "half a report: {} bytes", left.len());
    let names: Vec<String> = fs::read_dir(world.path("mlgate-report"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
        .filter(|name| name.contains("tmp") || name.starts_with(".mlgate-"))
        .collect();
    assert!(names.is_empty(), "left beside it: {names:?}");
}

#[test]
fn two_runs_do_not_share_a_report_folder() {
    let world = World::new();
    // Long enough for a second run to begin and end.
    let mut text = String::from("a,b\n");
    for at in 0..3_000_000 {
        text.push_str(&format!("{at},{}\n", at % 7));
    }
    world.write("big.csv", text).write("data.csv", "a,b\n1,2\n");
    let arguments = ["check", "--data", "big.csv", "--max-duplicate-percent", "100"];
    let mut first = world.command(&arguments).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    while !world.path("mlgate-report").exists() {
        thread::yield_now();
    }
    thread::sleep(std::time::Duration::from_millis(50));
    let second = world.command(&["check", "--data", "data.csv", "--min-rows", "1"]).output().unwrap();
    let is_running = first.try_wait().unwrap().is_none();
    let said = String::from_utf8_lossy(&second.stderr).into_owned();
    assert!(is_running, "the first run was over too early");
    assert_eq!(second.status.code(), Some(2), "{said}");
    assert!(said.contains("another run"), "{said}");
    // A process that is killed holds nothing.
    first.kill().unwrap();
    first.wait().unwrap();
    world.check(&["--data", "data.csv", "--min-rows", "1"]).exits(0);
    // Two folders are two folders.
    let mut first = world.command(&arguments).stdout(Stdio::null()).spawn().unwrap();
    thread::sleep(std::time::Duration::from_millis(50));
    world.check(&["--data", "data.csv", "--min-rows", "1", "--report-dir", "other"]);
    assert!(world.path("other/report.json").exists());
    first.kill().unwrap();
    first.wait().unwrap();
}

#[test]
fn a_profile_is_written_beside_and_not_through_a_link() {
    let world = World::new();
    world.write("data.csv", "a,b\n1,2\n3,4\n").write("outside.profile.json", "untouched");
    world.check(&["--data", "data.csv", "--min-rows", "1", "--save-profile", "a.profile.json"]).exits(0);
    symlink("outside.profile.json", world.path("all.profile.json")).unwrap();
    world.run(&["profile", "merge", "a.profile.json", "a.profile.json", "-o", "all.profile.json"]).exits(0);
    assert_eq!(world.read("outside.profile.json"), "untouched");
    assert!(world.read("all.profile.json").contains("\"rows\""));
}

#[test]
fn a_report_replaces_a_link_and_leaves_its_target() {
    let world = runner(&[("data", "data.csv"), ("min-rows", "1")]);
    world.write("outside/victim", "untouched");
    fs::create_dir(world.path("workspace/mlgate-report")).unwrap();
    for name in ["report.json", "report.md", "junit.xml", "results.sarif"] {
        symlink(world.path("outside/victim"), world.path(&format!("workspace/mlgate-report/{name}"))).unwrap();
    }
    let before = owner(&world.path("outside/victim"));
    act(&world).exits(0);
    assert_eq!(world.read("outside/victim"), "untouched");
    assert_eq!(owner(&world.path("outside/victim")), before);
    assert!(world.path("workspace/mlgate-report/report.json").symlink_metadata().unwrap().is_file());
}

fn owner(path: &Path) -> (u32, u32) {
    let metadata = path.metadata().unwrap();
    (metadata.uid(), metadata.gid())
}
