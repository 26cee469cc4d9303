//! QQ through an implementation of OneBot v11: NapCat, LLBot and what came before them. The implementation holds the
//! account; we are its client. See `docs/onebot.md` for what is supported and which traps are handled.
//!
//! What the peer sends is hostile until it is read: bounded, lenient about types, counted where it makes no sense. What
//! happens in a chat is reported in order. An act is done once: no answer is [`NetworkError::Unknown`], never a reason to
//! do it again.
//!
//! # Layout
//! - `dial`, `door`, `token`, `trust`: how a connection is made, by us or by the peer; `connecting`, `back_off`: and made again
//! - `session`: one connection; `login`: its beginning; `socket`, `watchdog`: one WebSocket of it
//! - `gaps`: the times without a connection; `identity`: whose account it is
//! - `http`, `post_box`: calls and posted events, where there is no connection
//! - `arrivals`: what comes in; `answers`: calls that wait; `remembered`: what came before; `lanes`: reports in order;
//!   `backlog`: what waits to be taken; `presence`: whether the account is online
//! - `frame`, `values`: what comes, leniently read; [`oddity`]: what cannot be used; [`decode`]: one frame on its own
//! - `posts`, `notices`, `segments`, `cq`, `request_id`: from the protocol's events to the host's
//! - `acting`: doing an act; `actions`, `speech`: from the host's acts to the protocol's calls
//! - `own_acts`, `own_messages`: what of our acts comes back as notices and messages
//! - `people`, `members`: the roster; `pace`: how fast the account acts
//! - [`limits`]: every bound

mod acting;
mod actions;
mod answers;
mod arrivals;
mod back_off;
mod backlog;
mod connecting;
mod cq;
mod decode;
mod dial;
mod door;
mod frame;
mod gaps;
mod http;
mod identity;
mod lanes;
pub mod limits;
mod login;
mod members;
mod notices;
pub mod oddity;
mod own_acts;
mod own_messages;
mod pace;
mod people;
mod post_box;
mod posts;
mod presence;
mod remembered;
mod request_id;
mod segments;
mod session;
mod socket;
mod speech;
mod token;
mod trust;
mod values;
mod watchdog;

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;

use mynah_model::action::Act;
use mynah_model::clock::Clock;
use mynah_model::event::AccountState;
use mynah_model::names::AccountName;
use parking_lot::Mutex;
use tokio::sync::{Mutex as AsyncMutex, mpsc};

use crate::network::{
    Boxed, Closed, Connection, Network, NetworkError, Receipt, Redelivery, Sink, StopSignal,
};
use answers::Answers;
use back_off::Lost;
use backlog::Backlog;
use door::Arrival;
use gaps::Gaps;
use identity::Identity;
use lanes::Lanes;
use members::Members;
use oddity::{Oddities, Oddity};
use own_acts::OwnActs;
use own_messages::OwnMessages;
use pace::Bucket;
use post_box::Posted;
use remembered::{Remembered, WayIn};
use socket::Outgoing;

pub use decode::{Decoded, decode};
pub use dial::{SocketUrl, SocketUrlError};
pub use door::{Accepted, Door, Io, Refused, Upgraded};
pub use http::{HttpUrl, HttpUrlError};
pub use pace::Pace;
pub use post_box::PostBox;
pub use token::{Token, TokenError};
pub use trust::{Trust, TrustError};

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
    /// Whom we take for the implementation over TLS.
    pub trust: Trust,
    /// How fast the account acts.
    pub pace: Pace,
    /// The QQ number of the account; `None`: that of whoever logs in first.
    pub self_id: Option<i64>,
}

/// Who dials whom.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Way {
    /// We dial the implementation: forward WebSocket.
    Forward(SocketUrl),
    /// The same with two sockets: `/api` below the address for calls, `/event` for events.
    ForwardPair(SocketUrl),
    /// The implementation dials us and comes in through [`OneBot::door`]: reverse WebSocket. Without a token nobody does.
    Reverse,
    /// We call the implementation, and it posts its events to [`OneBot::post_box`]. Without a token nobody does.
    Http(HttpUrl),
}

/// What of a way is there from the beginning.
enum Ends {
    Forward(SocketUrl),
    ForwardPair { calls: SocketUrl, events: SocketUrl, url: SocketUrl },
    Reverse { door: Door, arrivals: AsyncMutex<mpsc::Receiver<Arrival>> },
    Http { url: HttpUrl, post_box: PostBox, posts: AsyncMutex<mpsc::Receiver<Posted>> },
}

/// The way to the peer while there is a connection.
#[derive(Clone)]
struct Link {
    outgoing: mpsc::Sender<Outgoing>,
    sink: Arc<dyn Sink>,
    /// Whether the account is logged in and online.
    ready: bool,
}

