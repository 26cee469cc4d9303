//! What the operator says of scripts: the content of `[script.NAME]`, and where they come from.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;

use arc_swap::ArcSwap;
use mynah_engine::{ImportGrants, InstancePolicy, Limits};
use mynah_model::address::AddressPattern;
use mynah_model::names::{ReleaseId, ScriptName};

use crate::grants::Grants;

/// What becomes of new bytes under the name of a script that is listed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Update {
    /// They go live if they ask for no more than the release before; otherwise they wait.
    #[default]
    Auto,
    /// They wait until somebody accepts them.
    Hold,
}

impl Update {
    /// As it stands in the configuration.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Hold => "hold",
        }
    }
}

/// What the operator set for one script: the content of `[script.NAME]`.
#[derive(Debug, Clone, PartialEq)]
pub struct ScriptSetup {
    /// What it may do.
    pub grants: Grants,
    /// What it may import.
    pub imports: ImportGrants,
    /// What it may use.
    pub limits: Limits,
    /// Higher ones see an event first.
    pub priority: i32,
    /// Whether every event gets an instance of its own.
    pub policy: InstancePolicy,
    /// What becomes of new releases.
    pub update: Update,
    /// The only release that may be live, if one is named.
    pub pin: Option<ReleaseId>,
    /// Its settings in all chats, a JSON object.
    pub settings: serde_json::Value,
    /// Settings that hold in some chats only, over those for all.
    pub chat_settings: Vec<(AddressPattern, serde_json::Value)>,
}

impl Default for ScriptSetup {
    /// Of a script that the operator did not list.
    fn default() -> Self {
        Self {
            grants: Grants::unlisted(),
            imports: ImportGrants::default(),
            limits: Limits::default(),
            priority: 0,
            policy: InstancePolicy::Fresh,
            update: Update::Auto,
            pin: None,
            settings: serde_json::Value::Object(serde_json::Map::new()),
            chat_settings: Vec::new(),
        }
    }
}

impl ScriptSetup {
    /// The chats that the script is called in. To the engine no chat is nowhere; to the operator, who names none, it is
    /// everywhere.
    pub(crate) fn covered(&self) -> Vec<AddressPattern> {
        match self.grants.chats.as_slice() {
            [] => vec![AddressPattern::all()],
            named => named.to_vec(),
        }
    }

    /// Whether a script that ran with the other setup has to be made anew, and not only its grants.
    pub(crate) fn runs_otherwise(&self, other: &Self) -> bool {
        let how = |setup: &Self| (setup.priority, setup.policy, setup.limits.clone(), setup.covered());
        how(self) != how(other)
            || self.settings != other.settings
            || self.chat_settings != other.chat_settings
    }
}

/// The setups of all scripts that the operator listed.
pub type ScriptSetups = HashMap<ScriptName, ScriptSetup>;

/// The setups in force now.
pub(crate) type SharedSetups = Arc<ArcSwap<ScriptSetups>>;

/// Where scripts come from, and what the operator set for them.
#[derive(Debug, Default)]
pub struct ScriptSources {
    /// The folder of `NAME.wasm` files; `None` for no folder.
    pub dir: Option<PathBuf>,
    /// Rules inside the binary: a file of the same name in the folder stands before them.
    pub embedded: Vec<(ScriptName, &'static [u8])>,
    /// What the operator set, by script.
    pub setups: ScriptSetups,
    /// Where the releases of listed scripts are kept that are live, so that one which waits is told from them after a
    /// restart too; `None` keeps none.
    pub accepted: Option<PathBuf>,
    /// Whether whoever runs the host makes the scripts as well, on this machine (`mynah dev`): a release that asks for more
    /// than the one before waits for nobody then.
    pub own_builds: bool,
}
