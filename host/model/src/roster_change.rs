//! What an event does to a roster. Networks report what happened; this is the one place that draws the
//! conclusions, so that they are the same on every network.

use std::sync::Arc;

use crate::address::ChatKind;
use crate::event::{Chat, EventBody, Membership, Mute, PropertyChange, PropertyOwner};
use crate::roster::{Discuss, Group, Person, Role, Roster};

impl Roster {
    /// The roster after an event, or `None` if the event changes nothing. `time` is the event's, unix ms.
    pub fn after(&self, chat: Option<&Chat>, body: &EventBody, time: i64) -> Option<Roster> {
        // Most events are messages of people who are known: they cost no copy.
        if let EventBody::MessageReceived(message) = body
            && self.knows(chat?, &message.sender.id)
        {
            return None;
        }
        let mut roster = self.clone();
        let changed = match body {
            EventBody::FriendJoined { who } => roster.put_friend(who),
            EventBody::FriendLost { who } => roster.friends.remove(&who.id).is_some(),
            EventBody::GroupJoined(membership) => roster.put_group(chat?, membership),
            EventBody::GroupLost(_) => roster.groups.remove(&chat?.id).is_some(),
            EventBody::DiscussJoined(membership) => roster.put_discuss(chat?, membership),
            EventBody::DiscussLost(_) => roster.discusses.remove(&chat?.id).is_some(),
            EventBody::MemberJoined(membership) => roster.put_member(chat?, &membership.who),
            EventBody::MemberLost(membership) => roster.remove_member(chat?, &membership.who.id),
            EventBody::PropertyChanged(change) => roster.change_property(chat, change),
            EventBody::Muted(mute) => roster.mute(chat?, mute, time),
            EventBody::Unmuted(mute) => roster.unmute(chat?, mute),
            EventBody::MessageReceived(message) => roster.put_sender(chat?, &message.sender),
            _ => return None,
        };
        changed.then(|| {
            roster.version += 1;
            roster
        })
    }

    /// Whether whoever speaks in a chat is known there. Strangers are never kept.
    fn knows(&self, chat: &Chat, id: &str) -> bool {
        match chat.kind {
            ChatKind::Friend => self.friends.get(id).is_some(),
            ChatKind::Group => self.member(&chat.id, id).is_some(),
            ChatKind::Discuss => {
                self.discusses.get(&chat.id).is_none_or(|discuss| discuss.members.get(id).is_some())
            }
            ChatKind::Temporary | ChatKind::Other => true,
        }
    }

    /// Whoever speaks in a chat is in it, and a chat that is heard from is there, even if no list said so yet.
    fn put_sender(&mut self, chat: &Chat, sender: &Person) -> bool {
        match chat.kind {
            ChatKind::Friend => self.put_friend(&Person { card: None, role: None, ..sender.clone() }),
            ChatKind::Group if self.groups.get(&chat.id).is_none() => {
                self.groups.put(Group {
                    id: chat.id.clone(),
                    name: chat.name.clone(),
                    members: [sender.clone()].into_iter().collect(),
                    ..Group::default()
                });
                true
            }
            _ => self.put_member(chat, sender),
        }
    }

    fn put_friend(&mut self, who: &Person) -> bool {
        self.friends.put(who.clone());
        true
    }

    fn put_group(&mut self, chat: &Chat, membership: &Membership) -> bool {
        if self.groups.get(&chat.id).is_some() {
            return false;
        }
        let role = membership.who.role.unwrap_or(Role::Member);
        self.groups.put(Group {
            id: chat.id.clone(),
            name: chat.name.clone(),
            owner_id: (role == Role::Owner).then(|| membership.who.id.clone()),
            role: Some(role),
            members: [membership.who.clone()].into_iter().collect(),
            attrs: chat.attrs.clone(),
            ..Group::default()
        });
        true
    }

