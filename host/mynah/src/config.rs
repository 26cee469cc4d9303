//! `mynah.toml`: what the operator wrote, checked and with every default filled in.
//!
//! A file is read as a whole or not at all. Unknown keys are errors that name the nearest known one; every error
//! knows its line and column. Paths in the file are relative to the file's folder, so that a host starts the same from
//! anywhere.

mod account;
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

use std::net::SocketAddr;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::time::Duration;

use mynah_api::{ApiSettings, TimeUnit};
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

use chats::ChatSets;
use quantity::{Size, Span};
use section::{Section, Value};

/// A length of time, as an option of a command has it.
pub(crate) fn parse_span(text: &str) -> Result<Duration, String> {
    text.parse::<quantity::Span>().map(|span| span.0).map_err(|error| error.to_string())
}

/// The file that is read if no other is named and it is there.
pub const FILE: &str = "mynah.toml";

/// The port of the seeds: what programs written for them expect.
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

/// Where the file speaks of the settings of scripts.
type Places = Vec<(ScriptName, Range<usize>)>;

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
        let line = |(name, span): (ScriptName, Range<usize>)| (name, problem::line_of(text, span.start));
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

    /// What the file says, and where it speaks of the settings of scripts.
    fn read(mut top: Section<'_>, folder: &Path) -> Result<(Self, Places), Problem> {
        let default = Self::in_folder(folder);
        let path = |value: Value<'_>| read_path(&value, folder);
        let listen = top.read("listen", |value| {
            value.one_or_more("an address, or a list of them", |item| listen::read(&item, folder))
        })?;
        if listen.as_ref().is_some_and(Vec::is_empty) {
            return Err(top.problem(format!("`listen` is empty: give one address, as \"{DEFAULT_LISTEN}\"")));
        }
        let hosts = top.read("hosts", |value| value.list("a list of host names", |item| read_host(&item)))?;
        let mut api = top.read("api", |value| read_api(&value))?.unwrap_or_default();
        api.hosts = hosts.unwrap_or_default();
        let max_clients =
            top.read("max_clients", |value| value.integer(1..=mynah_runtime::limits::KNOWN_ACCOUNTS))?;
        let max_clients = max_clients.unwrap_or(default.max_clients);
        let accounts = top
            .read("account", |value| {
                let accounts = account::read_all(&value, folder)?;
                if accounts.len() > max_clients {
                    let count = accounts.len();
                    return Err(value.problem(format!(
                        "names {count} accounts and `max_clients` is {max_clients}: raise it or name fewer"
                    )));
                }
                Ok(accounts)
            })?
            .unwrap_or(default.accounts);
        let reports_of = |account: &AccountConfig| (account.name.clone(), account.reports.clone());
        api.reports = accounts.iter().map(reports_of).collect();
        let made = top.read("client", |value| account::read_made(&value, folder))?;
        let (made_dialect, made_reports, made_webhook_secret) = made.unwrap_or_default();
        (api.made_dialect, api.made_reports) = (made_dialect, made_reports);
        let sets = top.read("chats", |value| ChatSets::read(&value))?.unwrap_or_default();
        let scripts =
            top.read("script", |value| script::read_all(&value, folder, &sets))?.unwrap_or_default();
        let mut config = Self {
            file: None,
            listen: listen.unwrap_or(default.listen),
            keys: top.read("key", |value| key::read_all(&value, folder))?.unwrap_or_default(),
            data_dir: top.read("data_dir", path)?.unwrap_or(default.data_dir),
            scripts_dir: top.read("scripts_dir", path)?.unwrap_or(default.scripts_dir),
            tmpdir: top.read("tmpdir", path)?,
            max_clients,
            exit_with_last_account: top
                .read("exit_with_last_account", |value| value.boolean())?
                .unwrap_or(default.exit_with_last_account),
            allow_from: top
                .read("allow_from", |value| {
                    value.list("a list of addresses", |item| {
                        item.parsed("an address or a network, such as \"192.168.1.0/24\"")
                    })
                })?
                .unwrap_or_default(),
            durability: top
                .read("durability", |value| {
                    value.choice(&[("process", Durability::Process), ("power", Durability::Power)])
                })?
                .unwrap_or(default.durability),
            max_action_age: top
                .read("max_action_age", |value| read_span(&value, "a length of time, such as \"5min\""))?
                .unwrap_or(default.max_action_age),
            api,
            journal: top.read("journal", |value| journal::read(&value))?.unwrap_or_default(),
            media: top.read("media", |value| media::read(&value, folder))?.unwrap_or_default(),
            accounts,
            made_webhook_secret,
            scripts: scripts.setups,
            script_secrets: scripts.secrets,
            own_builds: false,
            script_lines: Vec::new(),
            text: None,
        };
        top.finish()?;
        let dialects = config.accounts.iter().map(|account| (account.name.clone(), account.dialect));
        config.api.dialects = dialects.collect();
        Ok((config, scripts.places))
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

    /// Refuses to be reachable from elsewhere by everybody (design section 8). Asked after the command line had its say.
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

fn read_host(value: &Value<'_>) -> Result<String, Problem> {
    let name = value.text("a host name")?;
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '.';
    if name.is_empty() || !name.chars().all(plain) {
        return Err(
            value.problem("must be a host name alone, such as \"bot.example.net\": no scheme, port or `*`")
        );
    }
    Ok(name.to_ascii_lowercase())
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

fn read_api(value: &Value<'_>) -> Result<ApiSettings, Problem> {
    let mut api = ApiSettings::default();
    let mut section = value.section("`[api]`")?;
    if let Some(value) = section.take("jsonp") {
        api.jsonp = value.boolean()?;
    }
    if let Some(value) = section.take("cors") {
        api.cors = value.list("a list of origins", |item| read_origin(&item))?;
    }
    if let Some(value) = section.take("shutup_time_unit") {
        api.shutup_time_unit = value.choice(&[("second", TimeUnit::Second), ("minute", TimeUnit::Minute)])?;
    }
    if let Some(value) = section.take("check_event_list_max_size") {
        api.check_event_list_max_size = value.integer(1..=100_000)?;
    }
    if let Some(value) = section.take("body_limit") {
        let bytes = read_size(&value, "a size, such as \"1MiB\"")?;
        api.body_limit =
            usize::try_from(bytes).map_err(|_| value.problem("is more than this machine can hold"))?;
    }
    if let Some(value) = section.take("connections") {
        api.connections = value.integer(1..=100_000)?;
    }
    section.finish()?;
    Ok(api)
}

fn read_origin(value: &Value<'_>) -> Result<String, Problem> {
    const RIGHT: &str = "an origin without a path, such as \"https://example.net\", or \"*\"";
    let origin = value.text(RIGHT)?;
    let host = origin.strip_prefix("http://").or_else(|| origin.strip_prefix("https://"));
    match origin == "*" || host.is_some_and(|host| !host.is_empty() && !host.contains('/')) {
        true => Ok(origin.to_owned()),
        false => Err(value.problem(format!("must be {RIGHT}"))),
    }
}

#[cfg(test)]
mod tests {
    use mynah_engine::InstancePolicy;
    use mynah_model::names::ReleaseId;
    use mynah_runtime::Update;
    use mynah_runtime::grants::{Counted, Mode, OnFault};
    use serde_json::json;

    use super::*;

    fn parse(text: &str) -> Config {
        Config::parse(Path::new("etc/mynah.toml"), text).unwrap_or_else(|error| panic!("{error}"))
    }

    fn addresses(config: &Config) -> Vec<String> {
        config.listen.iter().map(|listener| listener.address.to_string()).collect()
    }

    #[test]
    fn an_empty_file_is_the_defaults() {
        let config = parse("");
        assert_eq!(addresses(&config), ["127.0.0.1:5000"]);
        assert_eq!(config.data_dir, Path::new("etc/data"));
        assert_eq!(config.accounts.iter().map(|account| account.name.as_str()).collect::<Vec<_>>(), ["sim"]);
        assert!(config.check_exposure().is_ok());
    }

    #[test]
    fn everything_that_can_be_written_is_read() {
        let config = parse(
            r#"
            listen = ["localhost:80", "[::1]:80"]
            data_dir = "/var/lib/mynah"
            scripts_dir = "rules"
            tmpdir = "files"
            max_clients = 3
            exit_with_last_account = true
            allow_from = ["10.0.0.0/8"]
            hosts = ["Bot.Example.NET"]
            durability = "power"
            max_action_age = "10min"

            [api]
            jsonp = true
            cors = ["https://example.net"]
            shutup_time_unit = "minute"
            body_limit = "2MiB"

            [[account]]
            name = "qq"
            network = "sim"
            api = "openqq"
            dialect = "v1"
            roster = "people.json"
            seed = 7
            login = "qrcode"

            [script.group-guard]
            mode = "dry-run"
            chats = ["qq/group/*"]
            allow = ["reply", "shutup", "kick"]
            imports = ["kv", "roster"]
            budget = { shutup = "6/min", kick = "3/h", message = "20/min", "message per chat" = "5/min" }
            priority = 10
            policy = { warm = 100 }
            deadline = "20ms"
            memory = "16MiB"
            may_target = ["admin"]
            on-fault = "stop"
            update = "hold"
            pin = "sha256:abababababababababababababababababababababababababababababababab"
            settings = { flood = "6 in 10s", steps = ["warn", "kick"], since = 1979-05-27 }
            [script.group-guard.chat."qq/group/778899"]
            settings = { flood = "12 in 10s" }
            [script.group-guard.chat."qq"]
            settings = { flood = "9 in 10s" }
            "#,
        );
        assert_eq!(addresses(&config), ["127.0.0.1:80", "[::1]:80"]);
        assert_eq!(config.data_dir, Path::new("/var/lib/mynah"));
        assert_eq!(config.scripts_dir, Path::new("etc/rules"));
        assert_eq!(config.max_action_age, Duration::from_secs(600));
        assert_eq!(config.tmpdir.as_deref(), Some(Path::new("etc/files")));
        assert_eq!((config.max_clients, config.exit_with_last_account), (3, true));
        assert_eq!(config.api.hosts, ["bot.example.net"]);
        assert!(config.api.jsonp && config.api.body_limit == 2 << 20);
        let NetworkConfig::Sim(account) = &config.accounts[0].network else { panic!() };
        assert_eq!(account.roster.as_deref(), Some(Path::new("etc/people.json")));
        assert_eq!(config.api.dialect_of(&config.accounts[0].name), mynah_api::openqq::Dialect::V1);

        let setup = &config.scripts["group-guard"];
        assert_eq!(setup.grants.mode, Mode::DryRun);
        assert!(setup.grants.listed && setup.grants.may_target_admins && setup.grants.allow.contains("kick"));
        assert_eq!(setup.grants.budget[&Counted::in_each("message")], "5/min".parse().unwrap());
        assert_eq!((setup.grants.budget.len(), setup.grants.on_fault), (4, OnFault::Stop));
        assert_eq!((setup.update, setup.pin), (Update::Hold, Some(ReleaseId([0xab; 32]))));
        assert!(setup.imports.kv && setup.imports.roster && !setup.imports.kv_shared);
        assert_eq!(setup.policy, InstancePolicy::Warm { max_calls: 100 });
        assert_eq!((setup.limits.deadline, setup.limits.memory), (Duration::from_millis(20), 16 << 20));
        assert_eq!(setup.settings["since"], json!("1979-05-27"));
        let layers: Vec<_> = setup.chat_settings.iter().map(|(pattern, _)| pattern.to_string()).collect();
        assert_eq!(layers, ["qq/*/*", "qq/group/778899"], "the widest comes first");
    }

    #[test]
    fn a_set_of_chats_is_meant_by_its_name_wherever_chats_are() {
        let config = parse(
            "[chats.lively]\naddresses = [\"qq/group/1\", \"qq/group/2\"]\n[script.a]\nchats = [\"chats.lively\", \"wx\"]\n\
             [script.a.chat.\"chats.lively\"]\nsettings = { x = 1 }",
        );
        let setup = &config.scripts["a"];
        let chats: Vec<_> = setup.grants.chats.iter().map(ToString::to_string).collect();
        assert_eq!(chats, ["qq/group/1", "qq/group/2", "wx/*/*"]);
        assert_eq!(setup.chat_settings.len(), 2);
        for (text, says) in [
            ("[chats.a]\naddresses = []", "`chats.a` names no chat"),
            ("[chats.a]\naddress = []", "unknown key `address`"),
            ("[chats.\"A b\"]\naddresses = [\"qq\"]", "cannot name a set of chats"),
            (
                "[chats.home]\naddresses = [\"qq\"]\n[script.a]\nchats = \"chats.hom\"",
                "is a set that there is not",
            ),
            ("[script.a]\nchats = []", "`chats` is empty"),
            ("[script.a.chat.\"chats.x\"]\nsettings = {}", "is a set that there is not"),
        ] {
            let error = Config::parse(Path::new("mynah.toml"), text).unwrap_err();
            assert!(error.to_string().contains(says), "{error}");
        }
    }

    #[test]
    fn no_more_accounts_can_be_named_than_may_run() {
        let two = "max_clients = 1\n[[account]]\nname = \"a\"\n[[account]]\nname = \"b\"";
        let error = Config::parse(Path::new("mynah.toml"), two).unwrap_err().to_string();
        assert!(error.contains("names 2 accounts and `max_clients` is 1"), "{error}");
        for wrong in ["max_clients = 0", "max_clients = 1001", "exit_with_last_account = 1", "tmpdir = \"\""]
        {
            assert!(Config::parse(Path::new("mynah.toml"), wrong).is_err(), "{wrong}");
        }
        let error = Config::parse(Path::new("mynah.toml"), "max_client = 1").unwrap_err();
        assert_eq!(error.hint.as_deref(), Some("did you mean `max_clients`?"), "{error}");
    }

    #[test]
    fn an_error_shows_the_line_even_after_wide_characters_and_a_byte_order_mark() {
        let error = Config::parse(
            Path::new("mynah.toml"),
            "\u{feff}# 配置\n[script.a]\nsettings = { \"值\" = 1, \"值\" = 2 }",
        );
        let error = error.unwrap_err();
        assert_eq!(error.place, Some((3, 23)), "{error}");
        assert!(error.to_string().contains("3 | settings = { \"值\" = 1"), "{error}");
    }

    #[test]
    fn only_loopback_addresses_need_neither_a_key_nor_a_list_of_who_may() {
        for (listen, exposed) in [
            ("127.0.0.2:1", false),
            ("[::1]:1", false),
            ("[::ffff:127.0.0.1]:1", false),
            ("0.0.0.0:1", true),
            ("10.0.0.1:1", true),
        ] {
            let config = parse(&format!("listen = \"{listen}\""));
            assert_eq!(config.check_exposure().is_err(), exposed, "{listen}");
        }
        assert!(parse("listen = \"0.0.0.0:1\"\nallow_from = [\"10.0.0.0/8\"]").check_exposure().is_ok());
        let key = "[[key]]\nname = \"a\"\nsecret = { env = \"A\" }";
        assert!(parse(&format!("listen = \"0.0.0.0:1\"\n{key}")).check_exposure().is_ok());
    }
}
