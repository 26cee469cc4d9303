//! Where networks come in through our own listeners: implementations of OneBot that dial us or post their events.
//!
//! These paths are no part of the API: who may come in is the account's token's to say.

use axum::Router;
use axum::body::Body;
use axum::extract::rejection::BytesRejection;
use axum::extract::{DefaultBodyLimit, Request};
use axum::http::header::{CONNECTION, SEC_WEBSOCKET_ACCEPT, UPGRADE};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use bytes::Bytes;
use hyper_util::rt::TokioIo;
use mynah_networks::onebot::limits::POST_BYTES;
use mynah_networks::onebot::{Door, OneBot, PostBox, Refused};

/// The paths by which networks come in.
#[derive(Default)]
pub(crate) struct Doors {
    router: Router,
}

impl Doors {
    /// Opens the door of an account at a path, if it has one.
    pub(crate) fn open(&mut self, path: &str, onebot: &OneBot) {
        let router = std::mem::take(&mut self.router);
        self.router = match (onebot.door().cloned(), onebot.post_box().cloned()) {
            (Some(door), _) => router.route(path, get(async move |request: Request| upgrade(&door, request))),
            (None, Some(post_box)) => {
                let take_in = async move |headers: HeaderMap, body: Result<Bytes, BytesRejection>| match body
                {
                    Ok(body) => take_in(&post_box, &headers, &body).await,
                    Err(rejection) => {
                        if rejection.status() == StatusCode::PAYLOAD_TOO_LARGE {
                            post_box.note_too_large();
                        }
                        rejection.into_response()
                    }
                };
                let bounded = post(take_in).layer(DefaultBodyLimit::max(POST_BYTES));
                router.route(path, bounded)
            }
            (None, None) => router,
        };
    }

    pub(crate) fn into_router(self) -> Router {
        self.router
    }
}

fn refuse(refused: Refused) -> Response {
    tracing::warn!(
        status = refused.status.as_u16(),
        why = refused.why,
        "a OneBot implementation was refused"
    );
    (refused.status, refused.why).into_response()
}

fn upgrade(door: &Door, mut request: Request) -> Response {
    let accepted = match door.check(request.uri(), request.headers()) {
        Ok(accepted) => accepted,
        Err(refused) => return refuse(refused),
    };
    let (door, upgrading) = (door.clone(), hyper::upgrade::on(&mut request));
    tokio::spawn(async move {
        match upgrading.await {
            Ok(upgraded) => door.take_in(Box::new(TokioIo::new(upgraded))).await,
            Err(error) => tracing::debug!(%error, "a OneBot implementation went before it was in"),
        }
    });
    let headers = [
        (UPGRADE, "websocket".to_owned()),
        (CONNECTION, "Upgrade".to_owned()),
        (SEC_WEBSOCKET_ACCEPT, accepted.accept),
    ];
    (StatusCode::SWITCHING_PROTOCOLS, headers, Body::empty()).into_response()
}

async fn take_in(post_box: &PostBox, headers: &HeaderMap, body: &[u8]) -> Response {
    match post_box.take_in(headers, body).await {
        // An answer with a body would be a quick operation: what is done is done by calls.
        Ok(()) => StatusCode::NO_CONTENT.into_response(),
        Err(refused) => refuse(refused),
    }
}
