//! What happens to one event: the scripts that want it are called in turn, their actions pass the gate, and all of it
//! becomes one transaction.
//!
//! `decision` puts it together.

mod decision;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use arc_swap::ArcSwap;
use mynah_engine::{CallContext, CallReport, Engine};
use mynah_model::action::ActionBody;
use mynah_model::event::Event;
use mynah_model::names::{ActNumber, Seq};
use mynah_model::refusal::{Code, Refusal};
use mynah_store::{Batch, DeadLetter, Store, StoreError, Write};
use parking_lot::{Mutex, MutexGuard, RwLockReadGuard};

use crate::account::Account;
use crate::accounts::Accounts;
use crate::alerts::Alerts;
use crate::budget::Budgets;
use crate::grants::OnFault;
use crate::health::charged;
use crate::limits;
use crate::operators;
use crate::outbox::Outbox;
use crate::pause::Pauses;
use crate::record::{Handled, Records};
use crate::rules::{LiveScript, Rules};
use crate::scheduler::Pace;
use crate::scripts::Catalog;
use crate::state::{CallState, SharedReader, StateView, Turns, Uncommitted};
use crate::timers::Timers;
use crate::waiting::Waiting;
use crate::workers::Worker;
use decision::Decision;

/// Everything that handling an event needs. One for the host, shared by its workers.
pub(crate) struct Handling {
    pub(crate) engine: Engine,
    pub(crate) store: Store,
    pub(crate) rules: Arc<ArcSwap<Rules>>,
    pub(crate) catalog: Arc<Catalog>,
    pub(crate) accounts: Arc<Accounts>,
    pub(crate) uncommitted: Arc<Uncommitted>,
    pub(crate) outbox: Arc<Outbox>,
    pub(crate) timers: Arc<Timers>,
    pub(crate) pauses: Arc<Pauses>,
    pub(crate) alerts: Arc<Alerts>,
    pub(crate) records: Arc<Records>,
    pub(crate) waiting: Waiting,
    pub(crate) max_action_age_ms: i64,
    pub(crate) budgets: Budgets,
    pub(crate) acts: AtomicU64,
    pub(crate) tickets: AtomicU64,
    /// Decisions that are due and wait to be committed together with those on the events behind them.
    pub(crate) gathered: AtomicUsize,
}

/// One script's call, before the gate.
struct Called {
    live: Arc<LiveScript>,
    report: Result<CallReport, Refusal>,
    state: Arc<Mutex<CallState>>,
}

impl Called {
    /// Whether there was no room for a call that takes long.
    fn is_deferred(&self) -> bool {
        let fault = self.report.as_ref().ok().and_then(|report| report.result.as_ref().err());
        fault.is_some_and(|fault| fault.code == Code::HostDeferred)
    }
}

impl Handling {
    /// Handles an event: on return it is decided and queued for the store.
    pub(crate) fn handle(&self, event: &Arc<Event>, worker: &Worker) -> Pace {
        let Some(account) = self.accounts.get(event.account.as_str()) else {
            // An event from before the account was taken out of the configuration: there is nobody to act on it.
            self.store.write(Batch::from(vec![handled(event, self.waiting.now(), "[]".to_owned())]), |_| {});
            return Pace::Normal;
        };
        if let Some(order) = operators::order(&account, event) {
            return self.obey(event, &account, &order);
        }
        let rules = self.rules.load_full();
        let mut runs = 0;
        let (called, order) = loop {
            // The last run holds the order of shared state from the beginning, so that it cannot be disturbed.
            let early = (runs == limits::SHARED_RETRIES).then(|| self.uncommitted.shared_order.lock());
            let turns = early.is_none().then_some(&worker.turns);
            let epoch = self.uncommitted.epoch();
            let called = self.call_all(&rules, event, &account, &worker.reader, turns);
            if called.iter().any(Called::is_deferred) {
                self.discard(event, &called);
                return Pace::Deferred;
            }
            match self.validate(&called, &worker.reader, early, epoch) {
                Ok(order) => break (called, order),
                Err(Conflict) => {
                    runs += 1;
                    self.discard(event, &called);
                }
            }
        };
        let more = worker.turns.scheduler.waiting() > 0;
        self.decide(event, &account, called, order, more)
    }

