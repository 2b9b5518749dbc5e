//! What the pages of sources and routers show is understood.

use std::fs;

use crate::rollout::{Toy, rollout};
use crate::world::root;

/// Blocks of YAML of a page that are the section `key` of `rollout`.
fn sections(page: &str, key: &str) -> Vec<String> {
    let text = fs::read_to_string(root().join("docs").join(page)).unwrap();
    let blocks = text.split("```yaml\n").skip(1).filter_map(|block| block.split_once("```").map(|(yaml, _)| yaml));
    let blocks = blocks.map(|block| block.split_once("rollout:\n").map_or(block, |(_, section)| section).to_owned());
    blocks.filter(|block| block.starts_with(&format!("  {key}:\n"))).collect()
}

/// No request leaves this machine.
fn at_home(section: &str) -> String {
    let is_end = |c: char| matches!(c, '\'' | ',' | ' ' | '\n');
    let mut text = String::new();
    for (at, part) in section.split("https://").enumerate() {
        let rest = if at == 0 { part } else { &part[part.find(is_end).unwrap()..] };
        text += if at == 0 { "" } else { "http://127.0.0.1:1/{{arm}}" };
        text += rest;
    }
    for name in ["cloudwatch", "sagemaker", "vertex"] {
        text = text.replace(&format!("{name}: {{ "), &format!("{name}: {{ url: 'http://127.0.0.1:1', "));
    }
    text.replace("url: http://127.0.0.1:1/{{arm}}", "url: 'http://127.0.0.1:1/{{arm}}'")
}

#[test]
fn every_section_that_the_pages_show_is_understood() {
    let check = |page: &str, key: &str, before: &str, after: &str, least: usize| {
        let sections = sections(page, key);
        assert!(sections.len() >= least, "{page}: {}", sections.len());
        for section in sections {
            let toy = Toy::start([0.0, 0.0]);
            let mut world = toy.world("direct");
            let config = world.read("mlgate.yml");
            let (head, rest) = config.split_once(before).unwrap();
            let rest = &rest[rest.find(after).unwrap()..];
            let mut config = format!("{head}{}{rest}", at_home(&section));
            if key == "signals" {
                config = config.replace("name: p99,", "name: latency_p99_ms,");
            }
            for word in
                section.split(|c: char| !c.is_ascii_uppercase() && c != '_').filter(|word| word.starts_with("MLGATE_"))
            {
                world = world.variable(word, "X: not-a-secret");
            }
            world.write("mlgate.yml", config);
            let ran = rollout(&world, &["--dry-run"]);
            assert_eq!(ran.exit, 3, "{section}{ran:#?}");
        }
    };
    check("rollout-sources.md", "signals", "  signals:\n", "  limits:\n", 5);
    check("rollout-routers.md", "router", "  router: ", "  journal: ", 6);
}
