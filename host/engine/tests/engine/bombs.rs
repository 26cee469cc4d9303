//! Few bytes that unfold into many: each is bounded by what it would become, not by its own size.

use mynah_model::refusal::Code;

use crate::guest::Guest;
use crate::unfolding::{
    bundles, capturing, components_within_components, doubling, functions_in_instances, heavy_function,
    types_within_types, unfolding_name,
};
use crate::world::{admit, call, message, script};

#[test]
fn components_within_components_are_counted_before_they_unfold() {
    // Were it unfolded, this would take the memory and the time of 2^60 instances.
    let refusal = admit(&doubling(60)).unwrap_err();
    assert_eq!(
        refusal.to_string(),
        "limit.instances: the component has 121 instances of components to make; it may have 64"
    );
    assert_eq!(
        admit(&doubling(20)).unwrap_err().to_string(),
        "limit.instances: the component unfolds into more than 64 instances of components"
    );
    // A few are let through, to be told what else is missing.
    assert_eq!(admit(&doubling(3)).unwrap_err().code, Code::ContractMismatch);
}

#[test]
fn what_is_named_many_times_in_instances_or_captured_by_components_is_counted_before_it_is_copied() {
    for bytes in [bundles(40), capturing(60), functions_in_instances(2_000)] {
        let refusal = admit(&bytes).unwrap_err();
        assert_eq!(
            refusal.to_string(),
            "limit.instances: the component unfolds into instances within instances of more than 100000 things"
        );
    }
    for bytes in [bundles(3), capturing(3), functions_in_instances(20)] {
        assert_eq!(admit(&bytes).unwrap_err().code, Code::ContractMismatch);
    }
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
fn types_that_hold_instances_are_counted_before_they_unfold() {
    let types: String = (1..40)
        .map(|level| {
            let below = level - 1;
            format!(
                "(type $t{level} (instance (alias outer 1 $t{below} (type $b)) (export \"a\" (instance (type $b)))
                    (export \"b\" (instance (type $b)))))"
            )
        })
        .collect();
    let text = format!("(component (type $t0 (instance)) {types})");
    assert_eq!(
        admit(&wat::parse_str(text).unwrap()).unwrap_err().to_string(),
        "limit.instances: the component has 78 instances in its types; it may have 12"
    );
}

#[test]
fn types_of_components_around_are_named_a_few_times_at_most() {
    // Each time takes 15 ms, for a type of which eighteen lines are written.
    let types: String =
        (1..18).map(|level| format!("(type $t{level} (tuple $t{0} $t{0}))", level - 1)).collect();
    let within = |names: &str| {
        let text = format!("(component (type $t0 (tuple u8 u8)) {types} {names})");
        admit(&wat::parse_str(text).unwrap()).unwrap_err().to_string()
    };
    let refusal = "limit.instances: the component has 65 types of components around; it may have 64";
    let aliases = |count: u32| format!("(alias outer {count} $t17 (type))").repeat(65);
    assert_eq!(within(&format!("(component {})", aliases(1))), refusal);
    assert_eq!(within(&format!("(type (component {}))", aliases(1))), refusal);
    assert_eq!(within(&format!("(component (type (instance {})))", aliases(2))), refusal);
    // An instance's type is no border.
    assert!(within(&format!("(type (instance {}))", aliases(1))).starts_with("contract.mismatch"));
}

#[test]
fn what_is_written_counts_even_if_no_instance_is_made_of_it() {
    let wrapped = |inner: &str, times: usize| {
        let text = format!("(component (component (component $c) (core module $m) {}))", inner.repeat(times));
        admit(&wat::parse_str(text).unwrap()).unwrap_err().to_string()
    };
    for (inner, times, says) in [
        ("(component)", 126, "129 components in all; it may have 128"),
        ("(instance (instantiate $c))", 65, "65 instances of components to make; it may have 64"),
        ("(core instance (instantiate $m))", 129, "129 core instances to make; it may have 128"),
    ] {
        assert_eq!(wrapped(inner, times), format!("limit.instances: the component has {says}"));
        assert!(wrapped(inner, times - 1).starts_with("contract.mismatch"));
    }
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
