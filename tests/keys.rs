//! Keys and certificates of a whole host: from `mynah.toml` to who is served.

use std::fs;
use std::sync::Arc;

use mynah::config::Config;
use mynah::run::Running;
use mynah_model::clock::SystemClock;
use reqwest::StatusCode;
use serde_json::json;
use tempfile::TempDir;

use crate::support::command::{mynah, run, told};
use crate::support::host::TestHost;
use crate::support::http;

const SECRET: &str = "0123456789abcdef0123456789abcdef";

/// A folder with a secret in it.
fn folder_with_secret() -> Arc<TempDir> {
    let folder = TempDir::new().unwrap();
    fs::write(folder.path().join("bot.secret"), format!("{SECRET}\n")).unwrap();
    Arc::new(folder)
}

const KEY: &str =
    "[[key]]\nname = \"bot\"\nsecret = { file = \"bot.secret\" }\nscopes = [\"openqq\", \"admin\"]\n";

#[tokio::test(flavor = "multi_thread")]
async fn a_host_with_a_key_serves_its_holder_and_nobody_else() {
    let host = TestHost::start_in(folder_with_secret(), KEY, Arc::new(SystemClock)).await;
    let (status, answer) = host.get("/openqq/get_user_info").await;
    assert_eq!((status, answer), (StatusCode::UNAUTHORIZED, json!({"code": -6, "status": "auth failure"})));
    assert_eq!(host.get("/healthz").await.0, StatusCode::OK);
    assert_eq!(host.get(&format!("/openqq/get_user_info?key={SECRET}")).await.0, StatusCode::OK);
    let (status, answer) = host.get("/api/v1/accounts").await;
    assert_eq!((status, &answer["code"]), (StatusCode::UNAUTHORIZED, &json!("key.missing")));

    let say = |key: Option<&str>| {
        let mut command = mynah(host.folder.path(), ["say", "--host", &host.url, "--friend", "小灰", "hi"]);
        command.env_remove("MYNAH_KEY").envs(key.map(|key| ("MYNAH_KEY", key)));
        command
    };
    let (without, with) = (say(None), say(Some(SECRET)));
    let run = |mut command: std::process::Command| {
        tokio::task::spawn_blocking(move || told(command.output().unwrap()))
    };
    let (code, _, stderr) = run(without).await.unwrap();
    assert_eq!(code, 3, "{stderr}");
    assert!(stderr.contains("key.missing") && stderr.contains("MYNAH_KEY"), "{stderr}");
    let (_, _, stderr) = run(with).await.unwrap();
    assert!(!stderr.contains("key."), "{stderr}");
    host.stop().await;
}

#[test]
fn a_secret_or_certificate_that_cannot_be_used_keeps_the_host_from_starting() {
    let folder = folder_with_secret();
    fs::write(folder.path().join("short.secret"), "Tr0ub4dor").unwrap();
    fs::write(folder.path().join("other.secret"), SECRET).unwrap();
    fs::write(folder.path().join("host.pem"), "no certificate").unwrap();
    let listen = "listen = \"127.0.0.1:0\"\n";
    let tls =
        "listen = { address = \"127.0.0.1:0\", tls = { certificate = \"host.pem\", key = \"host.key\" } }\n";
    for (toml, named) in [
        (format!("{listen}{}", KEY.replace("bot.secret", "gone.secret")), "gone.secret"),
        (format!("{listen}{}", KEY.replace("bot.secret", "short.secret")), "9 characters"),
        (
            format!("{listen}{KEY}{}", KEY.replace("\"bot\"", "\"other\"").replace("bot.sec", "other.sec")),
            "same secret",
        ),
        (tls.to_owned(), "host.pem"),
        (tls.replace("host.pem", "gone.pem"), "gone.pem"),
    ] {
        fs::write(folder.path().join("mynah.toml"), &toml).unwrap();
        let (code, _, stderr) = run(folder.path(), ["run"]);
        assert_eq!(code, 2, "{toml}\n{stderr}");
        assert!(stderr.contains(named) && stderr.contains("error:"), "{toml}\n{stderr}");
        assert!(!stderr.contains(SECRET) && !stderr.contains("Tr0ub4dor"), "{stderr}");
        assert!(!folder.path().join("data").exists(), "nothing is written before");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn each_listener_serves_what_it_is_for_and_tls_where_it_has_a_certificate() {
    let folder = TempDir::new().unwrap();
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    fs::write(folder.path().join("host.pem"), made.cert.pem()).unwrap();
    fs::write(folder.path().join("host.key"), made.signing_key.serialize_pem()).unwrap();
    let toml = r#"listen = [
        { address = "127.0.0.1:0", tls = { certificate = "host.pem", key = "host.key" } },
        { address = "127.0.0.1:0", apis = ["openqq"] },
        { address = "127.0.0.1:0", apis = ["admin"] },
    ]"#;
    let config = Config::parse(&folder.path().join("mynah.toml"), toml).unwrap();
    let running = Running::start(config, Arc::new(SystemClock)).await.unwrap();
    assert!(running.url().starts_with("https://127.0.0.1:"), "{}", running.url());
    let get = async |listener: usize, path: &str| {
        let url = format!("http://{}{path}", running.addresses[listener]);
        http().get(url).send().await.unwrap().status().as_u16()
    };
    assert_eq!(get(0, "/healthz").await, 400, "plain HTTP on a listener with TLS");
    for (listener, path, status) in [
        (1, "/openqq/get_client_info", 200),
        (1, "/api/v1/accounts", 404),
        (2, "/openqq/get_client_info", 403),
        (2, "/api/v1/accounts", 200),
        (2, "/healthz", 200),
    ] {
        assert_eq!(get(listener, path).await, status, "{listener} {path}");
    }
    running.stop().await;
}
