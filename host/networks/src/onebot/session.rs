//! One connection, from the first frame to the last: logging in, reading, writing, noticing that the peer is gone.

use std::collections::{HashSet, VecDeque};
use std::future::pending;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use futures_util::stream::{SplitSink, SplitStream};
use futures_util::{SinkExt, StreamExt};
use mynah_model::Attrs;
use mynah_model::address::ChatRef;
use mynah_model::clock::UnixMs;
use mynah_model::event::{AccountState, EventBody};
use serde_json::value::RawValue;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::{mpsc, watch};
use tokio::time::Instant;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::{Error, Message};

use super::actions::Call;
use super::answers::Answer;
use super::back_off::Lost;
use super::frame::{self, Frame, Turn};
use super::http::Caller;
use super::oddity::Oddity;
use super::posts::{Post, Reader};
use super::values::object;
use super::{Link, OneBot, limits, people};
use crate::network::{Closed, Happening, NetworkError, Sink};

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

/// Something to be written.
pub(super) enum Outgoing {
    /// A call.
    Call(Request),
    /// A question whether the peer is there.
    Ping,
}

/// A call as it is written.
#[derive(Debug, serde::Serialize)]
pub(super) struct Request {
    pub(super) action: &'static str,
    pub(super) params: serde_json::Value,
    /// What its answer names.
    pub(super) echo: String,
}

/// How the account is, as the peer says.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Presence {
    Online,
    /// Why it is not.
    Offline(String),
}

