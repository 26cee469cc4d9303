//! Why a person in the sim network could not do something.

use mynah_model::clock::UnixMs;
use mynah_model::event::AccountState;

use crate::network::{Closed, NetworkError};

/// Why nothing happened. Each says what was wrong and what would be right.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SimError {
    /// The account is not logged in.
    #[error("the account is {}, not running", state.as_str())]
    NotRunning {
        /// What it is doing.
        state: AccountState,
    },
    /// There is no such chat.
    #[error("no {kind} `{given}`; there is {known}")]
    ChatUnknown {
        /// friend, group ...
        kind: &'static str,
        /// What was asked for.
        given: String,
        /// Some that there are.
        known: String,
    },
    /// There is no such person there.
    #[error("nobody `{given}` in {place}; there is {known}")]
    PersonUnknown {
        /// What was asked for.
        given: String,
        /// The chat, in words.
        place: String,
        /// Some people who are there.
        known: String,
    },
    /// It must be said who does it.
    #[error("who says it? {place} has several members, for example {known}")]
    SenderMissing {
        /// The chat, in words.
        place: String,
        /// Some people who are there.
        known: String,
    },
    /// A member may not speak for now.
    #[error("{who} is muted in {place} for another {} s", seconds(*until, *now))]
    Muted {
        /// Name and id.
        who: String,
        /// The chat, in words.
        place: String,
        /// When the mute ends.
        until: UnixMs,
        /// The time now.
        now: UnixMs,
    },
    /// Everybody but the owner and the admins may not speak.
    #[error("everybody is muted in {place}; only the owner and the admins can speak")]
    AllMuted {
        /// The chat, in words.
        place: String,
    },
    /// There is nothing to scan.
    #[error("there is no QR code to scan: the account is {}", state.as_str())]
    NothingToScan {
        /// What it is doing.
        state: AccountState,
    },
    /// The code was shown too long ago.
    #[error("the QR code had expired; a new one is shown: scan that")]
    QrExpired,
    /// Somebody scanned the code before.
    #[error("the QR code is scanned already; it waits to be confirmed on the phone")]
    ScannedAlready,
    /// There is nothing to confirm.
    #[error("there is nothing to confirm on the phone: the QR code is not scanned yet")]
    NotScanned,
    /// The person who scanned did not confirm.
    #[error("the login was refused on the phone; a new QR code is shown: scan that")]
    LoginRefused,
    /// A rule of the network is against it.
    #[error("{0}")]
    Refused(String),
    /// The account was stopped meanwhile.
    #[error(transparent)]
    Closed(#[from] Closed),
}

/// The seconds until then, rounded up.
fn seconds(until: UnixMs, now: UnixMs) -> i64 {
    until.saturating_sub(now).max(0).saturating_add(999) / 1000
}

impl From<SimError> for NetworkError {
    fn from(error: SimError) -> Self {
        match error {
            SimError::NotRunning { .. } | SimError::Closed(_) => Self::Offline(error.to_string()),
            other => Self::Refused(other.to_string()),
        }
    }
}
