//! `Idempotency-Key`: a send that is repeated because its answer was lost is sent once.
//!
//! The first call with a key does what it asks for; calls that repeat it, at the same time or within a day, are
//! answered what the first was answered. A call that sent nothing is forgotten, so that it can be tried again. Keys
//! are those of a caller and an account: nobody learns from another's. They are kept in memory: after a restart of
//! the host a repeated call sends again.

use std::collections::{BTreeMap, HashMap};
use std::future::Future;
use std::sync::Arc;

use axum::http::{HeaderMap, HeaderName};
use mynah_model::names::AccountName;
use parking_lot::Mutex;
use serde_json::Value;
use sha2::{Digest, Sha256};
use tokio::sync::watch;
use tokio::time::Instant;

use crate::answer::Answer;
use crate::params::Params;
use crate::settings::{IDEMPOTENT_CALLS, IDEMPOTENT_KEY, IDEMPOTENT_TIME};

const HEADER: HeaderName = HeaderName::from_static("idempotency-key");

/// The same as a parameter, for callers who cannot set headers.
pub(crate) const PARAMETER: &str = "idempotency_key";

/// Parameters that change how an answer is written and not what is done.
const WRAPPING: [&str; 3] = [PARAMETER, "datatype", "callback"];

/// The key of a call, from its header or its parameter; an error says what is wrong with it.
pub(crate) fn key_of(headers: &HeaderMap, params: &Params) -> Result<Option<String>, String> {
    let by_header = match headers.get(HEADER) {
        None => None,
        Some(value) => {
            let text = value.to_str().map_err(|_| "Idempotency-Key is not visible ASCII")?.trim();
            Some(text.to_owned()).filter(|text| !text.is_empty())
        }
    };
    let by_parameter = params.get(PARAMETER).map(str::to_owned);
    let key = match (by_header, by_parameter) {
        (Some(header), Some(parameter)) if header != parameter => {
            return Err(format!("Idempotency-Key and `{PARAMETER}` differ: give one"));
        }
        (header, parameter) => header.or(parameter),
    };
    match key {
        Some(key) if key.chars().count() > IDEMPOTENT_KEY => {
            Err(format!("Idempotency-Key has more than {IDEMPOTENT_KEY} characters"))
        }
        key => Ok(key),
    }
}

/// Whose key it is.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Name {
    /// The name of the caller's key, empty if the host has none.
    pub(crate) caller: String,
    pub(crate) account: AccountName,
    pub(crate) key: String,
}

/// What a call asks for, so that two can be compared.
pub(crate) fn fingerprint(path: &str, params: &Params) -> [u8; 32] {
    let asked = params.iter().filter(|(name, _)| !WRAPPING.contains(name));
    let mut digest = Sha256::new();
    for part in std::iter::once(path).chain(asked.flat_map(|(name, value)| [name, value])) {
        digest.update((part.len() as u64).to_be_bytes());
        digest.update(part);
    }
    digest.finalize().into()
}

/// An answer that several callers get.
#[derive(Debug, Clone)]
enum Shared {
    Json(Value),
    Busy(String),
}

impl Shared {
    /// Whether a message was sent, or may have been: then it must not be sent again.
    fn is_final(&self) -> bool {
        match self {
            Self::Json(value) => {
                value.get("code").and_then(Value::as_i64).is_some_and(|code| [0, -2].contains(&code))
            }
            Self::Busy(_) => false,
        }
    }
}

impl From<Answer> for Shared {
    fn from(answer: Answer) -> Self {
        match answer {
            Answer::Json(value) => Self::Json(value),
            Answer::Busy(what) => Self::Busy(what),
            other => Self::Busy(format!("the answer cannot be kept: {other:?}")),
        }
    }
}

impl From<Shared> for Answer {
    fn from(shared: Shared) -> Self {
        match shared {
            Shared::Json(value) => Self::Json(value),
            Shared::Busy(what) => Self::Busy(what),
        }
    }
}

/// The calls that are remembered.
#[derive(Default)]
pub(crate) struct Remembered(Mutex<Calls>);

#[derive(Default)]
struct Calls {
    known: HashMap<Name, Call>,
    /// By age.
    order: BTreeMap<u64, Name>,
    next: u64,
}

