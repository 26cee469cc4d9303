//! v1 of the API: the same answers and reports under the names that it had before.
//!
//! [`V1`] is a mapping over the table of v2 ([`objects::OBJECTS`]): what a field is called, and what type it is where
//! that differs. Nothing is known in v1 that v2 does not know; members and discuss members also say which group or
//! discuss they are in.

use mynah_runtime::Account;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::objects;
use crate::answer::Answer;
use crate::objects::{Field, JsonType, Object, text, typed};
use crate::params::Params;
use crate::settings::ApiSettings;

/// A version of the API, in answers and reports. Requests are understood in both.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Dialect {
    /// `qq`, `nick`, `gid`, `msg_id` ...
    V1,
    /// `uid`, `name`, `id` ...
    #[default]
    V2,
}

/// An object of v2 in v1.
#[derive(Debug, PartialEq, Eq)]
pub struct Wording {
    /// The object of v2.
    pub object: &'static Object,
    /// Names of v2 that are others in v1.
    renamed: &'static [(&'static str, &'static str)],
    /// Types, by names of v1, where they differ: those of v1's own examples; where it has none, ids are strings.
    retyped: &'static [Field],
    /// Fields that v2 does not have: what a member is a member of.
    added: &'static [Field],
}

impl Wording {
    /// The fields in v1.
    pub fn fields(&self) -> Vec<Field> {
        let known = self.object.fields.iter().map(|field| {
            let name = self.name(field.name);
            let retyped = self.retyped.iter().find(|field| field.name == name);
            retyped.copied().unwrap_or(Field { name, json: field.json })
        });
        known.chain(self.added.iter().copied()).collect()
    }

    /// A field's name in v1.
    fn name(&self, v2: &'static str) -> &'static str {
        self.renamed.iter().find(|(known, _)| *known == v2).map_or(v2, |(_, v1)| *v1)
    }

    /// An object of v2 in v1, without what is added.
    fn of(&self, v2: Map<String, Value>) -> Map<String, Value> {
        let mut rest = v2;
        let mut worded = Map::new();
        for (v2, v1) in self.renamed {
            if let Some(value) = rest.remove(*v2) {
                worded.insert((*v1).to_owned(), value);
            }
        }
        // An attribute of the network does not stand above a field of the API.
        for (name, value) in rest {
            worded.entry(name).or_insert(value);
        }
        for field in self.retyped {
            if let Some(value) = worded.remove(field.name)
                && let Some(value) = typed(field.json, Some(value))
            {
                worded.insert(field.name.to_owned(), value);
            }
        }
        worded
    }
}

const DOWNER: Field = Field { name: "downer", json: JsonType::TextOrNull };

/// Every object in v1, in the order of [`objects::OBJECTS`].
pub static V1: [&Wording; 6] = [&USER, &FRIEND, &GROUP, &MEMBER, &DISCUSS, &DISCUSS_MEMBER];

static USER: Wording = Wording {
    object: &objects::USER,
    renamed: &[("uid", "qq"), ("name", "nick"), ("sex", "gender")],
    retyped: &[],
    added: &[],
};

static FRIEND: Wording = Wording { object: &objects::FRIEND, ..USER };

static GROUP: Wording = Wording {
    object: &objects::GROUP,
    renamed: &[
        ("id", "gid"),
        ("uid", "gnumber"),
        ("code", "gcode"),
        ("name", "gname"),
        ("markname", "gmarkname"),
        ("role", "gtype"),
        ("createtime", "gcreatetime"),
    ],
    retyped: &[text("owner_id"), text("owner_uid")],
    added: &[],
};

static MEMBER: Wording = Wording { object: &objects::MEMBER, added: &[text("gnumber")], ..USER };

static DISCUSS: Wording = Wording {
    object: &objects::DISCUSS,
    renamed: &[("id", "did"), ("name", "dname"), ("owner_id", "downer")],
    retyped: &[DOWNER],
    added: &[],
};

static DISCUSS_MEMBER: Wording =
    Wording { object: &objects::DISCUSS_MEMBER, added: &[text("did"), text("dname"), DOWNER], ..USER };

/// What an endpoint answers with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shape {
    User,
    Friends,
    Groups,
    Discusses,
    /// What became of a message.
    Sent,
    /// Something that is the same in all versions.
    Plain,
}

