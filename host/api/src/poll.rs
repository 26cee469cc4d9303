//! `poll_api`: asks a server, again and again, what to do. It answers, when it wants something, with a redirect to a
//! call of this host's own API; so programs outside reach a host that they cannot connect to.
//!
//! Such a call is served by the router like any other, with its checks; nothing is sent over the network for it. A
//! redirect to anywhere else is refused: it would let that server reach whatever this machine reaches.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::{Request, StatusCode, header};
use mynah_model::event::AccountState;
use mynah_runtime::Account;
use reqwest::{Client, Response, Url};
use tower::ServiceExt;

use crate::keys::{Scope, Scopes};
use crate::remote::{self, Remote};
use crate::server::Closing;
use crate::settings::POLL_WAIT;

/// Where a router is served, and what of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Listening {
    /// The address, with its port.
    pub address: SocketAddr,
    /// The parts of the API that are served there.
    pub apis: Scopes,
    /// Whether it speaks TLS.
    pub tls: bool,
}

impl From<SocketAddr> for Listening {
    /// Everything, without TLS.
    fn from(address: SocketAddr) -> Self {
        Self { address, apis: Scopes::all(), tls: false }
    }
}

/// The polling of one account.
pub(crate) struct Poll {
    pub(crate) account: Arc<Account>,
    pub(crate) remote: Remote,
    pub(crate) interval: Duration,
    pub(crate) http: Client,
    pub(crate) router: Router,
    /// Where the router is served.
    pub(crate) listen: Vec<Listening>,
}

impl Poll {
    /// Asks for as long as the account is running, until the host closes.
    pub(crate) async fn run(self, mut closing: Closing) {
        tokio::select! {
            () = self.ask_again_and_again() => {}
            () = closing.wait() => {}
        }
    }

    async fn ask_again_and_again(&self) {
        let mut state = self.account.watch_state();
        let mut failed = false;
        loop {
            if state.wait_for(|state| *state == AccountState::Running).await.is_err() {
                return;
            }
            let mut ending = state.clone();
            let asked = tokio::select! {
                asked = self.ask() => asked,
                _ = ending.wait_for(|state| *state != AccountState::Running) => continue,
            };
            match asked {
                Ok(()) => failed = false,
                // Once for a row of failures: the server may be away for days.
                Err(why) if !failed => {
                    tracing::warn!(account = %self.account.name(), poll_api = %self.remote, why, "polling failed and is tried again");
                    failed = true;
                }
                Err(_) => {}
            }
            tokio::time::sleep(self.interval).await;
        }
    }

    /// Asks once and does what the answer says.
    async fn ask(&self) -> Result<(), String> {
        let asking = self.http.get(self.remote.url().clone()).send();
        let response = match tokio::time::timeout(POLL_WAIT, asking).await {
            Ok(answered) => answered.map_err(remote::reason)?,
            // Nothing is wanted.
            Err(_) => return Ok(()),
        };
        if !response.status().is_redirection() {
            return match response.status().is_success() {
                true => Ok(()),
                false => Err(format!("it answered {}", response.status())),
            };
        }
        match self.own_call(&response) {
            Ok(call) => self.call(call).await,
            Err(why) => {
                tracing::warn!(account = %self.account.name(), poll_api = %self.remote, why, "a redirect is refused");
            }
        }
        Ok(())
    }

    /// The call of this host that a redirect asks for.
    fn own_call(&self, response: &Response) -> Result<Url, String> {
        if response.status() != StatusCode::FOUND {
            return Err(format!("only 302 asks for a call, not {}", response.status()));
        }
        let location = response.headers().get(header::LOCATION).and_then(|value| value.to_str().ok());
        let location = location.ok_or("it has no Location that can be read")?;
        own_call(location, &self.listen)
    }

    async fn call(&self, url: Url) {
        let path = url.path().to_owned();
        let target = match url.query() {
            Some(query) => format!("{path}?{query}"),
            None => path.clone(),
        };
        let request = Request::builder().uri(target).header(header::HOST, "localhost").body(Body::empty());
        let Ok(request) = request else {
            tracing::warn!(account = %self.account.name(), path, "a call that `poll_api` asks for cannot be made");
            return;
        };
        // Its answer is for nobody; one that holds events gives them back when it is dropped.
        let Ok(response) = self.router.clone().oneshot(request).await;
        tracing::info!(account = %self.account.name(), path, status = %response.status(), "did a call that `poll_api` asked for");
    }
}

