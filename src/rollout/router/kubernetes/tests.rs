//! Against an API server on loopback that applies patches as a real one does.

use std::process::ExitStatus;

use kube::config::Kubeconfig;
use serde_json::json;

use super::api_server::{ApiServer, Asked, Fate, TOKEN};
use super::*;
use crate::integrations::http::block_on;

const ROUTE: &str = "/apis/gateway.networking.k8s.io/v1/namespaces/ml/httproutes/churn";

fn route() -> Kubernetes {
    Kubernetes {
        kind: Kind::HTTPRoute,
        namespace: "ml".into(),
        name: "churn".into(),
        stable: "churn-v1".into(),
        candidate: "churn-v2".into(),
    }
}

fn object() -> Value {
    json!({
        "apiVersion": "gateway.networking.k8s.io/v1", "kind": "HTTPRoute",
        "metadata": {"name": "churn", "namespace": "ml", "resourceVersion": "7"},
        "spec": {"parentRefs": [{"name": "gateway"}], "rules": [{
            "matches": [{"path": {"type": "PathPrefix", "value": "/"}}],
            "backendRefs": [
                {"name": "churn-v1", "port": 8080, "weight": 100},
                {"name": "churn-v2", "port": 8080, "weight": 0},
            ],
        }]},
    })
}

/// A kubeconfig as a user has one.
async fn configured(server: &str, user: &Value, cluster: &Value) -> Config {
    let mut cluster = cluster.clone();
    cluster["server"] = json!(server);
    let text = json!({
        "apiVersion": "v1", "kind": "Config", "current-context": "here",
        "contexts": [{"name": "here", "context": {"cluster": "here", "user": "me"}}],
        "clusters": [{"name": "here", "cluster": cluster}],
        "users": [{"name": "me", "user": user}],
    });
    let kubeconfig = Kubeconfig::from_yaml(&text.to_string()).unwrap();
    Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await.unwrap()
}

async fn client(server: &ApiServer) -> Client {
    connect(configured(&server.url, &json!({"token": TOKEN}), &json!({})).await).await.unwrap()
}

fn weights(object: &Value) -> [&Value; 2] {
    [0, 1].map(|i| &object["spec"]["rules"][0]["backendRefs"][i]["weight"])
}

/// Writes 5 %, with these fates for the patches: how many there were, what came of it, and the object.
fn write(fates: &[Fate]) -> (usize, Result<(), Problem>, Value) {
    let server = ApiServer::start(ROUTE, &object(), fates);
    let said = block_on(async { route().write_by(&client(&server).await, 5).await }).unwrap();
    (server.patches(), said, server.object())
}

#[test]
fn weights_are_read_written_and_read_back() {
    let server = ApiServer::start(ROUTE, &object(), &[]);
    block_on(async {
        let client = client(&server).await;
        assert_eq!(route().read_by(&client).await, Ok(0));
        assert_eq!(route().write_by(&client, 25).await, Ok(()));
        assert_eq!(route().read_by(&client).await, Ok(25));
        // What is there already may be written again: who lost an answer does not know.
        assert_eq!(route().write_by(&client, 25).await, Ok(()));
    })
    .unwrap();
    let mut expected = object();
    expected["metadata"]["resourceVersion"] = json!("8");
    expected["spec"]["rules"][0]["backendRefs"][0]["weight"] = json!(75);
    expected["spec"]["rules"][0]["backendRefs"][1]["weight"] = json!(25);
    assert_eq!(server.object(), expected);
    let patch = server.asked().into_iter().find(|asked| asked.method == "PATCH").unwrap();
    let (target, content_type) = (format!("{ROUTE}?&fieldManager=mlgate"), "application/json-patch+json".to_owned());
    assert_eq!(patch, Asked { method: "PATCH".into(), target, content_type });
}

#[test]
fn who_was_overtaken_looks_again() {
    let status = Fate::Overtaken(json!({"status": {"parents": []}}));
    let (patches, said, object) = write(&[status.clone(), status]);
    assert_eq!((patches, said), (3, Ok(())));
    assert_eq!(weights(&object), [&json!(95), &json!(5)]);
    assert_eq!(object["status"], json!({"parents": []}));
}

#[test]
fn backends_that_were_swapped_meanwhile_do_not_swap_the_weights() {
    let swapped = json!([{"backendRefs": [{"name": "churn-v2", "weight": 0}, {"name": "churn-v1", "weight": 100}]}]);
    let (patches, said, object) = write(&[Fate::Overtaken(json!({"spec": {"rules": swapped}}))]);
    assert_eq!((patches, said), (2, Ok(())));
    assert_eq!(weights(&object), [&json!(5), &json!(95)]);
}

#[test]
fn an_arm_that_is_gone_meanwhile_is_said() {
    let gone = json!([{"backendRefs": [{"name": "churn-v1", "weight": 100}]}]);
    let (patches, said, object) = write(&[Fate::Overtaken(json!({"spec": {"rules": gone}}))]);
    assert_eq!(patches, 1);
    assert!(said.unwrap_err().message.contains("no rule with backends `churn-v1` and `churn-v2`"));
    assert_eq!(weights(&object), [&json!(100), &Value::Null]);
}

#[test]
fn what_passes_is_tried_again() {
    for fate in [Fate::Status(409), Fate::Status(429), Fate::Status(503), Fate::Unheard] {
        let (_, said, object) = write(std::slice::from_ref(&fate));
        assert_eq!((said, weights(&object)), (Ok(()), [&json!(95), &json!(5)]), "{fate:?}");
    }
}

