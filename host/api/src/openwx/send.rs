//! send_friend_message, send_group_message.
//!
//! First the target is looked for, then the content; nothing is sent unless both are there.

use std::sync::Arc;

use futures_util::{StreamExt, stream};
use mynah_model::action::Target;
use mynah_model::roster::Roster;
use serde_json::{Map, Value, json};

use super::targets;
use crate::answer::Answer;
use crate::call::Call;
use crate::sending::{self, Content, Sent};
use crate::settings::{BROADCAST_AT_ONCE, BROADCAST_WAIT};
use crate::{media, objects};

/// The `id` that means every friend.
const ALL: &str = "@all";

/// Sends to a friend, or to all of them.
pub(super) async fn friend(call: &Call, roster: &Roster) -> Answer {
    if call.params.get("id") == Some(ALL) {
        return match content(call).await {
            Ok(content) => broadcast(call, roster, content).await,
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
    let (target, content) = match message(call, wanted).await {
        Ok(message) => message,
        Err(answer) => return answer,
    };
    match sending::send(call, target.clone(), content).await {
        Ok(done) => Answer::Json(sent(&target, &done).into()),
        Err(answer) => answer,
    }
}

/// What to send where, or why nothing.
pub(super) async fn message(
    call: &Call,
    wanted: targets::Found<Target>,
) -> Result<(Target, Content), Answer> {
    let target = wanted.map_err(|(code, status)| {
        call.missed("send", code, &status);
        Answer::not_sent(code, status)
    })?;
    Ok((target, content(call).await?))
}

/// What a call wants to be sent.
async fn content(call: &Call) -> Result<Content, Answer> {
    match Content::of(&call.params, call.api.host.media()).await {
        Ok(Some(content)) => Ok(content),
        Ok(None) => Err(Answer::not_sent(400, "content missing")),
        Err(error) => Err(media::not_sent(&error)),
    }
}

/// The fields of the answer to a message that was sent. Its `id` is what revoke_message takes.
pub(super) fn sent(target: &Target, sent: &Sent) -> Map<String, Value> {
    let message_id = sent.message_id.as_deref();
    let id = message_id.map(|id| format!("{id}:{}", target.id));
    let fields = [
        ("status", "发送成功".into()),
        ("id", json!(id)),
        ("msg_id", objects::message_id(message_id)),
        ("code", 0.into()),
        ("info", "发送正常".into()),
    ];
    let media_id = sent.media_id.as_ref().map(|id| ("media_id", id.as_str().into()));
    let fields = fields.into_iter().chain(media_id);
    fields.map(|(name, value): (&str, Value)| (name.to_owned(), value)).collect()
}

/// Sends to every friend, so many at a time. The answer does not wait for the last one if that takes long.
async fn broadcast(
    Call { api, caller, account, params, .. }: &Call,
    roster: &Roster,
    content: Content,
) -> Answer {
    let Ok(room) = Arc::clone(&api.async_sends).try_acquire_owned() else {
        return Answer::Busy("too many asynchronous sends are under way".into());
    };
    // Whoever waits is told that there is nothing to send.
    let content = match sending::is_async(params) {
        true => content,
        false => match content.fetched(api.host.media()).await {
            Ok(content) => content,
            Err(error) => return media::not_sent(&error),
        },
    };
    let friends: Vec<Target> = roster.friends.iter().map(|friend| targets::friend_chat(&friend.id)).collect();
    let (api, account, by) = (Arc::clone(api), Arc::clone(account), caller.actor());
    let sending = tokio::spawn(async move {
        match content.bodies(api.host.media()).await {
            Ok(bodies) => {
                let send = |friend| sending::send_unasked(&api, &account, &by, friend, bodies.clone());
                stream::iter(friends).for_each_concurrent(BROADCAST_AT_ONCE, send).await;
            }
            Err(error) => {
                tracing::warn!(account = %account.name(), %error, "a send to all friends failed: no media");
            }
        }
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
        let done = |id: Option<&str>| Sent { message_id: id.map(str::to_owned), media_id: None };
        let fields = sent(&target, &done(Some("9007199254740993")));
        assert_eq!(fields["id"], json!("9007199254740993:@a"));
        assert_eq!(fields["msg_id"], json!("9007199254740993"), "above 2^53 it stays text");
        assert_eq!(sent(&target, &done(Some("12")))["msg_id"], json!(12));
        assert_eq!(sent(&target, &done(None))["id"], Value::Null);
        assert!(fields.get("media_id").is_none());
        let media = Sent { media_id: Some("@crypt_a_b:3".into()), ..done(Some("12")) };
        assert_eq!(sent(&target, &media)["media_id"], json!("@crypt_a_b:3"));
    }
}
