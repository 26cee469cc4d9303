//! People who come and go, and who they are to each other: members, friends, roles.

use mynah_model::Attrs;
use mynah_model::address::{ChatKind, ChatRef};
use mynah_model::clock::UnixMs;
use mynah_model::event::{EventBody, Membership, MembershipCause};
use mynah_model::roster::{Discuss, Group, Person, Role};

use super::chance;
use super::error::SimError;
use super::moderation::refused;
use super::places::{Place, anybody, called, excerpt, person_in};
use super::world::{Doer, Gone, World, check_name};
use crate::network::Happening;

/// Characters of a new person's id. QQ's have ten digits, web WeChat's 65 characters.
const MAX_ID_CHARS: usize = 80;

/// So many people who went are remembered.
const MAX_DEPARTED: usize = 10_000;

/// What a person takes along into another chat; levels, categories and join times stay where they were.
const OWN_ATTRS: [&str; 8] =
    ["account", "city", "client_type", "country", "face", "province", "sex", "state"];

impl World {
    /// Somebody comes into a group or discuss by themselves.
    pub(super) fn join(
        &mut self,
        chat: &ChatRef,
        given: &str,
        name: Option<&str>,
        now: UnixMs,
    ) -> Result<Happening, SimError> {
        let place = self.place(chat)?;
        let person = self.somebody(given, name)?;
        let doer = Doer::person(&person, now);
        self.enter(&doer, &place, person, MembershipCause::Joined)
    }

    /// The account or anybody else brings friends into a group or discuss; those who are in stay.
    pub(super) fn invite(
        &mut self,
        doer: &Doer,
        chat: &ChatRef,
        friends: &[String],
    ) -> Result<Vec<Happening>, SimError> {
        let place = self.place(chat)?;
        let Some(members) = place.members() else {
            return Err(refused(format!("{} takes no members", place.words())));
        };
        if friends.is_empty() {
            return Err(refused("no friends are named to invite"));
        }
        let mut newcomers: Vec<Person> = Vec::new();
        for given in friends {
            let friend =
                Place::find(&self.roster, &ChatRef { kind: ChatKind::Friend, id: given.clone() }, None)?;
            let friend = friend.person(given)?;
            let known = newcomers.iter().any(|other| other.id == friend.id);
            if members.get(&friend.id).is_none() && !known {
                self.check_not_barred(&place, friend)?;
                newcomers.push(stranger(friend));
            }
        }
        newcomers
            .into_iter()
            .map(|person| self.enter(doer, &place, person, MembershipCause::Invited))
            .collect()
    }

    pub(super) fn enter(
        &mut self,
        doer: &Doer,
        place: &Place,
        mut person: Person,
        cause: MembershipCause,
    ) -> Result<Happening, SimError> {
        let Some(members) = place.members() else {
            return Err(refused(format!("{} takes no members", place.words())));
        };
        if members.get(&person.id).is_some() {
            let person = called(&person.name, &person.id);
            return Err(refused(format!("{person} is in {} already", place.words())));
        }
        self.check_not_barred(place, &person)?;
        if let Place::Group(_) = place {
            person.role = Some(Role::Member);
            person.attrs.insert("join_time".to_owned(), (doer.now.div_euclid(1000)).to_string().into());
        }
        let by = (cause == MembershipCause::Invited).then(|| doer.who.clone());
        let membership = Membership { who: person, by, cause };
        Ok(self.happen(doer, Some(place.chat()), EventBody::MemberJoined(membership)))
    }

    pub(super) fn check_not_barred(&self, place: &Place, person: &Person) -> Result<(), SimError> {
        let chat = place.chat_ref();
        if chat.kind == ChatKind::Group && self.barred.contains(&(chat.id, person.id.clone())) {
            let person = called(&person.name, &person.id);
            let rule = "was kicked from it and is refused for good";
            return Err(refused(format!("{person} cannot come into {}: {rule}", place.words())));
        }
        Ok(())
    }

    /// A member of a group or discuss goes, or is kicked by another.
    pub(super) fn leave(
        &mut self,
        chat: &ChatRef,
        given: &str,
        kicked_by: Option<&str>,
        now: UnixMs,
    ) -> Result<Happening, SimError> {
        let place = self.place(chat)?;
        let Some(members) = place.members() else {
            return Err(refused(format!("{} has no members who could leave", place.words())));
        };
        let who = place.person(given)?.clone();
        let doer = match kicked_by {
            Some(by) => Doer::person(place.person(by)?, now),
            None => Doer::person(&who, now),
        };
        if who.id == self.roster.user.id {
            return self.lose_account(&doer, &place, &who, kicked_by.is_some());
        }
        if kicked_by.is_some() {
            // Whether they may is the same question as for the account.
            let happenings = self.kick(&doer, &place.chat_ref(), std::slice::from_ref(&who.id), false)?;
            return happenings.into_iter().next().ok_or_else(|| refused("nobody was kicked"));
        }
        if who.role == Some(Role::Owner) && members.len() > 1 {
            let owner = called(who.display_name(), &who.id);
            return Err(refused(format!("{owner} owns {}: give it to another member first", place.words())));
        }
        Ok(self.lose(&doer, &place, who, MembershipCause::Left))
    }

