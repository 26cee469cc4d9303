//! `fetch` and `secrets` in `[script.NAME]`: from where a script may fetch, and what the host adds.

use std::path::Path;

use mynah_model::names::ScriptName;
use mynah_runtime::{GrantedOrigin, Origin, SecretUse};

use super::problem::Problem;
use super::secret::{SecretMissing, SecretSource};
use super::section::Value;

/// A secret of a script, which is read when a host starts.
#[derive(Debug, Clone)]
pub struct ScriptSecret {
    /// The script.
    pub script: ScriptName,
    /// What it is for.
    pub used: SecretUse,
    /// Where it is.
    pub source: SecretSource,
}

impl ScriptSecret {
    /// With the secret itself.
    ///
    /// # Errors
    /// If it is not where the configuration says, or no header can hold it.
    pub fn open(&self) -> Result<mynah_runtime::FetchSecret, SecretMissing> {
        self.source.open(&format!("`[script.{}]`", self.script), |text| self.used.clone().with(text))
    }
}

/// `fetch = ["https://api.example.com", { origin = "http://weather.lan:8080", private = true }]`.
pub(super) fn read_origins(value: &Value<'_>) -> Result<Vec<GrantedOrigin>, Problem> {
    value.list("a list of places", |item| {
        if !item.is_table() {
            return Ok(read_origin(&item)?.into());
        }
        let mut section = item.section("a place to fetch from")?;
        let origin = section.read("origin", |value| read_origin(&value))?;
        let private = section.read("private", |value| value.boolean())?.unwrap_or(false);
        section.finish()?;
        let right = "{ origin = \"http://weather.lan:8080\", private = true }";
        let origin = origin.ok_or_else(|| item.problem(format!("has no `origin`; write it as {right}")))?;
        if private && origin.is_pattern() {
            return Err(item.problem("is private and a pattern: name each private host"));
        }
        Ok(GrantedOrigin { origin, private })
    })
}

fn read_origin(value: &Value<'_>) -> Result<Origin, Problem> {
    value.parsed("a place to fetch from")
}

/// `secrets = { weather = { file = "weather.key", header = "authorization", prefix = "Bearer ", hosts = [...] } }`.
pub(super) fn read_secrets(
    value: &Value<'_>,
    folder: &Path,
    script: &ScriptName,
) -> Result<Vec<ScriptSecret>, Problem> {
    let entries = value.entries("a table of secrets, each with `file` or `env`, `header` and `hosts`")?;
    let read = entries.into_iter().map(|(key, value)| {
        let mut section = value.section(format!("the secret `{}`", key.name))?;
        let source = SecretSource::read_place(&mut section, &value, folder)?;
        let header = section.read("header", |value| value.text("the name of a header"))?;
        let prefix = section.read("prefix", |value| value.text("what stands before the secret"))?;
        let hosts = section
            .read("hosts", |value| value.list("a list of places", |item| read_origin(&item)))?
            .unwrap_or_default();
        section.finish()?;
        let source = source.ok_or_else(|| {
            value.problem(
                "is in no place: add file = \"PATH\" or env = \"NAME\", so that it is not in this file",
            )
        })?;
        let used =
            SecretUse::new(key.name, header.unwrap_or("authorization"), prefix.unwrap_or_default(), hosts);
        let used = used.map_err(|why| value.problem(format!("cannot be used: {why}")))?;
        Ok(ScriptSecret { script: script.clone(), used, source })
    });
    read.collect()
}

#[cfg(test)]
mod tests {
    use super::super::Config;
    use super::*;

    fn parse(text: &str) -> Result<Config, String> {
        let text = format!("[script.weather]\n{text}");
        Config::parse(Path::new("etc/mynah.toml"), &text).map_err(|error| error.to_string())
    }

    #[test]
    fn places_and_secrets_are_granted_by_name() {
        let config = parse(
            r#"
            fetch = ["https://api.example.com", "https://*.example.net", "http://127.0.0.1:8080", { origin = "http://weather.lan", private = true }]
            secrets = { weather = { file = "weather.key", header = "X-Key", hosts = ["https://api.example.com"] } }
            "#,
        )
        .unwrap();
        let grants = &config.scripts["weather"].grants.fetch;
        let shown: Vec<_> = grants.origins.iter().map(|granted| granted.origin.to_string()).collect();
        assert_eq!(
            shown,
            [
                "https://api.example.com",
                "https://*.example.net",
                "http://127.0.0.1:8080",
                "http://weather.lan"
            ]
        );
        assert!(grants.secrets.is_empty(), "they are read when a host starts");
        assert_eq!(config.script_secrets[0].source, SecretSource::File("etc/weather.key".into()));
        assert!(parse("").unwrap().scripts["weather"].grants.fetch.origins.is_empty());
    }

    #[test]
    fn a_secret_that_is_not_there_is_an_error_when_a_host_starts() {
        let mut config =
            parse(r#"secrets = { a = { env = "MYNAH_NOT_SET", hosts = ["https://a.test"] } }"#).unwrap();
        let error = config.open_script_secrets().unwrap_err().to_string();
        assert!(error.contains("[script.weather]") && error.contains("MYNAH_NOT_SET"), "{error}");
    }

    #[test]
    fn what_cannot_be_meant_is_refused_with_what_would_be_right() {
        for (text, expected) in [
            (r#"fetch = "https://a.test""#, "must be a list of places"),
            (r#"fetch = ["a.test"]"#, "it has no scheme; write it as \"https://api.example.com\""),
            (r#"fetch = ["https://a.test/v1"]"#, "without a path"),
            (r#"fetch = ["http://0x7f.1"]"#, "another way to write 127.0.0.1"),
            (r#"fetch = [{ private = true }]"#, "has no `origin`"),
            (r#"fetch = [{ origin = "https://*.a.test", private = true }]"#, "name each private host"),
            (r#"fetch = [{ origin = "https://a.test", privat = true }]"#, "unknown key `privat`"),
            (r#"allow = ["fetch"]"#, "`fetch` lists no place"),
            (r#"secrets = { a = { hosts = ["https://a.test"] } }"#, "is in no place"),
            (r#"secrets = { a = { env = "A", file = "a", hosts = ["https://a.test"] } }"#, "in one place"),
            (r#"secrets = { a = { env = "A" } }"#, "`hosts` is empty"),
            (r#"secrets = { a = { env = "A", hosts = ["http://a.test"] } }"#, "https only"),
            (
                r#"secrets = { a = { env = "A", header = "Host", hosts = ["https://a.test"] } }"#,
                "the host's own",
            ),
        ] {
            let error = parse(text).unwrap_err();
            assert!(error.contains(expected), "{text}: {error}");
        }
    }
}
