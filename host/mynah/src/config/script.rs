//! `[script.NAME]`: what the operator grants a script, and its settings.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::path::Path;
use std::time::Duration;

use mynah_engine::limits::{DEADLINE_MOST_MS, MEMORY_MOST_MIB};
use mynah_engine::{ImportGrants, InstancePolicy, Limits};
use mynah_model::action::ActionBody;
use mynah_model::address::AddressPattern;
use mynah_model::names::{ReleaseId, ScriptName};
use mynah_runtime::grants::{Counted, Grants, KvQuota, Mode, OnFault, Rate};
use mynah_runtime::limits::{KV_BYTES_MOST, KV_KEYS_MOST};
use mynah_runtime::{FetchGrants, ScriptSetup, ScriptSetups, Update};
use serde_json::Value as Json;

use super::chats::ChatSets;
use super::fetch::{self, ScriptSecret};
use super::problem::Problem;
use super::section::{Section, Value, nearest, one_of};

/// Calls of a warm instance before it is replaced, unless the operator says otherwise: often enough that its start
/// does not matter, seldom enough that a slow leak does not either.
const WARM_CALLS: u32 = 10_000;

/// What `[script.NAME]` says, and where it speaks of the script's settings.
#[derive(Debug, Default)]
pub(super) struct Scripts {
    pub(super) setups: ScriptSetups,
    /// What is added to what they fetch, to be read when a host starts.
    pub(super) secrets: Vec<ScriptSecret>,
    /// Bytes of the text, by script.
    pub(super) places: Vec<(ScriptName, Range<usize>)>,
}

/// Reads all `[script.NAME]` tables; relative paths begin in `folder`.
pub(super) fn read_all(value: &Value<'_>, folder: &Path, sets: &ChatSets) -> Result<Scripts, Problem> {
    let mut scripts = Scripts::default();
    for (key, value) in value.entries("a table of scripts, each `[script.NAME]`")? {
        let name: ScriptName = key.parsed()?;
        let mut section = value.section(format!("`[script.{name}]`"))?;
        if let Some(value) = section.take("secrets") {
            scripts.secrets.extend(fetch::read_secrets(&value, folder, &name)?);
        }
        let settings = section.peek("settings").or_else(|| section.peek("chat"));
        scripts.places.push((name.clone(), settings.map_or(value.span(), |settings| settings.span())));
        scripts.setups.insert(name, read(section, sets)?);
    }
    Ok(scripts)
}

fn read(mut section: Section<'_>, sets: &ChatSets) -> Result<ScriptSetup, Problem> {
    let default = ScriptSetup::default();
    let grants = Grants {
        listed: true,
        mode: section
            .read("mode", |value| {
                value.choice(&[("live", Mode::Live), ("dry-run", Mode::DryRun), ("off", Mode::Off)])
            })?
            .unwrap_or_default(),
        allow: section.read("allow", |value| read_actions(&value))?.unwrap_or(default.grants.allow),
        chats: section.read("chats", |value| sets.list(&value))?.unwrap_or_default(),
        budget: section.read("budget", |value| read_budget(&value))?.unwrap_or_default(),
        kv: KvQuota {
            bytes: section.read("kv", |value| read_kv_bytes(&value))?.unwrap_or(default.grants.kv.bytes),
            keys: section.read("kv_keys", |value| read_kv_keys(&value))?.unwrap_or(default.grants.kv.keys),
        },
        may_target_admins: section.read("may_target", |value| read_may_target(&value))?.unwrap_or(false),
        fetch: FetchGrants {
            origins: section.read("fetch", |value| fetch::read_origins(&value))?.unwrap_or_default(),
            // They are read when a host starts.
            secrets: Vec::new(),
        },
        on_fault: section
            .read("on-fault", |value| value.choice(&[("skip", OnFault::Skip), ("stop", OnFault::Stop)]))?
            .unwrap_or_default(),
    };
    if grants.allow.contains("fetch") && grants.fetch.origins.is_empty() {
        return Err(section.problem(
            "`allow` names \"fetch\" and `fetch` lists no place: write `fetch = [\"https://api.example.com\"]`",
        ));
    }
    let mut limits = Limits::default();
    if let Some(value) = section.take("deadline") {
        limits.deadline = read_deadline(&value)?;
    }
    if let Some(value) = section.take("memory") {
        limits.memory = read_memory(&value)?;
    }
    let setup = ScriptSetup {
        grants,
        imports: section.read("imports", |value| read_imports(&value))?.unwrap_or(default.imports),
        limits,
        priority: section.read("priority", |value| value.integer(-1_000_000..=1_000_000))?.unwrap_or(0),
        policy: section.read("policy", |value| read_policy(&value))?.unwrap_or(default.policy),
        update: section
            .read("update", |value| value.choice(&[("auto", Update::Auto), ("hold", Update::Hold)]))?
            .unwrap_or_default(),
        pin: section.read("pin", |value| read_pin(&value))?,
        settings: section.read("settings", |value| read_settings(&value))?.unwrap_or(default.settings),
        chat_settings: section.read("chat", |value| read_chat_settings(&value, sets))?.unwrap_or_default(),
    };
    section.finish()?;
    Ok(setup)
}

