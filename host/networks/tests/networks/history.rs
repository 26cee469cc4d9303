//! One seed is one history.

use mynah_model::action::ActionBody;
use mynah_model::event::AccountState;
use mynah_networks::sim::{LoginMode, Say, SimConfig, builtin};

use crate::stage::{Stage, Told, group, send};

/// A day in a world, the same calls each time.
async fn history(seed: u64) -> Vec<Told> {
    let roster = builtin::roster();
    let stage = Stage::start(SimConfig { roster, seed, login: LoginMode::QrCode });
    stage.account.wait_for(AccountState::Scaning).await;
    while stage.sim.scan().await.is_err() {
        tokio::task::yield_now().await;
    }
    day(&stage).await;
    stage.stop.stop();
    stage.run.await.unwrap().unwrap();
    stage.account.told()
}

async fn day(stage: &Stage) {
    for say in stage.sim.chatter(300) {
        stage.clock.advance(700);
        // Somebody may be muted by then; that is part of the history too.
        let _ = stage.sim.say(say).await;
    }
    let sent = stage.act("552603", send("hi")).await.unwrap();
    stage.act("552603", ActionBody::Recall { message_id: sent.message_id.unwrap() }).await.unwrap();
    let members = vec!["10001".to_owned()];
    stage.act("552603", ActionBody::Shutup { members, seconds: 600 }).await.unwrap();
    stage.sim.friend_request("424242", None, "hello").await.unwrap();
    stage.sim.join(&group("552603"), "424242", None).await.unwrap();
    stage.sim.say(Say::group("552603", "424242", "ping")).await.unwrap();
}

#[tokio::test]
async fn the_same_seed_and_calls_are_the_same_history() {
    let (one, two, other) = (history(1).await, history(1).await, history(2).await);
    assert!(one.len() > 300);
    assert_eq!(one, two);
    assert_ne!(one, other);
}

#[tokio::test]
async fn after_a_reset_the_same_day_comes_again_under_new_message_ids() {
    let stage = Stage::running(builtin::roster()).await;
    day(&stage).await;
    let first = stage.heard();
    stage.sim.reset().await;
    stage.assert_account_knows_the_world();
    day(&stage).await;
    assert_eq!(stage.heard().split_off(first.len()), first);
    let happenings = stage.account.happenings();
    let mut ids: Vec<_> = happenings.iter().filter_map(|one| Some(&one.body.message()?.id)).collect();
    let count = ids.len();
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), count);
}
