//! One database, one host; files that are not ours are left alone.

use std::fs;

use mynah_model::names::ActNumber;
use rusqlite::Connection;

use super::{folder, journal, open, temporary, write};
use crate::schema::KNOWN;
use crate::{Durability, Store, StoreError};

fn refused(path: &std::path::Path) -> StoreError {
    Store::open(path, Durability::Process).unwrap_err()
}

#[cfg(unix)]
#[test]
fn what_it_makes_belongs_to_its_owner_only() {
    use std::os::unix::fs::PermissionsExt;
    let (folder, _) = folder();
    let path = folder.path().join("a/b/mynah.db");
    let (store, _) = open(&path);
    write(&store, journal(1)).unwrap();
    let mode = |name: &str| fs::metadata(folder.path().join(name)).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode("a"), mode("a/b")), (0o700, 0o700));
    for file in ["mynah.db", "mynah.db-wal", "mynah.db-shm", "mynah.db.lock"] {
        assert_eq!(mode(&format!("a/b/{file}")), 0o600, "{file}");
    }
}

#[test]
fn a_second_host_is_refused_by_name_until_the_first_is_closed() {
    let (folder, path) = folder();
    let (store, _) = open(&path);
    let text = refused(&path).to_string();
    let process = format!("in use by another mynah (process {})", std::process::id());
    assert!(text.contains(&process) && text.contains("mynah.db") && text.contains("data_dir"), "{text}");
    #[cfg(unix)]
    {
        let other_name = folder.path().join("other.db");
        std::os::unix::fs::symlink(&path, &other_name).unwrap();
        assert!(matches!(refused(&other_name), StoreError::InUse { .. }));
    }
    store.close();
    open(&path);
    drop(folder);
}

#[test]
fn the_last_clone_closes_the_store() {
    let (_folder, path) = folder();
    let (store, recovery) = open(&path);
    let clone = store.clone();
    drop(store);
    write(&clone, journal(1)).unwrap();
    assert!(matches!(refused(&path), StoreError::InUse { .. }));
    drop(clone);
    drop(recovery);
    open(&path);
}

#[test]
fn a_database_of_a_newer_version_is_refused_with_both_versions() {
    let (_folder, path) = folder();
    drop(open(&path));
    Connection::open(&path).unwrap().pragma_update(None, "user_version", KNOWN + 5).unwrap();
    let text = refused(&path).to_string();
    assert!(
        text.contains(&format!("version is {}", KNOWN + 5))
            && text.contains(&format!("up to {KNOWN};"))
            && text.contains("newer"),
        "{text}"
    );
    Connection::open(&path).unwrap().pragma_update(None, "user_version", KNOWN).unwrap();
    open(&path);
}

#[test]
fn a_database_of_the_first_version_becomes_one_of_this_version() {
    let (_folder, path) = folder();
    let old = Connection::open(&path).unwrap();
    old.execute_batch(include_str!("../schema/v1.sql")).unwrap();
    old.execute_batch("INSERT INTO dead_letters (at, code, text) VALUES (1, 'script.trap', 'kept')").unwrap();
    old.execute_batch(
        "INSERT INTO audit (at, actor, what, code, text) VALUES (5, 'api', 'refused', 'x.y', 'kept too')",
    )
    .unwrap();
    old.pragma_update(None, "application_id", 0x6d79_6e61).unwrap();
    old.pragma_update(None, "user_version", 1).unwrap();
    old.close().unwrap();
    let (store, recovery) = open(&path);
    let entry = store.read(|reader| reader.audit_entry(ActNumber(1))).unwrap().unwrap().entry;
    assert_eq!(
        (entry.action.as_str(), entry.outcome.as_str(), entry.text.as_str()),
        ("refused", "refused", "kept too")
    );
    assert_eq!(recovery.last_act, ActNumber(1), "no act gets the number of what was taken over");
    let letter = store.read(|reader| reader.dead_letter(1)).unwrap().unwrap();
    assert_eq!((letter.text.as_str(), letter.report), ("kept", None));
    assert_eq!(store.read(|reader| reader.deliveries(&"qq".parse().unwrap())).unwrap(), 0);
}

#[test]
fn an_empty_database_of_a_newer_version_is_refused_too() {
    let (_folder, path) = folder();
    Connection::open(&path).unwrap().pragma_update(None, "user_version", 99).unwrap();
    assert!(matches!(refused(&path), StoreError::NewerVersion { found: 99, known: KNOWN, .. }));
}

#[test]
fn a_file_that_is_no_database_is_refused_and_left_as_it_is() {
    let (_folder, path) = folder();
    let text = "not a database at all, but long enough to look like a page\n".repeat(200);
    fs::write(&path, &text).unwrap();
    assert!(matches!(refused(&path), StoreError::NotOurs { .. }));
    assert_eq!(fs::read_to_string(&path).unwrap(), text);
}

#[test]
fn a_database_of_another_program_is_refused_and_left_as_it_is() {
    let (_folder, path) = folder();
    let other = Connection::open(&path).unwrap();
    other.execute_batch("CREATE TABLE theirs (a); INSERT INTO theirs VALUES (1)").unwrap();
    other.close().unwrap();
    let before = fs::read(&path).unwrap();
    let text = refused(&path).to_string();
    assert!(text.contains("not a database of mynah"), "{text}");
    assert_eq!(fs::read(&path).unwrap(), before);
}

#[test]
fn a_damaged_database_says_so() {
    let (_folder, path) = folder();
    let (store, _) = open(&path);
    for seq in 1..200 {
        write(&store, journal(seq)).unwrap();
    }
    store.close();
    let mut bytes = fs::read(&path).unwrap();
    let length = bytes.len();
    bytes[200..length].fill(0xa5);
    fs::write(&path, bytes).unwrap();
    let text = refused(&path).to_string();
    assert!(text.contains("damaged") && text.contains(".recover"), "{text}");
}

#[test]
fn a_folder_in_place_of_the_file_is_named() {
    let (folder, _) = folder();
    let text = refused(folder.path()).to_string();
    assert!(text.contains(&folder.path().display().to_string()), "{text}");
}

#[test]
fn a_name_that_looks_like_an_address_is_a_name() {
    let (folder, _) = folder();
    let path = folder.path().join("file:odd?mode=memory");
    let (store, _) = open(&path);
    write(&store, journal(1)).unwrap();
    store.close();
    assert_eq!(open(&path).1.last_seq.0, 1);
}

#[test]
fn temporary_stores_are_apart_from_each_other() {
    let (one, other) = (temporary(), temporary());
    write(&one, journal(1)).unwrap();
    assert_eq!(other.read(|reader| reader.waiting()).unwrap(), 0);
}
