//! What a script, a webhook's answer or an API caller asks the host to do, and the act that comes of it.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::address::{Address, ChatKind};
use crate::clock::UnixMs;
use crate::message::{Media, MessageSource, Segment};
use crate::names::{AccountName, ActNumber, KeyName, ReleaseId, ScriptName, Seq};

/// Where an action goes, if not to the chat of the event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Target {
    /// The account that acts; `None` is the account of the event.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account: Option<AccountName>,
    /// What kind of conversation.
    pub kind: ChatKind,
    /// The friend's, group's, discuss's or stranger's id.
    pub id: String,
    /// For a temporary chat, where the stranger was met: `group/ID` or `discuss/ID`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub via: Option<String>,
}

/// When a timer fires.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum When {
    /// Once, so many milliseconds after the event's time.
    AfterMs(u64),
    /// Once, at this time.
    At(UnixMs),
    /// Again and again.
    Cron {
        /// Five fields, or six with seconds first.
        pattern: String,
        /// IANA name of the time zone; `None` is UTC.
        zone: Option<String>,
    },
    /// Something this host does not know.
    Other {
        /// What it is.
        kind: String,
        /// All that is known of it, a JSON text.
        json: String,
    },
}

/// What to do.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum ActionBody {
    /// Answer in the chat of the event.
    Reply {
        /// What to say.
        segments: Vec<Segment>,
        /// Whether to quote the message that is answered.
        quote: bool,
    },
    /// Say something in a chat.
    Send {
        /// What to say.
        segments: Vec<Segment>,
    },
    /// Send an image, a voice, a video or a file.
    SendMedia {
        /// What to send.
        media: Media,
    },
    /// Mute members.
    Shutup {
        /// Their ids.
        members: Vec<String>,
        /// Seconds, 60..=2_592_000 (QQ's limit; OneBot v11 set_group_ban).
        seconds: u32,
    },
    /// Let muted members speak again.
    Unshutup {
        /// Their ids.
        members: Vec<String>,
    },
    /// Mute everybody but the owner and the admins, or end that.
    ShutupAll {
        /// Whether to mute or to end it.
        on: bool,
    },
    /// Remove members.
    Kick {
        /// Their ids.
        members: Vec<String>,
        /// Whether to refuse them when they ask to come back.
        reject_again: bool,
    },
    /// Take a message back.
    Recall {
        /// Its id.
        message_id: String,
    },
    /// Set a member's card; empty removes it.
    SetCard {
        /// The member's id.
        member: String,
        /// The new card.
        card: String,
    },
    /// Set a group's name.
    SetGroupName {
        /// The new name.
        name: String,
    },
    /// Bring friends into a group.
    Invite {
        /// Their ids.
        friends: Vec<String>,
    },
    /// Answer a friend request, group request or group invite.
    AnswerRequest {
        /// The request's id.
        request_id: String,
        /// Whose request it must be; `None` if the id is enough.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        from: Option<String>,
        /// Yes or no.
        approve: bool,
        /// What to say about it.
        text: Option<String>,
    },
    /// Make a group of the account and some friends. It is done in no chat.
    CreateGroup {
        /// The friends' ids.
        friends: Vec<String>,
        /// Its name; `None` leaves it without one.
        name: Option<String>,
    },
    /// Set the name that the account uses for somebody: a friend, in the chat with them, or a member of a group.
    SetMarkname {
        /// The member's id; `None` in the chat with a friend.
        member: Option<String>,
        /// The new mark name; empty removes it.
        markname: String,
    },
    /// Keep a chat on top of the account's list of chats, or end that.
    Stick {
        /// Whether to keep it there or to end it.
        on: bool,
    },
    /// Ask somebody who is met in a group to be a friend: the target is the temporary chat with them.
    MakeFriend {
        /// What to say about it; may be empty.
        text: String,
    },
    /// Set a timer.
    Schedule {
        /// When it fires.
        when: When,
        /// Its name within the script and chat.
        tag: String,
        /// Handed back when it fires.
        payload: Option<String>,
    },
    /// Remove a timer.
    Cancel {
        /// Its name within the script and chat.
        tag: String,
    },
    /// Fetch something over HTTP.
    Fetch {
        /// Its name, handed back with the answer.
        tag: String,
        /// Upper case.
        method: String,
        /// Absolute.
        url: String,
        /// Headers to send.
        headers: Vec<(String, String)>,
        /// What to send.
        #[serde(with = "crate::blob::optional")]
        body: Option<Vec<u8>>,
        /// The name of a secret that the host adds; its value is never here.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        secret: Option<String>,
    },
    /// No script of lower priority sees this event.
    Stop,
    /// Something else.
    Other {
        /// What it is.
        #[serde(rename = "what")]
        kind: String,
        /// All that is known of it, a JSON text.
        json: String,
    },
}