    fn put_discuss(&mut self, chat: &Chat, membership: &Membership) -> bool {
        if self.discusses.get(&chat.id).is_some() {
            return false;
        }
        self.discusses.put(Discuss {
            id: chat.id.clone(),
            name: chat.name.clone(),
            members: [membership.who.clone()].into_iter().collect(),
            attrs: chat.attrs.clone(),
            ..Discuss::default()
        });
        true
    }

    fn put_member(&mut self, chat: &Chat, who: &Person) -> bool {
        if chat.kind == ChatKind::Discuss {
            return self.edit_discuss(&chat.id, |discuss| {
                discuss.members.put(who.clone());
                true
            });
        }
        self.edit_group(&chat.id, |group| {
            group.members.put(Person { role: who.role.or(Some(Role::Member)), ..who.clone() });
            true
        })
    }

    fn remove_member(&mut self, chat: &Chat, id: &str) -> bool {
        if chat.kind == ChatKind::Discuss {
            return self.edit_discuss(&chat.id, |discuss| discuss.members.remove(id).is_some());
        }
        self.edit_group(&chat.id, |group| group.members.remove(id).is_some())
    }

    fn mute(&mut self, chat: &Chat, mute: &Mute, time: i64) -> bool {
        let until = time.div_euclid(1000).saturating_add(mute.seconds.map_or(i64::MAX, i64::from));
        match &mute.member {
            Some(member) => self.edit_member(&chat.id, &member.id, |member| {
                member.shutup_until = Some(until);
                true
            }),
            None => self.edit_group(&chat.id, |group| {
                group.attrs.insert("shutup_all".into(), true.into());
                true
            }),
        }
    }

    fn unmute(&mut self, chat: &Chat, mute: &Mute) -> bool {
        match &mute.member {
            Some(member) => {
                self.edit_member(&chat.id, &member.id, |member| member.shutup_until.take().is_some())
            }
            None => self.edit_group(&chat.id, |group| group.attrs.remove("shutup_all").is_some()),
        }
    }

    fn change_property(&mut self, chat: Option<&Chat>, change: &PropertyChange) -> bool {
        let who = change.who.as_ref().map(|who| who.id.as_str()).unwrap_or_default();
        match (change.owner, chat) {
            (PropertyOwner::User, _) => {
                let mut user = Person::clone(&self.user);
                set_property(&mut user, change);
                self.user = Arc::new(user);
                true
            }
            (PropertyOwner::Friend, _) => match self.friends.get(who) {
                Some(friend) => {
                    let mut friend = Person::clone(friend);
                    set_property(&mut friend, change);
                    self.friends.put(friend);
                    true
                }
                None => false,
            },
            (PropertyOwner::GroupMember, Some(chat)) => {
                let own = who == self.user.id;
                self.edit_group(&chat.id, |group| {
                    let Some(member) = group.members.get(who) else { return false };
                    let mut member = Person::clone(member);
                    set_property(&mut member, change);
                    if own {
                        group.role = member.role;
                    }
                    if member.role == Some(Role::Owner) {
                        group.owner_id = Some(member.id.clone());
                    }
                    group.members.put(member);
                    true
                })
            }
            (PropertyOwner::DiscussMember, Some(chat)) => self.edit_discuss(&chat.id, |discuss| {
                let Some(member) = discuss.members.get(who) else { return false };
                let mut member = Person::clone(member);
                set_property(&mut member, change);
                discuss.members.put(member);
                true
            }),
            (PropertyOwner::Group, Some(chat)) => self.edit_group(&chat.id, |group| {
                match change.property.as_str() {
                    "name" => group.name = change.new.clone().unwrap_or_default(),
                    "markname" => group.markname.clone_from(&change.new),
                    other => set_attr(&mut group.attrs, other, change),
                }
                forget_shown_name(&mut group.attrs, change);
                true
            }),
            (PropertyOwner::Discuss, Some(chat)) => self.edit_discuss(&chat.id, |discuss| {
                match change.property.as_str() {
                    "name" => discuss.name = change.new.clone().unwrap_or_default(),
                    other => set_attr(&mut discuss.attrs, other, change),
                }
                true
            }),
            _ => false,
        }
    }

