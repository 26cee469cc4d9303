//! The state of scripts: listed, read, changed, exported and imported while the host runs.
//!
//! An entry is an object `{chat, key, value, expires_at}` everywhere, one in a line of an export. Values are text: the contract of
//! scripts has no others, and JSON carries any of it, a NUL too.

use std::sync::Arc;

use axum::body::{Body, Bytes};
use axum::extract::{FromRequestParts, Path, Request, State};
use axum::http::{StatusCode, header, request};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use futures_util::stream;
use mynah_model::clock::UnixMs;
use mynah_model::names::ScriptName;
use mynah_model::refusal::{Code, Refusal};
use mynah_runtime::grants::KvQuota;
use mynah_runtime::{KvChange, KvChangeError, KvEntry, KvScope, check_kv};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::fields::Fields;
use crate::access::Caller;
use crate::body;
use crate::params::Params;
use crate::problem::{Failure, Problem};
use crate::settings::{KV_IMPORT_BYTES, KV_PAGE, KV_PAGE_MOST};
use crate::state::Api;

/// The script of the path: one that there is, or was.
pub(super) struct NamedScript(ScriptName);

impl FromRequestParts<Arc<Api>> for NamedScript {
    type Rejection = Failure;

    async fn from_request_parts(head: &mut request::Parts, api: &Arc<Api>) -> Result<Self, Failure> {
        let Path(name) = Path::<String>::from_request_parts(head, api)
            .await
            .map_err(|error| Failure::parameter(error.body_text()))?;
        let unknown = || {
            let shown: String = name.chars().take(64).collect();
            let refusal = Refusal::new(
                Code::ScriptUnknown,
                format!("there is no script `{shown}`, and no state of one"),
            );
            Failure::new(StatusCode::NOT_FOUND, refusal.hint("GET /api/v1/scripts lists them"))
        };
        let script: ScriptName = name.parse().map_err(|_| unknown())?;
        match api.host.knows_state_of(&script).await {
            Ok(true) => Ok(Self(script)),
            Ok(false) => Err(unknown()),
            Err(error) => Err(Failure::internal(&error)),
        }
    }
}

/// A key of a script and what it holds.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Entry {
    /// Where: the chat's address, `qq/group/552603`; `*` for what all chats share.
    chat: String,
    /// The key, at most 512 bytes.
    key: String,
    /// The value, at most 64 KiB.
    value: String,
    /// From this time on it is gone, unix ms; null is never.
    #[serde(default)]
    expires_at: Option<UnixMs>,
}

impl From<KvEntry> for Entry {
    fn from(entry: KvEntry) -> Self {
        let KvEntry { scope, key, value, expires_at } = entry;
        Self { chat: scope.to_string(), key, value, expires_at }
    }
}

impl Entry {
    /// The entry, if it may stand in a script's state.
    fn checked(self) -> Result<KvEntry, Refusal> {
        let scope = scope(&self.chat)?;
        check_kv(&self.key, &self.value)?;
        Ok(KvEntry { scope, key: self.key, value: self.value, expires_at: self.expires_at })
    }
}

/// What a key is to hold.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Value {
    /// The value, at most 64 KiB.
    value: String,
    /// From this time on it is gone, unix ms; null or nothing is never.
    #[serde(default)]
    expires_at: Option<UnixMs>,
}

/// So much state.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Extent {
    /// UTF-8 bytes of keys and values.
    bytes: u64,
    /// Number of keys.
    keys: u64,
}

impl From<KvQuota> for Extent {
    fn from(quota: KvQuota) -> Self {
        Self { bytes: quota.bytes, keys: quota.keys }
    }
}

/// A part of a script's state.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Page {
    /// By chat and key, in the order of their bytes. What has expired is left out.
    entries: Vec<Entry>,
    /// The `cursor` of the next page; null after the last.
    next: Option<String>,
    /// How much the script holds in all, what has expired and is not yet removed included.
    used: Extent,
    /// How much it may.
    quota: Extent,
}

/// How many keys were changed.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Changed {
    /// Set and removed together.
    changed: usize,
}

