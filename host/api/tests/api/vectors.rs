//! `tests/vectors/*.jsonl`: calls with the answers that the original programs gave.
//!
//! A number and a string with the same digits are equal; a null, an absent field and an empty one are equal. An
//! object is compared as a subset, an array whole and in any order.

use std::collections::{BTreeSet, HashMap};
use std::path::Path;

use axum::body::Body;
use axum::http::{StatusCode, header};
use mynah_api::ApiSettings;
use percent_encoding::percent_decode_str;
use serde_json::{Map, Value};

use crate::stage::{Stage, request};

fn text_of(value: &Value) -> Option<String> {
    match value {
        Value::Null => Some(String::new()),
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

fn same(found: &Value, expected: &Value) -> bool {
    match (found, expected) {
        (Value::Object(found), Value::Object(expected)) => {
            let names: BTreeSet<&String> = found.keys().chain(expected.keys()).collect();
            names.into_iter().all(|name| same(field(found, name), field(expected, name)))
        }
        (Value::Array(found), Value::Array(expected)) => {
            let mut left: Vec<&Value> = found.iter().collect();
            found.len() == expected.len()
                && expected.iter().all(|item| {
                    let place = left.iter().position(|other| same(other, item));
                    place.map(|place| left.remove(place)).is_some()
                })
        }
        (found, expected) => text_of(found).is_some_and(|text| Some(text) == text_of(expected)),
    }
}

fn field<'a>(object: &'a Map<String, Value>, name: &str) -> &'a Value {
    object.get(name).unwrap_or(&Value::Null)
}

fn holds(found: &Value, expected: &Value) -> bool {
    match (found, expected) {
        (Value::Object(found), Value::Object(expected)) => {
            expected.iter().all(|(name, value)| same(field(found, name), value))
        }
        (found, expected) => same(found, expected),
    }
}

/// The function that a JSONP answer calls, and the JSON that it is given.
fn unwrap_call(text: &str) -> Option<(&str, Value)> {
    let (name, rest) = text.split_once('(')?;
    Some((name, serde_json::from_str(rest.strip_suffix(')')?).ok()?))
}

/// The parameters of a sample's query and form.
type Given<'a> = HashMap<&'a str, String>;

fn given<'a>(query: &'a str, form: &'a str) -> Given<'a> {
    let pairs = query.split('&').chain(form.split('&')).filter_map(|pair| pair.split_once('='));
    pairs.map(|(name, value)| (name, percent_decode_str(value).decode_utf8().unwrap().into_owned())).collect()
}

/// How many items the list has that stands in one of these parameters.
fn count(given: &Given<'_>, names: &[&str]) -> Option<usize> {
    names.iter().find_map(|name| given.get(name)).map(|list| list.split(',').count())
}

/// What a deed that a call asks for looks like in the account's outbox.
struct Deed<'a> {
    kind: &'a str,
    text: Option<&'a str>,
    members: Option<usize>,
    seconds: Option<u64>,
}

impl Deed<'_> {
    fn is(&self, deed: &Value) -> bool {
        deed["kind"] == self.kind
            && deed["by"] == "api"
            && deed["text"].as_str() == self.text
            && deed["members"].as_array().map(Vec::len) == self.members
            && deed["seconds"].as_u64() == self.seconds
    }
}

fn openqq_deed<'a>(endpoint: &'a str, given: &'a Given<'_>) -> Deed<'a> {
    Deed {
        kind: endpoint.split('_').next().unwrap(),
        text: given.get("content").map(String::as_str),
        members: count(given, &["member_id", "member_uid", "member_qq"]),
        seconds: given.get("time").map(|time| time.parse().unwrap()),
    }
}

