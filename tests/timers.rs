//! Timers that scripts set: kept over a restart, fired once each, by the host's clock.

use std::collections::HashMap;

use mynah_runtime::{HostConfig, ScriptSources};

use crate::support::guests::component;
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

/// Waits until the script was called so often since it was loaded: firing begins when the clock moves and takes a moment.
async fn called(house: &House, times: u64) {
    wait_for("a timer", || house.status("later").events >= times).await;
    house.host.settled().await.unwrap();
}
