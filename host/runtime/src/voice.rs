//! What of a script's words goes into the host's own log: so much a minute. No script fills the disk with it, or hides what is
//! said of others.

use std::time::{Duration, Instant};

use mynah_model::names::ScriptName;
use mynah_model::refusal::Code;
use parking_lot::Mutex;

use crate::limits;

/// How long one share lasts. The log is real, so the time is too, whatever the host's clock shows.
const MINUTE: Duration = Duration::from_secs(60);

/// A script's share of the host's log. What is said beyond it is left out, which the log says in two lines a minute.
#[derive(Debug, Default)]
pub(crate) struct Voice(Mutex<Share>);

#[derive(Debug, Default)]
struct Share {
    began: Option<Instant>,
    used: usize,
    unheard: u64,
}

/// Whether a line is heard.
#[derive(Debug, PartialEq, Eq)]
enum Heard {
    /// So many of the minute before were not.
    Yes {
        missed: u64,
    },
    /// It is the first that is not.
    NoMore,
    No,
}

impl Voice {
    /// Has a line about so many bytes of a script written, if the script has not said enough.
    pub(crate) fn say(&self, script: &ScriptName, bytes: usize, write: impl FnOnce()) {
        match self.hear(bytes, Instant::now()) {
            Heard::Yes { missed } => {
                if missed > 0 {
                    tracing::warn!(%script, code = %Code::LimitLog, "{missed} lines about the script were left out of this log");
                }
                write();
            }
            Heard::NoMore => {
                tracing::warn!(%script, code = %Code::LimitLog, "the script has filled its share of this log, {} bytes a minute: more is left out", limits::VOICE_BYTES);
            }
            Heard::No => {}
        }
    }

    fn hear(&self, bytes: usize, now: Instant) -> Heard {
        let mut share = self.0.lock();
        let mut missed = 0;
        if share.began.is_none_or(|began| now.saturating_duration_since(began) >= MINUTE) {
            missed = share.unheard;
            *share = Share { began: Some(now), ..Share::default() };
        }
        let used = share.used.saturating_add(bytes).saturating_add(limits::VOICE_LINE);
        if share.unheard == 0 && used <= limits::VOICE_BYTES {
            share.used = used;
            return Heard::Yes { missed };
        }
        share.unheard += 1;
        if share.unheard == 1 { Heard::NoMore } else { Heard::No }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_script_is_heard_for_its_share_of_a_minute_and_then_again() {
        let (voice, begin) = (Voice::default(), Instant::now());
        let lines = limits::VOICE_BYTES / (limits::VOICE_LINE + 1);
        for _ in 0..lines {
            assert_eq!(voice.hear(1, begin), Heard::Yes { missed: 0 });
        }
        let late = begin + MINUTE - Duration::from_millis(1);
        assert_eq!(voice.hear(limits::VOICE_LINE, late), Heard::NoMore);
        assert_eq!(voice.hear(0, late), Heard::No, "nothing is heard between what is not");
        assert_eq!(voice.hear(1, begin + MINUTE), Heard::Yes { missed: 2 });
        assert_eq!(voice.hear(1, begin + MINUTE), Heard::Yes { missed: 0 });
    }

    #[test]
    fn one_line_that_is_longer_than_the_share_is_not_heard() {
        assert_eq!(Voice::default().hear(usize::MAX, Instant::now()), Heard::NoMore);
    }
}
