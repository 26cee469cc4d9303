//! Why the host did not start, or did not do what it was asked.

use mynah_model::names::AccountName;
use mynah_store::StoreError;

use crate::limits;

/// Why the host did not start, or did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum HostError {
    /// Two accounts have one name.
    #[error("there are two accounts named `{0}`")]
    TwoAccounts(AccountName),
    /// The scripts folder cannot be used.
    #[error("cannot use the scripts folder `{path}`: {error}")]
    ScriptsFolder {
        /// The folder.
        path: String,
        /// What the system says.
        error: String,
    },
    /// The media folder cannot be used.
    #[error("cannot use the media folder `{path}`: {error}")]
    MediaFolder {
        /// The folder.
        path: String,
        /// What the system says.
        error: String,
    },
    /// A thread could not be started.
    #[error("cannot start a worker thread: {0}")]
    Thread(#[from] std::io::Error),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Threads that wait for turns would take the engine's places from those whose turn it is.
    #[error("the engine has places for {places} threads, and the host has {threads}: see `threads_for`")]
    FewPlaces {
        /// Of the engine.
        places: usize,
        /// Of the host.
        threads: usize,
    },
    /// Only the embedded network can do this.
    #[error("account `{account}` is on network {network}, not sim")]
    NotSim {
        /// The account.
        account: AccountName,
        /// Its network.
        network: &'static str,
    },
    /// There is no account of this name.
    #[error("there is no account `{0}`")]
    NoAccount(AccountName),
    /// Another account has the name but for case; the two would have the same files.
    #[error("the name `{given}` differs from that of account `{other}` in nothing but case")]
    AlmostTheSame {
        /// The name that was given.
        given: AccountName,
        /// The account that there is.
        other: AccountName,
    },
    /// No more accounts may run.
    #[error("max_clients is {max}, and so many accounts run: stop one first")]
    TooManyClients {
        /// How many may.
        max: usize,
    },
    /// No more accounts may be made.
    #[error("there are {} accounts, and no more can be made: start one of them", limits::KNOWN_ACCOUNTS)]
    TooManyAccounts,
    /// The account could not be started.
    #[error("account `{account}` could not be started: {why}")]
    NotStarted {
        /// The account.
        account: AccountName,
        /// What stood against it.
        why: String,
    },
    /// The host is about to stop.
    #[error("the host stops")]
    Stopping,
}
