//! The state of scripts as they see it while an event is handled: the store, over it what is decided and not yet
//! committed, over that what the event itself has written so far.

use std::collections::{BTreeMap, HashMap};
use std::hash::{BuildHasher, Hash, Hasher, RandomState};
use std::ops::Bound;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use mynah_engine::{Deferred, HostServices, KvRefusal, KvScope, KvValue, ServiceError};
use mynah_model::address::Address;
use mynah_model::clock::UnixMs;
use mynah_model::names::ScriptName;
use mynah_store::{KvRow, KvTotals, Reader, SHARED_SCOPE, Write};
use parking_lot::{Mutex, RwLock};

use crate::grants::KvQuota;
use crate::kv_usage::{Extent, KvUsage, Room};
use crate::limits;
use crate::scheduler::Scheduler;

/// The time for reading rows whether they have expired or not: the engine decides that, by the event's time.
pub(crate) const EVER: UnixMs = UnixMs::MIN;

/// A script's keys in one scope.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Namespace {
    pub(crate) script: ScriptName,
    pub(crate) scope: Arc<str>,
}

pub(crate) type Pending = HashMap<Namespace, BTreeMap<String, (Option<KvValue>, u64)>>;

/// What is decided and not yet committed, of all scripts. A chat's next event sees it.
#[derive(Default)]
pub(crate) struct Uncommitted {
    pub(crate) pending: Mutex<Pending>,
    /// Held while shared state is validated, staged and queued for the store, so that these happen in one order.
    pub(crate) shared_order: Mutex<()>,
    /// Held by each decision while what it writes is staged and queued for the store; alone, by changes from outside of any
    /// event. Taken after `shared_order`.
    pub(crate) staging: RwLock<()>,
    /// How many changes from outside there were.
    pub(crate) epoch: AtomicU64,
    /// How much the scripts hold.
    pub(crate) usage: Arc<KvUsage>,
}

/// The store as one worker reads it.
pub(crate) type SharedReader = Arc<Mutex<Reader>>;

/// A worker's place among those whose scripts run for long.
#[derive(Clone)]
pub(crate) struct Turns {
    pub(crate) scheduler: Arc<Scheduler>,
    pub(crate) thread: usize,
}

/// What one call wrote, and what it read of shared state.
#[derive(Default)]
pub(crate) struct CallState {
    writes: BTreeMap<(KvScope, String), Option<KvValue>>,
    shared_reads: Vec<SharedRead>,
    /// Whether it looked at any state.
    has_read: bool,
    /// What was read last, and its extent: most of what is written was read right before.
    last_read: Option<((KvScope, String), Extent)>,
    /// How much more the script holds when this is staged.
    growth: Extent,
    /// The room for that.
    room: Option<Room>,
    /// The key of the call's digests: nobody can look for two values that have the same.
    digests: RandomState,
}

/// What was asked for, and a digest of what was found: a script can read the same large value as often as it has time, and
/// what is kept of that must stay small.
enum SharedRead {
    Key { key: String, digest: u64 },
    List { prefix: String, after: Option<String>, limit: u32, digest: u64 },
}

impl CallState {
    pub(crate) fn touches_shared(&self) -> bool {
        !self.shared_reads.is_empty() || self.writes.keys().any(|(scope, _)| *scope == KvScope::Shared)
    }

    /// How much more the script holds when this is staged.
    pub(crate) fn growth(&self) -> Extent {
        self.growth
    }

    /// Whether anything that happens to the script's state may make a difference to it.
    pub(crate) fn touches_state(&self) -> bool {
        self.has_read || !self.writes.is_empty()
    }

    fn digest_of_value(&self, value: Option<&KvValue>) -> u64 {
        self.digests.hash_one(value.map(|value| (&value.value, value.expires_at)))
    }

    fn digest_of_list(&self, found: &[(String, KvValue)]) -> u64 {
        let mut hasher = self.digests.build_hasher();
        for (key, value) in found {
            (key, &value.value, value.expires_at).hash(&mut hasher);
        }
        hasher.finish()
    }
}

/// The view that one call of a script has.
pub(crate) struct StateView {
    uncommitted: Arc<Uncommitted>,
    reader: SharedReader,
    script: ScriptName,
    chat: Arc<str>,
    quota: KvQuota,
    call: Arc<Mutex<CallState>>,
    turns: Option<Turns>,
}

