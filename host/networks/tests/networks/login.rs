//! From init to running and to stop, with and without a QR code.

use std::sync::Arc;

use mynah_model::address::ChatKind;
use mynah_model::event::{AccountState, EventBody};
use mynah_networks::sim::{AtThePhone, CODE_LIFE_MS, LoginMode, SESSION_LIFE_MS, Say, SimConfig, SimError};
use mynah_networks::{Happening, Network, NetworkError, Sink, StopSender};

use crate::stage::{Stage, Told, act, fixture, is_login, send};

fn by_code() -> SimConfig {
    SimConfig { roster: fixture("roster_qq.json"), seed: 7, login: LoginMode::QrCode }
}

fn code(happening: &Happening) -> Option<&str> {
    match &happening.body {
        EventBody::QrCode { text, path: None } => Some(text),
        _ => None,
    }
}

#[tokio::test]
async fn an_account_logs_in_by_itself_and_has_its_roster_before_it_runs() {
    let stage = Stage::qq().await;
    let told = stage.account.told();
    let [updating, roster, Told::Happening(login), running] = told.as_slice() else {
        panic!("{told:?}");
    };
    assert_eq!(*updating, Told::State(AccountState::Updating));
    assert_eq!(*roster, Told::Roster);
    assert!(is_login(login, false));
    assert_eq!(*running, Told::State(AccountState::Running));
    stage.assert_account_knows_the_world();
}

#[tokio::test]
async fn a_code_is_shown_until_somebody_scans_it() {
    let stage = Stage::start(by_code());
    stage.account.wait_for(AccountState::Scaning).await;
    let refused = stage.sim.say(Say::friend("2457053936", "hi")).await.unwrap_err();
    assert_eq!(refused.to_string(), "the account is scaning, not running");
    let seq = scan(&stage).await.unwrap();
    let told = stage.account.told();
    let states = told.iter().filter_map(|told| match told {
        Told::State(state) => Some(state.as_str()),
        _ => None,
    });
    assert_eq!(states.collect::<Vec<_>>(), ["scaning", "confirming", "updating", "running"]);
    let Told::Happening(login) = &told[usize::try_from(seq.0).unwrap() - 1] else { panic!("{told:?}") };
    assert!(is_login(login, true));
    let again = stage.sim.scan().await.unwrap_err();
    assert_eq!(again, SimError::NothingToScan { state: AccountState::Running });
}

#[tokio::test]
async fn a_code_expires_after_two_minutes_and_a_new_one_is_shown() {
    let stage = Stage::start(by_code());
    stage.account.wait_for(AccountState::Scaning).await;
    wait_for_codes(&stage, 1).await;
    stage.clock.advance(120_000);
    assert_eq!(stage.sim.scan().await, Err(SimError::QrExpired));
    stage.clock.advance(119_999);
    stage.sim.scan().await.unwrap();
    let happenings = stage.account.happenings();
    let codes: Vec<_> = happenings.iter().filter_map(code).collect();
    assert_eq!(codes.len(), 2);
    assert_ne!(codes[0], codes[1]);
}

#[tokio::test]
async fn a_stopped_account_takes_nothing_more_and_can_run_again() {
    let stage = Stage::qq().await;
    stage.sim.set_card("552603", "456789", "before").await.unwrap();
    stage.stop.stop();
    stage.run.await.unwrap().unwrap();
    let said = stage.sim.say(Say::friend("123456", "hi")).await;
    assert_eq!(said, Err(SimError::NotRunning { state: AccountState::Stop }));
    let sent = stage.sim.perform(&act(ChatKind::Friend, "2457053936", send("hi"))).await;
    assert_eq!(sent, Err(NetworkError::Offline("the account is stop, not running".into())));

    let account = crate::stage::Account::new();
    let (stop, signal) = StopSender::new();
    let run = tokio::spawn(stage.sim.clone().run(account.clone(), signal));
    account.wait_for(AccountState::Running).await;
    let member = account.roster().member("2617047292", "2372835507").cloned().unwrap();
    assert_eq!(member.card.as_deref(), Some("before"), "the world went on");
    drop(stop);
    run.await.unwrap().unwrap();
}

#[tokio::test]
async fn a_stop_before_the_start_and_one_while_scaning_are_not_lost() {
    let stage = Stage::start(by_code());
    stage.stop.stop();
    stage.run.await.unwrap().unwrap();

    let stage = Stage::start(by_code());
    stage.account.wait_for(AccountState::Scaning).await;
    wait_for_codes(&stage, 1).await;
    stage.stop.stop();
    stage.run.await.unwrap().unwrap();
    let state = AccountState::Stop;
    assert_eq!(stage.sim.scan().await, Err(SimError::NothingToScan { state }));
}

#[tokio::test]
async fn nobody_logs_in_twice_at_a_time() {
    let stage = Stage::qq().await;
    let (_stop, signal) = StopSender::new();
    let second = stage.sim.clone().run(stage.account.clone(), signal).await;
    assert!(matches!(second, Err(NetworkError::Refused(_))), "{second:?}");
    stage.sim.say(Say::friend("2457053936", "still here")).await.unwrap();
}

