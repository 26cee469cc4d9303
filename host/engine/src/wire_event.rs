//! Events as the script contract spells them.

use mynah_model::Attrs;
use mynah_model::action::Outcome;
use mynah_model::address::ChatKind;
use mynah_model::event::{
    AccountState, ActionResult, Chat, Event, EventBody, FetchResponse, Membership, MembershipCause, Mute,
    PropertyChange, PropertyOwner, Recall, Request,
};
use mynah_model::message::{Invocation, Media, Message, MessageClass, MessageSource, Segment};
use mynah_model::roster::{Person, Role};

use crate::bindings::mynah::script::types as wire;

/// The event as a script receives it.
pub(crate) fn event(event: &Event) -> wire::Event {
    wire::Event {
        seq: event.seq.0,
        account: event.account.as_str().to_owned(),
        network: event.network.clone(),
        self_id: event.self_id.clone(),
        time: event.time,
        received_at: event.received_at,
        cause: event.cause.map(|seq| seq.0),
        depth: event.depth,
        chat: event.chat.as_ref().map(chat),
        body: body(&event.body),
        attrs: attrs(&event.attrs),
    }
}

/// What has no field of its own.
pub(crate) fn attrs(attrs: &Attrs) -> Vec<wire::Attr> {
    attrs.iter().map(|(name, value)| wire::Attr { name: name.clone(), value: value.to_string() }).collect()
}

/// A person; until when they are muted stands in `attrs` as `shutup_until`.
pub(crate) fn person(person: &Person) -> wire::Person {
    let mut attrs = attrs(&person.attrs);
    if let Some(until) = person.shutup_until
        && !person.attrs.contains_key("shutup_until")
    {
        attrs.push(wire::Attr { name: "shutup_until".to_owned(), value: until.to_string() });
    }
    wire::Person {
        id: person.id.clone(),
        uid: person.uid.clone(),
        name: person.name.clone(),
        markname: person.markname.clone(),
        card: person.card.clone(),
        role: person.role.map(role),
        attrs,
    }
}

/// A role.
pub(crate) fn role(role: Role) -> wire::Role {
    match role {
        Role::Member => wire::Role::Member,
        Role::Admin => wire::Role::Admin,
        Role::Owner => wire::Role::Owner,
    }
}

fn chat(chat: &Chat) -> wire::Chat {
    wire::Chat {
        kind: match chat.kind {
            ChatKind::Friend => wire::ChatKind::Friend,
            ChatKind::Group => wire::ChatKind::Group,
            ChatKind::Discuss => wire::ChatKind::Discuss,
            ChatKind::Temporary => wire::ChatKind::Temporary,
            ChatKind::Other => wire::ChatKind::Other,
        },
        id: chat.id.clone(),
        name: chat.name.clone(),
        via: chat.via.clone(),
        attrs: attrs(&chat.attrs),
    }
}

