//! What scripts there are, how they do, what they may do, and letting a new release in.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::{Extension, Json};
use mynah_model::clock::UnixMs;
use mynah_model::names::{ReleaseId, ScriptName};
use mynah_runtime::{ScriptDetail, ScriptStatus};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::answers::{NoScript, Unavailable, Wrong};
use super::fields::Fields;
use super::paths::{FoundScript, ScriptPath, script_unknown};
use crate::access::Caller;
use crate::problem::{Failure, Problem};
use crate::state::Api;

/// A script.
#[derive(Serialize, ToSchema)]
pub(super) struct Script {
    /// Its name: the stem of its file.
    name: String,
    /// The live release, the sha256 of its bytes as 64 hex digits; null if none is live.
    release: Option<String>,
    /// What the operator set: `live`, `dry-run` or `off`.
    mode: String,
    /// `running`, `off`, `refused` (the newest file was refused; an older release may be live), `held` (the newest file waits
    /// to be accepted; the release before it is live) or `resting` (it failed too often and is tried again later).
    state: String,
    /// Events it was called for since it was loaded.
    events: u64,
    /// Calls that failed since it was loaded.
    faults: u64,
    /// Calls that were left out since it was loaded.
    skipped: u64,
    /// Why the last call failed or the newest file was refused: `code: sentence`.
    last_error: Option<String>,
    /// When the live release was loaded, unix ms.
    since: Option<UnixMs>,
    /// What it says of itself, one sentence.
    summary: Option<String>,
    /// The release that waits to be accepted, if one does.
    held: Option<Held>,
    /// Why the newest mynah.toml is not in force, if it is not: what stands here is of the one before.
    grants_error: Option<String>,
}

/// A release that waits to be accepted.
#[derive(Serialize, ToSchema)]
pub(super) struct Held {
    /// The sha256 of its bytes, 64 hex digits.
    release: String,
    /// What it asks for beyond the release before.
    added: Vec<Added>,
}

/// Something that a release asks for beyond the one before.
#[derive(Serialize, ToSchema)]
pub(super) struct Added {
    /// An action or an import.
    name: String,
    /// Why, in the script's own words.
    reason: String,
}

impl From<ScriptStatus> for Script {
    fn from(status: ScriptStatus) -> Self {
        let ScriptStatus { name, release, mode, state, events, faults, skipped, last_error, since, .. } =
            status;
        let held = status.held.map(|held| Held {
            release: held.release,
            added: held.added.into_iter().map(|ask| Added { name: ask.name, reason: ask.reason }).collect(),
        });
        let (summary, grants_error) = (status.summary, status.grants_error);
        Self {
            name,
            release,
            mode,
            state,
            events,
            faults,
            skipped,
            last_error,
            since,
            summary,
            held,
            grants_error,
        }
    }
}

/// A script with all that is known of it.
#[derive(Serialize, ToSchema)]
pub(super) struct Detail {
    #[serde(flatten)]
    script: Script,
    /// What it asks for, whether it has it, and why it wants it.
    asks: Vec<Ask>,
    /// What the operator set, with the defaults filled in.
    grants: Grants,
    /// What it was refused since its release was loaded.
    refused: Vec<Refused>,
    /// The limits that it runs within.
    limits: Vec<Limit>,
    /// The lines of mynah.toml that would grant what it asks for and does not have; null if it has everything.
    lines: Option<String>,
}

/// Something that a script asks for.
#[derive(Serialize, ToSchema)]
pub(super) struct Ask {
    /// An action or an import.
    name: String,
    /// Why, in the script's own words.
    reason: String,
    /// Whether it is granted.
    granted: bool,
}

/// What the operator set for a script.
#[derive(Serialize, ToSchema)]
pub(super) struct Grants {
    /// Whether there is a `[script.NAME]`; without one a script acts on `sim` accounts only.
    listed: bool,
    /// The actions that it may ask for.
    allow: Vec<String>,
    /// The imports that it may have.
    imports: Vec<String>,
    /// The chats that it is called in and may act in; empty is every chat to be called in, and no other than the event's to
    /// act in.
    chats: Vec<String>,
    /// How often it may do what, the default budgets included.
    budget: Vec<Budget>,
    /// The places that it may fetch from.
    fetch: Vec<String>,
    /// Bytes of state that it may hold.
    kv: u64,
    /// Keys that it may hold.
    kv_keys: u64,
    /// Whether it may moderate admins, where the account is the owner.
    may_target_admins: bool,
    /// `skip` or `stop`.
    on_fault: String,
    /// `auto` or `hold`.
    update: String,
    /// The one release that may be live, 64 hex digits.
    pin: Option<String>,
    /// Higher ones see an event first.
    priority: i32,
}

