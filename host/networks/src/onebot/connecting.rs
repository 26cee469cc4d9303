//! Staying connected: whoever dials, a connection that is lost is made anew, and the time without one is told of.

use std::convert::Infallible;
use std::fmt;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use mynah_model::event::{AccountState, EventBody};
use serde_json::json;
use tokio::sync::mpsc;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, Role};

use super::back_off::{BackOff, Lost};
use super::dial::{self, SocketUrl};
use super::door::{Arrival, Upgraded};
use super::http::{Caller, HttpUrl};
use super::oddity::Oddity;
use super::post_box::Posted;
use super::session::{End, Session};
use super::{Ends, OneBot, limits};
use crate::network::{Closed, Sink};

impl OneBot {
    /// Stays connected, whoever dials.
    pub(super) async fn stay_connected(self: &Arc<Self>, sink: &Arc<dyn Sink>) -> Result<Infallible, Closed> {
        match &self.ends {
            Ends::Forward(url) => self.keep_dialling(url, None, url, sink).await,
            Ends::ForwardPair { calls, events, url } => {
                self.keep_dialling(calls, Some(events), url, sink).await
            }
            Ends::Reverse { arrivals, .. } => self.keep_receiving(&mut *arrivals.lock().await, sink).await,
            Ends::Http { url, posts, .. } => self.keep_calling(url, &mut *posts.lock().await, sink).await,
        }
    }

    /// Dials again and again: one address for everything, or another one for events. `url` is what the operator wrote.
    async fn keep_dialling(
        self: &Arc<Self>,
        calls: &SocketUrl,
        events: Option<&SocketUrl>,
        url: &SocketUrl,
        sink: &Arc<dyn Sink>,
    ) -> Result<Infallible, Closed> {
        let mut back_off = BackOff::default();
        loop {
            let lost = match self.dial_once(calls, events, sink).await {
                Ok(End::Lost(lost)) | Err(lost) => lost,
                Ok(End::Closed) => return Err(Closed),
            };
            self.wait_after(lost, &mut back_off, url, sink).await?;
        }
    }

    async fn dial_once(
        self: &Arc<Self>,
        calls: &SocketUrl,
        events: Option<&SocketUrl>,
        sink: &Arc<dyn Sink>,
    ) -> Result<End, Lost> {
        let session = Session::new(self.clone(), sink.clone());
        let socket = dial::dial(calls, &self.token, &self.trust).await?;
        match events {
            None => Ok(session.run(socket).await),
            Some(events) => {
                let events = dial::dial(events, &self.token, &self.trust).await?;
                Ok(session.run_two(socket, events).await)
            }
        }
    }

    /// Calls and listens, and begins anew whenever that fails.
    async fn keep_calling(
        self: &Arc<Self>,
        url: &HttpUrl,
        posts: &mut mpsc::Receiver<Posted>,
        sink: &Arc<dyn Sink>,
    ) -> Result<Infallible, Closed> {
        // What was posted while the account was stopped is not for this run.
        while posts.try_recv().is_ok() {}
        let mut back_off = BackOff::default();
        loop {
            let lost = match Caller::new(url.clone(), self.token.clone(), &self.trust) {
                Ok(caller) => match Session::new(self.clone(), sink.clone()).run_http(&caller, posts).await {
                    End::Lost(lost) => lost,
                    End::Closed => return Err(Closed),
                },
                Err(lost) => lost,
            };
            self.wait_after(lost, &mut back_off, url, sink).await?;
        }
    }

    /// Says that a connection was lost, and waits until it is time for the next.
    async fn wait_after(
        &self,
        lost: Lost,
        back_off: &mut BackOff,
        url: &(dyn fmt::Display + Sync),
        sink: &Arc<dyn Sink>,
    ) -> Result<(), Closed> {
        let ran = *self.state.lock() == AccountState::Running;
        let wait = back_off.after(&lost, ran, fastrand::f64());
        let (why, seconds) = (lost.text(), wait.as_secs_f32());
        match &lost {
            Lost::Refused(_) => tracing::error!(
                account = %self.account, %url, why, seconds,
                "OneBot refuses the access token: `access_token` must be the one that the implementation has; trying again later"
            ),
            Lost::Another(_) => {
                tracing::error!(account = %self.account, %url, why, seconds, "another account is logged in; trying again later");
            }
            Lost::Cut(_) => {
                tracing::warn!(account = %self.account, %url, why, seconds, "no connection to OneBot; trying again");
            }
        }
        self.note_lost(sink, lost).await?;
        tokio::time::sleep(wait).await;
        Ok(())
    }

