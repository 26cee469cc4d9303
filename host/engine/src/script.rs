//! A script: a release and what the operator granted it, as it is called.

use std::sync::Arc;

use mynah_model::address::{Address, AddressPattern};
use mynah_model::names::ScriptName;
use parking_lot::Mutex;
use serde::Deserialize;

use crate::limits::Limits;
use crate::release::Release;
use crate::settings::SettingsLayers;
use crate::warm::WarmInstance;

/// How long an instance lives.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum InstancePolicy {
    /// For one event. No state leaks between chats, and a replay is exact.
    #[default]
    Fresh,
    /// For many events, of any chats, until it fails: for guests that are slow to start (Python, JavaScript).
    Warm {
        /// An instance is dropped after so many events; 0 counts as 1.
        max_calls: u32,
    },
}

/// A rule: a release and what the operator said of it.
#[derive(Debug)]
pub struct Script {
    /// Its name.
    pub name: ScriptName,
    /// The release that is called.
    pub release: Arc<Release>,
    /// Scripts with a higher one see an event first; equal ones in the order of their names.
    pub priority: i32,
    /// How long its instances live.
    pub policy: InstancePolicy,
    /// What it may use for one event.
    pub limits: Arc<Limits>,
    /// Where it is called: in chats that one of these matches. An empty list is nowhere.
    pub chats: Vec<AddressPattern>,
    /// What the operator set for it.
    pub settings: SettingsLayers,
    /// Instances that wait for their next event.
    pub(crate) warm: Mutex<Vec<WarmInstance>>,
}

impl Script {
    /// A script without instances.
    pub fn new(
        name: ScriptName,
        release: Arc<Release>,
        priority: i32,
        policy: InstancePolicy,
        limits: Limits,
        chats: Vec<AddressPattern>,
        settings: SettingsLayers,
    ) -> Self {
        let limits = Arc::new(limits);
        Self { name, release, priority, policy, limits, chats, settings, warm: Mutex::default() }
    }

    /// Whether it may be called there.
    pub fn covers(&self, address: &Address) -> bool {
        self.chats.iter().any(|pattern| pattern.matches(address))
    }

    /// Whether it may be called in every chat of every account.
    pub fn covers_everything(&self) -> bool {
        self.chats.iter().any(|pattern| pattern.narrowness() == 0)
    }
}
