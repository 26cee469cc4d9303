//! What a script says about itself while it runs: its log, its standard output and its standard error, all
//! within one limit.

use std::fmt;

use serde::Serialize;

use crate::limits::{LOG_LINE, Limits};

/// How much a line matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum LogLevel {
    /// For whoever writes the script.
    Debug,
    /// Worth knowing.
    Info,
    /// Something is not as it should be.
    Warn,
    /// Something did not work.
    Error,
}

/// How a line came into the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum LogSource {
    /// Through the contract's `log`.
    Log,
    /// Through standard output.
    Stdout,
    /// Through standard error.
    Stderr,
}

/// A line of a script's log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LogLine {
    /// How much it matters: `info` for standard output, `warn` for standard error.
    pub level: LogLevel,
    /// How it came.
    pub source: LogSource,
    /// The text, without a line break at its end.
    pub text: String,
}

impl fmt::Display for LogLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// The log of one call while it is written.
#[derive(Debug, Default)]
pub(crate) struct ScriptLog {
    left: usize,
    lines_left: usize,
    cut: u32,
    lines: Vec<LogLine>,
    stdout: Vec<u8>,
    stderr: Vec<u8>,
    last_words: Vec<u8>,
}

/// How much of the end of standard error is kept for the text of a fault, even if the log is full.
const LAST_WORDS: usize = 1024;

impl ScriptLog {
    /// An empty log that takes what a script may write for one event.
    pub(crate) fn new(limits: &Limits) -> Self {
        Self { left: limits.log, lines_left: limits.log_lines, ..Self::default() }
    }

    /// Adds a line.
    pub(crate) fn line(&mut self, level: LogLevel, text: &str) {
        self.push(level, LogSource::Log, text);
    }

    /// Adds what was written to standard output or standard error; lines are split at line breaks.
    pub(crate) fn written(&mut self, source: LogSource, bytes: &[u8]) {
        if source == LogSource::Stderr {
            self.last_words.extend_from_slice(bytes);
            let excess = self.last_words.len().saturating_sub(LAST_WORDS);
            self.last_words.drain(..excess);
        }
        for piece in bytes.split_inclusive(|byte| *byte == b'\n') {
            let left = self.left;
            let pending = self.pending(source);
            // A line that never ends is cut at the limit of the whole log.
            let room = left.saturating_sub(pending.len());
            pending.extend(piece.iter().take(room));
            let nothing_fits = pending.is_empty();
            if piece.last() == Some(&b'\n') && !nothing_fits {
                self.end_line(source);
            } else if piece.len() > room {
                self.cut = self.cut.saturating_add(1);
            }
        }
    }

    /// The end of what was written to standard error, as a fault's text.
    pub(crate) fn last_words(&self) -> Option<String> {
        let text = String::from_utf8_lossy(&self.last_words);
        let text = text
            .lines()
            .filter(|line| !line.starts_with("note: run with `RUST_BACKTRACE"))
            .collect::<Vec<_>>()
            .join("\n");
        let text = text.trim();
        (!text.is_empty()).then(|| text.to_owned())
    }

    /// The lines, and how many were cut off.
    pub(crate) fn finish(mut self) -> (Vec<LogLine>, u32) {
        self.end_line(LogSource::Stdout);
        self.end_line(LogSource::Stderr);
        (self.lines, self.cut)
    }

    fn pending(&mut self, source: LogSource) -> &mut Vec<u8> {
        if source == LogSource::Stderr { &mut self.stderr } else { &mut self.stdout }
    }

    fn end_line(&mut self, source: LogSource) {
        let level = if source == LogSource::Stderr { LogLevel::Warn } else { LogLevel::Info };
        let bytes = std::mem::take(self.pending(source));
        if !bytes.is_empty() {
            let text = String::from_utf8_lossy(&bytes);
            self.push(level, source, text.trim_end_matches(['\n', '\r']));
        }
    }

    fn push(&mut self, level: LogLevel, source: LogSource, text: &str) {
        let room = self.left.checked_sub(LOG_LINE).filter(|_| self.lines_left > 0);
        let fits = room.and_then(|room| text.get(..text.floor_char_boundary(room))).unwrap_or_default();
        if room.is_none() || fits.len() < text.len() {
            self.cut = self.cut.saturating_add(1);
        }
        if room.is_none() || (fits.is_empty() && !text.is_empty()) {
            return;
        }
        self.lines_left -= 1;
        // After a line that was cut there is no room for another one.
        self.left = if fits.len() < text.len() { 0 } else { self.left - LOG_LINE - fits.len() };
        self.lines.push(LogLine { level, source, text: fits.to_owned() });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn log(bytes: usize, log_lines: usize) -> ScriptLog {
        ScriptLog::new(&Limits { log: bytes, log_lines, ..Limits::default() })
    }

    fn texts(log: ScriptLog) -> (Vec<String>, u32) {
        let (lines, cut) = log.finish();
        (lines.into_iter().map(|line| line.text).collect(), cut)
    }

    #[test]
    fn output_is_split_into_lines_and_the_last_one_needs_no_end() {
        let mut log = log(1000, 10);
        log.written(LogSource::Stdout, b"a\nb");
        log.line(LogLevel::Info, "between");
        log.written(LogSource::Stdout, b"c\r\n\xff");
        assert_eq!(texts(log), (["a", "between", "bc", "\u{fffd}"].map(String::from).to_vec(), 0));
    }

    #[test]
    fn a_full_log_cuts_and_counts_but_keeps_the_last_words() {
        let mut log = log(10 + 2 * LOG_LINE, 10);
        log.line(LogLevel::Info, "12345");
        log.line(LogLevel::Info, "6789äöü");
        log.line(LogLevel::Info, "");
        log.written(LogSource::Stderr, &[b'x'; 5000]);
        log.written(LogSource::Stderr, b"\nthe end");
        assert!(log.last_words().unwrap().ends_with("x\nthe end"));
        let (lines, cut) = texts(log);
        assert_eq!(lines, ["12345", "6789"]);
        assert!(cut >= 2, "{cut}");
    }

    #[test]
    fn writing_without_end_takes_no_more_than_the_limit() {
        let mut log = log(1000, 1000);
        for _ in 0..10_000 {
            log.written(LogSource::Stdout, b"\n");
            log.written(LogSource::Stdout, &[b'y'; 100]);
        }
        let (lines, _) = texts(log);
        assert!(lines.iter().map(|line| line.len() + LOG_LINE).sum::<usize>() <= 1000, "{lines:?}");
    }

    #[test]
    fn many_short_lines_are_counted_as_what_becomes_of_them() {
        for (bytes, log_lines) in [(16 * 1024, 64), (64 * LOG_LINE + 64, 10_000)] {
            let mut log = log(bytes, log_lines);
            log.written(LogSource::Stdout, &b"x\n".repeat(16_384));
            let (lines, cut) = texts(log);
            assert_eq!((lines.len(), cut), (64, 16_384 - 64), "{bytes} bytes, {log_lines} lines");
        }
    }
}
