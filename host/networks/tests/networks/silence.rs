//! OneBot peers that say nothing, or not in time. Connections are made in memory, so that the clock can jump.

use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use mynah_model::address::ChatKind;
use mynah_model::event::AccountState;
use mynah_networks::onebot::oddity::Oddity;
use mynah_networks::onebot::{Token, Trust, Way};
use mynah_networks::{Network, NetworkError};
use serde_json::{Value, json};
use tokio::io::DuplexStream;
use tokio::time::Instant;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::Role;

use crate::onebot::Qq;
use crate::peer::{GROUP, ME, eventually};
use crate::stage::send;

type Socket = WebSocketStream<DuplexStream>;

fn waiting() -> Qq {
    Qq::reach(Way::Reverse, Token::new("s3cret").unwrap(), Trust::default())
}

/// An implementation comes in.
async fn come_in(qq: &Qq) -> Socket {
    let (theirs, ours) = tokio::io::duplex(1 << 20);
    qq.onebot.door().unwrap().take_in(Box::new(ours)).await;
    WebSocketStream::from_raw_socket(theirs, Role::Client, None).await
}

/// The next call that is made.
async fn call(socket: &mut Socket) -> Value {
    loop {
        match socket.next().await.unwrap().unwrap() {
            Message::Text(text) => return serde_json::from_str(&text).unwrap(),
            _ => continue,
        }
    }
}

async fn say(socket: &mut Socket, frame: Value) {
    socket.send(Message::text(frame.to_string())).await.unwrap();
}

/// Answers until the account is in.
async fn log_in(qq: &Qq) -> Socket {
    let mut socket = come_in(qq).await;
    for (action, data) in [
        ("get_login_info", json!({ "user_id": ME, "nickname": "bot" })),
        ("get_friend_list", json!([])),
        ("get_group_list", json!([])),
    ] {
        let asked = call(&mut socket).await;
        assert_eq!(asked["action"], action);
        say(&mut socket, json!({ "status": "ok", "retcode": 0, "data": data, "echo": asked["echo"] })).await;
    }
    qq.account.wait_for(AccountState::Running).await;
    socket
}

/// Reads to the end of the connection; how long that took.
async fn until_the_end(socket: &mut Socket) -> Duration {
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
async fn two_and_a_half_heartbeats_without_a_word_are_the_end() {
    let qq = waiting();
    let mut socket = log_in(&qq).await;
    let beat = json!({ "post_type": "meta_event", "meta_event_type": "heartbeat", "interval": 2_000, "status": { "online": true } });
    for _ in 0..5 {
        say(&mut socket, beat.clone()).await;
        tokio::time::sleep(Duration::from_secs(2)).await;
    }
    assert_eq!(qq.onebot.connection().unwrap().gaps, 0);
    let took = until_the_end(&mut socket).await.as_millis();
    // Two seconds of the five were over.
    assert!((2_990..3_100).contains(&took), "{took}");
    qq.account.wait_for(AccountState::Updating).await;
    assert_eq!(qq.onebot.trouble().unwrap(), "nothing was heard for 5 s");
    let gap = qq.onebot.connection().unwrap().last_gap.unwrap();
    assert_eq!((gap.until, gap.why.as_str()), (None, "nothing was heard for 5 s"));
    log_in(&qq).await;
    let connection = qq.onebot.connection().unwrap();
    assert!(connection.last_gap.unwrap().until.is_some());
    assert_eq!(connection.gaps, 1);
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
