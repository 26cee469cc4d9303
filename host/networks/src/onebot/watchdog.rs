//! Notices that nothing is heard any more: after two and a half heartbeats, or where none come, after a question that
//! stays without an answer.

use std::time::Duration;

use tokio::time::Instant;

use super::limits;

/// Notices that nothing is heard any more.
pub(super) struct Watchdog {
    last: Instant,
    silence: Duration,
    pinged: bool,
}

impl Watchdog {
    pub(super) fn new() -> Self {
        Self { last: Instant::now(), silence: limits::SILENCE, pinged: false }
    }

    pub(super) fn heard(&mut self) {
        self.last = Instant::now();
        self.pinged = false;
    }

    /// The peer is asked whether it is there.
    pub(super) fn ask(&mut self) {
        self.pinged = true;
    }

    /// How long nothing may be heard.
    pub(super) fn silence(&self) -> Duration {
        self.silence
    }

    /// Heartbeats come so often: two and a half of them without a word are the end.
    pub(super) fn expect_every(&mut self, interval: Duration) {
        let interval = interval.clamp(*limits::HEARTBEAT.start(), *limits::HEARTBEAT.end());
        self.silence = interval.mul_f64(2.5);
    }

    pub(super) fn due(&self) -> Instant {
        let ping = if self.pinged { self.silence } else { self.silence.min(limits::PING_AFTER) };
        self.last + ping
    }

    pub(super) fn is_over(&self) -> bool {
        self.last.elapsed() >= self.silence
    }
}
