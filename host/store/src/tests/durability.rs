//! Full disks, foreign locks, and what is asked of SQLite.

use std::path::Path;
use std::sync::mpsc;
use std::time::{Duration, Instant};

use rusqlite::Connection;

use super::{folder, open, put, value, write};
use crate::tables::Tables;
use crate::{Durability, Store, StoreError};

/// A store whose file has room for 60 pages.
fn small(path: &Path) -> Store {
    let prepare = |tables: &mut Tables| {
        tables.conn.pragma_update_and_check(None, "max_page_count", 60, |_| Ok(()))?;
        tables.conn.busy_timeout(Duration::from_millis(50))?;
        Ok(())
    };
    Store::start(path, Durability::Process, None, prepare).unwrap().0
}

/// Waits until the store says why it cannot write.
fn stalled(store: &Store) -> StoreError {
    let began = Instant::now();
    loop {
        if let Some(error) = store.stalled() {
            return error;
        }
        assert!(began.elapsed() < Duration::from_secs(60), "the store writes on");
        std::thread::yield_now();
    }
}

#[test]
fn on_a_full_disk_all_writes_wait_in_their_order_until_there_is_room() {
    let (_folder, path) = folder();
    let store = small(&path);
    let large = "x".repeat(100_000);
    write(&store, put("a", "large", &large)).unwrap();
    let (tell, told) = mpsc::channel();
    for (number, batch) in
        [put("a", "other", &large), put("a", "small", "1"), put("a", "small", "2")].into_iter().enumerate()
    {
        let tell = tell.clone();
        store.write(batch.into(), move |result| tell.send((number, result)).unwrap());
    }
    let error = stalled(&store);
    assert!(matches!(error, StoreError::Full { .. }) && error.to_string().contains("make room"), "{error}");
    assert!(told.try_recv().is_err(), "nothing overtakes what waits");
    assert_eq!(value(&store, "a", "small"), None);
    Connection::open(&path).unwrap().execute("DELETE FROM kv WHERE key = 'large'", []).unwrap();
    for expected in 0..3 {
        let (number, result) = told.recv().unwrap();
        assert!(number == expected && result.is_ok(), "{number}: {result:?}");
    }
    assert_eq!(value(&store, "a", "small").as_deref(), Some("2"));
    assert!(store.stalled().is_none());
}

#[test]
fn a_store_that_is_closed_on_a_full_disk_ends_and_says_what_it_did_not_write() {
    let (_folder, path) = folder();
    let store = small(&path);
    let (tell, told) = mpsc::channel();
    store.write(put("a", "large", &"x".repeat(1_000_000)).into(), move |result| tell.send(result).unwrap());
    stalled(&store);
    store.close();
    assert!(matches!(told.recv().unwrap(), Err(StoreError::Full { .. })));
    let (store, _) = open(&path);
    assert_eq!(value(&store, "a", "large"), None);
}

#[test]
fn the_writer_waits_for_somebody_at_a_sqlite3_prompt() {
    let (_folder, path) = folder();
    let store = small(&path);
    let person = Connection::open(&path).unwrap();
    person.execute_batch("BEGIN IMMEDIATE").unwrap();
    let (tell, told) = mpsc::channel();
    store.write(put("a", "k", "2").into(), move |result| tell.send(result).unwrap());
    assert!(matches!(stalled(&store), StoreError::Busy { .. }));
    person.execute_batch("COMMIT").unwrap();
    told.recv().unwrap().unwrap();
    assert_eq!(value(&store, "a", "k").as_deref(), Some("2"));
}

#[test]
fn durability_is_what_sqlite_is_told() {
    for (durability, synchronous) in [(Durability::Process, 1), (Durability::Power, 2)] {
        let (_folder, path) = folder();
        Store::start(&path, durability, None, |tables| {
            let pragma = |name| tables.conn.pragma_query_value(None, name, |row| row.get::<_, i64>(0));
            assert_eq!(pragma("synchronous")?, synchronous);
            Ok(())
        })
        .unwrap();
    }
}
