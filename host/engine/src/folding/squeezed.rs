//! Text without whatever stands between its letters, in which `v.x` and `加 ❤ 微 * 信` are words; and which of the words that
//! are found there can be meant. Most that reach over a gap are not: `rev x-ray` has no `vx` in it, nor 下一代，开始 a 代开.
//!
//! Everything here is linear in the text, and judging one word takes the same time for any word.

use super::gap::{GAP_MOST, Gap, GapKind};
use super::{Folding, fold_character, offset};

/// How digits and signs are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reading {
    /// As they are.
    Literal,
    /// As the letters that they look like: `p0rn`, `c@sino`.
    Leet,
}

/// The text without its gaps. `None` for [`Reading::Leet`] if it has no such digit or sign, or no letter beside them.
///
/// `letters` is folded with [`Folding::Letters`].
pub(crate) fn squeeze(letters: &str, reading: Reading) -> Option<String> {
    if reading == Reading::Leet && !may_be_leet(letters) {
        return None;
    }
    let mut squeezed = String::with_capacity(letters.len());
    if reading == Reading::Literal && letters.is_ascii() {
        squeezed.extend(letters.bytes().filter(u8::is_ascii_alphanumeric).map(char::from));
        return Some(squeezed);
    }
    let mut characters = letters.chars().peekable();
    let mut before = None;
    while let Some(character) = characters.next() {
        squeezed.extend(read(before, character, characters.peek().copied(), reading));
        before = Some(character);
    }
    Some(squeezed)
}

fn may_be_leet(letters: &str) -> bool {
    letters.bytes().any(|byte| stand_in(byte.into()).is_some())
        && letters.bytes().any(|byte| byte.is_ascii_lowercase())
}

/// A character as a letter, or `None` if it is part of a gap.
fn read(before: Option<char>, character: char, after: Option<char>, reading: Reading) -> Option<char> {
    let is_letter = |neighbour: Option<char>| neighbour.is_some_and(char::is_alphanumeric);
    match stand_in(character) {
        Some(letter) if reading == Reading::Leet => match character {
            // At the end of a word it is what it is.
            '!' => (is_letter(before) && is_letter(after)).then_some(letter),
            '@' | '$' => (is_letter(before) || is_letter(after)).then_some(letter),
            _ => Some(letter),
        },
        _ => character.is_alphanumeric().then_some(character),
    }
}

/// The letter that a digit or sign stands for in leet. `1` is an l as well: see [`leet_word`].
fn stand_in(character: char) -> Option<char> {
    Some(match character {
        '0' => 'o',
        '1' | '!' => 'i',
        '3' => 'e',
        '4' | '@' => 'a',
        '5' | '$' => 's',
        '7' => 't',
        _ => return None,
    })
}

/// The spellings of a squeezed word in a text that is read as leet; none for a word that is too short to be told from chance,
/// or has no letter for which something can stand.
pub(crate) fn leet_spellings(word: &str) -> Vec<String> {
    let latin = word.bytes().filter(u8::is_ascii_lowercase).count();
    if latin < LEET_LEAST || !word.contains(['o', 'i', 'e', 'a', 's', 't', 'l']) {
        return Vec::new();
    }
    match word.contains('l') {
        true => vec![word.to_owned(), word.replace('l', "i")],
        false => vec![word.to_owned()],
    }
}

/// Letters of the shortest word that is looked for in leet.
const LEET_LEAST: usize = 3;

/// Letters of the shortest word that is looked for in leet over single gaps, as in `fr33 money`.
const LEET_APART: u32 = 6;

/// What a letter is to its neighbours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// Chinese characters and kana: words without spaces between them.
    Wide,
    /// Alphabets: words between spaces.
    Narrow,
    /// Numbers.
    Digit,
}

fn kind_of(letter: char) -> Kind {
    match letter {
        '\u{3040}'..='\u{312f}'
        | '\u{31a0}'..='\u{31ff}'
        | '\u{3400}'..='\u{9fff}'
        | '\u{f900}'..='\u{faff}'
        | '\u{20000}'..='\u{3ffff}' => Kind::Wide,
        letter if letter.is_numeric() => Kind::Digit,
        _ => Kind::Narrow,
    }
}

