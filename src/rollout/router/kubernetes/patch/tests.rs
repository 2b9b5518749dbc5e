//! Every case, and the table that `tests/rollout/kubernetes.sh` holds kubectl and the kinds' own schemas against.
#![expect(clippy::disallowed_methods, reason = "writes the table anew")]

use super::*;

/// Objects as users have them, by what is special about each: kind, arms, object.
fn objects() -> Vec<(&'static str, Kind, Arms<'static>, Value)> {
    let services = Arms { stable: "churn-v1", candidate: "churn-v2" };
    let subsets = Arms { stable: "churn.ml.svc.cluster.local/v1", candidate: "churn.ml.svc.cluster.local/v2" };
    let revisions = Arms { stable: "prev", candidate: "latest" };
    let canary = Arms { stable: "stable", candidate: "candidate" };
    let arm = |name: &str, weight: u32| json!({"name": name, "port": 8080, "weight": weight});
    let both = json!([arm("churn-v1", 100), arm("churn-v2", 0)]);
    let subset = |subset: &str| json!({"host": "churn.ml.svc.cluster.local", "subset": subset});
    vec![
        (
            "two backends",
            Kind::HTTPRoute,
            services,
            route(json!([{
                "matches": [{"path": {"type": "PathPrefix", "value": "/"}}], "backendRefs": both,
            }])),
        ),
        (
            "backends without weights",
            Kind::HTTPRoute,
            services,
            route(json!([{
                "backendRefs": [{"name": "churn-v2", "port": 8080}, {"name": "churn-v1", "port": 8080}],
            }])),
        ),
        (
            "several rules, not all of them split",
            Kind::HTTPRoute,
            services,
            route(json!([
                {"matches": [{"headers": [{"name": "x-arm", "value": "v2"}]}], "backendRefs": [arm("churn-v2", 1)]},
                {"matches": [{"path": {"value": "/invocations"}}], "backendRefs": both},
                {"matches": [{"path": {"value": "/v2/models"}}], "backendRefs": both,
                 "filters": [{"type": "RequestMirror", "requestMirror": {"backendRef": {"name": "audit", "port": 80}}}]},
                {"matches": [{"path": {"value": "/health"}}], "backendRefs": [arm("churn-v1", 1)]},
            ])),
        ),
        (
            "a third backend that gets nothing",
            Kind::HTTPRoute,
            services,
            route(json!([{
                "backendRefs": [arm("churn-v0", 0), arm("churn-v1", 1), arm("churn-v2", 3)],
            }])),
        ),
        (
            "two hosts",
            Kind::VirtualService,
            services,
            service_of_istio(json!([{
                "match": [{"uri": {"prefix": "/invocations"}}], "timeout": "2s",
                "route": [{"destination": {"host": "churn-v1"}, "weight": 90}, {"destination": {"host": "churn-v2"}, "weight": 10}],
            }])),
        ),
        (
            "two subsets, one without a weight",
            Kind::VirtualService,
            subsets,
            service_of_istio(json!([
                {"route": [{"destination": subset("v1"), "weight": 100}, {"destination": subset("v2")}],
                 "mirror": {"host": "audit"}, "mirrorPercentage": {"value": 50.0}},
            ])),
        ),
        ("a new revision", Kind::InferenceService, revisions, knative("Knative", "2", "1", json!(0))),
        (
            "a new revision by name, in an older KServe",
            Kind::InferenceService,
            Arms { stable: "churn-predictor-00001", candidate: "churn-predictor-00002" },
            knative("Serverless", "2", "1", Value::Null),
        ),
        (
            "one of two canaries",
            Kind::InferenceService,
            canary,
            standard(json!([
                {"predictor": {"name": "dark", "model": named("3")}, "trafficPercent": 0},
                {"predictor": {"name": "candidate", "model": named("2")}, "trafficPercent": 10},
            ])),
        ),
    ]
}

