//! What is not a script is refused, with a code and a text that name what is wrong.

use mynah_engine::{ImportGrants, Limits};
use mynah_model::refusal::{Code, Refusal};
use mynah_model::roster::Role;
use mynah_model::script::{Command, Filter, ScriptInfo};
use proptest::prelude::*;

use crate::guest::{Guest, wants};
use crate::world::{admit, engine, name};

fn refused(component: &[u8]) -> Refusal {
    admit(component).unwrap_err()
}

fn wat(text: &str) -> Vec<u8> {
    wat::parse_str(text).unwrap()
}

#[test]
fn a_script_says_what_it_is() {
    let command = Command {
        name: "roll".into(),
        aliases: vec!["r".into(), "骰子".into()],
        usage: "<dice>".into(),
        help: "throws dice".into(),
        role: Role::Admin,
    };
    let filter =
        Filter { commands: vec!["roll".into()], pattern_sets: vec!["words".into()], ..Filter::default() };
    let info = ScriptInfo { settings_schema: Some("{}".into()), ..wants(vec![filter], vec![command]) };
    let release = admit(&Guest::new().info(info.clone()).build()).unwrap();
    assert_eq!(release.info, info);
    assert_eq!(release.id.hex().len(), 64);
    assert!(
        release.imports.iter().all(|import| import.starts_with("mynah:script/")),
        "{:?}",
        release.imports
    );
}

#[test]
fn what_is_not_a_whole_component_is_named() {
    let whole = Guest::new().build();
    let cases: [(&[u8], &str); 5] = [
        (b"", "the file is empty"),
        (b"#!/bin/sh", "the file is not WebAssembly"),
        (b"\0asm", "before it is complete"),
        (&wat("(module)"), "a plain WebAssembly module"),
        (&whole[..whole.len() / 2], "before it is complete"),
    ];
    for (bytes, text) in cases {
        let refusal = refused(bytes);
        assert_eq!(refusal.code, Code::ComponentInvalid, "{refusal}");
        assert!(refusal.text.contains(text), "{refusal}");
    }
}

#[test]
fn a_component_that_is_too_large_is_not_even_read() {
    let limits = Limits { component: 100, ..Limits::default() };
    let refusal = engine().admit(&name("guest"), &[0; 101], &ImportGrants::ALL, &limits).unwrap_err();
    assert_eq!(refusal.to_string(), "limit.size: the component has 101 bytes; it may have 100");
}

