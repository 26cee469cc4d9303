//! Fresh instances share nothing; warm ones live until they fail, or have done enough.

use std::sync::atomic::{AtomicUsize, Ordering};

use mynah_engine::{
    CallReport, Engine, EngineConfig, ImportGrants, InstancePolicy, Limits, Script, SettingsLayers,
};
use mynah_model::refusal::Code;

use crate::guest::Guest;
use crate::world::{engine, message, name, script};

/// A guest that fails with a text of as many letters as it was called times, or traps on the fourth call.
fn counting() -> Vec<u8> {
    Guest::new()
        .item("(global $calls (mut i32) (i32.const 0))")
        .item(r#"(data (i32.const 1024) "xxxxxxxxxxxxxxxx")"#)
        .import(r#""mynah:script/log@0.1.0" "log" (func $log (param i32 i32 i32))"#)
        .handle(
            "(global.set $calls (i32.add (global.get $calls) (i32.const 1)))
             (call $log (i32.const 1) (i32.const 1024) (global.get $calls))
             (if (i32.eq (global.get $calls) (i32.const 4)) (then unreachable))
             i32.const 64",
        )
        .build()
}

fn with_policy(policy: InstancePolicy) -> Script {
    let mut script = script(&counting());
    script.policy = policy;
    script
}

/// How often the instance that answered had been called, by the length of its log.
fn calls(report: &CallReport) -> usize {
    report.log.first().map_or(0, |line| line.text.len())
}

fn call(script: &Script) -> CallReport {
    crate::world::call(script, &message("hi"))
}

#[test]
fn a_fresh_instance_remembers_nothing() {
    let script = with_policy(InstancePolicy::Fresh);
    let counts: Vec<_> = (0..6).map(|_| calls(&call(&script))).collect();
    assert_eq!(counts, [1; 6]);
}

#[test]
fn a_warm_instance_is_dropped_when_it_fails_and_its_log_is_of_one_event() {
    let script = with_policy(InstancePolicy::Warm { max_calls: 100 });
    let counts: Vec<_> = (0..6)
        .map(|_| {
            let report = call(&script);
            assert_eq!(report.log.len(), 1);
            calls(&report)
        })
        .collect();
    assert_eq!(counts, [1, 2, 3, 4, 1, 2]);
}

#[test]
fn a_warm_instance_is_dropped_after_so_many_calls() {
    let script = with_policy(InstancePolicy::Warm { max_calls: 2 });
    let counts: Vec<_> = (0..5).map(|_| calls(&call(&script))).collect();
    assert_eq!(counts, [1, 2, 1, 2, 1]);
    let script = with_policy(InstancePolicy::Warm { max_calls: 0 });
    assert_eq!((calls(&call(&script)), calls(&call(&script))), (1, 1));
}

#[test]
fn a_warm_instance_gets_a_new_deadline_for_each_event() {
    let limits = Limits { deadline: std::time::Duration::from_millis(30), ..Limits::default() };
    let count = "(local $n i32) (loop $again
        (local.set $n (i32.add (local.get $n) (i32.const 1)))
        (br_if $again (i32.lt_u (local.get $n) (i32.const 3000000)))) i32.const 64";
    let policy = InstancePolicy::Warm { max_calls: 1000 };
    let mut script = crate::world::scripted(&Guest::new().handle(count).build(), "guest", 0, limits);
    script.policy = policy;
    let spent: std::time::Duration = (0..60)
        .map(|_| {
            let report = call(&script);
            report.result.unwrap();
            report.cpu
        })
        .sum();
    assert!(spent > std::time::Duration::from_millis(30), "{spent:?}");
}

#[test]
fn more_callers_than_slots_wait_for_each_other_and_all_are_answered() {
    let engine =
        Engine::new(EngineConfig { workers: 1, warm_instances: 1, ..EngineConfig::default() }).unwrap();
    let release = |script: &str| {
        engine.admit(&name(script), &counting(), &ImportGrants::ALL, &Limits::default()).unwrap()
    };
    let policy = InstancePolicy::Warm { max_calls: 3 };
    let make = |script: &str| {
        Script::new(
            name(script),
            release(script),
            0,
            policy,
            Limits::default(),
            Vec::new(),
            SettingsLayers::default(),
        )
    };
    let scripts = [make("a"), make("b"), make("c")];
    let answered = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for number in 0..24 {
            let (engine, script, answered) = (&engine, &scripts[number % 3], &answered);
            scope.spawn(move || {
                for _ in 0..20 {
                    let report = engine.call(script, &message("hi"), crate::world::context());
                    assert!(report.result.is_ok(), "{:?}", report.result);
                    answered.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
    });
    assert_eq!(answered.load(Ordering::Relaxed), 480);
}

#[test]
fn components_compiled_by_an_earlier_start_are_loaded_and_not_compiled() {
    let folder = tempfile::tempdir().unwrap();
    let start = || {
        Engine::new(EngineConfig { cache_dir: Some(folder.path().join("cache")), ..EngineConfig::default() })
            .unwrap()
    };
    let component = counting();
    let admit = |engine: &Engine| {
        engine.admit(&name("guest"), &component, &ImportGrants::ALL, &Limits::default()).unwrap()
    };
    let first = admit(&start());
    let files = || std::fs::read_dir(folder.path().join("cache")).unwrap().count();
    assert_eq!(files(), 2, "a key and a component");
    let second = admit(&start());
    assert_eq!((first.id, &first.info), (second.id, &second.info));
    assert_eq!(files(), 2);
}

#[test]
fn an_engine_that_is_dropped_leaves_its_releases_usable_until_they_go() {
    let engine_of_its_own = Engine::new(EngineConfig::default()).unwrap();
    let release =
        engine_of_its_own.admit(&name("guest"), &counting(), &ImportGrants::ALL, &Limits::default()).unwrap();
    drop(engine_of_its_own);
    let limits = Limits::default();
    let script = Script::new(
        name("guest"),
        release,
        0,
        InstancePolicy::Fresh,
        limits,
        Vec::new(),
        SettingsLayers::default(),
    );
    let report = engine().call(&script, &message("hi"), crate::world::context());
    assert!(report.result.is_ok() || report.result.unwrap_err().code != Code::ScriptTrap);
}
