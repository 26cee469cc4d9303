//! Putting a host together: loading what there is, taking up what an earlier run left, and starting what runs.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize};

use arc_swap::ArcSwap;
use mynah_engine::Engine;
use mynah_model::address::Address;
use mynah_model::clock::Clock;
use mynah_model::names::{ScriptName, Seq};
use mynah_store::{Batch, Recovery, Store, StoreError, Write};
use parking_lot::Mutex;
use tokio::runtime::Handle;
use tokio::sync::watch;

use super::{Host, Inner, Running};
use crate::account::Account;
use crate::accounts::Accounts;
use crate::alerts::Alerts;
use crate::avatars::Avatars;
use crate::budget::Budgets;
use crate::fetches::Fetches;
use crate::handling::Handling;
use crate::host_error::HostError;
use crate::housekeeping::Housekeeping;
use crate::intake::Intake;
use crate::lifecycle::{Lifecycle, Maker};
use crate::live_config::LiveConfig;
use crate::media::{MediaConfig, MediaStore};
use crate::outbox::Outbox;
use crate::pause::Pauses;
use crate::record::Records;
use crate::reload::Watch;
use crate::revocations::Revocations;
use crate::rules::Rules;
use crate::scheduler::Scheduler;
use crate::scripts::Catalog;
use crate::setup::{AccountSetup, HostConfig};
use crate::sightings;
use crate::state::Uncommitted;
use crate::timers::Timers;
use crate::waiting::Waiting;
use crate::workers::Workers;

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
        let workers = config.workers.unwrap_or_else(default_workers);
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
        let alerts = store.read(|reader| Alerts::recover(reader, waiting.now()))?;
        // Before anything is recovered that may be theirs.
        lifecycle.recover_made()?;
        store.read(|reader| sightings::recover(reader, &accounts, recovery.last_seq))?;
        let catalog =
            Catalog::new(engine.clone(), config.scripts, rules.clone(), waiting.clone(), store.clone());
        let catalog = Arc::new(catalog.map_err(|error| HostError::ScriptsFolder {
            path: "releases, in the data folder".into(),
            error: error.to_string(),
        })?);
        let outbox = Arc::new(Outbox::new(
            store.clone(),
            accounts.clone(),
            intake.clone(),
            Fetches::new(rules.clone()),
            waiting.clone(),
            Revocations::new(pauses.clone(), catalog.shared_setups()),
            tasks.clone(),
        ));
        let timers = Arc::new(Timers::default());
        let records = Arc::new(Records::new());
        let scripts_watch = load_scripts(&catalog)?;
        let live_config = Arc::new(LiveConfig::new(
            config.config_file.take(),
            catalog.clone(),
            outbox.clone(),
            waiting.clone(),
        ));

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
            } else {
                // Nobody will ever handle it, and what waits keeps expired state from being removed.
                let handled = Write::Handled { seq: event.seq, at: waiting.now(), calls: "[]".to_owned() };
                store.write(Batch::from(vec![handled]), |_| {});
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
            alerts: Arc::new(alerts),
            records: records.clone(),
            waiting: waiting.clone(),
            max_action_age_ms: i64::try_from(config.max_action_age.as_millis()).unwrap_or(i64::MAX),
            budgets: Budgets::default(),
            acts: AtomicU64::new(recovery.last_act.0),
            tickets: AtomicU64::new(0),
            gathered: AtomicUsize::new(0),
        });
        outbox.recover(recovery.outbox);
        let workers = Workers::start(&handling, &scheduler, &store)?;
        let alerts = tasks.spawn(handling.alerts.clone().run(handling.clone(), config.disk));
        let firing = handling.clone();
        let may_fire =
            move |script: &ScriptName, address: &Address, now| firing.may_fire(script, address, now);
        let timers =
            tasks.spawn(timers.run(accounts.clone(), intake.clone(), waiting.clone(), Box::new(may_fire)));
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
}

/// A worker for each core.
pub fn default_workers() -> usize {
    std::thread::available_parallelism().map_or(2, usize::from)
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
    let failed = |dir: Option<&Path>, error: String| HostError::ScriptsFolder {
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
