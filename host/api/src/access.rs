//! Who makes a request, and whether they may: keys in headers and parameters, signed calls, what a key is for.
//!
//! The administration is checked here, before its handlers; a call of a compatible API may carry its key or signature in its body,
//! so it is checked where its parameters are read (`call`). `/healthz` and `/readyz` stay open: what looks after a
//! host, a load balancer for one, seldom has a secret; they name no account to a caller without a key.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::header::{self, HeaderMap, HeaderValue};
use axum::http::{Extensions, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use mynah_model::action::Actor;
use mynah_model::names::AccountName;
use mynah_model::refusal::{Code, Refusal};
use percent_encoding::percent_decode_str;

use crate::admin;
use crate::answer;
use crate::call::is_send;
use crate::keys::{Key, Keys, Scope, Scopes};
use crate::params::Params;
use crate::problem::Failure;
use crate::signature::{self, SIGN, SIGN_KEY, Untimely};
use crate::state::Api;

/// The parameter that holds a key's secret.
const KEY: &str = "key";

/// The parameters that say who calls and not what to do.
pub(crate) const PROOFS: [&str; 4] = [KEY, SIGN, SIGN_KEY, signature::EXP];

/// Who makes a request.
#[derive(Debug, Clone)]
pub(crate) enum Caller {
    /// Somebody; the host has no keys.
    Anybody,
    /// The holder of a key.
    Holder(Arc<Key>),
    /// Somebody without a key, although the host has keys.
    Nobody,
}

impl Caller {
    /// The caller of a request that passed [`pass`].
    pub(crate) fn of(extensions: &Extensions) -> Self {
        extensions.get::<Self>().cloned().unwrap_or(Self::Nobody)
    }

    /// Whether they may know of this account and use it.
    pub(crate) fn may_use(&self, account: &AccountName) -> bool {
        match self {
            Self::Anybody => true,
            Self::Holder(key) => key.is_for(account),
            Self::Nobody => false,
        }
    }

    /// As the one who asked for an action.
    pub(crate) fn actor(&self) -> Actor {
        match self {
            Self::Holder(key) => Actor::ApiKey { key: key.name.clone() },
            Self::Anybody | Self::Nobody => Actor::Api,
        }
    }

    /// The key's name, empty without one.
    pub(crate) fn key_name(&self) -> &str {
        match self {
            Self::Holder(key) => key.name.as_str(),
            Self::Anybody | Self::Nobody => "",
        }
    }

    /// The caller, if they may use this part of the API.
    pub(crate) fn within(self, scope: Scope) -> Result<Self, Denied> {
        match &self {
            Self::Holder(key) if !key.scopes.contains(scope) => Err(Denied::Scope(scope)),
            Self::Nobody => Err(Denied::Missing),
            _ => Ok(self),
        }
    }
}

/// Why a caller may not.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Denied {
    /// No key, no signature.
    #[error(
        "a key is needed: `Authorization: Bearer SECRET`, `X-Auth-Token: SECRET`, or the parameter `key`"
    )]
    Missing,
    /// The secret is nobody's.
    #[error("no key has this secret")]
    Wrong,
    /// The signature is not that of the call.
    #[error("the signature is not that of this call by the key that `sign_key` names")]
    Signature,
    /// The signature does not say whose it is.
    #[error("a signed call names its key in `sign_key`")]
    Unnamed,
    /// The signature holds at another time.
    #[error(transparent)]
    Untimely(#[from] Untimely),
    /// The original's signature on a call that it is not for.
    #[error("md5 signatures are for send_* alone")]
    LegacyCall,
    /// The original's signature on a call that it does not cover.
    #[error("the parameter is not covered by an md5 signature: {0:?}")]
    LegacyParameter(String),
    /// The key is not for this part of the API.
    #[error("the key is not for `{}`", .0.as_str())]
    Scope(Scope),
}

impl Denied {
    /// What the administration answers.
    fn failure(&self) -> Failure {
        let (status, code) = match self {
            Self::Scope(_) => (StatusCode::FORBIDDEN, Code::KeyScope),
            Self::Missing => (StatusCode::UNAUTHORIZED, Code::KeyMissing),
            _ => (StatusCode::UNAUTHORIZED, Code::KeyWrong),
        };
        Failure::new(status, Refusal::new(code, self.to_string()))
    }

    /// The reason in a header: the body of the compatible APIs has no place for it.
    pub(crate) fn challenge(&self) -> HeaderValue {
        let reason: String = self
            .to_string()
            .chars()
            .filter(|c| (c.is_ascii_graphic() || *c == ' ') && !"\"\\".contains(*c))
            .collect();
        HeaderValue::from_str(&format!("Bearer realm=\"mynah\", error_description=\"{reason}\""))
            .unwrap_or(HeaderValue::from_static("Bearer realm=\"mynah\""))
    }
}

