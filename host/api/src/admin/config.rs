//! What became of `mynah.toml` since the host was started, and reading it again.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use mynah_model::clock::UnixMs;
use mynah_runtime::ConfigStatus;
use serde::Serialize;
use utoipa::ToSchema;

use super::answers::Unavailable;
use crate::problem::{Failure, Problem};
use crate::state::Api;

/// What became of the configuration.
#[derive(Serialize, ToSchema)]
pub(super) struct Config {
    /// The file that is watched.
    file: Option<String>,
    /// When what is in force of it was read, unix ms; null since the start.
    applied_at: Option<UnixMs>,
    /// Why the newest one is not in force, with its line.
    error: Option<String>,
    /// The keys that were changed since the start and take a restart.
    needs_restart: Vec<String>,
}

impl From<ConfigStatus> for Config {
    fn from(status: ConfigStatus) -> Self {
        let ConfigStatus { file, applied_at, error, needs_restart } = status;
        Self { file, applied_at, error, needs_restart }
    }
}

/// What became of mynah.toml since the host was started.
#[utoipa::path(get, operation_id = "get_config", path = "/api/v1/config", tag = "config", responses((status = 200, description = "what became of it", body = Config)))]
pub(super) async fn get(State(api): State<Arc<Api>>) -> Json<Config> {
    Json(api.host.config().into())
}

/// Reads mynah.toml again, as saving it does: what it says of scripts is in force at once.
#[utoipa::path(
    post, operation_id = "reload_config",
    path = "/api/v1/config/reload",
    tag = "config",
    responses(
        (status = 200, description = "it is in force", body = Config),
        (status = 409, description = "it cannot be used, and what was in force stays so", body = Problem),
        Unavailable,
    ),
)]
pub(super) async fn reload(State(api): State<Arc<Api>>) -> Result<Json<Config>, Failure> {
    let reloaded = api.host.reload_config().await.map_err(|error| Failure::internal(&error))?;
    reloaded.map(|status| Json(status.into())).map_err(|refusal| Failure::new(StatusCode::CONFLICT, refusal))
}
