//! What an account of the embedded network did, and beginning anew.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use mynah_runtime::OutboxEntry;
use serde::Serialize;
use utoipa::ToSchema;

use crate::admin::accounts::AccountStatus;
use crate::admin::answers::{NoAccount, Unavailable};
use crate::admin::paths::{AccountPath, SimAccount};
use crate::problem::{Failure, Problem};
use crate::state::Api;

/// What the account did.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::admin) struct Deed {
    /// `send`, `shutup`, `kick` ...
    kind: String,
    /// Where: `account/group/ID`.
    chat: String,
    /// What was said or set.
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<String>,
    /// The id of the picture or file that was sent.
    #[serde(skip_serializing_if = "Option::is_none")]
    media_id: Option<String>,
    /// What it is called.
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    /// Its media type.
    #[serde(skip_serializing_if = "Option::is_none")]
    mime: Option<String>,
    /// Its bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    size: Option<u64>,
    /// The ids of the members it was done to.
    #[serde(skip_serializing_if = "Option::is_none")]
    members: Option<Vec<String>>,
    /// For how long.
    #[serde(skip_serializing_if = "Option::is_none")]
    seconds: Option<u32>,
    /// Who asked: `script:NAME`, `api` or `webhook`.
    by: String,
    /// The number of the event that it was decided on.
    #[serde(skip_serializing_if = "Option::is_none")]
    cause: Option<u64>,
    /// Why, in the words of whoever asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
}

impl From<OutboxEntry> for Deed {
    fn from(entry: OutboxEntry) -> Self {
        let OutboxEntry { kind, chat, text, media_id, name, mime, size, members, seconds, by, cause, reason } =
            entry;
        Self { kind, chat, text, media_id, name, mime, size, members, seconds, by, cause, reason }
    }
}

/// The roster is as configured again, and the outbox empty.
#[utoipa::path(
    post,
    path = "/api/v1/accounts/{name}/sim/reset",
    tag = "sim",
    params(AccountPath),
    responses(
        (status = 200, description = "all is as it was in the beginning", body = AccountStatus),
        (status = 409, description = "the account is not on `sim`", body = Problem),
        NoAccount,
        Unavailable,
    ),
)]
pub(in crate::admin) async fn reset(
    State(api): State<Arc<Api>>,
    account: SimAccount,
) -> Result<Json<AccountStatus>, Failure> {
    account.sim()?;
    api.host.reset_sim(&account.0).await.map_err(|error| Failure::internal(&error))?;
    Ok(Json(AccountStatus::of(&account.0)))
}

/// What the account did, in the order it was done.
#[utoipa::path(
    get,
    path = "/api/v1/accounts/{name}/sim/outbox",
    tag = "sim",
    params(AccountPath),
    responses(
        (status = 200, description = "what the account did", body = Vec<Deed>),
        (status = 409, description = "the account is not on `sim`", body = Problem),
        NoAccount,
        Unavailable,
    ),
)]
pub(in crate::admin) async fn outbox(
    State(api): State<Arc<Api>>,
    account: SimAccount,
) -> Result<Json<Vec<Deed>>, Failure> {
    account.sim()?;
    let entries = api.host.outbox(&account.0).await.map_err(|error| Failure::internal(&error))?;
    Ok(Json(entries.into_iter().map(Deed::from).collect()))
}
