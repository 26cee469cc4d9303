//! Who may call: keys, signed calls, scopes and accounts.

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use axum::body::Body;
use axum::http::{Request, StatusCode, header};
use futures_util::StreamExt;
use hmac::{Hmac, KeyInit, Mac};
use md5::{Digest, Md5};
use mynah_api::{ApiSettings, Key, Keys, Scope, Scopes, Secret};
use mynah_engine::{Engine, EngineConfig};
use mynah_model::clock::{Clock, SystemClock};
use mynah_model::event::AccountState;
use mynah_networks::sim::{Sim, SimConfig};
use mynah_runtime::scheduler::threads_for;
use mynah_runtime::{AccountSetup, ApiKind, Host, HostConfig};
use mynah_store::Store;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Value, json};
use sha2::Sha256;

use crate::stage::{ACCOUNT, PATIENCE, Stage, request, roster};

/// Every key of the host.
const BOSS: &str = "boss-0123456789abcdef";
const BOT: &str = "bot-0123456789abcdef";
const PANEL: &str = "panel-0123456789abcdef";
const WX: &str = "wx-0123456789abcdef";
const OLD: &str = "old-0123456789abcdef";

fn key(name: &str, secret: &str, scopes: &[Scope], accounts: &[&str]) -> Key {
    let accounts = accounts.iter().map(|name| name.parse().unwrap()).collect();
    Key {
        name: name.parse().unwrap(),
        secret: Secret::new(secret).unwrap(),
        scopes: scopes.iter().copied().collect(),
        accounts: Some(accounts).filter(|accounts: &std::collections::BTreeSet<_>| !accounts.is_empty()),
        legacy_signature: name == "old",
    }
}

fn keys() -> Keys {
    Keys::new(vec![
        key("boss", BOSS, &[Scope::Openqq, Scope::Openwx, Scope::Admin], &[]),
        key("bot", BOT, &[Scope::Openqq], &["qq"]),
        key("panel", PANEL, &[Scope::Openqq, Scope::Admin], &["other"]),
        key("wx", WX, &[Scope::Openwx], &[]),
        key("old", OLD, &[Scope::Openqq], &[]),
    ])
    .unwrap()
}

/// A host with the accounts `qq` and `other`.
struct Guarded {
    stage: Stage,
}

impl Guarded {
    async fn new() -> Self {
        Self::with(ApiSettings { keys: keys(), ..ApiSettings::default() }).await
    }

    async fn with(settings: ApiSettings) -> Self {
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let account = |name: &str| AccountSetup {
            name: name.parse().unwrap(),
            api: ApiKind::Openqq,
            network: Sim::new(
                SimConfig { roster: roster("roster_qq.json"), ..SimConfig::default() },
                clock.clone(),
            ),
        };
        let accounts = vec![account("qq"), account("other")];
        let config = HostConfig { workers: Some(2), accounts, ..HostConfig::default() };
        let engine =
            Engine::new(EngineConfig { workers: threads_for(2), ..EngineConfig::default() }).unwrap();
        let (store, recovery) = Store::open_in_memory().unwrap();
        let host = Host::start(config, engine, store, recovery, clock).unwrap();
        let router = mynah_api::router(host.clone(), settings);
        for account in host.accounts() {
            let mut states = account.watch_state();
            let running = states.wait_for(|state| *state == AccountState::Running);
            tokio::time::timeout(PATIENCE, running).await.unwrap().unwrap();
        }
        Self { stage: Stage { name: ACCOUNT, host, router } }
    }

    /// Gets a path with the secret of a key.
    async fn get(&self, secret: &str, path: &str) -> (u16, Value) {
        self.call("GET", secret, path, Value::Null).await
    }

    async fn call(&self, method: &str, secret: &str, path: &str, body: Value) -> (u16, Value) {
        let mut call = request(method, path).header(header::AUTHORIZATION, format!("Bearer {secret}"));
        let body = match body {
            Value::Null => Body::empty(),
            body => {
                call = call.header(header::CONTENT_TYPE, "application/json");
                Body::from(body.to_string())
            }
        };
        self.answer(call.body(body).unwrap()).await
    }

    /// Gets a path as it is.
    async fn bare(&self, path: &str) -> (u16, Value) {
        self.answer(request("GET", path).body(Body::empty()).unwrap()).await
    }

