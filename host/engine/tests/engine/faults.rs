//! Whatever a script does ends its own call, with a code that names the limit; the next call is as good as any.

use std::time::Duration;

use mynah_engine::{
    Allocation, CallReport, Engine, EngineConfig, Fault, ImportGrants, InstancePolicy, Limits, Script,
    SettingsLayers,
};
use mynah_model::refusal::Code;

use crate::guest::Guest;
use crate::world::{call, context, message, name, script, scripted};

fn fault(guest: &Guest) -> Fault {
    report(guest).result.unwrap_err()
}

fn report(guest: &Guest) -> CallReport {
    let script = script(&guest.build());
    let report = call(&script, &message("hello"));
    // The script itself is none the worse for it.
    assert_eq!(report.result.as_ref().err(), call(&script, &message("hello")).result.as_ref().err());
    report
}

#[test]
fn an_endless_loop_ends_at_the_deadline() {
    let limits = Limits { deadline: Duration::from_millis(20), ..Limits::default() };
    let guest = Guest::new().handle("(loop $again (br $again)) unreachable").build();
    let report = call(&scripted(&guest, "guest", 0, limits), &message("hello"));
    let fault = report.result.unwrap_err();
    assert_eq!(fault.code, Code::LimitDeadline);
    assert!(fault.text.ends_with("it may use 20 ms"), "{}", fault.text);
    assert!(
        report.cpu >= Duration::from_millis(20) && report.cpu < Duration::from_millis(60),
        "{:?}",
        report.cpu
    );
}

#[test]
fn the_deadline_is_cpu_time_so_that_a_busy_machine_costs_no_script_its_answer() {
    let limits = Limits { deadline: Duration::from_millis(60), ..Limits::default() };
    let count = "(local $n i32) (loop $again
        (local.set $n (i32.add (local.get $n) (i32.const 1)))
        (br_if $again (i32.lt_u (local.get $n) (i32.const 20000000)))) i32.const 64";
    let guest = Guest::new().handle(count).build();
    let script = scripted(&guest, "guest", 0, limits);
    let alone = call(&script, &message("hello"));
    alone.result.unwrap();
    let stop = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|scope| {
        for _ in 0..16 {
            scope.spawn(|| {
                while !stop.load(std::sync::atomic::Ordering::Relaxed) {
                    std::hint::spin_loop();
                }
            });
        }
        let crowded = call(&script, &message("hello"));
        stop.store(true, std::sync::atomic::Ordering::Relaxed);
        crowded.result.unwrap();
    });
}

#[test]
fn all_memories_are_summed() {
    let fault = fault(
        &Guest::new().handle("(loop $again (drop (memory.grow (i32.const 100))) (br $again)) unreachable"),
    );
    assert_eq!(fault.code, Code::LimitMemory);
    assert!(fault.text.ends_with("it may have 65536 KiB"), "{}", fault.text);
}

#[test]
fn a_memory_that_begins_too_large_is_no_way_around() {
    let limits = Limits { memory: 400 * 1024, ..Limits::default() };
    let guest = Guest::new().build();
    let fault = call(&scripted(&guest, "guest", 0, limits), &message("hello")).result.unwrap_err();
    assert_eq!(fault.code, Code::LimitMemory);
}

#[test]
fn tables_are_bounded() {
    let guest = Guest::new()
        .item("(table $t 1 funcref)")
        .handle("(drop (table.grow $t (ref.null func) (i32.const 1000000))) i32.const 64");
    // The pool's own bound says no, or the script's does.
    match report(&guest).result {
        Ok(_) => {}
        Err(fault) => assert_eq!(fault.code, Code::LimitTables),
    }
}

#[test]
fn recursion_without_end_is_the_stack() {
    let guest = Guest::new().item("(func $deeper (call $deeper))").handle("(call $deeper) i32.const 64");
    let fault = fault(&guest);
    assert_eq!(fault.code, Code::LimitStack);
    assert!(fault.backtrace.unwrap().contains("deeper"));
}

#[test]
fn a_stack_pointer_that_wrapped_around_is_the_stack_too() {
    let guest = Guest::new().handle("(i32.store (i32.const -64) (i32.const 1)) i32.const 64");
    assert_eq!(fault(&guest).code, Code::LimitStack);
    let elsewhere = Guest::new().handle("(i32.store (i32.const 100000000) (i32.const 1)) i32.const 64");
    assert_eq!(fault(&elsewhere).code, Code::ScriptTrap);
}

