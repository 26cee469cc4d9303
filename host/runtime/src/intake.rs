//! The way in: every event gets its number here, goes to the journal and to the scheduler, in one order for all.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use arc_swap::ArcSwap;
use mynah_model::clock::UnixMs;
use mynah_model::event::{Event, EventBody};
use mynah_model::names::Seq;
use mynah_networks::network::{Closed, Happening};
use mynah_store::{Batch, Store, StoreError, Write};
use parking_lot::Mutex;
use tokio::sync::{broadcast, oneshot};

use crate::account::Account;
use crate::limits;
use crate::operators;
use crate::rules::Rules;
use crate::scheduler::Scheduler;
use crate::waiting::Waiting;

/// Numbers events, journals them and hands them on.
pub(crate) struct Intake {
    store: Store,
    scheduler: Arc<Scheduler>,
    rules: Arc<ArcSwap<Rules>>,
    waiting: Waiting,
    /// The last number given. Held while an event is numbered, queued for the journal and queued for its chat, so that
    /// all three orders are the same.
    last: Mutex<Seq>,
    published: broadcast::Sender<Arc<Event>>,
    closing: AtomicBool,
}

impl Intake {
    pub(crate) fn new(
        store: Store,
        scheduler: Arc<Scheduler>,
        rules: Arc<ArcSwap<Rules>>,
        waiting: Waiting,
        last: Seq,
    ) -> Self {
        let published = broadcast::Sender::new(limits::BROADCAST);
        Self {
            store,
            scheduler,
            rules,
            waiting,
            last: Mutex::new(last),
            published,
            closing: AtomicBool::new(false),
        }
    }

    /// The host is about to stop: accounts take nothing new from their networks.
    pub(crate) fn close(&self) {
        self.closing.store(true, Ordering::Relaxed);
    }

    pub(crate) fn is_closing(&self) -> bool {
        self.closing.load(Ordering::Relaxed)
    }

    pub(crate) fn now(&self) -> UnixMs {
        self.waiting.now()
    }

    /// Events in the order of their numbers, each after it is journalled.
    pub(crate) fn subscribe(&self) -> broadcast::Receiver<Arc<Event>> {
        self.published.subscribe()
    }

    /// Events and other writes as one transaction. Resolves with the first event's number when it is committed.
    ///
    /// The events are handled as soon as they are numbered: whatever is decided on them is queued for the store behind
    /// them, so a decision is never kept without its event.
    pub(crate) async fn record(
        &self,
        account: &Account,
        happenings: Vec<Happening>,
        also: Vec<Write>,
    ) -> Result<Seq, Closed> {
        let (resolve, committed) = oneshot::channel();
        let seq = self.queue(account, happenings, also, Some(resolve));
        match committed.await {
            Ok(true) => Ok(seq),
            Ok(false) | Err(_) => Err(Closed),
        }
    }

    /// The same without waiting: `told` learns whether it was committed. What nobody waits for is committed with whatever comes
    /// next: with the decision on it, if a script wants it.
    pub(crate) fn queue(
        &self,
        account: &Account,
        happenings: Vec<Happening>,
        also: Vec<Write>,
        told: Option<oneshot::Sender<bool>>,
    ) -> Seq {
        let received_at = self.now();
        let listened = self.is_listened_to();
        let mut due = told.is_some();
        let published = self.published.clone();
        let mut writes = also;
        let mut events = Vec::with_capacity(happenings.len());
        let mut wanted = Vec::new();

        let mut last = self.last.lock();
        let first = Seq(last.0 + 1);
        let rules = self.rules.load();
        for happening in happenings {
            last.0 += 1;
            account.apply(&happening);
            if let EventBody::AccountState { .. } = happening.body {
                wanted.extend(account.take_recovered());
            }
            let from_outside = happening.consequence.is_none();
            let event = Arc::new(number(account, *last, received_at, happening));
            if rules.wants(&event) || operators::order(account, &event).is_some() {
                writes.push(Write::Event(event.clone()));
                wanted.extend(account.keep_behind_recovered(event.clone()));
            } else {
                writes.push(Write::UnwantedEvent(event.clone()));
                due |= listened && from_outside;
            }
            events.push(event);
        }
        let done = move |result: Result<(), StoreError>| {
            if let Err(error) = &result {
                tracing::error!(%error, "events could not be journalled");
            } else {
                events.into_iter().for_each(|event| {
                    // Without subscribers there is nobody to tell.
                    let _ = published.send(event);
                });
            }
            // Whoever asked may have gone; the events stand.
            let _ = told.map(|told| told.send(result.is_ok()));
        };
        match due {
            true => self.store.write(Batch::from(writes), done),
            false => self.store.write_soon(Batch::from(writes), done),
        }
        // Behind the journal: what a worker decides on an event must reach the store after the event itself.
        wanted.into_iter().for_each(|event| self.scheduler.push(event));
        drop(last);
        first
    }

    /// Whether anybody hears of events when they are journalled.
    pub(crate) fn is_listened_to(&self) -> bool {
        self.published.receiver_count() > 0
    }

    /// Whether one more event may be queued without waiting for those before it to be journalled.
    pub(crate) fn has_room(&self) -> bool {
        self.store.queued() < limits::UNJOURNALLED
    }
}

fn number(account: &Account, seq: Seq, received_at: UnixMs, happening: Happening) -> Event {
    let consequence = happening.consequence;
    Event {
        seq,
        account: account.name().clone(),
        network: account.network().to_owned(),
        self_id: account.roster().user.id.clone(),
        time: happening.time,
        received_at,
        cause: consequence.as_ref().and_then(|consequence| consequence.cause),
        depth: consequence.as_ref().map_or(0, |consequence| consequence.depth),
        by_script: consequence.and_then(|consequence| consequence.by_script),
        chat: happening.chat,
        body: happening.body,
        attrs: happening.attrs,
    }
}
