//! Which event is handled next.
//!
//! A chat with events waiting is a unit of work: idle workers take ready chats in turn, one event each. So events of
//! one chat are handled in order, one at a time, by whichever worker is free, and no chat holds up another.
//! Queues are bounded and never drop: who brings events waits for room.
//!
//! Three things keep slow scripts from starving the rest. A worker that is busy for longer than
//! [`limits::STUCK_AFTER`] does not count as a worker: a spare thread may take its place. A script that has used
//! [`limits::SLICE`] of CPU time goes on only when it is its turn, with as many others at a time as half of the workers:
//! the rest of the machine is for those that took the places. If all spare threads have such scripts already, the call is
//! ended and its event deferred: calls have no effects of their own, so it can be made again. And a chat whose last event
//! was deferred or hit a deadline waits in the slow lane, of which only half of the workers serve at a time.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::Instant;

use mynah_engine::Deferred;
use mynah_model::address::Address;
use mynah_model::event::Event;
use parking_lot::{Condvar, Mutex};
use tokio::sync::Notify;

use crate::limits;

/// How an event was handled, as far as the scheduler cares.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pace {
    /// Within its deadlines.
    Normal,
    /// Some script hit its deadline: the chat goes to the slow lane.
    Slow,
    /// Not at all: there was no room for a script that takes long. The event comes first in its chat, in the slow lane.
    Deferred,
}

/// One event to be handled. Whoever took it must give it back to [`Scheduler::done`].
#[derive(Debug)]
pub struct Work {
    /// The event.
    pub event: Arc<Event>,
    address: Arc<Address>,
    thread: usize,
}

#[derive(Default)]
struct Chat {
    events: VecDeque<Arc<Event>>,
    running: bool,
    slow: bool,
}

#[derive(Clone, Copy)]
struct Busy {
    since: Instant,
    stuck: bool,
    slow: bool,
    /// Whether it is one of those that take turns.
    long: bool,
    /// Since when it is its turn, if it is.
    turn: Option<Instant>,
}

#[derive(Default)]
struct State {
    chats: HashMap<Arc<Address>, Chat>,
    ready: VecDeque<Arc<Address>>,
    slow: VecDeque<Arc<Address>>,
    busy: Vec<Option<Busy>>,
    working: usize,
    slow_running: usize,
    waiting: usize,
    room_waiters: usize,
    closed: bool,
    abandoned: bool,
    /// Threads that wait for work; the last one waits for the shortest time, and what it needs is in its core's caches.
    idle: Vec<usize>,
    /// Threads that were called and have not looked for work yet.
    called: usize,
    /// Events taken since one of the slow lane was.
    since_slow: u64,
    /// Threads whose scripts have run for long and wait for their turn, in the order in which they began to.
    giving_way: VecDeque<usize>,
    turns: usize,
    /// Threads that take turns, those that wait included.
    long: usize,
}

impl State {
    fn has_room(&self, address: &Address) -> bool {
        let in_chat = self.chats.get(address).map_or(0, |chat| chat.events.len());
        self.closed || (in_chat < limits::CHAT_QUEUE && self.waiting < limits::TOTAL_QUEUE)
    }
}

/// How many threads serve so many workers: the workers themselves and the spare ones. All of them may be inside a script
/// at once, so an engine needs as many places.
pub fn threads_for(workers: usize) -> usize {
    workers.max(1) * (1 + limits::SPARES_PER_WORKER)
}

/// The queues of all chats and the threads that serve them.
pub struct Scheduler {
    workers: usize,
    threads: usize,
    state: Mutex<State>,
    /// One for each thread: whoever is not needed is not woken.
    calls: Vec<Condvar>,
    turn: Condvar,
    room: Notify,
    idle: Notify,
}

impl Scheduler {
    /// For so many workers at a time. [`Scheduler::threads`] says how many threads to start.
    pub fn new(workers: usize) -> Self {
        let workers = workers.max(1);
        let threads = threads_for(workers);
        let state = State { busy: vec![None; threads], ..State::default() };
        Self {
            workers,
            threads,
            state: Mutex::new(state),
            calls: (0..threads).map(|_| Condvar::new()).collect(),
            turn: Condvar::new(),
            room: Notify::new(),
            idle: Notify::new(),
        }
    }

    /// How many threads should call [`Scheduler::next`]: the workers and the spare ones.
    pub fn threads(&self) -> usize {
        self.threads
    }

