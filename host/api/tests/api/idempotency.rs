//! `Idempotency-Key`, by its effect: how many messages left.

use axum::body::Body;
use axum::http::StatusCode;
use mynah_api::ApiSettings;
use mynah_model::event::AccountState;
use mynah_networks::sim::LoginMode;
use mynah_store::{Durability, Store};
use serde_json::{Value, json};

use crate::stage::{Stage, request};

async fn send(stage: &Stage, key: &str, query: &str) -> (StatusCode, Value) {
    let call = request("GET", &format!("/openqq/{query}")).header("idempotency-key", key);
    let answer = stage.call(call.body(Body::empty()).unwrap()).await;
    (answer.status, answer.json())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_send_that_is_repeated_is_sent_once_and_answered_the_same() {
    let stage = Stage::new(ApiSettings::default()).await;
    let call = "send_friend_message?uid=123456&content=x";
    let (first, second, third) =
        tokio::join!(send(&stage, "a", call), send(&stage, "a", call), send(&stage, "a", call));
    assert_eq!(first.1["code"], 0, "{}", first.1);
    assert_eq!((&first, &first), (&second, &third));
    let by_parameter = stage.get(&format!("/openqq/{call}&idempotency_key=a")).await.json();
    assert_eq!(by_parameter, first.1);
    assert_eq!(stage.outbox().await.len(), 1);
    assert_ne!(send(&stage, "b", call).await, first);
    assert_eq!(stage.outbox().await.len(), 2);
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_that_was_used_for_something_else_is_refused() {
    let stage = Stage::new(ApiSettings::default()).await;
    send(&stage, "a", "send_friend_message?uid=123456&content=x").await;
    for other in [
        "send_friend_message?uid=123456&content=y",
        "send_friend_message?uid=7891234&content=x",
        "send_group_message?uid=552603&content=x",
    ] {
        let (status, answer) = send(&stage, "a", other).await;
        let why = "the Idempotency-Key was used for a call with other parameters";
        assert_eq!((status, answer), (StatusCode::OK, json!({"id": null, "code": 422, "status": why})));
    }
    let (_, long) = send(&stage, &"x".repeat(256), "send_friend_message?uid=123456&content=x").await;
    assert_eq!(long["code"], 400);
    assert_eq!(stage.outbox().await.len(), 1);
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_not_sent_can_be_tried_again_and_look_ups_are_never_remembered() {
    let stage = Stage::new(ApiSettings::default()).await;
    let lose = "send_friend_message?uid=900&content=x";
    assert_eq!(send(&stage, "a", lose).await.1["code"], 100);
    let join = stage.post("/api/v1/accounts/qq/sim/join", r#"{"friend": "900", "name": "新"}"#).await;
    assert_eq!(join.status, StatusCode::OK, "{}", join.text);
    let lose = "send_friend_message?id=900&content=x";
    assert_eq!(send(&stage, "a", lose).await.1["code"], 0);
    assert_eq!(send(&stage, "f", "search_friend?id=900").await.1.as_array().unwrap().len(), 1);
    assert_eq!(send(&stage, "f", "search_friend?id=123").await.1["code"], 100);
    assert_eq!(stage.outbox().await.len(), 1);
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_send_that_is_repeated_after_a_restart_is_sent_once() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("mynah.db");
    let call = "send_friend_message?uid=123456&content=x";
    let mut answers = Vec::new();
    for _ in 0..2 {
        let opened = Store::open(&path, Durability::Process).unwrap();
        let stage = Stage::with_accounts(ApiSettings::default(), LoginMode::Immediate, &["qq"], opened);
        stage.until(AccountState::Running).await;
        answers.push(send(&stage, "a", call).await);
        assert_eq!(stage.outbox().await.len(), 1);
        stage.end().await;
    }
    assert_eq!(answers[0].1["code"], 0, "{}", answers[0].1);
    assert_eq!(answers[0], answers[1]);
}
