//! KServe's `InferenceService`, which splits in two ways.
//!
//! On Knative a revision is made of every change, `spec.predictor.canaryTrafficPercent` is the newest one's share, and the
//! one before has the rest: <https://kserve.github.io/website/docs/model-serving/predictive-inference/rollout-strategies/canary>.
//! Without Knative, from 0.20 on, `spec.canary` lists predictors with a share each:
//! <https://github.com/kserve/kserve/blob/v0.20.0/pkg/apis/serving/v1beta1/inference_service.go>.

use serde_json::{Value, json};

use super::patch::{alone, missing, shown, unchanged};
use super::{Arms, Kind};
use crate::support::problem::Problem;
use crate::support::words::code;

const KIND: Kind = Kind::InferenceService;
/// What KServe itself calls the two revisions: whichever they are.
const NEWEST: &str = "latest";
const BEFORE: &str = "prev";

/// Where an object says how it splits.
enum Split<'a> {
    /// The entry of `spec.canary`, and which it is.
    Canary {
        index: usize,
        entry: &'a Value,
        others: Vec<String>,
    },
    Knative(Revisions<'a>),
}

/// Of `status.components.predictor`.
struct Revisions<'a> {
    created: Option<&'a str>,
    /// What `canaryTrafficPercent` is the share of.
    ready: &'a str,
    /// Which gets the rest; the newest itself once it has had everything.
    rolled_out: Option<&'a str>,
    before: Option<&'a str>,
}

pub(super) fn weight(object: &Value, arms: Arms) -> Result<u8, Problem> {
    let percent = match split(object, arms)? {
        Split::Canary { entry, others, .. } => {
            alone(KIND, object, &others)?;
            &entry["trafficPercent"]
        }
        // Left out, the newest revision has everything.
        Split::Knative(_) => match &object["spec"]["predictor"]["canaryTrafficPercent"] {
            Value::Null => return Ok(100),
            percent => percent,
        },
    };
    percent
        .as_u64()
        .and_then(|percent| u8::try_from(percent).ok())
        .filter(|percent| *percent <= 100)
        .ok_or_else(|| Problem::new(format!("{} has a share of {}", shown(KIND, object), code(&percent.to_string()))))
}

pub(super) fn patch(object: &Value, arms: Arms, weight: u8) -> Result<Value, Problem> {
    let unchanged = unchanged(KIND, object)?;
    match split(object, arms)? {
        Split::Canary { index, others, .. } => {
            if weight > 0 {
                alone(KIND, object, &others)?;
            }
            let path = format!("/spec/canary/{index}");
            Ok(json!([
                unchanged,
                { "op": "test", "path": format!("{path}/predictor/name"), "value": arms.candidate },
                { "op": "add", "path": format!("{path}/trafficPercent"), "value": weight },
            ]))
        }
        Split::Knative(revisions) => {
            // KServe takes a share of a revision that had everything for a rollback, and would give the rest to the
            // version before stable: `PropagateStatus` in
            // https://github.com/kserve/kserve/blob/v0.20.0/pkg/apis/serving/v1beta1/inference_service_status.go
            if (1..100).contains(&weight) && revisions.rolled_out == Some(revisions.ready) {
                let newest = code(revisions.ready);
                let message = format!("the newest revision {newest} of {} has rolled out", shown(KIND, object));
                return Err(Problem::new(message).hint(
                    "there is no candidate: deploy it with `canaryTrafficPercent: 0`, and wait until it is ready",
                ));
            }
            let path = "/status/components/predictor/latestReadyRevision";
            Ok(json!([
                unchanged,
                { "op": "test", "path": path, "value": revisions.ready },
                { "op": "add", "path": "/spec/predictor/canaryTrafficPercent", "value": weight },
            ]))
        }
    }
}

