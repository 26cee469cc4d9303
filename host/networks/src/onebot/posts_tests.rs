use mynah_model::address::ChatKind;
use mynah_model::event::{EventKind, MembershipCause};
use mynah_model::roster::{Group, Table};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::super::frame;
use super::*;

const NOW: UnixMs = 1_700_000_100_000;

fn roster() -> Roster {
    let person = |id: &str, name: &str| Person { id: id.into(), name: name.into(), ..Person::default() };
    let members: Table<Person> = [person("10001", "bot"), person("20002", "Ann")].into_iter().collect();
    let group = Group { id: "100".into(), name: "G".into(), members, ..Group::default() };
    Roster {
        user: std::sync::Arc::new(person("10001", "bot")),
        friends: [person("30003", "Fred")].into_iter().collect(),
        groups: [group].into_iter().collect(),
        ..Roster::default()
    }
}

fn read_text(text: &str) -> (Post, Oddities) {
    let (roster, oddities) = (roster(), Oddities::new("qq".parse().unwrap()));
    let frame = frame::read(text).unwrap();
    let post = Reader { self_id: 10001, now: NOW, roster: &roster, oddities: &oddities }.read(&frame, text);
    (post, oddities)
}

fn happened(event: Value) -> Happening {
    match read_text(&event.to_string()).0 {
        Post::Happened(happening) => *happening,
        other => panic!("{other:?} of {event}"),
    }
}

fn with(fields: Value) -> Value {
    let mut event =
        json!({ "time": 1_700_000_000, "self_id": 10001, "post_type": "notice", "group_id": 100 });
    event.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
    event
}

fn said(fields: Value) -> Value {
    let mut event = with(json!({
        "post_type": "message", "message_type": "group", "sub_type": "normal", "message_id": -13, "user_id": 20002,
        "message": [{ "type": "at", "data": { "qq": "10001" } }, { "type": "text", "data": { "text": " hi" } }],
        "raw_message": "[CQ:at,qq=10001] hi", "font": 0, "anonymous": null,
        "sender": { "user_id": 20002, "nickname": "Ann", "card": "", "role": "admin", "level": "1" },
    }));
    event.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
    event
}

#[test]
fn a_group_message_has_its_chat_its_sender_and_its_words() {
    let event = happened(said(json!({})));
    assert_eq!(event.time, 1_700_000_000_000);
    let chat = event.chat.unwrap();
    assert_eq!((chat.kind, chat.id.as_str(), chat.name.as_str()), (ChatKind::Group, "100", "G"));
    let EventBody::MessageReceived(message) = event.body else { panic!() };
    assert_eq!((message.id.as_str(), message.text.as_str()), ("-13", "@bot hi"));
    assert_eq!((message.sender.id.as_str(), message.sender.role), ("20002", Some(Role::Admin)));
    assert_eq!(message.sender.card, None);
}

#[test]
fn a_message_is_read_whatever_else_it_lacks() {
    for lacking in [
        json!({ "sender": null }),
        json!({ "sender": {} }),
        json!({ "sender": "Ann" }),
        json!({ "time": null }),
        json!({ "time": "soon" }),
        json!({ "self_id": null }),
        json!({ "self_id": "10001" }),
        json!({ "user_id": "20002", "group_id": "100", "message_id": "-13" }),
        json!({ "message": null, "raw_message": "[CQ:at,qq=10001] hi" }),
        json!({ "message": "[CQ:at,qq=10001] hi" }),
        json!({ "font": "x", "anonymous": [], "sub_type": null }),
    ] {
        let event = happened(said(lacking.clone()));
        let message = event.body.message().unwrap();
        assert_eq!((message.text.as_str(), message.sender.id.as_str()), ("@bot hi", "20002"), "{lacking}");
        assert!(event.time <= NOW, "{lacking}");
    }
    let ahead = happened(said(json!({ "time": 1_800_000_000 })));
    assert_eq!(ahead.time, NOW, "what comes from a wrong clock grows old too");
}

