//! Making people act. Every call resolves when what it did is numbered, with that number, the last if it did
//! several things.
//!
//! Chats and people are named by id or by the number that people see.

use mynah_model::address::{ChatKind, ChatRef};
use mynah_model::names::Seq;
use mynah_model::roster::Role;

use super::moderation::refused;
use super::places::anybody;
use super::world::{Doer, World};
use super::{Said, Say, Sim, SimError};
use crate::network::Happening;

impl Sim {
    /// A person says something; refused if they are muted.
    pub async fn say(&self, mut say: Say) -> Result<Said, SimError> {
        let turn = self.turn(&say.chat).await?;
        let sink = self.sink()?;
        // Looking for mentions among thousands of members takes a while, so the world is not locked for it.
        let place = self.world.lock().place(&say.chat)?;
        let segments = say.take_segments(&place);
        let (message_id, happening) = self.world.lock().say(say, segments, self.clock.now())?;
        let seq = sink.report(happening).await?;
        drop(turn);
        Ok(Said { seq, message_id })
    }

    /// Somebody comes into a group or discuss: a friend, a member of another chat, or somebody new with this
    /// id and name. The account itself comes back into a chat that it had left or been kicked from.
    pub async fn join(&self, chat: &ChatRef, person: &str, name: Option<&str>) -> Result<Seq, SimError> {
        let is_account = {
            let world = self.world.lock();
            anybody(&world.roster, person).is_some_and(|found| found.id == world.roster.user.id)
        };
        if is_account {
            return self.rejoin(chat).await;
        }
        self.in_chat(chat, |world, now| Ok(vec![world.join(chat, person, name, now)?])).await
    }

    /// A member leaves a group or discuss, or is kicked by another, who has to be allowed to. May be the
    /// account itself.
    pub async fn leave(
        &self,
        chat: &ChatRef,
        person: &str,
        kicked_by: Option<&str>,
    ) -> Result<Seq, SimError> {
        self.in_chat(chat, |world, now| Ok(vec![world.leave(chat, person, kicked_by, now)?])).await
    }

    /// A member sets their own card in a group; an empty one removes it.
    pub async fn set_card(&self, group: &str, member: &str, card: &str) -> Result<Seq, SimError> {
        let chat = group_ref(group);
        self.in_chat(&chat, |world, now| {
            let doer = Doer::person(world.place(&chat)?.person(member)?, now);
            world.set_card(&doer, &chat, member, card)
        })
        .await
    }

    /// A member becomes owner, admin or ordinary member. The owner who was becomes an ordinary one.
    pub async fn set_role(&self, group: &str, member: &str, role: Role) -> Result<Seq, SimError> {
        let chat = group_ref(group);
        self.in_chat(&chat, |world, now| world.set_role(&chat, member, role, now)).await
    }

    /// A member mutes another, the account perhaps, for so many seconds; `None` ends a mute.
    pub async fn shutup(
        &self,
        group: &str,
        member: &str,
        seconds: Option<u32>,
        by: &str,
    ) -> Result<Seq, SimError> {
        let chat = group_ref(group);
        self.in_chat(&chat, |world, now| {
            let doer = Doer::person(world.place(&chat)?.person(by)?, now);
            let members = [member.to_owned()];
            match seconds {
                Some(seconds) => world.mute(&doer, &chat, &members, seconds),
                None => world.unmute(&doer, &chat, &members),
            }
        })
        .await
    }

    /// A person takes a message back: their own for two minutes, or another's as owner or admin.
    pub async fn recall(&self, chat: &ChatRef, message_id: &str, by: &str) -> Result<Seq, SimError> {
        self.in_chat(chat, |world, now| {
            let doer = Doer::person(world.place(chat)?.person(by)?, now);
            world.recall(&doer, chat, message_id)
        })
        .await
    }

