//! The hostile components that are not written in Rust, and the files that are no components.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use mynah_model::roster::Role;
use mynah_model::script::{Command, Filter, ScriptInfo};

use super::guest::{Guest, wants};
use super::unfolding;

/// What a guest does with each event but nothing: the result `ok` with an empty list.
const NOTHING: &str = "i32.const 64";

fn wat(text: &str) -> Vec<u8> {
    wat::parse_str(text).unwrap()
}

pub(super) fn quiet() -> Vec<u8> {
    Guest::new().build()
}

pub(super) fn module() -> Vec<u8> {
    wat("(module (func (export \"handle\")))")
}

pub(super) fn half() -> Vec<u8> {
    let mut whole = quiet();
    whole.truncate(whole.len() / 2);
    whole
}

/// The first bit of what follows the header: the id of the first section.
pub(super) fn flipped() -> Vec<u8> {
    let mut bytes = quiet();
    bytes[8] ^= 0x80;
    bytes
}

pub(super) fn hundred_megabytes(path: &Path) {
    let file = fs::File::create(path).unwrap();
    file.set_len(100 << 20).unwrap();
}

pub(super) fn folder(path: &Path) {
    fs::create_dir(path).unwrap();
}

pub(super) fn device(path: &Path) {
    symlink("/dev/zero", path).unwrap();
}

pub(super) fn link(path: &Path) {
    symlink("/etc/passwd", path).unwrap();
}

pub(super) fn pipe(path: &Path) {
    assert!(std::process::Command::new("mkfifo").arg(path).status().unwrap().success());
}

pub(super) fn doubling() -> Vec<u8> {
    unfolding::doubling(60)
}

pub(super) fn nested_types() -> Vec<u8> {
    unfolding::types_within_types(0x42, 1_000_000)
}

pub(super) fn nested_components() -> Vec<u8> {
    unfolding::components_within_components(5_000)
}

pub(super) fn bundles() -> Vec<u8> {
    unfolding::bundles(40)
}

pub(super) fn capturing() -> Vec<u8> {
    unfolding::capturing(60)
}

pub(super) fn functions_in_instances() -> Vec<u8> {
    unfolding::functions_in_instances(2_000)
}

pub(super) fn types_around() -> Vec<u8> {
    let types: String =
        (1..18).map(|level| format!("(type $t{level} (tuple $t{0} $t{0}))", level - 1)).collect();
    let names = "(alias outer 1 $t17 (type))".repeat(10_000);
    wat(&format!("(component (type $t0 (tuple u8 u8)) {types} (component {names}))"))
}

pub(super) fn pairs() -> Vec<u8> {
    let types: String =
        (1..=40).map(|level| format!("(type $t{level} (tuple $t{0} $t{0}))", level - 1)).collect();
    wat(&format!("(component (type $t0 (tuple u8 u8)) {types})"))
}

pub(super) fn modules() -> Vec<u8> {
    wat(&format!("(component {})", "(core module)".repeat(1_001)))
}

pub(super) fn instances() -> Vec<u8> {
    wat(&format!("(component (core module $m) {})", "(core instance (instantiate $m))".repeat(200)))
}

pub(super) fn memories() -> Vec<u8> {
    wat(&format!("(component (core module $m (memory 1)) {})", "(core instance (instantiate $m))".repeat(5)))
}

pub(super) fn tables() -> Vec<u8> {
    wat(&format!(
        "(component (core module $m (table 1 funcref)) {})",
        "(core instance (instantiate $m))".repeat(9)
    ))
}

pub(super) fn large_table() -> Vec<u8> {
    wat("(component (core module $m (table 5000000 funcref)) (core instance (instantiate $m)))")
}

pub(super) fn large_memory() -> Vec<u8> {
    Guest::new().pages(65_536).build()
}

pub(super) fn functions() -> Vec<u8> {
    let functions: String = (0..10_000).map(|it| format!("(func (export \"f{it}\"))")).collect();
    Guest::new().item(&functions).build()
}

pub(super) fn heavy() -> Vec<u8> {
    Guest::new().item(&unfolding::heavy_function(10_000)).build()
}

pub(super) fn types() -> Vec<u8> {
    let types: String = (0..10_000).map(|it| format!("(type (record (field \"f{it}\" u8)))")).collect();
    wat(&format!("(component {types})"))
}

pub(super) fn importing(name: &str) -> Vec<u8> {
    wat(&format!("(component (import \"{name}\" (instance)))"))
}

pub(super) fn importing_module() -> Vec<u8> {
    wat("(component (import \"mynah:script/kv@0.1.0\" (core module $m)) (core instance (instantiate $m)))")
}

pub(super) fn long_import() -> Vec<u8> {
    importing(&format!("a:{}/c", "b".repeat(90_000)))
}

pub(super) fn many_imports() -> Vec<u8> {
    let imports: String = (0..1_000).map(|it| format!("(import \"a:b/c{it}\" (instance))")).collect();
    wat(&format!("(component {imports})"))
}

pub(super) fn other_clock() -> Vec<u8> {
    wat(r#"(component
        (import "mynah:script/clock@0.1.0" (instance (export "now" (func (result string)))))
        (core module $m (func (export "f")))
        (core instance $i (instantiate $m))
        (func (export "describe") (canon lift (core func $i "f")))
        (func (export "handle") (canon lift (core func $i "f"))))"#)
}

