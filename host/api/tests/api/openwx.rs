//! Openwx: what the account knows, its groups and its contacts.

use axum::http::StatusCode;
use mynah_api::ApiSettings;
use mynah_api::objects::{JsonType, Object};
use mynah_model::address::{ChatKind, ChatRef};
use mynah_model::event::AccountState;
use mynah_networks::sim::LoginMode;
use serde_json::{Value, json};

use crate::stage::Stage;

const ME: &str = "@me0000000000000000000000000000me";
const XIAOHUI: &str = "@00227d73fa6b8326f69bca419db7a05c";
const XIAOBING: &str = "@75b9db5ae52c87361d1800eaaf307f4d";
const HUIHUI: &str = "@adadada00000000000000000000000a1";
const PERL: &str = "@@dadadadada0000000000000000000001";

/// Every call that needs a working account, with its parameters.
const WORKING: [&str; 19] = [
    "get_user_info",
    "get_friend_info",
    "get_group_info",
    "get_group_basic_info",
    "search_friend?id=1",
    "search_group?id=1",
    "send_friend_message?id=filehelper&content=x",
    "send_group_message?id=@@dadadadada0000000000000000000001&content=x",
    "consult?id=filehelper&content=x",
    "revoke_message?id=1:filehelper",
    "create_group?friends=filehelper",
    "invite_friend?id=@@dadadadada0000000000000000000001&friends=filehelper",
    "kick_group_member?id=@@dadadadada0000000000000000000001&members=@dadada000000000000000000000000a2",
    "set_group_displayname?id=@@dadadadada0000000000000000000001&new_displayname=x",
    "set_friend_markname?id=filehelper&new_markname=x",
    "set_markname?id=filehelper&new_markname=x",
    "stick?id=filehelper",
    "make_friend?id=@adadada00000000000000000000000a1",
    "accept_friend_request?id=@x&ticket=x",
];

/// The object of an array with this id.
fn with_id<'a>(objects: &'a Value, id: &str) -> Option<&'a Value> {
    objects.as_array().unwrap().iter().find(|object| object["id"] == id)
}

async fn search(stage: &Stage, kind: &str, query: &str) -> Value {
    stage.get(&format!("/openwx/search_{kind}?{query}")).await.json()
}

async fn call(stage: &Stage, call: &str) -> Value {
    let answer = stage.get(&format!("/openwx/{call}")).await;
    assert_eq!(answer.status, StatusCode::OK, "{call}: {}", answer.text);
    answer.json()
}

