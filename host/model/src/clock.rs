//! Where the host's time comes from, so that tests can drive it.

use std::fmt;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

/// Milliseconds since 1970-01-01T00:00:00Z.
pub type UnixMs = i64;

/// Called after a clock was moved.
pub type Wake = Arc<dyn Fn() + Send + Sync>;

/// A source of the current time. The runtime owns the waiting; this only tells.
pub trait Clock: Send + Sync + 'static {
    /// The time now.
    fn now(&self) -> UnixMs;

    /// Keeps `wake` and calls it after each jump of the clock, so that what waits for a time can look again.
    /// Only a clock that is moved by hand calls it; one that runs by itself need not keep it.
    fn on_advance(&self, wake: Wake) {
        let _ = wake;
    }
}

/// The machine's clock.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> UnixMs {
        SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .map_or(0, |since| i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
    }
}

/// A clock that stands still until it is moved. For tests: what takes ten minutes is over at once.
pub struct VirtualClock {
    now: AtomicI64,
    wakes: Mutex<Vec<Wake>>,
}

impl VirtualClock {
    /// A clock that shows `start`.
    pub fn new(start: UnixMs) -> Self {
        Self { now: AtomicI64::new(start), wakes: Mutex::default() }
    }

    /// Moves the clock forward by `ms` milliseconds, then calls everything that
    /// [`Clock::on_advance`] was given, in that order, on this thread.
    pub fn advance(&self, ms: u64) {
        let ms = i64::try_from(ms).unwrap_or(i64::MAX);
        // The closure always gives a value, so this cannot fail.
        let _ = self.now.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |now| Some(now.saturating_add(ms)));
        // A wake may ask for another one: it must not find the list locked.
        let wakes = self.wakes.lock().unwrap_or_else(PoisonError::into_inner).clone();
        wakes.iter().for_each(|wake| wake());
    }
}

impl Clock for VirtualClock {
    fn now(&self) -> UnixMs {
        self.now.load(Ordering::SeqCst)
    }

    fn on_advance(&self, wake: Wake) {
        self.wakes.lock().unwrap_or_else(PoisonError::into_inner).push(wake);
    }
}

impl fmt::Debug for VirtualClock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VirtualClock").field("now", &self.now()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_virtual_clock_moves_only_by_hand_and_tells_whoever_waits() {
        let clock = Arc::new(VirtualClock::new(1_000));
        let seen = Arc::new(Mutex::new(Vec::new()));
        let (watched, noted) = (Arc::downgrade(&clock), seen.clone());
        clock.on_advance(Arc::new(move || {
            let now = watched.upgrade().map(|clock| clock.now());
            noted.lock().unwrap().extend(now);
        }));
        assert_eq!(clock.now(), 1_000);
        clock.advance(500);
        clock.advance(u64::MAX);
        assert_eq!(*seen.lock().unwrap(), [1_500, i64::MAX]);
    }
}
