//! Where an implementation dials us: reverse WebSocket.
//!
//! Whoever comes in can speak as the account's network, so a token is needed, and no page of a browser gets in: pages
//! can open WebSockets to any host, but not without saying where they come from.

use std::sync::Arc;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::mpsc;
use tokio::time::Instant;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::http::header::{
    AUTHORIZATION, CONNECTION, HeaderName, ORIGIN, SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_VERSION, UPGRADE,
};
use tokio_tungstenite::tungstenite::http::{HeaderMap, StatusCode, Uri};

use super::identity::Identity;
use super::limits;
use super::token::Token;

/// Something that bytes go through both ways.
pub trait Io: AsyncRead + AsyncWrite + Send + Unpin + 'static {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin + 'static> Io for T {}

/// A connection that was upgraded to a WebSocket.
pub type Upgraded = Box<dyn Io>;

/// Connections that wait to be taken. The account needs one; others dial again.
const WAITING: usize = 1;

/// Somebody who came in.
pub(super) struct Arrival {
    pub(super) upgraded: Upgraded,
    at: Instant,
}

impl Arrival {
    /// Whether they have waited for so long, because the account was stopped, that nobody may be there any more.
    pub(super) fn is_stale(&self) -> bool {
        self.at.elapsed() > limits::ARRIVAL_WAIT
    }
}

const ROLE: HeaderName = HeaderName::from_static("x-client-role");

const SELF_ID: HeaderName = HeaderName::from_static("x-self-id");

/// What an upgrade is answered with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Accepted {
    /// The value of `Sec-WebSocket-Accept`.
    pub accept: String,
}

/// Why somebody does not come in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{why}")]
pub struct Refused {
    /// The status to answer with.
    pub status: StatusCode,
    /// Why, and what would be right.
    pub why: &'static str,
}

/// The door of one account. Clones are the same door.
#[derive(Clone)]
pub struct Door {
    token: Token,
    identity: Arc<Identity>,
    inside: mpsc::Sender<Arrival>,
}

impl Door {
    pub(super) fn new(token: Token, identity: Arc<Identity>) -> (Self, mpsc::Receiver<Arrival>) {
        let (inside, arrivals) = mpsc::channel(WAITING);
        (Self { token, identity, inside }, arrivals)
    }

    /// Whether somebody may come in, by what stands in the request for an upgrade.
    pub fn check(&self, uri: &Uri, headers: &HeaderMap) -> Result<Accepted, Refused> {
        let refuse = |status, why| Err(Refused { status, why });
        if headers.contains_key(ORIGIN) {
            return refuse(StatusCode::FORBIDDEN, "pages of a browser do not come in here");
        }
        check_token(&self.token, uri, headers)?;
        let self_id = headers.get(SELF_ID).and_then(|id| id.to_str().ok()?.parse().ok());
        if self_id.is_some_and(|id| self.identity.check(id).is_err()) {
            return refuse(
                StatusCode::FORBIDDEN,
                "`X-Self-ID` is another QQ number than this account's: log in the right one, or stop and start the account",
            );
        }
        let says = |name: &HeaderName, word: &str| {
            let values = headers.get_all(name).iter().filter_map(|value| value.to_str().ok());
            let mut words = values.flat_map(|value| value.split(','));
            words.any(|given| given.trim().eq_ignore_ascii_case(word))
        };
        let key = headers.get(SEC_WEBSOCKET_KEY).filter(|key| key.len() == 24);
        let is_upgrade =
            says(&UPGRADE, "websocket") && says(&CONNECTION, "upgrade") && says(&SEC_WEBSOCKET_VERSION, "13");
        let Some(key) = key.filter(|_| is_upgrade) else {
            return refuse(
                StatusCode::UPGRADE_REQUIRED,
                "this is the address of a WebSocket: set it as the implementation's reverse WebSocket",
            );
        };
        // One connection for both, as NapCat and LLBot make it.
        if headers.contains_key(ROLE) && !says(&ROLE, "universal") {
            return refuse(
                StatusCode::BAD_REQUEST,
                "only `X-Client-Role: Universal` is served: set one address for both, not two",
            );
        }
        Ok(Accepted { accept: derive_accept_key(key.as_bytes()) })
    }

