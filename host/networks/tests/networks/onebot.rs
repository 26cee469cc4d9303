//! The OneBot driver against a peer that plays each of the implementations.

use std::sync::Arc;
use std::time::Duration;

use mynah_model::action::ActionBody;
use mynah_model::address::ChatKind;
use mynah_model::clock::SystemClock;
use mynah_model::event::{AccountState, EventBody, EventKind};
use mynah_model::message::{MessageClass, MessageSource, Segment};
use mynah_model::roster::Role;
use mynah_networks::onebot::oddity::Oddity;
use mynah_networks::onebot::{OneBot, OneBotConfig, Pace, Token, Trust, Way};
use mynah_networks::{Happening, Network, NetworkError, Receipt, StopSender};
use serde_json::{Value, json};
use tokio::task::JoinHandle;

use crate::peer::{ANN, BOB, FRED, GROUP, ME, OWNER, Peer, Played, eventually, now};
use crate::stage::{Account, Told, act, kinds, send};

pub(crate) struct Qq {
    pub(crate) onebot: Arc<OneBot>,
    pub(crate) account: Arc<Account>,
    stop: StopSender,
    run: JoinHandle<Result<(), NetworkError>>,
}

impl Qq {
    fn dial(peer: &Peer, token: Token) -> Self {
        Self::reach(Way::Forward(peer.url().parse().unwrap()), token, Trust::default())
    }

    pub(crate) fn reach(way: Way, token: Token, trust: Trust) -> Self {
        let pace = Pace { count: 1_000, per: Duration::from_secs(1) };
        Self::start(OneBotConfig { account: "qq".parse().unwrap(), way, token, trust, pace, self_id: None })
    }

    pub(crate) fn start(config: OneBotConfig) -> Self {
        let onebot = OneBot::new(config, Arc::new(SystemClock));
        let account = Account::new();
        let (stop, signal) = StopSender::new();
        let run = tokio::spawn(onebot.clone().run(account.clone(), signal));
        Self { onebot, account, stop, run }
    }

    async fn running(peer: &Peer) -> Self {
        let qq = Self::dial(peer, Token::none());
        qq.account.wait_for(AccountState::Running).await;
        qq
    }

    async fn act(&self, kind: ChatKind, id: i64, body: ActionBody) -> Result<Receipt, NetworkError> {
        self.onebot.perform(&act(kind, &id.to_string(), body)).await
    }

    async fn in_group(&self, body: ActionBody) -> Result<Receipt, NetworkError> {
        self.act(ChatKind::Group, GROUP, body).await
    }

    /// Waits until something of a kind happened.
    async fn hear(&self, kind: EventKind) -> Happening {
        let of_kind =
            || self.account.happenings().into_iter().find(|happening| happening.body.kind() == kind);
        eventually(&format!("{kind:?}"), of_kind).await
    }

    pub(crate) async fn hear_text(&self, text: &str) -> Happening {
        let said =
            |happening: &Happening| happening.body.message().is_some_and(|message| message.text == text);
        eventually(text, || self.account.happenings().into_iter().find(said)).await
    }

    pub(crate) fn count(&self, kind: EventKind) -> usize {
        kinds(&self.account.happenings()).into_iter().filter(|other| *other == kind).count()
    }

    async fn know_members(&self) {
        let owner = || self.account.roster().member(&GROUP.to_string(), &OWNER.to_string()).cloned();
        eventually("the members", owner).await;
    }

    /// The account is stopped, and can be started again.
    pub(crate) async fn stopped(self) -> Stopped {
        self.stop.stop();
        self.run.await.unwrap().unwrap();
        Stopped { onebot: self.onebot, account: self.account }
    }

    pub(crate) async fn end(self) {
        self.stop.stop();
        self.run.await.unwrap().unwrap();
    }
}

/// An account that does not run.
pub(crate) struct Stopped {
    pub(crate) onebot: Arc<OneBot>,
    account: Arc<Account>,
}

impl Stopped {
    pub(crate) fn start(self) -> Qq {
        let (stop, signal) = StopSender::new();
        let run = tokio::spawn(self.onebot.clone().run(self.account.clone(), signal));
        Qq { onebot: self.onebot, account: self.account, stop, run }
    }
}

fn members(ids: &[i64]) -> Vec<String> {
    ids.iter().map(i64::to_string).collect()
}

