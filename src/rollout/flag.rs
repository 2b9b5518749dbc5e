//! A feature flag as a lever: what a rollback turns off, and how one sees that it is off.

pub mod flagd;
pub mod unleash;

use crate::problem::Problem;

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
}
