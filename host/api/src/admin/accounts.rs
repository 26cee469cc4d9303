//! Who is logged in where.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::{Extension, Json};
use mynah_model::clock::UnixMs;
use mynah_model::refusal::{Code, Refusal};
use mynah_runtime::{Account, ApiKind, Connection, HostError};
use serde::Serialize;
use utoipa::ToSchema;

use super::answers::{NoAccount, Unavailable};
use super::paths::{AccountPath, NamedAccount};
use crate::access::Caller;
use crate::problem::{Failure, Problem};
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
    /// The file of the QR code that waits to be scanned; `get_qrcode` has the picture too.
    qrcode_path: Option<String>,
    /// Why it is stopped although nobody stopped it, or why it has no connection.
    problem: Option<String>,
    /// How its connection has been since the host started; null where there is none that could be lost, as on `sim`.
    connection: Option<ConnectionStatus>,
}

/// How the connection of an account has been since the host started.
#[derive(Serialize, ToSchema)]
pub(super) struct ConnectionStatus {
    /// How often it was lost after the account had logged in. What its network sent meanwhile is not known; each gap is
    /// an event of the account, too.
    gaps: u64,
    /// Milliseconds without it, of the gaps that ended.
    gap_ms: u64,
    /// The last gap; null if there was none.
    last_gap: Option<GapStatus>,
    /// What the peer sent that could not be used: how often, by kind. Kinds that never occurred are left out.
    oddities: BTreeMap<&'static str, u64>,
}

/// A time without a connection.
#[derive(Serialize, ToSchema)]
pub(super) struct GapStatus {
    /// When it began, unix ms.
    since: UnixMs,
    /// When it ended, unix ms; null if it has not.
    until: Option<UnixMs>,
    /// Why the connection was lost.
    why: String,
}

impl From<Connection> for ConnectionStatus {
    fn from(connection: Connection) -> Self {
        let Connection { gaps, gap_ms, last_gap, oddities } = connection;
        let last_gap = last_gap.map(|gap| GapStatus { since: gap.since, until: gap.until, why: gap.why });
        Self { gaps, gap_ms, last_gap, oddities }
    }
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
            qrcode_path: account
                .login_code()
                .and_then(|code| code.path().map(|path| path.display().to_string())),
            problem: account.problem().map(|why| why.to_string()).or_else(|| account.trouble()),
            connection: account.connection().map(ConnectionStatus::from),
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

/// One account.
#[utoipa::path(
    get,
    operation_id = "get_account",
    path = "/api/v1/accounts/{name}",
    tag = "accounts",
    params(AccountPath),
    responses(
        (status = 200, description = "the account", body = AccountStatus),
        NoAccount,
    ),
)]
pub(super) async fn one(NamedAccount(account): NamedAccount) -> Json<AccountStatus> {
    Json(AccountStatus::of(&account))
}

/// Starts an account that was stopped, for good. One that runs goes on.
#[utoipa::path(
    post,
    operation_id = "start_account",
    path = "/api/v1/accounts/{name}/start",
    tag = "accounts",
    params(AccountPath),
    responses(
        (status = 200, description = "the account is on its way in, or was before", body = AccountStatus),
        NoAccount,
        (status = 409, description = "too many accounts run, or something stood against it", body = Problem),
        Unavailable,
    ),
)]
pub(super) async fn start(
    State(api): State<Arc<Api>>,
    NamedAccount(account): NamedAccount,
) -> Result<Json<AccountStatus>, Failure> {
    let (account, _) = api.host.start_account(account.name(), None).await.map_err(not_started)?;
    Ok(Json(AccountStatus::of(&account)))
}

/// Stops an account, for good: it stays stopped when the host starts again. Answered when it is stopped.
#[utoipa::path(
    post,
    operation_id = "stop_account",
    path = "/api/v1/accounts/{name}/stop",
    tag = "accounts",
    params(AccountPath),
    responses(
        (status = 200, description = "the account is stopped", body = AccountStatus),
        NoAccount,
        Unavailable,
    ),
)]
pub(super) async fn stop(
    State(api): State<Arc<Api>>,
    NamedAccount(account): NamedAccount,
) -> Result<Json<AccountStatus>, Failure> {
    api.host.stop_account(&account).await.map_err(|error| Failure::internal(&error))?;
    Ok(Json(AccountStatus::of(&account)))
}

fn not_started(error: HostError) -> Failure {
    let code = match &error {
        HostError::TooManyClients { .. } => Code::AccountLimit,
        HostError::NotStarted { .. } => Code::AccountNotStarted,
        other => return Failure::internal(other),
    };
    Failure::new(StatusCode::CONFLICT, Refusal::new(code, error.to_string()))
}
