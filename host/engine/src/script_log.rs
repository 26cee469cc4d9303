//! What a script says about itself while it runs: its log, its standard output and its standard error, all
//! within one limit.

use std::fmt;

use serde::Serialize;

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
    cut: u32,
    lines: Vec<LogLine>,
    stdout: Vec<u8>,
    stderr: Vec<u8>,
    last_words: Vec<u8>,
}

/// How much of the end of standard error is kept for the text of a fault, even if the log is full.
const LAST_WORDS: usize = 1024;

impl ScriptLog {
    /// An empty log that takes so many bytes.
    pub(crate) fn new(limit: usize) -> Self {
        Self { left: limit, ..Self::default() }
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
            if piece.last() == Some(&b'\n') {
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
        // An empty line costs a byte too, so that a script cannot write endless ones.
        let cost = text.len().max(1);
        if cost > self.left {
            self.cut = self.cut.saturating_add(1);
            let end = text.floor_char_boundary(self.left);
            if end == 0 {
                return;
            }
            self.left = 0;
            self.lines.push(LogLine { level, source, text: text.get(..end).unwrap_or_default().to_owned() });
            return;
        }
        self.left -= cost;
        self.lines.push(LogLine { level, source, text: text.to_owned() });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(log: ScriptLog) -> (Vec<String>, u32) {
        let (lines, cut) = log.finish();
        (lines.into_iter().map(|line| line.text).collect(), cut)
    }

    #[test]
    fn output_is_split_into_lines_and_the_last_one_needs_no_end() {
        let mut log = ScriptLog::new(100);
        log.written(LogSource::Stdout, b"a\nb");
        log.line(LogLevel::Info, "between");
        log.written(LogSource::Stdout, b"c\r\n\xff");
        assert_eq!(texts(log), (["a", "between", "bc", "\u{fffd}"].map(String::from).to_vec(), 0));
    }

    #[test]
    fn a_full_log_cuts_and_counts_but_keeps_the_last_words() {
        let mut log = ScriptLog::new(10);
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
        let mut log = ScriptLog::new(1000);
        for _ in 0..10_000 {
            log.written(LogSource::Stdout, b"\n");
            log.written(LogSource::Stdout, &[b'y'; 100]);
        }
        let (lines, _) = texts(log);
        assert!(lines.iter().map(String::len).sum::<usize>() <= 1000);
        assert!(lines.len() <= 1001);
    }
}