/// A word out of a fixed vocabulary, in a list.
fn read_word(value: &Value<'_>, what: &str, words: &[&str]) -> Result<String, Problem> {
    let word = value.text(what)?;
    if words.contains(&word) {
        return Ok(word.to_owned());
    }
    let problem = value.problem(format!("is not {what}: `{word}`"));
    Err(match nearest(word, words.iter().copied()) {
        Some(near) => problem.hint(format!("did you mean `{near}`?")),
        None => problem.hint(format!("known: {}", one_of(words.iter().copied()))),
    })
}

fn read_actions(value: &Value<'_>) -> Result<BTreeSet<String>, Problem> {
    let actions =
        value.list("a list of actions", |item| read_word(&item, "an action", &ActionBody::NAMES))?;
    Ok(actions.into_iter().collect())
}

/// The imports that are named, and no others.
fn read_imports(value: &Value<'_>) -> Result<ImportGrants, Problem> {
    let named =
        value.list("a list of imports", |item| read_word(&item, "an import", &ImportGrants::NAMES))?;
    let has = |name: &str| named.iter().any(|named| named == name);
    Ok(ImportGrants { kv: has("kv"), kv_shared: has("kv-shared"), roster: has("roster") })
}

/// `{ message = "60/min", "message per chat" = "20/min", kick = "3/h" }`
fn read_budget(value: &Value<'_>) -> Result<BTreeMap<Counted, Rate>, Problem> {
    let words: Vec<_> = Counted::words().collect();
    let entries = value.entries("a table of rates, such as { shutup = \"6/min\" }")?.into_iter();
    entries
        .map(|(key, value)| {
            let counted = Counted::from(key.name);
            if !words.contains(&counted.what.as_str()) {
                let problem = key.problem(format!("`{}` is nothing that a budget counts", key.name));
                return Err(match nearest(&counted.what, words.iter().copied()) {
                    Some(near) => problem.hint(format!("did you mean `{near}`?")),
                    None => problem.hint(
                        "a budget counts actions, and `message` for all that the script says; `kick per chat` counts for each chat",
                    ),
                });
            }
            let rate = value.text("a rate, such as \"6/min\"")?.parse();
            Ok((counted, rate.map_err(|error| value.problem(format!("cannot be read: {error}")))?))
        })
        .collect()
}

/// `pin = "sha256:HEX"`
fn read_pin(value: &Value<'_>) -> Result<ReleaseId, Problem> {
    const RIGHT: &str = "the sha256 of a component, such as \"sha256:3f2a…\"";
    let hex = value.text(RIGHT)?.strip_prefix("sha256:");
    hex.and_then(|hex| ReleaseId::try_from(hex.to_owned()).ok()).ok_or_else(|| {
        value.problem("must be \"sha256:\" and 64 hex digits").hint("`mynah check FILE` prints it")
    })
}

