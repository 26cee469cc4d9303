//! What happened in an account. An event is numbered by the host and never changes afterwards.
//!
//! # Layout
//! - here: the event, what happened, and the kinds of that
//! - `content`: what the kinds hold

mod content;

use serde::{Deserialize, Serialize};

use crate::Attrs;
use crate::address::Address;
use crate::clock::UnixMs;
use crate::message::Message;
use crate::names::{AccountName, ScriptName, Seq};
use crate::roster::Person;

pub use content::{
    AccountState, ActionResult, Chat, FetchResponse, Membership, MembershipCause, Mute, PropertyChange,
    PropertyOwner, Recall, Request,
};

/// What happened.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum EventBody {
    /// Somebody said something to the account or in one of its chats.
    MessageReceived(Message),
    /// The account said something.
    MessageSent(Message),
    /// A notice was put up in the group.
    GroupNotice {
        /// Who put it up.
        author: Option<Person>,
        /// What it says.
        text: String,
    },
    /// Somebody is a friend now.
    FriendJoined {
        /// The friend.
        who: Person,
    },
    /// Somebody is no longer a friend.
    FriendLost {
        /// The friend.
        who: Person,
    },
    /// The account is in this group now.
    GroupJoined(Membership),
    /// The account is no longer in this group.
    GroupLost(Membership),
    /// The account is in this discuss now.
    DiscussJoined(Membership),
    /// The account is no longer in this discuss.
    DiscussLost(Membership),
    /// Somebody else is in this group or discuss now.
    MemberJoined(Membership),
    /// Somebody else is no longer in this group or discuss.
    MemberLost(Membership),
    /// A name, card, role or other property changed.
    PropertyChanged(PropertyChange),
    /// A member, or everybody, may not speak.
    Muted(Mute),
    /// A member, or everybody, may speak again.
    Unmuted(Mute),
    /// A message was taken back.
    Recalled(Recall),
    /// Somebody wants to be a friend.
    FriendRequest(Request),
    /// Somebody wants to come into the group.
    GroupRequest(Request),
    /// Somebody wants the account to come into the group.
    GroupInvite(Request),
    /// The account's state changed.
    AccountState {
        /// What it was.
        old: AccountState,
        /// What it is.
        new: AccountState,
    },
    /// The account is logged in.
    Login {
        /// Whether a QR code was scanned for it.
        scanned: bool,
    },
    /// The account stopped: for good, or with its host.
    Stopped,
    /// A QR code waits to be scanned.
    QrCode {
        /// What the code says.
        text: String,
        /// Where the picture lies, if there is one.
        path: Option<String>,
    },
    /// A timer came due.
    TimerFired {
        /// The script that set it.
        script: ScriptName,
        /// The tag it was set with.
        tag: String,
        /// When it was due.
        due: UnixMs,
        /// What the script gave to be handed back.
        payload: Option<String>,
    },
    /// A fetch is over.
    FetchFinished {
        /// The script that asked.
        script: ScriptName,
        /// The tag that the action carried.
        tag: String,
        /// The answer; or why there is none.
        response: Result<FetchResponse, String>,
    },
    /// What became of an action whose script asked to be told.
    ActionResult(ActionResult),
    /// Anything else.
    Other {
        /// What it is, in the network's own word.
        #[serde(rename = "what")]
        kind: String,
        /// All that is known of it, a JSON text.
        json: String,
    },
}

/// The name of each case of [`EventBody`], for routing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[expect(missing_docs, reason = "each case is documented at EventBody")]
pub enum EventKind {
    MessageReceived,
    MessageSent,
    GroupNotice,
    FriendJoined,
    FriendLost,
    GroupJoined,
    GroupLost,
    DiscussJoined,
    DiscussLost,
    MemberJoined,
    MemberLost,
    PropertyChanged,
    Muted,
    Unmuted,
    Recalled,
    FriendRequest,
    GroupRequest,
    GroupInvite,
    AccountState,
    Login,
    Stopped,
    QrCode,
    TimerFired,
    FetchFinished,
    ActionResult,
    Other,
}

impl EventKind {
    /// Every kind, in the order of the contract.
    pub const ALL: [Self; 26] = [
        Self::MessageReceived,
        Self::MessageSent,
        Self::GroupNotice,
        Self::FriendJoined,
        Self::FriendLost,
        Self::GroupJoined,
        Self::GroupLost,
        Self::DiscussJoined,
        Self::DiscussLost,
        Self::MemberJoined,
        Self::MemberLost,
        Self::PropertyChanged,
        Self::Muted,
        Self::Unmuted,
        Self::Recalled,
        Self::FriendRequest,
        Self::GroupRequest,
        Self::GroupInvite,
        Self::AccountState,
        Self::Login,
        Self::Stopped,
        Self::QrCode,
        Self::TimerFired,
        Self::FetchFinished,
        Self::ActionResult,
        Self::Other,
    ];
}

