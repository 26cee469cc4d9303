//! What is paused: noted down and not done, whoever asks.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::{Extension, Json};
use mynah_model::address::AddressPattern;
use mynah_model::clock::UnixMs;
use mynah_model::names::ScriptName;
use mynah_runtime::pause::{Pause, PauseError, Scope};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::answers::Wrong;
use super::fields::OptionalFields;
use crate::access::Caller;
use crate::problem::{Failure, Problem};
use crate::state::Api;

/// What is to be paused or resumed.
#[derive(Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Wanted {
    /// One script; without it everybody: scripts, webhooks and callers.
    #[schema(value_type = Option<String>)]
    script: Option<ScriptName>,
    /// In these chats, `qq/group/552603` with `*` in any place; without it in all.
    #[schema(value_type = Option<String>)]
    chats: Option<AddressPattern>,
}

/// Something that is paused.
#[derive(Serialize, ToSchema)]
pub(super) struct Paused {
    /// The script; null is everybody.
    script: Option<String>,
    /// Where.
    chats: String,
    /// Since when, unix ms.
    since: UnixMs,
    /// Who paused it: `operator:ID`, `api`, `api:KEY`.
    by: String,
}

/// What is paused, and what was until now.
#[derive(Serialize, ToSchema)]
pub(super) struct Pauses {
    /// What is paused now.
    paused: Vec<Paused>,
    /// What this call ended.
    ended: Vec<Paused>,
}

impl Paused {
    fn all(pauses: Vec<Pause>) -> Vec<Self> {
        let of = |pause: Pause| Self {
            script: pause.scope.script.map(|script| script.to_string()),
            chats: pause.scope.chats.to_string(),
            since: pause.since,
            by: pause.by,
        };
        pauses.into_iter().map(of).collect()
    }
}

/// What is paused.
#[utoipa::path(
    get, operation_id = "list_pauses",
    path = "/api/v1/pauses",
    tag = "pauses",
    responses((status = 200, description = "what is paused; `ended` is empty", body = Pauses)),
)]
pub(super) async fn list(State(api): State<Arc<Api>>) -> Json<Pauses> {
    Json(Pauses { paused: Paused::all(api.host.pauses()), ended: Vec::new() })
}

/// Pauses something, at once: what is asked for is noted down and not done, and what waits to be delivered is called off. It holds
/// until it is resumed, over restarts. Operators' own commands are never paused.
#[utoipa::path(
    post, operation_id = "pause",
    path = "/api/v1/pause",
    tag = "pauses",
    request_body = Wanted,
    responses(
        (status = 200, description = "it is paused", body = Pauses),
        Wrong,
        (status = 409, description = "there are too many pauses", body = Problem),
        (status = 503, description = "it is paused, but could not be kept for the next start", body = Problem),
    ),
)]
pub(super) async fn pause(
    State(api): State<Arc<Api>>,
    Extension(caller): Extension<Caller>,
    OptionalFields(wanted): OptionalFields<Wanted>,
) -> Result<Json<Pauses>, Failure> {
    let scope = Scope { script: wanted.script, chats: wanted.chats.unwrap_or_else(AddressPattern::all) };
    api.host.pause(scope, &caller.actor()).await.map_err(|error| match error {
        PauseError::Refused(refusal) => Failure::new(StatusCode::CONFLICT, refusal),
        PauseError::Host(error) => Failure::internal(&error),
    })?;
    Ok(list(State(api)).await)
}

/// Ends pauses: of this script, in these chats; all of them if nothing is named. What was called off stays undone.
#[utoipa::path(
    post, operation_id = "resume",
    path = "/api/v1/resume",
    tag = "pauses",
    request_body = Wanted,
    responses(
        (status = 200, description = "what is still paused, and what is not any more", body = Pauses),
        Wrong,
        (status = 503, description = "it could not be kept for the next start", body = Problem),
    ),
)]
pub(super) async fn resume(
    State(api): State<Arc<Api>>,
    Extension(caller): Extension<Caller>,
    OptionalFields(wanted): OptionalFields<Wanted>,
) -> Result<Json<Pauses>, Failure> {
    let ended = api.host.resume(wanted.script, wanted.chats, &caller.actor()).await;
    let ended = ended.map_err(|error| Failure::internal(&error))?;
    Ok(Json(Pauses { paused: Paused::all(api.host.pauses()), ended: Paused::all(ended) }))
}
