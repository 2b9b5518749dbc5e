//! What is read from an object, and the patch that changes its weights and nothing else.
//!
//! A JSON patch (RFC 6902), since a merge patch replaces lists whole, and of `backendRefs` or `route` everything but the
//! weights belongs to others. Its `test`s hold it to the very object that was read: any change since then, a status
//! too, and the API server refuses all of it with 422.

use serde_json::{Value, json};

use super::{Arms, Kind, inference, ingress};
use crate::rollout::router::share;
use crate::support::problem::Problem;
use crate::support::words::{code, list};

/// A list with both arms in it: a rule's backends, a route's destinations.
struct Split<'a> {
    /// Of the list, as a JSON pointer.
    path: String,
    stable: (usize, &'a Value),
    candidate: (usize, &'a Value),
    /// Who else gets traffic here.
    others: Vec<String>,
}

/// The candidate's share, in percent.
///
/// # Errors
/// The object does not name both arms in one rule, its rules disagree, or others have a share.
pub fn weight(kind: Kind, object: &Value, arms: Arms) -> Result<u8, Problem> {
    match kind {
        Kind::InferenceService => return inference::weight(object, arms),
        Kind::Ingress => return ingress::weight(object, arms),
        Kind::HTTPRoute | Kind::VirtualService => {}
    }
    let splits = splits(kind, object, arms)?;
    let mut found = None;
    for split in &splits {
        alone(kind, object, &split.others)?;
        let (stable, candidate) = (number(kind, split.stable.1)?, number(kind, split.candidate.1)?);
        let share = share(stable as f64, candidate as f64)
            .map_err(|problem| Problem::new(format!("{}: {problem}", shown(kind, object))))?;
        if found.is_some_and(|found| found != share) {
            let message = format!("{} has rules that split differently", shown(kind, object));
            return Err(Problem::new(message).hint("give the arms the same weights in every rule that names both"));
        }
        found = Some(share);
    }
    found.ok_or_else(|| missing(kind, object, arms, &[]))
}

/// Gives the candidate so many percent and stable the rest, in every rule that names both; rules that name one of them
/// are left alone.
///
/// # Errors
/// The object does not name both arms in one rule, or others have a share; taking everything from the candidate is
/// never refused for what others have.
pub fn patch(kind: Kind, object: &Value, arms: Arms, weight: u8) -> Result<Value, Problem> {
    if weight > 100 {
        return Err(Problem::new(format!("{weight} is no share in percent")));
    }
    match kind {
        Kind::InferenceService => return inference::patch(object, arms, weight),
        Kind::Ingress => return ingress::patch(object, arms, weight),
        Kind::HTTPRoute | Kind::VirtualService => {}
    }
    let mut patch = vec![unchanged(kind, object)?];
    let splits = splits(kind, object, arms)?;
    for Split { path, stable, candidate, others } in &splits {
        if weight > 0 {
            alone(kind, object, others)?;
        }
        for (index, backend) in [stable, candidate] {
            for (key, value) in identity(kind, backend) {
                patch.push(json!({ "op": "test", "path": format!("{path}/{index}/{key}"), "value": value }));
            }
        }
        // `add` replaces what is there, and needs nothing to be there: a weight can be left out.
        for ((index, _), weight) in [(stable, 100 - weight), (candidate, weight)] {
            patch.push(json!({ "op": "add", "path": format!("{path}/{index}/weight"), "value": weight }));
        }
    }
    Ok(Value::Array(patch))
}

/// The test that nobody changed the object since it was read.
pub(super) fn unchanged(kind: Kind, object: &Value) -> Result<Value, Problem> {
    match object["metadata"]["resourceVersion"].as_str() {
        Some(version) => Ok(json!({ "op": "test", "path": "/metadata/resourceVersion", "value": version })),
        None => Err(Problem::new(format!("{} has no `resourceVersion`", shown(kind, object)))),
    }
}

/// Refuses what more than the two arms share.
pub(super) fn alone(kind: Kind, object: &Value, others: &[String]) -> Result<(), Problem> {
    if others.is_empty() {
        return Ok(());
    }
    let others = list(others.iter().map(String::as_str));
    let message = format!("{} gives traffic to {others} beside the two arms", shown(kind, object));
    Err(Problem::new(message).hint("a rollout splits between two: give the others the weight 0"))
}

/// Kind and name.
pub(super) fn shown(kind: Kind, object: &Value) -> String {
    format!("{kind} {}", code(object["metadata"]["name"].as_str().unwrap_or_default()))
}

/// Neither rule nor route has both; `there` is what it has.
pub(super) fn missing(kind: Kind, object: &Value, arms: Arms, there: &[String]) -> Problem {
    let Arms { stable, candidate } = arms;
    let both = format!("{} and {}", code(stable), code(candidate));
    let (place, hint) = match kind {
        Kind::HTTPRoute => ("rule with backends", "both must be in the `backendRefs` of one rule"),
        Kind::VirtualService => {
            ("route to", "both must be in the `route` of one `http` entry; a subset is written `host/subset`")
        }
        Kind::InferenceService => ("canary", "see `spec.canary`"),
        Kind::Ingress => ("path to", "see `spec.rules`"),
    };
    let there = match there {
        [] => String::new(),
        there => format!("; it names {}", list(there.iter().map(String::as_str))),
    };
    Problem::new(format!("{} has no {place} {both}{there}", shown(kind, object))).hint(hint)
}

fn splits<'a>(kind: Kind, object: &'a Value, arms: Arms) -> Result<Vec<Split<'a>>, Problem> {
    let (rules, backends) = match kind {
        Kind::HTTPRoute => ("rules", "backendRefs"),
        Kind::VirtualService | Kind::InferenceService | Kind::Ingress => ("http", "route"),
    };
    let (mut splits, mut there) = (Vec::new(), Vec::new());
    for (i, rule) in object["spec"][rules].as_array().into_iter().flatten().enumerate() {
        let backends_here = rule[backends].as_array().map(Vec::as_slice).unwrap_or_default();
        let named: Vec<(usize, String, &Value)> =
            backends_here.iter().enumerate().map(|(i, backend)| (i, name(kind, backend), backend)).collect();
        let only = |wanted: &str| {
            let mut found = named.iter().filter(|(_, name, _)| name == wanted);
            match (found.next(), found.next()) {
                (Some(&(index, _, backend)), None) => Ok(Some((index, backend))),
                (Some(_), Some(_)) => {
                    let message = format!("{} names {} twice in one rule", shown(kind, object), code(wanted));
                    Err(Problem::new(message).hint("give each arm one entry, with a name of its own"))
                }
                _ => Ok(None),
            }
        };
        if let (Some(stable), Some(candidate)) = (only(arms.stable)?, only(arms.candidate)?) {
            let mut others = Vec::new();
            for (index, name, backend) in &named {
                if *index != stable.0 && *index != candidate.0 && number(kind, backend)? > 0 {
                    others.push(name.clone());
                }
            }
            splits.push(Split { path: format!("/spec/{rules}/{i}/{backends}"), stable, candidate, others });
        }
        there.extend(named.into_iter().map(|(_, name, _)| name));
    }
    there.sort();
    there.dedup();
    if splits.is_empty() { Err(missing(kind, object, arms, &there)) } else { Ok(splits) }
}

