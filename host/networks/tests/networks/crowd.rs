//! OneBot peers that say more than the host takes, or at the wrong moment: what was received is not lost, and nobody who asks
//! waits behind it. Connections are made in memory, so that the clock can jump.

use futures_util::{SinkExt, StreamExt};
use mynah_model::address::ChatKind;
use mynah_model::event::{AccountState, EventKind};
use mynah_networks::Network;
use mynah_networks::onebot::limits;
use mynah_networks::onebot::oddity::Oddity;
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::frame::Frame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::{Data, OpCode};

use crate::peer::{ANN, GROUP, ME, eventually};
use crate::silence::{Socket, answer, call, come_in, log_in, say, until_the_end, waiting};
use crate::stage::{act, send};

fn said(id: usize, text: &str) -> Value {
    json!({
        "time": 1_700_000_000, "self_id": ME, "post_type": "message", "message_type": "group", "sub_type": "normal",
        "message_id": id, "group_id": GROUP, "user_id": ANN, "message": [{ "type": "text", "data": { "text": text } }],
    })
}

/// Sends a ping and reads until its pong, leaving calls unanswered.
async fn pinged(socket: &mut Socket) {
    socket.send(Message::Ping(b"there?".as_ref().into())).await.unwrap();
    while !socket.next().await.expect("the connection lives").unwrap().is_pong() {}
}

#[tokio::test(start_paused = true)]
async fn what_came_during_a_login_that_was_cut_is_heard_after_the_next() {
    let qq = waiting();
    for number in 0..3 {
        let mut socket = come_in(&qq).await;
        let asked = call(&mut socket).await;
        assert_eq!(asked["action"], "get_login_info");
        say(&mut socket, said(number, &number.to_string())).await;
        // It is read before the end is.
        pinged(&mut socket).await;
    }
    log_in(&qq).await;
    qq.hear_text("2").await;
    let texts: Vec<_> =
        qq.account.happenings().iter().filter_map(|one| Some(one.body.message()?.text.clone())).collect();
    assert_eq!(texts, ["0", "1", "2"], "in their order");
    qq.end().await;
}

#[tokio::test(start_paused = true)]
async fn a_flood_that_the_host_does_not_take_delays_no_pong_and_no_answer_and_is_all_heard_in_the_end() {
    let qq = waiting();
    let mut socket = log_in(&qq).await;
    let room = qq.account.take_room();
    let flood = limits::EVENTS + 100;
    for number in 0..flood {
        say(&mut socket, said(number, &number.to_string())).await;
    }
    pinged(&mut socket).await;
    let message = act(ChatKind::Friend, "30003", send("hi"));
    let (sent, ()) = tokio::join!(qq.onebot.perform(&message), async {
        loop {
            let asked = call(&mut socket).await;
            if asked["action"] == "send_private_msg" {
                return answer(&mut socket, &asked, json!({ "message_id": 7 })).await;
            }
        }
    });
    assert_eq!(sent.unwrap().message_id.as_deref(), Some("7"));
    // A cut loses nothing of what waits.
    drop(socket);
    qq.account.wait_for(AccountState::Updating).await;
    assert_eq!(qq.count(EventKind::MessageReceived), 0, "the host takes nothing");
    qq.account.room.add_permits(room);
    log_in(&qq).await;
    eventually("the flood", || (qq.count(EventKind::MessageReceived) == flood).then_some(())).await;
    let happenings = qq.account.happenings();
    let texts = happenings.iter().filter_map(|one| one.body.message()?.text.parse::<usize>().ok());
    assert!(texts.eq(0..flood), "each once and in its order");
    assert_eq!(qq.onebot.oddities(Oddity::Flood), 0);
    qq.end().await;
}

#[tokio::test(start_paused = true)]
async fn a_text_that_is_no_text_is_counted_and_costs_the_connection() {
    for nonsense in [
        Frame::message(vec![0xff, 0xfe], OpCode::Data(Data::Text), true),
        Frame::message(vec![], OpCode::Data(Data::Reserved(5)), true),
    ] {
        let qq = waiting();
        let mut socket = log_in(&qq).await;
        socket.send(Message::Frame(nonsense)).await.unwrap();
        until_the_end(&mut socket).await;
        assert_eq!(qq.onebot.oddities(Oddity::Malformed), 1);
        drop(socket);
        drop(log_in(&qq).await);
        qq.account.wait_for(AccountState::Updating).await;
        assert_eq!(qq.onebot.oddities(Oddity::Malformed), 1, "a connection that just ends is none");
        qq.end().await;
    }
}
