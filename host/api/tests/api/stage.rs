//! A running host with one account, and calls to its router.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::{Request, Response, StatusCode, header};
use mynah_api::ApiSettings;
use mynah_engine::{Engine, EngineConfig};
use mynah_model::clock::{Clock, SystemClock};
use mynah_model::event::AccountState;
use mynah_model::roster::Roster;
use mynah_networks::Network;
use mynah_networks::roster_file;
use mynah_networks::sim::{LoginMode, Sim, SimConfig};
use mynah_runtime::scheduler::threads_for;
use mynah_runtime::{Account, AccountSetup, ApiKind, Host, HostConfig, MediaConfig};
use mynah_store::{Recovery, Store};
use serde_json::Value;
use tower::ServiceExt;

/// Longer than anything takes that works.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// The name of the account, if it is served through Openqq.
pub(crate) const ACCOUNT: &str = "qq";

/// The name of the account, if it is served through Openwx.
pub(crate) const WX_ACCOUNT: &str = "wx";

/// A running host and its router.
pub(crate) struct Stage {
    pub(crate) name: &'static str,
    pub(crate) host: Host,
    pub(crate) router: Router,
}

/// An answer, read to its end.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) kind: String,
    pub(crate) text: String,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error}: {}", self.text))
    }
}

/// The network of the samples.
fn sim(login: LoginMode) -> Arc<Sim> {
    Sim::new(
        SimConfig { roster: roster("roster_qq.json"), login, ..SimConfig::default() },
        Arc::new(SystemClock),
    )
}

/// The roster that the samples of calls assume.
pub(crate) fn roster(file: &str) -> Roster {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fixtures").join(file);
    roster_file::load(&path).unwrap()
}

impl Stage {
    /// A host whose account is running.
    pub(crate) async fn new(settings: ApiSettings) -> Self {
        let stage = Self::with_login(settings, LoginMode::Immediate).await;
        stage.until(AccountState::Running).await;
        stage
    }

    /// A host whose account is running and served through Openwx, and whose media are kept in this way.
    pub(crate) async fn with_media(settings: ApiSettings, media: MediaConfig) -> Self {
        let stage = Self::on(ApiKind::Openwx, sim(LoginMode::Immediate), settings, media);
        stage.until(AccountState::Running).await;
        stage
    }

    /// A host with an account like one of WeChat, served through Openwx, that is running.
    pub(crate) async fn wx(settings: ApiSettings) -> Self {
        let stage = Self::wx_with_login(settings, LoginMode::Immediate).await;
        stage.until(AccountState::Running).await;
        stage
    }

    /// The same whose account has just been started.
    pub(crate) async fn wx_with_login(settings: ApiSettings, login: LoginMode) -> Self {
        Self::start(
            settings,
            Arc::new(SystemClock),
            (WX_ACCOUNT, ApiKind::Openwx),
            roster("roster_wx.json"),
            login,
        )
    }

    /// A host whose account has just been started.
    pub(crate) async fn with_login(settings: ApiSettings, login: LoginMode) -> Self {
        Self::start(
            settings,
            Arc::new(SystemClock),
            (ACCOUNT, ApiKind::Openqq),
            roster("roster_qq.json"),
            login,
        )
    }

