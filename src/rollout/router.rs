//! What moves the traffic: read, written, read back.

pub mod envoy;
pub mod haproxy;
pub mod kubernetes;
pub mod webhook;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

use envoy::Envoy;
use haproxy::Haproxy;
use kubernetes::Kubernetes;
use webhook::Webhook;

use super::Traffic;
use crate::problem::Problem;

/// A router, and whether this process moved its traffic.
pub struct Router {
    target: Target,
    /// What it was last seen to have.
    last: Mutex<Option<Traffic>>,
    has_moved: AtomicBool,
}

/// One of the routers there are.
pub enum Target {
    Haproxy(Haproxy),
    Envoy(Envoy),
    Webhook(Webhook),
    Kubernetes(Kubernetes),
}

impl Router {
    pub fn new(target: Target) -> Self {
        Self { target, last: Mutex::default(), has_moved: AtomicBool::new(false) }
    }

    /// Whether it was sent other weights than it was last seen to have; those of a router that was not seen are others.
    pub fn has_moved(&self) -> bool {
        self.has_moved.load(Ordering::Relaxed)
    }

    fn remember(&self, traffic: Traffic) {
        *self.last.lock().unwrap_or_else(PoisonError::into_inner) = Some(traffic);
    }

    /// What the candidate gets, and how long the router's process has been running, where it tells: both of one process.
    ///
    /// # Errors
    /// No answer, or one that says no weights.
    pub async fn observe(&self) -> Result<(Traffic, Option<f64>), Problem> {
        let Target::Haproxy(haproxy) = &self.target else { return Ok((self.read().await?, None)) };
        let observed = haproxy.observe().await?;
        self.remember(observed.0);
        Ok(observed)
    }

    /// What the candidate gets, as the router itself says.
    ///
    /// # Errors
    /// No answer, or one that says no weights.
    pub async fn read(&self) -> Result<Traffic, Problem> {
        let traffic = match &self.target {
            Target::Haproxy(haproxy) => haproxy.read().await,
            Target::Envoy(envoy) => envoy.read().await,
            Target::Webhook(webhook) => webhook.read().await,
            Target::Kubernetes(route) => route.read().await.map(Traffic::weight),
        }?;
        self.remember(traffic);
        Ok(traffic)
    }

    /// BehaviorResult the traffic; whether it moved is for who reads it back.
    ///
    /// # Errors
    /// It was refused, or not answered.
    pub async fn write(&self, traffic: Traffic) -> Result<(), Problem> {
        if *self.last.lock().unwrap_or_else(PoisonError::into_inner) != Some(traffic) {
            self.has_moved.store(true, Ordering::Relaxed);
        }
        match &self.target {
            Target::Haproxy(haproxy) => haproxy.write(traffic).await,
            Target::Envoy(envoy) => envoy.write(traffic).await,
            Target::Webhook(webhook) => webhook.write(traffic).await,
            Target::Kubernetes(route) => route.write(traffic.weight).await,
        }
    }

    /// Whether the candidate would answer; a router that does not know says yes.
    ///
    /// # Errors
    /// It would not.
    pub async fn ready(&self) -> Result<(), Problem> {
        match &self.target {
            Target::Haproxy(haproxy) => haproxy.ready().await,
            Target::Kubernetes(route) => route.ready().await,
            Target::Envoy(_) | Target::Webhook(_) => Ok(()),
        }
    }
}

/// The candidate's share of two weights, in whole percent.
///
/// # Errors
/// Neither has any.
pub fn share(stable: f64, candidate: f64) -> Result<u8, Problem> {
    let all = stable + candidate;
    if !(all > 0.0 && stable >= 0.0 && candidate >= 0.0) {
        return Err(Problem::new(format!("weights of {stable} and {candidate} send nothing anywhere")));
    }
    let percent = 100.0 * candidate / all;
    // Neither a little nor nearly all is nothing, or all.
    Ok(match percent.round() {
        0.0 if candidate > 0.0 => 1,
        100.0 if stable > 0.0 => 99,
        rounded => rounded as u8,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_little_is_not_nothing() {
        let check = |stable: f64, candidate: f64| share(stable, candidate).map_err(|_| ());
        assert_eq!(check(95.0, 5.0), Ok(5));
        assert_eq!(check(1000.0, 1.0), Ok(1));
        assert_eq!(check(1.0, 1000.0), Ok(99));
        assert_eq!(check(0.0, 1.0), Ok(100));
        assert_eq!(check(0.0, 0.0), Err(()));
        assert_eq!(check(-1.0, 2.0), Err(()));
    }
}
