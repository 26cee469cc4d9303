//! Pattern sets: tables of words and regular expressions in a script's settings, compiled once and looked
//! for in linear time. Texts and rows are folded first (see [`crate::folding`]); where a row is found is said of the text as
//! it was given.
//!
//! # Layout
//! - `row`: a row as it stands in the settings
//! - `words`: many words looked for at once
//! - `forms`: a text in the forms in which rows are looked for

use std::collections::HashMap;
use std::ops::ControlFlow;

use regex::Regex;
use serde_json::Value;

use crate::folding::squeezed::{Reading, Standing, leet_spellings, squeeze, stands_whole};
use crate::folding::{Folding, fold};
use crate::limits::{PATTERN_REGEXES, PATTERN_ROWS, PATTERN_TEXT};
use crate::patterns::forms::Forms;
use crate::patterns::row::{Depth, Kind, Row, compile_regex, kind_of};
use crate::patterns::words::{WordList, Words};

mod forms;
mod row;
mod words;

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
    /// Of each row its pattern as written, and its value as JSON text.
    rows: Vec<(String, String)>,
    plain: Option<Words>,
    letters: Option<Words>,
    squeezed: Option<Words>,
    leet: Option<Words>,
    plain_exact: HashMap<String, Vec<u32>>,
    letters_exact: HashMap<String, Vec<u32>>,
    regexes: Vec<(u32, Regex, Depth)>,
}

/// What becomes a set.
#[derive(Default)]
struct Lists {
    plain: WordList,
    letters: WordList,
    squeezed: WordList,
    leet: WordList,
}

