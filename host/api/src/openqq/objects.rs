//! The objects of the Openqq API: which fields each has and what JSON type each field is.
//!
//! [`OBJECTS`] is the one table of them. The types are those of the API's own examples, which are not
//! consistent with one another; where there is no example, ids, uids and times are strings, counts and codes
//! numbers. The fields of the table always stand in an answer: text that is not known is empty, a number that
//! is not known is null. What else a network tells of a person or group follows under its own name.

use mynah_model::roster::{Discuss, Group, Person, Role, Roster};
use serde_json::{Map, Value};

use crate::objects::{Field, JsonType, Object, attributes, build, number, set, text};

/// Every object of the API.
pub static OBJECTS: [&Object; 6] = [&USER, &FRIEND, &GROUP, &MEMBER, &DISCUSS, &DISCUSS_MEMBER];

pub(super) static USER: Object = Object {
    name: "user",
    fields: &[
        text("id"),
        text("uid"),
        text("account"),
        text("name"),
        text("state"),
        text("client_type"),
        text("sex"),
        text("birthday"),
        text("blood"),
        text("country"),
        text("province"),
        text("city"),
        text("college"),
        text("occupation"),
        text("email"),
        text("mobile"),
        text("phone"),
        text("homepage"),
        text("personal"),
        text("signature"),
    ],
};

pub(super) static FRIEND: Object = Object {
    name: "friend",
    fields: &[
        text("id"),
        text("uid"),
        text("name"),
        text("markname"),
        text("category"),
        text("state"),
        text("client_type"),
        text("face"),
        text("flag"),
        text("is_vip"),
        text("vip_level"),
    ],
};

pub(super) static GROUP: Object = Object {
    name: "group",
    fields: &[
        text("id"),
        text("uid"),
        text("code"),
        text("name"),
        text("markname"),
        text("role"),
        text("createtime"),
        text("memo"),
        number("level"),
        number("owner_id"),
        number("owner_uid"),
        number("max_member"),
        number("max_admin"),
        Field { name: "member", json: JsonType::List(&MEMBER) },
    ],
};

pub(super) static MEMBER: Object = Object {
    name: "member",
    fields: &[
        text("id"),
        text("uid"),
        text("name"),
        text("card"),
        text("role"),
        text("state"),
        text("client_type"),
        text("sex"),
        text("country"),
        text("province"),
        text("city"),
        text("qage"),
        text("bad_record"),
        text("join_time"),
        text("last_speak_time"),
    ],
};

pub(super) static DISCUSS: Object = Object {
    name: "discuss",
    fields: &[
        text("id"),
        text("name"),
        text("owner_id"),
        Field { name: "member", json: JsonType::List(&DISCUSS_MEMBER) },
    ],
};

pub(super) static DISCUSS_MEMBER: Object = Object {
    name: "discuss member",
    fields: &[text("id"), text("uid"), text("name"), text("state"), text("client_type")],
};

/// The account itself.
pub(crate) fn user(roster: &Roster) -> Value {
    let mut known = person_fields(&roster.user);
    if let Some(uid) = &roster.user.uid {
        known.entry("account").or_insert_with(|| uid.clone().into());
    }
    build(&USER, known)
}

/// A friend.
pub(crate) fn friend(friend: &Person) -> Value {
    let mut known = person_fields(friend);
    set(&mut known, "markname", friend.markname.clone());
    build(&FRIEND, known)
}

/// A member of a group. One that is muted has `shutup_until`, unix seconds.
pub(crate) fn member(member: &Person) -> Value {
    let mut known = person_fields(member);
    set(&mut known, "card", member.card.clone());
    set(&mut known, "role", member.role.map(Role::as_str));
    if let Some(until) = member.shutup_until {
        known.insert("shutup_until".into(), until.to_string().into());
    }
    build(&MEMBER, known)
}

/// A group with its members.
pub(crate) fn group(group: &Group) -> Value {
    let mut known = group_fields(group);
    known.insert("member".into(), group.members.iter().map(|row| member(row)).collect());
    build(&GROUP, known)
}

/// A group without its members.
pub(crate) fn group_basic(group: &Group) -> Value {
    build(&GROUP, group_fields(group))
}

/// A discuss with its members.
pub(crate) fn discuss(discuss: &Discuss) -> Value {
    let mut known = discuss_fields(discuss);
    known.insert("member".into(), discuss.members.iter().map(|row| discuss_member(row)).collect());
    build(&DISCUSS, known)
}

/// A discuss without its members.
pub(crate) fn discuss_basic(discuss: &Discuss) -> Value {
    build(&DISCUSS, discuss_fields(discuss))
}

