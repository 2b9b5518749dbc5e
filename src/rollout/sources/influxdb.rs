//! InfluxDB, by [InfluxQL over `/query`](https://docs.influxdata.com/influxdb/v1/tools/api/#query-http-endpoint): 1.x, and 2.x
//! and 3 with their API for it.

use reqwest::Client;
use serde_json::Value;

use super::answer::{PATIENCE, json, number, refused};
use super::counted::Window;
use crate::integrations::http::{self, AllowedHost};
use crate::rollout::query::Query;
use crate::rollout::signal::Trouble;
use crate::support::problem::Problem;
use crate::support::words::{code, cut, one_line};

/// What becomes the condition on time.
const TIME: &str = "{{time}}";

/// A database of InfluxDB.
pub struct InfluxDb {
    host: AllowedHost,
    client: Client,
    database: String,
    token: Option<String>,
}

impl InfluxDb {
    /// # Errors
    /// An address that may not be spoken to.
    pub async fn connect(
        host: AllowedHost,
        database: String,
        token: Option<String>,
        is_proxied: bool,
    ) -> Result<Self, Problem> {
        let host = host.as_folder();
        let client = http::client(&host, token.is_some(), PATIENCE, is_proxied).await?;
        Ok(Self { host, client, database, token })
    }

    pub(super) fn shown(&self) -> String {
        format!("InfluxDB at {}", code(&http::shown(self.host.url())))
    }

    /// One statement a query, in one request.
    pub(super) async fn numbers(&self, queries: &[&Query], window: Window) -> Result<Vec<Option<f64>>, Trouble> {
        let subject = self.shown();
        let mut url = self.host.url().join("query").map_err(|error| Trouble::Query(error.to_string()))?;
        let statements: Vec<String> = queries.iter().map(|query| statement(&query.text, window)).collect();
        url.query_pairs_mut()
            .append_pair("db", &self.database)
            .append_pair("epoch", "ms")
            .append_pair("q", &statements.join("; "));
        let request = self.client.get(url).header("accept", "application/json");
        let request = match &self.token {
            Some(token) => request.header("authorization", format!("Token {token}")),
            None => request,
        };
        let (status, answer, _) = json(request, &subject, None).await?;
        if !status.is_success() {
            let said = answer["error"].as_str().or_else(|| answer["message"].as_str());
            return Err(refused(&subject, status, said));
        }
        let results = answer["results"].as_array();
        let results = results.ok_or_else(|| Trouble::Query(format!("{subject} answers no results")))?;
        results.iter().zip(queries).map(|(result, query)| value(result, query)).collect()
    }
}

/// A query in a window.
fn statement(query: &str, window: Window) -> String {
    let (from, to) = (window.from.floor() as i64, window.to.floor() as i64);
    query.trim().replace(TIME, &format!("time >= {from}s AND time < {to}s"))
}

/// The one number of a result; none of no series.
fn value(result: &Value, query: &Query) -> Result<Option<f64>, Trouble> {
    let wrong = |why: &str| Err(Trouble::Query(format!("{} {why}", code(&query.text))));
    if let Some(said) = result["error"].as_str() {
        return wrong(&format!("is refused: {}", cut(&one_line(said), 200)));
    }
    let series = match result["series"].as_array().map(Vec::as_slice) {
        None | Some([]) => return Ok(None),
        Some([series]) => series,
        Some(_) => return wrong("gives several series, and one is needed: leave `GROUP BY` out"),
    };
    match (series["columns"].as_array().map(Vec::len), series["values"].as_array().map(Vec::as_slice)) {
        (_, Some([])) => Ok(None),
        (Some(2), Some([row])) if row[1].is_null() => Ok(None),
        (Some(2), Some([row])) => match number(&row[1]) {
            Some(number) => Ok(Some(number)),
            None => wrong("gives a value that is not a number"),
        },
        (Some(2), Some(_)) => wrong("gives several rows, and one is needed: leave `GROUP BY` out"),
        _ => wrong("gives several columns, and one is needed"),
    }
}
