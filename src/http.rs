//! HTTP as mlgate does it: bounded in time, tries and size; credentials by TLS only, and never past a redirect.

use std::net::{IpAddr, SocketAddr};
use std::sync::Once;
use std::time::Duration;

use reqwest::{Client, Url, redirect};

use crate::problem::Problem;
use crate::words::code;

/// How long and how often.
#[derive(Debug, Clone, Copy)]
pub struct Patience {
    pub timeout: Duration,
    pub tries: u32,
}

impl Default for Patience {
    fn default() -> Self {
        Self { timeout: Duration::from_secs(20), tries: 3 }
    }
}

impl Patience {
    /// How long to wait after this failed try, from 1.
    pub fn pause(self, tried: u32) -> Duration {
        Duration::from_millis(250) * 2_u32.saturating_pow(tried - 1)
    }

    /// `after 3 tries of 20 s at most`.
    pub fn said(self) -> String {
        let tries = if self.tries == 1 { "one try".to_owned() } else { format!("{} tries", self.tries) };
        format!("after {tries} of {} s at most", self.timeout.as_secs_f64())
    }
}

/// An address to speak to: HTTP or HTTPS, without user and password, which belong in the environment.
///
/// # Errors
/// It is none.
pub fn address(text: &str, what: &str) -> Result<Url, Problem> {
    let wrong = |why: &str| Problem::new(format!("{what} {} {why}", code(text)));
    let url = Url::parse(text).map_err(|_| wrong("is no address").hint("write it as https://mlflow.example.org"))?;
    if !matches!(url.scheme(), "http" | "https") || !url.has_host() {
        return Err(wrong("is no address of HTTP").hint("write it as https://mlflow.example.org"));
    }
    if !url.username().is_empty() || url.password().is_some() {
        // The text holds the password: it is not repeated.
        return Err(Problem::new(format!("{what} holds a user or a password"))
            .hint("set MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD instead"));
    }
    Ok(url)
}

/// A client for this address alone.
///
/// # Errors
/// The address is link-local, cannot be resolved, or credentials would go over the network as plain text.
pub async fn client(url: &Url, has_credentials: bool, patience: Patience, proxied: bool) -> Result<Client, Problem> {
    static TLS: Once = Once::new();
    TLS.call_once(|| {
        // Another provider that is there already will do.
        let _ = rustls::crypto::ring::default_provider().install_default();
    });
    let shown = code(&shown(url));
    let mut builder = Client::builder()
        .redirect(redirect::Policy::none())
        .connect_timeout(patience.timeout.min(Duration::from_secs(10)))
        .timeout(patience.timeout)
        .user_agent(concat!("mlgate/", env!("CARGO_PKG_VERSION")));
    let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']).to_owned();
    let port = url.port_or_known_default().unwrap_or(443);
    let found = tokio::time::timeout(patience.timeout, tokio::net::lookup_host((host.as_str(), port))).await;
    let addresses: Vec<SocketAddr> = match found {
        Ok(Ok(addresses)) => addresses.collect(),
        // A proxy may know hosts that this machine does not.
        _ if proxied => Vec::new(),
        Ok(Err(error)) => return Err(Problem::new(format!("{shown} could not be found: {error}"))),
        Err(_) => return Err(Problem::new(format!("{shown} could not be found in time"))),
    };
    if addresses.iter().any(|address| is_link_local(address.ip())) {
        return Err(Problem::new(format!("{shown} is a link-local address, such as machines' metadata have"))
            .hint("name the server by an address of its own"));
    }
    let is_loopback = !addresses.is_empty() && addresses.iter().all(|address| address.ip().is_loopback());
    if has_credentials && url.scheme() == "http" && !is_loopback {
        return Err(Problem::new(format!("credentials would go to {shown} unencrypted")).hint("use https"));
    }
    // What was looked at is what is spoken to.
    if !addresses.is_empty() && host.parse::<IpAddr>().is_err() {
        builder = builder.resolve_to_addrs(&host, &addresses);
    }
    if is_loopback {
        builder = builder.no_proxy();
    }
    builder.build().map_err(|error| Problem::new(format!("no client for {shown}: {error}")))
}

/// Runs what is asked of servers, on this thread.
///
/// # Errors
/// The system has no way to wait for a server.
pub fn block_on<T>(work: impl Future<Output = T>) -> Result<T, Problem> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| Problem::new(format!("no way to wait for a server: {error}")))?;
    Ok(runtime.block_on(work))
}

/// The address without what follows its host.
pub fn shown(url: &Url) -> String {
    let port = url.port().map(|port| format!(":{port}")).unwrap_or_default();
    format!("{}://{}{port}", url.scheme(), url.host_str().unwrap_or_default())
}

/// An error and its causes, in one line, without the address, which can hold what nobody should read.
pub fn in_words(error: reqwest::Error) -> String {
    if error.is_timeout() {
        return "no answer in time".into();
    }
    let error = error.without_url();
    let mut said = error.to_string();
    let mut source = std::error::Error::source(&error);
    while let Some(cause) = source {
        said = cause.to_string();
        source = cause.source();
    }
    crate::words::one_line(&said)
}

/// Whether it is of machines' metadata and the like.
pub fn is_link_local(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => ip.is_link_local(),
        IpAddr::V6(ip) => ip.is_unicast_link_local() || ip.to_ipv4_mapped().is_some_and(|ip| ip.is_link_local()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(text: &str, has_credentials: bool) -> String {
        let url = address(text, "the address").unwrap();
        block_on(client(&url, has_credentials, Patience::default(), false)).unwrap().unwrap_err().message
    }

    #[test]
    fn machines_metadata_is_out_of_reach() {
        for text in ["http://169.254.169.254/", "http://[fe80::1]/", "http://[::ffff:169.254.169.254]/"] {
            assert!(refused(text, false).contains("link-local"), "{text}");
        }
    }

    #[test]
    fn credentials_are_encrypted_but_on_loopback() {
        assert!(refused("http://192.0.2.1:5000", true).contains("unencrypted"));
        let url = address("http://127.0.0.1:1", "the address").unwrap();
        assert!(block_on(client(&url, true, Patience::default(), false)).unwrap().is_ok());
    }

    #[test]
    fn what_is_no_address_is_said() {
        let wrong = |text: &str| address(text, "the address").unwrap_err().message;
        assert!(wrong("mlruns").contains("is no address"));
        assert!(wrong("file:///tmp/mlruns").contains("no address of HTTP"));
        assert_eq!(wrong("https://me:secret@host"), "the address holds a user or a password");
    }
}
