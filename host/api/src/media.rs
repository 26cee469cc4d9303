//! The picture or file that a call brings, and how reports show one.

use mynah_model::message::{Media, Message, Segment};
use mynah_runtime::media::decode_base64;
use mynah_runtime::{MediaError, MediaStore};
use serde_json::{Map, Value};

use crate::answer::Answer;
use crate::params::{MEDIA_DATA, Params};
use crate::report::picture::mime_base64;
use crate::settings::REPORTED_MEDIA;

/// A picture or file that a call brings.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Brought {
    /// The host has it.
    Held(Media),
    /// It is where this leads to.
    Reference(String),
}

impl Brought {
    /// What it is, once the host has it.
    pub(crate) async fn held(self, store: &MediaStore) -> Result<Media, MediaError> {
        match self {
            Self::Held(media) => Ok(media),
            Self::Reference(reference) => store.from_reference(&reference).await,
        }
    }
}

/// What a call brings, if it does: what `media_id` names, else the bytes in `media_data`, else what `media_path` leads
/// to, which may take a while to be fetched.
pub(crate) async fn brought(params: &Params, store: &MediaStore) -> Result<Option<Brought>, MediaError> {
    if let Some(id) = params.get("media_id") {
        return Ok(Some(Brought::Held(store.find(id)?)));
    }
    if let Some(data) = params.get(MEDIA_DATA) {
        let bytes = decode_base64(data)?;
        let name = params.get("media_name").or_else(|| params.file_name());
        return Ok(Some(Brought::Held(store.put(bytes, name).await?)));
    }
    Ok(params.get("media_path").map(|reference| Brought::Reference(reference.to_owned())))
}

/// The code and the sentence for a call whose media cannot be had: 100 for an id that names nothing, 400 for what the
/// caller gave otherwise, 201 for what its server or the disk did not give.
pub(crate) fn why_not(error: &MediaError) -> (i32, String) {
    let code = match error {
        MediaError::Unknown(_) => 100,
        error if error.is_callers() => 400,
        _ => 201,
    };
    (code, format!("media: {error}"))
}

/// The answer to such a call that would have sent a message.
pub(crate) fn not_sent(error: &MediaError) -> Answer {
    let (code, status) = why_not(error);
    Answer::not_sent(code, status)
}

/// The picture or file of a message: the first, if it has several.
pub(crate) fn of_message(message: &Message) -> Option<&Media> {
    message.segments.iter().find_map(|segment| match segment {
        Segment::Image(media) | Segment::Voice(media) | Segment::Video(media) | Segment::File(media) => {
            Some(media)
        }
        _ => None,
    })
}

/// Makes the report of a message that of its picture or file, as document 004 shows it: `format` is `media`, the content
/// says where it lies, and the `media_*` fields say what it is. What is not known is left out. Of a message without one
/// nothing is changed.
pub(crate) fn put_fields(report: &mut Map<String, Value>, message: &Message, store: &MediaStore) {
    let Some(media) = of_message(message) else { return };
    report.insert("format".to_owned(), "media".into());
    let path = store.path_of(media).and_then(|path| path.to_str().map(str::to_owned));
    if let Some(path) = &path {
        report.insert("content".to_owned(), format!("[media]({path})").into());
    }
    let attr = |name: &str| match media.attrs.get(name)? {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    };
    let ext_of_name = || Some(media.name.as_deref()?.rsplit_once('.')?.1.to_owned());
    let fields = [
        ("media_id", media.id.clone()),
        ("media_type", Some(media.kind().as_str().to_owned())),
        ("media_path", path),
        ("media_url", media.url.clone()),
        ("media_name", media.name.clone()),
        ("media_mime", media.mime.clone()),
        ("media_size", media.size.map(|size| size.to_string())),
        ("media_mtime", attr("mtime")),
        ("media_ext", attr("ext").or_else(ext_of_name)),
    ];
    let known = fields.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?.into())));
    report.extend(known);
}

