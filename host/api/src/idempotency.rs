//! `Idempotency-Key`: a send that is repeated because its answer was lost is sent once.
//!
//! The first call with a key does what it asks for; calls that repeat it, at the same time or within a day, are
//! answered what the first was answered. A call that sent nothing is forgotten, so that it can be tried again. Keys
//! are those of a caller and an account: nobody learns from another's. They are kept in the store, where a call is noted
//! down before it is done: one that was under way when the host ended may have been sent, is answered so, and is not
//! sent again.

use std::collections::HashMap;
use std::future::Future;
use std::sync::Arc;

use axum::http::{HeaderMap, HeaderName};
use mynah_runtime::{IdempotencyKey, IdempotentCalls};
use parking_lot::Mutex;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tokio::sync::watch;

use crate::answer::Answer;
use crate::params::Params;
use crate::settings::{IDEMPOTENT_CALLS, IDEMPOTENT_KEY};

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

impl Shared {
    /// What a repeated call is answered whose first was under way when the host ended.
    fn unknown() -> Self {
        let info = "the host ended while the first call was under way: it may have been sent";
        Self::Json(json!({ "id": null, "code": -2, "status": "发送失败", "info": info }))
    }
}

/// The calls that must not be done twice.
pub(crate) struct Remembered {
    kept: IdempotentCalls,
    under_way: Mutex<HashMap<IdempotencyKey, Call>>,
}

struct Call {
    fingerprint: [u8; 32],
    answer: watch::Receiver<Option<Shared>>,
}

/// A call that is under way, until this is dropped.
struct UnderWay {
    remembered: Arc<Remembered>,
    key: IdempotencyKey,
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.remembered.under_way.lock().remove(&self.key);
    }
}

/// What a call has to do.
enum Part {
    /// The first: it does what is asked for, and tells the others.
    First(UnderWay, watch::Sender<Option<Shared>>),
    /// A repetition.
    Again,
}

impl Remembered {
    /// Those that this keeps, and none under way.
    pub(crate) fn new(kept: IdempotentCalls) -> Self {
        Self { kept, under_way: Mutex::default() }
    }

    /// Does something once for all calls of this key, and answers all of them the same. It is done to its end even if
    /// the callers go away.
    pub(crate) async fn once(
        self: &Arc<Self>,
        key: IdempotencyKey,
        fingerprint: [u8; 32],
        act: impl Future<Output = Answer> + Send + 'static,
    ) -> Answer {
        let (part, mut answer) = match self.join(&key, fingerprint) {
            Ok(joined) => joined,
            Err(answer) => return answer,
        };
        if let Part::First(under_way, sender) = part {
            let remembered = Arc::clone(self);
            tokio::spawn(async move {
                let answer = remembered.first(key, fingerprint, act).await;
                // Whoever comes from here on finds it kept.
                drop(under_way);
                sender.send_replace(Some(answer));
            });
        }
        match answer.wait_for(Option::is_some).await.map(|answer| answer.clone()) {
            Ok(Some(answer)) => answer.into(),
            _ => Answer::Busy("the call ended without an answer".into()),
        }
    }

    fn join(
        self: &Arc<Self>,
        key: &IdempotencyKey,
        fingerprint: [u8; 32],
    ) -> Result<(Part, watch::Receiver<Option<Shared>>), Answer> {
        let mut calls = self.under_way.lock();
        match calls.get(key) {
            Some(call) if call.fingerprint != fingerprint => return Err(used_otherwise()),
            Some(call) => return Ok((Part::Again, call.answer.clone())),
            None if calls.len() >= IDEMPOTENT_CALLS => {
                return Err(Answer::Busy("too many calls with an Idempotency-Key are under way".into()));
            }
            None => {}
        }
        let (sender, answer) = watch::channel(None);
        calls.insert(key.clone(), Call { fingerprint, answer: answer.clone() });
        let under_way = UnderWay { remembered: Arc::clone(self), key: key.clone() };
        Ok((Part::First(under_way, sender), answer))
    }

    /// The one call of a key that is under way: answered as it was before, or done.
    async fn first(
        &self,
        key: IdempotencyKey,
        fingerprint: [u8; 32],
        act: impl Future<Output = Answer> + Send + 'static,
    ) -> Shared {
        match self.kept.begin(&key, fingerprint).await {
            Ok(None) => {}
            Ok(Some(call)) if call.fingerprint != fingerprint => return used_otherwise().into(),
            Ok(Some(call)) => {
                let answer = call.answer.and_then(|text| serde_json::from_str(&text).ok());
                return answer.map_or_else(Shared::unknown, Shared::Json);
            }
            Err(error) => return Shared::Busy(error.to_string()),
        }
        let answer = Shared::from(act.await);
        let noted = match &answer {
            Shared::Json(value) if answer.is_final() => self.kept.answered(key, value.to_string()).await,
            _ => self.kept.forget(key).await,
        };
        if let Err(error) = noted {
            // Repeated, it is answered that nobody knows: nothing is sent twice.
            tracing::error!(%error, "the answer to a call with an Idempotency-Key is not kept");
        }
        answer
    }
}

fn used_otherwise() -> Answer {
    Answer::not_sent(422, "the Idempotency-Key was used for a call with other parameters")
}

#[cfg(test)]
mod tests;
