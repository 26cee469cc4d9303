//! Several accounts in one host: started, stopped, checked and logged in while it runs, with their files on disk.
//!
//! # Layout
//! - here: a host that can be started again, and which accounts run
//! - `files`, `login`: their files; QR codes

mod files;
mod login;

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use axum::http::{StatusCode, header};
use mynah_api::ApiSettings;
use mynah_engine::{Engine, EngineConfig};
use mynah_model::clock::{Clock, VirtualClock};
use mynah_model::event::{AccountState, EventBody};
use mynah_model::names::Seq;
use mynah_networks::sim::{LoginMode, Sim, SimConfig};
use mynah_runtime::scheduler::threads_for;
use mynah_runtime::{AccountSetup, ApiKind, ClientFolder, Clients, Host, HostConfig};
use mynah_store::{Durability, Store};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::stage::{PATIENCE, Stage, request};

/// 2024-01-01T00:00:00Z.
const START: i64 = 1_704_067_200_000;

/// The data folder of a host that can be started again.
struct Home {
    data: TempDir,
    tmpdir: PathBuf,
    clock: Arc<VirtualClock>,
    accounts: Vec<(&'static str, ApiKind, LoginMode)>,
    max_clients: usize,
    stop_delay: Duration,
}

impl Home {
    /// One of accounts in the order of the configuration.
    fn of(accounts: &[(&'static str, ApiKind, LoginMode)]) -> Self {
        let data = TempDir::new().unwrap();
        let tmpdir = data.path().join("tmp");
        let clock = Arc::new(VirtualClock::new(START));
        Self {
            data,
            tmpdir,
            clock,
            accounts: accounts.to_vec(),
            max_clients: 100,
            stop_delay: Duration::ZERO,
        }
    }

    /// One account `qq` that logs in by itself.
    fn plain() -> Self {
        Self::of(&[("qq", ApiKind::Openqq, LoginMode::Immediate)])
    }

    fn start(&self) -> Stage {
        let clock: Arc<dyn Clock> = self.clock.clone();
        let account = |(name, api, login): &(&str, ApiKind, LoginMode)| AccountSetup {
            name: name.parse().unwrap(),
            api: *api,
            network: Sim::new(SimConfig { login: *login, ..SimConfig::default() }, clock.clone()),
        };
        let config = HostConfig {
            workers: Some(2),
            accounts: self.accounts.iter().map(account).collect(),
            clients: Clients {
                folder: Some(ClientFolder::open(&self.tmpdir).unwrap()),
                port: Some(5000),
                max_clients: self.max_clients,
            },
            ..HostConfig::default()
        };
        let engine =
            Engine::new(EngineConfig { workers: threads_for(2), ..EngineConfig::default() }).unwrap();
        let (store, recovery) = Store::open(&self.data.path().join("mynah.db"), Durability::Process).unwrap();
        let host = Host::start(config, engine, store, recovery, clock).unwrap();
        let settings = ApiSettings { stop_delay: self.stop_delay, ..ApiSettings::default() };
        let router = mynah_api::router(host.clone(), settings);
        Stage { name: "qq", host, router }
    }

    fn file(&self, name: &str) -> PathBuf {
        self.tmpdir.join(name)
    }

    /// What lies in the folder.
    fn files(&self) -> BTreeSet<String> {
        let entries = std::fs::read_dir(&self.tmpdir).unwrap();
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
    }
}

async fn until(stage: &Stage, name: &str, state: AccountState) {
    let mut states = stage.host.account(name).unwrap().watch_state();
    let reached = tokio::time::timeout(PATIENCE, states.wait_for(|now| *now == state)).await;
    reached.unwrap_or_else(|_| panic!("{name} gets {state:?}")).unwrap();
}

/// Waits until a code is shown that differs from this one.
async fn until_code(stage: &Stage, name: &str, but: &str) -> String {
    let shown = async {
        loop {
            if let Some(code) = stage.host.account(name).unwrap().login_code()
                && code.text() != but
            {
                return code.text().to_owned();
            }
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(PATIENCE, shown).await.expect("a code is shown")
}

/// States, logins, codes and the stop of an account, as its events tell.
async fn life(stage: &Stage, name: &str) -> Vec<String> {
    let events = stage.host.events(Seq(0), u32::MAX).await.unwrap();
    let events = events.iter().filter(|event| event.account.as_str() == name);
    let word = |body: &EventBody| match body {
        EventBody::AccountState { new, .. } => Some(new.as_str().to_owned()),
        EventBody::QrCode { .. } => Some("code".to_owned()),
        EventBody::Login { scanned } => Some(format!("login {scanned}")),
        EventBody::Stopped => Some("stopped".to_owned()),
        _ => None,
    };
    events.filter_map(|event| word(&event.body)).collect()
}

/// Waits until the life of an account is this. A state is seen a moment before it is journalled.
async fn until_life(stage: &Stage, name: &str, expected: &[&str]) {
    let told = async {
        while life(stage, name).await != expected {
            tokio::task::yield_now().await;
        }
    };
    if tokio::time::timeout(PATIENCE, told).await.is_err() {
        panic!("{:?} is not {expected:?}", life(stage, name).await);
    }
}

/// Names of the accounts that check_client lists, with their states.
async fn listed(stage: &Stage) -> Vec<(String, String)> {
    let answer = stage.get("/openqq/check_client").await.json();
    assert_eq!(answer["code"], 0, "{answer}");
    let text = |client: &Value, field: &str| client[field].as_str().unwrap().to_owned();
    let clients = answer["client"].as_array().unwrap();
    clients.iter().map(|client| (text(client, "account"), text(client, "state"))).collect()
}

fn pairs(list: &[(&str, &str)]) -> Vec<(String, String)> {
    list.iter().map(|(name, state)| ((*name).to_owned(), (*state).to_owned())).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_started_client_works_and_is_there_again_after_a_restart_and_a_stopped_one_stays_stopped() {
    let home = Home::plain();
    let stage = home.start();
    for (path, client) in [
        ("/openqq/start_client?client=web_01&log_level=debug", "web_01"),
        ("/openwx/start_client?client=wx", "wx"),
    ] {
        let answer = stage.get(path).await.json();
        assert_eq!((&answer["code"], &answer["status"]), (&json!(0), &json!("success")), "{answer}");
        assert_eq!(
            (&answer["client"], &answer["pid"], &answer["port"]),
            (&json!(client), &json!(std::process::id()), &json!(5000))
        );
        until(&stage, client, AccountState::Running).await;
    }
    assert_eq!(stage.host.account("wx").unwrap().api(), ApiKind::Openwx);
    let sent = stage.get("/openqq/send_group_message?client=web_01&uid=552603&content=hi").await.json();
    assert_eq!(sent["code"], 0, "{sent}");
    let outbox = stage.get("/api/v1/accounts/web_01/sim/outbox").await.json();
    assert_eq!(outbox[0]["text"], "hi");
    assert!(stage.get("/api/v1/accounts/qq/sim/outbox").await.json().as_array().unwrap().is_empty());
    let again = stage.get("/openqq/start_client?client=web_01").await.json();
    assert_eq!((&again["code"], &again["status"]), (&json!(0), &json!("client already exists")));

    let stopped = stage.get("/openwx/stop_client?client=wx").await.json();
    assert_eq!(stopped["code"], 0, "{stopped}");
    until(&stage, "wx", AccountState::Stop).await;
    let expected = ["loading", "updating", "login false", "running", "stop", "stopped"];
    until_life(&stage, "wx", &expected).await;
    stage.end().await;

    let stage = home.start();
    until(&stage, "web_01", AccountState::Running).await;
    until(&stage, "qq", AccountState::Running).await;
    assert_eq!(listed(&stage).await, pairs(&[("qq", "running"), ("web_01", "running"), ("wx", "stop")]));
    assert_eq!(stage.get("/openwx/start_client?client=wx").await.json()["status"], "success");
    until(&stage, "wx", AccountState::Running).await;
    stage.end().await;

    let stage = home.start();
    until(&stage, "wx", AccountState::Running).await;
    assert_eq!(stage.host.account("wx").unwrap().api(), ApiKind::Openwx);
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_name_that_could_be_a_path_makes_no_account_and_no_file() {
    let home = Home::plain();
    let stage = home.start();
    until(&stage, "qq", AccountState::Running).await;
    let before = home.files();
    let long = "x".repeat(65);
    for name in
        ["..", "../qq", "..%2f..%2fqq", "%2fetc%2fpasswd", "a%00b", "a%5cb", "a+b", "%C3%A4", "a.b", &long]
    {
        for call in ["start_client", "get_qrcode", "stop_client", "check_client"] {
            let answer = stage.get(&format!("/openqq/{call}?client={name}")).await.json();
            let expected = if call == "start_client" { 400 } else { 100 };
            assert_eq!(answer["code"], expected, "{call} {name}: {answer}");
        }
    }
    let case = stage.get("/openqq/start_client?client=QQ").await.json();
    assert!(case["status"].as_str().unwrap().contains("nothing but case"), "{case}");
    for (query, named) in
        [("roster=/etc/passwd", "`roster`"), ("seed=x", "`seed`"), ("api=x", "`api`"), ("login=x", "`login`")]
    {
        let answer = stage.get(&format!("/openqq/start_client?client=new&{query}")).await.json();
        assert_eq!(answer["code"], 400, "{answer}");
        assert!(answer["status"].as_str().unwrap().contains(named), "{answer}");
    }
    assert_eq!(listed(&stage).await.len(), 1);
    assert_eq!(home.files(), before);
    let named = stage.get("/openqq/start_client?client=new&tmpdir=/etc&login=qrcode").await.json();
    assert_eq!(named["ignored"], json!(["tmpdir"]));
    until(&stage, "new", AccountState::Scaning).await;
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_more_clients_run_than_the_limit_says() {
    let home = Home { max_clients: 2, ..Home::plain() };
    let stage = home.start();
    assert_eq!(stage.get("/openqq/start_client?client=a").await.json()["code"], 0);
    let refused = stage.get("/openqq/start_client?client=b").await.json();
    assert_eq!((&refused["code"], &refused["status"]), (&json!(2), &json!("too many clients")), "{refused}");
    assert!(stage.host.account("b").is_none());
    assert_eq!(stage.get("/openqq/start_client?client=a").await.json()["status"], "client already exists");
    assert_eq!(stage.post("/api/v1/accounts/a/stop", "").await.json()["state"], "stop");
    assert_eq!(stage.get("/openqq/start_client?client=b").await.json()["code"], 0);
    let refused = stage.post("/api/v1/accounts/a/start", "").await;
    assert_eq!(
        (refused.status, refused.json()["code"].as_str()),
        (StatusCode::CONFLICT, Some("account.limit"))
    );
    assert_eq!(stage.post("/api/v1/accounts/b/stop", "").await.status, StatusCode::OK);
    assert_eq!(stage.post("/api/v1/accounts/a/start", "").await.status, StatusCode::OK);
    until(&stage, "a", AccountState::Running).await;
    assert_eq!(stage.post("/api/v1/accounts/nobody/start", "").await.status, StatusCode::NOT_FOUND);
    assert_eq!(stage.post("/api/v1/accounts/nobody/stop", "").await.status, StatusCode::NOT_FOUND);
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_that_is_started_again_before_it_stops_goes_on() {
    let home = Home { stop_delay: Duration::from_millis(200), ..Home::plain() };
    let stage = home.start();
    until(&stage, "qq", AccountState::Running).await;
    stage.get("/openqq/stop_client").await;
    assert_eq!(
        stage.get("/openqq/get_user_info").await.json()["uid"].as_str().map(str::is_empty),
        Some(false)
    );
    stage.get("/openqq/start_client?client=qq").await;
    // A stop of another account that was asked for later is over: so is the time of the first.
    stage.get("/openqq/start_client?client=other").await;
    stage.get("/openqq/stop_client?client=other").await;
    until(&stage, "other", AccountState::Stop).await;
    assert_eq!(stage.host.account("qq").unwrap().state(), AccountState::Running);
    stage.get("/openqq/stop_client?client=qq").await;
    // The host ends before the stop is due, which is kept all the same.
    stage.end().await;
    let stage = home.start();
    until(&stage, "qq", AccountState::Stop).await;
    assert_eq!(listed(&stage).await, pairs(&[("qq", "stop"), ("other", "stop")]));
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn however_many_start_stop_and_log_in_one_client_it_never_runs_twice() {
    let home = Home::plain();
    let stage = Arc::new(home.start());
    until(&stage, "qq", AccountState::Running).await;
    let callers = (0..8).map(|caller| {
        let stage = stage.clone();
        tokio::spawn(async move {
            for turn in 0..20 {
                let call = ["start_client", "stop_client", "relogin"][(caller + turn) % 3];
                let code = stage.get(&format!("/openqq/{call}?client=qq")).await.json()["code"].clone();
                assert!(code == 0 || call == "relogin" && code == -7, "{call}: {code}");
            }
        })
    });
    for caller in callers.collect::<Vec<_>>() {
        tokio::time::timeout(PATIENCE, caller).await.expect("nobody waits for ever").unwrap();
    }
    let answer = stage.get("/openqq/start_client?client=qq").await.json();
    assert_eq!(answer["code"], 0, "{answer}");
    // A relogin that was asked for may still be to come.
    let works = async {
        while stage.get("/openqq/send_group_message?uid=552603&content=hi").await.json()["code"] != 0 {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(PATIENCE, works).await.expect("it works in the end");
    // Each run begins with loading; a second one at the same time would be told by a state out of order.
    let life = life(&stage, "qq").await;
    for (before, after) in life.iter().zip(life.iter().skip(1)) {
        let follows = match before.as_str() {
            "loading" => ["updating", "loading", "stop"].contains(&after.as_str()),
            "updating" => ["login false", "loading", "stop"].contains(&after.as_str()),
            "login false" => ["running", "loading", "stop"].contains(&after.as_str()),
            "running" => ["loading", "stop"].contains(&after.as_str()),
            "stop" => ["stopped", "loading"].contains(&after.as_str()),
            "stopped" => after == "loading",
            other => panic!("{other}"),
        };
        assert!(follows, "{before} -> {after} in {life:?}");
    }
    assert!(!life.iter().any(|word| word == "code"));
    Arc::into_inner(stage).unwrap().end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hundred_clients_run_in_one_host_and_come_while_events_flow() {
    let home = Home::plain();
    let stage = Arc::new(home.start());
    until(&stage, "qq", AccountState::Running).await;
    let talking = {
        let stage = stage.clone();
        tokio::spawn(async move {
            for n in 0..200 {
                let said = json!({"group": "552603", "sender": "10001", "text": n.to_string()});
                let answer = stage.post("/api/v1/accounts/qq/sim/say", said.to_string()).await;
                assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
            }
        })
    };
    for n in 1..100 {
        let answer = stage.get(&format!("/openqq/start_client?client=c{n}")).await.json();
        assert_eq!(answer["code"], 0, "{answer}");
    }
    let full = stage.get("/openqq/start_client?client=c100").await.json();
    assert_eq!(full["code"], 2, "{full}");
    talking.await.unwrap();
    for n in 1..100 {
        until(&stage, &format!("c{n}"), AccountState::Running).await;
    }
    let listed = listed(&stage).await;
    assert!(listed.len() == 100 && listed.iter().all(|(_, state)| state == "running"));
    let events = stage.host.events(Seq(0), u32::MAX).await.unwrap();
    let said = events.iter().filter(|event| event.account.as_str() == "qq" && event.body.message().is_some());
    let said: Vec<_> = said.map(|event| event.body.message().unwrap().text.clone()).collect();
    assert_eq!(said, (0..200).map(|n| n.to_string()).collect::<Vec<_>>());
    Arc::into_inner(stage).unwrap().end().await;
    assert!(home.files().is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_controls_an_account_works_in_every_state_and_by_every_method() {
    let home = Home::of(&[("qq", ApiKind::Openqq, LoginMode::QrCode)]);
    let stage = home.start();
    until_code(&stage, "qq", "").await;
    for prefix in ["/openqq", "/openwx"] {
        for call in ["check_client", "get_client_info", "start_client", "check_client?client=qq"] {
            let path = format!("{prefix}/{call}");
            assert_eq!(stage.get(&path).await.json()["code"], 0, "{path}");
            assert_eq!(stage.post(&path, "{}").await.json()["code"], 0, "{path}");
        }
        let picture =
            stage.send(request("GET", &format!("{prefix}/get_qrcode")).body(String::new().into()).unwrap());
        assert_eq!(picture.await.headers()[header::CONTENT_TYPE], "image/jpeg");
    }
    assert_eq!(stage.get("/openqq/get_friend_info").await.json()["code"], -7);
    assert_eq!(stage.get("/openqq/stop_client").await.json()["code"], 0);
    until(&stage, "qq", AccountState::Stop).await;
    assert_eq!(stage.get("/openqq/check_client").await.json()["client"][0]["state"], "stop");
    assert_eq!(stage.get("/openqq/get_client_info").await.json()["code"], 0);
    assert_eq!(stage.get("/openqq/stop_client").await.json()["code"], 0);
    assert_eq!(stage.get("/openqq/get_qrcode").await.json()["state"], "stop");
    assert_eq!(stage.get("/openqq/start_client").await.json()["status"], "success");
    until_code(&stage, "qq", "").await;
    stage.end().await;
}