fn route(rules: Value) -> Value {
    json!({
        "apiVersion": "gateway.networking.k8s.io/v1", "kind": "HTTPRoute",
        "metadata": {"name": "churn", "namespace": "ml", "resourceVersion": "7"},
        "spec": {"parentRefs": [{"name": "gateway"}], "hostnames": ["churn.example.org"], "rules": rules},
    })
}

fn service_of_istio(http: Value) -> Value {
    json!({
        "apiVersion": "networking.istio.io/v1", "kind": "VirtualService",
        "metadata": {"name": "churn", "namespace": "ml", "resourceVersion": "7"},
        "spec": {"hosts": ["churn.example.org"], "gateways": ["gateway"], "http": http},
    })
}

fn model(version: &str) -> Value {
    json!({"modelFormat": {"name": "sklearn"}, "storageUri": format!("s3://models/churn/{version}")})
}

/// A canary's model needs a name, says KServe's schema; a predictor's does not.
fn named(version: &str) -> Value {
    let mut model = model(version);
    model["name"] = "kserve-container".into();
    model
}

/// The newest revision, the one that had everything last, and the share.
fn knative(mode: &str, newest: &str, rolled_out: &str, percent: Value) -> Value {
    let revision = |number: &str| format!("churn-predictor-0000{number}");
    let mut predictor = json!({"model": model(newest)});
    if !percent.is_null() {
        predictor["canaryTrafficPercent"] = percent;
    }
    json!({
        "apiVersion": "serving.kserve.io/v1beta1", "kind": "InferenceService",
        "metadata": {"name": "churn", "namespace": "ml", "resourceVersion": "7"},
        "spec": {"predictor": predictor},
        "status": {"deploymentMode": mode, "components": {"predictor": {
            "latestCreatedRevision": revision(newest), "latestReadyRevision": revision(newest),
            "latestRolledoutRevision": revision(rolled_out), "previousRolledoutRevision": revision("1"),
        }}},
    })
}

fn standard(canary: Value) -> Value {
    json!({
        "apiVersion": "serving.kserve.io/v1beta1", "kind": "InferenceService",
        "metadata": {"name": "churn", "namespace": "ml", "resourceVersion": "7",
                     "annotations": {"serving.kserve.io/deploymentMode": "Standard"}},
        "spec": {"predictor": {"name": "stable", "model": model("1")}, "canary": canary},
        "status": {"canaryStatuses": [{"name": "candidate", "ready": true, "trafficPercent": 10}]},
    })
}

fn patched(object: &Value, patch: &Value) -> Result<Value, json_patch::PatchError> {
    let mut object = object.clone();
    let patch: json_patch::Patch = serde_json::from_value(patch.clone()).unwrap();
    json_patch::patch(&mut object, &patch).map(|()| object)
}

/// What refuses, in its first words.
fn refused(kind: Kind, object: &Value, arms: Arms) -> [String; 2] {
    [weight(kind, object, arms).unwrap_err().to_string(), patch(kind, object, arms, 5).unwrap_err().to_string()]
}

#[test]
fn what_was_patched_reads_as_it_was_written_and_the_rest_is_as_it_was() {
    for (what, kind, arms, object) in objects() {
        for percent in [0, 1, 33, 100] {
            let patch = patch(kind, &object, arms, percent).unwrap();
            let result = patched(&object, &patch).unwrap();
            assert_eq!(weight(kind, &result, arms), Ok(percent), "{what}");
            let changed = patch.as_array().unwrap().iter().filter(|operation| operation["op"] != "test");
            let (mut back, mut count) = (result.clone(), 0);
            for operation in changed {
                let path = operation["path"].as_str().unwrap();
                assert!(path.ends_with("/weight") || path.ends_with("rafficPercent"), "{what}: {path}");
                let undo = match object.pointer(path) {
                    Some(value) => json!([{"op": "replace", "path": path, "value": value}]),
                    None => json!([{"op": "remove", "path": path}]),
                };
                back = patched(&back, &undo).unwrap();
                count += 1;
            }
            assert_eq!(back, object, "{what}");
            assert!(count > 0);
        }
    }
}

