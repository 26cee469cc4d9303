//! Reporters: what tells others, by itself, of what happens. Webhooks, lines on stdout, and `poll_api`, which asks
//! others what to do.
//!
//! They are apart from the router: a host that only answers calls needs none of them.

use std::io::Write;
use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use mynah_runtime::Host;
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::lines::Lines;
use crate::poll::Poll;
use crate::remote;
use crate::server::Closing;
use crate::settings::{ApiSettings, DRAIN};
use crate::webhook::{Endpoint, Webhook};

/// Why the reporters did not start.
#[derive(Debug, thiserror::Error)]
pub enum ReportersError {
    /// There is no way to call others.
    #[error("no HTTP client can be made: {0}")]
    Client(#[from] reqwest::Error),
    /// A webhook's secret cannot be used.
    #[error("the `webhook_secret` of account `{0}` cannot be used to sign")]
    Secret(String),
}

/// The reporters of a running host.
pub struct Reporters {
    close: watch::Sender<bool>,
    tasks: JoinSet<()>,
}

impl Reporters {
    /// Starts what the settings ask for. `router` serves calls that a `poll_api` asks for, and `listen` is where it is
    /// served; lines go to `stdout`. Call it within a tokio runtime.
    pub fn start(
        host: &Host,
        settings: &ApiSettings,
        router: &Router,
        listen: &[SocketAddr],
        stdout: impl Write + Send + 'static,
    ) -> Result<Self, ReportersError> {
        let (close, closing) = Closing::channel();
        let mut tasks = JoinSet::new();
        let http = remote::client(settings.webhook.connect)?;
        let mut lines = Lines::new(host.clone());
        for account in host.accounts() {
            let reports = settings.reports_of(account.name());
            match reports.post_api.clone() {
                Some(remote) => {
                    let secret = reports.webhook_secret.as_ref();
                    let endpoint = Endpoint::new(http.clone(), remote, secret, settings.webhook)
                        .map_err(|_| ReportersError::Secret(account.name().to_string()))?;
                    let webhook = Webhook::new(
                        host.clone(),
                        Arc::clone(&account),
                        reports.clone(),
                        endpoint,
                        settings.webhook,
                    );
                    tasks.spawn(webhook.run(closing.clone()));
                }
                None => {
                    tasks.spawn(forget(host.clone(), account.name().clone()));
                }
            }
            if let Some(remote) = reports.poll_api.clone() {
                let poll = Poll {
                    account: Arc::clone(&account),
                    remote,
                    interval: reports.poll_interval,
                    http: http.clone(),
                    router: router.clone(),
                    listen: listen.to_vec(),
                };
                tasks.spawn(poll.run(closing.clone()));
            }
            if reports.post_stdout {
                lines.add(account.name().clone(), reports);
            }
        }
        if !lines.is_empty() {
            tasks.spawn(lines.run(stdout, closing));
        }
        Ok(Self { close, tasks })
    }

    /// Ends them: nothing new is begun, and calls that are under way have a few seconds. Reports that are not posted
    /// by then are posted at the next start.
    pub async fn stop(mut self) {
        self.close.send_replace(true);
        let ended = async { while self.tasks.join_next().await.is_some() {} };
        if tokio::time::timeout(DRAIN + DRAIN, ended).await.is_err() {
            tracing::warn!("reporters are cut off");
        }
    }
}

/// The webhook of this account was taken out of the configuration, if it ever had one: what waits for it is of no use
/// to anybody.
async fn forget(host: Host, account: mynah_model::names::AccountName) {
    match host.forget_webhook(&account).await {
        Ok(0) => {}
        Ok(count) => {
            tracing::warn!(%account, count, "reports waited for a webhook that is no longer configured; they are gone");
        }
        Err(error) => tracing::error!(%account, %error, "the reports of a former webhook are still kept"),
    }
}
