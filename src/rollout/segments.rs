//! Segments of the traffic, by the values of a label: each is held to the limits on errors, with a part of their alpha.
//!
//! A model that fails in one region of twenty fails little on the whole. Of k segments each is tested with a k-th of the alpha
//! that all have together (Bonferroni; Holm's procedure begins with the same step, and one breach is enough here). A segment
//! of too few requests is not judged, and that is said.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::evidence::{self, ErrorCounts, Judged};
use super::policy::Policy;
use super::seen::ArmSeen;
use super::state::{Counts, State, Stratum};
use crate::support::words::{code, count};

/// Segments at most.
pub const MOST: usize = 50;
/// Those that are named as too small.
const SHOWN: usize = 5;

/// Requests and errors by segment, as the counters stand.
pub type Raws = BTreeMap<String, [f64; 2]>;

/// What is remembered of one segment.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct SegmentState {
    pub current: Stratum,
    pub earlier: Vec<Stratum>,
    /// Counters at the last evaluation; none where the next one begins to count.
    stable: Option<[f64; 2]>,
    candidate: Option<[f64; 2]>,
}

impl SegmentState {
    /// Begins to count anew.
    pub fn forget(&mut self) {
        (self.stable, self.candidate) = (None, None);
    }

    /// Begins the next step.
    pub fn next_step(&mut self) {
        self.earlier.push(std::mem::take(&mut self.current));
        self.forget();
    }

    fn requests(&self) -> Counts {
        self.earlier.iter().fold(self.current.candidate, |all, stratum| all.plus(stratum.candidate))
    }
}

/// Adds what came since the last evaluation, and judges each segment.
pub fn judge(policy: &Policy, state: &mut State, seen: (&ArmSeen, &ArmSeen), weight: u8) -> Judged {
    let Some(label) = &policy.limits.by else { return Judged::Within };
    let (stable, candidate) = match (&seen.0.segments, &seen.1.segments) {
        // At 100 % stable answers nobody, and its series may go.
        (Err(_), Ok(candidate)) if weight == 100 => (&Raws::new(), candidate),
        (Ok(stable), Ok(candidate)) => (stable, candidate),
        (Err(why), _) => return Judged::Open(format!("stable by {}: {why}", code(label))),
        (_, Err(why)) => return Judged::Open(format!("candidate by {}: {why}", code(label))),
    };
    for name in stable.keys().chain(candidate.keys()) {
        if state.segments.len() < MOST || state.segments.contains_key(name) {
            state.segments.entry(name.clone()).or_default();
        } else {
            return Judged::Open(format!("{} has had over {MOST} values", code(label)));
        }
    }
    let alpha = policy.alpha() / state.segments.len().max(1) as f64;
    let mut all = Judged::Within;
    for (name, segment) in &mut state.segments {
        add(&mut segment.current.candidate, &mut segment.candidate, candidate.get(name));
        // At 100 % stable is what it was before.
        if weight < 100 {
            add(&mut segment.current.stable, &mut segment.stable, stable.get(name));
        }
        let counts = ErrorCounts { current: &segment.current, earlier: &segment.earlier, alpha };
        let named = |why: String| format!("{} {}: {why}", code(label), code(name));
        let judged = evidence::judge_errors(policy, &counts, weight);
        all = all.and(match judged {
            Judged::Breached(why) => Judged::Breached(named(why)),
            Judged::Shared(why) => Judged::Shared(named(why)),
            // What is too small to be judged is said at the end of a step, and not waited for.
            Judged::Open(why) if is_large(policy, segment) => Judged::Open(named(why)),
            Judged::Open(_) | Judged::Within => Judged::Within,
        });
    }
    all
}

/// Which segments were too small to be judged; nothing where none is.
pub fn too_small(policy: &Policy, state: &State) -> Option<String> {
    let label = policy.limits.by.as_ref()?;
    let small: Vec<String> = state
        .segments
        .iter()
        .filter(|(_, segment)| !is_large(policy, segment))
        .map(|(name, segment)| format!("{} ({})", code(name), count(segment.requests().requests)))
        .collect();
    let more = if small.len() > SHOWN { format!(" and {} more", small.len() - SHOWN) } else { String::new() };
    (!small.is_empty()).then(|| {
        let shown = &small[..small.len().min(SHOWN)];
        format!("too few requests to judge {} {}{more}", code(label), shown.join(", "))
    })
}

fn is_large(policy: &Policy, segment: &SegmentState) -> bool {
    let stable = segment.earlier.iter().fold(segment.current.stable, |all, stratum| all.plus(stratum.stable));
    let is_compared = policy.limits.max_ratio.is_none() || stable.requests >= policy.min_requests;
    segment.requests().requests >= policy.min_requests && is_compared
}

/// Counters that are smaller than before began anew; of those that are new, or are back, the first look only begins to count.
fn add(counts: &mut Counts, before: &mut Option<[f64; 2]>, now: Option<&[f64; 2]>) {
    let Some(now) = now else {
        *before = None;
        return;
    };
    if let Some(before) = before.replace(*now) {
        let is_new = now[0] < before[0];
        let since = |at: usize| if is_new { now[at] } else { (now[at] - before[at]).max(0.0) };
        counts.requests += since(0).round() as u64;
        counts.errors += since(1).round() as u64;
    }
}

#[cfg(test)]
mod tests;
