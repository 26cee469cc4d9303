//! Reports that a webhook did not take, and whatever else could not be dealt with: listed, sent again, deleted.

use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::http::{StatusCode, Uri};
use mynah_model::clock::UnixMs;
use mynah_model::refusal::{Code, Refusal};
use mynah_runtime::{DeadLetter as Letter, ResendError};
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use super::answers::{Unavailable, Wrong};
use super::query::Query;
use crate::problem::{Failure, Problem};
use crate::settings::DEAD_LETTER_PAGE;
use crate::state::Api;

/// Something that could not be dealt with and was set aside, so that the rest goes on.
#[derive(Serialize, ToSchema)]
pub(super) struct DeadLetter {
    /// Its id; later ones are higher.
    id: u64,
    /// When it was set aside, unix ms.
    at: UnixMs,
    /// The account whose webhook did not take it; null if it is no report.
    account: Option<String>,
    /// Where it happened: `qq/group/552603`, or an account.
    address: Option<String>,
    /// The number of the event.
    seq: Option<u64>,
    /// The number of the act.
    act: Option<u64>,
    /// The script that could not deal with it.
    script: Option<String>,
    /// Why, a stable code: `webhook.refused`, `webhook.unreachable` ...
    code: String,
    /// Why, in a sentence.
    text: String,
    /// What was to be posted; null if it is no report.
    report: Value,
}

impl DeadLetter {
    fn of(id: u64, letter: Letter) -> Self {
        let report = letter.report.map(|text| serde_json::from_str(&text).unwrap_or(Value::String(text)));
        Self {
            id,
            at: letter.at,
            account: letter.address.as_ref().map(|address| address.account.to_string()),
            address: letter.address.map(|address| address.to_string()),
            seq: letter.seq.map(|seq| seq.0),
            act: letter.act.map(|act| act.0),
            script: letter.script.map(|script| script.to_string()),
            code: letter.code,
            text: letter.text,
            report: report.unwrap_or_default(),
        }
    }
}

/// Dead letters, newest first, at most 100. With `before`, those older than the one of this id.
#[utoipa::path(
    get, operation_id = "list_dead_letters",
    path = "/api/v1/dead-letters",
    tag = "dead letters",
    params(("before" = Option<u64>, Query, description = "the last id of the page before")),
    responses(
        (status = 200, description = "the dead letters", body = Vec<DeadLetter>),
        Wrong,
        Unavailable,
    ),
)]
pub(super) async fn list(State(api): State<Arc<Api>>, uri: Uri) -> Result<Json<Vec<DeadLetter>>, Failure> {
    let before = Query::of(&uri, &["before"])?.number("before", "the id of a dead letter")?;
    let letters = api.host.dead_letters(before, DEAD_LETTER_PAGE).await;
    let letters = letters.map_err(|error| Failure::internal(&error))?;
    Ok(Json(letters.into_iter().map(|(id, letter)| DeadLetter::of(id, letter)).collect()))
}

/// Sends a report again that its webhook did not take: it waits again, before younger ones of its chat.
#[utoipa::path(
    post, operation_id = "retry_dead_letter",
    path = "/api/v1/dead-letters/{id}/retry",
    tag = "dead letters",
    params(("id" = u64, Path, description = "the dead letter")),
    responses(
        (status = 202, description = "it waits again"),
        (status = 404, description = "there is none of this id", body = Problem),
        (status = 409, description = "it is no report, or its account has no webhook", body = Problem),
        Unavailable,
    ),
)]
pub(super) async fn retry(
    State(api): State<Arc<Api>>,
    id: Result<Path<u64>, PathRejection>,
) -> Result<StatusCode, Failure> {
    let id = known(id)?;
    let letter = api.host.dead_letter(id).await.map_err(|error| Failure::internal(&error))?;
    let account = letter.and_then(|letter| letter.address).map(|address| address.account);
    if let Some(account) = account.filter(|account| api.settings.reports_of(account).post_api.is_none()) {
        let text = format!("account `{account}` has no `post_api` that the report could be sent to");
        return Err(Failure::new(StatusCode::CONFLICT, Refusal::new(Code::Unsupported, text)));
    }
    api.host.resend(id).await.map_err(failure)?;
    Ok(StatusCode::ACCEPTED)
}

/// Deletes a dead letter.
#[utoipa::path(
    delete, operation_id = "delete_dead_letter",
    path = "/api/v1/dead-letters/{id}",
    tag = "dead letters",
    params(("id" = u64, Path, description = "the dead letter")),
    responses(
        (status = 204, description = "it is gone"),
        (status = 404, description = "there is none of this id", body = Problem),
        Unavailable,
    ),
)]
pub(super) async fn delete(
    State(api): State<Arc<Api>>,
    id: Result<Path<u64>, PathRejection>,
) -> Result<StatusCode, Failure> {
    api.host.discard(known(id)?).await.map_err(failure)?;
    Ok(StatusCode::NO_CONTENT)
}

/// The id in the path. What is no number is no dead letter.
fn known(id: Result<Path<u64>, PathRejection>) -> Result<u64, Failure> {
    let id = id.ok().map(|Path(id)| id).filter(|id| i64::try_from(*id).is_ok());
    id.ok_or_else(|| not_found("there is no such dead letter".to_owned()))
}

fn not_found(text: String) -> Failure {
    let refusal = Refusal::new(Code::HttpParameter, text).hint("GET /api/v1/dead-letters lists them");
    Failure::new(StatusCode::NOT_FOUND, refusal)
}

fn failure(error: ResendError) -> Failure {
    match error {
        ResendError::Unknown(_) => not_found(error.to_string()),
        ResendError::NoReport(_) => {
            Failure::new(StatusCode::CONFLICT, Refusal::new(Code::Unsupported, error.to_string()))
        }
        ResendError::Host(error) => Failure::internal(&error),
    }
}
