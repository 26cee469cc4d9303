//! `[[key]]`: who may call the API.

use std::collections::BTreeSet;
use std::path::Path;

use mynah_api::{Key, Scope, Scopes, Secret};
use mynah_model::names::{AccountName, KeyName};

use super::problem::Problem;
use super::secret::{SecretMissing, SecretSource};
use super::section::Value;

/// A key, as the operator wrote it.
#[derive(Debug, Clone)]
pub struct KeyConfig {
    /// What the audit calls its holder.
    pub name: KeyName,
    /// Where its secret is.
    pub secret: SecretSource,
    /// What it is for.
    pub scopes: Scopes,
    /// For which accounts; `None` is for all.
    pub accounts: Option<BTreeSet<AccountName>>,
    /// Whether its holder may sign `send_*` as callers of the original did.
    pub legacy_signature: bool,
}

impl KeyConfig {
    /// The key with its secret.
    pub fn open(&self) -> Result<Key, SecretMissing> {
        Ok(Key {
            name: self.name.clone(),
            secret: self.secret.open(&format!("the key `{}`", self.name), Secret::new)?,
            scopes: self.scopes,
            accounts: self.accounts.clone(),
            legacy_signature: self.legacy_signature,
        })
    }
}

/// Reads all `[[key]]` tables.
pub(super) fn read_all(value: &Value<'_>, folder: &Path) -> Result<Vec<KeyConfig>, Problem> {
    if value.is_table() {
        return Err(value.problem("is a list: write `[[key]]`, with two brackets"));
    }
    let mut keys: Vec<KeyConfig> = Vec::new();
    value.list("a list of tables, each `[[key]]`", |item| {
        let key = read(&item, folder)?;
        if keys.iter().any(|other| other.name == key.name) {
            return Err(item.problem(format!("has the name of another key: `{}`", key.name)));
        }
        keys.push(key);
        Ok(())
    })?;
    Ok(keys)
}

fn read(value: &Value<'_>, folder: &Path) -> Result<KeyConfig, Problem> {
    let mut section = value.section("`[[key]]`")?;
    let name = section.read("name", |value| value.parsed("a key name"))?;
    let secret = section.read("secret", |value| SecretSource::read(&value, folder, Secret::new))?;
    let scopes = section.read("scopes", |value| read_scopes(&value))?;
    let accounts = section.read("accounts", |value| {
        let names = value.list("a list of account names", |item| item.parsed("an account name"))?;
        match names.is_empty() {
            true => Err(value.problem("is empty: leave it away for all accounts")),
            false => Ok(names.into_iter().collect()),
        }
    })?;
    let legacy_signature = section.read("legacy_signature", |value| value.boolean())?;
    section.finish()?;
    let name = name.ok_or_else(|| section.problem("`name` is missing, for example `name = \"panel\"`"))?;
    let secret = secret.ok_or_else(|| {
        section.problem("`secret` is missing, for example `secret = { file = \"panel.secret\" }`")
    })?;
    Ok(KeyConfig {
        name,
        secret,
        scopes: scopes.unwrap_or_else(Scopes::of_callers),
        accounts,
        legacy_signature: legacy_signature.unwrap_or(false),
    })
}

