//! Is the host alive, and is it ready for work?

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::{Extension, Json};
use mynah_model::event::AccountState;
use serde::Serialize;
use utoipa::ToSchema;

use crate::access::Caller;
use crate::state::Api;

/// How the host is.
#[derive(Serialize, ToSchema)]
pub(super) struct Health {
    /// `ok`, `starting`, or `stalled`: nothing can be recorded, and nothing new is taken.
    status: &'static str,
    /// The version of the host.
    version: &'static str,
    /// Accounts that are not working now, each with its state; of those that the caller's key is for.
    waiting_for: Vec<String>,
}

fn health(status: &'static str, waiting_for: Vec<String>) -> Json<Health> {
    Json(Health { status, version: env!("CARGO_PKG_VERSION"), waiting_for })
}

/// Answers as long as the host does.
#[utoipa::path(get, path = "/healthz", tag = "health", responses((status = 200, description = "the host is alive", body = Health)))]
pub(super) async fn healthz() -> Json<Health> {
    health("ok", Vec::new())
}

/// Whether the scripts are loaded and every account that should work does.
#[utoipa::path(get, path = "/readyz", tag = "health", responses(
    (status = 200, description = "the host is ready", body = Health),
    (status = 503, description = "the host is starting, or nothing can be recorded", body = Health),
))]
pub(super) async fn readyz(
    State(api): State<Arc<Api>>,
    Extension(caller): Extension<Caller>,
) -> (StatusCode, Json<Health>) {
    let waiting_for = api
        .host
        .accounts()
        .into_iter()
        .filter(|account| account.state() != AccountState::Running && caller.may_use(account.name()));
    let waiting_for =
        waiting_for.map(|account| format!("{}: {}", account.name(), account.state().as_str())).collect();
    if api.host.stalled().is_some() {
        (StatusCode::SERVICE_UNAVAILABLE, health("stalled", waiting_for))
    } else if api.host.is_ready() {
        (StatusCode::OK, health("ok", waiting_for))
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, health("starting", waiting_for))
    }
}
