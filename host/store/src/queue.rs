//! What waits to be written, in the order in which it came.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering};

use parking_lot::{Condvar, Mutex};

use crate::batch::{EncodedBatch, Line};
use crate::error::StoreError;
use crate::limits::{GROUP_BATCHES, GROUP_BYTES};

/// Told once, whatever happens, how a batch ended.
pub(crate) type Done = Box<dyn FnOnce(Result<(), StoreError>) + Send>;

/// A batch and who waits for it.
pub(crate) struct Job {
    /// The batch, or why it cannot be written: even then it is completed in its turn.
    pub(crate) batch: Result<EncodedBatch, StoreError>,
    /// The lines it stands in.
    pub(crate) lines: Vec<Line>,
    /// Whether it mends them.
    pub(crate) mends: bool,
    pub(crate) done: Done,
}

impl Job {
    fn bytes(&self) -> usize {
        self.batch.as_ref().map_or(0, |batch| batch.bytes)
    }
}

/// The queue between everybody and the writer.
#[derive(Default)]
pub(crate) struct Queue {
    state: Mutex<State>,
    filled: Condvar,
    /// Batches that are not completed yet: those in the queue and those with the writer.
    open: AtomicUsize,
}

#[derive(Default)]
struct State {
    jobs: VecDeque<Job>,
    closed: bool,
}

impl Queue {
    /// Adds a job; on a closed queue it is handed back.
    pub(crate) fn push(&self, job: Job) -> Result<(), Job> {
        let mut state = self.state.lock();
        if state.closed {
            return Err(job);
        }
        self.open.fetch_add(1, Ordering::Relaxed);
        state.jobs.push_back(job);
        // The writer takes all that is there: only an empty queue can keep it waiting.
        if state.jobs.len() == 1 {
            self.filled.notify_one();
        }
        Ok(())
    }

    /// Waits for jobs and takes as many as one transaction holds. `None` once the queue is closed and empty.
    pub(crate) fn take(&self) -> Option<Vec<Job>> {
        let mut state = self.state.lock();
        while state.jobs.is_empty() {
            if state.closed {
                return None;
            }
            self.filled.wait(&mut state);
        }
        let mut group = Vec::with_capacity(state.jobs.len().min(GROUP_BATCHES));
        let mut bytes = 0;
        while group.len() < GROUP_BATCHES && bytes < GROUP_BYTES {
            let Some(job) = state.jobs.pop_front() else { break };
            bytes += job.bytes();
            group.push(job);
        }
        Some(group)
    }

    /// Counts a job as completed.
    pub(crate) fn completed(&self) {
        self.open.fetch_sub(1, Ordering::Relaxed);
    }

    /// Batches that are not completed yet.
    pub(crate) fn open(&self) -> usize {
        self.open.load(Ordering::Relaxed)
    }

    /// Takes no more jobs. Those that are in it will still be taken.
    pub(crate) fn close(&self) {
        self.state.lock().closed = true;
        self.filled.notify_all();
    }

    /// Takes no more jobs, and gives back those that nobody will take.
    pub(crate) fn abandon(&self) -> Vec<Job> {
        self.close();
        self.state.lock().jobs.drain(..).collect()
    }
}
