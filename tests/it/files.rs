//! Which files a run reads and writes: the one that was named, the one that was admitted, and no other.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use mlgate::data::statistic::{Key, Measured, Statistic};
use mlgate::data::table::csv::Csv;
use mlgate::data::table::{Role, files};
use mlgate::engine::{self, Source};
use mlgate::support::workspace::Workspace;
use serde_json::{Value, json};

use crate::action::{act, runner};
use crate::world::{BINARY, Ran, World, data};

/// A server on loopback that counts the connections it gets and answers each with a table.
fn listener() -> (u16, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let requests = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&requests);
    thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            count.fetch_add(1, Ordering::SeqCst);
            let mut request = [0; 4096];
            let _ = stream.read(&mut request);
            let body = "a,b\n1,2\n1,2\n1,2\n1,2\n1,2\n1,2\n1,2\n";
            let _ = write!(stream, "HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{body}", body.len());
        }
    });
    (port, requests)
}

/// Bytes of a table of two rows in the format that the name ends in.
fn small(name: &str) -> Vec<u8> {
    let parquet = || fs::read(data("labels.parquet")).unwrap();
    match name.rsplit_once('.').unwrap().1 {
        "csv" => b"a,b\n1,2\n3,4\n".to_vec(),
        "ndjson" => b"{\"a\":1,\"b\":2}\n{\"a\":3,\"b\":4}\n".to_vec(),
        "parquet" => parquet(),
        _ => fs::read(data("plain.arrow")).unwrap(),
    }
}

fn rows(ran: &Ran) -> &Value {
    &ran.report["tables"]["training"]["rows"]
}

#[test]
fn a_name_is_a_name_and_no_url() {
    let (port, requests) = listener();
    for ending in ["csv", "ndjson", "parquet", "arrow"] {
        // What the names would lead to, if anybody took them for more than names.
        let world = runner(&[("min-rows", "1")]);
        let outside = world.path("outside").to_string_lossy().into_owned();
        let big = small(&format!("x.{ending}")).repeat(if ending == "csv" || ending == "ndjson" { 3 } else { 1 });
        world.write(&format!("outside/x.{ending}"), big);
        let names = [
            format!("file:{outside}/x.{ending}"),
            format!("file:{outside}/%78.{ending}"),
            format!("{outside}/%78.{ending}").trim_start_matches('/').to_owned(),
            format!("\\\\?\\{}\\x.{ending}", outside.replace('/', "\\")),
            format!("\\\\?\\http:\\\\127.0.0.1:{port}\\role?.{ending}"),
            format!("\\\\?\\https:\\\\127.0.0.1:{port}\\role.{ending}"),
            format!("http:/127.0.0.1:{port}/x.{ending}"),
            format!("s3:/bucket/x.{ending}"),
        ];
        for name in names {
            world.write(&format!("workspace/{name}"), small(&format!("x.{ending}")));
            let known = act(&runner_on(&world, &name));
            let decoy = World::new();
            decoy.write(&format!("x.{ending}"), small(&format!("x.{ending}")));
            let expected = decoy.check(&["--data", &format!("x.{ending}"), "--min-rows", "1"]);
            assert_eq!(known.exit, 0, "{name}: {known:#?}");
            assert_eq!(rows(&known), rows(&expected), "{name}: {known:#?}");
        }
    }
    assert_eq!(requests.load(Ordering::SeqCst), 0, "something was fetched");
}

/// The same runner with another table.
fn runner_on(world: &World, table: &str) -> World {
    let mut other = runner(&[("min-rows", "1"), ("data", table)]);
    other = other.variable("GITHUB_WORKSPACE", world.path("workspace"));
    fs::remove_dir_all(other.path("workspace")).unwrap();
    symlink(world.path("workspace"), other.path("workspace")).unwrap();
    other
}

/// What the workspace holds that is not data.
const SECRETS: [&str; 11] = [
    ".git/config",
    "sub/.git/config",
    "gha-creds-0123456789abcdef.json",
    "sub/gha-creds-1.json",
    ".docker/config.json",
    ".aws/credentials",
    ".azure/msal_token_cache.json",
    ".config/gcloud/application_default_credentials.json",
    ".netrc",
    ".ssh/id_ed25519",
    ".kube/config",
];