impl Dialect {
    /// What a call asks for with `v`, else what the account's settings say.
    pub(crate) fn of(params: &Params, settings: &ApiSettings, account: &Account) -> Result<Self, Answer> {
        match params.get("v") {
            None => Ok(settings.dialect_of(account.name())),
            Some("1") => Ok(Self::V1),
            Some("2") => Ok(Self::V2),
            Some(_) => Err(Answer::error(400, "v is not 1 or 2")),
        }
    }

    /// An answer of v2 in this version.
    pub(crate) fn answer(self, shape: Shape, answer: Answer) -> Answer {
        match (self, answer) {
            (Self::V1, Answer::Json(value)) => Answer::Json(answered(shape, value)),
            (_, Answer::Events(batch)) => Answer::Events(batch.in_dialect(self)),
            (_, answer) => answer,
        }
    }

    /// A report of v2 in this version.
    pub(crate) fn report(self, v2: Value) -> Value {
        match (self, v2) {
            (Self::V1, Value::Object(report)) => Value::Object(reported(report)),
            (_, report) => report,
        }
    }
}

fn answered(shape: Shape, value: Value) -> Value {
    let each: fn(Value) -> Value = match (shape, &value) {
        (Shape::User, Value::Object(_)) => return user(value),
        (Shape::Sent, Value::Object(_)) => return sent(value),
        (Shape::Friends, Value::Array(_)) => friend,
        (Shape::Groups, Value::Array(_)) => group,
        (Shape::Discusses, Value::Array(_)) => discuss,
        // Nothing was found, or nothing in it has another name.
        _ => return value,
    };
    match value {
        Value::Array(items) => items.into_iter().map(each).collect(),
        other => other,
    }
}

fn sent(value: Value) -> Value {
    with_object(value, |mut answer| {
        if let Some(id) = answer.remove("id") {
            answer.insert("msg_id".into(), id);
        }
        answer
    })
}

fn user(value: Value) -> Value {
    with_object(value, |user| USER.of(user))
}

fn friend(value: Value) -> Value {
    with_object(value, |friend| FRIEND.of(friend))
}

fn group(value: Value) -> Value {
    with_object(value, |group| {
        let mut group = GROUP.of(group);
        let gnumber = group.get("gnumber").cloned();
        each_member(&mut group, |one| member(one, gnumber.clone()));
        group
    })
}

fn member(value: Value, gnumber: Option<Value>) -> Value {
    with_object(value, |member| {
        let mut member = MEMBER.of(member);
        member.insert("gnumber".into(), gnumber.unwrap_or_else(|| "".into()));
        member
    })
}

fn discuss(value: Value) -> Value {
    with_object(value, |discuss| {
        let mut discuss = DISCUSS.of(discuss);
        let of: Map<String, Value> = ["did", "dname", "downer"]
            .into_iter()
            .filter_map(|name| Some((name.to_owned(), discuss.get(name)?.clone())))
            .collect();
        each_member(&mut discuss, |one| discuss_member(one, &of));
        discuss
    })
}

fn discuss_member(value: Value, of: &Map<String, Value>) -> Value {
    with_object(value, |member| {
        let mut member = DISCUSS_MEMBER.of(member);
        member.extend(of.clone());
        member
    })
}

fn each_member(object: &mut Map<String, Value>, word: impl Fn(Value) -> Value) {
    if let Some(Value::Array(members)) = object.get_mut("member") {
        *members = std::mem::take(members).into_iter().map(word).collect();
    }
}

fn with_object(value: Value, word: impl FnOnce(Map<String, Value>) -> Map<String, Value>) -> Value {
    match value {
        Value::Object(object) => Value::Object(word(object)),
        other => other,
    }
}

/// v1 knows messages: a report has no `post_type`, people are known by their ids. What happens besides has `event`.
fn reported(mut report: Map<String, Value>) -> Map<String, Value> {
    report.remove("post_type");
    let Some(event) = report.get("event").and_then(Value::as_str).map(str::to_owned) else {
        for (v2, v1) in [("id", "msg_id"), ("time", "msg_time"), ("class", "msg_class")] {
            if let Some(value) = report.remove(v2) {
                report.insert(v1.into(), value);
            }
        }
        report.retain(|name, _| !name.ends_with("_uid"));
        return report;
    };
    if let Some(Value::Array(params)) = report.get_mut("params") {
        *params = event_params(&event, std::mem::take(params));
    }
    report
}