fn openwx_deed<'a>(endpoint: &'a str, given: &'a Given<'_>) -> Deed<'a> {
    let text = |name: &str| given.get(name).map(String::as_str);
    let (kind, text) = match endpoint {
        "send_friend_message" | "send_group_message" => ("send", text("content")),
        "create_group" => ("create-group", text("displayname")),
        "invite_friend" => ("invite", None),
        "kick_group_member" => ("kick", None),
        "set_group_displayname" => ("set-group-name", text("new_displayname")),
        "set_friend_markname" | "set_markname" => ("set-markname", text("new_markname")),
        "stick" => ("stick", Some(if text("op") == Some("0") { "off" } else { "on" })),
        "make_friend" => ("make-friend", Some(text("verify").unwrap_or_default())),
        other => panic!("what does {other} do?"),
    };
    Deed { kind, text, members: count(given, &["friend", "friends", "member", "members"]), seconds: None }
}

/// Makes every call of a file, and says which were not answered, or done, as they should be.
async fn run(stage: &Stage, file: &str, deed: for<'a> fn(&'a str, &'a Given<'_>) -> Deed<'a>) -> Vec<String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/vectors").join(file);
    let samples = std::fs::read_to_string(path).unwrap();
    let mut wrong = Vec::new();
    for line in samples.lines() {
        let sample: Value = serde_json::from_str(line).unwrap();
        let (path, query) = (sample["path"].as_str().unwrap(), sample["query"].as_str().unwrap_or_default());
        let form = sample["form"].as_str().unwrap_or_default();
        let mut call = request(sample["method"].as_str().unwrap(), &format!("{path}?{query}"));
        if !form.is_empty() {
            call = call.header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
        }
        let before = stage.outbox().await.len();
        let answer = stage.call(call.body(Body::from(form.to_owned())).unwrap()).await;
        let expected = &sample["expect"]["body"];
        let json = || serde_json::from_str::<Value>(&answer.text).unwrap_or_default();
        let status_holds = match &sample["expect"]["status"] {
            Value::String(_) => answer.status.is_client_error() || json()["code"] == 400,
            status => *status == answer.status.as_u16(),
        };
        let body_holds = match expected.as_str() {
            Some("jsonp") => {
                unwrap_call(&answer.text).is_some_and(|(name, value)| name == "cb" && value.is_object())
            }
            Some("jsonp-array") => {
                unwrap_call(&answer.text).is_some_and(|(name, value)| name == "cb" && value.is_array())
            }
            Some(text) => answer.text == text,
            None => expected.is_null() || holds(&json(), expected),
        };
        let given = given(query, form);
        let acts = expected["code"] == 0;
        let deeds = match given.get("id").map(String::as_str) {
            _ if !acts => 0,
            Some("@all") => stage.account().roster().friends.len(),
            _ => 1,
        };
        let mut outbox = stage.outbox().await;
        while acts && query.contains("async=1") && outbox.len() == before {
            outbox = stage.outbox().await;
        }
        let endpoint = path.rsplit('/').next().unwrap();
        let new = outbox.get(before..).unwrap_or_default();
        let effect_holds = new.len() == deeds && new.iter().all(|found| deed(endpoint, &given).is(found));
        if !(status_holds && body_holds && effect_holds) {
            let seen = (status_holds, body_holds, effect_holds);
            wrong.push(format!("{} {seen:?}: {} {}\n{new:?}", sample["name"], answer.status, answer.text));
        }
        if sample["mutates"] == true {
            let reset = stage.post(&stage.sim("reset"), "").await;
            assert_eq!(reset.status, StatusCode::OK, "{}", reset.text);
        }
    }
    wrong
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_sample_of_openqq_is_answered_as_the_original_answers_it() {
    let stage = Stage::new(ApiSettings { jsonp: true, ..ApiSettings::default() }).await;
    let wrong = run(&stage, "openqq.jsonl", openqq_deed).await;
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_sample_of_openwx_is_answered_as_the_original_answers_it() {
    let stage = Stage::wx(ApiSettings { jsonp: true, ..ApiSettings::default() }).await;
    let wrong = run(&stage, "openwx.jsonl", openwx_deed).await;
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    stage.end().await;
}
