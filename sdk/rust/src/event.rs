//! What happened, and questions that rules ask about it.

use std::time::Duration;

use serde::de::DeserializeOwned;

use crate::types::{
    Attrs, Chat, ChatKind, Event, EventBody, EventKind, Mention, Message, Person, Role, Segment, Target,
};

/// The value that `attrs` has for a name, if it has one of this type.
fn attr<T: DeserializeOwned>(attrs: &Attrs, name: &str) -> Option<T> {
    let attr = attrs.iter().find(|attr| attr.name == name)?;
    serde_json::from_str(&attr.value).ok()
}

impl Event {
    /// Which case its body is.
    pub fn kind(&self) -> EventKind {
        match self.body {
            EventBody::MessageReceived(_) => EventKind::MessageReceived,
            EventBody::MessageSent(_) => EventKind::MessageSent,
            EventBody::GroupNotice(_) => EventKind::GroupNotice,
            EventBody::FriendJoined(_) => EventKind::FriendJoined,
            EventBody::FriendLost(_) => EventKind::FriendLost,
            EventBody::GroupJoined(_) => EventKind::GroupJoined,
            EventBody::GroupLost(_) => EventKind::GroupLost,
            EventBody::DiscussJoined(_) => EventKind::DiscussJoined,
            EventBody::DiscussLost(_) => EventKind::DiscussLost,
            EventBody::MemberJoined(_) => EventKind::MemberJoined,
            EventBody::MemberLost(_) => EventKind::MemberLost,
            EventBody::PropertyChanged(_) => EventKind::PropertyChanged,
            EventBody::Muted(_) => EventKind::Muted,
            EventBody::Unmuted(_) => EventKind::Unmuted,
            EventBody::Recalled(_) => EventKind::Recalled,
            EventBody::FriendRequest(_) => EventKind::FriendRequest,
            EventBody::GroupRequest(_) => EventKind::GroupRequest,
            EventBody::GroupInvite(_) => EventKind::GroupInvite,
            EventBody::AccountState(_) => EventKind::AccountState,
            EventBody::Login(_) => EventKind::Login,
            EventBody::Stopped => EventKind::Stopped,
            EventBody::QrCode(_) => EventKind::QrCode,
            EventBody::TimerFired(_) => EventKind::TimerFired,
            EventBody::FetchFinished(_) => EventKind::FetchFinished,
            EventBody::ActionResult(_) => EventKind::ActionResult,
            EventBody::Other(_) => EventKind::Other,
        }
    }

    /// The message that was received or sent, if one was.
    pub fn message(&self) -> Option<&Message> {
        match &self.body {
            EventBody::MessageReceived(message) | EventBody::MessageSent(message) => Some(message),
            _ => None,
        }
    }

    /// The message's text; empty if there is no message.
    pub fn text(&self) -> &str {
        self.message().map_or("", |message| &message.text)
    }

    /// Who said the message.
    pub fn sender(&self) -> Option<&Person> {
        self.message().map(|message| &message.sender)
    }

    /// The id of the chat it happened in.
    pub fn chat_id(&self) -> Option<&str> {
        self.chat.as_ref().map(|chat| chat.id.as_str())
    }

    /// What kind of chat it happened in.
    pub fn chat_kind(&self) -> Option<ChatKind> {
        self.chat.as_ref().map(|chat| chat.kind)
    }

    /// The group it happened in, if it was a group.
    pub fn group(&self) -> Option<&Chat> {
        self.chat.as_ref().filter(|chat| chat.kind == ChatKind::Group)
    }

    /// Whether this is the account itself.
    pub fn is_self(&self, person: &Person) -> bool {
        person.id == self.self_id
    }

    /// Whether the message calls the account, by name or with everybody.
    pub fn is_mentioned(&self) -> bool {
        self.message().is_some_and(|message| {
            message.segments.iter().any(|segment| match segment {
                Segment::Mention(mention) => mention.id == self.self_id,
                Segment::MentionAll => true,
                _ => false,
            })
        })
    }

    /// How old it was when the host received it. A host that was away receives what it missed: a rule that
    /// moderates leaves old events alone.
    pub fn age(&self) -> Duration {
        Duration::from_millis(u64::try_from(self.received_at.saturating_sub(self.time)).unwrap_or(0))
    }

    /// What has no field of its own, if it is there and of this type.
    pub fn attr<T: DeserializeOwned>(&self, name: &str) -> Option<T> {
        attr(&self.attrs, name)
    }
}

impl Message {
    /// The people whom it calls.
    pub fn mentions(&self) -> impl Iterator<Item = &Mention> {
        self.segments.iter().filter_map(|segment| match segment {
            Segment::Mention(mention) => Some(mention),
            _ => None,
        })
    }

    /// The id of the message that it answers.
    pub fn quoted(&self) -> Option<&str> {
        self.segments.iter().find_map(|segment| match segment {
            Segment::ReplyTo(id) => Some(id.as_str()),
            _ => None,
        })
    }

    /// What has no field of its own, if it is there and of this type.
    pub fn attr<T: DeserializeOwned>(&self, name: &str) -> Option<T> {
        attr(&self.attrs, name)
    }
}

impl Person {
    /// What the chat calls them: their card in the group, else their own name, else their number or id.
    pub fn display_name(&self) -> &str {
        let given = [self.card.as_deref(), Some(self.name.as_str()), self.uid.as_deref()];
        given.into_iter().flatten().find(|name| !name.trim().is_empty()).unwrap_or(&self.id)
    }

    /// Whether they are known to be the owner or an admin of the group of the event.
    pub fn is_admin(&self) -> bool {
        self.role.is_some_and(|role| role >= Role::Admin)
    }

    /// What has no field of its own, if it is there and of this type.
    pub fn attr<T: DeserializeOwned>(&self, name: &str) -> Option<T> {
        attr(&self.attrs, name)
    }
}

impl Target {
    /// A friend, by id.
    pub fn friend(id: impl Into<String>) -> Self {
        Self::new(ChatKind::Friend, id)
    }

    /// A group, by id.
    pub fn group(id: impl Into<String>) -> Self {
        Self::new(ChatKind::Group, id)
    }

    /// A discuss, by id.
    pub fn discuss(id: impl Into<String>) -> Self {
        Self::new(ChatKind::Discuss, id)
    }

    /// Any kind of chat, by id, in the account of the event.
    pub fn new(kind: ChatKind, id: impl Into<String>) -> Self {
        Self { account: None, kind, id: id.into(), via: None }
    }

    /// In another account, by its name. The operator has to grant that.
    #[must_use]
    pub fn on_account(mut self, account: impl Into<String>) -> Self {
        self.account = Some(account.into());
        self
    }
}

impl From<&Chat> for Target {
    fn from(chat: &Chat) -> Self {
        Self { account: None, kind: chat.kind, id: chat.id.clone(), via: chat.via.clone() }
    }
}
