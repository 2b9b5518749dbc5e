//! Whatever a run is fed, it says what is wrong, exits with the right code, and leaves a report.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::os::unix::process::CommandExt;

use serde_json::json;

use crate::world::{BINARY, Ran, World, data};

/// Judges this table by an entry that needs its cells, and one that needs its rows.
fn judge(world: &World, path: &str) -> Ran {
    let config = json!({ "data": { "path": path, "checks": [{ "row_count": { "min": 1 } }, "duplicates"] } });
    world.write("gate.json", config.to_string()).check(&["--config", "gate.json"])
}

/// Data that could not be measured: exit 3, each entry an error that says why.
#[track_caller]
fn unmeasured(world: &World, path: &str, said: &[&str]) {
    let ran = judge(world, path).exits(3);
    assert_eq!(ran.result(), "error", "{ran:#?}");
    assert_eq!(ran.statuses(), "error error", "{ran:#?}");
    for words in said {
        for verdict in ran.verdicts() {
            let whole = format!("{} {}", verdict["message"].as_str().unwrap(), verdict["hint"].as_str().unwrap_or(""));
            assert!(whole.contains(words), "{words:?} is not in {whole:?}");
        }
    }
}

/// A run that ends before there is a verdict: exit 2, and a report that says so.
#[track_caller]
fn refused(world: &World, arguments: &[&str], said: &[&str]) {
    let mut ran = world.check(arguments).exits(2);
    assert_eq!(ran.result(), "error", "{ran:#?}");
    assert!(!ran.report["problems"].as_array().unwrap().is_empty(), "{ran:#?}");
    assert!(!ran.markdown.is_empty());
    for words in said {
        ran = ran.saying(words);
    }
}

#[test]
fn a_file_that_is_not_there_is_named_with_its_neighbour() {
    let world = World::new();
    world.write("train.csv", "a\n1\n").write("data/x.csv", "a\n1\n");
    unmeasured(&world, "trian.csv", &["`trian.csv` does not exist", "is `train.csv` meant?"]);
    unmeasured(&world, "nowhere/at/all.csv", &["`nowhere/at/all.csv` does not exist"]);
    unmeasured(&world, "*.parquet", &["no file matches `*.parquet`"]);
    unmeasured(&world, "data/y*.csv", &["no file matches"]);
}

#[test]
fn a_folder_without_data_says_what_it_looked_for() {
    let world = World::new();
    world.write("data/readme.txt", "hello").write("data/_SUCCESS", "").write("data/.part.parquet", "");
    unmeasured(&world, "data", &["`data` holds no data file", ".parquet"]);
    fs::create_dir(world.path("nothing")).unwrap();
    unmeasured(&world, "nothing", &["holds no data file"]);
}

#[test]
fn a_file_that_is_not_what_its_name_says_is_named() {
    let world = World::new();
    unmeasured(
        &world,
        &data("truncated.parquet"),
        &["truncated.parquet` is cut off", "did the step that writes it finish?"],
    );
    unmeasured(&world, &data("picture.parquet"), &["is not Parquet: it looks like a PNG picture"]);
    unmeasured(&world, &data("lfs_pointer.parquet"), &["is a Git LFS pointer", "lfs: true"]);
    unmeasured(&world, &data("lfs_pointer.csv"), &["is a Git LFS pointer", "lfs: true"]);
    unmeasured(&world, &data("empty.csv"), &["is empty: 0 bytes"]);
    world.copy(data("picture.parquet"), "picture.csv").copy(data("plain.csv"), "plain.parquet");
    unmeasured(&world, "picture.csv", &["is not CSV: it looks like a PNG picture"]);
    unmeasured(&world, "plain.parquet", &["is not Parquet: it looks like text"]);
    world.write("page.csv", "<!DOCTYPE html><html>404</html>").write("notes.txt", "hello");
    unmeasured(&world, "page.csv", &["an HTML page"]);
    unmeasured(&world, "notes.txt", &["has no ending that names a format"]);
    let cut = fs::read(data("gz.csv.gz")).unwrap();
    world.write("cut.csv.gz", &cut[..cut.len() / 2]).write("not.csv.gz", "id,a\n1,2\n");
    unmeasured(&world, "cut.csv.gz", &["cut.csv.gz"]);
    world.write("footer.parquet", [b"PAR1".as_slice(), &[0xff; 40], &[0xff, 0xff, 0xff, 0x7f], b"PAR1"].concat());
    unmeasured(&world, "footer.parquet", &["footer.parquet"]);
}

