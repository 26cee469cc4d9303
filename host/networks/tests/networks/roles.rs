//! What the account may do, by its role and the target's, and what becomes of it.

use mynah_model::action::{ActionBody, When};
use mynah_model::address::{ChatKind, ChatRef};
use mynah_model::clock::Clock;
use mynah_model::event::{EventBody, EventKind, MembershipCause};
use mynah_model::message::Media;
use mynah_model::names::Seq;
use mynah_model::roster::{Role, Roster};
use mynah_networks::sim::{Say, SimError};
use mynah_networks::{Network, NetworkError, Receipt, roster_file};
use serde_json::json;

use crate::stage::{Stage, act, fixture, group, kinds, send};

/// A group of an owner, two admins and two members, in which the account has this role.
fn roster(own: &str) -> Roster {
    let member = |id: &str, role: &str| {
        let name = if id == "me" { "小灰" } else { id };
        json!({"id": id, "uid": format!("1{id}"), "name": name, "role": role})
    };
    let owner = if own == "owner" { "member" } else { "owner" };
    let members = json!([
        member("me", own),
        member("owner", owner),
        member("admin", "admin"),
        member("member", "member"),
        member("other", "member"),
    ]);
    let file = json!({
        "user": {"id": "me", "name": "小灰"},
        "friends": [{"id": "friend", "name": "Alice"}, {"id": "member", "name": "member"}],
        "groups": [{"id": "g", "name": "群", "member": members}],
        "discusses": [{"id": "d", "name": "闲聊", "member": [member("me", "member"), member("other", "member")]}],
    });
    roster_file::parse(file.to_string().as_bytes(), "r.json").unwrap()
}

fn shutup(member: &str, seconds: u32) -> ActionBody {
    ActionBody::Shutup { members: vec![member.into()], seconds }
}

fn kick(member: &str, reject_again: bool) -> ActionBody {
    ActionBody::Kick { members: vec![member.into()], reject_again }
}

fn card(member: &str) -> ActionBody {
    ActionBody::SetCard { member: member.into(), card: "新名片".into() }
}

fn refusal<T: std::fmt::Debug>(result: Result<T, NetworkError>) -> String {
    match result {
        Err(NetworkError::Refused(text)) => text,
        other => panic!("{other:?}"),
    }
}

type Deed = fn(&str) -> ActionBody;

#[tokio::test]
async fn roles_decide_what_is_done() {
    let deeds: [(&str, Deed); 3] =
        [("shutup", |who| shutup(who, 60)), ("kick", |who| kick(who, false)), ("set-card", card)];
    // Own role, target, whether it is done.
    let table = [
        ("owner", "admin", true),
        ("owner", "member", true),
        ("admin", "owner", false),
        ("admin", "admin", false),
        ("admin", "member", true),
        ("member", "owner", false),
        ("member", "admin", false),
        ("member", "member", false),
    ];
    for (own, target, allowed) in table {
        for (name, deed) in deeds {
            let stage = Stage::running(roster(own)).await;
            let before = stage.account.happenings().len();
            let result = stage.act("g", deed(target)).await;
            assert_eq!(result.is_ok(), allowed, "{own} does {name} to {target}: {result:?}");
            let reported = stage.account.happenings().len() - before;
            assert_eq!(reported, usize::from(allowed), "{own} does {name} to {target}");
            stage.assert_account_knows_the_world();
        }
        let stage = Stage::running(roster(own)).await;
        for (name, body) in [
            ("shutup-all", ActionBody::ShutupAll { on: true }),
            ("set-group-name", ActionBody::SetGroupName { name: "新群名".into() }),
        ] {
            let result = stage.act("g", body).await;
            assert_eq!(result.is_ok(), own != "member", "{own} does {name}: {result:?}");
        }
    }
}