    /// Whether a commit is to be made now. While more events wait, decisions gather: they are there soon, and one commit for
    /// all costs little more than one for each.
    fn is_time(&self, due: bool, more: bool) -> bool {
        let gathered = match due {
            true => self.gathered.fetch_add(1, Ordering::Relaxed) + 1,
            false => self.gathered.load(Ordering::Relaxed),
        };
        let now = gathered >= limits::GATHERED || (gathered > 0 && !more);
        if now {
            self.gathered.store(0, Ordering::Relaxed);
        }
        now
    }

    /// Calls of which nothing comes, because the event is handled again.
    fn discard(&self, event: &Event, called: &[Called]) {
        for Called { live, report, .. } in called {
            if let Ok(report) = report {
                live.health.discarded(self.waiting.now(), charged(event, report.cpu));
            }
        }
    }

    fn call_all(
        &self,
        rules: &Rules,
        event: &Event,
        account: &Account,
        reader: &SharedReader,
        turns: Option<&Turns>,
    ) -> Vec<Called> {
        let roster = account.roster();
        let address = event.address();
        let mut called = Vec::new();
        let mut spent = Duration::ZERO;
        for live in rules.route(event) {
            let (uncommitted, script) = (self.uncommitted.clone(), live.script.name.clone());
            let view =
                StateView::new(uncommitted, reader.clone(), script, &address, live.grants.kv, turns.cloned());
            let state = view.call();
            let report = if spent > limits::CHAIN_DEADLINE {
                let most = limits::CHAIN_DEADLINE.as_millis();
                Err(Refusal::new(
                    Code::LimitDeadline,
                    format!("the scripts before it used more than {most} ms together"),
                ))
            } else {
                live.health.admit(self.waiting.now())
            };
            let report = report.map(|()| {
                let context = CallContext { roster: roster.clone(), services: Box::new(view) };
                self.engine.call(&live.script, event, context)
            });
            let stops = report.as_ref().is_ok_and(|report| {
                spent += report.cpu;
                report
                    .result
                    .as_ref()
                    .is_ok_and(|actions| actions.iter().any(|action| action.body == ActionBody::Stop))
            });
            // One that is left out has failed too: whoever relies on it must not run without it.
            let failed = report.as_ref().map_or(true, |report| report.result.is_err());
            let stops = stops || (failed && live.grants.on_fault == OnFault::Stop);
            // One that runs dry hides nothing from those that do not.
            let stops = stops
                && !live.grants.runs_dry(account.sim().is_some())
                && self.pauses.refusal(&live.actor(), &address).is_none();
            called.push(Called { live: live.clone(), report, state });
            if stops || called.last().is_some_and(Called::is_deferred) {
                break;
            }
        }
        called
    }

