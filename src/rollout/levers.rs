//! What takes a model back, and what makes it production: each is set, read back, tried again, and named.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use serde::Serialize;

use super::flag::Flag;
use super::journal::Entry;
use super::registry::Registry;
use super::router::Router;
use super::watch::PRODUCTION;
use super::{SlotOrder, Traffic};
use crate::support::problem::{Exit, Failure, Problem};

pub const PROMOTION: &str = "promotion";
pub const TRAFFIC: &str = "traffic";
pub const REGISTRY: &str = "registry";
pub const FLAG: &str = "flag";

/// Why the first model keeps its traffic.
pub const NO_EARLIER: &str = "there is no earlier model to restore: the candidate keeps its traffic";

const TRIES: u32 = 2;
const PAUSE: Duration = Duration::from_millis(300);

/// Everything that can be moved.
pub struct Levers {
    pub router: Router,
    pub registry: Option<Arc<Registry>>,
    pub flag: Option<Flag>,
    /// What could not be opened, where stable is restored without it.
    pub unopened: Vec<Pulled>,
}

/// What became of a lever.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Pulled {
    pub lever: &'static str,
    pub is_done: bool,
    pub said: String,
    /// Whether another try would come to the same.
    #[serde(skip)]
    pub is_final: bool,
}

impl Pulled {
    pub fn done(lever: &'static str, said: String) -> Self {
        Self { lever, is_done: true, said, is_final: true }
    }

    pub fn failed(lever: &'static str, failure: &Failure) -> Self {
        let said = failure.problems.first().map(|problem| problem.message.clone()).unwrap_or_default();
        Self { lever, is_done: false, said, is_final: failure.exit == Exit::Usage }
    }

    pub fn may_be_retried(&self) -> bool {
        !self.is_done && !self.is_final
    }
}

impl Levers {
    /// Whether this process moved traffic or an alias.
    pub fn has_moved(&self) -> bool {
        let registry = self.registry.as_ref();
        self.router.has_moved() || registry.is_some_and(|registry| registry.has_moved.load(Ordering::Relaxed))
    }

    /// Restores one of them; none where it is not configured.
    pub async fn restore(&self, lever: &'static str, entry: &Entry) -> Option<Pulled> {
        Some(match lever {
            REGISTRY => {
                let registry = self.registry.as_ref()?;
                pull(lever, async || registry.restore(entry).await).await
            }
            FLAG => {
                let flag = self.flag.as_ref()?;
                pull(lever, async || flag.roll_back().await.map_err(Failure::unmeasured)).await
            }
            _ if !self.router.exists() => return None,
            _ if entry.is_first && entry.previous_version.is_none() => self.restore_first(entry.order).await,
            _ => self.restore_traffic(entry.order).await,
        })
    }

    /// Says what becomes of the traffic of the first model: there is no other to give it to.
    async fn restore_first(&self, order: SlotOrder) -> Pulled {
        match self.router.split(order).read().await {
            Ok(Traffic::STABLE) => Pulled::done(TRAFFIC, "the candidate has none of it".to_owned()),
            Ok(PRODUCTION) => Pulled::failed(TRAFFIC, &Failure::usage(Problem::new(NO_EARLIER))),
            // A first model has all of the traffic or none: of a split something else is stable.
            Ok(_) => self.restore_traffic(order).await,
            Err(problem) => Pulled::failed(TRAFFIC, &Failure::unmeasured(problem)),
        }
    }

    /// Gives stable all of the traffic, and nothing else.
    pub async fn restore_traffic(&self, order: SlotOrder) -> Pulled {
        let split = self.router.split(order);
        let once = async || {
            split.write(Traffic::STABLE).await?;
            match split.read().await? {
                Traffic::STABLE => Ok("stable has all of it".to_owned()),
                other => Err(Problem::new(format!(
                    "the router still gives the candidate {} %",
                    other.weight.max(other.mirror)
                ))),
            }
        };
        pull(TRAFFIC, async || {
            let longest = self.router.longest_write();
            let late = || Problem::new(format!("the router takes over {} s", longest.as_secs()));
            let done = tokio::time::timeout(longest, once()).await;
            done.unwrap_or_else(|_| Err(late())).map_err(Failure::unmeasured)
        })
        .await
    }

    /// Makes the candidate the version in production, and then turns the flag back on that a rollback turned off.
    ///
    /// # Errors
    /// Usage: it may not be. Unmeasured: the registry does not answer.
    pub async fn promote(&self, entry: &Entry) -> Result<Vec<Pulled>, Failure> {
        let mut all = Vec::new();
        if let Some(registry) = &self.registry {
            all.push(Pulled::done(PROMOTION, registry.promote(entry).await?));
        }
        if let (Some(flag), Some(before), true) = (&self.flag, &entry.flag.before, entry.flag.is_off) {
            all.push(pull(FLAG, async || flag.turn_back(before).await.map_err(Failure::unmeasured)).await);
        }
        Ok(all)
    }
}

/// Pulls until it is seen to have moved, a few times.
async fn pull(lever: &'static str, mut once: impl AsyncFnMut() -> Result<String, Failure>) -> Pulled {
    let mut tried = 1;
    loop {
        match once().await {
            Ok(said) => return Pulled::done(lever, said),
            Err(failure) if tried >= TRIES || failure.exit == Exit::Usage => return Pulled::failed(lever, &failure),
            Err(_) => tried += 1,
        }
        tokio::time::sleep(PAUSE).await;
    }
}