#[tokio::test]
async fn a_code_that_nobody_scans_is_replaced_by_itself_and_the_old_one_stays_of_no_use() {
    let stage = Stage::start(by_code());
    wait_for_codes(&stage, 1).await;
    stage.clock.advance(CODE_LIFE_MS as u64);
    wait_for_codes(&stage, 2).await;
    // Whoever scans at this moment cannot have seen the new one.
    assert_eq!(stage.sim.scan().await, Err(SimError::QrExpired));
    stage.sim.scan().await.unwrap();
}

#[tokio::test]
async fn a_login_can_be_confirmed_later() {
    let stage = Stage::start(by_code());
    wait_for_codes(&stage, 1).await;
    assert_eq!(stage.sim.confirm(true).await, Err(SimError::NotScanned));
    stage.sim.scan_and(AtThePhone::Wait).await.unwrap();
    assert_eq!(stage.account.told().pop(), Some(Told::State(AccountState::Confirming)));
    assert_eq!(stage.sim.scan().await, Err(SimError::ScannedAlready));
    stage.sim.confirm(true).await.unwrap();
    assert_eq!(stage.account.told().pop(), Some(Told::State(AccountState::Running)));
}

#[tokio::test]
async fn a_login_that_is_refused_or_confirmed_too_late_begins_again_with_another_code() {
    let stage = Stage::start(by_code());
    wait_for_codes(&stage, 1).await;
    assert_eq!(stage.sim.scan_and(AtThePhone::Refuse).await, Err(SimError::LoginRefused));
    stage.sim.scan_and(AtThePhone::Wait).await.unwrap();
    assert_eq!(stage.sim.confirm(false).await, Err(SimError::LoginRefused));
    stage.sim.scan_and(AtThePhone::Wait).await.unwrap();
    stage.clock.advance(CODE_LIFE_MS as u64);
    assert_eq!(stage.sim.confirm(true).await, Err(SimError::QrExpired));
    stage.sim.scan().await.unwrap();
    let told = stage.account.told();
    let told = told.iter().filter_map(|told| match told {
        Told::State(state) => Some(state.as_str()),
        Told::Happening(happening) => code(happening).map(|_| "code"),
        Told::Roster => None,
    });
    let again = ["scaning", "code", "confirming"];
    let expected = [&again[..], &again, &again, &again, &["updating", "running"]].concat();
    assert_eq!(told.collect::<Vec<_>>(), expected);
}

#[tokio::test]
async fn of_two_scans_one_logs_in_and_the_other_is_told_that_there_is_nothing_to_scan() {
    let stage = Stage::start(by_code());
    wait_for_codes(&stage, 1).await;
    let (one, other) = tokio::join!(stage.sim.scan(), stage.sim.scan());
    assert!(one.is_ok() != other.is_ok(), "{one:?} {other:?}");
    let failed = one.and(other).unwrap_err();
    assert!(matches!(failed, SimError::NothingToScan { .. }), "{failed:?}");
}

#[tokio::test]
async fn a_session_spares_the_scan_for_a_day_and_another_account_s_never() {
    let stage = Stage::start(by_code());
    wait_for_codes(&stage, 1).await;
    stage.sim.scan().await.unwrap();
    stage.stop.stop();
    stage.run.await.unwrap().unwrap();
    for (later, scans) in [(SESSION_LIFE_MS - 1, false), (1, true)] {
        stage.clock.advance(later as u64);
        let session = stage.account.session().await.unwrap();
        let account = crate::stage::Account::new();
        account.keep_session(&session).await;
        let (stop, signal) = StopSender::new();
        let run = tokio::spawn(stage.sim.clone().run(account.clone(), signal));
        account.wait_for(if scans { AccountState::Scaning } else { AccountState::Running }).await;
        drop(stop);
        run.await.unwrap().unwrap();
    }
    for session in ["", "[]", "{\"user\":1}", "{\"user\":\"1\",\"since\":1704067200000}"] {
        let account = crate::stage::Account::new();
        account.keep_session(session.as_bytes()).await;
        let (stop, signal) = StopSender::new();
        let run = tokio::spawn(stage.sim.clone().run(account.clone(), signal));
        account.wait_for(AccountState::Scaning).await;
        drop(stop);
        run.await.unwrap().unwrap();
    }
}

/// Waits until so many codes have been shown; the state is entered a moment before.
async fn wait_for_codes(stage: &Stage, count: usize) {
    while stage.account.happenings().iter().filter_map(code).count() < count {
        tokio::task::yield_now().await;
    }
    tokio::task::yield_now().await;
}

async fn scan(stage: &Stage) -> Result<mynah_model::names::Seq, SimError> {
    wait_for_codes(stage, 1).await;
    let sim = Arc::clone(&stage.sim);
    sim.scan().await
}
