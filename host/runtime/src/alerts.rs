//! What operators should hear of at once, and once: a script that is left alone, a budget that is used up, an account without a
//! connection, a disk that is nearly full.
//!
//! An alert is open for as long as its condition lasts. When it opens, each operator is told as a friend by their account; one
//! that cannot speak now does when it can, if the alert is still open. An alert that ended can open again, and is told again
//! no sooner than [`limits::ALERT_AGAIN_MS`] later: what comes and goes is one message and not many. Alerts that were told are
//! kept in the store, so a restart is no news: what lasts stays open, and what is over ends at the next look.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use mynah_model::action::{Action, ActionBody, Actor, Outcome, Target};
use mynah_model::address::{Address, ChatKind};
use mynah_model::clock::UnixMs;
use mynah_model::event::AccountState;
use mynah_model::message::Segment;
use mynah_model::names::{AccountName, ScriptName};
use mynah_store::{Batch, Reader, StoreError, Write};
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use tokio::sync::Notify;

use crate::account::Account;
use crate::audit::Asked;
use crate::gate::Verdict;
use crate::handling::Handling;
use crate::limits;

/// The word under which an alert is listed among the actions.
const ALERT: &str = "alert";

/// Where alerts are kept in the store.
const FACT: &str = "alerts";

/// What an alert is about.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Condition {
    /// A script failed so often that it is left alone for a while.
    BreakerOpen {
        /// The script.
        script: ScriptName,
    },
    /// A script used up a budget.
    BudgetExhausted {
        /// The script.
        script: ScriptName,
    },
    /// An account that should run has no connection.
    AccountOffline {
        /// The account.
        account: AccountName,
    },
    /// There is little room where the journal lies.
    DiskNearlyFull,
}

/// Something that operators should hear of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Alert {
    /// What it is about.
    pub condition: Condition,
    /// One sentence.
    pub text: String,
    /// Since when, by the host's clock.
    pub since: UnixMs,
    /// When it ended; `None` while it lasts.
    pub ended: Option<UnixMs>,
    /// How many operators were told.
    pub told: usize,
}

/// An alert and whom it is still to be told to.
#[derive(Serialize, Deserialize)]
struct Open {
    alert: Alert,
    untold: Vec<(AccountName, String)>,
    /// Changes with every event; a start counts as one.
    #[serde(skip)]
    last_raised: UnixMs,
    said_at: Option<UnixMs>,
}

/// Where to look for room, and how much there should be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DiskWatch {
    /// A folder on the disk.
    pub folder: PathBuf,
    /// Bytes; less than this is nearly full.
    pub least_free: u64,
}

/// All alerts that are open or were lately.
#[derive(Default)]
pub(crate) struct Alerts {
    all: Mutex<BTreeMap<Condition, Open>>,
    /// Since when each account has no connection.
    offline: Mutex<BTreeMap<AccountName, UnixMs>>,
    /// What the store has.
    kept: Mutex<String>,
    look: Notify,
}

impl Alerts {
    /// Those that an earlier run of the host told.
    pub(crate) fn recover(reader: &Reader, now: UnixMs) -> Result<Self, StoreError> {
        let alerts = Self::default();
        if let Some(json) = reader.meta(FACT)? {
            match serde_json::from_str::<Vec<Open>>(&json) {
                Ok(list) => alerts.all.lock().extend(
                    list.into_iter()
                        .map(|open| (open.alert.condition.clone(), Open { last_raised: now, ..open })),
                ),
                Err(error) => {
                    tracing::error!(%error, "alerts of an earlier run cannot be read: they are told again")
                }
            }
            *alerts.kept.lock() = json;
        }
        Ok(alerts)
    }

    /// All of them, those that last first.
    pub(crate) fn list(&self) -> Vec<Alert> {
        let mut list: Vec<Alert> = self.all.lock().values().map(|open| open.alert.clone()).collect();
        list.sort_by_key(|alert| (alert.ended.is_some(), std::cmp::Reverse(alert.since)));
        list
    }

