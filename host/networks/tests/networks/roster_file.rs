//! Roster files: nothing is lost, and what is wrong is named.

use mynah_model::Attrs;
use mynah_model::roster::{Person, Role, Roster};
use mynah_networks::roster_file::{MAX_FILE_BYTES, RosterError, load, parse};
use serde_json::{Map, Value, json};

use crate::stage::{fixture, fixture_path};

/// A roster in the file's shape again.
fn as_file(roster: &Roster) -> Value {
    let groups = roster.groups.iter().map(|group| {
        let role = group.role.map(|role| match role {
            Role::Owner => "create",
            Role::Admin => "manage",
            Role::Member => "attend",
        });
        let mut map = map(&group.attrs);
        map.insert("id".into(), json!(group.id));
        map.insert("uid".into(), json!(group.uid));
        map.insert("name".into(), json!(group.name));
        map.insert("markname".into(), json!(group.markname));
        map.insert("owner_id".into(), json!(group.owner_id));
        map.insert("role".into(), json!(role));
        map.insert("member".into(), group.members.iter().map(|who| person_as_file(who)).collect());
        Value::Object(map)
    });
    let discusses = roster.discusses.iter().map(|discuss| {
        let mut map = map(&discuss.attrs);
        map.insert("id".into(), json!(discuss.id));
        map.insert("name".into(), json!(discuss.name));
        map.insert("owner_id".into(), json!(discuss.owner_id));
        map.insert("member".into(), discuss.members.iter().map(|who| person_as_file(who)).collect());
        Value::Object(map)
    });
    json!({
        "user": person_as_file(&roster.user),
        "friends": roster.friends.iter().map(|who| person_as_file(who)).collect::<Vec<_>>(),
        "groups": groups.collect::<Vec<_>>(),
        "discusses": discusses.collect::<Vec<_>>(),
    })
}

fn person_as_file(person: &Person) -> Value {
    let mut map = map(&person.attrs);
    map.insert("id".into(), json!(person.id));
    map.insert("uid".into(), json!(person.uid));
    map.insert("name".into(), json!(person.name));
    map.insert("markname".into(), json!(person.markname));
    map.insert("card".into(), json!(person.card));
    map.insert("role".into(), json!(person.role.map(Role::as_str)));
    Value::Object(map)
}

fn map(attrs: &Attrs) -> Map<String, Value> {
    attrs.clone().into_iter().collect()
}

/// A value as the API's clients compare it: numbers are their digits, null and empty are nothing.
fn plain(value: Value) -> Value {
    match value {
        Value::Object(map) => {
            let fields = map.into_iter().map(|(name, value)| (name, plain(value)));
            Value::Object(fields.filter(|(_, value)| !matches!(value, Value::Null)).collect())
        }
        Value::Array(items) if items.is_empty() => Value::Null,
        Value::Array(items) => items.into_iter().map(plain).collect(),
        Value::Number(number) => Value::String(number.to_string()),
        Value::String(text) if text.is_empty() => Value::Null,
        other => other,
    }
}

#[test]
fn nothing_of_a_file_is_lost() {
    for name in ["roster_qq.json", "roster_wx.json"] {
        let bytes = std::fs::read(fixture_path(name)).unwrap();
        let given: Value = serde_json::from_slice(&bytes).unwrap();
        assert_eq!(plain(as_file(&fixture(name))), plain(given), "{name}");
    }
}

#[test]
fn the_fields_that_the_host_works_with_are_understood() {
    let roster = fixture("roster_qq.json");
    let group = roster.groups.get("2617047292").unwrap();
    assert_eq!(group.uid.as_deref(), Some("552603"));
    assert_eq!(group.owner_id.as_deref(), Some("1234567"));
    assert_eq!(group.role, Some(Role::Owner));
    assert_eq!(group.members.get("2832277644").unwrap().role, Some(Role::Admin));
    assert_eq!(group.members.get("2372835507").unwrap().card.as_deref(), Some("灰灰的名片"));
    assert_eq!(group.attrs["owner_uid"], 1_234_567);
    assert!(!group.attrs.contains_key("max_admin"), "a null is nothing");
    assert_eq!(roster.groups.get("2617047293").unwrap().role, Some(Role::Member));
    assert_eq!(roster.friends.get("3001234567").unwrap().uid, None);
    let wx = fixture("roster_wx.json");
    assert!(wx.groups.iter().all(|group| group.role.is_none() && group.uid.is_none()));
}

#[test]
fn the_own_role_in_a_group_comes_from_whatever_says_it() {
    let roles = [
        (json!({"id": 1, "role": "manage"}), Some(Role::Admin)),
        (json!({"id": 1, "member": [{"id": 9, "role": "admin"}]}), Some(Role::Admin)),
        (json!({"id": 1, "owner_id": "9"}), Some(Role::Owner)),
        (json!({"id": 1, "owner_id": 8, "role": "admin"}), Some(Role::Admin)),
        (json!({"id": 1}), None),
    ];
    for (group, role) in roles {
        let file = json!({"user": {"id": 9}, "groups": [group]}).to_string();
        let roster = parse(file.as_bytes(), "r.json").unwrap();
        assert_eq!(roster.groups.get("1").unwrap().role, role, "{file}");
    }
}

