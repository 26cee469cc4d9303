//! What a flood comes to, as programs see it through the API: a warning, a mute that holds, and a member who is gone.

use serde_json::{Value as Json, json};

use crate::support::host::TestHost;

const FLOODER: &str = "10002";

#[tokio::test(flavor = "multi_thread")]
async fn a_flood_is_seen_in_the_outbox_and_in_the_group() {
    let (host, clock) = TestHost::start_virtual("[[account]]\nname = \"sim\"").await;
    assert!(member(&host).await.unwrap()["shutup_until"].is_null());

    flood(&host).await;
    assert_eq!(kinds(&host).await, ["send"], "a warning");
    flood(&host).await;
    assert_eq!(kinds(&host).await, ["send", "send", "shutup"]);
    let muted = member(&host).await.unwrap();
    assert!(!muted["shutup_until"].is_null(), "{muted}");
    let body = json!({ "group": "552603", "sender": FLOODER, "text": "may I?" });
    let (status, answer) = host.post("/api/v1/accounts/sim/sim/say", body).await;
    assert!(status.is_client_error(), "the mute holds: {status} {answer}");

    clock.advance(600_000);
    flood(&host).await;
    assert_eq!(kinds(&host).await, ["send", "send", "shutup", "send", "kick"]);
    assert!(member(&host).await.is_none(), "the member is gone");
    host.stop().await;
}

async fn flood(host: &TestHost) {
    for number in 0..6 {
        let body = json!({ "group": "552603", "sender": FLOODER, "text": format!("buy {number}") });
        let (status, answer) = host.post("/api/v1/accounts/sim/sim/say", body).await;
        assert!(status.is_success(), "{answer}");
    }
    host.settle().await;
}

async fn kinds(host: &TestHost) -> Vec<String> {
    host.outbox().await.iter().map(|entry| entry["kind"].as_str().unwrap().to_owned()).collect()
}

/// The flooder, as `get_group_info` shows them.
async fn member(host: &TestHost) -> Option<Json> {
    let (_, groups) = host.get("/openqq/get_group_info").await;
    let group = groups.as_array().unwrap().iter().find(|group| group["uid"] == "552603").unwrap().clone();
    group["member"].as_array().unwrap().iter().find(|member| member["id"] == FLOODER).cloned()
}
