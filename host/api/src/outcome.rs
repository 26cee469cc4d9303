//! What became of an act, in the words of the compatible APIs.

use mynah_model::action::Outcome;
use mynah_model::refusal::Code;
use mynah_runtime::{Account, ActOutcome};
use serde_json::json;

use crate::answer::Answer;

/// The answer to an act that came to nothing for a reason that has nothing to do with it: its network has no such
/// act, the host takes no more for now, the account is not running.
pub(crate) fn not_tried(account: &Account, action: &str, outcome: &ActOutcome) -> Option<Answer> {
    let is = |code: Code| outcome.code == code.as_str();
    match outcome.outcome {
        Outcome::Unsupported => Some(Answer::unsupported(account, action)),
        Outcome::Refused
            if [Code::OutboxFull, Code::LimitQueue, Code::StoreStalled].map(is).contains(&true) =>
        {
            Some(Answer::Busy(outcome.text.clone()))
        }
        Outcome::Refused if is(Code::AccountNotRunning) => Some(Answer::not_running(account)),
        _ => None,
    }
}

/// The answer to an act that makes no message: code 0 `success`, or 201 `failure` and why.
pub(crate) fn answer(account: &Account, action: &str, outcome: &ActOutcome) -> Answer {
    match not_tried(account, action, outcome) {
        Some(answer) => answer,
        None if outcome.outcome == Outcome::Done => Answer::error(0, "success"),
        None => Answer::Json(json!({ "code": 201, "status": "failure", "info": outcome.text })),
    }
}
