//! The state of scripts for people and programs: listed, read, changed, exported and imported while the host runs.
//!
//! What is read is what is committed. A change is one transaction; scripts see all of it or nothing (see `outside`), and whoever
//! asked for it is told when it is committed.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;
use std::sync::atomic::Ordering;

use mynah_engine::{KvValue, Limits};
use mynah_model::action::{Actor, Outcome};
use mynah_model::address::Address;
use mynah_model::clock::UnixMs;
use mynah_model::names::{NameError, ScriptName};
use mynah_model::refusal::{Code, Refusal};
use mynah_store::{AuditEntry, KvPlaced, SHARED_SCOPE, StoreError, Write};
use tokio::sync::oneshot;

use crate::grants::KvQuota;
use crate::host::{Host, blocking};
use crate::host_error::HostError;
use crate::kv_usage::Extent;
use crate::limits;
use crate::outside::{OutsideChange, Still};

/// The word under which changes from outside are listed among the actions.
const KV_CHANGED: &str = "kv-changed";

/// Where a script keeps something: in a chat (or an account as a whole), or for all its chats.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum KvScope {
    /// In a chat, or in an account.
    Chat(Address),
    /// For all its chats; `*` as text.
    Shared,
}

impl fmt::Display for KvScope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Chat(address) => address.fmt(f),
            Self::Shared => f.write_str(SHARED_SCOPE),
        }
    }
}

impl FromStr for KvScope {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        match text {
            SHARED_SCOPE => Ok(Self::Shared),
            address => address.parse().map(Self::Chat),
        }
    }
}

/// A key and what it holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KvEntry {
    /// Where.
    pub scope: KvScope,
    /// The key.
    pub key: String,
    /// The value.
    pub value: String,
    /// From this time on it is gone, unix ms; `None` is never.
    pub expires_at: Option<UnixMs>,
}

/// A change of one key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KvChange {
    /// It holds this from now on.
    Set(KvEntry),
    /// It is removed, if it is there.
    Remove {
        /// Where.
        scope: KvScope,
        /// The key.
        key: String,
    },
}

/// Why state was not changed. Nothing was.
#[derive(Debug, thiserror::Error)]
pub enum KvChangeError {
    /// A limit stands against it.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The host could not.
    #[error(transparent)]
    Host(#[from] HostError),
}

impl From<StoreError> for KvChangeError {
    fn from(error: StoreError) -> Self {
        Self::Host(error.into())
    }
}

/// Whether a key and a value may stand in a script's state.
///
/// # Errors
/// `limit.kv-key` or `limit.kv-value`, naming the limit.
pub fn check_kv(key: &str, value: &str) -> Result<(), Refusal> {
    let limits = Limits::default();
    let too_long = |code, what, given, most| {
        Err(Refusal::new(code, format!("the {what} has {given} bytes; it may have {most}")))
    };
    if key.is_empty() {
        return Err(Refusal::new(Code::LimitKvKey, "a key is not empty"));
    }
    if key.len() > limits.kv_key {
        return too_long(Code::LimitKvKey, "key", key.len(), limits.kv_key);
    }
    if value.len() > limits.kv_value {
        return too_long(Code::LimitKvValue, "value", value.len(), limits.kv_value);
    }
    Ok(())
}

impl Host {
    /// Whether there is a script of this name, or state that one left.
    pub async fn knows_state_of(&self, script: &ScriptName) -> Result<bool, HostError> {
        if self.scripts().iter().any(|known| known.name == script.as_str()) {
            return Ok(true);
        }
        let script = script.clone();
        self.read(move |reader| reader.kv_any(&script)).await
    }

    /// At most `limit` entries of a script in one scope, in the order of their keys' bytes: those whose keys begin with
    /// `prefix` and come after `after`.
    pub async fn kv_in(
        &self,
        script: &ScriptName,
        scope: KvScope,
        prefix: String,
        after: Option<String>,
        limit: u32,
    ) -> Result<Vec<KvEntry>, HostError> {
        let (script, now) = (script.clone(), self.now());
        let rows = self.read(move |reader| {
            let rows = reader.kv_list(&script, &scope.to_string(), &prefix, after.as_deref(), limit, now)?;
            let entry = |(key, row): (String, mynah_store::KvRow)| KvEntry {
                scope: scope.clone(),
                key,
                value: row.value,
                expires_at: row.expires_at,
            };
            Ok(rows.into_iter().map(entry).collect())
        });
        rows.await
    }

    /// At most `limit` entries of a script in all scopes after a place, in the order of scopes and keys.
    pub async fn kv_everywhere(
        &self,
        script: &ScriptName,
        after: Option<(String, String)>,
        limit: u32,
    ) -> Result<Vec<KvEntry>, HostError> {
        let (script, now) = (script.clone(), self.now());
        let rows = self.read(move |reader| {
            let after = after.as_ref().map(|(scope, key)| (scope.as_str(), key.as_str()));
            reader.kv_rows(&script, after, limit, now)?.into_iter().map(entry).collect()
        });
        rows.await
    }

