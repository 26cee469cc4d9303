//! QQ through an implementation of OneBot v11: NapCat, LLBot and what came before them. The implementation holds the
//! account; we are its client. See `docs/onebot.md` for what is supported and which traps are handled.
//!
//! What the peer sends is hostile until it is read: bounded, lenient about types, counted where it makes no sense. What
//! happens in a chat is reported in order. An act is done once: no answer is [`NetworkError::Unknown`], never a reason to
//! do it again.
//!
//! # Layout
//! - `dial`, `door`, `token`, `back_off`: how a connection is made, by us or by the peer, and made again
//! - `http`: calls and posted events, where there is no connection
//! - `session`: one connection; `answers`: calls that wait; `lanes`: reports in order
//! - `frame`, `values`: what comes, leniently read; [`oddity`]: what cannot be used; [`decode`]: one frame on its own
//! - `posts`, `notices`, `segments`, `cq`, `request_id`: from the protocol's events to the host's
//! - `actions`, `speech`: from the host's acts to the protocol's calls
//! - `own_acts`: what of our acts comes back as notices
//! - `people`, `members`: the roster; `pace`: how fast the account acts
//! - [`limits`]: every bound

mod actions;
mod answers;
mod back_off;
mod cq;
mod decode;
mod dial;
mod door;
mod frame;
mod http;
mod lanes;
pub mod limits;
mod members;
mod notices;
pub mod oddity;
mod own_acts;
mod pace;
mod people;
mod posts;
mod request_id;
mod segments;
mod session;
mod speech;
mod token;
mod values;

use std::convert::Infallible;
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;

use mynah_model::action::{Act, ActionBody};
use mynah_model::address::ChatRef;
use mynah_model::clock::{Clock, UnixMs};
use mynah_model::event::{AccountState, EventBody};
use mynah_model::names::AccountName;
use parking_lot::Mutex;
use serde_json::json;
use serde_json::value::RawValue;
use tokio::sync::{Mutex as AsyncMutex, mpsc};
use tokio::time::{Instant, timeout_at};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::protocol::Role;

use crate::network::{
    Boxed, Closed, Happening, Network, NetworkError, Receipt, Redelivery, Sink, StopSignal,
};
use actions::Call;
use answers::{Answer, Answers};
use back_off::{BackOff, Lost};
use http::Caller;
use lanes::Lanes;
use members::Members;
use oddity::{Oddities, Oddity};
use own_acts::{Deed, OwnActs};
use pace::Bucket;
use session::{End, Outgoing, Remembered, Request, Session};

pub use decode::{Decoded, decode};
pub use dial::{SocketUrl, SocketUrlError};
pub use door::{Accepted, Door, Io, Refused, Upgraded};
pub use http::{HttpUrl, HttpUrlError, PostBox};
pub use pace::Pace;
pub use token::{Token, TokenError};

/// How error texts and the configuration call this network.
pub(crate) const KIND: &str = "onebot";

/// What an account on OneBot is made from.
#[derive(Debug, Clone)]
pub struct OneBotConfig {
    /// The account's name, for logs.
    pub account: AccountName,
    /// Who dials whom.
    pub way: Way,
    /// What whoever dials has to show.
    pub token: Token,
    /// How fast the account acts.
    pub pace: Pace,
}

/// Who dials whom.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Way {
    /// We dial the implementation: forward WebSocket.
    Forward(SocketUrl),
    /// The implementation dials us and comes in through [`OneBot::door`]: reverse WebSocket. Without a token nobody does.
    Reverse,
    /// We call the implementation, and it posts its events to [`OneBot::post_box`]. Without a token nobody does.
    Http(HttpUrl),
}

/// What of a way is there from the beginning.
enum Ends {
    Forward(SocketUrl),
    Reverse { door: Door, arrivals: AsyncMutex<mpsc::Receiver<Upgraded>> },
    Http { url: HttpUrl, post_box: PostBox, posts: AsyncMutex<mpsc::Receiver<String>> },
}

/// The way to the peer while there is a connection.
#[derive(Clone)]
struct Link {
    outgoing: mpsc::Sender<Outgoing>,
    sink: Arc<dyn Sink>,
    /// Whether the account is logged in and online.
    ready: bool,
}

/// When the connection was lost, and why.
struct Gap {
    since: UnixMs,
    why: String,
}