    /// The same with another clock, account and roster.
    pub(crate) fn start(
        settings: ApiSettings,
        clock: Arc<dyn Clock>,
        (name, api): (&'static str, ApiKind),
        roster: Roster,
        login: LoginMode,
    ) -> Self {
        let sim = Sim::new(SimConfig { roster, login, ..SimConfig::default() }, clock.clone());
        let account = AccountSetup { name: name.parse().unwrap(), api, network: sim };
        Self::run(
            settings,
            clock,
            name,
            vec![account],
            MediaConfig::default(),
            Store::open_in_memory().unwrap(),
        )
    }

    /// A host whose accounts have just been started, on a store that may have been used before.
    pub(crate) fn with_accounts(
        settings: ApiSettings,
        login: LoginMode,
        names: &[&str],
        opened: (Store, Recovery),
    ) -> Self {
        let set_up = |name: &&str| AccountSetup {
            name: name.parse().unwrap(),
            api: ApiKind::Openqq,
            network: sim(login),
        };
        let accounts = names.iter().map(set_up).collect();
        Self::run(settings, Arc::new(SystemClock), ACCOUNT, accounts, MediaConfig::default(), opened)
    }

    /// A host whose account has just been started, on this network.
    pub(crate) fn on(
        api: ApiKind,
        network: Arc<dyn Network>,
        settings: ApiSettings,
        media: MediaConfig,
    ) -> Self {
        let account = AccountSetup { name: ACCOUNT.parse().unwrap(), api, network };
        let opened = Store::open_in_memory().unwrap();
        Self::run(settings, Arc::new(SystemClock), ACCOUNT, vec![account], media, opened)
    }

    fn run(
        settings: ApiSettings,
        clock: Arc<dyn Clock>,
        name: &'static str,
        accounts: Vec<AccountSetup>,
        media: MediaConfig,
        (store, recovery): (Store, Recovery),
    ) -> Self {
        let config = HostConfig { workers: Some(2), accounts, media, ..HostConfig::default() };
        let engine =
            Engine::new(EngineConfig { workers: threads_for(2), ..EngineConfig::default() }).unwrap();
        let host = Host::start(config, engine, store, recovery, clock).unwrap();
        let router = mynah_api::router(host.clone(), settings);
        Self { name, host, router }
    }

    pub(crate) fn account(&self) -> Arc<Account> {
        self.host.account(self.name).unwrap()
    }

    /// Waits until the account is in this state.
    pub(crate) async fn until(&self, state: AccountState) {
        let mut states = self.account().watch_state();
        let reached = tokio::time::timeout(PATIENCE, states.wait_for(|now| *now == state)).await;
        reached.expect("the account gets there").unwrap();
    }

    pub(crate) async fn send(&self, request: Request<Body>) -> Response<Body> {
        let answer = tokio::time::timeout(PATIENCE, self.router.clone().oneshot(request)).await;
        answer.expect("an answer comes").unwrap()
    }

    pub(crate) async fn call(&self, request: Request<Body>) -> Answer {
        read(self.send(request).await).await
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.call(request("GET", path).body(Body::empty()).unwrap()).await
    }

    /// Posts a JSON text.
    pub(crate) async fn post(&self, path: &str, json: impl Into<String>) -> Answer {
        let request = request("POST", path).header(header::CONTENT_TYPE, "application/json");
        self.call(request.body(Body::from(json.into())).unwrap()).await
    }

    /// The path of something that the embedded network of the account can be asked for.
    pub(crate) fn sim(&self, what: &str) -> String {
        format!("/api/v1/accounts/{}/sim/{what}", self.name)
    }

    /// What the account did.
    pub(crate) async fn outbox(&self) -> Vec<Value> {
        let answer = self.get(&self.sim("outbox")).await;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
        serde_json::from_str(&answer.text).unwrap()
    }

    /// Waits until the account did so many things: what nobody waits for takes its time.
    pub(crate) async fn done(&self, count: usize) -> Vec<Value> {
        let wait = async {
            loop {
                let done = self.outbox().await;
                if done.len() >= count {
                    return done;
                }
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(PATIENCE, wait).await.expect("it is done")
    }

    /// Makes a person say something; the number of the event.
    pub(crate) async fn say(&self, fields: Value) -> u64 {
        let answer = self.post(&self.sim("say"), fields.to_string()).await;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
        answer.json()["seq"].as_u64().unwrap()
    }

    pub(crate) async fn end(self) {
        self.host.shutdown().await;
    }
}

/// A request that a program on this machine would make.
pub(crate) fn request(method: &str, path: &str) -> axum::http::request::Builder {
    Request::builder().method(method).uri(path).header(header::HOST, "127.0.0.1:5000")
}

pub(crate) async fn read(response: Response<Body>) -> Answer {
    let status = response.status();
    let kind =
        response.headers().get(header::CONTENT_TYPE).map_or("", |value| value.to_str().unwrap()).to_owned();
    let bytes = axum::body::to_bytes(response.into_body(), usize::MAX).await.unwrap();
    Answer { status, kind, text: String::from_utf8(bytes.to_vec()).unwrap() }
}
