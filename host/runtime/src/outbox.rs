//! From the decision to the network: acts are delivered in order within their chat, each at most once, and what became
//! of them is kept and told.

use std::collections::{HashMap, HashSet, VecDeque};
use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use mynah_model::action::{Act, ActionBody, Outcome};
use mynah_model::address::Address;
use mynah_model::event::AccountState;
use mynah_model::names::ActNumber;
use mynah_model::refusal::{Code, Refusal};
use mynah_networks::network::{NetworkError, Redelivery};
use mynah_store::{Batch, OutboxState, Store, StoreError, Write};
use parking_lot::Mutex;
use tokio::runtime::Handle;
use tokio::sync::{oneshot, watch};

use crate::account::Account;
use crate::accounts::Accounts;
use crate::act_outcome::ActOutcome;
use crate::ended::Ended;
use crate::fetches::Fetches;
use crate::intake::Intake;
use crate::limits;
use crate::pause::Pauses;
use crate::waiting::Waiting;

/// Acts that are decided and not yet confirmed by their network.
pub(crate) struct Outbox {
    store: Store,
    accounts: Arc<Accounts>,
    intake: Arc<Intake>,
    fetches: Fetches,
    waiting: Waiting,
    pauses: Arc<Pauses>,
    tasks: Handle,
    queues: Mutex<Queues>,
    /// Acts that have taken their turn and were noted down as on their way when they were decided.
    started: Mutex<HashSet<ActNumber>>,
    callers: Mutex<HashMap<ActNumber, oneshot::Sender<ActOutcome>>>,
    /// Whether the host is about to stop: acts of accounts that are not running stay for its next start.
    closing: watch::Sender<bool>,
}

#[derive(Default)]
struct Queues {
    /// A chat with a queue here has a task that empties it.
    chats: HashMap<Address, VecDeque<Act>>,
    /// Chats that have a queue and no task yet.
    fresh: Vec<Address>,
}

impl Outbox {
    pub(crate) fn new(
        store: Store,
        accounts: Arc<Accounts>,
        intake: Arc<Intake>,
        fetches: Fetches,
        waiting: Waiting,
        pauses: Arc<Pauses>,
        tasks: Handle,
    ) -> Self {
        let closing = watch::Sender::new(false);
        let (queues, started, callers) = (Mutex::default(), Mutex::default(), Mutex::default());
        Self { store, accounts, intake, fetches, waiting, pauses, tasks, queues, started, callers, closing }
    }

    /// The host is about to stop: an act whose account is not running, or stops now, is not given up but stays.
    pub(crate) fn close(&self) {
        self.closing.send_replace(true);
    }

    /// Whoever still waits for an outcome waits in vain.
    pub(crate) fn dismiss_callers(&self) {
        self.callers.lock().clear();
    }

    /// Takes a place for a fetch that is about to be decided, if its script may have one more. Other acts need none.
    pub(crate) fn admit(&self, act: &Act) -> Result<(), Refusal> {
        self.fetches.begin(act)
    }

    /// Counts an act that is about to be decided; [`Outbox::deliver`] or [`Outbox::forget`] follows.
    pub(crate) fn expect(&self, act: &Act) {
        if let Some(account) = self.accounts.get(act.account.as_str()) {
            account.count_acts(1);
        }
    }

    /// Whether an act can be handed to its network as soon as its decision is committed: then it is decided as on its way,
    /// which saves a second commit. If it is handed over later after all, that is noted down.
    pub(crate) fn start(&self, act: &Act) -> bool {
        let Some(account) = self.accounts.get(act.account.as_str()) else { return false };
        // What is fetched goes out beside the chat's queue, in turns of its own.
        let starts = !matches!(act.body, ActionBody::Fetch { .. })
            && account.driver().redelivery() == Redelivery::Unknown
            && account.state() == AccountState::Running
            && !self.queues.lock().chats.contains_key(&act.address())
            && account.driver().take_turn(act);
        starts && self.started.lock().insert(act.number)
    }

    /// Whether anybody hears of events when they are journalled.
    pub(crate) fn is_listened_to(&self) -> bool {
        self.intake.is_listened_to()
    }

