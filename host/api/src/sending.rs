//! Sending a message, for the send_* calls of all compatible APIs.

use std::sync::Arc;

use mynah_model::action::{ActionBody, Actor, Outcome, Target};
use mynah_model::message::Segment;
use mynah_runtime::{Account, MediaError, MediaStore};
use serde_json::json;

use crate::answer::Answer;
use crate::call::Call;
use crate::media::{self, Brought};
use crate::outcome;
use crate::params::Params;
use crate::state::Api;

/// What a call wants to be sent: a text, a picture or file, or both; then the text comes first.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Content {
    text: Option<String>,
    media: Option<Brought>,
}

impl Content {
    /// A text; `None` if the call has none.
    pub(crate) fn text_of(params: &Params) -> Option<Self> {
        let text = params.get("content")?.to_owned();
        Some(Self { text: Some(text), media: None })
    }

    /// A text or a picture or file, or both; `None` if the call has neither.
    pub(crate) async fn of(params: &Params, store: &MediaStore) -> Result<Option<Self>, MediaError> {
        let text = params.get("content").map(str::to_owned);
        let media = media::brought(params, store).await?;
        Ok((text.is_some() || media.is_some()).then_some(Self { text, media }))
    }

    /// The same with what has to be fetched being there.
    pub(crate) async fn fetched(self, store: &MediaStore) -> Result<Self, MediaError> {
        let media = match self.media {
            Some(brought) => Some(Brought::Held(brought.held(store).await?)),
            None => None,
        };
        Ok(Self { media, ..self })
    }

    /// What is to be done, in this order.
    pub(crate) async fn bodies(self, store: &MediaStore) -> Result<Vec<ActionBody>, MediaError> {
        let mut bodies = Vec::new();
        bodies.extend(self.text.map(|text| ActionBody::Send { segments: vec![Segment::text(text)] }));
        if let Some(brought) = self.media {
            bodies.push(ActionBody::SendMedia { media: brought.held(store).await? });
        }
        Ok(bodies)
    }
}

/// What was sent.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(crate) struct Sent {
    /// The message; the one with the picture or file if the text was one of its own.
    pub(crate) message_id: Option<String>,
    /// The picture or file.
    pub(crate) media_id: Option<String>,
}

/// Has the host send something: what was sent, or the answer to the call where there is nothing: it goes on by itself
/// because the call says `async`, or was not sent.
pub(crate) async fn send(call: &Call, target: Target, content: Content) -> Result<Sent, Answer> {
    if is_async(&call.params) {
        return Err(send_later(call, target, content));
    }
    send_now(call, target, content).await
}

/// The same if nobody minds to wait for it.
pub(crate) async fn send_now(call: &Call, target: Target, content: Content) -> Result<Sent, Answer> {
    let bodies = content.bodies(call.api.host.media()).await.map_err(|error| media::not_sent(&error))?;
    let mut sent = Sent::default();
    for body in bodies {
        let (action, media_id) = (body.name(), media_id(&body));
        let outcome = call.act(Some(target.clone()), body).await;
        let code = match outcome.outcome {
            Outcome::Done => {
                sent = Sent { message_id: outcome.message_id, media_id };
                continue;
            }
            Outcome::Failed => -1,
            Outcome::Unknown | Outcome::Unsupported => -2,
            Outcome::Refused => -3,
            Outcome::Expired => -4,
            Outcome::DryRun => -5,
        };
        let (code, info) = match sent.message_id {
            // What was sent before must not be sent again: this is no plain failure.
            Some(id) => (
                -2,
                format!("the text was sent as message {id}, what comes with it was not: {}", outcome.text),
            ),
            None => match outcome::not_tried(&call.account, action, &outcome) {
                Some(answer) => return Err(answer),
                None => (code, outcome.text),
            },
        };
        return Err(Answer::Json(json!({ "id": null, "code": code, "status": "发送失败", "info": info })));
    }
    Ok(sent)
}

fn media_id(body: &ActionBody) -> Option<String> {
    match body {
        ActionBody::SendMedia { media } => media.id.clone(),
        _ => None,
    }
}

/// Whether the caller does not want to wait: anything but nothing and `0` is yes.
pub(crate) fn is_async(params: &Params) -> bool {
    params.get("async").is_some_and(|value| value != "0")
}

fn send_later(Call { api, caller, account, .. }: &Call, target: Target, content: Content) -> Answer {
    let Ok(room) = Arc::clone(&api.async_sends).try_acquire_owned() else {
        return Answer::Busy("too many asynchronous sends are under way".into());
    };
    let (api, account, by) = (Arc::clone(api), Arc::clone(account), caller.actor());
    tokio::spawn(async move {
        match content.bodies(api.host.media()).await {
            Ok(bodies) => send_unasked(&api, &account, &by, target, bodies).await,
            Err(error) => {
                tracing::warn!(account = %account.name(), %error, "asynchronous send failed: no media");
            }
        }
        drop(room);
    });
    Answer::Json(json!({ "code": 0, "status": "request already in execution" }))
}

/// Sends what nobody waits for, up to what fails.
pub(crate) async fn send_unasked(
    api: &Api,
    account: &Arc<Account>,
    by: &Actor,
    target: Target,
    bodies: Vec<ActionBody>,
) {
    for body in bodies {
        let outcome = api.act(account, Some(target.clone()), body, by.clone()).await;
        if outcome.outcome != Outcome::Done {
            tracing::warn!(account = %account.name(), chat = target.id, code = outcome.code, text = outcome.text,
                "a send that nobody waits for failed");
            return;
        }
    }
}
