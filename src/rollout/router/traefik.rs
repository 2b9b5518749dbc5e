//! Traefik, by a [weighted service](https://doc.traefik.io/traefik/routing/services/#weighted-round-robin-service) of its file
//! provider: the file is replaced, the API says what is live.
#![expect(clippy::disallowed_methods, reason = "edge: measures how long a file takes to be live")]

use std::time::{Duration, Instant};

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;
use serde_yaml::Value as Yaml;

use super::file::RouterFile;
use super::share;
use crate::integrations::http::{self, AllowedHost, Patience, body, in_words};
use crate::rollout::Traffic;
use crate::support::problem::Problem;
use crate::support::words::{code, one_line};

const PATIENCE: Patience = Patience { timeout: Duration::from_secs(3), tries: 1 };
const LARGEST: usize = 1_000_000;
/// How long Traefik may take to see a new file: it reads one at most every `providersThrottleDuration`, 2 s.
pub const UNTIL_LIVE: Duration = Duration::from_secs(15);
const PROVIDER: &str = "@file";

/// A Traefik and the file of its file provider.
pub struct Traefik {
    pub file: RouterFile,
    pub api: AllowedHost,
    pub service: String,
    pub stable: String,
    pub candidate: String,
    /// Whether users must stay with their variant (`ab_test`).
    pub is_sticky: bool,
}

impl Traefik {
    /// What is live, not what was written.
    pub(super) async fn read(&self) -> Result<Traffic, Problem> {
        let name = format!("{}{PROVIDER}", self.service);
        let host = self.api.clone().as_folder();
        let path = format!("api/http/services/{}", utf8_percent_encode(&name, NON_ALPHANUMERIC));
        let url = host.url().join(&path).map_err(|error| self.about(&error.to_string()))?;
        let client = http::client(&host, false, PATIENCE, false).await?;
        let response = client.get(url).send().await;
        let response = response.map_err(|error| self.about(&format!("gives no answer: {}", in_words(error))))?;
        let status = response.status();
        if !status.is_success() {
            let said = format!("answers {} to the service {}", status.as_u16(), code(&name));
            return Err(self.about(&said).hint("is it in the file, and does the file provider read that file?"));
        }
        let text = body::read(response, LARGEST).await.map_err(|error| self.about(&error.said()))?;
        let answer = body::json(&text).map_err(|_| self.about("answers no JSON"))?;
        self.traffic(&answer)
    }

