//! The state of scripts: listed, read, changed, exported and imported while the host runs.
//!
//! An entry is an object `{chat, key, value, expires_at}` everywhere, one in a line of an export. Values are text: the contract of
//! scripts has no others, and JSON carries any of it, a NUL too.
//!
//! # Layout
//! - here: listing, reading and changing
//! - `transfer`: exporting and importing

pub(super) mod transfer;

use std::sync::Arc;

use axum::extract::{FromRequestParts, State};
use axum::http::{StatusCode, Uri, request};
use axum::{Extension, Json};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use mynah_model::clock::UnixMs;
use mynah_model::names::ScriptName;
use mynah_model::refusal::{Code, Refusal};
use mynah_runtime::grants::KvQuota;
use mynah_runtime::{KvChange, KvChangeError, KvEntry, KvScope, check_kv};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::answers::{Full, NoScript, Unavailable, Wrong};
use super::fields::Fields;
use super::paths::{KeepingScript, ScriptPath};
use super::query::Query;
use crate::access::Caller;
use crate::problem::{Failure, Problem};
use crate::settings::{KV_PAGE, KV_PAGE_MOST};
use crate::state::Api;

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

/// The place of an entry. (`key` is a caller's secret everywhere.)
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct Place {
    /// a chat's address; `*` for what all chats share
    #[param(value_type = String)]
    chat: KvScope,
    /// the key, any text
    entry: String,
}

impl FromRequestParts<Arc<Api>> for Place {
    type Rejection = Failure;

    async fn from_request_parts(head: &mut request::Parts, _: &Arc<Api>) -> Result<Self, Failure> {
        let query = Query::of(&head.uri, &["chat", "entry"])?;
        Ok(Self { chat: scope(&query.required("chat")?).map_err(bad)?, entry: query.required("entry")? })
    }
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
        ScriptPath,
        ("chat" = Option<String>, Query, description = "a chat's address; `*` for what all chats share"),
        ("prefix" = Option<String>, Query, description = "with `chat`: the beginning of the keys"),
        ("limit" = Option<u32>, Query, description = "1 to 1000; 100 if it is not given"),
        ("cursor" = Option<String>, Query, description = "`next` of the page before"),
    ),
    responses(
        (status = 200, description = "a page of entries", body = Page),
        Wrong,
        NoScript,
        Unavailable,
    ),
)]
pub(super) async fn list(
    State(api): State<Arc<Api>>,
    KeepingScript(script): KeepingScript,
    uri: Uri,
) -> Result<Json<Page>, Failure> {
    let query = Query::of(&uri, &["chat", "prefix", "limit", "cursor"])?;
    let limit = query.limit(KV_PAGE, KV_PAGE_MOST)?;
    let after = query.text("cursor").map(|cursor| place(&cursor)).transpose()?;
    let found = match (query.text("chat"), query.text("prefix")) {
        (None, Some(_)) => return Err(Failure::parameter("`prefix` needs `chat`: say of which one")),
        (None, None) => api.host.kv_everywhere(&script, after, limit).await,
        (Some(chat), prefix) => {
            let scope = scope(&chat).map_err(bad)?;
            if after.as_ref().is_some_and(|(of, _)| *of != scope.to_string()) {
                return Err(Failure::parameter("`cursor` is of another chat"));
            }
            let (prefix, after) = (prefix.unwrap_or_default(), after.map(|(_, key)| key));
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
        ScriptPath,
        ("chat" = String, Query, description = "a chat's address; `*` for what all chats share"),
    ),
    responses(
        (status = 200, description = "it is gone", body = Changed),
        (status = 400, description = "a parameter is wrong, or there are more than 10000 keys", body = Problem),
        NoScript,
        Unavailable,
    ),
)]
pub(super) async fn clear(
    State(api): State<Arc<Api>>,
    KeepingScript(script): KeepingScript,
    Extension(caller): Extension<Caller>,
    uri: Uri,
) -> Result<Json<Changed>, Failure> {
    let scope = scope(&Query::of(&uri, &["chat"])?.required("chat")?).map_err(bad)?;
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
    params(ScriptPath, Place),
    responses(
        (status = 200, description = "the entry", body = Entry),
        Wrong,
        (status = 404, description = "there is no such script, or it has no such key", body = Problem),
        Unavailable,
    ),
)]
pub(super) async fn get(
    State(api): State<Arc<Api>>,
    KeepingScript(script): KeepingScript,
    Place { chat, entry }: Place,
) -> Result<Json<Entry>, Failure> {
    let found = api.host.kv_get(&script, chat, entry).await.map_err(|error| Failure::internal(&error))?;
    found.map(|entry| Json(entry.into())).ok_or_else(no_key)
}

/// Sets a key.
#[utoipa::path(
    put, operation_id = "put_script_kv",
    path = "/api/v1/scripts/{name}/kv/entry",
    tag = "scripts",
    params(ScriptPath, Place),
    request_body = Value,
    responses(
        (status = 200, description = "it holds that, and every event from now on sees it", body = Changed),
        Wrong,
        NoScript,
        Full,
        Unavailable,
    ),
)]
pub(super) async fn put(
    State(api): State<Arc<Api>>,
    KeepingScript(script): KeepingScript,
    Extension(caller): Extension<Caller>,
    Place { chat, entry }: Place,
    Fields(Value { value, expires_at }): Fields<Value>,
) -> Result<Json<Changed>, Failure> {
    check_kv(&entry, &value).map_err(bad)?;
    let entry = KvEntry { scope: chat, key: entry, value, expires_at };
    change(&api, &script, vec![KvChange::Set(entry)], false, &caller).await
}

/// Removes a key.
#[utoipa::path(
    delete, operation_id = "delete_script_kv",
    path = "/api/v1/scripts/{name}/kv/entry",
    tag = "scripts",
    params(ScriptPath, Place),
    responses(
        (status = 204, description = "it is gone"),
        Wrong,
        (status = 404, description = "there is no such script, or it has no such key", body = Problem),
        Unavailable,
    ),
)]
pub(super) async fn delete(
    State(api): State<Arc<Api>>,
    KeepingScript(script): KeepingScript,
    Extension(caller): Extension<Caller>,
    Place { chat, entry }: Place,
) -> Result<StatusCode, Failure> {
    let remove = vec![KvChange::Remove { scope: chat, key: entry }];
    let Json(Changed { changed }) = change(&api, &script, remove, false, &caller).await?;
    if changed == 0 { Err(no_key()) } else { Ok(StatusCode::NO_CONTENT) }
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