impl Lists {
    /// Adds a word to the lists in which it is looked for.
    fn add(&mut self, pattern: &str, row: u32, standing: Standing, depth: Depth) -> Result<(), String> {
        let folding = if depth == Depth::Plain { Folding::Plain } else { Folding::Letters };
        let word = fold(pattern, folding);
        if word.is_empty() {
            return Err("its text shows nothing, so it would be found everywhere".to_owned());
        }
        match depth {
            Depth::Plain => self.plain.add(word, row, standing),
            Depth::Letters => self.letters.add(word, row, standing),
            Depth::Full => {
                let squeezed = squeeze(&word, Reading::Literal).unwrap_or_default();
                let is_letter = |end: Option<char>| end.is_some_and(char::is_alphanumeric);
                // `+v` is more than a v, and a single letter has nothing between it.
                if !is_letter(word.chars().next())
                    || !is_letter(word.chars().next_back())
                    || squeezed.chars().nth(1).is_none()
                {
                    self.letters.add(word, row, standing);
                    return Ok(());
                }
                for spelling in leet_spellings(&squeezed) {
                    self.leet.add(spelling, row, standing);
                }
                if squeezed == word {
                    self.squeezed.add(squeezed, row, standing);
                } else {
                    // Without its spaces it must not be found within other words.
                    self.squeezed.add(squeezed, row, Standing::Spaced);
                    self.letters.add(word, row, standing);
                }
            }
        }
        Ok(())
    }
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
        let mut lists = Lists::default();
        let mut rows = Vec::with_capacity(table.len());
        let (mut plain_exact, mut letters_exact) = (HashMap::<_, Vec<_>>::new(), HashMap::<_, Vec<_>>::new());
        let mut regexes = Vec::new();
        for (number, row) in (0u32..).zip(table) {
            let wrong = |reason: &str| format!("row {number} of pattern set `{set}`: {reason}");
            let Row { kind, depth, pattern, value } = Row::read(row).map_err(|reason| wrong(&reason))?;
            match kind {
                Kind::Regex => {
                    if regexes.len() == PATTERN_REGEXES {
                        return Err(wrong(&format!(
                            "it is one regular expression more than {PATTERN_REGEXES}"
                        )));
                    }
                    let regex = compile_regex(&pattern).map_err(|reason| wrong(&reason))?;
                    regexes.push((number, regex, depth));
                }
                Kind::Word(standing) => {
                    lists.add(&pattern, number, standing, depth).map_err(|reason| wrong(&reason))?;
                }
                Kind::Exact => {
                    let (exact, folding) = match depth {
                        Depth::Plain => (&mut plain_exact, Folding::Plain),
                        Depth::Letters | Depth::Full => (&mut letters_exact, Folding::Letters),
                    };
                    exact.entry(fold(&pattern, folding).trim().to_owned()).or_default().push(number);
                }
            }
            rows.push((pattern, value));
        }
        let build = |list: WordList| list.build().map_err(|error| format!("pattern set `{set}`: {error}"));
        Ok(Self {
            rows,
            plain: build(lists.plain)?,
            letters: build(lists.letters)?,
            squeezed: build(lists.squeezed)?,
            leet: build(lists.leet)?,
            plain_exact,
            letters_exact,
            regexes,
        })
    }

    /// All rows that occur in the text, each once, by where they begin.
    pub(crate) fn find(&self, text: &str) -> Result<Vec<Found>, String> {
        check_length(text)?;
        let mut found: Vec<Found> = Vec::new();
        let mut seen: Vec<bool> = Vec::new();
        let mut left = self.rows.len();
        let _all_found = self.search(text, |row, place| {
            if seen.is_empty() {
                seen.resize(self.rows.len(), false);
            }
            let seen = usize::try_from(row).ok().and_then(|row| seen.get_mut(row));
            if let Some(seen) = seen.filter(|seen| !**seen)
                && let Some((start, end)) = place()
            {
                *seen = true;
                found.push(Found { start, end, row });
                left -= 1;
            }
            if left == 0 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        });
        found.sort_unstable_by_key(|found| (found.start, found.row));
        Ok(found)
    }

    /// Whether any row occurs in the text.
    pub(crate) fn matches(&self, text: &str) -> bool {
        check_length(text).is_ok()
            && self
                .search(text, |_, place| match place() {
                    Some(_) => ControlFlow::Break(()),
                    None => ControlFlow::Continue(()),
                })
                .is_break()
    }

    /// A row's pattern as the operator wrote it, and its value as JSON text.
    pub(crate) fn row(&self, row: u32) -> (&str, &str) {
        let row = usize::try_from(row).ok().and_then(|row| self.rows.get(row));
        row.map_or(("", "null"), |(pattern, value)| (pattern, value))
    }

    /// Shows every row that may occur, with what tells where (and whether it does), until it is told to stop.
    fn search(
        &self,
        text: &str,
        mut show: impl FnMut(u32, &dyn Fn() -> Option<(u32, u32)>) -> ControlFlow<()>,
    ) -> ControlFlow<()> {
        let forms = Forms::of(text);
        for (words, folding) in [(&self.plain, Folding::Plain), (&self.letters, Folding::Letters)] {
            let Some(words) = words else { continue };
            let folded = forms.folded(folding);
            for place in words.places(folded) {
                let (start, end) = (place.start, place.end);
                if place.standing == Standing::Anywhere || stands_whole(folded, start, end) {
                    show(place.row, &|| Some(forms.origin(folding, start, end)))?;
                }
            }
        }
        for (words, reading) in [(&self.squeezed, Reading::Literal), (&self.leet, Reading::Leet)] {
            let Some(words) = words else { continue };
            let Some(squeezed) = forms.squeezed(reading) else { continue };
            for place in words.places(&squeezed) {
                let found = || forms.places(reading).find(place.start, place.end, place.standing, reading);
                show(place.row, &found)?;
            }
        }
        for (exact, folding) in [(&self.plain_exact, Folding::Plain), (&self.letters_exact, Folding::Letters)]
        {
            if exact.is_empty() {
                continue;
            }
            let folded = forms.folded(folding);
            let trimmed = folded.trim();
            let start = folded.len() - folded.trim_start().len();
            for row in exact.get(trimmed).into_iter().flatten() {
                show(*row, &|| Some(forms.origin(folding, start, start + trimmed.len())))?;
            }
        }
        for (row, regex, depth) in &self.regexes {
            let foldings = match depth {
                Depth::Plain => [Some(Folding::Plain), None],
                Depth::Letters | Depth::Full => [Some(Folding::Plain), Some(Folding::Letters)],
            };
            let found = foldings.into_iter().flatten().find_map(|folding| {
                let folded = forms.folded(folding);
                if folding == Folding::Letters && folded == forms.folded(Folding::Plain) {
                    return None;
                }
                Some((folding, regex.find(folded)?.range()))
            });
            if let Some((folding, range)) = found {
                show(*row, &|| Some(forms.origin(folding, range.start, range.end)))?;
            }
        }
        ControlFlow::Continue(())
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
                .ends_with("exactly one of `exact`, `contains`, `word` and `regex`")
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
    fn a_word_is_found_over_what_stands_between_its_letters_where_it_stood() {
        let table = json!(["加微信", "vx", "free money"]);
        for (text, place, pattern) in [
            ("请 加*微-信 哦", "加*微-信", "加微信"),
            ("加❤️微 \u{200b}❤信。", "加❤️微 \u{200b}❤信", "加微信"),
            ("a 𝐯.х 1", "𝐯.х", "vx"),
            ("ｆｒｅｅ  mоnеy!", "ｆｒｅｅ  mоnеy", "free money"),
            ("get fr33money", "fr33money", "free money"),
        ] {
            assert_eq!(find(table.clone(), text), [row(place, pattern, "null")], "{text}");
        }
        for text in ["rev x-ray", "加，微信", "更加 微信步数", "v\u{a0}(x)", "carefree moneybag"] {
            assert_eq!(find(json!(["加微信", "vx"]), text), [], "{text}");
        }
        for text in ["carefreemoneybag", "carefree moneybag 2", "free, money"] {
            let table = json!([{"contains": "free money", "fold": "full"}]);
            assert_eq!(find(table, text).len(), usize::from(text.contains("free money")), "{text}");
        }
    }

    #[test]
    fn a_row_says_how_far_it_is_folded() {
        let rows = |fold: &str| json!([{"contains": "兼职", "fold": fold}, {"exact": "菜单", "fold": fold}, {"regex": "^v\\.x$", "fold": fold}]);
        let count = |fold: &str, text: &str| find(rows(fold), text).len();
        for (text, plain, letters, full) in [
            ("兼职", 1, 1, 1),
            ("兼\u{200b}职", 1, 1, 1),
            ("兼職", 0, 1, 1),
            ("兼-职", 0, 0, 1),
            ("菜單", 0, 1, 1),
            ("菜 单", 0, 0, 0),
            ("Ｖ.X", 1, 1, 1),
            ("ѵ.х", 0, 1, 1),
            ("v x", 0, 0, 0),
        ] {
            assert_eq!(
                [count("plain", text), count("letters", text), count("full", text)],
                [plain, letters, full],
                "{text}"
            );
        }
        assert_eq!(
            find(json!([{"contains": "a", "fold": "plain", "x": 1}]), "a"),
            [row("a", "a", r#"{"x":1}"#)]
        );
        let error = PatternSet::compile("words", &json!([{"word": "a", "fold": "all"}])).unwrap_err();
        assert!(error.ends_with("its `fold` must be `plain`, `letters` or `full`"), "{error}");
    }

    #[test]
    fn a_whole_word_is_no_part_of_another() {
        for fold in ["plain", "letters", "full"] {
            let table = json!([{"word": "ass", "fold": fold}, {"word": "c++", "fold": fold}, {"word": "信", "fold": fold}]);
            for text in ["class", "assess", "ass1"] {
                assert_eq!(find(table.clone(), text), [], "{fold} {text}");
            }
            for text in ["ass", "an ass!", "你是ass吗", "C++, please", "微信"] {
                assert_eq!(find(table.clone(), text).len(), 1, "{fold} {text}");
            }
        }
    }

    #[test]
    fn a_word_with_signs_at_its_ends_is_found_with_them_only() {
        let table = json!(["+v", "？？？", "🀄"]);
        assert_eq!(
            find(table.clone(), "＋Ｖ 123???"),
            [row("＋Ｖ", "+v", "null"), row("???", "？？？", "null")]
        );
        assert_eq!(find(table.clone(), "v ? 5"), []);
        assert_eq!(find(table, "🀄").len(), 1);
    }

    #[test]
    fn what_is_found_lies_between_characters_whatever_the_text() {
        let set =
            PatternSet::compile("x", &json!(["vx", "加微信", "ffi", {"regex": "."}, {"word": "a"}])).unwrap();
        proptest::proptest!(|(text in "[vx加微信 .*ﬃѵ𝐱\u{200b}\u{301}❤️İ①a1@!$\n]{0,12}|\\PC{0,20}")| {
            for found in set.find(&text).unwrap() {
                assert!(text.get(found.start as usize..found.end as usize).is_some(), "{text:?} {found:?}");
            }
        });
    }

    #[test]
    fn a_hostile_text_takes_linear_time() {
        let set =
            PatternSet::compile("x", &json!([{"regex": "(a+)+b"}, "aaaaaaaaab", "加加加加加微", "aa0"]))
                .unwrap();
        for text in ["a", "a ", "加❤", "ﷺ", "a.", "0a", "@", "\u{301}"] {
            assert!(set.find(&text.repeat(PATTERN_TEXT / text.len())).unwrap().is_empty(), "{text:?}");
        }
        assert!(set.find(&"a".repeat(PATTERN_TEXT + 1)).is_err());
    }
}
