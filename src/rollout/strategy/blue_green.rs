//! Blue-green: look at the idle colour, switch, bake; switch back at once on a breach.

use super::Asked;
use crate::rollout::policy::{Stage, Traffic};

/// How long stable is counted before the switch, to have something to compare with.
const BEFORE: f64 = 60.0;

pub fn stages(asked: &Asked) -> Vec<Stage> {
    let before = asked.bake_seconds.min(BEFORE);
    vec![
        Stage { traffic: Traffic::STABLE, seconds: before, needs_ready: true, approval_seconds: None },
        Stage {
            traffic: Traffic::weight(100),
            seconds: asked.bake_seconds,
            needs_ready: false,
            approval_seconds: None,
        },
    ]
}
