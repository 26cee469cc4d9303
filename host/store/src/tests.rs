//! What the store promises, one file per behaviour.

mod deliveries;
mod durability;
mod idempotency;
mod kill;
mod kv;
mod opening;
mod outbox;
mod pruning;
mod reading;
mod recovery;
mod writing;

use std::path::PathBuf;
use std::sync::Arc;

use mynah_model::Attrs;
use mynah_model::action::{Act, ActionBody, Actor, Outcome, Target};
use mynah_model::address::ChatKind;
use mynah_model::event::{Chat, Event, EventBody};
use mynah_model::message::Segment;
use mynah_model::names::{ActNumber, ReleaseId, ScriptName, Seq};
use tempfile::TempDir;

use crate::{Batch, Durability, KvRow, Recovery, Store, StoreError, Write};

/// A folder that goes with the test, and a database's path in it.
fn folder() -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("mynah.db");
    (folder, path)
}

fn open(path: &std::path::Path) -> (Store, Recovery) {
    Store::open(path, Durability::Process).unwrap()
}

fn temporary() -> Store {
    Store::open_in_memory().unwrap().0
}

fn script(name: &str) -> ScriptName {
    name.parse().unwrap()
}

fn group_chat() -> Chat {
    Chat { kind: ChatKind::Group, id: "552603".into(), name: "群".into(), via: None, attrs: Attrs::new() }
}

fn event(seq: u64) -> Event {
    Event {
        seq: Seq(seq),
        account: "qq".parse().unwrap(),
        network: "sim".into(),
        self_id: "1".into(),
        time: 1_000,
        received_at: 1_001,
        cause: None,
        depth: 0,
        by_script: None,
        chat: Some(group_chat()),
        body: EventBody::Other { kind: "poke".into(), json: "{}".into() },
        attrs: Attrs::new(),
    }
}

fn act(number: u64, cause: Option<u64>) -> Act {
    Act {
        number: ActNumber(number),
        account: "qq".parse().unwrap(),
        target: Some(Target { account: None, kind: ChatKind::Group, id: "552603".into(), via: None }),
        body: ActionBody::Send { segments: vec![Segment::text("pong \0 🐦")] },
        by: Actor::Script { name: script("ping"), release: ReleaseId([7; 32]) },
        cause: cause.map(Seq),
        origin: None,
        depth: 1,
        reason: Some("because".into()),
        before: None,
        tag: None,
        tell_result: true,
        decided_at: 5,
        expires_at: 6,
    }
}

fn journal(seq: u64) -> Write {
    Write::Event(Arc::new(event(seq)))
}

fn handled(seq: u64) -> Write {
    Write::Handled { seq: Seq(seq), at: 9, calls: "[]".into() }
}

fn put(name: &str, key: &str, value: &str) -> Write {
    put_until(name, key, value, None)
}

fn put_until(name: &str, key: &str, value: &str, expires_at: Option<i64>) -> Write {
    let value = Some(KvRow { value: value.into(), expires_at });
    Write::KvPut { script: script(name), scope: "qq/group/1".into(), key: key.into(), value }
}

fn ended(number: u64, outcome: Outcome) -> Write {
    Write::OutboxEnded {
        number: ActNumber(number),
        outcome,
        code: "ok".into(),
        text: "as it should be".into(),
        message_id: Some(format!("m{number}")),
        at: 7,
    }
}

/// What a key of `put` holds.
fn value(store: &Store, name: &str, key: &str) -> Option<String> {
    let row = store.read(|reader| reader.kv_get(&script(name), "qq/group/1", key, 0)).unwrap();
    row.map(|row| row.value)
}

/// Writes a batch and waits for it.
fn write(store: &Store, writes: impl Into<Batch>) -> Result<(), StoreError> {
    let (tell, told) = std::sync::mpsc::channel();
    store.write(writes.into(), move |result| tell.send(result).unwrap());
    told.recv().unwrap()
}