#[tokio::test]
async fn an_account_comes_in_with_its_roster_whoever_the_peer_is() {
    for played in Played::ALL {
        let peer = Peer::start_with(played, Some("s3cret")).await;
        let qq = Qq::dial(&peer, Token::new("s3cret").unwrap());
        qq.account.wait_for(AccountState::Running).await;
        let told = qq.account.told();
        let [Told::State(AccountState::Updating), Told::Roster, Told::Happening(login), ..] = told.as_slice()
        else {
            panic!("{played:?}: {told:?}");
        };
        assert_eq!(login.body, EventBody::Login { scanned: false });
        qq.know_members().await;
        let roster = qq.account.roster();
        let group = roster.groups.get(&GROUP.to_string()).unwrap();
        assert_eq!((group.uid.as_deref(), group.name.as_str()), (Some("552603"), "PERL学习交流"));
        assert_eq!((group.owner_id.as_deref(), group.role), (Some("10009"), Some(Role::Admin)));
        assert_eq!(roster.user.id, ME.to_string());
        assert_eq!(roster.friends.get(&FRED.to_string()).unwrap().name, "Fred");
        qq.end().await;
    }
}

#[tokio::test]
async fn what_is_said_is_heard_and_answered_whoever_the_peer_is() {
    for played in Played::ALL {
        let peer = Peer::start(played).await;
        let qq = Qq::running(&peer).await;
        let id = peer.say(GROUP, ANN, "ping [CQ:at,qq=all] & ,");
        let heard = qq.hear_text("ping [CQ:at,qq=all] & ,").await;
        let message = heard.body.message().unwrap();
        assert_eq!(
            (message.id.clone(), message.sender.id.clone()),
            (id.to_string(), ANN.to_string()),
            "{played:?}"
        );
        assert_eq!(message.segments.len(), 1, "{played:?}");
        let segments =
            vec![Segment::ReplyTo { id: message.id.clone() }, Segment::text("pong [CQ:at,qq=all]")];
        let receipt = qq.in_group(ActionBody::Send { segments }).await.unwrap();
        assert!(receipt.message_id.is_some(), "{played:?}");
        peer.whisper(FRED, "hello");
        assert_eq!(qq.hear_text("hello").await.chat.unwrap().kind, ChatKind::Friend);
        qq.act(ChatKind::Friend, FRED, send("hi Fred")).await.unwrap();
        assert_eq!(peer.sent(), ["pong [CQ:at,qq=all]", "hi Fred"], "{played:?}");
        qq.end().await;
    }
}

#[tokio::test]
async fn moderation_is_done_once_and_reported_once_whoever_the_peer_is() {
    for played in Played::ALL {
        for no_notices in [false, true] {
            let peer = Peer::start(played).await;
            peer.manner(|manner| manner.no_notices = no_notices);
            let qq = Qq::running(&peer).await;
            qq.know_members().await;
            let who = members(&[ANN]);
            qq.in_group(ActionBody::Shutup { members: who.clone(), seconds: 600 }).await.unwrap();
            assert!(peer.is_muted(GROUP, ANN), "{played:?}");
            let member = || qq.account.roster().member(&GROUP.to_string(), &ANN.to_string()).cloned();
            assert!(member().unwrap().shutup_until.is_some(), "known when the act is done");
            qq.in_group(ActionBody::Unshutup { members: who.clone() }).await.unwrap();
            assert!(!peer.is_muted(GROUP, ANN) && member().unwrap().shutup_until.is_none());
            qq.in_group(ActionBody::SetCard { member: who[0].clone(), card: "安".into() }).await.unwrap();
            assert_eq!(member().unwrap().card.as_deref(), Some("安"));
            qq.in_group(ActionBody::SetGroupName { name: "new".into() }).await.unwrap();
            qq.in_group(ActionBody::ShutupAll { on: true }).await.unwrap();
            qq.in_group(ActionBody::Kick { members: who, reject_again: false }).await.unwrap();
            assert!(!peer.is_member(GROUP, ANN) && member().is_none());
            qq.in_group(ActionBody::Recall { message_id: "-5".into() }).await.unwrap();

            // All that the acts brought about came before this.
            peer.say(GROUP, BOB, "and now?");
            qq.hear_text("and now?").await;
            use EventKind as Kind;
            for (kind, count) in [
                (Kind::Muted, 2),
                (Kind::Unmuted, 1),
                (Kind::PropertyChanged, 2),
                (Kind::MemberLost, 1),
                (Kind::Recalled, 1),
            ] {
                assert_eq!(qq.count(kind), count, "{played:?} {kind:?} {no_notices}");
            }
            let caused = qq.account.happenings();
            let caused = caused.iter().filter(|happening| happening.consequence.is_some()).count();
            assert_eq!(caused, 7, "they are the acts' consequences");
            qq.end().await;
        }
    }
}