    /// Replaces the file, and waits until Traefik has it.
    pub(super) async fn write(&self, traffic: Traffic) -> Result<(), Problem> {
        let text = self.with(&self.file.read()?, traffic)?;
        self.file.replace(&text)?;
        let start = Instant::now();
        loop {
            let live = self.read().await?;
            if live == traffic {
                return Ok(());
            }
            if start.elapsed() > UNTIL_LIVE {
                let why = format!("was written, and Traefik still sends {} % to the candidate", live.weight);
                let hint =
                    "does its file provider watch the folder (`directory`, `watch: true`), and what does its log say?";
                return Err(self.file.failed(&why).hint(hint));
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    /// The file's text with these weights; all else in it stays, but comments.
    fn with(&self, text: &str, traffic: Traffic) -> Result<String, Problem> {
        let wrong = |why: &str| {
            let hint = format!(
                "it holds `http.services.{}.weighted.services`, a list of {} and {}",
                self.service,
                code(&self.stable),
                code(&self.candidate)
            );
            self.file.failed(why).hint(hint)
        };
        let mut all: Yaml = serde_yaml::from_str(text)
            .map_err(|error| wrong(&format!("is no YAML: {}", one_line(&error.to_string()))))?;
        let mut place = Some(&mut all);
        for key in ["http", "services", &self.service, "weighted", "services"] {
            place = place.and_then(|value| value.get_mut(key));
        }
        let services = place.and_then(Yaml::as_sequence_mut);
        let services = services.ok_or_else(|| wrong(&format!("has no weighted service {}", code(&self.service))))?;
        let weights = [(&self.stable, 100 - traffic.weight), (&self.candidate, traffic.weight)];
        for one in services.iter() {
            let name = one.get("name").and_then(Yaml::as_str).unwrap_or_default();
            let is_ours = weights.iter().any(|(own, _)| is_named(name, own));
            if !is_ours && one.get("weight").and_then(Yaml::as_f64) != Some(0.0) {
                return Err(wrong(&format!("gives traffic to {} beside the two variants", code(name))));
            }
        }
        for (name, weight) in weights {
            let mut own = services
                .iter_mut()
                .filter(|one| one.get("name").and_then(Yaml::as_str).is_some_and(|own| is_named(own, name)));
            let (Some(Yaml::Mapping(one)), None) = (own.next(), own.next()) else {
                return Err(wrong(&format!("does not name {} once", code(name))));
            };
            one.insert("weight".into(), u64::from(weight).into());
        }
        serde_yaml::to_string(&all).map_err(|error| wrong(&format!("could not be written: {error}")))
    }

    /// The candidate's share of a service, as the API has it.
    fn traffic(&self, service: &Value) -> Result<Traffic, Problem> {
        if service["status"] != "enabled" {
            let said = code(&one_line(service["status"].as_str().unwrap_or("no status")));
            return Err(self.about(&format!("says that the service {} is {said}", code(&self.service))));
        }
        let services = service["weighted"]["services"].as_array().map(Vec::as_slice).unwrap_or_default();
        let mut weights = [None, None];
        for one in services {
            let name = one["name"].as_str().unwrap_or_default();
            // Traefik's own default.
            let weight = one["weight"].as_f64().unwrap_or(1.0);
            match [&self.stable, &self.candidate].iter().position(|own| is_named(name, own)) {
                Some(at) => weights[at] = Some(weight),
                None if weight > 0.0 => {
                    return Err(self.about(&format!("gives traffic to {} beside the two variants", code(name))));
                }
                None => {}
            }
        }
        let [Some(stable), Some(candidate)] = weights else {
            let said = format!(
                "has no weighted service {} of {} and {}",
                code(&self.service),
                code(&self.stable),
                code(&self.candidate)
            );
            return Err(self.about(&said));
        };
        if self.is_sticky && service["weighted"]["sticky"].is_null() {
            let said = format!("has no `sticky` of the weighted service {}", code(&self.service));
            let hint =
                "users of an A/B test stay with their variant: set `sticky: { cookie: { name: variant } }` there";
            return Err(self.about(&said).hint(hint));
        }
        share(stable, candidate).map(Traffic::weight)
    }

    fn about(&self, what: &str) -> Problem {
        Problem::new(format!("Traefik's API {} {what}", code(&http::shown(self.api.url()))))
    }
}

/// The API adds the provider to names.
fn is_named(name: &str, own: &str) -> bool {
    name == own || name.strip_suffix(PROVIDER).is_some_and(|name| name == own)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn traefik() -> Traefik {
        Traefik {
            file: RouterFile { path: "dynamic.yml".into(), shown: "dynamic.yml".into() },
            api: AllowedHost::by_input(http::address("http://127.0.0.1:1", "the API").unwrap()),
            service: "risk".into(),
            stable: "risk-v7".into(),
            candidate: "risk-v8".into(),
            is_sticky: false,
        }
    }

    const FILE: &str = "http:
  routers:
    risk: { rule: 'Path(`/`)', service: risk }
  services:
    risk:
      weighted:
        services:
          - { name: risk-v7, weight: 1 }
          - { name: risk-v8@file, weight: 0 }
        sticky: { cookie: { name: variant } }
    risk-v7: { loadBalancer: { servers: [{ url: 'http://127.0.0.1:1' }] } }
";

    #[test]
    fn weights_are_replaced_and_all_else_stays() {
        let written = traefik().with(FILE, Traffic::weight(25)).unwrap();
        let mut before: Value = serde_yaml::from_str(FILE).unwrap();
        let after: Value = serde_yaml::from_str(&written).unwrap();
        before["http"]["services"]["risk"]["weighted"]["services"][0]["weight"] = json!(75);
        before["http"]["services"]["risk"]["weighted"]["services"][1]["weight"] = json!(25);
        assert_eq!(before, after);
        let refused = |text: &str| traefik().with(text, Traffic::STABLE).unwrap_err().message;
        assert!(refused(&FILE.replace("risk-v8@file", "other")).contains("does not name `risk-v8` once"));
        assert!(refused(&FILE.replace("risk-v8@file, weight: 0", "other")).contains("gives traffic to `other`"));
        assert!(refused(&FILE.replace("risk-v8@file", "risk-v7")).contains("does not name `risk-v7` once"));
        assert!(refused("http: {}").contains("has no weighted service `risk`"));
        assert!(refused("http: [").contains("is no YAML"));
    }

    #[test]
    fn the_api_says_the_share() {
        let service = |services: Value| json!({ "status": "enabled", "weighted": { "services": services } });
        let check = |services: Value, wanted: Result<u8, &str>| {
            let found = traefik().traffic(&service(services)).map(|traffic| traffic.weight);
            match wanted {
                Ok(weight) => assert_eq!(found.unwrap(), weight),
                Err(said) => assert!(found.unwrap_err().message.contains(said)),
            }
        };
        check(json!([{ "name": "risk-v7@file", "weight": 95 }, { "name": "risk-v8@file", "weight": 5 }]), Ok(5));
        check(json!([{ "name": "risk-v7", "weight": 0 }, { "name": "risk-v8" }]), Ok(100));
        check(json!([{ "name": "risk-v7", "weight": 1 }]), Err("has no weighted service `risk`"));
        let three = json!([{ "name": "risk-v7", "weight": 1 }, { "name": "risk-v8", "weight": 1 }, { "name": "x", "weight": 1 }]);
        check(three, Err("gives traffic to `x`"));
        check(json!([{ "name": "risk-v7", "weight": 0 }, { "name": "risk-v8", "weight": 0 }]), Err("nothing anywhere"));
        let plain = service(json!([{ "name": "risk-v7", "weight": 1 }, { "name": "risk-v8", "weight": 0 }]));
        let test = Traefik { is_sticky: true, ..traefik() };
        assert!(test.traffic(&plain).unwrap_err().message.contains("has no `sticky`"));
        let mut sticky = plain.clone();
        sticky["weighted"]["sticky"] = json!({ "cookie": { "name": "variant" } });
        assert!(test.traffic(&sticky).is_ok());
        let mut warned = service(json!([{ "name": "risk-v7", "weight": 1 }, { "name": "risk-v8", "weight": 0 }]));
        warned["status"] = json!("warning");
        assert!(traefik().traffic(&warned).unwrap_err().message.contains("is `warning`"));
    }
}
