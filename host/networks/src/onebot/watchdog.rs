//! Notices that nothing is heard any more. Nobody is given up unasked: after two and a half heartbeats, or where none come after
//! a while, the peer is asked whether it is there, and has some time to say so. So a stall of this host ends no connection.

use std::time::Duration;

use tokio::time::Instant;

use super::limits;

/// Notices that nothing is heard any more.
pub(super) struct Watchdog {
    last: Instant,
    silence: Duration,
    /// When the peer was asked, since something was heard.
    asked: Option<Instant>,
}

impl Watchdog {
    pub(super) fn new() -> Self {
        Self { last: Instant::now(), silence: limits::SILENCE, asked: None }
    }

    pub(super) fn heard(&mut self) {
        self.last = Instant::now();
        self.asked = None;
    }

    /// The peer is asked whether it is there.
    pub(super) fn ask(&mut self) {
        self.asked = Some(Instant::now());
    }

    /// For how long nothing was heard.
    pub(super) fn silence(&self) -> Duration {
        self.last.elapsed()
    }

    /// Heartbeats come so often: two and a half of them without a word are too much. Some peers say it in seconds, which would
    /// be no time at all.
    pub(super) fn expect_every(&mut self, interval: Duration) {
        let interval = interval.min(limits::HEARTBEAT_MAX);
        self.silence = interval.mul_f64(2.5).max(limits::SILENCE_MIN);
    }

    /// When the peer is to be asked, or is gone if it was.
    pub(super) fn due(&self) -> Instant {
        match self.asked {
            None => self.last + self.silence.min(limits::PING_AFTER),
            Some(asked) => (self.last + self.silence).max(asked + limits::PING_WAIT),
        }
    }

    pub(super) fn is_over(&self) -> bool {
        self.asked.is_some() && Instant::now() >= self.due()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_host_that_stood_still_asks_before_it_gives_up() {
        let mut watchdog = Watchdog::new();
        watchdog.expect_every(Duration::from_secs(30));
        tokio::time::advance(Duration::from_secs(3_600)).await;
        assert!(watchdog.due() <= Instant::now() && !watchdog.is_over());
        watchdog.ask();
        tokio::time::advance(limits::PING_WAIT - Duration::from_millis(1)).await;
        assert!(!watchdog.is_over());
        watchdog.heard();
        tokio::time::advance(Duration::from_secs(29)).await;
        assert!(watchdog.due() > Instant::now());
    }

    #[tokio::test(start_paused = true)]
    async fn an_interval_that_is_given_in_seconds_is_no_three_seconds_of_silence() {
        let mut watchdog = Watchdog::new();
        watchdog.expect_every(Duration::from_millis(15));
        assert_eq!(watchdog.due() - Instant::now(), limits::SILENCE_MIN);
        watchdog.expect_every(Duration::MAX);
        watchdog.ask();
        assert_eq!(watchdog.due() - Instant::now(), limits::HEARTBEAT_MAX.mul_f64(2.5));
    }
}
