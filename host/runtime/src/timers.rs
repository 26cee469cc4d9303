//! Timers that scripts set. They are kept in the store, so they survive a restart; each firing is one transaction of
//! the event and the timer's next state, so nothing fires twice and nothing is missed.
//!
//! A timer whose script is not live, may not be called in the chat, or whose account is gone or stopped, is held: it stays
//! set, and fires once when all of that is there again. A recurring one fires once for all the times it missed. So is one whose
//! script has used up its budget of firings.

use std::collections::{BTreeMap, HashMap};
use std::str::FromStr;
use std::sync::Arc;

use chrono::{DateTime, Datelike, Utc};
use chrono_tz::Tz;
use croner::Cron;
use mynah_model::Attrs;
use mynah_model::action::When;
use mynah_model::address::Address;
use mynah_model::clock::UnixMs;
use mynah_model::event::{AccountState, Event, EventBody};
use mynah_model::names::ScriptName;
use mynah_model::refusal::{Code, Refusal};
use mynah_networks::network::{Consequence, Happening};
use mynah_store::{Timer, Write};
use parking_lot::{Mutex, MutexGuard};
use tokio::sync::{Notify, oneshot};

use crate::accounts::Accounts;
use crate::intake::Intake;
use crate::limits;
use crate::waiting::Waiting;

/// What makes a timer itself: script, chat and tag.
type Key = (ScriptName, Address, String);

/// When a timer is due, and a number that tells it from others due then.
type Place = (UnixMs, u64);

#[derive(Default)]
struct Due {
    timers: BTreeMap<Key, (Timer, Place)>,
    order: BTreeMap<Place, Key>,
    per_script: HashMap<ScriptName, usize>,
    next_place: u64,
}

impl Due {
    fn put(&mut self, timer: Timer) {
        let key = key_of(&timer);
        self.take(&key);
        let place = (timer.due, self.next_place);
        self.next_place += 1;
        self.order.insert(place, key.clone());
        *self.per_script.entry(timer.script.clone()).or_default() += 1;
        self.timers.insert(key, (timer, place));
    }

    /// Looks at a timer again at a later time, whenever it was due.
    fn hold(&mut self, key: &Key, until: UnixMs) {
        let Some((_, place)) = self.timers.get_mut(key) else { return };
        self.order.remove(place);
        *place = (until, self.next_place);
        self.next_place += 1;
        self.order.insert(*place, key.clone());
    }

    fn take(&mut self, key: &Key) -> Option<Timer> {
        let (timer, place) = self.timers.remove(key)?;
        self.order.remove(&place);
        if let Some(count) = self.per_script.get_mut(&timer.script) {
            *count = count.saturating_sub(1);
        }
        Some(timer)
    }

    fn check_room(&self, script: &ScriptName, address: &Address, tag: &str) -> Result<(), Refusal> {
        let first = (script.clone(), address.clone(), String::new());
        let in_chat = self.timers.range(first..).take_while(|((of, at, _), _)| of == script && at == address);
        let mut others = 0;
        for ((_, _, of), _) in in_chat {
            if of == tag {
                return Ok(());
            }
            others += 1;
        }
        let full = |most: usize, place: &str| {
            Err(Refusal::new(Code::LimitTimers, format!("a script has at most {most} timers in {place}")))
        };
        if others >= limits::TIMERS_PER_CHAT {
            return full(limits::TIMERS_PER_CHAT, "a chat");
        }
        if self.per_script.get(script).is_some_and(|count| *count >= limits::TIMERS_PER_SCRIPT) {
            return full(limits::TIMERS_PER_SCRIPT, "all chats together");
        }
        Ok(())
    }
}

/// Whether a timer of a script may fire in a chat now. If it may, it is counted as one that did.
pub(crate) type MayFire = dyn Fn(&ScriptName, &Address, UnixMs) -> bool + Send + Sync;

/// All timers of the host.
#[derive(Default)]
pub(crate) struct Timers {
    due: Mutex<Due>,
    changed: Notify,
}

/// The timers, kept from firing while an event changes them. Held until the event's transaction is queued for the store:
/// a firing and a change of one timer reach the store in the order in which they happened.
pub(crate) struct HeldTimers<'a> {
    due: MutexGuard<'a, Due>,
    changed: &'a Notify,
}

impl Drop for HeldTimers<'_> {
    fn drop(&mut self) {
        self.changed.notify_one();
    }
}

