//! Reading the JSON object in the body of a request.

use std::fmt;
use std::sync::Arc;

use axum::extract::{FromRequest, Request};
use axum::http::StatusCode;
use mynah_model::refusal::{Code, Refusal};
use serde::de::{self, DeserializeOwned, Visitor};
use serde::{Deserialize, Deserializer};
use utoipa::openapi::schema::{ObjectBuilder, SchemaType, Type};
use utoipa::openapi::{RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

use crate::body;
use crate::problem::Failure;
use crate::state::Api;

/// The JSON object in the body of a request, whatever its Content-Type says: requests of pages have been refused
/// before.
pub(super) struct Fields<T>(pub(super) T);

impl<T: DeserializeOwned> FromRequest<Arc<Api>> for Fields<T> {
    type Rejection = Failure;

    async fn from_request(request: Request, api: &Arc<Api>) -> Result<Self, Failure> {
        read(api.settings.body_limit, request, api).await.map(Self)
    }
}

/// The same where an empty body says nothing of any field.
pub(super) struct OptionalFields<T>(pub(super) T);

impl<T: DeserializeOwned + Default> FromRequest<Arc<Api>> for OptionalFields<T> {
    type Rejection = Failure;

    async fn from_request(request: Request, api: &Arc<Api>) -> Result<Self, Failure> {
        let (head, body) = request.into_parts();
        let bytes = body::read(api.settings.body_limit, &head.headers, body, &api.settings).await?;
        if bytes.is_empty() { Ok(Self(T::default())) } else { fields(&bytes).map(Self) }
    }
}

/// The same of a request that may carry a picture or a file.
pub(super) struct MediaFields<T>(pub(super) T);

impl<T: DeserializeOwned> FromRequest<Arc<Api>> for MediaFields<T> {
    type Rejection = Failure;

    async fn from_request(request: Request, api: &Arc<Api>) -> Result<Self, Failure> {
        let usual = api.settings.body_limit;
        if !body::may_exceed(usual, request.headers()) {
            return read(usual, request, api).await.map(Self);
        }
        let Ok(_room) = api.media_bodies.try_acquire() else {
            let refusal = Refusal::new(Code::HttpUnavailable, "too many files are being uploaded");
            let refusal = refusal.hint("try again in a moment");
            return Err(Failure::new(StatusCode::SERVICE_UNAVAILABLE, refusal));
        };
        read(api.settings.media_body_limit.max(usual), request, api).await.map(Self)
    }
}

/// Reads the object in a body of at most so many bytes.
async fn read<T: DeserializeOwned>(limit: usize, request: Request, api: &Api) -> Result<T, Failure> {
    let (head, body) = request.into_parts();
    let bytes = body::read(limit, &head.headers, body, &api.settings).await?;
    fields(&bytes)
}

fn fields<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Failure> {
    // A list of a struct's fields in their order would be understood too.
    if !bytes.trim_ascii_start().starts_with(b"{") {
        return Err(Failure::parameter("the body is not a JSON object"));
    }
    serde_json::from_slice(bytes).map_err(|error| {
        Failure::parameter(format!("the body is not the JSON object that is expected: {error}"))
    })
}

/// An id or uid, as a string or a number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Id(pub(super) String);

impl<'de> Deserialize<'de> for Id {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct IdVisitor;

        impl Visitor<'_> for IdVisitor {
            type Value = Id;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an id: a string or a whole number")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Id, E> {
                if text.is_empty() {
                    return Err(E::invalid_value(de::Unexpected::Str(text), &self));
                }
                Ok(Id(text.to_owned()))
            }

            fn visit_u64<E>(self, number: u64) -> Result<Id, E> {
                Ok(Id(number.to_string()))
            }

            fn visit_i64<E>(self, number: i64) -> Result<Id, E> {
                Ok(Id(number.to_string()))
            }
        }

        deserializer.deserialize_any(IdVisitor)
    }
}

impl PartialSchema for Id {
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new()
            .schema_type(SchemaType::from_iter([Type::String, Type::Integer]))
            .description(Some("An id or uid, as a string or a number."))
            .into()
    }
}

impl ToSchema for Id {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_text_or_a_whole_number() {
        for (json, expected) in [
            (r#""a/b""#, Some("a/b")),
            ("12", Some("12")),
            ("-1", Some("-1")),
            ("18446744073709551615", Some("18446744073709551615")),
        ] {
            assert_eq!(serde_json::from_str::<Id>(json).ok().map(|id| id.0).as_deref(), expected);
        }
        for json in [r#""""#, "1.5", "true", "null", "[]", "{}", "123456789012345678901"] {
            let error = serde_json::from_str::<Id>(json).unwrap_err().to_string();
            assert!(error.contains("an id: a string or a whole number"), "{json}: {error}");
        }
    }
}