/// A member of a discuss.
pub(crate) fn discuss_member(member: &Person) -> Value {
    build(&DISCUSS_MEMBER, person_fields(member))
}

fn person_fields(person: &Person) -> Map<String, Value> {
    let mut known = attributes(&person.attrs);
    set(&mut known, "id", Some(person.id.as_str()));
    set(&mut known, "uid", person.uid.as_deref());
    set(&mut known, "name", Some(person.name.as_str()));
    known
}

fn group_fields(group: &Group) -> Map<String, Value> {
    let mut known = attributes(&group.attrs);
    set(&mut known, "id", Some(group.id.as_str()));
    set(&mut known, "uid", group.uid.as_deref());
    set(&mut known, "name", Some(group.name.as_str()));
    set(&mut known, "markname", group.markname.as_deref());
    set(&mut known, "role", group.role.map(own_role));
    let owner = group.owner_id.as_deref().and_then(|id| group.members.get(id));
    if let Some(uid) = owner.and_then(|owner| owner.uid.as_deref()) {
        known.insert("owner_uid".into(), uid.into());
    }
    set(&mut known, "owner_id", group.owner_id.as_deref());
    known
}

fn discuss_fields(discuss: &Discuss) -> Map<String, Value> {
    let mut known = attributes(&discuss.attrs);
    set(&mut known, "id", Some(discuss.id.as_str()));
    set(&mut known, "name", Some(discuss.name.as_str()));
    set(&mut known, "owner_id", discuss.owner_id.as_deref());
    known
}

/// What the account is in a group, in the API's words.
fn own_role(role: Role) -> &'static str {
    match role {
        Role::Owner => "create",
        Role::Admin => "manage",
        Role::Member => "attend",
    }
}

#[cfg(test)]
mod tests {
    use mynah_model::Attrs;
    use serde_json::json;

    use super::*;
    use crate::objects::follows;

    fn attrs(value: Value) -> Attrs {
        serde_json::from_value(value).unwrap()
    }

    #[test]
    fn every_object_follows_the_table_even_if_nothing_is_known() {
        let group_with_one = Group { members: [Person::default()].into_iter().collect(), ..Group::default() };
        let discuss_with_one =
            Discuss { members: [Person::default()].into_iter().collect(), ..Discuss::default() };
        for (value, object) in [
            (user(&Roster::default()), &USER),
            (friend(&Person::default()), &FRIEND),
            (member(&Person::default()), &MEMBER),
            (group(&group_with_one), &GROUP),
            (group_basic(&group_with_one), &GROUP),
            (discuss(&discuss_with_one), &DISCUSS),
            (discuss_member(&Person::default()), &DISCUSS_MEMBER),
        ] {
            assert!(follows(&value, object), "{}: {value}", object.name);
            let whole =
                object.fields.iter().filter(|field| matches!(field.json, JsonType::Text | JsonType::Number));
            assert!(
                whole.into_iter().all(|field| value.get(field.name).is_some()),
                "{}: {value}",
                object.name
            );
        }
        assert!(group_basic(&group_with_one).get("member").is_none());
    }

    #[test]
    fn numbers_become_text_and_text_becomes_numbers_as_the_table_says() {
        let group = Group {
            id: "2617047292".into(),
            uid: Some("552603".into()),
            owner_id: Some("7".into()),
            role: Some(Role::Owner),
            attrs: attrs(json!({"createtime": 1231435199, "level": "4", "max_member": null, "title": [1]})),
            members: [Person { id: "7".into(), uid: Some("9007199254740993".into()), ..Person::default() }]
                .into_iter()
                .collect(),
            ..Group::default()
        };
        let basic = group_basic(&group);
        assert_eq!(basic["id"], json!("2617047292"));
        assert_eq!(basic["createtime"], json!("1231435199"));
        assert_eq!(basic["level"], json!(4));
        assert_eq!(basic["max_member"], Value::Null);
        assert_eq!(basic["owner_id"], json!(7));
        assert_eq!(basic["owner_uid"], json!("9007199254740993"), "above 2^53 it stays text");
        assert_eq!(basic["role"], json!("create"));
        assert_eq!(basic["title"], json!([1]), "what the table does not know is kept");
    }

    #[test]
    fn a_muted_member_says_until_when() {
        let mut person = Person { role: Some(Role::Admin), card: Some("名片".into()), ..Person::default() };
        assert!(member(&person).get("shutup_until").is_none());
        person.shutup_until = Some(1_500_000_060);
        assert_eq!(member(&person)["shutup_until"], json!("1500000060"));
        assert_eq!(member(&person)["role"], json!("admin"));
        assert_eq!(member(&person)["card"], json!("名片"));
    }
}
