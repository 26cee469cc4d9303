//! Tables of words and regular expressions in the settings, compiled once by the host.
//!
//! A table is a list at a path of the settings. Each row has one of `exact`, `contains`, `word` or `regex`, and
//! whatever else the rule wants to find there; a row that is a plain text is a `contains`:
//!
//! ```toml
//! settings.replies = [
//!   { exact = "hello", reply = "hi" },
//!   { contains = "天气", reply = "晴" },
//!   { regex = "^谁.*最帅$", reply = ["你", "我"] },
//! ]
//! settings.keywords = ["加微信", "free coins"]
//! ```

use serde::de::DeserializeOwned;

use crate::error::{Error, Result};
use crate::host;
use crate::types::Match;

/// All rows of a table that occur in a text, each once, by where they begin. A table that the operator did
/// not write has no rows; the error says what is wrong with one that they did.
pub fn find(set: &str, text: &str) -> Result<Vec<Match>> {
    match host::patterns::find(set, text) {
        Ok(found) => Ok(found),
        Err(_) if host::config::get(set).is_none() => Ok(Vec::new()),
        Err(error) => Err(Error::Fault(error)),
    }
}

impl Match {
    /// The row's value: a struct of what the row has beside its pattern.
    pub fn parse_value<T: DeserializeOwned>(&self) -> Result<T> {
        serde_json::from_str(&self.value).map_err(|error| {
            Error::fault(
                ["row ", &self.row.to_string(), " (`", &self.pattern, "`): ", &error.to_string()].concat(),
            )
        })
    }
}
