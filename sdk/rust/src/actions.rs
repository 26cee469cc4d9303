//! What the host is asked to do. Every function here makes one action; a handler returns one, several, or
//! none ([`IntoActions`]).
//!
//! ```
//! use mynah_sdk::prelude::*;
//!
//! fn calm_down(_: &Event, message: &Message) -> impl IntoActions + use<> {
//!     (
//!         reply("Ten minutes of silence.").quoting(),
//!         shutup(&message.sender, minutes(10)).because("shouted").tag("calm").tell_result(),
//!     )
//! }
//! ```

use std::time::Duration;

use serde::Serialize;

use crate::error::{Error, Result};
use crate::segments::IntoSegments;
use crate::types::{
    Action, ActionBody, AnswerRequest, Attr, Cron, Fetch, Header, Invite, Kick, Media, Person, RecallMessage,
    Reply, Request, Schedule, Send, SendMedia, SetCard, SetGroupName, Shutup, ShutupAll, Target, Unshutup,
    When,
};

/// What a handler decided.
pub type Actions = Vec<Action>;

/// Answers in the chat of the event.
pub fn reply(what: impl IntoSegments) -> Reply {
    Reply { segments: what.into_segments(), quote: false }
}

/// Says something in any chat.
pub fn send(to: impl Into<Target>, what: impl IntoSegments) -> Send {
    Send { to: to.into(), segments: what.into_segments() }
}

/// Sends an image, a voice, a video or a file to the chat of the event.
pub fn send_media(media: impl Into<Media>) -> SendMedia {
    SendMedia { to: None, media: media.into() }
}

/// Mutes a member of the group, for 60 seconds to 30 days.
pub fn shutup(member: impl Id, time: Duration) -> Shutup {
    let seconds = u32::try_from(time.as_secs()).unwrap_or(u32::MAX);
    Shutup { in_: None, members: vec![member.id()], seconds }
}

/// Lets a muted member speak again.
pub fn unshutup(member: impl Id) -> Unshutup {
    Unshutup { in_: None, members: vec![member.id()] }
}

/// Mutes everybody but the owner and the admins (`true`), or ends that (`false`).
pub fn shutup_all(on: bool) -> ShutupAll {
    ShutupAll { in_: None, on }
}

/// Removes a member from the group.
pub fn kick(member: impl Id) -> Kick {
    Kick { in_: None, members: vec![member.id()], reject_again: false }
}

/// Takes a message back, by its id.
pub fn recall(message_id: impl Into<String>) -> RecallMessage {
    RecallMessage { in_: None, message_id: message_id.into() }
}

/// Sets the name that a member has in the group; an empty one removes it.
pub fn set_card(member: impl Id, card: impl Into<String>) -> SetCard {
    SetCard { in_: None, member: member.id(), card: card.into() }
}

/// Sets the name of the group.
pub fn set_group_name(name: impl Into<String>) -> SetGroupName {
    SetGroupName { in_: None, name: name.into() }
}

/// Brings a friend into the group.
pub fn invite(friend: impl Id) -> Invite {
    Invite { in_: None, friends: vec![friend.id()] }
}

/// Answers a friend request, a group request or a group invite.
pub fn answer(request: &Request, approve: bool) -> AnswerRequest {
    AnswerRequest { request_id: request.id.clone(), approve, text: None }
}

/// Sets a timer, which comes back as a `timer-fired` event ([`Rule::on_timer`](crate::Rule::on_timer)). A
/// timer of this script in this chat with the same tag is replaced.
pub fn schedule(tag: impl Into<String>, when: impl Into<When>) -> Schedule {
    Schedule { when: when.into(), tag: tag.into(), payload: None }
}

/// A recurring time, for [`schedule`]: minute, hour, day of month, month, day of week; in UTC, see
/// [`Cron::in_zone`].
pub fn cron(pattern: impl Into<String>) -> Cron {
    Cron { pattern: pattern.into(), zone: None }
}

/// Removes the timer of this script in this chat with this tag.
pub fn cancel(tag: impl Into<String>) -> Action {
    ActionBody::Cancel(tag.into()).into()
}

/// Fetches something over HTTP with `GET`, from a place that the operator granted. The answer comes as a `fetch-finished`
/// event with this tag ([`Rule::on_fetched`](crate::Rule::on_fetched)), also if it is refused.
pub fn fetch(tag: impl Into<String>, url: impl Into<String>) -> Fetch {
    Fetch { tag: tag.into(), method: "GET".into(), url: url.into(), headers: Vec::new(), body: None }
}

