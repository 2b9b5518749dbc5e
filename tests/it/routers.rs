//! Routers that answer as their vendors' descriptions say; the real NGINX and an emulator of SageMaker are
//! tests/rollout/integrations.sh's.

use std::fs;
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};

use crate::described::{by_schema, by_shape, described};
use crate::endpoint::{Answer, Request, Served};
use crate::rollout::{Toy, rollout};
use crate::world::World;

/// A world whose config has this router.
fn world(toy: &Toy, strategy: &str, router: &str) -> World {
    let world = toy.world(strategy);
    let config = world.read("mlgate.yml");
    let (head, rest) = config.split_once("  router: ").unwrap();
    let rest = rest.split_once('\n').unwrap().1;
    world.write("mlgate.yml", format!("{head}  router: {router}\n{rest}"));
    world.variable("MLGATE_KEY", "not-a-secret").variable("MLGATE_OTHER", "no-secret-either")
}

const DYNAMIC: &str = "http:
  routers:
    risk: { rule: 'PathPrefix(`/`)', service: risk }
  services:
    risk: { weighted: { services: [{ name: stable, weight: 100 }, { name: candidate, weight: 0 }] } }
";

/// A Traefik that reads the file at each request, and what it has taken.
fn traefik(toy: &Toy, world_file: Arc<Mutex<std::path::PathBuf>>, takes: bool) -> Served {
    let toy = toy.clone();
    Served::start(move |request| {
        // pkg/api/handler_http.go: the name is with its provider, and escaped.
        assert!(request.head.starts_with("GET /api/http/services/risk%40file "), "{}", request.head);
        let text = fs::read_to_string(&*world_file.lock().unwrap()).unwrap();
        let file: Value = serde_yaml::from_str(&text).unwrap();
        let services = file["http"]["services"]["risk"]["weighted"]["services"].as_array().unwrap();
        let weight = |at: usize| if takes { services[at]["weight"].as_u64().unwrap() } else { [100, 0][at] };
        toy.set(|inner| inner.weights = [weight(0), weight(1)]);
        let services =
            ["stable", "candidate"].iter().enumerate().map(|(at, name)| json!({ "name": name, "weight": weight(at) }));
        Answer::json(
            &json!({
                "name": "risk@file", "provider": "file", "status": "enabled", "type": "weighted", "usedBy": ["risk@file"],
                "weighted": { "services": services.collect::<Vec<_>>() },
            })
            .to_string(),
        )
    })
}

#[test]
fn traefik_takes_weights_by_its_file_and_says_what_it_took() {
    for (errors, exit, at_the_end) in [([0.005, 0.005], 0, 100), ([0.005, 0.9], 1, 0)] {
        let toy = Toy::start(errors);
        let file = Arc::new(Mutex::new(std::path::PathBuf::new()));
        let served = traefik(&toy, Arc::clone(&file), true);
        let api = served.url().replace("/invocations", "");
        let world = world(
            &toy,
            "canary\n  steps: [50]",
            &format!(
                "{{ traefik: {{ file: dynamic.yml, api: '{api}', service: risk, stable: stable, candidate: candidate }} }}"
            ),
        );
        world.write("dynamic.yml", DYNAMIC);
        *file.lock().unwrap() = world.path("dynamic.yml");
        rollout(&world, &[]).exits(exit);
        assert_eq!(toy.candidate(), at_the_end);
        assert!(world.read("dynamic.yml").contains("PathPrefix"), "what is not ours stays");
    }
}

/// An endpoint, which is being updated for as many answers as it is told.
#[derive(Default)]
struct Endpoint {
    weights: [f64; 2],
    updating: u32,
    changes: Vec<Value>,
}

