//! `mynah.toml`: what the operator wrote, checked and with every default filled in.
//!
//! A file is read as a whole or not at all. Unknown keys are errors that name the nearest known one; every error
//! knows its line and column. Paths in the file are relative to the file's folder, so that a host starts the same from
//! anywhere.

mod account;
mod api;
mod chats;
mod cidr;
mod fetch;
mod journal;
mod key;
mod listen;
mod media;
mod onebot;
mod problem;
mod quantity;
mod reports;
mod reread;
mod script;
mod secret;
mod section;
mod top;

use std::net::SocketAddr;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::time::Duration;

use mynah_api::ApiSettings;
use mynah_model::names::ScriptName;
use mynah_runtime::{JournalConfig, MediaConfig, ScriptSetups};
use mynah_store::Durability;
use toml::de::DeTable;

pub use account::{AccountConfig, ApiKind, LoginMode, NetworkConfig, SimAccount};
pub use cidr::Cidr;
pub use fetch::ScriptSecret;
pub use key::KeyConfig;
pub(crate) use listen::parse_listen;
pub use listen::{ListenConfig, TlsFiles};
pub use onebot::OneBotAccount;
pub use problem::ConfigError;
pub(crate) use problem::Problem;
pub(crate) use reread::{FileText, LiveFile};
pub use secret::{SecretMissing, SecretSource};
pub(crate) use section::nearest;

use quantity::{Size, Span};
use section::{Section, Value};

/// A length of time, as an option of a command has it.
pub(crate) fn parse_span(text: &str) -> Result<Duration, String> {
    text.parse::<quantity::Span>().map(|span| span.0).map_err(|error| error.to_string())
}

/// The file that is read if no other is named and it is there.
pub const FILE: &str = "mynah.toml";

/// The port of the original: what programs written for it expect.
pub const DEFAULT_LISTEN: &str = "127.0.0.1:5000";

/// Everything that a host is told before it starts.
#[derive(Debug, Clone)]
pub struct Config {
    /// The file that it was read from; `None` if there was none and everything is as by default.
    pub file: Option<PathBuf>,
    /// Where the HTTP API listens. Never empty.
    pub listen: Vec<ListenConfig>,
    /// Who may call the API; empty is whoever reaches it.
    pub keys: Vec<KeyConfig>,
    /// Journal, state, outbox and cache.
    pub data_dir: PathBuf,
    /// Where the scripts' components lie, watched.
    pub scripts_dir: PathBuf,
    /// Where each account's files lie, named as the originals'. `None` is `tmp` in the data folder.
    pub tmpdir: Option<PathBuf>,
    /// How many accounts may run at a time.
    pub max_clients: usize,
    /// Whether the host ends when the last account that ran has stopped.
    pub exit_with_last_account: bool,
    /// From where the API may be called; empty is from anywhere that reaches it.
    pub allow_from: Vec<Cidr>,
    /// What a commit survives.
    pub durability: Durability,
    /// An action decided on an event older than this is not done.
    pub max_action_age: Duration,
    /// The HTTP API: `[api]`, and `hosts`.
    pub api: ApiSettings,
    /// How long the journal is kept: `[journal]`.
    pub journal: JournalConfig,
    /// Pictures and files: `[media]`, kept in `media` in the data folder.
    pub media: MediaConfig,
    /// The accounts, in the order of the file.
    pub accounts: Vec<AccountConfig>,
    /// What the reports of accounts that callers make are signed with.
    pub made_webhook_secret: Option<SecretSource>,
    /// What the operator wrote about scripts.
    pub scripts: ScriptSetups,
    /// The secrets of scripts: [`Config::open_script_secrets`] gives them to the scripts.
    pub script_secrets: Vec<ScriptSecret>,
    /// Whether the scripts are built here by whoever runs the host: `mynah dev`.
    pub own_builds: bool,
    /// The lines of the file that speak of the settings of scripts.
    pub(crate) script_lines: Vec<(ScriptName, usize)>,
    /// The text of the file.
    pub(crate) text: Option<FileText>,
}

