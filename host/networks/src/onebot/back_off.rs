//! How long to wait before dialling again.

use std::time::Duration;

use super::limits;

/// Why there is no connection any more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Lost {
    /// The peer takes our token for wrong.
    Refused(String),
    /// Another account than this one is logged in there.
    Another(String),
    /// Anything else.
    Cut(String),
}

impl Lost {
    /// Why, in words.
    pub(super) fn text(&self) -> &str {
        match self {
            Self::Refused(text) | Self::Another(text) | Self::Cut(text) => text,
        }
    }
}

/// The waits of one account.
#[derive(Debug, Default)]
pub(super) struct BackOff {
    failures: u32,
    refusals: u32,
}

impl BackOff {
    /// The wait after a connection was lost; a good one was there until then if `ran`. `chance` is 0 to 1.
    pub(super) fn after(&mut self, lost: &Lost, ran: bool, chance: f64) -> Duration {
        if ran {
            *self = Self::default();
        }
        let (count, first, most) = match lost {
            Lost::Cut(_) => (&mut self.failures, limits::BACK_OFF, limits::BACK_OFF_MAX),
            // Only a person can mend these.
            Lost::Refused(_) | Lost::Another(_) => (&mut self.refusals, limits::REFUSED, limits::REFUSED_MAX),
        };
        let wait = first.saturating_mul(1_u32.checked_shl(*count).unwrap_or(u32::MAX)).min(most);
        *count = count.saturating_add(1).min(16);
        wait.mul_f64(1.0 - chance.clamp(0.0, 1.0) / 2.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_to_half_a_minute_and_begin_again_after_a_good_connection() {
        let mut back_off = BackOff::default();
        let cut = Lost::Cut("gone".into());
        let mut wait = |ran| back_off.after(&cut, ran, 0.0).as_secs();
        let waits: Vec<_> = (0..7).map(|_| wait(false)).collect();
        assert_eq!(waits, [1, 2, 4, 8, 16, 30, 30]);
        assert_eq!((wait(true), wait(true), wait(false)), (1, 1, 2));
        assert_eq!(back_off.after(&cut, true, 1.0), Duration::from_millis(500));
    }

    #[test]
    fn a_refused_token_is_not_tried_again_soon() {
        let mut back_off = BackOff::default();
        let refused = Lost::Refused("no".into());
        let waits: Vec<_> = (0..6).map(|_| back_off.after(&refused, false, 0.0).as_secs()).collect();
        assert_eq!(waits, [60, 120, 240, 480, 600, 600]);
        for _ in 0..100 {
            back_off.after(&refused, false, 0.5);
        }
    }
}