/// A backend as the config writes it: a service's name, or a destination's `host` or `host/subset`. A host has dots,
/// and no name has a slash.
fn name(kind: Kind, backend: &Value) -> String {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    match kind {
        Kind::HTTPRoute => text(&backend["name"]),
        Kind::VirtualService | Kind::InferenceService | Kind::Ingress => {
            let destination = &backend["destination"];
            match destination["subset"].as_str() {
                Some(subset) => format!("{}/{subset}", text(&destination["host"])),
                None => text(&destination["host"]),
            }
        }
    }
}

/// What says which backend it is: paths below it, and what must be there.
fn identity(kind: Kind, backend: &Value) -> Vec<(&'static str, &Value)> {
    match kind {
        Kind::HTTPRoute => vec![("name", &backend["name"])],
        Kind::VirtualService | Kind::InferenceService | Kind::Ingress => {
            let destination = &backend["destination"];
            let subset = destination.get("subset").map(|subset| ("destination/subset", subset));
            [("destination/host", &destination["host"])].into_iter().chain(subset).collect()
        }
    }
}

/// A backend's weight. Left out it is 1 in a route of the Gateway API, 0 beside others in one of Istio
/// (<https://gateway-api.sigs.k8s.io/reference/spec/#backendref>,
/// <https://istio.io/latest/docs/reference/config/networking/virtual-service/#HTTPRouteDestination>).
fn number(kind: Kind, backend: &Value) -> Result<u64, Problem> {
    match &backend["weight"] {
        Value::Null => Ok(u64::from(kind == Kind::HTTPRoute)),
        weight => weight.as_u64().ok_or_else(|| {
            Problem::new(format!("the weight {} of {} is none", code(&weight.to_string()), code(&name(kind, backend))))
        }),
    }
}

#[cfg(test)]
mod tests;
