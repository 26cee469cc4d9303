//! What is true in the sim network. The account's roster is a copy of it that follows the reports.
//!
//! Everything here decides and changes at once and waits for nothing. What happens is turned into a
//! [`Happening`], and the world's own roster is changed by that, with the same code as the account's: the two
//! cannot draw different conclusions.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use mynah_model::Attrs;
use mynah_model::address::ChatRef;
use mynah_model::clock::UnixMs;
use mynah_model::event::{Chat, EventBody};
use mynah_model::roster::{Discuss, Group, Person, Role, Roster, Table};

use super::chance::Chance;
use super::error::SimError;
use super::messages::Messages;
use super::places::{Place, brief, called};
use super::requests::Requests;
use crate::network::{Consequence, Happening};

/// Characters of a name or a card: QQ has 60 bytes, which is less.
const MAX_NAME_CHARS: usize = 60;

/// The sim network's truth.
#[derive(Debug)]
pub(super) struct World {
    configured: Roster,
    pub(super) seed: u64,
    /// Who and what there is now.
    pub(super) roster: Roster,
    /// Groups whose roster gives no roles at all, as those of web WeChat: everybody may do everything there.
    pub(super) without_roles: HashSet<String>,
    /// Chats that go on without the account.
    pub(super) gone: HashMap<ChatRef, Gone>,
    /// Group and person who was kicked from it for good.
    pub(super) barred: HashSet<(String, String)>,
    /// People who went, as strangers.
    pub(super) departed: Table<Person>,
    pub(super) messages: Messages,
    pub(super) requests: Requests,
    /// Chats that the account keeps on top of its list.
    pub(super) stuck: HashSet<ChatRef>,
    pub(super) chance: Chance,
}

/// A chat that the account is no longer in, without the account.
#[derive(Debug, Clone)]
pub(super) enum Gone {
    Group(Arc<Group>),
    Discuss(Arc<Discuss>),
}

/// Who does something, when, and because of which act of the account.
#[derive(Debug, Clone)]
pub(super) struct Doer {
    pub(super) who: Person,
    pub(super) now: UnixMs,
    pub(super) consequence: Option<Consequence>,
}

impl Doer {
    /// A person, of their own accord.
    pub(super) fn person(who: &Person, now: UnixMs) -> Self {
        Self { who: brief(who), now, consequence: None }
    }

    /// What they did, as a report.
    pub(super) fn report(&self, chat: Option<Chat>, body: EventBody) -> Happening {
        Happening { time: self.now, chat, body, consequence: self.consequence.clone(), attrs: Attrs::new() }
    }

    /// As an error names them.
    pub(super) fn words(&self) -> String {
        called(self.who.display_name(), &self.who.id)
    }
}

impl World {
    pub(super) fn new(configured: Roster, seed: u64) -> Self {
        Self {
            roster: configured.clone(),
            without_roles: groups_without_roles(&configured),
            configured,
            seed,
            gone: HashMap::new(),
            barred: HashSet::new(),
            departed: Table::default(),
            messages: Messages::default(),
            requests: Requests::default(),
            stuck: HashSet::new(),
            chance: Chance::new(seed),
        }
    }

    /// Everything as it was configured, chance too.
    pub(super) fn reset(&mut self) {
        let version = self.roster.version + 1;
        self.roster = Roster { version, ..self.configured.clone() };
        self.without_roles = groups_without_roles(&self.configured);
        self.gone.clear();
        self.barred.clear();
        self.departed = Table::default();
        self.messages.clear();
        self.requests.clear();
        self.stuck.clear();
        self.chance.restart(self.seed);
    }

    /// Lets something happen: the roster is changed by it.
    pub(super) fn happen(&mut self, doer: &Doer, chat: Option<Chat>, body: EventBody) -> Happening {
        if let Some(after) = self.roster.after(chat.as_ref(), &body, doer.now) {
            self.roster = after;
        }
        doer.report(chat, body)
    }

    /// Whether people and groups have ids like those of web WeChat, `@…` and `@@…`, which nobody types.
    pub(super) fn has_wechat_ids(&self) -> bool {
        self.roster.user.id.starts_with('@')
    }

    pub(super) fn place(&self, chat: &ChatRef) -> Result<Place, SimError> {
        Place::find(&self.roster, chat, None)
    }

    /// The account in a chat: as a member if it is one, with card and role.
    pub(super) fn own_person(&self, place: &Place) -> Arc<Person> {
        let user = &self.roster.user;
        place.members().and_then(|members| members.get(&user.id)).unwrap_or(user).clone()
    }
}

/// What somebody counts as in a group.
pub(super) fn rank(group: &Group, user: &str, id: &str) -> Role {
    let stated = group.members.get(id).and_then(|member| member.role);
    let owner = || (group.owner_id.as_deref() == Some(id)).then_some(Role::Owner);
    let own = || group.role.filter(|_| id == user);
    stated.or_else(owner).or_else(own).unwrap_or(Role::Member)
}

/// Whether everybody but the owner and the admins is muted.
pub(super) fn all_muted(group: &Group) -> bool {
    group.attrs.get("shutup_all").and_then(serde_json::Value::as_bool) == Some(true)
}

/// Checks a new name or card; `what` is how an error calls it.
pub(super) fn check_name(what: &str, name: &str) -> Result<(), SimError> {
    if name.chars().count() > MAX_NAME_CHARS || name.contains(char::is_control) {
        let rule = format!("at most {MAX_NAME_CHARS} characters, no control characters");
        return Err(SimError::Refused(format!("this {what} cannot be: {rule}")));
    }
    Ok(())
}

fn groups_without_roles(roster: &Roster) -> HashSet<String> {
    let plain =
        |group: &&Arc<Group>| group.role.is_none() && group.members.iter().all(|who| who.role.is_none());
    roster.groups.iter().filter(plain).map(|group| group.id.clone()).collect()
}
