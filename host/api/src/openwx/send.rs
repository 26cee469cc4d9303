//! send_friend_message, send_group_message.
//!
//! First the target is looked for, then the content; nothing is sent unless both are there.

use std::sync::Arc;

use futures_util::{StreamExt, stream};
use mynah_model::action::{ActionBody, Outcome, Target};
use mynah_model::message::Segment;
use mynah_model::roster::Roster;
use serde_json::{Value, json};

use super::targets;
use crate::answer::Answer;
use crate::call::Call;
use crate::params::Params;
use crate::settings::{BROADCAST_AT_ONCE, BROADCAST_WAIT};
use crate::{objects, sending};

/// The `id` that means every friend.
const ALL: &str = "@all";

/// Sends to a friend, or to all of them.
pub(super) async fn friend(call: &Call, roster: &Roster) -> Answer {
    if call.params.get("id") == Some(ALL) {
        return match content(&call.params) {
            Ok(body) => broadcast(call, roster, body).await,
            Err(answer) => answer,
        };
    }
    let friend = targets::friend(roster, &call.params);
    send(call, friend.map(|friend| targets::friend_chat(&friend.id))).await
}

/// Sends to a group.
pub(super) async fn group(call: &Call, roster: &Roster) -> Answer {
    let group = targets::group(roster, &call.params);
    send(call, group.map(|group| targets::group_chat(&group.id))).await
}

async fn send(call: &Call, wanted: targets::Found<Target>) -> Answer {
    let (target, body) = match message(&call.params, wanted) {
        Ok(message) => message,
        Err(answer) => return answer,
    };
    match sending::send(call, target.clone(), body).await {
        Ok(message_id) => Answer::Json(sent(&target, message_id.as_deref()).into()),
        Err(answer) => answer,
    }
}

/// What to send where, or why nothing.
pub(super) fn message(
    params: &Params,
    wanted: targets::Found<Target>,
) -> Result<(Target, ActionBody), Answer> {
    let target = wanted.map_err(|(code, status)| Answer::not_sent(code, status))?;
    Ok((target, content(params)?))
}

/// What a call wants to be sent.
fn content(params: &Params) -> Result<ActionBody, Answer> {
    match params.get("content") {
        Some(content) => Ok(ActionBody::Send { segments: vec![Segment::text(content)] }),
        None => Err(Answer::not_sent(400, "content missing")),
    }
}

/// The fields of the answer to a message that was sent. Its `id` is what revoke_message takes.
pub(super) fn sent(target: &Target, message_id: Option<&str>) -> serde_json::Map<String, Value> {
    let id = message_id.map(|id| format!("{id}:{}", target.id));
    let fields = [
        ("status", "发送成功".into()),
        ("id", json!(id)),
        ("msg_id", objects::message_id(message_id)),
        ("code", 0.into()),
        ("info", "发送正常".into()),
    ];
    fields.into_iter().map(|(name, value): (&str, Value)| (name.to_owned(), value)).collect()
}

/// Sends to every friend, so many at a time. The answer does not wait for the last one if that takes long.
async fn broadcast(
    Call { api, caller, account, params, .. }: &Call,
    roster: &Roster,
    body: ActionBody,
) -> Answer {
    let Ok(room) = Arc::clone(&api.async_sends).try_acquire_owned() else {
        return Answer::Busy("too many asynchronous sends are under way".into());
    };
    let friends: Vec<Target> = roster.friends.iter().map(|friend| targets::friend_chat(&friend.id)).collect();
    let (api, account, by) = (Arc::clone(api), Arc::clone(account), caller.actor());
    let sending = tokio::spawn(async move {
        let (api, account, body, by) = (&api, &account, &body, &by);
        let send = |friend: Target| async move {
            let outcome = api.act(account, Some(friend.clone()), body.clone(), by.clone()).await;
            if outcome.outcome != Outcome::Done {
                tracing::warn!(account = %account.name(), friend = friend.id, code = outcome.code,
                    text = outcome.text, "one message of a send to all friends failed");
            }
        };
        stream::iter(friends).for_each_concurrent(BROADCAST_AT_ONCE, send).await;
        drop(room);
    });
    if !sending::is_async(params) {
        // Whether they are all sent by then makes no difference to the answer.
        let _ = tokio::time::timeout(BROADCAST_WAIT, sending).await;
    }
    Answer::Json(json!({ "id": 0, "code": 0, "status": "request already executed" }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_named_with_its_receiver() {
        let target = targets::friend_chat("@a");
        let fields = sent(&target, Some("9007199254740993"));
        assert_eq!(fields["id"], json!("9007199254740993:@a"));
        assert_eq!(fields["msg_id"], json!("9007199254740993"), "above 2^53 it stays text");
        assert_eq!(sent(&target, Some("12"))["msg_id"], json!(12));
        assert_eq!(sent(&target, None)["id"], Value::Null);
    }
}