    fn edit_group(&mut self, id: &str, edit: impl FnOnce(&mut Group) -> bool) -> bool {
        let Some(group) = self.groups.get(id) else { return false };
        let mut group = Group::clone(group);
        let changed = edit(&mut group);
        if changed {
            self.groups.put(group);
        }
        changed
    }

    fn edit_discuss(&mut self, id: &str, edit: impl FnOnce(&mut Discuss) -> bool) -> bool {
        let Some(discuss) = self.discusses.get(id) else { return false };
        let mut discuss = Discuss::clone(discuss);
        let changed = edit(&mut discuss);
        if changed {
            self.discusses.put(discuss);
        }
        changed
    }

    fn edit_member(&mut self, group: &str, id: &str, edit: impl FnOnce(&mut Person) -> bool) -> bool {
        self.edit_group(group, |group| {
            let Some(member) = group.members.get(id) else { return false };
            let mut member = Person::clone(member);
            let changed = edit(&mut member);
            if changed {
                group.members.put(member);
            }
            changed
        })
    }
}

fn set_property(person: &mut Person, change: &PropertyChange) {
    match change.property.as_str() {
        "name" => person.name = change.new.clone().unwrap_or_default(),
        "markname" => person.markname = change.new.clone().filter(|markname| !markname.is_empty()),
        "card" => person.card = change.new.clone().filter(|card| !card.is_empty()),
        "role" => {
            person.role = match change.new.as_deref() {
                Some("owner") => Some(Role::Owner),
                Some("admin") => Some(Role::Admin),
                _ => Some(Role::Member),
            };
        }
        other => set_attr(&mut person.attrs, other, change),
    }
    forget_shown_name(&mut person.attrs, change);
}

/// Web WeChat says under what name it shows somebody. That is out of date when one of the names it is chosen from
/// is another one.
fn forget_shown_name(attrs: &mut crate::Attrs, change: &PropertyChange) {
    if matches!(change.property.as_str(), "name" | "markname" | "card") {
        attrs.remove("displayname");
    }
}

