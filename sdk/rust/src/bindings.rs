//! The contract as Rust: generated from `wit/v0.1`, for wasm and natively alike, so that a rule's unit
//! tests use the very types that the rule is built with. Natively the imported functions are not called:
//! the fake host of [`crate::testing`] stands in for them.

#![expect(missing_docs, reason = "the generator documents items, but not the glue between them")]

wit_bindgen::generate!({
    path: "../../wit/v0.1",
    world: "script",
    additional_derives: [PartialEq],
    pub_export_macro: true,
    default_bindings_module: "mynah_sdk::bindings",
});
