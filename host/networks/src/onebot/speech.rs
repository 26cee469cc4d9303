//! What is to be said: from the host's segments to the protocol's. Always a list, never a CQ string, so that no text
//! can become a code; and nothing that makes the implementation read its own disk.

use mynah_model::message::{Media, Segment};
use serde_json::{Map, Value, json};

/// Segments of the protocol that may be sent as they are: they hold plain values and no files.
const PLAIN: [&str; 9] = ["contact", "dice", "face", "location", "mface", "music", "poke", "rps", "shake"];

/// The segments of a message. In a private chat nobody is called: a mention is their name there.
pub(super) fn write(segments: &[Segment], private: bool) -> Result<Vec<Value>, String> {
    let mut written = Vec::with_capacity(segments.len());
    for segment in segments {
        match segment {
            // Implementations take a quote for one only where it stands first.
            Segment::ReplyTo { id } => written.insert(0, piece("reply", json!({ "id": id }))),
            segment => written.extend(write_one(segment, private)?),
        }
    }
    if written.is_empty() {
        return Err("there is nothing to send: the message is empty".to_owned());
    }
    Ok(written)
}

/// A medium on its own, by what it is.
pub(super) fn write_media(media: &Media) -> Result<Vec<Value>, String> {
    let kind = match media.mime.as_deref().and_then(|mime| mime.split('/').next()) {
        Some("image") => "image",
        Some("audio") => "record",
        Some("video") => "video",
        _ => "file",
    };
    Ok(vec![file(kind, media)?])
}

fn write_one(segment: &Segment, private: bool) -> Result<Option<Value>, String> {
    Ok(Some(match segment {
        Segment::Text { text } if text.is_empty() => return Ok(None),
        Segment::Text { text } => piece("text", json!({ "text": text })),
        Segment::Mention { id, name } if private => {
            let called = if name.is_empty() { id } else { name };
            piece("text", json!({ "text": format!("@{called}") }))
        }
        Segment::Mention { id, .. } => {
            // `all` would call everybody.
            super::actions::number("the id of a mention", id)?;
            piece("at", json!({ "qq": id }))
        }
        Segment::MentionAll if private => piece("text", json!({ "text": "@all" })),
        Segment::MentionAll => piece("at", json!({ "qq": "all" })),
        Segment::Image(media) => file("image", media)?,
        Segment::Voice(media) => file("record", media)?,
        Segment::Video(media) => file("video", media)?,
        Segment::File(media) => file("file", media)?,
        Segment::Face { id, .. } => piece("face", json!({ "id": id })),
        Segment::ReplyTo { id } => piece("reply", json!({ "id": id })),
        Segment::AppCard { data } if data.trim_start().starts_with('<') => {
            piece("xml", json!({ "data": data }))
        }
        Segment::AppCard { data } => piece("json", json!({ "data": data })),
        Segment::Other { kind, json } => plain(kind, json)?,
    }))
}

fn piece(kind: &str, data: Value) -> Value {
    json!({ "type": kind, "data": data })
}

/// Where the implementation gets a file from: a URL, or its own name for something that it holds.
fn file(kind: &str, media: &Media) -> Result<Value, String> {
    let from = match (&media.url, &media.id, &media.path) {
        (Some(url), _, _) => {
            let allowed = ["http://", "https://", "base64://"];
            let lower: String = url.chars().take(16).collect::<String>().to_ascii_lowercase();
            if !allowed.iter().any(|scheme| lower.starts_with(scheme)) {
                return Err(format!("the url of a {kind} begins with http:// or https://"));
            }
            url
        }
        (None, Some(id), _) if id.contains(['/', '\\', ':']) || id.is_empty() => {
            return Err(format!(
                "the id of a {kind} is a name that the network gave, without `/`, `\\` and `:`"
            ));
        }
        (None, Some(id), _) => id,
        (None, None, Some(_)) => {
            return Err(format!("a {kind} of the media folder cannot be sent over OneBot: give its url"));
        }
        (None, None, None) => return Err(format!("the {kind} is empty: it needs a url or an id")),
    };
    let mut data = Map::from_iter([("file".to_owned(), json!(from))]);
    if let Some(name) = media.name.as_ref().filter(|_| kind == "file") {
        data.insert("name".to_owned(), json!(name));
    }
    Ok(json!({ "type": kind, "data": data }))
}

