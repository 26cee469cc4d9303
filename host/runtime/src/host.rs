//! The running host.
use std::sync::Arc;

use mynah_model::action::{ActionBody, Actor, Outcome, Target};
use mynah_model::event::Event;
use mynah_model::names::{ActNumber, Seq};
use tokio::sync::broadcast;

use crate::account::Account;
use crate::status::{OutboxEntry, ScriptStatus};

/// The host did not do it; the text says why.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{0}")]
pub struct HostError(pub String);

/// What became of an action.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ActOutcome {
    /// Its number, if it got as far as the outbox.
    pub number: Option<ActNumber>,
    /// How it ended.
    pub outcome: Outcome,
    /// A stable code; `ok` if it was done.
    pub code: String,
    /// One sentence.
    pub text: String,
    /// The id of the message that was sent.
    pub message_id: Option<String>,
}

/// The running host; clones are the same host.
#[derive(Clone)]
pub struct Host;

impl Host {
    /// all accounts in the order of the configuration
    pub fn accounts(&self) -> Vec<Arc<Account>> { panic!() }
    /// one account
    pub fn account(&self, _name: &str) -> Option<Arc<Account>> { panic!() }
    /// gates and delivers an action of an API caller; resolves with what became of it
    pub async fn act(&self, _account: &Account, _target: Option<Target>, _body: ActionBody, _by: Actor) -> ActOutcome { panic!() }
    /// events in seq order, after they are journalled
    pub fn subscribe(&self) -> broadcast::Receiver<Arc<Event>> { panic!() }
    /// from the journal, seq >= from, oldest first
    pub async fn events(&self, _from: Seq, _limit: usize) -> Result<Vec<Arc<Event>>, HostError> { panic!() }
    /// scripts
    pub fn scripts(&self) -> Vec<ScriptStatus> { panic!() }
    /// what the account did, in the order it was done
    pub async fn outbox(&self, _account: &Account) -> Result<Vec<OutboxEntry>, HostError> { panic!() }
    /// reloads the roster of a sim account and empties its outbox
    pub async fn reset_sim(&self, _account: &Account) -> Result<(), HostError> { panic!() }
    /// whether all accounts that should run are running and the scripts are loaded
    pub fn is_ready(&self) -> bool { panic!() }
}
