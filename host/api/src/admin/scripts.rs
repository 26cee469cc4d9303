//! What scripts there are and how they do.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use mynah_model::clock::UnixMs;
use mynah_runtime::ScriptStatus;
use serde::Serialize;
use utoipa::ToSchema;

use crate::state::Api;

/// A script.
#[derive(Serialize, ToSchema)]
pub(super) struct Script {
    /// Its name: the stem of its file.
    name: String,
    /// The live release, the sha256 of its bytes as 64 hex digits; null if none ever loaded.
    release: Option<String>,
    /// What the operator set: `live`, `dry-run` or `off`.
    mode: String,
    /// `running`, `off`, `refused` (the newest file was refused; an older release may be live) or `resting` (it
    /// failed too often and is tried again later).
    state: String,
    /// Events it was called for since it was loaded.
    events: u64,
    /// Calls that failed since it was loaded.
    faults: u64,
    /// Calls that were left out since it was loaded.
    skipped: u64,
    /// Why the last call failed or the newest file was refused: `code: sentence`.
    last_error: Option<String>,
    /// When the live release was loaded, unix ms.
    since: Option<UnixMs>,
    /// What it says of itself, one sentence.
    summary: Option<String>,
}

impl From<ScriptStatus> for Script {
    fn from(status: ScriptStatus) -> Self {
        let ScriptStatus { name, release, mode, state, events, faults, skipped, last_error, since, summary } =
            status;
        Self { name, release, mode, state, events, faults, skipped, last_error, since, summary }
    }
}

/// Every script that was found, live or not.
#[utoipa::path(get, operation_id = "list_scripts", path = "/api/v1/scripts", tag = "scripts", responses((status = 200, description = "the scripts", body = Vec<Script>)))]
pub(super) async fn list(State(api): State<Arc<Api>>) -> Json<Vec<Script>> {
    Json(api.host.scripts().into_iter().map(Script::from).collect())
}