/// Adds the bytes of the picture or file of a report to it as `media_data`, base64 in lines. Those of a large one, or of
/// one that is held no more, are left out. Done when the report goes out, so that no queue of reports holds them.
pub(crate) async fn put_data(report: &mut Value, store: &MediaStore) {
    let Value::Object(fields) = report else { return };
    let Some(id) = fields.get("media_id").and_then(Value::as_str) else { return };
    // Held no more, or another network's id.
    let Ok(media) = store.find(id) else { return };
    if media.size.is_none_or(|size| size > REPORTED_MEDIA) {
        return;
    }
    match store.read(&media).await {
        Ok(bytes) => {
            fields.insert(MEDIA_DATA.to_owned(), mime_base64(&bytes).into());
        }
        Err(error) => tracing::warn!(%error, "a report goes out without media_data"),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use mynah_model::Attrs;
    use mynah_model::clock::SystemClock;
    use mynah_model::message::{MessageClass, MessageSource};
    use mynah_model::roster::Person;
    use mynah_runtime::MediaConfig;
    use serde_json::json;

    use super::*;

    const PNG: &[u8] = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR";

    fn store() -> MediaStore {
        MediaStore::open(MediaConfig::default(), Arc::new(SystemClock)).unwrap()
    }

    fn message(segments: Vec<Segment>) -> Message {
        Message {
            id: "1".into(),
            sender: Person::default(),
            segments,
            text: "[image]".into(),
            class: MessageClass::Recv,
            source: MessageSource::Person,
            attrs: Attrs::new(),
        }
    }

    async fn given(store: &MediaStore, query: &str) -> Result<Option<Media>, MediaError> {
        match brought(&Params::of_query(query).unwrap(), store).await? {
            Some(brought) => brought.held(store).await.map(Some),
            None => Ok(None),
        }
    }

    #[tokio::test]
    async fn an_id_counts_before_bytes_and_bytes_before_a_path() {
        let store = store();
        assert_eq!(given(&store, "content=x&media_path=").await, Ok(None));
        let data = given(&store, "media_data=aGk%3D&media_path=/etc/passwd&media_name=a.txt")
            .await
            .unwrap()
            .unwrap();
        assert_eq!((data.name.as_deref(), data.size), (Some("a.txt"), Some(2)));
        let id = data.id.clone().unwrap().replace('@', "%40");
        assert_eq!(given(&store, &format!("media_id={id}&media_data=eA")).await, Ok(Some(data)));
    }

    #[tokio::test]
    async fn each_kind_of_failure_has_its_code() {
        let store = store();
        let unknown = format!("media_id=@crypt_{}_{}:3", "0".repeat(8), "0".repeat(56));
        for (query, code) in [
            (unknown.as_str(), 100),
            ("media_id=1", 400),
            ("media_data=x", 400),
            ("media_data=a b", 400),
            ("media_path=/etc/passwd", 400),
            ("media_path=http://127.0.0.1/", 400),
            ("media_path=http://nothing.invalid/", 201),
        ] {
            let error = given(&store, query).await.unwrap_err();
            assert_eq!(why_not(&error).0, code, "{query}: {error}");
        }
    }

    #[tokio::test]
    async fn a_report_of_media_has_the_fields_of_the_document() {
        let store = store();
        let media = store.put(PNG.to_vec(), Some("图.png")).await.unwrap();
        let path = store.path_of(&media).unwrap().display().to_string();
        let mtime = media.attrs["mtime"].to_string();
        let message = message(vec![Segment::text("a"), Segment::Image(media.clone())]);
        let mut report = Map::new();
        put_fields(&mut report, &message, &store);
        for (name, expected) in [
            ("format", "media"),
            ("content", &format!("[media]({path})")),
            ("media_id", media.id.as_deref().unwrap()),
            ("media_type", "image"),
            ("media_path", &path),
            ("media_name", "图.png"),
            ("media_mime", "image/png"),
            ("media_size", &PNG.len().to_string()),
            ("media_mtime", &mtime),
            ("media_ext", "png"),
        ] {
            assert_eq!(report.get(name), Some(&expected.into()), "{name}");
        }
        assert_eq!(report.len(), 10, "no bytes unless they are asked for");
        let mut report = Value::Object(report);
        put_data(&mut report, &store).await;
        assert_eq!(report["media_data"], "iVBORw0KGgoAAAANSUhEUg==\n");
    }

    #[tokio::test]
    async fn large_media_are_reported_without_their_bytes_and_texts_as_they_are() {
        let store = store();
        let size = usize::try_from(REPORTED_MEDIA).unwrap() + 1;
        let media = store.put(vec![0; size], None).await.unwrap();
        let mut report = Map::new();
        put_fields(&mut report, &message(vec![Segment::File(media)]), &store);
        for report in
            [Value::Object(report), json!({ "media_id": "22739" }), json!({ "content": "a" }), json!([1])]
        {
            let mut sent = report.clone();
            put_data(&mut sent, &store).await;
            assert_eq!(sent, report);
        }
        let mut report = Map::new();
        put_fields(&mut report, &message(vec![Segment::text("a")]), &store);
        assert!(report.is_empty());
    }
}
