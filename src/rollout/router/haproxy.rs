//! HAProxy's [run-time API](https://docs.haproxy.org/2.6/management.html#9.3): a line of commands, an answer, the end.
#![expect(clippy::disallowed_methods, reason = "edge: speaks to a socket")]

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::{RouterReading, factor, order_of, share};
use crate::config::rollout::Haproxy as Section;
use crate::rollout::{SlotOrder, Traffic};
use crate::support::problem::Problem;
use crate::support::words::{code, cut, one_line};

const PATIENCE: Duration = Duration::from_secs(2);
const LARGEST: u64 = 1_000_000;

/// A backend with two servers.
pub struct Haproxy {
    /// With the server of stable's slot as `stable`.
    pub section: Section,
    pub order: SlotOrder,
}

impl Haproxy {
    /// The weights and the uptime of one process: after a restart the weights are those of its configuration.
    pub(super) async fn observe(&self) -> Result<RouterReading, Problem> {
        let Section { backend, stable, candidate, .. } = &self.section;
        let said =
            self.ask(&format!("get weight {backend}/{stable}; get weight {backend}/{candidate}; show info")).await?;
        let at = said.find("Name: ").unwrap_or(said.len());
        let (weights, info) = said.split_at(at);
        let uptime = info.lines().find_map(|line| line.strip_prefix("Uptime_sec: ")?.trim().parse().ok());
        Ok(RouterReading { uptime, ..self.weights(weights)? })
    }

    /// In one line, so that both happen or neither; the answer's first lines are empty where the weights were taken.
    pub(super) async fn write(&self, traffic: Traffic) -> Result<(), Problem> {
        let Section { backend, stable, candidate, .. } = &self.section;
        let factor = factor(self.order);
        let (own, other) = (factor * u64::from(traffic.weight), factor * u64::from(100 - traffic.weight));
        let said = self
            .ask(&format!(
                "set server {backend}/{stable} weight {other}; set server {backend}/{candidate} weight {own}; get weight \
                 {backend}/{stable}; get weight {backend}/{candidate}"
            ))
            .await?;
        self.weights(&said).map(drop)
    }

    /// By the server's own health check.
    pub(super) async fn ready(&self) -> Result<(), Problem> {
        let Section { backend, candidate, .. } = &self.section;
        let said = self.ask(&format!("show servers state {backend}")).await?;
        let mut lines = said.lines();
        let head: Vec<&str> = lines
            .find(|line| line.starts_with("# "))
            .map(|line| line[2..].split_whitespace().collect())
            .unwrap_or_default();
        let place = |name: &str| head.iter().position(|own| *own == name);
        let columns = place("srv_name").zip(place("srv_op_state"));
        let state = columns.and_then(|(name, state)| {
            let rows = lines.map(|line| line.split_whitespace().collect::<Vec<_>>());
            rows.into_iter()
                .find(|row| row.get(name) == Some(&candidate.as_str()))?
                .get(state)
                .map(|state| (*state).to_owned())
        });
        match state.as_deref() {
            // SRV_ST_RUNNING
            Some("2") => Ok(()),
            Some(_) => Err(Problem::new(format!("HAProxy's health check says that {} is down", code(candidate)))),
            None => Err(self.wrong(&said)),
        }
    }

    /// Two lines such as `25 (initial 0)`.
    fn weights(&self, said: &str) -> Result<RouterReading, Problem> {
        let lines: Vec<&str> = said.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
        let weight = |line: &str| {
            let (weight, initial) = line.split_once(" (initial ")?;
            let initial = initial.trim_end_matches(')').parse::<f64>().ok();
            let weight = weight.parse::<f64>().ok()?;
            Some((weight, initial == Some(weight)))
        };
        match lines.as_slice() {
            [stable, candidate] => match (weight(stable), weight(candidate)) {
                (Some((stable, is_first)), Some((candidate, is_second))) => {
                    let traffic = share(stable, candidate).map(Traffic::weight)?;
                    // Those of its own file were written by nobody.
                    let order = order_of(stable, candidate).filter(|_| !(is_first && is_second));
                    Ok(RouterReading { traffic, uptime: None, order })
                }
                _ => Err(self.wrong(said)),
            },
            _ => Err(self.wrong(said)),
        }
    }

    fn wrong(&self, said: &str) -> Problem {
        let Section { backend, stable, candidate, .. } = &self.section;
        let said = cut(&one_line(said.trim()), 200);
        Problem::new(format!("HAProxy at {} answers {}", code(&self.section.address), code(&said))).hint(format!(
            "has its backend {} the servers {} and {}, and an algorithm of weights such as `roundrobin`?",
            code(backend),
            code(stable),
            code(candidate)
        ))
    }

    async fn ask(&self, commands: &str) -> Result<String, Problem> {
        let address = &self.section.address;
        let failed = |why: String| {
            Problem::new(format!("HAProxy at {} does not answer: {why}", code(address)))
                .hint("its config needs `stats socket ipv4@127.0.0.1:9999 level admin`")
        };
        let asked = async {
            let found: Vec<std::net::SocketAddr> = tokio::net::lookup_host(address).await?.collect();
            let host = address.rsplit_once(':').map_or(address.as_str(), |(host, _)| host);
            if let Some(why) = crate::integrations::http::refusal(host, &found) {
                return Err(std::io::Error::other(format!("it {why}")));
            }
            let mut stream = TcpStream::connect(found.as_slice()).await?;
            stream.write_all(format!("{commands}\n").as_bytes()).await?;
            let mut said = Vec::new();
            stream.take(LARGEST).read_to_end(&mut said).await?;
            Ok::<_, std::io::Error>(String::from_utf8_lossy(&said).into_owned())
        };
        match tokio::time::timeout(PATIENCE, asked).await {
            Ok(Ok(said)) => Ok(said),
            Ok(Err(error)) => Err(failed(error.to_string())),
            Err(_) => Err(failed("no answer in 2 s".into())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(said: &str) -> Result<(u8, Option<SlotOrder>), String> {
        let section = Section {
            address: "127.0.0.1:1".into(),
            backend: "models".into(),
            stable: "stable".into(),
            candidate: "candidate".into(),
        };
        let read = Haproxy { section, order: SlotOrder::Configured }.weights(said);
        read.map(|reading| (reading.traffic.weight, reading.order)).map_err(|problem| problem.message)
    }

    #[test]
    fn weights_are_two_lines_and_all_else_is_an_error() {
        assert_eq!(read("95 (initial 100)\n\n5 (initial 0)\n\n"), Ok((5, Some(SlotOrder::Configured))));
        assert_eq!(read("\n\n0 (initial 100)\n100 (initial 0)\n"), Ok((100, Some(SlotOrder::Configured))));
        assert_eq!(read("190 (initial 0)\n\n10 (initial 100)\n"), Ok((5, Some(SlotOrder::Exchanged))));
        // Of its own file, or an operator's.
        assert_eq!(read("100 (initial 100)\n100 (initial 100)\n"), Ok((50, None)));
        assert_eq!(read("3 (initial 100)\n1 (initial 0)\n"), Ok((25, None)));
        assert!(read("No such server.\n").unwrap_err().contains("`No such server.`"));
        assert!(read("95 (initial 100)\n").is_err());
        assert!(read("0 (initial 100)\n0 (initial 0)").is_err());
    }
}
