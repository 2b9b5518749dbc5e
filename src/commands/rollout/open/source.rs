//! Where signals come from, opened.

use reqwest::header::{HeaderMap, HeaderName, HeaderValue};

use super::Opener;
use crate::config::rollout::{CloudWatchSection, DatadogSection, HttpSection, InfluxDbSection, NewRelicSection};
use crate::integrations::http::{AllowedHost, block_on};
use crate::rollout::aws::Credentials;
use crate::rollout::plan::{Queries, SourceSection};
use crate::rollout::query::{Query, Target};
use crate::rollout::signal::Prometheus;
use crate::rollout::sources::Source;
use crate::rollout::sources::cloudwatch::CloudWatch;
use crate::rollout::sources::counted::{Api, Counted};
use crate::rollout::sources::datadog::Datadog;
use crate::rollout::sources::document::{Asking, Documents, TIME};
use crate::rollout::sources::influxdb::InfluxDb;
use crate::rollout::sources::new_relic::NewRelic;
use crate::rollout::{AbsentErrors, SlotOrder};
use crate::support::problem::{Failure, Problem};
use crate::support::words::code;

const DATADOG: &str = "https://api.datadoghq.com";
const NERDGRAPH: &str = "https://api.newrelic.com/graphql";

/// Connects, and tells why not.
fn connected<T>(connecting: impl Future<Output = Result<T, Problem>>) -> Result<T, Failure> {
    block_on(connecting).map_err(Failure::unmeasured)?.map_err(Failure::unmeasured)
}

impl Opener<'_> {
    /// None where nothing is watched.
    pub(super) fn source(self) -> Result<Option<Source>, Failure> {
        let (stale, absent) = (self.plan.stale_seconds, self.absent_errors());
        let Some(source) = &self.plan.source else { return Ok(None) };
        let api = match source {
            SourceSection::Prometheus(_) => {
                let Some((host, token)) = self.prometheus()? else { return Ok(None) };
                let connecting = Prometheus::connect(host, token, stale, absent, self.context.is_proxied());
                return Ok(Some(Source::Prometheus(connected(connecting)?)));
            }
            SourceSection::Http(http) => return self.documents(http).map(Some),
            SourceSection::CloudWatch(section) => self.cloudwatch(section)?,
            SourceSection::Datadog(section) => self.datadog(section)?,
            SourceSection::InfluxDb(section) => self.influxdb(section)?,
            SourceSection::NewRelic(section) => self.new_relic(section)?,
        };
        Ok(Some(Source::Counted(Counted::new(api, stale, source.delay_seconds(), absent))))
    }

    fn absent_errors(self) -> AbsentErrors {
        self.plan.section.signals.as_ref().map(|signals| signals.absent_errors).unwrap_or_default()
    }

    /// Prometheus' address and token; which version answers is read there, too.
    pub(super) fn prometheus(self) -> Result<Option<(AllowedHost, Option<String>)>, Failure> {
        let Some(SourceSection::Prometheus(prometheus)) = &self.plan.source else { return Ok(None) };
        let token = self.token(prometheus.token_env.as_ref())?;
        Ok(Some((self.host(&prometheus.url, "the address of Prometheus", "rollout.signals.prometheus.url")?, token)))
    }

    fn documents(self, http: &HttpSection) -> Result<Source, Failure> {
        let mut hosts = Vec::new();
        let (stable, candidate) = self.plan.queries(SlotOrder::Configured);
        for query in [stable, candidate].into_iter().flatten().flat_map(all) {
            let Target::Document { url, .. } = &query.target else { continue };
            let url = url.replace(TIME, "0");
            hosts.push(self.host(&url, "the address of a signal", "rollout.signals.http.url")?);
        }
        let headers = match self.token(http.headers_env.as_ref())? {
            Some(text) => headers(&text, http.headers_env.as_deref().unwrap_or_default())?,
            None => HeaderMap::new(),
        };
        let asking = Asking {
            headers,
            time_header: http.time_header.clone(),
            stale_seconds: self.plan.stale_seconds,
            absent_errors: self.absent_errors(),
            is_proxied: self.context.is_proxied(),
        };
        Ok(Source::Documents(connected(Documents::connect(hosts, asking))?))
    }

    fn cloudwatch(self, section: &CloudWatchSection) -> Result<Api, Failure> {
        let host = aws_host(self, section.url.as_deref(), "monitoring", &section.region)?;
        let credentials = Credentials {
            access_key_id: self.secret(&section.access_key_id_env)?,
            secret_access_key: self.secret(&section.secret_access_key_env)?,
            session_token: self.token(section.session_token_env.as_ref())?,
        };
        let connecting = CloudWatch::connect(host, section.region.clone(), credentials, self.context.is_proxied());
        Ok(Api::CloudWatch(connected(connecting)?))
    }

    fn datadog(self, section: &DatadogSection) -> Result<Api, Failure> {
        let url = section.url.as_deref().unwrap_or(DATADOG);
        let host = self.host(url, "the address of Datadog", "rollout.signals.datadog.url")?;
        let (key, application) = (self.secret(&section.api_key_env)?, self.secret(&section.application_key_env)?);
        Ok(Api::Datadog(connected(Datadog::connect(host, key, application, self.context.is_proxied()))?))
    }

    fn influxdb(self, section: &InfluxDbSection) -> Result<Api, Failure> {
        let host = self.host(&section.url, "the address of InfluxDB", "rollout.signals.influxdb.url")?;
        let token = self.token(section.token_env.as_ref())?;
        let connecting = InfluxDb::connect(host, section.database.clone(), token, self.context.is_proxied());
        Ok(Api::InfluxDb(connected(connecting)?))
    }

    fn new_relic(self, section: &NewRelicSection) -> Result<Api, Failure> {
        let url = section.url.as_deref().unwrap_or(NERDGRAPH);
        let host = self.host(url, "the address of NerdGraph", "rollout.signals.new_relic.url")?;
        let key = self.secret(&section.api_key_env)?;
        Ok(Api::NewRelic(connected(NewRelic::connect(host, section.account_id, key, self.context.is_proxied()))?))
    }

    /// What a variable holds that must be set.
    pub(super) fn secret(self, name: &String) -> Result<String, Failure> {
        Ok(self.token(Some(name))?.unwrap_or_default())
    }
}

