//! Pattern sets: tables of words and regular expressions in a script's settings, compiled once and looked
//! for in linear time. Texts and rows are folded first (see [`crate::folding`]).

use std::collections::HashMap;

use aho_corasick::{AhoCorasick, AhoCorasickBuilder, AhoCorasickKind, MatchKind};
use regex::{Regex, RegexBuilder};
use serde_json::Value;

use crate::folding::{Origins, fold};
use crate::limits::{PATTERN_REGEX_BYTES, PATTERN_REGEXES, PATTERN_ROWS, PATTERN_TEXT};

/// A row that was found in a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Found {
    pub(crate) start: u32,
    pub(crate) end: u32,
    pub(crate) row: u32,
}

/// A compiled pattern set.
#[derive(Debug)]
pub(crate) struct PatternSet {
    rows: Vec<Row>,
    words: Option<AhoCorasick>,
    /// The row of each word.
    word_rows: Vec<u32>,
    exact: HashMap<String, Vec<u32>>,
    regexes: Vec<(u32, Regex)>,
}

#[derive(Debug)]
struct Row {
    pattern: String,
    value: String,
}

/// How a row is looked for.
enum Kind {
    Exact,
    Contains,
    Regex,
}

impl PatternSet {
    /// Compiles the table that stands at `set` in the settings. The error names set, row and reason.
    pub(crate) fn compile(set: &str, table: &Value) -> Result<Self, String> {
        let Some(table) = table.as_array() else {
            return Err(format!("pattern set `{set}` is {}; it must be a list of rows", kind_of(table)));
        };
        if table.len() > PATTERN_ROWS {
            return Err(format!(
                "pattern set `{set}` has {} rows; at most {PATTERN_ROWS} are taken",
                table.len()
            ));
        }
        let mut compiled = Self {
            rows: Vec::new(),
            words: None,
            word_rows: Vec::new(),
            exact: HashMap::new(),
            regexes: Vec::new(),
        };
        let mut words = Vec::new();
        for (number, row) in (0u32..).zip(table) {
            let wrong = |reason: &str| format!("row {number} of pattern set `{set}`: {reason}");
            let (kind, pattern, value) = read_row(row).map_err(|reason| wrong(&reason))?;
            match kind {
                Kind::Regex => {
                    if compiled.regexes.len() == PATTERN_REGEXES {
                        return Err(wrong(&format!(
                            "it is one regular expression more than {PATTERN_REGEXES}"
                        )));
                    }
                    let regex = compile_regex(&pattern).map_err(|reason| wrong(&reason))?;
                    compiled.regexes.push((number, regex));
                }
                Kind::Contains => {
                    let word = fold(&pattern);
                    if word.is_empty() {
                        return Err(wrong("its text shows nothing, so it would be found everywhere"));
                    }
                    words.push(word);
                    compiled.word_rows.push(number);
                }
                Kind::Exact => {
                    compiled.exact.entry(fold(&pattern).trim().to_owned()).or_default().push(number)
                }
            }
            compiled.rows.push(Row { pattern, value });
        }
        if !words.is_empty() {
            let automaton = AhoCorasickBuilder::new()
                .match_kind(MatchKind::Standard)
                // The deterministic automaton is twice as fast and takes some 100 bytes for a byte of words.
                .kind((words.len() <= 1_000).then_some(AhoCorasickKind::DFA))
                .build(&words)
                .map_err(|error| format!("pattern set `{set}`: {error}"))?;
            compiled.words = Some(automaton);
        }
        Ok(compiled)
    }

    /// All rows that occur in the text, each once, by where they begin.
    pub(crate) fn find(&self, text: &str) -> Result<Vec<Found>, String> {
        check_length(text)?;
        let folded = fold(text);
        let mut found: Vec<(usize, usize, u32)> = Vec::new();
        self.find_words(&folded, &mut found);
        if !self.exact.is_empty() {
            let trimmed = folded.trim();
            let start = folded.len() - folded.trim_start().len();
            let rows = self.exact.get(trimmed).into_iter().flatten();
            found.extend(rows.map(|row| (start, start + trimmed.len(), *row)));
        }
        for (row, regex) in &self.regexes {
            if let Some(place) = regex.find(&folded) {
                found.push((place.start(), place.end(), *row));
            }
        }
        if found.is_empty() {
            return Ok(Vec::new());
        }
        found.sort_unstable_by_key(|(start, _, row)| (*start, *row));
        let origins = Origins::of(text);
        Ok(found
            .into_iter()
            .map(|(start, end, row)| {
                let (start, end) = origins.original(start, end);
                Found { start, end, row }
            })
            .collect())
    }

    /// Whether any row occurs in the text.
    pub(crate) fn matches(&self, text: &str) -> bool {
        if check_length(text).is_err() {
            return false;
        }
        let folded = fold(text);
        self.words.as_ref().is_some_and(|words| words.is_match(&folded))
            || self.exact.contains_key(folded.trim())
            || self.regexes.iter().any(|(_, regex)| regex.is_match(&folded))
    }

    /// A row's pattern as the operator wrote it, and its value as JSON text.
    pub(crate) fn row(&self, row: u32) -> (&str, &str) {
        let row = usize::try_from(row).ok().and_then(|row| self.rows.get(row));
        row.map_or(("", "null"), |row| (&row.pattern, &row.value))
    }