/// The state of a script, a page of it. With `chat`, of that chat; with `prefix` too, keys that begin so.
#[utoipa::path(
    get, operation_id = "list_script_kv",
    path = "/api/v1/scripts/{name}/kv",
    tag = "scripts",
    params(
        ("name" = String, Path, description = "the script"),
        ("chat" = Option<String>, Query, description = "a chat's address; `*` for what all chats share"),
        ("prefix" = Option<String>, Query, description = "with `chat`: the beginning of the keys"),
        ("limit" = Option<u32>, Query, description = "1 to 1000; 100 if it is not given"),
        ("cursor" = Option<String>, Query, description = "`next` of the page before"),
    ),
    responses(
        (status = 200, description = "a page of entries", body = Page),
        (status = 400, description = "a parameter is wrong", body = Problem),
        (status = 404, description = "there is no such script", body = Problem),
        (status = 503, description = "the store cannot be read", body = Problem),
    ),
)]
pub(super) async fn list(
    State(api): State<Arc<Api>>,
    NamedScript(script): NamedScript,
    request: Request,
) -> Result<Json<Page>, Failure> {
    let params = params(&request, &["chat", "prefix", "limit", "cursor"])?;
    let limit = match params.get("limit").map(str::parse) {
        None => KV_PAGE,
        Some(Ok(limit)) if (1..=KV_PAGE_MOST).contains(&limit) => limit,
        Some(_) => return Err(Failure::parameter(format!("`limit` must be 1 to {KV_PAGE_MOST}"))),
    };
    let after = params.get("cursor").map(place).transpose()?;
    let found = match (params.get("chat"), params.get("prefix")) {
        (None, Some(_)) => return Err(Failure::parameter("`prefix` needs `chat`: say of which one")),
        (None, None) => api.host.kv_everywhere(&script, after, limit).await,
        (Some(chat), prefix) => {
            let scope = scope(chat).map_err(bad)?;
            if after.as_ref().is_some_and(|(of, _)| *of != scope.to_string()) {
                return Err(Failure::parameter("`cursor` is of another chat"));
            }
            let (prefix, after) = (prefix.unwrap_or_default().to_owned(), after.map(|(_, key)| key));
            api.host.kv_in(&script, scope, prefix, after, limit).await
        }
    };
    let found = found.map_err(|error| Failure::internal(&error))?;
    let full = u32::try_from(found.len()).is_ok_and(|count| count == limit);
    let next = found.last().filter(|_| full).map(cursor);
    let (used, quota) = api.host.kv_usage(&script);
    let entries = found.into_iter().map(Entry::from).collect();
    Ok(Json(Page { entries, next, used: used.into(), quota: quota.into() }))
}

/// Removes all that a script keeps in a chat.
#[utoipa::path(
    delete, operation_id = "clear_script_kv",
    path = "/api/v1/scripts/{name}/kv",
    tag = "scripts",
    params(
        ("name" = String, Path, description = "the script"),
        ("chat" = String, Query, description = "a chat's address; `*` for what all chats share"),
    ),
    responses(
        (status = 200, description = "it is gone", body = Changed),
        (status = 400, description = "a parameter is wrong, or there are more than 10000 keys", body = Problem),
        (status = 404, description = "there is no such script", body = Problem),
        (status = 503, description = "the store cannot be read or written", body = Problem),
    ),
)]
pub(super) async fn clear(
    State(api): State<Arc<Api>>,
    NamedScript(script): NamedScript,
    Extension(caller): Extension<Caller>,
    request: Request,
) -> Result<Json<Changed>, Failure> {
    let params = params(&request, &["chat"])?;
    let scope = scope(required(&params, "chat")?).map_err(bad)?;
    let found = api.host.kv_in(&script, scope, String::new(), None, u32::MAX).await;
    let found = found.map_err(|error| Failure::internal(&error))?;
    let remove = found.into_iter().map(|entry| KvChange::Remove { scope: entry.scope, key: entry.key });
    change(&api, &script, remove.collect(), false, &caller).await
}

