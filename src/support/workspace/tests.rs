use std::fs;
use std::os::unix::fs::symlink;

use tempfile::TempDir;

use super::*;
use crate::support::problem::Exit;

struct World {
    all: TempDir,
    workspace: Workspace,
}

fn world() -> World {
    let all = TempDir::new().unwrap();
    let at = |name: &str| all.path().join(name);
    for folder in ["work/data", "lake", "secret"] {
        fs::create_dir_all(at(folder)).unwrap();
    }
    for file in ["work/data/a.csv", "lake/b.csv", "secret/c.csv"] {
        fs::write(at(file), "x\n").unwrap();
    }
    symlink("../secret", at("work/out")).unwrap();
    symlink("data", at("work/in")).unwrap();
    symlink("../lake", at("work/lake")).unwrap();
    symlink("loop", at("work/loop")).unwrap();
    symlink("../secret/new", at("work/dangling")).unwrap();
    symlink("work", at("entry")).unwrap();
    let workspace = Workspace::action(&at("entry"), Some(&at("lake"))).unwrap();
    World { all, workspace }
}

fn check(read: &[(&str, Option<Exit>)], write: &[(&str, Option<Exit>)]) {
    let world = world();
    let at = |path: &str| world.all.path().join(path).to_string_lossy().into_owned();
    for (path, wanted) in read {
        assert_eq!(world.workspace.resolve(&at(path)).err().map(|failure| failure.exit), *wanted, "read {path}");
    }
    for (path, wanted) in write {
        let written = world.workspace.resolve_for_writing(&at(path));
        assert_eq!(written.err().map(|failure| failure.exit), *wanted, "write {path}");
    }
}

#[test]
fn a_path_is_judged_by_where_it_leads() {
    let (usage, world) = (Some(Exit::Usage), Some(Exit::Unmeasured));
    check(
        &[
            ("work/data/a.csv", None),
            ("entry/data/a.csv", None),
            ("work/../work/data/a.csv", None),
            ("work/in/a.csv", None),
            ("work/missing/x.csv", None),
            ("lake/b.csv", None),
            ("work/lake/b.csv", None),
            ("secret/c.csv", usage),
            ("work/../secret/c.csv", usage),
            ("work/missing/../../secret/c.csv", usage),
            ("work/out/c.csv", usage),
            ("work/out/missing.csv", usage),
            ("work/data/a.csv/x", None),
            ("works/a.csv", usage),
            ("work/loop", world),
            ("work/dangling", world),
        ],
        &[
            ("work/report", None),
            ("entry/report/deep", None),
            ("work/data/a.csv", None),
            ("work/in/report", usage),
            ("work/out/report", usage),
            ("work/lake/report", usage),
            ("lake/report", usage),
            ("secret/report", usage),
            ("work/dangling", world),
        ],
    );
}

#[test]
fn a_refusal_names_the_workspace() {
    let world = world();
    let root = world.all.path().canonicalize().unwrap().join("work");
    let failure = world.workspace.resolve("/etc/passwd").unwrap_err();
    assert!(failure.to_string().contains(&*root.to_string_lossy()), "{failure}");
}

#[test]
fn a_path_that_cannot_be_one_is_usage() {
    for workspace in [Workspace::command_line(), world().workspace] {
        for path in ["", "a\0b"] {
            assert_eq!(workspace.resolve(path).unwrap_err().exit, Exit::Usage);
            assert_eq!(workspace.resolve_for_writing(path).unwrap_err().exit, Exit::Usage);
        }
    }
}

#[test]
fn on_a_command_line_any_path_is_allowed() {
    assert_eq!(Workspace::command_line().resolve("/etc/../x").unwrap(), Path::new("/etc/../x"));
}

#[test]
fn a_workspace_must_be_a_folder() {
    assert_eq!(Workspace::action(Path::new("/nowhere"), None).unwrap_err().exit, Exit::Usage);
    assert_eq!(Workspace::action(Path::new("/"), Some(Path::new("/etc/passwd"))).unwrap_err().exit, Exit::Usage);
}
