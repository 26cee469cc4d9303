//! Starting, stopping and logging in again: who runs, who may, and what of it outlives the host.
//!
//! Each account has a keeper, a task that carries out the account's orders one after the other. So
//! an account never runs twice, and whoever starts and stops it at the same time waits for nobody but the keeper.

mod keeper;
mod made;

use std::sync::Arc;
use std::time::Duration;

use mynah_model::event::AccountState;
use mynah_model::names::AccountName;
use mynah_networks::sim::LoginMode;
use mynah_store::{Batch, Store, StoreError, Write};
use parking_lot::Mutex;
use tokio::sync::{oneshot, watch};
use tokio::task::JoinHandle;

use crate::account::{Account, AccountSink, ApiKind};
use crate::accounts::Accounts;
use crate::client_files::ClientFolder;
use crate::host_error::HostError;
use crate::intake::Intake;
use crate::limits;
use crate::media::MediaStore;
use crate::orders::Wish;
use crate::scheduler::Scheduler;
use keeper::Keeper;
use made::MadeAccount;

pub(crate) use made::Maker;

/// An account that a caller wants to be made, on the embedded network.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NewAccount {
    /// The API it is served through when a call names no account.
    pub api: ApiKind,
    /// How it logs in.
    pub login: LoginMode,
    /// One seed is one history.
    pub seed: u64,
}

/// What [`crate::Host::start_account`] did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Started {
    /// The account is on its way in.
    Now,
    /// It was before.
    Already,
}

/// Prefix of the facts about accounts in the store.
const FACTS: &str = "account.";
/// What a fact's name ends in that says whether an account is stopped for good.
const STOPPED: &str = ".stopped";
/// What a fact's name ends in that holds an account that a caller made.
const MADE: &str = ".made";

const YES: &str = "1";
const NO: &str = "0";

/// What all accounts have in common.
#[derive(Debug)]
pub struct Clients {
    /// Where their files lie; without it there are none.
    pub folder: Option<ClientFolder>,
    /// Where the API listens, for their state files.
    pub port: Option<u16>,
    /// How many may run at a time.
    pub max_clients: usize,
}

impl Default for Clients {
    fn default() -> Self {
        Self { folder: None, port: None, max_clients: limits::MAX_CLIENTS }
    }
}

/// Who runs.
pub(crate) struct Lifecycle {
    pub(crate) accounts: Arc<Accounts>,
    pub(crate) store: Store,
    pub(crate) intake: Arc<Intake>,
    pub(crate) scheduler: Arc<Scheduler>,
    pub(crate) media: MediaStore,
    pub(crate) maker: Maker,
    pub(crate) max_clients: usize,
    pub(crate) ordering: Mutex<Ordering>,
    /// Whether the last account that ran has stopped, and none was started since.
    pub(crate) all_stopped: watch::Sender<bool>,
}

/// Held while it is decided who is to run, and never while anything is waited for.
#[derive(Default)]
pub(crate) struct Ordering {
    keepers: Vec<JoinHandle<()>>,
    /// The host stops: nobody is started any more.
    over: bool,
}

/// A start that was ordered.
struct StartOrder {
    account: Arc<Account>,
    /// The order to wait for, if one was needed.
    number: Option<u64>,
    kept: Kept,
}

/// Resolves with the store's word on what is to outlive the host.
type Kept = oneshot::Receiver<Result<(), StoreError>>;

impl Lifecycle {
    /// Starts every account that was not stopped for good.
    pub(crate) fn begin(self: &Arc<Self>) -> Result<(), StoreError> {
        let mut room = self.max_clients;
        for account in self.accounts.all().iter() {
            let key = fact(account.name(), STOPPED);
            if self.store.read(|reader| reader.meta(&key))?.as_deref() == Some(YES) {
                account.mark_stopped();
                tracing::info!(account = %account.name(), "the account was stopped for good and stays so");
            } else if room == 0 {
                account.mark_stopped();
                let why = format!("max_clients is {}, and so many accounts run", self.max_clients);
                tracing::error!(account = %account.name(), why, "the account is not started");
                account.set_problem(Some(why));
            } else {
                room -= 1;
                account.orders().give(Wish::Run { anew: false }, |_| false);
            }
            self.keep(account.clone(), &mut self.ordering.lock());
        }
        Ok(())
    }

    fn keep(self: &Arc<Self>, account: Arc<Account>, ordering: &mut Ordering) {
        let sink = AccountSink {
            account: account.clone(),
            intake: self.intake.clone(),
            scheduler: self.scheduler.clone(),
            media: self.media.clone(),
        };
        let keeper = Keeper { account, sink: Arc::new(sink), lifecycle: self.clone() };
        ordering.keepers.push(tokio::spawn(keeper.keep()));
    }

    /// Starts an account, which is made if there is none of this name and `new` says how. Resolves when it is on its
    /// way in.
    pub(crate) async fn start(
        self: &Arc<Self>,
        name: &AccountName,
        new: Option<NewAccount>,
    ) -> Result<(Arc<Account>, Started), HostError> {
        let StartOrder { account, number, kept } = self.order_start(name, new)?;
        kept.await.unwrap_or(Err(StoreError::Closed))?;
        let Some(number) = number else { return Ok((account, Started::Already)) };
        account.orders().until_done(number).await;
        match account.problem() {
            Some(why) => Err(HostError::NotStarted { account: name.clone(), why: why.to_string() }),
            None => Ok((account, Started::Now)),
        }
    }

