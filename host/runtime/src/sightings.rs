//! What an account saw lately that people name by an id alone: messages, and requests that wait for an answer; and where.
//!
//! A network takes such an id whatever chat it belongs to. So the gate holds the ids that a script names against this: a
//! script that may act in one chat takes back, quotes and answers nothing of another. What is not remembered is treated as
//! not seen. A start of the host takes up the newest of the journal.

use std::collections::hash_map::RandomState;
use std::collections::{HashMap, HashSet, VecDeque};
use std::hash::BuildHasher;

use mynah_model::address::{ChatKind, ChatRef};
use mynah_model::event::{Chat, EventBody};
use mynah_model::names::Seq;
use mynah_store::{Reader, StoreError};
use parking_lot::Mutex;

use crate::accounts::Accounts;
use crate::limits;

/// Events that are read from the journal at once.
const PAGE: u32 = 500;

/// The newest messages and requests of one account.
#[derive(Debug, Default)]
pub struct Sightings {
    hasher: RandomState,
    messages: Mutex<Messages>,
    requests: Mutex<Requests>,
}

/// Only hashes of chat and id, with a key of this run: 16 bytes for each message, and nobody can make two alike.
#[derive(Debug, Default)]
struct Messages {
    known: HashSet<u64>,
    oldest_first: VecDeque<u64>,
}

#[derive(Debug, Default)]
struct Requests {
    places: HashMap<String, Option<ChatRef>>,
    oldest_first: VecDeque<String>,
}

impl Sightings {
    /// Takes notice of something that happened in a chat of the account, or in none.
    pub fn note(&self, chat: Option<&Chat>, body: &EventBody) {
        match (body, chat) {
            (EventBody::MessageReceived(message) | EventBody::MessageSent(message), Some(chat)) => {
                self.messages.lock().put(self.hash(chat.kind, &chat.id, &message.id));
            }
            (
                EventBody::FriendRequest(request)
                | EventBody::GroupRequest(request)
                | EventBody::GroupInvite(request),
                chat,
            ) => {
                let place = chat.map(|chat| ChatRef { kind: chat.kind, id: chat.id.clone() });
                self.requests.lock().put(&request.id, place);
            }
            _ => {}
        }
    }

    /// Whether a message of this id was said in this chat.
    pub fn message_in(&self, kind: ChatKind, chat: &str, message_id: &str) -> bool {
        self.messages.lock().known.contains(&self.hash(kind, chat, message_id))
    }

    /// Where a request was made: in a chat, or in none.
    pub fn request(&self, request_id: &str) -> Option<Option<ChatRef>> {
        self.requests.lock().places.get(request_id).cloned()
    }

    fn hash(&self, kind: ChatKind, chat: &str, id: &str) -> u64 {
        self.hasher.hash_one((kind, chat, id))
    }
}

/// Has the accounts remember what the newest events of the journal say they saw, up to one.
pub(crate) fn recover(reader: &Reader, accounts: &Accounts, last: Seq) -> Result<(), StoreError> {
    let mut from = last.0.saturating_sub(limits::SIGHTINGS as u64) + 1;
    while from <= last.0 {
        match reader.events(Seq(from), PAGE) {
            Ok(events) => events.iter().for_each(|event| {
                if let Some(account) = accounts.get(event.account.as_str()) {
                    account.sightings().note(event.chat.as_ref(), &event.body);
                }
            }),
            Err(error @ StoreError::Unreadable { .. }) => {
                tracing::error!(%error, "scripts cannot name messages of {PAGE} events of an earlier run");
            }
            Err(error) => return Err(error),
        }
        from += u64::from(PAGE);
    }
    Ok(())
}

impl Messages {
    fn put(&mut self, hash: u64) {
        if !self.known.insert(hash) {
            return;
        }
        self.oldest_first.push_back(hash);
        if self.oldest_first.len() > limits::SIGHTINGS
            && let Some(oldest) = self.oldest_first.pop_front()
        {
            self.known.remove(&oldest);
        }
    }
}

impl Requests {
    fn put(&mut self, id: &str, place: Option<ChatRef>) {
        if self.places.insert(id.to_owned(), place).is_some() {
            return;
        }
        self.oldest_first.push_back(id.to_owned());
        if self.oldest_first.len() > limits::SIGHTED_REQUESTS
            && let Some(oldest) = self.oldest_first.pop_front()
        {
            self.places.remove(&oldest);
        }
    }
}

#[cfg(test)]
mod tests {
    use mynah_model::Attrs;
    use mynah_model::event::Request;
    use mynah_model::message::{Message, MessageClass, MessageSource};
    use mynah_model::roster::Person;

    use super::*;

    fn chat(id: &str) -> Chat {
        Chat { kind: ChatKind::Group, id: id.into(), name: String::new(), via: None, attrs: Attrs::new() }
    }

    fn message(id: &str) -> EventBody {
        EventBody::MessageReceived(Message {
            id: id.into(),
            sender: Person::default(),
            segments: Vec::new(),
            text: String::new(),
            class: MessageClass::Recv,
            source: MessageSource::Person,
            attrs: Attrs::new(),
        })
    }

    #[test]
    fn a_message_is_known_where_it_was_said_until_so_many_others_were() {
        let sightings = Sightings::default();
        sightings.note(Some(&chat("a")), &message("first"));
        assert!(sightings.message_in(ChatKind::Group, "a", "first"));
        assert!(!sightings.message_in(ChatKind::Group, "b", "first"));
        assert!(!sightings.message_in(ChatKind::Friend, "a", "first"));
        for number in 1..limits::SIGHTINGS {
            sightings.note(Some(&chat("b")), &message(&number.to_string()));
        }
        sightings.note(Some(&chat("b")), &message("1"));
        assert!(sightings.message_in(ChatKind::Group, "a", "first"), "what comes twice is one");
        sightings.note(Some(&chat("b")), &message("one more"));
        assert!(!sightings.message_in(ChatKind::Group, "a", "first"));
        assert!(sightings.message_in(ChatKind::Group, "b", "one more"));
    }

    #[test]
    fn a_request_is_known_with_its_chat_until_so_many_others_were() {
        let sightings = Sightings::default();
        let request = |id: &str| Request { id: id.into(), from: Person::default(), text: String::new() };
        sightings.note(Some(&chat("a")), &EventBody::GroupRequest(request("r")));
        sightings.note(None, &EventBody::FriendRequest(request("f")));
        let group = ChatRef { kind: ChatKind::Group, id: "a".into() };
        assert_eq!(sightings.request("r"), Some(Some(group)));
        assert_eq!(sightings.request("f"), Some(None));
        assert_eq!(sightings.request("x"), None);
        for number in 0..limits::SIGHTED_REQUESTS {
            sightings.note(None, &EventBody::FriendRequest(request(&number.to_string())));
        }
        assert_eq!(sightings.request("r"), None);
    }
}
