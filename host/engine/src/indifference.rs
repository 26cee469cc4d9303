//! Why a script is not called for an event: what [`RuleSet::route`](crate::RuleSet::route) leaves out, said in words. Both are
//! held against each other by a test.

use std::fmt;

use mynah_model::address::{Address, ChatKind};
use mynah_model::event::{Event, EventBody, EventKind};
use mynah_model::message::Invocation;
use mynah_model::names::ScriptName;
use mynah_model::script::Filter;

use crate::rules::{names, says_one_of, words_wanted};
use crate::script::Script;

/// Why a script is not called for an event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Indifference {
    /// Timers, fetches and results belong to the script that asked.
    BelongsTo(ScriptName),
    /// The operator does not have it called there.
    Chat(Address),
    /// It sent the message itself.
    OwnMessage,
    /// Messages sent go only to scripts that name them.
    SentMessage,
    /// It wants other kinds of events.
    Kind(Vec<EventKind>),
    /// It wants other kinds of chats.
    ChatKind(Vec<ChatKind>),
    /// It waits for a command.
    Command(Vec<String>),
    /// It waits for words of its pattern sets.
    Patterns(Vec<String>),
}

impl fmt::Display for Indifference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BelongsTo(owner) => write!(f, "this belongs to script `{owner}`"),
            Self::Chat(address) => write!(f, "its `chats` in mynah.toml do not cover `{address}`"),
            Self::OwnMessage => f.write_str("it sent this message itself"),
            Self::SentMessage => f.write_str("messages that were sent go to scripts that name them"),
            Self::Kind(kinds) => {
                let kinds: Vec<_> = kinds.iter().map(word).collect();
                write!(f, "wants {} only", kinds.join(", "))
            }
            Self::ChatKind(kinds) => {
                let kinds: Vec<_> = kinds.iter().map(|kind| kind.as_str()).collect();
                write!(f, "wants chats of kind {} only", kinds.join(", "))
            }
            Self::Command(words) => {
                let words: Vec<_> = words.iter().map(|word| format!("`/{word}`")).collect();
                write!(f, "waits for {}", words.join(", "))
            }
            Self::Patterns(sets) => write!(f, "none of its patterns matches ({})", sets.join(", ")),
        }
    }
}

/// The kind as it stands in the journal.
fn word(kind: &EventKind) -> String {
    let json = serde_json::to_value(kind).unwrap_or_default();
    json.as_str().unwrap_or_default().to_owned()
}

impl Script {
    /// Why it is not called for an event; `None` if it is.
    pub fn indifference(&self, event: &Event) -> Option<Indifference> {
        if let Some(owner) = event.body.owner() {
            if *owner != self.name {
                return Some(Indifference::BelongsTo(owner.clone()));
            }
        } else if let Some(why) = self.unwanted(event) {
            return Some(why);
        }
        let address = event.address();
        if !self.covers(&address) {
            return Some(Indifference::Chat(address));
        }
        let own =
            matches!(event.body, EventBody::MessageSent(_)) && event.by_script.as_ref() == Some(&self.name);
        own.then_some(Indifference::OwnMessage)
    }

    /// Why none of its filters lets an event through: by the filter that came closest.
    fn unwanted(&self, event: &Event) -> Option<Indifference> {
        let kind = event.body.kind();
        let info = &self.release.info;
        if info.wants.is_empty() {
            return (kind == EventKind::MessageSent).then_some(Indifference::SentMessage);
        }
        let mut closest: Option<(u8, Indifference)> = None;
        for filter in &info.wants {
            let (depth, why) = self.stopped_by(filter, event, kind)?;
            if closest.as_ref().is_none_or(|(deepest, _)| depth > *deepest) {
                closest = Some((depth, why));
            }
        }
        match closest {
            // Several filters may be for different kinds: all of them are told.
            Some((0, _)) => {
                let mut kinds: Vec<_> = info.wants.iter().flat_map(|filter| filter.events.clone()).collect();
                kinds.sort_unstable();
                kinds.dedup();
                Some(if kinds.is_empty() { Indifference::SentMessage } else { Indifference::Kind(kinds) })
            }
            Some((_, why)) => Some(why),
            None => None,
        }
    }

    /// What of a filter keeps an event out, and how far it came; `None` if nothing does.
    fn stopped_by(&self, filter: &Filter, event: &Event, kind: EventKind) -> Option<(u8, Indifference)> {
        if !names(filter, kind) {
            return Some((0, Indifference::Kind(Vec::new())));
        }
        let in_chat = filter.chats.is_empty()
            || event.chat.as_ref().is_some_and(|chat| filter.chats.contains(&chat.kind));
        if !in_chat {
            return Some((1, Indifference::ChatKind(filter.chats.clone())));
        }
        if !filter.commands.is_empty() {
            let words = words_wanted(filter, &self.release.info.commands);
            let message = event.body.message();
            let called = message.and_then(|message| Invocation::parse(&message.text));
            if called.is_none_or(|call| !words.contains(&call.name.to_lowercase())) {
                return Some((2, Indifference::Command(words)));
            }
        }
        if !filter.pattern_sets.is_empty() && !says_one_of(self, &filter.pattern_sets, event) {
            return Some((3, Indifference::Patterns(filter.pattern_sets.clone())));
        }
        None
    }
}