/// How often a script may do something.
#[derive(Serialize, ToSchema)]
pub(super) struct Budget {
    /// `kick`, `message per chat` ...
    counts: String,
    /// `6/min` ...
    rate: String,
}

/// How often a script was refused something.
#[derive(Serialize, ToSchema)]
pub(super) struct Refused {
    /// The action, `look-up` for people whom it may not see, or `log` for what was left out of its log.
    action: String,
    /// The rule that refused it: a stable code.
    code: String,
    /// How often.
    count: u64,
    /// Why it asks for that, in the script's own words; null if it did not say that it would.
    reason: Option<String>,
}

/// A limit.
#[derive(Serialize, ToSchema)]
pub(super) struct Limit {
    /// What is limited.
    limit: &'static str,
    /// What it allows, with its unit.
    allows: String,
    /// The key under `[script.NAME]` that changes it.
    key: Option<&'static str>,
    /// The stable code of what is said past it.
    code: Option<&'static str>,
}

impl From<ScriptDetail> for Detail {
    fn from(detail: ScriptDetail) -> Self {
        let grants = detail.grants;
        Self {
            script: detail.status.into(),
            asks: detail
                .asks
                .into_iter()
                .map(|ask| Ask { name: ask.name, reason: ask.reason, granted: ask.granted })
                .collect(),
            grants: Grants {
                listed: grants.listed,
                allow: grants.allow,
                imports: grants.imports,
                chats: grants.chats,
                budget: grants.budget.into_iter().map(|(counts, rate)| Budget { counts, rate }).collect(),
                fetch: grants.fetch,
                kv: grants.kv,
                kv_keys: grants.kv_keys,
                may_target_admins: grants.may_target_admins,
                on_fault: grants.on_fault,
                update: grants.update,
                pin: grants.pin,
                priority: grants.priority,
            },
            refused: detail
                .refused
                .into_iter()
                .map(|it| Refused { action: it.action, code: it.code, count: it.count, reason: it.reason })
                .collect(),
            limits: detail
                .limits
                .into_iter()
                .map(|row| Limit { limit: row.limit, allows: row.allows, key: row.key, code: row.code })
                .collect(),
            lines: detail.lines,
        }
    }
}

/// Every script that was found, live or not.
#[utoipa::path(get, operation_id = "list_scripts", path = "/api/v1/scripts", tag = "scripts", responses((status = 200, description = "the scripts", body = Vec<Script>)))]
pub(super) async fn list(State(api): State<Arc<Api>>) -> Json<Vec<Script>> {
    Json(api.host.scripts().into_iter().map(Script::from).collect())
}

/// One script: what it asks for and why, what it has, what it was refused, and within which limits it runs.
#[utoipa::path(
    get, operation_id = "get_script",
    path = "/api/v1/scripts/{name}",
    tag = "scripts",
    params(ScriptPath),
    responses(
        (status = 200, description = "the script", body = Detail),
        NoScript,
    ),
)]
pub(super) async fn get(FoundScript(detail): FoundScript) -> Json<Detail> {
    Json(detail.into())
}

/// Which release is to be let in.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Acceptance {
    /// The sha256 of its bytes, 64 hex digits, as `held` shows it: so that no other one is let in that came meanwhile.
    release: String,
}

/// Lets a release in that waits: it is live from the next event on.
#[utoipa::path(
    post, operation_id = "accept_release",
    path = "/api/v1/scripts/{name}/accept",
    tag = "scripts",
    params(ScriptPath),
    request_body = Acceptance,
    responses(
        (status = 200, description = "the release is live", body = Detail),
        Wrong,
        NoScript,
        (status = 409, description = "this release does not wait, or cannot be live", body = Problem),
        Unavailable,
    ),
)]
pub(super) async fn accept(
    State(api): State<Arc<Api>>,
    Extension(caller): Extension<Caller>,
    FoundScript(detail): FoundScript,
    Fields(acceptance): Fields<Acceptance>,
) -> Result<Json<Detail>, Failure> {
    let name = detail.status.name;
    let script: ScriptName = name.parse().map_err(|_| script_unknown(&api.host, &name))?;
    let release = ReleaseId::try_from(acceptance.release)
        .map_err(|error| Failure::parameter(format!("`release`: {error}")))?;
    let accepted = api.host.accept_release(&script, release, &caller.actor()).await;
    accepted
        .map_err(|error| Failure::internal(&error))?
        .map_err(|refusal| Failure::new(StatusCode::CONFLICT, refusal))?;
    api.host.script(&name).map(|detail| Json(detail.into())).ok_or_else(|| script_unknown(&api.host, &name))
}
