//! One account: its state, its roster, and the way from its network into the host.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};

use arc_swap::{ArcSwap, ArcSwapOption};
use mynah_model::Attrs;
use mynah_model::action::Act;
use mynah_model::address::Address;
use mynah_model::clock::UnixMs;
use mynah_model::event::{AccountState, Event, EventBody};
use mynah_model::message::Media;
use mynah_model::names::{AccountName, Seq};
use mynah_model::roster::{Group, Roster};
use mynah_networks::network::{Boxed, Closed, Connection, Happening, Network, Sink};
use mynah_networks::sim::Sim;
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use tokio::sync::watch;

use crate::client_files::{ClientFile, ClientFiles, ClientFilesError};
use crate::client_state::ClientState;
use crate::intake::Intake;
use crate::login_code::LoginCode;
use crate::media::MediaStore;
use crate::orders::Orders;
use crate::scheduler::Scheduler;
use crate::sightings::Sightings;

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
    act_bytes_waiting: AtomicUsize,
    recovered: Mutex<Vec<Arc<Event>>>,
    /// What would be in `recovered` if the account were not stopped for good.
    shelved: Mutex<Vec<Arc<Event>>>,
    orders: Orders,
    files: Option<ClientFiles>,
    /// Where the API listens, for the state file.
    port: Option<u16>,
    login_code: ArcSwapOption<LoginCode>,
    problem: ArcSwapOption<String>,
    operators: ArcSwap<BTreeSet<String>>,
    sightings: Sightings,
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
            act_bytes_waiting: AtomicUsize::new(0),
            recovered: Mutex::default(),
            shelved: Mutex::default(),
            orders: Orders::default(),
            files: None,
            port: None,
            login_code: ArcSwapOption::empty(),
            problem: ArcSwapOption::empty(),
            operators: ArcSwap::default(),
            sightings: Sightings::default(),
        }
    }

    /// Has it keep files as the originals do.
    pub(crate) fn with_files(mut self, files: Option<ClientFiles>, port: Option<u16>) -> Self {
        (self.files, self.port) = (files, port);
        self
    }

    /// The people who may use the host's commands in its chats, by the network's ids.
    pub fn operators(&self) -> Arc<BTreeSet<String>> {
        self.operators.load_full()
    }

    pub(crate) fn set_operators(&self, operators: BTreeSet<String>) {
        self.operators.store(Arc::new(operators));
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

    /// About how many bytes they take.
    pub fn act_bytes_waiting(&self) -> usize {
        self.act_bytes_waiting.load(Ordering::Relaxed)
    }

    /// The code that waits to be scanned, if there is one.
    pub fn login_code(&self) -> Option<Arc<LoginCode>> {
        self.login_code.load_full()
    }

    /// Why it is stopped although nobody stopped it.
    pub fn problem(&self) -> Option<Arc<String>> {
        self.problem.load_full()
    }

    /// Why it has no connection, if its network needs one and it should run.
    pub fn trouble(&self) -> Option<String> {
        self.network.trouble().filter(|_| self.state() != AccountState::Stop)
    }

    /// How its connection has been since the host started, if its network has one that could be lost.
    pub fn connection(&self) -> Option<Connection> {
        self.network.connection()
    }

    /// As the running program that the originals had for each account.
    pub fn client_state(&self) -> ClientState {
        ClientState::of(self, self.state(), self.port)
    }

    pub(crate) fn orders(&self) -> &Orders {
        &self.orders
    }

    pub(crate) fn files(&self) -> Option<&ClientFiles> {
        self.files.as_ref()
    }

    pub(crate) fn forget_code(&self) {
        self.login_code.store(None);
    }

    pub(crate) fn set_problem(&self, problem: Option<String>) {
        self.problem.store(problem.map(Arc::new));
    }

    /// Does something to its files, off the threads that others need. What goes wrong is logged: the account works
    /// without them.
    pub(crate) async fn with_its_files<T: Send + 'static>(
        self: &Arc<Self>,
        work: impl FnOnce(&ClientFiles) -> Result<T, ClientFilesError> + Send + 'static,
    ) -> Option<T> {
        self.files.as_ref()?;
        let account = self.clone();
        let worked = tokio::task::spawn_blocking(move || account.files.as_ref().map(work)).await;
        match worked {
            Ok(Some(Ok(value))) => Some(value),
            Ok(None) => None,
            Ok(Some(Err(error))) => {
                tracing::warn!(account = %self.name, %error, "a file of the account failed");
                None
            }
            Err(error) => {
                tracing::error!(account = %self.name, %error, "the account's files were not dealt with");
                None
            }
        }
    }

    /// Brings its files to a state that it is about to enter.
    async fn show(self: &Arc<Self>, state: AccountState) {
        let code_is_over = state != AccountState::Scaning && self.login_code.swap(None).is_some();
        let json = match serde_json::to_vec(&ClientState::of(self, state, self.port)) {
            Ok(json) => json,
            Err(error) => {
                tracing::error!(account = %self.name, %error, "the state file is not brought up to date");
                return;
            }
        };
        self.with_its_files(move |files| {
            files.write(ClientFile::State, &json)?;
            if code_is_over { files.remove(ClientFile::Qrcode) } else { Ok(()) }
        })
        .await;
    }

    /// Draws a code that waits to be scanned; where the picture lies.
    async fn show_code(self: &Arc<Self>, text: &str) -> Option<String> {
        let text = text.to_owned();
        let drawn = tokio::task::spawn_blocking(move || LoginCode::draw(&text)).await;
        let code = match drawn {
            Ok(Ok(code)) => code,
            Ok(Err(error)) => {
                tracing::error!(account = %self.name, %error, "there is no picture of the QR code");
                return None;
            }
            Err(error) => {
                tracing::error!(account = %self.name, %error, "there is no picture of the QR code");
                return None;
            }
        };
        let picture = code.picture().to_vec();
        let path = self.with_its_files(move |files| {
            files.write(ClientFile::Qrcode, &picture)?;
            Ok(files.path(ClientFile::Qrcode))
        });
        let code = code.at(path.await);
        tracing::info!(account = %self.name, "scan this QR code to log in\n{}", code.blocks());
        let path = code.path().map(|path| path.display().to_string());
        self.login_code.store(Some(Arc::new(code)));
        path
    }

    pub(crate) fn driver(&self) -> &Arc<dyn Network> {
        &self.network
    }

    /// An act waits from now on.
    pub(crate) fn expect(&self, act: &Act) {
        self.acts_waiting.fetch_add(1, Ordering::Relaxed);
        self.act_bytes_waiting.fetch_add(act.weight(), Ordering::Relaxed);
    }

    /// An act that waited is over.
    pub(crate) fn end(&self, act: &Act) {
        self.acts_waiting.fetch_sub(1, Ordering::Relaxed);
        self.act_bytes_waiting.fetch_sub(act.weight(), Ordering::Relaxed);
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

    /// Which messages and requests it saw lately, and where.
    pub fn sightings(&self) -> &Sightings {
        &self.sightings
    }

    /// Takes over what an event changes: the roster, the state, and what was seen. Called in the order of the events.
    pub(crate) fn apply(&self, happening: &Happening) {
        self.sightings.note(happening.chat.as_ref(), &happening.body);
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
        let left = std::mem::take(&mut *self.recovered.lock());
        self.shelved.lock().extend(left);
    }

    /// The account is about to run after all.
    pub(crate) fn unmark_stopped(&self) {
        let left = std::mem::take(&mut *self.shelved.lock());
        self.recovered.lock().extend(left);
    }

    fn replace_roster(&self, mut roster: Roster) {
        let _one_at_a_time = self.changing.lock();
        roster.version = self.roster.load().version + 1;
        self.roster.store(Arc::new(roster));
    }

    fn replace_group(&self, group: Group) {
        let _one_at_a_time = self.changing.lock();
        let mut roster = Roster::clone(&self.roster.load());
        roster.groups.put(group);
        roster.version += 1;
        self.roster.store(Arc::new(roster));
    }
}