#[test]
fn what_is_wrong_is_named_with_its_place() {
    let me = json!({"id": 9});
    let long = "x".repeat(257);
    let wrongs = [
        (json!([]), "the file: is a list, not an object {...}"),
        (json!({}), "user: missing"),
        (json!({"user": null}), "user: missing"),
        (json!({"user": {}}), "user.id: missing"),
        (json!({"user": {"id": ""}}), "user.id: missing"),
        (json!({"user": {"id": 1.5}}), "user.id: is a fraction or too large a number, not a whole number"),
        (json!({"user": {"id": long}}), "user.id: is not an id: at most 256 bytes"),
        (json!({"user": {"id": "a\nb"}}), "user.id: is not an id"),
        (json!({"user": me, "friend": []}), "friend: unknown; a roster has user, friends, groups"),
        (json!({"user": me, "friends": {}}), "friends: is an object, not a list [...]"),
        (json!({"user": me, "friends": [1]}), "friends[0]: is a number, not an object"),
        (
            json!({"user": me, "friends": [{"id": 1}, {"id": "1"}]}),
            "friends[1].id: `1` is already the id of friends[0]",
        ),
        (json!({"user": me, "friends": [{"id": 1, "name": 5}]}), "friends[0].name: is a number, not a text"),
        (json!({"user": me, "groups": [{"member": []}]}), "groups[0].id: missing"),
        (
            json!({"user": me, "groups": [{"id": 1, "members": []}]}),
            "groups[0].members: unknown; the list is called `member`",
        ),
        (
            json!({"user": me, "groups": [{"id": 1, "member": [{"id": 2}, {}]}]}),
            "groups[0].member[1].id: missing",
        ),
        (
            json!({"user": me, "groups": [{"id": 1, "member": [{"id": 2, "role": "king"}]}]}),
            "groups[0].member[0].role: is `king`, not one of owner, admin, member",
        ),
        (
            json!({"user": me, "groups": [{"id": 1, "role": "king"}]}),
            "groups[0].role: is `king`, not one of create, manage, attend",
        ),
        (
            json!({"user": me, "groups": [{"id": 1, "role": "create", "member": [{"id": 9, "role": "admin"}]}]}),
            "groups[0].role: says that the account is owner of the group, but as a member it is admin",
        ),
        (
            json!({"user": me, "groups": [{"id": 1, "member": [{"id": 2, "role": "owner"}, {"id": 3, "role": "owner"}]}]}),
            "groups[0].member: two owners, `2` and `3`",
        ),
        (
            json!({"user": me, "groups": [{"id": 1, "member": [{"id": 2, "shutup_until": "soon"}]}]}),
            "groups[0].member[0].shutup_until: is not a time in unix seconds",
        ),
        (json!({"user": me, "discusses": [{"id": true}]}), "discusses[0].id: is true or false"),
    ];
    for (file, expected) in wrongs {
        let error = parse(file.to_string().as_bytes(), "r.json").unwrap_err().to_string();
        assert!(error.starts_with(&format!("roster `r.json`: {expected}")), "{file}: {error}");
    }
}

#[test]
fn any_value_in_any_place_is_taken_or_refused_and_never_worse() {
    let bytes = std::fs::read(fixture_path("roster_qq.json")).unwrap();
    let file: Value = serde_json::from_slice(&bytes).unwrap();
    let mut pointers = Vec::new();
    collect_pointers(&file, String::new(), &mut pointers);
    assert!(pointers.len() > 150);
    let strange =
        [json!(null), json!(-1), json!(1e300), json!("\u{0}"), json!([[]]), json!({"id": {}}), json!(true)];
    for pointer in pointers {
        for value in &strange {
            let mut file = file.clone();
            *file.pointer_mut(&pointer).unwrap() = value.clone();
            if let Err(error) = parse(file.to_string().as_bytes(), "r.json") {
                let named = matches!(&error, RosterError::Wrong { place, .. } if !place.is_empty());
                assert!(named, "{pointer}: {error}");
            }
        }
    }
}

fn collect_pointers(value: &Value, at: String, into: &mut Vec<String>) {
    match value {
        Value::Object(map) => {
            map.iter().for_each(|(name, value)| collect_pointers(value, format!("{at}/{name}"), into));
        }
        Value::Array(items) => {
            let items = items.iter().enumerate();
            items.for_each(|(number, value)| collect_pointers(value, format!("{at}/{number}"), into));
        }
        _ => {}
    }
    into.push(at);
}

#[test]
fn a_file_that_is_no_roster_is_refused_whatever_it_is() {
    let deep = "[".repeat(100_000);
    for (bytes, expected) in [
        (&b""[..], "is not JSON: EOF"),
        (b"{\"user\": {\"id\": 1}", "is not JSON: EOF"),
        (b"{\"user\": {\"id\": \"\xff\"}}", "is not JSON: invalid unicode"),
        (b"<html>", "is not JSON: expected value at line 1 column 1"),
        (deep.as_bytes(), "is not JSON: recursion limit"),
    ] {
        let error = parse(bytes, "r.json").unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    }
    let error = load(&fixture_path("absent.json")).unwrap_err();
    assert!(
        matches!(&error, RosterError::Unreadable { file, .. } if file.ends_with("absent.json")),
        "{error}"
    );
    assert!(error.to_string().ends_with("cannot be read"));
}

#[test]
fn a_file_that_is_too_large_is_not_read_to_its_end() {
    let file = tempfile::NamedTempFile::new().unwrap();
    file.as_file().set_len(MAX_FILE_BYTES + 1).unwrap();
    let error = load(file.path()).unwrap_err();
    assert!(matches!(error, RosterError::TooLarge { .. }), "{error}");
}

#[test]
fn a_byte_order_mark_is_no_hindrance() {
    let roster = parse("\u{feff}{\"user\": {\"id\": 1, \"name\": \"小灰\"}}".as_bytes(), "r.json").unwrap();
    assert_eq!(roster.user.name, "小灰");
}
