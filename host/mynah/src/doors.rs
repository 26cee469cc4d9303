//! Where networks come in through our own listeners: implementations of OneBot that dial us or post their events.
//!
//! These paths are no part of the API: who may come in is the account's token's to say.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::http::StatusCode;
use axum::http::header::{CONNECTION, SEC_WEBSOCKET_ACCEPT, UPGRADE};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use hyper_util::rt::TokioIo;
use mynah_networks::onebot::{Accepted, Door, OneBot, Refused};
use parking_lot::Mutex;

/// How long a reason for refusing somebody is not logged again. 60 s: an implementation that is set up wrongly knocks every few
/// seconds, and anybody can.
const QUIET: Duration = Duration::from_secs(60);

/// The paths by which networks come in.
#[derive(Default)]
pub(crate) struct Doors {
    router: Router,
}

/// When each reason for refusing somebody was logged last, at one path.
#[derive(Default)]
struct Refusals {
    logged: Mutex<HashMap<&'static str, Instant>>,
}

impl Refusals {
    fn answer(&self, path: &str, refused: Refused) -> Response {
        if self.is_news(refused.why, Instant::now()) {
            tracing::warn!(
                path,
                status = refused.status.as_u16(),
                why = refused.why,
                "a OneBot implementation was refused; the same is not logged again for a minute"
            );
        }
        (refused.status, refused.why).into_response()
    }

    fn is_news(&self, why: &'static str, now: Instant) -> bool {
        let mut logged = self.logged.lock();
        let news = logged.get(why).is_none_or(|last| now.saturating_duration_since(*last) >= QUIET);
        if news {
            logged.insert(why, now);
        }
        news
    }
}

impl Doors {
    /// Opens the door of an account at a path, if it has one.
    pub(crate) fn open(&mut self, path: &str, onebot: &OneBot) {
        let router = std::mem::take(&mut self.router);
        let (refusals, at) = (Arc::new(Refusals::default()), Arc::<str>::from(path));
        self.router = match (onebot.door().cloned(), onebot.post_box().cloned()) {
            (Some(door), _) => {
                let knock = async move |request: Request| match door.check(request.uri(), request.headers()) {
                    Ok(accepted) => upgrade(&door, accepted, request),
                    Err(refused) => refusals.answer(&at, refused),
                };
                router.route(path, get(knock))
            }
            (None, Some(post_box)) => {
                let take_in = async move |request: Request| {
                    let (head, body) = request.into_parts();
                    match post_box.take_in(&head.headers, body.into_data_stream()).await {
                        // An answer with a body would be a quick operation: what is done is done by calls.
                        Ok(()) => StatusCode::NO_CONTENT.into_response(),
                        Err(refused) => refusals.answer(&at, refused),
                    }
                };
                router.route(path, post(take_in))
            }
            (None, None) => router,
        };
    }

    pub(crate) fn into_router(self) -> Router {
        self.router
    }
}

fn upgrade(door: &Door, accepted: Accepted, mut request: Request) -> Response {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_reason_is_logged_once_a_minute() {
        let (refusals, start) = (Refusals::default(), Instant::now());
        let at = |seconds| start + Duration::from_secs(seconds);
        assert!(refusals.is_news("a wrong token", at(0)));
        assert!(!refusals.is_news("a wrong token", at(59)));
        assert!(refusals.is_news("no token", at(59)));
        assert!(refusals.is_news("a wrong token", at(60)));
        assert!(!refusals.is_news("a wrong token", at(61)));
    }
}
