//! What moves the traffic: read, written, read back.

pub mod envoy;
pub mod file;
pub mod haproxy;
pub mod kubernetes;
pub mod nginx;
pub mod sagemaker;
pub mod traefik;
pub mod vertex;
pub mod webhook;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use envoy::Envoy;
use haproxy::Haproxy;
use kubernetes::Kubernetes;
use nginx::Nginx;
use sagemaker::SageMaker;
use traefik::Traefik;
use vertex::Vertex;
use webhook::Webhook;

use super::watch::PRODUCTION;
use super::{SlotOrder, Traffic};
use crate::support::problem::Problem;

/// How long one try may take to move the traffic.
const LONGEST_WRITE: Duration = Duration::from_secs(15);

/// A router, and whether this process moved its traffic.
pub struct Router {
    /// With its slots as configured, and exchanged.
    configured: Target,
    exchanged: Target,
    /// What the slot that is configured as the candidate's was last seen to have.
    last: Mutex<Option<Traffic>>,
    has_moved: AtomicBool,
}

/// One of the routers there are.
pub enum Target {
    Haproxy(Haproxy),
    Envoy(Envoy),
    Webhook(Webhook),
    Kubernetes(Kubernetes),
    Nginx(Nginx),
    Traefik(Traefik),
    SageMaker(SageMaker),
    Vertex(Vertex),
    /// `strategy: registry`: what was promoted is all that there is.
    None,
}

/// What a router says, all of one process.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RouterReading {
    /// What the candidate gets.
    pub traffic: Traffic,
    /// Seconds since its process began, where it tells.
    pub uptime: Option<f64>,
    /// The order of the slots that its weights were written in: those of exchanged slots add up to 200. None where they tell
    /// nothing: they are not mlgate's, or the router takes no such weights.
    pub order: Option<SlotOrder>,
}

impl RouterReading {
    fn of(traffic: Traffic) -> Self {
        Self { traffic, uptime: None, order: None }
    }
}

/// How a router splits traffic between stable and the candidate, in one order of its slots.
#[derive(Clone, Copy)]
pub struct TrafficSplit<'a> {
    router: &'a Router,
    order: SlotOrder,
}

impl Router {
    /// A router that is made for either order.
    ///
    /// # Errors
    /// As of what makes it.
    pub fn new<E>(make: impl Fn(SlotOrder) -> Result<Target, E>) -> Result<Self, E> {
        Ok(Self {
            configured: make(SlotOrder::Configured)?,
            exchanged: make(SlotOrder::Exchanged)?,
            last: Mutex::default(),
            has_moved: AtomicBool::new(false),
        })
    }

    /// Whether there is one; without it what was promoted has all of the traffic, and nothing moves it.
    pub fn exists(&self) -> bool {
        !matches!(self.configured, Target::None)
    }

    /// How long one try may take to move the traffic: what waits until it serves takes longer than that wait.
    pub fn longest_write(&self) -> Duration {
        match self.configured {
            Target::SageMaker(_) => 2 * sagemaker::UNTIL_LIVE,
            Target::Traefik(_) => 2 * traefik::UNTIL_LIVE,
            _ => LONGEST_WRITE,
        }
    }

    /// Whether weights are sent that it has already: to SageMaker each is an update of minutes.
    pub fn tries_same_weights(&self) -> bool {
        !matches!(self.configured, Target::SageMaker(_))
    }

    pub fn split(&self, order: SlotOrder) -> TrafficSplit<'_> {
        TrafficSplit { router: self, order }
    }

    /// Whether its weights tell the order of the slots.
    pub fn tells_order(&self) -> bool {
        matches!(self.configured, Target::Haproxy(_) | Target::Envoy(_))
    }

    /// Whether it was sent other weights than it was last seen to have; those of a router that was not seen are others.
    pub fn has_moved(&self) -> bool {
        self.has_moved.load(Ordering::Relaxed)
    }
}

