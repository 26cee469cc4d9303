//! Many at once: order in each chat, and nothing that one chat's queue does to another.

use std::sync::Arc;

use mynah_model::action::ActionBody;
use mynah_model::address::ChatKind;
use mynah_model::event::{EventBody, EventKind};
use mynah_networks::sim::{Say, SimError, builtin};
use mynah_networks::{Network, Receipt};
use tokio::task::{JoinSet, yield_now};

use crate::stage::{Stage, act, group, kinds, send};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn message_ids_grow_in_each_chat_in_the_order_of_events() {
    let stage = Arc::new(Stage::running(builtin::roster()).await);
    let mut tasks = JoinSet::new();
    for task in 0..40_u64 {
        let stage = Arc::clone(&stage);
        tasks.spawn(async move {
            for number in 0..50 {
                let chat = if (task + number) % 2 == 0 { "552603" } else { "100200" };
                stage.sim.say(Say::group(chat, "10001", "hi")).await.unwrap();
            }
        });
    }
    tasks.join_all().await;
    let mut newest = std::collections::HashMap::new();
    let happenings = stage.account.happenings();
    let messages = happenings.iter().filter_map(|one| Some((&one.chat.as_ref()?.id, one.body.message()?)));
    let mut count = 0;
    for (chat, message) in messages {
        let id: u64 = message.id.parse().unwrap();
        let before = newest.insert(chat, id);
        assert!(before < Some(id), "{chat}: {before:?} before {id}");
        count += 1;
    }
    assert_eq!(count, 2_000);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_account_knows_the_world_however_much_changes_at_once() {
    let stage = Arc::new(Stage::running(builtin::roster()).await);
    let mut tasks = JoinSet::new();
    for task in 0..16_u64 {
        let stage = Arc::clone(&stage);
        tasks.spawn(async move {
            for round in 0..20_u64 {
                let newcomer = format!("9{}", (task + round) % 5);
                let members = vec![newcomer.clone()];
                // Most of these are refused, by what others did first.
                let _ = match (task + round) % 7 {
                    0 | 1 => stage.sim.join(&group("552603"), &newcomer, None).await.map(drop),
                    2 => stage.sim.leave(&group("552603"), &newcomer, None).await.map(drop),
                    3 => stage.sim.set_card("552603", "10001", &format!("{task} {round}")).await.map(drop),
                    4 => {
                        let kick = ActionBody::Kick { members, reject_again: false };
                        let _ = stage.act("552603", kick).await;
                        Ok(())
                    }
                    5 if task == 5 => {
                        stage.sim.reset().await;
                        Ok(())
                    }
                    _ => {
                        let left = stage.sim.leave(&group("778899"), "1234567", None).await;
                        left.and(stage.sim.join(&group("778899"), "1234567", None).await).map(drop)
                    }
                };
            }
        });
    }
    tasks.join_all().await;
    stage.assert_account_knows_the_world();
    let kinds = kinds(&stage.account.happenings());
    for kind in
        [EventKind::MemberJoined, EventKind::MemberLost, EventKind::PropertyChanged, EventKind::GroupLost]
    {
        assert!(kinds.contains(&kind), "{kind:?}");
    }
}

#[tokio::test]
async fn a_full_queue_holds_up_who_reports_and_not_who_sends() {
    let stage = Arc::new(Stage::qq().await);
    stage.account.room.forget_permits(usize::MAX);
    let waiting = {
        let stage = Arc::clone(&stage);
        tokio::spawn(async move { stage.sim.say(Say::group("552603", "456789", "hi")).await })
    };
    let moderating = {
        let stage = Arc::clone(&stage);
        let shutup = ActionBody::Shutup { members: vec!["2832277643".into()], seconds: 60 };
        tokio::spawn(async move { stage.act("2617047293", shutup).await.map(drop).unwrap_err() })
    };
    yield_now().await;
    let Receipt { message_id, .. } = stage.act("2617047292", send("hi")).await.unwrap();
    assert!(message_id.is_some());
    moderating.await.unwrap();
    assert!(!waiting.is_finished());
    stage.account.room.add_permits(1);
    waiting.await.unwrap().unwrap();
    assert_eq!(stage.heard(), ["hi"]);
}

#[tokio::test]
async fn a_caller_who_goes_away_while_waiting_has_said_nothing() {
    let stage = Arc::new(Stage::qq().await);
    stage.account.room.forget_permits(usize::MAX);
    let impatient = {
        let stage = Arc::clone(&stage);
        tokio::spawn(async move { stage.sim.say(Say::friend("123456", "first")).await })
    };
    yield_now().await;
    impatient.abort();
    assert!(impatient.await.unwrap_err().is_cancelled());
    stage.account.room.add_permits(2);
    stage.sim.say(Say::friend("123456", "second")).await.unwrap();
    assert_eq!(stage.heard(), ["second"]);
}

#[tokio::test]
async fn a_change_is_reported_even_if_its_caller_goes_away() {
    let stage = Arc::new(Stage::qq().await);
    stage.account.room.forget_permits(usize::MAX);
    let impatient = {
        let stage = Arc::clone(&stage);
        tokio::spawn(async move { stage.sim.leave(&group("552603"), "456789", None).await })
    };
    while stage.sim.roster().member("2617047292", "2372835507").is_some() {
        yield_now().await;
    }
    impatient.abort();
    let _ = impatient.await;
    stage.account.room.add_permits(2);
    // Comes after it in the same chat, so the report is through when this is.
    stage.sim.set_card("552603", "45678", "新名片").await.unwrap();
    stage.assert_account_knows_the_world();
    let happenings = stage.account.happenings();
    assert!(matches!(&happenings[1].body, EventBody::MemberLost(lost) if lost.who.id == "2372835507"));
}

#[tokio::test]
async fn who_is_muted_meanwhile_is_not_heard_afterwards() {
    let stage = Arc::new(Stage::qq().await);
    stage.account.room.forget_permits(usize::MAX);
    let say = |text: &'static str| {
        let stage = Arc::clone(&stage);
        tokio::spawn(async move { stage.sim.say(Say::group("552603", "456789", text)).await })
    };
    let first = say("first");
    yield_now().await;
    let mute = {
        let stage = Arc::clone(&stage);
        let shutup = ActionBody::Shutup { members: vec!["456789".into()], seconds: 60 };
        tokio::spawn(async move { stage.sim.perform(&act(ChatKind::Group, "552603", shutup)).await })
    };
    yield_now().await;
    let second = say("second");
    yield_now().await;
    stage.account.room.add_permits(10);
    first.await.unwrap().unwrap();
    mute.await.unwrap().unwrap();
    assert!(matches!(second.await.unwrap(), Err(SimError::Muted { .. })));
    let kinds = kinds(&stage.account.happenings());
    assert_eq!(kinds, [EventKind::Login, EventKind::MessageReceived, EventKind::Muted]);
}
