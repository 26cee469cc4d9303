//! When nothing is under way any more, and the orderly end of the host.

use mynah_model::event::AccountState;
use mynah_store::Batch;

use super::Host;
use crate::account::Account;
use crate::host_error::HostError;
use crate::limits;

impl Host {
    /// Resolves when every timer that is due has fired, every event is handled, every act is delivered, and all of that
    /// is committed.
    pub async fn settled(&self) -> Result<(), HostError> {
        loop {
            self.quiet(|_| true).await;
            let changes = self.inner.store.changes();
            // A batch of nothing is committed after all that was queued before it. What comes of that, like telling a
            // script of a refusal, is queued by then.
            self.inner.store.write_durable(Batch::new()).await?;
            // Timers first: what fired has queued its event by then. Last what was queued meanwhile, by a timer that fired and
            // all that came of it.
            let is_quiet = !self.inner.handling.timers.is_due(self.now()) && self.is_quiet(|_| true);
            if is_quiet && self.inner.store.changes() == changes {
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
        let mut running = self.inner.running.lock().take();
        self.inner.intake.close();
        self.inner.outbox.close();
        if let Some(running) = &mut running {
            for task in
                [&mut running.timers, &mut running.media, &mut running.alerts, &mut running.housekeeping]
            {
                task.abort();
                // It may be in the middle of something: a timer that fires now has fired, and is waited for below.
                let _ = task.await;
            }
        }
        let connected = |account: &Account| account.state() == AccountState::Running;
        if tokio::time::timeout(limits::SHUTDOWN_DRAIN, self.quiet(connected)).await.is_err() {
            tracing::warn!("not all that waits could be done in time; the next start takes it up");
            self.inner.scheduler.abandon();
        }
        // While nothing can be recorded, the end of an account cannot be either.
        if tokio::time::timeout(limits::ACCOUNTS_END, self.inner.lifecycle.end()).await.is_err() {
            tracing::warn!("not all accounts ended in time; the host ends without them");
        }
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
