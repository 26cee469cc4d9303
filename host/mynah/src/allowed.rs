//! Who may connect: `allow_from`.

use std::io;
use std::net::{IpAddr, SocketAddr};

use axum::serve::Listener;
use tokio::net::{TcpListener, TcpStream};

use crate::config::Cidr;

/// A socket that hangs up on whoever may not connect, before a byte is read.
pub(crate) struct Allowed {
    listener: TcpListener,
    from: Vec<Cidr>,
}

impl Allowed {
    /// Lets everybody in who reaches the socket if nobody is named.
    pub(crate) fn new(listener: TcpListener, from: Vec<Cidr>) -> Self {
        Self { listener, from }
    }
}

impl Listener for Allowed {
    type Io = TcpStream;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (TcpStream, SocketAddr) {
        loop {
            let (stream, peer) = Listener::accept(&mut self.listener).await;
            if is_allowed(&self.from, peer.ip()) {
                return (stream, peer);
            }
            tracing::warn!(peer = %peer.ip(), "connection refused: the address is not in `allow_from`");
        }
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }
}

/// Programs on this machine may always: whoever runs one here can read the data folder too.
fn is_allowed(from: &[Cidr], peer: IpAddr) -> bool {
    from.is_empty() || peer.to_canonical().is_loopback() || from.iter().any(|block| block.contains(peer))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_those_who_are_named_and_this_machine_may_connect() {
        let allowed = |from: &[&str], peer: &str| {
            let from: Vec<_> = from.iter().map(|block| block.parse().unwrap()).collect();
            is_allowed(&from, peer.parse().unwrap())
        };
        assert!(allowed(&["192.168.1.0/24"], "192.168.1.9"));
        assert!(allowed(&["192.168.1.0/24"], "::ffff:192.168.1.9"));
        assert!(!allowed(&["192.168.1.0/24"], "192.168.2.9"));
        assert!(!allowed(&["192.168.1.0/24"], "2001:db8::1"));
        assert!(allowed(&["192.168.1.0/24"], "127.0.0.1") && allowed(&["192.168.1.0/24"], "::1"));
        assert!(allowed(&[], "203.0.113.9"), "an open address is refused earlier, see `check_exposure`");
    }
}
