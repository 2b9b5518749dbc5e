//! New Relic, by NRQL in [NerdGraph](https://docs.newrelic.com/docs/apis/nerdgraph/examples/nerdgraph-nrql-tutorial/), its
//! GraphQL.

use reqwest::Client;
use serde_json::{Map, Value, json};

use super::answer::{PATIENCE, json as ask, number, refused};
use super::counted::Window;
use crate::integrations::http::{self, AllowedHost};
use crate::rollout::query::Query;
use crate::rollout::signal::Trouble;
use crate::support::problem::Problem;
use crate::support::words::{code, cut, one_line};

/// Numbers of a result that are not its value.
const NO_VALUES: [&str; 3] = ["beginTimeSeconds", "endTimeSeconds", "inspectedCount"];
/// What NerdGraph says of NRQL that is wrong.
const WRONG_NRQL: [&str; 3] = ["NRQL Syntax Error", "Invalid function", "unknown function"];

/// An account of New Relic.
pub struct NewRelic {
    host: AllowedHost,
    client: Client,
    account: u64,
    key: String,
}

impl NewRelic {
    /// # Errors
    /// An address that may not be spoken to.
    pub async fn connect(host: AllowedHost, account: u64, key: String, is_proxied: bool) -> Result<Self, Problem> {
        let client = http::client(&host, true, PATIENCE, is_proxied).await?;
        Ok(Self { host, client, account, key })
    }

    pub(super) fn shown(&self) -> String {
        format!("New Relic at {}", code(&http::shown(self.host.url())))
    }

    /// All queries in one request.
    pub(super) async fn numbers(&self, queries: &[&Query], window: Window) -> Result<Vec<Option<f64>>, Trouble> {
        let subject = self.shown();
        let body = request(self.account, queries, window).to_string();
        let request = self.client.post(self.host.url().clone()).header("API-Key", &self.key);
        let request = request.header("content-type", "application/json").body(body);
        let (status, answer, _) = ask(request, &subject, None).await?;
        let said = answer["errors"][0]["message"].as_str();
        if !status.is_success() {
            return Err(refused(&subject, status, said));
        }
        if answer["errors"].as_array().is_some_and(|errors| !errors.is_empty()) {
            let said = said.unwrap_or("an error");
            let text = format!("{subject} answers {}", code(&cut(&one_line(said), 200)));
            let is_query = WRONG_NRQL.iter().any(|wrong| said.contains(wrong));
            return Err(if is_query { Trouble::Query(text) } else { Trouble::Unmeasured(text) });
        }
        let account = &answer["data"]["actor"]["account"];
        let each = queries.iter().enumerate().map(|(at, query)| value(&account[alias(at)]["results"], query));
        each.collect()
    }
}

fn alias(at: usize) -> String {
    format!("q{at}")
}

/// What is sent: texts travel as variables, never inside of the GraphQL.
fn request(account: u64, queries: &[&Query], window: Window) -> Value {
    let (from, to) = ((window.from * 1000.0).floor() as i64, (window.to * 1000.0).floor() as i64);
    let (mut declared, mut asked, mut variables) = (String::new(), String::new(), Map::new());
    variables.insert("account".to_owned(), account.into());
    for (at, query) in queries.iter().enumerate() {
        let alias = alias(at);
        declared.push_str(&format!(", ${alias}: Nrql!"));
        asked.push_str(&format!(" {alias}: nrql(query: ${alias}) {{ results }}"));
        variables.insert(alias, format!("{} SINCE {from} UNTIL {to}", query.text.trim()).into());
    }
    let query = format!("query($account: Int!{declared}) {{ actor {{ account(id: $account) {{{asked} }} }} }}");
    json!({ "query": query, "variables": variables })
}

/// The one number of `[{"count": 5}]`, or of `[{"percentile.duration": {"99": 0.2}}]`; none of null.
fn value(results: &Value, query: &Query) -> Result<Option<f64>, Trouble> {
    let wrong = |why: &str| Err(Trouble::Query(format!("{} {why}", code(&query.text))));
    let result = match results.as_array().map(Vec::as_slice) {
        Some([]) => return Ok(None),
        Some([Value::Object(result)]) => result,
        Some(_) => return wrong("gives several results, and one is needed"),
        None => return wrong("gives no results"),
    };
    let mut values = Vec::new();
    for (_, value) in result.iter().filter(|(name, _)| !NO_VALUES.contains(&name.as_str())) {
        match value {
            Value::Object(inner) => values.extend(inner.values()),
            value => values.push(value),
        }
    }
    match values.as_slice() {
        [Value::Null] => Ok(None),
        [value] => match number(value) {
            Some(number) => Ok(Some(number)),
            None => wrong("gives a value that is not a number"),
        },
        _ => wrong("gives several numbers, and one is needed"),
    }
}