#[test]
fn an_object_that_changed_refuses_the_patch() {
    for (what, kind, arms, object) in objects() {
        let patch = patch(kind, &object, arms, 5).unwrap();
        let mut changed = object.clone();
        changed["metadata"]["resourceVersion"] = json!("8");
        assert!(patched(&changed, &patch).is_err(), "{what}");
    }
}

#[test]
fn shares_are_read_as_each_kind_means_them() {
    let read: Vec<(&str, u8)> =
        objects().into_iter().map(|(what, kind, arms, object)| (what, weight(kind, &object, arms).unwrap())).collect();
    assert_eq!(
        read,
        [
            ("two backends", 0),
            ("backends without weights", 50),
            ("several rules, not all of them split", 0),
            ("a third backend that gets nothing", 75),
            ("two hosts", 10),
            ("two subsets, one without a weight", 0),
            ("a new revision", 0),
            ("a new revision by name, in an older KServe", 100),
            ("one of two canaries", 10),
        ]
    );
}

#[test]
fn what_is_no_split_between_the_two_is_refused() {
    let arms = Arms { stable: "churn-v1", candidate: "churn-v2" };
    let check = |backends: Value, said: &str| {
        for problem in refused(Kind::HTTPRoute, &route(json!([{"backendRefs": backends}])), arms) {
            assert!(problem.contains(said), "{problem}");
        }
    };
    check(json!([]), "no rule with backends `churn-v1` and `churn-v2`\n");
    check(json!([{"name": "churn-v1"}, {"name": "other"}]), "`churn-v2`; it names `churn-v1`, `other`");
    check(json!([{"name": "churn-v1"}, {"name": "churn-v2"}, {"name": "churn-v2"}]), "`churn-v2` twice in one rule");
    check(json!([{"name": "churn-v1"}, {"name": "churn-v2"}, {"name": "old"}]), "traffic to `old` beside");
    let apart = route(json!([{"backendRefs": [{"name": "churn-v1"}]}, {"backendRefs": [{"name": "churn-v2"}]}]));
    for problem in refused(Kind::HTTPRoute, &apart, arms) {
        assert!(problem.contains("in the `backendRefs` of one rule"), "{problem}");
    }
    let by_host = service_of_istio(json!([{"route": [{"destination": {"host": "churn-v1", "subset": "a"}}]}]));
    for problem in refused(Kind::VirtualService, &by_host, arms) {
        assert!(problem.contains("it names `churn-v1/a`") && problem.contains("`host/subset`"), "{problem}");
    }
}

#[test]
fn everything_can_be_taken_from_the_candidate_whoever_else_gets_some() {
    let arms = Arms { stable: "churn-v1", candidate: "churn-v2" };
    let backends = json!([{"name": "churn-v1"}, {"name": "churn-v2"}, {"name": "old"}]);
    let object = route(json!([{"backendRefs": backends}]));
    let result = patched(&object, &patch(Kind::HTTPRoute, &object, arms, 0).unwrap()).unwrap();
    let backends = json!([{"name": "churn-v1", "weight": 100}, {"name": "churn-v2", "weight": 0}, {"name": "old"}]);
    assert_eq!(result["spec"]["rules"][0]["backendRefs"], backends);
}

#[test]
fn rules_that_disagree_have_no_share_and_can_be_given_one() {
    let arms = Arms { stable: "churn-v1", candidate: "churn-v2" };
    let rule = |weight: u32| json!({"backendRefs": [{"name": "churn-v1"}, {"name": "churn-v2", "weight": weight}]});
    let object = route(json!([rule(1), rule(0)]));
    assert!(weight(Kind::HTTPRoute, &object, arms).unwrap_err().message.contains("split differently"));
    let result = patched(&object, &patch(Kind::HTTPRoute, &object, arms, 0).unwrap()).unwrap();
    assert_eq!(weight(Kind::HTTPRoute, &result, arms), Ok(0));
}

