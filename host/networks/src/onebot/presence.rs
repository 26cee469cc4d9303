//! Whether the account is online, put together from what its implementation says.
//!
//! Heartbeats do not always tell the truth: Lagrange's say `online: true` whatever happens. So what a notice said is undone by a
//! heartbeat only where heartbeats have said the same since; by another notice; or by something that somebody said later and
//! that an account which is offline could not have heard.

use mynah_model::clock::UnixMs;

/// Whether the account is online.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Presence {
    Online,
    Offline {
        /// Why it is not, in the peer's words.
        why: String,
        by: Word,
    },
}

/// What said that the account is offline.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Word {
    /// A heartbeat or the answer to a question; the next one is as good.
    Status,
    /// A notice, which came at this time.
    Notice { at: UnixMs },
}

/// What is said about the account.
#[derive(Debug)]
pub(super) enum Said {
    /// By a heartbeat, or by the answer to a question: whether it is online.
    Status(bool),
    /// By a notice: it went offline, and why.
    Gone { why: String, at: UnixMs },
    /// By a notice: it is back.
    Back,
    /// Somebody said something at this time, and it was heard.
    Heard { at: UnixMs },
}

impl Presence {
    pub(super) fn is_online(&self) -> bool {
        *self == Self::Online
    }

    /// What it is after something was said, if it is another one.
    pub(super) fn after(&self, said: Said) -> Option<Self> {
        match (self, said) {
            (Self::Online, Said::Status(false)) => {
                Some(Self::Offline { why: "the implementation says so".to_owned(), by: Word::Status })
            }
            // From now on its heartbeats are believed.
            (Self::Offline { why, by: Word::Notice { .. } }, Said::Status(false)) => {
                Some(Self::Offline { why: why.clone(), by: Word::Status })
            }
            (Self::Offline { by: Word::Status, .. }, Said::Status(true)) => Some(Self::Online),
            (Self::Offline { by: Word::Notice { at: gone }, .. }, Said::Heard { at }) if at >= *gone => {
                Some(Self::Online)
            }
            (Self::Online, Said::Gone { why, at }) => Some(Self::Offline { why, by: Word::Notice { at } }),
            (Self::Offline { .. }, Said::Back) => Some(Self::Online),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gone() -> Presence {
        Presence::Online.after(Said::Gone { why: "elsewhere".into(), at: 10 }).unwrap()
    }

    #[test]
    fn heartbeats_that_always_say_online_do_not_undo_a_notice() {
        assert_eq!(gone().after(Said::Status(true)), None);
        assert_eq!(gone().after(Said::Back), Some(Presence::Online));
        let told = gone().after(Said::Status(false)).unwrap();
        assert_eq!(told, Presence::Offline { why: "elsewhere".into(), by: Word::Status });
        assert_eq!(told.after(Said::Status(true)), Some(Presence::Online));
    }

    #[test]
    fn what_is_heard_after_a_notice_undoes_it_and_what_was_said_before_does_not() {
        assert_eq!(gone().after(Said::Heard { at: 9 }), None);
        assert_eq!(gone().after(Said::Heard { at: 10 }), Some(Presence::Online));
        let by_heartbeat = Presence::Online.after(Said::Status(false)).unwrap();
        assert_eq!(by_heartbeat.after(Said::Heard { at: 11 }), None, "the next heartbeat will say");
    }

    #[test]
    fn what_is_so_already_is_no_change() {
        assert_eq!(Presence::Online.after(Said::Status(true)), None);
        assert_eq!(Presence::Online.after(Said::Back), None);
        assert_eq!(Presence::Online.after(Said::Heard { at: 1 }), None);
        assert_eq!(gone().after(Said::Gone { why: "again".into(), at: 20 }), None);
    }
}