/// One account on OneBot.
pub struct OneBot {
    /// For tasks that outlive the call that began them.
    me: Weak<Self>,
    account: AccountName,
    ends: Ends,
    token: Token,
    clock: Arc<dyn Clock>,
    oddities: Oddities,
    answers: Arc<Answers>,
    bucket: Bucket,
    link: Mutex<Option<Link>>,
    lanes: Lanes,
    members: Members,
    own_acts: OwnActs,
    remembered: Mutex<Remembered>,
    state: Mutex<AccountState>,
    gap: Mutex<Option<Gap>>,
    /// Why there is no connection.
    trouble: Mutex<Option<Lost>>,
    runs: AtomicBool,
    /// Whether this run has logged in; a connection that is made again is no new login.
    logged_in: AtomicBool,
}

impl OneBot {
    /// An account that is not connected yet.
    pub fn new(config: OneBotConfig, clock: Arc<dyn Clock>) -> Arc<Self> {
        let ends = match config.way {
            Way::Forward(url) => Ends::Forward(url),
            Way::Reverse => {
                let (door, arrivals) = Door::new(config.token.clone());
                Ends::Reverse { door, arrivals: AsyncMutex::new(arrivals) }
            }
            Way::Http(url) => {
                let (post_box, posts) = PostBox::new(config.token.clone());
                Ends::Http { url, post_box, posts: AsyncMutex::new(posts) }
            }
        };
        Arc::new_cyclic(|me| Self {
            me: me.clone(),
            oddities: Oddities::new(config.account.clone()),
            account: config.account,
            ends,
            token: config.token,
            clock,
            answers: Arc::default(),
            bucket: Bucket::new(config.pace),
            link: Mutex::default(),
            lanes: Lanes::default(),
            members: Members::default(),
            own_acts: OwnActs::default(),
            remembered: Mutex::default(),
            state: Mutex::new(AccountState::Init),
            gap: Mutex::default(),
            trouble: Mutex::default(),
            runs: AtomicBool::new(false),
            logged_in: AtomicBool::new(false),
        })
    }

    /// How often the peer sent something that could not be used.
    pub fn oddities(&self, oddity: Oddity) -> u64 {
        self.oddities.count(oddity)
    }

    /// Where the implementation comes in, if it is to dial us.
    pub fn door(&self) -> Option<&Door> {
        match &self.ends {
            Ends::Reverse { door, .. } => Some(door),
            Ends::Forward(_) | Ends::Http { .. } => None,
        }
    }

    /// Where the implementation posts its events, if it is called over HTTP.
    pub fn post_box(&self) -> Option<&PostBox> {
        match &self.ends {
            Ends::Http { post_box, .. } => Some(post_box),
            Ends::Forward(_) | Ends::Reverse { .. } => None,
        }
    }

    /// Stays connected, whoever dials.
    async fn stay_connected(self: &Arc<Self>, sink: &Arc<dyn Sink>) -> Result<Infallible, Closed> {
        match &self.ends {
            Ends::Forward(url) => self.keep_dialling(url, sink).await,
            Ends::Reverse { arrivals, .. } => self.keep_receiving(&mut *arrivals.lock().await, sink).await,
            Ends::Http { url, posts, .. } => self.keep_calling(url, &mut *posts.lock().await, sink).await,
        }
    }

    async fn keep_dialling(
        self: &Arc<Self>,
        url: &SocketUrl,
        sink: &Arc<dyn Sink>,
    ) -> Result<Infallible, Closed> {
        let mut back_off = BackOff::default();
        loop {
            let lost = match dial::dial(url, &self.token).await {
                Ok(socket) => match Session::new(self.clone(), sink.clone()).run(socket).await {
                    End::Lost(lost) => lost,
                    End::Closed => return Err(Closed),
                },
                Err(lost) => lost,
            };
            self.wait_after(lost, &mut back_off, url, sink).await?;
        }
    }

