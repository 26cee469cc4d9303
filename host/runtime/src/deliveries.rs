//! Reports on their way to webhooks, as whoever posts them sees it.
//!
//! A report is taken up in one transaction with the note that its event is looked at, and it ends in one transaction
//! with what its webhook's answer asked for, or with the dead letter that it becomes. So no event is passed over and
//! none is taken up twice, and the acts of an answer are decided once, whenever the host is killed. A report that had
//! arrived when the host was killed before it could note that down is posted again.

use std::sync::Arc;

use mynah_model::action::{Action, Actor};
use mynah_model::address::Address;
use mynah_model::event::Event;
use mynah_model::names::{AccountName, ActNumber, Seq};
use mynah_model::refusal::Refusal;
use mynah_store::{Batch, DeadLetter, Delivery, StoreError, Write};

use crate::host::Host;
use crate::host_error::HostError;

/// Where reports of an event wait. One that names a chat without an id waits with what concerns the account.
fn waiting_place(event: &Event) -> Address {
    match &event.chat {
        Some(chat) if !chat.id.is_empty() => event.address(),
        _ => Address::account(event.account.clone()),
    }
}

/// Why a dead letter was not sent again.
#[derive(Debug, thiserror::Error)]
pub enum ResendError {
    /// There is none of this id.
    #[error("there is no dead letter {0}")]
    Unknown(u64),
    /// It is no report.
    #[error("dead letter {0} is no report to a webhook: it cannot be sent again")]
    NoReport(u64),
    /// The store failed.
    #[error(transparent)]
    Host(#[from] HostError),
}

impl Host {
    /// The first event that is not yet looked at for the webhook of an account. A new webhook begins with the first
    /// event of this run, and that is noted down.
    pub async fn begin_webhook(&self, account: &AccountName) -> Result<Seq, HostError> {
        let name = account.clone();
        if let Some(next) = self.read(move |reader| reader.webhook_next(&name)).await? {
            return Ok(next);
        }
        let next = self.first_seq();
        let begun = Write::WebhookMoved { account: account.clone(), next };
        self.store().write_durable(begun.into()).await?;
        Ok(next)
    }

    /// Takes up the report of an event for the webhook of its account, and notes that the event is looked at;
    /// resolves when that is committed. Without a `report` it is made later, when the account knows its roster.
    pub async fn take_up(&self, event: &Event, report: Option<String>) -> Result<Address, HostError> {
        let address = waiting_place(event);
        let (seq, queued_at) = (event.seq, self.now());
        let delivery = Delivery { seq, address: address.clone(), queued_at, report };
        let looked_at = looked_at(&event.account, seq);
        let batch = Batch::from(vec![Write::DeliveryQueued(delivery), looked_at]);
        self.store().write_durable(batch).await?;
        Ok(address)
    }

    /// Notes that an event, and all before it, are looked at for the webhook of an account.
    pub async fn pass_over(&self, account: &AccountName, seq: Seq) -> Result<(), HostError> {
        Ok(self.store().write_durable(looked_at(account, seq).into()).await?)
    }

    /// The oldest report that waits at an address.
    pub async fn next_delivery(&self, address: &Address) -> Result<Option<Delivery>, HostError> {
        let address = address.clone();
        self.read(move |reader| reader.next_delivery(&address)).await
    }

    /// At most `limit` addresses of an account at which reports wait.
    pub async fn delivery_addresses(
        &self,
        account: &AccountName,
        limit: u32,
    ) -> Result<Vec<Address>, HostError> {
        let account = account.clone();
        self.read(move |reader| reader.delivery_addresses(&account, limit)).await
    }

    /// A report has arrived. What its answer asks for is gated as the webhook's, on the event that was reported,
    /// and kept in one transaction with the end of the report; the acts are then delivered like any others. One
    /// result for each action, in their order: the number of the act that it became, or why it was refused.
    pub async fn delivered(
        &self,
        delivery: &Delivery,
        event: Option<&Event>,
        actions: &[Action],
    ) -> Result<Vec<Result<ActNumber, Refusal>>, HostError> {
        let ended = Write::DeliveryEnded { address: delivery.address.clone(), seq: delivery.seq };
        let kept = match event {
            Some(event) => self.answer(event, actions.to_vec(), Actor::Webhook, vec![ended]).await,
            None => {
                self.store().write_durable(ended.into()).await.map(|()| Vec::new()).map_err(HostError::from)
            }
        };
        unless_ended(kept)
    }

