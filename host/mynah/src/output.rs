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
        .with_writer(|| OneLineEach(std::io::stderr()));
    // Only a test that already logs makes this fail, and it goes on logging as it did.
    let _ = logs.try_init();
}

/// Writes each event of the log as one line, whatever a script or a chat put into its text: what comes after a line break is
/// set in, so that nothing can look like a line of the host's own. Events come as one piece each.
struct OneLineEach<W>(W);

impl<W: Write> Write for OneLineEach<W> {
    fn write(&mut self, event: &[u8]) -> std::io::Result<usize> {
        let (text, end) = match event.strip_suffix(b"\n") {
            Some(text) => (text, b"\n".as_slice()),
            None => (event, b"".as_slice()),
        };
        if text.iter().any(|byte| matches!(byte, b'\n' | b'\r')) {
            let mut set_in = Vec::with_capacity(event.len() + 64);
            for byte in text {
                match byte {
                    b'\n' => set_in.extend_from_slice(b"\n    | "),
                    b'\r' => set_in.extend_from_slice(b"\\r"),
                    byte => set_in.push(*byte),
                }
            }
            self.0.write_all(&set_in)?;
            self.0.write_all(end)?;
        } else {
            self.0.write_all(event)?;
        }
        Ok(event.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.0.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_follows_a_line_break_is_set_in() {
        let mut log = OneLineEach(Vec::new());
        log.write_all(b"INFO one\nINFO forged\rover it\n").unwrap();
        log.write_all(b"INFO two\n").unwrap();
        assert_eq!(String::from_utf8(log.0).unwrap(), "INFO one\n    | INFO forged\\rover it\nINFO two\n");
    }
}
