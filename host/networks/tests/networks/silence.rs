//! OneBot peers that say nothing, or not in time, or are not the ones that are waited for. Connections are made in memory, so that the clock can jump.

use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use mynah_model::action::ActionBody;
use mynah_model::address::ChatKind;
use mynah_model::event::AccountState;
use mynah_networks::onebot::oddity::Oddity;
use mynah_networks::onebot::{OneBot, OneBotConfig, Pace, Token, Trust, Way};
use mynah_networks::{Network, NetworkError, Receipt};
use serde_json::{Value, json};
use tokio::io::DuplexStream;
use tokio::time::Instant;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::http::{HeaderMap, HeaderValue};
use tokio_tungstenite::tungstenite::protocol::Role;

use crate::onebot::Qq;
use crate::peer::{FRED, GROUP, ME, eventually};
use crate::stage::send;

pub(crate) type Socket = WebSocketStream<DuplexStream>;

pub(crate) fn waiting() -> Qq {
    Qq::reach(Way::Reverse, Token::new("s3cret").unwrap(), Trust::default())
}

/// An implementation comes in.
pub(crate) async fn come_in(qq: &Qq) -> Socket {
    come_in_at(&qq.onebot).await
}

async fn come_in_at(onebot: &OneBot) -> Socket {
    let (theirs, ours) = tokio::io::duplex(1 << 20);
    onebot.door().unwrap().take_in(Box::new(ours)).await;
    WebSocketStream::from_raw_socket(theirs, Role::Client, None).await
}

/// The next call that is made.
pub(crate) async fn call(socket: &mut Socket) -> Value {
    loop {
        match socket.next().await.unwrap().unwrap() {
            Message::Text(text) => return serde_json::from_str(&text).unwrap(),
            _ => continue,
        }
    }
}

pub(crate) async fn say(socket: &mut Socket, frame: Value) {
    socket.send(Message::text(frame.to_string())).await.unwrap();
}

/// Answers a call.
pub(crate) async fn answer(socket: &mut Socket, asked: &Value, data: Value) {
    say(socket, json!({ "status": "ok", "retcode": 0, "data": data, "echo": asked["echo"] })).await;
}

/// Answers until the account is in.
pub(crate) async fn log_in(qq: &Qq) -> Socket {
    let mut socket = come_in(qq).await;
    for (action, data) in [
        ("get_login_info", json!({ "user_id": ME, "nickname": "bot" })),
        ("get_friend_list", json!([])),
        ("get_group_list", json!([])),
    ] {
        let asked = call(&mut socket).await;
        assert_eq!(asked["action"], action);
        answer(&mut socket, &asked, data).await;
    }
    qq.account.wait_for(AccountState::Running).await;
    socket
}