/// What a key holds.
#[utoipa::path(
    get, operation_id = "get_script_kv",
    path = "/api/v1/scripts/{name}/kv/entry",
    tag = "scripts",
    params(
        ("name" = String, Path, description = "the script"),
        ("chat" = String, Query, description = "a chat's address; `*` for what all chats share"),
        ("entry" = String, Query, description = "the key, any text"),
    ),
    responses(
        (status = 200, description = "the entry", body = Entry),
        (status = 400, description = "a parameter is wrong", body = Problem),
        (status = 404, description = "there is no such script, or it has no such key", body = Problem),
        (status = 503, description = "the store cannot be read", body = Problem),
    ),
)]
pub(super) async fn get(
    State(api): State<Arc<Api>>,
    NamedScript(script): NamedScript,
    request: Request,
) -> Result<Json<Entry>, Failure> {
    let (scope, key) = named(&request)?;
    let found = api.host.kv_get(&script, scope, key).await.map_err(|error| Failure::internal(&error))?;
    found.map(|entry| Json(entry.into())).ok_or_else(no_key)
}

/// Sets a key.
#[utoipa::path(
    put, operation_id = "put_script_kv",
    path = "/api/v1/scripts/{name}/kv/entry",
    tag = "scripts",
    params(
        ("name" = String, Path, description = "the script"),
        ("chat" = String, Query, description = "a chat's address; `*` for what all chats share"),
        ("entry" = String, Query, description = "the key, any text"),
    ),
    request_body = Value,
    responses(
        (status = 200, description = "it holds that, and every event from now on sees it", body = Changed),
        (status = 400, description = "a parameter or a field is wrong", body = Problem),
        (status = 404, description = "there is no such script", body = Problem),
        (status = 409, description = "the script would hold more than it may", body = Problem),
        (status = 503, description = "the store cannot be written", body = Problem),
    ),
)]
pub(super) async fn put(
    State(api): State<Arc<Api>>,
    NamedScript(script): NamedScript,
    Extension(caller): Extension<Caller>,
    request: Request,
) -> Result<Json<Changed>, Failure> {
    let (scope, key) = named(&request)?;
    let Fields(Value { value, expires_at }) =
        <Fields<Value> as axum::extract::FromRequest<Arc<Api>>>::from_request(request, &api).await?;
    check_kv(&key, &value).map_err(bad)?;
    let entry = KvEntry { scope, key, value, expires_at };
    change(&api, &script, vec![KvChange::Set(entry)], false, &caller).await
}

/// Removes a key.
#[utoipa::path(
    delete, operation_id = "delete_script_kv",
    path = "/api/v1/scripts/{name}/kv/entry",
    tag = "scripts",
    params(
        ("name" = String, Path, description = "the script"),
        ("chat" = String, Query, description = "a chat's address; `*` for what all chats share"),
        ("entry" = String, Query, description = "the key, any text"),
    ),
    responses(
        (status = 204, description = "it is gone"),
        (status = 400, description = "a parameter is wrong", body = Problem),
        (status = 404, description = "there is no such script, or it has no such key", body = Problem),
        (status = 503, description = "the store cannot be written", body = Problem),
    ),
)]
pub(super) async fn delete(
    State(api): State<Arc<Api>>,
    NamedScript(script): NamedScript,
    Extension(caller): Extension<Caller>,
    request: Request,
) -> Result<StatusCode, Failure> {
    let (scope, key) = named(&request)?;
    let Json(Changed { changed }) =
        change(&api, &script, vec![KvChange::Remove { scope, key }], false, &caller).await?;
    if changed == 0 { Err(no_key()) } else { Ok(StatusCode::NO_CONTENT) }
}

