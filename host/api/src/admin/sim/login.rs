//! The phone that an account of the embedded network logs in with.

use axum::Json;
use mynah_networks::sim::AtThePhone;
use serde::Deserialize;
use utoipa::ToSchema;

use super::{DoneAnswer, refused};
use crate::admin::answers::NoAccount;
use crate::admin::fields::OptionalFields;
use crate::admin::paths::{AccountPath, SimAccount};
use crate::problem::{Failure, Problem};

/// What happens at the phone after a scan.
#[derive(Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::admin) struct ScanFields {
    /// `confirm` (if it is left out), `refuse`, or `wait`: `sim/confirm` says later.
    #[serde(default)]
    then: Then,
}

/// What somebody does when their phone asks.
#[derive(Default, Clone, Copy, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum Then {
    #[default]
    Confirm,
    Refuse,
    Wait,
}

/// What the phone is answered.
#[derive(Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::admin) struct ConfirmFields {
    /// Whether the login is refused.
    #[serde(default)]
    refuse: bool,
}

/// Scans the QR code that the account shows; answered when the account is working, or, if the phone is to be answered
/// later, when it waits for that. The body may be empty.
#[utoipa::path(
    post,
    path = "/api/v1/accounts/{name}/sim/scan",
    tag = "sim",
    params(AccountPath),
    request_body(content = Option<ScanFields>),
    responses(
        (status = 200, description = "the account is logged in, or waits to be confirmed", body = DoneAnswer),
        NoAccount,
        (status = 409, description = "there is nothing to scan, the code had expired, the login was refused, or the account is not on `sim`", body = Problem),
    ),
)]
pub(in crate::admin) async fn scan(
    account: SimAccount,
    OptionalFields(fields): OptionalFields<ScanFields>,
) -> Result<Json<DoneAnswer>, Failure> {
    let then = match fields.then {
        Then::Confirm => AtThePhone::Confirm,
        Then::Refuse => AtThePhone::Refuse,
        Then::Wait => AtThePhone::Wait,
    };
    let seq = account.sim()?.scan_and(then).await.map_err(refused)?;
    Ok(Json(DoneAnswer { seq: seq.0 }))
}

/// Answers the phone after a scan with `then` = `wait`; answered when the account is working. The body may be empty.
#[utoipa::path(
    post,
    path = "/api/v1/accounts/{name}/sim/confirm",
    tag = "sim",
    params(AccountPath),
    request_body(content = Option<ConfirmFields>),
    responses(
        (status = 200, description = "the account is logged in", body = DoneAnswer),
        NoAccount,
        (status = 409, description = "nothing was scanned, the code had expired, the login was refused, or the account is not on `sim`", body = Problem),
    ),
)]
pub(in crate::admin) async fn confirm(
    account: SimAccount,
    OptionalFields(fields): OptionalFields<ConfirmFields>,
) -> Result<Json<DoneAnswer>, Failure> {
    let seq = account.sim()?.confirm(!fields.refuse).await.map_err(refused)?;
    Ok(Json(DoneAnswer { seq: seq.0 }))
}
