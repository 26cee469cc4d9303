//! A fake host for unit tests: people who talk, time that stands still until it is moved, and state that
//! stays from one event to the next.
//!
//! ```
//! use mynah_sdk::prelude::*;
//! use mynah_sdk::testing::Sim;
//!
//! fn third_is_too_many(_: &Event, message: &Message) -> Result<Option<Action>> {
//!     let said = kv::increment_for(&message.sender.id, 1, seconds(10))?;
//!     Ok((said == 3).then(|| shutup(&message.sender, minutes(1)).because("3 messages in 10s")))
//! }
//!
//! let rule = Rule::new("calm", "Mutes whoever says three things in ten seconds.").on_message(third_is_too_many);
//! let mut sim = Sim::group(rule);
//! sim.say("alice", "a").expect_nothing();
//! sim.say("alice", "b").expect_nothing();
//! sim.say("alice", "c").expect_shutup("alice", minutes(1));
//! sim.advance(seconds(10)).say("alice", "d").expect_nothing();
//! ```
//!
//! People are made when they are first named: their name is their id. The account itself is `mynah`. What
//! the rule asks for is noted and not done: a member who was kicked may still talk. Pattern sets find what rows with
//! `fold = "plain"` find; accents, look-alikes, traditional characters and gaps are folded by the host alone.
//!
//! # Layout
//!
//! [`Sim`] is the chat that a test talks to; `world` is what its host knows, `host` the imported functions
//! over it, `tables` its pattern tables; `expect` what a test can say of the answer.

mod expect;
pub(crate) mod host;
mod tables;
mod world;

use std::time::Duration;

use crate::actions::Actions;
use crate::rule::Rule;
use crate::types::{
    Action, ActionBody, Chat, ChatKind, Event, EventBody, FetchFinished, FetchResponse, Invocation,
    Membership, MembershipCause, Message, MessageClass, MessageSource, Person, Role, Segment, Timer, When,
};
use world::World;

pub use expect::{flatten, said};
/// Settings for [`Sim::settings`], as JSON.
pub use serde_json::json;

/// The id and the name of the account in a [`Sim`].
pub const ACCOUNT: &str = "mynah";

/// A rule in a chat, with people to talk to it.
pub struct Sim {
    rule: Rule,
    world: World,
    chat: Chat,
    /// How long the network takes to hand an event over.
    lag: Duration,
    timers: Vec<Pending>,
    /// Fetches that were asked for and not answered yet: their tags and chats.
    fetches: Vec<(String, Chat)>,
    /// What the rule did about the last thing that happened.
    actions: Actions,
    /// Why the rule failed there, if it did.
    fault: Option<String>,
}

/// A timer that the rule set.
struct Pending {
    tag: String,
    due: i64,
    payload: Option<String>,
    chat: Chat,
}

impl Sim {
    /// In a group, of which the account is an admin.
    pub fn group(rule: Rule) -> Self {
        Self::new(rule, ChatKind::Group, "778899", "a group")
    }

    /// With a friend, whoever speaks first.
    pub fn friend(rule: Rule) -> Self {
        Self::new(rule, ChatKind::Friend, "alice", "alice")
    }

    /// In a discuss.
    pub fn discuss(rule: Rule) -> Self {
        Self::new(rule, ChatKind::Discuss, "5566", "a discuss")
    }

    fn new(rule: Rule, kind: ChatKind, id: &str, name: &str) -> Self {
        let mut sim = Self {
            rule,
            world: World::default(),
            chat: Chat { kind, id: id.into(), name: name.into(), via: None, attrs: Vec::new() },
            lag: Duration::ZERO,
            timers: Vec::new(),
            fetches: Vec::new(),
            actions: Actions::new(),
            fault: None,
        };
        sim.world.enter(&sim.chat);
        sim.world.person(ACCOUNT).role = Some(Role::Admin);
        sim
    }

    /// What the operator wrote, as JSON: `json!({ "flood": "6 in 10s" })`.
    ///
    /// # Panics
    /// If it is not a table.
    #[must_use]
    pub fn settings(mut self, settings: serde_json::Value) -> Self {
        assert!(settings.is_object(), "settings are a table, not {settings}");
        self.world.settings = settings;
        self
    }

    /// Gives somebody a role in the group. For the account itself, name it `mynah`.
    #[must_use]
    pub fn role(mut self, who: &str, role: Role) -> Self {
        self.world.person(who).role = Some(role);
        self
    }