/// All that a script keeps, an entry in each line, by chat and key: what `import` takes. What is written meanwhile may be in it or
/// not.
#[utoipa::path(
    get, operation_id = "export_script_kv",
    path = "/api/v1/scripts/{name}/kv/export",
    tag = "scripts",
    params(("name" = String, Path, description = "the script")),
    responses(
        (status = 200, description = "lines of `Entry`", body = String, content_type = "application/x-ndjson"),
        (status = 404, description = "there is no such script", body = Problem),
    ),
)]
pub(super) async fn export(State(api): State<Arc<Api>>, NamedScript(script): NamedScript) -> Response {
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
        ("name" = String, Path, description = "the script"),
        ("replace" = Option<bool>, Query, description = "whether what is not named goes"),
    ),
    request_body(content = String, content_type = "application/x-ndjson"),
    responses(
        (status = 200, description = "the script holds that, and every event from now on sees it", body = Changed),
        (status = 400, description = "a line is wrong; the text says which, and nothing was changed", body = Problem),
        (status = 404, description = "there is no such script", body = Problem),
        (status = 409, description = "the script would hold more than it may", body = Problem),
        (status = 503, description = "the store cannot be written", body = Problem),
    ),
)]
pub(super) async fn import(
    State(api): State<Arc<Api>>,
    NamedScript(script): NamedScript,
    Extension(caller): Extension<Caller>,
    request: Request,
) -> Result<Json<Changed>, Failure> {
    let replace = match params(&request, &["replace"])?.get("replace") {
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
    let mut first_lines = std::collections::HashMap::new();
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
        let entry = entry.checked().map_err(|refusal| {
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

async fn change(
    api: &Api,
    script: &ScriptName,
    changes: Vec<KvChange>,
    replace: bool,
    caller: &Caller,
) -> Result<Json<Changed>, Failure> {
    match api.host.kv_change(script, changes, replace, &caller.actor()).await {
        Ok(changed) => Ok(Json(Changed { changed })),
        Err(KvChangeError::Refused(refusal)) => {
            let status = match refusal.code {
                Code::LimitKvTotal => StatusCode::CONFLICT,
                Code::StoreStalled => StatusCode::SERVICE_UNAVAILABLE,
                _ => StatusCode::BAD_REQUEST,
            };
            Err(Failure::new(status, refusal))
        }
        Err(KvChangeError::Host(error)) => Err(Failure::internal(&error)),
    }
}

/// The parameters of a request that has no others.
fn params(request: &Request, known: &[&str]) -> Result<Params, Failure> {
    let mut params = Params::of_query(request.uri().query().unwrap_or_default())
        .map_err(|error| Failure::parameter(error.to_string()))?;
    params.remove(&crate::access::PROOFS);
    if let Some((name, _)) = params.iter().find(|(name, _)| !known.contains(name)) {
        let shown: String = name.chars().take(64).collect();
        let known = known.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
        return Err(Failure::parameter(format!("there is no parameter `{shown}` here; there is {known}")));
    }
    Ok(params)
}

fn required<'a>(params: &'a Params, name: &str) -> Result<&'a str, Failure> {
    params.get(name).ok_or_else(|| Failure::parameter(format!("`{name}` is missing")))
}

/// The place that a request is about. (`key` is a caller's secret everywhere.)
fn named(request: &Request) -> Result<(KvScope, String), Failure> {
    let params = params(request, &["chat", "entry"])?;
    Ok((scope(required(&params, "chat")?).map_err(bad)?, required(&params, "entry")?.to_owned()))
}

fn scope(chat: &str) -> Result<KvScope, Refusal> {
    chat.parse().map_err(|error| {
        Refusal::new(Code::HttpParameter, format!("`chat`: {error}; `*` is what all chats share"))
    })
}

fn bad(refusal: Refusal) -> Failure {
    Failure::new(StatusCode::BAD_REQUEST, refusal)
}

fn no_key() -> Failure {
    let refusal = Refusal::new(Code::HttpParameter, "the script has no such key there");
    Failure::new(StatusCode::NOT_FOUND, refusal)
}

fn cursor(last: &KvEntry) -> String {
    let place = serde_json::to_vec(&(last.scope.to_string(), &last.key)).unwrap_or_default();
    URL_SAFE_NO_PAD.encode(place)
}

fn place(cursor: &str) -> Result<(String, String), Failure> {
    let bytes = URL_SAFE_NO_PAD.decode(cursor).ok();
    let place = bytes.and_then(|bytes| serde_json::from_slice(&bytes).ok());
    place.ok_or_else(|| Failure::parameter("`cursor` is not the `next` of a page"))
}
