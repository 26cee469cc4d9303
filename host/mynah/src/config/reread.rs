//! `mynah.toml` of a running host: read again whenever it is saved.

use std::fmt;
use std::path::{Path, PathBuf};

use mynah_runtime::{ConfigFile, Reread};
use toml::de::{DeTable, DeValue};

use super::{Config, FILE};

/// The keys at the top that are in force as soon as they are saved.
const LIVE: [&str; 2] = ["script", "chats"];

/// The text of the file. Secrets may stand in it, so it is never shown as a whole.
#[derive(Clone)]
pub(crate) struct FileText(pub(super) String);

impl fmt::Debug for FileText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("FileText(…)")
    }
}

/// The file that the host was started with, or could have been.
pub(crate) struct LiveFile {
    path: PathBuf,
    started_with: Option<FileText>,
}

impl LiveFile {
    /// The file of a configuration; where there was none, the one that would be read at the next start.
    pub(crate) fn of(config: &Config) -> Self {
        let path = config.file.clone().unwrap_or_else(|| FILE.into());
        Self { path, started_with: config.text.clone() }
    }
}

impl ConfigFile for LiveFile {
    fn path(&self) -> &Path {
        &self.path
    }

    fn started_with(&self) -> Option<&str> {
        self.started_with.as_ref().map(|text| text.0.as_str())
    }

    fn read(&self, text: &str) -> Result<Reread, String> {
        let mut config = Config::parse(&self.path, text).map_err(|error| match &error.hint {
            Some(hint) => format!("{error}\nhint: {hint}"),
            None => error.to_string(),
        })?;
        config.open_script_secrets().map_err(|error| error.to_string())?;
        let place = |(name, line)| (name, format!("{}:{line}", self.path.display()));
        Ok(Reread {
            needs_restart: changed_keys(self.started_with().unwrap_or_default(), text),
            setups: config.scripts,
            places: config.script_lines.into_iter().map(place).collect(),
        })
    }
}

/// The keys that differ and take a restart: those at the top, and those of tables there (`api.jsonp`).
fn changed_keys(before: &str, after: &str) -> Vec<String> {
    // Both were read before, so neither fails here.
    let (Ok(before), Ok(after)) = (DeTable::parse(trimmed(before)), DeTable::parse(trimmed(after))) else {
        return Vec::new();
    };
    let mut keys = Vec::new();
    compare("", before.get_ref(), after.get_ref(), &mut keys);
    keys
}

fn trimmed(text: &str) -> &str {
    text.trim_start_matches('\u{feff}')
}

fn compare(above: &str, before: &DeTable<'_>, after: &DeTable<'_>, keys: &mut Vec<String>) {
    let names: std::collections::BTreeSet<&str> =
        before.keys().chain(after.keys()).map(|key| key.get_ref().as_ref()).collect();
    for name in names.into_iter().filter(|name| !(above.is_empty() && LIVE.contains(name))) {
        let value = |table: &DeTable<'_>| table.get(name).map(|value| plain(value.get_ref()));
        let (old, new) = (value(before), value(after));
        if old == new {
            continue;
        }
        let path = format!("{above}{name}");
        match (before.get(name).map(|it| it.get_ref()), after.get(name).map(|it| it.get_ref())) {
            (Some(DeValue::Table(old)), Some(DeValue::Table(new))) if above.is_empty() => {
                compare(&format!("{path}."), old, new, keys);
            }
            _ => keys.push(path),
        }
    }
}

/// A value without its place in the text.
fn plain(value: &DeValue<'_>) -> String {
    match value {
        DeValue::String(text) => format!("{text:?}"),
        DeValue::Integer(number) => number.to_string(),
        DeValue::Float(number) => number.to_string(),
        DeValue::Boolean(value) => value.to_string(),
        DeValue::Datetime(value) => value.to_string(),
        DeValue::Array(items) => {
            let items = items.iter().map(|item| plain(item.get_ref()));
            format!("[{}]", items.collect::<Vec<_>>().join(","))
        }
        DeValue::Table(table) => {
            let mut entries: Vec<_> = table
                .iter()
                .map(|(key, value)| format!("{:?}={}", key.get_ref(), plain(value.get_ref())))
                .collect();
            entries.sort();
            format!("{{{}}}", entries.join(","))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_takes_a_restart_is_named_and_what_does_not_is_not() {
        let before = "listen = \"127.0.0.1:1\"\n[api]\njsonp = true\nbody_limit = 1\n[[account]]\nname = \"a\"\n[script.x]\nmode = \"off\"";
        let after = "max_clients = 3\nlisten = '127.0.0.1:1'\n[api]\nbody_limit = 2\njsonp = true\n[[account]]\nname = \"b\"\n[script.x]\nmode = \"live\"\n[chats.y]\naddresses = [\"a\"]";
        assert_eq!(changed_keys(before, after), ["account", "api.body_limit", "max_clients"]);
        assert_eq!(changed_keys(before, before), Vec::<String>::new());
        assert_eq!(changed_keys("", "[api]\njsonp = true"), ["api"]);
    }

    #[test]
    fn a_file_that_is_saved_keeps_the_secrets_of_its_scripts_and_is_refused_without_them() {
        let folder = tempfile::tempdir().unwrap();
        let key = folder.path().join("weather.key");
        std::fs::write(&key, "hush").unwrap();
        let text = "[script.weather]\nfetch = [\"https://a.test\"]\nsecrets = { weather = { file = \"weather.key\", hosts = [\"https://a.test\"] } }";
        let path = folder.path().join(FILE);
        let file = LiveFile::of(&Config::parse(&path, text).unwrap());
        let reread = file.read(text).unwrap();
        assert_eq!(reread.setups["weather"].grants.fetch.secrets.len(), 1);
        std::fs::remove_file(&key).unwrap();
        let error = file.read(text).err().unwrap();
        assert!(error.contains("weather"), "{error}");
    }
}
