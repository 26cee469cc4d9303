//! get_client_info, stop_client and relogin: one account as a running program.

use std::sync::Arc;
use std::time::Duration;

use mynah_model::clock::{Clock, SystemClock};
use mynah_runtime::{Account, Host};
use serde_json::json;
use tracing::level_filters::LevelFilter;

use crate::answer::Answer;

/// What runs, and since when. The original runs a process for each account; here `pid` is the host's.
pub(crate) fn info(account: &Account) -> Answer {
    let (starttime, runtime) = times(account);
    Answer::Json(json!({
        "code": 0,
        "status": "success",
        "account": account.name().as_str(),
        "version": env!("CARGO_PKG_VERSION"),
        "os": std::env::consts::OS,
        "pid": std::process::id(),
        "starttime": starttime,
        "runtime": runtime,
        "log_level": LevelFilter::current().to_string(),
        "log_encoding": null,
        "log_path": null,
        "http_debug": "0",
    }))
}

/// Stops the account for good, a little later, so that the answer has left. That it is to stop outlives the host from
/// the answer on.
pub(crate) async fn stop(host: &Host, account: &Arc<Account>, delay: Duration) -> Answer {
    tracing::info!(account = %account.name(), "stop_client was called");
    match host.stop_account_later(account, delay).await {
        Ok(()) => announced(account, &format!("will stop in {} seconds", delay.as_secs())),
        Err(error) => Answer::Busy(error.to_string()),
    }
}

/// Logs the account in again as for the first time, a little later, so that the answer has left.
pub(crate) fn relogin(host: &Host, account: &Arc<Account>, delay: Duration) -> Answer {
    tracing::info!(account = %account.name(), "relogin was called");
    host.relogin_later(account, delay);
    announced(account, &format!("will relogin in {} seconds", delay.as_secs()))
}

/// What is going to happen to an account.
fn announced(account: &Account, what: &str) -> Answer {
    let (starttime, runtime) = times(account);
    let state = account.client_state();
    Answer::Json(json!({
        "code": 0,
        "status": format!("success, client({}) {what}", state.pid),
        "account": state.account,
        "client": state.account,
        "pid": state.pid,
        "port": state.port,
        "starttime": starttime,
        "runtime": runtime,
    }))
}

/// When the account was started, unix seconds, and how many seconds ago that was.
fn times(account: &Account) -> (i64, i64) {
    let starttime = account.started_at().div_euclid(1000);
    let runtime = if starttime == 0 { 0 } else { now_seconds().saturating_sub(starttime).max(0) };
    (starttime, runtime)
}

/// The time now, unix seconds.
pub(crate) fn now_seconds() -> i64 {
    SystemClock.now().div_euclid(1000)
}
