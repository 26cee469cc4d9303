//! The import `roster`: read-only look-ups in what the account knew when the event happened. Who or what is in a chat that the
//! script may not see is not found (see [`crate::sight`]). The account itself is the event's, and no other can be named.

use mynah_model::address::ChatKind;
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
        if !turn.sight.covers("friend", ChatKind::Friend, &id) {
            return Ok(None);
        }
        Ok(turn.roster.friends.get(&id).map(|friend| person(friend)))
    }

    fn group(&mut self, id: String) -> wasmtime::Result<Option<GroupInfo>> {
        self.charge(id.len())?;
        let turn = self.turn("roster")?;
        if !turn.sight.covers("group", ChatKind::Group, &id) {
            return Ok(None);
        }
        Ok(turn.roster.groups.get(&id).map(|group| group_info(group)))
    }

    fn members(&mut self, group_id: String, offset: u32, limit: u32) -> wasmtime::Result<MemberPage> {
        self.charge(group_id.len())?;
        let turn = self.turn("roster")?;
        let is_seen = turn.sight.covers("members", ChatKind::Group, &group_id);
        let Some(group) = turn.roster.groups.get(&group_id).filter(|_| is_seen) else {
            return Ok(MemberPage { members: Vec::new(), next: None });
        };
        let all = &group.members;
        let start = usize::try_from(offset).unwrap_or(usize::MAX);
        let count = usize::try_from(limit.clamp(1, ROSTER_PAGE)).unwrap_or(1);
        let places = start..start.saturating_add(count);
        let members: Vec<Person> =
            places.map_while(|place| all.at(place)).map(|member| person(member)).collect();
        let end = start.saturating_add(members.len());
        let next = if end < all.len() { u32::try_from(end).ok() } else { None };
        Ok(MemberPage { members, next })
    }

    fn member(&mut self, group_id: String, id: String) -> wasmtime::Result<Option<Person>> {
        self.charge(group_id.len().saturating_add(id.len()))?;
        let turn = self.turn("roster")?;
        if !turn.sight.covers("member", ChatKind::Group, &group_id) {
            return Ok(None);
        }
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

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::sync::Arc;

    use mynah_model::Attrs;
    use mynah_model::event::{Event, EventBody};
    use mynah_model::names::Seq;
    use mynah_model::refusal::{Code, Refusal};
    use mynah_model::roster::{Person as Known, Roster};

    use super::roster::Host as _;
    use super::*;
    use crate::kv_calls::tests::Keys;
    use crate::limits::Limits;
    use crate::sandbox::Turn;
    use crate::settings::SettingsLayers;
    use crate::sight::Sight;

    fn known(id: &str) -> Known {
        Known { id: id.into(), ..Known::default() }
    }

    fn roster() -> Roster {
        let group = |id: &str| {
            let members = (0..1_200).map(|number| known(&format!("{id}{number:04}"))).collect();
            Group { id: id.into(), members, ..Group::default() }
        };
        Roster {
            user: Arc::new(known("10000")),
            friends: [known("7"), known("8")].into_iter().collect(),
            groups: [group("1"), group("2")].into_iter().collect(),
            ..Roster::default()
        }
    }

    /// A script that handles an event of the account `qq`.
    fn seeing(sight: Sight) -> Sandbox {
        let event = Event {
            seq: Seq(1),
            account: "qq".parse().unwrap(),
            network: "sim".into(),
            self_id: "10000".into(),
            time: 0,
            received_at: 0,
            cause: None,
            depth: 0,
            by_script: None,
            chat: None,
            body: EventBody::Stopped,
            attrs: Attrs::new(),
        };
        let turn = Turn {
            time: 0,
            settings: SettingsLayers::default().view_of(&event),
            roster: Arc::new(roster()),
            sight,
            services: Box::new(Keys(BTreeMap::new())),
        };
        Sandbox::handling(&"seer".parse().unwrap(), &event, &Arc::new(Limits::default()), turn)
    }

    /// What each function finds of group 2 and of friend 8: how many.
    fn found(sandbox: &mut Sandbox) -> [usize; 4] {
        [
            usize::from(sandbox.friend("8".into()).unwrap().is_some()),
            usize::from(sandbox.group("2".into()).unwrap().is_some()),
            sandbox.members("2".into(), 0, 100).unwrap().members.len(),
            usize::from(sandbox.member("2".into(), "20001".into()).unwrap().is_some()),
        ]
    }

    fn refused(sandbox: Sandbox) -> Option<Refusal> {
        sandbox.turn.unwrap().sight.into_refused()
    }

    #[test]
    fn nothing_is_found_in_chats_that_the_script_may_not_see() {
        for (chats, seen) in [
            (&["qq/group/1"][..], [0, 0, 0, 0]),
            (&["qq/group/1", "qq/friend/7"], [0, 0, 0, 0]),
            (&["wx/group/2", "wx", "wx/*/8"], [0, 0, 0, 0]),
            (&["qq/discuss/2", "qq/temporary/8"], [0, 0, 0, 0]),
            (&["qq/group/*"], [0, 1, 100, 1]),
            (&["qq/friend/*"], [1, 0, 0, 0]),
            (&["*/group/2", "qq/friend/8"], [1, 1, 100, 1]),
            (&["qq"], [1, 1, 100, 1]),
        ] {
            let mut sandbox = seeing(Sight::within("qq", chats));
            assert_eq!(found(&mut sandbox), seen, "{chats:?}");
            assert_eq!(sandbox.me().unwrap().id, "10000", "it is the event's account, whatever the chats");
            let expected = seen.contains(&0).then_some(Code::GrantRoster);
            assert_eq!(refused(sandbox).map(|refusal| refusal.code), expected, "{chats:?}");
        }
        let mut everywhere = seeing(Sight::everything());
        assert_eq!(found(&mut everywhere), [1, 1, 100, 1]);
        assert_eq!(refused(everywhere), None);
    }

    #[test]
    fn each_function_names_itself_and_the_chat_when_it_is_refused() {
        type Ask = fn(&mut Sandbox);
        let asks: [(Ask, &str, &str); 4] = [
            (|sandbox| drop(sandbox.friend("8".into())), "friend", "qq/friend/8"),
            (|sandbox| drop(sandbox.group("2".into())), "group", "qq/group/2"),
            (|sandbox| drop(sandbox.members("2".into(), 0, 500)), "members", "qq/group/2"),
            (|sandbox| drop(sandbox.member("2".into(), "20001".into())), "member", "qq/group/2"),
        ];
        for (ask, function, chat) in asks {
            let mut sandbox = seeing(Sight::within("qq", &["qq/group/1"]));
            ask(&mut sandbox);
            let text =
                format!("`roster.{function}` was asked about `{chat}`, which is none of the script's chats");
            assert_eq!(refused(sandbox), Some(Refusal::new(Code::GrantRoster, text)));
        }
        let mut sandbox = seeing(Sight::within("qq", &["qq/group/1"]));
        for id in ["../1", "1\0", " 1", "１", "*", ""] {
            assert!(sandbox.group(id.into()).unwrap().is_none(), "{id:?}");
        }
    }

    #[test]
    fn members_come_in_pages_of_a_bounded_size() {
        let mut sandbox = seeing(Sight::within("qq", &["qq/group/1"]));
        let (mut ids, mut offset) = (Vec::new(), Some(0));
        while let Some(at) = offset {
            let page = sandbox.members("1".into(), at, u32::MAX).unwrap();
            assert!(page.members.len() <= 500);
            ids.extend(page.members.into_iter().map(|member| member.id));
            offset = page.next;
        }
        assert_eq!(ids.len(), 1_200);
        for (offset, limit, count) in [(0, 0, 1), (1_199, 500, 1), (1_200, 500, 0), (u32::MAX, u32::MAX, 0)] {
            let page = sandbox.members("1".into(), offset, limit).unwrap();
            assert_eq!(page.members.len(), count, "{offset} {limit}");
        }
        assert_eq!(refused(sandbox), None);
    }
}
