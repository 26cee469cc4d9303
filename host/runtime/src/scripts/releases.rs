//! Which releases come in: one that asks for more than the one before waits until somebody accepts it, and the one that
//! was accepted last comes back after a restart.

use std::sync::Arc;

use mynah_engine::{ImportGrants, Release};
use mynah_model::names::{ReleaseId, ScriptName};
use mynah_model::refusal::{Code, Refusal};
use mynah_model::script::{Ask, ScriptInfo};

use super::live::{check_pin, script};
use super::{Catalog, Held};
use crate::found::{self, Found};
use crate::rules::LiveScript;
use crate::script_setup::{ScriptSetup, Update};

/// What becomes of the bytes of a script.
pub(super) enum Admission {
    Live(Arc<LiveScript>),
    Held(Held),
}

impl Catalog {
    pub(super) fn admit(
        &self,
        name: &ScriptName,
        bytes: &[u8],
        is_file: bool,
        id: ReleaseId,
        setup: &ScriptSetup,
    ) -> Result<Admission, Refusal> {
        check_pin(name, &id, setup)?;
        let release = self.engine.admit(name, bytes, &setup.imports, &setup.limits)?;
        let script = script(name.clone(), release.clone(), setup)?;
        let updates = is_file && setup.grants.listed && setup.pin.is_none();
        if let Some(before) = updates.then(|| self.before(name, setup)).flatten() {
            let added = before.as_deref().map_or_else(|| release.info.asks.clone(), |it| added(it, &release));
            let same = before.is_some_and(|before| before.id == id);
            let waits = setup.update == Update::Hold || (!added.is_empty() && !self.sources.own_builds);
            if !same && waits {
                return Ok(Admission::Held(Held { release, added }));
            }
        }
        Ok(Admission::Live(self.live(script, setup)))
    }

    /// The release that a script was live with before, now or in an earlier run; `Some(None)` if there was one that
    /// cannot be read any more.
    fn before(&self, name: &ScriptName, setup: &ScriptSetup) -> Option<Option<Arc<Release>>> {
        if let Some(live) = self.entries.lock().get(name.as_str()).and_then(|entry| entry.live.clone()) {
            return Some(Some(live.script.release.clone()));
        }
        let embedded = || {
            let (_, bytes) = self.sources.embedded.iter().find(|(shipped, _)| shipped == name)?;
            Some(Ok(bytes.to_vec()))
        };
        let bytes = self.accepted.read(name, setup.limits.component).or_else(embedded)?;
        let release =
            bytes.and_then(|bytes| self.engine.admit(name, &bytes, &ImportGrants::ALL, &setup.limits));
        Some(release.ok())
    }

    /// Keeps the bytes of a release that is live, unless they are kept already.
    pub(super) fn keep(&self, name: &ScriptName, bytes: &[u8], id: ReleaseId, setup: &ScriptSetup) {
        let kept = self.accepted.read(name, setup.limits.component).and_then(Result::ok);
        if kept.is_none_or(|kept| Release::id_of(&kept) != id) {
            self.accepted.keep(name, bytes);
        }
    }

    /// Where nothing is live because the newest file is refused or waits, as after a restart: the release that was accepted
    /// last is live again.
    pub(super) fn bring_back(&self, name: &ScriptName, newest: ReleaseId, setup: &ScriptSetup) {
        let is_live = self.entries.lock().get(name.as_str()).is_some_and(|entry| entry.live.is_some());
        if is_live || !setup.grants.listed {
            return;
        }
        let Some(Ok(bytes)) = self.accepted.read(name, setup.limits.component) else { return };
        let id = Release::id_of(&bytes);
        if id == newest {
            return;
        }
        let live = check_pin(name, &id, setup)
            .and_then(|()| self.engine.admit(name, &bytes, &setup.imports, &setup.limits))
            .and_then(|release| script(name.clone(), release, setup));
        match live {
            Ok(script) => {
                let live = self.live(script, setup);
                let mut entries = self.entries.lock();
                entries.entry(name.to_string()).or_default().live = Some(live);
                self.swap(&entries);
                tracing::info!(script = %name, release = %id, "the release that was accepted last is live");
            }
            Err(refusal) => {
                tracing::warn!(script = %name, release = %id, "the release that was accepted last cannot be live: {refusal}");
            }
        }
    }

    /// Lets the release in that waits.
    ///
    /// # Errors
    /// `release.none` if this one does not wait; otherwise why it cannot be live.
    pub(crate) fn accept(&self, name: &ScriptName, release: &ReleaseId) -> Result<(), Refusal> {
        let _one_at_a_time = self.scanning.lock();
        let held = self.entries.lock().get(name.as_str()).and_then(|entry| entry.held.clone());
        let held = held.filter(|held| held.release.id == *release).ok_or_else(|| {
            Refusal::new(Code::ReleaseNone, format!("release {release} of `{name}` does not wait"))
        })?;
        let setup = self.setup(name.as_str());
        let found = found::find(&self.sources, &self.setups());
        let found = found.map_err(|error| {
            Refusal::new(Code::HostFailure, format!("the scripts folder cannot be read: {error}"))
        })?;
        let Some(Found::Bytes(bytes)) = found.get(name.as_str()).filter(|found| is_release(found, release))
        else {
            return Err(Refusal::new(
                Code::ReleaseNone,
                format!("the file of `{name}` is another one by now than release {release}"),
            ));
        };
        let script = script(name.clone(), held.release, &setup)?;
        self.accepted.keep(name, bytes);
        let live = self.live(script, &setup);
        let mut entries = self.entries.lock();
        self.put(&mut entries, name.as_str(), live, *release);
        Ok(())
    }
}

fn is_release(found: &Found, release: &ReleaseId) -> bool {
    matches!(found, Found::Bytes(bytes) if Release::id_of(bytes) == *release)
}

/// What a release asks for that the one before did not: actions and imports, by what it says or by what it imports.
fn added(before: &Release, release: &Release) -> Vec<Ask> {
    let asked = |info: &ScriptInfo, name: &str| info.asks.iter().any(|ask| ask.name == name);
    let mut added: Vec<Ask> =
        release.info.asks.iter().filter(|ask| !asked(&before.info, &ask.name)).cloned().collect();
    for name in release.granted_imports() {
        let known = before.granted_imports().any(|before| before == name) || asked(&release.info, name);
        if !known {
            added
                .push(Ask { name: name.to_owned(), reason: "it imports it, and gives no reason".to_owned() });
        }
    }
    added
}

pub(super) fn waits(name: &ScriptName, held: &Held) -> Refusal {
    let asks: Vec<_> = held.added.iter().map(|ask| format!("`{}` ({})", ask.name, ask.reason)).collect();
    let why = match asks.as_slice() {
        [] => "`update = \"hold\"` has every new release wait".to_owned(),
        asks => format!("it asks for more than the one before: {}", asks.join(", ")),
    };
    let id = held.release.id.hex();
    Refusal::new(Code::ReleaseHeld, format!("release {} waits: {why}", held.release.id))
        .hint(format!("POST /api/v1/scripts/{name}/accept with {{\"release\":\"{id}\"}} lets it in"))
}