impl ActionBody {
    /// The name of each action that a grant can name: those of the contract in its order, then those that only the
    /// API asks for so far.
    pub const NAMES: [&'static str; 21] = [
        "reply",
        "send",
        "send-media",
        "shutup",
        "unshutup",
        "shutup-all",
        "kick",
        "recall",
        "set-card",
        "set-group-name",
        "invite",
        "answer-request",
        "schedule",
        "cancel",
        "fetch",
        "stop",
        "other",
        "create-group",
        "set-markname",
        "stick",
        "make-friend",
    ];

    /// The action's name: what a grant names.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Reply { .. } => "reply",
            Self::Send { .. } => "send",
            Self::SendMedia { .. } => "send-media",
            Self::Shutup { .. } => "shutup",
            Self::Unshutup { .. } => "unshutup",
            Self::ShutupAll { .. } => "shutup-all",
            Self::Kick { .. } => "kick",
            Self::Recall { .. } => "recall",
            Self::SetCard { .. } => "set-card",
            Self::SetGroupName { .. } => "set-group-name",
            Self::Invite { .. } => "invite",
            Self::AnswerRequest { .. } => "answer-request",
            Self::CreateGroup { .. } => "create-group",
            Self::SetMarkname { .. } => "set-markname",
            Self::Stick { .. } => "stick",
            Self::MakeFriend { .. } => "make-friend",
            Self::Schedule { .. } => "schedule",
            Self::Cancel { .. } => "cancel",
            Self::Fetch { .. } => "fetch",
            Self::Stop => "stop",
            Self::Other { .. } => "other",
        }
    }
}

impl ActionBody {
    /// Bytes of its texts.
    fn texts(&self) -> usize {
        let all = |texts: &[String]| texts.iter().map(String::len).sum::<usize>();
        let maybe = |text: &Option<String>| text.as_ref().map_or(0, String::len);
        match self {
            Self::Reply { segments, .. } | Self::Send { segments } => {
                segments.iter().map(Segment::texts).sum()
            }
            Self::SendMedia { media } => media.texts(),
            Self::Shutup { members, .. } | Self::Unshutup { members } | Self::Kick { members, .. } => {
                all(members)
            }
            Self::Invite { friends } => all(friends),
            Self::CreateGroup { friends, name } => all(friends) + maybe(name),
            Self::Recall { message_id: text }
            | Self::SetGroupName { name: text }
            | Self::MakeFriend { text }
            | Self::Cancel { tag: text } => text.len(),
            Self::SetCard { member, card } => member.len() + card.len(),
            Self::SetMarkname { member, markname } => maybe(member) + markname.len(),
            Self::AnswerRequest { request_id, from, text, .. } => {
                request_id.len() + maybe(from) + maybe(text)
            }
            Self::Schedule { tag, payload, .. } => tag.len() + maybe(payload),
            Self::Fetch { tag, method, url, headers, body, secret } => {
                let headers: usize = headers.iter().map(|(name, value)| name.len() + value.len()).sum();
                let body = body.as_ref().map_or(0, Vec::len);
                tag.len() + method.len() + url.len() + headers + body + maybe(secret)
            }
            Self::Other { kind, json } => kind.len() + json.len(),
            Self::ShutupAll { .. } | Self::Stick { .. } | Self::Stop => 0,
        }
    }
}

/// An action and what goes with it, as it was asked for: nothing is checked yet.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Action {
    /// Where; `None` is the chat of the event.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<Target>,
    /// What to do.
    pub body: ActionBody,
    /// Handed back in the action's result.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tag: Option<String>,
    /// Whether the script is to be told what became of it.
    #[serde(default)]
    pub tell_result: bool,
    /// Why, for the people who read the journal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

impl Action {
    /// An action in the chat of the event, with nothing else to it.
    pub fn new(body: ActionBody) -> Self {
        Self { target: None, body, tag: None, tell_result: false, reason: None }
    }
}

