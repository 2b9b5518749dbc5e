//! What takes a model back, and what makes it production: each is set, read back, tried again, and named.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use serde::Serialize;

use super::Traffic;
use super::flag::Flag;
use super::journal::Entry;
use super::registry::Registry;
use super::router::Router;
use super::watch::PRODUCTION;
use crate::problem::{Exit, Failure, Problem};

pub const PROMOTION: &str = "promotion";
pub const TRAFFIC: &str = "traffic";
pub const REGISTRY: &str = "registry";
pub const FLAG: &str = "flag";

const TRIES: u32 = 2;
const PAUSE: Duration = Duration::from_millis(300);
/// How long one try may take to move the traffic; requests to registry and flag have limits of their own, each.
const LONGEST_TRY: Duration = Duration::from_secs(15);

/// Everything that can be moved.
pub struct Levers {
    /// None where the strategy is `registry`: whoever loads the model by its alias gets what the alias means.
    pub router: Option<Router>,
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
        self.router.as_ref().is_some_and(Router::has_moved)
            || registry.is_some_and(|registry| registry.has_moved.load(Ordering::Relaxed))
    }

    /// What the candidate gets, and how long the router's process has been running. Without a router what was promoted is all
    /// that there is.
    ///
    /// # Errors
    /// As [`Router::observe`].
    pub async fn observe(&self) -> Result<(Traffic, Option<f64>), Problem> {
        match &self.router {
            Some(router) => router.observe().await,
            None => Ok((PRODUCTION, None)),
        }
    }

    /// As [`Levers::observe`], the traffic alone.
    ///
    /// # Errors
    /// As [`Router::read`].
    pub async fn read(&self) -> Result<Traffic, Problem> {
        match &self.router {
            Some(router) => router.read().await,
            None => Ok(PRODUCTION),
        }
    }

    /// Moves the traffic, where there is a router.
    ///
    /// # Errors
    /// As [`Router::write`].
    pub async fn write(&self, traffic: Traffic) -> Result<(), Problem> {
        match &self.router {
            Some(router) => router.write(traffic).await,
            None => Ok(()),
        }
    }

    /// Whether the candidate would answer, as far as a router knows.
    ///
    /// # Errors
    /// It would not.
    pub async fn ready(&self) -> Result<(), Problem> {
        match &self.router {
            Some(router) => router.ready().await,
            None => Ok(()),
        }
    }

    /// The candidate's weight, where a router says it.
    pub async fn weight(&self) -> Option<u8> {
        self.router.as_ref()?.read().await.ok().map(|traffic| traffic.weight)
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
            _ => {
                self.router.as_ref()?;
                self.restore_traffic().await
            }
        })
    }

    /// Gives stable all of the traffic, and nothing else.
    pub async fn restore_traffic(&self) -> Pulled {
        let once = async || {
            self.write(Traffic::STABLE).await?;
            match self.read().await? {
                Traffic::STABLE => Ok("stable has all of it".to_owned()),
                other => Err(Problem::new(format!(
                    "the router still gives the candidate {} %",
                    other.weight.max(other.mirror)
                ))),
            }
        };
        pull(TRAFFIC, async || {
            let late = || Problem::new(format!("the router takes over {} s", LONGEST_TRY.as_secs()));
            let done = tokio::time::timeout(LONGEST_TRY, once()).await;
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