    /// Calls and listens, and begins anew whenever that fails.
    async fn keep_calling(
        self: &Arc<Self>,
        url: &HttpUrl,
        posts: &mut mpsc::Receiver<String>,
        sink: &Arc<dyn Sink>,
    ) -> Result<Infallible, Closed> {
        // What was posted while the account was stopped is not for this run.
        while posts.try_recv().is_ok() {}
        let mut back_off = BackOff::default();
        loop {
            let lost = match Caller::new(url.clone(), self.token.clone()) {
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
            Lost::Cut(_) => {
                tracing::warn!(account = %self.account, %url, why, seconds, "no connection to OneBot; trying again");
            }
        }
        self.note_lost(sink, lost).await?;
        tokio::time::sleep(wait).await;
        Ok(())
    }

    /// Takes whoever comes in. The newest counts: an older one may be dead without anybody's knowing.
    async fn keep_receiving(
        self: &Arc<Self>,
        arrivals: &mut mpsc::Receiver<Upgraded>,
        sink: &Arc<dyn Sink>,
    ) -> Result<Infallible, Closed> {
        let mut next = None;
        loop {
            let arrived = match next.take() {
                Some(arrived) => arrived,
                None => arrivals.recv().await.ok_or(Closed)?,
            };
            tracing::info!(account = %self.account, "a OneBot implementation came in");
            let config = Some(dial::socket_config());
            let socket = WebSocketStream::from_raw_socket(arrived, Role::Server, config).await;
            let session = Session::new(self.clone(), sink.clone());
            let lost = tokio::select! {
                end = session.run(socket) => match end {
                    End::Lost(lost) => lost,
                    End::Closed => return Err(Closed),
                },
                newer = arrivals.recv() => {
                    next = newer;
                    Lost::Cut("another connection took its place".to_owned())
                }
            };
            tracing::warn!(account = %self.account, why = lost.text(), "the OneBot implementation is gone; waiting for it");
            self.note_lost(sink, lost).await?;
        }
    }

    /// The connection is lost: what that means for the account.
    async fn note_lost(&self, sink: &Arc<dyn Sink>, lost: Lost) -> Result<(), Closed> {
        let ran = *self.state.lock() == AccountState::Running;
        if ran {
            *self.gap.lock() = Some(Gap { since: self.clock.now(), why: lost.text().to_owned() });
        }
        *self.trouble.lock() = Some(lost);
        if ran { self.enter(sink, AccountState::Updating).await } else { Ok(()) }
    }

    async fn enter(&self, sink: &Arc<dyn Sink>, state: AccountState) -> Result<(), Closed> {
        if state == AccountState::Running {
            *self.trouble.lock() = None;
        }
        if std::mem::replace(&mut *self.state.lock(), state) == state {
            return Ok(());
        }
        sink.enter(state).await.map(|_| ())
    }

    /// What is to be told of the time without a connection: what the network sent then is lost.
    fn take_gap(&self) -> Option<EventBody> {
        let gap = self.gap.lock().take()?;
        let until = self.clock.now();
        let seconds = until.saturating_sub(gap.since) / 1_000;
        tracing::info!(account = %self.account, seconds, "connected again; what was said meanwhile is not known");
        let json = json!({ "since": gap.since, "until": until, "why": gap.why }).to_string();
        Some(EventBody::Other { kind: "gap".to_owned(), json })
    }

    fn set_ready(&self, ready: bool) {
        if let Some(link) = self.link.lock().as_mut() {
            link.ready = ready;
        }
    }

    fn is_duplicate(&self, happening: &Happening) -> bool {
        let (Some(message), Some(chat)) = (happening.body.message(), &happening.chat) else { return false };
        // Without an id there is nothing to tell it by.
        if matches!(message.id.as_str(), "" | "0") {
            return false;
        }
        let chat = ChatRef { kind: chat.kind, id: chat.id.clone() };
        self.remembered.lock().is_known(chat, &message.id, happening.time)
    }

    /// Makes one call and waits for its answer.
    async fn call(&self, call: &Call, within: Duration) -> Result<Option<Box<RawValue>>, NetworkError> {
        let gone = || NetworkError::Offline("there is no connection to OneBot".to_owned());
        let outgoing = self.link.lock().as_ref().map(|link| link.outgoing.clone()).ok_or_else(gone)?;
        let mut waiting = self.answers.expect();
        let request = Request { action: call.action, params: call.params.clone(), echo: waiting.echo() };
        let until = Instant::now() + within;
        match timeout_at(until, outgoing.send(Outgoing::Call(request))).await {
            Ok(Ok(())) => {}
            Ok(Err(_)) | Err(_) => return Err(gone()),
        }
        let action = call.action;
        match timeout_at(until, waiting.answer()).await {
            Ok(Some(Answer::Done(data))) => Ok(data),
            Ok(Some(Answer::Failed(why))) => Err(NetworkError::Refused(format!("`{action}`: {why}"))),
            Ok(Some(Answer::Unsure(why))) => Err(NetworkError::Unknown(format!("`{action}`: {why}"))),
            Ok(Some(Answer::NotAsked(why))) => Err(NetworkError::Offline(why)),
            Ok(None) => {
                Err(NetworkError::Unknown(format!("the connection was lost before `{action}` was answered")))
            }
            Err(_) => Err(NetworkError::Unknown(format!(
                "`{action}` was not answered within {} s",
                within.as_secs()
            ))),
        }
    }

    async fn act(&self, act: &Act) -> Result<Receipt, NetworkError> {
        let calls = actions::calls(act)?;
        let offline = || NetworkError::Offline("the account is not online".to_owned());
        let sink = self.link.lock().as_ref().filter(|link| link.ready).map(|link| link.sink.clone());
        let sink = sink.ok_or_else(offline)?;
        let deeds = Deed::of(act);
        let (most, mut done) = (calls.len(), 0_usize);
        let mut refusals = Vec::new();
        let mut receipt = Receipt::default();
        for (place, call) in calls.iter().enumerate() {
            let result = match deeds.get(place) {
                Some(deed) => self.do_deed(call, deed, act, &sink).await,
                None => self.call(call, limits::CALL).await,
            };
            match result {
                Ok(data) => {
                    done += 1;
                    receipt.message_id = message_id(data.as_deref());
                }
                Err(NetworkError::Refused(why)) => refusals.push(why),
                Err(error) if done == 0 && refusals.is_empty() => return Err(error),
                // Not all of it happened, and not nothing.
                Err(error) => {
                    return Err(NetworkError::Unknown(format!("{done} of {most} were done, then: {error}")));
                }
            }
        }
        match refusals.first() {
            None => Ok(receipt),
            Some(why) if most == 1 => Err(NetworkError::Refused(why.clone())),
            Some(why) => Err(NetworkError::Refused(format!("{done} of {most} were done; refused: {why}"))),
        }
    }

    /// A call whose doing is reported.
    async fn do_deed(
        &self,
        call: &Call,
        deed: &Deed,
        act: &Act,
        sink: &Arc<dyn Sink>,
    ) -> Result<Option<Box<RawValue>>, NetworkError> {
        self.own_acts.begin(deed);
        let mut under_way = UnderWay { onebot: self, deed, sink, reported: false };
        let result = match self.call(call, limits::CALL).await {
            // The notice is as good as an answer.
            Err(NetworkError::Unknown(_)) if self.own_acts.is_told(deed) => Ok(None),
            result => result,
        };
        if result.is_ok() {
            let happening = deed.happening(act, &sink.known(), self.clock.now());
            self.own_acts.report(deed);
            under_way.reported = true;
            // An account that takes nothing more needs not know.
            let _ = sink.report(happening).await;
        }
        result
    }
}

/// A deed whose call is under way. If it comes to nothing, or nobody waits any more, what was told of it is reported as
/// anybody's.
struct UnderWay<'a> {
    onebot: &'a OneBot,
    deed: &'a Deed,
    sink: &'a Arc<dyn Sink>,
    reported: bool,
}

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        if self.reported {
            return;
        }
        if let (Some(told), Some(me)) = (self.onebot.own_acts.give_up(self.deed), self.onebot.me.upgrade()) {
            me.queue(self.sink, told, None);
        }
    }
}