    /// Takes somebody in who was checked and upgraded.
    pub async fn take_in(&self, upgraded: Upgraded) {
        // Nobody is in where the account is stopped: the connection just ends.
        let arrival = Arrival { upgraded, at: Instant::now() };
        let _ = tokio::time::timeout(limits::POST_WAIT, self.inside.send(arrival)).await;
    }
}

/// Asks for the token, in any of the ways that implementations give it.
pub(super) fn check_token(token: &Token, uri: &Uri, headers: &HeaderMap) -> Result<(), Refused> {
    let header = headers.get(AUTHORIZATION).map(|value| value.to_str().unwrap_or_default());
    let by_header = header.map(|value| {
        let (scheme, secret) = value.split_once(' ').unwrap_or_default();
        let is_scheme = ["bearer", "token"].iter().any(|known| scheme.eq_ignore_ascii_case(known));
        if is_scheme { secret.trim() } else { "" }
    });
    let by_query = || {
        let pairs = uri.query().unwrap_or_default().split('&').filter_map(|pair| pair.split_once('='));
        pairs.filter(|(key, _)| *key == "access_token").map(|(_, value)| value).next()
    };
    match by_header.filter(|secret| !secret.is_empty()).or_else(by_query) {
        Some(given) if token.is(given) => Ok(()),
        Some(_) => Err(Refused { status: StatusCode::FORBIDDEN, why: "this is not the access token" }),
        None => Err(Refused { status: StatusCode::UNAUTHORIZED, why: "the access token is missing" }),
    }
}

#[cfg(test)]
mod tests {
    use tokio_tungstenite::tungstenite::http::HeaderValue;

    use super::*;

    fn check(uri: &str, headers: &[(&'static str, &str)]) -> Result<Accepted, u16> {
        let identity = Arc::new(Identity::new(Some(10001)));
        let (door, _inside) = Door::new(Token::new("s3cret").unwrap(), identity);
        let mut map = HeaderMap::new();
        let upgrade = [
            ("upgrade", "WebSocket"),
            ("connection", "keep-alive, Upgrade"),
            ("sec-websocket-version", "13"),
            ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="),
        ];
        for (name, value) in upgrade.iter().chain(headers) {
            map.insert(*name, HeaderValue::from_str(value).unwrap());
        }
        door.check(&uri.parse().unwrap(), &map).map_err(|refused| refused.status.as_u16())
    }

    #[test]
    fn whoever_has_the_token_comes_in_however_they_give_it() {
        // The sample of RFC 6455.
        let accepted = Accepted { accept: "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=".into() };
        for scheme in ["Bearer", "bearer", "Token", "TOKEN"] {
            let given = format!("{scheme} s3cret");
            assert_eq!(check("/ws", &[("authorization", &given)]), Ok(accepted.clone()), "{scheme}");
        }
        assert_eq!(check("/ws?a=b&access_token=s3cret", &[]), Ok(accepted.clone()));
        // NapCat sends an empty one where it has none.
        assert_eq!(check("/ws?access_token=s3cret", &[("authorization", "Bearer ")]), Ok(accepted));
    }

    #[test]
    fn nobody_else_does() {
        let token = ("authorization", "Bearer s3cret");
        assert_eq!(check("/ws", &[]), Err(401));
        assert_eq!(check("/ws", &[("authorization", "Bearer ")]), Err(401));
        assert_eq!(check("/ws", &[("authorization", "Bearer s3cre")]), Err(403));
        assert_eq!(check("/ws", &[("authorization", "Basic s3cret")]), Err(401));
        assert_eq!(check("/ws?access_token=", &[]), Err(403));
        for origin in ["http://localhost", "null", ""] {
            assert_eq!(check("/ws", &[token, ("origin", origin)]), Err(403), "{origin}");
        }
        assert_eq!(check("/ws", &[token, ("upgrade", "h2c")]), Err(426));
        assert_eq!(check("/ws", &[token, ("sec-websocket-key", "short")]), Err(426));
        assert_eq!(check("/ws", &[token, ("x-client-role", "API")]), Err(400));
        assert!(check("/ws", &[token, ("x-client-role", "Universal"), ("x-self-id", "10001")]).is_ok());
        assert_eq!(check("/ws", &[token, ("x-self-id", "10002")]), Err(403), "another account");
    }
}
