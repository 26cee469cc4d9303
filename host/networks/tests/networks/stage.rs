//! A sim network with an account that writes down what it is told.

use std::path::PathBuf;
use std::sync::Arc;

use mynah_model::action::{Act, ActionBody, Actor, Target};
use mynah_model::address::{ChatKind, ChatRef};
use mynah_model::clock::VirtualClock;
use mynah_model::event::{AccountState, EventBody};
use mynah_model::message::Segment;
use mynah_model::names::{ActNumber, Seq};
use mynah_model::roster::{Group, Roster};
use mynah_networks::sim::{LoginMode, Sim, SimConfig};
use mynah_networks::{
    Boxed, Closed, Happening, Network, NetworkError, Receipt, Sink, StopSender, roster_file,
};
use parking_lot::Mutex;
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinHandle;

use crate::peer::PATIENCE;

/// 2024-01-01T00:00:00Z: whole seconds, so that mutes are easy to reckon.
pub(crate) const START: i64 = 1_704_067_200_000;

/// Something that the account was told.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Told {
    State(AccountState),
    Roster,
    Happening(Box<Happening>),
}

/// The account's side: keeps a roster of its own by what is reported.
pub(crate) struct Account {
    told: Mutex<Vec<Told>>,
    roster: Mutex<Roster>,
    session: Mutex<Option<Vec<u8>>>,
    state: watch::Sender<AccountState>,
    /// Room in the queues of chats; acts' consequences need none.
    pub(crate) room: Semaphore,
}

impl Account {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self {
            told: Mutex::default(),
            roster: Mutex::default(),
            session: Mutex::default(),
            state: watch::Sender::new(AccountState::Init),
            room: Semaphore::new(Semaphore::MAX_PERMITS),
        })
    }

    fn note(&self, told: Told) -> Seq {
        let mut all = self.told.lock();
        all.push(told);
        Seq(all.len() as u64)
    }

    pub(crate) fn told(&self) -> Vec<Told> {
        self.told.lock().clone()
    }

    pub(crate) fn happenings(&self) -> Vec<Happening> {
        let happening = |told| match told {
            Told::Happening(happening) => Some(*happening),
            _ => None,
        };
        self.told().into_iter().filter_map(happening).collect()
    }

    pub(crate) fn last(&self) -> Happening {
        self.happenings().pop().expect("something happened")
    }

    pub(crate) fn roster(&self) -> Roster {
        self.roster.lock().clone()
    }

    /// Takes all room away; how much to give back.
    pub(crate) fn take_room(&self) -> usize {
        self.room.forget_permits(usize::MAX)
    }

    pub(crate) async fn wait_for(&self, state: AccountState) {
        let mut states = self.state.subscribe();
        let entered = tokio::time::timeout(PATIENCE, states.wait_for(|now| *now == state)).await;
        let entered = entered.unwrap_or_else(|_| panic!("the account did not become {}", state.as_str()));
        entered.expect("the account lives");
    }
}

impl Sink for Account {
    fn enter(&self, state: AccountState) -> Boxed<'_, Result<Seq, Closed>> {
        let seq = self.note(Told::State(state));
        self.state.send_replace(state);
        Box::pin(async move { Ok(seq) })
    }

    fn roster(&self, roster: Roster) {
        self.note(Told::Roster);
        *self.roster.lock() = roster;
    }

    fn group(&self, group: Group) {
        self.roster.lock().groups.put(group);
    }

    fn known(&self) -> Arc<Roster> {
        Arc::new(self.roster())
    }

    fn report(&self, happening: Happening) -> Boxed<'_, Result<Seq, Closed>> {
        Box::pin(async move {
            if happening.consequence.is_none() {
                self.room.acquire().await.expect("never closed").forget();
            }
            let mut roster = self.roster.lock();
            if let Some(after) = roster.after(happening.chat.as_ref(), &happening.body, happening.time) {
                *roster = after;
            }
            Ok(self.note(Told::Happening(happening.into())))
        })
    }

    fn session(&self) -> Boxed<'_, Option<Vec<u8>>> {
        Box::pin(async { self.session.lock().clone() })
    }

    fn keep_session<'a>(&'a self, session: &'a [u8]) -> Boxed<'a, ()> {
        *self.session.lock() = Some(session.to_vec());
        Box::pin(async {})
    }
}

pub(crate) struct Stage {
    pub(crate) sim: Arc<Sim>,
    pub(crate) clock: Arc<VirtualClock>,
    pub(crate) account: Arc<Account>,
    pub(crate) stop: StopSender,
    pub(crate) run: JoinHandle<Result<(), NetworkError>>,
}

impl Stage {
    pub(crate) fn start(config: SimConfig) -> Self {
        let clock = Arc::new(VirtualClock::new(START));
        let sim = Sim::new(config, clock.clone());
        let account = Account::new();
        let (stop, signal) = StopSender::new();
        let run = tokio::spawn(sim.clone().run(account.clone(), signal));
        Self { sim, clock, account, stop, run }
    }

    /// A world with this roster and an account that is running.
    pub(crate) async fn running(roster: Roster) -> Self {
        let stage = Self::start(SimConfig { roster, seed: 7, login: LoginMode::Immediate });
        stage.account.wait_for(AccountState::Running).await;
        stage
    }

    /// The world of `fixtures/roster_qq.json`.
    pub(crate) async fn qq() -> Self {
        Self::running(fixture("roster_qq.json")).await
    }

    /// The account does something in a group.
    pub(crate) async fn act(&self, group: &str, body: ActionBody) -> Result<Receipt, NetworkError> {
        self.sim.perform(&act(ChatKind::Group, group, body)).await
    }

    /// Asserts that the account's roster is the world's: nothing that happened was kept from it.
    pub(crate) fn assert_account_knows_the_world(&self) {
        let (world, account) = (self.sim.roster(), self.account.roster());
        assert_eq!(Roster { version: 0, ..world }, Roster { version: 0, ..account });
    }

    /// Texts of the messages that the account received, in order.
    pub(crate) fn heard(&self) -> Vec<String> {
        let text = |happening: Happening| happening.body.message().map(|message| message.text.clone());
        self.account.happenings().into_iter().filter_map(text).collect()
    }
}

pub(crate) fn fixture(name: &str) -> Roster {
    roster_file::load(&fixture_path(name)).expect("the fixture is a roster")
}

pub(crate) fn fixture_path(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(name)
}

pub(crate) fn act(kind: ChatKind, id: &str, body: ActionBody) -> Act {
    Act {
        number: ActNumber(1),
        account: "qq".parse().expect("a name"),
        target: Some(Target { account: None, kind, id: id.to_owned(), via: None }),
        body,
        by: Actor::Api,
        cause: Some(Seq(4711)),
        origin: None,
        depth: 2,
        reason: None,
        before: None,
        tag: None,
        tell_result: false,
        decided_at: START,
        expires_at: START + 300_000,
    }
}

pub(crate) fn send(text: &str) -> ActionBody {
    ActionBody::Send { segments: vec![Segment::text(text)] }
}

pub(crate) fn group(id: &str) -> ChatRef {
    ChatRef { kind: ChatKind::Group, id: id.to_owned() }
}

/// What kind of thing each happening was.
pub(crate) fn kinds(happenings: &[Happening]) -> Vec<mynah_model::event::EventKind> {
    happenings.iter().map(|happening| happening.body.kind()).collect()
}

pub(crate) fn is_login(happening: &Happening, scanned: bool) -> bool {
    happening.body == EventBody::Login { scanned }
}
