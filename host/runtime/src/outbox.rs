//! From the decision to the network: acts are delivered in order within their chat, each at most once, and what became
//! of them is kept and told.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use mynah_model::Attrs;
use mynah_model::action::{Act, ActionBody, Outcome, Target};
use mynah_model::address::{Address, ChatKind};
use mynah_model::event::{AccountState, ActionResult, Chat, EventBody};
use mynah_model::message::{Media, Message, MessageClass, Segment, flatten};
use mynah_model::names::ActNumber;
use mynah_model::refusal::{Code, Refusal};
use mynah_model::roster::{Person, Roster};
use mynah_networks::network::{Consequence, Happening, NetworkError, Receipt, Redelivery};
use mynah_store::{Batch, OutboxState, Store, Write};
use parking_lot::Mutex;
use tokio::runtime::Handle;
use tokio::sync::oneshot;

use crate::account::Account;
use crate::accounts::Accounts;
use crate::host::ActOutcome;
use crate::intake::Intake;
use crate::limits;
use crate::waiting::Waiting;

/// Acts that are decided and not yet confirmed by their network.
pub(crate) struct Outbox {
    store: Store,
    accounts: Arc<Accounts>,
    intake: Arc<Intake>,
    waiting: Waiting,
    tasks: Handle,
    /// A chat with a queue here has a task that empties it.
    queues: Mutex<HashMap<Address, VecDeque<Act>>>,
    callers: Mutex<HashMap<ActNumber, oneshot::Sender<ActOutcome>>>,
}

impl Outbox {
    pub(crate) fn new(
        store: Store,
        accounts: Arc<Accounts>,
        intake: Arc<Intake>,
        waiting: Waiting,
        tasks: Handle,
    ) -> Self {
        Self { store, accounts, intake, waiting, tasks, queues: Mutex::default(), callers: Mutex::default() }
    }