/// No script of lower priority sees this event.
pub fn stop() -> Action {
    ActionBody::Stop.into()
}

impl Reply {
    /// Quotes the message that is answered.
    #[must_use]
    pub fn quoting(mut self) -> Self {
        self.quote = true;
        self
    }
}

impl SendMedia {
    /// Sends it there, and not to the chat of the event.
    #[must_use]
    pub fn to(mut self, to: impl Into<Target>) -> Self {
        self.to = Some(to.into());
        self
    }
}

impl Shutup {
    /// Mutes this member as well.
    #[must_use]
    pub fn and(mut self, member: impl Id) -> Self {
        self.members.push(member.id());
        self
    }
}

impl Unshutup {
    /// Lets this member speak again as well.
    #[must_use]
    pub fn and(mut self, member: impl Id) -> Self {
        self.members.push(member.id());
        self
    }
}

impl Kick {
    /// Removes this member as well.
    #[must_use]
    pub fn and(mut self, member: impl Id) -> Self {
        self.members.push(member.id());
        self
    }

    /// Refuses them when they ask to come back.
    #[must_use]
    pub fn for_good(mut self) -> Self {
        self.reject_again = true;
        self
    }
}

impl AnswerRequest {
    /// What to say about it: the mark name of a new friend, the reason of a refusal.
    #[must_use]
    pub fn saying(mut self, text: impl Into<String>) -> Self {
        self.text = Some(text.into());
        self
    }
}

impl Schedule {
    /// Handed back when it fires.
    #[must_use]
    pub fn payload(mut self, payload: impl Into<String>) -> Self {
        self.payload = Some(payload.into());
        self
    }
}

impl Cron {
    /// In this time zone, by its IANA name, for example `Asia/Shanghai`.
    #[must_use]
    pub fn in_zone(mut self, zone: impl Into<String>) -> Self {
        self.zone = Some(zone.into());
        self
    }
}

impl From<Duration> for When {
    /// Once, this long after the event's time.
    fn from(after: Duration) -> Self {
        Self::AfterMs(u64::try_from(after.as_millis()).unwrap_or(u64::MAX))
    }
}

impl From<Cron> for When {
    fn from(cron: Cron) -> Self {
        Self::Cron(cron)
    }
}

impl Fetch {
    /// Adds a header.
    #[must_use]
    pub fn header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.headers.push(Header { name: name.into(), value: value.into() });
        self
    }

    /// Uses another method: `HEAD`, `POST`, `PUT`, `PATCH` or `DELETE`.
    #[must_use]
    pub fn method(mut self, method: impl Into<String>) -> Self {
        self.method = method.into();
        self
    }

    /// Sends this as JSON, with `POST` unless the method is another already.
    ///
    /// # Errors
    /// It is nothing that JSON can say, for example a map with keys that are no text.
    pub fn json<T: Serialize + ?Sized>(mut self, body: &T) -> Result<Self> {
        self.body = Some(serde_json::to_vec(body)?);
        if self.method == "GET" {
            self.method = "POST".into();
        }
        Ok(self.header("content-type", "application/json"))
    }

    /// Has the host add a secret that the operator gave this script, by its name there. Its value never comes here. It is
    /// part of the action, so it comes last.
    #[must_use]
    pub fn with_secret(self, name: &str) -> Action {
        let value = serde_json::Value::from(name).to_string();
        let mut action = Action::from(self);
        action.attrs.push(Attr { name: "secret".into(), value });
        action
    }

    /// Sends this, with `POST`.
    #[must_use]
    pub fn post(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.method = "POST".into();
        self.body = Some(body.into());
        self
    }
}

/// Whom an action concerns: a [`Person`], or an id.
pub trait Id {
    /// The id that actions take.
    fn id(self) -> String;
}

impl Id for &Person {
    fn id(self) -> String {
        self.id.clone()
    }
}

impl Id for &str {
    fn id(self) -> String {
        self.into()
    }
}

impl Id for String {
    fn id(self) -> String {
        self
    }
}

impl Id for &String {
    fn id(self) -> String {
        self.clone()
    }
}

/// What goes with any action.
pub trait Act: Into<Action> {
    /// Why, for the people who read the journal.
    fn because(self, reason: impl Into<String>) -> Action {
        Action { reason: Some(reason.into()), ..self.into() }
    }