impl StateView {
    /// With no `turns` the call gives way to nobody: it holds what others wait for.
    pub(crate) fn new(
        uncommitted: Arc<Uncommitted>,
        reader: SharedReader,
        script: ScriptName,
        address: &Address,
        quota: KvQuota,
        turns: Option<Turns>,
    ) -> Self {
        let chat = address.to_string().into();
        Self { uncommitted, reader, script, chat, quota, call: Arc::default(), turns }
    }

    /// What the call does is seen through this, also after the view is gone.
    pub(crate) fn call(&self) -> Arc<Mutex<CallState>> {
        self.call.clone()
    }

    fn namespace(&self, scope: KvScope) -> Namespace {
        let scope = match scope {
            KvScope::Chat => self.chat.clone(),
            KvScope::Shared => SHARED_SCOPE.into(),
        };
        Namespace { script: self.script.clone(), scope }
    }

    fn read(&self, call: &mut CallState, scope: KvScope, key: &str) -> Result<Option<KvValue>, ServiceError> {
        call.has_read = true;
        let place = (scope, key.to_owned());
        if let Some(written) = call.writes.get(&place) {
            return Ok(written.clone());
        }
        let value = self.uncommitted.get(&self.namespace(scope), key, &self.reader)?;
        if scope == KvScope::Shared {
            let digest = call.digest_of_value(value.as_ref());
            call.shared_reads.push(SharedRead::Key { key: place.1.clone(), digest });
        }
        call.last_read = Some((place, Extent::of(key, value.as_ref())));
        Ok(value)
    }
}

impl HostServices for StateView {
    fn kv_get(&mut self, scope: KvScope, key: &str) -> Result<Option<KvValue>, ServiceError> {
        let mut call = self.call.lock();
        self.read(&mut call, scope, key)
    }

    fn kv_put(&mut self, scope: KvScope, key: &str, value: Option<KvValue>) -> Result<(), KvRefusal> {
        let mut call = self.call.lock();
        // What is overwritten is read as well, for its size; of shared state, so that it still holds when this is decided.
        let place = (scope, key.to_owned());
        let before = match &call.last_read {
            Some((read, extent)) if *read == place => *extent,
            _ => Extent::of(key, self.read(&mut call, scope, key)?.as_ref()),
        };
        let step = Extent::of(key, value.as_ref()) - before;
        let growth = call.growth + step;
        let usage = &self.uncommitted.usage;
        usage.reserve(&self.script, &mut call.room, growth, step, self.quota).map_err(KvRefusal::Quota)?;
        call.growth = growth;
        call.last_read = None;
        call.writes.insert(place, value);
        Ok(())
    }

    fn kv_list(
        &mut self,
        scope: KvScope,
        prefix: &str,
        after: Option<&str>,
        limit: u32,
    ) -> Result<Vec<(String, KvValue)>, ServiceError> {
        let mut call = self.call.lock();
        call.has_read = true;
        let found = self.uncommitted.list(
            &self.namespace(scope),
            prefix,
            after,
            limit,
            &self.reader,
            &call.writes,
            scope,
        )?;
        if scope == KvScope::Shared {
            let (prefix, after) = (prefix.to_owned(), after.map(str::to_owned));
            let digest = call.digest_of_list(&found);
            call.shared_reads.push(SharedRead::List { prefix, after, limit, digest });
        }
        Ok(found)
    }

    fn give_way(&mut self, cpu: Duration) -> Result<(), Deferred> {
        match &self.turns {
            Some(Turns { scheduler, thread }) if cpu >= limits::SLICE => scheduler.give_way(*thread),
            _ => Ok(()),
        }
    }
}

impl Uncommitted {
    /// Over a store in which the scripts hold so much.
    pub(crate) fn new(totals: Vec<(ScriptName, KvTotals)>) -> Self {
        Self { usage: Arc::new(KvUsage::new(totals)), ..Self::default() }
    }

    /// How many changes from outside there were. One more than before a call: it must be made again if it touches state.
    pub(crate) fn epoch(&self) -> u64 {
        self.epoch.load(Ordering::SeqCst)
    }