#[test]
fn credentials_in_the_workspace_are_not_data() {
    let refused = "is never read as data";
    for secret in SECRETS {
        let world = |inputs: &[(&str, &str)]| {
            let world = runner(inputs);
            world.write(&format!("workspace/{secret}"), "token,b\nSECRET,2\n");
            symlink(world.path(&format!("workspace/{secret}")), world.path("workspace/x.csv")).unwrap();
            fs::create_dir(world.path("workspace/folder")).unwrap();
            symlink(world.path(&format!("workspace/{secret}")), world.path("workspace/folder/x.csv")).unwrap();
            world
        };
        let reads: [&[(&str, &str)]; 12] = [
            &[("data", "x.csv")],
            &[("data", secret)],
            &[("data", "folder")],
            &[("data", "folder/*.csv")],
            &[("data", "data.csv"), ("reference", "x.csv")],
            &[("data", "data.csv"), ("test-data", "x.csv")],
            &[("predictions", "x.csv"), ("min-accuracy", "0.5")],
            &[("metrics", "x.csv"), ("min-accuracy", "0.5")],
            &[("artifact", "x.csv"), ("max-model-size-mb", "1")],
            &[("artifact", "folder"), ("max-model-size-mb", "1")],
            &[("data", "data.csv"), ("config", "x.csv")],
            &[("metrics", "data.csv"), ("baseline", "x.csv"), ("min-improvement", "0")],
        ];
        for inputs in reads {
            let has_data = inputs.iter().any(|(name, _)| *name == "data");
            let more: &[(&str, &str)] =
                if has_data { &[("min-rows", "1"), ("show-values", "true")] } else { &[("show-values", "true")] };
            let world = world(&[inputs, more].concat());
            let ran = act(&world).exits(2).saying(refused);
            assert!(!ran.says("SECRET"), "{secret} by {inputs:?}: {ran:#?}");
        }
    }
    for readable in [".github/x.csv", ".dvc/cache/x.csv", ".gitattributes.csv", ".config/x.csv", "gha-creds.csv"] {
        let world = runner(&[("data", readable), ("min-rows", "1")]);
        world.write(&format!("workspace/{readable}"), "a,b\n1,2\n");
        act(&world).exits(0);
    }
    // On a command line any path is allowed.
    let world = World::new();
    world.write(".git/x.csv", "a,b\n1,2\n");
    world.check(&["--data", ".git/x.csv", "--min-rows", "1"]).exits(0);
}

#[test]
fn a_glob_does_not_tell_what_lies_outside() {
    for pattern in ["o[u]t/*", "ou?/*.csv", "*/secret*", "**/secret*", "in/../o[u]t/*"] {
        let world = runner(&[("data", pattern), ("min-rows", "1")]);
        world.write("outside/secret-name.csv", "a,b\n1,2\n").write("workspace/in/x.txt", "");
        symlink(world.path("outside"), world.path("workspace/out")).unwrap();
        let ran = act(&world).exits(2);
        assert!(!ran.says("secret-name"), "{pattern}: {ran:#?}");
    }
    // Neither whether there is anything.
    let world = runner(&[("data", "o[u]t/nothing*"), ("min-rows", "1")]);
    fs::create_dir(world.path("outside")).unwrap();
    symlink(world.path("outside"), world.path("workspace/out")).unwrap();
    act(&world).exits(2).saying("leads out of the workspace");
}

#[test]
fn a_decoy_named_like_the_glob_replaces_no_table() {
    let world = World::new();
    world.write("d/bad.csv", "age,y\n-999,0\n-999,1\n");
    let check = |world: &World| world.check(&["--data", "d/*.csv", "--feature-ranges", "age: { min: 0, max: 120 }"]);
    check(&world).exits(1);
    world.write("d/*.csv", "age,y\n20,0\n30,1\n");
    check(&world).exits(2).saying("rename the file that is named like the glob");
}

