//! Timers that scripts set: kept over a restart, fired once each, by the host's clock.

use std::collections::HashMap;

use mynah_model::event::EventBody;
use mynah_runtime::alerts::Condition;
use mynah_runtime::grants::Counted;
use mynah_runtime::{HostConfig, ScriptSources};
use serde_json::json;

use crate::support::guests::component;
use crate::support::host::{START, TestHost};
use crate::support::house::{House, trusted, wait_for};

#[tokio::test(flavor = "multi_thread")]
async fn a_timer_survives_a_restart_and_fires_once() {
    let house = House::plan().trusted("later", &component("later")).start().await;
    house.say("0", "m0", "/later 60").await;
    house.clock.advance(59_999);
    assert!(house.sent().await.is_empty());
    let scripts = ScriptSources {
        dir: house.script_file("later").parent().map(Into::into),
        embedded: Vec::new(),
        setups: HashMap::from([("later".parse().unwrap(), trusted())]),
        ..ScriptSources::default()
    };
    let house = house.restart(HostConfig { scripts, ..HostConfig::default() }).await;
    assert!(house.sent().await.is_empty());
    house.clock.advance(1);
    called(&house, 1).await;
    house.clock.advance(3_600_000);
    assert_eq!(house.sent().await, ["later is now"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_recurring_timer_fires_every_time_until_it_is_cancelled() {
    let house = House::plan().trusted("later", &component("later")).start().await;
    house.say("0", "m0", "/every-minute").await;
    house.host.settled().await.unwrap();
    for times in 1..=3 {
        house.clock.advance(60_000);
        called(&house, 1 + times).await;
    }
    house.say("0", "m0", "/enough").await;
    house.host.settled().await.unwrap();
    house.clock.advance(600_000);
    assert_eq!(house.sent().await, ["minutely tick"; 3]);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_timers_of_a_script_that_is_off_wait_until_it_is_on_again_and_fire_once() {
    let folder = std::sync::Arc::new(tempfile::TempDir::new().unwrap());
    std::fs::create_dir(folder.path().join("scripts.d")).unwrap();
    std::fs::write(folder.path().join("scripts.d/later.wasm"), component("later")).unwrap();
    let clock = std::sync::Arc::new(mynah_model::clock::VirtualClock::new(START));
    let toml = |mode: &str| {
        format!(
            "[script.later]\nmode = \"{mode}\"\nallow = [\"reply\", \"schedule\", \"cancel\"]\n[script.group-guard]\nmode = \"off\"\n"
        )
    };
    let host = TestHost::start_in(folder, &toml("live"), clock.clone()).await;
    let switch = async |mode: &str| {
        let file = host.folder.path().join("mynah.toml");
        std::fs::write(file, format!("listen = \"127.0.0.1:0\"\n{}", toml(mode))).unwrap();
        let (status, answer) = host.post("/api/v1/config/reload", json!({})).await;
        assert!(status.is_success(), "{answer}");
        assert_eq!(host.get("/api/v1/scripts/later").await.1["mode"], mode);
    };
    for text in ["/later 60", "/every-minute"] {
        host.post(
            "/api/v1/accounts/sim/sim/say",
            json!({ "group": "552603", "sender": "10001", "text": text }),
        )
        .await;
    }
    host.settle().await;
    switch("off").await;
    for _ in 0..60 {
        clock.advance(10_000);
        host.settle().await;
    }
    assert!(host.outbox().await.is_empty(), "nobody is called for them");
    switch("live").await;
    crate::support::wait_for("what they were set for", async || {
        clock.advance(10_000);
        host.settle().await;
        (host.outbox().await.len() >= 2).then_some(())
    })
    .await;
    let said: Vec<_> =
        host.outbox().await.iter().map(|deed| deed["text"].as_str().unwrap().to_owned()).collect();
    let [first, second, ..] = said.as_slice() else { panic!("{said:?}") };
    let mut both = [first.as_str(), second.as_str()];
    both.sort_unstable();
    assert_eq!(both, ["later is now", "minutely tick"], "each once, however often it was due meanwhile");
    assert_eq!(said.iter().filter(|text| *text == "later is now").count(), 1);
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn timers_fire_as_often_as_the_budget_allows_and_go_on_when_it_has_refilled() {
    let mut setup = trusted();
    setup.grants.budget.insert(Counted::from("timer per chat"), "2/min".parse().unwrap());
    let house = House::plan().granted("alarm", &component("alarm"), setup).start().await;
    for tag in ["a", "b", "c"] {
        house.say("0", "m0", &format!("/cron {tag} UTC \"* * * * * *\"")).await;
    }
    house.say("1", "m0", "/after d 1000").await;
    house.host.settled().await.unwrap();
    let fired = async |group: &str| {
        let events = house.events().await;
        let timers = events.iter().filter(|event| matches!(event.body, EventBody::TimerFired { .. }));
        timers.filter(|event| event.chat.as_ref().is_some_and(|chat| chat.id == group)).count()
    };
    let pass = async |seconds: u32| {
        for _ in 0..seconds {
            house.clock.advance(1_000);
            house.host.settled().await.unwrap();
        }
    };
    pass(20).await;
    assert_eq!((fired("0").await, fired("1").await), (2, 1), "the other chat has a budget of its own");
    let refused = house.host.script("alarm").unwrap().refused;
    let refused: Vec<_> = refused.iter().map(|it| (it.action.as_str(), it.code.as_str())).collect();
    assert_eq!(refused, [("timer", "budget.exhausted")]);
    let alerts = house.host.alerts();
    let budget = Condition::BudgetExhausted { script: "alarm".parse().unwrap() };
    assert!(alerts.iter().any(|alert| alert.condition == budget), "{alerts:?}");

    pass(100).await;
    assert!((4..=6).contains(&fired("0").await), "{} in two minutes", fired("0").await);
    assert_eq!(
        house.sent().await.len(),
        fired("0").await + 1,
        "what fires is handled: {:?}",
        house.sent().await
    );
}

/// Waits until the script was called so often since it was loaded: firing begins when the clock moves and takes a moment.
async fn called(house: &House, times: u64) {
    wait_for("a timer", || house.status("later").events >= times).await;
    house.host.settled().await.unwrap();
}
