//! `poll_api`: a server that is asked what to do.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::http::{Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use mynah_api::ReportSettings;
use mynah_model::event::AccountState;
use mynah_networks::sim::LoginMode;
use serde_json::json;

use crate::endpoint::Endpoint;
use crate::reporting::{Reporting, settings};
use crate::stage::Stage;

fn polling(url: &str) -> ReportSettings {
    let poll_interval = Duration::from_millis(1);
    ReportSettings { poll_api: Some(url.parse().unwrap()), poll_interval, ..ReportSettings::default() }
}

fn redirect(status: StatusCode, location: &str) -> Response {
    (status, [(header::LOCATION, location)]).into_response()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_redirect_to_our_own_api_is_a_call_of_it_and_the_server_is_asked_again() {
    let asked = AtomicUsize::new(0);
    let endpoint = Endpoint::new(move |_| match asked.fetch_add(1, Ordering::SeqCst) {
        0 => redirect(
            StatusCode::FOUND,
            "http://127.0.0.1:5000/openqq/send_friend_message?uid=123456&content=%E4%BD%A0+%E5%A5%BD",
        ),
        1 => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
        _ => "nothing".into_response(),
    })
    .await;
    let host = Reporting::new(polling(&endpoint.url("/poll?me=1"))).await;
    let calls = endpoint.until(|calls| calls.len() >= 4).await;
    assert!(calls.iter().all(|call| call.method == Method::GET && call.target == "/poll?me=1"));
    let deeds = host.stage.outbox().await;
    assert_eq!(deeds.len(), 1, "{deeds:?}");
    assert_eq!(deeds[0]["text"], "你 好");
    host.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn other_redirects_are_refused() {
    let other = Endpoint::new(|_| "ok".into_response()).await;
    let call = "/openqq/send_friend_message?uid=123456&content=x";
    let locations = [
        (StatusCode::FOUND, other.url(call)),
        (StatusCode::FOUND, format!("http://127.0.0.1:5001{call}")),
        (StatusCode::FOUND, call.to_owned()),
        (StatusCode::FOUND, "http://127.0.0.1:5000/api/v1/accounts/qq/sim/reset".to_owned()),
        (StatusCode::FOUND, String::new()),
        (StatusCode::MOVED_PERMANENTLY, format!("http://127.0.0.1:5000{call}")),
        (StatusCode::TEMPORARY_REDIRECT, format!("http://127.0.0.1:5000{call}")),
    ];
    let (count, asked) = (locations.len(), AtomicUsize::new(0));
    let locations = Arc::new(locations);
    let endpoint = Endpoint::new(move |_| match locations.get(asked.fetch_add(1, Ordering::SeqCst)) {
        Some((status, location)) => redirect(*status, location),
        None => "nothing".into_response(),
    })
    .await;
    let host = Reporting::new(polling(&endpoint.url("/"))).await;
    endpoint.until(|calls| calls.len() > count).await;
    assert!(host.stage.outbox().await.is_empty());
    assert!(other.calls().is_empty());
    host.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn events_are_not_lost_to_a_server_that_asks_for_them() {
    let endpoint =
        Endpoint::new(|_| redirect(StatusCode::FOUND, "http://localhost:5000/openqq/check_event")).await;
    let host = Reporting::new(polling(&endpoint.url("/"))).await;
    host.stage.say(json!({"friend": "123456", "text": "一"})).await;
    endpoint.until(|calls| calls.len() > 2).await;
    assert_eq!(host.stage.get("/openqq/check_event").await.json()[0]["content"], "一");
    host.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_asked_before_the_account_is_running() {
    let endpoint = Endpoint::new(|_| "nothing".into_response()).await;
    let settings = settings(polling(&endpoint.url("/")));
    let stage = Stage::with_login(settings.clone(), LoginMode::QrCode).await;
    let host = Reporting::of(stage, &settings);
    host.stage.until(AccountState::Scaning).await;
    assert!(endpoint.calls().is_empty());
    host.stage.post("/api/v1/accounts/qq/sim/scan", "").await;
    endpoint.until(|calls| !calls.is_empty()).await;
    host.end().await;
}
