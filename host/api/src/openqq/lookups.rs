//! get_* and search_*: what the account knows.

use mynah_model::roster::Roster;

use super::objects;
use crate::answer::Answer;
use crate::params::Params;
use crate::search::{attributes, found, has_all};
use crate::targets::Named;

const FRIEND_SPELLINGS: [(&str, &str); 3] = [("qq", "uid"), ("nick", "name"), ("gender", "sex")];

const GROUP_SPELLINGS: [(&str, &str); 9] = [
    ("gid", "id"),
    ("group_id", "id"),
    ("gnumber", "uid"),
    ("group_uid", "uid"),
    ("gname", "name"),
    ("gmarkname", "markname"),
    ("gcode", "code"),
    ("gtype", "role"),
    ("gcreatetime", "createtime"),
];

pub(super) fn user(roster: &Roster) -> Answer {
    Answer::Json(objects::user(roster))
}

pub(super) fn friends(roster: &Roster) -> Answer {
    Answer::Json(roster.friends.iter().map(|friend| objects::friend(friend)).collect())
}

pub(super) fn groups(roster: &Roster) -> Answer {
    Answer::Json(roster.groups.iter().map(|group| objects::group(group)).collect())
}

pub(super) fn groups_basic(roster: &Roster) -> Answer {
    Answer::Json(roster.groups.iter().map(|group| objects::group_basic(group)).collect())
}

pub(super) fn discusses(roster: &Roster) -> Answer {
    Answer::Json(roster.discusses.iter().map(|discuss| objects::discuss(discuss)).collect())
}

pub(super) fn search_friend(roster: &Roster, params: &Params) -> Answer {
    let wanted = attributes(params, &FRIEND_SPELLINGS);
    let matches =
        roster.friends.iter().filter(|row| has_all(&objects::friend(row), row.displayname(), &wanted));
    found(matches.map(|friend| objects::friend(friend)))
}

pub(super) fn search_group(roster: &Roster, params: &Params) -> Answer {
    let wanted = attributes(params, &GROUP_SPELLINGS);
    let matches =
        roster.groups.iter().filter(|row| has_all(&objects::group_basic(row), row.displayname(), &wanted));
    found(matches.map(|group| objects::group(group)))
}

#[cfg(test)]
mod tests {
    use mynah_model::roster::{Group, Person};
    use serde_json::{Value, json};

    use super::*;

    fn roster() -> Roster {
        let friend = |id: &str, uid: Option<&str>, markname: Option<&str>| Person {
            id: id.into(),
            uid: uid.map(Into::into),
            name: "灰灰".into(),
            markname: markname.map(Into::into),
            attrs: [("vip_level".to_owned(), json!(6))].into(),
            ..Person::default()
        };
        let group = Group {
            id: "5".into(),
            uid: Some("50".into()),
            name: "g".into(),
            owner_id: Some("7".into()),
            ..Group::default()
        };
        Roster {
            friends: [friend("1", Some("10"), None), friend("2", None, Some("x"))].into_iter().collect(),
            groups: [group].into_iter().collect(),
            ..Roster::default()
        }
    }

    fn ids(answer: Answer) -> Vec<String> {
        let Answer::Json(value) = answer else { panic!() };
        match value {
            Value::Array(list) => {
                list.iter().map(|object| object["id"].as_str().unwrap().to_owned()).collect()
            }
            other => {
                assert_eq!(other, json!({"code": 100, "status": "object not found"}));
                Vec::new()
            }
        }
    }

    #[test]
    fn a_search_matches_every_attribute_exactly() {
        for (query, expected) in [
            ("name=%E7%81%B0%E7%81%B0", &["1", "2"][..]),
            ("nick=%E7%81%B0%E7%81%B0&uid=10", &["1"]),
            ("qq=10", &["1"]),
            ("markname=", &["1"]),
            ("uid=", &["2"]),
            ("displayname=x", &["2"]),
            ("vip_level=6", &["1", "2"]),
            ("vip_level=06", &[]),
            ("foo=bar", &[]),
            ("foo=", &[]),
            ("", &[]),
            ("client=qq&datatype=json&callback=x", &[]),
            ("client=qq&id=1", &["1"]),
        ] {
            let params = Params::of_query(query).unwrap();
            assert_eq!(ids(search_friend(&roster(), &params)), expected, "{query}");
        }
        for (query, expected) in
            [("gid=5", &["5"][..]), ("gnumber=50&gname=g", &["5"]), ("owner_id=7", &["5"]), ("member=", &[])]
        {
            let params = Params::of_query(query).unwrap();
            assert_eq!(ids(search_group(&roster(), &params)), expected, "{query}");
        }
    }
}