    /// Resolves with what becomes of an act. Ask before it is delivered.
    pub(crate) fn outcome_of(&self, act: ActNumber) -> oneshot::Receiver<ActOutcome> {
        let (resolve, outcome) = oneshot::channel();
        self.callers.lock().insert(act, resolve);
        outcome
    }

    /// Acts that could not be kept: they are not done.
    pub(crate) fn forget(&self, acts: &[Act]) {
        for act in acts {
            self.fetches.end(act);
            if let Some(account) = self.accounts.get(act.account.as_str()) {
                account.count_acts(-1);
            }
            self.started.lock().remove(&act.number);
            let text = "the decision could not be kept in the store";
            self.answer(act, &Ended::unkept(Outcome::Failed, text));
        }
    }

    /// Delivers acts whose decision is committed, after those that the same chat has waiting; fetches beside them.
    pub(crate) fn deliver(self: &Arc<Self>, acts: Vec<Act>) {
        let mut due = Vec::with_capacity(acts.len());
        for act in acts {
            match self.pauses.refusal_of(&act) {
                Some(refusal) => self.call_off(&act, &refusal),
                None if matches!(act.body, ActionBody::Fetch { .. }) => {
                    self.tasks.spawn(self.clone().fetch(act));
                }
                None => due.push(act),
            }
        }
        let mut queues = self.queues.lock();
        let begun = !queues.fresh.is_empty();
        for act in due {
            let address = act.address();
            if let Some(queue) = queues.chats.get_mut(&address) {
                queue.push_back(act);
            } else {
                queues.chats.insert(address.clone(), [act].into());
                queues.fresh.push(address);
            }
        }
        // One task for all that come until it begins: to wake a thread costs more than what it does here.
        if !begun && !queues.fresh.is_empty() {
            self.tasks.spawn(self.clone().empty_fresh());
        }
    }

    async fn empty_fresh(self: Arc<Self>) {
        let fresh = std::mem::take(&mut self.queues.lock().fresh);
        let mut chats: FuturesUnordered<_> =
            fresh.into_iter().map(|address| self.clone().empty(address)).collect();
        while chats.next().await.is_some() {}
    }

    /// Calls off what waits and is paused by now. What is with a network already may happen.
    pub(crate) fn call_off_paused(self: &Arc<Self>) {
        let mut paused = Vec::new();
        for queue in self.queues.lock().chats.values_mut() {
            for act in std::mem::take(queue) {
                match self.pauses.refusal_of(&act) {
                    Some(refusal) => paused.push((act, refusal)),
                    None => queue.push_back(act),
                }
            }
        }
        for (act, refusal) in paused {
            self.call_off(&act, &refusal);
        }
    }

    fn call_off(self: &Arc<Self>, act: &Act, refusal: &Refusal) {
        self.started.lock().remove(&act.number);
        let account = self.accounts.get(act.account.as_str());
        let kept = self.keep(account.as_deref(), act, called_off(refusal), true);
        // Whoever waits for the outcome is told when it is kept.
        self.tasks.spawn(kept);
    }

    /// Tells scripts what became of actions that got no further than the gate.
    pub(crate) fn tell(self: &Arc<Self>, told: Vec<(Act, Ended)>) {
        for (act, ended) in told {
            let Some(account) = self.accounts.get(act.account.as_str()) else { continue };
            let (roster, now) = (account.roster(), self.waiting.now());
            let finished = ended.finished_event(&act, &roster, now);
            let events = finished.into_iter().chain(ended.result_event(&act, &roster, now));
            // Nobody waits for it: should it not be journalled, the intake says so.
            self.intake.queue(&account, events.collect(), Vec::new(), None);
        }
    }

