//! What takes long: scripts that have run for a while take turns, and workers that are stuck do not count.

use std::time::Instant;

use mynah_engine::Deferred;

use super::Scheduler;
use crate::limits;

impl Scheduler {
    /// Called by a thread whose script has run for long: waits until it is its turn, and again when its turn is over and
    /// others wait. While it waits, and from then on, a spare thread may take its place. Refused if there would be too few
    /// of those left, or if the host stops: then the event is to be deferred.
    pub fn give_way(&self, thread: usize) -> Result<(), Deferred> {
        let mut state = self.state.lock();
        if state.abandoned {
            return Err(Deferred);
        }
        let room = state.long < self.most_long();
        let Some(busy) = state.busy.get_mut(thread).and_then(Option::as_mut) else { return Ok(()) };
        match (busy.turn, busy.long) {
            (Some(since), _) if since.elapsed() < limits::TURN => return Ok(()),
            (Some(_), _) => {
                busy.turn = None;
                state.turns -= 1;
            }
            (None, false) if !room => return Err(Deferred),
            (None, was_long) => {
                busy.long = true;
                let was_stuck = std::mem::replace(&mut busy.stuck, true);
                state.long += usize::from(!was_long);
                if !was_stuck {
                    state.working -= 1;
                    self.call_one(&mut state);
                }
            }
        }
        state.giving_way.push_back(thread);
        self.turn.notify_all();
        while state.turns >= self.half() || state.giving_way.front() != Some(&thread) {
            self.turn.wait(&mut state);
            if state.abandoned {
                state.giving_way.retain(|waiting| *waiting != thread);
                return Err(Deferred);
            }
        }
        state.giving_way.pop_front();
        state.turns += 1;
        if let Some(busy) = state.busy.get_mut(thread).and_then(Option::as_mut) {
            busy.turn = Some(Instant::now());
        }
        if state.turns < self.half() {
            self.turn.notify_all();
        }
        Ok(())
    }

    /// Looks for stuck workers; called every [`limits::STUCK_TICK`].
    pub fn tick(&self) {
        let mut state = self.state.lock();
        let now = Instant::now();
        let mut stuck = 0;
        for busy in state.busy.iter_mut().flatten() {
            if !busy.stuck && now.duration_since(busy.since) > limits::STUCK_AFTER {
                busy.stuck = true;
                stuck += 1;
            }
        }
        state.working -= stuck;
        for _ in 0..stuck {
            self.call_one(&mut state);
        }
    }
}
