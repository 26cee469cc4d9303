//! What could not be dealt with and was set aside, so that the rest goes on.

use mynah_model::address::Address;
use mynah_model::clock::UnixMs;
use mynah_model::names::{ActNumber, ScriptName, Seq};
use rusqlite::Row;

use crate::error::{StoreError, loaded, stored, stored_act, stored_seq};
use crate::limits::DEAD_LETTERS;
use crate::reader::{Reader, parsed};
use crate::tables::Tables;

/// Something that could not be dealt with and was set aside, so that the rest goes on.
#[derive(Debug, Clone, PartialEq)]
pub struct DeadLetter {
    /// By the host's clock.
    pub at: UnixMs,
    /// The event, if it is one.
    pub seq: Option<Seq>,
    /// The act, if it is one.
    pub act: Option<ActNumber>,
    /// The script that could not deal with it.
    pub script: Option<ScriptName>,
    /// A stable code.
    pub code: String,
    /// One sentence for a person.
    pub text: String,
    /// Where it happened, if it is a report that its webhook did not take.
    pub address: Option<Address>,
    /// That report, JSON text.
    pub report: Option<String>,
}

impl Reader {
    /// At most `limit` dead letters and their ids, newest first, older than the one of id `before`.
    pub fn dead_letters(
        &self,
        before: Option<u64>,
        limit: u32,
    ) -> Result<Vec<(u64, DeadLetter)>, StoreError> {
        let before = before.map_or(Ok(i64::MAX), |before| stored("dead letter", before))?;
        self.all(
            "SELECT id, at, seq, act, script, code, text, address, report FROM dead_letters
             WHERE id < ?1 ORDER BY id DESC LIMIT ?2",
            (before, limit),
            read_letter,
        )
    }

    /// The dead letter of an id.
    pub fn dead_letter(&self, id: u64) -> Result<Option<DeadLetter>, StoreError> {
        let found = self.one(
            "SELECT id, at, seq, act, script, code, text, address, report FROM dead_letters WHERE id = ?1",
            [stored("dead letter", id)?],
            read_letter,
        )?;
        Ok(found.map(|(_, letter)| letter))
    }

    /// The newest dead letter of an event.
    pub fn dead_letter_of(&self, seq: Seq) -> Result<Option<DeadLetter>, StoreError> {
        let found = self.one(
            "SELECT id, at, seq, act, script, code, text, address, report FROM dead_letters
             WHERE seq = ?1 ORDER BY id DESC LIMIT 1",
            [stored_seq(seq)?],
            read_letter,
        )?;
        Ok(found.map(|(_, letter)| letter))
    }
}

fn read_letter(row: &Row<'_>) -> Result<(u64, DeadLetter), StoreError> {
    let id: i64 = row.get(0)?;
    let letter = DeadLetter {
        at: row.get(1)?,
        seq: row.get::<_, Option<i64>>(2)?.map(|seq| Seq(loaded(seq))),
        act: row.get::<_, Option<i64>>(3)?.map(|number| ActNumber(loaded(number))),
        script: parsed("dead_letters", id, row.get(4)?)?,
        code: row.get(5)?,
        text: row.get(6)?,
        address: parsed("dead_letters", id, row.get(7)?)?,
        report: row.get(8)?,
    };
    Ok((loaded(id), letter))
}

impl Tables {
    pub(crate) fn set_aside(&mut self, letter: &DeadLetter) -> Result<(), StoreError> {
        self.run(
            "INSERT INTO dead_letters (at, seq, act, script, code, text, address, report)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
            (
                letter.at,
                letter.seq.map(stored_seq).transpose()?,
                letter.act.map(stored_act).transpose()?,
                letter.script.as_ref().map(ScriptName::as_str),
                &letter.code,
                &letter.text,
                letter.address.as_ref().map(Address::to_string),
                &letter.report,
            ),
        )?;
        // An endpoint that refuses everything for months must not fill the disk.
        self.run(
            "DELETE FROM dead_letters WHERE id <= (SELECT id FROM dead_letters ORDER BY id DESC LIMIT 1 OFFSET ?1)",
            [DEAD_LETTERS],
        )?;
        Ok(())
    }

    pub(crate) fn remove_letter(&mut self, id: u64) -> Result<(), StoreError> {
        match self.run("DELETE FROM dead_letters WHERE id = ?1", [stored("dead letter", id)?])? {
            0 => Err(StoreError::NoLetter { id }),
            _ => Ok(()),
        }
    }
}
