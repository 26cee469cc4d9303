//! What can go wrong, and what to do about it.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use mynah_model::names::{ActNumber, Seq};
use rusqlite::ErrorCode;
use rusqlite::ffi::{SQLITE_CONSTRAINT_PRIMARYKEY, SQLITE_CONSTRAINT_ROWID};

/// Why the store could not be opened, or did not do something.
///
/// It is cheap to clone: one failed commit is told to everybody who waited for it.
#[derive(Debug, Clone, thiserror::Error)]
pub enum StoreError {
    /// A file or folder cannot be created or opened.
    #[error("cannot open the database `{}`: look at its folder's owner and permissions", path.display())]
    File {
        /// The database, or the folder or lock file beside it.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: Arc<io::Error>,
    },
    /// Another host has this database open.
    #[error(
        "the database `{}` is in use by another mynah{}: stop that one, or give this one another `data_dir`",
        path.display(),
        process.map(|id| format!(" (process {id})")).unwrap_or_default()
    )]
    InUse {
        /// The database.
        path: PathBuf,
        /// The other host's process, if it could be read.
        process: Option<u32>,
    },
    /// The database was written by a newer mynah.
    #[error(
        "the database `{}` was written by a newer mynah: its schema version is {found}, this mynah knows up to \
         {known}; run the newer one, or choose another `data_dir`",
        path.display()
    )]
    NewerVersion {
        /// The database.
        path: PathBuf,
        /// Its schema version.
        found: i64,
        /// The newest schema version that this host knows.
        known: i64,
    },
    /// The file is something else.
    #[error(
        "`{}` is not a database of mynah; it is left as it is: move it away, or choose another `data_dir`",
        path.display()
    )]
    NotOurs {
        /// The file.
        path: PathBuf,
    },
    /// The file system cannot do what the store needs.
    #[error(
        "the database `{}` cannot be used: its file system has no shared memory for a write-ahead log (SQLite \
         offers only `{mode}`); choose a `data_dir` on a local disk",
        path.display()
    )]
    NoWal {
        /// The database.
        path: PathBuf,
        /// The journal mode that SQLite offered instead.
        mode: String,
    },
    /// SQLite found the file damaged.
    #[error(
        "the database is damaged: restore a backup, or save what can be saved with `sqlite3 FILE .recover`"
    )]
    Damaged {
        /// What SQLite said.
        #[source]
        source: Arc<rusqlite::Error>,
    },
    /// There is no room for what was to be written.
    #[error("the disk is full and nothing is recorded: make room, there is no need to restart")]
    Full {
        /// What SQLite said.
        #[source]
        source: Arc<rusqlite::Error>,
    },
    /// Another program holds the database's write lock.
    #[error("another program (a `sqlite3` with an open transaction?) keeps the database locked: end it")]
    Busy {
        /// What SQLite said.
        #[source]
        source: Arc<rusqlite::Error>,
    },
    /// Anything else that SQLite reports.
    #[error("the database did not do what was asked")]
    Sqlite {
        /// What SQLite said.
        #[source]
        source: Arc<rusqlite::Error>,
    },
    /// The thread that writes could not be started.
    #[error("cannot start the thread that writes the journal")]
    Thread {
        /// What the system said.
        #[source]
        source: Arc<io::Error>,
    },
    /// The store was closed before this was done.
    #[error("the store is closed")]
    Closed,
    /// An event of this number is already in the journal.
    #[error("event {seq} is in the journal already: numbers are given once")]
    EventKnown {
        /// The event's number.
        seq: Seq,
    },
    /// An event cannot be marked as handled.
    #[error("event {seq} does not wait: it is not in the journal, or was handled before")]
    NotWaiting {
        /// The event's number.
        seq: Seq,
    },
    /// An act of this number is already in the outbox.
    #[error("act {number} is in the outbox already: numbers are given once")]
    ActKnown {
        /// The act's number.
        number: ActNumber,
    },
    /// An act cannot change its state so.
    #[error("act {number} cannot become `{to}`: it is not in the outbox, or has ended")]
    ActState {
        /// The act's number.
        number: ActNumber,
        /// The state it was to have.
        to: &'static str,
    },
    /// A report does not wait for its webhook.
    #[error("the report of event {seq} waits for no webhook: it has arrived, or was given up")]
    NoDelivery {
        /// The event's number.
        seq: Seq,
    },
    /// There is no such dead letter.
    #[error("there is no dead letter {id}")]
    NoLetter {
        /// Its id.
        id: u64,
    },
    /// A number is too large for the database.
    #[error("{what} {value} is too large: {} is the last one", i64::MAX)]
    TooLarge {
        /// What was numbered.
        what: &'static str,
        /// The number.
        value: u64,
    },
    /// Something cannot be written as JSON.
    #[error("{what} cannot be written as JSON")]
    Unwritable {
        /// What was to be written.
        what: &'static str,
        /// Why not.
        #[source]
        source: Arc<serde_json::Error>,
    },
    /// What stands in a row is not what this host wrote there.
    #[error("row {row} of the table `{table}` cannot be read: {reason}; mend or delete it with `sqlite3`")]
    Unreadable {
        /// The table.
        table: &'static str,
        /// The row's number or key.
        row: String,
        /// What is wrong with it.
        reason: String,
    },
}