/// One account on OneBot.
pub struct OneBot {
    /// For tasks that outlive the call that began them.
    me: Weak<Self>,
    account: AccountName,
    ends: Ends,
    token: Token,
    trust: Trust,
    clock: Arc<dyn Clock>,
    identity: Arc<Identity>,
    oddities: Arc<Oddities>,
    answers: Arc<Answers>,
    bucket: Bucket,
    link: Mutex<Option<Link>>,
    lanes: Lanes,
    members: Members,
    own_acts: OwnActs,
    own_messages: OwnMessages,
    remembered: Mutex<Remembered>,
    backlog: Backlog,
    /// How many ways there were by which events came.
    ways: AtomicU64,
    state: Mutex<AccountState>,
    /// Held while the account is told of a state: they come in their order.
    entering: Arc<AsyncMutex<()>>,
    gaps: Mutex<Gaps>,
    /// Why there is no connection.
    trouble: Mutex<Option<Lost>>,
    runs: AtomicBool,
    /// Whether this run has logged in; a connection that is made again is no new login.
    logged_in: AtomicBool,
}

impl OneBot {
    /// An account that is not connected yet.
    pub fn new(config: OneBotConfig, clock: Arc<dyn Clock>) -> Arc<Self> {
        let oddities = Arc::new(Oddities::new(config.account.clone()));
        let identity = Arc::new(Identity::new(config.self_id));
        let ends = match config.way {
            Way::Forward(url) => Ends::Forward(url),
            Way::ForwardPair(url) => {
                Ends::ForwardPair { calls: url.below("api"), events: url.below("event"), url }
            }
            Way::Reverse => {
                let (door, arrivals) = Door::new(config.token.clone(), identity.clone());
                Ends::Reverse { door, arrivals: AsyncMutex::new(arrivals) }
            }
            Way::Http(url) => {
                let (post_box, posts) = PostBox::new(config.token.clone(), oddities.clone());
                Ends::Http { url, post_box, posts: AsyncMutex::new(posts) }
            }
        };
        Arc::new_cyclic(|me| Self {
            me: me.clone(),
            oddities,
            identity,
            account: config.account,
            ends,
            token: config.token,
            trust: config.trust,
            clock,
            answers: Arc::default(),
            bucket: Bucket::new(config.pace),
            link: Mutex::default(),
            lanes: Lanes::default(),
            members: Members::default(),
            own_acts: OwnActs::default(),
            own_messages: OwnMessages::default(),
            remembered: Mutex::default(),
            backlog: Backlog::default(),
            ways: AtomicU64::new(0),
            state: Mutex::new(AccountState::Init),
            entering: Arc::default(),
            gaps: Mutex::default(),
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
            Ends::Forward(_) | Ends::ForwardPair { .. } | Ends::Http { .. } => None,
        }
    }

    /// Where the implementation posts its events, if it is called over HTTP.
    pub fn post_box(&self) -> Option<&PostBox> {
        match &self.ends {
            Ends::Http { post_box, .. } => Some(post_box),
            Ends::Forward(_) | Ends::ForwardPair { .. } | Ends::Reverse { .. } => None,
        }
    }

    fn set_ready(&self, ready: bool) {
        if let Some(link) = self.link.lock().as_mut() {
            link.ready = ready;
        }
    }

    fn new_way(&self) -> WayIn {
        WayIn(self.ways.fetch_add(1, Ordering::Relaxed))
    }

    /// Asks the peer whether it is there; whatever it says then is an answer.
    fn ask_whether_there(&self) {
        if let Some(link) = self.link.lock().as_ref() {
            // With a full queue the peer takes nothing, and the silence will tell.
            let _ = link.outgoing.try_send(Outgoing::Ping);
        }
    }
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
            // What was said while the account was stopped is nobody's loss.
            self.gaps.lock().end(self.clock.now());
            self.backlog.clear();
            self.identity.forget();
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

    fn turn<'a>(&'a self, _: &'a Act) -> Boxed<'a, ()> {
        // The first call's; the others wait for theirs while the act is done.
        Box::pin(self.bucket.take())
    }

    fn take_turn(&self, _: &Act) -> bool {
        self.bucket.try_take()
    }

    fn time_for(&self, act: &Act) -> Option<Duration> {
        // The last call may begin at the end of the time for all.
        (actions::calls_of(act) > 1).then(|| limits::ACT + limits::CALL + limits::LAST_WORDS)
    }

    fn redelivery(&self) -> Redelivery {
        Redelivery::Unknown
    }

    fn connection(&self) -> Option<Connection> {
        let gaps = self.gaps.lock();
        let ((count, gap_ms), last_gap) = (gaps.counted(), gaps.last());
        Some(Connection { gaps: count, gap_ms, last_gap, oddities: self.oddities.counts() })
    }

    fn trouble(&self) -> Option<String> {
        self.trouble.lock().as_ref().map(|lost| match lost {
            Lost::Refused(why) => format!("the access token is refused: {why}"),
            Lost::Another(why) | Lost::Cut(why) => why.clone(),
        })
    }
}
