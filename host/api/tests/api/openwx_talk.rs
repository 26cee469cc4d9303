//! Openwx: what is said and taken back.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::http::{StatusCode, header};
use mynah_api::ApiSettings;
use mynah_model::clock::{Clock, SystemClock, VirtualClock};
use mynah_model::event::AccountState;
use mynah_networks::sim::{LoginMode, builtin};
use mynah_runtime::ApiKind;
use serde_json::{Value, json};

use crate::stage::{PATIENCE, Stage, WX_ACCOUNT, request, roster};

const ME: &str = "@me0000000000000000000000000000me";
const XIAOHUI: &str = "@00227d73fa6b8326f69bca419db7a05c";
const HUIHUI: &str = "@adadada00000000000000000000000a1";
const PERL: &str = "@@dadadadada0000000000000000000001";

async fn call(stage: &Stage, call: &str) -> Value {
    let answer = stage.get(&format!("/openwx/{call}")).await;
    assert_eq!(answer.status, StatusCode::OK, "{call}: {}", answer.text);
    answer.json()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_message_is_sent_and_named_with_its_receiver() {
    let stage = Stage::wx(ApiSettings::default()).await;
    for (path, receiver, chat) in [
        (format!("send_friend_message?id={XIAOHUI}"), XIAOHUI, "friend"),
        ("send_friend_message?account=ms-xiaoice".to_owned(), "@75b9db5ae52c87361d1800eaaf307f4d", "friend"),
        (
            "send_friend_message?displayname=%E5%86%B0%E5%86%B0".to_owned(),
            "@75b9db5ae52c87361d1800eaaf307f4d",
            "friend",
        ),
        ("send_friend_message?id=filehelper".to_owned(), "filehelper", "friend"),
        ("send_group_message?displayname=PERL%E5%AD%A6%E4%B9%A0%E4%BA%A4%E6%B5%81".to_owned(), PERL, "group"),
    ] {
        let sent = call(&stage, &format!("{path}&content=%E4%BD%A0%E5%A5%BD+%2B%F0%9F%98%80%0A1")).await;
        assert_eq!((&sent["code"], &sent["status"]), (&json!(0), &json!("发送成功")), "{path}: {sent}");
        let message = sent["msg_id"].as_u64().unwrap();
        assert_eq!(sent["id"], format!("{message}:{receiver}"), "{path}");
        let outbox = stage.outbox().await;
        let deed = outbox.last().unwrap();
        assert_eq!((&deed["kind"], &deed["text"]), (&json!("send"), &json!("你好 +😀\n1")));
        assert_eq!(deed["chat"], format!("wx/{chat}/{receiver}"));
    }
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_built_in_people_can_be_talked_to_at_once() {
    let (settings, login) = (ApiSettings::default(), LoginMode::Immediate);
    let account = (WX_ACCOUNT, ApiKind::Openwx);
    let stage = Stage::start(settings, Arc::new(SystemClock), account, builtin::wechat_roster(), login);
    stage.until(AccountState::Running).await;
    let friends = call(&stage, "get_friend_info").await;
    let friend = friends[0]["id"].as_str().unwrap();
    assert!(friend.starts_with('@'), "{friend}");
    for path in [
        "send_friend_message?id=filehelper".to_owned(),
        format!("send_friend_message?id={friend}"),
        "send_group_message?displayname=PERL%E5%AD%A6%E4%B9%A0%E4%BA%A4%E6%B5%81".to_owned(),
    ] {
        assert_eq!(call(&stage, &format!("{path}&content=x")).await["code"], 0, "{path}");
    }
    assert_eq!(stage.outbox().await.len(), 3);
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_sent_unless_target_and_content_are_there() {
    let stage = Stage::wx(ApiSettings::default()).await;
    let missing = json!({"id": null, "code": 100, "status": "object not found"});
    let empty = json!({"id": null, "code": 400, "status": "content missing"});
    for (path, expected) in [
        ("send_friend_message?content=x", &missing),
        ("send_friend_message?id=&account=&content=x", &missing),
        ("send_friend_message?id=@x&content=x", &missing),
        ("send_friend_message?id=filehelper&account=ms-xiaoice&content=x", &missing),
        ("send_friend_message?name=%E5%B0%8F%E7%81%B0&content=x", &missing),
        ("send_friend_message?id=filehelper", &empty),
        ("send_friend_message?id=filehelper&content=", &empty),
        ("send_friend_message?id=@all", &empty),
        ("send_group_message?content=x", &missing),
        ("send_group_message?id=@all&content=x", &missing),
        ("send_group_message?id=@00227d73fa6b8326f69bca419db7a05c&content=x", &missing),
        ("send_group_message?id=@@dadadadada0000000000000000000001", &empty),
        ("consult?content=x", &missing),
        ("consult?id=@all&content=x", &missing),
        ("consult?id=filehelper", &empty),
    ] {
        assert_eq!(call(&stage, path).await, *expected, "{path}");
    }
    for timeout in ["0", "601", "-1", "x", "1e3"] {
        let answer = call(&stage, &format!("consult?id=filehelper&content=x&timeout={timeout}")).await;
        assert_eq!(answer["code"], 400, "{timeout}: {answer}");
        assert!(answer["status"].as_str().unwrap().contains("1 to 600"), "{answer}");
    }
    let long = format!("id=filehelper&content={}", "x".repeat((64 << 10) + 1));
    let post = request("POST", "/openwx/send_friend_message")
        .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
    let refused = stage.call(post.body(Body::from(long)).unwrap()).await.json();
    assert_eq!((&refused["code"], &refused["status"]), (&json!(-1), &json!("发送失败")), "{refused}");
    assert!(refused["info"].as_str().unwrap().contains("too long"), "{refused}");
    assert!(stage.outbox().await.is_empty());
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_message_to_all_reaches_every_friend() {
    let stage = Stage::wx(ApiSettings::default()).await;
    let expected = json!({"id": 0, "code": 0, "status": "request already executed"});
    assert_eq!(call(&stage, "send_friend_message?id=@all&content=%E7%BE%A4%E5%8F%91").await, expected);
    let outbox = stage.outbox().await;
    let mut chats: Vec<_> = outbox.iter().map(|deed| deed["chat"].as_str().unwrap().to_owned()).collect();
    let roster = stage.account().roster();
    let mut friends: Vec<_> =
        roster.friends.iter().map(|friend| format!("wx/friend/{}", friend.id)).collect();
    chats.sort();
    friends.sort();
    assert_eq!(chats, friends);
    assert!(outbox.iter().all(|deed| deed["text"] == "群发"));
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_send_need_not_be_waited_for() {
    let stage = Stage::wx(ApiSettings::default()).await;
    let answer = call(&stage, "send_friend_message?id=filehelper&content=x&async=1").await;
    assert_eq!(answer, json!({"code": 0, "status": "request already in execution"}));
    assert_eq!(stage.done(1).await[0]["text"], "x");
    let none = ApiSettings { async_sends: 0, consults: 0, ..ApiSettings::default() };
    let busy = Stage::wx(none).await;
    for path in [
        "send_friend_message?id=filehelper&content=x&async=1",
        "send_friend_message?id=@all&content=x",
        "consult?id=filehelper&content=x",
    ] {
        let answer = busy.get(&format!("/openwx/{path}")).await;
        assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE, "{path}");
    }
    assert!(busy.outbox().await.is_empty());
    stage.end().await;
    busy.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_consult_is_answered_with_what_the_friend_says_next() {
    let stage = Arc::new(Stage::wx(ApiSettings::default()).await);
    stage.say(json!({"friend": "ms-xiaoice", "text": "before"})).await;
    let consult = {
        let stage = Arc::clone(&stage);
        tokio::spawn(async move { call(&stage, "consult?account=ms-xiaoice&content=haha").await })
    };
    let asked = async {
        while stage.outbox().await.is_empty() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(PATIENCE, asked).await.expect("the question is sent");
    stage.say(json!({"friend": XIAOHUI, "text": "somebody else"})).await;
    stage.say(json!({"friend": "ms-xiaoice", "text": "哈哈，有什么事情"})).await;
    let answer = tokio::time::timeout(PATIENCE, consult).await.unwrap().unwrap();
    assert_eq!((&answer["reply"], &answer["code"]), (&json!("哈哈，有什么事情"), &json!(0)), "{answer}");
    assert_eq!(answer["status"], "发送成功");
    assert!(answer["msg_id"].is_u64() && answer.get("reply_status").is_none());
    assert_eq!(stage.outbox().await[0]["text"], "haha");
    Arc::into_inner(stage).unwrap().end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_consult_that_nobody_answers_says_so() {
    let stage = Stage::wx(ApiSettings::default()).await;
    let answer = call(&stage, "consult?id=filehelper&content=haha&timeout=1").await;
    assert_eq!(
        (&answer["reply"], &answer["reply_status"]),
        (&Value::Null, &json!("reply timeout")),
        "{answer}"
    );
    assert_eq!((&answer["code"], &answer["status"]), (&json!(0), &json!("发送成功")));
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_message_is_taken_back_once_within_two_minutes() {
    let clock = Arc::new(VirtualClock::new(1_704_067_200_000));
    let (settings, login) = (ApiSettings::default(), LoginMode::Immediate);
    let account = (WX_ACCOUNT, ApiKind::Openwx);
    let stage = Stage::start(
        settings,
        Arc::clone(&clock) as Arc<dyn Clock>,
        account,
        roster("roster_wx.json"),
        login,
    );
    stage.until(AccountState::Running).await;
    let send = async |path: &str| call(&stage, &format!("{path}&content=oops")).await;
    let failure = |id: &str, answer: &Value| {
        let found = (&answer["id"], &answer["code"], &answer["status"]);
        assert_eq!(found, (&json!(id), &json!(201), &json!("revoke failure")), "{answer}");
        assert!(answer["info"].as_str().is_some_and(|info| !info.is_empty()), "{answer}");
    };
    let in_group = send(&format!("send_group_message?id={PERL}")).await;
    let to_friend = send("send_friend_message?id=filehelper").await;
    for id in [in_group["id"].as_str().unwrap().to_owned(), to_friend["msg_id"].to_string()] {
        let revoked = call(&stage, &format!("revoke_message?id={id}")).await;
        assert_eq!(revoked, json!({"id": id, "code": 0, "status": "revoke success"}));
        failure(&id, &call(&stage, &format!("revoke_message?id={id}")).await);
    }
    let outbox = stage.outbox().await;
    let recalls: Vec<_> =
        outbox.iter().filter(|deed| deed["kind"] == "recall").map(|deed| &deed["chat"]).collect();
    assert_eq!(recalls, [&json!(format!("wx/group/{PERL}")), &json!("wx/friend/filehelper")]);

    let late = send("send_friend_message?id=filehelper").await;
    let theirs = stage.say(json!({"friend": XIAOHUI, "text": "mine"})).await;
    let events = stage.host.events(mynah_model::names::Seq(theirs), 1).await.unwrap();
    let theirs = format!("{}:{XIAOHUI}", events[0].body.message().unwrap().id);
    clock.advance(121_000);
    for id in [
        late["id"].as_str().unwrap(),
        &theirs,
        "1:filehelper",
        "1",
        "1:@x",
        ":filehelper",
        ":",
        &format!("{}:{PERL}", late["msg_id"]),
        &"9".repeat(10_000),
    ] {
        failure(id, &call(&stage, &format!("revoke_message?id={id}")).await);
    }
    let missing = json!({"id": null, "code": -1, "status": "msg id not found"});
    assert_eq!(call(&stage, "revoke_message").await, missing);
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn check_event_reports_what_is_said_in_words_of_openwx() {
    let stage = Stage::wx(ApiSettings::default()).await;
    stage.say(json!({"group": PERL, "sender": HUIHUI, "text": "测试一下"})).await;
    call(&stage, &format!("send_group_message?id={PERL}&content=%E5%A5%BD")).await;
    let mut reports: Vec<Value> = Vec::new();
    while reports.len() < 2 {
        let some = call(&stage, "check_event").await;
        reports.extend(some.as_array().unwrap().clone());
    }
    for (field, expected) in [
        ("post_type", "receive_message"),
        ("type", "group_message"),
        ("class", "recv"),
        ("format", "text"),
        ("content", "测试一下"),
        ("sender", "群里的灰灰😀"),
        ("sender_id", HUIHUI),
        ("receiver", "小灰"),
        ("receiver_id", ME),
        ("receiver_uid", "1234567"),
        ("group", "PERL学习交流"),
        ("group_name", "PERL学习交流"),
        ("group_id", PERL),
    ] {
        assert_eq!(reports[0][field], expected, "{field}");
    }
    for (field, expected) in
        [("post_type", "send_message"), ("content", "好"), ("from", "api"), ("format", "text")]
    {
        assert_eq!(reports[1][field], expected, "{field}");
    }
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn check_event_waits_and_then_says_that_there_is_nothing() {
    let settings = ApiSettings { check_event_wait: Duration::ZERO, ..ApiSettings::default() };
    let stage = Stage::wx(settings).await;
    assert_eq!(stage.get("/openwx/check_event").await.text, "[]");
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn forms_and_json_are_understood_and_other_bytes_are_not() {
    let stage = Stage::wx(ApiSettings::default()).await;
    for (kind, body, code) in [
        ("application/x-www-form-urlencoded", "id=filehelper&content=%E4%BD%A0+%2B", json!(0)),
        ("application/json", r#"{"id": "filehelper", "content": "你 +"}"#, json!(0)),
        ("application/x-www-form-urlencoded", "id=filehelper&content=%ff", json!(400)),
        ("application/x-www-form-urlencoded", "id=filehelper&content=%e4", json!(400)),
        ("application/json", r#"{"id": {}, "content": "x"}"#, json!(400)),
    ] {
        let post = request("POST", "/openwx/send_friend_message").header(header::CONTENT_TYPE, kind);
        let answer = stage.call(post.body(Body::from(body)).unwrap()).await;
        assert_eq!(answer.json()["code"], code, "{body}: {}", answer.text);
    }
    let outbox = stage.outbox().await;
    assert!(outbox.len() == 2 && outbox.iter().all(|deed| deed["text"] == "你 +"), "{outbox:?}");
    for (method, path) in [
        ("GET", "/openwx/send_friend_messages?id=filehelper&content=x"),
        ("PUT", "/openwx/send_friend_message?id=filehelper&content=x"),
        ("DELETE", "/openwx/stick?id=filehelper"),
    ] {
        let answer = stage.call(request(method, path).body(Body::empty()).unwrap()).await;
        assert_eq!((answer.status, answer.text.as_str()), (StatusCode::FORBIDDEN, "api not found"), "{path}");
    }
    stage.end().await;
}