#[test]
fn what_does_not_pass_is_said_with_its_remedy() {
    let (patches, said, _) = write(&[const { Fate::Status(403) }]);
    let said = said.unwrap_err();
    assert_eq!((patches, said.message.as_str()), (1, "HTTPRoute `ml/churn` was not changed: not now"));
    assert_eq!(said.hint.as_deref(), Some("give who runs mlgate a role that may `patch` httproutes in `ml`"));
}

#[test]
fn an_object_that_never_holds_still_is_given_up() {
    let fates = [const { Fate::Status(422) }; 9];
    let (patches, said, _) = write(&fates);
    assert_eq!(patches, TRIES as usize);
    assert!(said.unwrap_err().message.ends_with("was not changed: not now"));
}

#[test]
fn who_writes_it_back_is_found_out() {
    let (_, said, object) = write(&[Fate::Reverted]);
    let said = said.unwrap_err();
    assert_eq!(said.message, "HTTPRoute `ml/churn` was given 5 % and has 0 %");
    assert!(said.hint.unwrap().contains("GitOps"));
    assert_eq!(weights(&object), [&json!(100), &json!(0)]);
}

#[test]
fn an_object_that_is_not_there_is_asked_for_once() {
    let server = ApiServer::start("/elsewhere", &object(), &[]);
    let said = block_on(async { route().read_by(&client(&server).await).await }).unwrap().unwrap_err();
    assert!(said.message.starts_with("HTTPRoute `ml/churn` was not read: the server could not find"), "{said}");
    assert_eq!(server.asked().len(), 1);
}

#[test]
fn a_token_that_is_not_known_is_not_tried_again() {
    let server = ApiServer::start(ROUTE, &object(), &[]);
    let said = block_on(async {
        let config = configured(&server.url, &json!({"token": "other"}), &json!({})).await;
        route().read_by(&connect(config).await.unwrap()).await
    });
    let said = said.unwrap().unwrap_err();
    assert_eq!(said.message, "HTTPRoute `ml/churn` was not read: Unauthorized");
    assert_eq!(server.asked().len(), 1);
}

#[test]
fn what_a_helper_for_credentials_says_is_not_repeated() {
    let helper = json!({"exec": {
        "apiVersion": "client.authentication.k8s.io/v1", "interactiveMode": "Never",
        "command": "sh", "args": ["-c", "echo token-of-somebody; exit 1"],
    }});
    let server = ApiServer::start(ROUTE, &object(), &[]);
    let said = block_on(async {
        match connect(configured(&server.url, &helper, &json!({})).await).await {
            Ok(client) => route().read_by(&client).await.map(drop),
            Err(problem) => Err(problem),
        }
    });
    let said = said.unwrap().unwrap_err().to_string();
    assert!(said.contains("credentials") && !said.contains("somebody"), "{said}");
    // As it comes when a token is renewed: inside what the client's layers say.
    let output =
        || std::process::Output { status: ExitStatus::default(), stdout: b"somebody".into(), stderr: Vec::new() };
    let inner = AuthError::AuthExecRun { cmd: "helper".into(), out: Box::new(output()) };
    let refused = route().refused("read", kube::Error::Service(Box::new(inner)));
    assert!(!refused.problem.to_string().contains("115"), "{}", refused.problem);
    assert!(refused.problem.message.ends_with("was not read: there are no credentials"), "{}", refused.problem);
}

#[test]
fn a_server_that_should_not_be_spoken_to_is_not() {
    let refused = |server: &str, cluster: &Value| {
        block_on(async { connect(configured(server, &json!({"token": TOKEN}), cluster).await).await.map(drop) })
            .unwrap()
            .unwrap_err()
            .message
    };
    assert!(refused("http://169.254.169.254", &json!({})).contains("link-local"));
    assert!(refused("http://192.0.2.1:6443", &json!({})).contains("unencrypted"));
    let unchecked = json!({"insecure-skip-tls-verify": true});
    assert!(refused("https://127.0.0.1:1", &unchecked).contains("does not check"));
}

#[test]
fn a_revision_that_is_not_ready_is_said() {
    let service =
        Kubernetes { kind: Kind::InferenceService, stable: "prev".into(), candidate: "latest".into(), ..route() };
    let revisions = |created: &str| json!({"latestReadyRevision": "churn-1", "latestCreatedRevision": created});
    let object = |created: &str| json!({"status": {"components": {"predictor": revisions(created)}}});
    assert_eq!(inference::ready(&object("churn-1"), service.arms()), Ok(()));
    let said = inference::ready(&object("churn-2"), service.arms()).unwrap_err();
    assert_eq!(said.message, "the revision `churn-2` is not ready");
}

#[test]
fn what_a_kubeconfig_hides_stays_hidden() {
    for text in ["users: [{name: me, user: {token: hunter2]", "users: {token: hunter2}", "clusters: hunter2"] {
        let said = unusable(&Kubeconfig::from_yaml(text).unwrap_err()).to_string();
        assert!(said.contains("no YAML of a kubeconfig") && !said.contains("hunter2"), "{said}");
    }
    let cluster = json!({"proxy-url": "socks5://me:hunter2@192.0.2.1"});
    let said = block_on(async { connect(configured("https://192.0.2.2", &json!({}), &cluster).await).await.map(drop) });
    let said = said.unwrap().unwrap_err().to_string();
    assert!(said.contains("none of HTTP") && !said.contains("hunter2"), "{said}");
}
