//! What the next host finds.

use std::sync::Arc;

use mynah_model::action::{Outcome, When};
use mynah_model::names::{ActNumber, Seq};

use super::{act, ended, event, folder, group_chat, handled, journal, open, script, write};
use crate::{OutboxState, StoreError, Timer, Write};

fn timer(tag: &str, due: i64) -> Timer {
    Timer {
        script: script("clock"),
        address: event(1).address(),
        tag: tag.into(),
        due,
        when: When::Cron { pattern: "0 8 * * *".into(), zone: Some("Asia/Shanghai".into()) },
        payload: Some("早\0".into()),
        chat: Some(group_chat()),
        cause: Seq(3),
        depth: 2,
    }
}

#[test]
fn a_new_database_has_nothing_to_recover() {
    let (_folder, path) = folder();
    let (_store, recovery) = open(&path);
    assert_eq!((recovery.last_seq, recovery.last_act), (Seq(0), ActNumber(0)));
    assert_eq!((recovery.outbox, recovery.timers), (vec![], vec![]));
    assert_eq!(recovery.unhandled.count(), 0);
}

#[test]
fn what_was_left_undone_is_found_in_order() {
    let (_folder, path) = folder();
    let (store, _) = open(&path);
    write(&store, (1..=600).map(journal).collect::<Vec<_>>()).unwrap();
    write(&store, (1..=600).filter(|seq| seq % 2 == 0).map(handled).collect::<Vec<_>>()).unwrap();
    write(&store, (1..=4).map(|n| Write::OutboxDecided(act(n, Some(2)))).collect::<Vec<_>>()).unwrap();
    write(&store, vec![Write::OutboxSending(ActNumber(2)), ended(4, Outcome::Done)]).unwrap();
    write(&store, ended(3, Outcome::Refused)).unwrap();
    write(&store, vec![Write::TimerSet(timer("b", 20)), Write::TimerSet(timer("a", 90))]).unwrap();
    write(&store, vec![Write::TimerSet(timer("c", 1)), Write::TimerSet(timer("a", 10))]).unwrap();
    let removed =
        Write::TimerRemoved { script: script("clock"), address: event(1).address(), tag: "c".into() };
    write(&store, removed).unwrap();
    store.close();

    let (store, recovery) = open(&path);
    assert_eq!((recovery.last_seq, recovery.last_act), (Seq(600), ActNumber(4)));
    let decided = [(act(1, Some(2)), OutboxState::Decided), (act(2, Some(2)), OutboxState::Sending)];
    assert_eq!(recovery.outbox, decided);
    assert_eq!(recovery.timers, [timer("a", 10), timer("b", 20)]);
    assert_eq!(recovery.unhandled.count_at_open(), 300);
    // What is written while recovery goes on is not part of it.
    write(&store, vec![journal(601), handled(1), handled(599)]).unwrap();
    let seqs: Vec<_> = recovery.unhandled.map(|event| event.unwrap().seq.0).collect();
    assert_eq!(seqs, (3..599).filter(|seq| seq % 2 == 1).collect::<Vec<_>>());
}

#[test]
fn an_event_that_cannot_be_read_does_not_hide_the_others() {
    let (_folder, path) = folder();
    let (store, _) = open(&path);
    write(&store, (1..=3).map(journal).collect::<Vec<_>>()).unwrap();
    store.close();
    let person = rusqlite::Connection::open(&path).unwrap();
    person.execute_batch("UPDATE events SET event = CAST(x'ff' AS TEXT) WHERE seq = 2").unwrap();
    drop(person);
    let events: Vec<_> = open(&path).1.unhandled.collect();
    assert_eq!(events.len(), 3);
    assert!(matches!(&events[1], Err(StoreError::Unreadable { row, .. }) if row == "2"), "{events:?}");
    assert_eq!(events[2].as_ref().unwrap().seq, Seq(3));
}

#[test]
fn the_order_of_what_was_done_goes_on() {
    let (_folder, path) = folder();
    let (store, _) = open(&path);
    write(&store, vec![Write::OutboxDecided(act(1, None)), Write::OutboxDecided(act(2, None))]).unwrap();
    write(&store, ended(2, Outcome::Done)).unwrap();
    store.close();
    let (store, _) = open(&path);
    write(&store, ended(1, Outcome::Done)).unwrap();
    let account = "qq".parse().unwrap();
    let rows = store.read(|reader| reader.outbox_done(&account, 0, 9)).unwrap();
    assert_eq!(rows.iter().map(|row| row.act.number.0).collect::<Vec<_>>(), [2, 1]);
}

#[test]
fn an_event_that_no_script_wants_never_waits_and_is_not_handled_again() {
    let (_folder, path) = folder();
    let (store, _) = open(&path);
    write(&store, vec![journal(1), Write::UnwantedEvent(Arc::new(event(2)))]).unwrap();
    let error = write(&store, handled(2)).unwrap_err();
    assert!(matches!(error, StoreError::NotWaiting { seq: Seq(2) }), "{error}");
    let kept = store.read(|reader| reader.handled(Seq(2))).unwrap().unwrap();
    assert_eq!((kept.at, kept.calls.as_str()), (event(2).received_at, "[]"));
    store.close();
    let (_, recovery) = open(&path);
    assert_eq!(recovery.last_seq, Seq(2));
    assert_eq!(recovery.unhandled.map(|event| event.unwrap().seq.0).collect::<Vec<_>>(), [1]);
}

#[tokio::test]
async fn an_event_that_waits_is_found_however_many_were_handled_behind_it() {
    let (_folder, path) = folder();
    let (store, _) = open(&path);
    let most = u64::from(crate::limits::NOTE_HANDLED);
    for first in [1, most + 1, 2 * most + 1] {
        let events = first..first + most;
        store.write_durable(events.clone().map(journal).collect()).await.unwrap();
        store.write_durable(events.filter(|seq| *seq != most + 5).map(handled).collect()).await.unwrap();
    }
    assert_eq!(
        store.read(|reader| reader.meta("store.handled_before")).unwrap(),
        Some((most + 5).to_string())
    );
    store.close();
    let (store, recovery) = open(&path);
    assert_eq!(recovery.unhandled.map(|event| event.unwrap().seq.0).collect::<Vec<_>>(), [most + 5]);
    assert_eq!(store.read(|reader| reader.waiting()).unwrap(), 1);
}
