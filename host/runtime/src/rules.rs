//! The scripts that are live, as one value that is swapped whole.

use std::collections::HashMap;
use std::sync::Arc;

use mynah_engine::{RuleSet, Script};
use mynah_model::action::Actor;
use mynah_model::clock::UnixMs;
use mynah_model::event::Event;
use mynah_model::names::ScriptName;

use crate::grants::Grants;
use crate::health::Health;
use crate::refusals::RefusalCounts;
use crate::voice::Voice;

/// A script that is live: its release, what it may do, and how it is doing.
pub(crate) struct LiveScript {
    pub(crate) script: Arc<Script>,
    pub(crate) grants: Grants,
    pub(crate) health: Arc<Health>,
    pub(crate) refusals: Arc<RefusalCounts>,
    pub(crate) voice: Arc<Voice>,
    /// Since when the release is live; restarts do not count.
    pub(crate) since: UnixMs,
    /// Since when the operator has said what he says of it now; restarts do not count.
    pub(crate) granted_since: UnixMs,
}

impl LiveScript {
    /// As the one who asks for actions.
    pub(crate) fn actor(&self) -> Actor {
        Actor::Script { name: self.script.name.clone(), release: self.script.release.id }
    }
}

/// All scripts that are live. An event is handled by one such value from beginning to end.
#[derive(Default)]
pub(crate) struct Rules {
    set: RuleSet,
    scripts: HashMap<ScriptName, Arc<LiveScript>>,
}

impl Rules {
    pub(crate) fn new(scripts: Vec<Arc<LiveScript>>) -> Self {
        let set = RuleSet::new(scripts.iter().map(|live| live.script.clone()).collect());
        let scripts = scripts.into_iter().map(|live| (live.script.name.clone(), live)).collect();
        Self { set, scripts }
    }

    /// Whether any script is to be called for an event.
    pub(crate) fn wants(&self, event: &Event) -> bool {
        self.set.route(event).next().is_some()
    }

    /// The commands of all scripts, by each of their names.
    pub(crate) fn commands(&self) -> Vec<(String, ScriptName)> {
        let words = |listed: mynah_engine::ListedCommand<'_>| {
            let names = std::iter::once(&listed.command.name).chain(&listed.command.aliases);
            names.map(|word| (word.to_lowercase(), listed.script.clone())).collect::<Vec<_>>()
        };
        self.set.commands().flat_map(words).collect()
    }

    /// A script that is live.
    pub(crate) fn get(&self, name: &ScriptName) -> Option<&Arc<LiveScript>> {
        self.scripts.get(name)
    }

    /// The scripts to be called for an event, in their order.
    pub(crate) fn route<'a>(&'a self, event: &'a Event) -> impl Iterator<Item = &'a Arc<LiveScript>> {
        self.set.route(event).filter_map(|script| self.scripts.get(&script.name))
    }
}
