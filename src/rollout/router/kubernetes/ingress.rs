//! Ingress NGINX: the weight of a [canary Ingress](https://kubernetes.github.io/ingress-nginx/user-guide/nginx-configuration/annotations/#canary),
//! an annotation of an object that leads to one variant; the Ingress beside it, of the same host and paths, leads to the other.

use serde_json::{Value, json};

use super::patch::{shown, unchanged};
use super::{Arms, Kind};
use crate::support::problem::Problem;
use crate::support::words::code;

const CANARY: &str = "nginx.ingress.kubernetes.io/canary";
const WEIGHT: &str = "nginx.ingress.kubernetes.io/canary-weight";
const TOTAL: &str = "nginx.ingress.kubernetes.io/canary-weight-total";
/// As JSON pointers.
const CANARY_PATH: &str = "/metadata/annotations/nginx.ingress.kubernetes.io~1canary";
const WEIGHT_PATH: &str = "/metadata/annotations/nginx.ingress.kubernetes.io~1canary-weight";

/// Which variant the canary Ingress leads to.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Backend {
    Stable,
    Candidate,
}

impl Backend {
    /// The annotation for the candidate's share, and the other way round.
    fn share(self, weight: u8) -> u8 {
        if self == Self::Candidate { weight } else { 100 - weight }
    }
}

/// The candidate's share, in percent.
pub(super) fn weight(object: &Value, arms: Arms) -> Result<u8, Problem> {
    let (backend, _) = canary(object, arms)?;
    let annotation = &object["metadata"]["annotations"][WEIGHT];
    let weight = match annotation {
        // Without it nobody comes but by header or cookie.
        Value::Null => 0,
        annotation => {
            annotation.as_str().and_then(|text| text.parse::<u8>().ok()).filter(|weight| *weight <= 100).ok_or_else(
                || wrong(object, &format!("has the annotation `{WEIGHT}` {}", code(&annotation.to_string()))),
            )?
        }
    };
    Ok(backend.share(weight))
}

/// The patch that gives the candidate so many percent.
pub(super) fn patch(object: &Value, arms: Arms, weight: u8) -> Result<Value, Problem> {
    let (backend, paths) = canary(object, arms)?;
    let mut patch =
        vec![unchanged(Kind::Ingress, object)?, json!({ "op": "test", "path": CANARY_PATH, "value": "true" })];
    patch.extend(paths.into_iter().map(|(path, name)| json!({ "op": "test", "path": path, "value": name })));
    patch.push(json!({ "op": "add", "path": WEIGHT_PATH, "value": backend.share(weight).to_string() }));
    Ok(Value::Array(patch))
}

/// Names of services, and where they are.
type Paths<'a> = Vec<(String, &'a str)>;

/// Which variant a canary Ingress leads to, and where it says so.
fn canary<'a>(object: &'a Value, arms: Arms) -> Result<(Backend, Paths<'a>), Problem> {
    let annotations = &object["metadata"]["annotations"];
    if annotations[CANARY] != "true" {
        return Err(wrong(object, &format!("is no canary: its annotation `{CANARY}` is not \"true\"")));
    }
    if annotations.get(TOTAL).is_some_and(|total| total != "100") {
        return Err(wrong(object, &format!("has the annotation `{TOTAL}`, and weights are in percent: remove it")));
    }
    let mut found: Paths<'_> = Vec::new();
    for (at, rule) in object["spec"]["rules"].as_array().into_iter().flatten().enumerate() {
        for (path, one) in rule["http"]["paths"].as_array().into_iter().flatten().enumerate() {
            let name = one["backend"]["service"]["name"].as_str().unwrap_or_default();
            found.push((format!("/spec/rules/{at}/http/paths/{path}/backend/service/name"), name));
        }
    }
    let leads_to = |name: &str| !found.is_empty() && found.iter().all(|(_, own)| *own == name);
    let backend = if leads_to(arms.candidate) {
        Backend::Candidate
    } else if leads_to(arms.stable) {
        Backend::Stable
    } else {
        let both = format!("{} or {}", code(arms.stable), code(arms.candidate));
        return Err(wrong(object, &format!("does not lead to {both} by all of its paths")));
    };
    Ok((backend, found))
}

