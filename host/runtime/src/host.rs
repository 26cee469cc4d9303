//! The running host: how it is put together, and what the API and the command line may ask of it.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use arc_swap::ArcSwap;
use mynah_engine::Engine;
use mynah_model::action::{Action, ActionBody, Actor, Outcome, Target};
use mynah_model::address::{Address, AddressPattern};
use mynah_model::clock::{Clock, UnixMs};
use mynah_model::event::{AccountState, Event};
use mynah_model::names::{AccountName, ActNumber, ReleaseId, ScriptName, Seq};
use mynah_model::refusal::{Code, Refusal};
use mynah_networks::AvatarOf;
use mynah_store::{AuditEntry, AuditFilter, AuditPage, Batch, Recovery, Store, StoreError, Write};
use parking_lot::Mutex;
use tokio::runtime::Handle;
use tokio::sync::{broadcast, oneshot, watch};
use tokio::task::JoinHandle;

use crate::account::Account;
use crate::accounts::Accounts;
use crate::act_outcome::ActOutcome;
use crate::alerts::Alert;
use crate::audit::{Asked, outcome_of};
use crate::avatars::{Avatar, AvatarError, Avatars};
use crate::budget::Budgets;
use crate::fetches::Fetches;
use crate::gate::{self, ActingAccount, Occasion, Verdict};
use crate::grants::KvQuota;
use crate::handling::Handling;
use crate::host_error::HostError;
use crate::housekeeping::Housekeeping;
use crate::intake::Intake;
use crate::lifecycle::{Lifecycle, Maker, NewAccount, Started};
use crate::limits;
use crate::live_config::{ConfigStatus, LiveConfig};
use crate::media::{MediaConfig, MediaStore};
use crate::outbox::Outbox;
use crate::pause::{Changing, Pause, PauseError, Pauses, Scope};
use crate::record::{Handled, Records};
use crate::reload::Watch;
use crate::rules::Rules;
use crate::scheduler::Scheduler;
use crate::script_detail::ScriptDetail;
use crate::scripts::Catalog;
use crate::setup::{AccountSetup, HostConfig};
use crate::state::Uncommitted;
use crate::status::{OutboxEntry, ScriptStatus};
use crate::timers::Timers;
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
    /// Starts a host: loads the scripts, takes up what an earlier run left, and connects the accounts. Call it on a
    /// tokio runtime; loading blocks for as long as compiling takes.
    pub fn start(
        mut config: HostConfig,
        engine: Engine,
        store: Store,
        recovery: Recovery,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, HostError> {
        let tasks = Handle::current();
        let media = open_media(config.media, &clock)?;
        let waiting = Waiting::new(clock.clone());
        let maker = Maker::new(&mut config.clients, clock);
        let accounts = Arc::new(make_accounts(config.accounts, &maker)?);
        for (name, operators) in config.operators {
            if let Some(account) = accounts.get(name.as_str()) {
                account.set_operators(operators);
            }
        }
        let rules = Arc::new(ArcSwap::from_pointee(Rules::default()));
        let workers =
            config.workers.unwrap_or_else(|| std::thread::available_parallelism().map_or(2, usize::from));
        let scheduler = Arc::new(Scheduler::new(workers));
        let (places, threads) = (engine.workers(), scheduler.threads());
        if places < threads {
            return Err(HostError::FewPlaces { places, threads });
        }
        let intake = Arc::new(Intake::new(
            store.clone(),
            scheduler.clone(),
            rules.clone(),
            waiting.clone(),
            recovery.last_seq,
        ));
        let lifecycle = Arc::new(Lifecycle {
            accounts: accounts.clone(),
            store: store.clone(),
            intake: intake.clone(),
            scheduler: scheduler.clone(),
            media: media.clone(),
            maker,
            max_clients: config.clients.max_clients,
            ordering: Mutex::default(),
            all_stopped: watch::Sender::new(false),
        });
        let pauses = Arc::new(store.read(Pauses::recover)?);
        // Before anything is recovered that may be theirs.
        lifecycle.recover_made()?;
        let outbox = Arc::new(Outbox::new(
            store.clone(),
            accounts.clone(),
            intake.clone(),
            Fetches::new(rules.clone()),
            waiting.clone(),
            pauses.clone(),
            tasks.clone(),
        ));
        let timers = Arc::new(Timers::default());
        let records = Arc::new(Records::new());
        let catalog =
            Catalog::new(engine.clone(), config.scripts, rules.clone(), waiting.clone(), store.clone());
        let catalog = Arc::new(catalog.map_err(|error| HostError::ScriptsFolder {
            path: "releases, in the data folder".into(),
            error: error.to_string(),
        })?);
        let scripts_watch = load_scripts(&catalog)?;
        let live_config =
            Arc::new(LiveConfig::new(config.config_file.take(), catalog.clone(), waiting.clone()));

        for event in recovery.unhandled {
            let event = match event {
                Ok(event) => event,
                Err(error @ StoreError::Unreadable { .. }) => {
                    tracing::error!(%error, "an event of an earlier run is left out");
                    continue;
                }
                Err(error) => return Err(error.into()),
            };
            if let Some(account) = accounts.get(event.account.as_str()) {
                account.keep_recovered(Arc::new(event));
            }
        }
        timers.recover(recovery.timers);
        let handling = Arc::new(Handling {
            engine,
            store: store.clone(),
            rules: rules.clone(),
            catalog: catalog.clone(),
            accounts: accounts.clone(),
            uncommitted: Arc::new(Uncommitted::new(store.read(|reader| reader.kv_totals())?)),
            outbox: outbox.clone(),
            timers: timers.clone(),
            pauses,
            alerts: Arc::default(),
            records: records.clone(),
            waiting: waiting.clone(),
            max_action_age_ms: i64::try_from(config.max_action_age.as_millis()).unwrap_or(i64::MAX),
            budgets: Budgets::default(),
            acts: AtomicU64::new(recovery.last_act.0),
            tickets: AtomicU64::new(0),
        });
        outbox.recover(recovery.outbox);
        let workers = Workers::start(&handling, &scheduler, &store)?;
        let alerts = tasks.spawn(handling.alerts.clone().run(handling.clone(), config.disk));
        let calls = move |script: &ScriptName, address: &Address| rules.load().calls(script, address);
        let timers =
            tasks.spawn(timers.run(accounts.clone(), intake.clone(), waiting.clone(), Box::new(calls)));
        let keeping = tasks.spawn(media.clone().keep_house(waiting.clone()));
        let housekeeping = Housekeeping {
            store: store.clone(),
            handling: handling.clone(),
            waiting: waiting.clone(),
            journal: config.journal,
        };
        let housekeeping = tasks.spawn(housekeeping.run());
        let config_watch = live_config.watch();
        let running = Running {
            workers,
            timers,
            media: keeping,
            alerts,
            housekeeping,
            _scripts: scripts_watch,
            _config: config_watch,
        };
        let running = Mutex::new(Some(running));
        let inner = Inner {
            accounts,
            store,
            scheduler,
            intake,
            outbox,
            handling,
            catalog,
            config: live_config,
            records,
            media,
            avatars: Avatars::default(),
            waiting,
            first_seq: Seq(recovery.last_seq.0 + 1),
            resent: watch::Sender::new(0),
            running,
            lifecycle,
        };
        let host = Self { inner: Arc::new(inner) };
        host.inner.lifecycle.begin()?;
        Ok(host)
    }

    /// All accounts: those of the configuration in its order, then those that callers made.
    pub fn accounts(&self) -> Vec<Arc<Account>> {
        Vec::clone(&self.inner.accounts.all())
    }

    /// How many accounts there are; tells when callers make more.
    pub fn account_count(&self) -> watch::Receiver<usize> {
        self.inner.accounts.count()
    }

    /// The account of a name.
    pub fn account(&self, name: &str) -> Option<Arc<Account>> {
        self.inner.accounts.get(name)
    }

    /// Why nothing can be recorded now, if that is so: then nothing new should be brought.
    pub fn stalled(&self) -> Option<Refusal> {
        self.inner.store.stalled().map(|error| Refusal::new(Code::StoreStalled, error.to_string()))
    }

    /// Gates an action that is not a script's, on the occasion of an event if it answers one.
    fn decide(
        &self,
        account: &Account,
        event: Option<&Event>,
        action: Action,
        by: &Actor,
        number: ActNumber,
    ) -> Verdict {
        let roster = account.roster();
        let acting = ActingAccount {
            name: account.name(),
            roster: &roster,
            state: account.state(),
            embedded: account.sim().is_some(),
            outbox: account.acts_waiting(),
        };
        let handling = &self.inner.handling;
        let (now, max_action_age_ms) = (self.now(), handling.max_action_age_ms);
        let occasion =
            Occasion { actor: by, grants: None, event, now, max_action_age_ms, pauses: &handling.pauses };
        gate::decide(&occasion, Some(&acting), &handling.budgets, number, action)
    }

    /// Gates and delivers actions that answer an event, in one transaction with `also`. Resolves when that is
    /// committed, not when the acts are done; one result for each action.
    pub(crate) async fn answer(
        &self,
        event: &Event,
        actions: Vec<Action>,
        by: Actor,
        also: Vec<Write>,
    ) -> Result<Vec<Result<ActNumber, Refusal>>, HostError> {
        let (mut writes, mut acts) = (also, Vec::new());
        let address = event.address();
        let mut results = Vec::with_capacity(actions.len());
        for action in actions {
            let name = action.body.name();
            let number = self.inner.handling.next_act();
            let verdict = match self.account(event.account.as_str()) {
                Some(account) => self.decide(&account, Some(event), action.clone(), &by, number),
                None => Verdict::Refused(Refusal::new(
                    Code::AccountUnknown,
                    format!("the host has no account `{}`", event.account),
                )),
            };
            let asked =
                Asked { number, at: self.now(), actor: &by, address: Some(&address), seq: Some(event.seq) };
            writes.extend(asked.verdict(&action, &verdict));
            results.push(match verdict {
                Verdict::Granted(act) => {
                    let number = act.number;
                    self.inner.outbox.expect(&act);
                    writes.push(Write::OutboxDecided(act.clone()));
                    acts.push(act);
                    Ok(number)
                }
                Verdict::Refused(refusal) => Err(refusal),
                Verdict::DryRun(_)
                | Verdict::Paused(..)
                | Verdict::Schedule { .. }
                | Verdict::Cancel { .. }
                | Verdict::Stop => Err(scripts_only(name)),
            });
        }
        let (tell, committed) = oneshot::channel();
        let delivery = self.inner.outbox.clone();
        self.inner.store.write(Batch::from(writes), move |result| {
            match &result {
                Ok(()) => delivery.deliver(acts),
                Err(_) => delivery.forget(&acts),
            }
            // Whoever asked may have gone; the decision stands.
            let _ = tell.send(result);
        });
        committed.await.unwrap_or(Err(StoreError::Closed))?;
        Ok(results)
    }

    /// Notes down an action that a caller asked for and that the host did not take.
    fn note_refusal(&self, account: &Account, action: &Action, by: &Actor, refusal: &Refusal) {
        let (number, at) = (self.inner.handling.next_act(), self.now());
        let address = Address::account(account.name().clone());
        let asked = Asked { number, at, actor: by, address: Some(&address), seq: None };
        if let Some(write) = asked.refusal(action, refusal) {
            self.inner.store.write(Batch::from(write), |result| {
                if let Err(error) = result {
                    tracing::error!(%error, "a refusal could not be noted down");
                }
            });
        }
    }

    /// Gates and delivers an action of an API caller; resolves with what became of it.
    pub async fn act(
        &self,
        account: &Account,
        target: Option<Target>,
        body: ActionBody,
        by: Actor,
    ) -> ActOutcome {
        if let Some(refusal) = self.stalled() {
            return ActOutcome::none(Outcome::Refused, refusal.code.as_str(), refusal.text);
        }
        let action = Action { target, ..Action::new(body) };
        let number = self.inner.handling.next_act();
        let verdict = self.decide(account, None, action.clone(), &by, number);
        let act = match verdict {
            Verdict::Granted(act) => act,
            Verdict::Refused(refusal) => {
                self.note_refusal(account, &action, &by, &refusal);
                return ActOutcome::none(outcome_of(refusal.code), refusal.code.as_str(), refusal.text);
            }
            Verdict::DryRun(_)
            | Verdict::Paused(..)
            | Verdict::Schedule { .. }
            | Verdict::Cancel { .. }
            | Verdict::Stop => {
                let refusal = scripts_only(action.body.name());
                self.note_refusal(account, &action, &by, &refusal);
                return ActOutcome::none(Outcome::Unsupported, refusal.code.as_str(), refusal.text);
            }
        };
        let outbox = &self.inner.outbox;
        outbox.expect(&act);
        let outcome = outbox.outcome_of(act.number);
        let delivery = outbox.clone();
        self.inner.store.write(Batch::from(Write::OutboxDecided(act.clone())), move |result| match result {
            Ok(()) => delivery.deliver(vec![act]),
            Err(error) => {
                tracing::error!(%error, "an action could not be kept");
                delivery.forget(&[act]);
            }
        });
        outcome.await.unwrap_or_else(|_| {
            let text = "the host stopped before the outcome was known";
            ActOutcome::none(Outcome::Unknown, "host.stopping", text)
        })
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

    /// Pauses something, at once; resolves when that will hold after a restart, too.
    pub async fn pause(&self, scope: Scope, by: &Actor) -> Result<(), PauseError> {
        let writes =
            self.inner.handling.pause(scope, &Changing { by, at: self.now(), address: None, seq: None })?;
        self.inner.store.write_durable(Batch::from(writes)).await.map_err(HostError::from)?;
        Ok(())
    }

    /// Ends the pauses of this script, or in these chats; of a script in chats if both are named, and all if none is. What
    /// ended.
    pub async fn resume(
        &self,
        script: Option<ScriptName>,
        chats: Option<AddressPattern>,
        by: &Actor,
    ) -> Result<Vec<Pause>, HostError> {
        let ends = |pause: &Pause| {
            script.as_ref().is_none_or(|script| pause.scope.script.as_ref() == Some(script))
                && chats.as_ref().is_none_or(|chats| pause.scope.chats == *chats)
        };
        let occasion = Changing { by, at: self.now(), address: None, seq: None };
        let (ended, writes) = self.inner.handling.resume(ends, &occasion);
        self.inner.store.write_durable(Batch::from(writes)).await?;
        Ok(ended)
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
        let read = tokio::task::spawn_blocking(move || store.read(read)).await;
        Ok(read.map_err(|error| std::io::Error::other(error.to_string()))??)
    }

    /// Pictures and files: what was received and what is to be sent.
    pub fn media(&self) -> &MediaStore {
        &self.inner.media
    }

    /// The picture of somebody, asked of the account's network once an hour.
    pub async fn avatar(&self, account: &Account, of: AvatarOf) -> Result<Avatar, AvatarError> {
        let network = account.driver().clone();
        self.inner.avatars.get(account.name(), network.as_ref(), of, self.inner.waiting.now()).await
    }

    /// Every script that was found, live or not.
    pub fn scripts(&self) -> Vec<ScriptStatus> {
        let error = self.inner.config.status().error;
        let scripts = self.inner.catalog.status().into_iter();
        scripts.map(|status| ScriptStatus { grants_error: error.clone(), ..status }).collect()
    }

    /// One script with all that is known of it.
    pub fn script(&self, name: &str) -> Option<ScriptDetail> {
        let mut detail = self.inner.catalog.detail(name)?;
        detail.status.grants_error = self.inner.config.status().error;
        Some(detail)
    }

    /// Lets a release in that waits; whoever asks stands in the audit.
    ///
    /// # Errors
    /// `release.none` if this release does not wait; otherwise why it cannot be live.
    pub async fn accept_release(
        &self,
        name: &ScriptName,
        release: ReleaseId,
        by: &Actor,
    ) -> Result<Result<(), Refusal>, HostError> {
        let (catalog, script) = (self.inner.catalog.clone(), name.clone());
        let accepted = tokio::task::spawn_blocking(move || catalog.accept(&script, &release)).await;
        let accepted = accepted.map_err(|error| std::io::Error::other(error.to_string()))?;
        if accepted.is_ok() {
            let (number, at) = (self.inner.handling.next_act(), self.now());
            let asked = Asked { number, at, actor: by, address: None, seq: None };
            let text = "a release that waited was let in".to_owned();
            let (script, release) = (Some(name.clone()), Some(release.hex()));
            let entry = AuditEntry { script, release, ..asked.entry("accept", Outcome::Done, text) };
            self.inner.store.write_durable(Batch::from(Write::Audit(entry))).await?;
        }
        Ok(accepted)
    }

    /// What became of `mynah.toml` since the host was started.
    pub fn config(&self) -> ConfigStatus {
        self.inner.config.status()
    }

    /// Reads `mynah.toml` again, whether it was saved or not.
    ///
    /// # Errors
    /// `config.refused`: what was in force stays so.
    pub async fn reload_config(&self) -> Result<Result<ConfigStatus, Refusal>, HostError> {
        let config = self.inner.config.clone();
        let reloaded = tokio::task::spawn_blocking(move || config.reload()).await;
        Ok(reloaded.map_err(|error| std::io::Error::other(error.to_string()))?)
    }

    /// How much state a script may hold.
    pub(crate) fn kv_quota(&self, script: &ScriptName) -> KvQuota {
        self.inner.catalog.kv_quota(script)
    }

    /// What an account did since it was reset, in the order it was done.
    pub async fn outbox(&self, account: &Account) -> Result<Vec<OutboxEntry>, HostError> {
        let name = account.name().clone();
        let rows = self.read(move |reader| reader.outbox_done(&name, 0, u32::MAX)).await?;
        Ok(rows.iter().map(|row| OutboxEntry::of(&row.act)).collect())
    }

    /// Where an account sent the message of this id, if that was one of its newest acts.
    pub async fn sent_to(&self, account: &Account, message_id: &str) -> Result<Option<Target>, HostError> {
        let (name, message_id) = (account.name().clone(), message_id.to_owned());
        let row = self.read(move |reader| reader.outbox_sent(&name, &message_id, limits::SENT)).await?;
        Ok(row.and_then(|row| row.act.target))
    }

    /// Puts a sim account back to the beginning: its roster as configured, its outbox empty.
    pub async fn reset_sim(&self, account: &Account) -> Result<(), HostError> {
        let Some(sim) = account.sim() else {
            return Err(HostError::NotSim { account: account.name().clone(), network: account.network() });
        };
        sim.reset().await;
        let reset = Write::AccountReset { account: account.name().clone(), at: self.inner.waiting.now() };
        Ok(self.inner.store.write_durable(Batch::from(reset)).await?)
    }

    /// Starts an account, whether it was stopped or never ran. One that there is not is made, on the embedded network,
    /// if `new` says how; it is there again after a restart. Resolves when the account is on its way in.
    pub async fn start_account(
        &self,
        name: &AccountName,
        new: Option<NewAccount>,
    ) -> Result<(Arc<Account>, Started), HostError> {
        self.inner.lifecycle.start(name, new).await
    }

    /// Stops an account for good: it stays stopped after a restart of the host. Resolves when it is stopped.
    pub async fn stop_account(&self, account: &Arc<Account>) -> Result<(), HostError> {
        let stopped = self.inner.lifecycle.stop(account, Duration::ZERO).await?;
        stopped.await.map_err(|error| std::io::Error::other(error.to_string()).into())
    }

    /// Stops an account for good, a while after this resolves; it is not stopped if it is started before that. A host
    /// that ends meanwhile finds it stopped when it starts again.
    pub async fn stop_account_later(&self, account: &Arc<Account>, delay: Duration) -> Result<(), HostError> {
        self.inner.lifecycle.stop(account, delay).await.map(|_| ())
    }

    /// Logs an account in again, as for the first time, a while from now; unless it is stopped by then.
    pub fn relogin_later(&self, account: &Arc<Account>, delay: Duration) {
        self.inner.lifecycle.relogin(account, delay);
    }

    /// Resolves when the last account that ran has stopped, and none was started since.
    pub async fn all_stopped(&self) {
        self.inner.lifecycle.all_stopped().await;
    }

    /// Whether every account that should run does.
    pub fn is_ready(&self) -> bool {
        let settled =
            [AccountState::Running, AccountState::Stop, AccountState::Scaning, AccountState::Confirming];
        self.inner.accounts.all().iter().all(|account| settled.contains(&account.state()))
    }

    /// Resolves when a chat has room for one more event. Callers that cannot wait for ever wait here, before
    /// they bring the event: a report that is under way is not given up.
    pub async fn room(&self, address: &Address) {
        self.inner.scheduler.room(address).await;
    }

    /// Resolves when every timer that is due has fired, every event is handled, every act is delivered, and all of that
    /// is committed.
    pub async fn settled(&self) -> Result<(), HostError> {
        loop {
            self.quiet(|_| true).await;
            // A batch of nothing is committed after all that was queued before it. What comes of that, like telling a
            // script of a refusal, is queued by then.
            self.inner.store.write_durable(Batch::new()).await?;
            // Timers first: what fired has queued its event by then.
            if !self.inner.handling.timers.is_due(self.now()) && self.is_quiet(|_| true) {
                return Ok(());
            }
        }
    }

    /// Resolves when no event waits, and no act of some accounts.
    async fn quiet(&self, which: impl Fn(&Account) -> bool) {
        loop {
            self.inner.scheduler.idle().await;
            if self.is_quiet(&which) {
                return;
            }
            tokio::time::sleep(limits::SETTLE_POLL).await;
        }
    }

    fn is_quiet(&self, which: impl Fn(&Account) -> bool) -> bool {
        let accounts = self.inner.accounts.all();
        let mut accounts = accounts.iter().filter(|account| which(account));
        accounts.all(|account| account.acts_waiting() == 0) && self.inner.scheduler.is_idle()
    }

    /// Stops everything: accounts, workers, store. What waits is handled and delivered first, while the accounts are
    /// connected, but for no longer than [`limits::SHUTDOWN_DRAIN`]; the rest stays for the next start.
    pub async fn shutdown(&self) {
        let running = self.inner.running.lock().take();
        self.inner.intake.close();
        self.inner.outbox.close();
        if let Some(running) = &running {
            running.timers.abort();
            running.media.abort();
            running.alerts.abort();
            running.housekeeping.abort();
        }
        let connected = |account: &Account| account.state() == AccountState::Running;
        if tokio::time::timeout(limits::SHUTDOWN_DRAIN, self.quiet(connected)).await.is_err() {
            tracing::warn!("not all that waits could be done in time; the next start takes it up");
            self.inner.scheduler.abandon();
        }
        self.inner.lifecycle.end().await;
        self.inner.scheduler.close();
        if let Some(running) = running {
            let ended = tokio::task::spawn_blocking(move || running.workers.join()).await;
            if let Err(error) = ended {
                tracing::error!(%error, "workers did not end well");
            }
        }
        let store = self.inner.store.clone();
        if let Err(error) = tokio::task::spawn_blocking(move || store.close()).await {
            tracing::error!(%error, "the store did not close well");
        }
        self.inner.outbox.dismiss_callers();
    }
}

/// A worker for each core.
pub fn default_workers() -> usize {
    std::thread::available_parallelism().map_or(2, usize::from)
}

fn scripts_only(action: &str) -> Refusal {
    Refusal::new(Code::Unsupported, format!("`{action}` is for scripts only"))
}

fn make_accounts(setups: Vec<AccountSetup>, maker: &Maker) -> Result<Accounts, HostError> {
    let mut list: Vec<Arc<Account>> = Vec::with_capacity(setups.len());
    for setup in setups {
        if list.iter().any(|account| *account.name() == setup.name) {
            return Err(HostError::TwoAccounts(setup.name));
        }
        list.push(maker.account(setup));
    }
    Ok(Accounts::new(list))
}

fn open_media(config: MediaConfig, clock: &Arc<dyn Clock>) -> Result<MediaStore, HostError> {
    let path = config.dir.as_ref().map(|dir| dir.display().to_string()).unwrap_or_default();
    MediaStore::open(config, Arc::clone(clock))
        .map_err(|error| HostError::MediaFolder { path, error: error.to_string() })
}

/// Loads what there is, then watches, then looks once more for what came in between.
fn load_scripts(catalog: &Arc<Catalog>) -> Result<Option<Watch>, HostError> {
    let failed = |dir: Option<&std::path::Path>, error: String| HostError::ScriptsFolder {
        path: dir.map(|dir| dir.display().to_string()).unwrap_or_default(),
        error,
    };
    let dir = catalog.dir();
    if let Some(dir) = dir {
        std::fs::create_dir_all(dir).map_err(|error| failed(Some(dir), error.to_string()))?;
    }
    catalog.scan().map_err(|error| failed(dir, error.to_string()))?;
    let Some(dir) = dir else { return Ok(None) };
    let watched = catalog.clone();
    let watch = Watch::start(dir, move || {
        if let Err(error) = watched.scan() {
            tracing::error!(%error, "the scripts folder cannot be read; what is live stays so");
        }
    });
    let watch = watch.map_err(|error| failed(Some(dir), error.to_string()))?;
    catalog.scan().map_err(|error| failed(Some(dir), error.to_string()))?;
    Ok(Some(watch))
}
