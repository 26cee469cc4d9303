//! People who talk, come, go and change.

use std::sync::Arc;

use mynah_model::address::{ChatKind, ChatRef};
use mynah_model::event::{EventBody, EventKind, MembershipCause};
use mynah_model::message::{Media, MessageClass, MessageSource, Segment};
use mynah_model::roster::Role;
use mynah_networks::sim::{Say, Sim, SimConfig, SimError, builtin};

use crate::stage::{START, Stage, group, kinds};

#[tokio::test]
async fn people_talk_in_every_kind_of_chat() {
    let stage = Stage::qq().await;
    let cases = [
        (Say::friend("123456", "hi"), ChatKind::Friend, "2457053936", "xxx", "2457053936"),
        (Say::group("552603", "456789", "hi"), ChatKind::Group, "2617047292", "PERL学习交流", "2372835507"),
        (Say::discuss("4118239384", "7891", "hi"), ChatKind::Discuss, "4118239384", "测试", "456789"),
        (Say::temporary("2372835507", "hi"), ChatKind::Temporary, "2372835507", "灰灰的名片", "2372835507"),
    ];
    for (say, kind, id, name, sender) in cases {
        let said = stage.sim.say(say).await.unwrap();
        let happening = stage.account.last();
        let chat = happening.chat.unwrap();
        assert_eq!((chat.kind, chat.id.as_str(), chat.name.as_str()), (kind, id, name));
        assert_eq!(chat.via.as_deref(), (kind == ChatKind::Temporary).then_some("group/2617047292"));
        assert_eq!((happening.time, happening.consequence), (START, None));
        let EventBody::MessageReceived(message) = happening.body else { panic!() };
        assert_eq!((message.id, message.sender.id.as_str()), (said.message_id, sender));
        assert_eq!((message.class, message.source), (MessageClass::Recv, MessageSource::Person));
        assert_eq!((message.text.as_str(), message.segments), ("hi", vec![Segment::text("hi")]));
        assert_eq!(usize::try_from(said.seq.0).unwrap(), stage.account.told().len());
    }
}

#[tokio::test]
async fn a_sender_has_card_and_role_and_not_the_whole_profile() {
    let stage = Stage::qq().await;
    stage.sim.say(Say::group("552603", "456789", "hi")).await.unwrap();
    let EventBody::MessageReceived(message) = stage.account.last().body else { panic!() };
    assert_eq!(message.sender.card.as_deref(), Some("灰灰的名片"));
    assert_eq!(message.sender.role, Some(Role::Member));
    assert!(message.sender.attrs.is_empty());
}

#[tokio::test]
async fn mentions_in_a_group_are_segments() {
    let stage = Stage::qq().await;
    stage.sim.say(Say::group("552603", "456789", "@小灰 在吗 @2832277643")).await.unwrap();
    let EventBody::MessageReceived(message) = stage.account.last().body else { panic!() };
    let mention = |id: &str, name: &str| Segment::Mention { id: id.into(), name: name.into() };
    let expected =
        vec![mention("1234567", "小灰"), Segment::text(" 在吗 "), mention("2832277643", "测试成员")];
    assert_eq!(message.segments, expected);
    assert_eq!(message.text, "@小灰 在吗 @测试成员");
}

#[tokio::test]
async fn a_message_can_be_given_piece_by_piece_and_late() {
    let stage = Stage::qq().await;
    let segments = Some(vec![Segment::Image(Media::default())]);
    let time = Some(START - 600_000);
    stage.sim.say(Say { segments, time, ..Say::friend("123456", "@ignored") }).await.unwrap();
    let happening = stage.account.last();
    assert_eq!(happening.time, START - 600_000);
    assert_eq!(happening.body.message().unwrap().text, "[image]");
}