#[tokio::test]
async fn refusals_name_who_and_why() {
    let stage = Stage::running(roster("admin")).await;
    let cases = [
        (shutup("owner", 60), "owner is owner: 小灰 (me), who is admin, may not mute them"),
        (shutup("me", 60), "nobody can mute themselves: 小灰 (me)"),
        (shutup("member", 59), "a mute of 59 s: it lasts 60 to 2592000 s"),
        (shutup("member", 2_592_001), "a mute of 2592001 s: it lasts 60 to 2592000 s"),
        (
            shutup("nobody", 60),
            "nobody `nobody` in group 群 (g); there is 小灰 (me), owner, admin, member, other",
        ),
        (kick("me", false), "nobody can kick themselves: 小灰 (me)"),
        (ActionBody::Kick { members: vec![], reject_again: false }, "no members are named to kick"),
        (ActionBody::SetGroupName { name: " ".into() }, "the new group name is empty"),
        (
            ActionBody::SetCard { member: "member".into(), card: "长".repeat(61) },
            "this card cannot be: at most 60 characters, no control characters",
        ),
        (
            ActionBody::Invite { friends: vec!["other".into()] },
            "no friend `other`; there is Alice (friend), member",
        ),
        (ActionBody::Recall { message_id: "1".into() }, "no message `1` in group 群 (g), or too long ago"),
        (
            ActionBody::Send { segments: vec![] },
            "the message is empty: it needs a text, a picture or a mention",
        ),
        (
            ActionBody::SendMedia { media: Media::default() },
            "the media is empty: it needs an id, a url or a path",
        ),
        (send(&"长".repeat(30_000)), "a message of 90000 bytes is too long: at most 65536"),
    ];
    for (body, expected) in cases {
        assert_eq!(refusal(stage.act("g", body).await), expected);
    }
    let unknown = stage.act("552603", shutup("member", 60)).await;
    assert_eq!(refusal(unknown), "no group `552603`; there is 群 (g)");
    let friend = stage.sim.perform(&act(ChatKind::Friend, "friend", kick("friend", false))).await;
    assert!(refusal(friend).starts_with("friend Alice (friend) is no group"));
    let demoted = Stage::running(roster("member")).await;
    let text = refusal(demoted.act("g", kick("other", false)).await);
    assert_eq!(
        text,
        "小灰 (me) is an ordinary member of 群 (g): only the owner and the admins may kick members"
    );
}

#[tokio::test]
async fn what_is_asked_of_several_is_done_to_all_or_to_none() {
    let stage = Stage::running(roster("admin")).await;
    let members = vec!["member".into(), "admin".into()];
    refusal(stage.act("g", ActionBody::Shutup { members, seconds: 60 }).await);
    assert_eq!(stage.sim.roster().member("g", "member").unwrap().shutup_until, None);
    let members = vec!["member".into(), "1other".into(), "1member".into()];
    stage.act("g", ActionBody::Shutup { members, seconds: 60 }).await.unwrap();
    let happenings = stage.account.happenings();
    assert_eq!(kinds(&happenings[1..]), [EventKind::Muted, EventKind::Muted], "each once");
}

#[tokio::test]
async fn what_an_act_changes_is_reported_as_its_consequence() {
    let stage = Stage::running(roster("owner")).await;
    stage.act("g", kick("member", false)).await.unwrap();
    let happening = stage.account.last();
    let consequence = happening.consequence.unwrap();
    assert_eq!((consequence.cause, consequence.depth, consequence.by_script), (Some(Seq(4711)), 2, None));
    let chat = happening.chat.unwrap();
    assert_eq!((chat.kind, chat.id.as_str(), chat.name.as_str()), (ChatKind::Group, "g", "群"));
    let EventBody::MemberLost(lost) = happening.body else { panic!("{:?}", happening.body) };
    assert_eq!((lost.who.id.as_str(), lost.cause), ("member", MembershipCause::Kicked));
    assert_eq!(lost.by.unwrap().id, "me");
    assert!(stage.account.roster().member("g", "member").is_none());
}

#[tokio::test]
async fn a_mute_holds_until_its_time_is_over() {
    let stage = Stage::running(roster("admin")).await;
    let say = || stage.sim.say(Say::group("g", "member", "hi"));
    say().await.unwrap();
    stage.act("g", shutup("member", 60)).await.unwrap();
    stage.clock.advance(59_999);
    let refused = say().await.unwrap_err();
    assert_eq!(refused.to_string(), "member is muted in group 群 (g) for another 1 s");
    assert!(matches!(refused, SimError::Muted { until, .. } if until == stage.clock.now() + 1));
    stage.clock.advance(1);
    say().await.unwrap();

    stage.act("g", shutup("member", 600)).await.unwrap();
    say().await.unwrap_err();
    let members = vec!["member".to_owned(), "other".to_owned()];
    stage.act("g", ActionBody::Unshutup { members }).await.unwrap();
    assert_eq!(stage.account.last().body.kind(), EventKind::Unmuted);
    say().await.unwrap();
    stage.assert_account_knows_the_world();
}

#[tokio::test]
async fn when_everybody_is_muted_the_owner_and_the_admins_can_speak() {
    let stage = Stage::running(roster("admin")).await;
    stage.act("g", ActionBody::ShutupAll { on: true }).await.unwrap();
    let before = stage.account.happenings().len();
    stage.act("g", ActionBody::ShutupAll { on: true }).await.unwrap();
    assert_eq!(stage.account.happenings().len(), before, "it was so already");
    stage.sim.say(Say::group("g", "owner", "hi")).await.unwrap();
    stage.act("g", send("hi")).await.unwrap();
    let refused = stage.sim.say(Say::group("g", "member", "hi")).await.unwrap_err();
    assert_eq!(refused, SimError::AllMuted { place: "group 群 (g)".into() });
    stage.act("g", ActionBody::ShutupAll { on: false }).await.unwrap();
    stage.sim.say(Say::group("g", "member", "hi")).await.unwrap();
    stage.assert_account_knows_the_world();
}