    /// A report cannot be delivered: it is set aside as a dead letter, and those behind it go on.
    pub async fn give_up(&self, delivery: &Delivery, code: &str, text: &str) -> Result<(), HostError> {
        let letter = DeadLetter {
            at: self.now(),
            seq: Some(delivery.seq),
            act: None,
            script: None,
            code: code.to_owned(),
            text: text.to_owned(),
            address: Some(delivery.address.clone()),
            report: delivery.report.clone(),
        };
        let ended = Write::DeliveryEnded { address: delivery.address.clone(), seq: delivery.seq };
        let batch = Batch::from(vec![ended, Write::DeadLetter(letter)]);
        unless_ended(self.store().write_durable(batch).await.map_err(HostError::from))
    }

    /// An account has no webhook any more: what waits for it goes, and a later one begins anew. How many reports
    /// went.
    pub async fn forget_webhook(&self, account: &AccountName) -> Result<u64, HostError> {
        let name = account.clone();
        let known =
            self.read(move |reader| Ok((reader.webhook_next(&name)?, reader.deliveries(&name)?))).await?;
        if let (None, 0) = known {
            return Ok(0);
        }
        self.store().write_durable(Write::WebhookRemoved(account.clone()).into()).await?;
        Ok(known.1)
    }

    /// At most `limit` dead letters and their ids, newest first, older than the one of id `before`.
    pub async fn dead_letters(
        &self,
        before: Option<u64>,
        limit: u32,
    ) -> Result<Vec<(u64, DeadLetter)>, HostError> {
        self.read(move |reader| reader.dead_letters(before, limit)).await
    }

    /// A dead letter.
    pub async fn dead_letter(&self, id: u64) -> Result<Option<DeadLetter>, HostError> {
        self.read(move |reader| reader.dead_letter(id)).await
    }

    /// Puts a report that was given up back among those that wait, in its place: it is sent before younger ones of
    /// the same chat.
    pub async fn resend(&self, id: u64) -> Result<(), ResendError> {
        let letter = self.dead_letter(id).await?.ok_or(ResendError::Unknown(id))?;
        let (Some(seq), Some(address)) = (letter.seq, letter.address) else {
            return Err(ResendError::NoReport(id));
        };
        let delivery = Delivery { seq, address, queued_at: self.now(), report: letter.report };
        let batch = vec![Write::DeadLetterRemoved(id), Write::DeliveryQueued(delivery)];
        self.change_letter(id, batch.into()).await?;
        self.count_resent();
        Ok(())
    }

    /// Deletes a dead letter.
    pub async fn discard(&self, id: u64) -> Result<(), ResendError> {
        self.change_letter(id, Write::DeadLetterRemoved(id).into()).await
    }

    async fn change_letter(&self, id: u64, batch: Batch) -> Result<(), ResendError> {
        self.store().write_durable(batch).await.map_err(|error| match error {
            // Somebody else was quicker.
            StoreError::NoLetter { .. } => ResendError::Unknown(id),
            error => ResendError::Host(error.into()),
        })
    }

    /// The event of a number, if the journal has it and it can be read.
    pub async fn event(&self, seq: Seq) -> Result<Option<Arc<Event>>, HostError> {
        match self.read(move |reader| reader.event(seq)).await {
            Ok(event) => Ok(event.map(Arc::new)),
            Err(HostError::Store(error @ StoreError::Unreadable { .. })) => {
                tracing::error!(%error, "an event is left out");
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }
}

/// A report that does not wait any more has ended before, and nothing happens for it a second time, for
/// example because a commit that was reported as failed went through after all.
fn unless_ended<T: Default>(kept: Result<T, HostError>) -> Result<T, HostError> {
    match kept {
        Err(HostError::Store(error @ StoreError::NoDelivery { .. })) => {
            tracing::warn!(%error, "nothing is done for it");
            Ok(T::default())
        }
        kept => kept,
    }
}

fn looked_at(account: &AccountName, seq: Seq) -> Write {
    Write::WebhookMoved { account: account.clone(), next: Seq(seq.0.saturating_add(1)) }
}
