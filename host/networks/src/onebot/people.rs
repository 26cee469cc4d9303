//! Who there is: from the protocol's lists to a roster. An id is a QQ number: what people see and what actions take.

use std::sync::Arc;

use mynah_model::Attrs;
use mynah_model::roster::{Group, Person, Role, Roster, Table};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::oddity::{Oddities, Oddity};
use super::posts::role;
use super::values::{Json, Number, Text, json_of, list, object};

/// A user, friend or member as it came.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Wire<'a> {
    user_id: Number,
    #[serde(borrow)]
    nickname: Text<'a>,
    remark: Text<'a>,
    card: Text<'a>,
    role: Text<'a>,
    sex: Text<'a>,
    area: Text<'a>,
    title: Text<'a>,
    qage: Text<'a>,
    join_time: Number,
    last_sent_time: Number,
    /// Unix seconds.
    shut_up_timestamp: Number,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct WireGroup<'a> {
    group_id: Number,
    #[serde(borrow)]
    group_name: Text<'a>,
    group_remark: Text<'a>,
    max_member_count: Number,
    group_create_time: Number,
}

impl Wire<'_> {
    fn person(&self) -> Option<Person> {
        let id = self.user_id.id()?.to_string();
        let mut attrs = Attrs::new();
        let known_sex = self.sex.name().filter(|sex| sex != "unknown");
        let since = |time: Number| time.id().map(|time| time.to_string());
        for (key, value) in [
            ("sex", known_sex),
            ("city", self.area.name()),
            ("qage", self.qage.name()),
            ("title", self.title.name()),
            ("join_time", since(self.join_time)),
            ("last_speak_time", since(self.last_sent_time)),
        ] {
            if let Some(value) = value {
                attrs.insert(key.to_owned(), value.into());
            }
        }
        Some(Person {
            uid: Some(id.clone()),
            id,
            name: self.nickname.name().unwrap_or_default(),
            markname: self.remark.name(),
            card: self.card.name(),
            role: role(&self.role),
            shutup_until: None,
            attrs,
        })
    }
}

/// The account itself, from `get_login_info`.
pub(super) fn login(data: Option<&RawValue>) -> Option<(i64, Person)> {
    let wire: Wire<'_> = object(data);
    Some((wire.user_id.id()?, wire.person()?))
}

/// The name of somebody, from `get_stranger_info` or `get_group_member_info`.
pub(super) fn person(data: Option<&RawValue>) -> Option<Person> {
    object::<Wire<'_>>(data).person()
}

/// The friends, from `get_friend_list`.
pub(super) fn friends(data: Option<&RawValue>, oddities: &Oddities) -> Table<Person> {
    let friend = |row: &RawValue| object::<Wire<'_>>(Some(row)).person();
    rows(data, oddities, "a friend", friend)
        .into_iter()
        .map(|friend| Person { card: None, role: None, ..friend })
        .collect()
}

/// The groups, from `get_group_list`; their members are asked for one by one.
pub(super) fn groups(data: Option<&RawValue>, oddities: &Oddities) -> Vec<Group> {
    rows(data, oddities, "a group", |row| group(Some(row)))
}

/// A group, from `get_group_info`, without its members.
pub(super) fn group(data: Option<&RawValue>) -> Option<Group> {
    let wire: WireGroup<'_> = object(data);
    let id = wire.group_id.id()?.to_string();
    let mut attrs = Attrs::new();
    if let Some(most) = wire.max_member_count.id() {
        attrs.insert("max_member".to_owned(), most.into());
    }
    if let Some(time) = wire.group_create_time.id() {
        attrs.insert("createtime".to_owned(), time.to_string().into());
    }
    Some(Group {
        uid: Some(id.clone()),
        id,
        name: wire.group_name.name().unwrap_or_default(),
        markname: wire.group_remark.name(),
        attrs,
        ..Group::default()
    })
}

/// The members, from `get_group_member_list`; `now` is unix seconds. `None` if that is no list of anybody.
pub(super) fn members(data: Option<&RawValue>, now: i64, oddities: &Oddities) -> Option<Table<Person>> {
    let member = |row: &RawValue| {
        let wire: Wire<'_> = object(Some(row));
        let shutup_until = wire.shut_up_timestamp.id().filter(|until| *until > now);
        Some(Person { shutup_until, role: role(&wire.role).or(Some(Role::Member)), ..wire.person()? })
    };
    let members: Table<Person> = rows(data, oddities, "a member", member).into_iter().collect();
    // A group has one member at least: the account.
    (!members.is_empty()).then_some(members)
}

