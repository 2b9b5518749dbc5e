//! Posts to incoming webhooks: of Slack, of anything that takes the same, of anything that takes JSON.

use serde_json::{Value, json};

use crate::integrations::http::{self, AllowedHost, Patience};
use crate::support::problem::Problem;

/// Posts a text, as Slack takes it. The address is a secret: it is in no message.
///
/// # Errors
/// It was not taken.
pub async fn webhook(address: &str, text: &str, proxied: bool) -> Result<(), Problem> {
    post(address, None, &json!({ "text": text }), Patience::default(), proxied).await
}

/// Posts JSON to an address that is a secret: it is in no message. Where nothing answers it is sent again.
///
/// # Errors
/// It was not taken.
pub async fn post(
    address: &str,
    token: Option<&str>,
    body: &Value,
    patience: Patience,
    proxied: bool,
) -> Result<(), Problem> {
    let failed = |said: String| Problem::new(format!("the webhook was not told: {said}"));
    // What is wrong with an address would show some of it.
    let url = http::address(address, "the webhook's address").map_err(|_| failed("its address is none".into()))?;
    let host = AllowedHost::by_environment(url.clone());
    let client = http::client(&host, true, patience, proxied).await.map_err(|_| {
        failed(
            "its host was not found, or may not be spoken to: it must be https, and neither link-local nor a metadata service"
                .into(),
        )
    })?;
    let body = body.to_string();
    let mut tried = 0;
    loop {
        tried += 1;
        let request = client.post(url.clone()).header("content-type", "application/json").body(body.clone());
        let request = match token {
            Some(token) => request.bearer_auth(token),
            None => request,
        };
        let said = match request.send().await {
            Ok(response) if response.status().is_success() => return Ok(()),
            Ok(response) if !response.status().is_server_error() && response.status() != 429 => {
                return Err(failed(format!("it answers {}", response.status())));
            }
            Ok(response) => format!("it answers {}", response.status()),
            Err(error) => http::in_words(error),
        };
        if tried >= patience.tries {
            return Err(failed(said));
        }
        tokio::time::sleep(patience.pause(tried)).await;
    }
}
