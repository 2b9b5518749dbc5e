//! NGINX, by [`split_clients`](https://nginx.org/en/docs/http/ngx_http_split_clients_module.html) in a file that it includes.
//!
//! NGINX has no run-time API. The file also holds its own weights, as a variable that NGINX answers at an address of the user's:
//! what is read there is what the workers that answer have loaded. A file that NGINX refuses is never live, and that is seen.
#![expect(clippy::disallowed_methods, reason = "edge: measures how long a reload takes")]

use std::path::PathBuf;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use super::file::{self, RouterFile};
use super::share;
use crate::config::rollout::Nginx as Section;
use crate::integrations::http::{self, AllowedHost, Patience, body, in_words};
use crate::rollout::Traffic;
use crate::support::problem::Problem;
use crate::support::words::{code, cut, one_line};

const PATIENCE: Patience = Patience { timeout: Duration::from_secs(3), tries: 1 };
const LARGEST: usize = 10_000;
/// How long new workers may take to be there.
const UNTIL_LIVE: Duration = Duration::from_secs(10);
/// Answers in a row, each by a connection of its own, that say that no old worker takes connections any more.
const IN_A_ROW: u32 = 3;
const KEY: &str = "$request_id";

/// An NGINX and the file that it includes.
pub struct Nginx {
    pub file: RouterFile,
    pub pid_file: PathBuf,
    pub status: AllowedHost,
    pub section: Section,
}

impl Nginx {
    /// What is live, not what was written.
    pub(super) async fn read(&self) -> Result<Traffic, Problem> {
        // A connection that is kept belongs to one worker.
        let client = http::client(&self.status, false, PATIENCE, false).await?;
        let request = client.get(self.status.url().clone()).header("connection", "close");
        let response = request.send().await;
        let response = response.map_err(|error| self.about(&format!("gives no answer: {}", in_words(error))))?;
        let status = response.status();
        if !status.is_success() {
            let hint = "write the file once, include it in the `http` block, and answer `$mlgate_weights` there: docs/rollout-routers.md";
            return Err(self.about(&format!("answers {}", status.as_u16())).hint(hint));
        }
        let text = body::read(response, LARGEST).await.map_err(|error| self.about(&error.said()))?;
        let weights = body::json(&text).unwrap_or_default();
        self.weights(&weights).ok_or_else(|| {
            let said = cut(&one_line(&String::from_utf8_lossy(&text)), 100);
            let (stable, candidate) = (&self.section.stable, &self.section.candidate);
            self.about(&format!("answers {}", code(&said))).hint(format!(
                "it answers `$mlgate_weights`: the shares of {} and {}",
                code(stable),
                code(candidate)
            ))
        })
    }

    fn weights(&self, said: &Value) -> Option<Traffic> {
        let weight = |name: &str| said.get(name)?.as_f64();
        let weights = (weight(&self.section.stable)?, weight(&self.section.candidate)?);
        share(weights.0, weights.1).ok().map(Traffic::weight)
    }

