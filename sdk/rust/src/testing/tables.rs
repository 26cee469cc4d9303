//! Pattern tables, done the simple way: one row after the other, folded as the host folds rows with `fold = "plain"`. The
//! host compiles them instead, and finds the same and more: accents, styles, look-alikes, traditional characters, and what
//! stands between letters. Its tables for these are larger than this crate, which every rule carries along.

use regex::RegexBuilder;
use serde_json::{Map, Value};

use crate::types::Match;

/// All rows that occur in a text, each once, by where they begin.
pub(super) fn find(table: &Value, text: &str) -> Result<Vec<Match>, String> {
    let rows = table.as_array().ok_or("a table is a list of rows")?;
    let text = Folded::new(text);
    let mut found = Vec::new();
    for (row, number) in rows.iter().zip(0..) {
        let (way, pattern) = read(row).map_err(|error| format!("row {number}: {error}"))?;
        if let Some((start, end)) = text.find(&way).map_err(|error| format!("row {number}: {error}"))? {
            let value = rest_of(row).to_string();
            found.push(Match { start: place(start), end: place(end), row: number, pattern, value });
        }
    }
    found.sort_by_key(|found| (found.start, found.row));
    Ok(found)
}

/// How a row is looked for.
enum Way {
    /// The whole text, but for spaces around it.
    Exact(String),
    Contains(String),
    /// By itself, and not as a part of another word.
    Word(String),
    Regex(String),
}

/// A row's way, and its pattern as written.
fn read(row: &Value) -> Result<(Way, String), String> {
    let wrong =
        || "a row is a text, or a table with one of `exact`, `contains`, `word` or `regex`".to_owned();
    if let Some(word) = row.as_str() {
        return Ok((Way::Contains(fold(word)), word.to_owned()));
    }
    let row = row.as_object().ok_or_else(wrong)?;
    let text = |key| row.get(key).and_then(Value::as_str);
    match (text("exact"), text("contains"), text("word"), text("regex")) {
        (Some(word), None, None, None) => Ok((Way::Exact(fold(word).trim().into()), word.into())),
        (None, Some(word), None, None) => Ok((Way::Contains(fold(word)), word.into())),
        (None, None, Some(word), None) => Ok((Way::Word(fold(word)), word.into())),
        (None, None, None, Some(regex)) => Ok((Way::Regex(regex.into()), regex.into())),
        _ => Err(wrong()),
    }
}

/// A row's value: its `value`, or else all that it has beside its pattern.
fn rest_of(row: &Value) -> Value {
    if let Some(value) = row.get("value") {
        return value.clone();
    }
    let rest = row.as_object().into_iter().flatten();
    let rest: Map<_, _> = rest
        .filter(|(key, _)| !matches!(key.as_str(), "exact" | "contains" | "word" | "regex" | "fold"))
        .map(|(key, value)| (key.clone(), value.clone()))
        .collect();
    if rest.is_empty() { Value::Null } else { Value::Object(rest) }
}

/// A text without what people vary to slip past a table, and where its bytes were.
struct Folded {
    text: String,
    /// For each byte of `text`, where its character begins and ends in the original.
    places: Vec<(usize, usize)>,
}

impl Folded {
    fn new(original: &str) -> Self {
        let mut folded = Self { text: String::new(), places: Vec::new() };
        for (at, character) in original.char_indices() {
            let end = at + character.len_utf8();
            for character in fold_char(character) {
                folded.text.push(character);
                folded.places.resize(folded.text.len(), (at, end));
            }
        }
        folded
    }

    /// Where in the original it occurs first.
    fn find(&self, way: &Way) -> Result<Option<(usize, usize)>, String> {
        let range = match way {
            Way::Exact(word) => {
                let start = self.text.len() - self.text.trim_start().len();
                (self.text.trim() == word).then_some(start..start + word.len())
            }
            Way::Contains(word) => self.text.find(word).map(|start| start..start + word.len()),
            Way::Word(word) => {
                let places = self.text.match_indices(word.as_str());
                let mut ranges = places.map(|(start, word)| start..start + word.len());
                ranges.find(|range| self.stands_alone(range))
            }
            Way::Regex(regex) => {
                let regex = RegexBuilder::new(regex).case_insensitive(true).build();
                regex.map_err(|error| error.to_string())?.find(&self.text).map(|found| found.range())
            }
        };
        Ok(range.map(|range| {
            let start = self.places.get(range.start).map_or(0, |place| place.0);
            let last = self.places.get(range.clone()).and_then(|places| places.last());
            (start, last.map_or(start, |place| place.1))
        }))
    }
}

