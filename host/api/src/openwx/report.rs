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
mod tests {
    use mynah_model::Attrs;
    use mynah_model::clock::SystemClock;
    use mynah_model::event::MembershipCause;
    use mynah_model::message::Media;
    use mynah_model::names::Seq;
    use mynah_runtime::MediaConfig;

    use super::*;

    /// With no picture or file at all in the host's folder.
    fn of(event: &Event, roster: &Roster) -> Option<Value> {
        let store = MediaStore::open(MediaConfig::default(), Arc::new(SystemClock)).unwrap();
        super::of(event, roster, &store)
    }

    fn person(id: &str, uid: &str, name: &str) -> Person {
        Person { id: id.into(), uid: Some(uid.into()), name: name.into(), ..Person::default() }
    }

    fn roster() -> Roster {
        let group = Group {
            id: "@@2617047292".into(),
            uid: Some("123456".into()),
            name: "PERL学习交流".into(),
            members: [Person {
                card: Some("灰灰的名片".into()), ..person("@2372835507", "123456", "灰灰")
            }]
            .into_iter()
            .collect(),
            ..Group::default()
        };
        Roster {
            user: Arc::new(person("@4072574066", "123456", "小灰")),
            friends: [Person { markname: Some("备注".into()), ..person("@9", "90", "朋友") }]
                .into_iter()
                .collect(),
            groups: [group].into_iter().collect(),
            ..Roster::default()
        }
    }

    fn event(kind: ChatKind, id: &str, via: Option<&str>, body: EventBody) -> Event {
        Event {
            seq: Seq(7),
            account: "wx".parse().unwrap(),
            network: "sim".into(),
            self_id: "@4072574066".into(),
            time: 1_442_542_632_999,
            received_at: 0,
            cause: None,
            depth: 0,
            by_script: None,
            chat: Some(Chat {
                kind,
                id: id.into(),
                name: "名".into(),
                via: via.map(Into::into),
                attrs: Attrs::new(),
            }),
            body,
            attrs: Attrs::new(),
        }
    }

    fn message(class: MessageClass, sender: Person, segments: Vec<Segment>) -> Message {
        Message {
            id: "10856".into(),
            sender,
            segments,
            text: "测试一下".into(),
            class,
            source: MessageSource::Api,
            attrs: Attrs::new(),
        }
    }

    fn received(segments: Vec<Segment>) -> Value {
        let message = message(MessageClass::Recv, person("@2372835507", "123456", "灰灰"), segments);
        let event = event(ChatKind::Group, "@@2617047292", None, EventBody::MessageReceived(message));
        of(&event, &roster()).unwrap()
    }

    #[test]
    fn a_group_message_is_reported_as_in_the_documents() {
        assert_eq!(
            received(vec![Segment::text("测试一下")]),
            json!({
                "time": "1442542632", "content": "测试一下", "class": "recv",
                "sender": "灰灰的名片", "sender_id": "@2372835507", "sender_name": "灰灰", "sender_uid": "123456",
                "receiver": "小灰", "receiver_id": "@4072574066", "receiver_name": "小灰", "receiver_uid": "123456",
                "group": "PERL学习交流", "group_id": "@@2617047292", "group_name": "PERL学习交流",
                "group_uid": "123456",
                "id": "10856", "type": "group_message", "format": "text", "post_type": "receive_message",
            })
        );
    }

    #[test]
    fn a_sent_message_says_to_whom_and_from_where() {
        let sent = message(MessageClass::Send, Person::clone(&roster().user), vec![Segment::text("x")]);
        let report =
            of(&event(ChatKind::Friend, "@9", None, EventBody::MessageSent(sent)), &roster()).unwrap();
        for (field, expected) in [
            ("post_type", "send_message"),
            ("class", "send"),
            ("type", "friend_message"),
            ("format", "text"),
            ("sender", "小灰"),
            ("receiver", "备注"),
            ("receiver_name", "朋友"),
            ("receiver_id", "@9"),
            ("receiver_uid", "90"),
            ("from", "api"),
            ("source", "local"),
            ("msg", "发送成功"),
        ] {
            assert_eq!(report[field], json!(expected), "{field}");
        }
        assert_eq!(report["code"], json!(0));
    }

    #[test]
    fn strangers_and_discusses_are_reported_with_where_it_was() {
        for (kind, id, via, expected) in [
            (
                ChatKind::Temporary,
                "@2372835507",
                Some("group/@@2617047292"),
                [
                    ("type", "sess_message"),
                    ("via", "group"),
                    ("group_id", "@@2617047292"),
                    ("receiver", "灰灰的名片"),
                ],
            ),
            (
                ChatKind::Temporary,
                "@8",
                Some("discuss/6"),
                [("type", "sess_message"), ("via", "discuss"), ("discuss_id", "6"), ("receiver", "名")],
            ),
            (
                ChatKind::Discuss,
                "6",
                None,
                [("type", "discuss_message"), ("discuss", "名"), ("discuss_id", "6"), ("class", "send")],
            ),
        ] {
            let sent = message(MessageClass::Send, Person::clone(&roster().user), vec![Segment::text("x")]);
            let report = of(&event(kind, id, via, EventBody::MessageSent(sent)), &roster()).unwrap();
            for (field, expected) in expected {
                assert_eq!(report[field], json!(expected), "{id} {field}");
            }
        }
    }

