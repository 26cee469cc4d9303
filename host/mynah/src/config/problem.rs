//! What is wrong with a configuration, and where.

use std::fmt;
use std::ops::Range;
use std::path::{Path, PathBuf};

/// What is wrong with a piece of the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Problem {
    /// Bytes of the text that it is about.
    pub(crate) span: Range<usize>,
    /// What was wrong.
    pub(crate) message: String,
    /// What would be right, if the message does not say so.
    pub(crate) hint: Option<String>,
}

impl Problem {
    pub(crate) fn new(span: Range<usize>, message: impl Into<String>) -> Self {
        Self { span, message: message.into(), hint: None }
    }

    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

/// Why a configuration cannot be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigError {
    /// The file.
    pub file: PathBuf,
    /// Line and column, both from 1, in characters; `None` if it is about the file as a whole.
    pub place: Option<(usize, usize)>,
    /// What was wrong.
    pub message: String,
    /// The line of the file that it is about, unless it has to do with a secret.
    pub line: Option<String>,
    /// What would be right, if the message does not say so.
    pub hint: Option<String>,
}

impl ConfigError {
    /// About the file as a whole.
    pub(crate) fn whole(file: &Path, message: impl Into<String>) -> Self {
        Self { file: file.into(), place: None, message: message.into(), line: None, hint: None }
    }

    /// About a piece of the file's text.
    pub(crate) fn at(file: &Path, text: &str, problem: Problem) -> Self {
        let before = text.get(..problem.span.start).unwrap_or(text);
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        let line = line_of(text, problem.span.start);
        // A secret in the file is not shown to whoever reads the error.
        let shown = text.get(line_start..).and_then(|rest| rest.lines().next());
        let secret =
            |line: &str| ["secret", "token"].iter().any(|word| line.to_ascii_lowercase().contains(word));
        let shown = shown.filter(|line| !secret(line));
        let column = text.get(line_start..before.len()).map_or(0, |cut| cut.chars().count()) + 1;
        Self {
            file: file.into(),
            place: Some((line, column)),
            message: problem.message,
            line: shown.map(str::to_owned),
            hint: problem.hint,
        }
    }
}

/// The line that a byte of the text stands in, from 1.
pub(crate) fn line_of(text: &str, at: usize) -> usize {
    text.get(..at).unwrap_or(text).matches('\n').count() + 1
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.place {
            Some((line, column)) => write!(f, "{}:{line}:{column}: {}", self.file.display(), self.message)?,
            None => write!(f, "{}: {}", self.file.display(), self.message)?,
        }
        if let (Some((number, column)), Some(line)) = (self.place, &self.line) {
            let gutter = number.to_string();
            let indent: String =
                line.chars().take(column - 1).map(|c| if c == '\t' { '\t' } else { ' ' }).collect();
            write!(f, "\n{gutter} | {line}\n{:width$} | {indent}^", "", width = gutter.len())?;
        }
        Ok(())
    }
}

impl std::error::Error for ConfigError {}
