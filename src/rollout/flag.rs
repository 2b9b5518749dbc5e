//! A feature flag as a lever: what a rollback turns off, and how one sees that it is off.

pub mod flagd;
pub mod unleash;

use crate::support::problem::Problem;

pub use flagd::Flagd;
pub use unleash::Unleash;

/// One of the flags there are.
#[derive(Clone)]
pub enum Flag {
    Unleash(Unleash),
    Flagd(Flagd),
}

impl Flag {
    /// Turns the candidate's flag off; what was done, as it was read back.
    ///
    /// # Errors
    /// It was refused, or did not stay.
    pub async fn roll_back(&self) -> Result<String, Problem> {
        match self {
            Self::Unleash(unleash) => unleash.turn_off().await,
            Self::Flagd(flagd) => flagd.replace(),
        }
    }

    /// What the flag is now, as [`Flag::turn_back`] takes it; none where it is off already.
    ///
    /// # Errors
    /// No answer, or there is no such flag.
    pub async fn state(&self) -> Result<Option<String>, Problem> {
        match self {
            Self::Unleash(unleash) => Ok(unleash.is_on().await?.then(|| ON.to_owned())),
            Self::Flagd(flagd) => flagd.default_variant().map(|own| Some(own).filter(|own| *own != flagd.variant)),
        }
    }

    /// Makes the flag what it was; what was done, as it was read back.
    ///
    /// # Errors
    /// It was refused, or did not stay.
    pub async fn turn_back(&self, before: &str) -> Result<String, Problem> {
        match self {
            Self::Unleash(unleash) => unleash.turn_on().await,
            Self::Flagd(flagd) => flagd.set(before),
        }
    }
}

/// The state of a flag that is on or off.
const ON: &str = "on";