fn plain(kind: &str, text: &str) -> Result<Value, String> {
    if !PLAIN.contains(&kind) {
        return Err(format!(
            "a segment `{kind}` cannot be sent as it is; those that can are {}",
            PLAIN.join(", ")
        ));
    }
    let data: Map<String, Value> = serde_json::from_str(text)
        .map_err(|_| format!("the json of a segment `{kind}` is an object with plain values"))?;
    let is_plain = |value: &Value| match value {
        Value::String(text) => !text.trim_start().to_ascii_lowercase().starts_with("file:"),
        Value::Number(_) | Value::Bool(_) => true,
        Value::Null | Value::Array(_) | Value::Object(_) => false,
    };
    match data.iter().find(|(_, value)| !is_plain(value)) {
        Some((key, _)) => Err(format!("`{key}` of a segment `{kind}` is no plain value")),
        None => Ok(json!({ "type": kind, "data": data })),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_text_whatever_it_looks_like() {
        let text = "[CQ:at,qq=all] &#91; & ,";
        let written = write(&[Segment::text(text)], false).unwrap();
        assert_eq!(written, [json!({ "type": "text", "data": { "text": text } })]);
    }

    #[test]
    fn a_quote_comes_first_and_mentions_call_in_groups_only() {
        let segments = [
            Segment::Mention { id: "7".into(), name: "灰灰".into() },
            Segment::text(" hi"),
            Segment::MentionAll,
            Segment::ReplyTo { id: "-5".into() },
        ];
        let kinds = |written: Vec<Value>| -> Vec<String> {
            written.iter().map(|piece| piece["type"].as_str().unwrap().to_owned()).collect()
        };
        assert_eq!(kinds(write(&segments, false).unwrap()), ["reply", "at", "text", "at"]);
        let private = write(&segments, true).unwrap();
        assert_eq!(private[1]["data"]["text"], "@灰灰");
        assert_eq!(kinds(private), ["reply", "text", "text", "text"]);
        let all = Segment::Mention { id: "all".into(), name: String::new() };
        assert!(write(&[all], false).is_err(), "a mention of one person calls one person");
    }

    #[test]
    fn nothing_makes_the_implementation_read_its_own_disk() {
        let of = |url: Option<&str>, id: Option<&str>| {
            let own = |text: &str| text.to_owned();
            Segment::Image(Media { url: url.map(own), id: id.map(own), ..Media::default() })
        };
        for url in ["file:///etc/passwd", "FILE:///c:/x", "/etc/passwd", "", "ftp://h/x"] {
            assert!(write(&[of(Some(url), None)], false).is_err(), "{url}");
        }
        for id in ["file:///etc/passwd", "/etc/passwd", "..\\x", "C:x", ""] {
            assert!(write(&[of(None, Some(id))], false).is_err(), "{id}");
        }
        assert!(write(&[of(Some("HTTPS://h/x.png"), None), of(None, Some("A1.jpg"))], false).is_ok());
        for (kind, json) in [
            ("image", r#"{"file":"http://h/x"}"#),
            ("node", r#"{"content":[]}"#),
            ("music", r#"{"url":" File:///x"}"#),
            ("poke", r#"{"type":[1]}"#),
            ("poke", "[]"),
        ] {
            let segment = Segment::Other { kind: kind.into(), json: json.into() };
            assert!(write(&[segment], false).is_err(), "{kind} {json}");
        }
        let dice = Segment::Other { kind: "dice".into(), json: "{}".into() };
        assert!(write(&[dice], false).is_ok());
    }

    #[test]
    fn an_empty_message_is_refused() {
        assert!(write(&[Segment::text("")], false).is_err());
        assert!(write_media(&Media::default()).is_err());
        let media =
            Media { url: Some("https://h/a".into()), mime: Some("image/png".into()), ..Media::default() };
        assert_eq!(write_media(&media).unwrap()[0]["type"], "image");
    }
}