fn wrong(object: &Value, why: &str) -> Problem {
    Problem::new(format!("{} {why}", shown(Kind::Ingress, object)))
        .hint("name the canary Ingress of the two: the one that leads to the candidate's service")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn object() -> Value {
        let path = json!({ "path": "/", "pathType": "Prefix",
            "backend": { "service": { "name": "risk-v8", "port": { "number": 80 } } } });
        json!({
            "apiVersion": "networking.k8s.io/v1", "kind": "Ingress",
            "metadata": { "name": "risk-canary", "namespace": "models", "resourceVersion": "7",
                "annotations": { CANARY: "true", WEIGHT: "5", "nginx.ingress.kubernetes.io/canary-by-header": "X-Canary" } },
            "spec": { "rules": [{ "host": "risk.example.org", "http": { "paths": [path] } }] },
        })
    }

    const ARMS: Arms<'_> = Arms { stable: "risk-v7", candidate: "risk-v8" };
    const EXCHANGED: Arms<'_> = Arms { stable: "risk-v8", candidate: "risk-v7" };

    #[test]
    fn the_weight_is_an_annotation_and_nothing_else_changes() {
        for (arms, own) in [(ARMS, "25"), (EXCHANGED, "75")] {
            let mut after = object();
            let patch: json_patch::Patch = serde_json::from_value(patch(&object(), arms, 25).unwrap()).unwrap();
            json_patch::patch(&mut after, &patch).unwrap();
            assert_eq!(weight(&after, arms).unwrap(), 25);
            let mut wanted = object();
            wanted["metadata"]["annotations"][WEIGHT] = json!(own);
            assert_eq!(after, wanted);
        }
        assert_eq!((weight(&object(), ARMS).unwrap(), weight(&object(), EXCHANGED).unwrap()), (5, 95));
        let mut without = object();
        without["metadata"]["annotations"].as_object_mut().unwrap().remove(WEIGHT);
        assert_eq!(weight(&without, ARMS).unwrap(), 0);
    }

    #[test]
    fn what_changed_meanwhile_refuses_the_patch() {
        let patch: json_patch::Patch = serde_json::from_value(patch(&object(), ARMS, 25).unwrap()).unwrap();
        for (pointer, value) in [
            ("/metadata/resourceVersion", json!("8")),
            (CANARY_PATH, json!("false")),
            ("/spec/rules/0/http/paths/0/backend/service/name", json!("other")),
        ] {
            let mut changed = object();
            *changed.pointer_mut(pointer).unwrap() = value;
            assert!(json_patch::patch(&mut changed, &patch).is_err(), "{pointer}");
        }
    }

    #[test]
    fn what_is_no_canary_of_the_two_is_refused() {
        let check = |pointer: &str, value: Value, said: &str| {
            let mut object = object();
            *object.pointer_mut(pointer).unwrap() = value;
            let problem = weight(&object, ARMS).unwrap_err();
            assert!(problem.message.contains(said), "{problem:?}");
        };
        check(CANARY_PATH, json!("false"), "is no canary");
        check(WEIGHT_PATH, json!("105"), "has the annotation");
        check(WEIGHT_PATH, json!(5), "has the annotation");
        check("/spec/rules/0/http/paths/0/backend/service/name", json!("other"), "does not lead to");
        check("/spec/rules", json!([]), "does not lead to");
        let mut object = object();
        object["metadata"]["annotations"][TOTAL] = json!("1000");
        assert!(weight(&object, ARMS).unwrap_err().message.contains("weights are in percent"));
    }
}
