//! What is posted to `post_api`.

use std::collections::BTreeMap;

use axum::http::Method;
use mynah_api::openqq::Dialect;
use mynah_api::{ApiSettings, ReportSettings, WebhookSecret};
use mynah_model::event::AccountState;
use mynah_networks::sim::LoginMode;
use mynah_store::Store;
use serde_json::{Value, json};

use crate::endpoint::{self, Call, Endpoint};
use crate::reporting::{Reporting, posting_to, settings};
use crate::stage::{ACCOUNT, Stage};

fn events(calls: &[Call]) -> Vec<String> {
    calls.iter().map(|call| call.field("event")).filter(|event| !event.is_empty()).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_message_is_posted_as_in_the_documents() {
    let endpoint = Endpoint::new(endpoint::ok).await;
    let host = Reporting::new(posting_to(&endpoint.url("/post_api?a=1"))).await;
    let seq = host.stage.say(json!({"group": 552603, "sender": "456789", "text": "测试一下"})).await;
    let call = endpoint.messages(1).await.remove(0);
    assert_eq!((&call.method, call.target.as_str()), (&Method::POST, "/post_api?a=1"));
    assert_eq!(call.headers["content-type"], "application/json");
    assert_eq!(call.seq(), seq);
    assert!(!call.headers.contains_key("x-mynah-signature"), "there is no secret");
    let report = call.report();
    for (field, expected) in [
        ("post_type", "receive_message"),
        ("type", "group_message"),
        ("class", "recv"),
        ("content", "测试一下"),
        ("sender_id", "2372835507"),
        ("sender_uid", "456789"),
        ("receiver", "小灰"),
        ("group", "PERL学习交流"),
        ("group_id", "2617047292"),
        ("group_uid", "552603"),
    ] {
        assert_eq!(report[field], expected, "{field}");
    }
    host.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_a_secret_the_body_is_signed() {
    let endpoint = Endpoint::new(endpoint::ok).await;
    let reports = ReportSettings {
        webhook_secret: WebhookSecret::new("钥匙").ok(),
        ..posting_to(&endpoint.url("/"))
    };
    let host = Reporting::new(reports).await;
    host.stage.say(json!({"friend": "123456", "text": "😀"})).await;
    let call = endpoint.messages(1).await.remove(0);
    let signature = call.headers["x-mynah-signature"].to_str().unwrap();
    assert_eq!(signature, hmac_sha256("钥匙".as_bytes(), call.body.as_bytes()));
    host.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_account_that_a_caller_makes_has_the_webhook_of_all_such_accounts_in_their_words() {
    let endpoint = Endpoint::new(endpoint::ok).await;
    let settings = ApiSettings {
        made_dialect: Dialect::V1,
        made_reports: posting_to(&endpoint.url("/hook")),
        ..settings(ReportSettings::default())
    };
    let host = Reporting::with(settings).await;
    let named = host.stage.get("/openqq/start_client?client=made&post_api=http://127.0.0.1:1/").await.json();
    assert_eq!(named["code"], 400, "where reports go is the operator's to say: {named}");
    assert_eq!(host.stage.get("/openqq/start_client?client=made").await.json()["code"], 0);
    endpoint.until(|calls| calls.iter().any(|call| call.field("event") == "login")).await;
    let friends = host.stage.get("/openqq/get_friend_info?client=made").await.json();
    let said = json!({"friend": friends[0]["id"], "text": "有人吗"}).to_string();
    host.stage.post("/api/v1/accounts/made/sim/say", said).await;
    let calls = endpoint.until(|calls| calls.iter().any(|call| call.field("content") == "有人吗")).await;
    let call = calls.iter().find(|call| call.field("content") == "有人吗").unwrap();
    assert_eq!(call.target, "/hook?client=made");
    let report = call.report();
    assert_eq!((&report["msg_class"], &report["post_type"]), (&json!("recv"), &Value::Null), "{report}");
    host.end().await;
}

/// HMAC written out (RFC 2104), so that the test does not ask the code it tests.
fn hmac_sha256(key: &[u8], text: &[u8]) -> String {
    use sha2::{Digest, Sha256};
    let mut block = [0; 64];
    block[..key.len()].copy_from_slice(key);
    let pad = |with: u8| block.map(|byte| byte ^ with).to_vec();
    let inner = Sha256::digest([&pad(0x36), text].concat());
    let outer = Sha256::digest([pad(0x5c), inner.to_vec()].concat());
    outer.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_several_accounts_each_says_which_it_is() {
    let endpoint = Endpoint::new(endpoint::ok).await;
    let reports = || posting_to(&endpoint.url("/hook?a=1"));
    let mut settings = settings(reports());
    settings.reports.insert("other".parse().unwrap(), reports());
    let store = Store::open_in_memory().unwrap();
    let stage = Stage::with_accounts(settings.clone(), LoginMode::Immediate, &[ACCOUNT, "other"], store);
    stage.until(AccountState::Running).await;
    let host = Reporting::of(stage, &settings);
    host.stage.say(json!({"friend": "123456", "text": "一"})).await;
    let call = endpoint.messages(1).await.remove(0);
    assert_eq!(call.target, "/hook?a=1&client=qq");
    endpoint.until(|calls| calls.iter().any(|call| call.target.ends_with("&client=other"))).await;
    host.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_login_with_a_qr_code_is_reported_step_by_step() {
    let endpoint = Endpoint::new(endpoint::ok).await;
    let settings = settings(posting_to(&endpoint.url("/")));
    let stage = Stage::with_login(settings.clone(), LoginMode::QrCode).await;
    let host = Reporting::of(stage, &settings);
    endpoint.until(|calls| events(calls).contains(&"input_qrcode".to_owned())).await;
    assert_eq!(host.stage.post("/api/v1/accounts/qq/sim/scan", "").await.status, 200);
    host.stage.until(AccountState::Running).await;
    host.stage.host.stop_account(&host.stage.account()).await.unwrap();
    let calls = endpoint.until(|calls| events(calls).contains(&"stop".to_owned())).await;
    let steps: Vec<_> =
        calls.iter().map(|call| (call.field("event"), call.report()["params"].clone())).collect();
    let change = |old, new| ("state_change".to_owned(), json!([old, new]));
    assert_eq!(
        steps,
        [
            change("init", "loading"),
            change("loading", "scaning"),
            ("input_qrcode".to_owned(), json!(["", ""])),
            change("scaning", "confirming"),
            change("confirming", "updating"),
            ("login".to_owned(), json!([1])),
            change("updating", "running"),
            change("running", "stop"),
            ("stop".to_owned(), json!([])),
        ]
    );
    host.end().await;
}

/// Makes people come and go, and properties change.
async fn much_happens(host: &Reporting) {
    let sim = "/api/v1/accounts/qq/sim";
    for (path, body) in [
        ("join", json!({"group": 552603, "member": 777, "name": "新人"})),
        ("leave", json!({"group": 552603, "member": 777})),
        ("join", json!({"friend": 777, "name": "新人"})),
        ("leave", json!({"friend": 777})),
        ("join", json!({"discuss": "4118239384", "member": 777, "name": "新人"})),
        ("leave", json!({"discuss": "4118239384", "member": 777})),
    ] {
        let answer = host.stage.post(&format!("{sim}/{path}"), body.to_string()).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
    }
    rename(host, "新名字").await;
}

async fn rename(host: &Reporting, name: &str) {
    use mynah_model::action::{ActionBody, Actor, Target};
    use mynah_model::address::ChatKind;
    let target = Target { account: None, kind: ChatKind::Group, id: "2617047292".into(), via: None };
    let body = ActionBody::SetGroupName { name: name.into() };
    let outcome = host.stage.host.act(&host.stage.account(), Some(target), body, Actor::Api).await;
    assert_eq!(outcome.code, "ok", "{}", outcome.text);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_default_list_has_who_came_and_went_and_no_properties() {
    let endpoint = Endpoint::new(endpoint::ok).await;
    let host = Reporting::new(posting_to(&endpoint.url("/"))).await;
    much_happens(&host).await;
    host.stage.say(json!({"group": 552603, "sender": "456789", "text": "完"})).await;
    // The last of the group is posted last; friends and the account have queues of their own.
    let is_all = |calls: &[Call]| !endpoint::messages(calls).is_empty() && events(calls).len() >= 8;
    let calls = endpoint.until(is_all).await;
    let mut found = events(&calls);
    found.sort();
    assert_eq!(
        found,
        [
            "login",
            "lose_friend",
            "lose_group_member",
            "new_friend",
            "new_group_member",
            "state_change",
            "state_change",
            "state_change",
        ]
    );
    host.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_list_names_what_is_reported_to_the_webhook_and_which_properties_check_event_keeps() {
    let endpoint = Endpoint::new(endpoint::ok).await;
    let list = ["new_discuss_member", "lose_discuss_member", "group_property_change"];
    let reports = ReportSettings {
        post_event_list: Some(list.map(str::to_owned).to_vec()),
        ..posting_to(&endpoint.url("/"))
    };
    let host = Reporting::new(reports).await;
    much_happens(&host).await;
    let calls = endpoint.until(|calls| events(calls).contains(&"group_property_change".into())).await;
    let change = calls.iter().find(|call| call.field("event") == "group_property_change").unwrap().report();
    assert_eq!(change["params"][0]["id"], "2617047292");
    assert_eq!(
        change["params"].as_array().unwrap()[1..],
        [json!("name"), json!("PERL学习交流"), json!("新名字")]
    );
    let calls = endpoint.until(|calls| calls.len() == 3).await;
    assert!(events(&calls).iter().all(|event| list.contains(&event.as_str())));
    let mut held = Vec::new();
    while !held.contains(&json!("group_property_change")) {
        let some = host.stage.get("/openqq/check_event").await.json();
        held.extend(some.as_array().unwrap().iter().map(|report| report["event"].clone()));
    }
    assert!(held.contains(&json!("new_friend")), "{held:?}");
    assert!(!held.contains(&json!("login")) && !held.contains(&json!("state_change")), "{held:?}");
    host.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_messages_that_pass_the_filter_are_posted_and_no_events_if_they_are_off() {
    let endpoint = Endpoint::new(endpoint::ok).await;
    let filter = [("type", "group_message"), ("sender_uid", "456789")];
    let post_message_filter: BTreeMap<_, _> =
        filter.map(|(field, value)| (field.to_owned(), value.to_owned())).into();
    let reports = ReportSettings { post_message_filter, post_event: false, ..posting_to(&endpoint.url("/")) };
    let host = Reporting::new(reports).await;
    host.stage.say(json!({"friend": "123456", "text": "不"})).await;
    host.stage.say(json!({"group": 552603, "sender": "45678", "text": "不"})).await;
    host.stage.say(json!({"group": 552603, "sender": "456789", "text": "是"})).await;
    let last = host.stage.say(json!({"group": 552603, "sender": "456789", "text": "完"})).await;
    let calls = endpoint.until(|calls| calls.iter().any(|call| call.seq() == last)).await;
    let texts: Vec<_> = calls.iter().map(|call| call.field("content")).collect();
    assert_eq!(texts, ["是", "完"]);
    host.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_sent_is_reported_with_how_it_was_sent() {
    let endpoint = Endpoint::new(endpoint::ok).await;
    let host = Reporting::new(posting_to(&endpoint.url("/"))).await;
    host.stage.get("/openqq/send_group_message?uid=552603&content=hello").await;
    let report = endpoint.messages(1).await.remove(0).report();
    for (field, expected) in [
        ("post_type", json!("send_message")),
        ("from", json!("api")),
        ("code", json!(0)),
        ("content", json!("hello")),
    ] {
        assert_eq!(report[field], expected, "{field}");
    }
    host.end().await;
}