impl HeldTimers<'_> {
    /// Sets a timer of a script in the chat of an event. The write belongs to the event's transaction.
    pub(crate) fn set(
        &mut self,
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
        // A timer that sets the next one at once would fire for ever without pause.
        let due = match event.body {
            EventBody::TimerFired { .. } => due.max(event.time.saturating_add(limits::TIMER_AGAIN_MS)),
            _ => due,
        };
        if due.saturating_sub(event.time) > limits::TIMER_HORIZON_MS {
            return Err(Refusal::new(Code::ActionInvalid, "a timer lies at most 366 days ahead"));
        }
        self.due.check_room(script, &address, &tag)?;
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
        self.due.put(timer.clone());
        Ok(Write::TimerSet(timer))
    }

    /// Removes a timer. The write belongs to the event's transaction.
    pub(crate) fn cancel(&mut self, script: &ScriptName, address: &Address, tag: &str) -> Option<Write> {
        let key = (script.clone(), address.clone(), tag.to_owned());
        self.due.take(&key)?;
        Some(Write::TimerRemoved { script: key.0, address: key.1, tag: key.2 })
    }
}

impl Timers {
    /// Takes up the timers that the store holds.
    pub(crate) fn recover(&self, timers: Vec<Timer>) {
        let mut due = self.due.lock();
        timers.into_iter().for_each(|timer| due.put(timer));
    }

