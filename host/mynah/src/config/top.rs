//! The top level of the file: its own keys, and handing each section to the one who reads it.

use std::ops::Range;
use std::path::Path;

use mynah_model::names::ScriptName;
use mynah_store::Durability;

use super::account::{self, AccountConfig};
use super::chats::ChatSets;
use super::problem::Problem;
use super::section::{Section, Value};
use super::{Config, DEFAULT_LISTEN, api, journal, key, listen, media, read_path, read_span, script};

/// Where the file speaks of the settings of scripts.
type Places = Vec<(ScriptName, Range<usize>)>;

impl Config {
    /// What the file says, and where it speaks of the settings of scripts.
    pub(super) fn read(mut top: Section<'_>, folder: &Path) -> Result<(Self, Places), Problem> {
        let default = Self::in_folder(folder);
        let path = |value: Value<'_>| read_path(&value, folder);
        let listen = top.read("listen", |value| {
            value.one_or_more("an address, or a list of them", |item| listen::read(&item, folder))
        })?;
        if listen.as_ref().is_some_and(Vec::is_empty) {
            return Err(top.problem(format!("`listen` is empty: give one address, as \"{DEFAULT_LISTEN}\"")));
        }
        let hosts =
            top.read("hosts", |value| value.list("a list of host names", |item| api::read_host(&item)))?;
        let mut api = top.read("api", |value| api::read(&value))?.unwrap_or_default();
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
}
