//! What is old goes in small steps, and nothing that is still needed.

use std::sync::Arc;

use mynah_model::action::Outcome;
use mynah_model::names::{ActNumber, Seq};

use super::{act, ended, event, folder, handled, journal, open, temporary, write};
use crate::{AuditEntry, AuditFilter, DeadLetter, Delivery, OutboxState, Store, Sweep, Write};

/// After all that `journal` writes.
const LATER: i64 = 2_000;

async fn prune(store: &Store, before: i64) {
    let mut sweep = Sweep::default();
    let mut steps = 0;
    while store.prune(&mut sweep, before).await.unwrap() {
        steps += 1;
        assert!(steps < 100, "a sweep ends");
    }
}

fn left(store: &Store) -> Vec<u64> {
    store.read(|reader| reader.events(Seq(0), 9_999)).unwrap().iter().map(|event| event.seq.0).collect()
}

fn letter(seq: u64, report: Option<&str>) -> Write {
    Write::DeadLetter(DeadLetter {
        at: 1_500,
        seq: Some(Seq(seq)),
        act: None,
        script: None,
        code: "webhook.refused".into(),
        text: "no".into(),
        address: Some(event(seq).address()),
        report: report.map(str::to_owned),
    })
}

fn entry(number: u64, at: i64) -> Write {
    Write::Audit(AuditEntry {
        number: ActNumber(number),
        at,
        actor: "host".into(),
        script: None,
        release: None,
        address: None,
        action: "alert".into(),
        outcome: "done".into(),
        code: None,
        text: "a".into(),
        reason: None,
        seq: None,
        body: None,
        details: None,
    })
}

#[tokio::test]
async fn pruned_numbers_are_not_given_again_and_waiting_events_stay() {
    let (_folder, path) = folder();
    let (store, _) = open(&path);
    store.write_durable((1..=2_500).map(journal).collect()).await.unwrap();
    store.write_durable((1..=2_500).filter(|seq| *seq != 7).map(handled).collect()).await.unwrap();
    let acts = [Write::OutboxDecided(act(5, Some(8))), ended(5, Outcome::Done)];
    store.write_durable(acts.into_iter().collect()).await.unwrap();
    store.write_durable(Write::OutboxDecided(act(4, Some(9))).into()).await.unwrap();
    store.write_durable(entry(6, 1_000).into()).await.unwrap();
    prune(&store, LATER).await;
    prune(&store, LATER).await;
    assert_eq!(store.read(|reader| reader.act(ActNumber(5))).unwrap(), None);
    store.close();

    let (store, recovery) = open(&path);
    assert_eq!((recovery.last_seq, recovery.last_act), (Seq(2_500), ActNumber(6)));
    assert_eq!(recovery.outbox, [(act(4, Some(9)), OutboxState::Decided)]);
    let waiting: Vec<_> = recovery.unhandled.map(|event| event.unwrap().seq.0).collect();
    assert_eq!((waiting, left(&store)), (vec![7], vec![7, 9]));
}

#[tokio::test]
async fn an_event_stays_for_as_long_as_something_needs_it() {
    let store = temporary();
    write(&store, (1..=9).flat_map(|seq| [journal(seq), handled(seq)]).collect::<Vec<_>>()).unwrap();
    write(&store, Write::OutboxDecided(act(1, Some(2)))).unwrap();
    let address = event(3).address();
    let waiting = Delivery { seq: Seq(3), address: address.clone(), queued_at: 5, report: None };
    write(&store, Write::DeliveryQueued(waiting)).unwrap();
    write(&store, vec![letter(4, None), letter(5, Some("{}"))]).unwrap();
    let account = address.account.clone();
    write(&store, Write::WebhookMoved { account: account.clone(), next: Seq(8) }).unwrap();
    prune(&store, 1_400).await;
    assert_eq!(left(&store), [2, 3, 4, 8, 9]);

    write(&store, ended(1, Outcome::Done)).unwrap();
    write(&store, Write::DeliveryEnded { address, seq: Seq(3) }).unwrap();
    write(&store, Write::DeadLetterRemoved(1)).unwrap();
    write(&store, Write::WebhookMoved { account: account.clone(), next: Seq(9) }).unwrap();
    prune(&store, 1_400).await;
    assert_eq!(left(&store), [9]);
    write(&store, Write::WebhookRemoved(account)).unwrap();
    prune(&store, 1_400).await;
    assert_eq!(left(&store), [0; 0]);
    assert_eq!(store.read(|reader| reader.act(ActNumber(1))).unwrap(), None, "it went with its event");
}

#[tokio::test]
async fn what_is_younger_stays() {
    let store = temporary();
    let received = |seq: u64| {
        let mut event = event(seq);
        event.received_at = i64::try_from(seq).unwrap();
        Write::Event(Arc::new(event))
    };
    store.write_durable((1..=700).flat_map(|seq| [received(seq), handled(seq)]).collect()).await.unwrap();
    write(
        &store,
        (1..=9).map(|number| entry(1_000 + number, i64::try_from(number).unwrap())).collect::<Vec<_>>(),
    )
    .unwrap();
    prune(&store, 601).await;
    assert_eq!((left(&store).first(), left(&store).len()), (Some(&601), 100));
    let entries = store.read(|reader| reader.audit(&AuditFilter::default(), 99)).unwrap();
    assert_eq!(entries.rows.len(), 0);
    let oldest = store.read(|reader| reader.oldest(&Sweep::default())).unwrap();
    assert_eq!(oldest, Some(701), "all that is left is one step's");
}

#[tokio::test]
async fn the_audit_dead_letters_and_acts_of_callers_go_by_their_own_age() {
    let store = temporary();
    write(
        &store,
        (1..=5).map(|number| entry(number, 100 * i64::try_from(number).unwrap())).collect::<Vec<_>>(),
    )
    .unwrap();
    write(&store, vec![letter(1, Some("{}"))]).unwrap();
    write(&store, [6, 7].map(|number| Write::OutboxDecided(act(number, None))).to_vec()).unwrap();
    write(&store, ended(6, Outcome::Done)).unwrap();
    prune(&store, 300).await;
    let numbers = || {
        let page = store.read(|reader| reader.audit(&AuditFilter::default(), 99)).unwrap();
        page.rows.iter().map(|row| row.entry.number.0).collect::<Vec<_>>()
    };
    assert_eq!(numbers(), [7, 5, 4, 3], "7 has not ended");
    assert_eq!(store.read(|reader| reader.dead_letters(None, 9)).unwrap().len(), 1);
    prune(&store, LATER).await;
    assert_eq!(numbers(), [7]);
    assert_eq!(store.read(|reader| reader.dead_letters(None, 9)).unwrap().len(), 0);
}

#[tokio::test]
async fn room_that_is_made_is_counted_as_free() {
    let store = temporary();
    store.write_durable((1..=3_000).flat_map(|seq| [journal(seq), handled(seq)]).collect()).await.unwrap();
    let used = || store.read(|reader| reader.used_bytes()).unwrap();
    let full = used();
    prune(&store, LATER).await;
    assert!(used() < full / 3, "{full} {}", used());
}