    /// The account goes or is kicked: the chat goes on without it.
    fn lose_account(
        &mut self,
        doer: &Doer,
        place: &Place,
        own: &Person,
        kicked: bool,
    ) -> Result<Happening, SimError> {
        let by = kicked.then(|| doer.who.clone());
        let cause = if kicked { MembershipCause::Kicked } else { MembershipCause::Left };
        let membership = Membership { who: own.clone(), by, cause };
        let chat = place.chat_ref();
        match place {
            Place::Group(group) => {
                if own.role == Some(Role::Owner) && group.members.len() > 1 {
                    let rule = "the account owns it; give it to another member first";
                    return Err(refused(format!("{} cannot lose the account: {rule}", place.words())));
                }
                let mut rest = Group::clone(group);
                rest.members.remove(&own.id);
                self.gone.insert(chat, Gone::Group(rest.into()));
                Ok(self.happen(doer, Some(place.chat()), EventBody::GroupLost(membership)))
            }
            Place::Discuss(discuss) => {
                let mut rest = Discuss::clone(discuss);
                rest.members.remove(&own.id);
                self.gone.insert(chat, Gone::Discuss(rest.into()));
                Ok(self.happen(doer, Some(place.chat()), EventBody::DiscussLost(membership)))
            }
            Place::Friend(_) | Place::Temporary { .. } => {
                Err(refused(format!("{} has no members who could leave", place.words())))
            }
        }
    }

    /// The account comes back into a chat that it was in, as an ordinary member. The roster has the whole chat
    /// at once, other than a [`EventBody::GroupJoined`] could say.
    pub(super) fn rejoin(&mut self, chat: &ChatRef, now: UnixMs) -> Result<(ChatRef, Happening), SimError> {
        let Some((chat, gone)) = self.take_gone(chat) else {
            // It says which chats there are, or that the account is in this one.
            let place = self.place(chat)?;
            return Err(refused(format!("the account is in {} already", place.words())));
        };
        let mut own = stranger(&self.roster.user);
        let doer = Doer::person(&own, now);
        let body = match gone {
            Gone::Group(group) => {
                own.role = Some(Role::Member);
                let mut group = Group::clone(&group);
                group.role = own.role;
                group.members.put(own.clone());
                self.roster.groups.put(group);
                EventBody::GroupJoined
            }
            Gone::Discuss(discuss) => {
                let mut discuss = Discuss::clone(&discuss);
                discuss.members.put(own.clone());
                self.roster.discusses.put(discuss);
                EventBody::DiscussJoined
            }
        };
        self.roster.version += 1;
        let place = self.place(&chat)?;
        let membership = Membership { who: own, by: None, cause: MembershipCause::Joined };
        Ok((chat, doer.report(Some(place.chat()), body(membership))))
    }

    fn take_gone(&mut self, chat: &ChatRef) -> Option<(ChatRef, Gone)> {
        let by_uid = |(key, gone): (&ChatRef, &Gone)| match gone {
            Gone::Group(group) if chat.kind == key.kind && group.uid.as_ref() == Some(&chat.id) => {
                Some(key.clone())
            }
            _ => None,
        };
        let key = self.gone.contains_key(chat).then(|| chat.clone());
        let key = key.or_else(|| self.gone.iter().find_map(by_uid))?;
        self.gone.remove_entry(&key)
    }

