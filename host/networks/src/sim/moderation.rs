//! What members of a group may do to each other, by their roles: the account and the people in the world are
//! under the same rules.
//!
//! The owner and the admins may mute, kick and rename members; an admin not another admin, nobody the owner,
//! nobody themselves. In a group whose roster gives no roles everybody may. What is asked of several members is
//! done to all of them or to none.

use std::collections::HashSet;
use std::sync::Arc;

use mynah_model::address::ChatRef;
use mynah_model::event::{
    EventBody, Membership, MembershipCause, Mute, PropertyChange, PropertyOwner, Recall,
};
use mynah_model::roster::{Group, Person, Role};

use super::error::SimError;
use super::messages::OWN_RECALL_MS;
use super::places::{Place, brief, called, excerpt};
use super::world::{Doer, World, all_muted, check_name, rank};
use crate::network::Happening;

/// Seconds that a mute may last: one minute to thirty days, as in QQ.
pub const MUTE_SECONDS: std::ops::RangeInclusive<u32> = 60..=2_592_000;

type Done = Result<Vec<Happening>, SimError>;

impl World {
    /// Mutes members, for [`MUTE_SECONDS`].
    pub(super) fn mute(&mut self, doer: &Doer, chat: &ChatRef, members: &[String], seconds: u32) -> Done {
        if !MUTE_SECONDS.contains(&seconds) {
            let (least, most) = (MUTE_SECONDS.start(), MUTE_SECONDS.end());
            return Err(refused(format!("a mute of {seconds} s: it lasts {least} to {most} s")));
        }
        let (place, members) = self.moderated(doer, chat, members, "mute")?;
        let mute = |who: Arc<Person>| Mute {
            member: Some(brief(&who)),
            seconds: Some(seconds),
            by: Some(doer.who.clone()),
        };
        Ok(members
            .into_iter()
            .map(|who| self.happen(doer, Some(place.chat()), EventBody::Muted(mute(who))))
            .collect())
    }

    /// Lets members speak again; those who can are left alone.
    pub(super) fn unmute(&mut self, doer: &Doer, chat: &ChatRef, members: &[String]) -> Done {
        let (place, members) = self.moderated(doer, chat, members, "unmute")?;
        let muted = members.into_iter().filter(|who| who.shutup_until.is_some());
        let unmute =
            |who: Arc<Person>| Mute { member: Some(brief(&who)), seconds: None, by: Some(doer.who.clone()) };
        Ok(muted.map(|who| self.happen(doer, Some(place.chat()), EventBody::Unmuted(unmute(who)))).collect())
    }

    /// Mutes everybody but the owner and the admins, or ends that.
    pub(super) fn mute_all(&mut self, doer: &Doer, chat: &ChatRef, on: bool) -> Done {
        let (place, group) = self.group(chat)?;
        self.check_may(&group, doer, None, "mute everybody")?;
        if all_muted(&group) == on {
            return Ok(Vec::new());
        }
        let mute = Mute { member: None, seconds: None, by: Some(doer.who.clone()) };
        let body = if on { EventBody::Muted(mute) } else { EventBody::Unmuted(mute) };
        Ok(vec![self.happen(doer, Some(place.chat()), body)])
    }

    /// Removes members, for good if `reject_again`.
    pub(super) fn kick(
        &mut self,
        doer: &Doer,
        chat: &ChatRef,
        members: &[String],
        reject_again: bool,
    ) -> Done {
        let (place, members) = self.moderated(doer, chat, members, "kick")?;
        let mut happenings = Vec::with_capacity(members.len());
        for who in members {
            if reject_again {
                self.barred.insert((place.chat_ref().id, who.id.clone()));
            }
            happenings.push(self.lose(doer, &place, who, MembershipCause::Kicked));
        }
        Ok(happenings)
    }

