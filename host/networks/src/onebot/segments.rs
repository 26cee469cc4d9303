//! What was said: from the protocol's segments to the host's.

use mynah_model::media_kind::{KIND_ATTR, MediaKind};
use mynah_model::message::{Media, Segment};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::cq::{self, Piece};
use super::limits;
use super::values::{Json, Number, Text, json_of, list, object};

/// A segment as it came.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Wire<'a> {
    #[serde(rename = "type", borrow)]
    kind: Text<'a>,
    #[serde(borrow)]
    data: Option<&'a RawValue>,
}

/// What the segments that are known hold.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Data<'a> {
    #[serde(borrow)]
    text: Text<'a>,
    qq: Text<'a>,
    name: Text<'a>,
    id: Text<'a>,
    file: Text<'a>,
    file_id: Text<'a>,
    url: Text<'a>,
    summary: Text<'a>,
    #[serde(rename = "type")]
    kind: Text<'a>,
    sub_type: Text<'a>,
    file_size: Number,
    size: Number,
    data: Text<'a>,
}

/// The segments of a message, in any of the forms that it comes in, and whether those are all.
pub(super) fn read(message: Option<&RawValue>) -> (Vec<Segment>, bool) {
    let Some(message) = message else { return (Vec::new(), true) };
    match json_of(message) {
        Json::Text => {
            let text: String = serde_json::from_str(message.get()).unwrap_or_default();
            from_cq(&text)
        }
        Json::List => {
            let items = list(Some(message));
            let segments = items.iter().take(limits::SEGMENTS).filter_map(|item| segment(item)).collect();
            (segments, items.len() <= limits::SEGMENTS)
        }
        Json::Object => (segment(message).into_iter().collect(), true),
        Json::Plain => (Vec::new(), true),
    }
}

/// The segments of a CQ string, and whether those are all.
pub(super) fn from_cq(text: &str) -> (Vec<Segment>, bool) {
    let (pieces, all) = cq::pieces(text, limits::SEGMENTS);
    let segments = pieces.into_iter().filter_map(|piece| match piece {
        Piece::Text(text) => Some(Segment::Text { text }),
        Piece::Code { kind, data } => {
            let data = serde_json::to_string(&data).unwrap_or_default();
            let raw: Option<&RawValue> = serde_json::from_str(&data).ok();
            from_parts(&kind, raw)
        }
    });
    (segments.collect(), all)
}

fn segment(raw: &RawValue) -> Option<Segment> {
    if json_of(raw) == Json::Text {
        let text: String = serde_json::from_str(raw.get()).unwrap_or_default();
        return Some(Segment::Text { text }).filter(|_| raw.get().len() > 2);
    }
    let wire: Wire<'_> = object(Some(raw));
    match wire.kind.filled() {
        Some(kind) => from_parts(kind, wire.data),
        None => Some(other("malformed", Some(raw))),
    }
}

/// A segment of a type with its data; `None` if it says nothing.
fn from_parts(kind: &str, raw: Option<&RawValue>) -> Option<Segment> {
    let data: Data<'_> = object(raw);
    Some(match kind {
        "text" => Segment::Text { text: data.text.owned()? },
        "at" => match data.qq.filled() {
            Some("all") => Segment::MentionAll,
            Some(id) => {
                let name = data.name.or_empty();
                Segment::Mention {
                    id: id.to_owned(),
                    name: name.strip_prefix('@').unwrap_or(name).to_owned(),
                }
            }
            None => other(kind, raw),
        },
        "face" => match data.id.filled() {
            Some(id) => Segment::Face { id: id.to_owned(), name: String::new() },
            None => other(kind, raw),
        },
        "image" => Segment::Image(media(&data, MediaKind::Image)),
        "record" => Segment::Voice(media(&data, MediaKind::Voice)),
        "video" => Segment::Video(media(&data, MediaKind::Video)),
        "file" => Segment::File(media(&data, MediaKind::File)),
        "reply" => Segment::ReplyTo { id: data.id.owned()? },
        "json" | "xml" => match data.data.filled() {
            Some(card) => Segment::AppCard { data: card.to_owned() },
            None => other(kind, raw),
        },
        _ => other(kind, raw),
    })
}

fn media(data: &Data<'_>, kind: MediaKind) -> Media {
    let mut media = Media {
        id: data.file_id.owned().or_else(|| data.file.owned()).or_else(|| data.id.owned()),
        url: data.url.owned().filter(|url| url.starts_with("http://") || url.starts_with("https://")),
        path: None,
        name: data.name.owned().or_else(|| data.file.owned()).map(|name| base_name(&name).to_owned()),
        mime: None,
        size: data.file_size.0.or(data.size.0).and_then(|size| u64::try_from(size).ok()),
        ..Media::default()
    };
    // Of what type its bytes are is not known, what it is shown as is.
    media.attrs.insert(KIND_ATTR.to_owned(), kind.as_str().into());
    for (key, value) in [("summary", &data.summary), ("type", &data.kind), ("sub_type", &data.sub_type)] {
        if let Some(value) = value.filled() {
            media.attrs.insert(key.to_owned(), value.into());
        }
    }
    media
}

