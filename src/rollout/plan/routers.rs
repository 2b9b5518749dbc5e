//! What a router can do of what a strategy asks for.

use super::Wrong;
use crate::config::rollout::{RolloutSection, RouterSection};
use crate::rollout::Strategy;

/// What is wrong with the router's own settings, and whether it can do what the strategy asks for.
pub(super) fn validate(section: &RolloutSection, wrong: &mut Wrong) {
    let is_ab_test = section.strategy == Strategy::AbTest;
    match &section.router {
        Some(RouterSection::Nginx(nginx)) => {
            let is_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | ':');
            for (key, name) in [("stable", &nginx.stable), ("candidate", &nginx.candidate)] {
                if name.is_empty() || !name.chars().all(is_name) {
                    wrong.at(
                        &format!("router.nginx.{key}"),
                        "letters, digits and any of `-_.:`: it is written into NGINX's file",
                    );
                }
            }
            let is_key = |c: char| c.is_ascii_alphanumeric() || matches!(c, '$' | '{' | '}' | '_');
            if nginx.key.as_ref().is_some_and(|key| !key.starts_with('$') || !key.chars().all(is_key)) {
                wrong.at("router.nginx.key", "variables of NGINX such as `$http_x_user_id`");
            }
            let is_header = |c: char| c.is_ascii_alphanumeric() || c == '-';
            if nginx.tester_header.as_ref().is_some_and(|name| name.is_empty() || !name.chars().all(is_header)) {
                wrong.at("router.nginx.tester_header", "a header's name of letters, digits and `-`");
            }
            if is_ab_test && nginx.key.is_none() {
                let why = "users of an A/B test stay with their variant: set what they are told apart by, such as `$http_x_user_id`";
                wrong.at("router.nginx.key", why);
            }
        }
        Some(RouterSection::SageMaker(_)) if is_ab_test => {
            wrong.at("strategy", "a SageMaker endpoint does not keep users with their variant: take another router");
        }
        Some(RouterSection::Vertex(endpoint)) => {
            if is_ab_test {
                wrong
                    .at("strategy", "a Vertex AI endpoint does not keep users with their variant: take another router");
            }
            let is_name = |c: char| c.is_ascii_alphanumeric() || c == '-';
            let names =
                [("project", &endpoint.project), ("location", &endpoint.location), ("endpoint", &endpoint.endpoint)];
            for (key, name) in names {
                if name.is_empty() || !name.chars().all(is_name) {
                    wrong.at(&format!("router.vertex.{key}"), "letters, digits and `-`: it is part of an address");
                }
            }
        }
        _ => {}
    }
}

/// The variables that routers name, by their keys.
pub(super) fn variables(router: &RouterSection) -> Vec<(&'static str, Option<&String>)> {
    match router {
        RouterSection::Webhook(webhook) => vec![("router.webhook.token_env", webhook.token_env.as_ref())],
        RouterSection::SageMaker(endpoint) => vec![
            ("router.sagemaker.access_key_id_env", Some(&endpoint.access_key_id_env)),
            ("router.sagemaker.secret_access_key_env", Some(&endpoint.secret_access_key_env)),
            ("router.sagemaker.session_token_env", endpoint.session_token_env.as_ref()),
        ],
        RouterSection::Vertex(endpoint) => vec![("router.vertex.token_env", Some(&endpoint.token_env))],
        _ => Vec::new(),
    }
}