    fn order_start(
        self: &Arc<Self>,
        name: &AccountName,
        new: Option<NewAccount>,
    ) -> Result<StartOrder, HostError> {
        let mut ordering = self.ordering.lock();
        if ordering.over {
            return Err(HostError::Stopping);
        }
        let known = self.accounts.like(name.as_str());
        if let Some(other) = known.as_ref().filter(|other| other.name() != name) {
            return Err(HostError::AlmostTheSame { given: name.clone(), other: other.name().clone() });
        }
        let runs = |account: &Arc<Account>| account.orders().wants_to_run();
        let all = self.accounts.all();
        if !known.as_ref().is_some_and(runs)
            && all.iter().filter(|account| runs(account)).count() >= self.max_clients
        {
            return Err(HostError::TooManyClients { max: self.max_clients });
        }
        let mut facts = vec![Write::Meta { key: fact(name, STOPPED), value: NO.to_owned() }];
        let is_new = known.is_none();
        let account = match (known, new) {
            (Some(account), _) => account,
            (None, None) => return Err(HostError::NoAccount(name.clone())),
            (None, Some(_)) if all.len() >= limits::KNOWN_ACCOUNTS => return Err(HostError::TooManyAccounts),
            (None, Some(new)) => {
                let made = MadeAccount::new(new, self.intake.now());
                let value = serde_json::to_string(&made).map_err(std::io::Error::from)?;
                facts.push(Write::Meta { key: fact(name, MADE), value });
                let account = self.maker.new_account(name.clone(), new);
                self.accounts.add(account.clone());
                account
            }
        };
        if account.state() == AccountState::Stop {
            account.unmark_stopped();
        }
        account.orders().note_start();
        let number =
            account.orders().give(Wish::Run { anew: false }, |wish| matches!(wish, Wish::Run { .. }));
        if is_new {
            // Its keeper begins with that order.
            self.keep(account.clone(), &mut ordering);
        }
        self.all_stopped.send_replace(false);
        Ok(StartOrder { account, number, kept: self.write(facts) })
    }

    /// Stops an account for good. That it is to stop is kept when this resolves; it is done so much later, unless the
    /// account is started before.
    pub(crate) async fn stop(
        self: &Arc<Self>,
        account: &Arc<Account>,
        delay: Duration,
    ) -> Result<JoinHandle<()>, HostError> {
        let (starts, kept) = {
            let _decided_one_by_one = self.ordering.lock();
            let fact = Write::Meta { key: fact(account.name(), STOPPED), value: YES.to_owned() };
            (account.orders().starts(), self.write(vec![fact]))
        };
        let (lifecycle, account) = (self.clone(), account.clone());
        let (tell, told) = oneshot::channel();
        // On its own from here: a caller who goes away has ordered it all the same.
        let stopping = tokio::spawn(async move {
            let kept = kept.await.unwrap_or(Err(StoreError::Closed));
            let failed = kept.is_err();
            let _ = tell.send(kept);
            if failed {
                return;
            }
            tokio::time::sleep(delay).await;
            let number = {
                let _decided_one_by_one = lifecycle.ordering.lock();
                if account.orders().starts() != starts {
                    tracing::info!(account = %account.name(), "the account was started again before it stopped");
                    return;
                }
                account.orders().give(Wish::Rest, |wish| wish == Wish::Rest)
            };
            account.orders().until_done(number.unwrap_or(account.orders().last().number)).await;
        });
        told.await.unwrap_or(Err(StoreError::Closed))?;
        Ok(stopping)
    }

    /// Logs an account in again, as for the first time, so much later; unless it is stopped by then.
    pub(crate) fn relogin(&self, account: &Arc<Account>, delay: Duration) {
        let account = account.clone();
        tokio::spawn(async move {
            tokio::time::sleep(delay).await;
            let stopped = |wish| !matches!(wish, Wish::Run { .. });
            if account.orders().give(Wish::Run { anew: true }, stopped).is_none() {
                tracing::info!(account = %account.name(), "the account was stopped before it could log in again");
            }
        });
    }

    /// Logs all accounts out, because the host stops; they run again when it starts.
    pub(crate) async fn end(&self) {
        let keepers = {
            let mut ordering = self.ordering.lock();
            ordering.over = true;
            for account in self.accounts.all().iter() {
                account.orders().give(Wish::End, |_| false);
            }
            std::mem::take(&mut ordering.keepers)
        };
        for keeper in keepers {
            if let Err(error) = keeper.await {
                tracing::error!(%error, "an account did not end well");
            }
        }
    }

    /// Resolves when the last account that ran has stopped.
    pub(crate) async fn all_stopped(&self) {
        // The sender lives as long as `self`.
        let _ = self.all_stopped.subscribe().wait_for(|all| *all).await;
    }

    fn note_stop(&self) {
        let ordering = self.ordering.lock();
        let any_runs = self.accounts.all().iter().any(|account| account.orders().wants_to_run());
        if !any_runs && !ordering.over {
            self.all_stopped.send_replace(true);
        }
    }

    fn write(&self, facts: Vec<Write>) -> Kept {
        let (tell, told) = oneshot::channel();
        self.store.write(Batch::from(facts), move |result| {
            // Whoever asked may have gone; the write stands.
            let _ = tell.send(result);
        });
        told
    }
}

/// The name of a fact about an account in the store.
fn fact(account: &AccountName, what: &str) -> String {
    format!("{FACTS}{account}{what}")
}