impl<'a> TrafficSplit<'a> {
    fn target(self) -> &'a Target {
        match self.order {
            SlotOrder::Configured => &self.router.configured,
            SlotOrder::Exchanged => &self.router.exchanged,
        }
    }

    /// In the config's order of slots.
    fn configured(self, traffic: Traffic) -> Traffic {
        let (weight, _) = self.order.of(traffic.weight, 100_u8.saturating_sub(traffic.weight));
        Traffic { weight, ..traffic }
    }

    fn remember(self, traffic: Traffic) {
        let traffic = self.configured(traffic);
        *self.router.last.lock().unwrap_or_else(PoisonError::into_inner) = Some(traffic);
    }

    /// What the candidate gets, as the router itself says.
    ///
    /// # Errors
    /// No answer, or one that says no weights.
    pub async fn read(self) -> Result<Traffic, Problem> {
        Ok(self.observe().await?.traffic)
    }

    /// What the router itself says.
    ///
    /// # Errors
    /// No answer, or one that says no weights.
    pub async fn observe(self) -> Result<RouterReading, Problem> {
        let reading = match self.target() {
            Target::Haproxy(haproxy) => haproxy.observe().await,
            Target::Envoy(envoy) => envoy.observe().await,
            Target::Webhook(webhook) => webhook.read().await.map(RouterReading::of),
            Target::Kubernetes(route) => route.read().await.map(|weight| RouterReading::of(Traffic::weight(weight))),
            Target::Nginx(nginx) => nginx.read().await.map(RouterReading::of),
            Target::Traefik(traefik) => traefik.read().await.map(RouterReading::of),
            Target::SageMaker(endpoint) => endpoint.read().await.map(RouterReading::of),
            Target::Vertex(endpoint) => endpoint.read().await.map(RouterReading::of),
            Target::None => return Ok(RouterReading::of(PRODUCTION)),
        }?;
        self.remember(reading.traffic);
        Ok(reading)
    }

    /// The candidate's weight; none where the router does not say it, or there is none.
    pub async fn weight(self) -> Option<u8> {
        if !self.router.exists() {
            return None;
        }
        self.read().await.ok().map(|traffic| traffic.weight)
    }

    /// Moves the traffic; whether it moved is for who reads it back.
    ///
    /// # Errors
    /// It was refused, or not answered.
    pub async fn write(self, traffic: Traffic) -> Result<(), Problem> {
        if !self.router.exists() {
            return Ok(());
        }
        if *self.router.last.lock().unwrap_or_else(PoisonError::into_inner) != Some(self.configured(traffic)) {
            self.router.has_moved.store(true, Ordering::Relaxed);
        }
        match self.target() {
            Target::Haproxy(haproxy) => haproxy.write(traffic).await,
            Target::Envoy(envoy) => envoy.write(traffic).await,
            Target::Webhook(webhook) => webhook.write(traffic).await,
            Target::Kubernetes(route) => route.write(traffic.weight).await,
            Target::Nginx(nginx) => nginx.write(traffic).await,
            Target::Traefik(traefik) => traefik.write(traffic).await,
            Target::SageMaker(endpoint) => endpoint.write(traffic).await,
            Target::Vertex(endpoint) => endpoint.write(traffic).await,
            Target::None => Ok(()),
        }
    }

    /// Whether the candidate would answer; a router that does not know says yes.
    ///
    /// # Errors
    /// It would not.
    pub async fn ready(self) -> Result<(), Problem> {
        match self.target() {
            Target::Haproxy(haproxy) => haproxy.ready().await,
            Target::Kubernetes(route) => route.ready().await,
            Target::Envoy(_)
            | Target::Webhook(_)
            | Target::Nginx(_)
            | Target::Traefik(_)
            | Target::SageMaker(_)
            | Target::Vertex(_)
            | Target::None => Ok(()),
        }
    }

    /// Whether stable would answer, as [`TrafficSplit::ready`].
    ///
    /// # Errors
    /// It would not.
    pub async fn stable_ready(self) -> Result<(), Problem> {
        match self.target() {
            // Of an InferenceService only the newest revision is known.
            Target::Kubernetes(_) => Ok(()),
            _ => self.router.split(self.order.other()).ready().await,
        }
    }
}

/// What weights of slots that are exchanged are multiplied by, so that the router itself tells it.
pub fn factor(order: SlotOrder) -> u64 {
    match order {
        SlotOrder::Configured => 1,
        SlotOrder::Exchanged => 2,
    }
}

/// The order of slots whose weights these are, where mlgate wrote them.
pub fn order_of(stable: f64, candidate: f64) -> Option<SlotOrder> {
    let is_total = |order: &SlotOrder| stable + candidate == (100 * factor(*order)) as f64;
    [SlotOrder::Configured, SlotOrder::Exchanged].into_iter().find(is_total)
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
