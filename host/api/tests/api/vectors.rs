//! `tests/vectors/openqq.jsonl`: calls with the answers that the original program gave.
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

/// Whether the newest deed of the account is what the call asked for.
fn is_done(deed: &Value, path: &str, params: &str) -> bool {
    let params: HashMap<&str, String> = params
        .split('&')
        .filter_map(|pair| pair.split_once('='))
        .map(|(name, value)| (name, percent_decode_str(value).decode_utf8().unwrap().into_owned()))
        .collect();
    let kind = path.trim_start_matches("/openqq/").split('_').next().unwrap();
    let list = ["member_id", "member_uid", "member_qq"].iter().find_map(|name| params.get(name));
    let members = list.map(|list| list.split(',').count());
    deed["kind"] == kind
        && deed["by"] == "api"
        && deed["text"].as_str() == params.get("content").map(String::as_str)
        && deed["members"].as_array().map(Vec::len) == members
        && deed["seconds"].as_u64() == params.get("time").map(|time| time.parse().unwrap())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_sample_is_answered_as_the_original_answers_it() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/vectors/openqq.jsonl");
    let samples = std::fs::read_to_string(path).unwrap();
    let stage = Stage::new(ApiSettings { jsonp: true, ..ApiSettings::default() }).await;
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
        let acts = expected["code"] == 0;
        let mut outbox = stage.outbox().await;
        while acts && query.contains("async=1") && outbox.len() == before {
            outbox = stage.outbox().await;
        }
        let effect_holds = match outbox.last() {
            Some(deed) if acts => {
                outbox.len() == before + 1 && is_done(deed, path, &format!("{query}&{form}"))
            }
            _ => !acts && outbox.len() == before,
        };
        if !(status_holds && body_holds && effect_holds) {
            let seen = (status_holds, body_holds, effect_holds);
            wrong.push(format!(
                "{} {seen:?}: {} {}\n{:?}",
                sample["name"],
                answer.status,
                answer.text,
                outbox.last()
            ));
        }
        if sample["mutates"] == true {
            let reset = stage.post("/api/v1/accounts/qq/sim/reset", "").await;
            assert_eq!(reset.status, StatusCode::OK, "{}", reset.text);
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    stage.end().await;
}