struct Call {
    number: u64,
    since: Instant,
    fingerprint: [u8; 32],
    answer: watch::Receiver<Option<Shared>>,
}

impl Call {
    fn is_answered(&self) -> bool {
        self.answer.borrow().is_some()
    }

    /// Whether it ended without an answer.
    fn is_lost(&self) -> bool {
        !self.is_answered() && self.answer.has_changed().is_err()
    }
}

impl Calls {
    fn forget(&mut self, name: &Name) {
        if let Some(call) = self.known.remove(name) {
            self.order.remove(&call.number);
        }
    }

    /// Makes room for one more; `false` if there is none.
    fn make_room(&mut self, now: Instant) -> bool {
        while let Some((_, name)) = self.order.first_key_value() {
            let Some(call) = self.known.get(name) else { return true };
            let is_old = now.duration_since(call.since) >= IDEMPOTENT_TIME;
            if !is_old && self.known.len() < IDEMPOTENT_CALLS {
                return true;
            }
            if !call.is_answered() && !call.is_lost() {
                return self.known.len() < IDEMPOTENT_CALLS;
            }
            let name = name.clone();
            self.forget(&name);
        }
        true
    }
}

/// What a call has to do.
enum Part {
    /// The first: it does what is asked for, and tells the others.
    First(watch::Sender<Option<Shared>>),
    /// A repetition.
    Again,
}

impl Remembered {
    /// Does something once for all calls of this name, and answers all of them the same. It is done to its end even if
    /// the callers go away.
    pub(crate) async fn once(
        self: &Arc<Self>,
        name: Name,
        fingerprint: [u8; 32],
        act: impl Future<Output = Answer> + Send + 'static,
    ) -> Answer {
        let (part, mut answer) = match self.join(&name, fingerprint) {
            Ok(joined) => joined,
            Err(answer) => return answer,
        };
        if let Part::First(sender) = part {
            let remembered = Arc::clone(self);
            tokio::spawn(async move {
                let answer = Shared::from(act.await);
                if !answer.is_final() {
                    remembered.0.lock().forget(&name);
                }
                sender.send_replace(Some(answer));
            });
        }
        match answer.wait_for(Option::is_some).await.map(|answer| answer.clone()) {
            Ok(Some(answer)) => answer.into(),
            _ => Answer::Busy("the call ended without an answer".into()),
        }
    }

    fn join(
        &self,
        name: &Name,
        fingerprint: [u8; 32],
    ) -> Result<(Part, watch::Receiver<Option<Shared>>), Answer> {
        let now = Instant::now();
        let mut calls = self.0.lock();
        let has_room = calls.make_room(now);
        match calls.known.get(name) {
            Some(call) if call.is_lost() => calls.forget(name),
            Some(call) if call.fingerprint != fingerprint => {
                let status = "the Idempotency-Key was used for a call with other parameters";
                return Err(Answer::not_sent(422, status));
            }
            Some(call) => return Ok((Part::Again, call.answer.clone())),
            None if !has_room => {
                return Err(Answer::Busy("too many calls with an Idempotency-Key are under way".into()));
            }
            None => {}
        }
        let (sender, answer) = watch::channel(None);
        let number = calls.next;
        calls.next += 1;
        calls.order.insert(number, name.clone());
        let call = Call { number, since: now, fingerprint, answer: answer.clone() };
        calls.known.insert(name.clone(), call);
        Ok((Part::First(sender), answer))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::time::Duration;

    use axum::http::HeaderValue;
    use serde_json::json;

    use super::*;

    fn name(key: &str) -> Name {
        Name { caller: "bot".into(), account: "qq".parse().unwrap(), key: key.into() }
    }

    /// Counts what is done and answers with this code.
    fn act(done: &Arc<AtomicUsize>, code: i32) -> impl Future<Output = Answer> + Send + 'static {
        let done = Arc::clone(done);
        async move {
            tokio::time::sleep(Duration::from_secs(1)).await;
            let count = done.fetch_add(1, Ordering::SeqCst) + 1;
            Answer::Json(json!({ "code": code, "count": count }))
        }
    }

    fn shown(answer: Answer) -> String {
        match answer {
            Answer::Json(value) => format!("{} {}", value["code"], value["count"]),
            Answer::Busy(what) => what,
            other => panic!("{other:?}"),
        }
    }

