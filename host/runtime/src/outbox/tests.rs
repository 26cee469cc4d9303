use std::time::Duration;

use arc_swap::ArcSwap;
use mynah_model::Attrs;
use mynah_model::action::{ActionBody, Actor, Target};
use mynah_model::address::ChatKind;
use mynah_model::clock::SystemClock;
use mynah_model::event::{Event, EventBody};
use mynah_model::message::Segment;
use mynah_model::names::{ReleaseId, ScriptName, Seq};
use mynah_model::roster::Roster;
use mynah_networks::network::{Boxed, Closed, Happening, Network, NetworkError, Receipt, Sink, StopSignal};
use mynah_networks::sim::{Sim, SimConfig};

use super::*;
use crate::account::ApiKind;
use crate::ended::chat_of;
use crate::grants::Mode;
use crate::pause::Pauses;
use crate::rules::Rules;
use crate::scheduler::Scheduler;
use crate::script_setup::{ScriptSetup, SharedSetups};

struct Stage {
    store: Store,
    account: Arc<Account>,
    intake: Arc<Intake>,
    outbox: Arc<Outbox>,
    pauses: Arc<Pauses>,
    setups: SharedSetups,
}

fn stage() -> Stage {
    stage_on(Sim::new(SimConfig::default(), Arc::new(SystemClock)))
}

fn stage_on(network: Arc<dyn Network>) -> Stage {
    let (store, recovery) = Store::open_in_memory().unwrap();
    let waiting = Waiting::new(Arc::new(SystemClock));
    let account = Arc::new(Account::new("sim".parse().unwrap(), ApiKind::Openqq, network));
    let rules = Arc::new(ArcSwap::from_pointee(Rules::default()));
    let scheduler = Arc::new(Scheduler::new(1));
    let intake = Intake::new(store.clone(), scheduler, rules.clone(), waiting.clone(), recovery.last_seq);
    let (intake, accounts) = (Arc::new(intake), Arc::new(Accounts::new(vec![account.clone()])));
    let (pauses, setups) = (Arc::<Pauses>::default(), SharedSetups::default());
    let revocations = Revocations::new(pauses.clone(), setups.clone());
    let outbox = Outbox::new(
        store.clone(),
        accounts,
        intake.clone(),
        Fetches::new(rules),
        waiting,
        revocations,
        Handle::current(),
    );
    Stage { store, account, intake, outbox: Arc::new(outbox), pauses, setups }
}

impl Stage {
    fn act(&self, number: u64) -> Act {
        Act {
            number: ActNumber(number),
            account: self.account.name().clone(),
            target: Some(Target { account: None, kind: ChatKind::Group, id: "1".into(), via: None }),
            body: ActionBody::Send { segments: vec![Segment::text("hi")] },
            by: Actor::Api,
            cause: None,
            origin: None,
            depth: 1,
            reason: None,
            before: None,
            tag: None,
            tell_result: false,
            decided_at: 0,
            expires_at: i64::MAX,
        }
    }

    async fn decide(&self, number: u64) -> oneshot::Receiver<ActOutcome> {
        let act = self.act(number);
        self.outbox.expect(&act);
        let outcome = self.outbox.outcome_of(act.number);
        self.store.write_durable(Write::OutboxDecided(act.clone()).into()).await.unwrap();
        self.outbox.deliver(vec![act]);
        outcome
    }

    async fn enter(&self, state: AccountState) -> Result<Seq, Closed> {
        let body = EventBody::AccountState { old: self.account.state(), new: state };
        let happening = Happening { time: 0, chat: None, body, consequence: None, attrs: Attrs::new() };
        self.intake.record(&self.account, vec![happening], Vec::new()).await
    }

    fn state(&self, number: u64) -> OutboxState {
        self.store.read(|reader| reader.act(ActNumber(number))).unwrap().unwrap().state
    }
}

#[tokio::test]
async fn an_act_of_an_account_that_is_stopped_fails_unless_the_host_stops() {
    let stage = stage();
    let failed = stage.decide(1).await;
    stage.enter(AccountState::Stop).await.unwrap();
    assert_eq!(failed.await.unwrap().code, "account.not-running");
    stage.enter(AccountState::Loading).await.unwrap();

    let waiting = stage.decide(2).await;
    stage.outbox.close();
    stage.enter(AccountState::Stop).await.unwrap();
    let later = stage.decide(3).await;
    stage.outbox.dismiss_callers();
    assert!(waiting.await.is_err() && later.await.is_err());
    let failed = OutboxState::Ended(Outcome::Failed);
    let states = [1, 2, 3].map(|number| stage.state(number));
    assert_eq!(states, [failed, OutboxState::Decided, OutboxState::Decided]);
}

