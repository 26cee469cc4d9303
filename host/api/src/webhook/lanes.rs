//! Which chats of an account have something to post, each with a task that posts it.

use std::collections::HashMap;
use std::sync::Arc;

use mynah_model::address::Address;
use tokio::task::{Id, JoinSet};

use super::Webhook;
use super::lane::Lane;
use crate::server::Closing;
use crate::settings::WEBHOOK_CHATS;

/// How many chats the store is asked for: with as many lanes as there may be, this finds a new one for each that ended.
const ADDRESSES: usize = 2 * WEBHOOK_CHATS;

/// The lanes of one account. A chat has one from when something is taken up for it until nothing waits; if there are
/// too many, the others' reports stay in the store until a lane ends.
pub(super) struct Lanes {
    webhook: Arc<Webhook>,
    closing: Closing,
    running: JoinSet<()>,
    tasks: HashMap<Id, Address>,
    /// The chats that have a lane; whether something was taken up since that may have looked for the last time.
    chats: HashMap<Address, bool>,
    /// Whether something may wait in the store for chats without a lane.
    more: bool,
}

impl Lanes {
    /// No lanes yet; [`Lanes::fill`] begins with what an earlier run left.
    pub(super) fn new(webhook: Arc<Webhook>, closing: Closing) -> Self {
        let (running, tasks, chats) = (JoinSet::new(), HashMap::new(), HashMap::new());
        Self { webhook, closing, running, tasks, chats, more: true }
    }

    /// Something waits at this address.
    pub(super) fn wake(&mut self, address: Address) {
        if let Some(again) = self.chats.get_mut(&address) {
            *again = true;
        } else if self.chats.len() < WEBHOOK_CHATS {
            self.start(address);
        } else {
            self.more = true;
        }
    }

    fn start(&mut self, address: Address) {
        let lane = Lane::new(self.webhook.clone(), address.clone(), self.closing.clone());
        let task = self.running.spawn(lane.run());
        self.tasks.insert(task.id(), address.clone());
        self.chats.insert(address, false);
    }

    /// Something may wait anywhere.
    pub(super) fn look_for_more(&mut self) {
        self.more = true;
    }

    /// Starts lanes for chats that wait in the store, if there is room for a good number.
    pub(super) async fn fill(&mut self) {
        if !self.more || self.chats.len() > WEBHOOK_CHATS / 2 {
            return;
        }
        let (host, account) = (&self.webhook.host, &self.webhook.account);
        let limit = u32::try_from(ADDRESSES).unwrap_or(u32::MAX);
        match host.delivery_addresses(account, limit).await {
            Ok(addresses) => {
                self.more = addresses.len() >= ADDRESSES;
                addresses.into_iter().for_each(|address| self.wake(address));
            }
            Err(error) => self.webhook.store_failed(&error).await,
        }
    }

    /// Resolves when a lane has ended and is started again if it has to be; never if there are none.
    pub(super) async fn next_end(&mut self) {
        let (id, panicked) = match self.running.join_next_with_id().await {
            None => return std::future::pending().await,
            Some(Ok((id, ()))) => (id, false),
            Some(Err(error)) => (error.id(), true),
        };
        let Some(address) = self.tasks.remove(&id) else { return };
        if panicked {
            tracing::error!(chat = %address, "posting reports of a chat ended in a panic");
        }
        if self.chats.remove(&address) == Some(true) {
            self.start(address);
        }
    }

    /// Resolves when all lanes have ended.
    pub(super) async fn finish(&mut self) {
        while self.running.join_next().await.is_some() {}
    }
}
