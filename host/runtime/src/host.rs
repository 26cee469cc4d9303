//! The running host: what it consists of, and what the API and the command line may ask of it.
//!
//! # Layout
//! - `startup`: how it is put together
//! - `acting`: what callers ask to be done
//! - `scripts`: what they see of scripts and `mynah.toml`, and may change there
//! - `accounts`: who there is, and who runs
//! - `ending`: when all is done, and the end

mod accounts;
mod acting;
mod ending;
mod scripts;
mod startup;

use std::sync::Arc;

use mynah_model::address::Address;
use mynah_model::clock::UnixMs;
use mynah_model::event::Event;
use mynah_model::names::Seq;
use mynah_model::refusal::{Code, Refusal};
use mynah_store::{AuditFilter, AuditPage, Store, StoreError};
use parking_lot::Mutex;
use tokio::sync::{broadcast, watch};
use tokio::task::JoinHandle;

pub use startup::default_workers;

use crate::accounts::Accounts;
use crate::alerts::Alert;
use crate::avatars::Avatars;
use crate::handling::Handling;
use crate::host_error::HostError;
use crate::intake::Intake;
use crate::lifecycle::Lifecycle;
use crate::live_config::LiveConfig;
use crate::media::MediaStore;
use crate::outbox::Outbox;
use crate::pause::Pause;
use crate::record::{Handled, Records};
use crate::reload::Watch;
use crate::scheduler::Scheduler;
use crate::scripts::Catalog;
use crate::waiting::Waiting;
use crate::why::{self, Why};
use crate::workers::Workers;

struct Inner {
    accounts: Arc<Accounts>,
    store: Store,
    scheduler: Arc<Scheduler>,
    intake: Arc<Intake>,
    outbox: Arc<Outbox>,
    handling: Arc<Handling>,
    catalog: Arc<Catalog>,
    config: Arc<LiveConfig>,
    records: Arc<Records>,
    media: MediaStore,
    avatars: Avatars,
    waiting: Waiting,
    first_seq: Seq,
    resent: watch::Sender<u64>,
    running: Mutex<Option<Running>>,
    lifecycle: Arc<Lifecycle>,
}

/// What ends with the host.
struct Running {
    workers: Workers,
    timers: JoinHandle<()>,
    media: JoinHandle<()>,
    alerts: JoinHandle<()>,
    housekeeping: JoinHandle<()>,
    _scripts: Option<Watch>,
    _config: Option<Watch>,
}

/// The running host; clones are the same host.
#[derive(Clone)]
pub struct Host {
    inner: Arc<Inner>,
}

impl Host {
    /// Why nothing can be recorded now, if that is so: then nothing new should be brought.
    pub fn stalled(&self) -> Option<Refusal> {
        self.inner.store.stalled().map(|error| Refusal::new(Code::StoreStalled, error.to_string()))
    }

    /// What was asked for and what became of it: at most `limit` entries, newest first.
    pub async fn audit(&self, filter: AuditFilter, limit: u32) -> Result<AuditPage, HostError> {
        self.read(move |reader| reader.audit(&filter, limit)).await
    }

    /// What operators should know: what lasts first.
    pub fn alerts(&self) -> Vec<Alert> {
        self.inner.handling.alerts.list()
    }

    /// What is paused.
    pub fn pauses(&self) -> Vec<Pause> {
        Vec::clone(&self.inner.handling.pauses.all())
    }

    /// Explains an event; `None` if the journal does not have it.
    pub async fn why(&self, seq: Seq) -> Result<Option<Why>, HostError> {
        let catalog = self.inner.catalog.clone();
        self.read(move |reader| why::explain(reader, &catalog, seq)).await
    }

    /// Events in the order of their numbers, each after it is journalled. A receiver that lags goes on in the journal
    /// with [`Host::events`].
    pub fn subscribe(&self) -> broadcast::Receiver<Arc<Event>> {
        self.inner.intake.subscribe()
    }

    /// What was decided on each event, after it is committed. In the order of the events within each chat.
    pub fn subscribe_handled(&self) -> broadcast::Receiver<Arc<Handled>> {
        self.inner.records.subscribe()
    }

    /// Events from the journal: those with numbers from `from` on, at most `limit`, oldest first.
    pub async fn events(&self, from: Seq, limit: u32) -> Result<Vec<Arc<Event>>, HostError> {
        let events = self.read(move |reader| reader.events(from, limit)).await?;
        Ok(events.into_iter().map(Arc::new).collect())
    }

    pub(crate) fn waiting(&self) -> &Waiting {
        &self.inner.waiting
    }

    /// The time by the host's clock, unix ms.
    pub fn now(&self) -> UnixMs {
        self.inner.waiting.now()
    }

    /// The number of the first event of this run: all before it are of earlier ones.
    pub fn first_seq(&self) -> Seq {
        self.inner.first_seq
    }

    /// Changes whenever a dead letter is to be sent again.
    pub fn watch_resent(&self) -> watch::Receiver<u64> {
        self.inner.resent.subscribe()
    }

    pub(crate) fn count_resent(&self) {
        self.inner.resent.send_modify(|count| *count += 1);
    }

    pub(crate) fn handling(&self) -> &Arc<Handling> {
        &self.inner.handling
    }

    pub(crate) fn store(&self) -> &Store {
        &self.inner.store
    }

    pub(crate) async fn read<T: Send + 'static>(
        &self,
        read: impl FnOnce(&mynah_store::Reader) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, HostError> {
        let store = self.inner.store.clone();
        Ok(blocking(move || store.read(read)).await??)
    }

    /// Pictures and files: what was received and what is to be sent.
    pub fn media(&self) -> &MediaStore {
        &self.inner.media
    }

    /// Resolves when a chat has room for one more event. Callers that cannot wait for ever wait here, before
    /// they bring the event: a report that is under way is not given up.
    pub async fn room(&self, address: &Address) {
        self.inner.scheduler.room(address).await;
    }
}

/// Does what may take a while beside the tasks; an error if it did not come to its end.
pub(crate) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, HostError> {
    let done = tokio::task::spawn_blocking(work).await;
    Ok(done.map_err(|error| std::io::Error::other(error.to_string()))?)
}
