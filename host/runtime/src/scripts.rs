//! Which scripts there are: from the files in the scripts folder and from the rules inside the binary to the live rule
//! set, and why a file did not make it.

use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arc_swap::ArcSwap;
use mynah_engine::{Engine, ImportGrants, InstancePolicy, Limits, Script, SettingsLayers};
use mynah_model::address::AddressPattern;
use mynah_model::clock::UnixMs;
use mynah_model::names::{ReleaseId, ScriptName};
use mynah_model::refusal::{Code, Refusal};
use mynah_store::{Batch, Store, Write};
use parking_lot::Mutex;
use sha2::{Digest, Sha256};

use crate::grants::{Grants, KvQuota, Mode};
use crate::health::Health;
use crate::rules::{LiveScript, Rules};
use crate::status::ScriptStatus;
use crate::waiting::Waiting;

/// What the operator set for one script: the content of `[script.NAME]`.
#[derive(Debug, Clone)]
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
            settings: serde_json::Value::Object(serde_json::Map::new()),
            chat_settings: Vec::new(),
        }
    }
}

/// Where scripts come from, and what the operator set for them.
#[derive(Debug, Default)]
pub struct ScriptSources {
    /// The folder of `NAME.wasm` files; `None` for no folder.
    pub dir: Option<PathBuf>,
    /// Rules inside the binary: a file of the same name in the folder stands before them.
    pub embedded: Vec<(ScriptName, &'static [u8])>,
    /// What the operator set, by script.
    pub setups: HashMap<ScriptName, ScriptSetup>,
}

/// One script as it was found.
#[derive(Default)]
struct Entry {
    live: Option<Arc<LiveScript>>,
    /// The bytes that were looked at last, live or refused.
    seen: Option<ReleaseId>,
    refusal: Option<Refusal>,
}

/// All scripts that were found, live or not.
pub(crate) struct Catalog {
    engine: Engine,
    sources: ScriptSources,
    rules: Arc<ArcSwap<Rules>>,
    waiting: Waiting,
    store: Store,
    entries: Mutex<BTreeMap<String, Entry>>,
    /// Held while the folder is looked at, so that one look follows the other.
    scanning: Mutex<()>,
}

/// A script that was found, as others look at it.
pub(crate) struct Known {
    pub(crate) name: String,
    pub(crate) live: Option<Arc<LiveScript>>,
    pub(crate) refusal: Option<Refusal>,
}

/// The bytes of a script, or why there are none.
enum Found {
    Bytes(Vec<u8>),
    Embedded(&'static [u8]),
    Wrong(Refusal),
}

impl Catalog {
    pub(crate) fn new(
        engine: Engine,
        sources: ScriptSources,
        rules: Arc<ArcSwap<Rules>>,
        waiting: Waiting,
        store: Store,
    ) -> Self {
        Self { engine, sources, rules, waiting, store, entries: Mutex::default(), scanning: Mutex::default() }
    }

    pub(crate) fn dir(&self) -> Option<&Path> {
        self.sources.dir.as_deref()
    }

    /// Looks at all sources, compiles what is new off to the side, and swaps the rule set for each script that changed.
    pub(crate) fn scan(&self) -> io::Result<()> {
        let _one_at_a_time = self.scanning.lock();
        let found = self.find()?;
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

    /// Every script there is, by the stem of its file.
    fn find(&self) -> io::Result<BTreeMap<String, Found>> {
        let mut found: BTreeMap<String, Found> = self
            .sources
            .embedded
            .iter()
            .map(|(name, bytes)| (name.to_string(), Found::Embedded(bytes)))
            .collect();
        let Some(dir) = &self.sources.dir else { return Ok(found) };
        let mut files = Vec::new();
        for file in fs::read_dir(dir)? {
            let path = file?.path();
            let is_script = path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("wasm"));
            let stem = path.file_stem().map(|stem| stem.to_string_lossy().into_owned());
            // Editors and copies in progress use names that begin with a dot.
            if let Some(stem) = stem.filter(|stem| is_script && !stem.starts_with('.')) {
                files.push((stem, path));
            }
        }
        files.sort();
        for (stem, path) in files {
            let bytes = match stem.parse::<ScriptName>() {
                Ok(name) => self.read(&name, &path),
                Err(error) => Found::Wrong(wrong_name(&stem, &error.to_string())),
            };
            found.insert(stem, bytes);
        }
        Ok(found)
    }

    fn read(&self, name: &ScriptName, path: &Path) -> Found {
        let most =
            self.sources.setups.get(name).map_or(Limits::default().component, |setup| setup.limits.component);
        let too_large = |size: u64| {
            Found::Wrong(Refusal::new(
                Code::LimitSize,
                format!("the component has {size} bytes, more than {most}"),
            ))
        };
        match fs::metadata(path) {
            Ok(metadata) if !metadata.is_file() => {
                Found::Wrong(Refusal::new(Code::ComponentInvalid, "this is no regular file"))
            }
            Ok(metadata) if metadata.len() > most as u64 => too_large(metadata.len()),
            Ok(_) => match fs::read(path) {
                Ok(bytes) => Found::Bytes(bytes),
                Err(error) => {
                    Found::Wrong(Refusal::new(Code::ComponentInvalid, format!("cannot be read: {error}")))
                }
            },
            Err(error) => {
                Found::Wrong(Refusal::new(Code::ComponentInvalid, format!("cannot be read: {error}")))
            }
        }
    }

