use std::sync::atomic::{AtomicUsize, Ordering};

use axum::http::HeaderValue;
use mynah_model::clock::VirtualClock;
use mynah_runtime::limits::IDEMPOTENCY_MS;
use mynah_store::Store;
use tokio::sync::oneshot;

use super::*;

fn key(text: &str) -> IdempotencyKey {
    IdempotencyKey { caller: "bot".into(), account: "qq".parse().unwrap(), key: text.into() }
}

/// Calls on a store, the clock they are remembered by, and how many were done.
struct Calls {
    store: Store,
    clock: Arc<VirtualClock>,
    remembered: Arc<Remembered>,
    done: Arc<AtomicUsize>,
}

impl Calls {
    fn new() -> Self {
        let (store, clock) = (Store::open_in_memory().unwrap().0, Arc::new(VirtualClock::new(1)));
        let kept = IdempotentCalls::new(store.clone(), clock.clone());
        Self { store, clock, remembered: Arc::new(Remembered::new(kept)), done: Arc::default() }
    }

    /// As another host on the same store.
    fn restarted(self) -> Self {
        let kept = IdempotentCalls::new(self.store.clone(), self.clock.clone());
        Self { remembered: Arc::new(Remembered::new(kept)), ..self }
    }

    /// Counts what is done and answers with this code.
    fn act(&self, code: i32) -> impl Future<Output = Answer> + Send + 'static {
        let done = Arc::clone(&self.done);
        async move {
            let count = done.fetch_add(1, Ordering::SeqCst) + 1;
            Answer::Json(json!({ "code": code, "count": count }))
        }
    }

    async fn once(&self, text: &str, code: i32) -> String {
        shown(self.remembered.once(key(text), [0; 32], self.act(code)).await)
    }
}

fn shown(answer: Answer) -> String {
    match answer {
        Answer::Json(value) => format!("{} {}", value["code"], value["count"]),
        Answer::Busy(what) => what,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn what_was_sent_is_not_sent_again_for_a_day() {
    let calls = Calls::new();
    let both = tokio::join!(calls.once("a", 0), calls.once("a", 0));
    assert_eq!(both, ("0 1".into(), "0 1".into()));
    assert_eq!(calls.once("b", 0).await, "0 2");
    let others = IdempotencyKey { caller: "other".into(), ..key("a") };
    assert_eq!(shown(calls.remembered.once(others, [0; 32], calls.act(0)).await), "0 3");
    let day = u64::try_from(IDEMPOTENCY_MS).unwrap();
    calls.clock.advance(day - 1);
    assert_eq!(calls.once("a", 0).await, "0 1");
    calls.clock.advance(1);
    assert_eq!(calls.once("a", 0).await, "0 4");
}

#[tokio::test]
async fn what_was_sent_is_not_sent_again_by_the_next_host() {
    let calls = Calls::new();
    assert_eq!(calls.once("a", 0).await, "0 1");
    assert_eq!(calls.once("b", -1).await, "-1 2");
    let calls = calls.restarted();
    assert_eq!(calls.once("a", 0).await, "0 1");
    assert_eq!(calls.once("b", 0).await, "0 3");
}

#[tokio::test]
async fn what_was_under_way_when_the_host_ended_may_have_been_sent() {
    let calls = Calls::new();
    calls.remembered.kept.begin(&key("a"), [0; 32]).await.unwrap();
    let calls = calls.restarted();
    assert_eq!(calls.once("a", 0).await, "-2 null");
    assert_eq!(calls.done.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn what_was_not_sent_can_be_tried_again_and_what_may_have_been_cannot() {
    let calls = Calls::new();
    for (code, expected) in [(-1, "-1 1"), (100, "100 2"), (-2, "-2 3"), (0, "-2 3")] {
        assert_eq!(calls.once("a", code).await, expected);
    }
}

#[tokio::test]
async fn a_key_is_for_one_call() {
    let calls = Calls::new();
    calls.once("a", 0).await;
    let other = calls.remembered.once(key("a"), [1; 32], calls.act(0)).await;
    assert_eq!(shown(other), "422 null");
    let calls = calls.restarted();
    let other = calls.remembered.once(key("a"), [1; 32], calls.act(0)).await;
    assert_eq!(shown(other), "422 null");
    assert_eq!(calls.once("a", 0).await, "0 1");
    assert_eq!(calls.done.load(Ordering::SeqCst), 1);
}

#[test]
fn a_call_is_told_by_what_it_asks_for_and_not_by_how_it_is_answered() {
    let params = |query: &str| Params::of_query(query).unwrap();
    let print = fingerprint("/openqq/send_friend_message", &params("id=1&content=a"));
    assert_eq!(
        print,
        fingerprint("/openqq/send_friend_message", &params("content=a&id=1&idempotency_key=k&callback=c"))
    );
    for (path, query) in [
        ("/openqq/send_group_message", "id=1&content=a"),
        ("/openqq/send_friend_message", "id=1&content=b"),
        ("/openqq/send_friend_message", "id=1&content=a&async="),
        ("/openqq/send_friend_message", "i=d1&content=a"),
    ] {
        assert_ne!(print, fingerprint(path, &params(query)), "{path} {query}");
    }
}

#[tokio::test]
async fn a_caller_who_goes_away_changes_nothing_and_a_defect_is_not_tried_again() {
    let calls = Calls::new();
    let (go, wait) = oneshot::channel::<()>();
    let act = calls.act(0);
    let slow = async move {
        wait.await.unwrap();
        act.await
    };
    let first = calls.remembered.once(key("a"), [0; 32], slow);
    tokio::select! {
        biased;
        _ = first => panic!("it was answered before it was done"),
        () = std::future::ready(()) => {}
    }
    go.send(()).unwrap();
    assert_eq!(calls.once("a", 0).await, "0 1");
    let defect = calls.remembered.once(key("b"), [0; 32], async { panic!("a defect") }).await;
    assert_eq!(shown(defect), "the call ended without an answer");
    assert_eq!(calls.once("b", 0).await, "-2 null");
}

#[tokio::test]
async fn only_so_many_are_under_way_at_a_time() {
    let calls = Calls::new();
    let join = |text: &str| calls.remembered.join(&key(text), [0; 32]).map(|(part, _)| part);
    let under_way: Vec<_> = (0..IDEMPOTENT_CALLS).map(|number| join(&number.to_string())).collect();
    assert!(under_way.iter().all(Result::is_ok));
    assert!(matches!(join("more"), Err(Answer::Busy(_))));
    assert!(matches!(join("0"), Ok(Part::Again)));
    drop(under_way);
    assert!(matches!(join("more"), Ok(Part::First(..))));
}

#[test]
fn the_key_is_in_the_header_or_the_parameter_and_not_too_long() {
    let key = |header: Option<&'static str>, query: &str| {
        let headers: HeaderMap =
            header.map(|value| (HEADER, HeaderValue::from_static(value))).into_iter().collect();
        key_of(&headers, &Params::of_query(query).unwrap())
    };
    assert_eq!(key(None, "id=1"), Ok(None));
    assert_eq!(key(Some(" a "), ""), Ok(Some("a".into())));
    assert_eq!(key(None, "idempotency_key=%E9%94%AE"), Ok(Some("键".into())));
    assert_eq!(key(Some("a"), "idempotency_key=a"), Ok(Some("a".into())));
    assert_eq!(key(Some(""), "idempotency_key="), Ok(None));
    assert!(key(Some("a"), "idempotency_key=b").is_err());
    assert!(key(None, &format!("idempotency_key={}", "x".repeat(IDEMPOTENT_KEY + 1))).is_err());
}