#[test]
fn five_thousand_files_fit_two_hundred_and_fifty_six_descriptors() {
    let parts = 5_000;
    let parquet = fs::read(data("labels.parquet")).unwrap();
    let alone = World::new();
    alone.write("x.parquet", &parquet);
    let ran = alone.check(&["--data", "x.parquet", "--min-rows", "1"]).exits(0);
    let parquet_rows = rows(&ran).as_u64().unwrap();
    let column = alone.check(&["--data", "x.parquet", "--required-columns", "label"]).exits(0);
    assert_eq!(column.statuses(), "pass");
    for (ending, each) in [("parquet", parquet_rows), ("csv", 2), ("ndjson", 2)] {
        let world = World::new();
        for part in 0..parts {
            let bytes = match ending {
                "csv" => format!("id,b\n{part},1\n{part},{}\n", i32::from(part == parts - 1) * 1000).into_bytes(),
                "ndjson" => format!(
                    "{{\"id\":{part},\"b\":1}}\n{{\"id\":{part},\"b\":{}}}\n",
                    i32::from(part == parts - 1) * 1000
                )
                .into_bytes(),
                _ => parquet.clone(),
            };
            world.write(&format!("d/part-{part:05}.{ending}"), bytes);
        }
        let checks = if ending == "parquet" {
            "    - row_count: { min: 1 }\n    - unique: { columns: [label] }\n".to_owned()
        } else {
            "    - row_count: { min: 10000, max: 10000 }\n    - range: { column: b, min: 0, max: 10 }\n    - unique: { columns: [id] }\n"
                .to_owned()
        };
        world.write("mlgate.yml", format!("data:\n  path: d\n  checks:\n{checks}"));
        let mut command = Command::new("sh");
        command.args(["-c", "ulimit -n 256; exec \"$0\" check", BINARY]).current_dir(world.path("")).env_clear();
        let ran = world.finish(&mut command).exits(1);
        assert_eq!(rows(&ran).as_u64(), Some(each * parts as u64), "{ending}");
        if ending != "parquet" {
            assert_eq!(ran.statuses(), "pass fail fail", "{ending}: {ran:#?}");
            assert!(ran.says("1000"), "{ending}: {ran:#?}");
            // The other one of each pair.
            assert_eq!(ran.verdicts()[2]["observed"], json!(5_000.0), "{ending}: {ran:#?}");
        }
    }
}

#[test]
fn what_a_folder_holds_and_is_not_read_is_named() {
    let run = |extra: &str| {
        let world = World::new();
        world.write("d/a.csv", "a,b\n1,2\n").write(&format!("d/{extra}"), "x");
        world.check(&["--data", "d", "--min-rows", "1"])
    };
    for unread in [
        "b.csv.bz2",
        "b.csv.zst",
        "b.ndjson.xz",
        "b.parquet.gz",
        "b.tsv.lz4",
        "deep/b.CSV.ZIP",
        "part-00001",
        "part-00001-6b1c.c000.snappy",
        "part-00002.gz",
        "b.jsonl.7z",
        "b.arrow.br",
    ] {
        run(unread).exits(3).saying(unread.rsplit('/').next().unwrap()).saying("is not read");
    }
    for noted in ["notes.txt", "b.json", "b.xlsx", "README", "part-1.txt", "b.orc"] {
        let ran = run(noted).exits(0);
        assert!(ran.stdout.contains("note: ") && ran.stdout.contains(noted), "{noted}: {ran:#?}");
    }
    for silent in ["_SUCCESS", ".a.csv.crc", "_temporary/part-1"] {
        let ran = run(silent).exits(0);
        assert!(!ran.says("note: "), "{silent}: {ran:#?}");
    }
}

fn opened(path: &Path) -> Source {
    let files = files::find(&path.to_string_lossy(), &Workspace::command_line()).unwrap();
    engine::open(files, Csv { delimiter: b',', ..Csv::default() }).unwrap()
}

