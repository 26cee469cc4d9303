//! Fetches that scripts asked for: how many may be open, who is next, and what each comes to.
//!
//! A fetch is an act like others: decided in its event's transaction, noted as under way before anything is sent, and ended
//! in one transaction with the `fetch-finished` event that its script is told by. It does not wait in its chat's row of acts,
//! and they do not wait for it. What was under way when the host stopped is not repeated, whatever its method:
//! only the script knows whether asking again does harm.

use std::collections::HashMap;
use std::sync::Arc;

use arc_swap::ArcSwap;
use mynah_model::action::{Act, ActionBody, Outcome};
use mynah_model::event::FetchResponse;
use mynah_model::names::ScriptName;
use mynah_model::refusal::{Code, Refusal};
use parking_lot::Mutex;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::ended::Ended;
use crate::fetch::{FetchError, FetchLimits, Fetcher, Request};
use crate::limits;
use crate::rules::Rules;

/// The fetches of all scripts.
pub(crate) struct Fetches {
    fetcher: Fetcher,
    rules: Arc<ArcSwap<Rules>>,
    scripts: Mutex<HashMap<ScriptName, Open>>,
    room: Arc<Semaphore>,
}

/// Those of one script that are not over.
struct Open {
    count: usize,
    room: Arc<Semaphore>,
}

/// A place among those that are under way; it is free again when this is dropped.
pub(crate) struct Room {
    _of_script: OwnedSemaphorePermit,
    _of_host: OwnedSemaphorePermit,
}

impl Fetches {
    pub(crate) fn new(rules: Arc<ArcSwap<Rules>>) -> Self {
        let limits = FetchLimits {
            bytes: limits::FETCH_SCRIPT_BYTES,
            time: limits::FETCH_SCRIPT_TIME,
            ..FetchLimits::default()
        };
        Self {
            fetcher: Fetcher::new(Vec::new(), limits),
            rules,
            scripts: Mutex::default(),
            room: Arc::new(Semaphore::new(limits::FETCHES_OF_SCRIPTS)),
        }
    }

    /// Counts a fetch that is about to be decided, if its script may have one more; [`Fetches::end`] follows.
    pub(crate) fn begin(&self, act: &Act) -> Result<(), Refusal> {
        let Some(script) = fetching(act) else { return Ok(()) };
        let mut scripts = self.scripts.lock();
        let open = scripts.entry(script.clone()).or_insert_with(Open::new);
        if open.count >= limits::FETCHES_OPEN {
            let most = limits::FETCHES_OPEN;
            let text = format!("{most} fetches of script `{script}` wait or are under way");
            return Err(Refusal::new(Code::LimitFetches, text).hint("wait for `fetch-finished`"));
        }
        open.count += 1;
        Ok(())
    }

    /// Counts a fetch that an earlier run of the host decided.
    pub(crate) fn resume(&self, act: &Act) {
        if let Some(script) = fetching(act) {
            self.scripts.lock().entry(script.clone()).or_insert_with(Open::new).count += 1;
        }
    }

    /// A fetch is over.
    pub(crate) fn end(&self, act: &Act) {
        let Some(script) = fetching(act) else { return };
        let mut scripts = self.scripts.lock();
        if let Some(open) = scripts.get_mut(script) {
            open.count = open.count.saturating_sub(1);
            if open.count == 0 {
                scripts.remove(script);
            }
        }
    }

    /// Waits for room: first among those of the script, so that its others keep no place of the host's while they wait.
    pub(crate) async fn room(&self, act: &Act) -> Option<Room> {
        let of_script = {
            let scripts = self.scripts.lock();
            fetching(act).and_then(|script| scripts.get(script)).map(|open| open.room.clone())?
        };
        // The semaphores are never closed, which is the only error there is.
        let of_script = of_script.acquire_owned().await.ok()?;
        let of_host = self.room.clone().acquire_owned().await.ok()?;
        Some(Room { _of_script: of_script, _of_host: of_host })
    }

    /// Fetches, by what the script is granted now.
    pub(crate) async fn fetch(&self, act: &Act) -> Ended {
        let asked = {
            let rules = self.rules.load();
            let live = fetching(act).and_then(|script| rules.get(script));
            let Some(live) = live else {
                let text = "the script that asked is not live any more";
                return Ended::refused(Outcome::Refused, Code::GrantFetch, text);
            };
            let grants = live.grants.fetch.clone();
            Request::of(&act.body, &live.script.name, &grants).map(|request| (request, grants))
        };
        let (request, grants) = match asked {
            Ok(asked) => asked,
            Err(refusal) => return Ended::refused(Outcome::Refused, refusal.code, &refusal.text),
        };
        match self.fetcher.fetch(request, &grants).await {
            Ok(answer) => {
                let text = format!("status {}, {} bytes", answer.status, answer.body.len());
                let (status, headers, body) = (answer.status, answer.headers, answer.body);
                Ended::fetched(FetchResponse { status, headers, body }, text)
            }
            Err(error) => failed(&error),
        }
    }
}

impl Open {
    fn new() -> Self {
        Self { count: 0, room: Arc::new(Semaphore::new(limits::FETCHES_PER_SCRIPT)) }
    }
}

/// The script, if an act is a fetch.
fn fetching(act: &Act) -> Option<&ScriptName> {
    act.by.script().filter(|_| matches!(act.body, ActionBody::Fetch { .. }))
}

fn failed(error: &FetchError) -> Ended {
    match error {
        FetchError::NotGranted(_) => Ended::refused(Outcome::Refused, Code::GrantFetch, &error.to_string()),
        // The error's own text says what to write for media.
        FetchError::NotPublic { place, address, why } => {
            let text = format!("{place} leads to {address}, {why}: only public addresses are fetched");
            Ended::refused(Outcome::Refused, Code::FetchAddress, &text)
        }
        _ => Ended::refused(Outcome::Failed, Code::FetchFailed, &error.to_string()),
    }
}
