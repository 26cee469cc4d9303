//! Events in order, without gap or repeat: from the journal first if asked, then as they happen.

use std::collections::VecDeque;
use std::sync::Arc;

use mynah_model::event::Event;
use mynah_model::names::Seq;
use mynah_runtime::{Host, HostError};
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::RecvError;

use crate::settings::JOURNAL_PAGE;

/// A reader of events.
///
/// It listens before it looks into the journal, so nothing falls between; what it hears twice it knows by its
/// number. If it is so slow that the host has dropped what it should hear next, it reads that from the journal.
pub(crate) struct Feed {
    host: Host,
    live: Receiver<Arc<Event>>,
    /// The lowest number that is not handed out yet; `None` before the first event of a feed that starts now.
    next: Option<Seq>,
    /// Whether the next event is in the journal and may not be heard any more.
    behind: bool,
    page: VecDeque<Arc<Event>>,
}

impl Feed {
    /// What happens from now on.
    pub(crate) fn from_now(host: &Host) -> Self {
        Self { host: host.clone(), live: host.subscribe(), next: None, behind: false, page: VecDeque::new() }
    }

    /// What happened from this event on, and then what happens.
    pub(crate) fn from(host: &Host, seq: Seq) -> Self {
        Self { next: Some(seq), behind: true, ..Self::from_now(host) }
    }

    /// The next event; `None` when the host is gone. After an error the same event is tried again.
    pub(crate) async fn next(&mut self) -> Result<Option<Arc<Event>>, HostError> {
        loop {
            if let Some(event) = self.page.pop_front() {
                self.next = Some(Seq(event.seq.0.saturating_add(1)));
                return Ok(Some(event));
            }
            match self.next {
                Some(from) if self.behind => {
                    self.page = self.host.events(from, JOURNAL_PAGE).await?.into();
                    self.behind = !self.page.is_empty();
                }
                _ => match self.live.recv().await {
                    Ok(event) if self.next.is_some_and(|next| event.seq < next) => {}
                    Ok(event) => self.page.push_back(event),
                    Err(RecvError::Lagged(_)) => self.behind = true,
                    Err(RecvError::Closed) => return Ok(None),
                },
            }
        }
    }
}
