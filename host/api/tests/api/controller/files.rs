//! The files of accounts: what stands in them, whose they are, and who else may not run an account meanwhile.

use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;

use super::*;

fn mode(path: &Path) -> u32 {
    std::fs::metadata(path).unwrap().permissions().mode() & 0o777
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
