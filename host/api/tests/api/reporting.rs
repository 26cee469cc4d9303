//! A running host that reports.

use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use mynah_api::{ApiSettings, ReportSettings, Reporters, WebhookTimes};
use mynah_model::event::AccountState;
use mynah_networks::sim::LoginMode;
use mynah_store::{Durability, Store};

use crate::stage::{ACCOUNT, Stage};

/// A host and its reporters.
pub(crate) struct Reporting {
    pub(crate) stage: Stage,
    reporters: Reporters,
}

/// Times with which a test need not wait.
pub(crate) fn quick() -> WebhookTimes {
    WebhookTimes {
        first_pause: Duration::from_millis(10),
        longest_pause: Duration::from_millis(50),
        ..WebhookTimes::default()
    }
}

/// Settings under which the account's reports are posted to this address.
pub(crate) fn posting_to(url: &str) -> ReportSettings {
    ReportSettings { post_api: Some(url.parse().unwrap()), ..ReportSettings::default() }
}

/// Settings of the API with these of the account's reports.
pub(crate) fn settings(reports: ReportSettings) -> ApiSettings {
    let reports = [(ACCOUNT.parse().unwrap(), reports)].into();
    ApiSettings { reports, webhook: quick(), ..ApiSettings::default() }
}

impl Reporting {
    /// A host whose account is running.
    pub(crate) async fn new(reports: ReportSettings) -> Self {
        Self::with(settings(reports)).await
    }

    /// The same with other settings.
    pub(crate) async fn with(settings: ApiSettings) -> Self {
        let stage = Stage::new(settings.clone()).await;
        Self::of(stage, &settings)
    }

    /// The same on a file that may have been used before.
    pub(crate) async fn on_file(path: &Path, settings: ApiSettings) -> Self {
        let opened = Store::open(path, Durability::Process).unwrap();
        let stage = Stage::with_accounts(settings.clone(), LoginMode::Immediate, &[ACCOUNT], opened);
        stage.until(AccountState::Running).await;
        Self::of(stage, &settings)
    }

    /// Starts the reporters of a host.
    pub(crate) fn of(stage: Stage, settings: &ApiSettings) -> Self {
        let listen = [SocketAddr::from(([127, 0, 0, 1], 5000)).into()];
        let reporters =
            Reporters::start(&stage.host, settings, &stage.router, &listen, std::io::sink()).unwrap();
        Self { stage, reporters }
    }

    /// Ends the reporters alone.
    pub(crate) async fn without_reporters(self) -> Stage {
        self.reporters.stop().await;
        self.stage
    }

    pub(crate) async fn end(self) {
        self.reporters.stop().await;
        self.stage.end().await;
    }
}
