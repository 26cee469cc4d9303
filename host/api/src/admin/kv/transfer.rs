//! Exporting and importing all that a script keeps.

use std::collections::HashMap;
use std::sync::Arc;

use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use futures_util::stream;
use mynah_model::refusal::Refusal;
use mynah_runtime::{KvChange, KvEntry, check_kv};

use super::{Changed, Entry, change, scope};
use crate::access::Caller;
use crate::admin::answers::{Full, NoScript, Unavailable};
use crate::admin::paths::{KeepingScript, ScriptPath};
use crate::admin::query::Query;
use crate::body;
use crate::problem::{Failure, Problem};
use crate::settings::{KV_IMPORT_BYTES, KV_PAGE_MOST};
use crate::state::Api;

/// All that a script keeps, an entry in each line, by chat and key: what `import` takes. What is written meanwhile may be in it or
/// not.
#[utoipa::path(
    get, operation_id = "export_script_kv",
    path = "/api/v1/scripts/{name}/kv/export",
    tag = "scripts",
    params(ScriptPath),
    responses(
        (status = 200, description = "lines of `Entry`", body = String, content_type = "application/x-ndjson"),
        NoScript,
    ),
)]
pub(in crate::admin) async fn export(
    State(api): State<Arc<Api>>,
    KeepingScript(script): KeepingScript,
) -> Response {
    // Page by page, so that a caller who reads slowly holds neither memory nor the store.
    let pages = stream::unfold(Some(None::<(String, String)>), move |after| {
        let (api, script) = (Arc::clone(&api), script.clone());
        async move {
            let found = match api.host.kv_everywhere(&script, after?, KV_PAGE_MOST).await {
                Ok(found) => found,
                Err(error) => return Some((Err(std::io::Error::other(error.to_string())), None)),
            };
            let last = found.last().map(|entry| (entry.scope.to_string(), entry.key.clone()))?;
            let mut lines = Vec::new();
            for entry in found {
                if let Err(error) = serde_json::to_writer(&mut lines, &Entry::from(entry)) {
                    return Some((Err(error.into()), None));
                }
                lines.push(b'\n');
            }
            Some((Ok(Bytes::from(lines)), Some(Some(last))))
        }
    });
    ([(header::CONTENT_TYPE, "application/x-ndjson")], Body::from_stream(pages)).into_response()
}

/// Sets what the lines say, all of it or nothing: lines of `Entry`, as `export` gives them. With `replace=true` the script holds nothing
/// else afterwards. At most 10,000 lines and 16 MiB.
#[utoipa::path(
    post, operation_id = "import_script_kv",
    path = "/api/v1/scripts/{name}/kv/import",
    tag = "scripts",
    params(
        ScriptPath,
        ("replace" = Option<bool>, Query, description = "whether what is not named goes"),
    ),
    request_body(content = String, content_type = "application/x-ndjson"),
    responses(
        (status = 200, description = "the script holds that, and every event from now on sees it", body = Changed),
        (status = 400, description = "a line is wrong; the text says which, and nothing was changed", body = Problem),
        NoScript,
        Full,
        Unavailable,
    ),
)]
pub(in crate::admin) async fn import(
    State(api): State<Arc<Api>>,
    KeepingScript(script): KeepingScript,
    Extension(caller): Extension<Caller>,
    request: Request,
) -> Result<Json<Changed>, Failure> {
    let query = Query::of(request.uri(), &["replace"])?;
    let replace = match query.text("replace").as_deref() {
        None | Some("false") => false,
        Some("true") => true,
        Some(_) => return Err(Failure::parameter("`replace` must be `true` or `false`")),
    };
    let (head, body) = request.into_parts();
    let bytes = body::read(KV_IMPORT_BYTES, &head.headers, body, &api.settings).await?;
    change(&api, &script, read_lines(&bytes)?, replace, &caller).await
}

/// The entries of an import. The error names the line.
fn read_lines(bytes: &[u8]) -> Result<Vec<KvChange>, Failure> {
    let mut first_lines = HashMap::new();
    let mut changes = Vec::new();
    for (number, line) in (1usize..).zip(bytes.split(|byte| *byte == b'\n')) {
        if line.trim_ascii().is_empty() {
            continue;
        }
        let wrong = |text: String| Failure::parameter(format!("line {number}: {text}"));
        // A list of an entry's fields in their order would be understood too.
        if !line.trim_ascii_start().starts_with(b"{") {
            return Err(wrong("this is not a JSON object".to_owned()));
        }
        let entry: Entry = serde_json::from_slice(line).map_err(|error| {
            let text = error.to_string();
            wrong(text.split(" at line ").next().unwrap_or_default().to_owned())
        })?;
        let entry = checked(entry).map_err(|refusal| {
            let text = format!("line {number}: {}", refusal.text);
            Failure::new(StatusCode::BAD_REQUEST, Refusal { text, ..refusal })
        })?;
        if let Some(first) = first_lines.insert((entry.scope.clone(), entry.key.clone()), number) {
            return Err(wrong(format!("the key is in line {first} as well")));
        }
        changes.push(KvChange::Set(entry));
    }
    Ok(changes)
}

/// The entry, if it may stand in a script's state.
fn checked(entry: Entry) -> Result<KvEntry, Refusal> {
    let Entry { chat, key, value, expires_at } = entry;
    let scope = scope(&chat)?;
    check_kv(&key, &value)?;
    Ok(KvEntry { scope, key, value, expires_at })
}
