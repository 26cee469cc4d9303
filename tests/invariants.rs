//! The invariants of `ARCHITECTURE.md`, one test each, in their order. Other files try each of them harder; these say that
//! it holds at all.

use mynah_model::event::EventBody;
use mynah_model::names::Seq;
use mynah_model::refusal::Code;
use mynah_networks::sim::Say;

use crate::support::command::run;
use crate::support::guests::{component, counter};
use crate::support::house::{BEGIN, House, wait_for};

#[tokio::test(flavor = "multi_thread")]
async fn invariant_1_events_of_one_chat_are_handled_in_order_one_at_a_time() {
    let house = House::plan().workers(4).trusted("counter", &counter(0)).start().await;
    let talkers: Vec<_> = (0..8)
        .map(|talker: usize| {
            let host = house.host.clone();
            tokio::spawn(async move {
                let account = host.account("sim").unwrap();
                for number in 0..25 {
                    let say = Say::group("0", format!("m{talker}"), format!("{talker}:{number}"));
                    account.sim().unwrap().say(say).await.unwrap();
                }
            })
        })
        .collect();
    for talker in talkers {
        talker.await.unwrap();
    }
    let (mut heard, mut said) = (Vec::new(), Vec::new());
    for event in house.events().await {
        match &event.body {
            EventBody::MessageReceived(message) => {
                heard.push(format!("{} {} release-00000000", message.text, heard.len() + 1));
            }
            EventBody::MessageSent(message) => said.push(message.text.clone()),
            _ => {}
        }
    }
    assert_eq!(heard.len(), 200);
    assert_eq!(said, heard);
}

#[tokio::test(flavor = "multi_thread")]
async fn invariant_2_one_transaction_per_event_over_all_its_scripts() {
    let plan = House::plan().trusted("counter", &counter(0)).trusted("hostile", &component("hostile"));
    let house = plan.start().await;
    let seq = house.say("0", "m0", "state").await;
    let sent = house.outbox().await;
    assert_eq!(sent.len(), 1, "the script that failed contributed nothing, the other stands");
    assert_eq!(sent[0].cause, Some(seq.0));
    house.say("0", "m0", "half").await;
    assert!(house.sent().await.contains(&"nothing".to_owned()));
}

#[tokio::test(flavor = "multi_thread")]
async fn invariant_3_nothing_a_script_does_stops_the_host_or_delays_another_chat_past_its_deadline() {
    let plan = House::plan().workers(1).trusted("hostile", &component("hostile"));
    let house = plan.trusted("counter", &counter(0)).start().await;
    house.say("0", "m0", "loop").await;
    house.say("1", "m0", "hello").await;
    let events = house.events().await;
    let done = |chat: &str| {
        let in_chat = |event: &&std::sync::Arc<mynah_model::event::Event>| {
            matches!(event.body, EventBody::MessageSent(_))
                && event.chat.as_ref().is_some_and(|of| of.id == chat)
        };
        events.iter().find(in_chat).unwrap().seq
    };
    assert!(done("1") < done("0"), "the only worker was lent to the other chat while the script spun");
}

#[tokio::test(flavor = "multi_thread")]
async fn invariant_4_a_release_is_replaced_only_by_one_that_can_be_used() {
    let house = House::plan().trusted("counter", &counter(1)).start().await;
    let before = house.status("counter").release;
    house.replace("counter", &counter(2)[..1000]);
    wait_for("the refusal", || house.status("counter").state == "refused").await;
    assert_eq!(house.status("counter").release, before);
}

#[tokio::test(flavor = "multi_thread")]
async fn invariant_5_scripts_never_block_and_outcomes_come_back_as_events_in_the_chat_that_asked() {
    let house = House::plan().trusted("later", &component("later")).start().await;
    for ask in ["/kick m1", "/kick admin", "/fetch"] {
        house.say("0", "m0", ask).await;
        house.host.settled().await.unwrap();
    }
    wait_for("all results", || house.status("later").events >= 7).await;
    let mut sent = house.sent().await;
    sent.sort();
    assert_eq!(
        sent,
        [
            "fetch -: Outcome::Refused grant.fetch",
            "kick the kick: Outcome::Done ok",
            "kick the kick: Outcome::Refused moderation.target",
        ]
    );
    assert!(house.outbox().await.iter().all(|entry| entry.chat == "sim/group/0"));
}

#[tokio::test(flavor = "multi_thread")]
async fn invariant_6_every_input_of_handle_comes_from_the_event() {
    let mut histories = Vec::new();
    for _ in 0..2 {
        let house = House::plan().trusted("hostile", &component("hostile")).start().await;
        for attempt in ["time", "chance"] {
            house.say("0", "m0", attempt).await;
            house.host.settled().await.unwrap();
        }
        histories.push(house.sent().await);
    }
    assert_eq!(histories[0][0], format!("{BEGIN} {BEGIN} 0"));
    assert_eq!(histories[0], histories[1]);
}

#[tokio::test(flavor = "multi_thread")]
async fn invariant_7_deep_chains_and_late_events_are_refused() {
    let plan = House::plan().trusted("one", &component("answerer"));
    let house = plan.trusted("two", &component("answerer")).start().await;
    house.sim().say(Say { time: Some(BEGIN - 300_001), ..Say::group("1", "m0", "late") }).await.unwrap();
    assert!(house.sent().await.is_empty());
    house.say("0", "m0", "hello").await;
    let deepest = house.events().await.iter().map(|event| event.depth).max();
    assert_eq!(deepest, Some(3));
}

#[test]
fn invariant_8_every_refusal_has_a_stable_code_and_says_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    for code in Code::ALL {
        let (exit, stdout, stderr) = run(folder.path(), ["explain", code.as_str()]);
        assert_eq!(exit, 0, "{code}: {stderr}");
        assert!(stdout.contains(code.explanation()), "{code}: {stdout}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn numbers_go_on_after_a_restart() {
    let house = House::plan().start().await;
    let last = house.say("0", "m0", "hello").await;
    let house = house.restart(mynah_runtime::HostConfig::default()).await;
    let next = house.say("0", "m0", "again").await;
    assert!(next > last && last > Seq(0));
}
