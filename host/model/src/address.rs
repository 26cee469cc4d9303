//! A chat as text, `account/kind/id` (`qq/group/552603`): the same text in config, logs, CLI, API and journal.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::names::{AccountName, NameError};

/// What kind of conversation a chat is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ChatKind {
    /// One friend.
    Friend,
    /// A group with members, roles and moderation.
    Group,
    /// A discussion: members, an owner, no moderation.
    Discuss,
    /// A stranger met in a group or a discuss (Openqq: sess).
    Temporary,
    /// Anything else.
    Other,
}

impl ChatKind {
    /// As it stands in addresses.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Friend => "friend",
            Self::Group => "group",
            Self::Discuss => "discuss",
            Self::Temporary => "temporary",
            Self::Other => "other",
        }
    }
}

impl FromStr for ChatKind {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        [Self::Friend, Self::Group, Self::Discuss, Self::Temporary, Self::Other]
            .into_iter()
            .find(|kind| kind.as_str() == text)
            .ok_or_else(|| NameError {
                what: "chat kind",
                given: text.chars().take(80).collect(),
                rule: "one of friend, group, discuss, temporary, other",
            })
    }
}

impl fmt::Display for ChatKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A chat within an account: its kind and id.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ChatRef {
    /// What kind of conversation.
    pub kind: ChatKind,
    /// The friend's, group's, discuss's or stranger's id. May hold any character, `/` too.
    pub id: String,
}

/// Where something happens: a chat of an account, or the account as a whole.
///
/// Events of one address are handled in order; a script's state belongs to an address.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Address {
    /// The account.
    pub account: AccountName,
    /// The chat; `None` is the account as a whole.
    pub chat: Option<ChatRef>,
}

impl Address {
    /// The address of a chat.
    pub fn chat(account: AccountName, kind: ChatKind, id: impl Into<String>) -> Self {
        Self { account, chat: Some(ChatRef { kind, id: id.into() }) }
    }

    /// The address of an account as a whole.
    pub fn account(account: AccountName) -> Self {
        Self { account, chat: None }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.chat {
            Some(chat) => write!(f, "{}/{}/{}", self.account, chat.kind, chat.id),
            None => write!(f, "{}", self.account),
        }
    }
}

impl FromStr for Address {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        let mut parts = text.splitn(3, '/');
        let account = parts.next().unwrap_or_default().parse()?;
        match (parts.next(), parts.next()) {
            (None, _) => Ok(Self { account, chat: None }),
            (Some(kind), Some(id)) if !id.is_empty() => {
                Ok(Self { account, chat: Some(ChatRef { kind: kind.parse()?, id: id.to_owned() }) })
            }
            _ => Err(NameError {
                what: "address",
                given: text.chars().take(80).collect(),
                rule: "`account/kind/id`, for example `qq/group/552603`",
            }),
        }
    }
}

impl TryFrom<String> for Address {
    type Error = NameError;

    fn try_from(text: String) -> Result<Self, NameError> {
        text.parse()
    }
}

impl From<Address> for String {
    fn from(address: Address) -> String {
        address.to_string()
    }
}

/// A set of addresses: an address with `*` in any place. `*` alone is every chat, `qq` every chat of an account.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct AddressPattern {
    account: Option<AccountName>,
    kind: Option<ChatKind>,
    id: Option<String>,
}

impl AddressPattern {
    /// Every chat of every account.
    pub fn all() -> Self {
        Self { account: None, kind: None, id: None }
    }

    /// Every chat of an account, and the account itself.
    pub fn account_wide(account: AccountName) -> Self {
        Self { account: Some(account), kind: None, id: None }
    }

    /// The account that all of the set belongs to, if it is one.
    pub fn account(&self) -> Option<&AccountName> {
        self.account.as_ref()
    }

    /// Whether an address is in the set. An address without a chat is in it if no kind or id is asked for.
    pub fn matches(&self, address: &Address) -> bool {
        self.account.as_ref().is_none_or(|account| *account == address.account)
            && match &address.chat {
                Some(chat) => {
                    self.kind.is_none_or(|kind| kind == chat.kind)
                        && self.id.as_ref().is_none_or(|id| *id == chat.id)
                }
                None => self.kind.is_none() && self.id.is_none(),
            }
    }

    /// How narrow the set is, for choosing the narrowest of several: an id counts most.
    pub fn narrowness(&self) -> u8 {
        u8::from(self.id.is_some()) * 4 + u8::from(self.kind.is_some()) * 2 + u8::from(self.account.is_some())
    }
}

impl fmt::Display for AddressPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let account = self.account.as_ref().map_or("*", AccountName::as_str);
        let kind = self.kind.map_or("*", ChatKind::as_str);
        let id = self.id.as_deref().unwrap_or("*");
        write!(f, "{account}/{kind}/{id}")
    }
}

impl From<&Address> for AddressPattern {
    /// That address alone; every chat of an account, if it is that of an account.
    fn from(address: &Address) -> Self {
        let chat = address.chat.as_ref();
        Self {
            account: Some(address.account.clone()),
            kind: chat.map(|chat| chat.kind),
            id: chat.map(|chat| chat.id.clone()),
        }
    }
}

impl FromStr for AddressPattern {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        let mut parts = text.splitn(3, '/').map(|part| (part != "*").then_some(part));
        let part = parts.next().flatten();
        let account = part.map(str::parse).transpose()?;
        let kind = parts.next().flatten().map(str::parse).transpose()?;
        let id = parts.next().flatten().map(str::to_owned);
        if id.as_deref() == Some("") {
            return Err(NameError {
                what: "address pattern",
                given: text.chars().take(80).collect(),
                rule: "`account/kind/id` with `*` in any place, for example `qq/group/*`",
            });
        }
        Ok(Self { account, kind, id })
    }
}

impl TryFrom<String> for AddressPattern {
    type Error = NameError;

    fn try_from(text: String) -> Result<Self, NameError> {
        text.parse()
    }
}

impl From<AddressPattern> for String {
    fn from(pattern: AddressPattern) -> String {
        pattern.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_survives_its_text_form_even_with_slashes_in_the_id() {
        for text in ["qq/group/552603", "qq", "wx/friend/@a/b"] {
            assert_eq!(text.parse::<Address>().unwrap().to_string(), text);
        }
        for bad in ["", "qq/", "qq/group", "qq/group/", "qq/nope/1", "a b/group/1"] {
            assert!(bad.parse::<Address>().is_err(), "{bad:?}");
        }
    }

    #[test]
    fn a_star_matches_in_any_place() {
        let group: Address = "qq/group/1".parse().unwrap();
        let account: Address = "qq".parse().unwrap();
        let matches = |pattern: &str, address| pattern.parse::<AddressPattern>().unwrap().matches(address);
        for pattern in ["*", "qq", "qq/*", "qq/group/*", "*/group/1", "*/*/1"] {
            assert!(matches(pattern, &group), "{pattern}");
        }
        for pattern in ["wx", "qq/friend/*", "qq/group/2"] {
            assert!(!matches(pattern, &group), "{pattern}");
        }
        assert!(matches("qq/*/*", &account));
        assert!(!matches("qq/group/*", &account));
    }
}