    /// Names it, to tell its result from others.
    fn tag(self, tag: impl Into<String>) -> Action {
        Action { tag: Some(tag.into()), ..self.into() }
    }

    /// Has the host tell what became of it ([`Rule::on_result`](crate::Rule::on_result)).
    fn tell_result(self) -> Action {
        Action { tell_result: true, ..self.into() }
    }
}

impl<T: Into<Action>> Act for T {}

impl From<ActionBody> for Action {
    fn from(body: ActionBody) -> Self {
        Self { body, tag: None, tell_result: false, reason: None, attrs: Vec::new() }
    }
}

/// What a handler may return: an action, several of them (a `Vec`, an array, a tuple), perhaps one (an
/// `Option`), none (`()`), or any of these in a [`Result`].
pub trait IntoActions {
    /// The actions, in order; or why there are none.
    fn into_actions(self) -> Result<Actions>;
}

impl IntoActions for () {
    fn into_actions(self) -> Result<Actions> {
        Ok(Vec::new())
    }
}

impl IntoActions for Action {
    fn into_actions(self) -> Result<Actions> {
        Ok(vec![self])
    }
}

impl<T: IntoActions> IntoActions for Option<T> {
    fn into_actions(self) -> Result<Actions> {
        self.map_or_else(|| Ok(Vec::new()), T::into_actions)
    }
}

// Of `Error` alone, so that a closure with `?` in it needs no annotation.
impl<T: IntoActions> IntoActions for Result<T, Error> {
    fn into_actions(self) -> Result<Actions> {
        self?.into_actions()
    }
}

impl<T: IntoActions> IntoActions for Vec<T> {
    fn into_actions(self) -> Result<Actions> {
        let mut all = Vec::with_capacity(self.len());
        for one in self {
            all.append(&mut one.into_actions()?);
        }
        Ok(all)
    }
}

impl<T: IntoActions, const N: usize> IntoActions for [T; N] {
    fn into_actions(self) -> Result<Actions> {
        Vec::from(self).into_actions()
    }
}

/// Tuples of up to four, of which each may be of another kind.
macro_rules! tuples_are_actions {
    ($($name:ident)*) => {
        impl<$($name: IntoActions),*> IntoActions for ($($name,)*) {
            fn into_actions(self) -> Result<Actions> {
                #[expect(non_snake_case, reason = "each value is named like its type")]
                let ($($name,)*) = self;
                let mut all = Vec::new();
                $(all.append(&mut $name.into_actions()?);)*
                Ok(all)
            }
        }
    };
}
tuples_are_actions!(A B);
tuples_are_actions!(A B C);
tuples_are_actions!(A B C D);

/// Each record of the contract that is an action, and its case of `action-body`.
macro_rules! records_are_actions {
    ($($record:ident => $case:ident),* $(,)?) => {$(
        impl From<$record> for Action {
            fn from(record: $record) -> Self {
                ActionBody::$case(record).into()
            }
        }

        impl From<$record> for Actions {
            fn from(record: $record) -> Self {
                vec![record.into()]
            }
        }

        impl IntoActions for $record {
            fn into_actions(self) -> Result<Actions> {
                Ok(self.into())
            }
        }
    )*};
}
records_are_actions! {
    Reply => Reply,
    Send => Send,
    SendMedia => SendMedia,
    Shutup => Shutup,
    Unshutup => Unshutup,
    ShutupAll => ShutupAll,
    Kick => Kick,
    RecallMessage => Recall,
    SetCard => SetCard,
    SetGroupName => SetGroupName,
    Invite => Invite,
    AnswerRequest => AnswerRequest,
    Schedule => Schedule,
    Fetch => Fetch,
}

impl From<Action> for Actions {
    fn from(action: Action) -> Self {
        vec![action]
    }
}

/// Each action that acts in a chat, and can act in another than the event's.
macro_rules! records_have_a_place {
    ($($record:ident),*) => {$(
        impl $record {
            /// Acts there, and not in the chat of the event. The operator has to grant that.
            #[must_use]
            pub fn in_chat(mut self, chat: impl Into<Target>) -> Self {
                self.in_ = Some(chat.into());
                self
            }
        }
    )*};
}
records_have_a_place!(Shutup, Unshutup, ShutupAll, Kick, RecallMessage, SetCard, SetGroupName, Invite);
