//! `[[account]]`: a chat identity that the host logs in.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use mynah_api::ReportSettings;
use mynah_api::openqq::Dialect;
use mynah_model::names::AccountName;

use super::onebot::{self, OneBotAccount};
use super::problem::Problem;
use super::secret::SecretSource;
use super::section::{Section, Value};

pub use mynah_networks::sim::LoginMode;
pub use mynah_runtime::ApiKind;

/// A network that an account can be on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Sim,
    OneBot,
}

/// The versions of the Openqq API.
const DIALECTS: [(&str, Dialect); 2] = [("v1", Dialect::V1), ("v2", Dialect::V2)];

/// The networks, as the file calls them.
const NETWORKS: [(&str, Kind); 2] = [("sim", Kind::Sim), ("onebot", Kind::OneBot)];

/// People that one account may have as operators; each is told of every alert.
const OPERATORS: usize = 32;

/// Bytes of an id; those of web WeChat have 33.
const OPERATOR_BYTES: usize = 128;

/// The keys of accounts on the embedded network alone.
const SIM_KEYS: [&str; 3] = ["roster", "seed", "login"];

/// An account, as the operator wants it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccountConfig {
    /// Its name: the `client` of the Openqq API.
    pub name: AccountName,
    /// Which API it is served through.
    pub api: ApiKind,
    /// In which version of the Openqq API it is answered and reported.
    pub dialect: Dialect,
    /// What becomes of its reports.
    pub reports: ReportSettings,
    /// What the reports of its webhook are signed with.
    pub webhook_secret: Option<SecretSource>,
    /// Who may use the host's commands in its chats, by the network's ids. `None` is nobody; on the built-in network it is one
    /// of the built-in people.
    pub operators: Option<BTreeSet<String>>,
    /// What it is on.
    pub network: NetworkConfig,
}

/// What an account is on, with what that network needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NetworkConfig {
    /// The embedded network.
    Sim(SimAccount),
    /// QQ through an implementation of OneBot v11.
    OneBot(OneBotAccount),
}

impl NetworkConfig {
    /// The path of our own listeners where the network comes in, if it does.
    fn listen(&self) -> Option<&str> {
        match self {
            Self::Sim(_) => None,
            Self::OneBot(account) => account.listen.as_deref(),
        }
    }
}

/// An account on the embedded network.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SimAccount {
    /// Who is on the network: a JSON file in the API's own shape. `None` is the built-in one of the account's API.
    pub roster: Option<PathBuf>,
    /// One seed is one history.
    pub seed: u64,
    /// How it logs in.
    pub login: LoginMode,
}

impl Default for SimAccount {
    fn default() -> Self {
        Self { roster: None, seed: 1, login: LoginMode::Immediate }
    }
}

impl AccountConfig {
    /// An account with nothing but a name: on the built-in network, logged in at once.
    pub(super) fn named(name: AccountName) -> Self {
        Self {
            name,
            api: ApiKind::Openqq,
            dialect: Dialect::default(),
            reports: ReportSettings::default(),
            webhook_secret: None,
            operators: None,
            network: NetworkConfig::Sim(SimAccount::default()),
        }
    }
}

/// Reads `[client]`: in which words accounts that callers make speak, what becomes of their reports, and what those are signed
/// with.
pub(super) fn read_made(
    value: &Value<'_>,
    folder: &Path,
) -> Result<(Dialect, ReportSettings, Option<SecretSource>), Problem> {
    let mut section = value.section("`[client]`")?;
    let dialect = section.read("dialect", |value| value.choice(&DIALECTS))?.unwrap_or_default();
    let (reports, webhook_secret) = super::reports::read(&mut section, folder)?;
    section.finish()?;
    Ok((dialect, reports, webhook_secret))
}

