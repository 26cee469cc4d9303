//! From a chat's queue to its network: an act is handed over when it is its turn and its account is connected, once.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;

use mynah_model::action::{Act, Outcome};
use mynah_model::address::Address;
use mynah_model::event::AccountState;
use mynah_model::refusal::Code;
use mynah_networks::network::{NetworkError, Redelivery};
use mynah_store::{Batch, StoreError, Write};
use tokio::sync::watch;

use super::{Outbox, called_off, expired};
use crate::account::Account;
use crate::ended::Ended;
use crate::limits;

impl Outbox {
    /// Fetches, apart from the chat's other acts: they need not wait for a slow server.
    pub(super) async fn fetch(self: Arc<Self>, act: Act) {
        let Some(account) = self.accounts.get(act.account.as_str()) else { return };
        if let Some(ended) = self.fetched(&act).await {
            // Its events are queued by then, and nobody waits for their being kept.
            drop(self.keep(Some(&account), &act, ended, true));
        }
    }

    /// How a fetch ends. `None` if the host stops before anything is asked: it stays for its next start.
    async fn fetched(&self, act: &Act) -> Option<Ended> {
        let _room = tokio::select! {
            biased;
            room = self.fetches.room(act) => room?,
            () = self.waiting.until(act.expires_at) => return Some(expired("it waited for its turn for too long")),
        };
        if let Some(refusal) = self.refusal_of(act) {
            return Some(called_off(&refusal));
        }
        match self.store.write_durable(Write::OutboxSending(act.number).into()).await {
            Ok(()) => match self.too_late(act) {
                Some(ended) => Some(ended),
                None => Some(self.fetches.fetch(act).await),
            },
            Err(StoreError::Closed) => None,
            Err(error) => {
                tracing::error!(act = %act.number, %error, "nothing is fetched because that could not be noted down");
                Some(Ended::unkept(Outcome::Failed, "the store could not be written"))
            }
        }
    }

    pub(super) async fn empty(self: Arc<Self>, address: Address) {
        loop {
            let act = {
                let mut queues = self.queues.lock();
                match queues.chats.get_mut(&address).and_then(VecDeque::pop_front) {
                    Some(act) => act,
                    None => {
                        queues.chats.remove(&address);
                        return;
                    }
                }
            };
            let Some(account) = self.accounts.get(act.account.as_str()) else { continue };
            let Some(ended) = self.perform(&account, &act).await else { return };
            let called = self.callers.lock().contains_key(&act.number);
            // Only somebody who waits for the outcome needs to wait for its being kept.
            let kept = self.keep(Some(&account), &act, ended, called);
            if called {
                kept.await;
            }
        }
    }

    /// Does an act once its account is running. `None` if the host stops before: the act stays for its next start.
    async fn perform(&self, account: &Account, act: &Act) -> Option<Ended> {
        let mut state = account.watch_state();
        let mut changed = self.reconsidered.subscribe();
        let mut started = self.started.lock().remove(&act.number);
        loop {
            changed.mark_unchanged();
            if let Some(refusal) = self.refusal_of(act) {
                return Some(called_off(&refusal));
            }
            if started && account.state() != AccountState::Running {
                self.put_back(act).await;
                started = false;
            }
            tokio::select! {
                biased;
                _ = changed.changed() => continue,
                waited = self.wait_for_account(&mut state, act) => if let Err(ended) = waited? {
                    return Some(ended);
                },
            }
            if !started {
                tokio::select! {
                    biased;
                    _ = changed.changed() => continue,
                    () = account.driver().turn(act) => {}
                    _ = state.wait_for(|state| *state != AccountState::Running) => continue,
                    () = self.waiting.until(act.expires_at) => return Some(expired("it waited for its turn for too long")),
                }
            }
            match self.hand_over(account, act, std::mem::take(&mut started)).await {
                Ok(ended) => return Some(ended),
                // The connection was lost just now and nothing happened. The account's state will say so, too.
                Err(why) => {
                    tracing::debug!(account = %account.name(), act = %act.number, why, "an act waits for the connection");
                    if account.driver().redelivery() == Redelivery::Unknown {
                        self.put_back(act).await;
                    }
                    let left = state.wait_for(|state| *state != AccountState::Running);
                    // Either way it is looked at again.
                    let _ = tokio::time::timeout(limits::OFFLINE_PAUSE, left).await;
                }
            }
        }
    }

