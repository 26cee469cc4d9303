//! The state of the scripts: text under a key, in a chat or shared by all of them.

use mynah_model::clock::UnixMs;
use mynah_model::names::ScriptName;

use crate::error::{StoreError, loaded};
use crate::limits::PRUNE_ROWS;
use crate::reader::Reader;
use crate::tables::Tables;

/// The scope of what all chats of a script share; every other scope is an address as text.
pub const SHARED_SCOPE: &str = "*";

/// What a key holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KvRow {
    /// The value.
    pub value: String,
    /// From this time on it is gone; `None` is never.
    pub expires_at: Option<UnixMs>,
}

/// What a script holds in all its scopes together.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct KvTotals {
    /// Number of keys.
    pub keys: u64,
    /// UTF-8 bytes of keys and values.
    pub bytes: u64,
}

impl Reader {
    /// What a key holds at a time.
    pub fn kv_get(
        &self,
        script: &ScriptName,
        scope: &str,
        key: &str,
        now: UnixMs,
    ) -> Result<Option<KvRow>, StoreError> {
        self.one(
            "SELECT value, expires_at FROM kv WHERE script = ?1 AND scope = ?2 AND key = ?3
             AND (expires_at IS NULL OR expires_at > ?4)",
            (script.as_str(), scope, key, now),
            |row| Ok(KvRow { value: row.get(0)?, expires_at: row.get(1)? }),
        )
    }

    /// At most `limit` keys that begin with `prefix` and come after `after`, in the order of their bytes,
    /// with what they hold at a time. Fewer than `limit` means that there are no more.
    pub fn kv_list(
        &self,
        script: &ScriptName,
        scope: &str,
        prefix: &str,
        after: Option<&str>,
        limit: u32,
        now: UnixMs,
    ) -> Result<Vec<(String, KvRow)>, StoreError> {
        // One lower bound, so that SQLite seeks to it; the upper one is found by reading on.
        let (sql, from) = match after.filter(|after| *after >= prefix) {
            Some(after) => (
                "SELECT key, value, expires_at FROM kv WHERE script = ?1 AND scope = ?2 AND key > ?3
                 AND (expires_at IS NULL OR expires_at > ?4) ORDER BY key LIMIT ?5",
                after,
            ),
            None => (
                "SELECT key, value, expires_at FROM kv WHERE script = ?1 AND scope = ?2 AND key >= ?3
                 AND (expires_at IS NULL OR expires_at > ?4) ORDER BY key LIMIT ?5",
                prefix,
            ),
        };
        let mut rows = self.all(sql, (script.as_str(), scope, from, now, limit), |row| {
            Ok((row.get::<_, String>(0)?, KvRow { value: row.get(1)?, expires_at: row.get(2)? }))
        })?;
        let matching = rows.iter().take_while(|(key, _)| key.starts_with(prefix)).count();
        rows.truncate(matching);
        Ok(rows)
    }

    /// What a script holds at a time. Reads all its rows: for a script's start, not for every event.
    pub fn kv_totals(&self, script: &ScriptName, now: UnixMs) -> Result<KvTotals, StoreError> {
        let totals = self.one(
            "SELECT count(*), coalesce(sum(octet_length(key) + octet_length(value)), 0) FROM kv
             WHERE script = ?1 AND (expires_at IS NULL OR expires_at > ?2)",
            (script.as_str(), now),
            |row| Ok(KvTotals { keys: loaded(row.get(0)?), bytes: loaded(row.get(1)?) }),
        )?;
        Ok(totals.unwrap_or_default())
    }

    pub(crate) fn any_expired(&self, at: UnixMs) -> Result<bool, StoreError> {
        Ok(self.one("SELECT 1 FROM kv WHERE expires_at <= ?1 LIMIT 1", [at], |_| Ok(()))?.is_some())
    }
}

impl Tables {
    pub(crate) fn put(
        &mut self,
        script: &ScriptName,
        scope: &str,
        key: &str,
        value: Option<&KvRow>,
    ) -> Result<(), StoreError> {
        match value {
            Some(row) => self.run(
                "INSERT INTO kv (script, scope, key, value, expires_at) VALUES (?1, ?2, ?3, ?4, ?5)
                 ON CONFLICT DO UPDATE SET value = excluded.value, expires_at = excluded.expires_at",
                (script.as_str(), scope, key, &row.value, row.expires_at),
            )?,
            None => self.run(
                "DELETE FROM kv WHERE script = ?1 AND scope = ?2 AND key = ?3",
                (script.as_str(), scope, key),
            )?,
        };
        Ok(())
    }

    pub(crate) fn prune_kv(&mut self, at: UnixMs) -> Result<(), StoreError> {
        self.run(
            "DELETE FROM kv WHERE (script, scope, key) IN
             (SELECT script, scope, key FROM kv WHERE expires_at <= ?1 LIMIT ?2)",
            (at, PRUNE_ROWS),
        )?;
        Ok(())
    }
}
