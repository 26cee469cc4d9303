//! How long to wait between two tries.

use std::time::Duration;

use crate::settings::WebhookTimes;

/// Pauses that double, each cut by up to half at random.
pub(super) struct Pauses {
    next: Duration,
    longest: Duration,
}

impl Pauses {
    pub(super) fn new(times: &WebhookTimes) -> Self {
        Self { next: times.first_pause, longest: times.longest_pause }
    }

    /// How long to wait now.
    pub(super) fn next(&mut self) -> Duration {
        let whole = self.next.min(self.longest);
        self.next = whole.saturating_mul(2);
        whole.mul_f64(0.5 + fastrand::f64() / 2.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_the_longest_and_are_cut_by_half_at_most() {
        let times = WebhookTimes::default();
        let mut pauses = Pauses::new(&times);
        let mut whole = times.first_pause;
        for _ in 0..20 {
            let pause = pauses.next();
            assert!(pause >= whole / 2 && pause <= whole, "{pause:?} of {whole:?}");
            whole = (whole * 2).min(times.longest_pause);
        }
        assert_eq!(whole, times.longest_pause);
    }
}
