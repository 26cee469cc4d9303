//! Text as a reader sees it, so that one row of a pattern set catches every spelling. Three ways, each on top of the
//! one before it:
//!
//! - [`Folding::Plain`]: without case, width, and characters that show nothing;
//! - [`Folding::Letters`]: every letter as its plainest twin: without accents, styles (𝐯, ⓥ, ᵛ), other scripts' letters
//!   that look like Latin ones, and with simplified characters for traditional ones;
//! - [`squeezed`]: that without whatever stands between letters.
//!
//! # Layout
//! - `letters`: one letter and its plainest twin
//! - `gap`: what stands between two letters
//! - `squeezed`: text without gaps, and which words that are found there can be meant

mod gap;
mod letters;
pub(crate) mod squeezed;

/// How far the letters of a text are folded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Folding {
    /// Lower case; full-width forms and the ideographic space as their half-width twins; without zero-width, formatting
    /// and overlay characters.
    Plain,
    /// Every letter as its plainest twin. A text is at most eleven times as long then.
    Letters,
}

/// The folded text.
pub(crate) fn fold(text: &str, folding: Folding) -> String {
    if text.is_ascii() {
        return text.to_ascii_lowercase();
    }
    let mut folded = String::with_capacity(text.len());
    for character in text.chars() {
        fold_character(character, folding, |c| folded.push(c));
    }
    folded
}

fn fold_character(character: char, folding: Folding, push: impl FnMut(char)) {
    match folding {
        Folding::Plain => fold_plain(character, push),
        Folding::Letters => letters::fold_letter(character, push),
    }
}

/// Where each byte of a folded text came from.
pub(crate) struct Origins {
    /// For each byte of the folded text the start and the end of its character in the original.
    spans: Vec<(u32, u32)>,
}

impl Origins {
    pub(crate) fn of(text: &str, folding: Folding) -> Self {
        let mut spans = Vec::with_capacity(text.len());
        for (start, character) in text.char_indices() {
            let span = (offset(start), offset(start + character.len_utf8()));
            fold_character(character, folding, |c| spans.extend(std::iter::repeat_n(span, c.len_utf8())));
        }
        Self { spans }
    }

    /// The part of the original that became this part of the folded text.
    pub(crate) fn original(&self, start: usize, end: usize) -> (u32, u32) {
        let last = self.spans.last().map_or(0, |span| span.1);
        let from = self.spans.get(start).map_or(last, |span| span.0);
        match end.checked_sub(1).and_then(|end| self.spans.get(end)) {
            Some(span) if end > start => (from, span.1),
            _ => (from, from),
        }
    }
}

fn offset(bytes: usize) -> u32 {
    u32::try_from(bytes).unwrap_or(u32::MAX)
}

fn fold_plain(character: char, mut push: impl FnMut(char)) {
    match character {
        character if character.is_ascii() => push(character.to_ascii_lowercase()),
        '\u{3000}' => push(' '),
        '\u{ff01}'..='\u{ff5e}' => {
            let narrow = char::from_u32(u32::from(character) - 0xfee0).unwrap_or(character);
            push(narrow.to_ascii_lowercase());
        }
        character if shows_nothing(character) => {}
        character => character.to_lowercase().for_each(push),
    }
}

/// Characters that format, join, select or strike through others and are nothing by themselves. Accents and
/// vowel signs are not among them: they make letters.
fn shows_nothing(character: char) -> bool {
    matches!(character,
        '\u{00ad}' | '\u{034f}' | '\u{061c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{180b}'..='\u{180f}'
        | '\u{0334}'..='\u{0338}' // overlays: t̶e̶x̶t̶
        | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
        | '\u{20d0}'..='\u{20f0}' // enclosing circles, keycaps, overlays for symbols
        | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}' | '\u{fff9}'..='\u{fffb}'
        | '\u{e0000}'..='\u{e0fff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spellings_of_one_word_fold_to_one_text() {
        for spelling in [
            "ABC 加微信",
            "ａｂｃ\u{3000}加微信",
            "a\u{200b}B\u{feff}c 加\u{336}微\u{2060}信",
            "abc 加微信\u{fe0f}",
        ] {
            assert_eq!(fold(spelling, Folding::Plain), "abc 加微信", "{spelling:?}");
            assert_eq!(fold(spelling, Folding::Letters), "abc 加微信", "{spelling:?}");
        }
        assert_eq!(fold("Ünicode é e\u{301}", Folding::Plain), "ünicode é e\u{301}");
    }

    #[test]
    fn letters_fold_to_their_plainest_twin() {
        for (spelling, folded) in [
            ("Ünïcode é e\u{301}", "unicode e e"),
            ("𝓿𝔁 ⓥⓧ 🅥🅧 🆅🆇 🇻🇽 ᵛˣ ⅴⅹ", "vx vx vx vx vx vx vx"),
            ("ѵх VХ νχ ᴠx", "vx vx vx vx"),
            ("саѕіпо СASINО", "casiпo casino"),
            ("加微信號 群發 代開發票 ⼒ ㊣", "加微信号 群发 代开发票 力 正"),
            ("①②1️⃣", "121"),
            ("ﾊﾝｶｸ", "ハンカク"),
            ("한글 สวัสดี मंत्र", "한글 สวัสดี मंत्र"),
        ] {
            assert_eq!(fold(spelling, Folding::Letters), folded, "{spelling:?}");
        }
    }

    #[test]
    fn what_is_folded_stays_as_it_is_when_it_is_folded_again() {
        for code in 0..=0x3_ffff {
            let Some(character) = char::from_u32(code) else { continue };
            for folding in [Folding::Plain, Folding::Letters] {
                let once = fold(&character.to_string(), folding);
                assert_eq!(fold(&once, folding), once, "U+{code:04X} {folding:?}");
                assert!(once.len() <= 11 * character.len_utf8(), "U+{code:04X}");
            }
        }
    }

    #[test]
    fn offsets_refer_to_the_text_that_was_given() {
        let text = "x\u{200b}Ａ\u{200b}İ!";
        let folded = fold(text, Folding::Plain);
        assert_eq!(folded, "xai\u{307}!");
        let origins = Origins::of(text, Folding::Plain);
        let original = |start, end| {
            let (start, end) = origins.original(start, end);
            &text[start as usize..end as usize]
        };
        assert_eq!(original(0, 1), "x");
        assert_eq!(original(0, 2), "x\u{200b}Ａ");
        assert_eq!(original(1, 2), "Ａ");
        assert_eq!(original(2, 3), "İ");
        assert_eq!(original(2, 6), "İ!");
        assert_eq!(origins.original(6, 6), (text.len() as u32, text.len() as u32));
    }
}
