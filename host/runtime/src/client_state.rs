//! An account as the running program that the originals had for each: what their state files hold.

use mynah_model::event::AccountState;
use serde::Serialize;
use tracing::level_filters::LevelFilter;

use crate::account::{Account, ApiKind};
use crate::client_files::{ClientFile, ClientFiles};

/// What the state file of an account holds, and check_client answers with. Names and types are the originals'.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ClientState {
    /// Its name.
    pub account: String,
    /// `init`, `loading`, `scaning`, `confirming`, `updating`, `running` or `stop`.
    pub state: &'static str,
    /// The folder of its files; null if the host keeps none.
    pub tmpdir: Option<String>,
    /// Where its session lies.
    pub cookie_path: Option<String>,
    /// Where the number of the process that runs it lies.
    pub pid_path: Option<String>,
    /// Where its QR code lies while that can be scanned.
    pub qrcode_path: Option<String>,
    /// Where this lies.
    pub state_path: Option<String>,
    /// Always `0`: the host does not log HTTP.
    pub http_debug: &'static str,
    /// Always null: logs are UTF-8.
    pub log_encoding: Option<&'static str>,
    /// The host's.
    pub log_level: String,
    /// Always null: logs go to stderr.
    pub log_path: Option<&'static str>,
    /// `linux`, `macos` ...
    pub os: &'static str,
    /// The host's process: accounts are tasks of one.
    pub pid: u32,
    /// What serves it, in the originals' words.
    pub plugin: [Plugin; 1],
    /// Where the API listens; null if it does not.
    pub port: Option<u16>,
    /// When it was started, unix seconds; `0` if it never was.
    pub start_time: String,
    /// The host's version.
    pub version: &'static str,
    /// Why it is stopped although nobody stopped it (ours).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub problem: Option<String>,
}

/// A plugin of the originals.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Plugin {
    /// Its module.
    pub name: &'static str,
    /// Where it stands among others.
    pub priority: u8,
    /// Whether it is called by itself.
    pub auto_call: Option<u8>,
    /// Whether it is called when it is loaded.
    pub call_on_load: u8,
}

impl ClientState {
    /// An account as it is now, but in this state.
    pub(crate) fn of(account: &Account, state: AccountState, port: Option<u16>) -> Self {
        let files = account.files();
        let path = |file| files.map(|files: &ClientFiles| files.path(file).display().to_string());
        let name = match account.api() {
            ApiKind::Openqq => "Mojo::Webqq::Plugin::Openqq",
            ApiKind::Openwx => "Mojo::Weixin::Plugin::Openwx",
        };
        Self {
            account: account.name().to_string(),
            state: state.as_str(),
            tmpdir: files.map(|files| files.folder().display().to_string()),
            cookie_path: path(ClientFile::Cookie),
            pid_path: path(ClientFile::Pid),
            qrcode_path: path(ClientFile::Qrcode),
            state_path: path(ClientFile::State),
            http_debug: "0",
            log_encoding: None,
            log_level: LevelFilter::current().to_string(),
            log_path: None,
            os: std::env::consts::OS,
            pid: std::process::id(),
            plugin: [Plugin { name, priority: 98, auto_call: None, call_on_load: 1 }],
            port,
            start_time: account.started_at().div_euclid(1000).to_string(),
            version: env!("CARGO_PKG_VERSION"),
            problem: account.problem().map(|why| why.to_string()),
        }
    }
}
