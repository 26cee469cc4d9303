//! The thread that writes: takes what is queued, commits it together, tells everybody how it went.

use std::collections::HashSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use crate::batch::{EncodedBatch, Line};
use crate::claim::Claim;
use crate::error::StoreError;
use crate::limits::LOCK_TRIES;
use crate::queue::{Done, Job, Queue};
use crate::tables::Tables;

/// Writes until the queue is closed and empty. The claim on the file is let go of last.
pub(crate) fn run(mut tables: Tables, queue: Arc<Queue>, claim: Claim) {
    let leftover = Leftover(&queue);
    let mut lines = Lines::default();
    while let Some(group) = queue.take() {
        let results = commit(&mut tables, &mut lines, &group);
        for (job, result) in group.into_iter().zip(results) {
            queue.completed();
            complete(job.done, result);
        }
    }
    drop(leftover);
    tables.close();
    drop(claim);
}

/// Should the thread end before its time, nobody waits for it in vain.
struct Leftover<'a>(&'a Queue);

impl Drop for Leftover<'_> {
    fn drop(&mut self) {
        for job in self.0.abandon() {
            self.0.completed();
            complete(job.done, Err(StoreError::Closed));
        }
    }
}

/// A completion is somebody else's code: its panic is not the writer's end.
fn complete(done: Done, result: Result<(), StoreError>) {
    if catch_unwind(AssertUnwindSafe(|| done(result))).is_err() {
        tracing::error!("a completion of a write panicked; the writer goes on");
    }
}

/// The lines in which something was not written.
#[derive(Default, Clone)]
struct Lines(HashSet<Line>);

impl Lines {
    /// Whether a job may be written at its turn.
    fn admit(&mut self, job: &Job) -> Result<(), StoreError> {
        if job.mends {
            self.0.retain(|line| !job.lines.contains(line));
        }
        match job.lines.iter().any(|line| self.0.contains(line)) {
            true => Err(StoreError::Behind),
            false => Ok(()),
        }
    }

    /// Notes how a job ended.
    fn ended(&mut self, job: &Job, result: &Result<(), StoreError>) {
        if result.is_err() {
            self.0.extend(job.lines.iter().cloned());
        }
    }
}

/// Commits a group in one transaction; if that does not work, each batch in its own, so that a batch that
/// cannot be written fails alone. One result for each job.
fn commit(tables: &mut Tables, lines: &mut Lines, group: &[Job]) -> Vec<Result<(), StoreError>> {
    // What would be written if nothing fails.
    let mut hoped = lines.clone();
    let mut writable = Vec::with_capacity(group.len());
    for job in group {
        let batch = hoped.admit(job).and_then(|()| job.batch.as_ref().map_err(StoreError::clone));
        hoped.ended(job, &batch.as_ref().map(|_| ()).map_err(StoreError::clone));
        writable.extend(batch);
    }
    let together = transaction(tables, &writable);
    if let Err(error) = &together {
        tracing::warn!(%error, source = source(error), batches = writable.len(), "a commit failed");
    }
    let alone = match &together {
        Err(StoreError::Busy { .. }) | Ok(()) => false,
        Err(_) => writable.len() > 1,
    };
    let result = |job: &Job| {
        let result = lines.admit(job).and_then(|()| match &job.batch {
            Err(error) => Err(error.clone()),
            Ok(batch) if alone => transaction(tables, &[batch]),
            Ok(_) => together.clone(),
        });
        lines.ended(job, &result);
        result
    };
    group.iter().map(result).collect()
}

fn source(error: &StoreError) -> String {
    std::error::Error::source(error).map(ToString::to_string).unwrap_or_default()
}

fn transaction(tables: &mut Tables, batches: &[&EncodedBatch]) -> Result<(), StoreError> {
    if batches.is_empty() {
        return Ok(());
    }
    begin(tables)?;
    let applied = batches.iter().try_for_each(|batch| batch.apply(tables));
    let committed = applied.and_then(|()| Ok(tables.run("COMMIT", []).map(drop)?));
    // SQLite itself rolls back after some errors, and a failed commit leaves the transaction open.
    if committed.is_err()
        && !tables.conn.is_autocommit()
        && let Err(error) = tables.run("ROLLBACK", [])
    {
        tracing::error!(%error, "a failed transaction could not be rolled back");
    }
    committed
}

/// Begins a transaction, with the write lock: after that, no other connection can be in the way.
fn begin(tables: &Tables) -> Result<(), StoreError> {
    let mut tries = 1;
    loop {
        match tables.run("BEGIN IMMEDIATE", []).map_err(StoreError::from) {
            Err(error @ StoreError::Busy { .. }) if tries < LOCK_TRIES => {
                tracing::warn!(%error, "waiting for the database");
                tries += 1;
            }
            result => return result.map(drop),
        }
    }
}
