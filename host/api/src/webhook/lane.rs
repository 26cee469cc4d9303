//! The reports of one chat, one after the other, each until the endpoint takes it or it is given up.

use std::sync::Arc;

use mynah_model::address::Address;
use mynah_model::event::{AccountState, Event};
use mynah_model::refusal::Code;
use mynah_runtime::{Delivery, HostError};

use super::call::Posted;
use super::pause::Pauses;
use super::{Webhook, answer};
use crate::server::Closing;
use crate::settings::WEBHOOK_TRIES;

/// Why a lane goes no further.
enum Halt {
    /// The host closes; what waits is posted by its next start.
    Closing,
    /// The store failed.
    Store(HostError),
}

impl From<HostError> for Halt {
    fn from(error: HostError) -> Self {
        Self::Store(error)
    }
}

/// What became of a report.
enum Ending {
    /// The endpoint took it. With its answer, if that may ask for something.
    Taken(Option<Vec<u8>>),
    /// It will not be taken, for this reason.
    Lost(Code, String),
}

/// The way of one chat's reports.
pub(super) struct Lane {
    webhook: Arc<Webhook>,
    address: Address,
    closing: Closing,
}

impl Lane {
    pub(super) fn new(webhook: Arc<Webhook>, address: Address, closing: Closing) -> Self {
        Self { webhook, address, closing }
    }

    /// Posts until nothing waits, or the host closes.
    pub(super) async fn run(mut self) {
        loop {
            match self.post_oldest().await {
                Ok(true) => {}
                Ok(false) | Err(Halt::Closing) => return,
                Err(Halt::Store(error)) => {
                    let webhook = self.webhook.clone();
                    tokio::select! {
                        () = webhook.store_failed(&error) => {}
                        () = self.closing.wait() => return,
                    }
                }
            }
        }
    }

    /// Posts the report that waits the longest; `false` if none does.
    async fn post_oldest(&mut self) -> Result<bool, Halt> {
        let webhook = self.webhook.clone();
        let Some(mut delivery) = webhook.host.next_delivery(&self.address).await? else { return Ok(false) };
        let event = webhook.host.event(delivery.seq).await?;
        let ending = match (&delivery.report, &event) {
            (Some(report), _) => self.post_until_taken(&delivery, report).await?,
            (None, Some(event)) => match self.make_report(event).await? {
                Some(report) => {
                    delivery.report = Some(report.clone());
                    self.post_until_taken(&delivery, &report).await?
                }
                // It is not wanted, now that it is known what it says.
                None => Ending::Taken(None),
            },
            (None, None) => Ending::Lost(
                Code::WebhookUnreachable,
                "the journal does not have its event any more".to_owned(),
            ),
        };
        match ending {
            Ending::Taken(answer) => self.conclude(&delivery, event.as_deref(), answer).await?,
            Ending::Lost(code, why) => {
                tracing::warn!(account = %self.address.account, chat = %self.address, seq = %delivery.seq, why, "a report is set aside as a dead letter");
                self.keep(|| webhook.host.give_up(&delivery, code.as_str(), &why)).await?;
            }
        }
        Ok(true)
    }

    /// Makes a report that could not be made when it was taken up.
    async fn make_report(&mut self, event: &Event) -> Result<Option<String>, Halt> {
        let Some(account) = self.webhook.host.account(self.webhook.account.as_str()) else { return Ok(None) };
        let mut state = account.watch_state();
        let settled = |state: &AccountState| matches!(state, AccountState::Running | AccountState::Stop);
        tokio::select! {
            // An error is the end of the account, which changes no more.
            _ = state.wait_for(settled) => {}
            () = self.closing.wait() => return Err(Halt::Closing),
        }
        drop(state);
        Ok(self.webhook.report_of(event, &account).await)
    }

    async fn post_until_taken(&mut self, delivery: &Delivery, report: &str) -> Result<Ending, Halt> {
        let webhook = self.webhook.clone();
        let client = (webhook.host.accounts().len() > 1).then(|| webhook.account.as_str());
        let mut pauses = Pauses::new(&webhook.times);
        let report = webhook.in_full(report).await;
        let mut tries = 0;
        loop {
            let posted = {
                let _room = tokio::select! {
                    room = webhook.calls.acquire() => room,
                    () = self.closing.wait() => return Err(Halt::Closing),
                };
                webhook.endpoint.post(delivery.seq, client, &report).await
            };
            tries += 1;
            let (why, reached) = match posted {
                Posted::Taken(answer) => {
                    webhook.reached.notify_waiters();
                    return Ok(Ending::Taken(answer));
                }
                Posted::Refused(why) => return Ok(Ending::Lost(Code::WebhookRefused, why)),
                Posted::Failed { why, reached } => (why, reached),
            };
            let age = webhook.host.now().saturating_sub(delivery.queued_at);
            let most = i64::try_from(webhook.times.give_up_after.as_millis()).unwrap_or(i64::MAX);
            if tries >= WEBHOOK_TRIES && age >= most {
                return Ok(Ending::Lost(
                    Code::WebhookUnreachable,
                    format!("given up after {tries} tries: {why}"),
                ));
            }
            let pause = pauses.next();
            if tries == 1 {
                tracing::warn!(account = %self.address.account, chat = %self.address, seq = %delivery.seq, endpoint = %webhook.endpoint, why, "a report did not arrive and is tried again");
            } else {
                tracing::debug!(seq = %delivery.seq, why, tries, ?pause, "a report did not arrive");
            }
            let reached_again = async {
                match reached {
                    // It is there and failed: that others reach it says nothing.
                    true => std::future::pending().await,
                    false => webhook.reached.notified().await,
                }
            };
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                () = reached_again => {}
                () = self.closing.wait() => return Err(Halt::Closing),
            }
        }
    }

    /// Does what the answer asks for, and ends the report.
    async fn conclude(
        &mut self,
        delivery: &Delivery,
        event: Option<&Event>,
        answer: Option<Vec<u8>>,
    ) -> Result<(), Halt> {
        let wishes = match (event, &answer) {
            (Some(event), Some(answer)) => {
                let store = self.webhook.host.media();
                answer::read(answer, event).with_media(store, &mut self.closing).await
            }
            _ => answer::Wishes::default(),
        };
        let names: Vec<&str> = wishes.actions.iter().map(|action| action.body.name()).collect();
        if !wishes.ignored.is_empty() {
            let why = wishes.ignored.join("; ");
            tracing::warn!(account = %self.address.account, chat = %self.address, seq = %delivery.seq, why, "the webhook's answer is not followed");
        }
        let webhook = self.webhook.clone();
        let delivered = || webhook.host.delivered(delivery, event, &wishes.actions);
        let results = self.keep(delivered).await?;
        for (action, result) in names.iter().zip(results) {
            if let Err(refusal) = result {
                tracing::warn!(account = %self.address.account, chat = %self.address, seq = %delivery.seq, action, %refusal, "an action of the webhook is refused");
            }
        }
        Ok(())
    }

    /// Has the store keep how a report ended. While the store fails, that is tried again, and not the call: the
    /// endpoint has the report.
    async fn keep<T, F>(&mut self, work: impl Fn() -> F) -> Result<T, Halt>
    where
        F: Future<Output = Result<T, HostError>>,
    {
        loop {
            // Not called off when the host closes, which waits for calls that are under way: this belongs to one.
            let error = match work().await {
                Ok(done) => return Ok(done),
                Err(error) => error,
            };
            let webhook = self.webhook.clone();
            tokio::select! {
                () = webhook.store_failed(&error) => {}
                () = self.closing.wait() => return Err(Halt::Closing),
            }
        }
    }
}
