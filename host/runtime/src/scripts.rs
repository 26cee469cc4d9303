//! Which scripts there are: from the files in the scripts folder and from the rules inside the binary to the live rule
//! set, and why a file did not make it.
//!
//! Whatever changes, a file or what the operator wrote, the rule set is swapped whole, and events that are being handled
//! finish with the one before. A release that did not change is not loaded again.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;
use std::sync::Arc;

use arc_swap::ArcSwap;
use mynah_engine::{Engine, ImportGrants, Release, Script, SettingsLayers};
use mynah_model::clock::UnixMs;
use mynah_model::names::{ReleaseId, ScriptName};
use mynah_model::refusal::{Code, Refusal};
use mynah_model::script::{Ask, ScriptInfo};
use mynah_store::{Batch, Store, Write};
use parking_lot::Mutex;
use sha2::{Digest, Sha256};

use crate::accepted::Accepted;
use crate::found::{self, Found, wrong_name};
use crate::grants::{KvQuota, Mode};
use crate::rules::{LiveScript, Rules};
use crate::script_detail::ScriptDetail;
use crate::script_setup::{ScriptSetup, ScriptSetups, ScriptSources, Update};
use crate::status::ScriptStatus;
use crate::waiting::Waiting;

/// One script as it was found.
#[derive(Default)]
pub(crate) struct Entry {
    pub(crate) live: Option<Arc<LiveScript>>,
    /// The bytes that were looked at last, live or refused.
    seen: Option<ReleaseId>,
    pub(crate) refusal: Option<Refusal>,
    /// The release of those bytes, if it waits to be accepted.
    pub(crate) held: Option<Held>,
}

/// A release that waits to be accepted.
#[derive(Clone)]
pub(crate) struct Held {
    pub(crate) release: Arc<Release>,
    /// What it asks for beyond the release before.
    pub(crate) added: Vec<Ask>,
}

/// What becomes of the bytes of a script.
enum Admission {
    Live(Arc<LiveScript>),
    Held(Held),
}

/// A script that was found, as others look at it.
pub(crate) struct Known {
    pub(crate) name: String,
    pub(crate) live: Option<Arc<LiveScript>>,
    pub(crate) refusal: Option<Refusal>,
}

/// All scripts that were found, live or not.
pub(crate) struct Catalog {
    engine: Engine,
    sources: ScriptSources,
    setups: Mutex<Arc<ScriptSetups>>,
    accepted: Accepted,
    rules: Arc<ArcSwap<Rules>>,
    waiting: Waiting,
    store: Store,
    entries: Mutex<BTreeMap<String, Entry>>,
    /// Held while sources or setups are looked at, so that one look follows the other.
    scanning: Mutex<()>,
}

impl Catalog {
    pub(crate) fn new(
        engine: Engine,
        mut sources: ScriptSources,
        rules: Arc<ArcSwap<Rules>>,
        waiting: Waiting,
        store: Store,
    ) -> io::Result<Self> {
        let setups = Mutex::new(Arc::new(std::mem::take(&mut sources.setups)));
        let accepted = Accepted::open(sources.accepted.take())?;
        let (entries, scanning) = (Mutex::default(), Mutex::default());
        Ok(Self { engine, sources, setups, accepted, rules, waiting, store, entries, scanning })
    }

    pub(crate) fn dir(&self) -> Option<&Path> {
        self.sources.dir.as_deref()
    }

    fn setups(&self) -> Arc<ScriptSetups> {
        self.setups.lock().clone()
    }

    fn setup(&self, name: &str) -> ScriptSetup {
        self.setups().get(name).cloned().unwrap_or_default()
    }

    /// Looks at all sources, compiles what is new off to the side, and swaps the rule set for each script that changed.
    pub(crate) fn scan(&self) -> io::Result<()> {
        let _one_at_a_time = self.scanning.lock();
        self.look()
    }

