//! What every handler reaches: the host, the settings, and what the API itself keeps.

use std::sync::Arc;

use mynah_model::action::{ActionBody, Actor, Outcome, Target};
use mynah_model::refusal::Code;
use mynah_runtime::{Account, ActOutcome, Host};
use tokio::sync::Semaphore;
use tokio::task::AbortHandle;

use crate::check_event::{self, Mailboxes};
use crate::feed::Feed;
use crate::idempotency::Remembered;
use crate::settings::ApiSettings;

/// The state of the API.
pub(crate) struct Api {
    pub(crate) host: Host,
    pub(crate) settings: ApiSettings,
    /// What check_event answers with.
    pub(crate) mailboxes: Arc<Mailboxes>,
    /// Room for sends that nobody waits for.
    pub(crate) async_sends: Arc<Semaphore>,
    /// Room for `consult` calls that wait for a reply.
    pub(crate) consults: Arc<Semaphore>,
    /// Sends that must not be repeated.
    pub(crate) remembered: Arc<Remembered>,
    /// Room for bodies above the usual limit.
    pub(crate) media_bodies: Arc<Semaphore>,
    delivery: AbortHandle,
}

impl Api {
    /// Starts what the API does by itself; it ends when the last router that serves it is dropped.
    pub(crate) fn start(host: Host, settings: ApiSettings) -> Arc<Self> {
        let mailboxes = Arc::new(Mailboxes::new(settings.check_event_list_max_size));
        let feed = Feed::from_now(&host);
        let delivery = check_event::deliver(host.clone(), Arc::clone(&mailboxes), settings.clone(), feed);
        let delivery = tokio::spawn(delivery);
        Arc::new(Self {
            media_bodies: Arc::new(Semaphore::new(settings.media_bodies)),
            async_sends: Arc::new(Semaphore::new(settings.async_sends)),
            consults: Arc::new(Semaphore::new(settings.consults)),
            remembered: Arc::new(Remembered::new(host.idempotent_calls())),
            host,
            settings,
            mailboxes,
            delivery: delivery.abort_handle(),
        })
    }

    /// Has the host do something that `by` asks for. It is done to its end even if the caller goes away.
    pub(crate) async fn act(
        &self,
        account: &Arc<Account>,
        target: Option<Target>,
        body: ActionBody,
        by: Actor,
    ) -> ActOutcome {
        let (host, account) = (self.host.clone(), Arc::clone(account));
        let acting = tokio::spawn(async move { host.act(&account, target, body, by).await });
        acting.await.unwrap_or_else(|error| {
            let text = format!("the host gave up on it: {error}");
            ActOutcome::none(Outcome::Unknown, Code::HttpUnavailable.as_str(), text)
        })
    }
}

impl Drop for Api {
    fn drop(&mut self) {
        self.delivery.abort();
    }
}