    #[tokio::test(start_paused = true)]
    async fn what_was_sent_is_not_sent_again_for_a_day() {
        let (remembered, done) = (Arc::new(Remembered::default()), Arc::default());
        let both = tokio::join!(
            remembered.once(name("a"), [0; 32], act(&done, 0)),
            remembered.once(name("a"), [0; 32], act(&done, 0)),
        );
        assert_eq!((shown(both.0), shown(both.1)), ("0 1".into(), "0 1".into()));
        assert_eq!(shown(remembered.once(name("b"), [0; 32], act(&done, 0)).await), "0 2");
        let other = Name { caller: "other".into(), ..name("a") };
        assert_eq!(shown(remembered.once(other, [0; 32], act(&done, 0)).await), "0 3");
        tokio::time::advance(IDEMPOTENT_TIME - Duration::from_secs(10)).await;
        assert_eq!(shown(remembered.once(name("a"), [0; 32], act(&done, 0)).await), "0 1");
        tokio::time::advance(Duration::from_secs(10)).await;
        assert_eq!(shown(remembered.once(name("a"), [0; 32], act(&done, 0)).await), "0 4");
    }

    #[tokio::test(start_paused = true)]
    async fn what_was_not_sent_can_be_tried_again_and_what_may_have_been_cannot() {
        let (remembered, done) = (Arc::new(Remembered::default()), Arc::default());
        for (code, expected) in [(-1, "-1 1"), (100, "100 2"), (-2, "-2 3"), (0, "-2 3")] {
            assert_eq!(shown(remembered.once(name("a"), [0; 32], act(&done, code)).await), expected);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_key_is_for_one_call() {
        let (remembered, done) = (Arc::new(Remembered::default()), Arc::default());
        remembered.once(name("a"), [0; 32], act(&done, 0)).await;
        assert_eq!(shown(remembered.once(name("a"), [1; 32], act(&done, 0)).await), "422 null");
        assert_eq!(done.load(Ordering::SeqCst), 1);
        let params = |query: &str| Params::of_query(query).unwrap();
        let print = fingerprint("/openqq/send_friend_message", &params("id=1&content=a"));
        assert_eq!(
            print,
            fingerprint(
                "/openqq/send_friend_message",
                &params("content=a&id=1&idempotency_key=k&callback=c")
            )
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

    #[tokio::test(start_paused = true)]
    async fn a_caller_who_goes_away_changes_nothing_and_a_defect_blocks_no_one() {
        let (remembered, done) = (Arc::new(Remembered::default()), Arc::default());
        let gone = tokio::time::timeout(
            Duration::from_millis(1),
            remembered.once(name("a"), [0; 32], act(&done, 0)),
        );
        assert!(gone.await.is_err());
        assert_eq!(shown(remembered.once(name("a"), [0; 32], act(&done, 0)).await), "0 1");
        let defect = remembered.once(name("b"), [0; 32], async { panic!("a defect") }).await;
        assert_eq!(shown(defect), "the call ended without an answer");
        assert_eq!(shown(remembered.once(name("b"), [0; 32], act(&done, 0)).await), "0 2");
    }

    #[tokio::test(start_paused = true)]
    async fn the_oldest_are_forgotten_first_and_never_one_that_is_under_way() {
        let remembered = Arc::new(Remembered::default());
        let at_once = |code: i32| async move { Answer::Json(json!({ "code": code, "count": 0 })) };
        for number in 0..=IDEMPOTENT_CALLS {
            remembered.once(name(&number.to_string()), [0; 32], at_once(0)).await;
        }
        assert_eq!(remembered.0.lock().known.len(), IDEMPOTENT_CALLS);
        assert!(!remembered.0.lock().known.contains_key(&name("0")));
        let full = Arc::new(Remembered::default());
        let waiting: Vec<_> = (0..IDEMPOTENT_CALLS)
            .map(|number| full.join(&name(&number.to_string()), [0; 32]).map(|(part, _)| part))
            .collect();
        assert!(waiting.iter().all(Result::is_ok));
        assert!(matches!(full.join(&name("more"), [0; 32]), Err(Answer::Busy(_))));
        assert!(matches!(full.join(&name("0"), [0; 32]), Ok((Part::Again, _))));
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
}
