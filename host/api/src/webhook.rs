//! Webhooks: reports are posted to the endpoint that the operator named, and what it answers is done.
//!
//! - Every event that is journalled is looked at once for the webhook of its account, in the order of the numbers, also
//!   those that an earlier run of the host left. A report that is wanted waits in the store from then on, so memory
//!   does not grow however long an endpoint is away.
//! - Reports of one chat are posted one after the other: the next one when the endpoint has taken the one before, or
//!   that one was given up. Chats do not wait for each other.
//! - A report is posted until the endpoint takes it. It is taken once, but for one case: a host that is killed
//!   between the endpoint's answer and its own note of it, or gets no answer in time, posts the report again.
//!   `X-Mynah-Event` is the same then.
//! - What an answer asks for passes the gate as an answer to the event, and is decided in one transaction with the end
//!   of the report.
//!
//! # Layout
//! - `lanes`: which chats have something to post
//! - `lane`: the reports of one chat, one after the other, each until it is taken or given up
//! - `call`: one call of an endpoint and what it says
//! - `answer`: what an answer asks for
//! - `pause`: how long to wait between two tries

use std::borrow::Cow;
use std::sync::Arc;

use mynah_model::event::{AccountState, Event};
use mynah_model::names::AccountName;
use mynah_runtime::{Account, Host, HostError};
use tokio::sync::{Notify, Semaphore};

use crate::feed::Feed;
use crate::media;
use crate::openqq::Dialect;
use crate::report::{self, picture};
use crate::server::Closing;
use crate::settings::{DRAIN, JOURNAL_PAGE, ReportSettings, STORE_PAUSE, WEBHOOK_CALLS, WebhookTimes};
use crate::webhook::lanes::Lanes;

mod answer;
mod call;
mod lane;
mod lanes;
mod pause;

pub(crate) use call::Endpoint;

/// The webhook of one account.
pub(crate) struct Webhook {
    host: Host,
    account: AccountName,
    settings: ReportSettings,
    dialect: Dialect,
    endpoint: Endpoint,
    times: WebhookTimes,
    /// Room for calls that are under way.
    calls: Semaphore,
    /// Notified whenever the endpoint was reached: who could not reach it before tries again.
    reached: Notify,
}

impl Webhook {
    /// The webhook of an account, as the operator set it.
    pub(crate) fn new(
        host: Host,
        account: AccountName,
        settings: ReportSettings,
        dialect: Dialect,
        endpoint: Endpoint,
        times: WebhookTimes,
    ) -> Self {
        let (calls, reached) = (Semaphore::new(WEBHOOK_CALLS), Notify::new());
        Self { host, account, settings, dialect, endpoint, times, calls, reached }
    }

    /// Posts what is reported until the host closes; then calls that are under way have a few seconds.
    pub(crate) async fn run(self, mut closing: Closing) {
        let webhook = Arc::new(self);
        let mut lanes = Lanes::new(webhook.clone(), closing.clone());
        tokio::select! {
            () = webhook.look_and_post(&mut lanes) => {}
            () = closing.wait() => {}
        }
        if tokio::time::timeout(DRAIN, lanes.finish()).await.is_err() {
            tracing::warn!(account = %webhook.account, "calls of the webhook are cut off; their reports are posted again at the next start");
        }
    }

    async fn look_and_post(&self, lanes: &mut Lanes) {
        let next = self.until_it_works(|| self.host.begin_webhook(&self.account)).await;
        let mut feed = Feed::from(&self.host, next);
        let mut resent = self.host.watch_resent();
        let mut unnoted = 0;
        loop {
            lanes.fill().await;
            tokio::select! {
                () = lanes.next_end() => {}
                changed = resent.changed() => match changed {
                    Ok(()) => lanes.look_for_more(),
                    Err(_) => return,
                },
                event = feed.next() => match event {
                    Ok(Some(event)) => self.look_at(&event, lanes, &mut unnoted).await,
                    Ok(None) => return,
                    // The feed tries again from the same event.
                    Err(error) => self.store_failed(&error).await,
                },
            }
        }
    }

    /// Takes up the report of an event, if it is wanted. `unnoted` counts events since it was last noted down how far
    /// the webhook came.
    async fn look_at(&self, event: &Event, lanes: &mut Lanes, unnoted: &mut u32) {
        *unnoted += 1;
        let of_this_account = event.account == self.account;
        if of_this_account && let Some(report) = self.prepare(event).await {
            let address = self.until_it_works(|| self.host.take_up(event, report.text())).await;
            *unnoted = 0;
            lanes.wake(address);
        } else if *unnoted >= JOURNAL_PAGE {
            // Only so that the next start need not look at all of them again.
            self.until_it_works(|| self.host.pass_over(&self.account, event.seq)).await;
            *unnoted = 0;
        }
    }

    /// The report of an event, if it is wanted or may be.
    async fn prepare(&self, event: &Event) -> Option<Prepared> {
        let account = self.host.account(self.account.as_str())?;
        let settled = matches!(account.state(), AccountState::Running | AccountState::Stop);
        if event.seq < self.host.first_seq() && event.chat.is_some() && !settled {
            // An event of an earlier run: who and what it names is known once the account has its roster again.
            return report::of(event, &account, self.host.media()).map(|_| Prepared::Later);
        }
        self.report_of(event, &account).await.map(Prepared::Now)
    }

    /// The report of an event as it is posted, if it is wanted.
    async fn report_of(&self, event: &Event, account: &Account) -> Option<String> {
        let mut report = report::of(event, account, self.host.media())?;
        if !self.settings.wants(&report, account.api()) {
            return None;
        }
        picture::add(&mut report).await;
        Some(report.to_string())
    }

    /// A report as it is posted: with what it is not kept with, the bytes of its picture or file, if they are wanted; and
    /// in the words of v1 where the account speaks those.
    async fn in_full<'r>(&self, report: &'r str) -> Cow<'r, str> {
        let with_data = self.settings.post_media_data && report.contains("\"media_id\"");
        if !with_data && self.dialect == Dialect::V2 {
            return Cow::Borrowed(report);
        }
        let Ok(mut full) = serde_json::from_str(report) else { return Cow::Borrowed(report) };
        if with_data {
            media::put_data(&mut full, self.host.media()).await;
        }
        Cow::Owned(self.dialect.report(full).to_string())
    }

    /// Tries until the store does its part; without it nothing can be done.
    async fn until_it_works<T, F>(&self, work: impl Fn() -> F) -> T
    where
        F: Future<Output = Result<T, HostError>>,
    {
        loop {
            match work().await {
                Ok(done) => return done,
                Err(error) => self.store_failed(&error).await,
            }
        }
    }

    async fn store_failed(&self, error: &HostError) {
        tracing::error!(account = %self.account, %error, "the webhook waits for the store");
        tokio::time::sleep(STORE_PAUSE).await;
    }
}

/// A report that is taken up.
enum Prepared {
    /// This text.
    Now(String),
    /// It is made when it is posted.
    Later,
}

impl Prepared {
    fn text(&self) -> Option<String> {
        match self {
            Self::Now(text) => Some(text.clone()),
            Self::Later => None,
        }
    }
}
