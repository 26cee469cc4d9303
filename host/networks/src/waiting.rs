//! Waiting for a point in time, whether the machine's clock or a test drives it.

use std::sync::Arc;
use std::time::Duration;

use mynah_model::clock::{Clock, UnixMs};
use tokio::sync::Notify;

/// A clock that can be waited for.
#[derive(Clone)]
pub struct Waiting {
    clock: Arc<dyn Clock>,
    advanced: Arc<Notify>,
}

impl Waiting {
    /// Waits by this clock.
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        let advanced = Arc::new(Notify::new());
        let wake = advanced.clone();
        clock.on_advance(Arc::new(move || wake.notify_waiters()));
        Self { clock, advanced }
    }

    /// The time now.
    pub fn now(&self) -> UnixMs {
        self.clock.now()
    }

    /// Resolves when the clock shows `at` or later.
    pub async fn until(&self, at: UnixMs) {
        loop {
            let advanced = self.advanced.notified();
            tokio::pin!(advanced);
            advanced.as_mut().enable();
            let Ok(left) = u64::try_from(at.saturating_sub(self.now())) else { return };
            if left == 0 {
                return;
            }
            // A machine's clock may be set while we wait, so no sleep is longer than an hour.
            let left = Duration::from_millis(left.min(3_600_000));
            tokio::select! {
                () = advanced => {}
                () = tokio::time::sleep(left) => {}
            }
        }
    }
}
