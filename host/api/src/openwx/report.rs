//! Events in the shape that the Openwx API reports them in, values as strings.
//!
//! What check_event holds is reported: messages, notices of groups and messages that were taken back, who came and
//! went, and who asks to be a friend. Fields that are not known, or that a kind of message does not have, are left
//! out.

use std::sync::Arc;

use mynah_model::address::ChatKind;
use mynah_model::event::{
    Chat, Event, EventBody, Membership, PropertyChange, PropertyOwner, Recall, Request,
};
use mynah_model::message::{Message, MessageClass, MessageSource, Segment};
use mynah_model::roster::{Group, Person, Roster};
use mynah_runtime::MediaStore;
use serde_json::{Map, Value, json};

use super::objects;
use crate::{media, report};

/// What apps tell of what is shared, as far as a network gives it with the message.
const APP_FIELDS: [&str; 5] = ["app_name", "app_id", "app_title", "app_desc", "app_url"];

/// The report of an event, if it has one. `roster` is what the account knows after it; `store` knows where media lie.
pub(crate) fn of(event: &Event, roster: &Roster, store: &MediaStore) -> Option<Value> {
    let chat = event.chat.as_ref();
    let (name, params) = match &event.body {
        EventBody::MessageReceived(message) | EventBody::MessageSent(message) => {
            return message_report(event, chat?, message, roster, store);
        }
        EventBody::GroupNotice { text, .. } => return notice_report(event, chat?, text, roster),
        EventBody::Recalled(recall) => return recall_report(event, chat?, recall, roster),
        EventBody::FriendJoined { who } => ("new_friend", vec![objects::friend(who)]),
        EventBody::FriendLost { who } => ("lose_friend", vec![objects::friend(who)]),
        EventBody::GroupJoined(_) => ("new_group", vec![group(chat?, roster)]),
        EventBody::GroupLost(_) => ("lose_group", vec![group(chat?, roster)]),
        EventBody::MemberJoined(membership) => ("new_group_member", member(chat?, membership, roster)?),
        EventBody::MemberLost(membership) => ("lose_group_member", member(chat?, membership, roster)?),
        EventBody::FriendRequest(request) => ("friend_request", friend_request(request)),
        EventBody::PropertyChanged(change) => {
            let object = changed_object(chat, change, roster)?;
            let params = json!([object, change.property, change.old, change.new]);
            return Some(report::event(report::property_change(change.owner), params));
        }
        _ => return None,
    };
    Some(report::event(name, params.into()))
}

/// What a changed property belongs to, as it is after the change. This API has no discusses.
fn changed_object(chat: Option<&Chat>, change: &PropertyChange, roster: &Roster) -> Option<Value> {
    let who = change.who.as_ref();
    let known = |found: Option<&Arc<Person>>| found.map(|person| Person::clone(person)).or(who.cloned());
    Some(match change.owner {
        PropertyOwner::User => objects::user(roster),
        PropertyOwner::Friend => objects::friend(&known(roster.friends.get(&who?.id))?),
        PropertyOwner::Group => group(chat?, roster),
        PropertyOwner::GroupMember => objects::member(&known(roster.member(&chat?.id, &who?.id))?),
        PropertyOwner::Discuss | PropertyOwner::DiscussMember => return None,
    })
}

/// A member and the group, of events in groups.
fn member(chat: &Chat, membership: &Membership, roster: &Roster) -> Option<Vec<Value>> {
    let is_group = chat.kind == ChatKind::Group;
    is_group.then(|| vec![objects::member(&membership.who), group(chat, roster)])
}

/// What accept_friend_request takes, and what the person says.
fn friend_request(request: &Request) -> Vec<Value> {
    let displayname = objects::displayname(&request.from);
    [request.from.id.as_str(), displayname, &request.text, &request.id].map(Value::from).to_vec()
}

/// The group of an event without its members, of which there may be many. One that is lost is known by the event
/// only.
fn group(chat: &Chat, roster: &Roster) -> Value {
    objects::group_basic(&known_group(&chat.id, &chat.name, roster), &roster.user.id)
}

fn known_group(id: &str, name: &str, roster: &Roster) -> Arc<Group> {
    roster
        .groups
        .get(id)
        .cloned()
        .unwrap_or_else(|| Arc::new(Group { id: id.to_owned(), name: name.to_owned(), ..Group::default() }))
}

/// A report under construction.
struct Fields(Map<String, Value>);

impl Fields {
    /// The fields that everything has that is reported as a message.
    fn new(event: &Event, kind: &str, class: MessageClass, id: &str, format: &str, content: &str) -> Self {
        let (post_type, class) = match class {
            MessageClass::Recv => ("receive_message", "recv"),
            MessageClass::Send => ("send_message", "send"),
        };
        let time = event.time.div_euclid(1000).to_string();
        let fields = [
            ("post_type", post_type),
            ("type", kind),
            ("class", class),
            ("format", format),
            ("id", id),
            ("time", &time),
            ("content", content),
        ];
        Self(fields.into_iter().map(|(name, value)| (name.to_owned(), value.into())).collect())
    }

    /// An empty text is left out.
    fn put(&mut self, name: impl Into<String>, text: &str) {
        if !text.is_empty() {
            self.0.insert(name.into(), text.into());
        }
    }

    fn put_person(&mut self, role: &str, person: &Person) {
        self.put(role, objects::displayname(person));
        self.put(format!("{role}_id"), &person.id);
        self.put(format!("{role}_name"), &person.name);
        self.put(format!("{role}_uid"), person.uid.as_deref().unwrap_or_default());
    }