/// A letter of a squeezed text.
#[derive(Debug, Clone, Copy)]
struct Letter {
    /// Its character in the original text.
    start: u32,
    end: u32,
    kind: Kind,
    /// What stands before it.
    gap: Option<Gap>,
    /// Whether it stands by itself, and is no word: not `a` or `i`.
    lone: bool,
    stand_in: bool,
    /// Of all letters up to this one.
    sums: Sums,
}

/// How much there is of what decides whether a word is meant.
#[derive(Debug, Clone, Copy, Default)]
struct Sums {
    gaps: u32,
    /// Gaps that are too long for a word to go on.
    long: u32,
    /// Gaps that end clauses.
    sentences: u32,
    /// Spaces between letters of alphabets.
    narrow_spaces: u32,
    /// Spaces and pictures between wide letters.
    wide_breaks: u32,
    lone: u32,
    stand_ins: u32,
}

/// Where the letters of a squeezed text were, and what was between them.
pub(crate) struct Places {
    letters: Vec<Letter>,
    /// For each byte of the squeezed text the number of its letter.
    numbers: Vec<u32>,
}

/// How a word must stand to be meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Standing {
    /// Anywhere, also within another word.
    Anywhere,
    /// As a word of its own.
    Whole,
    /// The same for one that has spaces within it, or signs: there may be others in the text, or none.
    Spaced,
}

/// Whether a part of a text that is folded with its gaps stands there as a word of its own.
pub(crate) fn stands_whole(folded: &str, start: usize, end: usize) -> bool {
    let joined = |before: Option<char>, after: Option<char>| match (before, after) {
        (Some(before), Some(after)) => {
            [before, after].iter().all(|c| c.is_alphanumeric() && kind_of(*c) != Kind::Wide)
        }
        _ => false,
    };
    let (Some(before), Some(word), Some(after)) =
        (folded.get(..start), folded.get(start..end), folded.get(end..))
    else {
        return false;
    };
    !joined(before.chars().next_back(), word.chars().next())
        && !joined(word.chars().next_back(), after.chars().next())
}

impl Places {
    /// Of the original text that was folded and squeezed.
    pub(crate) fn of(text: &str, reading: Reading) -> Self {
        let mut folded = Vec::with_capacity(text.len());
        for (start, character) in text.char_indices() {
            let (start, end) = (offset(start), offset(start + character.len_utf8()));
            fold_character(character, Folding::Letters, |c| folded.push((c, start, end)));
        }
        let (mut letters, mut numbers) = (Vec::<Letter>::with_capacity(folded.len()), Vec::new());
        let mut gap = None;
        let character_at = |place: Option<usize>| Some(folded.get(place?)?.0);
        for (place, (character, start, end)) in folded.iter().copied().enumerate() {
            let (before, after) = (character_at(place.checked_sub(1)), character_at(Some(place + 1)));
            let Some(letter) = read(before, character, after, reading) else {
                gap = Some(Gap::with(gap, character));
                continue;
            };
            let number = offset(letters.len());
            numbers.extend(std::iter::repeat_n(number, letter.len_utf8()));
            letters.push(Letter {
                start,
                end,
                kind: kind_of(letter),
                gap: gap.take(),
                lone: !matches!(letter, 'a' | 'i'),
                stand_in: letter != character,
                sums: Sums::default(),
            });
        }
        let mut places = Self { letters, numbers };
        places.sum_up();
        places
    }

    fn sum_up(&mut self) {
        let alone: Vec<bool> =
            (0..self.letters.len()).map(|at| self.begins(at) && self.begins(at + 1)).collect();
        let (mut sums, mut before) = (Sums::default(), None);
        for (letter, alone) in self.letters.iter_mut().zip(alone) {
            letter.lone &= alone && letter.kind != Kind::Wide;
            if let Some(gap) = letter.gap {
                let narrow = letter.kind != Kind::Wide && before != Some(Kind::Wide);
                let wide = letter.kind == Kind::Wide && before == Some(Kind::Wide);
                sums.gaps += 1;
                sums.long += u32::from(gap.length > GAP_MOST);
                sums.sentences += u32::from(gap.kind == GapKind::Sentence);
                sums.narrow_spaces += u32::from(narrow && gap.kind == GapKind::Space);
                sums.wide_breaks += u32::from(wide && matches!(gap.kind, GapKind::Space | GapKind::Picture));
            }
            sums.lone += u32::from(letter.lone);
            sums.stand_ins += u32::from(letter.stand_in);
            letter.sums = sums;
            before = Some(letter.kind);
        }
    }

