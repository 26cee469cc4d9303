//! Who asked for what, and what became of it: for the people who ask why.
//!
//! An action that was granted stands in the outbox; every other one, and what else an operator may want to look up, stands
//! in the audit. Both take their numbers from one counter, so that together they are one list, newest first.

use mynah_model::action::ActionBody;
use mynah_model::address::{Address, AddressPattern};
use mynah_model::clock::UnixMs;
use mynah_model::names::{AccountName, ActNumber, ScriptName, Seq};
use rusqlite::types::Value;
use rusqlite::{Row, params_from_iter};

use crate::error::{StoreError, loaded, stored_act, stored_seq};
use crate::limits::{AUDIT_CLEARED, AUDIT_ENTRIES, AUDIT_LOOK, AUDIT_LOOKED_AT, AUDIT_TIME_SLACK_MS};
use crate::reader::{Reader, parsed};
use crate::tables::Tables;

/// The columns of an entry, in the order in which [`read_entry`] reads them.
macro_rules! columns {
    () => {
        "number, at, ended_at, actor, script, release, address, action, outcome, code, text, reason, seq, body, message_id, details"
    };
}

/// Something that was asked for and did not become an act, or that happened to a script: one row.
#[derive(Debug, Clone, PartialEq)]
pub struct AuditEntry {
    /// Its number, from the counter of acts: neither an act nor another entry has it.
    pub number: ActNumber,
    /// By the host's clock.
    pub at: UnixMs,
    /// Who, as an [`Actor`](mynah_model::action::Actor) reads: `script:NAME`, `api`, `api:KEY`, `webhook`, `operator:ID` or `host`.
    pub actor: String,
    /// The script it concerns.
    pub script: Option<ScriptName>,
    /// The release of that script, 64 hex digits.
    pub release: Option<String>,
    /// Where.
    pub address: Option<Address>,
    /// The action's name, or `fault`, `command`, `pause`, `resume`, `alert` ...
    pub action: String,
    /// How it ended, in a word: `refused`, `dry-run`, `done` ... as outbox states read.
    pub outcome: String,
    /// A stable code, for example that of a refusal.
    pub code: Option<String>,
    /// One sentence for a person.
    pub text: String,
    /// Why, in the words of who asked.
    pub reason: Option<String>,
    /// The event it was asked on.
    pub seq: Option<Seq>,
    /// The action itself, if it is one.
    pub body: Option<ActionBody>,
    /// More for whoever looks closely, for example a backtrace.
    pub details: Option<String>,
}

/// An action that was asked for and what became of it, or another entry of the audit.
#[derive(Debug, Clone, PartialEq)]
pub struct AuditRow {
    /// What was asked for. An act that has not ended has the outcome `decided` or `sending`.
    pub entry: AuditEntry,
    /// When it ended, by the host's clock.
    pub ended_at: Option<UnixMs>,
    /// The id of the message that was sent, if one was.
    pub message_id: Option<String>,
}

/// Which entries to list; a field that is `None` leaves all.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct AuditFilter {
    /// Of this script.
    pub script: Option<ScriptName>,
    /// By this actor: all of it, or what stands before its colon (`api` is every caller of the API).
    pub actor: Option<String>,
    /// Of this account.
    pub account: Option<AccountName>,
    /// At these addresses.
    pub chats: Option<AddressPattern>,
    /// This action.
    pub action: Option<String>,
    /// With this code.
    pub code: Option<String>,
    /// That ended so.
    pub outcome: Option<String>,
    /// Asked on this event.
    pub seq: Option<Seq>,
    /// Asked on this event or a later one.
    pub since_seq: Option<Seq>,
    /// Asked on this event or an earlier one.
    pub until_seq: Option<Seq>,
    /// Asked at this time or later.
    pub since: Option<UnixMs>,
    /// Asked at this time or earlier.
    pub until: Option<UnixMs>,
    /// With a lower number than this.
    pub before: Option<ActNumber>,
}

