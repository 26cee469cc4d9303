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
            return Err(KvError::Other("a key is not empty".to_owned()));
        }
        let limits = &self.limits;
        let (what, given, most) = if key.len() > limits.kv_key {
            ("key", key.len(), limits.kv_key)
        } else if value.len() > limits.kv_value {
            ("value", value.len(), limits.kv_value)
        } else {
            return Ok(());
        };
        Err(KvError::TooLarge(format!("the {what} has {given} bytes; it may have {most}")))
    }
}