#[test]
fn weights_that_are_none_are_not_guessed() {
    let arms = Arms { stable: "churn-v1", candidate: "churn-v2" };
    let check = |stable: Value, candidate: Value, said: &str| {
        let backends = json!([{"name": "churn-v1", "weight": stable}, {"name": "churn-v2", "weight": candidate}]);
        let problem = weight(Kind::HTTPRoute, &route(json!([{"backendRefs": backends}])), arms).unwrap_err();
        assert!(problem.message.contains(said), "{problem}");
    };
    check(json!("95"), json!(5), "the weight `\"95\"` of `churn-v1` is none");
    check(json!(-1), json!(5), "the weight `-1`");
    check(json!(0), json!(0), "HTTPRoute `churn`: weights of 0 and 0 send nothing anywhere");
    assert!(patch(Kind::HTTPRoute, &route(json!([])), arms, 101).is_err());
}

#[test]
fn a_revision_that_rolled_out_is_no_candidate_and_can_be_rolled_back() {
    let arms = Arms { stable: "prev", candidate: "latest" };
    let object = knative("Knative", "2", "2", json!(100));
    let patch = |percent| patch(Kind::InferenceService, &object, arms, percent);
    assert!(
        patch(5).unwrap_err().message.contains("`churn-predictor-00002` of InferenceService `churn` has rolled out")
    );
    assert!(patch(100).is_ok());
    assert_eq!(patched(&object, &patch(0).unwrap()).unwrap()["spec"]["predictor"]["canaryTrafficPercent"], 0);
}

#[test]
fn a_service_of_kserve_is_held_to_its_names_and_its_mode() {
    let check = |object: &Value, stable: &str, candidate: &str, said: &str| {
        for problem in refused(Kind::InferenceService, object, Arms { stable, candidate }) {
            assert!(problem.contains(said), "{problem}");
        }
    };
    let object = knative("Knative", "2", "1", json!(10));
    check(
        &object,
        "churn-predictor-00001",
        "churn-predictor-00003",
        "revisions `churn-predictor-00001` and `churn-predictor-00002`",
    );
    check(&object, "churn-predictor-00002", "latest", "`stable: prev` and `candidate: latest`");
    check(&knative("Standard", "2", "1", json!(10)), "prev", "latest", "has no canary");
    check(&json!({"metadata": {"name": "churn", "resourceVersion": "1"}}), "prev", "latest", "no ready revision");
    let canary = |name: &str| json!({"predictor": {"name": name}, "trafficPercent": 10});
    let object = standard(json!([canary("candidate")]));
    check(&object, "stable", "other", "no canary `stable` and `other`; it names `stable`, `candidate`");
    check(&object, "other", "candidate", "it names `stable`, `candidate`");
    let several = standard(json!([canary("candidate"), canary("other")]));
    check(&several, "stable", "candidate", "traffic to `other` beside the two arms");
}

/// `tests/rollout/kubernetes.json`: what kubectl is asked to do, and what must come of it.
#[test]
fn the_table_for_kubectl_is_current() {
    let mut cases = Vec::new();
    for (what, kind, arms, object) in objects() {
        for percent in [0, 25, 100] {
            let patch = patch(kind, &object, arms, percent).unwrap();
            let result = patched(&object, &patch).unwrap();
            cases.push(json!({"what": what, "weight": percent, "object": object, "patch": patch, "result": result}));
        }
    }
    let table = serde_json::to_string_pretty(&cases).unwrap() + "\n";
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/rollout/kubernetes.json");
    let is_current = std::fs::read_to_string(path).is_ok_and(|found| found == table);
    if !is_current {
        std::fs::write(path, table).unwrap();
    }
    assert!(is_current, "{path} was not current, and was written anew");
}