#[tokio::test]
async fn what_waits_is_called_off_when_it_is_paused_and_not_done_when_that_ends() {
    let stage = stage();
    let waiting = [stage.decide(1).await, stage.decide(2).await];
    let scope = crate::pause::Scope { script: None, chats: "sim".parse().unwrap() };
    stage.pauses.pause(scope, 0, &Actor::Host).unwrap();
    stage.outbox.reconsider();
    for outcome in waiting {
        let outcome = outcome.await.unwrap();
        assert_eq!((outcome.outcome, outcome.code.as_str()), (Outcome::DryRun, "host.paused"));
    }
    let later = stage.decide(3).await.await.unwrap();
    assert_eq!(later.outcome, Outcome::DryRun, "its decision was on its way");
    stage.pauses.resume(|_| true);
    stage.enter(AccountState::Running).await.unwrap();
    assert_eq!([1, 2, 3].map(|number| stage.state(number)), [OutboxState::Ended(Outcome::DryRun); 3]);
    assert_eq!(stage.account.acts_waiting(), 0);
}

#[tokio::test]
async fn what_waits_of_a_script_is_called_off_when_the_operator_switches_it_off() {
    let stage = stage();
    let script: ScriptName = "guard".parse().unwrap();
    let mut setup = ScriptSetup::default();
    setup.grants.allow.insert("send".into());
    setup.grants.chats = vec!["sim".parse().unwrap()];
    stage.setups.store(Arc::new([(script.clone(), setup.clone())].into()));
    let mut act = stage.act(1);
    act.by = Actor::Script { name: script.clone(), release: ReleaseId([0; 32]) };
    stage.outbox.expect(&act);
    let outcome = stage.outbox.outcome_of(act.number);
    stage.store.write_durable(Write::OutboxDecided(act.clone()).into()).await.unwrap();
    stage.outbox.deliver(vec![act]);
    tokio::task::yield_now().await;
    assert_eq!(stage.state(1), OutboxState::Decided);
    setup.grants.mode = Mode::Off;
    stage.setups.store(Arc::new([(script, setup)].into()));
    stage.outbox.reconsider();
    let outcome = outcome.await.unwrap();
    assert_eq!((outcome.outcome, outcome.code.as_str()), (Outcome::DryRun, "grant.missing"));
}

/// Panics at every act.
struct Broken;

impl Network for Broken {
    fn kind(&self) -> &'static str {
        "broken"
    }

    fn run(self: Arc<Self>, _: Arc<dyn Sink>, _: StopSignal) -> Boxed<'static, Result<(), NetworkError>> {
        Box::pin(async { Ok(()) })
    }

    fn perform<'a>(&'a self, act: &'a Act) -> Boxed<'a, Result<Receipt, NetworkError>> {
        panic!("act {}", act.number)
    }

    fn redelivery(&self) -> Redelivery {
        Redelivery::Unknown
    }
}

#[tokio::test]
async fn a_driver_that_panics_holds_up_no_chat() {
    let stage = stage_on(Arc::new(Broken));
    stage.enter(AccountState::Running).await.unwrap();
    for number in 1..=2 {
        let outcome = stage.decide(number).await.await.unwrap();
        assert_eq!(outcome.outcome, Outcome::Unknown, "{outcome:?}");
    }
    assert_eq!(stage.account.acts_waiting(), 0);
}

/// Is never connected.
struct Away;

impl Network for Away {
    fn kind(&self) -> &'static str {
        "away"
    }

    fn run(self: Arc<Self>, _: Arc<dyn Sink>, _: StopSignal) -> Boxed<'static, Result<(), NetworkError>> {
        Box::pin(async { Ok(()) })
    }

    fn perform<'a>(&'a self, _: &'a Act) -> Boxed<'a, Result<Receipt, NetworkError>> {
        Box::pin(async { Err(NetworkError::Offline("nobody is there".to_owned())) })
    }

    fn redelivery(&self) -> Redelivery {
        Redelivery::Unknown
    }
}

#[tokio::test]
async fn an_act_that_was_started_and_found_no_connection_is_known_not_to_have_happened() {
    let stage = stage_on(Arc::new(Away));
    stage.enter(AccountState::Running).await.unwrap();
    let mut act = stage.act(1);
    assert!(stage.outbox.start(&act));
    stage.outbox.expect(&act);
    stage.store.write_durable(Write::OutboxStarted(act.clone()).into()).await.unwrap();
    assert_eq!(stage.state(1), OutboxState::Sending);
    stage.outbox.deliver(vec![act.clone()]);
    while stage.state(1) != OutboxState::Decided {
        tokio::task::yield_now().await;
    }
    act.number = ActNumber(2);
    assert!(!stage.outbox.start(&act), "another one of this chat waits before it");
    stage.enter(AccountState::Updating).await.unwrap();
    act.target = Some(Target { account: None, kind: ChatKind::Group, id: "2".into(), via: None });
    assert!(!stage.outbox.start(&act), "there is no connection");
}

