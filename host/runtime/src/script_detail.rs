//! One script with all that an operator wants to know before trusting it: what it asks for and why, what it has, what it
//! was refused, within which limits it runs, and what to write to give it what it lacks.

use mynah_engine::{ImportGrants, LimitRow};
use mynah_model::names::ScriptName;
use mynah_model::script::{Ask, ScriptInfo};

use crate::script_setup::ScriptSetup;
use crate::scripts::Entry;
use crate::status::ScriptStatus;

/// Something that a script asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AskStatus {
    /// An action or an import.
    pub name: String,
    /// Why, in the script's own words.
    pub reason: String,
    /// Whether it is granted.
    pub granted: bool,
}

/// How often a script was refused something since its release was loaded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefusedStatus {
    /// The action.
    pub action: String,
    /// The rule that refused it: a stable code.
    pub code: String,
    /// How often.
    pub count: u64,
    /// Why it asks for that, in the script's own words; `None` if it did not say that it would.
    pub reason: Option<String>,
}

/// What the operator set for a script, as it stands in `mynah.toml` with the defaults filled in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GrantsStatus {
    /// Whether there is a `[script.NAME]`; without one a script acts on `sim` accounts only.
    pub listed: bool,
    /// The actions.
    pub allow: Vec<String>,
    /// The imports.
    pub imports: Vec<String>,
    /// The chats; empty is every chat to be called in, and no other than the event's to act in.
    pub chats: Vec<String>,
    /// What is counted and how much of it there may be: `kick`, `6/min`. The default budgets are among them.
    pub budget: Vec<(String, String)>,
    /// The places that it may fetch from.
    pub fetch: Vec<String>,
    /// Bytes of state that it may hold.
    pub kv: u64,
    /// Keys that it may hold.
    pub kv_keys: u64,
    /// Whether it may moderate admins, where the account is the owner.
    pub may_target_admins: bool,
    /// `skip` or `stop`.
    pub on_fault: String,
    /// `auto` or `hold`.
    pub update: String,
    /// The one release that may be live, 64 hex digits.
    pub pin: Option<String>,
    /// Higher ones see an event first.
    pub priority: i32,
}

/// A script with all that is known of it.
#[derive(Debug, Clone, PartialEq)]
pub struct ScriptDetail {
    /// What the list of scripts says of it.
    pub status: ScriptStatus,
    /// What it asks for.
    pub asks: Vec<AskStatus>,
    /// What it has.
    pub grants: GrantsStatus,
    /// What it was refused since its release was loaded.
    pub refused: Vec<RefusedStatus>,
    /// The limits that it runs within.
    pub limits: Vec<LimitRow>,
    /// The lines of `mynah.toml` that would grant what it asks for and does not have.
    pub lines: Option<String>,
}

impl ScriptDetail {
    pub(crate) fn of(name: &str, entry: &Entry, setup: &ScriptSetup, now: i64) -> Self {
        let live = entry.live.as_ref();
        // Of a script that is not live, what waits says what it wants.
        let release = live.map(|live| &live.script.release).or(entry.held.as_ref().map(|held| &held.release));
        let info = release.map(|release| &release.info);
        let mut in_force = setup.clone();
        if let Some(live) = live {
            in_force.grants = live.grants.clone();
        }
        let asks = info.map_or_else(Vec::new, |info| asks(info, &in_force));
        let missing = asks.iter().any(|ask| !ask.granted);
        let parsed: Option<ScriptName> = name.parse().ok();
        let lines = parsed.zip(info).filter(|_| missing).map(|(name, info)| lines(&name, info, setup));
        let refused = live.map_or_else(Vec::new, |live| live.refusals.all());
        let reason = |action: &str| asks.iter().find(|ask| ask.name == action).map(|ask| ask.reason.clone());
        let refused = refused.into_iter().map(|(action, code, count)| RefusedStatus {
            action: action.to_owned(),
            code: code.to_owned(),
            count,
            reason: reason(action),
        });
        let refused = refused.collect();
        Self {
            status: ScriptStatus::of(name, entry, setup, now),
            asks,
            grants: GrantsStatus::of(&in_force),
            refused,
            limits: setup.limits.rows().into_iter().chain(crate::limits::rows()).collect(),
            lines,
        }
    }
}

impl GrantsStatus {
    fn of(setup: &ScriptSetup) -> Self {
        let grants = &setup.grants;
        let granted = ImportGrants::NAMES.iter().filter(|name| setup.imports.grants(name) == Some(true));
        Self {
            listed: grants.listed,
            allow: grants.allow.iter().cloned().collect(),
            imports: granted.map(|name| (*name).to_owned()).collect(),
            chats: grants.chats.iter().map(ToString::to_string).collect(),
            budget: grants
                .budgets()
                .map(|(counted, rate)| (counted.to_string(), String::from(rate)))
                .collect(),
            fetch: grants.fetch.origins.iter().map(|granted| granted.origin.to_string()).collect(),
            kv: grants.kv.bytes,
            kv_keys: grants.kv.keys,
            may_target_admins: grants.may_target_admins,
            on_fault: grants.on_fault.as_str().to_owned(),
            update: setup.update.as_str().to_owned(),
            pin: setup.pin.map(|pin| pin.hex()),
            priority: setup.priority,
        }
    }
}

/// What a script asks for, each with whether it is granted.
pub fn asks(info: &ScriptInfo, setup: &ScriptSetup) -> Vec<AskStatus> {
    let status = |ask: &Ask| AskStatus {
        name: ask.name.clone(),
        reason: ask.reason.clone(),
        granted: setup.imports.grants(&ask.name).unwrap_or_else(|| match ask.name.as_str() {
            "stop" => true,
            "fetch" => !setup.grants.fetch.origins.is_empty(),
            action => setup.grants.allow.contains(action),
        }),
    };
    info.asks.iter().map(status).collect()
}

/// The lines of `mynah.toml` that grant a script all that it asks for, and what it has.
pub fn lines(name: &ScriptName, info: &ScriptInfo, setup: &ScriptSetup) -> String {
    let asked = |is_import: bool| {
        let names = info.asks.iter().map(|ask| ask.name.as_str());
        names.filter(move |name| ImportGrants::NAMES.contains(name) == is_import)
    };
    // Of a script that is not listed, nothing was granted yet that would be taken away.
    let has: Vec<&str> = match setup.grants.listed {
        true => setup.grants.allow.iter().map(String::as_str).collect(),
        false => Vec::new(),
    };
    // Which places it may fetch from says another key.
    let actions = asked(false).filter(|name| *name != "fetch");
    let mut lines = format!("[script.{name}]\nallow = [{}]\n", list(actions.chain(has)));
    if asked(false).any(|name| name == "fetch") && setup.grants.fetch.origins.is_empty() {
        lines += "fetch = [\"https://HOST\"]  # each place that it may fetch from\n";
    }
    let granted = ImportGrants::NAMES.into_iter().filter(|name| setup.imports.grants(name) == Some(true));
    if asked(true).any(|name| setup.imports.grants(name) == Some(false)) {
        lines += &format!("imports = [{}]\n", list(asked(true).chain(granted)));
    }
    lines
}

/// Words in quotes, each once, in the order in which they come first.
fn list<'a>(words: impl Iterator<Item = &'a str>) -> String {
    let mut once: Vec<&str> = Vec::new();
    for word in words {
        if !once.contains(&word) {
            once.push(word);
        }
    }
    once.iter().map(|word| format!("\"{word}\"")).collect::<Vec<_>>().join(", ")
}
