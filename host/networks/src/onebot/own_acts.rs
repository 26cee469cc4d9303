//! What of our own acts comes back as a notice. It is reported once, as the act's consequence.
//!
//! A notice may come before the answer to the call, after it, or not at all, and a call may stay without an answer though
//! the notice says that it was carried out.

use std::collections::HashMap;

use mynah_model::Attrs;
use mynah_model::action::{Act, ActionBody};
use mynah_model::address::ChatKind;
use mynah_model::clock::UnixMs;
use mynah_model::event::{
    Chat, EventBody, Membership, MembershipCause, Mute, PropertyChange, PropertyOwner, Recall,
};
use mynah_model::roster::{Person, Roster};
use parking_lot::Mutex;
use tokio::time::Instant;

use super::limits;
use crate::network::{Consequence, Happening};

/// Something that an act brings about.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Deed {
    chat: String,
    what: What,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum What {
    /// Of a member, or of everybody.
    Muted(Option<String>),
    Unmuted(Option<String>),
    Kicked(String),
    Recalled(String),
    Card(String),
    Named,
}

enum Progress {
    /// The call is under way; the notice may have come.
    Begun(Option<Box<Happening>>),
    /// It is reported. Its notice is of no use until then.
    Reported(Instant),
}

/// The deeds of one account that are under way or were just done.
#[derive(Default)]
pub(super) struct OwnActs {
    deeds: Mutex<HashMap<Deed, Progress>>,
}

impl Deed {
    /// What a notice tells, if `user` may have done it.
    fn told(happening: &Happening, user: &str) -> Option<Self> {
        let chat = happening.chat.as_ref()?.id.clone();
        let ours = |by: &Option<Person>| by.as_ref().is_none_or(|by| by.id == user);
        let id = |person: &Option<Person>| person.as_ref().map(|person| person.id.clone());
        let what = match &happening.body {
            EventBody::Muted(mute) if ours(&mute.by) => What::Muted(id(&mute.member)),
            EventBody::Unmuted(mute) if ours(&mute.by) => What::Unmuted(id(&mute.member)),
            EventBody::MemberLost(lost) if ours(&lost.by) && lost.cause != MembershipCause::Left => {
                What::Kicked(lost.who.id.clone())
            }
            EventBody::Recalled(recall) if ours(&recall.by) => What::Recalled(recall.message_id.clone()),
            EventBody::PropertyChanged(change) => match (change.owner, change.property.as_str()) {
                (PropertyOwner::GroupMember, "card") => What::Card(id(&change.who)?),
                (PropertyOwner::Group, "name") => What::Named,
                _ => return None,
            },
            _ => return None,
        };
        Some(Self { chat, what })
    }

    /// What an act brings about, one for each of its calls; none if that is nothing that is reported.
    pub(super) fn of(act: &Act) -> Vec<Self> {
        let Some(target) = &act.target else { return Vec::new() };
        let deed = |what| Self { chat: target.id.clone(), what };
        let each = |members: &[String], what: fn(String) -> What| {
            members.iter().cloned().map(what).map(deed).collect()
        };
        match &act.body {
            ActionBody::Shutup { members, .. } => each(members, |member| What::Muted(Some(member))),
            ActionBody::Unshutup { members } => each(members, |member| What::Unmuted(Some(member))),
            ActionBody::ShutupAll { on: true } => vec![deed(What::Muted(None))],
            ActionBody::ShutupAll { on: false } => vec![deed(What::Unmuted(None))],
            ActionBody::Kick { members, .. } => each(members, What::Kicked),
            ActionBody::Recall { message_id } => vec![deed(What::Recalled(message_id.clone()))],
            ActionBody::SetCard { member, .. } => vec![deed(What::Card(member.clone()))],
            ActionBody::SetGroupName { .. } => vec![deed(What::Named)],
            _ => Vec::new(),
        }
    }

    /// The event of a deed that was done.
    pub(super) fn happening(&self, act: &Act, roster: &Roster, now: UnixMs) -> Happening {
        let by = Some(Person::clone(&roster.user)).map(|user| Person { attrs: Attrs::new(), ..user });
        let person = |id: &String| match roster.member(&self.chat, id) {
            Some(member) => Person { attrs: Attrs::new(), ..Person::clone(member) },
            None => Person { id: id.clone(), uid: Some(id.clone()), ..Person::default() },
        };
        let seconds = match &act.body {
            ActionBody::Shutup { seconds, .. } => Some((*seconds).min(limits::MUTE_SECONDS_MAX)),
            _ => None,
        };
        let body = match &self.what {
            What::Muted(member) => {
                EventBody::Muted(Mute { member: member.as_ref().map(person), seconds, by })
            }
            What::Unmuted(member) => {
                EventBody::Unmuted(Mute { member: member.as_ref().map(person), seconds: None, by })
            }
            What::Kicked(member) => {
                EventBody::MemberLost(Membership { who: person(member), by, cause: MembershipCause::Kicked })
            }
            What::Recalled(id) => EventBody::Recalled(Recall { message_id: id.clone(), sender: None, by }),
            What::Card(member) => {
                let who = person(member);
                let new = match &act.body {
                    ActionBody::SetCard { card, .. } => Some(card.clone()).filter(|card| !card.is_empty()),
                    _ => None,
                };
                let (property, old) = ("card".to_owned(), who.card.clone());
                let owner = PropertyOwner::GroupMember;
                EventBody::PropertyChanged(PropertyChange { owner, who: Some(who), property, old, new })
            }
            What::Named => {
                let new = match &act.body {
                    ActionBody::SetGroupName { name } => Some(name.clone()),
                    _ => None,
                };
                let old = roster.groups.get(&self.chat).map(|group| group.name.clone());
                let (owner, property) = (PropertyOwner::Group, "name".to_owned());
                EventBody::PropertyChanged(PropertyChange { owner, who: None, property, old, new })
            }
        };
        let kind = act.target.as_ref().map_or(ChatKind::Group, |target| target.kind);
        let name = roster.groups.get(&self.chat).map(|group| group.name.clone()).unwrap_or_default();
        Happening {
            time: now,
            chat: Some(Chat { kind, id: self.chat.clone(), name, via: None, attrs: Attrs::new() }),
            body,
            consequence: Some(Consequence::of(act)),
            attrs: Attrs::new(),
        }
    }
}