    /// Whether what the calls read of state still holds. From here on it does: others that touch shared state wait, if these do,
    /// and so do changes from outside.
    fn validate<'a>(
        &'a self,
        called: &[Called],
        reader: &SharedReader,
        early: Option<MutexGuard<'a, ()>>,
        epoch: u64,
    ) -> Result<Order<'a>, Conflict> {
        let shared = early.is_none() && called.iter().any(|called| called.state.lock().touches_shared());
        let order = if shared { Some(self.uncommitted.shared_order.lock()) } else { early };
        let staging = self.uncommitted.staging.read();
        if self.uncommitted.epoch() != epoch
            && called.iter().any(|called| called.state.lock().touches_state())
        {
            return Err(Conflict);
        }
        for called in called.iter().filter(|_| shared) {
            match self.uncommitted.still_holds(&called.live.script.name, &called.state.lock(), reader) {
                Ok(true) => {}
                Ok(false) => return Err(Conflict),
                Err(error) => {
                    tracing::error!(%error, "shared state could not be read again");
                    return Err(Conflict);
                }
            }
        }
        Ok(Order { _shared: order, _staging: staging })
    }

    fn decide(
        &self,
        event: &Arc<Event>,
        account: &Arc<Account>,
        called: Vec<Called>,
        order: Order<'_>,
        more: bool,
    ) -> Pace {
        let now = self.waiting.now();
        let address = event.address();
        let ticket = self.tickets.fetch_add(1, Ordering::Relaxed);
        let mut decision = Decision::default();
        for called in called {
            self.decide_call(event, &address, account, called, ticket, now, &mut decision);
        }
        let record = Arc::new(Handled { event: event.clone(), calls: decision.calls });
        decision.writes.push(handled(event, now, record.calls_json()));
        let keys: Vec<_> = decision
            .writes
            .iter()
            .filter_map(|write| match write {
                Write::KvPut { script, scope, key, .. } => Some((script.clone(), scope.clone(), key.clone())),
                _ => None,
            })
            .collect();
        for (place, act) in decision.acts.iter().enumerate() {
            self.outbox.expect(act);
            // Those behind the first one wait for it.
            let starts = place == 0 && self.outbox.start(act);
            let write = if starts { Write::OutboxStarted } else { Write::OutboxDecided };
            decision.writes.push(write(act.clone()));
        }
        let (uncommitted, outbox, records) =
            (self.uncommitted.clone(), self.outbox.clone(), self.records.clone());
        let (acts, told, seq, grown) = (decision.acts, decision.told, event.seq, decision.grown);
        let listened = self.records.has_listeners() || self.outbox.is_listened_to();
        let due = !acts.is_empty() || !told.is_empty() || listened;
        let store = self.store.clone();
        let done = move |result| {
            uncommitted.settle(&keys, ticket);
            match result {
                Ok(()) => {
                    records.publish(record);
                    outbox.tell(told);
                    outbox.deliver(acts);
                }
                Err(error) => {
                    grown.iter().for_each(|(script, growth)| uncommitted.usage.add(script, -*growth));
                    outbox.forget(&acts);
                    set_aside(&store, seq, now, &error);
                }
            }
        };
        match self.is_time(due, more) {
            true => self.store.write(Batch::from(decision.writes), done),
            false => self.store.write_soon(Batch::from(decision.writes), done),
        }
        drop(decision.timers);
        drop(order);
        decision.pace.unwrap_or(Pace::Normal)
    }

    /// The number of the next act, or of the next entry of the audit. One that neither gets is left out for good.
    pub(crate) fn next_act(&self) -> ActNumber {
        ActNumber(self.acts.fetch_add(1, Ordering::Relaxed) + 1)
    }
}

/// A decision could not be kept, and never can be: the event is set aside, so that it does not come again out of its order.
pub(crate) fn set_aside(store: &Store, seq: Seq, now: i64, error: &StoreError) {
    if error.passes() || matches!(error, StoreError::Closed | StoreError::NotWaiting { .. }) {
        // The host stops, and the event is handled after its next start; or it is not in the journal, and whoever reported
        // it was told so.
        tracing::error!(%seq, %error, "a decision was not kept");
        return;
    }
    tracing::error!(%seq, %error, "a decision cannot be kept: the event is set aside");
    let letter = DeadLetter {
        at: now,
        seq: Some(seq),
        act: None,
        script: None,
        code: Code::EventSetAside.as_str().to_owned(),
        text: error.to_string(),
        address: None,
        report: None,
    };
    let handled = Write::Handled { seq, at: now, calls: "[]".to_owned() };
    store.write(Batch::from(vec![handled, Write::DeadLetter(letter)]), move |result| {
        if let Err(error) = result {
            tracing::error!(%seq, %error, "an event could not be set aside: it is handled again after a restart");
        }
    });
}

/// What a call read of state was changed by another event, or from outside: the event is run again.
struct Conflict;

/// Held from when reads are validated until what comes of them is queued for the store.
struct Order<'a> {
    _shared: Option<MutexGuard<'a, ()>>,
    _staging: RwLockReadGuard<'a, ()>,
}

fn handled(event: &Event, at: i64, calls: String) -> Write {
    Write::Handled { seq: event.seq, at, calls }
}
