//! What a script's host calls need of the rest of the host. The runtime gives it for each call; the engine
//! knows no store.

use std::sync::Arc;
use std::time::Duration;

use mynah_model::clock::UnixMs;
use mynah_model::roster::Roster;

/// Which of a script's states is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum KvScope {
    /// The one of the event's chat, or of the account for an event without a chat.
    Chat,
    /// The one that all its chats share.
    Shared,
}

/// A value and how long it holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KvValue {
    /// The value.
    pub value: String,
    /// From this time on it counts as absent; `None` is for ever. By the clock of events, not of the host.
    pub expires_at: Option<UnixMs>,
}

/// The host could not do its part, for example because its storage failed. The call ends with the fault
/// `host.failure`, which is not the script's.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct ServiceError(pub String);

/// Why a value was not written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KvRefusal {
    /// The script holds as much as it may; the text names the limit. The script is told.
    #[error("{0}")]
    Quota(String),
    /// The key or the value is too long; the text names the limit. The script is told.
    #[error("{0}")]
    TooLarge(String),
    /// The host could not; the call ends.
    #[error(transparent)]
    Service(#[from] ServiceError),
}

/// The state of one script as one event sees it. Writes must be seen by later reads of the same call, and
/// take effect only if the call succeeds.
pub trait HostServices: Send {
    /// The value of a key, expired or not.
    fn kv_get(&mut self, scope: KvScope, key: &str) -> Result<Option<KvValue>, ServiceError>;

    /// Writes a key; `None` removes it.
    fn kv_put(&mut self, scope: KvScope, key: &str, value: Option<KvValue>) -> Result<(), KvRefusal>;

    /// Keys that begin with `prefix` and come after `after`, in the order of their bytes, at most `limit`,
    /// expired or not.
    fn kv_list(
        &mut self,
        scope: KvScope,
        prefix: &str,
        after: Option<&str>,
        limit: u32,
    ) -> Result<Vec<(String, KvValue)>, ServiceError>;

    /// Called on the script's thread at every [`limits::TICK`](crate::limits::TICK) while it runs, with the CPU time that it
    /// has used. May wait, so that others get the CPU first: the wait does not count against the script. Or may end the
    /// call, which then has the fault `host.deferred`: the host makes it again later.
    fn give_way(&mut self, cpu: Duration) -> Result<(), Deferred>;
}

/// There is no room for a call that takes long: it is to be made again later.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Deferred;

/// What one call is given besides the event.
pub struct CallContext {
    /// What the account knew when the event happened.
    pub roster: Arc<Roster>,
    /// The script's state.
    pub services: Box<dyn HostServices>,
}
