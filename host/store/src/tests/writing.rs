//! Batches: in order, together, wholly or not at all.

use std::sync::mpsc;
use std::sync::{Arc, Mutex};

use mynah_model::names::Seq;

use super::{folder, handled, journal, open, put, temporary, value, write};
use crate::{Batch, Store, StoreError, Write};

/// Holds up the writer in a completion until told to go on, so that what is written next is one group.
fn hold(store: &Store) -> mpsc::Sender<()> {
    let (go, wait) = mpsc::channel::<()>();
    let (arrive, arrived) = mpsc::channel();
    store.write(Batch::new(), move |_| {
        arrive.send(()).unwrap();
        wait.recv().unwrap();
    });
    arrived.recv().unwrap();
    go
}

#[test]
fn completions_run_in_order_and_see_their_own_commit() {
    let store = temporary();
    let reader = store.reader().unwrap();
    let order = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::new(Mutex::new(reader));
    let go = hold(&store);
    for seq in 1..=2_500 {
        let (order, seen) = (Arc::clone(&order), Arc::clone(&seen));
        store.write(journal(seq).into(), move |result| {
            result.unwrap();
            assert!(seen.lock().unwrap().event(Seq(seq)).unwrap().is_some());
            order.lock().unwrap().push(seq);
        });
    }
    assert_eq!(store.queued(), 2_500);
    go.send(()).unwrap();
    write(&store, Batch::new()).unwrap();
    assert_eq!(*order.lock().unwrap(), (1..=2_500).collect::<Vec<_>>());
    assert_eq!(store.queued(), 0);
}

#[test]
fn what_nobody_waits_for_is_committed_with_what_somebody_waits_for_or_when_it_is_flushed() {
    let (_folder, path) = folder();
    let (store, _) = open(&path);
    let (tell, told) = mpsc::channel();
    store.write_soon(journal(1).into(), {
        let tell = tell.clone();
        move |result| tell.send(result.is_ok()).unwrap()
    });
    assert!(told.try_recv().is_err() && store.queued() == 1, "it waits");
    let reader = store.reader().unwrap();
    let (look, seen) = mpsc::channel();
    store.write(journal(2).into(), move |_| look.send(reader.event(Seq(1)).unwrap().is_some()).unwrap());
    assert!(told.recv().unwrap() && seen.recv().unwrap(), "in one transaction");
    store.write_soon(journal(3).into(), move |result| tell.send(result.is_ok()).unwrap());
    store.flush();
    assert!(told.recv().unwrap());
    store.write_soon(journal(4).into(), |_| {});
    let reader = store.reader().unwrap();
    store.close();
    assert!(reader.event(Seq(4)).unwrap().is_some(), "closing waits for all");
}

#[test]
fn batches_that_change_something_are_counted_when_they_are_queued() {
    let store = temporary();
    let before = store.changes();
    write(&store, Batch::new()).unwrap();
    assert_eq!(store.changes(), before, "a barrier is no change");
    let go = hold(&store);
    let held = store.changes();
    store.write_soon(journal(1).into(), |_| {});
    assert_eq!(store.changes(), held + 1);
    go.send(()).unwrap();
}

#[test]
fn an_event_that_is_handled_where_it_is_journalled_is_handled_once_and_one_that_is_not_waits() {
    let store = temporary();
    let go = hold(&store);
    let results = Arc::new(Mutex::new(Vec::new()));
    for writes in [vec![journal(1)], vec![journal(2), handled(2)], vec![handled(1)], vec![journal(3)]] {
        let results = Arc::clone(&results);
        store.write(writes.into(), move |result| results.lock().unwrap().push(result.is_ok()));
    }
    go.send(()).unwrap();
    write(&store, Batch::new()).unwrap();
    assert_eq!(*results.lock().unwrap(), [true; 4]);
    assert_eq!(store.read(|reader| reader.waiting()).unwrap(), 1);
    for seq in [1, 2] {
        assert!(matches!(write(&store, handled(seq)), Err(StoreError::NotWaiting { .. })), "{seq}");
    }
    let twice = write(&store, vec![journal(4), handled(4), handled(4)]);
    assert!(matches!(twice, Err(StoreError::NotWaiting { seq: Seq(4) })), "{twice:?}");
    write(&store, vec![journal(4), handled(3)]).unwrap();
    assert_eq!(store.read(|reader| reader.waiting()).unwrap(), 1, "the fourth");
}

