//! check_event: what happened, by long polling.
//!
//! Each account has a [`Mailbox`] that keeps its newest reports; those of messages are made when a call takes them, as most are
//! never taken. A call takes all of them, or waits for one.
//! Of several calls that wait each report goes to exactly one. Reports that a call took come back, in front, if
//! its answer is dropped before the client has read it to the end.

use std::collections::{HashMap, VecDeque};
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, Bytes};
use futures_util::stream;
use mynah_model::names::AccountName;
use mynah_runtime::Host;
use parking_lot::Mutex;
use serde_json::Value;
use tokio::sync::Notify;
use tokio::time::Instant;

use crate::answer::Answer;
use crate::call::Call;
use crate::feed::Feed;
use crate::openqq::Dialect;
use crate::server::Closing;
use crate::settings::ApiSettings;
use crate::{media, report};

/// How much of an answer is handed to the connection at once.
const PIECE: usize = 64 << 10;

/// Half of how long the end of an answer is held back to see whether the client is still there.
const LAST_LOOK: Duration = Duration::from_millis(1);

/// The mailboxes of all accounts.
pub(crate) struct Mailboxes {
    boxes: Mutex<HashMap<AccountName, Arc<Mailbox>>>,
    limit: usize,
}

impl Mailboxes {
    /// Each mailbox keeps the newest `limit` reports.
    pub(crate) fn new(limit: usize) -> Self {
        Self { boxes: Mutex::default(), limit }
    }

    /// The mailbox of an account.
    pub(crate) fn of(&self, account: &AccountName) -> Arc<Mailbox> {
        let mut boxes = self.boxes.lock();
        Arc::clone(boxes.entry(account.clone()).or_insert_with(|| Arc::new(Mailbox::new(self.limit))))
    }
}

/// Answers with all that is held, or waits.
pub(crate) async fn answer(call: Call) -> Answer {
    let Call { api, account, closing, .. } = call;
    let mailbox = api.mailboxes.of(account.name());
    let mut batch = mailbox.take(api.settings.check_event_wait, closing).await;
    if api.settings.reports_of(account.name()).post_media_data {
        // A client that goes away meanwhile loses nothing: the batch goes back.
        for report in &mut batch.reports {
            media::put_data(report, api.host.media()).await;
        }
    }
    Answer::Events(batch)
}

/// Puts what happens into the mailboxes, for ever. `settings` say which reports.
pub(crate) async fn deliver(host: Host, mailboxes: Arc<Mailboxes>, settings: ApiSettings, mut feed: Feed) {
    loop {
        match feed.next().await {
            Ok(Some(event)) => {
                let Some(account) = host.account(event.account.as_str()) else { continue };
                let mailbox = mailboxes.of(account.name());
                if report::has_message(&event) {
                    let (host, roster) = (host.clone(), account.roster());
                    mailbox.put(Held::Later(Box::new(move || {
                        report::with(&event, account.api(), &roster, host.media())
                    })));
                    continue;
                }
                let settings = settings.reports_of(account.name());
                let report = report::of(&event, &account, host.media());
                if let Some(report) = report.filter(|report| settings.keeps(report, account.api())) {
                    mailbox.put(report.into());
                }
            }
            Ok(None) => return,
            // The journal cannot be read now; the feed tries again from the same event.
            Err(error) => {
                tracing::error!(%error, "check_event cannot read the journal");
                tokio::time::sleep(Duration::from_secs(1)).await;
            }
        }
    }
}

/// A report that nobody has taken.
pub(crate) enum Held {
    Report(Value),
    /// Makes it, of what the account knew when the event came.
    Later(Box<dyn FnOnce() -> Option<Value> + Send>),
}

impl Held {
    fn report(self) -> Option<Value> {
        match self {
            Self::Report(report) => Some(report),
            Self::Later(make) => make(),
        }
    }
}

impl From<Value> for Held {
    fn from(report: Value) -> Self {
        Self::Report(report)
    }
}