    /// Takes up what an earlier run of the host left, in the order of the acts.
    pub(crate) fn recover(self: &Arc<Self>, rows: Vec<(Act, OutboxState)>) {
        for (act, state) in rows {
            let account = self.accounts.get(act.account.as_str());
            self.expect(&act);
            self.fetches.resume(&act);
            let is_fetch = matches!(act.body, ActionBody::Fetch { .. });
            let safe = !is_fetch
                && account.as_ref().is_some_and(|account| account.driver().redelivery() == Redelivery::Safe);
            match (state, account) {
                (OutboxState::Decided, Some(_)) => self.deliver(vec![act]),
                (OutboxState::Sending, Some(_)) if safe => self.deliver(vec![act]),
                (OutboxState::Decided, None) => {
                    let ended = Ended::refused(
                        Outcome::Failed,
                        Code::AccountUnknown,
                        "the host has its account no more",
                    );
                    drop(self.keep(None, &act, ended, true));
                }
                (_, account) => {
                    let ended = Ended::refused(
                        Outcome::Unknown,
                        if is_fetch { Code::FetchUnknown } else { Code::NetworkUnknown },
                        "the host was killed while it was under way",
                    );
                    drop(self.keep(account.as_deref(), &act, ended, true));
                }
            }
        }
    }

    /// Fetches, apart from the chat's other acts: they need not wait for a slow server.
    async fn fetch(self: Arc<Self>, act: Act) {
        let Some(account) = self.accounts.get(act.account.as_str()) else { return };
        if let Some(ended) = self.fetched(&act).await {
            // Its events are queued by then, and nobody waits for their being kept.
            drop(self.keep(Some(&account), &act, ended, true));
        }
    }

    /// How a fetch ends. `None` if the host stops before anything is asked: it stays for its next start.
    async fn fetched(&self, act: &Act) -> Option<Ended> {
        let _room = tokio::select! {
            biased;
            room = self.fetches.room(act) => room?,
            () = self.waiting.until(act.expires_at) => return Some(expired("it waited for its turn for too long")),
        };
        if let Some(refusal) = self.pauses.refusal_of(act) {
            return Some(called_off(&refusal));
        }
        match self.store.write_durable(Write::OutboxSending(act.number).into()).await {
            Ok(()) => Some(self.fetches.fetch(act).await),
            Err(StoreError::Closed) => None,
            Err(error) => {
                tracing::error!(act = %act.number, %error, "nothing is fetched because that could not be noted down");
                Some(Ended::unkept(Outcome::Failed, "the store could not be written"))
            }
        }
    }

    async fn empty(self: Arc<Self>, address: Address) {
        loop {
            let act = {
                let mut queues = self.queues.lock();
                match queues.chats.get_mut(&address).and_then(VecDeque::pop_front) {
                    Some(act) => act,
                    None => {
                        queues.chats.remove(&address);
                        return;
                    }
                }
            };
            let Some(account) = self.accounts.get(act.account.as_str()) else { continue };
            let Some(ended) = self.perform(&account, &act).await else { return };
            let called = self.callers.lock().contains_key(&act.number);
            // Only somebody who waits for the outcome needs to wait for its being kept.
            let kept = self.keep(Some(&account), &act, ended, called);
            if called {
                kept.await;
            }
        }
    }

    /// Does an act once its account is running. `None` if the host stops before: the act stays for its next start.
    async fn perform(&self, account: &Account, act: &Act) -> Option<Ended> {
        let mut state = account.watch_state();
        let mut changed = self.pauses.watch();
        let mut started = self.started.lock().remove(&act.number);
        loop {
            changed.mark_unchanged();
            if let Some(refusal) = self.pauses.refusal_of(act) {
                return Some(called_off(&refusal));
            }
            if started && account.state() != AccountState::Running {
                self.put_back(act).await;
                started = false;
            }
            tokio::select! {
                biased;
                _ = changed.changed() => continue,
                waited = self.wait_for_account(&mut state, act) => if let Err(ended) = waited? {
                    return Some(ended);
                },
            }
            if !started {
                tokio::select! {
                    biased;
                    _ = changed.changed() => continue,
                    () = account.driver().turn(act) => {}
                    _ = state.wait_for(|state| *state != AccountState::Running) => continue,
                    () = self.waiting.until(act.expires_at) => return Some(expired("it waited for its turn for too long")),
                }
            }
            match self.hand_over(account, act, std::mem::take(&mut started)).await {
                Ok(ended) => return Some(ended),
                // The connection was lost just now and nothing happened. The account's state will say so, too.
                Err(why) => {
                    tracing::debug!(account = %account.name(), act = %act.number, why, "an act waits for the connection");
                    if account.driver().redelivery() == Redelivery::Unknown {
                        self.put_back(act).await;
                    }
                    let left = state.wait_for(|state| *state != AccountState::Running);
                    // Either way it is looked at again.
                    let _ = tokio::time::timeout(limits::OFFLINE_PAUSE, left).await;
                }
            }
        }
    }