    fn look(&self) -> io::Result<()> {
        let found = found::find(&self.sources, &self.setups())?;
        {
            let mut entries = self.entries.lock();
            let before = entries.len();
            entries.retain(|name, _| {
                let stays = found.contains_key(name);
                if !stays {
                    tracing::info!(script = name, "script removed");
                }
                stays
            });
            if entries.len() != before {
                self.swap(&entries);
            }
        }
        for (name, found) in found {
            self.look_at(&name, found);
        }
        Ok(())
    }

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
            *self.setups.lock() = Arc::new(setups);
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
            since: live.since,
        })
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

    /// Puts the rule set of these entries in the place of the one before. Called with the entries locked, so that
    /// whoever is shown a release as live finds it answering.
    fn swap(&self, entries: &BTreeMap<String, Entry>) {
        let live = entries.values().filter_map(|entry| entry.live.clone());
        let live = live.filter(|live| live.grants.mode != Mode::Off).collect();
        self.rules.store(Arc::new(Rules::new(live)));
    }

    fn put(&self, entries: &mut BTreeMap<String, Entry>, name: &str, live: Arc<LiveScript>, seen: ReleaseId) {
        let release = live.script.release.id;
        let entry = Entry { live: Some(live), seen: Some(seen), ..Entry::default() };
        entries.insert(name.to_owned(), entry);
        self.swap(entries);
        tracing::info!(script = name, %release, "script is live");
    }

    /// Takes up one script if it is not what it was.
    fn look_at(&self, stem: &str, found: Found) {
        let (bytes, is_file) = match &found {
            Found::Bytes(bytes) => (bytes.as_slice(), true),
            Found::Embedded(bytes) => (*bytes, false),
            Found::Wrong(refusal) => {
                self.refuse(stem, None, None, refusal.clone());
                return;
            }
        };
        let id = ReleaseId(Sha256::digest(bytes).into());
        let live = {
            let entries = self.entries.lock();
            let entry = entries.get(stem);
            if entry.is_some_and(|entry| entry.seen == Some(id)) {
                return;
            }
            entry.and_then(|entry| entry.live.clone())
        };
        let name: ScriptName = match stem.parse() {
            Ok(name) => name,
            Err(error) => {
                self.refuse(stem, Some(id), None, wrong_name(stem, &format!("{error}")));
                return;
            }
        };
        let setup = self.setup(stem);
        let admitted = match live.filter(|live| live.script.release.id == id) {
            // It is live already: the file is what it was, or it is so again.
            Some(live) => Ok(Admission::Live(live)),
            None => self.admit(&name, bytes, is_file, id, &setup),
        };
        let (refusal, held) = match admitted {
            Ok(Admission::Live(live)) => {
                if is_file && setup.grants.listed {
                    self.keep(&name, bytes, id, &setup);
                }
                self.put(&mut self.entries.lock(), stem, live, id);
                return;
            }
            Ok(Admission::Held(held)) => (waits(&name, &held), Some(held)),
            Err(refusal) => (refusal, None),
        };
        // First, so that whoever sees why the newest file is not live finds the one before it answering.
        if is_file {
            self.bring_back(&name, id, &setup);
        }
        self.refuse(stem, Some(id), held, refusal);
    }

    fn admit(
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
    fn keep(&self, name: &ScriptName, bytes: &[u8], id: ReleaseId, setup: &ScriptSetup) {
        let kept = self.accepted.read(name, setup.limits.component).and_then(Result::ok);
        if kept.is_none_or(|kept| ReleaseId(Sha256::digest(&kept).into()) != id) {
            self.accepted.keep(name, bytes);
        }
    }

    /// Where nothing is live because the newest file is refused or waits, as after a restart: the release that was accepted
    /// last is live again.
    fn bring_back(&self, name: &ScriptName, newest: ReleaseId, setup: &ScriptSetup) {
        let is_live = self.entries.lock().get(name.as_str()).is_some_and(|entry| entry.live.is_some());
        if is_live || !setup.grants.listed {
            return;
        }
        let Some(Ok(bytes)) = self.accepted.read(name, setup.limits.component) else { return };
        let id = ReleaseId(Sha256::digest(&bytes).into());
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

    /// Whether a release may be live with a setup.
    fn fits(&self, name: &ScriptName, release: &Release, setup: &ScriptSetup) -> Result<(), Refusal> {
        check_pin(name, &release.id, setup)?;
        release.fits(name, &setup.imports, &setup.limits)
    }

    fn live(&self, script: Script, setup: &ScriptSetup) -> Arc<LiveScript> {
        Arc::new(LiveScript {
            grants: self.grants(&script, setup),
            health: Arc::default(),
            refusals: Arc::default(),
            since: self.since(&script.name, script.release.id),
            script: Arc::new(script),
        })
    }

    fn grants(&self, script: &Script, setup: &ScriptSetup) -> crate::grants::Grants {
        let mut grants = setup.grants.clone();
        // A rule that came with the host may do on the embedded network what it asks for; elsewhere an unlisted script
        // runs dry whatever it is allowed.
        if !grants.listed && self.sources.embedded.iter().any(|(shipped, _)| *shipped == script.name) {
            grants.allow.extend(script.release.info.asks.iter().map(|ask| ask.name.clone()));
        }
        grants
    }

    /// Notes why a file is not live. What was live before stays so.
    fn refuse(&self, stem: &str, seen: Option<ReleaseId>, held: Option<Held>, refusal: Refusal) {
        let mut entries = self.entries.lock();
        let entry = entries.entry(stem.to_owned()).or_default();
        if entry.refusal.as_ref() != Some(&refusal) || entry.seen != seen {
            let live =
                if entry.live.is_some() { "the release before it stays live" } else { "nothing is live" };
            tracing::warn!(script = stem, code = %refusal.code, "script refused: {} ({live})", refusal.text);
        }
        (entry.seen, entry.held, entry.refusal) = (seen, held, Some(refusal));
    }

    /// Every script that was found, by name.
    pub(crate) fn known(&self) -> Vec<Known> {
        let entries = self.entries.lock();
        let known = |(name, entry): (&String, &Entry)| Known {
            name: name.clone(),
            live: entry.live.clone(),
            refusal: entry.refusal.clone(),
        };
        entries.iter().map(known).collect()
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

    /// How much state a script may hold: as it is granted, live or not; or what any script may.
    pub(crate) fn kv_quota(&self, name: &ScriptName) -> KvQuota {
        let live = self.entries.lock().get(name.as_str()).and_then(|entry| entry.live.clone());
        match live {
            Some(live) => live.grants.kv,
            None => self.setup(name.as_str()).grants.kv,
        }
    }

    /// Every script as the API shows it.
    pub(crate) fn status(&self) -> Vec<ScriptStatus> {
        let (setups, now) = (self.setups(), self.waiting.now());
        let usual = ScriptSetup::default();
        let entries = self.entries.lock();
        entries
            .iter()
            .map(|(name, entry)| {
                ScriptStatus::of(name, entry, setups.get(name.as_str()).unwrap_or(&usual), now)
            })
            .collect()
    }

    /// One script with all that is known of it.
    pub(crate) fn detail(&self, name: &str) -> Option<ScriptDetail> {
        let (setup, now) = (self.setup(name), self.waiting.now());
        self.entries.lock().get(name).map(|entry| ScriptDetail::of(name, entry, &setup, now))
    }
}

impl ScriptSetup {
    /// Whether a component could be live with this setup, as a host would say: its release, or why not.
    ///
    /// # Errors
    /// What [`Engine::admit`] says, `release.pinned`, and `settings.invalid`.
    pub fn try_out(&self, engine: &Engine, name: &ScriptName, bytes: &[u8]) -> Result<Arc<Release>, Refusal> {
        check_pin(name, &ReleaseId(Sha256::digest(bytes).into()), self)?;
        let release = engine.admit(name, bytes, &self.imports, &self.limits)?;
        script(name.clone(), release.clone(), self)?;
        Ok(release)
    }
}

fn script(name: ScriptName, release: Arc<Release>, setup: &ScriptSetup) -> Result<Script, Refusal> {
    let settings = SettingsLayers::compile(setup.settings.clone(), setup.chat_settings.clone())?;
    if let Some(schema) = &release.info.settings_schema {
        settings.check(schema)?;
    }
    let (limits, chats) = (setup.limits.clone(), setup.covered());
    Ok(Script::new(name, release, setup.priority, setup.policy, limits, chats, settings))
}

fn is_release(found: &Found, release: &ReleaseId) -> bool {
    matches!(found, Found::Bytes(bytes) if ReleaseId(Sha256::digest(bytes).into()) == *release)
}

fn check_pin(name: &ScriptName, id: &ReleaseId, setup: &ScriptSetup) -> Result<(), Refusal> {
    match &setup.pin {
        Some(pin) if pin != id => Err(Refusal::new(
            Code::ReleasePinned,
            format!("the release is {}, and `{name}` is pinned to {}", id.hex(), pin.hex()),
        )
        .hint(format!("`pin = \"sha256:{}\"` under `[script.{name}]` in mynah.toml lets it in", id.hex()))),
        _ => Ok(()),
    }
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

fn waits(name: &ScriptName, held: &Held) -> Refusal {
    let asks: Vec<_> = held.added.iter().map(|ask| format!("`{}` ({})", ask.name, ask.reason)).collect();
    let why = match asks.as_slice() {
        [] => "`update = \"hold\"` has every new release wait".to_owned(),
        asks => format!("it asks for more than the one before: {}", asks.join(", ")),
    };
    let id = held.release.id.hex();
    Refusal::new(Code::ReleaseHeld, format!("release {} waits: {why}", held.release.id))
        .hint(format!("POST /api/v1/scripts/{name}/accept with {{\"release\":\"{id}\"}} lets it in"))
}