    #[test]
    fn the_format_says_what_a_message_is() {
        let media = Media {
            id: Some("22739".into()),
            name: Some("hello.jpg".into()),
            mime: Some("image/jpg".into()),
            size: Some(1_234_567),
            ..Media::default()
        };
        let report = received(vec![Segment::text("看"), Segment::Image(media)]);
        for (field, expected) in [
            ("format", "media"),
            ("media_id", "22739"),
            ("media_mime", "image/jpg"),
            ("media_name", "hello.jpg"),
            ("media_ext", "jpg"),
            ("media_size", "1234567"),
        ] {
            assert_eq!(report[field], json!(expected), "{field}");
        }
        let app = received(vec![Segment::AppCard { data: "<msg/>".into() }]);
        assert_eq!(app["format"], json!("app"));
        let card = received(vec![Segment::Other { kind: "card".into(), json: "{}".into() }]);
        assert_eq!(card["format"], json!("card"));
    }

    #[test]
    fn a_notice_has_no_sender() {
        let notice =
            EventBody::GroupNotice { author: None, text: "你邀请灰太狼加入了群聊".into() };
        let report = of(&event(ChatKind::Group, "@@2617047292", None, notice), &roster()).unwrap();
        for (field, expected) in [
            ("post_type", "receive_message"),
            ("type", "group_notice"),
            ("format", "text"),
            ("content", "你邀请灰太狼加入了群聊"),
            ("receiver", "小灰"),
            ("group", "PERL学习交流"),
        ] {
            assert_eq!(report[field], json!(expected), "{field}");
        }
        assert!(report.get("sender").is_none());
    }

    #[test]
    fn what_others_take_back_is_reported_and_what_the_account_takes_back_is_not() {
        let recalled = |who: Person| {
            let recall = Recall { message_id: "55".into(), sender: Some(who.clone()), by: Some(who) };
            of(&event(ChatKind::Friend, "@9", None, EventBody::Recalled(recall)), &roster())
        };
        let report = recalled(person("@9", "90", "朋友")).unwrap();
        for (field, expected) in
            [("type", "friend_message"), ("format", "revoke"), ("id", "55"), ("sender", "备注")]
        {
            assert_eq!(report[field], json!(expected), "{field}");
        }
        assert!(recalled(Person::clone(&roster().user)).is_none());
    }

    #[test]
    fn a_friend_request_carries_what_accepting_it_takes() {
        let from = person("@5", "50", "新人");
        let request = Request { id: "ticket".into(), from, text: "我是新人".into() };
        let mut event = event(ChatKind::Other, "", None, EventBody::FriendRequest(request));
        event.chat = None;
        assert_eq!(
            of(&event, &roster()).unwrap(),
            json!({
                "post_type": "event", "event": "friend_request", "params": ["@5", "新人", "我是新人", "ticket"],
            })
        );
    }

    #[test]
    fn comings_and_goings_carry_their_objects() {
        let membership =
            || Membership { who: person("@1", "10", "a"), by: None, cause: MembershipCause::Left };
        let friend = || person("@1", "10", "a");
        let known = "@@2617047292";
        for (kind, id, body, name, ids) in [
            (
                ChatKind::Group,
                known,
                EventBody::MemberJoined(membership()),
                "new_group_member",
                vec!["@1", known],
            ),
            (
                ChatKind::Group,
                known,
                EventBody::MemberLost(membership()),
                "lose_group_member",
                vec!["@1", known],
            ),
            (ChatKind::Group, known, EventBody::GroupJoined(membership()), "new_group", vec![known]),
            (ChatKind::Group, "@@77", EventBody::GroupLost(membership()), "lose_group", vec!["@@77"]),
            (ChatKind::Friend, "@1", EventBody::FriendJoined { who: friend() }, "new_friend", vec!["@1"]),
            (ChatKind::Friend, "@1", EventBody::FriendLost { who: friend() }, "lose_friend", vec!["@1"]),
        ] {
            let report = of(&event(kind, id, None, body), &roster()).unwrap();
            assert_eq!((&report["post_type"], &report["event"]), (&json!("event"), &json!(name)));
            let params = report["params"].as_array().unwrap();
            let found: Vec<_> = params.iter().map(|object| object["id"].as_str().unwrap()).collect();
            assert_eq!(found, ids, "{name}");
            assert!(params.iter().all(|object| object.get("member").is_none()), "{name}");
        }
        assert!(of(&event(ChatKind::Friend, "@1", None, EventBody::Stopped), &roster()).is_none());
        let elsewhere = EventBody::MemberJoined(membership());
        assert!(of(&event(ChatKind::Discuss, "6", None, elsewhere), &roster()).is_none());
    }
}
