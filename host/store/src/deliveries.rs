//! Reports on their way to webhooks: what waits, and how far each webhook has come.

use mynah_model::address::Address;
use mynah_model::clock::UnixMs;
use mynah_model::names::{AccountName, Seq};
use rusqlite::Row;

use crate::error::{StoreError, loaded, stored_seq};
use crate::reader::Reader;
use crate::tables::Tables;

/// A report that has not arrived at the webhook of its account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    /// The event that it reports.
    pub seq: Seq,
    /// Where that happened: reports of one address arrive in order.
    pub address: Address,
    /// When it was taken up, by the host's clock.
    pub queued_at: UnixMs,
    /// What is posted, JSON text; `None` if that is made later, when the account knows its roster.
    pub report: Option<String>,
}

impl Reader {
    /// The oldest report that waits at an address.
    pub fn next_delivery(&self, address: &Address) -> Result<Option<Delivery>, StoreError> {
        self.one(
            "SELECT address, seq, queued_at, report FROM deliveries
             WHERE account = ?1 AND address = ?2 ORDER BY seq LIMIT 1",
            (address.account.as_str(), address.to_string()),
            read_delivery,
        )
    }

    /// At most `limit` addresses of an account at which reports wait.
    pub fn delivery_addresses(&self, account: &AccountName, limit: u32) -> Result<Vec<Address>, StoreError> {
        self.all(
            "SELECT DISTINCT address FROM deliveries WHERE account = ?1 ORDER BY address LIMIT ?2",
            (account.as_str(), limit),
            |row| read_address(&row.get::<_, String>(0)?),
        )
    }

    /// How many reports of an account wait.
    pub fn deliveries(&self, account: &AccountName) -> Result<u64, StoreError> {
        let sql = "SELECT count(*) FROM deliveries WHERE account = ?1";
        Ok(loaded(self.one(sql, [account.as_str()], |row| Ok(row.get(0)?))?.unwrap_or(0)))
    }

    /// The first event that is not yet looked at for the webhook of an account; `None` if it never had one.
    pub fn webhook_next(&self, account: &AccountName) -> Result<Option<Seq>, StoreError> {
        let sql = "SELECT next FROM webhooks WHERE account = ?1";
        self.one(sql, [account.as_str()], |row| Ok(Seq(loaded(row.get(0)?))))
    }
}

fn read_address(text: &str) -> Result<Address, StoreError> {
    text.parse().map_err(|error| StoreError::unreadable("deliveries", text, error))
}

fn read_delivery(row: &Row<'_>) -> Result<Delivery, StoreError> {
    Ok(Delivery {
        address: read_address(&row.get::<_, String>(0)?)?,
        seq: Seq(loaded(row.get(1)?)),
        queued_at: row.get(2)?,
        report: row.get(3)?,
    })
}

impl Tables {
    pub(crate) fn queue_delivery(&mut self, delivery: &Delivery) -> Result<(), StoreError> {
        // A report that waits already is the same one.
        self.run(
            "INSERT INTO deliveries (account, address, seq, queued_at, report)
             VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT DO NOTHING",
            (
                delivery.address.account.as_str(),
                delivery.address.to_string(),
                stored_seq(delivery.seq)?,
                delivery.queued_at,
                &delivery.report,
            ),
        )?;
        Ok(())
    }

    pub(crate) fn end_delivery(&mut self, address: &Address, seq: Seq) -> Result<(), StoreError> {
        let ended = self.run(
            "DELETE FROM deliveries WHERE account = ?1 AND address = ?2 AND seq = ?3",
            (address.account.as_str(), address.to_string(), stored_seq(seq)?),
        )?;
        match ended {
            0 => Err(StoreError::NoDelivery { seq }),
            _ => Ok(()),
        }
    }

    pub(crate) fn move_webhook(&mut self, account: &AccountName, next: Seq) -> Result<(), StoreError> {
        self.run(
            "INSERT INTO webhooks (account, next) VALUES (?1, ?2)
             ON CONFLICT DO UPDATE SET next = excluded.next",
            (account.as_str(), stored_seq(next)?),
        )?;
        Ok(())
    }

    pub(crate) fn remove_webhook(&mut self, account: &AccountName) -> Result<(), StoreError> {
        self.run("DELETE FROM deliveries WHERE account = ?1", [account.as_str()])?;
        self.run("DELETE FROM webhooks WHERE account = ?1", [account.as_str()])?;
        Ok(())
    }
}
