//! What is written: batches of writes, each of which takes effect wholly or not at all.

use std::sync::Arc;

use mynah_model::action::{Act, Outcome};
use mynah_model::address::Address;
use mynah_model::clock::UnixMs;
use mynah_model::event::{Event, EventKind};
use mynah_model::names::{AccountName, ActNumber, ScriptName, Seq};

use crate::audit::AuditEntry;
use crate::dead_letters::DeadLetter;
use crate::deliveries::Delivery;
use crate::error::StoreError;
use crate::idempotency::IdempotencyKey;
use crate::journal::Wanted;
use crate::kv::KvRow;
use crate::outbox::{Ending, OutboxState};
use crate::tables::Tables;
use crate::timers::Timer;

/// One change of the store.
#[derive(Debug, Clone)]
pub enum Write {
    /// An event enters the journal and waits to be handled. Its number must be new.
    Event(Arc<Event>),
    /// An event enters the journal that no script wants: it is there to be read. Its number must be new.
    UnwantedEvent(Arc<Event>),
    /// An event was handled. It must be waiting: the batch is refused otherwise, so that nothing is
    /// handled twice.
    Handled {
        /// The event.
        seq: Seq,
        /// By the host's clock.
        at: UnixMs,
        /// JSON text: which scripts were called, by which release, what it cost, how it ended.
        calls: String,
    },
    /// A script's state changes.
    KvPut {
        /// Whose state.
        script: ScriptName,
        /// The address it belongs to, as text; [`SHARED_SCOPE`](crate::SHARED_SCOPE) for what all chats share.
        scope: String,
        /// The key.
        key: String,
        /// What it holds from now on; `None` removes it.
        value: Option<KvRow>,
    },
    /// An act is decided: it must be handed to its network. Its number must be new.
    OutboxDecided(Act),
    /// An act is decided and handed to its network as soon as that is committed: [`OutboxDecided`](Self::OutboxDecided) and
    /// [`OutboxSending`](Self::OutboxSending) in one.
    OutboxStarted(Act),
    /// An act was not handed to the network after all and waits: nothing happened.
    OutboxWaits(ActNumber),
    /// An act is about to be handed to the network. It must not have ended.
    OutboxSending(ActNumber),
    /// An act is over. One that ended `unknown` may end again when its answer comes after all.
    OutboxEnded {
        /// The act.
        number: ActNumber,
        /// How.
        outcome: Outcome,
        /// A stable code; `ok` if it was done.
        code: String,
        /// One sentence for a person.
        text: String,
        /// The id of the message that was sent, if one was.
        message_id: Option<String>,
        /// By the host's clock.
        at: UnixMs,
    },
    /// Something was asked for that did not become an act, or happened to a script. Its number must be new.
    Audit(AuditEntry),
    /// Something could not be dealt with and is set aside.
    DeadLetter(DeadLetter),
    /// A dead letter goes. It must be there.
    DeadLetterRemoved(u64),
    /// A report waits for the webhook of its account.
    DeliveryQueued(Delivery),
    /// A report waits no more. It must be waiting, so that it ends once.
    DeliveryEnded {
        /// Where it waits.
        address: Address,
        /// The event that it reports.
        seq: Seq,
    },
    /// All events before this one are looked at for the webhook of an account.
    WebhookMoved {
        /// The account.
        account: AccountName,
        /// The first event that is not.
        next: Seq,
    },
    /// An account has no webhook any more: what waits for it goes.
    WebhookRemoved(AccountName),
    /// A call of the API that must not be done twice is begun. None of its key may be remembered.
    CallBegun {
        /// Its key.
        key: IdempotencyKey,
        /// What is asked for.
        fingerprint: [u8; 32],
        /// By the host's clock.
        at: UnixMs,
        /// Calls that were begun then, or before it, are forgotten first.
        forget_before: UnixMs,
    },
    /// Such a call was answered.
    CallAnswered {
        /// Its key.
        key: IdempotencyKey,
        /// JSON text.
        answer: String,
    },
    /// Such a call did nothing and may be made again.
    CallForgotten(IdempotencyKey),
    /// A timer is set; it takes the place of one with the same script, address and tag.
    TimerSet(Timer),
    /// A timer is removed, if it is there.
    TimerRemoved {
        /// The script that set it.
        script: ScriptName,
        /// Where it was set.
        address: Address,
        /// Its name there.
        tag: String,
    },
    /// A single fact about the host.
    Meta {
        /// Its name; `store.` at its beginning is for the store itself.
        key: String,
        /// What it is from now on.
        value: String,
    },
    /// What the account did until now is no longer listed by
    /// [`outbox_done`](crate::Reader::outbox_done). The rows stay.
    AccountReset {
        /// The account.
        account: AccountName,
        /// By the host's clock.
        at: UnixMs,
    },
    /// Old handled events go, with the acts that were decided on them; those stay that something still needs, see
    /// [`Store::prune`](crate::Store::prune).
    PruneEvents {
        /// The first event that may go.
        from: Seq,
        /// The first one that may not.
        to: Seq,
        /// Only events that were received before this time.
        before: UnixMs,
    },
    /// Some of what is old goes that belongs to no event: entries of the audit, dead letters, acts of callers.
    PruneNotes {
        /// Only what was noted, or ended, before this time.
        before: UnixMs,
    },
}

