//! Events in the shape that the Openqq API reports them in: v2 names, values as strings.
//!
//! Messages, who came and went, and changed properties; what concerns the account itself has the same shape in both
//! APIs and stands in [`crate::report`]. Fields that are not known, or that a kind of message does not have, are left
//! out.

use std::sync::Arc;

use mynah_model::address::ChatKind;
use mynah_model::event::{Chat, Event, EventBody, Membership, PropertyChange, PropertyOwner};
use mynah_model::message::{Message, MessageClass, MessageSource};
use mynah_model::roster::{Discuss, Group, Person, Roster};
use serde_json::{Map, Value, json};

use super::objects;
use crate::report;

/// The report of an event, if it has one. `roster` is what the account knows after it.
pub(crate) fn of(event: &Event, roster: &Roster) -> Option<Value> {
    let chat = event.chat.as_ref();
    let (name, params) = match &event.body {
        EventBody::MessageReceived(message) | EventBody::MessageSent(message) => {
            return message_report(event, chat?, message, roster);
        }
        EventBody::FriendJoined { who } => ("new_friend", vec![objects::friend(who)]),
        EventBody::FriendLost { who } => ("lose_friend", vec![objects::friend(who)]),
        EventBody::GroupJoined(_) => ("new_group", vec![group(chat?, roster)]),
        EventBody::GroupLost(_) => ("lose_group", vec![group(chat?, roster)]),
        EventBody::DiscussJoined(_) => ("new_discuss", vec![discuss(chat?, roster)]),
        EventBody::DiscussLost(_) => ("lose_discuss", vec![discuss(chat?, roster)]),
        EventBody::MemberJoined(membership) => member_params(chat?, membership, roster, MemberNames::NEW)?,
        EventBody::MemberLost(membership) => member_params(chat?, membership, roster, MemberNames::LOSE)?,
        EventBody::PropertyChanged(change) => {
            let object = changed_object(chat, change, roster)?;
            let params = json!([object, change.property, change.old, change.new]);
            return Some(report::event(report::property_change(change.owner), params));
        }
        _ => return None,
    };
    Some(report::event(name, params.into()))
}

/// What a changed property belongs to, as it is after the change.
fn changed_object(chat: Option<&Chat>, change: &PropertyChange, roster: &Roster) -> Option<Value> {
    let who = change.who.as_ref();
    let known = |found: Option<&Arc<Person>>| found.map(|person| Person::clone(person)).or(who.cloned());
    Some(match change.owner {
        PropertyOwner::User => objects::user(roster),
        PropertyOwner::Friend => objects::friend(&known(roster.friends.get(&who?.id))?),
        PropertyOwner::Group => group(chat?, roster),
        PropertyOwner::GroupMember => objects::member(&known(roster.member(&chat?.id, &who?.id))?),
        PropertyOwner::Discuss => discuss(chat?, roster),
        PropertyOwner::DiscussMember => {
            let discuss = roster.discusses.get(&chat?.id);
            objects::discuss_member(&known(discuss.and_then(|discuss| discuss.members.get(&who?.id)))?)
        }
    })
}

/// What the same happening is called in a group and in a discuss.
struct MemberNames {
    group: &'static str,
    discuss: &'static str,
}

impl MemberNames {
    const NEW: Self = Self { group: "new_group_member", discuss: "new_discuss_member" };
    const LOSE: Self = Self { group: "lose_group_member", discuss: "lose_discuss_member" };
}

fn member_params(
    chat: &Chat,
    membership: &Membership,
    roster: &Roster,
    names: MemberNames,
) -> Option<(&'static str, Vec<Value>)> {
    match chat.kind {
        ChatKind::Group => Some((names.group, vec![objects::member(&membership.who), group(chat, roster)])),
        ChatKind::Discuss => {
            Some((names.discuss, vec![objects::discuss_member(&membership.who), discuss(chat, roster)]))
        }
        _ => None,
    }
}

/// The group of an event without its members, of which there may be thousands. One that is lost is known by the
/// event only.
fn group(chat: &Chat, roster: &Roster) -> Value {
    match roster.groups.get(&chat.id) {
        Some(group) => objects::group_basic(group),
        None => {
            let (id, name, attrs) = (chat.id.clone(), chat.name.clone(), chat.attrs.clone());
            objects::group_basic(&Group { id, name, attrs, ..Group::default() })
        }
    }
}

fn discuss(chat: &Chat, roster: &Roster) -> Value {
    match roster.discusses.get(&chat.id) {
        Some(discuss) => objects::discuss_basic(discuss),
        None => {
            let (id, name, attrs) = (chat.id.clone(), chat.name.clone(), chat.attrs.clone());
            objects::discuss_basic(&Discuss { id, name, attrs, ..Discuss::default() })
        }
    }
}

