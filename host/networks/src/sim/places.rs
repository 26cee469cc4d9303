//! Finding chats and people of the sim world by what callers call them: an id, or the number people see.

use std::sync::Arc;

use mynah_model::Attrs;
use mynah_model::address::{ChatKind, ChatRef};
use mynah_model::event::Chat;
use mynah_model::roster::{Discuss, Group, Keyed, Person, Roster, Table};

use super::error::SimError;

/// How many candidates an error names.
const NAMED: usize = 5;

/// A chat that there is, as it was when it was looked up.
#[derive(Debug, Clone)]
pub(super) enum Place {
    Friend(Arc<Person>),
    Group(Arc<Group>),
    Discuss(Arc<Discuss>),
    Temporary { who: Arc<Person>, via: ChatRef },
}

impl Place {
    /// The chat that is meant. `via` is where a stranger was met, `group/ID` or `discuss/ID`; without it, the
    /// first group or discuss that has the stranger.
    pub(super) fn find(roster: &Roster, chat: &ChatRef, via: Option<&str>) -> Result<Self, SimError> {
        let given = chat.id.as_str();
        match chat.kind {
            ChatKind::Friend => match person_in(&roster.friends, given) {
                Some(friend) => Ok(Self::Friend(friend.clone())),
                None => Err(chat_unknown(chat, people(&roster.friends, None))),
            },
            ChatKind::Group => match group_in(roster, given) {
                Some(group) => Ok(Self::Group(group.clone())),
                None => {
                    let known =
                        known(roster.groups.iter().map(|group| called(&group_name(group), &group.id)));
                    Err(chat_unknown(chat, known))
                }
            },
            ChatKind::Discuss => match roster.discusses.get(given) {
                Some(discuss) => Ok(Self::Discuss(discuss.clone())),
                None => {
                    let discusses = roster.discusses.iter();
                    Err(chat_unknown(chat, known(discusses.map(|one| called(&one.name, &one.id)))))
                }
            },
            ChatKind::Temporary => Self::find_stranger(roster, given, via)
                .ok_or_else(|| chat_unknown(chat, "every member of a group or discuss".to_owned())),
            ChatKind::Other => Err(chat_unknown(chat, "friend, group, discuss, temporary".to_owned())),
        }
    }

    fn find_stranger(roster: &Roster, given: &str, via: Option<&str>) -> Option<Self> {
        let groups = roster.groups.iter().map(|group| (ChatKind::Group, &group.id, &group.members));
        let discusses = roster.discusses.iter().map(|one| (ChatKind::Discuss, &one.id, &one.members));
        let mut places = groups.chain(discusses);
        places.find_map(|(kind, id, members)| {
            let met_here = via.is_none_or(|via| {
                via.split_once('/').is_some_and(|(via, at)| via == kind.as_str() && at == id)
            });
            let who = person_in(members, given).filter(|who| met_here && who.id != roster.user.id)?;
            Some(Self::Temporary { who: who.clone(), via: ChatRef { kind, id: id.clone() } })
        })
    }

    /// What names it for certain.
    pub(super) fn chat_ref(&self) -> ChatRef {
        let (kind, id) = match self {
            Self::Friend(friend) => (ChatKind::Friend, &friend.id),
            Self::Group(group) => (ChatKind::Group, &group.id),
            Self::Discuss(discuss) => (ChatKind::Discuss, &discuss.id),
            Self::Temporary { who, .. } => (ChatKind::Temporary, &who.id),
        };
        ChatRef { kind, id: id.clone() }
    }

    fn name(&self) -> String {
        match self {
            Self::Friend(who) | Self::Temporary { who, .. } => who.display_name().to_owned(),
            Self::Group(group) => group_name(group),
            Self::Discuss(discuss) => discuss.name.clone(),
        }
    }

    /// As an event names it.
    pub(super) fn chat(&self) -> Chat {
        let ChatRef { kind, id } = self.chat_ref();
        let via = match self {
            Self::Temporary { via, .. } => Some(format!("{}/{}", via.kind, via.id)),
            _ => None,
        };
        Chat { kind, id, name: self.name(), via, attrs: Attrs::new() }
    }

    /// As an error names it: `group PERL学习交流 (552603)`.
    pub(super) fn words(&self) -> String {
        let chat = self.chat_ref();
        match self {
            Self::Temporary { .. } => format!("the temporary chat with {}", called(&self.name(), &chat.id)),
            _ => format!("{} {}", chat.kind, called(&self.name(), &chat.id)),
        }
    }

