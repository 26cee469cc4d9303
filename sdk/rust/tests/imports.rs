//! What the rules that ship import: what they use, and what Rust's standard library brings along.

#[path = "../../../host/mynah/src/guest_build.rs"]
#[expect(
    dead_code,
    unreachable_pub,
    reason = "the one way to build scripts, of which this test needs one function"
)]
mod guest_build;

use std::fs;
use std::path::Path;

use guest_build::GuestBuild;
use wasmparser::{BinaryReaderError, ComponentTypeRef, Parser, Payload};

/// What the standard library imports for any guest, used or not: a panic's message and an exit code. Nothing
/// of `wasi:filesystem`, `wasi:sockets`, `wasi:clocks` or `wasi:random`.
const STANDARD_LIBRARY: [&str; 13] = [
    "wasi:cli/environment@0.2.6",
    "wasi:cli/exit@0.2.6",
    "wasi:cli/stderr@0.2.6",
    "wasi:cli/stdin@0.2.6",
    "wasi:cli/stdout@0.2.6",
    "wasi:cli/terminal-input@0.2.6",
    "wasi:cli/terminal-output@0.2.6",
    "wasi:cli/terminal-stderr@0.2.6",
    "wasi:cli/terminal-stdin@0.2.6",
    "wasi:cli/terminal-stdout@0.2.6",
    "wasi:io/error@0.2.6",
    "wasi:io/poll@0.2.6",
    "wasi:io/streams@0.2.6",
];

/// Each rule, and the interfaces of the contract that it uses.
const RULES: [(&str, &[&str]); 4] = [
    ("group-guard", &["config", "kv", "kv-types", "patterns", "types"]),
    ("keyword-reply", &["config", "kv", "kv-types", "patterns", "random", "types"]),
    ("ping", &["types"]),
    ("welcome", &["config", "types"]),
];

#[test]
fn a_rule_imports_what_it_uses_and_nothing_else() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let target_dir = Path::new(env!("CARGO_TARGET_TMPDIR")).join("../guests");
    let build = GuestBuild {
        manifest: root.join("Cargo.toml"),
        packages: RULES.map(|(name, _)| name.to_owned()).into(),
        examples: false,
        target_dir,
        color: false,
    };
    let mut built = build.run(|_| ()).unwrap_or_else(|error| panic!("{error}"));
    built.sort_by(|a, b| a.name.cmp(&b.name));
    let names: Vec<&str> = built.iter().map(|component| component.name.as_str()).collect();
    assert_eq!(names, RULES.map(|(name, _)| name));

    for (component, (name, used)) in built.iter().zip(RULES) {
        let contract = used.iter().map(|interface| format!("mynah:script/{interface}@0.1.0"));
        let mut expected: Vec<String> = contract.chain(STANDARD_LIBRARY.map(Into::into)).collect();
        expected.sort();
        assert_eq!(imports(&fs::read(&component.file).unwrap()).unwrap(), expected, "{name}");
    }
}

/// The names of the interfaces that a component imports, in order.
fn imports(component: &[u8]) -> Result<Vec<String>, BinaryReaderError> {
    let mut names = Vec::new();
    let mut depth = 0;
    for payload in Parser::new(0).parse_all(component) {
        match payload? {
            Payload::ModuleSection { .. } | Payload::ComponentSection { .. } => depth += 1,
            Payload::End(_) => depth -= 1,
            Payload::ComponentImportSection(section) if depth == 0 => {
                for import in section {
                    let import = import?;
                    if matches!(import.ty, ComponentTypeRef::Instance(_)) {
                        names.push(import.name.name.to_owned());
                    }
                }
            }
            _ => {}
        }
    }
    names.sort();
    Ok(names)
}
