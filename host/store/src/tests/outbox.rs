//! The outbox: decided, sending, over; what was done is listed in the order in which it was done.

use mynah_model::action::Outcome;
use mynah_model::names::{ActNumber, Seq};

use super::{act, ended, journal, temporary, write};
use crate::{OutboxState, Store, StoreError, Write};

fn state(store: &Store, number: u64) -> OutboxState {
    store.read(|reader| reader.act(ActNumber(number))).unwrap().unwrap().state
}

fn done(store: &Store) -> Vec<u64> {
    let account = "qq".parse().unwrap();
    let rows = store.read(|reader| reader.outbox_done(&account, 0, 100)).unwrap();
    rows.iter().map(|row| row.act.number.0).collect()
}

#[test]
fn an_act_goes_from_decided_through_sending_to_its_end() {
    let store = temporary();
    write(&store, vec![journal(4), Write::OutboxDecided(act(1, Some(4)))]).unwrap();
    assert_eq!(state(&store, 1), OutboxState::Decided);
    write(&store, Write::OutboxSending(ActNumber(1))).unwrap();
    assert_eq!(state(&store, 1), OutboxState::Sending);
    write(&store, ended(1, Outcome::Done)).unwrap();
    let row = store.read(|reader| reader.acts_of(Seq(4))).unwrap().remove(0);
    assert_eq!(row.act, act(1, Some(4)));
    assert_eq!(row.state, OutboxState::Ended(Outcome::Done));
    assert_eq!((row.ended_at, row.done_order), (Some(7), Some(1)));
    assert_eq!((row.code.as_deref(), row.message_id.as_deref()), (Some("ok"), Some("m1")));
}

#[test]
fn an_act_that_is_started_when_it_is_decided_is_on_its_way_until_it_waits_after_all() {
    let store = temporary();
    write(&store, Write::OutboxStarted(act(1, None))).unwrap();
    assert_eq!(state(&store, 1), OutboxState::Sending);
    write(&store, Write::OutboxWaits(ActNumber(1))).unwrap();
    assert_eq!(state(&store, 1), OutboxState::Decided);
    write(&store, ended(1, Outcome::Done)).unwrap();
    let late = write(&store, Write::OutboxWaits(ActNumber(1)));
    assert!(matches!(late, Err(StoreError::ActState { .. })), "{late:?}");
    assert_eq!(state(&store, 1), OutboxState::Ended(Outcome::Done));
}

#[test]
fn every_ending_reads_as_it_is_called() {
    let store = temporary();
    let endings = [
        (Outcome::Done, "done"),
        (Outcome::Failed, "failed"),
        (Outcome::Refused, "refused"),
        (Outcome::Unsupported, "unsupported"),
        (Outcome::Unknown, "unknown"),
        (Outcome::Expired, "expired"),
        (Outcome::DryRun, "dry-run"),
    ];
    for (number, (outcome, text)) in (1..).zip(endings) {
        write(&store, vec![Write::OutboxDecided(act(number, None)), ended(number, outcome)]).unwrap();
        assert_eq!(state(&store, number), OutboxState::Ended(outcome));
        assert_eq!(state(&store, number).to_string(), text);
    }
    assert_eq!(done(&store), [1]);
}

#[test]
fn an_act_that_ended_stays_ended_unless_nobody_knew() {
    let store = temporary();
    write(&store, vec![Write::OutboxDecided(act(1, None)), ended(1, Outcome::Failed)]).unwrap();
    for late in [Write::OutboxSending(ActNumber(1)), ended(1, Outcome::Done)] {
        let error = write(&store, late).unwrap_err();
        assert!(matches!(error, StoreError::ActState { number: ActNumber(1), .. }), "{error}");
    }
    assert!(matches!(write(&store, ended(9, Outcome::Done)), Err(StoreError::ActState { .. })));
    write(&store, vec![Write::OutboxDecided(act(2, None)), ended(2, Outcome::Unknown)]).unwrap();
    write(&store, ended(2, Outcome::Done)).unwrap();
    assert_eq!(done(&store), [2]);
    let twice = write(&store, Write::OutboxDecided(act(2, None)));
    assert!(matches!(twice, Err(StoreError::ActKnown { number: ActNumber(2) })));
}

#[test]
fn a_message_that_was_sent_is_found_among_the_newest_acts_of_its_account() {
    let store = temporary();
    for number in 1..=3 {
        write(&store, vec![Write::OutboxDecided(act(number, None)), ended(number, Outcome::Done)]).unwrap();
    }
    let found = |account: &str, id: &str, limit| {
        let account = account.parse().unwrap();
        let row = store.read(|reader| reader.outbox_sent(&account, id, limit)).unwrap();
        row.map(|row| row.act.number.0)
    };
    assert_eq!(found("qq", "m1", 3), Some(1));
    assert_eq!(found("qq", "m1", 2), None, "it is the third newest");
    assert_eq!(found("wx", "m1", 3), None);
    assert_eq!(found("qq", "m'1", 3), None);
}

#[test]
fn what_was_done_is_listed_in_that_order_until_the_account_is_reset() {
    let store = temporary();
    let mut other = act(4, None);
    other.account = "wx".parse().unwrap();
    write(&store, (1..4).map(|n| Write::OutboxDecided(act(n, None))).collect::<Vec<_>>()).unwrap();
    write(&store, vec![Write::OutboxDecided(other), ended(4, Outcome::Done)]).unwrap();
    write(&store, ended(3, Outcome::Done)).unwrap();
    write(&store, ended(1, Outcome::Done)).unwrap();
    assert_eq!(done(&store), [3, 1]);
    let account = "qq".parse().unwrap();
    let page = store.read(|reader| reader.outbox_done(&account, 1, 1)).unwrap();
    assert_eq!(page[0].act.number, ActNumber(1));
    write(&store, Write::AccountReset { account, at: 50 }).unwrap();
    assert_eq!(done(&store), [0; 0]);
    write(&store, ended(2, Outcome::Done)).unwrap();
    assert_eq!(done(&store), [2]);
    assert_eq!(state(&store, 1), OutboxState::Ended(Outcome::Done), "the row stays");
}
