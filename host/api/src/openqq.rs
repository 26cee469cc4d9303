//! `/openqq/*`: the Openqq API, v2.
//!
//! A call is understood in one order: path and method, parameters, how to answer, account, the account's state;
//! then the endpoint decides. Names of v1 are understood in requests.
//!
//! # Layout
//! - [`objects`]: users, friends, groups as JSON
//! - `targets`: whom a call means
//! - `lookups`: what the account knows: get_user_info, search_friend and the like
//! - `send`: send_friend_message and the like
//! - `moderate`: shutup_group_member, kick_group_member
//! - `client`: get_client_info, stop_client
//! - `check_event`: events by long polling

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::header;
use axum::http::{HeaderValue, Method, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::any;
use mynah_model::event::AccountState;
use mynah_runtime::{Account, ApiKind, Host};
use serde_json::{Value, json};

use self::check_event::Batch;
use crate::jsonp::Wrapping;
use crate::params::{ParamError, Params};
use crate::server::Closing;
use crate::state::Api;

pub(crate) mod check_event;
pub(crate) mod client;
pub(crate) mod lookups;
pub(crate) mod moderate;
pub mod objects;
pub(crate) mod send;
pub(crate) mod targets;

/// What can be called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Endpoint {
    GetUserInfo,
    GetFriendInfo,
    GetGroupInfo,
    GetGroupBasicInfo,
    GetDiscussInfo,
    SearchFriend,
    SearchGroup,
    SendFriendMessage,
    SendGroupMessage,
    SendDiscussMessage,
    SendSessMessage,
    ShutupGroupMember,
    KickGroupMember,
    CheckEvent,
    GetClientInfo,
    StopClient,
    Relogin,
}

/// Every endpoint by its name, those of v1 at the end.
const ENDPOINTS: [(&str, Endpoint); 19] = [
    ("get_user_info", Endpoint::GetUserInfo),
    ("get_friend_info", Endpoint::GetFriendInfo),
    ("get_group_info", Endpoint::GetGroupInfo),
    ("get_group_basic_info", Endpoint::GetGroupBasicInfo),
    ("get_discuss_info", Endpoint::GetDiscussInfo),
    ("search_friend", Endpoint::SearchFriend),
    ("search_group", Endpoint::SearchGroup),
    ("send_friend_message", Endpoint::SendFriendMessage),
    ("send_group_message", Endpoint::SendGroupMessage),
    ("send_discuss_message", Endpoint::SendDiscussMessage),
    ("send_sess_message", Endpoint::SendSessMessage),
    ("shutup_group_member", Endpoint::ShutupGroupMember),
    ("kick_group_member", Endpoint::KickGroupMember),
    ("check_event", Endpoint::CheckEvent),
    ("get_client_info", Endpoint::GetClientInfo),
    ("stop_client", Endpoint::StopClient),
    ("relogin", Endpoint::Relogin),
    ("send_message", Endpoint::SendFriendMessage),
    ("shuthup_group_member", Endpoint::ShutupGroupMember),
];

impl Endpoint {
    /// The endpoint of a path, `/openqq/get_user_info`.
    fn at(path: &str) -> Option<Self> {
        let name = path.strip_prefix("/openqq/")?;
        ENDPOINTS.iter().find(|(known, _)| *known == name).map(|(_, endpoint)| *endpoint)
    }

    /// Whether it needs an account that is logged in and working.
    fn needs_running(self) -> bool {
        !matches!(self, Self::CheckEvent | Self::GetClientInfo | Self::StopClient)
    }
}

/// What a call is answered with, before it is written down.
#[derive(Debug)]
pub(crate) enum Answer {
    /// A JSON value.
    Json(Value),
    /// The host takes no more for now; the text says of what. HTTP 503.
    Busy(String),
    /// The body could not be read. This HTTP status and why.
    Unread(StatusCode, String),
    /// Events that return to their queue unless they are read to the end.
    Events(Batch),
}

impl Answer {
    /// `{"code": …, "status": …}`
    pub(crate) fn error(code: i32, status: impl Into<String>) -> Self {
        Self::Json(json!({ "code": code, "status": status.into() }))
    }

    /// The same of a call that would have made a message.
    pub(crate) fn not_sent(code: i32, status: impl Into<String>) -> Self {
        Self::Json(json!({ "id": null, "code": code, "status": status.into() }))
    }

    /// The network of the account has no such thing.
    pub(crate) fn unsupported(account: &Account, what: &str) -> Self {
        Self::error(-8, format!("not supported by network {}: {what}", account.network()))
    }

    fn into_response(self, wrapping: &Wrapping) -> Response {
        let (status, body) = match self {
            Self::Json(value) => (StatusCode::OK, Body::from(wrapping.wrap(value.to_string()))),
            Self::Busy(what) => {
                let value = json!({ "code": 503, "status": "busy", "info": what });
                (StatusCode::SERVICE_UNAVAILABLE, Body::from(wrapping.wrap(value.to_string())))
            }
            Self::Unread(status, why) => {
                let value = json!({ "code": status.as_u16(), "status": why });
                (status, Body::from(wrapping.wrap(value.to_string())))
            }
            Self::Events(batch) => {
                let text = wrapping.wrap(batch.json());
                let length = HeaderValue::from(text.len());
                let headers =
                    [(header::CONTENT_TYPE, wrapping.content_type()), (header::CONTENT_LENGTH, length)];
                return (headers, batch.into_body(text)).into_response();
            }
        };
        (status, [(header::CONTENT_TYPE, wrapping.content_type())], body).into_response()
    }
}

