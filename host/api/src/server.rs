//! Serving a router on a socket until told to stop. The caller owns both.

use std::future::Future;
use std::io;
use std::net::SocketAddr;

use axum::extract::Request;
use axum::serve::{Listener, ListenerExt};
use axum::{Extension, Router};
use tokio::net::TcpStream;
use tokio::sync::watch;

use crate::settings::DRAIN;

/// Serves until `shutdown` resolves: then no new connection is taken, answers that wait for something end, and
/// the others have a few seconds.
pub async fn serve(
    listener: impl Listener<Io = TcpStream, Addr = SocketAddr>,
    router: Router,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> io::Result<()> {
    let (close, closing) = Closing::channel();
    let mut drained = closing.clone();
    let router = router.layer(Extension(closing));
    let listener = listener.tap_io(|connection| {
        if let Err(error) = connection.set_nodelay(true) {
            tracing::debug!(%error, "TCP_NODELAY could not be set");
        }
    });
    let server = axum::serve(listener, router).with_graceful_shutdown(async move {
        shutdown.await;
        close.send_replace(true);
    });
    tokio::select! {
        served = server => served,
        () = async { drained.wait().await; tokio::time::sleep(DRAIN).await } => {
            tracing::warn!("connections are still open; they are cut");
            Ok(())
        }
    }
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