#[tokio::test]
async fn who_cannot_speak_is_told_who_could() {
    let stage = Stage::qq().await;
    let nobody = Say { sender: None, ..Say::group("552603", "", "hi") };
    let cases = [
        (
            Say::friend("1", "hi"),
            "no friend `1`; there is xxx (2457053936), 哈哈 (2475249571), 灰灰😀🐺 (3001234567)",
        ),
        (
            Say::group("1", "2", "hi"),
            "no group `1`; there is PERL学习交流 (2617047292), Rust中文社区🦀 (2617047293)",
        ),
        (Say::discuss("1", "2", "hi"), "no discuss `1`; there is 测试 (4118239384)"),
        (Say::temporary("1", "hi"), "no temporary `1`; there is every member of a group or discuss"),
        (
            Say::temporary("1234567", "hi"),
            "no temporary `1234567`; there is every member of a group or discuss",
        ),
        (
            Say::group("67890", "1", "hi"),
            "nobody `1` in group Rust中文社区🦀 (2617047293); there is 小灰 (1234567), 蟹老板 (2900000001), 海绵宝宝 (2900000002)",
        ),
        (
            nobody,
            "who says it? group PERL学习交流 (2617047292) has several members, for example 灰灰的名片 (2372835507), 测试成员 (2832277643), 管理员 (2832277644), 🐼 \"熊猫\" (2832277645)",
        ),
        (
            Say::group("552603", "1234567", "hi"),
            "小灰 (1234567) is the account itself: it speaks through the API",
        ),
        (Say::friend("123456", ""), "the message is empty: it needs a text, a picture or a mention"),
    ];
    for (say, expected) in cases {
        assert_eq!(stage.sim.say(say).await.unwrap_err().to_string(), expected);
    }
    assert_eq!(kinds(&stage.account.happenings()), [EventKind::Login], "nothing happened");
}

#[tokio::test]
async fn people_come_and_go() {
    let stage = Stage::qq().await;
    let perl = group("552603");
    stage.sim.join(&perl, "2457053936", None).await.unwrap();
    let EventBody::MemberJoined(joined) = stage.account.last().body else { panic!() };
    assert_eq!((joined.who.name.as_str(), joined.who.role), ("测试帐号1", Some(Role::Member)));
    assert_eq!((joined.cause, joined.by), (MembershipCause::Joined, None));
    assert_eq!(joined.who.attrs["join_time"], (START / 1000).to_string());
    assert!(!joined.who.attrs.contains_key("vip_level"), "that is the friend's, not the member's");

    stage.sim.join(&perl, "424242", Some("新人")).await.unwrap();
    let newcomer = stage.account.roster().member("2617047292", "424242").cloned().unwrap();
    assert_eq!((newcomer.name.as_str(), newcomer.uid.as_deref()), ("新人", Some("424242")));
    let twice = stage.sim.join(&perl, "424242", None).await.unwrap_err().to_string();
    assert_eq!(twice, "新人 (424242) is in group PERL学习交流 (2617047292) already");
    let hostile = stage.sim.join(&perl, "a\nb", None).await.unwrap_err().to_string();
    assert!(hostile.ends_with("cannot be the id of a person: 1 to 80 characters without white space"));

    stage.sim.leave(&perl, "424242", None).await.unwrap();
    let EventBody::MemberLost(lost) = stage.account.last().body else { panic!() };
    assert_eq!((lost.cause, lost.by), (MembershipCause::Left, None));
    stage.sim.leave(&perl, "2457053936", Some("2832277644")).await.unwrap();
    let EventBody::MemberLost(lost) = stage.account.last().body else { panic!() };
    assert_eq!((lost.cause, lost.by.unwrap().id.as_str()), (MembershipCause::Kicked, "2832277644"));
    let not_allowed = stage.sim.leave(&perl, "2832277644", Some("456789")).await;
    assert!(matches!(not_allowed, Err(SimError::Refused(_))), "{not_allowed:?}");

    let discuss = ChatRef { kind: ChatKind::Discuss, id: "4118239384".into() };
    stage.sim.join(&discuss, "123456", None).await.unwrap();
    stage.sim.leave(&discuss, "7891", None).await.unwrap();
    let friend = ChatRef { kind: ChatKind::Friend, id: "123456".into() };
    assert!(stage.sim.join(&friend, "424242", None).await.is_err());
    stage.assert_account_knows_the_world();
}

#[tokio::test]
async fn an_owner_stays_until_the_group_is_somebody_elses() {
    let stage = Stage::qq().await;
    let rust = group("67890");
    let refused = stage.sim.leave(&rust, "2900001", None).await.unwrap_err().to_string();
    assert!(refused.ends_with("give it to another member first"), "{refused}");
    stage.sim.set_role("67890", "1234567", Role::Owner).await.unwrap();
    assert_eq!(stage.account.roster().groups.get("2617047293").unwrap().role, Some(Role::Owner));
    stage.sim.leave(&rust, "2900001", None).await.unwrap();
    let demoted = stage.sim.set_role("67890", "1234567", Role::Member).await.unwrap_err().to_string();
    assert!(demoted.ends_with("make another member the owner instead"), "{demoted}");
    stage.assert_account_knows_the_world();
}