#[test]
fn private_messages_come_from_friends_from_groups_or_from_elsewhere() {
    let private = |fields: Value| {
        let mut event = said(json!({ "message_type": "private", "sub_type": "friend", "user_id": 30003 }));
        event.as_object_mut().unwrap().remove("group_id");
        event.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
        let chat = happened(event).chat.unwrap();
        (chat.kind, chat.id, chat.via)
    };
    let id = |id: &str| id.to_owned();
    assert_eq!(private(json!({})), (ChatKind::Friend, id("30003"), None));
    assert_eq!(private(json!({ "sub_type": "other" })), (ChatKind::Friend, id("30003"), None));
    let from_group = json!({ "sub_type": "group", "user_id": 5, "sender": { "group_id": "100" } });
    assert_eq!(private(from_group), (ChatKind::Temporary, id("5"), Some(id("group/100"))));
    assert_eq!(private(json!({ "sub_type": "group", "user_id": 5 })), (ChatKind::Other, id("5"), None));
    assert_eq!(private(json!({ "sub_type": "other", "user_id": 5 })), (ChatKind::Other, id("5"), None));
}

#[test]
fn own_messages_were_sent_by_the_account_to_whom_they_name() {
    for own in [json!({ "post_type": "message_sent", "user_id": 10001 }), json!({ "user_id": "10001" })] {
        let event = happened(said(own));
        let chat = event.chat.unwrap();
        assert_eq!((chat.kind, chat.id.as_str()), (ChatKind::Group, "100"));
        let EventBody::MessageSent(message) = event.body else { panic!() };
        assert_eq!((message.class, message.source), (MessageClass::Send, MessageSource::Person));
        assert_eq!((message.sender.id.as_str(), message.sender.name.as_str()), ("10001", "bot"));
        assert_eq!((message.sender.role, message.text.as_str()), (Some(Role::Admin), "@bot hi"));
    }
    let private = json!({ "post_type": "message_sent", "message_type": "private", "sub_type": "friend", "sender": null });
    for to in [
        json!({ "user_id": 10001, "target_id": 30003 }),
        json!({ "user_id": 30003 }),
        json!({ "user_id": 10001, "target_id": "30003" }),
    ] {
        let mut own = said(private.clone());
        own.as_object_mut().unwrap().extend(to.as_object().unwrap().clone());
        let event = happened(own);
        let chat = event.chat.unwrap();
        assert_eq!((chat.kind, chat.id.as_str(), chat.name.as_str()), (ChatKind::Friend, "30003", "Fred"));
        assert_eq!(event.body.message().unwrap().sender.id, "10001");
    }
}

#[test]
fn what_lacks_its_subject_is_counted() {
    for (event, oddity) in [
        (said(json!({ "post_type": "message_sent", "group_id": null })), Oddity::Incomplete),
        (
            said(json!({ "post_type": "message_sent", "message_type": "private", "user_id": 10001 })),
            Oddity::Incomplete,
        ),
        (said(json!({ "self_id": 10002 })), Oddity::OtherAccount),
        (said(json!({ "user_id": null })), Oddity::Incomplete),
        (said(json!({ "user_id": { "id": 1 } })), Oddity::Incomplete),
        (said(json!({ "group_id": 0 })), Oddity::Incomplete),
        (said(json!({ "message_type": "guild" })), Oddity::Incomplete),
        (with(json!({ "notice_type": "group_recall", "user_id": 1 })), Oddity::Incomplete),
        (with(json!({ "post_type": "request", "request_type": "friend", "user_id": 1 })), Oddity::Incomplete),
    ] {
        let (post, oddities) = read_text(&event.to_string());
        assert!(matches!(post, Post::Nothing), "{event}");
        assert_eq!(oddities.count(oddity), 1, "{event}");
    }
}

