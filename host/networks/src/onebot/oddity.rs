//! What a peer said that could not be used: counted, and logged once for each kind.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::sync::atomic::{AtomicU64, Ordering};

use mynah_model::names::AccountName;

macro_rules! oddities {
    ($($(#[$doc:meta])* $name:ident $key:literal $words:literal,)*) => {
        /// A kind of thing that could not be used.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum Oddity {
            $($(#[$doc])* $name,)*
        }

        impl Oddity {
            /// Every kind.
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];

            /// The kind as a word, for programs.
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Self::$name => $key,)*
                }
            }

            /// The kind in words, for people.
            fn words(self) -> &'static str {
                match self {
                    $(Self::$name => $words,)*
                }
            }
        }
    };
}

oddities! {
    /// A frame that is no JSON object, or not one that fits the protocol.
    Malformed "malformed" "malformed frame",
    /// A frame that is neither an event nor an answer.
    Neither "neither" "frame that is neither event nor answer",
    /// A binary frame.
    Binary "binary" "binary frame",
    /// A frame beyond the limit; it ended the connection.
    TooLarge "too-large" "frame that is too large",
    /// An event that lacks what it is about: a user, a group, a message.
    Incomplete "incomplete" "event that lacks what it is about",
    /// An event of another account than the one that is logged in.
    OtherAccount "other-account" "event of another account",
    /// An event that came before.
    Duplicate "duplicate" "event that came twice",
    /// A message with more segments than are read.
    ManySegments "many-segments" "message with too many segments",
    /// An answer that nobody waits for any more.
    LateAnswer "late-answer" "answer that nobody waits for",
    /// A list, or an item of it, that cannot be read.
    List "list" "list that cannot be read",
    /// A peer's clock that is far from ours.
    Clock "clock" "clock that is off",
    /// An event that came before the roster was there, and too many did.
    Flood "flood" "flood of events during login",
    /// Somebody who came in while the one before them answered; they were sent away.
    SecondConnection "second-connection" "second connection beside one that answers",
}

/// The counts of one account.
pub(super) struct Oddities {
    /// Whose they are; nobody's are not logged.
    account: Option<AccountName>,
    counts: Vec<AtomicU64>,
}

impl Oddities {
    pub(super) fn new(account: AccountName) -> Self {
        Self { account: Some(account), ..Self::unheard() }
    }

    /// Counts that nobody hears of.
    pub(super) fn unheard() -> Self {
        Self { account: None, counts: Oddity::ALL.iter().map(|_| AtomicU64::new(0)).collect() }
    }

    /// Counts one, and logs it if it is the first of its kind. `detail` must not hold what people wrote.
    pub(super) fn note(&self, oddity: Oddity, detail: impl Display) {
        let Some(count) = self.counts.get(oddity as usize) else { return };
        let before = count.fetch_add(1, Ordering::Relaxed);
        let Some(account) = &self.account else { return };
        if before == 0 {
            tracing::warn!(%account, what = oddity.words(), %detail, "OneBot peer is odd; more of this kind is counted and not logged");
        } else {
            tracing::debug!(%account, what = oddity.words(), %detail, "OneBot peer is odd");
        }
    }

    /// How many there were of each kind that there was.
    pub(super) fn counts(&self) -> BTreeMap<&'static str, u64> {
        self.noted().into_iter().map(|oddity| (oddity.as_str(), self.count(oddity))).collect()
    }

    /// The kinds that there were.
    pub(super) fn noted(&self) -> Vec<Oddity> {
        Oddity::ALL.iter().copied().filter(|oddity| self.count(*oddity) > 0).collect()
    }

    /// How many there were of a kind.
    pub(super) fn count(&self, oddity: Oddity) -> u64 {
        self.counts.get(oddity as usize).map_or(0, |count| count.load(Ordering::Relaxed))
    }
}
