//! Serving a router on a listener until told to stop. The caller owns both.
//!
//! What a peer may hold is bounded: how many connections there are, how long a handshake and the head of a request
//! may take, and with that how long a connection may be idle. A peer that is silent holds nothing after that.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;

use axum::extract::Request;
use axum::serve::Listener;
use axum::{Extension, Router};
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;

use crate::keys::Scopes;
use crate::settings::{CONNECTIONS, DRAIN, HEAD_SIZE, HEAD_TIME};
use crate::tls::Tls;

/// Serves every part of the API without TLS, see [`Server::serve`].
pub async fn serve(
    listener: impl Listener<Io = TcpStream, Addr = SocketAddr>,
    router: Router,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> io::Result<()> {
    Server::new(router).serve(listener, shutdown).await
}

/// How a listener is served.
pub struct Server {
    router: Router,
    apis: Scopes,
    tls: Option<Tls>,
    connections: usize,
}

impl Server {
    /// Every part of the API, without TLS.
    pub fn new(router: Router) -> Self {
        Self { router, apis: Scopes::all(), tls: None, connections: CONNECTIONS }
    }

    /// With TLS, if there is a certificate.
    #[must_use]
    pub fn tls(mut self, tls: Option<Tls>) -> Self {
        self.tls = tls;
        self
    }

    /// These parts of the API alone; whether the host is alive and ready is always said.
    #[must_use]
    pub fn apis(mut self, apis: Scopes) -> Self {
        self.apis = apis;
        self
    }

    /// So many connections at once; further ones wait.
    #[must_use]
    pub fn connections(mut self, most: usize) -> Self {
        self.connections = most;
        self
    }

    /// Serves until `shutdown` resolves: then no new connection is taken, answers that wait for something end, and
    /// the others have a few seconds.
    pub async fn serve(
        self,
        mut listener: impl Listener<Io = TcpStream, Addr = SocketAddr>,
        shutdown: impl Future<Output = ()> + Send + 'static,
    ) -> io::Result<()> {
        let (close, closing) = Closing::channel();
        let router = self.router.layer(Extension(closing.clone())).layer(Extension(self.apis));
        let room = Arc::new(Semaphore::new(self.connections));
        let mut connections = JoinSet::new();
        let mut shutdown = pin!(shutdown);
        loop {
            let next = async {
                let place = Arc::clone(&room).acquire_owned().await.map_err(io::Error::other)?;
                Ok::<_, io::Error>((place, listener.accept().await))
            };
            let (place, (stream, peer)) = tokio::select! {
                biased;
                () = &mut shutdown => break,
                // Without this the ends of connections would pile up.
                Some(_) = connections.join_next() => continue,
                next = next => next?,
            };
            let (router, tls, closing) = (router.clone(), self.tls.clone(), closing.clone());
            connections.spawn(async move {
                if let Err(error) = converse(stream, router, tls, closing).await {
                    tracing::debug!(peer = %peer.ip(), %error, "a connection ended early");
                }
                drop(place);
            });
        }
        drop(listener);
        close.send_replace(true);
        let drained = tokio::time::timeout(DRAIN, async { while connections.join_next().await.is_some() {} });
        if drained.await.is_err() {
            tracing::warn!("connections are still open; they are cut");
        }
        Ok(())
    }
}

/// Serves the requests of one connection, one after the other.
async fn converse(
    stream: TcpStream,
    router: Router,
    tls: Option<Tls>,
    mut closing: Closing,
) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    stream.set_nodelay(true)?;
    match tls {
        None => answer(stream, router, closing).await?,
        Some(tls) => {
            let greeted = tokio::select! {
                greeted = tls.accept(stream) => greeted?,
                () = closing.wait() => return Ok(()),
            };
            answer(greeted, router, closing).await?;
        }
    }
    Ok(())
}

async fn answer(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    router: Router,
    mut closing: Closing,
) -> hyper::Result<()> {
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIME)
        .max_buf_size(HEAD_SIZE)
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(router))
        .with_upgrades();
    let mut connection = pin!(connection);
    tokio::select! {
        ended = connection.as_mut() => return ended,
        () = closing.wait() => connection.as_mut().graceful_shutdown(),
    }
    connection.await
}

/// Tells an answer that waits for something that the host is about to stop.
#[derive(Debug, Clone)]
pub(crate) struct Closing(Option<watch::Receiver<bool>>);

impl Closing {
    /// `true` closes.
    pub(crate) fn channel() -> (watch::Sender<bool>, Self) {
        let (close, closing) = watch::channel(false);
        (close, Self(Some(closing)))
    }

    /// One that never tells.
    pub(crate) fn never() -> Self {
        Self(None)
    }

    /// That of the server which took a request.
    pub(crate) fn of(request: &Request) -> Self {
        request.extensions().get::<Self>().cloned().unwrap_or_else(Self::never)
    }

    /// Resolves when the host is about to stop.
    pub(crate) async fn wait(&mut self) {
        if let Some(closing) = &mut self.0
            && closing.wait_for(|closing| *closing).await.is_ok()
        {
            return;
        }
        std::future::pending().await
    }
}