#[test]
fn every_notice_and_request_of_the_protocol_is_an_event() {
    use EventKind as Kind;
    for (fields, kind) in [
        (
            json!({ "notice_type": "group_increase", "sub_type": "approve", "operator_id": 7, "user_id": 8 }),
            Kind::MemberJoined,
        ),
        (
            json!({ "notice_type": "group_increase", "sub_type": "invite", "operator_id": 7, "user_id": 10001 }),
            Kind::GroupJoined,
        ),
        (
            json!({ "notice_type": "group_decrease", "sub_type": "leave", "operator_id": 8, "user_id": 8 }),
            Kind::MemberLost,
        ),
        (
            json!({ "notice_type": "group_decrease", "sub_type": "kick", "operator_id": 7, "user_id": 8 }),
            Kind::MemberLost,
        ),
        (
            json!({ "notice_type": "group_decrease", "sub_type": "kick_me", "operator_id": 7, "user_id": 10001 }),
            Kind::GroupLost,
        ),
        (
            json!({ "notice_type": "group_decrease", "sub_type": "disband", "operator_id": 7 }),
            Kind::GroupLost,
        ),
        (
            json!({ "notice_type": "group_ban", "sub_type": "ban", "operator_id": 7, "user_id": 8, "duration": 60 }),
            Kind::Muted,
        ),
        (
            json!({ "notice_type": "group_ban", "sub_type": "ban", "operator_id": 7, "user_id": 0, "duration": -1 }),
            Kind::Muted,
        ),
        (
            json!({ "notice_type": "group_ban", "sub_type": "lift_ban", "operator_id": 7, "user_id": 8, "duration": 0 }),
            Kind::Unmuted,
        ),
        (
            json!({ "notice_type": "group_ban", "sub_type": "ban", "user_id": 8, "duration": 0 }),
            Kind::Unmuted,
        ),
        (
            json!({ "notice_type": "group_ban", "sub_type": "lift_ban", "user_id": 0, "duration": 0 }),
            Kind::Unmuted,
        ),
        (json!({ "notice_type": "group_admin", "sub_type": "set", "user_id": 8 }), Kind::PropertyChanged),
        (
            json!({ "notice_type": "group_recall", "user_id": 8, "operator_id": 7, "message_id": -13 }),
            Kind::Recalled,
        ),
        (json!({ "notice_type": "friend_recall", "user_id": 30003, "message_id": 5 }), Kind::Recalled),
        (json!({ "notice_type": "friend_add", "user_id": 8 }), Kind::FriendJoined),
        (
            json!({ "notice_type": "group_card", "user_id": 8, "card_new": "a", "card_old": "" }),
            Kind::PropertyChanged,
        ),
        (
            json!({ "notice_type": "notify", "sub_type": "title", "user_id": 8, "title": "t" }),
            Kind::PropertyChanged,
        ),
        (
            json!({ "notice_type": "notify", "sub_type": "group_name", "user_id": 8, "name_new": "n" }),
            Kind::PropertyChanged,
        ),
        (json!({ "notice_type": "group_upload", "user_id": 8, "file": { "id": "x" } }), Kind::Other),
        (json!({ "notice_type": "notify", "sub_type": "poke", "user_id": 8, "target_id": 7 }), Kind::Other),
        (
            json!({ "notice_type": "notify", "sub_type": "lucky_king", "user_id": 8, "target_id": 7 }),
            Kind::Other,
        ),
        (
            json!({ "notice_type": "notify", "sub_type": "honor", "honor_type": "talkative", "user_id": 8 }),
            Kind::Other,
        ),
        (json!({ "notice_type": "essence", "sub_type": "add" }), Kind::Other),
        (json!({ "notice_type": "group_msg_emoji_like", "likes": [] }), Kind::Other),
        (json!({ "notice_type": "what_comes_next" }), Kind::Other),
        (json!({ "post_type": "what_comes_next" }), Kind::Other),
        (
            json!({ "post_type": "request", "request_type": "friend", "user_id": 8, "flag": "f", "comment": "hi" }),
            Kind::FriendRequest,
        ),
        (
            json!({ "post_type": "request", "request_type": "group", "sub_type": "add", "user_id": 8, "flag": 9 }),
            Kind::GroupRequest,
        ),
        (
            json!({ "post_type": "request", "request_type": "group", "sub_type": "invite", "user_id": 8, "flag": "f" }),
            Kind::GroupInvite,
        ),
        (json!({ "post_type": "request", "request_type": "what_comes_next", "flag": "f" }), Kind::Other),
    ] {
        assert_eq!(happened(with(fields.clone())).body.kind(), kind, "{fields}");
    }
}

