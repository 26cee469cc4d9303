//! Which scripts there are: from the files in the scripts folder and from the rules inside the binary to the live rule
//! set, and why a file did not make it.
//!
//! Whatever changes, a file or what the operator wrote, the rule set is swapped whole, and events that are being handled
//! finish with the one before. A release that did not change is not loaded again.
//!
//! # Layout
//! - `releases`: which releases come in, and which wait
//! - `live`: what a live release runs with
//! - `regrant`: what the operator wrote anew

mod live;
mod regrant;
mod releases;

use std::collections::BTreeMap;
use std::io;
use std::path::Path;
use std::sync::Arc;

use arc_swap::ArcSwap;
use mynah_engine::{Engine, Release};
use mynah_model::address::AddressPattern;
use mynah_model::names::{ReleaseId, ScriptName};
use mynah_model::refusal::Refusal;
use mynah_model::script::Ask;
use mynah_store::Store;
use parking_lot::Mutex;

use crate::accepted::Accepted;
use crate::found::{self, Found, wrong_name};
use crate::grants::{KvQuota, Mode};
use crate::rules::{LiveScript, Rules};
use crate::script_detail::ScriptDetail;
use crate::script_setup::{ScriptSetup, ScriptSetups, ScriptSources, SharedSetups};
use crate::status::ScriptStatus;
use crate::waiting::Waiting;
use releases::{Admission, waits};

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
    setups: SharedSetups,
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
        let setups = Arc::new(ArcSwap::from_pointee(std::mem::take(&mut sources.setups)));
        let accepted = Accepted::open(sources.accepted.take())?;
        let (entries, scanning) = (Mutex::default(), Mutex::default());
        Ok(Self { engine, sources, setups, accepted, rules, waiting, store, entries, scanning })
    }

    pub(crate) fn dir(&self) -> Option<&Path> {
        self.sources.dir.as_deref()
    }

    fn setups(&self) -> Arc<ScriptSetups> {
        self.setups.load_full()
    }

    /// What the operator says of scripts at any time.
    pub(crate) fn shared_setups(&self) -> SharedSetups {
        self.setups.clone()
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
        let id = Release::id_of(bytes);
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

    /// The chats in which a script may be called once it is live.
    pub(crate) fn covered(&self, name: &str) -> Vec<AddressPattern> {
        self.setup(name).covered()
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
