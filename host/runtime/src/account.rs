//! One account: its state, its roster, and the way from its network into the host.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};

use arc_swap::ArcSwap;
use mynah_model::Attrs;
use mynah_model::address::Address;
use mynah_model::clock::UnixMs;
use mynah_model::event::{AccountState, Event, EventBody};
use mynah_model::names::{AccountName, Seq};
use mynah_model::roster::Roster;
use mynah_networks::network::{Boxed, Closed, Happening, Network, Sink};
use mynah_networks::sim::Sim;
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use tokio::sync::watch;

use crate::intake::Intake;
use crate::scheduler::Scheduler;

/// Which HTTP API an account is served through when a call names no account.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ApiKind {
    /// `/openqq/*`
    #[default]
    Openqq,
    /// `/openwx/*`
    Openwx,
}

/// One account of the host. Reading it takes no lock that a writer could hold for long.
pub struct Account {
    name: AccountName,
    api: ApiKind,
    network: Arc<dyn Network>,
    roster: ArcSwap<Roster>,
    /// Held while the roster is changed, so that no change is lost to another one.
    changing: Mutex<()>,
    state: watch::Sender<AccountState>,
    started_at: AtomicI64,
    acts_waiting: AtomicUsize,
    recovered: Mutex<Vec<Arc<Event>>>,
}

impl Account {
    pub(crate) fn new(name: AccountName, api: ApiKind, network: Arc<dyn Network>) -> Self {
        Self {
            name,
            api,
            network,
            roster: ArcSwap::default(),
            changing: Mutex::default(),
            state: watch::Sender::new(AccountState::Init),
            started_at: AtomicI64::new(0),
            acts_waiting: AtomicUsize::new(0),
            recovered: Mutex::default(),
        }
    }

    /// Its name: the `client` of the Openqq API.
    pub fn name(&self) -> &AccountName {
        &self.name
    }

    /// The word for its network: `sim`, `onebot` ...
    pub fn network(&self) -> &'static str {
        self.network.kind()
    }

    /// The API it is served through when a call names no account.
    pub fn api(&self) -> ApiKind {
        self.api
    }

    /// What it is doing.
    pub fn state(&self) -> AccountState {
        *self.state.borrow()
    }

    /// Tells of every change of its state.
    pub fn watch_state(&self) -> watch::Receiver<AccountState> {
        self.state.subscribe()
    }

    /// What it knows now. The value never changes; ask again for a newer one.
    pub fn roster(&self) -> Arc<Roster> {
        self.roster.load_full()
    }

    /// The embedded network, if it is on that: people in it can be made to talk.
    pub fn sim(&self) -> Option<&Sim> {
        self.network.sim()
    }

    /// When it was started last, unix ms; 0 if it never was.
    pub fn started_at(&self) -> UnixMs {
        self.started_at.load(Ordering::Relaxed)
    }

    /// Acts of it that wait for delivery.
    pub fn acts_waiting(&self) -> usize {
        self.acts_waiting.load(Ordering::Relaxed)
    }

    pub(crate) fn driver(&self) -> &Arc<dyn Network> {
        &self.network
    }

    pub(crate) fn count_acts(&self, change: isize) {
        self.acts_waiting.fetch_add(change.cast_unsigned(), Ordering::Relaxed);
    }

    pub(crate) fn started(&self, now: UnixMs) {
        self.started_at.store(now, Ordering::Relaxed);
    }

    /// Events that an earlier run of the host journalled and did not handle. They are handled before all others, once
    /// the account is running: only then does it know its roster and can act.
    pub(crate) fn keep_recovered(&self, event: Arc<Event>) {
        self.recovered.lock().push(event);
    }

    /// Keeps an event behind those of its chat that an earlier run left; gives it back if there are none. Timers fire
    /// and acts end before the account is running. What concerns the account itself, its login for one, waits for nothing.
    pub(crate) fn keep_behind_recovered(&self, event: Arc<Event>) -> Option<Arc<Event>> {
        let mut recovered = self.recovered.lock();
        let place = |event: &Event| event.chat.as_ref().map(|chat| (chat.kind, chat.id.clone()));
        if recovered.is_empty() || event.chat.is_none() {
            return Some(event);
        }
        let here = place(&event);
        if recovered.iter().all(|earlier| place(earlier) != here) {
            return Some(event);
        }
        recovered.push(event);
        None
    }

    pub(crate) fn take_recovered(&self) -> Vec<Arc<Event>> {
        if self.state() != AccountState::Running {
            return Vec::new();
        }
        std::mem::take(&mut *self.recovered.lock())
    }

    /// Takes over what an event changes: the roster, and the state. Called in the order of the events.
    pub(crate) fn apply(&self, happening: &Happening) {
        if let EventBody::AccountState { new, .. } = happening.body {
            self.state.send_replace(new);
        }
        let _one_at_a_time = self.changing.lock();
        let roster = self.roster.load();
        if let Some(after) = roster.after(happening.chat.as_ref(), &happening.body, happening.time) {
            self.roster.store(Arc::new(after));
        }
    }

    /// The account was stopped for good in an earlier run: what waits for it stays in the journal.
    pub(crate) fn mark_stopped(&self) {
        self.state.send_replace(AccountState::Stop);
        self.recovered.lock().clear();
    }

    fn replace_roster(&self, mut roster: Roster) {
        let _one_at_a_time = self.changing.lock();
        roster.version = self.roster.load().version + 1;
        self.roster.store(Arc::new(roster));
    }
}

/// Where the driver of an account reports to.
pub(crate) struct AccountSink {
    pub(crate) account: Arc<Account>,
    pub(crate) intake: Arc<Intake>,
    pub(crate) scheduler: Arc<Scheduler>,
}

impl AccountSink {
    /// Whether the account takes no more of this: it is stopped, or the host is about to and takes only what its own
    /// acts bring about.
    fn is_closed_to(&self, happening: &Happening) -> bool {
        self.account.state() == AccountState::Stop
            || (happening.consequence.is_none() && self.intake.is_closing())
    }
}

impl Sink for AccountSink {
    fn enter(&self, state: AccountState) -> Boxed<'_, Result<Seq, Closed>> {
        Box::pin(async move {
            let body = EventBody::AccountState { old: self.account.state(), new: state };
            let time = self.intake.now();
            if state == AccountState::Loading {
                self.account.started(time);
            }
            let of_the_account =
                |body| Happening { time, chat: None, body, consequence: None, attrs: Attrs::new() };
            let mut happenings = vec![of_the_account(body)];
            if state == AccountState::Stop {
                happenings.push(of_the_account(EventBody::Stopped));
            }
            self.intake.record(&self.account, happenings, Vec::new()).await
        })
    }

    fn roster(&self, roster: Roster) {
        self.account.replace_roster(roster);
    }

    fn report(&self, happening: Happening) -> Boxed<'_, Result<Seq, Closed>> {
        Box::pin(async move {
            if self.is_closed_to(&happening) {
                return Err(Closed);
            }
            // What our own acts bring about must not wait for room: the room may be waiting for the act.
            if happening.consequence.is_none() {
                let address = match &happening.chat {
                    Some(chat) => Address::chat(self.account.name.clone(), chat.kind, chat.id.clone()),
                    None => Address::account(self.account.name.clone()),
                };
                self.scheduler.room(&address).await;
                if self.is_closed_to(&happening) {
                    return Err(Closed);
                }
            }
            self.intake.record(&self.account, vec![happening], Vec::new()).await
        })
    }
}