#[tokio::test]
async fn what_others_do_is_reported_as_theirs() {
    let peer = Peer::start(Played::NapCat).await;
    let qq = Qq::running(&peer).await;
    peer.emit(json!({
        "post_type": "notice", "notice_type": "group_ban", "sub_type": "ban", "group_id": GROUP, "operator_id": OWNER,
        "user_id": ANN, "duration": 60,
    }));
    let muted = qq.hear(EventKind::Muted).await;
    assert_eq!(muted.consequence, None);
    peer.join(GROUP, 40004, "Newcomer");
    let EventBody::MemberJoined(joined) = qq.hear(EventKind::MemberJoined).await.body else { panic!() };
    assert_eq!((joined.who.id.as_str(), joined.who.name.as_str()), ("40004", "Newcomer"));
    qq.end().await;
}

#[tokio::test]
async fn a_request_is_answered_by_its_flag() {
    let peer = Peer::start(Played::Llbot).await;
    let qq = Qq::running(&peer).await;
    peer.emit(json!({
        "post_type": "request", "request_type": "friend", "user_id": 50005, "comment": "hi", "flag": "u:1|t:2",
    }));
    let EventBody::FriendRequest(request) = qq.hear(EventKind::FriendRequest).await.body else { panic!() };
    assert_eq!((request.from.name.as_str(), request.text.as_str()), ("stranger 50005", "hi"));
    let answer = ActionBody::AnswerRequest { request_id: request.id, from: None, approve: true, text: None };
    let mut answer = act(ChatKind::Friend, "50005", answer);
    answer.target = None;
    qq.onebot.perform(&answer).await.unwrap();
    assert_eq!(peer.calls("set_friend_add_request"), [json!({ "flag": "u:1|t:2", "approve": true })]);
    qq.end().await;
}

#[tokio::test]
async fn a_refused_token_is_noticed_however_it_is_refused_and_not_tried_again_soon() {
    for (played, over_http) in
        Played::ALL.into_iter().map(|played| (played, false)).chain([(Played::NapCat, true)])
    {
        let mut peer = Peer::start_with(played, Some("s3cret")).await;
        let way = match over_http {
            true => Way::Http(peer.serve_http().await.parse().unwrap()),
            false => Way::Forward(peer.url().parse().unwrap()),
        };
        let qq = Qq::reach(way, Token::new("wrong").unwrap(), Trust::default());
        // `back_off` shows for how long nobody tries again then.
        let trouble = eventually("a refusal", || qq.onebot.trouble()).await;
        assert!(trouble.starts_with("the access token is refused"), "{played:?}: {trouble}");
        assert!(!trouble.contains("wrong"), "{trouble}");
        assert_eq!(peer.dialled(), 1, "{played:?}");
        assert_eq!(qq.account.happenings(), [], "{played:?}");
        qq.end().await;
    }
}

#[tokio::test]
async fn a_connection_that_is_cut_comes_back_and_what_it_missed_is_said() {
    let peer = Peer::start(Played::NapCat).await;
    let qq = Qq::running(&peer).await;
    qq.know_members().await;
    peer.cut();
    qq.account.wait_for(AccountState::Updating).await;
    let refused = qq.in_group(send("now?")).await;
    assert!(matches!(refused, Err(NetworkError::Offline(_))), "{refused:?}");
    qq.account.wait_for(AccountState::Running).await;
    let EventBody::Other { kind, .. } = qq.hear(EventKind::Other).await.body else { panic!() };
    assert_eq!(kind, "gap");
    assert!(qq.account.roster().member(&GROUP.to_string(), &ANN.to_string()).is_some(), "members stay known");
    assert_eq!(qq.count(EventKind::Login), 1);
    peer.say(GROUP, ANN, "welcome back");
    qq.hear_text("welcome back").await;
    qq.in_group(send("thanks")).await.unwrap();
    assert_eq!(peer.sent(), ["thanks"]);
    qq.end().await;
}

