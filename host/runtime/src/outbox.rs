//! From the decision to the network: acts are delivered in order within their chat, each at most once, and what became
//! of them is kept and told.
//!
//! `delivery` hands them over.

mod delivery;

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::Arc;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use mynah_model::action::{Act, ActionBody, Outcome};
use mynah_model::address::Address;
use mynah_model::event::AccountState;
use mynah_model::names::ActNumber;
use mynah_model::refusal::{Code, Refusal};
use mynah_networks::network::Redelivery;
use mynah_store::{Batch, OutboxState, Store, Write};
use parking_lot::Mutex;
use tokio::runtime::Handle;
use tokio::sync::{oneshot, watch};

use crate::account::Account;
use crate::accounts::Accounts;
use crate::act_outcome::ActOutcome;
use crate::ended::Ended;
use crate::fetches::Fetches;
use crate::intake::Intake;
use crate::revocations::Revocations;
use crate::waiting::Waiting;

/// Acts that are decided and not yet confirmed by their network.
pub(crate) struct Outbox {
    store: Store,
    accounts: Arc<Accounts>,
    intake: Arc<Intake>,
    fetches: Fetches,
    waiting: Waiting,
    revocations: Revocations,
    /// Tells acts that wait to look again whether they may still be done.
    reconsidered: watch::Sender<()>,
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
        revocations: Revocations,
        tasks: Handle,
    ) -> Self {
        Self {
            store,
            accounts,
            intake,
            fetches,
            waiting,
            revocations,
            reconsidered: watch::Sender::new(()),
            tasks,
            queues: Mutex::default(),
            started: Mutex::default(),
            callers: Mutex::default(),
            closing: watch::Sender::new(false),
        }
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
            account.expect(act);
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
                account.end(act);
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
            match self.refusal_of(&act) {
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
                self.unstart(&act);
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

    /// An act that was started waits behind one that another chat's event brought about.
    fn unstart(&self, act: &Act) {
        if self.started.lock().remove(&act.number) {
            let number = act.number;
            self.store.write_soon(Write::OutboxWaits(number).into(), move |result| {
                if let Err(error) = result {
                    tracing::error!(act = %number, %error, "an act waits and that could not be noted down");
                }
            });
        }
    }

    async fn empty_fresh(self: Arc<Self>) {
        let fresh = std::mem::take(&mut self.queues.lock().fresh);
        let mut chats: FuturesUnordered<_> =
            fresh.into_iter().map(|address| self.clone().empty(address)).collect();
        while chats.next().await.is_some() {}
    }

    fn refusal_of(&self, act: &Act) -> Option<Refusal> {
        let embedded = self.accounts.get(act.account.as_str()).is_some_and(|account| account.sim().is_some());
        self.revocations.refusal_of(act, embedded)
    }

    /// Calls off what waits and may not be done any more. What is with a network already may happen.
    pub(crate) fn reconsider(self: &Arc<Self>) {
        self.reconsidered.send_replace(());
        let mut paused = Vec::new();
        for queue in self.queues.lock().chats.values_mut() {
            for act in std::mem::take(queue) {
                match self.refusal_of(&act) {
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
            // Nobody waits for these: should they not be journalled, the intake says so.
            if let Some(finished) = ended.finished_event(&act, &roster, now) {
                self.intake.queue(&account, vec![finished], Vec::new(), None);
            }
            if let Some(told) = ended.result_event(&act, &roster, now) {
                let origin =
                    act.origin.as_ref().and_then(|origin| self.accounts.get(origin.account.as_str()));
                self.intake.queue(&origin.unwrap_or(account), vec![told], Vec::new(), None);
            }
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
            account.end(act);
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
mod tests;
