//! What is to be said: from the host's segments to the protocol's. Always a list, never a CQ string, so that no text
//! can become a code; and nothing that makes the implementation read its own disk.

use std::collections::HashMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use mynah_model::action::{Act, ActionBody};
use mynah_model::message::{Media, Segment};
use serde_json::{Map, Value, json};

/// Segments of the protocol that may be sent as they are: they hold plain values and no files.
const PLAIN: [&str; 9] = ["contact", "dice", "face", "location", "mface", "music", "poke", "rps", "shake"];

/// Files of the host's media folder that an act sends, by their names, as `base64://` takes them.
#[derive(Debug, Default)]
pub(super) struct Files(HashMap<String, String>);

impl Files {
    /// Takes a file in.
    pub(super) fn put(&mut self, name: &str, bytes: &[u8]) {
        self.0.insert(name.to_owned(), format!("base64://{}", STANDARD.encode(bytes)));
    }
}

/// The media of an act that lie in the host's media folder, where the implementation cannot get them.
pub(super) fn held(act: &Act) -> Vec<&Media> {
    let segments = match &act.body {
        ActionBody::Send { segments } => segments.as_slice(),
        ActionBody::SendMedia { media } => {
            return Some(media).filter(|media| media.path.is_some()).into_iter().collect();
        }
        _ => &[],
    };
    let media = segments.iter().filter_map(|segment| match segment {
        Segment::Image(media) | Segment::Voice(media) | Segment::Video(media) | Segment::File(media) => {
            Some(media)
        }
        _ => None,
    });
    media.filter(|media| media.path.is_some()).collect()
}

/// The segments of a message. In a private chat nobody is called: a mention is their name there.
pub(super) fn write(segments: &[Segment], private: bool, files: &Files) -> Result<Vec<Value>, String> {
    let mut written = Vec::with_capacity(segments.len());
    for segment in segments {
        match segment {
            // Implementations take a quote for one only where it stands first.
            Segment::ReplyTo { id } => written.insert(0, piece("reply", json!({ "id": id }))),
            segment => written.extend(write_one(segment, private, files)?),
        }
    }
    if written.is_empty() {
        return Err("there is nothing to send: the message is empty".to_owned());
    }
    Ok(written)
}

/// A medium on its own, by what it is.
pub(super) fn write_media(media: &Media, files: &Files) -> Result<Vec<Value>, String> {
    let kind = match media.mime.as_deref().and_then(|mime| mime.split('/').next()) {
        Some("image") => "image",
        Some("audio") => "record",
        Some("video") => "video",
        _ => "file",
    };
    Ok(vec![file(kind, media, files)?])
}