    /// Counts an act that is about to be decided; [`Outbox::deliver`] or [`Outbox::forget`] follows.
    pub(crate) fn expect(&self, act: &Act) {
        if let Some(account) = self.accounts.get(act.account.as_str()) {
            account.count_acts(1);
        }
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
            if let Some(account) = self.accounts.get(act.account.as_str()) {
                account.count_acts(-1);
            }
            let text = "the decision could not be kept in the store";
            self.answer(act, Outcome::Failed, "store.failed", text, None);
        }
    }

    /// Delivers acts whose decision is committed, after those that the same chat has waiting.
    pub(crate) fn deliver(self: &Arc<Self>, acts: Vec<Act>) {
        for act in acts {
            let address = act.address();
            let mut queues = self.queues.lock();
            if let Some(queue) = queues.get_mut(&address) {
                queue.push_back(act);
                continue;
            }
            queues.insert(address.clone(), [act].into());
            drop(queues);
            self.tasks.spawn(self.clone().empty(address));
        }
    }

    /// Tells scripts what became of actions that got no further than the gate.
    pub(crate) fn tell(self: &Arc<Self>, told: Vec<(Act, Outcome, Refusal)>) {
        if told.is_empty() {
            return;
        }
        let outbox = self.clone();
        self.tasks.spawn(async move {
            for (act, outcome, refusal) in told {
                let Some(account) = outbox.accounts.get(act.account.as_str()) else { continue };
                let ended =
                    Ended { outcome, code: refusal.code.as_str(), text: refusal.text, message_id: None };
                let told = outbox.result_event(&account, &act, &ended).into_iter().collect();
                if outbox.intake.record(&account, told, Vec::new()).await.is_err() {
                    tracing::warn!(act = %act.number, "a script could not be told what became of its action");
                }
            }
        });
    }

    /// Takes up what an earlier run of the host left, in the order of the acts.
    pub(crate) fn recover(self: &Arc<Self>, rows: Vec<(Act, OutboxState)>) {
        for (act, state) in rows {
            let account = self.accounts.get(act.account.as_str());
            self.expect(&act);
            let safe =
                account.as_ref().is_some_and(|account| account.driver().redelivery() == Redelivery::Safe);
            match (state, account) {
                (OutboxState::Decided, Some(_)) => self.deliver(vec![act]),
                (OutboxState::Sending, Some(_)) if safe => self.deliver(vec![act]),
                (_, account) => {
                    let ended = Ended::refused(
                        Outcome::Unknown,
                        Code::NetworkUnknown,
                        "the host was killed while it was under way",
                    );
                    drop(self.keep(account.as_deref(), &act, ended));
                }
            }
        }
    }

    async fn empty(self: Arc<Self>, address: Address) {
        loop {
            let act = {
                let mut queues = self.queues.lock();
                match queues.get_mut(&address).and_then(VecDeque::pop_front) {
                    Some(act) => act,
                    None => {
                        queues.remove(&address);
                        return;
                    }
                }
            };
            let Some(account) = self.accounts.get(act.account.as_str()) else { continue };
            let ended = self.perform(&account, &act).await;
            let called = self.callers.lock().contains_key(&act.number);
            let kept = self.keep(Some(&account), &act, ended);
            // Only somebody who waits for the outcome needs to wait for its being kept.
            if called {
                kept.await;
            }
        }
    }

    async fn perform(&self, account: &Account, act: &Act) -> Ended {
        let mut state = account.watch_state();
        tokio::select! {
            biased;
            running = state.wait_for(|state| matches!(state, AccountState::Running | AccountState::Stop)) => {
                if !running.is_ok_and(|state| *state == AccountState::Running) {
                    return Ended::refused(Outcome::Failed, Code::AccountNotRunning, "the account is stopped");
                }
            }
            () = self.waiting.until(act.expires_at) => {
                return Ended::refused(Outcome::Expired, Code::ActionExpired, "the account was not connected in time");
            }
        }
        if self.waiting.now() > act.expires_at {
            return Ended::refused(
                Outcome::Expired,
                Code::ActionExpired,
                "it waited in the outbox for too long",
            );
        }
        if account.driver().redelivery() == Redelivery::Unknown {
            let sending = Batch::from(vec![Write::OutboxSending(act.number)]);
            if let Err(error) = self.store.write_durable(sending).await {
                tracing::error!(act = %act.number, %error, "an act is not sent because that could not be noted down");
                return Ended::refused(
                    Outcome::Failed,
                    Code::NetworkRefused,
                    "the store could not be written",
                );
            }
        }
        match tokio::time::timeout(limits::DELIVERY_TIMEOUT, account.driver().perform(act)).await {
            Ok(Ok(receipt)) => Ended::done(receipt),
            Ok(Err(error)) => Ended::failed(&error),
            Err(_) => {
                Ended::refused(Outcome::Unknown, Code::NetworkUnknown, "the network gave no answer in time")
            }
        }
    }

    /// Keeps what became of an act and tells the scripts that want to know, at once; the future waits until that is
    /// committed and then answers whoever waits for the outcome.
    fn keep(
        self: &Arc<Self>,
        account: Option<&Account>,
        act: &Act,
        ended: Ended,
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
        let committed = account.map(|account| {
            let mut events: Vec<_> = self.sent_event(account, act, &ended).into_iter().collect();
            let told = self.result_event(account, act, &ended);
            match act.origin.as_ref().and_then(|origin| self.accounts.get(origin.account.as_str())) {
                // The script acted through another account than the one it was called for.
                Some(origin) if origin.name() != account.name() => {
                    self.intake.queue(&origin, told.into_iter().collect(), Vec::new());
                }
                _ => events.extend(told),
            }
            self.intake.queue(account, events, vec![row.clone()]).1
        });
        if committed.is_none() {
            self.store.write(Batch::from(vec![row]), |_| {});
        }
        // Only now: whoever sees that no act waits may rely on what it caused being queued.
        if let Some(account) = account {
            account.count_acts(-1);
        }
        let (outbox, act) = (self.clone(), act.clone());
        async move {
            let kept = match committed {
                Some(committed) => committed.await.unwrap_or(false),
                None => true,
            };
            if kept {
                outbox.answer(&act, ended.outcome, ended.code, &ended.text, ended.message_id);
            } else {
                outbox.answer(
                    &act,
                    Outcome::Unknown,
                    "store.failed",
                    "what became of it could not be kept",
                    None,
                );
            }
        }
    }

    fn answer(&self, act: &Act, outcome: Outcome, code: &str, text: &str, message_id: Option<String>) {
        if let Some(caller) = self.callers.lock().remove(&act.number) {
            // A caller that went away wants no answer.
            let _ = caller.send(ActOutcome {
                number: Some(act.number),
                outcome,
                code: code.to_owned(),
                text: text.to_owned(),
                message_id,
            });
        }
    }

    /// The event of a message that was sent.
    fn sent_event(&self, account: &Account, act: &Act, ended: &Ended) -> Option<Happening> {
        if ended.outcome != Outcome::Done {
            return None;
        }
        let segments = match &act.body {
            ActionBody::Send { segments } => segments.clone(),
            ActionBody::SendMedia { media } => vec![media_segment(media)],
            _ => return None,
        };
        let roster = account.roster();
        let message = Message {
            id: ended.message_id.clone().unwrap_or_default(),
            sender: Person::clone(&roster.user),
            text: flatten(&segments),
            segments,
            class: MessageClass::Send,
            source: act.by.source(),
            attrs: Attrs::new(),
        };
        Some(Happening {
            time: self.waiting.now(),
            chat: act.target.as_ref().map(|target| chat_of(target, &roster)),
            body: EventBody::MessageSent(message),
            consequence: Some(Consequence::of(act)),
            attrs: Attrs::new(),
        })
    }

    /// The event that tells a script what became of its action, if it asked to be told.
    fn result_event(&self, account: &Account, act: &Act, ended: &Ended) -> Option<Happening> {
        let script = act.by.script().filter(|_| act.tell_result)?.clone();
        let result = ActionResult {
            script,
            tag: act.tag.clone(),
            action: act.body.name().to_owned(),
            outcome: ended.outcome,
            code: ended.code.to_owned(),
            text: ended.text.clone(),
            message_id: ended.message_id.clone(),
        };
        Some(Happening {
            time: self.waiting.now(),
            chat: act.origin.as_ref().and_then(|origin| chat_at(origin, &account.roster())),
            body: EventBody::ActionResult(result),
            consequence: Some(Consequence::of(act)),
            attrs: Attrs::new(),
        })
    }
}