    /// Notes down that an act which was to be handed over waits: should the host be killed, it is known not to have happened.
    async fn put_back(&self, act: &Act) {
        if let Err(error) = self.store.write_durable(Write::OutboxWaits(act.number).into()).await {
            tracing::error!(act = %act.number, %error, "an act waits and that could not be noted down");
        }
    }

    /// Waits until an account is running; how the act ends if it does not. `None` if the host stops before.
    async fn wait_for_account(
        &self,
        state: &mut watch::Receiver<AccountState>,
        act: &Act,
    ) -> Option<Result<(), Ended>> {
        let mut closing = self.closing.subscribe();
        tokio::select! {
            biased;
            running = state.wait_for(|state| matches!(state, AccountState::Running | AccountState::Stop)) => {
                if running.is_ok_and(|state| *state == AccountState::Running) {
                    Some(Ok(()))
                } else if *self.closing.borrow() {
                    None
                } else {
                    let why = "the account is stopped";
                    Some(Err(Ended::refused(Outcome::Failed, Code::AccountNotRunning, why)))
                }
            }
            _ = closing.wait_for(|closing| *closing) => None,
            () = self.waiting.until(act.expires_at) => Some(Err(expired("the account was not connected in time"))),
        }
    }

    /// Hands an act to its network; an error says why nothing was done and that it can be tried again. `noted`: it stands in
    /// the store already that this happens.
    async fn hand_over(&self, account: &Account, act: &Act, noted: bool) -> Result<Ended, String> {
        if self.waiting.now() > act.expires_at {
            return Ok(expired("it waited in the outbox for too long"));
        }
        if !noted && account.driver().redelivery() == Redelivery::Unknown {
            let sending = Batch::from(vec![Write::OutboxSending(act.number)]);
            if let Err(error) = self.store.write_durable(sending).await {
                tracing::error!(act = %act.number, %error, "an act is not sent because that could not be noted down");
                return Ok(Ended::refused(
                    Outcome::Failed,
                    Code::NetworkRefused,
                    "the store could not be written",
                ));
            }
        }
        // A defect of a driver must not end the task, or the chat's acts would wait for ever.
        let mut performed = pin!(async { account.driver().perform(act).await });
        let performed = poll_fn(|context| {
            let polled = catch_unwind(AssertUnwindSafe(|| performed.as_mut().poll(context)));
            polled
                .unwrap_or_else(|_| Poll::Ready(Err(NetworkError::Unknown("its driver panicked".to_owned()))))
        });
        match tokio::time::timeout(limits::DELIVERY_TIMEOUT, performed).await {
            Ok(Ok(receipt)) => Ok(Ended::done(receipt)),
            Ok(Err(NetworkError::Offline(why))) => Err(why),
            Ok(Err(error)) => Ok(Ended::failed(&error)),
            Err(_) => Ok(Ended::refused(
                Outcome::Unknown,
                Code::NetworkUnknown,
                "the network gave no answer in time",
            )),
        }
    }

