//! How calls of the compatible APIs are answered: JSON with HTTP 200, and a `code` where something is wrong.

use axum::body::Body;
use axum::http::header;
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use mynah_runtime::{Account, Avatar};
use serde_json::{Value, json};

use crate::access::Denied;
use crate::check_event::Batch;
use crate::jsonp::Wrapping;

/// What a call is answered with, before it is written down.
#[derive(Debug)]
pub(crate) enum Answer {
    /// A JSON value.
    Json(Value),
    /// The host takes no more for now; the text says of what. HTTP 503.
    Busy(String),
    /// The body could not be read. This HTTP status and why.
    Unread(StatusCode, String),
    /// The picture of somebody.
    Avatar(Avatar),
    /// A JPEG that is not to be kept.
    Picture(Vec<u8>),
    /// Events that return to their queue unless they are read to the end.
    Events(Batch),
}

impl Answer {
    /// `{"code": …, "status": …}`
    pub(crate) fn error(code: i32, status: impl Into<String>) -> Self {
        Self::Json(json!({ "code": code, "status": status.into() }))
    }

    /// The same of a call that would have made a message.
    pub(crate) fn not_sent(code: i32, status: impl Into<String>) -> Self {
        Self::Json(json!({ "id": null, "code": code, "status": status.into() }))
    }

    /// The network of the account has no such thing.
    pub(crate) fn unsupported(account: &Account, what: &str) -> Self {
        Self::error(-8, format!("not supported by network {}: {what}", account.network()))
    }

    /// The account's state does not allow the call.
    pub(crate) fn not_running(account: &Account) -> Self {
        let state = account.state();
        Self::Json(json!({
            "code": -7,
            "status": format!("client is {}, not running", state.as_str()),
            "account": account.name().as_str(),
            "state": state.as_str(),
        }))
    }

    pub(crate) fn into_response(self, wrapping: &Wrapping) -> Response {
        let (status, body) = match self {
            Self::Json(value) => (StatusCode::OK, Body::from(wrapping.wrap(value.to_string()))),
            Self::Busy(what) => {
                let value = json!({ "code": 503, "status": "busy", "info": what });
                (StatusCode::SERVICE_UNAVAILABLE, Body::from(wrapping.wrap(value.to_string())))
            }
            Self::Unread(status, why) => {
                let value = json!({ "code": status.as_u16(), "status": why });
                (status, Body::from(wrapping.wrap(value.to_string())))
            }
            Self::Picture(bytes) => {
                let headers = [(header::CONTENT_TYPE, "image/jpeg"), (header::CACHE_CONTROL, "no-cache")];
                return (headers, bytes).into_response();
            }
            Self::Avatar(Avatar { mime, bytes }) => {
                let headers = [
                    (header::CONTENT_TYPE, HeaderValue::from_static(mime)),
                    (header::CACHE_CONTROL, HeaderValue::from_static("private, max-age=3600")),
                ];
                return (headers, bytes).into_response();
            }
            Self::Events(batch) => {
                let text = wrapping.wrap(batch.json());
                let length = HeaderValue::from(text.len());
                let headers =
                    [(header::CONTENT_TYPE, wrapping.content_type()), (header::CONTENT_LENGTH, length)];
                return (headers, batch.into_body(text)).into_response();
            }
        };
        (status, [(header::CONTENT_TYPE, wrapping.content_type())], body).into_response()
    }
}

/// The answer to a caller who may not. Why stands in a header, since the body is the original's.
pub(crate) fn auth_failure(why: &Denied) -> Response {
    let body = json!({ "code": -6, "status": "auth failure" }).to_string();
    let headers =
        [(header::CONTENT_TYPE, Wrapping::Json.content_type()), (header::WWW_AUTHENTICATE, why.challenge())];
    (StatusCode::UNAUTHORIZED, headers, body).into_response()
}

/// The answer to a path or method that the API does not have.
pub(crate) async fn not_found() -> Response {
    let text = HeaderValue::from_static("text/plain;charset=UTF-8");
    (StatusCode::FORBIDDEN, [(header::CONTENT_TYPE, text)], "api not found").into_response()
}