impl Folded {
    /// Whether no letter or digit stands right before or behind it. Chinese has no spaces, so there it may.
    fn stands_alone(&self, range: &std::ops::Range<usize>) -> bool {
        let of_word = |c: &char| c.is_alphanumeric() && !('\u{3040}'..='\u{9fff}').contains(c);
        let before = self.text.get(..range.start).and_then(|text| text.chars().next_back());
        let after = self.text.get(range.end..).and_then(|text| text.chars().next());
        before.filter(of_word).is_none() && after.filter(of_word).is_none()
    }
}

fn fold(text: &str) -> String {
    text.chars().flat_map(fold_char).collect()
}

/// Narrow, lower case, and nothing for what is not seen.
fn fold_char(character: char) -> impl Iterator<Item = char> {
    let narrow = match character {
        unseen if shows_nothing(unseen) => None,
        '\u{3000}' => Some(' '),
        '\u{FF01}'..='\u{FF5E}' => char::from_u32(u32::from(character) - 0xFEE0),
        other => Some(other),
    };
    narrow.into_iter().flat_map(char::to_lowercase)
}

/// Characters that format, join, select or strike through others: the host's list (`host/engine/src/folding.rs`).
fn shows_nothing(character: char) -> bool {
    matches!(character,
        '\u{00ad}' | '\u{034f}' | '\u{061c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{180b}'..='\u{180f}'
        | '\u{0334}'..='\u{0338}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
        | '\u{20d0}'..='\u{20f0}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}' | '\u{fff9}'..='\u{fffb}'
        | '\u{e0000}'..='\u{e0fff}')
}

fn place(at: usize) -> u32 {
    u32::try_from(at).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn rows_are_found_in_any_spelling_and_in_the_order_of_the_text() {
        let table =
            json!([{ "regex": "v\\s*x\\d+", "why": 1 }, "加微信", { "exact": "hi" }, { "contains": "Free" }]);
        let text = "ＦＲＥＥ 加\u{200B}微\u{336}信 VX12";
        let found = find(&table, text).unwrap();
        let seen: Vec<_> = found
            .iter()
            .map(|found| (found.row, &text[found.start as usize..found.end as usize], found.value.as_str()))
            .collect();
        assert_eq!(
            seen,
            [(3, "ＦＲＥＥ", "null"), (1, "加\u{200B}微\u{336}信", "null"), (0, "VX12", "{\"why\":1}")]
        );
    }

    #[test]
    fn exact_is_the_whole_text() {
        let table = json!([{ "exact": "Hi" }]);
        assert_eq!(find(&table, "  hi ").unwrap().len(), 1);
        assert!(find(&table, "hi there").unwrap().is_empty());
    }

    #[test]
    fn a_word_is_no_part_of_another() {
        let table = json!([{ "word": "ass", "fold": "plain", "why": 1 }]);
        assert!(find(&table, "in class, assess").unwrap().is_empty());
        let found = find(&table, "class, 是ASS吗").unwrap();
        assert_eq!((found.len(), found.first().unwrap().value.as_str()), (1, "{\"why\":1}"));
    }

    #[test]
    fn a_bad_row_is_named() {
        for (table, part) in [
            (json!({}), "a list of rows"),
            (json!(["a", { "reply": "b" }]), "row 1"),
            (json!([{ "exact": "a", "regex": "b" }]), "row 0"),
            (json!([{ "regex": "(" }]), "row 0"),
        ] {
            let error = find(&table, "a").unwrap_err();
            assert!(error.contains(part), "{error}");
        }
    }
}