/// Whether the candidate could answer: until then KServe sends it nothing, whatever its share.
///
/// # Errors
/// It could not.
pub(super) fn ready(object: &Value, arms: Arms) -> Result<(), Problem> {
    match split(object, arms)? {
        Split::Canary { .. } => {
            let statuses = object["status"]["canaryStatuses"].as_array().into_iter().flatten();
            let own = statuses.into_iter().find(|status| status["name"] == arms.candidate);
            match own.map(|status| &status["ready"]) {
                Some(Value::Bool(true)) => Ok(()),
                _ => Err(Problem::new(format!("the canary {} is not ready", code(arms.candidate)))),
            }
        }
        Split::Knative(revisions) => match revisions.created {
            Some(created) if created != revisions.ready => {
                Err(Problem::new(format!("the revision {} is not ready", code(created))))
            }
            _ => Ok(()),
        },
    }
}

fn split<'a>(object: &'a Value, arms: Arms) -> Result<Split<'a>, Problem> {
    let (spec, status) = (&object["spec"], &object["status"]);
    let named = |entry: &Value| entry["predictor"]["name"].as_str().unwrap_or_default().to_owned();
    let canaries = spec["canary"].as_array().map(Vec::as_slice).unwrap_or_default();
    if !canaries.is_empty() {
        let own = spec["predictor"]["name"].as_str().unwrap_or(arms.stable);
        return match canaries.iter().position(|entry| named(entry) == arms.candidate) {
            Some(index) if own == arms.stable => {
                let others = canaries.iter().enumerate().filter(|(i, _)| *i != index);
                let others = others.filter(|(_, entry)| entry["trafficPercent"] != 0).map(|(_, entry)| named(entry));
                Ok(Split::Canary { index, entry: &canaries[index], others: others.collect() })
            }
            _ => {
                let there: Vec<String> = [own.to_owned()].into_iter().chain(canaries.iter().map(named)).collect();
                Err(missing(KIND, object, arms, &there))
            }
        };
    }
    let revisions = &status["components"]["predictor"];
    let text = |key: &str| revisions[key].as_str().filter(|text| !text.is_empty());
    // The annotation is there from the start, the status once KServe has looked. Which mode is the default differs from
    // version to version, but only Knative has revisions.
    let annotation = &object["metadata"]["annotations"]["serving.kserve.io/deploymentMode"];
    let mode = status["deploymentMode"].as_str().or(annotation.as_str());
    match (mode, text("latestReadyRevision")) {
        (None | Some("Knative" | "Serverless"), Some(ready)) => {
            let revisions = Revisions {
                created: text("latestCreatedRevision"),
                ready,
                rolled_out: text("latestRolledoutRevision"),
                before: text("previousRolledoutRevision"),
            };
            revisions.are_those_of(object, arms)?;
            Ok(Split::Knative(revisions))
        }
        (None | Some("Knative" | "Serverless"), None) => {
            Err(Problem::new(format!("{} has no ready revision", shown(KIND, object)))
                .hint("wait until KServe has deployed it"))
        }
        (Some(mode), _) => Err(Problem::new(format!("{} has no canary", shown(KIND, object)))
            .hint(format!("in deployment mode {}, KServe splits by `spec.canary`, from version 0.20 on", code(mode)))),
    }
}

impl Revisions<'_> {
    /// Revisions are numbered, so a config rather says `prev` and `latest`; who names them is held to it.
    fn are_those_of(&self, object: &Value, arms: Arms) -> Result<(), Problem> {
        let is_candidate = arms.candidate == NEWEST || arms.candidate == self.ready;
        let is_stable = arms.stable == BEFORE
            || arms.stable != self.ready && [self.rolled_out, self.before].contains(&Some(arms.stable));
        if is_candidate && is_stable {
            return Ok(());
        }
        let before = self.rolled_out.filter(|own| *own != self.ready).or(self.before).unwrap_or("none");
        let (newest, before) = (code(self.ready), code(before));
        let message = format!("{} has the revisions {before} and {newest}", shown(KIND, object));
        Err(Problem::new(message)
            .hint("write those two, or `stable: prev` and `candidate: latest` for whichever they are"))
    }
}
