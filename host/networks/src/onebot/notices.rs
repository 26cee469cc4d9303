//! Notices and requests: who came and went, who is muted, what was taken back, who asks for something.

use mynah_model::event::{
    Chat, EventBody, Membership, MembershipCause, Mute, PropertyChange, PropertyOwner, Recall, Request,
};

use super::frame::Frame;
use super::posts::{Post, Reader, other};
use super::request_id::RequestId;

/// What a notice or request comes to.
pub(super) fn read(reader: &Reader<'_>, frame: &Frame<'_>, text: &str) -> Post {
    if frame.post_type.get() == Some("request") {
        return request(reader, frame, text);
    }
    let notice = frame.notice_type.or_empty();
    match notice {
        "bot_offline" => {
            let said = frame.sentence().or_else(|| frame.tag.name());
            return Post::Offline(said.unwrap_or_else(|| "the account went offline".to_owned()));
        }
        "bot_online" => return Post::Online,
        "friend_add" => {
            let Some(user) = frame.user_id.id() else {
                return reader.incomplete("friend_add without user_id");
            };
            let chat = reader.friend(user);
            let who = reader.person(Some(&chat), user);
            return reader.happened(frame, Some(chat), EventBody::FriendJoined { who });
        }
        "friend_recall" => {
            let Some(user) = frame.user_id.id() else {
                return reader.incomplete("friend_recall without user_id");
            };
            return recalled(reader, frame, reader.friend(user));
        }
        _ => {}
    }
    let Some(group) = frame.group_id.id() else { return unknown(reader, frame, text) };
    let chat = reader.group(group, &frame.group_name);
    match notice {
        "group_increase" => member_came(reader, frame, chat),
        "group_decrease" => member_went(reader, frame, chat),
        "group_ban" => muted(reader, frame, chat),
        "group_recall" => recalled(reader, frame, chat),
        "group_admin" => {
            let admin = frame.sub_type.get() != Some("unset");
            let (old, new) = if admin { ("member", "admin") } else { ("admin", "member") };
            member_changed(reader, frame, chat, "role", Some(old.to_owned()), Some(new.to_owned()))
        }
        "group_card" => {
            let (old, new) = (frame.card_old.name(), frame.card_new.name());
            member_changed(reader, frame, chat, "card", old, new)
        }
        "notify" if frame.sub_type.get() == Some("title") && frame.title.get().is_some() => {
            member_changed(reader, frame, chat, "title", None, frame.title.name())
        }
        "notify" if frame.sub_type.get() == Some("group_name") && frame.name_new.filled().is_some() => {
            let change = PropertyChange {
                owner: PropertyOwner::Group,
                who: None,
                property: "name".to_owned(),
                old: Some(chat.name.clone()).filter(|name| !name.is_empty()),
                new: frame.name_new.name(),
            };
            reader.happened(frame, Some(chat), EventBody::PropertyChanged(change))
        }
        _ => unknown(reader, frame, text),
    }
}

/// What the model has no case for: pokes, essences, uploads, and whatever comes next.
fn unknown(reader: &Reader<'_>, frame: &Frame<'_>, text: &str) -> Post {
    let notice = match (frame.notice_type.or_empty(), frame.sub_type.filled()) {
        ("notify", Some(sub_type)) => format!("notify/{sub_type}"),
        ("", _) => "notice".to_owned(),
        (notice, _) => notice.to_owned(),
    };
    let chat = match (frame.group_id.id(), frame.user_id.id()) {
        (Some(group), _) => Some(reader.group(group, &frame.group_name)),
        (None, Some(user)) => {
            Some(reader.friend(user)).filter(|chat| reader.roster.friends.get(&chat.id).is_some())
        }
        (None, None) => None,
    };
    reader.happened(frame, chat, other(&notice, text))
}

fn member_came(reader: &Reader<'_>, frame: &Frame<'_>, chat: Chat) -> Post {
    let Some(user) = frame.user_id.id() else { return reader.incomplete("group_increase without user_id") };
    let cause = match frame.sub_type.get() {
        Some("invite") => MembershipCause::Invited,
        Some("approve") => MembershipCause::Joined,
        _ => MembershipCause::Unknown,
    };
    let mut membership = membership(reader, frame, &chat, user, cause);
    // Who approves somebody has not brought them in.
    if cause == MembershipCause::Joined {
        membership.by = None;
    }
    let body = match user == reader.self_id {
        true => EventBody::GroupJoined(membership),
        false => EventBody::MemberJoined(membership),
    };
    reader.happened(frame, Some(chat), body)
}

