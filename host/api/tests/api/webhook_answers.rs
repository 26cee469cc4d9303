//! What a webhook's answer brings about, by its effects; and answers that are wrong on purpose.

use std::time::Duration;

use axum::response::{IntoResponse, Response};
use mynah_api::{ApiSettings, WebhookTimes};
use mynah_networks::sim::Say;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use crate::endpoint::{self, Call, Endpoint};
use crate::reporting::{Reporting, posting_to, quick, settings};
use crate::stage::PATIENCE;

/// Answers received messages so, and all else with nothing.
fn to_received(answer: &'static str) -> impl Fn(&Call) -> Response + Send + Sync {
    move |call| match call.field("post_type").as_str() {
        "receive_message" => endpoint::json(answer),
        _ => endpoint::ok(call),
    }
}

/// Waits until the account has done so much.
async fn done(host: &Reporting, count: usize) -> Vec<Value> {
    let wait = async {
        loop {
            let done = host.stage.outbox().await;
            if done.len() >= count {
                return done;
            }
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(PATIENCE, wait).await.expect("the answer is done")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reply_goes_to_the_chat_of_the_message_whatever_kind_it_is() {
    let endpoint = Endpoint::new(to_received(r#"{"reply":"你好 😀","code":0}"#)).await;
    let host = Reporting::new(posting_to(&endpoint.url("/"))).await;
    let account = host.stage.account();
    let sim = account.sim().unwrap();
    let chats = [
        (Say::friend("123456", "x"), "qq/friend/2457053936"),
        (Say::group("552603", "456789", "x"), "qq/group/2617047292"),
        (Say::discuss("4118239384", "456789", "x"), "qq/discuss/4118239384"),
        (Say::temporary("2832277643", "x"), "qq/temporary/2832277643"),
    ];
    for (number, (say, chat)) in (1..).zip(chats) {
        let said = sim.say(say).await.unwrap();
        let done = done(&host, number).await;
        let last = done.last().unwrap();
        assert_eq!(last["chat"], chat);
        assert_eq!((&last["text"], &last["by"]), (&json!("你好 😀"), &json!("webhook")));
        assert_eq!(last["cause"], said.seq.0, "the reply names the message that it answers");
    }
    let sent = endpoint.messages(8).await;
    let sent = sent.iter().find(|call| call.field("post_type") == "send_message").unwrap();
    assert_eq!(sent.field("from"), "code");
    host.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn several_replies_are_sent_in_order_and_then_the_sender_is_muted() {
    let answer = r#"{"reply":["一",2],"shutup":1,"shutup_time":600,"recall":1}"#;
    let endpoint = Endpoint::new(to_received(answer)).await;
    let host = Reporting::new(posting_to(&endpoint.url("/"))).await;
    host.stage.say(json!({"group": 552603, "sender": "456789", "text": "x"})).await;
    let done = done(&host, 4).await;
    let kinds: Vec<_> = done.iter().map(|deed| deed["kind"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["send", "send", "recall", "shutup"]);
    assert_eq!((&done[0]["text"], &done[1]["text"]), (&json!("一"), &json!("2")));
    assert_eq!((&done[3]["members"], &done[3]["seconds"]), (&json!(["2372835507"]), &json!(600)));
    let roster = host.stage.account().roster();
    assert!(roster.member("2617047292", "2372835507").unwrap().shutup_until.is_some());
    host.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn shutup_needs_no_reply_and_lasts_a_minute_unless_it_is_said() {
    let endpoint = Endpoint::new(to_received(r#"{"shutup":1}"#)).await;
    let host = Reporting::new(posting_to(&endpoint.url("/"))).await;
    host.stage.say(json!({"group": 552603, "sender": "456789", "text": "x"})).await;
    let deed = done(&host, 1).await.remove(0);
    assert_eq!((&deed["kind"], &deed["seconds"]), (&json!("shutup"), &json!(60)));
    host.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn kick_takes_the_sender_out_of_the_group() {
    let endpoint = Endpoint::new(to_received(r#"{"kick":1}"#)).await;
    let host = Reporting::new(posting_to(&endpoint.url("/"))).await;
    host.stage.say(json!({"group": 552603, "sender": "456789", "text": "x"})).await;
    assert_eq!(done(&host, 1).await[0]["kind"], "kick");
    assert!(host.stage.account().roster().member("2617047292", "2372835507").is_none());
    host.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_admin_is_not_muted_by_a_webhook_either_and_the_reply_stands() {
    let endpoint = Endpoint::new(to_received(r#"{"reply":"x","shutup":1,"kick":1}"#)).await;
    let host = Reporting::new(posting_to(&endpoint.url("/"))).await;
    host.stage.say(json!({"group": 552603, "sender": "123455", "text": "x"})).await;
    done(&host, 1).await;
    host.stage.host.settled().await.unwrap();
    let kinds: Vec<_> = host.stage.outbox().await.iter().map(|deed| deed["kind"].clone()).collect();
    assert_eq!(kinds, ["send"]);
    host.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_endpoint_that_answers_its_own_messages_is_cut_after_three() {
    let endpoint = Endpoint::new(|call| match call.field("post_type").as_str() {
        "event" => endpoint::ok(call),
        _ => endpoint::json(json!({"reply": format!("re: {}", call.field("content"))}).to_string()),
    })
    .await;
    let host = Reporting::new(posting_to(&endpoint.url("/"))).await;
    host.stage.say(json!({"friend": "123456", "text": "x"})).await;
    // One that was received and three that were sent; the answer to the last is refused.
    let calls = endpoint.messages(4).await;
    assert_eq!(calls[3].field("content"), "re: re: re: x");
    let after = host.stage.say(json!({"friend": "7891234", "text": "完"})).await;
    endpoint.until(|calls| calls.iter().any(|call| call.seq() == after)).await;
    let friend = "qq/friend/2457053936";
    let deeds = host.stage.outbox().await;
    assert_eq!(deeds.iter().filter(|deed| deed["chat"] == friend).count(), 3, "{deeds:?}");
    host.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_answer_to_what_happened_long_ago_is_not_done() {
    let endpoint = Endpoint::new(to_received(r#"{"reply":"x"}"#)).await;
    let host = Reporting::new(posting_to(&endpoint.url("/"))).await;
    let long_ago = host.stage.host.now() - 301_000;
    let old = json!({"friend": "123456", "text": "旧", "time": long_ago}).to_string();
    assert_eq!(host.stage.post("/api/v1/accounts/qq/sim/say", old).await.status, 200);
    host.stage.say(json!({"friend": "123456", "text": "新"})).await;
    let deeds = done(&host, 1).await;
    endpoint.messages(3).await;
    assert_eq!(deeds.len(), 1, "only the new one is answered: {deeds:?}");
    host.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn answers_that_are_not_json_by_their_type_mean_nothing() {
    let text = |kind: &'static str| ([("content-type", kind)], r#"{"reply":"x"}"#).into_response();
    for (kind, is_answer) in [
        ("text/html", false),
        ("text/plain", false),
        ("application/jsonp", false),
        ("text/json; charset=utf-8", true),
        ("Application/JSON;charset=UTF-8", true),
    ] {
        let endpoint = Endpoint::new(move |call| match call.field("content").as_str() {
            "一" => text(kind),
            "二" => endpoint::json(r#"{"reply":"end"}"#),
            _ => endpoint::ok(call),
        })
        .await;
        let host = Reporting::new(posting_to(&endpoint.url("/"))).await;
        host.stage.say(json!({"friend": "123456", "text": "一"})).await;
        host.stage.say(json!({"friend": "123456", "text": "二"})).await;
        let deeds = done(&host, 1 + usize::from(is_answer)).await;
        assert_eq!(deeds[0]["text"], if is_answer { "x" } else { "end" }, "{kind}");
        host.end().await;
    }
}

/// What a hostile endpoint sends to the first call, and whether the report has arrived with it.
const HOSTILE: [(&str, &str, Flood); 10] = [
    (
        "invalid JSON",
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 9\r\n\r\n{\"reply\":",
        Flood::None,
    ),
    (
        "a bare string",
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 3\r\n\r\n\"x\"",
        Flood::None,
    ),
    ("no content", "HTTP/1.1 204 No Content\r\nContent-Type: application/json\r\n\r\n", Flood::None),
    (
        "a length that is a lie",
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 99\r\nConnection: close\r\n\r\n{\"reply\":\"x\"}",
        Flood::None,
    ),
    (
        "a length past every memory",
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 18446744073709551614\r\n\r\n{\"reply\":\"x\"}",
        Flood::None,
    ),
    (
        "ten megabytes",
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 10485760\r\n\r\n{\"reply\":\"",
        Flood::Endless,
    ),
    (
        "an endless body",
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\n\r\n{\"reply\":\"",
        Flood::Endless,
    ),
    (
        "deep JSON",
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\n\r\n",
        Flood::Deep,
    ),
    (
        "a slow drip",
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\n\r\n",
        Flood::Drip,
    ),
    (
        "zipped",
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Encoding: gzip\r\nContent-Length: 4\r\n\r\n\x1f\x08xx",
        Flood::None,
    ),
];

#[derive(Clone, Copy)]
enum Flood {
    None,
    Endless,
    Deep,
    Drip,
}

/// Answers the first call with a message so, and others with a reply.
async fn hostile(listener: TcpListener, head: &'static str, flood: Flood) {
    let mut used = false;
    loop {
        let (mut connection, _) = listener.accept().await.unwrap();
        let mut request = Vec::new();
        let mut buffer = [0; 4096];
        // Calls are small, and their bodies end with the report's brace.
        while !request.ends_with(b"}") {
            match connection.read(&mut buffer).await {
                Ok(0) | Err(_) => break,
                Ok(length) => request.extend_from_slice(&buffer[..length]),
            }
        }
        let request = String::from_utf8_lossy(&request).into_owned();
        let is_message = request.contains("receive_message");
        if is_message && !used {
            used = true;
            tokio::spawn(async move {
                let _ = connection.write_all(head.as_bytes()).await;
                loop {
                    let sent = match flood {
                        Flood::None => return,
                        Flood::Endless => connection.write_all(&[b'x'; 65536]).await,
                        Flood::Deep => {
                            let _ = connection.write_all(&vec![b'['; 500_000]).await;
                            return;
                        }
                        Flood::Drip => {
                            tokio::time::sleep(Duration::from_millis(20)).await;
                            connection.write_all(b" ").await
                        }
                    };
                    if sent.is_err() {
                        return;
                    }
                }
            });
        } else {
            let reply = if is_message { r#"{"reply":"still here"}"# } else { "{}" };
            let answer = format!(
                "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{reply}",
                reply.len()
            );
            let _ = connection.write_all(answer.as_bytes()).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hostile_answers_cost_nothing_but_themselves() {
    for (what, head, flood) in HOSTILE {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/", listener.local_addr().unwrap());
        let endpoint = tokio::spawn(hostile(listener, head, flood));
        let times = WebhookTimes { total: Duration::from_millis(500), ..quick() };
        let host = Reporting::with(ApiSettings { webhook: times, ..settings(posting_to(&url)) }).await;
        host.stage.say(json!({"friend": "123456", "text": "一"})).await;
        host.stage.say(json!({"friend": "123456", "text": "二"})).await;
        let deeds = done(&host, 1).await;
        assert_eq!(deeds[0]["text"], "still here", "{what}");
        let letters = host.stage.get("/api/v1/dead-letters").await;
        assert_eq!(letters.text, "[]", "{what}: the report has arrived");
        endpoint.abort();
        host.end().await;
    }
}
