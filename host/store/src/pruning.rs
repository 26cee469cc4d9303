//! What is old and done with goes: handled events with the acts that were decided on them, the audit, dead letters.
//!
//! What is removed in one transaction is bounded, and between two of them others write. A sweep can be given up at any step.

use mynah_model::clock::UnixMs;
use mynah_model::names::Seq;

use crate::batch::Write;
use crate::error::{StoreError, loaded, stored_seq};
use crate::journal::{LAST_ACT, LAST_SEQ, is_handled};
use crate::limits::PRUNE_ROWS;
use crate::reader::Reader;
use crate::store::Store;
use crate::tables::Tables;

/// How far a sweep has come. A new one begins at the oldest event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sweep {
    next: Seq,
}

impl Default for Sweep {
    fn default() -> Self {
        Self { next: Seq(0) }
    }
}

impl Store {
    /// A step of a sweep: removes some of what was received, noted down or ended before a time; whether there may be more.
    ///
    /// An event stays while it waits, while an act that was decided on it has not ended, and while a report of it waits for
    /// a webhook, is still to be made, or lies among the dead letters unmade. Timers hold all that they need themselves.
    pub async fn prune(&self, sweep: &mut Sweep, before: UnixMs) -> Result<bool, StoreError> {
        let (page, notes) =
            self.read(|reader| Ok((reader.handled_page(sweep.next)?, reader.any_note_before(before)?)))?;
        if notes {
            self.write_durable(Write::PruneNotes { before }.into()).await?;
        }
        let Some(page) = page.filter(|page| page.received_at < before) else { return Ok(notes) };
        let from = std::mem::replace(&mut sweep.next, page.end);
        self.write_durable(Write::PruneEvents { from, to: page.end, before }.into()).await?;
        Ok(true)
    }
}

/// Some handled events that follow each other.
struct HandledPage {
    /// When the first of them was received.
    received_at: UnixMs,
    /// The number after the last of them.
    end: Seq,
}

impl Reader {
    /// Bytes of the database that hold something. What was removed leaves room that is used again, not a smaller file.
    pub fn used_bytes(&self) -> Result<u64, StoreError> {
        let pages = self.one(
            "SELECT (page_count - freelist_count) * page_size
             FROM pragma_page_count, pragma_freelist_count, pragma_page_size",
            [],
            |row| Ok(loaded(row.get(0)?)),
        )?;
        Ok(pages.unwrap_or(0))
    }

    /// The time before which about one step's rows are: of the handled events that a sweep has not come to, or of the audit if
    /// that reaches further back.
    pub fn oldest(&self, sweep: &Sweep) -> Result<Option<UnixMs>, StoreError> {
        let time = |sql: &str| {
            self.one(sql, (PRUNE_ROWS, stored_seq(sweep.next)?), |row| Ok(row.get::<_, Option<UnixMs>>(0)?))
        };
        let event = time(concat!(
            "SELECT max(received_at) FROM (SELECT received_at FROM events WHERE seq >= ?2 AND ",
            is_handled!(),
            " ORDER BY seq LIMIT ?1)"
        ))?;
        let note = time("SELECT max(at) FROM (SELECT at FROM audit WHERE ?2 >= 0 ORDER BY number LIMIT ?1)")?;
        Ok(event.flatten().into_iter().chain(note.flatten()).min().map(|at| at.saturating_add(1)))
    }

    fn handled_page(&self, from: Seq) -> Result<Option<HandledPage>, StoreError> {
        self.one(
            concat!(
                "SELECT min(received_at), max(seq) + 1 FROM (SELECT seq, received_at FROM events WHERE seq >= ?1 AND ",
                is_handled!(),
                " ORDER BY seq LIMIT ?2) HAVING count(*) > 0"
            ),
            (stored_seq(from)?, PRUNE_ROWS),
            |row| Ok(HandledPage { received_at: row.get(0)?, end: Seq(loaded(row.get(1)?)) }),
        )
    }

