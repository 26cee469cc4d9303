//! One row of a pattern set as it stands in the settings.

use regex::{Regex, RegexBuilder};
use serde_json::Value;

use crate::folding::squeezed::Standing;
use crate::limits::PATTERN_REGEX_BYTES;

/// How a row is looked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// The whole text, but for space around it.
    Exact,
    /// A word somewhere in the text.
    Word(Standing),
    /// A regular expression.
    Regex,
}

/// What of the text's spelling does not matter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Depth {
    /// Case, width, invisible characters.
    Plain,
    /// And accents, styles, look-alikes, traditional characters.
    Letters,
    /// And what stands between letters, and digits for letters.
    Full,
}

/// A row as it was read.
#[derive(Debug)]
pub(super) struct Row {
    pub(super) kind: Kind,
    pub(super) depth: Depth,
    /// As the operator wrote it.
    pub(super) pattern: String,
    /// JSON text.
    pub(super) value: String,
}

/// The keys of which a row has one.
const KINDS: [(&str, Kind); 4] = [
    ("exact", Kind::Exact),
    ("contains", Kind::Word(Standing::Anywhere)),
    ("word", Kind::Word(Standing::Whole)),
    ("regex", Kind::Regex),
];

const DEPTHS: [(&str, Depth); 3] =
    [("plain", Depth::Plain), ("letters", Depth::Letters), ("full", Depth::Full)];

impl Row {
    /// Reads a row; the error says what is wrong with it.
    pub(super) fn read(row: &Value) -> Result<Self, String> {
        let object = match row {
            Value::String(word) => {
                let kind = Kind::Word(Standing::Anywhere);
                return Ok(Self {
                    kind,
                    depth: Depth::Full,
                    pattern: word.clone(),
                    value: "null".to_owned(),
                });
            }
            Value::Object(object) => object,
            other => return Err(format!("it is {}; it must be a text or a table", kind_of(other))),
        };
        let mut given = KINDS.into_iter().filter(|(key, _)| object.contains_key(*key));
        let (Some((key, kind)), None) = (given.next(), given.next()) else {
            return Err("it must have exactly one of `exact`, `contains`, `word` and `regex`".to_owned());
        };
        let Some(Value::String(pattern)) = object.get(key) else {
            return Err(format!("its `{key}` must be a text"));
        };
        let depth = match object.get("fold") {
            None => Depth::Full,
            Some(fold) => DEPTHS
                .into_iter()
                .find_map(|(name, depth)| (fold.as_str() == Some(name)).then_some(depth))
                .ok_or("its `fold` must be `plain`, `letters` or `full`")?,
        };
        let value = match object.get("value") {
            Some(value) => value.to_string(),
            None => {
                let mut rest = object.clone();
                rest.retain(|name, _| name != key && name != "fold");
                match rest.is_empty() {
                    true => "null".to_owned(),
                    false => Value::Object(rest).to_string(),
                }
            }
        };
        Ok(Self { kind, depth, pattern: pattern.clone(), value })
    }
}

/// The expression, within its bounds; the error says what is wrong with it.
pub(super) fn compile_regex(pattern: &str) -> Result<Regex, String> {
    RegexBuilder::new(pattern)
        .case_insensitive(true)
        .size_limit(PATTERN_REGEX_BYTES)
        .dfa_size_limit(PATTERN_REGEX_BYTES)
        .nest_limit(50)
        .build()
        .map_err(|error| match error {
            regex::Error::CompiledTooBig(limit) => {
                format!("the regular expression `{pattern}` takes more than {limit} bytes when compiled")
            }
            error => {
                // The parser's message draws the expression with a marker below it; its last line is the reason.
                let text = error.to_string();
                let reason = text.lines().last().unwrap_or_default();
                format!(
                    "the regular expression `{pattern}` is not valid: {}",
                    reason.trim_start_matches("error: ")
                )
            }
        })
}

/// A value in words.
pub(super) fn kind_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "nothing",
        Value::Bool(_) => "true or false",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "a list",
        Value::Object(_) => "a table",
    }
}