pub(crate) fn router() -> Router<Arc<Api>> {
    let openqq = ["/openqq", "/openqq/", "/openqq/{*endpoint}"];
    let openwx = ["/openwx", "/openwx/", "/openwx/{*endpoint}"];
    let router = openqq.into_iter().fold(Router::new(), |router, path| router.route(path, any(serve)));
    openwx.into_iter().fold(router, |router, path| router.route(path, any(not_found)))
}

/// The answer to a path or method that the API does not have.
async fn not_found() -> Response {
    let text = HeaderValue::from_static("text/plain;charset=UTF-8");
    (StatusCode::FORBIDDEN, [(header::CONTENT_TYPE, text)], "api not found").into_response()
}

/// Serves a call.
async fn serve(State(api): State<Arc<Api>>, request: Request) -> Response {
    let endpoint = Endpoint::at(request.uri().path());
    let is_call = matches!(*request.method(), Method::GET | Method::POST);
    let (true, Some(endpoint)) = (is_call, endpoint) else {
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
    let Some(account) = choose_account(&api.host, &params) else {
        return Answer::error(100, "client not found").into_response(&wrapping);
    };
    let state = account.state();
    if endpoint.needs_running() && state != AccountState::Running {
        return not_running(&account, state).into_response(&wrapping);
    }
    answer(&api, endpoint, &account, &params, closing).await.into_response(&wrapping)
}

async fn answer(
    api: &Arc<Api>,
    endpoint: Endpoint,
    account: &Arc<Account>,
    params: &Params,
    closing: Closing,
) -> Answer {
    let roster = account.roster();
    match endpoint {
        Endpoint::GetUserInfo => lookups::user(&roster),
        Endpoint::GetFriendInfo => lookups::friends(&roster),
        Endpoint::GetGroupInfo => lookups::groups(&roster),
        Endpoint::GetGroupBasicInfo => lookups::groups_basic(&roster),
        Endpoint::GetDiscussInfo => lookups::discusses(&roster),
        Endpoint::SearchFriend => lookups::search_friend(&roster, params),
        Endpoint::SearchGroup => lookups::search_group(&roster, params),
        Endpoint::SendFriendMessage => send::send(api, account, params, send::friend(&roster, params)).await,
        Endpoint::SendGroupMessage => send::send(api, account, params, send::group(&roster, params)).await,
        Endpoint::SendDiscussMessage => {
            send::send(api, account, params, send::discuss(&roster, params)).await
        }
        Endpoint::SendSessMessage => send::send(api, account, params, send::sess(&roster, params)).await,
        Endpoint::ShutupGroupMember => {
            let asked = moderate::shutup(&roster, params, api.settings.shutup_time_unit);
            moderate::moderate(api, account, asked).await
        }
        Endpoint::KickGroupMember => moderate::moderate(api, account, moderate::kick(&roster, params)).await,
        Endpoint::CheckEvent => {
            let mailbox = api.mailboxes.of(account.name());
            Answer::Events(mailbox.take(api.settings.check_event_wait, closing).await)
        }
        Endpoint::GetClientInfo => client::info(account),
        Endpoint::StopClient => client::stop(&api.host, account, api.settings.stop_delay),
        Endpoint::Relogin => Answer::unsupported(account, "relogin"),
    }
}

/// The account that `client` names; without it the first one of this API, or the only one.
fn choose_account(host: &Host, params: &Params) -> Option<Arc<Account>> {
    if let Some(name) = params.get("client") {
        return host.account(name);
    }
    let accounts = host.accounts();
    match accounts.as_slice() {
        [only] => Some(Arc::clone(only)),
        several => several.iter().find(|account| account.api() == ApiKind::Openqq).cloned(),
    }
}

/// The answer to a call that the account's state does not allow.
pub(crate) fn not_running(account: &Account, state: AccountState) -> Answer {
    Answer::Json(json!({
        "code": -7,
        "status": format!("client is {}, not running", state.as_str()),
        "account": account.name().as_str(),
        "state": state.as_str(),
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn endpoints_are_found_by_their_exact_names() {
        assert_eq!(Endpoint::at("/openqq/send_message"), Some(Endpoint::SendFriendMessage));
        assert_eq!(Endpoint::at("/openqq/shuthup_group_member"), Some(Endpoint::ShutupGroupMember));
        for path in
            ["", "/", "", "nope", "get_user_info/", "/get_user_info", "GET_USER_INFO", "get%5Fuser_info"]
        {
            assert_eq!(Endpoint::at(&format!("/openqq/{path}")), None, "{path}");
        }
    }
}
