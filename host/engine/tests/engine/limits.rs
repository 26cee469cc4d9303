//! Each limit that no other file drives over its edge is driven over it here, and says its name.

use std::time::Duration;

use mynah_engine::{Engine, EngineConfig, ImportGrants, Limits};
use mynah_model::refusal::{Code, Refusal};

use crate::guest::Guest;
use crate::world::{admit, call, message, name, scripted};

fn admitted(component: &[u8], limits: &Limits) -> Refusal {
    // An engine of its own: what was compiled before must not be taken from it.
    let engine = Engine::new(EngineConfig { pool: false, ..EngineConfig::default() }).unwrap();
    engine.admit(&name("guest"), component, &ImportGrants::ALL, limits).unwrap_err()
}

/// A guest that takes the compiler a while.
fn large() -> Vec<u8> {
    let function =
        "(func (param i32) (result i32) (i32.mul (local.get 0) (i32.add (local.get 0) (i32.const 7))))";
    Guest::new().item(&function.repeat(3_000)).build()
}

#[test]
fn compiling_is_bounded_in_time_and_what_takes_too_long_is_left_behind() {
    let limits = Limits { compile: Duration::ZERO, ..Limits::default() };
    let refusal = admitted(&large(), &limits);
    assert_eq!(refusal.to_string(), "limit.compile: the component did not compile within 0 ms");
    // The next one is none the worse for it.
    admit(&Guest::new().build()).unwrap();
}

#[test]
fn what_does_not_fit_is_refused_before_it_is_compiled() {
    let component = Guest::new().build();
    for (limits, code, says) in [
        (Limits { component: 100, ..Limits::default() }, Code::LimitSize, "it may have 100"),
        (Limits { memory: 1 << 16, ..Limits::default() }, Code::LimitMemory, "begins with"),
        (Limits { memories: 0, ..Limits::default() }, Code::LimitInstances, "memories; it may have 0"),
    ] {
        let refusal = admitted(&component, &limits);
        assert_eq!(refusal.code, code, "{refusal}");
        assert!(refusal.text.contains(says), "{refusal}");
        // A release that was admitted with other limits is told the same.
        let release = admit(&component).unwrap();
        assert_eq!(release.fits(&name("guest"), &ImportGrants::ALL, &limits).unwrap_err(), refusal);
    }
}

#[test]
fn a_release_that_fits_its_grants_says_so_without_being_compiled_again() {
    let release =
        admit(&Guest::new().import(r#""mynah:script/roster@0.1.0" "me" (func $me (param i32))"#).build());
    let release = release.unwrap();
    release.fits(&name("guest"), &ImportGrants::ALL, &Limits::default()).unwrap();
    assert_eq!(release.granted_imports().collect::<Vec<_>>(), ["roster"]);
    let refusal = release.fits(&name("guest"), &ImportGrants::default(), &Limits::default()).unwrap_err();
    assert_eq!(refusal.code, Code::ImportNotGranted, "{refusal}");
}

#[test]
fn a_path_in_the_settings_is_not_too_long() {
    let config = r#""mynah:script/config@0.1.0" "get" (func $ask (param i32 i32 i32))"#;
    let patterns = r#""mynah:script/patterns@0.1.0" "find" (func $ask (param i32 i32 i32 i32 i32))"#;
    for (import, rest) in [(config, ""), (patterns, "(i32.const 0) (i32.const 0)")] {
        let ask = |len: usize| {
            let ask = format!("(call $ask (i32.const 1024) (i32.const {len}) {rest} (i32.const 256))");
            let guest = Guest::new().import(import).handle(&format!("{ask} i32.const 64"));
            call(&scripted(&guest.build(), "guest", 0, Limits::default()), &message("hi")).result
        };
        ask(512).unwrap();
        let fault = ask(513).unwrap_err();
        assert_eq!(fault.code, Code::LimitHostCalls, "{fault}");
        assert!(fault.text.ends_with("by 513 bytes; a path has at most 512"), "{fault}");
    }
}

#[test]
fn tables_of_a_call_are_summed_and_the_code_says_so() {
    let limits = Limits { table_elements: 50, ..Limits::default() };
    let guest = Guest::new()
        .item("(table $t 1 funcref)")
        .handle("(drop (table.grow $t (ref.null func) (i32.const 60))) i32.const 64");
    let fault = call(&scripted(&guest.build(), "guest", 0, limits), &message("hi")).result.unwrap_err();
    assert_eq!(fault.code, Code::LimitTables, "{fault}");
}