/// One connection.
pub(super) struct Session {
    onebot: Arc<OneBot>,
    sink: Arc<dyn Sink>,
    /// The account's number, once its roster is there.
    user: watch::Sender<Option<i64>>,
    presence: watch::Sender<Presence>,
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
        let (write, read) = socket.split();
        let (outgoing, to_write) = mpsc::channel(limits::OUTGOING);
        let _unlink = self.link(outgoing.clone());
        tokio::select! {
            lost = self.read(read, &outgoing) => End::Lost(lost),
            lost = async {
                let lost = write_all(write, to_write).await;
                // What the peer said before is still read; the reader will find the end, too.
                tokio::time::sleep(limits::LAST_WORDS).await;
                lost
            } => End::Lost(lost),
            end = self.live() => end,
            _ = self.fetch_members() => End::Closed,
        }
    }

    /// The same over HTTP: calls go out one by one, events are posted.
    pub(super) async fn run_http(&self, caller: &Caller, posts: &mut mpsc::Receiver<String>) -> End {
        let (outgoing, to_write) = mpsc::channel(limits::OUTGOING);
        let _unlink = self.link(outgoing);
        tokio::select! {
            lost = self.read_posts(posts) => End::Lost(lost),
            lost = caller.serve(to_write, &self.onebot.answers) => End::Lost(lost),
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

    async fn read_posts(&self, posts: &mut mpsc::Receiver<String>) -> Lost {
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
            let Some(text) = post else { return Lost::Cut("the session ended".to_owned()) };
            if let Err(lost) = self.take_frame(&text, logged_in, &mut backlog).await {
                return lost;
            }
        }
    }

    /// Who is logged in; once somebody is, what was kept until then is taken.
    async fn take_backlog(
        &self,
        user: &mut watch::Receiver<Option<i64>>,
        backlog: &mut Backlog,
    ) -> Option<i64> {
        let logged_in = *user.borrow_and_update();
        if let Some(user) = logged_in {
            for text in backlog.take() {
                self.take_post(user, &text).await;
            }
        }
        logged_in
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

    async fn log_in(&self) -> Result<(), End> {
        let onebot = &self.onebot;
        onebot.enter(&self.sink, AccountState::Updating).await?;
        let login = self
            .ask("get_login_info", limits::CALL)
            .await
            .map_err(|error| End::Lost(Lost::Cut(format!("it does not say who is logged in: {error}"))))?;
        let Some((id, user)) = people::login(login.as_deref()) else {
            return Err(End::Lost(Lost::Cut("it says that nobody is logged in".to_owned())));
        };
        let friends = self.list("get_friend_list").await?;
        let groups = self.list("get_group_list").await?;
        let friends = people::friends(friends.as_deref(), &onebot.oddities);
        let groups = people::groups(groups.as_deref(), &onebot.oddities);
        tracing::info!(account = %onebot.account, friends = friends.len(), groups = groups.len(), "logged in over OneBot");
        onebot.members.begin(groups.iter().filter_map(|group| group.id.parse().ok()));
        let before = self.sink.known();
        let same = onebot.logged_in.swap(true, Ordering::SeqCst) && before.user.id == user.id;
        self.sink.roster(people::roster(user, friends, groups, &before));
        if !same {
            self.report(EventBody::Login { scanned: false }).await?;
        }
        if let Some(gap) = onebot.take_gap() {
            self.report(gap).await?;
        }
        onebot.set_ready(*self.presence.borrow() == Presence::Online);
        self.user.send_replace(Some(id));
        Ok(())
    }

    async fn ask(
        &self,
        action: &'static str,
        within: Duration,
    ) -> Result<Option<Box<RawValue>>, NetworkError> {
        self.onebot.call(&Call::new(action, serde_json::json!({})), within).await
    }

    /// A list; nothing, with a word about it, if the peer has none. One that does not answer is as good as gone.
    async fn list(&self, action: &'static str) -> Result<Option<Box<RawValue>>, End> {
        match self.ask(action, limits::LIST).await {
            Ok(data) => Ok(data),
            Err(NetworkError::Refused(why)) => {
                tracing::warn!(account = %self.onebot.account, action, why, "a list is not to be had");
                Ok(None)
            }
            Err(error) => Err(End::Lost(Lost::Cut(format!("`{action}`: {error}")))),
        }
    }

    async fn report(&self, body: EventBody) -> Result<(), Closed> {
        let time = self.onebot.clock.now();
        let happening = Happening { time, chat: None, body, consequence: None, attrs: Attrs::new() };
        self.sink.report(happening).await.map(|_| ())
    }

    /// Reads until the connection is lost.
    async fn read<S>(
        &self,
        mut socket: SplitStream<WebSocketStream<S>>,
        outgoing: &mpsc::Sender<Outgoing>,
    ) -> Lost
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let mut user = self.user.subscribe();
        let mut backlog = Backlog::default();
        let mut watchdog = Watchdog::new();
        loop {
            let logged_in = self.take_backlog(&mut user, &mut backlog).await;
            let message = tokio::select! {
                biased;
                changed = user.changed(), if logged_in.is_none() => match changed {
                    Ok(()) => continue,
                    Err(_) => return Lost::Cut("the session ended".to_owned()),
                },
                () = tokio::time::sleep_until(watchdog.due()) => {
                    if watchdog.is_over() {
                        return Lost::Cut(format!("nothing was heard for {} s", watchdog.silence.as_secs()));
                    }
                    watchdog.pinged = true;
                    // With a full queue the peer takes nothing, and the silence will tell.
                    let _ = outgoing.try_send(Outgoing::Ping);
                    continue;
                }
                message = socket.next() => message,
            };
            watchdog.heard();
            let text = match message {
                Some(Ok(Message::Text(text))) => text,
                Some(Ok(Message::Close(close))) => {
                    let why = close.map(|close| (close.code, close.reason));
                    return match why {
                        Some((CloseCode::Policy, why)) => {
                            Lost::Refused(format!("it closed the connection: {why}"))
                        }
                        Some((code, why)) => Lost::Cut(format!("it closed the connection: {code} {why}")),
                        None => Lost::Cut("it closed the connection".to_owned()),
                    };
                }
                Some(Ok(Message::Binary(bytes))) => {
                    self.onebot.oddities.note(Oddity::Binary, format!("{} bytes", bytes.len()));
                    continue;
                }
                Some(Ok(Message::Ping(_) | Message::Pong(_) | Message::Frame(_))) => continue,
                Some(Err(error)) => {
                    if matches!(error, Error::Capacity(_)) {
                        self.onebot.oddities.note(Oddity::TooLarge, &error);
                    }
                    return Lost::Cut(error.to_string());
                }
                None => return Lost::Cut("the connection ended".to_owned()),
            };
            match self.take_frame(&text, logged_in, &mut backlog).await {
                Ok(Some(interval)) => watchdog.expect_every(interval),
                Ok(None) => {}
                Err(lost) => return lost,
            }
        }
    }

    /// Takes one frame; the heartbeat's interval if it is one.
    async fn take_frame(
        &self,
        text: &str,
        logged_in: Option<i64>,
        backlog: &mut Backlog,
    ) -> Result<Option<Duration>, Lost> {
        let oddities = &self.onebot.oddities;
        let frame = match frame::read(text) {
            Ok(frame) => frame,
            Err(error) => {
                oddities.note(Oddity::Malformed, error);
                return Ok(None);
            }
        };
        match frame.turn() {
            Turn::Neither => {
                oddities.note(Oddity::Neither, format!("{} bytes", text.len()));
                return Ok(None);
            }
            Turn::Answer => return self.take_answer(&frame, text.len()).map(|()| None),
            Turn::Event => {}
        }
        let Some(user) = logged_in else {
            if frame.post_type.get() != Some("meta_event") {
                if !backlog.keep(text) {
                    oddities.note(Oddity::Flood, backlog.bytes);
                }
                return Ok(None);
            }
            return Ok(self.take(frame.self_id.0.unwrap_or_default(), &frame, text).await);
        };
        Ok(self.take(user, &frame, text).await)
    }

    /// Takes an answer to whoever waits for it.
    fn take_answer(&self, frame: &Frame<'_>, bytes: usize) -> Result<(), Lost> {
        let echo = frame.echo.or_empty();
        // This is how NapCat and LLBot refuse a token: the upgrade is accepted, and then this comes.
        if echo.is_empty() && matches!(frame.retcode.0, Some(1401 | 1403)) {
            let said = frame.sentence().unwrap_or_else(|| "it takes the token for wrong".to_owned());
            return Err(Lost::Refused(said));
        }
        if !self.onebot.answers.resolve(echo, Answer::read(frame)) {
            self.onebot.oddities.note(Oddity::LateAnswer, format!("{bytes} bytes"));
        }
        Ok(())
    }

    /// Takes an event that was kept.
    async fn take_post(&self, user: i64, text: &str) {
        if let Ok(frame) = frame::read(text) {
            self.take(user, &frame, text).await;
        }
    }

    async fn take(&self, user: i64, frame: &Frame<'_>, text: &str) -> Option<Duration> {
        let onebot = &self.onebot;
        let roster = self.sink.known();
        let reader =
            Reader { self_id: user, now: onebot.clock.now(), roster: &roster, oddities: &onebot.oddities };
        match reader.read(frame, text) {
            Post::Happened(happening) => {
                if onebot.is_duplicate(&happening) {
                    onebot.oddities.note(Oddity::Duplicate, "by its message_id");
                    return None;
                }
                if let Some(group) = frame.group_id.id() {
                    match happening.body {
                        EventBody::GroupLost(_) | EventBody::GroupInvite(_) => {}
                        EventBody::GroupJoined(_) => onebot.members.outdated(group),
                        _ => onebot.members.hurry(group),
                    }
                }
                if let Some(happening) = onebot.own_acts.claim(happening, &user.to_string()) {
                    let room = onebot.lanes.room().await;
                    onebot.queue(&self.sink, happening, room);
                }
                None
            }
            Post::Alive { online, interval } => {
                self.take_online(online);
                interval
            }
            Post::Online => {
                self.set_presence(Presence::Online);
                None
            }
            Post::Offline(why) => {
                self.set_presence(Presence::Offline(why));
                None
            }
            Post::Nothing => None,
        }
    }

    fn take_online(&self, online: Option<bool>) {
        match online {
            Some(true) => self.set_presence(Presence::Online),
            Some(false) => self.set_presence(Presence::Offline("the implementation says so".to_owned())),
            None => {}
        }
    }

    fn set_presence(&self, presence: Presence) {
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

async fn write_all<S>(
    mut socket: SplitSink<WebSocketStream<S>, Message>,
    mut outgoing: mpsc::Receiver<Outgoing>,
) -> Lost
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    while let Some(outgoing) = outgoing.recv().await {
        let message = match outgoing {
            Outgoing::Call(request) => match serde_json::to_string(&request) {
                Ok(text) => Message::text(text),
                Err(error) => return Lost::Cut(error.to_string()),
            },
            Outgoing::Ping => Message::Ping(Default::default()),
        };
        match tokio::time::timeout(limits::CALL, socket.send(message)).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => return Lost::Cut(error.to_string()),
            Err(_) => return Lost::Cut("it takes nothing any more".to_owned()),
        }
    }
    Lost::Cut("the session ended".to_owned())
}

