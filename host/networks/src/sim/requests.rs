//! Who asks to be a friend or to come into a group, and what the account answers.

use std::collections::{HashMap, VecDeque};

use mynah_model::action::{Act, ActionBody};
use mynah_model::address::{ChatKind, ChatRef};
use mynah_model::clock::UnixMs;
use mynah_model::event::{EventBody, MembershipCause, Request};
use mynah_model::roster::Person;

use super::Sim;
use super::error::SimError;
use super::moderation::refused;
use super::places::{Place, brief, called, excerpt};
use super::speech::MAX_TEXT_BYTES;
use super::world::{Doer, World};
use crate::network::{Consequence, Happening, NetworkError, Receipt};

/// How many requests wait for an answer; the oldest are forgotten first.
const WAITING: usize = 1_000;

/// Somebody who waits for an answer.
#[derive(Debug, Clone)]
struct Waiting {
    from: Person,
    /// The group that they want to come into; `None` if they want to be a friend.
    group: Option<ChatRef>,
}

impl Waiting {
    /// The chat that there will be with them, or that they will be in.
    fn chat(&self) -> ChatRef {
        let friend = || ChatRef { kind: ChatKind::Friend, id: self.from.id.clone() };
        self.group.clone().unwrap_or_else(friend)
    }
}

/// The newest [`WAITING`] requests that were not answered.
#[derive(Debug, Default)]
pub(super) struct Requests {
    by_id: HashMap<String, Waiting>,
    oldest_first: VecDeque<String>,
}

impl Requests {
    fn remember(&mut self, id: String, waiting: Waiting) {
        if self.oldest_first.len() >= WAITING
            && let Some(oldest) = self.oldest_first.pop_front()
        {
            self.by_id.remove(&oldest);
        }
        self.oldest_first.push_back(id.clone());
        self.by_id.insert(id, waiting);
    }

    fn forget(&mut self, is_over: impl Fn(&str, &Waiting) -> bool) {
        self.by_id.retain(|id, waiting| !is_over(id, waiting));
        self.oldest_first.retain(|id| self.by_id.contains_key(id));
    }

    /// Who is a friend now has nothing to ask for.
    pub(super) fn forget_friend(&mut self, id: &str) {
        self.forget(|_, waiting| waiting.group.is_none() && waiting.from.id == id);
    }

    pub(super) fn clear(&mut self) {
        self.by_id.clear();
        self.oldest_first.clear();
    }

    /// The request of this id, which must be that of `from` if that is given.
    fn get(&self, id: &str, from: Option<&str>) -> Result<&Waiting, SimError> {
        let waiting = self.by_id.get(id).filter(|waiting| from.is_none_or(|from| from == waiting.from.id));
        waiting.ok_or_else(|| {
            let whose = from.map(|from| format!(" of `{}`", excerpt(from))).unwrap_or_default();
            refused(format!("no request `{}`{whose} waits for an answer", excerpt(id)))
        })
    }
}

impl World {
    /// Somebody wants to be a friend, or to come into a group.
    pub(super) fn request(
        &mut self,
        group: Option<&ChatRef>,
        given: &str,
        name: Option<&str>,
        text: &str,
        now: UnixMs,
    ) -> Result<Happening, SimError> {
        if text.len() > MAX_TEXT_BYTES {
            return Err(refused(format!("a request of {} bytes: at most {MAX_TEXT_BYTES}", text.len())));
        }
        let place = group.map(|chat| self.group(chat)).transpose()?.map(|(place, _)| place);
        let from = self.somebody(given, name)?;
        let friends = &self.roster.friends;
        let there = place.as_ref().map_or(Some(friends), Place::members);
        if there.is_some_and(|people| people.get(&from.id).is_some()) || from.id == self.roster.user.id {
            return Err(refused(format!("{} has nothing to ask for", called(&from.name, &from.id))));
        }
        if let Some(place) = &place {
            self.check_not_barred(place, &from)?;
        }
        let doer = Doer::person(&from, now);
        let request = Request { id: self.chance.request_id(), from: brief(&from), text: text.to_owned() };
        let group = place.as_ref().map(Place::chat_ref);
        self.requests.remember(request.id.clone(), Waiting { from, group });
        Ok(match place {
            Some(place) => doer.report(Some(place.chat()), EventBody::GroupRequest(request)),
            None => doer.report(None, EventBody::FriendRequest(request)),
        })
    }

    /// The account says yes or no to a request.
    fn answer(
        &mut self,
        consequence: Consequence,
        request: &str,
        from: Option<&str>,
        approve: bool,
        now: UnixMs,
    ) -> Result<Vec<Happening>, SimError> {
        let waiting = self.requests.get(request, from)?.clone();
        let doer = |who: &Person| Doer { consequence: Some(consequence), ..Doer::person(who, now) };
        let happening = match &waiting.group {
            _ if !approve => None,
            None => Some(self.take_friend(&doer(&self.roster.user), waiting.from)?),
            Some(chat) => {
                let (place, group) = self.group(chat)?;
                let doer = doer(&self.own_person(&place));
                self.check_may(&group, &doer, None, "let people in")?;
                Some(self.enter(&doer, &place, waiting.from, MembershipCause::Joined)?)
            }
        };
        self.requests.forget(|id, _| id == request);
        Ok(happening.into_iter().collect())
    }

    /// The account asks somebody to be a friend. They say yes by becoming one, see [`Sim::befriend`].
    pub(super) fn ask(&mut self, place: &Place, text: &str) -> Result<Vec<Happening>, SimError> {
        let Place::Temporary { who, .. } = place else {
            return Err(refused(format!("{} is nobody who can be asked to be a friend", place.words())));
        };
        if self.roster.friends.get(&who.id).is_some() {
            return Err(refused(format!("{} is a friend already", called(who.display_name(), &who.id))));
        }
        if text.len() > MAX_TEXT_BYTES {
            return Err(refused(format!("a request of {} bytes: at most {MAX_TEXT_BYTES}", text.len())));
        }
        Ok(Vec::new())
    }
}

impl Sim {
    /// Does an [`ActionBody::AnswerRequest`].
    pub(super) async fn answer_request(&self, act: &Act) -> Result<Receipt, NetworkError> {
        let ActionBody::AnswerRequest { request_id, from, approve, .. } = &act.body else {
            return Err(super::acts::unsupported(act));
        };
        self.sink()?;
        let chat = self.world.lock().requests.get(request_id, from.as_deref())?.chat();
        let turn = self.turns.take(chat).await;
        self.sink()?;
        let (consequence, now) = (Consequence::of(act), self.clock.now());
        let happenings = self.world.lock().answer(consequence, request_id, from.as_deref(), *approve, now)?;
        self.tell(turn, happenings).await?;
        Ok(Receipt::default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_request_is_forgotten_first() {
        let mut requests = Requests::default();
        for number in 0..=WAITING {
            requests.remember(number.to_string(), Waiting { from: Person::default(), group: None });
        }
        assert!(requests.get("0", None).is_err());
        assert!(requests.get("1", None).is_ok());
        assert_eq!(requests.by_id.len(), WAITING);
        requests.forget_friend("");
        assert!(requests.by_id.is_empty() && requests.oldest_first.is_empty());
    }
}
