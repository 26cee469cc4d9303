//! How reports arrive: in order within their chat, once each, whatever becomes of the endpoint and of the host.

use std::collections::{BTreeMap, HashSet};
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::http::StatusCode;
use axum::response::IntoResponse;
use mynah_api::{ApiSettings, WebhookTimes};
use mynah_model::event::AccountState;
use mynah_networks::sim::{LoginMode, Say};
use mynah_store::Store;
use serde_json::json;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;

use crate::endpoint::{self, Call, Endpoint, messages};
use crate::reporting::{Reporting, posting_to, quick, settings};
use crate::stage::{ACCOUNT, PATIENCE, Stage};

/// Checks that every number from 0 has arrived once, in order within each of so many chats.
fn check_order(calls: &[Call], count: usize, chats: usize) {
    let mut found: BTreeMap<String, Vec<usize>> = BTreeMap::new();
    for call in messages(calls) {
        let (chat, number) = (call.field("sender_uid"), call.field("content").parse().unwrap());
        found.entry(chat).or_default().push(number);
    }
    assert_eq!(found.len(), chats);
    let all: Vec<usize> = found.values().flatten().copied().collect();
    assert_eq!(all.len(), count, "none is missing and none came twice");
    assert_eq!(all.iter().collect::<HashSet<_>>().len(), count);
    for (chat, numbers) in found {
        assert!(numbers.is_sorted(), "{chat}: {numbers:?}");
    }
}

/// The friends of the account, by uid, and one group: chats that are apart from each other.
const FRIENDS: [&str; 2] = ["123456", "7891234"];

/// Has the friends say numbers, in turn.
async fn say_numbers(host: &Reporting, numbers: std::ops::Range<usize>) {
    let account = host.stage.account();
    for number in numbers {
        let friend = FRIENDS[number % FRIENDS.len()];
        account.sim().unwrap().say(Say::friend(friend, number.to_string())).await.unwrap();
    }
}