/// The caller by what stands before the body: `Authorization: Bearer`, else `X-Auth-Token`. `None` if there is
/// neither; another kind of `Authorization` is for somebody else, a proxy perhaps.
pub(crate) fn by_headers(keys: &Keys, headers: &HeaderMap) -> Option<Result<Caller, Denied>> {
    if keys.is_empty() {
        return Some(Ok(Caller::Anybody));
    }
    let text = |value: &HeaderValue| value.to_str().map(str::to_owned).unwrap_or_default();
    let bearer = headers.get(header::AUTHORIZATION).map(text).and_then(|value| {
        let (scheme, token) = value.split_once(' ')?;
        scheme.eq_ignore_ascii_case("bearer").then(|| token.trim().to_owned())
    });
    let secret = bearer.or_else(|| headers.get("x-auth-token").map(text))?;
    Some(holder(keys, &secret))
}

/// The caller by the parameters of a call: a signature, else `key`.
pub(crate) fn by_params(
    keys: &Keys,
    method: &str,
    path: &str,
    params: &Params,
    now_seconds: i64,
) -> Result<Caller, Denied> {
    if keys.is_empty() {
        return Ok(Caller::Anybody);
    }
    if let Some(sign) = params.get(SIGN) {
        signature::check_time(params, now_seconds)?;
        return match params.get(SIGN_KEY) {
            Some(name) => keys
                .named(name)
                .filter(|key| signature::is_of(&key.secret, method, path, params, sign).into())
                .map(|key| Caller::Holder(Arc::clone(key)))
                .ok_or(Denied::Signature),
            None => by_legacy_signature(keys, path, params, sign),
        };
    }
    match params.get(KEY) {
        Some(secret) => holder(keys, secret),
        None => Err(Denied::Missing),
    }
}

fn by_legacy_signature(keys: &Keys, path: &str, params: &Params, sign: &str) -> Result<Caller, Denied> {
    if !keys.iter().any(|key| key.legacy_signature) {
        return Err(Denied::Unnamed);
    }
    if !is_send(path) {
        return Err(Denied::LegacyCall);
    }
    if let Some(name) = signature::unsigned_by_legacy(params) {
        return Err(Denied::LegacyParameter(name.chars().take(64).collect()));
    }
    let key = keys.find(|key| {
        signature::is_legacy_of(&key.secret, params, sign) & u8::from(key.legacy_signature).into()
    });
    key.map(|key| Caller::Holder(Arc::clone(key))).ok_or(Denied::Signature)
}

fn holder(keys: &Keys, secret: &str) -> Result<Caller, Denied> {
    keys.of_secret(secret).map(|key| Caller::Holder(Arc::clone(key))).ok_or(Denied::Wrong)
}

/// The middleware behind the guard: refuses what the listener does not serve, and whoever may not use the administration;
/// says who the others are.
pub(crate) async fn pass(State(api): State<Arc<Api>>, mut request: Request, next: Next) -> Response {
    let keys = &api.settings.keys;
    let scope = Scope::of_path(request.uri().path());
    let served = request.extensions().get::<Scopes>().copied().unwrap_or_else(Scopes::all);
    let caller = match scope {
        Some(Scope::Openqq | Scope::Openwx) => match scope.is_some_and(|scope| served.contains(scope)) {
            // Its handler finds out who calls.
            true => return next.run(request).await,
            false => return answer::not_found().await,
        },
        Some(Scope::Admin) if !served.contains(Scope::Admin) => return admin::not_found(request).await,
        Some(Scope::Admin) => match admit(&api, &request) {
            Ok(caller) => caller,
            Err(response) => return *response,
        },
        // A wrong key does not make a host unhealthy.
        None => by_headers(keys, request.headers()).and_then(Result::ok).unwrap_or(Caller::Nobody),
    };
    request.extensions_mut().insert(caller);
    next.run(request).await
}

/// The caller of the administration, if they may; else the answer.
fn admit(api: &Api, request: &Request) -> Result<Caller, Box<Response>> {
    let keys = &api.settings.keys;
    let path = request.uri().path();
    let proven = by_headers(keys, request.headers()).unwrap_or_else(|| {
        // A query that cannot be read holds no key; signatures are for calls that consist of parameters.
        let query = Params::of_query(request.uri().query().unwrap_or_default()).unwrap_or_default();
        query.get(KEY).map_or(Err(Denied::Missing), |secret| holder(keys, secret))
    });
    let caller = proven.and_then(|caller| caller.within(Scope::Admin)).map_err(|denied| {
        tracing::warn!(path, why = %denied, "request refused");
        let challenge = denied.challenge();
        let mut response = denied.failure().into_response();
        response.headers_mut().insert(header::WWW_AUTHENTICATE, challenge);
        Box::new(response)
    })?;
    check_account(api, &caller, path).map_err(|failure| Box::new(failure.into_response()))?;
    Ok(caller)
}