/// A name without the folders that it may come with.
fn base_name(name: &str) -> &str {
    name.rsplit(['/', '\\']).next().unwrap_or(name)
}

fn other(kind: &str, raw: Option<&RawValue>) -> Segment {
    let json = raw.map(RawValue::get).filter(|json| json.len() <= limits::OTHER_BYTES).unwrap_or("{}");
    Segment::Other { kind: kind.chars().take(64).collect(), json: json.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(json: &str) -> Vec<Segment> {
        read(Some(serde_json::from_str(json).unwrap())).0
    }

    fn mention(id: &str, name: &str) -> Segment {
        Segment::Mention { id: id.into(), name: name.into() }
    }

    #[test]
    fn lists_single_segments_and_cq_strings_are_the_same_message() {
        let expected = [mention("7", ""), Segment::text("hi, [x]")];
        for json in [
            r#"[{"type":"at","data":{"qq":"7"}},{"type":"text","data":{"text":"hi, [x]"}}]"#,
            r#"[{"type":"at","data":{"qq":7}},{"type":"text","data":{"text":"hi, [x]","extra":{}}},{"type":"text","data":{"text":""}}]"#,
            r#""[CQ:at,qq=7]hi, &#91;x&#93;""#,
        ] {
            assert_eq!(parse(json), expected, "{json}");
        }
        assert_eq!(parse(r#"{"type":"text","data":{"text":"one"}}"#), [Segment::text("one")]);
    }

    #[test]
    fn each_known_segment_has_a_case_of_its_own() {
        let media = |segment: &Segment| match segment {
            Segment::Image(media) | Segment::Voice(media) | Segment::Video(media) | Segment::File(media) => {
                (media.id.clone(), media.url.clone(), media.name.clone(), media.size)
            }
            other => panic!("{other:?}"),
        };
        let segments = parse(
            r#"[{"type":"image","data":{"file":"A.jpg","url":"https://h/a","file_size":"12","summary":"[cat]","sub_type":1}},
                {"type":"file","data":{"file":"b.txt","file_id":"/x-1","file_size":7,"url":"file:///etc/passwd"}},
                {"type":"at","data":{"qq":"all"}},{"type":"at","data":{"qq":"8","name":"@灰灰"}},
                {"type":"reply","data":{"id":-5}},{"type":"face","data":{"id":14}},
                {"type":"json","data":{"data":"{\"app\":1}"}}]"#,
        );
        let kinds: Vec<_> = segments[..2]
            .iter()
            .map(|segment| match segment {
                Segment::Image(media) | Segment::File(media) => media.kind(),
                other => panic!("{other:?}"),
            })
            .collect();
        assert_eq!(kinds, [MediaKind::Image, MediaKind::File]);
        let text = |text: &str| Some(text.to_owned());
        assert_eq!(media(&segments[0]), (text("A.jpg"), text("https://h/a"), text("A.jpg"), Some(12)));
        assert_eq!(media(&segments[1]), (text("/x-1"), None, text("b.txt"), Some(7)));
        assert_eq!(
            segments[2..],
            [
                Segment::MentionAll,
                mention("8", "灰灰"),
                Segment::ReplyTo { id: "-5".into() },
                Segment::Face { id: "14".into(), name: String::new() },
                Segment::AppCard { data: r#"{"app":1}"#.into() },
            ]
        );
    }

    #[test]
    fn what_is_not_known_or_broken_is_kept_as_it_came() {
        let other = |kind: &str, json: &str| Segment::Other { kind: kind.into(), json: json.into() };
        assert_eq!(parse(r#"[{"type":"mface","data":{"a":[1]}}]"#), [other("mface", r#"{"a":[1]}"#)]);
        assert_eq!(
            parse(r#"[{"type":"rps","data":null},{"type":"dice"}]"#),
            [other("rps", "{}"), other("dice", "{}")]
        );
        assert_eq!(parse(r#"[{"type":"at","data":{}}]"#), [other("at", "{}")]);
        assert_eq!(parse("[7]"), [other("malformed", "7")]);
        assert_eq!(parse(r#"["plain"]"#), [Segment::text("plain")]);
        for nothing in
            ["null", "7", "[]", r#""""#, r#"[{"type":"text","data":null}]"#, r#"[{"type":"reply"}]"#]
        {
            assert_eq!(parse(nothing), [], "{nothing}");
        }
        let deep = format!(r#"[{{"type":"x","data":{}{}}}]"#, "[".repeat(20_000), "]".repeat(20_000));
        assert_eq!(parse(&deep).len(), 1);
        let large = format!(r#"[{{"type":"x","data":"{}"}}]"#, "a".repeat(limits::OTHER_BYTES));
        assert_eq!(parse(&large), [other("x", "{}")]);
    }

    #[test]
    fn a_message_of_a_million_segments_is_cut() {
        let json = format!("[{}]", vec![r#"{"type":"at","data":{"qq":"1"}}"#; 5_000].join(","));
        let (segments, all) = read(Some(serde_json::from_str(&json).unwrap()));
        assert_eq!((segments.len(), all), (limits::SEGMENTS, false));
    }
}
