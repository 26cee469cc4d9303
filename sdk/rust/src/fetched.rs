//! What came of a fetch: an answer of whatever status, or why there is none.
//!
//! ```
//! use mynah_sdk::prelude::*;
//!
//! fn tell(_: &Event, fetched: &FetchFinished) -> Result<Reply> {
//!     let answer = fetched.success()?;
//!     let degrees: f64 = answer.json_at("/current/temperature")?;
//!     Ok(reply(format!("{degrees} °C")))
//! }
//! ```

use std::borrow::Cow;

use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::error::{Error, Result};
use crate::types::{FetchFinished, FetchResponse};

impl FetchFinished {
    /// The answer, whatever its status.
    ///
    /// # Errors
    /// Said in the chat by a handler that passes it on: there was no answer.
    pub fn answer(&self) -> Result<&FetchResponse> {
        self.response.as_ref().map_err(|why| Error::say(why.clone()))
    }

    /// The answer, if its status is one of success (200 to 299).
    ///
    /// # Errors
    /// As [`FetchFinished::answer`]; and that the status is another.
    pub fn success(&self) -> Result<&FetchResponse> {
        let answer = self.answer()?;
        match answer.is_success() {
            true => Ok(answer),
            false => Err(Error::say(format!("the answer has status {}", answer.status))),
        }
    }

    /// The host's code for why there is no answer, for example `fetch.failed` or `grant.fetch`.
    pub fn code(&self) -> Option<&str> {
        let why = self.response.as_ref().err()?;
        why.split_once(": ").map(|(code, _)| code)
    }

    /// Whether nobody knows what became of it: the host stopped while it was under way. What only looks something up can be
    /// asked again.
    pub fn is_unknown(&self) -> bool {
        self.code() == Some("fetch.unknown")
    }
}

impl FetchResponse {
    /// Whether the status is 200 to 299.
    pub fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// The first header of this name, in any case.
    pub fn header(&self, name: &str) -> Option<&str> {
        let header = self.headers.iter().find(|header| header.name.eq_ignore_ascii_case(name))?;
        Some(&header.value)
    }

    /// The body as text. What is not UTF-8 in it is replaced.
    pub fn text(&self) -> Cow<'_, str> {
        String::from_utf8_lossy(&self.body)
    }

    /// The body, which is JSON.
    ///
    /// # Errors
    /// It is not JSON of this shape.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T> {
        serde_json::from_slice(&self.body)
            .map_err(|error| Error::say(format!("the answer cannot be read: {error}")))
    }

    /// What lies at a place within the body, which is JSON: `/current/temperature` (RFC 6901).
    ///
    /// # Errors
    /// It is not JSON, or nothing of this type lies there.
    pub fn json_at<T: DeserializeOwned>(&self, pointer: &str) -> Result<T> {
        let mut body: Value = self.json()?;
        let found = body.pointer_mut(pointer).map(Value::take);
        let found = found.ok_or_else(|| Error::say(format!("the answer has nothing at {pointer}")))?;
        serde_json::from_value(found)
            .map_err(|error| Error::say(format!("the answer has something else at {pointer}: {error}")))
    }
}