    fn get(
        &self,
        namespace: &Namespace,
        key: &str,
        reader: &SharedReader,
    ) -> Result<Option<KvValue>, ServiceError> {
        if let Some((value, _)) = self.pending.lock().get(namespace).and_then(|keys| keys.get(key)) {
            return Ok(value.clone());
        }
        // What was pending a moment ago is committed before it is taken out, so it is found here.
        let row =
            reader.lock().kv_get(&namespace.script, &namespace.scope, key, EVER).map_err(service_error)?;
        Ok(row.map(of_row))
    }

    #[expect(
        clippy::too_many_arguments,
        reason = "the arguments of a list, and the three layers it is made of"
    )]
    fn list(
        &self,
        namespace: &Namespace,
        prefix: &str,
        after: Option<&str>,
        limit: u32,
        reader: &SharedReader,
        writes: &BTreeMap<(KvScope, String), Option<KvValue>>,
        scope: KvScope,
    ) -> Result<Vec<(String, KvValue)>, ServiceError> {
        let start = match after.filter(|after| *after >= prefix) {
            Some(after) => Bound::Excluded(after.to_owned()),
            None => Bound::Included(prefix.to_owned()),
        };
        let mut over: BTreeMap<String, Option<KvValue>> = BTreeMap::new();
        let range = (start, Bound::Unbounded);
        if let Some(keys) = self.pending.lock().get(namespace) {
            over.extend(
                keys.range::<String, _>(range.clone())
                    .take_while(|(key, _)| key.starts_with(prefix))
                    .map(|(key, (value, _))| (key.clone(), value.clone())),
            );
        }
        let scoped = |key: Bound<String>| match key {
            Bound::Included(key) => Bound::Included((scope, key)),
            Bound::Excluded(key) => Bound::Excluded((scope, key)),
            Bound::Unbounded => Bound::Unbounded,
        };
        over.extend(
            writes
                .range((scoped(range.0), Bound::Unbounded))
                .take_while(|((of, key), _)| *of == scope && key.starts_with(prefix))
                .map(|((_, key), value)| (key.clone(), value.clone())),
        );
        // As many more rows as may be hidden by removals above them.
        let wanted = limit.saturating_add(u32::try_from(over.len()).unwrap_or(u32::MAX));
        let rows = reader
            .lock()
            .kv_list(&namespace.script, &namespace.scope, prefix, after, wanted, EVER)
            .map_err(service_error)?;
        let mut merged: BTreeMap<String, Option<KvValue>> =
            rows.into_iter().map(|(key, row)| (key, Some(of_row(row)))).collect();
        merged.extend(over);
        let found = merged.into_iter().filter_map(|(key, value)| Some((key, value?)));
        Ok(found.take(usize::try_from(limit).unwrap_or(usize::MAX)).collect())
    }

    /// Whether what a call read of shared state is still so. Call it with `shared_order` held.
    pub(crate) fn still_holds(
        &self,
        script: &ScriptName,
        call: &CallState,
        reader: &SharedReader,
    ) -> Result<bool, ServiceError> {
        let namespace = Namespace { script: script.clone(), scope: SHARED_SCOPE.into() };
        for read in &call.shared_reads {
            let same = match read {
                SharedRead::Key { key, digest } => {
                    call.digest_of_value(self.get(&namespace, key, reader)?.as_ref()) == *digest
                }
                SharedRead::List { prefix, after, limit, digest } => {
                    let (none, after) = (BTreeMap::new(), after.as_deref());
                    let now = self.list(&namespace, prefix, after, *limit, reader, &none, KvScope::Shared)?;
                    call.digest_of_list(&now) == *digest
                }
            };
            if !same {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Makes what a call wrote visible to the events after it, under a ticket, and gives the writes for the store.
    pub(crate) fn stage(
        &self,
        script: &ScriptName,
        address: &Address,
        call: CallState,
        ticket: u64,
    ) -> Vec<Write> {
        if call.writes.is_empty() {
            return Vec::new();
        }
        self.usage.add(script, call.growth);
        let chat: Arc<str> = address.to_string().into();
        let mut pending = self.pending.lock();
        let mut writes = Vec::with_capacity(call.writes.len());
        for ((scope, key), value) in call.writes {
            let scope = if scope == KvScope::Shared { SHARED_SCOPE.into() } else { chat.clone() };
            writes.push(Write::KvPut {
                script: script.clone(),
                scope: scope.as_ref().to_owned(),
                key: key.clone(),
                value: value
                    .as_ref()
                    .map(|value| KvRow { value: value.value.clone(), expires_at: value.expires_at }),
            });
            let namespace = Namespace { script: script.clone(), scope };
            pending.entry(namespace).or_default().insert(key, (value, ticket));
        }
        writes
    }

    /// The writes of a ticket are committed (or given up): readers find the store's word now.
    pub(crate) fn settle(&self, writes: &[(ScriptName, String, String)], ticket: u64) {
        let mut pending = self.pending.lock();
        for (script, scope, key) in writes {
            let namespace = Namespace { script: script.clone(), scope: scope.as_str().into() };
            let Some(keys) = pending.get_mut(&namespace) else { continue };
            if keys.get(key).is_some_and(|(_, of)| *of == ticket) {
                keys.remove(key);
            }
            if keys.is_empty() {
                pending.remove(&namespace);
            }
        }
    }
}

pub(crate) fn of_row(row: KvRow) -> KvValue {
    KvValue { value: row.value, expires_at: row.expires_at }
}

fn service_error(error: mynah_store::StoreError) -> ServiceError {
    ServiceError(error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_before_the_prefix_begins_at_the_prefix_for_what_is_not_committed_too() {
        let (store, _) = mynah_store::Store::open_in_memory().unwrap();
        let reader: SharedReader = Arc::new(Mutex::new(store.reader().unwrap()));
        let (script, address) = ("a".parse().unwrap(), "sim/group/1".parse::<Address>().unwrap());
        let uncommitted = Arc::new(Uncommitted::default());
        let mut view =
            StateView::new(uncommitted.clone(), reader, script, &address, KvQuota::default(), None);
        for key in ["m", "p1", "p2", "q"] {
            view.kv_put(KvScope::Chat, key, Some(KvValue { value: key.into(), expires_at: None })).unwrap();
        }
        let keys = |found: Vec<(String, KvValue)>| found.into_iter().map(|(key, _)| key).collect::<Vec<_>>();
        let list = |view: &mut StateView, after| keys(view.kv_list(KvScope::Chat, "p", after, 9).unwrap());
        assert_eq!(list(&mut view, Some("a")), ["p1", "p2"]);
        let written = std::mem::take(&mut *view.call().lock());
        uncommitted.stage(&view.script, &address, written, 1);
        assert_eq!(list(&mut view, Some("a")), ["p1", "p2"]);
        assert_eq!(list(&mut view, Some("p1")), ["p2"]);
    }

    #[test]
    fn a_read_of_shared_state_holds_until_its_value_or_its_list_changes() {
        let (store, _) = mynah_store::Store::open_in_memory().unwrap();
        let reader: SharedReader = Arc::new(Mutex::new(store.reader().unwrap()));
        let (script, address) =
            ("a".parse::<ScriptName>().unwrap(), "sim/group/1".parse::<Address>().unwrap());
        let uncommitted = Arc::new(Uncommitted::default());
        let view = || {
            let (uncommitted, reader) = (uncommitted.clone(), reader.clone());
            StateView::new(uncommitted, reader, script.clone(), &address, KvQuota::default(), None)
        };
        let write = |key: &str, value: &str, ticket| {
            let mut view = view();
            let value = KvValue { value: value.into(), expires_at: None };
            view.kv_put(KvScope::Shared, key, Some(value)).unwrap();
            uncommitted.stage(&script, &address, std::mem::take(&mut *view.call().lock()), ticket);
        };
        let holds =
            |view: &StateView| uncommitted.still_holds(&script, &view.call().lock(), &reader).unwrap();
        write("k1", "one", 1);
        let (mut one, mut list, mut absent) = (view(), view(), view());
        assert!(one.kv_get(KvScope::Shared, "k1").unwrap().is_some());
        assert_eq!(list.kv_list(KvScope::Shared, "k", None, 9).unwrap().len(), 1);
        assert!(absent.kv_get(KvScope::Shared, "k2").unwrap().is_none());
        write("other", "x", 2);
        write("k1", "one", 3);
        assert!(holds(&one) && holds(&list) && holds(&absent), "nothing that was read differs");
        write("k2", "two", 4);
        assert!(holds(&one) && !holds(&list) && !holds(&absent));
        write("k1", "two", 5);
        assert!(!holds(&one));
    }
}
