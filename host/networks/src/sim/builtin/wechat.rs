//! The built-in people as web WeChat would show them: ids that nobody types, an account to search for, groups
//! without roles, no discusses, and the file transfer helper.

use std::sync::Arc;

use mynah_model::Attrs;
use mynah_model::roster::{Group, Person, Roster, Table};

use crate::sim::chance::person_id;

/// What web WeChat tells of a person.
const ATTRS: [&str; 5] = ["category", "city", "province", "sex", "signature"];

/// How many members a group can have.
const GROUP_MEMBERS: usize = 500;

/// The built-in roster of an account like one of web WeChat.
pub fn wechat_roster() -> Roster {
    let qq = super::roster();
    let helper = Person {
        id: "filehelper".to_owned(),
        name: "文件传输助手".to_owned(),
        attrs: [("category".to_owned(), "系统帐号".into())].into(),
        ..Person::default()
    };
    let mut friends: Table<Person> = qq.friends.iter().map(|friend| person(friend)).collect();
    friends.put(helper);
    Roster {
        version: 0,
        user: Arc::new(person(&qq.user)),
        friends,
        groups: qq.groups.iter().map(|one| group(one)).collect(),
        discusses: Table::default(),
    }
}

fn person(qq: &Person) -> Person {
    let told = qq.attrs.iter().filter(|(name, _)| ATTRS.contains(&name.as_str()));
    let mut attrs: Attrs = told.map(|(name, value)| (name.clone(), value.clone())).collect();
    attrs.insert("account".to_owned(), format!("wxid_{}", qq.id).into());
    Person {
        id: person_id(0, &qq.id),
        uid: qq.uid.clone(),
        name: qq.name.clone(),
        markname: qq.markname.clone(),
        card: qq.card.clone(),
        attrs,
        ..Person::default()
    }
}

fn group(qq: &Group) -> Group {
    let halves = [0, 1].map(|half| person_id(half, &qq.id).replace('@', ""));
    Group {
        id: format!("@@{}", halves.concat()),
        uid: qq.uid.clone(),
        name: qq.name.clone(),
        members: qq.members.iter().take(GROUP_MEMBERS).map(|member| person(member)).collect(),
        ..Group::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everybody_has_an_id_like_wechats_and_is_the_same_person_everywhere() {
        let roster = wechat_roster();
        let is_person = |person: &Person| person.id.starts_with('@') && person.id.len() == 33;
        assert!(is_person(&roster.user));
        assert!(roster.friends.iter().all(|friend| is_person(friend) || friend.id == "filehelper"));
        assert_eq!((roster.friends.len(), roster.groups.len(), roster.discusses.len()), (7, 5, 0));
        for group in &roster.groups {
            assert!(group.id.starts_with("@@") && group.id.len() == 66, "{}", group.id);
            assert!(group.members.get(&roster.user.id).is_some(), "{}", group.name);
            assert!(group.members.len() <= GROUP_MEMBERS);
            assert!(group.members.iter().all(|member| is_person(member) && member.role.is_none()));
        }
        assert_eq!(roster, wechat_roster());
    }
}