fn rows<T>(
    data: Option<&RawValue>,
    oddities: &Oddities,
    what: &str,
    read: impl Fn(&RawValue) -> Option<T>,
) -> Vec<T> {
    // Null is how some say that there is nobody.
    if data.is_some_and(|data| json_of(data) != Json::List && data.get() != "null") {
        oddities.note(Oddity::List, format!("no list where there should be one with {what} in each row"));
    }
    let read_row = |row: &&RawValue| {
        let read = read(row);
        if read.is_none() {
            oddities.note(Oddity::List, format!("a row that is not {what}"));
        }
        read
    };
    list(data).iter().filter_map(read_row).collect()
}

/// A group with these members, and what follows of them: who owns it, and what the account is in it.
pub(super) fn with_members(group: Group, members: Table<Person>, user: &str) -> Group {
    let owner = members.iter().find(|member| member.role == Some(Role::Owner)).map(|owner| owner.id.clone());
    let role = members.get(user).and_then(|own| own.role);
    Group { owner_id: owner.or(group.owner_id), role: role.or(group.role), members, ..group }
}

/// A roster of what was fetched. A list that was not to be had stays what it was before, and members that were known are kept
/// until they are fetched anew.
pub(super) fn roster(
    user: Person,
    friends: Option<Table<Person>>,
    groups: Option<Vec<Group>>,
    before: &Roster,
) -> Roster {
    let nobody = Roster::default();
    let before = if before.user.id == user.id { before } else { &nobody };
    let groups = match groups {
        None => before.groups.clone(),
        Some(groups) => groups
            .into_iter()
            .map(|group| match before.groups.get(&group.id) {
                Some(before) => with_members(group, before.members.clone(), &user.id),
                None => group,
            })
            .collect(),
    };
    let friends = friends.unwrap_or_else(|| before.friends.clone());
    Roster { groups, user: Arc::new(user), friends, ..Roster::default() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn raw(json: &str) -> &RawValue {
        serde_json::from_str(json).unwrap()
    }

    fn oddities() -> Oddities {
        Oddities::new("qq".parse().unwrap())
    }

    #[test]
    fn lists_are_read_whatever_their_rows_lack() {
        let oddities = oddities();
        let friends = friends(
            Some(raw(
                r#"[{"user_id":"7","nickname":"a","remark":"b","sex":"unknown"},{"user_id":8},{},null,7]"#,
            )),
            &oddities,
        );
        let names: Vec<_> =
            friends.iter().map(|friend| (friend.id.as_str(), friend.display_name())).collect();
        assert_eq!(names, [("7", "b"), ("8", "")]);
        assert_eq!(oddities.count(Oddity::List), 3);
        for none in ["null", "{}", "7"] {
            assert!(groups(Some(raw(none)), &oddities).is_empty(), "{none}");
        }
    }

    #[test]
    fn members_tell_who_owns_the_group_and_what_the_account_is_in_it() {
        let members = members(
            Some(raw(r#"[{"user_id":1,"nickname":"me","role":"admin","level":"3"},
                    {"user_id":7,"card":"","nickname":"o","role":"owner","area":"深圳"},
                    {"user_id":8,"nickname":"m","shut_up_timestamp":50,"join_time":40},
                    {"user_id":9,"nickname":"n","shut_up_timestamp":150}]"#)),
            100,
            &oddities(),
        );
        let group = with_members(
            group(Some(raw(r#"{"group_id":"100","group_name":"g"}"#))).unwrap(),
            members.unwrap(),
            "1",
        );
        assert_eq!((group.owner_id.as_deref(), group.role), (Some("7"), Some(Role::Admin)));
        let until: Vec<_> = group.members.iter().map(|member| member.shutup_until).collect();
        assert_eq!(until, [None, None, None, Some(150)]);
        assert_eq!(group.members.get("8").unwrap().role, Some(Role::Member));
        assert_eq!(super::members(Some(raw("[]")), 0, &oddities()), None);
    }

    #[test]
    fn a_new_roster_keeps_the_members_that_were_known_unless_somebody_else_logged_in() {
        let me = |id: &str| Person { id: id.into(), ..Person::default() };
        let group = || Group { id: "100".into(), ..Group::default() };
        let known = with_members(group(), [me("1"), me("8")].into_iter().collect(), "1");
        let before =
            Roster { user: Arc::new(me("1")), groups: [known].into_iter().collect(), ..Roster::default() };
        let after = roster(me("1"), Some(Table::default()), Some(vec![group()]), &before);
        assert!(after.member("100", "8").is_some());
        let other = roster(me("2"), Some(Table::default()), Some(vec![group()]), &before);
        assert!(other.member("100", "8").is_none());
        let refused = roster(me("1"), None, None, &before);
        assert!(refused.member("100", "8").is_some(), "a list that is not to be had empties nothing");
        assert!(roster(me("2"), None, None, &before).groups.is_empty());
    }
}