/// Changes that belong together: all of them take effect, or none.
#[derive(Debug, Clone, Default)]
pub struct Batch {
    writes: Vec<Write>,
}

impl Batch {
    /// A batch without changes. It is completed in its turn like any other, which makes it a barrier.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a change, which takes effect after those before it.
    pub fn push(&mut self, write: Write) {
        self.writes.push(write);
    }

    /// How many changes it has.
    pub fn len(&self) -> usize {
        self.writes.len()
    }

    /// Whether it has no changes.
    pub fn is_empty(&self) -> bool {
        self.writes.is_empty()
    }
}

impl From<Vec<Write>> for Batch {
    fn from(writes: Vec<Write>) -> Self {
        Self { writes }
    }
}

impl From<Write> for Batch {
    fn from(write: Write) -> Self {
        Self { writes: vec![write] }
    }
}

impl FromIterator<Write> for Batch {
    fn from_iter<T: IntoIterator<Item = Write>>(writes: T) -> Self {
        Self { writes: writes.into_iter().collect() }
    }
}

impl Extend<Write> for Batch {
    fn extend<T: IntoIterator<Item = Write>>(&mut self, writes: T) {
        self.writes.extend(writes);
    }
}

/// A batch whose texts are made, by the thread that asked for it: the writer's time is everybody's.
#[derive(Debug)]
pub(crate) struct EncodedBatch {
    writes: Vec<Encoded>,
    /// About how many bytes it adds to the database.
    pub(crate) bytes: usize,
}

impl EncodedBatch {
    pub(crate) fn new(batch: Batch) -> Result<Self, StoreError> {
        let writes = batch.writes.into_iter().map(Encoded::new).collect::<Result<Vec<_>, _>>()?;
        let bytes = writes.iter().map(Encoded::bytes).sum();
        Ok(Self { writes, bytes })
    }

    pub(crate) fn apply(&self, tables: &mut Tables) -> Result<(), StoreError> {
        self.writes.iter().try_for_each(|write| write.apply(tables))
    }
}

/// A write and the texts that its row holds beside the write's own.
#[derive(Debug)]
struct Encoded {
    write: Write,
    columns: Columns,
}

/// What of an event, act, timer or audit entry is made for its row; empty for other writes.
#[derive(Debug, Default)]
pub(crate) struct Columns {
    /// Where it happens.
    pub(crate) address: String,
    /// An event's kind, or who asked for an act.
    pub(crate) label: String,
    /// All of it.
    pub(crate) json: String,
}

impl Encoded {
    fn new(write: Write) -> Result<Self, StoreError> {
        let columns = match &write {
            Write::Event(event) | Write::UnwantedEvent(event) => Columns {
                address: event.address().to_string(),
                label: kind_name(event.body.kind())?,
                json: serde_json::to_string(event).map_err(StoreError::unwritable("an event"))?,
            },
            Write::OutboxDecided(act) | Write::OutboxStarted(act) => Columns {
                address: act.address().to_string(),
                label: act.by.to_string(),
                json: serde_json::to_string(act).map_err(StoreError::unwritable("an act"))?,
            },
            Write::TimerSet(timer) => Columns {
                address: timer.address.to_string(),
                label: String::new(),
                json: serde_json::to_string(timer).map_err(StoreError::unwritable("a timer"))?,
            },
            Write::Audit(AuditEntry { body: Some(body), .. }) => Columns {
                json: serde_json::to_string(body).map_err(StoreError::unwritable("an action"))?,
                ..Columns::default()
            },
            _ => Columns::default(),
        };
        Ok(Self { write, columns })
    }