impl StoreError {
    pub(crate) fn file(path: &Path, source: io::Error) -> Self {
        Self::File { path: path.to_owned(), source: Arc::new(source) }
    }

    pub(crate) fn unwritable(what: &'static str) -> impl FnOnce(serde_json::Error) -> Self {
        move |source| Self::Unwritable { what, source: Arc::new(source) }
    }

    pub(crate) fn unreadable(table: &'static str, row: impl ToString, reason: impl ToString) -> Self {
        Self::Unreadable { table, row: row.to_string(), reason: reason.to_string() }
    }

    /// Whether the same may work later, when somebody has made room, ended a lock or mended the disk: what was to be
    /// written is not to blame.
    pub fn passes(&self) -> bool {
        match self {
            Self::Full { .. } | Self::Busy { .. } => true,
            Self::Sqlite { source } => matches!(
                source.sqlite_error_code(),
                Some(
                    ErrorCode::SystemIoFailure
                        | ErrorCode::CannotOpen
                        | ErrorCode::ReadOnly
                        | ErrorCode::FileLockingProtocolFailed
                        | ErrorCode::OutOfMemory
                )
            ),
            _ => false,
        }
    }

    /// Whether a row could not be added because its key is taken.
    pub(crate) fn is_duplicate(error: &rusqlite::Error) -> bool {
        error.sqlite_error().is_some_and(|error| {
            [SQLITE_CONSTRAINT_PRIMARYKEY, SQLITE_CONSTRAINT_ROWID].contains(&error.extended_code)
        })
    }
}

impl From<rusqlite::Error> for StoreError {
    fn from(error: rusqlite::Error) -> Self {
        let code = error.sqlite_error_code();
        let source = Arc::new(error);
        match code {
            Some(ErrorCode::DiskFull) => Self::Full { source },
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => Self::Busy { source },
            Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => Self::Damaged { source },
            _ => Self::Sqlite { source },
        }
    }
}

/// A number as SQLite holds it.
pub(crate) fn stored(what: &'static str, value: u64) -> Result<i64, StoreError> {
    i64::try_from(value).map_err(|_| StoreError::TooLarge { what, value })
}

/// An event's number as SQLite holds it.
pub(crate) fn stored_seq(seq: Seq) -> Result<i64, StoreError> {
    stored("event", seq.0)
}

/// An act's number as SQLite holds it.
pub(crate) fn stored_act(number: ActNumber) -> Result<i64, StoreError> {
    stored("act", number.0)
}

/// A number as SQLite held it. Only positive ones are ever written; what somebody else wrote counts as 0.
pub(crate) fn loaded(value: i64) -> u64 {
    u64::try_from(value).unwrap_or(0)
}