#[tokio::test]
async fn a_muted_account_cannot_send() {
    let stage = Stage::running(roster("member")).await;
    stage.sim.shutup("g", "me", Some(60), "owner").await.unwrap();
    assert_eq!(
        refusal(stage.act("g", send("hi")).await),
        "小灰 (me) is muted in group 群 (g) for another 60 s"
    );
    let elsewhere = stage.sim.perform(&act(ChatKind::Discuss, "d", send("hi"))).await;
    assert!(elsewhere.is_ok());
    stage.sim.shutup("g", "me", None, "admin").await.unwrap();
    stage.act("g", send("hi")).await.unwrap();
    let refused = stage.sim.shutup("g", "owner", Some(60), "admin").await.unwrap_err();
    assert!(matches!(refused, SimError::Refused(_)), "people are under the same rules: {refused}");
}

#[tokio::test]
async fn who_was_kicked_can_come_back_unless_it_was_for_good() {
    let stage = Stage::running(roster("owner")).await;
    stage.act("g", kick("member", false)).await.unwrap();
    stage.sim.join(&group("g"), "1member", None).await.unwrap();
    assert_eq!(stage.sim.roster().member("g", "member").unwrap().role, Some(Role::Member));
    stage.act("g", kick("1member", true)).await.unwrap();
    let refused = stage.sim.join(&group("g"), "1member", None).await.unwrap_err().to_string();
    assert_eq!(refused, "member cannot come into group 群 (g): was kicked from it and is refused for good");
    let invited = stage.act("g", ActionBody::Invite { friends: vec!["member".into()] }).await;
    assert!(refusal(invited).contains("refused for good"));
    stage.sim.reset().await;
    stage.assert_account_knows_the_world();
    assert!(stage.account.roster().member("g", "member").is_some());
}

#[tokio::test]
async fn messages_are_taken_back_in_time_or_by_who_may() {
    let stage = Stage::running(roster("admin")).await;
    let recall = |id: &str| ActionBody::Recall { message_id: id.to_owned() };
    let own = stage.act("g", send("oops")).await.unwrap().message_id.unwrap();
    let by_member = stage.sim.say(Say::group("g", "member", "spam")).await.unwrap().message_id;
    let by_owner = stage.sim.say(Say::group("g", "owner", "news")).await.unwrap().message_id;
    stage.clock.advance(120_000);
    stage.act("g", recall(&own)).await.unwrap();
    let EventBody::Recalled(recalled) = stage.account.last().body else { panic!() };
    assert_eq!((recalled.message_id, recalled.sender.unwrap().id.as_str()), (own.clone(), "me"));
    assert!(refusal(stage.act("g", recall(&own)).await).ends_with("was taken back already"));
    stage.clock.advance(600_000);
    stage.act("g", recall(&by_member)).await.unwrap();
    assert!(refusal(stage.act("g", recall(&by_owner)).await).starts_with("owner is owner"));

    let friendly = act(ChatKind::Friend, "friend", send("hi"));
    let sent = stage.sim.perform(&friendly).await.unwrap().message_id.unwrap();
    let elsewhere = stage.act("g", recall(&sent)).await;
    assert!(refusal(elsewhere).starts_with("no message"), "it is in another chat");
    stage.clock.advance(120_001);
    let late = stage.sim.perform(&act(ChatKind::Friend, "friend", recall(&sent))).await;
    assert!(refusal(late).ends_with("older than 120 s: too late to take it back"));
}

#[tokio::test]
async fn friends_are_invited_once() {
    let stage = Stage::running(roster("member")).await;
    let friends = vec!["friend".to_owned(), "member".into(), "friend".into()];
    stage.act("g", ActionBody::Invite { friends }).await.unwrap();
    let happenings = stage.account.happenings();
    assert_eq!(kinds(&happenings[1..]), [EventKind::MemberJoined], "the other one was in already");
    let EventBody::MemberJoined(joined) = &happenings[1].body else { panic!() };
    assert_eq!((joined.cause, joined.by.as_ref().unwrap().id.as_str()), (MembershipCause::Invited, "me"));
    assert_eq!(stage.account.roster().member("g", "friend").unwrap().role, Some(Role::Member));
}

