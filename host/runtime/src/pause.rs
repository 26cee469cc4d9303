//! What is paused: from that moment on it is noted down and not done, whoever asks, and what waited in the outbox is called off.
//!
//! A pause is of one script or of everybody, in some chats or in all. Scripts go on being called, so that the journal shows
//! what they would do; webhooks and callers of the API are told. What operators and the host itself do is never paused. A
//! pause survives a restart.

use std::fmt;
use std::sync::Arc;

use arc_swap::ArcSwap;
use mynah_model::action::{Act, Actor, Outcome};
use mynah_model::address::{Address, AddressPattern};
use mynah_model::clock::UnixMs;
use mynah_model::names::{ScriptName, Seq};
use mynah_model::refusal::{Code, Refusal};
use mynah_store::{AuditEntry, Batch, Reader, Store, StoreError, Write};
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};

use crate::audit::Asked;
use crate::handling::Handling;
use crate::host_error::HostError;
use crate::limits;

/// Where pauses are kept.
const FACT: &str = "pauses";

/// What is paused.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Scope {
    /// One script; `None` is everybody.
    pub script: Option<ScriptName>,
    /// Where.
    pub chats: AddressPattern,
}

/// Something that is paused.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pause {
    /// What.
    #[serde(flatten)]
    pub scope: Scope,
    /// Since when, by the host's clock.
    pub since: UnixMs,
    /// Who paused it, as an [`Actor`] reads.
    pub by: String,
}

impl Scope {
    /// Whether this is for what somebody does there.
    fn covers(&self, actor: &Actor, address: &Address) -> bool {
        let anybody = self.script.is_none() && !matches!(actor, Actor::Operator { .. } | Actor::Host);
        (anybody || (self.script.is_some() && self.script.as_ref() == actor.script()))
            && self.chats.matches(address)
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.script {
            Some(script) => write!(f, "script `{script}`")?,
            None => f.write_str("everything")?,
        }
        if self.chats.narrowness() > 0 {
            write!(f, " in {}", self.chats)?;
        }
        Ok(())
    }
}

/// Everything that is paused.
#[derive(Default)]
pub(crate) struct Pauses {
    list: ArcSwap<Vec<Pause>>,
    /// Held while the list is changed.
    changing: Mutex<()>,
}

impl Pauses {
    /// Takes up what an earlier run of the host left.
    pub(crate) fn recover(reader: &Reader) -> Result<Self, StoreError> {
        let pauses = Self::default();
        if let Some(json) = reader.meta(FACT)? {
            match serde_json::from_str::<Vec<Pause>>(&json) {
                Ok(list) => pauses.list.store(Arc::new(list)),
                // Rather nothing at all than what an operator forbade.
                Err(error) => {
                    tracing::error!(%error, "what was paused cannot be read: everything is");
                    let scope = Scope { script: None, chats: AddressPattern::all() };
                    let pause = Pause { scope, since: 0, by: Actor::Host.to_string() };
                    pauses.list.store(Arc::new(vec![pause]));
                }
            }
        }
        Ok(pauses)
    }

    /// All that is paused.
    pub(crate) fn all(&self) -> Arc<Vec<Pause>> {
        self.list.load_full()
    }

    /// Why something is not done there, if it is paused.
    pub(crate) fn refusal(&self, actor: &Actor, address: &Address) -> Option<Refusal> {
        let list = self.list.load();
        let pause = list.iter().find(|pause| pause.scope.covers(actor, address))?;
        Some(Refusal::new(Code::HostPaused, format!("{} is paused by {}", pause.scope, pause.by)))
    }

    /// The same for an act: by where it acts, and by where that was asked for.
    pub(crate) fn refusal_of(&self, act: &Act) -> Option<Refusal> {
        if self.list.load().is_empty() {
            return None;
        }
        self.refusal(&act.by, &act.address())
            .or_else(|| act.origin.as_ref().and_then(|origin| self.refusal(&act.by, origin)))
    }

    /// Pauses something, at once. The change is to be written.
    pub(crate) fn pause(&self, scope: Scope, since: UnixMs, by: &Actor) -> Result<Write, Refusal> {
        let _one_at_a_time = self.changing.lock();
        let mut list = Vec::clone(&self.list.load());
        if list.iter().all(|pause| pause.scope != scope) {
            if list.len() >= limits::PAUSES {
                let most = limits::PAUSES;
                return Err(Refusal::new(Code::ActionInvalid, format!("there are {most} pauses already"))
                    .hint("pause everything, or resume some"));
            }
            list.push(Pause { scope, since, by: by.to_string() });
        }
        Ok(self.put(list))
    }

    /// Ends every pause that `ends` says; what ended, and the change that is to be written.
    pub(crate) fn resume(&self, ends: impl Fn(&Pause) -> bool) -> (Vec<Pause>, Write) {
        let _one_at_a_time = self.changing.lock();
        let (ended, left) = Vec::clone(&self.list.load()).into_iter().partition(|pause| ends(pause));
        (ended, self.put(left))
    }

    /// Queues what is paused now, behind the writes of a change. Two changes at once may be queued in the other order, and the
    /// last one counts after a restart.
    pub(crate) fn keep(&self, store: &Store) {
        let _one_at_a_time = self.changing.lock();
        store.write(Batch::from(vec![written(&self.list.load())]), |result| {
            if let Err(error) = result {
                tracing::error!(%error, "what is paused could not be kept");
            }
        });
    }

