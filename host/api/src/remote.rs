//! Other people's servers: where the operator said that they are, and the client that calls them.
//!
//! # Layout
//! - `names`: from their names to addresses

mod names;

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use reqwest::{Client, Url, redirect};

use names::Names;

pub use mynah_runtime::crypto::install as install_crypto;

/// The address of something that is called, http or https. What is shown of it holds no password and no query, both
/// of which may be secrets.
#[derive(Clone, PartialEq, Eq)]
pub struct Remote(Url);

impl Remote {
    /// All of it.
    pub(crate) fn url(&self) -> &Url {
        &self.0
    }
}

impl FromStr for Remote {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let url = Url::parse(text).map_err(|error| error.to_string())?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err(format!("`{}` is neither http nor https", url.scheme()));
        }
        if url.port() == Some(0) {
            return Err("there is no port 0".to_owned());
        }
        Ok(Self(url))
    }
}

impl fmt::Display for Remote {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}", self.0.scheme(), self.0.host_str().unwrap_or_default())?;
        if let Some(port) = self.0.port() {
            write!(f, ":{port}")?;
        }
        f.write_str(self.0.path())
    }
}

impl fmt::Debug for Remote {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Remote({self})")
    }
}

/// A client that follows no redirects, keeps no cookies and knows no proxies; certificates are checked by those that the
/// system trusts.
///
/// # Errors
/// If the system has no randomness or no sockets to offer.
pub fn client(connect: Duration) -> Result<Client, reqwest::Error> {
    install_crypto();
    let plan = || {
        let agent = concat!("mynah/", env!("CARGO_PKG_VERSION"));
        Client::builder()
            .user_agent(agent)
            .redirect(redirect::Policy::none())
            .connect_timeout(connect)
            .dns_resolver(Names::of_system())
            .no_proxy()
    };
    plan().build().or_else(|error| {
        // A machine without certificates can call http all the same.
        let client = plan().tls_certs_only([]).build()?;
        tracing::warn!(why = chain(&error), "no https server can be called: install ca-certificates");
        Ok(client)
    })
}

/// An error and all that is behind it, without the address that was called: its query may be a secret.
pub(crate) fn reason(error: reqwest::Error) -> String {
    chain(&error.without_url())
}

fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_addresses_that_can_be_called_are_taken_and_their_secrets_are_not_shown() {
        let remote: Remote = "https://me:hunter2@bot.example:8443/hook?token=abc".parse().unwrap();
        assert_eq!(remote.to_string(), "https://bot.example:8443/hook");
        assert_eq!(format!("{remote:?}"), "Remote(https://bot.example:8443/hook)");
        for bad in ["", "bot.example/hook", "ftp://a/b", "file:///etc/passwd", "http://", "http://a:0/"] {
            assert!(bad.parse::<Remote>().is_err(), "{bad}");
        }
    }
}