/// A report under construction.
struct Fields(Map<String, Value>);

impl Fields {
    /// An empty text is left out.
    fn put(&mut self, name: impl Into<String>, text: &str) {
        if !text.is_empty() {
            self.0.insert(name.into(), text.into());
        }
    }

    fn put_person(&mut self, role: &str, person: &Person) {
        self.put(role, person.display_name());
        self.put(format!("{role}_id"), &person.id);
        self.put(format!("{role}_uid"), person.uid.as_deref().unwrap_or_default());
    }

    fn put_group(&mut self, id: &str, name: &str, roster: &Roster) {
        let known = roster.groups.get(id);
        self.put("group", known.map_or(name, |group| &group.name));
        self.put("group_id", id);
        self.put("group_uid", known.and_then(|group| group.uid.as_deref()).unwrap_or_default());
    }

    fn put_discuss(&mut self, id: &str, name: &str, roster: &Roster) {
        self.put("discuss", roster.discusses.get(id).map_or(name, |discuss| &discuss.name));
        self.put("discuss_id", id);
    }
}

fn message_report(event: &Event, chat: &Chat, message: &Message, roster: &Roster) -> Option<Value> {
    let mut fields = Fields(Map::new());
    let kind = match chat.kind {
        ChatKind::Friend => "friend_message",
        ChatKind::Group => "group_message",
        ChatKind::Discuss => "discuss_message",
        ChatKind::Temporary => "sess_message",
        ChatKind::Other => return None,
    };
    let (post_type, class) = match message.class {
        MessageClass::Recv => ("receive_message", "recv"),
        MessageClass::Send => ("send_message", "send"),
    };
    fields.0.insert("post_type".into(), post_type.into());
    fields.0.insert("type".into(), kind.into());
    fields.0.insert("class".into(), class.into());
    fields.0.insert("id".into(), message.id.clone().into());
    fields.0.insert("time".into(), event.time.div_euclid(1000).to_string().into());
    fields.0.insert("content".into(), message.text.clone().into());

    fields.put_person("sender", &message.sender);
    match (message.class, chat.kind) {
        (MessageClass::Recv, _) => fields.put_person("receiver", &roster.user),
        (MessageClass::Send, ChatKind::Friend | ChatKind::Temporary) => {
            fields.put_person("receiver", &partner(chat, roster));
        }
        // What is said in a group has no one receiver.
        (MessageClass::Send, _) => {}
    }
    match chat.kind {
        ChatKind::Group => fields.put_group(&chat.id, &chat.name, roster),
        ChatKind::Discuss => fields.put_discuss(&chat.id, &chat.name, roster),
        ChatKind::Temporary => match met(chat) {
            Some(("group", id)) => {
                fields.put("via", "group");
                fields.put_group(id, "", roster);
            }
            Some(("discuss", id)) => {
                fields.put("via", "discuss");
                fields.put_discuss(id, "", roster);
            }
            _ => {}
        },
        ChatKind::Friend | ChatKind::Other => {}
    }
    if message.class == MessageClass::Send {
        let (from, source) = match message.source {
            MessageSource::Api => ("api", "local"),
            MessageSource::Script | MessageSource::Webhook => ("code", "local"),
            MessageSource::Person | MessageSource::Other => ("none", "outer"),
        };
        fields.put("from", from);
        fields.put("source", source);
        fields.0.insert("code".into(), 0.into());
        fields.put("msg", "发送成功");
        fields.put("info", "发送正常");
    }
    Some(Value::Object(fields.0))
}

/// Where a stranger was met: `group` or `discuss`, and its id.
fn met(chat: &Chat) -> Option<(&str, &str)> {
    chat.via.as_deref()?.split_once('/')
}

/// The person on the other side of a chat of two.
fn partner(chat: &Chat, roster: &Roster) -> Arc<Person> {
    let known = match (chat.kind, met(chat)) {
        (ChatKind::Friend, _) => roster.friends.get(&chat.id),
        (_, Some(("group", id))) => roster.member(id, &chat.id),
        (_, Some(("discuss", id))) => {
            roster.discusses.get(id).and_then(|discuss| discuss.members.get(&chat.id))
        }
        _ => None,
    };
    known.cloned().unwrap_or_else(|| {
        Arc::new(Person { id: chat.id.clone(), name: chat.name.clone(), ..Person::default() })
    })
}

#[cfg(test)]
mod tests;
