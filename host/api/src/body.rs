//! Reading a request's body within the limits.

use axum::body::{Body, Bytes};
use axum::http::StatusCode;
use axum::http::header::{self, HeaderMap};
use futures_util::StreamExt;
use mynah_model::refusal::{Code, Refusal};

use crate::problem::Failure;
use crate::settings::ApiSettings;

/// Why a body could not be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum BodyError {
    /// It is larger than the setting allows.
    #[error("the body is larger than {0} bytes")]
    TooLarge(usize),
    /// It did not arrive in time.
    #[error("the body did not arrive within {0} s")]
    TooSlow(u64),
    /// The connection broke, or what arrived is not HTTP.
    #[error("the body could not be read: {0}")]
    Broken(String),
}

impl BodyError {
    /// The status that it is answered with.
    pub(crate) fn status(&self) -> StatusCode {
        match self {
            Self::TooLarge(_) => StatusCode::PAYLOAD_TOO_LARGE,
            Self::TooSlow(_) => StatusCode::REQUEST_TIMEOUT,
            Self::Broken(_) => StatusCode::BAD_REQUEST,
        }
    }
}

impl From<BodyError> for Failure {
    fn from(error: BodyError) -> Self {
        Self::new(error.status(), Refusal::new(Code::HttpBody, error.to_string()))
    }
}

/// Whether a body may have more bytes than this: it says so, or does not say how many it has.
pub(crate) fn may_exceed(limit: usize, headers: &HeaderMap) -> bool {
    match announced(headers) {
        Some(length) => length > limit as u64,
        None => {
            headers.contains_key(header::TRANSFER_ENCODING) || headers.contains_key(header::CONTENT_LENGTH)
        }
    }
}

fn announced(headers: &HeaderMap) -> Option<u64> {
    headers.get(header::CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

/// Reads a body of at most `limit` bytes to its end. One that says that it is too large is not read at all.
pub(crate) async fn read(
    limit: usize,
    headers: &HeaderMap,
    body: Body,
    settings: &ApiSettings,
) -> Result<Bytes, BodyError> {
    let announced = announced(headers);
    if announced.is_some_and(|length| length > limit as u64) {
        return Err(BodyError::TooLarge(limit));
    }
    tokio::time::timeout(settings.body_time, collect(body, limit))
        .await
        .unwrap_or(Err(BodyError::TooSlow(settings.body_time.as_secs())))
}

async fn collect(body: Body, limit: usize) -> Result<Bytes, BodyError> {
    let mut pieces = body.into_data_stream();
    let mut bytes = Vec::new();
    while let Some(piece) = pieces.next().await {
        let piece = piece.map_err(|error| BodyError::Broken(error.to_string()))?;
        if bytes.len() + piece.len() > limit {
            return Err(BodyError::TooLarge(limit));
        }
        bytes.extend_from_slice(&piece);
    }
    Ok(bytes.into())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    async fn read_with(limit: usize, announced: Option<&str>, body: Body) -> Result<Bytes, BodyError> {
        let mut headers = HeaderMap::new();
        if let Some(length) = announced {
            headers.insert(header::CONTENT_LENGTH, length.parse().unwrap());
        }
        let settings = ApiSettings::default();
        read(limit, &headers, body, &settings).await
    }

    #[tokio::test]
    async fn a_body_over_the_limit_is_refused_whether_it_says_so_or_not() {
        assert_eq!(read_with(4, None, Body::from("1234")).await, Ok(Bytes::from("1234")));
        assert_eq!(read_with(4, None, Body::from("12345")).await, Err(BodyError::TooLarge(4)));
        assert_eq!(read_with(4, Some("5"), Body::empty()).await, Err(BodyError::TooLarge(4)));
        assert_eq!(
            read_with(4, Some("99999999999999999999999"), Body::from("12345")).await,
            Err(BodyError::TooLarge(4))
        );
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_that_never_ends_is_given_up() {
        let endless = Body::from_stream(futures_util::stream::pending::<Result<Bytes, std::io::Error>>());
        let settings = ApiSettings { body_time: Duration::from_secs(7), ..ApiSettings::default() };
        assert_eq!(read(4, &HeaderMap::new(), endless, &settings).await, Err(BodyError::TooSlow(7)));
    }
}