    /// Takes a message back: one's own for two minutes, a lower member's at any time.
    pub(super) fn recall(&mut self, doer: &Doer, chat: &ChatRef, message_id: &str) -> Done {
        let place = self.place(chat)?;
        let id = excerpt(message_id);
        let Some(message) = self.messages.get(message_id).filter(|message| message.chat == place.chat_ref())
        else {
            return Err(refused(format!("no message `{id}` in {}, or too long ago", place.words())));
        };
        if message.recalled {
            return Err(refused(format!("message `{id}` was taken back already")));
        }
        let sender = message.sender.clone();
        let own = sender.id == doer.who.id;
        let in_time = doer.now.saturating_sub(message.time) <= OWN_RECALL_MS;
        match &place {
            _ if own && in_time => {}
            Place::Group(group) if !own => {
                self.check_may(group, doer, Some(&sender), "take back messages of")?
            }
            Place::Group(group) if rank(group, &self.roster.user.id, &doer.who.id) > Role::Member => {}
            _ if own => {
                let limit = OWN_RECALL_MS / 1000;
                return Err(refused(format!(
                    "message `{id}` is older than {limit} s: too late to take it back"
                )));
            }
            _ => {
                let sender = called(sender.display_name(), &sender.id);
                return Err(refused(format!("message `{id}` is {sender}'s: only they can take it back")));
            }
        }
        self.messages.mark_recalled(message_id);
        let recall =
            Recall { message_id: message_id.to_owned(), sender: Some(sender), by: Some(doer.who.clone()) };
        Ok(vec![self.happen(doer, Some(place.chat()), EventBody::Recalled(recall))])
    }

    /// Sets a card, one's own or a lower member's; an empty one removes it.
    pub(super) fn set_card(&mut self, doer: &Doer, chat: &ChatRef, member: &str, card: &str) -> Done {
        let (place, group) = self.group(chat)?;
        check_name("card", card)?;
        let member = place.person(member)?.clone();
        if member.id != doer.who.id {
            self.check_may(&group, doer, Some(&member), "set the card of")?;
        }
        if member.card.as_deref().unwrap_or_default() == card {
            return Ok(Vec::new());
        }
        let new = Some(card.to_owned()).filter(|card| !card.is_empty());
        Ok(vec![self.change_member(doer, &place, &member, "card", member.card.clone(), new)])
    }

    /// Gives a friend or a member of a group the name that the account uses for them; an empty one removes it.
    pub(super) fn set_markname(
        &mut self,
        doer: &Doer,
        place: &Place,
        member: Option<&str>,
        markname: &str,
    ) -> Done {
        check_name("mark name", markname)?;
        let who = match (place, member) {
            (Place::Friend(friend), None) => friend,
            (Place::Group(_), Some(member)) => place.person(member)?,
            _ => return Err(refused("a mark name is that of a friend, or of a member of a group")),
        };
        let who = Person::clone(who);
        if who.markname.as_deref().unwrap_or_default() == markname {
            return Ok(Vec::new());
        }
        let new = Some(markname.to_owned()).filter(|markname| !markname.is_empty());
        let change = PropertyChange {
            owner: member.map_or(PropertyOwner::Friend, |_| PropertyOwner::GroupMember),
            who: Some(brief(&who)),
            property: "markname".to_owned(),
            old: who.markname,
            new,
        };
        Ok(vec![self.happen(doer, Some(place.chat()), EventBody::PropertyChanged(change))])
    }

    /// Keeps a chat on top of the account's list of chats, or ends that. Nobody else sees it.
    pub(super) fn stick(&mut self, place: &Place, on: bool) -> Done {
        if let Place::Temporary { .. } = place {
            return Err(refused(format!("{} is in no list of chats", place.words())));
        }
        if on {
            self.stuck.insert(place.chat_ref());
        } else {
            self.stuck.remove(&place.chat_ref());
        }
        Ok(Vec::new())
    }

    /// Names a group or discuss; everybody in a discuss may.
    pub(super) fn rename(&mut self, doer: &Doer, chat: &ChatRef, name: &str) -> Done {
        check_name("group name", name)?;
        if name.trim().is_empty() {
            return Err(refused("the new group name is empty"));
        }
        let place = self.place(chat)?;
        let (owner, old) = match &place {
            Place::Group(group) => {
                self.check_may(group, doer, None, "name the group")?;
                (PropertyOwner::Group, group.name.clone())
            }
            Place::Discuss(discuss) => (PropertyOwner::Discuss, discuss.name.clone()),
            Place::Friend(_) | Place::Temporary { .. } => return Err(not_a_group(&place)),
        };
        if old == name {
            return Ok(Vec::new());
        }
        let change = PropertyChange {
            owner,
            who: None,
            property: "name".to_owned(),
            old: Some(old),
            new: Some(name.to_owned()),
        };
        Ok(vec![self.happen(doer, Some(place.chat()), EventBody::PropertyChanged(change))])
    }