impl EventBody {
    /// Which case this is.
    pub fn kind(&self) -> EventKind {
        match self {
            Self::MessageReceived(_) => EventKind::MessageReceived,
            Self::MessageSent(_) => EventKind::MessageSent,
            Self::GroupNotice { .. } => EventKind::GroupNotice,
            Self::FriendJoined { .. } => EventKind::FriendJoined,
            Self::FriendLost { .. } => EventKind::FriendLost,
            Self::GroupJoined(_) => EventKind::GroupJoined,
            Self::GroupLost(_) => EventKind::GroupLost,
            Self::DiscussJoined(_) => EventKind::DiscussJoined,
            Self::DiscussLost(_) => EventKind::DiscussLost,
            Self::MemberJoined(_) => EventKind::MemberJoined,
            Self::MemberLost(_) => EventKind::MemberLost,
            Self::PropertyChanged(_) => EventKind::PropertyChanged,
            Self::Muted(_) => EventKind::Muted,
            Self::Unmuted(_) => EventKind::Unmuted,
            Self::Recalled(_) => EventKind::Recalled,
            Self::FriendRequest(_) => EventKind::FriendRequest,
            Self::GroupRequest(_) => EventKind::GroupRequest,
            Self::GroupInvite(_) => EventKind::GroupInvite,
            Self::AccountState { .. } => EventKind::AccountState,
            Self::Login { .. } => EventKind::Login,
            Self::Stopped => EventKind::Stopped,
            Self::QrCode { .. } => EventKind::QrCode,
            Self::TimerFired { .. } => EventKind::TimerFired,
            Self::FetchFinished { .. } => EventKind::FetchFinished,
            Self::ActionResult(_) => EventKind::ActionResult,
            Self::Other { .. } => EventKind::Other,
        }
    }

    /// The message, of a message received or sent.
    pub fn message(&self) -> Option<&Message> {
        match self {
            Self::MessageReceived(message) | Self::MessageSent(message) => Some(message),
            _ => None,
        }
    }

    /// The only script that may see this event: timers, fetches and action results belong to who asked.
    pub fn owner(&self) -> Option<&ScriptName> {
        match self {
            Self::TimerFired { script, .. } | Self::FetchFinished { script, .. } => Some(script),
            Self::ActionResult(result) => Some(&result.script),
            _ => None,
        }
    }
}

/// Something that happened in an account.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Event {
    /// Its number.
    pub seq: Seq,
    /// The account it happened in.
    pub account: AccountName,
    /// The network of that account.
    pub network: String,
    /// The account's own id on its network.
    pub self_id: String,
    /// When it happened, by the network's clock.
    pub time: UnixMs,
    /// When the host received it, by the host's clock.
    pub received_at: UnixMs,
    /// The event that caused this one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cause: Option<Seq>,
    /// How many messages deep its causes go; 0 for what a person did.
    pub depth: u32,
    /// The script whose action this is the consequence of: it does not see a message that it sent itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by_script: Option<ScriptName>,
    /// The chat it happened in; `None` for what concerns the account as a whole.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub chat: Option<Chat>,
    /// What happened.
    pub body: EventBody,
    /// What has no field of its own.
    #[serde(default, skip_serializing_if = "Attrs::is_empty")]
    pub attrs: Attrs,
}

impl Event {
    /// Where it happened: events of one address are handled in order.
    pub fn address(&self) -> Address {
        match &self.chat {
            Some(chat) => Address::chat(self.account.clone(), chat.kind, chat.id.clone()),
            None => Address::account(self.account.clone()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::address::ChatKind;

    #[test]
    fn events_survive_json() {
        let event = Event {
            seq: Seq(7),
            account: "qq".parse().unwrap(),
            network: "sim".into(),
            self_id: "1".into(),
            time: 5,
            received_at: 6,
            cause: None,
            depth: 0,
            by_script: None,
            chat: Some(Chat {
                kind: ChatKind::Group,
                id: "2".into(),
                name: "群".into(),
                via: None,
                attrs: Attrs::new(),
            }),
            body: EventBody::Other { kind: "poke".into(), json: "{}".into() },
            attrs: Attrs::new(),
        };
        let json = serde_json::to_string(&event).unwrap();
        assert!(json.contains(r#""kind":"other","what":"poke""#), "{json}");
        assert_eq!(serde_json::from_str::<Event>(&json).unwrap(), event);
        assert_eq!(event.address().to_string(), "qq/group/2");
    }

    #[test]
    fn every_kind_is_listed_once() {
        let mut kinds = EventKind::ALL.to_vec();
        kinds.dedup();
        assert_eq!(kinds.len(), EventKind::ALL.len());
    }
}
