//! Few bytes that unfold into many: each is bounded by what it would become, not by its own size.

use std::fmt::Write;

use mynah_model::refusal::Code;

use crate::guest::Guest;
use crate::unfolding::{
    components_within_components, doubling, heavy_function, types_within_types, unfolding_name,
};
use crate::world::{admit, call, message, script};

#[test]
fn components_within_components_are_counted_before_they_unfold() {
    // Were it unfolded, this would take the memory and the time of 2^60 instances.
    let refusal = admit(&doubling(60)).unwrap_err();
    assert_eq!(
        refusal.to_string(),
        "limit.instances: the component has 121 instances of components and within instances; it may have 12"
    );
    // A few are let through, to be told what else is missing.
    assert_eq!(admit(&doubling(3)).unwrap_err().code, Code::ContractMismatch);
}

#[test]
fn a_function_whose_name_unfolds_without_end_costs_no_more_than_another() {
    let guest = Guest::new()
        .item(&format!("(func $x (@name \"{}\") unreachable)", unfolding_name(36)))
        .handle("(call $x) i32.const 64");
    let fault = call(&script(&guest.build()), &message("hello")).result.unwrap_err();
    assert_eq!(
        (fault.code, fault.text.as_str()),
        (Code::ScriptTrap, "wasm `unreachable` instruction executed")
    );
    let backtrace = fault.backtrace.unwrap();
    assert!(backtrace.contains("_Z1f1XIiiES_IS0_S0_E"), "as it stands: {backtrace}");
}

#[test]
fn names_in_a_backtrace_are_cut() {
    let guest = Guest::new()
        .item(&format!("(func $x (@name \"{}\") unreachable)", "蛇".repeat(30_000)))
        .handle("(call $x) i32.const 64");
    let fault = call(&script(&guest.build()), &message("hello")).result.unwrap_err();
    let backtrace = fault.backtrace.unwrap();
    assert!(backtrace.contains("蛇蛇") && backtrace.len() < 1_000, "{}", backtrace.len());
}

#[test]
fn imports_are_bounded_in_number_and_length() {
    let long = format!("(component (import \"a:{}/c\" (instance)))", "b".repeat(90_000));
    let many: String = (0..1_000).map(|it| format!("(import \"a:b/c{it}\" (instance))")).collect();
    for (text, says) in
        [(long, "has 90004 bytes; it may have 200"), (format!("(component {many})"), "more than 200")]
    {
        let refusal = admit(&wat::parse_str(text).unwrap()).unwrap_err();
        assert_eq!(refusal.code, Code::ComponentInvalid);
        assert!(refusal.text.contains(says) && refusal.text.len() < 300, "{refusal}");
    }
}

#[test]
fn types_within_types_end_before_the_stack_of_whoever_reads_them() {
    for levels in [17, 1_000, 1_000_000] {
        for lead in [0x41, 0x42] {
            let refusal = admit(&types_within_types(lead, levels)).unwrap_err();
            assert_eq!(refusal.code, Code::ComponentInvalid);
            assert!(refusal.text.contains("more than 16 deep"), "{refusal}");
        }
    }
}

#[test]
fn components_within_components_end_at_a_depth() {
    let refusal = admit(&components_within_components(5_000)).unwrap_err();
    assert!(refusal.text.contains("more than 16 deep"), "{refusal}");
}

#[test]
fn instances_of_instances_are_counted_before_they_unfold() {
    let mut text = String::from("(component (instance $i0)");
    for level in 1..40 {
        let below = level - 1;
        write!(
            text,
            "(instance $i{level} (export \"a\" (instance $i{below})) (export \"b\" (instance $i{below})))"
        )
        .unwrap();
    }
    text.push_str("(export \"x\" (instance $i39)))");
    let refusal = admit(&wat::parse_str(text).unwrap()).unwrap_err();
    assert_eq!(refusal.code, Code::LimitInstances, "{refusal}");
    let types: String = (1..40)
        .map(|level| {
            let below = level - 1;
            format!(
                "(type $t{level} (instance (alias outer 1 $t{below} (type $b)) (export \"a\" (instance (type $b)))
                    (export \"b\" (instance (type $b)))))"
            )
        })
        .collect();
    let text = format!("(component (type $t0 (instance)) {types} (import \"a:b/c\" (instance (type $t39))))");
    let refusal = admit(&wat::parse_str(text).unwrap()).unwrap_err();
    assert_eq!(refusal.code, Code::ImportUnknown, "{refusal}");
}

#[test]
fn a_function_that_takes_minutes_to_compile_is_refused_before() {
    let guest = |locals| Guest::new().item(&heavy_function(locals)).build();
    admit(&guest(300)).unwrap();
    let refusal = admit(&guest(10_000)).unwrap_err();
    assert_eq!(refusal.code, Code::LimitSize);
    assert!(refusal.text.starts_with("a function has 100000000 pairs"), "{refusal}");
    let many = Guest::new().item(&heavy_function(1_000).repeat(21)).build();
    let refusal = admit(&many).unwrap_err();
    assert!(refusal.text.starts_with("the component has 21000000 pairs"), "{refusal}");
}
