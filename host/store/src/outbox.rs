//! The outbox: acts that were decided, and what became of them.

use std::fmt;

use mynah_model::action::{Act, Outcome};
use mynah_model::clock::UnixMs;
use mynah_model::names::{AccountName, ActNumber, Seq};
use rusqlite::Row;

use crate::batch::Columns;
use crate::error::{StoreError, loaded, stored, stored_act, stored_seq};
use crate::reader::Reader;
use crate::tables::Tables;

/// The columns that [`read_row`] reads.
macro_rules! columns {
    () => {
        "number, act, state, ended_at, code, text, message_id, done_order"
    };
}

/// How far an act has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OutboxState {
    /// It was not yet handed to the network.
    Decided,
    /// It was handed to the network and no answer has come yet. After a restart: nobody knows.
    Sending,
    /// It is over.
    Ended(Outcome),
}

impl OutboxState {
    const ALL: [Self; 9] = [
        Self::Decided,
        Self::Sending,
        Self::Ended(Outcome::Done),
        Self::Ended(Outcome::Failed),
        Self::Ended(Outcome::Refused),
        Self::Ended(Outcome::Unsupported),
        Self::Ended(Outcome::Unknown),
        Self::Ended(Outcome::Expired),
        Self::Ended(Outcome::DryRun),
    ];

    /// As it stands in the table.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Decided => "decided",
            Self::Sending => "sending",
            Self::Ended(Outcome::Done) => "done",
            Self::Ended(Outcome::Failed) => "failed",
            Self::Ended(Outcome::Refused) => "refused",
            Self::Ended(Outcome::Unsupported) => "unsupported",
            Self::Ended(Outcome::Unknown) => "unknown",
            Self::Ended(Outcome::Expired) => "expired",
            Self::Ended(Outcome::DryRun) => "dry-run",
        }
    }

    fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == text)
    }
}

impl fmt::Display for OutboxState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// An act and what became of it.
#[derive(Debug, Clone, PartialEq)]
pub struct OutboxRow {
    /// The act, as it was decided.
    pub act: Act,
    /// How far it has come.
    pub state: OutboxState,
    /// When it ended, by the host's clock.
    pub ended_at: Option<UnixMs>,
    /// A stable code, once it has ended; `ok` if it was done.
    pub code: Option<String>,
    /// One sentence for a person, once it has ended.
    pub text: Option<String>,
    /// The id of the message that was sent, if one was.
    pub message_id: Option<String>,
    /// Its place among the acts of its account that were done; `None` if it was not.
    pub done_order: Option<u64>,
}

impl Reader {
    /// An act and what became of it.
    pub fn act(&self, number: ActNumber) -> Result<Option<OutboxRow>, StoreError> {
        let sql = concat!("SELECT ", columns!(), " FROM outbox WHERE number = ?1");
        self.one(sql, [stored_act(number)?], read_row)
    }

    /// The acts that were decided on an event, in the order of their numbers.
    pub fn acts_of(&self, cause: Seq) -> Result<Vec<OutboxRow>, StoreError> {
        let sql = concat!("SELECT ", columns!(), " FROM outbox WHERE cause = ?1 ORDER BY number");
        self.all(sql, [stored_seq(cause)?], read_row)
    }

    /// What an account did since its last reset: at most `limit` acts that ended `done`, in the order in
    /// which they were done, with a `done_order` greater than `after` (0 for all).
    pub fn outbox_done(
        &self,
        account: &AccountName,
        after: u64,
        limit: u32,
    ) -> Result<Vec<OutboxRow>, StoreError> {
        let sql = concat!(
            "SELECT ",
            columns!(),
            " FROM outbox WHERE account = ?1 AND done_order > max(?2,
                coalesce((SELECT done_order FROM resets WHERE account = ?1), 0))
              ORDER BY done_order LIMIT ?3"
        );
        self.all(sql, (account.as_str(), stored("place", after)?, limit), read_row)
    }

    /// The act by which an account sent the message of this id, if it is among its newest `limit` that ended `done`.
    pub fn outbox_sent(
        &self,
        account: &AccountName,
        message_id: &str,
        limit: u32,
    ) -> Result<Option<OutboxRow>, StoreError> {
        let sql = concat!(
            "SELECT ",
            columns!(),
            " FROM (SELECT * FROM outbox WHERE account = ?1 AND done_order IS NOT NULL
                    ORDER BY done_order DESC LIMIT ?3)
              WHERE message_id = ?2 LIMIT 1"
        );
        self.one(sql, (account.as_str(), message_id, limit), read_row)
    }

    /// The acts that have not ended, in the order of their numbers.
    pub fn outbox_open(&self) -> Result<Vec<(Act, OutboxState)>, StoreError> {
        let sql = concat!("SELECT ", columns!(), " FROM outbox WHERE ended_at IS NULL ORDER BY number");
        self.all(sql, [], |row| read_row(row).map(|row| (row.act, row.state)))
    }
}