#[tokio::test]
async fn an_account_that_is_stopped_and_started_again_logs_in_again() {
    let peer = Peer::start(Played::NapCat).await;
    let stopped = Qq::running(&peer).await.stopped().await;
    eventually("a peer that is left", || {
        peer.ping();
        (!peer.is_connected()).then_some(())
    })
    .await;
    let refused = stopped.onebot.perform(&act(ChatKind::Group, &GROUP.to_string(), send("hi"))).await;
    assert!(matches!(refused, Err(NetworkError::Offline(_))), "{refused:?}");
    let qq = stopped.start();
    eventually("a second login", || (qq.count(EventKind::Login) == 2).then_some(())).await;
    qq.end().await;
}

#[tokio::test]
async fn what_is_typed_on_the_phone_is_heard_and_what_we_send_is_nobody_s_news() {
    for played in Played::ALL {
        for other_ids in [false, true] {
            let peer = Peer::start(played).await;
            peer.manner(|manner| (manner.tells_own, manner.other_ids) = (true, other_ids));
            let qq = Qq::running(&peer).await;
            peer.type_on_phone(GROUP, "from the sofa");
            let typed = qq.hear(EventKind::MessageSent).await;
            let message = typed.body.message().unwrap();
            assert_eq!((message.text.as_str(), message.source), ("from the sofa", MessageSource::Person));
            assert_eq!((message.class, message.sender.id.as_str()), (MessageClass::Send, "10001"));
            assert_eq!(typed.consequence, None);
            for number in 0..5 {
                qq.in_group(send(&format!("number {number}"))).await.unwrap();
                qq.in_group(send("the same")).await.unwrap();
                qq.act(ChatKind::Friend, FRED, send("hi Fred")).await.unwrap();
            }
            // All echoes came before this.
            peer.say(GROUP, ANN, "done?");
            qq.hear_text("done?").await;
            assert_eq!(qq.count(EventKind::MessageSent), 1, "{played:?} {other_ids}");
            assert_eq!(peer.sent().len(), 15);
            peer.type_on_phone(GROUP, "the end");
            let typed = qq.hear_text("the end").await;
            let consequence = typed.consequence.expect("it may be an answer to what was said just now");
            assert_eq!((consequence.depth, consequence.by_script), (2, None), "as deep as that");
            qq.end().await;
        }
    }
}

#[tokio::test]
async fn the_echo_of_a_message_is_as_good_as_an_answer() {
    let peer = Peer::start(Played::NapCat).await;
    peer.manner(|manner| {
        manner.tells_own = true;
        manner.late.insert("send_group_msg", Duration::from_secs(3_600));
    });
    let qq = Qq::running(&peer).await;
    let (sent, ()) = tokio::join!(qq.in_group(send("hello?")), async {
        peer.wait_for_calls("send_group_msg", 1).await;
        // The echo is read before the connection is gone.
        peer.say(GROUP, BOB, "oh");
        qq.hear_text("oh").await;
        peer.cut();
    });
    assert!(sent.unwrap().message_id.is_some());
    assert_eq!((qq.count(EventKind::MessageSent), peer.sent().len()), (0, 1));
    qq.end().await;
}

#[tokio::test]
async fn two_sockets_are_one_connection_and_what_comes_on_both_is_heard_once() {
    for one_for_all in [false, true] {
        let peer = Peer::start_with(Played::NapCat, Some("s3cret")).await;
        peer.manner(|manner| manner.one_for_all = one_for_all);
        let way = Way::ForwardPair(peer.url().parse().unwrap());
        let qq = Qq::reach(way, Token::new("s3cret").unwrap(), Trust::default());
        qq.account.wait_for(AccountState::Running).await;
        assert_eq!(peer.dialled(), 2);
        peer.emit(json!({
            "post_type": "notice", "notice_type": "group_ban", "sub_type": "ban", "group_id": GROUP, "operator_id": OWNER,
            "user_id": ANN, "duration": 60,
        }));
        peer.say(GROUP, ANN, "hello");
        qq.hear_text("hello").await;
        qq.in_group(send("hi")).await.unwrap();
        // All that came on either socket before this was read by now.
        peer.say(GROUP, BOB, "bye");
        qq.hear_text("bye").await;
        assert_eq!(
            (qq.count(EventKind::Muted), qq.count(EventKind::MessageReceived)),
            (1, 2),
            "{one_for_all}"
        );
        assert_eq!(peer.sent(), ["hi"]);
        peer.cut();
        qq.account.wait_for(AccountState::Updating).await;
        qq.account.wait_for(AccountState::Running).await;
        assert_eq!(peer.dialled(), 4, "a socket that is lost costs the other one, too");
        qq.end().await;
    }
}

