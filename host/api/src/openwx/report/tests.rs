use mynah_model::clock::SystemClock;
use mynah_model::event::MembershipCause;
use mynah_model::message::Media;
use mynah_runtime::MediaConfig;

use super::*;
use crate::report::samples::{self, person};

/// With no picture or file at all in the host's folder.
fn of(event: &Event, roster: &Roster) -> Option<Value> {
    let store = MediaStore::open(MediaConfig::default(), Arc::new(SystemClock)).unwrap();
    super::of(event, roster, &store)
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
    samples::event("@4072574066", kind, id, via, body)
}

fn message(class: MessageClass, sender: Person, segments: Vec<Segment>) -> Message {
    samples::message(class, sender, MessageSource::Api, segments)
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
    let report = of(&event(ChatKind::Friend, "@9", None, EventBody::MessageSent(sent)), &roster()).unwrap();
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
    let notice = EventBody::GroupNotice { author: None, text: "你邀请灰太狼加入了群聊".into() };
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
    let membership = || Membership { who: person("@1", "10", "a"), by: None, cause: MembershipCause::Left };
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
        (ChatKind::Group, known, EventBody::MemberLost(membership()), "lose_group_member", vec!["@1", known]),
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