fn body(body: &EventBody) -> wire::EventBody {
    match body {
        EventBody::MessageReceived(it) => wire::EventBody::MessageReceived(message(it)),
        EventBody::MessageSent(it) => wire::EventBody::MessageSent(message(it)),
        EventBody::GroupNotice { author, text } => wire::EventBody::GroupNotice(wire::GroupNotice {
            author: author.as_ref().map(person),
            text: text.clone(),
        }),
        EventBody::FriendJoined { who } => wire::EventBody::FriendJoined(person(who)),
        EventBody::FriendLost { who } => wire::EventBody::FriendLost(person(who)),
        EventBody::GroupJoined(it) => wire::EventBody::GroupJoined(membership(it)),
        EventBody::GroupLost(it) => wire::EventBody::GroupLost(membership(it)),
        EventBody::DiscussJoined(it) => wire::EventBody::DiscussJoined(membership(it)),
        EventBody::DiscussLost(it) => wire::EventBody::DiscussLost(membership(it)),
        EventBody::MemberJoined(it) => wire::EventBody::MemberJoined(membership(it)),
        EventBody::MemberLost(it) => wire::EventBody::MemberLost(membership(it)),
        EventBody::PropertyChanged(it) => wire::EventBody::PropertyChanged(property_change(it)),
        EventBody::Muted(it) => wire::EventBody::Muted(mute(it)),
        EventBody::Unmuted(it) => wire::EventBody::Unmuted(mute(it)),
        EventBody::Recalled(it) => wire::EventBody::Recalled(recall(it)),
        EventBody::FriendRequest(it) => wire::EventBody::FriendRequest(request(it)),
        EventBody::GroupRequest(it) => wire::EventBody::GroupRequest(request(it)),
        EventBody::GroupInvite(it) => wire::EventBody::GroupInvite(request(it)),
        EventBody::AccountState { old, new } => {
            let change = wire::StateChange { old: account_state(*old), new: account_state(*new) };
            wire::EventBody::AccountState(change)
        }
        EventBody::Login { scanned } => wire::EventBody::Login(wire::Login { scanned: *scanned }),
        EventBody::Stopped => wire::EventBody::Stopped,
        EventBody::QrCode { text, path } => {
            wire::EventBody::QrCode(wire::QrCode { text: text.clone(), path: path.clone() })
        }
        EventBody::TimerFired { tag, due, payload, .. } => {
            wire::EventBody::TimerFired(wire::Timer { tag: tag.clone(), due: *due, payload: payload.clone() })
        }
        EventBody::FetchFinished { tag, response, .. } => {
            wire::EventBody::FetchFinished(wire::FetchFinished {
                tag: tag.clone(),
                response: response.as_ref().map(fetch_response).map_err(String::clone),
            })
        }
        EventBody::ActionResult(it) => wire::EventBody::ActionResult(action_result(it)),
        EventBody::Other { kind, json } => {
            wire::EventBody::Other(wire::Other { kind: kind.clone(), json: json.clone() })
        }
    }
}

fn message(message: &Message) -> wire::Message {
    wire::Message {
        id: message.id.clone(),
        sender: person(&message.sender),
        segments: message.segments.iter().map(segment).collect(),
        text: message.text.clone(),
        command: Invocation::parse(&message.text)
            .map(|call| wire::Invocation { name: call.name.to_owned(), rest: call.rest.to_owned() }),
        class: match message.class {
            MessageClass::Recv => wire::MessageClass::Recv,
            MessageClass::Send => wire::MessageClass::Send,
        },
        source: match message.source {
            MessageSource::Person => wire::MessageSource::Person,
            MessageSource::Api => wire::MessageSource::Api,
            MessageSource::Script => wire::MessageSource::Script,
            MessageSource::Webhook => wire::MessageSource::Webhook,
            MessageSource::Other => wire::MessageSource::Other,
        },
        attrs: attrs(&message.attrs),
    }
}

fn segment(segment: &Segment) -> wire::Segment {
    match segment {
        Segment::Text { text } => wire::Segment::Text(text.clone()),
        Segment::Mention { id, name } => {
            wire::Segment::Mention(wire::Mention { id: id.clone(), name: name.clone() })
        }
        Segment::MentionAll => wire::Segment::MentionAll,
        Segment::Image(it) => wire::Segment::Image(media(it)),
        Segment::Face { id, name } => wire::Segment::Face(wire::Face { id: id.clone(), name: name.clone() }),
        Segment::Voice(it) => wire::Segment::Voice(media(it)),
        Segment::Video(it) => wire::Segment::Video(media(it)),
        Segment::File(it) => wire::Segment::File(media(it)),
        Segment::ReplyTo { id } => wire::Segment::ReplyTo(id.clone()),
        Segment::AppCard { data } => wire::Segment::AppCard(data.clone()),
        Segment::Other { kind, json } => {
            wire::Segment::Other(wire::Other { kind: kind.clone(), json: json.clone() })
        }
    }
}