/// Whether a path concerns only what the key is for. A key that is for certain accounts may ask about those, and for
/// lists that leave the others out; whatever else there is concerns the whole host.
fn check_account(api: &Api, caller: &Caller, path: &str) -> Result<(), Failure> {
    match caller {
        Caller::Holder(key) if key.accounts.is_some() => {}
        _ => return Ok(()),
    }
    if ["/api/v1/accounts", "/api/v1/events", "/api/v1/openapi.json"].contains(&path) {
        return Ok(());
    }
    let Some(rest) = path.strip_prefix("/api/v1/accounts/") else {
        let refusal = Refusal::new(
            Code::KeyAccount,
            "the key is for certain accounts, and this concerns the whole host",
        );
        return Err(Failure::new(StatusCode::FORBIDDEN, refusal));
    };
    let name = rest.split('/').next().unwrap_or_default();
    let name = percent_decode_str(name).decode_utf8_lossy();
    match name.parse::<AccountName>() {
        Ok(account) if caller.may_use(&account) => Ok(()),
        _ => Err(admin::account_unknown(&api.host, caller, &name)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keys::Secret;

    const SECRET: &str = "0123456789abcdef";
    const LEGACY: &str = "fedcba9876543210";

    fn keys() -> Keys {
        let key = |name: &str, secret: &str, legacy_signature| Key {
            name: name.parse().unwrap(),
            secret: Secret::new(secret).unwrap(),
            scopes: Scopes::of_callers(),
            accounts: None,
            legacy_signature,
        };
        Keys::new(vec![key("plain", SECRET, false), key("old", LEGACY, true)]).unwrap()
    }

    fn name(caller: Result<Caller, Denied>) -> Result<String, Denied> {
        caller.map(|caller| caller.key_name().to_owned())
    }

    #[test]
    fn a_key_in_a_header_is_found_and_another_kind_of_authorization_is_not_ours() {
        for (headers, expected) in [
            (vec![], None),
            (vec![("authorization", "Bearer 0123456789abcdef")], Some(Ok("plain"))),
            (vec![("authorization", "bearer  0123456789abcdef")], Some(Ok("plain"))),
            (vec![("x-auth-token", SECRET)], Some(Ok("plain"))),
            (vec![("authorization", "Basic eDp5"), ("x-auth-token", LEGACY)], Some(Ok("old"))),
            (vec![("authorization", "Basic eDp5")], None),
            (vec![("authorization", SECRET)], None),
            (vec![("authorization", "Bearer ")], Some(Err(Denied::Wrong))),
            (vec![("authorization", "Bearer x"), ("x-auth-token", SECRET)], Some(Err(Denied::Wrong))),
            (vec![("x-auth-token", "")], Some(Err(Denied::Wrong))),
        ] {
            let map: HeaderMap = headers
                .iter()
                .map(|(name, value)| (header::HeaderName::from_static(name), HeaderValue::from_static(value)))
                .collect();
            let found = by_headers(&keys(), &map).map(name);
            assert_eq!(found, expected.map(|found| found.map(str::to_owned)), "{headers:?}");
        }
        assert!(matches!(by_headers(&Keys::default(), &HeaderMap::new()), Some(Ok(Caller::Anybody))));
    }

    #[test]
    fn a_call_without_a_name_for_its_key_is_only_taken_from_old_callers_and_for_sends() {
        // printf '%s' fedcba987654321042hello1500000100 | md5sum
        let sign = "c485a7fcadce78db45d0dc16fbd152fb";
        let of = |keys: &Keys, path: &str, query: &str| {
            let params = Params::of_query(query).unwrap();
            name(by_params(keys, "GET", path, &params, 1_500_000_000))
        };
        let send = "/openqq/send_friend_message";
        let query = format!("id=42&content=hello&exp=1500000100&sign={sign}");
        assert_eq!(of(&keys(), send, &query), Ok("old".into()));
        for (path, query, expected) in [
            ("/openqq/kick_group_member", query.clone(), Denied::LegacyCall),
            (send, format!("{query}&uid=1"), Denied::LegacyParameter("uid".into())),
            (send, format!("{query}&client="), Denied::LegacyParameter("client".into())),
            (send, format!("{query}&id=43"), Denied::Signature),
            (send, format!("{query}&exp=1500000000"), Denied::Untimely(Untimely::Expired)),
            (send, format!("{query}&exp=1600000000"), Denied::Untimely(Untimely::FarAhead)),
            (send, "id=42".into(), Denied::Missing),
            (send, "key=x".into(), Denied::Wrong),
        ] {
            assert_eq!(of(&keys(), path, &query), Err(expected), "{path} {query}");
        }
        let none: Vec<Key> =
            keys().iter().filter(|key| !key.legacy_signature).map(|key| Key::clone(key)).collect();
        let none = Keys::new(none).unwrap();
        assert_eq!(of(&none, send, &query), Err(Denied::Unnamed));
        assert_eq!(of(&none, send, &format!("{query}&sign_key=plain")), Err(Denied::Signature));
    }
}
