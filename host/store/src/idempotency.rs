//! Calls of the API that must not be done twice: what was asked for under which key, and what was answered.

use mynah_model::clock::UnixMs;
use mynah_model::names::AccountName;

use crate::error::{StoreError, loaded};
use crate::limits::IDEMPOTENT_CALLS;
use crate::reader::Reader;
use crate::tables::Tables;

/// Whose call it is: keys of one caller and account say nothing about another's.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct IdempotencyKey {
    /// The name of the caller's key, empty if the host has none.
    pub caller: String,
    /// The account that the call is for.
    pub account: AccountName,
    /// What the caller chose.
    pub key: String,
}

/// A call that was begun.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdempotentCall {
    /// Tells what was asked for from anything else that could be.
    pub fingerprint: [u8; 32],
    /// By the host's clock.
    pub begun_at: UnixMs,
    /// JSON text; `None` if it is under way, or was when the host ended.
    pub answer: Option<String>,
}

impl Reader {
    /// The call of a key, if one is remembered.
    pub fn idempotent_call(&self, key: &IdempotencyKey) -> Result<Option<IdempotentCall>, StoreError> {
        self.one(
            "SELECT fingerprint, begun_at, answer FROM idempotent_calls
             WHERE caller = ?1 AND account = ?2 AND key = ?3",
            columns(key),
            |row| Ok(IdempotentCall { fingerprint: row.get(0)?, begun_at: row.get(1)?, answer: row.get(2)? }),
        )
    }

    /// How many calls are remembered.
    pub fn idempotent_calls(&self) -> Result<u64, StoreError> {
        let sql = "SELECT count(*) FROM idempotent_calls";
        Ok(loaded(self.one(sql, [], |row| Ok(row.get(0)?))?.unwrap_or(0)))
    }
}

fn columns(key: &IdempotencyKey) -> (&str, &str, &str) {
    (&key.caller, key.account.as_str(), &key.key)
}

impl Tables {
    pub(crate) fn begin_call(
        &mut self,
        key: &IdempotencyKey,
        fingerprint: &[u8; 32],
        at: UnixMs,
        forget_before: UnixMs,
    ) -> Result<(), StoreError> {
        self.run("DELETE FROM idempotent_calls WHERE begun_at <= ?1", [forget_before])?;
        let (caller, account, name) = columns(key);
        self.run(
            "INSERT INTO idempotent_calls (caller, account, key, fingerprint, begun_at)
             VALUES (?1, ?2, ?3, ?4, ?5)",
            (caller, account, name, fingerprint, at),
        )?;
        // A caller who makes up keys all day must not fill the disk.
        self.run(
            "DELETE FROM idempotent_calls WHERE begun_at <=
               (SELECT begun_at FROM idempotent_calls ORDER BY begun_at DESC LIMIT 1 OFFSET ?1)",
            [IDEMPOTENT_CALLS],
        )?;
        Ok(())
    }

    pub(crate) fn answer_call(&mut self, key: &IdempotencyKey, answer: &str) -> Result<(), StoreError> {
        let (caller, account, name) = columns(key);
        self.run(
            "UPDATE idempotent_calls SET answer = ?4 WHERE caller = ?1 AND account = ?2 AND key = ?3",
            (caller, account, name, answer),
        )?;
        Ok(())
    }

    pub(crate) fn forget_call(&mut self, key: &IdempotencyKey) -> Result<(), StoreError> {
        self.run(
            "DELETE FROM idempotent_calls WHERE caller = ?1 AND account = ?2 AND key = ?3",
            columns(key),
        )?;
        Ok(())
    }
}
