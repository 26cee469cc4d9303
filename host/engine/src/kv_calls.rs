//! The imports `kv` and `kv-shared`: what the contract says of state, over the plain reads and writes of
//! [`HostServices`](crate::services::HostServices). Time is the event's.

use mynah_model::clock::UnixMs;
use mynah_model::refusal::Code;

use crate::bindings::mynah::script::kv_types::{Entry, KvError, Page};
use crate::bindings::mynah::script::{kv, kv_shared};
use crate::fault::Stop;
use crate::limits::KV_PAGE;
use crate::sandbox::{Sandbox, Turn};
use crate::services::{KvRefusal, KvScope, KvValue, ServiceError};

/// Reads of the store that one `list` may cost: expired keys are skipped, and there may be many.
const LIST_READS: usize = 8;

type Written<T> = wasmtime::Result<Result<T, KvError>>;

macro_rules! kv_host {
    ($interface:ident, $scope:expr) => {
        impl $interface::Host for Sandbox {
            fn get(&mut self, key: String) -> wasmtime::Result<Option<String>> {
                self.kv_get($scope, &key)
            }

            fn set(&mut self, key: String, value: String, ttl_ms: Option<u64>) -> Written<()> {
                self.kv_set($scope, &key, value, ttl_ms)
            }

            fn delete(&mut self, key: String) -> wasmtime::Result<bool> {
                self.kv_delete($scope, &key)
            }

            fn increment(&mut self, key: String, by: i64, ttl_ms: Option<u64>) -> Written<i64> {
                self.kv_increment($scope, &key, by, ttl_ms)
            }

            fn compare_and_swap(
                &mut self,
                key: String,
                expected: Option<String>,
                new: Option<String>,
                ttl_ms: Option<u64>,
            ) -> Written<bool> {
                self.kv_swap($scope, &key, expected, new, ttl_ms)
            }

            fn list(&mut self, prefix: String, limit: u32, cursor: Option<String>) -> wasmtime::Result<Page> {
                self.kv_list($scope, &prefix, limit, cursor)
            }
        }
    };
}

kv_host!(kv, KvScope::Chat);
kv_host!(kv_shared, KvScope::Shared);

fn import(scope: KvScope) -> &'static str {
    match scope {
        KvScope::Chat => "kv",
        KvScope::Shared => "kv-shared",
    }
}

fn failed(error: ServiceError) -> wasmtime::Error {
    Stop::error(Code::HostFailure, error.0)
}

/// What is written now holds until then.
fn expiry(time: UnixMs, ttl_ms: Option<u64>) -> Option<UnixMs> {
    ttl_ms.map(|ttl| time.saturating_add(i64::try_from(ttl).unwrap_or(i64::MAX)))
}

impl Turn {
    /// The value of a key that is not expired.
    fn read(&mut self, scope: KvScope, key: &str) -> wasmtime::Result<Option<KvValue>> {
        let value = self.services.kv_get(scope, key).map_err(failed)?;
        Ok(value.filter(|value| self.holds(value)))
    }

    fn write(&mut self, scope: KvScope, key: &str, value: Option<KvValue>) -> Written<()> {
        match self.services.kv_put(scope, key, value) {
            Ok(()) => Ok(Ok(())),
            Err(KvRefusal::Quota(text)) => Ok(Err(KvError::Quota(text))),
            Err(KvRefusal::TooLarge(text)) => Ok(Err(KvError::TooLarge(text))),
            Err(KvRefusal::Service(error)) => Err(failed(error)),
        }
    }

    fn holds(&self, value: &KvValue) -> bool {
        value.expires_at.is_none_or(|end| end > self.time)
    }
}

impl Sandbox {
    fn kv_get(&mut self, scope: KvScope, key: &str) -> wasmtime::Result<Option<String>> {
        self.charge(key.len())?;
        let turn = self.turn(import(scope))?;
        Ok(turn.read(scope, key)?.map(|value| value.value))
    }