    fn any_note_before(&self, before: UnixMs) -> Result<bool, StoreError> {
        let any = self.one(
            "SELECT (SELECT at FROM audit ORDER BY number LIMIT 1) < ?1
                 OR (SELECT at FROM dead_letters ORDER BY id LIMIT 1) < ?1
                 OR EXISTS (SELECT 1 FROM outbox WHERE cause IS NULL AND ended_at < ?1)",
            [before],
            |row| Ok(row.get::<_, Option<bool>>(0)?),
        )?;
        Ok(any.flatten().unwrap_or(false))
    }
}

/// The handled events of a range that were received before a time and that nothing needs any more. `account` is what stands in
/// an address before its first `/`.
const DONE_WITH: &str = concat!(
    "SELECT seq FROM (
        SELECT seq, address, substr(address, 1, instr(address || '/', '/') - 1) AS account
        FROM events WHERE seq >= ?1 AND seq < ?2 AND received_at < ?3 AND ",
    is_handled!(),
    ") AS old
    WHERE NOT EXISTS (SELECT 1 FROM outbox WHERE outbox.cause = old.seq AND ended_at IS NULL)
      AND NOT EXISTS (SELECT 1 FROM deliveries AS waiting WHERE waiting.account = old.account
                      AND waiting.address = old.address AND waiting.seq = old.seq)
      AND NOT EXISTS (SELECT 1 FROM webhooks WHERE webhooks.account = old.account AND next <= old.seq)
      AND NOT EXISTS (SELECT 1 FROM dead_letters AS letter WHERE letter.seq = old.seq
                      AND letter.address IS NOT NULL AND letter.report IS NULL)"
);

impl Tables {
    pub(crate) fn prune_events(&mut self, from: Seq, to: Seq, before: UnixMs) -> Result<(), StoreError> {
        self.keep_last_numbers()?;
        let old = {
            let mut statement = self.conn.prepare_cached(DONE_WITH)?;
            let rows = statement.query_map((stored_seq(from)?, stored_seq(to)?, before), |row| row.get(0))?;
            rows.collect::<Result<Vec<i64>, _>>()?
        };
        for seq in old {
            self.run("DELETE FROM outbox WHERE cause = ?1", [seq])?;
            self.run("DELETE FROM events WHERE seq = ?1", [seq])?;
            self.run("DELETE FROM handled WHERE seq = ?1", [seq])?;
        }
        Ok(())
    }

    pub(crate) fn prune_notes(&mut self, before: UnixMs) -> Result<(), StoreError> {
        self.keep_last_numbers()?;
        for sql in [
            "DELETE FROM audit WHERE at < ?1 AND number IN (SELECT number FROM audit ORDER BY number LIMIT ?2)",
            "DELETE FROM dead_letters WHERE at < ?1 AND id IN (SELECT id FROM dead_letters ORDER BY id LIMIT ?2)",
            "DELETE FROM outbox WHERE number IN
             (SELECT number FROM outbox WHERE cause IS NULL AND ended_at < ?1 LIMIT ?2)",
        ] {
            self.run(sql, (before, PRUNE_ROWS))?;
        }
        Ok(())
    }

    /// Notes the highest numbers down before their rows may go.
    fn keep_last_numbers(&self) -> Result<(), StoreError> {
        for (key, sql) in [
            (LAST_SEQ, "SELECT coalesce(max(seq), 0) FROM events"),
            (
                LAST_ACT,
                "SELECT max(coalesce((SELECT max(number) FROM outbox), 0), coalesce((SELECT max(number) FROM audit), 0))",
            ),
        ] {
            let last = self.number(sql, [])?;
            if last > 0 {
                self.run(
                    "INSERT INTO meta (key, value) VALUES (?1, ?2) ON CONFLICT DO UPDATE
                     SET value = max(CAST(value AS INTEGER), CAST(excluded.value AS INTEGER))",
                    (key, last.to_string()),
                )?;
            }
        }
        Ok(())
    }
}
