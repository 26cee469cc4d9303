//! People on the embedded network talk, come and go.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use mynah_model::address::{Address, ChatKind, ChatRef};
use mynah_model::clock::UnixMs;
use mynah_model::message::Segment;
use mynah_model::refusal::{Code, Refusal};
use mynah_model::roster::Roster;
use mynah_networks::sim::Say;
use mynah_runtime::MediaError;
use mynah_runtime::media::decode_base64;
use serde::{Deserialize, Serialize};
use utoipa::{IntoResponses, ToSchema};

use super::{DoneAnswer, refused};
use crate::admin::fields::{Fields, Id, MediaFields};
use crate::admin::paths::{AccountPath, SimAccount};
use crate::problem::{Failure, Problem};
use crate::state::Api;

/// Something that a person says. One of `friend`, `group`, `discuss` says where.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::admin) struct SayFields {
    /// The friend, who is also the one who speaks.
    friend: Option<Id>,
    /// The group.
    group: Option<Id>,
    /// The discuss.
    discuss: Option<Id>,
    /// Who says it, in a group or discuss.
    sender: Option<Id>,
    /// What is said; `@name` and `@id` of a member become mentions. May be left out beside `media`.
    text: Option<String>,
    /// A picture or file that is sent with it.
    media: Option<SentMedia>,
    /// When it was said, unix ms; now if it is left out. Networks deliver late after an outage.
    time: Option<UnixMs>,
}

/// A picture or file that a person sends.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct SentMedia {
    /// What it is called; what it is, is told by its bytes.
    name: Option<String>,
    /// Its bytes as base64; at most 20 MiB.
    data: String,
}

/// Somebody comes: into a group or discuss, or as a friend. One of `friend`, `group`, `discuss` says where.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::admin) struct JoinFields {
    /// Who becomes a friend.
    friend: Option<Id>,
    /// The group.
    group: Option<Id>,
    /// The discuss.
    discuss: Option<Id>,
    /// Who comes into the group or discuss; also `sender`. The account itself comes back where it was.
    #[serde(alias = "sender")]
    member: Option<Id>,
    /// The name of somebody whom the account does not know yet.
    name: Option<String>,
    /// They ask first, and say this about it: the account is told of a friend request or group request, and they come
    /// when it says yes.
    request: Option<String>,
}

/// Somebody goes: from a group or discuss, or a friend is one no longer. One of `friend`, `group`, `discuss` says
/// where.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::admin) struct LeaveFields {
    /// Who is a friend no longer.
    friend: Option<Id>,
    /// The group.
    group: Option<Id>,
    /// The discuss.
    discuss: Option<Id>,
    /// Who leaves the group or discuss; also `sender`.
    #[serde(alias = "sender")]
    member: Option<Id>,
    /// The member who kicks them out, if they do not go by themselves.
    by: Option<Id>,
}

/// What was said.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::admin) struct SaidAnswer {
    /// The number of the event.
    seq: u64,
    /// The network's id of the message.
    message_id: String,
}

/// Why nobody did anything.
#[derive(IntoResponses)]
#[expect(dead_code, reason = "what is answered is a `Failure`; this only describes it")]
enum NotDone {
    #[response(status = 400, description = "a field is wrong")]
    Wrong(Problem),
    #[response(status = 404, description = "there is no such account, chat or person")]
    Unknown(Problem),
    #[response(status = 409, description = "the network refused it, or the account is not on `sim`")]
    Refused(Problem),
    #[response(status = 503, description = "the chat's queue is full, or nothing can be recorded")]
    Full(Problem),
}

/// A person says something; refused if they are muted.
#[utoipa::path(
    post,
    path = "/api/v1/accounts/{name}/sim/say",
    tag = "sim",
    params(AccountPath),
    request_body = SayFields,
    responses(
        (status = 200, description = "it was said", body = SaidAnswer),
        NotDone,
    ),
)]
pub(in crate::admin) async fn say(
    State(api): State<Arc<Api>>,
    account: SimAccount,
    MediaFields(fields): MediaFields<SayFields>,
) -> Result<Json<SaidAnswer>, Failure> {
    let sim = account.sim()?;
    let chat = one_chat(fields.friend, fields.group, fields.discuss)?;
    wait_for_room(&api, &account, &chat).await?;
    let sender = fields.sender.map(|id| id.0);
    let text = match (fields.text, &fields.media) {
        (Some(text), _) => text,
        (None, Some(_)) => String::new(),
        (None, None) => return Err(Failure::parameter("both `text` and `media` are missing: what is said?")),
    };
    let attached = match fields.media {
        Some(media) => vec![received(&api, media).await?],
        None => Vec::new(),
    };
    let say = Say { chat, sender, text, segments: None, attached, time: fields.time };
    let said = sim.say(say).await.map_err(refused)?;
    Ok(Json(SaidAnswer { seq: said.seq.0, message_id: said.message_id }))
}