#[tokio::test]
async fn an_act_that_was_started_and_waits_behind_another_is_known_not_to_have_happened() {
    let stage = stage_on(Arc::new(Away));
    stage.enter(AccountState::Running).await.unwrap();
    let acts = [stage.act(1), stage.act(2)];
    for act in &acts {
        assert!(stage.outbox.start(act), "none of this chat waits yet");
        stage.outbox.expect(act);
        stage.store.write_durable(Write::OutboxStarted(act.clone()).into()).await.unwrap();
    }
    stage.outbox.deliver(acts.to_vec());
    stage.store.write_durable(Batch::new()).await.unwrap();
    assert_eq!(stage.state(2), OutboxState::Decided);
}

/// Takes 40 seconds for an act, and says beforehand that it may be a minute, or does not.
struct Slow {
    says: bool,
}

impl Network for Slow {
    fn kind(&self) -> &'static str {
        "slow"
    }

    fn run(self: Arc<Self>, _: Arc<dyn Sink>, _: StopSignal) -> Boxed<'static, Result<(), NetworkError>> {
        Box::pin(async { Ok(()) })
    }

    fn perform<'a>(&'a self, _: &'a Act) -> Boxed<'a, Result<Receipt, NetworkError>> {
        Box::pin(async {
            tokio::time::sleep(Duration::from_secs(40)).await;
            Ok(Receipt::default())
        })
    }

    fn time_for(&self, _: &Act) -> Option<Duration> {
        self.says.then_some(Duration::from_secs(60))
    }

    fn redelivery(&self) -> Redelivery {
        Redelivery::Unknown
    }
}

#[tokio::test(start_paused = true)]
async fn an_act_may_take_as_long_as_its_network_says_that_it_does() {
    for (says, outcome) in [(true, Outcome::Done), (false, Outcome::Unknown)] {
        let stage = stage_on(Arc::new(Slow { says }));
        stage.enter(AccountState::Running).await.unwrap();
        assert_eq!(stage.decide(1).await.await.unwrap().outcome, outcome);
    }
}

#[tokio::test]
async fn an_act_whose_account_is_gone_is_not_said_to_have_been_under_way() {
    let stage = stage();
    drop(stage.decide(1).await);
    let mut act = stage.store.read(|reader| reader.outbox_open()).unwrap().remove(0).0;
    act.account = "gone".parse().unwrap();
    act.number = ActNumber(2);
    stage.store.write_durable(Write::OutboxDecided(act.clone()).into()).await.unwrap();
    stage.outbox.recover(vec![(act, OutboxState::Decided)]);
    stage.store.write_durable(Batch::new()).await.unwrap();
    assert_eq!(stage.state(2), OutboxState::Ended(Outcome::Failed));
}

#[tokio::test]
async fn what_an_earlier_run_left_comes_before_what_happens_before_the_account_runs() {
    let stage = stage();
    let event = |seq: u64, chat: Option<&str>| {
        let target = |id: &str| Target { account: None, kind: ChatKind::Group, id: id.into(), via: None };
        Arc::new(Event {
            seq: Seq(seq),
            account: "sim".parse().unwrap(),
            network: "sim".into(),
            self_id: String::new(),
            time: 0,
            received_at: 0,
            cause: None,
            depth: 0,
            by_script: None,
            chat: chat.map(|id| chat_of(&target(id), &Roster::default())),
            body: EventBody::Stopped,
            attrs: Attrs::new(),
        })
    };
    stage.account.keep_recovered(event(1, Some("a")));
    assert!(stage.account.keep_behind_recovered(event(2, Some("b"))).is_some());
    assert!(stage.account.keep_behind_recovered(event(3, None)).is_some());
    assert!(stage.account.keep_behind_recovered(event(4, Some("a"))).is_none());
    stage.enter(AccountState::Loading).await.unwrap();
    assert!(stage.account.take_recovered().is_empty());
    stage.account.apply(&Happening {
        time: 0,
        chat: None,
        body: EventBody::AccountState { old: AccountState::Loading, new: AccountState::Running },
        consequence: None,
        attrs: Attrs::new(),
    });
    let order: Vec<_> = stage.account.take_recovered().iter().map(|event| event.seq.0).collect();
    assert_eq!(order, [1, 4]);
    assert!(stage.account.keep_behind_recovered(event(5, Some("a"))).is_some());
}
