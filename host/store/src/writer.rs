//! The thread that writes: takes what is queued, commits it together, tells everybody how it went.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use crate::batch::EncodedBatch;
use crate::claim::Claim;
use crate::error::StoreError;
use crate::queue::{Done, Job, Queue};
use crate::tables::Tables;

/// Writes until the queue is closed and empty. The claim on the file is let go of last.
pub(crate) fn run(mut tables: Tables, queue: Arc<Queue>, claim: Claim) {
    let leftover = Leftover(&queue);
    while let Some(group) = queue.take() {
        let results = commit(&mut tables, &queue, &group);
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

/// Commits a group in one transaction; if one of its batches can never be written, each batch in its own, so that this
/// one fails alone. One result for each job.
fn commit(tables: &mut Tables, queue: &Queue, group: &[Job]) -> Vec<Result<(), StoreError>> {
    let writable: Vec<_> = group.iter().filter_map(|job| job.batch.as_ref().ok()).collect();
    let together = persist(tables, queue, &writable);
    if let Err(error) = &together {
        tracing::warn!(%error, source = source(error), batches = writable.len(), "a commit failed");
    }
    let alone = together.as_ref().is_err_and(|error| !error.passes()) && writable.len() > 1;
    let result = |job: &Job| match &job.batch {
        Err(error) => Err(error.clone()),
        Ok(batch) if alone => persist(tables, queue, &[batch]),
        Ok(_) => together.clone(),
    };
    group.iter().map(result).collect()
}

fn source(error: &StoreError) -> String {
    std::error::Error::source(error).map(ToString::to_string).unwrap_or_default()
}

/// Writes in one transaction, as soon as that is possible: all that is queued waits behind it, so that nothing overtakes what
/// it may rest on. Gives up only on a closed store.
fn persist(tables: &mut Tables, queue: &Queue, batches: &[&EncodedBatch]) -> Result<(), StoreError> {
    loop {
        let written = transaction(tables, batches);
        match &written {
            Err(error) if error.passes() && queue.stall(error) => {}
            Err(error) if error.passes() => return written,
            _ => {
                queue.flows();
                return written;
            }
        }
    }
}

fn transaction(tables: &mut Tables, batches: &[&EncodedBatch]) -> Result<(), StoreError> {
    if batches.is_empty() {
        return Ok(());
    }
    // With the write lock: after this no other connection can be in the way.
    tables.run("BEGIN IMMEDIATE", [])?;
    let applied = batches.iter().try_for_each(|batch| batch.apply(tables));
    let applied = applied.and_then(|()| tables.note_handled());
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
