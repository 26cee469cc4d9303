//! A host in this process, with a folder and a port of its own.

use std::sync::Arc;

use mynah::config::Config;
use mynah::run::Running;
use mynah_model::clock::{Clock, SystemClock, VirtualClock};
use reqwest::StatusCode;
use serde_json::Value as Json;
use tempfile::TempDir;

use super::{http, wait_for};

/// 2026-01-01T00:00:00Z, where virtual clocks begin.
pub(crate) const START: i64 = 1_767_225_600_000;

/// A running host. It lets go of its folder when dropped; [`TestHost::stop`] ends it properly.
pub(crate) struct TestHost {
    pub(crate) running: Running,
    pub(crate) url: String,
    /// Configuration, data and scripts lie here.
    pub(crate) folder: Arc<TempDir>,
    http: reqwest::Client,
}

impl TestHost {
    /// Starts with what `mynah.toml` would say; the machine's clock.
    pub(crate) async fn start(toml: &str) -> Self {
        Self::start_in(Arc::new(TempDir::new().unwrap()), toml, Arc::new(SystemClock)).await
    }

    /// Starts with a clock that stands still until the test moves it.
    pub(crate) async fn start_virtual(toml: &str) -> (Self, Arc<VirtualClock>) {
        let clock = Arc::new(VirtualClock::new(START));
        (Self::start_in(Arc::new(TempDir::new().unwrap()), toml, clock.clone()).await, clock)
    }

    /// Starts in a folder that may have been used before.
    pub(crate) async fn start_in(folder: Arc<TempDir>, toml: &str, clock: Arc<dyn Clock>) -> Self {
        let host = Self::open_in(folder, toml, clock).await;
        host.wait_until_ready().await;
        host
    }

    /// Starts and does not wait until the accounts are there: somebody has to dial first.
    pub(crate) async fn open(toml: &str) -> Self {
        Self::open_in(Arc::new(TempDir::new().unwrap()), toml, Arc::new(SystemClock)).await
    }

    async fn open_in(folder: Arc<TempDir>, toml: &str, clock: Arc<dyn Clock>) -> Self {
        let text = format!("listen = \"127.0.0.1:0\"\n{toml}");
        // The file is there, as it is for a person: it is watched.
        let file = folder.path().join("mynah.toml");
        std::fs::write(&file, &text).unwrap();
        let config = Config::parse(&file, &text).unwrap();
        let running = Running::start(config, clock).await.unwrap();
        let url = running.url();
        Self { running, url, folder, http: http() }
    }

    /// Waits until every account that should run does.
    pub(crate) async fn wait_until_ready(&self) {
        wait_for("a host that is ready", async || self.running.host.is_ready().then_some(())).await;
    }

    /// Gets a path.
    pub(crate) async fn get(&self, path: &str) -> (StatusCode, Json) {
        answer(self.http.get(format!("{}{path}", self.url)).send().await.unwrap()).await
    }

    /// Posts JSON to a path.
    pub(crate) async fn post(&self, path: &str, body: Json) -> (StatusCode, Json) {
        answer(self.http.post(format!("{}{path}", self.url)).json(&body).send().await.unwrap()).await
    }

    /// Has somebody on `sim` say something. The number of its event, when all that comes of it is done.
    pub(crate) async fn say(&self, body: Json) -> u64 {
        let (status, answer) = self.post("/api/v1/accounts/sim/sim/say", body).await;
        assert!(status.is_success(), "{answer}");
        self.settle().await;
        answer["seq"].as_u64().unwrap()
    }

    /// What the account `sim` did.
    pub(crate) async fn outbox(&self) -> Vec<Json> {
        let (status, answer) = self.get("/api/v1/accounts/sim/sim/outbox").await;
        assert_eq!(status, StatusCode::OK, "{answer}");
        answer.as_array().unwrap().clone()
    }

    /// Waits until everything that was said is handled, and everything that was decided is done.
    pub(crate) async fn settle(&self) {
        self.running.host.settled().await.unwrap();
    }

    /// Ends the host; its folder stays for as long as somebody holds it.
    pub(crate) async fn stop(self) -> Arc<TempDir> {
        self.running.stop().await;
        self.folder
    }
}

async fn answer(response: reqwest::Response) -> (StatusCode, Json) {
    let status = response.status();
    let text = response.text().await.unwrap();
    (status, serde_json::from_str(&text).unwrap_or(Json::String(text)))
}
