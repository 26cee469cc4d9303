//! Reports of a whole host: what `mynah.toml` says is done, and what is killed is taken up.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Value as Json, json};
use std::sync::Mutex;
use tempfile::TempDir;
use tokio::net::TcpListener;

use crate::support::command::{Session, mynah, run};
use crate::support::host::TestHost;
use crate::support::{http, wait_for};

/// What an endpoint was sent: numbers of events, and reports.
type Posted = Arc<Mutex<Vec<(u64, Json)>>>;

/// An endpoint that answers every message it is told of with its text, and keeps what it is sent.
async fn echo() -> (String, Posted) {
    let posted = Posted::default();
    let keep = posted.clone();
    let take = move |headers: HeaderMap, body: Bytes| {
        let report: Json = serde_json::from_slice(&body).unwrap();
        let seq = headers["x-mynah-event"].to_str().unwrap().parse().unwrap();
        let answer = match report["post_type"] == "receive_message" {
            true => json!({ "reply": report["content"] }),
            false => json!({}),
        };
        keep.lock().unwrap().push((seq, report));
        async move { ([(header::CONTENT_TYPE, "application/json")], answer.to_string()) }
    };
    (serve(Router::new().fallback(take)).await, posted)
}

async fn serve(router: Router) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    url
}

fn toml(keys: &str) -> String {
    format!("listen = \"127.0.0.1:0\"\n[[account]]\nname = \"sim\"\nroster = \"roster.json\"\n{keys}\n")
}

const CHATS: usize = 4;

/// As many friends as there are chats.
fn folder(toml: &str) -> TempDir {
    let folder = TempDir::new().unwrap();
    std::fs::write(folder.path().join("mynah.toml"), toml).unwrap();
    let friends: Vec<_> =
        (0..CHATS).map(|chat| json!({ "id": chat.to_string(), "name": format!("friend {chat}") })).collect();
    let roster =
        json!({ "user": { "id": "me", "name": "me" }, "friends": friends, "groups": [], "discusses": [] });
    std::fs::write(folder.path().join("roster.json"), roster.to_string()).unwrap();
    folder
}

async fn say(url: &str, chat: usize, text: &str) -> Option<u64> {
    let body = json!({ "friend": chat, "text": text });
    let call = http().post(format!("{url}/api/v1/accounts/sim/sim/say")).json(&body);
    call.send().await.ok()?.json::<Json>().await.ok()?["seq"].as_u64()
}

async fn ready(session: &mut Session) -> String {
    let url = session.url().await;
    wait_for("a host that is ready", async || {
        let answer = http().get(format!("{url}/readyz")).send().await.ok()?;
        answer.status().is_success().then_some(())
    })
    .await;
    url
}

/// Talks until the host is dead; the numbers that it acknowledged.
async fn talk(url: String, chat: usize, round: usize) -> Vec<u64> {
    let mut acknowledged = Vec::new();
    for number in 0.. {
        match say(&url, chat, &format!("{round}:{number}")).await {
            Some(seq) => acknowledged.push(seq),
            None => break,
        }
    }
    acknowledged
}

#[tokio::test(flavor = "multi_thread")]
async fn kills_skip_no_report_and_no_answer_is_done_twice() {
    const KILLS: usize = 2;
    let (endpoint, posted) = echo().await;
    let folder = folder(&toml(&format!("post_api = \"{endpoint}\"\npost_event = false")));
    let mut acknowledged = Vec::new();
    for kill in 0..KILLS {
        let mut session = Session::start(mynah(folder.path(), ["run"]));
        let url = ready(&mut session).await;
        let talkers: Vec<_> = (0..CHATS).map(|chat| tokio::spawn(talk(url.clone(), chat, kill))).collect();
        let enough = 200 * (kill + 1);
        wait_for("load", async || (posted.lock().unwrap().len() >= enough).then_some(())).await;
        drop(session); // SIGKILL, in the middle of it all.
        for talker in talkers {
            acknowledged.extend(talker.await.unwrap());
        }
    }
    let mut session = Session::start(mynah(folder.path(), ["run"]));
    let url = ready(&mut session).await;
    for chat in 0..CHATS {
        acknowledged.push(say(&url, chat, "last").await.unwrap());
    }
    let outbox = wait_for("the last answers", async || {
        let answer = http().get(format!("{url}/api/v1/accounts/sim/sim/outbox")).send().await.unwrap();
        let outbox: Vec<Json> = answer.json().await.unwrap();
        (outbox.iter().filter(|deed| deed["text"] == "last").count() == CHATS).then_some(outbox)
    })
    .await;
    session.terminate();
    assert_eq!(session.ended().await, Some(0), "{}", session.log());

    let posted = posted.lock().unwrap();
    let received = posted.iter().filter(|(_, report)| report["post_type"] == "receive_message");
    let mut arrived: BTreeMap<String, Vec<u64>> = BTreeMap::new();
    let mut repeated = 0;
    for (seq, report) in received {
        let chat = arrived.entry(report["sender_id"].as_str().unwrap().to_owned()).or_default();
        match chat.contains(seq) {
            true => repeated += 1,
            false => chat.push(*seq),
        }
    }
    assert!(arrived.values().all(|chat| chat.is_sorted()), "in order within each chat");
    let all: Vec<u64> = arrived.into_values().flatten().collect();
    assert!(acknowledged.iter().all(|seq| all.contains(seq)), "what was acknowledged was posted");
    assert!(repeated <= KILLS * CHATS, "only what was under way at a kill is posted again: {repeated}");
    let mut answered: Vec<u64> = outbox.iter().map(|deed| deed["cause"].as_u64().unwrap()).collect();
    answered.sort_unstable();
    let before = answered.len();
    answered.dedup();
    assert_eq!(answered.len(), before, "no message is answered twice");
    assert!(all.iter().all(|seq| answered.contains(seq)), "every message is answered");
    println!("{} reports over {KILLS} kills, {repeated} posted again", all.len());
}

