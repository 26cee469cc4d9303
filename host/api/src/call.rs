//! A call of one of the compatible APIs, from its request to its answer.
//!
//! A call is understood in one order: path and method, parameters, who calls, how to answer, account, the account's
//! state; then the endpoint decides.

use std::future::Future;
use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, Method};
use axum::response::Response;
use axum::routing::any;
use mynah_model::action::{ActionBody, Target};
use mynah_model::event::AccountState;
use mynah_runtime::{Account, ActOutcome, ApiKind, Host, IdempotencyKey};
use tokio::sync::OwnedSemaphorePermit;

use crate::access::{self, Caller, Denied};
use crate::answer::{Answer, auth_failure, not_found};
use crate::body;
use crate::client;
use crate::controller::Control;
use crate::idempotency;
use crate::jsonp::Wrapping;
use crate::keys::Scope;
use crate::params::{ParamError, Params};
use crate::server::Closing;
use crate::state::Api;

/// What one of the compatible APIs offers.
pub(crate) trait Endpoint: Copy + Send + 'static {
    /// The API: accounts of this kind are used where a call names none.
    const API: ApiKind;

    /// What a key must be for.
    const SCOPE: Scope;

    /// What its paths begin with: `/openqq`.
    const PREFIX: &'static str;

    /// The endpoint of a name, `get_user_info`.
    fn named(name: &str) -> Option<Self>;

    /// Whether it needs an account that is logged in and working.
    fn needs_running(self) -> bool;

    /// Whether a call may bring a picture or a file in its body.
    fn takes_media(self) -> bool {
        false
    }

    /// Decides on a call and has the host do it.
    fn answer(self, call: Call) -> impl Future<Output = Answer> + Send;
}

/// A call that was understood.
pub(crate) struct Call {
    pub(crate) api: Arc<Api>,
    pub(crate) caller: Caller,
    pub(crate) account: Arc<Account>,
    pub(crate) params: Params,
    pub(crate) closing: Closing,
    /// Held while a large body is in memory.
    pub(crate) _room: Room,
}

/// How large a body may be, and the right to one that is large.
pub(crate) struct Room {
    limit: usize,
    _permit: Option<OwnedSemaphorePermit>,
}

impl Call {
    /// Has the host do something for the caller.
    pub(crate) async fn act(&self, target: Option<Target>, body: ActionBody) -> ActOutcome {
        self.api.act(&self.account, target, body, self.caller.actor()).await
    }

    /// Notes down that the caller asked for this action where the answer is that whom or what they named is not there
    /// (codes 100 to 105, as the originals have them); a call that lacks something asked for nothing.
    pub(crate) fn missed(&self, action: &str, code: i32, status: &str) {
        if (100..=105).contains(&code) {
            self.api.host.note_missed(&self.account, action, &self.caller.actor(), status);
        }
    }
}

/// The paths of an API; those that it does not have are answered too.
pub(crate) fn router<E: Endpoint>() -> Router<Arc<Api>> {
    let paths = ["", "/", "/{*endpoint}"].map(|rest| format!("{}{rest}", E::PREFIX));
    paths.iter().fold(Router::new(), |router, path| router.route(path, any(serve::<E>)))
}

/// What a path is for: the controller's endpoints are the same under every prefix.
enum Called<E> {
    Controller(Control),
    Endpoint(E),
}

/// The endpoint of a path, `/openqq/get_user_info`.
fn at<E: Endpoint>(path: &str) -> Option<Called<E>> {
    let name = path.strip_prefix(E::PREFIX)?.strip_prefix('/')?;
    let control = Control::named(name).map(Called::Controller);
    control.or_else(|| E::named(name).map(Called::Endpoint))
}