    /// Keeps what became of an act and tells the scripts that want to know, at once; the future waits until that is
    /// committed and then answers whoever waits for the outcome. Unless it is due, it is committed with what comes next.
    fn keep(
        self: &Arc<Self>,
        account: Option<&Account>,
        act: &Act,
        ended: Ended,
        due: bool,
    ) -> impl Future<Output = ()> + use<> {
        tracing::debug!(account = %act.account, act = %act.number, action = act.body.name(), code = ended.code, "act ended");
        let row = Write::OutboxEnded {
            number: act.number,
            outcome: ended.outcome,
            code: ended.code.to_owned(),
            text: ended.text.clone(),
            message_id: ended.message_id.clone(),
            at: self.waiting.now(),
        };
        let (tell, committed) = oneshot::channel();
        let tell = Some(tell).filter(|_| due);
        if let Some(account) = account {
            let (roster, now) = (account.roster(), self.waiting.now());
            let mut events: Vec<_> = ended.sent_event(act, &roster, now).into_iter().collect();
            events.extend(ended.finished_event(act, &roster, now));
            let told = ended.result_event(act, &roster, now);
            match act.origin.as_ref().and_then(|origin| self.accounts.get(origin.account.as_str())) {
                // The script acted through another account than the one it was called for.
                Some(origin) if origin.name() != account.name() => {
                    self.intake.queue(&origin, told.into_iter().collect(), Vec::new(), None);
                }
                _ => events.extend(told),
            }
            self.intake.queue(account, events, vec![row], tell);
            // Only now: whoever sees that no act waits may rely on what it caused being queued.
            self.fetches.end(act);
            account.count_acts(-1);
        } else {
            self.fetches.end(act);
            self.store.write(Batch::from(vec![row]), |result| {
                let _ = tell.map(|tell| tell.send(result.is_ok()));
            });
        }
        let (outbox, act) = (self.clone(), act.clone());
        async move {
            let kept = committed.await.unwrap_or(false);
            let unkept = || Ended::unkept(Outcome::Unknown, "what became of it could not be kept");
            outbox.answer(&act, &if kept { ended } else { unkept() });
        }
    }

    fn answer(&self, act: &Act, ended: &Ended) {
        if let Some(caller) = self.callers.lock().remove(&act.number) {
            // A caller that went away wants no answer.
            let _ = caller.send(ActOutcome {
                number: Some(act.number),
                outcome: ended.outcome,
                code: ended.code.to_owned(),
                text: ended.text.clone(),
                message_id: ended.message_id.clone(),
                group_id: ended.group_id.clone(),
            });
        }
    }
}

fn called_off(refusal: &Refusal) -> Ended {
    Ended::refused(Outcome::DryRun, refusal.code, &refusal.text)
}

fn expired(why: &str) -> Ended {
    Ended::refused(Outcome::Expired, Code::ActionExpired, why)
}

#[cfg(test)]
mod tests {
    use arc_swap::ArcSwap;
    use mynah_model::Attrs;
    use mynah_model::action::{ActionBody, Actor, Target};
    use mynah_model::address::ChatKind;
    use mynah_model::clock::SystemClock;
    use mynah_model::event::{Event, EventBody};
    use mynah_model::message::Segment;
    use mynah_model::names::Seq;
    use mynah_model::roster::Roster;
    use mynah_networks::network::{Boxed, Closed, Happening, Network, Receipt, Sink, StopSignal};
    use mynah_networks::sim::{Sim, SimConfig};

    use super::*;
    use crate::account::ApiKind;
    use crate::ended::chat_of;
    use crate::rules::Rules;
    use crate::scheduler::Scheduler;

    struct Stage {
        store: Store,
        account: Arc<Account>,
        intake: Arc<Intake>,
        outbox: Arc<Outbox>,
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
        let (fetches, pauses) = (Fetches::new(rules), Arc::default());
        let outbox =
            Outbox::new(store.clone(), accounts, intake.clone(), fetches, waiting, pauses, Handle::current());
        Stage { store, account, intake, outbox: Arc::new(outbox) }
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
        stage.outbox.pauses.pause(scope, 0, &Actor::Host).unwrap();
        stage.outbox.call_off_paused();
        for outcome in waiting {
            let outcome = outcome.await.unwrap();
            assert_eq!((outcome.outcome, outcome.code.as_str()), (Outcome::DryRun, "host.paused"));
        }
        let later = stage.decide(3).await.await.unwrap();
        assert_eq!(later.outcome, Outcome::DryRun, "its decision was on its way");
        stage.outbox.pauses.resume(|_| true);
        stage.enter(AccountState::Running).await.unwrap();
        assert_eq!([1, 2, 3].map(|number| stage.state(number)), [OutboxState::Ended(Outcome::DryRun); 3]);
        assert_eq!(stage.account.acts_waiting(), 0);
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
}
