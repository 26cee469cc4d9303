//! The journal: events in the order of their numbers, and whether they are handled.

use mynah_model::address::Address;
use mynah_model::clock::UnixMs;
use mynah_model::event::Event;
use mynah_model::names::{ActNumber, Seq};
use rusqlite::Row;

use crate::batch::Columns;
use crate::error::{StoreError, loaded, stored_seq};
use crate::limits::{EVENTS_LOOKED_AT, NOTE_HANDLED};
use crate::reader::Reader;
use crate::tables::Tables;

/// How an event was handled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Handled {
    /// By the host's clock.
    pub at: UnixMs,
    /// JSON text: which scripts were called, as it was written.
    pub calls: String,
}

/// Whether a row of `events` is one that was handled, or that nobody needs to handle.
macro_rules! is_handled {
    () => {
        "(unwanted IS NOT NULL OR EXISTS (SELECT 1 FROM handled WHERE handled.seq = events.seq))"
    };
}

pub(crate) use is_handled;

/// Whether a row of `events` waits.
macro_rules! waits {
    () => {
        concat!(
            "seq >= coalesce((SELECT CAST(value AS INTEGER) FROM meta WHERE key = 'store.handled_before'), 0) AND NOT ",
            is_handled!()
        )
    };
}

impl Reader {
    /// An event.
    pub fn event(&self, seq: Seq) -> Result<Option<Event>, StoreError> {
        self.one("SELECT seq, event FROM events WHERE seq = ?1", [stored_seq(seq)?], read_event)
    }

    /// At most `limit` events from `from` on, `from` among them.
    pub fn events(&self, from: Seq, limit: u32) -> Result<Vec<Event>, StoreError> {
        self.all(
            "SELECT seq, event FROM events WHERE seq >= ?1 ORDER BY seq LIMIT ?2",
            (stored_seq(from)?, limit),
            read_event,
        )
    }

    /// At most `limit` events of an address before one, newest first, but for messages that were sent and results that were told.
    /// Only the newest events of the host are looked at.
    pub fn events_before(
        &self,
        address: &Address,
        before: Seq,
        limit: u32,
    ) -> Result<Vec<Event>, StoreError> {
        let before = stored_seq(before)?;
        self.all(
            "SELECT seq, event FROM events WHERE seq < ?1 AND seq >= ?2 AND address = ?3
             AND kind NOT IN ('message-sent', 'action-result') ORDER BY seq DESC LIMIT ?4",
            (before, before.saturating_sub(EVENTS_LOOKED_AT), address.to_string(), limit),
            read_event,
        )
    }

    /// How an event was handled; `None` if it waits, or is not in the journal. One that no script wanted was handled by
    /// nobody when it came.
    pub fn handled(&self, seq: Seq) -> Result<Option<Handled>, StoreError> {
        self.one(
            "SELECT handled_at, calls FROM handled WHERE seq = ?1
             UNION ALL SELECT received_at, '[]' FROM events WHERE seq = ?1 AND unwanted IS NOT NULL",
            [stored_seq(seq)?],
            |row| Ok(Handled { at: row.get(0)?, calls: row.get(1)? }),
        )
    }

    /// How many events wait to be handled.
    pub fn waiting(&self) -> Result<u64, StoreError> {
        let sql = concat!("SELECT count(*) FROM events WHERE ", waits!());
        Ok(loaded(self.one(sql, [], |row| Ok(row.get(0)?))?.unwrap_or(0)))
    }

    /// When the event that waits for longest was received.
    pub fn oldest_waiting(&self) -> Result<Option<UnixMs>, StoreError> {
        let sql = concat!("SELECT received_at FROM events WHERE ", waits!(), " ORDER BY seq LIMIT 1");
        self.one(sql, [], |row| Ok(row.get(0)?))
    }

    /// The number of the last event that was ever journalled; 0 if there was none.
    pub(crate) fn last_seq(&self) -> Result<Seq, StoreError> {
        self.last("SELECT max(seq) FROM events", LAST_SEQ).map(Seq)
    }

    /// The number of the last act that was ever decided, or of the last entry of the audit; 0 if there was none.
    pub(crate) fn last_act(&self) -> Result<ActNumber, StoreError> {
        self.last("SELECT max(number) FROM (SELECT max(number) AS number FROM outbox UNION ALL SELECT max(number) FROM audit)", LAST_ACT).map(ActNumber)
    }