    /// Whether the chat has room for one more event now.
    pub fn has_room(&self, address: &Address) -> bool {
        self.state.lock().has_room(address)
    }

    /// Waits until the chat has room for one more event. Room is not reserved: the bound may be passed by as many
    /// events as there are reporters at this moment.
    pub async fn room(&self, address: &Address) {
        loop {
            let notified = self.room.notified();
            tokio::pin!(notified);
            {
                let mut state = self.state.lock();
                if state.has_room(address) {
                    return;
                }
                state.room_waiters += 1;
                notified.as_mut().enable();
            }
            notified.await;
        }
    }

    /// Puts an event at the end of its chat's queue. Never waits and never drops.
    pub fn push(&self, event: Arc<Event>) {
        let mut state = self.state.lock();
        let address = event.address();
        let state = &mut *state;
        if state.abandoned {
            return;
        }
        state.waiting += 1;
        if let Some(chat) = state.chats.get_mut(&address) {
            chat.events.push_back(event);
            return;
        }
        let address = Arc::new(address);
        state.chats.insert(address.clone(), Chat { events: [event].into(), ..Chat::default() });
        state.ready.push_back(address);
        self.call_one(state);
    }

    /// Calls a thread, if one waits that could take something.
    fn call_one(&self, state: &mut State) {
        let place = state.working + state.called < self.workers;
        let work = !state.ready.is_empty() || !state.slow.is_empty();
        if place
            && work
            && let Some(thread) = state.idle.pop()
        {
            state.called += 1;
            self.calls.get(thread).map(Condvar::notify_one);
        }
    }

    /// Calls all threads that wait.
    fn call_all(&self, state: &mut State) {
        state.called += state.idle.len();
        state.idle.clear();
        for call in &self.calls {
            call.notify_one();
        }
    }

    /// The next event for this thread (0 to [`Scheduler::threads`]); waits for one. `None` when closed and empty.
    pub fn next(&self, thread: usize) -> Option<Work> {
        let mut state = self.state.lock();
        loop {
            if let Some(work) = self.take(&mut state, thread) {
                return Some(work);
            }
            if state.closed && state.chats.is_empty() {
                self.call_all(&mut state);
                return None;
            }
            let call = self.calls.get(thread)?;
            state.idle.push(thread);
            while state.idle.contains(&thread) {
                call.wait(&mut state);
            }
            state.called -= 1;
        }
    }

    fn take(&self, state: &mut State, thread: usize) -> Option<Work> {
        if state.working >= self.workers {
            return None;
        }
        let slow_lane_free = state.slow_running < self.half() && state.long < self.most_long();
        let slow_turn = slow_lane_free && state.since_slow >= limits::SLOW_TURN && !state.slow.is_empty();
        let ready = if slow_turn { None } else { state.ready.pop_front() };
        let (address, slow) = match ready {
            Some(address) => (address, false),
            None if slow_lane_free => (state.slow.pop_front()?, true),
            None => return None,
        };
        state.since_slow = if slow { 0 } else { state.since_slow.saturating_add(1) };
        let chat = state.chats.get_mut(&address)?;
        let event = chat.events.pop_front()?;
        chat.running = true;
        state.waiting -= 1;
        state.working += 1;
        state.slow_running += usize::from(slow);
        if let Some(busy) = state.busy.get_mut(thread) {
            *busy = Some(Busy { since: Instant::now(), stuck: false, slow, long: false, turn: None });
        }
        if state.room_waiters > 0 {
            state.room_waiters = 0;
            self.room.notify_waiters();
        }
        self.call_one(state);
        Some(Work { event, address, thread })
    }

    /// Half of the workers: so many serve what is slow at a time.
    fn half(&self) -> usize {
        self.workers.div_ceil(2)
    }

    /// So many threads may take turns: all but as many as there are workers.
    fn most_long(&self) -> usize {
        self.threads - self.workers
    }