#[tokio::test]
async fn names_and_cards_change_for_everybody() {
    let stage = Stage::running(roster("owner")).await;
    stage.act("g", card("me")).await.unwrap();
    stage.act("g", ActionBody::SetCard { member: "me".into(), card: String::new() }).await.unwrap();
    assert_eq!(stage.account.roster().member("g", "me").unwrap().card, None);
    stage.act("g", ActionBody::SetGroupName { name: "新群名".into() }).await.unwrap();
    assert_eq!(stage.account.roster().groups.get("g").unwrap().name, "新群名");
    let rename = ActionBody::SetGroupName { name: "周末".into() };
    stage.sim.perform(&act(ChatKind::Discuss, "d", rename)).await.unwrap();
    assert_eq!(stage.account.roster().discusses.get("d").unwrap().name, "周末");
    let before = stage.account.happenings().len();
    stage.act("g", ActionBody::SetGroupName { name: "新群名".into() }).await.unwrap();
    assert_eq!(stage.account.happenings().len(), before, "it is called so already");
}

#[tokio::test]
async fn sending_answers_with_an_id_and_reports_nothing() {
    let stage = Stage::running(roster("member")).await;
    let media = Media { url: Some("https://example.com/a.png".into()), ..Media::default() };
    let mut ids = Vec::new();
    for (kind, id, body) in [
        (ChatKind::Friend, "friend", send("hi")),
        (ChatKind::Group, "g", send("hi")),
        (ChatKind::Discuss, "d", send("hi")),
        (ChatKind::Temporary, "other", send("hi")),
        (ChatKind::Group, "g", ActionBody::SendMedia { media }),
    ] {
        let Receipt { message_id, .. } = stage.sim.perform(&act(kind, id, body)).await.unwrap();
        let id: u64 = message_id.unwrap().parse().unwrap();
        assert!(id < 1 << 53);
        ids.push(id);
    }
    assert!(ids.is_sorted_by(|one, next| one < next), "{ids:?}");
    assert_eq!(kinds(&stage.account.happenings()), [EventKind::Login]);

    let mut elsewhere = act(ChatKind::Temporary, "other", send("hi"));
    elsewhere.target.as_mut().unwrap().via = Some("group/elsewhere".into());
    assert!(refusal(stage.sim.perform(&elsewhere).await).starts_with("no temporary `other`"));
}

#[tokio::test]
async fn what_no_network_does_is_unsupported() {
    let stage = Stage::running(roster("owner")).await;
    let bodies = [
        ActionBody::Reply { segments: vec![], quote: false },
        ActionBody::Schedule { when: When::AfterMs(1), tag: "t".into(), payload: None },
        ActionBody::Cancel { tag: "t".into() },
        ActionBody::Stop,
        ActionBody::Other { kind: "poke".into(), json: "{}".into() },
    ];
    for body in bodies {
        let action = body.name().to_owned();
        let act = act(ChatKind::Group, "unknown", body);
        let expected = NetworkError::Unsupported { network: "sim", action };
        assert_eq!(stage.sim.perform(&act).await, Err(expected));
    }
}

#[tokio::test]
async fn in_a_group_without_roles_everybody_may_moderate() {
    let stage = Stage::running(fixture("roster_wx.json")).await;
    let group = "@@dadadadada0000000000000000000001";
    stage.act(group, kick("@adadada00000000000000000000000a1", false)).await.unwrap();
    stage.act(group, ActionBody::SetGroupName { name: "新名字".into() }).await.unwrap();
    let friends =
        vec!["@00227d73fa6b8326f69bca419db7a05c".into(), "@75b9db5ae52c87361d1800eaaf307f4d".into()];
    stage.act(group, ActionBody::Invite { friends }).await.unwrap();
    stage.act(group, kick("@75b9db5ae52c87361d1800eaaf307f4d", false)).await.unwrap();
    refusal(stage.act(group, kick("@me0000000000000000000000000000me", false)).await);
    stage.assert_account_knows_the_world();
}

#[tokio::test]
async fn people_take_back_what_they_said() {
    let stage = Stage::running(roster("owner")).await;
    let chat = ChatRef { kind: ChatKind::Friend, id: "friend".into() };
    let said = stage.sim.say(Say::friend("friend", "oops")).await.unwrap();
    stage.sim.recall(&chat, &said.message_id, "friend").await.unwrap();
    let recalled = stage.account.last();
    assert_eq!((recalled.body.kind(), recalled.consequence), (EventKind::Recalled, None));
    let said = stage.sim.say(Say::group("g", "member", "oops")).await.unwrap();
    let refused = stage.sim.recall(&group("g"), &said.message_id, "other").await.unwrap_err();
    assert!(refused.to_string().starts_with("other is an ordinary member"), "{refused}");
    stage.sim.recall(&group("g"), &said.message_id, "admin").await.unwrap();
}
