//! One connection, from the first frame to the last: logging in, reading, writing, noticing that the peer is gone.

use std::future::pending;
use std::sync::Arc;

use mynah_model::event::AccountState;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::{mpsc, watch};
use tokio_tungstenite::WebSocketStream;

use super::arrivals::Came;
use super::back_off::Lost;
use super::http::Caller;
use super::post_box::Posted;
use super::presence::{Presence, Said};
use super::remembered::WayIn;
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

/// One connection.
pub(super) struct Session {
    pub(super) onebot: Arc<OneBot>,
    pub(super) sink: Arc<dyn Sink>,
    /// The account's number, once its roster is there.
    pub(super) user: watch::Sender<Option<i64>>,
    pub(super) presence: watch::Sender<Presence>,
    /// What comes on it comes by this way.
    pub(super) way: WayIn,
    /// Tells whoever wants to know that something was heard.
    heard: watch::Sender<()>,
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
        let (way, heard) = (onebot.new_way(), watch::Sender::new(()));
        Self { onebot, sink, user, presence, way, heard }
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
                Ok(data) => {
                    if let Some(online) = object::<Status>(data.as_deref()).online {
                        self.hear(Said::Status(online));
                    }
                }
                // Not every implementation has it.
                Err(NetworkError::Refused(_)) => {}
                Err(error) => return Lost::Cut(error.to_string()),
            }
        }
    }

    async fn read_posts(&self, posts: &mut mpsc::Receiver<Posted>) -> Lost {
        loop {
            self.take_backlog();
            let post = tokio::select! {
                biased;
                () = self.until_takeable(), if !self.onebot.backlog.is_empty() => continue,
                post = posts.recv(), if self.may_read() => post,
            };
            let Some(post) = post else { return Lost::Cut("the session ended".to_owned()) };
            // What two webhooks bring comes in two posts.
            let came =
                Came { carries: Carries::All, way: self.onebot.new_way(), receipt: Some(post.receipt) };
            if let Err(lost) = self.take_frame(&post.text, came) {
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
                Presence::Offline { why, .. } => {
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

    /// Something was said about the account.
    pub(super) fn hear(&self, said: Said) {
        // Most of what is said changes nothing.
        let Some(next) = self.presence.borrow().after(said) else { return };
        let is_online = next.is_online();
        self.presence.send_if_modified(|now| {
            let changed = now.is_online() != is_online;
            *now = next;
            changed
        });
        // Before the login there is nothing that could be ready.
        if self.user.borrow().is_some() {
            self.onebot.set_ready(is_online);
        }
    }

    /// Something was heard.
    pub(super) fn note_heard(&self) {
        if self.heard.receiver_count() > 0 {
            self.heard.send_replace(());
        }
    }

    /// Whether the peer says anything when it is asked.
    pub(super) async fn answers(&self) -> bool {
        // It is not the peer who does not listen.
        if !self.may_read() {
            return true;
        }
        let mut heard = self.heard.subscribe();
        self.onebot.ask_whether_there();
        tokio::time::timeout(limits::PING_WAIT, heard.changed()).await.is_ok_and(|changed| changed.is_ok())
    }
}