    /// The event of this work is handled, or deferred: the chat's next one may be.
    pub fn done(&self, work: Work, pace: Pace) {
        let mut state = self.state.lock();
        let state = &mut *state;
        if let Some(busy) = state.busy.get_mut(work.thread).and_then(Option::take) {
            state.working -= usize::from(!busy.stuck);
            state.slow_running -= usize::from(busy.slow);
            state.long -= usize::from(busy.long);
            if busy.turn.is_some() {
                state.turns -= 1;
                self.turn.notify_all();
            }
        }
        let Some(chat) = state.chats.get_mut(&work.address) else { return };
        chat.running = false;
        chat.slow = pace != Pace::Normal;
        if pace == Pace::Deferred && !state.abandoned {
            state.waiting += 1;
            chat.events.push_front(work.event);
        }
        if chat.events.is_empty() {
            state.chats.remove(&work.address);
            if state.chats.is_empty() {
                self.idle.notify_waiters();
            }
        } else if chat.slow {
            state.slow.push_back(work.address);
        } else {
            state.ready.push_back(work.address);
        }
        if state.closed {
            self.call_all(state);
        }
        // Nobody else needs to be called: this thread looks for work now.
    }

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

    /// Events waiting in all chats.
    pub fn waiting(&self) -> usize {
        self.state.lock().waiting
    }

    /// Whether no event waits and none is being handled.
    pub fn is_idle(&self) -> bool {
        self.state.lock().chats.is_empty()
    }

    /// Resolves when no event waits and none is being handled.
    pub async fn idle(&self) {
        loop {
            let notified = self.idle.notified();
            tokio::pin!(notified);
            notified.as_mut().enable();
            if self.state.lock().chats.is_empty() {
                return;
            }
            notified.await;
        }
    }

    /// Forgets the events that wait, and those that still come: the host stops before they can be handled. They are in
    /// the journal for its next start.
    pub fn abandon(&self) {
        let mut state = self.state.lock();
        state.abandoned = true;
        state.waiting = 0;
        state.ready.clear();
        state.slow.clear();
        state.chats.retain(|_, chat| {
            chat.events.clear();
            chat.running
        });
        if state.chats.is_empty() {
            self.idle.notify_waiters();
        }
        self.call_all(&mut state);
        self.turn.notify_all();
        self.room.notify_waiters();
    }

    /// Lets threads end once the queues are empty.
    pub fn close(&self) {
        let mut state = self.state.lock();
        state.closed = true;
        self.call_all(&mut state);
        self.room.notify_waiters();
    }
}

#[cfg(test)]
mod tests {
    use mynah_model::Attrs;
    use mynah_model::address::ChatKind;
    use mynah_model::event::{Chat as EventChat, EventBody};
    use mynah_model::names::Seq;

    use super::*;

    fn event(chat: &str, seq: u64) -> Arc<Event> {
        Arc::new(Event {
            seq: Seq(seq),
            account: "sim".parse().unwrap(),
            network: "sim".into(),
            self_id: "1".into(),
            time: 0,
            received_at: 0,
            cause: None,
            depth: 0,
            by_script: None,
            chat: Some(EventChat {
                kind: ChatKind::Group,
                id: chat.into(),
                name: String::new(),
                via: None,
                attrs: Attrs::new(),
            }),
            body: EventBody::Stopped,
            attrs: Attrs::new(),
        })
    }

    #[test]
    fn ready_chats_take_turns_and_a_chat_is_never_handled_twice_at_a_time() {
        let scheduler = Scheduler::new(2);
        for (chat, seq) in [("a", 1), ("a", 2), ("b", 3)] {
            scheduler.push(event(chat, seq));
        }
        let first = scheduler.next(0).unwrap();
        let second = scheduler.next(1).unwrap();
        assert_eq!((first.event.seq, second.event.seq), (Seq(1), Seq(3)));
        scheduler.done(second, Pace::Normal);
        assert!(scheduler.take(&mut scheduler.state.lock(), 1).is_none(), "chat a is being handled");
        scheduler.done(first, Pace::Normal);
        let third = scheduler.next(0).unwrap();
        assert_eq!(third.event.seq, Seq(2));
        scheduler.done(third, Pace::Normal);
        assert!(scheduler.state.lock().chats.is_empty(), "idle chats cost nothing");
    }

