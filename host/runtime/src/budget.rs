//! How often each actor did what: token buckets that refill evenly.

use std::collections::HashMap;
use std::hash::Hash;

use mynah_model::address::Address;
use mynah_model::clock::UnixMs;
use mynah_model::names::{AccountName, ScriptName};
use mynah_model::refusal::{Code, Refusal};
use parking_lot::Mutex;

use crate::grants::{Counted, Grants, Rate};
use crate::limits;

struct Bucket {
    /// Tokens times `per_ms`, so that refilling needs no fractions.
    level: i64,
    at: UnixMs,
    rate: Rate,
}

impl Bucket {
    fn new(rate: Rate, now: UnixMs) -> Self {
        Self { level: full(rate), at: now, rate }
    }

    fn refill(&mut self, now: UnixMs) {
        let elapsed = (now - self.at).clamp(0, self.rate.per_ms);
        self.level = (self.level + elapsed * i64::from(self.rate.count)).min(full(self.rate));
        self.at = self.at.max(now);
    }

    fn is_full(&self) -> bool {
        self.level >= full(self.rate)
    }
}

fn full(rate: Rate) -> i64 {
    i64::from(rate.count) * rate.per_ms
}

fn cost(rate: Rate, count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX).saturating_mul(rate.per_ms)
}

struct Counts<K> {
    buckets: HashMap<K, Bucket>,
    looked_at: UnixMs,
}

/// Buckets by what they count. One that is full is as good as none, so that only those in use are kept.
pub struct Buckets<K>(Mutex<Counts<K>>);

impl<K> Default for Buckets<K> {
    fn default() -> Self {
        Self(Mutex::new(Counts { buckets: HashMap::new(), looked_at: UnixMs::MIN }))
    }
}

impl<K: Eq + Hash + Clone> Buckets<K> {
    /// Takes so many of each bucket, or of none: then the place of the first that has too little is the error. A changed
    /// rate begins with a full bucket.
    pub fn take(&self, wanted: &[(K, Rate)], count: usize, now: UnixMs) -> Result<(), usize> {
        let mut counts = self.0.lock();
        counts.make_room(now);
        for (place, (key, rate)) in wanted.iter().enumerate() {
            let known = counts.buckets.len();
            let enough = match counts.buckets.get_mut(key) {
                Some(bucket) => {
                    if bucket.rate != *rate {
                        *bucket = Bucket::new(*rate, now);
                    }
                    bucket.refill(now);
                    bucket.level >= cost(*rate, count)
                }
                None => known < limits::BUDGET_COUNTS && full(*rate) >= cost(*rate, count),
            };
            if !enough {
                return Err(place);
            }
        }
        for (key, rate) in wanted {
            let bucket = counts.buckets.entry(key.clone()).or_insert_with(|| Bucket::new(*rate, now));
            bucket.level -= cost(*rate, count);
        }
        Ok(())
    }
}

impl<K: Eq + Hash> Counts<K> {
    fn make_room(&mut self, now: UnixMs) {
        if self.buckets.len() < limits::BUDGET_COUNTS
            || now < self.looked_at.saturating_add(limits::BUDGET_LOOK_MS)
        {
            return;
        }
        self.looked_at = now;
        self.buckets.retain(|_, bucket| {
            bucket.refill(now);
            !bucket.is_full()
        });
    }
}

/// What a script's bucket counts: of which script, what, and in which chat if it is one of each chat.
pub type ScriptCount = (ScriptName, Counted, Option<Address>);

/// The budgets of all scripts, and what all who act for an account have together.
#[derive(Default)]
pub struct Budgets {
    /// Of each script, by what the operator wrote.
    pub scripts: Buckets<ScriptCount>,
    /// Members that each account kicks, whoever asks.
    pub kicks: Buckets<AccountName>,
    /// What each script is told of its own actions.
    pub told: Buckets<ScriptName>,
}

