//! How much state each script holds, and the room that its quota leaves.
//!
//! What is counted is what the store will hold when all that is decided is committed, values included that have expired and are
//! not pruned yet. A call that writes sets room aside before it is told that it may, so that calls which run at the same
//! time cannot exceed the quota together; the room is free again when the call comes to nothing.

use std::collections::HashMap;
use std::ops::{Add, AddAssign, Neg, Sub};
use std::sync::Arc;

use mynah_engine::KvValue;
use mynah_model::names::ScriptName;
use mynah_model::refusal::Code;
use mynah_store::KvTotals;
use parking_lot::Mutex;

use crate::grants::KvQuota;

/// So many keys and bytes, or so many more (or less).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Extent {
    pub(crate) keys: i64,
    pub(crate) bytes: i64,
}

impl Extent {
    /// What a key takes up.
    pub(crate) fn of(key: &str, value: Option<&KvValue>) -> Self {
        value.map_or_else(Self::default, |value| Self {
            keys: 1,
            bytes: signed(key.len() + value.value.len()),
        })
    }

    /// Where it is more than nothing.
    fn growth(self) -> Self {
        Self { keys: self.keys.max(0), bytes: self.bytes.max(0) }
    }
}

impl Add for Extent {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self { keys: self.keys + other.keys, bytes: self.bytes + other.bytes }
    }
}

impl Neg for Extent {
    type Output = Self;

    fn neg(self) -> Self {
        Self { keys: -self.keys, bytes: -self.bytes }
    }
}

impl Sub for Extent {
    type Output = Self;

    fn sub(self, other: Self) -> Self {
        self + -other
    }
}

impl AddAssign for Extent {
    fn add_assign(&mut self, other: Self) {
        *self = *self + other;
    }
}

fn signed<T: TryInto<i64>>(number: T) -> i64 {
    number.try_into().unwrap_or(i64::MAX)
}

/// What the scripts hold.
#[derive(Debug, Default)]
pub(crate) struct KvUsage {
    scripts: Mutex<HashMap<ScriptName, Held>>,
}

#[derive(Debug, Default)]
struct Held {
    kept: Extent,
    /// Set aside for calls that are not decided.
    reserved: Extent,
}

impl KvUsage {
    /// As the store has it when a host starts.
    pub(crate) fn new(totals: Vec<(ScriptName, KvTotals)>) -> Self {
        let held = |totals: KvTotals| Held {
            kept: Extent { keys: signed(totals.keys), bytes: signed(totals.bytes) },
            reserved: Extent::default(),
        };
        let scripts = totals.into_iter().map(|(script, totals)| (script, held(totals))).collect();
        Self { scripts: Mutex::new(scripts) }
    }

    /// Notes what a decision changed.
    pub(crate) fn add(&self, script: &ScriptName, change: Extent) {
        if change != Extent::default() {
            self.scripts.lock().entry(script.clone()).or_default().kept += change;
        }
    }

    /// What a script holds.
    pub(crate) fn kept(&self, script: &ScriptName) -> Extent {
        self.scripts.lock().get(script).map(|held| held.kept).unwrap_or_default()
    }

    /// Sets room aside for all that a call has changed so far, of which `step` is the last. What does not grow is always
    /// admitted, also past a quota that was lowered.
    pub(crate) fn reserve(
        self: &Arc<Self>,
        script: &ScriptName,
        room: &mut Option<Room>,
        change: Extent,
        step: Extent,
        quota: KvQuota,
    ) -> Result<(), String> {
        let mut scripts = self.scripts.lock();
        let held = scripts.entry(script.clone()).or_default();
        let own = room.as_ref().map(|room| room.extent).unwrap_or_default();
        check(held.kept + held.reserved - own + change, step, quota)?;
        held.reserved += change.growth() - own;
        match room {
            Some(room) => room.extent = change.growth(),
            None => {
                let (usage, script) = (Arc::clone(self), script.clone());
                *room = Some(Room { usage, script, extent: change.growth() });
            }
        }
        Ok(())
    }

    /// Whether a change that is decided at once fits the quota.
    pub(crate) fn admit(&self, script: &ScriptName, change: Extent, quota: KvQuota) -> Result<(), String> {
        let scripts = self.scripts.lock();
        let held = scripts.get(script).map(|held| held.kept + held.reserved).unwrap_or_default();
        check(held + change, change, quota)
    }
}

fn check(after: Extent, step: Extent, quota: KvQuota) -> Result<(), String> {
    let (keys, bytes) = (signed(quota.keys), signed(quota.bytes));
    let code = Code::LimitKvTotal;
    if step.bytes > 0 && after.bytes > bytes {
        return Err(format!("{code}: the script would hold {} bytes; its `kv` is {bytes}", after.bytes));
    }
    if step.keys > 0 && after.keys > keys {
        return Err(format!("{code}: the script would hold {} keys; its `kv_keys` is {keys}", after.keys));
    }
    Ok(())
}

/// Room that is set aside for a call. It is free again when this is dropped.
#[derive(Debug)]
pub(crate) struct Room {
    usage: Arc<KvUsage>,
    script: ScriptName,
    extent: Extent,
}

impl Drop for Room {
    fn drop(&mut self) {
        if let Some(held) = self.usage.scripts.lock().get_mut(&self.script) {
            held.reserved += -self.extent;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const QUOTA: KvQuota = KvQuota { bytes: 100, keys: 3 };

    fn extent(keys: i64, bytes: i64) -> Extent {
        Extent { keys, bytes }
    }

    #[test]
    fn calls_that_run_at_the_same_time_share_the_room() {
        let (usage, script) = (Arc::new(KvUsage::default()), "a".parse::<ScriptName>().unwrap());
        usage.add(&script, extent(1, 40));
        let (mut one, mut other) = (None, None);
        usage.reserve(&script, &mut one, extent(1, 40), extent(1, 40), QUOTA).unwrap();
        let refused = usage.reserve(&script, &mut other, extent(1, 40), extent(1, 40), QUOTA).unwrap_err();
        assert_eq!(refused, "limit.kv-total: the script would hold 120 bytes; its `kv` is 100");
        drop(one);
        usage.reserve(&script, &mut other, extent(1, 40), extent(1, 40), QUOTA).unwrap();
        let more = extent(3, 41);
        let refused = usage.reserve(&script, &mut other, more, extent(2, 1), QUOTA).unwrap_err();
        assert_eq!(refused, "limit.kv-total: the script would hold 4 keys; its `kv_keys` is 3");
        usage.reserve(&script, &mut other, extent(2, 60), extent(1, 20), QUOTA).unwrap();
        usage.add(&script, extent(2, 60));
        drop(other);
        assert_eq!(usage.kept(&script), extent(3, 100));
    }

    #[test]
    fn what_gives_room_back_is_admitted_past_a_quota_that_was_lowered() {
        let (usage, script) = (Arc::new(KvUsage::default()), "a".parse::<ScriptName>().unwrap());
        usage.add(&script, extent(9, 900));
        let mut room = None;
        usage.reserve(&script, &mut room, extent(-1, -50), extent(-1, -50), QUOTA).unwrap();
        usage.reserve(&script, &mut room, extent(-1, -50), extent(0, 0), QUOTA).unwrap();
        assert!(usage.reserve(&script, &mut room, extent(-1, -49), extent(0, 1), QUOTA).is_err());
        let mut other = None;
        assert!(usage.reserve(&script, &mut other, extent(1, 1), extent(1, 1), QUOTA).is_err());
    }
}