    #[test]
    fn a_stuck_worker_is_replaced_and_slow_chats_do_not_take_all_workers() {
        let scheduler = Scheduler::new(2);
        for chat in ["a", "b", "c"] {
            scheduler.push(event(chat, 1));
            scheduler.push(event(chat, 2));
        }
        let (a, b) = (scheduler.next(0).unwrap(), scheduler.next(1).unwrap());
        assert!(scheduler.take(&mut scheduler.state.lock(), 2).is_none(), "both workers are busy");
        let long_ago = Instant::now() - limits::STUCK_AFTER * 2;
        scheduler.state.lock().busy.iter_mut().flatten().for_each(|busy| busy.since = long_ago);
        scheduler.tick();
        let c = scheduler.next(2).unwrap();
        assert_eq!(c.event.chat.as_ref().unwrap().id, "c");
        for slow in [a, b] {
            scheduler.done(slow, Pace::Slow);
        }
        scheduler.done(c, Pace::Normal);
        let next = scheduler.next(0).unwrap();
        assert_eq!(next.event.chat.as_ref().unwrap().id, "c", "the chat that kept its deadline comes first");
        let slow = scheduler.next(1).unwrap();
        scheduler.done(next, Pace::Normal);
        assert!(scheduler.take(&mut scheduler.state.lock(), 0).is_none(), "one worker serves the slow lane");
        scheduler.done(slow, Pace::Slow);
        assert!(scheduler.next(0).is_some());
    }

    #[test]
    fn long_runners_go_on_one_after_the_other_and_others_take_their_places() {
        let scheduler = Scheduler::new(2);
        for chat in ["a", "b", "c", "d"] {
            scheduler.push(event(chat, 1));
        }
        let (a, b) = (scheduler.next(0).unwrap(), scheduler.next(1).unwrap());
        assert!(scheduler.take(&mut scheduler.state.lock(), 2).is_none(), "both workers are busy");
        scheduler.give_way(0).unwrap();
        let c = scheduler.next(2).unwrap();
        std::thread::scope(|scope| {
            let second = scope.spawn(|| scheduler.give_way(1).unwrap());
            let d = scheduler.next(3).unwrap();
            for other in [c, d] {
                scheduler.done(other, Pace::Normal);
            }
            assert!(!second.is_finished(), "the first one runs still");
            scheduler.give_way(0).unwrap();
            scheduler.done(a, Pace::Slow);
            second.join().unwrap();
        });
        scheduler.done(b, Pace::Slow);
        let state = scheduler.state.lock();
        assert_eq!((state.turns, state.long, state.working, state.giving_way.len()), (0, 0, 0, 0));
    }

    #[test]
    fn a_turn_that_is_over_goes_to_the_next_one() {
        let scheduler = Scheduler::new(2);
        for chat in ["a", "b"] {
            scheduler.push(event(chat, 1));
        }
        let (a, b) = (scheduler.next(0).unwrap(), scheduler.next(1).unwrap());
        scheduler.give_way(0).unwrap();
        std::thread::scope(|scope| {
            let second = scope.spawn(|| {
                scheduler.give_way(1).unwrap();
                scheduler.done(b, Pace::Normal);
            });
            while scheduler.state.lock().giving_way.is_empty() {
                std::thread::yield_now();
            }
            let long_ago = Instant::now() - limits::TURN;
            scheduler.state.lock().busy[0].as_mut().unwrap().turn = Some(long_ago);
            // Waits until the second one is done.
            scheduler.give_way(0).unwrap();
            assert!(scheduler.state.lock().busy[1].is_none());
            second.join().unwrap();
        });
        scheduler.done(a, Pace::Normal);
        let state = scheduler.state.lock();
        assert_eq!((state.turns, state.long, state.giving_way.len()), (0, 0, 0));
    }

    #[test]
    fn long_runners_beyond_the_spare_threads_are_deferred_and_leave_the_workers_to_others() {
        let scheduler = Scheduler::new(1);
        let most = scheduler.threads() - 1;
        for number in 0..=most + 1 {
            scheduler.push(event(&format!("long {number}"), 1));
        }
        scheduler.push(event("long 0", 2));
        std::thread::scope(|scope| {
            let mut works = Vec::new();
            for thread in 0..most {
                works.push(scheduler.next(thread).unwrap());
                scope.spawn({
                    let scheduler = &scheduler;
                    move || scheduler.give_way(thread)
                });
                while scheduler.state.lock().long <= thread {
                    std::thread::yield_now();
                }
            }
            // The last thread: nobody may keep it for long.
            for _ in 0..2 {
                let work = scheduler.next(most).unwrap();
                assert_eq!(scheduler.give_way(most), Err(Deferred));
                scheduler.done(work, Pace::Deferred);
            }
            let mut state = scheduler.state.lock();
            assert!(scheduler.take(&mut state, most).is_none(), "what was deferred waits for room");
            assert_eq!(state.waiting, 3);
            drop(state);
            scheduler.push(event("quick", 1));
            let quick = scheduler.next(most).unwrap();
            assert_eq!(quick.event.chat.as_ref().unwrap().id, "quick");
            scheduler.done(quick, Pace::Normal);
            scheduler.abandon();
            for work in works {
                scheduler.done(work, Pace::Deferred);
            }
        });
        scheduler.close();
        assert!(scheduler.next(0).is_none() && scheduler.is_idle());
        let state = scheduler.state.lock();
        assert_eq!((state.turns, state.long, state.working, state.waiting), (0, 0, 0, 0));
    }

