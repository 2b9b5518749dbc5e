//! What is generated is current, what is written has its form, and no check is half-added.

use std::collections::BTreeSet;
use std::fs;

use serde_json::Value;

use mlgate::checks::check::Gate;

use crate::world::{World, root};

/// The first YAML block of a check's page.
fn example(page: &str) -> Option<&str> {
    Some(page.split_once("```yaml\n")?.1.split_once("```")?.0)
}

#[test]
fn generated_files_are_current() {
    let wrong: Vec<String> = mlgate::commands::docs::generated()
        .into_iter()
        .filter_map(|(path, make)| {
            let place = root().join(&path);
            let now = fs::read_to_string(&place).unwrap_or_default();
            let text = make(&now);
            if text == now {
                return None;
            }
            fs::create_dir_all(place.parent().unwrap()).unwrap();
            fs::write(place, text).unwrap();
            Some(path.display().to_string())
        })
        .collect();
    assert!(wrong.is_empty(), "these were out of date and have been rewritten, commit them: {}", wrong.join(", "));
}

#[test]
fn the_command_that_generates_changes_nothing_in_a_current_checkout() {
    let world = World::new();
    for (path, _) in mlgate::commands::docs::generated() {
        world.copy(root().join(&path), &path.to_string_lossy());
    }
    let ran = world.run(&["generate", "."]).exits(0);
    assert_eq!(ran.stdout, "");
}

#[test]
fn files_that_are_generated_in_part_have_their_marks() {
    for (file, start, end) in [
        ("action.yml", "# generated: inputs and outputs\n", "# end of generated\n"),
        ("README.md", "<!-- generated: inputs -->\n", "<!-- end of generated -->\n"),
        ("README.md", "<!-- generated: outputs -->\n", "<!-- end of generated -->\n"),
        ("README.md", "<!-- generated: checks -->\n", "<!-- end of generated -->\n"),
    ] {
        let text = fs::read_to_string(root().join(file)).unwrap();
        let part = text.split_once(start).and_then(|(_, rest)| rest.split_once(end));
        assert!(part.is_some_and(|(part, _)| part.lines().count() > 5), "{file} lacks {start}");
    }
}

#[test]
fn every_check_has_its_file_its_page_its_schema_and_an_example_that_runs() {
    let schema = fs::read_to_string(root().join("mlgate.schema.json")).unwrap();
    let readme = fs::read_to_string(root().join("README.md")).unwrap();
    for check in mlgate::checks::ALL {
        let id = check.id;
        let file = format!("src/checks/{}/{id}.rs", check.gate.word());
        assert!(root().join(&file).is_file(), "no {file}");
        assert!(schema.contains(&format!("\"{id}\"")), "{id} is not in mlgate.schema.json");
        assert!(readme.contains(&format!("docs/checks/{id}.md")), "{id} is not in README.md");
        let page = fs::read_to_string(root().join(format!("docs/checks/{id}.md"))).unwrap();
        assert_eq!(World::new().run(&["explain", id]).exits(0).stdout, page);
        let yaml = example(&page).unwrap_or_else(|| panic!("docs/checks/{id}.md has no YAML"));
        match check.gate {
            Gate::Data => runs(id, yaml),
            Gate::Model => runs_on_predictions(id, yaml),
        }
    }
}