/// The newest reports of an account, oldest first.
pub(crate) struct Mailbox {
    held: Mutex<VecDeque<Held>>,
    limit: usize,
    arrived: Notify,
}

impl Mailbox {
    fn new(limit: usize) -> Self {
        Self { held: Mutex::default(), limit, arrived: Notify::new() }
    }

    /// Adds a report; the oldest goes if there are too many.
    pub(crate) fn put(&self, report: Held) {
        let mut held = self.held.lock();
        held.push_back(report);
        self.trim(held);
    }

    fn put_back(&self, reports: Vec<Value>) {
        let mut held = self.held.lock();
        for report in reports.into_iter().rev() {
            held.push_front(report.into());
        }
        self.trim(held);
    }

    fn trim(&self, mut held: parking_lot::MutexGuard<'_, VecDeque<Held>>) {
        while held.len() > self.limit {
            held.pop_front();
        }
        drop(held);
        self.arrived.notify_one();
    }

    fn take_now(self: &Arc<Self>) -> Option<Batch> {
        let held = std::mem::take(&mut *self.held.lock());
        let reports: Vec<Value> = held.into_iter().filter_map(Held::report).collect();
        let mailbox = Some(Arc::clone(self));
        (!reports.is_empty()).then(|| Batch { reports, mailbox, dialect: Dialect::default() })
    }

    /// Takes all reports; if there is none, waits for one, but not longer than `wait`. The batch is empty if
    /// none came.
    pub(crate) async fn take(self: &Arc<Self>, wait: Duration, mut closing: Closing) -> Batch {
        let deadline = Instant::now() + wait;
        loop {
            // A report that arrives between these two lines leaves its notice with `arrived`.
            if let Some(batch) = self.take_now() {
                return batch;
            }
            tokio::select! {
                () = self.arrived.notified() => {}
                () = tokio::time::sleep_until(deadline) => return self.take_now().unwrap_or_default(),
                () = closing.wait() => return Batch::default(),
            }
        }
    }
}

/// Reports on their way to a client. They go back to their mailbox unless [`Batch::into_body`] is read to its end.
#[derive(Default)]
pub(crate) struct Batch {
    reports: Vec<Value>,
    mailbox: Option<Arc<Mailbox>>,
    /// How they are worded when they leave; they are kept in v2.
    dialect: Dialect,
}

impl Batch {
    /// The same reports in a version of the Openqq API.
    pub(crate) fn in_dialect(mut self, dialect: Dialect) -> Self {
        self.dialect = dialect;
        self
    }

    /// The reports as a JSON array.
    pub(crate) fn json(&self) -> String {
        let items: Vec<String> =
            self.reports.iter().map(|report| self.dialect.report(report.clone()).to_string()).collect();
        format!("[{}]", items.join(","))
    }

    /// The body that carries `text`, which holds the reports.
    ///
    /// The last byte is handed out only after the connection had a turn to write what came before and to notice
    /// that the client is gone; when it is out, the reports are. Timers give it that turn: between the ends of two
    /// timers that follow each other the runtime has looked at its sockets.
    pub(crate) fn into_body(self, text: String) -> Body {
        let pieces = stream::unfold((self, Bytes::from(text)), |(mut batch, mut rest)| async move {
            let piece = match rest.len() {
                0 => return None,
                1 => {
                    if batch.mailbox.is_some() {
                        tokio::time::sleep(LAST_LOOK).await;
                        tokio::time::sleep(LAST_LOOK).await;
                    }
                    batch.mailbox = None;
                    rest.split_to(1)
                }
                longer => rest.split_to(PIECE.min(longer - 1)),
            };
            Some((Ok::<_, Infallible>(piece), (batch, rest)))
        });
        Body::from_stream(pieces)
    }
}

impl Drop for Batch {
    fn drop(&mut self) {
        if let Some(mailbox) = self.mailbox.take() {
            mailbox.put_back(std::mem::take(&mut self.reports));
        }
    }
}

