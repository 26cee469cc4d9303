//! `[[account]]`: a chat identity that the host logs in.

use std::path::{Path, PathBuf};

use mynah_api::ReportSettings;
use mynah_api::openqq::Dialect;
use mynah_model::names::AccountName;

use super::problem::Problem;
use super::secret::SecretSource;
use super::section::Value;

pub use mynah_networks::sim::LoginMode;
pub use mynah_runtime::ApiKind;

/// The networks that an account can be on.
const NETWORKS: [(&str, ()); 1] = [("sim", ())];

/// An account on the embedded network, as the operator wants it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccountConfig {
    /// Its name: the `client` of the Openqq API.
    pub name: AccountName,
    /// Which API it is served through.
    pub api: ApiKind,
    /// In which version of the Openqq API it is answered and reported.
    pub dialect: Dialect,
    /// Who is on the network: a JSON file in the API's own shape. `None` is the built-in one of the account's API.
    pub roster: Option<PathBuf>,
    /// One seed is one history.
    pub seed: u64,
    /// How it logs in.
    pub login: LoginMode,
    /// What becomes of its reports.
    pub reports: ReportSettings,
    /// What the reports of its webhook are signed with.
    pub webhook_secret: Option<SecretSource>,
}

impl AccountConfig {
    /// An account with nothing but a name: on the built-in network, logged in at once.
    pub(super) fn named(name: AccountName) -> Self {
        Self {
            name,
            api: ApiKind::Openqq,
            dialect: Dialect::default(),
            roster: None,
            seed: 1,
            login: LoginMode::Immediate,
            reports: ReportSettings::default(),
            webhook_secret: None,
        }
    }
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
    section.read("network", |value| {
        value
            .choice(&NETWORKS)
            .map_err(|problem| problem.hint("this version of mynah has one network: `sim`"))
    })?;
    let api = section
        .read("api", |value| value.choice(&[("openqq", ApiKind::Openqq), ("openwx", ApiKind::Openwx)]))?;
    let dialect = section.read("dialect", |value| {
        value.choice(&[("v1", Dialect::V1), ("v2", Dialect::V2)]).map(|dialect| (value, dialect))
    })?;
    if let (Some((value, _)), Some(ApiKind::Openwx)) = (&dialect, api) {
        return Err(value.problem("is for accounts with `api = \"openqq\"`: Openwx has one version"));
    }
    let roster = section.read("roster", |value| super::read_path(&value, folder))?;
    let seed = section.read("seed", |value| value.integer(0..=i64::MAX as u64))?;
    let login = section.read("login", |value| {
        value.choice(&[("immediate", LoginMode::Immediate), ("qrcode", LoginMode::QrCode)])
    })?;
    let (reports, webhook_secret) = super::reports::read(&mut section, folder)?;
    section.finish()?;
    let name = name.ok_or_else(|| section.problem("`name` is missing, for example `name = \"qq\"`"))?;
    let mut account = AccountConfig::named(name);
    account.roster = roster;
    account.api = api.unwrap_or(account.api);
    account.dialect = dialect.map_or(account.dialect, |(_, dialect)| dialect);
    account.seed = seed.unwrap_or(account.seed);
    account.login = login.unwrap_or(account.login);
    account.reports = reports;
    account.webhook_secret = webhook_secret;
    Ok(account)
}