/// The example parses, and judges made-up predictions of two models without an error.
fn runs_on_predictions(id: &str, yaml: &str) {
    let world = World::new();
    let mut tables = [String::new(), String::new()];
    for (model, csv) in tables.iter_mut().enumerate() {
        csv.push_str("label,prediction,score,region,sex,age,age_band,latency_ms\n");
        for row in 0..1200 {
            let (label, noise) = (row % 2, (row * 7919 + 31 * model) % 97);
            let score = (0.35 * label as f64 + 0.6 * noise as f64 / 96.0).clamp(0.01, 0.99);
            let (region, sex) = (["north", "south"][row / 2 % 2], ["f", "m"][row / 4 % 2]);
            let (age, band) = (18 + row % 60, ["young", "old"][row / 8 % 2]);
            csv.push_str(&format!(
                "{label},{},{score},{region},{sex},{age},{band},{}\n",
                i32::from(score > 0.45),
                3 + row % 9
            ));
        }
    }
    let [candidate, production] = tables;
    if ["memory", "roundtrip", "invariance", "directional", "expected", "serving"].contains(&id) {
        return runs_a_model(id, yaml);
    }
    world.write("candidate.csv", candidate).write("production.csv", production).write("model.bin", "a model");
    let indented: String = yaml.lines().map(|line| format!("    {line}\n")).collect();
    let head = "model:\n  predictions: candidate.csv\n  baseline: production.csv\n  artifact: model.bin\n  checks:\n";
    world.write("mlgate.yml", format!("{head}{indented}"));
    let ran = world.check(&[]);
    assert!([0, 1].contains(&ran.exit), "{id}: {yaml}\n{ran:#?}");
    for verdict in ran.verdicts() {
        assert_eq!(verdict["check"], id, "{verdict:#}");
        assert_ne!(verdict["status"], "error", "{verdict:#}");
    }
    assert!(!ran.verdicts().is_empty(), "{id}: {yaml}");
}