    /// What a key holds.
    pub async fn kv_get(
        &self,
        script: &ScriptName,
        scope: KvScope,
        key: String,
    ) -> Result<Option<KvEntry>, HostError> {
        let (script, now) = (script.clone(), self.now());
        let row = self.read(move |reader| {
            let row = reader.kv_get(&script, &scope.to_string(), &key, now)?;
            Ok(row.map(|row| KvEntry { scope, key, value: row.value, expires_at: row.expires_at }))
        });
        row.await
    }

    /// How many keys and bytes a script holds in all its chats, and how many it may. What has expired counts until it is
    /// pruned, some ten minutes later.
    pub fn kv_usage(&self, script: &ScriptName) -> (KvQuota, KvQuota) {
        let Extent { keys, bytes } = self.handling().uncommitted.usage.kept(script);
        let unsigned = |number: i64| u64::try_from(number).unwrap_or(0);
        (KvQuota { keys: unsigned(keys), bytes: unsigned(bytes) }, self.kv_quota(script))
    }

    /// Changes state, all of it or nothing, and resolves when that is committed; how many keys were changed. With `replace`
    /// whatever the script holds and the changes do not name goes.
    pub async fn kv_change(
        &self,
        script: &ScriptName,
        changes: Vec<KvChange>,
        replace: bool,
        by: &Actor,
    ) -> Result<usize, KvChangeError> {
        if let Some(refusal) = self.stalled() {
            return Err(refusal.into());
        }
        if changes.len() > limits::KV_CHANGED_AT_ONCE {
            let most = limits::KV_CHANGED_AT_ONCE;
            let text = format!("{} keys are to be changed; {most} can be at once", changes.len());
            return Err(Refusal::new(Code::HttpParameter, text).into());
        }
        let (handling, store) = (self.handling().clone(), self.store().clone());
        let quota = self.kv_quota(script);
        let ticket = handling.tickets.fetch_add(1, Ordering::Relaxed);
        let (number, at, actor) = (handling.next_act(), self.now(), by.to_string());
        let (tell, told) = oneshot::channel();
        let script = script.clone();
        let change = move || {
            let decide = |still: &Still<'_>| {
                let changes = resolve(still, &script, changes, replace)?;
                let grown = still.growth(&changes)?.into_iter().fold(Extent::default(), |sum, one| sum + one);
                let admitted = still.usage().admit(&script, grown, quota);
                admitted.map_err(|text| Refusal::new(Code::LimitKvTotal, without_code(&text)))?;
                let removed = changes.iter().filter(|change| change.value.is_none()).count();
                let text = format!("{} keys set, {removed} removed", changes.len() - removed);
                let entry = AuditEntry {
                    number,
                    at,
                    actor,
                    script: Some(script.clone()),
                    release: None,
                    address: None,
                    action: KV_CHANGED.to_owned(),
                    outcome: Outcome::Done.as_str().to_owned(),
                    code: None,
                    text,
                    reason: None,
                    seq: None,
                    body: None,
                    details: None,
                };
                Ok::<_, KvChangeError>((changes, vec![Write::Audit(entry)]))
            };
            handling.uncommitted.change(&store, ticket, decide, move |result| {
                // Whoever asked may have gone; the change stands.
                let _ = tell.send(result);
            })
        };
        let changed = blocking(change).await??;
        if changed > 0 {
            told.await.unwrap_or(Err(StoreError::Closed))?;
        }
        Ok(changed)
    }
}

/// What is to be changed of what there is: each key once, the last word on it; a removal only of what is there.
fn resolve(
    still: &Still<'_>,
    script: &ScriptName,
    changes: Vec<KvChange>,
    replace: bool,
) -> Result<Vec<OutsideChange>, StoreError> {
    let mut wanted: BTreeMap<(String, String), Option<KvValue>> = BTreeMap::new();
    if replace {
        wanted.extend(still.keys(script)?.into_iter().map(|place| (place, None)));
    }
    for change in changes {
        match change {
            KvChange::Set(KvEntry { scope, key, value, expires_at }) => {
                wanted.insert((scope.to_string(), key), Some(KvValue { value, expires_at }));
            }
            KvChange::Remove { scope, key } => {
                wanted.insert((scope.to_string(), key), None);
            }
        }
    }
    let mut resolved = Vec::with_capacity(wanted.len());
    for ((scope, key), value) in wanted {
        if value.is_some() || still.get(script, &scope, &key)?.is_some() {
            resolved.push(OutsideChange { script: script.clone(), scope, key, value });
        }
    }
    Ok(resolved)
}

fn entry(placed: KvPlaced) -> Result<KvEntry, StoreError> {
    let KvPlaced { scope, key, row } = placed;
    let scope = scope.parse().map_err(|error: NameError| StoreError::Unreadable {
        table: "kv",
        row: format!("{scope} {key}"),
        reason: error.to_string(),
    })?;
    Ok(KvEntry { scope, key, value: row.value, expires_at: row.expires_at })
}

/// The text of a refusal for a script begins with its code.
fn without_code(text: &str) -> &str {
    text.split_once(": ").map_or(text, |(_, sentence)| sentence)
}