    fn kv_set(&mut self, scope: KvScope, key: &str, value: String, ttl_ms: Option<u64>) -> Written<()> {
        self.charge(key.len().saturating_add(value.len()))?;
        if let Err(error) = self.check_sizes(key, &value) {
            return Ok(Err(error));
        }
        let turn = self.turn(import(scope))?;
        let expires_at = expiry(turn.time, ttl_ms);
        turn.write(scope, key, Some(KvValue { value, expires_at }))
    }

    fn kv_delete(&mut self, scope: KvScope, key: &str) -> wasmtime::Result<bool> {
        self.charge(key.len())?;
        let turn = self.turn(import(scope))?;
        if turn.read(scope, key)?.is_none() {
            return Ok(false);
        }
        match turn.write(scope, key, None)? {
            Ok(()) => Ok(true),
            // Removing takes no room, so this is the host's mistake, not the script's.
            Err(_) => {
                Err(Stop::error(Code::HostFailure, "the host did not remove a key of the script's state"))
            }
        }
    }

    fn kv_increment(&mut self, scope: KvScope, key: &str, by: i64, ttl_ms: Option<u64>) -> Written<i64> {
        self.charge(key.len())?;
        if let Err(error) = self.check_sizes(key, "") {
            return Ok(Err(error));
        }
        let turn = self.turn(import(scope))?;
        let old = turn.read(scope, key)?;
        let number = match &old {
            None => 0,
            Some(old) => match old.value.parse::<i64>() {
                Ok(number) => number,
                Err(_) => {
                    return Ok(Err(KvError::NotANumber(
                        "the value is not a decimal 64-bit number".to_owned(),
                    )));
                }
            },
        };
        let Some(sum) = number.checked_add(by) else {
            let text = format!("{number} and {by} are more than a 64-bit number can hold");
            return Ok(Err(KvError::NotANumber(text)));
        };
        let expires_at = expiry(turn.time, ttl_ms).or_else(|| old.and_then(|old| old.expires_at));
        Ok(turn.write(scope, key, Some(KvValue { value: sum.to_string(), expires_at }))?.map(|()| sum))
    }

    fn kv_swap(
        &mut self,
        scope: KvScope,
        key: &str,
        expected: Option<String>,
        new: Option<String>,
        ttl_ms: Option<u64>,
    ) -> Written<bool> {
        let len = |text: &Option<String>| text.as_ref().map_or(0, String::len);
        self.charge(key.len().saturating_add(len(&expected)).saturating_add(len(&new)))?;
        if let Err(error) = self.check_sizes(key, new.as_deref().unwrap_or_default()) {
            return Ok(Err(error));
        }
        let turn = self.turn(import(scope))?;
        let old = turn.read(scope, key)?.map(|value| value.value);
        if old != expected {
            return Ok(Ok(false));
        }
        if old.is_none() && new.is_none() {
            return Ok(Ok(true));
        }
        let expires_at = expiry(turn.time, ttl_ms);
        let new = new.map(|value| KvValue { value, expires_at });
        Ok(turn.write(scope, key, new)?.map(|()| true))
    }

    fn kv_list(
        &mut self,
        scope: KvScope,
        prefix: &str,
        limit: u32,
        cursor: Option<String>,
    ) -> wasmtime::Result<Page> {
        self.charge(prefix.len().saturating_add(cursor.as_ref().map_or(0, String::len)))?;
        let turn = self.turn(import(scope))?;
        let limit = limit.clamp(1, KV_PAGE);
        let wanted = usize::try_from(limit).unwrap_or(1);
        let mut entries: Vec<Entry> = Vec::new();
        let mut after = cursor;
        for _ in 0..LIST_READS {
            let rows = turn.services.kv_list(scope, prefix, after.as_deref(), limit).map_err(failed)?;
            let more = rows.len() >= wanted;
            for (key, value) in rows {
                if turn.holds(&value) {
                    entries.push(Entry { key: key.clone(), value: value.value });
                }
                after = Some(key);
                if entries.len() == wanted {
                    return Ok(Page { entries, next: after });
                }
            }
            if !more {
                return Ok(Page { entries, next: None });
            }
        }
        Ok(Page { entries, next: after })
    }