/// The example parses, and judges the credit model of the examples without an error.
fn runs_a_model(id: &str, yaml: &str) {
    let world = crate::onnx::world();
    let server = crate::endpoint::Served::start(|_| crate::endpoint::Answer::json(r#"{"predictions": [1]}"#));
    let data = root().join("examples/credit-model/data");
    for file in ["fair.onnx", "test.csv", "cases.csv", "recorded.csv"] {
        world.copy(data.join(file), file);
    }
    world.copy(data.join("cases.csv"), "tests/cases.csv");
    let recorded = if id == "roundtrip" { "path: recorded.csv, " } else { "" };
    // A minute of load is what a page shows, and more than a test needs.
    let yaml = yaml.replace("seconds: 60", "seconds: 1").replace("seconds: 30", "seconds: 1");
    let indented: String = yaml.lines().map(|line| format!("    {line}\n")).collect();
    let head = format!(
        "data: {{ test: test.csv, target: risk }}\nmodel:\n  predictions: {{ {recorded}positive: 1, key: key }}\n  artifact: \
         fair.onnx\n  endpoint: {}\n  checks:\n",
        server.url()
    );
    world.write("mlgate.yml", format!("{head}{indented}"));
    let ran = world.check(&[]);
    assert!([0, 1].contains(&ran.exit), "{id}: {yaml}\n{ran:#?}");
    for verdict in ran.verdicts() {
        assert_eq!(verdict["check"], id, "{verdict:#}");
        assert_ne!(verdict["status"], "error", "{verdict:#}");
    }
    assert!(!ran.verdicts().is_empty(), "{id}: {yaml}");
}

/// The example parses, and judges the German credit table without an error.
fn runs(id: &str, yaml: &str) {
    let world = World::new();
    let indented: String = yaml.lines().map(|line| format!("    {line}\n")).collect();
    let table = fs::read_to_string(root().join("examples/credit/data/german_credit.csv")).unwrap();
    // With columns that other tables have: the pages speak of more than credit.
    let mut wider = String::new();
    for (row, line) in table.lines().enumerate() {
        let more = match row {
            0 => "income,region,product,review,title,body,customer_id,event_time".to_owned(),
            _ => format!(
                "{},{},{},review {row} of many,title {row},body {row} is long,{row},2026-01-{:02}T00:00:00Z",
                1000 + 7919 * row % 4001,
                ["north", "south"][row % 2],
                ["loan", "card", "account"][row % 3],
                1 + row % 28
            ),
        };
        wider.push_str(&format!("{line},{more}\n"));
    }
    let config = format!("data:\n  path: credit.csv\n  target: risk\n  checks:\n{indented}");
    world.write("mlgate.yml", config).write("credit.csv", &wider).write("before.csv", &wider).write("test.csv", &wider);
    // Files outside of any work tree have a time of their own.
    let ran = world.check(&["--reference=before.csv", "--test-data=test.csv"]);
    assert!([0, 1].contains(&ran.exit), "{id}: {yaml}\n{ran:#?}");
    for verdict in ran.verdicts() {
        assert_eq!(verdict["check"], id, "{verdict:#}");
        assert_ne!(verdict["status"], "error", "{verdict:#}");
    }
    assert!(!ran.verdicts().is_empty(), "{id}: {yaml}");
}

#[test]
fn no_page_is_without_a_check() {
    let ids: BTreeSet<String> = mlgate::checks::ALL.iter().map(|check| check.id.to_owned()).collect();
    let of = |folder: &str| -> BTreeSet<String> {
        let entries = fs::read_dir(root().join(folder)).unwrap().map(|entry| entry.unwrap().path());
        entries.map(|path| path.file_stem().unwrap().to_string_lossy().into_owned()).collect()
    };
    assert_eq!(of("docs/checks"), ids);
    assert_eq!(&of("src/checks/data") | &of("src/checks/model"), ids);
    let listed = World::new().check(&["--list-checks"]).exits(0).stdout;
    assert_eq!(listed.lines().filter_map(|line| line.split(' ').next()).collect::<BTreeSet<_>>().len(), ids.len());
}

/// A world with a verdict of every kind that a table can have.
fn every_kind() -> World {
    let world = World::with_checks(
        "age,y\n1,0\n2,1\n2,1\n",
        "- row_count: { min: 1 }
- range:
    column: age
    max: 1
- duplicates: { max_percent: 0 }
  severity: warn
- range: { column: <&\"']]>, min: 0 }
- unique: { columns: [age] }
  waiver: { owner: me, reason: \"<later>\", until: 2999-12-31 }
- duplicates
  on: test
  name: \"the \\u0001 last\"",
    );
    world.write("test.csv", "age,y\n");
    let config = world.read("mlgate.yml").replace("- duplicates\n", "- duplicates: {}\n");
    let config = config.replace("column: <&\"']]>", "column: \"<&\\\"']]>\"");
    world.write("mlgate.yml", config);
    let ran = world.check(&["--test-data=test.csv"]).exits(3);
    assert_eq!(ran.statuses(), "pass fail warn error warn skipped fail");
    world
}

#[test]
fn every_report_fits_its_schema() {
    let schema: Value = serde_json::from_str(&fs::read_to_string(root().join("report.schema.json")).unwrap()).unwrap();
    let bad = World::new();
    bad.write("mlgate.yml", "data: { path: 3 }\n").check(&[]).exits(2);
    let action = crate::action::runner(&[("data", "data.csv"), ("min-rows", "9")]);
    crate::action::act(&action).exits(1);
    for (world, place) in [(every_kind(), "mlgate-report"), (bad, "mlgate-report"), (action, "workspace/mlgate-report")]
    {
        let report: Value = serde_json::from_str(&world.read(&format!("{place}/report.json"))).unwrap();
        let mut wrong = Vec::new();
        fits(&report, &schema, &schema, "report", &mut wrong);
        assert!(wrong.is_empty(), "{wrong:#?}\n{report:#}");
        assert_eq!(report["schema_version"], 1);
    }
}

/// The part of JSON Schema that schemars writes, and keys that it does not name are wrong.
fn fits(value: &Value, schema: &Value, all: &Value, path: &str, wrong: &mut Vec<String>) {
    if let Some(name) = schema["$ref"].as_str().and_then(|path| path.strip_prefix("#/$defs/")) {
        return fits(value, &all["$defs"][name], all, path, wrong);
    }
    if let Some(options) = schema["anyOf"].as_array().or(schema["oneOf"].as_array()) {
        let fit = |option: &&Value| {
            let mut inner = Vec::new();
            fits(value, option, all, path, &mut inner);
            inner.is_empty()
        };
        if options.iter().filter(fit).count() == 0 {
            wrong.push(format!("{path}: {value} is none of {schema}"));
        }
        return;
    }
    let is = |kind: &Value| match kind.as_str().unwrap_or("") {
        "null" => value.is_null(),
        "boolean" => value.is_boolean(),
        "integer" => value.is_u64() || value.is_i64(),
        "number" => value.is_number(),
        "string" => value.is_string(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        _ => false,
    };
    let kinds = &schema["type"];
    if !(kinds.is_null() || is(kinds) || kinds.as_array().is_some_and(|kinds| kinds.iter().any(is))) {
        wrong.push(format!("{path}: {value} is no {kinds}"));
    }
    if schema["enum"].as_array().is_some_and(|values| !values.contains(value))
        || schema.get("const").is_some_and(|only| only != value)
    {
        wrong.push(format!("{path}: {value} is not in {schema}"));
    }
    for key in schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str) {
        if value.is_object() && value.get(key).is_none() {
            wrong.push(format!("{path}.{key} is missing"));
        }
    }
    for (key, inner) in value.as_object().into_iter().flatten() {
        match (schema["properties"].get(key), &schema["additionalProperties"]) {
            (Some(known), _) => fits(inner, known, all, &format!("{path}.{key}"), wrong),
            (None, Value::Bool(true)) => {}
            (None, others @ Value::Object(_)) => fits(inner, others, all, &format!("{path}.{key}"), wrong),
            (None, _) => wrong.push(format!("{path}.{key} is not in the schema")),
        }
    }
    for (i, inner) in value.as_array().into_iter().flatten().enumerate() {
        fits(inner, &schema["items"], all, &format!("{path}[{i}]"), wrong);
    }
}

#[test]
fn junit_is_well_formed_and_counts_what_happened() {
    let xml = every_kind().read("mlgate-report/junit.xml");
    let open = elements(&xml);
    assert_eq!(open.iter().filter(|name| **name == "testcase").count(), 7);
    assert_eq!(open.iter().filter(|name| **name == "failure").count(), 2);
    assert_eq!(open.iter().filter(|name| **name == "error").count(), 1);
    assert_eq!(open.iter().filter(|name| **name == "skipped").count(), 1);
    assert!(xml.contains(r#"file="mlgate.yml" line="6""#), "{xml}");
}

/// The names of the elements, each of which ends where it must; no character that XML forbids.
fn elements(xml: &str) -> Vec<&str> {
    assert!(!xml.contains(|c: char| c.is_control() && !matches!(c, '\n' | '\r' | '\t')), "{xml:?}");
    let (mut open, mut all) = (Vec::new(), Vec::new());
    for part in xml.split('<').skip(1).filter(|part| !part.starts_with('?')) {
        let (tag, text) = part.split_once('>').unwrap_or_else(|| panic!("<{part} is not closed"));
        let name = tag.trim_start_matches('/').split(|c: char| c.is_whitespace() || c == '/').next().unwrap();
        for entity in [tag, text].iter().flat_map(|text| text.split('&').skip(1)) {
            let known = ["amp;", "lt;", "gt;", "quot;", "apos;", "#"];
            assert!(known.iter().any(|known| entity.starts_with(known)), "&{entity}");
        }
        assert_eq!(tag.matches('"').count() % 2, 0, "{tag}");
        if tag.starts_with('/') {
            assert_eq!(open.pop(), Some(name), "{xml}");
        } else {
            all.push(name);
            if !tag.ends_with('/') {
                open.push(name);
            }
        }
    }
    assert!(open.is_empty(), "{open:?}");
    all
}

#[test]
fn sarif_stands_on_the_lines_of_the_rules() {
    let sarif: Value = serde_json::from_str(&every_kind().read("mlgate-report/results.sarif")).unwrap();
    assert_eq!(sarif["version"], "2.1.0");
    let run = &sarif["runs"][0];
    assert_eq!(run["tool"]["driver"]["name"], "mlgate");
    let results: Vec<String> = run["results"]
        .as_array()
        .unwrap()
        .iter()
        .map(|result| {
            let place = &result["locations"][0]["physicalLocation"];
            let line = &place["region"]["startLine"];
            format!("{} {} {}:{line}", result["level"], result["ruleId"], place["artifactLocation"]["uri"])
                .replace('"', "")
        })
        .collect();
    assert_eq!(
        results,
        [
            "error range mlgate.yml:6",
            "warning duplicates mlgate.yml:9",
            "error range mlgate.yml:11",
            "note unique mlgate.yml:12",
            "error row_count mlgate.yml:1",
        ]
    );
}

#[test]
fn what_the_readme_shows_of_workflows_and_notifications_is_understood() {
    let readme = fs::read_to_string(root().join("README.md")).unwrap();
    let blocks = || readme.split("```yaml\n").skip(1).filter_map(|block| block.split_once("```").map(|(yaml, _)| yaml));
    let notify = blocks().find(|yaml| yaml.starts_with("notify:")).unwrap();
    let world = World::new();
    world.write("data.csv", "a\n1\n").write("mlgate.yml", notify);
    world.check(&["--data=data.csv", "--min-rows=1"]).exits(0);
    let action: serde_yaml::Value =
        serde_yaml::from_str(&fs::read_to_string(root().join("action.yml")).unwrap()).unwrap();
    let inputs = action["inputs"].as_mapping().unwrap();
    let mut seen = 0;
    for yaml in blocks().filter(|yaml| yaml.contains("uses: mlgate/mlgate")) {
        let value: serde_yaml::Value = serde_yaml::from_str(yaml).unwrap();
        let steps = value["jobs"]["gate"]["steps"].as_sequence().or(value.as_sequence()).unwrap().clone();
        for step in steps.iter().filter(|step| step["uses"].as_str().unwrap().starts_with("mlgate/")) {
            for name in step["with"].as_mapping().unwrap().keys() {
                assert!(inputs.contains_key(name), "{name:?}");
                seen += 1;
            }
        }
    }
    assert!(seen > 10, "{seen}");
}

#[test]
fn every_config_in_the_readme_is_one() {
    let readme = fs::read_to_string(root().join("README.md")).unwrap();
    let configs: Vec<&str> = readme
        .split("```yaml\n")
        .skip(1)
        .filter_map(|block| block.split_once("```").map(|(config, _)| config))
        .filter(|config| config.contains("\ndata:\n"))
        .collect();
    assert!(!configs.is_empty());
    for config in configs {
        let world = World::new();
        world.write("mlgate.yml", config);
        // Its table is not there: that is the table's problem, found after the config was understood.
        world.check(&[]).exits(3).saying("data/training.parquet");
    }
}

/// `v1` moves to each new version; whoever hands secrets over says which one gets them.
#[test]
fn an_example_that_holds_secrets_names_the_whole_version() {
    let named = |text: &str| {
        let uses = text.lines().filter_map(|line| line.split_once("uses: mlgate/mlgate@"));
        uses.map(|(_, version)| {
            version.split(|c: char| c != '.' && !c.is_ascii_alphanumeric()).next().unwrap().to_owned()
        })
        .collect::<Vec<_>>()
    };
    let mut seen = 0;
    for folder in fs::read_dir(root().join("examples")).unwrap() {
        let folder = folder.unwrap().path();
        let is_privileged = ["rollout", "rollback", "fork-safe"].iter().any(|name| folder.ends_with(name));
        for file in fs::read_dir(&folder).into_iter().flatten() {
            let file = file.unwrap().path();
            if file.extension().is_none_or(|extension| extension != "yml") {
                continue;
            }
            let text = fs::read_to_string(&file).unwrap();
            let expected = if is_privileged || text.contains("secrets.") {
                concat!("v", env!("CARGO_PKG_VERSION")).to_owned()
            } else {
                format!("v{}", env!("CARGO_PKG_VERSION_MAJOR"))
            };
            for version in named(&text) {
                assert_eq!(version, expected, "{}", file.display());
                seen += 1;
            }
        }
    }
    assert!(seen > 15, "only {seen} uses were found");
    for page in ["README.md", "docs/rollout-trust.md"] {
        let page = fs::read_to_string(root().join(page)).unwrap();
        for block in page.split("```yaml\n").skip(1).filter_map(|block| block.split_once("```").map(|(yaml, _)| yaml)) {
            let is_privileged = block.contains("secrets.") || block.contains("command: rollout");
            let full = concat!("v", env!("CARGO_PKG_VERSION"));
            assert!(!is_privileged || named(block).iter().all(|version| version == full), "{block}");
        }
    }
}
