//! What is paused is noted down and not done, from that moment on and over restarts, until it is resumed.

use std::sync::Arc;

use mynah_model::clock::SystemClock;
use serde_json::{Value as Json, json};

use crate::support::command::run;
use crate::support::host::TestHost;

/// The guard would take the pings for a flood.
const TOML: &str = "[script.group-guard]\nmode = \"off\"";

async fn ping(host: &TestHost) -> Option<String> {
    let seq = host.say(json!({ "group": "552603", "sender": "10001", "text": "/ping" })).await;
    let outbox = host.outbox().await;
    let mut answers = outbox.iter().filter(|deed| deed["cause"] == seq);
    answers.next().map(|deed| deed["text"].as_str().unwrap().to_owned())
}

/// The newest entry of the audit. A refusal is noted down behind its answer.
async fn newest(host: &TestHost) -> Json {
    host.settle().await;
    let (_, page) = host.get("/api/v1/audit?limit=1").await;
    page["entries"][0].clone()
}

async fn mynah(host: &TestHost, args: &[&str]) -> String {
    let mut args: Vec<String> = args.iter().map(|arg| (*arg).to_owned()).collect();
    args.extend(["--host".to_owned(), host.url.clone()]);
    let folder = host.folder.clone();
    let (code, stdout, stderr) =
        tokio::task::spawn_blocking(move || run(folder.path(), &args)).await.unwrap();
    assert_eq!(code, 0, "{stderr}");
    stdout
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pause_holds_for_scripts_and_callers_and_over_a_restart() {
    let host = TestHost::start(TOML).await;
    assert_eq!(ping(&host).await.as_deref(), Some("pong"));
    let (_, answer) = host.post("/api/v1/pause", json!({})).await;
    assert_eq!((&answer["paused"][0]["chats"], &answer["paused"][0]["by"]), (&json!("*/*/*"), &json!("api")));
    assert_eq!(ping(&host).await, None);
    let entry = newest(&host).await;
    assert_eq!((&entry["outcome"], &entry["code"]), (&json!("dry-run"), &json!("host.paused")));
    assert_eq!(
        (&entry["summary"], &entry["text"]),
        (&json!("send \"pong\""), &json!("everything is paused by api"))
    );
    let (_, sent) = host.get("/openqq/send_group_message?uid=552603&content=hello").await;
    assert!(sent["code"] != 0 && sent["info"] == "everything is paused by api", "{sent}");
    assert_eq!(newest(&host).await["outcome"], "refused");

    let folder = host.stop().await;
    let host = TestHost::start_in(folder, TOML, Arc::new(SystemClock)).await;
    assert_eq!(ping(&host).await, None, "it survives a restart");
    let told = mynah(&host, &["resume"]).await;
    assert!(told.starts_with("resumed: everything in */*/*, since "), "{told}");
    assert_eq!(ping(&host).await.as_deref(), Some("pong"));
    let (_, page) = host.get("/api/v1/audit?action=pause").await;
    assert_eq!(
        (&page["entries"][0]["text"], &page["entries"][0]["actor"]),
        (&json!("everything"), &json!("api"))
    );
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_script_or_a_chat_can_be_paused_alone() {
    let host = TestHost::start(TOML).await;
    let told = mynah(&host, &["pause", "--script", "welcome"]).await;
    assert!(told.starts_with("paused: script welcome in */*/*"), "{told}");
    assert_eq!(ping(&host).await.as_deref(), Some("pong"), "another script goes on");
    mynah(&host, &["pause", "--script", "ping", "--chat", "sim/group/778899"]).await;
    assert_eq!(ping(&host).await.as_deref(), Some("pong"), "and so does another chat");
    mynah(&host, &["pause", "--chat", "sim/group/552603"]).await;
    assert_eq!(ping(&host).await, None);
    let told = mynah(&host, &["resume", "--chat", "sim/group/552603"]).await;
    assert_eq!(told.lines().filter(|line| line.starts_with("paused: ")).count(), 2, "{told}");
    assert_eq!(ping(&host).await.as_deref(), Some("pong"));
    assert_eq!(mynah(&host, &["resume"]).await.lines().count(), 2);
    assert_eq!(mynah(&host, &["resume"]).await, "nothing is paused\n");
    let (status, answer) = host.post("/api/v1/pause", json!({ "chat": "sim" })).await;
    assert!(status == 400 && answer["text"].as_str().unwrap().contains("chat"), "{answer}");
    host.stop().await;
}