pub(super) fn other_handle() -> Vec<u8> {
    wat(r#"(component
        (core module $m (func (export "f")))
        (core instance $i (instantiate $m))
        (func (export "describe") (canon lift (core func $i "f")))
        (func (export "handle") (canon lift (core func $i "f"))))"#)
}

pub(super) fn no_exports() -> Vec<u8> {
    wat("(component)")
}

pub(super) fn roster() -> Vec<u8> {
    Guest::new()
        .import(r#""mynah:script/roster@0.1.0" "me" (func $me (param i32))"#)
        .handle(&format!("(call $me (i32.const 128)) {NOTHING}"))
        .build()
}

pub(super) fn shared() -> Vec<u8> {
    Guest::new()
        .import(r#""mynah:script/kv-shared@0.1.0" "get" (func $get (param i32 i32 i32))"#)
        .handle(&format!("(call $get (i32.const 0) (i32.const 1) (i32.const 128)) {NOTHING}"))
        .build()
}

pub(super) fn start(body: &str) -> Vec<u8> {
    Guest::new().item(&format!("(func $start {body}) (start $start)")).build()
}

pub(super) fn describe(body: &str) -> Vec<u8> {
    Guest::new().describe(body).build()
}

pub(super) fn describe_recurses() -> Vec<u8> {
    Guest::new().item("(func $deeper (call $deeper))").describe("(call $deeper) unreachable").build()
}

pub(super) fn describe_reads() -> Vec<u8> {
    Guest::new()
        .import(r#""mynah:script/kv@0.1.0" "get" (func $get (param i32 i32 i32))"#)
        .describe("(call $get (i32.const 0) (i32.const 1) (i32.const 8)) unreachable")
        .build()
}

pub(super) fn talkative() -> Vec<u8> {
    Guest::new().info(ScriptInfo { summary: "x".repeat(160_000), ..ScriptInfo::default() }).build()
}

pub(super) fn thousand_commands() -> Vec<u8> {
    let command = |number: usize| Command {
        name: format!("c{number}"),
        aliases: Vec::new(),
        usage: String::new(),
        help: String::new(),
        role: Role::Member,
    };
    Guest::new().info(wants(vec![Filter::default()], (0..1_000).map(command).collect())).build()
}

pub(super) fn namesake() -> Vec<u8> {
    Guest::new().info(ScriptInfo { name: "counter".into(), ..ScriptInfo::default() }).build()
}

pub(super) fn handle(body: &str) -> Vec<u8> {
    Guest::new().handle(body).build()
}

pub(super) fn growing_tables() -> Vec<u8> {
    let grow = |table: &str| format!("(drop (table.grow {table} (ref.null func) (i32.const 1000)))");
    Guest::new()
        .item("(table $t 1 funcref) (table $u 1 funcref)")
        .handle(&format!("(loop $again {} {} (br $again)) unreachable", grow("$t"), grow("$u")))
        .build()
}

pub(super) fn handles() -> Vec<u8> {
    Guest::new()
        .import(r#""wasi:cli/stdout@0.2.0" "get-stdout" (func $out (result i32))"#)
        .handle("(loop $again (drop (call $out)) (br $again)) unreachable")
        .build()
}

pub(super) fn unfolding_name() -> Vec<u8> {
    let name = unfolding::unfolding_name(36);
    Guest::new()
        .item(&format!("(func $x (@name \"{name}\") unreachable)"))
        .handle(&format!("(call $x) {NOTHING}"))
        .build()
}

/// Answers with an error: the text at this address, of this length.
pub(super) fn error(address: u32, len: u32) -> Vec<u8> {
    handle(&format!(
        "(i32.store8 (i32.const 128) (i32.const 1))
         (i32.store (i32.const 132) (i32.const {address}))
         (i32.store (i32.const 136) (i32.const {len})) i32.const 128"
    ))
}

pub(super) fn long_error() -> Vec<u8> {
    error(1_024, 60_000)
}

pub(super) fn not_utf8() -> Vec<u8> {
    Guest::new()
        .item(r#"(data (i32.const 1024) "\ff\fe\c0\80")"#)
        .handle(
            "(i32.store8 (i32.const 128) (i32.const 1))
             (i32.store (i32.const 132) (i32.const 1024))
             (i32.store (i32.const 136) (i32.const 4)) i32.const 128",
        )
        .build()
}

/// Answers with a list of actions: at this address, so many.
pub(super) fn list(address: u32, len: u32) -> Vec<u8> {
    handle(&format!(
        "(i32.store (i32.const 132) (i32.const {address}))
         (i32.store (i32.const 136) (i32.const {len})) i32.const 128"
    ))
}

pub(super) fn no_such_action() -> Vec<u8> {
    handle(
        "(i32.store8 (i32.const 1024) (i32.const 255))
         (i32.store (i32.const 132) (i32.const 1024))
         (i32.store (i32.const 136) (i32.const 1)) i32.const 128",
    )
}

pub(super) fn realloc(body: &str) -> Vec<u8> {
    Guest::new().realloc(body).build()
}

pub(super) fn reentrant() -> Vec<u8> {
    Guest::new()
        .import(r#""mynah:script/clock@0.1.0" "now" (func $now (result i64))"#)
        .realloc("(drop (call $now)) i32.const 1024")
        .build()
}