    /// Takes whoever comes in.
    async fn keep_receiving(
        self: &Arc<Self>,
        arrivals: &mut mpsc::Receiver<Arrival>,
        sink: &Arc<dyn Sink>,
    ) -> Result<Infallible, Closed> {
        let mut next = None;
        loop {
            let arrived = match next.take() {
                Some(arrived) => arrived,
                None => arrivals.recv().await.ok_or(Closed)?,
            };
            if arrived.is_stale() {
                continue;
            }
            tracing::info!(account = %self.account, "a OneBot implementation came in");
            let config = Some(dial::socket_config());
            let socket = WebSocketStream::from_raw_socket(arrived.upgraded, Role::Server, config).await;
            let session = Session::new(self.clone(), sink.clone());
            let (lost, newer) = self.stay_with(&session, socket, arrivals).await?;
            next = newer;
            tracing::warn!(account = %self.account, why = lost.text(), "the OneBot implementation is gone; waiting for it");
            self.note_lost(sink, lost).await?;
        }
    }

    /// Goes on with one who came in until they are gone; and whoever took their place. One who answers keeps it: two who dial in
    /// would else take it from each other without end. One who is dead without anybody's knowing does not answer.
    async fn stay_with(
        &self,
        session: &Session,
        socket: WebSocketStream<Upgraded>,
        arrivals: &mut mpsc::Receiver<Arrival>,
    ) -> Result<(Lost, Option<Arrival>), Closed> {
        let ended = |end, newer| match end {
            End::Lost(lost) => Ok((lost, newer)),
            End::Closed => Err(Closed),
        };
        let mut run = pin!(session.run(socket));
        loop {
            let newer = tokio::select! {
                end = &mut run => return ended(end, None),
                newer = arrivals.recv() => newer.ok_or(Closed)?,
            };
            let answers = tokio::select! {
                end = &mut run => return ended(end, Some(newer)),
                answers = session.answers() => answers,
            };
            if !answers {
                let why = "it does not answer, and another connection took its place";
                return Ok((Lost::Cut(why.to_owned()), Some(newer)));
            }
            self.oddities.note(Oddity::SecondConnection, "it is sent away");
            send_away(newer);
        }
    }

    /// The connection is lost: what that means for the account.
    async fn note_lost(&self, sink: &Arc<dyn Sink>, lost: Lost) -> Result<(), Closed> {
        // Before the first login there was nothing that could be missed.
        if self.logged_in.load(Ordering::SeqCst) {
            self.gaps.lock().begin(self.clock.now(), lost.text());
        }
        *self.trouble.lock() = Some(lost);
        let ran = *self.state.lock() == AccountState::Running;
        if ran { self.enter(sink, AccountState::Updating).await } else { Ok(()) }
    }

    pub(super) async fn enter(&self, sink: &Arc<dyn Sink>, state: AccountState) -> Result<(), Closed> {
        if state == AccountState::Running {
            *self.trouble.lock() = None;
        }
        let turn = self.entering.clone().lock_owned().await;
        if std::mem::replace(&mut *self.state.lock(), state) == state {
            return Ok(());
        }
        // In a task of its own: whoever asks may end with the connection, and the account would never hear of it.
        let sink = sink.clone();
        let entered = tokio::spawn(async move {
            let entered = sink.enter(state).await;
            drop(turn);
            entered
        });
        match entered.await {
            Ok(entered) => entered.map(|_| ()),
            Err(_) => Err(Closed),
        }
    }

    /// What is to be told of the time without a connection: what the network sent then is lost.
    pub(super) fn end_gap(&self) -> Option<EventBody> {
        let until = self.clock.now();
        let gap = self.gaps.lock().end(until)?;
        let seconds = until.saturating_sub(gap.since) / 1_000;
        tracing::info!(account = %self.account, seconds, "connected again; what was said meanwhile is not known");
        let json = json!({ "since": gap.since, "until": until, "why": gap.why }).to_string();
        Some(EventBody::Other { kind: "gap".to_owned(), json })
    }
}

/// Ends a connection that is one too many, with a word about it.
fn send_away(newer: Arrival) {
    tokio::spawn(async move {
        let mut socket =
            WebSocketStream::from_raw_socket(newer.upgraded, Role::Server, Some(dial::socket_config())).await;
        let reason = "another connection of this account is there and answers".into();
        let close = CloseFrame { code: CloseCode::Policy, reason };
        // Whoever does not listen is cut off without it.
        let _ = tokio::time::timeout(limits::LAST_WORDS, socket.close(Some(close))).await;
    });
}