    /// Somebody becomes a friend: one whom the account knows, or somebody new with this id and name.
    pub async fn befriend(&self, person: &str, name: Option<&str>) -> Result<Seq, SimError> {
        let id = self.world.lock().somebody(person, name)?.id;
        let chat = ChatRef { kind: ChatKind::Friend, id };
        self.in_any(chat, |world, now| Ok(vec![world.befriend(person, name, now)?])).await
    }

    /// A friend is one no longer.
    pub async fn unfriend(&self, friend: &str) -> Result<Seq, SimError> {
        let chat = ChatRef { kind: ChatKind::Friend, id: friend.to_owned() };
        self.in_chat(&chat, |world, now| Ok(vec![world.unfriend(friend, now)?])).await
    }

    /// Somebody asks to be a friend.
    pub async fn friend_request(
        &self,
        person: &str,
        name: Option<&str>,
        text: &str,
    ) -> Result<Seq, SimError> {
        let chat = ChatRef { kind: ChatKind::Friend, id: self.world.lock().somebody(person, name)?.id };
        self.in_any(chat, |world, now| Ok(vec![world.request(None, person, name, text, now)?])).await
    }

    /// Somebody asks to come into a group.
    pub async fn group_request(
        &self,
        group: &str,
        person: &str,
        name: Option<&str>,
        text: &str,
    ) -> Result<Seq, SimError> {
        let chat = group_ref(group);
        self.in_chat(&chat, |world, now| Ok(vec![world.request(Some(&chat), person, name, text, now)?])).await
    }

    /// So many things that people could say, drawn from the seed. Nothing is said yet, and whoever is muted by
    /// then will not be able to.
    pub fn chatter(&self, count: usize) -> Vec<Say> {
        self.world.lock().chatter(count)
    }

    /// The world as it was configured: mutes, kicks and messages are forgotten, chance begins again. Waits until
    /// nothing is under way, then hands the account its roster, if it is running.
    pub async fn reset(&self) {
        let all = self.turns.take_all().await;
        let roster = {
            let mut world = self.world.lock();
            world.reset();
            world.roster.clone()
        };
        if let Ok(sink) = self.sink() {
            sink.roster(roster);
        }
        drop(all);
    }

    async fn rejoin(&self, chat: &ChatRef) -> Result<Seq, SimError> {
        let all = self.turns.take_all().await;
        let sink = self.sink()?;
        let (chat, happening, roster) = {
            let mut world = self.world.lock();
            let (chat, happening) = world.rejoin(chat, self.clock.now())?;
            (chat, happening, world.roster.clone())
        };
        sink.roster(roster);
        let turn = self.turns.keep(all, chat).await;
        numbered(self.tell(turn, vec![happening]).await?)
    }

    /// Changes the world when it is the turn of a chat that there is.
    async fn in_chat(
        &self,
        chat: &ChatRef,
        change: impl FnOnce(&mut World, i64) -> Result<Vec<Happening>, SimError>,
    ) -> Result<Seq, SimError> {
        let turn = self.turn(chat).await?;
        self.sink()?;
        let happenings = change(&mut self.world.lock(), self.clock.now())?;
        numbered(self.tell(turn, happenings).await?)
    }

    /// The same for a chat that there need not be yet.
    async fn in_any(
        &self,
        chat: ChatRef,
        change: impl FnOnce(&mut World, i64) -> Result<Vec<Happening>, SimError>,
    ) -> Result<Seq, SimError> {
        self.sink()?;
        let turn = self.turns.take(chat).await;
        self.sink()?;
        let happenings = change(&mut self.world.lock(), self.clock.now())?;
        numbered(self.tell(turn, happenings).await?)
    }
}

fn group_ref(group: &str) -> ChatRef {
    ChatRef { kind: ChatKind::Group, id: group.to_owned() }
}

fn numbered(seq: Option<Seq>) -> Result<Seq, SimError> {
    seq.ok_or_else(|| refused("nothing changed: it is so already"))
}
