//! What takes a model back, and what makes it production: each lever is pulled, read back, tried again, and named.

use std::time::Duration;

use serde::Serialize;

use super::Traffic;
use super::flag::Flag;
use super::journal::Entry;
use super::registry::Registry;
use super::router::Router;
use crate::problem::Problem;

pub const PROMOTION: &str = "promotion";
const TRIES: u32 = 3;
const PAUSE: Duration = Duration::from_millis(300);
/// A cancelled job has seven seconds.
const PATIENCE: Duration = Duration::from_secs(4);

/// Everything that can be moved.
pub struct Levers {
    pub router: Router,
    pub registry: Option<Registry>,
    pub flag: Option<Flag>,
}

/// What became of a lever.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Pulled {
    pub lever: &'static str,
    pub is_done: bool,
    pub said: String,
}

impl Levers {
    /// Gives stable everything back: all levers at once, and none waits for another.
    pub async fn restore(&self, entry: &Entry) -> Vec<Pulled> {
        let registry = async {
            let registry = self.registry.as_ref()?;
            Some(pull("registry", async || registry.restore(entry).await).await)
        };
        let flag = async {
            let flag = self.flag.as_ref()?;
            Some(pull("flag", async || flag.roll_back().await).await)
        };
        let (traffic, registry, flag) = tokio::join!(self.restore_traffic(), registry, flag);
        [Some(traffic), registry, flag].into_iter().flatten().collect()
    }

    /// Gives stable all of the traffic, and nothing else.
    pub async fn restore_traffic(&self) -> Pulled {
        pull("traffic", async || {
            self.router.write(Traffic::STABLE).await?;
            match self.router.read().await? {
                Traffic::STABLE => Ok("stable has all of it".to_owned()),
                other => Err(Problem::new(format!(
                    "the router still gives the candidate {} %",
                    other.weight.max(other.mirror)
                ))),
            }
        })
        .await
    }

    /// Confirms before a promotion that the registry's version is what was judged; what speaks against it otherwise.
    pub async fn refusal(&self, entry: &Entry) -> Option<Pulled> {
        let failure = self.registry.as_ref()?.confirm(entry).await.err()?;
        let said = failure.problems.first().map(|problem| problem.message.clone()).unwrap_or_default();
        Some(Pulled { lever: PROMOTION, is_done: false, said })
    }

    /// Makes the candidate the version in production.
    pub async fn promote(&self, entry: &Entry) -> Vec<Pulled> {
        let Some(registry) = &self.registry else { return Vec::new() };
        vec![pull(PROMOTION, async || registry.promote(entry).await).await]
    }
}

/// Pulls until it is seen to have moved, a few times.
async fn pull(lever: &'static str, mut once: impl AsyncFnMut() -> Result<String, Problem>) -> Pulled {
    let mut said = String::new();
    let all = async {
        for tried in 1..=TRIES {
            match once().await {
                Ok(done) => return Some(done),
                Err(problem) => said = problem.message,
            }
            if tried < TRIES {
                tokio::time::sleep(PAUSE).await;
            }
        }
        None
    };
    match tokio::time::timeout(PATIENCE, all).await {
        Ok(Some(done)) => Pulled { lever, is_done: true, said: done },
        Ok(None) => Pulled { lever, is_done: false, said },
        Err(_) => Pulled { lever, is_done: false, said: format!("no answer in {} s", PATIENCE.as_secs()) },
    }
}
