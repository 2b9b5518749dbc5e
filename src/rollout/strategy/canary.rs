//! Canary: a little of the traffic, then more; all of it is watched for a step too.

use super::Asked;
use crate::rollout::policy::{Stage, Traffic};

pub fn stages(asked: &Asked) -> Vec<Stage> {
    let mut steps = asked.steps.clone();
    if steps.last() != Some(&100) {
        steps.push(100);
    }
    let stage = |weight| Stage {
        traffic: Traffic::weight(weight),
        seconds: asked.step_seconds,
        needs_ready: false,
        approval_seconds: None,
    };
    steps.into_iter().map(stage).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_of_the_traffic_is_a_step_too() {
        let asked = Asked { steps: vec![10, 50], step_seconds: 5.0, bake_seconds: 5.0, share: 50 };
        let weights: Vec<u8> = stages(&asked).iter().map(|stage| stage.traffic.weight).collect();
        assert_eq!(weights, [10, 50, 100]);
    }
}
