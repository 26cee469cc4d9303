//! What the account does with friends and groups of its own: it makes groups, marks names, asks and answers.

use mynah_model::action::ActionBody;
use mynah_model::address::{ChatKind, ChatRef};
use mynah_model::event::{EventBody, EventKind, PropertyOwner};
use mynah_model::roster::{Person, Role};
use mynah_networks::sim::Say;
use mynah_networks::{Network, NetworkError, Receipt};

use crate::stage::{Stage, act, fixture, group, kinds, send};

const XIAOHUI: &str = "@00227d73fa6b8326f69bca419db7a05c";
const XIAOBING: &str = "@75b9db5ae52c87361d1800eaaf307f4d";
const HUIHUI: &str = "@adadada00000000000000000000000a1";
const PERL: &str = "@@dadadadada0000000000000000000001";

async fn wx() -> Stage {
    Stage::running(fixture("roster_wx.json")).await
}

/// The account does something that is done in no chat.
async fn act_alone(stage: &Stage, body: ActionBody) -> Result<Receipt, NetworkError> {
    let mut act = act(ChatKind::Other, "", body);
    act.target = None;
    stage.sim.perform(&act).await
}

fn create(friends: &[&str], name: Option<&str>) -> ActionBody {
    let friends = friends.iter().map(|id| (*id).to_owned()).collect();
    ActionBody::CreateGroup { friends, name: name.map(str::to_owned) }
}

fn answer(request_id: &str, from: Option<&str>, approve: bool) -> ActionBody {
    let from = from.map(str::to_owned);
    ActionBody::AnswerRequest { request_id: request_id.to_owned(), from, approve, text: None }
}

