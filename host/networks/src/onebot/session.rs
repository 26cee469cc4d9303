//! One connection, from the first frame to the last: logging in, reading, writing, noticing that the peer is gone.

use std::future::pending;
use std::sync::Arc;

use mynah_model::event::AccountState;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::{mpsc, watch};
use tokio_tungstenite::WebSocketStream;

use super::arrivals::{Backlog, Came};
use super::back_off::Lost;
use super::http::{Caller, Posted};
use super::socket::{Carries, Outgoing, Wire};
use super::values::object;
use super::{Link, OneBot, limits};
use crate::network::{Closed, NetworkError, Sink};

/// Why a session ended.
pub(super) enum End {
    /// The connection was lost.
    Lost(Lost),
    /// The account takes nothing more.
    Closed,
}

impl From<Closed> for End {
    fn from(_: Closed) -> Self {
        Self::Closed
    }
}

/// How the account is, as the peer says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Presence {
    Online,
    /// Why it is not.
    Offline(String),
}

/// One connection.
pub(super) struct Session {
    pub(super) onebot: Arc<OneBot>,
    pub(super) sink: Arc<dyn Sink>,
    /// The account's number, once its roster is there.
    pub(super) user: watch::Sender<Option<i64>>,
    pub(super) presence: watch::Sender<Presence>,
}

/// Lets go of the link, however a session ends.
struct Unlink<'a>(&'a OneBot);

impl Drop for Unlink<'_> {
    fn drop(&mut self) {
        *self.0.link.lock() = None;
        self.0.answers.abandon();
    }
}

impl Session {
    pub(super) fn new(onebot: Arc<OneBot>, sink: Arc<dyn Sink>) -> Self {
        let (user, presence) = (watch::Sender::new(None), watch::Sender::new(Presence::Online));
        Self { onebot, sink, user, presence }
    }

    /// Logs in and goes on until the connection is lost.
    pub(super) async fn run<S>(&self, socket: WebSocketStream<S>) -> End
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let (outgoing, to_write) = mpsc::channel(limits::OUTGOING);
        let _unlink = self.link(outgoing.clone());
        let wire = Wire { socket, carries: Carries::All, outgoing, to_write };
        tokio::select! {
            lost = self.serve(wire) => End::Lost(lost),
            end = self.live() => end,
            _ = self.fetch_members() => End::Closed,
        }
    }

    /// The same with one socket for calls and another one for events: when either is lost, both are.
    pub(super) async fn run_two<S>(&self, calls: WebSocketStream<S>, events: WebSocketStream<S>) -> End
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let (outgoing, to_write) = mpsc::channel(limits::OUTGOING);
        let _unlink = self.link(outgoing.clone());
        let calls = Wire { socket: calls, carries: Carries::Calls, outgoing, to_write };
        // Nothing but pings goes out here.
        let (outgoing, to_write) = mpsc::channel(1);
        let events = Wire { socket: events, carries: Carries::Events, outgoing, to_write };
        tokio::select! {
            lost = self.serve(calls) => End::Lost(lost),
            lost = self.serve(events) => End::Lost(lost),
            end = self.live() => end,
            _ = self.fetch_members() => End::Closed,
        }
    }

    /// The same over HTTP: calls go out one by one, events are posted.
    pub(super) async fn run_http(&self, caller: &Caller, posts: &mut mpsc::Receiver<Posted>) -> End {
        let (outgoing, to_write) = mpsc::channel(limits::OUTGOING);
        let _unlink = self.link(outgoing);
        tokio::select! {
            lost = self.read_posts(posts) => End::Lost(lost),
            lost = caller.serve(to_write, &self.onebot.answers, &self.onebot.oddities) => End::Lost(lost),
            end = self.live() => end,
            lost = self.ask_status() => End::Lost(lost),
            _ = self.fetch_members() => End::Closed,
        }
    }

    fn link(&self, outgoing: mpsc::Sender<Outgoing>) -> Unlink<'_> {
        *self.onebot.link.lock() = Some(Link { outgoing, sink: self.sink.clone(), ready: false });
        Unlink(&self.onebot)
    }

    /// Asks again and again how the account is.
    async fn ask_status(&self) -> Lost {
        #[derive(Default, serde::Deserialize)]
        #[serde(default)]
        struct Status {
            online: Option<bool>,
        }
        loop {
            tokio::time::sleep(limits::STATUS_EVERY).await;
            match self.ask("get_status", limits::CALL).await {
                Ok(data) => self.take_online(object::<Status>(data.as_deref()).online),
                // Not every implementation has it.
                Err(NetworkError::Refused(_)) => {}
                Err(error) => return Lost::Cut(error.to_string()),
            }
        }
    }

    async fn read_posts(&self, posts: &mut mpsc::Receiver<Posted>) -> Lost {
        let mut user = self.user.subscribe();
        let mut backlog = Backlog::default();
        loop {
            let logged_in = self.take_backlog(&mut user, &mut backlog).await;
            let post = tokio::select! {
                biased;
                changed = user.changed(), if logged_in.is_none() => match changed {
                    Ok(()) => continue,
                    Err(_) => None,
                },
                post = posts.recv() => post,
            };
            let Some(Posted { text, receipt }) = post else {
                return Lost::Cut("the session ended".to_owned());
            };
            let from = Came::Posted(receipt);
            if let Err(lost) = self.take_frame(&text, from, logged_in, &mut backlog).await {
                return lost;
            }
        }
    }

    async fn fetch_members(&self) -> std::convert::Infallible {
        let mut user = self.user.subscribe();
        if user.wait_for(Option::is_some).await.is_err() {
            return pending().await;
        }
        self.onebot.fetch_members(&self.sink).await
    }

    /// From the login to the end: what the account's state is.
    async fn live(&self) -> End {
        match self.log_in().await {
            Ok(()) => {}
            Err(end) => return end,
        }
        let mut presence = self.presence.subscribe();
        loop {
            let now = presence.borrow_and_update().clone();
            let entered = match now {
                Presence::Online => self.onebot.enter(&self.sink, AccountState::Running).await,
                Presence::Offline(why) => {
                    tracing::warn!(account = %self.onebot.account, why, "the account is offline; its acts wait");
                    self.onebot.enter(&self.sink, AccountState::Updating).await
                }
            };
            if entered.is_err() {
                return End::Closed;
            }
            if presence.changed().await.is_err() {
                return End::Closed;
            }
        }
    }

    pub(super) fn take_online(&self, online: Option<bool>) {
        match online {
            Some(true) => self.set_presence(Presence::Online),
            Some(false) => self.set_presence(Presence::Offline("the implementation says so".to_owned())),
            None => {}
        }
    }

    pub(super) fn set_presence(&self, presence: Presence) {
        let is_online = presence == Presence::Online;
        self.presence.send_if_modified(|now| {
            let changed = (*now == Presence::Online) != is_online;
            if changed {
                *now = presence;
            }
            changed
        });
        // Before the login there is nothing that could be ready.
        if self.user.borrow().is_some() {
            self.onebot.set_ready(is_online);
        }
    }
}
