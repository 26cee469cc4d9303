//! A whole host on a OneBot account: what people say on QQ, what the rules do about it, and what programs see through the
//! API. The peer plays each of the implementations; what it was asked for is what counts.

use std::collections::HashSet;
use std::sync::Arc;

use mynah_model::action::{ActionBody, Actor, Outcome, Target};
use mynah_model::address::ChatKind;
use mynah_model::clock::SystemClock;
use mynah_model::event::EventBody;
use mynah_model::media_kind::MediaKind;
use mynah_model::message::{MessageClass, Segment};
use mynah_model::names::Seq;
use serde_json::{Value as Json, json};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::support::guests::component;
use crate::support::host::TestHost;
use crate::support::onebot_peer::{
    ANN, BOB, FRED, GROUP, ME, OWNER, PATIENCE, Peer, Played, eventually, now,
};
use crate::support::onebot_way::Way;

/// A host with one account on a peer, however they reach each other. The shipped rules may do there what they ask for.
async fn host_on(peer: &mut Peer, way: Way, more: &str) -> TestHost {
    let reach = way.keys(peer).await;
    let toml = format!(
        r#"
        [[account]]
        name = "qq"
        network = "onebot"
        {reach}
        access_token = "s3cret"
        {more}

        [script.ping]
        allow = ["reply"]
        [script.welcome]
        allow = ["reply"]
        settings = {{ join = "welcome {{name}}", leave = "" }}
        [script.group-guard]
        allow = ["reply", "shutup", "kick"]
        "#
    );
    let host = TestHost::open(&toml).await;
    way.connect(peer, &host.url);
    host.wait_until_ready().await;
    host
}

async fn peer(played: Played) -> Peer {
    Peer::start_with(played, Some("s3cret")).await
}

/// Every peer, reached in every way; over two sockets one of them, as those differ in nothing that the peers do.
fn everybody() -> impl Iterator<Item = (Played, Way)> {
    let pairs = Played::ALL.into_iter().flat_map(|played| Way::ALL.into_iter().map(move |way| (played, way)));
    pairs.filter(|(played, way)| *way != Way::Pair || *played == Played::NapCat)
}

const FAST: &str = "pace = \"1000/s\"";