    fn find_words(&self, folded: &str, found: &mut Vec<(usize, usize, u32)>) {
        let Some(words) = &self.words else { return };
        let mut seen: Vec<bool> = Vec::new();
        let mut left = self.word_rows.len();
        for place in words.find_overlapping_iter(folded) {
            if seen.is_empty() {
                seen.resize(self.word_rows.len(), false);
            }
            let word = place.pattern().as_usize();
            if let (Some(seen), Some(row)) = (seen.get_mut(word), self.word_rows.get(word))
                && !std::mem::replace(seen, true)
            {
                found.push((place.start(), place.end(), *row));
                left -= 1;
                if left == 0 {
                    break;
                }
            }
        }
    }
}

fn check_length(text: &str) -> Result<(), String> {
    if text.len() > PATTERN_TEXT {
        return Err(format!(
            "the text has {} bytes; patterns are looked for in at most {PATTERN_TEXT}",
            text.len()
        ));
    }
    Ok(())
}

fn read_row(row: &Value) -> Result<(Kind, String, String), String> {
    let object = match row {
        Value::String(word) => return Ok((Kind::Contains, word.clone(), "null".to_owned())),
        Value::Object(object) => object,
        other => return Err(format!("it is {}; it must be a text or a table", kind_of(other))),
    };
    let keys = ["exact", "contains", "regex"];
    let mut given = keys.into_iter().filter(|key| object.contains_key(*key));
    let (Some(key), None) = (given.next(), given.next()) else {
        return Err("it must have exactly one of `exact`, `contains` and `regex`".to_owned());
    };
    let Some(Value::String(pattern)) = object.get(key) else {
        return Err(format!("its `{key}` must be a text"));
    };
    let value = match object.get("value") {
        Some(value) => value.to_string(),
        None if object.len() == 1 => "null".to_owned(),
        None => {
            let mut rest = object.clone();
            rest.remove(key);
            Value::Object(rest).to_string()
        }
    };
    let kind = match key {
        "exact" => Kind::Exact,
        "contains" => Kind::Contains,
        _ => Kind::Regex,
    };
    Ok((kind, pattern.clone(), value))
}

fn compile_regex(pattern: &str) -> Result<Regex, String> {
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

fn kind_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "nothing",
        Value::Bool(_) => "true or false",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "a list",
        Value::Object(_) => "a table",
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn find(table: Value, text: &str) -> Vec<(String, String, String)> {
        let set = PatternSet::compile("words", &table).unwrap();
        let found = set.find(text).unwrap();
        assert_eq!(set.matches(text), !found.is_empty());
        found
            .into_iter()
            .map(|found| {
                let (pattern, value) = set.row(found.row);
                let place = &text[found.start as usize..found.end as usize];
                (place.to_owned(), pattern.to_owned(), value.to_owned())
            })
            .collect()
    }

    fn row(place: &str, pattern: &str, value: &str) -> (String, String, String) {
        (place.to_owned(), pattern.to_owned(), value.to_owned())
    }

    #[test]
    fn rows_are_found_once_each_by_where_they_begin_with_their_values() {
        let table = json!([
            "spam",
            {"contains": "加微信", "value": {"mute": 600}},
            {"regex": r"\d{5,}", "reply": "no numbers", "weight": 2},
            {"exact": " Hello "},
        ]);
        assert_eq!(
            find(table.clone(), "12345 加\u{200b}微信 SPAM spam"),
            [
                row("12345", r"\d{5,}", r#"{"reply":"no numbers","weight":2}"#),
                row("加\u{200b}微信", "加微信", r#"{"mute":600}"#),
                row("SPAM", "spam", "null"),
            ]
        );
        assert_eq!(find(table.clone(), " ＨＥＬＬＯ\n"), [row("ＨＥＬＬＯ", " Hello ", "null")]);
        assert_eq!(find(table, "hello there"), []);
    }

    #[test]
    fn words_within_words_and_equal_words_are_all_found() {
        let found = find(json!(["abcd", "bc", "c", {"contains": "BC"}]), "abcd");
        assert_eq!(found.len(), 4);
        assert_eq!(found.first().unwrap().1, "abcd");
    }

    #[test]
    fn errors_name_set_row_and_reason() {
        let error = |table: Value| PatternSet::compile("bad.words", &table).unwrap_err();
        assert_eq!(error(json!({})), "pattern set `bad.words` is a table; it must be a list of rows");
        assert_eq!(
            error(json!(["a", 1])),
            "row 1 of pattern set `bad.words`: it is a number; it must be a text or a table"
        );
        assert!(
            error(json!([{"regex": "a", "exact": "b"}]))
                .ends_with("exactly one of `exact`, `contains` and `regex`")
        );
        assert!(
            error(json!([{"regex": "(a"}])).contains("`(a` is not valid: unclosed group"),
            "{}",
            error(json!([{"regex": "(a"}]))
        );
        assert!(error(json!([{"regex": "(.{1,500}){1,500}"}])).contains("takes more than"));
        assert!(error(json!(["\u{200b}"])).contains("shows nothing"));
    }

    #[test]
    fn a_hostile_text_takes_linear_time() {
        let set = PatternSet::compile("x", &json!([{"regex": "(a+)+b"}, "aaaaaaaaab"])).unwrap();
        assert!(set.find(&"a".repeat(PATTERN_TEXT)).unwrap().is_empty());
        assert!(set.find(&"a".repeat(PATTERN_TEXT + 1)).is_err());
    }
}
