//! Several accounts in one host: started, stopped, checked and logged in while it runs, with their files on disk.

use std::collections::BTreeSet;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use axum::http::{StatusCode, header};
use mynah_api::ApiSettings;
use mynah_engine::{Engine, EngineConfig};
use mynah_model::clock::{Clock, VirtualClock};
use mynah_model::event::{AccountState, EventBody};
use mynah_model::names::Seq;
use mynah_networks::sim::{CODE_LIFE_MS, LoginMode, Sim, SimConfig};
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

/// What a phone would read from a JPEG.
fn read_code(picture: &[u8]) -> String {
    let mut decoder = zune_jpeg::JpegDecoder::new(std::io::Cursor::new(picture));
    let pixels = decoder.decode().unwrap();
    let info = decoder.info().unwrap();
    let (width, height) = (usize::from(info.width), usize::from(info.height));
    let colors = pixels.len() / (width * height);
    let mut image =
        rqrr::PreparedImage::prepare_from_greyscale(width, height, |x, y| pixels[(y * width + x) * colors]);
    image.detect_grids()[0].decode().unwrap().1
}

fn mode(path: &Path) -> u32 {
    std::fs::metadata(path).unwrap().permissions().mode() & 0o777
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
async fn check_client_answers_with_what_the_state_file_holds() {
    let home = Home::of(&[
        ("qq", ApiKind::Openqq, LoginMode::Immediate),
        ("wx", ApiKind::Openwx, LoginMode::Immediate),
    ]);
    let stage = home.start();
    for (path, name, family) in
        [("/openqq/check_client", "qq", "webqq"), ("/openwx/check_client", "wx", "weixin")]
    {
        until(&stage, name, AccountState::Running).await;
        let answer = stage.get(&format!("{path}?client={name}")).await.json();
        let client = &answer["client"][0];
        assert_eq!((&answer["code"], answer["client"].as_array().unwrap().len()), (&json!(0), 1));
        let state_file = home.file(&format!("mojo_{family}_state_{name}.json"));
        let kept: Value = serde_json::from_slice(&std::fs::read(&state_file).unwrap()).unwrap();
        assert_eq!(*client, kept);
        let path = |kind: &str, ending: &str| {
            let folder = std::fs::canonicalize(&home.tmpdir).unwrap();
            json!(folder.join(format!("mojo_{family}_{kind}_{name}.{ending}")))
        };
        for (field, expected) in [
            ("account", json!(name)),
            ("state", json!("running")),
            ("cookie_path", path("cookie", "dat")),
            ("pid_path", path("pid", "pid")),
            ("qrcode_path", path("qrcode", "jpg")),
            ("state_path", path("state", "json")),
            ("http_debug", json!("0")),
            ("log_encoding", Value::Null),
            ("log_path", Value::Null),
            ("os", json!(std::env::consts::OS)),
            ("pid", json!(std::process::id())),
            ("port", json!(5000)),
            ("start_time", json!((START / 1000).to_string())),
            ("version", json!(env!("CARGO_PKG_VERSION"))),
        ] {
            assert_eq!(client[field], expected, "{field}");
        }
        assert_eq!(client["plugin"][0]["priority"], 98);
        let pid = std::fs::read_to_string(home.file(&format!("mojo_{family}_pid_{name}.pid"))).unwrap();
        assert_eq!(pid, std::process::id().to_string());
    }
    let unknown = stage.get("/openqq/check_client?client=nobody").await.json();
    assert_eq!(unknown, json!({"code": 100, "status": "client not found"}));
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn files_are_for_their_owner_only_and_go_with_the_account_and_with_the_host() {
    let home = Home::of(&[
        ("qq", ApiKind::Openqq, LoginMode::Immediate),
        ("wx", ApiKind::Openwx, LoginMode::Immediate),
    ]);
    let stage = home.start();
    until(&stage, "qq", AccountState::Running).await;
    until(&stage, "wx", AccountState::Running).await;
    let of = |family: &str, name: &str| {
        ["cookie_NAME.dat", "pid_NAME.pid", "state_NAME.json"]
            .map(|file| format!("mojo_{family}_{}", file.replace("NAME", name)))
    };
    let both: BTreeSet<_> = of("webqq", "qq").into_iter().chain(of("weixin", "wx")).collect();
    assert_eq!(home.files(), both);
    assert_eq!(mode(&home.tmpdir), 0o700);
    assert!(home.files().iter().all(|name| mode(&home.file(name)) == 0o600));
    stage.get("/openqq/stop_client?client=qq").await;
    until(&stage, "qq", AccountState::Stop).await;
    assert_eq!(home.files(), of("weixin", "wx").into());
    stage.end().await;
    assert!(home.files().is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_second_host_does_not_run_an_account_that_another_one_runs() {
    let home = Home::plain();
    let stage = home.start();
    until(&stage, "qq", AccountState::Running).await;
    let other = Home { tmpdir: home.tmpdir.clone(), ..Home::plain() };
    let second = other.start();
    until(&second, "qq", AccountState::Stop).await;
    let refused = second.get("/openqq/start_client?client=qq").await.json();
    assert_eq!((&refused["code"], &refused["status"]), (&json!(3), &json!("failure")), "{refused}");
    let pid = format!("process {}", std::process::id());
    assert!(refused["info"].as_str().unwrap().contains(&pid), "{refused}");
    assert!(second.get("/openqq/check_client").await.json()["client"][0]["problem"].is_string());
    let started = second.post("/api/v1/accounts/qq/start", "").await;
    assert_eq!(
        (started.status, started.json()["code"].as_str()),
        (StatusCode::CONFLICT, Some("account.not-started"))
    );
    assert_eq!(stage.get("/openqq/check_client").await.json()["client"][0]["state"], "running");
    assert!(home.file("mojo_webqq_state_qq.json").exists(), "the second leaves the files of the first alone");

    stage.get("/openqq/stop_client").await;
    until(&stage, "qq", AccountState::Stop).await;
    assert_eq!(second.get("/openqq/start_client?client=qq").await.json()["status"], "success");
    until(&second, "qq", AccountState::Running).await;
    second.end().await;
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pid_that_is_stale_or_another_program_s_by_now_stands_against_nothing() {
    let home = Home::of(&[
        ("dead", ApiKind::Openqq, LoginMode::Immediate),
        ("reused", ApiKind::Openqq, LoginMode::Immediate),
    ]);
    drop(ClientFolder::open(&home.tmpdir).unwrap());
    std::fs::write(home.file("mojo_webqq_pid_dead.pid"), "4194304").unwrap();
    // A process that lives and is not a mynah: the first of the machine.
    std::fs::write(home.file("mojo_webqq_pid_reused.pid"), "1").unwrap();
    let stage = home.start();
    until(&stage, "dead", AccountState::Running).await;
    until(&stage, "reused", AccountState::Running).await;
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn links_that_lie_in_the_folder_lead_nowhere() {
    let home = Home::of(&[
        ("linked", ApiKind::Openqq, LoginMode::QrCode),
        ("pid", ApiKind::Openqq, LoginMode::Immediate),
        ("twice", ApiKind::Openqq, LoginMode::Immediate),
    ]);
    drop(ClientFolder::open(&home.tmpdir).unwrap());
    let victim = home.data.path().join("victim");
    std::fs::write(&victim, "precious").unwrap();
    for name in [
        "mojo_webqq_state_linked.json",
        "mojo_webqq_state_linked.json.new",
        "mojo_webqq_qrcode_linked.jpg",
        "mojo_webqq_qrcode_linked.jpg.new",
        "mojo_webqq_cookie_linked.dat",
        "mojo_webqq_pid_pid.pid",
    ] {
        symlink(&victim, home.file(name)).unwrap();
    }
    std::fs::hard_link(&victim, home.file("mojo_webqq_pid_twice.pid")).unwrap();
    let stage = home.start();
    until_code(&stage, "linked", "").await;
    for name in ["mojo_webqq_state_linked.json", "mojo_webqq_qrcode_linked.jpg"] {
        assert!(std::fs::symlink_metadata(home.file(name)).unwrap().is_file(), "{name} is no link any more");
    }
    for name in ["pid", "twice"] {
        until(&stage, name, AccountState::Stop).await;
        let refused = stage.get(&format!("/openqq/start_client?client={name}")).await.json();
        assert!(refused["info"].as_str().unwrap().contains("remove it"), "{refused}");
    }
    stage.end().await;
    assert_eq!(std::fs::read_to_string(&victim).unwrap(), "precious");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_account_is_logged_in_by_its_qr_code_from_the_picture_to_the_running_state() {
    let home = Home::of(&[("qq", ApiKind::Openqq, LoginMode::QrCode)]);
    let stage = home.start();
    let text = until_code(&stage, "qq", "").await;
    let answer = stage.send(request("GET", "/openqq/get_qrcode").body(String::new().into()).unwrap()).await;
    assert_eq!(answer.headers()[header::CONTENT_TYPE], "image/jpeg");
    assert_eq!(answer.headers()[header::CACHE_CONTROL], "no-cache");
    let picture = axum::body::to_bytes(answer.into_body(), usize::MAX).await.unwrap();
    assert_eq!(read_code(&picture), text);
    let file = home.file("mojo_webqq_qrcode_qq.jpg");
    assert_eq!(std::fs::read(&file).unwrap(), picture);

    let refused = stage.post("/api/v1/accounts/qq/sim/scan", r#"{"then":"refuse"}"#).await;
    assert_eq!(refused.status, StatusCode::CONFLICT);
    assert!(refused.json()["text"].as_str().unwrap().contains("refused"), "{}", refused.text);
    let renewed = until_code(&stage, "qq", &text).await;
    let accounts = stage.get("/api/v1/accounts").await.json();
    let shown = std::fs::canonicalize(&file).unwrap();
    assert_eq!(accounts[0]["qrcode_path"], json!(shown));
    assert_eq!(accounts[0]["state"], "scaning");

    let waits = stage.post("/api/v1/accounts/qq/sim/scan", r#"{"then":"wait"}"#).await;
    assert_eq!(waits.status, StatusCode::OK, "{}", waits.text);
    until(&stage, "qq", AccountState::Confirming).await;
    let gone = stage.get("/openqq/get_qrcode").await.json();
    assert_eq!((&gone["code"], &gone["state"]), (&json!(100), &json!("confirming")), "{gone}");
    assert!(!file.exists(), "a code that was scanned is of no use to anybody");
    assert_eq!(stage.post("/api/v1/accounts/qq/sim/confirm", "").await.status, StatusCode::OK);
    until(&stage, "qq", AccountState::Running).await;
    let again = stage.post("/api/v1/accounts/qq/sim/confirm", "{}").await;
    assert_eq!(again.status, StatusCode::CONFLICT);

    let expected = [
        "loading",
        "scaning",
        "code",
        "confirming",
        "scaning",
        "code",
        "confirming",
        "updating",
        "login true",
        "running",
    ];
    until_life(&stage, "qq", &expected).await;
    let events = stage.host.events(Seq(0), u32::MAX).await.unwrap();
    let codes: Vec<_> = events
        .iter()
        .filter_map(|event| match &event.body {
            EventBody::QrCode { text, path } => Some((text.clone(), path.clone().unwrap())),
            _ => None,
        })
        .collect();
    let path = shown.display().to_string();
    assert_eq!(codes, [(text, path.clone()), (renewed, path)]);
    let info = stage.get("/openqq/get_qrcode").await.json();
    assert!(info["status"].as_str().unwrap().contains("client is running"), "{info}");
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_code_lives_two_minutes_and_another_one_follows() {
    let home = Home::of(&[("qq", ApiKind::Openqq, LoginMode::QrCode)]);
    let stage = home.start();
    let first = until_code(&stage, "qq", "").await;
    home.clock.advance(u64::try_from(CODE_LIFE_MS).unwrap());
    let second = until_code(&stage, "qq", &first).await;
    let late = stage.post("/api/v1/accounts/qq/sim/scan", "").await;
    assert_eq!(late.status, StatusCode::CONFLICT);
    assert!(late.json()["text"].as_str().unwrap().contains("expired"), "{}", late.text);
    assert_eq!(stage.host.account("qq").unwrap().login_code().unwrap().text(), second);
    let scanned = stage.post("/api/v1/accounts/qq/sim/scan", "{}").await;
    assert_eq!(scanned.status, StatusCode::OK, "{}", scanned.text);
    until(&stage, "qq", AccountState::Running).await;
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn relogin_goes_through_the_states_again_and_asks_for_a_new_scan() {
    let home = Home::of(&[("qq", ApiKind::Openqq, LoginMode::QrCode)]);
    let stage = home.start();
    assert_eq!(stage.get("/openqq/relogin").await.json()["code"], -7, "not before it runs");
    let first = until_code(&stage, "qq", "").await;
    stage.post("/api/v1/accounts/qq/sim/scan", "").await;
    let answer = stage.get("/openqq/relogin").await.json();
    let status = format!("success, client({}) will relogin in 0 seconds", std::process::id());
    assert_eq!((&answer["code"], &answer["status"]), (&json!(0), &json!(status)));
    until_code(&stage, "qq", &first).await;
    stage.post("/api/v1/accounts/qq/sim/scan", "").await;
    until(&stage, "qq", AccountState::Running).await;
    let once = ["loading", "scaning", "code", "confirming", "updating", "login true", "running"];
    // It is not stopped in between.
    until_life(&stage, "qq", &[once, once].concat()).await;
    let sent = stage.get("/openqq/send_group_message?uid=552603&content=hi").await.json();
    assert_eq!(sent["code"], 0, "{sent}");
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_session_that_a_killed_host_left_spares_the_scan_and_a_relogin_forgets_it() {
    let home = Home::of(&[("qq", ApiKind::Openqq, LoginMode::QrCode)]);
    let stage = home.start();
    until_code(&stage, "qq", "").await;
    stage.post("/api/v1/accounts/qq/sim/scan", "").await;
    let cookie = home.file("mojo_webqq_cookie_qq.dat");
    let session = std::fs::read(&cookie).unwrap();
    stage.end().await;
    assert!(!cookie.exists(), "a clean stop leaves nothing");
    std::fs::write(&cookie, session).unwrap();

    let stage = home.start();
    until(&stage, "qq", AccountState::Running).await;
    let scanned = ["loading", "scaning", "code", "confirming", "updating", "login true", "running", "stop"];
    let spared = ["loading", "updating", "login false", "running"];
    until_life(&stage, "qq", &[&scanned[..], &spared].concat()).await;
    stage.get("/openqq/relogin").await;
    until_code(&stage, "qq", "").await;
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
