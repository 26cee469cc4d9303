//! The administration over a running host.

use axum::body::Body;
use axum::http::{Response, StatusCode};
use futures_util::StreamExt;
use mynah_api::ApiSettings;
use mynah_model::event::AccountState;
use mynah_networks::sim::LoginMode;
use serde_json::{Value, json};

use crate::stage::{PATIENCE, Stage, request};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_host_says_how_it_is() {
    let stage = Stage::new(ApiSettings::default()).await;
    assert_eq!(stage.get("/healthz").await.json()["status"], "ok");
    assert_eq!(stage.get("/readyz").await.status, StatusCode::OK);
    assert_eq!(stage.get("/api/v1/scripts").await.json(), json!([]));
    let accounts = stage.get("/api/v1/accounts").await.json();
    let account = &accounts[0];
    for (field, expected) in [
        ("name", json!("qq")),
        ("network", json!("sim")),
        ("api", json!("openqq")),
        ("state", json!("running")),
        ("friends", json!(3)),
        ("groups", json!(2)),
        ("discusses", json!(1)),
    ] {
        assert_eq!(account[field], expected, "{field}");
    }
    assert_eq!(account["user"]["name"], "小灰");
    assert_eq!(stage.get("/api/v1/openapi.json").await.json()["info"]["title"], "mynah");
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_account_that_waits_for_a_person_is_named() {
    let stage = Stage::with_login(ApiSettings::default(), LoginMode::QrCode).await;
    stage.until(AccountState::Scaning).await;
    let ready = stage.get("/readyz").await.json();
    assert_eq!(ready["waiting_for"], json!(["qq: scaning"]));
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn people_talk_come_and_go_and_all_can_be_undone() {
    let stage = Stage::new(ApiSettings::default()).await;
    let late = stage.say(json!({"discuss": 4118239384u64, "sender": 456789, "text": "hi", "time": 1})).await;
    let events = stage.host.events(mynah_model::names::Seq(late), 1).await.unwrap();
    assert_eq!(events[0].time, 1);
    for (path, fields) in [
        ("join", json!({"group": "552603", "sender": "900", "name": "a"})),
        ("leave", json!({"group": "552603", "member": "900"})),
        ("join", json!({"discuss": "4118239384", "member": "900"})),
        ("leave", json!({"friend": "7891234"})),
        ("leave", json!({"group": "552603", "member": "45678", "by": "1234567"})),
    ] {
        let answer = stage.post(&format!("/api/v1/accounts/qq/sim/{path}"), fields.to_string()).await;
        assert_eq!(answer.status, StatusCode::OK, "{path} {fields}: {}", answer.text);
        assert!(answer.json()["seq"].as_u64().unwrap() > late);
    }
    assert_eq!(stage.get("/openqq/get_friend_info").await.json().as_array().unwrap().len(), 2);
    stage.get("/openqq/send_group_message?uid=552603&content=x").await;
    assert_eq!(stage.outbox().await.len(), 1);
    let reset = stage.post("/api/v1/accounts/qq/sim/reset", "").await;
    assert_eq!(reset.status, StatusCode::OK, "{}", reset.text);
    assert!(stage.outbox().await.is_empty());
    assert_eq!(stage.get("/openqq/get_friend_info").await.json().as_array().unwrap().len(), 3);
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_cannot_be_done_is_said_with_its_code() {
    let stage = Stage::new(ApiSettings::default()).await;
    let say = "/api/v1/accounts/qq/sim/say";
    for (path, body, status, code, named) in [
        (say, json!({"group": 1, "sender": 1, "text": "x"}), 404, "chat.unknown", "`1`"),
        (say, json!({"group": 552603, "sender": 1, "text": "x"}), 404, "moderation.absent", "`1`"),
        (say, json!({"group": 552603, "text": "x"}), 400, "http.parameter", "who says it"),
        (say, json!({"text": "x"}), 400, "http.parameter", "`group`"),
        (say, json!({"group": 1, "friend": 1, "text": "x"}), 400, "http.parameter", "more than one"),
        (say, json!({"group": 1, "txet": "x"}), 400, "http.parameter", "`txet`"),
        (say, json!({"friend": 123456, "text": ""}), 409, "network.refused", "empty"),
        (say, json!("x"), 400, "http.parameter", "JSON object"),
        (say, json!([null, 552603, null, 45678, "x", null]), 400, "http.parameter", "JSON object"),
        (
            "/api/v1/accounts/nobody/sim/say",
            json!({"friend": 1, "text": "x"}),
            404,
            "account.unknown",
            "`nobody`",
        ),
        ("/api/v1/accounts/%ff/sim/say", json!({}), 400, "http.parameter", "UTF-8"),
        ("/api/v1/accounts/qq/sim/join", json!({"group": 552603}), 400, "http.parameter", "`member`"),
        (
            "/api/v1/accounts/qq/sim/join",
            json!({"friend": 5, "member": 6}),
            400,
            "http.parameter",
            "`member`",
        ),
        ("/api/v1/accounts/qq/sim/leave", json!({"group": 552603}), 400, "http.parameter", "`member`"),
        ("/api/v1/accounts/qq/sim/scan", json!({}), 409, "network.refused", "running"),
        ("/api/v1/nothing", json!({}), 404, "http.path", "/api/v1/nothing"),
        ("/", json!({}), 404, "http.path", "`/`"),
        ("/api/v1/scripts", json!({}), 405, "http.path", "POST"),
    ] {
        let answer = stage.post(path, body.to_string()).await;
        assert_eq!(answer.status.as_u16(), status, "{path} {body}: {}", answer.text);
        assert_eq!(answer.json()["code"], code, "{path} {body}");
        assert!(answer.json()["text"].as_str().unwrap().contains(named), "{path} {body}: {}", answer.text);
    }
    stage.end().await;
}

/// Reads server-sent events until so many have come: their ids and data.
async fn read_events(answer: Response<Body>, count: usize) -> Vec<(u64, Value)> {
    assert_eq!(answer.status(), StatusCode::OK);
    assert_eq!(answer.headers()["content-type"], "text/event-stream");
    let mut text = String::new();
    let mut body = answer.into_body().into_data_stream();
    while text.matches("\n\n").count() < count {
        let piece = tokio::time::timeout(PATIENCE, body.next()).await.expect("an event comes");
        text.push_str(std::str::from_utf8(&piece.unwrap().unwrap()).unwrap());
    }
    text.split("\n\n")
        .filter(|event| !event.is_empty())
        .map(|event| {
            let line = |name: &str| event.lines().find_map(|line| line.strip_prefix(name)).unwrap().trim();
            (line("id:").parse().unwrap(), serde_json::from_str(line("data:")).unwrap())
        })
        .collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn events_come_from_the_journal_and_then_as_they_happen() {
    const OLD: u64 = 600;
    const NEW: u64 = 300;
    let stage = Stage::new(ApiSettings::default()).await;
    let mut first = None;
    for n in 0..OLD {
        let seq = stage.say(json!({"friend": "123456", "text": format!("{n}")})).await;
        first.get_or_insert(seq);
    }
    let first = first.unwrap();
    let reader = stage
        .send(request("GET", &format!("/api/v1/events?from={first}")).body(Body::empty()).unwrap())
        .await;
    let reading = tokio::spawn(read_events(reader, (OLD + NEW) as usize));
    for n in OLD..OLD + NEW {
        stage.say(json!({"friend": "123456", "text": format!("{n}")})).await;
    }
    let events = reading.await.unwrap();
    let ids: Vec<u64> = events.iter().map(|(id, _)| *id).collect();
    assert_eq!(ids, (first..first + OLD + NEW).collect::<Vec<_>>());
    assert!(events.iter().all(|(id, data)| data["seq"] == *id));
    let last = &events[events.len() - 1].1;
    assert_eq!(last["body"]["text"], format!("{}", OLD + NEW - 1));

    let again = request("GET", &format!("/api/v1/events?from={first}")).header("last-event-id", first + 4);
    let events = read_events(stage.send(again.body(Body::empty()).unwrap()).await, 1).await;
    assert_eq!(events[0].0, first + 5);
    let wrong = stage.get("/api/v1/events?from=abc").await;
    assert_eq!(
        (wrong.status, wrong.json()["code"].as_str().unwrap()),
        (StatusCode::BAD_REQUEST, "http.parameter")
    );
    stage.end().await;
}