/// A statistic that takes a look at all rows, after the first look at the table.
fn measured(source: &Source) -> Measured {
    let column = source.info().columns[0].name.clone();
    let statistic = Statistic::NullCount { column, also: std::iter::once("?".to_owned()).collect() };
    let keys = std::iter::once(Key { table: Role::Training, statistic }).collect();
    engine::measure_table(Role::Training, source, &keys, 1 << 30, &Arc::default())
}

/// What somebody does to a file meanwhile.
type Change<'a> = &'a dyn Fn(&World);

#[test]
fn a_table_that_changes_between_two_looks_is_an_error() {
    for name in ["x.csv", "x.ndjson", "x.parquet", "x.arrow", "x.csv.gz"] {
        let bytes = match name {
            "x.csv.gz" => fs::read(data("gz.csv.gz")).unwrap(),
            name => small(name),
        };
        // Where there are many files, they are opened again for the second look.
        for files in [1, 70] {
            let world = World::new();
            let all = |world: &World| {
                for file in 0..files {
                    world.write(&format!("d/{file:02}-{name}"), &bytes);
                }
            };
            let last = format!("d/{:02}-{name}", files - 1);
            let changes: [(&str, Change); 4] = [
                ("is longer", &|world| {
                    world.write(&last, [&bytes[..], &bytes[..]].concat());
                }),
                ("is shorter", &|world| {
                    world.write(&last, &bytes[..bytes.len() - 4]);
                }),
                ("has other bytes", &|world| {
                    let file = fs::File::options().write(true).open(world.path(&last)).unwrap();
                    std::os::unix::fs::FileExt::write_all_at(&file, b"#", bytes.len() as u64 / 2).unwrap();
                }),
                ("was touched", &|world| {
                    let file = fs::File::options().write(true).open(world.path(&last)).unwrap();
                    file.set_modified(std::time::SystemTime::UNIX_EPOCH).unwrap();
                }),
            ];
            for (what, change) in changes {
                all(&world);
                let source = opened(&world.path("d"));
                thread::sleep(std::time::Duration::from_millis(20));
                change(&world);
                for (_, value) in measured(&source) {
                    let problem = value.map(|_| ()).unwrap_err();
                    assert!(problem.message.contains("changed while it was read"), "{name} {what}: {problem}");
                }
            }
            all(&world);
            let source = opened(&world.path("d"));
            assert!(measured(&source).values().all(Result::is_ok), "{name}");
            // Another file of the same bytes that takes its name.
            fs::rename(world.path(&last), world.path("moved")).unwrap();
            world.write(&last, &bytes);
            assert!(measured(&source).values().all(Result::is_err), "{name} {files}");
        }
    }
}

/// A field of a protobuf message that has a length.
pub fn field(number: u8, bytes: &[u8]) -> Vec<u8> {
    [&[number << 3 | 2, u8::try_from(bytes.len()).unwrap()], bytes].concat()
}

#[test]
fn a_model_keeps_no_values_where_credentials_lie() {
    let model = |location: &str| crate::artifact::onnx_file("a", &[location]);
    for location in [".git/config", "gha-creds-1.json", ".aws/credentials"] {
        let world = runner(&[]);
        world.write("workspace/model.onnx", model(location)).write(&format!("workspace/{location}"), "SECRET");
        world.write(
            "workspace/mlgate.yml",
            "data: { test: data.csv, target: y }\nmodel:\n  artifact: model.onnx\n  checks:\n    - memory: { max_mb: 100 }\n",
        );
        act(&world).exits(2).saying("is never read as data");
    }
}

#[test]
fn a_way_round_leads_to_credentials_too() {
    let links: [(&str, &str, &str); 5] = [
        ("meta", ".git", "meta/config"),
        ("x.csv", "sub/../.git/config", "x.csv"),
        ("x.csv", "y", "x.csv"),
        ("m?ta", ".git", "m[?]ta/*"),
        ("x.csv", ".git/../.git/config", "x.csv"),
    ];
    for (link, target, table) in links {
        let world = runner(&[("data", table), ("min-rows", "1")]);
        world.write("workspace/.git/config", "token,b\nSECRET,2\n").write("workspace/sub/x", "");
        symlink(".git/config", world.path("workspace/y")).unwrap();
        symlink(target, world.path("workspace").join(link)).unwrap();
        let ran = act(&world).exits(2).saying("is never read as data");
        assert!(!ran.says("SECRET"), "{table}: {ran:#?}");
    }
}

