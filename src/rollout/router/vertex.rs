//! Vertex AI: the [`trafficSplit`](https://cloud.google.com/vertex-ai/docs/reference/rest/v1/projects.locations.endpoints) of an
//! endpoint, which `PATCH` replaces whole and alone.

use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};

use super::share;
use crate::config::rollout::Vertex as Section;
use crate::integrations::http::{self, AllowedHost, Patience, body, in_words};
use crate::rollout::Traffic;
use crate::support::problem::Problem;
use crate::support::words::{code, cut, one_line};

const PATIENCE: Patience = Patience { timeout: Duration::from_secs(10), tries: 1 };
const LARGEST: usize = 2_000_000;

/// An endpoint with two deployed models.
pub struct Vertex {
    pub host: AllowedHost,
    pub section: Section,
    pub token: String,
    pub is_proxied: bool,
}

impl Vertex {
    pub(super) async fn read(&self) -> Result<Traffic, Problem> {
        self.traffic(&self.ask(None).await?)
    }

    pub(super) async fn write(&self, traffic: Traffic) -> Result<(), Problem> {
        let Section { stable, candidate, .. } = &self.section;
        let split = json!({ stable.as_str(): 100 - traffic.weight, candidate.as_str(): traffic.weight });
        self.ask(Some(json!({ "trafficSplit": split }))).await.map(drop)
    }

    /// The candidate's share; who is not in the split has none, and no third one has any.
    fn traffic(&self, endpoint: &Value) -> Result<Traffic, Problem> {
        let Section { stable, candidate, .. } = &self.section;
        for id in [stable, candidate] {
            let mut deployed = endpoint["deployedModels"].as_array().into_iter().flatten();
            if !deployed.any(|model| model["id"] == id.as_str()) {
                return Err(self.about(&format!("has no deployed model {}", code(id))));
            }
        }
        let mut weights = [0.0, 0.0];
        for (id, weight) in endpoint["trafficSplit"].as_object().into_iter().flatten() {
            let weight = weight.as_f64();
            let weight = weight.ok_or_else(|| self.about(&format!("has a share of {} that is no number", code(id))))?;
            match [stable, candidate].iter().position(|own| *own == id) {
                Some(at) => weights[at] = weight,
                None if weight != 0.0 => {
                    return Err(self.about(&format!("gives traffic to the model {} beside the two", code(id))));
                }
                None => {}
            }
        }
        share(weights[0], weights[1]).map(Traffic::weight)
    }

    async fn ask(&self, change: Option<Value>) -> Result<Value, Problem> {
        let Section { project, location, endpoint, .. } = &self.section;
        let mut url = self.host.url().clone();
        url.set_path(&format!("v1/projects/{project}/locations/{location}/endpoints/{endpoint}"));
        url.set_query(change.as_ref().map(|_| "updateMask=trafficSplit"));
        let client = http::client(&self.host, true, PATIENCE, self.is_proxied).await?;
        let method = if change.is_some() { Method::PATCH } else { Method::GET };
        let mut request = client.request(method, url).bearer_auth(&self.token).header("accept", "application/json");
        if let Some(change) = change {
            request = request.header("content-type", "application/json").body(change.to_string());
        }
        let response = request.send().await;
        let response = response.map_err(|error| self.about(&format!("gives no answer: {}", in_words(error))))?;
        let status = response.status();
        let text = body::read(response, LARGEST).await.map_err(|error| self.about(&error.said()))?;
        let answer = body::json(&text);
        if status.is_success() {
            return answer.map_err(|_| self.about("answers no JSON"));
        }
        let said = answer.unwrap_or_default()["error"]["message"].as_str().map(one_line).unwrap_or_default();
        let problem = self.about(&format!("answers {}: {}", status.as_u16(), cut(&said, 200)));
        Err(match status.as_u16() {
            401 => problem.hint(
                "an access token lives for an hour: take a new one in each run, and `once: true` for longer rollouts",
            ),
            403 => problem.hint("the account needs `aiplatform.endpoints.get` and `aiplatform.endpoints.update`"),
            _ => problem,
        })
    }

    fn about(&self, what: &str) -> Problem {
        Problem::new(format!("the Vertex AI endpoint {} {what}", code(&self.section.endpoint)))
    }
}