    /// Gives somebody a name in the group.
    #[must_use]
    pub fn card(mut self, who: &str, card: &str) -> Self {
        self.world.person(who).card = Some(card.into());
        self
    }

    /// Makes somebody a friend whom [`roster::friend`](crate::roster::friend) finds.
    #[must_use]
    pub fn befriend(mut self, who: &str) -> Self {
        let friend = self.world.person(who).clone();
        self.world.friends.push(Person { role: None, card: None, ..friend });
        self
    }

    /// What happens from here on happens in another chat of the same kind. State and settings are the
    /// script's; `kv` is the chat's.
    pub fn in_chat(&mut self, id: &str) -> &mut Self {
        self.chat.id = id.into();
        self.world.enter(&self.chat);
        self
    }

    /// Events from here on reach the host this long after they happened.
    pub fn late_by(&mut self, lag: Duration) -> &mut Self {
        self.lag = lag;
        self
    }

    /// Lets time pass. Timers that come due fire in their order, and what the rule does then is what a test
    /// sees.
    pub fn advance(&mut self, time: Duration) -> &mut Self {
        let end = self.world.time.saturating_add(millis(time));
        let mut all = Actions::new();
        let mut fault = None;
        while let Some(next) =
            self.timers.iter().enumerate().min_by_key(|(_, timer)| timer.due).map(|(at, _)| at)
            && self.timers.get(next).is_some_and(|timer| timer.due <= end)
        {
            let timer = self.timers.remove(next);
            self.world.time = self.world.time.max(timer.due);
            let here = std::mem::replace(&mut self.chat, timer.chat);
            self.world.enter(&self.chat);
            self.happens(EventBody::TimerFired(Timer {
                tag: timer.tag,
                due: timer.due,
                payload: timer.payload,
            }));
            self.chat = here;
            self.world.enter(&self.chat);
            all.append(&mut self.actions);
            fault = fault.or(self.fault.take());
        }
        self.world.time = end;
        self.actions = all;
        self.fault = fault;
        self
    }

    /// Somebody says something.
    pub fn say(&mut self, who: &str, text: &str) -> &mut Self {
        self.say_segments(who, vec![Segment::Text(text.into())])
    }

    /// Somebody says something that is more than text. Build it with [`crate::segments`].
    pub fn say_segments(&mut self, who: &str, segments: impl crate::segments::IntoSegments) -> &mut Self {
        let message = self.message(who, segments.into_segments());
        self.happens(EventBody::MessageReceived(message))
    }

    /// Somebody comes into the group or discuss.
    pub fn join(&mut self, who: &str) -> &mut Self {
        let who = self.seen(who);
        self.happens(EventBody::MemberJoined(Membership { who, by: None, cause: MembershipCause::Joined }))
    }

    /// Somebody leaves the group or discuss.
    pub fn leave(&mut self, who: &str) -> &mut Self {
        self.gone(who, None, MembershipCause::Left)
    }

    /// Somebody is removed from the group by somebody else.
    pub fn kicked(&mut self, who: &str, by: &str) -> &mut Self {
        let by = self.seen(by);
        self.gone(who, Some(by), MembershipCause::Kicked)
    }

    fn gone(&mut self, who: &str, by: Option<Person>, cause: MembershipCause) -> &mut Self {
        let who = self.seen(who);
        self.world.people.retain(|person| person.id != who.id);
        self.happens(EventBody::MemberLost(Membership { who, by, cause }))
    }

    /// Anything else happens in the chat.
    pub fn happens(&mut self, body: EventBody) -> &mut Self {
        let event = self.event(body);
        self.deliver(event)
    }

    /// An event as it would happen now, to be changed and given to [`Sim::deliver`].
    pub fn event(&mut self, body: EventBody) -> Event {
        self.world.seq += 1;
        Event {
            seq: self.world.seq,
            account: "sim".into(),
            network: "sim".into(),
            self_id: ACCOUNT.into(),
            time: self.world.time,
            received_at: self.world.time.saturating_add(millis(self.lag)),
            cause: None,
            depth: 0,
            chat: Some(self.chat.clone()),
            body,
            attrs: Vec::new(),
        }
    }

    /// Hands an event to the rule. State that a failing rule wrote is undone, as the host does it.
    pub fn deliver(&mut self, event: Event) -> &mut Self {
        let before = self.world.state();
        let world = std::mem::take(&mut self.world);
        let (answer, world) = host::inside(world, &event, || self.rule.handle(&event));
        self.world = world;
        match answer {
            Ok(actions) => {
                self.keep_timers(&actions, event.time);
                self.keep_fetches(&actions);
                self.actions = actions;
                self.fault = None;
            }
            Err(fault) => {
                self.world.restore(before);
                self.actions = Actions::new();
                self.fault = Some(fault);
            }
        }
        self
    }

