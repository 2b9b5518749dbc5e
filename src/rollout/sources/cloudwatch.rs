//! Amazon CloudWatch, by [`GetMetricData`](https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_GetMetricData.html)
//! in its JSON protocol, signed by AWS Signature Version 4.
#![expect(clippy::disallowed_methods, reason = "edge: the time of a signature")]

use std::collections::{BTreeMap, BTreeSet};
use std::time::SystemTime;

use reqwest::Client;
use serde_json::{Value, json};

use super::answer::{self, number, refused};
use super::counted::{Fold, Window};
use crate::integrations::http::{self, AllowedHost};
use crate::rollout::aws::Credentials;
use crate::rollout::query::{Query, Target};
use crate::rollout::signal::Trouble;
use crate::support::problem::Problem;
use crate::support::words::code;

/// Seconds of a period: what CloudWatch keeps for all metrics.
pub const PERIOD: u64 = 60;
/// The period of a look back, and of long windows.
const HOUR: u64 = 3_600;
/// Windows from here on are read by the hour.
const LONG: f64 = 2.0 * 86_400.0;
const SERVICE: &str = "monitoring";
const TARGET: &str = "GraniteServiceVersion20100801.GetMetricData";
/// Pages of an answer.
const MOST_PAGES: usize = 10;

/// CloudWatch in one region.
pub struct CloudWatch {
    host: AllowedHost,
    client: Client,
    region: String,
    credentials: Credentials,
}

impl CloudWatch {
    /// # Errors
    /// An address that may not be spoken to.
    pub async fn connect(
        host: AllowedHost,
        region: String,
        credentials: Credentials,
        is_proxied: bool,
    ) -> Result<Self, Problem> {
        let client = http::client(&host, true, answer::PATIENCE, is_proxied).await?;
        Ok(Self { host, client, region, credentials })
    }

    pub(super) fn shown(&self) -> String {
        format!("CloudWatch at {}", code(&http::shown(self.host.url())))
    }

    pub(super) async fn numbers(
        &self,
        queries: &[&Query],
        fold: Fold,
        window: Window,
    ) -> Result<Vec<Option<f64>>, Trouble> {
        let mut points: BTreeMap<String, Vec<f64>> = BTreeMap::new();
        let (mut page, mut partial) = (None, BTreeSet::new());
        for _ in 0..MOST_PAGES {
            let answer = self.ask(&request(queries, window, fold, page.as_deref())).await?;
            for result in answer["MetricDataResults"].as_array().into_iter().flatten() {
                self.add(result, &mut points)?;
                let id = result["Id"].as_str().unwrap_or_default().to_owned();
                // Of partial data the rest is on the next page.
                if result["StatusCode"] == "PartialData" {
                    partial.insert(id);
                } else {
                    partial.remove(&id);
                }
            }
            page = answer["NextToken"].as_str().map(str::to_owned);
            if page.is_none() && !partial.is_empty() {
                return Err(Trouble::Unmeasured(format!(
                    "{} answers a part of a metric, and no more pages",
                    self.shown()
                )));
            }
            if page.is_none() {
                let of = |at: usize| points.get(&id(at)).map(|points| fold.of(points));
                let numbers: Option<Vec<Option<f64>>> = (0..queries.len()).map(of).collect();
                let missing = || Trouble::Unmeasured(format!("{} leaves metrics out of its answer", self.shown()));
                return numbers.ok_or_else(missing);
            }
        }
        Err(Trouble::Unmeasured(format!("{} answers more than {MOST_PAGES} pages", self.shown())))
    }

    /// One result of an answer; one that is not all there is no number.
    fn add(&self, result: &Value, points: &mut BTreeMap<String, Vec<f64>>) -> Result<(), Trouble> {
        let said = result["Messages"][0]["Value"].as_str().unwrap_or_default();
        match result["StatusCode"].as_str() {
            Some("Complete" | "PartialData") => {}
            other => {
                let status = code(other.unwrap_or("no status"));
                let what = format!("{} answers {status} to a metric {said}", self.shown());
                return Err(Trouble::Unmeasured(what.trim_end().to_owned()));
            }
        }
        let (Some(id), Some(values)) = (result["Id"].as_str(), result["Values"].as_array()) else {
            return Err(Trouble::Query(format!("{} answers a metric without id or values", self.shown())));
        };
        let points = points.entry(id.to_owned()).or_default();
        for value in values {
            let value = number(value)
                .ok_or_else(|| Trouble::Query(format!("{} answers a value that is not a number", self.shown())))?;
            points.push(value);
        }
        Ok(())
    }

    async fn ask(&self, body: &Value) -> Result<Value, Trouble> {
        let body = body.to_string();
        let headers = [("content-type", "application/x-amz-json-1.0"), ("x-amz-target", TARGET)];
        let signed = self.credentials.sign(
            ("POST", self.host.url()),
            &headers,
            body.as_bytes(),
            (SERVICE, &self.region),
            SystemTime::now(),
        );
        let signed = signed.map_err(Trouble::Unmeasured)?;
        let request = self.client.post(self.host.url().clone()).headers(signed).body(body);
        let (status, answer, _) = answer::json(request, &self.shown(), None).await?;
        if !status.is_success() {
            let said = answer["message"].as_str().or_else(|| answer["Message"].as_str());
            let kind = answer["__type"].as_str().and_then(|kind| kind.rsplit('#').next());
            let said = [kind, said].into_iter().flatten().collect::<Vec<_>>().join(": ");
            let trouble = refused(&self.shown(), status, Some(said.as_str()).filter(|said| !said.is_empty()));
            // Credentials, clocks and limits are refused by 400, too.
            let is_query = kind.is_some_and(|kind| {
                matches!(kind, "InvalidParameterValue" | "InvalidParameterCombination" | "MissingRequiredParameter")
                    || kind.starts_with("InvalidParameter")
                    || kind == "ValidationError"
            });
            return Err(if is_query { trouble } else { Trouble::Unmeasured(trouble.text()) });
        }
        Ok(answer)
    }
}

fn id(at: usize) -> String {
    format!("q{at}")
}

/// What is sent: a `GetMetricDataInput`.
fn request(queries: &[&Query], window: Window, fold: Fold, page: Option<&str>) -> Value {
    let seconds = window.to - window.from;
    let period = match fold {
        _ if seconds >= LONG => HOUR,
        Fold::Sum => PERIOD,
        // One point, of the whole window.
        Fold::Mean => ((seconds / PERIOD as f64).ceil().max(1.0) as u64) * PERIOD,
    };
    let all = queries.iter().enumerate().map(|(at, query)| {
        let Target::Metric { namespace, name, dimensions, statistic } = &query.target else { return Value::Null };
        let dimensions = dimensions.iter().map(|(name, value)| json!({ "Name": name, "Value": value }));
        let metric = json!({
            "Namespace": namespace, "MetricName": name, "Dimensions": dimensions.collect::<Vec<_>>(),
        });
        json!({ "Id": id(at), "ReturnData": true, "MetricStat": { "Metric": metric, "Period": period, "Stat": statistic } })
    });
    let (from, to) = (window.from.floor() as i64, window.to.floor() as i64);
    let mut request = json!({
        "StartTime": from, "EndTime": to, "ScanBy": "TimestampAscending", "MetricDataQueries": all.collect::<Vec<_>>(),
    });
    if let Some(page) = page {
        request["NextToken"] = page.into();
    }
    request
}