/// Holds a picture or file as one that came from the network.
async fn received(api: &Api, media: SentMedia) -> Result<Segment, Failure> {
    let refused = |error: MediaError| match error.is_callers() {
        true => Failure::parameter(format!("`media`: {error}")),
        false => Failure::internal(&error),
    };
    let bytes = decode_base64(&media.data).map_err(refused)?;
    let media = api.host.media().put(bytes, media.name.as_deref()).await.map_err(refused)?;
    Ok(media.kind().segment(media))
}

/// Somebody comes into a group or discuss, or becomes a friend; or asks to.
#[utoipa::path(
    post,
    path = "/api/v1/accounts/{name}/sim/join",
    tag = "sim",
    params(AccountPath),
    request_body = JoinFields,
    responses(
        (status = 200, description = "they came, or asked", body = DoneAnswer),
        NotDone,
    ),
)]
pub(in crate::admin) async fn join(
    State(api): State<Arc<Api>>,
    account: SimAccount,
    Fields(fields): Fields<JoinFields>,
) -> Result<Json<DoneAnswer>, Failure> {
    let sim = account.sim()?;
    let chat = one_chat(fields.friend, fields.group, fields.discuss)?;
    wait_for_room(&api, &account, &chat).await?;
    let name = fields.name.as_deref();
    let seq = match (chat.kind, fields.member, fields.request) {
        (ChatKind::Friend, None, None) => sim.befriend(&chat.id, name).await,
        (ChatKind::Friend, None, Some(text)) => sim.friend_request(&chat.id, name, &text).await,
        (ChatKind::Friend, Some(_), _) => {
            return Err(Failure::parameter("`member` has no place beside `friend`"));
        }
        (_, Some(member), None) => sim.join(&chat, &member.0, name).await,
        (ChatKind::Group, Some(member), Some(text)) => {
            sim.group_request(&chat.id, &member.0, name, &text).await
        }
        (_, Some(_), Some(_)) => {
            return Err(Failure::parameter(
                "`request` has no place here: nobody asks to come into a discuss",
            ));
        }
        (_, None, _) => return Err(Failure::parameter("`member` is missing: who comes?")),
    };
    Ok(Json(DoneAnswer { seq: seq.map_err(refused)?.0 }))
}

/// A member leaves a group or discuss or is kicked from it by another, or a friend is one no longer.
#[utoipa::path(
    post,
    path = "/api/v1/accounts/{name}/sim/leave",
    tag = "sim",
    params(AccountPath),
    request_body = LeaveFields,
    responses(
        (status = 200, description = "they went", body = DoneAnswer),
        NotDone,
    ),
)]
pub(in crate::admin) async fn leave(
    State(api): State<Arc<Api>>,
    account: SimAccount,
    Fields(fields): Fields<LeaveFields>,
) -> Result<Json<DoneAnswer>, Failure> {
    let sim = account.sim()?;
    let chat = one_chat(fields.friend, fields.group, fields.discuss)?;
    wait_for_room(&api, &account, &chat).await?;
    let by = fields.by.as_ref().map(|id| id.0.as_str());
    let seq = match (chat.kind, fields.member, by) {
        (ChatKind::Friend, None, None) => sim.unfriend(&chat.id).await,
        (ChatKind::Friend, ..) => {
            return Err(Failure::parameter("`member` and `by` have no place beside `friend`"));
        }
        (_, Some(member), by) => sim.leave(&chat, &member.0, by).await,
        (_, None, _) => return Err(Failure::parameter("`member` is missing: who goes?")),
    };
    Ok(Json(DoneAnswer { seq: seq.map_err(refused)?.0 }))
}

