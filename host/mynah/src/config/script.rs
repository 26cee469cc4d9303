//! `[script.NAME]`: what the operator grants a script, and its settings.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use mynah_model::action::ActionBody;
use mynah_model::address::AddressPattern;
use mynah_model::names::{ReleaseId, ScriptName};
use mynah_runtime::grants::{Grants, Mode, Rate};
use serde_json::Value as Json;

use super::problem::Problem;
use super::section::{Section, Value, nearest, one_of};

/// The imports that need a grant.
const IMPORTS: [&str; 3] = ["kv", "kv-shared", "roster"];

/// Calls of a warm instance before it is replaced, unless the operator says otherwise: often enough that its start
/// does not matter, seldom enough that a slow leak does not either.
const WARM_CALLS: u32 = 10_000;

/// What the operator wrote about one script.
#[derive(Debug, Clone, PartialEq)]
pub struct ScriptConfig {
    /// What it may do, where, and how often.
    pub grants: Grants,
    /// The imports it may have besides those that every script has.
    pub imports: BTreeSet<String>,
    /// Scripts of higher priority see an event first.
    pub priority: i32,
    /// How long an instance lives.
    pub policy: Policy,
    /// CPU time for one event; `None` is the host's default.
    pub deadline: Option<Duration>,
    /// Bytes of all its memories together; `None` is the host's default.
    pub memory: Option<u64>,
    /// Its settings in all chats: a JSON object.
    pub settings: Json,
    /// Its settings in some chats, laid over those for all.
    pub chat_settings: Vec<(AddressPattern, Json)>,
    /// The only release that may be loaded under this name.
    pub pin: Option<ReleaseId>,
    /// What happens when there is a new release.
    pub update: Update,
}

/// How long an instance lives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Policy {
    /// For one event.
    Fresh,
    /// For this many events, or until it fails.
    Warm(u32),
}

/// What happens when a new release of a script appears.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Update {
    /// It goes live if it asks for no more than the old one.
    Auto,
    /// It waits for the operator.
    Hold,
}

/// Reads all `[script.NAME]` tables.
pub(super) fn read_all(value: &Value<'_>) -> Result<BTreeMap<ScriptName, ScriptConfig>, Problem> {
    let mut scripts = BTreeMap::new();
    for (key, value) in value.entries("a table of scripts, each `[script.NAME]`")? {
        let name: ScriptName = key.parsed()?;
        let section = value.section(format!("`[script.{name}]`"))?;
        scripts.insert(name, read(section)?);
    }
    Ok(scripts)
}

fn read(mut section: Section<'_>) -> Result<ScriptConfig, Problem> {
    let unlisted = Grants::unlisted();
    let grants = Grants {
        listed: true,
        mode: section
            .read("mode", |value| {
                value.choice(&[("live", Mode::Live), ("dry-run", Mode::DryRun), ("off", Mode::Off)])
            })?
            .unwrap_or_default(),
        allow: section.read("allow", |value| read_actions(&value))?.unwrap_or(unlisted.allow),
        chats: section
            .read("chats", |value| {
                value.one_or_more("a list of addresses", |item| {
                    item.parsed("an address, such as \"qq/group/552603\" or \"qq/group/*\"")
                })
            })?
            .unwrap_or_default(),
        budget: section.read("budget", |value| read_budget(&value))?.unwrap_or_default(),
        may_target_admins: section.read("may_target", |value| read_may_target(&value))?.unwrap_or(false),
    };
    let config = ScriptConfig {
        grants,
        imports: section
            .read("imports", |value| read_imports(&value))?
            .unwrap_or_else(|| BTreeSet::from(["kv".to_owned()])),
        priority: section.read("priority", |value| value.integer(-1_000_000..=1_000_000))?.unwrap_or(0),
        policy: section.read("policy", |value| read_policy(&value))?.unwrap_or(Policy::Fresh),
        deadline: section.read("deadline", |value| read_deadline(&value))?,
        memory: section.read("memory", |value| super::read_size(&value, "a size, such as \"64MiB\""))?,
        settings: section.read("settings", |value| read_settings(&value))?.unwrap_or_else(no_settings),
        chat_settings: section.read("chat", |value| read_chat_settings(&value))?.unwrap_or_default(),
        pin: section.read("pin", |value| read_pin(&value))?,
        update: section
            .read("update", |value| value.choice(&[("auto", Update::Auto), ("hold", Update::Hold)]))?
            .unwrap_or(Update::Auto),
    };
    section.finish()?;
    Ok(config)
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
    let actions = value.list("a list of actions", |item| read_word(&item, "an action", &ActionBody::NAMES))?;
    Ok(actions.into_iter().collect())
}