#[test]
fn a_folder_that_becomes_a_link_meanwhile_is_not_followed() {
    let world = runner(&[("data", "d/x.csv"), ("min-rows", "1")]);
    world.write("workspace/d/x.csv", "a,b\n1,2\n").write("outside/x.csv", "a,b\n1,2\n1,2\n1,2\n");
    symlink(world.path("outside"), world.path("workspace/link")).unwrap();
    let done = Arc::new(AtomicUsize::new(0));
    let (stop, workspace) = (Arc::clone(&done), world.path("workspace"));
    let swaps = thread::spawn(move || {
        let at = |name: &str| workspace.join(name);
        while stop.load(Ordering::SeqCst) == 0 {
            for (from, to) in [("d", "real"), ("link", "d"), ("d", "link"), ("real", "d")] {
                fs::rename(at(from), at(to)).unwrap();
            }
        }
    });
    let mut read = 0;
    for _ in 0..60 {
        let ran = act(&world);
        let rows = rows(&ran).as_u64();
        assert!(rows != Some(3), "the table outside was read: {ran:#?}");
        read += usize::from(ran.exit == 0 && rows == Some(1));
    }
    done.store(1, Ordering::SeqCst);
    swaps.join().unwrap();
    assert!(read > 0, "never was anything read");
}

#[test]
fn a_file_that_shrinks_under_the_scan_ends_the_run_with_3() {
    let world = World::new();
    let text: String =
        std::iter::once("a,b\n".to_owned()).chain((0..600_000).map(|row| format!("{row},{row}\n"))).collect();
    world.write("x.csv", text);
    let arguments = ["check", "--data", "x.csv", "--max-duplicate-percent", "100"];
    let mut child = world.command(&arguments).stderr(std::process::Stdio::piped()).spawn().unwrap();
    // The second look maps the file.
    let maps = format!("/proc/{}/maps", child.id());
    while child.try_wait().unwrap().is_none() && !fs::read_to_string(&maps).unwrap_or_default().contains("x.csv") {
        thread::yield_now();
    }
    fs::File::options().write(true).open(world.path("x.csv")).unwrap().set_len(0).unwrap();
    let output = child.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(3), "{:?}: {said}", output.status);
}

#[test]
fn folder_names_are_columns_of_their_own_files() {
    let world = World::new();
    let folders = 300;
    for folder in 0..folders {
        world.write(&format!("d/day={folder}/kind=a%20b/x.ndjson"), "{\"a\":1}\n".repeat(folder % 3));
        world.copy(data("labels.parquet"), &format!("p/day={folder}/x.parquet"));
    }
    let judged = |path: &str, max: usize| {
        let checks = format!("data:\n  path: {path}\n  checks:\n    - range: {{ column: day, min: 0, max: {max} }}\n");
        world.write("mlgate.yml", checks);
        let mut command = Command::new("sh");
        command.args(["-c", "ulimit -n 256; exec \"$0\" check", BINARY]).current_dir(world.path("")).env_clear();
        world.finish(&mut command)
    };
    // An empty file is none.
    for folder in (0..folders).step_by(3) {
        fs::remove_dir_all(world.path(&format!("d/day={folder}"))).unwrap();
    }
    judged("d", folders - 1).exits(0);
    let ran = judged("d", folders - 2).exits(1);
    assert!(ran.says("2 rows of `day`") && ran.says("row 224"), "{ran:#?}");
    judged("p", folders - 1).exits(0);
    let ran = judged("p", folders - 2).exits(1);
    let rows = rows(&ran).as_u64().unwrap() / folders as u64;
    assert!(ran.says(&format!("{rows} rows of `day`")), "{ran:#?}");
}
