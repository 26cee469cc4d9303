//! What can go wrong in a rule, and who is told.

use crate::actions::Actions;

/// Why a handler did not come to its end. Any error of the standard library's shape becomes a
/// [`Error::Fault`] by `?`.
///
/// ```
/// use mynah_sdk::prelude::*;
///
/// fn half(call: &CommandCall) -> Result<Reply> {
///     let number: i64 = call.arg(0)?; // missing or not a number: the person is told how to use it
///     if number % 2 != 0 {
///         return Err(Error::say("I only halve even numbers"));
///     }
///     kv::set("last", &number)?; // the host refused: the operator is told
///     Ok(reply((number / 2).to_string()))
/// }
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Error {
    /// Said to the person, as a reply. What the rule wrote to its state stays.
    Say(String),
    /// Logged and counted for the operator. Nothing that the rule did for this event takes effect.
    Fault(String),
}

/// What a handler returns: actions, or an [`Error`].
pub type Result<T = Actions, E = Error> = core::result::Result<T, E>;

impl Error {
    /// An error that the person in the chat is told about.
    pub fn say(text: impl Into<String>) -> Self {
        Self::Say(text.into())
    }

    /// An error that the operator is told about.
    pub fn fault(text: impl Into<String>) -> Self {
        Self::Fault(text.into())
    }

    /// What it says, whoever is told.
    pub fn text(&self) -> &str {
        match self {
            Self::Say(text) | Self::Fault(text) => text,
        }
    }
}

// `Error` itself is deliberately not a `std::error::Error`: this conversion could not exist then.
impl<E: std::error::Error> From<E> for Error {
    fn from(error: E) -> Self {
        Self::Fault(error.to_string())
    }
}