    /// Whether a word begins at a letter (or the one before it ends there), as far as spaces and alphabets tell.
    fn begins(&self, at: usize) -> bool {
        match (at.checked_sub(1).and_then(|before| self.letters.get(before)), self.letters.get(at)) {
            (Some(before), Some(letter)) => letter.gap.is_some() || letter.kind != before.kind,
            _ => true,
        }
    }

    /// The same for one that must stand by itself: numbers belong to it, and among wide letters every one begins a word.
    fn begins_whole(&self, at: usize) -> bool {
        let is_wide = |at: usize| self.letters.get(at).is_some_and(|letter| letter.kind == Kind::Wide);
        self.letters.get(at).is_none_or(|letter| letter.gap.is_some())
            || is_wide(at)
            || at.checked_sub(1).is_none_or(is_wide)
    }

    /// Where in the original text a word is that was found in these bytes of the squeezed one, if it is meant there.
    pub(crate) fn find(
        &self,
        start: usize,
        end: usize,
        standing: Standing,
        reading: Reading,
    ) -> Option<(u32, u32)> {
        let number = |byte: usize| usize::try_from(*self.numbers.get(byte)?).ok();
        let (from, to) = (number(start)?, number(end.checked_sub(1)?)? + 1);
        let (first, last) = (self.letters.get(from)?, self.letters.get(to - 1)?);
        let meant = match reading {
            Reading::Literal => self.is_meant(from, to, standing),
            Reading::Leet => self.is_meant_in_leet(from, to),
        };
        let stands = standing == Standing::Anywhere || (self.begins_whole(from) && self.begins_whole(to));
        (meant? && stands).then_some((first.start, last.end))
    }

    fn is_meant(&self, from: usize, to: usize, standing: Standing) -> Option<bool> {
        let (first, last) = (self.letters.get(from)?, self.letters.get(to.checked_sub(1)?)?);
        let length = offset(to - from);
        let within = |of: fn(&Sums) -> u32| of(&last.sums) - of(&first.sums);
        let gaps = within(|sums| sums.gaps);
        if gaps == 0 {
            return Some(true);
        }
        // The letters of an alphabet on both sides of a gap are words; a part of a word is not meant.
        let is_cut = |at: usize, kind: Kind| kind != Kind::Wide && !self.begins(at);
        if within(|sums| sums.long) > 0 || is_cut(from, first.kind) || is_cut(to, last.kind) {
            return Some(false);
        }
        // Nobody writes three letters and more one by one but to be read as a word.
        if gaps == length - 1 && length >= 3 {
            return Some(true);
        }
        // `pen is` is not what it looks like; `por n` is.
        let lone = within(|sums| sums.lone) + u32::from(first.lone);
        let spaced = standing != Standing::Spaced && within(|sums| sums.narrow_spaces) > 0 && lone == 0;
        // Two or three characters meet by chance where one clause ends and another begins, with more on both sides.
        let by_chance =
            length <= 3 && within(|sums| sums.wide_breaks) > 0 && !self.begins(from) && !self.begins(to);
        Some(within(|sums| sums.sentences) == 0 && !spaced && !by_chance)
    }

    fn is_meant_in_leet(&self, from: usize, to: usize) -> Option<bool> {
        let (first, last) = (self.letters.get(from)?, self.letters.get(to.checked_sub(1)?)?);
        let length = offset(to - from);
        let within = |of: fn(&Sums) -> u32| of(&last.sums) - of(&first.sums);
        let stand_ins = within(|sums| sums.stand_ins) + u32::from(first.stand_in);
        // Without any it is found as it is written; with more of them than letters it is a number.
        if stand_ins == 0 || stand_ins * 2 > length {
            return Some(false);
        }
        let gaps = within(|sums| sums.gaps);
        let (begins, ends) = (self.begins(from), self.begins(to));
        // In codes and hashes short words occur by chance.
        let stands = if length <= 4 { begins && ends } else { begins || ends };
        let apart = within(|sums| sums.long) + within(|sums| sums.sentences) == 0 && begins && ends;
        let spelled = length >= 4 && gaps == length - 1;
        Some((gaps == 0 && stands) || (apart && (spelled || length >= LEET_APART)))
    }
}
