use std::os::unix::fs::symlink;

use tempfile::TempDir;

use super::*;
use crate::support::problem::Exit;

const PARQUET: &[u8] = b"PAR1 anything at all PAR1";
const ARROW: &[u8] = b"ARROW1\0\0 anything at all ARROW1";

fn world(files: &[(&str, &[u8])]) -> TempDir {
    let folder = TempDir::new().unwrap();
    for (name, bytes) in files {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }
    folder
}

fn find_in(folder: &TempDir, path: &str) -> Result<Files, Failure> {
    find(&folder.path().join(path).to_string_lossy(), &Workspace::command_line())
}

/// The names that are found, below the folder.
fn check(files: &[(&str, &[u8])], path: &str, format: Format, names: &[&str]) {
    let folder = world(files);
    let found = find_in(&folder, path).unwrap();
    let found_names: Vec<_> =
        found.paths().map(|path| path.strip_prefix(folder.path()).unwrap().to_str().unwrap()).collect();
    assert_eq!(found_names, names, "{path}");
    assert_eq!(found.format, format, "{path}");
}

fn refused(files: &[(&str, &[u8])], path: &str, exit: Exit, what: &str) {
    let failure = find_in(&world(files), path).unwrap_err();
    assert_eq!(failure.exit, exit, "{failure}");
    assert!(failure.to_string().contains(what), "{failure}");
}

#[test]
fn one_file_has_the_format_of_its_ending() {
    for (name, bytes, format) in [
        ("a.parquet", PARQUET, Format::Parquet),
        ("a.PQ", PARQUET, Format::Parquet),
        ("a.csv", b"x\n", Format::Csv),
        ("a.tsv", b"x\n", Format::Csv),
        ("a.csv.gz", b"\x1f\x8bx", Format::Csv),
        ("a b.jsonl", b"{}\n", Format::Ndjson),
        ("a.ndjson.gz", b"\x1f\x8bx", Format::Ndjson),
        ("a.feather", ARROW, Format::Ipc),
        ("a[1].csv", b"x\n", Format::Csv),
        ("noending", PARQUET, Format::Parquet),
        ("a.data", ARROW, Format::Ipc),
        ("_a.csv", b"x\n", Format::Csv),
    ] {
        check(&[(name, bytes)], name, format, &[name]);
    }
}

#[test]
fn a_folder_is_searched_for_data() {
    let files: &[(&str, &[u8])] = &[
        ("d/b.parquet", PARQUET),
        ("d/deep/er/a.parquet", PARQUET),
        ("d/_SUCCESS", b""),
        ("d/_temporary/x.parquet", PARQUET),
        ("d/.b.parquet.crc", b"x"),
        ("d/README.md", b"x"),
    ];
    check(files, "d", Format::Parquet, &["d/b.parquet", "d/deep/er/a.parquet"]);
    check(files, "d/", Format::Parquet, &["d/b.parquet", "d/deep/er/a.parquet"]);
    refused(
        &[("d/README.md", b"x")],
        "d",
        Exit::Unmeasured,
        "holds no data file\n  hint: looked for Parquet (.parquet",
    );
}

#[test]
fn a_glob_finds_files() {
    let files: &[(&str, &[u8])] =
        &[("d/a.csv", b"x\n"), ("d/b.csv", b"x\n"), ("d/e/c.csv", b"x\n"), ("d/e/x.txt", b"x\n"), ("d/.h.csv", b"x\n")];
    check(files, "d/*.csv", Format::Csv, &["d/a.csv", "d/b.csv"]);
    check(files, "d/**/*.csv", Format::Csv, &["d/a.csv", "d/b.csv", "d/e/c.csv"]);
    check(files, "*/[ab].csv", Format::Csv, &["d/a.csv", "d/b.csv"]);
    refused(files, "d/*.parquet", Exit::Unmeasured, "no file matches");
    refused(files, "d/e/*", Exit::Unmeasured, "x.txt` has no ending that names a format: it looks like text");
    refused(files, "d/**x/[", Exit::Usage, "is not a glob");
}

