//! What every driver gives and gets.

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use mynah_model::Attrs;
use mynah_model::action::Act;
use mynah_model::clock::UnixMs;
use mynah_model::event::{AccountState, Chat, EventBody};
use mynah_model::message::Media;
use mynah_model::names::{ScriptName, Seq};
use mynah_model::roster::{Group, Roster};
use tokio::sync::watch;

use crate::sim::Sim;

/// A future that can be kept behind a trait object.
pub type Boxed<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// One account's connection to a chat network.
///
/// A driver knows no script and no HTTP: it turns acts into what its protocol wants and what its protocol
/// says into [`Happening`]s.
pub trait Network: Send + Sync + 'static {
    /// The word that `network = "..."` takes in the configuration.
    fn kind(&self) -> &'static str;

    /// Logs in, reports each state and the roster, and goes on reporting until `stop` says so; resolves then. An
    /// error is one that trying again cannot mend.
    ///
    /// The caller has the account in [`AccountState::Loading`] before and enters [`AccountState::Stop`] after it, if
    /// the account is not logged in again at once; the driver reports what lies between. There is one run at a time;
    /// each logs in anew, with what the sink kept of the last one ([`Sink::session`]) if that still holds.
    fn run(
        self: Arc<Self>,
        sink: Arc<dyn Sink>,
        stop: StopSignal,
    ) -> Boxed<'static, Result<(), NetworkError>>;

    /// Does one act and waits for the network's word on it. What the act changes in the roster (a kick, a mute)
    /// has been reported to the sink before this resolves. Our own messages are not reported: the caller
    /// knows them.
    fn perform<'a>(&'a self, act: &'a Act) -> Boxed<'a, Result<Receipt, NetworkError>>;

    /// Resolves when the network takes one more act; until then the act waits in the outbox. Not every network can be
    /// spoken to as fast as one likes. Dropping it takes nothing.
    fn turn<'a>(&'a self, act: &'a Act) -> Boxed<'a, ()> {
        let _ = act;
        Box::pin(async {})
    }

    /// Takes the turn of [`Network::turn`] if that is now.
    fn take_turn(&self, act: &Act) -> bool {
        let _ = act;
        true
    }

    /// How long one act may take that takes longer than others, such as one that is many calls in a row, each in its turn. What
    /// takes longer than it may is given up and counts as unknown.
    fn time_for(&self, act: &Act) -> Option<Duration> {
        let _ = act;
        None
    }

    /// The picture of somebody, as the network has it: the bytes of a PNG, JPEG, GIF or WebP file.
    fn avatar<'a>(&'a self, of: &'a AvatarOf) -> Boxed<'a, Result<Vec<u8>, NetworkError>> {
        let _ = of;
        let error = NetworkError::Unsupported { network: self.kind(), action: "avatar".to_owned() };
        Box::pin(async { Err(error) })
    }

    /// What to do about an act that was under way when the host was killed.
    fn redelivery(&self) -> Redelivery;

    /// Why there is no connection now, if there should be one; never holds a secret.
    fn trouble(&self) -> Option<String> {
        None
    }

    /// How the connection has been since the host started; `None` where there is none that could be lost.
    fn connection(&self) -> Option<Connection> {
        None
    }

    /// The embedded network, if this is it: people in it can be made to talk.
    fn sim(&self) -> Option<&Sim> {
        None
    }
}

/// Ends one run of a driver. Each run has its own, so that a late end never meets a later run.
#[derive(Debug)]
pub struct StopSender(watch::Sender<bool>);

/// Tells a run of a driver to end.
#[derive(Debug, Clone)]
pub struct StopSignal(watch::Receiver<bool>);

impl StopSender {
    /// A sender and what it sends to.
    pub fn new() -> (Self, StopSignal) {
        let (sender, receiver) = watch::channel(false);
        (Self(sender), StopSignal(receiver))
    }

    /// Ends the run, whether it has begun or not.
    pub fn stop(&self) {
        self.0.send_replace(true);
    }
}

impl StopSignal {
    /// Resolves when the run is to end; when its sender is gone too, for then nobody could end it any more.
    pub async fn wait(&mut self) {
        // Both outcomes are an end.
        let _ = self.0.wait_for(|stop| *stop).await;
    }
}

/// Whose picture is meant.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum AvatarOf {
    /// The account's own.
    User,
    /// A friend's, or that of a member of a group.
    Person {
        /// Their id.
        id: String,
        /// The group that they are met in; `None` for friends.
        group: Option<String>,
    },
    /// A group's.
    Group {
        /// Its id.
        id: String,
    },
}