fn success() -> Value {
    json!({"code": 0, "status": "success"})
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_account_that_waits_for_its_qr_code_says_so_at_once() {
    let stage = Stage::wx_with_login(ApiSettings::default(), LoginMode::QrCode).await;
    stage.until(AccountState::Scaning).await;
    for path in WORKING {
        let answer = call(&stage, path).await;
        assert_eq!(answer["code"], -7, "{path}: {answer}");
    }
    assert_eq!(call(&stage, "get_client_info").await["code"], 0);
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn get_client_info_and_stop_client_answer_as_in_the_documents() {
    let settings = ApiSettings { stop_delay: std::time::Duration::ZERO, ..ApiSettings::default() };
    let stage = Stage::wx(settings).await;
    let info = call(&stage, "get_client_info").await;
    assert_eq!(
        (&info["code"], &info["account"], &info["status"]),
        (&json!(0), &json!("wx"), &json!("success"))
    );
    let stopped = call(&stage, "stop_client").await;
    assert_eq!(stopped["code"], 0, "{stopped}");
    stage.until(AccountState::Stop).await;
    assert_eq!(call(&stage, "get_user_info").await["status"], "client is stop, not running");
    stage.end().await;
}

fn fits(value: &Value, json: JsonType) -> bool {
    match json {
        JsonType::Text => value.is_string(),
        JsonType::Number => value.is_u64() || value.is_null(),
        JsonType::TextOrNull => value.is_string() || value.is_null(),
        JsonType::List(object) => value.as_array().unwrap().iter().all(|item| follows(item, object, true)),
    }
}

fn follows(value: &Value, object: &Object, whole: bool) -> bool {
    object.fields.iter().all(|field| match value.get(field.name) {
        Some(found) => fits(found, field.json),
        None => !whole && matches!(field.json, JsonType::List(_)),
    })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_answer_has_the_fields_and_types_of_the_table() {
    let stage = Stage::wx(ApiSettings::default()).await;
    let table =
        |name: &str| mynah_api::openwx::objects::OBJECTS.into_iter().find(|one| one.name == name).unwrap();
    let user = call(&stage, "get_user_info").await;
    assert!(follows(&user, table("user"), true), "{user}");
    for (path, object, count, whole) in [
        ("get_friend_info", "friend", 4, true),
        ("get_group_info", "group", 2, true),
        ("get_group_basic_info", "group", 2, false),
        ("search_friend?province=%E5%B9%BF%E4%B8%9C", "friend", 2, true),
        ("search_group?displayname=PERL%E5%AD%A6%E4%B9%A0%E4%BA%A4%E6%B5%81", "group", 1, true),
    ] {
        let answer = call(&stage, path).await;
        let objects = answer.as_array().unwrap();
        assert_eq!(objects.len(), count, "{path}");
        assert!(objects.iter().all(|one| follows(one, table(object), whole)), "{path}: {answer}");
        assert!(whole || objects.iter().all(|one| one.get("member").is_none()), "{path}");
    }
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_group_is_made_with_friends_and_has_an_id_like_wechats() {
    let stage = Stage::wx(ApiSettings::default()).await;
    let made = call(
        &stage,
        &format!("create_group?friend={XIAOHUI}&friends={XIAOBING},{XIAOHUI}&displayname=%E6%96%B0%E7%BE%A4"),
    )
    .await;
    assert_eq!((&made["code"], &made["status"]), (&json!(0), &json!("success")), "{made}");
    let id = made["group_id"].as_str().unwrap();
    assert!(id.starts_with("@@") && id.len() == 66, "{id}");
    let groups = call(&stage, "get_group_info").await;
    let group = with_id(&groups, id).unwrap();
    assert_eq!((&group["name"], &group["displayname"]), (&json!("新群"), &json!("新群")));
    let members: Vec<_> = group["member"].as_array().unwrap().iter().map(|member| &member["id"]).collect();
    assert_eq!(members, [ME, XIAOHUI, XIAOBING]);
    let reports = stage.get("/openwx/check_event").await.json();
    assert_eq!(reports[0]["event"], "new_group");
    assert_eq!(reports[0]["params"][0]["id"], id);
    let outbox = stage.outbox().await;
    assert_eq!((&outbox[0]["kind"], &outbox[0]["text"]), (&json!("create-group"), &json!("新群")));
    assert_eq!(outbox[0]["members"], json!([XIAOHUI, XIAOBING]));

    let unnamed = call(&stage, &format!("create_group?friend={XIAOHUI},{XIAOBING}")).await;
    let found = search(&stage, "group", &format!("id={}", unnamed["group_id"].as_str().unwrap())).await;
    assert_eq!((&found[0]["name"], &found[0]["displayname"]), (&json!(""), &json!("小灰、小冰[笑脸]🐺")));
    assert_eq!(call(&stage, &format!("kick_group_member?id={id}&member={XIAOBING}")).await, success());

    for (query, expected) in [
        ("", json!({"code": 200, "status": "friend id empty"})),
        ("friend=,%20", json!({"code": 200, "status": "friend id empty"})),
        ("friends=@x", json!({"code": 100, "status": "friend id @x not found"})),
        (
            "friend=@adadada00000000000000000000000a1",
            json!({"code": 100, "status": "friend id @adadada00000000000000000000000a1 not found"}),
        ),
    ] {
        assert_eq!(call(&stage, &format!("create_group?{query}")).await, expected, "{query}");
    }
    let long = call(&stage, &format!("create_group?friend={XIAOHUI}&displayname={}", "x".repeat(61))).await;
    assert_eq!((&long["code"], &long["status"]), (&json!(201), &json!("failure")), "{long}");
    assert_eq!(call(&stage, "get_group_basic_info").await.as_array().unwrap().len(), 4);
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn friends_are_invited_and_members_kicked() {
    let stage = Stage::wx(ApiSettings::default()).await;
    let is_member = async |id: &str| {
        let groups = call(&stage, "get_group_info").await;
        with_id(&with_id(&groups, PERL).unwrap()["member"], id).is_some()
    };
    assert!(!is_member(XIAOBING).await);
    assert_eq!(
        call(&stage, &format!("invite_friend?id={PERL}&friend={XIAOBING},{XIAOHUI}")).await,
        success()
    );
    assert!(is_member(XIAOBING).await);
    assert_eq!(
        call(&stage, &format!("kick_group_member?id={PERL}&member={XIAOBING},{HUIHUI}")).await,
        success()
    );
    assert!(!is_member(XIAOBING).await && !is_member(HUIHUI).await);
    for (path, expected) in [
        ("invite_friend?id=@@x&friend=x", json!({"code": 100, "status": "object not found"})),
        ("invite_friend?friend=x", json!({"code": 100, "status": "object not found"})),
        (
            "invite_friend?id=@@dadadadada0000000000000000000001",
            json!({"code": 200, "status": "friend id empty"}),
        ),
        (
            "invite_friend?id=@@dadadadada0000000000000000000001&friend=@x",
            json!({"code": 100, "status": "friend id @x not found"}),
        ),
        ("kick_group_member?member=x", json!({"code": 100, "status": "object not found"})),
        (
            "kick_group_member?id=@@dadadadada0000000000000000000001&members=,",
            json!({"code": 200, "status": "member id empty"}),
        ),
        (
            "kick_group_member?id=@@dadadadada0000000000000000000001&members=@dadada000000000000000000000000a2,@x",
            json!({"code": 100, "status": "member id @x not found"}),
        ),
    ] {
        assert_eq!(call(&stage, path).await, expected, "{path}");
    }
    assert!(
        is_member("@dadada000000000000000000000000a2").await,
        "if one is not found nothing is done to any"
    );
    let own = call(&stage, &format!("kick_group_member?id={PERL}&member={ME}")).await;
    assert_eq!((&own["code"], &own["status"]), (&json!(201), &json!("failure")), "{own}");
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_group_gets_another_name() {
    let stage = Stage::wx(ApiSettings::default()).await;
    let renamed =
        call(&stage, &format!("set_group_displayname?id={PERL}&new_displayname=%E6%96%B0%E5%90%8D")).await;
    assert_eq!(renamed, success());
    let found = search(&stage, "group", "displayname=%E6%96%B0%E5%90%8D").await;
    assert_eq!((&found[0]["id"], &found[0]["name"]), (&json!(PERL), &json!("新名")));
    for (query, code) in [
        ("id=@@x&new_displayname=a", 100),
        ("new_displayname=a", 100),
        ("id=@@dadadadada0000000000000000000001", 400),
        ("id=@@dadadadada0000000000000000000001&new_displayname=", 400),
        ("id=@@dadadadada0000000000000000000001&new_displayname=%20%20", 400),
        ("id=@@dadadadada0000000000000000000001&new_displayname=a%0Ab", 201),
    ] {
        let answer = call(&stage, &format!("set_group_displayname?{query}")).await;
        assert_eq!(answer["code"], code, "{query}: {answer}");
    }
    assert_eq!(stage.outbox().await.len(), 1);
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn mark_names_are_set_and_removed() {
    let stage = Stage::wx(ApiSettings::default()).await;
    for endpoint in ["set_friend_markname", "set_markname"] {
        let set = call(&stage, &format!("{endpoint}?account=ms-xiaoice&new_markname=%E6%96%B0+1")).await;
        assert_eq!(set, success(), "{endpoint}");
        let friend = search(&stage, "friend", "account=ms-xiaoice").await;
        assert_eq!((&friend[0]["markname"], &friend[0]["displayname"]), (&json!("新 1"), &json!("新 1")));
        let removed = call(&stage, &format!("{endpoint}?markname=%E6%96%B0+1&new_markname=")).await;
        assert_eq!(removed, success(), "{endpoint}");
        let friend = search(&stage, "friend", "account=ms-xiaoice").await;
        assert_eq!((&friend[0]["markname"], &friend[0]["displayname"]), (&json!(""), &json!("小冰[笑脸]🐺")));
    }
    let set =
        call(&stage, &format!("set_markname?group_id={PERL}&markname=%E7%81%B0%E7%81%B0&new_markname=y"))
            .await;
    assert_eq!(set, success());
    let groups = call(&stage, "get_group_info").await;
    let member = with_id(&with_id(&groups, PERL).unwrap()["member"], HUIHUI).unwrap();
    assert_eq!((&member["markname"], &member["displayname"]), (&json!("y"), &json!("y")));
    for (query, code, status) in [
        ("new_markname=y", 100, "object not found"),
        ("id=@x&new_markname=y", 100, "object not found"),
        ("group_id=@@x&id=@x&new_markname=y", 100, "group not found"),
        ("group_id=@@dadadadada0000000000000000000001&new_markname=y", 100, "object not found"),
        ("group_id=@@dadadadada0000000000000000000001&id=@x&new_markname=y", 100, "object not found"),
        ("id=filehelper", 400, "new_markname missing"),
    ] {
        let answer = call(&stage, &format!("set_markname?{query}")).await;
        assert_eq!(answer, json!({"code": code, "status": status}), "{query}");
    }
    let outbox = stage.outbox().await;
    assert_eq!(outbox.len(), 5);
    assert_eq!((&outbox[4]["kind"], &outbox[4]["members"]), (&json!("set-markname"), &json!([HUIHUI])));
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn chats_are_kept_on_top_and_let_go() {
    let stage = Stage::wx(ApiSettings::default()).await;
    let account = stage.account();
    let is_stuck = |kind, id: &str| account.sim().unwrap().is_stuck(&ChatRef { kind, id: id.into() });
    for (query, kind, id, on) in [
        (format!("id={PERL}&op=1"), ChatKind::Group, PERL, true),
        (format!("id={XIAOHUI}"), ChatKind::Friend, XIAOHUI, true),
        (format!("id={PERL}&op=0"), ChatKind::Group, PERL, false),
    ] {
        assert_eq!(call(&stage, &format!("stick?{query}")).await, success(), "{query}");
        assert_eq!(is_stuck(kind, id), on, "{query}");
    }
    for (query, code) in
        [("", 100), ("id=@x", 100), ("id=filehelper&op=2", 400), ("id=filehelper&op=on", 400)]
    {
        assert_eq!(call(&stage, &format!("stick?{query}")).await["code"], code, "{query}");
    }
    assert_eq!(stage.outbox().await.len(), 3);
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_member_is_asked_to_be_a_friend_and_becomes_one() {
    let stage = Stage::wx(ApiSettings::default()).await;
    let asked = format!("make_friend?id={HUIHUI}&verify=%E4%BD%A0%E5%A5%BD");
    assert_eq!(call(&stage, &asked).await, success());
    let outbox = stage.outbox().await;
    assert_eq!((&outbox[0]["kind"], &outbox[0]["text"]), (&json!("make-friend"), &json!("你好")));
    assert_eq!(outbox[0]["chat"], format!("wx/temporary/{HUIHUI}"));
    let joined = stage.post(&stage.sim("join"), json!({"friend": HUIHUI}).to_string()).await;
    assert_eq!(joined.status, StatusCode::OK, "{}", joined.text);
    for (query, code, status) in [
        (format!("id={HUIHUI}"), 101, "already a friend"),
        (format!("id={ME}"), 101, "can not be yourself"),
        ("id=@x".to_owned(), 100, "object not found"),
        (String::new(), 100, "object not found"),
    ] {
        let answer = call(&stage, &format!("make_friend?{query}")).await;
        assert_eq!(answer, json!({"code": code, "status": status}), "{query}");
    }
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_asks_to_be_a_friend_is_accepted_with_the_ticket_of_the_event() {
    let stage = Stage::wx(ApiSettings::default()).await;
    let asks = json!({"friend": "wxid_new", "name": "新人", "request": "我是新人"});
    let asked = stage.post(&stage.sim("join"), asks.to_string()).await;
    assert_eq!(asked.status, StatusCode::OK, "{}", asked.text);
    let reports = stage.get("/openwx/check_event").await.json();
    assert_eq!(reports[0]["event"], "friend_request", "{reports}");
    let params: Vec<&str> =
        reports[0]["params"].as_array().unwrap().iter().map(|one| one.as_str().unwrap()).collect();
    let [id, displayname, verify, ticket] = params[..] else { panic!("{params:?}") };
    assert!(id.starts_with('@') && id.len() == 33, "{id}");
    assert_eq!((displayname, verify), ("新人", "我是新人"));

    for query in
        ["", "id=@x", &format!("id={id}"), &format!("id=@x&ticket={ticket}"), &format!("id={id}&ticket=x")]
    {
        let answer = call(&stage, &format!("accept_friend_request?{query}")).await;
        assert_eq!((&answer["code"], &answer["status"]), (&json!(-1), &json!("failure")), "{query}");
    }
    assert!(search(&stage, "friend", "account=wxid_new").await.is_object(), "not yet a friend");
    let accept = format!("accept_friend_request?id={id}&displayname=%E6%96%B0%E4%BA%BA&ticket={ticket}");
    let expected = json!({
        "id": id, "displayname": "新人", "ticket": ticket, "code": 0, "status": "success",
    });
    assert_eq!(call(&stage, &accept).await, expected);
    let friend = search(&stage, "friend", "account=wxid_new").await;
    assert_eq!((&friend[0]["id"], &friend[0]["name"]), (&json!(id), &json!("新人")));
    assert_eq!(stage.get("/openwx/check_event").await.json()[0]["event"], "new_friend");
    assert_eq!(call(&stage, &accept).await["code"], -1, "once is enough");
    assert_eq!(stage.outbox().await.len(), 1);
    stage.end().await;
}
