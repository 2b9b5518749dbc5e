//! Amazon SageMaker: weights of an endpoint's production variants, by
//! [`UpdateEndpointWeightsAndCapacities`](https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_UpdateEndpointWeightsAndCapacities.html).
//!
//! A change takes a minute or two, in which the endpoint is `Updating` and refuses others.
#![expect(clippy::disallowed_methods, reason = "edge: the time of a signature, and how long a change takes")]

use std::time::{Duration, Instant, SystemTime};

use reqwest::Client;
use serde_json::{Value, json};

use super::share;
use crate::integrations::http::{self, AllowedHost, Patience, body, in_words};
use crate::rollout::Traffic;
use crate::rollout::aws::Credentials;
use crate::support::problem::Problem;
use crate::support::words::{code, cut, one_line};

const PATIENCE: Patience = Patience { timeout: Duration::from_secs(10), tries: 1 };
const LARGEST: usize = 1_000_000;
const SERVICE: &str = "sagemaker";
/// How long a write waits for an earlier change, and for its own.
pub const UNTIL_LIVE: Duration = Duration::from_secs(90);
const PAUSE: Duration = Duration::from_secs(3);

/// An endpoint with two production variants.
pub struct SageMaker {
    pub host: AllowedHost,
    pub region: String,
    pub endpoint: String,
    pub stable: String,
    pub candidate: String,
    pub credentials: Credentials,
    pub is_proxied: bool,
}

/// What an endpoint says of itself.
enum EndpointState {
    Live(Traffic),
    /// It is being changed, and its weights may be neither.
    Updating,
}

impl SageMaker {
    /// What is live.
    pub(super) async fn read(&self) -> Result<Traffic, Problem> {
        let client = http::client(&self.host, true, PATIENCE, self.is_proxied).await?;
        match self.state(&client).await? {
            EndpointState::Live(traffic) => Ok(traffic),
            EndpointState::Updating => Err(self.about("is being updated")),
        }
    }

    /// Sets both weights, and waits until they are live.
    pub(super) async fn write(&self, traffic: Traffic) -> Result<(), Problem> {
        let client = http::client(&self.host, true, PATIENCE, self.is_proxied).await?;
        let start = Instant::now();
        let mut is_sent = false;
        loop {
            match self.state(&client).await? {
                EndpointState::Live(live) if live == traffic => return Ok(()),
                EndpointState::Live(_) if !is_sent => {
                    self.ask(&client, "UpdateEndpointWeightsAndCapacities", &self.weights(traffic)).await?;
                    is_sent = true;
                }
                EndpointState::Live(live) if start.elapsed() > UNTIL_LIVE => {
                    return Err(self.about(&format!("was changed, and still gives the candidate {} %", live.weight)));
                }
                EndpointState::Updating if start.elapsed() > UNTIL_LIVE => {
                    let said = format!("is still being updated after {} s", UNTIL_LIVE.as_secs());
                    return Err(self.about(&said).hint("the next run reads what became of it"));
                }
                EndpointState::Live(_) | EndpointState::Updating => tokio::time::sleep(PAUSE).await,
            }
        }
    }

    fn weights(&self, traffic: Traffic) -> Value {
        let weight = |name: &str, weight: u8| json!({ "VariantName": name, "DesiredWeight": weight });
        let both = [weight(&self.stable, 100 - traffic.weight), weight(&self.candidate, traffic.weight)];
        json!({ "EndpointName": self.endpoint, "DesiredWeightsAndCapacities": both })
    }

    async fn state(&self, client: &Client) -> Result<EndpointState, Problem> {
        let said = self.ask(client, "DescribeEndpoint", &json!({ "EndpointName": self.endpoint })).await?;
        match said["EndpointStatus"].as_str() {
            Some("InService") => self.traffic(&said).map(EndpointState::Live),
            Some("Updating" | "SystemUpdating" | "RollingBack") => Ok(EndpointState::Updating),
            other => {
                let status = code(&cut(&one_line(other.unwrap_or("no status")), 60));
                Err(self.about(&format!("is {status}, not `InService`")))
            }
        }
    }

    /// The candidate's share of the weights that are live.
    fn traffic(&self, said: &Value) -> Result<Traffic, Problem> {
        let mut weights = [None, None];
        for variant in said["ProductionVariants"].as_array().into_iter().flatten() {
            let name = variant["VariantName"].as_str().unwrap_or_default();
            let weight = variant["CurrentWeight"].as_f64();
            match [&self.stable, &self.candidate].iter().position(|own| *own == name) {
                Some(at) => weights[at] = weight,
                None if weight != Some(0.0) => {
                    return Err(self.about(&format!("gives traffic to the variant {} beside the two", code(name))));
                }
                None => {}
            }
        }
        let [Some(stable), Some(candidate)] = weights else {
            let said = format!("has no variants {} and {} with weights", code(&self.stable), code(&self.candidate));
            return Err(self.about(&said));
        };
        share(stable, candidate).map(Traffic::weight)
    }

    async fn ask(&self, client: &Client, operation: &str, body: &Value) -> Result<Value, Problem> {
        let (body, target) = (body.to_string(), format!("SageMaker.{operation}"));
        let headers = [("content-type", "application/x-amz-json-1.1"), ("x-amz-target", target.as_str())];
        let url = self.host.url();
        let to = (SERVICE, self.region.as_str());
        let signed = self.credentials.sign(("POST", url), &headers, body.as_bytes(), to, SystemTime::now());
        let signed = signed.map_err(|why| self.about(&why))?;
        let response = client.post(url.clone()).headers(signed).body(body).send().await;
        let response = response.map_err(|error| self.about(&format!("gives no answer: {}", in_words(error))))?;
        let status = response.status();
        let text = body::read(response, LARGEST).await.map_err(|error| self.about(&error.said()))?;
        let answer = body::json(&text);
        if status.is_success() {
            return answer.map_err(|_| self.about("answers no JSON"));
        }
        let answer = answer.unwrap_or_default();
        let kind = answer["__type"].as_str().and_then(|kind| kind.rsplit('#').next()).unwrap_or_default();
        let said = answer["message"].as_str().or_else(|| answer["Message"].as_str()).unwrap_or_default();
        let said = cut(&one_line(format!("{kind} {said}").trim()), 300);
        let problem = self.about(&format!("answers {} to {operation}: {said}", status.as_u16()));
        Err(problem.hint(format!("the user needs `sagemaker:{operation}` on the endpoint")))
    }

    fn about(&self, what: &str) -> Problem {
        Problem::new(format!("the SageMaker endpoint {} {what}", code(&self.endpoint)))
    }
}
