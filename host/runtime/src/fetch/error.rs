//! Why something was not fetched.

use std::error::Error;
use std::net::IpAddr;

/// Why something was not fetched. Each says what was wrong and what would be right.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FetchError {
    /// The text is no URL that is fetched.
    #[error("this is no address that can be fetched: {0}")]
    Url(String),
    /// The port is not one that the web uses.
    #[error(
        "port {port} of {host} is none that the web uses ({}); the operator can allow it with `allow = [\"{host}:{port}\"]` under `[media]` in mynah.toml",
        crate::limits::FETCH_PORTS.map(|port| port.to_string()).join(", ")
    )]
    Port {
        /// The host.
        host: String,
        /// The port.
        port: u16,
    },
    /// The place is not on the public internet.
    #[error(
        "{place} leads to {address}, {why}: only public addresses are fetched; the operator can allow it with `allow = [\"{place}\"]` under `[media]` in mynah.toml"
    )]
    NotPublic {
        /// Host and port, as asked for.
        place: String,
        /// What it leads to.
        address: IpAddr,
        /// What kind of address that is.
        why: &'static str,
    },
    /// The script may not fetch from there. Asked for by itself or by a redirect.
    #[error("`{0}` is not among the places that the script may fetch from")]
    NotGranted(String),
    /// The name leads nowhere.
    #[error("no address of `{host}` was found: {error}")]
    NoAddress {
        /// The host.
        host: String,
        /// What the resolver says.
        error: String,
    },
    /// It leads from one place to the next.
    #[error("it leads elsewhere more than {most} times")]
    TooManyRedirects {
        /// How many are followed.
        most: usize,
    },
    /// The body is too large.
    #[error("it has more than {most} bytes")]
    TooLarge {
        /// How many may be.
        most: usize,
    },
    /// There are too many headers.
    #[error("its headers have more than {most} bytes")]
    LongHeaders {
        /// How many may be.
        most: usize,
    },
    /// It did not come in time.
    #[error("it did not come within {seconds} s")]
    TooSlow {
        /// How long was waited.
        seconds: u64,
    },
    /// The connection failed or broke, or what came is not HTTP.
    #[error("it could not be fetched: {0}")]
    Failed(String),
}

impl FetchError {
    /// Whether the place itself was refused: nothing was asked of it.
    pub fn is_refusal(&self) -> bool {
        matches!(self, Self::Url(_) | Self::Port { .. } | Self::NotPublic { .. } | Self::NotGranted(_))
    }

    pub(super) fn client(error: reqwest::Error) -> Self {
        Self::Failed(format!("encryption cannot be set up: {}", innermost(&error)))
    }

    pub(super) fn request(error: reqwest::Error) -> Self {
        if error.is_timeout() {
            return Self::Failed("the connection did not stand in time".to_owned());
        }
        Self::Failed(innermost(&error))
    }
}

/// What an error comes of in the end: the outer ones only say that a request failed.
fn innermost(error: &dyn Error) -> String {
    let mut inner = error;
    while let Some(source) = inner.source() {
        inner = source;
    }
    inner.to_string()
}