    /// Takes up one script if it is not what it was.
    fn look_at(&self, stem: &str, found: Found) {
        let bytes = match &found {
            Found::Bytes(bytes) => bytes.as_slice(),
            Found::Embedded(bytes) => bytes,
            Found::Wrong(refusal) => {
                self.refuse(stem, None, refusal.clone());
                return;
            }
        };
        let id = ReleaseId(Sha256::digest(bytes).into());
        if self.entries.lock().get(stem).is_some_and(|entry| entry.seen == Some(id)) {
            return;
        }
        let live = stem
            .parse::<ScriptName>()
            .map_err(|error| wrong_name(stem, &error.to_string()))
            .and_then(|name| self.load(name, bytes));
        match live {
            Ok(live) => {
                let entry = Entry { live: Some(Arc::new(live)), seen: Some(id), refusal: None };
                let mut entries = self.entries.lock();
                entries.insert(stem.to_owned(), entry);
                self.swap(&entries);
                tracing::info!(script = stem, release = %id, "script is live");
            }
            Err(refusal) => self.refuse(stem, Some(id), refusal),
        }
    }

    fn load(&self, name: ScriptName, bytes: &[u8]) -> Result<LiveScript, Refusal> {
        let unlisted = ScriptSetup::default();
        let setup = self.sources.setups.get(&name).unwrap_or(&unlisted);
        let release = self.engine.admit(&name, bytes, &setup.imports, &setup.limits)?;
        let settings = SettingsLayers::compile(setup.settings.clone(), setup.chat_settings.clone())?;
        if let Some(schema) = &release.info.settings_schema {
            settings.check(schema)?;
        }
        let mut grants = setup.grants.clone();
        // A rule that came with the host may do on the embedded network what it asks for; elsewhere an unlisted script
        // runs dry whatever it is allowed.
        if !grants.listed && self.sources.embedded.iter().any(|(shipped, _)| *shipped == name) {
            grants.allow.extend(release.info.asks.iter().map(|ask| ask.name.clone()));
        }
        // To the engine no chat is nowhere; to the operator, who names none, it is everywhere.
        let chats = match setup.grants.chats.as_slice() {
            [] => vec![AddressPattern::all()],
            named => named.to_vec(),
        };
        let since = self.since(&name, release.id);
        let script =
            Script::new(name, release, setup.priority, setup.policy, setup.limits.clone(), chats, settings);
        Ok(LiveScript { script: Arc::new(script), grants, health: Health::default(), since })
    }

    /// Notes why a file is not live. What was live before stays so.
    fn refuse(&self, stem: &str, seen: Option<ReleaseId>, refusal: Refusal) {
        let mut entries = self.entries.lock();
        let entry = entries.entry(stem.to_owned()).or_default();
        if entry.refusal.as_ref() != Some(&refusal) || entry.seen != seen {
            let live =
                if entry.live.is_some() { "the release before it stays live" } else { "nothing is live" };
            tracing::warn!(script = stem, code = %refusal.code, "script refused: {} ({live})", refusal.text);
        }
        entry.seen = seen;
        entry.refusal = Some(refusal);
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
            None => self.sources.setups.get(name).map_or_else(KvQuota::default, |setup| setup.grants.kv),
        }
    }

    /// Every script as the API shows it.
    pub(crate) fn status(&self) -> Vec<ScriptStatus> {
        let now = self.waiting.now();
        self.entries.lock().iter().map(|(name, entry)| self.status_of(name, entry, now)).collect()
    }

    fn status_of(&self, name: &str, entry: &Entry, now: i64) -> ScriptStatus {
        let mode = match (&entry.live, self.sources.setups.get(name)) {
            (Some(live), _) => live.grants.mode,
            (None, Some(setup)) => setup.grants.mode,
            (None, None) => Mode::Live,
        };
        let counters = entry.live.as_ref().map(|live| live.health.counters()).unwrap_or_default();
        let state = match &entry.live {
            _ if entry.refusal.is_some() => "refused",
            Some(_) if mode == Mode::Off => "off",
            Some(live) if live.health.resting(now) => "resting",
            _ => "running",
        };
        let hint = |refusal: &Refusal| match &refusal.hint {
            Some(hint) => format!("{refusal} (hint: {hint})"),
            None => refusal.to_string(),
        };
        ScriptStatus {
            name: name.to_owned(),
            release: entry.live.as_ref().map(|live| live.script.release.id.hex()),
            mode: mode.as_str().to_owned(),
            state: state.to_owned(),
            events: counters.events,
            faults: counters.faults,
            skipped: counters.skipped,
            last_error: entry.refusal.as_ref().map(hint).or(counters.last_error),
            since: entry.live.as_ref().map(|live| live.since),
            summary: entry.live.as_ref().map(|live| live.script.release.info.summary.clone()),
        }
    }
}

fn wrong_name(stem: &str, error: &str) -> Refusal {
    let right: String = stem
        .chars()
        .map(|c| match c.to_ascii_lowercase() {
            c if c.is_ascii_lowercase() || c.is_ascii_digit() => c,
            _ => '-',
        })
        .take(64)
        .collect();
    Refusal::new(Code::ScriptNameInvalid, error).hint(format!("rename the file to `{right}.wasm`"))
}
