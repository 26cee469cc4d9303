//! check_event over a running host.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use futures_util::StreamExt;
use mynah_api::ApiSettings;
use serde_json::{Value, json};

use crate::stage::{PATIENCE, Stage, request};

/// Calls until so many reports have come.
async fn reports(stage: &Stage, count: usize) -> Vec<Value> {
    let mut found = Vec::new();
    while found.len() < count {
        let answer = stage.get("/openqq/check_event").await.json();
        let some = answer.as_array().unwrap().clone();
        assert!(!some.is_empty(), "{count} reports are expected, these came: {found:?}");
        found.extend(some);
    }
    found
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_received_and_what_is_sent_are_reported() {
    let stage = Stage::new(ApiSettings::default()).await;
    stage.say(json!({"group": 552603, "sender": "45678", "text": "测试一下"})).await;
    stage.get("/openqq/send_group_message?uid=552603&content=%E5%A5%BD").await;
    let reports = reports(&stage, 2).await;
    let received = &reports[0];
    for (field, expected) in [
        ("post_type", "receive_message"),
        ("type", "group_message"),
        ("class", "recv"),
        ("content", "测试一下"),
        ("sender", "测试成员"),
        ("sender_id", "2832277643"),
        ("sender_uid", "45678"),
        ("receiver_uid", "1234567"),
        ("group", "PERL学习交流"),
        ("group_id", "2617047292"),
        ("group_uid", "552603"),
    ] {
        assert_eq!(received[field], expected, "{field}");
    }
    assert!(received["time"].as_str().unwrap().parse::<i64>().is_ok());
    assert_eq!(reports[1]["post_type"], "send_message");
    assert_eq!(reports[1]["content"], "好");
    assert_eq!(reports[1]["from"], "api");
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn comings_and_goings_are_reported() {
    let stage = Stage::new(ApiSettings::default()).await;
    let joined = stage
        .post("/api/v1/accounts/qq/sim/join", r#"{"group": 552603, "member": 777, "name": "新人"}"#)
        .await;
    assert_eq!(joined.status, 200, "{}", joined.text);
    let kicked = stage.get("/openqq/kick_group_member?group_uid=552603&member_id=777").await;
    assert_eq!(kicked.json()["code"], 0, "{}", kicked.text);
    let befriended = stage.post("/api/v1/accounts/qq/sim/join", r#"{"friend": 777, "name": "新人"}"#).await;
    assert_eq!(befriended.status, 200, "{}", befriended.text);
    let reports = reports(&stage, 3).await;
    let names: Vec<_> = reports.iter().map(|report| report["event"].as_str().unwrap()).collect();
    assert_eq!(names, ["new_group_member", "lose_group_member", "new_friend"]);
    assert_eq!(reports[0]["params"][0]["name"], "新人");
    assert_eq!(reports[0]["params"][1]["uid"], "552603");
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_waiting_call_gets_the_first_event_that_comes() {
    let stage = Arc::new(Stage::new(ApiSettings::default()).await);
    let waiting = {
        let stage = Arc::clone(&stage);
        tokio::spawn(async move { stage.get("/openqq/check_event").await.json() })
    };
    stage.say(json!({"friend": "123456", "text": "在吗"})).await;
    let answer = tokio::time::timeout(PATIENCE, waiting).await.unwrap().unwrap();
    assert_eq!(answer[0]["content"], "在吗");
    assert_eq!(answer[0]["type"], "friend_message");
    Arc::into_inner(stage).unwrap().end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_newest_twenty_are_kept_and_nothing_is_answered_with_an_empty_list() {
    let settings = ApiSettings { check_event_wait: Duration::ZERO, ..ApiSettings::default() };
    let stage = Stage::new(settings).await;
    for n in 0..25 {
        stage.say(json!({"friend": "123456", "text": format!("{n}")})).await;
    }
    // Reports come a moment after their events.
    let mut found: Vec<Value> = Vec::new();
    while found.last().is_none_or(|report| report["content"] != "24") {
        tokio::task::yield_now().await;
        let answer = stage.get("/openqq/check_event").await.json();
        found.extend(answer.as_array().unwrap().clone());
    }
    assert!(found.len() >= 20);
    assert_eq!(stage.get("/openqq/check_event").await.text, "[]");
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_that_is_not_read_is_given_to_the_next_call() {
    let stage = Stage::new(ApiSettings::default()).await;
    stage.say(json!({"friend": "123456", "text": "一"})).await;
    let call = || request("GET", "/openqq/check_event").body(Body::empty()).unwrap();
    drop(stage.send(call()).await);
    let mut half = stage.send(call()).await.into_body().into_data_stream();
    assert!(half.next().await.is_some());
    drop(half);
    assert_eq!(stage.get("/openqq/check_event").await.json()[0]["content"], "一");
    stage.end().await;
}