#[test]
fn notices_say_who_did_it_and_for_how_long() {
    let muted = happened(with(
        json!({ "notice_type": "group_ban", "sub_type": "ban", "operator_id": 7, "user_id": "20002", "duration": "600" }),
    ));
    let EventBody::Muted(mute) = muted.body else { panic!() };
    assert_eq!(mute.seconds, Some(600));
    assert_eq!(mute.member.unwrap().name, "Ann", "the roster knows the name");
    assert_eq!(mute.by.unwrap().id, "7");

    let all = happened(with(
        json!({ "notice_type": "group_ban", "sub_type": "ban", "user_id": 0, "duration": -1 }),
    ));
    let EventBody::Muted(all) = all.body else { panic!() };
    assert_eq!((all.member, all.seconds), (None, None));

    let left = happened(with(
        json!({ "notice_type": "group_decrease", "sub_type": "leave", "operator_id": 8, "user_id": 8 }),
    ));
    let EventBody::MemberLost(left) = left.body else { panic!() };
    assert_eq!((left.cause, left.by), (MembershipCause::Left, None));

    let request = happened(with(
        json!({ "post_type": "request", "request_type": "group", "sub_type": "add", "user_id": 8, "flag": 9, "comment": "q\na" }),
    ));
    let EventBody::GroupRequest(request) = request.body else { panic!() };
    assert_eq!((request.id.as_str(), request.text.as_str()), ("add:8:9", "q\na"));
}

#[test]
fn unknown_events_are_kept_as_they_came_unless_they_are_huge() {
    let poke = with(json!({ "notice_type": "notify", "sub_type": "poke", "user_id": 20002, "target_id": 7 }));
    let EventBody::Other { kind, json } = happened(poke.clone()).body else { panic!() };
    assert_eq!((kind.as_str(), serde_json::from_str::<Value>(&json).unwrap()), ("notify/poke", poke));
    let huge = with(json!({ "notice_type": "x".repeat(1_000), "y": "y".repeat(limits::OTHER_BYTES) }));
    let EventBody::Other { kind, json } = happened(huge).body else { panic!() };
    assert_eq!((kind.len(), json.as_str()), (64, "{}"));
}

#[test]
fn heartbeats_say_how_the_account_is() {
    let meta = |fields: Value| {
        let mut event = json!({ "post_type": "meta_event", "self_id": 10001, "time": NOW / 1_000 });
        event.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
        match read_text(&event.to_string()) {
            (Post::Alive { online, interval }, oddities) => (online, interval, oddities.count(Oddity::Clock)),
            (other, _) => panic!("{other:?}"),
        }
    };
    let beat = |online: Value| json!({ "meta_event_type": "heartbeat", "interval": 15_000, "status": { "online": online } });
    assert_eq!(meta(beat(json!(true))), (Some(true), Some(Duration::from_secs(15)), 0));
    assert_eq!(meta(beat(json!(false))).0, Some(false));
    assert_eq!(meta(beat(json!(null))).0, None);
    assert_eq!(meta(json!({ "meta_event_type": "lifecycle", "sub_type": "connect" })), (None, None, 0));
    assert_eq!(
        meta(json!({ "meta_event_type": "heartbeat", "status": null, "interval": -5 })),
        (None, None, 0)
    );
    assert_eq!(meta(json!({ "time": 1_600_000_000 })).2, 1, "a clock that is years off is worth a word");
    let gone =
        with(json!({ "notice_type": "bot_offline", "user_id": 10001, "tag": "t", "message": "kicked off" }));
    assert!(matches!(read_text(&gone.to_string()).0, Post::Offline(why) if why == "kicked off"));
}

