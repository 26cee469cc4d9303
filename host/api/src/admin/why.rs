//! One event explained.

use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use mynah_model::names::Seq;
use mynah_model::refusal::{Code, Refusal};
use serde::Serialize;
use utoipa::ToSchema;

use super::answers::Unavailable;
use crate::problem::{Failure, Problem};
use crate::state::Api;

/// How an event was dealt with, and why.
#[derive(Serialize, ToSchema)]
pub(super) struct Why {
    /// All that is known of it: `seq`, `address`, `kind`, `who`, `text`, `time`, `received_at`, `handled_at`, `age_ms`, `cause`,
    /// `set_aside`, `calls` (script, release, `regranted_at`, `cpu_us`, code, text, backtrace, actions), `not_called` (script, release,
    /// `regranted_at`, text), `others` (what operators, webhooks and the host did about it) and `hints`.
    #[schema(value_type = Object)]
    why: mynah_runtime::why::Why,
    /// The same as people read it.
    lines: Vec<String>,
}

/// Explains an event: which scripts were called for it, what they decided, what was granted and by which rule not, what was
/// delivered; and why a script was not called.
#[utoipa::path(
    get, operation_id = "explain_event",
    path = "/api/v1/events/{seq}/why",
    tag = "events",
    params(("seq" = u64, Path, description = "the number of the event")),
    responses(
        (status = 200, description = "the explanation", body = Why),
        (status = 404, description = "the journal has no such event", body = Problem),
        Unavailable,
    ),
)]
pub(super) async fn explain(
    State(api): State<Arc<Api>>,
    seq: Result<Path<u64>, PathRejection>,
) -> Result<Json<Why>, Failure> {
    let seq = seq.ok().map(|Path(seq)| Seq(seq)).filter(|seq| i64::try_from(seq.0).is_ok());
    let why = match seq {
        Some(seq) => api.host.why(seq).await.map_err(|error| Failure::internal(&error))?,
        None => None,
    };
    let why = why.ok_or_else(|| {
        let refusal = Refusal::new(Code::HttpParameter, "the journal has no event of this number");
        let refusal =
            refusal.hint("`mynah journal` and GET /api/v1/events show numbers; old events are pruned");
        Failure::new(StatusCode::NOT_FOUND, refusal)
    })?;
    let lines = why.lines(true);
    Ok(Json(Why { why, lines }))
}
