//! Shadow: the candidate gets copies, and its answers never reach a user.

use super::Asked;
use crate::rollout::policy::{Stage, Traffic};

pub fn stages(asked: &Asked) -> Vec<Stage> {
    vec![Stage {
        traffic: Traffic { weight: 0, mirror: 100 },
        seconds: asked.step_seconds,
        needs_ready: false,
        approval_seconds: None,
    }]
}
