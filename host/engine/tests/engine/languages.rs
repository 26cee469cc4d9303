//! Scripts as people write them, in Rust with the SDK: what a standard library needs is there, and what a
//! script must not do ends its call.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use mynah_engine::{CallReport, Fault, LogSource, Script};
use mynah_model::action::ActionBody;
use mynah_model::event::Event;
use mynah_model::message::flatten;
use mynah_model::names::Seq;
use mynah_model::refusal::Code;

use crate::guest_build::GuestBuild;
use crate::world::{Store, admit, call_with, message, script};

/// A component made of the sources in `tests/guests/rust`, built once for all tests.
fn component(name: &str) -> Vec<u8> {
    static BUILT: OnceLock<HashMap<String, PathBuf>> = OnceLock::new();
    let built = BUILT.get_or_init(|| {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap().join("guests");
        let build = GuestBuild {
            manifest: root.join("Cargo.toml"),
            packages: vec!["test-guests".into()],
            examples: true,
            target_dir: target,
            color: false,
        };
        let built = build.run(|_| ()).unwrap_or_else(|error| panic!("{error}"));
        built.into_iter().map(|component| (component.name, component.file)).collect()
    });
    std::fs::read(&built[&format!("guest-{name}")]).unwrap()
}

fn hostile() -> &'static Script {
    static HOSTILE: OnceLock<Script> = OnceLock::new();
    HOSTILE.get_or_init(|| script(&component("hostile")))
}

fn attempt(text: &str) -> CallReport {
    call_with(hostile(), &message(text), &Store::default())
}

fn fault(text: &str) -> Fault {
    let fault = attempt(text).result.unwrap_err();
    assert_eq!(reply(&attempt("fine")), "fine", "the script is none the worse for it");
    fault
}

fn reply(report: &CallReport) -> String {
    let actions = report.result.as_ref().unwrap_or_else(|fault| panic!("{fault} {:?}", fault.backtrace));
    match actions.as_slice() {
        [action] => match &action.body {
            ActionBody::Reply { segments, .. } => flatten(segments),
            other => panic!("{other:?}"),
        },
        other => panic!("{other:?}"),
    }
}

#[test]
fn bindings_in_rust_carry_the_whole_contract() {
    for check in mynah_engine::conformance::check(&component("conformance")).unwrap() {
        assert_eq!(check.given, check.expected, "{}", check.name);
    }
}

#[test]
fn everything_a_script_must_not_do_is_named() {
    for (text, code) in [
        ("loop", Code::LimitDeadline),
        ("allocate", Code::LimitMemory),
        ("recurse", Code::LimitStack),
        ("panic", Code::ScriptTrap),
        ("sleep", Code::ScriptSleep),
        ("exit", Code::ScriptExit),
        ("many", Code::LimitActions),
        ("long", Code::LimitText),
        ("error", Code::ScriptError),
    ] {
        let fault = fault(text);
        assert_eq!(fault.code, code, "{text}: {fault}");
    }
    let fault = fault("million");
    assert!(matches!(fault.code, Code::LimitMemory | Code::LimitHostCalls | Code::LimitDeadline), "{fault}");
}

#[test]
fn a_panic_is_told_in_its_own_words_with_the_functions_it_came_through() {
    let fault = fault("panic");
    assert!(
        fault.text.contains("I fell over on purpose") && fault.text.contains("hostile.rs"),
        "{}",
        fault.text
    );
    assert!(!fault.text.contains("RUST_BACKTRACE"), "{}", fault.text);
    let backtrace = fault.backtrace.unwrap();
    assert!(backtrace.contains("attempt") || backtrace.contains("panic"), "{backtrace}");
    let report = attempt("panic");
    assert!(report.log.iter().any(|line| line.source == LogSource::Stderr), "{:?}", report.log);
}

#[test]
fn a_sleep_ends_at_once_and_says_what_to_do_instead() {
    let report = attempt("sleep");
    assert!(report.wall < std::time::Duration::from_millis(500), "{:?}", report.wall);
    assert_eq!(report.result.unwrap_err().text, "scripts never sleep: return a schedule action");
}

#[test]
fn every_clock_stands_at_the_events_time() {
    assert_eq!(reply(&attempt("time")), "1700000000123 1700000000123 0");
}

#[test]
fn chance_is_the_same_for_the_same_event_and_differs_for_another() {
    let first = reply(&attempt("chance"));
    assert_eq!(first, reply(&attempt("chance")));
    let other = Event { seq: Seq(8), ..message("chance") };
    assert_ne!(first, reply(&call_with(hostile(), &other, &Store::default())));
}

#[test]
fn a_log_without_end_is_cut_and_counted() {
    let report = attempt("log");
    let bytes: usize = report.log.iter().map(|line| line.text.len()).sum();
    assert!(bytes <= 16 * 1024 && report.log_cut > 0, "{bytes} bytes, {} cut", report.log_cut);
}

#[test]
fn files_and_sockets_are_refused_by_name() {
    for (name, import) in [("files", "wasi:filesystem/"), ("sockets", "wasi:sockets/")] {
        let refusal = admit(&component(name)).unwrap_err();
        assert_eq!(refusal.code, Code::ImportRefused, "{refusal}");
        assert!(refusal.text.contains(import), "{refusal}");
    }
}
