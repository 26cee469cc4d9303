//! State through the contract's `kv`: what a script writes is what it reads, and only of its own event.

use mynah_model::refusal::Code;

use crate::guest::Guest;
use crate::world::{Store, call_with, message, script};

const INCREMENT: &str =
    r#""mynah:script/kv@0.1.0" "increment" (func $increment (param i32 i32 i64 i32 i64 i32))"#;

/// A guest that adds 2 to the key that stands in its data, with a time to live of 1000 ms.
fn counting(key: &str) -> Vec<u8> {
    Guest::new()
        .import(INCREMENT)
        .item(&format!(r#"(data (i32.const 1024) "{key}")"#))
        .handle(&format!(
            "(call $increment (i32.const 1024) (i32.const {}) (i64.const 2) (i32.const 1) (i64.const 1000) (i32.const 128))
             (if (i32.load8_u (i32.const 128)) (then unreachable)) i32.const 64",
            key.len()
        ))
        .build()
}

#[test]
fn state_goes_through_the_hosts_services_with_the_events_time() {
    let (script, store) = (script(&counting("count")), Store::default());
    for _ in 0..3 {
        call_with(&script, &message("hi"), &store).result.unwrap();
    }
    let value = store.get("count").unwrap();
    assert_eq!((value.value.as_str(), value.expires_at), ("6", Some(1_700_000_001_123)));
    store.put("count", "40", Some(1_700_000_000_123));
    call_with(&script, &message("hi"), &store).result.unwrap();
    assert_eq!(store.get("count").unwrap().value, "2", "what is expired counts from 0");
}

#[test]
fn a_quota_is_told_to_the_script_and_a_broken_store_is_the_hosts_own_fault() {
    let quota = call_with(&script(&counting("full")), &message("hi"), &Store::default()).result.unwrap_err();
    assert_eq!(quota.code, Code::ScriptTrap, "the guest was told, and gave up by itself");
    let broken =
        call_with(&script(&counting("broken")), &message("hi"), &Store::default()).result.unwrap_err();
    assert_eq!((broken.code, broken.text.as_str()), (Code::HostFailure, "the disk is gone"));
}
