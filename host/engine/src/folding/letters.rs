//! One letter and its plainest twin.
//!
//! Compatibility decomposition is the crate's `unicode-normalization`; the tables are made by `tables.py`, which names their
//! sources: letters that look alike are from the Unicode Consortium's confusables.txt (UTS #39), simplified characters from
//! OpenCC (Apache License 2.0).

use std::collections::HashMap;
use std::sync::LazyLock;

use unicode_normalization::char::decompose_compatible;

use super::shows_nothing;

/// Lines of a Latin letter and, after it, the letters of other scripts that look like it.
const LOOK_ALIKES: &str = include_str!("letters.txt");

/// Traditional characters, each with its simplified one behind it.
const SIMPLIFIED: &str = include_str!("simplified.txt");

/// Where Chinese characters lie of which nearly all text is made.
const HAN: std::ops::RangeInclusive<char> = '\u{3400}'..='\u{9fff}';

static LATIN: LazyLock<HashMap<char, char>> = LazyLock::new(|| {
    let rows = LOOK_ALIKES.lines().filter_map(|line| {
        let mut characters = line.chars();
        Some((characters.next()?, characters))
    });
    rows.flat_map(|(letter, alike)| alike.map(move |character| (character, letter))).collect()
});

/// The simplified characters.
struct Simplified {
    /// Of each character in [`HAN`].
    table: Box<[char]>,
    /// Of the others that have one.
    others: HashMap<char, char>,
}

static HAN_TABLE: LazyLock<Simplified> = LazyLock::new(|| {
    let (mut table, mut others) = (HAN.collect::<Box<[char]>>(), HashMap::new());
    let mut characters = SIMPLIFIED.chars().filter(|c| *c != '\n');
    while let (Some(traditional), Some(simplified)) = (characters.next(), characters.next()) {
        match place(traditional).and_then(|place| table.get_mut(place)) {
            Some(entry) => *entry = simplified,
            None => {
                others.insert(traditional, simplified);
            }
        }
    }
    Simplified { table, others }
});

/// Gives the letters that a character comes down to: none, one, or several for a ligature.
pub(super) fn fold_letter(character: char, mut push: impl FnMut(char)) {
    match character {
        character if character.is_ascii() => push(character.to_ascii_lowercase()),
        character if HAN.contains(&character) => push(simplified(character)),
        character if shows_nothing(character) => {}
        // Letters in squares and circles that have no decomposition, and those of which flags are made.
        '\u{1f150}'..='\u{1f169}' => push(latin(character, '\u{1f150}')),
        '\u{1f170}'..='\u{1f189}' => push(latin(character, '\u{1f170}')),
        '\u{1f1e6}'..='\u{1f1ff}' => push(latin(character, '\u{1f1e6}')),
        // Syllables stay whole.
        '\u{ac00}'..='\u{d7a3}' => push(character),
        character if let Some(latin) = LATIN.get(&character) => push(*latin),
        character => decompose_compatible(character, |part| {
            if !is_accent(part) {
                part.to_lowercase().filter(|c| !is_accent(*c)).for_each(|c| push(twin(c)));
            }
        }),
    }
}

fn latin(character: char, first: char) -> char {
    let number = u32::from(character).saturating_sub(u32::from(first));
    char::from_u32(u32::from('a') + number).unwrap_or(character)
}

/// A lower case, decomposed letter as the Latin one that it looks like, or as the simplified one.
fn twin(character: char) -> char {
    if character.is_ascii() {
        return character;
    }
    LATIN.get(&character).copied().unwrap_or_else(|| simplified(character))
}

fn simplified(character: char) -> char {
    let Simplified { table, others } = &*HAN_TABLE;
    match place(character) {
        Some(place) => table.get(place).copied().unwrap_or(character),
        None => others.get(&character).copied().unwrap_or(character),
    }
}

fn place(character: char) -> Option<usize> {
    let place = u32::from(character).checked_sub(u32::from(*HAN.start()))?;
    HAN.contains(&character).then(|| usize::try_from(place).ok()).flatten()
}

/// What stands above, below or across a letter of an alphabet. The vowel signs of other scripts are letters.
fn is_accent(character: char) -> bool {
    matches!(character,
        '\u{0300}'..='\u{036f}' | '\u{0483}'..='\u{0489}' | '\u{1ab0}'..='\u{1aff}' | '\u{1dc0}'..='\u{1dff}'
        | '\u{20d0}'..='\u{20ff}' | '\u{fe20}'..='\u{fe2f}')
}
