//! Full disks, foreign locks, and what is asked of SQLite.

use rusqlite::Connection;

use super::{folder, open, put, value, write};
use crate::{Durability, Store, StoreError, Write};

#[test]
fn on_a_full_disk_writes_fail_one_by_one_until_there_is_room() {
    let (_folder, path) = folder();
    let (store, _) = Store::start(&path, Durability::Process, None, |tables| {
        tables.conn.pragma_update_and_check(None, "max_page_count", 60, |_| Ok(()))?;
        Ok(())
    })
    .unwrap();
    let large = "x".repeat(50_000);
    write(&store, put("a", "large", &large)).unwrap();
    let mut errors = Vec::new();
    for key in ["b", "c", "d", "e"] {
        if let Err(error) = write(&store, put("a", key, &large)) {
            errors.push(error);
        }
    }
    assert!(errors.iter().any(|error| matches!(error, StoreError::Full { .. })), "{errors:?}");
    assert!(errors[0].to_string().contains("make room"), "{}", errors[0]);
    let removed = Write::KvPut {
        script: "a".parse().unwrap(),
        scope: "qq/group/1".into(),
        key: "large".into(),
        value: None,
    };
    write(&store, removed).unwrap();
    write(&store, put("a", "small", "fits")).unwrap();
    assert_eq!(value(&store, "a", "small").as_deref(), Some("fits"));
    store.close();
    let (store, _) = open(&path);
    assert_eq!(value(&store, "a", "small").as_deref(), Some("fits"));
}

#[test]
fn the_writer_waits_for_somebody_at_a_sqlite3_prompt() {
    let (_folder, path) = folder();
    let (store, _) = Store::start(&path, Durability::Process, None, |tables| {
        tables.conn.busy_timeout(std::time::Duration::from_millis(100))?;
        Ok(())
    })
    .unwrap();
    let person = Connection::open(&path).unwrap();
    person.execute_batch("BEGIN IMMEDIATE").unwrap();
    let error = write(&store, put("a", "k", "1")).unwrap_err();
    assert!(matches!(error, StoreError::Busy { .. }), "{error}");
    let (tell, told) = std::sync::mpsc::channel();
    store.write(put("a", "k", "2").into(), move |result| tell.send(result).unwrap());
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
