//! Sending a message, for the send_* calls of all compatible APIs.

use std::sync::Arc;

use mynah_model::action::{ActionBody, Outcome, Target};
use serde_json::json;

use crate::answer::Answer;
use crate::call::Call;
use crate::outcome;
use crate::params::Params;

/// Has the host send something: the id of the message, or the answer to the call where there is none: it goes on by
/// itself because the call says `async`, or was not sent.
pub(crate) async fn send(call: &Call, target: Target, body: ActionBody) -> Result<Option<String>, Answer> {
    if is_async(&call.params) {
        return Err(send_later(call, target, body));
    }
    send_now(call, target, body).await
}

/// The same if nobody minds to wait for it.
pub(crate) async fn send_now(
    call: &Call,
    target: Target,
    body: ActionBody,
) -> Result<Option<String>, Answer> {
    let outcome = call.act(Some(target), body).await;
    if let Some(answer) = outcome::not_tried(&call.account, "send", &outcome) {
        return Err(answer);
    }
    let code = match outcome.outcome {
        Outcome::Done => return Ok(outcome.message_id),
        Outcome::Failed => -1,
        // What is not supported was answered above.
        Outcome::Unknown | Outcome::Unsupported => -2,
        Outcome::Refused => -3,
        Outcome::Expired => -4,
        Outcome::DryRun => -5,
    };
    Err(Answer::Json(json!({ "id": null, "code": code, "status": "发送失败", "info": outcome.text })))
}

/// Whether the caller does not want to wait: anything but nothing and `0` is yes.
pub(crate) fn is_async(params: &Params) -> bool {
    params.get("async").is_some_and(|value| value != "0")
}

fn send_later(Call { api, caller, account, .. }: &Call, target: Target, body: ActionBody) -> Answer {
    let Ok(room) = Arc::clone(&api.async_sends).try_acquire_owned() else {
        return Answer::Busy("too many asynchronous sends are under way".into());
    };
    let (api, account, by) = (Arc::clone(api), Arc::clone(account), caller.actor());
    tokio::spawn(async move {
        let outcome = api.act(&account, Some(target), body, by).await;
        if outcome.outcome != Outcome::Done {
            tracing::warn!(account = %account.name(), code = outcome.code, text = outcome.text,
                "asynchronous send failed");
        }
        drop(room);
    });
    Answer::Json(json!({ "code": 0, "status": "request already in execution" }))
}
