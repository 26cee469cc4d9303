//! Reports that their webhook did not take: listed, sent again, deleted.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use axum::body::Body;
use axum::http::{Method, StatusCode};
use axum::response::{IntoResponse, Redirect};
use mynah_api::{ApiSettings, ReportSettings, WebhookTimes};
use serde_json::{Value, json};

use crate::endpoint::{self, Endpoint, messages};
use crate::reporting::{Reporting, posting_to, quick, settings};
use crate::stage::{Answer, PATIENCE, request};

async fn letters(host: &Reporting, count: usize) -> Vec<Value> {
    let wait = async {
        loop {
            let answer = host.stage.get("/api/v1/dead-letters").await;
            let letters = answer.json().as_array().unwrap().clone();
            if letters.len() >= count {
                return letters;
            }
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(PATIENCE, wait).await.expect("dead letters come")
}

async fn call(host: &Reporting, method: Method, path: &str) -> Answer {
    host.stage.call(request(method.as_str(), path).body(Body::empty()).unwrap()).await
}

/// An endpoint that refuses messages with this answer until it is told to take them.
async fn refusing(answer: fn() -> axum::response::Response) -> (Endpoint, Arc<AtomicBool>) {
    let takes = Arc::new(AtomicBool::new(false));
    let asked = takes.clone();
    let endpoint =
        Endpoint::new(move |call| match call.field("post_type") == "event" || asked.load(Ordering::SeqCst) {
            true => endpoint::ok(call),
            false => answer(),
        })
        .await;
    (endpoint, takes)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_refused_is_set_aside_at_once_and_can_be_sent_again() {
    let (endpoint, takes) = refusing(|| StatusCode::FORBIDDEN.into_response()).await;
    let host = Reporting::new(posting_to(&endpoint.url("/"))).await;
    let seq = host.stage.say(json!({"friend": "123456", "text": "一"})).await;
    let letter = letters(&host, 1).await.remove(0);
    for (field, expected) in [
        ("code", json!("webhook.refused")),
        ("account", json!("qq")),
        ("address", json!("qq/friend/2457053936")),
        ("seq", json!(seq)),
    ] {
        assert_eq!(letter[field], expected, "{field}");
    }
    assert!(letter["text"].as_str().unwrap().contains("403"), "{letter}");
    assert_eq!(letter["report"]["content"], "一");
    assert_eq!(endpoint.messages(1).await.len(), 1, "it is not repeated by itself");

    takes.store(true, Ordering::SeqCst);
    let path = format!("/api/v1/dead-letters/{}/retry", letter["id"]);
    assert_eq!(call(&host, Method::POST, &path).await.status, StatusCode::ACCEPTED);
    let calls = endpoint.messages(2).await;
    assert_eq!((calls[1].seq(), &calls[1].body), (seq, &calls[0].body), "it is the same report");
    assert_eq!(host.stage.get("/api/v1/dead-letters").await.text, "[]");
    assert_eq!(call(&host, Method::POST, &path).await.status, StatusCode::NOT_FOUND);
    host.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_redirect_is_not_followed() {
    let other = Endpoint::new(endpoint::ok).await;
    let target = Arc::new(other.url("/elsewhere"));
    let redirected = Endpoint::new(move |call| match call.field("post_type").as_str() {
        "event" => endpoint::ok(call),
        _ => Redirect::temporary(&target).into_response(),
    })
    .await;
    let host = Reporting::new(posting_to(&redirected.url("/"))).await;
    host.stage.say(json!({"friend": "123456", "text": "一"})).await;
    let letter = letters(&host, 1).await.remove(0);
    assert!(letter["text"].as_str().unwrap().contains("redirects are not followed"), "{letter}");
    assert!(other.calls().is_empty());
    host.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_cannot_be_delivered_is_given_up_and_those_behind_it_go_on() {
    let (endpoint, takes) = refusing(|| StatusCode::BAD_GATEWAY.into_response()).await;
    let times = WebhookTimes { give_up_after: Duration::ZERO, ..quick() };
    let host =
        Reporting::with(ApiSettings { webhook: times, ..settings(posting_to(&endpoint.url("/"))) }).await;
    host.stage.say(json!({"friend": "123456", "text": "一"})).await;
    let letter = letters(&host, 1).await.remove(0);
    assert_eq!(letter["code"], "webhook.unreachable");
    assert_eq!(letter["text"], "given up after 4 tries: the endpoint answered 502 Bad Gateway");
    takes.store(true, Ordering::SeqCst);
    host.stage.say(json!({"friend": "123456", "text": "二"})).await;
    endpoint.until(|calls| messages(calls).iter().any(|call| call.field("content") == "二")).await;
    host.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn dead_letters_are_listed_in_pages_and_deleted() {
    let (endpoint, _) = refusing(|| StatusCode::NOT_FOUND.into_response()).await;
    let host = Reporting::new(posting_to(&endpoint.url("/"))).await;
    for text in ["一", "二", "三"] {
        host.stage.say(json!({"friend": "123456", "text": text})).await;
    }
    let all = letters(&host, 3).await;
    let texts: Vec<_> = all.iter().map(|letter| letter["report"]["content"].clone()).collect();
    assert_eq!(texts, ["三", "二", "一"]);
    let older = host.stage.get(&format!("/api/v1/dead-letters?before={}", all[0]["id"])).await.json();
    assert_eq!(older.as_array().unwrap()[..], all[1..]);
    let path = format!("/api/v1/dead-letters/{}", all[1]["id"]);
    assert_eq!(call(&host, Method::DELETE, &path).await.status, StatusCode::NO_CONTENT);
    assert_eq!(call(&host, Method::DELETE, &path).await.status, StatusCode::NOT_FOUND);
    assert_eq!(letters(&host, 2).await.len(), 2);
    for (method, path, status) in [
        (Method::GET, "/api/v1/dead-letters?before=x", StatusCode::BAD_REQUEST),
        (Method::GET, "/api/v1/dead-letters?after=1", StatusCode::BAD_REQUEST),
        (Method::DELETE, "/api/v1/dead-letters/x", StatusCode::NOT_FOUND),
        (Method::DELETE, "/api/v1/dead-letters/99999999999999999999", StatusCode::NOT_FOUND),
        (Method::POST, "/api/v1/dead-letters/18446744073709551615/retry", StatusCode::NOT_FOUND),
        (Method::POST, "/api/v1/dead-letters/0/retry", StatusCode::NOT_FOUND),
        (Method::PUT, "/api/v1/dead-letters/1", StatusCode::METHOD_NOT_ALLOWED),
    ] {
        assert_eq!(call(&host, method, path).await.status, status, "{path}");
    }
    host.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_a_webhook_there_is_nowhere_to_send_it_again() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("mynah.db");
    let (endpoint, _) = refusing(|| StatusCode::GONE.into_response()).await;
    let host = Reporting::on_file(&path, settings(posting_to(&endpoint.url("/")))).await;
    host.stage.say(json!({"friend": "123456", "text": "一"})).await;
    let letter = letters(&host, 1).await.remove(0);
    host.end().await;
    let host = Reporting::on_file(&path, settings(ReportSettings::default())).await;
    let path = format!("/api/v1/dead-letters/{}/retry", letter["id"]);
    let answer = call(&host, Method::POST, &path).await;
    assert_eq!(answer.status, StatusCode::CONFLICT, "{}", answer.text);
    assert_eq!(letters(&host, 1).await, [letter], "it is still there");
    host.end().await;
}
