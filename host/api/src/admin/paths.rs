//! What a path names: an account, or a script.

use std::sync::Arc;

use axum::extract::{FromRequestParts, Path};
use axum::http::{StatusCode, request};
use mynah_model::names::ScriptName;
use mynah_model::refusal::{Code, Refusal};
use mynah_networks::sim::Sim;
use mynah_runtime::{Account, Host, ScriptDetail};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use utoipa::IntoParams;

use crate::access::Caller;
use crate::problem::Failure;
use crate::state::Api;

/// `/api/v1/accounts/{name}`.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
pub(super) struct AccountPath {
    /// the account
    name: String,
}

/// `/api/v1/scripts/{name}`.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
pub(super) struct ScriptPath {
    /// the script
    name: String,
}

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
        let AccountPath { name } = path(head, api).await?;
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

/// The script of the path, which was found, live or not.
pub(super) struct FoundScript(pub(super) ScriptDetail);

impl FromRequestParts<Arc<Api>> for FoundScript {
    type Rejection = Failure;

    async fn from_request_parts(head: &mut request::Parts, api: &Arc<Api>) -> Result<Self, Failure> {
        let ScriptPath { name } = path(head, api).await?;
        api.host.script(&name).map(Self).ok_or_else(|| script_unknown(&api.host, &name))
    }
}

/// The script of the path: one that there is, or was and left state.
pub(super) struct KeepingScript(pub(super) ScriptName);

impl FromRequestParts<Arc<Api>> for KeepingScript {
    type Rejection = Failure;

    async fn from_request_parts(head: &mut request::Parts, api: &Arc<Api>) -> Result<Self, Failure> {
        let ScriptPath { name } = path(head, api).await?;
        let script: ScriptName = name.parse().map_err(|_| script_unknown(&api.host, &name))?;
        match api.host.knows_state_of(&script).await {
            Ok(true) => Ok(Self(script)),
            Ok(false) => Err(script_unknown(&api.host, &name)),
            Err(error) => Err(Failure::internal(&error)),
        }
    }
}

/// The refusal of a script that there is not.
pub(super) fn script_unknown(host: &Host, name: &str) -> Failure {
    let shown: String = name.chars().take(64).collect();
    let known: Vec<_> = host.scripts().into_iter().map(|script| script.name).collect();
    let refusal = Refusal::new(Code::ScriptUnknown, format!("there is no script `{shown}`"))
        .hint(format!("there is: {}", known.join(", ")));
    Failure::new(StatusCode::NOT_FOUND, refusal)
}

async fn path<T: DeserializeOwned + Send>(head: &mut request::Parts, api: &Arc<Api>) -> Result<T, Failure> {
    let named = Path::from_request_parts(head, api).await;
    named.map(|Path(named)| named).map_err(|error| Failure::parameter(error.body_text()))
}
