//! What a script that fails, or says too much, costs the others and itself.

use std::sync::Arc;

use mynah_model::clock::SystemClock;
use mynah_runtime::grants::OnFault;
use serde_json::json;
use tempfile::TempDir;

use crate::support::guests::{component, counter};
use crate::support::host::TestHost;
use crate::support::house::{House, trusted};

/// What the counter says beside a guard that fails on `panic`.
async fn counted(on_fault: OnFault, texts: &[&str]) -> Vec<String> {
    let mut guard = trusted();
    (guard.priority, guard.grants.on_fault) = (10, on_fault);
    let house = House::plan()
        .granted("guard", &component("hostile"), guard)
        .trusted("counter", &counter(0))
        .start()
        .await;
    for text in texts {
        house.say("0", "m0", text).await;
        house.host.settled().await.unwrap();
    }
    let sent = house.sent().await;
    sent.into_iter().filter(|text| text.ends_with("release-00000000")).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_guard_fails_on_reaches_nobody_after_it_if_the_operator_says_so() {
    let texts = ["panic", "hello"];
    let skipped = ["panic 1 release-00000000", "hello 2 release-00000000"];
    assert_eq!(counted(OnFault::Skip, &texts).await, skipped);
    assert_eq!(counted(OnFault::Stop, &texts).await, ["hello 1 release-00000000"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn nor_does_what_comes_while_the_guard_rests() {
    // Five faults within a minute open its breaker: then it is left out, and so are those who rely on it.
    let texts = ["panic", "panic", "panic", "panic", "panic", "hello"];
    assert_eq!(counted(OnFault::Stop, &texts).await, [""; 0]);
    assert_eq!(counted(OnFault::Skip, &texts).await.len(), 6);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_script_that_logs_without_end_is_answered_for_and_the_rest_of_its_log_is_counted() {
    let folder = Arc::new(TempDir::new().unwrap());
    std::fs::create_dir(folder.path().join("scripts.d")).unwrap();
    std::fs::write(folder.path().join("scripts.d/hostile.wasm"), component("hostile")).unwrap();
    // A hundred thousand lines take longer than a call may, on a slow machine.
    let toml =
        "[script.hostile]\nallow = [\"reply\"]\ndeadline = \"10s\"\n[script.group-guard]\nmode = \"off\"";
    let host = TestHost::start_in(folder, toml, Arc::new(SystemClock)).await;
    for times in 1..=2 {
        let said = json!({ "group": "552603", "sender": "10001", "text": "log" });
        host.post("/api/v1/accounts/sim/sim/say", said).await;
        host.settle().await;
        assert_eq!(host.outbox().await.len(), times, "its answer counts all the same");
        let (_, script) = host.get("/api/v1/scripts/hostile").await;
        assert_eq!(
            script["refused"],
            json!([{ "action": "log", "code": "limit.log", "count": times, "reason": null }]),
            "{script}"
        );
        assert_eq!(script["faults"], 0, "{script}");
    }
    host.stop().await;
}