/// Serves a call.
async fn serve<E: Endpoint>(State(api): State<Arc<Api>>, request: Request) -> Response {
    let is_call = match *request.method() {
        Method::GET | Method::POST => true,
        // The answer has no body, so what acts or takes events away is not for it.
        Method::HEAD => looks_up(request.uri().path()),
        _ => false,
    };
    let (true, Some(called)) = (is_call, at::<E>(request.uri().path())) else {
        return not_found().await;
    };
    let closing = Closing::of(&request);
    let keys = &api.settings.keys;
    let path = request.uri().path().to_owned();
    let method = request.method().clone();
    let headers = request.headers().clone();
    // A wrong key in a header is refused before a byte of the body is read.
    let by_headers = match access::by_headers(keys, &headers).transpose() {
        Ok(caller) => caller,
        Err(denied) => return refuse(&path, &denied),
    };
    let takes_media = matches!(called, Called::Endpoint(endpoint) if endpoint.takes_media());
    let room = match room_for(&api, takes_media, &headers) {
        Ok(room) => room,
        Err(answer) => return answer.into_response(&Wrapping::Json),
    };
    let mut params = match Params::read_within(room.limit, request, &api.settings).await {
        Ok(params) => params,
        Err(ParamError::Body(error)) => {
            return Answer::Unread(error.status(), error.to_string()).into_response(&Wrapping::Json);
        }
        Err(error) => return Answer::error(400, error.to_string()).into_response(&Wrapping::Json),
    };
    let proven = match by_headers {
        Some(caller) => Ok(caller),
        None => access::by_params(keys, method.as_str(), &path, &params, client::now_seconds()),
    };
    let caller = match proven.and_then(|caller| caller.within(E::SCOPE)) {
        Ok(caller) => caller,
        Err(denied) => return refuse(&path, &denied),
    };
    params.remove(&access::PROOFS);
    let wrapping = match Wrapping::of(&params, &api.settings, client::now_seconds()) {
        Ok(wrapping) => wrapping,
        Err(why) => return Answer::error(400, why).into_response(&Wrapping::Json),
    };
    let chosen = choose_account(&api.host, E::API, &params, &caller);
    let endpoint = match called {
        Called::Endpoint(endpoint) => endpoint,
        Called::Controller(control) => {
            let answer = control.answer(&api.host, E::API, &params, &caller, chosen).await;
            return answer.into_response(&wrapping);
        }
    };
    let Some(account) = chosen else {
        return Answer::error(100, "client not found").into_response(&wrapping);
    };
    // Before the account's state: what was sent stays sent when the account has stopped.
    let repeated = match idempotency::key_of(&headers, &params) {
        Ok(key) => key.filter(|_| makes_a_message(&path)).map(|key| {
            let (caller, account) = (caller.key_name().to_owned(), account.name().clone());
            let fingerprint = idempotency::fingerprint(&path, &params);
            (IdempotencyKey { caller, account, key }, fingerprint)
        }),
        Err(why) => return Answer::error(400, why).into_response(&wrapping),
    };
    params.remove(&[idempotency::PARAMETER]);
    let remembered = Arc::clone(&api.remembered);
    let act = async move {
        if endpoint.needs_running() && account.state() != AccountState::Running {
            return Answer::not_running(&account);
        }
        endpoint.answer(Call { api, caller, account, params, closing, _room: room }).await
    };
    let answer = match repeated {
        Some((key, fingerprint)) => remembered.once(key, fingerprint, act).await,
        None => act.await,
    };
    answer.into_response(&wrapping)
}

/// Whether a path is that of a call that changes nothing. check_event takes events away.
pub(crate) fn looks_up(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or_default();
    name.starts_with("get_") || name.starts_with("search_") || name == "check_client"
}

/// Whether a path is that of a `send_*` call.
pub(crate) fn is_send(path: &str) -> bool {
    path.rsplit('/').next().is_some_and(|name| name.starts_with("send_"))
}

/// Whether a path sends a message, which must not be sent twice.
fn makes_a_message(path: &str) -> bool {
    is_send(path) || path.ends_with("/consult")
}

fn refuse(path: &str, denied: &Denied) -> Response {
    tracing::warn!(path, why = %denied, "call refused");
    auth_failure(denied)
}

/// Only calls that may bring a picture or a file have large bodies, and only a few of them at once.
fn room_for(api: &Api, takes_media: bool, headers: &HeaderMap) -> Result<Room, Answer> {
    let usual = api.settings.body_limit;
    if !takes_media || !body::may_exceed(usual, headers) {
        return Ok(Room { limit: usual, _permit: None });
    }
    match Arc::clone(&api.media_bodies).try_acquire_owned() {
        Ok(permit) => Ok(Room { limit: api.settings.media_body_limit.max(usual), _permit: Some(permit) }),
        Err(_) => Err(Answer::Busy("too many files are being uploaded; try again in a moment".into())),
    }
}

/// The account that `client` names; without it the first one of this API, or the only one. To a caller there are no
/// accounts but those that they may use.
fn choose_account(host: &Host, api: ApiKind, params: &Params, caller: &Caller) -> Option<Arc<Account>> {
    if let Some(name) = params.get("client") {
        return host.account(name).filter(|account| caller.may_use(account.name()));
    }
    let mut accounts = host.accounts();
    accounts.retain(|account| caller.may_use(account.name()));
    match accounts.as_slice() {
        [only] => Some(Arc::clone(only)),
        several => several.iter().find(|account| account.api() == api).cloned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::openqq;

    #[test]
    fn endpoints_are_found_by_their_exact_names() {
        assert!(at::<openqq::Endpoint>("/openqq/send_message").is_some());
        for path in
            ["", "/", "//get_user_info", "/nope", "/get_user_info/", "/GET_USER_INFO", "/get%5Fuser_info"]
        {
            assert!(at::<openqq::Endpoint>(&format!("/openqq{path}")).is_none(), "{path}");
        }
    }
}
