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
//!
//! `turns` has what concerns the slow ones.

mod turns;

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::Instant;

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
mod tests;