fn set_attr(attrs: &mut crate::Attrs, name: &str, change: &PropertyChange) {
    match &change.new {
        Some(value) => attrs.insert(name.to_owned(), value.clone().into()),
        None => attrs.remove(name),
    };
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Attrs;
    use crate::event::MembershipCause;
    use crate::message::{Message, MessageClass, MessageSource};

    fn person(id: &str) -> Person {
        Person { id: id.into(), name: id.into(), ..Person::default() }
    }

    fn roster() -> Roster {
        let group = Group {
            id: "g".into(),
            members: ["me", "a"].into_iter().map(person).collect(),
            ..Group::default()
        };
        Roster { user: Arc::new(person("me")), groups: [group].into_iter().collect(), ..Roster::default() }
    }

    fn chat() -> Chat {
        Chat { kind: ChatKind::Group, id: "g".into(), name: String::new(), via: None, attrs: Attrs::new() }
    }

    #[test]
    fn members_come_go_and_are_muted() {
        let membership = |id| Membership { who: person(id), by: None, cause: MembershipCause::Joined };
        let chat = chat();
        let joined = roster().after(Some(&chat), &EventBody::MemberJoined(membership("b")), 0).unwrap();
        assert_eq!(joined.version, 1);
        assert_eq!(joined.member("g", "b").unwrap().role, Some(Role::Member));
        let mute = Mute { member: Some(person("b")), seconds: Some(60), by: None };
        let muted = joined.after(Some(&chat), &EventBody::Muted(mute.clone()), 5_000).unwrap();
        assert_eq!(muted.member("g", "b").unwrap().shutup_until, Some(65));
        let spoken = muted.after(Some(&chat), &EventBody::Unmuted(mute), 6_000).unwrap();
        assert_eq!(spoken.member("g", "b").unwrap().shutup_until, None);
        let left = spoken.after(Some(&chat), &EventBody::MemberLost(membership("b")), 0).unwrap();
        assert!(left.member("g", "b").is_none());
    }

    #[test]
    fn an_event_that_changes_nothing_makes_no_new_version() {
        let unknown = Membership { who: person("z"), by: None, cause: MembershipCause::Left };
        assert!(roster().after(Some(&chat()), &EventBody::MemberLost(unknown), 0).is_none());
        assert!(roster().after(None, &EventBody::Stopped, 0).is_none());
    }

    #[test]
    fn a_new_name_ends_the_one_that_the_network_showed() {
        let mut friend = person("a");
        friend.attrs.insert("displayname".into(), "old".into());
        let roster = Roster { friends: [friend].into_iter().collect(), ..roster() };
        let change = |property: &str| {
            EventBody::PropertyChanged(PropertyChange {
                owner: PropertyOwner::Friend,
                who: Some(person("a")),
                property: property.into(),
                old: None,
                new: Some("new".into()),
            })
        };
        let moved = roster.after(None, &change("city"), 0).unwrap();
        assert!(moved.friends.get("a").unwrap().attrs.contains_key("displayname"));
        let marked = moved.after(None, &change("markname"), 0).unwrap();
        let friend = marked.friends.get("a").unwrap();
        assert_eq!((friend.markname.as_deref(), friend.attrs.get("displayname")), (Some("new"), None));
    }

    #[test]
    fn whoever_makes_a_group_owns_it() {
        let own = Person { role: Some(Role::Owner), ..person("me") };
        let membership = Membership { who: own, by: None, cause: MembershipCause::Joined };
        let chat = Chat { id: "new".into(), ..chat() };
        let after = roster().after(Some(&chat), &EventBody::GroupJoined(membership), 0).unwrap();
        let group = after.groups.get("new").unwrap();
        assert_eq!((group.owner_id.as_deref(), group.role), (Some("me"), Some(Role::Owner)));
    }

    #[test]
    fn whoever_speaks_is_known_from_then_on_and_costs_a_change_once() {
        let said = |sender: &str| {
            EventBody::MessageReceived(Message {
                id: "1".into(),
                sender: person(sender),
                segments: Vec::new(),
                text: String::new(),
                class: MessageClass::Recv,
                source: MessageSource::Person,
                attrs: Attrs::new(),
            })
        };
        let learnt = roster().after(Some(&chat()), &said("z"), 0).unwrap();
        assert_eq!(learnt.member("g", "z").unwrap().role, Some(Role::Member));
        assert!(learnt.after(Some(&chat()), &said("z"), 0).is_none());

        let elsewhere = Chat { id: "new".into(), name: "New".into(), ..chat() };
        let learnt = learnt.after(Some(&elsewhere), &said("z"), 0).unwrap();
        assert_eq!(learnt.groups.get("new").unwrap().name, "New");
        assert_eq!(learnt.groups.get("new").unwrap().role, None, "what the account is there, nobody said");

        let friend = Chat { kind: ChatKind::Friend, id: "z".into(), ..chat() };
        assert!(learnt.after(Some(&friend), &said("z"), 0).unwrap().friends.get("z").is_some());
        let stranger = Chat { kind: ChatKind::Temporary, id: "z".into(), ..chat() };
        assert!(learnt.after(Some(&stranger), &said("z"), 0).is_none());
    }

    #[test]
    fn an_own_role_change_changes_the_role_in_the_group() {
        let change = PropertyChange {
            owner: PropertyOwner::GroupMember,
            who: Some(person("me")),
            property: "role".into(),
            old: None,
            new: Some("admin".into()),
        };
        let after = roster().after(Some(&chat()), &EventBody::PropertyChanged(change), 0).unwrap();
        assert_eq!(after.groups.get("g").unwrap().role, Some(Role::Admin));
    }
}
