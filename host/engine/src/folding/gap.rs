//! What stands between two letters: a space, the end of a clause, or something that has no business there.

/// The most characters of a gap over which a word can go on: three hearts with spaces around them. What is further apart is
/// not read as one word.
pub(super) const GAP_MOST: u32 = 8;

/// The kind of a gap, from the most ordinary to the least: that of its least ordinary character.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum GapKind {
    /// Spaces and line breaks.
    Space,
    /// What ends a clause, brackets, quotes and signs of arithmetic: found between words of all kinds.
    Sentence,
    /// Emoji and other pictures, which end clauses too.
    Picture,
    /// Dashes, dots, stars, strokes: within words of ordinary text they join what belongs together.
    Joiner,
}

/// What stands between two letters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Gap {
    pub(super) kind: GapKind,
    /// In characters.
    pub(super) length: u32,
}

impl Gap {
    /// The gap with one more character at its end.
    pub(super) fn with(before: Option<Self>, character: char) -> Self {
        let kind = kind_of(character);
        match before {
            Some(gap) => Self { kind: gap.kind.max(kind), length: gap.length.saturating_add(1) },
            None => Self { kind, length: 1 },
        }
    }
}

fn kind_of(character: char) -> GapKind {
    match character {
        // A blank of braille shows as little as a space.
        '\u{2800}' => GapKind::Space,
        character if character.is_whitespace() => GapKind::Space,
        '-' | '_' | '*' | '.' | '~' | '/' | '\\' | '|' | '#' | '@' | '[' | ']' | '^' | '`' | '·' | '•'
        | '‧' | '∙' | '⋅' | '・' | '‐' | '‑' | '‒' | '–' | '¦' | '†' | '‡' => {
            GapKind::Joiner
        }
        ','
        | ';'
        | ':'
        | '?'
        | '!'
        | '\''
        | '"'
        | '('
        | ')'
        | '{'
        | '}'
        | '<'
        | '>'
        | '='
        | '+'
        | '&'
        | '%'
        | '$'
        | '、'
        | '。'
        | '—'
        | '―'
        | '…'
        | '‘'..='‟'
        | '«'
        | '»'
        | '‹'
        | '›'
        | '\u{3008}'..='\u{301b}'
        | '×'
        | '÷' => GapKind::Sentence,
        _ => GapKind::Picture,
    }
}