#[test]
fn a_group_is_one_commit() {
    let store = temporary();
    let reader = store.reader().unwrap();
    let go = hold(&store);
    let (tell, told) = mpsc::channel();
    store.write(journal(1).into(), move |_| tell.send(reader.event(Seq(2)).unwrap().is_some()).unwrap());
    store.write(journal(2).into(), |_| {});
    go.send(()).unwrap();
    assert!(told.recv().unwrap(), "the first completion sees what was committed with it");
}

#[test]
fn a_batch_that_cannot_be_written_fails_alone_and_wholly() {
    let store = temporary();
    let go = hold(&store);
    let results = Arc::new(Mutex::new(Vec::new()));
    let push = |writes: Vec<Write>| {
        let results = Arc::clone(&results);
        store.write(writes.into(), move |result| results.lock().unwrap().push(result));
    };
    push(vec![journal(1)]);
    push(vec![put("a", "kept", "no"), handled(77), put("a", "other", "no")]);
    push(vec![handled(1), put("a", "counter", "1")]);
    go.send(()).unwrap();
    write(&store, Batch::new()).unwrap();
    let results = results.lock().unwrap();
    assert!(results[0].is_ok() && results[2].is_ok(), "{results:?}");
    assert!(matches!(results[1], Err(StoreError::NotWaiting { seq: Seq(77) })), "{results:?}");
    assert_eq!(value(&store, "a", "kept"), None);
    assert_eq!(value(&store, "a", "other"), None);
    assert_eq!(value(&store, "a", "counter").as_deref(), Some("1"));
}

#[test]
fn no_event_is_journalled_twice_or_handled_twice() {
    let store = temporary();
    write(&store, vec![journal(1), handled(1)]).unwrap();
    assert!(matches!(write(&store, journal(1)), Err(StoreError::EventKnown { seq: Seq(1) })));
    let again = write(&store, vec![put("a", "k", "2"), handled(1)]);
    assert!(matches!(again, Err(StoreError::NotWaiting { seq: Seq(1) })), "{again:?}");
    assert_eq!(value(&store, "a", "k"), None);
    assert_eq!(store.read(|reader| reader.handled(Seq(1))).unwrap().unwrap().calls, "[]");
}

#[test]
fn a_number_past_the_databases_own_fails_in_its_turn() {
    let store = temporary();
    let error = write(&store, journal(u64::MAX)).unwrap_err();
    assert!(error.to_string().contains("event 18446744073709551615 is too large"), "{error}");
    write(&store, journal(1)).unwrap();
}

#[test]
fn a_panicking_completion_does_not_end_the_writer() {
    let store = temporary();
    store.write(journal(1).into(), |_| panic!("somebody else's bug"));
    write(&store, journal(2)).unwrap();
    assert_eq!(store.queued(), 0);
}

#[test]
fn closing_writes_what_is_queued_and_refuses_the_rest() {
    let (_folder, path) = folder();
    let (store, _) = open(&path);
    let go = hold(&store);
    let completed = Arc::new(Mutex::new(0));
    for seq in 1..=1_500 {
        let completed = Arc::clone(&completed);
        store.write(journal(seq).into(), move |result| {
            result.unwrap();
            *completed.lock().unwrap() += 1;
        });
    }
    go.send(()).unwrap();
    let clone = store.clone();
    store.close();
    assert_eq!(*completed.lock().unwrap(), 1_500);
    assert!(matches!(write(&clone, journal(1_501)), Err(StoreError::Closed)));
    assert!(!path.with_extension("db-wal").exists(), "the log is folded in");
    clone.close();
    assert_eq!(open(&path).1.unhandled.count_at_open(), 1_500);
}

#[test]
fn a_completion_may_write_and_close() {
    let (_folder, path) = folder();
    let (store, _) = open(&path);
    let (tell, told) = mpsc::channel();
    let inner = store.clone();
    store.write(journal(1).into(), move |_| {
        inner.write(journal(2).into(), move |result| tell.send(result).unwrap());
        inner.close();
    });
    told.recv().unwrap().unwrap();
    store.close();
    assert_eq!(open(&path).1.last_seq, Seq(2));
}

#[tokio::test]
async fn waiting_for_a_write_is_waiting_for_its_commit() {
    let store = temporary();
    store.write_durable(journal(1).into()).await.unwrap();
    assert!(store.read(|reader| reader.event(Seq(1))).unwrap().is_some());
    let error = store.write_durable(handled(2).into()).await.unwrap_err();
    assert_eq!(error.to_string(), "event 2 does not wait: it is not in the journal, or was handled before");
}