fn sagemaker(toy: &Toy, slow: u32) -> (Served, Arc<Mutex<Endpoint>>) {
    let endpoint = Arc::new(Mutex::new(Endpoint { weights: [1.0, 0.0], ..Endpoint::default() }));
    let (own, toy) = (Arc::clone(&endpoint), toy.clone());
    let served = Served::start(move |request: &Request| {
        let api = described("aws-sagemaker");
        let mut endpoint = own.lock().unwrap();
        let head = request.head.to_lowercase();
        assert!(head.contains("authorization: aws4-hmac-sha256 credential=not-a-secret/"), "{head}");
        assert!(head.contains("/eu-central-1/sagemaker/aws4_request") && head.contains("application/x-amz-json-1.1"));
        let asked: Value = serde_json::from_str(&request.body).unwrap();
        if head.contains("x-amz-target: sagemaker.describeendpoint") {
            assert_eq!(by_shape(&api, "DescribeEndpointInput", &asked), [""; 0]);
            let status = if endpoint.updating > 0 { "Updating" } else { "InService" };
            endpoint.updating = endpoint.updating.saturating_sub(1);
            if status == "InService" {
                let weights = endpoint.weights.map(|weight| weight as u64);
                toy.set(|inner| inner.weights = weights);
            }
            let variant = |name: &str, weight: f64| json!({ "VariantName": name, "CurrentWeight": weight, "DesiredWeight": weight });
            let answer = json!({
                "EndpointName": "risk", "EndpointArn": "arn:aws:sagemaker:eu-central-1:123456789012:endpoint/risk",
                "EndpointStatus": status, "CreationTime": 1.7e9, "LastModifiedTime": 1.7e9,
                "ProductionVariants": [variant("stable", endpoint.weights[0]), variant("candidate", endpoint.weights[1])],
            });
            assert_eq!(by_shape(&api, "DescribeEndpointOutput", &answer), [""; 0]);
            return Answer::json(&answer.to_string());
        }
        assert!(head.contains("x-amz-target: sagemaker.updateendpointweightsandcapacities"), "{head}");
        assert_eq!(by_shape(&api, "UpdateEndpointWeightsAndCapacitiesInput", &asked), [""; 0]);
        let weights = asked["DesiredWeightsAndCapacities"].as_array().unwrap();
        for one in weights {
            let at = usize::from(one["VariantName"] == "candidate");
            endpoint.weights[at] = one["DesiredWeight"].as_f64().unwrap();
        }
        endpoint.updating = slow;
        endpoint.changes.push(asked.clone());
        Answer::json(r#"{"EndpointArn": "arn:aws:sagemaker:eu-central-1:123456789012:endpoint/risk"}"#)
    });
    (served, endpoint)
}

fn endpoint(served: &Served) -> String {
    let url = served.url().replace("/invocations", "/");
    format!(
        "{{ sagemaker: {{ region: eu-central-1, endpoint: risk, stable: stable, candidate: candidate, url: '{url}', \
         access_key_id_env: MLGATE_KEY, secret_access_key_env: MLGATE_OTHER }} }}"
    )
}

#[test]
fn sagemaker_is_asked_as_its_description_says() {
    for (errors, exit, at_the_end) in [([0.005, 0.005], 0, 100), ([0.005, 0.9], 1, 0)] {
        let toy = Toy::start(errors);
        let (served, state) = sagemaker(&toy, 1);
        rollout(&world(&toy, "direct", &endpoint(&served)), &[]).exits(exit);
        assert_eq!(toy.candidate(), at_the_end);
        let state = state.lock().unwrap();
        assert_eq!(state.changes.len(), if exit == 0 { 1 } else { 2 }, "{:?}", state.changes);
    }
}

#[test]
fn an_endpoint_that_refuses_or_has_others_moves_nothing() {
    let check = |answer: fn() -> Answer, said: &str| {
        let toy = Toy::start([0.0, 0.0]);
        let served = Served::start(move |_| answer());
        rollout(&world(&toy, "direct", &endpoint(&served)), &["--dry-run"]).exits(3).saying(said);
    };
    check(
        || {
            Answer::of(
                "400 Bad Request",
                "application/json",
                r#"{"__type": "ValidationException", "message": "Could not find endpoint"}"#,
            )
        },
        "answers 400 to DescribeEndpoint: ValidationException Could not find endpoint",
    );
    check(|| Answer::json(r#"{"EndpointStatus": "Failed"}"#), "is `Failed`, not `InService`");
    check(
        || {
            Answer::json(
                r#"{"EndpointStatus": "InService", "ProductionVariants": [{"VariantName": "third", "CurrentWeight": 1}]}"#,
            )
        },
        "gives traffic to the variant `third` beside the two",
    );
    check(|| Answer::json("{}"), "is `no status`");
    check(|| Answer::json("<"), "answers no JSON");
}

/// An endpoint of Vertex AI, as its description says, or a panic.
fn vertex(toy: &Toy) -> Served {
    let toy = toy.clone();
    let split = Mutex::new(json!({ "7007": 100 }));
    Served::start(move |request| {
        let api = described("vertex-endpoints");
        let schema = |operation: &str, what: &str| api["operations"][operation][what].clone();
        let mut split = split.lock().unwrap();
        let head = request.head.to_lowercase();
        let path = "/v1/projects/shop/locations/europe-west4/endpoints/42";
        assert!(head.contains("authorization: bearer not-a-secret"), "{head}");
        if head.starts_with("patch ") {
            assert!(head.starts_with(&format!("patch {path}?updatemask=trafficsplit ")), "{head}");
            let asked: Value = serde_json::from_str(&request.body).unwrap();
            assert_eq!(by_schema(&api["schemas"], &schema("patch", "request"), &asked), [""; 0]);
            let shares = asked["trafficSplit"].as_object().unwrap();
            assert_eq!(shares.values().filter_map(Value::as_u64).sum::<u64>(), 100);
            *split = asked["trafficSplit"].clone();
        } else {
            assert!(head.starts_with(&format!("get {path} ")), "{head}");
        }
        let weight = |id: &str| split[id].as_u64().unwrap_or(0);
        toy.set(|inner| inner.weights = [weight("7007"), weight("8008")]);
        let answer = json!({
            "name": &path[4..], "displayName": "risk", "trafficSplit": *split,
            "deployedModels": [{ "id": "7007", "model": "m7" }, { "id": "8008", "model": "m8" }],
        });
        assert_eq!(by_schema(&api["schemas"], &schema("get", "response"), &answer), [""; 0]);
        Answer::json(&answer.to_string())
    })
}

fn vertex_router(url: &str, endpoint: &str) -> String {
    format!(
        "{{ vertex: {{ project: shop, location: europe-west4, endpoint: '{endpoint}', stable: '7007', candidate: '8008', url: '{url}', \
         token_env: MLGATE_KEY }} }}\n  arms: {{ stable: stable, candidate: candidate }}"
    )
}

#[test]
fn vertex_is_asked_as_its_description_says() {
    for (errors, exit, at_the_end) in [([0.005, 0.005], 0, 100), ([0.005, 0.9], 1, 0)] {
        let toy = Toy::start(errors);
        let served = vertex(&toy);
        let url = served.url().replace("/invocations", "");
        rollout(&world(&toy, "canary\n  steps: [50]", &vertex_router(&url, "42")), &[]).exits(exit);
        assert_eq!(toy.candidate(), at_the_end);
    }
    let check = |answer: fn() -> Answer, exit: i32, endpoint: &str, said: &str| {
        let toy = Toy::start([0.0, 0.0]);
        let served = Served::start(move |_| answer());
        let url = served.url().replace("/invocations", "");
        rollout(&world(&toy, "direct", &vertex_router(&url, endpoint)), &["--dry-run"]).exits(exit).saying(said);
    };
    let unknown = || Answer::of("401 Unauthorized", "application/json", r#"{"error": {"message": "no credentials"}}"#);
    check(unknown, 3, "42", "answers 401: no credentials");
    check(|| Answer::json(r#"{"trafficSplit": {"7007": 100}}"#), 3, "42", "has no deployed model `7007`");
    let third = || {
        Answer::json(r#"{"trafficSplit": {"7007": 60, "9": 40}, "deployedModels": [{"id": "7007"}, {"id": "8008"}]}"#)
    };
    check(third, 3, "42", "gives traffic to the model `9` beside the two");
    check(third, 2, "42/../43", "it is part of an address");
}

#[test]
fn what_a_router_cannot_do_is_a_wrong_config() {
    let check = |strategy: &str, router: &str, said: &str| {
        let toy = Toy::start([0.0, 0.0]);
        rollout(&world(&toy, strategy, router), &["--dry-run"]).exits(2).saying(said);
    };
    let nginx = |more: &str| {
        format!(
            "{{ nginx: {{ file: split.conf, pid_file: nginx.pid, status: 'http://127.0.0.1:1', stable: stable{more} }} }}"
        )
    };
    check("direct", &nginx(", candidate: 'a\"; b'"), "it is written into NGINX's file");
    check("direct", &nginx(", candidate: stable"), "stable and candidate are both `stable`");
    check("direct", &nginx(", candidate: candidate, key: 'a b'"), "variables of NGINX such as `$http_x_user_id`");
    check("direct", &nginx(", candidate: candidate, tester_header: 'X;'"), "a header's name");
    let test =
        "ab_test\n  ab_test: { observations: 10, successes: 'a{arm=\"{{arm}}\"}', trials: 'b{arm=\"{{arm}}\"}' }";
    check(test, &nginx(", candidate: candidate"), "users of an A/B test stay with their variant");
    check("shadow", &nginx(", candidate: candidate"), "only Envoy copies requests");
    let endpoint = |more: &str| {
        format!(
            "{{ sagemaker: {{ region: eu-central-1, endpoint: risk, stable: stable, candidate: candidate, access_key_id_env: MLGATE_KEY, \
             secret_access_key_env: {more} }} }}"
        )
    };
    check("direct", &endpoint("AWS_SECRET_ACCESS_KEY"), "starts with MLGATE_");
    check(test, &endpoint("MLGATE_OTHER"), "does not keep users with their variant");
    check("direct", &endpoint("MLGATE_OTHER").replace("eu-central-1", "evil.org/"), "is not a region of AWS");
}
