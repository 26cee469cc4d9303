//! How often each actor did what: token buckets that refill evenly.

use std::collections::HashMap;

use mynah_model::clock::UnixMs;
use mynah_model::names::ScriptName;
use parking_lot::Mutex;

use crate::grants::Rate;

struct Bucket {
    /// Tokens times `per_ms`, so that refilling needs no fractions.
    level: i64,
    at: UnixMs,
    rate: Rate,
}

/// The budgets of all scripts.
#[derive(Default)]
pub struct Budgets {
    buckets: Mutex<HashMap<(ScriptName, &'static str), Bucket>>,
}

impl Budgets {
    /// Takes so many of a script's budget; whether there were as many left. A changed rate begins with a full bucket.
    pub fn take(
        &self,
        script: &ScriptName,
        kind: &'static str,
        rate: Rate,
        count: usize,
        now: UnixMs,
    ) -> bool {
        let full = i64::from(rate.count) * rate.per_ms;
        let mut buckets = self.buckets.lock();
        let bucket = buckets.entry((script.clone(), kind)).or_insert(Bucket { level: full, at: now, rate });
        if bucket.rate != rate {
            *bucket = Bucket { level: full, at: now, rate };
        }
        let elapsed = (now - bucket.at).clamp(0, rate.per_ms);
        bucket.level = (bucket.level + elapsed * i64::from(rate.count)).min(full);
        bucket.at = bucket.at.max(now);
        let wanted = i64::try_from(count).unwrap_or(i64::MAX).saturating_mul(rate.per_ms);
        if bucket.level < wanted {
            return false;
        }
        bucket.level -= wanted;
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_budget_empties_refills_and_never_overflows() {
        let budgets = Budgets::default();
        let script = "a".parse().unwrap();
        let rate: Rate = "2/min".parse().unwrap();
        let take = |now| budgets.take(&script, "kick", rate, 1, now);
        assert!(take(0) && take(0) && !take(0));
        assert!(!take(29_999));
        assert!(take(30_000) && !take(30_000));
        assert!(take(10_000_000) && take(10_000_000) && !take(10_000_000));
        assert!(!take(0), "a clock that goes back gives nothing");
    }

    #[test]
    fn what_is_asked_for_together_is_given_together_or_not_at_all() {
        let budgets = Budgets::default();
        let script = "a".parse().unwrap();
        let take = |count| budgets.take(&script, "kick", "3/h".parse().unwrap(), count, 0);
        assert!(take(2) && !take(2) && take(1));
    }

    #[test]
    fn a_rate_of_zero_allows_nothing() {
        let budgets = Budgets::default();
        assert!(!budgets.take(&"a".parse().unwrap(), "kick", "0/min".parse().unwrap(), 1, 0));
    }
}