/// Values of every type, and texts that mean something somewhere in the protocol.
fn any_value() -> impl Strategy<Value = Value> {
    let text = prop_oneof![
        Just("all".to_owned()),
        Just("-1".to_owned()),
        Just("[CQ:at,qq=1]".to_owned()),
        Just("[CQ:".to_owned()),
        Just("https://h".to_owned()),
        ".{0,12}",
    ];
    let plain = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        text.prop_map(Value::from),
    ];
    let key = prop_oneof![
        Just("type".to_owned()),
        Just("data".to_owned()),
        Just("qq".to_owned()),
        Just("text".to_owned()),
        Just("user_id".to_owned()),
        Just("online".to_owned()),
        "[a-z]{1,4}",
    ];
    plain.prop_recursive(4, 32, 6, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            prop::collection::btree_map(key.clone(), inner, 0..6).prop_map(|map| map.into_iter().collect()),
        ]
    })
}

const FIELDS: [&str; 24] = [
    "post_type",
    "message_type",
    "notice_type",
    "request_type",
    "meta_event_type",
    "sub_type",
    "time",
    "self_id",
    "user_id",
    "group_id",
    "operator_id",
    "message_id",
    "message",
    "raw_message",
    "sender",
    "anonymous",
    "duration",
    "card_new",
    "name_new",
    "title",
    "flag",
    "interval",
    "status",
    "data",
];

proptest! {
    /// Whatever stands in an event, it comes to something, and what comes out of it goes into the journal and back.
    #[test]
    fn no_event_is_too_odd(changes in prop::collection::vec((prop::sample::select(&FIELDS[..]), any_value()), 0..5), notice in any::<prop::sample::Index>()) {
        let kinds = ["group_increase", "group_decrease", "group_ban", "group_admin", "group_recall", "friend_add", "group_card", "notify"];
        let base = [said(json!({})), with(json!({ "notice_type": kinds[notice.index(kinds.len())], "user_id": 8, "operator_id": 7 }))];
        for mut event in base {
            for (field, value) in &changes {
                event[*field] = value.clone();
            }
            if let Post::Happened(happening) = read_text(&event.to_string()).0 {
                let json = serde_json::to_string(&happening.body).unwrap();
                prop_assert_eq!(serde_json::from_str::<EventBody>(&json).unwrap(), happening.body);
                prop_assert!(happening.time <= NOW);
            }
        }
    }

    /// What is cut or changed anywhere is read or refused.
    #[test]
    fn no_frame_is_too_broken(at in any::<prop::sample::Index>(), cut in any::<bool>(), put in ".{0,8}") {
        let text = said(json!({ "message": "[CQ:at,qq=1]x&amp;" })).to_string();
        let at = at.index(text.len());
        let (Some(before), Some(after)) = (text.get(..at), text.get(at..)) else { return Ok(()) };
        let broken = if cut { format!("{before}{put}") } else { format!("{before}{put}{after}") };
        let (roster, oddities) = (roster(), Oddities::new("qq".parse().unwrap()));
        if let Ok(frame) = frame::read(&broken) {
            let reader = Reader { self_id: 10001, now: NOW, roster: &roster, oddities: &oddities };
            drop(reader.read(&frame, &broken));
            drop(crate::onebot::answers::Answer::read(&frame));
        }
    }
}
