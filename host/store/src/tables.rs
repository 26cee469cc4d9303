//! The connection that writes. What can be written stands with its subject: in [`journal`](crate::journal),
//! [`kv`](crate::kv), [`outbox`](crate::outbox) and so on.

use std::collections::HashMap;
use std::path::Path;

use rusqlite::{Connection, OpenFlags, Params};

use crate::Durability;
use crate::error::StoreError;
use crate::limits::{CHECKPOINT_PAGES, LOCK_WAIT, LOG_BYTES, STATEMENTS, WRITER_CACHE_KIB};
use crate::schema;

/// The write connection. There is one.
#[derive(Debug)]
pub(crate) struct Tables {
    pub(crate) conn: Connection,
    /// Events that were handled since that was last noted.
    pub(crate) handled_since: u32,
    /// Entries of the audit by each actor since it was last looked whether there are too many.
    pub(crate) audited_since: HashMap<String, u32>,
}

impl Tables {
    /// Opens the file, which must exist, and brings it to the newest schema.
    pub(crate) fn open(path: &Path, durability: Durability) -> Result<Self, StoreError> {
        // Without SQLITE_OPEN_URI: a file name is a file name, whatever it begins with.
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let mut conn = Connection::open_with_flags(path, flags)?;
        conn.set_prepared_statement_cache_capacity(STATEMENTS);
        conn.busy_timeout(LOCK_WAIT)?;
        schema::check(&conn, path)?;
        let mode: String = conn.pragma_update_and_check(None, "journal_mode", "WAL", |row| row.get(0))?;
        if mode != "wal" {
            return Err(StoreError::NoWal { path: path.to_owned(), mode });
        }
        conn.pragma_update(None, "synchronous", durability.pragma())?;
        conn.pragma_update(None, "wal_autocheckpoint", CHECKPOINT_PAGES)?;
        conn.pragma_update(None, "journal_size_limit", LOG_BYTES)?;
        conn.pragma_update(None, "cache_size", -WRITER_CACHE_KIB)?;
        schema::migrate(&mut conn)?;
        Ok(Self { conn, handled_since: 0, audited_since: HashMap::new() })
    }

    /// Runs a statement that stays compiled; how many rows it changed.
    pub(crate) fn run(&self, sql: &str, params: impl Params) -> Result<usize, rusqlite::Error> {
        self.conn.prepare_cached(sql)?.execute(params)
    }

    /// The one number that a statement that stays compiled gives.
    pub(crate) fn number(&self, sql: &str, params: impl Params) -> Result<i64, rusqlite::Error> {
        self.conn.prepare_cached(sql)?.query_row(params, |row| row.get(0))
    }

    /// Writes a single fact.
    pub(crate) fn set_meta(&mut self, key: &str, value: &str) -> Result<(), StoreError> {
        self.run(
            "INSERT INTO meta (key, value) VALUES (?1, ?2) ON CONFLICT DO UPDATE SET value = excluded.value",
            (key, value),
        )?;
        Ok(())
    }

    /// Folds the write-ahead log into the database and closes both.
    pub(crate) fn close(self) {
        let checkpoint = self.conn.execute_batch("PRAGMA wal_checkpoint(TRUNCATE)");
        if let Err(error) = checkpoint.and_then(|()| self.conn.close().map_err(|(_, error)| error)) {
            // Nothing is lost: the log is folded in when the database is next opened.
            tracing::warn!(%error, "the write-ahead log stays beside the database");
        }
    }
}
