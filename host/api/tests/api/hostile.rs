//! Requests that are wrong on purpose: each gets a clear answer, and nothing is done.

use axum::body::Body;
use axum::http::{Request, StatusCode, Version, header};
use mynah_api::ApiSettings;

use crate::stage::{Stage, request};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_done_for_a_request_that_is_wrong() {
    let stage = Stage::new(ApiSettings { body_limit: 1 << 16, ..ApiSettings::default() }).await;
    let form = "application/x-www-form-urlencoded";
    let send = "/openqq/send_friend_message?id=2457053936";
    let long = format!("content={}", "x".repeat(1 << 16));
    for (method, path, kind, body, status, named) in [
        ("GET", "/openqq/send_friend_message?id=2457053936&content=%ff", "", "", 200, "UTF-8"),
        ("POST", send, form, "content=%e4%bd", 200, "UTF-8"),
        ("POST", send, form, long.as_str(), 413, "65536"),
        ("POST", send, "application/json", "{\"content\":", 200, "JSON"),
        ("POST", send, "application/json", r#"{"content":{"a":1}}"#, 200, "`content`"),
        ("POST", send, "text/plain", "content=x", 200, "text/plain"),
        ("POST", send, "multipart/form-data", "content=x", 200, "multipart"),
        ("PUT", "/openqq/send_friend_message?id=2457053936&content=x", "", "", 403, "api not found"),
        ("DELETE", "/openqq/send_friend_message?id=2457053936&content=x", "", "", 403, "api not found"),
        ("PATCH", "/openqq/send_friend_message?id=2457053936&content=x", "", "", 403, "api not found"),
        ("GET", "/openqq/", "", "", 403, "api not found"),
        ("GET", "/openqq", "", "", 403, "api not found"),
        ("GET", "/openqq/send%5Ffriend_message?id=2457053936&content=x", "", "", 403, "api not found"),
        ("GET", "/openqq/../openqq/get_user_info", "", "", 403, "api not found"),
        ("GET", "/openwx/get_nothing", "", "", 403, "api not found"),
        ("GET", "/openwx/", "", "", 403, "api not found"),
    ] {
        let call = request(method, path).header(header::CONTENT_TYPE, kind);
        let answer = stage.call(call.body(Body::from(body.to_owned())).unwrap()).await;
        assert_eq!(answer.status.as_u16(), status, "{method} {path}: {}", answer.text);
        assert!(answer.text.contains(named), "{method} {path}: {}", answer.text);
        if answer.status == StatusCode::OK {
            assert_eq!(answer.json()["code"], 400, "{method} {path}");
        }
    }
    assert!(stage.outbox().await.is_empty());
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_wants_no_body_may_look_up_and_neither_act_nor_take_events_away() {
    let stage = Stage::new(ApiSettings::default()).await;
    for (path, status) in [
        ("/openqq/get_user_info", 200),
        ("/openqq/search_friend?id=1", 200),
        ("/openwx/check_client", 200),
        ("/api/v1/scripts", 200),
        ("/healthz", 200),
        ("/openqq/get_nothing", 403),
        ("/openqq/send_friend_message?id=2457053936&content=x", 403),
        ("/openqq/kick_group_member?group_id=2617047292&member_id=2832277643", 403),
        ("/openqq/stop_client", 403),
        ("/openqq/check_event", 403),
        ("/api/v1/accounts/qq/sim/reset", 405),
    ] {
        let head = stage.call(request("HEAD", path).body(Body::empty()).unwrap()).await;
        assert_eq!((head.status.as_u16(), head.text.as_str()), (status, ""), "{path}");
        if status == 200 {
            assert_eq!(head.kind, stage.get(path).await.kind, "{path}");
        }
    }
    assert!(stage.outbox().await.is_empty());
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn requests_of_other_names_and_pages_reach_nothing() {
    let stage = Stage::new(ApiSettings { jsonp: true, ..ApiSettings::default() }).await;
    for path in [
        "/openqq/send_friend_message?id=2457053936&content=x",
        "/openqq/get_friend_info",
        "/openqq/check_event",
        "/api/v1/events",
        "/api/v1/accounts/qq/sim/outbox",
        "/healthz",
        "/nothing",
    ] {
        for (name, value, status) in [
            (header::HOST, "evil.example:5000", 421),
            (header::ORIGIN, "https://evil.example", 403),
            (header::ORIGIN, "null", 403),
            (header::HeaderName::from_static("sec-fetch-site"), "cross-site", 403),
        ] {
            for method in ["GET", "POST", "OPTIONS"] {
                let mut call = request(method, path).body(Body::empty()).unwrap();
                call.headers_mut().insert(&name, value.parse().unwrap());
                let answer = stage.call(call).await;
                assert_eq!(answer.status.as_u16(), status, "{method} {path} {name}: {value}");
                assert!(answer.kind.starts_with("application/json"), "{path}");
                let code = &answer.json()["code"];
                if path.starts_with("/openqq/") {
                    assert_eq!(*code, status, "{path}");
                    assert_eq!(answer.kind, "application/json;charset=UTF-8", "{path}");
                } else {
                    assert_eq!(*code, if status == 421 { "http.host" } else { "http.cross-site" }, "{path}");
                }
            }
        }
    }
    assert!(stage.outbox().await.is_empty());
    let old = Request::builder()
        .version(Version::HTTP_10)
        .uri("/openqq/get_user_info")
        .body(Body::empty())
        .unwrap();
    assert_eq!(stage.call(old).await.status, StatusCode::OK);
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pages_that_are_listed_are_told_so() {
    let settings = ApiSettings { cors: vec!["https://panel.example".into()], ..ApiSettings::default() };
    let stage = Stage::new(settings).await;
    for method in ["GET", "OPTIONS"] {
        let call = request(method, "/openqq/get_user_info").header(header::ORIGIN, "https://panel.example");
        let answer = stage.send(call.body(Body::empty()).unwrap()).await;
        assert_eq!(answer.status(), StatusCode::OK);
        assert_eq!(answer.headers()[header::ACCESS_CONTROL_ALLOW_ORIGIN], "https://panel.example");
    }
    stage.end().await;
}
