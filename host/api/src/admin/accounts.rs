//! Who is logged in where.

use std::sync::Arc;

use axum::extract::State;
use axum::{Extension, Json};
use mynah_model::clock::UnixMs;
use mynah_runtime::{Account, ApiKind};
use serde::Serialize;
use utoipa::ToSchema;

use crate::access::Caller;
use crate::state::Api;

/// An account.
#[derive(Serialize, ToSchema)]
pub(super) struct AccountStatus {
    /// Its name: the `client` of the Openqq API.
    name: String,
    /// The network it is on: `sim`, `onebot` ...
    network: &'static str,
    /// The API that serves it when a call names no account: `openqq` or `openwx`.
    api: &'static str,
    /// `init`, `loading`, `scaning`, `confirming`, `updating`, `running` or `stop`.
    state: &'static str,
    /// When it was started, unix ms; null if it never was.
    since: Option<UnixMs>,
    /// Who it is on its network; empty until it is logged in.
    user: User,
    /// How many friends it has.
    friends: usize,
    /// How many groups it is in.
    groups: usize,
    /// How many discusses it is in.
    discusses: usize,
    /// How many of its actions wait to be delivered.
    acts_waiting: usize,
}

/// Who an account is on its network.
#[derive(Serialize, ToSchema)]
pub(super) struct User {
    /// The id that its network gives it.
    id: String,
    /// The number that people see, if there is one.
    uid: Option<String>,
    /// Its name.
    name: String,
}

impl AccountStatus {
    /// What an account is now.
    pub(super) fn of(account: &Account) -> Self {
        let roster = account.roster();
        Self {
            name: account.name().to_string(),
            network: account.network(),
            api: match account.api() {
                ApiKind::Openqq => "openqq",
                ApiKind::Openwx => "openwx",
            },
            state: account.state().as_str(),
            since: Some(account.started_at()).filter(|since| *since != 0),
            user: User {
                id: roster.user.id.clone(),
                uid: roster.user.uid.clone(),
                name: roster.user.name.clone(),
            },
            friends: roster.friends.len(),
            groups: roster.groups.len(),
            discusses: roster.discusses.len(),
            acts_waiting: account.acts_waiting(),
        }
    }
}

/// Every account that the key is for, in the order of the configuration.
#[utoipa::path(get, operation_id = "list_accounts", path = "/api/v1/accounts", tag = "accounts", responses((status = 200, description = "the accounts", body = Vec<AccountStatus>)))]
pub(super) async fn list(
    State(api): State<Arc<Api>>,
    Extension(caller): Extension<Caller>,
) -> Json<Vec<AccountStatus>> {
    let accounts = api.host.accounts();
    let usable = accounts.iter().filter(|account| caller.may_use(account.name()));
    Json(usable.map(|account| AccountStatus::of(account)).collect())
}
