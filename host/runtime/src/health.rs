//! How a script is doing: what it was called for, how often it failed, and whether it is left alone for a while.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use mynah_model::clock::UnixMs;
use mynah_model::event::Event;
use mynah_model::refusal::{Code, Refusal};
use parking_lot::Mutex;

use crate::limits;

/// CPU time of one call that does not count against the budget, if the event is nobody's doing here. The budget is there for
/// scripts that burn their deadline again and again; one that answers in microseconds is never over it, however lively its
/// chats are.
const FREE_PER_CALL: Duration = Duration::from_millis(1);

/// What a call counts against the budget. Of an event that a script caused (a timer, the outcome of an action, a message that was
/// sent) all of it: a script makes as many of those as it likes.
pub fn charged(event: &Event, cpu: Duration) -> Duration {
    if event.cause.is_some() { cpu } else { cpu.saturating_sub(FREE_PER_CALL) }
}

/// The counters of a script since its release was loaded.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Counters {
    /// Events it was called for.
    pub events: u64,
    /// Calls that failed.
    pub faults: u64,
    /// Calls that were left out: breaker, budget.
    pub skipped: u64,
    /// Why the last call failed.
    pub last_error: Option<String>,
}

#[derive(Default)]
struct State {
    counters: Counters,
    recent_faults: VecDeque<UnixMs>,
    /// How long the next rest is; `None` while nothing is wrong.
    rest: Option<i64>,
    resting_until: Option<UnixMs>,
    trying: bool,
    cpu_used: Duration,
    /// CPU time is real, so it is budgeted over real time, whatever the host's clock shows.
    cpu_at: Option<Instant>,
}

/// The health of one release of a script.
#[derive(Default)]
pub struct Health {
    state: Mutex<State>,
}

impl Health {
    /// Whether the script may be called now. After a rest one call is let through, and what becomes of it decides;
    /// [`Health::called`] or [`Health::discarded`] says so.
    pub fn admit(&self, now: UnixMs) -> Result<(), Refusal> {
        let mut state = self.state.lock();
        if let Some(until) = state.resting_until.filter(|until| now < *until) {
            state.counters.skipped += 1;
            let seconds = (until - now) / 1_000;
            return Err(Refusal::new(
                Code::ScriptBreaker,
                format!(
                    "the script failed {} times in a row of events and rests {seconds} s more",
                    limits::BREAKER_FAULTS
                ),
            ));
        }
        let instant = Instant::now();
        let elapsed = state.cpu_at.replace(instant).map_or(Duration::ZERO, |at| instant.duration_since(at));
        state.cpu_used = state.cpu_used.saturating_sub(elapsed / limits::CPU_SHARE);
        if state.cpu_used > limits::CPU_BUDGET {
            state.counters.skipped += 1;
            let error = Refusal::new(
                Code::BudgetCpu,
                format!(
                    "the script used more than {} ms of CPU time in {} s",
                    limits::CPU_BUDGET.as_millis(),
                    (limits::CPU_BUDGET * limits::CPU_SHARE).as_secs()
                ),
            );
            state.counters.last_error = Some(error.to_string());
            return Err(error);
        }
        if state.resting_until.is_some() {
            // Others rest while this call is tried. Should nobody ever say what became of it, there is another one
            // after this rest.
            state.resting_until = Some(now.saturating_add(limits::BREAKER_REST_MS));
            state.trying = true;
        }
        Ok(())
    }

    /// A call ended whose outcome is of no account, because the event is run again. Its CPU time, as [`charged`] says, was used
    /// all the same.
    pub fn discarded(&self, now: UnixMs, cpu: Duration) {
        let mut state = self.state.lock();
        state.cpu_used += cpu;
        if std::mem::take(&mut state.trying) {
            state.resting_until = Some(now);
        }
    }

    /// A call ended that used so much CPU time, as [`charged`] says: `fault` is its `code: sentence` if it failed. Returns
    /// whether the breaker opened by it.
    pub fn called(&self, now: UnixMs, cpu: Duration, fault: Option<String>) -> bool {
        let mut state = self.state.lock();
        let state = &mut *state;
        state.counters.events += 1;
        state.cpu_used += cpu;
        let was_trying = std::mem::take(&mut state.trying);
        let Some(fault) = fault else {
            if was_trying {
                state.resting_until = None;
                state.rest = None;
                state.recent_faults.clear();
            }
            return false;
        };
        state.counters.faults += 1;
        state.counters.last_error = Some(fault);
        state.recent_faults.push_back(now);
        while state.recent_faults.front().is_some_and(|at| now - at > limits::BREAKER_WINDOW_MS)
            || state.recent_faults.len() > limits::BREAKER_FAULTS
        {
            state.recent_faults.pop_front();
        }
        let opens = was_trying
            || (state.resting_until.is_none() && state.recent_faults.len() >= limits::BREAKER_FAULTS);
        if opens {
            let rest =
                state.rest.map_or(limits::BREAKER_REST_MS, |rest| rest * 2).min(limits::BREAKER_REST_MAX_MS);
            state.rest = Some(rest);
            state.resting_until = Some(now + rest);
        }
        opens
    }