/// Where the driver of an account reports to.
pub(crate) struct AccountSink {
    pub(crate) account: Arc<Account>,
    pub(crate) intake: Arc<Intake>,
    pub(crate) scheduler: Arc<Scheduler>,
    pub(crate) media: MediaStore,
}

impl AccountSink {
    /// Whether the account takes no more of this: it is stopped, or the host is about to and takes only what its own
    /// acts bring about.
    fn is_closed_to(&self, happening: &Happening) -> bool {
        self.account.state() == AccountState::Stop
            || (happening.consequence.is_none() && self.intake.is_closing())
    }

    fn address_of(&self, happening: &Happening) -> Address {
        match &happening.chat {
            Some(chat) => Address::chat(self.account.name.clone(), chat.kind, chat.id.clone()),
            None => Address::account(self.account.name.clone()),
        }
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
            let happening = Happening { time, chat: None, body, consequence: None, attrs: Attrs::new() };
            // First: whoever hears of the state finds it there.
            self.account.show(state).await;
            self.intake.record(&self.account, vec![happening], Vec::new()).await
        })
    }

    fn roster(&self, roster: Roster) {
        self.account.replace_roster(roster);
    }

    fn group(&self, group: Group) {
        self.account.replace_group(group);
    }

    fn known(&self) -> Arc<Roster> {
        self.account.roster()
    }

    fn offer(&self, happening: Happening) -> Result<(), Box<Happening>> {
        let waits = self.is_closed_to(&happening)
            || matches!(happening.body, EventBody::QrCode { .. })
            || !self.intake.has_room()
            || !self.scheduler.has_room(&self.address_of(&happening));
        if waits {
            return Err(Box::new(happening));
        }
        self.intake.queue(&self.account, vec![happening], Vec::new(), None);
        Ok(())
    }

    fn report(&self, mut happening: Happening) -> Boxed<'_, Result<Seq, Closed>> {
        Box::pin(async move {
            if self.is_closed_to(&happening) {
                return Err(Closed);
            }
            if let EventBody::QrCode { text, path } = &mut happening.body {
                *path = self.account.show_code(text).await;
            }
            // What our own acts bring about must not wait for room: the room may be waiting for the act. No act waits for
            // what is told of an own message.
            if happening.consequence.is_none() || matches!(happening.body, EventBody::MessageSent(_)) {
                self.scheduler.room(&self.address_of(&happening)).await;
                if self.is_closed_to(&happening) {
                    return Err(Closed);
                }
            }
            self.intake.record(&self.account, vec![happening], Vec::new()).await
        })
    }

    fn file<'a>(&'a self, media: &'a Media) -> Boxed<'a, Result<Vec<u8>, String>> {
        Box::pin(async move { self.media.read(media).await.map_err(|error| error.to_string()) })
    }

    fn session(&self) -> Boxed<'_, Option<Vec<u8>>> {
        Box::pin(async {
            self.account.with_its_files(|files| files.read(ClientFile::Cookie)).await.flatten()
        })
    }

    fn keep_session<'a>(&'a self, session: &'a [u8]) -> Boxed<'a, ()> {
        let session = session.to_vec();
        Box::pin(async move {
            self.account.with_its_files(move |files| files.write(ClientFile::Cookie, &session)).await;
        })
    }
}