/// The chat that exactly one of the fields names.
fn one_chat(friend: Option<Id>, group: Option<Id>, discuss: Option<Id>) -> Result<ChatRef, Failure> {
    let given = [(ChatKind::Friend, friend), (ChatKind::Group, group), (ChatKind::Discuss, discuss)];
    let mut chats = given.into_iter().filter_map(|(kind, id)| id.map(|id| ChatRef { kind, id: id.0 }));
    match (chats.next(), chats.next()) {
        (Some(chat), None) => Ok(chat),
        (None, _) => Err(Failure::parameter("none of `friend`, `group`, `discuss` is given: where?")),
        (Some(_), Some(_)) => {
            Err(Failure::parameter("more than one of `friend`, `group`, `discuss` is given"))
        }
    }
}

/// Waits until the chat's queue has room, but not for long, and not at all if nothing can be recorded.
async fn wait_for_room(api: &Api, account: &SimAccount, chat: &ChatRef) -> Result<(), Failure> {
    if let Some(refusal) = api.host.stalled() {
        return Err(Failure::new(StatusCode::SERVICE_UNAVAILABLE, refusal));
    }
    let id = certain_id(&account.0.roster(), chat);
    let address = Address::chat(account.0.name().clone(), chat.kind, id);
    tokio::time::timeout(api.settings.busy_after, api.host.room(&address)).await.map_err(|_| {
        let refusal = Refusal::new(
            Code::LimitQueue,
            format!("so many events wait in {address} that no more are taken"),
        )
        .hint("try again in a moment");
        Failure::new(StatusCode::SERVICE_UNAVAILABLE, refusal)
    })
}

/// The id of a chat that may be named by its uid.
fn certain_id(roster: &Roster, chat: &ChatRef) -> String {
    let given = chat.id.as_str();
    let by_uid = match chat.kind {
        ChatKind::Friend if roster.friends.get(given).is_none() => {
            roster.friends.iter().find(|row| row.uid.as_deref() == Some(given)).map(|row| &row.id)
        }
        ChatKind::Group if roster.groups.get(given).is_none() => {
            roster.groups.iter().find(|row| row.uid.as_deref() == Some(given)).map(|row| &row.id)
        }
        _ => None,
    };
    by_uid.unwrap_or(&chat.id).clone()
}

#[cfg(test)]
mod tests {
    use mynah_model::roster::Group;

    use super::*;

    #[test]
    fn exactly_one_chat_is_named() {
        let id = |text: &str| Some(Id(text.into()));
        assert_eq!(one_chat(None, id("5"), None).unwrap(), ChatRef { kind: ChatKind::Group, id: "5".into() });
        assert!(one_chat(None, None, None).is_err());
        assert!(one_chat(id("1"), None, id("2")).is_err());
    }

    #[test]
    fn unknown_fields_are_refused_by_name() {
        let read = |json: &str| serde_json::from_str::<SayFields>(json).map_err(|error| error.to_string());
        assert!(read(r#"{"group": 5, "sender": "7", "text": "hi", "time": 1}"#).is_ok());
        for (json, named) in [
            (r#"{"group": 5, "text": "hi", "sneder": 7}"#, "`sneder`"),
            (r#"{"group": 5, "media": {"name": "a"}}"#, "`data`"),
            (r#"{"group": 5, "media": {"data": "aGk=", "path": "/etc/passwd"}}"#, "`path`"),
            (r#"{"group": 5, "text": 7}"#, "string"),
            (r#"{"group": 5, "text": "a", "text": "b"}"#, "duplicate field `text`"),
            (r#"{"group": 1.5, "text": "a"}"#, "an id"),
            ("[]", "invalid length"),
            ("", "EOF"),
        ] {
            let error = read(json).unwrap_err();
            assert!(error.contains(named), "{json}: {error}");
        }
    }

    #[test]
    fn a_uid_leads_to_the_queue_of_its_chat() {
        let groups =
            [Group { id: "5".into(), uid: Some("50".into()), ..Group::default() }].into_iter().collect();
        let roster = Roster { groups, ..Roster::default() };
        for (given, expected) in [("50", "5"), ("5", "5"), ("7", "7")] {
            let chat = ChatRef { kind: ChatKind::Group, id: given.into() };
            assert_eq!(certain_id(&roster, &chat), expected);
        }
    }
}
