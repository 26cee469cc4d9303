//! A server that is called, on a port of its own: it remembers what it was sent and answers as the test says.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, Method, Uri, header};
use axum::response::{IntoResponse, Response};
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::stage::PATIENCE;

/// A call of the server.
#[derive(Debug, Clone)]
pub(crate) struct Call {
    pub(crate) method: Method,
    pub(crate) target: String,
    pub(crate) headers: HeaderMap,
    pub(crate) body: String,
}

impl Call {
    /// The report that it brings.
    pub(crate) fn report(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.body))
    }

    /// A field of that report, as text.
    pub(crate) fn field(&self, name: &str) -> String {
        self.report()[name].as_str().unwrap_or_default().to_owned()
    }

    /// The number of the event that it says it reports.
    pub(crate) fn seq(&self) -> u64 {
        self.headers["x-mynah-event"].to_str().unwrap().parse().unwrap()
    }
}

type Answer = dyn Fn(&Call) -> Response + Send + Sync;

struct Shared {
    answer: Box<Answer>,
    calls: watch::Sender<Vec<Call>>,
}

/// The server. It ends when dropped.
pub(crate) struct Endpoint {
    pub(crate) address: SocketAddr,
    shared: Arc<Shared>,
    server: JoinHandle<()>,
}

impl Drop for Endpoint {
    fn drop(&mut self) {
        self.server.abort();
    }
}

impl Endpoint {
    /// One that answers so to every call.
    pub(crate) async fn new(answer: impl Fn(&Call) -> Response + Send + Sync + 'static) -> Self {
        Self::at(([127, 0, 0, 1], 0).into(), answer).await
    }

    /// The same where an endpoint was, or is expected to be.
    pub(crate) async fn at(
        address: SocketAddr,
        answer: impl Fn(&Call) -> Response + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind(address).await.unwrap();
        let address = listener.local_addr().unwrap();
        let shared = Arc::new(Shared { answer: Box::new(answer), calls: watch::Sender::new(Vec::new()) });
        let router = Router::new().fallback(take).with_state(shared.clone());
        let server = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { address, shared, server }
    }

    /// Its address as a URL.
    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// All calls until now.
    pub(crate) fn calls(&self) -> Vec<Call> {
        self.shared.calls.borrow().clone()
    }

    /// Waits until the calls are as many as is expected.
    pub(crate) async fn until(&self, what: impl Fn(&[Call]) -> bool) -> Vec<Call> {
        let mut calls = self.shared.calls.subscribe();
        let waited = tokio::time::timeout(PATIENCE, calls.wait_for(|calls| what(calls))).await;
        match waited {
            Ok(calls) => calls.unwrap().clone(),
            Err(_) => panic!("what is expected does not come: {:#?}", self.calls()),
        }
    }

    /// Waits for the first messages, and leaves everything else out.
    pub(crate) async fn messages(&self, count: usize) -> Vec<Call> {
        let calls = self.until(|calls| messages(calls).len() >= count).await;
        messages(&calls)
    }
}

/// The calls that bring messages.
pub(crate) fn messages(calls: &[Call]) -> Vec<Call> {
    let is_message = |call: &&Call| call.field("post_type") != "event";
    calls.iter().filter(is_message).cloned().collect()
}

async fn take(
    State(shared): State<Arc<Shared>>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let call =
        Call { method, target: uri.to_string(), headers, body: String::from_utf8(body.to_vec()).unwrap() };
    let answer = (shared.answer)(&call);
    shared.calls.send_modify(|calls| calls.push(call));
    answer
}

/// What most endpoints say: anything.
pub(crate) fn ok(_: &Call) -> Response {
    "ok".into_response()
}

/// A JSON answer.
pub(crate) fn json(text: impl Into<String>) -> Response {
    ([(header::CONTENT_TYPE, "application/json")], text.into()).into_response()
}