#[tokio::test]
async fn an_act_without_an_answer_is_unknown_and_its_notice_is_as_good_as_one() {
    let peer = Peer::start(Played::NapCat).await;
    let qq = Qq::running(&peer).await;
    peer.manner(|manner| {
        manner.deaf_to.insert("send_group_msg");
        manner.late.insert("set_group_kick", Duration::from_secs(3_600));
    });
    let (sent, ()) = tokio::join!(qq.in_group(send("hello?")), async {
        peer.wait_for_calls("send_group_msg", 1).await;
        peer.cut();
    });
    assert!(matches!(sent, Err(NetworkError::Unknown(_))), "{sent:?}");
    qq.account.wait_for(AccountState::Updating).await;
    qq.account.wait_for(AccountState::Running).await;

    let kick = ActionBody::Kick { members: members(&[ANN]), reject_again: false };
    let (kicked, ()) = tokio::join!(qq.in_group(kick), async {
        peer.wait_for_calls("set_group_kick", 1).await;
        // The notice is read before the connection is.
        peer.say(GROUP, BOB, "oh");
        qq.hear_text("oh").await;
        peer.cut();
    });
    assert_eq!(kicked, Ok(Receipt::default()));
    assert_eq!(qq.count(EventKind::MemberLost), 1);
    assert_eq!(peer.calls("send_group_msg").len(), 1, "nothing is repeated");
    qq.end().await;
}

#[tokio::test]
async fn refusals_are_told_in_the_network_s_words_and_an_expired_wait_at_qq_is_unknown() {
    for played in Played::ALL {
        let peer = Peer::start(played).await;
        let qq = Qq::running(&peer).await;
        let both = ActionBody::Shutup { members: members(&[OWNER, ANN]), seconds: 60 };
        let Err(NetworkError::Refused(why)) = qq.in_group(both).await else { panic!("{played:?}") };
        assert!(why.starts_with("1 of 2 were done; refused: `set_group_ban`"), "{why}");
        assert!(peer.is_muted(GROUP, ANN) && !peer.is_muted(GROUP, OWNER), "{played:?}");
        peer.manner(|manner| {
            manner.refuses.insert("set_group_name");
        });
        let named = qq.in_group(ActionBody::SetGroupName { name: "x".into() }).await;
        assert!(matches!(named, Err(NetworkError::Refused(_))), "{named:?}");
        let invited = qq.in_group(ActionBody::Invite { friends: members(&[FRED]) }).await;
        assert!(matches!(invited, Err(NetworkError::Unsupported { .. })), "{invited:?}");
        assert_eq!(qq.count(EventKind::PropertyChanged), 0);
        qq.end().await;
    }
}

#[tokio::test]
async fn offline_by_heartbeat_or_notice_is_offline_until_the_peer_says_otherwise() {
    for played in Played::ALL {
        let peer = Peer::start(played).await;
        let qq = Qq::running(&peer).await;
        let notice = |word: &str| json!({ "post_type": "notice", "notice_type": word, "user_id": ME, "tag": "t", "message": "elsewhere" });
        peer.emit(notice("bot_offline"));
        qq.account.wait_for(AccountState::Updating).await;
        let sent = qq.in_group(send("hi")).await;
        assert!(matches!(sent, Err(NetworkError::Offline(_))), "{sent:?}");
        // Lagrange's is constant, and NapCat's may have been on its way.
        peer.beat(true);
        peer.say_at(now() - 900, GROUP, ANN, "said before");
        qq.hear_text("said before").await;
        let sent = qq.in_group(send("hi")).await;
        assert!(matches!(sent, Err(NetworkError::Offline(_))), "{played:?}: {sent:?}");
        if played == Played::Lagrange {
            peer.beat(false);
            peer.emit(notice("bot_online"));
        } else {
            peer.beat(false);
            peer.beat(true);
        }
        qq.account.wait_for(AccountState::Running).await;
        qq.in_group(send("hi")).await.unwrap();

        peer.emit(notice("bot_offline"));
        qq.account.wait_for(AccountState::Updating).await;
        // Whoever hears this is online.
        peer.say_at(now() + 60, GROUP, ANN, "are you there?");
        qq.account.wait_for(AccountState::Running).await;
        if played != Played::Lagrange {
            peer.beat(false);
            qq.account.wait_for(AccountState::Updating).await;
            peer.beat(true);
            qq.account.wait_for(AccountState::Running).await;
        }
        assert_eq!(peer.dialled(), 1);
        qq.end().await;
    }
}