    /// Notes down that an act which was to be handed over waits: should the host be killed, it is known not to have happened.
    async fn put_back(&self, act: &Act) {
        if let Err(error) = self.store.write_durable(Write::OutboxWaits(act.number).into()).await {
            tracing::error!(act = %act.number, %error, "an act waits and that could not be noted down");
        }
    }

    /// Waits until an account is running; how the act ends if it does not. `None` if the host stops before.
    async fn wait_for_account(
        &self,
        state: &mut watch::Receiver<AccountState>,
        act: &Act,
    ) -> Option<Result<(), Ended>> {
        let mut closing = self.closing.subscribe();
        tokio::select! {
            biased;
            running = state.wait_for(|state| matches!(state, AccountState::Running | AccountState::Stop)) => {
                if running.is_ok_and(|state| *state == AccountState::Running) {
                    Some(Ok(()))
                } else if *self.closing.borrow() {
                    None
                } else {
                    let why = "the account is stopped";
                    Some(Err(Ended::refused(Outcome::Failed, Code::AccountNotRunning, why)))
                }
            }
            _ = closing.wait_for(|closing| *closing) => None,
            () = self.waiting.until(act.expires_at) => Some(Err(expired("the account was not connected in time"))),
        }
    }

    /// How an act ends that may not be done any more. To be asked after whatever may have taken long.
    fn too_late(&self, act: &Act) -> Option<Ended> {
        let expired =
            || (self.waiting.now() > act.expires_at).then(|| expired("it waited in the outbox for too long"));
        self.refusal_of(act).map(|refusal| called_off(&refusal)).or_else(expired)
    }

    /// Hands an act to its network; an error says why nothing was done and that it can be tried again. `noted`: it stands in
    /// the store already that this happens.
    async fn hand_over(&self, account: &Account, act: &Act, noted: bool) -> Result<Ended, String> {
        if let Some(ended) = self.too_late(act) {
            return Ok(ended);
        }
        if !noted && account.driver().redelivery() == Redelivery::Unknown {
            let sending = Batch::from(vec![Write::OutboxSending(act.number)]);
            if let Err(error) = self.store.write_durable(sending).await {
                tracing::error!(act = %act.number, %error, "an act is not sent because that could not be noted down");
                return Ok(Ended::refused(
                    Outcome::Failed,
                    Code::NetworkRefused,
                    "the store could not be written",
                ));
            }
            // A store that is stalled may have taken hours.
            if let Some(ended) = self.too_late(act) {
                return Ok(ended);
            }
        }
        // A defect of a driver must not end the task, or the chat's acts would wait for ever.
        let mut performed = pin!(async { account.driver().perform(act).await });
        let performed = poll_fn(|context| {
            let polled = catch_unwind(AssertUnwindSafe(|| performed.as_mut().poll(context)));
            polled
                .unwrap_or_else(|_| Poll::Ready(Err(NetworkError::Unknown("its driver panicked".to_owned()))))
        });
        let time = account.driver().time_for(act).unwrap_or(limits::DELIVERY_TIMEOUT);
        match tokio::time::timeout(time, performed).await {
            Ok(Ok(receipt)) => Ok(Ended::done(receipt)),
            Ok(Err(NetworkError::Offline(why))) => Err(why),
            Ok(Err(error)) => Ok(Ended::failed(&error)),
            Err(_) => Ok(Ended::refused(
                Outcome::Unknown,
                Code::NetworkUnknown,
                "the network gave no answer in time",
            )),
        }
    }
}
