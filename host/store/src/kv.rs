//! The state of the scripts: text under a key, in a chat or shared by all of them.

use mynah_model::clock::UnixMs;
use mynah_model::names::ScriptName;

use crate::error::{StoreError, loaded};
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

/// A row of a script.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KvPlaced {
    /// The scope.
    pub scope: String,
    /// The key.
    pub key: String,
    /// What it holds.
    pub row: KvRow,
}

/// A key whose value has expired.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KvExpired {
    /// Whose it is.
    pub script: ScriptName,
    /// Its scope.
    pub scope: String,
    /// The key.
    pub key: String,
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

    /// At most `limit` rows of all scopes of a script after a place (scope and key), in the order of scopes and keys, with what
    /// they hold at a time.
    pub fn kv_rows(
        &self,
        script: &ScriptName,
        after: Option<(&str, &str)>,
        limit: u32,
        now: UnixMs,
    ) -> Result<Vec<KvPlaced>, StoreError> {
        // A scope is never empty, so all come after this.
        let (scope, key) = after.unwrap_or_default();
        self.all(
            "SELECT scope, key, value, expires_at FROM kv WHERE script = ?1 AND (scope, key) > (?2, ?3)
             AND (expires_at IS NULL OR expires_at > ?4) ORDER BY scope, key LIMIT ?5",
            (script.as_str(), scope, key, now, limit),
            |row| {
                let value = KvRow { value: row.get(2)?, expires_at: row.get(3)? };
                Ok(KvPlaced { scope: row.get(0)?, key: row.get(1)?, row: value })
            },
        )
    }

    /// Whether anything is kept for a script, expired or not.
    pub fn kv_any(&self, script: &ScriptName) -> Result<bool, StoreError> {
        let found = self.one("SELECT 1 FROM kv WHERE script = ?1 LIMIT 1", [script.as_str()], |_| Ok(()))?;
        Ok(found.is_some())
    }

    /// What each script holds, expired or not. Reads all rows: for a host's start.
    pub fn kv_totals(&self) -> Result<Vec<(ScriptName, KvTotals)>, StoreError> {
        self.all(
            "SELECT script, count(*), sum(octet_length(key) + octet_length(value)) FROM kv GROUP BY script",
            [],
            |row| {
                let totals = KvTotals { keys: loaded(row.get(1)?), bytes: loaded(row.get(2)?) };
                Ok((read_script(&row.get::<_, String>(0)?)?, totals))
            },
        )
    }

    /// At most `limit` keys whose values expired at a time or before it, those that did so first before the others.
    pub fn kv_expired(&self, at: UnixMs, limit: u32) -> Result<Vec<KvExpired>, StoreError> {
        self.all(
            "SELECT script, scope, key FROM kv WHERE expires_at <= ?1 ORDER BY expires_at LIMIT ?2",
            (at, limit),
            |row| {
                let script = read_script(&row.get::<_, String>(0)?)?;
                Ok(KvExpired { script, scope: row.get(1)?, key: row.get(2)? })
            },
        )
    }
}

fn read_script(name: &str) -> Result<ScriptName, StoreError> {
    name.parse().map_err(|error| StoreError::unreadable("kv", name, error))
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
}