/// A port that nobody listens on.
async fn closed_port() -> std::net::SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    listener.local_addr().unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn five_hundred_messages_reach_an_endpoint_that_was_down_in_order_and_once_each() {
    let address = closed_port().await;
    let host = Reporting::new(posting_to(&format!("http://{address}/"))).await;
    say_numbers(&host, 0..500).await;
    let endpoint = Endpoint::at(address, endpoint::ok).await;
    let calls = endpoint.until(|calls| messages(calls).len() >= 500).await;
    check_order(&calls, 500, FRIENDS.len());
    host.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_endpoint_that_fails_now_and_then_gets_every_report_once_in_order() {
    let count = AtomicUsize::new(0);
    let taken = std::sync::Arc::new(parking_lot::Mutex::new(Vec::new()));
    let endpoint = {
        let taken = taken.clone();
        Endpoint::new(move |call| match count.fetch_add(1, Ordering::SeqCst) % 3 {
            0 => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
            1 => StatusCode::TOO_MANY_REQUESTS.into_response(),
            _ => {
                taken.lock().push(call.clone());
                "ok".into_response()
            }
        })
        .await
    };
    let host = Reporting::new(posting_to(&endpoint.url("/"))).await;
    say_numbers(&host, 0..30).await;
    endpoint.until(|_| messages(&taken.lock()).len() >= 30).await;
    check_order(&taken.lock(), 30, FRIENDS.len());
    host.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_chat_whose_reports_fail_holds_up_no_other() {
    let endpoint = Endpoint::new(|call| match call.field("sender_uid").as_str() {
        "123456" => StatusCode::SERVICE_UNAVAILABLE.into_response(),
        _ => "ok".into_response(),
    })
    .await;
    let host = Reporting::new(posting_to(&endpoint.url("/"))).await;
    say_numbers(&host, 0..20).await;
    let from = |calls: &[Call], uid: &str| {
        let calls = messages(calls).into_iter().filter(|call| call.field("sender_uid") == uid);
        calls.map(|call| call.field("content")).collect::<Vec<_>>()
    };
    let calls = endpoint.until(|calls| from(calls, "7891234").len() == 10).await;
    let stuck = from(&calls, "123456");
    assert!(stuck.iter().all(|text| text == "0"), "the others wait for the first: {stuck:?}");
    host.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_endpoint_that_hangs_is_left_in_time_and_the_report_comes_again_under_its_number() {
    // Never answered: nobody accepts the connection, which stands all the same.
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let times = WebhookTimes { total: Duration::from_millis(100), ..quick() };
    let reports = settings(posting_to(&format!("http://{address}/")));
    let host = Reporting::with(ApiSettings { webhook: times, ..reports }).await;
    let seq = host.stage.say(json!({"friend": "123456", "text": "x"})).await;
    // The first try is over when a second connection waits.
    let first = listener.accept().await.unwrap();
    let second = listener.accept().await.unwrap();
    drop((first, second, listener));
    let endpoint = Endpoint::at(address, endpoint::ok).await;
    assert_eq!(endpoint.messages(1).await[0].seq(), seq);
    host.end().await;
}

/// How many calls of one webhook may be under way at once.
const CALLS: usize = 128;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_endpoint_that_hangs_in_all_calls_that_it_may_have_holds_up_no_other_endpoint() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = Endpoint::new(endpoint::ok).await;
    let mut settings = settings(posting_to(&format!("http://{}/", listener.local_addr().unwrap())));
    settings.reports.insert("other".parse().unwrap(), posting_to(&endpoint.url("/")));
    let store = Store::open_in_memory().unwrap();
    let stage = Stage::with_accounts(settings.clone(), LoginMode::Immediate, &[ACCOUNT, "other"], store);
    stage.until(AccountState::Running).await;
    let host = Reporting::of(stage, &settings);
    let account = host.stage.account();
    for number in 0..=CALLS {
        account.sim().unwrap().befriend(&format!("friend-{number}"), None).await.unwrap();
    }
    let mut hanging = Vec::new();
    while hanging.len() < CALLS {
        hanging.push(tokio::time::timeout(PATIENCE, listener.accept()).await.unwrap().unwrap());
    }
    let other = host.stage.host.account("other").unwrap();
    other.watch_state().wait_for(|state| *state == AccountState::Running).await.unwrap();
    other.sim().unwrap().say(Say::friend("123456", "一")).await.unwrap();
    assert_eq!(endpoint.messages(1).await[0].field("content"), "一");
    // So that the host need not wait for its calls to end.
    drop((hanging, listener));
    host.end().await;
}

fn posting_file(path: &Path, url: &str) -> impl Future<Output = Reporting> {
    let (path, settings) = (path.to_owned(), settings(posting_to(url)));
    async move { Reporting::on_file(&path, settings).await }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_not_posted_is_posted_after_a_restart_and_what_was_is_not() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("mynah.db");
    let endpoint = Endpoint::new(endpoint::ok).await;
    let address = endpoint.address;
    let url = endpoint.url("/");
    let host = posting_file(&path, &url).await;
    say_numbers(&host, 0..10).await;
    let first = endpoint.until(|calls| messages(calls).len() == 10).await;
    drop(endpoint);
    say_numbers(&host, 10..20).await;
    host.end().await;

    let endpoint = Endpoint::at(address, endpoint::ok).await;
    let host = posting_file(&path, &url).await;
    say_numbers(&host, 20..30).await;
    let second = endpoint.until(|calls| messages(calls).len() >= 20).await;
    check_order(&[first, second.clone()].concat(), 30, FRIENDS.len());
    assert!(
        second.iter().any(|call| call.report()["params"] == json!(["running", "stop"])),
        "the end of the first run is reported too"
    );
    host.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_journalled_while_nothing_reported_is_posted_with_names_and_numbers() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("mynah.db");
    let endpoint = Endpoint::new(endpoint::ok).await;
    let url = endpoint.url("/");
    let host = posting_file(&path, &url).await;
    host.stage.say(json!({"group": 552603, "sender": "456789", "text": "一"})).await;
    endpoint.messages(1).await;
    // The reporters end first, as if the host was killed before they came to the next event.
    let stage = host.without_reporters().await;
    stage.say(json!({"group": 552603, "sender": "456789", "text": "二"})).await;
    stage.end().await;
    let host = posting_file(&path, &url).await;
    let call = endpoint.messages(2).await.remove(1);
    assert_eq!(call.field("content"), "二");
    assert_eq!(call.field("group_uid"), "552603", "the roster was waited for");
    assert_eq!(call.field("receiver"), "小灰");
    host.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_webhook_that_is_taken_out_and_put_back_begins_anew() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("mynah.db");
    let address = closed_port().await;
    let url = format!("http://{address}/");
    let host = posting_file(&path, &url).await;
    host.stage.say(json!({"friend": "123456", "text": "旧"})).await;
    host.end().await;
    let host = Reporting::on_file(&path, settings(mynah_api::ReportSettings::default())).await;
    host.stage.say(json!({"friend": "123456", "text": "无"})).await;
    host.end().await;
    let endpoint = Endpoint::at(address, endpoint::ok).await;
    let host = posting_file(&path, &url).await;
    host.stage.say(json!({"friend": "123456", "text": "新"})).await;
    assert_eq!(endpoint.messages(1).await[0].field("content"), "新");
    host.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_that_is_under_way_when_the_host_stops_is_finished_and_not_repeated() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("mynah.db");
    let gate = std::sync::Arc::new(Semaphore::new(0));
    let entered = std::sync::Arc::new(Semaphore::new(0));
    let endpoint = {
        let (gate, entered) = (gate.clone(), entered.clone());
        Endpoint::new(move |call| {
            if call.field("content") == "慢" {
                entered.add_permits(1);
                // The server's thread waits, not the host's: the answer comes when the test says so.
                while gate.try_acquire().is_err() {
                    std::thread::yield_now();
                }
            }
            endpoint::ok(call)
        })
        .await
    };
    let host = posting_file(&path, &endpoint.url("/")).await;
    host.stage.until(AccountState::Running).await;
    host.stage.say(json!({"friend": "123456", "text": "慢"})).await;
    drop(entered.acquire().await.unwrap());
    let stopping = tokio::spawn(host.end());
    gate.add_permits(1);
    stopping.await.unwrap();
    let host = posting_file(&path, &endpoint.url("/")).await;
    host.stage.say(json!({"friend": "123456", "text": "快"})).await;
    let texts: Vec<_> = endpoint.messages(2).await.iter().map(|call| call.field("content")).collect();
    assert_eq!(texts, ["慢", "快"]);
    host.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_an_answer_asks_for_is_done_once_however_often_the_end_of_the_report_is_noted() {
    use mynah_model::action::{Action, ActionBody};
    use mynah_model::message::Segment;
    use mynah_model::names::Seq;
    let stage = Stage::new(ApiSettings::default()).await;
    let host = &stage.host;
    let seq = stage.say(json!({"friend": "123456", "text": "x"})).await;
    let event = host.event(Seq(seq)).await.unwrap().unwrap();
    let place = host.take_up(&event, Some("{}".to_owned())).await.unwrap();
    let delivery = host.next_delivery(&place).await.unwrap().unwrap();
    let reply = ActionBody::Reply { segments: vec![Segment::text("y")], quote: false };
    let mute = ActionBody::Shutup { members: vec!["7".to_owned()], seconds: 60 };
    let actions = [Action::new(reply), Action::new(mute)];
    let results = host.delivered(&delivery, Some(&event), &actions).await.unwrap();
    assert!(results[0].is_ok() && results[1].is_err(), "nobody is muted in a chat of two: {results:?}");
    assert_eq!(host.next_delivery(&place).await.unwrap(), None);
    assert!(host.delivered(&delivery, Some(&event), &actions).await.unwrap().is_empty());
    host.give_up(&delivery, "webhook.refused", "no").await.unwrap();
    assert_eq!(host.dead_letters(None, 9).await.unwrap(), []);
    host.settled().await.unwrap();
    assert_eq!(stage.outbox().await.len(), 1);
    stage.end().await;
}