    fn put(&self, list: Vec<Pause>) -> Write {
        let write = written(&list);
        self.list.store(Arc::new(list));
        write
    }
}

fn written(list: &[Pause]) -> Write {
    // A list of names and numbers can always be written.
    let value = serde_json::to_string(list).unwrap_or_default();
    Write::Meta { key: FACT.to_owned(), value }
}

/// Who changes what is paused, and on which occasion.
pub(crate) struct Changing<'a> {
    pub(crate) by: &'a Actor,
    pub(crate) at: UnixMs,
    pub(crate) address: Option<&'a Address>,
    pub(crate) seq: Option<Seq>,
}

/// Why something could not be paused.
#[derive(Debug, thiserror::Error)]
pub enum PauseError {
    /// It is one too many.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// It is paused, but could not be kept for the next start.
    #[error(transparent)]
    Host(#[from] HostError),
}

impl Handling {
    /// Pauses something and calls off what waits of it, at once. The changes are to be written.
    pub(crate) fn pause(&self, scope: Scope, changing: &Changing<'_>) -> Result<Vec<Write>, Refusal> {
        let entry = self.note("pause", &scope, changing);
        let write = self.pauses.pause(scope, changing.at, changing.by)?;
        self.outbox.reconsider();
        Ok(vec![write, entry])
    }

    /// Ends every pause that `ends` says; what ended, and the changes that are to be written.
    pub(crate) fn resume(
        &self,
        ends: impl Fn(&Pause) -> bool,
        changing: &Changing<'_>,
    ) -> (Vec<Pause>, Vec<Write>) {
        let (ended, write) = self.pauses.resume(ends);
        let entries = ended.iter().map(|pause| self.note("resume", &pause.scope, changing));
        let writes = std::iter::once(write).chain(entries).collect();
        (ended, writes)
    }

    fn note(&self, what: &str, scope: &Scope, changing: &Changing<'_>) -> Write {
        tracing::info!(by = %changing.by, "{what}: {scope}");
        let &Changing { by: actor, at, address, seq } = changing;
        let asked = Asked { number: self.next_act(), at, actor, address, seq };
        let entry = asked.entry(what, Outcome::Done, scope.to_string());
        Write::Audit(AuditEntry { script: scope.script.clone(), ..entry })
    }
}

#[cfg(test)]
mod tests {
    use mynah_model::names::ReleaseId;

    use super::*;

    fn script(name: &str) -> Actor {
        Actor::Script { name: name.parse().unwrap(), release: ReleaseId([0; 32]) }
    }

    fn scope(script: Option<&str>, chats: &str) -> Scope {
        Scope { script: script.map(|name| name.parse().unwrap()), chats: chats.parse().unwrap() }
    }

    #[tokio::test]
    async fn of_two_changes_at_once_both_are_there_after_a_restart() {
        let (store, _) = Store::open_in_memory().unwrap();
        let pauses = Pauses::default();
        let writes = ["qq", "sim"].map(|chats| pauses.pause(scope(None, chats), 0, &Actor::Api).unwrap());
        for write in writes.into_iter().rev() {
            store.write(Batch::from(vec![write]), |_| {});
            pauses.keep(&store);
        }
        store.write_durable(Batch::new()).await.unwrap();
        assert_eq!(store.read(Pauses::recover).unwrap().all().len(), 2);
    }

    #[test]
    fn a_pause_is_of_a_script_or_of_everybody_but_the_operators_and_the_host() {
        let address: Address = "qq/group/1".parse().unwrap();
        let covered = |scope: Scope, actor: &Actor| scope.covers(actor, &address);
        for actor in [script("a"), Actor::Api, Actor::Webhook] {
            assert!(covered(scope(None, "*"), &actor), "{actor}");
            assert!(!covered(scope(None, "wx"), &actor), "{actor}");
        }
        for actor in [Actor::Host, Actor::Operator { id: "1".into() }] {
            assert!(!covered(scope(None, "*"), &actor), "{actor}");
        }
        assert!(covered(scope(Some("a"), "qq"), &script("a")));
        assert!(
            !covered(scope(Some("a"), "qq"), &script("b")) && !covered(scope(Some("a"), "*"), &Actor::Api)
        );
        assert_eq!(scope(Some("a"), "qq").to_string(), "script `a` in qq/*/*");
        assert_eq!(scope(None, "*").to_string(), "everything");
    }

    #[test]
    fn what_is_paused_is_kept_and_twice_is_once() {
        let pauses = Pauses::default();
        pauses.pause(scope(None, "qq"), 5, &Actor::Api).unwrap();
        let Write::Meta { value, .. } = pauses.pause(scope(None, "qq"), 6, &Actor::Api).unwrap() else {
            panic!()
        };
        let kept: Vec<Pause> = serde_json::from_str(&value).unwrap();
        assert_eq!((kept.len(), kept[0].since), (1, 5));
        let (ended, write) = pauses.resume(|_| true);
        assert_eq!(ended, kept);
        assert!(matches!(write, Write::Meta { value, .. } if value == "[]"));
        for number in 0..limits::PAUSES {
            pauses.pause(scope(None, &format!("qq/group/{number}")), 0, &Actor::Api).unwrap();
        }
        assert!(pauses.pause(scope(None, "qq/group/x"), 0, &Actor::Api).is_err());
    }
}