#[test]
fn imports_are_refused_by_name_before_anything_is_compiled() {
    for (import, code) in [
        ("wasi:filesystem/types@0.2.6", Code::ImportRefused),
        ("wasi:sockets/tcp@0.2.0", Code::ImportRefused),
        ("wasi:http/outgoing-handler@0.2.0", Code::ImportRefused),
        ("example:magic/wand", Code::ImportUnknown),
        ("mynah:script/kv@0.7.0", Code::ContractMismatch),
    ] {
        let refusal = refused(&wat(&format!(r#"(component (import "{import}" (instance)))"#)));
        assert_eq!(refusal.code, code, "{refusal}");
        assert!(refusal.text.contains(import), "{refusal}");
    }
}

#[test]
fn an_import_that_is_not_granted_keeps_the_script_out_and_the_line_that_grants_it_is_given() {
    let guest = Guest::new()
        .import(r#""mynah:script/roster@0.1.0" "me" (func $me (param i32))"#)
        .handle("(call $me (i32.const 128)) i32.const 64")
        .build();
    let none = ImportGrants { kv: false, ..ImportGrants::default() };
    let refusal = engine().admit(&name("guest"), &guest, &none, &Limits::default()).unwrap_err();
    assert_eq!(refusal.code, Code::ImportNotGranted);
    assert_eq!(refusal.hint.unwrap(), r#"add `imports = ["roster"]` under `[script.guest]` in mynah.toml"#);
    admit(&guest).unwrap();
}

#[test]
fn a_contract_that_differs_is_named_with_the_sdk_that_fits() {
    let refusal = refused(&wat("(component)"));
    assert_eq!(refusal.code, Code::ContractMismatch);
    assert!(refusal.text.contains("`describe`"), "{refusal}");
    assert!(refusal.hint.unwrap().contains("mynah-sdk 0.1"));

    let wrong_import = r#"(component
        (import "mynah:script/clock@0.1.0" (instance (export "now" (func (result string)))))
        (core module $m (func (export "f")))
        (core instance $i (instantiate $m))
        (func (export "describe") (canon lift (core func $i "f")))
        (func (export "handle") (canon lift (core func $i "f"))))"#;
    let refusal = refused(&wat(wrong_import));
    assert_eq!(refusal.code, Code::ContractMismatch);
    assert!(refusal.text.contains("clock") && refusal.text.contains("now"), "{refusal}");

    let wrong_export = r#"(component
        (core module $m (func (export "f")))
        (core instance $i (instantiate $m))
        (func (export "describe") (canon lift (core func $i "f")))
        (func (export "handle") (canon lift (core func $i "f"))))"#;
    let refusal = refused(&wat(wrong_export));
    assert_eq!(refusal.code, Code::ContractMismatch);
    assert!(refusal.text.contains("describe"), "{refusal}");
}

#[test]
fn a_start_function_is_bounded_like_everything_else() {
    let start = |body: &str| Guest::new().item(&format!("(func $start {body}) (start $start)")).build();
    let quick = Limits { describe_deadline: std::time::Duration::from_millis(30), ..Limits::default() };
    for (body, text) in [
        ("unreachable", "script.trap"),
        ("(loop $again (br $again))", "limit.deadline"),
        ("(drop (memory.grow (i32.const 2000)))", "limit.memory"),
    ] {
        let refusal = engine().admit(&name("guest"), &start(body), &ImportGrants::ALL, &quick).unwrap_err();
        assert_eq!(refusal.code, Code::DescribeFailed);
        assert!(refusal.text.contains(text), "{body}: {refusal}");
    }
}

#[test]
fn describe_has_no_state_no_roster_and_no_settings() {
    for (import, call) in [
        (
            r#""mynah:script/kv@0.1.0" "get" (func $f (param i32 i32 i32))"#,
            "(call $f (i32.const 0) (i32.const 1) (i32.const 8))",
        ),
        (r#""mynah:script/roster@0.1.0" "me" (func $f (param i32))"#, "(call $f (i32.const 8))"),
        (
            r#""mynah:script/config@0.1.0" "get" (func $f (param i32 i32 i32))"#,
            "(call $f (i32.const 0) (i32.const 0) (i32.const 8))",
        ),
    ] {
        let refusal = refused(&Guest::new().import(import).describe(&format!("{call} unreachable")).build());
        assert_eq!(refusal.code, Code::DescribeFailed);
        assert!(refusal.text.contains("is not there in `describe`"), "{refusal}");
    }
}

#[test]
fn what_a_script_says_of_itself_is_checked() {
    let command = |name: &str| Command {
        name: name.into(),
        aliases: Vec::new(),
        usage: String::new(),
        help: String::new(),
        role: Role::Member,
    };
    let wanting = Filter { commands: vec!["rol".into()], ..Filter::default() };
    for (info, text) in [
        (wants(vec![], vec![command("two words")]), "`two words` is not one word"),
        (wants(vec![], vec![command("/roll")]), "is not one word without `/`"),
        (
            wants(vec![wanting], vec![command("roll")]),
            "wants the command `rol`, which is not among its commands",
        ),
        (wants(vec![Filter::default(); 201], vec![]), "its wants are 201; there may be 200"),
        (
            ScriptInfo { summary: "x".repeat(2_049), ..ScriptInfo::default() },
            "its summary has 2049 bytes; it may have 2048",
        ),
        (
            ScriptInfo { settings_schema: Some(" ".repeat(65_537)), ..ScriptInfo::default() },
            "its settings-schema has 65537 bytes; it may have 65536",
        ),
        (ScriptInfo { settings_schema: Some("[]".into()), ..ScriptInfo::default() }, "not a JSON object"),
    ] {
        let refusal = refused(&Guest::new().info(info).build());
        assert_eq!(refusal.code, Code::DescribeFailed);
        assert!(refusal.text.contains(text), "{refusal}");
    }
}

#[test]
fn too_many_memories_and_tables_are_counted_before_an_instance_is_made() {
    let memories: String = (0..5).map(|_| "(core instance (instantiate $m))").collect();
    let text = format!("(component (core module $m (memory 1)) {memories})");
    let refusal = refused(&wat(&text));
    assert_eq!(refusal.code, Code::LimitInstances, "{refusal}");
    let tables: String = (0..9).map(|_| "(core instance (instantiate $m))").collect();
    let text = format!("(component (core module $m (table 1 funcref)) {tables})");
    assert_eq!(refused(&wat(&text)).code, Code::LimitInstances);
    let instances: String = (0..200).map(|_| "(core instance (instantiate $m))").collect();
    let text = format!("(component (core module $m) {instances})");
    assert_eq!(refused(&wat(&text)).code, Code::LimitInstances);
}

#[test]
fn a_table_beyond_all_bounds_is_a_limit_and_no_damage() {
    let refusal = refused(&wat(
        "(component (core module $m (table 5000000 funcref)) (core instance (instantiate $m)))",
    ));
    assert_eq!(refusal.code, Code::LimitTables, "{refusal}");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn any_bytes_are_refused_and_nothing_worse(bytes in proptest::collection::vec(any::<u8>(), 0..300), headed: bool) {
        let bytes = if headed { [b"\0asm\x0d\0\x01\0".as_slice(), &bytes].concat() } else { bytes };
        let _ = admit(&bytes);
    }

    #[test]
    fn a_damaged_component_is_refused_or_runs_and_nothing_worse(cut in 0.0..1.0_f64, place in 0.0..1.0_f64, byte: u8) {
        let mut bytes = Guest::new().build();
        let place = (place * bytes.len() as f64) as usize;
        bytes[place] = byte;
        bytes.truncate((cut * 2.0 * bytes.len() as f64) as usize + 1);
        let _ = admit(&bytes);
    }
}
