//! Journal, audit and dead letters as the API reads them.

use std::sync::mpsc;

use mynah_model::action::ActionBody;
use mynah_model::address::AddressPattern;
use mynah_model::names::{ActNumber, Seq};
use rusqlite::params_from_iter;

use super::{act, event, folder, group_chat, handled, journal, open, script, temporary, write};
use crate::audit::query;
use crate::limits::{AUDIT_ENTRIES, AUDIT_LOOK, AUDIT_LOOKED_AT};
use crate::{AuditEntry, AuditFilter, Batch, DeadLetter, Handled, StoreError, Write};

fn entry(number: u64, name: &str, seq: Option<u64>) -> AuditEntry {
    AuditEntry {
        number: ActNumber(number),
        at: i64::try_from(number).unwrap() * 10,
        actor: format!("script:{name}"),
        script: Some(script(name)),
        release: Some("ab".repeat(32)),
        address: Some(event(1).address()),
        action: "kick".into(),
        outcome: "refused".into(),
        code: Some("budget.exhausted".into()),
        text: "6 in a minute".into(),
        reason: Some("flood".into()),
        seq: seq.map(Seq),
        body: Some(ActionBody::Kick { members: vec!["7".into()], reject_again: false }),
        details: None,
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
fn actions_and_acts_are_one_list_that_is_filtered_and_paged_newest_first() {
    let store = temporary();
    write(&store, (0..5).map(|number| Write::Audit(entry(2 * number + 1, "a", Some(7)))).collect::<Vec<_>>())
        .unwrap();
    write(&store, Write::OutboxDecided(act(4, None))).unwrap();
    write(&store, Write::Audit(entry(11, "b", None))).unwrap();
    let list = |filter: AuditFilter, limit| {
        let page = store.read(|reader| reader.audit(&filter, limit)).unwrap();
        let numbers = page.rows.iter().map(|row| row.entry.number.0).collect::<Vec<_>>();
        (numbers, page.next.map(|next| next.0))
    };
    let all = AuditFilter::default;
    assert_eq!(list(all(), 3), (vec![11, 9, 7], Some(7)));
    assert_eq!(list(AuditFilter { before: Some(ActNumber(7)), ..all() }, 9), (vec![5, 4, 3, 1], None));
    assert_eq!(list(AuditFilter { script: Some(script("b")), ..all() }, 9), (vec![11], None));
    assert_eq!(list(AuditFilter { actor: Some("script".into()), ..all() }, 2), (vec![11, 9], Some(9)));
    assert_eq!(list(AuditFilter { action: Some("send".into()), ..all() }, 9), (vec![4], None));
    assert_eq!(list(AuditFilter { outcome: Some("decided".into()), ..all() }, 9), (vec![4], None));
    assert_eq!(list(AuditFilter { code: Some("budget.exhausted".into()), ..all() }, 1), (vec![11], Some(11)));
    assert_eq!(list(AuditFilter { since: Some(30), until: Some(50), ..all() }, 9).0, [5, 3]);
    let elsewhere: AddressPattern = "other/group/*".parse().unwrap();
    assert_eq!(list(AuditFilter { chats: Some(elsewhere), ..all() }, 9), (vec![], None));
    let several = AuditFilter {
        script: Some(script("a")),
        chats: Some(event(1).address().to_string().parse().unwrap()),
        seq: Some(Seq(7)),
        before: Some(ActNumber(5)),
        ..all()
    };
    assert_eq!(list(several.clone(), 9), (vec![3, 1], None));
    let first = store.read(|reader| reader.audit(&several, 1)).unwrap().rows.remove(0);
    assert_eq!((first.entry, first.ended_at), (entry(3, "a", Some(7)), Some(30)));
}

#[test]
fn a_long_search_says_where_to_go_on_and_finds_everything_in_the_end() {
    let store = temporary();
    let step = u64::try_from(AUDIT_LOOKED_AT).unwrap() - 1;
    write(
        &store,
        (0..5)
            .map(|n| Write::Audit(entry(1 + n * step, if n == 0 { "a" } else { "b" }, None)))
            .collect::<Vec<_>>(),
    )
    .unwrap();
    let mut filter = AuditFilter { script: Some(script("a")), ..AuditFilter::default() };
    let mut pages = 0;
    let found = loop {
        let page = store.read(|reader| reader.audit(&filter, 10)).unwrap();
        pages += 1;
        if let Some(row) = page.rows.first() {
            break row.entry.number;
        }
        filter.before = Some(page.next.unwrap());
    };
    assert_eq!((found, pages), (ActNumber(1), 3));
}

#[test]
fn a_look_into_the_audit_follows_numbers_and_indices() {
    let store = temporary();
    let plan = |filter: &AuditFilter| {
        let (sql, params) = query(filter, 10, 0).unwrap();
        store
            .read(|reader| {
                reader.all(&format!("EXPLAIN QUERY PLAN {sql}"), params_from_iter(params.clone()), |row| {
                    Ok(row.get::<_, String>(3)?)
                })
            })
            .unwrap()
            .join("; ")
    };
    let along = plan(&AuditFilter { action: Some("kick".into()), ..AuditFilter::default() });
    assert_eq!(along.matches("USING INTEGER PRIMARY KEY").count(), 2, "{along}");
    assert!(!along.contains("SCAN audit") && !along.contains("TEMP B-TREE"), "{along}");
    let one = plan(&AuditFilter { seq: Some(Seq(1)), ..AuditFilter::default() });
    assert!(one.contains("INDEX audit_seq") && one.contains("INDEX outbox_cause"), "{one}");
}

#[test]
fn whoever_asks_for_much_pushes_out_their_own_entries_of_the_audit_and_no_others() {
    let (_folder, path) = folder();
    let (store, _) = open(&path);
    write(&store, Write::Audit(entry(1, "quiet", None))).unwrap();
    let noisy = entry(2, "noisy", None).actor;
    let person = rusqlite::Connection::open(&path).unwrap();
    let much = "INSERT INTO audit (number, at, actor, action, outcome, text)
        WITH RECURSIVE many (number) AS (SELECT 2 UNION ALL SELECT number + 1 FROM many WHERE number <= ?2)
        SELECT number, number, ?1, 'kick', 'refused', '' FROM many";
    person.execute(much, (&noisy, AUDIT_ENTRIES)).unwrap();
    let count = |actor: &str| -> i64 {
        person.query_row("SELECT count(*) FROM audit WHERE actor = ?1", [actor], |row| row.get(0)).unwrap()
    };
    assert_eq!(count(&noisy), AUDIT_ENTRIES);
    let first = u64::try_from(AUDIT_ENTRIES).unwrap() + 2;
    for number in first..first + 2 * u64::from(AUDIT_LOOK) {
        write(&store, Write::Audit(entry(number, "noisy", None))).unwrap();
    }
    assert_eq!(count(&noisy), AUDIT_ENTRIES, "the newest are kept");
    let left = |number| store.read(|reader| reader.audit_entry(ActNumber(number))).unwrap().is_some();
    assert_eq!([left(1), left(2), left(2 * u64::from(AUDIT_LOOK) + 2)], [true, false, true]);
    let plan: Vec<String> = {
        let sql = "EXPLAIN QUERY PLAN SELECT number FROM audit WHERE actor = 'a' ORDER BY number DESC LIMIT 1 OFFSET 9";
        let mut statement = person.prepare(sql).unwrap();
        statement.query_map([], |row| row.get(3)).unwrap().collect::<Result<_, _>>().unwrap()
    };
    assert_eq!(plan, ["SEARCH audit USING COVERING INDEX audit_actor (actor=?)"]);
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
