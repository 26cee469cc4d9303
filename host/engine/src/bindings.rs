//! The script contract as Rust types, made from `wit/v0.1` when this crate is compiled.

wasmtime::component::bindgen!({
    path: "../../wit/v0.1",
    world: "script",
    imports: { default: trappable },
});
