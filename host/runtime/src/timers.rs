//! Timers that scripts set. They are kept in the store, so they survive a restart; each firing is one transaction of
//! the event and the timer's next state, so nothing fires twice and nothing is missed.

use std::collections::{BTreeMap, HashMap};
use std::str::FromStr;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use croner::Cron;
use mynah_model::Attrs;
use mynah_model::action::When;
use mynah_model::address::Address;
use mynah_model::clock::UnixMs;
use mynah_model::event::{Event, EventBody};
use mynah_model::names::ScriptName;
use mynah_model::refusal::{Code, Refusal};
use mynah_networks::network::{Consequence, Happening};
use mynah_store::{Timer, Write};
use parking_lot::Mutex;
use tokio::sync::Notify;

use crate::accounts::Accounts;
use crate::intake::Intake;
use crate::limits;
use crate::waiting::Waiting;

/// What makes a timer itself: script, chat and tag.
type Key = (ScriptName, Address, String);

#[derive(Default)]
struct Due {
    timers: HashMap<Key, Timer>,
    order: BTreeMap<(UnixMs, u64), Key>,
    places: HashMap<Key, (UnixMs, u64)>,
    next_place: u64,
}

impl Due {
    fn put(&mut self, timer: Timer) {
        let key = key_of(&timer);
        self.take(&key);
        let place = (timer.due, self.next_place);
        self.next_place += 1;
        self.order.insert(place, key.clone());
        self.places.insert(key.clone(), place);
        self.timers.insert(key, timer);
    }

    fn take(&mut self, key: &Key) -> Option<Timer> {
        let place = self.places.remove(key)?;
        self.order.remove(&place);
        self.timers.remove(key)
    }
}

/// All timers of the host.
#[derive(Default)]
pub(crate) struct Timers {
    due: Mutex<Due>,
    changed: Notify,
}

impl Timers {
    /// Takes up the timers that the store holds.
    pub(crate) fn recover(&self, timers: Vec<Timer>) {
        let mut due = self.due.lock();
        timers.into_iter().for_each(|timer| due.put(timer));
    }

    /// Sets a timer of a script in the chat of an event. The write belongs to the event's transaction.
    pub(crate) fn set(
        &self,
        script: &ScriptName,
        event: &Event,
        when: When,
        tag: String,
        payload: Option<String>,
    ) -> Result<Write, Refusal> {
        let address = event.address();
        let due = match &when {
            When::AfterMs(after) => event.time.saturating_add(i64::try_from(*after).unwrap_or(i64::MAX)),
            When::At(at) => *at,
            When::Cron { pattern, zone } => next_firing(pattern, zone.as_deref(), event.time)?,
            When::Other { kind, .. } => {
                return Err(Refusal::new(Code::Unsupported, format!("there are no timers of kind `{kind}`")));
            }
        };
        if due.saturating_sub(event.time) > limits::TIMER_HORIZON_MS {
            return Err(Refusal::new(Code::ActionInvalid, "a timer lies at most 366 days ahead"));
        }
        let timer = Timer {
            script: script.clone(),
            address,
            tag,
            due,
            when,
            payload,
            chat: event.chat.clone(),
            cause: event.seq,
            depth: event.depth,
        };
        let mut timers = self.due.lock();
        let in_chat = timers
            .timers
            .keys()
            .filter(|(of, address, tag)| of == script && *address == timer.address && *tag != timer.tag)
            .count();
        if in_chat >= limits::TIMERS_PER_CHAT {
            let most = limits::TIMERS_PER_CHAT;
            return Err(Refusal::new(
                Code::ActionInvalid,
                format!("a script has at most {most} timers in a chat"),
            ));
        }
        timers.put(timer.clone());
        self.changed.notify_one();
        Ok(Write::TimerSet(timer))
    }

    /// Removes a timer. The write belongs to the event's transaction.
    pub(crate) fn cancel(&self, script: &ScriptName, address: &Address, tag: &str) -> Option<Write> {
        let key = (script.clone(), address.clone(), tag.to_owned());
        self.due.lock().take(&key)?;
        Some(Write::TimerRemoved { script: key.0, address: key.1, tag: key.2 })
    }

