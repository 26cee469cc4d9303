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
            since: self.since(&script.name, script.release.id),
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

    /// Since when a release is the live one of its script: restarts do not count. What was live before that is forgotten.
    fn since(&self, name: &ScriptName, release: ReleaseId) -> UnixMs {
        let key = format!("live.{name}");
        let kept = self.store.read(|reader| reader.meta(&key)).unwrap_or_else(|error| {
            tracing::error!(script = %name, %error, "since when a release is live cannot be read");
            None
        });
        let kept = kept.as_deref().and_then(|kept| kept.split_once(' '));
        if let Some((_, since)) = kept.filter(|(live, _)| *live == release.hex())
            && let Ok(since) = since.parse()
        {
            return since;
        }
        let now = self.waiting.now();
        let value = format!("{} {now}", release.hex());
        self.store.write(Batch::from(Write::Meta { key, value }), |result| {
            if let Err(error) = result {
                tracing::error!(%error, "since when a release is live could not be noted down");
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
