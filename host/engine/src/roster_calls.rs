//! The import `roster`: read-only look-ups in what the account knew when the event happened.

use mynah_model::roster::Group;

use crate::bindings::mynah::script::roster::{self, GroupInfo, MemberPage};
use crate::bindings::mynah::script::types::Person;
use crate::limits::ROSTER_PAGE;
use crate::sandbox::Sandbox;
use crate::wire_event::{attrs, person, role};

impl roster::Host for Sandbox {
    fn me(&mut self) -> wasmtime::Result<Person> {
        Ok(person(&self.turn("roster")?.roster.user))
    }

    fn friend(&mut self, id: String) -> wasmtime::Result<Option<Person>> {
        self.charge(id.len())?;
        let turn = self.turn("roster")?;
        Ok(turn.roster.friends.get(&id).map(|friend| person(friend)))
    }

    fn group(&mut self, id: String) -> wasmtime::Result<Option<GroupInfo>> {
        self.charge(id.len())?;
        let turn = self.turn("roster")?;
        Ok(turn.roster.groups.get(&id).map(|group| group_info(group)))
    }

    fn members(&mut self, group_id: String, offset: u32, limit: u32) -> wasmtime::Result<MemberPage> {
        self.charge(group_id.len())?;
        let turn = self.turn("roster")?;
        let Some(group) = turn.roster.groups.get(&group_id) else {
            return Ok(MemberPage { members: Vec::new(), next: None });
        };
        let all = group.members.as_slice();
        let start = usize::try_from(offset).unwrap_or(usize::MAX);
        let count = usize::try_from(limit.clamp(1, ROSTER_PAGE)).unwrap_or(1);
        let members: Vec<Person> = all.iter().skip(start).take(count).map(|member| person(member)).collect();
        let end = start.saturating_add(members.len());
        let next = if end < all.len() { u32::try_from(end).ok() } else { None };
        Ok(MemberPage { members, next })
    }

    fn member(&mut self, group_id: String, id: String) -> wasmtime::Result<Option<Person>> {
        self.charge(group_id.len().saturating_add(id.len()))?;
        let turn = self.turn("roster")?;
        Ok(turn.roster.member(&group_id, &id).map(|member| person(member)))
    }
}

fn group_info(group: &Group) -> GroupInfo {
    GroupInfo {
        id: group.id.clone(),
        uid: group.uid.clone(),
        name: group.name.clone(),
        markname: group.markname.clone(),
        owner_id: group.owner_id.clone(),
        role: group.role.map(role),
        member_count: u32::try_from(group.members.len()).unwrap_or(u32::MAX),
        attrs: attrs(&group.attrs),
    }
}