/// The address, if it is that of a call of one of the compatible APIs where we listen ourselves.
fn own_call(location: &str, listen: &[Listening]) -> Result<Url, String> {
    let url = Url::parse(location).map_err(|error| format!("Location is no address: {error}"))?;
    let shown = || format!("`{}://{}`", url.scheme(), url.authority().rsplit('@').next().unwrap_or_default());
    if !matches!(url.scheme(), "http" | "https") || !url.username().is_empty() || url.password().is_some() {
        return Err(format!("{} is no address of this host", shown()));
    }
    let ips: Vec<IpAddr> = match url.host() {
        Some(url::Host::Ipv4(ip)) => vec![ip.into()],
        Some(url::Host::Ipv6(ip)) => vec![IpAddr::from(ip).to_canonical()],
        Some(url::Host::Domain("localhost")) => {
            vec![[127, 0, 0, 1].into(), [0, 0, 0, 0, 0, 0, 0, 1].into()]
        }
        _ => Vec::new(),
    };
    let is_ours = |listening: &&Listening| {
        let own = listening.address.ip().to_canonical();
        let here = |ip: &IpAddr| *ip == own || (own.is_unspecified() && ip.is_loopback());
        let port = Some(listening.address.port()) == url.port_or_known_default();
        port && (url.scheme() == "https") == listening.tls && ips.iter().any(here)
    };
    let Some(listening) = listen.iter().find(is_ours) else {
        return Err(format!("{} is no address of this host", shown()));
    };
    let scope = match url.path() {
        path if path.starts_with("/openqq/") => Scope::Openqq,
        path if path.starts_with("/openwx/") => Scope::Openwx,
        path => return Err(format!("`{path}` is no path of the Openqq or Openwx API")),
    };
    if !listening.apis.contains(scope) {
        return Err(format!("{} does not serve `{}`", shown(), scope.as_str()));
    }
    Ok(url)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_calls_of_our_own_apis_where_we_listen_are_done() {
        let at = |address: &str| Listening::from(address.parse::<SocketAddr>().unwrap());
        let only = Listening { apis: [Scope::Openwx].into_iter().collect(), ..at("127.0.0.1:5002") };
        let tls = Listening { tls: true, ..at("127.0.0.1:5443") };
        let listen = [at("127.0.0.1:5000"), at("[::1]:5001"), only, tls];
        let open = [at("0.0.0.0:80")];
        for (location, listen, ours) in [
            ("http://127.0.0.1:5000/openqq/send_friend_message?id=1&content=hello", &listen[..], true),
            ("http://localhost:5000/openqq/check_event", &listen, true),
            ("http://127.1:5000/openwx/x", &listen, true),
            ("http://[::1]:5001/openwx/x", &listen, true),
            ("http://[::ffff:127.0.0.1]:5000/openqq/x", &listen, true),
            ("http://127.0.0.1/openqq/x", &open, true),
            ("http://127.0.0.1:5002/openwx/x", &listen, true),
            ("http://127.0.0.1:5002/openqq/x", &listen, false),
            ("https://127.0.0.1:5443/openqq/x", &listen, true),
            ("http://127.0.0.1:5443/openqq/x", &listen, false),
            ("https://127.0.0.1:5000/openqq/x", &listen, false),
            ("http://127.0.0.1:5001/openqq/x", &listen, false),
            ("http://127.0.0.2:5000/openqq/x", &listen, false),
            ("http://127.0.0.1:5000/api/v1/accounts", &listen, false),
            ("http://127.0.0.1:5000/openqq/../api/v1/accounts", &listen, false),
            ("http://127.0.0.1:5000/openqq/%2e%2e/api/v1/accounts", &listen, false),
            ("http://127.0.0.1:5000/", &listen, false),
            ("http://me:pw@127.0.0.1:5000/openqq/x", &listen, false),
            ("http://127.0.0.1:5000@evil.example/openqq/x", &listen, false),
            ("http://evil.example:5000/openqq/x", &listen, false),
            ("http://169.254.169.254/openqq/x", &open, false),
            ("ftp://127.0.0.1:5000/openqq/x", &listen, false),
            ("/openqq/x", &listen, false),
            ("", &listen, false),
        ] {
            assert_eq!(own_call(location, listen).is_ok(), ours, "{location}");
        }
    }
}
