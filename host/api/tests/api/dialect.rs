//! Answers and reports in v1, over a running host.

use mynah_api::ApiSettings;
use mynah_api::openqq::Dialect;
use serde_json::{Value, json};

use crate::stage::{ACCOUNT, Stage};

/// Settings under which the account speaks v1.
fn v1() -> ApiSettings {
    ApiSettings { dialects: [(ACCOUNT.parse().unwrap(), Dialect::V1)].into(), ..ApiSettings::default() }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_account_or_a_call_says_in_which_version_it_is_answered() {
    for (settings, v1, v2) in [(ApiSettings::default(), "?v=1", ""), (v1(), "", "?v=2")] {
        let stage = Stage::new(settings).await;
        for (endpoint, old, new) in [
            ("get_user_info", "nick", "name"),
            ("get_friend_info", "qq", "uid"),
            ("get_group_info", "gid", "id"),
            ("get_group_basic_info", "gname", "name"),
            ("get_discuss_info", "did", "id"),
        ] {
            let first = |answer: Value| match answer {
                Value::Array(list) => list[0].clone(),
                other => other,
            };
            let worded = first(stage.get(&format!("/openqq/{endpoint}{v1}")).await.json());
            assert!(worded.get(old).is_some() && worded.get(new).is_none(), "{endpoint}: {worded}");
            let worded = first(stage.get(&format!("/openqq/{endpoint}{v2}")).await.json());
            assert!(worded.get(new).is_some() && worded.get(old).is_none(), "{endpoint}: {worded}");
        }
        let wrong = stage.get("/openqq/get_user_info?v=3").await.json();
        assert_eq!(wrong, json!({"code": 400, "status": "v is not 1 or 2"}));
        stage.end().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_program_of_v1_finds_sends_and_moderates_by_the_names_it_knows() {
    let stage = Stage::new(v1()).await;
    let found =
        stage.get("/openqq/search_friend?qq=123456&nick=%E6%B5%8B%E8%AF%95%E5%B8%90%E5%8F%B71").await.json();
    assert_eq!((&found[0]["qq"], &found[0]["id"]), (&json!("123456"), &json!("2457053936")));
    let found = stage.get("/openqq/search_group?gnumber=552603&gid=2617047292").await.json();
    assert_eq!((&found[0]["gnumber"], &found[0]["gtype"]), (&json!("552603"), &json!("create")));
    assert_eq!(found[0]["member"][0]["gnumber"], "552603");
    for (call, chat) in [
        ("send_message?qq=123456", "qq/friend/2457053936"),
        ("send_group_message?gnumber=552603", "qq/group/2617047292"),
        ("send_group_message?gid=2617047292", "qq/group/2617047292"),
        ("send_group_message?id=2617047292", "qq/group/2617047292"),
        ("send_discuss_message?did=4118239384", "qq/discuss/4118239384"),
        ("send_sess_message?gnumber=552603&qq=45678", "qq/temporary/2832277643"),
        ("send_sess_message?gid=2617047292&id=2832277643", "qq/temporary/2832277643"),
    ] {
        let answer = stage.get(&format!("/openqq/{call}&content=x")).await.json();
        assert_eq!((&answer["code"], &answer["status"]), (&json!(0), &json!("发送成功")), "{call}: {answer}");
        assert!(answer["msg_id"].is_u64() && answer.get("id").is_none(), "{call}: {answer}");
        assert_eq!(stage.outbox().await.last().unwrap()["chat"], chat, "{call}");
    }
    let missed = stage.get("/openqq/send_message?qq=9&content=x").await.json();
    assert_eq!(missed, json!({"msg_id": null, "code": 100, "status": "friend not found"}));
    let muted = stage.get("/openqq/shuthup_group_member?gnumber=552603&member_qq=45678&time=60").await.json();
    assert_eq!(muted, json!({"code": 0, "status": "success"}));
    assert_eq!(stage.outbox().await.last().unwrap()["members"], json!(["2832277643"]));
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn check_event_reports_in_the_version_that_is_asked_for() {
    let stage = Stage::new(ApiSettings::default()).await;
    for (query, id) in [("?v=1", "msg_id"), ("", "id"), ("?v=2", "id")] {
        stage.say(json!({"group": 552603, "sender": "45678", "text": "测试一下"})).await;
        let report = stage.get(&format!("/openqq/check_event{query}")).await.json()[0].clone();
        assert!(report[id].is_string(), "{query}: {report}");
        let is_old = id == "msg_id";
        for (field, old) in [
            ("msg_time", true),
            ("msg_class", true),
            ("time", false),
            ("class", false),
            ("post_type", false),
            ("sender_uid", false),
            ("group_uid", false),
        ] {
            assert_eq!(report.get(field).is_some(), old == is_old, "{query} {field}: {report}");
        }
        assert_eq!((&report["content"], &report["group_id"]), (&json!("测试一下"), &json!("2617047292")));
    }
    let join = json!({"group": 552603, "member": 777, "name": "新人"}).to_string();
    let joined = stage.post("/api/v1/accounts/qq/sim/join", join).await;
    assert_eq!(joined.status, 200, "{}", joined.text);
    let event = stage.get("/openqq/check_event?v=1").await.json()[0].clone();
    assert_eq!(event["event"], "new_group_member");
    assert_eq!(
        (&event["params"][0]["gnumber"], &event["params"][1]["gname"]),
        (&json!("552603"), &json!("PERL学习交流"))
    );
    stage.end().await;
}
