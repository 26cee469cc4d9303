//! What the operator wrote for this script in `mynah.toml`, for all chats and for this one.
//!
//! Describe your settings to the operator with [`Rule::settings_schema`](crate::Rule::settings_schema): the
//! host then refuses a setting that does not exist before the rule ever runs.

use std::time::Duration;

use serde::de::DeserializeOwned;

use crate::duration;
use crate::error::{Error, Result};
use crate::host;

/// All settings. Without any, the type is read from an empty table: give its fields `#[serde(default)]`.
///
/// ```
/// use mynah_sdk::prelude::*;
///
/// #[derive(serde::Deserialize)]
/// #[serde(default)]
/// struct Greeting {
///     hello: String,
/// }
///
/// impl Default for Greeting {
///     fn default() -> Self {
///         Self { hello: "你好".into() }
///     }
/// }
///
/// fn greet(_: &CommandCall) -> Result<Reply> {
///     Ok(reply(settings::<Greeting>()?.hello))
/// }
/// ```
pub fn settings<T: DeserializeOwned>() -> Result<T> {
    let text = host::config::get("");
    serde_json::from_str(text.as_deref().unwrap_or("{}"))
        .map_err(|error| Error::fault(["settings: ", &error.to_string()].concat()))
}

/// One setting, by its path of keys joined by `.`; `None` if the operator did not write it.
pub fn setting<T: DeserializeOwned>(path: &str) -> Result<Option<T>> {
    let Some(text) = host::config::get(path) else { return Ok(None) };
    serde_json::from_str(&text)
        .map(Some)
        .map_err(|error| Error::fault(["setting `", path, "`: ", &error.to_string()].concat()))
}

/// A length of time (`"10m"`, see [`duration::parse`]), by its path; `None` if the operator did not write it.
pub fn setting_duration(path: &str) -> Result<Option<Duration>> {
    let parse = |text: String| {
        duration::parse(&text)
            .map_err(|error| Error::fault(["setting `", path, "`: ", error.text()].concat()))
    };
    setting(path)?.map(parse).transpose()
}
