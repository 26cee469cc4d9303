//! All the store's limits and times, and the reasons for them.

use std::time::Duration;

/// Batches in one transaction. Past a few hundred a commit's own cost is spread thin enough; more would
/// only let the first of them wait longer.
pub(crate) const GROUP_BATCHES: usize = 1_000;

/// Bytes in one transaction, so that the write-ahead log is not blown up by one commit.
pub(crate) const GROUP_BYTES: usize = 4 * 1024 * 1024;

/// How long SQLite itself waits for a lock before it says busy; it polls, so longer is not slower.
pub(crate) const LOCK_WAIT: Duration = Duration::from_secs(5);

/// How long the writer waits before it tries again what did not work for a reason that passes.
pub(crate) const AGAIN: Duration = Duration::from_secs(1);

/// Pages of the write-ahead log before it is folded into the database: 16 MiB. SQLite's own 4 MiB would
/// have every full group pay for a checkpoint.
pub(crate) const CHECKPOINT_PAGES: i64 = 4_000;

/// The write-ahead log's file is cut back to this after a checkpoint.
pub(crate) const LOG_BYTES: i64 = 64 * 1024 * 1024;

/// The writer's page cache in KiB: the inner pages of the tables and the busy leaves of `kv`.
pub(crate) const WRITER_CACHE_KIB: i64 = 16 * 1024;

/// Statements that a connection keeps compiled; there are fewer than this.
pub(crate) const STATEMENTS: usize = 64;

/// Idle read connections that a store keeps for occasional readers.
pub(crate) const IDLE_READERS: usize = 4;

/// Waiting events that recovery holds in memory at a time.
pub(crate) const RECOVERY_PAGE: u32 = 256;

/// Events handled before it is noted how far all are: so many rows more are looked at when the database is opened.
pub(crate) const NOTE_HANDLED: u32 = 1_000;

/// Rows removed in one batch when old ones are pruned, so that no event waits long behind them.
pub(crate) const PRUNE_ROWS: u32 = 250;

/// Calls with an `Idempotency-Key` that are remembered; the oldest go: 5 MiB at half a KiB each.
pub(crate) const IDEMPOTENT_CALLS: i64 = 10_000;

/// Dead letters that are kept; the oldest go. At 1 KiB each this is 100 MiB, months of what a person could look at.
pub(crate) const DEAD_LETTERS: i64 = 100_000;

/// Entries of the audit that are kept of each who asks: at 300 bytes each 15 MB of what one was refused, at 3 KiB, which is the
/// very most, a sixth of what the database may hold by default. The outbox is pruned with its events.
pub(crate) const AUDIT_ENTRIES: i64 = 50_000;

/// Entries of one actor after which it is looked whether there are too many: a millisecond, spread over so many writes.
pub(crate) const AUDIT_LOOK: u32 = 500;

/// Entries that go at once if there are: more than come in between two looks.
pub(crate) const AUDIT_CLEARED: u32 = 2 * AUDIT_LOOK;

/// Numbers that one look into the audit goes through at most: some 50 ms; whoever wants more goes on from there.
pub(crate) const AUDIT_LOOKED_AT: i64 = 100_000;

/// By how much a clock may have been set back without entries being missed that are asked for by time, milliseconds.
pub(crate) const AUDIT_TIME_SLACK_MS: i64 = 3_600_000;

/// Newest events among which the last ones of a chat are looked for: events have no index by chat, which would cost every one.
pub(crate) const EVENTS_LOOKED_AT: i64 = 100_000;
