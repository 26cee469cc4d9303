//! What happened: from the protocol's events to the host's.
//!
//! `notices` has everything that is not a message.

use std::time::Duration;

use mynah_model::Attrs;
use mynah_model::address::ChatKind;
use mynah_model::clock::UnixMs;
use mynah_model::event::{Chat, EventBody};
use mynah_model::message::{Message, MessageClass, MessageSource, Segment, flatten};
use mynah_model::roster::{Person, Role, Roster};
use serde::Deserialize;

use super::frame::{Frame, Sender};
use super::limits;
use super::notices;
use super::oddity::{Oddities, Oddity};
use super::segments;
use super::values::{Text, object};
use crate::network::Happening;

/// What an event comes to.
#[derive(Debug)]
pub(super) enum Post {
    /// Something for the host.
    Happened(Box<Happening>),
    /// The peer is there, and may say how its account is and how often it will say so.
    Alive {
        /// Whether the account is online; `None` if it does not say.
        online: Option<bool>,
        /// How often heartbeats come.
        interval: Option<Duration>,
    },
    /// The account is no longer online, in the peer's words.
    Offline(String),
    /// The account is online again.
    Online,
    /// Nothing that anybody has to know.
    Nothing,
}

/// Reads the events of one connection.
pub(super) struct Reader<'a> {
    /// The account that is logged in.
    pub(super) self_id: i64,
    /// The host's time.
    pub(super) now: UnixMs,
    /// What the account knows: names that events lack.
    pub(super) roster: &'a Roster,
    pub(super) oddities: &'a Oddities,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Status {
    online: Option<bool>,
}

