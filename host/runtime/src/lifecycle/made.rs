//! Making accounts: those of the configuration, and those that callers ask for, which the store keeps.

use std::sync::Arc;

use mynah_model::clock::{Clock, UnixMs};
use mynah_model::names::AccountName;
use mynah_networks::sim::{LoginMode, Sim, SimConfig, builtin};
use mynah_store::StoreError;
use serde::{Deserialize, Serialize};

use super::{Clients, FACTS, Lifecycle, MADE, NewAccount};
use crate::account::{Account, ApiKind};
use crate::client_files::{ClientFiles, ClientFolder};
use crate::setup::AccountSetup;

/// Makes accounts out of setups.
pub(crate) struct Maker {
    folder: Option<Arc<ClientFolder>>,
    port: Option<u16>,
    clock: Arc<dyn Clock>,
}

impl Maker {
    pub(crate) fn new(clients: &mut Clients, clock: Arc<dyn Clock>) -> Self {
        Self { folder: clients.folder.take().map(Arc::new), port: clients.port, clock }
    }

    /// An account of the configuration.
    pub(crate) fn account(&self, setup: AccountSetup) -> Arc<Account> {
        let AccountSetup { name, api, network } = setup;
        let files = self.folder.clone().map(|folder| ClientFiles::new(folder, api, name.clone()));
        Arc::new(Account::new(name, api, network).with_files(files, self.port))
    }

    /// An account that a caller made.
    pub(super) fn new_account(&self, name: AccountName, new: NewAccount) -> Arc<Account> {
        let roster = match new.api {
            ApiKind::Openqq => builtin::roster(),
            ApiKind::Openwx => builtin::wechat_roster(),
        };
        let config = SimConfig { roster, seed: new.seed, login: new.login };
        self.account(AccountSetup { name, api: new.api, network: Sim::new(config, self.clock.clone()) })
    }
}

/// An account that a caller made, as the store keeps it.
#[derive(Serialize, Deserialize)]
pub(super) struct MadeAccount {
    api: ApiKind,
    login: KeptLogin,
    seed: u64,
    /// When it was made: their order.
    at: UnixMs,
}

impl MadeAccount {
    pub(super) fn new(new: NewAccount, at: UnixMs) -> Self {
        Self { api: new.api, login: new.login.into(), seed: new.seed, at }
    }
}

/// [`LoginMode`], as the store keeps it.
#[derive(Clone, Copy, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum KeptLogin {
    Immediate,
    QrCode,
}

impl From<LoginMode> for KeptLogin {
    fn from(mode: LoginMode) -> Self {
        match mode {
            LoginMode::Immediate => Self::Immediate,
            LoginMode::QrCode => Self::QrCode,
        }
    }
}

impl From<KeptLogin> for LoginMode {
    fn from(kept: KeptLogin) -> Self {
        match kept {
            KeptLogin::Immediate => Self::Immediate,
            KeptLogin::QrCode => Self::QrCode,
        }
    }
}

impl Lifecycle {
    /// Takes up the accounts that callers made in earlier runs.
    pub(crate) fn recover_made(&self) -> Result<(), StoreError> {
        let mut made: Vec<(AccountName, MadeAccount)> = Vec::new();
        for (key, value) in self.store.read(|reader| reader.metas(FACTS))? {
            let Some(name) = key.strip_prefix(FACTS).and_then(|rest| rest.strip_suffix(MADE)) else {
                continue;
            };
            match (name.parse(), serde_json::from_str(&value)) {
                (Ok(name), Ok(account)) => made.push((name, account)),
                (Err(error), _) => tracing::error!(%error, "an account that was made is left out"),
                (_, Err(error)) => tracing::error!(name, %error, "an account that was made is left out"),
            }
        }
        made.sort_by_key(|(_, account)| account.at);
        for (name, MadeAccount { api, login, seed, .. }) in made {
            // One of the configuration has the name by now: that is the one that counts.
            if self.accounts.like(name.as_str()).is_none() {
                let login = login.into();
                self.accounts.add(self.maker.new_account(name, NewAccount { api, login, seed }));
            }
        }
        Ok(())
    }
}
