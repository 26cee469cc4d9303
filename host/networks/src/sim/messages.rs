//! The messages that the network remembers, so that they can be taken back, and what they are called.

use std::collections::{HashMap, VecDeque};

use mynah_model::address::ChatRef;
use mynah_model::clock::UnixMs;
use mynah_model::roster::Person;

/// How many messages can still be taken back; the oldest are forgotten first.
pub(super) const REMEMBERED: usize = 10_000;

/// How long people can take back what they said themselves, in milliseconds: two minutes, as in QQ and WeChat.
pub(super) const OWN_RECALL_MS: i64 = 120_000;

/// What is known of a message that was said.
#[derive(Debug, Clone)]
pub(super) struct Remembered {
    /// Where.
    pub(super) chat: ChatRef,
    /// By whom, as an event shows them.
    pub(super) sender: Person,
    /// When.
    pub(super) time: UnixMs,
    /// Whether it was taken back since.
    pub(super) recalled: bool,
}

/// The newest [`REMEMBERED`] messages of all chats.
#[derive(Debug, Default)]
pub(super) struct Messages {
    by_id: HashMap<String, Remembered>,
    oldest_first: VecDeque<String>,
}

impl Messages {
    pub(super) fn remember(&mut self, id: String, message: Remembered) {
        if self.oldest_first.len() >= REMEMBERED
            && let Some(oldest) = self.oldest_first.pop_front()
        {
            self.by_id.remove(&oldest);
        }
        self.oldest_first.push_back(id.clone());
        self.by_id.insert(id, message);
    }

    pub(super) fn get(&self, id: &str) -> Option<&Remembered> {
        self.by_id.get(id)
    }

    pub(super) fn mark_recalled(&mut self, id: &str) {
        if let Some(message) = self.by_id.get_mut(id) {
            message.recalled = true;
        }
    }

    pub(super) fn clear(&mut self) {
        self.by_id.clear();
        self.oldest_first.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use mynah_model::address::ChatKind;

    #[test]
    fn the_oldest_message_is_forgotten_first() {
        let mut messages = Messages::default();
        for number in 0..=REMEMBERED {
            let chat = ChatRef { kind: ChatKind::Group, id: "1".into() };
            let message = Remembered { chat, sender: Person::default(), time: 0, recalled: false };
            messages.remember(number.to_string(), message);
        }
        assert!(messages.get("0").is_none());
        assert!(messages.get("1").is_some());
        assert_eq!(messages.by_id.len(), REMEMBERED);
    }
}
