//! Shadow: the candidate gets copies, some at first and then more, and its answers never reach a user.

use super::Asked;
use crate::rollout::policy::{Stage, Traffic};

pub fn stages(asked: &Asked) -> Vec<Stage> {
    let stage = |mirror: &u8| Stage {
        traffic: Traffic { weight: 0, mirror: *mirror },
        seconds: asked.step_seconds,
        needs_ready: false,
        approval_seconds: None,
    };
    asked.steps.iter().map(stage).collect()
}