/// The id of a message that was sent.
fn message_id(data: Option<&RawValue>) -> Option<String> {
    #[derive(Default, serde::Deserialize)]
    #[serde(default)]
    struct Sent<'a> {
        #[serde(borrow)]
        message_id: values::Text<'a>,
    }
    values::object::<Sent<'_>>(data).message_id.owned()
}

/// One run; over when dropped, however it ends.
struct Run(Arc<OneBot>);

impl Drop for Run {
    fn drop(&mut self) {
        self.0.runs.store(false, Ordering::SeqCst);
    }
}

impl Network for OneBot {
    fn kind(&self) -> &'static str {
        KIND
    }

    fn run(
        self: Arc<Self>,
        sink: Arc<dyn Sink>,
        mut stop: StopSignal,
    ) -> Boxed<'static, Result<(), NetworkError>> {
        Box::pin(async move {
            if self.runs.swap(true, Ordering::SeqCst) {
                return Err(NetworkError::Refused("this account is connected already".to_owned()));
            }
            let _run = Run(self.clone());
            *self.state.lock() = AccountState::Loading;
            *self.gap.lock() = None;
            self.logged_in.store(false, Ordering::SeqCst);
            tokio::select! {
                biased;
                () = stop.wait() => Ok(()),
                Err(Closed) = self.stay_connected(&sink) => Ok(()),
            }
        })
    }

    fn perform<'a>(&'a self, act: &'a Act) -> Boxed<'a, Result<Receipt, NetworkError>> {
        Box::pin(self.act(act))
    }

    fn turn<'a>(&'a self, act: &'a Act) -> Boxed<'a, ()> {
        // One act for several members is several calls; whoever comes next waits for them.
        let calls = match &act.body {
            ActionBody::Shutup { members, .. }
            | ActionBody::Unshutup { members }
            | ActionBody::Kick { members, .. } => members.len().max(1),
            _ => 1,
        };
        Box::pin(self.bucket.take(u32::try_from(calls).unwrap_or(u32::MAX)))
    }

    fn redelivery(&self) -> Redelivery {
        Redelivery::Unknown
    }

    fn trouble(&self) -> Option<String> {
        self.trouble.lock().as_ref().map(|lost| match lost {
            Lost::Refused(why) => format!("the access token is refused: {why}"),
            Lost::Cut(why) => why.clone(),
        })
    }
}
