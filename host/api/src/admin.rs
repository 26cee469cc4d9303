//! The administration: `/api/v1/*`, `/healthz`, `/readyz`.
//!
//! Requests that carry something carry a JSON object; what it may hold is said by its type, and anything else is
//! refused by name. A refusal is a `Problem` with a stable code. The document of all this is `openapi.json`
//! beside this crate's manifest, made from the handlers.
//!
//! # Layout
//! - `health`: is the host alive, is it ready
//! - `scripts`: what runs, how well, what it may do, and letting new releases in
//! - `kv`: what they keep
//! - `config`: what became of `mynah.toml`
//! - `accounts`: who is logged in where
//! - `audit`: who asked for what, and what became of it
//! - `events`: what happens, as server-sent events
//! - `dead_letters`: what could not be delivered, and sending it again
//! - `sim`: making people in the embedded network talk, and seeing what came of it
//! - `why`: one event explained
//! - `alerts`: what operators should know
//! - `pauses`: what is noted down and not done for a while
//! - `paths`, `query`, `fields`: reading what a request carries
//! - `answers`: what many paths may be answered, for the document

use std::sync::Arc;

use axum::extract::Request;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{delete, get, post};
use axum::{Json, Router};
use mynah_model::refusal::{Code, Refusal};
use utoipa::OpenApi;

use crate::problem::Failure;
use crate::state::Api;

mod accounts;
mod alerts;
mod answers;
mod audit;
mod config;
mod dead_letters;
mod events;
mod fields;
mod health;
mod kv;
mod paths;
mod pauses;
mod query;
mod scripts;
mod sim;
mod why;

pub(crate) use paths::account_unknown;

/// The OpenAPI document of the administration.
#[derive(OpenApi)]
#[openapi(
    info(
        title = "mynah",
        description = "Administration of a mynah host. A refusal is answered with a `Problem`, whose `code` is stable. Where the host has keys, every path but `/healthz` and `/readyz` needs one with the scope `admin`: `Authorization: Bearer SECRET`, `X-Auth-Token: SECRET` or the query parameter `key`. Beside what each path lists, any request may be answered 401 (no key, or a wrong one), 403 (from a page of another site, or with a key for other things), 404 or 405 (no such path or method) or 421 (for a name that is not the host's), and one with a body 408 (it comes too slowly) or 413 (it is too large).",
    ),
    paths(
        health::healthz,
        health::readyz,
        scripts::list,
        scripts::get,
        scripts::accept,
        kv::list,
        kv::clear,
        kv::get,
        kv::put,
        kv::delete,
        kv::transfer::export,
        kv::transfer::import,
        config::get,
        config::reload,
        accounts::list,
        accounts::one,
        accounts::start,
        accounts::stop,
        events::stream,
        why::explain,
        audit::list,
        alerts::list,
        pauses::list,
        pauses::pause,
        pauses::resume,
        dead_letters::list,
        dead_letters::retry,
        dead_letters::delete,
        sim::people::say,
        sim::people::join,
        sim::people::leave,
        sim::login::scan,
        sim::login::confirm,
        sim::deeds::reset,
        sim::deeds::outbox,
    ),
    components(schemas(crate::problem::Problem))
)]
struct Document;

/// The OpenAPI document as a JSON text; `openapi.json` holds the same.
pub fn openapi() -> String {
    let mut text = Document::openapi().to_pretty_json().unwrap_or_else(|error| error.to_string());
    text.push('\n');
    text
}

pub(crate) fn router() -> Router<Arc<Api>> {
    Router::new()
        .route("/healthz", get(health::healthz))
        .route("/readyz", get(health::readyz))
        .route("/api/v1/openapi.json", get(document))
        .route("/api/v1/scripts", get(scripts::list))
        .route("/api/v1/scripts/{name}/kv", get(kv::list).delete(kv::clear))
        .route("/api/v1/scripts/{name}/kv/entry", get(kv::get).put(kv::put).delete(kv::delete))
        .route("/api/v1/scripts/{name}/kv/export", get(kv::transfer::export))
        .route("/api/v1/scripts/{name}/kv/import", post(kv::transfer::import))
        .route("/api/v1/scripts/{name}", get(scripts::get))
        .route("/api/v1/scripts/{name}/accept", post(scripts::accept))
        .route("/api/v1/config", get(config::get))
        .route("/api/v1/config/reload", post(config::reload))
        .route("/api/v1/accounts", get(accounts::list))
        .route("/api/v1/accounts/{name}", get(accounts::one))
        .route("/api/v1/accounts/{name}/start", post(accounts::start))
        .route("/api/v1/accounts/{name}/stop", post(accounts::stop))
        .route("/api/v1/events", get(events::stream))
        .route("/api/v1/events/{seq}/why", get(why::explain))
        .route("/api/v1/audit", get(audit::list))
        .route("/api/v1/alerts", get(alerts::list))
        .route("/api/v1/pauses", get(pauses::list))
        .route("/api/v1/pause", post(pauses::pause))
        .route("/api/v1/resume", post(pauses::resume))
        .route("/api/v1/dead-letters", get(dead_letters::list))
        .route("/api/v1/dead-letters/{id}", delete(dead_letters::delete))
        .route("/api/v1/dead-letters/{id}/retry", post(dead_letters::retry))
        .route("/api/v1/accounts/{name}/sim/say", post(sim::people::say))
        .route("/api/v1/accounts/{name}/sim/join", post(sim::people::join))
        .route("/api/v1/accounts/{name}/sim/leave", post(sim::people::leave))
        .route("/api/v1/accounts/{name}/sim/scan", post(sim::login::scan))
        .route("/api/v1/accounts/{name}/sim/confirm", post(sim::login::confirm))
        .route("/api/v1/accounts/{name}/sim/reset", post(sim::deeds::reset))
        .route("/api/v1/accounts/{name}/sim/outbox", get(sim::deeds::outbox))
}

async fn document() -> Json<utoipa::openapi::OpenApi> {
    Json(Document::openapi())
}

/// The answer to a path that there is not.
pub(crate) async fn not_found(request: Request) -> Response {
    failure(StatusCode::NOT_FOUND, &format!("there is no `{}`", shown(&request)))
}

/// The answer to a method that a path does not have.
pub(crate) async fn method_not_allowed(request: Request) -> Response {
    let text = format!("`{}` does not take {}", shown(&request), request.method());
    failure(StatusCode::METHOD_NOT_ALLOWED, &text)
}

fn failure(status: StatusCode, text: &str) -> Response {
    let refusal = Refusal::new(Code::HttpPath, text).hint("GET /api/v1/openapi.json lists every path");
    Failure::new(status, refusal).into_response()
}

fn shown(request: &Request) -> String {
    request.uri().path().chars().take(80).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_openapi_document_that_is_checked_in_is_the_one_that_the_handlers_make() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/openapi.json");
        if std::env::var_os("MYNAH_WRITE_OPENAPI").is_some() {
            std::fs::write(path, openapi()).unwrap();
        }
        let kept = std::fs::read_to_string(path).unwrap_or_default();
        assert!(
            kept == openapi(),
            "openapi.json is out of date; write it anew with\n\n    MYNAH_WRITE_OPENAPI=1 cargo test -p mynah-api openapi\n"
        );
    }
}
