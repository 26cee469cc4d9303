//! A call of one of the compatible APIs, from its request to its answer.
//!
//! A call is understood in one order: path and method, parameters, how to answer, account, the account's state;
//! then the endpoint decides.

use std::future::Future;
use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::Method;
use axum::response::Response;
use axum::routing::any;
use mynah_model::event::AccountState;
use mynah_runtime::{Account, ApiKind, Host};

use crate::answer::{Answer, not_found};
use crate::client;
use crate::controller::Control;
use crate::jsonp::Wrapping;
use crate::params::{ParamError, Params};
use crate::server::Closing;
use crate::state::Api;

/// What one of the compatible APIs offers.
pub(crate) trait Endpoint: Copy + Send + 'static {
    /// The API: accounts of this kind are used where a call names none.
    const API: ApiKind;

    /// What its paths begin with: `/openqq`.
    const PREFIX: &'static str;

    /// The endpoint of a name, `get_user_info`.
    fn named(name: &str) -> Option<Self>;

    /// Whether it needs an account that is logged in and working.
    fn needs_running(self) -> bool;

    /// Decides on a call and has the host do it.
    fn answer(self, call: Call) -> impl Future<Output = Answer> + Send;
}

/// A call that was understood.
pub(crate) struct Call {
    pub(crate) api: Arc<Api>,
    pub(crate) account: Arc<Account>,
    pub(crate) params: Params,
    pub(crate) closing: Closing,
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
    let is_call = matches!(*request.method(), Method::GET | Method::POST);
    let (true, Some(called)) = (is_call, at::<E>(request.uri().path())) else {
        return not_found().await;
    };
    let closing = Closing::of(&request);
    let params = match Params::read(request, &api.settings).await {
        Ok(params) => params,
        Err(ParamError::Body(error)) => {
            return Answer::Unread(error.status(), error.to_string()).into_response(&Wrapping::Json);
        }
        Err(error) => return Answer::error(400, error.to_string()).into_response(&Wrapping::Json),
    };
    let wrapping = match Wrapping::of(&params, &api.settings, client::now_seconds()) {
        Ok(wrapping) => wrapping,
        Err(why) => return Answer::error(400, why).into_response(&Wrapping::Json),
    };
    let chosen = choose_account(&api.host, E::API, &params);
    let endpoint = match called {
        Called::Endpoint(endpoint) => endpoint,
        Called::Controller(control) => {
            return control.answer(&api.host, E::API, &params, chosen).await.into_response(&wrapping);
        }
    };
    let Some(account) = chosen else {
        return Answer::error(100, "client not found").into_response(&wrapping);
    };
    if endpoint.needs_running() && account.state() != AccountState::Running {
        return Answer::not_running(&account).into_response(&wrapping);
    }
    endpoint.answer(Call { api, account, params, closing }).await.into_response(&wrapping)
}

/// The account that `client` names; without it the first one of this API, or the only one.
fn choose_account(host: &Host, api: ApiKind, params: &Params) -> Option<Arc<Account>> {
    if let Some(name) = params.get("client") {
        return host.account(name);
    }
    let accounts = host.accounts();
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
