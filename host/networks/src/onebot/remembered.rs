//! What came before: what is sent on two ways, or again after a connection was lost, is taken once.

use std::collections::hash_map::Entry;
use std::collections::{HashMap, VecDeque};
use std::hash::{BuildHasher, RandomState};

use mynah_model::address::ChatRef;

use super::limits;

/// A way by which events come: one connection, or one post.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct WayIn(pub(super) u64);

/// Events that came before, each as a hash that only this process knows how to make: names that peers give have any length.
#[derive(Default)]
pub(super) struct Remembered {
    order: VecDeque<u64>,
    ways: HashMap<u64, WayIn>,
    hasher: RandomState,
}

impl Remembered {
    /// Whether a message came before; from now on it did. Implementations that start anew give their ids anew, so the time is
    /// part of it: the peer's own, as it stands in the frame. Ours is another one each time that a message comes.
    pub(super) fn knows_message(&mut self, chat: &ChatRef, id: &str, time: Option<i64>, way: WayIn) -> bool {
        self.first(self.hasher.hash_one((chat, id, time)), way).is_some()
    }

    /// Whether an event without an id came before by another way; from now on it did. By one way two that are alike are two:
    /// people poke each other twice in a second.
    pub(super) fn knows_frame(&mut self, text: &str, way: WayIn) -> bool {
        self.first(self.hasher.hash_one(text), way).is_some_and(|first| first != way)
    }

    /// The way by which something came first; `None` if that is now.
    fn first(&mut self, key: u64, way: WayIn) -> Option<WayIn> {
        match self.ways.entry(key) {
            Entry::Occupied(known) => return Some(*known.get()),
            Entry::Vacant(new) => new.insert(way),
        };
        self.order.push_back(key);
        if self.order.len() > limits::EVENTS_REMEMBERED
            && let Some(oldest) = self.order.pop_front()
        {
            self.ways.remove(&oldest);
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use mynah_model::address::ChatKind;

    use super::*;

    fn chat() -> ChatRef {
        ChatRef { kind: ChatKind::Group, id: "100".into() }
    }

    #[test]
    fn a_message_is_known_by_its_chat_id_and_time_however_it_comes() {
        let mut remembered = Remembered::default();
        let mut knows = |id, time, way| remembered.knows_message(&chat(), id, time, WayIn(way));
        assert!(!knows("1", Some(5), 1));
        assert!(knows("1", Some(5), 1) && knows("1", Some(5), 2));
        assert!(!knows("1", Some(6), 1), "an implementation that counts anew");
        assert!(!knows("2", None, 1) && knows("2", None, 2), "one that tells no time");
    }

    #[test]
    fn what_has_no_id_is_known_when_it_comes_by_another_way() {
        let mut remembered = Remembered::default();
        assert!(!remembered.knows_frame("poke", WayIn(1)) && !remembered.knows_frame("poke", WayIn(1)));
        assert!(remembered.knows_frame("poke", WayIn(2)));
        assert!(!remembered.knows_frame("another", WayIn(2)));
    }

    #[test]
    fn no_more_is_remembered_than_the_limit_says() {
        let mut remembered = Remembered::default();
        for number in 0..=limits::EVENTS_REMEMBERED {
            assert!(!remembered.knows_frame(&number.to_string(), WayIn(1)));
        }
        assert_eq!(remembered.ways.len(), limits::EVENTS_REMEMBERED);
        assert!(!remembered.knows_frame("0", WayIn(2)), "the oldest went");
    }
}