/// How the connection to a network has been, for people who look after it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Connection {
    /// How often it was lost after the account had logged in.
    pub gaps: u64,
    /// Milliseconds without it, of the gaps that ended. What the network sent then is not known.
    pub gap_ms: u64,
    /// The last gap.
    pub last_gap: Option<Gap>,
    /// What the peer sent that could not be used: how often, by kind.
    pub oddities: BTreeMap<&'static str, u64>,
}

/// A time without a connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Gap {
    /// When it began.
    pub since: UnixMs,
    /// When it ended; `None` if it has not.
    pub until: Option<UnixMs>,
    /// Why the connection was lost; never holds a secret.
    pub why: String,
}

/// What a network says to an act that it did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Receipt {
    /// The id of the message that was sent, if one was.
    pub message_id: Option<String>,
    /// The id of the group that was made, if one was.
    pub group_id: Option<String>,
}

/// Why a network did not do something.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NetworkError {
    /// The network has no such thing.
    #[error("not supported by network {network}: {action}")]
    Unsupported {
        /// The network.
        network: &'static str,
        /// The action's name.
        action: String,
    },
    /// The network's own word why not. Nothing happened.
    #[error("{0}")]
    Refused(String),
    /// There is no connection, so nothing happened.
    #[error("not connected: {0}")]
    Offline(String),
    /// No answer came: it may have happened.
    #[error("no answer: {0}")]
    Unknown(String),
}

/// What to do about an act that was under way when the host was killed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Redelivery {
    /// It may have been done: mark it unknown and do not repeat it.
    Unknown,
    /// It cannot have been done unless it was recorded (the network lives in this process): do it.
    Safe,
}

/// What caused a happening, if the driver knows: an act of ours.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Consequence {
    /// The event that the act was decided on.
    pub cause: Option<Seq>,
    /// The act's depth.
    pub depth: u32,
    /// The script that asked for it.
    pub by_script: Option<ScriptName>,
}

impl Consequence {
    /// The consequence of an act.
    pub fn of(act: &Act) -> Self {
        Self { cause: act.cause, depth: act.depth, by_script: act.by.script().cloned() }
    }
}

/// Something that happened on the network, before the host has numbered it.
#[derive(Debug, Clone, PartialEq)]
pub struct Happening {
    /// When, by the network's clock.
    pub time: UnixMs,
    /// In which chat; `None` for what concerns the account as a whole.
    pub chat: Option<Chat>,
    /// What.
    pub body: EventBody,
    /// Which act of ours it comes of, if one.
    pub consequence: Option<Consequence>,
    /// What has no field of its own.
    pub attrs: Attrs,
}

/// The account is stopped and takes nothing more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the account is stopped")]
pub struct Closed;

/// Where a driver reports to: its account.
pub trait Sink: Send + Sync + 'static {
    /// The account's state is now another one. Resolves when that is numbered and journalled.
    fn enter(&self, state: AccountState) -> Boxed<'_, Result<Seq, Closed>>;

    /// The whole roster as the network has it now. Takes effect at once.
    fn roster(&self, roster: Roster);

    /// One group as the network has it now, its members included. Takes effect at once.
    fn group(&self, group: Group);

    /// What the account knows now. The value never changes; ask again for a newer one.
    fn known(&self) -> Arc<Roster>;

    /// Something happened. Its effect on the roster is visible when this resolves, and it is numbered and
    /// journalled; waits as long as the chat's queue is full, unless it is the consequence of an act.
    fn report(&self, happening: Happening) -> Boxed<'_, Result<Seq, Closed>>;

    /// The bytes of a file of the host's media folder; an error says why they are not to be had.
    fn file<'a>(&'a self, media: &'a Media) -> Boxed<'a, Result<Vec<u8>, String>> {
        let _ = media;
        Box::pin(async { Err("there is no media folder".to_owned()) })
    }

    /// [`Sink::report`] for what can be taken at once, and whose being journalled nobody waits for. What would have to wait is
    /// given back.
    fn offer(&self, happening: Happening) -> Result<(), Box<Happening>> {
        Err(Box::new(happening))
    }

    /// What [`Sink::keep_session`] kept last, if it is still wanted: nothing if the account is to log in anew.
    fn session(&self) -> Boxed<'_, Option<Vec<u8>>> {
        Box::pin(async { None })
    }

    /// Keeps what the network can log in with again for a while without a person, such as cookies. It is a secret.
    fn keep_session<'a>(&'a self, session: &'a [u8]) -> Boxed<'a, ()> {
        let _ = session;
        Box::pin(async {})
    }
}
