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
    /// Takes one of a script's budget; whether there was one left. A changed rate begins with a full bucket.
    pub fn take(&self, script: &ScriptName, kind: &'static str, rate: Rate, now: UnixMs) -> bool {
        let full = i64::from(rate.count) * rate.per_ms;
        let mut buckets = self.buckets.lock();
        let bucket = buckets.entry((script.clone(), kind)).or_insert(Bucket { level: full, at: now, rate });
        if bucket.rate != rate {
            *bucket = Bucket { level: full, at: now, rate };
        }
        let elapsed = (now - bucket.at).clamp(0, rate.per_ms);
        bucket.level = (bucket.level + elapsed * i64::from(rate.count)).min(full);
        bucket.at = bucket.at.max(now);
        if bucket.level < rate.per_ms {
            return false;
        }
        bucket.level -= rate.per_ms;
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
        let take = |now| budgets.take(&script, "kick", rate, now);
        assert!(take(0) && take(0) && !take(0));
        assert!(!take(29_999));
        assert!(take(30_000) && !take(30_000));
        assert!(take(10_000_000) && take(10_000_000) && !take(10_000_000));
        assert!(!take(0), "a clock that goes back gives nothing");
    }

    #[test]
    fn a_rate_of_zero_allows_nothing() {
        let budgets = Budgets::default();
        assert!(!budgets.take(&"a".parse().unwrap(), "kick", "0/min".parse().unwrap(), 0));
    }
}