#[tokio::test]
async fn what_comes_twice_is_heard_once_whatever_the_peer_s_clock_says() {
    let peer = Peer::start(Played::NapCat).await;
    let qq = Qq::running(&peer).await;
    let message = |id: i64, time: Value| {
        let mut event = json!({
            "self_id": ME, "post_type": "message", "message_type": "group", "group_id": GROUP, "user_id": ANN,
            "message_id": id, "message": format!("message {id}"),
        });
        if !time.is_null() {
            event["time"] = time;
        }
        event
    };
    let poke = json!({
        "time": now(), "self_id": ME, "post_type": "notice", "notice_type": "notify", "sub_type": "poke", "group_id": GROUP,
        "user_id": ANN, "target_id": ME,
    });
    let request = json!({
        "time": now(), "self_id": ME, "post_type": "request", "request_type": "friend", "user_id": 50_005, "comment": "hi", "flag": "f",
    });
    let ahead = json!(now() + 3_600);
    let messages = [message(1, ahead.clone()), message(2, Value::Null), message(3, json!(now() - 5))];
    for round in 0..2 {
        for event in messages.iter().chain([&poke, &request]) {
            peer.send_raw(event.to_string());
        }
        if round == 0 {
            // In one second somebody pokes twice: by one connection these are two.
            peer.send_raw(poke.to_string());
            peer.say(GROUP, BOB, "that was all");
            qq.hear_text("that was all").await;
            peer.cut();
            qq.account.wait_for(AccountState::Updating).await;
            qq.account.wait_for(AccountState::Running).await;
        }
    }
    peer.say(GROUP, BOB, "the end");
    qq.hear_text("the end").await;
    assert_eq!(qq.count(EventKind::MessageReceived), 5);
    assert_eq!(qq.count(EventKind::FriendRequest), 1);
    let is_poke =
        |one: &&Happening| matches!(&one.body, EventBody::Other { kind, .. } if kind == "notify/poke");
    assert_eq!(qq.account.happenings().iter().filter(is_poke).count(), 2);
    assert_eq!(qq.onebot.oddities(Oddity::Duplicate), 5);
    qq.end().await;
}

#[tokio::test]
async fn nonsense_is_counted_and_the_connection_goes_on() {
    let peer = Peer::start(Played::NapCat).await;
    let qq = Qq::running(&peer).await;
    let deep = "[".repeat(200_000);
    for nonsense in ["", "{", "[]", "null", "\"text\"", "{\"a\":", deep.as_str()] {
        peer.send_raw(nonsense);
    }
    for neither in ["{}", r#"{"a":1}"#, r#"{"post_type":null}"#, r#"{"post_type":""}"#] {
        peer.send_raw(neither);
    }
    for late in [
        r#"{"status":"ok","retcode":0,"data":null,"echo":"999"}"#,
        r#"{"status":"failed","retcode":1400,"echo":{"a":[]}}"#,
    ] {
        peer.send_raw(late);
    }
    peer.send_binary(vec![0; 100]);
    peer.emit(json!({ "post_type": "message", "message_type": "group", "group_id": GROUP, "user_id": {}, "message": null }));
    peer.emit(json!({ "post_type": "message", "message_type": "group", "group_id": GROUP, "user_id": ANN, "message_id": 77, "time": 1_700_000_000, "message": "no sender" }));
    peer.emit(json!({ "post_type": "message", "message_type": "group", "group_id": GROUP, "user_id": ANN, "message_id": 77, "time": 1_700_000_000, "message": "twice" }));
    peer.emit(json!({ "post_type": "message", "message_type": "group", "group_id": GROUP, "user_id": ME, "message_id": 78, "message": "mine" }));
    peer.emit(json!({
        "post_type": "message", "message_type": "group", "group_id": GROUP, "user_id": ANN, "message_id": 79,
        "message": [{ "type": "flashtransfer", "data": null }, { "type": "text", "data": { "text": " still here" } }, 7, null],
    }));
    peer.ping();
    qq.hear_text("[flashtransfer] still here[malformed][malformed]").await;
    let texts: Vec<_> =
        qq.account.happenings().iter().filter_map(|one| Some(one.body.message()?.text.clone())).collect();
    assert_eq!(texts, ["no sender", "mine", "[flashtransfer] still here[malformed][malformed]"]);
    for (oddity, count) in [
        (Oddity::Malformed, 7),
        (Oddity::Neither, 4),
        (Oddity::LateAnswer, 2),
        (Oddity::Binary, 1),
        (Oddity::Incomplete, 1),
        (Oddity::Duplicate, 1),
    ] {
        assert_eq!(qq.onebot.oddities(oddity), count, "{oddity:?}");
    }
    eventually("a pong", || (peer.pongs() == 1).then_some(())).await;
    qq.in_group(send("pong")).await.unwrap();
    assert_eq!(peer.dialled(), 1);
    qq.end().await;
}