    /// Makes a member owner, admin or ordinary member. An owner gives the group away by it.
    pub(super) fn set_role(
        &mut self,
        chat: &ChatRef,
        given: &str,
        role: Role,
        now: UnixMs,
    ) -> Result<Vec<Happening>, SimError> {
        let (place, group) = self.group(chat)?;
        let member = place.person(given)?.clone();
        let owner = group.members.iter().find(|who| who.role == Some(Role::Owner)).cloned();
        let owner_person = owner.as_ref().unwrap_or(&member);
        let doer = Doer::person(owner_person, now);
        if member.role == Some(role) {
            return Ok(Vec::new());
        }
        if member.role == Some(Role::Owner) {
            let rule = "make another member the owner instead";
            return Err(refused(format!("{} would have no owner: {rule}", place.words())));
        }
        self.without_roles.remove(&group.id);
        let mut happenings = Vec::new();
        let mut set = |who: &Person, role: Role| {
            let old = who.role.map(|role| role.as_str().to_owned());
            let new = Some(role.as_str().to_owned());
            happenings.push(self.change_member(&doer, &place, who, "role", old, new));
        };
        if let Some(owner) = owner.filter(|_| role == Role::Owner) {
            set(&owner, Role::Member);
        }
        set(&member, role);
        Ok(happenings)
    }

    /// Somebody becomes a friend.
    pub(super) fn befriend(
        &mut self,
        given: &str,
        name: Option<&str>,
        now: UnixMs,
    ) -> Result<Happening, SimError> {
        let who = self.somebody(given, name)?;
        self.take_friend(&Doer::person(&who, now), who)
    }

    /// The same, of their own accord or because the account said yes.
    pub(super) fn take_friend(&mut self, doer: &Doer, who: Person) -> Result<Happening, SimError> {
        if who.id == self.roster.user.id || self.roster.friends.get(&who.id).is_some() {
            return Err(refused(format!(
                "{} is a friend already, or the account",
                called(&who.name, &who.id)
            )));
        }
        self.requests.forget_friend(&who.id);
        let chat = Place::Friend(who.clone().into()).chat();
        Ok(self.happen(doer, Some(chat), EventBody::FriendJoined { who }))
    }

    /// A friend is one no longer.
    pub(super) fn unfriend(&mut self, given: &str, now: UnixMs) -> Result<Happening, SimError> {
        let place = self.place(&ChatRef { kind: ChatKind::Friend, id: given.to_owned() })?;
        let who = Person::clone(place.person(given)?);
        self.keep_in_mind(&who);
        let doer = Doer::person(&who, now);
        Ok(self.happen(&doer, Some(place.chat()), EventBody::FriendLost { who }))
    }

    /// Remembers who goes, so that the same person can come back.
    pub(super) fn keep_in_mind(&mut self, who: &Person) {
        if self.departed.len() < MAX_DEPARTED {
            self.departed.put(stranger(who));
        }
    }

    /// Somebody whom the account knows, or somebody new: with this id or, in a world like WeChat's, where ids are
    /// not for people, with this number or account.
    pub(super) fn somebody(&self, given: &str, name: Option<&str>) -> Result<Person, SimError> {
        let makes_id = self.has_wechat_ids() && !given.starts_with('@');
        let id = if makes_id { chance::person_id(self.seed, given) } else { given.to_owned() };
        if let Some(known) = anybody(&self.roster, given).or_else(|| anybody(&self.roster, &id)) {
            return Ok(stranger(known));
        }
        if let Some(known) = person_in(&self.departed, &id).or_else(|| person_in(&self.departed, given)) {
            return Ok(Person::clone(known));
        }
        let gone = self.gone.values().find_map(|gone| match gone {
            Gone::Group(group) => person_in(&group.members, given),
            Gone::Discuss(discuss) => person_in(&discuss.members, given),
        });
        if let Some(known) = gone {
            return Ok(stranger(known));
        }
        let wrong = given.is_empty() || given.chars().count() > MAX_ID_CHARS;
        if wrong || given.contains(|c: char| c.is_control() || c.is_whitespace()) {
            let rule = format!("1 to {MAX_ID_CHARS} characters without white space");
            return Err(refused(format!("`{}` cannot be the id of a person: {rule}", excerpt(given))));
        }
        let name = name.filter(|name| !name.trim().is_empty()).unwrap_or(given).to_owned();
        check_name("name", &name)?;
        let uid = given.bytes().all(|byte| byte.is_ascii_digit()).then(|| given.to_owned());
        let account = (makes_id && uid.is_none()).then(|| ("account".to_owned(), given.into()));
        Ok(Person { id, uid, name, attrs: account.into_iter().collect(), ..Person::default() })
    }
}

/// A person as somebody sees them who meets them for the first time.
pub(super) fn stranger(person: &Person) -> Person {
    let own = |(name, value): (&String, &serde_json::Value)| {
        OWN_ATTRS.contains(&name.as_str()).then(|| (name.clone(), value.clone()))
    };
    let attrs: Attrs = person.attrs.iter().filter_map(own).collect();
    Person {
        id: person.id.clone(),
        uid: person.uid.clone(),
        name: person.name.clone(),
        attrs,
        ..Person::default()
    }
}