/// The objects that an event carries, in v1.
fn event_params(event: &str, params: Vec<Value>) -> Vec<Value> {
    let mut params = params.into_iter();
    let first = params.next();
    match event {
        "new_friend" | "lose_friend" | "friend_property_change" => {
            first.map(friend).into_iter().chain(params).collect()
        }
        "user_property_change" => first.map(user).into_iter().chain(params).collect(),
        "new_group" | "lose_group" | "group_property_change" => {
            first.map(group).into_iter().chain(params).collect()
        }
        "new_discuss" | "lose_discuss" => first.map(discuss).into_iter().chain(params).collect(),
        "new_group_member" | "lose_group_member" => {
            let group = params.next().map(group);
            let gnumber = group.as_ref().and_then(|group| group.get("gnumber")).cloned();
            first.map(|one| member(one, gnumber)).into_iter().chain(group).chain(params).collect()
        }
        "new_discuss_member" | "lose_discuss_member" => {
            let discuss = params.next().map(discuss);
            let of = discuss.as_ref().and_then(Value::as_object).cloned().unwrap_or_default();
            first.map(|one| discuss_member(one, &of)).into_iter().chain(discuss).chain(params).collect()
        }
        _ => first.into_iter().chain(params).collect(),
    }
}

#[cfg(test)]
mod tests {
    use mynah_model::roster::{Discuss, Group, Person, Role, Roster};
    use serde_json::json;

    use super::*;

    fn person() -> Person {
        Person { id: "7".into(), uid: Some("70".into()), name: "小灰".into(), ..Person::default() }
    }