/// Who asked for an action.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Actor {
    /// A script.
    Script {
        /// Its name.
        name: ScriptName,
        /// The release that decided.
        release: ReleaseId,
    },
    /// A caller of the HTTP API, where no key is asked for.
    Api,
    /// A caller of the HTTP API who gave this key.
    ApiKey {
        /// The key's name.
        key: KeyName,
    },
    /// The answer of a webhook.
    Webhook,
    /// A person whom the account's `operators` name, by a command in a chat.
    Operator {
        /// The person's id on the account's network.
        id: String,
    },
    /// The host itself: what it answers operators, and what it alerts them of.
    Host,
}

impl Actor {
    /// The script, if it is one.
    pub fn script(&self) -> Option<&ScriptName> {
        match self {
            Self::Script { name, .. } => Some(name),
            _ => None,
        }
    }

    /// Who it is without the name of a key, which is nobody's business who only watches the account:
    /// `script:NAME`, `api`, `webhook`, `operator:ID` or `host`.
    pub fn without_key(&self) -> String {
        match self {
            Self::ApiKey { .. } => Self::Api.to_string(),
            other => other.to_string(),
        }
    }

    /// As the source of a message.
    pub fn source(&self) -> MessageSource {
        match self {
            Self::Script { .. } => MessageSource::Script,
            Self::Api | Self::ApiKey { .. } => MessageSource::Api,
            Self::Webhook => MessageSource::Webhook,
            Self::Operator { .. } | Self::Host => MessageSource::Other,
        }
    }
}

impl fmt::Display for Actor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Script { name, .. } => write!(f, "script:{name}"),
            Self::Api => f.write_str("api"),
            Self::ApiKey { key } => write!(f, "api:{key}"),
            Self::Webhook => f.write_str("webhook"),
            Self::Operator { id } => write!(f, "operator:{id}"),
            Self::Host => f.write_str("host"),
        }
    }
}

/// An action that was granted: it has a number and a certain target, it stands in the outbox, and a network
/// can do it. A `reply` has become a `send` by then.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Act {
    /// Its number.
    pub number: ActNumber,
    /// The account that acts.
    pub account: AccountName,
    /// Where; for an answer to a request, the chat of the request or `None`; `None` for a new group.
    pub target: Option<Target>,
    /// What to do.
    pub body: ActionBody,
    /// Who asked.
    pub by: Actor,
    /// The event it was decided on.
    pub cause: Option<Seq>,
    /// Where that event happened: the action's result comes back there.
    #[serde(default)]
    pub origin: Option<Address>,
    /// How deep its consequences are: one more than the event it was decided on; 1 for an API caller's.
    pub depth: u32,
    /// Why.
    pub reason: Option<String>,
    /// The name or card that it replaces, as known when it was decided; empty if there was none. `None` if that is not
    /// known, or the act replaces nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<String>,
    /// Handed back in the action's result.
    pub tag: Option<String>,
    /// Whether the script is to be told what became of it.
    pub tell_result: bool,
    /// When it was decided, by the host's clock.
    pub decided_at: UnixMs,
    /// It is of no use after this time, by the host's clock.
    pub expires_at: UnixMs,
}

impl Act {
    /// About how many bytes of memory it takes.
    pub fn weight(&self) -> usize {
        /// What each takes beside its texts.
        const BASE: usize = 512;
        BASE.saturating_add(self.body.texts())
    }

    /// Where it acts: acts of one address are done in order.
    pub fn address(&self) -> Address {
        match &self.target {
            Some(target) => Address::chat(self.account.clone(), target.kind, target.id.clone()),
            None => Address::account(self.account.clone()),
        }
    }
}

/// How an action ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// The network did it.
    Done,
    /// The network refused it, or could not be reached.
    Failed,
    /// The host did not allow it.
    Refused,
    /// The network, or this host, has no such thing.
    Unsupported,
    /// It was handed to the network and no answer came: it may have happened. It is not repeated.
    Unknown,
    /// It was decided too late to be of use and was not done.
    Expired,
    /// The script runs dry: it was noted down and not done.
    DryRun,
}

impl Outcome {
    /// As it stands in answers and in the audit.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Failed => "failed",
            Self::Refused => "refused",
            Self::Unsupported => "unsupported",
            Self::Unknown => "unknown",
            Self::Expired => "expired",
            Self::DryRun => "dry-run",
        }
    }
}