#[tokio::test(flavor = "multi_thread")]
async fn a_ping_on_qq_is_answered_with_pong_whoever_the_peer_is() {
    for (played, way) in everybody() {
        let mut peer = peer(played).await;
        let host = host_on(&mut peer, way, FAST).await;
        peer.say(GROUP, ANN, "ping");
        assert_eq!(peer.wait_for_sent(1).await, ["pong"], "{played:?} {way:?}");
        peer.whisper(FRED, "ping");
        assert_eq!(peer.wait_for_sent(2).await, ["pong", "pong"], "{played:?} {way:?}");
        host.settle().await;
        assert_eq!(peer.sent().len(), 2, "its own answers are nobody's question");
        host.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flood_on_qq_is_warned_muted_and_kicked_whoever_the_peer_is() {
    for (played, way) in everybody() {
        let mut peer = peer(played).await;
        let host = host_on(&mut peer, way, FAST).await;
        members_are(&host, &[ME, OWNER, ANN, BOB]).await;
        for step in 1..=3 {
            for number in 0..6 {
                peer.say(GROUP, ANN, &format!("buy {step} {number}"));
            }
            match step {
                1 => drop(peer.wait_for_sent(1).await),
                2 => eventually("a mute", || peer.is_muted(GROUP, ANN).then_some(())).await,
                _ => eventually("a kick", || (!peer.is_member(GROUP, ANN)).then_some(())).await,
            }
            host.settle().await;
        }
        let bans = peer.calls("set_group_ban");
        assert_eq!(
            bans,
            [json!({ "group_id": GROUP, "user_id": ANN, "duration": 600 })],
            "{played:?} {way:?}"
        );
        members_are(&host, &[ME, OWNER, BOB]).await;
        assert!(peer.is_member(GROUP, BOB));
        host.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_comes_into_a_group_is_greeted_by_name() {
    for (played, way) in everybody() {
        let mut peer = peer(played).await;
        let host = host_on(&mut peer, way, FAST).await;
        peer.join(GROUP, 40004, "Newcomer");
        assert_eq!(peer.wait_for_sent(1).await, ["welcome Newcomer"], "{played:?} {way:?}");
        members_are(&host, &[ME, OWNER, ANN, BOB, 40004]).await;
        host.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn thirty_old_messages_in_one_burst_mute_nobody() {
    let mut peer = peer(Played::NapCat).await;
    let host = host_on(&mut peer, Way::Forward, FAST).await;
    for number in 0..30 {
        peer.say_at(now() - 900, GROUP, ANN, &format!("said long ago {number}"));
    }
    peer.say(GROUP, BOB, "ping");
    assert_eq!(peer.wait_for_sent(1).await, ["pong"]);
    host.settle().await;
    assert!(!peer.is_muted(GROUP, ANN) && peer.is_member(GROUP, ANN));
    assert_eq!(peer.sent(), ["pong"]);
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn programs_see_the_account_and_act_through_it_as_through_any_other() {
    let mut peer = peer(Played::GoCqhttp).await;
    let host = host_on(&mut peer, Way::Forward, FAST).await;
    let (_, user) = host.get("/openqq/get_user_info").await;
    assert_eq!((&user["id"], &user["uid"]), (&json!("10001"), &json!("10001")), "{user}");
    let known = async || {
        let group = group(&host).await;
        (group["member"].as_array().unwrap().len() == 4).then_some(group)
    };
    let group = crate::support::wait_for("the members", known).await;
    assert_eq!(
        (&group["id"], &group["name"], &group["role"]),
        (&json!("552603"), &json!("PERL学习交流"), &json!("manage"))
    );

    let (_, sent) =
        host.get("/openqq/send_group_message?uid=552603&content=hello%20%5BCQ:at,qq=all%5D").await;
    assert_eq!(sent["code"], 0, "{sent}");
    let (_, sent) = host.get("/openqq/send_friend_message?id=30003&content=hi").await;
    assert_eq!(sent["code"], 0, "{sent}");
    assert_eq!(peer.sent(), ["hello [CQ:at,qq=all]", "hi"]);
    let (_, muted) = host.get("/openqq/shutup_group_member?group_id=552603&member_id=20002&time=600").await;
    assert_eq!(muted["code"], 0, "{muted}");
    assert!(peer.is_muted(GROUP, ANN));
    let (_, refused) = host.get("/openqq/kick_group_member?group_id=552603&member_id=10009").await;
    assert_ne!(refused["code"], 0, "nobody removes the owner: {refused}");
    let qq = host.running.host.account("qq").unwrap();
    let target = Target { account: None, kind: ChatKind::Group, id: GROUP.to_string(), via: None };
    let outcome = host.running.host.act(&qq, Some(target), ActionBody::Stick { on: true }, Actor::Api).await;
    assert_eq!(
        (outcome.outcome, outcome.text.as_str()),
        (Outcome::Unsupported, "not supported by network onebot: stick")
    );
    let (_, unsupported) = host.get("/openwx/stick?client=qq&id=552603&op=1").await;
    assert_eq!(unsupported["code"], -8, "{unsupported}");
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_decided_while_the_connection_is_gone_is_sent_once_it_is_back() {
    let mut peer = peer(Played::NapCat).await;
    let host = host_on(&mut peer, Way::Forward, "pace = \"2/s\"").await;
    for number in 0..6 {
        // Two at once, then one every half second: the rest waits for its turn when the connection goes.
        peer.say(GROUP, ANN + number, "ping");
    }
    peer.wait_for_sent(2).await;
    peer.cut();
    let sent = peer.wait_for_sent(6).await;
    host.settle().await;
    assert_eq!(sent, ["pong"; 6]);
    assert_eq!(peer.sent().len(), 6, "each once");
    assert!(peer.dialled() >= 2);
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_that_nobody_answers_for_is_unknown_and_not_repeated() {
    for way in Way::ALL {
        let mut peer = peer(Played::NapCat).await;
        let host = host_on(&mut peer, way, FAST).await;
        peer.manner(|manner| {
            manner.deaf_to.insert("send_group_msg");
        });
        let (answer, ()) =
            tokio::join!(host.get("/openqq/send_group_message?uid=552603&content=hello"), async {
                peer.wait_for_sent(1).await;
                // Over HTTP the call's own connection just ends.
                if way != Way::Http {
                    peer.cut();
                }
            });
        assert_ne!(answer.1["code"], 0, "{way:?}: {answer:?}");
        eventually("a connection", || peer.is_connected().then_some(())).await;
        host.wait_until_ready().await;
        peer.say(GROUP, ANN, "after that");
        host.settle().await;
        assert_eq!(peer.sent(), ["hello"], "{way:?}");
        let (_, audit) = host.get("/api/v1/audit").await;
        let entries =
            audit.as_array().cloned().unwrap_or_else(|| audit["entries"].as_array().unwrap().clone());
        let unknown = entries.iter().filter(|entry| entry["outcome"] == "unknown").count();
        assert_eq!(unknown, 1, "{way:?}: journalled as that: {audit}");
        host.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_typed_on_the_phone_is_an_own_message_to_programs() {
    for way in Way::ALL {
        let mut peer = peer(Played::NapCat).await;
        peer.manner(|manner| manner.tells_own = true);
        let host = host_on(&mut peer, way, FAST).await;
        peer.type_on_phone(GROUP, "ping");
        peer.say(GROUP, ANN, "ping");
        peer.wait_for_sent(1).await;
        peer.say(GROUP, ANN, "the end");
        let sent = async || {
            let events = host.running.host.events(Seq(0), u32::MAX).await.unwrap();
            let ended =
                events.iter().any(|event| event.body.message().is_some_and(|said| said.text == "the end"));
            let own = events.iter().filter_map(|event| match &event.body {
                EventBody::MessageSent(message) => Some(format!("{} {:?}", message.text, message.source)),
                _ => None,
            });
            let own: Vec<_> = own.collect();
            (ended && own.len() >= 2).then_some(own)
        };
        let mut own = crate::support::wait_for("the end", sent).await;
        own.sort();
        assert_eq!(own, ["ping Person", "pong Script"], "{way:?}");
        host.settle().await;
        assert_eq!(peer.sent(), ["pong"], "own messages are nobody's question");
        host.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_script_that_answers_own_messages_ends_even_if_no_echo_is_known_for_one() {
    let peer = peer(Played::NapCat).await;
    peer.manner(|manner| (manner.tells_own, manner.other_ids, manner.other_words) = (true, true, true));
    let folder = Arc::new(TempDir::new().unwrap());
    std::fs::create_dir(folder.path().join("scripts.d")).unwrap();
    std::fs::write(folder.path().join("scripts.d/answerer.wasm"), component("answerer")).unwrap();
    let toml = format!(
        "[[account]]\nname = \"qq\"\nnetwork = \"onebot\"\nurl = \"{}\"\naccess_token = \"s3cret\"\n{FAST}\n[script.answerer]\nallow = [\"reply\"]\n",
        peer.url()
    );
    let host = TestHost::start_in(folder, &toml, Arc::new(SystemClock)).await;
    peer.type_on_phone(GROUP, "hello");
    // What was typed, three answers and three echoes of them.
    let all = async || {
        let events = host.running.host.events(Seq(0), u32::MAX).await.unwrap();
        let own = events.iter().filter(|event| matches!(event.body, EventBody::MessageSent(_)));
        let depths: Vec<_> = own.map(|event| event.depth).collect();
        (depths.len() >= 7).then_some(depths)
    };
    let depths = crate::support::wait_for("the last echo", all).await;
    assert_eq!(depths.iter().max(), Some(&3), "{depths:?}");
    host.settle().await;
    assert_eq!(peer.sent_count(), 3, "{:?}", peer.sent());
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn pictures_are_sent_by_their_bytes_and_those_that_come_can_be_fetched() {
    const PNG: &str =
        "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";
    for way in Way::ALL {
        let mut peer = peer(Played::Llbot).await;
        let host = host_on(&mut peer, way, FAST).await;
        let data: String = PNG.bytes().map(|byte| format!("%{byte:02X}")).collect();
        let (_, sent) =
            host.get(&format!("/openwx/send_friend_message?client=qq&id={FRED}&media_data={data}")).await;
        assert_eq!(sent["code"], 0, "{way:?}: {sent}");
        let message = &peer.calls("send_private_msg")[0]["message"][0];
        assert_eq!(
            (&message["type"], &message["data"]["file"]),
            (&json!("image"), &json!(format!("base64://{PNG}")))
        );
        let id = sent["media_id"].as_str().unwrap();
        let (_, again) =
            host.get(&format!("/openwx/send_group_message?client=qq&id={GROUP}&media_id={id}")).await;
        assert_eq!(again["code"], 0, "{way:?}: {again}");
        assert_eq!(
            peer.calls("send_group_msg")[0]["message"][0]["data"]["file"],
            json!(format!("base64://{PNG}"))
        );

        peer.emit(json!({
            "post_type": "message", "message_type": "private", "sub_type": "friend", "message_id": 7, "user_id": FRED,
            "message": [{ "type": "image", "data": { "file": "A.jpg", "url": "https://multimedia.nt.qq.com.cn/download?x=1" } }],
        }));
        let picture = async || {
            let events = host.running.host.events(Seq(0), u32::MAX).await.unwrap();
            events.iter().find_map(|event| match event.body.message()?.segments.first()? {
                Segment::Image(media) if event.body.message()?.class == MessageClass::Recv => {
                    Some(media.clone())
                }
                _ => None,
            })
        };
        let picture = crate::support::wait_for("the picture", picture).await;
        assert_eq!(picture.url.as_deref(), Some("https://multimedia.nt.qq.com.cn/download?x=1"));
        assert_eq!((picture.id.as_deref(), picture.kind()), (Some("A.jpg"), MediaKind::Image));
        host.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_that_is_offline_says_so_whichever_way_it_is_reached() {
    for way in Way::ALL {
        let mut peer = peer(Played::NapCat).await;
        let host = host_on(&mut peer, way, FAST).await;
        let gone = json!({ "post_type": "notice", "notice_type": "bot_offline", "user_id": ME, "message": "elsewhere" });
        for by_notice in [false, true] {
            match by_notice {
                true => peer.emit(gone.clone()),
                false => peer.beat(false),
            }
            state_is(&host, "updating").await;
            // A notice is undone by heartbeats only once they have said the same.
            peer.beat(false);
            peer.beat(true);
            state_is(&host, "running").await;
        }
        peer.say(GROUP, ANN, "ping");
        assert_eq!(peer.wait_for_sent(1).await, ["pong"], "{way:?}");
        host.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn friend_requests_and_what_they_come_to_are_seen_by_programs() {
    for (played, way) in everybody() {
        let mut peer = peer(played).await;
        let host = host_on(&mut peer, way, FAST).await;
        peer.emit(json!({
            "post_type": "request", "request_type": "friend", "user_id": 50005, "comment": "hi", "flag": "f1",
        }));
        let asked = async || {
            let events = host.running.host.events(Seq(0), u32::MAX).await.unwrap();
            events.iter().find_map(|event| match &event.body {
                EventBody::FriendRequest(request) => Some(request.clone()),
                _ => None,
            })
        };
        let request = crate::support::wait_for("the request", asked).await;
        assert_eq!(
            (request.from.name.as_str(), request.text.as_str()),
            ("stranger 50005", "hi"),
            "{played:?} {way:?}"
        );
        let (_, answer) = host
            .get(&format!(
                "/openwx/accept_friend_request?client=qq&id=50005&displayname=x&ticket={}",
                request.id.bytes().map(|byte| format!("%{byte:02X}")).collect::<String>()
            ))
            .await;
        assert_eq!(answer["code"], 0, "{answer}");
        assert_eq!(peer.calls("set_friend_add_request"), [json!({ "flag": "f1", "approve": true })]);
        host.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_script_that_may_answers_friend_requests() {
    let mut peer = peer(Played::NapCat).await;
    let folder = Arc::new(TempDir::new().unwrap());
    std::fs::create_dir(folder.path().join("scripts.d")).unwrap();
    std::fs::write(folder.path().join("scripts.d/actor.wasm"), component("actor")).unwrap();
    let reach = Way::Forward.keys(&mut peer).await;
    let toml = format!(
        "[[account]]\nname = \"qq\"\nnetwork = \"onebot\"\nqq = {ME}\n{reach}\naccess_token = \"s3cret\"\n{FAST}\n[script.actor]\nallow = [\"answer-request\"]\n"
    );
    let host = TestHost::start_in(folder, &toml, Arc::new(SystemClock)).await;
    peer.emit(json!({
        "post_type": "request", "request_type": "friend", "user_id": 50005, "comment": "hi", "flag": "f1",
    }));
    let answered = peer.wait_for_calls("set_friend_add_request", 1).await;
    assert_eq!(answered, [json!({ "flag": "f1", "approve": true })]);
    host.settle().await;
    assert_eq!(peer.calls("set_friend_add_request").len(), 1);
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_that_is_not_the_one_that_was_named_is_a_problem_that_says_so() {
    let mut peer = peer(Played::NapCat).await;
    let reach = Way::Forward.keys(&mut peer).await;
    let toml = format!(
        "[[account]]\nname = \"qq\"\nnetwork = \"onebot\"\nqq = 10002\n{reach}\naccess_token = \"s3cret\"\n"
    );
    let host = TestHost::open(&toml).await;
    let problem = crate::support::wait_for("a problem", async || {
        let (_, account) = host.get("/api/v1/accounts/qq").await;
        account["problem"].as_str().map(str::to_owned)
    })
    .await;
    assert!(problem.contains("QQ 10001 is logged in there, and this account is 10002"), "{problem}");
    assert!(problem.contains("change `qq` in `mynah.toml`"), "{problem}");
    assert!(peer.calls("get_friend_list").is_empty(), "nobody asks whom they know");
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_who_posts_without_a_signature_is_waited_for() {
    let host = TestHost::open(
        "[[account]]\nname = \"qq\"\nnetwork = \"onebot\"\nurl = \"http://127.0.0.1:9\"\nlisten = \"/onebot/v11/http\"\naccess_token = \"s3cret\"",
    )
    .await;
    let address = host.url.strip_prefix("http://").unwrap();
    for (headers, status) in [
        ("", "401"),
        ("x-signature: sha1=abc\r\n", "403"),
        ("x-signature: sha1=3a11128db5d52967b47b427b632d43eb6a71391c\r\norigin: http://127.0.0.1\r\n", "403"),
    ] {
        let mut stream = TcpStream::connect(address).await.unwrap();
        let head = format!(
            "POST /onebot/v11/http HTTP/1.1\r\nhost: {address}\r\n{headers}content-type: application/json\r\ncontent-length: 4000000\r\n\r\n"
        );
        // Not a byte of the body follows.
        stream.write_all(head.as_bytes()).await.unwrap();
        let mut answer = [0; 12];
        let read = tokio::time::timeout(PATIENCE, stream.read_exact(&mut answer)).await;
        read.expect("it is answered at once").unwrap();
        assert_eq!(std::str::from_utf8(&answer).unwrap(), format!("HTTP/1.1 {status}"), "{headers}");
    }
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reverse_connection_comes_back_and_whoever_answers_keeps_it() {
    let mut peer = peer(Played::Llbot).await;
    let host = host_on(&mut peer, Way::Reverse, FAST).await;
    peer.cut();
    eventually("a new connection", || peer.is_connected().then_some(())).await;
    peer.say(GROUP, ANN, "ping");
    assert_eq!(peer.wait_for_sent(1).await, ["pong"]);
    let mut second = self::peer(Played::NapCat).await;
    second.dial(&host.url, "/onebot/v11/ws");
    eventually("some tries", || (second.dialled() >= 3).then_some(())).await;
    peer.say(GROUP, BOB, "ping");
    assert_eq!(peer.wait_for_sent(2).await, ["pong", "pong"]);
    assert!(second.calls("get_login_info").is_empty(), "they were sent away");
    drop(peer);
    second.wait_for_calls("get_group_list", 1).await;
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_comes_in_without_the_token_or_from_a_page() {
    let host = TestHost::open(
        "[[account]]\nname = \"qq\"\nnetwork = \"onebot\"\nlisten = \"/onebot/v11/ws\"\naccess_token = \"s3cret\"",
    )
    .await;
    let upgrade = |headers: &[(&'static str, &'static str)]| {
        let mut request = reqwest::Client::new()
            .get(format!("{}/onebot/v11/ws", host.url))
            .header("connection", "Upgrade")
            .header("upgrade", "websocket")
            .header("sec-websocket-version", "13")
            .header("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        async move { request.send().await.unwrap().status().as_u16() }
    };
    assert_eq!(upgrade(&[]).await, 401);
    assert_eq!(upgrade(&[("authorization", "Bearer wrong")]).await, 403);
    assert_eq!(upgrade(&[("authorization", "Bearer s3cret"), ("origin", "http://127.0.0.1")]).await, 403);
    assert_eq!(upgrade(&[("authorization", "Bearer s3cret")]).await, 101);
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_that_are_cut_again_and_again_under_load_double_nothing_and_lose_nothing_that_was_received()
 {
    const GROUPS: i64 = 200;
    let mut peer = peer(Played::GoCqhttp).await;
    peer.add_groups(GROUPS);
    let host = host_on(&mut peer, Way::Forward, "pace = \"100000/s\"").await;
    let mut said = 0;
    for round in 0..8 {
        eventually("a connection", || (peer.dialled() > round && peer.is_connected()).then_some(())).await;
        for group in 1..=GROUPS {
            peer.say(group, ANN, "ping");
            said += 1;
        }
        // Some are read by now, some are on their way, some are lost.
        peer.wait_for_sent(peer.sent().len() + 20).await;
        peer.cut();
    }
    eventually("the last connection", || (peer.dialled() > 8 && peer.is_connected()).then_some(())).await;
    peer.say(GROUP, ANN, "ping");
    let is_last = || peer.calls("send_group_msg").iter().any(|call| call["group_id"] == GROUP).then_some(());
    eventually("the last pong", is_last).await;
    host.settle().await;

    let events = host.running.host.events(Seq(0), u32::MAX).await.unwrap();
    let received: Vec<_> = events
        .iter()
        .filter_map(|event| match &event.body {
            EventBody::MessageReceived(message) => Some((event.address().to_string(), message.id.clone())),
            _ => None,
        })
        .collect();
    let once: HashSet<_> = received.iter().collect();
    assert_eq!(once.len(), received.len(), "nothing is handled twice");
    assert!(received.len() <= said + 1);
    // Every answer was handed over once: the peer never gets more of them than messages were received.
    let asked = peer.calls("send_group_msg").len();
    assert!(asked <= received.len(), "{asked} answers to {} messages", received.len());
    let qq = host.running.host.account("qq").unwrap();
    let ended = host.running.host.outbox(&qq).await.unwrap().len();
    assert!(ended <= asked, "{ended} confirmed of {asked}");
    let gaps = events
        .iter()
        .filter(|event| matches!(&event.body, EventBody::Other { kind, .. } if kind == "gap"))
        .count();
    assert_eq!(gaps, 8, "each time without a connection is counted");
    host.stop().await;
}

async fn state_is(host: &TestHost, state: &str) {
    crate::support::wait_for(state, async || {
        let (_, account) = host.get("/api/v1/accounts/qq").await;
        (account["state"] == state).then_some(())
    })
    .await;
}

/// Waits until these are the members of the group, to programs.
async fn members_are(host: &TestHost, ids: &[i64]) {
    let ids: HashSet<_> = ids.iter().map(|id| json!(id.to_string())).collect();
    crate::support::wait_for(&format!("the members {ids:?}"), async || {
        let group = group(host).await;
        let members: HashSet<_> =
            group["member"].as_array()?.iter().map(|member| member["id"].clone()).collect();
        (members == ids && group["name"] == "PERL学习交流").then_some(())
    })
    .await;
}

async fn group(host: &TestHost) -> Json {
    let (_, groups) = host.get("/openqq/get_group_info").await;
    groups.as_array().unwrap().iter().find(|group| group["uid"] == "552603").cloned().unwrap_or_default()
}