fn member_went(reader: &Reader<'_>, frame: &Frame<'_>, chat: Chat) -> Post {
    let sub_type = frame.sub_type.or_empty();
    let user = match sub_type {
        "kick_me" | "disband" => Some(reader.self_id),
        _ => frame.user_id.id(),
    };
    let Some(user) = user else { return reader.incomplete("group_decrease without user_id") };
    let cause = match sub_type {
        "leave" => MembershipCause::Left,
        "kick" | "kick_me" => MembershipCause::Kicked,
        "disband" | "dismiss" => MembershipCause::Dissolved,
        _ => MembershipCause::Unknown,
    };
    let membership = membership(reader, frame, &chat, user, cause);
    let body = match user == reader.self_id {
        true => EventBody::GroupLost(membership),
        false => EventBody::MemberLost(membership),
    };
    reader.happened(frame, Some(chat), body)
}

fn membership(
    reader: &Reader<'_>,
    frame: &Frame<'_>,
    chat: &Chat,
    user: i64,
    cause: MembershipCause,
) -> Membership {
    let by = frame.operator_id.id().filter(|by| *by != user).map(|by| reader.person(Some(chat), by));
    Membership { who: reader.person(Some(chat), user), by, cause }
}

fn muted(reader: &Reader<'_>, frame: &Frame<'_>, chat: Chat) -> Post {
    // User 0, or none, is everybody.
    let member = frame.user_id.id().map(|user| reader.person(Some(&chat), user));
    let by = frame.operator_id.id().map(|by| reader.person(Some(&chat), by));
    let seconds = frame.duration.id().and_then(|seconds| u32::try_from(seconds).ok());
    // A mute of no seconds is the end of one. That of everybody has -1 on some implementations and 0 on others.
    let lifted = match frame.sub_type.get() {
        Some("lift_ban") => true,
        Some("ban") => member.is_some() && frame.duration.0 == Some(0),
        _ => frame.duration.0 == Some(0),
    };
    let body = match lifted {
        true => EventBody::Unmuted(Mute { member, seconds: None, by }),
        false => EventBody::Muted(Mute { seconds: seconds.filter(|_| member.is_some()), member, by }),
    };
    reader.happened(frame, Some(chat), body)
}

fn recalled(reader: &Reader<'_>, frame: &Frame<'_>, chat: Chat) -> Post {
    let Some(message_id) = frame.message_id.owned() else {
        return reader.incomplete("recall without message_id");
    };
    let sender = frame.user_id.id().map(|user| reader.person(Some(&chat), user));
    let by = frame.operator_id.id().or(frame.user_id.id()).map(|by| reader.person(Some(&chat), by));
    reader.happened(frame, Some(chat), EventBody::Recalled(Recall { message_id, sender, by }))
}

fn member_changed(
    reader: &Reader<'_>,
    frame: &Frame<'_>,
    chat: Chat,
    property: &str,
    old: Option<String>,
    new: Option<String>,
) -> Post {
    let Some(user) = frame.user_id.id() else { return reader.incomplete("change without user_id") };
    let change = PropertyChange {
        owner: PropertyOwner::GroupMember,
        who: Some(reader.person(Some(&chat), user)),
        property: property.to_owned(),
        old,
        new,
    };
    reader.happened(frame, Some(chat), EventBody::PropertyChanged(change))
}

fn request(reader: &Reader<'_>, frame: &Frame<'_>, text: &str) -> Post {
    let request_type = frame.request_type.or_empty();
    let invite = frame.sub_type.get() == Some("invite");
    let id = match request_type {
        "friend" => RequestId::Friend,
        "group" if invite => RequestId::Invite,
        "group" => RequestId::Join,
        _ => return reader.happened(frame, None, other(&format!("request/{request_type}"), text)),
    };
    let (Some(user), Some(flag)) = (frame.user_id.id(), frame.flag.filled()) else {
        return reader.incomplete("request without user_id or flag");
    };
    let chat = match (id, frame.group_id.id()) {
        (RequestId::Friend, _) => None,
        (_, Some(group)) => Some(reader.group(group, &frame.group_name)),
        (_, None) => return reader.incomplete("group request without group_id"),
    };
    let request = Request {
        id: id.with(user, flag),
        from: reader.person(chat.as_ref(), user),
        text: frame.comment.or_empty().to_owned(),
    };
    let body = match id {
        RequestId::Friend => EventBody::FriendRequest(request),
        RequestId::Join => EventBody::GroupRequest(request),
        RequestId::Invite => EventBody::GroupInvite(request),
    };
    reader.happened(frame, chat, body)
}
