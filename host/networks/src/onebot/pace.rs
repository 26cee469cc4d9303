//! How fast an account acts: a token bucket, so that QQ does not take it for what it is.

use std::fmt;
use std::time::Duration;

use tokio::sync::Mutex;
use tokio::time::Instant;

/// So many calls in so much time. The spec's own rate limit is one in 500 ms.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pace {
    /// How many, at least one.
    pub count: u32,
    /// In how much time.
    pub per: Duration,
}

impl Default for Pace {
    fn default() -> Self {
        Self { count: 2, per: Duration::from_secs(1) }
    }
}

impl fmt::Display for Pace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} in {:?}", self.count, self.per)
    }
}

struct Level {
    /// Calls that may be made at once.
    tokens: f64,
    at: Instant,
}

/// The bucket of one account. It holds what comes in a second, and one at least: a conversation is answered at once,
/// a flood is not.
pub(super) struct Bucket {
    per_second: f64,
    most: f64,
    level: Mutex<Level>,
}

impl Bucket {
    pub(super) fn new(pace: Pace) -> Self {
        let per_second = f64::from(pace.count.max(1)) / pace.per.max(Duration::from_millis(1)).as_secs_f64();
        let most = per_second.max(1.0);
        Self { per_second, most, level: Mutex::new(Level { tokens: most, at: Instant::now() }) }
    }

    /// Resolves when one more call is due, in the order in which they were asked for. What is dropped before takes nothing.
    pub(super) async fn take(&self) {
        let mut level = self.level.lock().await;
        while !self.take_from(&mut level) {
            let missing = (1.0 - level.tokens) / self.per_second;
            // A millisecond more than reckoned: the timer has no finer grain.
            let wait = Duration::try_from_secs_f64(missing).unwrap_or(Duration::from_secs(3_600));
            tokio::time::sleep(wait + Duration::from_millis(1)).await;
        }
    }

    /// Takes what one more call needs if that is due now and nobody waits for the same.
    pub(super) fn try_take(&self) -> bool {
        self.level.try_lock().is_ok_and(|mut level| self.take_from(&mut level))
    }

    fn take_from(&self, level: &mut Level) -> bool {
        let now = Instant::now();
        let grown = now.duration_since(level.at).as_secs_f64() * self.per_second;
        level.tokens = (level.tokens + grown).min(self.most);
        level.at = now;
        let due = level.tokens >= 1.0;
        if due {
            level.tokens -= 1.0;
        }
        due
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn timed(bucket: &Bucket) -> u128 {
        let began = Instant::now();
        bucket.take().await;
        began.elapsed().as_millis()
    }

    #[tokio::test(start_paused = true)]
    async fn two_a_second_are_two_at_once_and_then_one_every_half_second() {
        let bucket = Bucket::new(Pace::default());
        assert_eq!((timed(&bucket).await, timed(&bucket).await), (0, 0));
        for _ in 0..5 {
            let waited = timed(&bucket).await;
            assert!((495..=510).contains(&waited), "{waited}");
        }
        tokio::time::sleep(Duration::from_secs(3_600)).await;
        assert_eq!((timed(&bucket).await, timed(&bucket).await), (0, 0));
        assert!(timed(&bucket).await > 400, "an idle hour is worth no more than a second");
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_due_can_be_taken_at_once_and_nobody_overtakes_who_waits() {
        let bucket = Bucket::new(Pace::default());
        assert!(bucket.try_take() && bucket.try_take() && !bucket.try_take());
        let mut waiting = std::pin::pin!(bucket.take());
        assert!(tokio::time::timeout(Duration::from_millis(400), &mut waiting).await.is_err());
        tokio::time::advance(Duration::from_millis(200)).await;
        assert!(!bucket.try_take(), "it is the other one's");
        waiting.await;
        tokio::time::advance(Duration::from_millis(500)).await;
        assert!(bucket.try_take());
    }

    #[tokio::test(start_paused = true)]
    async fn whoever_gives_up_takes_nothing() {
        let bucket = Bucket::new(Pace { count: 1, per: Duration::from_secs(60) });
        bucket.take().await;
        for _ in 0..10 {
            let gave_up = tokio::time::timeout(Duration::from_millis(100), bucket.take()).await;
            assert!(gave_up.is_err());
        }
        let waited = timed(&bucket).await;
        assert!((58_900..59_100).contains(&waited), "{waited}");
    }
}
