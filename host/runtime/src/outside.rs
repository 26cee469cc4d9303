//! Changes of scripts' state from outside of any event: by callers of the API, and by pruning.
//!
//! They are made while no event is being decided, in one transaction. An event that is handled meanwhile, and has read or
//! written state, is run again from the start: it sees all of the change or comes before it, never part of it.

use std::sync::atomic::Ordering;

use mynah_engine::KvValue;
use mynah_model::names::ScriptName;
use mynah_store::{Batch, KvRow, Reader, Store, StoreError, Write};

use crate::kv_usage::{Extent, KvUsage};
use crate::state::{EVER, Namespace, Uncommitted, of_row};

/// A key that is to hold something else.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct OutsideChange {
    pub(crate) script: ScriptName,
    pub(crate) scope: String,
    pub(crate) key: String,
    /// `None` removes it.
    pub(crate) value: Option<KvValue>,
}

/// All state, while nothing else changes it.
pub(crate) struct Still<'a> {
    uncommitted: &'a Uncommitted,
    reader: &'a Reader,
}

impl Still<'_> {
    pub(crate) fn reader(&self) -> &Reader {
        self.reader
    }

    pub(crate) fn usage(&self) -> &KvUsage {
        &self.uncommitted.usage
    }

    /// What a key holds, expired or not.
    pub(crate) fn get(
        &self,
        script: &ScriptName,
        scope: &str,
        key: &str,
    ) -> Result<Option<KvValue>, StoreError> {
        match self.pending(script, scope, key) {
            Some(value) => Ok(value),
            None => Ok(self.reader.kv_get(script, scope, key, EVER)?.map(of_row)),
        }
    }

    /// What is decided for a key and not yet committed.
    pub(crate) fn pending(&self, script: &ScriptName, scope: &str, key: &str) -> Option<Option<KvValue>> {
        let namespace = Namespace { script: script.clone(), scope: scope.into() };
        let pending = self.uncommitted.pending.lock();
        pending.get(&namespace)?.get(key).map(|(value, _)| value.clone())
    }

    /// All keys of a script, by scope, expired or not.
    pub(crate) fn keys(&self, script: &ScriptName) -> Result<Vec<(String, String)>, StoreError> {
        let rows = self.reader.kv_rows(script, None, u32::MAX, EVER)?;
        let mut keys: Vec<_> = rows.into_iter().map(|placed| (placed.scope, placed.key)).collect();
        let pending = self.uncommitted.pending.lock();
        for (namespace, values) in pending.iter().filter(|(namespace, _)| namespace.script == *script) {
            keys.extend(values.keys().map(|key| (namespace.scope.as_ref().to_owned(), key.clone())));
        }
        keys.sort_unstable();
        keys.dedup();
        Ok(keys)
    }

    /// How much more the scripts hold after these changes, each with its own.
    pub(crate) fn growth(&self, changes: &[OutsideChange]) -> Result<Vec<Extent>, StoreError> {
        let grown = |change: &OutsideChange| {
            let before = self.get(&change.script, &change.scope, &change.key)?;
            Ok(Extent::of(&change.key, change.value.as_ref()) - Extent::of(&change.key, before.as_ref()))
        };
        changes.iter().map(grown).collect()
    }
}

impl Uncommitted {
    /// Changes state. `decide` says how, with everything standing still; what it names must have no key twice. `done` is told when
    /// that is committed, and not called if there is nothing to change.
    ///
    /// Blocks for as long as the events take that are being decided, and `decide` itself.
    pub(crate) fn change<E: From<StoreError>>(
        self: &std::sync::Arc<Self>,
        store: &Store,
        ticket: u64,
        decide: impl FnOnce(&Still<'_>) -> Result<(Vec<OutsideChange>, Vec<Write>), E>,
        done: impl FnOnce(Result<(), StoreError>) + Send + 'static,
    ) -> Result<usize, E> {
        let changed = store.read(|reader| {
            let _order = self.shared_order.lock();
            let _staging = self.staging.write();
            let still = Still { uncommitted: self, reader };
            let (changes, also) = match decide(&still) {
                Ok(decided) => decided,
                Err(error) => return Ok(Err(error)),
            };
            if changes.is_empty() {
                return Ok(Ok(0));
            }
            let growth = still.growth(&changes)?;
            let count = changes.len();
            self.write_outside(store, ticket, changes, growth, also, done);
            Ok(Ok(count))
        });
        changed.map_err(E::from)?
    }

    fn write_outside(
        self: &std::sync::Arc<Self>,
        store: &Store,
        ticket: u64,
        changes: Vec<OutsideChange>,
        growth: Vec<Extent>,
        also: Vec<Write>,
        done: impl FnOnce(Result<(), StoreError>) + Send + 'static,
    ) {
        self.epoch.fetch_add(1, Ordering::SeqCst);
        let (mut writes, mut keys, mut grown) = (also, Vec::new(), Vec::new());
        {
            let mut pending = self.pending.lock();
            for (OutsideChange { script, scope, key, value }, growth) in changes.into_iter().zip(growth) {
                self.usage.add(&script, growth);
                grown.push((script.clone(), growth));
                let row = value
                    .as_ref()
                    .map(|value| KvRow { value: value.value.clone(), expires_at: value.expires_at });
                writes.push(Write::KvPut {
                    script: script.clone(),
                    scope: scope.clone(),
                    key: key.clone(),
                    value: row,
                });
                let namespace = Namespace { script: script.clone(), scope: scope.as_str().into() };
                pending.entry(namespace).or_default().insert(key.clone(), (value, ticket));
                keys.push((script, scope, key));
            }
        }
        let uncommitted = std::sync::Arc::clone(self);
        store.write(Batch::from(writes), move |result| {
            uncommitted.settle(&keys, ticket);
            if result.is_err() {
                grown.iter().for_each(|(script, growth)| uncommitted.usage.add(script, -*growth));
            }
            done(result);
        });
    }
}