#[test]
fn limits_hold_without_a_pool_too() {
    let engine = Engine::new(EngineConfig { pool: false, ..EngineConfig::default() }).unwrap();
    assert_eq!(engine.allocation(), Allocation::OnDemand);
    let recursive = Guest::new()
        .item("(func $deeper (param $at i32) (i32.store (local.get $at) (i32.const 1))
                 (call $deeper (i32.sub (local.get $at) (i32.const 1024))) (i32.store (local.get $at) (i32.const 2)))")
        .handle("(call $deeper (i32.const 65536)) i32.const 64");
    let growing =
        Guest::new().handle("(loop $again (drop (memory.grow (i32.const 100))) (br $again)) unreachable");
    let spinning = Guest::new().handle("(loop $again (br $again)) unreachable");
    for (guest, code) in
        [(recursive, Code::LimitStack), (growing, Code::LimitMemory), (spinning, Code::LimitDeadline)]
    {
        let limits = Limits::default();
        let release = engine.admit(&name("guest"), &guest.build(), &ImportGrants::ALL, &limits).unwrap();
        let settings = SettingsLayers::default();
        let script =
            Script::new(name("guest"), release, 0, InstancePolicy::Fresh, limits, Vec::new(), settings);
        let fault = engine.call(&script, &message("hello"), context()).result.unwrap_err();
        assert_eq!(fault.code, code, "{fault}");
    }
}

#[test]
fn a_trap_names_what_happened_and_where() {
    let guest = Guest::new()
        .item("(func $divide (result i32) (i32.div_u (i32.const 1) (i32.const 0)))")
        .handle("(drop (call $divide)) i32.const 64");
    let fault = fault(&guest);
    assert_eq!((fault.code, fault.text.as_str()), (Code::ScriptTrap, "integer divide by zero"));
    let backtrace = fault.backtrace.unwrap();
    assert!(backtrace.lines().count() <= 20 && backtrace.contains("divide"), "{backtrace}");
}

#[test]
fn an_error_of_the_script_is_its_own_and_bounded() {
    let guest = Guest::new().item(r#"(data (i32.const 1024) "I would rather not")"#).handle(
        "(i32.store8 (i32.const 128) (i32.const 1))
             (i32.store (i32.const 132) (i32.const 1024))
             (i32.store (i32.const 136) (i32.const 18)) i32.const 128",
    );
    let fault = fault(&guest);
    assert_eq!((fault.code, fault.text.as_str()), (Code::ScriptError, "I would rather not"));
    let long = Guest::new().handle(
        "(i32.store8 (i32.const 128) (i32.const 1))
         (i32.store (i32.const 132) (i32.const 1024))
         (i32.store (i32.const 136) (i32.const 60000)) i32.const 128",
    );
    let report = call(&script(&long.build()), &message("hello"));
    assert!(report.result.unwrap_err().text.len() < 2_100);
}

#[test]
fn what_is_handed_to_the_host_is_bounded_over_all_calls() {
    let log = r#""mynah:script/log@0.1.0" "log" (func $log (param i32 i32 i32))"#;
    let guest = Guest::new().import(log).handle(
        "(loop $again (call $log (i32.const 1) (i32.const 0) (i32.const 60000)) (br $again)) unreachable",
    );
    let report = report(&guest);
    assert_eq!(report.result.unwrap_err().code, Code::LimitHostCalls);
    assert!(report.log.iter().map(|line| line.text.len()).sum::<usize>() <= Limits::default().log);
    assert!(report.log_cut > 0);

    let random = r#""mynah:script/random@0.1.0" "bytes" (func $bytes (param i32 i32))"#;
    let guest =
        Guest::new().import(random).handle("(call $bytes (i32.const 65537) (i32.const 128)) i32.const 64");
    assert_eq!(fault(&guest).code, Code::LimitHostCalls);
}

#[test]
fn a_result_that_points_nowhere_is_not_the_contract() {
    for address in ["-8", "3", "100000000"] {
        let fault = fault(&Guest::new().handle(&format!("i32.const {address}")));
        assert!(matches!(fault.code, Code::ScriptAnswer | Code::ScriptTrap), "{address}: {fault}");
    }
}
