//! Who did what, and what was set aside: for the people who ask why.

use mynah_model::address::Address;
use mynah_model::clock::UnixMs;
use mynah_model::names::{ActNumber, ScriptName, Seq};
use rusqlite::types::Value;
use rusqlite::{Row, params_from_iter};

use crate::error::{StoreError, loaded, stored, stored_act, stored_seq};
use crate::limits::DEAD_LETTERS;
use crate::reader::Reader;
use crate::tables::Tables;

/// Something that was refused, changed or ordered.
#[derive(Debug, Clone, PartialEq)]
pub struct AuditEntry {
    /// By the host's clock.
    pub at: UnixMs,
    /// Who: `script:NAME`, `api`, `api:KEY`, `webhook` (as an [`Actor`](mynah_model::action::Actor) reads), `operator`
    /// or `host`.
    pub actor: String,
    /// What, in a word: `refused`, `script-loaded`, `account-reset` ...
    pub what: String,
    /// The script it concerns.
    pub script: Option<ScriptName>,
    /// Where.
    pub address: Option<Address>,
    /// The event it has to do with.
    pub seq: Option<Seq>,
    /// A stable code, for example that of a refusal.
    pub code: Option<String>,
    /// One sentence for a person.
    pub text: String,
}

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

/// Which entries to list; a field that is `None` leaves all.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct AuditFilter {
    /// Of this script.
    pub script: Option<ScriptName>,
    /// At this address.
    pub address: Option<Address>,
    /// That have to do with this event.
    pub seq: Option<Seq>,
    /// Older than the entry of this id: the last id of a page gives the next one.
    pub before: Option<u64>,
}

impl Reader {
    /// At most `limit` audit entries and their ids, newest first.
    pub fn audit(&self, filter: &AuditFilter, limit: u32) -> Result<Vec<(u64, AuditEntry)>, StoreError> {
        let mut sql =
            "SELECT id, at, actor, what, script, address, seq, code, text FROM audit WHERE true".to_owned();
        let mut params: Vec<Value> = Vec::new();
        let mut also = |term: &str, value: Value| {
            sql.push_str(term);
            params.push(value);
        };
        if let Some(script) = &filter.script {
            also(" AND script = ?", script.to_string().into());
        }
        if let Some(address) = &filter.address {
            also(" AND address = ?", address.to_string().into());
        }
        if let Some(seq) = filter.seq {
            also(" AND seq = ?", stored_seq(seq)?.into());
        }
        if let Some(before) = filter.before {
            also(" AND id < ?", stored("audit entry", before)?.into());
        }
        also(" ORDER BY id DESC LIMIT ?", i64::from(limit).into());
        self.all(&sql, params_from_iter(params), read_entry)
    }

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
}

fn read_entry(row: &Row<'_>) -> Result<(u64, AuditEntry), StoreError> {
    let id: i64 = row.get(0)?;
    let entry = AuditEntry {
        at: row.get(1)?,
        actor: row.get(2)?,
        what: row.get(3)?,
        script: parsed("audit", id, row.get(4)?)?,
        address: parsed("audit", id, row.get(5)?)?,
        seq: row.get::<_, Option<i64>>(6)?.map(|seq| Seq(loaded(seq))),
        code: row.get(7)?,
        text: row.get(8)?,
    };
    Ok((loaded(id), entry))
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

/// A name or an address that stands in a row as text.
fn parsed<T: std::str::FromStr<Err: ToString>>(
    table: &'static str,
    row: i64,
    text: Option<String>,
) -> Result<Option<T>, StoreError> {
    text.map(|text| {
        text.parse().map_err(|error: T::Err| StoreError::unreadable(table, row, error.to_string()))
    })
    .transpose()
}

impl Tables {
    pub(crate) fn audit(&mut self, entry: &AuditEntry) -> Result<(), StoreError> {
        self.run(
            "INSERT INTO audit (at, actor, what, script, address, seq, code, text)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
            (
                entry.at,
                &entry.actor,
                &entry.what,
                entry.script.as_ref().map(ScriptName::as_str),
                entry.address.as_ref().map(Address::to_string),
                entry.seq.map(stored_seq).transpose()?,
                &entry.code,
                &entry.text,
            ),
        )?;
        Ok(())
    }

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
