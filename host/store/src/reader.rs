//! Connections that read. What can be read stands with its subject: in [`journal`](crate::journal),
//! [`kv`](crate::kv), [`outbox`](crate::outbox) and so on.

use std::path::Path;

use rusqlite::{Connection, OpenFlags, OptionalExtension, Params, Row};

use crate::error::StoreError;
use crate::limits::{LOCK_WAIT, STATEMENTS};

/// A read-only connection of its own: it sees every commit as soon as its completion ran, never half of
/// one, and neither waits for the writer nor holds it up. Each call sees the newest state.
#[derive(Debug)]
pub struct Reader {
    conn: Connection,
}

impl Reader {
    pub(crate) fn open(path: &Path) -> Result<Self, StoreError> {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let conn = Connection::open_with_flags(path, flags)?;
        conn.set_prepared_statement_cache_capacity(STATEMENTS);
        conn.busy_timeout(LOCK_WAIT)?;
        Ok(Self { conn })
    }

    /// A single fact that was written as [`Write::Meta`](crate::Write::Meta).
    pub fn meta(&self, key: &str) -> Result<Option<String>, StoreError> {
        self.one("SELECT value FROM meta WHERE key = ?1", [key], |row| Ok(row.get(0)?))
    }

    /// The single facts whose names begin so, by name.
    pub fn metas(&self, prefix: &str) -> Result<Vec<(String, String)>, StoreError> {
        let end = format!("{prefix}{}", char::MAX);
        self.all(
            "SELECT key, value FROM meta WHERE key >= ?1 AND key < ?2 ORDER BY key",
            [prefix, end.as_str()],
            |row| Ok((row.get(0)?, row.get(1)?)),
        )
    }

    /// The one row of a statement that stays compiled, if there is one.
    pub(crate) fn one<T>(
        &self,
        sql: &str,
        params: impl Params,
        read: impl FnOnce(&Row<'_>) -> Result<T, StoreError>,
    ) -> Result<Option<T>, StoreError> {
        // What a row holds is looked at outside of SQLite's own error type.
        let mut statement = self.conn.prepare_cached(sql)?;
        let found = statement.query_row(params, |row| Ok(read(row))).optional()?;
        found.transpose()
    }

    /// Reads the rows of a statement one by one, for as long as `read` says that it wants more.
    pub(crate) fn scan(
        &self,
        sql: &str,
        params: impl Params,
        mut read: impl FnMut(&Row<'_>) -> Result<bool, StoreError>,
    ) -> Result<(), StoreError> {
        let mut statement = self.conn.prepare_cached(sql)?;
        let mut rows = statement.query(params)?;
        while let Some(row) = rows.next()? {
            if !read(row)? {
                break;
            }
        }
        Ok(())
    }

    /// The rows of a statement that stays compiled.
    pub(crate) fn all<T>(
        &self,
        sql: &str,
        params: impl Params,
        read: impl FnMut(&Row<'_>) -> Result<T, StoreError>,
    ) -> Result<Vec<T>, StoreError> {
        self.conn.prepare_cached(sql)?.query_and_then(params, read)?.collect()
    }
}

/// A name or an address that stands in a row as text.
pub(crate) fn parsed<T: std::str::FromStr<Err: ToString>>(
    table: &'static str,
    row: i64,
    text: Option<String>,
) -> Result<Option<T>, StoreError> {
    text.map(|text| {
        text.parse().map_err(|error: T::Err| StoreError::unreadable(table, row, error.to_string()))
    })
    .transpose()
}
