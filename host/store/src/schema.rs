//! The tables, their versions, and how an older database becomes a newer one.

use std::path::Path;

use rusqlite::{Connection, Transaction};

use crate::error::StoreError;

/// Marks the file as ours in SQLite's header: `myna`. `file` shows it.
const APPLICATION_ID: i64 = 0x6d79_6e61;

/// What makes version `n + 1` out of version `n`. A step that was released is never edited.
const STEPS: [&str; 7] = [
    include_str!("schema/v1.sql"),
    include_str!("schema/v2.sql"),
    include_str!("schema/v3.sql"),
    include_str!("schema/v4.sql"),
    include_str!("schema/v5.sql"),
    include_str!("schema/v6.sql"),
    include_str!("schema/v7.sql"),
];

/// The newest version that this host knows.
pub(crate) const KNOWN: i64 = STEPS.len() as i64;

/// Makes sure that the file is ours and not from the future, before anything in it is changed.
pub(crate) fn check(conn: &Connection, path: &Path) -> Result<(), StoreError> {
    let (found, application) = match (number(conn, "user_version"), number(conn, "application_id")) {
        (Ok(found), Ok(application)) => (found, application),
        (Err(StoreError::Damaged { source }), _)
            if source.sqlite_error_code() == Some(rusqlite::ErrorCode::NotADatabase) =>
        {
            return Err(StoreError::NotOurs { path: path.to_owned() });
        }
        (Err(error), _) | (_, Err(error)) => return Err(error),
    };
    let tables: i64 = conn.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
    let not_ours = || StoreError::NotOurs { path: path.to_owned() };
    match application {
        APPLICATION_ID => {}
        0 if found > KNOWN || (found == 0 && tables == 0) => {}
        _ => return Err(not_ours()),
    }
    match found {
        ..0 => return Err(not_ours()),
        0..=KNOWN => {}
        _ => return Err(StoreError::NewerVersion { path: path.to_owned(), found, known: KNOWN }),
    }
    Ok(())
}

/// Brings the database to the newest version, all the way or not at all.
pub(crate) fn migrate(conn: &mut Connection) -> Result<(), StoreError> {
    let found = number(conn, "user_version")?;
    if found == KNOWN {
        return Ok(());
    }
    let transaction = conn.transaction()?;
    for step in STEPS.iter().skip(usize::try_from(found).unwrap_or(0)) {
        transaction.execute_batch(step)?;
    }
    stamp(&transaction)?;
    transaction.commit()?;
    Ok(())
}

fn stamp(transaction: &Transaction<'_>) -> Result<(), StoreError> {
    transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
    transaction.pragma_update(None, "user_version", KNOWN)?;
    Ok(())
}

fn number(conn: &Connection, pragma: &str) -> Result<i64, StoreError> {
    Ok(conn.pragma_query_value(None, pragma, |row| row.get(0))?)
}