    /// Who is in it, of chats that have members.
    pub(super) fn members(&self) -> Option<&Table<Person>> {
        match self {
            Self::Group(group) => Some(&group.members),
            Self::Discuss(discuss) => Some(&discuss.members),
            Self::Friend(_) | Self::Temporary { .. } => None,
        }
    }

    /// Somebody in it, the account apart if the chat has no members.
    pub(super) fn person(&self, given: &str) -> Result<&Arc<Person>, SimError> {
        let found = match self {
            Self::Friend(who) | Self::Temporary { who, .. } => is(who, given).then_some(who),
            Self::Group(group) => person_in(&group.members, given),
            Self::Discuss(discuss) => person_in(&discuss.members, given),
        };
        found.ok_or_else(|| SimError::PersonUnknown {
            given: excerpt(given),
            place: self.words(),
            known: self.known_people(None),
        })
    }

    /// Some people who are in it, for an error; `except` is left out.
    pub(super) fn known_people(&self, except: Option<&str>) -> String {
        match self {
            Self::Friend(who) | Self::Temporary { who, .. } => called(who.display_name(), &who.id),
            Self::Group(group) => people(&group.members, except),
            Self::Discuss(discuss) => people(&discuss.members, except),
        }
    }
}

fn is(person: &Person, given: &str) -> bool {
    person.id == given || person.uid.as_deref() == Some(given) || account(person) == Some(given)
}

/// What people search for to find somebody in WeChat.
fn account(person: &Person) -> Option<&str> {
    person.attrs.get("account").and_then(|account| account.as_str()).filter(|account| !account.is_empty())
}

/// A person by id, else by uid or account.
pub(super) fn person_in<'a>(people: &'a Table<Person>, given: &str) -> Option<&'a Arc<Person>> {
    people.get(given).or_else(|| people.iter().find(|person| is(person, given)))
}

fn group_in<'a>(roster: &'a Roster, given: &str) -> Option<&'a Arc<Group>> {
    roster
        .groups
        .get(given)
        .or_else(|| roster.groups.iter().find(|group| group.uid.as_deref() == Some(given)))
}

/// Anybody that the account could know: itself, a friend, or a member of any of its chats.
pub(super) fn anybody<'a>(roster: &'a Roster, given: &str) -> Option<&'a Arc<Person>> {
    if is(&roster.user, given) {
        return Some(&roster.user);
    }
    let groups = roster.groups.iter().map(|group| &group.members);
    let discusses = roster.discusses.iter().map(|discuss| &discuss.members);
    std::iter::once(&roster.friends)
        .chain(groups)
        .chain(discusses)
        .find_map(|people| person_in(people, given))
}

/// A person as an event shows the sender of a message: without what only the roster is interested in.
pub(super) fn brief(person: &Person) -> Person {
    Person {
        id: person.id.clone(),
        uid: person.uid.clone(),
        name: person.name.clone(),
        markname: person.markname.clone(),
        card: person.card.clone(),
        role: person.role,
        shutup_until: None,
        attrs: Attrs::new(),
    }
}

/// A group's name; web WeChat has groups that only have a name to show.
fn group_name(group: &Group) -> String {
    let shown = || group.attrs.get("displayname").and_then(|name| name.as_str()).unwrap_or_default();
    if group.name.is_empty() { shown().to_owned() } else { group.name.clone() }
}

/// `name (id)`.
pub(super) fn called(name: &str, id: &str) -> String {
    if name.is_empty() || name == id { id.to_owned() } else { format!("{name} ({id})") }
}

/// A text that somebody gave, short enough for an error.
pub(super) fn excerpt(given: &str) -> String {
    given.chars().take(80).collect()
}

fn people(people: &Table<Person>, except: Option<&str>) -> String {
    let people = people.iter().filter(|person| Some(person.key()) != except);
    known(people.map(|person| called(person.display_name(), &person.id)))
}

fn known(names: impl Iterator<Item = String>) -> String {
    let mut names = names.peekable();
    let first: Vec<_> = names.by_ref().take(NAMED).collect();
    match (first.is_empty(), names.peek().is_some()) {
        (true, _) => "none".to_owned(),
        (false, false) => first.join(", "),
        (false, true) => format!("{} ...", first.join(", ")),
    }
}

fn chat_unknown(chat: &ChatRef, known: String) -> SimError {
    SimError::ChatUnknown { kind: chat.kind.as_str(), given: excerpt(&chat.id), known }
}