#[tokio::test]
async fn the_account_loses_a_group_and_finds_it_again_as_it_is_by_then() {
    let stage = Stage::qq().await;
    let rust = group("2617047293");
    stage.sim.leave(&rust, "1234567", Some("2900001")).await.unwrap();
    let EventBody::GroupLost(lost) = stage.account.last().body else { panic!() };
    assert_eq!((lost.who.id.as_str(), lost.cause), ("1234567", MembershipCause::Kicked));
    assert!(stage.account.roster().groups.get("2617047293").is_none());
    stage.assert_account_knows_the_world();
    let gone = stage.sim.say(Say::group("67890", "2900002", "hi")).await;
    assert!(matches!(gone, Err(SimError::ChatUnknown { .. })));

    stage.sim.join(&group("67890"), "1234567", None).await.unwrap();
    assert_eq!(stage.account.last().body.kind(), EventKind::GroupJoined);
    stage.assert_account_knows_the_world();
    let found = stage.account.roster();
    let found = found.groups.get("2617047293").unwrap();
    assert_eq!((found.members.len(), found.role), (3, Some(Role::Member)));
    stage.sim.say(Say::group("67890", "2900002", "欢迎回来")).await.unwrap();
    let again = stage.sim.join(&rust, "1234567", None).await.unwrap_err().to_string();
    assert_eq!(again, "the account is in group Rust中文社区🦀 (2617047293) already");
}

#[tokio::test]
async fn cards_and_roles_change() {
    let stage = Stage::qq().await;
    stage.sim.set_card("552603", "456789", "新名片").await.unwrap();
    let EventBody::PropertyChanged(change) = stage.account.last().body else { panic!() };
    assert_eq!(change.property, "card");
    assert_eq!((change.old.as_deref(), change.new.as_deref()), (Some("灰灰的名片"), Some("新名片")));
    stage.sim.set_role("552603", "456789", Role::Admin).await.unwrap();
    let EventBody::PropertyChanged(change) = stage.account.last().body else { panic!() };
    assert_eq!((change.property.as_str(), change.new.as_deref()), ("role", Some("admin")));
    let again = stage.sim.set_role("552603", "456789", Role::Admin).await.unwrap_err();
    assert_eq!(again.to_string(), "nothing changed: it is so already");
    stage.assert_account_knows_the_world();
}

#[tokio::test]
async fn friends_are_made_and_lost_and_asked_for() {
    let stage = Stage::qq().await;
    stage.sim.friend_request("424242", Some("新人"), "我是新人").await.unwrap();
    let happening = stage.account.last();
    let EventBody::FriendRequest(request) = happening.body else { panic!() };
    assert_eq!(
        (happening.chat, request.from.name.as_str(), request.text.as_str()),
        (None, "新人", "我是新人")
    );
    stage.sim.befriend("424242", Some("新人")).await.unwrap();
    assert_eq!(stage.account.last().body.kind(), EventKind::FriendJoined);
    stage.sim.say(Say::friend("424242", "你好")).await.unwrap();
    assert!(stage.sim.befriend("424242", None).await.is_err());
    assert!(stage.sim.friend_request("424242", None, "again").await.is_err());
    stage.sim.unfriend("424242").await.unwrap();
    stage.sim.say(Say::friend("424242", "?")).await.unwrap_err();
    stage.sim.group_request("552603", "424242", None, "让我进来").await.unwrap();
    let EventBody::GroupRequest(request) = stage.account.last().body else { panic!() };
    assert_eq!(request.from.name, "新人", "the same person as before");
    assert!(stage.sim.group_request("552603", "456789", None, "").await.is_err(), "is in already");
    stage.assert_account_knows_the_world();
}

#[tokio::test]
async fn the_built_in_world_can_be_talked_in_at_once() {
    let stage = Stage::running(SimConfig::default().roster).await;
    let first = builtin::roster().groups.iter().next().cloned().unwrap();
    assert!(first.role >= Some(Role::Admin), "a newcomer's rules may moderate there");
    stage.sim.say(Say::group("552603", "456789", "@小灰 ping")).await.unwrap();
    stage.sim.say(Say::group("100200", "21999", "ping")).await.unwrap();
    for say in stage.sim.chatter(200) {
        stage.sim.say(say).await.unwrap();
    }
    assert_eq!(stage.heard().len(), 202);
}

#[tokio::test]
async fn talking_in_a_large_group_copies_nothing_of_it() {
    let stage = Stage::running(builtin::roster()).await;
    let before = stage.sim.roster().groups.get("100200").cloned().unwrap();
    stage.sim.say(Say::group("100200", "21999", "ping")).await.unwrap();
    let after = stage.sim.roster().groups.get("100200").cloned().unwrap();
    assert!(Arc::ptr_eq(&before, &after));
}

#[test]
fn the_world_is_shared_between_tasks() {
    fn shared<T: Send + Sync + 'static>() {}
    shared::<Sim>();
}