/// Events that came before the roster.
#[derive(Default)]
struct Backlog {
    texts: VecDeque<String>,
    bytes: usize,
}

impl Backlog {
    fn keep(&mut self, text: &str) -> bool {
        if self.bytes.saturating_add(text.len()) > limits::BACKLOG_BYTES || self.texts.len() >= limits::EVENTS
        {
            return false;
        }
        self.bytes += text.len();
        self.texts.push_back(text.to_owned());
        true
    }

    fn take(&mut self) -> VecDeque<String> {
        self.bytes = 0;
        std::mem::take(&mut self.texts)
    }
}

/// Notices that nothing is heard any more.
struct Watchdog {
    last: Instant,
    silence: Duration,
    pinged: bool,
}

impl Watchdog {
    fn new() -> Self {
        Self { last: Instant::now(), silence: limits::SILENCE, pinged: false }
    }

    fn heard(&mut self) {
        self.last = Instant::now();
        self.pinged = false;
    }

    /// Heartbeats come so often: two and a half of them without a word are the end.
    fn expect_every(&mut self, interval: Duration) {
        let interval = interval.clamp(*limits::HEARTBEAT.start(), *limits::HEARTBEAT.end());
        self.silence = interval.mul_f64(2.5);
    }

    fn due(&self) -> Instant {
        let ping = if self.pinged { self.silence } else { self.silence.min(limits::PING_AFTER) };
        self.last + ping
    }

    fn is_over(&self) -> bool {
        self.last.elapsed() >= self.silence
    }
}

/// A message, as it is told from others: implementations that start anew give their ids anew, so the time is part of it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct MessageKey {
    chat: ChatRef,
    id: String,
    time: UnixMs,
}

/// Messages that came before.
#[derive(Default)]
pub(super) struct Remembered {
    order: VecDeque<MessageKey>,
    known: HashSet<MessageKey>,
}

impl Remembered {
    /// Whether a message came before; from now on it did.
    pub(super) fn is_known(&mut self, chat: ChatRef, id: &str, time: UnixMs) -> bool {
        let key = MessageKey { chat, id: id.to_owned(), time };
        if !self.known.insert(key.clone()) {
            return true;
        }
        self.order.push_back(key);
        if self.order.len() > limits::MESSAGES_REMEMBERED
            && let Some(oldest) = self.order.pop_front()
        {
            self.known.remove(&oldest);
        }
        false
    }
}
