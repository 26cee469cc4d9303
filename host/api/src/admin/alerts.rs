//! What operators should know.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use mynah_model::clock::UnixMs;
use mynah_runtime::alerts::Condition;
use serde::Serialize;
use utoipa::ToSchema;

use crate::state::Api;

/// Something that operators should know.
#[derive(Serialize, ToSchema)]
pub(super) struct Alert {
    /// `breaker-open`, `budget-exhausted`, `account-offline` or `disk-nearly-full`.
    kind: &'static str,
    /// The script it is about.
    script: Option<String>,
    /// The account it is about.
    account: Option<String>,
    /// One sentence.
    text: String,
    /// Since when, unix ms.
    since: UnixMs,
    /// When it ended, unix ms; null while it lasts.
    ended: Option<UnixMs>,
    /// How many operators were told.
    told: usize,
}

impl Alert {
    fn of(alert: mynah_runtime::alerts::Alert) -> Self {
        let (kind, script, account) = match alert.condition {
            Condition::BreakerOpen { script } => ("breaker-open", Some(script.to_string()), None),
            Condition::BudgetExhausted { script } => ("budget-exhausted", Some(script.to_string()), None),
            Condition::AccountOffline { account } => ("account-offline", None, Some(account.to_string())),
            Condition::DiskNearlyFull => ("disk-nearly-full", None, None),
        };
        Self {
            kind,
            script,
            account,
            text: alert.text,
            since: alert.since,
            ended: alert.ended,
            told: alert.told,
        }
    }
}

/// What operators should know: what lasts, newest first, then what is over.
#[utoipa::path(
    get, operation_id = "list_alerts",
    path = "/api/v1/alerts",
    tag = "alerts",
    responses((status = 200, description = "the alerts that last, and those that are over", body = Vec<Alert>)),
)]
pub(super) async fn list(State(api): State<Arc<Api>>) -> Json<Vec<Alert>> {
    Json(api.host.alerts().into_iter().map(Alert::of).collect())
}
