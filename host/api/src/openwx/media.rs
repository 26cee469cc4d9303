//! upload_media: a picture or file that is sent later, maybe to many.

use mynah_model::message::Media;
use serde_json::{Value, json};

use crate::answer::Answer;
use crate::call::Call;
use crate::media;

/// Takes what the call brings and says what it is.
pub(super) async fn upload(call: &Call) -> Answer {
    let store = call.api.host.media();
    let held = match media::brought(&call.params, store).await {
        Ok(Some(brought)) => brought.held(store).await,
        Ok(None) => {
            return Answer::error(
                400,
                "media missing: give media_path, a file or a URL, or media_data, its bytes as base64",
            );
        }
        Err(error) => Err(error),
    };
    match held {
        Ok(held) => {
            // As the document (004) shows it, the path is the one that was given.
            let path = match call.params.get("media_path") {
                Some(given) => given.to_owned(),
                None => store.path_of(&held).map(|path| path.display().to_string()).unwrap_or_default(),
            };
            Answer::Json(described(&held, &path))
        }
        Err(error) => {
            let (code, status) = media::why_not(&error);
            Answer::error(code, status)
        }
    }
}

fn described(media: &Media, path: &str) -> Value {
    json!({
        "code": 0,
        "status": "success",
        "media_id": media.id,
        "media_name": media.name,
        "media_size": media.size,
        "media_mime": media.mime,
        "media_mtime": media.attrs.get("mtime"),
        "media_ext": media.attrs.get("ext"),
        "media_path": path,
    })
}