impl OwnActs {
    /// A call is about to be made.
    pub(super) fn begin(&self, deed: &Deed) {
        let mut deeds = self.deeds.lock();
        let now = Instant::now();
        deeds.retain(|_, progress| !matches!(progress, Progress::Reported(until) if *until < now));
        deeds.insert(deed.clone(), Progress::Begun(None));
    }

    /// Gives a notice back if it tells of something that somebody else did.
    pub(super) fn claim(&self, happening: Box<Happening>, user: &str) -> Option<Box<Happening>> {
        let mut deeds = self.deeds.lock();
        if deeds.is_empty() {
            return Some(happening);
        }
        let Some(deed) = Deed::told(&happening, user) else { return Some(happening) };
        match deeds.get_mut(&deed) {
            Some(Progress::Begun(told)) => {
                *told = Some(happening);
                None
            }
            Some(Progress::Reported(until)) => {
                let in_time = Instant::now() <= *until;
                deeds.remove(&deed);
                (!in_time).then_some(happening)
            }
            None => Some(happening),
        }
    }

    /// Whether a notice told of a deed that is under way.
    pub(super) fn is_told(&self, deed: &Deed) -> bool {
        matches!(self.deeds.lock().get(deed), Some(Progress::Begun(Some(_))))
    }

    /// A deed was done and is reported now.
    pub(super) fn report(&self, deed: &Deed) {
        let mut deeds = self.deeds.lock();
        match deeds.get(deed) {
            // Its notice came already: the next one of this kind is another deed's.
            Some(Progress::Begun(Some(_))) => {
                deeds.remove(deed);
            }
            _ => {
                deeds.insert(deed.clone(), Progress::Reported(Instant::now() + limits::ECHO_LIFE));
            }
        }
    }

    /// A deed was not done, or nobody waits for it any more. A notice that told of it all the same is given back.
    pub(super) fn give_up(&self, deed: &Deed) -> Option<Box<Happening>> {
        match self.deeds.lock().remove(deed) {
            Some(Progress::Begun(told)) => told,
            Some(Progress::Reported(_)) | None => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn deed() -> Deed {
        Deed { chat: "100".into(), what: What::Muted(Some("7".into())) }
    }

    fn notice(by: &str) -> Box<Happening> {
        let person = |id: &str| Person { id: id.into(), ..Person::default() };
        Box::new(Happening {
            time: 0,
            chat: Some(Chat {
                kind: ChatKind::Group,
                id: "100".into(),
                name: String::new(),
                via: None,
                attrs: Attrs::new(),
            }),
            body: EventBody::Muted(Mute {
                member: Some(person("7")),
                seconds: Some(60),
                by: Some(person(by)),
            }),
            consequence: None,
            attrs: Attrs::new(),
        })
    }

    #[tokio::test(start_paused = true)]
    async fn a_deed_is_reported_once_whether_its_notice_comes_before_or_after_the_answer() {
        let own = OwnActs::default();
        own.begin(&deed());
        assert!(own.claim(notice("1"), "1").is_none(), "before the answer");
        assert!(own.is_told(&deed()));
        own.report(&deed());
        assert!(own.claim(notice("1"), "1").is_some(), "a second one is somebody's");

        own.begin(&deed());
        own.report(&deed());
        assert!(own.claim(notice("1"), "1").is_none(), "after the answer");
        assert!(own.claim(notice("1"), "1").is_some());

        own.begin(&deed());
        own.report(&deed());
        tokio::time::advance(limits::ECHO_LIFE * 2).await;
        assert!(own.claim(notice("1"), "1").is_some(), "much later");
    }

    #[test]
    fn what_others_do_is_never_taken_for_ours() {
        let own = OwnActs::default();
        own.begin(&deed());
        assert!(own.claim(notice("9"), "1").is_some());
        assert!(!own.is_told(&deed()));
        own.give_up(&deed());
        assert!(own.claim(notice("1"), "1").is_some());
    }

    #[test]
    fn a_notice_of_an_act_that_was_given_up_is_not_lost() {
        let own = OwnActs::default();
        own.begin(&deed());
        assert!(own.claim(notice("1"), "1").is_none());
        assert!(own.give_up(&deed()).is_some());
    }
}
