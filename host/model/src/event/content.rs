//! What events hold: the chat, and what is particular to a kind of event.

use serde::{Deserialize, Serialize};

use crate::Attrs;
use crate::action::Outcome;
use crate::address::ChatKind;
use crate::names::ScriptName;
use crate::roster::Person;

/// A conversation, as an event names it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Chat {
    /// What kind of conversation.
    pub kind: ChatKind,
    /// The friend's, group's, discuss's or stranger's id.
    pub id: String,
    /// The name shown to people; empty if it is not known.
    pub name: String,
    /// For a temporary chat, where the stranger was met: `group/ID` or `discuss/ID`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub via: Option<String>,
    /// What has no field of its own.
    #[serde(default, skip_serializing_if = "Attrs::is_empty")]
    pub attrs: Attrs,
}

/// Why somebody is in a chat now, or no longer is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum MembershipCause {
    /// By themselves.
    Joined,
    /// Somebody who was in brought them in.
    Invited,
    /// By themselves.
    Left,
    /// An admin or the owner removed them.
    Kicked,
    /// The chat itself ended.
    Dissolved,
    /// The network does not say.
    Unknown,
}

/// Somebody came into a chat or left it. The chat is the event's.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Membership {
    /// Who came or left: for groups and discusses won or lost the account itself.
    pub who: Person,
    /// Who brought them in or removed them, if that was somebody else.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<Person>,
    /// How it came about.
    pub cause: MembershipCause,
}

/// What a changed property belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PropertyOwner {
    /// The account itself.
    User,
    /// A friend.
    Friend,
    /// The group of the event.
    Group,
    /// A member of the group of the event.
    GroupMember,
    /// The discuss of the event.
    Discuss,
    /// A member of the discuss of the event.
    DiscussMember,
}

/// A name, a card, a role or another property is no longer what it was.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PropertyChange {
    /// What it belongs to.
    pub owner: PropertyOwner,
    /// The friend or member; `None` where the owner is the account or the chat.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub who: Option<Person>,
    /// The property in the API's word: `name`, `markname`, `card`, `role` ...
    pub property: String,
    /// What it was.
    pub old: Option<String>,
    /// What it is now.
    pub new: Option<String>,
}

/// A member, or everybody, may not speak or may speak again.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Mute {
    /// Whom it concerns; `None` is everybody but the owner and the admins.
    pub member: Option<Person>,
    /// For how many seconds from the event's time.
    pub seconds: Option<u32>,
    /// Who did it, if the network says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<Person>,
}

/// A message was taken back.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Recall {
    /// The id of the message.
    pub message_id: String,
    /// Who had said it, if that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sender: Option<Person>,
    /// Who took it back, if that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<Person>,
}

/// Somebody asks for something that the account can grant.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Request {
    /// What an answer names.
    pub id: String,
    /// Who asks.
    pub from: Person,
    /// What they say about it; may be empty.
    pub text: String,
}

/// What an account is doing, in the order it usually happens. `scaning` is spelled as the original does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AccountState {
    /// Made, not started.
    Init,
    /// Reading its configuration.
    Loading,
    /// Waiting for the QR code to be scanned.
    Scaning,
    /// Scanned: waiting for the person to confirm.
    Confirming,
    /// Fetching friends, groups and members.
    Updating,
    /// Working.
    Running,
    /// Stopped.
    Stop,
}

impl AccountState {
    /// As it stands in the API.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Init => "init",
            Self::Loading => "loading",
            Self::Scaning => "scaning",
            Self::Confirming => "confirming",
            Self::Updating => "updating",
            Self::Running => "running",
            Self::Stop => "stop",
        }
    }
}

/// What became of an action.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ActionResult {
    /// The script that asked.
    pub script: ScriptName,
    /// The tag that the action carried.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tag: Option<String>,
    /// The name of the action.
    pub action: String,
    /// How it ended.
    pub outcome: Outcome,
    /// A stable code; `ok` if it was done.
    pub code: String,
    /// One sentence for a person.
    pub text: String,
    /// The id of the message that was sent, if one was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message_id: Option<String>,
}

/// An HTTP answer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FetchResponse {
    /// The status code.
    pub status: u16,
    /// Lower case names and values, in the order received.
    pub headers: Vec<(String, String)>,
    /// The bytes, undecoded.
    #[serde(with = "crate::blob")]
    pub body: Vec<u8>,
}
