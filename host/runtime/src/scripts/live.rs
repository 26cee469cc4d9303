//! A release that may run, with its settings and grants, and since when it is live.

use std::sync::Arc;

use mynah_engine::{Engine, Release, Script, SettingsLayers};
use mynah_model::clock::UnixMs;
use mynah_model::names::{ReleaseId, ScriptName};
use mynah_model::refusal::{Code, Refusal};
use mynah_store::{Batch, Write};

use super::Catalog;
use crate::grants::Grants;
use crate::rules::LiveScript;
use crate::script_setup::ScriptSetup;

impl Catalog {
    pub(super) fn live(&self, script: Script, setup: &ScriptSetup) -> Arc<LiveScript> {
        Arc::new(LiveScript {
            grants: self.grants(&script, setup),
            health: Arc::default(),
            refusals: Arc::default(),
            voice: Arc::default(),
            since: self.since(&format!("live.{}", script.name), &script.release.id.hex()),
            granted_since: self.granted_since(&script.name, setup),
            script: Arc::new(script),
        })
    }

    pub(super) fn grants(&self, script: &Script, setup: &ScriptSetup) -> Grants {
        let mut grants = setup.grants.clone();
        // A rule that came with the host may do on the embedded network what it asks for; elsewhere an unlisted script
        // runs dry whatever it is allowed.
        if !grants.listed && self.sources.embedded.iter().any(|(shipped, _)| *shipped == script.name) {
            grants.allow.extend(script.release.info.asks.iter().map(|ask| ask.name.clone()));
        }
        grants
    }

    /// Since when a script has what the operator set for it.
    pub(super) fn granted_since(&self, name: &ScriptName, setup: &ScriptSetup) -> UnixMs {
        // Settings may be large, and all that has to be told is whether they are the same.
        let mark = Release::id_of(format!("{setup:?}").as_bytes()).hex();
        self.since(&format!("granted.{name}"), &mark)
    }

    /// Since when a fact has this mark: restarts do not count. Which one it had before that is forgotten.
    fn since(&self, fact: &str, mark: &str) -> UnixMs {
        let kept = self.store.read(|reader| reader.meta(fact)).unwrap_or_else(|error| {
            tracing::error!(fact, %error, "since when this is so cannot be read");
            None
        });
        let kept = kept.as_deref().and_then(|kept| kept.split_once(' '));
        if let Some((_, since)) = kept.filter(|(kept, _)| *kept == mark)
            && let Ok(since) = since.parse()
        {
            return since;
        }
        let now = self.waiting.now();
        let write = Write::Meta { key: fact.to_owned(), value: format!("{mark} {now}") };
        self.store.write(Batch::from(write), |result| {
            if let Err(error) = result {
                tracing::error!(%error, "since when something of a script is so could not be noted down");
            }
        });
        now
    }
}

impl ScriptSetup {
    /// Whether a component could be live with this setup, as a host would say: its release, or why not.
    ///
    /// # Errors
    /// What [`Engine::admit`] says, `release.pinned`, and `settings.invalid`.
    pub fn try_out(&self, engine: &Engine, name: &ScriptName, bytes: &[u8]) -> Result<Arc<Release>, Refusal> {
        check_pin(name, &Release::id_of(bytes), self)?;
        let release = engine.admit(name, bytes, &self.imports, &self.limits)?;
        script(name.clone(), release.clone(), self)?;
        Ok(release)
    }
}

/// A release with what the operator set for it.
pub(super) fn script(
    name: ScriptName,
    release: Arc<Release>,
    setup: &ScriptSetup,
) -> Result<Script, Refusal> {
    let settings = SettingsLayers::compile(setup.settings.clone(), setup.chat_settings.clone())?;
    if let Some(schema) = &release.info.settings_schema {
        settings.check(schema)?;
    }
    let (limits, chats) = (setup.limits.clone(), setup.covered());
    Ok(Script::new(name, release, setup.priority, setup.policy, limits, chats, settings))
}

/// Refuses every release but the pinned one.
pub(super) fn check_pin(name: &ScriptName, id: &ReleaseId, setup: &ScriptSetup) -> Result<(), Refusal> {
    match &setup.pin {
        Some(pin) if pin != id => Err(Refusal::new(
            Code::ReleasePinned,
            format!("the release is {}, and `{name}` is pinned to {}", id.hex(), pin.hex()),
        )
        .hint(format!("`pin = \"sha256:{}\"` under `[script.{name}]` in mynah.toml lets it in", id.hex()))),
        _ => Ok(()),
    }
}
