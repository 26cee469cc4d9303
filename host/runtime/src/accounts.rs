//! The accounts of the host, by name: those of the configuration in its order, then those that callers made.

use std::sync::Arc;

use arc_swap::ArcSwap;
use parking_lot::Mutex;
use tokio::sync::watch;

use crate::account::Account;

/// All accounts. New ones come while the host runs, none goes; reading waits for nobody.
#[derive(Default)]
pub(crate) struct Accounts {
    list: ArcSwap<Vec<Arc<Account>>>,
    /// Held while one is added, so that none is lost to another one.
    adding: Mutex<()>,
    count: watch::Sender<usize>,
}

impl Accounts {
    pub(crate) fn new(list: Vec<Arc<Account>>) -> Self {
        let count = watch::Sender::new(list.len());
        Self { list: ArcSwap::from_pointee(list), adding: Mutex::default(), count }
    }

    /// Those that there are now.
    pub(crate) fn all(&self) -> Arc<Vec<Arc<Account>>> {
        self.list.load_full()
    }

    /// A host has a few accounts, a hundred at most, so looking through them beats hashing.
    pub(crate) fn get(&self, name: &str) -> Option<Arc<Account>> {
        self.list.load().iter().find(|account| account.name().as_str() == name).cloned()
    }

    /// The account of a name that differs in nothing but case, if at all: the two would have the same files.
    pub(crate) fn like(&self, name: &str) -> Option<Arc<Account>> {
        self.list.load().iter().find(|account| account.name().as_str().eq_ignore_ascii_case(name)).cloned()
    }

    /// Adds one at the end.
    pub(crate) fn add(&self, account: Arc<Account>) {
        let _one_at_a_time = self.adding.lock();
        let mut list = Vec::clone(&self.list.load());
        list.push(account);
        let count = list.len();
        self.list.store(Arc::new(list));
        self.count.send_replace(count);
    }

    /// How many there are, and tells when there are more.
    pub(crate) fn count(&self) -> watch::Receiver<usize> {
        self.count.subscribe()
    }
}