    fn check_sizes(&self, key: &str, value: &str) -> Result<(), KvError> {
        if key.is_empty() {
            return Err(KvError::Other(format!("{}: a key is not empty", Code::LimitKvKey)));
        }
        let limits = &self.limits;
        let (code, what, given, most) = if key.len() > limits.kv_key {
            (Code::LimitKvKey, "key", key.len(), limits.kv_key)
        } else if value.len() > limits.kv_value {
            (Code::LimitKvValue, "value", value.len(), limits.kv_value)
        } else {
            return Ok(());
        };
        Err(KvError::TooLarge(format!("{code}: the {what} has {given} bytes; it may have {most}")))
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use std::collections::BTreeMap;
    use std::sync::Arc;
    use std::time::Duration;

    use mynah_model::Attrs;
    use mynah_model::event::{Event, EventBody};
    use mynah_model::names::Seq;

    use super::*;
    use crate::limits::Limits;
    use crate::services::{Deferred, HostServices};
    use crate::settings::SettingsLayers;
    use crate::sight::Sight;

    #[derive(Default)]
    pub(crate) struct Keys(pub(crate) BTreeMap<String, KvValue>);

    impl HostServices for Keys {
        fn kv_get(&mut self, _: KvScope, key: &str) -> Result<Option<KvValue>, ServiceError> {
            Ok(self.0.get(key).cloned())
        }

        fn kv_put(&mut self, _: KvScope, key: &str, value: Option<KvValue>) -> Result<(), KvRefusal> {
            match value {
                Some(value) => self.0.insert(key.to_owned(), value),
                None => self.0.remove(key),
            };
            Ok(())
        }

        fn kv_list(
            &mut self,
            _: KvScope,
            prefix: &str,
            after: Option<&str>,
            limit: u32,
        ) -> Result<Vec<(String, KvValue)>, ServiceError> {
            let all = self
                .0
                .iter()
                .filter(|(key, _)| key.starts_with(prefix) && after.is_none_or(|after| key.as_str() > after));
            Ok(all.take(limit as usize).map(|(key, value)| (key.clone(), value.clone())).collect())
        }

        fn give_way(&mut self, _: Duration) -> Result<(), Deferred> {
            Ok(())
        }
    }

    /// A script that handles an event of this time, with what an earlier one left.
    fn at(time: UnixMs, sandbox: Option<Sandbox>) -> Sandbox {
        let event = Event {
            seq: Seq(1),
            account: "qq".parse().unwrap(),
            network: "sim".into(),
            self_id: "1".into(),
            time,
            received_at: time,
            cause: None,
            depth: 0,
            by_script: None,
            chat: None,
            body: EventBody::Stopped,
            attrs: Attrs::new(),
        };
        let services = sandbox.and_then(|sandbox| sandbox.turn).map(|turn| turn.services);
        let turn = Turn {
            time,
            settings: SettingsLayers::default().view_of(&event),
            roster: Arc::default(),
            sight: Sight::everything(),
            services: services.unwrap_or_else(|| Box::new(Keys::default())),
        };
        Sandbox::handling(&"kv".parse().unwrap(), &event, &Arc::new(Limits::default()), turn)
    }

    fn set(sandbox: &mut Sandbox, key: &str, value: &str, ttl: Option<u64>) {
        kv::Host::set(sandbox, key.into(), value.into(), ttl).unwrap().unwrap();
    }

    fn get(sandbox: &mut Sandbox, key: &str) -> Option<String> {
        kv::Host::get(sandbox, key.into()).unwrap()
    }

    fn add(sandbox: &mut Sandbox, key: &str, by: i64, ttl: Option<u64>) -> Result<i64, KvError> {
        kv::Host::increment(sandbox, key.into(), by, ttl).unwrap()
    }

    #[test]
    fn a_value_holds_until_its_time_by_the_clock_of_events() {
        let mut now = at(1_000, None);
        set(&mut now, "a", "1", Some(500));
        set(&mut now, "b", "2", None);
        assert_eq!(get(&mut now, "a").as_deref(), Some("1"));
        let mut later = at(1_499, Some(now));
        assert_eq!(get(&mut later, "a").as_deref(), Some("1"));
        let mut too_late = at(1_500, Some(later));
        assert_eq!(get(&mut too_late, "a"), None);
        assert!(!kv::Host::delete(&mut too_late, "a".into()).unwrap());
        assert!(kv::Host::delete(&mut too_late, "b".into()).unwrap());
        assert_eq!(get(&mut too_late, "b"), None);
    }

    #[test]
    fn adding_keeps_the_time_of_a_key_unless_it_is_given_another() {
        let mut now = at(0, None);
        assert_eq!(add(&mut now, "n", 2, Some(100)).unwrap(), 2);
        assert_eq!(add(&mut now, "n", -5, None).unwrap(), -3);
        let mut later = at(99, Some(now));
        assert_eq!(add(&mut later, "n", 1, Some(100)).unwrap(), -2);
        let mut still = at(150, Some(later));
        assert_eq!(get(&mut still, "n").as_deref(), Some("-2"));
        let mut gone = at(199, Some(still));
        assert_eq!(add(&mut gone, "n", 1, None).unwrap(), 1);
        assert_eq!(get(&mut at(i64::MAX, Some(gone)), "n").as_deref(), Some("1"), "it had no time any more");
    }

    #[test]
    fn adding_to_what_is_no_number_or_past_the_range_changes_nothing() {
        let mut sandbox = at(0, None);
        set(&mut sandbox, "word", "x", None);
        assert!(matches!(add(&mut sandbox, "word", 1, None), Err(KvError::NotANumber(_))));
        set(&mut sandbox, "most", &i64::MAX.to_string(), None);
        assert!(matches!(add(&mut sandbox, "most", 1, None), Err(KvError::NotANumber(_))));
        assert_eq!(get(&mut sandbox, "most"), Some(i64::MAX.to_string()));
    }

    #[test]
    fn a_swap_needs_the_expected_value() {
        let mut sandbox = at(0, None);
        let mut swap = |expected: Option<&str>, new: Option<&str>| {
            let (expected, new) = (expected.map(str::to_owned), new.map(str::to_owned));
            kv::Host::compare_and_swap(&mut sandbox, "k".into(), expected, new, None).unwrap().unwrap()
        };
        assert!(!swap(Some("x"), Some("y")));
        assert!(swap(None, None));
        assert!(swap(None, Some("y")));
        assert!(!swap(None, Some("z")));
        assert!(swap(Some("y"), None));
        assert_eq!(get(&mut sandbox, "k"), None);
    }

    #[test]
    fn a_list_goes_on_where_it_left_off_and_skips_what_is_expired() {
        let mut now = at(0, None);
        for number in 0..250 {
            set(&mut now, &format!("k{number:03}"), "v", (number % 2 == 0).then_some(10));
        }
        set(&mut now, "other", "v", None);
        let mut later = at(10, Some(now));
        let (mut keys, mut cursor) = (Vec::new(), None);
        loop {
            let page = kv::Host::list(&mut later, "k".into(), 60, cursor).unwrap();
            assert!(page.entries.len() <= 60);
            keys.extend(page.entries.into_iter().map(|entry| entry.key));
            cursor = page.next;
            if cursor.is_none() {
                break;
            }
        }
        let odd: Vec<String> =
            (0..250).filter(|number| number % 2 == 1).map(|number| format!("k{number:03}")).collect();
        assert_eq!(keys, odd);
    }

    #[test]
    fn keys_and_values_have_sizes() {
        let mut sandbox = at(0, None);
        let mut set = |key: usize, value: usize| {
            kv::Host::set(&mut sandbox, "k".repeat(key), "v".repeat(value), None).unwrap()
        };
        assert!(set(512, 65_536).is_ok());
        assert!(matches!(set(513, 1), Err(KvError::TooLarge(_))));
        assert!(matches!(set(1, 65_537), Err(KvError::TooLarge(_))));
        assert!(matches!(set(0, 1), Err(KvError::Other(_))));
    }
}
