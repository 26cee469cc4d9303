//! Secrets: in the configuration itself, in a file beside it, or in the environment. Those that lie elsewhere are read when a host
//! starts, because other commands need none. What is wrong with one is said without it.

use std::fmt;
use std::io::Read;
use std::path::{Path, PathBuf};

use super::problem::Problem;
use super::section::{Section, Value};

/// What may stand where a secret is expected.
const RIGHT: &str = "a text, { file = \"PATH\" } or { env = \"NAME\" }";

/// The most bytes that are read of a file: more than any secret may have.
const MOST: u64 = 64 << 10;

/// Where a secret is.
#[derive(Clone, PartialEq, Eq)]
pub enum SecretSource {
    /// In the configuration itself.
    Text(String),
    /// In a file, whose last line end does not count.
    File(PathBuf),
    /// In a variable of the environment.
    Env(String),
}

impl fmt::Debug for SecretSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(_) => f.write_str("Text(..)"),
            Self::File(path) => write!(f, "File({path:?})"),
            Self::Env(name) => write!(f, "Env({name:?})"),
        }
    }
}

/// A secret that is not where the configuration says, or cannot be used. The secret itself is never shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SecretMissing(String);

impl fmt::Display for SecretMissing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for SecretMissing {}

impl SecretSource {
    /// Reads `"text"`, `{ file = "PATH" }` or `{ env = "NAME" }`. `make` says what is wrong with a text.
    pub(super) fn read<T, E: fmt::Display>(
        value: &Value<'_>,
        folder: &Path,
        make: impl Fn(&str) -> Result<T, E>,
    ) -> Result<Self, Problem> {
        if !value.is_table() {
            // A value of another type is not shown either.
            let text = value.text("text").map_err(|_| value.problem(format!("must be {RIGHT}")))?;
            make(text).map_err(|error| value.problem(format!("cannot be used: {error}")))?;
            return Ok(Self::Text(text.to_owned()));
        }
        let mut section = value.section("a secret")?;
        let source = Self::read_place(&mut section, value, folder)?;
        section.finish()?;
        source.ok_or_else(|| value.problem(format!("must be {RIGHT}")))
    }

    /// Reads the keys `file` and `env` of a table that may have others; `None` if it has neither.
    pub(super) fn read_place(
        section: &mut Section<'_>,
        value: &Value<'_>,
        folder: &Path,
    ) -> Result<Option<Self>, Problem> {
        let file = section.read("file", |value| super::read_path(&value, folder))?;
        let env = section.read("env", |value| match value.text("the name of a variable")? {
            "" => Err(value.problem("is empty: give the name of a variable")),
            name => Ok(name.to_owned()),
        })?;
        match (file, env) {
            (Some(_), Some(_)) => Err(value.problem(format!("must be {RIGHT}: a secret is in one place"))),
            (Some(path), None) => Ok(Some(Self::File(path))),
            (None, Some(name)) => Ok(Some(Self::Env(name))),
            (None, None) => Ok(None),
        }
    }

    /// What `make` makes of the secret. `whose` is what an error calls it: the secret of ...
    pub fn open<T, E: fmt::Display>(
        &self,
        whose: &str,
        make: impl Fn(&str) -> Result<T, E>,
    ) -> Result<T, SecretMissing> {
        let (place, text) = match self {
            Self::Text(text) => ("the configuration".to_owned(), Ok(text.clone())),
            Self::File(path) => (format!("the file `{}`", path.display()), read_file(path)),
            Self::Env(name) => (format!("the environment variable `{name}`"), read_variable(name)),
        };
        let made = text.and_then(|text| make(&text).map_err(|error| error.to_string()));
        made.map_err(|why| SecretMissing(format!("the secret of {whose} cannot be used: {place}: {why}")))
    }
}

fn read_file(path: &Path) -> Result<String, String> {
    let mut text = String::new();
    let read = std::fs::File::open(path).and_then(|file| file.take(MOST).read_to_string(&mut text));
    read.map_err(|error| error.to_string())?;
    Ok(text.trim_end_matches(['\r', '\n']).to_owned())
}

fn read_variable(name: &str) -> Result<String, String> {
    std::env::var(name).map_err(|error| match error {
        std::env::VarError::NotPresent => "it is not set".to_owned(),
        std::env::VarError::NotUnicode(_) => "it is not UTF-8".to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn open(source: &SecretSource) -> Result<String, String> {
        let make = |text: &str| match text {
            "hunter2" => Ok(text.to_owned()),
            other => Err(format!("it has {} characters", other.len())),
        };
        source.open("a test", make).map_err(|error| error.to_string())
    }

    #[test]
    fn a_secret_comes_from_the_configuration_a_file_or_the_environment() {
        let folder = tempfile::tempdir().unwrap();
        let file = |name: &str, text: &str| {
            std::fs::write(folder.path().join(name), text).unwrap();
            SecretSource::File(folder.path().join(name))
        };
        assert_eq!(open(&SecretSource::Text("hunter2".into())).unwrap(), "hunter2");
        assert_eq!(open(&file("key", "hunter2\r\n")).unwrap(), "hunter2");
        let path = std::env::var("PATH").unwrap().len();
        let error = open(&SecretSource::Env("PATH".into())).unwrap_err();
        assert_eq!(
            error,
            format!(
                "the secret of a test cannot be used: the environment variable `PATH`: it has {path} characters"
            )
        );
    }

    #[test]
    fn what_is_wrong_with_a_secret_is_said_without_it() {
        let folder = tempfile::tempdir().unwrap();
        let long = folder.path().join("long");
        std::fs::write(&long, "Tr0ub4dor".repeat(1 << 20)).unwrap();
        for (source, expected) in [
            (SecretSource::File(folder.path().join("gone")), "No such file"),
            (SecretSource::File(long), "65536 characters"),
            (SecretSource::Env("MYNAH_NOT_SET".into()), "it is not set"),
            (SecretSource::Text("Tr0ub4dor".into()), "9 characters"),
        ] {
            let error = open(&source).unwrap_err();
            assert!(error.contains(expected) && !error.contains("Tr0ub4dor"), "{error}");
            assert!(!format!("{source:?}").contains("Tr0ub4dor"));
        }
    }
}
