//! Journal, audit and dead letters as the API reads them.

use std::sync::mpsc;

use mynah_model::names::{ActNumber, Seq};

use super::{act, event, folder, group_chat, handled, journal, open, script, temporary, write};
use crate::{AuditEntry, AuditFilter, Batch, DeadLetter, Handled, StoreError, Write};

fn entry(at: i64, name: &str, seq: Option<u64>) -> AuditEntry {
    AuditEntry {
        at,
        actor: format!("script:{name}"),
        what: "refused".into(),
        script: Some(script(name)),
        address: Some(event(1).address()),
        seq: seq.map(Seq),
        code: Some("budget.exhausted".into()),
        text: "6 in a minute".into(),
    }
}

#[test]
fn events_are_read_as_they_were_journalled() {
    let store = temporary();
    let batch: Batch = [3, 5, 9].into_iter().map(journal).collect();
    write(&store, batch).unwrap();
    let seqs = |from, limit| {
        let events = store.read(|reader| reader.events(Seq(from), limit)).unwrap();
        events.into_iter().map(|event| event.seq.0).collect::<Vec<_>>()
    };
    assert_eq!(seqs(0, 10), [3, 5, 9]);
    assert_eq!(seqs(5, 1), [5]);
    assert_eq!(seqs(10, 10), [0; 0]);
    let read = store.read(|reader| reader.event(Seq(5))).unwrap();
    assert_eq!(read, Some(event(5)));
    assert_eq!(read.unwrap().chat, Some(group_chat()));
    assert_eq!(store.read(|reader| reader.event(Seq(4))).unwrap(), None);
    assert_eq!(store.read(|reader| reader.handled(Seq(5))).unwrap(), None);
    write(&store, handled(5)).unwrap();
    let how = store.read(|reader| reader.handled(Seq(5))).unwrap();
    assert_eq!(how, Some(Handled { at: 9, calls: "[]".into() }));
}

#[test]
fn audit_is_filtered_and_paged_newest_first() {
    let store = temporary();
    write(&store, (0..5).map(|at| Write::Audit(entry(at, "a", Some(7)))).collect::<Vec<_>>()).unwrap();
    write(&store, Write::Audit(entry(5, "b", None))).unwrap();
    let list = |filter: &AuditFilter, limit| {
        let entries = store.read(|reader| reader.audit(filter, limit)).unwrap();
        entries.iter().map(|(_, entry)| entry.at).collect::<Vec<_>>()
    };
    assert_eq!(list(&AuditFilter::default(), 3), [5, 4, 3]);
    assert_eq!(list(&AuditFilter { before: Some(4), ..AuditFilter::default() }, 9), [2, 1, 0]);
    assert_eq!(list(&AuditFilter { script: Some(script("b")), ..AuditFilter::default() }, 9), [5]);
    let all = AuditFilter {
        script: Some(script("a")),
        address: Some(event(1).address()),
        seq: Some(Seq(7)),
        before: Some(3),
    };
    assert_eq!(list(&all, 9), [1, 0]);
    let first = store.read(|reader| reader.audit(&all, 1)).unwrap().remove(0);
    assert_eq!(first, (2, entry(1, "a", Some(7))));
}

#[test]
fn dead_letters_are_kept() {
    let store = temporary();
    let letter = DeadLetter {
        at: 1,
        seq: Some(Seq(4)),
        act: Some(ActNumber(2)),
        script: Some(script("a")),
        code: "script.trap".into(),
        text: "unreachable".into(),
        address: Some("qq/group/1".parse().unwrap()),
        report: Some("{}".into()),
    };
    write(&store, Write::DeadLetter(letter.clone())).unwrap();
    assert_eq!(store.read(|reader| reader.dead_letters(None, 9)).unwrap(), [(1, letter)]);
    assert_eq!(store.read(|reader| reader.dead_letters(Some(1), 9)).unwrap(), []);
    assert!(store.read(|reader| reader.dead_letter(1)).unwrap().is_some());
    write(&store, Write::DeadLetterRemoved(1)).unwrap();
    let error = write(&store, Write::DeadLetterRemoved(1)).unwrap_err();
    assert!(matches!(error, StoreError::NoLetter { id: 1 }), "{error}");
}

#[test]
fn facts_are_replaced_and_survive() {
    let (_folder, path) = folder();
    let (store, _) = open(&path);
    let fact = |value: &str| Write::Meta { key: "host".into(), value: value.into() };
    write(&store, vec![fact("a"), fact("b")]).unwrap();
    store.close();
    let (store, _) = open(&path);
    assert_eq!(store.read(|reader| reader.meta("host")).unwrap().as_deref(), Some("b"));
    assert_eq!(store.read(|reader| reader.meta("other")).unwrap(), None);
}

#[test]
fn readers_are_for_other_threads_and_do_not_wait_for_the_writer() {
    let store = temporary();
    let reader = store.reader().unwrap();
    let (go, wait) = mpsc::channel::<()>();
    store.write(journal(1).into(), move |_| wait.recv().unwrap());
    let read = std::thread::spawn(move || reader.event(Seq(2)).map(|found| found.is_none()));
    assert!(read.join().unwrap().unwrap());
    go.send(()).unwrap();
}

#[test]
fn a_row_that_somebody_broke_is_named() {
    let (_folder, path) = folder();
    let (store, _) = open(&path);
    write(&store, vec![journal(1), Write::OutboxDecided(act(1, None))]).unwrap();
    let person = rusqlite::Connection::open(&path).unwrap();
    person.execute_batch("UPDATE events SET event = '{}'; UPDATE outbox SET act = 'x'").unwrap();
    let error = store.read(|reader| reader.event(Seq(1))).unwrap_err();
    assert!(matches!(&error, StoreError::Unreadable { table: "events", row, .. } if row == "1"), "{error}");
    let error = store.read(|reader| reader.outbox_open()).unwrap_err();
    assert!(error.to_string().contains("row 1 of the table `outbox`"), "{error}");
}