    /// Fires timers as they come due, for as long as the host runs.
    pub(crate) async fn run(self: Arc<Self>, accounts: Arc<Accounts>, intake: Arc<Intake>, waiting: Waiting) {
        loop {
            let changed = self.changed.notified();
            let next = self.due.lock().order.first_key_value().map(|(place, _)| place.0);
            match next {
                Some(at) if at <= waiting.now() => self.fire(&accounts, &intake, waiting.now()).await,
                Some(at) => tokio::select! {
                    () = waiting.until(at) => {}
                    () = changed => {}
                },
                None => changed.await,
            }
        }
    }

    async fn fire(&self, accounts: &Accounts, intake: &Intake, now: UnixMs) {
        let Some(timer) = ({
            let mut due = self.due.lock();
            let key = due.order.first_key_value().map(|(_, key)| key.clone());
            key.and_then(|key| due.take(&key))
        }) else {
            return;
        };
        let removed = Write::TimerRemoved {
            script: timer.script.clone(),
            address: timer.address.clone(),
            tag: timer.tag.clone(),
        };
        // A host that was down fires a recurring timer once for all the times it missed.
        let next = match &timer.when {
            When::Cron { pattern, zone } => match next_firing(pattern, zone.as_deref(), now) {
                Ok(due) => Some(Timer { due, ..timer.clone() }),
                Err(error) => {
                    tracing::warn!(script = %timer.script, tag = timer.tag, %error, "a recurring timer ends");
                    None
                }
            },
            _ => None,
        };
        let write = next.clone().map_or(removed, Write::TimerSet);
        if let Some(next) = next {
            self.due.lock().put(next);
        }
        let Some(account) = accounts.get(timer.address.account.as_str()) else { return };
        let happening = Happening {
            time: now,
            chat: timer.chat.clone(),
            body: EventBody::TimerFired {
                script: timer.script.clone(),
                tag: timer.tag.clone(),
                due: timer.due,
                payload: timer.payload.clone(),
            },
            consequence: Some(Consequence {
                cause: Some(timer.cause),
                depth: timer.depth,
                by_script: Some(timer.script),
            }),
            attrs: Attrs::new(),
        };
        if intake.record(&account, vec![happening], vec![write]).await.is_err() {
            tracing::error!(
                tag = timer.tag,
                "a timer fired and could not be journalled; it fires again after a restart"
            );
        }
    }
}

fn key_of(timer: &Timer) -> Key {
    (timer.script.clone(), timer.address.clone(), timer.tag.clone())
}

/// Whether a recurring time can be used.
pub(crate) fn check_cron(pattern: &str, zone: Option<&str>) -> Result<(), Refusal> {
    let first = next_firing(pattern, zone, 0)?;
    let second = next_firing(pattern, zone, first)?;
    if second - first < limits::CRON_MIN_INTERVAL_MS {
        return Err(Refusal::new(Code::ActionInvalid, "a recurring timer fires at most once a second"));
    }
    Ok(())
}

fn next_firing(pattern: &str, zone: Option<&str>, after: UnixMs) -> Result<UnixMs, Refusal> {
    let wrong = |text: String| Refusal::new(Code::ActionInvalid, text);
    let cron = Cron::from_str(pattern)
        .map_err(|error| wrong(format!("`{pattern}` is not a cron pattern: {error}")))?;
    let zone = zone.unwrap_or("UTC");
    let zone: Tz = zone
        .parse()
        .map_err(|_| wrong(format!("`{zone}` is not a time zone; an example is `Asia/Shanghai`")))?;
    let after = DateTime::<Utc>::from_timestamp_millis(after)
        .ok_or_else(|| wrong("the time is out of range".to_owned()))?
        .with_timezone(&zone);
    cron.find_next_occurrence(&after, false)
        .map(|next| next.timestamp_millis())
        .map_err(|error| wrong(format!("`{pattern}` never comes: {error}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cron_knows_time_zones() {
        assert_eq!(next_firing("0 9 * * *", None, 0), Ok(9 * 3_600_000));
        assert_eq!(next_firing("0 9 * * *", Some("Asia/Shanghai"), 0), Ok(3_600_000));
    }

    #[test]
    fn a_bad_cron_pattern_says_what_is_wrong() {
        for (pattern, zone) in [("every day", None), ("0 9 * * *", Some("Mars/Base")), ("0 0 30 2 *", None)] {
            let refusal = check_cron(pattern, zone).unwrap_err();
            assert_eq!(refusal.code, Code::ActionInvalid, "{pattern}");
        }
        assert!(check_cron("*/5 * * * * *", None).is_ok());
    }
}