impl std::fmt::Debug for Batch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Batch").field("reports", &self.reports.len()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use futures_util::StreamExt;

    use super::*;

    const WAIT: Duration = Duration::from_secs(30);

    fn mailbox(limit: usize) -> Arc<Mailbox> {
        Arc::new(Mailbox::new(limit))
    }

    /// Some are there, some are still to be made.
    fn report(number: i32) -> Held {
        match number % 2 {
            0 => Held::Report(number.into()),
            _ => Held::Later(Box::new(move || Some(number.into()))),
        }
    }

    async fn read(batch: Batch) -> String {
        let text = batch.json();
        let bytes = axum::body::to_bytes(batch.into_body(text), usize::MAX).await.unwrap();
        String::from_utf8(bytes.to_vec()).unwrap()
    }

    async fn take(mailbox: &Arc<Mailbox>) -> String {
        read(mailbox.take(WAIT, Closing::never()).await).await
    }

    #[tokio::test(start_paused = true)]
    async fn a_call_takes_all_and_the_next_one_waits_and_gets_nothing() {
        let mailbox = mailbox(20);
        (0..3).for_each(|n| mailbox.put(report(n)));
        assert_eq!(take(&mailbox).await, "[0,1,2]");
        let before = Instant::now();
        assert_eq!(take(&mailbox).await, "[]");
        assert_eq!(before.elapsed(), WAIT);
    }

    #[tokio::test(start_paused = true)]
    async fn the_newest_stay() {
        let mailbox = mailbox(2);
        (0..5).for_each(|n| mailbox.put(report(n)));
        assert_eq!(take(&mailbox).await, "[3,4]");
    }

    #[tokio::test(start_paused = true)]
    async fn each_report_goes_to_one_waiting_call() {
        let mailbox = mailbox(20);
        let waiting: Vec<_> = (0..3)
            .map(|_| {
                let mailbox = Arc::clone(&mailbox);
                tokio::spawn(async move { take(&mailbox).await })
            })
            .collect();
        tokio::task::yield_now().await;
        mailbox.put(report(1));
        tokio::time::advance(Duration::from_secs(1)).await;
        mailbox.put(report(2));
        let mut answers = Vec::new();
        for call in waiting {
            answers.push(call.await.unwrap());
        }
        answers.sort();
        assert_eq!(answers, ["[1]", "[2]", "[]"]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_call_that_is_dropped_loses_nothing_and_wakes_another() {
        let mailbox = mailbox(20);
        (0..2).for_each(|n| mailbox.put(report(n)));
        drop(mailbox.take(WAIT, Closing::never()).await);

        let batch = mailbox.take(WAIT, Closing::never()).await;
        mailbox.put(report(2));
        let text = batch.json();
        let mut half_read = batch.into_body(text).into_data_stream();
        assert_eq!(half_read.next().await.unwrap().unwrap(), "[0,1");
        let other = Arc::clone(&mailbox);
        assert_eq!(take(&other).await, "[2]");
        let waiting = tokio::spawn(async move { take(&other).await });
        tokio::task::yield_now().await;
        drop(half_read);
        assert_eq!(waiting.await.unwrap(), "[0,1]");
    }

    #[tokio::test(start_paused = true)]
    async fn what_comes_back_stands_in_front_and_the_limit_holds() {
        let mailbox = mailbox(3);
        (0..3).for_each(|n| mailbox.put(report(n)));
        let batch = mailbox.take(WAIT, Closing::never()).await;
        mailbox.put(report(3));
        drop(batch);
        assert_eq!(take(&mailbox).await, "[1,2,3]");
    }

    #[tokio::test(start_paused = true)]
    async fn a_waiting_call_is_answered_when_the_host_closes() {
        let (close, closing) = Closing::channel();
        let mailbox = mailbox(3);
        let waiting = tokio::spawn(async move { read(mailbox.take(WAIT, closing).await).await });
        tokio::task::yield_now().await;
        let before = Instant::now();
        close.send_replace(true);
        assert_eq!(waiting.await.unwrap(), "[]");
        assert_eq!(before.elapsed(), Duration::ZERO);
    }
}
