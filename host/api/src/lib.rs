//! The HTTP API of mynah: Openqq, and the administration under `/api/v1`.
//!
//! The binary makes a [`router`] of a running [`Host`] and has [`serve`] serve it; tests call the router
//! without a socket. A handler understands a request, asks the host, and words the answer; it decides nothing
//! about chats and never calls a script.
//!
//! # Layout
//! - [`settings`]: what the operator can set, with every limit and time
//! - `server`, [`tls`]: serving a listener until told to stop, with every bound on its connections
//! - `state`: what every handler reaches
//! - `guard`, `authority`: Host and Origin, before anything else
//! - [`keys`], `signature`, `access`: who may call, and how they show it
//! - `body`, `params`, `jsonp`: reading a request strictly, wrapping an answer
//! - `feed`: events in order, from the journal and then as they happen
//! - `call`, `answer`: a call of a compatible API, from its request to its answer
//! - `targets`: whom a call means; `search`: look-ups by any attribute
//! - [`objects`]: users, friends, groups as JSON, by tables of fields and types
//! - `sending`, `outcome`: having the host do something, and what became of it in the APIs' words
//! - `idempotency`: sends that are repeated are sent once
//! - `media`: the picture or file that a call brings, and how reports show one
//! - `check_event`: events by long polling
//! - [`reporters`]: what tells others by itself: `webhook` (post_api), `lines` (post_stdout), `poll` (poll_api)
//! - [`remote`]: other people's servers, and the client that calls them
//! - `client`: get_client_info, stop_client, relogin: the account as a running program
//! - `controller`: start_client, check_client, get_qrcode: several accounts in one host
//! - `report`: events in the shape of the API that their account is served through
//! - [`openqq`]: the paths under `/openqq`
//! - [`openwx`]: the paths under `/openwx`
//! - [`admin`]: the paths under `/api/v1`, and `/healthz`, `/readyz`
//! - `problem`: how the administration says no

use std::sync::Arc;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::middleware;
use mynah_runtime::Host;

use crate::guard::Guard;
use crate::state::Api;

mod access;
pub mod admin;
mod answer;
mod authority;
mod body;
mod call;
mod check_event;
mod client;
mod controller;
mod feed;
mod guard;
mod idempotency;
mod jsonp;
pub mod keys;
mod lines;
mod media;
pub mod objects;
pub mod openqq;
pub mod openwx;
mod outcome;
mod params;
mod poll;
mod problem;
pub mod remote;
mod report;
pub mod reporters;
mod search;
mod sending;
mod server;
pub mod settings;
mod signature;
mod state;
mod targets;
pub mod tls;
mod webhook;

pub use keys::{Key, Keys, Scope, Scopes, Secret};
pub use poll::Listening;
pub use remote::Remote;
pub use reporters::Reporters;
pub use server::{Server, serve};
pub use settings::{ApiSettings, ReportSettings, TimeUnit, WebhookSecret, WebhookTimes};
pub use tls::Tls;

/// All paths of the API. Must be called within a tokio runtime: from here on events are kept for check_event.
pub fn router(host: Host, settings: ApiSettings) -> Router {
    let guard = Arc::new(Guard::new(&settings));
    let api = Api::start(host, settings);
    Router::new()
        .merge(call::router::<openqq::Endpoint>())
        .merge(call::router::<openwx::Endpoint>())
        .merge(admin::router())
        .fallback(admin::not_found)
        .method_not_allowed_fallback(admin::method_not_allowed)
        .with_state(Arc::clone(&api))
        .layer(middleware::from_fn_with_state(api, access::pass))
        // Bodies are bounded where they are read, by the settings.
        .layer(DefaultBodyLimit::disable())
        .layer(middleware::from_fn_with_state(guard, guard::pass))
}