fn media(media: &Media) -> wire::Media {
    wire::Media {
        id: media.id.clone(),
        url: media.url.clone(),
        path: media.path.clone(),
        name: media.name.clone(),
        mime: media.mime.clone(),
        size: media.size,
        attrs: attrs(&media.attrs),
    }
}

fn membership(membership: &Membership) -> wire::Membership {
    wire::Membership {
        who: person(&membership.who),
        by: membership.by.as_ref().map(person),
        cause: match membership.cause {
            MembershipCause::Joined => wire::MembershipCause::Joined,
            MembershipCause::Invited => wire::MembershipCause::Invited,
            MembershipCause::Left => wire::MembershipCause::Left,
            MembershipCause::Kicked => wire::MembershipCause::Kicked,
            MembershipCause::Dissolved => wire::MembershipCause::Dissolved,
            MembershipCause::Unknown => wire::MembershipCause::Unknown,
        },
    }
}

fn property_change(change: &PropertyChange) -> wire::PropertyChange {
    wire::PropertyChange {
        owner: match change.owner {
            PropertyOwner::User => wire::PropertyOwner::User,
            PropertyOwner::Friend => wire::PropertyOwner::Friend,
            PropertyOwner::Group => wire::PropertyOwner::Group,
            PropertyOwner::GroupMember => wire::PropertyOwner::GroupMember,
            PropertyOwner::Discuss => wire::PropertyOwner::Discuss,
            PropertyOwner::DiscussMember => wire::PropertyOwner::DiscussMember,
        },
        who: change.who.as_ref().map(person),
        property: change.property.clone(),
        old: change.old.clone(),
        new: change.new.clone(),
    }
}

fn mute(mute: &Mute) -> wire::Mute {
    wire::Mute {
        member: mute.member.as_ref().map(person),
        seconds: mute.seconds,
        by: mute.by.as_ref().map(person),
    }
}

fn recall(recall: &Recall) -> wire::Recall {
    wire::Recall {
        message_id: recall.message_id.clone(),
        sender: recall.sender.as_ref().map(person),
        by: recall.by.as_ref().map(person),
    }
}

fn request(request: &Request) -> wire::Request {
    wire::Request { id: request.id.clone(), from: person(&request.from), text: request.text.clone() }
}

fn account_state(state: AccountState) -> wire::AccountState {
    match state {
        AccountState::Init => wire::AccountState::Init,
        AccountState::Loading => wire::AccountState::Loading,
        AccountState::Scaning => wire::AccountState::Scaning,
        AccountState::Confirming => wire::AccountState::Confirming,
        AccountState::Updating => wire::AccountState::Updating,
        AccountState::Running => wire::AccountState::Running,
        AccountState::Stop => wire::AccountState::Stop,
    }
}

fn fetch_response(response: &FetchResponse) -> wire::FetchResponse {
    let header = |(name, value): &(String, String)| wire::Header { name: name.clone(), value: value.clone() };
    wire::FetchResponse {
        status: response.status,
        headers: response.headers.iter().map(header).collect(),
        body: response.body.clone(),
    }
}

fn action_result(result: &ActionResult) -> wire::ActionResult {
    wire::ActionResult {
        tag: result.tag.clone(),
        action: result.action.clone(),
        outcome: match result.outcome {
            Outcome::Done => wire::Outcome::Done,
            Outcome::Failed => wire::Outcome::Failed,
            Outcome::Refused => wire::Outcome::Refused,
            Outcome::Unsupported => wire::Outcome::Unsupported,
            Outcome::Unknown => wire::Outcome::Unknown,
            Outcome::Expired => wire::Outcome::Expired,
            Outcome::DryRun => wire::Outcome::DryRun,
        },
        code: result.code.clone(),
        text: result.text.clone(),
        message_id: result.message_id.clone(),
    }
}