    fn put_group(&mut self, id: &str, name: &str, roster: &Roster) {
        let group = known_group(id, name, roster);
        self.put("group", &objects::group_displayname(&group, &roster.user.id));
        self.put("group_id", id);
        self.put("group_name", &group.name);
        self.put("group_uid", group.uid.as_deref().unwrap_or_default());
    }

    fn put_discuss(&mut self, id: &str, name: &str, roster: &Roster) {
        self.put("discuss", roster.discusses.get(id).map_or(name, |discuss| &discuss.name));
        self.put("discuss_id", id);
    }

    /// Where it happened and who the people are, of what is reported as a message.
    fn put_place(&mut self, chat: &Chat, class: MessageClass, roster: &Roster) {
        match (class, chat.kind) {
            (MessageClass::Recv, _) => self.put_person("receiver", &roster.user),
            (MessageClass::Send, ChatKind::Friend | ChatKind::Temporary) => {
                self.put_person("receiver", &partner(chat, roster));
            }
            // What is said in a group has no one receiver.
            (MessageClass::Send, _) => {}
        }
        match chat.kind {
            ChatKind::Group => self.put_group(&chat.id, &chat.name, roster),
            ChatKind::Discuss => self.put_discuss(&chat.id, &chat.name, roster),
            ChatKind::Temporary => match met(chat) {
                Some((via @ "group", id)) => {
                    self.put("via", via);
                    self.put_group(id, "", roster);
                }
                Some((via @ "discuss", id)) => {
                    self.put("via", via);
                    self.put_discuss(id, "", roster);
                }
                _ => {}
            },
            ChatKind::Friend | ChatKind::Other => {}
        }
    }
}

/// What a message in this chat is called. WeChat has no discusses; networks that do may be served through this API.
fn message_type(chat: &Chat) -> Option<&'static str> {
    match chat.kind {
        ChatKind::Friend => Some("friend_message"),
        ChatKind::Group => Some("group_message"),
        ChatKind::Temporary => Some("sess_message"),
        ChatKind::Discuss => Some("discuss_message"),
        ChatKind::Other => None,
    }
}

fn message_report(
    event: &Event,
    chat: &Chat,
    message: &Message,
    roster: &Roster,
    store: &MediaStore,
) -> Option<Value> {
    let (class, format) = (message.class, format(message));
    let kind = message_type(chat)?;
    let mut fields = Fields::new(event, kind, class, &message.id, format, &message.text);
    fields.put_person("sender", known_sender(chat, &message.sender, roster));
    fields.put_place(chat, class, roster);
    media::put_fields(&mut fields.0, message, store);
    for name in APP_FIELDS {
        fields.put(name, message.attrs.get(name).and_then(Value::as_str).unwrap_or_default());
    }
    if class == MessageClass::Send {
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

/// What a group is told by nobody in it.
fn notice_report(event: &Event, chat: &Chat, text: &str, roster: &Roster) -> Option<Value> {
    if chat.kind != ChatKind::Group {
        return None;
    }
    let class = MessageClass::Recv;
    // A notice is no message and has no id of its own on every network; the event's number serves.
    let mut fields = Fields::new(event, "group_notice", class, &event.seq.to_string(), "text", text);
    fields.put_place(chat, class, roster);
    Some(Value::Object(fields.0))
}

/// A message that somebody took back. What the account takes back itself it knows.
fn recall_report(event: &Event, chat: &Chat, recall: &Recall, roster: &Roster) -> Option<Value> {
    let by = recall.by.as_ref().or(recall.sender.as_ref())?;
    if by.id == roster.user.id {
        return None;
    }
    let by = known_sender(chat, by, roster);
    let content = format!("{} 撤回了一条消息", objects::displayname(by));
    let class = MessageClass::Recv;
    let kind = message_type(chat)?;
    let mut fields = Fields::new(event, kind, class, &recall.message_id, "revoke", &content);
    fields.put_person("sender", by);
    fields.put_place(chat, class, roster);
    Some(Value::Object(fields.0))
}

/// `text`, or what else the message is.
fn format(message: &Message) -> &'static str {
    if media::of_message(message).is_some() {
        return "media";
    }
    let of_segment = |segment: &Segment| match segment {
        Segment::AppCard { .. } => Some("app"),
        Segment::Other { kind, .. } if kind == "card" => Some("card"),
        _ => None,
    };
    message.segments.iter().find_map(of_segment).unwrap_or("text")
}

/// Where a stranger was met: `group` or `discuss`, and its id.
fn met(chat: &Chat) -> Option<(&str, &str)> {
    chat.via.as_deref()?.split_once('/')
}

/// A person of this chat as the roster knows them.
fn known<'a>(chat: &Chat, id: &str, roster: &'a Roster) -> Option<&'a Arc<Person>> {
    let in_discuss = |discuss: &str| roster.discusses.get(discuss)?.members.get(id);
    match (chat.kind, met(chat)) {
        (ChatKind::Friend, _) => roster.friends.get(id),
        (ChatKind::Group, _) => roster.member(&chat.id, id),
        (ChatKind::Discuss, _) => in_discuss(&chat.id),
        (_, Some(("group", group))) => roster.member(group, id),
        (_, Some(("discuss", discuss))) => in_discuss(discuss),
        _ => None,
    }
}

/// The sender as the roster knows them: events carry less of a person.
fn known_sender<'a>(chat: &Chat, sender: &'a Person, roster: &'a Roster) -> &'a Person {
    known(chat, &sender.id, roster).map_or(sender, |known| known.as_ref())
}

/// The person on the other side of a chat of two.
fn partner(chat: &Chat, roster: &Roster) -> Arc<Person> {
    known(chat, &chat.id, roster).cloned().unwrap_or_else(|| {
        Arc::new(Person { id: chat.id.clone(), name: chat.name.clone(), ..Person::default() })
    })
}

#[cfg(test)]
mod tests;
