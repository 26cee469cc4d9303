//! Many words looked for at once.

use aho_corasick::{AhoCorasick, AhoCorasickBuilder, AhoCorasickKind, MatchKind};

use crate::folding::squeezed::Standing;

/// The most words that are compiled into a deterministic automaton: it is twice as fast and takes some 100 bytes for a byte of
/// words.
const FAST_WORDS: usize = 1_000;

/// Words that are put together.
#[derive(Debug, Default)]
pub(super) struct WordList {
    words: Vec<String>,
    rows: Vec<(u32, Standing)>,
}

impl WordList {
    pub(super) fn add(&mut self, word: String, row: u32, standing: Standing) {
        self.words.push(word);
        self.rows.push((row, standing));
    }

    /// `None` if there are no words: then nobody needs the text for it.
    pub(super) fn build(self) -> Result<Option<Words>, String> {
        if self.words.is_empty() {
            return Ok(None);
        }
        let automaton = AhoCorasickBuilder::new()
            .match_kind(MatchKind::Standard)
            .kind((self.words.len() <= FAST_WORDS).then_some(AhoCorasickKind::DFA))
            .build(&self.words)
            .map_err(|error| error.to_string())?;
        Ok(Some(Words { automaton, rows: self.rows }))
    }
}

/// Words that are looked for.
#[derive(Debug)]
pub(super) struct Words {
    automaton: AhoCorasick,
    /// The row of each word.
    rows: Vec<(u32, Standing)>,
}

/// A word in a text.
pub(super) struct Place {
    pub(super) start: usize,
    pub(super) end: usize,
    pub(super) row: u32,
    pub(super) standing: Standing,
}

impl Words {
    /// Every place of every word, by where they end.
    pub(super) fn places<'a>(&'a self, text: &'a str) -> impl Iterator<Item = Place> + 'a {
        self.automaton.find_overlapping_iter(text).filter_map(|found| {
            let (row, standing) = *self.rows.get(found.pattern().as_usize())?;
            Some(Place { start: found.start(), end: found.end(), row, standing })
        })
    }
}