#[test]
fn a_file_named_like_the_glob_does_not_replace_what_the_glob_matches() {
    let csv: &[u8] = b"x\n";
    refused(&[("d/a.csv", csv), ("d/*.csv", csv)], "d/*.csv", Exit::Usage, "is a glob that matches other files");
    refused(&[("d/a.csv", csv), ("d/*.csv/b.csv", csv)], "d/*.csv", Exit::Usage, "is a glob that matches other files");
    refused(&[("a1.csv", csv), ("a[1].csv", csv)], "a[1].csv", Exit::Usage, "rename the file");
    check(&[("d/*.csv", csv)], "d/*.csv", Format::Csv, &["d/*.csv"]);
}

#[test]
fn a_glob_leaves_out_no_table() {
    let csv: &[u8] = b"x\n";
    let folder = world(&[("d/a.csv", csv), ("other/b.csv", csv), ("d/_c.csv", csv), ("d/_SUCCESS", b"")]);
    let at = |path: &str| folder.path().join(path);
    symlink("../other", at("d/part")).unwrap();
    symlink("../d", at("other/back")).unwrap();
    let workspace = Workspace::action(folder.path(), None).unwrap();
    let count = |path: &str| find(&at(path).to_string_lossy(), &workspace).unwrap().count();
    assert_eq!(count("d/**/*.csv"), 3);
    assert_eq!(count("d/*"), 2);
    assert_eq!(count("**/*.csv"), 3);
    // A folder skips what Spark and Hive skip, and names it.
    let found = find(&at("d").to_string_lossy(), &workspace).unwrap();
    assert_eq!((found.count(), found.unread), (2, vec![at("d/_c.csv")]));
}

#[test]
fn files_of_several_formats_are_no_table() {
    let files: &[(&str, &[u8])] = &[("d/a.parquet", PARQUET), ("d/b.csv", b"x\n")];
    refused(files, "d", Exit::Unmeasured, "a.parquet` is Parquet");
    refused(files, "d/*", Exit::Unmeasured, "b.csv` is CSV");
}

#[test]
fn partitions_begin_below_the_folder_that_was_named() {
    let files: &[(&str, &[u8])] = &[("t/y=1/m=2/a.parquet", PARQUET), ("t/y=2/m=1/a.parquet", PARQUET)];
    let folder = world(files);
    let hive = |path: &str| {
        find_in(&folder, path).unwrap().hive.map(|hive| hive.strip_prefix(folder.path()).unwrap().to_owned())
    };
    assert_eq!(hive("t"), Some("t".into()));
    assert_eq!(hive("t/*/*/*.parquet"), Some("t".into()));
    assert_eq!(hive("t/y=1"), Some("t/y=1".into()));
    assert_eq!(hive("t/y=1/m=2"), None);
    assert_eq!(hive("t/y=1/m=2/a.parquet"), None);
    let files: &[(&str, &[u8])] = &[("t/y=1/a.parquet", PARQUET), ("t/m=2/a.parquet", PARQUET)];
    refused(files, "t", Exit::Unmeasured, "folders of different keys");
}

#[test]
fn what_is_not_the_promised_format_says_what_it_looks_like() {
    let one = |name: &str, bytes: &[u8], what: &str| refused(&[(name, bytes)], name, Exit::Unmeasured, what);
    one("a.parquet", b"\x89PNG\r\n\x1a\n....", "is not Parquet: it looks like a PNG picture");
    one("a.parquet", b"PK\x03\x04", "a ZIP archive");
    one("a.parquet", b"\x1f\x8b", "it looks like gzip");
    one("a.parquet", b"a,b\n1,2\n", "it looks like text");
    one("a.parquet", b"{\"a\": 1}", "it looks like JSON");
    one("a.parquet", b"\x01\x02\xff", "is not Parquet\n");
    one("a.csv", PARQUET, "is not CSV: it looks like Parquet\n  hint: give it the ending of what it is");
    one("a.csv", b"\n <!DOCTYPE html>", "it looks like an HTML page");
    one("a.ndjson", b"\x28\xb5\x2f\xfd", "it looks like Zstandard");
    one("a.parquet", b"PAR1 and then the disk was full", "is cut off");
    one("a.parquet", b"PAR1PAR1", "is cut off");
    one("a.arrow", b"ARROW1\0\0 and then", "is cut off");
    one("a.arrow", b"\xff\xff\xff\xff\x10", "is an Arrow stream");
    one("a.feather", b"FEA1", "is Feather version 1");
    one("a.parquet", b"", "is empty: 0 bytes");
    one("a.txt", b"hello", "has no ending that names a format: it looks like text");
}