    fn names(wording: &Wording) -> Vec<&'static str> {
        wording.fields().iter().map(|field| field.name).collect()
    }

    #[test]
    fn every_object_of_v2_has_its_words_in_v1() {
        for (wording, object) in V1.iter().zip(objects::OBJECTS) {
            assert_eq!(wording.object, object);
            let known: Vec<_> = object.fields.iter().map(|field| field.name).collect();
            // `friend` shares the words of `user` and has no `sex` of its own.
            let renamed = wording.renamed.iter().filter(|(v2, _)| known.contains(v2)).count();
            assert!(renamed > 0, "{}", object.name);
        }
        assert!(["qq", "nick", "gender"].iter().all(|name| names(&USER).contains(name)));
        assert!(["gnumber", "qq", "nick"].iter().all(|name| names(&MEMBER).contains(name)));
        assert!(["did", "dname", "downer", "nick"].iter().all(|name| names(&DISCUSS_MEMBER).contains(name)));
    }

    #[test]
    fn a_group_and_its_members_are_worded_as_in_v1() {
        let group = Group {
            id: "2617047292".into(),
            uid: Some("552603".into()),
            name: "PERL".into(),
            owner_id: Some("7".into()),
            role: Some(Role::Owner),
            attrs: [("code".to_owned(), json!(31)), ("createtime".to_owned(), json!(1231435199))].into(),
            members: [Person { role: Some(Role::Owner), ..person() }].into_iter().collect(),
            ..Group::default()
        };
        let worded = answered(Shape::Groups, json!([objects::group(&group)]))[0].clone();
        for (field, expected) in [
            ("gid", json!("2617047292")),
            ("gnumber", json!("552603")),
            ("gname", json!("PERL")),
            ("gmarkname", json!("")),
            ("gcode", json!("31")),
            ("gtype", json!("create")),
            ("gcreatetime", json!("1231435199")),
            ("owner_id", json!("7")),
        ] {
            assert_eq!(worded[field], expected, "{field}");
        }
        for absent in ["id", "uid", "name", "markname", "code", "role", "createtime"] {
            assert!(worded.get(absent).is_none(), "{absent}");
        }
        let member = &worded["member"][0];
        assert_eq!(
            (&member["id"], &member["qq"], &member["nick"]),
            (&json!("7"), &json!("70"), &json!("小灰"))
        );
        assert_eq!((&member["gnumber"], &member["role"]), (&json!("552603"), &json!("owner")));
        assert_eq!(member["gender"], "");
    }

    #[test]
    fn a_discuss_says_in_each_member_what_it_is() {
        let of = |owner_id: Option<&str>| {
            let members = [person()].into_iter().collect();
            let discuss = Discuss {
                id: "41".into(),
                name: "测试".into(),
                owner_id: owner_id.map(Into::into),
                members,
                ..Discuss::default()
            };
            answered(Shape::Discusses, json!([objects::discuss(&discuss)]))[0].clone()
        };
        let worded = of(None);
        assert_eq!(
            (&worded["did"], &worded["dname"], &worded["downer"]),
            (&json!("41"), &json!("测试"), &Value::Null)
        );
        let member = &worded["member"][0];
        assert_eq!(
            (&member["did"], &member["dname"], &member["downer"]),
            (&json!("41"), &json!("测试"), &Value::Null)
        );
        assert_eq!((&member["id"], &member["nick"]), (&json!("7"), &json!("小灰")));
        assert_eq!(of(Some("7"))["member"][0]["downer"], "7");
    }

    #[test]
    fn an_attribute_of_the_network_does_not_stand_above_a_field() {
        let friend = Person { attrs: [("qq".to_owned(), json!("wrong"))].into(), ..person() };
        assert_eq!(answered(Shape::Friends, json!([objects::friend(&friend)]))[0]["qq"], "70");
        let user = Roster { user: std::sync::Arc::new(friend), ..Roster::default() };
        assert_eq!(answered(Shape::User, objects::user(&user))["qq"], "70");
    }

    #[test]
    fn what_is_not_an_object_of_the_api_stays_as_it_is() {
        let missed = json!({"code": 100, "status": "object not found"});
        for shape in [Shape::Friends, Shape::Groups, Shape::Discusses, Shape::Sent, Shape::Plain] {
            assert_eq!(answered(shape, missed.clone()), missed);
        }
        let done = json!({"status": "发送成功", "id": 7, "msg_id": 7, "code": 0});
        assert_eq!(answered(Shape::Sent, done), json!({"status": "发送成功", "msg_id": 7, "code": 0}));
        assert_eq!(
            answered(Shape::Sent, json!({"id": null, "code": 100, "status": "x"})),
            json!({"msg_id": null, "code": 100, "status": "x"})
        );
    }

    #[test]
    fn a_report_of_v1_has_the_names_of_its_document() {
        let report = json!({
            "time": "1442542632", "content": "测试一下", "class": "recv",
            "sender": "灰灰", "sender_id": "2372835507", "sender_uid": "456789",
            "receiver": "小灰", "receiver_id": "4072574066", "receiver_uid": "123456",
            "group": "PERL学习交流", "group_id": "2617047292", "group_uid": "67890",
            "id": "10856", "type": "group_message", "post_type": "receive_message",
        });
        assert_eq!(Dialect::V2.report(report.clone()), report);
        assert_eq!(
            Dialect::V1.report(report),
            json!({
                "receiver": "小灰", "msg_time": "1442542632", "content": "测试一下", "msg_class": "recv",
                "sender_id": "2372835507", "receiver_id": "4072574066", "group": "PERL学习交流",
                "group_id": "2617047292", "sender": "灰灰", "msg_id": "10856", "type": "group_message",
            })
        );
    }

    #[test]
    fn an_event_of_v1_carries_objects_of_v1() {
        let group = Group { id: "5".into(), uid: Some("50".into()), ..Group::default() };
        let discuss = Discuss { id: "6".into(), ..Discuss::default() };
        let (one, of) = (objects::member(&person()), objects::group_basic(&group));
        let (partner, in_discuss) = (objects::discuss_member(&person()), objects::discuss_basic(&discuss));
        for (event, params, place, field, expected) in [
            ("new_friend", json!([objects::friend(&person())]), 0, "qq", json!("70")),
            ("lose_group", json!([of]), 0, "gid", json!("5")),
            ("new_group_member", json!([one, of]), 0, "gnumber", json!("50")),
            ("new_group_member", json!([one, of]), 1, "gnumber", json!("50")),
            ("lose_discuss_member", json!([partner, in_discuss]), 0, "did", json!("6")),
            ("lose_discuss_member", json!([partner, in_discuss]), 1, "did", json!("6")),
            ("new_discuss", json!([in_discuss]), 0, "downer", Value::Null),
        ] {
            let report = json!({"post_type": "event", "event": event, "params": params});
            let worded = Dialect::V1.report(report);
            assert_eq!(worded["params"][place][field], expected, "{event} {worded}");
            assert_eq!(worded["event"], event);
            assert!(worded.get("post_type").is_none());
        }
        let change = json!({"event": "state_change", "params": ["scaning", "running"]});
        assert_eq!(Dialect::V1.report(change.clone()), change);
    }
}
