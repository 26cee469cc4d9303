//! Mentions in what people type: `@name ` and `@id` of a member become mention segments.

use mynah_model::message::Segment;
use mynah_model::roster::{Person, Table};

/// So many `@` of one message are looked at: each costs a walk over the members.
const MAX_MENTIONS: usize = 32;

/// The words that call everybody, as QQ and English speakers type them.
const EVERYBODY: [&str; 2] = ["全体成员", "all"];

/// Cuts a text into plain text and mentions. A mention begins at an `@` that does not stand inside a word
/// (an email address is none) and ends with the text or before white space; the longest fitting name counts.
pub(super) fn segments(text: &str, members: Option<&Table<Person>>) -> Vec<Segment> {
    let Some(members) = members else { return plain(text) };
    let mut segments = Vec::new();
    let mut done = 0;
    for (at, _) in text.match_indices('@').take(MAX_MENTIONS) {
        let (Some(before), Some(after)) = (text.get(..at), text.get(at + 1..)) else { continue };
        if at < done || before.ends_with(|c: char| c.is_ascii_alphanumeric()) {
            continue;
        }
        let Some((length, mention)) = mention(after, members) else { continue };
        segments.extend(text.get(done..at).into_iter().flat_map(plain));
        segments.push(mention);
        done = at + 1 + length;
    }
    segments.extend(text.get(done..).into_iter().flat_map(plain));
    segments
}

fn plain(text: &str) -> Vec<Segment> {
    if text.is_empty() { Vec::new() } else { vec![Segment::text(text)] }
}

/// The mention that a text begins with, without its `@`, and how many bytes of the text it is.
fn mention(text: &str, members: &Table<Person>) -> Option<(usize, Segment)> {
    let fits = |word: &str| {
        let rest = text.strip_prefix(word).filter(|_| !word.is_empty())?;
        (rest.is_empty() || rest.starts_with(char::is_whitespace)).then_some(word.len())
    };
    let everybody = EVERYBODY.iter().filter_map(|word| fits(word)).max();
    if let Some(length) = everybody {
        return Some((length, Segment::MentionAll));
    }
    // The first word is most often an id; then nobody's name need be looked at.
    let word = text.split(char::is_whitespace).next().unwrap_or_default();
    if let Some(member) = members.get(word) {
        let name = member.display_name().to_owned();
        return Some((word.len(), Segment::Mention { id: member.id.clone(), name }));
    }
    let mut best: Option<(usize, Segment)> = None;
    for member in members {
        let mut consider = |word: &str, name: &str| {
            if let Some(length) = fits(word)
                && best.as_ref().is_none_or(|(longest, _)| length > *longest)
            {
                best = Some((length, Segment::Mention { id: member.id.clone(), name: name.to_owned() }));
            }
        };
        for name in names(member) {
            consider(name, name);
        }
        if let Some(uid) = &member.uid {
            consider(uid, member.display_name());
        }
    }
    best
}

/// What people may call a member: the card, the mark name and the name, or what web WeChat shows instead.
fn names(member: &Person) -> impl Iterator<Item = &str> {
    let name = Some(member.name.as_str()).filter(|name| !name.is_empty());
    let shown = || member.attrs.get("displayname").and_then(|name| name.as_str());
    [member.card.as_deref(), member.markname.as_deref(), name.or_else(shown)].into_iter().flatten()
}

#[cfg(test)]
mod tests {
    use super::*;
    use mynah_model::message::flatten;

    fn members() -> Table<Person> {
        let person = |id: &str, uid: &str, name: &str, card: &str| Person {
            id: id.into(),
            uid: Some(uid.into()),
            name: name.into(),
            card: Some(card.into()).filter(|card: &String| !card.is_empty()),
            ..Person::default()
        };
        [
            person("1", "100", "灰灰", ""),
            person("2", "200", "🐼 \"熊猫\"", ""),
            person("3", "300", "灰灰 二号", "大 灰"),
        ]
        .into_iter()
        .collect()
    }

    fn mention(id: &str, name: &str) -> Segment {
        Segment::Mention { id: id.into(), name: name.into() }
    }

    #[test]
    fn names_cards_ids_and_uids_are_mentions() {
        let members = members();
        let cases: [(&str, Vec<Segment>); 7] = [
            ("@灰灰 早", vec![mention("1", "灰灰"), Segment::text(" 早")]),
            ("早 @灰灰", vec![Segment::text("早 "), mention("1", "灰灰")]),
            ("@灰灰 二号 早", vec![mention("3", "灰灰 二号"), Segment::text(" 早")]),
            ("@大 灰", vec![mention("3", "大 灰")]),
            ("@2 @100", vec![mention("2", "🐼 \"熊猫\""), Segment::text(" "), mention("1", "灰灰")]),
            ("@全体成员 hi", vec![Segment::MentionAll, Segment::text(" hi")]),
            ("@🐼 \"熊猫\"\u{2005}hi", vec![mention("2", "🐼 \"熊猫\""), Segment::text("\u{2005}hi")]),
        ];
        for (text, expected) in cases {
            assert_eq!(segments(text, Some(&members)), expected, "{text}");
        }
    }

    #[test]
    fn what_only_looks_like_a_mention_stays_text() {
        let members = members();
        for text in ["mail me@100 ", "@灰灰灰", "@", "@@", "@ 灰灰", "@nobody", "@allies", ""] {
            let segments = segments(text, Some(&members));
            assert!(segments.iter().all(|segment| matches!(segment, Segment::Text { .. })), "{text}");
            assert_eq!(flatten(&segments), text);
        }
        assert_eq!(segments("@灰灰", None), [Segment::text("@灰灰")]);
    }

    #[test]
    fn a_text_of_nothing_but_at_signs_is_cheap_and_kept() {
        let text = "@灰灰 ".repeat(1_000);
        let segments = segments(&text, Some(&members()));
        assert_eq!(segments.len(), 2 * MAX_MENTIONS);
        assert_eq!(flatten(&segments), text);
    }
}
