//! Who dials whom, between a host and the peer that tests play.

use super::onebot_peer::Peer;

/// How a host and its peer reach each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    /// The host dials.
    Forward,
    /// It dials twice: for calls, and for events.
    Pair,
    /// It is dialled.
    Reverse,
    /// It calls over HTTP, and events are posted to it.
    Http,
}

impl Way {
    pub(crate) const ALL: [Self; 4] = [Self::Forward, Self::Pair, Self::Reverse, Self::Http];

    /// The keys of the host's account.
    pub(crate) async fn keys(self, peer: &mut Peer) -> String {
        match self {
            Self::Forward => format!("url = \"{}\"", peer.url()),
            Self::Pair => format!("url = \"{}\"\nsockets = 2", peer.url()),
            Self::Reverse => "listen = \"/onebot/v11/ws\"".to_owned(),
            Self::Http => format!("url = \"{}\"\nlisten = \"/onebot/v11/http\"", peer.serve_http().await),
        }
    }

    /// Has the peer do its part, once the host listens.
    pub(crate) fn connect(self, peer: &mut Peer, host: &str) {
        match self {
            Self::Forward | Self::Pair => {}
            Self::Reverse => peer.dial(host, "/onebot/v11/ws"),
            Self::Http => peer.post_to(host, "/onebot/v11/http"),
        }
    }
}
