//! Calls that must not be done twice are remembered over restarts, for their time, and up to a number.

use super::{folder, open, temporary, write};
use crate::{IdempotencyKey, IdempotentCall, Store, Write};

fn key(text: &str) -> IdempotencyKey {
    IdempotencyKey { caller: "bot".into(), account: "qq".parse().unwrap(), key: text.into() }
}

fn begun(text: &str, at: i64, forget_before: i64) -> Write {
    Write::CallBegun { key: key(text), fingerprint: [7; 32], at, forget_before }
}

fn kept(store: &Store, text: &str) -> Option<IdempotentCall> {
    store.read(|reader| reader.idempotent_call(&key(text))).unwrap()
}

#[test]
fn a_call_and_its_answer_are_there_after_a_restart() {
    let (_folder, path) = folder();
    let (store, _) = open(&path);
    write(&store, vec![begun("a", 5, 0), begun("b", 6, 0), begun("c", 7, 0)]).unwrap();
    let answered = Write::CallAnswered { key: key("a"), answer: "{\"code\":0}".into() };
    write(&store, vec![answered, Write::CallForgotten(key("c"))]).unwrap();
    store.close();
    let (store, _) = open(&path);
    let call = |at, answer: Option<&str>| IdempotentCall {
        fingerprint: [7; 32],
        begun_at: at,
        answer: answer.map(str::to_owned),
    };
    assert_eq!(kept(&store, "a"), Some(call(5, Some("{\"code\":0}"))));
    assert_eq!(kept(&store, "b"), Some(call(6, None)));
    assert_eq!(kept(&store, "c"), None);
    let others = IdempotencyKey { caller: "other".into(), ..key("a") };
    assert_eq!(store.read(|reader| reader.idempotent_call(&others)).unwrap(), None);
}

#[test]
fn a_key_is_taken_until_its_time_is_over() {
    let store = temporary();
    write(&store, begun("a", 5, 0)).unwrap();
    assert!(write(&store, begun("a", 9, 4)).is_err());
    write(&store, begun("a", 10, 5)).unwrap();
    assert_eq!(kept(&store, "a").unwrap().begun_at, 10);
}

#[test]
fn the_oldest_go_when_there_are_too_many() {
    let store = temporary();
    let most = crate::limits::IDEMPOTENT_CALLS;
    let calls: Vec<_> = (0..=most).map(|at| begun(&at.to_string(), at, -1)).collect();
    write(&store, calls).unwrap();
    assert_eq!(store.read(|reader| reader.idempotent_calls()).unwrap(), u64::try_from(most).unwrap());
    assert_eq!((kept(&store, "0"), kept(&store, "1").is_some()), (None, true));
}
