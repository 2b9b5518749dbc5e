//! Envoy, by a file of routes that it watches (`path_config_source`): the file is replaced, the admin interface says what
//! is live. What is written survives a restart, unlike its runtime keys.
#![expect(clippy::disallowed_methods, reason = "edge: writes the routes, measures how long they take to be live")]

use std::io::Write;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use serde_json::Value;
use serde_yaml::{Mapping, Value as Yaml};

use super::{RouterReading, factor, order_of, share};
use crate::integrations::http::{self, AllowedHost, Patience, body, in_words};
use crate::rollout::{SlotOrder, Traffic};
use crate::support::problem::Problem;
use crate::support::words::{code, one_line};

const PATIENCE: Patience = Patience { timeout: Duration::from_secs(5), tries: 1 };
/// How long Envoy may take to see a new file.
const UNTIL_LIVE: Duration = Duration::from_secs(10);
/// Bytes of its dump of routes; parsed, JSON takes many times as much memory.
const LARGEST: usize = 10_000_000;

/// An Envoy and its file of routes.
pub struct Envoy {
    pub routes: PathBuf,
    /// As the user wrote it.
    pub shown: String,
    pub admin: AllowedHost,
    /// The cluster of stable's slot, and the candidate's.
    pub stable: String,
    pub candidate: String,
    pub order: SlotOrder,
    /// By which users stay with an arm.
    pub header: Option<String>,
}

impl Envoy {
    /// What is live, not what was written.
    pub(super) async fn observe(&self) -> Result<RouterReading, Problem> {
        let mut url = self.admin.url().clone();
        url.set_path("/config_dump");
        url.set_query(Some("resource=dynamic_route_configs"));
        let about = |what: String| {
            Problem::new(format!("Envoy's admin interface {} {what}", code(&http::shown(self.admin.url()))))
        };
        let client = http::client(&self.admin, false, PATIENCE, false).await?;
        let response = client.get(url).send().await;
        let response = response.map_err(|error| about(format!("gives no answer: {}", in_words(error))))?;
        let text = body::read(response, LARGEST).await.map_err(|error| about(error.said()))?;
        let dump = body::json(&text).map_err(|why| about(format!("answers no JSON: {why}")))?;
        let mut found = Vec::new();
        routes(&dump, &mut |route| found.extend(self.reading(route)));
        match found.as_slice() {
            [] => Err(about(format!("has no live route to {}", code(&self.stable)))
                .hint("the listener takes its routes by `rds` from a file: `path_config_source`")),
            [first, others @ ..] if others.iter().all(|other| other.traffic == first.traffic) => {
                let order = first.order.filter(|_| others.iter().all(|other| other.order == first.order));
                Ok(RouterReading { order, ..*first })
            }
            _ => Err(about("has routes of several weights".into())),
        }
    }

