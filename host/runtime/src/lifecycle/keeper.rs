//! The task that carries out what is ordered of one account, one order after the other.

use std::sync::Arc;

use mynah_model::Attrs;
use mynah_model::event::{AccountState, EventBody};
use mynah_networks::network::{Happening, NetworkError, Sink, StopSender};

use super::Lifecycle;
use crate::account::{Account, AccountSink};
use crate::client_files::{ClientFile, ClientFiles, ClientFilesError};
use crate::limits;
use crate::orders::{Order, Wish};

/// Carries out the orders of one account.
pub(super) struct Keeper {
    pub(super) account: Arc<Account>,
    pub(super) sink: Arc<AccountSink>,
    pub(super) lifecycle: Arc<Lifecycle>,
}

impl Keeper {
    pub(super) async fn keep(self) {
        let orders = self.account.orders();
        let mut order = orders.last();
        if order.wish == Wish::Rest {
            // A host that was killed may have left files.
            self.account.with_its_files(ClientFiles::claim).await;
        }
        loop {
            match order.wish {
                Wish::Run { anew } => self.run(order, anew).await,
                Wish::Rest => self.rest(true).await,
                Wish::End => self.rest(false).await,
            }
            orders.done(order);
            if order.wish == Wish::End {
                return;
            }
            order = orders.after(order).await;
        }
    }

    /// Logs in and stays so until there is another order, or the network gives up.
    async fn run(&self, order: Order, anew: bool) {
        let orders = self.account.orders();
        self.account.set_problem(None);
        let problem = match self.come_in(anew).await {
            Ok(()) => {
                orders.done(order);
                self.be_logged_in(order).await
            }
            Err(problem) => Some(problem),
        };
        if let Some(problem) = problem {
            tracing::error!(account = %self.account.name(), problem, "the account cannot go on");
            self.account.set_problem(Some(problem));
        }
        // What a later order says is done next; between two runs the account is not stopped.
        if orders.gave_up(order) {
            self.rest(false).await;
            self.lifecycle.note_stop();
        }
    }

    /// Takes the account for this host, and loads it.
    async fn come_in(&self, anew: bool) -> Result<(), String> {
        let account = self.account.clone();
        let claim = move || -> Result<(), ClientFilesError> {
            let Some(files) = account.files() else { return Ok(()) };
            files.claim()?;
            if anew { files.remove(ClientFile::Cookie) } else { Ok(()) }
        };
        let claimed = tokio::task::spawn_blocking(claim).await.map_err(|error| error.to_string())?;
        claimed.map_err(|error| error.to_string())?;
        let loading = self.sink.enter(AccountState::Loading).await;
        loading.map(|_| ()).map_err(|_| "the store could not be written".to_owned())
    }

    /// Runs the driver; why it ended, if it should not have.
    async fn be_logged_in(&self, order: Order) -> Option<String> {
        let (stop, signal) = StopSender::new();
        let (driver, sink) = (self.account.driver().clone(), self.sink.clone());
        // In a task of its own, so that a driver that panics does not take the keeper along.
        let mut run = tokio::spawn(async move { driver.run(sink, signal).await });
        let ended = tokio::select! {
            ended = &mut run => ended,
            _ = self.account.orders().after(order) => {
                stop.stop();
                match tokio::time::timeout(limits::LOGOUT, &mut run).await {
                    Ok(ended) => ended,
                    Err(_) => {
                        run.abort();
                        tracing::warn!(account = %self.account.name(), "the network did not let go in time");
                        return None;
                    }
                }
            }
        };
        match ended {
            Ok(Ok(())) => None,
            Ok(Err(error)) => Some(NetworkError::to_string(&error)),
            Err(error) => Some(format!("its driver failed: {error}")),
        }
    }

    /// Makes sure that the account is logged out and leaves nothing behind.
    async fn rest(&self, for_good: bool) {
        self.account.forget_code();
        self.account
            .with_its_files(|files| {
                files.clear();
                Ok(())
            })
            .await;
        let old = self.account.state();
        if old == AccountState::Stop {
            return;
        }
        let mut bodies = vec![EventBody::AccountState { old, new: AccountState::Stop }];
        bodies.extend(for_good.then_some(EventBody::Stopped));
        let time = self.lifecycle.intake.now();
        let happenings = bodies.into_iter().map(|body| Happening {
            time,
            chat: None,
            body,
            consequence: None,
            attrs: Attrs::new(),
        });
        // A store that fails has been reported, and the account is stopped all the same.
        let _ = self.lifecycle.intake.record(&self.account, happenings.collect(), Vec::new()).await;
        if for_good {
            self.lifecycle.note_stop();
        }
    }
}