/// Some entries, newest first.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct AuditPage {
    /// The entries; there may be more although these are few, or none.
    pub rows: Vec<AuditRow>,
    /// Where to go on: [`AuditFilter::before`] of the next page. `None` at the end.
    pub next: Option<ActNumber>,
}

impl Reader {
    /// At most `limit` entries, newest first. A search that finds little stops on its way and says where to go on.
    pub fn audit(&self, filter: &AuditFilter, limit: u32) -> Result<AuditPage, StoreError> {
        let limit = usize::try_from(limit.max(1)).unwrap_or(usize::MAX);
        let before = match filter.before {
            Some(before) => stored_act(before)?,
            None => i64::MAX,
        };
        let newest: Option<i64> = self
            .one("SELECT max((SELECT coalesce(max(number), 0) FROM audit WHERE number < ?1), (SELECT coalesce(max(number), 0) FROM outbox WHERE number < ?1))", [before], |row| Ok(row.get(0)?))?;
        let newest = newest.unwrap_or(0);
        // What is asked on one event is found by its index; whatever else is looked for along the numbers.
        let oldest = if filter.seq.is_some() { 0 } else { newest.saturating_sub(AUDIT_LOOKED_AT).max(0) };
        let (sql, params) = query(filter, before, oldest)?;
        let mut page = AuditPage::default();
        let mut over = oldest == 0;
        self.scan(&sql, params_from_iter(params), |row| {
            let number: i64 = row.get(0)?;
            let at: i64 = row.get(1)?;
            if filter.since.is_some_and(|since| at < since.saturating_sub(AUDIT_TIME_SLACK_MS)) {
                over = true;
                return Ok(false);
            }
            if !fits(filter, row, at)? {
                return Ok(true);
            }
            if page.rows.len() == limit {
                page.next = page.rows.last().map(|row| row.entry.number);
                return Ok(false);
            }
            page.rows.push(read_entry(row, number)?);
            Ok(true)
        })?;
        if !over && page.next.is_none() {
            page.next = Some(ActNumber(loaded(oldest)));
        }
        Ok(page)
    }

    /// All that was asked on an event and did not become an act, oldest first, at most `limit`.
    pub fn audit_of(&self, seq: Seq, limit: u32) -> Result<Vec<AuditRow>, StoreError> {
        self.all(
            concat!("SELECT ", columns!(), " FROM actions WHERE seq = ?1 ORDER BY number LIMIT ?2"),
            (stored_seq(seq)?, limit),
            |row| read_entry(row, row.get(0)?),
        )
    }

    /// The entry of a number.
    pub fn audit_entry(&self, number: ActNumber) -> Result<Option<AuditRow>, StoreError> {
        self.one(
            concat!("SELECT ", columns!(), " FROM actions WHERE number = ?1"),
            [stored_act(number)?],
            |row| read_entry(row, row.get(0)?),
        )
    }
}

/// The statement of a filter, but for what [`fits`] asks.
pub(crate) fn query(
    filter: &AuditFilter,
    before: i64,
    oldest: i64,
) -> Result<(String, Vec<Value>), StoreError> {
    let mut sql = concat!("SELECT ", columns!(), " FROM actions WHERE number < ? AND number >= ?").to_owned();
    let mut params: Vec<Value> = vec![before.into(), oldest.into()];
    let mut also = |term: &str, value: Value| {
        sql.push_str(term);
        params.push(value);
    };
    if let Some(script) = &filter.script {
        also(" AND script = ?", script.to_string().into());
    }
    if let Some(action) = &filter.action {
        also(" AND action = ?", action.clone().into());
    }
    if let Some(code) = &filter.code {
        also(" AND code = ?", code.clone().into());
    }
    if let Some(outcome) = &filter.outcome {
        also(" AND outcome = ?", outcome.clone().into());
    }
    for (term, seq) in [
        (" AND seq = ?", filter.seq),
        (" AND seq >= ?", filter.since_seq),
        (" AND seq <= ?", filter.until_seq),
    ] {
        if let Some(seq) = seq {
            also(term, stored_seq(seq)?.into());
        }
    }
    sql.push_str(" ORDER BY number DESC");
    Ok((sql, params))
}

