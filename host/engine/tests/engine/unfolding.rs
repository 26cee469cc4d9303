//! Components of few bytes that would become many.

use std::fmt::Write;

/// A component in which each of so many levels makes two instances of the level below.
pub(crate) fn doubling(levels: usize) -> Vec<u8> {
    let mut text =
        String::from("(component (component $c0 (core module $m) (core instance (instantiate $m)))");
    for level in 1..=levels {
        let below = level - 1;
        write!(
            text,
            "(component $c{level} (alias outer 1 $c{below} (component $below))
                (instance (instantiate $below)) (instance (instantiate $below)))"
        )
        .unwrap();
    }
    write!(text, "(instance (instantiate $c{levels})))").unwrap();
    wat::parse_str(text).unwrap()
}

/// Instances each of which holds the one before twice.
pub(crate) fn bundles(levels: usize) -> Vec<u8> {
    let mut text = String::from("(component (instance $i0)");
    for level in 1..levels {
        let below = level - 1;
        write!(
            text,
            "(instance $i{level} (export \"a\" (instance $i{below})) (export \"b\" (instance $i{below})))"
        )
        .unwrap();
    }
    write!(text, "(export \"x\" (instance $i{})))", levels - 1).unwrap();
    wat::parse_str(text).unwrap()
}

/// Components each of which captures the one before twice, and of which no instance is made.
pub(crate) fn capturing(levels: usize) -> Vec<u8> {
    let mut text = String::from("(component (component $c0)");
    for level in 1..=levels {
        let below = level - 1;
        write!(
            text,
            "(component $c{level} (alias outer 1 $c{below} (component)) (alias outer 1 $c{below} (component)))"
        )
        .unwrap();
    }
    wat::parse_str(text + ")").unwrap()
}

/// An instance that gives so many functions, in as many instances.
pub(crate) fn functions_in_instances(functions: usize) -> Vec<u8> {
    let mut text = String::from(
        "(component (core module $m (func (export \"f\"))) (core instance $i (instantiate $m))
            (func $f (canon lift (core func $i \"f\"))) (instance $functions",
    );
    for name in 0..functions {
        write!(text, "(export \"f{name}\" (func $f))").unwrap();
    }
    text.push(')');
    for _ in 0..functions {
        text.push_str("(instance (export \"a\" (instance $functions)))");
    }
    wat::parse_str(text + ")").unwrap()
}

/// A C++ name for `f(X<int, int>, X<X<int, int>, X<int, int>>, ...)`: each level is twice as long as the one before.
pub(crate) fn unfolding_name(levels: usize) -> String {
    let mut name = String::from("_Z1f1XIiiE");
    for level in 0..levels {
        let before = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ".chars().nth(level).unwrap();
        write!(name, "S_IS{before}_S{before}_E").unwrap();
    }
    name
}

/// A section of a component or module.
fn section(id: u8, content: &[u8]) -> Vec<u8> {
    let mut len = content.len();
    let mut bytes = vec![id];
    while len > 0x7f {
        bytes.push((len & 0x7f) as u8 | 0x80);
        len >>= 7;
    }
    bytes.push(len as u8);
    bytes.extend_from_slice(content);
    bytes
}

const HEADER: &[u8] = b"\0asm\x0d\0\x01\0";

/// So many types, each of which holds the next: of components (0x41) or of instances (0x42).
pub(crate) fn types_within_types(lead: u8, levels: usize) -> Vec<u8> {
    let types = [[1].as_slice(), &[lead, 1, 1].repeat(levels), &[lead, 0]].concat();
    [HEADER, &section(7, &types)].concat()
}

/// So many components, each of which holds the next.
pub(crate) fn components_within_components(levels: usize) -> Vec<u8> {
    (0..levels).fold(HEADER.to_vec(), |inner, _| [HEADER, &section(4, &inner)].concat())
}

/// The text of a function with so many locals, all of which live over as many branches.
pub(crate) fn heavy_function(locals: usize) -> String {
    let load: String =
        (0..locals).map(|it| format!("(local.set {it} (i32.load (i32.const {it})))")).collect();
    let branches: String = (0..locals)
        .map(|it| {
            let other = (it * 7) % locals;
            format!("(if (local.get {it}) (then (local.set {other} (local.get {it}))))")
        })
        .collect();
    format!("(func (local {}) {load} {branches})", "i32 ".repeat(locals))
}
