//! Whose turn it is: what changes the sim world and what is reported of it happen in one order in each chat.
//!
//! The world is locked for the moment of a change only, never while its report is under way. What keeps a
//! later change from being reported first is the chat's turn, which is held from before the change until the
//! report is numbered. Chats do not wait for each other.

use std::collections::HashMap;
use std::sync::Arc;

use mynah_model::address::ChatRef;
use parking_lot::Mutex;
use tokio::sync::{OwnedMutexGuard, OwnedRwLockReadGuard, OwnedRwLockWriteGuard, RwLock};

/// Above this number the chats that nobody waits for are forgotten: people can name new ones without end.
const MANY_CHATS: usize = 4_096;

#[derive(Debug, Default)]
pub(super) struct Turns {
    all: Arc<RwLock<()>>,
    chats: Mutex<HashMap<ChatRef, Arc<tokio::sync::Mutex<()>>>>,
}

/// One chat's turn; over when dropped.
#[derive(Debug)]
pub(super) struct Turn {
    // The chat's is given back before the world's: who holds the whole world finds every chat free.
    _chat: OwnedMutexGuard<()>,
    _all: OwnedRwLockReadGuard<()>,
}

/// The turn of every chat at once; over when dropped.
#[derive(Debug)]
pub(super) struct AllTurns(OwnedRwLockWriteGuard<()>);

impl Turns {
    /// Waits for a chat's turn, first come, first served.
    pub(super) async fn take(&self, chat: ChatRef) -> Turn {
        let all = self.all.clone().read_owned().await;
        Turn { _chat: self.chat(chat).lock_owned().await, _all: all }
    }

    /// Waits until nothing is under way in any chat.
    pub(super) async fn take_all(&self) -> AllTurns {
        AllTurns(self.all.clone().write_owned().await)
    }

    /// Keeps one chat's turn and gives the others back.
    pub(super) async fn keep(&self, all: AllTurns, chat: ChatRef) -> Turn {
        let chat = self.chat(chat).lock_owned().await;
        Turn { _chat: chat, _all: all.0.downgrade() }
    }

    fn chat(&self, chat: ChatRef) -> Arc<tokio::sync::Mutex<()>> {
        let mut chats = self.chats.lock();
        if chats.len() >= MANY_CHATS {
            chats.retain(|_, turn| Arc::strong_count(turn) > 1);
        }
        chats.entry(chat).or_default().clone()
    }
}