    /// Keeps timers from firing, to change them.
    pub(crate) fn hold(&self) -> HeldTimers<'_> {
        HeldTimers { due: self.due.lock(), changed: &self.changed }
    }

    /// Whether a timer is due that has not fired yet.
    pub(crate) fn is_due(&self, now: UnixMs) -> bool {
        self.due.lock().order.first_key_value().is_some_and(|(place, _)| place.0 <= now)
    }

    /// Fires timers as they come due, for as long as the host runs.
    pub(crate) async fn run(
        self: Arc<Self>,
        accounts: Arc<Accounts>,
        intake: Arc<Intake>,
        waiting: Waiting,
        may_fire: Box<MayFire>,
    ) {
        loop {
            let changed = self.changed.notified();
            let next = self.due.lock().order.first_key_value().map(|(place, _)| place.0);
            match next {
                Some(at) if at <= waiting.now() => {
                    self.fire(&accounts, &intake, &may_fire, waiting.now()).await
                }
                Some(at) => tokio::select! {
                    () = waiting.until(at) => {}
                    () = changed => {}
                },
                None => changed.await,
            }
        }
    }

    async fn fire(&self, accounts: &Accounts, intake: &Intake, may_fire: &MayFire, now: UnixMs) {
        let Some((tag, committed)) = self.queue_first(accounts, intake, may_fire, now) else { return };
        if committed.await != Ok(true) {
            tracing::error!(tag, "a timer fired and could not be journalled; it fires again after a restart");
        }
    }

    /// Queues the first timer that is due, as one transaction with its next state.
    fn queue_first(
        &self,
        accounts: &Accounts,
        intake: &Intake,
        may_fire: &MayFire,
        now: UnixMs,
    ) -> Option<(String, oneshot::Receiver<bool>)> {
        let mut due = self.due.lock();
        let key =
            due.order.first_key_value().filter(|(place, _)| place.0 <= now).map(|(_, key)| key.clone())?;
        let account = accounts.get(key.1.account.as_str());
        let account = account.filter(|account| account.state() != AccountState::Stop);
        let Some(account) = account.filter(|_| may_fire(&key.0, &key.1, now)) else {
            due.hold(&key, now.saturating_add(limits::TIMER_HELD_MS));
            return None;
        };
        let timer = due.take(&key)?;
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
        let write = match next {
            Some(next) => {
                due.put(next.clone());
                Write::TimerSet(next)
            }
            None => Write::TimerRemoved { script: key.0, address: key.1, tag: key.2 },
        };
        let happening = Happening {
            time: now,
            chat: timer.chat,
            body: EventBody::TimerFired {
                script: timer.script.clone(),
                tag: timer.tag.clone(),
                due: timer.due,
                payload: timer.payload,
            },
            consequence: Some(Consequence {
                cause: Some(timer.cause),
                depth: timer.depth,
                by_script: Some(timer.script),
            }),
            attrs: Attrs::new(),
        };
        let (tell, committed) = oneshot::channel();
        intake.queue(&account, vec![happening], vec![write], Some(tell));
        Some((timer.tag, committed))
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
    let zone = zone.unwrap_or("UTC");
    if pattern.len() > limits::CRON_BYTES || zone.len() > limits::CRON_BYTES {
        return Err(wrong(format!(
            "a cron pattern and a time zone have at most {} bytes",
            limits::CRON_BYTES
        )));
    }
    let zone: Tz = zone
        .parse()
        .map_err(|_| wrong(format!("`{zone}` is not a time zone; an example is `Asia/Shanghai`")))?;
    let after = DateTime::<Utc>::from_timestamp_millis(after)
        .ok_or_else(|| wrong("the time is out of range".to_owned()))?
        .with_timezone(&zone);
    // A date that never comes is looked for as long as there are years: between two leap days there are eight at most.
    let years = format!("{}-{}", after.year(), after.year().saturating_add(8));
    let bounded = match pattern.split_whitespace().count() {
        5 => format!("0 {pattern} {years}"),
        6 => format!("{pattern} {years}"),
        1 if pattern.trim().starts_with('@') => pattern.to_owned(),
        fields => {
            return Err(wrong(format!(
                "`{pattern}` is not a cron pattern: it has {fields} fields, not 5 or 6"
            )));
        }
    };
    let cron = Cron::from_str(&bounded)
        .map_err(|error| wrong(format!("`{pattern}` is not a cron pattern: {error}")))?;
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

    /// The next firings after a time, RFC 3339 in UTC.
    fn firings(pattern: &str, zone: &str, after: &str, count: usize) -> Vec<String> {
        let mut at = DateTime::parse_from_rfc3339(after).unwrap().timestamp_millis();
        let mut next = || {
            at = next_firing(pattern, Some(zone), at).unwrap();
            DateTime::<Utc>::from_timestamp_millis(at).unwrap().format("%m-%dT%H:%MZ").to_string()
        };
        (0..count).map(|_| next()).collect()
    }

    #[test]
    fn an_hour_that_is_left_out_and_one_that_comes_twice_are_as_documented() {
        let new_york = |pattern, after, count| firings(pattern, "America/New_York", after, count);
        // On 8 March there is no 02:30: at the end of the gap instead.
        let expected = ["03-08T07:00Z", "03-09T06:30Z"];
        assert_eq!(new_york("30 2 * * *", "2026-03-07T12:00:00Z", 2), expected);
        // On 1 November there are two 01:30: at the first of them.
        let expected = ["11-01T05:30Z", "11-02T06:30Z"];
        assert_eq!(new_york("30 1 * * *", "2026-10-31T12:00:00Z", 2), expected);
        // What comes several times an hour goes on through both.
        let expected = ["03-08T06:30Z", "03-08T07:00Z", "03-08T07:30Z"];
        assert_eq!(new_york("*/30 * * * *", "2026-03-08T06:00:00Z", 3), expected);
        let expected = ["11-01T05:30Z", "11-01T06:00Z", "11-01T06:30Z", "11-01T07:00Z"];
        assert_eq!(new_york("*/30 * * * *", "2026-11-01T05:00:00Z", 4), expected);
        // And what comes in several hours leaves out the one that is not there, and takes the other twice.
        let expected = ["03-08T05:30Z", "03-08T06:30Z", "03-08T07:30Z"];
        assert_eq!(new_york("30 0-3 * * *", "2026-03-08T05:00:00Z", 3), expected);
        let expected = ["11-01T04:30Z", "11-01T05:30Z", "11-01T06:30Z", "11-01T07:30Z", "11-01T08:30Z"];
        assert_eq!(new_york("30 0-3 * * *", "2026-11-01T04:00:00Z", 5), expected);
        // China has had no summer time since 1991.
        let expected = ["03-08T01:00Z", "03-09T01:00Z"];
        assert_eq!(firings("0 9 * * *", "Asia/Shanghai", "2026-03-07T12:00:00Z", 2), expected);
    }

    fn event(chat: &str, body: EventBody) -> Event {
        Event {
            seq: mynah_model::names::Seq(1),
            account: "sim".parse().unwrap(),
            network: "sim".into(),
            self_id: "1".into(),
            time: 1_000,
            received_at: 1_000,
            cause: None,
            depth: 0,
            by_script: None,
            chat: Some(mynah_model::event::Chat {
                kind: mynah_model::address::ChatKind::Group,
                id: chat.into(),
                name: String::new(),
                via: None,
                attrs: Attrs::new(),
            }),
            body,
            attrs: Attrs::new(),
        }
    }

    fn set(timers: &Timers, event: &Event, tag: usize, after: u64) -> Result<UnixMs, Refusal> {
        let script = "a".parse().unwrap();
        match timers.hold().set(&script, event, When::AfterMs(after), tag.to_string(), None)? {
            Write::TimerSet(timer) => Ok(timer.due),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_date_that_never_comes_is_not_looked_for_until_the_end_of_time() {
        let begin = std::time::Instant::now();
        for pattern in ["0 0 31 2,4,6,9,11 *", "* * * 30 2 *", "59 59 23 31 2,4,6,9,11 *"] {
            assert!(check_cron(pattern, Some("America/New_York")).is_err(), "{pattern}");
        }
        assert!(begin.elapsed() < std::time::Duration::from_millis(100), "{:?}", begin.elapsed());
        let long = format!("{} * * * *", ["0-59"; 4_000].join(","));
        assert!(check_cron(&long, None).unwrap_err().text.len() < 200);
        assert!(
            check_cron("0 0 0 1 1 * 2000-5000", None).is_err(),
            "a field for years is not in the contract"
        );
        for pattern in ["0 0 29 2 *", "@daily", "*/5 9-17 * * MON-FRI", "0 30 9 L * *"] {
            assert_eq!(check_cron(pattern, None), Ok(()), "{pattern}");
        }
    }

    #[test]
    fn a_script_has_so_many_timers_in_a_chat_and_in_all_of_them() {
        let timers = Timers::default();
        let here = event("0", EventBody::Stopped);
        for tag in 0..limits::TIMERS_PER_CHAT {
            set(&timers, &here, tag, 1).unwrap();
        }
        assert!(set(&timers, &here, limits::TIMERS_PER_CHAT, 1).is_err());
        assert!(set(&timers, &here, 0, 5).is_ok(), "one is replaced");
        for timer in limits::TIMERS_PER_CHAT..limits::TIMERS_PER_SCRIPT {
            let chat = (timer / limits::TIMERS_PER_CHAT).to_string();
            set(&timers, &event(&chat, EventBody::Stopped), timer, 1).unwrap();
        }
        let elsewhere = event("elsewhere", EventBody::Stopped);
        assert!(set(&timers, &elsewhere, 0, 1).is_err());
        assert!(timers.hold().cancel(&"a".parse().unwrap(), &here.address(), "3").is_some());
        assert!(set(&timers, &elsewhere, 0, 1).is_ok());
    }

    #[test]
    fn a_timer_that_sets_the_next_one_at_once_has_to_wait_a_second() {
        let timers = Timers::default();
        let (script, tag, payload) = ("a".parse().unwrap(), String::new(), None);
        let fired = event("0", EventBody::TimerFired { script, tag, due: 1_000, payload });
        assert_eq!(set(&timers, &fired, 0, 0), Ok(2_000));
        assert_eq!(set(&timers, &fired, 0, 60_000), Ok(61_000));
        assert_eq!(set(&timers, &event("0", EventBody::Stopped), 0, 0), Ok(1_000));
    }

    #[test]
    fn a_timer_that_nobody_can_be_called_for_is_held_and_stays_as_it_is() {
        let timers = Timers::default();
        set(&timers, &event("0", EventBody::Stopped), 0, 0).unwrap();
        let key = timers.due.lock().timers.keys().next().unwrap().clone();
        assert!(timers.is_due(1_000));
        timers.due.lock().hold(&key, 11_000);
        assert!(!timers.is_due(10_999) && timers.is_due(11_000), "it is looked at again");
        assert_eq!(timers.due.lock().take(&key).unwrap().due, 1_000, "and still says when it was due");
        assert!(timers.due.lock().order.is_empty());
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_timer_that_fires_at_once_is_not_in_the_store_afterwards() {
        let (store, recovery) = mynah_store::Store::open_in_memory().unwrap();
        let clock = Arc::new(mynah_model::clock::VirtualClock::new(5_000));
        let waiting = Waiting::new(clock.clone());
        let sim = mynah_networks::sim::Sim::new(mynah_networks::sim::SimConfig::default(), clock);
        let api = crate::account::ApiKind::Openqq;
        let account = Arc::new(crate::account::Account::new("sim".parse().unwrap(), api, sim));
        let rules = Arc::new(arc_swap::ArcSwap::from_pointee(crate::rules::Rules::default()));
        let scheduler = Arc::new(crate::scheduler::Scheduler::new(1));
        let last = recovery.last_seq;
        let intake = Arc::new(Intake::new(store.clone(), scheduler, rules, waiting.clone(), last));
        let timers = Arc::new(Timers::default());
        let accounts = Arc::new(Accounts::new(vec![account]));
        let mut fired = intake.subscribe();
        let running = tokio::spawn(timers.clone().run(accounts, intake, waiting, Box::new(|_, _, _| true)));

        let script = "a".parse().unwrap();
        for tag in 0..limits::TIMERS_PER_CHAT {
            let mut held = timers.hold();
            let here = event("0", EventBody::Stopped);
            let set = held.set(&script, &here, When::AfterMs(0), tag.to_string(), None).unwrap();
            // What is decided after it takes a moment, in which the timer is due.
            std::thread::yield_now();
            store.write(set.into(), |_| {});
        }
        for _ in 0..limits::TIMERS_PER_CHAT {
            fired.recv().await.unwrap();
        }
        store.write_durable(mynah_store::Batch::new()).await.unwrap();
        assert_eq!(store.read(|reader| reader.timers()).unwrap(), []);
        running.abort();
    }
}
