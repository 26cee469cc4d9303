//! What the samples of calls do not say.

use std::time::Duration;

use axum::body::Body;
use axum::http::{StatusCode, header};
use mynah_api::{ApiSettings, TimeUnit};
use mynah_model::event::AccountState;
use mynah_networks::sim::LoginMode;
use serde_json::{Value, json};

use crate::stage::{Stage, request};

/// Every call that needs a working account, with its parameters.
const WORKING: [&str; 13] = [
    "get_user_info",
    "get_friend_info",
    "get_group_info",
    "get_group_basic_info",
    "get_discuss_info",
    "search_friend?id=1",
    "search_group?id=1",
    "send_friend_message?id=2457053936&content=x",
    "send_group_message?id=2617047292&content=x",
    "send_discuss_message?id=4118239384&content=x",
    "send_sess_message?group_id=2617047292&id=2832277643&content=x",
    "shutup_group_member?group_id=2617047292&member_id=2832277643",
    "kick_group_member?group_id=2617047292&member_id=2832277643",
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_account_that_waits_for_its_qr_code_says_so_at_once() {
    let stage = Stage::with_login(ApiSettings::default(), LoginMode::QrCode).await;
    stage.until(AccountState::Scaning).await;
    for call in WORKING {
        let answer = stage.get(&format!("/openqq/{call}")).await;
        assert_eq!(answer.status, StatusCode::OK, "{call}");
        assert_eq!(answer.json()["code"], -7, "{call}: {}", answer.text);
        assert_eq!(answer.json()["status"], "client is scaning, not running", "{call}");
    }
    assert_eq!(stage.get("/openqq/get_client_info").await.json()["code"], 0);
    assert_eq!(stage.post("/api/v1/accounts/qq/sim/scan", "").await.status, StatusCode::OK);
    stage.until(AccountState::Running).await;
    assert!(stage.get("/openqq/get_user_info").await.json().get("name").is_some());
    let again = stage.post("/api/v1/accounts/qq/sim/scan", "").await;
    assert_eq!(again.status, StatusCode::CONFLICT, "{}", again.text);
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn stop_client_answers_and_then_stops() {
    let settings = ApiSettings { stop_delay: Duration::ZERO, ..ApiSettings::default() };
    let stage = Stage::new(settings).await;
    let info = stage.get("/openqq/get_client_info").await.json();
    for (field, is_right) in [
        ("account", info["account"] == "qq"),
        ("pid", info["pid"] == std::process::id()),
        ("starttime", info["starttime"].as_i64().is_some_and(|time| time > 1_500_000_000)),
        ("runtime", info["runtime"].as_i64().is_some_and(|time| time >= 0)),
        ("status", info["status"] == "success"),
        ("http_debug", info["http_debug"] == "0"),
        ("log_path", info["log_path"] == Value::Null),
    ] {
        assert!(is_right, "{field}: {info}");
    }
    let answer = stage.get("/openqq/stop_client").await.json();
    assert_eq!(answer["code"], 0);
    let pid = std::process::id();
    assert_eq!(answer["status"], format!("success, client({pid}) will stop in 0 seconds"));
    stage.until(AccountState::Stop).await;
    assert_eq!(stage.get("/openqq/get_user_info").await.json()["status"], "client is stop, not running");
    assert_eq!(stage.get("/openqq/get_client_info").await.json()["code"], 0);
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_account_is_named_by_client_or_left_out() {
    let stage = Stage::new(ApiSettings::default()).await;
    for (call, code) in
        [("client=qq&id=2457053936", 0), ("client=&id=2457053936", 0), ("client=QQ&id=1", 100)]
    {
        let answer = stage.get(&format!("/openqq/send_friend_message?content=x&{call}")).await.json();
        assert_eq!(answer["code"], code, "{call}: {answer}");
    }
    let unknown = stage.get("/openqq/get_user_info?client=nobody").await.json();
    assert_eq!(unknown, json!({"code": 100, "status": "client not found"}));
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_sent_unless_target_and_content_are_there() {
    let stage = Stage::new(ApiSettings::default()).await;
    for (call, expected) in [
        ("send_friend_message?id=2457053936", json!({"id": null, "code": 400, "status": "content missing"})),
        ("send_friend_message?id=9", json!({"id": null, "code": 100, "status": "friend not found"})),
        (
            "send_friend_message?id=2457053936&uid=7891234&content=x",
            json!({"id": null, "code": 100, "status": "friend not found"}),
        ),
        (
            "send_sess_message?group_id=1&id=1&content=x",
            json!({"id": null, "code": 103, "status": "group member not found"}),
        ),
        (
            "send_sess_message?discuss_id=1&id=1&content=x",
            json!({"id": null, "code": 104, "status": "discuss member not found"}),
        ),
    ] {
        assert_eq!(stage.get(&format!("/openqq/{call}")).await.json(), expected, "{call}");
    }
    assert!(stage.outbox().await.is_empty());
    let sent = stage.get("/openqq/send_message?id=2457053936&content=%E4%BD%A0%E5%A5%BD").await.json();
    assert_eq!(sent["code"], 0, "{sent}");
    assert_eq!(sent["id"], sent["msg_id"]);
    assert!(!sent["id"].is_null());
    let outbox = stage.outbox().await;
    assert_eq!(outbox[0]["text"], "你好");
    assert_eq!(outbox[0]["chat"], "qq/friend/2457053936");
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_done_to_members_shows_in_the_group() {
    let stage = Stage::new(ApiSettings::default()).await;
    let member = |info: Value, id: &str| {
        let groups = info.as_array().unwrap().clone();
        let members = groups[0]["member"].as_array().unwrap().clone();
        members.into_iter().find(|member| member["id"] == id)
    };
    let answer =
        stage.get("/openqq/shuthup_group_member?gnumber=552603&member_qq=45678,45679&time=120").await.json();
    assert_eq!(answer, json!({"code": 0, "status": "success"}));
    let muted = member(stage.get("/openqq/get_group_info").await.json(), "2832277643").unwrap();
    assert!(muted["shutup_until"].as_str().unwrap().parse::<i64>().unwrap() > 1_500_000_000, "{muted}");
    let outbox = stage.outbox().await;
    assert_eq!(outbox[0]["seconds"], 120);
    assert_eq!(outbox[0]["members"], json!(["2832277643", "2832277645"]));

    let refused = stage.get("/openqq/kick_group_member?group_uid=67890&member_uid=2900002").await.json();
    assert_eq!(
        (&refused["code"], &refused["status"]),
        (&json!(201), &json!("failure")),
        "not an admin there: {refused}"
    );
    let answer = stage.get("/openqq/kick_group_member?group_uid=552603&member_uid=45678").await.json();
    assert_eq!(answer["code"], 0, "{answer}");
    assert!(member(stage.get("/openqq/get_group_info").await.json(), "2832277643").is_none());
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn minutes_are_understood_if_the_operator_says_so() {
    let settings = ApiSettings { shutup_time_unit: TimeUnit::Minute, ..ApiSettings::default() };
    let stage = Stage::new(settings).await;
    let answer =
        stage.get("/openqq/shutup_group_member?group_uid=552603&member_uid=45678&time=2").await.json();
    assert_eq!(answer["code"], 0, "{answer}");
    assert_eq!(stage.outbox().await[0]["seconds"], 120);
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn parameters_come_in_every_kind_of_body() {
    let stage = Stage::new(ApiSettings::default()).await;
    let multipart = "--B\r\nContent-Disposition: form-data; name=\"content\"\r\n\r\n多\r\n--B--\r\n";
    for (kind, body, expected) in [
        ("application/x-www-form-urlencoded", "content=%E8%A1%A8+1", "表 1"),
        ("application/json", r#"{"content": "对象", "id": 2457053936}"#, "对象"),
        ("multipart/form-data; boundary=B", multipart, "多"),
    ] {
        let call =
            request("POST", "/openqq/send_friend_message?id=2457053936").header(header::CONTENT_TYPE, kind);
        let answer = stage.call(call.body(Body::from(body)).unwrap()).await;
        assert_eq!(answer.json()["code"], 0, "{kind}: {}", answer.text);
        assert_eq!(stage.outbox().await.last().unwrap()["text"], expected, "{kind}");
    }
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn answers_say_what_they_are() {
    let stage = Stage::new(ApiSettings::default()).await;
    let answer = stage.send(request("GET", "/openqq/get_user_info").body(Body::empty()).unwrap()).await;
    assert_eq!(answer.headers()[header::CONTENT_TYPE], "application/json;charset=UTF-8");
    assert_eq!(answer.headers()[header::X_CONTENT_TYPE_OPTIONS], "nosniff");
    assert!(answer.headers().get(header::ACCESS_CONTROL_ALLOW_ORIGIN).is_none());
    let off = stage.get("/openqq/get_user_info?datatype=jsonp&callback=cb").await.json();
    assert_eq!(off["code"], 400);
    let options = stage.send(request("OPTIONS", "/openqq/get_user_info").body(Body::empty()).unwrap()).await;
    assert_eq!(options.status(), StatusCode::OK);
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_percent_sign_that_begins_no_escape_is_sent_as_it_is() {
    let stage = Stage::new(ApiSettings::default()).await;
    for content in ["100%", "5+%+of+%zz", "%25%"] {
        let answer =
            stage.get(&format!("/openqq/send_friend_message?id=2457053936&content={content}")).await.json();
        assert_eq!(answer["code"], 0, "{content}: {answer}");
    }
    let sent: Vec<_> = stage.done(3).await.iter().map(|deed| deed["text"].clone()).collect();
    assert_eq!(sent, ["100%", "5 % of %zz", "%%"]);
    let scripts = stage.get("/api/v1/audit?actor=100%").await;
    assert_eq!(scripts.status, StatusCode::OK, "{}", scripts.text);
    stage.end().await;
}