/// How an act ended.
struct Ended {
    outcome: Outcome,
    code: &'static str,
    text: String,
    message_id: Option<String>,
}

impl Ended {
    fn done(receipt: Receipt) -> Self {
        Self { outcome: Outcome::Done, code: "ok", text: String::new(), message_id: receipt.message_id }
    }

    fn refused(outcome: Outcome, code: Code, text: &str) -> Self {
        Self { outcome, code: code.as_str(), text: text.to_owned(), message_id: None }
    }

    fn failed(error: &NetworkError) -> Self {
        let (outcome, code) = match error {
            NetworkError::Unsupported { .. } => (Outcome::Unsupported, Code::Unsupported),
            NetworkError::Refused(_) => (Outcome::Failed, Code::NetworkRefused),
            NetworkError::Offline(_) => (Outcome::Failed, Code::AccountNotRunning),
            NetworkError::Unknown(_) => (Outcome::Unknown, Code::NetworkUnknown),
        };
        Self::refused(outcome, code, &error.to_string())
    }
}

/// The chat that a target names, with the name that the roster has for it.
pub(crate) fn chat_of(target: &Target, roster: &Roster) -> Chat {
    let id = target.id.as_str();
    let name = match target.kind {
        ChatKind::Friend => roster.friends.get(id).map(|friend| friend.display_name()),
        ChatKind::Group => roster.groups.get(id).map(|group| group.name.as_str()),
        ChatKind::Discuss => roster.discusses.get(id).map(|discuss| discuss.name.as_str()),
        ChatKind::Temporary | ChatKind::Other => None,
    };
    Chat {
        kind: target.kind,
        id: id.to_owned(),
        name: name.unwrap_or_default().to_owned(),
        via: target.via.clone(),
        attrs: Attrs::new(),
    }
}

/// The chat at an address, if it is that of a chat.
pub(crate) fn chat_at(address: &Address, roster: &Roster) -> Option<Chat> {
    let chat = address.chat.as_ref()?;
    let target = Target { account: None, kind: chat.kind, id: chat.id.clone(), via: None };
    Some(chat_of(&target, roster))
}

fn media_segment(media: &Media) -> Segment {
    match media.mime.as_deref().and_then(|mime| mime.split('/').next()) {
        Some("image") => Segment::Image(media.clone()),
        Some("audio") => Segment::Voice(media.clone()),
        Some("video") => Segment::Video(media.clone()),
        _ => Segment::File(media.clone()),
    }
}
