//! The friends, groups and members that a call means.
//!
//! Of the parameters that name a target all that are given must hold, and for one only.

use std::sync::Arc;

use mynah_model::action::Target;
use mynah_model::address::ChatKind;
use mynah_model::roster::{Group, Person, Roster, Table};

use super::objects;
use crate::params::Params;
use crate::settings::MEMBERS;
use crate::targets::{Missed, items, one, shown};

/// What is meant, or the code and status that say why nothing.
pub(super) type Found<T> = Result<T, (i32, String)>;

/// The chat with a friend.
pub(super) fn friend_chat(id: &str) -> Target {
    Target { account: None, kind: ChatKind::Friend, id: id.to_owned(), via: None }
}

/// The chat of a group.
pub(super) fn group_chat(id: &str) -> Target {
    Target { account: None, kind: ChatKind::Group, id: id.to_owned(), via: None }
}

/// The chat of a friend or group with this id.
pub(super) fn chat(roster: &Roster, id: &str) -> Option<Target> {
    let friend = || roster.friends.get(id).map(|friend| friend_chat(&friend.id));
    let group = || roster.groups.get(id).map(|group| group_chat(&group.id));
    friend().or_else(group)
}

/// The friend that `id`, `account`, `displayname` and `markname` name.
pub(super) fn friend<'r>(roster: &'r Roster, params: &Params) -> Found<&'r Arc<Person>> {
    person(&roster.friends, params, "friends")
}

/// The same among the members of a group.
pub(super) fn member<'r>(group: &'r Group, params: &Params) -> Found<&'r Arc<Person>> {
    person(&group.members, params, "group members")
}

fn person<'r>(people: &'r Table<Person>, params: &Params, what: &str) -> Found<&'r Arc<Person>> {
    let [id, account, displayname, markname] =
        ["id", "account", "displayname", "markname"].map(|name| params.get(name));
    let is_named = [id, account, displayname, markname].iter().any(Option::is_some);
    let holds = |person: &Person| {
        id.is_none_or(|id| id == person.id)
            && account.is_none_or(|account| account == objects::account(person))
            && displayname.is_none_or(|name| name == objects::displayname(person))
            && markname.is_none_or(|name| Some(name) == person.markname.as_deref())
    };
    let found = if is_named { one(people, holds) } else { Err(Missed::NotFound) };
    found.map_err(|missed| missed.answer((100, "object not found"), what))
}

/// The group that `id` and `displayname` name.
pub(super) fn group<'r>(roster: &'r Roster, params: &Params) -> Found<&'r Arc<Group>> {
    let [id, displayname] = ["id", "displayname"].map(|name| params.get(name));
    let holds = |group: &Group| {
        id.is_none_or(|id| id == group.id)
            && displayname.is_none_or(|name| name == objects::group_displayname(group, &roster.user.id))
    };
    let is_named = id.is_some() || displayname.is_some();
    let found = if is_named { one(&roster.groups, holds) } else { Err(Missed::NotFound) };
    found.map_err(|missed| missed.answer((100, "object not found"), "groups"))
}

/// The ids of the people that a comma list names; the list may stand in either of two parameters, or in both.
/// `what` is how answers call them: `friend`, `member`.
pub(super) fn people(
    among: &Table<Person>,
    params: &Params,
    parameters: [&str; 2],
    what: &str,
) -> Found<Vec<String>> {
    let lists: Vec<&str> = parameters.into_iter().filter_map(|name| params.get(name)).collect();
    let list = lists.join(",");
    let named = items(&list);
    if named.is_empty() {
        return Err((200, format!("{what} id empty")));
    }
    if named.len() > MEMBERS {
        return Err((400, format!("more than {MEMBERS} {what}s")));
    }
    named
        .into_iter()
        .map(|id| match among.get(id) {
            Some(person) => Ok(person.id.clone()),
            None => Err((100, format!("{what} id {} not found", shown(id)))),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn friends() -> Table<Person> {
        [("@1", "a", "x", "acc1"), ("@2", "a", "", ""), ("@3", "b", "", "acc3")]
            .into_iter()
            .map(|(id, name, markname, account)| Person {
                id: id.into(),
                uid: Some("7".into()),
                name: name.into(),
                markname: Some(markname.into()),
                attrs: [("account".to_owned(), account.into())].into(),
                ..Person::default()
            })
            .collect()
    }

    #[test]
    fn all_that_is_given_must_match_and_one_only() {
        let roster = Roster { friends: friends(), ..Roster::default() };
        let missing = || Err((100, "object not found".to_owned()));
        for (query, expected) in [
            ("id=@1", Ok("@1")),
            ("account=acc3", Ok("@3")),
            ("markname=x", Ok("@1")),
            ("displayname=x", Ok("@1")),
            ("displayname=a", Ok("@2")),
            ("id=@1&account=acc1&displayname=x&markname=x", Ok("@1")),
            ("id=@1&account=acc3", missing()),
            ("id=@1&account=", Ok("@1")),
            ("account=", missing()),
            ("markname=", missing()),
            ("uid=7", missing()),
            ("name=b", missing()),
            ("", missing()),
        ] {
            let params = Params::of_query(query).unwrap();
            assert_eq!(friend(&roster, &params).map(|row| row.id.as_str()), expected, "{query}");
        }
        let twice = Roster {
            friends: ["@1", "@2"]
                .into_iter()
                .map(|id| Person { id: id.into(), name: "a".into(), ..Person::default() })
                .collect(),
            ..Roster::default()
        };
        let params = Params::of_query("displayname=a").unwrap();
        assert_eq!(friend(&twice, &params), Err((100, "ambiguous: 2 friends match".to_owned())));
    }

    #[test]
    fn a_list_of_people_may_have_either_name_and_all_must_be_there() {
        let among = friends();
        for (query, expected) in [
            ("friend=@1", Ok(vec!["@1"])),
            ("friends=@1,+@2,,@1", Ok(vec!["@1", "@2"])),
            ("friend=@1&friends=@3", Ok(vec!["@1", "@3"])),
            ("friends=@1,@9", Err((100, "friend id @9 not found"))),
            ("friends=%20,", Err((200, "friend id empty"))),
            ("", Err((200, "friend id empty"))),
        ] {
            let params = Params::of_query(query).unwrap();
            let found = people(&among, &params, ["friend", "friends"], "friend");
            let expected = expected
                .map(|ids| ids.into_iter().map(str::to_owned).collect::<Vec<_>>())
                .map_err(|(code, status)| (code, status.to_owned()));
            assert_eq!(found, expected, "{query}");
        }
        let many: Vec<String> = (0..=MEMBERS).map(|n| n.to_string()).collect();
        let params = Params::of_query(&format!("friends={}", many.join(","))).unwrap();
        assert_eq!(people(&among, &params, ["friend", "friends"], "friend").unwrap_err().0, 400);
    }
}
