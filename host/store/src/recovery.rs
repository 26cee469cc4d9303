//! What a host finds when it opens its database: where the numbers stand, and what was left undone.

use std::collections::VecDeque;

use mynah_model::action::Act;
use mynah_model::event::Event;
use mynah_model::names::{ActNumber, Seq};

use crate::error::StoreError;
use crate::limits::RECOVERY_PAGE;
use crate::outbox::OutboxState;
use crate::reader::Reader;
use crate::timers::Timer;

/// The state in which the last host left the database.
#[derive(Debug)]
pub struct Recovery {
    /// The number of the last event that was ever journalled; 0 if there was none.
    pub last_seq: Seq,
    /// The number of the last act that was ever decided; 0 if there was none.
    pub last_act: ActNumber,
    /// The events that were journalled and not handled.
    pub unhandled: Unhandled,
    /// The acts that have not ended, in the order of their numbers. One that is `sending` may have happened:
    /// nobody knows.
    pub outbox: Vec<(Act, OutboxState)>,
    /// The timers that are set, those due first before the others.
    pub timers: Vec<Timer>,
}

impl Recovery {
    pub(crate) fn read(reader: Reader) -> Result<Self, StoreError> {
        let last_seq = reader.last_seq()?;
        Ok(Self {
            last_seq,
            last_act: reader.last_act()?,
            outbox: reader.outbox_open()?,
            timers: reader.timers()?,
            unhandled: Unhandled {
                count: reader.waiting()?,
                page: VecDeque::new(),
                after: Seq(0),
                last: last_seq,
                reader: Some(reader),
            },
        })
    }
}

/// The events that waited when the database was opened, in the order of their numbers. They are read in
/// pages, whatever else happens to the store in the meantime; events that are journalled later do not
/// appear.
///
/// An event that cannot be read is an [`StoreError::Unreadable`] in its place, and those after it follow;
/// after any other error comes the end.
#[derive(Debug)]
pub struct Unhandled {
    count: u64,
    page: VecDeque<(Seq, Result<Event, StoreError>)>,
    after: Seq,
    last: Seq,
    /// Until the last page is read.
    reader: Option<Reader>,
}

impl Unhandled {
    /// How many there were when the database was opened.
    pub fn count_at_open(&self) -> u64 {
        self.count
    }
}

impl Iterator for Unhandled {
    type Item = Result<Event, StoreError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.page.is_empty()
            && let Some(reader) = self.reader.take()
        {
            match reader.waiting_events(self.after, self.last, RECOVERY_PAGE) {
                Ok(page) if page.is_empty() => {}
                Ok(page) => {
                    self.page = page.into();
                    self.reader = Some(reader);
                }
                Err(error) => return Some(Err(error)),
            }
        }
        let (seq, event) = self.page.pop_front()?;
        self.after = seq;
        Some(event)
    }
}