#[tokio::test]
async fn a_frame_of_fifty_megabytes_costs_the_connection_and_nothing_else() {
    let peer = Peer::start(Played::NapCat).await;
    let qq = Qq::running(&peer).await;
    peer.send_raw("x".repeat(50 << 20));
    qq.account.wait_for(AccountState::Updating).await;
    qq.account.wait_for(AccountState::Running).await;
    assert_eq!(qq.onebot.oddities(Oddity::TooLarge), 1);
    peer.say(GROUP, ANN, "ping");
    qq.hear_text("ping").await;
    qq.end().await;
}

#[tokio::test]
async fn a_peer_whose_lists_are_nonsense_still_has_an_account() {
    let peer = Peer::start(Played::Lagrange).await;
    peer.manner(|manner| {
        manner.answers.insert("get_friend_list", json!(null));
        manner.answers.insert("get_group_list", json!([7, null, {}, { "group_id": GROUP.to_string() }]));
        manner.answers.insert("get_group_member_list", json!({ "no": "list" }));
    });
    let qq = Qq::running(&peer).await;
    let roster = qq.account.roster();
    assert_eq!((roster.friends.len(), roster.groups.len()), (0, 1));
    peer.say(999_111, ANN, "a group nobody listed");
    qq.hear_text("a group nobody listed").await;
    assert!(qq.account.roster().member("999111", &ANN.to_string()).is_some(), "learnt from the event");
    qq.end().await;
}

#[tokio::test]
async fn events_that_come_during_the_login_are_heard_after_it() {
    let peer = Peer::start(Played::NapCat).await;
    peer.manner(|manner| {
        manner.late.insert("get_group_list", Duration::from_millis(200));
    });
    let qq = Qq::dial(&peer, Token::none());
    peer.wait_for_calls("get_group_list", 1).await;
    peer.say(GROUP, ANN, "early");
    qq.account.wait_for(AccountState::Running).await;
    qq.hear_text("early").await;
    let told = qq.account.told();
    let place = |wanted: &dyn Fn(&Told) -> bool| told.iter().position(wanted).unwrap();
    let roster = place(&|told| matches!(told, Told::Roster));
    let early =
        place(&|told| matches!(told, Told::Happening(happening) if happening.body.message().is_some()));
    assert!(roster < early);
    qq.end().await;
}

#[tokio::test]
async fn many_chats_at_once_keep_their_order() {
    let peer = Peer::start(Played::NapCat).await;
    peer.add_groups(20);
    let qq = Qq::running(&peer).await;
    for number in 0..50 {
        for group in 1..=20 {
            peer.say(group, ANN, &number.to_string());
        }
    }
    eventually("a thousand messages", || (qq.count(EventKind::MessageReceived) == 1_000).then_some(())).await;
    for group in 1..=20 {
        let of_group: Vec<_> = qq
            .account
            .happenings()
            .iter()
            .filter(|one| one.chat.as_ref().is_some_and(|chat| chat.id == group.to_string()))
            .filter_map(|one| one.body.message()?.text.parse::<u32>().ok())
            .collect();
        assert_eq!(of_group, (0..50).collect::<Vec<_>>(), "{group}");
    }
    qq.end().await;
}
