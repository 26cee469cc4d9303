//! The accounts: which there are, starting and stopping them, and what they did.

use std::sync::Arc;
use std::time::Duration;

use mynah_model::action::Target;
use mynah_model::event::AccountState;
use mynah_model::names::AccountName;
use mynah_networks::AvatarOf;
use mynah_store::{Batch, Write};
use tokio::sync::watch;

use super::Host;
use crate::account::Account;
use crate::avatars::{Avatar, AvatarError};
use crate::host_error::HostError;
use crate::lifecycle::{NewAccount, Started};
use crate::limits;
use crate::status::OutboxEntry;

impl Host {
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

    /// The picture of somebody, asked of the account's network once an hour.
    pub async fn avatar(&self, account: &Account, of: AvatarOf) -> Result<Avatar, AvatarError> {
        let network = account.driver().clone();
        self.inner.avatars.get(account.name(), network.as_ref(), of, self.inner.waiting.now()).await
    }
}