fn read_row(row: &Row<'_>) -> Result<OutboxRow, StoreError> {
    let number: i64 = row.get(0)?;
    let unreadable = |reason: String| StoreError::unreadable("outbox", number, reason);
    let json = row.get_ref(1)?.as_str().map_err(|error| unreadable(error.to_string()))?;
    let state: String = row.get(2)?;
    Ok(OutboxRow {
        act: serde_json::from_str(json).map_err(|error| unreadable(error.to_string()))?,
        state: OutboxState::parse(&state).ok_or_else(|| unreadable(format!("no such state: `{state}`")))?,
        ended_at: row.get(3)?,
        code: row.get(4)?,
        text: row.get(5)?,
        message_id: row.get(6)?,
        done_order: row.get::<_, Option<i64>>(7)?.map(loaded),
    })
}

/// The end of an act, but for its place among those that were done and the condition.
macro_rules! ended {
    () => {
        "UPDATE outbox SET state = ?2, code = ?3, text = ?4, message_id = ?5, ended_at = ?6"
    };
}

/// Which acts may still end.
macro_rules! still_open {
    () => {
        " WHERE number = ?1 AND (ended_at IS NULL OR state = 'unknown')"
    };
}

/// The highest place that an act of an account has, or had before it was pruned.
macro_rules! last_done {
    ($account:literal) => {
        concat!(
            "max(coalesce((SELECT max(done_order) FROM outbox AS done
               WHERE done.account = ",
            $account,
            " AND done_order IS NOT NULL), 0), coalesce((SELECT done_order FROM resets
               WHERE resets.account = ",
            $account,
            "), 0))"
        )
    };
}

/// How an act ended.
pub(crate) struct Ending<'a> {
    pub(crate) outcome: Outcome,
    pub(crate) code: &'a str,
    pub(crate) text: &'a str,
    pub(crate) message_id: Option<&'a str>,
}

impl Tables {
    pub(crate) fn decide(
        &mut self,
        act: &Act,
        state: OutboxState,
        columns: &Columns,
    ) -> Result<(), StoreError> {
        let added = self.run(
            "INSERT INTO outbox (number, state, address, account, action, actor, cause, decided_at, act)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
            (
                stored_act(act.number)?,
                state.as_str(),
                &columns.address,
                act.account.as_str(),
                act.body.name(),
                &columns.label,
                act.cause.map(stored_seq).transpose()?,
                act.decided_at,
                &columns.json,
            ),
        );
        added.map_err(|error| match StoreError::is_duplicate(&error) {
            true => StoreError::ActKnown { number: act.number },
            false => error.into(),
        })?;
        Ok(())
    }

    /// An act that has not ended is now in this state.
    pub(crate) fn advance(&mut self, number: ActNumber, state: OutboxState) -> Result<(), StoreError> {
        let changed = self.run(
            "UPDATE outbox SET state = ?2 WHERE number = ?1 AND ended_at IS NULL",
            (stored_act(number)?, state.as_str()),
        )?;
        found(changed, number, state)
    }

    pub(crate) fn ended(
        &mut self,
        number: ActNumber,
        ending: Ending<'_>,
        at: UnixMs,
    ) -> Result<(), StoreError> {
        let state = OutboxState::Ended(ending.outcome);
        let sql = match ending.outcome {
            Outcome::Done => {
                concat!(ended!(), ", done_order = 1 + ", last_done!("outbox.account"), still_open!())
            }
            _ => concat!(ended!(), still_open!()),
        };
        let changed = self.run(
            sql,
            (stored_act(number)?, state.as_str(), ending.code, ending.text, ending.message_id, at),
        )?;
        found(changed, number, state)
    }

    pub(crate) fn reset(&mut self, account: &AccountName, at: UnixMs) -> Result<(), StoreError> {
        self.run(
            concat!(
                "INSERT INTO resets (account, reset_at, done_order) VALUES (?1, ?2, ",
                last_done!("?1"),
                ") ON CONFLICT DO UPDATE SET reset_at = excluded.reset_at, done_order = excluded.done_order"
            ),
            (account.as_str(), at),
        )?;
        Ok(())
    }
}

fn found(changed: usize, number: ActNumber, to: OutboxState) -> Result<(), StoreError> {
    match changed {
        0 => Err(StoreError::ActState { number, to: to.as_str() }),
        _ => Ok(()),
    }
}
