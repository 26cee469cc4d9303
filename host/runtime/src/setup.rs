//! What a host is started with.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use mynah_model::names::AccountName;
use mynah_networks::network::Network;

use crate::account::ApiKind;
use crate::alerts::DiskWatch;
use crate::housekeeping::JournalConfig;
use crate::lifecycle::Clients;
use crate::limits;
use crate::live_config::ConfigFile;
use crate::media::MediaConfig;
use crate::script_setup::ScriptSources;

/// An account to be run.
pub struct AccountSetup {
    /// Its name.
    pub name: AccountName,
    /// The API it is served through when a call names no account.
    pub api: ApiKind,
    /// Its driver.
    pub network: Arc<dyn Network>,
}

/// How a host is set up.
pub struct HostConfig {
    /// Worker threads; `None` is one for each core.
    pub workers: Option<usize>,
    /// How old an event may be to be acted on.
    pub max_action_age: Duration,
    /// Where scripts come from.
    pub scripts: ScriptSources,
    /// The file that says what scripts may do, if it is to be read again when it is saved.
    pub config_file: Option<Arc<dyn ConfigFile>>,
    /// How media are kept and where they may come from.
    pub media: MediaConfig,
    /// The accounts, in the order that "the first account" means.
    pub accounts: Vec<AccountSetup>,
    /// Who may use the host's commands in the chats of which account, by the network's ids.
    pub operators: BTreeMap<AccountName, BTreeSet<String>>,
    /// The disk whose room is watched.
    pub disk: Option<DiskWatch>,
    /// How long the journal is kept.
    pub journal: JournalConfig,
    /// What all accounts have in common.
    pub clients: Clients,
}

impl Default for HostConfig {
    fn default() -> Self {
        Self {
            workers: None,
            max_action_age: limits::MAX_ACTION_AGE,
            scripts: ScriptSources::default(),
            config_file: None,
            media: MediaConfig::default(),
            accounts: Vec::new(),
            operators: BTreeMap::new(),
            disk: None,
            journal: JournalConfig::default(),
            clients: Clients::default(),
        }
    }
}
