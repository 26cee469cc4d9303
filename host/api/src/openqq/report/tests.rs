use mynah_model::event::MembershipCause;
use mynah_model::message::Segment;

use super::*;
use crate::report::samples::{self, person};

fn roster() -> Roster {
    let group = Group {
        id: "2617047292".into(),
        uid: Some("67890".into()),
        name: "PERL学习交流".into(),
        members: [person("2372835507", "456789", "灰灰")].into_iter().collect(),
        ..Group::default()
    };
    Roster {
        user: Arc::new(person("4072574066", "123456", "小灰")),
        friends: [Person { markname: Some("备注".into()), ..person("9", "90", "朋友") }]
            .into_iter()
            .collect(),
        groups: [group].into_iter().collect(),
        ..Roster::default()
    }
}

fn event(kind: ChatKind, id: &str, via: Option<&str>, body: EventBody) -> Event {
    samples::event("4072574066", kind, id, via, body)
}

fn message(class: MessageClass, sender: Person, source: MessageSource) -> Message {
    samples::message(class, sender, source, vec![Segment::text("测试一下")])
}

#[test]
fn a_group_message_is_reported_as_in_the_documents() {
    let received = message(MessageClass::Recv, person("2372835507", "456789", "灰灰"), MessageSource::Person);
    let event = event(ChatKind::Group, "2617047292", None, EventBody::MessageReceived(received));
    assert_eq!(
        of(&event, &roster()).unwrap(),
        json!({
            "time": "1442542632", "content": "测试一下", "class": "recv",
            "sender": "灰灰", "sender_id": "2372835507", "sender_uid": "456789",
            "receiver": "小灰", "receiver_id": "4072574066", "receiver_uid": "123456",
            "group": "PERL学习交流", "group_id": "2617047292", "group_uid": "67890",
            "id": "10856", "type": "group_message", "post_type": "receive_message",
        })
    );
}

#[test]
fn a_sent_message_says_to_whom_and_from_where() {
    let sent = |source| {
        let message = message(MessageClass::Send, Person::clone(&roster().user), source);
        of(&event(ChatKind::Friend, "9", None, EventBody::MessageSent(message)), &roster()).unwrap()
    };
    let report = sent(MessageSource::Api);
    for (field, expected) in [
        ("post_type", "send_message"),
        ("class", "send"),
        ("type", "friend_message"),
        ("sender", "小灰"),
        ("receiver", "备注"),
        ("receiver_id", "9"),
        ("receiver_uid", "90"),
        ("from", "api"),
    ] {
        assert_eq!(report[field], json!(expected), "{field}");
    }
    assert_eq!(sent(MessageSource::Script)["from"], json!("code"));
    assert_eq!(sent(MessageSource::Person)["from"], json!("none"));
}

#[test]
fn a_stranger_is_reported_with_where_they_were_met() {
    let sent = message(MessageClass::Send, Person::clone(&roster().user), MessageSource::Api);
    let body = EventBody::MessageSent(sent);
    let report =
        of(&event(ChatKind::Temporary, "2372835507", Some("group/2617047292"), body), &roster()).unwrap();
    assert_eq!(report["type"], json!("sess_message"));
    assert_eq!(report["via"], json!("group"));
    assert_eq!(report["group_uid"], json!("67890"));
    assert_eq!(report["receiver"], json!("灰灰"));
}

#[test]
fn comings_and_goings_carry_their_objects() {
    let membership = || Membership { who: person("1", "10", "a"), by: None, cause: MembershipCause::Left };
    for (kind, id, body, name, ids) in [
        (
            ChatKind::Group,
            "2617047292",
            EventBody::MemberJoined(membership()),
            "new_group_member",
            vec!["1", "2617047292"],
        ),
        (
            ChatKind::Group,
            "2617047292",
            EventBody::MemberLost(membership()),
            "lose_group_member",
            vec!["1", "2617047292"],
        ),
        (ChatKind::Discuss, "6", EventBody::MemberJoined(membership()), "new_discuss_member", vec!["1", "6"]),
        (ChatKind::Discuss, "6", EventBody::MemberLost(membership()), "lose_discuss_member", vec!["1", "6"]),
        (ChatKind::Group, "77", EventBody::GroupLost(membership()), "lose_group", vec!["77"]),
        (
            ChatKind::Group,
            "2617047292",
            EventBody::GroupJoined(membership()),
            "new_group",
            vec!["2617047292"],
        ),
        (ChatKind::Discuss, "6", EventBody::DiscussJoined(membership()), "new_discuss", vec!["6"]),
        (ChatKind::Discuss, "6", EventBody::DiscussLost(membership()), "lose_discuss", vec!["6"]),
        (
            ChatKind::Friend,
            "1",
            EventBody::FriendJoined { who: person("1", "10", "a") },
            "new_friend",
            vec!["1"],
        ),
        (
            ChatKind::Friend,
            "1",
            EventBody::FriendLost { who: person("1", "10", "a") },
            "lose_friend",
            vec!["1"],
        ),
    ] {
        let report = of(&event(kind, id, None, body), &roster()).unwrap();
        assert_eq!(report["post_type"], json!("event"));
        assert_eq!(report["event"], json!(name));
        let params = report["params"].as_array().unwrap();
        let found: Vec<_> = params.iter().map(|object| object["id"].as_str().unwrap()).collect();
        assert_eq!(found, ids, "{name}");
        assert!(params.iter().all(|object| object.get("member").is_none()), "{name}");
    }
    assert!(of(&event(ChatKind::Friend, "1", None, EventBody::Stopped), &roster()).is_none());
}
