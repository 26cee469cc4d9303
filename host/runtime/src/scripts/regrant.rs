//! What the operator wrote anew, in the place of what was written before.

use std::collections::BTreeMap;
use std::sync::Arc;

use mynah_engine::Release;
use mynah_model::names::ScriptName;
use mynah_model::refusal::Refusal;

use super::Catalog;
use super::live::{check_pin, script};
use crate::rules::LiveScript;
use crate::script_setup::{ScriptSetup, ScriptSetups};

impl Catalog {
    /// Puts what the operator wrote anew in the place of what was written before: every live script has it in one swap of
    /// the rule set. A script whose release no longer fits (an import or a limit was taken away, another release is
    /// pinned) is live no more. What was refused or waits is looked at again afterwards.
    ///
    /// # Errors
    /// The settings of a live script cannot be used. Then nothing is changed, for any script.
    pub(crate) fn regrant(&self, setups: ScriptSetups) -> Result<(), Vec<(ScriptName, Refusal)>> {
        let _one_at_a_time = self.scanning.lock();
        let before = self.setups();
        let usual = ScriptSetup::default();
        let of = |setups: &ScriptSetups, name: &str| setups.get(name).unwrap_or(&usual).clone();
        let live: Vec<_> = self.entries.lock().values().filter_map(|entry| entry.live.clone()).collect();
        let (mut wrong, mut made) = (Vec::new(), BTreeMap::new());
        for live in live {
            let name = live.script.name.clone();
            let (old, new) = (of(&before, name.as_str()), of(&setups, name.as_str()));
            if old == new {
                continue;
            }
            match self.fits(&name, &live.script.release, &new) {
                Err(refusal) => {
                    made.insert(name.to_string(), Err(refusal));
                }
                Ok(()) => match self.changed(&live, &old, &new) {
                    Ok(live) => {
                        made.insert(name.to_string(), Ok(Arc::new(live)));
                    }
                    Err(refusal) => wrong.push((name, refusal)),
                },
            }
        }
        if !wrong.is_empty() {
            return Err(wrong);
        }
        {
            let mut entries = self.entries.lock();
            for (name, entry) in entries.iter_mut() {
                if of(&before, name) != of(&setups, name) {
                    // Whatever became of its file before: it is looked at again.
                    entry.seen = None;
                }
                match made.remove(name) {
                    Some(Ok(live)) => {
                        tracing::info!(script = name, mode = live.grants.mode.as_str(), "grants changed");
                        entry.live = Some(live);
                    }
                    Some(Err(refusal)) => {
                        tracing::warn!(script = name, code = %refusal.code, "the script is live no more: {}", refusal.text);
                        (entry.live, entry.refusal) = (None, Some(refusal));
                    }
                    None => {}
                }
            }
            self.setups.store(Arc::new(setups));
            self.swap(&entries);
        }
        if let Err(error) = self.look() {
            tracing::error!(%error, "the scripts folder cannot be read; what is live stays so");
        }
        Ok(())
    }

    /// A live script with other grants, its counters and its breaker as they were.
    fn changed(
        &self,
        live: &LiveScript,
        old: &ScriptSetup,
        new: &ScriptSetup,
    ) -> Result<LiveScript, Refusal> {
        let script = if old.runs_otherwise(new) {
            Arc::new(script(live.script.name.clone(), live.script.release.clone(), new)?)
        } else {
            live.script.clone()
        };
        Ok(LiveScript {
            grants: self.grants(&script, new),
            script,
            health: live.health.clone(),
            refusals: live.refusals.clone(),
            voice: live.voice.clone(),
            since: live.since,
            granted_since: self.granted_since(&live.script.name, new),
        })
    }

    /// Whether a release may be live with a setup.
    fn fits(&self, name: &ScriptName, release: &Release, setup: &ScriptSetup) -> Result<(), Refusal> {
        check_pin(name, &release.id, setup)?;
        release.fits(name, &setup.imports, &setup.limits)
    }
}