/// Reads all `[[account]]` tables.
pub(super) fn read_all(value: &Value<'_>, folder: &Path) -> Result<Vec<AccountConfig>, Problem> {
    if value.is_table() {
        return Err(value.problem("is a list: write `[[account]]`, with two brackets"));
    }
    let mut accounts: Vec<AccountConfig> = Vec::new();
    value.list("a list of tables, each `[[account]]`", |item| {
        let account = read(&item, folder)?;
        // Account names become file names, and some file systems take `QQ` and `qq` for one.
        let same =
            accounts.iter().find(|other| other.name.as_str().eq_ignore_ascii_case(account.name.as_str()));
        if let Some(other) = same {
            return Err(item.problem(format!("has the name of another account: `{}`", other.name)));
        }
        let door = account.network.listen();
        if let Some(other) = accounts.iter().find(|other| door.is_some() && other.network.listen() == door) {
            return Err(item.problem(format!(
                "listens where account `{}` does: each needs a path of its own",
                other.name
            )));
        }
        accounts.push(account);
        Ok(())
    })?;
    if accounts.is_empty() {
        return Err(value.problem("is empty: leave it away for one account `sim` on the embedded network"));
    }
    Ok(accounts)
}

fn read(value: &Value<'_>, folder: &Path) -> Result<AccountConfig, Problem> {
    let mut section = value.section("`[[account]]`")?;
    let name = section.read("name", |value| value.parsed("an account name"))?;
    let kind = section.read("network", |value| value.choice(&NETWORKS))?.unwrap_or(Kind::Sim);
    let api = section
        .read("api", |value| value.choice(&[("openqq", ApiKind::Openqq), ("openwx", ApiKind::Openwx)]))?;
    let dialect = section.read("dialect", |value| value.choice(&DIALECTS).map(|dialect| (value, dialect)))?;
    if let (Some((value, _)), Some(ApiKind::Openwx)) = (&dialect, api) {
        return Err(value.problem("is for accounts with `api = \"openqq\"`: Openwx has one version"));
    }
    let network = match kind {
        Kind::Sim => {
            refuse_keys(&section, &onebot::KEYS, "onebot", "sim")?;
            NetworkConfig::Sim(read_sim(&mut section, folder)?)
        }
        Kind::OneBot => {
            refuse_keys(&section, &SIM_KEYS, "sim", "onebot")?;
            NetworkConfig::OneBot(onebot::read(&mut section, folder)?)
        }
    };
    let (reports, webhook_secret) = super::reports::read(&mut section, folder)?;
    let operators = section.read("operators", |value| read_operators(&value))?;
    section.finish()?;
    let name = name.ok_or_else(|| section.problem("`name` is missing, for example `name = \"qq\"`"))?;
    let named = AccountConfig::named(name);
    Ok(AccountConfig {
        api: api.unwrap_or(named.api),
        dialect: dialect.map_or(named.dialect, |(_, dialect)| dialect),
        reports,
        webhook_secret,
        operators,
        network,
        ..named
    })
}

/// The ids of people: whoever has one may pause the account's scripts, so a name, which anybody can take, will not do.
fn read_operators(value: &Value<'_>) -> Result<BTreeSet<String>, Problem> {
    const RIGHT: &str = "a list of ids, each a text: `operators = [\"10086\"]`";
    let ids = value.list(RIGHT, |item| {
        let id = item.text("an id of the account's network, as a text: `\"10086\"`")?;
        if id.trim() != id || id.is_empty() || id.len() > OPERATOR_BYTES {
            return Err(
                item.problem(format!("is no id: 1 to {OPERATOR_BYTES} bytes without spaces around them"))
            );
        }
        Ok(id.to_owned())
    })?;
    if ids.len() > OPERATORS {
        return Err(value.problem(format!("names more than {OPERATORS} people")));
    }
    Ok(ids.into_iter().collect())
}

/// Refuses what only means something on another network.
fn refuse_keys(
    section: &Section<'_>,
    keys: &[&'static str],
    whose: &str,
    network: &str,
) -> Result<(), Problem> {
    for key in keys {
        if let Some(value) = section.peek(key) {
            let problem = value
                .problem(format!("is for accounts on network `{whose}`, and this one is on `{network}`"));
            return Err(problem.hint(format!("leave it away, or write `network = \"{whose}\"`")));
        }
    }
    Ok(())
}

fn read_sim(section: &mut Section<'_>, folder: &Path) -> Result<SimAccount, Problem> {
    let default = SimAccount::default();
    let roster = section.read("roster", |value| super::read_path(&value, folder))?;
    let seed = section.read("seed", |value| value.integer(0..=i64::MAX as u64))?;
    let login = section.read("login", |value| {
        value.choice(&[("immediate", LoginMode::Immediate), ("qrcode", LoginMode::QrCode)])
    })?;
    Ok(SimAccount { roster, seed: seed.unwrap_or(default.seed), login: login.unwrap_or(default.login) })
}
