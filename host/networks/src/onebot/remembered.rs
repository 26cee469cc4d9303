//! Messages that came before: what is sent on two ways, or again after a connection was lost, is taken once.

use std::collections::{HashSet, VecDeque};

use mynah_model::address::ChatRef;
use mynah_model::clock::UnixMs;

use super::limits;

/// A message, as it is told from others: implementations that start anew give their ids anew, so the time is part of it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct MessageKey {
    chat: ChatRef,
    id: String,
    time: UnixMs,
}

/// Messages that came before.
#[derive(Default)]
pub(super) struct Remembered {
    order: VecDeque<MessageKey>,
    known: HashSet<MessageKey>,
}

impl Remembered {
    /// Whether a message came before; from now on it did.
    pub(super) fn is_known(&mut self, chat: ChatRef, id: &str, time: UnixMs) -> bool {
        let key = MessageKey { chat, id: id.to_owned(), time };
        if !self.known.insert(key.clone()) {
            return true;
        }
        self.order.push_back(key);
        if self.order.len() > limits::MESSAGES_REMEMBERED
            && let Some(oldest) = self.order.pop_front()
        {
            self.known.remove(&oldest);
        }
        false
    }
}
