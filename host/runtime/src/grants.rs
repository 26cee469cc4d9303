//! What the operator allows a script: the content of `[script.NAME]` in `mynah.toml`.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::str::FromStr;

use mynah_model::action::{Act, ActionBody};
use mynah_model::address::{Address, AddressPattern};
use mynah_model::refusal::{Code, Refusal};
use serde::{Deserialize, Serialize};

use crate::fetch::FetchGrants;
use crate::limits;

/// What happens with the actions of a script.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Mode {
    /// They are done.
    #[default]
    Live,
    /// They are noted down and not done.
    DryRun,
    /// The script is not called.
    Off,
}

impl Mode {
    /// As it stands in the configuration.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Live => "live",
            Self::DryRun => "dry-run",
            Self::Off => "off",
        }
    }
}

/// What becomes of an event when the script fails on it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum OnFault {
    /// The scripts after it see the event as if it were not there.
    #[default]
    Skip,
    /// They do not see it: for a guard that the others rely on.
    Stop,
}

impl OnFault {
    /// As it stands in the configuration.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Skip => "skip",
            Self::Stop => "stop",
        }
    }
}

/// So many in so much time: `6/min`, `3/h`, `2/s`, `10/day`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Rate {
    /// How many.
    pub count: u32,
    /// In how many milliseconds.
    pub per_ms: i64,
}

/// A rate that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a rate: write a number, `/`, and one of s, min, h, day, for example `6/min`")]
pub struct RateError(String);

const UNITS: [(&str, i64); 4] = [("s", 1_000), ("min", 60_000), ("h", 3_600_000), ("day", 86_400_000)];

impl FromStr for Rate {
    type Err = RateError;

    fn from_str(text: &str) -> Result<Self, RateError> {
        let wrong = || RateError(text.chars().take(40).collect());
        let (count, unit) = text.split_once('/').ok_or_else(wrong)?;
        let count = count.trim().parse().map_err(|_| wrong())?;
        let per_ms = UNITS.iter().find(|(name, _)| *name == unit.trim()).ok_or_else(wrong)?.1;
        Ok(Self { count, per_ms })
    }
}

impl TryFrom<String> for Rate {
    type Error = RateError;

    fn try_from(text: String) -> Result<Self, RateError> {
        text.parse()
    }
}

impl From<Rate> for String {
    fn from(rate: Rate) -> String {
        let unit = UNITS.iter().find(|(_, ms)| *ms == rate.per_ms).map_or("s", |(name, _)| name);
        format!("{}/{unit}", rate.count)
    }
}

/// How much state a script may hold, in all its chats together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KvQuota {
    /// UTF-8 bytes of keys and values.
    pub bytes: u64,
    /// Number of keys.
    pub keys: u64,
}

impl Default for KvQuota {
    fn default() -> Self {
        Self { bytes: limits::KV_BYTES, keys: limits::KV_KEYS }
    }
}

/// What a rate of a budget counts: an action by its name, or `message` for all that is said; in all chats together, or
/// in each of them: `kick`, `kick per chat`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Counted {
    /// The action's name, or `message`.
    pub what: String,
    /// Whether every chat has a count of its own.
    pub per_chat: bool,
}

impl Counted {
    /// What makes a count one of each chat.
    const PER_CHAT: &str = " per chat";

    /// What counts a script's timers when they fire.
    pub(crate) const TIMER: &str = "timer";

    /// Every word that a budget knows.
    pub fn words() -> impl Iterator<Item = &'static str> {
        // Timers are counted when they fire, not when they are set.
        ActionBody::NAMES
            .into_iter()
            .filter(|name| !matches!(*name, "stop" | "schedule" | "cancel"))
            .chain(["message", Self::TIMER])
    }

    /// Whether it is written so.
    fn reads(&self, text: &str) -> bool {
        match text.strip_suffix(Self::PER_CHAT) {
            Some(what) => self.per_chat && self.what == what,
            None => !self.per_chat && self.what == text,
        }
    }

    /// In all chats together.
    pub fn over_all(what: &str) -> Self {
        Self { what: what.to_owned(), per_chat: false }
    }

    /// In each chat.
    pub fn in_each(what: &str) -> Self {
        Self { what: what.to_owned(), per_chat: true }
    }
}

impl From<&str> for Counted {
    fn from(text: &str) -> Self {
        match text.strip_suffix(Self::PER_CHAT) {
            Some(what) => Self::in_each(what.trim_end()),
            None => Self::over_all(text),
        }
    }
}

impl fmt::Display for Counted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.what, if self.per_chat { Self::PER_CHAT } else { "" })
    }
}

/// What a script may do.
#[derive(Debug, Clone, PartialEq)]
pub struct Grants {
    /// Whether its actions are done.
    pub mode: Mode,
    /// Whether the operator wrote these grants. Without that a script is live on the embedded network only.
    pub listed: bool,
    /// The actions it may ask for, by name.
    pub allow: BTreeSet<String>,
    /// The chats it is called for and may act in; empty means every chat it is called for, and no other to act in.
    pub chats: Vec<AddressPattern>,
    /// How much state it may hold.
    pub kv: KvQuota,
    /// From where it may fetch, and what the host adds.
    pub fetch: FetchGrants,
    /// How often it may do what. `message` counts `reply`, `send` and `send-media` together, but for those that have a rate
    /// of their own. What nothing is said of has the rate of [`limits::BUDGETS`], if there is one.
    pub budget: BTreeMap<Counted, Rate>,
    /// Whether it may moderate admins, where the account is the owner.
    pub may_target_admins: bool,
    /// What becomes of an event when it fails.
    pub on_fault: OnFault,
}