    /// Has the conditions be looked at now.
    pub(crate) fn wake(&self) {
        self.look.notify_one();
    }

    /// A condition holds. Whether that is news.
    pub(crate) fn raise(&self, condition: Condition, text: &str, now: UnixMs) -> bool {
        let mut all = self.all.lock();
        if let Some(open) = all.get_mut(&condition) {
            open.last_raised = now;
            if open.alert.ended.is_none() {
                return false;
            }
            open.alert =
                Alert { text: text.to_owned(), since: now, ended: None, told: 0, ..open.alert.clone() };
        } else {
            if all.len() >= limits::ALERTS {
                // Those that are over make room; should none be, there are enough to read.
                all.retain(|_, open| open.alert.ended.is_none());
                if all.len() >= limits::ALERTS {
                    return false;
                }
            }
            let alert = Alert {
                condition: condition.clone(),
                text: text.to_owned(),
                since: now,
                ended: None,
                told: 0,
            };
            all.insert(condition, Open { alert, untold: Vec::new(), last_raised: now, said_at: None });
        }
        self.look.notify_one();
        true
    }

    /// A condition holds no more; the alert that ends by it.
    fn end(&self, condition: &Condition, now: UnixMs) -> Option<Alert> {
        let mut all = self.all.lock();
        let open = all.get_mut(condition).filter(|open| open.alert.ended.is_none())?;
        open.alert.ended = Some(now);
        open.untold.clear();
        Some(open.alert.clone())
    }

    /// Looks at all conditions again and again, and tells what is new.
    pub(crate) async fn run(self: Arc<Self>, handling: Arc<Handling>, disk: Option<DiskWatch>) {
        loop {
            let now = handling.waiting.now();
            self.look_at_scripts(&handling, now);
            self.look_at_accounts(&handling, now);
            if let Some(disk) = disk.clone() {
                let looked = tokio::task::spawn_blocking(move || disk.free().map(|free| (free, disk))).await;
                if let Ok(Some((free, disk))) = looked {
                    self.look_at_disk(free, &disk, now);
                }
            }
            self.note(&handling, now);
            self.tell(&handling, now);
            if let Some(write) = self.change(now) {
                keep(&handling, write);
            }
            tokio::select! {
                () = handling.waiting.until(now.saturating_add(limits::ALERT_LOOK_MS)) => {}
                () = self.look.notified() => {}
            }
        }
    }

    fn look_at_scripts(&self, handling: &Handling, now: UnixMs) {
        let known = handling.catalog.known();
        for live in known.iter().filter_map(|known| known.live.as_ref()) {
            let condition = Condition::BreakerOpen { script: live.script.name.clone() };
            if live.health.resting(now) {
                // By its code: what else there is to say may be of an account that is none of theirs.
                let last = live.health.counters().last_error.unwrap_or_default();
                let code = last.split(':').next().unwrap_or_default();
                let name = &live.script.name;
                let text = format!(
                    "script `{name}` fails and is left alone for a while: {code}; /scripts says more"
                );
                self.raise(condition, &text, now);
            } else if live.health.is_well() {
                self.end(&condition, now);
            }
        }
        let mut all = self.all.lock();
        for (condition, open) in all.iter_mut() {
            let over = match condition {
                Condition::BudgetExhausted { .. } => now - open.last_raised > limits::ALERT_QUIET_MS,
                // A script that is gone fails no more.
                Condition::BreakerOpen { script } => {
                    !known.iter().any(|known| known.name == script.as_str() && known.live.is_some())
                }
                _ => false,
            };
            if over && open.alert.ended.is_none() {
                open.alert.ended = Some(now);
                open.untold.clear();
            }
        }
    }

