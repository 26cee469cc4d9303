//! revoke_message: taking a message back.
//!
//! A message is named as the answer of send_* names it, `MSGID:RECEIVER`, or by its id alone if the account sent it
//! not long ago.

use mynah_model::action::{ActionBody, Outcome, Target};
use mynah_model::roster::Roster;
use mynah_runtime::HostError;
use serde_json::json;

use super::targets;
use crate::answer::Answer;
use crate::call::Call;
use crate::outcome;

pub(super) async fn answer(call: &Call, roster: &Roster) -> Answer {
    let Some(id) = call.params.get("id") else {
        return Answer::not_sent(-1, "msg id not found");
    };
    let (message_id, target) = match find(call, roster, id).await {
        Ok(Some(found)) => found,
        Ok(None) => {
            let why = "the account sent no such message, or too long ago";
            call.missed("recall", 100, why);
            return failure(id, why);
        }
        Err(error) => {
            tracing::error!(%error, "a message could not be looked for");
            return Answer::Busy(error.to_string());
        }
    };
    let body = ActionBody::Recall { message_id };
    let outcome = call.act(Some(target), body).await;
    match outcome::not_tried(&call.account, "recall", &outcome) {
        Some(answer) => answer,
        None if outcome.outcome == Outcome::Done => {
            Answer::Json(json!({ "id": id, "code": 0, "status": "revoke success" }))
        }
        None => failure(id, &outcome.text),
    }
}

/// The message's own id, and where it was sent to.
async fn find(call: &Call, roster: &Roster, id: &str) -> Result<Option<(String, Target)>, HostError> {
    let with_receiver = id.split_once(':').and_then(|(message, receiver)| {
        Some((message.to_owned(), targets::chat(roster, receiver)?)).filter(|_| !message.is_empty())
    });
    if with_receiver.is_some() {
        return Ok(with_receiver);
    }
    let target = call.api.host.sent_to(&call.account, id).await?;
    Ok(target.map(|target| (id.to_owned(), target)))
}

fn failure(id: &str, why: &str) -> Answer {
    Answer::Json(json!({ "id": id, "code": 201, "status": "revoke failure", "info": why }))
}
