//! Timers that scripts have set. The runtime fires them; the store only remembers.

use mynah_model::action::When;
use mynah_model::address::Address;
use mynah_model::clock::UnixMs;
use mynah_model::event::Chat;
use mynah_model::names::{ScriptName, Seq};
use rusqlite::Row;
use serde::{Deserialize, Serialize};

use crate::batch::Columns;
use crate::error::StoreError;
use crate::reader::Reader;
use crate::tables::Tables;

/// A timer: one per script, address and tag.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Timer {
    /// The script that set it.
    pub script: ScriptName,
    /// Where it was set: the address of the event that asked for it.
    pub address: Address,
    /// Its name there.
    pub tag: String,
    /// When it fires next, by the host's clock.
    pub due: UnixMs,
    /// As the script asked for it: a cron pattern fires again.
    pub when: When,
    /// Handed back to the script.
    pub payload: Option<String>,
    /// The chat of the event that asked for it, as the event it fires as will name it.
    pub chat: Option<Chat>,
    /// The event that asked for it.
    pub cause: Seq,
    /// How deep that event was.
    pub depth: u32,
}

impl Reader {
    /// All timers, those due first before the others.
    pub fn timers(&self) -> Result<Vec<Timer>, StoreError> {
        self.all("SELECT script, address, tag, timer FROM timers ORDER BY due", [], read_timer)
    }
}

fn read_timer(row: &Row<'_>) -> Result<Timer, StoreError> {
    let (script, address, tag): (String, String, String) = (row.get(0)?, row.get(1)?, row.get(2)?);
    let json: String = row.get(3)?;
    serde_json::from_str(&json)
        .map_err(|error| StoreError::unreadable("timers", format!("{script} {address} {tag}"), error))
}

impl Tables {
    pub(crate) fn set_timer(&mut self, timer: &Timer, columns: &Columns) -> Result<(), StoreError> {
        self.run(
            "INSERT INTO timers (script, address, tag, due, timer) VALUES (?1, ?2, ?3, ?4, ?5)
             ON CONFLICT DO UPDATE SET due = excluded.due, timer = excluded.timer",
            (timer.script.as_str(), &columns.address, &timer.tag, timer.due, &columns.json),
        )?;
        Ok(())
    }

    pub(crate) fn remove_timer(
        &mut self,
        script: &ScriptName,
        address: &Address,
        tag: &str,
    ) -> Result<(), StoreError> {
        self.run(
            "DELETE FROM timers WHERE script = ?1 AND address = ?2 AND tag = ?3",
            (script.as_str(), address.to_string(), tag),
        )?;
        Ok(())
    }
}