    /// The highest number in a table, or the highest that was pruned from it.
    fn last(&self, sql: &str, pruned: &str) -> Result<u64, StoreError> {
        let kept: Option<i64> = self.one(sql, [], |row| Ok(row.get(0)?))?.flatten();
        let pruned = match self.meta(pruned)? {
            Some(text) => text.parse().map_err(|error| StoreError::unreadable("meta", pruned, error))?,
            None => 0,
        };
        Ok(loaded(kept.unwrap_or(0)).max(pruned))
    }

    /// At most `limit` waiting events after `after`, up to `last`, with their numbers: one that cannot be
    /// read does not keep the others back.
    pub(crate) fn waiting_events(
        &self,
        after: Seq,
        last: Seq,
        limit: u32,
    ) -> Result<WaitingPage, StoreError> {
        self.all(
            concat!(
                "SELECT seq, event FROM events WHERE seq > ?1 AND seq <= ?2 AND ",
                waits!(),
                " ORDER BY seq LIMIT ?3"
            ),
            (stored_seq(after)?, stored_seq(last)?, limit),
            |row| Ok((Seq(loaded(row.get(0)?)), read_event(row))),
        )
    }
}

/// Whether a script wants an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wanted {
    /// It waits to be handled.
    Yes,
    /// It is only kept.
    No,
}

/// Waiting events and their numbers.
pub(crate) type WaitingPage = Vec<(Seq, Result<Event, StoreError>)>;

/// Where the numbers are kept that pruning took out of the tables, so that none is given again.
pub(crate) const LAST_SEQ: &str = "store.last_seq";
pub(crate) const LAST_ACT: &str = "store.last_act";

/// The first event that may wait: those before it are handled.
const HANDLED_BEFORE: &str = "store.handled_before";

/// Reads columns `seq, event`.
fn read_event(row: &Row<'_>) -> Result<Event, StoreError> {
    let seq: i64 = row.get(0)?;
    let json = row.get_ref(1)?.as_str().map_err(|error| StoreError::unreadable("events", seq, error))?;
    serde_json::from_str(json).map_err(|error| StoreError::unreadable("events", seq, error))
}

impl Tables {
    pub(crate) fn journal(
        &mut self,
        event: &Event,
        columns: &Columns,
        wanted: Wanted,
    ) -> Result<(), StoreError> {
        let seq = stored_seq(event.seq)?;
        let unwanted = (wanted == Wanted::No).then_some(1);
        let added = self.run(
            "INSERT INTO events (seq, received_at, address, kind, event, unwanted) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
            (seq, event.received_at, &columns.address, &columns.label, &columns.json, unwanted),
        );
        added.map_err(|error| match StoreError::is_duplicate(&error) {
            true => StoreError::EventKnown { seq: event.seq },
            false => error.into(),
        })?;
        Ok(())
    }

    pub(crate) fn handled(&mut self, seq: Seq, at: UnixMs, calls: &str) -> Result<(), StoreError> {
        let added = self.run(
            "INSERT INTO handled (seq, handled_at, calls) SELECT seq, ?2, ?3 FROM events
             WHERE seq = ?1 AND unwanted IS NULL",
            (stored_seq(seq)?, at, calls),
        );
        match added {
            Ok(0) => Err(StoreError::NotWaiting { seq }),
            Err(error) if StoreError::is_duplicate(&error) => Err(StoreError::NotWaiting { seq }),
            Err(error) => Err(error.into()),
            Ok(_) => {
                self.handled_since += 1;
                Ok(())
            }
        }
    }

    /// Notes now and then, within the transaction of those who wrote, how far all events are handled, so that a host that
    /// opens the database looks for those that wait at the end only.
    pub(crate) fn note_handled(&mut self) -> Result<(), StoreError> {
        if self.handled_since < NOTE_HANDLED {
            return Ok(());
        }
        self.handled_since = 0;
        let first_waiting = self.number(
            concat!(
                "SELECT coalesce((SELECT seq FROM events WHERE ",
                waits!(),
                " ORDER BY seq LIMIT 1), (SELECT max(seq) + 1 FROM events), 0)"
            ),
            [],
        )?;
        self.set_meta(HANDLED_BEFORE, &first_waiting.to_string())
    }
}