    fn look_at_accounts(&self, handling: &Handling, now: UnixMs) {
        let accounts = handling.accounts.all();
        for account in accounts.iter() {
            let (name, state) = (account.name(), account.state());
            let condition = Condition::AccountOffline { account: name.clone() };
            let stopped = state == AccountState::Stop && account.problem().is_none();
            if state == AccountState::Running || stopped {
                self.offline.lock().remove(name);
                // Who stopped an account knows; who could not be told hears of it now.
                if let Some(alert) = self.end(&condition, now).filter(|_| !stopped) {
                    let minutes = (now - alert.since) / 60_000;
                    let text = format!("account `{name}` is back; it had no connection for {minutes} min");
                    for operator in account.operators().iter() {
                        say(handling, account, operator, &text, now);
                    }
                }
                continue;
            }
            let since = *self.offline.lock().entry(name.clone()).or_insert(now);
            if now - since >= limits::ALERT_OFFLINE_MS {
                let why = account.problem().map(|why| why.to_string()).or_else(|| account.trouble());
                let why = why.map(|why| format!(": {why}")).unwrap_or_default();
                self.raise(condition, &format!("account `{name}` is {}{why}", state.as_str()), now);
            }
        }
    }

    fn look_at_disk(&self, free: u64, disk: &DiskWatch, now: UnixMs) {
        if free < disk.least_free {
            let (free, least) = (free >> 20, disk.least_free >> 20);
            let text = format!(
                "the disk of the journal has {free} MiB left, less than {least} MiB: when it is full, the host takes nothing new"
            );
            self.raise(Condition::DiskNearlyFull, &text, now);
        } else if free > disk.least_free.saturating_add(disk.least_free / 10) {
            self.end(&Condition::DiskNearlyFull, now);
        }
    }

    /// Notes down what is new, and to whom it is to be told.
    fn note(&self, handling: &Handling, now: UnixMs) {
        let accounts = handling.accounts.all();
        let mut all = self.all.lock();
        for open in all.values_mut() {
            let said = open.said_at.is_some_and(|said| said >= open.alert.since);
            let is_new = open.alert.ended.is_none() && !said;
            if !is_new || open.said_at.is_some_and(|said| now - said < limits::ALERT_AGAIN_MS) {
                continue;
            }
            open.said_at = Some(now);
            open.untold = recipients(&accounts, &open.alert.condition);
            tracing::warn!("{}", open.alert.text);
            let address = match &open.alert.condition {
                Condition::AccountOffline { account } => Some(Address::account(account.clone())),
                _ => None,
            };
            let asked = Asked {
                number: handling.next_act(),
                at: now,
                actor: &Actor::Host,
                address: address.as_ref(),
                seq: None,
            };
            let mut entry = asked.entry(ALERT, Outcome::Done, open.alert.text.clone());
            if let Condition::BreakerOpen { script } | Condition::BudgetExhausted { script } =
                &open.alert.condition
            {
                entry.script = Some(script.clone());
            }
            keep(handling, Write::Audit(entry));
        }
    }

    /// What the store does not have yet of those that were told and last, or ended so lately that they would not be told again.
    fn change(&self, now: UnixMs) -> Option<Write> {
        let value = {
            let all = self.all.lock();
            let matters = |open: &&Open| {
                open.said_at.is_some_and(|said| {
                    open.alert.ended.is_none() || now.saturating_sub(said) < limits::ALERT_AGAIN_MS
                })
            };
            // A list of names and numbers can always be written.
            serde_json::to_string(&all.values().filter(matters).collect::<Vec<_>>()).unwrap_or_default()
        };
        let mut kept = self.kept.lock();
        if *kept == value || (kept.is_empty() && value == "[]") {
            return None;
        }
        kept.clone_from(&value);
        Some(Write::Meta { key: FACT.to_owned(), value })
    }

    /// Tells it to those whose account can speak now.
    fn tell(&self, handling: &Handling, now: UnixMs) {
        let mut ready = Vec::new();
        for open in self.all.lock().values_mut() {
            for (account, operator) in std::mem::take(&mut open.untold) {
                match handling.accounts.get(account.as_str()) {
                    Some(live) if live.state() == AccountState::Running => {
                        open.alert.told += 1;
                        ready.push((live, operator, open.alert.text.clone()));
                    }
                    _ => open.untold.push((account, operator)),
                }
            }
        }
        for (account, operator, text) in ready {
            say(handling, &account, &operator, &text, now);
        }
    }
}

