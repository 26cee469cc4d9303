//! Accounts that are logged in and stopped while `mynah run` serves them.

use std::fs;

use reqwest::StatusCode;
use serde_json::Value as Json;
use tempfile::TempDir;

use crate::support::command::{Session, mynah};
use crate::support::http;

/// `mynah run` in a folder, whose one account waits for its QR code.
fn start(folder: &TempDir, more: &str) -> Session {
    let toml = format!("listen = \"127.0.0.1:0\"\n{more}\n[[account]]\nname = \"qq\"\nlogin = \"qrcode\"\n");
    fs::write(folder.path().join("mynah.toml"), toml).unwrap();
    Session::start(mynah(folder.path(), ["run"]))
}

async fn post(url: &str) -> (StatusCode, Json) {
    let answer = http().post(url).send().await.unwrap();
    (answer.status(), answer.json().await.unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_terminal_shows_the_code_and_the_host_ends_with_its_last_account_if_it_is_told_to() {
    let folder = TempDir::new().unwrap();
    let mut session = start(&folder, "exit_with_last_account = true");
    let url = session.url().await;
    let log = session.wait_for_log("scan this QR code to log in", 1).await;
    session.wait_for_log("████", 1).await;
    let picture = folder.path().join("data/tmp/mojo_webqq_qrcode_qq.jpg");
    assert!(fs::read(&picture).unwrap().starts_with(&[0xff, 0xd8, 0xff]), "{log}");
    let (status, answer) = post(&format!("{url}/api/v1/accounts/qq/sim/scan")).await;
    assert_eq!(status, StatusCode::OK, "{answer}");
    assert!(!picture.exists());
    let (status, answer) = post(&format!("{url}/openqq/stop_client")).await;
    assert_eq!((status, &answer["code"]), (StatusCode::OK, &Json::from(0)), "{answer}");
    assert_eq!(session.ended().await, Some(0), "{}", session.log());
    assert_eq!(fs::read_dir(folder.path().join("data/tmp")).unwrap().count(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_host_goes_on_without_accounts_and_leaves_no_files_when_it_is_told_to_end() {
    let folder = TempDir::new().unwrap();
    let mut session = start(&folder, "tmpdir = \"files\"");
    let url = session.url().await;
    session.wait_for_log("scan this QR code to log in", 1).await;
    let (status, answer) = post(&format!("{url}/api/v1/accounts/qq/stop")).await;
    assert_eq!((status, &answer["state"]), (StatusCode::OK, &Json::from("stop")), "{answer}");
    let (_, answer) = post(&format!("{url}/openqq/start_client?client=other")).await;
    assert_eq!(answer["status"], "success", "{answer}");
    assert!(folder.path().join("files/mojo_webqq_pid_other.pid").exists());
    session.terminate();
    assert_eq!(session.ended().await, Some(0), "{}", session.log());
    assert_eq!(fs::read_dir(folder.path().join("files")).unwrap().count(), 0);
}
