//! What became of an action of somebody who waits for it.

use mynah_model::action::Outcome;
use mynah_model::names::ActNumber;

/// What became of an action.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ActOutcome {
    /// Its number, if it got as far as the outbox.
    pub number: Option<ActNumber>,
    /// How it ended.
    pub outcome: Outcome,
    /// A stable code; `ok` if it was done.
    pub code: String,
    /// One sentence.
    pub text: String,
    /// The id of the message that was sent, if one was.
    pub message_id: Option<String>,
    /// The id of the group that was made, if one was.
    pub group_id: Option<String>,
}

impl ActOutcome {
    /// That of an action of which nothing came.
    pub fn none(outcome: Outcome, code: impl Into<String>, text: impl Into<String>) -> Self {
        let (code, text) = (code.into(), text.into());
        Self { number: None, outcome, code, text, message_id: None, group_id: None }
    }
}