impl DiskWatch {
    fn free(&self) -> Option<u64> {
        match rustix::fs::statvfs(&self.folder) {
            Ok(stat) => Some(stat.f_bavail.saturating_mul(stat.f_frsize)),
            Err(error) => {
                tracing::warn!(%error, "how full the disk is cannot be read");
                None
            }
        }
    }
}

/// Every operator once, by the first of their accounts; of an account without a connection by the others.
fn recipients(accounts: &[Arc<Account>], condition: &Condition) -> Vec<(AccountName, String)> {
    let mut named: Vec<(&'static str, String)> = Vec::new();
    let mut recipients = Vec::new();
    for account in accounts {
        if matches!(condition, Condition::AccountOffline { account: offline } if offline == account.name()) {
            continue;
        }
        for operator in account.operators().iter() {
            let person = (account.network(), operator.clone());
            if !named.contains(&person) {
                recipients.push((account.name().clone(), operator.clone()));
                named.push(person);
            }
        }
    }
    recipients
}

/// Has an account say something to one of its operators, as a friend; what the gate refuses is noted down.
fn say(handling: &Handling, account: &Account, operator: &str, text: &str, now: UnixMs) {
    let target = Target { account: None, kind: ChatKind::Friend, id: operator.to_owned(), via: None };
    let body = ActionBody::Send { segments: vec![Segment::text(text)] };
    let action = Action { target: Some(target), ..Action::new(body) };
    let address = Address::account(account.name().clone());
    let asked = Asked {
        number: handling.next_act(),
        at: now,
        actor: &Actor::Host,
        address: Some(&address),
        seq: None,
    };
    match handling.gate_others(account, &Actor::Host, None, action.clone(), asked.number, now) {
        Verdict::Granted(act) => handling.deliver_when_kept(act),
        verdict => {
            if let Some(entry) = asked.verdict(&action, &verdict) {
                keep(handling, entry);
            }
        }
    }
}

fn keep(handling: &Handling, entry: Write) {
    handling.store.write(Batch::from(entry), |result| {
        if let Err(error) = result {
            tracing::error!(%error, "an alert could not be noted down");
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_alert_opens_once_and_again_when_it_ended() {
        let alerts = Alerts::default();
        assert!(alerts.raise(Condition::DiskNearlyFull, "full", 0));
        assert!(!alerts.raise(Condition::DiskNearlyFull, "full", 1), "it is open");
        assert_eq!(alerts.end(&Condition::DiskNearlyFull, 2).unwrap().since, 0);
        assert_eq!(alerts.end(&Condition::DiskNearlyFull, 3), None);
        assert!(alerts.raise(Condition::DiskNearlyFull, "full", 4));
        assert_eq!(alerts.list()[0].since, 4);
    }

    #[test]
    fn room_that_comes_and_goes_by_a_little_is_one_alert() {
        let alerts = Alerts::default();
        let disk = DiskWatch { folder: PathBuf::new(), least_free: 1_000 };
        let open = |free| {
            alerts.look_at_disk(free, &disk, 0);
            alerts.list().iter().filter(|alert| alert.ended.is_none()).count()
        };
        assert_eq!([2_000, 999, 1_050, 1_101].map(open), [0, 1, 1, 0]);
    }

    #[test]
    fn there_are_not_more_alerts_than_a_person_could_read() {
        let alerts = Alerts::default();
        let script = |number: usize| Condition::BreakerOpen { script: format!("s{number}").parse().unwrap() };
        for number in 0..limits::ALERTS {
            assert!(alerts.raise(script(number), "x", 0));
        }
        assert!(!alerts.raise(script(9_999), "x", 0));
        alerts.end(&script(0), 1);
        assert!(alerts.raise(script(9_999), "x", 2));
    }
}