    fn bytes(&self) -> usize {
        /// Numbers, short names and SQLite's own bookkeeping.
        const ROW: usize = 100;
        let texts = match &self.write {
            Write::Handled { calls, .. } => calls.len(),
            Write::KvPut { key, value, .. } => key.len() + value.as_ref().map_or(0, |row| row.value.len()),
            Write::OutboxEnded { text, .. } | Write::Meta { value: text, .. } => text.len(),
            Write::Audit(entry) => {
                entry.text.len() + entry.details.as_ref().map_or(0, String::len) + self.columns.json.len()
            }
            Write::DeadLetter(letter) => letter.text.len() + letter.report.as_ref().map_or(0, String::len),
            Write::CallBegun { key, .. } => key.key.len(),
            Write::CallAnswered { answer, .. } => answer.len(),
            Write::DeliveryQueued(delivery) => delivery.report.as_ref().map_or(0, String::len),
            _ => self.columns.json.len(),
        };
        texts + ROW
    }

    fn apply(&self, tables: &mut Tables) -> Result<(), StoreError> {
        let columns = &self.columns;
        match &self.write {
            Write::Event(event) => tables.journal(event, columns, Wanted::Yes),
            Write::UnwantedEvent(event) => tables.journal(event, columns, Wanted::No),
            Write::Handled { seq, at, calls } => tables.handled(*seq, *at, calls),
            Write::KvPut { script, scope, key, value } => tables.put(script, scope, key, value.as_ref()),
            Write::OutboxDecided(act) => tables.decide(act, OutboxState::Decided, columns),
            Write::OutboxStarted(act) => tables.decide(act, OutboxState::Sending, columns),
            Write::OutboxWaits(number) => tables.advance(*number, OutboxState::Decided),
            Write::OutboxSending(number) => tables.advance(*number, OutboxState::Sending),
            Write::OutboxEnded { number, outcome, code, text, message_id, at } => {
                let ending = Ending { outcome: *outcome, code, text, message_id: message_id.as_deref() };
                tables.ended(*number, ending, *at)
            }
            Write::Audit(entry) => tables.audit(entry, &columns.json),
            Write::DeadLetter(letter) => tables.set_aside(letter),
            Write::DeadLetterRemoved(id) => tables.remove_letter(*id),
            Write::DeliveryQueued(delivery) => tables.queue_delivery(delivery),
            Write::DeliveryEnded { address, seq } => tables.end_delivery(address, *seq),
            Write::WebhookMoved { account, next } => tables.move_webhook(account, *next),
            Write::WebhookRemoved(account) => tables.remove_webhook(account),
            Write::CallBegun { key, fingerprint, at, forget_before } => {
                tables.begin_call(key, fingerprint, *at, *forget_before)
            }
            Write::CallAnswered { key, answer } => tables.answer_call(key, answer),
            Write::CallForgotten(key) => tables.forget_call(key),
            Write::TimerSet(timer) => tables.set_timer(timer, columns),
            Write::TimerRemoved { script, address, tag } => tables.remove_timer(script, address, tag),
            Write::Meta { key, value } => tables.set_meta(key, value),
            Write::AccountReset { account, at } => tables.reset(account, *at),
            Write::PruneEvents { from, to, before } => tables.prune_events(*from, *to, *before),
            Write::PruneNotes { before } => tables.prune_notes(*before),
        }
    }
}

/// The kind as it stands in the event's own JSON.
fn kind_name(kind: EventKind) -> Result<String, StoreError> {
    let json = serde_json::to_value(kind).map_err(StoreError::unwritable("an event's kind"))?;
    Ok(json.as_str().unwrap_or_default().to_owned())
}
