//! What waits to be written, in the order in which it came.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering};

use parking_lot::{Condvar, Mutex};

use crate::batch::EncodedBatch;
use crate::error::StoreError;
use crate::limits::{AGAIN, GROUP_BATCHES, GROUP_BYTES};

/// Told once, whatever happens, how a batch ended.
pub(crate) type Done = Box<dyn FnOnce(Result<(), StoreError>) + Send>;

/// A batch and who waits for it.
pub(crate) struct Job {
    /// The batch, or why it cannot be written: even then it is completed in its turn.
    pub(crate) batch: Result<EncodedBatch, StoreError>,
    pub(crate) done: Done,
}

impl Job {
    fn bytes(&self) -> usize {
        self.batch.as_ref().map_or(0, |batch| batch.bytes)
    }

    fn changes_something(&self) -> bool {
        self.batch.as_ref().map_or(true, |batch| batch.bytes > 0)
    }
}

/// The queue between everybody and the writer.
#[derive(Default)]
pub(crate) struct Queue {
    state: Mutex<State>,
    filled: Condvar,
    closes: Condvar,
    /// Batches that are not completed yet: those in the queue and those with the writer.
    open: AtomicUsize,
}

#[derive(Default)]
struct State {
    jobs: VecDeque<Job>,
    /// Jobs that were ever queued and change something.
    changes: u64,
    /// Whether somebody waits for one of the jobs. Until then they are left to gather.
    due: bool,
    /// Whether the writer waits to be told so.
    idle: bool,
    closed: bool,
    /// Why nothing can be written now.
    stalled: Option<StoreError>,
}

impl Queue {
    /// Adds a job; on a closed queue it is handed back. Unless it is due now, it waits for one that is.
    pub(crate) fn push(&self, job: Job, due: bool) -> Result<(), Job> {
        let mut state = self.state.lock();
        if state.closed {
            return Err(job);
        }
        self.open.fetch_add(1, Ordering::Relaxed);
        state.changes += u64::from(job.changes_something());
        state.jobs.push_back(job);
        state.due |= due;
        self.tell(&mut state);
        Ok(())
    }

    /// All that is in the queue is due now.
    pub(crate) fn flush(&self) {
        let mut state = self.state.lock();
        state.due = !state.jobs.is_empty();
        self.tell(&mut state);
    }

    fn tell(&self, state: &mut State) {
        if state.due && std::mem::take(&mut state.idle) {
            self.filled.notify_one();
        }
    }

    /// Waits for jobs and takes as many as one transaction holds. `None` once the queue is closed and empty.
    pub(crate) fn take(&self) -> Option<Vec<Job>> {
        let mut state = self.state.lock();
        while !state.due {
            match (state.closed, state.jobs.is_empty()) {
                (true, true) => return None,
                (true, false) => break,
                (false, _) => {}
            }
            state.idle = true;
            self.filled.wait(&mut state);
        }
        let mut group = Vec::with_capacity(state.jobs.len().min(GROUP_BATCHES));
        let mut bytes = 0;
        while group.len() < GROUP_BATCHES && bytes < GROUP_BYTES {
            let Some(job) = state.jobs.pop_front() else { break };
            bytes += job.bytes();
            group.push(job);
        }
        // Whatever is left was there together with what was due.
        state.due = !state.jobs.is_empty();
        Some(group)
    }

    /// Notes that nothing can be written and waits for a while; `false` if the queue is closed: then there is no time left.
    pub(crate) fn stall(&self, error: &StoreError) -> bool {
        let mut state = self.state.lock();
        if state.stalled.replace(error.clone()).is_none() {
            let source = std::error::Error::source(error).map(ToString::to_string).unwrap_or_default();
            tracing::error!(%error, source, "nothing can be recorded; it is tried again until it works");
        }
        if !state.closed {
            self.closes.wait_for(&mut state, AGAIN);
        }
        !state.closed
    }

    /// Something was written.
    pub(crate) fn flows(&self) {
        if self.state.lock().stalled.take().is_some() {
            tracing::info!("what waited is recorded now");
        }
    }

    /// Why nothing can be written now.
    pub(crate) fn stalled(&self) -> Option<StoreError> {
        self.state.lock().stalled.clone()
    }

    /// Counts a job as completed.
    pub(crate) fn completed(&self) {
        self.open.fetch_sub(1, Ordering::Relaxed);
    }

    /// Batches that are not completed yet.
    pub(crate) fn open(&self) -> usize {
        self.open.load(Ordering::Relaxed)
    }

    /// Batches that were ever queued and change something.
    pub(crate) fn changes(&self) -> u64 {
        self.state.lock().changes
    }

    /// Takes no more jobs. Those that are in it will still be taken.
    pub(crate) fn close(&self) {
        self.state.lock().closed = true;
        self.filled.notify_all();
        self.closes.notify_all();
    }

    /// Takes no more jobs, and gives back those that nobody will take.
    pub(crate) fn abandon(&self) -> Vec<Job> {
        self.close();
        self.state.lock().jobs.drain(..).collect()
    }
}
