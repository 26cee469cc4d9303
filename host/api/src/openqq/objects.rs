//! The objects of the Openqq API: which fields each has and what JSON type each field is.
//!
//! [`OBJECTS`] is the one table of them. The types are those of the API's own examples, which are not
//! consistent with one another; where there is no example, ids, uids and times are strings, counts and codes
//! numbers. The fields of the table always stand in an answer: text that is not known is empty, a number that
//! is not known is null. What else a network tells of a person or group follows under its own name.

use mynah_model::Attrs;
use mynah_model::roster::{Discuss, Group, Person, Role, Roster};
use serde_json::{Map, Value};

/// The largest whole number that every JSON reader carries exactly: 2^53.
const EXACT: u64 = 1 << 53;

/// What JSON type a field is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum JsonType {
    /// A string.
    Text,
    /// A number; a string if it is no whole number up to 2^53, null if it is not known.
    Number,
    /// A list of these objects.
    List(&'static Object),
}

/// A field of an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Field {
    /// Its name in v2 of the API.
    pub name: &'static str,
    /// Its type.
    pub json: JsonType,
}

/// A kind of object.
#[derive(Debug, PartialEq, Eq)]
pub struct Object {
    /// What it is.
    pub name: &'static str,
    /// Its fields.
    pub fields: &'static [Field],
}

const fn text(name: &'static str) -> Field {
    Field { name, json: JsonType::Text }
}

const fn number(name: &'static str) -> Field {
    Field { name, json: JsonType::Number }
}

/// Every object of the API.
pub static OBJECTS: [&Object; 6] = [&USER, &FRIEND, &GROUP, &MEMBER, &DISCUSS, &DISCUSS_MEMBER];

static USER: Object = Object {
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

static FRIEND: Object = Object {
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

static GROUP: Object = Object {
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

static MEMBER: Object = Object {
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

static DISCUSS: Object = Object {
    name: "discuss",
    fields: &[
        text("id"),
        text("name"),
        text("owner_id"),
        Field { name: "member", json: JsonType::List(&DISCUSS_MEMBER) },
    ],
};

static DISCUSS_MEMBER: Object = Object {
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

/// A message id as the answers of send_* give it: a number if it is one that every reader carries exactly.
pub(crate) fn message_id(id: Option<&str>) -> Value {
    as_number(id.map_or(Value::Null, Value::from))
}

/// A scalar of an object as the text that a parameter would hold; `None` for lists and objects.
pub(crate) fn as_parameter(value: &Value) -> Option<String> {
    match value {
        Value::Array(_) | Value::Object(_) => None,
        scalar => Some(scalar_text(scalar)),
    }
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

fn attributes(attrs: &Attrs) -> Map<String, Value> {
    attrs.iter().map(|(name, value)| (name.clone(), value.clone())).collect()
}

/// A field of the model stands above an attribute of the same name.
fn set(known: &mut Map<String, Value>, name: &str, value: Option<impl Into<String>>) {
    if let Some(value) = value {
        known.insert(name.to_owned(), Value::String(value.into()));
    }
}

/// What the account is in a group, in the API's words.
fn own_role(role: Role) -> &'static str {
    match role {
        Role::Owner => "create",
        Role::Admin => "manage",
        Role::Member => "attend",
    }
}

fn build(object: &Object, mut known: Map<String, Value>) -> Value {
    for field in object.fields {
        let value = known.remove(field.name);
        let value = match field.json {
            JsonType::Text => Value::String(value.as_ref().map(scalar_text).unwrap_or_default()),
            JsonType::Number => as_number(value.unwrap_or_default()),
            // Absent in the objects that leave their members out.
            JsonType::List(_) => match value {
                Some(list) => list,
                None => continue,
            },
        };
        known.insert(field.name.to_owned(), value);
    }
    Value::Object(known)
}

fn as_number(value: Value) -> Value {
    let digits = scalar_text(&value);
    match digits.parse::<u64>() {
        Ok(number) if number <= EXACT && number.to_string() == digits => number.into(),
        _ if digits.is_empty() => Value::Null,
        _ => digits.into(),
    }
}

fn scalar_text(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        Value::Bool(true) => "1".into(),
        Value::Bool(false) => "0".into(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn attrs(value: Value) -> Attrs {
        serde_json::from_value(value).unwrap()
    }

    /// What the table says of a value's type.
    fn fits(value: &Value, json: JsonType) -> bool {
        match json {
            JsonType::Text => value.is_string(),
            JsonType::Number => value.is_u64() || value.is_null() || value.is_string(),
            JsonType::List(object) => value.as_array().unwrap().iter().all(|item| follows(item, object)),
        }
    }

    fn follows(value: &Value, object: &Object) -> bool {
        object.fields.iter().all(|field| value.get(field.name).is_none_or(|value| fits(value, field.json)))
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

    #[test]
    fn a_message_id_is_a_number_only_if_it_survives_as_one() {
        for (id, expected) in [
            (Some("23910327"), json!(23910327)),
            (Some("9007199254740992"), json!(9007199254740992u64)),
            (Some("9007199254740993"), json!("9007199254740993")),
            (Some("-5"), json!("-5")),
            (Some("007"), json!("007")),
            (Some("abc"), json!("abc")),
            (Some(""), Value::Null),
            (None, Value::Null),
        ] {
            assert_eq!(message_id(id), expected, "{id:?}");
        }
    }
}
