//! What the fake host knows: the people, the settings, the state and the time.

use std::collections::BTreeMap;
use std::ops::Bound;

use serde_json::Value;

use crate::bindings::mynah::script::kv_types::{Entry, Page};
use crate::types::{Chat, ChatKind, KvError, Person, Role};

/// 2025-01-01T00:00:00Z, in unix milliseconds: tests begin on a round day.
const BEGINNING: i64 = 1_735_689_600_000;

/// What the fake host knows.
pub(super) struct World {
    pub(super) seq: u64,
    /// Unix milliseconds.
    pub(super) time: i64,
    pub(super) settings: Value,
    pub(super) log: Vec<String>,
    pub(super) people: Vec<Person>,
    pub(super) friends: Vec<Person>,
    pub(super) chat: Option<Chat>,
    /// State of [`random`](crate::random), set from each event's number.
    pub(super) random: u64,
    state: State,
}

/// What a failing rule must not have changed.
#[derive(Clone, Default)]
pub(super) struct State {
    chats: BTreeMap<String, Store>,
    shared: Store,
}

impl Default for World {
    fn default() -> Self {
        Self {
            seq: 0,
            time: BEGINNING,
            settings: Value::Object(serde_json::Map::new()),
            log: Vec::new(),
            people: Vec::new(),
            friends: Vec::new(),
            chat: None,
            random: 0,
            state: State::default(),
        }
    }
}

impl World {
    pub(super) fn enter(&mut self, chat: &Chat) {
        self.chat = Some(chat.clone());
    }

    /// Somebody in the chat, made if they are new.
    #[expect(clippy::indexing_slicing, reason = "the place was found or made on the line before")]
    pub(super) fn person(&mut self, id: &str) -> &mut Person {
        let at = self.people.iter().position(|person| person.id == id).unwrap_or_else(|| {
            self.people.push(Person {
                id: id.into(),
                uid: None,
                name: id.into(),
                markname: None,
                card: None,
                role: Some(Role::Member),
                attrs: Vec::new(),
            });
            self.people.len() - 1
        });
        &mut self.people[at]
    }

    pub(super) fn is_in_group(&self, id: &str) -> bool {
        self.chat.as_ref().is_some_and(|chat| chat.kind == ChatKind::Group && chat.id == id)
    }

    pub(super) fn state(&self) -> State {
        self.state.clone()
    }

    pub(super) fn restore(&mut self, state: State) {
        self.state = state;
    }

    /// The store of the chat of the event.
    pub(super) fn kv(&mut self) -> &mut Store {
        let key = self.chat.as_ref().map_or_else(String::new, |chat| format!("{:?}/{}", chat.kind, chat.id));
        let store = self.state.chats.entry(key).or_default();
        store.forget(self.time);
        store
    }

    /// The store that all chats share.
    pub(super) fn kv_shared(&mut self) -> &mut Store {
        self.state.shared.forget(self.time);
        &mut self.state.shared
    }
}

/// Keys, and for each its value and when it vanishes.
#[derive(Clone, Default)]
pub(super) struct Store {
    now: i64,
    keys: BTreeMap<String, (String, Option<i64>)>,
}

impl Store {
    /// Removes what has vanished by now.
    fn forget(&mut self, now: i64) {
        self.now = now;
        self.keys.retain(|_, (_, until)| until.is_none_or(|until| until > now));
    }

    fn until(&self, ttl_ms: Option<u64>) -> Option<i64> {
        ttl_ms.map(|ttl| self.now.saturating_add_unsigned(ttl))
    }

    pub(super) fn get(&self, key: &str) -> Option<String> {
        self.keys.get(key).map(|(value, _)| value.clone())
    }

    pub(super) fn set(&mut self, key: &str, value: &str, ttl_ms: Option<u64>) {
        self.keys.insert(key.into(), (value.into(), self.until(ttl_ms)));
    }

    pub(super) fn delete(&mut self, key: &str) -> bool {
        self.keys.remove(key).is_some()
    }

    pub(super) fn increment(&mut self, key: &str, by: i64, ttl_ms: Option<u64>) -> Result<i64, KvError> {
        let (value, until) = self.keys.get(key).map_or(("0", None), |(value, until)| (value, *until));
        let sum = value
            .parse::<i64>()
            .ok()
            .and_then(|value| value.checked_add(by))
            .ok_or_else(|| KvError::NotANumber(value.to_owned()))?;
        let until = self.until(ttl_ms).or(until);
        self.keys.insert(key.into(), (sum.to_string(), until));
        Ok(sum)
    }

    pub(super) fn compare_and_swap(
        &mut self,
        key: &str,
        expected: Option<&str>,
        new: Option<&str>,
        ttl_ms: Option<u64>,
    ) -> bool {
        let is_expected = self.get(key).as_deref() == expected;
        match (is_expected, new) {
            (true, Some(new)) => self.set(key, new, ttl_ms),
            (true, None) => {
                self.delete(key);
            }
            (false, _) => {}
        }
        is_expected
    }

    pub(super) fn list(&self, prefix: &str, limit: u32, cursor: Option<&str>) -> Page {
        let limit = usize::try_from(limit.clamp(1, 100)).unwrap_or(1);
        let from = cursor.map_or(Bound::Included(prefix), Bound::Excluded);
        let mut found = self
            .keys
            .range::<str, _>((from, Bound::Unbounded))
            .take_while(|(key, _)| key.starts_with(prefix))
            .map(|(key, (value, _))| Entry { key: key.clone(), value: value.clone() });
        let entries: Vec<Entry> = found.by_ref().take(limit).collect();
        let more = found.next().is_some();
        let next = entries.last().filter(|_| more).map(|entry| entry.key.clone());
        Page { entries, next }
    }
}