impl Grants {
    /// Of a script that the operator did not list: it may answer where it is asked.
    pub fn unlisted() -> Self {
        Self {
            mode: Mode::Live,
            listed: false,
            allow: ["reply", "stop"].into_iter().map(str::to_owned).collect(),
            chats: Vec::new(),
            budget: BTreeMap::new(),
            kv: KvQuota::default(),
            may_target_admins: false,
            fetch: FetchGrants::default(),
            on_fault: OnFault::Skip,
        }
    }

    /// Whether the script may ask for this action. `stop` needs no grant: it does nothing to anybody. A `fetch` is granted
    /// place by place, where it is read.
    pub fn allows(&self, body: &ActionBody) -> bool {
        matches!(body, ActionBody::Stop | ActionBody::Fetch { .. }) || self.allow.contains(body.name())
    }

    /// Whether what it asks for is noted down and not done, on the embedded network or on another one.
    pub fn runs_dry(&self, embedded: bool) -> bool {
        self.mode == Mode::DryRun || (!self.listed && !embedded)
    }

    /// Whether the script may act in this chat although the event happened elsewhere.
    pub fn reaches(&self, address: &Address) -> bool {
        self.chats.iter().any(|pattern| pattern.matches(address))
    }

    /// Why an act that was granted once is not granted any more, if that is so.
    pub(crate) fn taken_away(&self, act: &Act, embedded: bool) -> Option<Refusal> {
        let script = act.by.script()?;
        let address = act.address();
        let here = act.origin.as_ref() == Some(&address);
        // A reply is a send by then.
        let replies = here && matches!(act.body, ActionBody::Send { .. }) && self.allow.contains("reply");
        let sees = act.target.is_none() || self.reaches(&address) || (here && self.chats.is_empty());
        let (code, text) = if self.mode == Mode::Off {
            (Code::GrantMissing, format!("script `{script}` is switched off by now"))
        } else if self.runs_dry(embedded) {
            (Code::GrantMissing, format!("script `{script}` runs dry by now"))
        } else if !replies && !self.allows(&act.body) {
            let name = act.body.name();
            (Code::GrantMissing, format!("`{name}` is granted to script `{script}` no more"))
        } else if !sees {
            (Code::GrantChat, format!("script `{script}` may not act in `{address}` any more"))
        } else {
            return None;
        };
        Some(Refusal::new(code, text))
    }

    /// The rates that an action of this name counts against: over all chats, and in its own.
    pub fn rates(&self, action: &'static str) -> impl Iterator<Item = (Counted, Rate)> {
        [Counted::over_all, Counted::in_each]
            .into_iter()
            .filter_map(move |counted| self.rate(action, counted))
    }

    /// Every rate in force: those that the operator wrote, and those of every script that stand beside them.
    pub fn budgets(&self) -> impl Iterator<Item = (Counted, Rate)> {
        let usual = limits::BUDGETS.iter().map(|(name, rate)| (Counted::from(*name), *rate));
        let usual = usual.filter(|(counted, _)| !self.budget.contains_key(counted));
        self.budget.iter().map(|(counted, rate)| (counted.clone(), *rate)).chain(usual)
    }

    /// The narrowest rate that the operator wrote for an action, else that of every script.
    fn rate(&self, action: &'static str, counted: impl Fn(&str) -> Counted) -> Option<(Counted, Rate)> {
        let group = matches!(action, "reply" | "send" | "send-media").then_some("message");
        let mut words = [Some(action), group].into_iter().flatten().map(&counted);
        words.find_map(|key| self.budget.get(&key).map(|rate| (key.clone(), *rate))).or_else(|| {
            let key = counted(action);
            let usual = limits::BUDGETS.iter().find(|(name, _)| key.reads(name));
            usual.map(|(_, rate)| (key, *rate))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_reads_as_people_write_it() {
        assert_eq!("6/min".parse(), Ok(Rate { count: 6, per_ms: 60_000 }));
        assert_eq!(String::from("3 / h".parse::<Rate>().unwrap()), "3/h");
        for bad in ["", "6", "6/", "/min", "six/min", "-1/min", "6/minute", "99999999999/s"] {
            assert!(bad.parse::<Rate>().is_err(), "{bad}");
        }
    }

    #[test]
    fn an_unlisted_script_may_answer_and_nothing_else() {
        let grants = Grants::unlisted();
        assert!(grants.allows(&ActionBody::Reply { segments: vec![], quote: false }));
        assert!(grants.allows(&ActionBody::Stop));
        assert!(!grants.allows(&ActionBody::Kick { members: vec![], reject_again: false }));
        assert!(!grants.reaches(&"sim/group/1".parse().unwrap()));
    }

    #[test]
    fn an_action_counts_against_its_narrowest_rate_over_all_chats_and_in_its_own() {
        let mut grants = Grants::unlisted();
        let rate = |text: &str| text.parse::<Rate>().unwrap();
        for (key, text) in [("message", "60/min"), ("message per chat", "20/min"), ("send-media", "3/h")] {
            grants.budget.insert(Counted::from(key), rate(text));
        }
        let counted = |action| {
            grants
                .rates(action)
                .map(|(key, rate)| format!("{key} {}", String::from(rate)))
                .collect::<Vec<_>>()
        };
        assert_eq!(counted("reply"), ["message 60/min", "message per chat 20/min"]);
        assert_eq!(counted("send-media"), ["send-media 3/h", "message per chat 20/min"]);
        assert_eq!(counted("kick"), ["kick 6/min"], "the rate of every script");
        assert_eq!(counted("recall"), Vec::<String>::new());
        assert_eq!(counted("timer"), ["timer 600/min", "timer per chat 64/min"], "both of every script");
    }
}