fn write_one(segment: &Segment, private: bool, files: &Files) -> Result<Option<Value>, String> {
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
        Segment::Image(media) => file("image", media, files)?,
        Segment::Voice(media) => file("record", media, files)?,
        Segment::Video(media) => file("video", media, files)?,
        Segment::File(media) => file("file", media, files)?,
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

/// Where the implementation gets a file from: its bytes, a URL, or its own name for something that it holds.
fn file(kind: &str, media: &Media, files: &Files) -> Result<Value, String> {
    let from = match (&media.path, &media.url, &media.id) {
        (Some(path), ..) => {
            let bytes = files.0.get(path);
            bytes.cloned().ok_or_else(|| format!("the {kind} is not in the media folder, or no longer"))?
        }
        (None, Some(url), _) => address(kind, url)?,
        (None, None, Some(id)) if id.contains(['/', '\\', ':']) || id.is_empty() => {
            return Err(format!(
                "the id of a {kind} is a name that the network gave, without `/`, `\\` and `:`"
            ));
        }
        (None, None, Some(id)) => id.clone(),
        (None, None, None) => return Err(format!("the {kind} is empty: it needs a url, a path or an id")),
    };
    let mut data = Map::from_iter([("file".to_owned(), json!(from))]);
    if let Some(name) = media.name.as_ref().filter(|_| kind == "file") {
        data.insert("name".to_owned(), json!(name));
    }
    Ok(json!({ "type": kind, "data": data }))
}

/// What of a URL the implementation fetches, or takes as it is.
fn address(kind: &str, url: &str) -> Result<String, String> {
    let is = |scheme: &str| url.get(..scheme.len()).is_some_and(|start| start.eq_ignore_ascii_case(scheme));
    if ["http://", "https://", "base64://"].into_iter().any(is) {
        return Ok(url.to_owned());
    }
    match url.split_once(";base64,") {
        Some((_, bytes)) if is("data:") => Ok(format!("base64://{bytes}")),
        _ if is("data:") => Err(format!("the data: url of a {kind} is base64: `data:TYPE;base64,BYTES`")),
        _ => Err(format!("the url of a {kind} begins with http://, https://, base64:// or data:")),
    }
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
        let written = write(&[Segment::text(text)], false, &Files::default()).unwrap();
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
        assert_eq!(kinds(write(&segments, false, &Files::default()).unwrap()), ["reply", "at", "text", "at"]);
        let private = write(&segments, true, &Files::default()).unwrap();
        assert_eq!(private[1]["data"]["text"], "@灰灰");
        assert_eq!(kinds(private), ["reply", "text", "text", "text"]);
        let all = Segment::Mention { id: "all".into(), name: String::new() };
        assert!(write(&[all], false, &Files::default()).is_err(), "a mention of one person calls one person");
    }

    #[test]
    fn nothing_makes_the_implementation_read_its_own_disk() {
        let of = |url: Option<&str>, id: Option<&str>| {
            let own = |text: &str| text.to_owned();
            Segment::Image(Media { url: url.map(own), id: id.map(own), ..Media::default() })
        };
        for url in ["file:///etc/passwd", "FILE:///c:/x", "/etc/passwd", "", "ftp://h/x"] {
            assert!(write(&[of(Some(url), None)], false, &Files::default()).is_err(), "{url}");
        }
        for id in ["file:///etc/passwd", "/etc/passwd", "..\\x", "C:x", ""] {
            assert!(write(&[of(None, Some(id))], false, &Files::default()).is_err(), "{id}");
        }
        assert!(
            write(&[of(Some("HTTPS://h/x.png"), None), of(None, Some("A1.jpg"))], false, &Files::default())
                .is_ok()
        );
        for (kind, json) in [
            ("image", r#"{"file":"http://h/x"}"#),
            ("node", r#"{"content":[]}"#),
            ("music", r#"{"url":" File:///x"}"#),
            ("poke", r#"{"type":[1]}"#),
            ("poke", "[]"),
        ] {
            let segment = Segment::Other { kind: kind.into(), json: json.into() };
            assert!(write(&[segment], false, &Files::default()).is_err(), "{kind} {json}");
        }
        let dice = Segment::Other { kind: "dice".into(), json: "{}".into() };
        assert!(write(&[dice], false, &Files::default()).is_ok());
    }

    #[test]
    fn files_of_the_media_folder_go_as_bytes_and_so_do_data_urls() {
        let held = Media {
            id: Some("@crypt_00:3".into()),
            path: Some("00.png".into()),
            url: Some("https://h/x".into()),
            ..Media::default()
        };
        let mut files = Files::default();
        assert!(write(&[Segment::Image(held.clone())], false, &files).is_err(), "it is gone");
        files.put("00.png", b"\x89PNG");
        let sent =
            |media: Media| write(&[Segment::Image(media)], false, &files).unwrap()[0]["data"]["file"].clone();
        assert_eq!(sent(held), json!("base64://iVBORw=="));
        let url = |url: &str| Media { url: Some(url.into()), ..Media::default() };
        assert_eq!(sent(url("data:image/png;base64,iVBORw==")), json!("base64://iVBORw=="));
        assert_eq!(sent(url("BASE64://iVBORw==")), json!("BASE64://iVBORw=="));
        assert!(write(&[Segment::Image(url("data:text/plain,hi"))], false, &files).is_err());
    }

    #[test]
    fn an_empty_message_is_refused() {
        assert!(write(&[Segment::text("")], false, &Files::default()).is_err());
        assert!(write_media(&Media::default(), &Files::default()).is_err());
        let media =
            Media { url: Some("https://h/a".into()), mime: Some("image/png".into()), ..Media::default() };
        assert_eq!(write_media(&media, &Files::default()).unwrap()[0]["type"], "image");
    }
}
