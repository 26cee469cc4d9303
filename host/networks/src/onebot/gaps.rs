//! The times without a connection: what the network sent then is not known, so they are counted and told.

use mynah_model::clock::UnixMs;

use crate::network::Gap;

/// The gaps of one account since the host started.
#[derive(Debug, Default)]
pub(super) struct Gaps {
    count: u64,
    /// Milliseconds of those that ended.
    ms: u64,
    last: Option<Gap>,
}

impl Gaps {
    /// The connection is gone. One that was gone before stays so.
    pub(super) fn begin(&mut self, now: UnixMs, why: &str) {
        if self.last.as_ref().is_some_and(|gap| gap.until.is_none()) {
            return;
        }
        self.count += 1;
        self.last = Some(Gap { since: now, until: None, why: why.to_owned() });
    }

    /// The account is back; the gap that ends with it.
    pub(super) fn end(&mut self, now: UnixMs) -> Option<Gap> {
        let gap = self.last.as_mut().filter(|gap| gap.until.is_none())?;
        gap.until = Some(now);
        self.ms = self.ms.saturating_add(u64::try_from(now.saturating_sub(gap.since)).unwrap_or(0));
        Some(gap.clone())
    }

    /// How many there were, and for how many milliseconds those that ended.
    pub(super) fn counted(&self) -> (u64, u64) {
        (self.count, self.ms)
    }

    /// The last one, whether it ended or not.
    pub(super) fn last(&self) -> Option<Gap> {
        self.last.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gap_is_one_however_often_dialling_fails_in_it() {
        let mut gaps = Gaps::default();
        assert_eq!(gaps.end(5), None);
        gaps.begin(10, "cut");
        gaps.begin(20, "refused");
        assert_eq!(gaps.last(), Some(Gap { since: 10, until: None, why: "cut".into() }));
        assert_eq!(gaps.end(40), Some(Gap { since: 10, until: Some(40), why: "cut".into() }));
        assert_eq!(gaps.end(50), None);
        gaps.begin(60, "cut");
        // A clock that was set back makes no negative time.
        gaps.end(55);
        assert_eq!(gaps.counted(), (2, 30));
    }
}
