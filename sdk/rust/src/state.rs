//! State that outlives the event. Both stores have the same functions and differ in who shares them.
//!
//! Values are kept as JSON, so any type with serde's derives can be one; a number is also what `increment`
//! counts with. Writes take effect together with the event, or not at all if the rule fails.

/// The functions of a store, over the host's `kv` or `kv-shared`.
macro_rules! store {
    ($host:ident) => {
        use std::time::Duration;

        use serde::Serialize;
        use serde::de::DeserializeOwned;

        use crate::error::{Error, Result};
        use crate::host::$host as host;

        fn ttl_ms(ttl: Duration) -> u64 {
            u64::try_from(ttl.as_millis()).unwrap_or(u64::MAX)
        }

        /// The value of a key; `None` if it is not there, or its time is over.
        pub fn get<T: DeserializeOwned>(key: &str) -> Result<Option<T>> {
            let Some(text) = host::get(key) else { return Ok(None) };
            serde_json::from_str(&text)
                .map(Some)
                .map_err(|error| Error::fault(["state `", key, "`: ", &error.to_string()].concat()))
        }

        /// Sets a key, for good.
        pub fn set<T: Serialize + ?Sized>(key: &str, value: &T) -> Result<()> {
            Ok(host::set(key, &serde_json::to_string(value)?, None)?)
        }

        /// Sets a key that vanishes this long after the event's time.
        pub fn set_for<T: Serialize + ?Sized>(key: &str, value: &T, ttl: Duration) -> Result<()> {
            Ok(host::set(key, &serde_json::to_string(value)?, Some(ttl_ms(ttl)))?)
        }

        /// Removes a key; whether it was there.
        pub fn delete(key: &str) -> bool {
            host::delete(key)
        }

        /// Adds to a number (0 if it is not there) and gives the sum.
        pub fn increment(key: &str, by: i64) -> Result<i64> {
            Ok(host::increment(key, by, None)?)
        }

        /// Adds to a number that vanishes this long after the event's time, and gives the sum.
        pub fn increment_for(key: &str, by: i64, ttl: Duration) -> Result<i64> {
            Ok(host::increment(key, by, Some(ttl_ms(ttl)))?)
        }

        /// Sets a key (or with `None` removes it) if its value is the expected one (`None`: if it is not
        /// there); whether it was. Values are compared as the JSON that `set` writes.
        pub fn compare_and_swap<T: Serialize>(
            key: &str,
            expected: Option<&T>,
            new: Option<&T>,
        ) -> Result<bool> {
            let expected = expected.map(serde_json::to_string).transpose()?;
            let new = new.map(serde_json::to_string).transpose()?;
            Ok(host::compare_and_swap(key, expected.as_deref(), new.as_deref(), None)?)
        }

        /// The keys that begin with `prefix`, in the order of their bytes, fetched a hundred at a time.
        pub fn keys(prefix: &str) -> Vec<String> {
            let mut keys = Vec::new();
            let mut cursor: Option<String> = None;
            loop {
                let page = host::list(prefix, 100, cursor.as_deref());
                keys.extend(page.entries.into_iter().map(|entry| entry.key));
                cursor = page.next;
                if cursor.is_none() {
                    return keys;
                }
            }
        }

        /// The keys that begin with `prefix` and their values, in the order of the keys' bytes.
        pub fn list<T: DeserializeOwned>(prefix: &str) -> Result<Vec<(String, T)>> {
            let mut entries = Vec::new();
            let mut cursor: Option<String> = None;
            loop {
                let page = host::list(prefix, 100, cursor.as_deref());
                for entry in page.entries {
                    let value = serde_json::from_str(&entry.value).map_err(|error| {
                        Error::fault(["state `", &entry.key, "`: ", &error.to_string()].concat())
                    })?;
                    entries.push((entry.key, value));
                }
                cursor = page.next;
                if cursor.is_none() {
                    return Ok(entries);
                }
            }
        }
    };
}

/// State of this script in the chat of the event (for an event without a chat, in the account). Values are
/// kept as JSON; writes take effect together with the event, or not at all if the rule fails.
///
/// ```
/// use mynah_sdk::prelude::*;
///
/// fn count(_: &CommandCall) -> Result<Reply> {
///     let times = kv::increment("times", 1)?;
///     Ok(reply(format!("{times} times")))
/// }
/// ```
pub mod kv {
    store!(kv);
}

/// State of this script that all its chats share; as [`kv`]. Needs the grant `kv-shared`: say why with
/// [`Rule::asks`](crate::Rule::asks).
pub mod kv_shared {
    store!(kv_shared);
}