impl Reader<'_> {
    /// What an event comes to. `text` is the frame as it came.
    pub(super) fn read(&self, frame: &Frame<'_>, text: &str) -> Post {
        if frame.self_id.0.is_some_and(|id| id != self.self_id) {
            self.oddities.note(Oddity::OtherAccount, frame.post_type.name().unwrap_or_default());
            return Post::Nothing;
        }
        let post_type = frame.post_type.or_empty();
        match post_type {
            "message" if frame.user_id.id() != Some(self.self_id) => self.message(frame),
            // Before there was a type of its own for them, own messages were messages like all others.
            "message" | "message_sent" => self.own_message(frame),
            "meta_event" => self.meta(frame),
            "notice" | "request" => notices::read(self, frame, text),
            _ => self.happened(frame, None, other(post_type, text)),
        }
    }

    fn meta(&self, frame: &Frame<'_>) -> Post {
        if let Some(seconds) = frame.time.0 {
            let skew = self.now.saturating_sub(unix_ms(seconds));
            if skew.abs() > limits::CLOCK_SKEW_MS {
                let detail = format!("its clock is {} s behind ours", skew / 1_000);
                self.oddities.note(Oddity::Clock, detail);
            }
        }
        let status: Status = object(frame.status);
        let interval = frame.interval.id().and_then(|ms| u64::try_from(ms).ok()).map(Duration::from_millis);
        Post::Alive {
            online: status.online,
            interval: interval.filter(|_| frame.meta_event_type.get() == Some("heartbeat")),
        }
    }

    fn message(&self, frame: &Frame<'_>) -> Post {
        let Some(user_id) = frame.user_id.id() else {
            return self.incomplete("message without user_id");
        };
        let id = user_id.to_string();
        let sender: Sender<'_> = object(frame.sender);
        let person = Person {
            uid: Some(id.clone()),
            name: sender.nickname.name().unwrap_or_default(),
            card: sender.card.name(),
            role: role(&sender.role),
            id,
            ..Person::default()
        };
        let (chat, person) = match frame.message_type.get() {
            Some("group") => {
                let Some(group) = frame.group_id.id() else {
                    return self.incomplete("group message without group_id");
                };
                (self.group(group, &frame.group_name), self.anonymous(frame, person))
            }
            Some("private") => {
                (self.private(frame, &sender, &person), Person { card: None, role: None, ..person })
            }
            _ => return self.incomplete("message that is neither private nor group"),
        };
        let message = self.content(frame, &chat, person, MessageClass::Recv);
        self.happened(frame, Some(chat), EventBody::MessageReceived(message))
    }

    /// A message that the account itself sent, from wherever.
    fn own_message(&self, frame: &Frame<'_>) -> Post {
        let user = &self.roster.user;
        let mut person = Person { attrs: Attrs::new(), ..Person::clone(user) };
        let chat = match frame.message_type.get() {
            Some("group") => {
                let Some(group) = frame.group_id.id() else {
                    return self.incomplete("own group message without group_id");
                };
                let sender: Sender<'_> = object(frame.sender);
                (person.card, person.role) = (sender.card.name(), role(&sender.role));
                self.group(group, &frame.group_name)
            }
            Some("private") => {
                // Who it went to stands where the implementation has room for it.
                let others = [frame.target_id.id(), frame.user_id.id()].into_iter().flatten();
                let Some(to) = others.into_iter().find(|id| *id != self.self_id) else {
                    return self.incomplete("own private message without target_id");
                };
                // The sender is the account, whose groups say nothing of the chat.
                self.private(frame, &Sender::default(), &self.person(None, to))
            }
            _ => return self.incomplete("own message that is neither private nor group"),
        };
        let message = self.content(frame, &chat, person, MessageClass::Send);
        self.happened(frame, Some(chat), EventBody::MessageSent(message))
    }

    /// What a message says.
    fn content(&self, frame: &Frame<'_>, chat: &Chat, sender: Person, class: MessageClass) -> Message {
        let (mut segments, all) = match frame.message {
            Some(message) => segments::read(Some(message)),
            None => segments::from_cq(frame.raw_message.or_empty()),
        };
        if !all {
            self.oddities.note(Oddity::ManySegments, limits::SEGMENTS);
        }
        self.name_mentions(chat, &mut segments);
        let mut attrs = Attrs::new();
        if let Some(sub_type) =
            frame.sub_type.name().filter(|sub_type| !matches!(sub_type.as_str(), "normal" | "friend"))
        {
            attrs.insert("sub_type".to_owned(), sub_type.into());
        }
        if let Some(seq) = frame.message_seq.name() {
            attrs.insert("message_seq".to_owned(), seq.into());
        }
        Message {
            id: frame.message_id.or_empty().to_owned(),
            sender,
            text: flatten(&segments),
            segments,
            class,
            source: MessageSource::Person,
            attrs,
        }
    }

    /// QQ's anonymous members share one number; the name they were given tells them apart.
    fn anonymous(&self, frame: &Frame<'_>, person: Person) -> Person {
        #[derive(Default, Deserialize)]
        #[serde(default)]
        struct Anonymous<'a> {
            #[serde(borrow)]
            name: Text<'a>,
        }
        let anonymous: Anonymous<'_> = object(frame.anonymous);
        match anonymous.name.name() {
            Some(name) => Person { name, ..person },
            None => person,
        }
    }

    fn private(&self, frame: &Frame<'_>, sender: &Sender<'_>, person: &Person) -> Chat {
        let friend = self.roster.friends.get(&person.id);
        let kind = match frame.sub_type.get() {
            Some("friend") | None => ChatKind::Friend,
            Some("group") => ChatKind::Temporary,
            Some(_) if friend.is_some() => ChatKind::Friend,
            Some(_) => ChatKind::Other,
        };
        let met_in = sender.group_id.id().or(frame.group_id.id()).filter(|_| kind == ChatKind::Temporary);
        // Without the group it could not be answered as what it is.
        let kind = if kind == ChatKind::Temporary && met_in.is_none() { ChatKind::Other } else { kind };
        let name = friend.map_or(person.name.as_str(), |friend| friend.display_name());
        Chat {
            kind,
            id: person.id.clone(),
            name: name.to_owned(),
            via: met_in.map(|group| format!("group/{group}")),
            attrs: Attrs::new(),
        }
    }

    /// Events seldom say the name of whom they mention.
    fn name_mentions(&self, chat: &Chat, segments: &mut [Segment]) {
        for segment in segments {
            if let Segment::Mention { id, name } = segment
                && name.is_empty()
                && let Some(person) = self.known(chat, id)
            {
                person.display_name().clone_into(name);
            }
        }
    }

    fn known(&self, chat: &Chat, id: &str) -> Option<&Person> {
        let member = (chat.kind == ChatKind::Group).then(|| self.roster.member(&chat.id, id)).flatten();
        let user = Some(&self.roster.user).filter(|user| user.id == id);
        member.or(self.roster.friends.get(id)).or(user).map(|person| &**person)
    }

    /// A person whom an event only numbers, with what is known of them.
    pub(super) fn person(&self, chat: Option<&Chat>, id: i64) -> Person {
        let id = id.to_string();
        let known = match chat {
            Some(chat) => self.known(chat, &id),
            None => self.roster.friends.get(&id).map(|friend| &**friend),
        };
        match known {
            Some(person) => Person { attrs: Attrs::new(), ..person.clone() },
            None => Person { uid: Some(id.clone()), id, ..Person::default() },
        }
    }

    /// A group, with the name that the event or the roster has for it.
    pub(super) fn group(&self, id: i64, name: &Text<'_>) -> Chat {
        let id = id.to_string();
        let known = || self.roster.groups.get(&id).map_or("", |group| group.name.as_str());
        let name = name.name().unwrap_or_else(|| known().to_owned());
        Chat { kind: ChatKind::Group, id, name, via: None, attrs: Attrs::new() }
    }

    /// A friend's chat.
    pub(super) fn friend(&self, id: i64) -> Chat {
        let id = id.to_string();
        let name = self.roster.friends.get(&id).map_or("", |friend| friend.display_name()).to_owned();
        Chat { kind: ChatKind::Friend, id, name, via: None, attrs: Attrs::new() }
    }

    pub(super) fn incomplete(&self, detail: &str) -> Post {
        self.oddities.note(Oddity::Incomplete, detail);
        Post::Nothing
    }

    pub(super) fn happened(&self, frame: &Frame<'_>, chat: Option<Chat>, body: EventBody) -> Post {
        // What lies ahead of us comes from a wrong clock: it would never be too old to act on.
        let time = frame.time.id().map_or(self.now, unix_ms).min(self.now);
        Post::Happened(Box::new(Happening { time, chat, body, consequence: None, attrs: Attrs::new() }))
    }
}

/// Something that the model has no case for, as it came.
pub(super) fn other(kind: &str, text: &str) -> EventBody {
    let json = if text.len() <= limits::OTHER_BYTES { text } else { "{}" };
    EventBody::Other { kind: kind.chars().take(64).collect(), json: json.to_owned() }
}

pub(super) fn role(text: &Text<'_>) -> Option<Role> {
    match text.get() {
        Some("owner") => Some(Role::Owner),
        Some("admin") => Some(Role::Admin),
        Some("member") => Some(Role::Member),
        _ => None,
    }
}

/// Seconds by the protocol; what is too large for that are milliseconds.
fn unix_ms(time: i64) -> UnixMs {
    if time > 100_000_000_000 { time } else { time.saturating_mul(1_000) }
}

#[cfg(test)]
#[path = "posts_tests.rs"]
mod tests;
