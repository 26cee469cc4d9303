//! Reading what a request carries: an account's name in its path, a JSON object in its body.

use std::fmt;
use std::sync::Arc;

use axum::extract::{FromRequest, FromRequestParts, Path, Request};
use axum::http::{StatusCode, request};
use mynah_model::refusal::{Code, Refusal};
use mynah_networks::sim::Sim;
use mynah_runtime::{Account, Host};
use serde::de::{self, DeserializeOwned, Visitor};
use serde::{Deserialize, Deserializer};
use utoipa::openapi::schema::{ObjectBuilder, SchemaType, Type};
use utoipa::openapi::{RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

use crate::access::Caller;
use crate::body;
use crate::problem::Failure;
use crate::state::Api;

/// The account of the path.
pub(super) struct NamedAccount(pub(super) Arc<Account>);

/// The account of the path, which is on the embedded network.
pub(super) struct SimAccount(pub(super) Arc<Account>);

impl SimAccount {
    /// The embedded network.
    pub(super) fn sim(&self) -> Result<&Sim, Failure> {
        self.0.sim().ok_or_else(|| {
            let text = format!("account `{}` is on network {}, not sim", self.0.name(), self.0.network());
            let refusal =
                Refusal::new(Code::Unsupported, text).hint("only people on `sim` can be made to do things");
            Failure::new(StatusCode::CONFLICT, refusal)
        })
    }
}

impl FromRequestParts<Arc<Api>> for SimAccount {
    type Rejection = Failure;

    async fn from_request_parts(head: &mut request::Parts, api: &Arc<Api>) -> Result<Self, Failure> {
        let NamedAccount(account) = NamedAccount::from_request_parts(head, api).await?;
        Ok(Self(account))
    }
}

impl FromRequestParts<Arc<Api>> for NamedAccount {
    type Rejection = Failure;

    async fn from_request_parts(head: &mut request::Parts, api: &Arc<Api>) -> Result<Self, Failure> {
        let Path(name) = Path::<String>::from_request_parts(head, api)
            .await
            .map_err(|error| Failure::parameter(error.body_text()))?;
        match api.host.account(&name) {
            Some(account) => Ok(Self(account)),
            None => Err(account_unknown(&api.host, &Caller::of(&head.extensions), &name)),
        }
    }
}

/// The refusal of an account that there is not, or not for this caller.
pub(crate) fn account_unknown(host: &Host, caller: &Caller, name: &str) -> Failure {
    let shown: String = name.chars().take(64).collect();
    let known: Vec<String> = host
        .accounts()
        .iter()
        .filter(|account| caller.may_use(account.name()))
        .map(|account| account.name().to_string())
        .collect();
    let refusal = Refusal::new(Code::AccountUnknown, format!("there is no account `{shown}`"))
        .hint(format!("there is: {}", known.join(", ")));
    Failure::new(StatusCode::NOT_FOUND, refusal)
}

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
