//! Where things are said: data on stdout, logs on stderr.

use std::io::{ErrorKind, IsTerminal, Write};

use anyhow::Context;
use tracing_subscriber::EnvFilter;

use crate::exit::Failure;

/// Writes data to stdout. A reader that has seen enough (`| head`) is no failure.
pub(crate) fn print(text: &str) -> Result<(), Failure> {
    let mut out = std::io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            Ok(Err(error).context("stdout cannot be written")?)
        }
        _ => Ok(()),
    }
}

/// A time in unix ms as people read it, in UTC as logs have it.
pub(crate) fn time(unix_ms: i64) -> String {
    let time = chrono::DateTime::from_timestamp_millis(unix_ms).unwrap_or_default();
    time.format("%Y-%m-%d %H:%M:%S").to_string()
}

/// Sends logs to stderr; `RUST_LOG` says which (default `quiet` for a command's own words).
pub(crate) fn log_to_stderr(default: &str) {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(default));
    let logs = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(std::io::stderr().is_terminal())
        .with_target(false)
        .with_writer(std::io::stderr);
    // Only a test that already logs makes this fail, and it goes on logging as it did.
    let _ = logs.try_init();
}