    /// Replaces the file, reloads, and waits until new workers answer.
    pub(super) async fn write(&self, traffic: Traffic) -> Result<(), Problem> {
        self.file.replace(&self.text(traffic))?;
        self.reload()?;
        let start = Instant::now();
        let mut in_a_row = 0;
        loop {
            let live = self.read().await?;
            in_a_row = if live == traffic { in_a_row + 1 } else { 0 };
            if in_a_row >= IN_A_ROW {
                return Ok(());
            }
            if start.elapsed() > UNTIL_LIVE {
                let why = format!("was written, and NGINX still sends {} % to the candidate", live.weight);
                return Err(self.file.failed(&why).hint("does `nginx -t` take it, and what does its error log say?"));
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    /// Sends SIGHUP to NGINX's first process, if it is one.
    fn reload(&self) -> Result<(), Problem> {
        let shown = code(&self.section.pid_file);
        let hint = "set `pid_file` to what NGINX's `pid` says, and let mlgate run as the user who may signal it";
        let failed = |why: &str| Problem::new(format!("NGINX was not reloaded: {why}")).hint(hint);
        let text =
            file::read(&self.pid_file).map_err(|error| failed(&format!("{shown} could not be read: {error}")))?;
        let number = text.trim().parse::<i32>().ok().filter(|number| *number > 0);
        let pid = number.and_then(Pid::from_raw);
        let (Some(number), Some(pid)) = (number, pid) else {
            return Err(failed(&format!("{shown} holds no process id")));
        };
        // The file may be of a process that is gone, and its number another's.
        let name = file::read(std::path::Path::new(&format!("/proc/{number}/comm"))).unwrap_or_default();
        if name.trim() != "nginx" {
            return Err(failed(&format!("process {number} of {shown} is not NGINX")));
        }
        kill_process(pid, Signal::HUP).map_err(|error| failed(&format!("process {number}: {error}")))
    }

    /// The file with these weights.
    fn text(&self, traffic: Traffic) -> String {
        let Section { stable, candidate, key, tester_header, .. } = &self.section;
        let key = key.as_deref().unwrap_or(KEY);
        let split = match traffic.weight {
            0 => format!("    * \"{stable}\";\n"),
            100 => format!("    * \"{candidate}\";\n"),
            weight => format!("    {weight}% \"{candidate}\";\n    * \"{stable}\";\n"),
        };
        let (source, testers) = match tester_header {
            Some(header) => (
                format!("$http_{}", header.to_lowercase().replace('-', "_")),
                format!("    always \"{candidate}\";\n    never \"{stable}\";\n"),
            ),
            None => ("$host".to_owned(), String::new()),
        };
        let weights = format!("{{\"{stable}\":{},\"{candidate}\":{}}}", 100 - traffic.weight, traffic.weight);
        format!(
            "# Written by mlgate; included in the http block.\nsplit_clients \"{key}\" $mlgate_split {{\n{split}}}\n\
             map {source} $mlgate_variant {{\n    default $mlgate_split;\n{testers}}}\n\
             map $host $mlgate_weights {{\n    default '{weights}';\n}}\n"
        )
    }

    fn about(&self, what: &str) -> Problem {
        Problem::new(format!("NGINX's status {} {what}", code(&http::shown(self.status.url()))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nginx(tester_header: Option<&str>) -> Nginx {
        let section = Section {
            file: "split.conf".into(),
            pid_file: "nginx.pid".into(),
            status: "http://127.0.0.1:1".into(),
            stable: "risk-v7".into(),
            candidate: "risk-v8".into(),
            key: Some("$http_x_user_id".into()),
            tester_header: tester_header.map(ToOwned::to_owned),
        };
        Nginx {
            file: RouterFile { path: "split.conf".into(), shown: "split.conf".into() },
            pid_file: "nginx.pid".into(),
            status: AllowedHost::by_input(http::address("http://127.0.0.1:1", "the status").unwrap()),
            section,
        }
    }

    #[test]
    fn the_file_splits_and_tells_its_weights() {
        let check = |weight: u8, split: &str| {
            let text = nginx(None).text(Traffic::weight(weight));
            assert!(text.contains(split), "{text}");
            let weights = text.split_once("default '").unwrap().1.split_once('\'').unwrap().0;
            let weights: Value = serde_json::from_str(weights).unwrap();
            assert_eq!(nginx(None).weights(&weights), Some(Traffic::weight(weight)));
        };
        check(25, "split_clients \"$http_x_user_id\" $mlgate_split {\n    25% \"risk-v8\";\n    * \"risk-v7\";\n}");
        // NGINX refuses 0 %.
        check(0, "{\n    * \"risk-v7\";\n}");
        check(100, "{\n    * \"risk-v8\";\n}");
        let text = nginx(Some("X-Canary")).text(Traffic::STABLE);
        assert!(
            text.contains("map $http_x_canary $mlgate_variant {") && text.contains("always \"risk-v8\";"),
            "{text}"
        );
    }

    #[test]
    fn weights_are_of_both_and_all_else_is_none() {
        let check = |said: &str| nginx(None).weights(&serde_json::from_str(said).unwrap());
        assert_eq!(check(r#"{"risk-v7":95,"risk-v8":5}"#), Some(Traffic::weight(5)));
        assert_eq!(check(r#"{"risk-v7":95}"#), None);
        assert_eq!(check(r#"{"risk-v7":"95","risk-v8":5}"#), None);
        assert_eq!(check(r#"{"risk-v7":0,"risk-v8":0}"#), None);
        assert_eq!(check("[]"), None);
    }
}
