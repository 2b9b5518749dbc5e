//! Unleash's admin API: the feature's environment is turned off (<https://docs.getunleash.io/api>).

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use reqwest::header::{AUTHORIZATION, HeaderValue};
use reqwest::{Client, Method, Response, StatusCode, Url};
use serde_json::Value;

use crate::integrations::http::{self, AllowedHost, Patience, body};
use crate::support::problem::Problem;
use crate::support::words::{code, cut, one_line};

/// A larger answer is none that was asked for.
const LARGEST: usize = 5_000_000;
/// What stands in addresses as itself.
const PLAIN: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

/// An environment of a feature, and who turns it off.
#[derive(Clone)]
pub struct Unleash {
    /// Where Unleash is: what stands before `/api/admin`.
    pub host: AllowedHost,
    pub project: String,
    pub environment: String,
    pub feature: String,
    /// Of an admin, a service account or a person; sent as it is, without `Bearer`.
    pub token: String,
    pub patience: Patience,
    /// Whether the environment names a proxy.
    pub is_proxied: bool,
}

impl Unleash {
    /// Turns the environment off, and reads that back.
    ///
    /// # Errors
    /// It was refused, there is no such feature or environment, or it is still on.
    pub async fn turn_off(&self) -> Result<String, Problem> {
        self.turn(Some("off")).await.and_then(|is_on| match is_on {
            Some(false) => Ok(format!("{} is off", self.shown())),
            Some(true) => Err(Problem::new(format!("{} was turned off and is on", self.shown()))
                .hint("does something else turn it on, such as a release plan?")),
            None => Err(Problem::new(format!("{} was turned off and is not there", self.shown()))),
        })
    }

    /// Turns the environment on, and reads that back.
    ///
    /// # Errors
    /// It was refused, there is no such feature or environment, or it is still off.
    pub async fn turn_on(&self) -> Result<String, Problem> {
        match self.turn(Some("on")).await? {
            Some(true) => Ok(format!("{} is on", self.shown())),
            _ => Err(Problem::new(format!("{} was turned on and is off", self.shown()))),
        }
    }

    /// Whether the environment is on.
    ///
    /// # Errors
    /// It was refused, or there is no such feature or environment.
    pub async fn is_on(&self) -> Result<bool, Problem> {
        let missing = || Problem::new(format!("there is no {}", self.shown()));
        self.turn(None).await?.ok_or_else(missing)
    }

    /// Turns the environment `on` or `off`, or neither; returns whether it is on by then, none where it is not there.
    async fn turn(&self, to: Option<&str>) -> Result<Option<bool>, Problem> {
        let host = self.host.clone().as_folder();
        let client = http::client(&host, true, self.patience, self.is_proxied).await?;
        let base = host.url().clone();
        let [project, feature, environment] =
            [&self.project, &self.feature, &self.environment].map(|name| escaped(name));
        let path = format!("api/admin/projects/{project}/features/{feature}");
        if let Some(to) = to {
            self.ask(&client, Method::POST, &base, &format!("{path}/environments/{environment}/{to}")).await?;
        }
        let answer = self.ask(&client, Method::GET, &base, &path).await?;
        let found = body::json(&answer)
            .map_err(|_| about(&base, "answers with no JSON").hint("is it Unleash, or a login page before it?"))?;
        let environments = found["environments"].as_array().map(Vec::as_slice).unwrap_or_default();
        let own = environments.iter().find(|own| own["name"] == self.environment.as_str());
        Ok(own.map(|own| own["enabled"] != Value::Bool(false)))
    }

    /// Asks until there is an answer or patience ends: turning off what is off is the same.
    async fn ask(&self, client: &Client, method: Method, base: &Url, path: &str) -> Result<Vec<u8>, Problem> {
        let url = base.join(path).map_err(|error| Problem::new(error.to_string()))?;
        let mut token = HeaderValue::from_str(&self.token)
            .map_err(|_| Problem::new("the token for Unleash has characters that no header may have"))?;
        token.set_sensitive(true);
        let mut tried = 0;
        loop {
            tried += 1;
            let request = client.request(method.clone(), url.clone()).header(AUTHORIZATION, token.clone());
            let why = match request.send().await {
                Ok(response) if response.status().is_success() => return bounded(base, response).await,
                Ok(response) => {
                    let status = response.status();
                    if !(status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS) {
                        return Err(self.refused(base, response).await);
                    }
                    format!("it answers {status}")
                }
                Err(error) => http::in_words(error),
            };
            if tried >= self.patience.tries {
                let why = format!("does not help: {why}, {}", self.patience.said());
                return Err(about(base, &why).hint("is it up, and is the flag's `url` right?"));
            }
            tokio::time::sleep(self.patience.pause(tried)).await;
        }
    }

    /// What a status that is no success means.
    async fn refused(&self, base: &Url, response: Response) -> Problem {
        let status = response.status();
        let answer = bounded(base, response).await.unwrap_or_default();
        let answer = body::json(&answer).unwrap_or_default();
        // The particulars are in a list, with a message over it that says no more than the status.
        let said = answer["details"][0]["message"].as_str().or(answer["message"].as_str()).unwrap_or_default();
        let said = cut(&one_line(said), 300);
        let said = if said.is_empty() { String::new() } else { format!(": {said}") };
        match status {
            StatusCode::UNAUTHORIZED => about(base, "does not know who asks (401)")
                .hint("the variable that `token_env` names must hold a token for the admin API, not one of a client"),
            StatusCode::FORBIDDEN => about(base, &format!("does not allow it (403){said}"))
                .hint("the token's owner needs to turn the environment on and off, without a change request"),
            StatusCode::NOT_FOUND => Problem::new(format!("there is no {}{said}", self.shown()))
                .hint("`project`, `environment` and `feature` are names as Unleash's addresses have them"),
            status if status.is_redirection() => {
                about(base, &format!("sends on elsewhere ({}), and credentials do not follow", status.as_u16()))
                    .hint("set the flag's `url` to where Unleash really is")
            }
            status => about(base, &format!("answers {status}{said}")),
        }
    }

    fn shown(&self) -> String {
        let [feature, environment, project] = [&self.feature, &self.environment, &self.project].map(|name| code(name));
        format!("feature {feature} in {environment} of project {project} in Unleash")
    }
}

fn escaped(name: &str) -> String {
    utf8_percent_encode(name, PLAIN).to_string()
}

/// The body, up to so many bytes.
async fn bounded(base: &Url, response: Response) -> Result<Vec<u8>, Problem> {
    body::read(response, LARGEST).await.map_err(|error| about(base, &error.said()))
}

fn about(base: &Url, what: &str) -> Problem {
    Problem::new(format!("Unleash {} {what}", code(&http::shown(base))))
}