impl Config {
    /// Reads a file; without one, `mynah.toml` in this folder if it is there, else everything is as by default.
    pub fn load(file: Option<&Path>) -> Result<Self, ConfigError> {
        let path = match file {
            Some(path) => path,
            None if Path::new(FILE).exists() => Path::new(FILE),
            None => return Ok(Self::in_folder(Path::new(""))),
        };
        let bytes = std::fs::read(path).map_err(|error| {
            let mut whole = ConfigError::whole(path, format!("cannot be read: {error}"));
            whole.hint = Some("leave `--config` away to start with the defaults".into());
            whole
        })?;
        let text = String::from_utf8(bytes)
            .map_err(|_| ConfigError::whole(path, "is not UTF-8 text; save it as UTF-8"))?;
        Self::parse(path, &text)
    }

    /// Reads the text of a file.
    pub fn parse(path: &Path, text: &str) -> Result<Self, ConfigError> {
        let folder = path.parent().unwrap_or(Path::new(""));
        let text = text.trim_start_matches('\u{feff}');
        let table = DeTable::parse(text).map_err(|error| {
            let span = error.span().unwrap_or(0..0);
            ConfigError::at(path, text, Problem::new(span, error.message().replace('\n', ", ")))
        })?;
        let section = Section::new("the top level", table.get_ref(), table.span());
        let (mut config, places) =
            Self::read(section, folder).map_err(|problem| ConfigError::at(path, text, problem))?;
        let line = |(name, span): (_, Range<usize>)| (name, problem::line_of(text, span.start));
        config.script_lines = places.into_iter().map(line).collect();
        config.file = Some(path.into());
        config.text = Some(FileText(text.to_owned()));
        Ok(config)
    }

    /// Everything as by default, with relative paths beginning in a folder: one account on the embedded network.
    pub fn in_folder(folder: &Path) -> Self {
        Self {
            file: None,
            listen: vec![SocketAddr::from(([127, 0, 0, 1], 5000)).into()],
            keys: Vec::new(),
            data_dir: folder.join("data"),
            scripts_dir: folder.join("scripts.d"),
            tmpdir: None,
            max_clients: mynah_runtime::limits::MAX_CLIENTS,
            exit_with_last_account: false,
            allow_from: Vec::new(),
            durability: Durability::Process,
            max_action_age: mynah_runtime::limits::MAX_ACTION_AGE,
            api: ApiSettings::default(),
            journal: JournalConfig::default(),
            media: MediaConfig::default(),
            accounts: "sim".parse().map(AccountConfig::named).into_iter().collect(),
            made_webhook_secret: None,
            scripts: ScriptSetups::new(),
            script_secrets: Vec::new(),
            own_builds: false,
            script_lines: Vec::new(),
            text: None,
        }
    }

    /// Reads the secrets of scripts and gives them to the scripts. Only a host needs them.
    ///
    /// # Errors
    /// The first secret that is not where the configuration says, or cannot be used.
    pub fn open_script_secrets(&mut self) -> Result<(), SecretMissing> {
        for secret in std::mem::take(&mut self.script_secrets) {
            let opened = secret.open()?;
            if let Some(setup) = self.scripts.get_mut(&secret.script) {
                setup.grants.fetch.secrets.push(opened);
            }
        }
        Ok(())
    }

    /// Refuses to be reachable from elsewhere by everybody. Asked after the command line had its say.
    pub fn check_exposure(&self) -> Result<(), Exposed> {
        if !self.keys.is_empty() || !self.allow_from.is_empty() {
            return Ok(());
        }
        let mut addresses = self.listen.iter().map(|listener| listener.address);
        match addresses.find(|address| !address.ip().to_canonical().is_loopback()) {
            Some(address) => Err(Exposed(address)),
            None => Ok(()),
        }
    }
}

/// The host would be reachable from other machines, by everybody.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Exposed(pub SocketAddr);

impl std::fmt::Display for Exposed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "refusing to listen on {}: whoever reaches it could speak as your accounts", self.0)
    }
}

impl std::error::Error for Exposed {}

fn read_path(value: &Value<'_>, folder: &Path) -> Result<PathBuf, Problem> {
    match value.text("a path")? {
        "" => Err(value.problem("is empty: give a path")),
        text => Ok(folder.join(text)),
    }
}

fn read_span(value: &Value<'_>, right: &str) -> Result<Duration, Problem> {
    value.parsed::<Span>(right).map(|span| span.0)
}

fn read_size(value: &Value<'_>, right: &str) -> Result<u64, Problem> {
    if value.is_integer() {
        value.integer(0..=u64::MAX >> 1)
    } else {
        value.parsed::<Size>(right).map(|size| size.0)
    }
}

#[cfg(test)]
mod tests;
