//! The accounts of the host, by name and in the order of the configuration.

use std::sync::Arc;

use crate::account::Account;

/// All accounts. Which there are does not change while the host runs.
#[derive(Default)]
pub(crate) struct Accounts {
    list: Vec<Arc<Account>>,
}

impl Accounts {
    pub(crate) fn new(list: Vec<Arc<Account>>) -> Self {
        Self { list }
    }

    pub(crate) fn all(&self) -> &[Arc<Account>] {
        &self.list
    }

    /// A host has a handful of accounts, so looking through them beats hashing.
    pub(crate) fn get(&self, name: &str) -> Option<Arc<Account>> {
        self.list.iter().find(|account| account.name().as_str() == name).cloned()
    }
}
