//! A web server on this machine that says what it was asked, and can be made slow.

use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::extract::Request;
use axum::http::StatusCode;
use axum::http::header::LOCATION;
use axum::response::{IntoResponse, Response};
use parking_lot::Mutex;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::AbortHandle;

/// The server. It answers `METHOD PATH BODY`; below `/slow` not before it is let go. `/to?URL` leads there, and `/circle` to
/// itself.
pub(crate) struct Web {
    /// `http://127.0.0.1:PORT`.
    pub(crate) url: String,
    heard: Arc<Mutex<Vec<String>>>,
    open: watch::Sender<bool>,
    task: AbortHandle,
}

impl Web {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let (heard, (open, opened)) = (Arc::new(Mutex::new(Vec::new())), watch::channel(false));
        let hearing = heard.clone();
        let router = Router::new().fallback(move |request| answer(request, hearing.clone(), opened.clone()));
        let task = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { url, heard, open, task: task.abort_handle() }
    }

    /// What it was asked, in order: `METHOD PATH BODY` and, if there was one, the header `authorization`.
    pub(crate) fn heard(&self) -> Vec<String> {
        self.heard.lock().clone()
    }

    /// Lets the slow answers go.
    pub(crate) fn let_go(&self) {
        self.open.send_replace(true);
    }
}

impl Drop for Web {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn answer(
    request: Request,
    heard: Arc<Mutex<Vec<String>>>,
    mut open: watch::Receiver<bool>,
) -> Response {
    let (parts, body) = request.into_parts();
    let body: Bytes = axum::body::to_bytes(body, 1 << 20).await.unwrap();
    let path = parts.uri.path_and_query().map(ToString::to_string).unwrap_or_default();
    let asked = format!("{} {path} {}", parts.method, String::from_utf8_lossy(&body));
    let asked = asked.trim_end().to_owned();
    let secret = parts.headers.get("authorization").map(|value| value.to_str().unwrap());
    heard.lock().push([Some(asked.as_str()), secret].into_iter().flatten().collect::<Vec<_>>().join(" "));
    if path.starts_with("/slow") {
        open.wait_for(|open| *open).await.unwrap();
    }
    let to = if path == "/circle" { Some("/circle") } else { path.strip_prefix("/to?") };
    match to {
        Some(to) => (StatusCode::FOUND, [(LOCATION, to)]).into_response(),
        None => asked.into_response(),
    }
}