    /// Replaces the file, and waits until Envoy has it.
    pub(super) async fn write(&self, traffic: Traffic) -> Result<(), Problem> {
        let failed = |why: String| Problem::new(format!("the routes {} {why}", code(&self.shown)));
        let text =
            std::fs::read_to_string(&self.routes).map_err(|error| failed(format!("could not be read: {error}")))?;
        let written = self.with(&text, traffic)?;
        let folder = self.routes.parent().ok_or_else(|| failed("are in no folder".into()))?;
        let replaced =
            tempfile::Builder::new().prefix(".mlgate-").suffix(".yaml").tempfile_in(folder).and_then(|mut file| {
                // Who reads it may be another user.
                let permissions = self.routes.metadata()?.permissions();
                file.write_all(written.as_bytes())?;
                file.as_file().set_permissions(permissions)?;
                file.as_file().sync_all()?;
                file.persist(&self.routes).map_err(|error| error.error)
            });
        replaced.map_err(|error| failed(format!("could not be written: {error}")))?;
        let start = Instant::now();
        loop {
            let live = self.observe().await?.traffic;
            if live == traffic {
                return Ok(());
            }
            if start.elapsed() > UNTIL_LIVE {
                return Err(failed(format!("were written, and Envoy still sends {} % to the candidate", live.weight))
                    .hint("does it watch the file's folder (`watched_directory`), and what does its log say?"));
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// The file's text with these weights.
    fn with(&self, text: &str, traffic: Traffic) -> Result<String, Problem> {
        let wrong = |why: &str| {
            Problem::new(format!("the routes {} {why}", code(&self.shown)))
                .hint(format!("they hold a route to {}, alone or as one of `weighted_clusters`", code(&self.stable)))
        };
        let mut all: Yaml = serde_yaml::from_str(text)
            .map_err(|error| wrong(&format!("are no YAML: {}", one_line(&error.to_string()))))?;
        let mut changed = 0;
        yaml_routes(&mut all, &mut |route| {
            if self.is_ours(route) {
                self.set(route, traffic);
                changed += 1;
            }
        });
        if changed == 0 {
            return Err(wrong("lead nowhere that is stable"));
        }
        if let Some(version) = all.get_mut("version_info") {
            let next = version.as_str().and_then(|version| version.parse::<u64>().ok()).unwrap_or_default() + 1;
            *version = next.to_string().into();
        }
        serde_yaml::to_string(&all).map_err(|error| wrong(&format!("could not be written: {error}")))
    }

    fn is_ours(&self, route: &Mapping) -> bool {
        let named = |cluster: &Yaml| cluster.as_str().is_some_and(|name| name == self.stable || name == self.candidate);
        let weighted = route.get("weighted_clusters").and_then(|weighted| weighted.get("clusters"));
        let weighted = weighted.and_then(Yaml::as_sequence).into_iter().flatten();
        route.get("cluster").is_some_and(named) || weighted.filter_map(|one| one.get("name")).any(named)
    }

    fn set(&self, route: &mut Mapping, traffic: Traffic) {
        let cluster = |name: &str, weight: u8| {
            let mut one = Mapping::new();
            one.insert("name".into(), name.into());
            one.insert("weight".into(), (factor(self.order) * u64::from(weight)).into());
            Yaml::Mapping(one)
        };
        let both = vec![cluster(&self.stable, 100 - traffic.weight), cluster(&self.candidate, traffic.weight)];
        let mut weighted = Mapping::new();
        weighted.insert("clusters".into(), Yaml::Sequence(both));
        if let Some(header) = &self.header {
            weighted.insert("use_hash_policy".into(), true.into());
            let policy = serde_json::json!([{ "header": { "header_name": header } }]);
            route.insert("hash_policy".into(), serde_yaml::to_value(policy).unwrap_or_default());
        }
        // A runtime key would win over what stands here, so none is kept.
        route.remove("cluster");
        route.insert("weighted_clusters".into(), Yaml::Mapping(weighted));
        route.remove("request_mirror_policies");
        if traffic.mirror > 0 {
            let share =
                serde_json::json!({ "default_value": { "numerator": traffic.mirror, "denominator": "HUNDRED" } });
            let policy = serde_json::json!([{ "cluster": self.candidate, "runtime_fraction": share }]);
            route.insert("request_mirror_policies".into(), serde_yaml::to_value(policy).unwrap_or_default());
        }
    }

    /// What a live route sends to the candidate; none where it is not ours.
    fn reading(&self, route: &Value) -> Option<RouterReading> {
        let mut order = None;
        let weights = match route["weighted_clusters"]["clusters"].as_array() {
            Some(clusters) => {
                let weight = |name: &str| {
                    let found = clusters.iter().find(|cluster| cluster["name"] == name)?;
                    // Protobuf leaves out what is 0.
                    Some(found["weight"].as_f64().unwrap_or(0.0))
                };
                let weights = (weight(&self.stable), weight(&self.candidate));
                order = weights.0.zip(weights.1).and_then(|(stable, candidate)| order_of(stable, candidate));
                // Stable's is written first.
                let first = |order: &SlotOrder| if *order == self.order { &self.stable } else { &self.candidate };
                order = order.filter(|order| clusters.first().is_some_and(|own| own["name"] == first(order).as_str()));
                weights
            }
            None if route["cluster"] == self.stable.as_str() => (Some(1.0), None),
            None if route["cluster"] == self.candidate.as_str() => (None, Some(1.0)),
            None => (None, None),
        };
        if weights == (None, None) {
            return None;
        }
        let weight = share(weights.0.unwrap_or(0.0), weights.1.unwrap_or(0.0)).ok()?;
        let mirrored = route["request_mirror_policies"].as_array().into_iter().flatten();
        let mirror = mirrored.filter(|policy| policy["cluster"] == self.candidate.as_str()).map(|policy| {
            match policy["runtime_fraction"]["default_value"].as_object() {
                Some(share) => share.get("numerator").and_then(Value::as_u64).unwrap_or(0).min(100) as u8,
                None => 100,
            }
        });
        let traffic = Traffic { weight, mirror: mirror.max().unwrap_or(0) };
        Some(RouterReading { traffic, uptime: None, order })
    }
}

/// Every `route` of whatever holds some.
fn routes<'a>(value: &'a Value, each: &mut impl FnMut(&'a Value)) {
    match value {
        Value::Object(map) => map.iter().for_each(|(key, inner)| match key.as_str() {
            "route" => each(inner),
            _ => routes(inner, each),
        }),
        Value::Array(list) => list.iter().for_each(|inner| routes(inner, each)),
        _ => {}
    }
}

fn yaml_routes(value: &mut Yaml, each: &mut impl FnMut(&mut Mapping)) {
    match value {
        Yaml::Mapping(map) => map.iter_mut().for_each(|(key, inner)| match (key.as_str(), inner) {
            (Some("route"), Yaml::Mapping(route)) => each(route),
            (_, inner) => yaml_routes(inner, each),
        }),
        Yaml::Sequence(list) => list.iter_mut().for_each(|inner| yaml_routes(inner, each)),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn envoy(header: Option<&str>) -> Envoy {
        Envoy {
            routes: "rds.yaml".into(),
            shown: "rds.yaml".into(),
            admin: AllowedHost::by_input(http::address("http://127.0.0.1:1", "the admin interface").unwrap()),
            stable: "stable".into(),
            candidate: "candidate".into(),
            order: SlotOrder::Configured,
            header: header.map(ToOwned::to_owned),
        }
    }

    /// What is written is what would be read.
    fn check(text: &str, traffic: Traffic, header: Option<&str>) -> String {
        let written = envoy(header).with(text, traffic).unwrap();
        let value: Value = serde_yaml::from_str(&written).unwrap();
        let mut found = Vec::new();
        routes(&value, &mut |route| found.extend(envoy(header).reading(route)));
        let order = Some(SlotOrder::Configured);
        assert_eq!(found, [RouterReading { traffic, uptime: None, order }], "{written}");
        written
    }

    #[test]
    fn weights_and_copies_are_written_and_everything_else_stays() {
        let plain = "version_info: \"7\"\nresources:\n- name: r\n  virtual_hosts:\n  - routes:\n    - match: {prefix: /}\n      route: {cluster: stable, timeout: 10s}\n    - match: {prefix: /x}\n      route: {cluster: other}\n";
        let written = check(plain, Traffic::weight(5), None);
        assert!(written.contains("timeout: 10s") && written.contains("cluster: other"), "{written}");
        assert!(written.contains("version_info: '8'"), "{written}");
        let written = check(&written, Traffic { weight: 0, mirror: 100 }, None);
        let written = check(&written, Traffic::weight(50), Some("x-user-id"));
        assert!(written.contains("use_hash_policy: true") && written.contains("x-user-id"), "{written}");
        assert!(!check(&written, Traffic::STABLE, None).contains("mirror"));
    }

    #[test]
    fn exchanged_slots_are_told_by_their_weights() {
        let exchanged = Envoy {
            stable: "candidate".into(),
            candidate: "stable".into(),
            order: SlotOrder::Exchanged,
            ..envoy(None)
        };
        let text = "resources: [{route: {cluster: candidate}}]";
        let written = exchanged.with(text, Traffic::weight(25)).unwrap();
        assert!(written.contains("weight: 150") && written.contains("weight: 50"), "{written}");
        let value: Value = serde_yaml::from_str(&written).unwrap();
        for (envoy, weight) in [(exchanged, 25), (envoy(None), 75)] {
            let mut found = Vec::new();
            routes(&value, &mut |route| found.extend(envoy.reading(route)));
            let (traffic, order) = (Traffic::weight(weight), Some(SlotOrder::Exchanged));
            assert_eq!(found, [RouterReading { traffic, uptime: None, order }], "{written}");
        }
    }

    #[test]
    fn routes_that_lead_elsewhere_are_not_touched() {
        assert!(envoy(None).with("resources: [{route: {cluster: other}}]", Traffic::STABLE).is_err());
        assert!(envoy(None).with("a: [", Traffic::STABLE).is_err());
    }
}
