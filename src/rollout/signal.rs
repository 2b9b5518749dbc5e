//! Signals from Prometheus, by [instant queries](https://prometheus.io/docs/prometheus/latest/querying/api/): each is one
//! number that is new enough, or none, and then it says why.

use std::time::Duration;

use reqwest::{Client, Url};

use super::{ArmSeen, Reading};
use crate::http::{self, AllowedHost, Patience, body, in_words};
use crate::plan::rollout::Queries;
use crate::problem::Problem;
use crate::words::{code, cut, one_line};

const PATIENCE: Patience = Patience { timeout: Duration::from_secs(3), tries: 1 };
const LARGEST: usize = 1_000_000;
/// Seconds after which no scrape is half in.
pub const SETTLED: f64 = 1.0;

/// A Prometheus.
pub struct Prometheus {
    base: Url,
    client: Client,
    token: Option<String>,
    stale_seconds: f64,
}

impl Prometheus {
    /// # Errors
    /// An address that may not be spoken to.
    pub async fn connect(
        host: AllowedHost,
        token: Option<String>,
        stale_seconds: f64,
        is_proxied: bool,
    ) -> Result<Self, Problem> {
        let host = host.as_folder();
        let client = http::client(&host, token.is_some(), PATIENCE, is_proxied).await?;
        Ok(Self { base: host.url().clone(), client, token, stale_seconds })
    }

    /// What is seen of an arm; one answer that does not come is waited for, and no other.
    ///
    /// All queries are of one moment, a little ago: requests of before a scrape and errors of after it would be a rate that
    /// never was.
    pub async fn arm(&self, queries: &Queries, at: f64) -> ArmSeen {
        let at = at - SETTLED;
        let requests = self.read(&queries.requests, at).await;
        let mut down = match &requests {
            Reading::Unusable(why) if why.starts_with(NO_ANSWER) => Some(why.clone()),
            _ => None,
        };
        let mut next = async |query: &str| match &down {
            Some(why) => Reading::Unusable(why.clone()),
            None => {
                let reading = self.read(query, at).await;
                if let Reading::Unusable(why) = &reading
                    && why.starts_with(NO_ANSWER)
                {
                    down = Some(why.clone());
                }
                reading
            }
        };
        let errors = next(&queries.errors).await;
        let mut seen = ArmSeen {
            requests,
            errors,
            gauges: std::collections::BTreeMap::new(),
            trial: std::collections::BTreeMap::new(),
        };
        for (name, query) in &queries.gauges {
            seen.gauges.insert(name.clone(), next(query).await);
        }
        for (name, query) in &queries.trial {
            seen.trial.insert(name.clone(), next(query).await);
        }
        seen
    }

    async fn read(&self, query: &str, at: f64) -> Reading {
        let value = match self.query(query, at).await {
            Ok(Some(value)) => value,
            Ok(None) => return Reading::Absent,
            Err(why) => return Reading::Unusable(why),
        };
        if !value.is_finite() {
            return Reading::Unusable(format!("{} is {value}", code(query)));
        }
        // A rate goes on for its whole window after its target is gone, and an expression always has the time of now.
        for selector in selectors(query) {
            match self.query(&format!("max(timestamp({selector}))"), at).await {
                Ok(Some(newest)) if at - newest <= self.stale_seconds => {}
                Ok(Some(newest)) => {
                    return Reading::Unusable(format!(
                        "the newest sample of {} is {:.0} s old",
                        code(&selector),
                        at - newest
                    ));
                }
                // Nothing at all: of a counter that never was, as errors are, and of a target that is gone.
                Ok(None) if value == 0.0 => {}
                Ok(None) => return Reading::Unusable(format!("{} has no sample any more", code(&selector))),
                Err(why) => return Reading::Unusable(why),
            }
        }
        Reading::Value(value)
    }

    async fn query(&self, query: &str, at: f64) -> Result<Option<f64>, String> {
        let shown = code(&http::shown(&self.base));
        let no_answer = |why: String| format!("{NO_ANSWER} {shown}: {why}");
        let mut url = self.base.join("api/v1/query").map_err(|error| error.to_string())?;
        url.query_pairs_mut().append_pair("query", query).append_pair("time", &format!("{at:.3}"));
        let request = self.client.get(url);
        let request = match &self.token {
            Some(token) => request.bearer_auth(token),
            None => request,
        };
        let response = request.send().await.map_err(|error| no_answer(in_words(error)))?;
        let status = response.status();
        let text = body::read(response, LARGEST).await.map_err(|error| match error {
            body::BodyError::TooLarge(most) => format!("{} is answered by more than {most} bytes", code(query)),
            body::BodyError::Broken(error) => no_answer(in_words(error)),
        })?;
        let answer = body::json(&text).unwrap_or_default();
        if answer["status"] != "success" {
            let said = answer["error"].as_str().map(one_line).unwrap_or_default();
            return Err(format!("Prometheus answers {} to {}: {}", status.as_u16(), code(query), cut(&said, 200)));
        }
        let data = &answer["data"];
        let sample = match (data["resultType"].as_str(), data["result"].as_array()) {
            (Some("scalar"), _) => &data["result"][1],
            (Some("vector"), Some(series)) => match series.as_slice() {
                [] => return Ok(None),
                [one] => &one["value"][1],
                several => return Err(format!("{} gives {} series, and one is needed", code(query), several.len())),
            },
            _ => return Err(format!("{} gives no instant vector", code(query))),
        };
        let text = sample.as_str().unwrap_or_default();
        match text {
            "+Inf" => Ok(Some(f64::INFINITY)),
            "-Inf" => Ok(Some(f64::NEG_INFINITY)),
            text => {
                text.parse().map(Some).map_err(|_| format!("{} gives {}, which is no number", code(query), code(text)))
            }
        }
    }
}

const NO_ANSWER: &str = "no answer from Prometheus at";

/// The series that a query reads: `name{…}`, without ranges.
fn selectors(query: &str) -> Vec<String> {
    let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == ':';
    let mut all: Vec<String> = Vec::new();
    for (open, _) in query.char_indices().filter(|(_, c)| *c == '{') {
        let start = query[..open].rfind(|c| !is_name(c)).map_or(0, |at| at + 1);
        let Some(end) = closing(&query[open..]) else { continue };
        let selector = query[start..open + end].to_owned();
        if !all.contains(&selector) && start < open {
            all.push(selector);
        }
    }
    all
}

/// Past the brace that closes the first one; braces in texts do not count.
fn closing(text: &str) -> Option<usize> {
    let mut quote = None;
    let mut escaped = false;
    for (at, c) in text.char_indices() {
        match (quote, c) {
            _ if escaped => escaped = false,
            (Some('"' | '\''), '\\') => escaped = true,
            (Some(open), c) if open == c => quote = None,
            (Some(_), _) => {}
            (None, '"' | '\'' | '`') => quote = Some(c),
            (None, '}') => return Some(at + 1),
            _ => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_query_reads_is_found_in_it() {
        let check = |query: &str, wanted: &[&str]| assert_eq!(selectors(query), wanted, "{query}");
        check(r#"sum(a_total{server="x"})"#, &[r#"a_total{server="x"}"#]);
        check(r#"1000 * histogram_quantile(0.99, sum by (le) (rate(b:c{arm="}"}[1m])))"#, &[r#"b:c{arm="}"}"#]);
        check(r#"x{a="1"} / x{a="1"} + y{b=~'\'}'}"#, &[r#"x{a="1"}"#, r"y{b=~'\'}'}"]);
        check("vector(1)", &[]);
        check("a{b=\"", &[]);
    }
}