#[test]
fn a_git_lfs_pointer_says_so() {
    let pointer = b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n";
    for name in ["a.parquet", "a.csv", "a.ndjson", "a"] {
        refused(
            &[(name, pointer)],
            name,
            Exit::Unmeasured,
            "Git LFS pointer, not the data itself\n  hint: set `lfs: true`",
        );
    }
}

#[test]
fn a_missing_file_names_its_nearest_sibling() {
    let files: &[(&str, &[u8])] = &[("data/training.csv", b"x\n")];
    refused(files, "data/trainig.csv", Exit::Unmeasured, "data/training.csv` meant?");
    refused(files, "dada/training.csv", Exit::Unmeasured, "/data` meant?");
    refused(files, "data/zzz", Exit::Unmeasured, "paths start at the working directory");
    refused(files, "data/training.csv/x", Exit::Unmeasured, "does not exist");
}

#[test]
fn an_object_store_is_usage() {
    for path in
        ["s3://b/a.parquet", "gs://b", "az://c/x", "abfss://c@a/x", "https://e.org/a.csv", "HTTP://e", "file:///a"]
    {
        let failure = find(path, &Workspace::command_line()).unwrap_err();
        assert_eq!(failure.exit, Exit::Usage, "{path}");
    }
}

#[test]
fn strange_paths_do_not_panic() {
    for path in ["", "\0", "a\0*", "/dev/null", "/proc/self/mem", "**", "[", "://", "\u{202e}*"] {
        let _ = find(path, &Workspace::command_line()).map_err(|failure| failure.to_string());
    }
    refused(&[], "/dev/null", Exit::Unmeasured, "is neither a file nor a folder");
}

#[test]
fn a_name_that_is_not_utf_8_is_refused() {
    use std::os::unix::ffi::OsStrExt;
    let folder = world(&[]);
    fs::write(folder.path().join(OsStr::from_bytes(b"\xff.csv")), "x\n").unwrap();
    let failure = find_in(&folder, "").unwrap_err();
    assert!(failure.to_string().contains("is not UTF-8"), "{failure}");
}

#[test]
fn symlinks_may_circle_and_not_lead_out() {
    let folder = world(&[("work/d/a.csv", b"x\n"), ("secret/b.csv", b"x\n")]);
    let at = |path: &str| folder.path().join(path);
    symlink(".", at("work/d/again")).unwrap();
    let workspace = Workspace::action(&at("work"), None).unwrap();
    let found = |path: &str| find(&at(path).to_string_lossy(), &workspace);
    assert_eq!(found("work/d").unwrap().count(), 1);
    symlink("../../secret/b.csv", at("work/d/b.csv")).unwrap();
    for path in ["work/d", "work/d/*.csv", "work/d/b.csv", "work/*/*.csv", "work/../secret/*.csv", "secret"] {
        assert_eq!(found(path).unwrap_err().exit, Exit::Usage, "{path}");
    }
    assert!(found("work/d/a.csv").is_ok());
}

#[test]
fn unreadable_files_are_of_the_world() {
    use std::os::unix::fs::PermissionsExt;
    let folder = world(&[("a.csv", b"x\n")]);
    fs::set_permissions(folder.path().join("a.csv"), fs::Permissions::from_mode(0o000)).unwrap();
    // Root may read everything.
    if File::open(folder.path().join("a.csv")).is_err() {
        let failure = find_in(&folder, "a.csv").unwrap_err();
        assert_eq!(failure.exit, Exit::Unmeasured);
        assert!(failure.to_string().contains("ermission denied"), "{failure}");
    }
}
