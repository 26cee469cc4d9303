//! Texts that the operator writes, with places for what is only known later: `{mention}，欢迎来到{group}！`.

use crate::segments::{IntoSegments, Segments};
use crate::types::Segment;

/// Fills the places of a template. What is not known to `value` stays as it stands, braces and all.
///
/// ```
/// use mynah_sdk::prelude::*;
///
/// fn greet(event: &Event, new: &Membership) -> Reply {
///     reply(fill("{mention}，欢迎来到{group}！", |place| match place {
///         "mention" => Some(mention(&new.who)),
///         "group" => Some(text(&event.chat.as_ref()?.name)),
///         _ => None,
///     }))
/// }
/// ```
pub fn fill<S: IntoSegments>(template: &str, value: impl Fn(&str) -> Option<S>) -> Segments {
    let mut filled = Segments::default();
    let mut left = template;
    while let Some((before, after)) = left.split_once('{') {
        filled = filled.text(before);
        let known = after.split_once('}').and_then(|(place, rest)| Some((value(place)?, rest)));
        let Some((pieces, rest)) = known else {
            filled = filled.text("{");
            left = after;
            continue;
        };
        for piece in pieces.into_segments() {
            filled = match piece {
                Segment::Text(text) => filled.text(text),
                other => filled.push(other),
            };
        }
        left = rest;
    }
    filled.text(left)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::segments::{face, text};
    use crate::testing::flatten;

    fn filled(template: &str) -> Vec<Segment> {
        let value = |place: &str| match place {
            "name" => Some(text("{face}")),
            "face" => Some(face("14")),
            _ => None,
        };
        fill(template, value).into_segments()
    }

    #[test]
    fn places_are_filled_and_the_rest_stays_as_it_stands() {
        for (template, line) in [
            ("", ""),
            ("hi {name}!", "hi {face}!"),
            ("{face}{face}", "[14][14]"),
            ("{nobody} {", "{nobody} {"),
            ("{{name}}", "{{face}}"),
            ("{ {name", "{ {name"),
        ] {
            assert_eq!(flatten(&filled(template)), line, "{template:?}");
        }
    }

    #[test]
    fn text_is_one_piece_between_the_others() {
        assert_eq!(filled("a{name}b{face}c").len(), 3);
    }
}
