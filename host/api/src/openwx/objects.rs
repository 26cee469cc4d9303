//! The objects of the Openwx API: which fields each has and what JSON type each field is.
//!
//! [`OBJECTS`] is the one table of them, see [`crate::objects`]. The types are those of the API's own examples.

use mynah_model::roster::{Group, Person, Roster};
use serde_json::{Map, Value};

use crate::objects::{Field, JsonType, Object, attributes, build, number, set, text};

/// How many members' names stand for the name of a group that has none; the title of a chat has no room for more.
const NAMED_MEMBERS: usize = 5;

/// Every object of the API.
pub static OBJECTS: [&Object; 4] = [&USER, &FRIEND, &GROUP, &MEMBER];

static USER: Object = Object { name: "user", fields: &PERSON };

static FRIEND: Object = Object {
    name: "friend",
    fields: &[
        text("id"),
        number("uid"),
        text("account"),
        text("name"),
        text("markname"),
        text("display"),
        text("displayname"),
        text("category"),
        text("sex"),
        text("province"),
        text("city"),
        text("signature"),
    ],
};

static GROUP: Object = Object {
    name: "group",
    fields: &[
        text("id"),
        number("uid"),
        text("name"),
        text("displayname"),
        Field { name: "member", json: JsonType::List(&MEMBER) },
    ],
};

static MEMBER: Object = Object { name: "member", fields: &PERSON };

/// What is known of every person.
const PERSON: [Field; 11] = [
    text("id"),
    number("uid"),
    text("account"),
    text("name"),
    text("markname"),
    text("display"),
    text("displayname"),
    text("sex"),
    text("province"),
    text("city"),
    text("signature"),
];

/// The account itself.
pub(crate) fn user(roster: &Roster) -> Value {
    person(&USER, &roster.user)
}

/// A friend.
pub(crate) fn friend(friend: &Person) -> Value {
    person(&FRIEND, friend)
}

/// A member of a group.
pub(crate) fn member(member: &Person) -> Value {
    person(&MEMBER, member)
}

/// A group with its members. `user` is the account's own id.
pub(crate) fn group(group: &Group, user: &str) -> Value {
    let mut known = group_fields(group, user);
    known.insert("member".into(), group.members.iter().map(|row| member(row)).collect());
    build(&GROUP, known)
}

/// A group without its members.
pub(crate) fn group_basic(group: &Group, user: &str) -> Value {
    build(&GROUP, group_fields(group, user))
}

/// The account of a person, the name that people look for; empty if it is not known.
pub(crate) fn account(person: &Person) -> &str {
    attribute(person, "account")
}

/// What a person is called: the network's own word as long as it holds, else the mark name, else the name used in
/// the group, else the name.
pub(crate) fn displayname(person: &Person) -> &str {
    let names =
        [attribute(person, "displayname"), person.markname.as_deref().unwrap_or_default(), display(person)];
    names.into_iter().find(|name| !name.is_empty()).unwrap_or(&person.name)
}

/// What a group is called: its mark name, else its name, else the names of its first members, as WeChat does.
pub(crate) fn group_displayname(group: &Group, user: &str) -> String {
    let named = [group.markname.as_deref().unwrap_or_default(), &group.name];
    if let Some(name) = named.into_iter().find(|name| !name.is_empty()) {
        return name.to_owned();
    }
    let others = group.members.iter().filter(|member| member.id != user);
    let names: Vec<&str> = others.map(|member| displayname(member)).take(NAMED_MEMBERS).collect();
    if names.is_empty() {
        let stated = group.attrs.get("displayname").and_then(Value::as_str);
        return stated.unwrap_or_default().to_owned();
    }
    names.join("、")
}

/// The name used in one group.
fn display(person: &Person) -> &str {
    person.card.as_deref().filter(|card| !card.is_empty()).unwrap_or_else(|| attribute(person, "display"))
}

fn attribute<'a>(person: &'a Person, name: &str) -> &'a str {
    person.attrs.get(name).and_then(Value::as_str).unwrap_or_default()
}

fn person(object: &Object, person: &Person) -> Value {
    let mut known = attributes(&person.attrs);
    set(&mut known, "id", Some(person.id.as_str()));
    set(&mut known, "uid", person.uid.as_deref());
    set(&mut known, "name", Some(person.name.as_str()));
    set(&mut known, "markname", person.markname.as_deref());
    set(&mut known, "display", Some(display(person)));
    set(&mut known, "displayname", Some(displayname(person)));
    build(object, known)
}

fn group_fields(group: &Group, user: &str) -> Map<String, Value> {
    let mut known = attributes(&group.attrs);
    set(&mut known, "id", Some(group.id.as_str()));
    set(&mut known, "uid", group.uid.as_deref());
    set(&mut known, "name", Some(group.name.as_str()));
    set(&mut known, "displayname", Some(group_displayname(group, user)));
    known
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

    fn named(id: &str, name: &str) -> Person {
        Person { id: id.into(), name: name.into(), ..Person::default() }
    }

    #[test]
    fn every_object_follows_the_table_even_if_nothing_is_known() {
        let with_one = Group { members: [Person::default()].into_iter().collect(), ..Group::default() };
        for (value, object) in [
            (user(&Roster::default()), &USER),
            (friend(&Person::default()), &FRIEND),
            (member(&Person::default()), &MEMBER),
            (group(&with_one, ""), &GROUP),
            (group_basic(&with_one, ""), &GROUP),
        ] {
            assert!(follows(&value, object), "{}: {value}", object.name);
        }
        assert!(group_basic(&with_one, "").get("member").is_none());
    }

    #[test]
    fn types_are_those_of_the_table_whatever_the_network_gives() {
        let person = Person {
            uid: Some("123456".into()),
            attrs: attrs(json!({"sex": 1, "city": null, "owner_uid": 0})),
            ..named("@a", "小灰")
        };
        let value = friend(&person);
        assert_eq!(value["uid"], json!(123456));
        assert_eq!(value["sex"], json!("1"));
        assert_eq!(value["city"], json!(""));
        assert_eq!(value["owner_uid"], json!(0), "what the table does not know is kept");
        let unknown = friend(&named("@b", "b"));
        assert_eq!(unknown["uid"], Value::Null);
    }

    #[test]
    fn a_person_is_called_by_mark_name_then_display_then_name() {
        let mut person = named("@a", "name");
        assert_eq!(displayname(&person), "name");
        person.attrs.insert("display".into(), "display".into());
        assert_eq!(displayname(&person), "display");
        person.card = Some("card".into());
        assert_eq!((displayname(&person), &member(&person)["display"]), ("card", &json!("card")));
        person.markname = Some("mark".into());
        assert_eq!(displayname(&person), "mark");
        person.attrs.insert("displayname".into(), "shown".into());
        assert_eq!(displayname(&person), "shown", "the network's word");
    }

    #[test]
    fn a_group_without_a_name_is_called_by_its_members() {
        let members = ["@me", "@a", "@b"].into_iter().map(|id| named(id, id)).collect();
        let mut group = Group { members, ..Group::default() };
        assert_eq!(group_displayname(&group, "@me"), "@a、@b");
        group.name = "name".into();
        assert_eq!(group_displayname(&group, "@me"), "name");
        group.markname = Some("mark".into());
        assert_eq!(group_displayname(&group, "@me"), "mark");
    }
}
