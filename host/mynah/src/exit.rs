//! How a command ends: exit codes, and what is said on stderr.

use std::fmt;
use std::io::{IsTerminal, Write};
use std::process::ExitCode;

use mynah_model::refusal::Refusal;

use crate::config::{ConfigError, Exposed, SecretMissing};

/// The exit codes, for `--help`.
pub(crate) const HELP: &str = "Exit codes:
  0  it was done
  1  it failed: a port in use, a build error, a file that cannot be written
  2  what was asked for is wrong: the command line, mynah.toml, a roster
  3  it was refused: the component in `check`, the call in `say`";

/// How a command that did not do its work ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// Something did not work.
    Failed = 1,
    /// The command line or the configuration is wrong. clap uses the same number.
    Usage = 2,
    /// The host, or admission, said no.
    Refused = 3,
}

/// Why a command did not do its work, and what to do about it.
#[derive(Debug)]
pub struct Failure {
    /// The exit code.
    pub exit: Exit,
    /// What went wrong, with its causes.
    pub error: anyhow::Error,
    /// What to type or write.
    pub hint: Option<String>,
}

impl Failure {
    /// Something did not work.
    pub fn failed(message: impl fmt::Display) -> Self {
        anyhow::anyhow!("{message}").into()
    }

    /// What was asked for is wrong.
    pub fn usage(message: impl fmt::Display) -> Self {
        Self { exit: Exit::Usage, ..Self::failed(message) }
    }

    /// Adds what to type or write.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Says it on stderr.
    pub fn report(&self) -> ExitCode {
        let mut err = std::io::stderr().lock();
        let (error, hint) = match err.is_terminal() {
            true => ("\x1b[1;31merror:\x1b[0m", "\x1b[1;36mhint:\x1b[0m"),
            false => ("error:", "hint:"),
        };
        // Nobody is left to tell if stderr is gone.
        let _ = writeln!(err, "{error} {:#}", self.error);
        if let Some(text) = &self.hint {
            let _ = writeln!(err, "\n{hint} {text}");
        }
        ExitCode::from(self.exit as u8)
    }
}

impl From<anyhow::Error> for Failure {
    fn from(error: anyhow::Error) -> Self {
        Self { exit: Exit::Failed, error, hint: None }
    }
}

impl From<ConfigError> for Failure {
    fn from(error: ConfigError) -> Self {
        let hint = error.hint.clone();
        Self { exit: Exit::Usage, error: error.into(), hint }
    }
}

impl From<Exposed> for Failure {
    fn from(error: Exposed) -> Self {
        let failure = Self { exit: Exit::Usage, error: error.into(), hint: None };
        failure.hint(
            "say who may: a `[[key]]` in mynah.toml, or `allow_from = [\"192.168.1.0/24\"]`; or listen on 127.0.0.1 and put a proxy in front",
        )
    }
}

impl From<SecretMissing> for Failure {
    fn from(error: SecretMissing) -> Self {
        let failure = Self { exit: Exit::Usage, error: error.into(), hint: None };
        failure
            .hint("`openssl rand -hex 32 > NAME.secret` makes one for `secret = { file = \"NAME.secret\" }`")
    }
}

impl From<Refusal> for Failure {
    fn from(refusal: Refusal) -> Self {
        let hint =
            refusal.hint.clone().unwrap_or_else(|| format!("`mynah explain {}` says more", refusal.code));
        Self { exit: Exit::Refused, error: refusal.into(), hint: Some(hint) }
    }
}
