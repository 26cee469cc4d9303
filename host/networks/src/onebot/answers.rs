//! Calls that wait for their answers, which come in any order, late, or never.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::Mutex;
use serde_json::value::RawValue;
use tokio::sync::oneshot;

use super::frame::Frame;

/// What a peer answered.
#[derive(Debug)]
pub(super) enum Answer {
    /// It did it; with what it says about it.
    Done(Option<Box<RawValue>>),
    /// It did not, in its own words.
    Failed(String),
    /// It does not know itself.
    Unsure(String),
    /// What came back, if anything did, is no answer.
    Lost(String),
    /// It was never asked.
    NotAsked(String),
}

impl Answer {
    /// Reads an answer. Codes differ between implementations and mean nothing beyond what the status says.
    pub(super) fn read(frame: &Frame<'_>) -> Self {
        let status = frame.status_word();
        if matches!(status.as_deref(), Some("ok" | "async")) {
            return Self::Done(frame.data.filter(|data| data.get() != "null").map(ToOwned::to_owned));
        }
        let code = frame.retcode.0.map_or_else(String::new, |code| format!(" (retcode {code})"));
        let said = frame.sentence().unwrap_or_else(|| "the network gave no reason".to_owned());
        let text = format!("{said}{code}");
        // NapCat waits for QQ for 10 s and then says so: the message may have gone out.
        if said.to_ascii_lowercase().contains("timeout") {
            return Self::Unsure(text);
        }
        Self::Failed(text)
    }
}

/// The calls of one account. Numbers are never used again, so that an answer that comes after a new connection is nobody's.
#[derive(Default)]
pub(super) struct Answers {
    last: AtomicU64,
    waiting: Mutex<HashMap<u64, oneshot::Sender<Answer>>>,
}

/// A call that waits; it waits no more when this is dropped.
pub(super) struct Waiting {
    answers: Arc<Answers>,
    number: u64,
    answer: oneshot::Receiver<Answer>,
}

impl Answers {
    /// A number for a call, and its answer to come.
    pub(super) fn expect(self: &Arc<Self>) -> Waiting {
        let number = self.last.fetch_add(1, Ordering::Relaxed) + 1;
        let (resolve, answer) = oneshot::channel();
        self.waiting.lock().insert(number, resolve);
        Waiting { answers: self.clone(), number, answer }
    }

    /// Hands an answer to whoever waits for it; whether anybody did.
    pub(super) fn resolve(&self, echo: &str, answer: Answer) -> bool {
        let waiting = echo.parse().ok().and_then(|number: u64| self.waiting.lock().remove(&number));
        waiting.is_some_and(|waiting| waiting.send(answer).is_ok())
    }

    /// Whether somebody waits for an answer.
    pub(super) fn is_awaited(&self, echo: &str) -> bool {
        echo.parse().is_ok_and(|number: u64| self.waiting.lock().contains_key(&number))
    }

    /// The connection is gone: nobody is answered any more.
    pub(super) fn abandon(&self) {
        self.waiting.lock().clear();
    }
}

impl Waiting {
    /// What the answer names: the call's number as text, as implementations send texts back unharmed.
    pub(super) fn echo(&self) -> String {
        self.number.to_string()
    }

    /// The answer; `None` if the connection was lost before.
    pub(super) async fn answer(&mut self) -> Option<Answer> {
        (&mut self.answer).await.ok()
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        self.answers.waiting.lock().remove(&self.number);
    }
}

#[cfg(test)]
mod tests {
    use super::super::frame::read;
    use super::*;

    fn answer(json: &str) -> Answer {
        Answer::read(&read(json).unwrap())
    }

    #[tokio::test]
    async fn answers_find_their_calls_in_any_order_and_late_ones_find_nobody() {
        let answers = Arc::new(Answers::default());
        let (mut one, mut two, gone) = (answers.expect(), answers.expect(), answers.expect());
        let late = gone.echo();
        assert!(answers.is_awaited(&late));
        drop(gone);
        assert!(!answers.is_awaited(&late) && !answers.is_awaited("abc"));
        assert!(answers.resolve(&two.echo(), Answer::Failed("two".into())));
        assert!(answers.resolve(&one.echo(), Answer::Failed("one".into())));
        assert!(!answers.resolve(&late, Answer::Failed("late".into())));
        assert!(!answers.resolve(&one.echo(), Answer::Failed("again".into())));
        assert!(!answers.resolve("abc", Answer::Failed("whose?".into())));
        assert!(matches!(one.answer().await, Some(Answer::Failed(text)) if text == "one"));
        assert!(matches!(two.answer().await, Some(Answer::Failed(text)) if text == "two"));
        let mut lost = answers.expect();
        answers.abandon();
        assert!(lost.answer().await.is_none());
        assert!(answers.waiting.lock().is_empty());
    }

    #[test]
    fn only_ok_and_async_are_success() {
        for json in [
            r#"{"status":"ok","retcode":0,"data":{"message_id":-5}}"#,
            r#"{"status":"async","retcode":1,"data":null}"#,
            r#"{"status":"ok","retcode":0}"#,
        ] {
            assert!(matches!(answer(json), Answer::Done(_)), "{json}");
        }
        for json in [
            r#"{"status":"failed","retcode":0,"data":null,"wording":"no"}"#,
            r#"{"retcode":0}"#,
            r#"{"status":{"ok":1},"retcode":0}"#,
            r#"{"status":"OK!","retcode":0,"message":[]}"#,
        ] {
            assert!(matches!(answer(json), Answer::Failed(_)), "{json}");
        }
        let unsure = answer(
            r#"{"status":"failed","retcode":1200,"message":"Timeout: NTEvent serviceAndMethod:sendMsg"}"#,
        );
        assert!(matches!(unsure, Answer::Unsure(_)), "{unsure:?}");
    }
}
