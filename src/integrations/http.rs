//! The one door to the network: bounded in time, tries and size; to hosts that somebody may name (`hosts`), at addresses
//! that are no machine's metadata service (`addresses`); credentials by TLS only, and never past a redirect.
#![expect(clippy::disallowed_methods, reason = "edge: resolves names, makes clients")]

pub mod addresses;
pub mod body;
pub mod hosts;

use std::net::{IpAddr, SocketAddr};
use std::sync::Once;
use std::time::Duration;

pub use hosts::{AllowedHost, HostPolicy};
use reqwest::{Client, Url, redirect};

use crate::support::problem::Problem;
use crate::support::words::code;

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

/// A client for this host alone.
///
/// # Errors
/// The host is, or resolves to, an address that is refused; it cannot be resolved; credentials would go over the network
/// as plain text.
pub async fn client(
    allowed: &AllowedHost,
    has_credentials: bool,
    patience: Patience,
    proxied: bool,
) -> Result<Client, Problem> {
    static TLS: Once = Once::new();
    TLS.call_once(|| {
        // Another provider that is there already will do.
        let _ = rustls::crypto::ring::default_provider().install_default();
    });
    let url = allowed.url();
    let shown = code(&shown(url));
    let mut builder = Client::builder()
        .redirect(redirect::Policy::none())
        .connect_timeout(patience.timeout.min(Duration::from_secs(10)))
        .timeout(patience.timeout)
        .user_agent(concat!("mlgate/", env!("CARGO_PKG_VERSION")));
    let (host, addresses) = resolved(url, patience, proxied).await?;
    if let Some(why) = refusal(&host, &addresses) {
        return Err(Problem::new(format!("{shown} {why}")).hint("name the server by an address of its own"));
    }
    if let Some(referrer) = allowed.referrer()
        && addresses.iter().any(|address| addresses::is_private(address.ip()))
    {
        let (_, own) = resolved(referrer, patience, proxied).await?;
        if !own.iter().all(|address| addresses::is_private(address.ip())) {
            let from = code(&self::shown(referrer));
            return Err(Problem::new(format!("{from} refers to {shown}, an address in a private network")));
        }
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

/// The host of an address as it is resolved, and what it resolves to: nothing where only a proxy may know it.
async fn resolved(url: &Url, patience: Patience, proxied: bool) -> Result<(String, Vec<SocketAddr>), Problem> {
    let shown = code(&shown(url));
    let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']).to_owned();
    let lookup = tokio::net::lookup_host((host.clone(), url.port_or_known_default().unwrap_or(443)));
    let found = match tokio::time::timeout(patience.timeout, lookup).await {
        Ok(Ok(addresses)) => addresses.collect(),
        // A proxy may know hosts that this machine does not.
        _ if proxied => Vec::new(),
        Ok(Err(error)) => return Err(Problem::new(format!("{shown} could not be found: {error}"))),
        Err(_) => return Err(Problem::new(format!("{shown} could not be found in time"))),
    };
    Ok((host, found))
}

/// Why no request goes to a host of this name at these addresses.
pub fn refusal(host: &str, resolved: &[SocketAddr]) -> Option<&'static str> {
    addresses::refusal_of_name(host).or_else(|| resolved.iter().find_map(|address| addresses::refusal(address.ip())))
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
    crate::support::words::one_line(&said)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(text: &str, has_credentials: bool) -> String {
        let host = AllowedHost::by_input(address(text, "the address").unwrap());
        block_on(client(&host, has_credentials, Patience::default(), false)).unwrap().unwrap_err().message
    }

    #[test]
    fn machines_metadata_is_out_of_reach() {
        for text in [
            "http://169.254.169.254/",
            "http://[fe80::1]/",
            "http://[::ffff:169.254.169.254]/",
            "http://2852039166/",
            "http://0xa9fea9fe/",
            "http://[64:ff9b::a9fe:a9fe]/",
        ] {
            assert!(refused(text, false).contains("link-local"), "{text}");
        }
        for text in ["http://168.63.129.16/", "http://100.100.100.200/", "http://[fd00:ec2::254]/"] {
            assert!(refused(text, false).contains("a cloud's metadata service"), "{text}");
        }
        assert!(refused("http://0.0.0.0:1/", false).contains("not the address of one host"));
    }

    #[test]
    fn a_proxy_is_not_asked_for_metadata() {
        for text in ["http://169.254.169.254/", "http://metadata.google.internal/"] {
            let host = AllowedHost::by_input(address(text, "the address").unwrap());
            assert!(block_on(client(&host, false, Patience::default(), true)).unwrap().is_err(), "{text}");
        }
    }

    #[test]
    fn a_public_host_refers_to_no_private_one() {
        let refer = |from: &str| {
            let from = AllowedHost::by_environment(address(from, "the API").unwrap());
            let host = from.referral("http://127.0.0.1:1/x", "the artifact's address").unwrap();
            block_on(client(&host, false, Patience::default(), false)).unwrap()
        };
        assert!(refer("http://192.0.2.1/").unwrap_err().message.contains("an address in a private network"));
        assert!(refer("http://127.0.0.1:2/").is_ok());
    }

    #[test]
    fn credentials_are_encrypted_but_on_loopback() {
        assert!(refused("http://192.0.2.1:5000", true).contains("unencrypted"));
        let host = AllowedHost::by_input(address("http://127.0.0.1:1", "the address").unwrap());
        assert!(block_on(client(&host, true, Patience::default(), false)).unwrap().is_ok());
    }

    #[test]
    fn what_is_no_address_is_said() {
        let wrong = |text: &str| address(text, "the address").unwrap_err().message;
        assert!(wrong("mlruns").contains("is no address"));
        assert!(wrong("file:///tmp/mlruns").contains("no address of HTTP"));
        assert_eq!(wrong("https://me:secret@host"), "the address holds a user or a password");
    }
}