/// Parts of the API, by their names.
pub(super) fn read_scopes(value: &Value<'_>) -> Result<Scopes, Problem> {
    let scopes: Scopes = value
        .list("a list of \"openqq\", \"openwx\", \"admin\"", |item| item.choice(&Scope::NAMES))?
        .into_iter()
        .collect();
    match scopes.is_empty() {
        true => Err(value.problem("is empty: name \"openqq\", \"openwx\" or \"admin\"")),
        false => Ok(scopes),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;

    fn parse(text: &str) -> Result<Config, String> {
        Config::parse(Path::new("etc/mynah.toml"), text).map_err(|error| format!("{error} {:?}", error.hint))
    }

    #[test]
    fn a_key_says_where_its_secret_is_and_what_it_is_for() {
        let config = parse(
            r#"
            [[key]]
            name = "panel"
            secret = { file = "panel.secret" }
            scopes = ["openqq", "admin"]
            accounts = ["qq", "old"]
            [[key]]
            name = "bot"
            secret = "0123456789abcdef"
            legacy_signature = true
            [[key]]
            name = "probe"
            secret = { env = "MYNAH_PROBE" }
            "#,
        )
        .unwrap();
        let [panel, bot, probe] = config.keys.as_slice() else { panic!() };
        assert!(matches!(&panel.secret, SecretSource::File(path) if path == Path::new("etc/panel.secret")));
        assert!(panel.scopes.contains(Scope::Admin) && !panel.scopes.contains(Scope::Openwx));
        assert_eq!(panel.accounts.as_ref().unwrap().len(), 2);
        assert!(bot.legacy_signature && bot.accounts.is_none() && !bot.scopes.contains(Scope::Admin));
        assert!(matches!(&probe.secret, SecretSource::Env(name) if name == "MYNAH_PROBE"));
        assert!(!format!("{config:?}").contains("0123456789abcdef"));
        assert_eq!(bot.open().unwrap().name.as_str(), "bot");
    }

    #[test]
    fn what_cannot_be_a_key_is_refused_and_no_secret_is_shown() {
        for (text, named) in [
            ("[key]\nname = \"a\"", "[[key]]"),
            ("[[key]]\nname = \"a\"", "`secret` is missing"),
            ("[[key]]\nsecret = \"Tr0ub4dor-and-3-more\"", "`name` is missing"),
            ("[[key]]\nname = \"a b\"\nsecret = \"Tr0ub4dor-and-3-more\"", "key name `a b`"),
            ("[[key]]\nname = \"a\"\nsecret = \"\"", "0 characters"),
            ("[[key]]\nname = \"a\"\nsecret = \"Tr0ub4dor\"", "at least 16"),
            ("[[key]]\nname = \"a\"\nsecret = \"Tr0ub4dor and 3 more\"", "visible ASCII"),
            ("[[key]]\nname = \"a\"\nsecret = 1234567890123456", "must be a text, { file"),
            ("[[key]]\nname = \"a\"\nsecret = { file = \"\" }", "is empty"),
            ("[[key]]\nname = \"a\"\nsecret = { fiel = \"a\" }", "file"),
            ("[[key]]\nname = \"a\"\nsecret = { file = \"a\", env = \"b\" }", "must be a text, { file"),
            ("[[key]]\nname = \"a\"\nsecret = { env = \"B\" }\nscopes = []", "is empty"),
            ("[[key]]\nname = \"a\"\nsecret = { env = \"B\" }\nscopes = [\"openq\"]", "openqq"),
            ("[[key]]\nname = \"a\"\nsecret = { env = \"B\" }\naccounts = []", "is empty"),
            ("[[key]]\nname = \"a\"\nsecret = { env = \"B\" }\naccounts = [\"a/b\"]", "account name `a/b`"),
            ("[[key]]\nname = \"a\"\nsecret = { env = \"B\" }\nscope = [\"admin\"]", "scopes"),
            ("key = [{ name = \"a\", secret = \"Tr0ub4dor-and-3-more\", scops = [] }]", "scopes"),
            ("[[key]]\nname = \"a\"\nsecret = \"Tr0ub4dor", "2"),
            (
                "[[key]]\nname = \"a\"\nsecret = { env = \"B\" }\n[[key]]\nname = \"a\"\nsecret = { env = \"C\" }",
                "another key",
            ),
        ] {
            let error = parse(text).unwrap_err();
            assert!(error.contains(named), "{text}: {error}");
            assert!(!error.contains("Tr0ub4dor") && !error.contains("1234567890"), "{text}: {error}");
        }
    }

    #[test]
    fn a_secret_that_is_not_where_it_should_be_is_named_by_its_place() {
        let folder = tempfile::TempDir::new().unwrap();
        let file = |name: &str, text: &str| {
            std::fs::write(folder.path().join(name), text).unwrap();
        };
        file("good", "0123456789abcdef\r\n");
        file("short", "Tr0ub4dor\n");
        file("empty", "");
        let open = |secret: &str| {
            let text = format!("[[key]]\nname = \"a\"\nsecret = {secret}");
            let config = Config::parse(&folder.path().join("mynah.toml"), &text).unwrap();
            config.keys[0].open().map(|_| ()).map_err(|error| error.to_string())
        };
        assert_eq!(open("{ file = \"good\" }"), Ok(()));
        for (secret, named) in [
            ("{ file = \"short\" }", "9 characters"),
            ("{ file = \"empty\" }", "0 characters"),
            ("{ file = \"gone\" }", "No such file"),
            ("{ env = \"MYNAH_NO_SUCH_VARIABLE\" }", "`MYNAH_NO_SUCH_VARIABLE`: it is not set"),
        ] {
            let error = open(secret).unwrap_err();
            assert!(error.contains(named) && error.contains("the key `a`"), "{error}");
            assert!(!error.contains("Tr0ub4dor"), "{error}");
        }
    }
}