#[tokio::test(flavor = "multi_thread")]
async fn stdout_has_reports_and_nothing_else_and_the_secret_is_nowhere() {
    let (endpoint, posted) = echo().await;
    let keys =
        format!("post_api = \"{endpoint}?token=hunter3\"\nwebhook_secret = \"hunter2\"\npost_stdout = true");
    let folder = folder(&toml(&keys));
    let mut command = mynah(folder.path(), ["run"]);
    command.env("RUST_LOG", "debug");
    let mut session = Session::start(command);
    let url = ready(&mut session).await;
    say(&url, 0, "你好").await.unwrap();
    session.wait_for_output("receive_message", 1).await;
    wait_for("the webhook's turn", async || {
        posted.lock().unwrap().iter().any(|(_, report)| report["content"] == "你好").then_some(())
    })
    .await;
    session.terminate();
    assert_eq!(session.ended().await, Some(0), "{}", session.log());
    let reports: Vec<Json> =
        session.output().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert!(reports.iter().any(|report| report["event"] == "login"));
    assert!(reports.iter().any(|report| report["content"] == "你好"));
    for secret in ["hunter2", "hunter3"] {
        assert!(!session.log().contains(secret), "{}", session.log());
    }
}

#[test]
fn dev_has_no_room_for_reports_on_stdout() {
    let folder = folder(&toml("post_stdout = true"));
    let (code, _, stderr) = run(folder.path(), ["dev"]);
    assert_eq!(code, 2, "{stderr}");
    assert!(stderr.contains("`post_stdout`") && stderr.contains("hint: use `mynah run`"), "{stderr}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_polled_server_reaches_the_api_by_the_address_that_it_listens_on() {
    let address = Arc::new(Mutex::new(String::new()));
    let asked = address.clone();
    let answer = move || {
        // Once: what is taken is empty afterwards.
        let url = std::mem::take(&mut *asked.lock().unwrap());
        async move {
            match url.is_empty() {
                true => "nothing".into_response(),
                false => {
                    let call = format!("{url}/openqq/send_friend_message?id=0&content=hello");
                    (StatusCode::FOUND, [(header::LOCATION, call)]).into_response() as Response
                }
            }
        }
    };
    let poll = serve(Router::new().fallback(answer)).await;
    let folder = folder("");
    let keys = format!(
        "[[account]]\nname = \"sim\"\nroster = \"roster.json\"\npoll_api = \"{poll}\"\npoll_interval = \"100ms\""
    );
    let clock = Arc::new(mynah_model::clock::SystemClock);
    let host = TestHost::start_in(Arc::new(folder), &keys, clock).await;
    address.lock().unwrap().clone_from(&host.url);
    let outbox = wait_for("the call", async || {
        let outbox = host.outbox().await;
        (!outbox.is_empty()).then_some(outbox)
    })
    .await;
    assert_eq!(outbox[0]["text"], "hello");
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_openwx_account_reports_in_its_own_shape_and_is_answered() {
    let (endpoint, posted) = echo().await;
    let folder = TempDir::new().unwrap();
    let roster = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/fixtures/roster_wx.json");
    std::fs::copy(roster, folder.path().join("roster.json")).unwrap();
    let keys = format!(
        "[[account]]\nname = \"sim\"\napi = \"openwx\"\nroster = \"roster.json\"\npost_api = \"{endpoint}\""
    );
    let clock = Arc::new(mynah_model::clock::SystemClock);
    let host = TestHost::start_in(Arc::new(folder), &keys, clock).await;
    let friends = host.get("/openwx/get_friend_info").await.1;
    let said = json!({ "friend": friends[0]["id"], "text": "你好" });
    assert_eq!(host.post("/api/v1/accounts/sim/sim/say", said).await.0, StatusCode::OK);
    let outbox = wait_for("the answer", async || {
        let outbox = host.outbox().await;
        (!outbox.is_empty()).then_some(outbox)
    })
    .await;
    assert_eq!((&outbox[0]["text"], &outbox[0]["by"]), (&json!("你好"), &json!("webhook")));
    let report =
        posted.lock().unwrap().iter().find(|(_, report)| report["content"] == "你好").unwrap().1.clone();
    assert_eq!((&report["format"], &report["type"]), (&json!("text"), &json!("friend_message")));
    assert_eq!(report["sender_id"], friends[0]["id"]);
    host.stop().await;
}

/// How long the tests of this file give an endpoint that is slow on purpose.
const SLOW: Duration = Duration::from_millis(200);

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_endpoint_does_not_slow_the_host() {
    let slow = || async {
        tokio::time::sleep(SLOW).await;
        "ok"
    };
    let endpoint = serve(Router::new().fallback(slow)).await;
    let host = TestHost::start(&format!("[[account]]\nname = \"sim\"\npost_api = \"{endpoint}\"")).await;
    let begin = std::time::Instant::now();
    let friends = host.get("/openqq/get_friend_info").await.1;
    let friend = friends[0]["id"].clone();
    for number in 0..50 {
        let said = host
            .post("/api/v1/accounts/sim/sim/say", json!({ "friend": friend, "text": number.to_string() }));
        assert_eq!(said.await.0, StatusCode::OK);
    }
    assert!(begin.elapsed() < SLOW * 50, "fifty reports take that long: {:?}", begin.elapsed());
    host.stop().await;
}
