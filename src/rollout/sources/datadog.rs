//! Datadog's metrics, by [`GET /api/v1/query`](https://docs.datadoghq.com/api/latest/metrics/#query-timeseries-points).

use reqwest::Client;
use serde_json::Value;

use super::answer::{PATIENCE, json, number, refused};
use super::counted::{Fold, Window};
use crate::integrations::http::{self, AllowedHost};
use crate::rollout::query::Query;
use crate::rollout::signal::Trouble;
use crate::support::problem::Problem;
use crate::support::words::{code, cut, one_line};

/// An organization of Datadog.
pub struct Datadog {
    host: AllowedHost,
    client: Client,
    api_key: String,
    application_key: String,
}

impl Datadog {
    /// # Errors
    /// An address that may not be spoken to.
    pub async fn connect(
        host: AllowedHost,
        api_key: String,
        application_key: String,
        is_proxied: bool,
    ) -> Result<Self, Problem> {
        let host = host.as_folder();
        let client = http::client(&host, true, PATIENCE, is_proxied).await?;
        Ok(Self { host, client, api_key, application_key })
    }

    pub(super) fn shown(&self) -> String {
        format!("Datadog at {}", code(&http::shown(self.host.url())))
    }

    /// All queries in one request, so that they are of one moment.
    pub(super) async fn numbers(
        &self,
        queries: &[&Query],
        fold: Fold,
        window: Window,
    ) -> Result<Vec<Option<f64>>, Trouble> {
        let subject = self.shown();
        let mut url = self.host.url().join("api/v1/query").map_err(|error| Trouble::Query(error.to_string()))?;
        let texts: Vec<&str> = queries.iter().map(|query| query.text.trim()).collect();
        // The end is in it.
        let (from, to) = (window.from.floor() as i64, window.to.floor() as i64 - 1);
        url.query_pairs_mut()
            .append_pair("from", &from.to_string())
            .append_pair("to", &to.to_string())
            .append_pair("query", &texts.join(","));
        let request = self.client.get(url).header("DD-API-KEY", &self.api_key);
        let request = request.header("DD-APPLICATION-KEY", &self.application_key);
        let (status, answer, _) = json(request, &subject, None).await?;
        let said = answer["error"].as_str().or_else(|| answer["errors"][0].as_str());
        if !status.is_success() {
            return Err(refused(&subject, status, said));
        }
        if answer["status"] != "ok" {
            let said = cut(&one_line(said.unwrap_or_default()), 200);
            return Err(Trouble::Query(format!("{subject} does not answer `ok`: {said}")));
        }
        let mut numbers: Vec<Option<f64>> = vec![None; queries.len()];
        let mut is_taken = vec![false; queries.len()];
        for series in answer["series"].as_array().into_iter().flatten() {
            let at = match series["query_index"].as_u64() {
                Some(at) => at as usize,
                None if queries.len() == 1 => 0,
                None => return Err(Trouble::Query(format!("{subject} answers a series without `query_index`"))),
            };
            let (Some(taken), Some(query)) = (is_taken.get_mut(at), queries.get(at)) else {
                return Err(Trouble::Query(format!("{subject} answers a query that was not asked")));
            };
            if std::mem::replace(taken, true) {
                let said = format!("{} gives several series, and one is needed: sum over all tags", code(&query.text));
                return Err(Trouble::Query(said));
            }
            numbers[at] = fold.of(&points(series, query)?);
        }
        Ok(numbers)
    }
}

/// The values of `[[time, value], …]`; nulls are no points.
fn points(series: &Value, query: &Query) -> Result<Vec<f64>, Trouble> {
    let mut values = Vec::new();
    for point in series["pointlist"].as_array().into_iter().flatten() {
        match &point[1] {
            Value::Null => {}
            value => {
                let wrong = || Trouble::Query(format!("{} gives a value that is not a number", code(&query.text)));
                values.push(number(value).ok_or_else(wrong)?);
            }
        }
    }
    Ok(values)
}
