//! `[chats.NAME]`: sets of chats by name. A script's `chats` and the layers of its settings name one as `chats.NAME`,
//! which no account can be called.

use std::collections::BTreeMap;

use mynah_model::address::AddressPattern;
use mynah_model::words::nearest;

use super::problem::Problem;
use super::section::{Key, Value};

/// How the name of a set begins where it is meant.
const PREFIX: &str = "chats.";

/// What an address looks like, for messages.
const ADDRESS: &str =
    "an address, such as \"qq/group/552603\" or \"qq/group/*\", or a set of them, \"chats.NAME\"";

/// The sets by their names.
#[derive(Debug, Default)]
pub(super) struct ChatSets(BTreeMap<String, Vec<AddressPattern>>);

impl ChatSets {
    /// Reads all `[chats.NAME]` tables.
    pub(super) fn read(value: &Value<'_>) -> Result<Self, Problem> {
        let mut sets = BTreeMap::new();
        for (key, value) in value.entries("a table of sets, each `[chats.NAME]`")? {
            check_name(&key)?;
            let mut section = value.section(format!("`[chats.{}]`", key.name))?;
            let addresses = section.read("addresses", |value| {
                value.one_or_more("a list of addresses", |item| {
                    item.parsed::<AddressPattern>("an address, such as \"qq/group/552603\" or \"qq/group/*\"")
                })
            })?;
            section.finish()?;
            // A script whose chats were an empty set would be one that nothing is said of.
            let addresses = addresses.filter(|addresses| !addresses.is_empty()).ok_or_else(|| {
                key.problem(format!("`chats.{}` names no chat: give `addresses` at least one", key.name))
            })?;
            sets.insert(key.name.to_owned(), addresses);
        }
        Ok(Self(sets))
    }

    /// The chats that a list of addresses and sets means.
    pub(super) fn list(&self, value: &Value<'_>) -> Result<Vec<AddressPattern>, Problem> {
        let lists = value.one_or_more("a list of addresses", |item| {
            let text = item.text(ADDRESS)?;
            match text.strip_prefix(PREFIX) {
                Some(name) => self.named(name).map_err(|(message, hint)| item.problem(message).hint(hint)),
                None => item.parsed(ADDRESS).map(|pattern| vec![pattern]),
            }
        })?;
        let chats: Vec<_> = lists.into_iter().flatten().collect();
        if chats.is_empty() {
            return Err(value.problem("is empty").hint(
                "leave `chats` away for every chat that the script is called for, or write `mode = \"off\"` for none",
            ));
        }
        Ok(chats)
    }

    /// The chats that a key means.
    pub(super) fn of_key(&self, key: &Key<'_>) -> Result<Vec<AddressPattern>, Problem> {
        match key.name.strip_prefix(PREFIX) {
            Some(name) => self
                .named(name)
                .map_err(|(message, hint)| key.problem(format!("`{}` {message}", key.name)).hint(hint)),
            None => key.parsed().map(|pattern| vec![pattern]),
        }
    }

    /// The chats of a set; or what to say of the name, and a hint.
    fn named(&self, name: &str) -> Result<Vec<AddressPattern>, (String, String)> {
        self.0.get(name).cloned().ok_or_else(|| {
            let names = self.0.keys().map(String::as_str);
            let hint = match nearest(name, names) {
                Some(near) => format!("did you mean `chats.{near}`?"),
                None => format!("write `[chats.{}]` with `addresses = [\"qq/group/552603\"]`", shown(name)),
            };
            (format!("is a set that there is not: `chats.{}`", shown(name)), hint)
        })
    }
}

fn check_name(key: &Key<'_>) -> Result<(), Problem> {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    match (1..=64).contains(&key.name.len()) && key.name.chars().all(plain) {
        true => Ok(()),
        false => Err(key.problem(format!(
            "`{}` cannot name a set of chats: use 1 to 64 lower case letters, digits and `-`",
            shown(key.name)
        ))),
    }
}

fn shown(name: &str) -> String {
    name.chars().take(64).collect()
}
