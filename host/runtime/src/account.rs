//! One account.
use std::sync::Arc;

use mynah_model::clock::UnixMs;
use mynah_model::event::AccountState;
use mynah_model::names::AccountName;
use mynah_model::roster::Roster;
use mynah_networks::sim::Sim;
use serde::{Deserialize, Serialize};

/// Which HTTP API an account is served through.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ApiKind {
    /// `/openqq/*`
    Openqq,
    /// `/openwx/*`
    Openwx,
}

/// One account.
pub struct Account {}

impl Account {
    /// name
    pub fn name(&self) -> &AccountName { panic!() }
    /// network kind
    pub fn network(&self) -> &'static str { panic!() }
    /// state
    pub fn state(&self) -> AccountState { panic!() }
    /// roster
    pub fn roster(&self) -> Arc<Roster> { panic!() }
    /// sim
    pub fn sim(&self) -> Option<&Sim> { panic!() }
    /// when the account was started
    pub fn started_at(&self) -> UnixMs { panic!() }
    /// api
    pub fn api(&self) -> ApiKind { panic!() }
    /// stops the account for good
    pub async fn stop(&self) { panic!() }
}