impl Budgets {
    /// Takes so many of what counts something that a script does in a chat, or nothing of anything.
    ///
    /// # Errors
    /// `budget.exhausted`, naming the rate and the line that raises it.
    pub fn take_of_script(
        &self,
        script: &ScriptName,
        grants: &Grants,
        what: &'static str,
        address: &Address,
        count: usize,
        now: UnixMs,
    ) -> Result<(), Refusal> {
        let rates: Vec<_> = grants.rates(what).collect();
        let wanted: Vec<_> = rates
            .iter()
            .map(|(counted, rate)| {
                ((script.clone(), counted.clone(), counted.per_chat.then(|| address.clone())), *rate)
            })
            .collect();
        let Err(place) = self.scripts.take(&wanted, count, now) else { return Ok(()) };
        let (counted, rate) = match rates.into_iter().nth(place) {
            Some((counted, rate)) => (counted.to_string(), String::from(rate)),
            None => Default::default(),
        };
        let key = if counted.contains(' ') { format!("\"{counted}\"") } else { counted.clone() };
        Err(Refusal::new(
            Code::BudgetExhausted,
            format!("script `{script}` used up its budget of {rate} for `{counted}`"),
        )
        .hint(format!("raise `budget = {{ {key} = \"{rate}\" }}` under `[script.{script}]` in mynah.toml")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn take(buckets: &Buckets<u32>, wanted: &[(u32, &str)], count: usize, now: UnixMs) -> Result<(), usize> {
        let wanted: Vec<_> = wanted.iter().map(|(key, rate)| (*key, rate.parse().unwrap())).collect();
        buckets.take(&wanted, count, now)
    }

    #[test]
    fn a_budget_empties_refills_and_never_overflows() {
        let budgets = Buckets::default();
        let take = |now| take(&budgets, &[(1, "2/min")], 1, now).is_ok();
        assert!(take(0) && take(0) && !take(0));
        assert!(!take(29_999));
        assert!(take(30_000) && !take(30_000));
        assert!(take(10_000_000) && take(10_000_000) && !take(10_000_000));
        assert!(!take(0), "a clock that goes back gives nothing");
    }

    #[test]
    fn what_is_asked_for_together_is_given_together_or_not_at_all() {
        let budgets = Buckets::default();
        let take = |count| take(&budgets, &[(1, "3/h")], count, 0).is_ok();
        assert!(take(2) && !take(2) && take(1));
    }

    #[test]
    fn where_one_of_two_counts_is_empty_the_other_loses_nothing() {
        let budgets = Buckets::default();
        assert_eq!(take(&budgets, &[(1, "3/h"), (2, "1/h")], 1, 0), Ok(()));
        assert_eq!(take(&budgets, &[(1, "3/h"), (2, "1/h")], 1, 0), Err(1), "the second is empty");
        assert_eq!(take(&budgets, &[(1, "3/h"), (3, "9/h")], 2, 0), Ok(()), "two are left in the first");
        assert_eq!(take(&budgets, &[(1, "3/h"), (3, "9/h")], 1, 0), Err(0));
    }

    #[test]
    fn a_rate_of_zero_allows_nothing() {
        assert_eq!(take(&Buckets::default(), &[(1, "0/min")], 1, 0), Err(0));
    }

    #[test]
    fn counts_are_bounded_and_those_that_are_full_again_make_room() {
        let budgets = Buckets::default();
        let most = u32::try_from(limits::BUDGET_COUNTS).unwrap();
        for key in 0..most {
            assert_eq!(take(&budgets, &[(key, "2/s")], 1, 0), Ok(()));
        }
        assert_eq!(take(&budgets, &[(most, "2/s")], 1, 1), Err(0), "there is no room");
        assert_eq!(take(&budgets, &[(1, "2/s")], 1, 1), Ok(()), "those that there are go on");
        assert_eq!(take(&budgets, &[(most, "2/s")], 1, 2_000), Ok(()), "a while later there is");
    }
}