    /// Takes somebody out of a chat that they are in.
    pub(super) fn lose(
        &mut self,
        doer: &Doer,
        place: &Place,
        who: Arc<Person>,
        cause: MembershipCause,
    ) -> Happening {
        let by = (doer.who.id != who.id).then(|| doer.who.clone());
        self.keep_in_mind(&who);
        let membership = Membership { who: Person::clone(&who), by, cause };
        self.happen(doer, Some(place.chat()), EventBody::MemberLost(membership))
    }

    /// Gives a member of a group another card or role.
    pub(super) fn change_member(
        &mut self,
        doer: &Doer,
        place: &Place,
        member: &Person,
        property: &str,
        old: Option<String>,
        new: Option<String>,
    ) -> Happening {
        let change = PropertyChange {
            owner: PropertyOwner::GroupMember,
            who: Some(brief(member)),
            property: property.to_owned(),
            old,
            new,
        };
        self.happen(doer, Some(place.chat()), EventBody::PropertyChanged(change))
    }

    /// A chat that has to be a group.
    pub(super) fn group(&self, chat: &ChatRef) -> Result<(Place, Arc<Group>), SimError> {
        let place = self.place(chat)?;
        match &place {
            Place::Group(group) => {
                let group = group.clone();
                Ok((place, group))
            }
            _ => Err(not_a_group(&place)),
        }
    }

    /// The members, each once, if the doer may do this to all of them.
    fn moderated(
        &self,
        doer: &Doer,
        chat: &ChatRef,
        members: &[String],
        deed: &str,
    ) -> Result<(Place, Vec<Arc<Person>>), SimError> {
        let (place, group) = self.group(chat)?;
        let mut seen = HashSet::new();
        let mut found = Vec::with_capacity(members.len());
        for given in members {
            let member = place.person(given)?;
            self.check_may(&group, doer, Some(member), deed)?;
            if seen.insert(member.id.as_str()) {
                found.push(member.clone());
            }
        }
        if found.is_empty() {
            return Err(refused(format!("no members are named to {deed}")));
        }
        Ok((place, found))
    }

    /// Whether somebody may do this to a member, or to the group as a whole.
    pub(super) fn check_may(
        &self,
        group: &Group,
        doer: &Doer,
        target: Option<&Person>,
        deed: &str,
    ) -> Result<(), SimError> {
        if target.is_some_and(|target| target.id == doer.who.id) {
            return Err(refused(format!("nobody can {deed} themselves: {}", doer.words())));
        }
        if self.without_roles.contains(&group.id) {
            return Ok(());
        }
        let user = self.roster.user.id.as_str();
        let own = rank(group, user, &doer.who.id);
        if own == Role::Member {
            let (who, group) = (doer.words(), called(&group.name, &group.id));
            let rule = "only the owner and the admins may";
            let whom = if target.is_some() { " members" } else { "" };
            return Err(refused(format!("{who} is an ordinary member of {group}: {rule} {deed}{whom}")));
        }
        if let Some(target) = target
            && rank(group, user, &target.id) >= own
        {
            let (who, target_name) = (doer.words(), called(target.display_name(), &target.id));
            let (role, own) = (rank(group, user, &target.id).as_str(), own.as_str());
            return Err(refused(format!(
                "{target_name} is {role}: {who}, who is {own}, may not {deed} them"
            )));
        }
        Ok(())
    }
}

pub(super) fn refused(text: impl Into<String>) -> SimError {
    SimError::Refused(text.into())
}

fn not_a_group(place: &Place) -> SimError {
    refused(format!("{} is no group: it has no roles, mutes, kicks or cards", place.words()))
}
