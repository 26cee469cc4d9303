//! Reporters: what tells others, by itself, of what happens. Webhooks, lines on stdout, and `poll_api`, which asks
//! others what to do.
//!
//! They are apart from the router: a host that only answers calls needs none of them.

use std::io::Write;
use std::sync::Arc;

use axum::Router;
use mynah_model::names::AccountName;
use mynah_runtime::{Account, Host};
use reqwest::Client;
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::lines::Lines;
use crate::poll::{Listening, Poll};
use crate::remote;
use crate::server::Closing;
use crate::settings::{ApiSettings, DRAIN, ReportSettings};
use crate::webhook::{Endpoint, Webhook};

/// Why the reporters did not start.
#[derive(Debug, thiserror::Error)]
pub enum ReportersError {
    /// There is no way to call others.
    #[error("no HTTP client can be made: {0}")]
    Client(#[from] reqwest::Error),
    /// A webhook's secret cannot be used.
    #[error("the `webhook_secret` of account `{0}` cannot be used to sign")]
    Secret(AccountName),
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
        listen: &[Listening],
        stdout: impl Write + Send + 'static,
    ) -> Result<Self, ReportersError> {
        let (close, closing) = Closing::channel();
        let mut tasks = JoinSet::new();
        let mut staff = Staff {
            host: host.clone(),
            settings: settings.clone(),
            http: None,
            router: router.clone(),
            listen: listen.to_vec(),
            closing,
        };
        // Before the accounts are looked at, so that none comes in between.
        let count = host.account_count();
        let accounts = host.accounts();
        for account in &accounts {
            staff.serve(account, &mut tasks)?;
        }
        let on_stdout = |reports: &ReportSettings| reports.post_stdout;
        if settings.reports.values().any(on_stdout) || on_stdout(&settings.made_reports) {
            let lines = Lines { host: host.clone(), settings: settings.clone() };
            tasks.spawn(lines.run(stdout, staff.closing.clone()));
        }
        tasks.spawn(staff.serve_newcomers(accounts.len(), count));
        Ok(Self { close, tasks })
    }

    /// Ends them: nothing new is begun, and calls that are under way have a few seconds. Reports that are not posted
    /// by then are posted at the next start.
    pub async fn stop(mut self) {
        self.close.send_replace(true);
        let ended = async { while self.tasks.join_next().await.is_some() {} };
        // Longer than any of them needs for its end.
        if tokio::time::timeout(DRAIN + DRAIN, ended).await.is_err() {
            tracing::warn!("reporters are cut off");
        }
    }
}

/// What starting a reporter takes.
struct Staff {
    host: Host,
    settings: ApiSettings,
    /// One for all; made when the first of them needs it, because the system's certificates take a while to read.
    http: Option<Client>,
    router: Router,
    listen: Vec<Listening>,
    closing: Closing,
}

impl Staff {
    /// Starts the webhook and the polling of an account, as the settings say.
    fn serve(&mut self, account: &Arc<Account>, tasks: &mut JoinSet<()>) -> Result<(), ReportersError> {
        let name = account.name().clone();
        let reports = self.settings.reports_of(&name).clone();
        let times = self.settings.webhook;
        if let Some(remote) = reports.poll_api.clone() {
            let poll = Poll {
                account: account.clone(),
                remote,
                interval: reports.poll_interval,
                http: self.http()?,
                router: self.router.clone(),
                listen: self.listen.clone(),
            };
            tasks.spawn(poll.run(self.closing.clone()));
        }
        let Some(remote) = reports.post_api.clone() else {
            tasks.spawn(forget(self.host.clone(), name));
            return Ok(());
        };
        let endpoint = Endpoint::new(self.http()?, remote, reports.webhook_secret.as_ref(), times)
            .map_err(|_| ReportersError::Secret(name.clone()))?;
        let dialect = self.settings.dialect_of_reports(account);
        let webhook = Webhook::new(self.host.clone(), name, reports, dialect, endpoint, times);
        tasks.spawn(webhook.run(self.closing.clone()));
        Ok(())
    }

    fn http(&mut self) -> Result<Client, ReportersError> {
        let http = match self.http.take() {
            Some(http) => http,
            None => remote::client(self.settings.webhook.connect)?,
        };
        self.http = Some(http.clone());
        Ok(http)
    }

    /// Serves the accounts that callers make, until the host closes. `known` are served already.
    async fn serve_newcomers(mut self, mut known: usize, mut count: watch::Receiver<usize>) {
        let mut tasks = JoinSet::new();
        let mut closing = self.closing.clone();
        loop {
            let more = tokio::select! {
                more = count.wait_for(|count| *count > known) => more.is_ok(),
                () = closing.wait() => false,
            };
            if !more {
                break;
            }
            let accounts = self.host.accounts();
            for account in accounts.iter().skip(known) {
                if let Err(error) = self.serve(account, &mut tasks) {
                    tracing::error!(account = %account.name(), %error, "the account's reports are not sent");
                }
            }
            known = accounts.len();
        }
        while tasks.join_next().await.is_some() {}
    }
}

/// The webhook of this account was taken out of the configuration, if it ever had one: what waits for it is of no use
/// to anybody.
async fn forget(host: Host, account: AccountName) {
    match host.forget_webhook(&account).await {
        Ok(0) => {}
        Ok(count) => {
            tracing::warn!(%account, count, "reports waited for a webhook that is no longer configured; they are gone");
        }
        Err(error) => tracing::error!(%account, %error, "the reports of a former webhook are still kept"),
    }
}
