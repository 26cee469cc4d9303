//! What the operator allows a script: the content of `[script.NAME]` in `mynah.toml`.

use std::collections::{BTreeMap, BTreeSet};
use std::str::FromStr;

use mynah_model::action::ActionBody;
use mynah_model::address::{Address, AddressPattern};
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
    /// How often it may do what, by the action's name. `message` counts `reply`, `send` and `send-media` together.
    pub budget: BTreeMap<String, Rate>,
    /// How much state it may hold.
    pub kv: KvQuota,
    /// Whether it may moderate admins, where the account is the owner.
    pub may_target_admins: bool,
    /// From where it may fetch, and what the host adds.
    pub fetch: FetchGrants,
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

    /// The budget that an action counts against. Fetches have one even if the operator names none.
    pub fn rate(&self, body: &ActionBody) -> Option<(&'static str, Rate)> {
        let name = body.name();
        let kind = match body {
            ActionBody::Reply { .. } | ActionBody::Send { .. } | ActionBody::SendMedia { .. } => "message",
            _ => name,
        };
        self.budget
            .get(name)
            .map(|rate| (name, *rate))
            .or_else(|| self.budget.get(kind).map(|rate| (kind, *rate)))
            .or_else(|| matches!(body, ActionBody::Fetch { .. }).then_some((name, limits::FETCH_RATE)))
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
}