fn read_imports(value: &Value<'_>) -> Result<BTreeSet<String>, Problem> {
    let imports = value.list("a list of imports", |item| read_word(&item, "an import", &IMPORTS))?;
    Ok(imports.into_iter().collect())
}

fn read_budget(value: &Value<'_>) -> Result<BTreeMap<String, Rate>, Problem> {
    let words: Vec<_> = ActionBody::NAMES.into_iter().chain(["message"]).collect();
    let entries = value.entries("a table of rates, such as { shutup = \"6/min\" }")?.into_iter();
    entries
        .map(|(key, value)| {
            if !words.contains(&key.name) {
                let problem = key.problem(format!("`{}` is not an action that a budget can name", key.name));
                return Err(match nearest(key.name, words.iter().copied()) {
                    Some(near) => problem.hint(format!("did you mean `{near}`?")),
                    None => problem.hint("`message` counts all that the script says; `mynah check` lists actions"),
                });
            }
            let rate = value.text("a rate, such as \"6/min\"")?.parse();
            Ok((key.name.to_owned(), rate.map_err(|error| value.problem(format!("cannot be read: {error}")))?))
        })
        .collect()
}

/// `may_target = ["admin"]`: whom beyond ordinary members the script may moderate.
fn read_may_target(value: &Value<'_>) -> Result<bool, Problem> {
    let targets = value.list("a list of roles", |item| read_word(&item, "a role", &["admin"]))?;
    Ok(!targets.is_empty())
}

/// `"fresh"`, `"warm"` or `{ warm = CALLS }`.
fn read_policy(value: &Value<'_>) -> Result<Policy, Problem> {
    if !value.is_table() {
        return value.choice(&[("fresh", Policy::Fresh), ("warm", Policy::Warm(WARM_CALLS))]);
    }
    let mut section = value.section("`policy`")?;
    let calls = section.read("warm", |value| value.integer(1..=u32::MAX))?;
    section.finish()?;
    calls.map(Policy::Warm).ok_or_else(|| value.problem("must be \"fresh\", \"warm\" or { warm = 1000 }"))
}

/// Milliseconds as a number, or any length of time as text.
fn read_deadline(value: &Value<'_>) -> Result<Duration, Problem> {
    let deadline = match value.is_integer() {
        true => Duration::from_millis(value.integer(1..=10_000_u64)?),
        false => super::read_span(value, "a length of time, such as \"50ms\"")?,
    };
    if deadline.is_zero() || deadline > Duration::from_secs(10) {
        return Err(value.problem("must lie between 1ms and 10s: a script that needs longer holds up its chat"));
    }
    Ok(deadline)
}

fn no_settings() -> Json {
    Json::Object(serde_json::Map::new())
}

fn read_settings(value: &Value<'_>) -> Result<Json, Problem> {
    value.entries("a table of settings")?;
    value.json()
}

/// `[script.NAME.chat."ADDRESS"]`: the layers, widest first, so that later ones are laid over earlier ones.
fn read_chat_settings(value: &Value<'_>) -> Result<Vec<(AddressPattern, Json)>, Problem> {
    let mut layers = Vec::new();
    for (key, value) in value.entries("a table of chats, each `[script.NAME.chat.\"ADDRESS\"]`")? {
        let pattern: AddressPattern = key.parsed()?;
        let mut section = value.section(format!("the layer of `{pattern}`"))?;
        let settings = section.read("settings", |value| read_settings(&value))?;
        section.finish()?;
        layers.push((pattern, settings.unwrap_or_else(no_settings)));
    }
    layers.sort_by_key(|(pattern, _)| pattern.narrowness());
    Ok(layers)
}

fn read_pin(value: &Value<'_>) -> Result<ReleaseId, Problem> {
    let right = "a release, such as \"sha256:\" and 64 hex digits";
    let text = value.text(right)?;
    let digits = text.strip_prefix("sha256:").unwrap_or(text).to_ascii_lowercase();
    ReleaseId::try_from(digits).map_err(|error| value.problem(format!("is not {right}: {error}")))
}
