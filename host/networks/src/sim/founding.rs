//! Groups that the account makes.

use std::collections::HashSet;

use mynah_model::Attrs;
use mynah_model::action::Act;
use mynah_model::address::{ChatKind, ChatRef};
use mynah_model::clock::UnixMs;
use mynah_model::event::{Chat, EventBody, Membership, MembershipCause};
use mynah_model::roster::{Person, Role};

use super::Sim;
use super::comings::stranger;
use super::error::SimError;
use super::moderation::refused;
use super::places::Place;
use super::world::{Doer, World, check_name};
use crate::network::{Consequence, Happening, NetworkError, Receipt};

impl World {
    /// The id of a group that there is not yet, of the kind that this world has.
    fn new_group_id(&mut self) -> String {
        loop {
            let id = self.chance.group_id(self.has_wechat_ids());
            let chat = ChatRef { kind: ChatKind::Group, id };
            if self.roster.groups.get(&chat.id).is_none() && !self.gone.contains_key(&chat) {
                return chat.id;
            }
        }
    }

    /// The account makes a group, owns it, and brings friends into it.
    fn found(
        &mut self,
        consequence: Consequence,
        id: &str,
        friends: &[String],
        name: Option<&str>,
        now: UnixMs,
    ) -> Result<Vec<Happening>, SimError> {
        let name = name.unwrap_or_default();
        check_name("group name", name)?;
        if friends.is_empty() {
            return Err(refused("no friends are named to make a group with"));
        }
        let mut seen = HashSet::new();
        let mut members: Vec<Person> = Vec::with_capacity(friends.len());
        for given in friends {
            let chat = ChatRef { kind: ChatKind::Friend, id: given.clone() };
            let place = Place::find(&self.roster, &chat, None)?;
            let friend = place.person(given)?;
            if seen.insert(friend.id.clone()) {
                members.push(stranger(friend));
            }
        }
        let own = Person { role: Some(Role::Owner), ..stranger(&self.roster.user) };
        let doer = Doer { consequence: Some(consequence), ..Doer::person(&own, now) };
        let chat = Chat {
            kind: ChatKind::Group,
            id: id.to_owned(),
            name: name.to_owned(),
            via: None,
            attrs: Attrs::new(),
        };
        let membership = Membership { who: own, by: None, cause: MembershipCause::Joined };
        let mut happenings = vec![self.happen(&doer, Some(chat), EventBody::GroupJoined(membership))];
        for member in members {
            let (place, _) = self.group(&ChatRef { kind: ChatKind::Group, id: id.to_owned() })?;
            happenings.push(self.enter(&doer, &place, member, MembershipCause::Invited)?);
        }
        Ok(happenings)
    }
}

impl Sim {
    /// Does a [`mynah_model::action::ActionBody::CreateGroup`].
    pub(super) async fn create_group(
        &self,
        act: &Act,
        friends: &[String],
        name: Option<&str>,
    ) -> Result<Receipt, NetworkError> {
        self.sink()?;
        let id = self.world.lock().new_group_id();
        let turn = self.turns.take(ChatRef { kind: ChatKind::Group, id: id.clone() }).await;
        self.sink()?;
        let now = self.clock.now();
        let happenings = self.world.lock().found(Consequence::of(act), &id, friends, name, now)?;
        self.tell(turn, happenings).await?;
        Ok(Receipt { group_id: Some(id), ..Receipt::default() })
    }
}