/// `may_target = ["admin"]`: whom beyond ordinary members the script may moderate.
fn read_may_target(value: &Value<'_>) -> Result<bool, Problem> {
    let targets = value.list("a list of roles", |item| read_word(&item, "a role", &["admin"]))?;
    Ok(!targets.is_empty())
}

/// `"fresh"`, `"warm"` or `{ warm = CALLS }`.
fn read_policy(value: &Value<'_>) -> Result<InstancePolicy, Problem> {
    if !value.is_table() {
        let warm = InstancePolicy::Warm { max_calls: WARM_CALLS };
        return value.choice(&[("fresh", InstancePolicy::Fresh), ("warm", warm)]);
    }
    let mut section = value.section("`policy`")?;
    let calls = section.read("warm", |value| value.integer(1..=u32::MAX))?;
    section.finish()?;
    let max_calls = calls.ok_or_else(|| value.problem("must be \"fresh\", \"warm\" or { warm = 1000 }"))?;
    Ok(InstancePolicy::Warm { max_calls })
}

/// Milliseconds as a number, or any length of time as text.
fn read_deadline(value: &Value<'_>) -> Result<Duration, Problem> {
    let deadline = match value.is_integer() {
        true => Duration::from_millis(value.integer(1..=DEADLINE_MOST_MS)?),
        false => super::read_span(value, "a length of time, such as \"50ms\"")?,
    };
    if deadline.is_zero() || deadline > Duration::from_millis(DEADLINE_MOST_MS) {
        return Err(value.problem(format!(
            "must lie between 1ms and {DEADLINE_MOST_MS}ms: a script that needs longer holds up its chat"
        )));
    }
    Ok(deadline)
}

fn read_memory(value: &Value<'_>) -> Result<usize, Problem> {
    let bytes = super::read_size(value, "a size, such as \"64MiB\"")?;
    let most = MEMORY_MOST_MIB << 20;
    match usize::try_from(bytes) {
        Ok(memory) if (1 << 16..=most).contains(&bytes) => Ok(memory),
        _ => Err(value.problem(format!("must lie between 64KiB and {MEMORY_MOST_MIB}MiB"))),
    }
}

/// `kv = "4MiB"`: how much state the script may hold.
fn read_kv_bytes(value: &Value<'_>) -> Result<u64, Problem> {
    match super::read_size(value, "a size, such as \"4MiB\"")? {
        bytes if bytes <= KV_BYTES_MOST => Ok(bytes),
        _ => Err(value.problem(format!("is too much: a script may hold {}MiB at most", KV_BYTES_MOST >> 20))),
    }
}

/// `kv_keys = 100000`: under how many keys.
fn read_kv_keys(value: &Value<'_>) -> Result<u64, Problem> {
    value.integer(0..=KV_KEYS_MOST)
}

fn read_settings(value: &Value<'_>) -> Result<Json, Problem> {
    value.entries("a table of settings")?;
    value.json()
}

/// `[script.NAME.chat."ADDRESS"]`: the layers, widest first, so that later ones are laid over earlier ones.
fn read_chat_settings(value: &Value<'_>, sets: &ChatSets) -> Result<Vec<(AddressPattern, Json)>, Problem> {
    let mut layers = Vec::new();
    for (key, value) in value.entries("a table of chats, each `[script.NAME.chat.\"ADDRESS\"]`")? {
        let patterns = sets.of_key(&key)?;
        let mut section = value.section(format!("the layer of `{}`", key.name))?;
        let settings = section.read("settings", |value| read_settings(&value))?;
        section.finish()?;
        let settings = settings.unwrap_or_else(|| Json::Object(serde_json::Map::new()));
        layers.extend(patterns.into_iter().map(|pattern| (pattern, settings.clone())));
    }
    layers.sort_by_key(|(pattern, _)| pattern.narrowness());
    Ok(layers)
}
