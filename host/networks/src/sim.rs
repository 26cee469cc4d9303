//! The embedded chat network: it needs no account and no connection, and is what everything is tried on.
//!
//! The network has a world of its own, which the account only hears of. People in it can be made to talk,
//! join, leave and so on ([`Sim`]'s methods); what the account does to them has to follow the rules that real
//! networks have: roles, mutes that hold and end, messages that can be taken back for two minutes. Time comes
//! from the given clock and chance from the given seed, so that the same calls are the same history.
//!
//! # Layout
//! - `world`: what is true; `places` finds chats and people in it
//! - `speech`, `mentions`, `messages`: saying something and taking it back
//! - `moderation`: what members may do to each other; `comings`: who comes and goes
//! - `requests`: who asks to come, and what they are answered; `founding`: groups that the account makes
//! - `acts`: what the account does; `people`: the calls that make people act; `avatar`: how they look
//! - `turns`: the order of changes and reports; `login`: from loading to running
//! - `builtin`: the default roster; `chance`, `chatter`: what comes from the seed

mod acts;
mod avatar;
pub mod builtin;
mod chance;
mod chatter;
mod comings;
mod error;
mod founding;
mod login;
mod mentions;
mod messages;
mod moderation;
mod people;
mod places;
mod requests;
mod speech;
mod turns;
mod world;

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use mynah_model::action::{Act, ActionBody};
use mynah_model::address::ChatRef;
use mynah_model::clock::Clock;
use mynah_model::names::Seq;
use mynah_model::roster::Roster;
use parking_lot::Mutex;

use crate::network::{
    AvatarOf, Boxed, Happening, Network, NetworkError, Receipt, Redelivery, Sink, StopSignal,
};
use crate::waiting::Waiting;
use login::Phase;
use turns::{Turn, Turns};
use world::World;

pub use error::SimError;
pub use login::{AtThePhone, CODE_LIFE_MS, SESSION_LIFE_MS};
pub use moderation::MUTE_SECONDS;
pub use speech::{MAX_TEXT_BYTES, Said, Say};

/// How the account logs in.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum LoginMode {
    /// By itself.
    #[default]
    Immediate,
    /// When somebody scans the QR code, see [`Sim::scan`].
    QrCode,
}

/// What a sim network is made from.
#[derive(Debug, Clone)]
pub struct SimConfig {
    /// The world as it is in the beginning.
    pub roster: Roster,
    /// Where chance comes from: one seed is one history.
    pub seed: u64,
    /// How the account logs in.
    pub login: LoginMode,
}

impl Default for SimConfig {
    /// The [built-in roster](builtin::roster), and an account that logs in by itself.
    fn default() -> Self {
        Self { roster: builtin::roster(), seed: 1, login: LoginMode::default() }
    }
}

/// The embedded network of one account.
///
/// Calls may come from many tasks at once. In each chat, events are reported in the order in which the world
/// changed; chats do not wait for each other. A call that is dropped before it resolves has either not
/// happened or is reported all the same. No lock is held while a report is under way.
pub struct Sim {
    login: LoginMode,
    clock: Arc<dyn Clock>,
    waiting: Waiting,
    world: Mutex<World>,
    turns: Turns,
    phase: Mutex<Phase>,
    runs: AtomicBool,
}

impl Sim {
    /// A network that nobody is logged in to yet.
    pub fn new(config: SimConfig, clock: Arc<dyn Clock>) -> Arc<Self> {
        Arc::new(Self {
            login: config.login,
            waiting: Waiting::new(clock.clone()),
            clock,
            world: Mutex::new(World::new(config.roster, config.seed)),
            turns: Turns::default(),
            phase: Mutex::new(Phase::default()),
            runs: AtomicBool::new(false),
        })
    }

    /// The world as it is now, as the account would see it.
    pub fn roster(&self) -> Roster {
        self.world.lock().roster.clone()
    }

    /// Whether the account keeps a chat on top of its list of chats.
    pub fn is_stuck(&self, chat: &ChatRef) -> bool {
        self.world.lock().stuck.contains(chat)
    }

    /// Waits for a chat's turn. The chat is found first, so that a chat that is not there makes nobody wait.
    async fn turn(&self, chat: &ChatRef) -> Result<Turn, SimError> {
        self.sink()?;
        let chat = self.world.lock().place(chat)?.chat_ref();
        Ok(self.turns.take(chat).await)
    }

    /// Reports what happened in a chat whose turn it is; the turn is over then. The number is that of the last
    /// report, `None` if there is nothing to report.
    ///
    /// The world has changed already, so this goes on even if the caller goes away.
    async fn tell(&self, turn: Turn, happenings: Vec<Happening>) -> Result<Option<Seq>, SimError> {
        if happenings.is_empty() {
            return Ok(None);
        }
        // An account that was stopped meanwhile is handed the whole roster when it runs again.
        let sink = self.sink()?;
        let reports = tokio::spawn(async move {
            let mut last = None;
            for happening in happenings {
                last = Some(sink.report(happening).await?);
            }
            drop(turn);
            Ok(last)
        });
        let ended = |error| SimError::Refused(format!("the report was not taken to its end: {error}"));
        reports.await.map_err(ended)?
    }

    async fn act(&self, act: &Act) -> Result<Receipt, NetworkError> {
        if !acts::is_supported(&act.body) {
            return Err(acts::unsupported(act));
        }
        match &act.body {
            ActionBody::CreateGroup { friends, name } => {
                return self.create_group(act, friends, name.as_deref()).await;
            }
            ActionBody::AnswerRequest { .. } => return self.answer_request(act).await,
            _ => {}
        }
        let Some(target) = &act.target else {
            return Err(NetworkError::Refused(format!("`{}` needs a chat", act.body.name())));
        };
        if matches!(act.body, ActionBody::Send { .. } | ActionBody::SendMedia { .. }) {
            // Changes nothing that is reported, so it need not wait for anything that is.
            self.sink()?;
            let (receipt, _) = self.world.lock().act(act, self.clock.now())?;
            return Ok(receipt);
        }
        let turn = self.turn(&ChatRef { kind: target.kind, id: target.id.clone() }).await?;
        let (receipt, happenings) = self.world.lock().act(act, self.clock.now())?;
        self.tell(turn, happenings).await?;
        Ok(receipt)
    }
}

impl Network for Sim {
    fn kind(&self) -> &'static str {
        acts::KIND
    }

    fn run(
        self: Arc<Self>,
        sink: Arc<dyn Sink>,
        stop: StopSignal,
    ) -> Boxed<'static, Result<(), NetworkError>> {
        Box::pin(login::run(self, sink, stop))
    }

    fn perform<'a>(&'a self, act: &'a Act) -> Boxed<'a, Result<Receipt, NetworkError>> {
        Box::pin(self.act(act))
    }

    fn avatar<'a>(&'a self, of: &'a AvatarOf) -> Boxed<'a, Result<Vec<u8>, NetworkError>> {
        Box::pin(async {
            self.sink()?;
            self.world.lock().avatar(of)
        })
    }

    fn redelivery(&self) -> Redelivery {
        Redelivery::Safe
    }

    fn sim(&self) -> Option<&Sim> {
        Some(self)
    }
}