#[test]
fn csv_that_two_readers_would_see_differently_is_refused_with_the_line() {
    let world = World::new();
    unmeasured(&world, &data("ragged.csv"), &["line 3 has 2 fields, the header has 3"]);
    unmeasured(&world, &data("ragged_short.csv"), &["line 3 has 2 fields, the header has 3"]);
    unmeasured(&world, &data("ragged_long.csv"), &["line 3 has 4 fields, the header has 3"]);
    unmeasured(&world, &data("latin1.csv"), &["line 2", "UTF-8"]);
    world.write("open.csv", "a,b\n1,\"never closed\n2,x\n").write("twice.csv", "a,a\n1,2\n");
    unmeasured(&world, "open.csv", &["line 2"]);
    unmeasured(&world, "twice.csv", &["line 1 names two columns `a`"]);
    unmeasured(&world, &data("semicolon.csv"), &["names one column only", "data.csv.delimiter"]);
    world.write("bytes.csv", b"a,b\n\x00\x01,\xff\xfe\n");
    unmeasured(&world, "bytes.csv", &["line 2"]);
}

#[test]
fn a_byte_order_mark_is_no_part_of_the_first_name() {
    let world = World::new();
    let config = json!({ "data": { "path": data("bom.csv"), "checks": [{ "schema": { "required": ["id"] } }] } });
    world.write("gate.json", config.to_string()).check(&["--config", "gate.json"]).exits(0);
}

#[test]
fn ndjson_whose_types_change_is_refused_with_the_line() {
    let world = World::new();
    unmeasured(&world, &data("changing.ndjson"), &["line 26 has text in `value`, lines before it a number"]);
    world.write("cut.ndjson", "{\"a\": 1}\n{\"a\": ").write("list.ndjson", "[{\"a\": 1}]");
    unmeasured(&world, "cut.ndjson", &["line 2 is not JSON"]);
    unmeasured(&world, "list.ndjson", &["write one object a line"]);
    world.write("deep.ndjson", format!("{{\"a\": {}1{}}}\n", "[".repeat(90_000), "]".repeat(90_000)));
    unmeasured(&world, "deep.ndjson", &["line 1"]);
}

#[test]
fn files_of_a_glob_must_have_the_same_columns() {
    let world = World::new();
    unmeasured(&world, &data("glob_mixed/[ab].parquet"), &["`id`", "b.parquet"]);
    unmeasured(&world, &data("glob_mixed/[ac].parquet"), &["c.parquet"]);
    unmeasured(&world, &data("glob_mixed/[ad].parquet"), &["d.parquet"]);
    world.write("mix/a.csv", "a\n1\n").copy(data("plain.ndjson"), "mix/b.ndjson");
    unmeasured(&world, "mix", &["holds files of several formats"]);
}

#[test]
fn a_file_that_may_not_be_read_says_how_to_allow_it() {
    let world = World::new();
    world.write("secret.csv", "a\n1\n");
    fs::set_permissions(world.path("secret.csv"), PermissionsExt::from_mode(0o000)).unwrap();
    if fs::read(world.path("secret.csv")).is_err() {
        unmeasured(&world, "secret.csv", &["Permission denied", "chmod +r"]);
        return;
    }
    // Root reads everything, so somebody else must try, with a binary that he can reach.
    let binary = world.path("binary");
    if fs::hard_link(BINARY, &binary).is_err() {
        fs::copy(BINARY, &binary).unwrap();
    }
    fs::set_permissions(world.path(""), PermissionsExt::from_mode(0o777)).unwrap();
    let mut command = std::process::Command::new(binary);
    command.args(["check", "--data", "secret.csv", "--min-rows", "1"]);
    let ran = world.finish(command.env_clear().current_dir(world.path("")).uid(65_534).gid(65_534)).exits(3);
    ran.saying("Permission denied").saying("chmod +r");
}

#[test]
fn what_is_no_file_does_not_hang_the_run() {
    let world = World::new();
    let made = std::process::Command::new("mkfifo").arg(world.path("pipe.csv")).status().unwrap();
    assert!(made.success());
    unmeasured(&world, "pipe.csv", &["is neither a file nor a folder"]);
    unmeasured(&world, "/dev/null", &["is neither a file nor a folder"]);
    symlink("loop.csv", world.path("loop.csv")).unwrap();
    unmeasured(&world, "loop.csv", &["loop.csv"]);
    symlink("nothing.csv", world.path("dangling.csv")).unwrap();
    unmeasured(&world, "dangling.csv", &["dangling.csv"]);
}

#[test]
fn a_path_that_is_none_is_refused() {
    let world = World::new();
    for (path, said) in [
        ("s3://bucket/data.parquet", "object stores come later"),
        ("https://example.com/a.csv", "object stores come later"),
        ("file:///etc/passwd", "is a URL, not a path"),
        ("", "a path is empty"),
        ("data/[", "is not a glob"),
    ] {
        refused(&world, &["--min-rows=1", &format!("--data={path}")], &[said]);
    }
}