/// What of a filter is easier said here than to SQLite.
fn fits(filter: &AuditFilter, row: &Row<'_>, at: UnixMs) -> Result<bool, StoreError> {
    if filter.since.is_some_and(|since| at < since) || filter.until.is_some_and(|until| at > until) {
        return Ok(false);
    }
    if let Some(wanted) = &filter.actor {
        let actor: String = row.get(3)?;
        if *wanted != actor && actor.split_once(':').is_none_or(|(kind, _)| kind != wanted) {
            return Ok(false);
        }
    }
    if filter.account.is_none() && filter.chats.is_none() {
        return Ok(true);
    }
    let address: Option<Address> = parsed("actions", row.get(0)?, row.get(6)?)?;
    Ok(address.is_some_and(|address| {
        filter.account.as_ref().is_none_or(|account| *account == address.account)
            && filter.chats.as_ref().is_none_or(|chats| chats.matches(&address))
    }))
}

fn read_entry(row: &Row<'_>, number: i64) -> Result<AuditRow, StoreError> {
    let body: Option<String> = row.get(13)?;
    let body = body.map(|json| serde_json::from_str(&json)).transpose();
    let entry = AuditEntry {
        number: ActNumber(loaded(number)),
        at: row.get(1)?,
        actor: row.get(3)?,
        script: parsed("actions", number, row.get(4)?)?,
        release: row.get(5)?,
        address: parsed("actions", number, row.get(6)?)?,
        action: row.get(7)?,
        outcome: row.get(8)?,
        code: row.get(9)?,
        text: row.get::<_, Option<String>>(10)?.unwrap_or_default(),
        reason: row.get(11)?,
        seq: row.get::<_, Option<i64>>(12)?.map(|seq| Seq(loaded(seq))),
        body: body.map_err(|error| StoreError::unreadable("actions", number, error))?,
        details: row.get(15)?,
    };
    Ok(AuditRow { entry, ended_at: row.get(2)?, message_id: row.get(14)? })
}

impl Tables {
    pub(crate) fn audit(&mut self, entry: &AuditEntry, body: &str) -> Result<(), StoreError> {
        let number = stored_act(entry.number)?;
        self.run(
            "INSERT INTO audit (number, at, actor, script, release, address, action, outcome, code, text, reason, seq, body,
               details)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14)",
            rusqlite::params![
                number,
                entry.at,
                &entry.actor,
                entry.script.as_ref().map(ScriptName::as_str),
                &entry.release,
                entry.address.as_ref().map(Address::to_string),
                &entry.action,
                &entry.outcome,
                &entry.code,
                &entry.text,
                &entry.reason,
                entry.seq.map(stored_seq).transpose()?,
                (!body.is_empty()).then_some(body),
                &entry.details,
            ],
        )?;
        self.bound_audit(&entry.actor)
    }

    /// Keeps the newest entries of an actor. One who is refused something on every event must not fill the disk, nor push out
    /// what others were refused.
    fn bound_audit(&mut self, actor: &str) -> Result<(), StoreError> {
        let since = self.audited_since.entry(actor.to_owned()).or_default();
        *since += 1;
        if *since < AUDIT_LOOK {
            return Ok(());
        }
        *since = 0;
        self.run(
            "DELETE FROM audit WHERE number IN (
               SELECT number FROM audit WHERE actor = ?1 AND number <=
                 (SELECT number FROM audit WHERE actor = ?1 ORDER BY number DESC LIMIT 1 OFFSET ?2)
               ORDER BY number LIMIT ?3)",
            (actor, AUDIT_ENTRIES, AUDIT_CLEARED),
        )?;
        Ok(())
    }
}