    /// The web answers what the rule fetched under this tag: the oldest of it that waits.
    ///
    /// # Panics
    /// If nothing waits under this tag.
    #[track_caller]
    pub fn answer_fetch(&mut self, tag: &str, status: u16, body: impl Into<Vec<u8>>) -> &mut Self {
        let response = FetchResponse { status, headers: Vec::new(), body: body.into() };
        self.finish_fetch(tag, Ok(response))
    }

    /// What the rule fetched under this tag is refused, or no answer comes: a code of the host and a sentence, as
    /// `"grant.fetch: the script may not fetch from there"`.
    ///
    /// # Panics
    /// If nothing waits under this tag.
    #[track_caller]
    pub fn fail_fetch(&mut self, tag: &str, why: &str) -> &mut Self {
        self.finish_fetch(tag, Err(why.into()))
    }

    #[track_caller]
    fn finish_fetch(&mut self, tag: &str, response: Result<FetchResponse, String>) -> &mut Self {
        let waiting = self.fetches.iter().position(|(waiting, _)| waiting == tag);
        assert!(waiting.is_some(), "nothing is fetched as {tag:?}, only {:?}", self.fetches);
        let (tag, chat) = self.fetches.remove(waiting.unwrap_or_default());
        let here = std::mem::replace(&mut self.chat, chat);
        self.world.enter(&self.chat);
        self.happens(EventBody::FetchFinished(FetchFinished { tag, response }));
        self.chat = here;
        self.world.enter(&self.chat);
        self
    }

    fn keep_fetches(&mut self, actions: &[Action]) {
        let asked = actions.iter().filter_map(|action| match &action.body {
            ActionBody::Fetch(fetch) => Some((fetch.tag.clone(), self.chat.clone())),
            _ => None,
        });
        self.fetches.extend(asked);
    }

    fn keep_timers(&mut self, actions: &[Action], now: i64) {
        for action in actions {
            match &action.body {
                ActionBody::Schedule(timer) => {
                    self.cancel(&timer.tag);
                    let due = match &timer.when {
                        When::AfterMs(after) => now.saturating_add_unsigned(*after),
                        When::At(at) => *at,
                        // A recurring time needs a calendar: fire it with `happens`.
                        When::Cron(_) | When::Other(_) => continue,
                    };
                    let (tag, payload) = (timer.tag.clone(), timer.payload.clone());
                    self.timers.push(Pending { tag, due, payload, chat: self.chat.clone() });
                }
                ActionBody::Cancel(tag) => self.cancel(tag),
                _ => {}
            }
        }
    }

    fn cancel(&mut self, tag: &str) {
        let here = &self.chat;
        self.timers.retain(|timer| timer.tag != tag || timer.chat != *here);
    }

    /// Somebody as an event shows them.
    fn seen(&mut self, who: &str) -> Person {
        let is_group = self.chat.kind == ChatKind::Group;
        let person = self.world.person(who).clone();
        if is_group { person } else { Person { role: None, card: None, ..person } }
    }

    fn message(&mut self, who: &str, segments: Vec<Segment>) -> Message {
        if self.chat.kind == ChatKind::Friend {
            who.clone_into(&mut self.chat.id);
            who.clone_into(&mut self.chat.name);
            self.world.enter(&self.chat);
        }
        let text = flatten(&segments);
        Message {
            id: format!("m{}", self.world.seq + 1),
            sender: self.seen(who),
            command: invocation(&text),
            segments,
            text,
            class: MessageClass::Recv,
            source: MessageSource::Person,
            attrs: Vec::new(),
        }
    }
}

/// The command that a text begins with, as the host finds it.
fn invocation(text: &str) -> Option<Invocation> {
    let after = text.trim_start().strip_prefix(['/', '／'])?;
    let (name, rest) = after.split_once(char::is_whitespace).unwrap_or((after, ""));
    let is_name = !name.is_empty() && !name.contains(['/', '／']);
    is_name.then(|| Invocation { name: name.into(), rest: rest.trim().into() })
}

fn millis(time: Duration) -> i64 {
    i64::try_from(time.as_millis()).unwrap_or(i64::MAX)
}
