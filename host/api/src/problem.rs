//! How the administration says that something was not done.

use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use mynah_model::refusal::{Code, Refusal};
use serde::Serialize;
use utoipa::ToSchema;

/// Why a request was not served.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Problem {
    /// A stable code, for example `account.unknown`; `mynah explain CODE` says more.
    code: String,
    /// One sentence that names what was wrong.
    text: String,
    /// What to do about it, if that can be said.
    #[serde(skip_serializing_if = "Option::is_none")]
    hint: Option<String>,
}

/// A refusal and the HTTP status that it is answered with.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) status: StatusCode,
    pub(crate) refusal: Refusal,
}

impl Failure {
    pub(crate) fn new(status: StatusCode, refusal: Refusal) -> Self {
        Self { status, refusal }
    }

    /// 400: a parameter or a field is not what it should be.
    pub(crate) fn parameter(text: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, Refusal::new(Code::HttpParameter, text))
    }

    /// 503: the host could not read or write what it needs.
    pub(crate) fn internal(error: &dyn std::error::Error) -> Self {
        tracing::error!(%error, "request failed");
        Self::new(StatusCode::SERVICE_UNAVAILABLE, Refusal::new(Code::HttpUnavailable, error.to_string()))
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        let Refusal { code, text, hint } = self.refusal;
        (self.status, Json(Problem { code: code.as_str().to_owned(), text, hint })).into_response()
    }
}