/// Reads to the end of the connection; how long that took.
pub(crate) async fn until_the_end(socket: &mut Socket) -> Duration {
    let began = Instant::now();
    while let Some(Ok(_)) = socket.next().await {}
    began.elapsed()
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_never_answers_gets_its_pongs_and_is_left_after_20_seconds() {
    let qq = waiting();
    let mut deaf = come_in(&qq).await;
    let began = Instant::now();
    for number in 0..3 {
        deaf.send(Message::Ping(vec![number].into())).await.unwrap();
    }
    let mut pongs = 0;
    while let Some(Ok(message)) = deaf.next().await {
        pongs += usize::from(message.is_pong());
    }
    assert_eq!(pongs, 3);
    assert!((20_000..20_100).contains(&began.elapsed().as_millis()), "{:?}", began.elapsed());
    let trouble = eventually("the trouble", || qq.onebot.trouble()).await;
    assert!(trouble.contains("`get_login_info` was not answered within 20 s"), "{trouble}");
    assert_eq!(qq.account.happenings(), []);
    log_in(&qq).await;
    assert_eq!(qq.onebot.trouble(), None);
    qq.end().await;
}

#[tokio::test(start_paused = true)]
async fn after_two_and_a_half_heartbeats_without_a_word_a_peer_is_asked_and_then_left() {
    let qq = waiting();
    let mut socket = log_in(&qq).await;
    let beat = json!({ "post_type": "meta_event", "meta_event_type": "heartbeat", "interval": 5_000, "status": { "online": true } });
    for _ in 0..5 {
        say(&mut socket, beat.clone()).await;
        tokio::time::sleep(Duration::from_secs(5)).await;
    }
    assert_eq!(qq.onebot.connection().unwrap().gaps, 0);
    // Nothing is read from here on, so no question is answered: 12.5 s and 10 s, of which five were over.
    let began = Instant::now();
    qq.account.wait_for(AccountState::Updating).await;
    let took = began.elapsed().as_millis();
    assert!((17_400..17_600).contains(&took), "{took}");
    assert_eq!(qq.onebot.trouble().unwrap(), "nothing was heard for 22 s");
    let gap = qq.onebot.connection().unwrap().last_gap.unwrap();
    assert_eq!((gap.until, gap.why.as_str()), (None, "nothing was heard for 22 s"));
    log_in(&qq).await;
    let connection = qq.onebot.connection().unwrap();
    assert!(connection.last_gap.unwrap().until.is_some());
    assert_eq!(connection.gaps, 1);
    qq.end().await;
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_gives_its_interval_in_seconds_lives_as_long_as_it_answers() {
    let qq = waiting();
    let mut socket = log_in(&qq).await;
    let beat = json!({ "post_type": "meta_event", "meta_event_type": "heartbeat", "interval": 30, "status": { "online": true } });
    for _ in 0..20 {
        say(&mut socket, beat.clone()).await;
        // What is read is answered.
        let ended = tokio::time::timeout(Duration::from_secs(30), until_the_end(&mut socket)).await;
        assert!(ended.is_err(), "it is not left");
    }
    assert_eq!(qq.onebot.connection().unwrap().gaps, 0);
    qq.end().await;
}

#[tokio::test(start_paused = true)]
async fn a_peer_without_heartbeats_is_asked_and_lives_as_long_as_it_answers() {
    let qq = waiting();
    let mut socket = log_in(&qq).await;
    let alive = tokio::time::timeout(Duration::from_secs(600), until_the_end(&mut socket)).await;
    assert!(alive.is_err(), "pongs are signs of life");
    // From now on nothing is read, so nothing is answered.
    let began = Instant::now();
    qq.account.wait_for(AccountState::Updating).await;
    let took = began.elapsed().as_secs();
    assert!((45..=75).contains(&took), "{took}");
    qq.end().await;
}

#[tokio::test(start_paused = true)]
async fn an_act_without_an_answer_is_unknown_after_20_seconds_and_the_late_answer_is_nobody_s() {
    let qq = waiting();
    let mut socket = log_in(&qq).await;
    let began = Instant::now();
    let act = crate::stage::act(ChatKind::Group, &GROUP.to_string(), send("hello?"));
    let (sent, asked) = tokio::join!(qq.onebot.perform(&act), call(&mut socket));
    assert_eq!(began.elapsed().as_secs(), 20);
    let Err(NetworkError::Unknown(why)) = sent else { panic!("{sent:?}") };
    assert_eq!(why, "`send_group_msg` was not answered within 20 s");
    let late = json!({ "status": "ok", "retcode": 0, "data": { "message_id": 5 }, "echo": asked["echo"] });
    say(&mut socket, late).await;
    eventually("the late answer", || (qq.onebot.oddities(Oddity::LateAnswer) == 1).then_some(())).await;
    let more = tokio::time::timeout(Duration::from_secs(20), call(&mut socket)).await;
    assert!(more.is_err(), "nothing is repeated: {more:?}");
    qq.end().await;
}

#[tokio::test(start_paused = true)]
async fn a_call_whose_caller_gave_up_before_it_was_written_is_never_made() {
    let qq = waiting();
    let mut socket = log_in(&qq).await;
    let said = |text: &str| crate::stage::act(ChatKind::Group, &GROUP.to_string(), send(text));
    // More than fits on the way: what comes behind it waits, for nothing is read.
    let (long, given_up, next) = (said(&"x".repeat(2 << 20)), said("given up"), said("next"));
    let (long, (), next) = tokio::join!(
        tokio::time::timeout(Duration::from_secs(10), qq.onebot.perform(&long)),
        async {
            let given_up = tokio::time::timeout(Duration::from_secs(1), qq.onebot.perform(&given_up)).await;
            assert!(given_up.is_err());
            for text in ["xxx", "next"] {
                let asked = call(&mut socket).await;
                let said = asked["params"]["message"][0]["data"]["text"].as_str().unwrap();
                assert!(said.starts_with(text), "{}", &said[..10.min(said.len())]);
                answer(&mut socket, &asked, json!({ "message_id": 1 })).await;
            }
        },
        qq.onebot.perform(&next),
    );
    assert!(long.unwrap().is_ok() && next.is_ok());
    qq.end().await;
}

#[tokio::test(start_paused = true)]
async fn a_mute_of_many_members_keeps_to_the_pace_and_says_how_far_it_came() {
    let members: Vec<_> = (1..=10).map(|number| (30_000 + number).to_string()).collect();
    let mute = ActionBody::Shutup { members, seconds: 60 };
    let mute = crate::stage::act(ChatKind::Group, &GROUP.to_string(), mute);
    for (count, per, done, took) in [(2, 1, 10, 3_500), (1, 100, 3, 300_000)] {
        let qq = Qq::start(OneBotConfig {
            account: "qq".parse().unwrap(),
            way: Way::Reverse,
            token: Token::new("s3cret").unwrap(),
            trust: Trust::default(),
            pace: Pace { count, per: Duration::from_secs(per) },
            self_id: None,
        });
        let mut socket = log_in(&qq).await;
        // As the outbox does.
        qq.onebot.turn(&mute).await;
        let began = Instant::now();
        let peer = async {
            for _ in 0..done {
                let asked = call(&mut socket).await;
                assert_eq!(asked["action"], "set_group_ban");
                answer(&mut socket, &asked, Value::Null).await;
            }
            // What is read on the way is answered.
            until_the_end(&mut socket).await;
        };
        let muted = tokio::select! {
            muted = qq.onebot.perform(&mute) => muted,
            () = async { peer.await; } => panic!("the connection ended"),
        };
        let millis = began.elapsed().as_millis();
        assert!((took..took + 600).contains(&millis), "{millis}");
        match done {
            10 => assert_eq!(muted, Ok(Receipt::default())),
            _ => {
                let why = "3 of 10 were done; 7 were not tried: at this `pace` 300 s were not enough";
                assert_eq!(muted, Err(NetworkError::Refused(why.to_owned())));
            }
        }
        assert!(qq.onebot.time_for(&mute).is_some_and(|time| time > Duration::from_secs(300)));
        qq.end().await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_list_that_is_answered_with_a_timeout_is_a_refused_one_and_what_was_known_stays() {
    let qq = waiting();
    for (round, friends) in [(0, Some(json!([{ "user_id": FRED, "nickname": "Fred" }]))), (1, None)] {
        let mut socket = come_in(&qq).await;
        let asked = call(&mut socket).await;
        answer(&mut socket, &asked, json!({ "user_id": ME, "nickname": "bot" })).await;
        let asked = call(&mut socket).await;
        assert_eq!(asked["action"], "get_friend_list");
        match friends {
            Some(friends) => answer(&mut socket, &asked, friends).await,
            None => {
                let why = "Timeout: NTEvent serviceAndMethod:getBuddyList";
                say(
                    &mut socket,
                    json!({ "status": "failed", "retcode": 1200, "message": why, "echo": asked["echo"] }),
                )
                .await;
            }
        }
        let asked = call(&mut socket).await;
        answer(&mut socket, &asked, json!([])).await;
        qq.account.wait_for(AccountState::Running).await;
        assert!(qq.account.roster().friends.get(&FRED.to_string()).is_some(), "{round}");
        drop(socket);
        qq.account.wait_for(AccountState::Updating).await;
    }
    qq.end().await;
}

#[tokio::test(start_paused = true)]
async fn whoever_answers_keeps_their_place_and_whoever_does_not_loses_it() {
    let qq = waiting();
    let mut first = log_in(&qq).await;
    let mut second = come_in(&qq).await;
    let turned_away = async {
        match second.next().await {
            Some(Ok(Message::Close(Some(close)))) => close.reason.to_string(),
            other => panic!("{other:?}"),
        }
    };
    let why = tokio::select! {
        why = turned_away => why,
        _ = until_the_end(&mut first) => panic!("the first one lost its place"),
    };
    assert_eq!(why, "another connection of this account is there and answers");
    assert_eq!(qq.onebot.oddities(Oddity::SecondConnection), 1);
    assert_eq!(qq.onebot.connection().unwrap().gaps, 0);
    // Now the first one does not answer any more.
    let began = Instant::now();
    let _third = log_in(&qq).await;
    assert_eq!(began.elapsed().as_secs(), 10);
    let gap = qq.onebot.connection().unwrap().last_gap.unwrap();
    assert_eq!(gap.why, "it does not answer, and another connection took its place");
    qq.end().await;
}

#[tokio::test(start_paused = true)]
async fn whoever_waited_at_the_door_of_a_stopped_account_is_not_taken_for_the_living() {
    let qq = waiting();
    drop(log_in(&qq).await);
    qq.account.wait_for(AccountState::Updating).await;
    let stopped = qq.stopped().await;
    let mut stale = come_in_at(&stopped.onebot).await;
    tokio::time::advance(Duration::from_secs(11)).await;
    let qq = stopped.start();
    until_the_end(&mut stale).await;
    log_in(&qq).await;
    qq.end().await;
}

#[tokio::test(start_paused = true)]
async fn another_account_that_logs_in_at_the_same_place_is_not_taken_for_this_one() {
    let qq = waiting();
    drop(log_in(&qq).await);
    qq.account.wait_for(AccountState::Updating).await;
    let mut other = come_in(&qq).await;
    let asked = call(&mut other).await;
    answer(&mut other, &asked, json!({ "user_id": ME + 1, "nickname": "somebody" })).await;
    until_the_end(&mut other).await;
    let trouble = qq.onebot.trouble().unwrap();
    assert!(trouble.starts_with("QQ 10002 is logged in there, and this account is 10001"), "{trouble}");
    assert_eq!(qq.account.roster().user.id, ME.to_string());
    let mut headers = HeaderMap::new();
    headers.insert("authorization", HeaderValue::from_static("Bearer s3cret"));
    headers.insert("x-self-id", (ME + 1).into());
    let door = qq.onebot.door().unwrap();
    let refused = door.check(&"/ws".parse().unwrap(), &headers).unwrap_err();
    assert!(refused.why.starts_with("`X-Self-ID` is another QQ number"), "{refused}");
    log_in(&qq).await;
    qq.end().await;
}