    /// What was counted so far.
    pub fn counters(&self) -> Counters {
        self.state.lock().counters.clone()
    }

    /// Whether it neither rests nor is tried after a rest.
    pub fn is_well(&self) -> bool {
        self.state.lock().resting_until.is_none()
    }

    /// Whether the breaker is open.
    pub fn resting(&self, now: UnixMs) -> bool {
        self.state.lock().resting_until.is_some_and(|until| now < until)
    }
}

#[cfg(test)]
mod tests {
    use mynah_model::Attrs;
    use mynah_model::event::EventBody;
    use mynah_model::names::Seq;

    use super::*;

    fn fault(health: &Health, now: UnixMs) -> bool {
        assert!(health.admit(now).is_ok(), "at {now}");
        health.called(now, Duration::ZERO, Some("script.trap: it fell".into()))
    }

    #[test]
    fn the_breaker_opens_after_five_faults_and_tries_again_with_back_off() {
        let health = Health::default();
        for now in 0..4 {
            assert!(!fault(&health, now));
        }
        assert!(fault(&health, 4));
        assert_eq!(health.admit(5).unwrap_err().code, Code::ScriptBreaker);
        let again = 4 + limits::BREAKER_REST_MS;
        assert!(fault(&health, again), "one try after the rest, and it failed");
        assert!(health.admit(again + limits::BREAKER_REST_MS).is_err(), "the second rest is longer");
        let later = again + limits::BREAKER_REST_MS * 2;
        assert!(health.admit(later).is_ok());
        assert!(health.admit(later).is_err(), "only one try at a time");
        assert!(!health.called(later, Duration::ZERO, None));
        assert!(health.admit(later).is_ok());
        assert_eq!(health.counters().faults, 6);
    }

    #[test]
    fn a_try_that_is_run_again_or_never_ends_does_not_silence_the_script_for_ever() {
        let health = Health::default();
        for now in 0..5 {
            fault(&health, now);
        }
        let again = 4 + limits::BREAKER_REST_MS;
        assert!(health.admit(again).is_ok());
        health.discarded(again, Duration::ZERO);
        assert!(health.admit(again).is_ok(), "the same event is run again");
        assert!(health.admit(again).is_err(), "nobody said what became of the try");
        assert!(health.admit(again + limits::BREAKER_REST_MS).is_ok());
        health.called(again, Duration::ZERO, None);
        assert!(health.admit(again).is_ok());
    }

    #[test]
    fn runs_that_do_not_count_use_up_the_budget() {
        let health = Health::default();
        for _ in 0..11 {
            assert!(health.admit(0).is_ok());
            health.discarded(0, Duration::from_millis(50));
        }
        assert_eq!(health.admit(0).unwrap_err().code, Code::BudgetCpu);
    }

    #[test]
    fn faults_far_apart_open_nothing() {
        let health = Health::default();
        for round in 0..20 {
            assert!(!fault(&health, round * limits::BREAKER_WINDOW_MS));
        }
    }

    #[test]
    fn burning_cpu_is_budgeted_and_cheap_calls_for_what_others_do_are_free() {
        let health = Health::default();
        let cheap = Duration::from_micros(900);
        for _ in 0..100_000 {
            assert!(health.admit(0).is_ok());
            health.called(0, charged(&event(None), cheap), None);
        }
        for _ in 0..11 {
            assert!(health.admit(0).is_ok());
            health.called(0, Duration::from_millis(50), None);
        }
        assert_eq!(health.admit(0).unwrap_err().code, Code::BudgetCpu);
        let earlier = Instant::now().checked_sub(Duration::from_secs(10)).unwrap();
        health.state.lock().cpu_at = Some(earlier);
        assert!(health.admit(0).is_ok(), "ten seconds later");
    }

    #[test]
    fn nothing_is_free_for_events_that_a_script_makes_itself() {
        let health = Health::default();
        let cheap = Duration::from_micros(900);
        let calls = (0..100_000).take_while(|_| {
            let admitted = health.admit(0).is_ok();
            health.called(0, charged(&event(Some(Seq(1))), cheap), None);
            admitted
        });
        let calls = calls.count();
        assert!((500..100_000).contains(&calls), "{calls} calls");
        assert_eq!(health.admit(0).unwrap_err().code, Code::BudgetCpu);
    }

    fn event(cause: Option<Seq>) -> Event {
        Event {
            seq: Seq(2),
            account: "sim".parse().unwrap(),
            network: "sim".into(),
            self_id: "1".into(),
            time: 0,
            received_at: 0,
            cause,
            depth: 0,
            by_script: None,
            chat: None,
            body: EventBody::Stopped,
            attrs: Attrs::new(),
        }
    }
}