#[test]
fn a_config_that_cannot_be_read_is_named() {
    let world = World::new();
    fs::create_dir(world.path("folder.yml")).unwrap();
    world.write("latin.yml", b"data:\n  path: K\xf6ln.csv\n").write("big.yml", "# x\n".repeat(2_500_000));
    for (file, said) in [
        ("missing.yml", "`missing.yml` could not be read"),
        ("folder.yml", "`folder.yml` could not be read"),
        ("latin.yml", "`latin.yml` is not UTF-8 at byte"),
        ("big.yml", "`big.yml` is 10000000 bytes long"),
    ] {
        refused(&world, &["--config", file], &[said]);
    }
}

#[test]
fn yaml_that_attacks_its_reader_is_refused() {
    let world = World::new();
    let bomb = (1..30).fold("a0: &a0 [x, x, x, x, x, x, x, x, x]\n".to_owned(), |text, i| {
        let items = vec![format!("*a{}", i - 1); 9].join(", ");
        format!("{text}a{i}: &a{i} [{items}]\n")
    });
    let deep = |open: &str, close: &str| format!("data: {}1{}\n", open.repeat(90_000), close.repeat(90_000));
    for (name, text) in [
        ("bomb.yml", bomb.clone()),
        ("inside.yml", format!("data:\n  checks: [*a29]\n{bomb}")),
        ("lists.yml", deep("[", "]")),
        ("maps.yml", deep("{a: ", "}")),
        ("open.yml", format!("data: {}", "[".repeat(500_000))),
        ("dashes.yml", format!("data:\n{}x\n", "- ".repeat(200_000))),
        ("keys.yml", format!("data:\n{}x\n", "? ".repeat(200_000))),
        ("deep.json", format!("{{\"data\": {}1{}}}", "[".repeat(90_000), "]".repeat(90_000))),
        ("many.yml", (0..100_000).map(|i| format!("k{i}: 1\n")).collect()),
        ("merge.yml", "data: &d\n  <<: *d\n".to_owned()),
        ("tag.yml", "data: !!python/object/apply:os.system [id]\n".to_owned()),
        ("nul.yml", "data:\n  path: \"a\\0b.csv\"\n  checks: [duplicates]\n".to_owned()),
    ] {
        world.write(name, text);
        let mut command = std::process::Command::new("timeout");
        command.args(["20", BINARY, "check", "--config", name]).env_clear().current_dir(world.path(""));
        let ran = world.finish(command.env("PATH", std::env::var_os("PATH").unwrap())).exits(2);
        assert_eq!(ran.result(), "error", "{name}: {ran:#?}");
    }
}

#[test]
fn a_threshold_that_is_no_number_is_refused_with_all_others() {
    let world = World::new();
    world.write("a.csv", "a\n1\n");
    let arguments = ["--data=a.csv", "--min-rows=many", "--max-null-percent=101", "--max-duplicate-percent=-1"];
    refused(
        &world,
        &arguments,
        &["input min-rows: `many` is no number", "input max-null-percent: 101", "input max-duplicate-percent: -1"],
    );
    for (input, said) in [
        ("--min-rows=-5", "input min-rows"),
        ("--min-rows=1.5", "input min-rows"),
        ("--max-null-percent=NaN", "input max-null-percent"),
        ("--max-age-days=inf", "input max-age-days"),
        ("--feature-ranges={", "input feature-ranges"),
        ("--feature-ranges=age", "input feature-ranges"),
        ("--feature-ranges={age: {mni: 0}}", "input feature-ranges"),
        ("--feature-ranges={age: {min: 9, max: 1}}", "above"),
        ("--required-columns=[\"a\"", "input required-columns"),
        ("--now=yesterday", "input now: `yesterday`"),
    ] {
        refused(&world, &["--data=a.csv", "--min-rows=1", input], &[said]);
    }
}

#[test]
fn no_byte_of_a_file_can_break_the_run() {
    let world = World::new();
    for name in ["types.parquet", "lz4.arrow", "gz.csv.gz", "nested.ndjson"] {
        let whole = fs::read(data(name)).unwrap();
        for i in 0..24 {
            let mut bytes = whole.clone();
            // Half of them near the end, where the footers are.
            let at = if i % 2 == 0 { i * bytes.len() / 24 } else { bytes.len() - 1 - i * bytes.len().min(600) / 24 };
            bytes[at] ^= [0x01, 0x80, 0xff][i % 3];
            world.write(name, bytes);
            // Whatever it finds; `finish` looks for panics.
            judge(&world, name);
        }
    }
}

#[test]
fn a_report_folder_that_cannot_be_made_is_exit_3() {
    let world = World::with_checks("y\n1\n", "- duplicates");
    world.write("taken", "a file");
    let ran = world.check(&["--report-dir", "taken"]).exits(3);
    ran.saying("could not be made").saying("report-dir");
}
