//! What a script can do to its host: nothing. Each attempt is stopped or refused with an error that names the limit, and
//! the script beside it answers the same event.

mod attempts;
mod components;
mod corpus;
#[path = "../host/engine/tests/engine/guest.rs"]
mod guest;
#[path = "../host/engine/tests/engine/unfolding.rs"]
mod unfolding;

use std::time::{Duration, Instant};

use mynah_networks::sim::Say;

use crate::support::guests::{component, counter};
use crate::support::house::{House, crowd};

#[tokio::test(flavor = "multi_thread")]
async fn each_attempt_is_stopped_by_the_limit_that_it_names_and_others_answer_the_same_event() {
    let attempts = [
        ("loop", "limit.deadline"),
        ("allocate", "limit.memory"),
        ("recurse", "limit.stack"),
        ("panic", "script.trap"),
        ("sleep", "script.sleep"),
        ("exit", "script.exit"),
        ("many", "limit.actions"),
        ("long", "limit.text"),
        ("error", "script.error"),
    ];
    for (attempt, code) in attempts {
        let plan = House::plan().trusted("hostile", &component("hostile")).trusted("counter", &counter(0));
        let house = plan.start().await;
        house.say("0", "m0", attempt).await;
        assert_eq!(house.sent().await, [format!("{attempt} 1 release-00000000")], "{attempt}");
        let status = house.status("hostile");
        let error = status.last_error.unwrap();
        assert!(error.starts_with(code), "{attempt}: {error}");
        assert_eq!((status.events, status.faults), (1, 1), "{attempt}");
        house.say("0", "m0", "fine").await;
        assert!(
            house.sent().await.contains(&"fine".to_owned()),
            "{attempt}: it is called again for the next event"
        );
        house.host.shutdown().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_million_actions_are_stopped_by_one_of_the_limits_in_their_way() {
    let house = House::plan().trusted("hostile", &component("hostile")).start().await;
    house.say("0", "m0", "million").await;
    assert!(house.sent().await.is_empty());
    let error = house.status("hostile").last_error.unwrap();
    let limits = ["limit.actions", "limit.memory", "limit.deadline", "limit.host-calls"];
    assert!(limits.iter().any(|limit| error.starts_with(limit)), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_panic_is_told_in_its_own_words() {
    let house = House::plan().trusted("hostile", &component("hostile")).start().await;
    house.say("0", "m0", "panic").await;
    house.host.settled().await.unwrap();
    let error = house.status("hostile").last_error.unwrap();
    assert!(error.contains("I fell over on purpose"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_error_takes_back_what_the_call_wrote() {
    let house = House::plan().trusted("hostile", &component("hostile")).start().await;
    house.say("0", "m0", "state").await;
    house.say("0", "m0", "half").await;
    assert_eq!(house.sent().await, ["nothing"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn time_and_chance_come_from_the_event() {
    let mut seen = Vec::new();
    for _ in 0..2 {
        let house = House::plan().trusted("hostile", &component("hostile")).start().await;
        house.clock.advance(1_234);
        for attempt in ["time", "chance", "chance"] {
            house.say("0", "m0", attempt).await;
            house.host.settled().await.unwrap();
        }
        seen.push(house.sent().await);
    }
    let now = crate::support::house::BEGIN + 1_234;
    assert_eq!(seen[0][0], format!("{now} {now} 0"));
    assert_eq!(seen[0], seen[1], "the same events draw the same");
    assert_ne!(seen[0][1], seen[0][2], "and other events draw others");
}

#[tokio::test(flavor = "multi_thread")]
async fn sixteen_spinners_do_not_delay_sixteen_well_behaved_chats_past_the_deadline() {
    pongs_beside(16, &["hostile"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn more_spinners_than_there_are_threads_do_not_either() {
    pongs_beside(40, &["hostile", "hostile-2", "hostile-3"]).await;
}

/// Measures pongs in sixteen chats, alone and beside so many chats in which these scripts spin.
async fn pongs_beside(spinning: usize, scripts: &[&str]) {
    let plan = House::plan().sim(crowd(16 + spinning)).workers(2).trusted("ping", &component("answerer"));
    let house =
        scripts.iter().fold(plan, |plan, script| plan.trusted(script, &component("hostile"))).start().await;
    let alone = pongs(&house).await;
    let spinners: Vec<_> = (16..16 + spinning)
        .map(|chat: usize| {
            let host = house.host.clone();
            tokio::spawn(async move {
                let account = host.account("sim").unwrap();
                for _ in 0..5 {
                    account.sim().unwrap().say(Say::group(chat.to_string(), "m0", "loop")).await.unwrap();
                }
            })
        })
        .collect();
    let beside = pongs(&house).await;
    for spinner in spinners {
        spinner.await.unwrap();
    }
    house.host.settled().await.unwrap();
    for script in scripts {
        let status = house.status(script);
        assert!(status.faults >= 5, "{script} did spin: {status:?}");
        // Deferring a call is no fault of the script, and every event came to its end.
        assert!(status.last_error.unwrap().starts_with("limit.deadline") || status.skipped > 0, "{script}");
    }
    let of = |delays: &[Duration], percent: usize| delays[(delays.len() - 1) * percent / 100];
    println!("pongs alone:                      p50 {:?}, p99 {:?}", of(&alone, 50), of(&alone, 99));
    println!("pongs beside {spinning} chats that spin: p50 {:?}, p99 {:?}", of(&beside, 50), of(&beside, 99));
    // Other tests share this machine, so what is compared comes from the same minute, and leaves room: were they served in the
    // order of their coming, half of the pongs would wait for eight deadlines or more. The benchmark `speed` shows all of them.
    let room = Duration::from_millis(4 * 50);
    assert!(of(&beside, 50) <= of(&alone, 99) + room, "{:?} > {:?}", of(&beside, 50), of(&alone, 99));
}

/// How long twenty answers take in each of sixteen chats at a time, shortest first.
async fn pongs(house: &House) -> Vec<Duration> {
    let chats: Vec<_> = (0..16)
        .map(|chat: usize| {
            let host = house.host.clone();
            tokio::spawn(async move {
                let account = host.account("sim").unwrap();
                let mut delays = Vec::new();
                for number in 0..20 {
                    let mut events = host.subscribe();
                    let began = Instant::now();
                    let text = format!("{number}");
                    account.sim().unwrap().say(Say::group(chat.to_string(), "m0", &text)).await.unwrap();
                    let answer = format!("re: {text}");
                    loop {
                        let event = events.recv().await.unwrap();
                        let here = event.chat.as_ref().is_some_and(|of| of.id == chat.to_string());
                        if here && event.body.message().is_some_and(|message| message.text == answer) {
                            break;
                        }
                    }
                    delays.push(began.elapsed());
                }
                delays
            })
        })
        .collect();
    let mut delays = Vec::new();
    for chat in chats {
        delays.extend(chat.await.unwrap());
    }
    delays.sort();
    delays
}
