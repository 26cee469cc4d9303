//! Dialling an implementation: forward WebSocket.

use std::fmt;
use std::str::FromStr;

use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::http::header::{AUTHORIZATION, HeaderValue, USER_AGENT};
use tokio_tungstenite::tungstenite::http::{StatusCode, Uri};
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::{Error, handshake::client::Request};
use tokio_tungstenite::{Connector, MaybeTlsStream, WebSocketStream, connect_async_tls_with_config};

use super::back_off::Lost;
use super::limits;
use super::token::Token;
use super::trust::Trust;

/// A connection that we dialled.
pub(super) type Dialled = WebSocketStream<MaybeTlsStream<TcpStream>>;

/// Where an implementation listens: `ws://127.0.0.1:3001` or `wss://bot.example.net/onebot`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SocketUrl(Uri);

/// A text that is no address of a WebSocket.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SocketUrlError {
    /// Another scheme, no host, or no URL at all.
    #[error("write `ws://HOST:PORT` or `wss://HOST:PORT`")]
    Form,
    /// A token or password in the URL, where it would be printed.
    #[error("a secret does not belong into a URL: write `access_token`")]
    Secret,
}

impl FromStr for SocketUrl {
    type Err = SocketUrlError;

    fn from_str(text: &str) -> Result<Self, SocketUrlError> {
        let uri: Uri = text.parse().map_err(|_| SocketUrlError::Form)?;
        let authority = uri.authority().ok_or(SocketUrlError::Form)?;
        if !matches!(uri.scheme_str(), Some("ws" | "wss")) || authority.host().is_empty() {
            return Err(SocketUrlError::Form);
        }
        if authority.as_str().contains('@') || uri.query().is_some_and(|query| query.contains("access_token"))
        {
            return Err(SocketUrlError::Secret);
        }
        Ok(Self(uri))
    }
}

impl SocketUrl {
    /// The address of something below this one: what it has of a query stays.
    pub(super) fn below(&self, name: &str) -> Self {
        let path = self.0.path().trim_end_matches('/');
        let query = self.0.query().map(|query| format!("?{query}")).unwrap_or_default();
        let mut parts = self.0.clone().into_parts();
        // What was an address stays one with a word of ours behind its path.
        parts.path_and_query = format!("{path}/{name}{query}").parse().ok().or(parts.path_and_query);
        Self(Uri::from_parts(parts).unwrap_or_else(|_| self.0.clone()))
    }
}

impl fmt::Display for SocketUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// What every WebSocket of ours is bounded by.
pub(super) fn socket_config() -> WebSocketConfig {
    WebSocketConfig::default()
        .max_message_size(Some(limits::FRAME_BYTES))
        .max_frame_size(Some(limits::FRAME_BYTES))
}

/// Dials once.
pub(super) async fn dial(url: &SocketUrl, token: &Token, trust: &Trust) -> Result<Dialled, Lost> {
    let request = request(url, token).map_err(|error| Lost::Cut(error.to_string()))?;
    let connector = match url.0.scheme_str() {
        Some("wss") => Connector::Rustls(trust.config()?),
        _ => Connector::Plain,
    };
    let dialling = connect_async_tls_with_config(request, Some(socket_config()), true, Some(connector));
    match tokio::time::timeout(limits::CONNECT, dialling).await {
        Ok(Ok((socket, _))) => Ok(socket),
        Ok(Err(error)) => Err(why_not(error)),
        Err(_) => Err(Lost::Cut(format!("no answer within {} s", limits::CONNECT.as_secs()))),
    }
}

fn request(url: &SocketUrl, token: &Token) -> Result<Request, Error> {
    let mut request = url.0.clone().into_client_request()?;
    let headers = request.headers_mut();
    headers.insert(USER_AGENT, HeaderValue::from_static(concat!("mynah/", env!("CARGO_PKG_VERSION"))));
    if let Some(secret) = token.secret() {
        let mut bearer = HeaderValue::from_str(&format!("Bearer {secret}"))
            .map_err(|error| Error::HttpFormat(error.into()))?;
        bearer.set_sensitive(true);
        headers.insert(AUTHORIZATION, bearer);
    }
    Ok(request)
}

fn why_not(error: Error) -> Lost {
    let Error::Http(response) = &error else { return Lost::Cut(error.to_string()) };
    match response.status() {
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => {
            Lost::Refused(format!("it answered HTTP {}", response.status()))
        }
        status => Lost::Cut(format!("it answered HTTP {status}: nothing of OneBot is at this address")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_a_web_socket_s_and_holds_no_secret() {
        for right in ["ws://127.0.0.1:3001", "wss://bot.example.net/onebot/", "ws://[::1]:3001/?a=b"] {
            assert!(right.parse::<SocketUrl>().is_ok(), "{right}");
        }
        for wrong in ["", "127.0.0.1:3001", "http://127.0.0.1:3001", "ws://", "ws:///x"] {
            assert_eq!(wrong.parse::<SocketUrl>(), Err(SocketUrlError::Form), "{wrong}");
        }
        for secret in ["ws://user:pass@h:1", "ws://h:1/?access_token=s3cret"] {
            assert_eq!(secret.parse::<SocketUrl>(), Err(SocketUrlError::Secret), "{secret}");
        }
    }

    #[test]
    fn an_address_has_others_below_it() {
        for (url, below) in [
            ("ws://h:1", "ws://h:1/api"),
            ("ws://h:1/", "ws://h:1/api"),
            ("wss://h/onebot/?a=b", "wss://h/onebot/api?a=b"),
        ] {
            assert_eq!(url.parse::<SocketUrl>().unwrap().below("api").to_string(), below);
        }
    }

    #[test]
    fn the_token_goes_into_a_header_that_is_not_printed() {
        let url = "ws://127.0.0.1:3001".parse().unwrap();
        let request = request(&url, &Token::new("s3cret").unwrap()).unwrap();
        assert_eq!(request.headers()[AUTHORIZATION], "Bearer s3cret");
        assert!(!format!("{request:?}").contains("s3cret"));
    }
}
