//! What operators are told, once each: a script that is left alone, a budget that is used up, an account without a connection, a
//! disk that is nearly full.

use std::sync::Arc;

use mynah_model::clock::VirtualClock;
use mynah_runtime::HostConfig;
use mynah_runtime::alerts::{Condition, DiskWatch};
use serde_json::{Value as Json, json};
use tempfile::TempDir;

use crate::support::guests::component;
use crate::support::host::{START, TestHost};
use crate::support::house::House;
use crate::support::wait_for;

const ACCOUNT: &str =
    "[[account]]\nname = \"sim\"\noperators = [\"10003\"]\n[script.group-guard]\nmode = \"off\"\n";

async fn say(host: &TestHost, text: &str) {
    host.say(json!({ "group": "552603", "sender": "10001", "text": text })).await;
}

/// What the operator was told, once it is so much.
async fn told(host: &TestHost, count: usize) -> Vec<String> {
    wait_for("alerts", async || {
        let outbox = host.outbox().await;
        let told = outbox.iter().filter(|deed| deed["chat"] == "sim/friend/10003" && deed["by"] == "host");
        let told: Vec<String> = told.map(|deed| deed["text"].as_str().unwrap().to_owned()).collect();
        (told.len() >= count).then_some(told)
    })
    .await
}

async fn alerts(host: &TestHost) -> Vec<Json> {
    host.get("/api/v1/alerts").await.1.as_array().unwrap().clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_script_that_is_left_alone_is_one_message_and_over_when_it_works_again() {
    let folder = Arc::new(TempDir::new().unwrap());
    std::fs::create_dir(folder.path().join("scripts.d")).unwrap();
    std::fs::write(folder.path().join("scripts.d/hostile.wasm"), component("hostile")).unwrap();
    let clock = Arc::new(VirtualClock::new(START));
    let toml = format!("{ACCOUNT}[script.hostile]\nallow = [\"reply\"]");
    let host = TestHost::start_in(folder, &toml, clock.clone()).await;
    for _ in 0..8 {
        say(&host, "panic").await;
    }
    let texts = told(&host, 1).await;
    assert!(
        texts.len() == 1 && texts[0].starts_with("script `hostile` fails and is left alone"),
        "{texts:?}"
    );
    let open = alerts(&host).await;
    assert_eq!(
        (&open[0]["kind"], &open[0]["script"], &open[0]["ended"]),
        (&json!("breaker-open"), &json!("hostile"), &Json::Null)
    );
    let (_, page) = host.get("/api/v1/audit?action=alert").await;
    assert_eq!(
        (page["entries"].as_array().unwrap().len(), &page["entries"][0]["actor"]),
        (1, &json!("host"))
    );
    clock.advance(10_001);
    say(&host, "fine").await;
    clock.advance(10_001);
    wait_for("the end of the alert", async || alerts(&host).await[0]["ended"].as_i64()).await;
    assert_eq!(told(&host, 1).await.len(), 1);
    // Again within ten minutes is no news; after them it is.
    for _ in 0..5 {
        say(&host, "panic").await;
    }
    wait_for("the alert", async || alerts(&host).await[0]["ended"].is_null().then_some(())).await;
    assert_eq!(told(&host, 1).await.len(), 1);
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_budget_that_is_used_up_is_one_message_however_many_events_there_are() {
    let toml = format!("{ACCOUNT}[script.ping]\nallow = [\"reply\"]\nbudget = {{ message = \"1/h\" }}");
    let (host, _clock) = TestHost::start_virtual(&toml).await;
    for _ in 0..6 {
        say(&host, "/ping").await;
    }
    let texts = told(&host, 1).await;
    assert_eq!(texts, ["script `ping` used up its budget of 1/h for `message`"]);
    assert_eq!(alerts(&host).await[0]["kind"], "budget-exhausted");
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_without_a_connection_is_told_by_another_one_and_by_itself_on_return() {
    let toml = format!("{ACCOUNT}[[account]]\nname = \"far\"\nlogin = \"qrcode\"\noperators = [\"10001\"]");
    let (host, clock) = TestHost::start_virtual(&toml).await;
    wait_for("a look at it", async || {
        clock.advance(10_001);
        alerts(&host).await.first().cloned()
    })
    .await;
    let texts = told(&host, 1).await;
    assert_eq!(texts, ["account `far` is scaning"]);
    let (status, answer) = host.post("/api/v1/accounts/far/sim/scan", json!({})).await;
    assert!(status.is_success(), "{answer}");
    let back = wait_for("word of its return", async || {
        clock.advance(10_001);
        let (_, deeds) = host.get("/api/v1/accounts/far/sim/outbox").await;
        deeds.as_array().unwrap().first().cloned()
    })
    .await;
    assert_eq!(back["chat"], "far/friend/10001");
    assert!(back["text"].as_str().unwrap().starts_with("account `far` is back; "), "{back}");
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_disk_that_is_nearly_full_is_an_alert() {
    let house = House::plan().start().await;
    let folder = house.data().to_owned();
    let disk = |least_free| Some(DiskWatch { folder: folder.clone(), least_free });
    let house = house.restart(HostConfig { disk: disk(u64::MAX), ..HostConfig::default() }).await;
    crate::support::house::wait_for("the alert", || {
        house.host.alerts().iter().any(|alert| alert.condition == Condition::DiskNearlyFull)
    })
    .await;
    let house = house.restart(HostConfig { disk: disk(1), ..HostConfig::default() }).await;
    wait_for("its end", async || house.host.alerts().first()?.ended).await;
    house.host.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_lasts_over_a_restart_is_not_told_again() {
    let folder = Arc::new(TempDir::new().unwrap());
    let clock = Arc::new(VirtualClock::new(START));
    let toml = format!("{ACCOUNT}[[account]]\nname = \"far\"\nlogin = \"qrcode\"\noperators = [\"10001\"]");
    let mut told_again = Vec::new();
    let mut folder = Some(folder);
    for start in 0..3 {
        let host = TestHost::start_in(folder.take().unwrap(), &toml, clock.clone()).await;
        // Longer than an account may be without a connection, and than what comes back is left out.
        for _ in 0..120 {
            clock.advance(10_001);
            tokio::task::yield_now().await;
        }
        let open = wait_for("the alert", async || {
            clock.advance(10_001);
            alerts(&host)
                .await
                .first()
                .cloned()
                .filter(|alert| alert["ended"].is_null() && alert["told"] == 1)
        })
        .await;
        assert_eq!(open["kind"], "account-offline", "start {start}");
        host.settle().await;
        told_again.push(told(&host, 1).await.len());
        folder = Some(host.stop().await);
    }
    assert_eq!(told_again, [1, 1, 1], "once in all: the outbox is that of all runs");
}