/// The address of a service of AWS.
fn aws_host(opener: Opener<'_>, url: Option<&str>, service: &str, region: &str) -> Result<AllowedHost, Failure> {
    is_region(region)?;
    let domain = if region.starts_with("cn-") { "amazonaws.com.cn" } else { "amazonaws.com" };
    let default = format!("https://{service}.{region}.{domain}/");
    opener.host(url.unwrap_or(&default), "the address of CloudWatch", "rollout.signals.cloudwatch.url")
}

/// Whether this can be the name of a region: it becomes part of a host's.
pub(super) fn is_region(region: &str) -> Result<(), Failure> {
    let is_plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    if !region.is_empty() && region.chars().all(is_plain) {
        return Ok(());
    }
    let problem = Problem::new(format!("{} is not a region of AWS", code(region)));
    Err(Failure::usage(problem.hint("write it as `eu-central-1`")))
}

fn all(queries: &Queries) -> impl Iterator<Item = &Query> {
    let counters = [&queries.requests, &queries.errors].into_iter();
    counters.chain(queries.gauges.values()).chain(queries.samples.values()).chain(queries.trial.values())
}

/// Headers, one a line; what they hold is a secret, and not shown.
fn headers(text: &str, variable: &str) -> Result<HeaderMap, Failure> {
    let mut all = HeaderMap::new();
    for line in text.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let parsed = line.split_once(':').and_then(|(name, value)| {
            let mut value = HeaderValue::from_str(value.trim()).ok()?;
            value.set_sensitive(true);
            Some((HeaderName::from_bytes(name.trim().as_bytes()).ok()?, value))
        });
        let Some((name, value)) = parsed else {
            let problem = Problem::new(format!("the variable {} has a line that is not a header", code(variable)));
            return Err(Failure::usage(problem.hint("write headers one a line: `Authorization: Bearer …`")));
        };
        all.insert(name, value);
    }
    Ok(all)
}