/// The id of the request that was reported last, and who asks.
fn last_request(stage: &Stage) -> (String, Person) {
    match stage.account.last().body {
        EventBody::FriendRequest(request) | EventBody::GroupRequest(request) => (request.id, request.from),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_group_that_is_made_appears_with_its_owner_and_friends() {
    for (stage, friends) in [(wx().await, [XIAOHUI, XIAOBING]), (Stage::qq().await, ["123456", "7891234"])] {
        let before = stage.account.happenings().len();
        let receipt = act_alone(&stage, create(&friends, Some("新群"))).await.unwrap();
        let id = receipt.group_id.unwrap();
        let happenings = stage.account.happenings().split_off(before);
        assert_eq!(
            kinds(&happenings),
            [EventKind::GroupJoined, EventKind::MemberJoined, EventKind::MemberJoined]
        );
        assert!(happenings.iter().all(|happening| happening.consequence.is_some()));
        let roster = stage.account.roster();
        let made = roster.groups.get(&id).unwrap();
        assert_eq!((made.name.as_str(), made.role, made.members.len()), ("新群", Some(Role::Owner), 3));
        assert_eq!(made.owner_id.as_deref(), Some(roster.user.id.as_str()));
        let is_wechat = roster.user.id.starts_with('@');
        assert_eq!(id.starts_with("@@") && id.len() == 66, is_wechat, "{id}");
        assert_eq!(id.len() == 10 && id.bytes().all(|byte| byte.is_ascii_digit()), !is_wechat, "{id}");
        stage.act(&id, send("hi")).await.unwrap();
        let first = made.members.iter().nth(1).unwrap();
        stage.sim.say(Say::group(&id, &first.id, "hi")).await.unwrap();
        stage.assert_account_knows_the_world();
    }
}

#[tokio::test]
async fn a_group_is_made_of_friends_only_or_not_at_all() {
    let stage = wx().await;
    for body in [
        create(&[], None),
        create(&[XIAOHUI, HUIHUI], None),
        create(&[XIAOHUI], Some("a\nb")),
        create(&[XIAOHUI], Some(&"x".repeat(61))),
    ] {
        let refused = act_alone(&stage, body.clone()).await;
        assert!(matches!(refused, Err(NetworkError::Refused(_))), "{body:?}: {refused:?}");
    }
    assert_eq!(stage.account.roster().groups.len(), 2);
    let once = act_alone(&stage, create(&[XIAOHUI, XIAOHUI], None)).await.unwrap().group_id.unwrap();
    assert_eq!(stage.account.roster().groups.get(&once).unwrap().members.len(), 2);
    stage.sim.reset().await;
    assert_eq!(stage.account.roster().groups.len(), 2);
}

#[tokio::test]
async fn a_mark_name_is_a_change_of_a_friend_or_of_a_member() {
    let stage = wx().await;
    let mark = |member: Option<&str>, markname: &str| ActionBody::SetMarkname {
        member: member.map(str::to_owned),
        markname: markname.to_owned(),
    };
    stage.sim.perform(&act(ChatKind::Friend, XIAOBING, mark(None, "新"))).await.unwrap();
    let EventBody::PropertyChanged(change) = stage.account.last().body else { panic!() };
    assert_eq!((change.owner, change.property.as_str()), (PropertyOwner::Friend, "markname"));
    assert_eq!((change.old.as_deref(), change.new.as_deref()), (Some("冰冰"), Some("新")));
    stage.act(PERL, mark(Some(HUIHUI), "")).await.unwrap();
    let EventBody::PropertyChanged(change) = stage.account.last().body else { panic!() };
    assert_eq!((change.owner, change.new), (PropertyOwner::GroupMember, None));
    let roster = stage.account.roster();
    assert_eq!(roster.friends.get(XIAOBING).unwrap().markname.as_deref(), Some("新"));
    assert_eq!(roster.member(PERL, HUIHUI).unwrap().markname, None);

    let before = stage.account.happenings().len();
    stage.sim.perform(&act(ChatKind::Friend, XIAOBING, mark(None, "新"))).await.unwrap();
    assert_eq!(stage.account.happenings().len(), before, "it is so already");
    for (kind, id, body) in [
        (ChatKind::Group, PERL, mark(None, "x")),
        (ChatKind::Group, PERL, mark(Some("@x"), "x")),
        (ChatKind::Friend, XIAOBING, mark(Some(XIAOBING), "x")),
        (ChatKind::Friend, XIAOBING, mark(None, "a\nb")),
        (ChatKind::Friend, HUIHUI, mark(None, "x")),
    ] {
        assert!(stage.sim.perform(&act(kind, id, body.clone())).await.is_err(), "{body:?}");
    }
    stage.assert_account_knows_the_world();
}

#[tokio::test]
async fn chats_are_kept_on_top_until_they_are_not() {
    let stage = wx().await;
    let chat = group(PERL);
    for on in [true, true, false] {
        stage.act(PERL, ActionBody::Stick { on }).await.unwrap();
        assert_eq!(stage.sim.is_stuck(&chat), on);
    }
    let stranger = act(ChatKind::Temporary, HUIHUI, ActionBody::Stick { on: true });
    assert!(stage.sim.perform(&stranger).await.is_err());
    stage.act(PERL, ActionBody::Stick { on: true }).await.unwrap();
    stage.sim.reset().await;
    assert!(!stage.sim.is_stuck(&chat));
}

#[tokio::test]
async fn a_friend_request_is_answered_once_and_to_whom_it_came_from() {
    let stage = wx().await;
    stage.sim.friend_request("wxid_new", Some("新人"), "我是新人").await.unwrap();
    let (first, from) = last_request(&stage);
    assert!(from.id.starts_with('@') && from.id.len() == 33, "{}", from.id);
    stage.sim.friend_request("wxid_new", Some("新人"), "?").await.unwrap();
    let (second, again) = last_request(&stage);
    assert_eq!(from.id, again.id, "the same person has the same id");
    for wrong in [answer("x", None, true), answer(&first, Some("@x"), true)] {
        assert!(matches!(act_alone(&stage, wrong).await, Err(NetworkError::Refused(_))));
    }
    act_alone(&stage, answer(&first, Some(&from.id), true)).await.unwrap();
    let joined = stage.account.last();
    assert_eq!((joined.body.kind(), joined.consequence.is_some()), (EventKind::FriendJoined, true));
    stage.sim.say(Say::friend("wxid_new", "你好")).await.unwrap();
    for over in [answer(&first, None, true), answer(&second, None, true)] {
        assert!(act_alone(&stage, over).await.is_err(), "there is nothing more to answer");
    }

    stage.sim.friend_request("4711", None, "").await.unwrap();
    let (request, from) = last_request(&stage);
    assert_eq!((from.uid.as_deref(), from.name.as_str()), (Some("4711"), "4711"));
    let before = stage.account.happenings().len();
    act_alone(&stage, answer(&request, None, false)).await.unwrap();
    assert_eq!(stage.account.happenings().len(), before, "a no changes nothing");
    assert!(act_alone(&stage, answer(&request, None, true)).await.is_err());
    stage.assert_account_knows_the_world();
}

#[tokio::test]
async fn a_group_request_is_answered_by_whoever_may() {
    let stage = Stage::qq().await;
    stage.sim.group_request("552603", "424242", Some("新人"), "让我进来").await.unwrap();
    let (request, _) = last_request(&stage);
    act_alone(&stage, answer(&request, Some("424242"), true)).await.unwrap();
    assert_eq!(stage.account.last().body.kind(), EventKind::MemberJoined);
    stage.sim.say(Say::group("552603", "424242", "hi")).await.unwrap();
    stage.sim.group_request("67890", "424242", None, "").await.unwrap();
    let (request, _) = last_request(&stage);
    let refused = act_alone(&stage, answer(&request, None, true)).await.unwrap_err();
    assert!(refused.to_string().contains("only the owner and the admins may let people in"), "{refused}");
    stage.assert_account_knows_the_world();
}

#[tokio::test]
async fn somebody_who_is_asked_becomes_a_friend_when_they_want_to() {
    let stage = wx().await;
    let ask = |id: &str| act(ChatKind::Temporary, id, ActionBody::MakeFriend { text: "你好".into() });
    stage.sim.perform(&ask(HUIHUI)).await.unwrap();
    assert!(stage.account.roster().friends.get(HUIHUI).is_none());
    stage.sim.befriend(HUIHUI, None).await.unwrap();
    assert!(stage.account.roster().friends.get(HUIHUI).is_some());
    for id in [HUIHUI, XIAOHUI, "@x", "@me0000000000000000000000000000me"] {
        assert!(stage.sim.perform(&ask(id)).await.is_err(), "{id}");
    }
    let elsewhere = act(ChatKind::Group, PERL, ActionBody::MakeFriend { text: String::new() });
    assert!(stage.sim.perform(&elsewhere).await.is_err());
}

#[tokio::test]
async fn people_are_found_by_their_account_where_ids_are_not_for_people() {
    let stage = wx().await;
    stage.sim.say(Say::friend("ms-xiaoice", "hi")).await.unwrap();
    let chat = ChatRef { kind: ChatKind::Group, id: PERL.into() };
    stage.sim.join(&chat, "wxid_a", Some("阿")).await.unwrap();
    stage.sim.leave(&chat, "wxid_a", None).await.unwrap();
    stage.sim.join(&chat, "wxid_a", None).await.unwrap();
    let EventBody::MemberJoined(membership) = stage.account.last().body else { panic!() };
    assert_eq!(membership.who.name, "阿", "the same person as before");
    stage.assert_account_knows_the_world();
}