    #[test]
    fn a_slow_chat_gets_its_turn_while_others_never_end() {
        let scheduler = Scheduler::new(1);
        scheduler.push(event("slow", 0));
        scheduler.push(event("slow", 1));
        let work = scheduler.next(0).unwrap();
        scheduler.done(work, Pace::Slow);
        scheduler.push(event("busy", 2));
        let slow = (0..limits::SLOW_TURN * 2).any(|seq| {
            scheduler.push(event("busy", 3 + seq));
            let work = scheduler.next(0).unwrap();
            let slow = work.event.seq == Seq(1);
            scheduler.done(work, Pace::Normal);
            slow
        });
        assert!(slow);
    }

    #[test]
    fn only_as_many_threads_are_called_as_can_work() {
        let scheduler = Scheduler::new(2);
        std::thread::scope(|scope| {
            for thread in 0..scheduler.threads() {
                let scheduler = &scheduler;
                scope.spawn(move || {
                    while let Some(work) = scheduler.next(thread) {
                        scheduler.done(work, Pace::Normal);
                    }
                });
            }
            let settled = || {
                let state = scheduler.state.lock();
                state.idle.len() == scheduler.threads() && state.chats.is_empty()
            };
            while !settled() {
                std::thread::yield_now();
            }
            let first = *scheduler.state.lock().idle.last().unwrap();
            let mut state = scheduler.state.lock();
            for chat in ["a", "b", "c"] {
                let address = Arc::new(event(chat, 1).address());
                state
                    .chats
                    .insert(address.clone(), Chat { events: [event(chat, 1)].into(), ..Chat::default() });
                state.ready.push_back(address);
                state.waiting += 1;
                scheduler.call_one(&mut state);
            }
            assert_eq!((state.called, state.idle.len()), (2, scheduler.threads() - 2));
            assert!(!state.idle.contains(&first), "the last one to wait is called first");
            drop(state);
            while !settled() {
                std::thread::yield_now();
            }
            scheduler.close();
        });
        assert_eq!(scheduler.state.lock().called, 0);
    }

    #[tokio::test]
    async fn a_full_chat_makes_its_reporter_wait_and_nobody_else() {
        let scheduler = Arc::new(Scheduler::new(1));
        for seq in 0..limits::CHAT_QUEUE as u64 {
            scheduler.push(event("a", seq));
        }
        scheduler.room(&event("b", 0).address()).await;
        let waiting = tokio::spawn({
            let scheduler = scheduler.clone();
            async move { scheduler.room(&event("a", 0).address()).await }
        });
        tokio::task::yield_now().await;
        assert!(!waiting.is_finished());
        let work = scheduler.next(0).unwrap();
        scheduler.done(work, Pace::Normal);
        waiting.await.unwrap();
    }

    #[test]
    fn what_is_abandoned_is_not_handled_and_keeps_nobody() {
        let scheduler = Scheduler::new(1);
        for (chat, seq) in [("a", 1), ("a", 2), ("b", 3)] {
            scheduler.push(event(chat, seq));
        }
        let work = scheduler.next(0).unwrap();
        scheduler.abandon();
        scheduler.push(event("a", 4));
        scheduler.close();
        scheduler.done(work, Pace::Normal);
        assert!(scheduler.next(0).is_none());
        assert!(scheduler.is_idle() && scheduler.waiting() == 0);
    }

    #[test]
    fn closing_lets_threads_end_after_the_last_event() {
        let scheduler = Scheduler::new(1);
        scheduler.push(event("a", 1));
        scheduler.close();
        let work = scheduler.next(0).unwrap();
        scheduler.done(work, Pace::Normal);
        assert!(scheduler.next(0).is_none());
    }
}