    async fn answer(&self, call: Request<Body>) -> (u16, Value) {
        let answer = self.stage.call(call).await;
        (answer.status.as_u16(), serde_json::from_str(&answer.text).unwrap_or(Value::String(answer.text)))
    }

    /// What the accounts did, newest last.
    async fn sent(&self) -> Vec<String> {
        let mut sent = Vec::new();
        for account in ["qq", "other"] {
            let (_, deeds) = self.get(BOSS, &format!("/api/v1/accounts/{account}/sim/outbox")).await;
            let texts =
                deeds.as_array().unwrap().iter().map(|deed| deed["text"].as_str().unwrap().to_owned());
            sent.extend(texts.map(|text| format!("{account}: {text}")));
        }
        sent
    }
}

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()
}

fn query(params: &[(&str, String)]) -> String {
    let pair =
        |(name, value): &(&str, String)| format!("{name}={}", utf8_percent_encode(value, NON_ALPHANUMERIC));
    params.iter().map(pair).collect::<Vec<_>>().join("&")
}

/// The parameters with what signs them, as `docs/openqq.md` says.
fn signed<'a>(
    name: &str,
    secret: &str,
    method: &str,
    path: &str,
    exp: u64,
    params: &[(&'a str, &str)],
) -> Vec<(&'a str, String)> {
    let mut params: Vec<(&str, String)> =
        params.iter().map(|(name, value)| (*name, (*value).to_owned())).collect();
    params.push(("sign_key", name.to_owned()));
    params.push(("exp", exp.to_string()));
    let mut sorted = params.clone();
    sorted.sort();
    let mut mac = <Hmac<Sha256> as KeyInit>::new_from_slice(secret.as_bytes()).unwrap();
    let parts = [method, path].into_iter().chain(sorted.iter().flat_map(|(name, value)| [*name, value]));
    parts.for_each(|part| mac.update(format!("{}:{part}", part.len()).as_bytes()));
    params.push(("sign", hex(&mac.finalize().into_bytes())));
    params
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn denied() -> (u16, Value) {
    (401, json!({"code": -6, "status": "auth failure"}))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_is_taken_from_headers_query_and_body_and_a_wrong_one_from_nowhere() {
    let host = Guarded::new().await;
    let path = "/openqq/send_friend_message?uid=123456&content=x";
    let form = |body: String| {
        let call = request("POST", path).header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
        call.body(Body::from(body)).unwrap()
    };
    let with =
        |name: &str, value: String| request("GET", path).header(name, value).body(Body::empty()).unwrap();
    for (secret, works) in
        [(BOT, true), ("bot-0123456789abcdeg", false), ("bot-0123456789abcde", false), ("", false)]
    {
        let json = request("POST", path).header(header::CONTENT_TYPE, "application/json");
        for call in [
            with("authorization", format!("Bearer {secret}")),
            with("x-auth-token", secret.to_owned()),
            request("GET", &format!("{path}&key={secret}")).body(Body::empty()).unwrap(),
            form(format!("key={secret}")),
            json.body(Body::from(json!({"key": secret}).to_string())).unwrap(),
        ] {
            let shown = format!("{call:?}");
            let (status, answer) = host.answer(call).await;
            match works {
                true => assert_eq!((status, &answer["code"]), (200, &json!(0)), "{shown}"),
                false => assert_eq!((status, answer), denied(), "{shown}"),
            }
        }
    }
    assert_eq!(host.bare(path).await, denied());
    assert_eq!(host.sent().await, vec!["qq: x"; 5]);
    let why = host.stage.send(request("GET", path).body(Body::empty()).unwrap()).await;
    let why = why.headers()[header::WWW_AUTHENTICATE].to_str().unwrap().to_owned();
    assert!(why.starts_with("Bearer ") && why.contains("a key is needed"), "{why}");
    host.stage.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_path_needs_a_key_but_the_two_that_say_how_the_host_is() {
    let host = Guarded::new().await;
    for path in [
        "/api/v1/accounts",
        "/api/v1/scripts",
        "/api/v1/events",
        "/api/v1/openapi.json",
        "/api/v1/accounts/qq/sim/outbox",
        "/nothing",
        "/metrics",
        "/",
        "//openqq/get_user_info",
        "/openqq%2fget_user_info",
    ] {
        for (call, code) in [
            (request("GET", path).body(Body::empty()).unwrap(), "key.missing"),
            (
                request("GET", &format!("{path}?key=wrong-wrong-wrong-wrong")).body(Body::empty()).unwrap(),
                "key.wrong",
            ),
            (request("GET", path).header("x-auth-token", "wrong").body(Body::empty()).unwrap(), "key.wrong"),
        ] {
            let (status, answer) = host.answer(call).await;
            assert_eq!((status, &answer["code"]), (401, &json!(code)), "{path}: {answer}");
        }
    }
    let say = json!({"friend": 123456, "text": "x"});
    let (status, _) = host.call("POST", "wrong", "/api/v1/accounts/qq/sim/say", say).await;
    assert_eq!(status, 401);
    for path in ["/healthz", "/readyz"] {
        let (status, answer) = host.bare(path).await;
        assert_eq!((status, &answer["waiting_for"]), (200, &json!([])), "{path}");
        assert_eq!(host.get("wrong", path).await.0, 200, "{path}");
    }
    assert_eq!(host.get(BOSS, "/api/v1/scripts").await, (200, json!([])));
    assert_eq!(host.bare(&format!("/api/v1/scripts?key={BOSS}")).await, (200, json!([])));
    host.stage.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_of_another_scope_is_refused() {
    let host = Guarded::new().await;
    let send = "/openqq/send_friend_message?uid=123456&content=x";
    assert_eq!(host.get(WX, send).await, denied());
    assert_eq!(host.get(BOT, "/openwx/get_client_info").await, denied());
    assert_eq!(host.get(WX, "/openwx/get_client_info?client=qq").await.1["code"], 0);
    for secret in [WX, BOT] {
        let (status, answer) = host.get(secret, "/api/v1/accounts").await;
        assert_eq!((status, &answer["code"]), (403, &json!("key.scope")));
    }
    assert!(host.sent().await.is_empty());
    host.stage.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn to_a_key_for_some_accounts_there_are_no_others() {
    let host = Guarded::new().await;
    let send = "/openqq/send_friend_message?uid=123456&content=x";
    let missing = (200, json!({"code": 100, "status": "client not found"}));
    for client in ["other", "nobody", "../other", "..%2f..%2fetc%2fpasswd", "qq%00", "QQ"] {
        assert_eq!(host.get(BOT, &format!("{send}&client={client}")).await, missing, "{client}");
    }
    assert_eq!(host.get(BOT, send).await.1["code"], 0);
    assert_eq!(host.get(PANEL, send).await.1["code"], 0, "the first account that the key is for");
    assert_eq!(host.sent().await, ["qq: x", "other: x"]);

    let (_, accounts) = host.get(PANEL, "/api/v1/accounts").await;
    let names: Vec<_> = accounts.as_array().unwrap().iter().map(|account| &account["name"]).collect();
    assert_eq!(names, ["other"]);
    assert_eq!(host.get(PANEL, "/api/v1/accounts/other/sim/outbox").await.0, 200);
    let hidden = |name: &str| {
        json!({
            "code": "account.unknown",
            "text": format!("there is no account `{name}`"),
            "hint": "there is: other",
        })
    };
    for (path, name) in [("qq", "qq"), ("nobody", "nobody"), ("%71%71", "qq"), ("..%2Fqq", "../qq")] {
        let answer = host.get(PANEL, &format!("/api/v1/accounts/{path}/sim/outbox")).await;
        assert_eq!(answer, (404, hidden(name)));
    }
    let say = json!({"friend": 123456, "text": "x"});
    assert_eq!(host.call("POST", PANEL, "/api/v1/accounts/qq/sim/say", say).await, (404, hidden("qq")));
    for path in ["/api/v1/scripts", "/metrics", "/nothing", "/api/v1/accounts/"] {
        let (status, answer) = host.get(PANEL, path).await;
        let right = [(403, json!("key.account")), (404, json!("account.unknown"))];
        assert!(right.contains(&(status, answer["code"].clone())), "{path}: {status} {answer}");
    }
    host.stage.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_stream_of_events_leaves_out_accounts_that_the_key_is_not_for() {
    let host = Guarded::new().await;
    for (account, text) in [("qq", "secret"), ("other", "open")] {
        let say = json!({"friend": 123456, "text": text});
        let (status, answer) =
            host.call("POST", BOSS, &format!("/api/v1/accounts/{account}/sim/say"), say).await;
        assert_eq!(status, 200, "{answer}");
    }
    let call = request("GET", &format!("/api/v1/events?from=1&key={PANEL}")).body(Body::empty()).unwrap();
    let mut stream = host.stage.send(call).await.into_body().into_data_stream();
    let mut seen = String::new();
    while !seen.contains("open") {
        let piece = tokio::time::timeout(PATIENCE, stream.next()).await.unwrap().unwrap().unwrap();
        seen.push_str(std::str::from_utf8(&piece).unwrap());
    }
    assert!(!seen.contains("secret") && !seen.contains("\"qq\""), "{seen}");
    host.stage.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_signed_call_is_served_and_its_signature_is_good_for_nothing_else() {
    let host = Guarded::new().await;
    let path = "/openqq/send_friend_message";
    let params = signed("bot", BOT, "GET", path, now() + 60, &[("uid", "123456"), ("content", "你好 & +%=")]);
    let good = query(&params);
    assert_eq!(host.bare(&format!("{path}?{good}")).await.1["code"], 0);
    assert_eq!(host.sent().await, ["qq: 你好 & +%="]);
    let changed = |name: &str, value: &str| {
        let mut params = params.clone();
        params.iter_mut().filter(|(known, _)| *known == name).for_each(|pair| pair.1 = value.to_owned());
        format!("{path}?{}", query(&params))
    };
    for stolen in [
        format!("/openqq/send_group_message?{good}"),
        format!("/openqq/get_friend_info?{good}"),
        format!("/openwx/send_friend_message?{good}"),
        format!("{path}?{good}&async=1"),
        format!("{path}?{good}&client=other"),
        format!("{path}?{good}&content=x"),
        format!("{path}?{good}&v=1"),
        format!("{path}?{good}&idempotency_key="),
        changed("uid", "7891234"),
        changed("content", "x"),
        changed("exp", &(now() + 61).to_string()),
        changed("sign_key", "boss"),
        changed("sign_key", "nobody"),
        changed("sign_key", ""),
        changed("sign", "0000"),
    ] {
        assert_eq!(host.bare(&stolen).await, denied(), "{stolen}");
    }
    for method in ["POST", "HEAD"] {
        let other = request(method, &format!("{path}?{good}")).body(Body::empty()).unwrap();
        assert!([401, 403].contains(&host.stage.call(other).await.status.as_u16()), "{method}");
    }
    let added = request("GET", &format!("{path}?{good}"))
        .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
    assert_eq!(host.answer(added.body(Body::from("content=x")).unwrap()).await, denied());
    for exp in [0, now() - 1, now() + 100_000, u64::MAX] {
        let late = signed("bot", BOT, "GET", path, exp, &[("uid", "123456"), ("content", "x")]);
        assert_eq!(host.bare(&format!("{path}?{}", query(&late))).await, denied(), "{exp}");
    }
    let admin = signed("boss", BOSS, "GET", "/api/v1/accounts", now() + 60, &[]);
    let (status, answer) = host.bare(&format!("/api/v1/accounts?{}", query(&admin))).await;
    assert_eq!((status, &answer["code"]), (401, &json!("key.missing")), "signatures are for calls");
    assert_eq!(host.sent().await.len(), 1);
    host.stage.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_originals_signature_is_for_sends_whose_every_parameter_it_covers() {
    let host = Guarded::new().await;
    let exp = now() + 60;
    let sign = |secret: &str, exp: u64| hex(&Md5::digest(format!("{secret}2457053936hello{exp}").as_bytes()));
    let send = |secret: &str, exp: u64| {
        format!(
            "/openqq/send_friend_message?id=2457053936&content=hello&exp={exp}&sign={}",
            sign(secret, exp)
        )
    };
    assert_eq!(host.bare(&send(OLD, exp)).await.1["code"], 0);
    for refused in [
        send(BOT, exp),
        send(OLD, now() - 1),
        format!("{}&client=other", send(OLD, exp)),
        format!("{}&uid=123456", send(OLD, exp)),
        format!("{}&content=bye", send(OLD, exp)),
        send(OLD, exp).replace("send_friend_message", "search_friend"),
        send(OLD, exp).replace("send_friend_message", "stop_client"),
    ] {
        assert_eq!(host.bare(&refused).await, denied(), "{refused}");
    }
    assert_eq!(host.sent().await, ["qq: hello"]);
    host.stage.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_audit_knows_whose_key_it_was_and_whoever_watches_the_account_does_not() {
    let host = Guarded::new().await;
    host.get(BOT, "/openqq/send_friend_message?uid=123456&content=x").await;
    host.get(BOT, "/openqq/shutup_group_member?group_uid=552603&member_uid=45678&time=60").await;
    host.get(BOT, "/openqq/shutup_group_member?group_uid=552603&member_uid=123455&time=60").await;
    // What is refused is noted down behind the answer.
    let noted = async {
        loop {
            let (_, page) = host.get(BOSS, "/api/v1/audit?actor=api").await;
            if page["entries"].as_array().unwrap().len() >= 3 {
                return page;
            }
            tokio::task::yield_now().await;
        }
    };
    let page = tokio::time::timeout(PATIENCE, noted).await.expect("all three are noted down");
    let entries: Vec<_> = page["entries"].as_array().unwrap().iter().rev().collect();
    let of = |field: &str| entries.iter().map(|entry| entry[field].as_str().unwrap()).collect::<Vec<_>>();
    assert_eq!(of("actor"), ["api:bot"; 3]);
    assert_eq!(of("action"), ["send", "shutup", "shutup"]);
    assert_eq!(of("outcome"), ["done", "done", "refused"], "{page}");
    assert_eq!(entries[2]["code"], "moderation.target");
    assert_eq!(host.get(BOT, "/api/v1/audit").await.0, 403, "it is for the administration");
    let (_, deeds) = host.get(BOSS, "/api/v1/accounts/qq/sim/outbox").await;
    assert!(deeds.as_array().unwrap().iter().all(|deed| deed["by"] == "api"), "{deeds}");
    host.stage.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_opens_the_host_to_no_page_and_no_other_name() {
    let settings = ApiSettings { keys: keys(), jsonp: true, ..ApiSettings::default() };
    let host = Guarded::with(settings).await;
    let path = format!("/openqq/send_friend_message?uid=123456&content=x&key={BOT}");
    for (name, value, status) in [
        ("host", "evil.example", 421),
        ("origin", "https://evil.example", 403),
        ("sec-fetch-site", "cross-site", 403),
    ] {
        let mut call = request("GET", &path).body(Body::empty()).unwrap();
        call.headers_mut().insert(name, value.parse().unwrap());
        assert_eq!(host.answer(call).await.0, status, "{name}");
    }
    assert!(host.sent().await.is_empty());
    let jsonp = "/openqq/get_user_info?datatype=jsonp&callback=cb";
    assert_eq!(host.bare(jsonp).await, denied(), "JSONP needs a key too");
    let called = host.bare(&format!("{jsonp}&key={BOT}")).await.1;
    assert!(called.as_str().unwrap().starts_with("cb({"), "{called}");
    let injected = host.bare(&format!("{jsonp}(1)//&key={BOT}")).await.1;
    assert_eq!(injected["code"], 400, "{injected}");
    host.stage.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wrong_key_in_a_header_is_refused_before_the_body_is_read() {
    let host = Guarded::new().await;
    let endless = Body::from_stream(futures_util::stream::pending::<Result<Vec<u8>, std::io::Error>>());
    let call = request("POST", "/openqq/send_friend_message").header("x-auth-token", "wrong");
    assert_eq!(host.answer(call.body(endless).unwrap()).await, denied());
    host.stage.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_keys_nobody_needs_one() {
    let host = Guarded::with(ApiSettings::default()).await;
    let (status, answer) =
        host.get("whatever", "/openqq/send_friend_message?uid=123456&content=x&key=y&sign=z").await;
    assert_eq!((status, &answer["code"]), (200, &json!(0)), "{answer}");
    let (_, found) = host.bare("/openqq/search_friend?uid=123456&key=y&exp=1").await;
    assert_eq!(found.as_array().unwrap().len(), 1, "what proves a caller is no attribute");
    assert!(Scopes::all().contains(Scope::Admin));
    assert_eq!(host.bare("/api/v1/accounts").await.0, StatusCode::OK.as_u16());
    host.stage.end().await;
}
