//! What a host keeps: the journal, the state of the scripts, the outbox, timers and audit, in one SQLite
//! file. The runtime writes it, the API reads it, and people look inside with `sqlite3`.
//!
//! **Invariants**
//! - A [`Batch`] takes effect wholly or not at all. A commit may carry many batches, never part of one.
//! - Batches take effect in the order in which they were handed in; completions run in that order too.
//! - An event is handled once: [`Write::Handled`] is refused for one that does not wait.
//! - After the process is killed, whatever was reported as written is there, and [`Recovery`] names all that
//!   was left undone.
//! - One file has one host, by a lock on `FILE.lock`. Any program may read it at any time.
//!
//! # Layout
//! - `store`: [`Store`], the one thing that others hold
//! - `batch`: [`Batch`] and [`Write`], what can be written
//! - `journal`, `kv`, `outbox`, `timers`, `deliveries`, `audit`, `dead_letters`, `idempotency`: each a subject's types, how its
//!   tables are read ([`Reader`]) and how they are written
//! - `reader`: read connections; `refused`: what scripts were refused, counted; `tables`: the write connection
//! - `queue`, `writer`: what waits to be written, and the thread that commits it in groups
//! - `pruning`: what is old and done with goes, in small steps ([`Sweep`])
//! - `recovery`: [`Recovery`], what a host finds when it opens its database
//! - `claim`, `schema`: one host per file; its versions
//! - `error`: [`StoreError`], what can go wrong; `limits`: every limit and its reason
//!
//! # Schema
//! ```sql
#![doc = include_str!("schema/v1.sql")]
#![doc = include_str!("schema/v2.sql")]
#![doc = include_str!("schema/v3.sql")]
#![doc = include_str!("schema/v4.sql")]
#![doc = include_str!("schema/v5.sql")]
#![doc = include_str!("schema/v6.sql")]
//! ```

mod audit;
mod batch;
mod claim;
mod dead_letters;
mod deliveries;
mod error;
mod idempotency;
mod journal;
mod kv;
mod limits;
mod outbox;
mod pruning;
mod queue;
mod reader;
mod recovery;
mod refused;
mod schema;
mod store;
mod tables;
mod timers;
mod writer;

pub use audit::{AuditEntry, AuditFilter, AuditPage, AuditRow};
pub use batch::{Batch, Write};
pub use dead_letters::DeadLetter;
pub use deliveries::Delivery;
pub use error::StoreError;
pub use idempotency::{IdempotencyKey, IdempotentCall};
pub use journal::Handled;
pub use kv::{KvExpired, KvPlaced, KvRow, KvTotals, SHARED_SCOPE};
pub use outbox::{OutboxRow, OutboxState};
pub use pruning::Sweep;
pub use reader::Reader;
pub use recovery::{Recovery, Unhandled};
pub use store::{Durability, Store};
pub use timers::Timer;

#[cfg(test)]
mod tests;
